//! Merges, beside git's: the same trees, the same conflicts, the same words.
#![cfg(not(target_arch = "wasm32"))]

mod commits;
mod files;
mod matrix;
mod moved;
mod random;
mod scene;
#[path = "../support/mod.rs"]
mod support;

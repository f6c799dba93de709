//! What a person is told when listing or cloning fails: one row for each condition, made on a real
//! server or by breaking one. Each has its code, its stage, and the words that say what to do.

#![cfg(not(target_arch = "wasm32"))]

mod answers;
mod refused;
mod rows;
#[path = "../support/mod.rs"]
mod support;

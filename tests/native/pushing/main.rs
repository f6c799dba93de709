//! Pushes to real servers, and to servers that break off, contradict themselves or say nothing.
//! What came of them is asked of git.
#![cfg(not(target_arch = "wasm32"))]

mod before;
mod done;
mod mirror;
mod refused;
#[path = "../support/mod.rs"]
mod support;
mod unknown;
mod world;

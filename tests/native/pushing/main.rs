//! Pushes to real servers, and to servers that break off, contradict themselves or say nothing.
//! What came of them is asked of git.
#![cfg(not(target_arch = "wasm32"))]

mod aborted;
mod before;
mod diagnosis;
mod done;
mod mirror;
mod partly;
mod refused;
mod signed;
#[path = "../support/mod.rs"]
mod support;
mod tracking;
mod unknown;
mod upstream;
mod world;

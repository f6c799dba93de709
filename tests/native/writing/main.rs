//! Objects, commits and refs written here, held against what git writes.
#![cfg(not(target_arch = "wasm32"))]

mod authors;
mod changes;
#[path = "../support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
mod meanwhile;
mod mktree;
mod names;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
mod refs;
mod signing;
mod streamed;
#[path = "../support/mod.rs"]
mod support;

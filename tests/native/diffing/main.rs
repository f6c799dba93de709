//! What differs between trees and between files, beside git-diff-tree(1) and git-diff(1), over many
//! random ones.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "../support/mod.rs"]
mod support;

mod lines;
mod stream;
mod texts;
mod trees;

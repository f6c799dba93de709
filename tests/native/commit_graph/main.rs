//! The commit-graph: its files beside git's, and as it is stored.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/faulty.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod faulty;
#[path = "../support/hasty.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod hasty;
#[path = "../support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "../support/mod.rs"]
mod support;

mod files;
mod stored;

//! Clones from a real server, and from servers that lie: a clone is whole, or there is none.
#![cfg(not(target_arch = "wasm32"))]

mod broken;
#[path = "../support/hasty.rs"]
mod hasty;
#[path = "../support/hostile_cases.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod hostile_cases;
mod made_up;
#[path = "../support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
mod pauses;
#[path = "../support/replay.rs"]
mod replay;
#[path = "../support/mod.rs"]
mod support;
mod whole;
mod world;

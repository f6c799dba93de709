//! What a server is told, round by round, beside what git tells it: the same commits in the same
//! order, from the same repository, in both protocols and with each algorithm.

#![cfg(not(target_arch = "wasm32"))]

#[path = "support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "support/mod.rs"]
mod support;

#[path = "negotiating/cost.rs"]
mod cost;
#[path = "negotiating/generated.rs"]
mod generated;
#[path = "negotiating/of_git.rs"]
mod of_git;
#[path = "negotiating/scene.rs"]
mod scene;

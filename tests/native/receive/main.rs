//! Packs of a fetch: thin ones completed, small ones taken apart, and whether what came is complete
//! together with what is stored. Git says what is right.
#![cfg(not(target_arch = "wasm32"))]

mod apart;
mod connected;
mod damage;
mod small;
mod thin;
mod world;

#[path = "../support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "../support/mod.rs"]
mod support;

//! What is packed for a push, beside `git pack-objects --revs --thin`: the same objects, in a pack
//! that git takes, of about the same size.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "../support/mod.rs"]
mod support;

mod edges;
mod exact;
mod size;
mod world;

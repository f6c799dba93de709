//! Packing a repository anew: what is kept is what git would keep, the new pack is one that git
//! accepts, readers go on all the while, and storage may fail at any moment.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/faulty.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod faulty;
mod history;
#[path = "../support/oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod oracle;
#[path = "../support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
mod storage;
#[path = "../store_support.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod support;
mod world;

mod faults;
mod kept;
mod packs;
mod readers;

//! Fetches of one kind each, beside git's where git does the same: after the cases of git's own
//! tests t5503, t5510, t5516, t5525, t5537, t5539, t5574 and t5582. Servers are real, or give the
//! answers of real ones again, cut or changed.
#![cfg(not(target_arch = "wasm32"))]

mod bench;
mod cut;
#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../support/pair.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pair;
mod prune;
mod refspecs;
#[path = "../support/replay.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod replay;
mod shallow;
mod storage;
#[path = "../support/mod.rs"]
mod support;
mod tags;
#[path = "../support/told.rs"]
mod told;
mod updates;

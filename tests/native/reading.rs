//! The reading operations over repositories that git made: what they answer is what git answers.

#![cfg(not(target_arch = "wasm32"))]

#[path = "support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "support/mod.rs"]
mod support;

#[path = "reading_log.rs"]
mod log;
#[path = "reading_merge_base.rs"]
mod merge_base;
#[path = "reading_names.rs"]
mod names;
#[path = "reading_objects.rs"]
mod objects;

//! Configuration, remotes, empty repositories and reflogs, beside what git makes of the same
//! commands.
#![cfg(not(target_arch = "wasm32"))]

#[path = "support/history.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod history;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "support/mod.rs"]
mod support;

#[path = "setup_reflog.rs"]
mod reflog;
#[path = "setup_remotes.rs"]
mod remotes;

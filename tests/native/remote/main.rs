//! The transport against scripted servers: what is sent to whom, what is done about refusals, how
//! long anything may take, and what every failure is called. Real servers are in `real.rs`.

#![cfg(not(target_arch = "wasm32"))]

mod auth;
mod cors;
mod diagnosis;
mod fetching;
mod leaks;
mod mock;
mod secrets;
mod waiting;

//! The host traits over web APIs. Wasm only.

pub mod clock;
pub mod http;
mod indexeddb;
mod locks;
pub mod storage;
pub mod threads;

//! The exports to JavaScript. Wasm only; converts and decides nothing.
//!
//! `pkg/engine.js` is the only caller. Each call gets an [`Operation`](operation::Operation), by
//! which it is cancelled and tells how far it is, and answers a promise. Promises are rejected with
//! plain data (`error`), lists are [`Cursor`](cursor::Cursor)s. Exports take `&self` and move clones
//! of `Rc`s into their futures: a borrow that lives across an await would make the next call throw.

mod convert;
pub mod cursor;
pub mod diff;
pub mod engine;
mod error;
mod fetch;
mod gc;
mod json;
pub mod merge;
mod operation;
mod options;
mod platform;
mod push;
pub mod refs;
pub mod repository;
pub mod setup;
mod value;
pub mod write;

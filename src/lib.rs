//! gitside is Git, client-side: the engine of a Git client for browsers, as a library of pure
//! machines with a thin face to the web.
//!
//! # The house
//!
//! ```text
//!    js ──────► ops, error ──────► protocol ──┐
//!     │             │   └────────► store ─────┼──► algo, format   (pure: bytes in, values out)
//!     │             └──► task        │        │
//!     └──► browser         │         │        │
//!               └──────────┴─────────┴────────┴──► host       (traits and plain data; no Git, no web)
//! ```
//!
//! | module | what lives there | may use |
//! |---|---|---|
//! | [`format`](mod@format) | Git's formats: objects, packs, deltas, indexes, ref names, refspecs, configuration | |
//! | [`protocol`] | the wire as machines: pkt-lines, side-band, discovery, listing refs, fetching, pushing, URLs | `format`, `algo` |
//! | [`algo`] | algorithms over plain lookups: history walks, connectivity, diffs, renames, merges | `format` |
//! | [`host`] | the outside world as traits: storage, HTTP, time | |
//! | [`task`] | cancelling, progress, yielding | `host` |
//! | [`store`] | Git's meaning over a key-value store: objects, packs, refs, the catalogue of repositories | `format`, `algo`, `host` |
//! | [`ops`] | what a user asks for, named after git's commands; the transport | all above |
//! | [`error`] | the one error that leaves the crate | all above |
//! | [`sorted`] | maps and sets in order, small in wasm; whoever needs one | |
//! | `browser` | wasm only: the host traits over `fetch`, IndexedDB, Web Locks, timers | `host` |
//! | `js` | wasm only: the exports; converts and decides nothing | `ops`, `browser`, `error`, `task`, `host` |
//!
//! SHA-1 is a crate of its own, [`gitside_sha1`] in `sha1/`, which `format` uses: it is compiled for
//! speed, and this one for size.
//!
//! Start reading at [`ops::clone`]: it is a list of the steps of a clone, and each step names the
//! module that knows how.
//!
//! # What is true everywhere
//!
//! * A ref never names an object that is not stored, checked and complete, or cut off by a recorded
//!   shallow boundary. Packs, their index, the shallow list and refs become visible in one
//!   transaction ([`store::publish`]). Guarded by `tests/native/store_faults.rs` and the kill tests
//!   in `tests/e2e`.
//! * An end of a body means nothing. What counts is the protocol's flush, the pack's trailer, its
//!   object count, and the connectivity of what came. Guarded by the truncation tests of
//!   [`protocol`], `tests/native/clone` and `tests/native/receive`.
//! * A push says of a ref that it is done only where the server said so, and what was sent is never
//!   sent again by itself. The old id of a command is the one that the server told. Guarded by
//!   `tests/native/pushing`.
//! * What is sent is what the server lacks: no object less, and none that its refs or the commits
//!   between do not lead to. Guarded by `tests/native/pack_objects` and `tests/native/write_sessions`.
//! * Nothing is allocated from a declared size, nothing recurses over data, no number from outside
//!   is cast. Guarded by `tests/native/hostile_packs.rs`.
//! * Every object that is read is hashed first ([`store::odb`]).
//! * `format`, `protocol` and `algo` never wait, never ask the time and never do IO; nothing below
//!   `browser` and `js` knows JavaScript. Guarded by `tests/native/layers.rs`.
//! * The stored commit-graph is a cache of what commits say: answers are the same with it, without it, and
//!   where it is damaged. Guarded by `tests/native/commit_graph` and the histories of `tests/native/reading.rs`.
//! * There is no recursion in tree or tag walks, no global state, no `unsafe`, and no thread but those
//!   that are asked for through [`host::Threads`], whose end changes nothing. Guarded by
//!   `tests/native/receive/apart.rs`.

pub mod algo;
#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod error;
pub mod format;
pub mod host;
#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod ops;
pub mod protocol;
pub mod sorted;
pub mod store;
pub mod task;

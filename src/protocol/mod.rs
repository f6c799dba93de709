//! Git's wire protocol, sans-IO: bytes in, requests and events out (gitprotocol-http(5),
//! gitprotocol-pack(5), gitprotocol-v2(5)).
//!
//! ```text
//!   url            what is contacted          pkt_line ─► sideband      the framing
//!   smart_http     discovery, its answer      capability, remote_refs   what it says
//!   ls_refs        the refs, version 2        text                      the server's words, made harmless
//!   fetch          one request, one answer
//!   push           one push, one answer
//!   fetch_state    the whole dialogue of a fetch, as steps
//! ```
//!
//! Nothing here does IO, waits, knows a clock, or allocates from a declared size. Every machine
//! gives the same result for every way of splitting its input (pack bytes come in pieces as they
//! arrive; their concatenation is the same), refuses input after it failed, and says with a typed
//! error whether the other end broke the protocol, stopped early, or reported an error in words.

pub mod capability;
pub mod fetch;
pub mod fetch_state;
pub mod ls_refs;
pub mod pkt_line;
pub mod push;
pub mod remote_refs;
pub mod sideband;
pub mod smart_http;
pub mod text;
pub mod url;

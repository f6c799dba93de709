//! Git's formats: bytes in, values out. No host, no clock, no IO, no async.
//!
//! Names, paths and messages are bytes here. Every parser holds its input by reference or copies
//! what it keeps, never indexes past what arrived, and never allocates from a declared size.

pub mod commit;
pub mod commit_graph;
pub mod config;
pub mod crc32;
pub mod filter;
pub mod hash;
pub mod header;
pub mod ident;
pub mod message;
pub mod object;
pub mod oid;
pub mod pack;
pub mod reader;
pub mod reflog;
pub mod refname;
pub mod refspec;
pub mod remotes;
pub mod revision;
pub mod signed;
pub mod tag;
pub mod trailer;
pub mod tree;
pub mod varint;
pub mod zlib;

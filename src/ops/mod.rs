//! What a user asks for, named after git's commands.

pub(crate) mod abbreviate;
pub mod branch;
pub mod cat;
pub mod clone;
pub mod commit;
pub mod compose;
pub mod config;
pub mod connectivity;
pub mod diff;
pub mod diff_blobs;
pub mod export;
pub(crate) mod fault;
pub mod fetch;
pub mod for_each_ref;
pub mod gc;
pub(crate) mod history;
pub mod init;
pub mod log;
pub mod ls_remote;
pub mod ls_tree;
pub mod merge;
pub mod merge_base;
pub mod negotiate;
pub(crate) mod object;
pub mod pack_objects;
pub(crate) mod path;
pub mod prefetch;
pub mod promisor;
pub mod pull;
pub mod push;
pub mod receive;
pub mod reflog;
pub mod remote;
pub mod remotes;
pub(crate) mod rename;
pub mod repository;
pub mod rev_parse;
#[allow(dead_code, reason = "merges read what they have made")]
pub(crate) mod staging;
pub mod update_ref;
pub mod write;
pub(crate) mod write_tree;

pub use crate::format::remotes::anonymize;
pub use crate::store::memory::MemoryStorage;
pub use repository::{Repository, Summary, Usage, list, remove};

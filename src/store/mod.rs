//! Git's meaning over a [`Backend`](crate::host::Backend): objects, packs, refs, repositories.
//!
//! | module | what it holds |
//! |---|---|
//! | [`catalog`] | names of repositories, their databases, and the sweep of what dead tabs left |
//! | `manifest` | which packs are live, and the sweep of what dead writers left |
//! | [`pack_store`] | packs as rows of pack bytes, written while they arrive |
//! | [`index`] | the rows that tell where an object is |
//! | `commit_graph` | the stored commit-graph, which makes walks over history quick |
//! | `cruft` | since when objects are unreachable |
//! | [`objects`] | objects stored one row each |
//! | [`odb`] | verified reads of both |
//! | [`refs`] | packed and single refs |
//! | [`reflog`] | what refs were before, and why they changed |
//! | [`meta`] | the small rows of a repository |
//! | [`publish`] | writers, and the one transaction that makes their work visible |
//! | [`memory`] | databases in memory |
//! | [`contract`] | what every backend must do, as tests |

pub mod catalog;
pub(crate) mod commit_graph;
pub mod contract;
pub(crate) mod cruft;
mod error;
pub mod index;
pub(crate) mod lru;
pub(crate) mod manifest;
pub mod memory;
pub mod meta;
pub mod objects;
pub mod odb;
pub mod pack_store;
pub mod publish;
pub mod reflog;
pub mod refs;
mod row;

pub use error::{Fault, RefProblem, StoreError};

//! Graph and content algorithms over plain lookups.

pub mod commit_graph;
pub mod connected;
pub mod history;
pub mod line_diff;
pub mod merge;
pub mod merge_base;
pub mod name_hash;
pub mod negotiate;
pub mod outgoing;
pub mod rename;
pub mod rev_walk;
pub mod similarity;
pub mod tree_diff;

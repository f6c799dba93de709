//! Graph and content algorithms over plain lookups.

pub mod connected;
pub mod rev_walk;

//! Merging what two sides made of something: of a file ([`file`]), of a tree ([`tree`]).

pub mod file;
pub mod tree;

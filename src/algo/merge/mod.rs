//! Merging what two sides made of something: of a file ([`file`]).

pub mod file;

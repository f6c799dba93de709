//! Git's commit-graph file: what counts of many commits, by number (gitformat-commit-graph(5)).
//!
//! ```text
//! +--------+-------------------+------+------+------+------+------+------+------+------+------+---------+
//! | header | table of contents | OIDF | OIDL | CDAT | GDA2 | GDO2 | EDGE | BIDX | BDAT | BASE | SHA-1   |
//! +--------+-------------------+------+------+------+------+------+------+------+------+------+---------+
//!
//! header   "CGPH", version 1, hash 1 (SHA-1), number of chunks, number of files below
//! OIDF     256 counts: how many ids start with a byte up to that one
//! OIDL     ids, ascending                                                        20 bytes a commit
//! CDAT     tree, two parents, level and date                                     36 bytes a commit
//! GDA2     how far the generation number is above the date                        4 bytes a commit
//! GDO2     the same where it needs more than 31 bits
//! EDGE     the second to last parents of commits that have three or more
//! BIDX     where each commit's filter of changed paths ends                       4 bytes a commit
//! BDAT     settings of the filters, and the filters
//! BASE     the checksums of the files below
//! ```
//!
//! A file may stand on others: its commits are numbered from where theirs end, and parents are
//! numbers in its own file or in one below. [`Layer`] is one file as far as walks need it,
//! [`Filters`] the rest of it, [`Encoder`] writes one.
//!
//! What is read here and not written: files with chunks in another order, or with unknown ones.
//! What is refused: files without GDA2 (git before 2.36), and SHA-256. Filters of version 1 are
//! passed over.

pub mod bloom;
mod contents;
mod layer;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

pub use self::bloom::{Filters, PathKeys};
pub use self::contents::Contents;
pub use self::layer::{Layer, Parents};
pub use self::write::{Encoder, Row};

/// Bytes of the checksum at the end.
pub const TRAILER: u64 = 20;

/// The most commits that files on top of each other may have: positions from there on have another
/// meaning (`GRAPH_PARENT_NONE`).
pub const MAX_COMMITS: u32 = NO_PARENT - 1;

/// The latest date that fits, in seconds since 1970.
pub const MAX_DATE: u64 = (1 << 34) - 1;

/// Bytes before the table of contents.
const HEADER: usize = 8;
/// Bytes of an entry of the table of contents.
const ENTRY: usize = 12;
/// Bytes of the fan-out table.
const FANOUT: usize = 256 * 4;
/// Bytes of CDAT for a commit.
const COMMIT: usize = 36;
/// "No parent there."
const NO_PARENT: u32 = 0x7000_0000;
/// In CDAT: more parents are in EDGE. In EDGE: the last one. In GDA2: the rest is in GDO2.
const FLAG: u32 = 0x8000_0000;
/// The highest level (`GENERATION_NUMBER_V1_MAX`).
const MAX_LEVEL: u32 = 0x3fff_ffff;

/// The name of a chunk.
pub(crate) type ChunkId = [u8; 4];

const OIDF: ChunkId = *b"OIDF";
const OIDL: ChunkId = *b"OIDL";
const CDAT: ChunkId = *b"CDAT";
const GDA2: ChunkId = *b"GDA2";
const GDO2: ChunkId = *b"GDO2";
const EDGE: ChunkId = *b"EDGE";
const BIDX: ChunkId = *b"BIDX";
const BDAT: ChunkId = *b"BDAT";
const BASE: ChunkId = *b"BASE";

/// What is wrong with a file, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// It ends too early.
    Truncated,
    /// It does not start with "CGPH".
    Signature,
    /// It has a version other than 1.
    Version(u8),
    /// Its ids are not those of SHA-1.
    Hash(u8),
    /// The table of contents does not hold.
    Contents(&'static str),
    /// What a chunk says does not hold.
    Chunk {
        /// Which one.
        id: [u8; 4],
        /// What is wrong.
        problem: &'static str,
    },
    /// The checksum at the end is another one.
    Checksum,
    /// There are more commits, or more bytes, than the format can hold.
    Limit,
}

impl GraphError {
    const fn chunk(id: ChunkId, problem: &'static str) -> Self {
        GraphError::Chunk { id, problem }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::Truncated => f.write_str("the commit-graph is cut off"),
            GraphError::Signature => f.write_str("this is no commit-graph"),
            GraphError::Version(version) => write!(f, "commit-graph of version {version}"),
            GraphError::Hash(hash) => write!(f, "commit-graph with hash {hash}"),
            GraphError::Contents(problem) => write!(f, "the commit-graph's table of contents {problem}"),
            GraphError::Chunk { id, problem } => write!(f, "chunk {} {problem}", id.escape_ascii()),
            GraphError::Checksum => f.write_str("the commit-graph's checksum is wrong"),
            GraphError::Limit => f.write_str("more than a commit-graph can hold"),
        }
    }
}

impl std::error::Error for GraphError {}

/// Checks the checksum of a whole file.
pub fn check_trailer(file: &[u8]) -> Result<(), GraphError> {
    let (front, trailer) = file.split_last_chunk::<20>().ok_or(GraphError::Truncated)?;
    let mut hash = crate::format::hash::Sha1::new();
    hash.update(front);
    match hash.finish() == *trailer {
        true => Ok(()),
        false => Err(GraphError::Checksum),
    }
}

/// A number of a table of big-endian numbers.
fn number(table: &[u8], at: usize) -> Option<u32> {
    let start = at.checked_mul(4)?;
    let bytes = table.get(start..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

/// A position as an index. Files are parsed in memory, so it always fits.
fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

//! The header and the table of contents: where in the file everything is.

use std::ops::Range;

use super::{BASE, BDAT, BIDX, ChunkId, ENTRY, GraphError, HEADER, TRAILER};
use crate::format::reader::Reader;

/// Where things are in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How many files it stands on.
    pub bases: u8,
    chunks: Vec<(ChunkId, Range<u64>)>,
}

impl Contents {
    /// The most bytes that header and table take.
    pub const MAX_BYTES: u64 = 8 + 256 * 12;

    /// Reads them from the first bytes of a file of `file_bytes` bytes.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Self, GraphError> {
        let mut reader = Reader::new(head);
        if reader.take(4).ok_or(GraphError::Truncated)? != b"CGPH" {
            return Err(GraphError::Signature);
        }
        let [version, hash, count, bases] = reader.array().ok_or(GraphError::Truncated)?;
        if version != 1 {
            return Err(GraphError::Version(version));
        }
        if hash != 1 {
            return Err(GraphError::Hash(hash));
        }
        let first = (HEADER + ENTRY * (usize::from(count) + 1)) as u64;
        let last = file_bytes.checked_sub(TRAILER).ok_or(GraphError::Truncated)?;
        let mut chunks: Vec<(ChunkId, Range<u64>)> = Vec::with_capacity(usize::from(count));
        let mut before: Option<(ChunkId, u64)> = None;
        for number in 0..=count {
            let id: ChunkId = reader.array().ok_or(GraphError::Truncated)?;
            let start = u64::from_be_bytes(reader.array().ok_or(GraphError::Truncated)?);
            if (id == [0; 4]) != (number == count) {
                return Err(GraphError::Contents("has its end where it should not be"));
            }
            if chunks.iter().any(|(other, _)| *other == id) || before.is_some_and(|(other, _)| other == id) {
                return Err(GraphError::Contents("lists a chunk twice"));
            }
            let least = before.map_or(first, |(_, start)| start);
            if !(least..=last).contains(&start) {
                return Err(GraphError::Contents("places a chunk out of order or beyond the end"));
            }
            chunks.extend(before.map(|(id, from)| (id, from..start)));
            before = Some((id, start));
        }
        Ok(Contents { bases, chunks })
    }

    /// Where a chunk is.
    pub(super) fn range(&self, id: ChunkId) -> Option<Range<u64>> {
        let found = self.chunks.iter().find(|(other, _)| *other == id);
        found.map(|(_, range)| range.clone())
    }

    /// How many bytes from the start of the file hold all that walks need.
    pub fn front(&self) -> u64 {
        let needed = |id: &ChunkId| ![BIDX, BDAT, BASE].contains(id);
        let ends = self
            .chunks
            .iter()
            .filter(|(id, _)| needed(id))
            .map(|(_, range)| range.end);
        ends.max().unwrap_or_default()
    }

    /// Where the filters' index and the filters are; `None` in a file without.
    pub fn filters(&self) -> Option<(Range<u64>, Range<u64>)> {
        Some((self.range(BIDX)?, self.range(BDAT)?))
    }
}

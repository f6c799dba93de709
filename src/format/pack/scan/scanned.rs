//! What a scan leaves to the resolver.

use std::ops::Range;

use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::Entry;

/// A complete pack, its checksum right, its deltas not yet resolved.
#[derive(Debug, Default)]
pub struct ScannedPack {
    /// One row for each entry. Of deltas the size is known (the result's), kind and oid are not
    /// (the oid is null).
    pub(crate) entries: Vec<Entry>,
    /// Where each entry ends, if that is not where the next one starts: of a portion of a pack.
    pub(crate) ends: Vec<u64>,
    /// Base and row of every delta that names its base by id.
    pub(crate) ref_deltas: Vec<(ObjectId, u32)>,
    /// How many entries are deltas of either sort.
    pub(crate) deltas: u32,
    pub(crate) checksum: ObjectId,
    pub(crate) bytes: u64,
    /// Bytes of all objects together, deltas applied.
    pub(crate) resolved_bytes: u64,
}

impl ScannedPack {
    /// Number of objects, deltas included.
    pub fn objects(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Number of deltas.
    pub fn deltas(&self) -> u32 {
        self.deltas
    }

    /// Whether every delta's base is known: none names it by id.
    pub fn knows_bases(&self) -> bool {
        self.ref_deltas.is_empty()
    }

    /// The pack's trailer.
    pub fn checksum(&self) -> ObjectId {
        self.checksum
    }

    /// The pack's length in bytes, trailer included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where an entry lies; nowhere, if there is no such row.
    pub(crate) fn range(&self, row: u32) -> Range<u64> {
        let row = usize::try_from(row).unwrap_or(usize::MAX);
        let start = |row: usize| self.entries.get(row).map(|entry| entry.offset);
        let Some(from) = start(row) else {
            return 0..0;
        };
        let next = || start(row.saturating_add(1)).unwrap_or(self.bytes.saturating_sub(OID_LEN as u64));
        from..self.ends.get(row).copied().unwrap_or_else(next)
    }
}

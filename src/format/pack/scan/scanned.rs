//! What a scan leaves to the resolver.

use crate::format::oid::ObjectId;
use crate::format::pack::Entry;

/// A complete pack, its checksum right, its deltas not yet resolved.
#[derive(Debug)]
pub struct ScannedPack {
    /// One row for each entry. Of deltas the size is known (the result's), kind and oid are not
    /// (the oid is null).
    pub(crate) entries: Vec<Entry>,
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

    /// The pack's trailer.
    pub fn checksum(&self) -> ObjectId {
        self.checksum
    }

    /// The pack's length in bytes, trailer included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

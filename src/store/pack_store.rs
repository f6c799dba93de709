//! Packs as rows of pack bytes, written while they arrive.
//!
//! ```text
//! table chunks   key: pack id, chunk u32     value: CHUNK_BYTES of the pack (the last: what is left)
//! table meta     key: "pack", pack id        kind P: bytes u64, objects u32, chunk bytes u32,
//!                                            block entries u32, shard bits u8, sort u8 (0 local,
//!                                            1 from a promisor, 2 unreachable), trailer
//! pack id        generation of the writer u64, number u32
//! ```
//!
//! A pack's chunks and index rows are written in transactions of their own and are invisible until
//! [`Publication`](super::publish::Publication) writes the row in `meta` and lists the pack among
//! the live ones ([`super::manifest`]). What a dead writer left is recognised by not being listed.

#[cfg(test)]
mod far;
mod sink;
mod staged;
mod tail;
mod window;

use std::ops::Range;

pub use self::sink::PackSink;
pub use self::staged::StagedPack;
pub use self::tail::Rehash;
pub(crate) use self::window::assemble;
use super::error::{Fault, StoreError};
use super::{index, row};
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::PackIndex;
use crate::host::{Change, Read, Table};

/// Bytes of a pack in one row. Small enough to be read for one object (about 1.8 ms in Chromium;
/// 1 MiB takes 4 to 6), large enough that four in one transaction are written as fast as anything
/// else (one in a transaction takes three times as long). Larger chunks as Blobs, read in part, are
/// no faster where it counts and stay in the browser's memory until they are collected.
pub const CHUNK_BYTES: u32 = 256 * 1024;

pub(crate) const PACK_ROW: &[u8] = b"pack";

/// Names a pack within its repository: the generation of the writer that made it, and a number.
/// Two writers never choose the same, not even one whose lock was stolen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PackId {
    generation: u64,
    number: u32,
}

impl PackId {
    /// See [`Writer::new_pack`](super::publish::Writer::new_pack).
    pub(crate) fn new(generation: u64, number: u32) -> Self {
        PackId { generation, number }
    }

    /// The first bytes of the keys of all its rows.
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (generation, number) = bytes.split_at_mut(8);
        generation.copy_from_slice(&self.generation.to_be_bytes());
        number.copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The id at the start of a key.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        let (generation, rest) = key.split_first_chunk::<8>()?;
        let (number, _) = rest.split_first_chunk::<4>()?;
        Some(PackId::new(
            u64::from_be_bytes(*generation),
            u32::from_be_bytes(*number),
        ))
    }
}

pub(crate) fn chunk_key(pack: PackId, chunk: u32) -> Vec<u8> {
    let mut key = pack.to_bytes().to_vec();
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// The chunks that hold a range; `None` if their numbers are beyond the format.
pub(crate) fn chunks_of(range: &Range<u64>, chunk_bytes: u32) -> Option<Range<u32>> {
    let chunk_bytes = u64::from(chunk_bytes);
    let first = u32::try_from(range.start.checked_div(chunk_bytes)?).ok()?;
    if range.is_empty() {
        return Some(first..first);
    }
    let last = u32::try_from((range.end - 1).checked_div(chunk_bytes)?).ok()?;
    Some(first..last.checked_add(1)?)
}

/// How long a chunk of a pack of `bytes` bytes is.
pub(crate) fn chunk_len(chunk: u32, chunk_bytes: u32, bytes: u64) -> u64 {
    let start = u64::from(chunk) * u64::from(chunk_bytes);
    bytes.saturating_sub(start).min(u64::from(chunk_bytes))
}

pub(crate) fn read_chunk(pack: PackId, chunk: u32) -> Read {
    Read {
        table: Table::Chunks,
        key: chunk_key(pack, chunk),
        range: None,
    }
}

pub(crate) fn damaged_chunk(pack: PackId, chunk: u32) -> StoreError {
    StoreError::Row {
        table: Table::Chunks,
        key: chunk_key(pack, chunk),
        fault: Fault::Length,
    }
}

/// A pack with its index, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyPack {
    live: LivePack,
}

impl ReadyPack {
    /// Marks the pack as one from a promisor remote: what its objects point to may be missing.
    pub fn promisor(mut self) -> Self {
        self.live.promisor = true;
        self
    }

    /// Marks the pack as one of objects that nothing reached when it was made (git's cruft packs).
    pub(crate) fn cruft(mut self) -> Self {
        self.live.cruft = true;
        self
    }

    /// What will be published.
    pub fn live(&self) -> &LivePack {
        &self.live
    }
}

/// A published pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivePack {
    /// Its id.
    pub id: PackId,
    /// Its length, trailer included.
    pub bytes: u64,
    /// How many objects it has.
    pub objects: u32,
    /// Its trailer, which git names packs after.
    pub checksum: ObjectId,
    /// Whether it came from a promisor remote.
    pub promisor: bool,
    /// Whether it holds what nothing reached when it was made, until the grace period is over.
    pub cruft: bool,
    pub(crate) chunk_bytes: u32,
    pub(crate) block_entries: u32,
    pub(crate) shard_bits: u8,
}

impl LivePack {
    /// Where its last entry ends, and the trailer begins.
    pub(crate) fn end(&self) -> u64 {
        self.bytes.saturating_sub(OID_LEN as u64)
    }

    pub(crate) fn new(id: PackId, index: &PackIndex) -> Result<Self, StoreError> {
        Ok(LivePack {
            id,
            bytes: index.bytes,
            objects: u32::try_from(index.entries.len()).map_err(|_| StoreError::Limit { what: "objects" })?,
            checksum: index.checksum,
            promisor: false,
            cruft: false,
            chunk_bytes: CHUNK_BYTES,
            block_entries: index::BLOCK_ENTRIES,
            shard_bits: index::shard_bits(index.entries.len()),
        })
    }

    /// The row that makes the pack visible.
    pub(crate) fn put(&self) -> Change {
        let key = pack_row_key(self.id);
        let mut body = self.bytes.to_be_bytes().to_vec();
        for number in [self.objects, self.chunk_bytes, self.block_entries] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        let sort = match (self.promisor, self.cruft) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        };
        body.extend_from_slice(&[self.shard_bits, sort]);
        body.extend_from_slice(self.checksum.as_bytes());
        let row = row::seal(b'P', &key, &body);
        Change::Put(Table::Meta, key, row)
    }

    pub(crate) fn parse(key: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        let mut body = row::open(b'P', Table::Meta, key, bytes)?;
        let id = key
            .strip_prefix(PACK_ROW)
            .filter(|id| id.len() == 12)
            .and_then(PackId::of_key);
        let mut pack = LivePack {
            id: id.ok_or_else(|| body.fail(Fault::Layout))?,
            bytes: body.u64()?,
            objects: body.u32()?,
            chunk_bytes: body.u32()?,
            block_entries: body.u32()?,
            shard_bits: body.u8()?,
            promisor: false,
            cruft: false,
            checksum: ObjectId::NULL,
        };
        match body.u8()? {
            0 => {}
            1 => pack.promisor = true,
            2 => pack.cruft = true,
            _ => return Err(body.fail(Fault::Layout)),
        }
        pack.checksum = body.oid()?;
        body.end()?;
        if pack.chunk_bytes == 0 || pack.block_entries == 0 || pack.shard_bits > 8 {
            return Err(body.fail(Fault::Inconsistent("has impossible sizes")));
        }
        Ok(pack)
    }
}

pub(crate) fn pack_row_key(id: PackId) -> Vec<u8> {
    let mut key = PACK_ROW.to_vec();
    key.extend_from_slice(&id.to_bytes());
    key
}

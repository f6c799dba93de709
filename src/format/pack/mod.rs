//! Packs: gitformat-pack(5). A pack is scanned while it arrives ([`scan`]), its deltas are resolved
//! afterwards ([`resolve`]), and what both find out is the [`PackIndex`].

pub mod delta;
pub mod delta_encode;
pub mod delta_window;
pub mod entry;
pub mod error;
pub mod families;
pub mod index;
pub mod portion;
pub mod resolve;
pub mod scan;
mod tree;
pub mod write;

use crate::format::object::Kind;
use crate::format::oid::ObjectId;

/// What is known of one object of a pack, in the order of the pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the entry starts, in bytes from the start of the pack.
    pub offset: u64,
    /// The object's size in bytes, deltas applied.
    pub size: u64,
    /// CRC-32 of the entry as stored.
    pub crc32: u32,
    /// The row of the entry that this one is a delta against.
    pub base: Option<u32>,
    /// The object's kind, deltas applied.
    pub kind: Kind,
    /// The object's name.
    pub oid: ObjectId,
}

/// Everything a reader needs to find and check the objects of one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackIndex {
    /// One row for each entry, in the order of the pack (offsets ascend).
    pub entries: Vec<Entry>,
    /// The pack's trailer: the SHA-1 of all bytes before it.
    pub checksum: ObjectId,
    /// The pack's length in bytes, trailer included.
    pub bytes: u64,
    /// Of a thin pack: the objects outside it that deltas are made against. An [`Entry::base`] at
    /// or beyond the number of entries counts on into this list. Empty for every other pack.
    pub external: Vec<External>,
}

/// An object that a thin pack needs and does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// Its id.
    pub oid: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
}

/// What a pack may ask of us at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the pack itself. By default as many as the least generous of the large browsers lets
    /// an origin store (Firefox: 10 GiB, or a tenth of the disk), so that it is the browser that says
    /// where there is no room.
    pub pack_bytes: u64,
    /// Bytes of one object held in memory; larger blobs are only streamed.
    pub object_bytes: u64,
    /// Bytes of all objects together, deltas applied. By default 25 times the largest pack, which is
    /// ten minutes of work: packs of long histories resolve to 10 to 30 times their size.
    pub resolved_bytes: u64,
    /// Objects in the pack.
    pub objects: u64,
    /// Bytes of resolved delta bases held at a time.
    pub base_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Limits {
            pack_bytes: 10 * 1024 * MIB,
            object_bytes: 256 * MIB,
            resolved_bytes: 256 * 1024 * MIB,
            objects: 10_000_000,
            base_bytes: 64 * MIB,
        }
    }
}

//! The rows that tell where an object is, and what it is a delta against. They hold all that git's
//! index holds (gitformat-pack(5), "Version 2 pack-*.idx files"), plus size, kind and base, so
//! that kind and size of many objects are known without reading them. Whoever reads an object
//! needs its shard alone: from there on the pack itself leads from delta to base.
//!
//! ```text
//! table index    key                          kind   body
//!   shard        pack id, 's', shard u8       I      count u32, count × oid ascending, count × row u32,
//!                                                    count × offset u64
//!   block        pack id, 'e', block u32      E      first row u32, count u32, end u64, count × entry
//!
//! entry (45 bytes), in the order of the pack:
//!   offset u64 | size u64 | CRC-32 u32 | base row u32 (ffffffff: none) | kind u8 | oid
//! ```
//!
//! A shard holds the ids whose first byte, shifted right by `8 - shard bits`, is its number: 256
//! shards for a large pack, a single one for a small pack, so that looking something up in a large
//! repository reads a few rows, not all of them. `end` is the offset at which the last entry of the
//! block ends. Everything is checked when it is read: see `Shard::parse` and `Block::parse`.

use std::cell::OnceCell;

use super::error::{Fault, StoreError};
use super::pack_store::{LivePack, PackId};
use super::row::{self, RowReader};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::{Entry, PackIndex};
use crate::host::{Change, Table};

/// Entries in a block: a row of 46 KB, small enough to read for one object and large enough that
/// a chain, which stays close together in the packs git writes, needs one or two.
pub(crate) const BLOCK_ENTRIES: u32 = 1024;

/// Ids a shard has on average before there are more shards.
const SHARD_ENTRIES: usize = 512;

/// Bytes of an entry in a block.
const ENTRY_LEN: usize = 25 + OID_LEN;

/// Where the first entry of a pack starts.
pub(crate) const PACK_HEADER: u64 = 12;

const NO_BASE: u32 = u32::MAX;

/// How many bits of the first byte choose the shard of a pack with so many objects.
pub(crate) fn shard_bits(objects: usize) -> u8 {
    (0..8).find(|bits| objects >> bits <= SHARD_ENTRIES).unwrap_or(8)
}

/// The shard an id belongs to.
pub(crate) fn shard_of(bits: u8, first_byte: u8) -> u8 {
    first_byte.checked_shr(8 - u32::from(bits.min(8))).unwrap_or(0)
}

pub(crate) fn shard_key(pack: PackId, shard: u8) -> Vec<u8> {
    let mut key = pack.to_bytes().to_vec();
    key.extend_from_slice(&[b's', shard]);
    key
}

pub(crate) fn block_key(pack: PackId, block: u32) -> Vec<u8> {
    let mut key = pack.to_bytes().to_vec();
    key.push(b'e');
    key.extend_from_slice(&block.to_be_bytes());
    key
}

/// Where in a pack an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// How many come before it.
    pub(crate) row: u32,
    /// How many bytes do.
    pub(crate) offset: u64,
}

/// The ids of one shard, and the places of their entries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    oids: Vec<ObjectId>,
    spots: Vec<Spot>,
}

/// Bytes of an object in a shard.
const SHARD_ENTRY_LEN: usize = OID_LEN + 12;

impl Shard {
    /// Reads a shard's row: ids ascend and belong here, rows are within the pack.
    pub(crate) fn parse(pack: &LivePack, shard: u8, bytes: &[u8]) -> Result<Self, StoreError> {
        let key = shard_key(pack.id, shard);
        let mut body = row::open(b'I', Table::Index, &key, bytes)?;
        let count = counted(&mut body, SHARD_ENTRY_LEN)?;
        let mut oids: Vec<ObjectId> = Vec::with_capacity(count);
        for _ in 0..count {
            let oid = body.oid()?;
            if shard_of(pack.shard_bits, oid.first_byte()) != shard || oids.last().is_some_and(|last| *last > oid) {
                return Err(body.fail(Fault::Inconsistent("has ids out of order")));
            }
            oids.push(oid);
        }
        let mut spots = Vec::with_capacity(count);
        for _ in 0..count {
            let row = body.u32()?;
            if row >= pack.objects {
                return Err(body.fail(Fault::Inconsistent("names a row beyond the pack")));
            }
            spots.push(Spot { row, offset: 0 });
        }
        for spot in &mut spots {
            spot.offset = body.u64()?;
            if !(PACK_HEADER..pack.end()).contains(&spot.offset) {
                return Err(body.fail(Fault::Inconsistent("names an offset beyond the pack")));
            }
        }
        body.end()?;
        Ok(Shard { oids, spots })
    }

    /// Where an object's entry is; the first, of several.
    pub(crate) fn find(&self, oid: &ObjectId) -> Option<Spot> {
        let at = self.oids.partition_point(|other| other < oid);
        self.oids.get(at).filter(|found| *found == oid)?;
        self.spots.get(at).copied()
    }

    /// All ids, ascending.
    #[cfg(test)]
    pub(crate) fn oids(&self) -> &[ObjectId] {
        &self.oids
    }

    /// The ids from `start` on, ascending.
    pub(crate) fn from(&self, start: &ObjectId) -> &[ObjectId] {
        let at = self.oids.partition_point(|oid| oid < start);
        self.oids.get(at..).unwrap_or_default()
    }

    /// What it weighs in a cache.
    pub(crate) fn weight(&self) -> usize {
        self.oids.len() * SHARD_WEIGHT + 64
    }
}

/// What an object of a shard weighs in memory.
pub(crate) const SHARD_WEIGHT: usize = OID_LEN + size_of::<Spot>();

/// Entries that follow each other in the pack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    first: u32,
    end: u64,
    entries: Vec<Entry>,
    /// The numbers of the entries, ordered by their ids, once somebody has looked for one.
    by_oid: OnceCell<Vec<u32>>,
}

impl Block {
    /// Reads a block's row: it is the one asked for, offsets ascend within the pack, bases are
    /// other rows of the pack.
    pub(crate) fn parse(pack: &LivePack, block: u32, bytes: &[u8]) -> Result<Self, StoreError> {
        let key = block_key(pack.id, block);
        let mut body = row::open(b'E', Table::Index, &key, bytes)?;
        let first = body.u32()?;
        let count = body.u32()?;
        let expected = block.checked_mul(pack.block_entries);
        let left = pack.objects.saturating_sub(first);
        if expected != Some(first) || count != left.min(pack.block_entries) {
            return Err(body.fail(Fault::Inconsistent("holds other entries")));
        }
        let end = body.u64()?;
        // Allocated from what arrived: the row's length was compared with the count.
        let mut entries = Vec::with_capacity(exact(&body, count, ENTRY_LEN)?);
        let mut at = PACK_HEADER;
        for row in first..first.saturating_add(count) {
            let entry = Entry {
                offset: body.u64()?,
                size: body.u64()?,
                crc32: body.u32()?,
                base: Some(body.u32()?).filter(|base| *base != NO_BASE),
                kind: {
                    let number = body.u8()?;
                    Kind::from_number(number).ok_or_else(|| body.fail(Fault::Inconsistent("has an unknown kind")))?
                },
                oid: body.oid()?,
            };
            if entry.offset < at || entry.offset >= end {
                return Err(body.fail(Fault::Inconsistent("has offsets out of order")));
            }
            at = entry.offset + 1;
            if entry.base.is_some_and(|base| base >= pack.objects || base == row) {
                return Err(body.fail(Fault::Inconsistent("has a base beyond the pack")));
            }
            entries.push(entry);
        }
        body.end()?;
        if end > pack.end() {
            return Err(body.fail(Fault::Inconsistent("reaches beyond the pack")));
        }
        Ok(Block {
            first,
            end,
            entries,
            by_oid: OnceCell::new(),
        })
    }

    /// An entry, and the offset at which it ends.
    pub(crate) fn entry(&self, row: u32) -> Option<(Entry, u64)> {
        let at = usize::try_from(row.checked_sub(self.first)?).ok()?;
        let entry = *self.entries.get(at)?;
        let end = self.entries.get(at + 1).map_or(self.end, |next| next.offset);
        Some((entry, end))
    }

    /// Where an object's entry is, if it is in this block.
    pub(crate) fn find(&self, oid: &ObjectId) -> Option<Spot> {
        let entry = |number: &u32| self.entries.get(usize::try_from(*number).ok()?);
        let oid_of = |number: &u32| entry(number).map(|entry| entry.oid);
        let by_oid = self.by_oid.get_or_init(|| {
            let mut numbers: Vec<u32> = (0..).zip(&self.entries).map(|(number, _)| number).collect();
            numbers.sort_unstable_by_key(|number| (oid_of(number), *number));
            numbers
        });
        let at = by_oid.partition_point(|number| oid_of(number).is_some_and(|other| other < *oid));
        let number = by_oid.get(at)?;
        let found = entry(number).filter(|entry| entry.oid == *oid)?;
        Some(Spot {
            row: self.first.checked_add(*number)?,
            offset: found.offset,
        })
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it weighs in a cache.
    pub(crate) fn weight(&self) -> usize {
        self.entries.len() * (size_of::<Entry>() + 4) + 64
    }
}

fn counted(body: &mut RowReader<'_>, each: usize) -> Result<usize, StoreError> {
    let count = body.u32()?;
    exact(body, count, each)
}

/// The count, if exactly so many things of that length are left.
fn exact(body: &RowReader<'_>, count: u32, each: usize) -> Result<usize, StoreError> {
    let count = usize::try_from(count).map_err(|_| body.fail(Fault::Length))?;
    if count.checked_mul(each) != Some(body.left()) {
        return Err(body.fail(Fault::Length));
    }
    Ok(count)
}

/// The rows of a pack's index, one after the other. Beside the index and the row at hand there are
/// four bytes of memory for each object.
pub(crate) fn rows(live: &LivePack, index: &PackIndex) -> impl Iterator<Item = Change> {
    let end = live.end();
    let block_entries = usize::try_from(live.block_entries).unwrap_or(usize::MAX).max(1);
    let live = *live;
    let blocks = index
        .entries
        .chunks(block_entries)
        .zip(0u32..)
        .map(move |(entries, block)| {
            let next = index.entries.get((block as usize + 1) * block_entries);
            block_row(
                live.id,
                block,
                block * live.block_entries,
                next.map_or(end, |next| next.offset),
                entries,
            )
        });
    let shard = move |(shard, rows): (u8, Vec<u32>)| {
        let entry = |row: u32| {
            let entry = index.entries.get(usize::try_from(row).ok()?)?;
            let offset = entry.offset;
            Some((entry.oid, Spot { row, offset }))
        };
        let mut ids: Vec<(ObjectId, Spot)> = rows.into_iter().filter_map(entry).collect();
        ids.sort_unstable();
        shard_row(live.id, shard, &ids)
    };
    // Not before the blocks are done: that is a step of work by itself.
    let shards = std::iter::once_with(move || (0..=u8::MAX).zip(by_shard(live.shard_bits, &index.entries)));
    blocks.chain(shards.flatten().map(shard))
}

/// The rows of each shard's entries.
fn by_shard(bits: u8, entries: &[Entry]) -> Vec<Vec<u32>> {
    let shard_of = |entry: &Entry| usize::from(shard_of(bits, entry.oid.first_byte()));
    let mut counts = vec![0; 1 << bits];
    for entry in entries {
        if let Some(count) = counts.get_mut(shard_of(entry)) {
            *count += 1;
        }
    }
    let mut shards: Vec<Vec<u32>> = counts.into_iter().map(Vec::with_capacity).collect();
    for (row, entry) in (0u32..).zip(entries) {
        if let Some(shard) = shards.get_mut(shard_of(entry)) {
            shard.push(row);
        }
    }
    shards
}

fn shard_row(pack: PackId, shard: u8, ids: &[(ObjectId, Spot)]) -> Change {
    let mut body = Vec::with_capacity(4 + ids.len() * SHARD_ENTRY_LEN);
    body.extend_from_slice(&u32::try_from(ids.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (oid, _) in ids {
        body.extend_from_slice(oid.as_bytes());
    }
    for (_, spot) in ids {
        body.extend_from_slice(&spot.row.to_be_bytes());
    }
    for (_, spot) in ids {
        body.extend_from_slice(&spot.offset.to_be_bytes());
    }
    let key = shard_key(pack, shard);
    let row = row::seal(b'I', &key, &body);
    Change::Put(Table::Index, key, row)
}

fn block_row(pack: PackId, block: u32, first: u32, end: u64, entries: &[Entry]) -> Change {
    let mut body = Vec::with_capacity(16 + entries.len() * ENTRY_LEN);
    body.extend_from_slice(&first.to_be_bytes());
    body.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(&end.to_be_bytes());
    for entry in entries {
        body.extend_from_slice(&entry.offset.to_be_bytes());
        body.extend_from_slice(&entry.size.to_be_bytes());
        body.extend_from_slice(&entry.crc32.to_be_bytes());
        body.extend_from_slice(&entry.base.unwrap_or(NO_BASE).to_be_bytes());
        body.push(entry.kind as u8);
        body.extend_from_slice(entry.oid.as_bytes());
    }
    let key = block_key(pack, block);
    let row = row::seal(b'E', &key, &body);
    Change::Put(Table::Index, key, row)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn oid(n: u32) -> ObjectId {
        // Spread over the first byte, as hashes are.
        let mut bytes = [0; OID_LEN];
        bytes[0] = (n.wrapping_mul(167) >> 3) as u8;
        bytes[1..5].copy_from_slice(&n.to_be_bytes());
        ObjectId::new(bytes)
    }

    fn sample(objects: u32) -> (LivePack, PackIndex) {
        let entries = (0..objects).map(|row| Entry {
            offset: 12 + u64::from(row) * 7,
            size: u64::from(row) << 20,
            crc32: row,
            base: row.checked_sub(1).filter(|row| row % 3 == 0),
            kind: Kind::Tree,
            oid: oid(row),
        });
        let index = PackIndex {
            entries: entries.collect(),
            checksum: oid(0),
            bytes: 12 + u64::from(objects) * 7 + 20,
            external: Vec::new(),
        };
        (LivePack::new(PackId::new(3, 1), &index).unwrap(), index)
    }

    fn stored(live: &LivePack, index: &PackIndex) -> Vec<(Vec<u8>, Vec<u8>)> {
        let row = |change| match change {
            Change::Put(Table::Index, key, row) => (key, row),
            other => panic!("{other:?}"),
        };
        rows(live, index).map(row).collect()
    }

    #[test]
    fn every_object_of_a_pack_of_any_size_is_found_with_its_entry_and_its_end() {
        for objects in [0, 1, 2, 600, 1024, 1025, 5000, 200_000] {
            let (live, index) = sample(objects);
            let stored: std::collections::BTreeMap<_, _> = stored(&live, &index).into_iter().collect();
            for (row, entry) in index.entries.iter().enumerate().step_by(1 + index.entries.len() / 700) {
                let shard = shard_of(live.shard_bits, entry.oid.first_byte());
                let shard = Shard::parse(&live, shard, &stored[&shard_key(live.id, shard)]).unwrap();
                let spot = shard.find(&entry.oid).map(|spot| (spot.row, spot.offset));
                assert_eq!(spot, Some((row as u32, entry.offset)));
                let block = row as u32 / BLOCK_ENTRIES;
                let block = Block::parse(&live, block, &stored[&block_key(live.id, block)]).unwrap();
                assert_eq!(block.entry(row as u32), Some((*entry, entry.offset + 7)));
                assert_eq!(block.find(&entry.oid), shard.find(&entry.oid));
                assert_eq!(block.find(&oid(objects)), None);
            }
            let shards: Vec<u8> = (0..=u8::MAX).take(1 << live.shard_bits).collect();
            let ids = shards.iter().flat_map(|shard| {
                let row = &stored[&shard_key(live.id, *shard)];
                Shard::parse(&live, *shard, row).unwrap().oids().to_vec()
            });
            let mut expected: Vec<_> = index.entries.iter().map(|entry| entry.oid).collect();
            expected.sort_unstable();
            assert_eq!(
                ids.collect::<Vec<_>>(),
                expected,
                "{objects} objects, in order over the shards"
            );
        }
    }

    #[test]
    fn every_flipped_byte_and_every_truncation_of_an_index_row_is_a_typed_error() {
        let (live, index) = sample(40);
        let rows = stored(&live, &index);
        assert_eq!(rows.len(), 2);
        let parse = |key: &[u8], row: &[u8]| match key.get(12) {
            Some(b's') => Shard::parse(&live, 0, row).map(drop),
            _ => Block::parse(&live, 0, row).map(drop),
        };
        for (key, row) in rows {
            assert_eq!(parse(&key, &row), Ok(()));
            for at in 0..row.len() {
                let mut damaged = row.clone();
                damaged[at] ^= 0xff;
                assert!(
                    matches!(parse(&key, &damaged), Err(StoreError::Row { .. })),
                    "byte {at}"
                );
                assert!(
                    matches!(parse(&key, &row[..at]), Err(StoreError::Row { .. })),
                    "cut {at}"
                );
            }
        }
    }

    #[test]
    fn a_row_with_a_right_checksum_and_impossible_numbers_is_a_typed_error() {
        let check = |what: &str, spoil: &dyn Fn(&mut LivePack, &mut PackIndex)| {
            let (mut live, mut index) = sample(40);
            spoil(&mut live, &mut index);
            let mut faults = Vec::new();
            for (key, row) in stored(&live, &index) {
                let (live, _) = sample(40);
                let read = match key.get(12) {
                    Some(b's') => Shard::parse(&live, 0, &row).map(drop),
                    _ => Block::parse(&live, 0, &row).map(drop),
                };
                faults.extend(read.err());
            }
            let inconsistent = |error: &StoreError| {
                matches!(
                    error,
                    StoreError::Row {
                        fault: Fault::Inconsistent(_),
                        ..
                    }
                )
            };
            assert!(
                !faults.is_empty() && faults.iter().all(inconsistent),
                "{what}: {faults:?}"
            );
        };
        check("offset in the header", &|_, index| index.entries[0].offset = 11);
        check("offsets that descend", &|_, index| index.entries[3].offset = 12);
        check("an entry in the trailer", &|live, _| live.bytes += 1000);
        check("its own base", &|_, index| index.entries[3].base = Some(3));
        check("a base beyond the pack", &|_, index| index.entries[3].base = Some(40));
        check("more objects than the pack has", &|_, index| {
            index.entries.push(Entry {
                offset: index.bytes - 20,
                ..index.entries[3]
            });
            index.bytes += 7;
        });
        check("fewer objects than the pack has", &|_, index| {
            index.entries.truncate(39)
        });
    }
}

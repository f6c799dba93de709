//! Entries of packs as they are stored, for whoever puts them into another pack: where they are,
//! and their bytes, held against the CRC-32 of the index. Nothing is inflated.

use std::rc::Rc;

use super::locate::find;
use super::{Info, Odb};
use crate::format::crc32::Crc32;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryHeader, EntryKind};
use crate::host::Read;
use crate::store::error::{Fault, StoreError};
use crate::store::objects;
use crate::store::pack_store::LivePack;

/// Bytes of the longest header of an entry, and some more.
const HEADER: usize = 40;

/// Objects that are looked up together. Of those that have a row each, some platforms read the whole
/// row to answer with its front.
const TOGETHER: usize = 512;

/// Where an object is, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Kind and size.
    pub(crate) info: Info,
    /// Its entry; `None` if it has a row of its own.
    pub(crate) entry: Option<RawPlace>,
    /// What the entry is a delta against.
    pub(crate) base: Option<ObjectId>,
}

/// An entry of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawPlace {
    /// The object.
    pub(crate) oid: ObjectId,
    /// The pack.
    pub(crate) pack: LivePack,
    /// Where in the pack it starts.
    pub(crate) offset: u64,
    /// And ends.
    pub(crate) end: u64,
    /// CRC-32 of the bytes between.
    pub(crate) crc32: u32,
}

/// An object that is stored whole.
#[derive(Clone)]
pub(crate) struct Whole {
    /// Its content, which hashes to its id.
    pub(crate) data: Rc<Vec<u8>>,
    /// Its zlib stream.
    pub(crate) stream: Vec<u8>,
}

/// An entry that is being read.
pub(crate) struct RawEntry<'a> {
    odb: &'a Odb,
    place: RawPlace,
    /// Where whoever reads will stop.
    until: u64,
    header: EntryHeader,
    /// What is read next.
    at: u64,
    crc: Crc32,
}

impl Odb {
    /// Where each of many objects is, `None` where it is not stored, in the order asked. Of several
    /// copies the first in the list of packs: what an entry is a delta against is found in the same pack,
    /// or in one that comes before it in the list, so these deltas never lead in a circle.
    pub(crate) async fn find_entries(&self, oids: &[ObjectId]) -> Result<Vec<Option<Found>>, StoreError> {
        let mut found = Vec::with_capacity(oids.len());
        for group in oids.chunks(TOGETHER) {
            let some = self.for_each_steadily(group, async |oids| self.find_entries_now(oids).await);
            found.extend(some.await?);
        }
        Ok(found)
    }

    async fn find_entries_now(&self, oids: &[ObjectId]) -> Result<Vec<Option<Found>>, StoreError> {
        let places = self.locate(oids).await?;
        let block_of = |pack: &LivePack, row: u32| (*pack, row / pack.block_entries);
        let wanted = places.iter().flatten().map(|(pack, spot)| block_of(pack, spot.row));
        let blocks = self.blocks(wanted).await?;
        let mut bases = Vec::new();
        let (mut at_rows, mut in_rows) = (Vec::new(), Vec::new());
        let mut found = Vec::with_capacity(oids.len());
        for (at, (oid, place)) in oids.iter().zip(&places).enumerate() {
            let Some((pack, spot)) = place else {
                at_rows.push(at);
                in_rows.push(*oid);
                found.push(None);
                continue;
            };
            let (entry, end) = find(&blocks, pack, spot.row)?;
            bases.extend(entry.base.map(|base| (at, *pack, base)));
            found.push(Some(Found {
                info: Info {
                    kind: entry.kind,
                    size: entry.size,
                },
                entry: Some(RawPlace {
                    oid: *oid,
                    pack: *pack,
                    offset: entry.offset,
                    end,
                    crc32: entry.crc32,
                }),
                base: None,
            }));
        }
        let blocks = self.blocks(bases.iter().map(|(_, pack, base)| block_of(pack, *base)));
        let blocks = blocks.await?;
        for (at, pack, base) in bases {
            let base = find(&blocks, &pack, base)?.0.oid;
            if let Some(Some(found)) = found.get_mut(at) {
                found.base = Some(base);
            }
        }
        let reads: Vec<Read> = in_rows.iter().map(objects::read_info).collect();
        let rows = self.backend.get_many(&reads).await?;
        for ((at, oid), row) in at_rows.into_iter().zip(in_rows).zip(rows) {
            if let (Some(row), Some(slot)) = (row, found.get_mut(at)) {
                let info = objects::info(&oid, &row)?;
                let (entry, base) = (None, None);
                *slot = Some(Found { info, entry, base });
            }
        }
        Ok(found)
    }

    /// Reads an object that is stored whole, both as it is stored and as it is.
    pub(crate) async fn read_whole(&self, place: &RawPlace, info: Info) -> Result<Whole, StoreError> {
        let mut entry = self.raw_entry(place, place.end).await?;
        let header = entry.header();
        if header.kind != EntryKind::Whole(info.kind) || header.size != info.size {
            return Err(place.fail(Fault::Inconsistent("is not what its index says")));
        }
        let mut stream = Vec::new();
        while let Some(piece) = entry.next().await? {
            stream.extend_from_slice(piece.bytes());
        }
        let mut data = Vec::new();
        let inflated = {
            let inflater = &mut self.caches.borrow_mut().inflater;
            inflater.get_or_insert_default().inflate(&stream, info.size, &mut data)
        };
        inflated.map_err(|_| place.fail(Fault::Inflate))?;
        objects::verify(&place.oid, info.kind, &data)?;
        let data = Rc::new(data);
        Ok(Whole { data, stream })
    }

    /// Begins to read an entry; `until` is where in the pack the caller will stop, of this entry or
    /// of those that follow: so far it is worth reading ahead. Nothing keeps the pack from being retired meanwhile but the writer's
    /// lock: a read without it may fail for that reason,
    /// and says so ([`StoreError::Replaced`]).
    pub(crate) async fn raw_entry(&self, place: &RawPlace, until: u64) -> Result<RawEntry<'_>, StoreError> {
        let opened = self.raw_entry_now(place, until).await;
        self.replaced(place.pack.id, opened).await
    }

    async fn raw_entry_now(&self, place: &RawPlace, until: u64) -> Result<RawEntry<'_>, StoreError> {
        // The header may lie across two chunks.
        let mut bytes = Vec::with_capacity(2 * HEADER);
        while bytes.len() < HEADER && place.offset + (bytes.len() as u64) < place.end {
            let at = place.offset + bytes.len() as u64;
            let (chunk, within) = self.chunk_at(&place.pack, at, until).await?;
            let rest = chunk.get(within..).unwrap_or_default();
            let left = usize::try_from(place.end - at).unwrap_or(usize::MAX).min(HEADER);
            bytes.extend_from_slice(rest.get(..left).unwrap_or(rest));
        }
        let Ok(Some(header)) = entry::read(&bytes) else {
            return Err(place.fail(Fault::Layout));
        };
        bytes.truncate(header.length);
        let mut crc = Crc32::default();
        crc.update(&bytes);
        Ok(RawEntry {
            odb: self,
            place: *place,
            until,
            header,
            at: place.offset + bytes.len() as u64,
            crc,
        })
    }
}

impl RawPlace {
    /// Says that something is wrong with it.
    pub(crate) fn fail(&self, fault: Fault) -> StoreError {
        StoreError::Object { oid: self.oid, fault }
    }
}

impl RawEntry<'_> {
    /// What it says of itself.
    pub(crate) fn header(&self) -> EntryHeader {
        self.header
    }

    /// The next piece of what follows the header; `None` at the end, and only if the CRC-32 of the
    /// whole is that of the index.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, StoreError> {
        let next = self.next_now().await;
        self.odb.replaced(self.place.pack.id, next).await
    }

    async fn next_now(&mut self) -> Result<Option<Piece>, StoreError> {
        if self.at >= self.place.end {
            return match self.crc.value() == self.place.crc32 {
                true => Ok(None),
                false => Err(self.place.fail(Fault::Checksum)),
            };
        }
        let (chunk, within) = self.odb.chunk_at(&self.place.pack, self.at, self.until).await?;
        let left = usize::try_from(self.place.end - self.at).unwrap_or(usize::MAX);
        let length = (chunk.len() - within).min(left);
        let piece = Piece { chunk, within, length };
        self.crc.update(piece.bytes());
        self.at += length as u64;
        Ok(Some(piece))
    }
}

/// Bytes of a chunk.
pub(crate) struct Piece {
    chunk: Rc<Vec<u8>>,
    within: usize,
    length: usize,
}

impl Piece {
    /// They.
    pub(crate) fn bytes(&self) -> &[u8] {
        let rest = self.chunk.get(self.within..).unwrap_or_default();
        rest.get(..self.length).unwrap_or(rest)
    }
}

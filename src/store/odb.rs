//! Verified reads of stored objects. An id leads through a shard to a row, rows lead from delta to
//! base ([`super::index`]), and only then are the chunks that hold the whole chain read, in one
//! transaction. What comes out is hashed before anybody sees it. Nothing is locked: packs may be
//! replaced while they are read (`steady`).
//!
//! What it does not do: fetch what is missing, parse objects, write.

pub(crate) mod census;
mod chain;
mod commits;
mod locate;
mod oids;
pub(crate) mod raw;
mod steady;
mod stream;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use locate::find;
pub use oids::Oids;
pub use stream::ObjectStream;

use super::commit_graph::GraphCache;
use super::error::StoreError;
use super::index::{Block, Shard};
use super::lru::Lru;
use super::manifest::Manifest;
use super::objects;
use super::pack_store::{self, LivePack, PackId};
use crate::format::object::Kind;
use crate::format::oid::{OID_HEX_LEN, OID_LEN, ObjectId};
use crate::format::pack::PackIndex;
use crate::format::zlib::Inflater;
use crate::host::{Backend, Read};

/// An object that was read whole and whose bytes hash to the id asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its content, shared with the cache.
    pub data: Rc<Vec<u8>>,
}

/// What the index tells of an object. Its bytes were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
}

/// Blocks of an index held together, beside the cache: 3 MiB.
const BLOCKS_AT_A_TIME: usize = 64;

/// Heads of objects with a row each that are read together.
const ROWS_AT_A_TIME: usize = 4096;

/// What an [`Odb`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OdbLimits {
    /// Bytes of one object read into memory; larger ones can only be streamed.
    pub object_bytes: u64,
    /// Bytes of pack chunks kept.
    pub chunk_cache: usize,
    /// Bytes of objects kept: what was read, and what deltas were made against.
    pub object_cache: usize,
    /// Bytes of index rows kept.
    pub index_cache: usize,
}

impl Default for OdbLimits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        OdbLimits {
            object_bytes: 256 << 20,
            chunk_cache: 24 * MIB,
            object_cache: 24 * MIB,
            index_cache: 16 * MIB,
        }
    }
}

/// The objects of one repository. Every object that is handed out was hashed after it was read
/// from storage.
pub struct Odb {
    pub(super) backend: Rc<dyn Backend>,
    limits: OdbLimits,
    list: RefCell<Rc<Manifest>>,
    caches: RefCell<Caches>,
    pub(super) graph: RefCell<GraphCache>,
}

/// No cache is borrowed across an await.
struct Caches {
    shards: Lru<(PackId, u8), Rc<Shard>>,
    /// How many shards of each pack were read: see [`Odb::read_ahead`].
    shards_read: HashMap<PackId, usize>,
    blocks: Lru<(PackId, u32), Rc<Block>>,
    chunks: Lru<(PackId, u32), Rc<Vec<u8>>>,
    objects: Lru<Place, chain::Held>,
    /// Reused from one object to the next: a new one has its window and tables to allocate.
    inflater: Inflater,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Packed(PackId, u32),
    Row(ObjectId),
}

impl Odb {
    /// The objects of the repository in that database.
    pub async fn open(backend: Rc<dyn Backend>) -> Result<Self, StoreError> {
        Self::with_limits(backend, OdbLimits::default()).await
    }

    /// The same, with other limits.
    pub async fn with_limits(backend: Rc<dyn Backend>, limits: OdbLimits) -> Result<Self, StoreError> {
        let list = Manifest::load(&*backend, &Manifest::default()).await?;
        Ok(Odb {
            backend,
            limits,
            list: RefCell::new(Rc::new(list)),
            graph: RefCell::default(),
            caches: RefCell::new(Caches {
                shards: Lru::new(limits.index_cache / 2),
                shards_read: HashMap::new(),
                blocks: Lru::new(limits.index_cache / 2),
                chunks: Lru::new(limits.chunk_cache),
                objects: Lru::new(limits.object_cache),
                inflater: Inflater::new(),
            }),
        })
    }

    /// The packs, newest first, as they were when the repository was opened or last refreshed.
    pub fn packs(&self) -> Vec<LivePack> {
        self.manifest().packs.to_vec()
    }

    /// Kind and size of each, `None` where it is not stored, in the order asked.
    pub async fn info(&self, oids: &[ObjectId]) -> Result<Vec<Option<Info>>, StoreError> {
        self.for_each_steadily(oids, async |oids| self.info_now(oids).await)
            .await
    }

    /// Long lists are looked up in the order of the packs, some blocks at a time: each is read once,
    /// though the cache may hold few of them.
    async fn info_now(&self, oids: &[ObjectId]) -> Result<Vec<Option<Info>>, StoreError> {
        let mut infos = vec![None; oids.len()];
        let places = self.locate(oids).await?;
        let (mut packed, mut elsewhere) = (Vec::new(), Vec::new());
        for (oid, (place, info)) in oids.iter().zip(places.into_iter().zip(&mut infos)) {
            match place {
                Some((pack, row)) => packed.push((pack, row, info)),
                None => elsewhere.push((oid, info)),
            }
        }
        packed.sort_unstable_by_key(|(pack, row, _)| (pack.id, *row));
        let block_of = |pack: &LivePack, row: u32| (pack.id, row / pack.block_entries);
        let mut by_block: Vec<_> = packed
            .chunk_by_mut(|(pack, row, _), (other, next, _)| block_of(pack, *row) == block_of(other, *next))
            .collect();
        for some in by_block.chunks_mut(BLOCKS_AT_A_TIME) {
            let first = some.iter().filter_map(|entries| entries.first());
            let wanted = first.map(|(pack, row, _)| (*pack, row / pack.block_entries));
            let blocks = self.blocks(wanted.collect::<Vec<_>>().into_iter()).await?;
            for (pack, row, info) in some.iter_mut().flat_map(|entries| entries.iter_mut()) {
                let (entry, _) = find(&blocks, pack, *row)?;
                **info = Some(Info {
                    kind: entry.kind,
                    size: entry.size,
                });
            }
        }
        for group in elsewhere.chunks_mut(ROWS_AT_A_TIME) {
            let reads: Vec<Read> = group.iter().map(|(oid, _)| objects::read_info(oid)).collect();
            let rows = self.backend.get_many(&reads).await?;
            for ((oid, info), row) in group.iter_mut().zip(rows) {
                **info = row.map(|row| objects::info(oid, &row)).transpose()?;
            }
        }
        Ok(infos)
    }

    /// Reads one object. Fails with [`StoreError::Missing`] where it is not stored.
    pub async fn read(&self, oid: &ObjectId) -> Result<Object, StoreError> {
        let read = self.read_many(std::slice::from_ref(oid)).await?.pop().flatten();
        read.ok_or(StoreError::Missing { oid: *oid })
    }

    /// Reads many, `None` where one is not stored, in the order asked. The caller bounds the
    /// memory: all answers are held together.
    pub async fn read_many(&self, oids: &[ObjectId]) -> Result<Vec<Option<Object>>, StoreError> {
        self.for_each_steadily(oids, async |oids| self.read_now(oids).await)
            .await
    }

    async fn read_now(&self, oids: &[ObjectId]) -> Result<Vec<Option<Object>>, StoreError> {
        let mut answers: Vec<Option<Object>> = vec![None; oids.len()];
        let mut targets = Vec::new();
        let (mut at_rows, mut in_rows) = (Vec::new(), Vec::new());
        for (at, (oid, place)) in oids.iter().zip(self.locate(oids).await?).enumerate() {
            match place {
                Some((pack, row)) => targets.push(chain::Target::new(at, *oid, pack, row)),
                None => {
                    at_rows.push(at);
                    in_rows.push(*oid);
                }
            }
        }
        for (at, object) in self.read_packed(targets).await? {
            set(&mut answers, at, object);
        }
        for (at, object) in at_rows.into_iter().zip(self.read_rows(&in_rows).await?) {
            if let Some(object) = object {
                set(&mut answers, at, object);
            }
        }
        Ok(answers)
    }

    /// Reads objects that have a row each, `None` where there is none, in the order asked.
    pub(crate) async fn read_rows(&self, oids: &[ObjectId]) -> Result<Vec<Option<Object>>, StoreError> {
        let cached = |oid: &ObjectId| self.caches.borrow_mut().objects.get(&Place::Row(*oid));
        let mut answers: Vec<Option<Object>> = oids.iter().map(|oid| Some(cached(oid)?.object())).collect();
        let elsewhere = oids.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none());
        let mut elsewhere: Vec<_> = elsewhere.collect();
        // Grouped, so that a long list does not hold all rows and all objects.
        for group in elsewhere.chunks_mut(256) {
            let reads: Vec<Read> = group.iter().map(|(oid, _)| objects::read(oid)).collect();
            let rows = self.backend.get_many(&reads).await?;
            for ((oid, answer), row) in group.iter_mut().zip(rows) {
                if let Some(row) = row {
                    let limit = self.limits.object_bytes;
                    let object = objects::parse(oid, &row, limit, &mut self.caches.borrow_mut().inflater)?;
                    self.keep(Place::Row(**oid), chain::Held::verified(&object));
                    **answer = Some(object);
                }
            }
        }
        Ok(answers)
    }

    /// Reads objects of one pack by the rows of their entries, in the order asked. For the holder
    /// of the writer's lock, from whom no pack is taken away.
    pub(crate) async fn read_entries(
        &self,
        pack: &LivePack,
        entries: &[(ObjectId, u32)],
    ) -> Result<Vec<Object>, StoreError> {
        let targets = entries.iter().enumerate();
        let targets = targets.map(|(at, (oid, row))| chain::Target::new(at, *oid, *pack, *row));
        let mut objects = self.read_packed(targets.collect()).await?;
        objects.sort_unstable_by_key(|(at, _)| *at);
        Ok(objects.into_iter().map(|(_, object)| object).collect())
    }

    /// The ids that start with the given hex digits, in order, `limit` at most. Anything but hex
    /// digits fits no id.
    pub async fn expand(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        let fill = |digit: char| -> Option<ObjectId> {
            let missing = OID_HEX_LEN.checked_sub(prefix.len())?;
            let hex: String = prefix.chars().chain(std::iter::repeat_n(digit, missing)).collect();
            ObjectId::from_hex(hex.as_bytes())
        };
        let (Some(first), Some(last)) = (fill('0'), fill('f')) else {
            return Ok(Vec::new());
        };
        let mut ids = Vec::new();
        let mut oids = Oids::within(self, first, last);
        while ids.len() < limit {
            let Some(more) = oids.next().await? else { break };
            ids.extend(more);
        }
        ids.truncate(limit);
        Ok(ids)
    }

    /// All ids in order: see [`Oids::next`].
    pub fn oids(&self) -> Oids<'_> {
        Oids::within(self, ObjectId::NULL, ObjectId::new([0xff; OID_LEN]))
    }

    /// Content piece by piece, for objects too large to hold. See [`ObjectStream::next`]. The stream
    /// keeps the objects open, so that it can outlive the call that made it.
    pub async fn stream(self: &Rc<Self>, oid: &ObjectId) -> Result<ObjectStream, StoreError> {
        ObjectStream::open(self, *oid).await
    }

    /// Everything git's index of a pack holds, for export: `format::pack::index::write_idx` writes
    /// it. Takes 56 bytes of memory for each object. Fails with [`StoreError::Replaced`] if the pack
    /// was replaced by another one meanwhile.
    pub async fn pack_index(&self, pack: &LivePack) -> Result<PackIndex, StoreError> {
        let mut entries = Vec::new();
        for block in 0..pack.objects.div_ceil(pack.block_entries) {
            let rows = self.block_rows(&[(*pack, block)]).await;
            let block = self.replaced(pack.id, rows).await?.pop();
            entries.extend(block.iter().flat_map(|block| block.entries()));
        }
        Ok(PackIndex {
            entries,
            checksum: pack.checksum,
            bytes: pack.bytes,
            external: Vec::new(),
        })
    }

    /// The stored bytes of a pack, at most one chunk, from `offset` on; empty at its end. The caller
    /// checks the trailer. Fails with [`StoreError::Replaced`] as [`Odb::pack_index`] does.
    pub async fn pack_bytes(&self, pack: &LivePack, offset: u64) -> Result<Vec<u8>, StoreError> {
        let chunk_bytes = u64::from(pack.chunk_bytes);
        let (chunk, within) = (offset / chunk_bytes, offset % chunk_bytes);
        let Some(chunk) = u32::try_from(chunk).ok().filter(|_| offset < pack.bytes) else {
            return Ok(Vec::new());
        };
        let chunks = self.replaced(pack.id, self.chunks(pack, &[chunk]).await).await?;
        let within = usize::try_from(within).unwrap_or(usize::MAX);
        let bytes = chunks
            .into_iter()
            .next()
            .and_then(|chunk| Some(chunk.get(within..)?.to_vec()));
        bytes.ok_or_else(|| pack_store::damaged_chunk(pack.id, chunk))
    }

    /// The chunk of a pack in which a byte is, and the byte's place within it. Some behind it are
    /// read along, for a caller that goes on up to `until`. For the holder of the writer's lock.
    pub(crate) async fn chunk_at(
        &self,
        pack: &LivePack,
        offset: u64,
        until: u64,
    ) -> Result<(Rc<Vec<u8>>, usize), StoreError> {
        const AHEAD: u64 = 4;
        let chunk_bytes = u64::from(pack.chunk_bytes);
        let ahead = (offset + chunk_bytes * AHEAD)
            .min(until.max(offset + 1))
            .min(pack.bytes);
        let range = pack_store::chunks_of(&(offset..ahead), pack.chunk_bytes);
        let mut wanted: Vec<u32> = range.ok_or(StoreError::Limit { what: "chunks" })?.collect();
        if let Some(first) = wanted.first().copied()
            && self.caches.borrow().chunks.contains(&(pack.id, first))
        {
            wanted.truncate(1);
        }
        let chunk = self.chunks(pack, &wanted).await?.into_iter().next();
        let within = usize::try_from(offset % chunk_bytes).unwrap_or(usize::MAX);
        let chunk = chunk.filter(|chunk| within < chunk.len());
        let number = wanted.first().copied().unwrap_or(u32::MAX);
        Ok((chunk.ok_or_else(|| pack_store::damaged_chunk(pack.id, number))?, within))
    }

    /// Chunks of one pack, from the cache or else in one transaction.
    async fn chunks(&self, pack: &LivePack, wanted: &[u32]) -> Result<Vec<Rc<Vec<u8>>>, StoreError> {
        let mut chunks: Vec<Option<Rc<Vec<u8>>>> = {
            let mut caches = self.caches.borrow_mut();
            wanted
                .iter()
                .map(|chunk| caches.chunks.get(&(pack.id, *chunk)))
                .collect()
        };
        let absent = || {
            wanted
                .iter()
                .zip(&chunks)
                .filter(|(_, held)| held.is_none())
                .map(|(chunk, _)| *chunk)
        };
        let reads: Vec<Read> = absent().map(|chunk| pack_store::read_chunk(pack.id, chunk)).collect();
        if !reads.is_empty() {
            let rows = self.backend.get_many(&reads).await?;
            let slots = wanted.iter().zip(&mut chunks).filter(|(_, held)| held.is_none());
            for ((chunk, held), row) in slots.zip(rows) {
                let length = pack_store::chunk_len(*chunk, pack.chunk_bytes, pack.bytes);
                let row = row.filter(|row| row.len() as u64 == length);
                let row = Rc::new(row.ok_or_else(|| pack_store::damaged_chunk(pack.id, *chunk))?);
                self.caches
                    .borrow_mut()
                    .chunks
                    .insert((pack.id, *chunk), Rc::clone(&row), row.len());
                *held = Some(row);
            }
        }
        Ok(chunks.into_iter().flatten().collect())
    }

    fn keep(&self, place: Place, held: chain::Held) {
        let weight = held.weight();
        self.caches.borrow_mut().objects.insert(place, held, weight);
    }
}

fn set(answers: &mut [Option<Object>], at: usize, object: Object) {
    if let Some(answer) = answers.get_mut(at) {
        *answer = Some(object);
    }
}

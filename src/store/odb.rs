//! Verified reads of stored objects. An id leads through a shard to an entry ([`super::index`]), and
//! entries lead from delta to base, through chunks of the pack (`chain`). What comes out is hashed
//! before anybody sees it. Calls that run at the same time share caches, and wait for each other's
//! reads rather than read twice (`loading`). Nothing is locked: packs may be replaced while they are
//! read (`steady`).
//!
//! What it does not do: fetch what is missing, parse objects, write.

pub(crate) mod census;
mod chain;
mod chunks;
mod commits;
mod hashing;
mod loading;
mod locate;
mod oids;
pub(crate) mod raw;
mod steady;
mod stream;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use hashing::Hashing;
use loading::Loading;
pub(super) use loading::Wanted;
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
use crate::host::{Backend, Clock, Pace, Read};
use crate::sorted::order;

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

/// An object, unless it is larger than the caller wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All of it.
    Whole(Object),
    /// What the store tells of it. Its bytes were not verified.
    Large(Info),
}

impl Looked {
    /// Of an object that was read, for whoever wants `most` bytes of one.
    fn of(object: Object, most: u64) -> Self {
        let whole = Looked::Whole(object);
        match whole.info() {
            info if info.size > most => Looked::Large(info),
            _ => whole,
        }
    }

    /// Kind and size.
    pub fn info(&self) -> Info {
        match self {
            Looked::Whole(object) => Info {
                kind: object.kind,
                size: object.data.len() as u64,
            },
            Looked::Large(info) => *info,
        }
    }

    /// The object, if it was read.
    pub fn object(self) -> Option<Object> {
        match self {
            Looked::Whole(object) => Some(object),
            Looked::Large(_) => None,
        }
    }
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
            index_cache: 24 * MIB,
        }
    }
}

impl OdbLimits {
    /// The part of the index cache that is for shards; the rest is for blocks.
    fn shard_cache(&self) -> usize {
        self.index_cache / 3 * 2
    }
}

/// The objects of one repository. Every object that is handed out was hashed after it was read
/// from storage.
pub struct Odb {
    pub(super) backend: Rc<dyn Backend>,
    limits: OdbLimits,
    list: RefCell<Rc<Manifest>>,
    caches: RefCell<Caches>,
    pub(super) loading: Loading,
    hashing: Hashing,
    pace: Option<(Rc<dyn Clock>, Rc<Pace>)>,
    pub(super) graph: RefCell<GraphCache>,
}

/// No cache is borrowed across an await.
struct Caches {
    shards: Lru<(PackId, u8), Rc<Shard>>,
    /// How many shards of each pack were read: see [`Odb::read_ahead`].
    shards_read: HashMap<PackId, usize>,
    blocks: Lru<(PackId, u32), Rc<Block>>,
    /// Blocks around objects that were read lately: see [`Odb::locate_any`].
    near: VecDeque<(LivePack, Rc<Block>)>,
    chunks: Lru<(PackId, u32), Rc<Vec<u8>>>,
    objects: Lru<Place, chain::Held>,
    /// Reused from one object to the next: a new one has its window and tables to allocate. Not here
    /// while it is in use.
    inflater: Option<Inflater>,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Packed(PackId, u64),
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
            loading: Loading::default(),
            hashing: Hashing::default(),
            pace: None,
            caches: RefCell::new(Caches {
                shards: Lru::new(limits.shard_cache()),
                shards_read: HashMap::new(),
                near: VecDeque::new(),
                blocks: Lru::new(limits.index_cache - limits.shard_cache()),
                chunks: Lru::new(limits.chunk_cache),
                objects: Lru::new(limits.object_cache),
                inflater: None,
            }),
        })
    }

    /// The same, whose long reads let the event loop have its turn.
    pub fn paced(self, clock: Rc<dyn Clock>) -> Self {
        let pace = clock.pace();
        Odb {
            pace: Some((clock, pace)),
            ..self
        }
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
        let held = oids.iter().map(|oid| Some(Looked::Whole(self.held(oid)?).info()));
        let mut infos: Vec<Option<Info>> = held.collect();
        let open = oids.iter().zip(&mut infos).filter(|(_, info)| info.is_none());
        let (oids, open): (Vec<ObjectId>, Vec<&mut Option<Info>>) = open.map(|(oid, info)| (*oid, info)).unzip();
        let places = self.locate_any(&oids).await?;
        let (mut packed, mut elsewhere) = (Vec::new(), Vec::new());
        for (oid, (place, info)) in oids.iter().zip(places.into_iter().zip(open)) {
            match place {
                Some((pack, spot)) => packed.push((pack, spot.row, info)),
                None => elsewhere.push((oid, info)),
            }
        }
        order::sort_by_key(&mut packed, |(pack, row, _)| (pack.id, *row));
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
        let read = self.for_each_steadily(oids, async |oids| self.look_now(oids, u64::MAX).await);
        let read = read.await?.into_iter();
        Ok(read.map(|looked| looked.and_then(Looked::object)).collect())
    }

    /// What each is, and all of it where that is `most` bytes at most, in the order asked; `None`
    /// where it is not stored. What is stored as a delta is read to know its size, and kept in the cache.
    pub async fn look(&self, oids: &[ObjectId], most: u64) -> Result<Vec<Option<Looked>>, StoreError> {
        let looked = self.for_each_steadily(oids, async |oids| self.look_now(oids, most).await);
        match looked.await {
            Err(StoreError::TooLarge { .. }) => {
                let infos = self.info(oids).await?.into_iter();
                Ok(infos.map(|info| info.map(Looked::Large)).collect())
            }
            looked => looked,
        }
    }

    async fn look_now(&self, oids: &[ObjectId], most: u64) -> Result<Vec<Option<Looked>>, StoreError> {
        let held = oids.iter().map(|oid| Some(Looked::of(self.held(oid)?, most)));
        let mut answers: Vec<Option<Looked>> = held.collect();
        let open = oids.iter().zip(&answers).enumerate();
        let open = open.filter(|(_, (_, answer))| answer.is_none());
        let (ats, open): (Vec<usize>, Vec<ObjectId>) = open.map(|(at, (oid, _))| (at, *oid)).unzip();
        let mut targets = Vec::new();
        let (mut at_rows, mut in_rows) = (Vec::new(), Vec::new());
        for ((at, oid), place) in ats.into_iter().zip(&open).zip(self.locate_any(&open).await?) {
            match place {
                Some((pack, spot)) => targets.push(chain::Target::new(at, *oid, pack, spot.offset)),
                None => {
                    at_rows.push(at);
                    in_rows.push(*oid);
                }
            }
        }
        let rows = self.look_at_rows(&in_rows, most).await?;
        let rows = at_rows
            .into_iter()
            .zip(rows)
            .filter_map(|(at, found)| Some((at, found?)));
        for (at, found) in self.read_packed(targets, most).await?.into_iter().chain(rows) {
            if let Some(answer) = answers.get_mut(at) {
                *answer = Some(found);
            }
        }
        Ok(answers)
    }

    /// Reads objects that have a row each, `None` where there is none, in the order asked.
    pub(crate) async fn read_rows(&self, oids: &[ObjectId]) -> Result<Vec<Option<Object>>, StoreError> {
        let looked = self.look_at_rows(oids, u64::MAX).await?.into_iter();
        Ok(looked.map(|looked| looked.and_then(Looked::object)).collect())
    }

    async fn look_at_rows(&self, oids: &[ObjectId], most: u64) -> Result<Vec<Option<Looked>>, StoreError> {
        let held = oids.iter().map(|oid| Some(Looked::of(self.held(oid)?, most)));
        let mut answers: Vec<Option<Looked>> = held.collect();
        let elsewhere = oids.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none());
        let mut elsewhere: Vec<_> = elsewhere.collect();
        // Grouped, so that a long list does not hold all rows and all objects.
        for group in elsewhere.chunks_mut(256) {
            let reads: Vec<Read> = group.iter().map(|(oid, _)| objects::read(oid)).collect();
            let rows = self.backend.get_many(&reads).await?;
            for ((oid, answer), row) in group.iter_mut().zip(rows) {
                let Some(row) = row else { continue };
                let info = objects::info(oid, &row)?;
                if info.size > most {
                    **answer = Some(Looked::Large(info));
                    continue;
                }
                let limit = self.limits.object_bytes;
                let object = {
                    let inflater = &mut self.caches.borrow_mut().inflater;
                    objects::parse(oid, &row, limit, inflater.get_or_insert_default())?
                };
                self.keep(Place::Row(**oid), chain::Held::verified(&object));
                self.worked(object.data.len()).await;
                **answer = Some(Looked::Whole(object));
            }
        }
        Ok(answers)
    }

    /// Reads objects of one pack by the offsets of their entries, in the order asked. For the holder
    /// of the writer's lock, from whom no pack is taken away.
    pub(crate) async fn read_entries(
        &self,
        pack: &LivePack,
        entries: &[(ObjectId, u64)],
    ) -> Result<Vec<Object>, StoreError> {
        let targets = entries.iter().enumerate();
        let targets = targets.map(|(at, (oid, offset))| chain::Target::new(at, *oid, *pack, *offset));
        let mut objects = self.read_packed(targets.collect(), u64::MAX).await?;
        order::sort_by_key(&mut objects, |(at, _)| *at);
        Ok(objects.into_iter().filter_map(|(_, looked)| looked.object()).collect())
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

    /// So many bytes were inflated, put together or hashed.
    pub(super) async fn worked(&self, bytes: usize) {
        let Some((clock, pace)) = &self.pace else { return };
        pace.worked(bytes);
        pace.pause_if_over(&**clock).await;
    }

    /// Keeps objects that were given a row each just now. The caller has hashed them.
    pub(crate) fn hold(&self, objects: &[(ObjectId, Object)]) {
        for (oid, object) in objects {
            self.keep(Place::Row(*oid), chain::Held::verified(object));
        }
    }

    /// An object with a row of its own, if it is in the cache.
    fn held(&self, oid: &ObjectId) -> Option<Object> {
        Some(self.caches.borrow_mut().objects.get(&Place::Row(*oid))?.object())
    }

    fn keep(&self, place: Place, held: chain::Held) {
        let weight = held.weight();
        self.caches.borrow_mut().objects.insert(place, held, weight);
    }
}

//! From an id to a row and from a row to its place in the pack: shards and blocks of the packs'
//! indexes, from the caches or else one transaction for all that are wanted.

use std::collections::HashMap;
use std::rc::Rc;

use super::Odb;
use super::loading::Wanted;
use crate::format::oid::ObjectId;
use crate::host::{Read, Table};
use crate::sorted::SortedSet;
use crate::store::error::{Fault, StoreError};
use crate::store::index::{self, Block, Shard, Spot};
use crate::store::pack_store::{LivePack, PackId};

/// Shards of a pack that are read before any are read ahead: a path of some directories, or the few
/// directories of a tree that are not near the others.
const ALONE: usize = 24;

/// A block is read for objects around one if it saves reading so many shards, or more.
const WORTH_A_BLOCK: usize = 4;

/// Blocks that are looked through before any shard.
const NEAR: usize = 16;

/// Lists of more objects than that need nearly all shards.
const MANY: usize = 4096;

/// Of the shards that would be read, one in so many is, to find blocks around objects.
const SEEDS: usize = 16;

impl Odb {
    /// In which pack of the list as it is known, and where, each object is; `None` if in no pack.
    pub(super) async fn locate(&self, oids: &[ObjectId]) -> Result<Vec<Option<(LivePack, Spot)>>, StoreError> {
        let list = self.manifest();
        self.locate_in(&list.packs, oids).await
    }

    /// The same, for whoever reads them: of several copies any will do.
    ///
    /// What is read together was mostly packed together, and ids are spread over all shards: of many
    /// objects, the block around one names most of the others, where each would need a shard.
    pub(super) async fn locate_any(&self, oids: &[ObjectId]) -> Result<Vec<Option<(LivePack, Spot)>>, StoreError> {
        if oids.len() > MANY {
            return self.locate(oids).await;
        }
        let mut places = vec![None; oids.len()];
        for (pack, block) in &self.caches.borrow().near {
            look_in(pack, block, oids, &mut places);
        }
        let open = |places: &[Option<(LivePack, Spot)>]| -> Vec<ObjectId> {
            let open = oids.iter().zip(places).filter(|(_, place)| place.is_none());
            open.map(|(oid, _)| *oid).collect()
        };
        loop {
            let open = open(&places);
            let shards = self.shards_to_read(&open);
            if shards < WORTH_A_BLOCK {
                break;
            }
            // Spread over the list: what is listed together was packed together.
            let apart = open.len().div_ceil(shards.div_ceil(SEEDS));
            let seeds: Vec<ObjectId> = open.iter().step_by(apart).copied().collect();
            let seeds = self.locate(&seeds).await?.into_iter().flatten();
            let wanted: Vec<_> = seeds
                .map(|(pack, spot)| (pack, spot.row / pack.block_entries))
                .collect();
            let blocks = self.blocks(wanted.iter().copied()).await?;
            let mut worth_it = false;
            for (pack, number) in wanted {
                let Some(block) = blocks.get(&(pack.id, number)) else {
                    continue;
                };
                if look_in(&pack, block, oids, &mut places) >= WORTH_A_BLOCK {
                    worth_it = true;
                    let near = &mut self.caches.borrow_mut().near;
                    near.truncate(NEAR - 1);
                    near.push_front((pack, Rc::clone(block)));
                }
            }
            if !worth_it {
                break;
            }
        }
        let mut others = self.locate(&open(&places)).await?.into_iter();
        for place in places.iter_mut().filter(|place| place.is_none()) {
            *place = others.next().flatten();
        }
        Ok(places)
    }

    /// The same, in some packs.
    pub(super) async fn locate_in(
        &self,
        packs: &[LivePack],
        oids: &[ObjectId],
    ) -> Result<Vec<Option<(LivePack, Spot)>>, StoreError> {
        let mut wanted = Vec::new();
        for pack in packs.iter() {
            let of = |oid: &ObjectId| index::shard_of(pack.shard_bits, oid.first_byte());
            let numbers: SortedSet<u8> = oids.iter().map(of).collect();
            wanted.extend(numbers.into_iter().map(|shard| (*pack, (pack.id, shard))));
        }
        let shards = self.shards(wanted).await?;
        let find = |oid: &ObjectId| {
            packs.iter().find_map(|pack| {
                let shard = index::shard_of(pack.shard_bits, oid.first_byte());
                Some((*pack, shards.get(&(pack.id, shard))?.find(oid)?))
            })
        };
        Ok(oids.iter().map(find).collect())
    }

    /// How many shards of the newest pack would be read for objects.
    fn shards_to_read(&self, oids: &[ObjectId]) -> usize {
        let list = self.manifest();
        let Some(pack) = list.packs.first() else { return 0 };
        let shard = |oid: &ObjectId| index::shard_of(pack.shard_bits, oid.first_byte());
        let shards: SortedSet<u8> = oids.iter().map(shard).collect();
        let caches = self.caches.borrow();
        let absent = shards
            .into_iter()
            .filter(|shard| !caches.shards.contains(&(pack.id, *shard)));
        absent.count()
    }

    /// The named shards, from the cache or else in one transaction. `wanted` is grouped by packs.
    pub(super) async fn shards(
        &self,
        mut wanted: Vec<(LivePack, (PackId, u8))>,
    ) -> Result<HashMap<(PackId, u8), Rc<Shard>>, StoreError> {
        let mut shards = HashMap::new();
        loop {
            wanted.retain(|(_, key)| {
                let cached = self.caches.borrow_mut().shards.get(key);
                shards.extend(cached.map(|shard| (*key, shard)));
                !shards.contains_key(key)
            });
            if wanted.is_empty() {
                return Ok(shards);
            }
            let rows: Vec<Wanted> = wanted
                .iter()
                .map(|(_, (pack, shard))| Wanted::Shard(*pack, *shard))
                .collect();
            let Some(claim) = self.loading.claim(&rows).await else {
                continue;
            };
            let ours = |(_, (pack, shard)): &&(LivePack, (PackId, u8))| claim.has(Wanted::Shard(*pack, *shard));
            let mut reading: Vec<_> = wanted.iter().filter(ours).copied().collect();
            let asked = reading.len();
            self.read_ahead(&mut reading);
            let ahead = reading
                .iter()
                .skip(asked)
                .map(|(_, (pack, shard))| Wanted::Shard(*pack, *shard));
            let ahead_claim = self.loading.claim_free(ahead);
            let mut position = 0;
            reading.retain(|(_, (pack, shard))| {
                position += 1;
                position <= asked || ahead_claim.has(Wanted::Shard(*pack, *shard))
            });
            shards.extend(self.shard_rows(&reading, asked).await?);
        }
    }

    /// Adds to the shards that are wanted as many more of their packs as were read of those before:
    /// whoever follows objects one by one has all shards after a few transactions, since ids are
    /// spread evenly, and whoever looks up a few objects, or many at once, reads no more than theirs.
    /// Not for packs whose shards would fill the cache.
    fn read_ahead(&self, wanted: &mut Vec<(LivePack, (PackId, u8))>) {
        let mut caches = self.caches.borrow_mut();
        let mut ahead = Vec::new();
        for group in wanted.chunk_by(|one, other| one.0.id == other.0.id) {
            let Some((pack, (_, first))) = group.first() else {
                continue;
            };
            let read = caches.shards_read.entry(pack.id).or_default();
            let one_by_one = group.len() < ALONE && *read >= ALONE;
            let more = if one_by_one { *read } else { 0 };
            *read += group.len();
            let weight = usize::try_from(pack.objects)
                .unwrap_or(usize::MAX)
                .saturating_mul(index::SHARD_WEIGHT);
            if weight > self.limits.shard_cache() / 4 * 3 {
                continue;
            }
            let last = index::shard_of(pack.shard_bits, u8::MAX);
            let following = (first.saturating_add(1)..=last)
                .chain(0..*first)
                .map(|shard| (pack.id, shard));
            let before = ahead.len();
            for key in following {
                if ahead.len() - before == more {
                    break;
                }
                if !group.iter().any(|(_, other)| *other == key) && !caches.shards.contains(&key) {
                    ahead.push((*pack, key));
                }
            }
            *caches.shards_read.entry(pack.id).or_default() += ahead.len() - before;
        }
        wanted.extend(ahead);
    }

    /// Reads shards in one transaction. Of those behind the first `asked` ones, a damaged one is
    /// left out.
    async fn shard_rows(
        &self,
        wanted: &[(LivePack, (PackId, u8))],
        asked: usize,
    ) -> Result<Vec<((PackId, u8), Rc<Shard>)>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let reads: Vec<Read> = wanted
            .iter()
            .map(|(_, (pack, shard))| read_index(index::shard_key(*pack, *shard)))
            .collect();
        let rows = self.backend.get_many(&reads).await?;
        let mut shards = Vec::new();
        for (at, (((pack, key), row), read)) in wanted.iter().zip(rows).zip(reads).enumerate() {
            let shard = row
                .ok_or_else(|| absent(read.key))
                .and_then(|row| Shard::parse(pack, key.1, &row));
            let shard = match shard {
                Ok(shard) => Rc::new(shard),
                // Somebody else's damage, until it is asked for.
                Err(_) if at >= asked => continue,
                Err(error) => return Err(error),
            };
            self.caches
                .borrow_mut()
                .shards
                .insert(*key, Rc::clone(&shard), shard.weight());
            shards.push((*key, shard));
        }
        Ok(shards)
    }

    /// The named blocks, from the cache or else in one transaction.
    pub(super) async fn blocks(
        &self,
        wanted: impl Iterator<Item = (LivePack, u32)>,
    ) -> Result<HashMap<(PackId, u32), Rc<Block>>, StoreError> {
        let mut blocks = HashMap::new();
        let mut absent: Vec<(LivePack, u32)> = Vec::new();
        for (pack, block) in wanted {
            if !absent
                .iter()
                .any(|(other, number)| (other.id, *number) == (pack.id, block))
            {
                absent.push((pack, block));
            }
        }
        loop {
            absent.retain(|(pack, number)| {
                let key = (pack.id, *number);
                let cached = self.caches.borrow_mut().blocks.get(&key);
                blocks.extend(cached.map(|block| (key, block)));
                !blocks.contains_key(&key)
            });
            if absent.is_empty() {
                return Ok(blocks);
            }
            let rows: Vec<Wanted> = absent
                .iter()
                .map(|(pack, block)| Wanted::Block(pack.id, *block))
                .collect();
            let Some(claim) = self.loading.claim(&rows).await else {
                continue;
            };
            let ours = |(pack, block): &&(LivePack, u32)| claim.has(Wanted::Block(pack.id, *block));
            let ours: Vec<(LivePack, u32)> = absent.iter().filter(ours).copied().collect();
            for ((pack, at), block) in ours.iter().zip(self.block_rows(&ours).await?) {
                let mut caches = self.caches.borrow_mut();
                caches.blocks.insert((pack.id, *at), Rc::clone(&block), block.weight());
                blocks.insert((pack.id, *at), block);
            }
        }
    }

    pub(super) async fn block_rows(&self, wanted: &[(LivePack, u32)]) -> Result<Vec<Rc<Block>>, StoreError> {
        let reads: Vec<Read> = wanted
            .iter()
            .map(|(pack, block)| read_index(index::block_key(pack.id, *block)))
            .collect();
        let rows = self.backend.get_many(&reads).await?;
        let mut blocks = Vec::with_capacity(wanted.len());
        for (((pack, block), row), read) in wanted.iter().zip(rows).zip(reads) {
            let row = row.ok_or_else(|| absent(read.key))?;
            blocks.push(Rc::new(Block::parse(pack, *block, &row)?));
        }
        Ok(blocks)
    }
}

/// Looks for objects that were not found yet in a block; answers how many are there.
fn look_in(pack: &LivePack, block: &Block, oids: &[ObjectId], places: &mut [Option<(LivePack, Spot)>]) -> usize {
    let mut found = 0;
    for (oid, place) in oids.iter().zip(places).filter(|(_, place)| place.is_none()) {
        *place = block.find(oid).map(|spot| (*pack, spot));
        found += usize::from(place.is_some());
    }
    found
}

fn read_index(key: Vec<u8>) -> Read {
    Read {
        table: Table::Index,
        key,
        range: None,
    }
}

fn absent(key: Vec<u8>) -> StoreError {
    StoreError::Row {
        table: Table::Index,
        key,
        fault: Fault::Absent,
    }
}

/// An entry, and where it ends, out of blocks that were loaded.
pub(super) fn find(
    blocks: &HashMap<(PackId, u32), Rc<Block>>,
    pack: &LivePack,
    row: u32,
) -> Result<(crate::format::pack::Entry, u64), StoreError> {
    let block = row / pack.block_entries;
    let found = blocks.get(&(pack.id, block)).and_then(|block| block.entry(row));
    found.ok_or_else(|| absent(index::block_key(pack.id, block)))
}

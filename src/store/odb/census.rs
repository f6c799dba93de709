//! Every stored copy of every object, in memory: what git-gc(1) and git-repack(1) start from. A
//! copy has a number, and an object the number of its first copy: 52 bytes each.
//!
//! Copies are numbered by where they are, and the order of the places decides which of several
//! copies counts: packs from a promisor, then local packs, oldest first, then rows, then packs of
//! unreachable objects. A base that a delta is stored beside is in the delta's own pack or counts
//! in an earlier one, so taking the deltas of the copies that count never leads in a circle.

use std::collections::VecDeque;

use super::{Object, Odb};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::{Read, Table};
use crate::sorted::order;
use crate::store::error::{Fault, StoreError};
use crate::store::pack_store::LivePack;
use crate::store::{cruft, objects};

/// No base.
const NONE: u32 = u32::MAX;

/// Keys of rows that are listed at a time.
const KEYS: usize = 4096;

/// Objects that are read together, and their bytes.
const TOGETHER: usize = 1024;
const TOGETHER_BYTES: u64 = 4 << 20;

/// All that is stored.
pub(crate) struct Census {
    sources: Vec<Source>,
    copies: Vec<Stored>,
    /// The first copy of each object, ordered by id.
    by_oid: Vec<u32>,
}

/// A place that objects are in.
pub(crate) struct Source {
    /// The pack; `None` for the objects that have a row each.
    pub(crate) pack: Option<LivePack>,
    /// The number of its first copy. The others follow in the order of the pack.
    first: u32,
    /// Of a pack of unreachable objects: since when each is known to be one.
    times: Vec<i64>,
}

/// A copy of an object. Offset, base and CRC-32 only if it is in a pack.
pub(crate) struct Stored {
    pub(crate) oid: ObjectId,
    /// The row, in the same pack, of what it is a delta against.
    base: u32,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) crc32: u32,
    pub(crate) kind: Kind,
}

impl Odb {
    /// Takes the census, of the packs as they are known. For the holder of the writer's lock.
    pub(crate) async fn census(&self) -> Result<Census, StoreError> {
        let mut packs = self.packs();
        order::sort_by_key(&mut packs, |pack| (pack.cruft, !pack.promisor, pack.id));
        let cruft = packs.partition_point(|pack| !pack.cruft);
        let mut census = Census {
            sources: Vec::new(),
            copies: Vec::new(),
            by_oid: Vec::new(),
        };
        let (packs, cruft) = packs.split_at(cruft);
        for pack in packs {
            census.add_pack(self, pack).await?;
        }
        census.add_rows(self).await?;
        for pack in cruft {
            census.add_pack(self, pack).await?;
        }
        census.by_oid = (0..census.next()?).collect();
        let copies = &census.copies;
        let oid = |number: &u32| copies.get(index(*number)).map(|stored| stored.oid);
        census.by_oid.sort_unstable_by_key(|number| (oid(number), *number));
        census.by_oid.dedup_by_key(|number| oid(number));
        Ok(census)
    }
}

impl Census {
    /// The number of the next copy.
    fn next(&self) -> Result<u32, StoreError> {
        let number = u32::try_from(self.copies.len()).ok().filter(|number| *number != NONE);
        number.ok_or(StoreError::Limit { what: "objects" })
    }

    async fn add_pack(&mut self, odb: &Odb, pack: &LivePack) -> Result<(), StoreError> {
        let first = self.next()?;
        let times = match pack.cruft {
            true => cruft::times(&*odb.backend, pack).await?,
            false => Vec::new(),
        };
        for block in 0..pack.objects.div_ceil(pack.block_entries) {
            for block in odb.block_rows(&[(*pack, block)]).await? {
                self.copies.extend(block.entries().iter().map(|entry| Stored {
                    oid: entry.oid,
                    base: entry.base.unwrap_or(NONE),
                    offset: entry.offset,
                    size: entry.size,
                    crc32: entry.crc32,
                    kind: entry.kind,
                }));
            }
        }
        self.sources.push(Source {
            pack: Some(*pack),
            first,
            times,
        });
        Ok(())
    }

    async fn add_rows(&mut self, odb: &Odb) -> Result<(), StoreError> {
        let first = self.next()?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let keys = odb
                .backend
                .list_keys(Table::Objects, b"", after.as_deref(), KEYS)
                .await?;
            let oids: Vec<ObjectId> = keys.iter().filter_map(|key| ObjectId::from_bytes(key)).collect();
            let reads: Vec<Read> = oids.iter().map(objects::read_info).collect();
            for (oid, row) in oids.into_iter().zip(odb.backend.get_many(&reads).await?) {
                let info = objects::info(&oid, &row.ok_or(StoreError::Missing { oid })?)?;
                self.copies.push(Stored {
                    oid,
                    base: NONE,
                    offset: 0,
                    size: info.size,
                    crc32: 0,
                    kind: info.kind,
                });
            }
            match keys.into_iter().next_back() {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        self.sources.push(Source {
            pack: None,
            first,
            times: Vec::new(),
        });
        Ok(())
    }

    /// How many copies there are: one more than the largest number.
    pub(crate) fn copies(&self) -> usize {
        self.copies.len()
    }

    /// Every object once, ordered by id: the numbers of the copies that count.
    pub(crate) fn objects(&self) -> &[u32] {
        &self.by_oid
    }

    /// The number of an object.
    pub(crate) fn find(&self, oid: &ObjectId) -> Option<u32> {
        let at = self.by_oid.binary_search_by_key(oid, |number| self.get(*number).oid);
        self.by_oid.get(at.ok()?).copied()
    }

    /// A copy. Numbers come from this census alone.
    pub(crate) fn get(&self, number: u32) -> &Stored {
        &self.copies[index(number)]
    }

    /// Where a copy is: the place's position among all, the place, and the row within it.
    pub(crate) fn place(&self, number: u32) -> (usize, &Source, u32) {
        let at = self.sources.partition_point(|source| source.first <= number) - 1;
        let source = &self.sources[at];
        (at, source, number - source.first)
    }

    /// All places, in order.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The copy, in the same pack, that a copy is a delta against.
    pub(crate) fn base(&self, number: u32) -> Option<u32> {
        let base = Some(self.get(number).base).filter(|base| *base != NONE)?;
        Some(self.place(number).1.first + base)
    }

    /// Where the entry of a copy ends in its pack.
    pub(crate) fn end(&self, number: u32) -> u64 {
        let (_, source, row) = self.place(number);
        let Some(pack) = &source.pack else { return 0 };
        match row + 1 < pack.objects {
            true => self.get(number + 1).offset,
            false => pack.bytes.saturating_sub(OID_LEN as u64),
        }
    }

    /// Since when an object is known to be unreachable, if no copy of it is known otherwise.
    pub(crate) fn since(&self, number: u32) -> Option<i64> {
        let (_, source, row) = self.place(number);
        source.times.get(index(row)).copied()
    }

    /// Objects that have a row each.
    pub(crate) fn rows(&self) -> Vec<ObjectId> {
        let at = self.sources.iter().position(|source| source.pack.is_none());
        let first = |at: usize| {
            self.sources
                .get(at)
                .map_or(self.copies.len(), |source| index(source.first))
        };
        let rows = at.and_then(|at| self.copies.get(first(at)..first(at + 1)));
        rows.unwrap_or_default().iter().map(|stored| stored.oid).collect()
    }

    /// Takes numbers off the front that can be read together: of one place, and not too large.
    pub(crate) fn batch(&self, numbers: &mut VecDeque<u32>) -> Vec<u32> {
        let mut batch: Vec<u32> = Vec::new();
        let mut bytes = 0;
        while let Some(number) = numbers.front().copied() {
            bytes += self.get(number).size;
            let apart = |first: u32| self.place(first).0 != self.place(number).0;
            let full = bytes > TOGETHER_BYTES || batch.len() == TOGETHER;
            if batch.first().is_some_and(|first| full || apart(*first)) {
                break;
            }
            batch.push(number);
            numbers.pop_front();
        }
        batch
    }

    /// Reads a [batch](Census::batch), in its order.
    pub(crate) async fn read(&self, odb: &Odb, batch: &[u32]) -> Result<Vec<Object>, StoreError> {
        let Some(first) = batch.first() else {
            return Ok(Vec::new());
        };
        if let Some(pack) = self.place(*first).1.pack {
            let stored = batch.iter().map(|number| self.get(*number));
            let entries: Vec<_> = stored.map(|stored| (stored.oid, stored.offset)).collect();
            return odb.read_entries(&pack, &entries).await;
        }
        let oids: Vec<ObjectId> = batch.iter().map(|number| self.get(*number).oid).collect();
        let found = oids.iter().zip(odb.read_rows(&oids).await?);
        found
            .map(|(oid, object)| object.ok_or(StoreError::Missing { oid: *oid }))
            .collect()
    }

    /// How deep the deepest delta of any pack is; fails if deltas go in a circle.
    pub(crate) fn deepest(&self) -> Result<u32, StoreError> {
        const OPEN: u32 = NONE - 1;
        let mut depths = vec![NONE; self.copies.len()];
        let mut deepest = 0;
        let mut above = Vec::new();
        for number in 0..self.next()? {
            let mut at = number;
            // Down to what is known, then up again.
            let mut depth = loop {
                match depths.get(index(at)).copied() {
                    Some(OPEN) => {
                        let oid = self.get(at).oid;
                        let fault = Fault::Inconsistent("is a delta of itself");
                        return Err(StoreError::Object { oid, fault });
                    }
                    Some(NONE) | None => {}
                    Some(depth) => break depth + 1,
                }
                if let Some(slot) = depths.get_mut(index(at)) {
                    *slot = OPEN;
                }
                above.push(at);
                match self.base(at) {
                    Some(base) => at = base,
                    None => break 0,
                }
            };
            while let Some(number) = above.pop() {
                if let Some(slot) = depths.get_mut(index(number)) {
                    *slot = depth;
                }
                deepest = deepest.max(depth);
                depth += 1;
            }
        }
        Ok(deepest)
    }
}

/// A number as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

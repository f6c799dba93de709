//! Objects of packs: chains of deltas, planned from the index, read in few transactions, applied
//! from the root. Nothing recurses: a chain may have 50 000 links.

use std::collections::HashMap;
use std::rc::Rc;

use super::locate::find;
use super::{Object, Odb, Place};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::delta;
use crate::format::pack::entry::{self, EntryKind};
use crate::store::error::{Fault, StoreError};
use crate::store::index::Block;
use crate::store::objects::verify;
use crate::store::pack_store::{LivePack, PackId, assemble, chunks_of};

/// An object to read.
pub(super) struct Target {
    at: usize,
    oid: ObjectId,
    pack: LivePack,
    row: u32,
    /// From the object to the root, as far as it is planned.
    chain: Vec<Link>,
    /// The row to look at next.
    next: Option<u32>,
    /// A row that was passed, to notice a circle (Brent's algorithm).
    passed: u32,
    /// What the chain stands on, where that was in the cache.
    base: Option<Held>,
}

/// One entry of a pack.
#[derive(Clone, Copy)]
struct Link {
    row: u32,
    offset: u64,
    end: u64,
    size: u64,
    kind: Kind,
    delta: bool,
}

/// An object in the cache. Bases of deltas are kept before anybody asked for them by their id.
#[derive(Clone)]
pub(super) struct Held {
    object: Object,
    verified: bool,
}

impl Held {
    pub(super) fn verified(object: &Object) -> Self {
        Held {
            object: object.clone(),
            verified: true,
        }
    }

    pub(super) fn object(self) -> Object {
        self.object
    }

    pub(super) fn weight(&self) -> usize {
        self.object.data.capacity() + 96
    }
}

impl Target {
    pub(super) fn new(at: usize, oid: ObjectId, pack: LivePack, row: u32) -> Self {
        Target {
            at,
            oid,
            pack,
            row,
            chain: Vec::new(),
            next: Some(row),
            passed: u32::MAX,
            base: None,
        }
    }

    fn fail(&self, fault: Fault) -> StoreError {
        StoreError::Object { oid: self.oid, fault }
    }
}

impl Odb {
    /// Reads objects of packs; the answers come in any order, with their `at`.
    pub(super) async fn read_packed(&self, mut targets: Vec<Target>) -> Result<Vec<(usize, Object)>, StoreError> {
        self.plan(&mut targets).await?;
        targets.sort_unstable_by_key(|target| (target.pack.id, target.row));
        let mut answers = Vec::with_capacity(targets.len());
        let mut loaded = Loaded::default();
        for at in 0..targets.len() {
            let (_, rest) = targets.split_at(at);
            let Some(target) = rest.first() else { break };
            let object = self.resolve(target, rest, &mut loaded).await?;
            answers.push((target.at, object));
        }
        Ok(answers)
    }

    /// Follows every chain down to its root, or to something in the cache; the index rows that all
    /// chains need next are read in one transaction.
    async fn plan(&self, targets: &mut [Target]) -> Result<(), StoreError> {
        let mut blocks: HashMap<(PackId, u32), Rc<Block>> = HashMap::new();
        loop {
            let mut wanted = Vec::new();
            for target in &mut *targets {
                if let Some(block) = self.follow(target, &blocks)? {
                    wanted.push((target.pack, block));
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            blocks = self.blocks(wanted.into_iter()).await?;
        }
    }

    /// Follows one chain; answers the block without which it cannot go on.
    fn follow(
        &self,
        target: &mut Target,
        blocks: &HashMap<(PackId, u32), Rc<Block>>,
    ) -> Result<Option<u32>, StoreError> {
        while let Some(row) = target.next {
            if let Some(held) = self
                .caches
                .borrow_mut()
                .objects
                .get(&Place::Packed(target.pack.id, row))
            {
                target.base = Some(held);
                target.next = None;
                break;
            }
            let block = row / target.pack.block_entries;
            if !blocks.contains_key(&(target.pack.id, block)) {
                return Ok(Some(block));
            }
            let (entry, end) = find(blocks, &target.pack, row)?;
            if entry.size > self.limits.object_bytes {
                return Err(StoreError::TooLarge {
                    oid: target.oid,
                    size: entry.size,
                    limit: self.limits.object_bytes,
                });
            }
            if row == target.row && entry.oid != target.oid {
                return Err(target.fail(Fault::Inconsistent("is listed under another row")));
            }
            target.chain.push(Link {
                row,
                offset: entry.offset,
                end,
                size: entry.size,
                kind: entry.kind,
                delta: entry.base.is_some(),
            });
            if entry.base == Some(target.passed) {
                return Err(target.fail(Fault::Inconsistent("is a delta of itself")));
            }
            if target.chain.len().is_power_of_two() {
                target.passed = row;
            }
            target.next = entry.base;
        }
        Ok(None)
    }

    /// Applies a chain. `upcoming` starts with the target: what it and those after it need is read
    /// together, as far as the budget goes.
    async fn resolve(&self, target: &Target, upcoming: &[Target], loaded: &mut Loaded) -> Result<Object, StoreError> {
        // Another target of this call may have passed here since the plan was made.
        let (mut links, mut base) = (target.chain.as_slice(), target.base.clone());
        for (depth, link) in target.chain.iter().enumerate() {
            let place = Place::Packed(target.pack.id, link.row);
            if let Some(held) = self.caches.borrow_mut().objects.get(&place) {
                links = target.chain.get(..depth).unwrap_or_default();
                base = Some(held);
                break;
            }
        }
        let mut scratch = Vec::new();
        for (depth, link) in links.iter().enumerate().rev() {
            if !loaded.has(&target.pack, link) {
                let above = links.get(..=depth).unwrap_or_default();
                self.load(target, above, upcoming, loaded).await?;
            }
            let data = self.apply(target, link, base.as_ref(), loaded, &mut scratch)?;
            let held = Held {
                object: Object {
                    kind: link.kind,
                    data: Rc::new(data),
                },
                verified: false,
            };
            if depth > 0 {
                self.keep(Place::Packed(target.pack.id, link.row), held.clone());
            }
            base = Some(held);
        }
        let Some(mut held) = base else {
            return Err(target.fail(Fault::Absent));
        };
        if !held.verified {
            verify(&target.oid, held.object.kind, &held.object.data)?;
            held.verified = true;
            self.keep(Place::Packed(target.pack.id, target.row), held.clone());
        }
        Ok(held.object)
    }

    /// Makes what a link needs from its entry and its base.
    fn apply(
        &self,
        target: &Target,
        link: &Link,
        base: Option<&Held>,
        loaded: &Loaded,
        scratch: &mut Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let fail = |fault| target.fail(fault);
        let get = |chunk| {
            loaded
                .chunks
                .get(&(target.pack.id, chunk))
                .map(|bytes| bytes.as_slice())
        };
        let bytes = assemble(&(link.offset..link.end), target.pack.chunk_bytes, get).ok_or(fail(Fault::Length))?;
        let header = entry::read(&bytes).ok().flatten().ok_or(fail(Fault::Layout))?;
        let stream = bytes.get(header.length..).ok_or(fail(Fault::Length))?;
        let inflate =
            |stream: &[u8], size, out: &mut Vec<u8>| self.caches.borrow_mut().inflater.inflate(stream, size, out);
        let mut data = Vec::new();
        match (header.kind, base) {
            (EntryKind::Whole(kind), None) if !link.delta && kind == link.kind && header.size == link.size => {
                inflate(stream, link.size, &mut data).map_err(|_| fail(Fault::Inflate))?;
            }
            (EntryKind::OffsetDelta(_) | EntryKind::RefDelta(_), Some(base)) if link.delta => {
                if header.size > self.limits.object_bytes {
                    return Err(StoreError::TooLarge {
                        oid: target.oid,
                        size: header.size,
                        limit: self.limits.object_bytes,
                    });
                }
                if base.object.kind != link.kind {
                    return Err(fail(Fault::Inconsistent("has another kind than its base")));
                }
                inflate(stream, header.size, scratch).map_err(|_| fail(Fault::Inflate))?;
                let sizes = delta::sizes(scratch).map_err(|_| fail(Fault::Delta))?;
                if sizes.result != link.size {
                    return Err(fail(Fault::Inconsistent("has another size than its index says")));
                }
                delta::apply(&base.object.data, scratch, &mut data).map_err(|_| fail(Fault::Delta))?;
            }
            _ => return Err(fail(Fault::Inconsistent("is not what its index says"))),
        }
        Ok(data)
    }

    /// Reads, in one transaction, the chunks of the links still to be applied, and then of the
    /// chains that come next, until half of the chunk budget is used. The first link's chunks are
    /// read whatever they weigh.
    async fn load(
        &self,
        target: &Target,
        links: &[Link],
        upcoming: &[Target],
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let pack = &target.pack;
        let budget = self.limits.chunk_cache / 2;
        let later = upcoming.iter().skip(1).take_while(|other| other.pack.id == pack.id);
        let all = links
            .iter()
            .rev()
            .chain(later.flat_map(|other| other.chain.iter().rev()));
        let mut wanted: Vec<u32> = Vec::new();
        let mut first = true;
        for link in all {
            let chunks = chunks_of(&(link.offset..link.end), pack.chunk_bytes);
            let chunks = chunks.ok_or_else(|| target.fail(Fault::Length))?;
            let new = chunks.filter(|chunk| !wanted.contains(chunk)).collect::<Vec<_>>();
            let weight = (wanted.len() + new.len()).saturating_mul(pack.chunk_bytes as usize);
            if !first && weight > budget {
                break;
            }
            first = false;
            wanted.extend(new);
        }
        let chunks = self.chunks(pack, &wanted).await.map_err(|error| match error {
            StoreError::Row { fault, .. } => target.fail(fault),
            other => other,
        })?;
        loaded.chunks = wanted.into_iter().map(|chunk| (pack.id, chunk)).zip(chunks).collect();
        Ok(())
    }
}

/// The chunks that are being worked on; the cache may have let go of them.
#[derive(Default)]
struct Loaded {
    chunks: HashMap<(PackId, u32), Rc<Vec<u8>>>,
}

impl Loaded {
    fn has(&self, pack: &LivePack, link: &Link) -> bool {
        chunks_of(&(link.offset..link.end), pack.chunk_bytes)
            .is_some_and(|mut chunks| chunks.all(|chunk| self.chunks.contains_key(&(pack.id, chunk))))
    }
}

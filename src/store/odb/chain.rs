//! Objects of packs: each entry says in the pack itself what it is a delta against, so that a chain
//! is followed from chunk to chunk, in as few transactions as there are steps to chunks that are not
//! there yet, and applied from the root. Nothing recurses: a chain may have 50 000 links.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::{Info, Looked, Object, Odb, Place};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::delta;
use crate::format::pack::entry::{self, EntryHeader, EntryKind};
use crate::format::zlib::Inflater;
use crate::sorted::order;
use crate::store::error::{Fault, StoreError};
use crate::store::index::PACK_HEADER;
use crate::store::pack_store::{LivePack, chunks_of};

/// Chunks that are read ahead, at most, of an entry that goes on for long.
const AHEAD: u32 = 16;

/// Bytes of the longest header of an entry, and some more.
const HEADER: usize = 40;

/// An object to read.
pub(super) struct Target {
    at: usize,
    oid: ObjectId,
    pack: LivePack,
    offset: u64,
    /// From the object to the root, as far as it is planned.
    chain: Vec<Link>,
    next: Next,
    /// An entry that was passed, to notice a circle (Brent's algorithm).
    passed: u64,
    /// What the chain stands on, where that was in the cache.
    base: Option<Held>,
}

/// What a plan has to look at next.
#[derive(Clone, Copy)]
enum Next {
    /// The entry that starts there.
    Entry(u64),
    /// The object that an entry says it is a delta against.
    Base(ObjectId),
    /// Nothing more.
    Root,
}

/// One entry of a pack.
#[derive(Clone, Copy)]
struct Link {
    offset: u64,
    /// Where its zlib stream starts.
    stream: u64,
    /// Of what follows the header, inflated.
    size: u64,
    /// What it is, if it is stored whole.
    whole: Option<Kind>,
}

/// An object in the cache. Bases of deltas are kept before anybody asked for them by their id.
#[derive(Clone)]
pub(super) struct Held {
    object: Object,
    verified: Rc<Cell<bool>>,
}

/// What a chain leads to.
enum Resolved {
    /// More than is wanted, and stored whole: it was not read.
    Large(Info),
    Whole(Held),
}

impl Held {
    pub(super) fn verified(object: &Object) -> Self {
        Held {
            object: object.clone(),
            verified: Rc::new(Cell::new(true)),
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
    pub(super) fn new(at: usize, oid: ObjectId, pack: LivePack, offset: u64) -> Self {
        Target {
            at,
            oid,
            pack,
            offset,
            chain: Vec::new(),
            next: Next::Entry(offset),
            passed: u64::MAX,
            base: None,
        }
    }

    fn fail(&self, fault: Fault) -> StoreError {
        StoreError::Object { oid: self.oid, fault }
    }

    /// What is wrong with a chunk is wrong with the object.
    fn blame(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Row { fault, .. } => self.fail(fault),
            other => other,
        }
    }

    fn too_large(&self, size: u64, limit: u64) -> StoreError {
        StoreError::TooLarge {
            oid: self.oid,
            size,
            limit,
        }
    }

    /// Takes the next step of the plan, from the header of an entry.
    fn step(&mut self, offset: u64, header: &EntryHeader) -> Result<(), StoreError> {
        let whole = match header.kind {
            EntryKind::Whole(kind) => {
                self.next = Next::Root;
                Some(kind)
            }
            EntryKind::OffsetDelta(distance) => {
                let base = offset.checked_sub(distance).filter(|base| *base >= PACK_HEADER);
                let base = base.filter(|base| *base < offset);
                self.next = Next::Entry(base.ok_or(self.fail(Fault::Layout))?);
                None
            }
            EntryKind::RefDelta(base) => {
                self.next = Next::Base(base);
                None
            }
        };
        self.chain.push(Link {
            offset,
            stream: offset + header.length as u64,
            size: header.size,
            whole,
        });
        // Only objects that name each other by their ids can.
        if offset == self.passed {
            return Err(self.fail(Fault::Inconsistent("is a delta of itself")));
        }
        if self.chain.len().is_power_of_two() {
            self.passed = offset;
        }
        Ok(())
    }
}

impl Odb {
    /// Reads objects of packs, and answers of those that have more bytes than `most` only what they
    /// are. The answers come in any order, with their `at`.
    pub(super) async fn read_packed(
        &self,
        mut targets: Vec<Target>,
        most: u64,
    ) -> Result<Vec<(usize, Looked)>, StoreError> {
        order::sort_by_key(&mut targets, |target| (target.pack.id, target.offset));
        let mut answers = Vec::with_capacity(targets.len());
        for of_pack in targets.chunk_by_mut(|one, other| one.pack.id == other.pack.id) {
            let mut rest = of_pack;
            while let Some(first) = rest.first() {
                let mut loaded = Loaded::new(first.pack, self.limits.chunk_cache / 2);
                // As many as start in chunks that can be held together.
                let mut chunks: Vec<u32> = Vec::new();
                let together = rest.iter().take_while(|target| {
                    if let Some((chunk, _)) = loaded.place(target.offset)
                        && chunks.last() != Some(&chunk)
                    {
                        chunks.push(chunk);
                    }
                    chunks.len() <= loaded.most
                });
                let together = together.count().max(1);
                let (some, others) = rest.split_at_mut(together);
                rest = others;
                self.plan(some, &mut loaded).await?;
                let mut read = Vec::with_capacity(some.len());
                for target in &*some {
                    match self.resolve(target, most, &mut loaded).await? {
                        Resolved::Large(info) => answers.push((target.at, Looked::Large(info))),
                        Resolved::Whole(held) => read.push((target, held)),
                    }
                }
                self.verify(&read).await?;
                let whole = |(target, held): (&Target, Held)| (target.at, Looked::of(held.object, most));
                answers.extend(read.into_iter().map(whole));
            }
        }
        Ok(answers)
    }

    /// Follows every chain down to its root, or to something in the cache; what all chains need next
    /// is read in one transaction.
    async fn plan(&self, targets: &mut [Target], loaded: &mut Loaded) -> Result<(), StoreError> {
        loop {
            let mut wanted: Vec<u32> = Vec::new();
            let mut bases = Vec::new();
            for target in &mut *targets {
                wanted.extend(self.follow(target, loaded)?.into_iter().flatten());
                if let Next::Base(base) = target.next {
                    bases.push(base);
                }
                // The first that cannot go on has all that it needs next: there is no standstill.
                if wanted.len() >= loaded.most {
                    break;
                }
            }
            if wanted.is_empty() && bases.is_empty() {
                return Ok(());
            }
            if !bases.is_empty() {
                let mut found = self.locate_in(&[loaded.pack], &bases).await?.into_iter();
                for target in &mut *targets {
                    if let Next::Base(_) = target.next {
                        let base = found.next().flatten();
                        let (_, spot) = base.ok_or(target.fail(Fault::Inconsistent("has no base in its pack")))?;
                        target.next = Next::Entry(spot.offset);
                    }
                }
            }
            order::sort(&mut wanted);
            wanted.dedup();
            let waits = |target: &&Target| !matches!(target.next, Next::Root);
            let load = self.load(&wanted, loaded).await;
            load.map_err(|error| match targets.iter().find(waits) {
                Some(target) => target.blame(error),
                None => error,
            })?;
        }
    }

    /// Follows one chain as far as there are chunks; answers those without which it cannot go on.
    fn follow(&self, target: &mut Target, loaded: &Loaded) -> Result<Option<Range<u32>>, StoreError> {
        while let Next::Entry(offset) = target.next {
            let place = Place::Packed(target.pack.id, offset);
            if let Some(held) = self.caches.borrow_mut().objects.get(&place) {
                target.base = Some(held);
                target.next = Next::Root;
                break;
            }
            match loaded.header(offset).map_err(|fault| target.fail(fault))? {
                Ok(header) => target.step(offset, &header)?,
                Err(chunks) => return Ok(Some(chunks)),
            }
        }
        Ok(None)
    }

    /// Applies a chain.
    async fn resolve(&self, target: &Target, most: u64, loaded: &mut Loaded) -> Result<Resolved, StoreError> {
        // Another target of this call may have passed here since the plan was made.
        let (mut links, mut base) = (target.chain.as_slice(), target.base.clone());
        for (depth, link) in target.chain.iter().enumerate() {
            let place = Place::Packed(target.pack.id, link.offset);
            if let Some(held) = self.caches.borrow_mut().objects.get(&place) {
                links = target.chain.get(..depth).unwrap_or_default();
                base = Some(held);
                break;
            }
        }
        if let ([link], None) = (links, &base)
            && let Some(kind) = link.whole
            && link.size > most
        {
            let size = link.size;
            return Ok(Resolved::Large(Info { kind, size }));
        }
        let mut scratch = Vec::new();
        for link in links.iter().rev() {
            let held = self.apply(target, link, base.as_ref(), loaded, &mut scratch).await?;
            self.keep(Place::Packed(target.pack.id, link.offset), held.clone());
            base = Some(held);
        }
        base.map(Resolved::Whole).ok_or(target.fail(Fault::Absent))
    }

    /// Makes what a link needs from its entry and its base.
    async fn apply(
        &self,
        target: &Target,
        link: &Link,
        base: Option<&Held>,
        loaded: &mut Loaded,
        scratch: &mut Vec<u8>,
    ) -> Result<Held, StoreError> {
        let limit = self.limits.object_bytes;
        if link.size > limit {
            return Err(target.too_large(link.size, limit));
        }
        let mut data = Vec::new();
        let kind = match (link.whole, base) {
            (Some(kind), None) => {
                self.inflate(target, link, loaded, &mut data).await?;
                kind
            }
            (None, Some(base)) => {
                self.inflate(target, link, loaded, scratch).await?;
                let sizes = delta::sizes(scratch).map_err(|_| target.fail(Fault::Delta))?;
                if sizes.result > limit {
                    return Err(target.too_large(sizes.result, limit));
                }
                let applied = delta::apply(&base.object.data, scratch, &mut data);
                applied.map_err(|_| target.fail(Fault::Delta))?;
                self.worked(data.len()).await;
                base.object.kind
            }
            _ => return Err(target.fail(Fault::Absent)),
        };
        Ok(Held {
            object: Object {
                kind,
                data: Rc::new(data),
            },
            verified: Rc::default(),
        })
    }

    /// Fails unless every object hashes to its id.
    async fn verify(&self, read: &[(&Target, Held)]) -> Result<(), StoreError> {
        let open: Vec<_> = read.iter().filter(|(_, held)| !held.verified.get()).collect();
        let ids = self
            .hash(open.iter().map(|(_, held)| held.object.clone()).collect())
            .await;
        for ((target, held), id) in open.into_iter().zip(ids) {
            match id {
                Ok(oid) if oid == target.oid => held.verified.set(true),
                Ok(_) => return Err(target.fail(Fault::Hash)),
                Err(_) => return Err(target.fail(Fault::Collision)),
            }
        }
        Ok(())
    }

    /// Inflates what follows the header of an entry.
    async fn inflate(
        &self,
        target: &Target,
        link: &Link,
        loaded: &mut Loaded,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        // One for all; while another call is waiting for a chunk with it in hand, there is a second.
        let inflater = self.caches.borrow_mut().inflater.take();
        let mut inflater = inflater.unwrap_or_default();
        let done = self.inflate_with(&mut inflater, target, link, loaded, out).await;
        self.caches.borrow_mut().inflater = Some(inflater);
        self.worked(out.len()).await;
        done
    }

    async fn inflate_with(
        &self,
        inflater: &mut Inflater,
        target: &Target,
        link: &Link,
        loaded: &mut Loaded,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        inflater.begin(link.size);
        let mut at = link.stream;
        let mut ahead = 1;
        loop {
            let (number, within) = loaded.place(at).ok_or(target.fail(Fault::Length))?;
            let Some(chunk) = loaded.get(number) else {
                // What is deflated is seldom longer than what is inflated.
                let left = (link.size - inflater.total().min(link.size)) / u64::from(target.pack.chunk_bytes);
                let more = ahead.min(u32::try_from(left).unwrap_or(AHEAD).saturating_add(1));
                ahead = (ahead * 2).min(AHEAD);
                let until = number.saturating_add(more).min(loaded.chunks_of_pack());
                let wanted: Vec<u32> = (number..until).collect();
                self.load(&wanted, loaded).await.map_err(|error| target.blame(error))?;
                continue;
            };
            let bytes = chunk.get(within..).unwrap_or_default();
            let before = inflater.total();
            let pushed = inflater.push(bytes, out).map_err(|_| target.fail(Fault::Inflate))?;
            let fresh = inflater.total() - before;
            if pushed.done {
                out.truncate(usize::try_from(inflater.total()).unwrap_or(usize::MAX));
                return Ok(());
            }
            if pushed.consumed == 0 {
                return Err(target.fail(Fault::Inflate));
            }
            at += pushed.consumed as u64;
            self.worked(usize::try_from(fresh).unwrap_or(usize::MAX)).await;
        }
    }

    /// Makes chunks be there, at the price of others if there are too many.
    async fn load(&self, wanted: &[u32], loaded: &mut Loaded) -> Result<(), StoreError> {
        if wanted.is_empty() {
            return Ok(());
        }
        if loaded.chunks.len() + wanted.len() > loaded.most {
            loaded.chunks.clear();
        }
        let chunks = self.chunks(&loaded.pack, wanted).await?;
        loaded.chunks.extend(wanted.iter().copied().zip(chunks));
        Ok(())
    }
}

/// The chunks of a pack that are being worked on; the cache may have let go of them.
struct Loaded {
    pack: LivePack,
    chunks: HashMap<u32, Rc<Vec<u8>>>,
    /// How many are held together, more or less.
    most: usize,
}

impl Loaded {
    fn new(pack: LivePack, budget: usize) -> Self {
        let chunk_bytes = usize::try_from(pack.chunk_bytes).unwrap_or(usize::MAX);
        Loaded {
            pack,
            chunks: HashMap::new(),
            most: (budget / chunk_bytes.max(1)).max(AHEAD as usize + 1),
        }
    }

    /// In which chunk a byte of an entry is, and where in it.
    fn place(&self, at: u64) -> Option<(u32, usize)> {
        let chunk_bytes = u64::from(self.pack.chunk_bytes);
        let number = u32::try_from(at.checked_div(chunk_bytes)?).ok()?;
        let within = usize::try_from(at % chunk_bytes).ok()?;
        Some((number, within)).filter(|_| at < self.pack.end())
    }

    fn chunks_of_pack(&self) -> u32 {
        let chunks = self.pack.bytes.div_ceil(u64::from(self.pack.chunk_bytes).max(1));
        u32::try_from(chunks).unwrap_or(u32::MAX)
    }

    fn get(&self, number: u32) -> Option<Rc<Vec<u8>>> {
        self.chunks.get(&number).map(Rc::clone)
    }

    /// The header of the entry that starts there, or the chunks that are needed to read it.
    fn header(&self, offset: u64) -> Result<Result<EntryHeader, Range<u32>>, Fault> {
        let (number, within) = self.place(offset).ok_or(Fault::Length)?;
        let read = |bytes: &[u8]| entry::read(bytes).map_err(|_| Fault::Layout);
        if let Some(chunk) = self.chunks.get(&number) {
            let bytes = chunk.get(within..).unwrap_or_default();
            if let Some(header) = read(bytes)? {
                return Ok(Ok(header));
            }
            // It goes on in the next chunk.
            if let Some(rest) = number.checked_add(1).and_then(|next| self.chunks.get(&next)) {
                let both = [bytes, rest.get(..HEADER).unwrap_or(rest)].concat();
                return read(&both)?.map(Ok).ok_or(Fault::Layout);
            }
        }
        let needed = chunks_of(
            &(offset..self.pack.end().min(offset + HEADER as u64)),
            self.pack.chunk_bytes,
        );
        let needed = needed.ok_or(Fault::Length)?;
        // It ends where the pack does, and is none.
        let all = needed.clone().all(|number| self.chunks.contains_key(&number));
        if all { Err(Fault::Length) } else { Ok(Err(needed)) }
    }
}

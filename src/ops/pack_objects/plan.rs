//! As what each object is written, and in which order.
//!
//! A delta that is stored is sent as it is, if its base is sent as well, or if the other side has it
//! (`can_reuse_delta` of git's `builtin/pack-objects.c`). Such a delta is written right behind its
//! base. For all others a base is looked for, in the order of `type_size_sort`: by kind, then by the
//! hash of the path, then the larger ones first, which are likely the newer ones. What does not
//! compress, and has no other version, is not likely to resemble anything: it is copied last, in the
//! order in which it is stored.
//!
//! Memory: about 100 bytes for each object.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Wish;
use super::count::{Counted, Object};
use crate::algo::name_hash::NameHash;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::promisor;
use crate::sorted::order;
use crate::store::odb::raw::{Found, RawPlace};
use crate::store::pack_store::LivePack;
use crate::store::{Fault, StoreError};
use crate::task::Task;

/// git's default for `pack.depth`.
pub(super) const DEPTH: u32 = 50;

/// Objects that are looked up together.
const TOGETHER: usize = 4096;

/// Smaller objects are not worth a delta (`should_attempt_deltas`).
const SMALLEST: u64 = 50;

/// Larger objects are neither made deltas nor bases: two of them and their tables would be much of
/// the memory there is.
const LARGEST: u64 = 16 << 20;

/// What does not compress to so many hundredths does not compress.
const INCOMPRESSIBLE: u64 = 95;

const NONE: u32 = u32::MAX;

/// An object of the plan.
pub(super) struct Item {
    pub(super) object: Object,
    /// Bytes.
    pub(super) size: u64,
    /// What its entry is reused against; [`Reuse::None`] if a base is to be looked for.
    pub(super) reuse: Reuse,
    /// Whether its entry is a delta.
    pub(super) is_delta: bool,
    /// Whether a base is looked for, or it is tried as one.
    pub(super) is_searched: bool,
    /// How many deltas lead to it, one by the other, by what is reused.
    pub(super) above: u32,
    /// Where its entry is: the pack's number, [`NONE`] if it has none.
    pack: u32,
    offset: u64,
    end: u64,
    crc32: u32,
    /// The first of those that are reused against it, and the next that is against the same.
    child: u32,
    sibling: u32,
}

/// What a stored delta is made against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// Nothing: it is none, or cannot be reused.
    None,
    /// Another object of the plan.
    Item(u32),
    /// An object that the other side has.
    Held(ObjectId),
}

/// The plan of a pack.
pub(super) struct Plan {
    items: Vec<Item>,
    packs: Vec<LivePack>,
    /// Bases, and whatever is not written behind another object.
    order: Vec<u32>,
    /// How many objects are written.
    pub(super) objects: usize,
}

impl Plan {
    /// Makes a plan. Objects that are not stored are fetched, or left out if the other side promised
    /// them.
    pub(super) async fn new(task: &Task, repo: &Repository, wish: &Wish<'_>, counted: Counted) -> Outcome<Plan> {
        let Counted { objects, held } = counted;
        let mut plan = Plan {
            items: Vec::with_capacity(objects.len()),
            packs: Vec::new(),
            order: Vec::new(),
            objects: 0,
        };
        let mut numbers = HashMap::new();
        let mut deltas = Vec::new();
        for group in objects.chunks(TOGETHER) {
            task.checkpoint().await?;
            let found = find(task, repo, wish, group).await?;
            for (object, found) in group.iter().zip(found) {
                let number = u32::try_from(plan.items.len()).map_err(|_| StoreError::Limit { what: "objects" });
                let number = number.at(Stage::Request)?;
                match found {
                    Some(found) if found.info.kind != object.kind => {
                        let fault = Fault::Inconsistent("is not of the kind that leads to it");
                        return Err(StoreError::Object { oid: object.oid, fault }).at(Stage::Read);
                    }
                    Some(found) => {
                        if !object.is_base {
                            numbers.insert(object.oid, number);
                            deltas.extend(found.base.map(|base| (number, base)));
                        }
                        plan.add(*object, found.info.size, found.entry, found.base.is_some());
                    }
                    // A base that is not here is none; what the other side promised it has.
                    None if object.is_base || wish.promised => {}
                    None => return Err(promisor::not_stored(&object.oid)),
                }
            }
        }
        for (number, base) in deltas {
            let reuse = match numbers.get(&base) {
                Some(base) => Reuse::Item(*base),
                None if wish.thin && held.contains(&base) => Reuse::Held(base),
                None => Reuse::None,
            };
            if let Some(item) = plan.item_mut(number) {
                item.reuse = reuse;
            }
        }
        plan.limit();
        plan.link();
        plan.sort();
        Ok(plan)
    }

    /// What is looked at in turn: what is to be written, but for what is written behind something
    /// else, and bases.
    pub(super) fn order(&self) -> &[u32] {
        &self.order
    }

    /// Blobs that are sent and have more bytes than `size`, with their sizes.
    pub(super) fn larger_than(&self, size: u64) -> Vec<(ObjectId, u64)> {
        let sent = self.items.iter().filter(|item| !item.object.is_base);
        let large = sent.filter(|item| item.object.kind == Kind::Blob && item.size > size);
        large.map(|item| (item.object.oid, item.size)).collect()
    }

    /// An object of the plan.
    pub(super) fn get(&self, number: u32) -> Option<&Item> {
        self.items.get(index(number))
    }

    /// Where an object's entry is.
    pub(super) fn place(&self, item: &Item) -> Option<RawPlace> {
        Some(RawPlace {
            oid: item.object.oid,
            pack: *self.packs.get(index(item.pack))?,
            offset: item.offset,
            end: item.end,
            crc32: item.crc32,
        })
    }

    /// What is reused against an object.
    pub(super) fn children(&self, item: &Item) -> impl Iterator<Item = u32> {
        let some = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(some(item.child), move |number| some(self.get(*number)?.sibling))
    }

    fn add(&mut self, object: Object, size: u64, place: Option<RawPlace>, is_delta: bool) {
        let pack = place.map_or(NONE, |place| {
            let known = self.packs.iter().rposition(|pack| pack.id == place.pack.id);
            let number = known.unwrap_or_else(|| {
                self.packs.push(place.pack);
                self.packs.len() - 1
            });
            u32::try_from(number).unwrap_or(NONE)
        });
        self.objects += usize::from(!object.is_base);
        self.items.push(Item {
            object,
            size,
            reuse: Reuse::None,
            is_delta,
            is_searched: false,
            above: 0,
            pack,
            offset: place.map_or(0, |place| place.offset),
            end: place.map_or(0, |place| place.end),
            crc32: place.map_or(0, |place| place.crc32),
            child: NONE,
            sibling: NONE,
        });
    }

    fn item_mut(&mut self, number: u32) -> Option<&mut Item> {
        self.items.get_mut(index(number))
    }

    /// Cuts chains of reused deltas where they get too long, or lead in a circle: a repository that
    /// is packed anew while the plan is made may have an object as a delta of another, and that one,
    /// in a later pack, as a delta of the first.
    fn limit(&mut self) {
        let mut depths: Vec<u32> = vec![NONE; self.items.len()];
        for start in 0..self.items.len() {
            // Down to what is known, then up again.
            let mut chain = Vec::new();
            let mut at = start;
            let mut depth = loop {
                match depths.get(at).copied() {
                    Some(NONE) => {}
                    Some(known) => break known,
                    None => break 0,
                }
                if let Some(slot) = depths.get_mut(at) {
                    // Whoever comes back here has gone in a circle, and cuts it.
                    *slot = DEPTH;
                }
                chain.push(at);
                match self.items.get(at).map(|item| item.reuse) {
                    Some(Reuse::Item(base)) => at = index(base),
                    Some(Reuse::Held(_)) => break 0,
                    Some(Reuse::None) | None => break NONE,
                }
            };
            while let Some(number) = chain.pop() {
                let next = depth.wrapping_add(1);
                let cut = next > DEPTH;
                if let Some(item) = self.items.get_mut(number).filter(|_| cut) {
                    item.reuse = Reuse::None;
                }
                depth = if cut { 0 } else { next };
                if let Some(slot) = depths.get_mut(number) {
                    *slot = depth;
                }
            }
        }
        self.heights(&depths);
    }

    /// Notes how many reused deltas lead to each object.
    fn heights(&mut self, depths: &[u32]) {
        let mut deepest_first: Vec<(u32, u32)> = depths
            .iter()
            .copied()
            .zip(0..)
            .filter(|(depth, _)| *depth > 0)
            .collect();
        order::sort_by_key(&mut deepest_first, |(depth, _)| Reverse(*depth));
        for (_, number) in deepest_first {
            let Some(Item {
                reuse: Reuse::Item(base),
                above,
                ..
            }) = self.get(number)
            else {
                continue;
            };
            let (base, above) = (*base, above + 1);
            if let Some(base) = self.item_mut(base) {
                base.above = base.above.max(above);
            }
        }
    }

    /// Links what is reused against an object to it.
    fn link(&mut self) {
        for number in (0..self.items.len()).rev() {
            let Some(&Item {
                reuse: Reuse::Item(base),
                ..
            }) = self.items.get(number)
            else {
                continue;
            };
            let first = match self.item_mut(base) {
                Some(base) => std::mem::replace(&mut base.child, u32::try_from(number).unwrap_or(NONE)),
                None => NONE,
            };
            if let Some(item) = self.items.get_mut(number) {
                item.sibling = first;
            }
        }
    }

    /// Puts what is looked at in turn into its order.
    fn sort(&mut self) {
        let free = self.items.iter().zip(0u32..);
        let free = free.filter(|(item, _)| !matches!(item.reuse, Reuse::Item(_)));
        self.order = free.map(|(_, number)| number).collect();
        let items = &self.items;
        order::sort_by_cached_key(&mut self.order, |number| {
            let item = items.get(index(*number))?;
            Some(match item.object.kind {
                // As they were found: newest first.
                Kind::Commit => (0, Reverse(0), false, Reverse(0)),
                Kind::Tag => (1, Reverse(0), false, Reverse(0)),
                kind => {
                    let place = if kind == Kind::Tree { 2 } else { 3 };
                    let Object { hash, is_base, .. } = item.object;
                    (place, Reverse(hash.order()), !is_base, Reverse(item.size))
                }
            })
        });
        self.choose();
    }

    /// Chooses the objects for which a base is looked for, and puts those that are only copied behind
    /// them.
    fn choose(&mut self) {
        let mut versions: HashMap<NameHash, u32> = HashMap::new();
        for item in &self.items {
            *versions.entry(item.object.hash).or_default() += 1;
        }
        let mut copied = Vec::new();
        let mut order = Vec::with_capacity(self.order.len());
        for number in &self.order {
            let Some(item) = self.items.get_mut(index(*number)) else {
                continue;
            };
            let is_whole = item.pack != NONE && !item.is_delta;
            let stored = (item.end - item.offset).saturating_mul(100);
            let is_alone = versions.get(&item.object.hash) == Some(&1);
            let is_hopeless = is_alone && is_whole && stored > item.size.saturating_mul(INCOMPRESSIBLE);
            item.is_searched = item.reuse == Reuse::None && (SMALLEST..=LARGEST).contains(&item.size) && !is_hopeless;
            match item.object.kind == Kind::Blob && is_whole && !item.is_searched && !item.object.is_base {
                true => copied.push((item.pack, item.offset, *number)),
                false => order.push(*number),
            }
        }
        order::sort(&mut copied);
        order.extend(copied.into_iter().map(|(_, _, number)| number));
        self.order = order;
    }
}

/// Where objects are. What is to be sent and not here is fetched.
async fn find(task: &Task, repo: &Repository, wish: &Wish<'_>, objects: &[Object]) -> Outcome<Vec<Option<Found>>> {
    let oids: Vec<ObjectId> = objects.iter().map(|object| object.oid).collect();
    let found = task.race(repo.odb.find_entries(&oids)).await?.at(Stage::Read)?;
    let absent = objects.iter().zip(&found);
    let absent = absent.filter(|(object, found)| found.is_none() && !object.is_base);
    let absent: Vec<ObjectId> = absent.map(|(object, _)| object.oid).collect();
    if absent.is_empty() || wish.promised {
        return Ok(found);
    }
    promisor::need(task, repo, &absent).await?;
    task.race(repo.odb.find_entries(&oids)).await?.at(Stage::Read)
}

/// A number as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

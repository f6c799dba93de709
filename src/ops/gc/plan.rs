//! Which object goes into which pack, in which order, and as what.
//!
//! Commits come first, newest first, then tags, trees and blobs (`compute_write_order()` in git's
//! `builtin/pack-objects.c`). Trees and blobs keep the order of the packs they come from, the newest
//! pack first: whoever made those put together what is read together, and did so with more knowledge
//! than a walk has. What has no pack comes before them, in the order of the walk. A base comes before
//! its deltas.
//!
//! A delta stays one if its base goes into the same pack, and if the chain is no longer than the
//! longest there was, or than git's default: bases that fetches repeat whole are taken from the pack
//! where they are deltas, which would make chains longer with every fetch.

use super::walk::{Mark, Walk};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::sorted::order;
use crate::store::odb::census::Census;
use crate::store::pack_store::LivePack;
use crate::store::{Fault, StoreError};

/// git's default for `pack.depth`.
const DEPTH: u32 = 50;

const NONE: u32 = u32::MAX;

/// A pack to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// What came from a promisor, all of it, as git keeps it.
    Promisor,
    /// What roots reach.
    Local,
    /// What nothing reaches and is kept for a while, and what that needs.
    Cruft,
}

/// An object's place in a pack to be.
pub(super) struct Planned {
    /// Its number.
    pub(super) number: u32,
    /// How it is stored.
    pub(super) form: Form,
}

/// How an object is stored in the new pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The entry as it stands in its pack.
    Verbatim,
    /// The delta as it stands in its pack, against the entry of that row.
    Delta(u32),
    /// Whole, deflated anew: it has no pack, or its base goes elsewhere.
    Whole,
}

/// What becomes of a pack to be.
pub(super) enum Plan {
    /// It would be empty.
    Nothing,
    /// A pack that is there holds exactly the same.
    Keep(LivePack),
    /// It is written.
    Write {
        /// Which one.
        target: Target,
        /// Its entries, in order.
        entries: Vec<Planned>,
    },
}

impl Plan {
    /// Objects of the pack.
    pub(super) fn objects(&self) -> usize {
        match self {
            Plan::Nothing => 0,
            Plan::Keep(pack) => usize::try_from(pack.objects).unwrap_or(usize::MAX),
            Plan::Write { entries, .. } => entries.len(),
        }
    }

    /// Objects to write.
    pub(super) fn writes(&self) -> u64 {
        match self {
            Plan::Write { entries, .. } => u64::try_from(entries.len()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }
}

/// Makes the plans.
pub(super) struct Planner<'a> {
    census: &'a Census,
    walk: &'a Walk<'a>,
    /// How long a chain may become.
    deepest: u32,
    /// Of what is planned: the row in its pack, and the depth of its chain.
    rows: Vec<u32>,
    depths: Vec<u32>,
    /// The place of each object without a pack among those.
    met: Vec<(u32, u32)>,
}

impl<'a> Planner<'a> {
    /// For what a walk has found.
    pub(super) fn new(census: &'a Census, walk: &'a Walk<'a>) -> Result<Self, StoreError> {
        let mut met: Vec<(u32, u32)> = walk.met().iter().copied().zip(0..).collect();
        met.sort_unstable();
        Ok(Planner {
            census,
            walk,
            deepest: census.deepest()?.max(DEPTH),
            rows: vec![NONE; census.copies()],
            depths: vec![0; census.copies()],
            met,
        })
    }

    /// Where an object goes; `None` if it is dropped.
    fn target(&self, number: u32) -> Option<Target> {
        if self.census.place(number).1.pack.is_some_and(|pack| pack.promisor) {
            return Some(Target::Promisor);
        }
        match self.walk.mark(number) {
            Mark::Reached => Some(Target::Local),
            Mark::Kept => Some(Target::Cruft),
            Mark::None => None,
        }
    }

    /// Whether an object stays stored.
    pub(super) fn keeps(&self, oid: &ObjectId) -> bool {
        self.census
            .find(oid)
            .is_some_and(|number| self.target(number).is_some())
    }

    /// The plan for one pack.
    pub(super) fn plan(&mut self, target: Target) -> Result<Plan, StoreError> {
        let mut members: Vec<u32> = self.census.objects().to_vec();
        members.retain(|number| self.target(*number) == Some(target));
        let Some(first) = members.first() else {
            return Ok(Plan::Nothing);
        };
        if let (place, Some(pack)) = (self.census.place(*first).0, self.census.place(*first).1.pack)
            && usize::try_from(pack.objects) == Ok(members.len())
            && pack.promisor == (target == Target::Promisor)
            && pack.cruft == (target == Target::Cruft)
            && members.iter().all(|number| self.census.place(*number).0 == place)
        {
            return Ok(Plan::Keep(pack));
        }
        order::sort_by_cached_key(&mut members, |number| self.order(*number));
        let mut entries = Vec::with_capacity(members.len());
        let mut open = Vec::new();
        for number in members {
            // Down the chain to what is placed, then up again.
            let mut at = Some(number);
            while let Some(number) = at.filter(|number| self.row(*number) == NONE) {
                open.push(number);
                at = self.base(number, target);
                if open.len() > self.rows.len() {
                    let oid = self.census.get(number).oid;
                    let fault = Fault::Inconsistent("is a delta of itself");
                    return Err(StoreError::Object { oid, fault });
                }
            }
            while let Some(number) = open.pop() {
                let row = u32::try_from(entries.len()).map_err(|_| StoreError::Limit { what: "objects" })?;
                let form = self.place(number, row, target);
                entries.push(Planned { number, form });
            }
        }
        Ok(Plan::Write { target, entries })
    }

    /// What comes first: see the top of the module.
    fn order(&self, number: u32) -> (u8, u64, u32) {
        let (place, source, _) = self.census.place(number);
        let kind = match self.census.get(number).kind {
            Kind::Commit => return (0, !self.walk.date(number), number),
            Kind::Tag => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
        };
        if source.pack.is_none() {
            let met = self.met.binary_search_by_key(&number, |(number, _)| *number);
            let met = met.ok().and_then(|at| self.met.get(at));
            return (kind, 0, met.map_or(NONE, |(_, place)| *place));
        }
        let newest_first = self.census.sources().len() - place;
        (kind, u64::try_from(newest_first).unwrap_or(u64::MAX), number)
    }

    fn row(&self, number: u32) -> u32 {
        slot(&self.rows, number)
    }

    /// What an object is a delta against, if that goes into the same pack.
    fn base(&self, number: u32, target: Target) -> Option<u32> {
        let base = self.census.base(number)?;
        // The copy that counts may be another one.
        let base = self.census.find(&self.census.get(base).oid)?;
        Some(base).filter(|base| self.target(*base) == Some(target))
    }

    /// Gives an object, whose base has one, its row.
    fn place(&mut self, number: u32, row: u32, target: Target) -> Form {
        let mut depth = 0;
        let mut form = Form::Whole;
        if self.census.place(number).1.pack.is_some() && self.census.base(number).is_none() {
            form = Form::Verbatim;
        } else if let Some(base) = self.base(number, target)
            && slot(&self.depths, base) < self.deepest
        {
            depth = slot(&self.depths, base) + 1;
            form = Form::Delta(self.row(base));
        }
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        if let (Some(row_of), Some(depth_of)) = (self.rows.get_mut(at), self.depths.get_mut(at)) {
            (*row_of, *depth_of) = (row, depth);
        }
        form
    }
}

fn slot(slots: &[u32], number: u32) -> u32 {
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    slots.get(at).copied().unwrap_or(NONE)
}

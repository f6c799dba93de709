//! Which deltas are made against which entry: first child and next sibling, one array each.

use crate::format::oid::ObjectId;
use crate::format::pack::Entry;
use crate::format::pack::error::PackError;
use crate::format::pack::scan::ScannedPack;
use crate::sorted::order;

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// The children of every entry.
pub(super) struct Children {
    first: Vec<u32>,
    next: Vec<u32>,
}

impl Children {
    /// None yet.
    pub(super) fn none(entries: usize) -> Self {
        Children {
            first: vec![NONE; entries],
            next: vec![NONE; entries],
        }
    }

    /// The first child that is known.
    pub(super) fn first(&self, row: u32) -> u32 {
        self.first.get(at(row)).copied().unwrap_or(NONE)
    }

    /// The next child of the same base.
    pub(super) fn next(&self, row: u32) -> u32 {
        self.next.get(at(row)).copied().unwrap_or(NONE)
    }

    /// Puts a child before those of its base that are known.
    pub(super) fn adopt(&mut self, base: u32, row: u32) {
        let head = self.first(base);
        self.set_next(row, head);
        self.set_first(base, row);
    }

    fn set_first(&mut self, row: u32, child: u32) {
        if let Some(first) = self.first.get_mut(at(row)) {
            *first = child;
        }
    }

    fn set_next(&mut self, row: u32, child: u32) {
        if let Some(next) = self.next.get_mut(at(row)) {
            *next = child;
        }
    }
}

/// The children of every entry, so ordered that resolving them takes little memory. Deltas that
/// name their base by offset are in it from the start; those that name it by id join when the id is
/// known.
pub(super) struct Forest {
    children: Children,
    /// For each delta by id, in the order of their bases: whether it has a base.
    joined: Vec<bool>,
}

impl Forest {
    /// Of a pack's entries, and so many deltas by id.
    pub(super) fn new(entries: &[Entry], ref_deltas: usize) -> Self {
        let mut forest = Forest {
            children: Children::none(entries.len()),
            joined: vec![false; ref_deltas],
        };
        // The most bytes held while an entry and all that is made from it are resolved. A base
        // comes before what is made from it, so going backwards meets the children first.
        let mut need = vec![0u32; entries.len()];
        let count = u32::try_from(entries.len()).unwrap_or(NONE);
        for (row, entry) in (0..count).zip(entries).rev() {
            let size = u32::try_from(entry.size).unwrap_or(u32::MAX);
            let needed = forest.order(row, size, &need, entries);
            if let Some(slot) = need.get_mut(at(row)) {
                *slot = needed;
            }
            if let Some(base) = entry.base {
                forest.children.adopt(base, row);
            }
        }
        forest
    }

    /// The first child that is known.
    pub(super) fn first(&self, row: u32) -> u32 {
        self.children.first(row)
    }

    /// The next child of the same base.
    pub(super) fn next(&self, row: u32) -> u32 {
        self.children.next(row)
    }

    /// The ids that deltas still wait for, each once, in the order of the first delta of each. All
    /// that wait for one id join together, so the first tells of the others.
    pub(super) fn awaited(&self, pack: &ScannedPack) -> Vec<ObjectId> {
        let mut first: Vec<(u32, ObjectId)> = Vec::new();
        for ((base, row), joined) in pack.ref_deltas.iter().zip(&self.joined) {
            if !joined && first.last().is_none_or(|(_, last)| last != base) {
                first.push((*row, *base));
            }
        }
        order::sort(&mut first);
        first.into_iter().map(|(_, base)| base).collect()
    }

    /// Whether deltas still wait for that id.
    pub(super) fn awaits(&self, pack: &ScannedPack, oid: &ObjectId) -> bool {
        let first = pack.ref_deltas.partition_point(|(base, _)| base < oid);
        let is_named = pack.ref_deltas.get(first).is_some_and(|(base, _)| base == oid);
        is_named && self.joined.get(first) == Some(&false)
    }

    /// Gives `row`, whose id is known now, the deltas that wait for that id; answers with the
    /// first of all its children, `first` being the one it had. A second copy of an object that
    /// deltas wait for is an error, as in `resolve_delta()`.
    pub(super) fn join(
        &mut self,
        pack: &mut ScannedPack,
        row: u32,
        oid: ObjectId,
        first: u32,
    ) -> Result<u32, PackError> {
        if pack.ref_deltas.is_empty() {
            return Ok(first);
        }
        let mut head = first;
        let start = pack.ref_deltas.partition_point(|(base, _)| *base < oid);
        let waiting = pack.ref_deltas.get(start..).unwrap_or_default();
        for ((base, child), joined) in waiting.iter().zip(self.joined.get_mut(start..).unwrap_or_default()) {
            if *base != oid {
                break;
            }
            let Some(entry) = pack.entries.get_mut(at(*child)) else {
                break;
            };
            if *joined {
                if entry.base == Some(row) {
                    // Asked again for the same object.
                    break;
                }
                return Err(PackError::BaseTwice { at: entry.offset, oid });
            }
            *joined = true;
            entry.base = Some(row);
            self.children.set_next(*child, head);
            head = *child;
        }
        self.children.set_first(row, head);
        Ok(head)
    }

    /// Moves the child that needs most to the end of the list, since its base is let go before it
    /// is looked into. Answers with what all of them need.
    fn order(&mut self, row: u32, size: u32, need: &[u32], entries: &[Entry]) -> u32 {
        let need_of = |child: u32| need.get(at(child)).copied().unwrap_or(0);
        let (mut heaviest, mut before_heaviest, mut tail) = (NONE, NONE, NONE);
        let mut child = self.first(row);
        while child != NONE {
            if heaviest == NONE || need_of(child) > need_of(heaviest) {
                (heaviest, before_heaviest) = (child, tail);
            }
            tail = child;
            child = self.next(child);
        }
        if heaviest == NONE {
            return size;
        }
        if heaviest != tail {
            let after = self.next(heaviest);
            match before_heaviest {
                NONE => self.children.set_first(row, after),
                before => self.children.set_next(before, after),
            }
            self.children.set_next(tail, heaviest);
            self.children.set_next(heaviest, NONE);
        }
        let heaviest_size = entries.get(at(heaviest)).map_or(0, |entry| entry.size);
        let heaviest_size = u32::try_from(heaviest_size).unwrap_or(u32::MAX);
        let mut needed = need_of(heaviest).max(size.saturating_add(heaviest_size));
        let mut child = self.first(row);
        while child != heaviest && child != NONE {
            needed = needed.max(size.saturating_add(need_of(child)));
            child = self.next(child);
        }
        needed
    }
}

/// A row as an index; beyond every array for [`NONE`].
fn at(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

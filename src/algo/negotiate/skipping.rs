//! With growing gaps: git's `negotiator/skipping.c`. Each commit that is told is followed by one
//! more skipped than before, half as many again each time, on every line of history.
//!
//! A commit enters the queue unread, and git orders what it has not read as if it were of 1970:
//! such commits come in the order in which they entered. Thus only what leaves the queue is read.

use std::collections::{HashMap, HashSet};

use super::{NotTold, Step};
use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks};
use crate::format::oid::ObjectId;

/// Both sides have it, and know.
const COMMON: Marks = Marks::bit(0);
/// The server told of it: it is to be told, its ancestors are not.
const ADVERTISED: Marks = Marks::bit(1);
/// It entered the queue.
const SEEN: Marks = Marks::bit(2);
/// It left the queue.
const POPPED: Marks = Marks::bit(3);
/// It was told.
const TOLD: Marks = Marks::bit(4);

#[derive(Default)]
pub(super) struct Skipping {
    history: History,
    /// Of what was told, that which git would have read by now.
    read: HashSet<ObjectId>,
    queue: DateQueue,
    /// Of commits of the queue; none is (0, 0).
    skips: HashMap<ObjectId, Skip>,
    /// How many commits of the queue are not common. When there are none the walk ends.
    non_common: usize,
}

/// How many commits are skipped. The numbers have 16 bits in git too, and wrap.
#[derive(Clone, Copy, Default)]
struct Skip {
    original: u16,
    left: u16,
}

impl Skip {
    fn next(self) -> Self {
        match self.left {
            0 => {
                let original = u32::from(self.original) * 3 / 2 + 1;
                let original = u16::try_from(original & 0xffff).unwrap_or_default();
                Skip {
                    original,
                    left: original,
                }
            }
            left => Skip {
                original: self.original,
                left: left - 1,
            },
        }
    }
}

impl Skipping {
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn look_at(&mut self, oid: ObjectId, info: CommitInfo) {
        self.history.provide(oid, Some(info));
        self.read.insert(oid);
    }

    pub fn known_common(&mut self, oid: ObjectId) {
        if !self.history.marks(&oid).has_any(SEEN) {
            self.push(oid, ADVERTISED);
        }
    }

    pub fn add_tip(&mut self, oid: ObjectId) {
        if !self.history.marks(&oid).has_any(SEEN) {
            self.push(oid, Marks::default());
        }
    }

    pub fn next(&mut self, ahead: usize) -> Step<Option<ObjectId>> {
        loop {
            let Some((oid, _)) = self.queue.first().filter(|_| self.non_common > 0) else {
                return Step::Done(None);
            };
            if matches!(self.history.get(&oid), Known::No) {
                let unread = |oid: &&ObjectId| matches!(self.history.get(oid), Known::No);
                let soon = self.queue.iter().take(ahead + 1).filter(unread);
                return Step::Read(soon.copied().collect());
            }
            self.queue.pop();
            self.read.insert(oid);
            let is_common = self.history.mark(oid, POPPED).has_any(COMMON);
            if !is_common {
                self.non_common = self.non_common.saturating_sub(1);
            }
            let skip = self.skips.remove(&oid).unwrap_or_default();
            let mut goes_on = false;
            for parent in self.history.parents(&oid).iter() {
                goes_on |= self.push_parent(oid, skip, *parent);
            }
            // One with no parents, or none that are still to come, is told although it would be
            // skipped; one that is not here never is.
            let is_due = skip.left == 0 || !goes_on;
            if !is_common && is_due && matches!(self.history.get(&oid), Known::Commit(_)) {
                self.history.mark(oid, TOLD);
                return Step::Done(Some(oid));
            }
        }
    }

    pub fn ack(&mut self, oid: &ObjectId) -> Result<Step<bool>, NotTold> {
        let marks = self.history.marks(oid);
        if !marks.has_any(TOLD) {
            return Err(NotTold);
        }
        self.mark_common(*oid);
        Ok(Step::Done(marks.has_any(COMMON)))
    }

    /// `rev_list_push`.
    fn push(&mut self, oid: ObjectId, mark: Marks) {
        self.history.mark(oid, mark.and(SEEN));
        let date = match self.history.get(&oid) {
            Known::Commit(info) if self.read.contains(&oid) => info.date,
            _ => 0,
        };
        self.queue.put_as_of(oid, date);
        self.non_common += 1;
    }

    /// Answers whether the parent is still to come: where clocks were wrong it may have gone.
    fn push_parent(&mut self, child: ObjectId, skip: Skip, parent: ObjectId) -> bool {
        let marks = self.history.marks(&parent);
        if marks.has_any(POPPED) {
            return false;
        }
        if !marks.has_any(SEEN) {
            self.push(parent, Marks::default());
        }
        if self.history.marks(&child).has_any(COMMON.and(ADVERTISED)) {
            self.mark_common(parent);
        } else {
            let next = skip.next();
            let held = self.skips.entry(parent).or_default();
            if held.original < next.original {
                *held = next;
            }
        }
        true
    }

    /// Marks a commit of the queue, or one that left it, and such ancestors as common.
    fn mark_common(&mut self, oid: ObjectId) {
        if self.history.mark(oid, COMMON).has_any(COMMON) {
            return;
        }
        let mut stack = vec![oid];
        while let Some(oid) = stack.pop() {
            if !self.history.marks(&oid).has_any(POPPED) {
                self.non_common = self.non_common.saturating_sub(1);
            }
            if !self.read.contains(&oid) {
                continue;
            }
            for parent in self.history.parents(&oid).iter() {
                let marks = self.history.marks(parent);
                if marks.has_any(SEEN) && !marks.has_any(COMMON) {
                    self.history.mark(*parent, COMMON);
                    stack.push(*parent);
                }
            }
        }
    }
}

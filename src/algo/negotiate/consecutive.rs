//! Every commit, newest first, but for ancestors of what is common: git's `negotiator/default.c`.

use super::{NotTold, Step};
use crate::algo::history::{CommitInfo, DateQueue, History, Marks};
use crate::format::oid::ObjectId;

/// Both sides have it, and the server knows that we do, or will when it learns of a descendant.
const COMMON: Marks = Marks::bit(0);
/// The server told of it: it is to be told, its ancestors are not.
const COMMON_REF: Marks = Marks::bit(1);
/// It entered the queue.
const SEEN: Marks = Marks::bit(2);
/// It left the queue.
const POPPED: Marks = Marks::bit(3);
/// It was told.
const TOLD: Marks = Marks::bit(4);

#[derive(Default)]
pub(super) struct Consecutive {
    history: History,
    queue: DateQueue,
    /// How many commits of the queue are not common. When there are none the walk ends.
    non_common: usize,
}

impl Consecutive {
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn known_common(&mut self, oid: ObjectId) {
        if !self.history.marks(&oid).has_any(SEEN) {
            self.push(oid, COMMON_REF.and(SEEN));
            self.mark_ancestors(oid);
        }
    }

    pub fn add_tip(&mut self, oid: ObjectId) {
        self.push(oid, SEEN);
    }

    pub fn next(&mut self, ahead: usize) -> Step<Option<ObjectId>> {
        loop {
            if self.non_common == 0 {
                return Step::Done(None);
            }
            if let Some(needed) = self.settle(ahead) {
                return Step::Read(needed);
            }
            let Some(oid) = (self.non_common > 0).then(|| self.queue.pop()).flatten() else {
                return Step::Done(None);
            };
            let marks = self.history.mark(oid, POPPED);
            let is_common = marks.has_any(COMMON);
            if !is_common {
                self.non_common = self.non_common.saturating_sub(1);
            }
            let ends_here = marks.has_any(COMMON.and(COMMON_REF));
            for parent in self.history.parents(&oid).iter() {
                if !self.history.marks(parent).has_any(SEEN) {
                    self.push(*parent, if ends_here { COMMON.and(SEEN) } else { SEEN });
                }
                if ends_here && !self.history.marks(parent).has_any(COMMON) {
                    self.mark_ancestors(*parent);
                }
            }
            if !is_common {
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
        if marks.has_any(COMMON) {
            return Ok(Step::Done(true));
        }
        if let Some(needed) = self.settle(0) {
            return Ok(Step::Read(needed));
        }
        self.mark_common(*oid);
        self.mark_ancestors(*oid);
        Ok(Step::Done(false))
    }

    /// `rev_list_push`.
    fn push(&mut self, oid: ObjectId, mark: Marks) {
        let before = self.history.marks(&oid);
        if before.has_any(mark) {
            return;
        }
        self.history.mark(oid, mark);
        self.queue.put(oid, &self.history);
        if !before.and(mark).has_any(COMMON) {
            self.non_common += 1;
        }
    }

    /// Brings the queue in order, or answers what is to be read for that.
    fn settle(&mut self, ahead: usize) -> Option<Vec<ObjectId>> {
        let settled = self.queue.settle(&self.history, ahead);
        for oid in settled.missing {
            if !self.history.mark(oid, POPPED).has_any(COMMON) {
                self.non_common = self.non_common.saturating_sub(1);
            }
        }
        (!settled.needed.is_empty()).then_some(settled.needed)
    }

    fn mark_common(&mut self, oid: ObjectId) {
        let before = self.history.mark(oid, COMMON);
        if before.has_any(SEEN) && !before.has_any(POPPED) && !before.has_any(COMMON) {
            self.non_common = self.non_common.saturating_sub(1);
        }
    }

    /// `mark_common` with `ancestors_only`: of commits in the queue the parents are common too,
    /// and so on; the first that are not in it enter it.
    fn mark_ancestors(&mut self, oid: ObjectId) {
        let mut stack = vec![oid];
        while let Some(oid) = stack.pop() {
            if !self.history.marks(&oid).has_any(SEEN) {
                self.push(oid, SEEN);
                continue;
            }
            for parent in self.history.parents(&oid).iter() {
                if !self.history.marks(parent).has_any(COMMON) {
                    self.mark_common(*parent);
                    stack.push(*parent);
                }
            }
        }
    }
}

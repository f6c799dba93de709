//! Every commit, newest first, but for ancestors of what is common: git's `negotiator/default.c`.

use std::rc::Rc;

use super::{NotTold, Step};
use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::{CommitInfo, DateQueue, History, Marks, Node};
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
    pub fn new(graph: &Rc<CommitGraph>) -> Self {
        Consecutive {
            history: History::over(graph),
            ..Consecutive::default()
        }
    }

    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn known_common(&mut self, oid: ObjectId) {
        let node = self.history.node(&oid);
        if !self.history.marks(node).has_any(SEEN) {
            self.push(node, COMMON_REF.and(SEEN));
            self.mark_ancestors(node);
        }
    }

    pub fn add_tip(&mut self, oid: ObjectId) {
        let node = self.history.node(&oid);
        self.push(node, SEEN);
    }

    pub fn next(&mut self, ahead: usize) -> Step<Option<ObjectId>> {
        loop {
            if self.non_common == 0 {
                return Step::Done(None);
            }
            if let Some(needed) = self.settle(ahead) {
                return Step::Read(needed);
            }
            let Some(node) = (self.non_common > 0).then(|| self.queue.pop()).flatten() else {
                return Step::Done(None);
            };
            let marks = self.history.mark(node, POPPED);
            let is_common = marks.has_any(COMMON);
            if !is_common {
                self.non_common = self.non_common.saturating_sub(1);
            }
            let ends_here = marks.has_any(COMMON.and(COMMON_REF));
            for parent in self.history.parents(node) {
                if !self.history.marks(parent).has_any(SEEN) {
                    self.push(parent, if ends_here { COMMON.and(SEEN) } else { SEEN });
                }
                if ends_here && !self.history.marks(parent).has_any(COMMON) {
                    self.mark_ancestors(parent);
                }
            }
            if !is_common {
                self.history.mark(node, TOLD);
                return Step::Done(Some(self.history.oid(node)));
            }
        }
    }

    pub fn ack(&mut self, oid: &ObjectId) -> Result<Step<bool>, NotTold> {
        let node = self.history.find(oid).ok_or(NotTold)?;
        let marks = self.history.marks(node);
        if !marks.has_any(TOLD) {
            return Err(NotTold);
        }
        if marks.has_any(COMMON) {
            return Ok(Step::Done(true));
        }
        if let Some(needed) = self.settle(0) {
            return Ok(Step::Read(needed));
        }
        self.mark_common(node);
        self.mark_ancestors(node);
        Ok(Step::Done(false))
    }

    /// `rev_list_push`.
    fn push(&mut self, node: Node, mark: Marks) {
        let before = self.history.marks(node);
        if before.has_any(mark) {
            return;
        }
        self.history.mark(node, mark);
        self.queue.put(node, &self.history);
        if !before.and(mark).has_any(COMMON) {
            self.non_common += 1;
        }
    }

    /// Brings the queue in order, or answers what is to be read for that.
    fn settle(&mut self, ahead: usize) -> Option<Vec<ObjectId>> {
        let settled = self.queue.settle(&self.history, ahead);
        for node in settled.missing {
            if !self.history.mark(node, POPPED).has_any(COMMON) {
                self.non_common = self.non_common.saturating_sub(1);
            }
        }
        (!settled.needed.is_empty()).then_some(settled.needed)
    }

    fn mark_common(&mut self, node: Node) {
        let before = self.history.mark(node, COMMON);
        if before.has_any(SEEN) && !before.has_any(POPPED) && !before.has_any(COMMON) {
            self.non_common = self.non_common.saturating_sub(1);
        }
    }

    /// `mark_common` with `ancestors_only`: of commits in the queue the parents are common too,
    /// and so on; the first that are not in it enter it.
    fn mark_ancestors(&mut self, node: Node) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            if !self.history.marks(node).has_any(SEEN) {
                self.push(node, SEEN);
                continue;
            }
            for parent in self.history.parents(node) {
                if !self.history.marks(parent).has_any(COMMON) {
                    self.mark_common(parent);
                    stack.push(parent);
                }
            }
        }
    }
}

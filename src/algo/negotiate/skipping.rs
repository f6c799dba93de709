//! With growing gaps: git's `negotiator/skipping.c`. Each commit that is told is followed by one
//! more skipped than before, half as many again each time, on every line of history.
//!
//! A commit enters the queue unread, and git orders what it has not read as if it were of 1970:
//! such commits come in the order in which they entered. Thus only what leaves the queue is read.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::{NotTold, Step};
use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Node};
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
    read: HashSet<Node>,
    queue: DateQueue,
    /// Of commits of the queue; none is (0, 0).
    skips: HashMap<Node, Skip>,
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
    pub fn new(graph: &Rc<CommitGraph>) -> Self {
        Skipping {
            history: History::over(graph),
            ..Skipping::default()
        }
    }

    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn look_at(&mut self, oid: ObjectId, info: CommitInfo) {
        self.history.provide(oid, Some(info));
        let node = self.history.node(&oid);
        self.read.insert(node);
    }

    pub fn known_common(&mut self, oid: ObjectId) {
        let node = self.history.node(&oid);
        if !self.history.marks(node).has_any(SEEN) {
            self.push(node, ADVERTISED);
        }
    }

    pub fn add_tip(&mut self, oid: ObjectId) {
        let node = self.history.node(&oid);
        if !self.history.marks(node).has_any(SEEN) {
            self.push(node, Marks::default());
        }
    }

    pub fn next(&mut self, ahead: usize) -> Step<Option<ObjectId>> {
        loop {
            let Some((node, _)) = self.queue.first().filter(|_| self.non_common > 0) else {
                return Step::Done(None);
            };
            if self.history.known(node) == Known::No {
                let soon = self.queue.iter().take(ahead + 1);
                let unread = soon.filter(|node| self.history.known(*node) == Known::No);
                return Step::Read(unread.map(|node| self.history.oid(node)).collect());
            }
            self.queue.pop();
            self.read.insert(node);
            let is_common = self.history.mark(node, POPPED).has_any(COMMON);
            if !is_common {
                self.non_common = self.non_common.saturating_sub(1);
            }
            let skip = self.skips.remove(&node).unwrap_or_default();
            let mut goes_on = false;
            for parent in self.history.parents(node) {
                goes_on |= self.push_parent(node, skip, parent);
            }
            // One with no parents, or none that are still to come, is told although it would be
            // skipped; one that is not here never is.
            let is_due = skip.left == 0 || !goes_on;
            if !is_common && is_due && matches!(self.history.known(node), Known::Commit { .. }) {
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
        self.mark_common(node);
        Ok(Step::Done(marks.has_any(COMMON)))
    }

    /// `rev_list_push`.
    fn push(&mut self, node: Node, mark: Marks) {
        self.history.mark(node, mark.and(SEEN));
        let date = match self.history.known(node) {
            Known::Commit { date } if self.read.contains(&node) => date,
            _ => 0,
        };
        self.queue.put_as_of(node, date);
        self.non_common += 1;
    }

    /// Answers whether the parent is still to come: where clocks were wrong it may have gone.
    fn push_parent(&mut self, child: Node, skip: Skip, parent: Node) -> bool {
        let marks = self.history.marks(parent);
        if marks.has_any(POPPED) {
            return false;
        }
        if !marks.has_any(SEEN) {
            self.push(parent, Marks::default());
        }
        if self.history.marks(child).has_any(COMMON.and(ADVERTISED)) {
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
    fn mark_common(&mut self, node: Node) {
        if self.history.mark(node, COMMON).has_any(COMMON) {
            return;
        }
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            if !self.history.marks(node).has_any(POPPED) {
                self.non_common = self.non_common.saturating_sub(1);
            }
            if !self.read.contains(&node) {
                continue;
            }
            for parent in self.history.parents(node) {
                let marks = self.history.marks(parent);
                if marks.has_any(SEEN) && !marks.has_any(COMMON) {
                    self.history.mark(parent, COMMON);
                    stack.push(parent);
                }
            }
        }
    }
}

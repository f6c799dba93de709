//! `paint_down_to_common` of git's commit-reach.c: one commit is painted in one colour and others
//! in a second, and their ancestors with them, newest first. Where the colours meet is a common
//! ancestor; what lies beyond is stale, and when nothing else waits the painting ends.

use std::collections::HashMap;

use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Step};
use crate::format::oid::ObjectId;

/// The one is it, or a descendant.
const ONE: Marks = Marks::bit(0);
/// One of the others is it, or a descendant.
const OTHERS: Marks = Marks::bit(1);
/// Beyond a common ancestor.
const STALE: Marks = Marks::bit(2);
/// Found as a common ancestor.
const RESULT: Marks = Marks::bit(3);

pub(super) struct Painter {
    history: History,
    queue: DateQueue,
    /// How often a commit is in the queue: once for each time it was painted anew.
    waiting: HashMap<ObjectId, usize>,
    /// How many commits of the queue are not stale.
    fresh: usize,
    results: Vec<ObjectId>,
}

impl Painter {
    pub fn new(one: ObjectId, others: &[ObjectId]) -> Self {
        let mut painter = Painter {
            history: History::default(),
            queue: DateQueue::default(),
            waiting: HashMap::new(),
            fresh: 0,
            results: Vec::new(),
        };
        painter.start(one, others);
        painter
    }

    /// Begins again; what is known of commits stays.
    pub fn start(&mut self, one: ObjectId, others: &[ObjectId]) {
        self.history.clear_marks();
        self.queue = DateQueue::default();
        self.waiting.clear();
        self.fresh = 0;
        self.results.clear();
        self.put(one, ONE);
        for other in others {
            self.put(*other, OTHERS);
        }
    }

    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn is_painted_by_one(&self, oid: &ObjectId) -> bool {
        self.history.marks(oid).has_any(ONE)
    }

    pub fn is_painted_by_others(&self, oid: &ObjectId) -> bool {
        self.history.marks(oid).has_any(OTHERS)
    }

    /// The common ancestors found that did not turn out to be stale, newest first; of one date in
    /// the order in which they were found.
    pub fn common(&self) -> Vec<ObjectId> {
        let fresh = self
            .results
            .iter()
            .filter(|oid| !self.history.marks(oid).has_any(STALE));
        let mut found: Vec<ObjectId> = fresh.copied().collect();
        found.sort_by_key(|oid| match self.history.get(oid) {
            Known::Commit(info) => std::cmp::Reverse(info.date),
            Known::Missing | Known::No => std::cmp::Reverse(0),
        });
        found
    }

    pub fn paint(&mut self, ahead: usize) -> Step<()> {
        self.paint_until(ahead, |_| false)
    }

    pub fn paint_until(&mut self, ahead: usize, is_enough: impl Fn(&Self) -> bool) -> Step<()> {
        while self.fresh > 0 && !is_enough(self) {
            let settled = self.queue.settle(&self.history, ahead);
            for oid in settled.missing {
                self.left(oid);
            }
            if !settled.needed.is_empty() {
                return Step::Read(settled.needed);
            }
            if self.fresh == 0 {
                break;
            }
            let Some(oid) = self.queue.pop() else { break };
            self.left(oid);
            let mut paint = self.history.marks(&oid).within(ONE.and(OTHERS).and(STALE));
            if paint == ONE.and(OTHERS) {
                if !self.history.mark(oid, RESULT).has_any(RESULT) {
                    self.results.push(oid);
                }
                paint = paint.and(STALE);
            }
            for parent in self.history.parents(&oid).iter() {
                if !self.history.marks(parent).has_all(paint) {
                    self.put(*parent, paint);
                }
            }
        }
        Step::Done(())
    }

    fn put(&mut self, oid: ObjectId, paint: Marks) {
        let before = self.history.mark(oid, paint);
        let waiting = self.waiting.entry(oid).or_default();
        let was_fresh = *waiting > 0 && !before.has_any(STALE);
        let is_fresh = !before.and(paint).has_any(STALE);
        *waiting += 1;
        match (was_fresh, is_fresh) {
            (false, true) => self.fresh += 1,
            (true, false) => self.fresh = self.fresh.saturating_sub(1),
            _ => {}
        }
        self.queue.put(oid, &self.history);
    }

    /// Notes that one of a commit's places in the queue is free.
    fn left(&mut self, oid: ObjectId) {
        let is_stale = self.history.marks(&oid).has_any(STALE);
        if let Some(waiting) = self.waiting.get_mut(&oid) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.waiting.remove(&oid);
                if !is_stale {
                    self.fresh = self.fresh.saturating_sub(1);
                }
            }
        }
    }
}

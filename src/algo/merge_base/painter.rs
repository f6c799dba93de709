//! `paint_down_to_common` of git's commit-reach.c: one commit is painted in one colour and others
//! in a second, and their ancestors with them, newest first. Where the colours meet is a common
//! ancestor; what lies beyond is stale, and when nothing else waits the painting ends.

use std::collections::HashMap;
use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Node, Step, VISITS};
use crate::format::oid::ObjectId;
use crate::sorted::order;

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
    waiting: HashMap<Node, usize>,
    /// How many commits of the queue are not stale.
    fresh: usize,
    results: Vec<Node>,
    /// Commits of lower generations lead to nothing that counts.
    lowest: Option<u64>,
}

impl Painter {
    pub fn new(graph: &Rc<CommitGraph>, one: ObjectId, others: &[ObjectId]) -> Self {
        let mut painter = Painter {
            history: History::over(graph),
            queue: DateQueue::default(),
            waiting: HashMap::new(),
            fresh: 0,
            results: Vec::new(),
            lowest: None,
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
        self.lowest = None;
        let one = self.history.node(&one);
        self.put(one, ONE);
        for other in others {
            let other = self.history.node(other);
            self.put(other, OTHERS);
        }
    }

    /// From now on only those and their descendants count: what is in the graph and of a lower
    /// generation than each of them is neither.
    pub fn only_above(&mut self, oids: &[ObjectId]) {
        let generation = |oid: &ObjectId| self.history.find(oid).and_then(|node| self.history.generation(node));
        // Of one outside of the graph nothing is known, and it may have ancestors in it that count.
        let generations = oids.iter().map(|oid| generation(oid).unwrap_or(0));
        self.lowest = generations.min();
    }

    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    pub fn is_painted_by_one(&self, oid: &ObjectId) -> bool {
        self.marks(oid).has_any(ONE)
    }

    pub fn is_painted_by_others(&self, oid: &ObjectId) -> bool {
        self.marks(oid).has_any(OTHERS)
    }

    fn marks(&self, oid: &ObjectId) -> Marks {
        let node = self.history.find(oid);
        node.map(|node| self.history.marks(node)).unwrap_or_default()
    }

    /// The common ancestors found that did not turn out to be stale, newest first; of one date in
    /// the order in which they were found.
    pub fn common(&self) -> Vec<ObjectId> {
        let fresh = self
            .results
            .iter()
            .filter(|node| !self.history.marks(**node).has_any(STALE));
        let mut found: Vec<Node> = fresh.copied().collect();
        order::sort_by_key(&mut found, |node| match self.history.known(*node) {
            Known::Commit { date } => std::cmp::Reverse(date),
            Known::Missing | Known::No => std::cmp::Reverse(0),
        });
        found.into_iter().map(|node| self.history.oid(node)).collect()
    }

    pub fn paint(&mut self, ahead: usize) -> Step<()> {
        self.paint_until(ahead, |_| false)
    }

    pub fn paint_until(&mut self, ahead: usize, is_enough: impl Fn(&Self) -> bool) -> Step<()> {
        let mut visits = 0;
        while self.fresh > 0 && !is_enough(self) {
            visits += 1;
            if visits > VISITS {
                return Step::Busy;
            }
            let settled = self.queue.settle(&self.history, ahead);
            for node in settled.missing {
                self.left(node);
            }
            if !settled.needed.is_empty() {
                return Step::Read(settled.needed);
            }
            if self.fresh == 0 {
                break;
            }
            let Some(node) = self.queue.pop() else { break };
            self.left(node);
            let mut paint = self.history.marks(node).within(ONE.and(OTHERS).and(STALE));
            if paint == ONE.and(OTHERS) {
                if !self.history.mark(node, RESULT).has_any(RESULT) {
                    self.results.push(node);
                }
                paint = paint.and(STALE);
            }
            for parent in self.history.parents(node) {
                let is_below = || {
                    let generation = self.history.generation(parent);
                    generation.zip(self.lowest).is_some_and(|(own, lowest)| own < lowest)
                };
                if !self.history.marks(parent).has_all(paint) && !is_below() {
                    self.put(parent, paint);
                }
            }
        }
        Step::Done(())
    }

    fn put(&mut self, node: Node, paint: Marks) {
        let before = self.history.mark(node, paint);
        let waiting = self.waiting.entry(node).or_default();
        let was_fresh = *waiting > 0 && !before.has_any(STALE);
        let is_fresh = !before.and(paint).has_any(STALE);
        *waiting += 1;
        match (was_fresh, is_fresh) {
            (false, true) => self.fresh += 1,
            (true, false) => self.fresh = self.fresh.saturating_sub(1),
            _ => {}
        }
        self.queue.put(node, &self.history);
    }

    /// Notes that one of a commit's places in the queue is free.
    fn left(&mut self, node: Node) {
        let is_stale = self.history.marks(node).has_any(STALE);
        if let Some(waiting) = self.waiting.get_mut(&node) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.waiting.remove(&node);
                if !is_stale {
                    self.fresh = self.fresh.saturating_sub(1);
                }
            }
        }
    }
}

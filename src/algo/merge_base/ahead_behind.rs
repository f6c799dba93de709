//! How many commits two histories have that the other has not: what `limit_list` of git's
//! revision.c leaves of `left...right`.

use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Node, Step, VISITS};
use crate::format::oid::ObjectId;

const LEFT: Marks = Marks::bit(0);
const RIGHT: Marks = Marks::bit(1);
const BOTH: Marks = LEFT.and(RIGHT);

/// How much older than its parents a commit may be, in seconds, and the count still be right: a
/// day, as in git-name-rev(1) (`CUTOFF_DATE_SLOP`). So far beyond the point where the sides meet
/// history is read. git-rev-list(1) reads five commits and counts too many now and then.
const SKEW: u64 = 86_400;

/// How many commits each of two has that the other has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of the left one.
    pub ahead: u64,
    /// Of the right one.
    pub behind: u64,
}

/// Counts what is only on one side.
///
/// The count is too high where a commit behind the point where the sides meet is more than a day
/// older, by its date, than a parent of it that lies before that point.
pub struct AheadBehind {
    history: History,
    queue: DateQueue,
    counts: Counts,
    /// How many commits of the queue are on one side only.
    single: u64,
    /// The date of the oldest that left it so.
    oldest: u64,
}

impl AheadBehind {
    /// Of these two.
    pub fn new(graph: &Rc<CommitGraph>, left: ObjectId, right: ObjectId) -> Self {
        let mut state = AheadBehind {
            history: History::over(graph),
            queue: DateQueue::default(),
            counts: Counts::default(),
            single: 0,
            oldest: u64::MAX,
        };
        for (oid, side) in [(left, LEFT), (right, RIGHT)] {
            let node = state.history.node(&oid);
            state.put(node, side);
        }
        state
    }

    /// Tells of a commit; `None` says that it is not here.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    /// The counts; `ahead` as for [`super::MergeBases::step`].
    pub fn step(&mut self, ahead: usize) -> Step<Counts> {
        for _ in 0..VISITS {
            if self.single == 0 && self.counts == Counts::default() {
                return Step::Done(self.counts);
            }
            let settled = self.queue.settle(&self.history, ahead);
            for node in settled.missing {
                self.leave(node);
            }
            if !settled.needed.is_empty() {
                return Step::Read(settled.needed);
            }
            let is_near = |date: &u64| self.single > 0 || date.saturating_add(SKEW) >= self.oldest;
            let Some((node, date)) = self.queue.first().filter(|(_, date)| is_near(date)) else {
                return Step::Done(self.counts);
            };
            self.queue.pop();
            if self.leave(node) {
                self.oldest = self.oldest.min(date);
            }
            let sides = self.history.marks(node).within(BOTH);
            for parent in self.history.parents(node) {
                self.put(parent, sides);
            }
        }
        Step::Busy
    }

    /// Notes that a commit left the queue, and counts it where it is on one side only: whether it
    /// is.
    fn leave(&mut self, node: Node) -> bool {
        let sides = self.history.mark(node, LEFT_QUEUE).within(BOTH);
        if sides == BOTH {
            return false;
        }
        self.single = self.single.saturating_sub(1);
        if self.history.known(node) == Known::Missing {
            return false;
        }
        match sides == LEFT {
            true => self.counts.ahead += 1,
            false => self.counts.behind += 1,
        }
        true
    }

    /// Puts a commit on a side, or on both. One that was counted as being on one side only, and
    /// its ancestors, are counted no more.
    fn put(&mut self, node: Node, sides: Marks) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            let before = self.history.mark(node, sides);
            let (was, is) = (before.within(BOTH), before.and(sides).within(BOTH));
            if was == is {
                continue;
            }
            if was == Marks::default() {
                self.single += u64::from(is != BOTH);
                self.queue.put(node, &self.history);
                continue;
            }
            if !before.has_any(LEFT_QUEUE) {
                self.single = self.single.saturating_sub(1);
                continue;
            }
            if matches!(self.history.known(node), Known::Commit { .. }) {
                let counts = &mut self.counts;
                let count = if was == LEFT {
                    &mut counts.ahead
                } else {
                    &mut counts.behind
                };
                *count = count.saturating_sub(1);
            }
            stack.extend(self.history.parents(node));
        }
    }
}

/// It left the queue.
const LEFT_QUEUE: Marks = Marks::bit(2);

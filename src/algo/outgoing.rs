//! Which commits somebody lacks who has others: `git rev-list --objects-edge want --not have`, as
//! far as it is about commits (`limit_list` and `mark_edges_uninteresting` of git's revision.c and
//! list-objects.c).
//!
//! Nothing is read: the machine says which commits it needs.

use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Step};
use crate::format::oid::ObjectId;

const WANTED: Marks = Marks::bit(0);
const HELD: Marks = Marks::bit(1);
const BOTH: Marks = WANTED.and(HELD);
const LEFT_QUEUE: Marks = Marks::bit(2);

/// How much older than its parents a commit may be, in seconds, for the answer still to be the
/// smallest: a day, as in git-name-rev(1) (`CUTOFF_DATE_SLOP`). So far beyond the point where the
/// histories meet history is read.
const SKEW: u64 = 86_400;

/// What somebody lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// The commits, newest first.
    pub commits: Vec<ObjectId>,
    /// Parents of those that are held: where the histories meet.
    pub edges: Vec<ObjectId>,
    /// Commits that are lacking and are not here either.
    pub missing: Vec<ObjectId>,
}

/// Finds the commits that some commits lead to and others do not.
///
/// It finds too many where a commit behind the point where the histories meet is more than a day
/// older, by its date, than a parent of it that lies before that point.
pub struct Outgoing {
    history: History,
    queue: DateQueue,
    /// How many commits of the queue nobody is known to hold.
    open: u64,
    /// The date of the oldest that left it so.
    oldest: u64,
    /// What left the queue so, in that order; it may have turned out to be held since.
    found: Vec<ObjectId>,
    missing: Vec<ObjectId>,
}

impl Outgoing {
    /// Of what `wanted` lead to, what `held` do not.
    pub fn new(wanted: impl IntoIterator<Item = ObjectId>, held: impl IntoIterator<Item = ObjectId>) -> Self {
        let mut state = Outgoing {
            history: History::default(),
            queue: DateQueue::default(),
            open: 0,
            oldest: u64::MAX,
            found: Vec::new(),
            missing: Vec::new(),
        };
        held.into_iter().for_each(|oid| state.put(oid, HELD));
        wanted.into_iter().for_each(|oid| state.put(oid, WANTED));
        state
    }

    /// Tells of a commit; `None` says that it is not here.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    /// The answer, or the commits to be read first, and up to `ahead` more that may be needed soon.
    pub fn step(&mut self, ahead: usize) -> Step<Lacking> {
        loop {
            if self.open == 0 && self.found.is_empty() {
                return Step::Done(self.answer());
            }
            let settled = self.queue.settle(&self.history, ahead);
            for oid in settled.missing {
                self.leave(oid);
            }
            if !settled.needed.is_empty() {
                return Step::Read(settled.needed);
            }
            let is_near = |date: &u64| self.open > 0 || date.saturating_add(SKEW) >= self.oldest;
            let Some((oid, date)) = self.queue.first().filter(|(_, date)| is_near(date)) else {
                return Step::Done(self.answer());
            };
            self.queue.pop();
            if self.leave(oid) {
                self.oldest = self.oldest.min(date);
            }
            let marks = self.history.marks(&oid).within(BOTH);
            for parent in self.history.parents(&oid).iter() {
                self.put(*parent, marks);
            }
        }
    }

    /// Notes that a commit left the queue; whether nobody is known to hold it.
    fn leave(&mut self, oid: ObjectId) -> bool {
        let marks = self.history.mark(oid, LEFT_QUEUE);
        if marks.has_any(HELD) {
            return false;
        }
        self.open = self.open.saturating_sub(1);
        match self.history.get(&oid) {
            Known::Missing => self.missing.push(oid),
            Known::No | Known::Commit(_) => self.found.push(oid),
        }
        true
    }

    /// Marks a commit; one that turns out to be held after all, with its ancestors.
    fn put(&mut self, oid: ObjectId, marks: Marks) {
        let mut stack = vec![oid];
        while let Some(oid) = stack.pop() {
            let before = self.history.mark(oid, marks);
            let (was, is) = (before.within(BOTH), before.and(marks).within(BOTH));
            if was == is {
                continue;
            }
            if was == Marks::default() {
                self.open += u64::from(!is.has_any(HELD));
                self.queue.put(oid, &self.history);
                continue;
            }
            if was.has_any(HELD) {
                // Known to be held; that somebody wants it too changes nothing.
                continue;
            }
            if before.has_any(LEFT_QUEUE) {
                stack.extend(self.history.parents(&oid).iter());
            } else {
                self.open = self.open.saturating_sub(1);
            }
        }
    }

    fn answer(&mut self) -> Lacking {
        let is_held = |oid: &ObjectId| self.history.marks(oid).has_any(HELD);
        let lacking = |oids: &[ObjectId]| oids.iter().copied().filter(|oid| !is_held(oid)).collect::<Vec<_>>();
        let commits = lacking(&self.found);
        let mut edges: Vec<ObjectId> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for commit in &commits {
            let parents = self.history.parents(commit);
            edges.extend(parents.iter().filter(|oid| is_held(oid) && seen.insert(**oid)));
        }
        Lacking {
            edges,
            missing: lacking(&self.missing),
            commits,
        }
    }
}

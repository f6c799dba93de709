//! What the walks over history have in common: what counts of a commit, marks on commits, and
//! git's queue of commits by date (`prio-queue.c` with `compare_commits_by_commit_date`).
//!
//! Nothing is read here. A walk that comes upon a commit it knows nothing of says so, is told
//! ([`History::provide`]), and goes on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;

use crate::format::oid::ObjectId;
use crate::sorted::SortedMap;

/// What counts of a commit for a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its parents, in their order; none where the commit is a shallow boundary.
    pub parents: Rc<[ObjectId]>,
    /// The committer's date as git sorts by it, in seconds since 1970.
    pub date: u64,
}

/// Marks on a commit, one bit each; what they mean is for the walk to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    pub const fn bit(number: u8) -> Self {
        Marks(1 << number)
    }

    pub const fn and(self, other: Marks) -> Self {
        Marks(self.0 | other.0)
    }

    /// Those of both.
    pub const fn within(self, other: Marks) -> Self {
        Marks(self.0 & other.0)
    }

    /// Whether each of those is set.
    pub const fn has_all(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether at least one of those is set.
    pub const fn has_any(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a walk was told of commits, and its marks on them. A commit that was not told of may have
/// marks; one that is told of as missing has no parents.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    told: HashMap<ObjectId, Option<CommitInfo>>,
    marks: HashMap<ObjectId, Marks>,
}

/// What is known of a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    /// Nothing yet.
    No,
    /// That it is not here.
    Missing,
    /// All that counts.
    Commit(&'a CommitInfo),
}

impl History {
    /// Tells of a commit; `None` says that it is not here. What is told first holds.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.told.entry(oid).or_insert(info);
    }

    /// What is known of a commit.
    pub fn get(&self, oid: &ObjectId) -> Known<'_> {
        match self.told.get(oid) {
            None => Known::No,
            Some(None) => Known::Missing,
            Some(Some(info)) => Known::Commit(info),
        }
    }

    /// The parents of a commit as far as they are known.
    pub fn parents(&self, oid: &ObjectId) -> Rc<[ObjectId]> {
        match self.get(oid) {
            Known::Commit(info) => Rc::clone(&info.parents),
            Known::Missing | Known::No => Rc::default(),
        }
    }

    pub fn marks(&self, oid: &ObjectId) -> Marks {
        self.marks.get(oid).copied().unwrap_or_default()
    }

    /// Forgets all marks.
    pub fn clear_marks(&mut self) {
        self.marks.clear();
    }

    /// Adds marks; answers which there were.
    pub fn mark(&mut self, oid: ObjectId, marks: Marks) -> Marks {
        let held = self.marks.entry(oid).or_default();
        let before = *held;
        *held = before.and(marks);
        before
    }
}

/// An answer, or what is needed for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// These commits have to be provided first; never empty.
    Read(Vec<ObjectId>),
    /// The answer.
    Done(T),
}

/// Commits that wait, newest first; of those of one date the one put first comes first.
///
/// For its place in the queue a commit must have been read. Git reads it when it enters; here it
/// keeps its place among those of its date, and all that wait for being read are read together
/// before the next one leaves ([`DateQueue::settle`]).
#[derive(Clone, Debug, Default)]
pub(crate) struct DateQueue {
    waiting: SortedMap<(Reverse<u64>, u64), ObjectId>,
    unread: Vec<(ObjectId, u64)>,
    puts: u64,
}

/// What [`DateQueue::settle`] found.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Commits that are not here: they left the queue.
    pub missing: Vec<ObjectId>,
    /// Commits to be read before the next one can be told.
    pub needed: Vec<ObjectId>,
}

impl DateQueue {
    /// Puts a commit behind those of its date.
    pub fn put(&mut self, oid: ObjectId, history: &History) {
        self.puts += 1;
        match history.get(&oid) {
            Known::Commit(info) => drop(self.waiting.insert((Reverse(info.date), self.puts), oid)),
            Known::Missing | Known::No => self.unread.push((oid, self.puts)),
        }
    }

    /// Puts a commit behind those of a date, whatever its own is.
    pub fn put_as_of(&mut self, oid: ObjectId, date: u64) {
        self.puts += 1;
        self.waiting.insert((Reverse(date), self.puts), oid);
    }

    /// Gives commits that were read since their places. Where others are still to be read, it asks
    /// besides for up to `ahead` parents of the next ones.
    pub fn settle(&mut self, history: &History, ahead: usize) -> Settled {
        let mut settled = Settled::default();
        for (oid, place) in std::mem::take(&mut self.unread) {
            match history.get(&oid) {
                Known::Commit(info) => drop(self.waiting.insert((Reverse(info.date), place), oid)),
                Known::Missing => settled.missing.push(oid),
                Known::No => {
                    self.unread.push((oid, place));
                    settled.needed.push(oid);
                }
            }
        }
        if !settled.needed.is_empty() {
            let enough = settled.needed.len() + ahead;
            for oid in self.waiting.values().take(ahead) {
                for parent in history.parents(oid).iter() {
                    let is_new = matches!(history.get(parent), Known::No) && !settled.needed.contains(parent);
                    if is_new && settled.needed.len() < enough {
                        settled.needed.push(*parent);
                    }
                }
            }
        }
        settled
    }

    /// Takes the newest.
    pub fn pop(&mut self) -> Option<ObjectId> {
        self.waiting.pop_first().map(|(_, oid)| oid)
    }

    /// The newest, and its date.
    pub fn first(&self) -> Option<(ObjectId, u64)> {
        let ((Reverse(date), _), oid) = self.waiting.first_key_value()?;
        Some((*oid, *date))
    }

    /// All that have a place, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &ObjectId> {
        self.waiting.values()
    }
}

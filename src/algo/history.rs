//! What the walks over history have in common: what counts of a commit, marks on commits, and
//! git's queue of commits by date (`prio-queue.c` with `compare_commits_by_commit_date`).
//!
//! Nothing is read here. A walk that comes upon a commit it knows nothing of says so, is told
//! ([`History::provide`]), and goes on. Commits of a commit-graph are known from the start.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
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

/// A commit, by number: a position of the graph, or from where that ends on the numbers of those
/// that a walk came upon outside of it. A walk marks, compares and queues numbers; ids are for
/// whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(u32);

impl Node {
    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
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
    graph: Rc<CommitGraph>,
    /// Commits outside of the graph.
    others: Vec<Other>,
    numbers: HashMap<ObjectId, Node>,
    marks: Vec<Marks>,
}

#[derive(Clone, Debug)]
struct Other {
    oid: ObjectId,
    /// Nothing until it is told of; then what counts, unless it is missing.
    told: Option<Option<(Rc<[Node]>, u64)>>,
}

/// What is known of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing yet.
    No,
    /// That it is not here.
    Missing,
    /// Its date, and its parents.
    Commit {
        /// As [`CommitInfo::date`].
        date: u64,
    },
}

impl History {
    /// One that knows what a graph says.
    pub fn over(graph: &Rc<CommitGraph>) -> Self {
        History {
            graph: Rc::clone(graph),
            ..History::default()
        }
    }

    /// The number of a commit.
    pub fn node(&mut self, oid: &ObjectId) -> Node {
        if let Some(node) = self.find(oid) {
            return node;
        }
        let outside = u32::try_from(self.others.len()).unwrap_or(u32::MAX);
        let node = Node(self.graph.len().saturating_add(outside));
        self.others.push(Other { oid: *oid, told: None });
        self.numbers.insert(*oid, node);
        node
    }

    /// The number of a commit that a walk came upon, or that is in the graph.
    pub fn find(&self, oid: &ObjectId) -> Option<Node> {
        let outside = self.numbers.get(oid).copied();
        outside.or_else(|| self.graph.find(oid).map(Node))
    }

    /// The id of a commit.
    pub fn oid(&self, node: Node) -> ObjectId {
        match self.other(node) {
            None => self.graph.oid(node.0),
            Some(other) => other.oid,
        }
    }

    /// Tells of a commit; `None` says that it is not here. What is told first holds.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        let node = self.node(&oid);
        if self.known(node) != Known::No {
            return;
        }
        let told = info.map(|info| {
            let parents = info.parents.iter().map(|parent| self.node(parent)).collect();
            (parents, info.date)
        });
        let outside = node
            .0
            .checked_sub(self.graph.len())
            .map(|outside| Node(outside).index());
        if let Some(other) = outside.and_then(|outside| self.others.get_mut(outside)) {
            other.told = Some(told);
        }
    }

    /// What is known of a commit.
    pub fn known(&self, node: Node) -> Known {
        match self.other(node).map(|other| &other.told) {
            None => Known::Commit {
                date: self.graph.date(node.0),
            },
            Some(None) => Known::No,
            Some(Some(None)) => Known::Missing,
            Some(Some(Some((_, date)))) => Known::Commit { date: *date },
        }
    }

    /// The parents of a commit as far as they are known.
    pub fn parents(&self, node: Node) -> Parents {
        match self.other(node).map(|other| &other.told) {
            Some(None | Some(None)) => Parents::Few([None; 2]),
            Some(Some(Some((parents, _)))) => Parents::Many(Rc::clone(parents), 0),
            None => {
                let mut found = self.graph.parents(node.0).map(Node);
                let few = [found.next(), found.next()];
                match found.next() {
                    None => Parents::Few(few),
                    Some(third) => Parents::Many(few.into_iter().flatten().chain([third]).chain(found).collect(), 0),
                }
            }
        }
    }

    pub fn marks(&self, node: Node) -> Marks {
        self.marks.get(node.index()).copied().unwrap_or_default()
    }

    /// Forgets all marks.
    pub fn clear_marks(&mut self) {
        self.marks.clear();
    }

    /// Adds marks; answers which there were.
    pub fn mark(&mut self, node: Node, marks: Marks) -> Marks {
        if self.marks.len() <= node.index() {
            let all = Node(self.graph.len()).index() + self.others.len();
            self.marks.resize(all.max(self.marks.len()), Marks::default());
        }
        match self.marks.get_mut(node.index()) {
            Some(held) => {
                let before = *held;
                *held = before.and(marks);
                before
            }
            None => Marks::default(),
        }
    }

    /// The generation of a commit of the graph; `None` for others, which are no ancestors of those.
    pub fn generation(&self, node: Node) -> Option<u64> {
        (node.0 < self.graph.len()).then(|| self.graph.generation(node.0))
    }

    fn other(&self, node: Node) -> Option<&Other> {
        let outside = node.0.checked_sub(self.graph.len())?;
        self.others.get(Node(outside).index())
    }
}

/// Parents of a commit, in their order. Most have one or two.
pub(crate) enum Parents {
    Few([Option<Node>; 2]),
    /// And how many came.
    Many(Rc<[Node]>, usize),
}

impl Iterator for Parents {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        match self {
            Parents::Few([first, second]) => first.take().or_else(|| second.take()),
            Parents::Many(parents, came) => {
                let next = parents.get(*came).copied();
                *came += 1;
                next
            }
        }
    }
}

/// An answer, or what is needed for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// These commits have to be provided first; never empty.
    Read(Vec<ObjectId>),
    /// Much was done and nothing is needed: call again, maybe after a pause.
    Busy,
    /// The answer.
    Done(T),
}

/// How many commits a machine visits before it is [`Step::Busy`]: well under a millisecond.
pub(crate) const VISITS: u32 = 512;

/// Commits that wait, newest first; of those of one date the one put first comes first.
///
/// For its place in the queue a commit must have been read. Git reads it when it enters; here it
/// keeps its place among those of its date, and all that wait for being read are read together
/// before the next one leaves ([`DateQueue::settle`]).
#[derive(Clone, Debug, Default)]
pub(crate) struct DateQueue {
    waiting: SortedMap<(Reverse<u64>, u64), Node>,
    unread: Vec<(Node, u64)>,
    puts: u64,
}

/// What [`DateQueue::settle`] found.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Commits that are not here: they left the queue.
    pub missing: Vec<Node>,
    /// Commits to be read before the next one can be told.
    pub needed: Vec<ObjectId>,
}

impl DateQueue {
    /// Puts a commit behind those of its date.
    pub fn put(&mut self, node: Node, history: &History) {
        self.puts += 1;
        match history.known(node) {
            Known::Commit { date } => drop(self.waiting.insert((Reverse(date), self.puts), node)),
            Known::Missing | Known::No => self.unread.push((node, self.puts)),
        }
    }

    /// Puts a commit behind those of a date, whatever its own is.
    pub fn put_as_of(&mut self, node: Node, date: u64) {
        self.puts += 1;
        self.waiting.insert((Reverse(date), self.puts), node);
    }

    /// Gives commits that were read since their places. Where others are still to be read, it asks
    /// besides for up to `ahead` parents of the next ones.
    pub fn settle(&mut self, history: &History, ahead: usize) -> Settled {
        let mut settled = Settled::default();
        for (node, place) in std::mem::take(&mut self.unread) {
            match history.known(node) {
                Known::Commit { date } => drop(self.waiting.insert((Reverse(date), place), node)),
                Known::Missing => settled.missing.push(node),
                Known::No => {
                    self.unread.push((node, place));
                    settled.needed.push(history.oid(node));
                }
            }
        }
        if !settled.needed.is_empty() {
            let enough = settled.needed.len() + ahead;
            for node in self.waiting.values().take(ahead) {
                for parent in history
                    .parents(*node)
                    .filter(|parent| history.known(*parent) == Known::No)
                {
                    let oid = history.oid(parent);
                    if settled.needed.len() < enough && !settled.needed.contains(&oid) {
                        settled.needed.push(oid);
                    }
                }
            }
        }
        settled
    }

    /// Takes the newest.
    pub fn pop(&mut self) -> Option<Node> {
        self.waiting.pop_first().map(|(_, node)| node)
    }

    /// The newest, and its date.
    pub fn first(&self) -> Option<(Node, u64)> {
        let ((Reverse(date), _), node) = self.waiting.first_key_value()?;
        Some((*node, *date))
    }

    /// All that have a place, newest first.
    pub fn iter(&self) -> impl Iterator<Item = Node> {
        self.waiting.values().copied()
    }
}

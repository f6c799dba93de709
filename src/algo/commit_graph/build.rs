//! Makes what a new file of a graph says: the order of its commits, their parents' numbers, and
//! generations (`compute_reachable_generation_numbers`, `split_graph_merge_strategy` of git's
//! `commit-graph.c`).

use super::CommitGraph;
use crate::format::commit_graph::{GraphError, MAX_COMMITS, MAX_DATE, Row};
use crate::format::oid::ObjectId;
use crate::sorted::order;

/// Commits that are looked at in one step.
const AT_A_TIME: usize = 1024;

/// A file is merged with the one on top of it unless it has more than so many times its commits
/// (git's `--size-multiple`).
const SIZE_MULTIPLE: u64 = 2;

/// How many of the lowest files stay as they are when so many commits are added; those above are
/// merged with what is new. `layers` are the numbers of their commits.
pub fn kept_layers(layers: &[u32], new: u32) -> usize {
    let (mut kept, mut commits) = (layers.len(), u64::from(new));
    for count in layers.iter().rev() {
        if u64::from(*count) > SIZE_MULTIPLE * commits {
            break;
        }
        kept -= 1;
        commits += u64::from(*count);
    }
    kept
}

/// A commit to be put into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub oid: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its committer's date, in seconds since 1970.
    pub date: u64,
    /// Its parents, in their order.
    pub parents: Vec<ObjectId>,
}

impl Commit {
    /// One that is in a graph.
    pub fn of(graph: &CommitGraph, position: u32) -> Self {
        Commit {
            oid: graph.oid(position),
            tree: graph.tree(position),
            date: graph.date(position),
            parents: graph.parents(position).map(|parent| graph.oid(parent)).collect(),
        }
    }

    /// Whether a file can hold it: dates have 34 bits there.
    pub fn fits(&self) -> bool {
        self.date <= MAX_DATE
    }
}

/// Why no file can be made of some commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A parent is neither among them nor in the files below.
    Parent(ObjectId),
    /// A commit is its own ancestor. Ids that are hashes never lead there.
    Circle(ObjectId),
    /// The format cannot hold so many.
    Limit,
}

impl From<Unknown> for GraphError {
    fn from(_: Unknown) -> Self {
        GraphError::Limit
    }
}

/// Makes the rows of a file, step by step.
#[derive(Debug)]
pub struct Builder {
    below: CommitGraph,
    /// By the first byte of their ids: each is sorted by itself, and soon.
    buckets: Vec<Vec<Commit>>,
    /// The parents of those that are in order, by id, as long as their positions are not known.
    parents: Vec<Vec<ObjectId>>,
    rows: Vec<Row>,
    stage: Stage,
    /// Commits whose parents have to be ranked first.
    above: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Sort(usize),
    Link(usize),
    Rank(usize),
    Done,
}

/// The level of a commit that was not reached, and of one whose parents are being ranked.
const UNRANKED: u32 = 0;
const OPEN: u32 = u32::MAX;

impl Builder {
    /// A file on top of those.
    pub fn on(below: CommitGraph) -> Self {
        Builder {
            below,
            buckets: vec![Vec::new(); 256],
            parents: Vec::new(),
            rows: Vec::new(),
            stage: Stage::Sort(0),
            above: Vec::new(),
        }
    }

    /// Adds a commit. Its parents have to be added as well, sooner or later, unless they are below.
    pub fn add(&mut self, commit: Commit) {
        if let Some(bucket) = self.buckets.get_mut(usize::from(commit.oid.first_byte())) {
            bucket.push(commit);
        }
    }

    /// Does some more; whether all is done. It takes a millisecond or less.
    pub fn step(&mut self) -> Result<bool, Unknown> {
        self.stage = match self.stage {
            Stage::Sort(bucket) => self.sort(bucket),
            Stage::Link(from) => self.link(from)?,
            Stage::Rank(from) => self.rank(from)?,
            Stage::Done => Stage::Done,
        };
        Ok(matches!(self.stage, Stage::Done))
    }

    /// The rows, ordered by id, once all is done.
    pub fn finish(self) -> Vec<Row> {
        self.rows
    }

    fn sort(&mut self, at: usize) -> Stage {
        let Some(bucket) = self.buckets.get_mut(at) else {
            self.buckets = Vec::new();
            return Stage::Link(0);
        };
        let mut bucket = std::mem::take(bucket);
        order::sort_by_key(&mut bucket, |commit| commit.oid);
        bucket.dedup_by_key(|commit| commit.oid);
        for commit in bucket {
            self.rows.push(Row {
                oid: commit.oid,
                tree: commit.tree,
                date: commit.date,
                level: UNRANKED,
                generation: 0,
                parents: Vec::new(),
            });
            self.parents.push(commit.parents);
        }
        Stage::Sort(at + 1)
    }

    fn link(&mut self, from: usize) -> Result<Stage, Unknown> {
        let all = u32::try_from(self.rows.len())
            .ok()
            .and_then(|own| own.checked_add(self.below.len()));
        all.filter(|all| *all <= MAX_COMMITS).ok_or(Unknown::Limit)?;
        let end = self.rows.len().min(from + AT_A_TIME);
        for at in from..end {
            let names = self.parents.get_mut(at).map(std::mem::take).unwrap_or_default();
            let positions: Result<Vec<u32>, Unknown> = names
                .iter()
                .map(|oid| self.position(oid).ok_or(Unknown::Parent(*oid)))
                .collect();
            if let Some(row) = self.rows.get_mut(at) {
                row.parents = positions?;
            }
        }
        Ok(if end < self.rows.len() {
            Stage::Link(end)
        } else {
            self.parents = Vec::new();
            Stage::Rank(0)
        })
    }

    fn position(&self, oid: &ObjectId) -> Option<u32> {
        let own = self.rows.binary_search_by_key(oid, |row| row.oid).ok();
        let own = own.and_then(|at| u32::try_from(at).ok()?.checked_add(self.below.len()));
        own.or_else(|| self.below.find(oid))
    }

    /// Gives levels and generations, parents first. Nothing recurses.
    fn rank(&mut self, from: usize) -> Result<Stage, Unknown> {
        let mut from = from;
        for _ in 0..AT_A_TIME {
            let Some(at) = self.above.last().copied() else {
                if from == self.rows.len() {
                    return Ok(Stage::Done);
                }
                if self.rows.get(from).is_some_and(|row| row.level == UNRANKED) {
                    self.above.push(from);
                }
                from += 1;
                continue;
            };
            self.rank_one(at)?;
        }
        Ok(Stage::Rank(from))
    }

    /// Ranks a commit, or puts those of its parents first that are not ranked.
    fn rank_one(&mut self, at: usize) -> Result<(), Unknown> {
        let (mut level, mut generation, waiting) = (0, 0, self.above.len());
        let Some(row) = self.rows.get(at) else {
            self.above.pop();
            return Ok(());
        };
        for parent in &row.parents {
            let own = parent
                .checked_sub(self.below.len())
                .and_then(|own| usize::try_from(own).ok());
            let (its_level, its_generation) = match own {
                None => (self.below.level(*parent), self.below.generation(*parent)),
                Some(own) => match self.rows.get(own) {
                    Some(parent) if parent.level == UNRANKED => {
                        self.above.push(own);
                        continue;
                    }
                    Some(parent) if parent.level == OPEN => return Err(Unknown::Circle(parent.oid)),
                    Some(parent) => (parent.level, parent.generation),
                    None => (0, 0),
                },
            };
            level = level.max(its_level);
            generation = generation.max(its_generation);
        }
        let is_ready = self.above.len() == waiting;
        if is_ready {
            self.above.pop();
        }
        if let Some(row) = self.rows.get_mut(at) {
            if is_ready {
                row.level = level.saturating_add(1).min(MAX_LEVEL);
                row.generation = row.date.max(generation.saturating_add(1));
            } else {
                row.level = OPEN;
            }
        }
        Ok(())
    }
}

/// The highest level of the format.
const MAX_LEVEL: u32 = 0x3fff_ffff;

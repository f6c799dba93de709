//! How histories meet: the best common ancestors of two commits, whether one is an ancestor of the
//! other, and how many commits each has that the other has not. Git's `commit-reach.c`, and the
//! count of git-rev-list(1) `--left-right --count`.
//!
//! What a commit-graph has need not be read; its generations end walks early. The order of what is
//! found is the same with a graph and without: that of dates.
//!
//! Nothing is read: each machine says which commits it needs, as those of
//! [`super::negotiate`] do. A commit that is not here is taken for one without parents.

mod ahead_behind;
mod painter;
#[cfg(test)]
mod tests;

pub use ahead_behind::{AheadBehind, Counts};

use std::rc::Rc;

use painter::Painter;

use super::commit_graph::CommitGraph;
use super::history::{CommitInfo, Step};
use crate::format::oid::ObjectId;

/// The best common ancestors of two commits: those that are no ancestors of another one
/// (`get_merge_bases_many_0`).
pub struct MergeBases {
    painter: Painter,
    stage: Stage,
}

enum Stage {
    /// The two commits are one.
    Same(ObjectId),
    /// All common ancestors that are not known to be ancestors of others are looked for.
    Common,
    /// Those found are held against each other (`remove_redundant_no_gen`): that one, now.
    Redundant { found: Vec<(ObjectId, bool)>, at: usize },
}

impl MergeBases {
    /// Of these two.
    pub fn new(graph: &Rc<CommitGraph>, one: ObjectId, two: ObjectId) -> Self {
        let stage = if one == two { Stage::Same(one) } else { Stage::Common };
        MergeBases {
            painter: Painter::new(graph, one, &[two]),
            stage,
        }
    }

    /// Tells of a commit; `None` says that it is not here.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.painter.provide(oid, info);
    }

    /// The common ancestors, newest first. Where something has to be read it asks for up to
    /// `ahead` commits more that it may need soon.
    pub fn step(&mut self, ahead: usize) -> Step<Vec<ObjectId>> {
        loop {
            if let Stage::Same(oid) = &self.stage {
                return Step::Done(vec![*oid]);
            }
            match self.painter.paint(ahead) {
                Step::Read(needed) => return Step::Read(needed),
                Step::Busy => return Step::Busy,
                Step::Done(()) => {}
            }
            match &mut self.stage {
                Stage::Same(_) => {}
                Stage::Common => {
                    let found = self.painter.common();
                    if found.len() < 2 {
                        return Step::Done(found);
                    }
                    self.stage = Stage::Redundant {
                        found: found.into_iter().map(|oid| (oid, false)).collect(),
                        at: 0,
                    };
                }
                Stage::Redundant { found, at } => {
                    for (number, (oid, is_redundant)) in found.iter_mut().enumerate() {
                        *is_redundant |= match number == *at {
                            true => self.painter.is_painted_by_others(oid),
                            false => self.painter.is_painted_by_one(oid),
                        };
                    }
                    *at += 1;
                }
            }
            let Stage::Redundant { found, at } = &mut self.stage else {
                continue;
            };
            while found.get(*at).is_some_and(|(_, is_redundant)| *is_redundant) {
                *at += 1;
            }
            let left = || {
                found
                    .iter()
                    .filter(|(_, is_redundant)| !is_redundant)
                    .map(|(oid, _)| *oid)
            };
            match found.get(*at) {
                None => return Step::Done(left().collect()),
                Some((one, _)) => {
                    let others: Vec<ObjectId> = left().filter(|oid| oid != one).collect();
                    self.painter.start(*one, &others);
                    let all: Vec<ObjectId> = left().collect();
                    self.painter.only_above(&all);
                }
            }
        }
    }
}

/// Whether a commit is an ancestor of another, or the same (`repo_in_merge_bases`).
pub struct IsAncestor {
    painter: Painter,
    old: ObjectId,
}

impl IsAncestor {
    /// Whether `old` is one of `new`.
    pub fn new(graph: &Rc<CommitGraph>, old: ObjectId, new: ObjectId) -> Self {
        let mut painter = Painter::new(graph, old, &[new]);
        painter.only_above(&[old]);
        IsAncestor { painter, old }
    }

    /// Tells of a commit; `None` says that it is not here.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.painter.provide(oid, info);
    }

    /// The answer; `ahead` as for [`MergeBases::step`].
    pub fn step(&mut self, ahead: usize) -> Step<bool> {
        // Git goes on to the end. What is painted stays so, and nothing before `old` on the way
        // from `new` can have gone stale.
        let old = self.old;
        match self
            .painter
            .paint_until(ahead, |painter| painter.is_painted_by_others(&old))
        {
            Step::Read(needed) => Step::Read(needed),
            Step::Busy => Step::Busy,
            Step::Done(()) => Step::Done(self.painter.is_painted_by_others(&old)),
        }
    }
}

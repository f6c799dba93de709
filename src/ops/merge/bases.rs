//! Merges of commits: their histories' common ancestors are the base, and where there are several,
//! those are merged first (`merge_ort_internal` in git's `merge-ort.c`). The merge of two common
//! ancestors is a commit that exists nowhere, and may have several bases itself.

use std::collections::HashMap;

use crate::algo::history::{CommitInfo, Step};
use crate::algo::merge::file::Labels;
use crate::algo::merge::tree::{Merged, Options};
use crate::algo::merge_base::MergeBases;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::ops::abbreviate::abbreviate;
use crate::ops::fault::At;
use crate::ops::history::Commits;
use crate::ops::object;
use crate::ops::staging::Staging;
use crate::task::Task;

use super::run::{Trees, merge_trees};

/// A commit, and its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Node {
    pub oid: ObjectId,
    pub tree: ObjectId,
}

/// Finds common ancestors, of commits that exist and of some that do not.
pub(super) struct Bases<'a> {
    commits: Commits<'a>,
    /// Merges of common ancestors, by ids that no object has.
    invented: HashMap<ObjectId, CommitInfo>,
}

impl<'a> Bases<'a> {
    pub async fn new(task: &Task, staging: &Staging<'a>) -> Outcome<Self> {
        let repo = staging.repo();
        let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
        Ok(Bases {
            commits: Commits::new(task, &repo.odb, &shallow),
            invented: HashMap::new(),
        })
    }

    /// The best common ancestors, the newest first.
    pub async fn of(&mut self, one: ObjectId, two: ObjectId) -> Outcome<Vec<ObjectId>> {
        let mut machine = MergeBases::new(&self.commits.graph().await?, one, two);
        loop {
            match machine.step(self.commits.ahead()) {
                Step::Done(found) => return Ok(found),
                Step::Busy => self.commits.pause().await?,
                Step::Read(oids) => {
                    let invented = |oid: &ObjectId| self.invented.get(oid).cloned();
                    let (mine, stored): (Vec<ObjectId>, _) = oids.iter().partition(|oid| invented(oid).is_some());
                    for oid in mine {
                        machine.provide(oid, invented(&oid));
                    }
                    let provide = |oid, info| machine.provide(oid, info);
                    self.commits.read_for(&stored, provide).await?;
                }
            }
        }
    }

    /// A commit that merges these, with that tree.
    fn invent(&mut self, tree: ObjectId, one: ObjectId, two: ObjectId) -> Node {
        // No object's id can be foretold: one of all ones and a number is as good as free.
        let mut id = [0xff; OID_LEN];
        let number = (self.invented.len() as u64).to_be_bytes();
        id.iter_mut()
            .rev()
            .zip(number.iter().rev())
            .for_each(|(byte, digit)| *byte = *digit);
        let oid = ObjectId::new(id);
        let parents = [one, two].into();
        // Without a date, as in git: it comes last in every queue.
        self.invented.insert(oid, CommitInfo { parents, date: 0 });
        Node { oid, tree }
    }
}

/// A merge that waits for its base.
struct Frame {
    ours: Node,
    theirs: Node,
    /// What the base is called.
    label: Vec<u8>,
    base: Option<Node>,
    /// The common ancestors that are not in the base yet, the next one last.
    rest: Vec<ObjectId>,
}

/// Merges two commits over their common ancestors, the newest first, of which none stands for an
/// empty tree. The base's label is made here.
pub(super) async fn merge_commits(
    task: &Task,
    staging: &mut Staging<'_>,
    bases: &mut Bases<'_>,
    [ours, theirs]: [Node; 2],
    ancestors: Vec<ObjectId>,
    labels: &Labels,
    options: &Options,
) -> Outcome<Merged> {
    let mut stack = vec![Frame::new(task, staging, [ours, theirs], ancestors).await?];
    loop {
        task.checkpoint().await?;
        let depth = stack.len().saturating_sub(1);
        let Some(frame) = stack.last_mut() else {
            return Err(super::internal("a merge got lost").into());
        };
        if let Some(next) = frame.rest.pop() {
            let next = node(task, staging, next).await?;
            let Some(base) = frame.base else {
                frame.base = Some(next);
                continue;
            };
            let ancestors = bases.of(base.oid, next.oid).await?;
            stack.push(Frame::new(task, staging, [base, next], ancestors).await?);
            continue;
        }
        let trees = Trees {
            base: frame.base.map(|base| base.tree),
            ours: frame.ours.tree,
            theirs: frame.theirs.tree,
        };
        let labels = match depth {
            0 => labels.clone(),
            _ => Labels {
                ours: b"Temporary merge branch 1".to_vec(),
                theirs: b"Temporary merge branch 2".to_vec(),
                base: Vec::new(),
            },
        };
        let labels = Labels {
            base: frame.label.clone(),
            ..labels
        };
        let merged = merge_trees(task, staging, &trees, labels, options, depth).await?;
        let Some(done) = stack.pop() else { continue };
        match stack.last_mut() {
            None => return Ok(merged),
            Some(frame) => frame.base = Some(bases.invent(merged.tree, done.ours.oid, done.theirs.oid)),
        }
    }
}

impl Frame {
    async fn new(
        task: &Task,
        staging: &Staging<'_>,
        [ours, theirs]: [Node; 2],
        ancestors: Vec<ObjectId>,
    ) -> Outcome<Self> {
        let label = match ancestors.as_slice() {
            [] => b"empty tree".to_vec(),
            [one] => abbreviate(task, staging.repo(), one).await?.into_bytes(),
            _ => b"merged common ancestors".to_vec(),
        };
        Ok(Frame {
            ours,
            theirs,
            label,
            base: None,
            // The oldest is popped first.
            rest: ancestors,
        })
    }
}

/// A commit that is stored.
pub(super) async fn node(task: &Task, staging: &Staging<'_>, oid: ObjectId) -> Outcome<Node> {
    let content = staging.read_as(task, &oid, Kind::Commit).await?;
    let tree = object::commit(&oid, &content)?.tree();
    Ok(Node { oid, tree })
}

//! What git-cherry-pick(1) and git-revert(1) have in common (`do_pick_commit` in git's
//! `sequencer.c`): what one commit changed is done once more on a branch, or undone.

use super::Labels;
use super::bases::{Node, node};
use super::land::{Branch, Done, Record, Terms, staging, writer};
use super::run::{Trees, merge_trees};
use crate::error::{Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::abbreviate::abbreviate;
use crate::ops::compose::refused;
use crate::ops::fault::At;
use crate::ops::object;
use crate::ops::rev_parse::resolve_as;
use crate::ops::staging::Staging;
use crate::task::Task;

/// How a commit is picked or reverted.
#[derive(Clone, Default)]
pub struct ReplayOptions {
    /// What the new commit is to be.
    pub terms: Terms,
    /// Of a merge, the parent that it is compared with, counted from 1.
    pub mainline: Option<usize>,
    /// A commit is made even if nothing changes.
    pub allow_empty: bool,
    /// The message of a picked commit says where it comes from (`-x`).
    pub record_origin: bool,
}

/// A commit, and what it is compared with.
pub(in crate::ops) struct Chosen {
    pub oid: ObjectId,
    /// Its content.
    pub content: std::rc::Rc<Vec<u8>>,
    pub tree: ObjectId,
    /// Nothing if it is the first one.
    pub parent: Option<Node>,
    /// Whether it is a merge.
    pub is_merge: bool,
}

/// Whether it is done or undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Direction {
    Do,
    Undo,
}

impl Chosen {
    async fn find(task: &Task, staging: &Staging<'_>, rev: &[u8], mainline: Option<usize>) -> Outcome<Self> {
        let repo = staging.repo();
        let oid = resolve_as(task, repo, rev, Kind::Commit).await?;
        let content = staging.read_as(task, &oid, Kind::Commit).await?;
        let commit = object::commit(&oid, &content)?;
        let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
        // What is before a boundary is not here.
        let parents: Vec<ObjectId> = commit.parents().filter(|_| !shallow.contains(&oid)).collect();
        let parent = match (mainline, parents.as_slice()) {
            (None, []) | (Some(1), []) => None,
            (None, [parent]) => Some(parent),
            (None, _) => {
                let message = format!("{oid} is a merge: which of its parents it is compared with has to be said");
                return Err(refused(message, "mainline").into());
            }
            (Some(number), parents) => match number.checked_sub(1).and_then(|place| parents.get(place)) {
                Some(parent) => Some(parent),
                None => {
                    let message = format!("{oid} has no parent number {number}");
                    return Err(refused(message, "mainline").into());
                }
            },
        };
        let parent = match parent {
            Some(parent) => Some(node(task, staging, *parent).await?),
            None => None,
        };
        Ok(Chosen {
            oid,
            tree: commit.tree(),
            parent,
            is_merge: parents.len() > 1,
            content: content.clone(),
        })
    }

    /// Reads the commit.
    pub fn commit(&self) -> Outcome<CommitRef<'_>> {
        object::commit(&self.oid, &self.content)
    }

    /// The message without empty lines at its start.
    pub fn message(&self) -> Outcome<&[u8]> {
        let mut message = self.commit()?.message();
        while let Some(end) = message.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = message.split_at_checked(end + 1).unwrap_or_default();
            if !line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
            message = rest;
        }
        Ok(message)
    }

    /// The first line of the message.
    pub fn subject(&self) -> Outcome<&[u8]> {
        let message = self.message()?;
        Ok(message.split(|byte| *byte == b'\n').next().unwrap_or_default())
    }
}

/// Does or undoes what a commit changed. `record` makes the new commit's message, and what else it has
/// of the old one; its parents are not its concern.
pub(in crate::ops) async fn replay(
    task: &Task,
    repo: &Repository,
    branch: &[u8],
    rev: &[u8],
    direction: Direction,
    options: &ReplayOptions,
    record: impl FnOnce(&Chosen) -> Outcome<Record>,
) -> Outcome<Done> {
    let terms = &options.terms;
    let writer = writer(task, repo, terms).await?;
    let writer = writer.as_ref();
    let mut staging = staging(repo, writer);
    let chosen = Chosen::find(task, &staging, rev, options.mainline).await?;
    let onto = Branch::find(task, repo, branch, terms).await?;
    let ours = match onto.tip {
        Some(tip) => node(task, &staging, tip).await?.tree,
        None => staging.put(Kind::Tree, Vec::new())?,
    };
    let short = abbreviate(task, repo, &chosen.oid).await?;
    let label = [short.as_bytes(), b" (", chosen.subject()?, b")"].concat();
    let parent_label = match chosen.parent {
        Some(_) => [b"parent of ", label.as_slice()].concat(),
        None => b"(empty tree)".to_vec(),
    };
    let before = match &chosen.parent {
        Some(parent) => parent.tree,
        None => staging.put(Kind::Tree, Vec::new())?,
    };
    let ((base, base_label), (theirs, their_label)) = match direction {
        Direction::Do => ((before, parent_label), (chosen.tree, label)),
        Direction::Undo => ((chosen.tree, label), (before, parent_label)),
    };
    let trees = Trees {
        base: Some(base),
        ours,
        theirs,
    };
    let labels = Labels {
        ours: b"HEAD".to_vec(),
        base: base_label,
        theirs: their_label,
    };
    let merged = merge_trees(task, &mut staging, &trees, labels, &terms.how, 0).await?;
    if merged.is_clean && merged.tree == ours && !options.allow_empty {
        return Ok(Done::unchanged(onto.tip, merged.tree, merged.messages));
    }
    let mut record = record(&chosen)?;
    record.parents = Vec::from_iter(onto.tip);
    onto.land(task, writer, staging, merged, record, terms).await
}

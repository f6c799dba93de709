//! git-merge(1) of one branch, without a worktree.

use super::Labels;
use super::bases::{Bases, merge_commits, node};
use super::land::{Branch, Done, Record, Terms, staging, writer};
use super::message::{default_message, signed_tag, tag};
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::ops::Repository;
use crate::ops::compose::refused;
use crate::ops::fault::quoted;
use crate::ops::rev_parse::{resolve, resolve_as};
use crate::task::Task;

/// What is done where the branch only has to move forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FastForward {
    /// It moves.
    #[default]
    Allowed,
    /// A merge is made all the same (`--no-ff`).
    Never,
    /// It moves, and nothing is merged otherwise (`--ff-only`).
    Only,
}

/// How a branch is merged.
#[derive(Clone, Default)]
pub struct MergeOptions {
    /// What the commit is to be.
    pub terms: Terms,
    /// What is done where there is nothing to merge.
    pub fast_forward: FastForward,
    /// Histories that have nothing in common are merged, too.
    pub allow_unrelated: bool,
}

/// Merges a revision into a branch, named in full or without `refs/heads/`; `HEAD` is the one that it
/// is on. A branch that is not there yet starts at the revision. With conflicts the branch stays where
/// it is, and the merged tree is stored.
///
/// Fails with `RefConflict` if the branch is not where it is expected, or could only be merged where
/// it was to be moved forward; with `Unsupported` if the histories are unrelated.
pub async fn merge(task: &Task, repo: &Repository, branch: &[u8], rev: &[u8], options: &MergeOptions) -> Outcome<Done> {
    let terms = &options.terms;
    let given = resolve(task, repo, rev).await?;
    let theirs = resolve_as(task, repo, rev, Kind::Commit).await?;
    let writer = writer(task, repo, terms).await?;
    let writer = writer.as_ref();
    let mut staging = staging(repo, writer);
    let into = Branch::find(task, repo, branch, terms).await?;
    let theirs = node(task, &staging, theirs).await?;
    let log = |how: &[u8]| [b"merge ", rev, b": ", how].concat();
    let Some(ours) = into.tip else {
        return into.forward(task, repo, writer, theirs, log(b"Fast-forward")).await;
    };
    let ours = node(task, &staging, ours).await?;
    let mut bases = Bases::new(task, &staging).await?;
    let ancestors = bases.of(ours.oid, theirs.oid).await?;
    if ancestors.contains(&theirs.oid) {
        return Ok(Done::unchanged(Some(ours.oid), ours.tree, Vec::new()));
    }
    if ancestors.contains(&ours.oid) && options.fast_forward != FastForward::Never {
        return into.forward(task, repo, writer, theirs, log(b"Fast-forward")).await;
    }
    if options.fast_forward == FastForward::Only {
        return Err(went_apart(into.name()).into());
    }
    if ancestors.is_empty() && !options.allow_unrelated {
        let message = format!("{} has no history in common with {}", quoted(rev), quoted(into.name()));
        return Err(refused(message, "unrelated")
            .with_hint("set allowUnrelated to merge it nevertheless")
            .into());
    }
    let labels = Labels {
        ours: branch.to_vec(),
        theirs: rev.to_vec(),
        base: Vec::new(),
    };
    let sides = [ours, theirs];
    let merged = merge_commits(task, &mut staging, &mut bases, sides, ancestors, &labels, &terms.how).await?;
    let signed = match tag(task, repo, &given).await? {
        Some(content) => signed_tag(&given, &content)?,
        None => None,
    };
    let message = default_message(task, repo, rev, &given, into.name()).await?;
    let record = Record {
        parents: vec![ours.oid, theirs.oid],
        author: None,
        encoding: None,
        headers: Vec::from_iter(signed),
        message: terms.cleanup.apply(&message),
        log: log(b"Merge made by the 'ort' strategy."),
    };
    into.land(task, writer, staging, merged, record, terms).await
}

fn went_apart(name: &[u8]) -> GitError {
    let message = format!("{} has commits of its own: it cannot be moved forward", quoted(name));
    GitError::new(Code::RefConflict, Stage::Request, message)
        .with("ref", Datum::Text(String::from_utf8_lossy(name).into_owned()))
        .with("reason", Datum::Text("non-fast-forward".to_owned()))
}

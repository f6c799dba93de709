//! How histories meet: git-merge-base(1) `--all` and `--is-ancestor`, and the count of
//! git-rev-list(1) `--left-right --count`, over [`crate::algo::merge_base`].

use crate::algo::history::Step;
use crate::algo::merge_base::{AheadBehind, Counts, IsAncestor, MergeBases};
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::history::Commits;
use crate::ops::rev_parse::resolve_as;
use crate::store::odb::Odb;
use crate::task::Task;

/// The best common ancestors of the commits that two revisions lead to: newest first; none if they
/// share no history, as far as it is here.
pub async fn merge_base(task: &Task, repo: &Repository, one: &[u8], two: &[u8]) -> Outcome<Vec<ObjectId>> {
    let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
    let one = resolve_as(task, repo, one, Kind::Commit).await?;
    let two = resolve_as(task, repo, two, Kind::Commit).await?;
    let mut commits = Commits::new(task, &repo.odb, &shallow);
    let mut machine = MergeBases::new(&commits.graph().await?, one, two);
    loop {
        match machine.step(commits.ahead()) {
            Step::Read(oids) => commits.read_for(&oids, |oid, info| machine.provide(oid, info)).await?,
            Step::Busy => task.checkpoint().await?,
            Step::Done(found) => return Ok(found),
        }
    }
}

/// How many commits the revision `left` leads to that `right` does not, and the other way round.
pub async fn ahead_behind(task: &Task, repo: &Repository, left: &[u8], right: &[u8]) -> Outcome<Counts> {
    let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
    let left = resolve_as(task, repo, left, Kind::Commit).await?;
    let right = resolve_as(task, repo, right, Kind::Commit).await?;
    let mut commits = Commits::new(task, &repo.odb, &shallow);
    let mut machine = AheadBehind::new(&commits.graph().await?, left, right);
    loop {
        match machine.step(commits.ahead()) {
            Step::Read(oids) => commits.read_for(&oids, |oid, info| machine.provide(oid, info)).await?,
            Step::Busy => task.checkpoint().await?,
            Step::Done(counts) => return Ok(counts),
        }
    }
}

/// Whether `old` is an ancestor of `new`, or the same commit, so that a ref may be moved from the
/// one to the other without losing anything; tags are followed to commits. False where one of them
/// leads to no commit, or where the way between them lies beyond a shallow boundary or is not here.
pub async fn is_ancestor(
    task: &Task,
    odb: &Odb,
    shallow: &[ObjectId],
    old: &ObjectId,
    new: &ObjectId,
) -> Outcome<bool> {
    let mut commits = Commits::new(task, odb, shallow);
    let peeled = commits.peel([*old, *new], None).await?;
    let (Some(old), Some(new)) = (peeled.follow(old).0, peeled.follow(new).0) else {
        return Ok(false);
    };
    let mut machine = IsAncestor::new(&commits.graph().await?, old, new);
    for (oid, info) in peeled.commits {
        machine.provide(oid, Some(info));
    }
    loop {
        match machine.step(commits.ahead()) {
            Step::Read(oids) => commits.read_for(&oids, |oid, info| machine.provide(oid, info)).await?,
            Step::Busy => task.checkpoint().await?,
            Step::Done(answer) => return Ok(answer),
        }
    }
}

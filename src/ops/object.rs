//! Objects as the operations need them: of the right kind, or with an error that says what is
//! wrong. Every read can be cancelled, and brings what a partial clone left with its remote.

use std::rc::Rc;

use crate::error::{Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::format::tag::TagRef;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::promisor;
use crate::store::odb::{Info, Object};
use crate::task::Task;

/// How many tags of tags are followed. Git has no limit; nobody has three.
const PEEL_LIMIT: usize = 1000;

/// Kind and size of an object.
pub(crate) async fn info(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Info> {
    let look = || async { task.race(repo.odb.info(&[*oid])).await?.at(Stage::Read) };
    if let Some(info) = look().await?.into_iter().next().flatten() {
        return Ok(info);
    }
    promisor::need(task, repo, &[*oid]).await?;
    let found = look().await?.into_iter().next().flatten();
    found.ok_or_else(|| promisor::not_stored(oid))
}

/// An object of whatever kind.
pub(crate) async fn read(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Object> {
    let read = read_many(task, repo, &[*oid]).await?.pop();
    read.ok_or_else(|| promisor::not_stored(oid))
}

/// Objects of whatever kind, in the order asked. Those that a partial clone left with its remote
/// are fetched first, together. The caller bounds the memory.
pub(crate) async fn read_many(task: &Task, repo: &Repository, oids: &[ObjectId]) -> Outcome<Vec<Object>> {
    let mut objects = task.race(repo.odb.read_many(oids)).await?.at(Stage::Read)?;
    let absent = oids.iter().zip(&objects).filter(|(_, object)| object.is_none());
    let missing: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
    if !missing.is_empty() {
        promisor::need(task, repo, &missing).await?;
        let came = task.race(repo.odb.read_many(&missing)).await?.at(Stage::Read)?;
        let places = objects.iter_mut().filter(|object| object.is_none());
        places.zip(came).for_each(|(place, object)| *place = object);
    }
    let found = oids.iter().zip(objects);
    found
        .map(|(oid, object)| object.ok_or_else(|| promisor::not_stored(oid)))
        .collect()
}

/// The content of an object that something stored says is of that kind.
pub(crate) async fn read_as(task: &Task, repo: &Repository, oid: &ObjectId, kind: Kind) -> Outcome<Rc<Vec<u8>>> {
    let object = read(task, repo, oid).await?;
    expect(oid, kind, object)
}

/// The contents of objects that something stored says are of that kind, in the order asked. The
/// caller bounds the memory.
pub(crate) async fn read_all_as(
    task: &Task,
    repo: &Repository,
    oids: &[ObjectId],
    kind: Kind,
) -> Outcome<Vec<Rc<Vec<u8>>>> {
    let objects = read_many(task, repo, oids).await?;
    oids.iter()
        .zip(objects)
        .map(|(oid, object)| expect(oid, kind, object))
        .collect()
}

fn expect(oid: &ObjectId, kind: Kind, object: Object) -> Outcome<Rc<Vec<u8>>> {
    if object.kind == kind {
        Ok(object.data)
    } else {
        Err(fault::wrong_kind(oid, kind, object.kind).into())
    }
}

/// Reads a commit's content.
pub(crate) fn commit<'a>(oid: &ObjectId, content: &'a [u8]) -> Outcome<CommitRef<'a>> {
    CommitRef::parse(content).map_err(|error| fault::malformed(oid, Kind::Commit, &error).into())
}

/// Reads a tag's content.
pub(crate) fn tag<'a>(oid: &ObjectId, content: &'a [u8]) -> Outcome<TagRef<'a>> {
    TagRef::parse(content).map_err(|error| fault::malformed(oid, Kind::Tag, &error).into())
}

/// Follows tags to what they name, and a commit to its tree, as far as the goal asks (git's
/// `repo_peel_to_type`). The kind where it ends is not the one asked for if there is no way to it.
pub(crate) async fn peel(task: &Task, repo: &Repository, oid: &ObjectId, goal: Goal) -> Outcome<(ObjectId, Kind)> {
    let mut oid = *oid;
    for _ in 0..PEEL_LIMIT {
        let kind = info(task, repo, &oid).await?.kind;
        oid = match (kind, goal) {
            (_, Goal::Any) => return Ok((oid, kind)),
            (_, Goal::Kind(wanted)) if wanted == kind => return Ok((oid, kind)),
            (Kind::Tag, _) => {
                let content = read_as(task, repo, &oid, Kind::Tag).await?;
                tag(&oid, &content)?.object
            }
            (Kind::Commit, Goal::Kind(Kind::Tree)) => {
                let content = read_as(task, repo, &oid, Kind::Commit).await?;
                commit(&oid, &content)?.tree()
            }
            _ => return Ok((oid, kind)),
        };
        task.checkpoint().await?;
    }
    Err(fault::limit("tagDepth", PEEL_LIMIT, "tags that name tags").into())
}

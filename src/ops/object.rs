//! Objects as the operations need them: of the right kind, or with an error that says what is
//! wrong. Every read can be cancelled.

use std::rc::Rc;

use crate::error::{Failure, Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::format::tag::TagRef;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::store::StoreError;
use crate::store::odb::{Info, Object};
use crate::task::Task;

/// How many tags of tags are followed. Git has no limit; nobody has three.
const PEEL_LIMIT: usize = 1000;

/// Kind and size of an object.
pub(crate) async fn info(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Info> {
    let found = task.race(repo.odb.info(&[*oid])).await?.at(Stage::Read)?;
    found.into_iter().next().flatten().ok_or_else(|| missing(oid))
}

/// An object of whatever kind.
pub(crate) async fn read(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Object> {
    task.race(repo.odb.read(oid)).await?.at(Stage::Read)
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
    let objects = task.race(repo.odb.read_many(oids)).await?.at(Stage::Read)?;
    let mut contents = Vec::with_capacity(oids.len());
    for (oid, object) in oids.iter().zip(objects) {
        contents.push(expect(oid, kind, object.ok_or_else(|| missing(oid))?)?);
    }
    Ok(contents)
}

fn expect(oid: &ObjectId, kind: Kind, object: Object) -> Outcome<Rc<Vec<u8>>> {
    if object.kind == kind {
        Ok(object.data)
    } else {
        Err(fault::wrong_kind(oid, kind, object.kind).into())
    }
}

fn missing(oid: &ObjectId) -> Failure {
    fault::store(Stage::Read, &StoreError::Missing { oid: *oid }).into()
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

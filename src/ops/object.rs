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
use crate::store::odb::{Looked, Object};
use crate::task::Task;

/// How many tags of tags are followed. Git has no limit; nobody has three.
const PEEL_LIMIT: usize = 1000;

/// Objects of so many bytes are read when only what they are is asked for: who asks reads most of them
/// next, and where they are is half of the way.
const SMALL: u64 = 64 << 10;

/// What an object is, and all of it unless it is large.
pub(crate) async fn look(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Looked> {
    let look = || async { task.race(repo.odb.look(&[*oid], SMALL)).await?.at(Stage::Read) };
    if let Some(looked) = look().await?.into_iter().next().flatten() {
        return Ok(looked);
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
        let looked = look(task, repo, &oid).await?;
        let kind = looked.info().kind;
        let leads = matches!((kind, goal), (Kind::Tag, _) | (Kind::Commit, Goal::Kind(Kind::Tree)));
        if !leads || goal == Goal::Any || goal == Goal::Kind(kind) {
            return Ok((oid, kind));
        }
        let content = match looked {
            Looked::Whole(object) => object.data,
            Looked::Large(_) => read_as(task, repo, &oid, kind).await?,
        };
        oid = match kind {
            Kind::Tag => tag(&oid, &content)?.object,
            _ => commit(&oid, &content)?.tree(),
        };
        task.checkpoint().await?;
    }
    Err(fault::limit("tagDepth", PEEL_LIMIT, "tags that name tags").into())
}

//! Refs moved by the caller, several in one transaction: git-update-ref(1) with `--stdin`, and
//! git-symbolic-ref(1).

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;
use crate::format::revision::Goal;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::reflog;
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::Task;

/// What a ref becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// It leads to that object.
    Object(ObjectId),
    /// It stands for that ref, named in full.
    Symbolic(Vec<u8>),
    /// It is deleted, and its reflog with it.
    Deleted,
}

/// A change of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The full name, or `HEAD`.
    pub name: Vec<u8>,
    /// What it becomes.
    pub new: Becomes,
    /// What it must lead to before: `None` anything, `Some(None)` there must be no such ref.
    pub expect: Option<Option<ObjectId>>,
    /// A symbolic ref is changed itself, not the ref that it stands for. Always so if it becomes
    /// symbolic.
    pub no_deref: bool,
}

/// Makes all the changes, or none; a ref to be deleted that is not there is no change. Fails with
/// `RefConflict` if a ref is not as expected or its name is in the way of another's, and with
/// `MissingObject` or `InvalidRef` if one would lead to what is not stored, or a branch to what is no
/// commit.
pub async fn update_refs(task: &Task, repo: &Repository, updates: &[Update], message: &[u8]) -> Outcome<()> {
    // What is promised is fetched by a writer of its own: before this one is taken.
    for update in updates {
        if let Becomes::Object(oid) = &update.new {
            object::peel(task, repo, oid, Goal::NoTag).await?;
        }
    }
    let writer = repo.writer(task).await?;
    let config = repo.config().await?;
    let who = reflog::who(&repo.host, &config);
    let mut publication = Publication::new(&writer);
    for update in updates {
        task.checkpoint().await?;
        check_name(&update.name)?;
        let symbolic = matches!(update.new, Becomes::Symbolic(_));
        let name = match update.no_deref || symbolic {
            true => update.name.clone(),
            false => {
                let found = task.race(repo.refs.resolve(&update.name)).await?.at(Stage::Read)?;
                found.map_or_else(|| update.name.clone(), |found| found.name)
            }
        };
        let (new, peeled) = match &update.new {
            Becomes::Object(oid) => (Some(Target::Direct(*oid)), check_object(task, repo, &name, oid).await?),
            Becomes::Symbolic(to) => {
                check_name(to)?;
                // git-symbolic-ref(1): what `HEAD` stands for is below `refs/`, and not itself.
                if update.name == b"HEAD" && to == b"HEAD" {
                    return Err(bad_name(to).into());
                }
                (Some(Target::Symbolic(to.clone())), None)
            }
            Becomes::Deleted => (None, None),
        };
        let update = RefUpdate {
            name,
            expect: update.expect,
            new,
            peeled,
        };
        publication.update_logged(update, &who, message);
    }
    task.shield()?;
    publication.commit().await.at(Stage::Update)
}

/// Names under `refs/`, and `HEAD`.
fn check_name(name: &[u8]) -> Outcome<()> {
    let valid = name == b"HEAD" || RefName::new(name.to_vec()).is_ok_and(|name| name.is_in_refs());
    match valid {
        true => Ok(()),
        false => Err(bad_name(name).into()),
    }
}

/// What a ref may lead to: something stored, and of a branch a commit (`write_ref_to_lockfile`).
/// Answers with what a tag leads to in the end.
pub(super) async fn check_object(
    task: &Task,
    repo: &Repository,
    name: &[u8],
    oid: &ObjectId,
) -> Outcome<Option<ObjectId>> {
    let kind = object::peel(task, repo, oid, Goal::Any).await?.1;
    if (name.starts_with(b"refs/heads/") || name == b"HEAD") && kind != Kind::Commit {
        return Err(fault::not_a(oid.to_hex().as_bytes(), Kind::Commit, kind).into());
    }
    match kind {
        Kind::Tag => Ok(Some(object::peel(task, repo, oid, Goal::NoTag).await?.0)),
        Kind::Commit | Kind::Tree | Kind::Blob => Ok(None),
    }
}

/// A ref that is not there.
pub(super) fn no_such_ref(name: &[u8]) -> GitError {
    let shown = String::from_utf8_lossy(name).into_owned();
    GitError::new(Code::RefNotFound, Stage::Request, format!("there is no ref {shown}")).with("ref", Datum::Text(shown))
}

fn bad_name(name: &[u8]) -> GitError {
    let message = format!("{} cannot be the full name of a ref", fault::quoted(name));
    GitError::new(Code::InvalidRef, Stage::Request, message)
        .with("ref", Datum::Text(String::from_utf8_lossy(name).into_owned()))
        .with_hint("full names start with refs/")
}

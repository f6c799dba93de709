//! Branches: git-branch(1). No worktree follows them: the branch that `HEAD` is on may be moved like
//! any other.

mod rename;
mod track;

pub use self::rename::rename;
pub(crate) use self::track::Upstream;
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;
use crate::format::remotes;
use crate::ops::compose::refused;
use crate::ops::fault::{self, At};
use crate::ops::merge_base::is_ancestor;
use crate::ops::rev_parse::resolve_as;
use crate::ops::staging::Staging;
use crate::ops::update_ref::no_such_ref;
use crate::ops::{Repository, config, reflog};
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::Task;

/// How a branch is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// One of that name is moved (`--force`).
    pub force: bool,
    /// Whether it follows what it starts from (`--track`, `--no-track`); by default as
    /// `branch.autoSetupMerge` says, which is if that is a branch of a remote.
    pub track: Option<bool>,
}

/// Makes a branch that starts from a revision, and answers with its commit. Fails with
/// `AlreadyExists` if there is one of that name.
pub async fn create(
    task: &Task,
    repo: &Repository,
    short: &[u8],
    start: &[u8],
    options: &CreateOptions,
) -> Outcome<ObjectId> {
    let name = full_name(short)?;
    let oid = resolve_as(task, repo, start, Kind::Commit).await?;
    let writer = repo.writer(task).await?;
    // A gc may have dropped it meanwhile.
    Staging::holding(repo, &writer).kinds(task, &[oid]).await?;
    let old = task.race(repo.refs.resolve(&name)).await?.at(Stage::Read)?;
    let old = old.and_then(|found| found.oid);
    if old.is_some() && !options.force {
        return Err(exists(short).into());
    }
    let mut settings = repo.config().await?;
    let mut publication = Publication::new(&writer);
    let verb: &[u8] = if old.is_some() { b"Reset to" } else { b"Created from" };
    let update = RefUpdate {
        name,
        expect: Some(old),
        new: Some(Target::Direct(oid)),
        peeled: None,
    };
    let message = [b"branch: ", verb, b" ", start].concat();
    publication.update_logged(update, &reflog::who(&repo.host, &settings), message);
    let upstream = track::upstream(task, repo, &settings, short, start, options.track).await?;
    match upstream {
        Some(upstream) => {
            upstream.write(&mut settings, short)?;
            config::publish(task, repo, publication, &settings).await?;
        }
        None => {
            task.shield()?;
            publication.commit().await.at(Stage::Update)?;
        }
    }
    Ok(oid)
}

/// How a branch is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Though commits may be lost with it, or `HEAD` is on it (`-D`).
    pub force: bool,
    /// What it must be at.
    pub expect: Option<ObjectId>,
}

/// Deletes a branch with its reflog and its settings. Unless forced, it must not be the one that
/// `HEAD` is on, and its commits must be in the branch that it follows, or else in `HEAD`: it fails
/// with `Unsupported`. Fails with `RefNotFound` if there is none.
pub async fn delete(task: &Task, repo: &Repository, short: &[u8], options: &DeleteOptions) -> Outcome<()> {
    let name = full_name(short)?;
    let writer = repo.writer(task).await?;
    let found = task.race(repo.refs.get(&name)).await?.at(Stage::Read)?;
    let found = found.ok_or_else(|| no_such_ref(&name))?;
    let mut settings = repo.config().await?;
    if !options.force {
        if head_branch(task, repo).await? == Some(name.clone()) {
            let message = format!("HEAD is on the branch {}", fault::quoted(short));
            return Err(refused(message, "head").with_hint("set HEAD elsewhere first").into());
        }
        if let Target::Direct(tip) = found.target {
            check_merged(task, repo, &settings, short, tip).await?;
        }
    }
    let mut publication = Publication::new(&writer);
    let update = RefUpdate {
        name,
        expect: options.expect.map(Some),
        new: None,
        peeled: None,
    };
    publication.update_logged(update, &reflog::who(&repo.host, &settings), "");
    let removed = settings.remove_section(b"branch", Some(short));
    if removed.map_err(|error| fault::config_change(short, &error))? {
        return config::publish(task, repo, publication, &settings).await;
    }
    task.shield()?;
    publication.commit().await.at(Stage::Update)
}

/// `branch_merged` in git's `builtin/branch.c`.
async fn check_merged(task: &Task, repo: &Repository, config: &Config, short: &[u8], tip: ObjectId) -> Outcome<()> {
    let upstream = remotes::upstream(config, short).map_err(|error| fault::remote(short, &error))?;
    let mut reference = None;
    for name in upstream.into_iter().chain([b"HEAD".to_vec()]) {
        let found = task.race(repo.refs.resolve(&name)).await?.at(Stage::Read)?;
        reference = reference.or(found.and_then(|found| found.oid));
    }
    let merged = match reference {
        Some(reference) => {
            let shallow = repo.meta.shallow().await.at(Stage::Read)?;
            is_ancestor(task, &repo.odb, &shallow, &tip, &reference).await?
        }
        None => false,
    };
    if merged {
        return Ok(());
    }
    let message = format!("the branch {} is not fully merged", fault::quoted(short));
    Err(refused(message, "unmerged")
        .with_hint("set force to delete it nevertheless")
        .into())
}

/// The branch that `HEAD` is on, in full.
async fn head_branch(task: &Task, repo: &Repository) -> Outcome<Option<Vec<u8>>> {
    let head = task.race(repo.refs.get(b"HEAD")).await?.at(Stage::Read)?;
    Ok(head.and_then(|head| match head.target {
        Target::Symbolic(name) => Some(name),
        Target::Direct(_) => None,
    }))
}

/// The full name of a branch. Git takes no branch that looks like an option, and none called `HEAD`
/// (`strbuf_check_branch_ref`).
pub(crate) fn full_name(short: &[u8]) -> Outcome<Vec<u8>> {
    match RefName::new([b"refs/heads/", short].concat()) {
        Ok(name) if !short.starts_with(b"-") && short != b"HEAD" => Ok(name.into_bytes()),
        _ => {
            let message = format!("{} cannot be the name of a branch", fault::quoted(short));
            Err(GitError::new(Code::InvalidRef, Stage::Request, message)
                .with("ref", Datum::Text(String::from_utf8_lossy(short).into_owned()))
                .into())
        }
    }
}

/// The full name of what is committed to: a branch, in full or without `refs/heads/`, or `HEAD`.
pub(crate) fn full_name_or_head(name: &[u8]) -> Outcome<Vec<u8>> {
    match name {
        b"HEAD" => Ok(name.to_vec()),
        _ => full_name(name.strip_prefix(b"refs/heads/").unwrap_or(name)),
    }
}

fn exists(short: &[u8]) -> GitError {
    let message = format!("there is a branch {} already", fault::quoted(short));
    GitError::new(Code::AlreadyExists, Stage::Request, message)
        .with("ref", Datum::Text(String::from_utf8_lossy(short).into_owned()))
}

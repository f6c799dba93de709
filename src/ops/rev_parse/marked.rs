//! `@{…}` of gitrevisions(7): what a branch follows, and what a ref was at (`get_oid_basic`,
//! `interpret_branch_mark` and `read_ref_at` in git).

use std::rc::Rc;

use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::remotes;
use crate::format::revision::Was;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::reflog;
use crate::store::reflog::Reflogs;
use crate::task::Task;

/// The object that `name@{upstream}`, `name@{was}` or both mean. Without a name, the current branch.
pub(super) async fn resolve(
    task: &Task,
    repo: &Repository,
    rev: &[u8],
    name: &[u8],
    upstream: bool,
    was: Option<Was>,
) -> Outcome<ObjectId> {
    let full = match (upstream, name) {
        (true, _) => followed(task, repo, rev, name).await?,
        // A branch without a log is not looked for under another name.
        (false, b"") => current(task, repo, rev).await?,
        (false, _) => {
            let found = reflog::find(task, repo, name).await?;
            found.ok_or_else(|| fault::no_revision(rev).with_hint("it has no reflog"))?
        }
    };
    let now = task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)?;
    let now = now.and_then(|found| found.oid);
    let found = match was {
        None => now,
        Some(was) => {
            let logs = Reflogs::new(Rc::clone(&repo.backend));
            match was {
                Was::Back(back) => {
                    let back = usize::try_from(back).unwrap_or(usize::MAX);
                    let found = task.race(logs.at(&full, back)).await?.at(Stage::Read)?.flatten();
                    // With an empty log, the last change made it what it is.
                    found.or(now.filter(|_| back == 0))
                }
                Was::At(time) => {
                    let entries = task.race(logs.entries(&full)).await?.at(Stage::Read)?;
                    let last = entries.iter().rfind(|stored| stored.entry.who.time <= time);
                    match (last, entries.first()) {
                        (Some(last), _) => last.entry.new,
                        // Before the log begins, it is what the log begins with.
                        (None, Some(first)) => first.entry.old.or(first.entry.new),
                        (None, None) => None,
                    }
                }
            }
        }
    };
    found.ok_or_else(|| fault::no_revision(rev).into())
}

/// The full name of the branch that HEAD is on; HEAD itself, if it is on none.
async fn current(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<Vec<u8>> {
    let head = task.race(repo.refs.resolve(b"HEAD")).await?.at(Stage::Read)?;
    Ok(head.ok_or_else(|| fault::no_revision(rev))?.name)
}

/// The ref that a branch follows here.
async fn followed(task: &Task, repo: &Repository, rev: &[u8], name: &[u8]) -> Outcome<Vec<u8>> {
    let full = match name {
        b"" | b"@" | b"HEAD" => current(task, repo, rev).await?,
        _ => [b"refs/heads/", name].concat(),
    };
    let Some(branch) = full.strip_prefix(b"refs/heads/") else {
        return Err(no_upstream(rev, "HEAD is on no branch"));
    };
    if task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)?.is_none() && name != b"" {
        return Err(no_upstream(rev, "there is no such branch"));
    }
    let config = task.race(repo.config()).await??;
    let upstream = remotes::upstream(&config, branch).map_err(|error| fault::remote(branch, &error))?;
    upstream.ok_or_else(|| no_upstream(rev, "the branch follows nothing (branch.<name>.remote and merge)"))
}

fn no_upstream(rev: &[u8], why: &str) -> crate::error::Failure {
    let message = format!("there is no revision {} here: {why}", fault::quoted(rev));
    GitError::new(Code::RefNotFound, Stage::Read, message).into()
}

//! A branch gets another name, and takes its reflog and its settings along: `copy_or_rename_branch`
//! in git's `builtin/branch.c`, `files_copy_or_rename_ref` in `refs/files-backend.c`.

use std::rc::Rc;

use super::{exists, full_name, head_branch};
use crate::error::{Outcome, Stage};
use crate::format::config::Config;
use crate::format::oid::ObjectId;
use crate::format::reflog::LogEntry;
use crate::ops::compose::refused;
use crate::ops::fault::{self, At};
use crate::ops::update_ref::no_such_ref;
use crate::ops::{Repository, config, reflog};
use crate::store::publish::{Publication, RefUpdate, begins_log};
use crate::store::reflog::Reflogs;
use crate::store::refs::Target;
use crate::task::Task;

/// Renames a branch; `HEAD`, if it is on it, stays on it. Fails with `RefNotFound` if there is no
/// such branch, and with `AlreadyExists` if there is one of the new name, unless `force` says to
/// replace it. One that is renamed to itself stays as it is.
pub async fn rename(task: &Task, repo: &Repository, from: &[u8], to: &[u8], force: bool) -> Outcome<()> {
    let (old, new) = (full_name(from)?, full_name(to)?);
    let writer = repo.writer(task).await?;
    let head = head_branch(task, repo).await?;
    let on_it = head.as_ref() == Some(&old);
    let tip = match task
        .race(repo.refs.get(&old))
        .await?
        .at(Stage::Read)?
        .map(|found| found.target)
    {
        Some(Target::Direct(oid)) => Some(oid),
        Some(Target::Symbolic(_)) => {
            let message = format!("the branch {} is symbolic and cannot be renamed", fault::quoted(from));
            return Err(refused(message, "symbolic").into());
        }
        // A branch without a commit, which only HEAD knows.
        None if on_it => None,
        None => return Err(no_such_ref(&old).into()),
    };
    let replaced = task.race(repo.refs.resolve(&new)).await?.at(Stage::Read)?;
    if old == new {
        return Ok(());
    }
    if replaced.is_some() && !force {
        return Err(exists(to).into());
    }
    let mut settings = repo.config().await?;
    let mut publication = Publication::new(&writer);
    if let Some(tip) = tip {
        let moving = Moving {
            repo,
            config: &settings,
            message: [b"Branch: renamed ", old.as_slice(), b" to ", &new].concat(),
            tip,
        };
        let of_head = match (on_it, head.as_ref() == Some(&new)) {
            (true, _) => vec![(Some(tip), None), (None, Some(tip))],
            (false, true) if replaced.is_some() => vec![(replaced.and_then(|found| found.oid), Some(tip))],
            (false, _) => Vec::new(),
        };
        task.race(moving.write_logs(&mut publication, &old, &new, &of_head))
            .await??;
        publication.update(update(&old, None));
        publication.update(update(&new, Some(Target::Direct(tip))));
    }
    if on_it {
        publication.update(update(b"HEAD", Some(Target::Symbolic(new))));
    }
    let renamed = settings.rename_section(b"branch", from, to);
    renamed.map_err(|error| fault::config_change(to, &error))?;
    config::publish(task, repo, publication, &settings).await
}

fn update(name: &[u8], new: Option<Target>) -> RefUpdate {
    RefUpdate {
        name: name.to_vec(),
        expect: None,
        new,
        peeled: None,
    }
}

struct Moving<'a> {
    repo: &'a Repository,
    config: &'a Config,
    message: Vec<u8>,
    tip: ObjectId,
}

impl Moving<'_> {
    /// The log moves and says so; that of `HEAD` gets entries for these changes.
    async fn write_logs(
        &self,
        publication: &mut Publication<'_>,
        old: &[u8],
        new: &[u8],
        of_head: &[(Option<ObjectId>, Option<ObjectId>)],
    ) -> Outcome<()> {
        let logs = Reflogs::new(Rc::clone(&self.repo.backend));
        let entries = logs.entries(old).await.at(Stage::Read)?;
        publication.replace_log(new, &entries);
        if !entries.is_empty() || begins_log(self.config, new) {
            publication.log(new, &self.entry(Some(self.tip), Some(self.tip)));
        }
        if begins_log(self.config, b"HEAD") || logs.exists(b"HEAD").await.at(Stage::Read)? {
            for (old, new) in of_head {
                publication.log(b"HEAD", &self.entry(*old, *new));
            }
        }
        Ok(())
    }

    fn entry(&self, old: Option<ObjectId>, new: Option<ObjectId>) -> LogEntry {
        LogEntry {
            old,
            new,
            who: (*reflog::who(&self.repo.host, self.config)).clone(),
            message: self.message.clone(),
        }
    }
}

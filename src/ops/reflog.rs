//! What refs were before: git-reflog(1).

mod expire;

use std::rc::Rc;

pub use self::expire::expired;
use crate::error::{Outcome, Stage};
use crate::format::config::Config;
pub use crate::format::reflog::{LogEntry, Who};
use crate::format::refname::expansions;
use crate::host::Host;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::store::reflog::Reflogs;
use crate::task::Task;

/// Whoever changes refs of a repository, now: `committer.name` and `committer.email`, else
/// `user.name` and `user.email`. Git falls back on the account and the host; here there is neither,
/// and what is not configured stays empty.
pub fn who(host: &Host, config: &Config) -> Rc<Who> {
    let text = |keys: [&[u8]; 2]| {
        let found = keys.into_iter().find_map(|key| config.get(key));
        found.unwrap_or_default().to_vec()
    };
    Rc::new(Who {
        name: text([b"committer.name", b"user.name"]),
        email: text([b"committer.email", b"user.email"]),
        time: host.clock.unix_seconds(),
        tz: b"+0000".to_vec(),
    })
}

/// The log of a ref, newest entry first, read as it is asked for.
pub struct Reflog {
    logs: Reflogs,
    /// Oldest first: what is not handed out yet.
    keys: Vec<Vec<u8>>,
    left: u64,
}

impl Reflog {
    /// The log of the ref that `name` means: a full name, or a part of one. At most `limit`
    /// entries. Fails with `RefNotFound` if there is neither a ref nor a log of that name; a ref
    /// without a log has an empty one.
    pub async fn open(task: &Task, repo: &Repository, name: &[u8], limit: Option<u64>) -> Outcome<Self> {
        let logs = Reflogs::new(Rc::clone(&repo.backend));
        let name = if name == b"@" { b"HEAD" } else { name };
        let mut keys = None;
        if let Some(found) = find(task, repo, name).await? {
            keys = Some(task.race(logs.keys(&found)).await?.at(Stage::Read)?);
        } else {
            for full in expansions(name) {
                if task.race(repo.refs.get(&full)).await?.at(Stage::Read)?.is_some() {
                    keys = Some(Vec::new());
                    break;
                }
            }
        }
        Ok(Reflog {
            logs,
            keys: keys.ok_or_else(|| fault::no_revision(name))?,
            left: limit.unwrap_or(u64::MAX),
        })
    }

    /// The next entries, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<LogEntry>> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(count);
        let from = self.keys.len().saturating_sub(count);
        let mut page = self.keys.split_off(from);
        page.reverse();
        let found = task.race(self.logs.read(&page)).await?.at(Stage::Read)?;
        self.left = self.left.saturating_sub(u64::try_from(page.len()).unwrap_or(u64::MAX));
        Ok(found.into_iter().map(|stored| stored.entry).collect())
    }
}

/// The full name of the log that a name means (`repo_dwim_log`): the first of the usual places that
/// has one, or leads to a ref that has one.
pub(crate) async fn find(task: &Task, repo: &Repository, name: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let logs = Reflogs::new(Rc::clone(&repo.backend));
    for full in expansions(name) {
        let Some(found) = task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)? else {
            continue;
        };
        if found.oid.is_none() {
            continue;
        }
        if task.race(logs.exists(&full)).await?.at(Stage::Read)? {
            return Ok(Some(full));
        }
        if found.name != full && task.race(logs.exists(&found.name)).await?.at(Stage::Read)? {
            return Ok(Some(found.name));
        }
    }
    Ok(None)
}

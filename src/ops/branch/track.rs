//! What a new branch follows: `dwim_branch_start` and `setup_tracking` in git's `branch.c`.

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::refname::expansions;
use crate::format::remotes;
use crate::ops::Repository;
use crate::ops::compose::refused;
use crate::ops::fault::{self, At};
use crate::task::Task;

/// A branch to follow.
pub(crate) struct Upstream {
    /// A remote's name or its URL; `.` for one of this repository.
    pub(crate) remote: Vec<u8>,
    /// Its full name there.
    pub(crate) merge: Vec<u8>,
}

impl Upstream {
    /// Has a branch follow it, and nothing else (`install_branch_config`).
    pub(crate) fn write(&self, config: &mut Config, short: &[u8]) -> Outcome<()> {
        let rebases = match config.get(b"branch.autosetuprebase") {
            Some(b"always") => true,
            Some(b"local") => self.remote == b".",
            Some(b"remote") => self.remote != b".",
            _ => false,
        };
        let mut set = |what: &[u8], value: &[u8]| {
            let key = [b"branch.", short, b".", what].concat();
            config
                .set(&key, value)
                .map_err(|error| fault::config_change(&key, &error))
        };
        set(b"remote", &self.remote)?;
        set(b"merge", &self.merge)?;
        if rebases {
            set(b"rebase", b"true")?;
        }
        Ok(())
    }
}

/// When a new branch follows what it starts from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Track {
    Never,
    /// If that is what a branch of a remote was fetched into.
    Remote,
    /// If moreover both have one name.
    Simple,
    /// If that is a branch of this repository, too.
    Always,
    /// It is an error if that is no branch.
    Explicit,
}

/// What the branch `short` that starts from `start` is to follow.
pub(super) async fn upstream(
    task: &Task,
    repo: &Repository,
    config: &Config,
    short: &[u8],
    start: &[u8],
    asked: Option<bool>,
) -> Outcome<Option<Upstream>> {
    let key = b"branch.autosetupmerge";
    let track = match (asked, config.get(key), config.get_bool(key)) {
        (Some(true), _, _) => Track::Explicit,
        (Some(false), _, _) => Track::Never,
        (None, Some(b"always"), _) => Track::Always,
        (None, Some(b"simple"), _) => Track::Simple,
        (None, _, Some(false)) => Track::Never,
        (None, ..) => Track::Remote,
    };
    if track == Track::Never {
        return Ok(None);
    }
    let name = full_name(task, repo, start).await?;
    let found = match &name {
        Some(name) => follow(config, name, short, track)?,
        None => None,
    };
    // A branch does not follow itself, which is no mistake.
    let itself = name.is_some_and(|name| name.strip_prefix(b"refs/heads/") == Some(short));
    if track == Track::Explicit && found.is_none() && !itself {
        let message = format!("{} is no branch that could be followed", fault::quoted(start));
        return Err(refused(message, "upstream").into());
    }
    Ok(found)
}

fn follow(config: &Config, name: &[u8], short: &[u8], track: Track) -> Outcome<Option<Upstream>> {
    let mut sources = Vec::new();
    for remote in remotes::names(config) {
        let listed = remotes::listed(config, &remote).map_err(|error| fault::remote(&remote, &error))?;
        let source = remotes::source_of(&listed.fetch, name);
        sources.extend(source.map(|merge| Upstream { remote, merge }));
    }
    let several = sources.len() > 1;
    if several {
        return Err(ambiguous(name, &sources).into());
    }
    let local = name.strip_prefix(b"refs/heads/");
    Ok(match (sources.pop(), local) {
        (Some(upstream), _) => {
            let same = upstream.merge.strip_prefix(b"refs/heads/") == Some(short);
            (track != Track::Simple || same).then_some(upstream)
        }
        (None, Some(local)) if matches!(track, Track::Always | Track::Explicit) && local != short => Some(Upstream {
            remote: b".".to_vec(),
            merge: name.to_vec(),
        }),
        (None, _) => None,
    })
}

/// The ref that the start was named by.
async fn full_name(task: &Task, repo: &Repository, start: &[u8]) -> Outcome<Option<Vec<u8>>> {
    for full in expansions(start) {
        let found = task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)?;
        if let Some(found) = found.filter(|found| found.oid.is_some()) {
            return Ok(Some(found.name));
        }
    }
    Ok(None)
}

fn ambiguous(name: &[u8], sources: &[Upstream]) -> GitError {
    let message = format!("{} is fetched into from several remotes", fault::quoted(name));
    let remotes = sources
        .iter()
        .map(|source| String::from_utf8_lossy(&source.remote).into_owned());
    GitError::new(Code::Ambiguous, Stage::Request, message)
        .with("candidates", Datum::List(remotes.collect()))
        .with_hint("set track to false")
}

//! Writes the commit-graph: git-commit-graph(1) `write --reachable --split --changed-paths`.
//!
//! Nobody waits for it. What is made is a cache of what the objects say ([`crate::store`]), so it is
//! made when there is nothing else to do, given up when there is, and goes on later: commits first,
//! which are quick, then the filters of changed paths, which need the trees of every commit. Nothing
//! is locked but for the moment in which something is written, and a writer that is at work is not
//! waited for.

mod collect;
mod filters;
mod publish;

use std::rc::Rc;

use self::collect::Collected;
use self::filters::Drafts;
use crate::algo::commit_graph::{Builder, Commit, CommitGraph, Unknown, kept_layers};
use crate::error::{Code, Failure, Outcome, Stage};
use crate::format::commit_graph::Row;
use crate::format::config::Config;
use crate::host::{LockMode, Wait};
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::store::StoreError;
use crate::task::Task;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Make filters of changed paths, too (`--changed-paths`).
    pub changed_paths: bool,
    /// Begin anew with what refs lead to now, and merge all files into one (git's
    /// `--split=replace`); filters that were made are kept. Done anyway after git-gc(1).
    pub replace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            changed_paths: true,
            replace: false,
        }
    }
}

/// What there is, and what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Commits of the graph.
    pub commits: u64,
    /// Commits that were added.
    pub added: u64,
    /// Filters that were made.
    pub filters: u64,
    /// Files of the graph.
    pub files: u64,
}

/// Brings the commit-graph up to date. Nothing is done in shallow repositories, and where
/// `core.commitGraph` is false. Fails with `Busy` where somebody else writes; if it fails, or if the
/// task is cancelled, the graph that was there is there, and what was made of filters is kept for
/// the next call with the same handle.
pub async fn write(task: &Task, repo: &Repository, options: Options) -> Outcome<Report> {
    task.race(repo.odb.refresh()).await?.at(Stage::Read)?;
    let stored = task.race(repo.odb.graph()).await?;
    if stored.disabled {
        return Ok(Report::default());
    }
    let mut report = Report::default();
    // Packs that are gone were packed anew, and what nothing reaches may be gone with them.
    let packs = repo.odb.packs();
    let was_packed = (stored.chain.packs.iter()).any(|id| !packs.iter().any(|pack| pack.id == *id));
    let replace = options.replace || was_packed;
    let known = if replace {
        Rc::default()
    } else {
        Rc::clone(&stored.commits)
    };
    let looked_at = if replace { &[][..] } else { &stored.chain.packs };
    let collected = collect::new_commits(task, repo, &stored, &known, looked_at).await?;
    let new = collected
        .commits
        .iter()
        .filter(|commit| stored.commits.find(&commit.oid).is_none());
    report.added = new.count() as u64;
    let commits = u32::try_from(collected.commits.len()).unwrap_or(u32::MAX);
    let is_shorter = replace && commits < stored.commits.len();
    let is_scattered = replace && stored.chain.files.len() > 1;
    if report.added > 0 || is_shorter || is_scattered {
        let counts: Vec<u32> = known.layers().iter().map(|layer| layer.len()).collect();
        let kept = kept_layers(&counts, commits);
        let Collected { commits, packs } = collected;
        let rows = rows(task, &known, kept, commits).await?;
        let mut drafts = Drafts::carried(task, repo, &stored, &rows).await?;
        if options.changed_paths {
            drafts.fill_few(task, repo, &known.lowest(kept), &rows).await?;
        }
        publish::file(task, repo, &stored, kept, &rows, &drafts, packs).await?;
        repo.odb.forget_filters();
        report.filters = drafts.made;
    } else if collected.packs != stored.chain.packs {
        publish::packs(task, repo, &stored, collected.packs).await?;
    }
    if options.changed_paths {
        report.filters += filters::make(task, repo).await?;
    }
    let now = task.race(repo.odb.graph()).await?;
    report.commits = u64::from(now.commits.len());
    report.files = now.chain.files.len() as u64;
    Ok(report)
}

/// [`write()`] when nobody waits for anything: unless `fetch.writeCommitGraph` is false, and in one
/// tab at a time. False if somebody else is at it, or writes something else: it is to be called again
/// later.
pub async fn upkeep(task: &Task, repo: &Repository) -> Outcome<bool> {
    let text = task.race(repo.meta.config()).await?.at(Stage::Read)?;
    let config = Config::parse(&text).unwrap_or_default();
    if config.get_bool(b"fetch.writeCommitGraph") == Some(false) {
        return Ok(true);
    }
    let name = format!("gitside:upkeep:{}", repo.id);
    let alone = repo.host.storage.lock(&name, LockMode::Exclusive, Wait::No);
    let Some(_alone) = task.race(alone).await?.at(Stage::Update)? else {
        return Ok(false);
    };
    match write(task, repo, Options::default()).await {
        Err(Failure::Error(error)) if error.code == Code::Busy => Ok(false),
        written => written.map(|_| true),
    }
}

/// The graph as git has it in `objects/info/commit-graph`: one file, whatever it is made of here.
/// `None` if there is none.
pub async fn file(task: &Task, repo: &Repository) -> Outcome<Option<Vec<u8>>> {
    let stored = task.race(repo.odb.graph()).await?;
    if stored.commits.is_empty() {
        return Ok(None);
    }
    let rows = rows(task, &stored.commits, 0, Vec::new()).await?;
    let drafts = Drafts::carried(task, repo, &stored, &rows).await?;
    let mut encoder = publish::encoder(&rows, &drafts)?;
    let mut file = Vec::new();
    while let Some(piece) = encoder.next_piece() {
        file.extend(piece);
        task.checkpoint().await?;
    }
    Ok(Some(file))
}

/// The rows of a file that stands on the lowest `kept` files of a graph: what those above have, and
/// what is new.
async fn rows(task: &Task, graph: &CommitGraph, kept: usize, new: Vec<Commit>) -> Outcome<Vec<Row>> {
    let below = graph.lowest(kept);
    let merged = below.len()..graph.len();
    let mut builder = Builder::on(below);
    for position in merged {
        builder.add(Commit::of(graph, position));
        task.checkpoint().await?;
    }
    for commit in new {
        builder.add(commit);
    }
    while !builder.step().map_err(|error| unfit(&error)).at(Stage::Update)? {
        task.checkpoint().await?;
    }
    Ok(builder.finish())
}

/// What was collected cannot be put into a file.
fn unfit(_: &Unknown) -> StoreError {
    StoreError::Limit {
        what: "commits of a graph",
    }
}

//! Fetches ahead what a partial clone left with its remote: everything below a path, in as few
//! requests as can be. Git has git-backfill(1) for whole histories; this is for one tree.

use std::collections::HashSet;

use crate::error::{Failure, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{EntryKind, TreeIter};
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::promisor::{Brought, bring};
use crate::ops::rev_parse::{entry, resolve_as};
use crate::sorted::SortedSet;
use crate::task::Task;

/// Objects asked for in one request: half a megabyte of ids.
const WANTS: usize = 10_000;

/// Trees read together.
const TREES: usize = 256;

/// Ids looked up together.
const LOOKUPS: usize = 1 << 14;

/// How deep directories may be nested (the default of git's `core.maxTreeDepth`).
const MAX_DEPTH: usize = 2048;

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A directory or a file; all of the tree if there is none.
    pub path: Option<Vec<u8>>,
    /// What is in directories below it too.
    pub recursive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            path: None,
            recursive: true,
        }
    }
}

/// What came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefetched {
    /// Objects.
    pub objects: u64,
    /// Bytes of their packs.
    pub bytes: u64,
}

impl Prefetched {
    /// Counts what a request brought. Fails if the remote refused any of it.
    fn add(&mut self, brought: Brought) -> Outcome<()> {
        self.objects += brought.objects;
        self.bytes += brought.bytes;
        match brought.refused.into_values().next() {
            Some(refused) => Err(Failure::from(refused)),
            None => Ok(()),
        }
    }
}

/// Fetches the objects under a path of the tree that `rev` leads to, as far as they are not stored.
/// Missing trees are fetched level by level, files at the end.
pub async fn prefetch(task: &Task, repo: &Repository, rev: &[u8], options: &Options) -> Outcome<Prefetched> {
    let mut came = Prefetched::default();
    let path = options.path.as_deref().unwrap_or_default();
    let (kind, oid) = if path.is_empty() {
        (EntryKind::Tree, resolve_as(task, repo, rev, Kind::Tree).await?)
    } else {
        let found = entry(task, repo, rev, path).await?;
        (found.kind, found.oid)
    };
    let mut files = SortedSet::new();
    let mut level = match kind {
        EntryKind::Tree => vec![oid],
        EntryKind::Gitlink => Vec::new(),
        EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => {
            files.insert(oid);
            Vec::new()
        }
    };
    let mut seen: HashSet<ObjectId> = level.iter().copied().collect();
    for _ in 0..MAX_DEPTH {
        if level.is_empty() {
            break;
        }
        fetch(task, repo, &level, &mut came).await?;
        let mut next = Vec::new();
        for group in level.chunks(TREES) {
            task.checkpoint().await?;
            let contents = object::read_all_as(task, repo, group, Kind::Tree).await?;
            for (tree, content) in group.iter().zip(contents) {
                for entry in TreeIter::new(&content) {
                    let entry = entry.map_err(|error| fault::malformed(tree, Kind::Tree, &error))?;
                    match entry.mode.kind() {
                        EntryKind::Gitlink => {}
                        EntryKind::Tree if !options.recursive || !seen.insert(entry.oid) => {}
                        EntryKind::Tree => next.push(entry.oid),
                        EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => {
                            files.insert(entry.oid);
                        }
                    }
                }
            }
        }
        level = next;
    }
    if !level.is_empty() {
        return Err(fault::limit("treeDepth", MAX_DEPTH, "directories within each other").into());
    }
    let files: Vec<ObjectId> = files.into_iter().collect();
    fetch(task, repo, &files, &mut came).await?;
    Ok(came)
}

/// Fetches those that are not stored.
async fn fetch(task: &Task, repo: &Repository, oids: &[ObjectId], came: &mut Prefetched) -> Outcome<()> {
    let mut missing = Vec::new();
    for group in oids.chunks(LOOKUPS) {
        task.checkpoint().await?;
        let infos = task.race(repo.odb.info(group)).await?.at(Stage::Read)?;
        let absent = group.iter().zip(infos).filter(|(_, info)| info.is_none());
        missing.extend(absent.map(|(oid, _)| *oid));
    }
    for wants in missing.chunks(WANTS) {
        let writer = repo.writer(task).await?;
        let brought = task.race(bring(task, repo, &writer, &repo.remote, wants)).await??;
        came.add(brought)?;
    }
    Ok(())
}

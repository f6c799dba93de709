//! Looks paths up in trees (git's `get_tree_entry`).

use std::collections::HashMap;

use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{self, EntryKind};
use crate::ops::Repository;
use crate::ops::{fault, object};
use crate::sorted::order;
use crate::task::Task;

/// How many answers are kept before all of them are dropped: about 5 MB.
const KEPT: usize = 1 << 16;

/// How many trees are read at a time.
const BATCH: usize = 64;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) oid: ObjectId,
}

/// Looks one path up in many trees. Directories that several of them share are read once.
pub(crate) struct PathFinder {
    names: Vec<Vec<u8>>,
    /// The path ends in a slash.
    only_tree: bool,
    known: HashMap<(usize, ObjectId), Option<Entry>>,
}

impl PathFinder {
    /// For a path from the root; an empty one is the root itself. A slash at the end asks for a
    /// directory. A path with an empty component leads nowhere.
    pub(crate) fn new(path: &[u8]) -> Self {
        let trimmed = path.strip_suffix(b"/").unwrap_or(path);
        let names = if trimmed.is_empty() && path.len() < 2 && !path.starts_with(b"/") {
            Vec::new()
        } else {
            trimmed.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
        };
        PathFinder {
            names,
            only_tree: trimmed.len() < path.len(),
            known: HashMap::new(),
        }
    }

    /// What the path leads to in one tree.
    pub(crate) async fn find(&mut self, task: &Task, repo: &Repository, root: ObjectId) -> Outcome<Option<Entry>> {
        Ok(self.find_all(task, repo, &[root]).await?.into_iter().next().flatten())
    }

    /// What the path leads to in each of the trees.
    pub(crate) async fn find_all(
        &mut self,
        task: &Task,
        repo: &Repository,
        roots: &[ObjectId],
    ) -> Outcome<Vec<Option<Entry>>> {
        if self.known.len() > KEPT {
            self.known.clear();
        }
        let root = |oid: &ObjectId| {
            Some(Entry {
                kind: EntryKind::Tree,
                oid: *oid,
            })
        };
        let mut entries: Vec<Option<Entry>> = roots.iter().map(root).collect();
        for (level, name) in self.names.iter().enumerate() {
            let directory = |entry: &Entry| (entry.kind == EntryKind::Tree).then_some(entry.oid);
            let mut unknown: Vec<ObjectId> = entries
                .iter()
                .flatten()
                .filter_map(directory)
                .filter(|oid| !self.known.contains_key(&(level, *oid)))
                .collect();
            order::sort(&mut unknown);
            unknown.dedup();
            for batch in unknown.chunks(BATCH) {
                task.checkpoint().await?;
                let contents = object::read_all_as(task, repo, batch, Kind::Tree).await?;
                for (oid, content) in batch.iter().zip(contents) {
                    let found =
                        tree::find(&content, name).map_err(|error| fault::malformed(oid, Kind::Tree, &error))?;
                    let found = found.map(|entry| Entry {
                        kind: entry.mode.kind(),
                        oid: entry.oid,
                    });
                    self.known.insert((level, *oid), found);
                }
            }
            for entry in &mut entries {
                *entry = entry
                    .as_ref()
                    .and_then(directory)
                    .and_then(|oid| *self.known.get(&(level, oid))?);
            }
        }
        if self.only_tree {
            for entry in &mut entries {
                *entry = entry.filter(|entry| entry.kind == EntryKind::Tree);
            }
        }
        Ok(entries)
    }
}

//! The filters of changed paths: for each commit its first parent's tree and its own are compared
//! (`get_or_compute_bloom_filter` of git's `bloom.c`). A commit whose trees are not all here gets
//! none; nothing is fetched for it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::publish;
use crate::algo::commit_graph::CommitGraph;
use crate::algo::tree_diff::{Folder, Scope, TreeDiff};
use crate::error::{Outcome, Stage};
use crate::format::commit_graph::bloom::{self, MAX_PATHS};
use crate::format::commit_graph::{Layer, Row};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::sorted::order;
use crate::store::commit_graph::StoredGraph;
use crate::task::Task;

/// Commits that are compared at a time. What they read together is checked without a pause.
const TOGETHER: usize = 12;

/// Folders of one commit that are read at a time.
const FOLDERS: usize = 8;

/// Filters that are made before they are stored: what is lost if the tab is closed.
const SAVE_EVERY: usize = 1 << 14;

/// So few commits get their filters before their file is stored.
const FEW: usize = 256;

/// Filters of a file that is to be written, as far as they are made.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    filters: Vec<Vec<u8>>,
    /// The rows that were not looked at, the newest last.
    left: Vec<usize>,
    /// How many were made, of those that were missing.
    pub(super) made: u64,
}

impl Drafts {
    /// What is known of the filters of these rows: those that are stored, and those that were made
    /// since.
    pub(super) async fn carried(task: &Task, repo: &Repository, stored: &StoredGraph, rows: &[Row]) -> Outcome<Self> {
        let mut of_files = Vec::new();
        for number in 0..stored.chain.files.len() {
            of_files.push(task.race(repo.odb.graph_filters(stored, number)).await?);
        }
        let mut drafts = Drafts::default();
        for (at, row) in rows.iter().enumerate() {
            task.checkpoint().await?;
            let made = repo.odb.unsaved_filter(&row.oid);
            let found = made.or_else(|| {
                let position = stored.commits.find(&row.oid)?;
                let number = stored.commits.layer_of(position)?;
                let first = stored.commits.layers().get(number)?.positions().start;
                let filters = of_files.get(number)?.as_ref();
                let filter = filters.and_then(|filters| filters.get(position - first));
                let is_known = filter.is_some() || stored.chain.files.get(number)?.filtered;
                is_known.then(|| filter.unwrap_or_default().to_vec())
            });
            if found.is_none() {
                drafts.left.push(at);
            }
            drafts.filters.push(found.unwrap_or_default());
        }
        order::sort_by_key(&mut drafts.left, |at| rows.get(*at).map(|row| row.generation));
        Ok(drafts)
    }

    /// Makes the missing ones if there are few.
    pub(super) async fn fill_few(
        &mut self,
        task: &Task,
        repo: &Repository,
        below: &CommitGraph,
        rows: &[Row],
    ) -> Outcome<()> {
        while self.left.len() <= FEW && !self.left.is_empty() {
            self.fill(task, repo, below, rows).await?;
        }
        Ok(())
    }

    /// Makes some more.
    async fn fill(&mut self, task: &Task, repo: &Repository, below: &CommitGraph, rows: &[Row]) -> Outcome<()> {
        let some = self.left.split_off(self.left.len().saturating_sub(TOGETHER));
        let tree = |position: u32| {
            let own = position
                .checked_sub(below.len())
                .and_then(|own| usize::try_from(own).ok());
            own.map_or_else(|| Some(below.tree(position)), |own| Some(rows.get(own)?.tree))
        };
        let some: Vec<(usize, &Row)> = some.iter().rev().filter_map(|at| Some((*at, rows.get(*at)?))).collect();
        let diffs = some.iter().map(|(_, row)| {
            let parent = row.parents.first().and_then(|parent| tree(*parent));
            Changed::between(parent, row.tree)
        });
        let filters = match make_some(task, repo, diffs.collect()).await {
            Ok(filters) => filters,
            Err(failure) => {
                self.left.extend(some.iter().rev().map(|(at, _)| *at));
                return Err(failure);
            }
        };
        for ((at, row), filter) in some.into_iter().zip(filters) {
            self.made += u64::from(!filter.is_empty());
            if let Some(place) = self.filters.get_mut(at) {
                place.clone_from(&filter);
            }
            repo.odb.keep_filter(row.oid, filter);
        }
        Ok(())
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// For the file: nothing as long as there is none at all.
    pub(super) fn filters(&self) -> Option<&[Vec<u8>]> {
        let is_one = self.filters.iter().any(|filter| !filter.is_empty());
        is_one.then_some(self.filters.as_slice())
    }
}

/// Makes the filters that are missing, of one file after the other; how many.
pub(super) async fn make(task: &Task, repo: &Repository) -> Outcome<u64> {
    let mut made = 0;
    loop {
        let stored = task.race(repo.odb.graph()).await?;
        let Some(number) = stored.chain.files.iter().rposition(|file| !file.filtered) else {
            return Ok(made);
        };
        let Some(layer) = stored.commits.layers().get(number) else {
            return Ok(made);
        };
        let rows = rows(task, layer).await?;
        let below = stored.commits.lowest(number);
        let mut drafts = Drafts::carried(task, repo, &stored, &rows).await?;
        let end = drafts.left.len().saturating_sub(SAVE_EVERY);
        while drafts.left.len() > end {
            drafts.fill(task, repo, &below, &rows).await?;
        }
        publish::filtered(task, repo, &stored, number, &rows, &drafts).await?;
        repo.odb.forget_filters();
        made += drafts.made;
    }
}

/// What a file says, to be written again.
async fn rows(task: &Task, layer: &Rc<Layer>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for position in layer.positions() {
        task.checkpoint().await?;
        rows.push(Row {
            oid: layer.oid(position),
            tree: layer.tree(position),
            date: layer.date(position),
            level: layer.level(position),
            generation: layer.generation(position),
            parents: layer.parents(position).collect(),
        });
    }
    Ok(rows)
}

/// What a commit changed.
struct Changed {
    diff: TreeDiff,
    /// Folders that differ. One that has only empty folders in it has no file that says so.
    folders: Vec<Vec<u8>>,
    /// The filter, if it is known already; none if a tree is missing.
    decided: Option<Vec<u8>>,
}

impl Changed {
    fn between(old: Option<ObjectId>, new: ObjectId) -> Self {
        Changed {
            diff: TreeDiff::new(old, Some(new), Scope::default()),
            folders: Vec::new(),
            decided: None,
        }
    }

    fn next(&mut self) -> Vec<Folder> {
        match self.decided {
            None => self.diff.next(FOLDERS),
            Some(_) => Vec::new(),
        }
    }

    fn compare(&mut self, folder: &Folder, trees: &HashMap<ObjectId, Rc<Vec<u8>>>) {
        let content = |oid: Option<ObjectId>| match oid {
            None => Some(&[][..]),
            Some(oid) => trees.get(&oid).map(|content| content.as_slice()),
        };
        let compared = match (content(folder.old), content(folder.new)) {
            (Some(old), Some(new)) => self.diff.compare(folder, old, new).is_ok(),
            _ => false,
        };
        if !compared {
            self.decided = Some(Vec::new());
        }
        if !folder.path().is_empty() {
            self.folders.push(folder.path().to_vec());
        }
        if self.diff.changed() > MAX_PATHS || self.folders.len() > MAX_PATHS {
            self.decided.get_or_insert_with(bloom::everything);
        }
    }

    fn filter(self) -> Vec<u8> {
        if let Some(filter) = self.decided {
            return filter;
        }
        let changes = self.diff.finish();
        let mut paths: HashSet<&[u8]> = self.folders.iter().map(Vec::as_slice).collect();
        paths.extend(changes.iter().map(|change| change.path.as_slice()));
        bloom::filter(paths.into_iter())
    }
}

async fn make_some(task: &Task, repo: &Repository, mut all: Vec<Changed>) -> Outcome<Vec<Vec<u8>>> {
    loop {
        let folders: Vec<Vec<Folder>> = all.iter_mut().map(Changed::next).collect();
        let trees = folders
            .iter()
            .flatten()
            .flat_map(|folder| [folder.old, folder.new])
            .flatten();
        let mut wanted: Vec<ObjectId> = trees.collect();
        if wanted.is_empty() {
            return Ok(all.into_iter().map(Changed::filter).collect());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let objects = task.race(repo.odb.read_many(&wanted)).await?.at(Stage::Read)?;
        let trees = wanted.into_iter().zip(objects).filter_map(|(oid, object)| {
            let tree = object.filter(|object| object.kind == Kind::Tree)?;
            Some((oid, tree.data))
        });
        let trees: HashMap<ObjectId, Rc<Vec<u8>>> = trees.collect();
        for (changed, folders) in all.iter_mut().zip(folders) {
            for folder in folders {
                changed.compare(&folder, &trees);
                task.checkpoint().await?;
            }
        }
    }
}

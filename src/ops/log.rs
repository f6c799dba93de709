//! History: git-log(1), its default order and `--topo-order`, `--first-parent`, `--since`, and the
//! history of one path, simplified as git does by default ("History Simplification").

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::algo::rev_walk::{Visited, Walk, topological};
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::EntryKind;
use crate::ops::Repository;
use crate::ops::cat::Commit;
use crate::ops::fault::At;
use crate::ops::object;
use crate::ops::path::{Entry, PathFinder};
use crate::ops::remote;
use crate::ops::rev_parse::resolve_as;
use crate::task::Task;

/// How many commits are read at a time.
const BATCH: usize = 64;

/// In which order commits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first by the committer's date.
    #[default]
    Date,
    /// No parent before all of its children; lines of history are not mixed. All of the history
    /// is walked before the first commit comes.
    Topo,
}

/// What is wanted of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only commits that changed what is under this path. A slash at the end: only if it is a
    /// directory.
    pub path: Option<Vec<u8>>,
    /// In which order.
    pub order: Order,
    /// Follow merges only to their first parent.
    pub first_parent: bool,
    /// How many commits at most.
    pub limit: Option<u64>,
    /// Stop at commits older than this, in seconds since 1970.
    pub since: Option<i64>,
}

/// A history that is being walked, as far as asked for.
pub struct Log {
    repo: Repository,
    first_parent: bool,
    path: Option<PathFinder>,
    shallow: HashSet<ObjectId>,
    walk: Walk,
    /// Contents of commits that were read for their dates and not yet visited.
    read: HashMap<ObjectId, Rc<Vec<u8>>>,
    /// The last commit that was handed out, whose parents have not been looked at.
    unexpanded: Option<ObjectId>,
    /// In topological order: what is to be handed out, the next one last.
    sorted: Option<Vec<ObjectId>>,
    order: Order,
    left: u64,
}

impl Log {
    /// The history of the commit that `rev` leads to. Reads that commit and nothing more.
    pub async fn open(task: &Task, repo: &Repository, rev: &[u8], options: &Options) -> Outcome<Self> {
        let _reading = repo.promisor.reading();
        let tip = resolve_as(task, repo, rev, Kind::Commit).await?;
        let shallow = repo.meta.shallow().await.at(Stage::Read)?;
        // A date before 1970 limits nothing: git's dates are unsigned.
        let since = options.since.map_or(0, |since| u64::try_from(since).unwrap_or(0));
        let mut log = Log {
            repo: repo.clone(),
            first_parent: options.first_parent,
            path: options.path.as_deref().map(PathFinder::new),
            shallow: shallow.into_iter().collect(),
            walk: Walk::new(since),
            read: HashMap::new(),
            unexpanded: None,
            sorted: None,
            order: options.order,
            left: options.limit.unwrap_or(u64::MAX),
        };
        log.push_all(task, &[tip]).await?;
        Ok(log)
    }

    /// From now on the remote of a partial clone is talked to so.
    pub fn set_remote(&mut self, options: remote::Options) {
        self.repo = self.repo.with_remote(options);
    }

    /// The next commits, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<Commit>> {
        let _reading = self.repo.promisor.reading();
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(count);
        let commits = match self.order {
            Order::Date => self.next_by_date(task, count).await?,
            Order::Topo => self.next_sorted(task, count).await?,
        };
        self.left -= u64::try_from(commits.len()).unwrap_or(self.left);
        Ok(commits)
    }

    async fn next_by_date(&mut self, task: &Task, count: usize) -> Outcome<Vec<Commit>> {
        let mut commits = Vec::new();
        while commits.len() < count {
            task.checkpoint().await?;
            if let Some(oid) = self.unexpanded.take() {
                let parents = self.parents(task, &oid).await?;
                self.push_all(task, &parents).await?;
                self.read.remove(&oid);
            }
            let Some(oid) = self.walk.pop_newest() else { break };
            if self.path.is_none() {
                // Its parents are looked at when the next commit is asked for, if ever.
                commits.push(Commit::read(oid, &self.content(task, &oid).await?)?);
                self.unexpanded = Some(oid);
                continue;
            }
            let (changed, parents) = self.simplify(task, &oid).await?;
            if changed {
                commits.push(Commit::read(oid, &self.content(task, &oid).await?)?);
            }
            self.push_all(task, &parents).await?;
            self.read.remove(&oid);
        }
        Ok(commits)
    }

    async fn next_sorted(&mut self, task: &Task, count: usize) -> Outcome<Vec<Commit>> {
        if self.sorted.is_none() {
            self.sorted = Some(self.walk_all(task).await?);
        }
        let mut commits = Vec::new();
        while commits.len() < count {
            let Some(sorted) = &mut self.sorted else { break };
            let keep = sorted.len().saturating_sub(BATCH.min(count - commits.len()));
            let mut oids = sorted.split_off(keep);
            oids.reverse();
            if oids.is_empty() {
                break;
            }
            task.checkpoint().await?;
            let contents = object::read_all_as(task, &self.repo, &oids, Kind::Commit).await?;
            for (oid, content) in oids.into_iter().zip(contents) {
                commits.push(Commit::read(oid, &content)?);
            }
        }
        Ok(commits)
    }

    /// Visits everything; the commits to be handed out, the first one last.
    async fn walk_all(&mut self, task: &Task) -> Outcome<Vec<ObjectId>> {
        let mut visited = Vec::new();
        let mut changed = Vec::new();
        while let Some(oid) = self.walk.pop_newest() {
            task.checkpoint().await?;
            let (has_changed, parents) = match self.path {
                Some(_) => self.simplify(task, &oid).await?,
                None => (true, self.parents(task, &oid).await?),
            };
            self.push_all(task, &parents).await?;
            self.read.remove(&oid);
            changed.push(has_changed);
            visited.push(Visited { oid, parents });
        }
        let order = topological(&visited);
        let wanted = order.into_iter().rev().filter(|at| changed.get(*at) == Some(&true));
        Ok(wanted
            .filter_map(|at| visited.get(at).map(|commit| commit.oid))
            .collect())
    }

    /// Whether a commit changed the path, and which parents to follow: where one of them has the
    /// path as the commit has it, that one explains it all (`try_to_simplify_commit` in git's
    /// `revision.c`).
    async fn simplify(&mut self, task: &Task, oid: &ObjectId) -> Outcome<(bool, Vec<ObjectId>)> {
        let parents = self.parents(task, oid).await?;
        let mut trees = Vec::with_capacity(parents.len() + 1);
        for commit in std::iter::once(oid).chain(&parents) {
            let content = self.content(task, commit).await?;
            trees.push(object::commit(commit, &content)?.tree());
        }
        let tree = trees.remove(0);
        if let Some(same) = trees.iter().position(|parent| *parent == tree) {
            // An earlier parent may have the same path in another tree.
            trees.truncate(same + 1);
        }
        let Some(path) = &mut self.path else {
            return Ok((true, parents));
        };
        trees.push(tree);
        let mut entries = path.find_all(task, &self.repo, &trees).await?;
        for entry in &mut entries {
            *entry = entry.filter(|entry| !is_empty_directory(entry));
        }
        let own = entries.pop().flatten();
        if parents.is_empty() {
            return Ok((own.is_some(), parents));
        }
        match entries.iter().position(|entry| *entry == own) {
            Some(same) => Ok((false, parents.get(same).copied().into_iter().collect())),
            None => Ok((true, parents)),
        }
    }

    /// The parents that are followed: none behind the shallow boundary.
    async fn parents(&mut self, task: &Task, oid: &ObjectId) -> Outcome<Vec<ObjectId>> {
        if self.shallow.contains(oid) {
            return Ok(Vec::new());
        }
        let content = self.content(task, oid).await?;
        let count = if self.first_parent { 1 } else { usize::MAX };
        Ok(object::commit(oid, &content)?.parents().take(count).collect())
    }

    async fn content(&mut self, task: &Task, oid: &ObjectId) -> Outcome<Rc<Vec<u8>>> {
        match self.read.get(oid) {
            Some(content) => Ok(Rc::clone(content)),
            None => object::read_as(task, &self.repo, oid, Kind::Commit).await,
        }
    }

    /// Queues the commits that were not queued before, with their dates.
    async fn push_all(&mut self, task: &Task, oids: &[ObjectId]) -> Outcome<()> {
        let new: Vec<ObjectId> = oids.iter().filter(|oid| !self.walk.has_seen(oid)).copied().collect();
        for batch in new.chunks(BATCH) {
            task.checkpoint().await?;
            let contents = object::read_all_as(task, &self.repo, batch, Kind::Commit).await?;
            for (oid, content) in batch.iter().zip(contents) {
                self.walk.push(*oid, object::commit(oid, &content)?.date());
                self.read.insert(*oid, content);
            }
        }
        Ok(())
    }
}

/// An empty directory counts as nothing: no difference of files shows it.
fn is_empty_directory(entry: &Entry) -> bool {
    /// The id of the tree without entries.
    const EMPTY_TREE: ObjectId = ObjectId::new([
        0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee,
        0x49, 0x04,
    ]);
    entry.kind == EntryKind::Tree && entry.oid == EMPTY_TREE
}

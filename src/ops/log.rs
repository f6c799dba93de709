//! History: git-log(1), its default order and `--topo-order`, `--first-parent`, `--since`, and the
//! history of one path, simplified as git does by default ("History Simplification").
//!
//! What the commit-graph has of a commit is not read from it: only the commits that are handed out
//! are, and of one path's history the trees of those that may have changed it.

mod path;
mod source;

use self::path::Simplify;
use self::source::{Place, Source};
use crate::algo::rev_walk::{Visited, Walk, topological};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::ops::Repository;
use crate::ops::cat::Commit;
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
    source: Source,
    path: Option<Simplify>,
    walk: Walk<Place>,
    /// The last commit that was handed out, whose parents have not been looked at.
    unexpanded: Option<Place>,
    /// In topological order: what is to be handed out, the next one last.
    sorted: Option<Vec<Place>>,
    order: Order,
    left: u64,
}

impl Log {
    /// The history of the commit that `rev` leads to. Reads that commit and nothing more.
    pub async fn open(task: &Task, repo: &Repository, rev: &[u8], options: &Options) -> Outcome<Self> {
        let _reading = repo.promisor.reading();
        let tip = resolve_as(task, repo, rev, Kind::Commit).await?;
        // A date before 1970 limits nothing: git's dates are unsigned.
        let since = options.since.map_or(0, |since| u64::try_from(since).unwrap_or(0));
        let source = Source::open(task, repo, options.first_parent).await?;
        let tip = source.place(&tip);
        let mut log = Log {
            source,
            path: options.path.as_deref().map(Simplify::new),
            walk: Walk::new(since),
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
        self.source.set_remote(options);
    }

    /// The next commits, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<Commit>> {
        let reading = self.source.repo.promisor.clone();
        let _reading = reading.reading();
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(count);
        let places = match self.order {
            Order::Date => self.next_by_date(task, count).await?,
            Order::Topo => self.next_sorted(task, count).await?,
        };
        let mut commits = Vec::with_capacity(places.len());
        for some in places.chunks(BATCH) {
            task.checkpoint().await?;
            for (place, content) in some.iter().zip(self.source.contents(task, some).await?) {
                commits.push(Commit::read(self.source.oid(*place), &content)?);
            }
        }
        self.source.forget(&places);
        self.left -= u64::try_from(commits.len()).unwrap_or(self.left);
        Ok(commits)
    }

    async fn next_by_date(&mut self, task: &Task, count: usize) -> Outcome<Vec<Place>> {
        let mut places = Vec::new();
        while places.len() < count {
            task.checkpoint().await?;
            if let Some(place) = self.unexpanded.take() {
                let parents = self.source.parents(task, place).await?;
                self.push_all(task, &parents).await?;
            }
            let Some(place) = self.walk.pop_newest() else { break };
            if self.path.is_none() {
                // Its parents are looked at when the next commit is asked for, if ever.
                places.push(place);
                self.unexpanded = Some(place);
                continue;
            }
            let (changed, parents) = self.simplify(task, place).await?;
            self.push_all(task, &parents).await?;
            match changed {
                true => places.push(place),
                false => self.source.forget(&[place]),
            }
        }
        Ok(places)
    }

    async fn next_sorted(&mut self, task: &Task, count: usize) -> Outcome<Vec<Place>> {
        if self.sorted.is_none() {
            self.sorted = Some(self.walk_all(task).await?);
        }
        let Some(sorted) = &mut self.sorted else {
            return Ok(Vec::new());
        };
        let mut places = sorted.split_off(sorted.len().saturating_sub(count));
        places.reverse();
        Ok(places)
    }

    /// Visits everything; the commits to be handed out, the first one last.
    async fn walk_all(&mut self, task: &Task) -> Outcome<Vec<Place>> {
        let mut visited = Vec::new();
        let mut changed = Vec::new();
        while let Some(place) = self.walk.pop_newest() {
            task.checkpoint().await?;
            let (has_changed, parents) = match self.path {
                Some(_) => self.simplify(task, place).await?,
                None => (true, self.source.parents(task, place).await?),
            };
            self.push_all(task, &parents).await?;
            self.source.forget(&[place]);
            changed.push(has_changed);
            visited.push(Visited { oid: place, parents });
        }
        let order = topological(&visited);
        let wanted = order.into_iter().rev().filter(|at| changed.get(*at) == Some(&true));
        Ok(wanted
            .filter_map(|at| visited.get(at).map(|commit| commit.oid))
            .collect())
    }

    /// Whether a commit changed the path, and which parents to follow.
    async fn simplify(&mut self, task: &Task, place: Place) -> Outcome<(bool, Vec<Place>)> {
        match &mut self.path {
            Some(path) => path.simplify(task, &mut self.source, &self.walk, place).await,
            None => Ok((true, self.source.parents(task, place).await?)),
        }
    }

    /// Queues the commits that were not queued before, with their dates.
    async fn push_all(&mut self, task: &Task, places: &[Place]) -> Outcome<()> {
        let new: Vec<Place> = places
            .iter()
            .filter(|place| !self.walk.has_seen(place))
            .copied()
            .collect();
        self.source.load(task, &new).await?;
        for place in new {
            let date = self.source.date(task, place).await?;
            self.walk.push(place, date);
        }
        Ok(())
    }
}

//! Where a history comes from: the commit-graph, and the commits themselves where that has nothing.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::BATCH;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::{object, remote};
use crate::store::commit_graph::StoredGraph;
use crate::task::Task;

/// A commit of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// At a position of the graph.
    Graph(u32),
    /// Not in the graph.
    Store(ObjectId),
}

/// Commits, wherever they are.
pub(super) struct Source {
    pub(super) repo: Repository,
    pub(super) graph: Rc<StoredGraph>,
    first_parent: bool,
    shallow: HashSet<ObjectId>,
    /// Contents of commits that were read and are still needed.
    read: HashMap<ObjectId, Rc<Vec<u8>>>,
}

impl Source {
    pub(super) async fn open(task: &Task, repo: &Repository, first_parent: bool) -> Outcome<Self> {
        let shallow = repo.meta.shallow().await.at(Stage::Read)?;
        Ok(Source {
            repo: repo.clone(),
            graph: task.race(repo.odb.graph()).await?,
            first_parent,
            shallow: shallow.into_iter().collect(),
            read: HashMap::new(),
        })
    }

    pub(super) fn set_remote(&mut self, options: remote::Options) {
        self.repo = self.repo.with_remote(options);
    }

    pub(super) fn place(&self, oid: &ObjectId) -> Place {
        self.graph.commits.find(oid).map_or(Place::Store(*oid), Place::Graph)
    }

    pub(super) fn oid(&self, place: Place) -> ObjectId {
        match place {
            Place::Graph(position) => self.graph.commits.oid(position),
            Place::Store(oid) => oid,
        }
    }

    /// Reads together what the graph does not have.
    pub(super) async fn load(&mut self, task: &Task, places: &[Place]) -> Outcome<()> {
        let unread = |place: &Place| match place {
            Place::Store(oid) if !self.read.contains_key(oid) => Some(*oid),
            _ => None,
        };
        let unread: Vec<ObjectId> = places.iter().filter_map(unread).collect();
        for batch in unread.chunks(BATCH) {
            task.checkpoint().await?;
            let contents = object::read_all_as(task, &self.repo, batch, Kind::Commit).await?;
            self.read.extend(batch.iter().copied().zip(contents));
        }
        Ok(())
    }

    pub(super) async fn date(&mut self, task: &Task, place: Place) -> Outcome<u64> {
        match place {
            Place::Graph(position) => Ok(self.graph.commits.date(position)),
            Place::Store(oid) => Ok(object::commit(&oid, &self.content(task, &oid).await?)?.date()),
        }
    }

    pub(super) async fn tree(&mut self, task: &Task, place: Place) -> Outcome<ObjectId> {
        match place {
            Place::Graph(position) => Ok(self.graph.commits.tree(position)),
            Place::Store(oid) => Ok(object::commit(&oid, &self.content(task, &oid).await?)?.tree()),
        }
    }

    /// The parents that are followed: none behind the shallow boundary.
    pub(super) async fn parents(&mut self, task: &Task, place: Place) -> Outcome<Vec<Place>> {
        let oid = match place {
            Place::Graph(position) => return Ok(self.parents_in_graph(position).collect()),
            Place::Store(oid) if self.shallow.contains(&oid) => return Ok(Vec::new()),
            Place::Store(oid) => oid,
        };
        let content = self.content(task, &oid).await?;
        let parents = object::commit(&oid, &content)?.parents().take(self.followed());
        Ok(parents.map(|parent| self.place(&parent)).collect())
    }

    pub(super) fn parents_in_graph(&self, position: u32) -> impl Iterator<Item = Place> {
        let parents = self.graph.commits.parents(position);
        parents.take(self.followed()).map(Place::Graph)
    }

    fn followed(&self) -> usize {
        if self.first_parent { 1 } else { usize::MAX }
    }

    /// The contents of commits, in the order asked.
    pub(super) async fn contents(&mut self, task: &Task, places: &[Place]) -> Outcome<Vec<Rc<Vec<u8>>>> {
        let oids: Vec<ObjectId> = places.iter().map(|place| self.oid(*place)).collect();
        let unread: Vec<ObjectId> = oids
            .iter()
            .filter(|oid| !self.read.contains_key(oid))
            .copied()
            .collect();
        let read = object::read_all_as(task, &self.repo, &unread, Kind::Commit).await?;
        let mut read = read.into_iter();
        let content = |oid: &ObjectId| self.read.get(oid).cloned().or_else(|| read.next());
        Ok(oids.iter().filter_map(content).collect())
    }

    /// Lets go of what was read of commits that were visited.
    pub(super) fn forget(&mut self, places: &[Place]) {
        for place in places {
            if let Place::Store(oid) = place {
                self.read.remove(oid);
            }
        }
    }

    async fn content(&mut self, task: &Task, oid: &ObjectId) -> Outcome<Rc<Vec<u8>>> {
        if let Some(content) = self.read.get(oid) {
            return Ok(Rc::clone(content));
        }
        let content = object::read_as(task, &self.repo, oid, Kind::Commit).await?;
        self.read.insert(*oid, Rc::clone(&content));
        Ok(content)
    }
}

//! Commits as the walks of [`crate::algo`] need them, from the stored commit-graph or else read in
//! batches, and tags peeled to them.
//! Nothing is fetched: where a commit is not stored, history ends.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::CommitInfo;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::fault::At;
use crate::ops::object;
use crate::store::odb::Odb;
use crate::store::refs::{Ref, Target};
use crate::task::Task;

/// How many objects are held at once.
const BATCH: usize = 256;

/// How many commits are read ahead at most.
const AHEAD: usize = 64;

/// Does some work that is going to ask for the commit-graph, and has that read meanwhile: the work
/// begins with waiting for a server.
pub(crate) async fn with_graph<T>(odb: &Odb, work: impl Future<Output = T>) -> T {
    let (mut work, mut reading) = (pin!(work), pin!(odb.graph()));
    let mut read = false;
    poll_fn(|context| {
        let done = work.as_mut().poll(context);
        read = read || (done.is_pending() && reading.as_mut().poll(context).is_ready());
        done
    })
    .await
}

/// Reads commits of one repository.
pub(crate) struct Commits<'a> {
    task: Task,
    odb: &'a Odb,
    shallow: HashSet<ObjectId>,
    /// Once it was looked for.
    graph: Option<Rc<CommitGraph>>,
    read: u64,
    /// How often something was read.
    times: usize,
}

/// Annotated tags that refs here point to, and what each leads to in the end, where that was noted
/// with the ref: they need not be read.
pub type KnownTags = HashMap<ObjectId, ObjectId>;

/// The tags of which refs tell what they lead to.
pub fn known_tags<'a>(refs: impl IntoIterator<Item = &'a Ref>) -> KnownTags {
    let tag = |found: &Ref| match found.target {
        Target::Direct(oid) => Some((oid, found.peeled?)),
        Target::Symbolic(_) => None,
    };
    refs.into_iter().filter_map(tag).collect()
}

/// What an object is that need not be read to know it.
pub(crate) enum KnownAs {
    /// A commit of the graph, which has only commits that are stored.
    Commit,
    /// A tag, and what it leads to in the end.
    Tag(ObjectId),
}

impl KnownAs {
    pub(crate) fn of(oid: &ObjectId, graph: &CommitGraph, tags: Option<&KnownTags>) -> Option<Self> {
        let tag = tags.and_then(|tags| tags.get(oid)).map(|end| KnownAs::Tag(*end));
        tag.or_else(|| graph.find(oid).map(|_| KnownAs::Commit))
    }
}

/// What [`Commits::peel`] found.
#[derive(Debug, Default)]
pub(crate) struct Peeled {
    /// For an object and the tags it leads through, where it leads to next: a tag to what it names.
    tags: HashMap<ObjectId, ObjectId>,
    /// The commits they lead to.
    pub commits: HashMap<ObjectId, CommitInfo>,
}

impl Peeled {
    /// The commit that an object is, or leads to; and the tags on the way.
    pub fn follow(&self, oid: &ObjectId) -> (Option<ObjectId>, Vec<ObjectId>) {
        let (mut oid, mut tags) = (*oid, Vec::new());
        // An object's id depends on what it names: there are no circles.
        while let Some(next) = self.tags.get(&oid) {
            tags.push(oid);
            oid = *next;
        }
        (self.commits.contains_key(&oid).then_some(oid), tags)
    }
}

impl<'a> Commits<'a> {
    /// Of that repository, whose history ends at the commits in `shallow`.
    pub fn new(task: &Task, odb: &'a Odb, shallow: &[ObjectId]) -> Self {
        Commits {
            task: task.clone(),
            odb,
            shallow: shallow.iter().copied().collect(),
            graph: None,
            read: 0,
            times: 0,
        }
    }

    /// What is stored of history, for machines to walk; empty where there is no graph, or where it
    /// does not hold: behind a shallow boundary.
    pub async fn graph(&mut self) -> Outcome<Rc<CommitGraph>> {
        if let Some(graph) = &self.graph {
            return Ok(Rc::clone(graph));
        }
        let graph = match self.shallow.is_empty() {
            true => Rc::clone(&self.task.race(self.odb.graph()).await?.commits),
            false => Rc::default(),
        };
        self.graph = Some(Rc::clone(&graph));
        Ok(graph)
    }

    /// See [`Task::checkpoint`].
    pub async fn pause(&self) -> Outcome<()> {
        Ok(self.task.checkpoint().await?)
    }

    /// How many commits a walk should ask for besides those it needs: the more the longer it goes
    /// on, since most end soon.
    pub fn ahead(&self) -> usize {
        self.times.min(AHEAD)
    }

    /// How many commits were read; those of the graph need not be.
    pub fn count(&self) -> u64 {
        self.read
    }

    /// What counts of commits, in the order asked; `None` where one is not stored, or is no commit.
    pub async fn read(&mut self, oids: &[ObjectId]) -> Outcome<Vec<Option<CommitInfo>>> {
        let graph = self.graph().await?;
        let in_graph = |oid: &ObjectId| {
            let position = graph.find(oid)?;
            Some(CommitInfo {
                parents: graph.parents(position).map(|parent| graph.oid(parent)).collect(),
                date: graph.date(position),
            })
        };
        let mut infos: Vec<Option<CommitInfo>> = oids.iter().map(in_graph).collect();
        let elsewhere = oids.iter().zip(&mut infos).filter(|(_, info)| info.is_none());
        let mut elsewhere: Vec<_> = elsewhere.collect();
        for batch in elsewhere.chunks_mut(BATCH) {
            self.task.checkpoint().await?;
            let oids: Vec<ObjectId> = batch.iter().map(|(oid, _)| **oid).collect();
            let objects = self.task.race(self.odb.read_many(&oids)).await?.at(Stage::Read)?;
            for ((oid, info), found) in batch.iter_mut().zip(objects) {
                let Some(found) = found.filter(|found| found.kind == Kind::Commit) else {
                    continue;
                };
                self.read += 1;
                let commit = object::commit(oid, &found.data)?;
                let is_boundary = self.shallow.contains(oid);
                **info = Some(CommitInfo {
                    parents: commit.parents().filter(|_| !is_boundary).collect(),
                    date: commit.date(),
                });
            }
        }
        Ok(infos)
    }

    /// Reads commits that a walk asked for, and tells it.
    pub async fn read_for(
        &mut self,
        oids: &[ObjectId],
        mut provide: impl FnMut(ObjectId, Option<CommitInfo>),
    ) -> Outcome<()> {
        self.times += 1;
        for (oid, info) in oids.iter().zip(self.read(oids).await?) {
            provide(*oid, info);
        }
        Ok(())
    }

    /// Follows tags to commits, and reads those. What is not stored, or leads to something else,
    /// leads nowhere (`deref_without_lazy_fetch` of git's fetch-pack.c).
    pub async fn peel(
        &mut self,
        oids: impl IntoIterator<Item = ObjectId>,
        known: Option<&KnownTags>,
    ) -> Outcome<Peeled> {
        let mut peeled = Peeled::default();
        let mut seen = HashSet::new();
        let mut level: Vec<ObjectId> = oids.into_iter().filter(|oid| seen.insert(*oid)).collect();
        let graph = self.graph().await?;
        while !level.is_empty() {
            let (mut commits, mut tags, mut next) = (Vec::new(), Vec::new(), Vec::new());
            level.retain(|oid| {
                match KnownAs::of(oid, &graph, known) {
                    Some(KnownAs::Commit) => commits.push(*oid),
                    Some(KnownAs::Tag(end)) => {
                        peeled.tags.insert(*oid, end);
                        next.extend(seen.insert(end).then_some(end));
                    }
                    None => return true,
                }
                false
            });
            for batch in level.chunks(BATCH) {
                self.task.checkpoint().await?;
                let infos = self.task.race(self.odb.info(batch)).await?.at(Stage::Read)?;
                for (oid, info) in batch.iter().zip(infos) {
                    match info.map(|info| info.kind) {
                        Some(Kind::Commit) => commits.push(*oid),
                        Some(Kind::Tag) => tags.push(*oid),
                        Some(Kind::Tree | Kind::Blob) | None => {}
                    }
                }
            }
            for (oid, info) in commits.iter().zip(self.read(&commits).await?) {
                peeled.commits.extend(info.map(|info| (*oid, info)));
            }
            for batch in tags.chunks(BATCH) {
                self.task.checkpoint().await?;
                let objects = self.task.race(self.odb.read_many(batch)).await?.at(Stage::Read)?;
                for (oid, found) in batch.iter().zip(objects) {
                    let Some(found) = found.filter(|found| found.kind == Kind::Tag) else {
                        continue;
                    };
                    let named = object::tag(oid, &found.data)?.object;
                    peeled.tags.insert(*oid, named);
                    next.extend(seen.insert(named).then_some(named));
                }
            }
            level = next;
        }
        Ok(peeled)
    }
}

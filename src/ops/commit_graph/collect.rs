//! Which commits are new: those of packs that were not looked at, in the order of the pack, and from
//! there what refs lead to.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Commit;
use crate::algo::commit_graph::CommitGraph;
use crate::error::{Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tag::TagRef;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::negotiate::local_tips;
use crate::store::commit_graph::StoredGraph;
use crate::store::odb::Object;
use crate::store::pack_store::{LivePack, PackId};
use crate::task::Task;

/// Commits that are read together: few, so that the page's own thread is not held up.
const TOGETHER: usize = 128;

/// What is to be added to a graph.
pub(super) struct Collected {
    /// Commits that refs lead to and that are not in it; with each, all of its parents are.
    pub commits: Vec<Commit>,
    /// The packs whose commits were looked at by now.
    pub packs: Vec<PackId>,
}

/// What refs lead to beyond what is `known`. Packs of `looked_at` have nothing new.
pub(super) async fn new_commits(
    task: &Task,
    repo: &Repository,
    stored: &StoredGraph,
    known: &CommitGraph,
    looked_at: &[PackId],
) -> Outcome<Collected> {
    let mut search = Search {
        task,
        repo,
        stored,
        known,
        found: HashMap::new(),
    };
    let packs = repo.odb.packs();
    for pack in packs.iter().filter(|pack| !pack.cruft && !looked_at.contains(&pack.id)) {
        search.scan(pack).await?;
    }
    let commits = search.reach().await?;
    Ok(Collected {
        commits: search.complete(commits),
        packs: packs.iter().map(|pack| pack.id).collect(),
    })
}

struct Search<'a> {
    task: &'a Task,
    repo: &'a Repository,
    stored: &'a StoredGraph,
    known: &'a CommitGraph,
    /// Commits that were read; nothing for those that a graph cannot hold.
    found: HashMap<ObjectId, Option<Commit>>,
}

impl Search<'_> {
    /// Reads the commits of a pack, in its order.
    async fn scan(&mut self, pack: &LivePack) -> Outcome<()> {
        for block in 0.. {
            let entries = self
                .task
                .race(self.repo.odb.commits_of(pack, block))
                .await?
                .at(Stage::Read)?;
            let Some(entries) = entries else { break };
            let new = |oid: &ObjectId| self.known.find(oid).is_none() && self.stored.commits.find(oid).is_none();
            let new: Vec<(ObjectId, u64)> = entries.into_iter().filter(|(oid, _)| new(oid)).collect();
            for some in new.chunks(TOGETHER) {
                let read = self.repo.odb.read_commits(pack, some);
                let objects = self.task.race(read).await?.at(Stage::Read)?;
                for ((oid, _), object) in some.iter().zip(objects) {
                    self.note(oid, &object);
                    self.task.checkpoint().await?;
                }
            }
            self.task.checkpoint().await?;
        }
        Ok(())
    }

    fn note(&mut self, oid: &ObjectId, object: &Object) {
        let commit = CommitRef::parse(&object.data).ok().map(|commit| Commit {
            oid: *oid,
            tree: commit.tree(),
            date: commit.date(),
            parents: commit.parents().collect(),
        });
        self.found.insert(*oid, commit.filter(Commit::fits));
    }

    /// All that refs lead to and that is not known, tips first.
    async fn reach(&mut self) -> Outcome<Vec<ObjectId>> {
        let mut waiting = VecDeque::from(local_tips(self.task, &self.repo.refs).await?);
        let head = self.task.race(self.repo.refs.resolve(b"HEAD")).await?.at(Stage::Read)?;
        waiting.extend(head.and_then(|head| head.oid));
        let (mut seen, mut reached, mut unread) = (HashSet::new(), Vec::new(), Vec::new());
        loop {
            while let Some(oid) = waiting.pop_front() {
                self.task.checkpoint().await?;
                if self.known.find(&oid).is_some() {
                    continue;
                }
                // A graph that is replaced has read most of them before.
                if let Some(position) = self.stored.commits.find(&oid) {
                    let commit = || Some(Commit::of(&self.stored.commits, position));
                    self.found.entry(oid).or_insert_with(commit);
                }
                match self.found.get(&oid) {
                    Some(Some(commit)) if seen.insert(oid) => {
                        waiting.extend(&commit.parents);
                        reached.push(oid);
                    }
                    Some(_) => {}
                    None if seen.insert(oid) => unread.push(oid),
                    None => {}
                }
            }
            if unread.is_empty() {
                return Ok(reached);
            }
            for some in std::mem::take(&mut unread).chunks(TOGETHER) {
                let infos = self.task.race(self.repo.odb.info(some)).await?.at(Stage::Read)?;
                let led = some.iter().zip(infos);
                let wanted =
                    led.filter(|(_, info)| info.is_some_and(|info| matches!(info.kind, Kind::Commit | Kind::Tag)));
                let wanted: Vec<ObjectId> = wanted.map(|(oid, _)| *oid).collect();
                let objects = self
                    .task
                    .race(self.repo.odb.read_many(&wanted))
                    .await?
                    .at(Stage::Read)?;
                for (oid, object) in wanted.iter().zip(objects) {
                    let Some(object) = object else { continue };
                    if object.kind == Kind::Tag {
                        waiting.extend(TagRef::parse(&object.data).ok().map(|tag| tag.object));
                    } else {
                        self.note(oid, &object);
                        seen.remove(oid);
                        waiting.push_back(*oid);
                    }
                    self.task.checkpoint().await?;
                }
            }
        }
    }

    /// Leaves out what leads to commits that are not here, or that a graph cannot hold: a graph has
    /// all ancestors of its commits.
    fn complete(&mut self, reached: Vec<ObjectId>) -> Vec<Commit> {
        let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        let mut lost = Vec::new();
        let is_there = |oid: &ObjectId| self.known.find(oid).is_some() || matches!(self.found.get(oid), Some(Some(_)));
        let commits = reached.iter().filter_map(|oid| self.found.get(oid)?.as_ref());
        if !commits.clone().all(|commit| commit.parents.iter().all(is_there)) {
            for commit in commits {
                for parent in &commit.parents {
                    children.entry(*parent).or_default().push(commit.oid);
                    if !is_there(parent) {
                        lost.push(*parent);
                    }
                }
            }
        }
        while let Some(oid) = lost.pop() {
            self.found.remove(&oid);
            lost.extend(children.remove(&oid).unwrap_or_default());
        }
        let mut take = |oid: &ObjectId| self.found.remove(oid).flatten();
        reached.iter().filter_map(&mut take).collect()
    }
}

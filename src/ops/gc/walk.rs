//! What reaches what. Commits are read first, all of them, and make a graph in memory; trees and
//! tags are read in rounds, each round in the order of the packs, so that chunks and bases of deltas
//! are read once. Of blobs it is enough that they are stored.
//!
//! Memory: about 30 bytes for each commit and one for each other object.

use std::collections::{HashSet, VecDeque};

use super::roots::Root;
use crate::error::{Failure, Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tag::TagRef;
use crate::format::tree::{EntryKind, TreeIter};
use crate::ops::fault::{self, At};
use crate::sorted::{SortedMap, order};
use crate::store::odb::Odb;
use crate::store::odb::census::Census;
use crate::task::{Phase, Progress, Task};

/// What is known of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing needs it.
    #[default]
    None,
    /// A root reaches it.
    Reached,
    /// Nothing but what is kept for its own sake reaches it.
    Kept,
}

/// A commit of the graph.
struct Commit {
    number: u32,
    /// As git sorts by it.
    date: u64,
    /// The first of its links: its tree, then its parents.
    links: usize,
}

/// A walk over all that is stored.
pub(super) struct Walk<'a> {
    task: &'a Task,
    odb: &'a Odb,
    census: &'a Census,
    /// Ordered by number.
    commits: Vec<Commit>,
    links: Vec<u32>,
    /// What commits name that is not stored.
    absent: SortedMap<u32, Vec<ObjectId>>,
    marks: Vec<Mark>,
    /// Objects without a pack, in the order in which they were met.
    met: Vec<u32>,
    /// What is needed and not stored, with something that names it.
    missing: SortedMap<ObjectId, Option<ObjectId>>,
    /// Objects looked at, and how many there are.
    progress: Progress,
}

impl<'a> Walk<'a> {
    /// Reads all commits. Parents of the `shallow` ones do not count.
    pub(super) async fn new(
        task: &'a Task,
        odb: &'a Odb,
        census: &'a Census,
        shallow: &[ObjectId],
    ) -> Outcome<Walk<'a>> {
        let progress = Progress {
            phase: Phase::Counting,
            loaded: 0,
            total: u64::try_from(census.objects().len()).ok(),
            bytes: None,
        };
        let mut walk = Walk {
            task,
            odb,
            census,
            commits: Vec::new(),
            links: Vec::new(),
            absent: SortedMap::new(),
            marks: vec![Mark::None; census.copies()],
            met: Vec::new(),
            missing: SortedMap::new(),
            progress,
        };
        let shallow: HashSet<ObjectId> = shallow.iter().copied().collect();
        let mut commits: Vec<u32> = census.objects().to_vec();
        commits.retain(|number| census.get(*number).kind == Kind::Commit);
        commits.sort_unstable();
        let mut commits = VecDeque::from(commits);
        loop {
            let batch = census.batch(&mut commits);
            if batch.is_empty() {
                break;
            }
            let objects = census.read(odb, &batch).await.at(Stage::Read)?;
            for (number, object) in batch.into_iter().zip(objects) {
                let oid = census.get(number).oid;
                let commit =
                    CommitRef::parse(&object.data).map_err(|why| fault::malformed(&oid, Kind::Commit, &why))?;
                let links = walk.links.len();
                let date = commit.date();
                walk.commits.push(Commit { number, date, links });
                walk.link(number, commit.tree(), Kind::Tree)?;
                for parent in commit.parents().filter(|_| !shallow.contains(&oid)) {
                    walk.link(number, parent, Kind::Commit)?;
                }
            }
            task.checkpoint().await?;
        }
        Ok(walk)
    }

    /// Notes a link of a commit.
    fn link(&mut self, from: u32, to: ObjectId, kind: Kind) -> Outcome<()> {
        match self.find(to, kind)? {
            Some(number) => self.links.push(number),
            None => self.absent.entry(from).or_default().push(to),
        }
        Ok(())
    }

    /// The number of an object that is named as one of that kind.
    fn find(&self, oid: ObjectId, kind: Kind) -> Outcome<Option<u32>> {
        let Some(number) = self.census.find(&oid) else {
            return Ok(None);
        };
        match self.census.get(number).kind {
            found if found == kind => Ok(Some(number)),
            found => Err(fault::wrong_kind(&oid, kind, found).into()),
        }
    }

    /// What is known of an object.
    pub(super) fn mark(&self, number: u32) -> Mark {
        self.marks.get(index(number)).copied().unwrap_or_default()
    }

    /// Objects that have a row each, in the order in which they were met.
    pub(super) fn met(&self) -> &[u32] {
        &self.met
    }

    /// A commit's date, as git sorts by it.
    pub(super) fn date(&self, number: u32) -> u64 {
        self.commit(number).map_or(0, |(commit, _)| commit.date)
    }

    fn commit(&self, number: u32) -> Option<(&Commit, &[u32])> {
        let at = self
            .commits
            .binary_search_by_key(&number, |commit| commit.number)
            .ok()?;
        let commit = self.commits.get(at)?;
        let end = self.commits.get(at + 1).map_or(self.links.len(), |next| next.links);
        Some((commit, self.links.get(commit.links..end)?))
    }

    /// Marks all that the roots reach and that is not marked yet.
    pub(super) async fn reach(&mut self, roots: &[Root], mark: Mark) -> Outcome<()> {
        let mut next = Vec::new();
        for root in roots {
            match self.census.find(&root.oid) {
                Some(number) => self.visit(number, mark, &mut next),
                None if root.required => drop(self.missing.insert(root.oid, None)),
                None => {}
            }
            self.task.checkpoint().await?;
        }
        while !next.is_empty() {
            next.sort_unstable();
            let mut round = VecDeque::from(std::mem::take(&mut next));
            loop {
                let batch = self.census.batch(&mut round);
                if batch.is_empty() {
                    break;
                }
                let objects = self.census.read(self.odb, &batch).await.at(Stage::Read)?;
                for (number, object) in batch.into_iter().zip(objects) {
                    for (oid, kind) in links(&self.census.get(number).oid, object.kind, &object.data)? {
                        match self.find(oid, kind)? {
                            Some(to) => self.visit(to, mark, &mut next),
                            None => self.miss(number, oid),
                        }
                    }
                }
                self.task.progress(self.progress);
                self.task.checkpoint().await?;
            }
        }
        Ok(())
    }

    /// Marks an object and, of a commit, all commits and trees that it reaches. What has to be read
    /// to go on is added to `next`.
    fn visit(&mut self, number: u32, mark: Mark, next: &mut Vec<u32>) {
        let mut open = vec![number];
        while let Some(number) = open.pop() {
            match self.marks.get_mut(index(number)) {
                Some(slot) if *slot == Mark::None => *slot = mark,
                _ => continue,
            }
            self.progress.loaded += 1;
            if self.census.place(number).1.pack.is_none() {
                self.met.push(number);
            }
            match self.census.get(number).kind {
                Kind::Commit => {
                    if let Some((_, links)) = self.commit(number) {
                        open.extend_from_slice(links);
                    }
                    for oid in self.absent.remove(&number).unwrap_or_default() {
                        self.miss(number, oid);
                    }
                }
                Kind::Tree | Kind::Tag => next.push(number),
                Kind::Blob => {}
            }
        }
    }

    /// Notes that something stored names something that is not. What objects of a promisor's packs
    /// name may be missing.
    fn miss(&mut self, from: u32, oid: ObjectId) {
        let promised = |number: u32| self.census.place(number).1.pack.is_some_and(|pack| pack.promisor);
        if !promised(from) {
            self.missing.insert(oid, Some(self.census.get(from).oid));
        }
    }

    /// Fails if something that is needed is neither stored nor promised: an object is promised if
    /// an object of a promisor's pack names it (`is_promisor_object()` of git's `packfile.c`).
    pub(super) async fn complete(&mut self) -> Outcome<()> {
        let mut promisors: Vec<u32> = Vec::new();
        if !self.missing.is_empty() {
            let all = self.census.objects().iter().copied();
            promisors = all
                .filter(|number| {
                    let promised = self.census.place(*number).1.pack.is_some_and(|pack| pack.promisor);
                    promised && self.census.get(*number).kind != Kind::Blob
                })
                .collect();
            order::sort(&mut promisors);
        }
        let mut promisors = VecDeque::from(promisors);
        while !self.missing.is_empty() {
            let batch = self.census.batch(&mut promisors);
            if batch.is_empty() {
                break;
            }
            let objects = self.census.read(self.odb, &batch).await.at(Stage::Read)?;
            for (number, object) in batch.into_iter().zip(objects) {
                for (oid, _) in links(&self.census.get(number).oid, object.kind, &object.data)? {
                    self.missing.remove(&oid);
                }
            }
            self.task.checkpoint().await?;
        }
        match self.missing.first_key_value() {
            None => Ok(()),
            Some((oid, by)) => Err(fault::incomplete(oid, by.as_ref()).into()),
        }
    }
}

/// What an object names, and as what. Gitlinks lead to other repositories.
fn links(oid: &ObjectId, kind: Kind, content: &[u8]) -> Result<Vec<(ObjectId, Kind)>, Failure> {
    let malformed = |why: &dyn std::fmt::Display| Failure::from(fault::malformed(oid, kind, why));
    let mut links = Vec::new();
    match kind {
        Kind::Blob => {}
        Kind::Tree => {
            for entry in TreeIter::new(content) {
                let entry = entry.map_err(|why| malformed(&why))?;
                match entry.mode.kind() {
                    EntryKind::Gitlink => {}
                    EntryKind::Tree => links.push((entry.oid, Kind::Tree)),
                    _ => links.push((entry.oid, Kind::Blob)),
                }
            }
        }
        Kind::Tag => {
            let tag = TagRef::parse(content).map_err(|why| malformed(&why))?;
            links.push((tag.object, tag.kind));
        }
        Kind::Commit => {
            let commit = CommitRef::parse(content).map_err(|why| malformed(&why))?;
            links.push((commit.tree(), Kind::Tree));
            links.extend(commit.parents().map(|parent| (parent, Kind::Commit)));
        }
    }
    Ok(links)
}

/// A number as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

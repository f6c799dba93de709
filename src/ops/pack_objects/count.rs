//! Which objects somebody lacks: `git rev-list --objects-edge want --not have`.
//!
//! Commits first ([`crate::algo::outgoing`]). Then directories, level by level, each with the trees
//! it has in the commits that are lacking and those it has where histories meet: what is in one of
//! the latter is held, and what has not changed is not looked into (`mark_trees_uninteresting_sparse`
//! of git's revision.c). An object that is held elsewhere, since it was moved, is found out by
//! reading the rest of the trees where histories meet, as far as there are not too many of them; but
//! not where only files were edited, so that nothing has a name that it did not have before.
//!
//! Memory: about 60 bytes for each object that is lacking, 30 for each one where histories meet.

use std::collections::HashSet;
use std::rc::Rc;

use super::Wish;
use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::Step;
use crate::algo::name_hash::NameHash;
use crate::algo::outgoing::{Lacking, Outgoing};
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{EntryKind, TreeIter};
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::history::{Commits, KnownAs, KnownTags};
use crate::ops::{object, promisor};
use crate::sorted::SortedMap;
use crate::task::{Phase, Progress, Task};

/// Objects that are read together.
const TOGETHER: usize = 256;

/// How many trees are read at most only to find out what was moved. An object that was moved out of
/// a tree beyond is sent again, which is no more than a waste.
const MOVED_FROM: usize = 4096;

/// How many versions of a path are offered as bases of deltas, as git does (`add_preferred_base`).
const VERSIONS: usize = 10;

/// An object of a pack to be, or one that deltas of it may be made against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) oid: ObjectId,
    pub(super) kind: Kind,
    /// Of a path it has.
    pub(super) hash: NameHash,
    /// Whether it is only such a base: it is not sent.
    pub(super) is_base: bool,
}

/// What was found.
pub(super) struct Counted {
    /// Commits, newest first, tags, and then the rest; no object twice.
    pub(super) objects: Vec<Object>,
    /// Trees and blobs that are known to be held.
    pub(super) held: HashSet<ObjectId>,
}

/// Finds out what `wish` asks for.
pub(super) async fn count(task: &Task, repo: &Repository, wish: &Wish<'_>) -> Outcome<Counted> {
    let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
    let graph = Rc::clone(&task.race(repo.odb.graph()).await?.commits);
    let have = Tips::of(task, repo, wish.have, wish.known, &graph, false).await?;
    let want = Tips::of(task, repo, wish.want, None, &graph, true).await?;
    let mut lacking = outgoing(task, repo, &shallow, &want.commits, &have.commits).await?;
    if !shallow.is_empty() {
        // Histories that are cut off may meet beyond the cut (`--objects-edge-aggressive`).
        let known: HashSet<ObjectId> = lacking.edges.iter().copied().collect();
        lacking
            .edges
            .extend(have.commits.iter().filter(|oid| !known.contains(oid)));
    }
    let mut walk = Walk::new(task, repo, wish);
    for oid in have.trees {
        walk.hold(oid, Kind::Tree);
    }
    walk.held.extend(have.blobs);
    for oid in &lacking.commits {
        walk.add(*oid, Kind::Commit, NameHash::ROOT);
    }
    for oid in want.tags.into_iter().filter(|oid| !have.tags.contains(oid)) {
        walk.add(oid, Kind::Tag, NameHash::ROOT);
    }
    let old = walk.trees_of(&lacking.edges).await?;
    let mut new = walk.trees_of(&lacking.commits).await?;
    walk.appeared = !(want.trees.is_empty() && want.blobs.is_empty());
    new.extend(want.trees);
    for oid in want.blobs {
        walk.add(oid, Kind::Blob, NameHash::ROOT);
    }
    walk.directories(new, old).await?;
    walk.moved().await?;
    walk.report();
    let Walk { mut objects, held, .. } = walk;
    objects.retain(|object| object.is_base || !held.contains(&object.oid));
    Ok(Counted { objects, held })
}

/// What ids lead to, by kinds.
#[derive(Default)]
struct Tips {
    commits: Vec<ObjectId>,
    /// Those on the way to something else, too.
    tags: Vec<ObjectId>,
    trees: Vec<ObjectId>,
    blobs: Vec<ObjectId>,
}

impl Tips {
    /// Follows tags. What is not stored is left out, unless it is `required`: then it is fetched, if
    /// it was promised.
    async fn of(
        task: &Task,
        repo: &Repository,
        oids: &[ObjectId],
        known: Option<&KnownTags>,
        graph: &CommitGraph,
        required: bool,
    ) -> Outcome<Tips> {
        let mut tips = Tips::default();
        let mut seen = HashSet::new();
        let mut level: Vec<ObjectId> = oids.iter().copied().filter(|oid| seen.insert(*oid)).collect();
        while !level.is_empty() {
            let mut next = Vec::new();
            level.retain(|oid| {
                match KnownAs::of(oid, graph, known) {
                    Some(KnownAs::Commit) => tips.commits.push(*oid),
                    Some(KnownAs::Tag(end)) => {
                        tips.tags.push(*oid);
                        next.extend(seen.insert(end).then_some(end));
                    }
                    None => return true,
                }
                false
            });
            let mut infos = task.race(repo.odb.info(&level)).await?.at(Stage::Read)?;
            if required {
                let absent = level.iter().zip(&infos).filter(|(_, info)| info.is_none());
                let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
                if let Some(first) = absent.first() {
                    promisor::need(task, repo, &absent).await?;
                    infos = task.race(repo.odb.info(&level)).await?.at(Stage::Read)?;
                    if infos.iter().any(Option::is_none) {
                        return Err(promisor::not_stored(first));
                    }
                }
            }
            let mut tags = Vec::new();
            for (oid, info) in level.drain(..).zip(infos) {
                match info.map(|info| info.kind) {
                    Some(Kind::Commit) => tips.commits.push(oid),
                    Some(Kind::Tag) => tags.push(oid),
                    Some(Kind::Tree) => tips.trees.push(oid),
                    Some(Kind::Blob) => tips.blobs.push(oid),
                    None => {}
                }
            }
            for batch in tags.chunks(TOGETHER) {
                task.checkpoint().await?;
                let contents = object::read_all_as(task, repo, batch, Kind::Tag).await?;
                for (oid, content) in batch.iter().zip(contents) {
                    let named = object::tag(oid, &content)?.object;
                    next.extend(seen.insert(named).then_some(named));
                }
            }
            tips.tags.extend(tags);
            level.append(&mut next);
        }
        Ok(tips)
    }
}

/// The commits that are lacking.
async fn outgoing(
    task: &Task,
    repo: &Repository,
    shallow: &[ObjectId],
    want: &[ObjectId],
    have: &[ObjectId],
) -> Outcome<Lacking> {
    loop {
        let mut commits = Commits::new(task, &repo.odb, shallow);
        let mut machine = Outgoing::new(&commits.graph().await?, want.iter().copied(), have.iter().copied());
        let lacking = loop {
            match machine.step(commits.ahead()) {
                Step::Read(oids) => commits.read_for(&oids, |oid, info| machine.provide(oid, info)).await?,
                Step::Busy => task.checkpoint().await?,
                Step::Done(lacking) => break lacking,
            }
        };
        if lacking.missing.is_empty() {
            return Ok(lacking);
        }
        // Unless they are promised, this fails; those that come may lead to others.
        object::read_all_as(task, repo, &lacking.missing, Kind::Commit).await?;
    }
}

/// A directory, in the commits that are lacking and where histories meet.
#[derive(Default)]
struct Directory {
    hash: NameHash,
    new: Vec<ObjectId>,
    old: Vec<ObjectId>,
    /// The entries of the old trees.
    had: SortedMap<Vec<u8>, Vec<(ObjectId, Kind)>>,
    /// The names under which there is something new, and the trees among that.
    has: SortedMap<Vec<u8>, Vec<ObjectId>>,
}

struct Walk<'a> {
    task: &'a Task,
    repo: &'a Repository,
    thin: bool,
    promised: bool,
    objects: Vec<Object>,
    /// Those of `objects`.
    seen: HashSet<ObjectId>,
    /// Trees and blobs where histories meet.
    held: HashSet<ObjectId>,
    /// The trees among those, and those that were read.
    held_trees: Vec<ObjectId>,
    read: HashSet<ObjectId>,
    /// Whether anything is lacking under a name that is new in its directory.
    appeared: bool,
}

impl<'a> Walk<'a> {
    fn new(task: &'a Task, repo: &'a Repository, wish: &Wish<'_>) -> Self {
        Walk {
            task,
            repo,
            thin: wish.thin,
            promised: wish.promised,
            objects: Vec::new(),
            seen: HashSet::new(),
            held: HashSet::new(),
            held_trees: Vec::new(),
            read: HashSet::new(),
            appeared: false,
        }
    }

    /// Takes an object for one that is lacking, as far as is known. Whether it is a new one.
    fn add(&mut self, oid: ObjectId, kind: Kind, hash: NameHash) -> bool {
        let is_new = !self.held.contains(&oid) && self.seen.insert(oid);
        if is_new {
            let is_base = false;
            self.objects.push(Object {
                oid,
                kind,
                hash,
                is_base,
            });
        }
        is_new
    }

    /// Offers an object that is held as a base.
    fn offer(&mut self, oid: ObjectId, kind: Kind, hash: NameHash) {
        if self.thin && self.seen.insert(oid) {
            let is_base = true;
            self.objects.push(Object {
                oid,
                kind,
                hash,
                is_base,
            });
        }
    }

    /// Notes that an object is held.
    fn hold(&mut self, oid: ObjectId, kind: Kind) {
        if self.held.insert(oid) && kind == Kind::Tree {
            self.held_trees.push(oid);
        }
    }

    /// The trees of commits, each once.
    async fn trees_of(&self, commits: &[ObjectId]) -> Outcome<Vec<ObjectId>> {
        let mut seen = HashSet::new();
        let mut trees = Vec::new();
        for batch in commits.chunks(TOGETHER) {
            self.task.checkpoint().await?;
            let contents = object::read_all_as(self.task, self.repo, batch, Kind::Commit).await?;
            for (oid, content) in batch.iter().zip(contents) {
                let tree = object::commit(oid, &content)?.tree();
                trees.extend(seen.insert(tree).then_some(tree));
            }
        }
        Ok(trees)
    }

    /// Walks down from the root.
    async fn directories(&mut self, new: Vec<ObjectId>, old: Vec<ObjectId>) -> Outcome<()> {
        for oid in &old {
            self.hold(*oid, Kind::Tree);
        }
        let root = NameHash::ROOT;
        let new: Vec<ObjectId> = new.into_iter().filter(|oid| self.add(*oid, Kind::Tree, root)).collect();
        if !new.is_empty() {
            for oid in old.iter().take(VERSIONS) {
                self.offer(*oid, Kind::Tree, root);
            }
        }
        let mut level = vec![Directory {
            new,
            old,
            ..Directory::default()
        }];
        level.retain(|directory| !directory.new.is_empty());
        while !level.is_empty() {
            self.read_old(&mut level).await?;
            self.read_new(&mut level).await?;
            let mut below = Vec::new();
            for directory in level {
                self.descend(directory, &mut below);
                self.task.checkpoint().await?;
            }
            level = below;
            self.report();
        }
        Ok(())
    }

    /// Notes what directories had.
    async fn read_old(&mut self, level: &mut [Directory]) -> Outcome<()> {
        for (at, oids) in batches(level, |directory| &directory.old) {
            let trees = self.held_contents(&oids).await?;
            for ((at, oid), tree) in at.into_iter().zip(oids).zip(trees) {
                let (Some(tree), Some(directory)) = (tree, level.get_mut(at)) else {
                    continue;
                };
                self.read.insert(oid);
                for (name, entry, kind) in entries(&oid, &tree)? {
                    self.hold(entry, kind);
                    let versions = match directory.had.get_mut(name) {
                        Some(versions) => versions,
                        None => directory.had.entry(name.to_vec()).or_default(),
                    };
                    if !versions.contains(&(entry, kind)) {
                        versions.push((entry, kind));
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes what directories have that is lacking.
    async fn read_new(&mut self, level: &mut [Directory]) -> Outcome<()> {
        for (at, oids) in batches(level, |directory| &directory.new) {
            let trees = self.new_contents(&oids).await?;
            for ((at, oid), tree) in at.into_iter().zip(oids).zip(trees) {
                let (Some(tree), Some(directory)) = (tree, level.get_mut(at)) else {
                    continue;
                };
                for (name, entry, kind) in entries(&oid, &tree)? {
                    if !self.add(entry, kind, directory.hash.enter(name)) {
                        continue;
                    }
                    let trees = match directory.has.get_mut(name) {
                        Some(trees) => trees,
                        None => directory.has.entry(name.to_vec()).or_default(),
                    };
                    trees.extend((kind == Kind::Tree).then_some(entry));
                }
            }
        }
        Ok(())
    }

    /// Offers what a directory had under the names where it has something new, and adds its
    /// directories that changed to `below`.
    fn descend(&mut self, directory: Directory, below: &mut Vec<Directory>) {
        let Directory { hash, mut had, has, .. } = directory;
        for (name, new) in has {
            let hash = hash.enter(&name);
            let versions = had.remove(&name).unwrap_or_default();
            self.appeared |= versions.is_empty();
            for (oid, kind) in versions.iter().take(VERSIONS) {
                self.offer(*oid, *kind, hash);
            }
            let new: Vec<ObjectId> = new.into_iter().filter(|oid| !self.held.contains(oid)).collect();
            let old = versions.into_iter().filter(|(_, kind)| *kind == Kind::Tree);
            if !new.is_empty() {
                below.push(Directory {
                    hash,
                    new,
                    old: old.map(|(oid, _)| oid).collect(),
                    ..Directory::default()
                });
            }
        }
    }

    /// Reads the rest of the trees where histories meet, if anything may have been moved.
    async fn moved(&mut self) -> Outcome<()> {
        if !self.appeared {
            return Ok(());
        }
        let (mut at, mut left) = (0, MOVED_FROM);
        while left > 0 && at < self.held_trees.len() {
            let rest = self.held_trees.get(at..).unwrap_or_default();
            let some = rest.get(..TOGETHER.min(left)).unwrap_or(rest);
            at += some.len();
            let unread: Vec<ObjectId> = some.iter().copied().filter(|oid| self.read.insert(*oid)).collect();
            left -= unread.len().min(left);
            for (oid, tree) in unread.iter().zip(self.held_contents(&unread).await?) {
                let Some(tree) = tree else { continue };
                for (_, entry, kind) in entries(oid, &tree)? {
                    self.hold(entry, kind);
                }
            }
        }
        Ok(())
    }

    /// The contents of trees that are held; `None` where a partial clone has left one with its
    /// remote: it is not worth a request.
    async fn held_contents(&self, oids: &[ObjectId]) -> Outcome<Vec<Option<Rc<Vec<u8>>>>> {
        self.task.checkpoint().await?;
        let found = self.task.race(self.repo.odb.read_many(oids)).await?.at(Stage::Read)?;
        let content = |(oid, found): (&ObjectId, Option<crate::store::odb::Object>)| match found {
            Some(object) if object.kind == Kind::Tree => Ok(Some(object.data)),
            Some(object) => Err(fault::wrong_kind(oid, Kind::Tree, object.kind).into()),
            None => Ok(None),
        };
        oids.iter().zip(found).map(content).collect()
    }

    /// The contents of trees that are lacking; `None` where the other side promised one, so that it
    /// is not lacking after all.
    async fn new_contents(&self, oids: &[ObjectId]) -> Outcome<Vec<Option<Rc<Vec<u8>>>>> {
        if self.promised {
            return self.held_contents(oids).await;
        }
        let contents = object::read_all_as(self.task, self.repo, oids, Kind::Tree).await?;
        Ok(contents.into_iter().map(Some).collect())
    }

    fn report(&self) {
        self.task.progress(Progress {
            phase: Phase::Counting,
            loaded: u64::try_from(self.objects.len()).unwrap_or(u64::MAX),
            total: None,
            bytes: None,
        });
    }
}

/// Ids that directories list, some at a time, with the places of the directories.
fn batches(level: &[Directory], list: impl Fn(&Directory) -> &[ObjectId]) -> Vec<(Vec<usize>, Vec<ObjectId>)> {
    let of =
        |(at, directory): (usize, &Directory)| list(directory).iter().map(move |oid| (at, *oid)).collect::<Vec<_>>();
    let all: Vec<(usize, ObjectId)> = level.iter().enumerate().flat_map(of).collect();
    all.chunks(TOGETHER).map(|some| some.iter().copied().unzip()).collect()
}

/// The entries of a tree, but for those that lead to other repositories.
fn entries<'a>(oid: &ObjectId, tree: &'a [u8]) -> Outcome<Vec<(&'a [u8], ObjectId, Kind)>> {
    let mut entries = Vec::new();
    for entry in TreeIter::new(tree) {
        let entry = entry.map_err(|why| fault::malformed(oid, Kind::Tree, &why))?;
        match entry.mode.kind() {
            EntryKind::Gitlink => {}
            EntryKind::Tree => entries.push((entry.name, entry.oid, Kind::Tree)),
            EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => {
                entries.push((entry.name, entry.oid, Kind::Blob));
            }
        }
    }
    Ok(entries)
}

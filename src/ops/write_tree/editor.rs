//! A tree in memory that is changed entry by entry. Directories are read when a path leads through
//! them, and written anew if something in them has changed.

use super::{bad_path, in_the_way, not_there, taken};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{self, EntryKind, TreeError, TreeIter, check_name};
use crate::ops::fault;
use crate::ops::staging::Staging;
use crate::sorted::SortedMap;
use crate::task::Task;

/// How many trees are read together.
const BATCH: usize = 256;

/// How deep directories may be nested (the default of git's `core.maxTreeDepth`).
const MAX_DEPTH: usize = 2048;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    /// A file, or a directory that was not looked into.
    Closed(EntryKind, ObjectId),
    /// The directory of that number.
    Open(usize),
}

impl Node {
    fn is_tree(self) -> bool {
        matches!(self, Node::Open(_) | Node::Closed(EntryKind::Tree, _))
    }
}

/// A directory that was looked into.
#[derive(Default)]
struct Directory {
    entries: SortedMap<Vec<u8>, Node>,
    /// Its tree, as long as nothing in it has changed.
    unchanged: Option<ObjectId>,
}

/// A tree that changes step by step: each change sees those before it. Directories that become empty
/// vanish; the root may be empty.
///
/// A path that no tree may have ([`NameFlaw`](crate::format::tree::NameFlaw)) is `Unsupported`, and `AlreadyExists` says that a path
/// would be a file and a directory.
pub(crate) struct TreeEditor {
    root: Node,
    directories: Vec<Directory>,
}

/// The way to a path: the numbers of the directories, the root first, and the name in the last one.
struct Way<'p> {
    directories: Vec<usize>,
    name: &'p [u8],
}

/// Where a way ends that does not lead to its path.
enum End {
    /// There is nothing of that name.
    Nothing,
    /// The path up to there is a file.
    File(Vec<u8>),
}

impl TreeEditor {
    /// That tree; without one, an empty one.
    pub fn new(root: Option<ObjectId>) -> Self {
        let mut editor = TreeEditor {
            root: Node::Open(0),
            directories: vec![Directory::default()],
        };
        if let Some(oid) = root {
            editor.root = Node::Closed(EntryKind::Tree, oid);
            editor.directories.clear();
        }
        editor
    }

    /// Reads the directories on the way to many paths, those of one depth together: in a partial
    /// clone each depth is one request.
    pub async fn read_ahead(&mut self, task: &Task, staging: &Staging<'_>, paths: &[&[u8]]) -> Outcome<()> {
        loop {
            let mut wanted: SortedMap<ObjectId, Vec<(usize, Vec<u8>)>> = SortedMap::new();
            let root = self.open_root(task, staging).await?;
            for path in paths {
                task.checkpoint().await?;
                let mut at = root;
                for name in directories_of(path) {
                    match self
                        .directories
                        .get(at)
                        .and_then(|directory| directory.entries.get(name))
                    {
                        Some(Node::Open(number)) => at = *number,
                        Some(Node::Closed(EntryKind::Tree, oid)) => {
                            let places = wanted.entry(*oid).or_default();
                            if !places
                                .iter()
                                .any(|(number, known)| (*number, known.as_slice()) == (at, name))
                            {
                                places.push((at, name.to_vec()));
                            }
                            break;
                        }
                        Some(Node::Closed(..)) | None => break,
                    }
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            let wanted: Vec<_> = wanted.into_iter().collect();
            for batch in wanted.chunks(BATCH) {
                let oids: Vec<ObjectId> = batch.iter().map(|(oid, _)| *oid).collect();
                let contents = staging.read_all_as(task, &oids, Kind::Tree).await?;
                for ((oid, places), content) in batch.iter().zip(contents) {
                    for (at, name) in places {
                        let number = self.enter(oid, &content)?;
                        self.put(*at, name, Node::Open(number));
                    }
                    task.checkpoint().await?;
                }
            }
        }
    }

    /// What is at a path: the kind, and the object unless it is a directory that has changed.
    pub async fn get(
        &mut self,
        task: &Task,
        staging: &Staging<'_>,
        path: &[u8],
    ) -> Outcome<Option<(EntryKind, Option<ObjectId>)>> {
        let Ok(way) = self.way(task, staging, path).await? else {
            return Ok(None);
        };
        Ok(self.node(&way).map(|node| match node {
            Node::Closed(kind, oid) => (kind, Some(oid)),
            Node::Open(number) => (
                EntryKind::Tree,
                self.directories.get(number).and_then(|found| found.unchanged),
            ),
        }))
    }

    /// Puts an entry where there is nothing, or one of its sort: a directory is in the way of what is
    /// none, and the other way round.
    pub async fn set(
        &mut self,
        task: &Task,
        staging: &Staging<'_>,
        path: &[u8],
        kind: EntryKind,
        oid: ObjectId,
    ) -> Outcome<()> {
        let way = self.make_way(task, staging, path, kind).await?;
        let tree = kind == EntryKind::Tree;
        if self.node(&way).is_some_and(|before| before.is_tree() != tree) {
            return Err(in_the_way(path).into());
        }
        self.change(&way, Some(Node::Closed(kind, oid)));
        Ok(())
    }

    /// Takes away what is at a path. Fails with `NotFound` if there is nothing.
    pub async fn remove(&mut self, task: &Task, staging: &Staging<'_>, path: &[u8]) -> Outcome<()> {
        self.take(task, staging, path).await.map(drop)
    }

    /// Moves what is at a path to another one, where there must be nothing (`AlreadyExists`). Fails
    /// with `NotFound` if there is nothing to be moved.
    pub async fn rename(&mut self, task: &Task, staging: &Staging<'_>, from: &[u8], to: &[u8]) -> Outcome<()> {
        let node = self.take(task, staging, from).await?;
        let kind = match node {
            Node::Closed(kind, _) => kind,
            Node::Open(_) => EntryKind::Tree,
        };
        let way = self.make_way(task, staging, to, kind).await?;
        if self.node(&way).is_some() {
            return Err(taken(to).into());
        }
        self.change(&way, Some(node));
        Ok(())
    }

    /// Stages the directories that have changed, and answers with the root.
    pub async fn write(mut self, task: &Task, staging: &mut Staging<'_>) -> Outcome<ObjectId> {
        let root = match self.root {
            Node::Closed(_, oid) => return Ok(oid),
            Node::Open(root) => root,
        };
        // Directories are written after those in them, which come behind them here.
        let mut order = vec![root];
        let mut next = 0;
        while let Some(number) = order.get(next).copied() {
            next += 1;
            let directory = self
                .directories
                .get(number)
                .filter(|directory| directory.unchanged.is_none());
            let entries = directory.into_iter().flat_map(|directory| directory.entries.values());
            order.extend(entries.filter_map(|node| match node {
                Node::Open(number) => Some(*number),
                Node::Closed(..) => None,
            }));
        }
        for number in order.into_iter().rev() {
            task.checkpoint().await?;
            let Some(directory) = self.directories.get(number) else {
                continue;
            };
            if directory.unchanged.is_some() {
                continue;
            }
            let entry = |(name, node): (&'_ Vec<u8>, &Node)| match *node {
                Node::Closed(kind, oid) => Some((kind, name.clone(), oid)),
                Node::Open(number) => Some((EntryKind::Tree, name.clone(), self.directories.get(number)?.unchanged?)),
            };
            let entries: Vec<_> = directory.entries.iter().filter_map(entry).collect();
            let entries: Vec<_> = entries
                .iter()
                .map(|(kind, name, oid)| (*kind, name.as_slice(), *oid))
                .collect();
            let content = tree::write_tree(&entries).map_err(|error| fault::malformed_tree(b"", &error))?;
            let oid = staging.put(Kind::Tree, content)?;
            if let Some(directory) = self.directories.get_mut(number) {
                directory.unchanged = Some(oid);
            }
        }
        let written = self.directories.get(root).and_then(|root| root.unchanged);
        Ok(written.unwrap_or(ObjectId::NULL))
    }

    async fn take(&mut self, task: &Task, staging: &Staging<'_>, path: &[u8]) -> Outcome<Node> {
        let found = match self.way(task, staging, path).await? {
            Ok(way) => self.node(&way).map(|node| (way, node)),
            Err(_) => None,
        };
        let (mut way, node) = found.ok_or_else(|| not_there(path))?;
        self.change(&way, None);
        // What has become empty goes too.
        let mut names: Vec<&[u8]> = directories_of(path).collect();
        while let (Some(last), Some(name)) = (way.directories.pop(), names.pop()) {
            let empty = self
                .directories
                .get(last)
                .is_some_and(|directory| directory.entries.is_empty());
            if !empty {
                break;
            }
            way.name = name;
            self.change(&way, None);
        }
        Ok(node)
    }

    /// The way to a path through directories that are there.
    async fn way<'p>(&mut self, task: &Task, staging: &Staging<'_>, path: &'p [u8]) -> Outcome<Result<Way<'p>, End>> {
        task.checkpoint().await?;
        let mut at = self.open_root(task, staging).await?;
        let mut directories = vec![at];
        let mut length = 0;
        for name in directories_of(path) {
            length += name.len() + 1;
            let node = self
                .directories
                .get(at)
                .and_then(|directory| directory.entries.get(name));
            at = match node.copied() {
                None => return Ok(Err(End::Nothing)),
                Some(Node::Open(number)) => number,
                Some(Node::Closed(EntryKind::Tree, oid)) => {
                    let content = staging.read_as(task, &oid, Kind::Tree).await?;
                    let number = self.enter(&oid, &content)?;
                    self.put(at, name, Node::Open(number));
                    number
                }
                Some(Node::Closed(..)) => {
                    let file = path.get(..length.saturating_sub(1)).unwrap_or_default();
                    return Ok(Err(End::File(file.to_vec())));
                }
            };
            directories.push(at);
        }
        Ok(Ok(Way {
            directories,
            name: name_of(path),
        }))
    }

    /// The way to a path that is to be written, with directories made where there are none.
    async fn make_way<'p>(
        &mut self,
        task: &Task,
        staging: &Staging<'_>,
        path: &'p [u8],
        kind: EntryKind,
    ) -> Outcome<Way<'p>> {
        let check = |name, kind| check_name(name, kind).map_err(|flaw| bad_path(path, flaw));
        for (depth, name) in directories_of(path).enumerate() {
            check(name, EntryKind::Tree)?;
            if depth + 1 >= MAX_DEPTH {
                return Err(fault::limit("treeDepth", MAX_DEPTH, "directories within each other").into());
            }
        }
        check(name_of(path), kind)?;
        match self.way(task, staging, path).await? {
            Ok(way) => return Ok(way),
            Err(End::File(file)) => return Err(in_the_way(&file).into()),
            Err(End::Nothing) => {}
        }
        let mut at = self.open_root(task, staging).await?;
        let mut directories = vec![at];
        for name in directories_of(path) {
            let known = self
                .directories
                .get(at)
                .and_then(|directory| directory.entries.get(name));
            at = match known {
                Some(Node::Open(number)) => *number,
                Some(Node::Closed(..)) | None => {
                    let number = self.directories.len();
                    self.directories.push(Directory::default());
                    self.put(at, name, Node::Open(number));
                    number
                }
            };
            directories.push(at);
        }
        let name = name_of(path);
        Ok(Way { directories, name })
    }

    async fn open_root(&mut self, task: &Task, staging: &Staging<'_>) -> Outcome<usize> {
        match self.root {
            Node::Open(number) => Ok(number),
            Node::Closed(_, oid) => {
                let content = staging.read_as(task, &oid, Kind::Tree).await?;
                let number = self.enter(&oid, &content)?;
                self.root = Node::Open(number);
                Ok(number)
            }
        }
    }

    /// Makes a directory of a tree that was read.
    fn enter(&mut self, oid: &ObjectId, content: &[u8]) -> Outcome<usize> {
        let malformed = |error: TreeError| fault::malformed(oid, Kind::Tree, &error);
        let mut directory = Directory {
            entries: SortedMap::new(),
            unchanged: Some(*oid),
        };
        for entry in TreeIter::new(content) {
            let entry = entry.map_err(malformed)?;
            let node = Node::Closed(entry.mode.kind(), entry.oid);
            if directory.entries.insert(entry.name.to_vec(), node).is_some() {
                return Err(malformed(TreeError::DuplicateName).into());
            }
        }
        self.directories.push(directory);
        Ok(self.directories.len() - 1)
    }

    fn put(&mut self, at: usize, name: &[u8], node: Node) {
        if let Some(directory) = self.directories.get_mut(at) {
            directory.entries.insert(name.to_vec(), node);
        }
    }

    fn node(&self, way: &Way<'_>) -> Option<Node> {
        let directory = self.directories.get(*way.directories.last()?)?;
        directory.entries.get(way.name).copied()
    }

    /// Changes an entry, and with it every directory on the way.
    fn change(&mut self, way: &Way<'_>, node: Option<Node>) {
        for number in &way.directories {
            if let Some(directory) = self.directories.get_mut(*number) {
                directory.unchanged = None;
            }
        }
        let last = way.directories.last().and_then(|last| self.directories.get_mut(*last));
        if let Some(directory) = last {
            match node {
                Some(node) => drop(directory.entries.insert(way.name.to_vec(), node)),
                None => drop(directory.entries.remove(way.name)),
            }
        }
    }
}

/// The names of the directories that a path leads through.
fn directories_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = path.iter().rposition(|byte| *byte == b'/');
    end.into_iter()
        .flat_map(move |end| path.get(..end).unwrap_or_default().split(|byte| *byte == b'/'))
}

fn name_of(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    path.get(slash.map_or(0, |slash| slash + 1)..).unwrap_or_default()
}

//! Lists trees: git-ls-tree(1), one level or (`-r`) all of them. Lazy, and without recursion.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{EntryKind, Mode, TreeIter};
use crate::ops::Repository;
use crate::ops::remote;
use crate::ops::rev_parse::{entry, resolve_as};
use crate::ops::{fault, object};
use crate::task::Task;

/// How deep directories may be nested (the default of git's `core.maxTreeDepth`).
const MAX_DEPTH: usize = 2048;

/// How many directories are read ahead of where the listing is: those below the one that it has come
/// to, level by level, so that a whole tree takes a few transactions. Few at first, since the first
/// entries are waited for; each time twice as many.
const FIRST_AHEAD: usize = 64;
const MOST_AHEAD: usize = 4096;

/// About how many bytes of directories are read ahead.
const AHEAD_BYTES: usize = 4 << 20;

/// How many are read together while it is not known how large they are.
const TOGETHER: usize = 32;

/// What is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The directory to list; all of the tree if there is none. A file is listed alone.
    pub path: Option<Vec<u8>>,
    /// List what is in directories in place of the directories.
    pub recursive: bool,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its mode, as git takes it: one of the five that git writes.
    pub mode: Mode,
    /// What it is.
    pub kind: EntryKind,
    /// Its object.
    pub oid: ObjectId,
    /// Its path from the root of the tree.
    pub path: Vec<u8>,
}

/// A listing in progress.
pub struct LsTree {
    repo: Repository,
    recursive: bool,
    /// The directories on the way to where it is, outermost first.
    open: Vec<Directory>,
    /// The path of the innermost one, with its slash.
    prefix: Vec<u8>,
    /// A file that was asked for by its path.
    file: Option<Listed>,
    /// How many directories are read ahead the next time.
    wave: usize,
    /// Directories that were read ahead.
    ahead: HashMap<ObjectId, Rc<Vec<u8>>>,
}

struct Directory {
    content: Rc<Vec<u8>>,
    /// Bytes of `content` already listed.
    at: usize,
    /// Bytes of the prefix without this directory's own name.
    outer_prefix: usize,
}

impl LsTree {
    /// Of the tree that `rev` leads to. `NotFound` if it has no such path.
    pub async fn open(task: &Task, repo: &Repository, rev: &[u8], options: &Options) -> Outcome<Self> {
        let _reading = repo.promisor.reading();
        let mut listing = LsTree {
            repo: repo.clone(),
            recursive: options.recursive,
            open: Vec::new(),
            prefix: Vec::new(),
            file: None,
            wave: FIRST_AHEAD,
            ahead: HashMap::new(),
        };
        let path = options.path.as_deref().unwrap_or_default();
        let found = if path.is_empty() {
            resolve_as(task, repo, rev, Kind::Tree)
                .await
                .map(|oid| (EntryKind::Tree, oid))?
        } else {
            let found = entry(task, repo, rev, path).await?;
            (found.kind, found.oid)
        };
        let path = path.strip_suffix(b"/").unwrap_or(path);
        match found {
            (EntryKind::Tree, oid) => {
                let content = object::read_as(task, repo, &oid, Kind::Tree).await?;
                listing.enter(path, content)?;
            }
            (kind, oid) => {
                listing.file = Some(Listed {
                    mode: kind.mode(),
                    kind,
                    oid,
                    path: path.to_vec(),
                })
            }
        }
        Ok(listing)
    }

    /// From now on the remote of a partial clone is talked to so.
    pub fn set_remote(&mut self, options: remote::Options) {
        self.repo = self.repo.with_remote(options);
    }

    /// The next entries in the order of the trees, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<Listed>> {
        let _reading = self.repo.promisor.reading();
        let mut listed = Vec::new();
        listed.extend(self.file.take_if(|_| count > 0));
        while listed.len() < count {
            task.checkpoint().await?;
            let Some(directory) = self.open.last_mut() else { break };
            let mut entries = TreeIter::new(directory.content.get(directory.at..).unwrap_or_default());
            let Some(entry) = entries.next() else {
                self.prefix.truncate(directory.outer_prefix);
                self.open.pop();
                continue;
            };
            // The directory's own id is not at hand; its path says where the fault is.
            let entry = entry.map_err(|error| fault::malformed_tree(&self.prefix, &error))?;
            directory.at = directory.content.len() - entries.rest().len();
            let kind = entry.mode.kind();
            if kind == EntryKind::Tree && self.recursive {
                let (name, oid) = (entry.name.to_vec(), entry.oid);
                let content = self.subdirectory(task, oid).await?;
                self.enter(&name, content)?;
                continue;
            }
            let path = [self.prefix.as_slice(), entry.name].concat();
            listed.push(Listed {
                mode: kind.mode(),
                kind,
                oid: entry.oid,
                path,
            });
        }
        Ok(listed)
    }

    fn enter(&mut self, name: &[u8], content: Rc<Vec<u8>>) -> Outcome<()> {
        if self.open.len() > MAX_DEPTH {
            return Err(fault::limit("treeDepth", MAX_DEPTH, "directories within each other").into());
        }
        let outer_prefix = self.prefix.len();
        if !name.is_empty() {
            self.prefix.extend_from_slice(name);
            self.prefix.push(b'/');
        }
        self.open.push(Directory {
            content,
            at: 0,
            outer_prefix,
        });
        Ok(())
    }

    /// The content of the subdirectory that the innermost directory has come to, read together with
    /// those that follow it and those below.
    async fn subdirectory(&mut self, task: &Task, oid: ObjectId) -> Outcome<Rc<Vec<u8>>> {
        if let Some(content) = self.ahead.get(&oid) {
            return Ok(Rc::clone(content));
        }
        self.ahead.clear();
        let following = self.open.last().map(|directory| {
            let rest = directory.content.get(directory.at..).unwrap_or_default();
            subdirectories(rest).filter(|other| *other != oid)
        });
        let mut level: Vec<ObjectId> = std::iter::once(oid).chain(following.into_iter().flatten()).collect();
        let mut bytes: usize = 0;
        let mut seen: HashSet<ObjectId> = level.iter().copied().collect();
        let most = self.wave;
        self.wave = (most * 2).min(MOST_AHEAD);
        while !level.is_empty() && self.ahead.len() < most && bytes < AHEAD_BYTES {
            let size = bytes / self.ahead.len().max(1);
            let room = (AHEAD_BYTES - bytes).checked_div(size).unwrap_or(0);
            let together = room.max(TOGETHER).min(most - self.ahead.len()).min(level.len());
            let later = level.split_off(together);
            task.checkpoint().await?;
            let contents = object::read_all_as(task, &self.repo, &level, Kind::Tree).await?;
            let mut next = Vec::new();
            for (oid, content) in level.into_iter().zip(contents) {
                next.extend(subdirectories(&content).filter(|oid| seen.insert(*oid)));
                bytes += content.len();
                self.ahead.insert(oid, content);
            }
            // The rest of this level comes before the next one.
            level = later;
            level.append(&mut next);
        }
        match self.ahead.get(&oid) {
            Some(content) => Ok(Rc::clone(content)),
            None => object::read_as(task, &self.repo, &oid, Kind::Tree).await,
        }
    }
}

/// The directories that a tree names, or the rest of one: those before the first fault in it.
fn subdirectories(content: &[u8]) -> impl Iterator<Item = ObjectId> {
    let entries = TreeIter::new(content).map_while(Result::ok);
    entries.filter(|entry| entry.mode.is_tree()).map(|entry| entry.oid)
}

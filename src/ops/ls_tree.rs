//! Lists trees: git-ls-tree(1), one level or (`-r`) all of them. Lazy, and without recursion.

use std::collections::VecDeque;
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

/// How many directories are read at a time.
const AHEAD: usize = 32;

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
}

struct Directory {
    content: Rc<Vec<u8>>,
    /// Bytes of `content` already listed.
    at: usize,
    /// Bytes of the prefix without this directory's own name.
    outer_prefix: usize,
    /// Subdirectories that were read ahead.
    ahead: VecDeque<(ObjectId, Rc<Vec<u8>>)>,
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
            ahead: VecDeque::new(),
        });
        Ok(())
    }

    /// The content of the subdirectory that the innermost directory has come to, read together
    /// with those that follow it.
    async fn subdirectory(&mut self, task: &Task, oid: ObjectId) -> Outcome<Rc<Vec<u8>>> {
        if let Some(directory) = self.open.last_mut() {
            if directory.ahead.is_empty() {
                let rest = TreeIter::new(directory.content.get(directory.at..).unwrap_or_default());
                let following = rest
                    .map_while(Result::ok)
                    .filter(|entry| entry.mode.is_tree())
                    .map(|entry| entry.oid);
                let oids: Vec<ObjectId> = std::iter::once(oid).chain(following).take(AHEAD).collect();
                let contents = object::read_all_as(task, &self.repo, &oids, Kind::Tree).await?;
                directory.ahead = oids.into_iter().zip(contents).collect();
            }
            if let Some((_, content)) = directory.ahead.pop_front().filter(|(ahead, _)| *ahead == oid) {
                return Ok(content);
            }
        }
        object::read_as(task, &self.repo, &oid, Kind::Tree).await
    }
}

//! Commits without a worktree: the files that change, the trees on the way to them, the commit and
//! the branch, in one transaction (git-commit(1); what git-fast-import(1) does with `M`, `D` and
//! `R`).

use std::rc::Rc;

use crate::error::{GitError, Outcome, Stage};
use crate::format::commit::Commit;
use crate::format::header;
use crate::format::ident::Signature;
use crate::format::message::{Cleanup, first_line};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::reflog::Who;
use crate::format::tree::{EMPTY, EntryKind};
use crate::ops::Repository;
use crate::ops::branch;
use crate::ops::compose::{self, Author, Authors, CommitParts, Person, Sign, refused};
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::rev_parse::resolve_as;
use crate::ops::staging::Staging;
use crate::ops::write::{check_entries, parents, publish};
use crate::ops::write_tree::{TreeEditor, not_there};
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::store::{RefProblem, StoreError};
use crate::task::Task;

/// A change of a tree. Each sees those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file gets that content. Without a kind it keeps its own, or is a plain file if it is new.
    Write {
        /// From the root.
        path: Vec<u8>,
        /// All of it; of a symbolic link, where it leads.
        content: Vec<u8>,
        /// What it is then.
        kind: Option<EntryKind>,
    },
    /// An object that is stored already: a file, or a directory in place of the one that is there, or
    /// a submodule.
    Place {
        /// From the root.
        path: Vec<u8>,
        /// The object; of a submodule the commit, which is not looked for.
        oid: ObjectId,
        /// What it is.
        kind: EntryKind,
    },
    /// A file becomes another kind of file.
    Kind {
        /// From the root.
        path: Vec<u8>,
        /// What it is then.
        kind: EntryKind,
    },
    /// A file goes, or a directory with all that is in it.
    Delete {
        /// From the root.
        path: Vec<u8>,
    },
    /// A file or a directory moves.
    Rename {
        /// From the root.
        path: Vec<u8>,
        /// Where there is nothing yet.
        to: Vec<u8>,
    },
}

impl Change {
    fn paths(&self) -> impl Iterator<Item = &[u8]> {
        let (path, to) = match self {
            Change::Write { path, .. } | Change::Place { path, .. } => (path, None),
            Change::Kind { path, .. } | Change::Delete { path } => (path, None),
            Change::Rename { path, to } => (path, Some(to)),
        };
        std::iter::once(path.as_slice()).chain(to.map(Vec::as_slice))
    }
}

/// What is committed, and how.
#[derive(Clone, Default)]
pub struct Options {
    /// Must be there, but for an amended commit, which keeps its own.
    pub message: Option<Vec<u8>>,
    /// What becomes of the message.
    pub cleanup: Cleanup,
    /// The name of the encoding of the message and of names; none: UTF-8.
    pub encoding: Option<Vec<u8>>,
    /// By default that of the amended commit, or whom `author.name` or `user.name` names.
    pub author: Option<Author>,
    /// By default whom `committer.name` or `user.name` names, or else the author.
    pub committer: Option<Author>,
    /// What clocks show where the caller is, for dates that are not given.
    pub tz: Option<Vec<u8>>,
    /// Revisions that lead to commits; by default the branch's tip.
    pub parents: Option<Vec<Vec<u8>>>,
    /// A revision that leads to the tree that is changed; by default that of the first parent.
    pub base: Option<Vec<u8>>,
    /// In order.
    pub changes: Vec<Change>,
    /// The branch's tip is replaced: its parents become those of the new commit.
    pub amend: bool,
    /// A commit that changes nothing is made too.
    pub allow_empty: bool,
    /// A commit without a message is made too.
    pub allow_empty_message: bool,
    /// What the branch must be at: `None` anything, `Some(None)` there must be no such branch.
    pub expect: Option<Option<ObjectId>>,
    /// Signs the commit. Others that write to the repository wait meanwhile.
    pub sign: Option<Sign>,
}

/// Commits to a branch, named in full or without `refs/heads/`; `HEAD` is the one that it is on. One
/// that is not there yet gets a first commit without parents. Answers with the commit.
///
/// Fails with `RefConflict` if the branch is not where it is expected, and with `Unsupported` if
/// nothing changes or something cannot be written; `reason` says what.
pub async fn commit(task: &Task, repo: &Repository, branch: &[u8], options: &Options) -> Outcome<ObjectId> {
    let named = branch::full_name_or_head(branch)?;
    // What is promised is fetched by a writer of its own: before this one is taken. What revisions
    // lead to counts afterwards, when no ref moves and no gc drops anything.
    revisions(task, repo, options).await?;
    let writer = repo.writer(task).await?;
    let (base, given) = revisions(task, repo, options).await?;
    let mut staging = Staging::holding(repo, &writer);
    let found = task.race(repo.refs.resolve(&named)).await?.at(Stage::Read)?;
    let (name, tip) = found.map_or((named, None), |found| (found.name, found.oid));
    if let Some(expected) = options.expect.filter(|expected| *expected != tip) {
        let problem = RefProblem::Moved { expected, found: tip };
        return Err(StoreError::Ref { name, problem }).at(Stage::Update);
    }
    let replaced = match (options.amend, tip) {
        (true, None) => return Err(refused("there is no commit yet to be amended".to_owned(), "amend").into()),
        (true, Some(oid)) => Some(read_commit(task, &staging, &oid).await?),
        (false, _) => None,
    };
    let parents = match (given, &replaced) {
        (Some(given), _) => given,
        (None, Some(replaced)) => replaced.parents.clone(),
        (None, None) => Vec::from_iter(tip),
    };
    let amended = replaced.is_some();
    // Its parents are not here if it is at a shallow boundary.
    let cut = amended && shallow(repo, tip).await?;
    let alone = parents.len() == 1 && !options.allow_empty && !cut;
    let parent_tree = match parents.first() {
        Some(oid) if alone || (base.is_none() && !amended) => Some(read_commit(task, &staging, oid).await?.tree),
        Some(_) | None => None,
    };
    let before = base.or(replaced.as_ref().map(|replaced| replaced.tree)).or(parent_tree);
    let tree = apply(task, &mut staging, before, &options.changes).await?;
    let unchanged = (alone && Some(tree) == parent_tree) || (parents.is_empty() && tree == EMPTY);
    if unchanged && !options.allow_empty {
        return Err(nothing_changes().into());
    }
    let composed = compose(task, repo, options, replaced.as_ref(), tree, parents).await?;
    let oid = staging.put(Kind::Commit, composed.content)?;
    let mut publication = Publication::new(&writer);
    let update = RefUpdate {
        name,
        expect: Some(tip),
        new: Some(Target::Direct(oid)),
        peeled: None,
    };
    publication.update_logged(update, &composed.who, composed.log);
    publish(task, repo, staging, publication).await?;
    Ok(oid)
}

/// The tree and the parents that were given.
async fn revisions(
    task: &Task,
    repo: &Repository,
    options: &Options,
) -> Outcome<(Option<ObjectId>, Option<Vec<ObjectId>>)> {
    let base = match &options.base {
        Some(rev) => Some(resolve_as(task, repo, rev, Kind::Tree).await?),
        None => None,
    };
    let given = match &options.parents {
        Some(revs) => Some(parents(task, repo, revs).await?),
        None => None,
    };
    Ok((base, given))
}

async fn shallow(repo: &Repository, oid: Option<ObjectId>) -> Outcome<bool> {
    let shallow = repo.meta.shallow().await.at(Stage::Read)?;
    Ok(oid.is_some_and(|oid| shallow.contains(&oid)))
}

async fn read_commit(task: &Task, staging: &Staging<'_>, oid: &ObjectId) -> Outcome<Commit> {
    let content = staging.read_as(task, oid, Kind::Commit).await?;
    Ok(Commit::from(object::commit(oid, &content)?))
}

/// Applies the changes to a tree, and stages what is new.
async fn apply(
    task: &Task,
    staging: &mut Staging<'_>,
    before: Option<ObjectId>,
    changes: &[Change],
) -> Outcome<ObjectId> {
    let placed = changes.iter().filter_map(|change| match change {
        Change::Place { oid, kind, .. } => Some((*kind, *oid)),
        _ => None,
    });
    check_entries(task, staging, &placed.collect::<Vec<_>>()).await?;
    let mut tree = TreeEditor::new(before);
    let paths: Vec<&[u8]> = changes.iter().flat_map(Change::paths).collect();
    tree.read_ahead(task, staging, &paths).await?;
    for change in changes {
        match change {
            Change::Write { path, content, kind } => {
                let kind = match (kind, tree.get(task, staging, path).await?) {
                    (Some(kind), _) => *kind,
                    // Whether a directory is in the way is found out below.
                    (None, Some((kind, _))) if is_file(kind) => kind,
                    (None, _) => EntryKind::Blob,
                };
                check_kind(path, kind)?;
                let oid = staging.put(Kind::Blob, content.clone())?;
                tree.set(task, staging, path, kind, oid).await?;
            }
            Change::Place { path, oid, kind } => tree.set(task, staging, path, *kind, *oid).await?,
            Change::Kind { path, kind } => {
                check_kind(path, *kind)?;
                match tree.get(task, staging, path).await? {
                    Some((before, Some(oid))) if is_file(before) => tree.set(task, staging, path, *kind, oid).await?,
                    Some(_) => {
                        let message = format!("{} is no file whose mode can change", fault::quoted(path));
                        return Err(refused(message, "mode").into());
                    }
                    None => return Err(not_there(path).into()),
                }
            }
            Change::Delete { path } => tree.remove(task, staging, path).await?,
            Change::Rename { path, to } => tree.rename(task, staging, path, to).await?,
        }
    }
    tree.write(task, staging).await
}

fn is_file(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink)
}

fn check_kind(path: &[u8], kind: EntryKind) -> Outcome<()> {
    if is_file(kind) {
        return Ok(());
    }
    let message = format!("{} has content and would be no file", fault::quoted(path));
    Err(refused(message, "mode").into())
}

/// A commit, and what the reflog says of it.
struct Composed {
    content: Vec<u8>,
    who: Rc<Who>,
    log: Vec<u8>,
}

async fn compose(
    task: &Task,
    repo: &Repository,
    options: &Options,
    replaced: Option<&Commit>,
    tree: ObjectId,
    parents: Vec<ObjectId>,
) -> Outcome<Composed> {
    let config = repo.config().await?;
    let authors = Authors::new(&repo.host, &config, options.tz.as_deref());
    let committer = authors.committer(options.committer.as_ref(), options.author.as_ref())?;
    let old = |name: &[u8]| replaced?.header(name);
    let author = match (&options.author, old(b"author")) {
        (None, Some(line)) => Some(Person::from(Signature::read(&line))),
        (named, _) => authors.author(named.as_ref()),
    };
    let encoding = match &options.message {
        // The message that is kept is in the encoding that it has.
        None => old(b"encoding"),
        Some(_) => options.encoding.clone(),
    };
    let kept = replaced.and_then(|replaced| replaced.message.clone());
    let Some(message) = options.message.clone().or(kept) else {
        return Err(refused("a commit needs a message".to_owned(), "message").into());
    };
    let message = options.cleanup.apply(&message);
    if message.is_empty() && !options.allow_empty_message {
        return Err(refused("the message is empty".to_owned(), "message").into());
    }
    let log = match (replaced, parents.len()) {
        (Some(_), _) => "commit (amend)",
        (None, 0) => "commit (initial)",
        (None, 1) => "commit",
        (None, _) => "commit (merge)",
    };
    let log = [log.as_bytes(), b": ", first_line(&message)].concat();
    let parts = CommitParts {
        tree,
        parents,
        author: author.as_ref().unwrap_or(&committer),
        committer: &committer,
        encoding: encoding.as_deref(),
        headers: replaced.map(kept_headers).unwrap_or_default(),
        message: &message,
    };
    let content = compose::commit(task, parts, options.sign.as_ref()).await?;
    let who = Rc::new(Who {
        name: committer.name,
        email: committer.email,
        time: committer.time,
        tz: committer.tz,
    });
    Ok(Composed { content, who, log })
}

/// The header lines that an amended commit keeps (`read_commit_extra_headers`): all but the usual
/// ones, and the signature, which is not one of the new commit.
fn kept_headers(replaced: &Commit) -> Vec<Vec<u8>> {
    const REPLACED: [&[u8]; 5] = [b"author", b"committer", b"encoding", b"gpgsig", b"gpgsig-sha256"];
    let lines = replaced.headers.iter();
    lines
        .filter(|line| !REPLACED.contains(&header::name_of(line)))
        .cloned()
        .collect()
}

fn nothing_changes() -> GitError {
    refused("nothing changes: the tree is that of the parent".to_owned(), "empty")
        .with_hint("set allowEmpty to commit nevertheless")
}

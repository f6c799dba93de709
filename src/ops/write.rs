//! Single objects made by the caller: git-hash-object(1), git-mktree(1), git-commit-tree(1),
//! git-mktag(1). Nothing leads to them until a ref does; until then they are kept as long as
//! git-gc(1) keeps what nothing reaches.

mod stream;

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::message::Cleanup;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::format::tree::EntryKind;
use crate::ops::Repository;
use crate::ops::compose::{self, Author, Authors, CommitParts, Sign, TagParts};
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::rev_parse::{resolve, resolve_as};
use crate::ops::staging::Staging;
use crate::ops::write_tree::{Edit, edit};
use crate::sorted::SortedMap;
use crate::store::publish::Publication;
use crate::task::Task;

pub use self::stream::{Pieces, blob_of};

/// Writes a blob that is in memory.
pub async fn blob(task: &Task, repo: &Repository, content: Vec<u8>) -> Outcome<ObjectId> {
    let writer = repo.writer(task).await?;
    let mut staging = Staging::holding(repo, &writer);
    let oid = staging.put(Kind::Blob, content)?;
    publish(task, repo, staging, Publication::new(&writer)).await?;
    Ok(oid)
}

/// An entry of a tree that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From the root; directories on the way to it are made.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// The object.
    pub oid: ObjectId,
}

/// Writes the tree that has these entries, in whatever order. Fails with `MissingObject` if one names
/// what is not stored, with `InvalidRef` if it is of another kind, with `AlreadyExists` if two have
/// one path, and with `Unsupported` for a path that no tree may have.
pub async fn tree(task: &Task, repo: &Repository, entries: Vec<Entry>) -> Outcome<ObjectId> {
    let writer = repo.writer(task).await?;
    let mut staging = Staging::holding(repo, &writer);
    let named: Vec<(EntryKind, ObjectId)> = entries.iter().map(|entry| (entry.kind, entry.oid)).collect();
    check_entries(task, &staging, &named).await?;
    let mut edits = SortedMap::new();
    for entry in entries {
        if edits.contains_key(&entry.path) {
            let message = format!("two entries are called {}", fault::quoted(&entry.path));
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            return Err(GitError::new(Code::AlreadyExists, Stage::Request, message)
                .with("path", Datum::Text(path))
                .into());
        }
        edits.insert(entry.path, Edit::Set(entry.kind, entry.oid));
    }
    let oid = edit(task, &mut staging, None, &edits).await?;
    publish(task, repo, staging, Publication::new(&writer)).await?;
    Ok(oid)
}

/// What entries of trees name is there, and is what they say. What a submodule names is elsewhere.
pub(crate) async fn check_entries(
    task: &Task,
    staging: &Staging<'_>,
    entries: &[(EntryKind, ObjectId)],
) -> Outcome<()> {
    let links = entries.iter().filter(|(kind, _)| *kind == EntryKind::Gitlink);
    if links.into_iter().any(|(_, oid)| oid.is_null()) {
        let message = "a submodule names an object id of zeros";
        return Err(GitError::new(Code::InvalidRef, Stage::Request, message).into());
    }
    let here = entries.iter().filter(|(kind, _)| *kind != EntryKind::Gitlink);
    let (wanted, oids): (Vec<EntryKind>, Vec<ObjectId>) = here.copied().unzip();
    for ((entry, oid), found) in wanted.iter().zip(&oids).zip(staging.kinds(task, &oids).await?) {
        let wanted = if *entry == EntryKind::Tree {
            Kind::Tree
        } else {
            Kind::Blob
        };
        if found != wanted {
            return Err(fault::not_a(oid.to_hex().as_bytes(), wanted, found).into());
        }
    }
    Ok(())
}

/// A commit that no branch leads to yet.
#[derive(Clone, Default)]
pub struct NewCommit {
    /// A revision that leads to a tree.
    pub tree: Vec<u8>,
    /// Revisions that lead to commits. One that is named twice counts once.
    pub parents: Vec<Vec<u8>>,
    /// By default whom `author.name` or `user.name` names.
    pub author: Option<Author>,
    /// By default whom `committer.name` or `user.name` names, or else the author.
    pub committer: Option<Author>,
    /// What clocks show where the caller is, for dates that are not given.
    pub tz: Option<Vec<u8>>,
    /// May be empty.
    pub message: Vec<u8>,
    /// What becomes of it.
    pub cleanup: Cleanup,
    /// The name of the encoding of the message and of names; none: UTF-8.
    pub encoding: Option<Vec<u8>>,
    /// Signs it.
    pub sign: Option<Sign>,
}

/// Writes a commit.
pub async fn commit(task: &Task, repo: &Repository, new: &NewCommit) -> Outcome<ObjectId> {
    let tree = resolve_as(task, repo, &new.tree, Kind::Tree).await?;
    let parents = parents(task, repo, &new.parents).await?;
    let config = repo.config().await?;
    let authors = Authors::new(&repo.host, &config, new.tz.as_deref());
    let committer = authors.committer(new.committer.as_ref(), new.author.as_ref())?;
    let author = authors.author(new.author.as_ref());
    let parts = CommitParts {
        tree,
        parents,
        author: author.as_ref().unwrap_or(&committer),
        committer: &committer,
        encoding: new.encoding.as_deref(),
        headers: Vec::new(),
        message: &new.cleanup.apply(&new.message),
    };
    let named: Vec<ObjectId> = std::iter::once(tree).chain(parts.parents.iter().copied()).collect();
    let content = compose::commit(task, parts, new.sign.as_ref()).await?;
    let writer = repo.writer(task).await?;
    let mut staging = Staging::holding(repo, &writer);
    // A gc may have dropped them meanwhile.
    staging.kinds(task, &named).await?;
    let oid = staging.put(Kind::Commit, content)?;
    publish(task, repo, staging, Publication::new(&writer)).await?;
    Ok(oid)
}

/// The commits that revisions lead to, each once.
pub(crate) async fn parents(task: &Task, repo: &Repository, revs: &[Vec<u8>]) -> Outcome<Vec<ObjectId>> {
    let mut parents = Vec::with_capacity(revs.len());
    for rev in revs {
        let parent = resolve_as(task, repo, rev, Kind::Commit).await?;
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    Ok(parents)
}

/// An annotated tag that no ref leads to yet.
#[derive(Clone, Default)]
pub struct NewTag {
    /// The revision that is tagged. Tags are not followed.
    pub object: Vec<u8>,
    /// Without `refs/tags/`.
    pub name: Vec<u8>,
    /// By default whom `committer.name` or `user.name` names.
    pub tagger: Option<Author>,
    /// What clocks show where the caller is, for a date that is not given.
    pub tz: Option<Vec<u8>>,
    /// May be empty.
    pub message: Vec<u8>,
    /// What becomes of it.
    pub cleanup: Cleanup,
    /// Signs it.
    pub sign: Option<Sign>,
}

/// Writes an annotated tag.
pub async fn tag(task: &Task, repo: &Repository, new: &NewTag) -> Outcome<ObjectId> {
    let (object, content) = compose_tag(task, repo, new).await?;
    let writer = repo.writer(task).await?;
    let mut staging = Staging::holding(repo, &writer);
    staging.kinds(task, &[object]).await?;
    let oid = staging.put(Kind::Tag, content)?;
    publish(task, repo, staging, Publication::new(&writer)).await?;
    Ok(oid)
}

/// What a tag names, and its content.
pub(crate) async fn compose_tag(task: &Task, repo: &Repository, new: &NewTag) -> Outcome<(ObjectId, Vec<u8>)> {
    let object = resolve(task, repo, &new.object).await?;
    let (object, kind) = object::peel(task, repo, &object, Goal::Any).await?;
    let config = repo.config().await?;
    let authors = Authors::new(&repo.host, &config, new.tz.as_deref());
    let tagger = authors.committer(new.tagger.as_ref(), None)?;
    let parts = TagParts {
        object,
        kind,
        name: &new.name,
        tagger: &tagger,
        message: &new.cleanup.apply(&new.message),
    };
    let content = compose::tag(task, parts, new.sign.as_ref()).await?;
    Ok((object, content))
}

/// Publishes what was staged with whatever else is in the publication.
pub(crate) async fn publish(
    task: &Task,
    repo: &Repository,
    staging: Staging<'_>,
    mut publication: Publication<'_>,
) -> Outcome<()> {
    let stored = staging.publish(task, &mut publication).await?;
    published(task, repo, publication).await?;
    // What was just written is what is read, or pushed, next.
    repo.odb.hold(&stored);
    Ok(())
}

async fn published(task: &Task, repo: &Repository, publication: Publication<'_>) -> Outcome<()> {
    task.shield()?;
    publication.commit().await.at(Stage::Update)?;
    repo.odb.refresh().await.at(Stage::Update)
}

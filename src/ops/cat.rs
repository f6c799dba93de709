//! Single objects, as git-cat-file(1) shows them: commits and tags read into their parts, blobs and
//! other objects as handles whose bytes are read when asked for. Everything is verified: bytes that
//! do not hash to the id they were asked by are not handed out.

use std::rc::Rc;

use crate::error::{Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::ident::Signature;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::signed::{self, Signed};
use crate::format::tree::EntryKind;
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::rev_parse::{entry, resolve, resolve_as};
use crate::store::odb::ObjectStream;
use crate::task::Task;

/// Who did it, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name; bytes in the object's encoding.
    pub name: Vec<u8>,
    /// The e-mail address.
    pub email: Vec<u8>,
    /// Seconds since 1970.
    pub time: i64,
    /// The time zone's characters as they are stored, `+0000` where there are none.
    pub tz: Vec<u8>,
}

impl From<Signature<'_>> for Person {
    fn from(signature: Signature<'_>) -> Self {
        let tz = if signature.tz.is_empty() {
            b"+0000"
        } else {
            signature.tz
        };
        Person {
            name: signature.name.to_vec(),
            email: signature.email.to_vec(),
            time: signature.time,
            tz: tz.to_vec(),
        }
    }
}

/// A commit, read into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub oid: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, as the commit names them: at a shallow boundary they are not stored.
    pub parents: Vec<ObjectId>,
    /// Its author; empty where the commit names none.
    pub author: Person,
    /// Its committer; empty where the commit names none.
    pub committer: Person,
    /// Its message, in its encoding.
    pub message: Vec<u8>,
    /// The name of that encoding, where it is not UTF-8.
    pub encoding: Option<Vec<u8>>,
    /// The signature over it.
    pub gpgsig: Option<Vec<u8>>,
}

impl Commit {
    pub(crate) fn read(oid: ObjectId, content: &[u8]) -> Outcome<Self> {
        let commit: CommitRef<'_> = object::commit(&oid, content)?;
        let person = |signature: Option<Signature<'_>>| signature.map(Person::from).unwrap_or_default();
        Ok(Commit {
            oid,
            tree: commit.tree(),
            parents: commit.parents().collect(),
            author: person(commit.author()),
            committer: person(commit.committer()),
            message: commit.message().to_vec(),
            encoding: commit.encoding().map(<[u8]>::to_vec),
            gpgsig: commit.gpgsig(),
        })
    }
}

/// An annotated tag, read into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its id.
    pub oid: ObjectId,
    /// The object it names.
    pub object: ObjectId,
    /// The kind of that object.
    pub kind: Kind,
    /// Its name, without `refs/tags/`.
    pub name: Vec<u8>,
    /// Who tagged; the oldest tags do not say.
    pub tagger: Option<Person>,
    /// Its message, without the signature.
    pub message: Vec<u8>,
    /// The signature over it.
    pub gpgsig: Option<Vec<u8>>,
}

/// The commit that a revision leads to.
pub async fn read_commit(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<Commit> {
    let _reading = repo.promisor.reading();
    let oid = resolve_as(task, repo, rev, Kind::Commit).await?;
    Commit::read(oid, &object::read_as(task, repo, &oid, Kind::Commit).await?)
}

/// The annotated tag that a revision names.
pub async fn read_tag(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<Tag> {
    let _reading = repo.promisor.reading();
    let oid = resolve_as(task, repo, rev, Kind::Tag).await?;
    let content = object::read_as(task, repo, &oid, Kind::Tag).await?;
    let tag = object::tag(&oid, &content)?;
    let (message, signature) = tag.message();
    Ok(Tag {
        oid,
        object: tag.object,
        kind: tag.kind,
        name: tag.name.to_vec(),
        tagger: tag.tagger().map(Person::from),
        message: message.to_vec(),
        gpgsig: signature.map(<[u8]>::to_vec),
    })
}

/// The signature of the commit or tag that a revision names, and what it signs; `None` if it is not
/// signed. Fails with `InvalidRef` for a tree or a blob.
pub async fn read_signature(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<Option<Signed>> {
    let _reading = repo.promisor.reading();
    let oid = resolve(task, repo, rev).await?;
    let object = object::read(task, repo, &oid).await?;
    match object.kind {
        Kind::Commit => Ok(signed::commit(&object.data)),
        Kind::Tag => Ok(signed::tag(&object.data)),
        found @ (Kind::Tree | Kind::Blob) => Err(fault::not_a(rev, Kind::Commit, found).into()),
    }
}

/// An object whose kind and size are known; its bytes are read when asked for, but for those of a
/// small one, which are there.
#[derive(Clone)]
pub struct Handle {
    repo: Repository,
    content: Option<Rc<Vec<u8>>>,
    /// Its id.
    pub oid: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
}

impl Handle {
    async fn open(task: &Task, repo: &Repository, oid: ObjectId) -> Outcome<Self> {
        let looked = object::look(task, repo, &oid).await?;
        let info = looked.info();
        Ok(Handle {
            repo: repo.clone(),
            content: looked.object().map(|object| object.data),
            oid,
            kind: info.kind,
            size: info.size,
        })
    }

    /// All of its bytes, if they are there.
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref().map(Vec::as_slice)
    }

    /// All of its bytes. `LimitExceeded` for an object too large to hold.
    pub async fn bytes(&self, task: &Task) -> Outcome<Rc<Vec<u8>>> {
        match &self.content {
            Some(content) => Ok(Rc::clone(content)),
            None => object::read_as(task, &self.repo, &self.oid, self.kind).await,
        }
    }
}

impl Handle {
    /// Its bytes piece by piece, for objects of any size.
    pub async fn stream(&self, task: &Task) -> Outcome<Stream> {
        let stream = task.race(self.repo.odb.stream(&self.oid)).await?.at(Stage::Read)?;
        Ok(Stream(stream))
    }
}

/// An object's bytes, piece by piece. The last piece comes only when the whole hashes to the id.
pub struct Stream(ObjectStream);

impl Stream {
    /// The next piece, never empty; `None` at the end.
    pub async fn next_piece(&mut self, task: &Task) -> Outcome<Option<Vec<u8>>> {
        task.checkpoint().await?;
        task.race(self.0.next()).await?.at(Stage::Read)
    }
}

/// The blob that a revision names (an object id, `main:README.md`), or that is found under `path`
/// in the tree the revision leads to. A directory or a submodule under that path is `NotFound`.
pub async fn blob(task: &Task, repo: &Repository, rev: &[u8], path: Option<&[u8]>) -> Outcome<Handle> {
    let _reading = repo.promisor.reading();
    let Some(path) = path else {
        let oid = resolve_as(task, repo, rev, Kind::Blob).await?;
        return Handle::open(task, repo, oid).await;
    };
    let found = entry(task, repo, rev, path).await?;
    let what = match found.kind {
        EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => {
            let handle = Handle::open(task, repo, found.oid).await?;
            if handle.kind != Kind::Blob {
                return Err(fault::wrong_kind(&found.oid, Kind::Blob, handle.kind).into());
            }
            return Ok(handle);
        }
        EntryKind::Tree => "a directory",
        EntryKind::Gitlink => "a submodule",
    };
    Err(fault::no_file(rev, path, what).into())
}

/// The object of that id.
pub async fn object(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Handle> {
    let _reading = repo.promisor.reading();
    Handle::open(task, repo, *oid).await
}

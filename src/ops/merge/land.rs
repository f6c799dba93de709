//! Where merges end: as a commit on a branch, or as a tree with conflicts in it that no ref leads to.

use std::rc::Rc;

use super::{Conflict, Merged, Message, Options};
use crate::error::{Outcome, Stage};
use crate::format::message::Cleanup;
use crate::format::oid::ObjectId;
use crate::format::reflog::Who;
use crate::ops::Repository;
use crate::ops::branch;
use crate::ops::compose::{self, Author, Authors, CommitParts, Person, Sign};
use crate::ops::fault::At;
use crate::ops::reflog;
use crate::ops::staging::Staging;
use crate::ops::write::publish;
use crate::store::publish::{Publication, RefUpdate, Writer};
use crate::store::refs::Target;
use crate::store::{RefProblem, StoreError};
use crate::task::Task;

/// What merging, picking and reverting have in common: what the commit is to be, and how trees are
/// merged.
#[derive(Clone, Default)]
pub struct Terms {
    /// By default the one that git would write.
    pub message: Option<Vec<u8>>,
    /// What becomes of a message that is given.
    pub cleanup: Cleanup,
    /// By default that of the commit that is picked, or whom `author.name` or `user.name` names, or
    /// else the committer.
    pub author: Option<Author>,
    /// By default whom `committer.name` or `user.name` names, or else the author.
    pub committer: Option<Author>,
    /// What clocks show where the caller is, for dates that are not given.
    pub tz: Option<Vec<u8>>,
    /// What the branch must be at: `None` anything, `Some(None)` there must be no such branch.
    pub expect: Option<Option<ObjectId>>,
    /// Signs the commit. Others that write to the repository wait meanwhile.
    pub sign: Option<Sign>,
    /// Nothing is stored, and no branch moves.
    pub dry_run: bool,
    /// How trees are merged.
    pub how: Options,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was nothing to do.
    UpToDate,
    /// The branch moved forward to a commit that exists.
    FastForward,
    /// There is a new commit.
    Merged,
    /// Somebody has to decide something. The branch is where it was.
    Conflicts,
}

impl Ending {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ending::UpToDate => "up-to-date",
            Ending::FastForward => "fast-forward",
            Ending::Merged => "merged",
            Ending::Conflicts => "conflicts",
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// How it ended.
    pub ending: Ending,
    /// Where the branch is now; `None` with conflicts, and for a commit that was not made because
    /// nothing was to be stored.
    pub oid: Option<ObjectId>,
    /// The merged tree. With conflicts it is stored too: with them solved, a commit can be made of it.
    pub tree: ObjectId,
    /// What is in conflict.
    pub conflicts: Vec<Conflict>,
    /// What there is to say.
    pub messages: Vec<Message>,
}

impl Done {
    pub(super) fn unchanged(oid: Option<ObjectId>, tree: ObjectId, messages: Vec<Message>) -> Self {
        Done {
            ending: Ending::UpToDate,
            oid,
            tree,
            conflicts: Vec::new(),
            messages,
        }
    }
}

/// The commit to be made of a merge.
pub(in crate::ops) struct Record {
    pub parents: Vec<ObjectId>,
    /// The author that it has if none is given.
    pub author: Option<Person>,
    /// Of message and author.
    pub encoding: Option<Vec<u8>>,
    /// More header lines.
    pub headers: Vec<Vec<u8>>,
    pub message: Vec<u8>,
    /// What the reflog says.
    pub log: Vec<u8>,
}

/// A branch that is merged into.
pub(super) struct Branch {
    /// The full name.
    name: Vec<u8>,
    /// Nothing if it is not there yet.
    pub tip: Option<ObjectId>,
}

impl Branch {
    /// Named in full or without `refs/heads/`; `HEAD` is the one that it is on.
    pub async fn find(task: &Task, repo: &Repository, branch: &[u8], terms: &Terms) -> Outcome<Self> {
        let named = branch::full_name_or_head(branch)?;
        let found = task.race(repo.refs.resolve(&named)).await?.at(Stage::Read)?;
        let (name, tip) = found.map_or((named, None), |found| (found.name, found.oid));
        if let Some(expected) = terms.expect.filter(|expected| *expected != tip) {
            let problem = RefProblem::Moved { expected, found: tip };
            return Err(StoreError::Ref { name, problem }).at(Stage::Update);
        }
        Ok(Branch { name, tip })
    }

    /// The full name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    fn moves_to(&self, oid: ObjectId) -> RefUpdate {
        RefUpdate {
            name: self.name.clone(),
            expect: Some(self.tip),
            new: Some(Target::Direct(oid)),
            peeled: None,
        }
    }

    /// Moves forward to a commit that exists.
    pub async fn forward(
        &self,
        task: &Task,
        repo: &Repository,
        writer: Option<&Writer>,
        to: super::Node,
        log: Vec<u8>,
    ) -> Outcome<Done> {
        if let Some(writer) = writer {
            let who = reflog::who(&repo.host, &repo.config().await?);
            let mut publication = Publication::new(writer);
            publication.update_logged(self.moves_to(to.oid), &who, log);
            task.shield()?;
            publication.commit().await.at(Stage::Update)?;
        }
        Ok(Done {
            ending: Ending::FastForward,
            ..Done::unchanged(Some(to.oid), to.tree, Vec::new())
        })
    }

    /// Makes the commit, or stores what is in conflict.
    pub async fn land(
        &self,
        task: &Task,
        writer: Option<&Writer>,
        mut staging: Staging<'_>,
        merged: Merged,
        record: Record,
        terms: &Terms,
    ) -> Outcome<Done> {
        let repo = staging.repo();
        let mut done = Done {
            ending: match merged.is_clean {
                true => Ending::Merged,
                false => Ending::Conflicts,
            },
            oid: None,
            tree: merged.tree,
            conflicts: merged.conflicts,
            messages: merged.messages,
        };
        let Some(writer) = writer else { return Ok(done) };
        let mut publication = Publication::new(writer);
        if merged.is_clean {
            let (content, who) = compose(task, repo, merged.tree, &record, terms).await?;
            let oid = staging.put(crate::format::object::Kind::Commit, content)?;
            publication.update_logged(self.moves_to(oid), &who, record.log);
            done.oid = Some(oid);
        }
        publish(task, repo, staging, publication).await?;
        Ok(done)
    }
}

/// The content of the commit, and who makes it.
async fn compose(
    task: &Task,
    repo: &Repository,
    tree: ObjectId,
    record: &Record,
    terms: &Terms,
) -> Outcome<(Vec<u8>, Rc<Who>)> {
    let config = repo.config().await?;
    let authors = Authors::new(&repo.host, &config, terms.tz.as_deref());
    let committer = authors.committer(terms.committer.as_ref(), terms.author.as_ref())?;
    let author = match (&terms.author, &record.author) {
        (None, Some(author)) => Some(author.clone()),
        (named, _) => authors.author(named.as_ref()),
    };
    let given = terms.message.as_ref().map(|message| terms.cleanup.apply(message));
    let parts = CommitParts {
        tree,
        parents: record.parents.clone(),
        author: author.as_ref().unwrap_or(&committer),
        committer: &committer,
        encoding: record.encoding.as_deref(),
        headers: record.headers.clone(),
        message: given.as_deref().unwrap_or(&record.message),
    };
    let content = compose::commit(task, parts, terms.sign.as_ref()).await?;
    let who = Rc::new(Who {
        name: committer.name,
        email: committer.email,
        time: committer.time,
        tz: committer.tz,
    });
    Ok((content, who))
}

/// The right to write, unless nothing is to be stored.
pub(super) async fn writer(task: &Task, repo: &Repository, terms: &Terms) -> Outcome<Option<Writer>> {
    match terms.dry_run {
        true => Ok(None),
        false => repo.writer(task).await.map(Some),
    }
}

/// Where objects are made, with that right or without it.
pub(super) fn staging<'a>(repo: &'a Repository, writer: Option<&'a Writer>) -> Staging<'a> {
    match writer {
        Some(writer) => Staging::holding(repo, writer),
        None => Staging::new(repo),
    }
}

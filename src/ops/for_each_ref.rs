//! Lists refs: git-for-each-ref(1), with `HEAD` among them.

use std::collections::VecDeque;

use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::object;
use crate::store::refs::{Ref, RefsWalk, Target};
use crate::task::Task;

/// A ref, with where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRef {
    /// Its full name.
    pub name: Vec<u8>,
    /// The object it leads to; `None` for a symbolic ref to a ref that does not exist (`HEAD` of
    /// an empty repository).
    pub oid: Option<ObjectId>,
    /// The ref it names, if it is symbolic.
    pub symbolic: Option<Vec<u8>>,
    /// If it leads to an annotated tag, the object that leads to in the end.
    pub peeled: Option<ObjectId>,
}

/// Refs in the order of their names, some at a time.
pub struct Listing {
    repo: Repository,
    prefix: Vec<u8>,
    /// Begun with the first batch.
    walk: Option<RefsWalk>,
    ready: VecDeque<ListedRef>,
}

/// Starts a listing of the refs whose full name starts with `prefix`, ordered bytewise. `HEAD` is among
/// them if the prefix is empty or `HEAD`.
pub fn refs(repo: &Repository, prefix: &[u8]) -> Listing {
    Listing {
        repo: repo.clone(),
        prefix: prefix.to_vec(),
        walk: None,
        ready: VecDeque::new(),
    }
}

impl Listing {
    /// Some more, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<ListedRef>> {
        if self.ready.is_empty() {
            let walk = match &mut self.walk {
                Some(walk) => walk,
                None => {
                    let walk = task.race(self.repo.refs.walk(&self.prefix)).await?;
                    self.walk.insert(walk.at(Stage::Read)?)
                }
            };
            let stored = task.race(walk.next()).await?.at(Stage::Read)?;
            let mut refs = Vec::new();
            for stored in stored.into_iter().flatten() {
                task.checkpoint().await?;
                refs.push(listed(task, &self.repo, stored).await?);
            }
            peel(task, &self.repo, &mut refs).await?;
            self.ready = refs.into();
        }
        let count = count.min(self.ready.len());
        Ok(self.ready.drain(..count).collect())
    }
}

/// All of them together.
pub async fn list(task: &Task, repo: &Repository, prefix: &[u8]) -> Outcome<Vec<ListedRef>> {
    let mut listing = refs(repo, prefix);
    let mut all = Vec::new();
    loop {
        match listing.next_batch(task, usize::MAX).await? {
            more if more.is_empty() => return Ok(all),
            more => all.extend(more),
        }
    }
}

async fn listed(task: &Task, repo: &Repository, stored: Ref) -> Outcome<ListedRef> {
    let Ref { name, target, peeled } = stored;
    let (oid, symbolic) = match target {
        Target::Direct(oid) => (Some(oid), None),
        Target::Symbolic(to) => {
            let found = task.race(repo.refs.resolve(&name)).await?.at(Stage::Read)?;
            (found.and_then(|found| found.oid), Some(to))
        }
    };
    Ok(ListedRef {
        name,
        oid,
        symbolic,
        peeled,
    })
}

/// Fills in what tags lead to, where that was not stored with them.
async fn peel(task: &Task, repo: &Repository, refs: &mut [ListedRef]) -> Outcome<()> {
    let mut unknown: Vec<&mut ListedRef> = refs
        .iter_mut()
        .filter(|listed| listed.peeled.is_none() && listed.name.starts_with(b"refs/tags/"))
        .collect();
    let oids: Vec<ObjectId> = unknown.iter().filter_map(|listed| listed.oid).collect();
    unknown.retain(|listed| listed.oid.is_some());
    let infos = task.race(repo.odb.info(&oids)).await?.at(Stage::Read)?;
    for ((listed, oid), info) in unknown.into_iter().zip(oids).zip(infos) {
        if info.is_some_and(|info| info.kind == Kind::Tag) {
            listed.peeled = Some(object::peel(task, repo, &oid, Goal::NoTag).await?.0);
        }
    }
    Ok(())
}

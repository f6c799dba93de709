//! Objects that a partial clone left with its remote, fetched when they are read
//! (gitformat-partial-clone(5), "Fetching Missing Objects"; git's promisor-remote.c).
//!
//! Whoever reads objects asks [`need`] for those that are not stored. Reads that are under way at the
//! same time share one request ([`batch`]); the request is made by [`bring`].
//!
//! ```text
//!   read ──► stored? ──yes──► done
//!              │ no                    a few milliseconds         one POST, no haves
//!              └──► need ──► batch ──────────────────────► bring ──────────────────► promisor pack
//!                             ▲ other reads
//! ```
//!
//! What arrives is published under the repository's writer, so that a read that has to fetch waits
//! for a fetch or a gc that is under way. Only the objects that were asked for have to be in the
//! pack: what they name in turn is as much promised as they were.

mod batch;
mod bring;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use self::batch::{Batch, Waiting};
pub(crate) use self::bring::{Brought, bring, remotes};
use crate::error::{Failure, Outcome, Stage};
use crate::format::config::{Config, ConfigError};
use crate::format::filter::Filter;
use crate::format::oid::ObjectId;
use crate::ops::fault;
use crate::ops::remote::Known;
use crate::ops::repository::Repository;
use crate::sorted::SortedSet;
use crate::store::StoreError;
use crate::task::Task;

/// Notes that a remote is a promisor, and what was left with it (`partial_clone_register`). Git that
/// knows nothing of promisors has to stay away.
pub(crate) fn register(config: &mut Config, remote: &[u8], filter: &Filter) -> Result<(), ConfigError> {
    let key = |name: &[u8]| [b"remote.", remote, b".", name].concat();
    config.set(b"core.repositoryformatversion", b"1")?;
    config.set(&key(b"promisor"), b"true")?;
    config.set(&key(b"partialclonefilter"), filter.spec().as_bytes())
}

/// What the handles of one repository share of its promisor remotes. In memory alone.
#[derive(Default)]
pub struct Promisor {
    batches: RefCell<Vec<Weak<Batch>>>,
    known: RefCell<Option<Rc<Known>>>,
    reading: Cell<usize>,
    waiting: Cell<usize>,
}

impl Promisor {
    /// Keeps what a session found out of the remote, so that the next request begins after discovery.
    pub(crate) fn know(&self, known: Known) {
        self.known.replace(Some(Rc::new(known)));
    }

    /// Notes a read that is under way: what it will miss is worth waiting for, a moment, before
    /// a request is sent.
    pub(crate) fn reading(self: &Rc<Self>) -> Reading {
        self.reading.set(self.reading.get() + 1);
        Reading(Rc::clone(self))
    }

    /// Whether some read is under way that does not wait for a request yet.
    fn is_read(&self) -> bool {
        self.reading.get() > self.waiting.get()
    }

    /// A place among those who wait, for each of the batches that bring what is missing.
    fn join(&self, task: &Task, repo: &Repository, missing: &[ObjectId]) -> Vec<Waiting> {
        let mut batches: Vec<Rc<Batch>> = self.batches.borrow().iter().filter_map(Weak::upgrade).collect();
        batches.retain(|batch| !batch.is_done());
        let mut left: SortedSet<ObjectId> = missing.iter().copied().collect();
        let mut joined: Vec<bool> = batches.iter().map(|batch| batch.take(&mut left)).collect();
        if !left.is_empty() {
            match batches.iter().position(|batch| batch.add(&left)) {
                Some(open) => joined.iter_mut().skip(open).take(1).for_each(|joined| *joined = true),
                None => {
                    batches.push(Batch::new(repo, left));
                    joined.push(true);
                }
            }
        }
        self.batches.replace(batches.iter().map(Rc::downgrade).collect());
        let joined = batches.iter().zip(joined).filter(|(_, joined)| *joined);
        joined.map(|(batch, _)| batch.wait(task, &repo.remote)).collect()
    }
}

/// A read that is under way, until it is dropped.
pub(crate) struct Reading(Rc<Promisor>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.set(self.0.reading.get().saturating_sub(1));
    }
}

/// A read that waits for a request, until it is dropped.
struct Paused<'a>(&'a Promisor);

impl<'a> Paused<'a> {
    fn new(promisor: &'a Promisor) -> Self {
        promisor.waiting.set(promisor.waiting.get() + 1);
        Paused(promisor)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
    }
}

/// Sees to it that objects that were not found are stored. Fails with `PromisedMissing` for the first
/// that no promisor remote gives, and with `MissingObject` in a repository that has no such remote.
pub(crate) async fn need(task: &Task, repo: &Repository, missing: &[ObjectId]) -> Outcome<()> {
    let Some(first) = missing.first() else { return Ok(()) };
    if remotes(repo).await?.is_empty() {
        return Err(not_stored(first));
    }
    let _paused = Paused::new(&repo.promisor);
    loop {
        let mut again = false;
        for waiting in repo.promisor.join(task, repo, missing) {
            let end = task.race(waiting).await?;
            let failure = match &end.outcome {
                Ok(brought) => missing
                    .iter()
                    .find_map(|oid| brought.refused.get(oid))
                    .map(|refused| Failure::from(refused.clone())),
                Err(failure) => Some(failure.clone()),
            };
            match failure {
                // It was made with the options of a caller who gave up meanwhile: who would have
                // answered a question for a login was not there any more.
                Some(_) if end.abandoned => again = true,
                Some(failure) => return Err(failure),
                None => {}
            }
        }
        if !again {
            return Ok(());
        }
    }
}

/// An object that is not stored, and that nobody promised.
pub(crate) fn not_stored(oid: &ObjectId) -> Failure {
    fault::store(Stage::Read, &StoreError::Missing { oid: *oid }).into()
}

//! Names of repositories, the databases they live in, and the sweep of what dead tabs left.
//!
//! ```text
//! database gitside:catalogue
//!   table meta   key: 'n', name     kind N: state u8 (0 reserved, 1 published, 2 doomed), id
//! database gitside:repo:<id>        one repository
//! lock     gitside:repo:<id>        held while it is written to
//! ```
//!
//! Names never become part of a database's name, so no two can collide there. A row is written
//! before its database is made, and removed after its database is gone: whatever moment a tab dies
//! at, a row tells what is left. `published` in a row is a hint that saves opening the database;
//! whether a repository exists is decided by its own database alone.

use std::rc::Rc;

use super::error::{Fault, StoreError};
use super::meta::Meta;
use super::publish::{self, Writer, lock_name};
use super::row;
use crate::host::{Backend, Batch, Change, Expect, LockGuard, LockMode, Read, Storage, StorageError, Table, Wait};

const CATALOGUE: &str = "gitside:catalogue";
const REPOSITORIES: &str = "gitside:repo:";
const SWEEP_LOCK: &str = "gitside:sweep";

/// How often an operation starts again because the catalogue changed under it.
const ATTEMPTS: usize = 4;

/// The catalogue of all repositories of an origin.
pub struct Catalog {
    storage: Rc<dyn Storage>,
    backend: Rc<dyn Backend>,
}

/// A repository that was opened for reading.
#[derive(Clone)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Its id, which its database and its lock are named after.
    pub id: String,
    /// Its database.
    pub backend: Rc<dyn Backend>,
}

/// A name that was taken for a repository about to be made. Dropping it without
/// [`Catalog::confirm`] leaves the rest to the sweep; [`Catalog::discard`] cleans up at once.
pub struct Reservation {
    /// The name.
    pub name: String,
    /// The id of the repository to be.
    pub id: String,
    /// The right to write to its database.
    pub writer: Writer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reserved,
    Published,
    Doomed,
}

/// A row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    id: String,
    state: State,
}

impl Catalog {
    /// Opens the catalogue, and sweeps what dead tabs left. A sweep that fails is tried again the
    /// next time.
    pub async fn open(storage: Rc<dyn Storage>) -> Result<Self, StoreError> {
        let catalog = Self::connect(storage).await?;
        let _ = catalog.sweep().await;
        Ok(catalog)
    }

    async fn connect(storage: Rc<dyn Storage>) -> Result<Self, StoreError> {
        let backend = storage.open(CATALOGUE).await?;
        Ok(Catalog { storage, backend })
    }

    /// Opens a repository for reading, as [`Catalog::lookup`] does. Only if there is none of that
    /// name is anything swept before the answer, because a sweep may find one whose row was lost.
    pub async fn find(storage: Rc<dyn Storage>, name: &str) -> Result<Repository, StoreError> {
        let catalog = Self::connect(storage).await?;
        match catalog.lookup(name).await {
            Err(StoreError::NotFound) => {
                let _ = catalog.sweep().await;
                catalog.lookup(name).await
            }
            found => found,
        }
    }

    /// Takes a name. Fails with [`StoreError::Taken`] if there is such a repository, and with
    /// [`StoreError::Busy`] if another tab is just making one.
    pub async fn reserve(&self, name: &str) -> Result<Reservation, StoreError> {
        for _ in 0..ATTEMPTS {
            let entry = Entry {
                name: name.to_owned(),
                id: self.storage.unique_id()?,
                state: State::Reserved,
            };
            // Locked before it can be seen: a sweep never takes it for dead.
            let lock = self.lock(&entry.id).await?.ok_or(StoreError::Busy)?;
            match self.replace(name, None, Some(&entry)).await {
                Ok(()) => return self.start(entry, lock).await,
                Err(StoreError::Storage(StorageError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
            drop(lock);
            match self.entry(name).await? {
                None => {}
                Some(entry) if entry.state == State::Published => return Err(StoreError::Taken),
                Some(entry) => match self.settle(&entry).await? {
                    Settled::Removed => {}
                    Settled::Published => return Err(StoreError::Taken),
                    Settled::InUse => return Err(StoreError::Busy),
                },
            }
        }
        Err(StoreError::Busy)
    }

    async fn start(&self, entry: Entry, lock: LockGuard) -> Result<Reservation, StoreError> {
        let backend = self.storage.open(&database(&entry.id)).await?;
        let writer = Writer::start(backend, lock, &entry.name).await?;
        Ok(Reservation {
            name: entry.name,
            id: entry.id,
            writer,
        })
    }

    /// Notes that the reserved repository was published, and lets go of its lock. The repository
    /// exists even if this fails.
    pub async fn confirm(&self, reservation: Reservation) -> Result<Repository, StoreError> {
        let entry = Entry {
            name: reservation.name,
            id: reservation.id,
            state: State::Published,
        };
        let reserved = Entry {
            state: State::Reserved,
            ..entry.clone()
        };
        self.replace(&entry.name, Some(&reserved), Some(&entry)).await?;
        Ok(Repository {
            name: entry.name,
            id: entry.id,
            backend: Rc::clone(reservation.writer.backend()),
        })
    }

    /// Removes everything a reservation made.
    pub async fn discard(&self, reservation: Reservation) -> Result<(), StoreError> {
        reservation.writer.backend().close();
        self.storage.destroy(&database(&reservation.id)).await?;
        let entry = Entry {
            name: reservation.name,
            id: reservation.id,
            state: State::Reserved,
        };
        self.replace(&entry.name, Some(&entry), None).await
    }

    /// Opens a repository for reading. Fails with [`StoreError::NotFound`] if there is none of
    /// that name, and with [`StoreError::Vanished`] if its data was cleared.
    pub async fn lookup(&self, name: &str) -> Result<Repository, StoreError> {
        let entry = self.entry(name).await?.filter(|entry| entry.state != State::Doomed);
        let entry = entry.ok_or(StoreError::NotFound)?;
        let backend = self.storage.open(&database(&entry.id)).await?;
        if Meta::new(Rc::clone(&backend)).published().await? {
            return Ok(Repository {
                name: entry.name,
                id: entry.id,
                backend,
            });
        }
        backend.close();
        match entry.state {
            State::Published => Err(StoreError::Vanished),
            State::Reserved | State::Doomed => Err(StoreError::NotFound),
        }
    }

    /// The names of all repositories, ordered bytewise.
    pub async fn list(&self) -> Result<Vec<String>, StoreError> {
        let entries = self.entries().await?.into_iter();
        let published = entries.filter(|entry| entry.state == State::Published);
        Ok(published.map(|entry| entry.name).collect())
    }

    /// Takes the right to write to a repository. Fails with [`StoreError::Busy`] where
    /// [`Wait::No`] finds it taken.
    pub async fn writer(&self, repository: &Repository, wait: Wait) -> Result<Writer, StoreError> {
        Writer::acquire(&*self.storage, Rc::clone(&repository.backend), &repository.id, wait).await
    }

    /// Removes a repository and its data. Fails with [`StoreError::Busy`] while it is written to.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let entry = self.entry(name).await?.ok_or(StoreError::NotFound)?;
        let _lock = self.lock(&entry.id).await?.ok_or(StoreError::Busy)?;
        let doomed = Entry {
            state: State::Doomed,
            ..entry.clone()
        };
        match self.replace(name, Some(&entry), Some(&doomed)).await {
            Ok(()) => self.destroy(&doomed).await,
            // Removed, or just confirmed, by somebody else.
            Err(StoreError::Storage(StorageError::Conflict { .. })) => Err(StoreError::Busy),
            Err(error) => Err(error),
        }
    }

    /// Destroys reservations whose owner is dead, and databases without a row; a published
    /// repository without a row (the catalogue was lost) gets its row back. Answers how many
    /// databases it removed. Where locks do not span tabs ([`Storage::locks_span_tabs`]) it only
    /// finishes removals, because a live tab's work cannot be told from a dead one's.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let Some(_lock) = self.storage.lock(SWEEP_LOCK, LockMode::Exclusive, Wait::No).await? else {
            return Ok(0);
        };
        // Databases first: one that is listed has had its row written before.
        let databases = self.storage.databases(REPOSITORIES).await?.unwrap_or_default();
        let entries = self.entries().await?;
        let mut removed = 0;
        for entry in entries.iter().filter(|entry| entry.state != State::Published) {
            if self.settle(entry).await? == Settled::Removed {
                removed += 1;
            }
        }
        if !self.storage.locks_span_tabs() {
            return Ok(removed);
        }
        for database in databases {
            let Some(id) = database.strip_prefix(REPOSITORIES) else {
                continue;
            };
            if entries.iter().any(|entry| entry.id == id) {
                continue;
            }
            let Some(_lock) = self.lock(id).await? else { continue };
            if !self.adopt(id).await? {
                self.storage.destroy(&database).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Gives a published repository that has no row its row back.
    async fn adopt(&self, id: &str) -> Result<bool, StoreError> {
        let backend = self.storage.open(&database(id)).await?;
        let published = Meta::new(Rc::clone(&backend)).published().await;
        let name = publish::stored_name(&*backend).await;
        backend.close();
        let Ok(Some(name)) = name else { return Ok(false) };
        match published {
            Ok(false) => return Ok(false),
            Ok(true) | Err(StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. }) => {}
            Err(error) => return Err(error),
        }
        let state = State::Published;
        for attempt in 0..ATTEMPTS {
            let name = if attempt == 0 {
                name.clone()
            } else {
                format!("{name} ({attempt})")
            };
            let id = id.to_owned();
            let entry = Entry { name, id, state };
            match self.replace(&entry.name, None, Some(&entry)).await {
                Ok(()) => return Ok(true),
                Err(StoreError::Storage(StorageError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Finds out what became of an entry that is not known to be published.
    async fn settle(&self, entry: &Entry) -> Result<Settled, StoreError> {
        if entry.state == State::Reserved && !self.storage.locks_span_tabs() {
            return Ok(Settled::InUse);
        }
        let Some(_lock) = self.lock(&entry.id).await? else {
            return Ok(Settled::InUse);
        };
        if entry.state == State::Reserved {
            let backend = self.storage.open(&database(&entry.id)).await?;
            let published = Meta::new(Rc::clone(&backend)).published().await;
            backend.close();
            if published? {
                let published = Entry {
                    state: State::Published,
                    ..entry.clone()
                };
                self.replace(&entry.name, Some(entry), Some(&published)).await?;
                return Ok(Settled::Published);
            }
        }
        self.destroy(entry).await?;
        Ok(Settled::Removed)
    }

    async fn destroy(&self, entry: &Entry) -> Result<(), StoreError> {
        self.storage.destroy(&database(&entry.id)).await?;
        match self.replace(&entry.name, Some(entry), None).await {
            // Somebody else removed the row too.
            Err(StoreError::Storage(StorageError::Conflict { .. })) => Ok(()),
            other => other,
        }
    }

    async fn lock(&self, id: &str) -> Result<Option<LockGuard>, StoreError> {
        Ok(self.storage.lock(&lock_name(id), LockMode::Exclusive, Wait::No).await?)
    }

    async fn entry(&self, name: &str) -> Result<Option<Entry>, StoreError> {
        let read = Read {
            table: Table::Meta,
            key: row_key(name),
            range: None,
        };
        let row = self
            .backend
            .get_many(std::slice::from_ref(&read))
            .await?
            .pop()
            .flatten();
        row.map(|row| Entry::parse(&read.key, &row)).transpose()
    }

    async fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.backend.list(Table::Meta, b"n", after.as_deref(), 256).await?;
            for (key, row) in &rows {
                entries.push(Entry::parse(key, row)?);
            }
            match rows.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(entries),
            }
        }
    }

    /// Compare and swap of a row.
    async fn replace(&self, name: &str, old: Option<&Entry>, new: Option<&Entry>) -> Result<(), StoreError> {
        let key = row_key(name);
        let batch = Batch {
            expect: vec![Expect {
                table: Table::Meta,
                key: key.clone(),
                value: old.map(Entry::row),
            }],
            changes: vec![match new {
                Some(entry) => Change::Put(Table::Meta, key, entry.row()),
                None => Change::Delete(Table::Meta, key),
            }],
            durable: true,
        };
        Ok(self.backend.commit(batch).await?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Removed,
    Published,
    InUse,
}

impl Entry {
    fn row(&self) -> Vec<u8> {
        let mut body = vec![match self.state {
            State::Reserved => 0,
            State::Published => 1,
            State::Doomed => 2,
        }];
        body.extend_from_slice(self.id.as_bytes());
        row::seal(b'N', &row_key(&self.name), &body)
    }

    fn parse(key: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        let mut body = row::open(b'N', Table::Meta, key, bytes)?;
        let state = match body.u8()? {
            0 => State::Reserved,
            1 => State::Published,
            2 => State::Doomed,
            _ => return Err(body.fail(Fault::Layout)),
        };
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let (name, id) = (key.get(1..).and_then(text), text(body.rest()));
        match (name, id) {
            (Some(name), Some(id)) => Ok(Entry { name, id, state }),
            _ => Err(body.fail(Fault::Inconsistent("is not UTF-8"))),
        }
    }
}

fn row_key(name: &str) -> Vec<u8> {
    let mut key = vec![b'n'];
    key.extend_from_slice(name.as_bytes());
    key
}

fn database(id: &str) -> String {
    format!("{REPOSITORIES}{id}")
}

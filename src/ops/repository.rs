//! A repository that is open: its database, its objects, its refs.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::error::{Failure, Outcome, Stage};
use crate::format::config::Config;
use crate::host::{Backend, Host, Wait};
use crate::ops::fault::{self, At};
use crate::ops::promisor::Promisor;
use crate::ops::remote;
use crate::store::StoreError;
use crate::store::catalog::{self, Catalog, Reservation};
use crate::store::meta::{Meta, Stats};
use crate::store::odb::Odb;
use crate::store::publish::Writer;
use crate::store::refs::Refs;
use crate::task::Task;

/// How long a call waits for another one that writes to the same repository, in milliseconds. A
/// fetch may take longer; whoever wants to wait for it calls again.
pub const WRITER_PATIENCE: u32 = 30_000;

/// An open repository. Cloning the handle is cheap; all handles share caches.
#[derive(Clone)]
pub struct Repository {
    /// The outside world.
    pub host: Host,
    /// Its name in the catalogue.
    pub name: String,
    /// Its id there: another repository that gets the same name later has another one.
    pub id: String,
    /// Its database.
    pub backend: Rc<dyn Backend>,
    /// Its objects.
    pub odb: Rc<Odb>,
    /// Its refs.
    pub refs: Refs,
    /// Its small rows: shallow list, configuration, counts.
    pub meta: Rc<Meta>,
    /// What of a partial clone's remote is shared by all reads.
    pub(super) promisor: Rc<Promisor>,
    /// How the remote of a partial clone is talked to by what this handle reads.
    pub(super) remote: Rc<remote::Options>,
}

/// What a repository takes of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Counts and bytes of the repository itself.
    pub stats: Stats,
    /// Whether the platform has promised to keep the data of this origin.
    pub persisted: bool,
}

impl Repository {
    pub(super) async fn from_catalog(host: &Host, entry: catalog::Repository) -> Outcome<Self> {
        let backend = entry.backend;
        let odb = Odb::open(backend.clone()).await.at(Stage::Read)?;
        Ok(Repository {
            host: host.clone(),
            name: entry.name,
            id: entry.id,
            odb: Rc::new(odb.paced(host.clock.clone())),
            refs: Refs::new(backend.clone()),
            meta: Rc::new(Meta::new(backend.clone())),
            backend,
            promisor: Rc::default(),
            remote: Rc::default(),
        })
    }

    /// The same repository, whose reads talk to the remote of a partial clone so.
    pub fn with_remote(&self, options: remote::Options) -> Self {
        let mut handle = self.clone();
        handle.remote = Rc::new(options);
        handle
    }

    /// Opens a stored repository. `NotFound` if there is none of that name.
    pub async fn open(host: &Host, name: &str) -> Outcome<Self> {
        let entry = Catalog::find(host.storage.clone(), name).await.at(Stage::Read)?;
        Self::from_catalog(host, entry).await
    }

    /// Takes the right to write, which one call of one tab has at a time. Waits for another to be
    /// done, at most [`WRITER_PATIENCE`] milliseconds: then, and where the other never answers
    /// (browsers freeze tabs), it fails with `Busy`.
    pub async fn writer(&self, task: &Task) -> Outcome<Writer> {
        let taken = Writer::acquire(&*self.host.storage, self.backend.clone(), &self.id, Wait::Yes);
        let (mut taken, mut patience) = (pin!(taken), self.host.clock.sleep(WRITER_PATIENCE));
        let first = poll_fn(|context| match taken.as_mut().poll(context) {
            Poll::Ready(writer) => Poll::Ready(writer),
            Poll::Pending => patience.as_mut().poll(context).map(|()| Err(StoreError::Busy)),
        });
        let writer = task.race(first).await?.at(Stage::Update)?;
        // What the one before removed is not stored any more, whatever the caches say.
        self.odb.refresh().await.at(Stage::Update)?;
        Ok(writer)
    }

    /// Counts and bytes.
    pub async fn usage(&self) -> Outcome<Usage> {
        let stats = self.meta.stats().await.at(Stage::Read)?;
        let persisted = self.host.storage.usage().await.persisted;
        Ok(Usage { stats, persisted })
    }

    /// Its configuration, as it stands.
    pub async fn config(&self) -> Outcome<Config> {
        let text = self.meta.config().await.at(Stage::Read)?;
        Config::parse(&text).map_err(|error| fault::stored_config(&error).into())
    }

    /// Lets go of the database. Other handles of the same repository fail from then on.
    pub fn close(&self) {
        self.backend.close();
    }
}

/// Makes a repository: takes the name, fails with `AlreadyExists` before anything else is done if
/// it is taken, has `fill` publish it, and leaves nothing behind if that fails. Answers what `fill`
/// did, too.
pub(super) async fn create<T>(
    host: &Host,
    task: &Task,
    name: &str,
    fill: impl AsyncFnOnce(&Reservation) -> Outcome<T>,
) -> Outcome<(Repository, T)> {
    let catalog = Catalog::open(host.storage.clone()).await.at(Stage::Request)?;
    let reservation = catalog.reserve(name).await.at(Stage::Request)?;
    let filled = task.race(fill(&reservation)).await;
    match filled.map_err(Failure::from).and_then(|result| result) {
        Ok(answer) => {
            let entry = catalog.confirm(reservation).await.at(Stage::Update)?;
            Ok((Repository::from_catalog(host, entry).await?, answer))
        }
        Err(failure) => {
            // What cannot be removed now is removed by the next sweep; the caller wants to know
            // why it failed, not that.
            let _swept_later = catalog.discard(reservation).await;
            Err(failure)
        }
    }
}

/// What [`list`] tells of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Where it was cloned from, or else the URL of its default remote, without a login.
    pub url: Option<String>,
    /// Counts and bytes.
    pub stats: Stats,
    /// Whether the platform has promised to keep the data of this origin.
    pub persisted: bool,
}

/// Every stored repository, ordered bytewise by name. One whose database is damaged or was cleared
/// is named without figures: [`Repository::open`] says what is wrong with it, [`remove`] removes it.
pub async fn list(host: &Host) -> Outcome<Vec<Summary>> {
    let catalog = Catalog::open(host.storage.clone()).await.at(Stage::Read)?;
    let persisted = host.storage.usage().await.persisted;
    let mut summaries = Vec::new();
    for name in catalog.list().await.at(Stage::Read)? {
        let (mut url, mut stats) = (None, Stats::default());
        if let Ok(entry) = catalog.lookup(&name).await {
            let meta = Meta::new(entry.backend);
            url = meta.url().await.unwrap_or_default();
            stats = meta.stats().await.unwrap_or_default();
        }
        summaries.push(Summary {
            name,
            url,
            stats,
            persisted,
        });
    }
    Ok(summaries)
}

/// Removes a stored repository and all its data. `NotFound` if there is none of that name.
pub async fn remove(host: &Host, name: &str) -> Outcome<()> {
    let catalog = Catalog::open(host.storage.clone()).await.at(Stage::Request)?;
    catalog.remove(name).await.at(Stage::Update)
}

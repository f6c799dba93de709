//! A repository in memory that fills up as fetches would fill it, and a clock that can be set.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use gitside::error::Failure;
use gitside::format::hash::hash_object;
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Clock, Host, Http, HttpError, Request, Response, Storage, Surroundings};
use gitside::ops::gc::{Grace, Options, Report, gc};
use gitside::ops::{MemoryStorage, Repository, export};
use gitside::store::catalog::Catalog;
use gitside::store::meta::Stats;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate, Writer};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::Repo;

use crate::history::{Loose, loose, refs};
use crate::pack_oracle::{How, index};
use crate::storage::{Plan, Watched};
use crate::support::run;

/// A clock that stands still until it is set.
pub struct Standing(pub Cell<i64>);

impl Clock for Standing {
    fn now(&self) -> f64 {
        0.0
    }

    fn unix_seconds(&self) -> i64 {
        self.0.get()
    }

    fn sleep(&self, _milliseconds: u32) -> Async<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn yield_now(&self) -> Async<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct NoHttp;

impl Http for NoHttp {
    fn send(&self, _request: Request) -> Async<'_, Result<Response, HttpError>> {
        panic!("nothing here asks a server")
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings::default()
    }
}

/// Databases in memory with one repository, which is empty at first.
pub struct World {
    pub storage: Rc<MemoryStorage>,
    pub clock: Rc<Standing>,
}

/// Whether a pack is of a promisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Remote,
    Promisor,
}

impl World {
    pub fn new() -> World {
        let storage = Rc::new(MemoryStorage::new());
        run(async {
            let catalog = Catalog::open(Rc::clone(&storage) as Rc<dyn Storage>).await.unwrap();
            let reservation = catalog.reserve("a").await.unwrap();
            let mut publication = Publication::new(&reservation.writer);
            publication.create();
            publication.commit().await.unwrap();
            catalog.confirm(reservation).await.unwrap();
        });
        let clock = Rc::new(Standing(Cell::new(1_700_000_000)));
        World { storage, clock }
    }

    pub fn host(&self) -> Host {
        self.host_on(Rc::clone(&self.storage) as Rc<dyn Storage>)
    }

    fn host_on(&self, storage: Rc<dyn Storage>) -> Host {
        Host {
            storage,
            http: Rc::new(NoHttp),
            clock: Rc::clone(&self.clock) as Rc<dyn Clock>,
            threads: Rc::new(gitside::host::NoThreads),
        }
    }

    pub fn task(&self) -> Task {
        Task::new(Rc::clone(&self.clock) as Rc<dyn Clock>, |_| {})
    }

    /// Opens the repository as another tab would.
    pub fn open(&self) -> Repository {
        run(Repository::open(&self.host(), "a")).unwrap()
    }

    /// The same, with storage that follows a plan.
    pub fn open_watched(&self, plan: &Rc<Plan>) -> Repository {
        let inner = Rc::clone(&self.storage) as Rc<dyn Storage>;
        let plan = Rc::clone(plan);
        let host = self.host_on(Rc::new(Watched { inner, plan }));
        run(Repository::open(&host, "a")).unwrap()
    }

    /// Publishes something as a writer of another tab.
    pub fn publish(&self, fill: impl AsyncFnOnce(&Writer, &mut Publication<'_>, &mut Stats)) {
        let repo = self.open();
        run(async {
            let writer = repo.writer(&self.task()).await.unwrap();
            let mut publication = Publication::new(&writer);
            let mut stats = repo.meta.stats().await.unwrap();
            fill(&writer, &mut publication, &mut stats).await;
            publication.stats(stats);
            publication.commit().await.unwrap();
        });
    }

    /// Stores a pack.
    pub fn pack(&self, pack: &[u8], from: From) {
        let index = index(
            pack,
            How {
                links: false,
                ..How::default()
            },
        );
        let index = index.unwrap();
        self.publish(async |writer, publication, stats| {
            let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 0);
            sink.write(pack).await.unwrap();
            let ready = sink.finish().await.unwrap().write_index(&index).await.unwrap();
            stats.bytes += ready.live().bytes;
            stats.packs += 1;
            publication.pack(match from {
                From::Remote => ready,
                From::Promisor => ready.promisor(),
            });
        });
    }

    /// Stores objects of a repository of git in a row each.
    pub fn rows(&self, git: &Repo, oids: &[ObjectId]) {
        self.loose(&loose(git, oids));
    }

    /// Stores objects in a row each.
    pub fn loose(&self, objects: &[Loose]) {
        self.publish(async |_, publication, stats| {
            for (oid, kind, content) in objects {
                assert_eq!(hash_object(*kind, content).unwrap(), *oid);
                publication.object(*oid, *kind, content);
                stats.bytes += content.len() as u64;
            }
        });
    }

    /// Sets refs; one without an object is deleted.
    pub fn refs(&self, refs: &[(&str, Option<ObjectId>)]) {
        self.publish(async |_, publication, _| {
            for (name, oid) in refs {
                publication.update(RefUpdate {
                    name: name.as_bytes().to_vec(),
                    expect: None,
                    new: oid.map(Target::Direct),
                    peeled: None,
                });
            }
        });
    }

    /// Sets all refs that a repository of git has.
    pub fn refs_of(&self, git: &Repo) {
        self.publish(async |_, publication, _| {
            for update in refs(git) {
                publication.update(update);
            }
        });
    }

    /// Packs the repository anew, in a tab of its own.
    pub fn gc(&self, grace: Grace) -> Result<Report, Failure> {
        let repo = self.open();
        let options = Options { grace: Some(grace) };
        run(gc(&self.task(), &repo, &options))
    }

    /// How much is stored that belongs to nothing: bytes that a sweep removes.
    pub fn leaked(&self) -> u64 {
        let before = self.storage.bytes();
        drop(run(self.open().writer(&self.task())).unwrap());
        before - self.storage.bytes()
    }
}

/// Drops at once what nothing reaches.
pub const NOW: Grace = Grace::Seconds(0);

/// All ids that a handle lists.
pub fn ids(repo: &Repository) -> BTreeSet<ObjectId> {
    run(async {
        let (mut all, mut oids) = (Vec::new(), repo.odb.oids());
        while let Some(some) = oids.next().await.unwrap() {
            all.extend(some);
        }
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
        all.into_iter().collect()
    })
}

/// Reads all of them through the verified path, together and apart.
pub fn read_all(repo: &Repository, oids: &BTreeSet<ObjectId>) {
    run(async {
        let oids: Vec<ObjectId> = oids.iter().copied().collect();
        for oids in oids.chunks(500) {
            let infos = repo.odb.info(oids).await.unwrap();
            let objects = repo.odb.read_many(oids).await.unwrap();
            for ((oid, object), info) in oids.iter().zip(objects).zip(infos) {
                let (object, info) = (object.expect("stored"), info.expect("stored"));
                assert_eq!((info.kind, info.size), (object.kind, object.data.len() as u64));
                assert_eq!(hash_object(object.kind, &object.data), Ok(*oid));
            }
        }
    });
}

/// The stored packs, each with its sort, as they are given out.
pub fn packs(world: &World) -> Vec<Vec<u8>> {
    let (repo, task) = (world.open(), world.task());
    run(async {
        let mut packs = Vec::new();
        for pack in export::packs(&repo) {
            let (mut bytes, mut stream) = (Vec::new(), pack.stream());
            while let Some(piece) = stream.next_piece(&task).await.unwrap() {
                bytes.extend(piece);
            }
            packs.push(bytes);
        }
        packs
    })
}

//! A repository in memory that fills up as fetches would fill it, a clock that can be set, and
//! storage that lets a test do something at every call.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use gitside::error::Failure;
use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{
    Async, Backend, Batch, Clock, Host, Http, HttpError, LockGuard, LockMode, Read, Request, Response, Row, Storage,
    StorageError, Surroundings, Table, Usage, Wait,
};
use gitside::ops::gc::{Grace, Options, Report, gc};
use gitside::ops::{MemoryStorage, Repository, export};
use gitside::store::catalog::Catalog;
use gitside::store::meta::Stats;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate, Writer};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::Repo;

use crate::pack_oracle::{How, Random, index};
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

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// It fails and does nothing.
    Fail,
    /// It is done, and fails all the same.
    FailLate,
    /// There is no room.
    Quota,
    /// It never returns.
    Hang,
    /// It is done, and never returns: the tab dies right after.
    HangLate,
}

/// Told the number of a call.
pub type Hook = Box<dyn Fn(usize)>;

/// What happens at the calls of a watched storage.
#[derive(Default)]
pub struct Plan {
    /// Calls so far.
    pub calls: Cell<usize>,
    /// The call that fails, from 1 on, and how.
    pub kill: Cell<Option<(usize, Kill)>>,
    /// Run before every call, with its number.
    pub before: RefCell<Option<Hook>>,
}

impl Plan {
    async fn around<T>(&self, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        self.calls.set(self.calls.get() + 1);
        let number = self.calls.get();
        if let Some(before) = &*self.before.borrow() {
            before(number);
        }
        let detail = "injected".to_owned();
        match self.kill.get().filter(|(at, _)| *at == number) {
            None => call.await,
            Some((_, Kill::Fail)) => Err(StorageError::Other { detail }),
            Some((_, Kill::Quota)) => Err(StorageError::Quota { detail }),
            Some((_, Kill::Hang)) => std::future::pending().await,
            Some((_, Kill::FailLate)) => {
                call.await?;
                Err(StorageError::Other { detail })
            }
            Some((_, Kill::HangLate)) => {
                call.await?;
                std::future::pending().await
            }
        }
    }
}

/// Storage that follows a plan.
pub struct Watched {
    pub inner: Rc<dyn Storage>,
    pub plan: Rc<Plan>,
}

struct WatchedBackend {
    inner: Rc<dyn Backend>,
    plan: Rc<Plan>,
}

impl Backend for WatchedBackend {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        Box::pin(self.plan.around(async { self.inner.get_many(reads).await }))
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        Box::pin(
            self.plan
                .around(async move { self.inner.list(table, prefix, after, limit).await }),
        )
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        Box::pin(
            self.plan
                .around(async move { self.inner.list_keys(table, prefix, after, limit).await }),
        )
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        Box::pin(self.plan.around(async move { self.inner.commit(batch).await }))
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl Storage for Watched {
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>> {
        Box::pin(async move {
            let inner = self.inner.open(database).await?;
            let plan = Rc::clone(&self.plan);
            Ok(Rc::new(WatchedBackend { inner, plan }) as Rc<dyn Backend>)
        })
    }

    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>> {
        self.inner.destroy(database)
    }

    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>> {
        self.inner.databases(prefix)
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>> {
        self.inner.lock(name, mode, wait)
    }

    fn locks_span_tabs(&self) -> bool {
        true
    }

    fn unique_id(&self) -> Result<String, StorageError> {
        self.inner.unique_id()
    }

    fn usage(&self) -> Async<'_, Usage> {
        self.inner.usage()
    }

    fn persist(&self) -> Async<'_, bool> {
        self.inner.persist()
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

/// Objects, from git.
pub fn loose(git: &Repo, oids: &[ObjectId]) -> Vec<Loose> {
    let list: String = oids.iter().map(|oid| format!("{oid}\n")).collect();
    let listed = git.git_with(["cat-file", "--batch"], list.as_bytes()).unwrap();
    let (mut rest, mut objects) = (listed.as_slice(), Vec::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let [oid, kind, size] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{head}")
        };
        let (content, more) = rest[end + 1..].split_at(size.parse().unwrap());
        let kind = Kind::from_name(kind.as_bytes()).unwrap();
        objects.push((oid.parse().unwrap(), kind, content.to_vec()));
        rest = &more[1..];
    }
    assert_eq!(objects.len(), oids.len());
    objects
}

/// Every object that git has.
pub fn all(git: &Repo) -> BTreeSet<ObjectId> {
    let listed = git.git([
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectname)",
        "--unordered",
    ]);
    parse(&listed.unwrap())
}

/// What `git rev-list` lists.
pub fn reachable(git: &Repo) -> BTreeSet<ObjectId> {
    let listed = git.git(["rev-list", "--objects", "--no-object-names", "--all", "--reflog"]);
    parse(&listed.unwrap())
}

fn parse(lines: &[u8]) -> BTreeSet<ObjectId> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    lines.map(|line| line.parse().unwrap()).collect()
}

/// The refs of a repository of git, `HEAD` if it is detached.
fn refs(git: &Repo) -> Vec<RefUpdate> {
    let mut listed = git.git(["for-each-ref", "--format=%(objectname) %(refname)"]).unwrap();
    if git.git(["symbolic-ref", "-q", "HEAD"]).is_err() {
        listed.extend(git.git(["rev-parse", "HEAD"]).unwrap().trim_ascii_end());
        listed.extend_from_slice(b" HEAD\n");
    }
    let lines = listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let update = |line: &[u8]| RefUpdate {
        name: line[41..].to_vec(),
        expect: None,
        new: Some(Target::Direct(
            std::str::from_utf8(&line[..40]).unwrap().parse().unwrap(),
        )),
        peeled: None,
    };
    lines.map(update).collect()
}

/// A pack of these objects alone, made by git.
pub fn pack_of<'a>(git: &Repo, oids: impl IntoIterator<Item = &'a ObjectId>) -> Vec<u8> {
    let list: String = oids.into_iter().map(|oid| format!("{oid}\n")).collect();
    git.git_with(["pack-objects", "--stdout", "-q", "--threads=1"], list.as_bytes())
        .unwrap()
}

/// Objects and refs of a repository of git, for many worlds.
pub struct Scattered {
    packs: Vec<Vec<u8>>,
    rows: Vec<Loose>,
    refs: Vec<RefUpdate>,
}

/// An object of git's.
pub type Loose = (ObjectId, Kind, Vec<u8>);

/// All of git's objects in several packs and in rows, some of them twice, and its refs.
pub fn scatter(git: &Repo, oids: &BTreeSet<ObjectId>, random: &mut Random) -> Scattered {
    let groups = 1 + random.below(4);
    let mut packs = vec![Vec::new(); groups];
    let mut rows = Vec::new();
    for oid in oids {
        match random.below(8) {
            0 => rows.push(*oid),
            1 => {
                rows.push(*oid);
                packs[random.below(groups)].push(*oid);
            }
            2 => packs.iter_mut().for_each(|pack| pack.push(*oid)),
            _ => packs[random.below(groups)].push(*oid),
        }
    }
    rows.truncate(150);
    let left = oids
        .iter()
        .filter(|oid| !rows.contains(oid) && !packs.iter().any(|pack| pack.contains(oid)));
    packs.push(left.copied().collect());
    let full = packs.iter().filter(|pack| !pack.is_empty());
    Scattered {
        packs: full.map(|pack| pack_of(git, pack)).collect(),
        rows: loose(git, &rows),
        refs: refs(git),
    }
}

impl World {
    /// With all that was scattered.
    pub fn of(scattered: &Scattered) -> World {
        let world = World::new();
        for pack in &scattered.packs {
            world.pack(pack, From::Remote);
        }
        world.loose(&scattered.rows);
        world.publish(async |_, publication, _| {
            for update in &scattered.refs {
                publication.update(update.clone());
            }
        });
        world
    }
}

/// A history that grows by one commit a step: some thirty files, two of which change each time.
pub struct Growing {
    pub git: Repo,
    step: usize,
}

impl Growing {
    pub fn new(path: &Path) -> Growing {
        let git = Repo::init(path, "main").unwrap();
        Growing { git, step: 0 }
    }

    /// The tip after one more commit.
    pub fn grow(&mut self) -> ObjectId {
        self.step += 1;
        let step = self.step;
        let mut stream = format!(
            "commit refs/heads/main\ncommitter C <c@example.org> {} +0000\ndata <<.\ncommit {step}\n.\n",
            1_700_000_000 + step
        );
        if step > 1 {
            stream += "from refs/heads/main^0\n";
        }
        let files = if step == 1 { 0..30 } else { step % 30..step % 30 + 2 };
        for file in files {
            stream += &format!("M 644 inline dir{}/file{file}\ndata <<.\n", file % 5);
            for line in 0..60 {
                let text = if line == step % 60 { step * 31 } else { line * 7 };
                stream += &format!("line {line} of file {file} says {text}\n");
            }
            stream += ".\n";
        }
        if step.is_multiple_of(10) {
            stream +=
                &format!("tag v{step}\nfrom refs/heads/main\ntagger T <t@example.org> 1700000000 +0000\ndata 4\ntag\n");
        }
        self.git
            .git_with(["fast-import", "--quiet", "--force"], stream.as_bytes())
            .unwrap();
        self.git.git_line(["rev-parse", "main"]).unwrap().parse().unwrap()
    }
}

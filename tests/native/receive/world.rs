//! A repository with something in it, and packs for it to take in.

use std::path::Path;

use gitside::error::{Failure, GitError};
use gitside::format::oid::ObjectId;
use gitside::format::pack::Limits;
use gitside::host::{Read, Table};
use gitside::ops::Repository;
use gitside::ops::connectivity::{self, Claim, Promised};
use gitside::ops::receive::{Intake, PackSource, Received, receive};
use gitside::store::catalog::Catalog;
use gitside::store::publish::{Publication, Writer};
use gitside::task::Task;

use crate::pack_oracle::git;
use crate::support::oracle::Listing;
use crate::support::{block_on, host};

/// A pack in pieces of so many bytes.
pub struct Pieces<'a>(pub &'a [u8], pub usize);

impl PackSource for Pieces<'_> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let (piece, rest) = self.0.split_at(self.1.min(self.0.len()));
        self.0 = rest;
        Ok((!piece.is_empty()).then(|| piece.to_vec()))
    }
}

/// A repository under the name `repo`.
pub struct World {
    pub task: Task,
    pub repo: Repository,
}

impl World {
    /// With the objects of one pack, which needs no other.
    pub fn new(pack: &[u8]) -> World {
        block_on(async {
            let host = host();
            let task = Task::new(host.clock.clone(), |_| {});
            let catalog = Catalog::open(host.storage.clone()).await.unwrap();
            let reservation = catalog.reserve("repo").await.unwrap();
            let intake = Intake {
                threads: &gitside::host::NoThreads,
                base: None,
                ..intake_of(None)
            };
            let received = receive(&task, &reservation.writer, &mut Pieces(pack, 100_000), &intake).await;
            let mut publication = Publication::new(&reservation.writer);
            received.unwrap().publish(&mut publication);
            publication.create();
            publication.commit().await.unwrap();
            catalog.confirm(reservation).await.unwrap();
            let repo = Repository::open(&host, "repo").await.unwrap();
            World { task, repo }
        })
    }

    /// With nothing in it.
    pub fn empty() -> World {
        World::new(&crate::pack_builder::PackBuilder::new().finish())
    }

    pub fn writer(&self) -> Writer {
        block_on(self.repo.writer(&self.task)).unwrap()
    }

    /// How a fetch takes packs in, that keeps them as packs.
    pub fn intake(&self) -> Intake<'_> {
        intake_of(Some(self))
    }

    /// Takes a pack in without publishing it.
    pub fn receive(&self, writer: &Writer, pack: &[u8], intake: &Intake<'_>) -> Result<Received, GitError> {
        block_on(receive(&self.task, writer, &mut Pieces(pack, 64 << 10), intake)).map_err(error_of)
    }

    /// Takes a pack in and makes it visible, as it is.
    pub fn fetch(&self, pack: &[u8], intake: &Intake<'_>) -> Result<Fetched, GitError> {
        let writer = self.writer();
        let received = self.receive(&writer, pack, intake)?;
        let fetched = Fetched {
            objects: received.objects(),
            bytes: received.bytes(),
            packs: received.packs(),
        };
        let mut publication = Publication::new(&writer);
        received.publish(&mut publication);
        block_on(publication.commit()).unwrap();
        block_on(self.repo.odb.refresh()).unwrap();
        Ok(fetched)
    }

    /// Whether what came is complete with what is stored, all of it ours to keep.
    pub fn check(&self, received: &Received, tips: &[ObjectId], promised: Promised) -> Result<(), GitError> {
        let claim = Claim {
            links: &received.noted.links,
            odb: Some(&self.repo.odb),
            shallow: &[],
            unshallow: &[],
            tips,
            promised,
        };
        self.judge(&claim)
    }

    pub fn judge(&self, claim: &Claim<'_>) -> Result<(), GitError> {
        block_on(connectivity::check(&self.task, claim)).map_err(error_of)
    }

    /// Every object that is stored, read and hashed.
    pub fn listing(&self) -> Listing {
        block_on(Listing::of_gitside(&self.task, &self.repo))
    }

    /// Every row of the database, but for the fence and the mark that something may be swept.
    pub fn rows(&self) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let backend = &self.repo.backend;
        let mut rows = Vec::new();
        for table in Table::ALL {
            for (key, value) in block_on(backend.list(table, b"", None, usize::MAX)).unwrap() {
                if key != b"generation" && key != b"staged" {
                    rows.push((table, key, value));
                }
            }
        }
        rows
    }

    /// Keys of a table.
    pub fn keys(&self, table: Table) -> Vec<Vec<u8>> {
        block_on(self.repo.backend.list_keys(table, b"", None, usize::MAX)).unwrap()
    }

    /// A row that is there.
    pub fn row(&self, table: Table, key: &[u8]) -> Vec<u8> {
        let read = Read {
            table,
            key: key.to_vec(),
            range: None,
        };
        block_on(self.repo.backend.get_many(&[read]))
            .unwrap()
            .remove(0)
            .unwrap()
    }
}

/// What a fetch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub objects: u64,
    pub bytes: u64,
    pub packs: u64,
}

fn intake_of(world: Option<&World>) -> Intake<'_> {
    Intake {
        threads: &gitside::host::NoThreads,
        seed: 7,
        limits: Limits::default(),
        base: world.map(|world| &*world.repo.odb),
        missing: None,
        unpack_below: 0,
        promisor: false,
    }
}

fn error_of(failure: Failure) -> GitError {
    failure.error().cloned().expect("an error, not a cancelled task")
}

/// Packs what `revisions` (one a line, as for git-rev-list(1)) reach.
pub fn pack_of(repo: &Path, options: &[&str], revisions: &str) -> Vec<u8> {
    let arguments = [&["pack-objects", "-q", "--stdout", "--revs"], options].concat();
    git(repo, &arguments, revisions.as_bytes()).unwrap()
}

/// The standard output of git, as lines.
pub fn lines(repo: &Path, arguments: &[&str]) -> Vec<String> {
    let text = git(repo, arguments, b"").unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// The pack kept last, and its index as git writes it, as they are exported.
pub fn exported(world: &World) -> (Vec<u8>, Vec<u8>) {
    block_on(async {
        let pack = gitside::ops::export::packs(&world.repo).remove(0);
        let (mut bytes, mut idx) = (Vec::new(), Vec::new());
        let mut stream = pack.stream();
        while let Some(piece) = stream.next_piece(&world.task).await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        let mut index = pack.index(&world.task).await.unwrap();
        while let Some(piece) = index.next_piece(&world.task).await.unwrap() {
            idx.extend_from_slice(&piece);
        }
        (bytes, idx)
    })
}

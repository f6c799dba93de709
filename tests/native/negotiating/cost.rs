//! What a negotiation reads: commits, and transactions of the storage.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use gitside::algo::negotiate::Algorithm;
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Backend, Batch, Read, Row, StorageError, Table};
use gitside::ops::negotiate::{Haves, Options};
use gitside::ops::remote::{Acks, Negotiator as _};
use gitside::protocol::fetch::AckStatus;
use gitside::store::odb::Odb;
use gitside_server::repos::Repo;

use crate::history::{import, task};
use crate::support::{block_on, host};

/// A database that counts what is asked of it.
struct Counting {
    inner: Rc<dyn Backend>,
    reads: Rc<Cell<u64>>,
}

impl Counting {
    fn count(&self) {
        self.reads.set(self.reads.get() + 1);
    }
}

impl Backend for Counting {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        self.count();
        self.inner.get_many(reads)
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        self.count();
        self.inner.list(table, prefix, after, limit)
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        self.count();
        self.inner.list_keys(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        self.inner.commit(batch)
    }

    fn close(&self) {
        self.inner.close();
    }
}

/// A line of commits in one pack, its tip last.
fn line(folder: &std::path::Path, commits: u64) -> (Repo, Vec<ObjectId>) {
    let repo = Repo::init(folder, "main").unwrap();
    let mut stream = String::new();
    for number in 1..=commits {
        let date = 1_600_000_000 + 60 * number;
        let message = format!("commit {number}");
        write!(
            stream,
            "commit refs/heads/main\ncommitter A <a@x> {date} +0000\ndata {}\n{message}\n",
            message.len()
        )
        .unwrap();
    }
    repo.git_with(["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    repo.git(["repack", "-adq"]).unwrap();
    let listed = String::from_utf8(repo.git(["rev-list", "--reverse", "main"]).unwrap()).unwrap();
    let oids = listed.lines().map(|line| line.parse().unwrap()).collect();
    (repo, oids)
}

#[test]
fn fifty_thousand_commits_and_one_that_is_new_take_few_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (repo, oids) = line(folder.path(), 50_000);
    let tip = *oids.last().unwrap();
    let new = ObjectId::new([7; 20]);
    let host = host();
    let task = task(&host);
    block_on(async {
        let loaded = import(repo.path(), &host, "line").await;
        let reads = Rc::new(Cell::new(0));
        let open = async || {
            reads.set(0);
            let backend = Counting {
                inner: Rc::clone(&loaded.backend),
                reads: Rc::clone(&reads),
            };
            Odb::open(Rc::new(backend)).await.unwrap()
        };
        // Skipping passes over the commits that it skips.
        for (algorithm, most) in [(Algorithm::Consecutive, 17), (Algorithm::Skipping, 2200)] {
            let odb = open().await;
            let options = Options {
                algorithm,
                local_tips: &[tip],
                remote_tips: &[new],
                ..Options::default()
            };
            let mut haves = Haves::prepare(&task, &odb, options).await.unwrap();
            assert!(!haves.is_complete(&new));
            assert_eq!(haves.haves(16).await.unwrap().len(), 16);
            let acks = Acks {
                acks: vec![(tip, AckStatus::Common)],
                ready: true,
            };
            assert!(haves.acks(&acks).await.unwrap().is_empty());
            assert!(haves.commits_read() <= most, "{}", haves.commits_read());
            println!("{algorithm:?}: {} transactions", reads.get());
            assert!(reads.get() < 100, "{algorithm:?}: {} transactions", reads.get());
        }
        // The remote names the oldest commit: everything has to be looked at.
        let odb = open().await;
        let options = Options {
            local_tips: &[tip],
            remote_tips: &oids[..1],
            ..Options::default()
        };
        let haves = Haves::prepare(&task, &odb, options).await.unwrap();
        assert!(haves.is_complete(&oids[0]));
        assert_eq!(haves.commits_read(), 50_000);
        println!("{} transactions", reads.get());
        assert!(reads.get() < 500, "{} transactions", reads.get());
    });
}

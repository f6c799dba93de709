//! How much is read to find objects: few transactions, and no more than is needed for one object.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Backend, Batch, Change, Read, Row, Storage, StorageError, Table};
use gitside::store::memory::MemoryStorage;
use gitside::store::odb::Odb;
use gitside::store::{Fault, StoreError};

use crate::support::{PackBuilder, Random, clone, run};

/// Counts the transactions that read, and notes the rows of the index they asked for.
struct Counting {
    inner: Rc<dyn Backend>,
    transactions: Cell<usize>,
    shards: RefCell<Vec<Vec<u8>>>,
    /// How often everybody else has a turn before a read is answered.
    turns: Cell<usize>,
}

impl Backend for Counting {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        self.transactions.set(self.transactions.get() + 1);
        let shards = reads.iter().filter(|read| is_shard(read.table, &read.key));
        self.shards.borrow_mut().extend(shards.map(|read| read.key.clone()));
        let (rows, mut left) = (self.inner.get_many(reads), self.turns.get());
        Box::pin(async move {
            std::future::poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            rows.await
        })
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        self.inner.list(table, prefix, after, limit)
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        self.inner.list_keys(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        self.inner.commit(batch)
    }

    fn close(&self) {
        self.inner.close();
    }
}

fn is_shard(table: Table, key: &[u8]) -> bool {
    table == Table::Index && key.get(key.len().wrapping_sub(2)) == Some(&b's')
}

/// A repository of 40 000 objects in 128 shards, and their ids in a random order.
async fn repository() -> (Rc<Counting>, Vec<ObjectId>) {
    let mut pack = PackBuilder::new();
    for n in 0..40_000u32 {
        pack.whole(Kind::Blob, &n.to_be_bytes());
    }
    let (bytes, index) = pack.finish();
    let storage: Rc<dyn Storage> = Rc::new(MemoryStorage::new());
    let repository = clone(&storage, "a", &bytes, &index).await;
    let mut random = Random(7);
    let mut oids: Vec<ObjectId> = index.entries.iter().map(|entry| entry.oid).collect();
    for at in (1..oids.len()).rev() {
        oids.swap(at, (random.next() % (at as u64 + 1)) as usize);
    }
    let counting = Counting {
        inner: Rc::clone(&repository.backend),
        transactions: Cell::new(0),
        shards: RefCell::default(),
        turns: Cell::new(0),
    };
    (Rc::new(counting), oids)
}

#[test]
fn looking_up_one_object_reads_one_shard_and_following_many_reads_all_in_few_transactions() {
    run(async {
        let (backend, oids) = repository().await;
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        assert_eq!(odb.read(&oids[0]).await.unwrap().kind, Kind::Blob);
        assert_eq!(backend.shards.borrow().len(), 1);
        for oid in &oids[..2000] {
            odb.info(&[*oid]).await.unwrap()[0].unwrap();
        }
        let mut shards = backend.shards.borrow().clone();
        assert_eq!(shards.len(), 128, "each shard is read once");
        shards.sort_unstable();
        shards.dedup();
        assert_eq!(shards.len(), 128);
        // One for each of the 40 blocks, 24 for single shards, few for the others and the first object.
        let transactions = backend.transactions.get();
        assert!(transactions < 40 + 24 + 12, "{transactions} transactions");
    });
}

#[test]
fn many_objects_that_were_packed_together_are_found_by_the_blocks_they_are_in() {
    run(async {
        let (backend, oids) = repository().await;
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        let pack = odb.packs()[0];
        let mut together = odb.pack_index(&pack).await.unwrap().entries;
        together.drain(..9_500);
        together.truncate(2_000);
        let together: Vec<ObjectId> = together.iter().map(|entry| entry.oid).collect();
        let found = odb.read_many(&together).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        // Those 2 000 are in three blocks of 1 024, and would be in all 128 shards: to find the
        // blocks, one of sixteen is read at a time.
        let shards = backend.shards.borrow().len();
        assert!(shards <= 16, "{shards} shards");
        // Those that are anywhere are not looked for in more blocks than the first.
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        let missing = ObjectId::new([7; 20]);
        let anywhere: Vec<ObjectId> = oids[..50].iter().copied().chain([missing]).collect();
        let found = odb.read_many(&anywhere).await.unwrap();
        assert_eq!(found.iter().filter(|found| found.is_some()).count(), 50);
        assert!(found[50].is_none());
    });
}

/// The answers of calls that run at the same time, in the order in which they come.
async fn together<T>(mut calls: Vec<impl Future<Output = T> + Unpin>) -> Vec<T> {
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match Pin::new(call).poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        match calls.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    answers
}

#[test]
fn objects_that_many_calls_want_at_the_same_time_are_read_once() {
    run(async {
        let (backend, oids) = repository().await;
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        let shared = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        backend.turns.set(2);
        let before = backend.transactions.get();
        let mut calls: Vec<_> = (0..20).map(|_| Box::pin(shared.read(&oids[3]))).collect();
        // One gives up before anything has come.
        assert!(std::future::poll_fn(|context| Poll::Ready(calls[0].as_mut().poll(context).is_pending())).await);
        assert!(std::future::poll_fn(|context| Poll::Ready(calls[1].as_mut().poll(context).is_pending())).await);
        drop(calls.remove(0));
        let answers = together(calls).await;
        assert_eq!(answers.len(), 19);
        let expected = odb.read(&oids[3]).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Ok(expected.clone())));
        // The shard, twice because the first call gave up, and the chunk.
        let alone = 2;
        let read = backend.transactions.get() - before - alone;
        assert_eq!(read, 3, "transactions");
    });
}

#[test]
fn a_damaged_shard_harms_nobody_who_did_not_ask_for_it() {
    run(async {
        let (backend, oids) = repository().await;
        let shards = backend.list(Table::Index, b"", None, usize::MAX).await.unwrap();
        let damaged = oids[0].first_byte() >> 1;
        let (key, mut row) = shards
            .into_iter()
            .find(|(key, _)| is_shard(Table::Index, key) && key.last() == Some(&damaged))
            .unwrap();
        row[40] ^= 1;
        let batch = Batch {
            changes: vec![Change::Put(Table::Index, key, row)],
            ..Batch::default()
        };
        backend.commit(batch).await.unwrap();
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        for oid in &oids[..2000] {
            let found = odb.info(&[*oid]).await;
            assert_eq!(found.is_err(), oid.first_byte() >> 1 == damaged, "{oid:?}");
        }
    });
}

#[test]
fn an_object_that_is_another_one_harms_nobody_whose_objects_are_hashed_with_it() {
    run(async {
        let (backend, _) = repository().await;
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        let mut entries = odb.pack_index(&odb.packs()[0]).await.unwrap().entries;
        entries.truncate(100);
        // One entry of the first chunk is stored in the place of another.
        let (key, mut chunk) = backend.list(Table::Chunks, b"", None, 1).await.unwrap().remove(0);
        let place = |at: usize| entries[at].offset as usize..entries[at + 1].offset as usize;
        let length = place(40).len();
        let other = (0..99).find(|at| *at != 40 && place(*at).len() == length).unwrap();
        chunk.copy_within(place(other), place(40).start);
        let batch = Batch {
            changes: vec![Change::Put(Table::Chunks, key, chunk)],
            ..Batch::default()
        };
        backend.commit(batch).await.unwrap();
        let is_other = |error: &StoreError| {
            let (is, fault) = (entries[40].oid, Fault::Hash);
            *error == StoreError::Object { oid: is, fault }
        };
        // Of calls at the same time.
        let odb = Odb::open(Rc::clone(&backend) as Rc<dyn Backend>).await.unwrap();
        let calls = entries.iter().map(|entry| Box::pin(odb.read(&entry.oid))).collect();
        let answers = together(calls).await;
        let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert!(matches!(failed.as_slice(), [error] if is_other(error)), "{failed:?}");
        // And of one call; what the cache holds of it stays what it is.
        let oids: Vec<ObjectId> = entries.iter().map(|entry| entry.oid).collect();
        assert!(is_other(&odb.read_many(&oids).await.unwrap_err()));
        assert!(is_other(&odb.read(&oids[40]).await.unwrap_err()));
        let others = [&oids[..40], &oids[41..]].concat();
        assert!(odb.read_many(&others).await.unwrap().iter().all(Option::is_some));
    });
}

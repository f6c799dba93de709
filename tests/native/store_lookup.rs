//! How much is read to find objects: few transactions, and no more than is needed for one object.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Backend, Batch, Change, Read, Row, Storage, StorageError, Table};
use gitside::store::memory::MemoryStorage;
use gitside::store::odb::Odb;

use crate::support::{PackBuilder, Random, clone, run};

/// Counts the transactions that read, and notes the rows of the index they asked for.
struct Counting {
    inner: Rc<dyn Backend>,
    transactions: Cell<usize>,
    shards: RefCell<Vec<Vec<u8>>>,
}

impl Backend for Counting {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        self.transactions.set(self.transactions.get() + 1);
        let shards = reads.iter().filter(|read| is_shard(read.table, &read.key));
        self.shards.borrow_mut().extend(shards.map(|read| read.key.clone()));
        self.inner.get_many(reads)
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
        // Besides those for shards, one for each of the 40 blocks, and a few for the first object.
        let transactions = backend.transactions.get();
        assert!(transactions < 40 + 20, "{transactions} transactions");
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

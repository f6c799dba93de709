//! Names, reservations, removal and the sweep.

use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::host::{Backend, Batch, Change, LockMode, Storage, Table, Wait};
use gitside::store::StoreError;
use gitside::store::catalog::{Catalog, Repository};
use gitside::store::memory::MemoryStorage;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::Publication;

use crate::support::{PackBuilder, run};

fn storage() -> (Rc<MemoryStorage>, Rc<dyn Storage>) {
    let storage = Rc::new(MemoryStorage::new());
    (Rc::clone(&storage), storage)
}

async fn make(catalog: &Catalog, name: &str) {
    let reservation = catalog.reserve(name).await.unwrap();
    let mut publication = Publication::new(&reservation.writer);
    publication.create().url(name.to_owned());
    publication.commit().await.unwrap();
    catalog.confirm(reservation).await.unwrap();
}

async fn databases(storage: &Rc<dyn Storage>) -> usize {
    storage.databases("gitside:repo:").await.unwrap().unwrap().len()
}

async fn list(storage: &Rc<dyn Storage>) -> Vec<String> {
    Catalog::open(Rc::clone(storage)).await.unwrap().list().await.unwrap()
}

#[test]
fn names_are_kept_apart_taken_once_and_free_again_after_removal() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        let names = [
            "a",
            "A",
            "a/b",
            "a/",
            "",
            "\0",
            "é",
            "e\u{301}",
            "__proto__",
            "gitside:repo:a",
        ];
        for name in names {
            assert_eq!(catalog.lookup(name).await.err(), Some(StoreError::NotFound), "{name:?}");
            make(&catalog, name).await;
            assert_eq!(catalog.reserve(name).await.err(), Some(StoreError::Taken), "{name:?}");
        }
        let mut sorted = names.map(str::to_owned);
        sorted.sort();
        assert_eq!(list(&storage).await, sorted);
        for name in names {
            let repository = catalog.lookup(name).await.unwrap();
            let meta = gitside::store::meta::Meta::new(repository.backend);
            // Its URL here is its name; an empty one is none.
            let url = Some(name.to_owned()).filter(|url| !url.is_empty());
            assert_eq!(meta.url().await, Ok(url));
        }
        for (removed, name) in (1..).zip(names) {
            catalog.remove(name).await.unwrap();
            assert_eq!(catalog.remove(name).await, Err(StoreError::NotFound));
            assert_eq!(databases(&storage).await, names.len() - removed);
        }
        make(&catalog, "a").await;
    });
}

#[test]
fn a_dead_reservation_is_swept_and_a_live_one_is_not() {
    let (memory, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        let before = memory.bytes();
        let live = catalog.reserve("live").await.unwrap();
        let dead = catalog.reserve("dead").await.unwrap();
        for reservation in [&live, &dead] {
            let writer = &reservation.writer;
            let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 0);
            sink.write(&[1; 3_000_000]).await.unwrap();
        }
        drop(dead);
        // Another tab opens the catalogue.
        assert_eq!(list(&storage).await, Vec::<String>::new());
        assert_eq!(databases(&storage).await, 1);
        let other = Catalog::open(Rc::clone(&storage)).await.unwrap();
        assert_eq!(other.reserve("live").await.err(), Some(StoreError::Busy));
        assert_eq!(other.remove("live").await.err(), Some(StoreError::Busy));
        assert_eq!(other.lookup("live").await.err(), Some(StoreError::NotFound));
        let mut publication = Publication::new(&live.writer);
        publication.create();
        publication.commit().await.unwrap();
        catalog.confirm(live).await.unwrap();
        assert!(other.lookup("live").await.is_ok());
        other.remove("live").await.unwrap();
        assert_eq!(memory.bytes(), before, "nothing is left");
    });
}

#[test]
fn a_tab_that_dies_between_publishing_and_confirming_leaves_a_repository() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        let reservation = catalog.reserve("a").await.unwrap();
        let mut publication = Publication::new(&reservation.writer);
        publication.create();
        publication.commit().await.unwrap();
        assert!(catalog.lookup("a").await.is_ok());
        drop(reservation);
        assert_eq!(list(&storage).await, ["a"]);
        assert_eq!(catalog.reserve("a").await.err(), Some(StoreError::Taken));
    });
}

#[test]
fn a_database_without_a_row_is_removed_or_given_its_row_back() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        make(&catalog, "kept").await;
        drop(catalog);
        storage.destroy("gitside:catalogue").await.unwrap();
        storage.open("gitside:repo:0123").await.unwrap();
        storage.open("somebody else's").await.unwrap();
        let busy = storage.open("gitside:repo:busy").await.unwrap();
        let lock = storage
            .lock("gitside:repo:busy", LockMode::Exclusive, Wait::No)
            .await
            .unwrap();
        assert_eq!(list(&storage).await, ["kept"]);
        assert_eq!(databases(&storage).await, 2, "the busy one stays");
        let elsewhere = storage.databases("somebody").await.unwrap().unwrap();
        assert_eq!(elsewhere.len(), 1);
        drop((busy, lock));
        assert_eq!(list(&storage).await, ["kept"]);
        assert_eq!(databases(&storage).await, 1);
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        catalog.remove("kept").await.unwrap();
        assert_eq!(databases(&storage).await, 0);
    });
}

#[test]
fn data_that_was_cleared_is_told_from_a_name_that_never_was() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        make(&catalog, "a").await;
        let repository = catalog.lookup("a").await.unwrap();
        storage
            .destroy(&format!("gitside:repo:{}", repository.id))
            .await
            .unwrap();
        assert_eq!(catalog.lookup("a").await.err(), Some(StoreError::Vanished));
        catalog.remove("a").await.unwrap();
        assert_eq!(catalog.lookup("a").await.err(), Some(StoreError::NotFound));
    });
}

#[test]
fn another_schema_is_refused_and_never_swept() {
    for (found, error) in [
        (1, StoreError::OlderSchema { found: 1, supported: 2 }),
        (3, StoreError::NewerSchema { found: 3, supported: 2 }),
    ] {
        refused_and_never_swept(found, &error);
    }
}

fn refused_and_never_swept(found: u8, error: &StoreError) {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        make(&catalog, "a").await;
        let repository = catalog.lookup("a").await.unwrap();
        let mut row = vec![b'S', 1, 0, 0, 0, found];
        let checksum = crc32fast::hash(&[&b"state"[..], &row].concat());
        row.extend_from_slice(&checksum.to_be_bytes());
        let batch = Batch {
            changes: vec![Change::Put(Table::Meta, b"state".to_vec(), row)],
            ..Batch::default()
        };
        let backend: &Rc<dyn Backend> = &repository.backend;
        backend.commit(batch).await.unwrap();
        assert_eq!(catalog.lookup("a").await.as_ref().err(), Some(error));
        storage.destroy("gitside:catalogue").await.unwrap();
        assert_eq!(list(&storage).await, ["a"]);
    });
}

/// Takes the writer's lock, stores a pack and publishes it, or dies before that.
async fn store_a_pack(catalog: &Catalog, repository: &Repository, lives: bool) {
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, b"something");
    let (bytes, index) = pack.finish();
    let writer = catalog.writer(repository, Wait::No).await.unwrap();
    let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 0);
    sink.write(&bytes).await.unwrap();
    let ready = sink.finish().await.unwrap().write_index(&index).await.unwrap();
    if lives {
        let mut publication = Publication::new(&writer);
        publication.pack(ready);
        publication.commit().await.unwrap();
    }
}

#[test]
fn what_is_stored_is_marked_until_all_of_it_is_published_or_swept() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        make(&catalog, "a").await;
        let repository = catalog.lookup("a").await.unwrap();
        let keys = async |table| repository.backend.list_keys(table, b"", None, 100).await.unwrap();
        let is_marked = async || keys(Table::Meta).await.contains(&b"staged".to_vec());
        for (lives, chunks) in [(true, 1), (false, 1), (true, 2)] {
            store_a_pack(&catalog, &repository, lives).await;
            assert_eq!(is_marked().await, !lives);
            // Whoever writes next removes what was left, and looks for it only where there is the mark.
            let orphan = [&[0xee; 12][..], &[0; 4]].concat();
            let batch = Batch {
                changes: vec![Change::Put(Table::Chunks, orphan.clone(), vec![1])],
                ..Batch::default()
            };
            repository.backend.commit(batch).await.unwrap();
            drop(catalog.writer(&repository, Wait::No).await.unwrap());
            assert!(!is_marked().await);
            let left = keys(Table::Chunks).await;
            assert_eq!(left.contains(&orphan), lives);
            let writer = catalog.writer(&repository, Wait::No).await.unwrap();
            writer.sweep().await.unwrap();
            assert_eq!(keys(Table::Chunks).await.len(), chunks);
        }
    });
}

#[test]
fn a_repository_whose_row_was_lost_is_found_by_its_name() {
    let (_, storage) = storage();
    run(async {
        let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
        make(&catalog, "a").await;
        let repository = catalog.lookup("a").await.unwrap();
        storage.destroy("gitside:catalogue").await.unwrap();
        let found = Catalog::find(Rc::clone(&storage), "a").await.unwrap();
        assert_eq!(found.id, repository.id);
        let missing = Catalog::find(Rc::clone(&storage), "b").await;
        assert_eq!(missing.err(), Some(StoreError::NotFound));
        assert_eq!(list(&storage).await, ["a"]);
    });
}

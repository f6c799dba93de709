//! IndexedDB, Web Locks and the store above them, in a dedicated worker of a real browser.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use gitside::browser::storage::WebStorage;
use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::host::{Backend, Read, Storage, StorageError, Table};
use gitside::store::catalog::Catalog;
use gitside::store::odb::Odb;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::{Refs, Target};
use gitside::store::{StoreError, contract};
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Opens a database behind the engine's back, and waits for it.
async fn open_raw(body: &str) -> JsValue {
    let body = format!("return new Promise((resolve, reject) => {{ {body} }})");
    let opened = js_sys::Function::new_no_args(&body).call0(&JsValue::UNDEFINED);
    let promise: Promise = opened.expect("call").unchecked_into();
    JsFuture::from(promise).await.expect("open")
}

#[wasm_bindgen_test]
async fn indexeddb_keeps_the_contract_in_a_worker() {
    contract::all(Rc::new(WebStorage::new())).await;
}

#[wasm_bindgen_test]
async fn a_repository_is_made_read_refused_twice_swept_and_removed() {
    let storage: Rc<dyn Storage> = Rc::new(WebStorage::new());
    assert!(storage.locks_span_tabs());
    for name in storage.databases("gitside:").await.expect("databases").expect("known") {
        storage.destroy(&name).await.expect("destroy");
    }
    let catalog = Catalog::open(Rc::clone(&storage)).await.expect("catalogue");
    let dead = catalog.reserve("dead").await.expect("reserve");
    let mut sink = PackSink::new(Rc::clone(dead.writer.backend()), dead.writer.new_pack(), 0);
    sink.write(&vec![1; 2_000_000]).await.expect("write");
    drop((dead, sink));
    let reservation = catalog.reserve("a").await.expect("reserve");
    assert_eq!(catalog.reserve("a").await.err(), Some(StoreError::Busy));
    let content = b"hello\n";
    let oid = hash_object(Kind::Blob, content).expect("hash");
    let mut publication = Publication::new(&reservation.writer);
    publication.create().object(oid, Kind::Blob, content);
    publication.update(RefUpdate {
        name: b"refs/heads/main".to_vec(),
        expect: Some(None),
        new: Some(Target::Direct(oid)),
        peeled: None,
    });
    publication.commit().await.expect("publish");
    catalog.confirm(reservation).await.expect("confirm");
    assert_eq!(catalog.reserve("a").await.err(), Some(StoreError::Taken));
    // As another tab does. The dead reservation goes, the repository stays.
    let catalog = Catalog::open(Rc::clone(&storage)).await.expect("catalogue");
    let databases = storage
        .databases("gitside:repo:")
        .await
        .expect("databases")
        .expect("known");
    assert_eq!(databases.len(), 1);
    let repository = catalog.lookup("a").await.expect("lookup");
    let refs = Refs::new(Rc::clone(&repository.backend));
    assert_eq!(
        refs.resolve(b"refs/heads/main").await.expect("ref").expect("there").oid,
        Some(oid)
    );
    let odb = Odb::open(Rc::clone(&repository.backend)).await.expect("odb");
    assert_eq!(odb.read(&oid).await.expect("read").data.as_slice(), content);
    catalog.remove("a").await.expect("remove");
    let gone = odb.read(&oid).await;
    assert!(matches!(
        gone,
        Ok(_) | Err(StoreError::Storage(StorageError::Gone { .. }))
    ));
    let gone = refs.get(b"HEAD").await;
    assert!(
        matches!(gone, Err(StoreError::Storage(StorageError::Gone { .. }))),
        "{gone:?}"
    );
}

#[wasm_bindgen_test]
async fn a_database_of_a_newer_version_is_refused_with_both_versions() {
    let storage = WebStorage::new();
    storage.destroy("browser:newer").await.expect("destroy");
    open_raw(
        "const r = indexedDB.open('browser:newer', 7);
         r.onsuccess = () => { r.result.close(); resolve(); }; r.onerror = reject;",
    )
    .await;
    let newer = storage.open("browser:newer").await.err();
    assert_eq!(newer, Some(StorageError::NewerSchema { found: 7, supported: 1 }));
    storage.destroy("browser:newer").await.expect("it was closed again");
}

#[wasm_bindgen_test]
async fn a_connection_that_does_not_let_go_blocks_for_a_while_and_no_longer() {
    let storage = WebStorage::new();
    storage.destroy("browser:held").await.expect("destroy");
    let held = open_raw(
        "const r = indexedDB.open('browser:held', 1);
         r.onsuccess = () => resolve(r.result); r.onerror = reject;",
    )
    .await;
    let started = js_sys::Date::now();
    assert_eq!(storage.destroy("browser:held").await, Err(StorageError::Blocked));
    let waited = js_sys::Date::now() - started;
    assert!((2900.0..10_000.0).contains(&waited), "{waited} ms");
    let close = js_sys::Reflect::get(&held, &"close".into()).expect("close");
    close.unchecked_into::<js_sys::Function>().call0(&held).expect("close");
    storage.destroy("browser:held").await.expect("destroy");
}

#[wasm_bindgen_test]
async fn a_database_of_ours_without_its_tables_is_corrupt_and_values_of_others_are_too() {
    let storage = WebStorage::new();
    storage.destroy("browser:strange").await.expect("destroy");
    open_raw(
        "const r = indexedDB.open('browser:strange', 1);
         r.onupgradeneeded = () => r.result.createObjectStore('meta').put('text', new Uint8Array([1]));
         r.onsuccess = () => { r.result.close(); resolve(); }; r.onerror = reject;",
    )
    .await;
    let backend: Rc<dyn Backend> = storage.open("browser:strange").await.expect("open");
    for table in [Table::Meta, Table::Chunks] {
        let read = Read {
            table,
            key: vec![1],
            range: None,
        };
        let found = backend.get_many(&[read]).await;
        assert!(matches!(found, Err(StorageError::Corrupt { .. })), "{found:?}");
    }
    storage.destroy("browser:strange").await.expect("destroy");
}

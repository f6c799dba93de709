//! What every storage must do, as tests that panic. Run natively against the storage in memory and
//! in a browser against IndexedDB, in a page and in a worker.
//!
//! Every function takes a storage and uses databases and locks of its own names, so that they can
//! run one after the other against one storage.

mod locks;

use std::rc::Rc;

pub use locks::{ids_differ, locks_exclude_and_are_released};

use crate::host::{Backend, Batch, Change, Expect, Read, Storage, StorageError, Table};

/// All of them, one after the other.
pub async fn all(storage: Rc<dyn Storage>) {
    rows_are_read_back(Rc::clone(&storage)).await;
    ranges_are_clipped(Rc::clone(&storage)).await;
    lists_are_in_order_and_pages_join(Rc::clone(&storage)).await;
    prefixes_end_where_they_end(Rc::clone(&storage)).await;
    batches_are_all_or_nothing(Rc::clone(&storage)).await;
    changes_apply_in_order(Rc::clone(&storage)).await;
    a_dropped_commit_still_happens(Rc::clone(&storage)).await;
    commits_side_by_side_all_happen(Rc::clone(&storage)).await;
    databases_are_apart_and_can_be_destroyed(Rc::clone(&storage)).await;
    a_closed_database_says_so(Rc::clone(&storage)).await;
    locks_exclude_and_are_released(Rc::clone(&storage)).await;
    ids_differ(storage).await;
}

async fn fresh(storage: &Rc<dyn Storage>, name: &str) -> Rc<dyn Backend> {
    storage.destroy(name).await.expect("destroy");
    storage.open(name).await.expect("open")
}

fn read(table: Table, key: &[u8]) -> Read {
    Read {
        table,
        key: key.to_vec(),
        range: None,
    }
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change::Put(table, key.to_vec(), value.to_vec())
}

async fn commit(backend: &Rc<dyn Backend>, changes: Vec<Change>) {
    let batch = Batch {
        changes,
        ..Batch::default()
    };
    backend.commit(batch).await.expect("commit");
}

async fn get(backend: &Rc<dyn Backend>, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    backend
        .get_many(&[read(table, key)])
        .await
        .expect("get_many")
        .pop()
        .flatten()
}

/// Values of every size, keys of every byte, in every table; tables do not share keys.
pub async fn rows_are_read_back(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:rows").await;
    let sizes = [0, 1, 1000, 70_000, 300_000, 5_000_000];
    let value = |table: Table, size: usize| -> Vec<u8> {
        let seed = table.name().len();
        (0..size)
            .map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed) as u8)
            .collect()
    };
    let key = |size: usize| [&[0, 255, 128][..], &size.to_be_bytes()[..]].concat();
    for table in Table::ALL {
        let changes = sizes.iter().map(|size| put(table, &key(*size), &value(table, *size)));
        commit(&backend, changes.collect()).await;
    }
    for table in Table::ALL {
        let mut reads: Vec<Read> = sizes.iter().map(|size| read(table, &key(*size))).collect();
        reads.push(read(table, b"not there"));
        // The same row twice, and out of order.
        reads.push(read(table, &key(1000)));
        let found = backend.get_many(&reads).await.expect("get_many");
        assert_eq!(found.len(), sizes.len() + 2);
        for (size, found) in sizes.iter().zip(&found) {
            assert!(
                found.as_deref() == Some(&value(table, *size)[..]),
                "{} {size}",
                table.name()
            );
        }
        assert_eq!(found.get(sizes.len()), Some(&None));
        assert!(found.last().and_then(Option::as_deref) == Some(&value(table, 1000)[..]));
    }
    assert_eq!(backend.get_many(&[]).await, Ok(Vec::new()));
    assert_eq!(
        get(&backend, Table::Meta, b"").await,
        None,
        "an empty key that was never written"
    );
    commit(&backend, vec![put(Table::Meta, b"", b"empty key")]).await;
    assert_eq!(
        get(&backend, Table::Meta, b"").await.as_deref(),
        Some(&b"empty key"[..])
    );
    // It outlives the handle.
    backend.close();
    let backend = storage.open("contract:rows").await.expect("open again");
    assert_eq!(get(&backend, Table::Refs, &key(1)).await, Some(value(Table::Refs, 1)));
}

/// A range gives the part of a value that it covers, however large the value.
pub async fn ranges_are_clipped(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:ranges").await;
    for (table, size) in [
        (Table::Chunks, 1_500_000u64),
        (Table::Chunks, 10),
        (Table::Objects, 300),
    ] {
        let value: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
        let key = size.to_be_bytes();
        commit(&backend, vec![put(table, &key, &value)]).await;
        for (start, end) in [
            (0, 0),
            (0, 4),
            (3, 9),
            (0, size),
            (size - 1, size),
            (size - 1, size + 9),
            (size, size + 1),
            (size + 5, size + 6),
            (5, u64::MAX),
            (9, 3),
        ] {
            let read = Read {
                table,
                key: key.to_vec(),
                range: Some(start..end),
            };
            let found = backend.get_many(&[read]).await.expect("get_many").pop().flatten();
            let clip = |at: u64| usize::try_from(at.min(size)).expect("small");
            let expected = value.get(clip(start)..clip(end)).unwrap_or_default();
            assert!(found.as_deref() == Some(expected), "{start}..{end} of {size}");
        }
        let absent = Read {
            table,
            key: b"absent".to_vec(),
            range: Some(0..1),
        };
        assert_eq!(backend.get_many(&[absent]).await, Ok(vec![None]));
    }
}

/// Keys in the order of their bytes; `after` and `limit` cut pages that join without a gap.
pub async fn lists_are_in_order_and_pages_join(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:lists").await;
    let mut keys: Vec<Vec<u8>> = vec![vec![], vec![0], vec![0, 0], vec![255], vec![255, 255], b"a".to_vec()];
    for n in 0..=255u8 {
        keys.push(vec![b'k', n]);
        keys.push(vec![b'k', n, 0]);
    }
    commit(
        &backend,
        keys.iter()
            .map(|key| put(Table::Refs, key, &[key.as_slice(), b"!"].concat()))
            .collect(),
    )
    .await;
    commit(&backend, vec![put(Table::Meta, b"kelsewhere", b"")]).await;
    keys.sort();
    for (prefix, limit) in [
        (&b""[..], 1000),
        (b"", 7),
        (b"k", 1),
        (b"k", 100),
        (b"k\xff", 9),
        (b"z", 9),
    ] {
        let expected: Vec<Vec<u8>> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        let (mut listed, mut rows, mut after) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
        loop {
            let page = backend
                .list_keys(Table::Refs, prefix, after.as_deref(), limit)
                .await
                .expect("list_keys");
            let page_rows = backend
                .list(Table::Refs, prefix, after.as_deref(), limit)
                .await
                .expect("list");
            assert!(page.len() <= limit);
            rows.extend(page_rows);
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
            listed.extend(page);
        }
        assert_eq!(listed, expected, "prefix {prefix:?} limit {limit}");
        let expected: Vec<_> = expected
            .into_iter()
            .map(|key| (key.clone(), [&key[..], b"!"].concat()))
            .collect();
        assert!(rows == expected, "rows of prefix {prefix:?} limit {limit}");
    }
    assert_eq!(backend.list_keys(Table::Refs, b"", None, 0).await, Ok(Vec::new()));
    // Before the prefix, between two keys, beyond the prefix.
    let after = |after: &'static [u8]| backend.list_keys(Table::Refs, b"k", Some(after), 1);
    assert_eq!(after(b"").await, Ok(vec![vec![b'k', 0]]));
    assert_eq!(after(b"k\x05\x00\x07").await, Ok(vec![vec![b'k', 6]]));
    assert_eq!(after(b"l").await, Ok(Vec::new()));
}

/// Removing a prefix removes that and no more, up to the last possible key.
pub async fn prefixes_end_where_they_end(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:prefixes").await;
    let all: Vec<Vec<u8>> = [
        &b"a"[..],
        b"a\x00",
        b"a\xff",
        b"a\xff\xff\xff",
        b"b",
        b"\xff",
        b"\xff\x00",
        b"\xff\xff",
        b"\xff\xff\xff",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for prefix in [&b"a"[..], b"a\xff", b"\xff", b"\xff\xff", b"c", b""] {
        commit(&backend, all.iter().map(|key| put(Table::Index, key, b"x")).collect()).await;
        commit(&backend, vec![put(Table::Chunks, b"a", b"x")]).await;
        commit(&backend, vec![Change::DeletePrefix(Table::Index, prefix.to_vec())]).await;
        let left = backend
            .list_keys(Table::Index, b"", None, 100)
            .await
            .expect("list_keys");
        let expected: Vec<_> = all.iter().filter(|key| !key.starts_with(prefix)).cloned().collect();
        assert_eq!(left, expected, "without {prefix:?}");
        assert!(get(&backend, Table::Chunks, b"a").await.is_some(), "another table");
    }
}

/// An expectation that fails writes nothing and is named; expectations see the state before.
pub async fn batches_are_all_or_nothing(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:batches").await;
    commit(
        &backend,
        vec![put(Table::Meta, b"here", b"1"), put(Table::Refs, b"empty", b"")],
    )
    .await;
    let expect = |table, key: &[u8], value: Option<&[u8]>| Expect {
        table,
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let good = [
        expect(Table::Meta, b"here", Some(b"1")),
        expect(Table::Refs, b"empty", Some(b"")),
        expect(Table::Refs, b"here", None),
    ];
    let bad = [
        expect(Table::Meta, b"here", None),
        expect(Table::Meta, b"here", Some(b"2")),
        expect(Table::Meta, b"here", Some(b"11")),
        expect(Table::Meta, b"here", Some(b"")),
        expect(Table::Meta, b"absent", Some(b"")),
        expect(Table::Refs, b"empty", None),
    ];
    for bad in &bad {
        for at in 0..=good.len() {
            let mut expectations = good.to_vec();
            expectations.insert(at, bad.clone());
            expectations.push(bad.clone());
            let batch = Batch {
                expect: expectations,
                changes: vec![
                    put(Table::Chunks, b"new", b"x"),
                    Change::Delete(Table::Meta, b"here".to_vec()),
                    Change::DeletePrefix(Table::Refs, Vec::new()),
                ],
                durable: at == 0,
            };
            assert_eq!(
                backend.commit(batch).await,
                Err(StorageError::Conflict { expectation: at }),
                "{bad:?}"
            );
        }
    }
    assert_eq!(get(&backend, Table::Chunks, b"new").await, None);
    assert_eq!(get(&backend, Table::Meta, b"here").await.as_deref(), Some(&b"1"[..]));
    let batch = Batch {
        expect: good.to_vec(),
        changes: vec![put(Table::Chunks, b"new", b"x")],
        durable: true,
    };
    assert_eq!(backend.commit(batch).await, Ok(()));
    assert_eq!(get(&backend, Table::Chunks, b"new").await.as_deref(), Some(&b"x"[..]));
    let batch = Batch {
        expect: good.to_vec(),
        ..Batch::default()
    };
    assert_eq!(backend.commit(batch).await, Ok(()), "expectations alone");
    assert_eq!(backend.commit(Batch::default()).await, Ok(()), "nothing at all");
}

/// Later changes of a batch see the earlier ones.
pub async fn changes_apply_in_order(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:order").await;
    let delete = |key: &[u8]| Change::Delete(Table::Meta, key.to_vec());
    commit(
        &backend,
        vec![
            put(Table::Meta, b"a1", b"first"),
            put(Table::Meta, b"a1", b"second"),
            put(Table::Meta, b"a2", b"x"),
            delete(b"a2"),
            delete(b"never there"),
            put(Table::Meta, b"a3", b"x"),
            Change::DeletePrefix(Table::Meta, b"a3".to_vec()),
            put(Table::Meta, b"a3", b"again"),
        ],
    )
    .await;
    let rows = backend.list(Table::Meta, b"", None, 10).await.expect("list");
    assert_eq!(
        rows,
        [
            (b"a1".to_vec(), b"second".to_vec()),
            (b"a3".to_vec(), b"again".to_vec())
        ]
    );
}

/// A commit that nobody waits for any more is finished, or was never begun; never half.
pub async fn a_dropped_commit_still_happens(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:dropped").await;
    commit(&backend, vec![put(Table::Meta, b"fence", b"1")]).await;
    for round in 0..4u8 {
        let mut commit = backend.commit(Batch {
            expect: vec![Expect {
                table: Table::Meta,
                key: b"fence".to_vec(),
                value: Some(b"1".to_vec()),
            }],
            changes: vec![
                put(Table::Meta, &[round, 1], b"x"),
                put(Table::Chunks, &[round, 2], &[7; 100_000]),
            ],
            durable: false,
        });
        // Polled once, then dropped.
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context).is_ready()));
        let _ = first.await;
        drop(commit);
        // Whatever comes after sees all of it or nothing.
        let reads = [read(Table::Meta, &[round, 1]), read(Table::Chunks, &[round, 2])];
        let found = backend.get_many(&reads).await.expect("get_many");
        let there: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert!(
            there == [true, true] || there == [false, false],
            "half a batch: {there:?}"
        );
        assert!(there == [true, true], "a commit under way was lost");
    }
}

/// Several commits under way at a time.
pub async fn commits_side_by_side_all_happen(storage: Rc<dyn Storage>) {
    let backend = fresh(&storage, "contract:parallel").await;
    let mut commits: Vec<_> = (0..8u8)
        .map(|n| {
            backend.commit(Batch {
                changes: vec![put(Table::Chunks, &[n], &[n; 50_000]), put(Table::Meta, b"last", &[n])],
                ..Batch::default()
            })
        })
        .collect();
    std::future::poll_fn(|context| {
        commits.retain_mut(|commit| match commit.as_mut().poll(context) {
            std::task::Poll::Ready(done) => {
                done.expect("commit");
                false
            }
            std::task::Poll::Pending => true,
        });
        if commits.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    let keys = backend
        .list_keys(Table::Chunks, b"", None, 100)
        .await
        .expect("list_keys");
    assert_eq!(keys.len(), 8);
    assert_eq!(
        get(&backend, Table::Meta, b"last").await,
        Some(vec![7]),
        "in the order they were begun"
    );
}

/// Databases do not share rows, are listed, and go when they are destroyed.
pub async fn databases_are_apart_and_can_be_destroyed(storage: Rc<dyn Storage>) {
    let names = ["contract:apart", "contract:apart2", "contract:Apart", "contract:äpart"];
    for name in names {
        let backend = fresh(&storage, name).await;
        commit(&backend, vec![put(Table::Meta, b"name", name.as_bytes())]).await;
        backend.close();
    }
    for name in names {
        let backend = storage.open(name).await.expect("open");
        assert_eq!(
            get(&backend, Table::Meta, b"name").await.as_deref(),
            Some(name.as_bytes())
        );
        backend.close();
    }
    if let Some(mut listed) = storage.databases("contract:apart").await.expect("databases") {
        listed.sort();
        assert_eq!(listed, ["contract:apart", "contract:apart2"]);
    }
    // One that is open is destroyed all the same, and its handle says so.
    let open = storage.open("contract:apart").await.expect("open");
    assert!(get(&open, Table::Meta, b"name").await.is_some());
    storage.destroy("contract:apart").await.expect("destroy");
    let gone = open.get_many(&[read(Table::Meta, b"name")]).await;
    assert!(matches!(gone, Err(StorageError::Gone { .. })), "{gone:?}");
    let gone = open.commit(Batch::default()).await;
    assert!(matches!(gone, Err(StorageError::Gone { .. })), "{gone:?}");
    storage
        .destroy("contract:apart")
        .await
        .expect("destroy what is not there");
    let again = storage.open("contract:apart").await.expect("open");
    assert_eq!(get(&again, Table::Meta, b"name").await, None, "it is empty");
    let other = storage.open("contract:apart2").await.expect("open");
    assert!(get(&other, Table::Meta, b"name").await.is_some());
    for name in names {
        storage.destroy(name).await.expect("destroy");
    }
}

/// After `close` everything fails with [`StorageError::Gone`]; other handles go on.
pub async fn a_closed_database_says_so(storage: Rc<dyn Storage>) {
    let first = fresh(&storage, "contract:closed").await;
    let second = storage.open("contract:closed").await.expect("open");
    commit(&first, vec![put(Table::Meta, b"k", b"v")]).await;
    first.close();
    first.close();
    let gone =
        |result: Result<(), StorageError>| assert!(matches!(result, Err(StorageError::Gone { .. })), "{result:?}");
    gone(first.get_many(&[read(Table::Meta, b"k")]).await.map(drop));
    gone(first.list(Table::Meta, b"", None, 1).await.map(drop));
    gone(first.list_keys(Table::Meta, b"", None, 1).await.map(drop));
    gone(first.commit(Batch::default()).await);
    assert_eq!(get(&second, Table::Meta, b"k").await.as_deref(), Some(&b"v"[..]));
}

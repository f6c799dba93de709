//! Packs and objects: what was stored is read back, verified, and damage is told as such.

use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::PackIndex;
use gitside::host::{Backend, Batch, Change, Storage, Table};
use gitside::store::memory::MemoryStorage;
use gitside::store::odb::{Info, Odb, OdbLimits};
use gitside::store::pack_store::{CHUNK_BYTES, PackSink};
use gitside::store::publish::Publication;
use gitside::store::{Fault, StoreError};

use crate::support::{PackBuilder, Random, clone, run};

fn storage() -> Rc<dyn Storage> {
    Rc::new(MemoryStorage::new())
}

/// Some hundred objects, whole ones, chains by offset and by id, and a base that comes after.
fn sample() -> PackBuilder {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut pack = PackBuilder::new();
    for family in 0..40u32 {
        let root = pack.entries.len();
        let kind = [Kind::Blob, Kind::Tree, Kind::Commit, Kind::Tag][family as usize % 4];
        let length = (random.next() % 9000) as usize + 10;
        pack.whole(kind, &random.bytes(length));
        for _ in 0..random.next() % 30 {
            let base = root + (random.next() as usize) % (pack.entries.len() - root);
            let (length, by_id) = ((random.next() % 300) as usize + 1, random.next().is_multiple_of(2));
            let more = random.bytes(length);
            pack.longer(base, &more, by_id);
        }
    }
    pack
}

const TINY: OdbLimits = OdbLimits {
    object_bytes: 1 << 20,
    chunk_cache: 1,
    object_cache: 1,
    index_cache: 1,
};

#[test]
fn every_object_of_a_pack_is_read_back_alone_and_in_one_batch_with_any_cache() {
    let sample = sample();
    let contents = sample.contents.clone();
    let (pack, index) = sample.finish();
    assert!(pack.len() > CHUNK_BYTES as usize / 2 && index.entries.len() > 300);
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &pack, &index).await;
        for limits in [OdbLimits::default(), TINY] {
            let odb = Odb::with_limits(Rc::clone(&repository.backend), limits).await.unwrap();
            for (entry, content) in index.entries.iter().zip(&contents) {
                let object = odb.read(&entry.oid).await.unwrap();
                assert_eq!((object.kind, &*object.data), (entry.kind, content));
            }
            let odb = Odb::with_limits(Rc::clone(&repository.backend), limits).await.unwrap();
            let mut oids: Vec<ObjectId> = index.entries.iter().map(|entry| entry.oid).rev().collect();
            oids.insert(7, ObjectId::NULL);
            let read = odb.read_many(&oids).await.unwrap();
            let infos = odb.info(&oids).await.unwrap();
            assert_eq!((read.remove_at(7), infos[7]), (None, None));
            for ((oid, object), info) in oids.iter().zip(read).zip(infos).filter(|((oid, _), _)| !oid.is_null()) {
                let at = index.entries.iter().position(|entry| entry.oid == *oid).unwrap();
                let object = object.unwrap();
                assert_eq!((object.kind, &*object.data), (index.entries[at].kind, &contents[at]));
                let size = contents[at].len() as u64;
                assert_eq!(
                    info,
                    Some(Info {
                        kind: object.kind,
                        size
                    })
                );
            }
        }
    });
}

trait RemoveAt<T> {
    fn remove_at(&self, at: usize) -> T;
}

impl<T: Clone> RemoveAt<T> for Vec<T> {
    fn remove_at(&self, at: usize) -> T {
        self[at].clone()
    }
}

#[test]
fn all_ids_come_once_and_in_order_and_prefixes_expand_over_packs_and_rows() {
    let (pack, index) = sample().finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &pack, &index).await;
        let catalog = gitside::store::catalog::Catalog::open(Rc::clone(&storage))
            .await
            .unwrap();
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        let writer = catalog.writer(&repository, gitside::host::Wait::No).await.unwrap();
        let mut publication = Publication::new(&writer);
        let mut expected: Vec<ObjectId> = index.entries.iter().map(|entry| entry.oid).collect();
        for n in 0..600u32 {
            let content = n.to_be_bytes();
            let oid = gitside::format::hash::hash_object(Kind::Blob, &content).unwrap();
            publication.object(oid, Kind::Blob, &content);
            expected.push(oid);
        }
        // One object that is in both places.
        publication.object(index.entries[0].oid, index.entries[0].kind, b"");
        publication.commit().await.unwrap();
        expected.sort_unstable();
        let (mut all, mut oids) = (Vec::new(), odb.oids());
        while let Some(some) = oids.next().await.unwrap() {
            assert!(!some.is_empty());
            all.extend(some);
        }
        assert_eq!(all, expected);
        for digits in [0, 1, 2, 3, 5, 39, 40] {
            let prefix = &expected[250].to_hex()[..digits];
            let fits: Vec<ObjectId> = expected
                .iter()
                .copied()
                .filter(|oid| oid.to_hex().starts_with(prefix))
                .collect();
            assert_eq!(odb.expand(prefix, usize::MAX).await.unwrap(), fits, "{prefix}");
            assert_eq!(odb.expand(prefix, 1).await.unwrap(), &fits[..1]);
        }
        for none in ["g", "é", "0123456789012345678901234567890123456789a"] {
            assert_eq!(odb.expand(none, 9).await, Ok(Vec::new()));
        }
        let read = odb.read(&expected[250]).await.unwrap();
        assert_eq!(
            odb.info(&[expected[250]]).await.unwrap()[0].unwrap().size,
            read.data.len() as u64
        );
    });
}

#[test]
fn a_chain_of_fifty_thousand_deltas_is_read_in_bounded_memory() {
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, b"version 0");
    for depth in 0..50_000 {
        pack.delta(depth, 8, (depth + 1).to_string().as_bytes(), false);
    }
    let (bytes, index) = pack.finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &bytes, &index).await;
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        let object = odb.read(&index.entries[50_000].oid).await.unwrap();
        assert_eq!(*object.data, b"version 50000");
    });
}

#[test]
fn deltas_in_a_circle_are_told_as_such() {
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, b"root");
    for base in 0..20 {
        pack.longer(base, b"x", true);
    }
    let (bytes, mut index) = pack.finish();
    // Each is a delta against the id of the one before; the ids of two are exchanged.
    let (six, last) = (index.entries[5].oid, index.entries[20].oid);
    index.entries[5].oid = last;
    index.entries[20].oid = six;
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &bytes, &index).await;
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        assert!(odb.read(&index.entries[4].oid).await.is_ok());
        for row in 6..=20 {
            let oid = index.entries[row].oid;
            let fault = Fault::Inconsistent("is a delta of itself");
            assert_eq!(
                odb.read(&oid).await,
                Err(StoreError::Object { oid, fault }),
                "row {row}"
            );
        }
    });
}

#[test]
fn of_a_large_object_only_what_it_is_is_told_however_it_is_stored() {
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, &[7; 900]);
    pack.longer(0, &[8; 200], false);
    pack.whole(Kind::Blob, b"small");
    let (bytes, index) = pack.finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &bytes, &index).await;
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        let oids: Vec<_> = index.entries.iter().map(|entry| entry.oid).collect();
        // The second time they are in the cache.
        for _ in 0..2 {
            let looked = odb.look(&oids, 899).await.unwrap();
            let sizes = looked.iter().flatten().map(|looked| looked.info().size);
            assert!(sizes.eq([900, 1100, 5]));
            let whole = looked.into_iter().flatten().map(|looked| looked.object().is_some());
            assert!(whole.eq([false, false, true]));
            assert_eq!(odb.read(&oids[1]).await.unwrap().data.len(), 1100);
        }
    });
}

/// All rows of a repository's database.
async fn rows(backend: &dyn Backend) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let rows = backend.list(table, b"", None, usize::MAX).await.unwrap();
        all.extend(rows.into_iter().map(|(key, row)| (table, key, row)));
    }
    all
}

async fn put(backend: &dyn Backend, table: Table, key: &[u8], row: Vec<u8>) {
    let batch = Batch {
        changes: vec![Change::Put(table, key.to_vec(), row)],
        ..Batch::default()
    };
    backend.commit(batch).await.unwrap();
}

#[test]
fn every_flipped_byte_of_every_row_gives_a_typed_error_or_the_right_object() {
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, b"a blob that is a base of two others");
    pack.longer(0, b"one", false);
    pack.longer(1, b"two", true);
    pack.whole(Kind::Commit, b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n");
    let contents = pack.contents.clone();
    let (bytes, index) = pack.finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &bytes, &index).await;
        let backend = &repository.backend;
        let (mut flips, mut refused) = (0, 0);
        for (table, key, row) in rows(&**backend).await {
            for at in 0..row.len() {
                let mut damaged = row.clone();
                damaged[at] ^= 0x41;
                put(&**backend, table, &key, damaged).await;
                refused += usize::from(!read_all(backend, &index, &contents).await);
                flips += 1;
            }
            for cut in [0, row.len() / 2, row.len() - 1] {
                put(&**backend, table, &key, row[..cut].to_vec()).await;
                refused += usize::from(!read_all(backend, &index, &contents).await);
            }
            put(&**backend, table, &key, row).await;
        }
        assert!(flips > 500 && refused > 400, "{flips} flips, {refused} refused");
        assert!(read_all(backend, &index, &contents).await);
    });
}

/// Whether all reads worked; panics if one gave wrong bytes.
async fn read_all(backend: &Rc<dyn Backend>, index: &PackIndex, contents: &[Vec<u8>]) -> bool {
    let Ok(odb) = Odb::open(Rc::clone(backend)).await else {
        return false;
    };
    let mut good = true;
    for (entry, content) in index.entries.iter().zip(contents) {
        match odb.info(&[entry.oid]).await {
            Ok(found) => match found[0] {
                Some(info) => assert_eq!((info.kind, info.size), (entry.kind, content.len() as u64)),
                None => good = false,
            },
            Err(StoreError::Object { .. } | StoreError::Row { .. }) => good = false,
            Err(other) => panic!("{other:?}"),
        }
        match odb.read(&entry.oid).await {
            Ok(object) => assert_eq!((object.kind, &*object.data), (entry.kind, content)),
            Err(StoreError::Object { .. } | StoreError::Row { .. }) => good = false,
            Err(other) => panic!("{other:?}"),
        }
    }
    good
}

#[test]
fn a_chunk_that_is_gone_names_the_object_and_an_object_that_is_not_there_is_missing() {
    let (pack, index) = sample().finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &pack, &index).await;
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        let oid = ObjectId::new([3; 20]);
        assert_eq!(odb.read(&oid).await, Err(StoreError::Missing { oid }));
        let batch = Batch {
            changes: vec![Change::DeletePrefix(Table::Chunks, Vec::new())],
            ..Batch::default()
        };
        repository.backend.commit(batch).await.unwrap();
        let oid = index.entries[0].oid;
        let fault = Fault::Length;
        assert_eq!(odb.read(&oid).await, Err(StoreError::Object { oid, fault }));
    });
}

#[test]
fn a_pack_whose_row_is_gone_or_a_list_of_packs_that_is_gone_is_damage_and_nothing_is_swept() {
    let (pack, index) = sample().finish();
    for gone in [&b"pack"[..], b"manifest"] {
        let storage = storage();
        run(async {
            let repository = clone(&storage, "a", &pack, &index).await;
            let batch = Batch {
                changes: vec![Change::DeletePrefix(Table::Meta, gone.to_vec())],
                ..Batch::default()
            };
            repository.backend.commit(batch).await.unwrap();
            let before = rows(&*repository.backend).await.len();
            let is_absent = |error: &StoreError| matches!(error, StoreError::Row { table: Table::Meta, key, fault: Fault::Absent } if key.starts_with(gone));
            let opened = Odb::open(Rc::clone(&repository.backend)).await;
            assert!(opened.is_err_and(|error| is_absent(&error)));
            let catalog = gitside::store::catalog::Catalog::open(Rc::clone(&storage))
                .await
                .unwrap();
            let writer = catalog.writer(&repository, gitside::host::Wait::No).await.unwrap();
            assert!(writer.sweep().await.is_err_and(|error| is_absent(&error)));
            assert_eq!(rows(&*repository.backend).await.len(), before);
        });
    }
}

#[test]
fn a_large_blob_streams_and_its_last_piece_waits_for_the_hash() {
    let content = Random(77).bytes(3_000_001);
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Blob, b"something before, so that a header may lie anywhere");
    let oid = pack.whole(Kind::Blob, &content);
    let (bytes, index) = pack.finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &bytes, &index).await;
        let limits = OdbLimits {
            object_bytes: 1 << 20,
            ..OdbLimits::default()
        };
        let odb = Odb::with_limits(Rc::clone(&repository.backend), limits).await.unwrap();
        let size = content.len() as u64;
        let limit = 1 << 20;
        assert_eq!(odb.read(&oid).await, Err(StoreError::TooLarge { oid, size, limit }));
        let (pieces, end) = drain(&Rc::new(odb), oid).await;
        assert_eq!(end, Ok(()));
        assert!(pieces.len() > 10 && pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 1 << 18));
        assert_eq!(pieces.concat(), content);
        // Damage, late and early, in what is stored: never all bytes, never a wrong end.
        for (table, key, row) in rows(&*repository.backend)
            .await
            .into_iter()
            .filter(|row| row.0 == Table::Chunks)
        {
            for at in [row.len() / 3, row.len() - 30] {
                let mut damaged = row.clone();
                damaged[at] ^= 4;
                put(&*repository.backend, table, &key, damaged).await;
                let odb = Odb::with_limits(Rc::clone(&repository.backend), limits).await.unwrap();
                let (pieces, end) = drain(&Rc::new(odb), oid).await;
                assert!(matches!(end, Err(StoreError::Object { .. })), "{end:?}");
                assert!(pieces.concat().len() < content.len());
            }
            put(&*repository.backend, table, &key, row).await;
        }
    });
}

async fn drain(odb: &Rc<Odb>, oid: ObjectId) -> (Vec<Vec<u8>>, Result<(), StoreError>) {
    let mut pieces = Vec::new();
    let mut stream = match odb.stream(&oid).await {
        Ok(stream) => stream,
        Err(error) => return (pieces, Err(error)),
    };
    loop {
        match stream.next().await {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => return (pieces, Ok(())),
            Err(error) => return (pieces, Err(error)),
        }
    }
}

#[test]
fn what_is_staged_is_read_back_whatever_stays_in_memory() {
    let pack = Random(5).bytes(3 * CHUNK_BYTES as usize + 4321);
    let storage = storage();
    run(async {
        let catalog = gitside::store::catalog::Catalog::open(Rc::clone(&storage))
            .await
            .unwrap();
        let reservation = catalog.reserve("a").await.unwrap();
        for keep in [0, CHUNK_BYTES as usize, 64 << 20] {
            let writer = &reservation.writer;
            let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), keep);
            for bytes in pack.chunks(70_001) {
                sink.write(bytes).await.unwrap();
            }
            assert_eq!(sink.bytes(), pack.len() as u64);
            let mut staged = sink.finish().await.unwrap();
            let mut random = Random(9);
            for _ in 0..200 {
                let start = random.next() % pack.len() as u64;
                let end = (start + random.next() % 400_000).min(pack.len() as u64);
                if staged.get(start..end).is_none() {
                    assert!(keep < pack.len(), "everything is kept");
                    staged.load(start..end).await.unwrap();
                }
                let expected = &pack[start as usize..end as usize];
                assert_eq!(staged.get(start..end).as_deref(), Some(expected), "{start}..{end}");
            }
            assert_eq!(staged.get(0..pack.len() as u64 + 1), None);
        }
    });
}

#[test]
fn of_a_pack_that_does_not_fit_in_memory_the_front_stays_and_the_rest_is_read_back() {
    const MIB: u64 = 1 << 20;
    let storage = storage();
    run(async {
        let catalog = gitside::store::catalog::Catalog::open(Rc::clone(&storage))
            .await
            .unwrap();
        let reservation = catalog.reserve("a").await.unwrap();
        let writer = &reservation.writer;
        // Told at once, or when there is less room than was thought.
        for (keep, told, stays) in [(36, 36, 32), (64, 33, 32), (64, 1, 32), (8, 8, 8)] {
            let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), keep << 20);
            for number in 0..40u8 {
                sink.write(&vec![number; 1 << 20]).await.unwrap();
                sink.keep(told << 20);
            }
            let mut staged = sink.finish().await.unwrap();
            let held = (0..40u64).take_while(|at| staged.get(at * MIB..(at + 1) * MIB).is_some());
            assert_eq!(held.count(), stays, "{keep} MiB, {told} MiB");
            assert!((stays as u64..40).all(|at| staged.get(at * MIB..(at + 1) * MIB).is_none()));
            for at in 0..40u8 {
                let range = u64::from(at) * MIB..u64::from(at) * MIB + 9;
                if staged.get(range.clone()).is_none() {
                    staged.load(range.clone()).await.unwrap();
                }
                assert_eq!(staged.get(range).as_deref(), Some(&[at; 9][..]));
            }
        }
    });
}

#[test]
fn the_stored_pack_and_its_index_are_exported_as_they_came() {
    let (pack, index) = sample().finish();
    let storage = storage();
    run(async {
        let repository = clone(&storage, "a", &pack, &index).await;
        let odb = Odb::open(Rc::clone(&repository.backend)).await.unwrap();
        let [live] = odb.packs()[..] else { panic!() };
        assert_eq!(
            (live.objects as usize, live.checksum),
            (index.entries.len(), index.checksum)
        );
        assert_eq!(odb.pack_index(&live).await.unwrap(), index);
        let mut exported = Vec::new();
        loop {
            let bytes = odb.pack_bytes(&live, exported.len() as u64).await.unwrap();
            if bytes.is_empty() {
                break;
            }
            exported.extend(bytes);
        }
        assert_eq!(exported, pack);
    });
}

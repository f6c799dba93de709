//! Refs: packed and single, symbolic, in each other's way; and the fence of their writers.

use std::rc::Rc;

use gitside::format::oid::ObjectId;
use gitside::host::{Storage, Wait};
use gitside::store::catalog::{Catalog, Repository};
use gitside::store::memory::MemoryStorage;
use gitside::store::meta::{Meta, Stats};
use gitside::store::publish::{Publication, RefUpdate, Writer};
use gitside::store::refs::{Ref, Refs, Resolved, Target};
use gitside::store::{RefProblem, StoreError};

use crate::support::{new_ref, run};

fn oid(n: usize) -> ObjectId {
    let mut bytes = [1; 20];
    bytes[12..].copy_from_slice(&(n as u64).to_be_bytes());
    ObjectId::new(bytes)
}

fn symbolic(name: &str, to: &str) -> RefUpdate {
    RefUpdate {
        name: name.into(),
        expect: None,
        new: Some(Target::Symbolic(to.into())),
        peeled: None,
    }
}

fn delete(name: &str) -> RefUpdate {
    RefUpdate {
        name: name.into(),
        expect: None,
        new: None,
        peeled: None,
    }
}

fn update(name: &str, from: Option<ObjectId>, to: ObjectId) -> RefUpdate {
    RefUpdate {
        expect: Some(from),
        ..new_ref(name, to)
    }
}

async fn publish(writer: &Writer, create: bool, updates: Vec<RefUpdate>) -> Result<(), StoreError> {
    let mut publication = Publication::new(writer);
    if create {
        publication.create();
    }
    for update in updates {
        publication.update(update);
    }
    publication.commit().await
}

async fn repository(updates: Vec<RefUpdate>) -> (Catalog, Repository) {
    let storage: Rc<dyn Storage> = Rc::new(MemoryStorage::new());
    let catalog = Catalog::open(storage).await.unwrap();
    let reservation = catalog.reserve("a").await.unwrap();
    publish(&reservation.writer, true, updates).await.unwrap();
    let repository = catalog.confirm(reservation).await.unwrap();
    (catalog, repository)
}

async fn names(refs: &Refs, prefix: &str) -> Vec<String> {
    let found = refs.list(prefix.as_bytes()).await.unwrap();
    found
        .into_iter()
        .map(|found| String::from_utf8(found.name).unwrap())
        .collect()
}

#[test]
fn thousands_of_packed_refs_are_found_listed_and_overlaid_by_single_ones() {
    run(async {
        let name = |n: usize| format!("refs/tags/v{n:05}");
        let mut updates: Vec<RefUpdate> = (0..5000).map(|n| new_ref(&name(n), oid(n))).collect();
        for tag in updates.iter_mut().step_by(3) {
            tag.peeled = Some(oid(77));
        }
        updates.push(new_ref("refs/heads/main", oid(1)));
        updates.push(symbolic("HEAD", "refs/heads/main"));
        let (catalog, repository) = repository(updates).await;
        let refs = Refs::new(Rc::clone(&repository.backend));
        for n in (0..5000).step_by(487).chain([0, 4999]) {
            let found = refs.get(name(n).as_bytes()).await.unwrap();
            let expected = Ref {
                name: name(n).into(),
                target: Target::Direct(oid(n)),
                peeled: n.is_multiple_of(3).then(|| oid(77)),
            };
            assert_eq!(found, Some(expected));
        }
        for absent in ["refs/tags/v0500", "refs/tags/v050000", "refs/a", "refs/zzz", "A", ""] {
            assert_eq!(refs.get(absent.as_bytes()).await, Ok(None), "{absent}");
        }
        let all: Vec<String> = (0..5000).map(name).collect();
        assert_eq!(names(&refs, "refs/tags/").await, all);
        assert_eq!(names(&refs, "refs/tags/v049").await, &all[4900..5000]);
        assert_eq!(names(&refs, "refs/tags/v04999").await, &all[4999..]);
        assert_eq!(names(&refs, "refs/heads/").await, ["refs/heads/main"]);
        assert_eq!(names(&refs, "").await.len(), 5002);
        let writer = catalog.writer(&repository, Wait::No).await.unwrap();
        let changes = vec![
            delete(&name(7)),
            update(&name(8), Some(oid(8)), oid(9)),
            new_ref("refs/tags/v00007a", oid(3)),
            delete("refs/tags/never-there"),
        ];
        publish(&writer, false, changes).await.unwrap();
        assert_eq!(refs.get(name(7).as_bytes()).await, Ok(None));
        assert_eq!(
            refs.get(name(8).as_bytes()).await.unwrap().unwrap().target,
            Target::Direct(oid(9))
        );
        assert_eq!(
            names(&refs, "refs/tags/v0000").await,
            ["0", "1", "2", "3", "4", "5", "6", "7a", "8", "9"].map(|n| format!("refs/tags/v0000{n}"))
        );
        publish(&writer, false, vec![new_ref(&name(7), oid(70))]).await.unwrap();
        assert_eq!(
            names(&refs, "refs/tags/v00007").await.len(),
            2,
            "deleted and made again"
        );
    });
}

#[test]
fn symbolic_refs_are_followed_five_deep_and_no_deeper() {
    run(async {
        let mut updates = vec![new_ref("refs/heads/main", oid(1)), symbolic("HEAD", "refs/x/0")];
        updates.extend((0..3).map(|n| symbolic(&format!("refs/x/{n}"), &format!("refs/x/{}", n + 1))));
        updates.push(symbolic("refs/x/3", "refs/heads/main"));
        updates.push(symbolic("refs/deep", "HEAD"));
        updates.push(symbolic("refs/loop", "refs/loop"));
        updates.push(symbolic("refs/unborn", "refs/heads/none"));
        let (_, repository) = repository(updates).await;
        let refs = Refs::new(repository.backend);
        let main = Resolved {
            name: b"refs/heads/main".to_vec(),
            oid: Some(oid(1)),
        };
        assert_eq!(refs.resolve(b"refs/heads/main").await, Ok(Some(main.clone())));
        assert_eq!(refs.resolve(b"HEAD").await, Ok(Some(main)), "five steps");
        for name in [&b"refs/deep"[..], b"refs/loop"] {
            let loops = refs.resolve(name).await;
            assert!(
                matches!(
                    loops,
                    Err(StoreError::Ref {
                        problem: RefProblem::Loop,
                        ..
                    })
                ),
                "{loops:?}"
            );
        }
        let unborn = Resolved {
            name: b"refs/heads/none".to_vec(),
            oid: None,
        };
        assert_eq!(refs.resolve(b"refs/unborn").await, Ok(Some(unborn)));
        assert_eq!(refs.resolve(b"refs/none").await, Ok(None));
    });
}

#[test]
fn an_update_that_is_not_as_expected_in_the_way_or_invalid_changes_nothing() {
    run(async {
        let (catalog, repository) =
            repository(vec![new_ref("refs/heads/a/b", oid(1)), new_ref("refs/heads/c", oid(2))]).await;
        let writer = catalog.writer(&repository, Wait::No).await.unwrap();
        let refs = Refs::new(Rc::clone(&repository.backend));
        let before = refs.list(b"").await.unwrap();
        let moved = |expected, found| RefProblem::Moved { expected, found };
        let by = |name: &str| RefProblem::Occupied { by: name.into() };
        let cases = [
            (
                update("refs/heads/c", Some(oid(3)), oid(4)),
                moved(Some(oid(3)), Some(oid(2))),
            ),
            (update("refs/heads/c", None, oid(4)), moved(None, Some(oid(2)))),
            (update("refs/heads/d", Some(oid(3)), oid(4)), moved(Some(oid(3)), None)),
            (new_ref("refs/heads/a", oid(3)), by("refs/heads/a/b")),
            (new_ref("refs/heads/a/b/c", oid(3)), by("refs/heads/a/b")),
            (new_ref("refs/heads/fresh/x", oid(3)), by("refs/heads/fresh")),
            (new_ref("refs/heads/..", oid(3)), RefProblem::Invalid),
            (new_ref("refs/heads/x.lock", oid(3)), RefProblem::Invalid),
            (new_ref("", oid(3)), RefProblem::Invalid),
            (symbolic("HEAD", "refs/heads/ "), RefProblem::Invalid),
            (new_ref("refs/heads/fresh", oid(3)), RefProblem::Invalid),
        ];
        for (update, problem) in cases {
            let name = update.name.clone();
            let first = new_ref("refs/heads/fresh", oid(9));
            // The last case names a ref twice.
            let refused = publish(&writer, false, vec![first, update]).await;
            let fresh = b"refs/heads/fresh".to_vec();
            match refused {
                Err(StoreError::Ref {
                    name: found,
                    problem: why,
                }) => {
                    assert!(why == problem || found == fresh, "{why:?}");
                    assert!(found == name || found == fresh);
                }
                other => panic!("{}: {other:?}", name.escape_ascii()),
            }
            assert_eq!(refs.list(b"").await.unwrap(), before);
        }
        // A directory whose last ref leaves in the same batch is free.
        publish(
            &writer,
            false,
            vec![delete("refs/heads/a/b"), new_ref("refs/heads/a", oid(5))],
        )
        .await
        .unwrap();
        assert_eq!(names(&refs, "").await, ["refs/heads/a", "refs/heads/c"]);
    });
}

#[test]
fn a_writer_whose_lock_was_stolen_writes_nothing() {
    run(async {
        let (catalog, repository) = repository(vec![new_ref("refs/heads/a", oid(1))]).await;
        let victim = catalog.writer(&repository, Wait::No).await.unwrap();
        assert_eq!(
            catalog.writer(&repository, Wait::No).await.err(),
            Some(StoreError::Busy)
        );
        let thief = catalog.writer(&repository, Wait::Steal).await.unwrap();
        assert!(thief.generation() > victim.generation());
        assert_ne!(thief.new_pack(), victim.new_pack());
        let change = vec![update("refs/heads/a", Some(oid(1)), oid(2))];
        assert_eq!(publish(&victim, false, change.clone()).await, Err(StoreError::Fenced));
        publish(&thief, false, change).await.unwrap();
        let refs = Refs::new(Rc::clone(&repository.backend));
        assert_eq!(refs.resolve(b"refs/heads/a").await.unwrap().unwrap().oid, Some(oid(2)));
        drop(thief);
        assert!(catalog.writer(&repository, Wait::No).await.is_ok());
    });
}

#[test]
fn the_small_rows_are_read_back_and_an_empty_shallow_list_is_none() {
    run(async {
        let (catalog, repository) = repository(Vec::new()).await;
        let meta = Meta::new(Rc::clone(&repository.backend));
        assert_eq!((meta.url().await, meta.config().await), (Ok(None), Ok(Vec::new())));
        assert_eq!(
            (meta.stats().await, meta.shallow().await),
            (Ok(Stats::default()), Ok(Vec::new()))
        );
        let writer = catalog.writer(&repository, Wait::No).await.unwrap();
        let stats = Stats {
            objects: 3,
            bytes: 1 << 40,
            packs: 2,
            last_fetched: Some(-5),
        };
        let mut publication = Publication::new(&writer);
        publication
            .url("https://example.org/é.git".to_owned())
            .config(b"[core]\n".to_vec());
        publication.stats(stats).shallow(vec![oid(3), oid(1), oid(3)]);
        publication.commit().await.unwrap();
        assert_eq!(meta.url().await, Ok(Some("https://example.org/é.git".to_owned())));
        assert_eq!(meta.config().await, Ok(b"[core]\n".to_vec()));
        assert_eq!(meta.stats().await, Ok(stats));
        assert_eq!(meta.shallow().await, Ok(vec![oid(1), oid(3)]));
        let mut publication = Publication::new(&writer);
        publication.shallow(Vec::new());
        publication.commit().await.unwrap();
        assert_eq!(meta.shallow().await, Ok(Vec::new()));
        assert_eq!(
            publish(&writer, true, Vec::new()).await,
            Err(StoreError::Taken),
            "it exists"
        );
    });
}

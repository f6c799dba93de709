//! Twenty thousand refs: what is done with one of them, or with some, takes some rows and not all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::format::oid::ObjectId;
use gitside::host::Wait;
use gitside::store::catalog::{Catalog, Repository};
use gitside::store::memory::MemoryStorage;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Refs;
use gitside::store::{RefProblem, StoreError};

use crate::faulty::{Faulty, Kill, Plan};
use crate::support::{new_ref, run};

const MANY: usize = 20_000;

fn name(number: usize) -> String {
    format!("refs/heads/team-{}/change-{number:05}", number * 7 / MANY)
}

fn oid(number: usize) -> ObjectId {
    let mut bytes = [3; 20];
    bytes[12..].copy_from_slice(&(number as u64).to_be_bytes());
    ObjectId::new(bytes)
}

/// Whatever it holds.
fn update(name: &str, new: Option<usize>) -> RefUpdate {
    RefUpdate {
        expect: None,
        new: new.and_then(|number| new_ref("", oid(number)).new),
        ..new_ref(name, oid(0))
    }
}

struct World {
    plan: Rc<Plan>,
    catalog: Catalog,
    repository: Repository,
    refs: Refs,
}

impl World {
    async fn new() -> World {
        let plan = Rc::new(Plan {
            left: Cell::new(0),
            kill: Kill::Fail,
            calls: Cell::new(0),
            rows: Cell::new(0),
            after_commit: RefCell::new(Box::new(|| ())),
        });
        let catalog = Catalog::open(Rc::new(Faulty {
            inner: Rc::new(MemoryStorage::new()),
            plan: Rc::clone(&plan),
        }));
        let catalog = catalog.await.unwrap();
        let reservation = catalog.reserve("a").await.unwrap();
        let mut publication = Publication::new(&reservation.writer);
        publication.create();
        for number in 0..MANY {
            publication.update(new_ref(&name(number), oid(number)));
        }
        publication.commit().await.unwrap();
        let repository = catalog.confirm(reservation).await.unwrap();
        let refs = Refs::new(Rc::clone(&repository.backend));
        World {
            plan,
            catalog,
            repository,
            refs,
        }
    }

    async fn publish(&self, updates: Vec<RefUpdate>) -> (Result<(), StoreError>, usize) {
        let writer = self.catalog.writer(&self.repository, Wait::No).await.unwrap();
        self.plan.rows.set(0);
        let mut publication = Publication::new(&writer);
        for update in updates {
            publication.update(update);
        }
        let done = publication.commit().await;
        (done, self.plan.rows.get())
    }
}

#[test]
fn a_ref_is_found_made_moved_and_deleted_with_some_rows_of_many() {
    run(async {
        let world = World::new().await;
        world.plan.rows.set(0);
        let found = world.refs.get(name(11_111).as_bytes()).await.unwrap();
        assert_eq!(found.map(|found| found.target), new_ref("", oid(11_111)).new);
        assert!(world.plan.rows.get() <= 3);
        for (what, name, new) in [
            ("made", "refs/heads/team-3/another".to_owned(), Some(1)),
            ("made in a directory of its own", "refs/tags/v1".to_owned(), Some(1)),
            ("moved", name(9_999), Some(5)),
            ("deleted", name(10_000), None),
        ] {
            let (done, rows) = world.publish(vec![update(&name, new)]).await;
            assert_eq!(done, Ok(()), "{what}");
            assert!(rows <= 12, "{what}: {rows} rows");
            let found = world.refs.get(name.as_bytes()).await.unwrap();
            assert_eq!(found.is_some(), new.is_some(), "{what}");
        }
    });
}

#[test]
fn what_is_in_the_way_is_found_wherever_it_is_among_many() {
    run(async {
        let world = World::new().await;
        let (done, _) = world.publish(vec![new_ref("refs/heads/single/one", oid(1))]).await;
        assert_eq!(done, Ok(()));
        for (new, by) in [
            ("refs/heads/team-0", name(0)),
            ("refs/heads/team-3", name((MANY * 3).div_ceil(7))),
            ("refs/heads/team-6/change-19999/x", name(MANY - 1)),
            ("refs/heads/team-2/change-07000/x/y", name(7000)),
            ("refs/heads", name(0)),
            ("refs/heads/single", "refs/heads/single/one".to_owned()),
            ("refs/heads/single/one/more", "refs/heads/single/one".to_owned()),
        ] {
            let (done, rows) = world.publish(vec![new_ref(new, oid(2))]).await;
            let Err(StoreError::Ref { name: refused, problem }) = done else {
                panic!("{new}: {done:?}");
            };
            assert_eq!(refused, new.as_bytes());
            if new != "refs/heads" {
                assert_eq!(problem, RefProblem::Occupied { by: by.into() }, "{new}");
                assert!(rows <= 12, "{new}: {rows} rows");
            }
        }
        // What is deleted with it is in nobody's way.
        let made = update("refs/heads/team-2/change-07000/x", Some(4));
        let (done, _) = world.publish(vec![update(&name(7000), None), made]).await;
        assert_eq!(done, Ok(()));
    });
}

#[test]
fn a_walk_brings_packed_and_single_refs_together_in_order_and_some_at_a_time() {
    run(async {
        let world = World::new().await;
        let mut expected: Vec<(String, usize)> = (0..MANY).map(|number| (name(number), number)).collect();
        let mut updates = Vec::new();
        for number in (0..MANY).step_by(7) {
            let (moved, made) = (name(number), format!("{}-made", name(number)));
            expected[number].1 = number + 1;
            updates.push(update(&moved, Some(number + 1)));
            updates.push(update(&made, Some(number)));
            expected.push((made, number));
        }
        let gone: Vec<String> = (3..MANY).step_by(11).map(name).collect();
        updates.retain(|update| !gone.iter().any(|name| name.as_bytes() == update.name));
        expected.retain(|(name, _)| gone.binary_search(name).is_err());
        updates.extend(gone.iter().map(|name| update(name, None)));
        expected.sort();
        assert_eq!(world.publish(updates).await.0, Ok(()));
        for prefix in [
            "",
            "refs/heads/team-4/",
            "refs/heads/team-5/change-15",
            "refs/tags/",
            &name(7),
        ] {
            world.plan.rows.set(0);
            let mut walk = world.refs.walk(prefix.as_bytes()).await.unwrap();
            let mut found = Vec::new();
            while let Some(some) = walk.next().await.unwrap() {
                assert!(!some.is_empty() && some.len() < MANY / 2);
                found.extend(some.into_iter().map(|found| (found.name, found.target)));
            }
            let expected = expected.iter().filter(|(name, _)| name.starts_with(prefix));
            let expected: Vec<_> = expected
                .map(|(name, number)| (name.clone().into_bytes(), new_ref("", oid(*number)).new.unwrap()))
                .collect();
            assert!(found == expected, "{prefix}");
            if prefix.ends_with("-15") {
                assert!(world.plan.rows.get() < MANY / 8, "{} rows", world.plan.rows.get());
            }
        }
    });
}

//! Storage that fails, hangs or dies at every possible moment of making a repository: afterwards
//! the whole repository is there or nothing is, and nothing is left over after a sweep. And every
//! prefix of the transactions is a state that makes sense.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::pack::PackIndex;
use gitside::host::{Storage, StorageError};
use gitside::store::StoreError;
use gitside::store::catalog::Catalog;
use gitside::store::memory::MemoryStorage;
use gitside::store::odb::Odb;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::Publication;
use gitside::store::refs::Refs;

use crate::faulty::{Faulty, KILLS, Kill, Plan};
use crate::support::{PackBuilder, Random, first_refs, run, try_run};

fn sample() -> (Vec<u8>, PackIndex) {
    let mut pack = PackBuilder::new();
    let mut random = Random(3);
    pack.whole(Kind::Commit, b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n");
    for _ in 0..3 {
        pack.whole(Kind::Blob, &random.bytes(450_000));
    }
    pack.longer(2, b"more", false);
    pack.finish()
}

/// What a clone does to storage.
async fn make(storage: Rc<dyn Storage>, pack: &[u8], index: &PackIndex) -> Result<(), StoreError> {
    let catalog = Catalog::open(storage).await?;
    let reservation = catalog.reserve("a").await?;
    let made = async {
        let writer = &reservation.writer;
        let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 0);
        for bytes in pack.chunks(65_000) {
            sink.write(bytes).await?;
        }
        let mut staged = sink.finish().await?;
        staged.load(0..pack.len() as u64).await?;
        let ready = staged.write_index(index).await?;
        let mut publication = Publication::new(writer);
        publication.create().pack(ready);
        first_refs(&mut publication, index);
        publication.commit().await
    };
    match made.await {
        Ok(()) => catalog.confirm(reservation).await.map(drop),
        Err(error) => {
            catalog.discard(reservation).await?;
            Err(error)
        }
    }
}

/// Opens everything anew, as another tab would. Answers whether the repository is there; panics if
/// it is there in part, or if something else is.
async fn whole_or_nothing(storage: Rc<dyn Storage>, empty: u64, bytes: impl Fn() -> u64, index: &PackIndex) -> bool {
    let catalog = Catalog::open(Rc::clone(&storage)).await.unwrap();
    let databases = storage.databases("gitside:repo:").await.unwrap().unwrap();
    let repository = match catalog.lookup("a").await {
        Ok(repository) => repository,
        Err(StoreError::NotFound) => {
            assert_eq!((databases, bytes()), (Vec::<String>::new(), empty), "something is left");
            return false;
        }
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(catalog.list().await.unwrap(), ["a"]);
    assert_eq!(databases.len(), 1);
    let refs = Refs::new(Rc::clone(&repository.backend));
    let head = refs.resolve(b"HEAD").await.unwrap().unwrap();
    assert_eq!(
        (head.name, head.oid),
        (b"refs/heads/main".to_vec(), Some(index.entries[0].oid))
    );
    let odb = Odb::open(repository.backend).await.unwrap();
    for entry in &index.entries {
        assert_eq!(odb.read(&entry.oid).await.unwrap().data.len() as u64, entry.size);
    }
    true
}

/// Makes a repository on storage that strikes at the `at`-th call. What is left, and how many calls
/// there were.
fn attempt(
    at: usize,
    kill: Kill,
    after_commit: Box<dyn FnMut()>,
    (pack, index): &(Vec<u8>, PackIndex),
) -> (Rc<MemoryStorage>, Option<Result<(), StoreError>>, usize) {
    let memory = Rc::new(MemoryStorage::new());
    attempt_on(&memory, at, kill, after_commit, pack, index)
}

fn attempt_on(
    memory: &Rc<MemoryStorage>,
    at: usize,
    kill: Kill,
    after_commit: Box<dyn FnMut()>,
    pack: &[u8],
    index: &PackIndex,
) -> (Rc<MemoryStorage>, Option<Result<(), StoreError>>, usize) {
    let plan = Rc::new(Plan {
        left: Cell::new(at),
        kill,
        calls: Cell::new(0),
        rows: Cell::new(0),
        after_commit: RefCell::new(after_commit),
    });
    let faulty = Faulty {
        inner: Rc::clone(memory) as Rc<dyn Storage>,
        plan: Rc::clone(&plan),
    };
    let result = try_run(make(Rc::new(faulty), pack, index));
    (Rc::clone(memory), result, plan.calls.get())
}

fn empty() -> u64 {
    let memory = Rc::new(MemoryStorage::new());
    run(Catalog::open(Rc::clone(&memory) as Rc<dyn Storage>)).unwrap();
    memory.bytes()
}

#[test]
fn whatever_call_fails_hangs_or_is_the_last_the_repository_is_whole_or_gone() {
    let sample = sample();
    let (pack, index) = (&sample.0, &sample.1);
    let empty = empty();
    let mut there = 0;
    let mut runs = 0;
    for kill in KILLS {
        for at in 1.. {
            let (memory, result, calls) = attempt(at, kill, Box::new(|| ()), &sample);
            let storage = Rc::clone(&memory) as Rc<dyn Storage>;
            let is_there = run(whole_or_nothing(storage, empty, || memory.bytes(), index));
            if calls < at {
                assert_eq!(result, Some(Ok(())));
                assert!(is_there && at > 15, "only {at} calls");
                break;
            }
            assert_eq!(
                result.is_none(),
                matches!(kill, Kill::Hang | Kill::HangLate),
                "{kill:?} at {at}: {result:?}"
            );
            if let Some(Ok(())) = result {
                assert!(is_there, "{kill:?} at {at}: it was acknowledged");
            }
            there += usize::from(is_there);
            runs += 1;
            // And the name can be used again.
            if !is_there {
                let (_, again, _) = attempt_on(&memory, 0, kill, Box::new(|| ()), pack, index);
                assert_eq!(again, Some(Ok(())));
            }
        }
    }
    assert!(runs >= 60 && there > 5 && there < runs / 2, "{there} of {runs}");
}

#[test]
fn every_prefix_of_the_transactions_is_nothing_or_the_whole() {
    // The death of the tab right after the n-th commit, by stopping there.
    let sample = sample();
    let (pack, index) = (&sample.0, &sample.1);
    let empty = empty();
    let commits = Rc::new(Cell::new(0));
    let count = Rc::clone(&commits);
    attempt(0, Kill::Hang, Box::new(move || count.set(count.get() + 1)), &sample);
    let all = commits.get();
    assert!(all >= 6, "{all} commits");
    let mut seen = Vec::new();
    for stop in 1..=all {
        let memory = Rc::new(MemoryStorage::new());
        let plan = Rc::new(Plan {
            left: Cell::new(0),
            kill: Kill::Hang,
            calls: Cell::new(0),
            rows: Cell::new(0),
            after_commit: RefCell::new(Box::new(|| ())),
        });
        let (strike, count) = (Rc::clone(&plan), Cell::new(0));
        drop(plan.after_commit.replace(Box::new(move || {
            count.set(count.get() + 1);
            if count.get() == stop {
                // The next call, whatever it is, never returns.
                strike.left.set(1);
            }
        })));
        let faulty = Faulty {
            inner: Rc::clone(&memory) as Rc<dyn Storage>,
            plan,
        };
        let result = try_run(make(Rc::new(faulty), pack, index));
        assert!(result.is_none() || stop == all);
        let storage = Rc::clone(&memory) as Rc<dyn Storage>;
        seen.push(run(whole_or_nothing(storage, empty, || memory.bytes(), index)));
    }
    // Nothing, nothing, …, and from the publishing transaction on the whole.
    let published = seen.iter().position(|there| *there).unwrap();
    assert_eq!(published, all - 2, "the last but one publishes, the last confirms");
    assert!(seen[published..].iter().all(|there| *there), "{seen:?}");
}

#[test]
fn without_room_at_any_level_it_fails_cleanly_and_works_once_there_is_room() {
    let sample = sample();
    let (pack, index) = (&sample.0, &sample.1);
    let empty = empty();
    let needed = {
        let (memory, result, _) = attempt(0, Kill::Fail, Box::new(|| ()), &sample);
        assert_eq!(result, Some(Ok(())));
        memory.bytes()
    };
    for level in 0..20 {
        let memory = Rc::new(MemoryStorage::new());
        memory.set_limit(Some(needed * level / 20));
        let (_, result, _) = attempt_on(&memory, 0, Kill::Fail, Box::new(|| ()), pack, index);
        let quota = matches!(result, Some(Err(StoreError::Storage(StorageError::Quota { .. }))));
        assert!(quota, "level {level}: {result:?}");
        memory.set_limit(None);
        let storage = Rc::clone(&memory) as Rc<dyn Storage>;
        assert!(
            !run(whole_or_nothing(storage, empty, || memory.bytes(), index)),
            "level {level}"
        );
        let (_, again, _) = attempt_on(&memory, 0, Kill::Fail, Box::new(|| ()), pack, index);
        assert_eq!(again, Some(Ok(())), "level {level}");
    }
}

//! What is kept, for how long, and what stops it all.

use std::collections::BTreeSet;

use gitside::error::{Code, Failure};
use gitside::format::oid::ObjectId;
use gitside::format::reflog::Who;
use gitside::host::{Batch, Change, Table};
use gitside::ops::gc::{Grace, Options, gc};
use gitside::ops::write;
use gitside::store::publish::RefUpdate;
use gitside::store::reflog::Reflogs;
use gitside::store::refs::Target;
use gitside::task::{Event, Task};

use crate::history::{Growing, all, pack_of, reachable};
use crate::support::run;
use crate::world::{From, NOW, World, ids, read_all};

const DAY: u64 = 24 * 60 * 60;
const WEEK: Grace = Grace::Seconds(7 * DAY);

fn code(result: Result<impl std::fmt::Debug, Failure>) -> Code {
    match result {
        Err(Failure::Error(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

/// Eight commits, all of them in one pack; `main` at the last.
fn grown(scratch: &tempfile::TempDir) -> (Growing, World, Vec<ObjectId>) {
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let commits = (0..8).map(|_| growing.grow()).collect::<Vec<_>>();
    let world = World::new();
    world.pack(&pack_of(&growing.git, &all(&growing.git)), From::Remote);
    world.refs(&[("refs/heads/main", commits.last().copied())]);
    (growing, world, commits)
}

/// What a commit reaches, by git.
fn below(growing: &Growing, commit: ObjectId) -> BTreeSet<ObjectId> {
    growing
        .git
        .git(["update-ref", "refs/heads/main", &commit.to_hex()])
        .unwrap();
    reachable(&growing.git)
}

#[test]
fn what_nothing_reaches_stays_for_its_time_from_when_that_was_first_seen() {
    let scratch = tempfile::tempdir().unwrap();
    let (growing, world, commits) = grown(&scratch);
    let stored = all(&growing.git);
    let sets: Vec<_> = commits.iter().map(|commit| below(&growing, *commit)).collect();
    let start = world.clock.0.get();
    let day = |day: u64| world.clock.0.set(start + i64::try_from(day * DAY).unwrap());
    // Two commits are lost on day 0, two more on day 3.
    world.refs(&[("refs/heads/main", Some(commits[6]))]);
    assert_eq!(world.gc(WEEK).unwrap().packs, 2);
    day(3);
    world.refs(&[("refs/heads/main", Some(commits[4]))]);
    let report = world.gc(WEEK).unwrap();
    assert_eq!((report.packs, report.dropped), (2, 0));
    assert_eq!(ids(&world.open()), stored);
    read_all(&world.open(), &stored);
    // Nothing to do, so nothing is written.
    day(6);
    let bytes = world.storage.bytes();
    assert_eq!(world.gc(WEEK).unwrap().dropped, 0);
    assert_eq!(world.storage.bytes(), bytes);
    // The time of the first is over; those of the second need none of them.
    day(8);
    let report = world.gc(WEEK).unwrap();
    assert_eq!(report.dropped, (stored.len() - sets[6].len()) as u64);
    assert_eq!(ids(&world.open()), sets[6]);
    // One of the second is needed again.
    world.refs(&[("refs/heads/back", Some(commits[5]))]);
    day(11);
    let report = world.gc(WEEK).unwrap();
    assert_eq!((report.packs, report.objects), (1, sets[5].len() as u64));
    assert_eq!(ids(&world.open()), sets[5]);
    read_all(&world.open(), &sets[5]);
    // Lost again, it has its whole time before it.
    world.refs(&[("refs/heads/back", None)]);
    assert_eq!(world.gc(WEEK).unwrap().dropped, 0);
    day(17);
    assert_eq!(world.gc(WEEK).unwrap().dropped, 0);
    assert_eq!(world.gc(Grace::Forever).unwrap().dropped, 0);
    day(18);
    assert_eq!(world.gc(WEEK).unwrap().objects, sets[4].len() as u64);
    assert_eq!(ids(&world.open()), sets[4]);
    assert_eq!(world.leaked(), 0);
}

#[test]
fn what_a_younger_unreachable_object_needs_outlives_its_own_time() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut growing, world, commits) = grown(&scratch);
    let stored = all(&growing.git);
    world.refs(&[("refs/heads/main", Some(commits[2]))]);
    world.gc(WEEK).unwrap();
    let start = world.clock.0.get();
    // A commit on top of the lost ones comes five days later, and is lost at once.
    let child = growing.grow();
    let fresh: Vec<ObjectId> = all(&growing.git).difference(&stored).copied().collect();
    world.rows(&growing.git, &fresh);
    world.clock.0.set(start + 5 * DAY as i64);
    world.gc(WEEK).unwrap();
    world.clock.0.set(start + 8 * DAY as i64);
    let all_below = below(&growing, child);
    assert_eq!(
        world.gc(WEEK).unwrap().dropped,
        (all(&growing.git).len() - all_below.len()) as u64
    );
    assert_eq!(ids(&world.open()), all_below);
    world.clock.0.set(start + 12 * DAY as i64);
    world.gc(WEEK).unwrap();
    assert_eq!(ids(&world.open()), below(&growing, commits[2]));
}

#[test]
fn what_reflogs_name_is_kept_until_their_entries_are_too_old() {
    let scratch = tempfile::tempdir().unwrap();
    let (growing, world, commits) = grown(&scratch);
    let stored = all(&growing.git);
    let who = |time| std::rc::Rc::new(Who { time, ..Who::default() });
    let start = world.clock.0.get();
    for commit in [commits[7], commits[3]] {
        world.publish(async |_, publication, _| {
            let update = RefUpdate {
                name: b"refs/heads/main".to_vec(),
                expect: None,
                new: Some(Target::Direct(commit)),
                peeled: None,
            };
            publication.config(b"[core]\n\tlogAllRefUpdates = always\n".to_vec());
            publication.update_logged(update, &who(start), "reset");
        });
    }
    let entries = || {
        run(Reflogs::new(world.open().backend).entries(b"refs/heads/main"))
            .unwrap()
            .len()
    };
    assert_eq!((world.gc(NOW).unwrap().dropped, entries()), (0, 1));
    assert_eq!(ids(&world.open()), stored);
    // What the ref reaches no more is forgotten after 30 days.
    world.clock.0.set(start + 29 * DAY as i64);
    assert_eq!((world.gc(NOW).unwrap().dropped, entries()), (0, 1));
    world.clock.0.set(start + 31 * DAY as i64);
    world.gc(NOW).unwrap();
    assert_eq!((ids(&world.open()), entries()), (below(&growing, commits[3]), 0));
}

#[test]
fn the_period_is_configured_as_in_git_and_what_is_not_understood_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    for (value, dropped, told) in [("now", true, 0), ("3.days.ago", false, 0), ("next tuesday", false, 1)] {
        let dir = scratch.path().join(value);
        std::fs::create_dir(&dir).unwrap();
        let mut growing = Growing::new(&dir.join("growing.git"));
        let (first, _) = (growing.grow(), growing.grow());
        let world = World::new();
        world.pack(&pack_of(&growing.git, &all(&growing.git)), From::Remote);
        world.refs(&[("refs/heads/main", Some(first))]);
        world.publish(async |_, publication, _| {
            publication.config(format!("[gc]\n\tpruneExpire = {value}\n").into_bytes());
        });
        let heard = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = heard.clone();
        let task = Task::new(world.clock.clone(), move |event| {
            count.set(count.get() + usize::from(matches!(event, Event::Warning(_))));
        });
        let report = run(gc(&task, &world.open(), &Options::default())).unwrap();
        assert_eq!((report.dropped > 0, heard.get()), (dropped, told), "{value}");
    }
}

#[test]
fn parents_behind_the_shallow_boundary_are_not_missed_and_its_list_follows_what_is_stored() {
    let scratch = tempfile::tempdir().unwrap();
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let commits: Vec<ObjectId> = (0..6).map(|_| growing.grow()).collect();
    let url = format!("file://{}", growing.git.path().display());
    let git = gitside_server::repos::Repo::init(scratch.path().join("shallow.git"), "main").unwrap();
    git.git(["fetch", "-q", "--depth=2", &url, "main:main"]).unwrap();
    let world = World::new();
    world.pack(&pack_of(&git, &all(&git)), From::Remote);
    // A boundary from before: it was cut off again, and nothing reaches it.
    let other = gitside_server::repos::Repo::init(scratch.path().join("other.git"), "main").unwrap();
    other
        .git(["fetch", "-q", "--depth=1", &url, &format!("{}:main", commits[1])])
        .unwrap();
    world.pack(&pack_of(&other, &all(&other)), From::Remote);
    world.publish(async |_, publication, _| {
        publication.shallow(vec![commits[4], commits[1]]);
    });
    world.refs(&[("refs/heads/main", Some(commits[5]))]);
    let shallow = || run(world.open().meta.shallow()).unwrap();
    world.gc(WEEK).unwrap();
    assert_eq!(shallow().len(), 2);
    world.gc(NOW).unwrap();
    assert_eq!(shallow(), [commits[4]]);
    assert_eq!(ids(&world.open()), reachable(&git));
    // And without the list the parents are missed.
    world.publish(async |_, publication, _| {
        publication.shallow(Vec::new());
    });
    assert_eq!(code(world.gc(NOW)), Code::MissingObject);
    assert_eq!(ids(&world.open()), reachable(&git));
}

#[test]
fn objects_of_a_promisor_stay_with_it_and_excuse_what_they_name() {
    let scratch = tempfile::tempdir().unwrap();
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let base = growing.grow();
    let later = growing.grow();
    let git = &growing.git;
    let args = ["pack-objects", "--revs", "--stdout", "-q", "--filter=blob:none"];
    let (one, two) = (
        git.git_with(args, format!("{base}\n").as_bytes()).unwrap(),
        git.git_with(args, format!("{later}\n^{base}\n").as_bytes()).unwrap(),
    );
    let before = all(git);
    let new = growing.grow();
    let git = &growing.git;
    let fresh: BTreeSet<ObjectId> = all(git).difference(&before).copied().collect();
    let world = World::new();
    for pack in [one, two] {
        world.pack(&pack, From::Promisor);
    }
    world.rows(git, &fresh.iter().copied().collect::<Vec<_>>());
    world.refs(&[("refs/heads/main", Some(new))]);
    let stored = ids(&world.open());
    let report = world.gc(NOW).unwrap();
    assert_eq!((report.packs, report.dropped), (2, 0));
    let promisor = |world: &World| world.open().odb.packs().iter().filter(|pack| pack.promisor).count();
    assert_eq!((ids(&world.open()), promisor(&world)), (stored.clone(), 1));
    read_all(&world.open(), &stored);
    // What came from a promisor stays though nothing reaches it; what did not goes.
    world.refs(&[("refs/heads/main", Some(base))]);
    let report = world.gc(NOW).unwrap();
    assert_eq!((report.packs, report.dropped), (1, fresh.len() as u64));
    assert_eq!(ids(&world.open()), stored.difference(&fresh).copied().collect());
    // What no object of it names is missed all the same.
    world.pack(&pack_of(git, &[new]), From::Remote);
    world.refs(&[("refs/heads/main", Some(new))]);
    let bytes = world.storage.bytes();
    assert_eq!(code(world.gc(NOW)), Code::MissingObject);
    assert_eq!((world.leaked(), world.storage.bytes()), (0, bytes));
}

#[test]
fn damage_is_not_copied_and_nothing_changes() {
    let scratch = tempfile::tempdir().unwrap();
    let (growing, world, _) = grown(&scratch);
    world.rows(&growing.git, &[]);
    let blob = growing
        .git
        .git_with(["hash-object", "-w", "--stdin"], &[7; 5000])
        .unwrap();
    let blob = std::str::from_utf8(&blob).unwrap().trim().parse().unwrap();
    world.rows(&growing.git, &[blob]);
    world.refs(&[("refs/tags/blob", Some(blob))]);
    let backend = world.open().backend;
    let mut found = 0;
    for table in [Table::Chunks, Table::Objects] {
        for (key, row) in run(backend.list(table, b"", None, usize::MAX)).unwrap() {
            // Everywhere but in the header and the trailer of the pack, which nobody needs.
            for at in (16..row.len() - 20).step_by(row.len() / 97 + 1) {
                let mut damaged = row.clone();
                damaged[at] ^= 0x10;
                put(&*backend, table, &key, damaged);
                let packs = world.open().odb.packs();
                match world.gc(NOW) {
                    // Some bits of a stream mean nothing: what was inflated was hashed.
                    Ok(_) if table == Table::Objects => return assert!(found > 90, "{found}"),
                    result => assert_eq!(code(result), Code::Corrupt, "byte {at} of {table:?}"),
                }
                found += 1;
                assert_eq!(world.open().odb.packs(), packs);
                assert_eq!(world.leaked(), 0);
            }
            put(&*backend, table, &key, row);
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(world.gc(NOW).unwrap().packs, 1);
}

fn put(backend: &dyn gitside::host::Backend, table: Table, key: &[u8], row: Vec<u8>) {
    let batch = Batch {
        changes: vec![Change::Put(table, key.to_vec(), row)],
        ..Batch::default()
    };
    run(backend.commit(batch)).unwrap();
}

#[test]
fn a_cancelled_run_leaves_everything_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let (growing, world, commits) = grown(&scratch);
    world.rows(&growing.git, &[commits[0]]);
    let stored = ids(&world.open());
    for at in 0..12 {
        let bytes = world.storage.bytes();
        let slot: std::rc::Rc<std::cell::RefCell<Option<Task>>> = std::rc::Rc::default();
        let (inner, left) = (slot.clone(), std::cell::Cell::new(at));
        let task = Task::new(world.clock.clone(), move |event| {
            if let (Event::Progress(_), Some(task)) = (event, &*inner.borrow()) {
                match left.get() {
                    0 => drop(task.cancel()),
                    more => left.set(more - 1),
                }
            }
        });
        slot.replace(Some(task.clone()));
        let cancelled = run(gc(&task, &world.open(), &Options { grace: Some(NOW) }));
        slot.replace(None);
        match cancelled {
            Err(Failure::Cancelled) => assert_eq!((world.leaked(), world.storage.bytes()), (0, bytes)),
            Ok(_) => {
                assert!(at > 1, "it reports at least twice");
                assert_eq!(ids(&world.open()), stored);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_written_again_is_kept_for_as_long_again() {
    let world = World::new();
    let write = || {
        let repo = world.open();
        let oid = run(write::blob(&world.task(), &repo, b"content".to_vec())).unwrap();
        assert_eq!(run(repo.usage()).unwrap().stats.objects, 1);
        oid
    };
    let oid = write();
    let start = world.clock.0.get();
    assert_eq!(world.gc(WEEK).unwrap().dropped, 0);
    world.clock.0.set(start + 8 * DAY as i64);
    write();
    assert_eq!(world.gc(WEEK).unwrap().dropped, 0);
    assert_eq!(ids(&world.open()), BTreeSet::from([oid]));
    world.clock.0.set(start + 16 * DAY as i64);
    assert_eq!(world.gc(WEEK).unwrap().dropped, 1);
}

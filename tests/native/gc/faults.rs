//! Storage that fails, hangs or dies at every call of a run: every object stays readable, refs stay
//! as they are, the next run succeeds, and nothing is left over.

use std::collections::BTreeSet;
use std::rc::Rc;

use gitside::format::oid::ObjectId;
use gitside::ops::gc::{Options, gc};
use gitside::ops::{Repository, for_each_ref};

use crate::faulty::Kill;
use crate::history::{Growing, Loose, all, loose, pack_of};
use crate::storage::Plan;
use crate::support::{run, try_run};
use crate::world::{From, NOW, World, ids, read_all};

/// Two packs, rows, and a commit that nothing reaches.
struct Sample {
    packs: [Vec<u8>; 2],
    rows: Vec<Loose>,
    tip: ObjectId,
    kept: BTreeSet<ObjectId>,
    stored: BTreeSet<ObjectId>,
}

fn sample(path: &std::path::Path) -> Sample {
    let mut growing = Growing::new(path);
    growing.grow();
    let first = all(&growing.git);
    let tip = growing.grow();
    let kept = all(&growing.git);
    growing.grow();
    let stored = all(&growing.git);
    let second: Vec<ObjectId> = kept.difference(&first).copied().collect();
    let lost = stored.difference(&kept).copied();
    let packs = [
        pack_of(&growing.git, &first),
        pack_of(&growing.git, second.iter().skip(1)),
    ];
    let rows: Vec<ObjectId> = second.iter().copied().take(1).chain(lost).collect();
    Sample {
        packs,
        rows: loose(&growing.git, &rows),
        tip,
        kept,
        stored,
    }
}

impl Sample {
    fn world(&self) -> World {
        let world = World::new();
        for pack in &self.packs {
            world.pack(pack, From::Remote);
        }
        world.loose(&self.rows);
        world.refs(&[("refs/heads/main", Some(self.tip))]);
        assert_eq!(ids(&world.open()), self.stored);
        world
    }
}

fn tips(world: &World, repo: &Repository) -> Vec<(Vec<u8>, Option<ObjectId>)> {
    let listed = run(for_each_ref::list(&world.task(), repo, b"")).unwrap();
    listed.into_iter().map(|listed| (listed.name, listed.oid)).collect()
}

#[test]
fn whatever_call_fails_hangs_or_is_the_last_nothing_is_lost_and_nothing_is_left() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = sample(&scratch.path().join("growing.git"));
    let (mut runs, mut done) = (0, 0);
    for kill in [Kill::Fail, Kill::FailLate, Kill::Quota, Kill::Hang, Kill::HangLate] {
        for at in 1.. {
            let world = sample.world();
            let older = world.open();
            let plan = Rc::new(Plan::default());
            let repo = world.open_watched(&plan);
            plan.calls.set(0);
            plan.kill.set(Some((at, kill)));
            let result = try_run(gc(&world.task(), &repo, &Options { grace: Some(NOW) }));
            plan.kill.set(None);
            for repo in [&world.open(), &older] {
                read_all(repo, &sample.kept);
                assert!(ids(repo).is_superset(&sample.kept));
                let expected = vec![(b"refs/heads/main".to_vec(), Some(sample.tip))];
                assert_eq!(tips(&world, repo), expected);
            }
            let hangs = matches!(kill, Kill::Hang | Kill::HangLate);
            if plan.calls.get() < at {
                assert!(matches!(result, Some(Ok(_))) && at > 20, "only {at} calls");
                break;
            }
            assert_eq!(result.is_none(), hangs, "{kill:?} at {at}: {result:?}");
            done += usize::from(ids(&world.open()) == sample.kept);
            // A lock is let go with the tab that held it.
            drop(repo);
            let report = world
                .gc(NOW)
                .unwrap_or_else(|error| panic!("{kill:?} at {at}: {error:?}"));
            assert_eq!((report.packs, report.objects), (1, sample.kept.len() as u64));
            assert_eq!(ids(&world.open()), sample.kept);
            read_all(&older, &sample.kept);
            assert_eq!(world.leaked(), 0, "{kill:?} at {at}");
            runs += 1;
        }
    }
    assert!(runs > 100 && done > 5 && done < runs / 2, "{done} of {runs}");
}

#[test]
fn without_room_it_fails_cleanly_and_gives_back_what_it_took() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = sample(&scratch.path().join("growing.git"));
    let world = sample.world();
    drop(run(world.open().writer(&world.task())).unwrap());
    let before = world.storage.bytes();
    for more in [0, 100, 1000, 3000] {
        world.storage.set_limit(Some(before + more));
        assert!(world.gc(NOW).is_err(), "{more} bytes");
        assert_eq!(world.storage.bytes(), before);
    }
    world.storage.set_limit(None);
    assert_eq!(world.gc(NOW).unwrap().packs, 1);
    assert!(world.storage.bytes() < before);
}

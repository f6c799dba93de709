//! Another tab reads while packs are replaced: at every call of a run, with handles from before,
//! and with operations that are under way all the while.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::ops::gc::{Options, gc};
use gitside::ops::{Repository, export};
use gitside::store::StoreError;
use gitside::store::odb::{ObjectStream, Odb, OdbLimits, Oids};

use crate::history::{Growing, Scattered, all, pack_of, reachable, scatter};
use crate::pack_oracle::Random;
use crate::storage::Plan;
use crate::support::run;
use crate::world::{From, NOW, World, ids, read_all};

/// A history, a large blob, and something that nothing reaches.
struct Sample {
    growing: Growing,
    large: ObjectId,
    content: Vec<u8>,
    kept: BTreeSet<ObjectId>,
    stored: BTreeSet<ObjectId>,
    scattered: Vec<Scattered>,
    pack: Vec<u8>,
}

fn sample(path: &std::path::Path) -> Sample {
    let mut growing = Growing::new(path);
    for _ in 0..12 {
        growing.grow();
    }
    let mut random = Random(5);
    let bytes: Vec<u8> = (0..3_000_000).map(|_| random.below(256) as u8).collect();
    let large = growing.git.git_with(["hash-object", "-w", "--stdin"], &bytes).unwrap();
    let large = std::str::from_utf8(&large).unwrap().trim().to_owned();
    growing.git.git(["update-ref", "refs/tags/large", &large]).unwrap();
    growing.git.git(["update-ref", "refs/heads/main", "main~2"]).unwrap();
    growing.git.git(["tag", "-d", "v10"]).unwrap();
    let (stored, kept) = (all(&growing.git), reachable(&growing.git));
    assert!(kept.len() < stored.len());
    let large = large.parse().unwrap();
    // It is in a pack of its own, whole; the rest is anywhere.
    let mut rest = stored.clone();
    rest.remove(&large);
    let scattered = (1..4).map(|seed| scatter(&growing.git, &rest, &mut Random(seed)));
    Sample {
        scattered: scattered.collect(),
        pack: pack_of(&growing.git, &[large]),
        content: bytes,
        growing,
        large,
        kept,
        stored,
    }
}

impl Sample {
    fn world(&self, seed: usize) -> World {
        let world = World::of(&self.scattered[seed % self.scattered.len()]);
        world.pack(&self.pack, From::Remote);
        world
    }
}

/// Operations of another tab that go one step at a time.
struct Reader {
    repo: Repository,
    odb: &'static Rc<Odb>,
    iteration: RefCell<(Oids<'static>, Vec<ObjectId>)>,
    stream: RefCell<(Option<ObjectStream>, Vec<u8>)>,
    /// Iterations and streams that came to their end.
    ended: Cell<(usize, usize)>,
}

impl Reader {
    fn new(repo: Repository) -> Reader {
        let odb: &'static Rc<Odb> = Box::leak(Box::new(Rc::clone(&repo.odb)));
        Reader {
            repo,
            odb,
            iteration: RefCell::new((odb.oids(), Vec::new())),
            stream: RefCell::default(),
            ended: Cell::default(),
        }
    }

    fn step(&self, sample: &Sample) {
        let (ids, streams) = self.ended.get();
        let (oids, seen) = &mut *self.iteration.borrow_mut();
        // A few bytes' worth at a time.
        for _ in 0..40 {
            match run(oids.next()).unwrap() {
                Some(more) => seen.extend(more),
                None => {
                    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
                    let seen: BTreeSet<ObjectId> = std::mem::take(seen).into_iter().collect();
                    assert!(seen.is_superset(&sample.kept) && seen.is_subset(&sample.stored));
                    *oids = self.odb.oids();
                    self.ended.set((ids + 1, streams));
                    break;
                }
            }
        }
        let (stream, bytes) = &mut *self.stream.borrow_mut();
        let open = stream.get_or_insert_with(|| run(self.odb.stream(&sample.large)).unwrap());
        match run(open.next()).unwrap() {
            Some(piece) => bytes.extend(piece),
            None => {
                assert!(*bytes == sample.content);
                (*stream, *bytes) = (None, Vec::new());
                self.ended.set((self.ended.get().0, streams + 1));
            }
        }
    }
}

#[test]
fn another_tab_reads_everything_at_every_call_of_a_run() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Rc::new(sample(&scratch.path().join("growing.git")));
    for seed in 0..3 {
        let world = Rc::new(sample.world(seed));
        let reader = Rc::new(Reader::new(world.open()));
        let cold = Rc::new(world.open());
        let plan = Rc::new(Plan::default());
        let repo = world.open_watched(&plan);
        let (hook_sample, hook_reader) = (sample.clone(), reader.clone());
        let busy = Cell::new(false);
        let first = Cell::new(true);
        *plan.before.borrow_mut() = Some(Box::new(move |call| {
            if busy.replace(true) {
                return;
            }
            hook_reader.step(&hook_sample);
            // A whole pass over a warm handle, whose caches name what is gone.
            if first.replace(false) || call % 4 == 0 {
                read_all(&hook_reader.repo, &hook_sample.kept);
            }
            busy.set(false);
        }));
        // The first run, and one that finds nothing to do, and one after the packs were split again.
        for _ in 0..2 {
            run(gc(&world.task(), &repo, &Options { grace: Some(NOW) })).unwrap();
        }
        world.rows(
            &sample.growing.git,
            &sample.kept.iter().copied().take(30).collect::<Vec<_>>(),
        );
        run(gc(&world.task(), &repo, &Options { grace: Some(NOW) })).unwrap();
        assert!(plan.calls.get() > 60, "{}", plan.calls.get());
        plan.before.replace(None);
        for _ in 0..40 {
            reader.step(&sample);
        }
        let (iterations, streams) = reader.ended.get();
        assert!(iterations > 4 && streams > 2, "{iterations} {streams}");
        // A handle from before that has read nothing so far.
        assert_eq!(ids(&cold), sample.kept);
        read_all(&cold, &sample.kept);
    }
}

/// Runs a read on a handle whose `at`-th call finds that the repository was packed anew just
/// before. Answers whether the read made so many calls.
fn packed_anew_at<T>(
    sample: &Sample,
    at: usize,
    tiny: bool,
    read: impl AsyncFn(&Rc<Odb>, &Repository) -> T,
) -> (bool, T) {
    let world = Rc::new(sample.world(at));
    let plan = Rc::new(Plan::default());
    let mut repo = world.open_watched(&plan);
    if tiny {
        // Without caches every step reads.
        let limits = OdbLimits {
            chunk_cache: 1,
            object_cache: 1,
            index_cache: 1,
            ..OdbLimits::default()
        };
        repo.odb = Rc::new(run(Odb::with_limits(repo.backend.clone(), limits)).unwrap());
    }
    plan.calls.set(0);
    let inner = world.clone();
    *plan.before.borrow_mut() = Some(Box::new(move |call| {
        if call == at {
            inner.gc(NOW).unwrap();
        }
    }));
    let answer = run(read(&repo.odb, &repo));
    (plan.calls.get() >= at, answer)
}

#[test]
fn a_read_goes_on_whatever_call_of_it_finds_other_packs() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = sample(&scratch.path().join("growing.git"));
    let oids: Vec<ObjectId> = sample.kept.iter().copied().collect();
    for tiny in [false, true] {
        for at in 1.. {
            let (reached, objects) = packed_anew_at(&sample, at, tiny, async |odb, _| odb.read_many(&oids).await);
            assert!(objects.unwrap().iter().all(Option::is_some), "read_many at {at}");
            if !reached || at > 12 {
                assert!(at > 4);
                break;
            }
        }
        for at in 1.. {
            let (reached, infos) = packed_anew_at(&sample, at, tiny, async |odb, _| odb.info(&oids).await);
            assert!(infos.unwrap().iter().all(Option::is_some), "info at {at}");
            if !reached || at > 8 {
                assert!(at > 2);
                break;
            }
        }
        for at in 1.. {
            let (reached, found) = packed_anew_at(&sample, at, tiny, async |odb, _| {
                let mut found = BTreeSet::new();
                for digit in "0123456789abcdef".chars() {
                    found.extend(odb.expand(&digit.to_string(), usize::MAX).await.unwrap());
                }
                found
            });
            assert!(found.is_superset(&sample.kept), "expand at {at}");
            if !reached || at > 12 {
                break;
            }
        }
        for at in 1.. {
            let (reached, bytes) = packed_anew_at(&sample, at, tiny, async |odb, _| {
                let mut stream = odb.stream(&sample.large).await.unwrap();
                assert_eq!(stream.info().kind, Kind::Blob);
                let mut bytes = Vec::new();
                while let Some(piece) = stream.next().await.unwrap() {
                    bytes.extend(piece);
                }
                bytes
            });
            assert!(bytes == sample.content, "stream at {at}");
            if !reached {
                assert!(at > 10);
                break;
            }
        }
    }
}

#[test]
fn a_pack_that_is_given_out_and_replaced_meanwhile_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = sample(&scratch.path().join("growing.git"));
    let world = sample.world(4);
    let (repo, task) = (world.open(), world.task());
    let old = repo.odb.packs();
    let mut streams: Vec<_> = export::packs(&repo).iter().map(export::Pack::stream).collect();
    for stream in &mut streams {
        run(stream.next_piece(&task)).unwrap();
    }
    world.gc(NOW).unwrap();
    let mut busy = 0;
    for stream in &mut streams {
        loop {
            match run(stream.next_piece(&task)) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(gitside::error::Failure::Error(error)) => {
                    assert_eq!((error.code, error.retryable), (gitside::error::Code::Busy, true));
                    busy += 1;
                    break;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(busy > 0, "the large pack has several chunks");
    for pack in old {
        assert_eq!(run(repo.odb.pack_index(&pack)), Err(StoreError::Replaced));
    }
    let [pack] = repo.odb.packs()[..] else { panic!() };
    assert_eq!(
        run(repo.odb.pack_index(&pack)).unwrap().entries.len(),
        sample.kept.len()
    );
}

#[test]
fn a_writer_does_not_believe_its_caches_of_what_another_tab_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = sample(&scratch.path().join("growing.git"));
    let world = sample.world(9);
    let repo = world.open();
    read_all(&repo, &sample.stored);
    world.gc(NOW).unwrap();
    let lost: Vec<ObjectId> = sample.stored.difference(&sample.kept).copied().collect();
    let writer = run(repo.writer(&world.task())).unwrap();
    assert!(run(repo.odb.info(&lost)).unwrap().iter().all(Option::is_none));
    assert!(run(repo.odb.read_many(&lost)).unwrap().iter().all(Option::is_none));
    drop(writer);
}

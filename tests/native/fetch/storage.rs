//! Storage that fails, hangs or dies at every call of a fetch.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use gitside::host::{Async, Clock, Host, Storage};
use gitside::ops::fetch::fetch;
use gitside::ops::remote::Version;
use gitside::ops::{Repository, clone};
use gitside::store::memory::MemoryStorage;
use gitside::task::Task;

use crate::cut::{Exchanged, Recorded, clone_options, fetch_options, record, snapshot};
use crate::faulty::{Faulty, KILLS, Kill, Plan};
use crate::replay::Replay;

/// A clock on which no time passes.
struct Still;

impl Clock for Still {
    fn now(&self) -> f64 {
        0.0
    }

    fn unix_seconds(&self) -> i64 {
        1_700_000_000
    }

    fn sleep(&self, _: u32) -> Async<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn yield_now(&self) -> Async<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a future to its end, or until nothing can wake it any more.
fn try_run<T>(future: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Arc::clone(&flag).into();
    let mut future = pin!(future);
    while flag.0.swap(false, Ordering::SeqCst) {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
    }
    None
}

fn run<T>(future: impl Future<Output = T>) -> T {
    try_run(future).expect("the future hangs")
}

/// A clone in memory, on storage that will strike when told to.
struct Scene {
    version: Version,
    depth: Option<u32>,
    memory: Rc<MemoryStorage>,
    http: Exchanged,
    plan: Rc<Plan>,
}

impl Scene {
    fn new(recorded: &Recorded, version: Version, depth: Option<u32>, kill: Kill) -> Scene {
        let scene = Scene {
            version,
            depth,
            memory: Rc::new(MemoryStorage::new()),
            http: Exchanged::default(),
            plan: Rc::new(Plan {
                left: Cell::new(0),
                kill,
                calls: Cell::new(0),
                rows: Cell::new(0),
                after_commit: RefCell::new(Box::new(|| ())),
            }),
        };
        scene.http.set(Replay::new(recorded.clone.clone()));
        let host = scene.host(scene.memory.clone());
        let task = Task::new(host.clock.clone(), |_| {});
        let options = clone_options(version, depth);
        run(clone::clone(&host, &task, &recorded.url, "copy", &options)).unwrap();
        scene
    }

    fn host(&self, storage: Rc<dyn Storage>) -> Host {
        Host {
            storage,
            http: Rc::new(self.http.clone()),
            clock: Rc::new(Still),
            threads: Rc::new(gitside::host::NoThreads),
        }
    }

    /// Opens the repository and fetches; `at` is the call to storage that strikes. Whether it
    /// succeeded, `None` if it hung; and how many calls there were.
    fn fetch(&self, recorded: &Recorded, at: usize) -> (Option<bool>, usize) {
        self.http.set(Replay::new(recorded.fetch.clone()));
        self.plan.left.set(at);
        self.plan.calls.set(0);
        let host = self.host(Rc::new(Faulty {
            inner: self.memory.clone(),
            plan: Rc::clone(&self.plan),
        }));
        let task = Task::new(host.clock.clone(), |_| {});
        let done = try_run(async {
            let repo = Repository::open(&host, "copy").await?;
            fetch(&task, &repo, &fetch_options(self.version, self.depth)).await
        });
        (done.map(|outcome| outcome.is_ok()), self.plan.calls.get())
    }

    /// What another tab finds.
    fn snapshot(&self) -> String {
        let host = self.host(self.memory.clone());
        run(async { snapshot(&Repository::open(&host, "copy").await.unwrap()).await })
    }
}

#[test]
fn whatever_call_fails_hangs_or_is_the_last_a_fetch_is_done_or_never_was() {
    for (version, depth) in [(Version::V0, None), (Version::V2, Some(2))] {
        let recorded = record(version, depth);
        let (before, after) = {
            let scene = Scene::new(&recorded, version, depth, Kill::Fail);
            let before = scene.snapshot();
            assert_eq!(scene.fetch(&recorded, 0).0, Some(true));
            (before, scene.snapshot())
        };
        assert_ne!(before, after);
        let (mut runs, mut done) = (0, 0);
        for kill in KILLS {
            for at in 1.. {
                let scene = Scene::new(&recorded, version, depth, kill);
                let (outcome, calls) = scene.fetch(&recorded, at);
                let case = format!("{version:?}, {kill:?} at call {at}: {outcome:?}");
                let now = scene.snapshot();
                assert!(now == before || now == after, "{case}: neither before nor after");
                assert!(outcome != Some(true) || now == after, "{case}: it was acknowledged");
                if calls < at {
                    assert_eq!((outcome, at > 15), (Some(true), true), "{case}");
                    break;
                }
                runs += 1;
                done += usize::from(now == after);
                if now == after {
                    continue;
                }
                // The next fetch gets there.
                assert_eq!(scene.fetch(&recorded, 0).0, Some(true), "{case}: the next one fails");
                assert_eq!(scene.snapshot(), after, "{case}: the next one ends elsewhere");
            }
        }
        assert!(runs > 80 && done > 2 && done < runs / 2, "{done} of {runs}");
    }
}

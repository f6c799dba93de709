//! Answers that break off at every byte.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::host::{Async, Host, Http, HttpError, Request, Response, Surroundings};
use gitside::ops::clone;
use gitside::ops::fetch::{Depth, Options, fetch};
use gitside::ops::remote::Version;
use gitside::store::memory::MemoryStorage;
use gitside::task::Task;

use crate::bench::{BOTH, Bench};
use crate::replay::{Answer, Recorder, Replay};
use crate::support::block_on;
use crate::support::http::clock;

/// A client that is exchanged between two calls.
#[derive(Clone, Default)]
pub struct Exchanged(pub Rc<RefCell<Option<Rc<dyn Http>>>>);

impl Exchanged {
    pub fn set(&self, http: impl Http + 'static) {
        *self.0.borrow_mut() = Some(Rc::new(http));
    }
}

impl Http for Exchanged {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        let http = self.0.borrow().clone().expect("a client");
        Box::pin(async move { http.send(request).await })
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            origin: None,
            online: true,
        }
    }
}

/// What a server answers to a clone, and after some changes to a fetch.
pub struct Recorded {
    pub url: String,
    pub clone: Vec<Answer>,
    pub fetch: Vec<Answer>,
}

pub fn clone_options(version: Version, depth: Option<u32>) -> clone::Options {
    let mut options = clone::Options {
        depth,
        single_branch: Some(false),
        ..clone::Options::default()
    };
    options.remote.protocol_version = Some(version);
    options
}

/// A fetch that moves, makes and prunes refs, and moves the boundary.
pub fn fetch_options(version: Version, depth: Option<u32>) -> Options {
    let mut options = Options {
        prune: Some(true),
        depth: depth.map_or(Depth::Unchanged, Depth::Commits),
        ..Options::default()
    };
    options.transport.protocol_version = Some(version);
    options
}

pub fn record(version: Version, depth: Option<u32>) -> Recorded {
    let bench = Bench::new();
    bench.commit("gone");
    let http = Exchanged::default();
    let host = Host {
        storage: Rc::new(MemoryStorage::new()),
        http: Rc::new(http.clone()),
        clock: clock(),
        threads: Rc::new(gitside::host::NoThreads),
    };
    let task = Task::new(host.clock.clone(), |_| {});
    let recorder = Recorder::default();
    http.set(recorder.clone());
    let options = clone_options(version, depth);
    let repo = block_on(clone::clone(&host, &task, &bench.url(), "copy", &options)).unwrap();
    bench.delete("refs/heads/gone");
    bench.grow("main", 2);
    bench.commit("new");
    bench.tag("v1", "main~1");
    let clone = recorder.answers.take();
    block_on(fetch(&task, &repo, &fetch_options(version, depth))).unwrap();
    Recorded {
        url: bench.url(),
        clone,
        fetch: recorder.answers.take(),
    }
}

#[test]
fn an_answer_cut_anywhere_changes_nothing_and_the_next_fetch_succeeds() {
    for version in BOTH {
        let recorded = record(version, Some(2));
        let http = Exchanged::default();
        let storage = Rc::new(MemoryStorage::new());
        let host = Host {
            threads: Rc::new(gitside::host::NoThreads),
            storage: storage.clone(),
            http: Rc::new(http.clone()),
            clock: clock(),
        };
        let task = Task::new(host.clock.clone(), |_| {});
        block_on(async {
            http.set(Replay::new(recorded.clone.clone()));
            let options = clone_options(version, Some(2));
            let repo = clone::clone(&host, &task, &recorded.url, "copy", &options)
                .await
                .unwrap();
            let options = fetch_options(version, Some(2));
            let (before, bytes) = (snapshot(&repo).await, storage.bytes());
            let mut cuts = 0;
            for at in 0..recorded.fetch.len() {
                for length in 0..recorded.fetch[at].body.len() {
                    let mut answers = recorded.fetch[..=at].to_vec();
                    answers[at].body.truncate(length);
                    http.set(Replay::new(answers));
                    let case = format!("{version:?}, answer {at} cut to {length} bytes");
                    let failure = fetch(&task, &repo, &options).await.expect_err(&case);
                    assert!(failure.error().is_some(), "{case}: {failure}");
                    assert_eq!(snapshot(&repo).await, before, "{case}: {failure}");
                    assert_eq!(storage.bytes(), bytes, "{case}: something is left");
                    cuts += 1;
                }
            }
            assert!(cuts > 1500, "{cuts} cuts");
            http.set(Replay::new(recorded.fetch.clone()));
            let fetched = fetch(&task, &repo, &options).await.unwrap();
            assert!(fetched.is_ok() && fetched.changes.len() == 4, "{fetched:#?}");
            assert_ne!(snapshot(&repo).await, before);
        });
    }
}

/// Refs, boundary and objects.
pub async fn snapshot(repo: &gitside::ops::Repository) -> String {
    let refs = repo.refs.list(b"").await.unwrap();
    let shallow = repo.meta.shallow().await.unwrap();
    let mut objects = Vec::new();
    let mut oids = repo.odb.oids();
    while let Some(some) = oids.next().await.unwrap() {
        objects.extend(some);
    }
    format!("{refs:?}\n{shallow:?}\n{objects:?}")
}

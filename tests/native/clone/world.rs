//! A place to clone into, servers to clone from, and what is left of a clone.

use std::rc::Rc;

use gitside::error::Failure;
use gitside::format::oid::ObjectId;
use gitside::host::{Host, Http};
use gitside::ops::clone::{Options, clone};
use gitside::ops::remote::Version;
use gitside::ops::{MemoryStorage, Repository, list, remote};
use gitside::task::Task;
use gitside_server::repos::{self, Repo, run};
use gitside_server::{Git, Server};

use crate::replay::{Answer, Recorder, Replay};
use crate::support::block_on;
use crate::support::http::SystemClock;

pub struct World {
    pub host: Host,
    pub storage: Rc<MemoryStorage>,
}

pub fn world(http: impl Http + 'static) -> World {
    let storage = Rc::new(MemoryStorage::new());
    let host = Host {
        storage: storage.clone(),
        http: Rc::new(http),
        clock: Rc::new(SystemClock::default()),
        threads: Rc::new(gitside::host::NoThreads),
    };
    World { host, storage }
}

pub fn task(host: &Host) -> Task {
    Task::new(host.clock.clone(), |_| {})
}

pub fn version(version: Version) -> Options {
    let remote = remote::Options {
        protocol_version: Some(version),
        ..remote::Options::default()
    };
    Options {
        remote,
        ..Options::default()
    }
}

pub async fn run_clone(world: &World, url: &str, options: &Options) -> Result<Repository, Failure> {
    clone(&world.host, &task(&world.host), url, "copy", options).await
}

/// Nothing is left of a clone that failed: no repository, no database but the catalogue, and the
/// name can be taken.
pub async fn assert_nothing_left(world: &World, case: &str) {
    assert!(
        list(&world.host).await.unwrap().is_empty(),
        "{case}: a repository is listed"
    );
    let databases = world.host.storage.databases("gitside:").await.unwrap().unwrap();
    assert!(databases.len() <= 1, "{case}: {databases:?}");
    assert!(Repository::open(&world.host, "copy").await.is_err(), "{case}");
}

pub async fn refs_of(repo: &Repository) -> Vec<(String, ObjectId)> {
    let mut found = Vec::new();
    for entry in repo.refs.list(b"refs/").await.unwrap() {
        let resolved = repo.refs.resolve(&entry.name).await.unwrap().unwrap();
        found.push((String::from_utf8_lossy(&entry.name).into_owned(), resolved.oid.unwrap()));
    }
    found.sort();
    found
}

pub fn refs_of_git(repo: &Repo) -> Vec<(String, ObjectId)> {
    let listed = repo.git(["for-each-ref", "--format=%(refname) %(objectname)"]).unwrap();
    let mut found: Vec<_> = String::from_utf8_lossy(&listed)
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, oid)| (name.to_owned(), oid.parse().unwrap()))
        .collect();
    found.sort();
    found
}

pub struct Served {
    pub root: tempfile::TempDir,
    pub server: Server,
    pub source: Repo,
}

pub fn served() -> Served {
    let root = tempfile::tempdir().unwrap();
    let source = repos::example(&root.path().join("example.git")).unwrap();
    let server = Server::builder().mount(Git::at("/git", root.path())).start().unwrap();
    Served { root, server, source }
}

impl Served {
    pub fn url(&self) -> String {
        self.server.url("/git/example.git")
    }

    pub fn git_clone(&self, name: &str, args: &[&str]) -> Repo {
        let into = self.root.path().join(name);
        let mut command = repos::git();
        command
            .args(["-c", "init.defaultBranch=main", "clone", "--quiet", "--no-checkout"])
            .args(args);
        command.arg(self.url()).arg(&into);
        run(command, &[]).unwrap();
        Repo::at(into.join(".git"))
    }
}

/// A small repository's answers to a clone, whole and good.
pub fn recorded(protocol: Version) -> Vec<Answer> {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::init(root.path().join("small.git"), "main").unwrap();
    let mut script = String::new();
    for number in 0..40 {
        let content: String = (0..12)
            .map(|line| format!("{:x}\n", (number * 7919 + line * 104_729) % 65_521))
            .collect();
        script += &format!(
            "commit refs/heads/main\ncommitter A <a@example.org> {} +0000\ndata 5\nwork\nM 100644 inline f{}\ndata {}\n{content}\n",
            1_700_000_000 + number,
            number % 5,
            content.len(),
        );
    }
    repo.git_with(["fast-import", "--quiet"], script.as_bytes()).unwrap();
    repo.git(["tag", "-a", "-m", "one", "v1", "main"]).unwrap();
    let server = Server::builder().mount(Git::at("/git", root.path())).start().unwrap();
    let recorder = Recorder::default();
    let world = world(recorder.clone());
    block_on(run_clone(&world, &server.url("/git/small.git"), &version(protocol))).unwrap();
    recorder.answers.take()
}

pub const URL: &str = "http://server.example/small.git";

pub fn replayed(answers: Vec<Answer>, protocol: Version) -> (World, Result<Repository, Failure>) {
    let world = world(Replay::new(answers));
    let result = block_on(run_clone(&world, URL, &version(protocol)));
    (world, result)
}

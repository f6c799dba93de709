//! A server that can be pushed to, a repository of git's with things to push, and one of gitside's
//! that has the same things.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use gitside::error::{Failure, GitError, Outcome};
use gitside::ops::push::{self, PushUpdate, Pushed, PushedTo, Wish};
use gitside::ops::remotes::{self, AddOptions};
use gitside::ops::{Repository, clone, config, fetch, remote};
use gitside::store::publish::Publication;
use gitside::task::{Event, Task};
use gitside_server::repos::{Random, Repo, git, run};
use gitside_server::{Entry, Git, Server};

use crate::support::{block_on, host};

/// The refs of the repository with things to push: `main` with three commits on top of the
/// server's, `side` beside it, `old` behind it, an annotated and a light tag.
pub struct World {
    pub dev: Repo,
    pub up: Repo,
    pub server: Server,
    pub repo: Repository,
    pub events: Rc<RefCell<Vec<Event>>>,
    pub root: tempfile::TempDir,
}

pub fn said(repo: &Repo, args: &[&str]) -> String {
    let mut command = git();
    command.current_dir(repo.path()).args(args);
    String::from_utf8(run(command, &[]).unwrap()).unwrap().trim().to_owned()
}

/// A commit of one file on top of a branch, which it moves.
pub fn commit(repo: &Repo, branch: &str, file: &str, content: &str) -> String {
    let script = format!(
        "commit refs/heads/{branch}\ncommitter C <c@example.org> 1700000000 +0000\ndata {}\n{file}\nfrom refs/heads/{branch}^0\n\
         M 100644 inline {file}\ndata {}\n{content}\ndone\n",
        file.len(),
        content.len()
    );
    let mut command = git();
    command
        .current_dir(repo.path())
        .args(["fast-import", "--quiet", "--done"]);
    run(command, script.as_bytes()).unwrap();
    said(repo, &["rev-parse", &format!("refs/heads/{branch}")])
}

impl World {
    pub fn new() -> World {
        World::with(Git::push)
    }

    pub fn with(mount: impl FnOnce(Git) -> Git) -> World {
        let root = tempfile::tempdir().unwrap();
        let dev = Repo::init(root.path().join("dev.git"), "main").unwrap();
        let tree = said(&dev, &["mktree"]);
        let first = said(&dev, &["commit-tree", "-m", "first", &tree]);
        for branch in ["main", "side", "old"] {
            said(&dev, &["update-ref", &format!("refs/heads/{branch}"), &first]);
        }
        commit(&dev, "main", "a", "one\n");
        let up = Repo::at(root.path().join("up.git"));
        let mut command = git();
        command.args(["clone", "--quiet", "--bare"]);
        command.arg(dev.path()).arg(up.path());
        run(command, &[]).unwrap();
        said(&up, &["config", "receive.fsckObjects", "true"]);
        for (file, content) in [("b", "two\n"), ("dir/c", "three\n"), ("a", "four\n")] {
            commit(&dev, "main", file, content);
        }
        commit(&dev, "side", "s", "side\n");
        let mut command = git();
        command.current_dir(dev.path());
        command.args(["tag", "-a", "-m", "one", "v1", "main"]);
        command
            .env("GIT_COMMITTER_NAME", "T")
            .env("GIT_COMMITTER_EMAIL", "t@example.org");
        run(command, &[]).unwrap();
        said(&dev, &["tag", "light", "side"]);
        let server = Server::builder()
            .mount(mount(Git::at("/", root.path())))
            .keep_bodies()
            .start()
            .unwrap();
        let host = host();
        let events = Rc::new(RefCell::new(Vec::new()));
        let told = events.clone();
        let task = Task::new(host.clock.clone(), move |event| told.borrow_mut().push(event));
        let repo = block_on(async {
            let url = server.url("/dev.git");
            let options = clone::Options {
                mirror: true,
                ..clone::Options::default()
            };
            let repo = clone::clone(&host, &task, &url, "dev", &options).await.unwrap();
            let url = server.url("/up.git");
            remotes::add(&task, &repo, "up", &url, &AddOptions::default())
                .await
                .unwrap();
            let options = fetch::Options {
                remote: Some("up".to_owned()),
                ..fetch::Options::default()
            };
            fetch::fetch(&task, &repo, &options).await.unwrap();
            repo
        });
        server.clear_log();
        events.borrow_mut().clear();
        World {
            dev,
            up,
            server,
            repo,
            events,
            root,
        }
    }

    /// Pushes as told.
    pub fn push_with(&self, options: &push::Options) -> Outcome<Pushed> {
        block_on(push::push(&self.fresh_task(), &self.repo, options))
    }

    /// Pushes these refspecs to the server.
    pub fn push(&self, refspecs: &[&str]) -> PushedTo {
        one(self.push_with(&to_up(refspecs)).unwrap())
    }

    /// A task of its own for each call, as callers have; it tells `events`.
    pub fn fresh_task(&self) -> Task {
        let told = self.events.clone();
        Task::new(self.repo.host.clock.clone(), move |event| told.borrow_mut().push(event))
    }

    /// A ref of ours.
    pub fn here(&self, name: &str) -> Option<String> {
        let found = block_on(self.repo.refs.resolve(name.as_bytes())).unwrap();
        Some(found?.oid?.to_hex())
    }

    /// A ref of the server's.
    pub fn there(&self, name: &str) -> Option<String> {
        let mut command = git();
        command.current_dir(self.up.path());
        command.args(["rev-parse", "--verify", "--quiet", name]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// What git calls it there.
    pub fn dev(&self, rev: &str) -> String {
        said(&self.dev, &["rev-parse", rev])
    }

    /// A setting of the server's repository.
    pub fn configure(&self, key: &str, value: &str) {
        said(&self.up, &["config", key, value]);
    }

    /// A hook of the server's repository.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.up.path().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The server's repository is sound and complete.
    pub fn check(&self) {
        said(&self.up, &["fsck", "--full", "--strict", "--no-dangling"]);
    }

    pub fn posts(&self) -> Vec<Entry> {
        let log = self.server.log();
        log.into_iter().filter(|entry| entry.method == "POST").collect()
    }

    /// Adds a commit of a file that no compression makes smaller to our `main`.
    pub fn grow_by_noise(&self, bytes: usize) {
        let mut random = Random::new(7);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.any().to_le_bytes())
            .take(bytes / 8)
            .flatten()
            .collect();
        let mut command = git();
        command
            .current_dir(self.dev.path())
            .args(["hash-object", "-w", "--stdin"]);
        let blob = String::from_utf8(run(command, &noise).unwrap()).unwrap();
        let mut command = git();
        command.current_dir(self.dev.path()).arg("mktree");
        let tree = format!("100644 blob {}\tnoise\n", blob.trim());
        let tree = String::from_utf8(run(command, tree.as_bytes()).unwrap()).unwrap();
        let commit = said(&self.dev, &["commit-tree", "-p", "main", "-m", "noise", tree.trim()]);
        said(&self.dev, &["update-ref", "refs/heads/main", &commit]);
        self.catch_up();
    }

    /// Brings what was made by git since to us.
    pub fn catch_up(&self) {
        let options = fetch::Options {
            remote: Some("origin".to_owned()),
            update_head: true,
            ..fetch::Options::default()
        };
        block_on(fetch::fetch(&self.fresh_task(), &self.repo, &options)).unwrap();
        self.server.clear_log();
    }

    /// Changes our configuration.
    pub fn set(&self, key: &str, value: Option<&str>) {
        let value = value.map(str::as_bytes);
        block_on(config::set(&self.fresh_task(), &self.repo, key.as_bytes(), value)).unwrap();
    }

    /// Adds lines to our configuration.
    pub fn append(&self, lines: &str) {
        block_on(async {
            let writer = self.repo.writer(&self.fresh_task()).await.unwrap();
            let mut text = self.repo.meta.config().await.unwrap();
            text.extend_from_slice(lines.as_bytes());
            let mut publication = Publication::new(&writer);
            publication.config(text);
            publication.commit().await.unwrap();
        });
    }

    /// Another repository like the server's.
    pub fn copy(&self, name: &str) -> Repo {
        let copy = Repo::at(self.root.path().join(name));
        let mut command = git();
        command.args(["clone", "--quiet", "--mirror"]);
        command.arg(self.up.path()).arg(copy.path());
        run(command, &[]).unwrap();
        copy
    }

    pub fn messages(&self) -> Vec<String> {
        let events = self.events.borrow();
        let text = |event: &Event| match event {
            Event::Message(text) => Some(text.clone()),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let events = self.events.borrow();
        let text = |event: &Event| match event {
            Event::Warning(text) => Some(text.clone()),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    }
}

/// Has the repository follow git's.
pub fn bring(world: &World) {
    let options = fetch::Options {
        remote: Some("origin".to_owned()),
        ..fetch::Options::default()
    };
    block_on(fetch::fetch(&world.fresh_task(), &world.repo, &options)).unwrap();
    world.events.borrow_mut().clear();
}

pub fn to_up(refspecs: &[&str]) -> push::Options {
    push::Options {
        remote: Some("up".to_owned()),
        wish: Wish {
            refspecs: refspecs.iter().map(|spec| (*spec).to_owned()).collect(),
            ..Wish::default()
        },
        transport: remote::Options::default(),
        ..push::Options::default()
    }
}

pub fn one(mut pushed: Pushed) -> PushedTo {
    assert_eq!(pushed.to.len(), 1);
    pushed.to.pop().unwrap()
}

pub fn error<T: std::fmt::Debug>(outcome: Outcome<T>) -> GitError {
    match outcome {
        Err(Failure::Error(error)) => *error,
        other => panic!("{other:?}"),
    }
}

/// Each ref by its name, and what became of it.
pub fn kinds(pushed: &PushedTo) -> Vec<(String, &'static str)> {
    let kind = |update: &PushUpdate| (String::from_utf8(update.name.clone()).unwrap(), update.kind.name());
    let mut kinds: Vec<_> = pushed.updates.iter().map(kind).collect();
    kinds.sort();
    kinds
}

/// The same, as expected.
pub fn are(expected: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    let mut kinds: Vec<_> = expected
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), *kind))
        .collect();
    kinds.sort();
    kinds
}

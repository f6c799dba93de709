//! Partial clones from a real server: what comes is what git gets, and what was left out is fetched
//! when it is read, in as few requests as can be. Requests are counted in the server's log.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod cloning;
mod failing;
mod reading;
mod writing;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use gitside::error::{Failure, GitError};
use gitside::format::oid::ObjectId;
use gitside::host::Host;
use gitside::ops::clone::{Options, clone};
use gitside::ops::remote::Version;
use gitside::ops::{Repository, export, remote};
use gitside::task::{Event, Task};
use gitside_server::repos::{self, Repo, run};
use gitside_server::{Git, Server};

/// A server with one repository, and a place for what git clones from it.
struct Place {
    folder: tempfile::TempDir,
    repo: Repo,
    server: Server,
    url: String,
}

fn place(mount: impl FnOnce(Git) -> Git) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("example.git")).unwrap();
    serve(folder, repo, mount)
}

fn serve(folder: tempfile::TempDir, repo: Repo, mount: impl FnOnce(Git) -> Git) -> Place {
    let server = Server::builder()
        .mount(mount(Git::at("/git", folder.path())))
        .keep_bodies()
        .start()
        .unwrap();
    let url = server.url("/git/example.git");
    Place {
        folder,
        repo,
        server,
        url,
    }
}

impl Place {
    fn git_clone(&self, name: &str, args: &[&str]) -> Repo {
        let into = self.folder.path().join(name);
        let mut command = repos::git();
        command.args(["clone", "--quiet", "--bare"]).args(args);
        command.arg(&self.url).arg(&into);
        run(command, &[]).unwrap();
        Repo::at(into)
    }

    fn oid(&self, rev: &str) -> ObjectId {
        self.repo.git_line(["rev-parse", rev]).unwrap().parse().unwrap()
    }

    fn content(&self, rev: &str) -> Vec<u8> {
        self.repo.git(["cat-file", "blob", rev]).unwrap()
    }

    /// The method and the end of the path of each request so far; the log is empty afterwards.
    fn requests(&self) -> Vec<String> {
        let log = self.server.log();
        self.server.clear_log();
        log.iter()
            .map(|entry| {
                let tail = entry.path.rsplit('/').next().unwrap_or_default();
                let command = String::from_utf8_lossy(&entry.body).contains("command=ls-refs");
                format!("{} {tail}{}", entry.method, if command { " ls-refs" } else { "" })
            })
            .collect()
    }
}

fn filtered(filter: &str) -> Options {
    Options {
        filter: Some(filter.to_owned()),
        ..Options::default()
    }
}

fn by(version: Version, options: Options) -> Options {
    Options {
        remote: remote::Options {
            protocol_version: Some(version),
            ..options.remote
        },
        ..options
    }
}

fn task(host: &Host) -> Task {
    Task::new(host.clock.clone(), |_| {})
}

fn listening(host: &Host) -> (Task, Rc<RefCell<Vec<Event>>>) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&events);
    let task = Task::new(host.clock.clone(), move |event| told.borrow_mut().push(event));
    (task, events)
}

async fn cloned(host: &Host, place: &Place, options: &Options) -> Repository {
    let repo = clone(host, &task(host), &place.url, "copy", options).await;
    repo.unwrap_or_else(|failure| panic!("{:?}: {failure}", options.filter))
}

fn error(failure: Failure) -> GitError {
    failure.error().expect("not cancelled").clone()
}

async fn stored(host: &Host, repo: &Repository) -> BTreeSet<String> {
    let mut objects = export::objects(repo);
    let mut found = BTreeSet::new();
    loop {
        let batch = objects.next_batch(&task(host), 1000).await.unwrap();
        if batch.is_empty() {
            return found;
        }
        found.extend(batch.iter().map(|stored| stored.oid.to_hex()));
    }
}

fn stored_by_git(repo: &Repo) -> BTreeSet<String> {
    let listed = repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let listed = String::from_utf8(listed.unwrap()).unwrap();
    listed.lines().map(str::to_owned).collect()
}

/// A pack as the answer of version 2.
fn framed(pack: &[u8]) -> Vec<u8> {
    let mut answer = b"000dpackfile\n".to_vec();
    for piece in pack.chunks(8000) {
        answer.extend(format!("{:04x}\x01", piece.len() + 5).into_bytes());
        answer.extend_from_slice(piece);
    }
    answer.extend_from_slice(b"0000");
    answer
}

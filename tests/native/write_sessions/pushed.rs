//! A server that takes only what git-fsck(1) finds nothing in, and what it has after a push.

use std::collections::BTreeSet;

use gitside::format::commit::CommitRef;
use gitside::format::oid::ObjectId;
use gitside::format::tag::TagRef;
use gitside::format::tree::{EntryKind, TreeIter};
use gitside::ops::push::{self, Wish};
use gitside::ops::{Repository, for_each_ref};
use gitside::task::Task;
use gitside_server::repos::Repo;
use gitside_server::{Git, Server};

use crate::support::oracle::Listing;

pub struct Place {
    folder: tempfile::TempDir,
    server: Server,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at("/", folder.path()).push().config("receive.fsckObjects", "true");
        let server = Server::builder().mount(git).start().unwrap();
        Place { folder, server }
    }

    /// Pushes every ref, and holds what the server has then against what is here.
    pub async fn push(&self, task: &Task, repo: &Repository, seed: u64) {
        let path = self.folder.path().join(format!("{seed}.git"));
        let there = match path.exists() {
            true => Repo::at(&path),
            false => Repo::init(&path, "main").unwrap(),
        };
        let options = push::Options {
            remote: Some(self.server.url(&format!("/{seed}.git"))),
            wish: Wish {
                refspecs: vec!["+refs/*:refs/*".to_owned()],
                ..Wish::default()
            },
            ..push::Options::default()
        };
        let pushed = push::push(task, repo, &options).await;
        let pushed = pushed.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(pushed.is_ok(), "seed {seed}: {pushed:?}");
        there.git(["fsck", "--full", "--strict", "--no-dangling"]).unwrap();
        let listed = there
            .git(["rev-list", "--objects", "--no-object-names", "--all"])
            .unwrap();
        let theirs: BTreeSet<String> = String::from_utf8(listed).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(reached(task, repo).await, theirs, "seed {seed}");
    }
}

/// Every object that the refs lead to.
async fn reached(task: &Task, repo: &Repository) -> BTreeSet<String> {
    let listing = Listing::of_gitside(task, repo).await;
    let refs = for_each_ref::list(task, repo, b"refs/").await.unwrap();
    let mut left: Vec<String> = refs.iter().filter_map(|listed| Some(listed.oid?.to_hex())).collect();
    let mut reached = BTreeSet::new();
    while let Some(oid) = left.pop() {
        if reached.insert(oid.clone()) {
            let (kind, content) = &listing.objects[&oid];
            left.extend(links(kind, content).iter().map(ObjectId::to_hex));
        }
    }
    reached
}

/// What an object names that is in the same repository.
pub fn links(kind: &str, content: &[u8]) -> Vec<ObjectId> {
    match kind {
        "commit" => {
            let commit = CommitRef::parse(content).unwrap();
            commit.parents().chain([commit.tree()]).collect()
        }
        "tree" => {
            let entries = TreeIter::new(content).map(Result::unwrap);
            let here = entries.filter(|entry| entry.mode.kind() != EntryKind::Gitlink);
            here.map(|entry| entry.oid).collect()
        }
        "tag" => vec![TagRef::parse(content).unwrap().object],
        _ => Vec::new(),
    }
}

//! Pushes from repositories that have not everything: shallow and partial clones.

use gitside::error::Code;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::ops::push::{self, PushKind, PushedTo, Reason};
use gitside::ops::remotes::{self, AddOptions};
use gitside::ops::{Repository, clone};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside_server::repos::{Repo, git, run};

use crate::support::{block_on, host};
use crate::world::{World, are, commit, kinds, one, said, to_up};

/// A clone of the server's repository.
fn clone_of(world: &World, options: clone::Options) -> Repository {
    let host = host();
    let url = world.server.url("/up.git");
    block_on(clone::clone(&host, &world.fresh_task(), &url, "part", &options)).unwrap()
}

/// A clone without files of what then has a file that it left there.
fn partial_clone(world: &World) -> Repository {
    commit(&world.up, "main", "large", "left there\n");
    let options = clone::Options {
        filter: Some("blob:none".to_owned()),
        ..clone::Options::default()
    };
    clone_of(world, options)
}

/// Commits a file on top of `main`, as git does in `up`'s likeness, and puts what is new into `repo`.
fn commit_here(world: &World, repo: &Repository, file: &str, content: &str) -> ObjectId {
    let likeness = world.copy(&format!("likeness-{file}.git"));
    let before = said(&likeness, &["rev-parse", "main"]);
    let after = commit(&likeness, "main", file, content);
    let new = said(
        &likeness,
        &[
            "rev-list",
            "--objects",
            "--no-object-names",
            "main",
            &format!("^{before}"),
        ],
    );
    block_on(async {
        let writer = repo.writer(&world.fresh_task()).await.unwrap();
        let mut publication = Publication::new(&writer);
        for oid in new.lines() {
            let (kind, content) = read(&likeness, oid);
            publication.object(oid.parse().unwrap(), kind, &content);
        }
        publication.update(RefUpdate {
            name: b"refs/heads/main".to_vec(),
            expect: None,
            new: Some(Target::Direct(after.parse().unwrap())),
            peeled: None,
        });
        publication.commit().await.unwrap();
    });
    after.parse().unwrap()
}

fn read(repo: &Repo, oid: &str) -> (Kind, Vec<u8>) {
    let kind = match said(repo, &["cat-file", "-t", oid]).as_str() {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "tag" => Kind::Tag,
        _ => Kind::Blob,
    };
    let mut command = git();
    command
        .current_dir(repo.path())
        .args(["cat-file", &kind.to_string(), oid]);
    (kind, run(command, &[]).unwrap())
}

fn push(world: &World, repo: &Repository, remote: &str, refspec: &str) -> PushedTo {
    let options = push::Options {
        remote: Some(remote.to_owned()),
        ..to_up(&[refspec])
    };
    one(block_on(push::push(&world.fresh_task(), repo, &options)).unwrap())
}

/// A server with some history, and a clone of its last commit alone.
fn shallow() -> (World, Repository) {
    let world = World::new();
    for n in 0..5 {
        commit(&world.up, "main", "a", &format!("{n}\n"));
    }
    let depth = Some(1);
    let repo = clone_of(
        &world,
        clone::Options {
            depth,
            ..clone::Options::default()
        },
    );
    world.server.clear_log();
    (world, repo)
}

#[test]
fn a_shallow_repository_pushes_what_is_new_and_tells_its_boundary() {
    let (world, repo) = shallow();
    let boundary = world.there("refs/heads/main").unwrap();
    let new = commit_here(&world, &repo, "new", "n\n");
    let pushed = push(&world, &repo, "origin", "main");
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    assert_eq!(pushed.objects, 3);
    let body = &world.posts()[0].body;
    assert!(
        body.starts_with(format!("0034shallow {boundary}").as_bytes()),
        "{}",
        body.escape_ascii()
    );
    assert_eq!(world.there("refs/heads/main"), Some(new.to_hex()));
    assert!(!world.up.path().join("shallow").exists());
    world.check();
}

#[test]
fn a_server_without_the_history_refuses_a_shallow_push_unless_it_may_become_shallow() {
    let (world, repo) = shallow();
    commit_here(&world, &repo, "new", "n\n");
    let empty = Repo::init(world.root.path().join("empty.git"), "main").unwrap();
    let url = world.server.url("/empty.git");
    block_on(remotes::add(
        &world.fresh_task(),
        &repo,
        "empty",
        &url,
        &AddOptions::default(),
    ))
    .unwrap();
    let pushed = push(&world, &repo, "empty", "main");
    let update = &pushed.updates[0];
    assert_eq!(
        (update.kind, update.code),
        (PushKind::Rejected, Some(Code::PushRejectedRemote))
    );
    assert_eq!(
        (update.reason.as_deref(), update.cause),
        (Some("shallow update not allowed"), Some(Reason::Shallow))
    );
    said(&empty, &["config", "receive.shallowUpdate", "true"]);
    let pushed = push(&world, &repo, "empty", "main");
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "new")]));
    said(&empty, &["fsck", "--full", "--strict"]);
    assert_eq!(said(&empty, &["rev-list", "--count", "main"]), "2");
}

#[test]
fn a_partial_clone_pushes_to_its_promisor_without_fetching_what_it_left_there() {
    let world = World::with(|git| git.push().partial());
    let repo = partial_clone(&world);
    let new = commit_here(&world, &repo, "new", "n\n");
    world.server.clear_log();
    let pushed = push(&world, &repo, "origin", "main");
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    assert_eq!(pushed.objects, 3);
    let log = world.server.log();
    assert!(
        log.iter().all(|entry| !entry.path.contains("upload-pack")),
        "nothing was fetched"
    );
    assert_eq!(world.there("refs/heads/main"), Some(new.to_hex()));
    world.check();
}

#[test]
fn a_partial_clone_fetches_what_another_server_needs() {
    let world = World::with(|git| git.push().partial());
    let repo = partial_clone(&world);
    let other = Repo::init(world.root.path().join("other.git"), "main").unwrap();
    let url = world.server.url("/other.git");
    block_on(remotes::add(
        &world.fresh_task(),
        &repo,
        "other",
        &url,
        &AddOptions::default(),
    ))
    .unwrap();
    let pushed = push(&world, &repo, "other", "main");
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "new")]));
    said(&other, &["fsck", "--full", "--strict"]);
    assert_eq!(said(&other, &["cat-file", "blob", "main:large"]), "left there");
}

#[test]
fn a_partial_clone_fetches_what_the_repository_behind_its_pushurl_needs() {
    let world = World::with(|git| git.push().partial());
    let repo = partial_clone(&world);
    let fork = Repo::init(world.root.path().join("fork.git"), "main").unwrap();
    let url = world.server.url("/fork.git");
    block_on(remotes::set_url(&world.fresh_task(), &repo, "origin", &url, true)).unwrap();
    let pushed = push(&world, &repo, "origin", "main");
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "new")]));
    said(&fork, &["fsck", "--full", "--strict"]);
    assert_eq!(said(&fork, &["cat-file", "blob", "main:large"]), "left there");
}

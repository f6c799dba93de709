//! A remote that is kept as a mirror.

use std::collections::BTreeMap;

use gitside::error::Code;
use gitside::ops::config;
use gitside::ops::push::{self, PushKind, PushedTo, Reason, Wish};
use gitside_server::repos::{Repo, git, run};

use crate::support::block_on;
use crate::world::{World, bring, commit, error, one, said};

/// The server's `copy.git`, which went its own ways since it was copied, and the remote `copy`,
/// which is a mirror by its configuration.
fn mirror(world: &World) -> Repo {
    let copy = Repo::at(world.root.path().join("copy.git"));
    let mut command = git();
    command.args(["clone", "--quiet", "--bare"]);
    command.arg(world.up.path()).arg(copy.path());
    run(command, &[]).unwrap();
    commit(&copy, "main", "theirs", "theirs\n");
    said(&copy, &["update-ref", "refs/heads/gone", "main"]);
    said(&copy, &["update-ref", "refs/notes/gone", "main"]);
    said(&copy, &["update-ref", "refs/tags/v1", "main"]);
    said(&copy, &["symbolic-ref", "HEAD", "refs/heads/none"]);
    said(&copy, &["config", "transfer.hideRefs", "refs/pull"]);
    said(&world.dev, &["update-ref", "refs/pull/1/head", "main~1"]);
    bring(world);
    let settings = [
        ("remote.copy.url", world.server.url("/copy.git")),
        ("remote.copy.mirror", "true".to_owned()),
    ];
    for (key, value) in settings {
        block_on(config::set(
            &world.fresh_task(),
            &world.repo,
            key.as_bytes(),
            Some(value.as_bytes()),
        ))
        .unwrap();
    }
    world.server.clear_log();
    copy
}

fn push(world: &World) -> PushedTo {
    one(world.push_with(&to_copy(&[])).unwrap())
}

fn to_copy(refspecs: &[&str]) -> push::Options {
    push::Options {
        remote: Some("copy".to_owned()),
        wish: Wish {
            refspecs: refspecs.iter().map(|spec| (*spec).to_owned()).collect(),
            ..Wish::default()
        },
        ..push::Options::default()
    }
}

fn refs(repo: &Repo) -> BTreeMap<String, String> {
    let listed = said(repo, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    let pair = |line: &str| {
        let (name, oid) = line.split_once(' ').unwrap();
        (name.to_owned(), oid.to_owned())
    };
    listed.lines().map(pair).collect()
}

/// What is here, but for what the server hides.
fn expected(world: &World) -> BTreeMap<String, String> {
    let listed = block_on(world.repo.refs.list(b"refs/")).unwrap();
    let names = listed.into_iter().map(|found| String::from_utf8(found.name).unwrap());
    let shown = names.filter(|name| !name.starts_with("refs/pull/"));
    shown
        .map(|name| {
            let oid = world.here(&name).unwrap();
            (name, oid)
        })
        .collect()
}

#[test]
fn a_mirror_has_the_refs_that_are_here_after_one_request_whatever_it_had() {
    let world = World::new();
    let copy = mirror(&world);
    let expected = expected(&world);
    let pushed = push(&world);
    assert_eq!(refs(&copy), expected);
    assert_eq!(world.posts().len(), 1);
    let of = |kind: PushKind| pushed.updates.iter().filter(|update| update.kind == kind).count();
    let gone = pushed.updates.iter().filter(|update| update.kind == PushKind::Deleted);
    let gone: Vec<&[u8]> = gone.map(|update| update.name.as_slice()).collect();
    assert_eq!(gone, [&b"refs/heads/gone"[..], b"refs/notes/gone"]);
    assert_eq!(of(PushKind::Forced), 2, "main and the tag: {:?}", pushed.updates);
    // What the server refuses does not keep the others from it.
    let refused: Vec<_> = pushed
        .updates
        .iter()
        .filter(|update| update.kind == PushKind::Rejected)
        .map(|update| (update.name.as_slice(), update.cause, update.code))
        .collect();
    assert_eq!(
        refused,
        [(
            &b"refs/pull/1/head"[..],
            Some(Reason::Hidden),
            Some(Code::PushRejectedRemote)
        )]
    );
    said(&copy, &["fsck", "--full", "--strict", "--no-dangling"]);
}

#[test]
fn a_mirror_that_is_pushed_again_stays_as_it_is() {
    let world = World::new();
    let copy = mirror(&world);
    push(&world);
    let before = refs(&copy);
    let again = push(&world);
    let others = again.updates.iter().filter(|update| update.name != b"refs/pull/1/head");
    let mut kinds: Vec<PushKind> = others.map(|update| update.kind).collect();
    assert_eq!(kinds.len(), before.len());
    kinds.dedup();
    assert_eq!(kinds, [PushKind::UpToDate]);
    assert_eq!(again.objects, 0);
    assert_eq!(refs(&copy), before);
}

#[test]
fn a_mirror_takes_no_refspecs() {
    let world = World::new();
    let copy = mirror(&world);
    let before = refs(&copy);
    let refused = error(world.push_with(&to_copy(&["main"])));
    assert_eq!(refused.code, Code::Unsupported);
    assert!(world.posts().is_empty());
    assert_eq!(refs(&copy), before);
}

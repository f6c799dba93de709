//! Refs that are refused, here or by a real server, and what the caller sees of it.

use gitside::error::Code;
use gitside::ops::push::{self, Expect, Lease, PushKind, PushedTo, Reason, Wish};

use crate::world::{World, are, commit, error, kinds, one, said, to_up};

/// What is told of a ref that was refused.
fn refusal(pushed: &PushedTo, name: &str) -> (Code, String, Reason) {
    let update = pushed
        .updates
        .iter()
        .find(|update| update.name == name.as_bytes())
        .unwrap();
    assert_eq!((update.kind, &update.tracking), (PushKind::Rejected, &None));
    (
        update.code.unwrap(),
        update.reason.clone().unwrap(),
        update.cause.unwrap(),
    )
}

#[test]
fn what_the_rules_forbid_is_refused_before_anything_is_sent() {
    let world = World::new();
    commit(&world.up, "main", "theirs", "unknown here\n");
    said(&world.up, &["tag", "v1", "old"]);
    let blob = said(&world.dev, &["hash-object", "-t", "tree", "-w", "/dev/null"]);
    said(&world.up, &["update-ref", "refs/misc/tree", &blob]);
    let local = Code::PushRejectedLocal;
    let check = |spec: &str, name: &str, reason: &str, cause: Reason| {
        let pushed = world.push(&[spec]);
        assert_eq!(refusal(&pushed, name), (local, reason.to_owned(), cause), "{spec}");
        assert!(pushed.error.is_none());
    };
    check("main", "refs/heads/main", "fetch first", Reason::FetchFirst);
    check("v1", "refs/tags/v1", "already exists", Reason::AlreadyExists);
    world.push(&["side"]);
    check(
        "old:side",
        "refs/heads/side",
        "non-fast-forward",
        Reason::NonFastForward,
    );
    check(
        "main:refs/misc/tree",
        "refs/misc/tree",
        "needs force",
        Reason::NeedsForce,
    );
    let lease = push::Options {
        wish: Wish {
            leases: vec![Lease {
                name: b"refs/heads/side".to_vec(),
                expect: Expect::Absent,
            }],
            ..to_up(&["old:side"]).wish
        },
        ..to_up(&[])
    };
    let pushed = one(world.push_with(&lease).unwrap());
    let expected = (local, "stale info".to_owned(), Reason::StaleInfo);
    assert_eq!(refusal(&pushed, "refs/heads/side"), expected);
    assert_eq!(world.posts().len(), 1, "only that of the one that worked");
}

#[test]
fn a_refused_ref_leaves_the_others_alone_unless_it_is_all_or_nothing() {
    let world = World::new();
    said(&world.up, &["update-ref", "refs/heads/side", "main"]);
    let before = world.here("refs/remotes/up/side");
    let pushed = world.push(&["main", "old:side"]);
    assert_eq!(
        kinds(&pushed),
        are(&[("refs/heads/main", "fast-forward"), ("refs/heads/side", "rejected")])
    );
    assert_eq!(world.here("refs/remotes/up/side"), before);
    let mut options = to_up(&["v1", "old:side"]);
    options.wish.atomic = true;
    let pushed = one(world.push_with(&options).unwrap());
    let expected = (Code::PushRejectedLocal, "atomic push failed".to_owned(), Reason::Atomic);
    assert_eq!(refusal(&pushed, "refs/tags/v1"), expected);
    assert_eq!(world.there("refs/tags/v1"), None);
}

/// A push of `main` that the server refuses, for a reason in its words.
fn refused_there(
    prepare: impl FnOnce(&World),
    spec: &str,
    name: &str,
    reason: &str,
    cause: Reason,
) -> (World, PushedTo) {
    let world = World::new();
    prepare(&world);
    let tracking = world.here("refs/remotes/up/main");
    let pushed = world.push(&[spec]);
    let expected = (Code::PushRejectedRemote, reason.to_owned(), cause);
    assert_eq!(refusal(&pushed, name), expected);
    assert!(pushed.error.is_none());
    assert_eq!(world.here("refs/remotes/up/main"), tracking);
    assert!(pushed.bytes > 0);
    world.check();
    (world, pushed)
}

#[test]
fn the_servers_reason_is_told_in_its_words_and_as_a_word_for_programs() {
    let main = "refs/heads/main";
    let set = |key: &'static str, value: &'static str| move |world: &World| world.configure(key, value);
    refused_there(
        set("receive.denyNonFastForwards", "true"),
        "+old:main",
        main,
        "non-fast-forward",
        Reason::NonFastForward,
    );
    refused_there(
        set("receive.denyDeletes", "true"),
        ":old",
        "refs/heads/old",
        "deletion prohibited",
        Reason::DeletionProhibited,
    );
    let hidden = "deny updating a hidden ref";
    refused_there(set("receive.hideRefs", main), "main", main, hidden, Reason::Hidden);
    let no_delete = "deletion of the current branch prohibited";
    refused_there(|_| {}, ":main", main, no_delete, Reason::DeletionProhibited);
    refused_there(
        |world| {
            world.configure("core.bare", "false");
            world.configure("core.worktree", world.root.path().to_str().unwrap());
        },
        "main",
        main,
        "branch is currently checked out",
        Reason::CheckedOut,
    );
    refused_there(
        |world| {
            world.hook(
                "pre-receive",
                "cat >/dev/null; ref=refs/heads/main; rm -f $ref.lock; touch $ref.lock",
            );
        },
        "main",
        main,
        "failed to update ref",
        Reason::FailedToUpdate,
    );
}

#[test]
fn hooks_refuse_and_what_they_say_is_heard_in_order() {
    let say = "echo one; echo two >&2; printf 'thr'; printf 'ee\\n'";
    let main = "refs/heads/main";
    for (hook, script, reason, cause) in [
        ("update", "exit 1", "hook declined", Reason::HookDeclined),
        (
            "pre-receive",
            "exit 1",
            "pre-receive hook declined",
            Reason::PreReceiveDeclined,
        ),
    ] {
        let prepare = |world: &World| world.hook(hook, &format!("{say}; {script}"));
        let (world, pushed) = refused_there(prepare, "main", main, reason, cause);
        assert_eq!(pushed.messages[..3], ["one", "two", "three"], "{hook}");
        assert_eq!(world.messages(), pushed.messages);
    }
    let world = World::new();
    world.hook("post-receive", &format!("{say}; exit 1"));
    let pushed = world.push(&["main"]);
    assert_eq!(
        kinds(&pushed),
        are(&[(main, "fast-forward")]),
        "it comes too late to refuse"
    );
    assert_eq!(pushed.messages, ["one", "two", "three"]);
    world.hook("update", "test $1 != refs/heads/side || { echo no side; exit 1; }");
    let pushed = world.push(&["side", "v1"]);
    assert_eq!(
        kinds(&pushed),
        are(&[("refs/heads/side", "rejected"), ("refs/tags/v1", "new")])
    );
    assert_eq!(world.there("refs/tags/v1"), Some(world.dev("v1")));
    assert_eq!(
        world.here("refs/remotes/up/side"),
        Some(world.dev("main~4")),
        "as it was"
    );
}

#[test]
fn what_the_server_cannot_unpack_is_told_with_its_words() {
    for (key, value, unpack, said) in [
        (
            "receive.maxInputSize",
            "100",
            "unpack-objects abnormal exit",
            "pack exceeds maximum allowed size",
        ),
        ("receive.unpackLimit", "1", "", ""),
    ] {
        let world = World::new();
        world.configure(key, value);
        let pushed = world.push(&["main"]);
        if unpack.is_empty() {
            assert_eq!(kinds(&pushed)[0].1, "fast-forward");
            world.check();
            continue;
        }
        let expected = (Code::PushUnpackFailed, "unpacker error".to_owned(), Reason::Unpack);
        assert_eq!(refusal(&pushed, "refs/heads/main"), expected);
        let error = pushed.error.as_ref().unwrap();
        assert_eq!(error.code, Code::PushUnpackFailed);
        assert!(error.message.ends_with(unpack), "{}", error.message);
        assert!(error.remote_text.as_ref().unwrap().contains(said), "{error:?}");
    }
}

#[test]
fn an_atomic_push_that_the_server_refuses_changes_nothing() {
    let world = World::new();
    world.hook("update", "test $1 != refs/heads/side");
    let mut options = to_up(&["main", "side", "v1"]);
    options.wish.atomic = true;
    let pushed = one(world.push_with(&options).unwrap());
    assert!(pushed.updates.iter().all(|update| update.kind == PushKind::Rejected));
    assert_eq!(refusal(&pushed, "refs/heads/side").2, Reason::HookDeclined);
    assert_eq!(refusal(&pushed, "refs/heads/main").2, Reason::Atomic);
    assert_eq!(world.there("refs/tags/v1"), None);
    world.hook("update", "exit 0");
    let pushed = one(world.push_with(&options).unwrap());
    assert!(pushed.updates.iter().all(|update| update.code.is_none()));
}

#[test]
fn a_ref_that_moves_meanwhile_is_refused_by_the_server_because_it_compares() {
    let world = World::new();
    let race = "cat >/dev/null; env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main refs/heads/old";
    world.hook("pre-receive", race);
    let pushed = world.push(&["main"]);
    let (code, reason, cause) = refusal(&pushed, "refs/heads/main");
    assert_eq!(
        (code, cause),
        (Code::PushRejectedRemote, Reason::FailedToUpdate),
        "{reason}"
    );
    assert_eq!(world.there("refs/heads/main"), world.there("refs/heads/old"));
}

#[test]
fn a_ref_that_somebody_made_just_so_meanwhile_is_as_it_was_to_be() {
    let world = World::new();
    let race = "cat >/dev/null; env -u GIT_QUARANTINE_PATH git update-ref refs/heads/twin refs/heads/old";
    world.hook("pre-receive", race);
    // What happens where the browser sends a push again whose first answer got lost.
    let pushed = world.push(&["old:refs/heads/twin", "side"]);
    assert_eq!(
        kinds(&pushed),
        are(&[("refs/heads/side", "fast-forward"), ("refs/heads/twin", "up-to-date")])
    );
    let twin = pushed
        .updates
        .iter()
        .find(|update| update.name == b"refs/heads/twin")
        .unwrap();
    assert_eq!((twin.code, &twin.reason, twin.cause), (None, &None, None));
    assert_eq!(twin.tracking.as_deref(), Some(&b"refs/remotes/up/twin"[..]));
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn what_the_server_cannot_do_is_said_before_anything_is_sent() {
    let world = World::new();
    world.configure("receive.advertiseAtomic", "false");
    let mut options = to_up(&["main"]);
    options.wish.atomic = true;
    let failure = error(world.push_with(&options));
    assert_eq!(failure.code, Code::CapabilityMissing, "{failure}");
    let mut options = to_up(&["main"]);
    options.push_options = vec!["ci.skip".to_owned()];
    let failure = error(world.push_with(&options));
    assert_eq!(failure.code, Code::CapabilityMissing);
    assert!(failure.message.contains("does not support push options"), "{failure}");
    assert!(world.posts().is_empty());
}

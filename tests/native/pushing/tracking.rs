//! Which refs here follow a push, and what hooks may do in place of what was asked for.

use gitside::format::oid::ObjectId;
use gitside::ops::push::PushKind;
use gitside::ops::reflog::Reflog;

use crate::support::block_on;
use crate::world::{World, are, kinds, one, said, to_up};

/// The newest entry of a log: from, to, message.
fn logged(world: &World, name: &str) -> (ObjectId, ObjectId, String) {
    block_on(async {
        let task = world.fresh_task();
        let mut log = Reflog::open(&task, &world.repo, name.as_bytes(), Some(1))
            .await
            .unwrap();
        let entry = log.next_batch(&task, 1).await.unwrap().remove(0);
        (
            entry.old.unwrap(),
            entry.new.unwrap(),
            String::from_utf8(entry.message).unwrap(),
        )
    })
}

#[test]
fn the_log_says_update_by_push_as_gits_does() {
    let world = World::new();
    // A mirror keeps no logs unless it is told to.
    world.set("core.logAllRefUpdates", Some("true"));
    let before = world.here("refs/remotes/up/main").unwrap();
    world.push(&["main"]);
    let (old, new, message) = logged(&world, "refs/remotes/up/main");
    assert_eq!((old.to_hex(), new.to_hex()), (before, world.dev("main")));
    assert_eq!(message.trim_end(), "update by push");
}

#[test]
fn what_was_right_already_is_noted_too() {
    let world = World::new();
    said(&world.up, &["update-ref", "refs/heads/twin", "refs/heads/old"]);
    assert_eq!(world.here("refs/remotes/up/twin"), None);
    let pushed = world.push(&["old:twin"]);
    assert_eq!(kinds(&pushed), are(&[("refs/heads/twin", "up-to-date")]));
    assert_eq!(world.here("refs/remotes/up/twin"), Some(world.dev("old")));
}

#[test]
fn only_what_the_refspecs_fetch_is_followed() {
    let world = World::new();
    world.set("remote.up.fetch", None);
    world.append(
        "[remote \"up\"]\n\tfetch = +refs/heads/main:refs/remotes/up/trunk\n\tfetch = ^refs/heads/side\n\
         \tfetch = +refs/tags/*:refs/up-tags/*\n",
    );
    let pushed = world.push(&["main", "side", "v1", "light"]);
    assert_eq!(world.here("refs/remotes/up/trunk"), Some(world.dev("main")));
    assert_eq!(
        world.here("refs/remotes/up/main"),
        Some(world.dev("main~3")),
        "nobody's any more"
    );
    assert_eq!(world.here("refs/up-tags/v1"), Some(world.dev("v1")));
    let tracking = |name: &str| {
        let update = pushed
            .updates
            .iter()
            .find(|update| update.name == name.as_bytes())
            .unwrap();
        update.tracking.clone().map(|name| String::from_utf8(name).unwrap())
    };
    assert_eq!(tracking("refs/heads/main").as_deref(), Some("refs/remotes/up/trunk"));
    assert_eq!(tracking("refs/tags/light").as_deref(), Some("refs/up-tags/light"));
    assert_eq!(tracking("refs/heads/side"), None);
}

#[test]
fn a_url_is_pushed_to_without_anything_following() {
    let world = World::new();
    let mut options = to_up(&["main"]);
    let url = world.server.url("/up.git");
    options.remote = Some(url.replace("http://", "http://me:secret@"));
    let pushed = world.push_with(&options).unwrap();
    assert_eq!(pushed.remote, url);
    let to = one(pushed);
    assert_eq!((to.url.as_str(), &to.updates[0].tracking), (url.as_str(), &None));
    assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main~3")));
}

#[test]
fn a_tracking_ref_that_cannot_be_made_does_not_undo_the_push() {
    let world = World::new();
    world.push(&["side:refs/heads/a/b"]);
    said(&world.up, &["update-ref", "-d", "refs/heads/a/b"]);
    let pushed = world.push(&["side:refs/heads/a"]);
    assert_eq!(kinds(&pushed), are(&[("refs/heads/a", "new")]));
    assert_eq!(world.there("refs/heads/a"), Some(world.dev("side")));
    assert_eq!(
        (world.here("refs/remotes/up/a"), &pushed.updates[0].tracking),
        (None, &None)
    );
    assert!(
        world.warnings().iter().any(|text| text.contains("refs/remotes/up/a")),
        "{:?}",
        world.warnings()
    );
}

#[test]
fn a_directory_of_refs_makes_room_for_a_ref_in_one_push() {
    let world = World::new();
    world.push(&["side:refs/heads/d/e"]);
    let pushed = world.push(&[":refs/heads/d/e", "side:refs/heads/d"]);
    assert_eq!(
        kinds(&pushed),
        are(&[("refs/heads/d", "new"), ("refs/heads/d/e", "deleted")])
    );
    assert_eq!(world.here("refs/remotes/up/d"), Some(world.dev("side")));
    assert_eq!(world.here("refs/remotes/up/d/e"), None);
}

/// A hook that answers for refs below `refs/for/`.
fn proc_receive(world: &World, lines: &[&str]) {
    world.configure("receive.procReceiveRefs", "refs/for");
    let mut script = "printf '000eversion=1\\n0000'".to_owned();
    for line in lines {
        script.push_str(&format!("; printf '{:04x}{line}\\n'", line.len() + 5));
    }
    script.push_str("; printf 0000; cat >/dev/null");
    world.hook("proc-receive", &script);
}

#[test]
fn what_a_hook_did_in_place_of_a_push_is_told() {
    let world = World::new();
    let (old, new) = (world.dev("main~3"), world.dev("main"));
    proc_receive(
        &world,
        &[
            "ok refs/for/main/topic",
            "option refname refs/pull/123/head",
            "option forced-update",
            "ok refs/for/main/topic",
            "option refname refs/heads/main",
            &format!("option old-oid {old}"),
            &format!("option new-oid {new}"),
        ],
    );
    let pushed = world.push(&["main:refs/for/main/topic"]);
    let update = &pushed.updates[0];
    assert_eq!(
        (update.name.as_slice(), update.kind),
        (&b"refs/for/main/topic"[..], PushKind::New)
    );
    let [pull, main] = &update.instead[..] else {
        panic!("{:?}", update.instead)
    };
    assert_eq!(pull.name.as_ref().unwrap().as_bytes(), b"refs/pull/123/head");
    assert!(pull.forced && pull.new.is_none());
    assert_eq!(main.new.map(|oid| oid.to_hex()), Some(new.clone()));
    assert_eq!(world.here("refs/remotes/up/main"), Some(new), "as git does");
    assert_eq!(update.tracking.as_deref(), Some(&b"refs/remotes/up/main"[..]));
}

#[test]
fn a_hook_that_made_something_that_is_not_here_moves_nothing() {
    let world = World::new();
    let elsewhere = "1234567890123456789012345678901234567890";
    proc_receive(
        &world,
        &[
            "ok refs/for/main",
            "option refname refs/heads/main",
            &format!("option new-oid {elsewhere}"),
        ],
    );
    let pushed = world.push(&["main:refs/for/main"]);
    assert_eq!(pushed.updates[0].instead[0].new.unwrap().to_hex(), elsewhere);
    assert_eq!(pushed.updates[0].tracking, None);
    assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main~3")));
}

#[test]
fn a_hook_that_refuses_in_place_of_the_server_is_heard() {
    for (lines, reason) in [
        (&["ng refs/for/main not today"][..], "not today"),
        (&[][..], "proc-receive failed to report status"),
    ] {
        let world = World::new();
        proc_receive(&world, lines);
        let pushed = world.push(&["main:refs/for/main", "side"]);
        let update = pushed
            .updates
            .iter()
            .find(|update| update.name == b"refs/for/main")
            .unwrap();
        assert_eq!(
            (update.kind, update.reason.as_deref()),
            (PushKind::Rejected, Some(reason))
        );
        assert_eq!(
            world.there("refs/heads/side"),
            Some(world.dev("side")),
            "the others are done"
        );
    }
}

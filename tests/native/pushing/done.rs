//! Pushes that work.

use crate::world::{World, are, kinds, one, said, to_up};

#[test]
fn a_branch_is_pushed_with_all_it_needs_and_its_tracking_ref_follows() {
    let world = World::new();
    let before = world.here("refs/remotes/up/main");
    let pushed = world.push(&["main"]);
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    assert_eq!(world.there("refs/heads/main"), Some(world.dev("main")));
    assert_ne!(before, world.here("refs/remotes/up/main"));
    assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main")));
    let update = &pushed.updates[0];
    assert_eq!(update.tracking.as_deref(), Some(&b"refs/remotes/up/main"[..]));
    assert_eq!(update.old.map(|oid| oid.to_hex()), before);
    assert_eq!(update.source.as_deref(), Some(&b"refs/heads/main"[..]));
    assert_eq!((update.code, &update.reason), (None, &None));
    assert_eq!(pushed.url, world.server.url("/up.git"));
    assert!(pushed.error.is_none());
    world.check();
    let posts = world.posts();
    assert_eq!((posts.len(), posts[0].body_bytes), (1, pushed.bytes));
    let needed = said(&world.dev, &["rev-list", "--objects", "main", "^main~3"]);
    assert_eq!(pushed.objects, u64::try_from(needed.lines().count()).unwrap());
}

#[test]
fn what_is_right_already_sends_nothing() {
    let world = World::new();
    let pushed = world.push(&["old"]);
    assert_eq!(kinds(&pushed), are(&[("refs/heads/old", "up-to-date")]));
    assert_eq!((world.posts().len(), pushed.bytes), (0, 0));
    assert!(one(world.push_with(&to_up(&["old"])).unwrap()).error.is_none());
}

#[test]
fn creations_updates_and_deletions_go_in_one_request() {
    let world = World::new();
    let pushed = world.push(&["main", "side:refs/heads/new/side", "v1", "light", ":old"]);
    let expected = are(&[
        ("refs/heads/main", "fast-forward"),
        ("refs/heads/old", "deleted"),
        ("refs/heads/new/side", "new"),
        ("refs/tags/v1", "new"),
        ("refs/tags/light", "new"),
    ]);
    assert_eq!(kinds(&pushed), expected);
    assert_eq!(world.posts().len(), 1);
    assert_eq!(world.there("refs/heads/old"), None);
    assert_eq!(world.there("refs/heads/new/side"), Some(world.dev("side")));
    assert_eq!(world.there("refs/tags/v1"), Some(world.dev("v1")));
    assert_eq!(world.here("refs/remotes/up/old"), None);
    assert_eq!(world.here("refs/remotes/up/new/side"), Some(world.dev("side")));
    world.check();
}

#[test]
fn deletions_alone_send_no_pack_and_what_is_there_already_an_empty_one() {
    let world = World::new();
    world.push(&[":old"]);
    let posts = world.posts();
    assert!(posts[0].body.ends_with(b"0000"), "no pack");
    world.server.clear_log();
    let pushed = world.push(&["main~3:refs/heads/again"]);
    assert_eq!((pushed.objects, kinds(&pushed)[0].1), (0, "new"));
    let body = &world.posts()[0].body;
    let empty = b"PACK\0\0\0\x02\0\0\0\0";
    assert_eq!(&body[body.len() - 32..body.len() - 20], empty);
    assert_eq!(said(&world.up, &["rev-parse", "again"]), world.dev("main~3"));
}

//! What is told before anything is sent, and calling it off.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::ops::push::{self, Preflight, Weights};
use gitside_server::repos::git;

use crate::world::{World, bring, commit, error, one, to_up};

/// A push of these refspecs that is let go or not, and what it was told before.
fn asked(refspecs: &[&str], answer: bool) -> (push::Options, Rc<RefCell<Vec<Preflight>>>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let told_to = told.clone();
    let before: push::AskBefore = Rc::new(move |preflight| {
        told_to.borrow_mut().push(preflight);
        Box::pin(std::future::ready(answer))
    });
    let options = push::Options {
        before: Some(before),
        ..to_up(refspecs)
    };
    (options, told)
}

fn hex(oid: Option<ObjectId>) -> String {
    oid.unwrap_or(ObjectId::NULL).to_hex()
}

#[test]
fn a_push_that_is_called_off_sends_nothing() {
    let world = World::new();
    let before = world.there("refs/heads/main");
    let tracking = world.here("refs/remotes/up/main");
    let (options, told) = asked(&["main"], false);
    let error = error(world.push_with(&options));
    assert_eq!(error.code, Code::PushRejectedLocal);
    assert_eq!(error.url, Some(world.server.url("/up.git")));
    assert_eq!(told.borrow().len(), 1);
    assert!(world.posts().is_empty());
    assert_eq!(world.there("refs/heads/main"), before);
    assert_eq!(world.here("refs/remotes/up/main"), tracking);
}

#[test]
fn what_is_told_is_what_gits_hook_is_told_and_what_is_sent() {
    let world = World::new();
    let refspecs = ["main", "+side:old", "v1", ":refs/heads/side", "main~1:refs/odd/x"];
    let hook = world.dev.path().join("hooks/pre-push");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\ncat >told\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = git();
    command.current_dir(world.dev.path());
    command.arg("push").arg(world.server.url("/up.git")).args(refspecs);
    assert!(!command.output().unwrap().status.success(), "the hook calls it off");
    let theirs = fs::read_to_string(world.dev.path().join("told")).unwrap();
    let mut theirs: Vec<String> = theirs.lines().map(str::to_owned).collect();

    let (options, told) = asked(&refspecs, true);
    let pushed = one(world.push_with(&options).unwrap());
    let told = told.borrow();
    let [preflight] = told.as_slice() else {
        panic!("{told:?}")
    };
    let line = |planned: &push::Planned| {
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let source = planned.source.as_deref().map_or("(delete)".to_owned(), text);
        format!(
            "{source} {} {} {}",
            hex(planned.new),
            text(&planned.name),
            hex(planned.old)
        )
    };
    let mut ours: Vec<String> = preflight.refs.iter().map(line).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
    assert_eq!(preflight.url, pushed.url);
    assert_eq!(preflight.remote, "up");
    assert_eq!(
        (preflight.objects, preflight.bytes),
        (pushed.objects, world.posts()[0].body_bytes)
    );
    assert!(preflight.large.is_empty());
    assert!(world.warnings().is_empty());
}

#[test]
fn nobody_is_asked_where_nothing_is_sent() {
    let world = World::new();
    let (mut dry, told) = asked(&["main"], false);
    dry.dry_run = true;
    world.push_with(&dry).unwrap();
    assert!(told.borrow().is_empty());
    // Up to date, and refused here.
    let (options, told) = asked(&["old", "old:side", "old~0:refs/heads/main"], false);
    assert!(one(world.push_with(&options).unwrap()).error.is_none());
    assert!(told.borrow().is_empty());
}

#[test]
fn large_files_are_warned_of_by_the_paths_they_have() {
    let world = World::new();
    let content = |letter: &str, size: usize| letter.repeat(size);
    commit(&world.dev, "main", "dir/deep/large", &content("l", 5000));
    commit(&world.dev, "main", "largest", &content("m", 9000));
    // It is only in the commit in between.
    commit(&world.dev, "main", "largest", "small again\n");
    commit(&world.dev, "main", "just right", &content("r", 4000));
    bring(&world);
    let (mut options, told) = asked(&["main"], true);
    options.weights = Weights { file: 4000, push: 100 };
    let pushed = one(world.push_with(&options).unwrap());
    let told = told.take();
    let large: Vec<(Option<String>, String, u64)> = told[0]
        .large
        .iter()
        .map(|file| {
            let path = file.path.clone().map(|path| String::from_utf8(path).unwrap());
            (path, file.oid.to_hex(), file.size)
        })
        .collect();
    let expected = [
        ("largest", "main~2:largest", 9000),
        ("dir/deep/large", "main:dir/deep/large", 5000),
    ];
    let expected = expected.map(|(path, rev, size)| (Some(path.to_owned()), world.dev(rev), size));
    assert_eq!(large, expected);
    let warnings = world.warnings();
    assert_eq!(
        warnings,
        [
            "\"largest\" has 9000 bytes; servers may refuse files of more than 4000".to_owned(),
            "\"dir/deep/large\" has 5000 bytes; servers may refuse files of more than 4000".to_owned(),
            format!(
                "{} bytes are to be sent; servers may refuse pushes of more than 100",
                pushed.bytes
            ),
        ]
    );
    // What the server has already is not sent, and not warned of.
    commit(&world.dev, "main", "a copy", &content("l", 5000));
    bring(&world);
    options.weights.push = u64::MAX;
    world.push_with(&options).unwrap();
    assert!(world.warnings().is_empty(), "{:?}", world.warnings());
}

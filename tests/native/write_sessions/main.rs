//! Random sessions of writing, by gitside and by `git fast-import`: commits that add, replace, delete,
//! rename and place, amended ones, merges, first commits, annotated tags. Every commit and every tag
//! must have the id that git gives it, and with it the same trees. Git gets all sessions in one
//! stream. Each is pushed to a server that checks what it gets, and has all of it then, and no more. `GITSIDE_SESSIONS` says how many (500 unless told), `GITSIDE_SEED` which one alone.
#![cfg(not(target_arch = "wasm32"))]

mod model;
mod pushed;
mod session;
mod stream;
#[path = "../support/mod.rs"]
mod support;

use std::env;

use gitside_server::repos::Repo;
use pushed::Place;
use session::Session;
use stream::Stream;
use support::block_on;

fn seeds() -> Vec<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    match number("GITSIDE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("GITSIDE_SESSIONS").unwrap_or(500)).collect(),
    }
}

#[test]
fn every_session_makes_the_objects_that_git_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repo::init(folder.path(), "main").unwrap();
    let mut stream = Stream::default();
    let place = Place::new();
    let mut sessions = Vec::new();
    for seed in seeds() {
        sessions.push(block_on(Session::run(seed, &mut stream, &place)));
    }
    let theirs = stream.import(&git);
    let mut differences = Vec::new();
    let mut compared = 0;
    for session in &sessions {
        for (what, name, oid) in &session.made {
            compared += 1;
            match theirs.get(name) {
                Some(found) if found == oid => {}
                found => {
                    differences.push(format!(
                        "seed {}: {what} {name}: git {found:?}, gitside {oid}",
                        session.seed
                    ));
                    // What comes after it differs as well.
                    break;
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > sessions.len() * 3, "{compared} objects were compared");
    git.git(["fsck", "--full", "--strict", "--no-dangling"]).unwrap();
    for session in &sessions {
        block_on(session.check_store());
    }
}

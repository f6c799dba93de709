//! Packs made to do harm, and packs that only look like it: our verdict beside git's.
//!
//! Ours has to equal that of `git index-pack --stdin` (`--strict` where it is about what objects
//! name), or to be stricter in the points that are named here ([`Stricter`]). Each pack is fed whole, in pieces of seven bytes,
//! and byte by byte, and has two seconds.
#![cfg(not(target_arch = "wasm32"))]

#[path = "support/hostile_cases.rs"]
mod hostile_cases;
#[path = "support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;

use std::time::{Duration, Instant};

use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use hostile_cases::Verdict::{Bad, Good, Stricter};
use hostile_cases::{Case, Cases, bases, deltas, entry_headers, headers_and_trailers, streams};
use pack_builder::{PackBuilder, blob_id};
use pack_oracle::{GitIndexer, How, Refused, ids, index};

#[test]
fn more_than_a_hundred_hostile_packs_are_judged_as_git_does_or_more_strictly() {
    let mut cases = Cases::default();
    headers_and_trailers(&mut cases);
    entry_headers(&mut cases);
    streams(&mut cases);
    deltas(&mut cases);
    bases(&mut cases);
    cases.links = true;
    links(&mut cases);
    let git = GitIndexer::new("hostile-packs");
    let (mut good, mut bad, mut stricter) = (0, 0, 0);
    for Case {
        name,
        pack,
        verdict,
        links,
    } in &cases.all
    {
        let how = How {
            links: *links,
            ..How::default()
        };
        let start = Instant::now();
        let ours = index(pack, how);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");
        if pack.len() < 1 << 20 {
            for chunk in [1, 7] {
                let pieces = index(pack, How { chunk, ..how });
                assert_eq!(pieces, ours, "{name}, {chunk} bytes at a time");
            }
        }
        let strict: &[&str] = if *links { &["--strict"] } else { &[] };
        let gits = git.index(pack, strict);
        let error = match &ours {
            Ok(_) => String::new(),
            Err(Refused::Pack(error)) => format!("{error:?}"),
            Err(other) => format!("{other:?}"),
        };
        match verdict {
            Good => {
                good += 1;
                let ours = ours.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                assert_eq!(gits.as_ref().ok(), Some(&ids(&ours)), "{name}: {gits:?}");
            }
            Bad(start) => {
                bad += 1;
                assert!(error.starts_with(start), "{name}: {start} expected, but {error}");
                assert!(gits.is_err(), "{name}: git accepts it");
            }
            Stricter(start) => {
                stricter += 1;
                assert!(error.starts_with(start), "{name}: {start} expected, but {error}");
                assert!(gits.is_ok(), "{name}: git is as strict: {gits:?}");
            }
        }
    }
    println!("{good} accepted, {bad} refused as git does, {stricter} refused where git is not");
    assert!(good >= 30 && bad >= 90 && stricter <= 8, "{good}, {bad}, {stricter}");
}

fn links(cases: &mut Cases) {
    let tree = |entries: &[(&str, ObjectId)]| {
        let mut content = Vec::new();
        for (name, oid) in entries {
            content.extend_from_slice(name.as_bytes());
            content.push(0);
            content.extend_from_slice(oid.as_bytes());
        }
        content
    };
    let commit = |tree: ObjectId, parents: &[ObjectId]| {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let by = "A <a@example.org> 1700000000 +0000";
        format!("tree {tree}\n{parents}author {by}\ncommitter {by}\n\nm\n").into_bytes()
    };
    let tag = |oid: ObjectId, kind: &str| {
        format!("object {oid}\ntype {kind}\ntag t\ntagger A <a@example.org> 1700000000 +0000\n\nm\n").into_bytes()
    };
    let id = |kind, content: &[u8]| hash_object(kind, content).unwrap();
    let blob = b"content".to_vec();
    let blob_oid = blob_id(&blob);
    let root = tree(&[("100644 f", blob_oid), ("160000 module", ObjectId::new([9; 20]))]);
    let root_oid = id(Kind::Tree, &root);
    let first = commit(root_oid, &[]);
    let first_oid = id(Kind::Commit, &first);
    let second = commit(root_oid, &[first_oid]);
    let second_oid = id(Kind::Commit, &second);
    let tagged = tag(second_oid, "commit");
    let all = [
        (Kind::Tag, &tagged),
        (Kind::Commit, &second),
        (Kind::Commit, &first),
        (Kind::Tree, &root),
        (Kind::Blob, &blob),
    ];
    let build = |objects: &[(Kind, &Vec<u8>)]| {
        let mut pack = PackBuilder::new();
        for (kind, content) in objects {
            pack.whole(*kind, content);
        }
        pack.finish()
    };
    cases.add("a history", build(&all), Good);
    cases.add(
        "a history backwards",
        build(&all.iter().rev().copied().collect::<Vec<_>>()),
        Good,
    );
    for left_out in 1..all.len() {
        let mut rest = all.to_vec();
        let (kind, _) = rest.remove(left_out);
        cases.add(
            format!("a history without a {kind}, {left_out}"),
            build(&rest),
            Bad("Missing"),
        );
    }
    type Objects = Vec<(Kind, Vec<u8>)>;
    let wrong: [(&str, Objects); 6] = [
        (
            "a tree that is a blob",
            vec![(Kind::Tree, tree(&[("40000 d", blob_oid)])), (Kind::Blob, blob.clone())],
        ),
        (
            "a file that is a tree",
            vec![
                (Kind::Tree, tree(&[("100644 f", root_oid)])),
                (Kind::Tree, root.clone()),
                (Kind::Blob, blob.clone()),
            ],
        ),
        (
            "a file that is a commit",
            vec![
                (Kind::Blob, blob.clone()),
                (Kind::Tree, root.clone()),
                (Kind::Commit, first.clone()),
                (Kind::Tree, tree(&[("100644 f", first_oid)])),
            ],
        ),
        (
            "a commit of a blob",
            vec![(Kind::Commit, commit(blob_oid, &[])), (Kind::Blob, blob.clone())],
        ),
        (
            "a parent that is a tree",
            vec![
                (Kind::Blob, blob.clone()),
                (Kind::Tree, root.clone()),
                (Kind::Commit, commit(root_oid, &[root_oid])),
            ],
        ),
        (
            "a tag that lies",
            vec![(Kind::Blob, blob.clone()), (Kind::Tag, tag(blob_oid, "tree"))],
        ),
    ];
    for (name, objects) in wrong {
        let objects: Vec<(Kind, &Vec<u8>)> = objects.iter().map(|(kind, content)| (*kind, content)).collect();
        cases.add(name, build(&objects), Bad("Link(Kind"));
    }
    for (kind, content) in [
        (Kind::Tree, b"100644 f\0short".to_vec()),
        (Kind::Tree, b"junk".to_vec()),
        (Kind::Tree, tree(&[("10x644 f", blob_oid)])),
        (Kind::Commit, b"junk".to_vec()),
        (Kind::Commit, Vec::new()),
        (Kind::Tag, b"junk".to_vec()),
    ] {
        let name = format!("a {kind} of {} bytes that is none", content.len());
        cases.add(name, build(&[(kind, &content)]), Bad("Link(Malformed"));
    }
}

//! Answers that no good server gives.

use std::rc::Rc;

use gitside::error::Code;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::ops::clone::clone;
use gitside::ops::remote::Version;
use gitside::task::Task;

use crate::hostile_cases::{Cases, Verdict};
use crate::replay::{Answer, Replay};
use crate::support::block_on;
use crate::world::{URL, assert_nothing_left, refs_of, replayed, version, world};

fn pkt(payload: &[u8]) -> Vec<u8> {
    [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
}

/// A version 2 server with these refs (the first is `HEAD`'s branch) and this fetch answer.
fn scripted(refs: &[(&str, ObjectId)], fetch: Vec<u8>) -> Vec<Answer> {
    let answer = |kind: &str, body: Vec<u8>| Answer {
        content_type: format!("application/x-git-upload-pack-{kind}"),
        body,
    };
    let advertisement = [
        pkt(b"version 2\n"),
        pkt(b"ls-refs=unborn\n"),
        pkt(b"fetch=shallow\n"),
        pkt(b"object-format=sha1\n"),
        b"0000".to_vec(),
    ]
    .concat();
    let mut listing = Vec::new();
    if let Some((name, oid)) = refs.first() {
        listing.extend(pkt(format!("{oid} HEAD symref-target:{name}\n").as_bytes()));
    }
    for (name, oid) in refs {
        listing.extend(pkt(format!("{oid} {name}\n").as_bytes()));
    }
    listing.extend(b"0000");
    vec![
        answer("advertisement", advertisement),
        answer("result", listing),
        answer("result", fetch),
    ]
}

/// The fetch answer that carries a pack, as a server sends it.
fn carried(pack: &[u8]) -> Vec<u8> {
    let mut body = pkt(b"packfile\n");
    for piece in pack.chunks(8000) {
        body.extend(pkt(&[b"\x01", piece].concat()));
    }
    body.extend(b"0000");
    body
}

/// A commit with one file, and the three objects it takes.
fn small_history() -> (ObjectId, Vec<(Kind, Vec<u8>)>) {
    use gitside::format::hash::hash_object;
    let blob = b"hello\n".to_vec();
    let blob_id = hash_object(Kind::Blob, &blob).unwrap();
    let tree = [b"100644 file\0".as_slice(), blob_id.as_bytes()].concat();
    let tree_id = hash_object(Kind::Tree, &tree).unwrap();
    let commit = format!("tree {tree_id}\nauthor A <a@example.org> 1700000000 +0000\ncommitter A <a@example.org> 1700000000 +0000\n\nfirst\n").into_bytes();
    let commit_id = hash_object(Kind::Commit, &commit).unwrap();
    (
        commit_id,
        vec![(Kind::Commit, commit), (Kind::Tree, tree), (Kind::Blob, blob)],
    )
}

fn packed(objects: &[(Kind, Vec<u8>)]) -> Vec<u8> {
    let mut builder = crate::pack_builder::PackBuilder::new();
    for (kind, content) in objects {
        builder.whole(*kind, content);
    }
    builder.finish()
}

#[test]
fn every_hostile_pack_is_refused_by_a_clone_and_leaves_nothing() {
    let (tip, objects) = small_history();
    let mut cases = Cases::default();
    crate::hostile_cases::headers_and_trailers(&mut cases);
    crate::hostile_cases::entry_headers(&mut cases);
    crate::hostile_cases::streams(&mut cases);
    crate::hostile_cases::deltas(&mut cases);
    crate::hostile_cases::bases(&mut cases);
    let mut refused = 0;
    for case in &cases.all {
        let (world, result) = replayed(scripted(&[("refs/heads/main", tip)], carried(&case.pack)), Version::V2);
        // A good pack is no better here: none of them has the commit that was asked for.
        let failure = result.err().unwrap_or_else(|| panic!("{}: accepted", case.name));
        let code = failure.error().unwrap().code;
        let allowed: &[Code] = match case.verdict {
            Verdict::Good => &[Code::NotConnected, Code::PackInvalid, Code::LimitExceeded],
            Verdict::Bad(_) | Verdict::Stricter(_) => &[
                Code::PackInvalid,
                Code::LimitExceeded,
                Code::PackCollision,
                Code::NotConnected,
            ],
        };
        assert!(allowed.contains(&code), "{}: {code}: {failure}", case.name);
        block_on(assert_nothing_left(&world, &case.name));
        refused += 1;
    }
    assert!(refused >= 100, "{refused} packs");
    let (_, good) = replayed(
        scripted(&[("refs/heads/main", tip)], carried(&packed(&objects))),
        Version::V2,
    );
    assert!(good.is_ok(), "the same server with a good pack");
}

#[test]
fn an_object_that_is_missing_is_named_and_nothing_is_left() {
    let (tip, objects) = small_history();
    for missing in 0..objects.len() {
        let mut fewer = objects.clone();
        fewer.remove(missing);
        let (world, result) = replayed(
            scripted(&[("refs/heads/main", tip)], carried(&packed(&fewer))),
            Version::V2,
        );
        let failure = result.err().unwrap();
        assert_eq!(failure.error().unwrap().code, Code::NotConnected, "{failure}");
        let oid = gitside::format::hash::hash_object(objects[missing].0, &objects[missing].1).unwrap();
        assert!(failure.to_string().contains(&oid.to_hex()), "{failure}");
        block_on(assert_nothing_left(&world, "missing object"));
    }
}

#[test]
fn answers_that_break_the_protocol_have_their_codes_and_leave_nothing() {
    let (tip, objects) = small_history();
    let good = carried(&packed(&objects));
    let blob = gitside::format::hash::hash_object(Kind::Blob, b"hello\n").unwrap();
    let body = |parts: &[&[u8]]| parts.concat();
    let pack_start = &good[..good.len() - 4];
    let refs: &[(&str, ObjectId)] = &[("refs/heads/main", tip)];
    let with = |fetch: Vec<u8>| scripted(refs, fetch);
    let cases: Vec<(&str, Vec<Answer>, Code)> = vec![
        ("no answer", with(Vec::new()), Code::EmptyResponse),
        ("only a flush", with(b"0000".to_vec()), Code::Protocol),
        ("no flush at the end", with(pack_start.to_vec()), Code::ConnectionReset),
        (
            "a delimiter for the flush",
            with(body(&[pack_start, b"0001"])),
            Code::Protocol,
        ),
        ("a response end", with(body(&[pack_start, b"0002"])), Code::Protocol),
        (
            "text after the flush",
            with(body(&[&good, &pkt(b"more\n")])),
            Code::Protocol,
        ),
        ("bad length", with(body(&[pack_start, b"0003"])), Code::Protocol),
        ("length of letters", with(body(&[pack_start, b"zzzz"])), Code::Protocol),
        ("too long a packet", with(body(&[pack_start, b"fff5"])), Code::Protocol),
        (
            "band 0",
            with(body(&[pack_start, &pkt(b"\x00x"), b"0000"])),
            Code::Protocol,
        ),
        (
            "band 4",
            with(body(&[pack_start, &pkt(b"\x04x"), b"0000"])),
            Code::Protocol,
        ),
        ("no band", with(body(&[pack_start, b"0004", b"0000"])), Code::Protocol),
        (
            "band 3 after a whole pack",
            with(body(&[pack_start, &pkt(b"\x03broken"), b"0000"])),
            Code::RemoteError,
        ),
        (
            "ERR instead of a pack",
            with(pkt(b"ERR upload-pack: out of memory\n")),
            Code::RemoteError,
        ),
        (
            "ERR in the side-band",
            with(body(&[pack_start, &pkt(b"ERR late"), b"0000"])),
            Code::RemoteError,
        ),
        ("two packs", with(body(&[pack_start, &good])), Code::Protocol),
        (
            "an unknown section",
            with(body(&[&pkt(b"surprise\n"), &good])),
            Code::Protocol,
        ),
        (
            "URIs that were not asked for",
            with(body(&[
                &pkt(b"packfile-uris\n"),
                &pkt(b"x https://a/b\n"),
                b"0001",
                &good,
            ])),
            Code::Protocol,
        ),
        (
            "acknowledgments after done",
            with(body(&[&pkt(b"acknowledgments\n"), &pkt(b"NAK\n"), b"0000"])),
            Code::Protocol,
        ),
        (
            "an unshallow that fits nothing",
            with(body(&[
                &pkt(b"shallow-info\n"),
                &pkt(format!("unshallow {tip}").as_bytes()),
                b"0001",
                &good,
            ])),
            Code::Protocol,
        ),
        (
            "a branch that is a blob",
            scripted(&[("refs/heads/main", blob)], good.clone()),
            Code::Protocol,
        ),
        ("a pack of nothing", with(carried(&packed(&[]))), Code::NotConnected),
    ];
    let count = cases.len();
    let mut wrong = Vec::new();
    for (name, mut answers, code) in cases {
        let last = answers.last().unwrap().clone();
        answers.extend([last.clone(), last]);
        let (world, result) = replayed(answers, Version::V2);
        let failure = result.err().unwrap_or_else(|| panic!("{name}: accepted"));
        if failure.error().unwrap().code != code {
            wrong.push(format!(
                "{name}: {code} expected, {}: {failure}",
                failure.error().unwrap().code
            ));
        }
        block_on(assert_nothing_left(&world, name));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 22);
}

#[test]
fn a_ref_that_moved_after_it_was_listed_is_listed_anew_once() {
    let (tip, objects) = small_history();
    let old: ObjectId = "1111111111111111111111111111111111111111".parse().unwrap();
    let gone = || pkt(format!("ERR upload-pack: not our ref {old}\n").as_bytes());
    let stale = scripted(&[("refs/heads/main", old)], gone());
    let fresh = scripted(&[("refs/heads/main", tip)], carried(&packed(&objects)));
    let (_, result) = replayed([stale.clone(), fresh].concat(), Version::V2);
    let repo = result.unwrap();
    block_on(async {
        let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
        assert_eq!(head.oid, Some(tip));
    });
    let (world, result) = replayed([stale.clone(), stale.clone(), stale].concat(), Version::V2);
    let failure = result.err().unwrap();
    assert_eq!(failure.error().unwrap().code, Code::StaleRefs, "{failure}");
    block_on(assert_nothing_left(&world, "stale refs"));
}

#[test]
fn bad_ref_names_are_left_out_and_told() {
    let (tip, objects) = small_history();
    let refs = [
        ("refs/heads/main", tip),
        ("refs/heads/../x", tip),
        ("refs/heads/a.lock", tip),
        ("refs/heads/a\x1b[2Jb", tip),
        ("refs/heads/@{x", tip),
        ("refs/heads/main/below", tip),
        ("refs/tags/__proto__", tip),
    ];
    let world = world(Replay::new(scripted(&refs, carried(&packed(&objects)))));
    let told = Rc::new(std::cell::RefCell::new(Vec::new()));
    let sink = told.clone();
    let task = Task::new(world.host.clock.clone(), move |event| {
        if let gitside::task::Event::Warning(text) = event {
            sink.borrow_mut().push(text);
        }
    });
    block_on(async {
        let repo = clone(&world.host, &task, URL, "copy", &version(Version::V2))
            .await
            .unwrap();
        let names: Vec<String> = refs_of(&repo).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "refs/heads/main",
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/main",
                "refs/tags/__proto__"
            ]
        );
    });
    let told = told.borrow();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told.iter().all(|text| !text.contains('\x1b')), "{told:#?}");
}

//! Whether what came is complete together with what is stored.

use std::collections::BTreeSet;

use gitside::algo::connected::Links;
use gitside::error::Code;
use gitside::format::hash::{Sha1, hash_object};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::entry::{self, EntryKind};
use gitside::format::zlib::deflate;
use gitside::ops::connectivity::{Claim, Promised};
use gitside::ops::receive::Intake;
use gitside_server::repos::generate;

use crate::pack_builder::PackBuilder;
use crate::pack_oracle::{Random, Scratch, git};
use crate::world::{World, lines, pack_of};

/// Objects of a repository of git's, each as an entry of a pack.
fn entries(repo: &std::path::Path, ids: &[String]) -> Vec<(ObjectId, Vec<u8>)> {
    let all = git(repo, &["cat-file", "--batch"], ids.join("\n").as_bytes()).unwrap();
    let mut rest = all.as_slice();
    let mut entries = Vec::new();
    for id in ids {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        let kind = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];
        let kind = kind.into_iter().find(|kind| kind.name() == words[1]).unwrap();
        let size: usize = words[2].parse().unwrap();
        let mut bytes = Vec::new();
        entry::write(&mut bytes, EntryKind::Whole(kind), size as u64);
        bytes.extend(deflate(&rest[end + 1..][..size], 1));
        entries.push((id.parse().unwrap(), bytes));
        rest = &rest[end + 1 + size + 1..];
    }
    entries
}

fn packed<'a>(entries: impl Iterator<Item = &'a (ObjectId, Vec<u8>)> + Clone) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    let count = u32::try_from(entries.clone().count()).unwrap();
    pack.extend(count.to_be_bytes());
    entries.for_each(|(_, bytes)| pack.extend(bytes));
    let mut hash = Sha1::new();
    hash.update(&pack);
    pack.extend(hash.finish());
    pack
}

#[test]
fn every_object_left_out_of_every_fetch_is_missed_and_no_other() {
    let (mut refused, mut not_needed) = (0, 0);
    for seed in 0.. {
        if refused >= 5000 {
            break;
        }
        let scratch = Scratch::new(&format!("left-out-{seed}"));
        let origin = generate(&scratch.path().join("origin"), 5000 + seed, 40).unwrap();
        let all = lines(origin.path(), &["rev-list", "--all"]);
        let tips = lines(origin.path(), &["for-each-ref", "--format=%(objectname)"]);
        let mut random = Random(seed + 1);
        let old = &all[random.below(all.len())];
        let world = World::new(&pack_of(origin.path(), &[], old));
        let stored: BTreeSet<String> = world.listing().objects.into_keys().collect();
        let mut arguments = vec!["rev-list", "--objects", "--no-object-names", "--all"];
        let not = format!("^{old}");
        arguments.push(&not);
        let came = lines(origin.path(), &arguments);
        let entries = entries(origin.path(), &came);
        let tips: Vec<ObjectId> = tips.iter().map(|tip| tip.parse().unwrap()).collect();
        let before = world.rows();
        let writer = world.writer();
        // As a pack and as rows, in turn.
        for (left_out, unpack_below) in (0..entries.len()).zip([0, u32::MAX].into_iter().cycle()) {
            let intake = Intake {
                threads: &gitside::host::NoThreads,
                unpack_below,
                ..world.intake()
            };
            let rest = entries.iter().enumerate().filter(|(at, _)| *at != left_out);
            let pack = packed(rest.map(|(_, entry)| entry));
            let received = world.receive(&writer, &pack, &intake).unwrap();
            let verdict = world.check(&received, &tips, Promised::Nothing);
            if stored.contains(&came[left_out]) {
                verdict.unwrap();
                not_needed += 1;
            } else {
                let error = verdict.expect_err("something is missing");
                assert_eq!(error.code, Code::NotConnected);
                assert!(error.message.contains(&came[left_out]), "{error:?}");
                assert!(error.message.contains("1 missing"), "{error:?}");
                refused += 1;
            }
            crate::support::block_on(received.discard(&writer));
        }
        assert_eq!(world.rows(), before, "seed {seed}");
    }
    println!("{refused} refused, {not_needed} were stored already");
}

#[test]
fn what_is_left_out_of_nothing_is_complete() {
    for seed in 0..6 {
        let scratch = Scratch::new(&format!("complete-{seed}"));
        let origin = generate(&scratch.path().join("origin"), 7000 + seed, 60).unwrap();
        let all = lines(origin.path(), &["rev-list", "--all"]);
        let tips = lines(origin.path(), &["for-each-ref", "--format=%(objectname)"]);
        let wanted: Vec<ObjectId> = tips.iter().map(|tip| tip.parse().unwrap()).collect();
        for old in all.iter().step_by(7) {
            let world = World::new(&pack_of(origin.path(), &[], old));
            let pack = pack_of(origin.path(), &["--thin"], &format!("{}\n^{old}\n", tips.join("\n")));
            let received = world.receive(&world.writer(), &pack, &world.intake()).unwrap();
            world.check(&received, &wanted, Promised::Nothing).unwrap();
        }
    }
}

/// A small history: blob, tree, first commit, second commit of the same tree, and a tag of it.
struct History {
    objects: [(Kind, Vec<u8>); 5],
    ids: [ObjectId; 5],
}

const BLOB: usize = 0;
const TREE: usize = 1;
const FIRST: usize = 2;
const SECOND: usize = 3;
const TAG: usize = 4;

fn history() -> History {
    let by = "A <a@example.org> 1700000000 +0000";
    let id = |kind, content: &[u8]| hash_object(kind, content).unwrap();
    let blob = b"content".to_vec();
    let blob_id = id(Kind::Blob, &blob);
    let tree = [b"100644 f\0", &blob_id.as_bytes()[..]].concat();
    let tree_id = id(Kind::Tree, &tree);
    let commit = |parent: &str| format!("tree {tree_id}\n{parent}author {by}\ncommitter {by}\n\nm\n").into_bytes();
    let first = commit("");
    let first_id = id(Kind::Commit, &first);
    let second = commit(&format!("parent {first_id}\n"));
    let second_id = id(Kind::Commit, &second);
    let tag = format!("object {second_id}\ntype commit\ntag t\ntagger {by}\n\nm\n").into_bytes();
    let tag_id = id(Kind::Tag, &tag);
    History {
        objects: [
            (Kind::Blob, blob),
            (Kind::Tree, tree),
            (Kind::Commit, first),
            (Kind::Commit, second),
            (Kind::Tag, tag),
        ],
        ids: [blob_id, tree_id, first_id, second_id, tag_id],
    }
}

impl History {
    fn pack(&self, which: &[usize]) -> Vec<u8> {
        let mut pack = PackBuilder::new();
        for at in which {
            let (kind, content) = &self.objects[*at];
            pack.whole(*kind, content);
        }
        pack.finish()
    }
}

/// What is stored and what comes, and whether it is complete with `tip`: `Some` of what is missing.
fn judged(stored: &[usize], came: &[usize], tip: usize, promised: Promised) -> Option<(Code, Vec<usize>)> {
    let history = history();
    let world = World::new(&history.pack(stored));
    let received = world
        .receive(&world.writer(), &history.pack(came), &world.intake())
        .unwrap();
    let error = world.check(&received, &[history.ids[tip]], promised).err()?;
    // The first id of each pair is the one that is missing.
    let named = (0..5).filter(|at| {
        let id = history.ids[*at].to_hex();
        error.message.contains(&format!("{id} (named"))
    });
    Some((error.code, named.collect()))
}

#[test]
fn what_is_missing_is_excused_by_its_kind_and_never_at_a_tip() {
    use Promised::{Anything, Blobs, BlobsAndTrees, Nothing};
    let all = [Nothing, Blobs, BlobsAndTrees, Anything];
    let missing = |at: usize| Some((Code::NotConnected, vec![at]));
    let check = |came: &[usize], tip, absent: usize, excused_from: usize| {
        for (level, promised) in all.into_iter().enumerate() {
            let expected = if level >= excused_from { None } else { missing(absent) };
            assert_eq!(judged(&[], came, tip, promised), expected, "{came:?} {promised:?}");
        }
    };
    check(&[TREE, FIRST, SECOND, TAG], TAG, BLOB, 1);
    check(&[BLOB, FIRST, SECOND, TAG], TAG, TREE, 2);
    check(&[BLOB, TREE, SECOND, TAG], TAG, FIRST, 3);
    check(&[BLOB, TREE, FIRST, TAG], TAG, SECOND, 3);
    // A tip has to be there, whatever else names it.
    check(&[BLOB, TREE, FIRST, SECOND], TAG, TAG, 4);
    check(&[BLOB, TREE, FIRST, TAG], SECOND, SECOND, 4);
    check(&[TREE, FIRST, SECOND], BLOB, BLOB, 4);
    // What is stored is not missing.
    for (stored, came) in [
        (&[BLOB, TREE, FIRST][..], &[SECOND, TAG][..]),
        (&[BLOB], &[TREE, FIRST, SECOND, TAG]),
        (&[BLOB, TREE, FIRST, SECOND, TAG], &[]),
    ] {
        assert_eq!(judged(stored, came, TAG, Nothing), None, "{stored:?} and {came:?}");
    }
}

#[test]
fn a_stored_object_of_another_kind_than_named_is_refused() {
    let history = history();
    let world = World::new(&history.pack(&[BLOB, TREE]));
    let id = history.ids[BLOB];
    let tree = [b"40000 d\0", &id.as_bytes()[..]].concat();
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Tree, &tree);
    let received = world.receive(&world.writer(), &pack.finish(), &world.intake()).unwrap();
    let tip = hash_object(Kind::Tree, &tree).unwrap();
    // Not even a promise excuses it.
    for promised in [Promised::Nothing, Promised::Anything] {
        let error = world.check(&received, &[tip], promised).unwrap_err();
        assert_eq!(error.code, Code::PackInvalid);
        let said = format!("object {id} is a blob and is named as a tree by {tip}");
        assert!(error.message.contains(&said), "{error:?}");
    }
}

fn claim<'a>(world: &'a World, links: &'a Links, shallow: &'a [ObjectId], unshallow: &'a [ObjectId]) -> Claim<'a> {
    Claim {
        links,
        odb: Some(&world.repo.odb),
        shallow,
        unshallow,
        tips: &[],
        promised: Promised::Nothing,
    }
}

#[test]
fn shallow_commits_need_no_parents_and_need_them_once_they_are_not_shallow() {
    let history = history();
    let [_, _, first, second, _] = history.ids;
    let stored = World::new(&history.pack(&[BLOB, TREE, SECOND]));
    let nothing = stored
        .receive(&stored.writer(), &history.pack(&[]), &stored.intake())
        .unwrap();
    let parent = stored
        .receive(&stored.writer(), &history.pack(&[FIRST]), &stored.intake())
        .unwrap();
    let empty = World::empty();
    let shallow = empty
        .receive(&empty.writer(), &history.pack(&[BLOB, TREE, SECOND]), &empty.intake())
        .unwrap();
    let (seconds, none): (&[ObjectId], &[ObjectId]) = (&[second], &[]);
    // A commit came: it is at the boundary, or its parent is missing.
    assert_eq!(empty.judge(&claim(&empty, &shallow.noted.links, seconds, none)), Ok(()));
    let error = empty
        .judge(&claim(&empty, &shallow.noted.links, none, none))
        .unwrap_err();
    assert!(
        error.message.contains(&format!("{first} (named by {second})")),
        "{error:?}"
    );
    // A commit that is stored left the boundary: its parent comes, or is missing.
    assert_eq!(
        stored.judge(&claim(&stored, &parent.noted.links, none, seconds)),
        Ok(())
    );
    let error = stored
        .judge(&claim(&stored, &nothing.noted.links, none, seconds))
        .unwrap_err();
    assert_eq!(error.code, Code::NotConnected);
    assert!(
        error.message.contains(&format!("{first} (named by {second})")),
        "{error:?}"
    );
    // Nothing left the boundary.
    assert_eq!(
        stored.judge(&claim(&stored, &nothing.noted.links, seconds, none)),
        Ok(())
    );
}

#[test]
fn at_most_ten_of_many_missing_objects_are_named() {
    let world = World::empty();
    let mut tree = Vec::new();
    for number in 0..25u8 {
        tree.extend(
            [
                format!("100644 {}\0", char::from(b'a' + number)).as_bytes(),
                &[number + 1; 20],
            ]
            .concat(),
        );
    }
    let mut pack = PackBuilder::new();
    pack.whole(Kind::Tree, &tree);
    let received = world.receive(&world.writer(), &pack.finish(), &world.intake()).unwrap();
    let error = world.check(&received, &[], Promised::Nothing).unwrap_err();
    assert!(error.message.contains("25 missing"), "{error:?}");
    assert_eq!(error.message.matches("(named by").count(), 10, "{error:?}");
}

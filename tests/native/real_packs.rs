//! Packs that git made, and unusual ones that it accepts: what we find in them is what
//! `git index-pack` finds, to the byte of the index, in little memory.
#![cfg(not(target_arch = "wasm32"))]

#[path = "support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::index::write_idx;
use gitside::format::pack::resolve::{Base, DeltaResolver, PackBytes, Step};
use gitside::format::pack::scan::PackScanner;
use gitside::format::pack::write::PackWriter;
use gitside::format::pack::{Limits, PackIndex};
use pack_builder::{PackBuilder, append, blob_id, delta, insert};
use pack_oracle::{GitIndexer, How, Random, Scratch, git, ids, index, index_with};

/// A repository of sixty commits that change, add, remove and rename, with merges, a tag, an
/// executable, a symbolic link and an empty file. Always the same.
fn repository(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let mut stream = String::new();
    let mut random = Random(0x0bad_cafe_dead_beef);
    let data = |stream: &mut String, text: &str| *stream += &format!("data {}\n{text}\n", text.len());
    let mut lines: Vec<String> = (0..200).map(|line| format!("line {line} of the file\n")).collect();
    for commit in 1..=60 {
        for _ in 0..5 {
            let at = random.below(lines.len());
            lines[at] = format!("changed in {commit} to {}\n", random.below(1 << 20));
        }
        stream += &format!("commit refs/heads/main\nmark :{commit}\n");
        stream += &format!("committer C <c@example.org> {} +0000\n", 1_700_000_000 + commit);
        data(&mut stream, &format!("commit {commit}"));
        if commit > 1 {
            stream += &format!("from :{}\n", commit - 1);
        }
        if commit % 10 == 0 {
            stream += &format!("merge :{}\n", commit - 5);
        }
        stream += "M 100644 inline big.txt\n";
        data(&mut stream, &lines.concat());
        stream += &format!("M 100755 inline dir/{}/tool\n", commit % 7);
        data(&mut stream, &format!("#!/bin/sh\necho {commit}\n"));
        stream += &format!("M 100644 inline dir/sub/{commit}.txt\n");
        data(&mut stream, &lines[..commit * 3].concat());
    }
    stream += "commit refs/heads/main\nmark :61\ncommitter C <c@example.org> 1700009999 +0000\n";
    data(&mut stream, "links");
    stream += "from :60\nM 120000 inline link\n";
    data(&mut stream, "big.txt");
    stream += "M 100644 inline empty\n";
    data(&mut stream, "");
    stream += "tag v1\nfrom :61\ntagger C <c@example.org> 1700010000 +0000\n";
    data(&mut stream, "the first");
    git(scratch.path(), &["init", "-q", "--bare", "."], b"").unwrap();
    git(scratch.path(), &["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    scratch
}

fn pack(repository: &Path, revisions: &str, options: &[&str]) -> Vec<u8> {
    let fixed = [
        "pack-objects",
        "--revs",
        "--stdout",
        "-q",
        "--threads=1",
        "--no-reuse-delta",
        "--window=20",
    ];
    git(repository, &[&fixed[..], options].concat(), revisions.as_bytes()).unwrap()
}

fn idx(index: &PackIndex) -> Vec<u8> {
    let mut idx = Vec::new();
    write_idx(index, |bytes| idx.extend_from_slice(bytes));
    idx
}

/// The index git writes.
fn gits_idx(scratch: &Path, pack: &[u8]) -> Vec<u8> {
    let path = scratch.join("given.pack");
    std::fs::write(&path, pack).unwrap();
    git(scratch, &["index-pack", "--threads=1", "given.pack"], b"").unwrap();
    std::fs::read(scratch.join("given.idx")).unwrap()
}

#[test]
fn the_index_is_gits_for_every_sort_of_pack() {
    let repository = repository("real-packs");
    let mut deltas = Vec::new();
    for options in [
        &["--delta-base-offset"][..],
        &[],
        &["--delta-base-offset", "--depth=4000", "--window=200"],
        &["--window=0"],
        &["--delta-base-offset", "--compression=0"],
        &["--delta-base-offset", "--compression=9"],
    ] {
        let pack = pack(repository.path(), "refs/heads/main\nrefs/tags/v1\n", options);
        let ours = index(&pack, How::default()).unwrap_or_else(|error| panic!("{options:?}: {error:?}"));
        assert!(idx(&ours) == gits_idx(repository.path(), &pack), "{options:?}");
        deltas.push(ours.entries.iter().filter(|entry| entry.base.is_some()).count());
        for chunk in [1, 100, 4096] {
            let pieces = index(
                &pack,
                How {
                    chunk,
                    ..How::default()
                },
            );
            assert!(pieces.as_ref() == Ok(&ours), "{options:?}, {chunk} bytes at a time");
        }
    }
    assert!(deltas[0] > 100 && deltas[1] > 100 && deltas[3] == 0, "{deltas:?}");
}

#[test]
fn copies_of_an_object_are_indexed_as_git_does() {
    let scratch = Scratch::new("copies");
    let mut pack = PackBuilder::new();
    for round in 0..3 {
        for number in 0..20u8 {
            pack.blob(&[number, b'x']);
            if round == 1 {
                let base = pack.blob(&[number, b'y']);
                pack.ofs_delta(base, &append(&[number, b'y'], b"!"));
            }
        }
    }
    let pack = pack.finish();
    let ours = index(&pack, How::default()).unwrap();
    assert!(idx(&ours) == gits_idx(scratch.path(), &pack));
}

#[test]
fn a_thin_pack_asks_for_its_bases_and_takes_no_others() {
    let repository = repository("thin");
    let pack = pack(repository.path(), "v1\n^v1~5\n", &["--thin", "--delta-base-offset"]);
    let how = How {
        links: false,
        ..How::default()
    };
    let error = index(&pack, how).unwrap_err();
    assert!(format!("{error:?}").starts_with("Pack(Unresolved"), "{error:?}");

    let known: Vec<Base> = String::from_utf8(git(repository.path(), &["rev-list", "--objects", "v1~5"], b"").unwrap())
        .unwrap()
        .lines()
        .map(|line| {
            let oid = &line[..40];
            let kind = git(repository.path(), &["cat-file", "-t", oid], b"").unwrap();
            let kind = Kind::from_name(kind.trim_ascii()).unwrap();
            Base {
                oid: oid.parse().unwrap(),
                kind,
                content: git(repository.path(), &["cat-file", kind.name(), oid], b"").unwrap(),
            }
        })
        .collect();
    let ours = index_with(&pack, how, &known).unwrap();
    assert!(!ours.external.is_empty());
    let rows = ours.entries.len();
    let used: Vec<usize> = ours
        .entries
        .iter()
        .filter_map(|entry| entry.base)
        .map(|base| base as usize)
        .collect();
    for (number, external) in ours.external.iter().enumerate() {
        assert!(used.contains(&(rows + number)), "{external:?} is used");
        let base = known.iter().find(|base| base.oid == external.oid).unwrap();
        assert_eq!((external.kind, external.size), (base.kind, base.content.len() as u64));
    }
    assert!(used.iter().all(|base| *base < rows + ours.external.len()));
    // Git completes the pack with the same bases.
    let git_indexer = GitIndexer::new("thin-git");
    assert!(git_indexer.index(&pack, &[]).is_err());
    let arguments = ["index-pack", "--stdin", "--fix-thin", "--threads=1"];
    let name = String::from_utf8(git(repository.path(), &arguments, &pack).unwrap()).unwrap();
    let name = name.trim().rsplit('\t').next().unwrap().to_owned();
    let completed = std::fs::read(repository.path().join(format!("objects/pack/pack-{name}.idx"))).unwrap();
    let shown = git(repository.path(), &["show-index"], &completed).unwrap();
    let mut gits: Vec<ObjectId> = String::from_utf8(shown)
        .unwrap()
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    gits.sort_unstable();
    let mut all = ids(&ours);
    all.extend(ours.external.iter().map(|external| external.oid));
    all.sort_unstable();
    assert_eq!(gits, all);
}

#[test]
fn a_pack_of_whole_objects_is_read_back_and_accepted_by_git() {
    let objects = [
        (Kind::Blob, b"".to_vec()),
        (Kind::Blob, b"hello\n".repeat(10_000)),
        (Kind::Tree, Vec::new()),
    ];
    let mut pack = Vec::new();
    let mut writer = PackWriter::begin(3, &mut pack);
    for (kind, content) in &objects {
        writer.object(*kind, content, &mut pack);
    }
    let trailer = writer.finish(&mut pack);
    let ours = index(&pack, How::default()).unwrap();
    assert_eq!(ours.checksum, trailer);
    assert_eq!(ours.bytes, pack.len() as u64);
    assert_eq!(GitIndexer::new("written").index(&pack, &["--strict"]), Ok(ids(&ours)));
}

/// Where the first of the bytes that are in memory is, one window at a time.
struct Windowed<'a> {
    pack: &'a [u8],
    loaded: Range<u64>,
}

impl PackBytes for Windowed<'_> {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        if range.start < self.loaded.start || range.end > self.loaded.end {
            return None;
        }
        Some(Cow::Owned(self.pack[range.start as usize..range.end as usize].to_vec()))
    }
}

/// Resolves with one entry's bytes in memory at a time; the result, and the number of loads.
fn resolve_windowed(pack: &[u8], limits: Limits) -> (PackIndex, u32) {
    let mut scanner = PackScanner::new(limits);
    scanner.feed(pack).unwrap();
    let mut resolver = DeltaResolver::new(scanner.finish().unwrap(), limits).unwrap();
    let mut bytes = Windowed { pack, loaded: 0..0 };
    let mut loads = 0;
    loop {
        match resolver.step(&bytes).unwrap() {
            Step::Object { .. } | Step::External { .. } | Step::Working => {}
            Step::NeedBytes(range) => {
                assert_ne!(bytes.loaded, range, "what was loaded is asked for again");
                bytes.loaded = range;
                loads += 1;
            }
            Step::Done => return (resolver.finish().unwrap(), loads),
            Step::NeedBases(bases) => panic!("{bases:?}"),
        }
    }
}

#[test]
fn bases_beyond_the_budget_are_dropped_and_rebuilt_to_the_same_end() {
    // A binary tree: every base is needed again after all that is made from its first child.
    let mut pack = PackBuilder::new();
    let content = b"start".repeat(2000);
    let mut row = vec![(pack.blob(&content), content)];
    let mut by_id = Vec::new();
    for level in 0..6u8 {
        let mut children = Vec::new();
        for (at, base) in &row {
            for side in 0..2 {
                let tail = [level, side];
                let content = [base, &tail[..]].concat();
                children.push((pack.ofs_delta(*at, &append(base, &tail)), content));
            }
            by_id.push((blob_id(base), append(base, b"by id")));
        }
        row = children;
    }
    for (base, delta) in by_id {
        pack.ref_delta(base, &delta);
    }
    let pack = pack.finish();
    let roomy = resolve_windowed(&pack, Limits::default());
    let tight = resolve_windowed(
        &pack,
        Limits {
            base_bytes: 0,
            ..Limits::default()
        },
    );
    assert_eq!(roomy.0, tight.0);
    let (roomy, tight) = (roomy.1, tight.1);
    assert!(tight > roomy, "{tight} loads with no room, {roomy} with room");
    let git = GitIndexer::new("comb").index(&pack, &[]).unwrap();
    assert_eq!(index(&pack, How::default()).map(|ours| ids(&ours)), Ok(git));
    // Rebuilding has a budget, too.
    let mut scanner = PackScanner::new(Limits::default());
    scanner.feed(&pack).unwrap();
    let scanned = scanner.finish().unwrap();
    let mean = Limits {
        base_bytes: 0,
        resolved_bytes: 20_000,
        ..Limits::default()
    };
    let mut resolver = DeltaResolver::new(scanned, mean).unwrap();
    let error = loop {
        match resolver.step(pack.as_slice()) {
            Ok(Step::Done) => panic!("nothing had to be rebuilt"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(format!("{error:?}").contains("ResolvedBytes"), "{error:?}");
}

#[test]
fn a_chain_of_fifty_thousand_deltas_is_resolved_in_either_order() {
    const DEPTH: u32 = 50_000;
    let next = |number: u32| number.to_be_bytes().repeat(4);
    let deltas: Vec<(Vec<u8>, Vec<u8>)> = (0..DEPTH)
        .map(|number| (next(number), delta(16, 16, &insert(&next(number + 1)))))
        .collect();
    let mut forth = PackBuilder::new();
    let mut at = forth.blob(&next(0));
    for (_, delta) in &deltas {
        at = forth.ofs_delta(at, delta);
    }
    let mut back = PackBuilder::new();
    for (base, delta) in deltas.iter().rev() {
        back.ref_delta(blob_id(base), delta);
    }
    back.blob(&next(0));
    let limits = Limits {
        base_bytes: 64,
        ..Limits::default()
    };
    let how = How {
        limits,
        ..How::default()
    };
    let forth = index(&forth.finish(), how).unwrap();
    let back = index(&back.finish(), how).unwrap();
    assert_eq!(forth.entries.len(), 50_001);
    assert_eq!(ids(&forth), ids(&back));
    assert_eq!(forth.entries[50_000].oid, blob_id(&next(DEPTH)));
}

#[test]
fn bytes_that_change_between_the_passes_are_noticed() {
    let mut pack = PackBuilder::new();
    let base = pack.blob(b"base");
    let at = pack.ofs_delta(base, &append(b"base", b"!"));
    let mut pack = pack.finish();
    let mut scanner = PackScanner::new(Limits::default());
    scanner.feed(&pack).unwrap();
    let mut resolver = DeltaResolver::new(scanner.finish().unwrap(), Limits::default()).unwrap();
    let end = pack.len() - 21;
    pack[end] ^= 1;
    let error = loop {
        match resolver.step(pack.as_slice()) {
            Ok(step) => assert!(step != Step::Done),
            Err(error) => break error,
        }
    };
    assert_eq!(format!("{error:?}"), format!("Changed {{ at: {at} }}"));
    assert!(resolver.step(pack.as_slice()).is_err());
    assert!(resolver.finish().is_err());
}

#[test]
fn a_row_of_an_index_takes_56_bytes() {
    assert_eq!(size_of::<gitside::format::pack::Entry>(), 56);
}

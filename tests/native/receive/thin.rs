//! Thin packs, completed.

use std::collections::BTreeSet;
use std::path::Path;

use gitside::error::Code;
use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::error::Limit;
use gitside::host::{Batch, Change, Table};
use gitside::ops::connectivity::Promised;
use gitside::store::pack_store::CHUNK_BYTES;
use gitside_server::repos::generate;

use crate::pack_builder::{PackBuilder, append, blob_id, copy, delta, insert};
use crate::pack_oracle::{GitIndexer, Random, Scratch, git};
use crate::support::block_on;
use crate::support::oracle::{Listing, write_bare};
use crate::world::{World, exported, lines, pack_of};

/// A repository of git's that holds what a pack brings, to complete thin packs in.
pub struct Completer(Scratch);

impl Completer {
    pub fn new(name: &str, stored: &[u8]) -> Self {
        let scratch = Scratch::new(name);
        git(scratch.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        if stored.len() > 32 {
            git(scratch.path(), &["index-pack", "--stdin"], stored).unwrap();
        }
        Completer(scratch)
    }

    /// The ids of the completed pack, ascending; nothing of it stays.
    pub fn complete(&self, pack: &[u8]) -> Result<Vec<ObjectId>, String> {
        self.index(pack, &["--fix-thin"])
    }

    fn index(&self, pack: &[u8], options: &[&str]) -> Result<Vec<ObjectId>, String> {
        let arguments = [&["index-pack", "--stdin", "--threads=1"], options].concat();
        let said = git(self.0.path(), &arguments, pack)?;
        let said = String::from_utf8(said).unwrap();
        let name = said.trim().strip_prefix("pack\t").expect("the name of the pack");
        let path = |end: &str| self.0.path().join(format!("objects/pack/pack-{name}.{end}"));
        if !path("idx").exists() {
            return Ok(Vec::new());
        }
        let ids = ids_of(self.0.path(), &std::fs::read(path("idx")).unwrap());
        for end in ["idx", "pack", "rev"] {
            let _ = std::fs::remove_file(path(end));
        }
        Ok(ids)
    }
}

pub fn ids_of(directory: &Path, idx: &[u8]) -> Vec<ObjectId> {
    let shown = String::from_utf8(git(directory, &["show-index", "--object-format=sha1"], idx).unwrap()).unwrap();
    let id = |line: &str| line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut ids: Vec<ObjectId> = shown.lines().map(id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn thin_packs_of_real_histories_are_completed_to_what_git_completes_them_to() {
    let alone = GitIndexer::new("thin-alone");
    let mut thin_ones = 0;
    for seed in 0..12 {
        let scratch = Scratch::new(&format!("thin-{seed}"));
        let origin = generate(&scratch.path().join("origin"), 900 + seed, 60).unwrap();
        let all = lines(origin.path(), &["rev-list", "--all"]);
        let tips = lines(origin.path(), &["for-each-ref", "--format=%(objectname)"]).join("\n");
        let reached: BTreeSet<String> = lines(origin.path(), &["rev-list", "--objects", "--no-object-names", "--all"])
            .into_iter()
            .collect();
        let mut random = Random(seed + 1);
        let old = &all[all.len() / 4 + random.below(all.len() / 2)];
        let stored = pack_of(origin.path(), &[], old);
        for options in [
            &["--thin"][..],
            &["--thin", "--delta-base-offset"],
            &["--thin", "--depth=250", "--window=50"],
        ] {
            let pack = pack_of(origin.path(), options, &format!("{tips}\n^{old}\n"));
            let case = format!("seed {seed}, {options:?}");
            thin_ones += usize::from(alone.index(&pack, &[]).is_err());
            let world = World::new(&stored);
            let writer = world.writer();
            let received = world.receive(&writer, &pack, &world.intake()).unwrap();
            let wanted: Vec<ObjectId> = tips.lines().map(|tip| tip.parse().unwrap()).collect();
            world.check(&received, &wanted, Promised::Nothing).expect(&case);
            drop((received, writer));
            let fetched = world.fetch(&pack, &world.intake()).unwrap();
            let count = u64::from(u32::from_be_bytes(pack[8..12].try_into().unwrap()));
            assert_eq!((fetched.packs, fetched.objects), (1, count), "{case}");
            let (bytes, idx) = exported(&world);
            assert_eq!(fetched.bytes, bytes.len() as u64, "{case}");
            let ours = ids_of(scratch.path(), &idx);
            assert_eq!(alone.index(&bytes, &[]).as_ref(), Ok(&ours), "{case}");
            let completer = Completer::new(&format!("completer-{seed}"), &stored);
            assert_eq!(completer.complete(&pack).as_ref(), Ok(&ours), "{case}");
            assert_eq!(completer.index(&bytes, &["--strict"]), Ok(ours), "{case}");
            let mut expected = Listing::of_git(&origin);
            expected.refs.clear();
            expected.objects.retain(|oid, _| reached.contains(oid));
            assert_eq!(expected.differences(&world.listing()), [""; 0], "{case}");
            let bare = scratch.path().join("bare");
            let _ = std::fs::remove_dir_all(&bare);
            let bare = block_on(write_bare(&world.task, &world.repo, &bare));
            bare.git(["fsck", "--full"]).expect(&case);
            bare.git(
                ["verify-pack", "--"]
                    .into_iter()
                    .map(String::from)
                    .chain(packs(bare.path())),
            )
            .expect(&case);
        }
    }
    assert!(thin_ones > 24, "only {thin_ones} packs were thin");
}

fn packs(bare: &Path) -> Vec<String> {
    let files = std::fs::read_dir(bare.join("objects/pack")).unwrap();
    let files = files.map(|file| file.unwrap().path().to_str().unwrap().to_owned());
    files.filter(|path| path.ends_with(".idx")).collect()
}

/// Blobs that are stored, for packs to build on; a tree is among them, and a commit.
fn stored_blobs() -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut pack = PackBuilder::new();
    let mut random = Random(5);
    let blobs: Vec<Vec<u8>> = (0..40)
        .map(|number| {
            let length = 200 + random.below(400);
            let noise = (0..length).map(|_| random.below(256) as u8);
            [format!("blob {number}\n").as_bytes(), &noise.collect::<Vec<u8>>()].concat()
        })
        .collect();
    for blob in &blobs {
        pack.blob(blob);
    }
    (blobs, pack.finish())
}

enum Expected {
    /// So many bases are appended.
    Good(usize),
    /// Refused, as git does; the words are in the error.
    Bad(&'static str),
}

#[test]
fn every_way_of_building_on_what_is_stored_is_judged_as_git_does() {
    use Expected::{Bad, Good};
    let (blobs, stored) = stored_blobs();
    let world = World::new(&stored);
    let git = Completer::new("thin-cases", &stored);
    let alone = GitIndexer::new("thin-cases-alone");
    let id = |content: &[u8]| blob_id(content);
    // Two that are asked for in the order of their ids if nobody looks at the order of the deltas.
    let (mut low, mut high) = (&blobs[0], &blobs[1]);
    if id(low) > id(high) {
        (low, high) = (high, low);
    }
    let grown = |base: &[u8], tail: &[u8]| [base, tail].concat();
    let mut cases: Vec<(&str, Vec<u8>, Expected)> = Vec::new();
    let mut case = |name, build: &dyn Fn(&mut PackBuilder), expected| {
        let mut pack = PackBuilder::new();
        build(&mut pack);
        cases.push((name, pack.finish(), expected));
    };
    case("no object at all", &|_| {}, Good(0));
    case(
        "whole objects",
        &|pack| {
            pack.blob(b"one");
            pack.blob(b"two");
        },
        Good(0),
    );
    case(
        "one delta",
        &|pack| {
            pack.ref_delta(id(low), &append(low, b"+"));
        },
        Good(1),
    );
    case(
        "a chain by id",
        &|pack| {
            let (one, two) = (grown(low, b"1"), grown(low, b"12"));
            pack.ref_delta(id(low), &append(low, b"1"));
            pack.ref_delta(id(&one), &append(&one, b"2"));
            pack.ref_delta(id(&two), &append(&two, b"3"));
        },
        Good(1),
    );
    case(
        "a chain by id, written backwards",
        &|pack| {
            let (one, two) = (grown(low, b"1"), grown(low, b"12"));
            pack.ref_delta(id(&two), &append(&two, b"3"));
            pack.ref_delta(id(&one), &append(&one, b"2"));
            pack.ref_delta(id(low), &append(low, b"1"));
        },
        Good(1),
    );
    case(
        "offset deltas on a delta by id",
        &|pack| {
            let (one, two) = (grown(low, b"1"), grown(low, b"12"));
            let first = pack.ref_delta(id(low), &append(low, b"1"));
            let second = pack.ofs_delta(first, &append(&one, b"2"));
            pack.ofs_delta(second, &append(&two, b"3"));
            pack.ofs_delta(first, &append(&one, b"4"));
        },
        Good(1),
    );
    case(
        "one base for three hundred deltas",
        &|pack| {
            for number in 0..300 {
                pack.ref_delta(id(low), &append(low, format!("{number}").as_bytes()));
            }
        },
        Good(1),
    );
    case(
        "forty bases, each used twice",
        &|pack| {
            for turn in [b"a", b"b"] {
                for base in &blobs {
                    pack.ref_delta(id(base), &append(base, turn));
                }
            }
        },
        Good(40),
    );
    case(
        "a base that comes later, whole",
        &|pack| {
            pack.ref_delta(id(low), &append(low, b"+"));
            pack.blob(low);
        },
        Good(0),
    );
    case(
        "a base that came before, whole",
        &|pack| {
            pack.blob(low);
            pack.ref_delta(id(low), &append(low, b"+"));
        },
        Good(0),
    );
    // `low` is stored and is in the pack, too, as a delta against `high`.
    let low_from_high = delta(high.len() as u64, low.len() as u64, &{
        let inserts: Vec<Vec<u8>> = low.chunks(100).map(insert).collect();
        inserts.concat()
    });
    case(
        "a base that is in the pack as a delta, and stored",
        &|pack| {
            pack.ref_delta(id(high), &low_from_high);
            pack.ref_delta(id(low), &append(low, b"+"));
        },
        Good(1),
    );
    case(
        "the same, and others between",
        &|pack| {
            pack.ref_delta(id(&blobs[7]), &append(&blobs[7], b"7"));
            pack.ref_delta(id(high), &low_from_high);
            pack.ref_delta(id(&blobs[9]), &append(&blobs[9], b"9"));
            let one = pack.ref_delta(id(low), &append(low, b"+"));
            pack.ofs_delta(one, &append(&grown(low, b"+"), b"-"));
        },
        Good(3),
    );
    case(
        "a base that is used before it turns up as a delta",
        &|pack| {
            pack.ref_delta(id(low), &append(low, b"+"));
            pack.ref_delta(id(high), &low_from_high);
        },
        Bad("twice"),
    );
    let nowhere = ObjectId::new([0x17; 20]);
    case(
        "a base that is nowhere",
        &|pack| {
            pack.ref_delta(nowhere, &append(low, b"+"));
        },
        Bad("1717171717171717171717171717171717171717"),
    );
    case(
        "a base that is nowhere, among some that are",
        &|pack| {
            pack.ref_delta(id(low), &append(low, b"+"));
            pack.ref_delta(nowhere, &append(low, b"+"));
            pack.ref_delta(id(high), &append(high, b"+"));
        },
        Bad("1717171717171717171717171717171717171717"),
    );
    case(
        "a circle, and a base",
        &|pack| {
            let (one, two) = (ObjectId::new([1; 20]), ObjectId::new([2; 20]));
            pack.ref_delta(id(low), &append(low, b"+"));
            pack.ref_delta(one, &append(low, b"1"));
            pack.ref_delta(two, &append(low, b"2"));
        },
        Bad("2 unresolved deltas"),
    );
    case(
        "a base of another size",
        &|pack| {
            pack.ref_delta(id(low), &delta(3, 3, &copy(0, 3)));
        },
        Bad("does not apply"),
    );
    case(
        "a copy from beyond the base",
        &|pack| {
            let size = low.len() as u64;
            pack.ref_delta(id(low), &delta(size, size + 1, &copy(0, size as u32 + 1)));
        },
        Bad("does not apply"),
    );
    let before = world.rows();
    for (name, pack, expected) in cases {
        let gits = git.complete(&pack);
        match expected {
            Good(bases) => {
                let fresh = World::new(&stored);
                let fetched = fresh.fetch(&pack, &fresh.intake()).expect(name);
                let count = u32::from_be_bytes(pack[8..12].try_into().unwrap()) as usize;
                if count == 0 {
                    assert_eq!((fetched.packs, fetched.bytes, gits), (0, 0, Ok(Vec::new())), "{name}");
                    assert_eq!(fresh.rows(), before, "{name}");
                    continue;
                }
                let (bytes, idx) = exported(&fresh);
                let ours = ids_of(git.0.path(), &idx);
                assert_eq!(ours.len(), count + bases, "{name}");
                assert_eq!(gits.as_ref(), Ok(&ours), "{name}");
                assert_eq!(alone.index(&bytes, &["--strict"]).as_ref(), Ok(&ours), "{name}");
                for oid in &ours {
                    let object = block_on(fresh.repo.odb.read(oid)).expect(name);
                    assert_eq!(hash_object(object.kind, &object.data), Ok(*oid), "{name}");
                }
                if bases == 0 {
                    assert_eq!(bytes, pack, "{name}: a pack that lacks nothing stays as it is");
                }
            }
            Bad(words) => {
                let writer = world.writer();
                let error = world.receive(&writer, &pack, &world.intake()).err().expect(name);
                assert_eq!(error.code, Code::PackInvalid, "{name}: {error:?}");
                assert!(error.message.contains(words), "{name}: {error:?}");
                assert!(gits.is_err(), "{name}: git accepts it");
                assert_eq!(world.rows(), before, "{name}: something stays");
            }
        }
    }
}

#[test]
fn a_pack_is_thin_only_for_those_who_asked_for_it() {
    let (blobs, stored) = stored_blobs();
    let world = World::new(&stored);
    let before = world.rows();
    let mut pack = PackBuilder::new();
    pack.ref_delta(blob_id(&blobs[0]), &append(&blobs[0], b"+"));
    let intake = gitside::ops::receive::Intake {
        threads: &gitside::host::NoThreads,
        base: None,
        ..world.intake()
    };
    let error = world.receive(&world.writer(), &pack.finish(), &intake).err().unwrap();
    assert_eq!(error.code, Code::PackInvalid);
    assert!(error.message.contains(&blob_id(&blobs[0]).to_hex()), "{error:?}");
    assert_eq!(world.rows(), before);
}

/// Bytes that deflate to about as many.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(256) as u8).collect()
}

#[test]
fn packs_that_end_at_any_place_of_a_chunk_are_completed_and_so_are_tails_of_many_chunks() {
    let chunk = CHUNK_BYTES as usize;
    let small = noise(3, 300);
    let larger: Vec<Vec<u8>> = (0..5).map(|seed| noise(100 + seed, 2_500_000)).collect();
    let alone = GitIndexer::new("thin-chunks");
    let patch = |base: &[u8]| {
        let half = u32::try_from(base.len() / 2).unwrap().min(0xffff);
        delta(
            base.len() as u64,
            u64::from(half) + 3,
            &[copy(0, half), insert(b"new")].concat(),
        )
    };
    // The body ends so many bytes after the end of the first chunk, or of the second.
    let ends = (-22i64..=2)
        .chain([-1000, 1000])
        .chain((-21..=1).map(|end| end + chunk as i64));
    let mut lengths: Vec<(usize, &[Vec<u8>])> = ends.map(|end| ((chunk as i64 + end) as usize, &larger[..0])).collect();
    lengths.extend([(500, &larger[..1]), (chunk, &larger[..]), (3 * chunk + 7, &larger[..])]);
    for (body, bases) in lengths {
        let build = |filler: &[u8]| {
            let mut pack = PackBuilder::new();
            pack.ref_delta(blob_id(&small), &patch(&small));
            for base in bases {
                pack.ref_delta(blob_id(base), &patch(base));
            }
            pack.blob(filler);
            pack
        };
        // Stored blocks: what is added to the filler is added to the pack, but for their heads.
        let mut length = 0usize;
        for _ in 0..4 {
            let short = body as i64 - build(&noise(9, length)).offset() as i64;
            length = usize::try_from(length as i64 + short).unwrap_or(0);
        }
        let pack = build(&noise(9, length));
        let exact = pack.offset() as usize;
        assert!(
            exact.abs_diff(body) <= 1 || body < 1000,
            "{exact} bytes instead of {body}"
        );
        let pack = pack.finish();
        let fresh = World::new(&{
            let mut stored = PackBuilder::new();
            stored.blob(&small);
            for base in bases {
                stored.blob(base);
            }
            stored.finish()
        });
        let fetched = fresh.fetch(&pack, &fresh.intake()).unwrap();
        let (out, idx) = exported(&fresh);
        assert_eq!(
            (fetched.bytes, fetched.objects),
            (out.len() as u64, 2 + bases.len() as u64)
        );
        let ours = ids_of(&std::env::temp_dir(), &idx);
        assert_eq!(ours.len(), 3 + 2 * bases.len());
        assert_eq!(alone.index(&out, &["--strict"]), Ok(ours.clone()), "{exact} bytes");
        for oid in ours {
            block_on(fresh.repo.odb.read(&oid)).unwrap();
        }
    }
}

#[test]
fn bases_count_towards_every_limit() {
    let (blobs, stored) = stored_blobs();
    let world = World::new(&stored);
    let before = world.rows();
    let mut pack = PackBuilder::new();
    let mut resolved = 0;
    for base in &blobs[..3] {
        pack.ref_delta(blob_id(base), &append(base, b"+"));
        resolved += 2 * base.len() as u64 + 1;
    }
    let pack = pack.finish();
    let largest = blobs[..3].iter().map(|base| base.len() as u64 + 1).max().unwrap();
    let sized = World::new(&stored);
    let bytes = sized.fetch(&pack, &sized.intake()).unwrap().bytes;
    let check = |limit: Limit, set: &dyn Fn(&mut gitside::format::pack::Limits, u64), least: u64| {
        for (value, fits) in [(least, true), (least - 1, false)] {
            let mut intake = world.intake();
            set(&mut intake.limits, value);
            let writer = world.writer();
            match world.receive(&writer, &pack, &intake) {
                Ok(received) => {
                    assert!(fits, "{limit:?} {value}");
                    block_on(received.discard(&writer));
                }
                Err(error) => {
                    assert!(!fits, "{limit:?} {value}: {error:?}");
                    assert_eq!(error.code, Code::LimitExceeded);
                    assert!(format!("{error:?}").contains(limit.name()), "{error:?}");
                }
            }
            assert_eq!(world.rows(), before);
        }
    };
    check(Limit::Objects, &|limits, value| limits.objects = value, 6);
    check(
        Limit::ResolvedBytes,
        &|limits, value| limits.resolved_bytes = value,
        resolved,
    );
    check(
        Limit::ObjectBytes,
        &|limits, value| limits.object_bytes = value,
        largest,
    );
    check(Limit::PackBytes, &|limits, value| limits.pack_bytes = value, bytes);
}

#[test]
fn a_base_whose_stored_bytes_are_damaged_is_not_built_on() {
    let (blobs, stored) = stored_blobs();
    let world = World::new(&stored);
    let key = world.keys(Table::Chunks).remove(0);
    let mut row = world.row(Table::Chunks, &key);
    // In the last of the blobs, which are stored blocks.
    let at = row.len() - 60;
    row[at] ^= 1;
    let batch = Batch {
        changes: vec![Change::Put(Table::Chunks, key, row)],
        ..Batch::default()
    };
    block_on(world.repo.backend.commit(batch)).unwrap();
    let base = blobs.last().unwrap();
    let mut pack = PackBuilder::new();
    pack.ref_delta(blob_id(base), &append(base, b"+"));
    let before = world.rows();
    let error = world
        .receive(&world.writer(), &pack.finish(), &world.intake())
        .err()
        .unwrap();
    assert_eq!(error.code, Code::Corrupt);
    assert!(error.message.contains(&blob_id(base).to_hex()), "{error:?}");
    assert_eq!(world.rows(), before);
}

#[test]
fn a_base_that_is_promised_is_fetched_first() {
    use gitside::error::Outcome;
    use gitside::host::Async;
    use gitside::ops::receive::{FetchMissing, Intake};
    use gitside::store::publish::{Publication, Writer};
    use gitside::task::Task;
    use std::cell::RefCell;

    /// Brings objects out of a list.
    struct Remote<'a> {
        writer: &'a Writer,
        has: Vec<Vec<u8>>,
        asked: RefCell<Vec<Vec<ObjectId>>>,
    }

    impl FetchMissing for Remote<'_> {
        fn fetch<'a>(&'a self, _: &'a Task, oids: &'a [ObjectId]) -> Async<'a, Outcome<()>> {
            self.asked.borrow_mut().push(oids.to_vec());
            let mut publication = Publication::new(self.writer);
            for content in self.has.iter().filter(|content| oids.contains(&blob_id(content))) {
                publication.object(blob_id(content), Kind::Blob, content);
            }
            Box::pin(async {
                publication.commit().await.unwrap();
                Ok(())
            })
        }
    }

    let (blobs, stored) = stored_blobs();
    let promised = b"promised, and not stored".to_vec();
    let mut pack = PackBuilder::new();
    pack.ref_delta(blob_id(&blobs[2]), &append(&blobs[2], b"+"));
    pack.ref_delta(blob_id(&promised), &append(&promised, b"+"));
    let pack = pack.finish();
    for has in [vec![promised.clone()], vec![]] {
        let world = World::new(&stored);
        let writer = world.writer();
        let found = !has.is_empty();
        let remote = Remote {
            writer: &writer,
            has,
            asked: RefCell::default(),
        };
        let intake = Intake {
            threads: &gitside::host::NoThreads,
            missing: Some(&remote),
            promisor: true,
            ..world.intake()
        };
        let received = world.receive(&writer, &pack, &intake);
        assert_eq!(
            *remote.asked.borrow(),
            [vec![blob_id(&promised)]],
            "what is stored is not asked for"
        );
        match received {
            Ok(received) => {
                assert!(found);
                let mut publication = Publication::new(&writer);
                received.publish(&mut publication);
                block_on(publication.commit()).unwrap();
                block_on(world.repo.odb.refresh()).unwrap();
                assert!(world.repo.odb.packs()[0].promisor);
                let grown = blob_id(&[&promised[..], b"+"].concat());
                block_on(world.repo.odb.read(&grown)).unwrap();
            }
            Err(error) => {
                assert!(!found, "{error:?}");
                assert_eq!(error.code, Code::PackInvalid);
                assert!(error.message.contains(&blob_id(&promised).to_hex()), "{error:?}");
            }
        }
    }
}

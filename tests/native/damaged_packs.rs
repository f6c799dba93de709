//! Damage and excess: bits flipped, packs cut off and cut up, and packs that unfold to far more
//! than they are.
#![cfg(not(target_arch = "wasm32"))]

#[path = "support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;

use std::time::{Duration, Instant};

use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::pack::entry::EntryKind;
use gitside::format::zlib::deflate;
use pack_builder::{PackBuilder, append, blob_id, copy, delta, reseal, seal};
use pack_oracle::{GitIndexer, How, ids, index};

/// A pack with deltas, trees, commits and a tag, of which every byte counts.
fn small() -> Vec<u8> {
    let mut pack = PackBuilder::new();
    let text = b"one line\n".repeat(30);
    let blob = pack.entry(EntryKind::Whole(Kind::Blob), text.len() as u64, &deflate(&text, 6));
    let longer = append(&text, b"and another");
    pack.entry(
        EntryKind::OffsetDelta(pack.offset() - blob),
        longer.len() as u64,
        &deflate(&longer, 6),
    );
    let mut tree = b"100644 f\0".to_vec();
    tree.extend_from_slice(blob_id(&text).as_bytes());
    pack.whole(Kind::Tree, &tree);
    let id = hash_object(Kind::Tree, &tree).unwrap();
    let by = "A <a@example.org> 1700000000 +0000";
    pack.whole(
        Kind::Commit,
        format!("tree {id}\nauthor {by}\ncommitter {by}\n\nm\n").as_bytes(),
    );
    pack.ref_delta(blob_id(&text), &append(&text, b"by id"));
    pack.finish()
}

#[test]
fn every_flipped_bit_with_the_old_trailer_is_refused() {
    let pack = small();
    let mut random = pack_oracle::Random(0x1234_5678_9abc_def1);
    let how = How {
        links: false,
        ..How::default()
    };
    let mut refused = 0;
    // Every single bit, then two to five at a time.
    while refused < 20_000 {
        let mut damaged = pack.clone();
        let flips = if refused < pack.len() * 8 {
            1
        } else {
            2 + random.below(4)
        };
        for _ in 0..flips {
            let at = if flips == 1 {
                refused
            } else {
                random.below(pack.len() * 8)
            };
            damaged[at / 8] ^= 1 << (at % 8);
        }
        if damaged != pack {
            assert!(index(&damaged, how).is_err(), "{refused}: {flips} bits");
            refused += 1;
        }
    }
}

#[test]
fn flipped_bits_with_a_new_trailer_are_accepted_only_where_git_does() {
    let pack = small();
    let git = GitIndexer::new("flips");
    let how = How {
        links: false,
        ..How::default()
    };
    let (mut accepted, mut refused) = (0, 0);
    for bit in 0..(pack.len() - 20) * 8 {
        let mut damaged = pack.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        reseal(&mut damaged);
        match index(&damaged, how) {
            Err(_) => refused += 1,
            Ok(ours) => {
                accepted += 1;
                let gits = git.index(&damaged, &[]);
                assert_eq!(gits.as_ref().ok(), Some(&ids(&ours)), "bit {bit}: {gits:?}");
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 0 && refused > 2000);
}

#[test]
fn every_truncation_is_refused_and_every_split_gives_the_same() {
    let pack = small();
    let whole = index(
        &pack,
        How {
            links: false,
            ..How::default()
        },
    )
    .unwrap();
    for cut in 0..pack.len() {
        let error = index(&pack[..cut], How::default()).unwrap_err();
        assert!(
            format!("{error:?}").starts_with("Pack(Truncated"),
            "cut at {cut}: {error:?}"
        );
    }
    for chunk in 1..pack.len() {
        let how = How {
            chunk,
            links: false,
            ..How::default()
        };
        assert_eq!(index(&pack, how).as_ref(), Ok(&whole), "{chunk} bytes at a time");
    }
}

#[test]
fn amplification_is_refused_at_once_or_bounded() {
    let bombs = [
        ("deltas that multiply by twenty", twentyfold()),
        ("copies of 16 MiB", copies()),
    ];
    for (name, pack) in bombs {
        assert!(pack.len() < 70_000, "{name}: {} bytes", pack.len());
        let before = peak();
        let start = Instant::now();
        let error = index(
            &pack,
            How {
                links: false,
                ..How::default()
            },
        )
        .unwrap_err();
        let took = start.elapsed();
        assert!(format!("{error:?}").contains("ObjectBytes"), "{name}: {error:?}");
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");
        assert!(
            peak().saturating_sub(before) < 128 << 10,
            "{name}: {} KiB",
            peak().saturating_sub(before)
        );
    }
    // A blob that is large and honest passes in little memory.
    let zeros = vec![0; 64 << 20];
    let mut pack = PackBuilder::new();
    pack.entry(EntryKind::Whole(Kind::Blob), zeros.len() as u64, &deflate(&zeros, 9));
    let pack = pack.finish();
    let expected = blob_id(&zeros);
    drop(zeros);
    let before = peak();
    let ours = index(&pack, How::default()).unwrap();
    assert_eq!(ours.entries[0].oid, expected);
    assert!(
        peak().saturating_sub(before) < 16 << 10,
        "{} KiB",
        peak().saturating_sub(before)
    );
    // The budget for all objects together counts before anything is resolved.
    let mut limits = How::default();
    limits.limits.resolved_bytes = 32 << 20;
    let error = index(&pack, limits).unwrap_err();
    assert!(format!("{error:?}").contains("ResolvedBytes"), "{error:?}");
}

/// 64 KiB of zeros, then deltas that copy (nearly all of) their base twenty times: 26 MB at the
/// second, 7 GB at the fourth.
fn twentyfold() -> Vec<u8> {
    let mut pack = PackBuilder::new();
    let mut base = pack.blob(&[0; 0x10000]);
    let mut size = 0x10000u64;
    for _ in 0..4 {
        let length = u32::try_from(size.min(0xff_0000)).unwrap();
        let instructions = copy(0, length).repeat(20);
        base = pack.ofs_delta(base, &delta(size, u64::from(length) * 20, &instructions));
        size = u64::from(length) * 20;
    }
    pack.finish()
}

/// One delta with a thousand copies of all of its base.
fn copies() -> Vec<u8> {
    let mut pack = PackBuilder::new();
    let base = pack.blob(&[0; 0xfff0]);
    let big = pack.ofs_delta(base, &delta(0xfff0, 0xfff0 * 250, &copy(0, 0xfff0).repeat(250)));
    let size = 0xfff0 * 250;
    pack.ofs_delta(big, &delta(size, size * 100, &copy(0, size as u32).repeat(100)));
    pack.finish()
}

/// The most memory this process had, in KiB; 0 where it cannot be told.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

#[test]
fn a_header_alone_is_not_a_pack_whatever_it_promises() {
    let mut header = b"PACK\0\0\0\x02".to_vec();
    header.extend_from_slice(&9_999_999u32.to_be_bytes());
    seal(&mut header);
    let before = peak();
    assert!(index(&header, How::default()).is_err());
    assert!(peak().saturating_sub(before) < 8 << 10);
}

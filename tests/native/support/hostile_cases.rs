//! Packs that are wrong, or only unusual, in their bytes.

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::entry::EntryKind;
use gitside::format::zlib::deflate;

use Verdict::{Bad, Good, Stricter};

use crate::pack_builder::{PackBuilder, append, blob_id, copy, delta, insert, reseal, stored};
use crate::pack_oracle::{How, index};

/// What a pack deserves.
pub enum Verdict {
    /// Git accepts it, and so do we, with the same ids.
    Good,
    /// Git refuses it, and so do we, with an error that starts so.
    Bad(&'static str),
    /// Git accepts it; we do not, with an error that starts so.
    Stricter(&'static str),
}

/// A pack and what it deserves.
pub struct Case {
    pub name: String,
    pub pack: Vec<u8>,
    pub verdict: Verdict,
    pub links: bool,
}

/// All of them.
#[derive(Default)]
pub struct Cases {
    pub all: Vec<Case>,
    /// Whether it is about what objects name.
    pub links: bool,
}

impl Cases {
    pub fn add(&mut self, name: impl Into<String>, pack: Vec<u8>, verdict: Verdict) {
        self.all.push(Case {
            name: name.into(),
            pack,
            verdict,
            links: self.links,
        });
    }
}

/// A pack of one blob.
fn plain() -> PackBuilder {
    let mut pack = PackBuilder::new();
    pack.blob(b"hello");
    pack
}

pub fn headers_and_trailers(cases: &mut Cases) {
    let good = plain().finish();
    cases.add("one blob", good.clone(), Good);
    cases.add("no object", PackBuilder::new().finish(), Good);
    for version in [0, 1, 4, 0x0200_0000, u32::MAX] {
        let mut pack = PackBuilder::version(version);
        pack.blob(b"hello");
        cases.add(format!("version {version}"), pack.finish(), Bad("Version"));
    }
    let mut three = PackBuilder::version(3);
    three.blob(b"hello");
    cases.add("version 3", three.finish(), Good);
    for magic in [b"PACL", b"pack", b"\0\0\0\0", b"DIRC"] {
        let mut pack = good.clone();
        pack[..4].copy_from_slice(magic);
        reseal(&mut pack);
        cases.add(format!("signature {magic:?}"), pack, Bad("Signature"));
    }
    // What follows the last entry is taken for the trailer, or the trailer for an entry.
    cases.add("count 0 of 1", plain().finish_with(0), Bad("Checksum"));
    for count in [2, 3, 1000, 10_000_000] {
        let result = index(&plain().finish_with(count), How::default());
        assert!(result.is_err(), "count {count}");
        cases.add(format!("count {count} of 1"), plain().finish_with(count), Bad(""));
    }
    for count in [10_000_001, 1 << 31, u32::MAX] {
        cases.add(format!("count {count} of 1"), plain().finish_with(count), Bad("Limit"));
    }
    for (name, cut) in [
        ("trailer", 20),
        ("last byte", 1),
        ("all but the header", good.len() - 12),
    ] {
        cases.add(
            format!("without its {name}"),
            good[..good.len() - cut].to_vec(),
            Bad("Truncated"),
        );
    }
    cases.add("no bytes", Vec::new(), Bad("Truncated"));
    cases.add("half a header", good[..7].to_vec(), Bad("Truncated"));
    for at in [1, 10, 20] {
        let mut pack = good.clone();
        let place = pack.len() - at;
        pack[place] ^= 0x10;
        cases.add(
            format!("trailer wrong in byte {at} from the end"),
            pack,
            Bad("Checksum"),
        );
    }
    let mut zero = good.clone();
    let length = zero.len();
    zero[length - 20..].fill(0);
    cases.add("trailer of zeros", zero, Bad("Checksum"));
    // `git index-pack --stdin` leaves what follows to its caller; `git fetch` refuses it.
    for (name, junk) in [
        ("a byte", b"\0".to_vec()),
        ("twenty bytes", vec![7; 20]),
        ("a pack", good.clone()),
    ] {
        cases.add(
            format!("followed by {name}"),
            [good.clone(), junk].concat(),
            Stricter("TrailingBytes"),
        );
    }
}

pub fn entry_headers(cases: &mut Cases) {
    for number in [0u8, 5] {
        let mut pack = PackBuilder::new();
        pack.raw(&[&[number << 4 | 5][..], &stored(b"hello")].concat());
        cases.add(format!("type {number}"), pack.finish(), Bad("ObjectType"));
    }
    let sized = |header: &[u8]| {
        let mut pack = PackBuilder::new();
        pack.raw(&[header, &stored(b"hello")].concat());
        pack.finish()
    };
    cases.add(
        "a size in more bytes than it needs",
        sized(&[0xb5, 0x80, 0x80, 0]),
        Good,
    );
    for (name, size, error) in [
        ("one less", 4u64, "Inflate { at: 12, error: TooLong"),
        ("nothing", 0, "Inflate { at: 12, error: TooLong"),
        ("one more", 6, "Inflate { at: 12, error: TooShort"),
        ("a megabyte more", 1 << 20, "Inflate { at: 12, error: TooShort"),
        ("32 bits more", (1 << 32) + 5, "Inflate { at: 12, error: TooShort"),
        ("2^33", 1 << 33, "Inflate { at: 12, error: TooShort"),
        ("2^60", 1 << 60, "Limit"),
        ("2^63", 1 << 63, "Limit"),
        ("all ones", u64::MAX, "Limit"),
    ] {
        let mut pack = PackBuilder::new();
        pack.entry(EntryKind::Whole(Kind::Blob), size, &stored(b"hello"));
        cases.add(format!("a size of {name}"), pack.finish(), Bad(error));
    }
    // Git shifts the bits out and may be left with the right size.
    let wide = [&[0xb5][..], &[0x80; 8], &[0x10]].concat();
    cases.add(
        "a size of 65 bits that ends in the right ones",
        sized(&wide),
        Stricter("Overflow"),
    );
    cases.add("a size without end", sized(&[0xff; 40]), Bad("Overflow"));
    for kind in [Kind::Commit, Kind::Tree, Kind::Tag] {
        let mut pack = PackBuilder::new();
        pack.entry(EntryKind::Whole(kind), 1 << 40, &stored(b"hello"));
        cases.add(format!("a {kind} of 2^40 bytes"), pack.finish(), Bad("Limit"));
    }
}

pub fn streams(cases: &mut Cases) {
    let entry = |size: u64, stream: &[u8]| {
        let mut pack = PackBuilder::new();
        pack.entry(EntryKind::Whole(Kind::Blob), size, stream);
        pack.finish()
    };
    let good = stored(b"hello");
    let edit = |at: usize, byte: u8| {
        let mut stream = good.clone();
        stream[at] = byte;
        entry(5, &stream)
    };
    cases.add("another Adler-32", edit(good.len() - 1, 0), Bad("Inflate"));
    cases.add("another byte of content", edit(8, b'x'), Bad("Inflate"));
    cases.add("method 7", edit(0, 0x77), Bad("Inflate"));
    cases.add("a window of 64 KiB", edit(0, 0x88), Bad("Inflate"));
    cases.add("a wrong header check", edit(1, 0x02), Bad("Inflate"));
    cases.add("a preset dictionary", edit(1, 0x20), Bad("Inflate"));
    cases.add("block type 3", edit(2, 0x07), Bad("Inflate"));
    cases.add("a stored length that is not its complement", edit(3, 6), Bad("Inflate"));
    cases.add(
        "a block that is not the last, and no other",
        edit(2, 0x00),
        Bad("Inflate"),
    );
    cases.add("a cut stream", entry(5, &good[..good.len() - 4]), Bad("Inflate"));
    cases.add("no stream", entry(5, b""), Bad("Inflate"));
    cases.add("no zlib header", entry(5, &good[2..]), Bad("Inflate"));
    cases.add("gzip", entry(5, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), Bad("Inflate"));
    cases.add("random bytes", entry(5, &[0x55; 64]), Bad("Inflate"));
    // The bytes after the stream are the next entry, which is not there.
    let junk = [&good[..], b"junk"].concat();
    cases.add("bytes after a stream", entry(5, &junk), Bad("Checksum"));
    // A match before the start: fixed codes, length 3, distance 1.
    let far = [0x78, 0x9c, 0x03, 0x02, 0x00, 0, 0, 0, 0, 0];
    cases.add("a match before the start", entry(3, &far), Bad("Inflate"));
    let text = b"some text, some more text, and text ".repeat(50);
    for level in 0..=9 {
        let stream = deflate(&text, level);
        cases.add(
            format!("deflated at level {level}"),
            entry(text.len() as u64, &stream),
            Good,
        );
    }
    cases.add("an empty blob", entry(0, &stored(b"")), Good);
    // Empty stored blocks, as a flush leaves them.
    let flushed = [&[0x78, 0x01][..], &[0, 0, 0, 0xff, 0xff].repeat(50), &good[2..]].concat();
    cases.add("many empty blocks", entry(5, &flushed), Good);
    let late = [
        &good[..2],
        &[0, 5, 0, 0xfa, 0xff],
        b"hello",
        &[0, 1, 0, 0xfe, 0xff, b'!'],
        &[1, 0, 0, 0xff, 0xff, 0, 0, 0, 1],
    ]
    .concat();
    cases.add("one byte more in another block", entry(5, &late), Bad("Inflate"));
}

pub fn deltas(cases: &mut Cases) {
    let base = b"0123456789abcdef";
    let check = |cases: &mut Cases, name: &str, delta: &[u8], verdict: fn(bool) -> Verdict| {
        let mut pack = PackBuilder::new();
        let at = pack.blob(base);
        pack.ofs_delta(at, delta);
        cases.add(format!("offset delta: {name}"), pack.finish(), verdict(true));
        let mut pack = PackBuilder::new();
        pack.ref_delta(blob_id(base), delta);
        pack.blob(base);
        cases.add(format!("delta by id: {name}"), pack.finish(), verdict(false));
    };
    let n = base.len() as u64;
    let good = |_| Good;
    let bad = |_| Bad("Delta");
    // By id, the result is the base again, for which the delta itself has waited.
    check(cases, "a copy of all", &delta(n, n, &copy(0, 16)), |offset| {
        if offset { Good } else { Bad("BaseTwice") }
    });
    check(cases, "an insertion", &delta(n, 1, &insert(b"X")), good);
    check(cases, "a copy of the last byte", &delta(n, 1, &[0x91, 15, 1]), good);
    check(
        cases,
        "an empty result, sizes in more bytes than needed",
        &[0x90, 0x80, 0x00, 0x00],
        good,
    );
    check(cases, "nothing", b"", bad);
    check(cases, "three bytes", &delta(n, 0, b"")[..2], bad);
    check(cases, "sizes without end", &[0xff; 12], bad);
    check(cases, "an insertion cut off", &delta(n, 2, &[2, b'X']), bad);
    check(
        cases,
        "an insertion that is too long",
        &delta(n, 1, &insert(b"XX")),
        bad,
    );
    check(cases, "a result that is too short", &delta(n, 3, &insert(b"XX")), bad);
    check(cases, "a result of 2^50", &delta(n, 1 << 50, &insert(b"XX")), |_| {
        Bad("Limit")
    });
    check(cases, "a result of 200 MB", &delta(n, 200 << 20, &insert(b"XX")), bad);
    check(cases, "another base size", &delta(n + 1, 2, &insert(b"XX")), bad);
    check(cases, "a base size of 0", &delta(0, 2, &insert(b"XX")), bad);
    check(cases, "a copy cut off", &delta(n, 4, &[1, b'X', 0x94]), bad);
    check(cases, "a copy past the base", &delta(n, 17, &copy(0, 17)), bad);
    check(
        cases,
        "a copy that starts past the base",
        &delta(n, 1, &copy(16, 1)),
        bad,
    );
    check(
        cases,
        "an offset and size that wrap 32 bits",
        &delta(n, 2, &copy(u32::MAX, 2)),
        bad,
    );
    check(cases, "a copy of size zero", &delta(n, 0x10000, &copy(0, 0x10000)), bad);
    check(
        cases,
        "a copy that is too long for the result",
        &delta(n, 3, &copy(0, 4)),
        bad,
    );
    check(cases, "the reserved instruction", &delta(n, 1, &[1, b'X', 0]), bad);
    check(
        cases,
        "an insertion after the end",
        &delta(n, 1, &[1, b'X', 1, b'Y']),
        bad,
    );
    check(cases, "a copy after the end", &delta(n, 1, &[1, b'X', 0x90, 1]), bad);
}

pub fn bases(cases: &mut Cases) {
    let base = b"a base of some length";
    let changed = append(base, b"!");
    let with_distance = |distance: u64| {
        let mut pack = PackBuilder::new();
        pack.blob(base);
        pack.entry(
            EntryKind::OffsetDelta(distance),
            changed.len() as u64,
            &stored(&changed),
        );
        pack.finish()
    };
    let right = {
        let pack = &mut PackBuilder::new();
        pack.blob(base);
        pack.offset() - 12
    };
    cases.add("the right distance", with_distance(right), Good);
    for (name, distance) in [
        ("0", 0),
        ("1", 1),
        ("into the middle of an entry", right - 5),
        ("one before an entry", right + 1),
        ("the header", right + 8),
        ("the start of the pack", right + 12),
        ("before the pack", right + 13),
        ("2^40", 1 << 40),
        ("2^63", 1 << 63),
        ("all ones", u64::MAX),
    ] {
        cases.add(
            format!("a distance to {name}"),
            with_distance(distance),
            Bad("BaseOffset"),
        );
    }
    let mut pack = PackBuilder::new();
    pack.blob(base);
    pack.raw(&[&[0x61][..], &[0xff; 11]].concat());
    cases.add("a distance without end", pack.finish(), Bad("Overflow"));

    let with_ids = |links: &[(ObjectId, &[u8])], wholes: &[&[u8]]| {
        let mut pack = PackBuilder::new();
        for (base, delta) in links {
            pack.ref_delta(*base, delta);
        }
        for content in wholes {
            pack.blob(content);
        }
        pack.finish()
    };
    let (a, b, c) = (
        &b"aaaaaaaaaaaaaaaaaa"[..],
        &b"bbbbbbbbbbbbbbbbbb"[..],
        &b"cccccccccccccccccc"[..],
    );
    let to = |content: &[u8]| delta(18, 18, &insert(content));
    cases.add(
        "a base that is nowhere",
        with_ids(&[(blob_id(a), &to(b))], &[c]),
        Bad("Unresolved { count: 1"),
    );
    cases.add(
        "itself as base",
        with_ids(&[(blob_id(a), &to(a))], &[]),
        Bad("Unresolved { count: 1"),
    );
    cases.add(
        "a cycle of two",
        with_ids(&[(blob_id(a), &to(b)), (blob_id(b), &to(a))], &[c]),
        Bad("Unresolved { count: 2"),
    );
    cases.add(
        "a cycle of three",
        with_ids(&[(blob_id(a), &to(b)), (blob_id(b), &to(c)), (blob_id(c), &to(a))], &[]),
        Bad("Unresolved { count: 3"),
    );
    let shuffled = [(blob_id(b), &to(c)[..]), (blob_id(a), &to(b)[..])];
    cases.add("a base that comes later", with_ids(&[(blob_id(a), &to(b))], &[a]), Good);
    cases.add("a chain from the back", with_ids(&shuffled, &[a]), Good);
    // The cycle is reached from outside, and closes on a base that is there already.
    cases.add(
        "a cycle with an entry",
        with_ids(&[(blob_id(a), &to(b)), (blob_id(b), &to(a))], &[a]),
        Bad("BaseTwice"),
    );
    let mut pack = PackBuilder::new();
    let waiting = pack.ref_delta(blob_id(base), &changed);
    let longer = [&base[..], b"!"].concat();
    pack.ofs_delta(waiting, &append(&longer, b"?"));
    pack.blob(base);
    cases.add("an offset delta on a delta by id that waits", pack.finish(), Good);
    let mut pack = PackBuilder::new();
    let waiting = pack.ref_delta(blob_id(a), &append(a, b"!"));
    pack.ofs_delta(waiting, &append(&[a, b"!"].concat(), b"?"));
    cases.add(
        "an offset delta on one that never comes",
        pack.finish(),
        Bad("Unresolved { count: 2"),
    );

    for copies in [2, 5] {
        let mut pack = PackBuilder::new();
        for _ in 0..copies {
            pack.blob(base);
        }
        cases.add(format!("{copies} copies of an object"), pack.finish(), Good);
    }
    let mut pack = PackBuilder::new();
    let at = pack.blob(base);
    pack.blob(base);
    pack.ofs_delta(at, &changed);
    cases.add("copies of a base of an offset delta", pack.finish(), Good);
    let mut pack = PackBuilder::new();
    pack.blob(base);
    pack.blob(base);
    pack.ref_delta(blob_id(base), &changed);
    cases.add("copies of a base by id", pack.finish(), Bad("BaseTwice"));
    for by_id in [false, true] {
        let mut pack = PackBuilder::new();
        let at = pack.blob(base);
        pack.ofs_delta(at, &changed);
        pack.ofs_delta(at, &changed);
        let copy = pack.blob(&longer);
        let longest = append(&longer, b"?");
        if by_id {
            pack.ref_delta(blob_id(&longer), &longest);
            cases.add(
                "copies of a delta's result, and a delta on it by id",
                pack.finish(),
                Bad("BaseTwice"),
            );
        } else {
            pack.ofs_delta(copy, &longest);
            cases.add("copies of a delta's result", pack.finish(), Good);
        }
    }
}

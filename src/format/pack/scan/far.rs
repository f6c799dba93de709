//! Entries beyond what 31 and 32 bits can name. Nobody feeds gigabytes: between two entries the
//! scanner is told that so many bytes went by.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::borrow::Cow;
use std::ops::Range;

use super::*;
use crate::format::hash::hash_object;
use crate::format::pack::entry::EntryKind;
use crate::format::pack::families::Families;
use crate::format::pack::resolve::{DeltaResolver, PackBytes, Step};
use crate::format::pack::write::PackWriter;
use crate::format::zlib::deflate;

const GIB: u64 = 1 << 30;

/// Pieces of a pack, and where they lie in it.
#[derive(Default)]
struct Sparse(Vec<(u64, Vec<u8>)>);

impl PackBytes for Sparse {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        let (start, bytes) = self.0.iter().rfind(|(start, _)| *start <= range.start)?;
        let place = |at: u64| usize::try_from(at - start).ok();
        // What lies between two pieces belongs to the entry before, and is no part of its stream.
        let end = place(range.end).unwrap_or(usize::MAX).min(bytes.len());
        bytes.get(place(range.start)?..end).map(Cow::Borrowed)
    }
}

/// A delta that makes `base` longer by `more`.
fn longer(base: &[u8], more: &[u8]) -> Vec<u8> {
    let sizes = [base.len(), base.len() + more.len(), base.len(), more.len()];
    let [base, result, copied, added] = sizes.map(|size| u8::try_from(size).unwrap());
    [&[base, result, 0x90, copied, added], more].concat()
}

/// A blob, a delta of it and a delta of that, so far from each other, and what they are.
fn pack(gap: u64) -> (ScannedPack, Sparse, [Vec<u8>; 3]) {
    let contents = [
        b"base".to_vec(),
        b"base, longer".to_vec(),
        b"base, longer still".to_vec(),
    ];
    let deltas = [longer(&contents[0], b", longer"), longer(&contents[1], b" still")];
    let mut out = Vec::new();
    let mut writer = PackWriter::begin(3, &mut out);
    writer.object(Kind::Blob, &contents[0], &mut out);
    let mut scanner = PackScanner::new(Limits {
        pack_bytes: u64::MAX,
        ..Limits::default()
    });
    let mut sparse = Sparse(vec![(0, out.clone())]);
    let mut base = 12;
    scanner.feed(&out).unwrap();
    assert_eq!(scanner.next(), Ok(None), "it waits for others to be hashed with");
    for (row, delta) in (1..).zip(&deltas) {
        scanner.input_offset += gap;
        scanner.pack.bytes += gap;
        let offset = scanner.pack.bytes;
        out.clear();
        writer.header(EntryKind::OffsetDelta(offset - base), delta.len() as u64, &mut out);
        writer.stream(&deflate(delta, 6), &mut out);
        scanner.feed(&out).unwrap();
        let what = What::Delta;
        assert_eq!(scanner.next(), Ok(Some(Scanned { row, offset, what })));
        assert_eq!(scanner.next(), Ok(None));
        sparse.0.push((offset, out.clone()));
        base = offset;
    }
    out.clear();
    writer.finish(&mut out);
    scanner.feed(&out).unwrap();
    (scanner.finish().unwrap(), sparse, contents)
}

#[test]
fn deltas_whose_bases_lie_gigabytes_before_them_are_found_and_resolved() {
    for gap in [GIB, 2 * GIB - 60, 2 * GIB, 4 * GIB - 60, 4 * GIB, 9 * GIB, 1 << 45] {
        let (scanned, sparse, contents) = pack(gap);
        assert_eq!(scanned.bytes(), sparse.0[2].0 + sparse.0[2].1.len() as u64 + 20);
        let mut resolver = DeltaResolver::new(scanned, Limits::default()).unwrap();
        let mut seen = Vec::new();
        loop {
            match resolver.step(&sparse).unwrap() {
                Step::Object { row, content, .. } => seen.push((row, content.to_vec())),
                Step::Working => {}
                Step::Done => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, [(1, contents[1].clone()), (2, contents[2].clone())], "{gap}");
        let entries = resolver.finish().unwrap().entries;
        for ((entry, content), (start, _)) in entries.iter().zip(&contents).zip(&sparse.0) {
            assert_eq!(entry.offset, (*start).max(12));
            assert_eq!(Ok(entry.oid), hash_object(Kind::Blob, content).map_err(|_| ()));
        }
    }
}

#[test]
fn families_that_span_gigabytes_are_cut_into_the_bytes_of_their_entries() {
    let (scanned, sparse, _) = pack(5 * GIB);
    let end = scanned.bytes() - 20;
    let mut families = Families::new(scanned);
    while families.prepare() {}
    let cut = families.cut().unwrap();
    let ranges: Vec<_> = families.ranges(&cut).collect();
    let offsets = [12, sparse.0[1].0, sparse.0[2].0];
    assert_eq!(
        ranges,
        [offsets[0]..offsets[1], offsets[1]..offsets[2], offsets[2]..end]
    );
    assert_eq!(families.cut(), None);
    assert_eq!(families.deltas(), 2);
}

#[test]
fn a_blob_of_more_bytes_than_32_bits_can_count_is_taken_up_and_counted() {
    let size = 5 * GIB + 1;
    let mut out = Vec::new();
    let mut writer = PackWriter::begin(1, &mut out);
    writer.header(EntryKind::Whole(Kind::Blob), size, &mut out);
    writer.stream(&deflate(&[0; 100], 6), &mut out);
    let mut scanner = PackScanner::new(Limits::default());
    scanner.feed(&out).unwrap();
    let error = InflateError::TooShort {
        declared: size,
        found: 100,
    };
    assert_eq!(scanner.next(), Err(PackError::Inflate { at: 12, error }));
    assert_eq!(scanner.resolved_bytes(), size);
}

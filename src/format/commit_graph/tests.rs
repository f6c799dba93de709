#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::format::oid::ObjectId;

fn oid(name: u8) -> ObjectId {
    ObjectId::new([name; 20])
}

fn row(name: u8, date: u64, generation: u64, parents: &[u32]) -> Row {
    Row {
        oid: oid(name),
        tree: oid(name ^ 0xff),
        date,
        level: 1 + parents.len() as u32,
        generation,
        parents: parents.to_vec(),
    }
}

/// Six commits on two others: roots, a merge of three, a date of 34 bits, a generation far above its
/// date.
fn rows() -> Vec<Row> {
    vec![
        row(0x10, 100, 100, &[]),
        row(0x11, MAX_DATE, MAX_DATE, &[2]),
        row(0x20, 5, 1 << 33, &[0, 3]),
        row(0x80, 7, (1 << 33) + 1, &[4, 0, 1, 2]),
        row(0x81, 900, 901, &[2]),
        row(0xff, 1, 902, &[6, 0, 1]),
    ]
}

fn filters() -> Vec<Vec<u8>> {
    let of = |paths: &[&[u8]]| bloom::filter(paths.iter().copied());
    vec![
        of(&[b"a"]),
        vec![],
        of(&[b"dir/x", b"dir"]),
        bloom::everything(),
        of(&[]),
        of(&[b"\xff/y", b"\xff"]),
    ]
}

fn file(rows: &[Row], filters: Option<&[Vec<u8>]>, bases: &[ObjectId]) -> Vec<u8> {
    let encoder = Encoder::new(rows, filters, bases).unwrap();
    let bytes = encoder.bytes();
    let file = encoder.finish();
    assert_eq!(file.len() as u64, bytes);
    file
}

fn parse(file: &[u8], below: u32) -> Result<(Layer, Option<Filters>), GraphError> {
    check_trailer(file)?;
    parse_unchecked(file, below)
}

/// Without the checksum, which finds every damage before anything else does.
fn parse_unchecked(file: &[u8], below: u32) -> Result<(Layer, Option<Filters>), GraphError> {
    let contents = Contents::parse(file, file.len() as u64)?;
    let front = file.get(..contents.front() as usize).ok_or(GraphError::Truncated)?;
    let layer = Layer::parse(front.to_vec(), &contents, below)?;
    let part = |range: std::ops::Range<u64>| file.get(range.start as usize..range.end as usize).map(<[u8]>::to_vec);
    let filters = match contents.filters() {
        None => None,
        Some((index, data)) => {
            let (index, data) = part(index).zip(part(data)).ok_or(GraphError::Truncated)?;
            Filters::parse(index, data, layer.len())?
        }
    };
    Ok((layer, filters))
}

#[test]
fn what_is_written_is_read_back() {
    let (rows, filters) = (rows(), filters());
    for (filters, bases) in [(None, &[][..]), (Some(filters.as_slice()), &[oid(1)][..])] {
        let file = file(&rows, filters, bases);
        assert_eq!(
            Contents::parse(&file, file.len() as u64).unwrap().bases as usize,
            bases.len()
        );
        let (layer, found) = parse(&file, 2).unwrap();
        assert_eq!(layer.len() as usize, rows.len());
        for (position, row) in layer.positions().zip(&rows) {
            let read = Row {
                oid: layer.oid(position),
                tree: layer.tree(position),
                date: layer.date(position),
                level: layer.level(position),
                generation: layer.generation(position),
                parents: layer.parents(position).collect(),
            };
            assert_eq!(read, *row);
            assert_eq!(layer.find(&row.oid), Some(position));
        }
        for absent in [0, 0x0f, 0x12, 0x7f, 0x82, 0xfe] {
            assert_eq!(layer.find(&oid(absent)), None);
        }
        for (at, filter) in filters.unwrap_or_default().iter().enumerate() {
            let expected = Some(filter.as_slice()).filter(|filter| !filter.is_empty());
            assert_eq!(found.as_ref().unwrap().get(at as u32), expected);
        }
        assert_eq!(found.is_some(), filters.is_some());
        assert_eq!((layer.oid(1), layer.oid(8)), (ObjectId::NULL, ObjectId::NULL));
    }
}

#[test]
fn a_file_without_commits_is_read() {
    let file = file(&[], Some(&[]), &[]);
    let (layer, filters) = parse(&file, 0).unwrap();
    assert!(layer.is_empty() && layer.find(&oid(3)).is_none() && filters.unwrap().get(0).is_none());
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused_or_harmless() {
    let file = file(&rows(), Some(&filters()), &[oid(1)]);
    for length in 0..file.len() {
        assert!(parse(&file[..length], 2).is_err(), "{length} bytes");
        // Whoever reads the front alone must not trip over what it says.
        let _ = parse_unchecked(&file[..length], 2);
    }
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            assert!(parse(&damaged, 2).is_err(), "byte {at} bit {bit}");
            if let Ok((layer, filters)) = parse_unchecked(&damaged, 2) {
                for position in layer.positions() {
                    assert!(layer.parents(position).all(|parent| parent < 8 && parent != position));
                    let _ = (layer.generation(position), layer.find(&layer.oid(position)));
                    let _ = filters.as_ref().and_then(|filters| filters.get(position - 2));
                }
            }
        }
    }
}

/// Changes bytes of a file with filters, and says what is to come of it.
fn refuse(change: impl FnOnce(&mut Vec<u8>, &Contents), expected: GraphError) {
    let mut file = file(&rows(), Some(&filters()), &[]);
    let contents = Contents::parse(&file, file.len() as u64).unwrap();
    change(&mut file, &contents);
    assert_eq!(parse_unchecked(&file, 2).unwrap_err(), expected);
}

fn put(file: &mut [u8], contents: &Contents, id: ChunkId, at: usize, word: u32) {
    let start = contents.range(id).unwrap().start as usize + at * 4;
    file[start..start + 4].copy_from_slice(&word.to_be_bytes());
}

#[test]
fn every_lie_is_found_out() {
    let chunk = GraphError::chunk;
    refuse(|file, _| file[0] = b'X', GraphError::Signature);
    refuse(|file, _| file[4] = 2, GraphError::Version(2));
    refuse(|file, _| file[5] = 2, GraphError::Hash(2));
    let misplaced = GraphError::Contents("places a chunk out of order or beyond the end");
    refuse(|file, _| file[6] = 9, misplaced);
    refuse(
        |file, _| file[6] = 7,
        GraphError::Contents("has its end where it should not be"),
    );
    refuse(|file, _| file[8 + 4] = 1, misplaced);
    refuse(|file, _| file[8 + 11] = 0, misplaced);
    refuse(
        |file, _| file.copy_within(8..12, 20),
        GraphError::Contents("lists a chunk twice"),
    );
    refuse(|file, _| file[8] = b'X', chunk(OIDF, "is missing"));
    refuse(|file, _| file[44] = b'X', chunk(GDA2, "is missing"));
    refuse(
        |file, contents| put(file, contents, OIDF, 0, 7),
        chunk(OIDF, "descends"),
    );
    refuse(
        |file, contents| put(file, contents, OIDF, 255, 7),
        chunk(OIDL, "has another size"),
    );
    refuse(
        |file, contents| put(file, contents, OIDF, 0x10, 0),
        chunk(OIDF, "does not fit the ids"),
    );
    refuse(
        |file, contents| put(file, contents, OIDF, 0x10, 2),
        chunk(OIDF, "does not fit the ids"),
    );
    refuse(
        |file, contents| put(file, contents, OIDL, 0, 0x1212_1212),
        chunk(OIDL, "has ids out of order"),
    );
    let absent = chunk(CDAT, "names a parent that is not there");
    refuse(|file, contents| put(file, contents, CDAT, 9 + 5, 8), absent);
    refuse(|file, contents| put(file, contents, CDAT, 9 + 5, 3), absent);
    refuse(|file, contents| put(file, contents, CDAT, 9 + 6, 8), absent);
    refuse(
        |file, contents| put(file, contents, CDAT, 6, 1),
        chunk(CDAT, "has a second parent without a first one"),
    );
    refuse(
        |file, contents| put(file, contents, CDAT, 9 + 6, FLAG | 9),
        chunk(EDGE, "ends within a list"),
    );
    refuse(
        |file, contents| put(file, contents, EDGE, 4, 1),
        chunk(EDGE, "ends within a list"),
    );
    refuse(
        |file, contents| put(file, contents, EDGE, 1, 8),
        chunk(EDGE, "names a parent that is not there"),
    );
    refuse(
        |file, contents| put(file, contents, GDA2, 2, FLAG | 2),
        chunk(GDA2, "leads beyond GDO2"),
    );
    refuse(
        |file, contents| put(file, contents, BIDX, 2, 0),
        chunk(BIDX, "descends"),
    );
    refuse(
        |file, contents| put(file, contents, BIDX, 5, 1000),
        chunk(BIDX, "leads beyond BDAT"),
    );
}

#[test]
fn filters_of_other_settings_are_passed_over() {
    let mut file = file(&rows(), Some(&filters()), &[]);
    let contents = Contents::parse(&file, file.len() as u64).unwrap();
    for at in 0..3 {
        let mut other = file.clone();
        put(&mut other, &contents, BDAT, at, 1);
        assert_eq!(parse_unchecked(&other, 2).unwrap().1, None);
    }
    put(&mut file, &contents, BDAT, 0, 2);
    assert!(parse_unchecked(&file, 2).unwrap().1.is_some());
}

#[test]
fn what_does_not_fit_is_not_written() {
    let late = [row(1, MAX_DATE + 1, MAX_DATE + 1, &[])];
    assert_eq!(Encoder::new(&late, None, &[]).err(), Some(GraphError::Limit));
    assert_eq!(Encoder::new(&rows(), Some(&[]), &[]).err(), Some(GraphError::Limit));
}

#[test]
fn a_filter_says_maybe_to_what_is_in_it_and_no_to_nearly_all_else() {
    let paths: Vec<Vec<u8>> = (0..200).map(|at| format!("dir/file-{at}").into_bytes()).collect();
    let all = || paths.iter().map(Vec::as_slice).chain([b"dir".as_slice()]);
    let all: Vec<&[u8]> = all().collect();
    let filter = bloom::filter(all.iter().copied());
    assert_eq!(filter.len(), (201 * 10usize).div_ceil(8));
    assert!(all.iter().all(|path| PathKeys::of(path).unwrap().may_be_in(&filter)));
    assert!(PathKeys::of(b"dir/").unwrap().may_be_in(&filter));
    let wrong = (0..10_000).filter(|at| {
        let keys = PathKeys::of(format!("dir/other-{at}").as_bytes()).unwrap();
        keys.may_be_in(&filter)
    });
    assert!(wrong.count() < 200);
    // A folder that is not in it answers for all below.
    let below = (0..1000).filter(|at| {
        let keys = PathKeys::of(format!("elsewhere/{at}").as_bytes()).unwrap();
        keys.may_be_in(&filter)
    });
    assert_eq!(below.count(), 0);
    assert!(PathKeys::of(b"x").unwrap().may_be_in(&bloom::everything()));
    assert!(
        !PathKeys::of(b"x")
            .unwrap()
            .may_be_in(&bloom::filter(std::iter::empty()))
    );
    assert!(PathKeys::of(b"x").unwrap().may_be_in(&[]), "none was made");
    assert_eq!((PathKeys::of(b""), PathKeys::of(b"/")), (None, None));
    let many: Vec<Vec<u8>> = (0..513u16).map(|at| at.to_be_bytes().to_vec()).collect();
    assert_eq!(bloom::filter(many.iter().map(Vec::as_slice)), [0xff]);
}

//! Small packs, taken apart.

use gitside::error::Code;
use gitside::format::object::Kind;
use gitside::host::Table;
use gitside::ops::receive::Intake;

use crate::pack_builder::{PackBuilder, append, blob_id};
use crate::support::block_on;
use crate::world::{Fetched, World};

fn below(world: &World, unpack_below: u32) -> Intake<'_> {
    Intake {
        threads: &gitside::host::NoThreads,
        unpack_below,
        ..world.intake()
    }
}

fn blobs(count: u32) -> Vec<u8> {
    let mut pack = PackBuilder::new();
    for number in 0..count {
        pack.blob(format!("number {number}").as_bytes());
    }
    pack.finish()
}

#[test]
fn a_pack_below_the_limit_becomes_rows_and_one_at_the_limit_stays_a_pack() {
    for (count, limit, packs) in [(99, 100, 0), (100, 100, 1), (1, 0, 1), (1, 1, 1), (1, 2, 0)] {
        let world = World::empty();
        let fetched = world.fetch(&blobs(count), &below(&world, limit)).unwrap();
        assert_eq!(
            (fetched.packs, fetched.objects),
            (packs, u64::from(count)),
            "{count} of {limit}"
        );
        assert_eq!(world.listing().objects.len(), count as usize);
        let rows = world.keys(Table::Objects).len();
        assert_eq!(rows, if packs == 0 { count as usize } else { 0 });
    }
}

#[test]
fn what_is_taken_apart_is_never_written_as_a_pack() {
    let world = World::empty();
    let before = world.rows();
    let writer = world.writer();
    // More than one transaction of pack bytes.
    let mut pack = PackBuilder::new();
    for number in 0..3 {
        pack.blob(&vec![number; 1 << 20]);
    }
    let received = world.receive(&writer, &pack.finish(), &below(&world, 100)).unwrap();
    assert_eq!((received.packs(), received.objects()), (0, 3));
    assert_eq!(world.rows(), before, "nothing is written before it is published");
}

#[test]
fn a_pack_of_few_large_objects_stays_a_pack() {
    let filler = |number: u8, length: usize| vec![number; length];
    let cases: [(&str, Vec<Vec<u8>>, u64); 4] = [
        ("7 MiB", vec![filler(1, 7 << 20)], 0),
        ("9 MiB in one", vec![filler(1, 9 << 20)], 1),
        (
            "9 MiB in three",
            (0..3).map(|number| filler(number, 3 << 20)).collect(),
            1,
        ),
        ("a small one before 9 MiB", vec![filler(1, 5), filler(2, 9 << 20)], 1),
    ];
    for (name, contents, packs) in cases {
        let world = World::empty();
        let mut pack = PackBuilder::new();
        for content in &contents {
            pack.blob(content);
        }
        let fetched = world.fetch(&pack.finish(), &below(&world, 100)).unwrap();
        assert_eq!(
            (fetched.packs, fetched.objects),
            (packs, contents.len() as u64),
            "{name}"
        );
        for content in &contents {
            let object = block_on(world.repo.odb.read(&blob_id(content))).expect(name);
            assert!(*object.data == *content, "{name}");
        }
    }
}

#[test]
fn deltas_that_grow_beyond_memory_make_it_stay_a_pack() {
    let world = World::empty();
    let mut pack = PackBuilder::new();
    let base = vec![7; 60_000];
    let mut at = pack.blob(&base);
    // Each copies its base ten times over: 600 KB, 6 MB, 60 MB.
    let mut size = 60_000u32;
    for _ in 0..3 {
        let instructions = crate::pack_builder::copy(0, size).repeat(10);
        at = pack.ofs_delta(
            at,
            &crate::pack_builder::delta(size.into(), u64::from(size) * 10, &instructions),
        );
        size *= 10;
    }
    let fetched = world.fetch(&pack.finish(), &below(&world, 100)).unwrap();
    assert_eq!((fetched.packs, fetched.objects), (1, 4));
}

#[test]
fn bases_from_the_store_are_not_stored_again_and_neither_is_what_came_again() {
    let world = World::empty();
    let base = b"the base, which is stored".repeat(10);
    let mut first = PackBuilder::new();
    first.blob(&base);
    world.fetch(&first.finish(), &world.intake()).unwrap();
    let mut pack = PackBuilder::new();
    pack.ref_delta(blob_id(&base), &append(&base, b"+"));
    pack.blob(&base);
    pack.blob(b"new");
    pack.blob(b"new");
    let pack = pack.finish();
    let fetched = world.fetch(&pack, &below(&world, 100)).unwrap();
    assert_eq!((fetched.packs, fetched.objects), (0, 3), "three different ones came");
    let mut keys = world.keys(Table::Objects);
    keys.sort();
    let mut expected = [blob_id(&[&base[..], b"+"].concat()), blob_id(b"new")].map(|oid| oid.as_bytes().to_vec());
    expected.sort();
    assert_eq!(keys, expected);
    // All of it again: there is nothing to store.
    let before = world.rows();
    let again = world.fetch(&pack, &below(&world, 100)).unwrap();
    let nothing = Fetched {
        objects: 3,
        bytes: 0,
        packs: 0,
    };
    assert_eq!(again, nothing);
    assert_eq!(world.rows(), before);
}

#[test]
fn a_promisors_pack_is_kept_and_marked_however_small() {
    let world = World::empty();
    let intake = Intake {
        threads: &gitside::host::NoThreads,
        promisor: true,
        ..below(&world, 100)
    };
    let fetched = world.fetch(&blobs(2), &intake).unwrap();
    assert_eq!(fetched.packs, 1);
    assert!(world.repo.odb.packs()[0].promisor);
}

#[test]
fn the_bytes_told_are_those_stored() {
    for limit in [0, 100] {
        let world = World::empty();
        let mut pack = PackBuilder::new();
        pack.blob(&b"deflates well ".repeat(100));
        pack.whole(Kind::Tree, b"");
        let fetched = world.fetch(&pack.finish(), &below(&world, limit)).unwrap();
        let tables = [Table::Chunks, Table::Objects];
        let rows = world.rows();
        let stored = rows.iter().filter(|(table, ..)| tables.contains(table));
        let bytes: usize = stored.map(|(_, _, value)| value.len()).sum();
        assert_eq!(fetched.bytes, bytes as u64);
    }
}

#[test]
fn what_breaks_in_the_middle_of_a_small_pack_leaves_nothing() {
    let world = World::empty();
    let before = world.rows();
    let mut pack = PackBuilder::new();
    pack.blob(b"fine");
    pack.whole(Kind::Tree, b"junk");
    let error = world
        .receive(&world.writer(), &pack.finish(), &below(&world, 100))
        .err()
        .unwrap();
    assert_eq!(error.code, Code::PackInvalid);
    assert_eq!(world.rows(), before);
}

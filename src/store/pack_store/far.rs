//! Packs of which no number of 31 or 32 bits counts the bytes. Of their chunks only those are made
//! that somebody reads.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{CHUNK_BYTES, LivePack, PackSink, ReadyPack, chunk_key, chunk_len};
use crate::format::crc32::Crc32;
use crate::format::hash::hash_object;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryKind};
use crate::format::pack::{Entry, PackIndex};
use crate::format::zlib::deflate;
use crate::host::{Batch, Change, Table};
use crate::sorted::SortedMap;
use crate::store::catalog::{Catalog, Reservation};
use crate::store::index;
use crate::store::memory::MemoryStorage;
use crate::store::odb::raw::RawPlace;
use crate::store::odb::{Info, Odb, OdbLimits};
use crate::store::publish::Publication;

const GIB: u64 = 1 << 30;
const CHUNK: u64 = CHUNK_BYTES as u64;

/// What has to wait for nothing but its next turn.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
    panic!("it waits")
}

fn repository() -> Reservation {
    let storage = Rc::new(MemoryStorage::new());
    let catalog = now(Catalog::open(storage)).unwrap();
    now(catalog.reserve("far")).unwrap()
}

/// A pack in the making, with holes in it.
struct Sparse {
    entries: Vec<Entry>,
    chunks: SortedMap<u32, Vec<u8>>,
}

impl Sparse {
    /// Puts an entry somewhere. Where it begins behind the end of the one before, a blob lies between
    /// that is as large as the hole.
    fn put(&mut self, offset: u64, base: Option<u32>, inflated: &[u8], content: &[u8]) -> ObjectId {
        self.deflated(0, offset, base, inflated, content)
    }

    /// The same, deflated at that level.
    fn deflated(&mut self, level: u8, offset: u64, base: Option<u32>, inflated: &[u8], content: &[u8]) -> ObjectId {
        let end = self.entries.last().map_or(12, |last| last.offset + last.size);
        if end < offset {
            self.entries.push(Entry {
                offset: end,
                size: offset - end,
                crc32: 0,
                base: None,
                kind: Kind::Blob,
                oid: ObjectId::new([u8::try_from(self.entries.len()).unwrap(); 20]),
            });
        }
        let mut bytes = Vec::new();
        let kind = match base {
            None => EntryKind::Whole(Kind::Blob),
            Some(row) => EntryKind::OffsetDelta(offset - self.entries[row as usize].offset),
        };
        entry::write(&mut bytes, kind, inflated.len() as u64);
        bytes.extend(deflate(inflated, level));
        for (at, byte) in (offset..).zip(&bytes) {
            let chunk = self.chunks.entry(u32::try_from(at / CHUNK).unwrap());
            chunk.or_insert_with(|| vec![0; CHUNK_BYTES as usize])[(at % CHUNK) as usize] = *byte;
        }
        let oid = hash_object(Kind::Blob, content).unwrap();
        self.entries.push(Entry {
            offset,
            size: content.len() as u64,
            crc32: Crc32::of(&bytes),
            base,
            kind: Kind::Blob,
            oid,
        });
        // The next one begins where the bytes end, whatever the size of the object.
        let end = offset + bytes.len() as u64;
        self.entries.push(Entry {
            offset: end,
            size: 1,
            oid: ObjectId::new([0xf0 | u8::try_from(self.entries.len()).unwrap(); 20]),
            ..*self.entries.last().unwrap()
        });
        oid
    }

    /// Stores and publishes it.
    fn publish(self, reservation: &Reservation) -> (LivePack, PackIndex) {
        let end = self.entries.last().map_or(12, |last| last.offset + last.size);
        let index = PackIndex {
            entries: self.entries,
            checksum: ObjectId::new([7; 20]),
            bytes: end + 20,
            external: Vec::new(),
        };
        let live = LivePack::new(reservation.writer.new_pack(), &index).unwrap();
        let chunks = self.chunks.into_iter().map(|(chunk, mut bytes)| {
            bytes.truncate(chunk_len(chunk, CHUNK_BYTES, live.bytes) as usize);
            Change::Put(Table::Chunks, chunk_key(live.id, chunk), bytes)
        });
        let batch = Batch {
            changes: chunks.chain(index::rows(&live, &index)).collect(),
            ..Batch::default()
        };
        now(reservation.writer.backend().commit(batch)).unwrap();
        let mut publication = Publication::new(&reservation.writer);
        publication.pack(ReadyPack { live }).create();
        now(publication.commit()).unwrap();
        (live, index)
    }
}

/// Bytes in which nothing repeats soon.
fn bytes(length: u32) -> Vec<u8> {
    (0..length)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_be_bytes())
        .collect()
}

#[test]
fn objects_beyond_2_and_4_gib_of_a_pack_are_found_read_streamed_and_copied() {
    let reservation = repository();
    let mut pack = Sparse {
        entries: Vec::new(),
        chunks: SortedMap::new(),
    };
    let (base, large) = (b"a base".to_vec(), bytes(700_000));
    let longer = [&[6, 7, 0x90, 6, 1][..], b"!"].concat();
    let base_oid = pack.put(12, None, &base, &base);
    let mut expected = vec![(base_oid, base.clone())];
    // Across the borders, and in the last bytes of a chunk and the first of the next.
    for (at, number) in [
        (2 * GIB - 9, b'0'),
        (2 * GIB + 64, b'1'),
        (3 * GIB, b'2'),
        (4 * GIB - 9, b'3'),
        (5 * GIB, b'4'),
    ] {
        let content = [b"number ", &[number][..]].concat();
        expected.push((pack.put(at, None, &content, &content), content));
    }
    let delta = pack.put(6 * GIB - 2, Some(0), &longer, b"a base!");
    let row = u32::try_from(pack.entries.len() - 2).unwrap();
    let next = pack.put(
        11 * GIB,
        Some(row),
        &[&[7, 8, 0x90, 7, 1][..], b"?"].concat(),
        b"a base!?",
    );
    let large_oid = pack.put(12 * GIB + CHUNK - 3, None, &large, &large);
    expected.extend([
        (delta, b"a base!".to_vec()),
        (next, b"a base!?".to_vec()),
        (large_oid, large.clone()),
    ]);
    let (live, index) = pack.publish(&reservation);

    let limits = OdbLimits {
        object_bytes: 1 << 20,
        ..OdbLimits::default()
    };
    let backend = reservation.writer.backend();
    let odb = Rc::new(now(Odb::with_limits(Rc::clone(backend), limits)).unwrap());
    let whole = Rc::new(now(Odb::open(Rc::clone(backend))).unwrap());
    for (oid, content) in &expected {
        assert_eq!(*now(whole.read(oid)).unwrap().data, *content);
        let mut stream = now(odb.stream(oid)).unwrap();
        let mut streamed = Vec::new();
        while let Some(piece) = now(stream.next()).unwrap() {
            streamed.extend(piece);
        }
        assert!(streamed == *content, "{oid}");
        let at = index.entries.iter().position(|entry| entry.oid == *oid).unwrap();
        let place = RawPlace {
            oid: *oid,
            pack: live,
            offset: index.entries[at].offset,
            end: index.entries[at + 1].offset,
            crc32: index.entries[at].crc32,
        };
        let mut raw = now(odb.raw_entry(&place, place.end)).unwrap();
        // At its end the CRC-32 is compared.
        while now(raw.next()).unwrap().is_some() {}
    }
    let holes: Vec<_> = index
        .entries
        .iter()
        .filter(|entry| entry.size > u64::from(u32::MAX))
        .collect();
    assert_eq!(holes.len(), 1, "from 6 to 11 GiB");
    for hole in holes {
        let size = hole.size;
        let info = Some(Info { kind: Kind::Blob, size });
        assert_eq!(now(odb.info(&[hole.oid])), Ok(vec![info]));
        assert!(now(odb.read(&hole.oid)).is_err());
    }
    assert_eq!(now(odb.pack_index(&live)), Ok(index));
    let mut exported = now(odb.pack_bytes(&live, 5 * GIB)).unwrap();
    exported.truncate(2);
    assert_eq!(exported, [0x38, 0x78], "a blob of 8 bytes, and a zlib stream");
}

#[test]
fn a_stream_holds_a_few_pieces_however_much_a_chunk_inflates_to() {
    let reservation = repository();
    let mut pack = Sparse {
        entries: Vec::new(),
        chunks: SortedMap::new(),
    };
    let content = vec![b'z'; 40 << 20];
    let oid = pack.deflated(9, 12, None, &content, &content);
    assert_eq!(pack.chunks.len(), 1);
    pack.publish(&reservation);
    let odb = Rc::new(now(Odb::open(Rc::clone(reservation.writer.backend()))).unwrap());
    let mut stream = now(odb.stream(&oid)).unwrap();
    let mut streamed = Vec::new();
    while let Some(piece) = now(stream.next()).unwrap() {
        assert!(piece.len() + stream.held() <= 1 << 20);
        streamed.extend(piece);
    }
    assert!(streamed == content);
}

#[test]
fn a_sink_that_is_beyond_4_gib_goes_on_and_reads_back() {
    let reservation = repository();
    let writer = &reservation.writer;
    let first = u32::try_from(4 * GIB / CHUNK).unwrap() - 1;
    for keep in [0, 64 << 20] {
        let backend = Rc::clone(writer.backend());
        let mut sink = PackSink::from_chunk(backend, writer.new_pack(), keep, first);
        let content = bytes(CHUNK_BYTES);
        now(sink.write(&content)).unwrap();
        assert_eq!(sink.bytes(), 4 * GIB + 3 * CHUNK);
        let mut staged = now(sink.finish()).unwrap();
        for start in [4 * GIB - CHUNK, 4 * GIB - 1, 4 * GIB, 4 * GIB + CHUNK + 5] {
            let range = start..start + 70_000;
            if staged.get(range.clone()).is_none() {
                now(staged.load(range.clone())).unwrap();
            }
            let at = (start + CHUNK - 4 * GIB) as usize;
            assert!(
                staged.get(range).as_deref() == Some(&content[at..at + 70_000]),
                "{start}"
            );
        }
    }
}

//! An executor that notices when nothing can go on, and packs built by hand.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use gitside::format::hash::{Sha1, hash_object};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::entry::{self, EntryKind};
use gitside::format::pack::{Entry, PackIndex};
use gitside::format::zlib;
use gitside::host::Storage;
use gitside::store::catalog::{Catalog, Repository};
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a future to its end, or until nothing can wake it any more.
pub fn try_run<T>(future: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Arc::clone(&flag).into();
    let mut future = pin!(future);
    while flag.0.swap(false, Ordering::SeqCst) {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
    }
    None
}

/// Runs a future to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    try_run(future).expect("the future hangs")
}

/// A generator of numbers, the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// A pack under construction.
pub struct PackBuilder {
    pub bytes: Vec<u8>,
    pub entries: Vec<Entry>,
    pub contents: Vec<Vec<u8>>,
}

impl PackBuilder {
    pub fn new() -> Self {
        PackBuilder {
            bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(),
            entries: Vec::new(),
            contents: Vec::new(),
        }
    }

    fn add(&mut self, header: EntryKind, kind: Kind, base: Option<u32>, stored: &[u8], content: Vec<u8>) -> ObjectId {
        let offset = self.bytes.len();
        entry::write(&mut self.bytes, header, stored.len() as u64);
        self.bytes.extend(zlib::deflate(stored, 1));
        let oid = hash_object(kind, &content).unwrap();
        self.entries.push(Entry {
            offset: offset as u64,
            size: content.len() as u64,
            crc32: crc32fast::hash(&self.bytes[offset..]),
            base,
            kind,
            oid,
        });
        self.contents.push(content);
        oid
    }

    pub fn whole(&mut self, kind: Kind, content: &[u8]) -> ObjectId {
        self.add(EntryKind::Whole(kind), kind, None, content, content.to_vec())
    }

    /// The base's content with `more` at its end.
    pub fn longer(&mut self, base: usize, more: &[u8], by_id: bool) -> ObjectId {
        self.delta(base, self.contents[base].len(), more, by_id)
    }

    /// The first bytes of the base's content, then `more`.
    pub fn delta(&mut self, base: usize, length: usize, more: &[u8], by_id: bool) -> ObjectId {
        let mut content = self.contents[base][..length].to_vec();
        content.extend_from_slice(more);
        let mut delta = varint(self.contents[base].len());
        delta.extend(varint(content.len()));
        let mut copied = 0;
        while copied < length {
            let count = (length - copied).min(0xffff);
            delta.push(0x80 | 0x0f | 0x30);
            delta.extend_from_slice(&(copied as u32).to_le_bytes());
            delta.extend_from_slice(&(count as u16).to_le_bytes());
            copied += count;
        }
        for insert in more.chunks(127) {
            delta.push(insert.len() as u8);
            delta.extend_from_slice(insert);
        }
        let at = self.entries[base];
        let header = match by_id {
            true => EntryKind::RefDelta(at.oid),
            false => EntryKind::OffsetDelta(self.bytes.len() as u64 - at.offset),
        };
        self.add(header, at.kind, Some(base as u32), &delta, content)
    }

    pub fn finish(mut self) -> (Vec<u8>, PackIndex) {
        let count = self.entries.len() as u32;
        self.bytes[8..12].copy_from_slice(&count.to_be_bytes());
        let mut sha1 = Sha1::new();
        sha1.update(&self.bytes);
        let checksum = ObjectId::new(sha1.finish());
        self.bytes.extend_from_slice(checksum.as_bytes());
        let index = PackIndex {
            entries: self.entries,
            checksum,
            bytes: self.bytes.len() as u64,
            external: Vec::new(),
        };
        (self.bytes, index)
    }
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A ref that holds an object and must not exist yet.
pub fn new_ref(name: &str, oid: ObjectId) -> RefUpdate {
    RefUpdate {
        name: name.into(),
        expect: Some(None),
        new: Some(Target::Direct(oid)),
        peeled: None,
    }
}

/// `main` at the first object of the pack, and HEAD at `main`.
pub fn first_refs(publication: &mut Publication<'_>, index: &PackIndex) {
    publication.update(new_ref("refs/heads/main", index.entries[0].oid));
    publication.update(RefUpdate {
        name: b"HEAD".to_vec(),
        expect: None,
        new: Some(Target::Symbolic(b"refs/heads/main".to_vec())),
        peeled: None,
    });
}

/// Makes a repository of one pack and one branch.
pub async fn clone(storage: &Rc<dyn Storage>, name: &str, pack: &[u8], index: &PackIndex) -> Repository {
    let catalog = Catalog::open(Rc::clone(storage)).await.unwrap();
    let reservation = catalog.reserve(name).await.unwrap();
    let writer = &reservation.writer;
    let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 1 << 20);
    for bytes in pack.chunks(100_000) {
        sink.write(bytes).await.unwrap();
    }
    let ready = sink.finish().await.unwrap().write_index(index).await.unwrap();
    let mut publication = Publication::new(writer);
    publication.create().pack(ready);
    first_refs(&mut publication, index);
    publication.commit().await.unwrap();
    catalog.confirm(reservation).await.unwrap()
}

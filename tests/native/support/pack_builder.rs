//! Builds packs byte by byte, right ones and wrong ones. Streams are stored blocks, so that
//! building fifty thousand entries takes no time.

use gitside::format::hash::{Sha1, hash_object};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::entry::{self, EntryKind};
use gitside::format::varint::write_size;

/// A pack that is being built.
pub struct PackBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl PackBuilder {
    pub fn new() -> Self {
        Self::version(2)
    }

    pub fn version(version: u32) -> Self {
        let mut bytes = b"PACK".to_vec();
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        PackBuilder { bytes, count: 0 }
    }

    /// Where the next entry starts.
    pub fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds an entry made of any bytes.
    pub fn raw(&mut self, bytes: &[u8]) -> u64 {
        let offset = self.offset();
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
        offset
    }

    /// Adds an entry with that header and stream.
    pub fn entry(&mut self, kind: EntryKind, size: u64, stream: &[u8]) -> u64 {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, kind, size);
        bytes.extend_from_slice(stream);
        self.raw(&bytes)
    }

    pub fn whole(&mut self, kind: Kind, content: &[u8]) -> u64 {
        self.entry(EntryKind::Whole(kind), content.len() as u64, &stored(content))
    }

    pub fn blob(&mut self, content: &[u8]) -> u64 {
        self.whole(Kind::Blob, content)
    }

    pub fn ofs_delta(&mut self, base: u64, delta: &[u8]) -> u64 {
        let distance = self.offset() - base;
        self.entry(EntryKind::OffsetDelta(distance), delta.len() as u64, &stored(delta))
    }

    pub fn ref_delta(&mut self, base: ObjectId, delta: &[u8]) -> u64 {
        self.entry(EntryKind::RefDelta(base), delta.len() as u64, &stored(delta))
    }

    /// The pack, its count and its trailer right.
    pub fn finish(self) -> Vec<u8> {
        let count = self.count;
        self.finish_with(count)
    }

    /// The pack with another count in its header; the trailer right.
    pub fn finish_with(mut self, count: u32) -> Vec<u8> {
        self.bytes[8..12].copy_from_slice(&count.to_be_bytes());
        seal(&mut self.bytes);
        self.bytes
    }
}

/// Appends the trailer.
pub fn seal(bytes: &mut Vec<u8>) {
    let mut hash = Sha1::new();
    hash.update(bytes);
    bytes.extend_from_slice(&hash.finish());
}

/// Replaces the trailer by the right one.
pub fn reseal(pack: &mut Vec<u8>) {
    pack.truncate(pack.len() - 20);
    seal(pack);
}

/// A zlib stream of stored blocks.
pub fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xffff).peekable();
    if content.is_empty() {
        stream.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend_from_slice(&adler32(content).to_be_bytes());
    stream
}

pub fn adler32(content: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    b << 16 | a
}

pub fn blob_id(content: &[u8]) -> ObjectId {
    hash_object(Kind::Blob, content).unwrap()
}

/// A delta: the two sizes, then instructions.
pub fn delta(base: u64, result: u64, instructions: &[u8]) -> Vec<u8> {
    let mut delta = Vec::new();
    write_size(&mut delta, base, 0);
    write_size(&mut delta, result, 0);
    delta.extend_from_slice(instructions);
    delta
}

pub fn insert(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8], bytes].concat()
}

/// A copy with all its operands written out; a size of 0x10000 is written as 0.
pub fn copy(offset: u32, size: u32) -> Vec<u8> {
    let size = if size == 0x10000 { 0 } else { size };
    [&[0xff][..], &offset.to_le_bytes(), &size.to_le_bytes()[..3]].concat()
}

/// A delta that appends `tail` to a base of at most 64 KiB.
pub fn append(base: &[u8], tail: &[u8]) -> Vec<u8> {
    let instructions = [copy(0, base.len() as u32), insert(tail)].concat();
    delta(base.len() as u64, (base.len() + tail.len()) as u64, &instructions)
}

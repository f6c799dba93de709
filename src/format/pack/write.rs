//! Writes packs: gitformat-pack(5). Which objects, in which order and as what, is for others to say.

use crate::format::crc32::Crc32;
use crate::format::hash::Sha1;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryKind};
use crate::format::zlib;

/// The level git packs at unless told otherwise (`core.compression` -1, which zlib takes as 6).
pub const LEVEL: u8 = 6;

/// Writes a pack into buffers of its caller, entry by entry: begin, the entries, finish. The caller
/// gives as many as it has announced, and may empty the buffer whenever it likes.
pub struct PackWriter {
    hash: Sha1,
    /// Of the entry that was written last.
    crc: Crc32,
    bytes: u64,
}

impl PackWriter {
    /// Starts a pack of `count` objects and appends its header to `out`.
    pub fn begin(count: u32, out: &mut Vec<u8>) -> Self {
        let mut writer = PackWriter {
            hash: Sha1::new(),
            crc: Crc32::default(),
            bytes: 0,
        };
        writer.stream(b"PACK\0\0\0\x02", out);
        writer.stream(&count.to_be_bytes(), out);
        writer
    }

    /// Bytes so far: where the next entry starts.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// CRC-32 of the entry that was written last.
    pub fn crc32(&self) -> u32 {
        self.crc.value()
    }

    /// Appends an object, whole.
    pub fn object(&mut self, kind: Kind, content: &[u8], out: &mut Vec<u8>) {
        self.header(EntryKind::Whole(kind), content.len() as u64, out);
        self.stream(&zlib::deflate(content, LEVEL), out);
    }

    /// Appends the header of an entry whose content, an object's or a delta, has `size` bytes. Its
    /// zlib stream follows ([`PackWriter::stream`]).
    pub fn header(&mut self, kind: EntryKind, size: u64, out: &mut Vec<u8>) {
        self.crc = Crc32::default();
        let start = out.len();
        entry::write(out, kind, size);
        self.note(start, out);
    }

    /// Appends bytes of an entry's zlib stream.
    pub fn stream(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(bytes);
        self.note(start, out);
    }

    /// Appends the trailer, and answers with it.
    pub fn finish(self, out: &mut Vec<u8>) -> ObjectId {
        let trailer = ObjectId::new(self.hash.finish());
        out.extend_from_slice(trailer.as_bytes());
        trailer
    }

    /// Takes account of what was appended.
    fn note(&mut self, start: usize, out: &[u8]) {
        let bytes = out.get(start..).unwrap_or_default();
        self.hash.update(bytes);
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

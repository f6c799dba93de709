//! Writes packs of whole objects: gitformat-pack(5). No deltas.

use crate::format::hash::Sha1;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryKind};
use crate::format::zlib;

/// The level git packs at unless told otherwise (`core.compression` -1, which zlib takes as 6).
const LEVEL: u8 = 6;

/// Writes a pack into buffers of its caller, object by object: begin, the objects, finish. The
/// caller gives as many objects as it has announced.
pub struct PackWriter {
    hash: Sha1,
}

impl PackWriter {
    /// Starts a pack of `count` objects and appends its header to `out`.
    pub fn begin(count: u32, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(b"PACK\0\0\0\x02");
        out.extend_from_slice(&count.to_be_bytes());
        let mut hash = Sha1::new();
        hash.update(out.get(start..).unwrap_or_default());
        PackWriter { hash }
    }

    /// Appends an object.
    pub fn object(&mut self, kind: Kind, content: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        entry::write(out, EntryKind::Whole(kind), content.len() as u64);
        out.extend_from_slice(&zlib::deflate(content, LEVEL));
        self.hash.update(out.get(start..).unwrap_or_default());
    }

    /// Appends the trailer, and answers with it.
    pub fn finish(self, out: &mut Vec<u8>) -> ObjectId {
        let trailer = ObjectId::new(self.hash.finish());
        out.extend_from_slice(trailer.as_bytes());
        trailer
    }
}

//! Pack indexes: gitformat-pack(5), "Version 2 pack-*.idx files".
//!
//! ```text
//! "\377tOc" | 2: u32 | fanout: u32 * 256 | ids, ascending | CRC-32s | offsets: u32 | large offsets: u64
//!     | the pack's checksum | SHA-1 of all that
//! ```

use crate::format::hash::Sha1;
use crate::format::oid::ObjectId;
use crate::format::pack::{Entry, PackIndex};

/// Offsets beyond this go to the table of large offsets, as in `write_idx_file()` of git's
/// `pack-write.c`.
const LARGEST_SMALL_OFFSET: u64 = 0x7fff_ffff;

const LARGE: u32 = 0x8000_0000;

/// Writes the index of a pack as `git index-pack` does, byte for byte, in pieces. A thin pack has
/// no index before its bases were appended: [`PackIndex::external`] is not looked at.
pub fn write_idx(index: &PackIndex, mut sink: impl FnMut(&[u8])) {
    let sorted = sorted(&index.entries);
    let mut out = Out {
        sink: &mut sink,
        hash: Sha1::new(),
        buffer: Vec::with_capacity(FLUSH + 64),
    };
    out.write(b"\xfftOc\0\0\0\x02");
    let mut fanout = [0u32; 256];
    for entry in &sorted {
        if let Some(count) = fanout.get_mut(usize::from(entry.oid.first_byte())) {
            *count += 1;
        }
    }
    let mut total = 0u32;
    for count in fanout {
        total += count;
        out.write(&total.to_be_bytes());
    }
    for entry in &sorted {
        out.write(entry.oid.as_bytes());
    }
    for entry in &sorted {
        out.write(&entry.crc32.to_be_bytes());
    }
    let mut large = Vec::new();
    for entry in &sorted {
        let offset = match u32::try_from(entry.offset) {
            Ok(offset) if entry.offset <= LARGEST_SMALL_OFFSET => offset,
            _ => {
                large.push(entry.offset);
                LARGE | u32::try_from(large.len() - 1).unwrap_or(LARGE - 1)
            }
        };
        out.write(&offset.to_be_bytes());
    }
    for offset in large {
        out.write(&offset.to_be_bytes());
    }
    out.write(index.checksum.as_bytes());
    out.flush();
    let own = ObjectId::new(out.hash.finish());
    sink(own.as_bytes());
}

/// By id; copies of one object stay in the order of the pack.
fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.oid);
    sorted
}

/// Pieces of the sink are of this size.
const FLUSH: usize = 64 << 10;

struct Out<'a> {
    sink: &'a mut dyn FnMut(&[u8]),
    hash: Sha1,
    buffer: Vec<u8>,
}

impl Out<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= FLUSH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.hash.update(&self.buffer);
        (self.sink)(&self.buffer);
        self.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::object::Kind;

    #[test]
    fn offsets_beyond_31_bits_go_to_the_table_of_large_offsets() {
        let entry = |first, offset| Entry {
            offset,
            size: 0,
            crc32: 0,
            base: None,
            kind: Kind::Blob,
            oid: ObjectId::new([first; 20]),
        };
        let index = PackIndex {
            entries: vec![
                entry(9, 12),
                entry(5, 0x7fff_ffff),
                entry(7, 0x8000_0000),
                entry(1, 1 << 40),
            ],
            checksum: ObjectId::NULL,
            bytes: 1 << 41,
            external: Vec::new(),
        };
        let mut idx = Vec::new();
        write_idx(&index, |bytes| idx.extend_from_slice(bytes));
        let offsets = 8 + 1024 + 4 * 20 + 4 * 4;
        let expected = [
            &0x8000_0000u32.to_be_bytes()[..],
            &0x7fff_ffffu32.to_be_bytes(),
            &0x8000_0001u32.to_be_bytes(),
            &12u32.to_be_bytes(),
            &(1u64 << 40).to_be_bytes(),
            &0x8000_0000u64.to_be_bytes(),
        ]
        .concat();
        assert_eq!(idx[offsets..offsets + expected.len()], expected);
        assert_eq!(idx.len(), offsets + expected.len() + 40);
    }
}

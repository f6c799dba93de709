//! The header of a pack entry: gitformat-pack(5), "Object entries".
//!
//! ```text
//! 1 bit    3 bits  4 bits       7 bits each          20 bytes, or 7 bits each
//! +------+--------+----------+--------------------+----------------------------------+
//! | more |  type  |   size   |   rest of the size | base id (7) or distance back (6) |
//! +------+--------+----------+--------------------+----------------------------------+
//! ```

use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::varint::{Varint, read_offset, read_size, write_offset, write_size};

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// An object.
    Whole(Kind),
    /// A delta against the entry that starts so many bytes before this one.
    OffsetDelta(u64),
    /// A delta against the object of that id.
    RefDelta(ObjectId),
}

/// The header of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// What follows.
    pub kind: EntryKind,
    /// The size of what follows, inflated, in bytes: of the object, or of the delta.
    pub size: u64,
    /// The length of the header in bytes.
    pub length: usize,
}

/// A header that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// Type 0 or 5.
    Type(u8),
    /// A size or distance of more than 64 bits.
    Overflow,
}

/// Reads the header at the start of `bytes`; `None` if it does not end there. A header has at most
/// 30 bytes.
pub fn read(bytes: &[u8]) -> Result<Option<EntryHeader>, EntryError> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let number = first >> 4 & 7;
    if matches!(number, 0 | 5) {
        return Err(EntryError::Type(number));
    }
    let (size, used) = if first & 0x80 == 0 {
        (u64::from(first & 15), 0)
    } else {
        match read_size(rest, u64::from(first & 15), 4) {
            Varint::Value(size, used) => (size, used),
            Varint::More => return Ok(None),
            Varint::Overflow => return Err(EntryError::Overflow),
        }
    };
    let rest = rest.get(used..).unwrap_or_default();
    let (kind, more) = match Kind::from_number(number) {
        Some(kind) => (EntryKind::Whole(kind), 0),
        None if number == 6 => match read_offset(rest) {
            Varint::Value(distance, length) => (EntryKind::OffsetDelta(distance), length),
            Varint::More => return Ok(None),
            Varint::Overflow => return Err(EntryError::Overflow),
        },
        None => match rest.get(..OID_LEN).and_then(ObjectId::from_bytes) {
            Some(base) => (EntryKind::RefDelta(base), OID_LEN),
            None => return Ok(None),
        },
    };
    Ok(Some(EntryHeader {
        kind,
        size,
        length: 1 + used + more,
    }))
}

/// Appends a header; [`EntryHeader::length`] is not looked at.
pub fn write(out: &mut Vec<u8>, kind: EntryKind, size: u64) {
    let number = match kind {
        EntryKind::Whole(Kind::Commit) => 1,
        EntryKind::Whole(Kind::Tree) => 2,
        EntryKind::Whole(Kind::Blob) => 3,
        EntryKind::Whole(Kind::Tag) => 4,
        EntryKind::OffsetDelta(_) => 6,
        EntryKind::RefDelta(_) => 7u8,
    };
    let [low, ..] = size.to_le_bytes();
    let first = number << 4 | (low & 15);
    if size < 16 {
        out.push(first);
    } else {
        out.push(first | 0x80);
        write_size(out, size, 4);
    }
    match kind {
        EntryKind::Whole(_) => {}
        EntryKind::OffsetDelta(distance) => write_offset(out, distance),
        EntryKind::RefDelta(base) => out.extend_from_slice(base.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn headers_round_trip_and_ask_for_more_at_every_cut() {
        let base = ObjectId::new([9; OID_LEN]);
        for kind in [
            EntryKind::Whole(Kind::Commit),
            EntryKind::Whole(Kind::Tag),
            EntryKind::OffsetDelta(1),
            EntryKind::OffsetDelta(u64::MAX),
            EntryKind::RefDelta(base),
        ] {
            for size in [0, 15, 16, 2047, 2048, 1 << 32, u64::MAX] {
                let mut bytes = Vec::new();
                write(&mut bytes, kind, size);
                let length = bytes.len();
                assert!(length <= 30);
                let header = EntryHeader { kind, size, length };
                bytes.extend_from_slice(b"zlib");
                assert_eq!(read(&bytes), Ok(Some(header)));
                for cut in 0..length {
                    assert_eq!(read(&bytes[..cut]), Ok(None), "{header:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn types_0_and_5_are_refused() {
        assert_eq!(read(&[0x00]), Err(EntryError::Type(0)));
        assert_eq!(read(&[0xd3]), Err(EntryError::Type(5)));
    }

    #[test]
    fn sizes_and_distances_beyond_64_bits_are_refused() {
        let size = [&[0xbf][..], &[0xff; 8], &[0x1f]].concat();
        assert_eq!(read(&size), Err(EntryError::Overflow));
        let distance = [&[0x61][..], &[0xff; 10]].concat();
        assert_eq!(read(&distance), Err(EntryError::Overflow));
    }
}

//! A part of a pack that can be resolved by itself, and how it travels to another thread.
//!
//! ```text
//! count: u32 | entry * count | bytes of all entries, one after the other
//! entry: offset: u64 | length: u64 | size: u64 | base row: u32 or 2^32 - 1 | kind: u8 | id
//! ```
//!
//! Rows count within the portion; offsets are those of the pack, so that errors say where in the
//! pack something is wrong.

use std::borrow::Cow;
use std::ops::Range;

use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::error::PackError;
use crate::format::pack::resolve::{DeltaResolver, PackBytes};
use crate::format::pack::scan::ScannedPack;
use crate::format::pack::tree::NONE;
use crate::format::pack::{Entry, Limits};
use crate::format::reader::Reader;

/// What a delta turned out to be.
pub type Named = (Kind, ObjectId);

/// Some entries of a pack, with every base they are made from.
#[derive(Debug, PartialEq, Eq)]
pub struct Portion {
    entries: Vec<Entry>,
    /// Where each entry ends in the pack.
    ends: Vec<u64>,
    /// Where each entry starts in `bytes`.
    starts: Vec<u64>,
    bytes: Vec<u8>,
}

impl Portion {
    pub(super) fn new(entries: Vec<Entry>, ends: Vec<u64>, bytes: Vec<u8>) -> Self {
        let mut at = 0u64;
        let lengths = entries.iter().zip(&ends);
        let starts = lengths.map(|(entry, end)| {
            let start = at;
            at = at.saturating_add(end.saturating_sub(entry.offset));
            start
        });
        Portion {
            starts: starts.collect(),
            entries,
            ends,
            bytes,
        }
    }

    /// A resolver for it, which reads its bytes.
    pub fn resolver(&self, limits: Limits) -> Result<DeltaResolver, PackError> {
        let deltas = self.entries.iter().filter(|entry| entry.base.is_some()).count();
        let pack = ScannedPack {
            entries: self.entries.clone(),
            ends: self.ends.clone(),
            deltas: u32::try_from(deltas).map_err(|_| PackError::Misuse)?,
            resolved_bytes: self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size)),
            ..ScannedPack::default()
        };
        DeltaResolver::new(pack, limits)
    }

    /// As bytes, after those of `head`.
    pub fn to_bytes(&self, head: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(head.len() + 4 + self.entries.len() * ENTRY_LEN + self.bytes.len());
        out.extend_from_slice(head);
        out.extend_from_slice(&u32::try_from(self.entries.len()).unwrap_or(NONE).to_be_bytes());
        for (entry, end) in self.entries.iter().zip(&self.ends) {
            for number in [entry.offset, end.saturating_sub(entry.offset), entry.size] {
                out.extend_from_slice(&number.to_be_bytes());
            }
            out.extend_from_slice(&entry.base.unwrap_or(NONE).to_be_bytes());
            out.push(entry.kind as u8);
            out.extend_from_slice(entry.oid.as_bytes());
        }
        out.extend_from_slice(&self.bytes);
        out
    }

    /// From bytes; `None` if they are none of [`Portion::to_bytes`].
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = u32::from_be_bytes(reader.array()?);
        let (mut entries, mut ends, mut total) = (Vec::new(), Vec::new(), 0u64);
        for row in 0..count {
            let offset = u64::from_be_bytes(reader.array()?);
            let length = u64::from_be_bytes(reader.array()?);
            let size = u64::from_be_bytes(reader.array()?);
            let base = u32::from_be_bytes(reader.array()?);
            entries.push(Entry {
                offset,
                size,
                crc32: 0,
                base: if base < row {
                    Some(base)
                } else if base == NONE {
                    None
                } else {
                    return None;
                },
                kind: Kind::from_number(reader.byte()?)?,
                oid: ObjectId::new(reader.array::<OID_LEN>()?),
            });
            ends.push(offset.checked_add(length)?);
            total = total.checked_add(length)?;
        }
        (total == reader.rest().len() as u64).then(|| Portion::new(entries, ends, reader.rest().to_vec()))
    }
}

const ENTRY_LEN: usize = 8 * 3 + 4 + 1 + OID_LEN;

impl PackBytes for Portion {
    /// Answers for ranges within one entry: the bytes between entries are not here.
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        let row = self
            .entries
            .partition_point(|entry| entry.offset <= range.start)
            .checked_sub(1)?;
        let (entry, start) = (self.entries.get(row)?, self.starts.get(row)?);
        if range.end > *self.ends.get(row)? {
            return None;
        }
        let place = |at: u64| usize::try_from(at.checked_sub(entry.offset)?.checked_add(*start)?).ok();
        self.bytes
            .get(place(range.start)?..place(range.end)?)
            .map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn entry(offset: u64, base: Option<u32>) -> Entry {
        Entry {
            offset,
            size: 7,
            crc32: 0,
            base,
            kind: Kind::Tree,
            oid: ObjectId::new([u8::try_from(offset % 251).unwrap(); 20]),
        }
    }

    fn sample() -> Portion {
        let far = 1 << 40;
        let entries = vec![entry(12, None), entry(20, Some(0)), entry(far, Some(1))];
        Portion::new(entries, vec![15, 22, far + 4], b"abcdeWXYZ".to_vec())
    }

    #[test]
    fn a_portion_travels_and_every_truncation_is_refused() {
        let bytes = sample().to_bytes(b"");
        assert_eq!(Portion::parse(&bytes), Some(sample()));
        for length in 0..bytes.len() {
            assert_eq!(Portion::parse(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(Portion::parse(&[&bytes[..], b"x"].concat()), None);
    }

    #[test]
    fn a_base_is_an_earlier_row() {
        let mut portion = sample();
        portion.entries[1].base = Some(1);
        assert_eq!(Portion::parse(&portion.to_bytes(b"")), None);
    }

    #[test]
    fn bytes_are_those_of_one_entry() {
        let portion = sample();
        let far = 1 << 40;
        let get = |range| portion.get(range).map(Cow::into_owned);
        assert_eq!(get(12..15), Some(b"abc".to_vec()));
        assert_eq!(get(20..22), Some(b"de".to_vec()));
        assert_eq!(get(far + 1..far + 4), Some(b"XYZ".to_vec()));
        for nowhere in [0..3, 12..16, 16..18, 12..22, far..far + 5] {
            assert_eq!(get(nowhere.clone()), None, "{nowhere:?}");
        }
    }
}

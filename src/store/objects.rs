//! Objects stored one row each: what was made here, and what small fetches brought (git's loose
//! objects, and its `fetch.unpackLimit`).
//!
//! ```text
//! table objects   key: oid
//!   offset 0   'O', layout u8 (1), kind u8, encoding u8 (0 as is, 1 zlib), size u64
//!         12   CRC-32 of the key and of the 12 bytes before
//!         16   the content
//! ```
//!
//! The checksum covers what is believed without reading the content: kind and size. The content is
//! hashed.

use super::error::{Fault, StoreError};
use super::odb::{Info, Object};
use super::row;
use crate::format::hash;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::zlib::{self, Inflater};
use crate::host::{Change, Read, Table};

/// Bytes before the content.
const HEADER: usize = 16;

/// Smaller content is not worth the time.
const DEFLATE_FROM: usize = 128;

/// git's default for loose objects (`core.looseCompression`) is 1: best speed.
const LEVEL: u8 = 1;

/// An object in the shape in which it is stored, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyObject {
    oid: ObjectId,
    row: Vec<u8>,
}

impl ReadyObject {
    /// Deflates the content where that makes it smaller. The caller has hashed it.
    pub fn new(oid: ObjectId, kind: Kind, content: &[u8]) -> Self {
        let deflated = (content.len() >= DEFLATE_FROM).then(|| zlib::deflate(content, LEVEL));
        let deflated = deflated.filter(|deflated| deflated.len() < content.len());
        let mut row = vec![b'O', 1, kind as u8, u8::from(deflated.is_some())];
        row.extend_from_slice(&(content.len() as u64).to_be_bytes());
        let checksum = row::checksum(oid.as_bytes(), &row);
        row.extend_from_slice(&checksum.to_be_bytes());
        row.extend_from_slice(deflated.as_deref().unwrap_or(content));
        ReadyObject { oid, row }
    }

    /// Its name.
    pub fn oid(&self) -> ObjectId {
        self.oid
    }

    /// Bytes it takes in storage.
    pub fn bytes(&self) -> u64 {
        self.row.len() as u64
    }

    pub(crate) fn put(self) -> Change {
        Change::Put(Table::Objects, self.oid.as_bytes().to_vec(), self.row)
    }
}

/// Reads the whole row.
pub(crate) fn read(oid: &ObjectId) -> Read {
    Read {
        table: Table::Objects,
        key: oid.as_bytes().to_vec(),
        range: None,
    }
}

/// Reads what [`info`] needs.
pub(crate) fn read_info(oid: &ObjectId) -> Read {
    Read {
        range: Some(0..HEADER as u64),
        ..read(oid)
    }
}

/// Kind and size, of a row or of its first bytes.
pub(crate) fn info(oid: &ObjectId, row: &[u8]) -> Result<Info, StoreError> {
    Ok(header(oid, row)?.0)
}

fn header<'a>(oid: &ObjectId, row: &'a [u8]) -> Result<(Info, u8, &'a [u8]), StoreError> {
    let fail = |fault| StoreError::Object { oid: *oid, fault };
    let (front, content) = row.split_first_chunk::<HEADER>().ok_or(fail(Fault::Length))?;
    let (front, checksum) = front.split_last_chunk::<4>().ok_or(fail(Fault::Length))?;
    if row::checksum(oid.as_bytes(), front) != u32::from_be_bytes(*checksum) {
        return Err(fail(Fault::Checksum));
    }
    match front {
        [b'O', 1, kind, encoding, size @ ..] => {
            let kind = Kind::from_number(*kind).ok_or(fail(Fault::Layout))?;
            let size = size.first_chunk::<8>().ok_or(fail(Fault::Length))?;
            let size = u64::from_be_bytes(*size);
            Ok((Info { kind, size }, *encoding, content))
        }
        _ => Err(fail(Fault::Layout)),
    }
}

/// The object, its bytes hashed.
pub(crate) fn parse(oid: &ObjectId, row: &[u8], limit: u64, inflater: &mut Inflater) -> Result<Object, StoreError> {
    let (info, encoding, content) = header(oid, row)?;
    if info.size > limit {
        return Err(StoreError::TooLarge {
            oid: *oid,
            size: info.size,
            limit,
        });
    }
    let data = match encoding {
        0 => content.to_vec(),
        1 => {
            let mut data = Vec::new();
            let inflated = inflater.inflate(content, info.size, &mut data);
            inflated.map_err(|_| StoreError::Object {
                oid: *oid,
                fault: Fault::Inflate,
            })?;
            data
        }
        _ => {
            return Err(StoreError::Object {
                oid: *oid,
                fault: Fault::Layout,
            });
        }
    };
    verify(oid, info.kind, &data)?;
    Ok(Object {
        kind: info.kind,
        data: data.into(),
    })
}

/// Fails unless the content hashes to the id.
pub(crate) fn verify(oid: &ObjectId, kind: Kind, content: &[u8]) -> Result<(), StoreError> {
    let fault = match hash::hash_object(kind, content) {
        Ok(found) if found == *oid => return Ok(()),
        Ok(_) => Fault::Hash,
        Err(_) => Fault::Collision,
    };
    Err(StoreError::Object { oid: *oid, fault })
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn sample(content: &[u8]) -> (ObjectId, Vec<u8>) {
        let oid = hash::hash_object(Kind::Blob, content).unwrap();
        match ReadyObject::new(oid, Kind::Blob, content).put() {
            Change::Put(Table::Objects, key, row) if key == oid.as_bytes() => (oid, row),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_object_is_read_back_and_text_is_stored_deflated() {
        for content in [b"".to_vec(), b"hello\n".to_vec(), b"the same words ".repeat(400)] {
            let (oid, row) = sample(&content);
            assert!(row.len() <= HEADER + content.len());
            assert!(content.len() < 1000 || row.len() < 200, "{} bytes", row.len());
            let object = parse(&oid, &row, 1 << 20, &mut Inflater::new()).unwrap();
            assert_eq!((object.kind, &**object.data), (Kind::Blob, &content[..]));
            let expected = Info {
                kind: Kind::Blob,
                size: content.len() as u64,
            };
            assert_eq!(info(&oid, &row[..HEADER]), Ok(expected));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_row_is_a_typed_error_or_the_right_object() {
        // One for all: what is damaged leaves nothing behind.
        let mut inflater = Inflater::new();
        for content in [b"hello\n".to_vec(), b"the same words ".repeat(40)] {
            let (oid, row) = sample(&content);
            for at in 0..row.len() * 8 {
                let mut damaged = row.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                match parse(&oid, &damaged, 1 << 20, &mut inflater) {
                    Ok(object) => assert_eq!(**object.data, content, "bit {at}"),
                    Err(error) => assert!(matches!(error, StoreError::Object { .. }), "bit {at}: {error:?}"),
                }
            }
            for at in 0..row.len() {
                assert!(parse(&oid, &row[..at], 1 << 20, &mut inflater).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn an_object_over_the_limit_is_not_read() {
        let (oid, row) = sample(&[7; 300]);
        let expected = StoreError::TooLarge {
            oid,
            size: 300,
            limit: 299,
        };
        assert_eq!(parse(&oid, &row, 299, &mut Inflater::new()), Err(expected));
    }
}

//! The envelope of every row that has structure, and the reader of what is inside. Rows come back
//! from a place that does not detect damage and that other scripts of the same origin can write
//! to, so they are parsed as untrusted input.
//!
//! ```text
//! offset  0      1        2                       n-4        n
//!         +------+--------+------------------------+----------+
//!         | kind | layout | body                   | CRC-32   |
//!         +------+--------+------------------------+----------+
//! ```
//!
//! Numbers are big-endian. The CRC-32 (the one of zlib) covers the row's key, then the row up to
//! the checksum: a row that stands under another row's key is found out too. It guards against
//! damage, not against forgery; what an object's bytes are worth is decided by hashing them.

use super::error::{Fault, StoreError};
use crate::format::crc32::Crc32;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::Table;

/// The layout this build writes and reads.
const LAYOUT: u8 = 1;

/// Builds a row.
pub(crate) fn seal(kind: u8, key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(body.len() + 6);
    row.push(kind);
    row.push(LAYOUT);
    row.extend_from_slice(body);
    let checksum = checksum(key, &row);
    row.extend_from_slice(&checksum.to_be_bytes());
    row
}

/// Checks a row and reads its body.
pub(crate) fn open<'a>(kind: u8, table: Table, key: &'a [u8], row: &'a [u8]) -> Result<RowReader<'a>, StoreError> {
    let fail = |fault| StoreError::Row {
        table,
        key: key.to_vec(),
        fault,
    };
    let (front, stored) = row.split_last_chunk::<4>().ok_or_else(|| fail(Fault::Length))?;
    if checksum(key, front) != u32::from_be_bytes(*stored) {
        return Err(fail(Fault::Checksum));
    }
    match front {
        [found, LAYOUT, body @ ..] if *found == kind => Ok(RowReader { table, key, body }),
        _ => Err(fail(Fault::Layout)),
    }
}

/// The checksum of a row under a key.
pub(crate) fn checksum(key: &[u8], row: &[u8]) -> u32 {
    let mut crc = Crc32::default();
    crc.update(key);
    crc.update(row);
    crc.value()
}

/// Reads a row's body from front to back. Every step fails with a typed error rather than past
/// the end.
pub(crate) struct RowReader<'a> {
    table: Table,
    key: &'a [u8],
    body: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// An error about this row.
    pub(crate) fn fail(&self, fault: Fault) -> StoreError {
        StoreError::Row {
            table: self.table,
            key: self.key.to_vec(),
            fault,
        }
    }

    /// What is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.body)
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self
            .body
            .split_at_checked(count)
            .ok_or_else(|| self.fail(Fault::Length))?;
        self.body = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (taken, rest) = self
            .body
            .split_first_chunk::<N>()
            .ok_or_else(|| self.fail(Fault::Length))?;
        self.body = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Result<u8, StoreError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// An object id.
    pub(crate) fn oid(&mut self) -> Result<ObjectId, StoreError> {
        Ok(ObjectId::new(self.array::<OID_LEN>()?))
    }

    /// Bytes preceded by their count (four bytes).
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], StoreError> {
        let count = self.u32()?;
        let count = usize::try_from(count).map_err(|_| self.fail(Fault::Length))?;
        self.bytes(count)
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.body.len()
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Fails unless everything was read.
    pub(crate) fn end(&self) -> Result<(), StoreError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.fail(Fault::Length))
        }
    }
}

/// Appends bytes preceded by their count, for [`RowReader::counted`].
pub(crate) fn put_counted(body: &mut Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
    let count = u32::try_from(bytes.len()).map_err(|_| StoreError::Limit { what: "bytes in a row" })?;
    body.extend_from_slice(&count.to_be_bytes());
    body.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn read(row: &[u8]) -> Result<(u8, u32, u64, ObjectId, Vec<u8>), StoreError> {
        let mut body = open(b'T', Table::Meta, b"key", row)?;
        let read = (
            body.u8()?,
            body.u32()?,
            body.u64()?,
            body.oid()?,
            body.counted()?.to_vec(),
        );
        body.end()?;
        Ok(read)
    }

    fn sample() -> Vec<u8> {
        let mut body = vec![7, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        body.extend_from_slice(&[0xab; 20]);
        put_counted(&mut body, b"text").unwrap();
        seal(b'T', b"key", &body)
    }

    #[test]
    fn what_was_sealed_is_read_back() {
        let expected = (7, 256, 9, ObjectId::new([0xab; 20]), b"text".to_vec());
        assert_eq!(read(&sample()), Ok(expected));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_found() {
        let row = sample();
        for at in 0..row.len() {
            for bit in 0..8 {
                let mut damaged = row.clone();
                damaged[at] ^= 1 << bit;
                assert!(read(&damaged).is_err(), "byte {at} bit {bit}");
            }
            assert!(read(&row[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_row_under_another_key_or_of_another_kind_is_refused() {
        let row = sample();
        assert!(matches!(
            open(b'T', Table::Meta, b"kez", &row),
            Err(StoreError::Row {
                fault: Fault::Checksum,
                ..
            })
        ));
        assert!(matches!(
            open(b'U', Table::Meta, b"key", &row),
            Err(StoreError::Row {
                fault: Fault::Layout,
                ..
            })
        ));
    }

    #[test]
    fn a_body_longer_than_what_is_read_is_refused() {
        let row = seal(b'T', b"key", &[0; 64]);
        assert!(matches!(
            read(&row),
            Err(StoreError::Row {
                fault: Fault::Length,
                ..
            })
        ));
    }
}

//! A pack that came whole and is worked on: its bytes are read for its deltas, bases it is thin of
//! are appended, its index rows are written.

use std::borrow::Cow;
use std::ops::Range;

use super::sink::PackSink;
use super::tail::Tail;
use super::{LivePack, ReadyPack};
use crate::format::pack::PackIndex;
use crate::format::pack::resolve::PackBytes;
use crate::host::{Batch, Change};
use crate::store::error::StoreError;
use crate::store::{index, manifest};

/// Bytes of index rows written in one transaction: a few milliseconds of work, after which the event
/// loop gets its turn.
const INDEX_BATCH_BYTES: usize = 192 << 10;

/// A pack that came to its end and that nobody sees yet. Its bytes are stored, or held in memory
/// ([`PackSink::hold`]).
pub struct StagedPack {
    pub(super) sink: PackSink,
    /// What was appended.
    pub(super) tail: Option<Tail>,
}

impl StagedPack {
    pub(super) fn new(sink: PackSink) -> Self {
        StagedPack { sink, tail: None }
    }

    /// The pack's length as it came.
    pub fn bytes(&self) -> u64 {
        self.sink.bytes
    }

    /// The bytes of `range`, if they are in memory: what the delta resolver's [`PackBytes`] asks.
    pub fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        self.sink.get(range)
    }

    /// Loads what [`StagedPack::get`] needs to answer for `range`, at the price of other chunks.
    pub async fn load(&mut self, range: Range<u64>) -> Result<(), StoreError> {
        self.sink.load(&[range]).await
    }

    /// The bytes of some ranges, one after the other. What is not in memory is loaded, a few chunks
    /// in one transaction, so ranges had best be in order.
    pub async fn gather(&mut self, ranges: &[Range<u64>]) -> Result<Vec<u8>, StoreError> {
        let mut gathered = Vec::new();
        for (number, range) in ranges.iter().enumerate() {
            let piece = match self.get(range.clone()) {
                Some(piece) => piece,
                None => {
                    self.sink.load(ranges.get(number..).unwrap_or_default()).await?;
                    self.get(range.clone()).ok_or(StoreError::Limit { what: "chunks" })?
                }
            };
            gathered.extend_from_slice(&piece);
        }
        Ok(gathered)
    }

    /// Stores what was held back.
    pub async fn store(&mut self) -> Result<(), StoreError> {
        self.sink.flush().await
    }

    /// Writes the index rows, which nobody sees yet either.
    pub async fn write_index(mut self, pack: &PackIndex) -> Result<ReadyPack, StoreError> {
        if pack.bytes != self.sink.bytes || self.tail.is_some() {
            return Err(StoreError::Limit {
                what: "bytes in the index",
            });
        }
        // A chain may not leave its pack: what is thin has to be completed first.
        if !pack.external.is_empty() {
            return Err(StoreError::Limit {
                what: "bases outside the pack",
            });
        }
        self.store().await?;
        self.sink.window.clear();
        let live = LivePack::new(self.sink.id, pack)?;
        let mut batch = Batch::default();
        let mut bytes = 0;
        for change in index::rows(&live, pack) {
            if let Change::Put(_, key, row) = &change {
                bytes += key.len() + row.len();
            }
            batch.changes.push(change);
            if bytes >= INDEX_BATCH_BYTES {
                self.sink.start(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        if !batch.changes.is_empty() {
            self.sink.start(batch).await?;
        }
        self.sink.settle(0).await?;
        Ok(ReadyPack { live })
    }

    /// Removes the pack's rows.
    pub async fn discard(self) -> Result<(), StoreError> {
        manifest::remove_rows(&*self.sink.backend, self.sink.id).await
    }
}

impl PackBytes for StagedPack {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        StagedPack::get(self, range)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::format::object::Kind;
    use crate::format::oid::{OID_LEN, ObjectId};
    use crate::format::pack::Entry;
    use crate::host::{Async, Backend, Read, Row, StorageError, Table};
    use crate::store::pack_store::PackId;

    /// Notes how many bytes of index rows each transaction has.
    #[derive(Default)]
    struct Scales(RefCell<Vec<usize>>);

    impl Backend for Scales {
        fn get_many<'a>(&'a self, _: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
            panic!("nothing is read")
        }

        fn list<'a>(
            &'a self,
            _: Table,
            _: &'a [u8],
            _: Option<&'a [u8]>,
            _: usize,
        ) -> Async<'a, Result<Vec<Row>, StorageError>> {
            panic!("nothing is read")
        }

        fn list_keys<'a>(
            &'a self,
            _: Table,
            _: &'a [u8],
            _: Option<&'a [u8]>,
            _: usize,
        ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
            panic!("nothing is read")
        }

        fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
            let bytes = |change: &Change| match change {
                Change::Put(Table::Index, _, row) => row.len(),
                _ => 0,
            };
            self.0.borrow_mut().push(batch.changes.iter().map(bytes).sum());
            Box::pin(std::future::ready(Ok(())))
        }

        fn close(&self) {}
    }

    #[test]
    fn no_transaction_has_many_index_rows_and_together_they_have_all() {
        const OBJECTS: u32 = 100_000;
        let entries = (0..OBJECTS).map(|row| Entry {
            offset: 12 + u64::from(row),
            size: 1,
            crc32: row,
            base: None,
            kind: Kind::Blob,
            oid: ObjectId::new(std::array::from_fn(|at| {
                (row.wrapping_mul(2_654_435_761) >> (at % 4 * 8)) as u8
            })),
        });
        let index = PackIndex {
            entries: entries.collect(),
            checksum: ObjectId::NULL,
            bytes: 12 + u64::from(OBJECTS) + OID_LEN as u64,
            external: Vec::new(),
        };
        let scales = Rc::new(Scales::default());
        let work = async {
            let mut sink = PackSink::new(scales.clone(), PackId::new(1, 1), 0);
            sink.write(&vec![0; usize::try_from(index.bytes).unwrap()]).await?;
            sink.finish().await?.write_index(&index).await
        };
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(work).poll(&mut context).is_ready());
        let bytes = scales.0.borrow();
        let (most, all): (usize, usize) = (*bytes.iter().max().unwrap(), bytes.iter().sum());
        assert!(most < INDEX_BATCH_BYTES + (64 << 10), "{most} bytes");
        // A shard has 32 bytes for each object, a block 45.
        assert!(all > OBJECTS as usize * 77, "{all} bytes");
    }
}

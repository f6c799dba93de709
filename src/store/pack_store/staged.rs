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
const INDEX_BATCH_BYTES: usize = 256 << 10;

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

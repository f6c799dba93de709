//! Pack bytes on their way to storage.

use std::borrow::Cow;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

use super::staged::StagedPack;
use super::window::Window;
use super::{CHUNK_BYTES, PackId, assemble, chunk_key, chunk_len, chunks_of, damaged_chunk, read_chunk};
use crate::host::{Async, Backend, Batch, Change, Read, StorageError, Table};
use crate::store::error::StoreError;
use crate::store::meta;

/// Chunks of a pack written in one transaction: a MiB.
const BATCH_CHUNKS: usize = 4;

/// Chunks read in one transaction, unless a single range has more: 4 MiB.
const LOAD_CHUNKS: usize = 16;

/// Transactions on their way to storage at a time.
const IN_FLIGHT: usize = 2;

/// Bytes in memory of a pack that is read back from storage. Its deltas are resolved nearly in the
/// order of the pack: one of 440 MB and a million objects is read back 1.2 times.
const REREAD: usize = 32 << 20;

/// Takes a pack's bytes as they arrive and writes them in chunks, a few transactions at a time.
pub struct PackSink {
    pub(super) backend: Rc<dyn Backend>,
    pub(super) id: PackId,
    pub(super) bytes: u64,
    /// The number of the next chunk.
    pub(super) chunks: u32,
    /// The chunk that is being filled.
    pub(super) buffer: Vec<u8>,
    /// Chunks that wait for their transaction.
    batch: Vec<Change>,
    in_flight: Vec<Async<'static, Result<(), StorageError>>>,
    /// All chunks so far, while it has room for them; of a longer pack the first, and then those
    /// that were read back.
    pub(super) window: Window,
    /// Nothing is sent before more bytes than that have come.
    hold: u64,
}

impl PackSink {
    /// A sink for a new pack. If it has no more than `keep` bytes, all of it stays in memory until its
    /// deltas are resolved; of a longer one little does, and it is read back from storage.
    pub fn new(backend: Rc<dyn Backend>, id: PackId, keep: usize) -> Self {
        Self::from_chunk(backend, id, keep, 0)
    }

    /// A sink for what follows in a pack from that chunk on.
    pub(super) fn from_chunk(backend: Rc<dyn Backend>, id: PackId, keep: usize, chunk: u32) -> Self {
        PackSink {
            backend,
            id,
            bytes: u64::from(chunk) * u64::from(CHUNK_BYTES),
            chunks: chunk,
            buffer: Vec::new(),
            batch: Vec::new(),
            in_flight: Vec::new(),
            window: Window::new(keep),
            hold: 0,
        }
    }

    /// Says that a pack of up to so many bytes may turn out not to be wanted as a pack: it stays in
    /// memory, beside what the window keeps, until more bytes come, the sink holds fewer, or the
    /// pack is [stored](StagedPack::store).
    pub fn hold(&mut self, bytes: u64) {
        self.hold = bytes;
    }

    /// Keeps less of the pack in memory, for whoever learns that there is less room.
    pub fn keep(&mut self, bytes: usize) {
        self.window.shrink(bytes.max(REREAD));
    }

    /// Takes the next bytes. Resolves when few enough are on their way to storage.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let room = (CHUNK_BYTES as usize).saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            self.bytes += now.len() as u64;
            bytes = later;
            if self.buffer.len() >= CHUNK_BYTES as usize {
                self.end_chunk()?;
                self.send(BATCH_CHUNKS).await?;
            }
        }
        Ok(())
    }

    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Resolves when everything is stored that is not held back.
    pub async fn finish(mut self) -> Result<StagedPack, StoreError> {
        if !self.buffer.is_empty() {
            self.end_chunk()?;
        }
        self.send(1).await?;
        self.settle(0).await?;
        Ok(StagedPack::new(self))
    }

    /// The bytes of `range`, if the window has them.
    pub(super) fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        if range.end > self.bytes {
            return None;
        }
        assemble(&range, CHUNK_BYTES, |chunk| self.window.get(chunk))
    }

    /// Reads stored chunks into the window: those the first range needs, and of those the others
    /// need the first few.
    pub(super) async fn load(&mut self, ranges: &[Range<u64>]) -> Result<(), StoreError> {
        let mut wanted: Vec<u32> = Vec::new();
        for (number, range) in ranges.iter().enumerate() {
            let chunks = chunks_of(range, CHUNK_BYTES).ok_or(StoreError::Limit { what: "chunks" })?;
            let missing = chunks.filter(|chunk| !self.window.has(*chunk) && !wanted.contains(chunk));
            let missing: Vec<u32> = missing.collect();
            if number > 0 && wanted.len() + missing.len() > LOAD_CHUNKS {
                break;
            }
            wanted.extend(missing);
        }
        self.window.pin(ranges.first().cloned().unwrap_or_default());
        let reads: Vec<Read> = wanted.iter().map(|chunk| read_chunk(self.id, *chunk)).collect();
        let rows = self.backend.get_many(&reads).await?;
        for (chunk, row) in wanted.into_iter().zip(rows) {
            let row = row.filter(|row| row.len() as u64 == chunk_len(chunk, CHUNK_BYTES, self.bytes));
            match row {
                Some(row) => self.window.insert(chunk, &row),
                None => return Err(damaged_chunk(self.id, chunk)),
            }
        }
        Ok(())
    }

    /// Stores whatever was held back, except for the chunk that is being filled.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        self.hold = 0;
        self.send(1).await?;
        self.settle(0).await
    }

    fn end_chunk(&mut self) -> Result<(), StoreError> {
        let chunk = std::mem::take(&mut self.buffer);
        if self.window.has_room(chunk.len()) {
            self.window.insert(self.chunks, &chunk);
        } else {
            self.window.shrink(REREAD);
        }
        let key = chunk_key(self.id, self.chunks);
        self.chunks = self.chunks.checked_add(1).ok_or(StoreError::Limit { what: "chunks" })?;
        self.batch.push(Change::Put(Table::Chunks, key, chunk));
        Ok(())
    }

    /// Sends the chunks that wait, as long as there are at least so many.
    async fn send(&mut self, at_least: usize) -> Result<(), StoreError> {
        while self.bytes > self.hold && self.batch.len() >= at_least.max(1) {
            let later = self.batch.split_off(BATCH_CHUNKS.min(self.batch.len()));
            let batch = Batch {
                expect: Vec::new(),
                changes: std::mem::replace(&mut self.batch, later),
                // What a ref will lead to is on the disk before the ref is. Costs nothing that could
                // be measured on chunks of this size.
                durable: true,
            };
            self.start(batch).await?;
        }
        Ok(())
    }

    /// Starts a transaction, as soon as few enough are under way.
    pub(super) async fn start(&mut self, mut batch: Batch) -> Result<(), StoreError> {
        batch.changes.insert(0, meta::put_staged());
        self.settle(IN_FLIGHT - 1).await?;
        let backend = Rc::clone(&self.backend);
        self.in_flight
            .push(Box::pin(async move { backend.commit(batch).await }));
        // Polled once, so that it is under way while what follows comes about.
        self.settle(IN_FLIGHT).await
    }

    /// Resolves when at most so many transactions are under way.
    pub(super) async fn settle(&mut self, at_most: usize) -> Result<(), StoreError> {
        poll_fn(|context| {
            let mut failure = None;
            self.in_flight.retain_mut(|commit| match commit.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(error)) => {
                    failure.get_or_insert(error);
                    false
                }
            });
            match failure {
                Some(error) => Poll::Ready(Err(error.into())),
                None if self.in_flight.len() <= at_most => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await
    }
}

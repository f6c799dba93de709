//! A file of the commit-graph on its way to storage. It counts only once the list names it.

use std::rc::Rc;

use super::{PIECE, chunk_key};
use crate::host::{Backend, Batch, Change, Table};
use crate::store::error::StoreError;
use crate::store::meta;
use crate::store::pack_store::PackId;
use crate::store::row;

/// Pieces written in one transaction: a MiB.
const TOGETHER: usize = 4;

/// Takes a file's bytes and writes them piece by piece.
pub(crate) struct FileSink {
    backend: Rc<dyn Backend>,
    id: PackId,
    pieces: u32,
    buffer: Vec<u8>,
    waiting: Vec<Change>,
}

impl FileSink {
    /// A sink for a new file. For the holder of the writer's lock.
    pub(crate) fn new(backend: Rc<dyn Backend>, id: PackId) -> Self {
        FileSink {
            backend,
            id,
            pieces: 0,
            buffer: Vec::new(),
            waiting: vec![meta::put_staged()],
        }
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        let piece = usize::try_from(PIECE).unwrap_or(usize::MAX);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at((piece - self.buffer.len()).min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == piece {
                self.end_piece()?;
                if self.waiting.len() > TOGETHER {
                    self.send().await?;
                }
            }
        }
        Ok(())
    }

    /// Resolves when all is stored.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        if !self.buffer.is_empty() {
            self.end_piece()?;
        }
        self.send().await
    }

    fn end_piece(&mut self) -> Result<(), StoreError> {
        let key = chunk_key(self.id, self.pieces);
        self.pieces = self.pieces.checked_add(1).ok_or(StoreError::Limit { what: "pieces" })?;
        let row = row::seal(b'L', &key, &std::mem::take(&mut self.buffer));
        self.waiting.push(Change::Put(Table::Chunks, key, row));
        Ok(())
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        let batch = Batch {
            expect: Vec::new(),
            changes: std::mem::replace(&mut self.waiting, vec![meta::put_staged()]),
            // What is lost is found to be missing, and made again.
            durable: false,
        };
        Ok(self.backend.commit(batch).await?)
    }
}

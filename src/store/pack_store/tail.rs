//! What is appended to a pack that came thin, and the pack's end and beginning written anew, as
//! `conclude_pack()` of git's `index-pack.c` does with `fixup_pack_header_footer()`.
//!
//! ```text
//! before   "PACK" version count  | entries | trailer
//! after    "PACK" version count' | entries | appended entries | trailer'
//! ```
//!
//! Rows are only ever written whole. The chunk in which the old trailer began is kept in memory
//! until the end, so that the pack can be read as it came while its deltas are resolved; the
//! chunks after it are written as they fill. The count stands at the very front of what is hashed
//! and is known last, so all bytes are hashed again: those in memory from there, the others out of
//! storage. Their old trailer is checked on the way.

use std::rc::Rc;

use super::sink::PackSink;
use super::staged::StagedPack;
use super::{CHUNK_BYTES, chunk_key, damaged_chunk};
use crate::format::hash::Sha1;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::{Batch, Change, Table};
use crate::store::error::{Fault, StoreError};

/// Bytes of what is appended that stay in memory to be hashed.
const KEEP: usize = 8 << 20;

/// Chunks hashed in one step, and read together where they are not in memory.
const CHUNKS_AT_A_TIME: u32 = 4;

/// Where the count stands in the header.
const COUNT: std::ops::Range<usize> = 8..12;

/// What follows the entries as they came.
pub(super) struct Tail {
    /// Where the old trailer began.
    start: u64,
    /// The chunk it began in.
    first: u32,
    /// That chunk without the trailer, and what was appended to it.
    head: Vec<u8>,
    /// The chunks after it.
    rest: PackSink,
}

impl Tail {
    fn bytes(&self) -> u64 {
        // The rest counts from the end of the full head on.
        let room = (CHUNK_BYTES as usize).saturating_sub(self.head.len());
        self.rest.bytes() - room as u64
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let room = (CHUNK_BYTES as usize).saturating_sub(self.head.len());
        let (here, beyond) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(here);
        self.rest.write(beyond).await
    }
}

impl StagedPack {
    /// Appends an entry in place of the trailer; answers its offset. The pack has to be
    /// [ended anew](StagedPack::rehash) after the last one.
    pub async fn append(&mut self, entry: &[u8]) -> Result<u64, StoreError> {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            None => {
                let tail = self.cut().await?;
                self.tail.insert(tail)
            }
        };
        let offset = tail.bytes();
        tail.write(entry).await?;
        Ok(offset)
    }

    /// Cuts the trailer off.
    async fn cut(&mut self) -> Result<Tail, StoreError> {
        self.store().await?;
        let (id, backend) = (self.sink.id, Rc::clone(&self.sink.backend));
        let too_many = StoreError::Limit { what: "chunks" };
        let start = self.sink.bytes.saturating_sub(OID_LEN as u64);
        let first = u32::try_from(start / u64::from(CHUNK_BYTES)).map_err(|_| too_many.clone())?;
        let range = u64::from(first) * u64::from(CHUNK_BYTES)..start;
        if self.get(range.clone()).is_none() {
            self.load(range.clone()).await?;
        }
        let head = self.get(range).ok_or_else(|| damaged_chunk(id, first))?.into_owned();
        let next = first.checked_add(1).ok_or(too_many)?;
        let rest = PackSink::from_chunk(backend, id, KEEP, next);
        Ok(Tail {
            start,
            first,
            head,
            rest,
        })
    }

    /// Ends a pack to which entries were appended. `checksum` is the trailer it came with,
    /// `objects` the number it has now.
    pub async fn rehash(mut self, checksum: ObjectId, objects: u32) -> Result<Rehash, StoreError> {
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => self.cut().await?,
        };
        tail.rest.flush().await?;
        Ok(Rehash {
            staged: self,
            tail,
            checksum,
            count: objects.to_be_bytes(),
            next: 0,
            front: Vec::new(),
            old: Sha1::new(),
            new: Sha1::new(),
        })
    }
}

/// A pack that is being hashed with its new count: [`Rehash::step`] until it answers false, then
/// [`Rehash::finish`].
pub struct Rehash {
    staged: StagedPack,
    tail: Tail,
    checksum: ObjectId,
    count: [u8; 4],
    /// The next chunk to hash.
    next: u32,
    /// The first chunk, where it is not the one the tail begins in.
    front: Vec<u8>,
    old: Sha1,
    new: Sha1,
}

impl Rehash {
    /// Hashes about a MiB; whether there is more to hash. Fails if the bytes are not those of the
    /// old trailer.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let first = self.tail.first;
        if self.next < first {
            let (mut bytes, end) = piece(&mut self.staged.sink, self.next, first).await?;
            self.old.update(&bytes);
            if self.next == 0 {
                set_count(&mut bytes, self.count);
                self.front = bytes.get(..CHUNK_BYTES as usize).unwrap_or(&bytes).to_vec();
            }
            self.new.update(&bytes);
            self.next = end;
            return Ok(true);
        }
        if self.next == first {
            let kept = self.tail.start % u64::from(CHUNK_BYTES);
            let kept = usize::try_from(kept).unwrap_or(usize::MAX);
            self.old.update(self.tail.head.get(..kept).unwrap_or_default());
            if ObjectId::new(self.old.finish()) != self.checksum {
                return Err(StoreError::Row {
                    table: Table::Chunks,
                    key: chunk_key(self.staged.sink.id, first),
                    fault: Fault::Checksum,
                });
            }
            if first == 0 {
                set_count(&mut self.tail.head, self.count);
            }
            self.new.update(&self.tail.head);
            self.next = first.saturating_add(1);
            return Ok(true);
        }
        let rest = &mut self.tail.rest;
        if self.next < rest.chunks {
            let end = rest.chunks;
            let (bytes, end) = piece(rest, self.next, end).await?;
            self.new.update(&bytes);
            self.next = end;
            return Ok(true);
        }
        self.new.update(&rest.buffer);
        Ok(false)
    }

    /// Writes the new trailer and the chunks that changed. Answers the pack and its trailer, once
    /// [`Rehash::step`] has answered false.
    pub async fn finish(self) -> Result<(StagedPack, ObjectId), StoreError> {
        let Rehash {
            mut staged,
            mut tail,
            front,
            new,
            ..
        } = self;
        let checksum = ObjectId::new(new.finish());
        tail.write(checksum.as_bytes()).await?;
        let bytes = tail.bytes();
        let id = staged.sink.id;
        let put = |chunk, row| Change::Put(Table::Chunks, chunk_key(id, chunk), row);
        let mut changes = vec![put(tail.first, tail.head)];
        if !front.is_empty() {
            changes.push(put(0, front));
        }
        let batch = Batch {
            expect: Vec::new(),
            changes,
            durable: true,
        };
        staged.sink.backend.commit(batch).await?;
        tail.rest.finish().await?;
        staged.sink.bytes = bytes;
        staged.sink.window.clear();
        Ok((staged, checksum))
    }
}

/// Some chunks from `next` on, and the number of the one after them.
async fn piece(sink: &mut PackSink, next: u32, end: u32) -> Result<(Vec<u8>, u32), StoreError> {
    let end = next.saturating_add(CHUNKS_AT_A_TIME).min(end);
    let range = u64::from(next) * u64::from(CHUNK_BYTES)..u64::from(end) * u64::from(CHUNK_BYTES);
    if sink.get(range.clone()).is_none() {
        sink.load(std::slice::from_ref(&range)).await?;
    }
    let bytes = sink.get(range).ok_or_else(|| damaged_chunk(sink.id, next))?;
    Ok((bytes.into_owned(), end))
}

fn set_count(front: &mut [u8], count: [u8; 4]) {
    if let Some(place) = front.get_mut(COUNT) {
        place.copy_from_slice(&count);
    }
}

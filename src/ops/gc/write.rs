//! Writes a planned pack: entries are copied as they are stored (`write_reuse_object()` in git's
//! `builtin/pack-objects.c`), chunk by chunk, or deflated anew. What is copied is held against the
//! CRC-32 of its index, what is inflated is hashed: damage does not get into the new pack.

use std::collections::VecDeque;

use super::plan::{Form, Planned};
use crate::error::{Outcome, Stage};
use crate::format::hash::Sha1;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryHeader, EntryKind};
use crate::format::pack::{Entry, PackIndex};
use crate::format::zlib;
use crate::ops::fault::At;
use crate::store::odb::Odb;
use crate::store::odb::census::Census;
use crate::store::pack_store::{LivePack, PackId, PackSink, ReadyPack};
use crate::store::publish::Writer;
use crate::store::{Fault, StoreError};
use crate::task::{Progress, Task};

/// The level git packs at unless told otherwise (`core.compression` -1, which zlib takes as 6).
const LEVEL: u8 = 6;

/// Bytes of the longest header of an entry.
const HEADER: usize = 30;

/// Objects between two reports of progress: a report is a message to another thread.
const REPORT_EVERY: u64 = 256;

/// A pack that is being written.
pub(super) struct PackOut<'a> {
    task: &'a Task,
    odb: &'a Odb,
    census: &'a Census,
    sink: PackSink,
    hash: Sha1,
    /// Of the entry being written.
    crc: crc32fast::Hasher,
    entries: Vec<Entry>,
}

impl<'a> PackOut<'a> {
    /// Starts a pack of so many objects.
    pub(super) async fn begin(
        task: &'a Task,
        odb: &'a Odb,
        census: &'a Census,
        writer: &Writer,
        id: PackId,
        objects: usize,
    ) -> Outcome<PackOut<'a>> {
        let count = u32::try_from(objects).map_err(|_| StoreError::Limit { what: "objects" });
        let count = count.at(Stage::Update)?;
        let mut out = PackOut {
            task,
            odb,
            census,
            sink: PackSink::new(writer.backend().clone(), id, 0),
            hash: Sha1::new(),
            crc: crc32fast::Hasher::new(),
            entries: Vec::with_capacity(objects),
        };
        out.emit(b"PACK\0\0\0\x02").await?;
        out.emit(&count.to_be_bytes()).await?;
        Ok(out)
    }

    /// Writes the entries, which are as many as were announced, the trailer and the index.
    pub(super) async fn write(mut self, plan: &[Planned], progress: &mut Progress) -> Outcome<ReadyPack> {
        let mut fresh = Fresh::new(plan);
        let before = progress.bytes.unwrap_or(0);
        for planned in plan {
            let offset = self.sink.bytes();
            self.crc = crc32fast::Hasher::new();
            let base = match planned.form {
                Form::Verbatim => {
                    self.copy(planned.number, None).await?;
                    None
                }
                Form::Delta(base) => {
                    self.copy(planned.number, Some(self.distance(base, offset))).await?;
                    Some(base)
                }
                Form::Whole => {
                    let (kind, content) = fresh.next(self.odb, self.census).await.at(Stage::Read)?;
                    self.whole(kind, &content).await?;
                    None
                }
            };
            let stored = self.census.get(planned.number);
            self.entries.push(Entry {
                offset,
                size: stored.size,
                crc32: self.crc.clone().finalize(),
                base,
                kind: stored.kind,
                oid: stored.oid,
            });
            progress.loaded += 1;
            progress.bytes = Some(before + self.sink.bytes());
            if progress.loaded.is_multiple_of(REPORT_EVERY) || Some(progress.loaded) == progress.total {
                self.task.progress(*progress);
            }
            self.task.checkpoint().await?;
        }
        let checksum = ObjectId::new(self.hash.finish());
        self.sink.write(checksum.as_bytes()).await.at(Stage::Update)?;
        let index = PackIndex {
            entries: self.entries,
            checksum,
            bytes: self.sink.bytes(),
            external: Vec::new(),
        };
        let staged = self.sink.finish().await.at(Stage::Update)?;
        staged.write_index(&index).await.at(Stage::Update)
    }

    /// How far back the entry of a row is.
    fn distance(&self, base: u32, offset: u64) -> u64 {
        let base = usize::try_from(base).ok().and_then(|base| self.entries.get(base));
        offset - base.map_or(0, |base| base.offset)
    }

    /// Copies an entry; a delta gets a new header, against what is so far back.
    async fn copy(&mut self, number: u32, distance: Option<u64>) -> Outcome<()> {
        let census = self.census;
        let (stored, end) = (census.get(number), census.end(number));
        let fail = |fault| {
            let oid = stored.oid;
            Err(StoreError::Object { oid, fault }).at(Stage::Read)
        };
        let Some(pack) = census.place(number).1.pack else {
            return fail(Fault::Absent);
        };
        let Some((header, bytes)) = self.header(&pack, stored.offset, end).await? else {
            return fail(Fault::Layout);
        };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes);
        match (header.kind, distance) {
            (EntryKind::Whole(kind), None) if kind == stored.kind && header.size == stored.size => {
                self.emit(&bytes).await?;
            }
            (EntryKind::OffsetDelta(_) | EntryKind::RefDelta(_), Some(distance)) => {
                let mut anew = Vec::with_capacity(HEADER);
                entry::write(&mut anew, EntryKind::OffsetDelta(distance), header.size);
                self.emit(&anew).await?;
            }
            _ => return fail(Fault::Inconsistent("is not what its index says")),
        }
        let mut at = stored.offset + bytes.len() as u64;
        while at < end {
            let (chunk, within) = self.odb.chunk_at(&pack, at).await.at(Stage::Read)?;
            let rest = chunk.get(within..).unwrap_or_default();
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let piece = rest.get(..left).unwrap_or(rest);
            crc.update(piece);
            self.emit(piece).await?;
            at += piece.len() as u64;
            self.task.checkpoint().await?;
        }
        if crc.finalize() != stored.crc32 {
            return fail(Fault::Checksum);
        }
        Ok(())
    }

    /// The header of an entry, and its bytes; `None` if it is none.
    async fn header(&self, pack: &LivePack, offset: u64, end: u64) -> Outcome<Option<(EntryHeader, Vec<u8>)>> {
        // It may lie across two chunks.
        let mut bytes = Vec::with_capacity(2 * HEADER);
        while bytes.len() < HEADER && offset + (bytes.len() as u64) < end {
            let at = offset + bytes.len() as u64;
            let (chunk, within) = self.odb.chunk_at(pack, at).await.at(Stage::Read)?;
            let rest = chunk.get(within..).unwrap_or_default();
            let left = usize::try_from(end - at).unwrap_or(usize::MAX).min(HEADER);
            bytes.extend_from_slice(rest.get(..left).unwrap_or(rest));
        }
        let Ok(Some(header)) = entry::read(&bytes) else {
            return Ok(None);
        };
        bytes.truncate(header.length);
        Ok(Some((header, bytes)))
    }

    async fn whole(&mut self, kind: Kind, content: &[u8]) -> Outcome<()> {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, EntryKind::Whole(kind), content.len() as u64);
        bytes.extend_from_slice(&zlib::deflate(content, LEVEL));
        self.emit(&bytes).await
    }

    async fn emit(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.hash.update(bytes);
        self.crc.update(bytes);
        self.sink.write(bytes).await.at(Stage::Update)
    }
}

/// The contents of the objects that are deflated anew, read some at a time.
struct Fresh {
    /// Those not read yet.
    numbers: VecDeque<u32>,
    read: VecDeque<crate::store::odb::Object>,
}

impl Fresh {
    fn new(plan: &[Planned]) -> Self {
        let whole = plan.iter().filter(|planned| planned.form == Form::Whole);
        Fresh {
            numbers: whole.map(|planned| planned.number).collect(),
            read: VecDeque::new(),
        }
    }

    async fn next(&mut self, odb: &Odb, census: &Census) -> Result<(Kind, std::rc::Rc<Vec<u8>>), StoreError> {
        if self.read.is_empty() {
            let batch = census.batch(&mut self.numbers);
            self.read = census.read(odb, &batch).await?.into();
        }
        let object = self.read.pop_front().ok_or(StoreError::Limit { what: "objects" })?;
        Ok((object.kind, object.data))
    }
}

//! Writes a planned pack: entries are copied as they are stored (`write_reuse_object()` in git's
//! `builtin/pack-objects.c`), chunk by chunk, or deflated anew. What is copied is held against the
//! CRC-32 of its index, what is inflated is hashed: damage does not get into the new pack.

use std::collections::VecDeque;

use super::plan::{Form, Planned};
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::pack::entry::EntryKind;
use crate::format::pack::write::PackWriter;
use crate::format::pack::{Entry, PackIndex};
use crate::ops::fault::At;
use crate::store::odb::Odb;
use crate::store::odb::census::Census;
use crate::store::odb::raw::RawPlace;
use crate::store::pack_store::{PackId, PackSink, ReadyPack};
use crate::store::publish::Writer;
use crate::store::{Fault, StoreError};
use crate::task::{Progress, Task};

/// Objects between two reports of progress: a report is a message to another thread.
const REPORT_EVERY: u64 = 256;

/// A pack that is being written.
pub(super) struct PackOut<'a> {
    task: &'a Task,
    odb: &'a Odb,
    census: &'a Census,
    sink: PackSink,
    pack: PackWriter,
    /// What is not in the sink yet.
    buffer: Vec<u8>,
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
        let mut buffer = Vec::new();
        Ok(PackOut {
            task,
            odb,
            census,
            sink: PackSink::new(writer.backend().clone(), id, 0),
            pack: PackWriter::begin(count, &mut buffer),
            buffer,
            entries: Vec::with_capacity(objects),
        })
    }

    /// Writes the entries, which are as many as were announced, the trailer and the index.
    pub(super) async fn write(mut self, plan: &[Planned], progress: &mut Progress) -> Outcome<ReadyPack> {
        let mut fresh = Fresh::new(plan);
        let before = progress.bytes.unwrap_or(0);
        for planned in plan {
            let offset = self.pack.bytes();
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
                crc32: self.pack.crc32(),
                base,
                kind: stored.kind,
                oid: stored.oid,
            });
            progress.loaded += 1;
            progress.bytes = Some(before + self.pack.bytes());
            if progress.loaded.is_multiple_of(REPORT_EVERY) || Some(progress.loaded) == progress.total {
                self.task.progress(*progress);
            }
            self.task.checkpoint().await?;
        }
        let checksum = self.pack.finish(&mut self.buffer);
        self.sink.write(&self.buffer).await.at(Stage::Update)?;
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
        let stored = census.get(number);
        let oid = stored.oid;
        let fail = |fault| Err(StoreError::Object { oid, fault }).at(Stage::Read);
        let Some(pack) = census.place(number).1.pack else {
            return fail(Fault::Absent);
        };
        let place = RawPlace {
            oid,
            pack,
            offset: stored.offset,
            end: census.end(number),
            crc32: stored.crc32,
        };
        let mut entry = self.odb.raw_entry(&place, pack.bytes).await.at(Stage::Read)?;
        let header = entry.header();
        let kind = match (header.kind, distance) {
            (EntryKind::Whole(kind), None) if kind == stored.kind && header.size == stored.size => header.kind,
            (EntryKind::OffsetDelta(_) | EntryKind::RefDelta(_), Some(distance)) => EntryKind::OffsetDelta(distance),
            _ => return fail(Fault::Inconsistent("is not what its index says")),
        };
        self.pack.header(kind, header.size, &mut self.buffer);
        while let Some(piece) = entry.next().await.at(Stage::Read)? {
            self.pack.stream(piece.bytes(), &mut self.buffer);
            self.flush().await?;
            self.task.checkpoint().await?;
        }
        Ok(())
    }

    async fn whole(&mut self, kind: Kind, content: &[u8]) -> Outcome<()> {
        self.pack.object(kind, content, &mut self.buffer);
        self.flush().await
    }

    async fn flush(&mut self) -> Outcome<()> {
        self.sink.write(&self.buffer).await.at(Stage::Update)?;
        self.buffer.clear();
        Ok(())
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

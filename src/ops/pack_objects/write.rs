//! A pack on its way into the body of a request.

use crate::error::{Code, Failure, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{EntryHeader, EntryKind};
use crate::format::pack::write::PackWriter;
use crate::format::zlib::Deflater;
use crate::host::{HttpError, Parts};
use crate::ops::fault::At;
use crate::store::odb::Odb;
use crate::store::odb::raw::RawPlace;
use crate::store::{Fault, StoreError};
use crate::task::Task;

/// Bytes that are handed over at a time.
const PART: usize = 1 << 20;

/// Content that is deflated between two checkpoints.
const PIECE: usize = 64 << 10;

/// Entries of more bytes are copied piece by piece.
const GATHERED: u64 = 1 << 20;

/// Writes entries.
pub(super) struct Out<'a> {
    task: &'a Task,
    odb: &'a Odb,
    parts: &'a mut dyn Parts,
    pack: PackWriter,
    buffer: Vec<u8>,
    deflater: Deflater,
}

impl<'a> Out<'a> {
    /// Starts a pack of so many objects.
    pub(super) fn begin(
        task: &'a Task,
        odb: &'a Odb,
        parts: &'a mut dyn Parts,
        objects: usize,
        level: u8,
    ) -> Outcome<Out<'a>> {
        let count = u32::try_from(objects).map_err(|_| StoreError::Limit { what: "objects" });
        let mut buffer = Vec::with_capacity(PART + PART / 4);
        let pack = PackWriter::begin(count.at(Stage::Request)?, &mut buffer);
        Ok(Out {
            task,
            odb,
            parts,
            pack,
            buffer,
            deflater: Deflater::new(level),
        })
    }

    /// Where the next entry starts.
    pub(super) fn bytes(&self) -> u64 {
        self.pack.bytes()
    }

    /// Writes an entry: the content of an object, or a delta.
    pub(super) async fn deflated(&mut self, kind: EntryKind, content: &[u8]) -> Outcome<()> {
        self.pack.header(kind, content.len() as u64, &mut self.buffer);
        let mut stream = Vec::new();
        for piece in content.chunks(PIECE) {
            self.deflater.push(piece, &mut stream);
            self.stream(&stream).await?;
            stream.clear();
            self.task.checkpoint().await?;
        }
        self.deflater.finish(&mut stream);
        self.stream(&stream).await
    }

    /// Writes an entry whose zlib stream is here already.
    pub(super) async fn streamed(&mut self, kind: EntryKind, size: u64, stream: &[u8]) -> Outcome<()> {
        self.pack.header(kind, size, &mut self.buffer);
        self.stream(stream).await
    }

    /// Copies an entry as it is stored, with another header; `goes_on`: what follows in its pack is
    /// copied next. False if its pack was retired before
    /// anything was written; what it held has to be read elsewhere then.
    pub(super) async fn copied(&mut self, kind: EntryKind, place: &RawPlace, goes_on: bool) -> Outcome<bool> {
        let gathers = place.end - place.offset <= GATHERED;
        let mut entry = match self
            .odb
            .raw_entry(place, if goes_on { place.pack.bytes } else { place.end })
            .await
        {
            Err(StoreError::Replaced) => return Ok(false),
            entry => entry.at(Stage::Read)?,
        };
        let EntryHeader { kind: stored, size, .. } = entry.header();
        let is_delta = |kind: EntryKind| !matches!(kind, EntryKind::Whole(_));
        if stored != kind && !(is_delta(stored) && is_delta(kind)) {
            return Err(place.fail(Fault::Inconsistent("is not what its index says"))).at(Stage::Read);
        }
        if gathers {
            let mut pieces = Vec::new();
            loop {
                match entry.next().await {
                    Err(StoreError::Replaced) => return Ok(false),
                    next => match next.at(Stage::Read)? {
                        Some(piece) => pieces.push(piece),
                        None => break,
                    },
                }
            }
            self.pack.header(kind, size, &mut self.buffer);
            for piece in pieces {
                self.stream(piece.bytes()).await?;
            }
        } else {
            self.pack.header(kind, size, &mut self.buffer);
            while let Some(piece) = entry.next().await.at(Stage::Read)? {
                self.stream(piece.bytes()).await?;
                self.task.checkpoint().await?;
            }
        }
        Ok(true)
    }

    /// Ends the pack: its bytes, and its trailer.
    pub(super) async fn finish(mut self) -> Outcome<(u64, ObjectId)> {
        let before = self.pack.bytes();
        let trailer = self.pack.finish(&mut self.buffer);
        let bytes = before + trailer.as_bytes().len() as u64;
        hand_over(self.parts, self.buffer).await?;
        Ok((bytes, trailer))
    }

    async fn stream(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.pack.stream(bytes, &mut self.buffer);
        if self.buffer.len() >= PART {
            let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART + PART / 4));
            hand_over(self.parts, full).await?;
        }
        Ok(())
    }
}

async fn hand_over(parts: &mut dyn Parts, bytes: Vec<u8>) -> Outcome<()> {
    parts.push(bytes).await.map_err(|error| {
        let why = match error {
            HttpError::Opaque { detail } | HttpError::Broken { detail } | HttpError::Invalid { detail } => detail,
        };
        let message = format!("the browser has no room for what is to be sent ({why})");
        Failure::from(GitError::new(Code::Quota, Stage::Request, message))
    })
}

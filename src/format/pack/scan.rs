//! The first pass over a pack, while it arrives: gitformat-pack(5), "pack-*.pack files have the
//! following format".
//!
//! ```text
//! "PACK" | version: u32 | count: u32 | entry * count | SHA-1 of all that
//! ```
//!
//! Objects that are stored whole are inflated, hashed some at a time and handed out, later than deltas
//! that stand between them; deltas are inflated to find
//! their end and their sizes, and left to the [resolver](super::resolve). The rules are those of
//! `parse_pack_objects()` in git's `index-pack.c`, and stricter in two points: sizes beyond 64
//! bits are an error, and so are bytes after the trailer, as in `git fetch`.
//!
//! Memory: one row of 56 bytes for each object, buffers for the object at hand and for a mebibyte of
//! objects that are hashed together, and what was fed and not yet looked at.

#[cfg(test)]
mod far;
mod found;
mod group;
mod large;
mod scanned;

use crate::format::crc32::Crc32;
use crate::format::hash::{ObjectHasher, Sha1};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::delta::{self, DeltaError};
use crate::format::pack::entry::{self, EntryError, EntryKind};
use crate::format::pack::error::{Limit, LimitExceeded, PackError};
use crate::format::pack::{Entry, Limits};
use crate::format::zlib::{InflateError, Inflater, Pushed, Window};

pub use self::found::{Scanned, What};
pub use self::scanned::ScannedPack;

use self::found::{Found, FoundWhat};
use self::group::Group;

/// Blobs larger than this are hashed while they pass and never held whole.
const LARGE_BLOB: u64 = 8 << 20;

const HEADER_LEN: usize = 12;

/// Reads a pack as it arrives: `feed` some bytes, call `next` until it answers `None`, and so on;
/// `finish` at the end. How the bytes are cut makes no difference. After an error it refuses to go on.
pub struct PackScanner {
    limits: Limits,
    state: State,
    /// Bytes fed and not yet dropped; `at` is the first one not yet looked at.
    input: Vec<u8>,
    at: usize,
    /// Bytes from here to `at` are not yet in the pack's hash, in the entry's CRC.
    unhashed: usize,
    unsummed: usize,
    /// Where `input` starts in the pack.
    input_offset: u64,
    hash: Sha1,
    crc: Crc32,
    inflater: Inflater,
    /// The object at hand.
    content: Vec<u8>,
    group: Group,
    window: Window,
    declared: u32,
    pack: ScannedPack,
}

enum State {
    Header,
    /// Between two entries.
    Entry,
    /// Within an object that is stored whole.
    Whole {
        offset: u64,
        kind: Kind,
        size: u64,
    },
    /// Within a blob that is only hashed.
    Large {
        offset: u64,
        size: u64,
        hasher: Box<ObjectHasher>,
    },
    /// Within a delta.
    Delta {
        offset: u64,
        size: u64,
        base: DeltaBase,
    },
    Trailer,
    Complete,
    Failed,
}

/// What was done with the bytes at hand.
enum Step {
    /// More of them are needed.
    Input,
    /// An object was put to those that are hashed together.
    Collected,
    Found(Found),
}

#[derive(Clone, Copy)]
enum DeltaBase {
    Row(u32),
    Id(ObjectId),
}

impl PackScanner {
    /// A scanner at the first byte of a pack.
    pub fn new(limits: Limits) -> Self {
        PackScanner {
            limits,
            state: State::Header,
            input: Vec::new(),
            at: 0,
            unhashed: 0,
            unsummed: 0,
            input_offset: 0,
            hash: Sha1::new(),
            crc: Crc32::default(),
            inflater: Inflater::new(),
            content: Vec::new(),
            group: Group::default(),
            window: Window::default(),
            declared: 0,
            pack: ScannedPack::default(),
        }
    }

    /// Takes the next bytes of the pack.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        if matches!(self.state, State::Failed) {
            return Err(PackError::Misuse);
        }
        self.pack.bytes = self.pack.bytes.saturating_add(bytes.len() as u64);
        if let Err(error) = LimitExceeded::check(Limit::PackBytes, self.limits.pack_bytes, self.pack.bytes) {
            self.state = State::Failed;
            return Err(error);
        }
        self.account();
        self.input.drain(..self.at);
        self.input_offset += self.at as u64;
        (self.at, self.unhashed, self.unsummed) = (0, 0, 0);
        self.input.extend_from_slice(bytes);
        Ok(())
    }

    /// The next entry the bytes complete, or `None` if more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Scanned<'_>>, PackError> {
        match self.find() {
            Ok(None) => Ok(None),
            Ok(Some(found)) => Ok(Some(found.lend(&self.group))),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The first of several errors is told, though objects are hashed later than what follows them is
    /// looked at.
    fn fail(&mut self, error: PackError) -> PackError {
        self.state = State::Failed;
        self.hash_group().err().unwrap_or(error)
    }

    fn find(&mut self) -> Result<Option<Found>, PackError> {
        loop {
            if let Some((number, object, oid)) = self.group.give() {
                let (row, offset, kind) = (object.row, object.offset, object.kind);
                let what = FoundWhat::Object { kind, oid, number };
                return Ok(Some(Found { row, offset, what }));
            }
            if self.group.is_full() {
                self.hash_group()?;
                continue;
            }
            match self.advance()? {
                Step::Found(found) => return Ok(Some(found)),
                Step::Collected => {}
                Step::Input if self.group.is_empty() || !self.is_complete() => return Ok(None),
                Step::Input => self.hash_group()?,
            }
        }
    }

    /// The number of objects the header declares, once it has been read.
    pub fn declared(&self) -> Option<u32> {
        (!matches!(self.state, State::Header)).then_some(self.declared)
    }

    /// Entries complete so far.
    pub fn objects(&self) -> u32 {
        self.pack.objects()
    }

    /// Bytes of all objects so far, deltas applied.
    pub fn resolved_bytes(&self) -> u64 {
        self.pack.resolved_bytes
    }

    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.pack.bytes
    }

    /// Whether the pack is complete, its checksum right.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Says that no more bytes come. Fails if the pack is not complete.
    pub fn finish(mut self) -> Result<ScannedPack, PackError> {
        while self.next()?.is_some() {}
        if !self.is_complete() {
            let error = PackError::Truncated {
                at: self.pack.bytes,
                objects: self.objects(),
                declared: self.declared(),
            };
            return Err(self.fail(error));
        }
        Ok(self.pack)
    }

    /// The bytes not yet looked at.
    fn rest(&self) -> &[u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn offset(&self) -> u64 {
        self.input_offset + self.at as u64
    }

    /// Hashes what was looked at; small pieces at a time would cost more.
    fn account(&mut self) {
        self.hash
            .update(self.input.get(self.unhashed..self.at).unwrap_or_default());
        self.unhashed = self.at;
        self.sum();
    }

    fn sum(&mut self) {
        self.crc
            .update(self.input.get(self.unsummed..self.at).unwrap_or_default());
        self.unsummed = self.at;
    }

    fn advance(&mut self) -> Result<Step, PackError> {
        loop {
            let went_on = match self.state {
                State::Header => self.header()?,
                State::Entry if self.pack.entries.len() as u64 >= u64::from(self.declared) => {
                    self.state = State::Trailer;
                    true
                }
                State::Entry => self.entry_header()?,
                State::Whole { offset, kind, size } => {
                    if self.inflate(offset)? {
                        self.whole(offset, kind, size)?;
                        return Ok(Step::Collected);
                    }
                    false
                }
                State::Large { offset, size, .. } => match self.large(offset, size)? {
                    Some(found) => return Ok(Step::Found(found)),
                    None => false,
                },
                State::Delta { offset, size, base } => {
                    if self.inflate(offset)? {
                        return Ok(Step::Found(self.delta(offset, size, base)?));
                    }
                    false
                }
                State::Trailer => self.trailer()?,
                State::Complete if self.rest().is_empty() => false,
                State::Complete => return Err(PackError::TrailingBytes { at: self.offset() }),
                State::Failed => return Err(PackError::Misuse),
            };
            if !went_on {
                return Ok(Step::Input);
            }
        }
    }

    fn header(&mut self) -> Result<bool, PackError> {
        let Some(&[p, a, c, k, v0, v1, v2, v3, c0, c1, c2, c3]) = self.rest().first_chunk::<HEADER_LEN>() else {
            return Ok(false);
        };
        if [p, a, c, k] != *b"PACK" {
            return Err(PackError::Signature);
        }
        let found = u32::from_be_bytes([v0, v1, v2, v3]);
        if !matches!(found, 2 | 3) {
            return Err(PackError::Version { found });
        }
        self.declared = u32::from_be_bytes([c0, c1, c2, c3]);
        LimitExceeded::check(Limit::Objects, self.limits.objects, self.declared.into())?;
        self.at += HEADER_LEN;
        self.state = State::Entry;
        Ok(true)
    }

    fn entry_header(&mut self) -> Result<bool, PackError> {
        let at = self.offset();
        let header = match entry::read(self.rest()) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(false),
            Err(EntryError::Type(number)) => return Err(PackError::ObjectType { at, number }),
            Err(EntryError::Overflow) => return Err(PackError::Overflow { at }),
        };
        let (offset, size) = (at, header.size);
        self.state = match header.kind {
            EntryKind::Whole(Kind::Blob) if size > LARGE_BLOB.min(self.limits.object_bytes) => State::Large {
                offset,
                size,
                hasher: Box::new(ObjectHasher::new(Kind::Blob, size)),
            },
            EntryKind::Whole(kind) => State::Whole { offset, kind, size },
            EntryKind::OffsetDelta(distance) => State::Delta {
                offset,
                size,
                base: DeltaBase::Row(self.row_at(offset, distance)?),
            },
            EntryKind::RefDelta(base) => State::Delta {
                offset,
                size,
                base: DeltaBase::Id(base),
            },
        };
        match self.state {
            State::Delta { .. } => LimitExceeded::check(Limit::ObjectBytes, self.limits.object_bytes, size)?,
            State::Whole { .. } => {
                LimitExceeded::check(Limit::ObjectBytes, self.limits.object_bytes, size)?;
                self.count_resolved(size)?;
            }
            _ => self.count_resolved(size)?,
        }
        self.unsummed = self.at;
        self.crc = Crc32::default();
        self.at += header.length;
        self.inflater.begin(size);
        Ok(true)
    }

    /// The row of the entry that starts `distance` bytes before `offset`.
    fn row_at(&self, offset: u64, distance: u64) -> Result<u32, PackError> {
        let refused = PackError::BaseOffset { at: offset, distance };
        let Some(base) = offset.checked_sub(distance).filter(|_| distance > 0) else {
            return Err(refused);
        };
        let row = self.pack.entries.binary_search_by_key(&base, |entry| entry.offset);
        row.ok().and_then(|row| u32::try_from(row).ok()).ok_or(refused)
    }

    fn count_resolved(&mut self, size: u64) -> Result<(), PackError> {
        self.pack.resolved_bytes = self.pack.resolved_bytes.saturating_add(size);
        let seen = self.pack.resolved_bytes;
        LimitExceeded::check(Limit::ResolvedBytes, self.limits.resolved_bytes, seen)
    }

    /// Inflates what is there; whether that was all of the entry.
    fn inflate(&mut self, at: u64) -> Result<bool, PackError> {
        let input = self.input.get(self.at..).unwrap_or_default();
        let Pushed { consumed, done } = self
            .inflater
            .push(input, &mut self.content)
            .map_err(inflate_error(at))?;
        self.at += consumed;
        Ok(done)
    }

    fn whole(&mut self, offset: u64, kind: Kind, size: u64) -> Result<(), PackError> {
        let length = usize::try_from(size).map_err(|_| PackError::Memory {
            at: offset,
            bytes: size,
        })?;
        // Its id follows.
        let row = self.push_row(offset, size, None, kind, ObjectId::NULL)?;
        self.group.add(row, offset, kind, length, &mut self.content);
        Ok(())
    }

    fn delta(&mut self, offset: u64, size: u64, base: DeltaBase) -> Result<Found, PackError> {
        let length = usize::try_from(size).map_err(|_| PackError::Memory {
            at: offset,
            bytes: size,
        })?;
        let sizes = delta::sizes(self.content.get(..length).unwrap_or_default())
            .map_err(|error| PackError::Delta { at: offset, error })?;
        LimitExceeded::check(Limit::ObjectBytes, self.limits.object_bytes, sizes.result)?;
        self.count_resolved(sizes.result)?;
        let base_row = match base {
            DeltaBase::Row(row) => {
                let found = usize::try_from(row)
                    .ok()
                    .and_then(|row| self.pack.entries.get(row))
                    .map_or(0, |entry| entry.size);
                let declared = sizes.base;
                if found != declared {
                    let error = DeltaError::BaseSize { declared, found };
                    return Err(PackError::Delta { at: offset, error });
                }
                Some(row)
            }
            DeltaBase::Id(_) => None,
        };
        let row = self.push_row(offset, sizes.result, base_row, Kind::Blob, ObjectId::NULL)?;
        if let DeltaBase::Id(oid) = base {
            self.pack.ref_deltas.push((oid, row));
        }
        self.pack.deltas += 1;
        let what = FoundWhat::Delta;
        Ok(Found { row, offset, what })
    }

    fn push_row(
        &mut self,
        offset: u64,
        size: u64,
        base: Option<u32>,
        kind: Kind,
        oid: ObjectId,
    ) -> Result<u32, PackError> {
        self.sum();
        let crc32 = std::mem::take(&mut self.crc).value();
        let row = self.objects();
        let entries = &mut self.pack.entries;
        if entries.len() == entries.capacity() {
            // The header's count is believed only as far as entries have come.
            let count = usize::try_from(self.declared).unwrap_or(usize::MAX);
            let more = entries.len().max(1024).min(count.saturating_sub(entries.len()).max(1));
            entries.try_reserve_exact(more).map_err(|_| PackError::Memory {
                at: offset,
                bytes: size,
            })?;
        }
        entries.push(Entry {
            offset,
            size,
            crc32,
            base,
            kind,
            oid,
        });
        self.state = State::Entry;
        Ok(row)
    }

    fn trailer(&mut self) -> Result<bool, PackError> {
        let Some(found) = self.rest().first_chunk::<OID_LEN>().copied().map(ObjectId::new) else {
            return Ok(false);
        };
        self.account();
        let computed = ObjectId::new(self.hash.finish());
        if computed != found {
            return Err(PackError::Checksum { computed, found });
        }
        self.at += OID_LEN;
        self.pack.checksum = found;
        self.state = State::Complete;
        Ok(true)
    }
}

fn inflate_error(at: u64) -> impl Fn(InflateError) -> PackError {
    move |error| match error {
        InflateError::Memory { bytes } => PackError::Memory { at, bytes },
        error => PackError::Inflate { at, error },
    }
}

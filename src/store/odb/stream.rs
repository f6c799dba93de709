//! An object piece by piece, for blobs too large to hold.

use std::collections::VecDeque;
use std::rc::Rc;

use super::locate::find;
use super::{Info, Odb};
use crate::format::hash::ObjectHasher;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::{self, EntryKind};
use crate::format::zlib::{Inflater, Window};
use crate::store::error::{Fault, StoreError};
use crate::store::pack_store::{LivePack, chunks_of};

/// Bytes of a piece of an object that is in memory anyway.
const PIECE: usize = 256 << 10;

/// An object's content, piece by piece. The last piece comes only when the whole hashes to the id;
/// else the stream fails, so that whoever has all pieces has the right bytes.
pub struct ObjectStream {
    info: Info,
    source: Source,
}

enum Source {
    /// In memory, verified.
    Held { data: Rc<Vec<u8>>, at: usize },
    /// Stored whole in a pack, inflated as it is read.
    Packed(Box<Packed>),
    /// Over, or failed.
    Ended,
}

struct Packed {
    odb: Rc<Odb>,
    oid: ObjectId,
    pack: LivePack,
    /// The part of the pack that is still to be read.
    at: u64,
    end: u64,
    inflater: Inflater,
    window: Window,
    hasher: Option<ObjectHasher>,
    /// Inflated and hashed; the last of them is withheld.
    ready: VecDeque<Vec<u8>>,
    done: bool,
}

impl ObjectStream {
    pub(super) async fn open(odb: &Rc<Odb>, oid: ObjectId) -> Result<Self, StoreError> {
        if let Some(Some((pack, row))) = odb.locate(&[oid]).await?.pop() {
            let blocks = odb.blocks(std::iter::once((pack, row / pack.block_entries))).await?;
            let (found, end) = find(&blocks, &pack, row)?;
            let large = found.size > odb.limits.object_bytes.min(4 * PIECE as u64);
            if found.base.is_none() && large {
                let info = Info {
                    kind: found.kind,
                    size: found.size,
                };
                let packed = Packed::open(Rc::clone(odb), oid, pack, info, found.offset, end).await?;
                return Ok(ObjectStream {
                    info,
                    source: Source::Packed(Box::new(packed)),
                });
            }
        }
        let object = odb.read(&oid).await?;
        Ok(ObjectStream {
            info: Info {
                kind: object.kind,
                size: object.data.len() as u64,
            },
            source: Source::Held {
                data: object.data,
                at: 0,
            },
        })
    }

    /// What is streamed.
    pub fn info(&self) -> Info {
        self.info
    }

    /// The next piece, never empty; `None` at the end. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match &mut self.source {
            Source::Ended => Ok(None),
            Source::Held { data, at } => {
                let rest = data.get(*at..).unwrap_or_default();
                let piece = rest.get(..PIECE).unwrap_or(rest);
                *at += piece.len();
                Ok(Some(piece.to_vec()).filter(|piece| !piece.is_empty()))
            }
            Source::Packed(packed) => {
                let next = packed.next().await;
                if !matches!(next, Ok(Some(_))) {
                    self.source = Source::Ended;
                }
                next
            }
        }
    }
}

impl Packed {
    async fn open(
        odb: Rc<Odb>,
        oid: ObjectId,
        pack: LivePack,
        info: Info,
        offset: u64,
        end: u64,
    ) -> Result<Self, StoreError> {
        let mut packed = Packed {
            odb,
            oid,
            pack,
            at: offset,
            end,
            inflater: Inflater::new(),
            window: Window::default(),
            hasher: Some(ObjectHasher::new(info.kind, info.size)),
            ready: VecDeque::new(),
            done: false,
        };
        packed.inflater.begin(info.size);
        // A header may lie across two chunks.
        let mut head = Vec::new();
        let header = loop {
            let bytes = packed.bytes(packed.at + head.len() as u64).await?;
            if bytes.is_empty() {
                return Err(packed.fail(Fault::Length));
            }
            head.extend_from_slice(bytes.get(..64).unwrap_or(&bytes));
            match entry::read(&head) {
                Ok(Some(header)) => break header,
                Ok(None) => {}
                Err(_) => return Err(packed.fail(Fault::Layout)),
            }
        };
        if header.kind != EntryKind::Whole(info.kind) || header.size != info.size {
            return Err(packed.fail(Fault::Inconsistent("is not what its index says")));
        }
        packed.at += header.length as u64;
        Ok(packed)
    }

    fn fail(&self, fault: Fault) -> StoreError {
        StoreError::Object { oid: self.oid, fault }
    }

    /// The stored bytes from `at` to the end of the chunk, or of the entry.
    async fn bytes(&self, at: u64) -> Result<Vec<u8>, StoreError> {
        let Some(chunk) = chunks_of(&(at..self.end), self.pack.chunk_bytes).and_then(|mut chunks| chunks.next()) else {
            return Ok(Vec::new());
        };
        let chunks = self
            .odb
            .chunks(&self.pack, &[chunk])
            .await
            .map_err(|error| match error {
                StoreError::Row { fault, .. } => self.fail(fault),
                other => other,
            })?;
        let start = u64::from(chunk) * u64::from(self.pack.chunk_bytes);
        let chunk_bytes = u64::from(self.pack.chunk_bytes);
        let range = usize::try_from(at - start)
            .ok()
            .zip(usize::try_from((self.end - start).min(chunk_bytes)).ok());
        let bytes = range.and_then(|(from, to)| chunks.first()?.get(from..to));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| self.fail(Fault::Length))
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while !self.done && self.ready.len() < 2 {
            let bytes = self.bytes(self.at).await?;
            if bytes.is_empty() {
                return Err(self.fail(Fault::Inflate));
            }
            self.at += bytes.len() as u64;
            let mut rest = bytes.as_slice();
            loop {
                let pushed = self.inflater.push_window(rest, &mut self.window);
                let pushed = pushed.map_err(|_| self.fail(Fault::Inflate))?;
                let fresh = self.window.fresh().to_vec();
                rest = rest.get(pushed.consumed..).unwrap_or_default();
                let idle = fresh.is_empty();
                if let Some(hasher) = self.hasher.as_mut().filter(|_| !idle) {
                    hasher.update(&fresh);
                    self.ready.push_back(fresh);
                }
                if pushed.done {
                    self.done = true;
                    if !rest.is_empty() || self.at != self.end {
                        return Err(self.fail(Fault::Inflate));
                    }
                    self.verify()?;
                    break;
                }
                if rest.is_empty() && idle {
                    break;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    fn verify(&mut self) -> Result<(), StoreError> {
        let fault = match self.hasher.take().map(ObjectHasher::finish) {
            Some(Ok(oid)) if oid == self.oid => return Ok(()),
            Some(Err(_)) => Fault::Collision,
            _ => Fault::Hash,
        };
        self.ready.clear();
        Err(self.fail(fault))
    }
}

//! An object piece by piece, for blobs too large to hold. If the pack is replaced meanwhile, the
//! stream goes on from where the object is then.

use std::collections::VecDeque;
use std::rc::Rc;

use super::locate::find;
use super::steady::{RESTARTS, is_damage};
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
    info: Info,
    pack: LivePack,
    /// The part of the pack that is still to be read.
    at: u64,
    end: u64,
    inflater: Inflater,
    /// Stored bytes that were read, and how many of them were inflated.
    input: Vec<u8>,
    used: usize,
    /// Whether nothing more comes of what was inflated.
    drained: bool,
    window: Window,
    hasher: Option<ObjectHasher>,
    /// Bytes that were hashed.
    hashed: u64,
    /// Bytes that are inflated again, after the stream went on elsewhere, and were hashed before.
    skip: u64,
    /// Inflated and hashed; the last of them is withheld.
    ready: VecDeque<Vec<u8>>,
    /// Whether the object has to be found first: at the start, and when its pack was replaced.
    lost: bool,
    /// How often it may still be found again.
    restarts: usize,
    done: bool,
}

/// An entry that is worth streaming.
struct Place {
    pack: LivePack,
    offset: u64,
    end: u64,
    info: Info,
}

/// Where the object lies, if it is stored whole in a pack and is large.
async fn find_large(odb: &Odb, oid: &ObjectId) -> Result<Option<Place>, StoreError> {
    let Some(Some((pack, spot))) = odb.locate(&[*oid]).await?.pop() else {
        return Ok(None);
    };
    let row = spot.row;
    let blocks = odb.blocks(std::iter::once((pack, row / pack.block_entries))).await?;
    let (found, end) = find(&blocks, &pack, row)?;
    let large = found.size > odb.limits.object_bytes.min(4 * PIECE as u64);
    let place = Place {
        pack,
        offset: found.offset,
        end,
        info: Info {
            kind: found.kind,
            size: found.size,
        },
    };
    Ok(Some(place).filter(|_| found.base.is_none() && large))
}

impl ObjectStream {
    pub(super) async fn open(odb: &Rc<Odb>, oid: ObjectId) -> Result<Self, StoreError> {
        if let Some(place) = odb.steadily(async || find_large(odb, &oid).await).await? {
            let packed = Packed::new(Rc::clone(odb), oid, &place);
            return Ok(ObjectStream {
                info: place.info,
                source: Source::Packed(Box::new(packed)),
            });
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

    /// Bytes that are inflated and not given out yet.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        match &self.source {
            Source::Packed(packed) => packed.ready.iter().map(Vec::len).sum(),
            Source::Held { .. } | Source::Ended => 0,
        }
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
    fn new(odb: Rc<Odb>, oid: ObjectId, place: &Place) -> Self {
        Packed {
            odb,
            oid,
            info: place.info,
            pack: place.pack,
            at: place.offset,
            end: place.end,
            inflater: Inflater::new(),
            input: Vec::new(),
            used: 0,
            drained: true,
            window: Window::default(),
            hasher: Some(ObjectHasher::new(place.info.kind, place.info.size)),
            hashed: 0,
            skip: 0,
            ready: VecDeque::new(),
            lost: true,
            restarts: RESTARTS,
            done: false,
        }
    }

    /// Finds the object, where it is now, and starts to inflate it. What was hashed is not hashed
    /// again: what has been given out must fit what is still to come.
    async fn find(&mut self) -> Result<(), StoreError> {
        let odb = Rc::clone(&self.odb);
        let Some(place) = odb.steadily(async || find_large(&odb, &self.oid).await).await? else {
            let object = odb.read(&self.oid).await?;
            self.skip = self.hashed;
            for piece in object.data.chunks(PIECE) {
                self.take(piece);
            }
            self.done = true;
            return self.verify();
        };
        (self.pack, self.at, self.end) = (place.pack, place.offset, place.end);
        self.skip = self.hashed;
        self.window = Window::default();
        (self.used, self.drained) = (0, true);
        self.input.clear();
        self.inflater.begin(self.info.size);
        // A header may lie across two chunks.
        let mut head = Vec::new();
        let header = loop {
            let bytes = self.bytes(self.at + head.len() as u64).await?;
            if bytes.is_empty() {
                return Err(self.fail(Fault::Length));
            }
            head.extend_from_slice(bytes.get(..64).unwrap_or(&bytes));
            match entry::read(&head) {
                Ok(Some(header)) => break header,
                Ok(None) => {}
                Err(_) => return Err(self.fail(Fault::Layout)),
            }
        };
        if place.info != self.info || header.kind != EntryKind::Whole(self.info.kind) || header.size != self.info.size {
            return Err(self.fail(Fault::Inconsistent("is not what its index says")));
        }
        self.at += header.length as u64;
        self.lost = false;
        Ok(())
    }

    /// Hashes some bytes, and keeps them until they are given out.
    fn take(&mut self, bytes: &[u8]) {
        let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= known as u64;
        let bytes = bytes.get(known..).unwrap_or_default();
        if let Some(hasher) = self.hasher.as_mut().filter(|_| !bytes.is_empty()) {
            hasher.update(bytes);
            self.hashed += bytes.len() as u64;
            self.ready.push_back(bytes.to_vec());
        }
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
            let step = match self.lost {
                true => self.find().await,
                false => self.inflate().await,
            };
            let Err(error) = step else { continue };
            // The pack may have been replaced.
            self.odb.refresh().await?;
            if self.done || !is_damage(&error) || self.odb.manifest().has(self.pack.id) || self.restarts == 0 {
                return Err(error);
            }
            self.restarts -= 1;
            self.lost = true;
        }
        Ok(self.ready.pop_front())
    }

    /// Inflates and hashes a little: a chunk may inflate to a thousand times its size.
    async fn inflate(&mut self) -> Result<(), StoreError> {
        if self.drained && self.used >= self.input.len() {
            self.input = self.bytes(self.at).await?;
            self.used = 0;
            if self.input.is_empty() {
                return Err(self.fail(Fault::Inflate));
            }
            self.at += self.input.len() as u64;
        }
        let mut window = std::mem::take(&mut self.window);
        let rest = self.input.get(self.used..).unwrap_or_default();
        let pushed = self.inflater.push_window(rest, &mut window);
        let pushed = pushed.map_err(|_| self.fail(Fault::Inflate))?;
        self.used += pushed.consumed;
        self.drained = window.fresh().is_empty();
        self.take(window.fresh());
        self.window = window;
        if !pushed.done {
            return Ok(());
        }
        self.done = true;
        if self.used < self.input.len() || self.at != self.end {
            return Err(self.fail(Fault::Inflate));
        }
        self.verify()
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

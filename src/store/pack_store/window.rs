//! The chunks of a pack that stay in memory until its deltas are resolved.

use crate::sorted::SortedMap;
use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::{CHUNK_BYTES, chunks_of};

/// Chunks of one pack in memory, least recently used out first.
pub(super) struct Window {
    budget: usize,
    weight: usize,
    clock: Cell<u64>,
    chunks: SortedMap<u32, (Cell<u64>, Vec<u8>)>,
    pinned: Range<u64>,
}

impl Window {
    pub(super) fn new(budget: usize) -> Self {
        Window {
            budget,
            weight: 0,
            clock: Cell::new(0),
            chunks: SortedMap::new(),
            pinned: 0..0,
        }
    }

    /// Whether a chunk is there; does not count as a use.
    pub(super) fn has(&self, chunk: u32) -> bool {
        self.chunks.contains_key(&chunk)
    }

    /// The range that must be readable once its chunks are inserted, whatever the budget.
    pub(super) fn pin(&mut self, range: Range<u64>) {
        self.pinned = range;
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        *self = Window::new(self.budget);
    }

    /// Whether so much more fits in.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.weight.saturating_add(bytes) <= self.budget
    }

    /// Holds no more than so much from now on. The front of the pack stays: it is needed first.
    pub(super) fn shrink(&mut self, budget: usize) {
        self.budget = self.budget.min(budget);
        while self.weight > self.budget {
            let last = self.chunks.last_key_value().map(|(chunk, _)| *chunk);
            let Some((_, bytes)) = last.and_then(|last| self.chunks.remove(&last)) else {
                break;
            };
            self.weight -= bytes.len();
        }
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }

    pub(super) fn get(&self, chunk: u32) -> Option<&[u8]> {
        let (used, bytes) = self.chunks.get(&chunk)?;
        used.set(self.tick());
        Some(bytes)
    }

    /// Keeps a chunk. What is pinned stays, whatever the budget: a range that was loaded can be
    /// read, or a small budget would ask for it for ever.
    pub(super) fn insert(&mut self, chunk: u32, bytes: &[u8]) {
        let pinned = chunks_of(&self.pinned, CHUNK_BYTES).unwrap_or(0..0);
        if bytes.len() > self.budget && !pinned.contains(&chunk) {
            return;
        }
        while self.weight + bytes.len() > self.budget {
            let others = self.chunks.iter().filter(|(other, _)| !pinned.contains(other));
            let Some(oldest) = others.min_by_key(|(_, (used, _))| used.get()).map(|(chunk, _)| *chunk) else {
                break;
            };
            if let Some((_, bytes)) = self.chunks.remove(&oldest) {
                self.weight -= bytes.len();
            }
        }
        self.weight += bytes.len();
        self.chunks.insert(chunk, (Cell::new(self.tick()), bytes.to_vec()));
    }
}

/// The bytes of a range out of chunks; borrowed where one chunk has them all.
pub(crate) fn assemble<'a>(
    range: &Range<u64>,
    chunk_bytes: u32,
    get: impl Fn(u32) -> Option<&'a [u8]>,
) -> Option<Cow<'a, [u8]>> {
    let mut whole = Vec::new();
    let chunks = chunks_of(range, chunk_bytes)?;
    let single = chunks.len() == 1;
    for chunk in chunks {
        let start = u64::from(chunk) * u64::from(chunk_bytes);
        let from = usize::try_from(range.start.saturating_sub(start)).ok()?;
        let to = usize::try_from(range.end.saturating_sub(start).min(u64::from(chunk_bytes))).ok()?;
        let part = get(chunk)?.get(from..to)?;
        if single {
            return Some(Cow::Borrowed(part));
        }
        whole.extend_from_slice(part);
    }
    Some(Cow::Owned(whole))
}

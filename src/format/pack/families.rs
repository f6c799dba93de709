//! A pack cut into parts whose deltas can be resolved apart from each other: families, each an
//! object that is stored whole with everything that is made from it. A delta's base is in its own
//! family, so that two threads need nothing of each other.
//!
//! Families are taken in the order of their last entries. Git writes most of a family together, so
//! that the bytes of a pack are needed nearly in the order in which they lie in it, and a pack
//! larger than memory is read about once (simulated for a pack of git's own history, 320 MB, with
//! chunks of 256 KiB and 64 MiB of them in memory).

use std::ops::Range;

use crate::format::pack::portion::{Named, Portion};
use crate::format::pack::scan::ScannedPack;
use crate::format::pack::tree::{Children, NONE};
use crate::format::pack::{Entry, PackIndex};

/// Stored bytes and resolved bytes of a portion, unless a single family has more: some hundredths
/// of a second of work, and little enough to be sent to another thread.
const STORED_BYTES: u64 = 1 << 20;
const RESOLVED_BYTES: u64 = 16 << 20;

/// Entries looked at in a step of preparation: a millisecond of work.
const PREPARED: u32 = 1 << 14;

/// A pack, its deltas not yet resolved, of which portions are handed out.
pub struct Families {
    pack: ScannedPack,
    children: Children,
    /// For the last row of each family that has deltas its first row, once all entries were looked at.
    ends: Vec<u32>,
    /// Entries before this one were not looked at.
    unseen: u32,
    /// Families that end before this row are handed out.
    next: usize,
    /// Portions to be handed out once more.
    again: Vec<Cut>,
    resolved: u32,
}

/// The rows of a portion, in the order of the pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    rows: Vec<u32>,
}

impl Families {
    /// Of a pack that [knows its bases](ScannedPack::knows_bases). It is to be [prepared](Families::prepare)
    /// before anything is cut.
    pub fn new(pack: ScannedPack) -> Self {
        Families {
            children: Children::none(pack.entries.len()),
            ends: vec![NONE; pack.entries.len()],
            unseen: pack.objects(),
            next: 0,
            again: Vec::new(),
            resolved: 0,
            pack,
        }
    }

    /// Looks at some more entries; whether there are others.
    pub fn prepare(&mut self) -> bool {
        // A base comes before what is made from it, so going backwards meets a family's end first. As
        // long as an entry is not looked at, its place says where what is made from it ends.
        for _ in 0..PREPARED {
            let Some(row) = self.unseen.checked_sub(1) else {
                return false;
            };
            self.unseen = row;
            let base = self.entry(row).and_then(|entry| entry.base);
            let end = match self.ends.get_mut(index(row)) {
                Some(end) if *end != NONE => std::mem::replace(end, NONE),
                _ => row,
            };
            if let Some(base) = base {
                self.children.adopt(base, row);
                if let Some(of_base) = self.ends.get_mut(index(base))
                    && (*of_base == NONE || *of_base < end)
                {
                    *of_base = end;
                }
            } else if end != row
                && let Some(root) = self.ends.get_mut(index(end))
            {
                *root = row;
            }
        }
        self.unseen > 0
    }

    /// The first entry of the next family.
    fn next_root(&mut self) -> Option<u32> {
        let rest = self.ends.get(self.next..).unwrap_or_default();
        let ahead = rest.iter().position(|root| *root != NONE).unwrap_or(rest.len());
        self.next += ahead;
        let root = self.ends.get(self.next).copied()?;
        self.next += 1;
        Some(root)
    }

    /// Cuts the next portion; `None` if all are handed out.
    pub fn cut(&mut self) -> Option<Cut> {
        if let Some(cut) = self.again.pop() {
            return Some(cut);
        }
        let mut rows = Vec::new();
        let (mut stored, mut resolved) = (0u64, 0u64);
        while stored < STORED_BYTES && resolved < RESOLVED_BYTES {
            let Some(root) = self.next_root() else {
                break;
            };
            let start = rows.len();
            rows.push(root);
            let mut looked_at = start;
            while let Some(row) = rows.get(looked_at).copied() {
                looked_at += 1;
                stored = stored.saturating_add(self.length(row));
                resolved = resolved.saturating_add(self.entry(row).map_or(0, |entry| entry.size));
                let mut child = self.children.first(row);
                while child != NONE {
                    rows.push(child);
                    child = self.children.next(child);
                }
            }
        }
        rows.sort_unstable();
        (!rows.is_empty()).then_some(Cut { rows })
    }

    /// Takes back a portion that was not resolved; it will be handed out again.
    pub fn give_back(&mut self, cut: Cut) {
        self.again.push(cut);
    }

    /// Counts a portion that was [settled](Families::settle) as not resolved after all.
    pub fn undo(&mut self, cut: Cut) {
        let deltas = cut.rows.iter().filter(|row| self.is_delta(**row)).count();
        self.resolved = self.resolved.saturating_sub(u32::try_from(deltas).unwrap_or(u32::MAX));
        self.again.push(cut);
    }

    /// Where the entries of a portion lie in the pack, in order.
    pub fn ranges<'a>(&'a self, cut: &'a Cut) -> impl Iterator<Item = Range<u64>> + 'a {
        cut.rows.iter().map(|row| self.pack.range(*row))
    }

    /// The portion, given the bytes of its entries one after the other.
    pub fn portion(&self, cut: &Cut, bytes: Vec<u8>) -> Portion {
        let mut entries = Vec::with_capacity(cut.rows.len());
        let mut ends = Vec::with_capacity(cut.rows.len());
        for row in &cut.rows {
            if let Some(entry) = self.entry(*row) {
                let base = entry.base.and_then(|base| cut.rows.binary_search(&base).ok());
                entries.push(Entry {
                    base: base.and_then(|base| u32::try_from(base).ok()),
                    ..*entry
                });
                ends.push(self.pack.range(*row).end);
            }
        }
        Portion::new(entries, ends, bytes)
    }

    /// Takes the names of a portion's deltas, in order; false if there are more or fewer of them
    /// than deltas.
    pub fn settle(&mut self, cut: &Cut, names: &[Named]) -> bool {
        let deltas = cut.rows.iter().filter(|row| self.is_delta(**row));
        if deltas.count() != names.len() {
            return false;
        }
        let mut names = names.iter();
        for row in &cut.rows {
            if self.is_delta(*row)
                && let Some((kind, oid)) = names.next()
                && let Some(entry) = self.pack.entries.get_mut(index(*row))
            {
                entry.kind = *kind;
                entry.oid = *oid;
                self.resolved += 1;
            }
        }
        true
    }

    /// Deltas in all.
    pub fn deltas(&self) -> u32 {
        self.pack.deltas
    }

    /// Deltas resolved so far.
    pub fn resolved(&self) -> u32 {
        self.resolved
    }

    /// The result, once every delta is resolved.
    pub fn finish(self) -> Option<PackIndex> {
        (self.resolved == self.pack.deltas).then_some(PackIndex {
            entries: self.pack.entries,
            checksum: self.pack.checksum,
            bytes: self.pack.bytes,
            external: Vec::new(),
        })
    }

    fn entry(&self, row: u32) -> Option<&Entry> {
        self.pack.entries.get(index(row))
    }

    fn is_delta(&self, row: u32) -> bool {
        self.entry(row).is_some_and(|entry| entry.base.is_some())
    }

    fn length(&self, row: u32) -> u64 {
        let range = self.pack.range(row);
        range.end.saturating_sub(range.start)
    }
}

/// A row as an index; `usize::MAX`, which no row has, where it does not fit.
fn index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

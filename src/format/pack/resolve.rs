//! The second pass over a pack: its deltas, as in `resolve_deltas()` of git's `index-pack.c`.
//!
//! Depth first from every object that is stored whole: a base is inflated once, its deltas are
//! applied to it one after the other, and it is let go before the last of them is looked into, so
//! that a chain of any length needs one base at a time. The child whose descendants need most
//! memory comes last. Real packs need no more than 16 MiB of bases that way; where a pack needs
//! more than [`Limits::base_bytes`], the bases nearest to the root are dropped and rebuilt from
//! the pack when their turn comes again. There is no recursion: the path is a vector.
//!
//! Deltas that name their base by id join their base as soon as its id is known, so that their
//! order in the pack makes no difference and a cycle is simply never reached. What remains after
//! that is asked for from outside (thin packs), and what remains then is an error.
//!
//! Ids are computed for several objects at once, which is up to three times as fast as one after
//! the other; only where deltas wait for ids is each computed as soon as its object is there.

mod external;
mod group;
mod rebuild;
mod tools;

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::error::{Limit, LimitExceeded, PackError};
use crate::format::pack::scan::ScannedPack;
use crate::format::pack::tree::{Forest, NONE};
use crate::format::pack::{External, Limits, PackIndex};
use crate::sorted::order;

use self::external::Bases;
use self::group::{Group, Named, Resolved};
use self::rebuild::Rebuild;
use self::tools::Tools;

/// The bytes of a pack, as far as they are in memory.
pub trait PackBytes {
    /// The bytes of `range` (from the start of the pack), all of them, or `None` if some have to
    /// be loaded first.
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>>;
}

impl PackBytes for [u8] {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        self.get(start..end).map(Cow::Borrowed)
    }
}

/// What [`DeltaResolver::step`] did, or needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A delta was resolved.
    Object {
        /// The entry's number.
        row: u32,
        /// Its kind.
        kind: Kind,
        /// Its id.
        oid: ObjectId,
        /// Its content.
        content: &'a [u8],
    },
    /// A base from outside was taken up: whoever completes a thin pack appends it. They come in
    /// the order of [`PackIndex::external`].
    External {
        /// Its kind.
        kind: Kind,
        /// Its id.
        oid: ObjectId,
        /// Its content.
        content: &'a [u8],
    },
    /// Work was done that completes no object: a chance to let others run.
    Working,
    /// These bytes of the pack are needed; load them and step again.
    NeedBytes(Range<u64>),
    /// The pack is thin: these objects are not in it. Look them up, or as many of the first ones
    /// as fit into memory, answer with [`DeltaResolver::provide`], and step again.
    NeedBases(&'a [ObjectId]),
    /// Every delta is resolved.
    Done,
}

/// An object from outside the pack that a thin pack's delta is made against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its id; the caller has verified it.
    pub oid: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// Its content.
    pub content: Vec<u8>,
}

/// Resolves the deltas of a pack, depth first, one object at a step.
pub struct DeltaResolver {
    pack: ScannedPack,
    limits: Limits,
    forest: Forest,
    /// Rows before this one have been roots.
    root: u32,
    /// The bases on the path, the root first.
    stack: Vec<Frame>,
    /// Frames before this one have been dropped to save memory.
    dropped: usize,
    /// Bytes held by the frames.
    held: u64,
    /// Objects whose ids are still to be computed, or that are still to be handed out.
    group: Group,
    /// The object handed out last.
    current: Option<Named>,
    /// The way to a base that was dropped.
    rebuild: Option<Rebuild>,
    rebuilt_bytes: u64,
    bases: Bases,
    external: Vec<External>,
    resolved: u32,
    tools: Tools,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Done,
    Failed,
}

/// A base, with children still to come.
struct Frame {
    row: u32,
    kind: Kind,
    /// The next child.
    next: u32,
    /// `None` if it was dropped.
    content: Option<Rc<Vec<u8>>>,
}

impl DeltaResolver {
    /// A resolver for a pack that was scanned under the same limits.
    pub fn new(mut pack: ScannedPack, limits: Limits) -> Result<Self, PackError> {
        order::sort(&mut pack.ref_deltas);
        let forest = Forest::new(&pack.entries, pack.ref_deltas.len());
        Ok(DeltaResolver {
            pack,
            limits,
            forest,
            root: 0,
            stack: Vec::new(),
            dropped: 0,
            held: 0,
            group: Group::default(),
            current: None,
            rebuild: None,
            rebuilt_bytes: 0,
            bases: Bases::default(),
            external: Vec::new(),
            resolved: 0,
            tools: Tools::default(),
            state: State::Running,
        })
    }

    /// Does a little: resolves one delta, or inflates one root, or says what is needed.
    pub fn step<B: PackBytes + ?Sized>(&mut self, bytes: &B) -> Result<Step<'_>, PackError> {
        let did = match self.state {
            State::Running => self.advance(bytes),
            State::Done => Ok(Did::Done),
            State::Failed => Err(PackError::Misuse),
        };
        match did {
            Ok(Did::Object) => Ok(match &self.current {
                Some(Named { object, oid }) => Step::Object {
                    row: object.row,
                    kind: object.kind,
                    oid: *oid,
                    content: &object.content,
                },
                None => Step::Working,
            }),
            Ok(Did::External) => Ok(match (self.stack.last(), self.external.last()) {
                (
                    Some(Frame {
                        kind,
                        content: Some(content),
                        ..
                    }),
                    Some(External { oid, .. }),
                ) => Step::External {
                    kind: *kind,
                    oid: *oid,
                    content,
                },
                _ => Step::Working,
            }),
            Ok(Did::Work) => Ok(Step::Working),
            Ok(Did::NeedBytes(range)) => Ok(Step::NeedBytes(range)),
            Ok(Did::NeedBases) => Ok(Step::NeedBases(self.bases.asked())),
            Ok(Did::Done) => {
                self.state = State::Done;
                Ok(Step::Done)
            }
            Err(error) => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }

    /// Answers [`Step::NeedBases`]: one answer for each of the first objects asked for, in their
    /// order, `None` for what does not exist. The rest is asked for again.
    pub fn provide(&mut self, answers: Vec<Option<Base>>) {
        self.bases.provide(answers);
    }

    /// Deltas resolved so far.
    pub fn resolved(&self) -> u32 {
        self.resolved
    }

    /// Deltas in all.
    pub fn deltas(&self) -> u32 {
        self.pack.deltas
    }

    /// The result, once [`Step::Done`] was answered.
    pub fn finish(self) -> Result<PackIndex, PackError> {
        if self.state != State::Done {
            return Err(PackError::Misuse);
        }
        Ok(PackIndex {
            entries: self.pack.entries,
            checksum: self.pack.checksum,
            bytes: self.pack.bytes,
            external: self.external,
        })
    }

    fn advance<B: PackBytes + ?Sized>(&mut self, bytes: &B) -> Result<Did, PackError> {
        if let Some(Named { object, .. }) = self.current.take() {
            self.tools.recycle(object.content);
        }
        self.current = self.group.pop();
        if self.current.is_some() {
            return Ok(Did::Object);
        }
        if self.group.is_full() || self.waits_for_ids() && !self.group.is_empty() {
            return self.name();
        }
        if self.rebuild.is_some() {
            return self.rebuild_one(bytes);
        }
        let Some(top) = self.stack.last() else {
            return self.next_root(bytes);
        };
        if top.next == NONE {
            // An external base: it stays until all that is made from it is done.
            self.pop();
            return Ok(Did::Work);
        }
        if top.content.is_none() {
            self.start_rebuild();
            return Ok(Did::Work);
        }
        self.resolve_child(bytes)
    }

    /// Applies the next child of the top frame.
    fn resolve_child<B: PackBytes + ?Sized>(&mut self, bytes: &B) -> Result<Did, PackError> {
        let Some(Frame {
            row: base,
            kind,
            next: child,
            content: Some(content),
        }) = self.stack.last()
        else {
            return Ok(Did::Work);
        };
        let (base, kind, child) = (*base, *kind, *child);
        let (at, range) = self.range(child)?;
        let Some(raw) = bytes.get(range.clone()) else {
            return Ok(Did::NeedBytes(range));
        };
        let result = self.tools.apply(at, &raw, content)?;
        let next = self.forest.next(child);
        let keep = next != NONE || self.is_external(base);
        match self.stack.last_mut() {
            Some(top) if keep => top.next = next,
            _ => self.pop(),
        }
        self.resolved += 1;
        if !self.waits_for_ids() {
            self.descend(child, kind, self.forest.first(child), &result);
        }
        self.group.add(Resolved {
            row: child,
            kind,
            content: result,
        });
        Ok(Did::Work)
    }

    /// Computes the ids of the group.
    fn name(&mut self) -> Result<Did, PackError> {
        for Named { object, oid } in self.group.name() {
            let Resolved { row, kind, content } = object;
            let at = self.pack.entries.get(index(row)).map_or(0, |entry| entry.offset);
            let oid = oid.map_err(|error| PackError::Collision { at, oid: error.oid })?;
            if let Some(entry) = self.pack.entries.get_mut(index(row)) {
                entry.kind = kind;
                entry.oid = oid;
            }
            if self.waits_for_ids() {
                let next = self.join(row, oid)?;
                self.descend(row, kind, next, &content);
            }
            self.group.hand_out(Resolved { row, kind, content }, oid);
        }
        Ok(Did::Work)
    }

    /// Whether deltas name their bases by id, so that an object's id tells what is made from it.
    fn waits_for_ids(&self) -> bool {
        !self.pack.ref_deltas.is_empty()
    }

    /// Looks next into what is made from that object, if anything is.
    fn descend(&mut self, row: u32, kind: Kind, first: u32, content: &Rc<Vec<u8>>) {
        if first != NONE {
            self.push(row, kind, first, Rc::clone(content));
        }
    }

    /// Finds the next whole object that is a base, then the next one from outside.
    fn next_root<B: PackBytes + ?Sized>(&mut self, bytes: &B) -> Result<Did, PackError> {
        while let Some(entry) = self.pack.entries.get(index(self.root)).copied() {
            let row = self.root;
            let is_delta = entry.base.is_some() || entry.oid.is_null();
            let next = if is_delta { NONE } else { self.join(row, entry.oid)? };
            if next == NONE {
                self.root += 1;
                continue;
            }
            LimitExceeded::check(Limit::ObjectBytes, self.limits.object_bytes, entry.size)?;
            let (at, range) = self.range(row)?;
            let Some(raw) = bytes.get(range.clone()) else {
                return Ok(Did::NeedBytes(range));
            };
            let content = self.tools.root(at, &raw)?;
            self.push(row, entry.kind, next, content);
            self.root += 1;
            return Ok(Did::Work);
        }
        if !self.group.is_empty() {
            return self.name();
        }
        if self.resolved == self.pack.deltas {
            return Ok(Did::Done);
        }
        self.next_external()
    }

    /// The first child of an object whose id is known now.
    fn join(&mut self, row: u32, oid: ObjectId) -> Result<u32, PackError> {
        let first = self.forest.first(row);
        self.forest.join(&mut self.pack, row, oid, first)
    }

    fn is_external(&self, row: u32) -> bool {
        index(row) >= self.pack.entries.len()
    }

    /// Where an entry starts, and all its bytes.
    fn range(&self, row: u32) -> Result<(u64, Range<u64>), PackError> {
        match self.pack.range(row) {
            range if range.is_empty() => Err(PackError::Misuse),
            range => Ok((range.start, range)),
        }
    }

    fn push(&mut self, row: u32, kind: Kind, next: u32, content: Rc<Vec<u8>>) {
        self.held += content.len() as u64;
        self.stack.push(Frame {
            row,
            kind,
            next,
            content: Some(content),
        });
        self.drop_shallow();
    }

    fn pop(&mut self) {
        if let Some(Frame {
            content: Some(content), ..
        }) = self.stack.pop()
        {
            self.held = self.held.saturating_sub(content.len() as u64);
            self.tools.recycle(content);
        }
        self.dropped = self.dropped.min(self.stack.len());
    }
}

/// A [`Step`] that does not borrow.
enum Did {
    Object,
    External,
    Work,
    NeedBytes(Range<u64>),
    NeedBases,
    Done,
}

/// A row as an index; `u32::MAX`, which no row has, where it does not fit.
fn index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

//! One file in memory, checked once as a whole, so that whoever walks it need not check again.

use std::ops::Range;

use super::contents::Contents;
use super::{
    CDAT, COMMIT, ChunkId, EDGE, FANOUT, FLAG, GDA2, GDO2, GraphError, MAX_COMMITS, NO_PARENT, OIDF, OIDL, index,
    number,
};
use crate::format::oid::{OID_LEN, ObjectId};

/// The commits of one file. Those of the files below come first in the numbering: a position is one
/// among the commits of all of them.
///
/// Parsing checks all there is to check within the file: ids ascend and the fan-out table fits,
/// parents are within what exists, lists end, offsets are there. That a parent's generation is lower
/// than its child's needs the files below; it is checked by whoever puts them on top of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The front of the file.
    bytes: Vec<u8>,
    /// How many commits the files below have.
    below: u32,
    count: u32,
    fanout: Range<usize>,
    oids: Range<usize>,
    commits: Range<usize>,
    generations: Range<usize>,
    overflow: Range<usize>,
    edges: Range<usize>,
}

impl Layer {
    /// Reads the front of a file ([`Contents::front`] bytes at least) that stands on files of `below`
    /// commits.
    pub fn parse(bytes: Vec<u8>, contents: &Contents, below: u32) -> Result<Self, GraphError> {
        let find = |id: ChunkId| -> Result<Option<Range<usize>>, GraphError> {
            let Some(range) = contents.range(id) else {
                return Ok(None);
            };
            let at = |offset: u64| usize::try_from(offset).map_err(|_| GraphError::Limit);
            let range = at(range.start)?..at(range.end)?;
            match range.end <= bytes.len() {
                true => Ok(Some(range)),
                false => Err(GraphError::Truncated),
            }
        };
        let needed = |id: ChunkId| find(id)?.ok_or(GraphError::chunk(id, "is missing"));
        let mut layer = Layer {
            below,
            count: 0,
            fanout: needed(OIDF)?,
            oids: needed(OIDL)?,
            commits: needed(CDAT)?,
            generations: needed(GDA2)?,
            overflow: find(GDO2)?.unwrap_or_default(),
            edges: find(EDGE)?.unwrap_or_default(),
            bytes,
        };
        layer.check()?;
        Ok(layer)
    }

    /// How many commits it has.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The positions of its commits.
    pub fn positions(&self) -> Range<u32> {
        self.below..self.below + self.count
    }

    /// The position of a commit, if it is in this file.
    pub fn find(&self, oid: &ObjectId) -> Option<u32> {
        let bucket = usize::from(oid.first_byte());
        let fanout = self.part(&self.fanout);
        let mut first = match bucket.checked_sub(1) {
            None => 0,
            Some(before) => number(fanout, before)?,
        };
        let mut end = number(fanout, bucket)?;
        while first < end {
            let middle = first + (end - first) / 2;
            match self.id(middle)?.cmp(oid.as_bytes()) {
                std::cmp::Ordering::Less => first = middle + 1,
                std::cmp::Ordering::Equal => return Some(self.below + middle),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// The id of the commit at a position; null where there is none.
    pub fn oid(&self, position: u32) -> ObjectId {
        let id = self.row(position).and_then(|row| self.id(row));
        id.map_or(ObjectId::NULL, |id| ObjectId::new(*id))
    }

    /// Its tree.
    pub fn tree(&self, position: u32) -> ObjectId {
        let tree = self.commit(position).and_then(|commit| commit.first_chunk());
        tree.map_or(ObjectId::NULL, |id| ObjectId::new(*id))
    }

    /// Its committer's date, in seconds since 1970.
    pub fn date(&self, position: u32) -> u64 {
        self.commit(position).map_or(0, date)
    }

    /// Its topological level: 1 without parents, else one more than the highest of theirs.
    pub fn level(&self, position: u32) -> u32 {
        let word = self.commit(position).and_then(|commit| number(commit, 7));
        word.unwrap_or_default() >> 2
    }

    /// Its generation number: its date, or one more than the highest generation of its parents if
    /// that is later ("corrected commit date").
    pub fn generation(&self, position: u32) -> u64 {
        let row = self.row(position).map_or(usize::MAX, index);
        let offset = number(self.part(&self.generations), row).unwrap_or_default();
        self.corrected(self.date(position), offset)
    }

    /// The generations of all its commits, in their order.
    pub fn generations(&self) -> Vec<u64> {
        let (commits, _) = self.part(&self.commits).as_chunks::<COMMIT>();
        let (offsets, _) = self.part(&self.generations).as_chunks::<4>();
        let both = commits.iter().zip(offsets);
        both.map(|(commit, offset)| self.corrected(date(commit), u32::from_be_bytes(*offset)))
            .collect()
    }

    fn corrected(&self, date: u64, offset: u32) -> u64 {
        let offset = match offset & FLAG {
            0 => u64::from(offset),
            _ => self.overflow(offset & !FLAG).unwrap_or_default(),
        };
        date.saturating_add(offset)
    }

    /// The positions of its parents, in their order.
    pub fn parents(&self, position: u32) -> Parents<'_> {
        let words = |commit: &[u8]| Some((number(commit, 5)?, number(commit, 6)?));
        let (first, second) = self.commit(position).and_then(words).unwrap_or((NO_PARENT, NO_PARENT));
        let more = match second & FLAG {
            0 => &[],
            _ => {
                let start = index(second & !FLAG).saturating_mul(4);
                self.part(&self.edges).get(start..).unwrap_or_default()
            }
        };
        Parents {
            first: (first != NO_PARENT).then_some(first),
            second: (second != NO_PARENT && second & FLAG == 0).then_some(second),
            more,
        }
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The commit's number in this file.
    fn row(&self, position: u32) -> Option<u32> {
        position.checked_sub(self.below).filter(|row| *row < self.count)
    }

    fn id(&self, row: u32) -> Option<&[u8; OID_LEN]> {
        let start = index(row).checked_mul(OID_LEN)?;
        self.part(&self.oids).get(start..)?.first_chunk()
    }

    /// What CDAT has of a commit.
    fn commit(&self, position: u32) -> Option<&[u8]> {
        let start = index(self.row(position)?).checked_mul(COMMIT)?;
        self.part(&self.commits).get(start..)?.get(..COMMIT)
    }

    fn overflow(&self, at: u32) -> Option<u64> {
        let start = index(at).checked_mul(8)?;
        let bytes = self.part(&self.overflow).get(start..)?.first_chunk()?;
        Some(u64::from_be_bytes(*bytes))
    }

    fn check(&mut self) -> Result<(), GraphError> {
        let fanout = self.part(&self.fanout);
        if fanout.len() != FANOUT {
            return Err(GraphError::chunk(OIDF, "has another size"));
        }
        let (counts, _) = fanout.as_chunks::<4>();
        let counts: Vec<u32> = counts.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
        if !counts.is_sorted() {
            return Err(GraphError::chunk(OIDF, "descends"));
        }
        self.count = counts.last().copied().unwrap_or_default();
        if self.below.checked_add(self.count).is_none_or(|all| all > MAX_COMMITS) {
            return Err(GraphError::Limit);
        }
        for (range, id, each) in [
            (&self.oids, OIDL, OID_LEN),
            (&self.commits, CDAT, COMMIT),
            (&self.generations, GDA2, 4),
        ] {
            if index(self.count).checked_mul(each) != Some(range.len()) {
                return Err(GraphError::chunk(id, "has another size"));
            }
        }
        let (ids, _) = self.part(&self.oids).as_chunks::<OID_LEN>();
        if !ids.is_sorted_by(|one, next| one < next) {
            return Err(GraphError::chunk(OIDL, "has ids out of order"));
        }
        // Ids ascend: where those of one byte end is enough.
        for (byte, end) in counts.iter().enumerate() {
            let of = |row: Option<u32>| {
                ids.get(index(row?))
                    .and_then(|id| id.first())
                    .map(|byte| usize::from(*byte))
            };
            let (last, next) = (of(end.checked_sub(1)), of(Some(*end)));
            if last.is_some_and(|last| last > byte) || next.is_some_and(|next| next <= byte) {
                return Err(GraphError::chunk(OIDF, "does not fit the ids"));
            }
        }
        self.positions().try_for_each(|position| self.check_commit(position))
    }

    fn check_commit(&self, position: u32) -> Result<(), GraphError> {
        let bad = |problem| Err(GraphError::chunk(CDAT, problem));
        let words = |commit: &[u8]| Some((number(commit, 5)?, number(commit, 6)?));
        let (first, second) = self.commit(position).and_then(words).ok_or(GraphError::Truncated)?;
        let all = self.below + self.count;
        let is_other = |parent: u32| parent < all && parent != position;
        if first == NO_PARENT {
            if second != NO_PARENT {
                return bad("has a second parent without a first one");
            }
        } else if !is_other(first) {
            return bad("names a parent that is not there");
        }
        if second & FLAG != 0 {
            let start = index(second & !FLAG);
            let edges = self.part(&self.edges);
            let mut list = (start..).map_while(|at| number(edges, at));
            if !list.any(|edge| edge & FLAG != 0) {
                return Err(GraphError::chunk(EDGE, "ends within a list"));
            }
            if !self.parents(position).all(is_other) {
                return Err(GraphError::chunk(EDGE, "names a parent that is not there"));
            }
        } else if second != NO_PARENT && !is_other(second) {
            return bad("names a parent that is not there");
        }
        let offset = number(self.part(&self.generations), index(position - self.below));
        let offset = offset.ok_or(GraphError::Truncated)?;
        if offset & FLAG != 0 && self.overflow(offset & !FLAG).is_none() {
            return Err(GraphError::chunk(GDA2, "leads beyond GDO2"));
        }
        Ok(())
    }
}

/// The date in a commit of CDAT.
fn date(commit: &[u8]) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = commit else {
        return 0;
    };
    // The lower 34 bits; the others are its level.
    u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) & 0x3_ffff_ffff
}

/// Parents of a commit, by position.
#[derive(Clone, Debug, Default)]
pub struct Parents<'a> {
    first: Option<u32>,
    second: Option<u32>,
    more: &'a [u8],
}

impl Iterator for Parents<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let Some(parent) = self.first.take().or_else(|| self.second.take()) {
            return Some(parent);
        }
        let (edge, rest) = self.more.split_first_chunk::<4>()?;
        let edge = u32::from_be_bytes(*edge);
        self.more = if edge & FLAG == 0 { rest } else { &[] };
        Some(edge & !FLAG)
    }
}

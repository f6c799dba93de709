//! Writes a file, piece by piece, so that nobody has to wait for a large one.

use super::bloom::SETTINGS;
use super::{
    BASE, BDAT, BIDX, CDAT, COMMIT, ChunkId, EDGE, ENTRY, FANOUT, FLAG, GDA2, GDO2, GraphError, HEADER, MAX_COMMITS,
    MAX_DATE, MAX_LEVEL, NO_PARENT, OIDF, OIDL, TRAILER,
};
use crate::format::hash::Sha1;
use crate::format::oid::{OID_LEN, ObjectId};

/// Commits in a piece.
const AT_A_TIME: usize = 4096;

/// A commit to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub oid: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its committer's date, in seconds since 1970.
    pub date: u64,
    /// See [`Layer::level`](super::Layer::level).
    pub level: u32,
    /// See [`Layer::generation`](super::Layer::generation).
    pub generation: u64,
    /// The positions of its parents: those of the files below come first.
    pub parents: Vec<u32>,
}

impl Row {
    /// What GDA2 has, if that fits into 31 bits; else it goes to GDO2.
    fn offset(&self) -> Result<u32, u64> {
        let offset = self.generation.saturating_sub(self.date);
        u32::try_from(offset)
            .ok()
            .filter(|offset| offset & FLAG == 0)
            .ok_or(offset)
    }

    /// How many numbers EDGE has of it.
    fn edges(&self) -> usize {
        if self.parents.len() > 2 {
            self.parents.len() - 1
        } else {
            0
        }
    }
}

/// What a piece is made of.
#[derive(Clone, Copy)]
enum Section {
    Head,
    Chunk(ChunkId),
    Trailer,
}

/// A file that is being written.
pub struct Encoder<'a> {
    rows: &'a [Row],
    filters: Option<&'a [Vec<u8>]>,
    bases: &'a [ObjectId],
    chunks: Vec<(ChunkId, u64)>,
    /// What comes next, and from which commit on.
    next: Option<(Section, usize)>,
    /// What of EDGE and of GDO2 was met on the way.
    edges: Vec<u8>,
    overflow: Vec<u8>,
    /// Where the last filter ended.
    filtered: u32,
    hash: Sha1,
}

impl<'a> Encoder<'a> {
    /// Of commits, ordered by id, on top of files with these checksums. `filters` has the filter of
    /// each commit; an empty one says that it was not made. Fails where something does not fit.
    pub fn new(rows: &'a [Row], filters: Option<&'a [Vec<u8>]>, bases: &'a [ObjectId]) -> Result<Self, GraphError> {
        let count = u32::try_from(rows.len()).ok().filter(|count| *count <= MAX_COMMITS);
        count.ok_or(GraphError::Limit)?;
        if filters.is_some_and(|filters| filters.len() != rows.len()) || rows.iter().any(|row| row.date > MAX_DATE) {
            return Err(GraphError::Limit);
        }
        let edges: usize = rows.iter().map(Row::edges).sum();
        let overflow = rows.iter().filter(|row| row.offset().is_err()).count();
        let filter_bytes: usize = filters.unwrap_or_default().iter().map(Vec::len).sum();
        // The index of the filters and the flags of edges leave no room for more.
        let fits = |number: usize| u32::try_from(number).is_ok_and(|number| number & FLAG == 0);
        if !(fits(edges) && fits(overflow) && fits(filter_bytes)) {
            return Err(GraphError::Limit);
        }
        let has_filters = filters.is_some();
        let chunks = [
            (OIDF, FANOUT, true),
            (OIDL, rows.len() * OID_LEN, true),
            (CDAT, rows.len() * COMMIT, true),
            (GDA2, rows.len() * 4, true),
            (GDO2, overflow * 8, overflow > 0),
            (EDGE, edges * 4, edges > 0),
            (BIDX, rows.len() * 4, has_filters),
            (BDAT, SETTINGS.len() + filter_bytes, has_filters),
            (BASE, bases.len() * OID_LEN, !bases.is_empty()),
        ];
        let chunks = chunks.into_iter().filter(|(_, _, is_there)| *is_there);
        Ok(Encoder {
            rows,
            filters,
            bases,
            chunks: chunks.map(|(id, bytes, _)| (id, bytes as u64)).collect(),
            next: Some((Section::Head, 0)),
            edges: Vec::new(),
            overflow: Vec::new(),
            filtered: 0,
            hash: Sha1::new(),
        })
    }

    /// How long the file will be.
    pub fn bytes(&self) -> u64 {
        let chunks: u64 = self.chunks.iter().map(|(_, bytes)| bytes).sum();
        self.head_bytes() + chunks + TRAILER
    }

    /// The next bytes of the file; `None` at its end.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        let (section, from) = self.next?;
        let rows = self.rows.get(from..).unwrap_or_default();
        let rows = rows.get(..AT_A_TIME).unwrap_or(rows);
        let piece = match section {
            Section::Head => self.head(),
            Section::Chunk(OIDF) => self.fanout(),
            Section::Chunk(OIDL) => rows.iter().flat_map(|row| *row.oid.as_bytes()).collect(),
            Section::Chunk(CDAT) => self.commits(rows),
            Section::Chunk(GDA2) => self.generations(rows),
            Section::Chunk(BIDX) => self.filter_index(from, rows.len()),
            Section::Chunk(BDAT) => self.filter_data(from, rows.len()),
            Section::Chunk(EDGE) => std::mem::take(&mut self.edges),
            Section::Chunk(GDO2) => std::mem::take(&mut self.overflow),
            Section::Chunk(_) => self.bases.iter().flat_map(|base| *base.as_bytes()).collect(),
            Section::Trailer => self.hash.finish().to_vec(),
        };
        self.hash.update(&piece);
        let goes_on = matches!(section, Section::Chunk(OIDL | CDAT | GDA2 | BIDX | BDAT));
        let after = from + rows.len();
        self.next = match section {
            _ if goes_on && after < self.rows.len() => Some((section, after)),
            Section::Trailer => None,
            _ => Some((self.following(section), 0)),
        };
        Some(piece)
    }

    /// All of it.
    pub fn finish(mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.next_piece()).flatten().collect()
    }

    fn following(&self, section: Section) -> Section {
        let next = match section {
            Section::Head => self.chunks.first(),
            Section::Chunk(id) => {
                let mut later = self.chunks.iter().skip_while(|(other, _)| *other != id);
                later.nth(1)
            }
            Section::Trailer => None,
        };
        next.map_or(Section::Trailer, |(id, _)| Section::Chunk(*id))
    }

    fn head_bytes(&self) -> u64 {
        (HEADER + ENTRY * (self.chunks.len() + 1)) as u64
    }

    fn head(&self) -> Vec<u8> {
        let mut head = b"CGPH\x01\x01".to_vec();
        head.push(u8::try_from(self.chunks.len()).unwrap_or(u8::MAX));
        head.push(u8::try_from(self.bases.len()).unwrap_or(u8::MAX));
        let mut offset = self.head_bytes();
        for (id, bytes) in self.chunks.iter().chain([&([0; 4], 0)]) {
            head.extend_from_slice(id);
            head.extend_from_slice(&offset.to_be_bytes());
            offset += bytes;
        }
        head
    }

    fn fanout(&self) -> Vec<u8> {
        let end = |byte: u8| self.rows.partition_point(|row| row.oid.first_byte() <= byte);
        (0..=255).flat_map(|byte| (end(byte) as u32).to_be_bytes()).collect()
    }

    fn commits(&mut self, rows: &[Row]) -> Vec<u8> {
        let mut piece = Vec::with_capacity(rows.len() * COMMIT);
        for row in rows {
            let (first, second) = match row.parents.as_slice() {
                [] => (NO_PARENT, NO_PARENT),
                [only] => (*only, NO_PARENT),
                [first, second] => (*first, *second),
                [first, middle @ .., last] => {
                    let start = (self.edges.len() / 4) as u32;
                    self.edges.extend(middle.iter().flat_map(|parent| parent.to_be_bytes()));
                    self.edges.extend_from_slice(&(last | FLAG).to_be_bytes());
                    (*first, start | FLAG)
                }
            };
            let high = (row.date >> 32) as u32 & 3;
            piece.extend_from_slice(row.tree.as_bytes());
            for word in [first, second, row.level.min(MAX_LEVEL) << 2 | high, row.date as u32] {
                piece.extend_from_slice(&word.to_be_bytes());
            }
        }
        piece
    }

    fn generations(&mut self, rows: &[Row]) -> Vec<u8> {
        let mut piece = Vec::with_capacity(rows.len() * 4);
        for row in rows {
            let word = row.offset().unwrap_or_else(|offset| {
                let at = (self.overflow.len() / 8) as u32;
                self.overflow.extend_from_slice(&offset.to_be_bytes());
                at | FLAG
            });
            piece.extend_from_slice(&word.to_be_bytes());
        }
        piece
    }

    fn some_filters(&self, from: usize, count: usize) -> &'a [Vec<u8>] {
        let filters = self.filters.unwrap_or_default();
        filters.get(from..from + count).unwrap_or_default()
    }

    fn filter_index(&mut self, from: usize, count: usize) -> Vec<u8> {
        let mut piece = Vec::with_capacity(count * 4);
        for filter in self.some_filters(from, count) {
            self.filtered += filter.len() as u32;
            piece.extend_from_slice(&self.filtered.to_be_bytes());
        }
        piece
    }

    fn filter_data(&self, from: usize, count: usize) -> Vec<u8> {
        let settings = if from == 0 { SETTINGS.as_slice() } else { &[] };
        let filters = self.some_filters(from, count);
        settings.iter().chain(filters.iter().flatten()).copied().collect()
    }
}

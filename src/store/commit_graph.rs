//! The commit-graph as rows: git's files ([`crate::format::commit_graph`]), cut into pieces, and the
//! list of those that stand on each other (the `commit-graph-chain` of git).
//!
//! ```text
//! table meta     key: "commit-graph"            kind K: packs u32, packs × pack id,
//!                                                       files u32, files × file, the lowest first
//! table chunks   key: file id, piece u32        kind L: PIECE bytes of the file (the last: what is left)
//!
//! file           id (12 bytes), bytes u64, commits u32, filters u8 (1: all were made that can be)
//! ```
//!
//! Files are named as packs are and swept like them: what a dead writer left is not in the list. The
//! packs listed are those whose commits were looked at. A file does not name those below it by their
//! checksums, as git's do in BASE: the list says what stands on what, and a lower file may get its
//! filters without those above being written again.
//!
//! The graph is a cache. It is built from objects that were hashed, rows have checksums, and what is
//! missing, damaged or not understood is as if it were not there.

mod write;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) use self::write::FileSink;
use super::error::{Fault, StoreError};
use super::odb::{Odb, Wanted};
use super::pack_store::{PackId, chunk_key};
use super::row;
use crate::algo::commit_graph::CommitGraph;
use crate::format::commit_graph::{Contents, Filters, Layer};
use crate::format::config::Config;
use crate::format::oid::ObjectId;
use crate::host::{Backend, Change, Read, Table};

const CHAIN: &[u8] = b"commit-graph";

/// Bytes of a file in one row.
const PIECE: u64 = 256 * 1024;

/// Pieces that are read together: what comes is checked and copied in one go.
const TOGETHER: usize = 8;

/// A file of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GraphFile {
    pub(crate) id: PackId,
    pub(crate) bytes: u64,
    pub(crate) commits: u32,
    /// Nothing is left to be done about its filters. Some may be lacking: trees that are not here.
    pub(crate) filtered: bool,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The packs whose commits were looked at.
    pub(crate) packs: Vec<PackId>,
    /// The lowest first.
    pub(crate) files: Vec<GraphFile>,
}

impl Chain {
    fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut body = row::open(b'K', Table::Meta, CHAIN, bytes)?;
        let mut chain = Chain::default();
        for _ in 0..body.u32()? {
            chain.packs.push(PackId::new(body.u64()?, body.u32()?));
        }
        for _ in 0..body.u32()? {
            chain.files.push(GraphFile {
                id: PackId::new(body.u64()?, body.u32()?),
                bytes: body.u64()?,
                commits: body.u32()?,
                filtered: match body.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(body.fail(Fault::Layout)),
                },
            });
        }
        body.end()?;
        Ok(chain)
    }

    /// The row that makes it the list.
    pub(crate) fn put(&self) -> Result<Change, StoreError> {
        let count = |count: usize| u32::try_from(count).map_err(|_| StoreError::Limit { what: "files" });
        let mut body = count(self.packs.len())?.to_be_bytes().to_vec();
        for pack in &self.packs {
            body.extend_from_slice(&pack.to_bytes());
        }
        body.extend_from_slice(&count(self.files.len())?.to_be_bytes());
        for file in &self.files {
            body.extend_from_slice(&file.id.to_bytes());
            body.extend_from_slice(&file.bytes.to_be_bytes());
            body.extend_from_slice(&file.commits.to_be_bytes());
            body.push(u8::from(file.filtered));
        }
        Ok(Change::Put(Table::Meta, CHAIN.to_vec(), row::seal(b'K', CHAIN, &body)))
    }
}

/// The files of the list, for the sweep. None, if the list cannot be read: nobody reads them then.
pub(crate) async fn live(backend: &dyn Backend) -> Result<Vec<PackId>, StoreError> {
    let row = backend.get_many(&[read_meta(CHAIN)]).await?.pop().flatten();
    let chain = row.and_then(|row| Chain::parse(&row).ok()).unwrap_or_default();
    Ok(chain.files.iter().map(|file| file.id).collect())
}

/// What is stored of history, as it was when it was looked for.
#[derive(Debug, Default)]
pub(crate) struct StoredGraph {
    /// The commits; none where there is no graph.
    pub(crate) commits: Rc<CommitGraph>,
    /// The list.
    pub(crate) chain: Chain,
    /// Whether a graph is to be used at all.
    pub(crate) disabled: bool,
    /// Of each file, as far as they were asked for; `None` if it has none that can be read.
    filters: RefCell<HashMap<PackId, Option<Rc<Filters>>>>,
}

/// What an [`Odb`] keeps.
#[derive(Debug, Default)]
pub(crate) struct GraphCache {
    /// The rows that it was made from.
    rows: Vec<Option<Vec<u8>>>,
    stored: Rc<StoredGraph>,
    /// Filters that were made and not stored yet, by their commits.
    made: HashMap<ObjectId, Vec<u8>>,
}

impl Odb {
    /// A filter that was made and not stored: one that was begun is gone on with.
    pub(crate) fn unsaved_filter(&self, oid: &ObjectId) -> Option<Vec<u8>> {
        self.graph.borrow().made.get(oid).cloned()
    }

    /// Keeps a filter until it is stored; an empty one says that none can be made.
    pub(crate) fn keep_filter(&self, oid: ObjectId, filter: Vec<u8>) {
        self.graph.borrow_mut().made.insert(oid, filter);
    }

    /// What was made is stored.
    pub(crate) fn forget_filters(&self) {
        self.graph.borrow_mut().made = HashMap::new();
    }

    /// The commit-graph; an empty one where there is none, where `core.commitGraph` forbids it, in
    /// shallow repositories (as git does), and where it is damaged.
    pub(crate) async fn graph(&self) -> Rc<StoredGraph> {
        let reads = [CHAIN, super::meta::CONFIG, super::meta::SHALLOW].map(read_meta);
        let Ok(rows) = self.backend.get_many(&reads).await else {
            return Rc::default();
        };
        let (_claim, before) = loop {
            let before = {
                let cache = self.graph.borrow();
                if cache.rows == rows {
                    return Rc::clone(&cache.stored);
                }
                Rc::clone(&cache.stored)
            };
            if let Some(claim) = self.loading.claim(&[Wanted::Graph]).await {
                break (claim, before);
            }
        };
        let stored = match rows.as_slice() {
            [_, config, shallow] if shallow.is_some() || !is_enabled(config.as_deref()) => StoredGraph {
                disabled: true,
                ..StoredGraph::default()
            },
            [Some(chain), ..] => self.load_graph(chain, &before).await.unwrap_or_default(),
            _ => StoredGraph::default(),
        };
        let stored = Rc::new(stored);
        let mut cache = self.graph.borrow_mut();
        (cache.rows, cache.stored) = (rows, Rc::clone(&stored));
        stored
    }

    /// The filters of a file of the graph, by its number; `None` where there are none.
    pub(crate) async fn graph_filters(&self, stored: &StoredGraph, file: usize) -> Option<Rc<Filters>> {
        let file = stored.chain.files.get(file)?;
        if let Some(found) = stored.filters.borrow().get(&file.id) {
            return found.clone();
        }
        let found = self.load_filters(file).await.ok().flatten().map(Rc::new);
        stored.filters.borrow_mut().insert(file.id, found.clone());
        found
    }

    async fn load_graph(&self, chain: &[u8], before: &StoredGraph) -> Option<StoredGraph> {
        let chain = Chain::parse(chain).ok()?;
        let files = chain.files.iter().zip(&before.chain.files);
        // One with other filters has another id, and the same commits.
        let same = files.take_while(|(file, other)| file.id == other.id).count();
        let mut commits = before.commits.lowest(same);
        for file in chain.files.iter().skip(same) {
            let (contents, mut front) = self.head(file).await.ok()?;
            let held = front.len() as u64;
            front.extend(self.pieces(file, held..contents.front()).await.ok()?);
            let bytes = front.len();
            self.worked(bytes).await;
            let layer = Layer::parse(front, &contents, commits.len()).ok()?;
            self.worked(bytes).await;
            if layer.len() != file.commits {
                return None;
            }
            commits = commits.on(layer).ok()?;
        }
        let filters = before.filters.borrow();
        let kept = filters
            .iter()
            .filter(|(id, _)| chain.files.iter().any(|file| file.id == **id));
        Some(StoredGraph {
            commits: Rc::new(commits),
            filters: RefCell::new(kept.map(|(id, filters)| (*id, filters.clone())).collect()),
            chain,
            disabled: false,
        })
    }

    async fn load_filters(&self, file: &GraphFile) -> Result<Option<Filters>, StoreError> {
        let (contents, _) = self.head(file).await?;
        let Some((index, data)) = contents.filters() else {
            return Ok(None);
        };
        let both = self
            .pieces(file, index.start.min(data.start)..index.end.max(data.end))
            .await?;
        let from = index.start.min(data.start);
        let part = |range: std::ops::Range<u64>| {
            let at = |offset: u64| usize::try_from(offset - from).unwrap_or(usize::MAX);
            both.get(at(range.start)..at(range.end)).unwrap_or_default().to_vec()
        };
        Filters::parse(part(index), part(data), file.commits).map_err(|_| damaged(file, 0))
    }

    /// The first piece of a file, and where things are.
    async fn head(&self, file: &GraphFile) -> Result<(Contents, Vec<u8>), StoreError> {
        let head = self.pieces(file, 0..PIECE.min(file.bytes)).await?;
        let contents = Contents::parse(&head, file.bytes).map_err(|_| damaged(file, 0))?;
        Ok((contents, head))
    }

    /// Bytes of a file.
    async fn pieces(&self, file: &GraphFile, range: std::ops::Range<u64>) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        if range.is_empty() {
            return Ok(bytes);
        }
        let numbers = || -> Option<Vec<u32>> {
            let first = u32::try_from(range.start / PIECE).ok()?;
            let last = u32::try_from((range.end - 1) / PIECE).ok()?;
            (range.end <= file.bytes).then(|| (first..=last).collect())
        };
        let numbers = numbers().ok_or_else(|| damaged(file, 0))?;
        for some in numbers.chunks(TOGETHER) {
            let reads: Vec<Read> = some.iter().map(|piece| read_piece(file.id, *piece)).collect();
            for ((number, read), row) in some.iter().zip(&reads).zip(self.backend.get_many(&reads).await?) {
                let row = row.ok_or_else(|| damaged(file, *number))?;
                let piece = row::open(b'L', Table::Chunks, &read.key, &row)?.rest();
                let start = u64::from(*number) * PIECE;
                if piece.len() as u64 != PIECE.min(file.bytes - start) {
                    return Err(damaged(file, *number));
                }
                let within = |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
                let end = within(range.end).min(piece.len());
                bytes.extend_from_slice(piece.get(within(range.start)..end).unwrap_or_default());
            }
        }
        Ok(bytes)
    }
}

/// What `core.commitGraph` says: yes, unless it says no. What is not understood says nothing.
fn is_enabled(config: Option<&[u8]>) -> bool {
    let Some(row) = config else { return true };
    let text = row::open(b'C', Table::Meta, super::meta::CONFIG, row).map(|mut body| body.rest().to_vec());
    let config = text.ok().and_then(|text| Config::parse(&text).ok());
    config.is_none_or(|config| config.get_bool(b"core.commitGraph") != Some(false))
}

fn read_meta(key: &[u8]) -> Read {
    Read {
        table: Table::Meta,
        key: key.to_vec(),
        range: None,
    }
}

fn read_piece(file: PackId, piece: u32) -> Read {
    Read {
        table: Table::Chunks,
        key: chunk_key(file, piece),
        range: None,
    }
}

fn damaged(file: &GraphFile, piece: u32) -> StoreError {
    StoreError::Row {
        table: Table::Chunks,
        key: chunk_key(file.id, piece),
        fault: Fault::Inconsistent("is no part of a commit-graph"),
    }
}

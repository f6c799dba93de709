//! The small rows of a repository: whether it exists, where it came from, its settings, its
//! shallow boundary, the fence of its writers.
//!
//! ```text
//! table meta   key           kind   body
//!              state         S      schema u32
//!              generation    G      generation u64
//!              staged        L      nothing: there may be rows that were stored and not published
//!              url           U      the URL the repository comes from, without userinfo
//!              stats         T      objects u64, bytes u64, packs u64, last fetch i64 (seconds)
//!              shallow       H      object ids, ascending
//!              config        C      the text of git-config(1)
//!              manifest      M      see `manifest`
//!              pack + id     P      see `pack_store`
//!              commit-graph  K      see `commit_graph`
//! ```

use std::rc::Rc;

use super::error::{Fault, StoreError};
use super::row;
use crate::format::oid::ObjectId;
use crate::host::{Backend, Change, Read, Table};

/// The schema this build writes, and the only one it reads: 1 was of builds before the first release.
pub const SCHEMA: u32 = 2;

pub(crate) const STATE: &[u8] = b"state";
pub(crate) const GENERATION: &[u8] = b"generation";
const STAGED: &[u8] = b"staged";
const URL: &[u8] = b"url";
const STATS: &[u8] = b"stats";
pub(crate) const SHALLOW: &[u8] = b"shallow";
pub(crate) const CONFIG: &[u8] = b"config";

/// Figures kept with a repository, so that listing repositories reads one row each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Objects stored.
    pub objects: u64,
    /// Bytes of packs and objects stored.
    pub bytes: u64,
    /// Packs stored.
    pub packs: u64,
    /// When the remote was last asked, in seconds since 1970; `None` if never.
    pub last_fetched: Option<i64>,
}

/// Reads the small rows of a repository.
#[derive(Clone)]
pub struct Meta {
    backend: Rc<dyn Backend>,
}

impl Meta {
    /// Of the repository in that database.
    pub fn new(backend: Rc<dyn Backend>) -> Self {
        Meta { backend }
    }

    /// Whether the transaction that publishes the repository completed. A repository that answers
    /// false does not exist, whatever else its database holds.
    pub async fn published(&self) -> Result<bool, StoreError> {
        let Some(row) = self.row(STATE).await? else {
            return Ok(false);
        };
        let mut body = row::open(b'S', Table::Meta, STATE, &row)?;
        let found = body.u32()?;
        let supported = SCHEMA;
        if found > supported {
            return Err(StoreError::NewerSchema { found, supported });
        }
        if found < supported {
            return Err(StoreError::OlderSchema { found, supported });
        }
        body.end()?;
        Ok(true)
    }

    /// The fence, and what writers before left.
    pub(crate) async fn fence(&self) -> Result<Fence, StoreError> {
        let mut rows = self
            .backend
            .get_many(&[read(GENERATION), read(STAGED)])
            .await?
            .into_iter();
        let row = rows.next().flatten();
        let mut generation = 0;
        if let Some(row) = &row {
            let mut body = row::open(b'G', Table::Meta, GENERATION, row)?;
            generation = body.u64()?;
            body.end()?;
        }
        Ok(Fence {
            generation,
            row,
            staged: rows.next().flatten().is_some(),
        })
    }

    /// Where the repository comes from: what it was cloned from, or its default remote.
    pub async fn url(&self) -> Result<Option<String>, StoreError> {
        let Some(row) = self.row(URL).await? else {
            return Ok(None);
        };
        let mut body = row::open(b'U', Table::Meta, URL, &row)?;
        let text = std::str::from_utf8(body.rest()).map_err(|_| body.fail(Fault::Inconsistent("is not UTF-8")))?;
        Ok(Some(text.to_owned()))
    }

    /// The figures; zeroes if none were stored.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        let Some(row) = self.row(STATS).await? else {
            return Ok(Stats::default());
        };
        let mut body = row::open(b'T', Table::Meta, STATS, &row)?;
        let stats = Stats {
            objects: body.u64()?,
            bytes: body.u64()?,
            packs: body.u64()?,
            last_fetched: match body.u8()? {
                0 => None,
                _ => Some(i64::from_be_bytes(body.u64()?.to_be_bytes())),
            },
        };
        body.end()?;
        Ok(stats)
    }

    /// The commits whose parents were left with the remote (git's `shallow` file), ascending.
    pub async fn shallow(&self) -> Result<Vec<ObjectId>, StoreError> {
        let Some(row) = self.row(SHALLOW).await? else {
            return Ok(Vec::new());
        };
        let mut body = row::open(b'H', Table::Meta, SHALLOW, &row)?;
        let mut oids = Vec::new();
        while !body.is_empty() {
            oids.push(body.oid()?);
        }
        Ok(oids)
    }

    /// The text of the repository's configuration (git-config(1)); empty if none was stored.
    pub async fn config(&self) -> Result<Vec<u8>, StoreError> {
        let Some(row) = self.row(CONFIG).await? else {
            return Ok(Vec::new());
        };
        Ok(row::open(b'C', Table::Meta, CONFIG, &row)?.rest().to_vec())
    }

    async fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.backend.get_many(&[read(key)]).await?.pop().flatten())
    }
}

/// What a new writer finds.
pub(crate) struct Fence {
    /// How many writers there were so far.
    pub(crate) generation: u64,
    /// The row as it stands.
    pub(crate) row: Option<Vec<u8>>,
    /// Whether there may be rows that were stored and not published. The mark is made in every
    /// transaction that stores some, and goes in the one that publishes all of them, or after a sweep.
    pub(crate) staged: bool,
}

fn read(key: &[u8]) -> Read {
    Read {
        table: Table::Meta,
        key: key.to_vec(),
        range: None,
    }
}

fn put(kind: u8, key: &[u8], body: &[u8]) -> Change {
    Change::Put(Table::Meta, key.to_vec(), row::seal(kind, key, body))
}

pub(crate) fn put_state() -> Change {
    put(b'S', STATE, &SCHEMA.to_be_bytes())
}

/// An empty URL removes the row.
pub(crate) fn put_url(url: &str) -> Change {
    if url.is_empty() {
        return Change::Delete(Table::Meta, URL.to_vec());
    }
    put(b'U', URL, url.as_bytes())
}

pub(crate) fn put_config(text: &[u8]) -> Change {
    put(b'C', CONFIG, text)
}

pub(crate) fn generation_row(generation: u64) -> Vec<u8> {
    row::seal(b'G', GENERATION, &generation.to_be_bytes())
}

/// Comes first in a transaction: one that is cut off has it.
pub(crate) fn put_staged() -> Change {
    put(b'L', STAGED, b"")
}

/// Comes last in a transaction.
pub(crate) fn delete_staged() -> Change {
    Change::Delete(Table::Meta, STAGED.to_vec())
}

pub(crate) fn put_stats(stats: &Stats) -> Change {
    let mut body = Vec::with_capacity(33);
    for number in [stats.objects, stats.bytes, stats.packs] {
        body.extend_from_slice(&number.to_be_bytes());
    }
    match stats.last_fetched {
        None => body.push(0),
        Some(seconds) => {
            body.push(1);
            body.extend_from_slice(&seconds.to_be_bytes());
        }
    }
    put(b'T', STATS, &body)
}

/// An empty list removes the row: a complete repository has none, as git has no `shallow` file.
pub(crate) fn put_shallow(mut oids: Vec<ObjectId>) -> Change {
    oids.sort_unstable();
    oids.dedup();
    if oids.is_empty() {
        return Change::Delete(Table::Meta, SHALLOW.to_vec());
    }
    let body: Vec<u8> = oids.iter().flat_map(|oid| *oid.as_bytes()).collect();
    put(b'H', SHALLOW, &body)
}

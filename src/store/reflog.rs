//! Reflogs: git-reflog(1); what git keeps in files under `logs/`. An entry is a row of its own,
//! written in the transaction that changes the ref, and never written again.
//!
//! ```text
//! table refs     key                                         kind   body
//!   log entry    'l', name, 0, generation u64, number u32    l      a line of git's log file
//! ```
//!
//! The generation is the writer's, which every later writer raises, and the number counts what one
//! writer writes: an entry's place is known without looking for the last one.

use std::rc::Rc;

use super::error::{Fault, StoreError};
use super::row;
use crate::format::oid::ObjectId;
use crate::format::reflog::LogEntry;
use crate::host::{Backend, Change, Read, Table};

/// Rows read at once.
const PAGE: usize = 256;

/// Keys listed at once.
const KEYS: usize = 4096;

const LOG: u8 = b'l';

/// Bytes behind a name: its end, generation, number.
const TAIL: usize = 13;

/// The reflogs of one repository.
#[derive(Clone)]
pub struct Reflogs {
    backend: Rc<dyn Backend>,
}

/// An entry, and where it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// What happened.
    pub entry: LogEntry,
    /// For [`delete`].
    pub(crate) key: Vec<u8>,
}

impl Reflogs {
    /// Of the repository in that database.
    pub fn new(backend: Rc<dyn Backend>) -> Self {
        Reflogs { backend }
    }

    /// The refs that have a log, ordered bytewise.
    pub async fn names(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut names = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let keys = self.backend.list_keys(Table::Refs, &[LOG], after.as_deref(), 1);
            let Some(key) = keys.await?.pop() else {
                return Ok(names);
            };
            let name = name_of(&key)?.to_vec();
            // Behind every entry of that name: the byte after the name is 0 in all of them.
            let mut next = vec![LOG];
            next.extend_from_slice(&name);
            next.push(1);
            after = Some(next);
            names.push(name);
        }
    }

    /// Whether some ref whose name starts so has a log.
    pub(crate) async fn any(&self, prefix: &[u8]) -> Result<bool, StoreError> {
        let mut key = vec![LOG];
        key.extend_from_slice(prefix);
        Ok(!self.backend.list_keys(Table::Refs, &key, None, 1).await?.is_empty())
    }

    /// Whether the ref has a log.
    pub async fn exists(&self, name: &[u8]) -> Result<bool, StoreError> {
        let keys = self.backend.list_keys(Table::Refs, &log_key(name), None, 1).await?;
        Ok(!keys.is_empty())
    }

    /// Where the entries of a ref are, oldest first.
    pub(crate) async fn keys(&self, name: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let prefix = log_key(name);
        let mut keys: Vec<Vec<u8>> = Vec::new();
        loop {
            let after = keys.last().cloned();
            let more = self.backend.list_keys(Table::Refs, &prefix, after.as_deref(), KEYS);
            let more = more.await?;
            if more.is_empty() {
                return Ok(keys);
            }
            keys.extend(more);
        }
    }

    /// The entries under these keys, in their order; those that were deleted meanwhile are left
    /// out.
    pub(crate) async fn read(&self, keys: &[Vec<u8>]) -> Result<Vec<StoredEntry>, StoreError> {
        let reads: Vec<Read> = keys.iter().map(|key| whole(key)).collect();
        let mut entries = Vec::with_capacity(keys.len());
        for (key, row) in keys.iter().zip(self.backend.get_many(&reads).await?) {
            if let Some(row) = row {
                entries.push(parse(key, &row)?);
            }
        }
        Ok(entries)
    }

    /// All entries of a ref, oldest first.
    pub async fn entries(&self, name: &[u8]) -> Result<Vec<StoredEntry>, StoreError> {
        let keys = self.keys(name).await?;
        let mut entries = Vec::with_capacity(keys.len());
        for page in keys.chunks(PAGE) {
            entries.extend(self.read(page).await?);
        }
        Ok(entries)
    }

    /// What `name@{back}` means: the new value of the entry so many before the last one, or the
    /// old value of the oldest entry, one further. `None` where the log does not reach so far.
    pub async fn at(&self, name: &[u8], back: usize) -> Result<Option<Option<ObjectId>>, StoreError> {
        let keys = self.keys(name).await?;
        let entry = |at: Option<usize>| at.and_then(|at| keys.get(at)).map(std::slice::from_ref);
        if let Some(key) = entry(keys.len().checked_sub(back.saturating_add(1))) {
            return Ok(self.read(key).await?.pop().map(|found| found.entry.new));
        }
        match entry(Some(0)).filter(|_| back == keys.len()) {
            Some(key) => Ok(self.read(key).await?.pop().map(|found| found.entry.old)),
            None => Ok(None),
        }
    }

    /// Every object that an entry names, each once, ascending: reflogs keep objects from being
    /// collected.
    pub async fn oids(&self) -> Result<Vec<ObjectId>, StoreError> {
        let mut oids = crate::sorted::SortedSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.backend.list(Table::Refs, &[LOG], after.as_deref(), PAGE).await?;
            for (key, row) in &rows {
                let found = parse(key, row)?.entry;
                oids.extend(found.old.into_iter().chain(found.new));
            }
            match rows.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(oids.into_iter().collect()),
            }
        }
    }
}

fn whole(key: &[u8]) -> Read {
    Read {
        table: Table::Refs,
        key: key.to_vec(),
        range: None,
    }
}

fn log_key(name: &[u8]) -> Vec<u8> {
    let mut key = vec![LOG];
    key.extend_from_slice(name);
    key.push(0);
    key
}

/// The ref that a key belongs to.
fn name_of(key: &[u8]) -> Result<&[u8], StoreError> {
    let name = key
        .len()
        .checked_sub(TAIL)
        .filter(|end| key.get(*end) == Some(&0))
        .and_then(|end| key.get(1..end));
    name.ok_or_else(|| StoreError::Row {
        table: Table::Refs,
        key: key.to_vec(),
        fault: Fault::Layout,
    })
}

fn parse(key: &[u8], row: &[u8]) -> Result<StoredEntry, StoreError> {
    let mut body = row::open(LOG, Table::Refs, key, row)?;
    let entry = LogEntry::parse(body.rest()).map_err(|_| body.fail(Fault::Inconsistent("is no line of a reflog")))?;
    Ok(StoredEntry {
        entry,
        key: key.to_vec(),
    })
}

/// Appends an entry. `generation` and `number` are larger than those of every entry before.
pub(crate) fn append(name: &[u8], generation: u64, number: u32, entry: &LogEntry) -> Change {
    let mut key = log_key(name);
    key.extend_from_slice(&generation.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    let row = row::seal(LOG, &key, &entry.to_line());
    Change::Put(Table::Refs, key, row)
}

/// Deletes an entry.
pub(crate) fn delete(entry: &StoredEntry) -> Change {
    Change::Delete(Table::Refs, entry.key.clone())
}

/// Deletes the log of a ref.
pub(crate) fn delete_log(name: &[u8]) -> Change {
    Change::DeletePrefix(Table::Refs, log_key(name))
}

//! Databases in memory, for native tests and for `storage: 'memory'`. Everything is gone with the
//! process. Passes the same contract suite as the databases of a browser.

use std::cell::{Cell, RefCell};
use std::ops::Bound;
use std::rc::Rc;

use crate::host::locks::LocalLocks;
use crate::host::{
    Async, Backend, Batch, Change, LockGuard, LockMode, Read, Row, Storage, StorageError, Table, Usage, Wait,
};
use crate::sorted::SortedMap;

/// Databases in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryStorage {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    databases: RefCell<SortedMap<String, Rc<Database>>>,
    locks: LocalLocks,
    last_id: Cell<u64>,
    limit: Cell<Option<u64>>,
}

impl MemoryStorage {
    /// Without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses batches that would take all databases together over so many bytes (keys and
    /// values) with [`StorageError::Quota`].
    pub fn set_limit(&self, bytes: Option<u64>) {
        self.inner.limit.set(bytes);
    }

    /// Bytes held by all databases: keys and values.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
}

impl Inner {
    fn bytes(&self) -> u64 {
        self.databases.borrow().values().map(|database| database.bytes()).sum()
    }
}

/// Bytes, shared between the database and nobody else: a reader gets a copy.
type Rows = SortedMap<Vec<u8>, Rc<[u8]>>;

#[derive(Default)]
struct Database {
    tables: RefCell<SortedMap<Table, Rows>>,
    destroyed: Cell<bool>,
}

impl Database {
    fn bytes(&self) -> u64 {
        let tables = self.tables.borrow();
        let rows = tables.values().flatten();
        rows.map(|(key, value)| key.len() as u64 + value.len() as u64).sum()
    }
}

/// A handle on one database in memory.
pub struct MemoryBackend {
    storage: Rc<Inner>,
    database: Rc<Database>,
    closed: Cell<bool>,
}

impl MemoryBackend {
    fn check(&self) -> Result<(), StorageError> {
        let detail = match (self.database.destroyed.get(), self.closed.get()) {
            (true, _) => "deleted",
            (_, true) => "closed",
            _ => return Ok(()),
        };
        Err(StorageError::Gone { detail: detail.into() })
    }

    fn get_many_now(&self, reads: &[Read]) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        self.check()?;
        let tables = self.database.tables.borrow();
        let find = |read: &Read| {
            let value = tables.get(&read.table)?.get(&read.key)?;
            Some(match &read.range {
                None => value.to_vec(),
                Some(range) => clip(value, range).to_vec(),
            })
        };
        Ok(reads.iter().map(find).collect())
    }

    fn scan<T>(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        row: impl Fn(&Vec<u8>, &Rc<[u8]>) -> T,
    ) -> Result<Vec<T>, StorageError> {
        self.check()?;
        let tables = self.database.tables.borrow();
        let Some(rows) = tables.get(&table) else {
            return Ok(Vec::new());
        };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(rows
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| row(key, value))
            .collect())
    }

    fn commit_now(&self, batch: Batch) -> Result<(), StorageError> {
        self.check()?;
        let mut tables = self.database.tables.borrow_mut();
        for (expectation, expect) in batch.expect.iter().enumerate() {
            let found = tables.get(&expect.table).and_then(|rows| rows.get(&expect.key));
            if found.map(|value| &value[..]) != expect.value.as_deref() {
                return Err(StorageError::Conflict { expectation });
            }
        }
        // Values are shared, so the copy that a refusal falls back on costs the keys alone.
        let before = self.storage.limit.get().map(|limit| (limit, tables.clone()));
        for change in batch.changes {
            match change {
                Change::Put(table, key, value) => {
                    tables.entry(table).or_default().insert(key, value.into());
                }
                Change::Delete(table, key) => {
                    if let Some(rows) = tables.get_mut(&table) {
                        rows.remove(&key);
                    }
                }
                Change::DeletePrefix(table, prefix) => {
                    if let Some(rows) = tables.get_mut(&table) {
                        rows.retain(|key, _| !key.starts_with(&prefix));
                    }
                }
            }
        }
        drop(tables);
        match before {
            Some((limit, tables)) if self.storage.bytes() > limit => {
                self.database.tables.replace(tables);
                Err(StorageError::Quota {
                    detail: format!("the limit is {limit} bytes"),
                })
            }
            _ => Ok(()),
        }
    }
}

/// The part of `value` that `range` covers.
fn clip<'a>(value: &'a [u8], range: &std::ops::Range<u64>) -> &'a [u8] {
    let clip = |at: u64| usize::try_from(at).map_or(value.len(), |at| at.min(value.len()));
    value.get(clip(range.start)..clip(range.end)).unwrap_or_default()
}

fn ready<'a, T: 'a>(value: T) -> Async<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Backend for MemoryBackend {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        ready(self.get_many_now(reads))
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        ready(self.scan(table, prefix, after, limit, |key, value| (key.clone(), value.to_vec())))
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        ready(self.scan(table, prefix, after, limit, |key, _| key.clone()))
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        ready(self.commit_now(batch))
    }

    fn close(&self) {
        self.closed.set(true);
    }
}

impl Storage for MemoryStorage {
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>> {
        let mut databases = self.inner.databases.borrow_mut();
        let backend = MemoryBackend {
            storage: Rc::clone(&self.inner),
            database: Rc::clone(databases.entry(database.to_owned()).or_default()),
            closed: Cell::new(false),
        };
        ready(Ok(Rc::new(backend)))
    }

    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>> {
        if let Some(database) = self.inner.databases.borrow_mut().remove(database) {
            database.destroyed.set(true);
        }
        ready(Ok(()))
    }

    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>> {
        let databases = self.inner.databases.borrow();
        let names = databases.keys().filter(|name| name.starts_with(prefix));
        ready(Ok(Some(names.cloned().collect())))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>> {
        Box::pin(async move { Ok(self.inner.locks.lock(name, mode, wait).await) })
    }

    fn locks_span_tabs(&self) -> bool {
        // No other tab can see these databases.
        true
    }

    fn unique_id(&self) -> Result<String, StorageError> {
        // Unique among the databases of this storage, which is all that can meet.
        let id = self.inner.last_id.get().wrapping_add(1);
        self.inner.last_id.set(id);
        Ok(format!("{id:032x}"))
    }

    fn usage(&self) -> Async<'_, Usage> {
        ready(Usage {
            bytes: Some(self.bytes()),
            persisted: false,
        })
    }

    fn persist(&self) -> Async<'_, bool> {
        ready(false)
    }
}

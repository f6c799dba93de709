//! Storage that fails, hangs or dies at a call of the test's choice.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::host::{Async, Backend, Batch, LockGuard, LockMode, Read, Row, Storage, StorageError, Table, Usage, Wait};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// The call fails and does nothing.
    Fail,
    /// The call is done, and fails all the same.
    FailLate,
    /// There is no room.
    Quota,
    /// The call never returns.
    Hang,
    /// It is done, and never returns: the tab dies right after.
    HangLate,
}

impl Kill {
    /// What comes of a call that it strikes.
    pub async fn strike<T>(self, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        let detail = "injected".to_owned();
        match self {
            Kill::Fail => Err(StorageError::Other { detail }),
            Kill::Quota => Err(StorageError::Quota { detail }),
            Kill::Hang => std::future::pending().await,
            Kill::FailLate => {
                call.await?;
                Err(StorageError::Other { detail })
            }
            Kill::HangLate => {
                call.await?;
                std::future::pending().await
            }
        }
    }
}

pub const KILLS: [Kill; 5] = [Kill::Fail, Kill::FailLate, Kill::Quota, Kill::Hang, Kill::HangLate];

/// What all handles of a faulty storage share.
pub struct Plan {
    /// The call that strikes, counted from 1; 0 for none.
    pub left: Cell<usize>,
    pub kill: Kill,
    pub calls: Cell<usize>,
    /// Rows that were asked for, listed or changed.
    pub rows: Cell<usize>,
    /// Called after every commit that went through.
    pub after_commit: RefCell<Box<dyn FnMut()>>,
}

impl Plan {
    /// Whether this call is the one.
    fn strikes(&self) -> bool {
        self.calls.set(self.calls.get() + 1);
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }

    fn count(&self, rows: usize) {
        self.rows.set(self.rows.get() + rows);
    }

    async fn around<T>(&self, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        match self.strikes() {
            true => self.kill.strike(call).await,
            false => call.await,
        }
    }
}

pub struct Faulty {
    pub inner: Rc<dyn Storage>,
    pub plan: Rc<Plan>,
}

struct FaultyBackend {
    inner: Rc<dyn Backend>,
    plan: Rc<Plan>,
}

impl Backend for FaultyBackend {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        self.plan.count(reads.len());
        Box::pin(self.plan.around(self.inner.get_many(reads)))
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        Box::pin(self.plan.around(async move {
            let rows = self.inner.list(table, prefix, after, limit).await?;
            self.plan.count(rows.len());
            Ok(rows)
        }))
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        Box::pin(self.plan.around(self.inner.list_keys(table, prefix, after, limit)))
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        self.plan.count(batch.changes.len());
        let commit = async {
            self.inner.commit(batch).await?;
            (self.plan.after_commit.borrow_mut())();
            Ok(())
        };
        Box::pin(self.plan.around(commit))
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl Storage for Faulty {
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>> {
        Box::pin(self.plan.around(async {
            let backend = FaultyBackend {
                inner: self.inner.open(database).await?,
                plan: Rc::clone(&self.plan),
            };
            Ok(Rc::new(backend) as Rc<dyn Backend>)
        }))
    }

    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>> {
        Box::pin(self.plan.around(self.inner.destroy(database)))
    }

    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>> {
        Box::pin(self.plan.around(self.inner.databases(prefix)))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>> {
        Box::pin(self.plan.around(self.inner.lock(name, mode, wait)))
    }

    fn locks_span_tabs(&self) -> bool {
        true
    }

    fn unique_id(&self) -> Result<String, StorageError> {
        self.inner.unique_id()
    }

    fn usage(&self) -> Async<'_, Usage> {
        self.inner.usage()
    }

    fn persist(&self) -> Async<'_, bool> {
        self.inner.persist()
    }
}

//! Storage that lets a test do something at every call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::host::{Async, Backend, Batch, LockGuard, LockMode, Read, Row, Storage, StorageError, Table, Usage, Wait};

use crate::faulty::Kill;

/// Told the number of a call.
pub type Hook = Box<dyn Fn(usize)>;

/// What happens at the calls of a watched storage.
#[derive(Default)]
pub struct Plan {
    /// Calls so far.
    pub calls: Cell<usize>,
    /// The call that fails, from 1 on, and how.
    pub kill: Cell<Option<(usize, Kill)>>,
    /// Run before every call, with its number.
    pub before: RefCell<Option<Hook>>,
}

impl Plan {
    async fn around<T>(&self, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        self.calls.set(self.calls.get() + 1);
        let number = self.calls.get();
        if let Some(before) = &*self.before.borrow() {
            before(number);
        }
        match self.kill.get().filter(|(at, _)| *at == number) {
            None => call.await,
            Some((_, kill)) => kill.strike(call).await,
        }
    }
}

/// Storage that follows a plan.
pub struct Watched {
    pub inner: Rc<dyn Storage>,
    pub plan: Rc<Plan>,
}

struct WatchedBackend {
    inner: Rc<dyn Backend>,
    plan: Rc<Plan>,
}

impl Backend for WatchedBackend {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>> {
        Box::pin(self.plan.around(async { self.inner.get_many(reads).await }))
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        Box::pin(
            self.plan
                .around(async move { self.inner.list(table, prefix, after, limit).await }),
        )
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        Box::pin(
            self.plan
                .around(async move { self.inner.list_keys(table, prefix, after, limit).await }),
        )
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        Box::pin(self.plan.around(async move { self.inner.commit(batch).await }))
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl Storage for Watched {
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>> {
        Box::pin(async move {
            let inner = self.inner.open(database).await?;
            let plan = Rc::clone(&self.plan);
            Ok(Rc::new(WatchedBackend { inner, plan }) as Rc<dyn Backend>)
        })
    }

    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>> {
        self.inner.destroy(database)
    }

    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>> {
        self.inner.databases(prefix)
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>> {
        self.inner.lock(name, mode, wait)
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

//! One open database. Every call is one transaction, begun when the call is made; its requests are
//! queued in one go, because a transaction ends as soon as it has none, and what decides between
//! them (the expectations of a batch) is done inside an event of the transaction itself.
//!
//! A WebAssembly trap between two puts would commit the first, so everything is converted before
//! the transaction opens, and whatever throws aborts it.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbKeyRange, IdbObjectStore, IdbRequest, IdbTransaction};

use super::event::{self, Flow};
use super::{name_of, refusal, text};
use crate::host::{Async, Backend, Batch, Change, Read, Row, StorageError, Table};

#[wasm_bindgen]
extern "C" {
    type Database;
    #[wasm_bindgen(method, catch)]
    fn transaction(this: &Database, stores: &Array, mode: &str, options: &JsValue) -> Result<IdbTransaction, JsValue>;
}

/// What is in a row, or `None` where there is none.
type Value = Option<Vec<u8>>;

pub(super) struct IdbBackend {
    database: IdbDatabase,
    /// Why the database is not open any more.
    closed: Rc<RefCell<Option<String>>>,
    _on_close: Closure<dyn FnMut()>,
    _on_version_change: Closure<dyn FnMut()>,
}

impl IdbBackend {
    pub(super) fn new(database: IdbDatabase) -> Self {
        let closed: Rc<RefCell<Option<String>>> = Rc::default();
        let note = Rc::clone(&closed);
        let on_close = Closure::<dyn FnMut()>::new(move || {
            note.borrow_mut().get_or_insert("the browser closed it".to_owned());
        });
        let (note, connection) = (Rc::clone(&closed), database.clone());
        let on_version_change = Closure::<dyn FnMut()>::new(move || {
            note.borrow_mut()
                .get_or_insert("it is being deleted or upgraded".to_owned());
            // Waits for the running transactions, then lets the other tab through.
            connection.close();
        });
        database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        database.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        IdbBackend {
            database,
            closed,
            _on_close: on_close,
            _on_version_change: on_version_change,
        }
    }

    fn check(&self) -> Result<(), StorageError> {
        match &*self.closed.borrow() {
            None => Ok(()),
            Some(detail) => Err(StorageError::Gone { detail: detail.clone() }),
        }
    }

    fn begin(&self, tables: &[Table], mode: &str, durable: bool) -> Result<IdbTransaction, StorageError> {
        self.check()?;
        let stores = Array::new();
        for table in Table::ALL.iter().filter(|table| tables.contains(table)) {
            stores.push(&table.name().into());
        }
        let options = Object::new();
        let durability = if durable { "strict" } else { "relaxed" };
        let _ = Reflect::set(&options, &"durability".into(), &durability.into());
        let transaction = self
            .database
            .unchecked_ref::<Database>()
            .transaction(&stores, mode, &options);
        transaction.map_err(|error| match name_of(&error).as_str() {
            "InvalidStateError" => StorageError::Gone { detail: text(&error) },
            "NotFoundError" => StorageError::Corrupt { detail: text(&error) },
            _ => refusal(&error),
        })
    }

    /// The outcome of a transaction that reads: the results of its requests, in their order, converted.
    ///
    /// Each is converted in the event that brings it. To have the values of many rows made in one event
    /// would be milliseconds of work at a time.
    fn reading<T: 'static>(
        &self,
        transaction: &IdbTransaction,
        requests: &[IdbRequest],
        mut convert: Box<dyn FnMut(usize, JsValue) -> Result<T, StorageError>>,
    ) -> impl Future<Output = Result<Vec<T>, StorageError>> + use<T> {
        let mut converted = Vec::with_capacity(requests.len());
        let asked = requests.to_vec();
        let (target, closed) = (transaction.clone(), Rc::clone(&self.closed));
        let (listener, done) = event::listen(move |event, _| match event::kind(event).as_str() {
            // They come in the order of the requests.
            "success" => {
                let number = converted.len();
                let Some(request) = asked.get(number) else {
                    return Flow::Wait;
                };
                let value = request.result().map_err(|error| refusal(&error));
                match value.and_then(|value| convert(number, value)) {
                    Ok(value) => converted.push(value),
                    Err(error) => return Flow::Value(Err(error)),
                }
                match converted.len() == asked.len() {
                    true => Flow::Value(Ok(std::mem::take(&mut converted))),
                    false => Flow::Wait,
                }
            }
            "complete" => Flow::End(Ok(Vec::new())),
            _ => Flow::End(Err(aborted(&target, &closed))),
        });
        listen_to(transaction, requests, &listener);
        done
    }

    fn listing(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        values: bool,
    ) -> Result<impl Future<Output = Result<Vec<Array>, StorageError>> + use<>, StorageError> {
        self.check()?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let range = if limit == 0 { None } else { range(prefix, after)? };
        let reading = match range {
            None => None,
            Some(range) => {
                let transaction = self.begin(&[table], "readonly", false)?;
                let ask = || -> Result<Vec<IdbRequest>, JsValue> {
                    let store = transaction.object_store(table.name())?;
                    let mut requests = vec![store.get_all_keys_with_key_and_limit(&range, limit)?];
                    if values {
                        requests.push(store.get_all_with_key_and_limit(&range, limit)?);
                    }
                    Ok(requests)
                };
                let requests = ask().map_err(|error| refusal(&error))?;
                Some(self.reading(&transaction, &requests, Box::new(|_, list| Ok(Array::from(&list)))))
            }
        };
        Ok(async move {
            match reading {
                None => Ok(vec![Array::new(), Array::new()]),
                Some(reading) => reading.await,
            }
        })
    }
}

impl Drop for IdbBackend {
    fn drop(&mut self) {
        self.database.set_onclose(None);
        self.database.set_onversionchange(None);
        self.database.close();
    }
}

/// Why a transaction was aborted, when it was not us.
fn aborted(transaction: &IdbTransaction, closed: &RefCell<Option<String>>) -> StorageError {
    if let Some(detail) = &*closed.borrow() {
        return StorageError::Gone { detail: detail.clone() };
    }
    match transaction.error() {
        Some(error) if error.name() == "AbortError" => StorageError::Gone { detail: text(&error) },
        Some(error) => refusal(&error),
        None => StorageError::Other {
            detail: "the transaction was aborted".to_owned(),
        },
    }
}

/// The keys that start with `prefix` and come after `after`; `None` if there can be none.
fn range(prefix: &[u8], after: Option<&[u8]>) -> Result<Option<JsValue>, StorageError> {
    let (lower, open) = match after {
        Some(after) if after >= prefix => (after, true),
        _ => (prefix, false),
    };
    let key = JsValue::from(Uint8Array::from(lower));
    let range = match successor(prefix) {
        None => IdbKeyRange::lower_bound_with_open(&key, open),
        Some(upper) if lower >= upper.as_slice() => return Ok(None),
        Some(upper) => {
            let upper = JsValue::from(Uint8Array::from(upper.as_slice()));
            IdbKeyRange::bound_with_lower_open_and_upper_open(&key, &upper, open, true)
        }
    };
    Ok(Some(range.map_err(|error| refusal(&error))?.into()))
}

/// The first key that no longer starts with the prefix; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if let Some(last) = last.checked_add(1) {
            next.push(last);
            return Some(next);
        }
    }
    None
}

/// A value as it comes back, or the part of it that was asked for. `None` where there is no row.
fn found(value: &JsValue, range: Option<&std::ops::Range<u64>>) -> Result<Value, StorageError> {
    if value.is_undefined() {
        return Ok(None);
    }
    let Some(bytes) = value.dyn_ref::<Uint8Array>() else {
        let detail = "a value is no byte array".to_owned();
        return Err(StorageError::Corrupt { detail });
    };
    let Some(range) = range else {
        let copy = bytes.to_vec();
        let_go(bytes);
        return Ok(Some(copy));
    };
    let clip = |at: u64| u32::try_from(at).unwrap_or(u32::MAX).min(bytes.length());
    let (start, end) = (clip(range.start), clip(range.end));
    Ok(Some(bytes.subarray(start, end.max(start)).to_vec()))
}

/// Gives back the memory of a large value, which nobody else has: the garbage collector lets more of
/// them gather than the whole engine takes. Where `ArrayBuffer.prototype.transfer` (ES2024) does not
/// exist it is left to it.
fn let_go(bytes: &Uint8Array) {
    if bytes.length() < LARGE {
        return;
    }
    hasten_collection(bytes.length());
    let buffer = bytes.buffer();
    let transfer = Reflect::get(&buffer, &JsValue::from_str("transfer"));
    if let Ok(Ok(transfer)) = transfer.map(JsCast::dyn_into::<Function>) {
        // What cannot be given back is collected later.
        let _ = transfer.call1(&buffer, &JsValue::from(0));
    }
}

/// Bytes of a value that is worth a call of its own.
const LARGE: u32 = 64 << 10;

/// Has garbage collected sooner, on behalf of a large value that was read or written. The browser
/// makes copies of it that only the garbage collector frees, and that do not count when the browser
/// decides whether to run it. An array that nobody touches counts and takes no memory. With arrays of
/// four times the values, a clone of 440 MB takes 310 MiB at its peak instead of 420.
fn hasten_collection(bytes: u32) {
    ArrayBuffer::new(bytes.saturating_mul(4).min(4 << 20));
}

fn key_bytes(key: &JsValue) -> Vec<u8> {
    key.dyn_ref::<ArrayBuffer>()
        .map(|key| Uint8Array::new(key).to_vec())
        .unwrap_or_default()
}

/// A change, everything in it converted.
enum Prepared {
    Put(Table, JsValue, JsValue),
    Delete(Table, JsValue),
}

fn prepare(change: Change) -> Result<Prepared, StorageError> {
    Ok(match change {
        Change::Put(table, key, value) => {
            let key = Uint8Array::from(key.as_slice());
            let bytes = Uint8Array::from(value.as_slice());
            if bytes.length() >= LARGE {
                hasten_collection(bytes.length());
            }
            Prepared::Put(table, key.into(), bytes.into())
        }
        Change::Delete(table, key) => Prepared::Delete(table, Uint8Array::from(key.as_slice()).into()),
        Change::DeletePrefix(table, prefix) => match range(&prefix, None)? {
            Some(range) => Prepared::Delete(table, range),
            None => Prepared::Delete(table, Uint8Array::from(prefix.as_slice()).into()),
        },
    })
}

/// Queues all changes.
fn apply(transaction: &IdbTransaction, changes: &[Prepared]) -> Result<(), JsValue> {
    let mut open: Vec<(Table, IdbObjectStore)> = Vec::new();
    for change in changes {
        let (Prepared::Put(table, ..) | Prepared::Delete(table, _)) = change;
        if !open.iter().any(|(other, _)| other == table) {
            open.push((*table, transaction.object_store(table.name())?));
        }
        let Some((_, store)) = open.iter().find(|(other, _)| other == table) else {
            continue;
        };
        match change {
            Prepared::Put(_, key, value) => store.put_with_key(value, key)?,
            Prepared::Delete(_, key) => store.delete(key)?,
        };
    }
    Ok(())
}

impl IdbBackend {
    fn begin_reads(
        &self,
        reads: &[Read],
    ) -> Result<Option<impl Future<Output = Result<Vec<Value>, StorageError>> + use<>>, StorageError> {
        self.check()?;
        if reads.is_empty() {
            return Ok(None);
        }
        let tables: Vec<Table> = reads.iter().map(|read| read.table).collect();
        let transaction = self.begin(&tables, "readonly", false)?;
        let get = |read: &Read| {
            let store = transaction.object_store(read.table.name())?;
            store.get(&Uint8Array::from(read.key.as_slice()).into())
        };
        let requests = reads.iter().map(get).collect::<Result<Vec<_>, JsValue>>();
        let requests = requests.map_err(|error| refusal(&error))?;
        let ranges: Vec<_> = reads.iter().map(|read| read.range.clone()).collect();
        let convert = move |number: usize, value| found(&value, ranges.get(number).and_then(Option::as_ref));
        Ok(Some(self.reading(&transaction, &requests, Box::new(convert))))
    }

    fn begin_commit(
        &self,
        batch: Batch,
    ) -> Result<impl Future<Output = Result<(), StorageError>> + use<>, StorageError> {
        self.check()?;
        let mut tables: Vec<Table> = batch.expect.iter().map(|expect| expect.table).collect();
        tables.extend(batch.changes.iter().map(|change| match change {
            Change::Put(table, ..) | Change::Delete(table, _) | Change::DeletePrefix(table, _) => *table,
        }));
        let nothing = tables.is_empty();
        let changes = batch.changes.into_iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<JsValue> = batch
            .expect
            .iter()
            .map(|expect| Uint8Array::from(expect.key.as_slice()).into())
            .collect();
        let started = if nothing {
            None
        } else {
            let transaction = self.begin(&tables, "readwrite", batch.durable)?;
            Some(self.start(transaction, batch.expect, keys, changes)?)
        };
        Ok(async move {
            match started {
                None => Ok(()),
                Some(done) => done.await,
            }
        })
    }

    fn start(
        &self,
        transaction: IdbTransaction,
        expect: Vec<crate::host::Expect>,
        keys: Vec<JsValue>,
        changes: Vec<Prepared>,
    ) -> Result<impl Future<Output = Result<(), StorageError>> + use<>, StorageError> {
        // Nothing of the batch happens if anything throws.
        let abort = |transaction: &IdbTransaction, error: JsValue| {
            let _ = transaction.abort();
            refusal(&error)
        };
        let mut requests: Vec<IdbRequest> = Vec::with_capacity(keys.len());
        for (expect, key) in expect.iter().zip(&keys) {
            let store = transaction.object_store(expect.table.name());
            let request = store.and_then(|store| store.get(key));
            requests.push(request.map_err(|error| abort(&transaction, error))?);
        }
        if requests.is_empty() {
            apply(&transaction, &changes).map_err(|error| abort(&transaction, error))?;
        }
        let mut left = requests.len();
        let (target, asked, closed) = (transaction.clone(), requests.clone(), Rc::clone(&self.closed));
        let mut refused = None;
        let (listener, done) = event::listen(move |event, _| match event::kind(event).as_str() {
            "complete" => Flow::End(Ok(())),
            "abort" => Flow::End(Err(refused.take().unwrap_or_else(|| aborted(&target, &closed)))),
            // A row that is expected was read. After the last one, still within its event, either
            // all changes are queued or the transaction is aborted.
            _ => {
                left = left.saturating_sub(1);
                if left == 0 {
                    let checked = first_difference(&expect, &asked);
                    refused = match checked {
                        Ok(None) => apply(&target, &changes).err().map(|error| refusal(&error)),
                        Ok(Some(expectation)) => Some(StorageError::Conflict { expectation }),
                        Err(error) => Some(error),
                    };
                    if refused.is_some() {
                        let _ = target.abort();
                    }
                }
                Flow::Wait
            }
        });
        listen_to(&transaction, &requests, &listener);
        Ok(done)
    }
}

fn listen_to(transaction: &IdbTransaction, requests: &[IdbRequest], listener: &Function) {
    for request in requests {
        request.set_onsuccess(Some(listener));
    }
    transaction.set_oncomplete(Some(listener));
    transaction.set_onabort(Some(listener));
}

/// The first expectation that does not hold.
fn first_difference(expect: &[crate::host::Expect], rows: &[IdbRequest]) -> Result<Option<usize>, StorageError> {
    for (at, (expect, row)) in expect.iter().zip(rows).enumerate() {
        let value = row.result().map_err(|error| refusal(&error))?;
        if found(&value, None)? != expect.value {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

impl Backend for IdbBackend {
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Value>, StorageError>> {
        let begun = self.begin_reads(reads);
        Box::pin(async move {
            match begun? {
                Some(reading) => reading.await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>> {
        let listing = self.listing(table, prefix, after, limit, true);
        Box::pin(async move {
            let lists = listing?.await?;
            let [keys, values] = lists.as_slice() else {
                return Ok(Vec::new());
            };
            let row =
                |(key, value): (JsValue, JsValue)| Ok((key_bytes(&key), found(&value, None)?.unwrap_or_default()));
            keys.iter().zip(values.iter()).map(row).collect()
        })
    }

    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>> {
        let listing = self.listing(table, prefix, after, limit, false);
        Box::pin(async move {
            let lists = listing?.await?;
            Ok(lists
                .first()
                .map(|keys| keys.iter().map(|key| key_bytes(&key)).collect())
                .unwrap_or_default())
        })
    }

    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>> {
        let begun = self.begin_commit(batch);
        Box::pin(async move { begun?.await })
    }

    fn close(&self) {
        self.closed.borrow_mut().get_or_insert("closed".to_owned());
        self.database.close();
    }
}

//! Databases in IndexedDB: opening, destroying and listing them. What is in them: [`backend`].
//!
//! Each [`Table`] is an object store without key path, keyed by binary keys. The database's version
//! is the schema of the object stores; a connection lets go as soon as another tab wants to delete
//! or upgrade the database, and everything after that fails with [`StorageError::Gone`].

mod backend;
mod event;

use std::rc::Rc;

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, IdbDatabase, IdbFactory, IdbOpenDbRequest};

use crate::host::{Backend, StorageError, Table};
use backend::IdbBackend;
use event::{Flow, sleep};

/// The version of the databases this build writes.
const VERSION: u32 = 1;

/// How long another tab gets to close a database that is to be deleted or upgraded. Ours close at
/// once, when their running transactions are done.
const BLOCKED_FOR: u32 = 3000;

/// How often opening is tried when the browser says `UnknownError`, and the wait between two tries
/// in milliseconds. A backing store that is just being closed or cleaned opens the next time.
const OPEN_ATTEMPTS: u32 = 3;
const OPEN_PAUSE: u32 = 100;

fn factory() -> Result<IdbFactory, StorageError> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(|error| refusal(&error))?;
    if factory.is_undefined() || factory.is_null() {
        let detail = "this context has no indexedDB".to_owned();
        return Err(StorageError::Unavailable { detail });
    }
    Ok(factory.unchecked_into())
}

/// Opens a database, creating it where there is none.
pub(super) async fn open(name: &str) -> Result<Rc<dyn Backend>, StorageError> {
    let mut attempt = 0;
    loop {
        match open_once(name).await {
            Ok(database) => return Ok(Rc::new(IdbBackend::new(database))),
            Err(error) if name_of(&error) == "VersionError" => return Err(newer(name).await),
            Err(error) if name_of(&error) == "UnknownError" => {
                attempt += 1;
                if attempt >= OPEN_ATTEMPTS {
                    return Err(refusal(&error));
                }
                sleep(OPEN_PAUSE * attempt).await;
            }
            Err(error) if error.is_null() => return Err(StorageError::Blocked),
            Err(error) => return Err(refusal(&error)),
        }
    }
}

/// One attempt. Fails with the browser's exception, or with null if it is blocked.
async fn open_once(name: &str) -> Result<IdbDatabase, JsValue> {
    let factory = factory().map_err(|error| JsValue::from(js_sys::Error::new(&error.to_string())))?;
    let request = factory.open_with_u32(name, VERSION)?;
    wait_for(&request, |request| {
        let database: IdbDatabase = request.result()?.unchecked_into();
        for table in Table::ALL {
            if !database.object_store_names().contains(table.name()) {
                database.create_object_store(table.name())?;
            }
        }
        Ok(())
    })
    .await
    .map(JsCast::unchecked_into)
}

/// The version of a database that is newer than ours.
async fn newer(name: &str) -> StorageError {
    let found = async {
        let request = factory().ok()?.open(name).ok()?;
        let database: IdbDatabase = wait_for(&request, |_| Ok(())).await.ok()?.unchecked_into();
        let version = database.version();
        database.close();
        // A version is a whole number below 2^53; the cast saturates.
        Some(version as u32)
    };
    StorageError::NewerSchema {
        found: found.await.unwrap_or(u32::MAX),
        supported: VERSION,
    }
}

/// Deletes a database.
pub(super) async fn destroy(name: &str) -> Result<(), StorageError> {
    let request = factory()?.delete_database(name).map_err(|error| refusal(&error))?;
    match wait_for(&request, |_| Ok(())).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_null() => Err(StorageError::Blocked),
        Err(error) => Err(refusal(&error)),
    }
}

/// Names of databases, where the browser tells.
pub(super) async fn databases(prefix: &str) -> Result<Option<Vec<String>>, StorageError> {
    #[wasm_bindgen]
    extern "C" {
        type Databases;
        #[wasm_bindgen(method, catch)]
        fn databases(this: &Databases) -> Result<Promise, JsValue>;
    }
    let factory = factory()?;
    let known = Reflect::has(&factory, &"databases".into()).unwrap_or(false);
    if !known {
        return Ok(None);
    }
    let promise = factory
        .unchecked_ref::<Databases>()
        .databases()
        .map_err(|error| refusal(&error))?;
    let found = JsFuture::from(promise).await.map_err(|error| refusal(&error))?;
    let found = Array::from(&found);
    let names = found
        .iter()
        .filter_map(|info| Reflect::get(&info, &"name".into()).ok()?.as_string());
    Ok(Some(names.filter(|name| name.starts_with(prefix)).collect()))
}

/// Waits for a request of the factory. If nobody waits any more, a database that still opens is
/// closed again, or it would stand in the way of everybody else.
async fn wait_for(
    request: &IdbOpenDbRequest,
    upgrade: impl Fn(&IdbOpenDbRequest) -> Result<(), JsValue> + 'static,
) -> Result<JsValue, JsValue> {
    let target = request.clone();
    let waiting = Rc::new(());
    let waiter = Rc::downgrade(&waiting);
    let mut patience = None;
    let (listener, done) = event::listen(move |event, listener| match event::kind(event).as_str() {
        "success" => {
            let result = target.result();
            if let (Ok(database), 0) = (&result, waiter.strong_count())
                && let Some(database) = database.dyn_ref::<IdbDatabase>()
            {
                database.close();
            }
            Flow::End(result)
        }
        "error" => Flow::End(Err(target
            .error()
            .ok()
            .flatten()
            .map_or(JsValue::UNDEFINED, JsValue::from))),
        "upgradeneeded" => {
            if let Err(error) = upgrade(&target) {
                // What was created is undone, and the request fails.
                if let Some(transaction) = target.transaction() {
                    let _ = transaction.abort();
                }
                return Flow::Value(Err(error));
            }
            Flow::Wait
        }
        "blocked" => {
            patience = Some(event::call_later(listener, BLOCKED_FOR));
            Flow::Wait
        }
        // The time is over.
        _ => {
            drop(patience.take());
            Flow::Value(Err(JsValue::NULL))
        }
    });
    request.set_onsuccess(Some(&listener));
    request.set_onerror(Some(&listener));
    request.set_onblocked(Some(&listener));
    request.set_onupgradeneeded(Some(&listener));
    let result = done.await;
    drop(waiting);
    result
}

/// What an exception is, for callers that do not ask for data.
fn refusal(error: &JsValue) -> StorageError {
    let detail = text(error);
    match name_of(error).as_str() {
        "QuotaExceededError" => StorageError::Quota { detail },
        "SecurityError" | "NotAllowedError" | "InvalidStateError" | "NotSupportedError" => {
            StorageError::Unavailable { detail }
        }
        // Chromium, of requests under way while the site's data is cleared: "Connection is closing
        // because of: Force close delete origin".
        "UnknownError" if detail.contains("Connection is closing") => StorageError::Gone { detail },
        "UnknownError" | "NotReadableError" => StorageError::Corrupt { detail },
        _ => StorageError::Other { detail },
    }
}

fn name_of(error: &JsValue) -> String {
    error
        .dyn_ref::<DomException>()
        .map(DomException::name)
        .unwrap_or_default()
}

fn text(error: &JsValue) -> String {
    match (error.dyn_ref::<DomException>(), error.dyn_ref::<js_sys::Error>()) {
        (Some(exception), _) => format!("{}: {}", exception.name(), exception.message()),
        (_, Some(error)) => String::from(error.message()),
        _ => "no reason was given".to_owned(),
    }
}

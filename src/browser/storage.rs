//! [`Storage`] over IndexedDB, Web Locks and the Storage API; in windows and in workers.

use std::rc::Rc;

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::indexeddb;
use super::locks::Locks;
use crate::host::{Async, Backend, LockGuard, LockMode, Storage, StorageError, Usage, Wait};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn random(bytes: &Uint8Array) -> Result<JsValue, JsValue>;

    /// `navigator.storage`, in secure contexts.
    type Manager;
    #[wasm_bindgen(method, catch)]
    fn estimate(this: &Manager) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn persisted(this: &Manager) -> Result<Promise, JsValue>;
    // Workers do not have it.
    #[wasm_bindgen(method, catch)]
    fn persist(this: &Manager) -> Result<Promise, JsValue>;
}

/// The storage of this origin.
pub struct WebStorage {
    locks: Locks,
}

impl WebStorage {
    /// The storage of this context's origin. Whether there is any shows when it is used.
    pub fn new() -> Self {
        WebStorage { locks: Locks::new() }
    }
}

impl Default for WebStorage {
    fn default() -> Self {
        Self::new()
    }
}

fn manager() -> Option<Manager> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let storage = Reflect::get(&navigator, &"storage".into()).ok()?;
    storage.is_object().then(|| storage.unchecked_into())
}

async fn answer(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    JsFuture::from(promise.ok()?).await.ok()
}

async fn usage() -> Usage {
    let Some(manager) = manager() else {
        return Usage::default();
    };
    let bytes = answer(manager.estimate()).await;
    let bytes = bytes.and_then(|estimate| Reflect::get(&estimate, &"usage".into()).ok()?.as_f64());
    Usage {
        // Far below 2^53; the cast saturates.
        bytes: bytes.map(|bytes| bytes as u64),
        persisted: answer(manager.persisted())
            .await
            .and_then(|yes| yes.as_bool())
            .unwrap_or(false),
    }
}

impl Storage for WebStorage {
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>> {
        Box::pin(indexeddb::open(database))
    }

    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>> {
        Box::pin(indexeddb::destroy(database))
    }

    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>> {
        Box::pin(indexeddb::databases(prefix))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>> {
        Box::pin(self.locks.lock(name, mode, wait))
    }

    fn locks_span_tabs(&self) -> bool {
        self.locks.span_tabs()
    }

    fn unique_id(&self) -> Result<String, StorageError> {
        let bytes = Uint8Array::new_with_length(16);
        random(&bytes).map_err(|_| StorageError::Unavailable {
            detail: "this context has no random numbers".to_owned(),
        })?;
        Ok(bytes.to_vec().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn usage(&self) -> Async<'_, Usage> {
        Box::pin(usage())
    }

    fn persist(&self) -> Async<'_, bool> {
        Box::pin(async {
            let Some(manager) = manager() else { return false };
            answer(manager.persist())
                .await
                .and_then(|yes| yes.as_bool())
                .unwrap_or(false)
        })
    }
}

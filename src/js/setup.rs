//! The calls about what a repository is told: its settings, its remotes; and what its refs were.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::cursor::{Batch, Cursor, Source};
use super::operation::Operation;
use super::options::add_options;
use super::repository::RepositoryHandle;
use super::value::{Record, seconds, shown, text};
use crate::error::Outcome;
use crate::host::Async;
use crate::ops::reflog::{LogEntry, Reflog};
use crate::ops::remotes::{self, RemoteConfig};
use crate::ops::{anonymize, config};
use crate::task::Task;

#[wasm_bindgen]
impl RepositoryHandle {
    /// Every value of a key.
    #[wasm_bindgen(js_name = configGet, unchecked_return_type = "Promise<string[]>")]
    pub fn config_get(&self, operation: &Operation, key: String) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let values = config::get_all(&task, &repository, key.as_bytes()).await?;
            Ok(values.iter().map(|value| text(value)).collect::<Array>())
        })
    }

    /// Every key with its values, as entries of a `Map`.
    #[wasm_bindgen(js_name = configAll, unchecked_return_type = "Promise<[string, string[]][]>")]
    pub fn config_all(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let all = config::all(&task, &repository).await?;
            let entry = |(key, values): &(Vec<u8>, Vec<Vec<u8>>)| {
                let values: Array = values.iter().map(|value| text(value)).collect();
                [text(key), values.into()].into_iter().collect::<Array>()
            };
            Ok(all.iter().map(entry).collect::<Array>())
        })
    }

    /// Sets a key; no value takes it away.
    #[wasm_bindgen(js_name = configSet, unchecked_return_type = "Promise<void>")]
    pub fn config_set(&self, operation: &Operation, key: String, value: Option<String>) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let value = value.as_deref().map(str::as_bytes);
            config::set(&task, &repository, key.as_bytes(), value).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// The remotes, as `RemoteInfo`.
    #[wasm_bindgen(js_name = listRemotes, unchecked_return_type = "Promise<any[]>")]
    pub fn list_remotes(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let remotes = remotes::list(&task, &repository).await?;
            Ok(remotes.iter().map(remote).collect::<Array>())
        })
    }

    /// Adds a remote.
    #[wasm_bindgen(js_name = addRemote, unchecked_return_type = "Promise<void>")]
    pub fn add_remote(&self, operation: &Operation, name: String, url: String, options: JsValue) -> Promise {
        let repository = self.share();
        let options = add_options(&options);
        operation.run(|task| async move {
            remotes::add(&task, &repository, &name, &url, &options).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Sets a remote's URL, or the one for pushes.
    #[wasm_bindgen(js_name = setRemote, unchecked_return_type = "Promise<void>")]
    pub fn set_remote(&self, operation: &Operation, name: String, url: String, push: bool) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            remotes::set_url(&task, &repository, &name, &url, push).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Removes a remote.
    #[wasm_bindgen(js_name = removeRemote, unchecked_return_type = "Promise<void>")]
    pub fn remove_remote(&self, operation: &Operation, name: String) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            remotes::remove(&task, &repository, &name).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// The log of a ref, as `ReflogEntry`, newest first.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn reflog(&self, operation: &Operation, name: String, limit: Option<u32>) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let limit = limit.map(u64::from);
            Ok(Cursor::new(
                Reflog::open(&task, &repository, name.as_bytes(), limit).await?,
            ))
        })
    }
}

impl Source for Reflog {
    fn next<'a>(&'a mut self, task: &'a Task, count: usize, batch: &'a mut Batch) -> Async<'a, Outcome<()>> {
        Box::pin(async move {
            for logged in &self.next_batch(task, count).await? {
                batch.push(entry(logged).into());
            }
            Ok(())
        })
    }
}

fn entry(entry: &LogEntry) -> JsValue {
    let oid = |oid: Option<_>| oid.as_ref().map_or(JsValue::NULL, shown);
    Record::new()
        .set("old", oid(entry.old))
        .set("new", oid(entry.new))
        .set("name", text(&entry.who.name))
        .set("email", text(&entry.who.email))
        .set("timestamp", seconds(entry.who.time))
        .set("tz", text(&entry.who.tz))
        .set("message", text(&entry.message))
        .into()
}

/// What is shown of a remote has no login.
fn remote(remote: &RemoteConfig) -> JsValue {
    let urls = |urls: &[String]| -> Array { urls.iter().map(|url| JsValue::from_str(&anonymize(url))).collect() };
    let specs = remote.fetch.iter().map(|spec| text(spec.as_bytes()));
    Record::new()
        .set("name", text(&remote.name))
        .set("urls", urls(&remote.urls))
        .set("pushUrls", urls(&remote.push_urls))
        .set("fetch", specs.collect::<Array>())
        .into()
}

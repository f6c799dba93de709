//! The calls that need no repository.

use js_sys::{Date, Function, Promise};
use wasm_bindgen::prelude::*;

use super::convert;
use super::cursor::Cursor;
use super::operation::Operation;
use super::options::{Fields, clone_options, remote_options};
use super::platform;
use super::repository::RepositoryHandle;
use super::value::{Record, number, seconds};
use crate::error::{Code, GitError, Stage};
use crate::ops::ls_remote::ls_remote;
use crate::ops::receive::help::Help;
use crate::ops::remote::Memory;
use crate::ops::{self, Summary};

/// The engine of this context.
#[wasm_bindgen]
pub struct Engine {
    memory: Memory,
}

#[wasm_bindgen]
impl Engine {
    /// `on_panic(text)` is called right before the module traps; `start_helper(module)` starts a worker
    /// that answers as [`Helper`] does, or answers nothing if there are to be no more.
    #[wasm_bindgen(constructor)]
    pub fn new(on_panic: Function, start_helper: Function) -> Engine {
        platform::on_panic(on_panic);
        platform::threads(start_helper);
        Engine {
            memory: Memory::default(),
        }
    }

    /// Clones; options as `pkg/options.js` makes them of `CloneOptions`.
    #[wasm_bindgen(unchecked_return_type = "Promise<RepositoryHandle>")]
    pub fn clone(
        &self,
        operation: &Operation,
        storage: &str,
        url: String,
        name: String,
        options: JsValue,
    ) -> Result<Promise, JsValue> {
        let host = platform::host(storage)?;
        let options = clone_options(&options, operation.callbacks(), &self.memory);
        Ok(operation.run(|task| async move {
            let repository = ops::clone::clone(&host, &task, &url, &name, &options).await?;
            Ok(RepositoryHandle::new(repository, &options.remote.memory))
        }))
    }

    /// Makes an empty repository.
    #[wasm_bindgen(unchecked_return_type = "Promise<RepositoryHandle>")]
    pub fn init(&self, operation: &Operation, storage: &str, name: String, branch: String) -> Result<Promise, JsValue> {
        let host = platform::host(storage)?;
        let memory = self.memory.clone();
        Ok(operation.run(|task| async move {
            let repository = ops::init::init(&host, &task, &name, &branch).await?;
            Ok(RepositoryHandle::new(repository, &memory))
        }))
    }

    /// What a remote has, as `RemoteRefs`.
    #[wasm_bindgen(js_name = lsRemote)]
    pub fn ls_remote(&self, operation: &Operation, url: String, options: JsValue) -> Result<Promise, JsValue> {
        let host = platform::host("memory")?;
        let prefixes = Fields(&options).names("prefixes");
        let options = remote_options(&options, operation.callbacks(), &self.memory);
        Ok(operation.run(|task| async move {
            let listing = ls_remote(&host, &task, &url, &options, &prefixes).await?;
            Ok(convert::listing(&listing))
        }))
    }

    /// Opens a stored repository; the one with that `id`, if one is given.
    #[wasm_bindgen(unchecked_return_type = "Promise<RepositoryHandle>")]
    pub fn open(
        &self,
        operation: &Operation,
        storage: &str,
        name: String,
        id: Option<String>,
    ) -> Result<Promise, JsValue> {
        let host = platform::host(storage)?;
        let memory = self.memory.clone();
        Ok(operation.run(|task| async move {
            let repository = task.race(ops::Repository::open(&host, &name)).await??;
            if id.is_some_and(|id| id != repository.id) {
                return Err(replaced(&name).into());
            }
            Ok(RepositoryHandle::new(repository, &memory))
        }))
    }

    /// The stored repositories, as `RepositoryInfo`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn list(&self, operation: &Operation, storage: &str) -> Result<Promise, JsValue> {
        let host = platform::host(storage)?;
        Ok(operation.run(|task| async move {
            let summaries = task.race(ops::list(&host)).await??;
            Ok(Cursor::over(summaries.into_iter().map(|summary| info(&summary))))
        }))
    }

    /// Removes a stored repository.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn remove(&self, operation: &Operation, storage: &str, name: String) -> Result<Promise, JsValue> {
        let host = platform::host(storage)?;
        Ok(operation.run(|task| async move {
            // Once begun it is finished: half a repository is of no use to anybody.
            task.shield()?;
            ops::remove(&host, &name).await?;
            Ok(JsValue::UNDEFINED)
        }))
    }
}

/// What a worker does that helps another one's engine.
#[wasm_bindgen]
#[derive(Default)]
pub struct Helper(Help);

#[wasm_bindgen]
impl Helper {
    /// One that was told nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Helper {
        Helper::default()
    }

    /// Answers a message of the engine.
    pub fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self.0.answer(message)
    }
}

/// Has the next call of any export start a new instance of the module. For one that trapped.
#[wasm_bindgen]
pub fn restart() {
    wasm_bindgen::handler::schedule_reinit();
}

fn replaced(name: &str) -> GitError {
    let message = format!("the repository {name:?} was removed, and another one has its name now");
    GitError::new(Code::NotFound, Stage::Request, message).with_hint("open it anew")
}

fn info(summary: &Summary) -> JsValue {
    Record::new()
        .set("name", summary.name.as_str())
        .maybe("url", summary.url.as_deref())
        .set("bytes", number(summary.stats.bytes))
        .set("objects", number(summary.stats.objects))
        .maybe("lastFetched", summary.stats.last_fetched.map(date))
        .set("persisted", summary.persisted)
        .into()
}

fn date(at: i64) -> Date {
    let milliseconds = seconds(at).as_f64().unwrap_or(0.0) * 1000.0;
    Date::new(&JsValue::from_f64(milliseconds))
}

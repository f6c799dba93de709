//! What this context has: one clock, one way to send requests, one place for data of each sort.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::browser::clock::WebClock;
use crate::browser::http::WebHttp;
use crate::browser::storage::WebStorage;
use crate::browser::threads::WebThreads;
use crate::host::{Clock, Host, NoThreads, Storage, Threads};
use crate::ops::MemoryStorage;

thread_local! {
    static CLOCK: RefCell<Option<Rc<WebClock>>> = const { RefCell::new(None) };
    static MEMORY: Rc<MemoryStorage> = Rc::default();
    static STORAGE: Rc<WebStorage> = Rc::default();
    static THREADS: RefCell<Rc<dyn Threads>> = RefCell::new(Rc::new(NoThreads));
    static ON_PANIC: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// The clock that all operations share, with its message channel.
pub(super) fn clock() -> Result<Rc<dyn Clock>, JsValue> {
    CLOCK.with_borrow_mut(|clock| match clock {
        Some(clock) => Ok(Rc::clone(clock) as Rc<dyn Clock>),
        None => Ok(Rc::clone(clock.insert(Rc::new(WebClock::new()?))) as Rc<dyn Clock>),
    })
}

/// The host whose data lies in `storage`: `memory`, or else the browser's database.
pub(super) fn host(storage: &str) -> Result<Host, JsValue> {
    let storage: Rc<dyn Storage> = match storage {
        "memory" => MEMORY.with(Rc::clone),
        _ => STORAGE.with(Rc::clone),
    };
    Ok(Host {
        storage,
        http: Rc::new(WebHttp),
        clock: clock()?,
        threads: THREADS.with_borrow(Rc::clone),
    })
}

/// Has `start(module)` called for other threads: it answers a `Worker`, or nothing if there are no more.
pub(super) fn threads(start: Function) {
    THREADS.replace(Rc::new(WebThreads::new(start)));
}

/// Has `listener` told what a panic said, right before the module traps.
pub(super) fn on_panic(listener: Function) {
    ON_PANIC.replace(Some(listener));
    std::panic::set_hook(Box::new(|panic| {
        let listener = ON_PANIC.take();
        if let Some(listener) = listener {
            let _ = listener.call1(&JsValue::UNDEFINED, &JsValue::from_str(&panic.to_string()));
        }
    }));
}

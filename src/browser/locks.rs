//! Named locks that span tabs: the Web Locks API. It exists in secure contexts only; elsewhere
//! [`LocalLocks`] keep apart at least what runs in this context, and say so.
//!
//! A lock is held as long as the promise its callback returned is pending. The guard has the
//! function that resolves it; the lock is free some turns of the event loop later, when the request's
//! promise resolves. Requests made here wait for that, so that whoever lets go of a lock and asks
//! for it again without waiting is not told that somebody holds it. A lock that is stolen makes the request's promise fail, which is
//! nobody's business: the fence of the store tells the victim.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, DomException};

use crate::host::locks::LocalLocks;
use crate::host::{LockGuard, LockMode, StorageError, Wait};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &JsValue, callback: &Function) -> Result<Promise, JsValue>;
}

thread_local! {
    static LOCAL: LocalLocks = LocalLocks::default();
    /// Locks that were let go of here and may not be free yet.
    static RELEASING: RefCell<Vec<(String, Promise)>> = const { RefCell::new(Vec::new()) };
}

/// The locks of this context.
#[derive(Clone)]
pub(super) enum Locks {
    /// Shared by all tabs of the origin.
    Web(WebLocks),
    /// Of this context alone.
    Local(LocalLocks),
}

#[derive(Clone)]
pub(super) struct WebLocks(LockManager);

impl Locks {
    pub(super) fn new() -> Self {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into());
        let locks = navigator.and_then(|navigator| Reflect::get(&navigator, &"locks".into()));
        match locks {
            Ok(locks) if locks.is_object() => Locks::Web(WebLocks(locks.unchecked_into())),
            _ => Locks::Local(LOCAL.with(Clone::clone)),
        }
    }

    pub(super) fn span_tabs(&self) -> bool {
        matches!(self, Locks::Web(_))
    }

    pub(super) async fn lock(&self, name: &str, mode: LockMode, wait: Wait) -> Result<Option<LockGuard>, StorageError> {
        match self {
            Locks::Web(WebLocks(manager)) => request(manager, name, mode, wait).await,
            Locks::Local(locks) => Ok(locks.lock(name, mode, wait).await),
        }
    }
}

/// Resolves the promise that holds the lock.
struct Held {
    release: Function,
    name: String,
    /// The promise of the request, once it is known.
    request: Rc<RefCell<Option<Promise>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            RELEASING.with_borrow_mut(|releasing| releasing.push((std::mem::take(&mut self.name), request)));
        }
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

fn same(one: &Promise, other: &Promise) -> bool {
    let (one, other): (&JsValue, &JsValue) = (one.as_ref(), other.as_ref());
    one == other
}

/// Resolves when what was let go of here under that name is free.
async fn released(name: &str) {
    loop {
        let next = RELEASING.with_borrow(|releasing| releasing.iter().find(|(other, _)| other == name).cloned());
        let Some((_, promise)) = next else { return };
        // It fails if the lock was stolen, which is as good.
        let _ = JsFuture::from(promise.clone()).await;
        RELEASING.with_borrow_mut(|releasing| releasing.retain(|(_, other)| !same(other, &promise)));
    }
}

type Granted = Closure<dyn FnMut(JsValue) -> JsValue>;
type Settled = Closure<dyn FnMut(JsValue)>;

/// What the callbacks of a request share with whoever waits for it.
#[derive(Default)]
struct Shared {
    outcome: RefCell<Option<Result<Option<Held>, StorageError>>>,
    waker: RefCell<Option<Waker>>,
    given_up: Cell<bool>,
    granted: RefCell<Option<Granted>>,
    settled: RefCell<Option<Settled>>,
}

impl Shared {
    fn tell(&self, outcome: Result<Option<Held>, StorageError>) {
        self.outcome.replace(Some(outcome));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Dropped with the future that waits.
struct Waiting {
    shared: Rc<Shared>,
    abort: Option<AbortController>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.given_up.set(true);
        // A lock that was granted and not yet handed over is released.
        drop(self.shared.outcome.take());
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

async fn request(
    manager: &LockManager,
    name: &str,
    mode: LockMode,
    wait: Wait,
) -> Result<Option<LockGuard>, StorageError> {
    released(name).await;
    let options = Object::new();
    let set = |key: &str, value: &JsValue| drop(Reflect::set(&options, &key.into(), value));
    let mode = match mode {
        LockMode::Shared => "shared",
        LockMode::Exclusive => "exclusive",
    };
    set("mode", &mode.into());
    let mut abort = None;
    match wait {
        Wait::No => set("ifAvailable", &true.into()),
        Wait::Steal => set("steal", &true.into()),
        Wait::Yes => {
            let controller = AbortController::new().map_err(|error| refusal(&error))?;
            set("signal", &controller.signal());
            abort = Some(controller);
        }
    }
    let shared = Rc::new(Shared::default());
    let inner = Rc::clone(&shared);
    let of_request: Rc<RefCell<Option<Promise>>> = Rc::default();
    let (later, lock_name) = (Rc::clone(&of_request), name.to_owned());
    let granted = Granted::new(move |lock: JsValue| {
        if inner.given_up.get() {
            return JsValue::UNDEFINED;
        }
        if lock.is_null() {
            inner.tell(Ok(None));
            return JsValue::UNDEFINED;
        }
        let mut held = None;
        let promise = Promise::new(&mut |release, _| {
            held = Some(Held {
                release,
                name: lock_name.clone(),
                request: Rc::clone(&later),
            });
        });
        inner.tell(Ok(held));
        promise.into()
    });
    let inner = Rc::clone(&shared);
    let of_request_end = Rc::new(RefCell::new(None::<Promise>));
    let end = Rc::clone(&of_request_end);
    // The request is over: the lock was released, stolen, refused or given up.
    let settled = Settled::new(move |error: JsValue| {
        if error.is_instance_of::<DomException>() {
            inner.tell(Err(refusal(&error)));
        }
        let request = of_request_end.take();
        if let Some(request) = request {
            RELEASING.with_borrow_mut(|releasing| releasing.retain(|(_, other)| !same(other, &request)));
        }
        drop((inner.granted.take(), inner.settled.take()));
    });
    let callback: Function = granted.as_ref().unchecked_ref::<Function>().clone();
    let promise = manager
        .request(name, &options, &callback)
        .map_err(|error| refusal(&error))?;
    of_request.replace(Some(promise.clone()));
    end.replace(Some(promise.clone()));
    // Both ends lead to the same function.
    #[wasm_bindgen]
    extern "C" {
        type Thenable;
        #[wasm_bindgen(method)]
        fn then(this: &Thenable, resolved: &JsValue, rejected: &JsValue) -> JsValue;
    }
    promise
        .unchecked_ref::<Thenable>()
        .then(settled.as_ref(), settled.as_ref());
    shared.granted.replace(Some(granted));
    shared.settled.replace(Some(settled));
    let mut waiting = Waiting { shared, abort };
    let outcome = poll_fn(|context| match waiting.shared.outcome.take() {
        Some(outcome) => Poll::Ready(outcome),
        None => {
            waiting.shared.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await;
    // Aborting a request that was granted does nothing, but the signal is not needed any more.
    waiting.abort = None;
    Ok(outcome?.map(LockGuard::new))
}

fn refusal(error: &JsValue) -> StorageError {
    let detail = match error.dyn_ref::<DomException>() {
        Some(exception) => format!("{}: {}", exception.name(), exception.message()),
        None => "the lock was refused".to_owned(),
    };
    match error.dyn_ref::<DomException>().map(DomException::name).as_deref() {
        Some("SecurityError") => StorageError::Unavailable { detail },
        _ => StorageError::Other { detail },
    }
}

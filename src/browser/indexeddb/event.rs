//! One listener for all the events of a piece of work, and a future for its outcome. The listener
//! is a single closure, kept alive by itself until the last event has come, whether anybody still
//! waits or not: a transaction that was begun goes on without its caller.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::Event;

/// What an event means for the work.
pub(super) enum Flow<T> {
    /// More is to come.
    Wait,
    /// The outcome is known; more events will come.
    Value(T),
    /// This was the last event; the outcome, unless one is known already.
    End(T),
}

type Listener = Closure<dyn FnMut(JsValue)>;

struct Shared<T> {
    value: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
    listener: RefCell<Option<Listener>>,
}

/// A listener that hands every event to `handle`, together with itself, and the outcome.
pub(super) fn listen<T: 'static>(
    mut handle: impl FnMut(&JsValue, &Function) -> Flow<T> + 'static,
) -> (Function, impl Future<Output = T>) {
    let shared = Rc::new(Shared {
        value: RefCell::new(None),
        waker: RefCell::new(None),
        listener: RefCell::new(None),
    });
    let inner = Rc::clone(&shared);
    let mut known = false;
    let closure = Listener::new(move |event: JsValue| {
        let itself = inner.listener.borrow().as_ref().map(function);
        let Some(itself) = itself else { return };
        let (value, end) = match handle(&event, &itself) {
            Flow::Wait => return,
            Flow::Value(value) => (value, false),
            Flow::End(value) => (value, true),
        };
        if !std::mem::replace(&mut known, true) {
            inner.value.replace(Some(value));
            if let Some(waker) = inner.waker.take() {
                waker.wake();
            }
        }
        if end {
            // Freed when this call returns. It breaks the circle of the closure holding itself.
            drop(inner.listener.take());
        }
    });
    let listener = function(&closure);
    shared.listener.replace(Some(closure));
    let done = poll_fn(move |context| match shared.value.take() {
        Some(value) => Poll::Ready(value),
        None => {
            shared.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        }
    });
    (listener, done)
}

fn function(closure: &Listener) -> Function {
    closure.as_ref().unchecked_ref::<Function>().clone()
}

/// The event's type; empty for a call that is no event.
pub(super) fn kind(event: &JsValue) -> String {
    event.dyn_ref::<Event>().map(Event::type_).unwrap_or_default()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// A call that is to come; dropping it cancels it, so that a listener is never called when it is
/// gone.
pub(super) struct Timer(JsValue);

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.0);
    }
}

/// Calls a function, without an event, after some milliseconds.
pub(super) fn call_later(function: &Function, milliseconds: u32) -> Timer {
    Timer(set_timeout(function, milliseconds))
}

/// Resolves after some milliseconds.
pub(super) async fn sleep(milliseconds: u32) {
    let (listener, done) = listen(|_, _| Flow::End(()));
    let timer = call_later(&listener, milliseconds);
    done.await;
    drop(timer);
}

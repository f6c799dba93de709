//! [`host::Clock`](crate::host::Clock) over `performance`, `Date`, `setTimeout` and a
//! `MessageChannel`; in windows and in workers.
//!
//! Yielding is a round trip through a message port. A resolved promise would let nothing else in,
//! so that an abort was never seen; continuations of `scheduler.yield` outrank messages, timers and
//! IndexedDB's events, and starve them; nested timeouts wait at least 4 ms.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessagePort};

use crate::host::{Async, Clock, Pace};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    // Numbers in browsers, objects elsewhere: passed back as they came.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, milliseconds: u32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// The clock of this window or worker. One is enough: it holds the one message channel through
/// which all its yields go.
pub struct WebClock {
    port: MessagePort,
    /// Who waits for the message that was posted; none while there is none on its way.
    waiting: Rc<RefCell<Vec<Rc<Signal>>>>,
    receiver: MessagePort,
    pace: Rc<Pace>,
    _on_message: Closure<dyn FnMut()>,
}

impl WebClock {
    /// Fails where there are no message channels, which is nowhere that runs wasm.
    pub fn new() -> Result<Self, JsValue> {
        let channel = MessageChannel::new()?;
        let receiver = channel.port1();
        let waiting: Rc<RefCell<Vec<Rc<Signal>>>> = Rc::default();
        let queue = Rc::clone(&waiting);
        // Whoever waits goes on in the same turn of the event loop: what many calls do in it is then
        // told in one message to the page.
        let on_message = Closure::<dyn FnMut()>::new(move || {
            for signal in queue.take() {
                signal.set();
            }
        });
        receiver.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Ok(WebClock {
            port: channel.port2(),
            waiting,
            receiver,
            pace: Rc::default(),
            _on_message: on_message,
        })
    }
}

impl Drop for WebClock {
    fn drop(&mut self) {
        self.receiver.set_onmessage(None);
        self.receiver.close();
    }
}

impl Clock for WebClock {
    fn now(&self) -> f64 {
        performance_now()
    }

    fn unix_seconds(&self) -> i64 {
        // Milliseconds since 1970 are far below 2^53; the cast saturates.
        (js_sys::Date::now() / 1000.0).floor() as i64
    }

    fn sleep(&self, milliseconds: u32) -> Async<'static, ()> {
        Box::pin(Sleep::start(milliseconds))
    }

    fn yield_now(&self) -> Async<'static, ()> {
        let signal = Rc::new(Signal::default());
        let first = self.waiting.borrow().is_empty();
        if first && self.port.post_message(&JsValue::NULL).is_err() {
            // Only a value that cannot be cloned is refused, and null can.
            return Box::pin(std::future::ready(()));
        }
        self.waiting.borrow_mut().push(Rc::clone(&signal));
        Box::pin(Wait(signal))
    }

    fn pace(&self) -> Rc<Pace> {
        Rc::clone(&self.pace)
    }
}

/// A flag that wakes one waiter.
#[derive(Default)]
struct Signal {
    done: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    fn set(&self) {
        self.done.set(true);
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Resolves when the signal is set.
struct Wait(Rc<Signal>);

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.done.get() {
            return Poll::Ready(());
        }
        self.0.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// A timeout that is cleared when dropped, together with its callback: a promise that is never
/// settled would keep its callbacks forever.
struct Sleep {
    signal: Rc<Signal>,
    id: JsValue,
    _callback: Closure<dyn FnMut()>,
}

impl Sleep {
    fn start(milliseconds: u32) -> Self {
        // Larger delays overflow a signed 32-bit number in browsers and fire at once.
        let milliseconds = milliseconds.min(i32::MAX.unsigned_abs());
        let signal = Rc::new(Signal::default());
        let fired = Rc::clone(&signal);
        let callback = Closure::<dyn FnMut()>::new(move || fired.set());
        let id = set_timeout(callback.as_ref(), milliseconds);
        Sleep {
            signal,
            id,
            _callback: callback,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.done.get() {
            return Poll::Ready(());
        }
        self.signal.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if !self.signal.done.get() {
            clear_timeout(&self.id);
        }
    }
}

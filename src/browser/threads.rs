//! Helping threads: dedicated workers that run our own module. How one is started is JavaScript's
//! business, since only it knows where the worker's script is.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker};

use crate::host::{Async, Helper, Threads};

/// Starts workers by calling a function.
pub struct WebThreads {
    start: Function,
}

impl WebThreads {
    /// `start(module)`, given our compiled module, answers a `Worker` whose every message is answered with one, both byte arrays, or
    /// nothing if there are to be no more workers.
    pub fn new(start: Function) -> Self {
        WebThreads { start }
    }
}

impl Threads for WebThreads {
    fn start(&self) -> Option<Rc<dyn Helper>> {
        let worker: Worker = self
            .start
            .call1(&JsValue::UNDEFINED, &wasm_bindgen::module())
            .ok()?
            .dyn_into()
            .ok()?;
        Some(WebHelper::new(worker))
    }
}

type Listener = Closure<dyn FnMut(MessageEvent)>;

struct WebHelper {
    worker: Worker,
    dead: Cell<bool>,
    /// Where the answers go, in the order of the messages.
    waiting: RefCell<VecDeque<Rc<Slot>>>,
    listeners: RefCell<Vec<Listener>>,
}

#[derive(Default)]
struct Slot {
    /// The answer: `Some(None)` if there will be none.
    answer: RefCell<Option<Option<Vec<u8>>>>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    fn settle(&self, answer: Option<Vec<u8>>) {
        self.answer.replace(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl WebHelper {
    fn new(worker: Worker) -> Rc<Self> {
        let helper = Rc::new(WebHelper {
            worker,
            dead: Cell::new(false),
            waiting: RefCell::default(),
            listeners: RefCell::default(),
        });
        let listen = |hear: fn(&WebHelper, &MessageEvent)| {
            let weak: Weak<WebHelper> = Rc::downgrade(&helper);
            let listener = Listener::new(move |event: MessageEvent| {
                if let Some(helper) = weak.upgrade() {
                    hear(&helper, &event);
                }
            });
            let function = listener.as_ref().unchecked_ref::<Function>().clone();
            helper.listeners.borrow_mut().push(listener);
            function
        };
        let failed = listen(|helper, event| {
            event.prevent_default();
            helper.die();
        });
        helper.worker.set_onmessage(Some(&listen(WebHelper::hear)));
        helper.worker.set_onmessageerror(Some(&failed));
        helper.worker.set_onerror(Some(&failed));
        helper
    }

    fn hear(&self, event: &MessageEvent) {
        let slot = self.waiting.borrow_mut().pop_front();
        if let (Some(slot), Ok(bytes)) = (slot, event.data().dyn_into::<Uint8Array>()) {
            slot.settle(Some(bytes.to_vec()));
        }
    }

    fn die(&self) {
        self.dead.set(true);
        for slot in self.waiting.take() {
            slot.settle(None);
        }
    }
}

impl Helper for WebHelper {
    fn call(&self, message: Vec<u8>) -> Async<'static, Option<Vec<u8>>> {
        let slot = Rc::new(Slot::default());
        let bytes = Uint8Array::from(message.as_slice());
        let transfer = Array::of1(&bytes.buffer());
        self.waiting.borrow_mut().push_back(Rc::clone(&slot));
        let sent = !self.dead.get() && self.worker.post_message_with_transfer(&bytes, &transfer).is_ok();
        if !sent {
            self.die();
        }
        Box::pin(poll_fn(move |context| match slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        }))
    }
}

impl Drop for WebHelper {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onmessageerror(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

//! A call that is under way: how it is cancelled, and whom it tells and asks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use super::error;
use super::platform;
use super::value::{number, word};
use crate::error::Outcome;
use crate::host::{Async, Clock};
use crate::task::{Event, Phase, Progress, Task};

/// Milliseconds between two reports of progress: 20 in a second.
const PROGRESS_EVERY: u32 = 50;

/// A call, from before its start to its end.
#[wasm_bindgen]
pub struct Operation {
    task: Task,
    meter: Rc<Meter>,
    callbacks: Callbacks,
}

#[wasm_bindgen]
impl Operation {
    /// Takes functions by name: `progress(phase, loaded, total, bytes)`, `message(text)`,
    /// `warning(text)`, `trace(at, kind, text)`, and those that remote operations ask.
    #[wasm_bindgen(constructor)]
    pub fn new(callbacks: JsValue) -> Result<Operation, JsValue> {
        let clock = platform::clock()?;
        let callbacks = Callbacks(callbacks);
        let meter = Rc::new(Meter {
            listener: callbacks.get("progress"),
            clock: Rc::clone(&clock),
            waiting: RefCell::default(),
            resting: Cell::new(false),
        });
        let (message, warning) = (callbacks.get("message"), callbacks.get("warning"));
        let metered = Rc::clone(&meter);
        let task = Task::new(clock, move |event| match event {
            Event::Progress(progress) => Rc::clone(&metered).note(progress),
            Event::Message(text) => tell(message.as_ref(), &[JsValue::from_str(&text)]),
            Event::Warning(text) => tell(warning.as_ref(), &[JsValue::from_str(&text)]),
        });
        Ok(Operation { task, meter, callbacks })
    }

    /// Asks it to stop. False if it ends as it ends: it is publishing its result.
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }

    pub(super) fn callbacks(&self) -> &Callbacks {
        &self.callbacks
    }

    /// Runs the operation; its last progress is told before the promise is settled.
    pub(super) fn run<W, T>(&self, work: impl FnOnce(Task) -> W) -> Promise
    where
        W: Future<Output = Outcome<T>> + 'static,
        T: Into<JsValue>,
    {
        let work = work(self.task.clone());
        self.promise(Box::pin(async move { work.await.map(Into::into) }))
    }

    /// Boxed: what makes a promise of a future is there once, not once for each call.
    fn promise(&self, work: Async<'static, Outcome<JsValue>>) -> Promise {
        let meter = Rc::clone(&self.meter);
        future_to_promise(async move {
            let outcome = work.await;
            meter.flush();
            outcome.map_err(|failure| error::to_js(&failure))
        })
    }
}

/// The caller's functions.
#[derive(Clone)]
pub(super) struct Callbacks(JsValue);

impl Callbacks {
    pub(super) fn get(&self, name: &'static str) -> Option<Function> {
        if !self.0.is_object() {
            return None;
        }
        Reflect::get(&self.0, &word(name)).ok()?.dyn_into().ok()
    }
}

/// Calls a listener. What it answers, or throws, changes nothing.
pub(super) fn tell(listener: Option<&Function>, arguments: &[JsValue]) {
    if let Some(listener) = listener {
        let _ = listener.apply(&JsValue::UNDEFINED, &arguments.iter().collect::<Array>());
    }
}

/// Passes progress on, at most so often; the last of each phase always gets through.
struct Meter {
    listener: Option<Function>,
    clock: Rc<dyn Clock>,
    /// The newest of each phase that was not told yet, in the order in which the phases came.
    waiting: RefCell<VecDeque<Progress>>,
    resting: Cell<bool>,
}

impl Meter {
    fn note(self: Rc<Self>, progress: Progress) {
        if self.listener.is_none() {
            return;
        }
        if self.resting.get() {
            let mut waiting = self.waiting.borrow_mut();
            match waiting.iter_mut().find(|other| other.phase == progress.phase) {
                Some(older) => *older = progress,
                None => waiting.push_back(progress),
            }
            return;
        }
        self.tell(&progress);
        self.resting.set(true);
        spawn_local(async move {
            loop {
                self.clock.sleep(PROGRESS_EVERY).await;
                let next = self.waiting.borrow_mut().pop_front();
                match next {
                    Some(progress) => self.tell(&progress),
                    None => break,
                }
            }
            self.resting.set(false);
        });
    }

    fn flush(&self) {
        let waiting = self.waiting.take();
        for progress in &waiting {
            self.tell(progress);
        }
    }

    fn tell(&self, progress: &Progress) {
        let optional = |value: Option<u64>| value.map_or(JsValue::UNDEFINED, number);
        let phase = match progress.phase {
            Phase::Counting => "counting",
            Phase::Compressing => "compressing",
            Phase::Receiving => "receiving",
            Phase::Resolving => "resolving",
            Phase::Checking => "checking",
            Phase::Writing => "writing",
            Phase::Sending => "sending",
        };
        let arguments = [
            JsValue::from_str(phase),
            number(progress.loaded),
            optional(progress.total),
            optional(progress.bytes),
        ];
        tell(self.listener.as_ref(), &arguments);
    }
}

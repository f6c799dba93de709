//! Lists that are read in batches.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::operation::{Callbacks, Operation};
use super::value::Record;
use crate::error::Outcome;
use crate::host::Async;
use crate::task::Task;

/// How long a batch is filled, in milliseconds, once it has something: what is found late should
/// not hold back what is found already.
const FILL: f64 = 20.0;

/// The most that is asked of a source at once, so that the time is looked at now and then.
const STEP: usize = 64;

/// What a list is read from.
pub(super) trait Source {
    /// Told before each batch by whose functions it is read: those of an earlier call answer nothing
    /// any more.
    fn attend(&mut self, _callbacks: &Callbacks) {}

    /// Some more, `count` at most; nothing at the end.
    fn next<'a>(&'a mut self, task: &'a Task, count: usize) -> Async<'a, Outcome<Vec<JsValue>>>;
}

/// A list and how far it was read.
#[wasm_bindgen]
pub struct Cursor {
    /// `None` while a batch is being read, and after the end.
    source: Rc<RefCell<Option<Box<dyn Source>>>>,
}

impl Cursor {
    pub(super) fn new(source: impl Source + 'static) -> Self {
        Cursor {
            source: Rc::new(RefCell::new(Some(Box::new(source)))),
        }
    }

    /// Over what is there already.
    pub(super) fn over(items: impl Iterator<Item = JsValue> + 'static) -> Self {
        Cursor::new(Items(items))
    }
}

#[wasm_bindgen]
impl Cursor {
    /// Up to `count` more, as `{ values, done }`. A list that failed has ended.
    #[wasm_bindgen(unchecked_return_type = "Promise<{ values: any[], done: boolean }>")]
    pub fn next(&self, operation: &Operation, count: u32) -> Promise {
        let place = Rc::clone(&self.source);
        if let Some(source) = place.borrow_mut().as_mut() {
            source.attend(operation.callbacks());
        }
        operation.run(|task| async move {
            let values = Array::new();
            let taken = place.borrow_mut().take();
            let Some(mut source) = taken else {
                return Ok(batch(values, true));
            };
            let started = task.clock().now();
            let mut step = 1;
            while let Some(left) = count.checked_sub(values.length()).filter(|left| *left > 0) {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                let more = source.next(&task, left.min(step)).await?;
                if more.is_empty() {
                    return Ok(batch(values, true));
                }
                more.iter().for_each(|value| {
                    values.push(value);
                });
                task.checkpoint().await?;
                if task.clock().now() - started > FILL {
                    break;
                }
                step = (step * 2).min(STEP);
            }
            place.replace(Some(source));
            Ok(batch(values, false))
        })
    }
}

fn batch(values: Array, done: bool) -> Record {
    Record::new().set("values", values).set("done", done)
}

struct Items<I>(I);

impl<I: Iterator<Item = JsValue>> Source for Items<I> {
    fn next<'a>(&'a mut self, _: &'a Task, count: usize) -> Async<'a, Outcome<Vec<JsValue>>> {
        let items = self.0.by_ref().take(count).collect();
        Box::pin(std::future::ready(Ok(items)))
    }
}

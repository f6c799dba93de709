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

/// How much there may be in a batch: bytes of JSON, or values. To take either in is a few milliseconds
/// of the page's main thread.
const MOST_JSON: usize = 256 << 10;
const MOST_VALUES: u32 = 1024;

/// What is in a list: a value, or the JSON of one. The items of one list are all alike.
pub(super) enum Item {
    Value(JsValue),
    Json(String),
}

impl From<JsValue> for Item {
    fn from(value: JsValue) -> Self {
        Item::Value(value)
    }
}

impl From<String> for Item {
    fn from(json: String) -> Self {
        Item::Json(json)
    }
}

/// What a list is read from.
pub(super) trait Source {
    /// Told before each batch by whose functions it is read: those of an earlier call answer nothing
    /// any more.
    fn attend(&mut self, _callbacks: &Callbacks) {}

    /// Adds some more, `count` at most; nothing at the end.
    fn next<'a>(&'a mut self, task: &'a Task, count: usize, batch: &'a mut Batch) -> Async<'a, Outcome<()>>;
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
    /// Up to `count` more, as `{ values, done }`: an array, or the JSON of one. A list that failed has ended.
    #[wasm_bindgen(unchecked_return_type = "Promise<{ values: any[] | string, done: boolean }>")]
    pub fn next(&self, operation: &Operation, count: u32) -> Promise {
        let place = Rc::clone(&self.source);
        if let Some(source) = place.borrow_mut().as_mut() {
            source.attend(operation.callbacks());
        }
        operation.run(|task| async move {
            let mut batch = Batch::default();
            let taken = place.borrow_mut().take();
            let Some(mut source) = taken else {
                return Ok(batch.end(true));
            };
            let started = task.clock().now();
            let mut step = 1;
            while let Some(left) = count.checked_sub(batch.count).filter(|left| *left > 0) {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                let before = batch.count;
                source.next(&task, left.min(step), &mut batch).await?;
                if batch.count == before {
                    return Ok(batch.end(true));
                }
                task.checkpoint().await?;
                if batch.is_full() || task.clock().now() - started > FILL {
                    break;
                }
                step = (step * 2).min(STEP);
            }
            place.replace(Some(source));
            Ok(batch.end(false))
        })
    }
}

/// What is answered at a time.
#[derive(Default)]
pub(super) struct Batch {
    values: Array,
    json: String,
    count: u32,
}

impl Batch {
    pub(super) fn push(&mut self, item: Item) {
        match item {
            Item::Value(value) => {
                self.values.push(&value);
            }
            Item::Json(text) => {
                self.json.push(if self.json.is_empty() { '[' } else { ',' });
                self.json.push_str(&text);
            }
        }
        self.count = self.count.saturating_add(1);
    }

    fn is_full(&self) -> bool {
        self.json.len() > MOST_JSON || self.values.length() >= MOST_VALUES
    }

    fn end(mut self, done: bool) -> Record {
        let values = if self.json.is_empty() {
            self.values.into()
        } else {
            self.json.push(']');
            JsValue::from_str(&self.json)
        };
        Record::new().set("values", values).set("done", done)
    }
}

struct Items<I>(I);

impl<I: Iterator<Item = JsValue>> Source for Items<I> {
    fn next<'a>(&'a mut self, _: &'a Task, count: usize, batch: &'a mut Batch) -> Async<'a, Outcome<()>> {
        for value in self.0.by_ref().take(count) {
            batch.push(value.into());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

//! Plain JavaScript values: objects with known keys, texts from bytes, numbers that stay exact.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;

use js_sys::{BigInt, Object, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Object)]
    type Bag;

    #[wasm_bindgen(method, structural, indexing_setter)]
    fn put(this: &Bag, name: &JsValue, value: &JsValue);
}

thread_local! {
    /// Words as JavaScript strings, which cost more to make than to look up.
    static WORDS: RefCell<HashMap<&'static str, JsValue>> = RefCell::default();
}

/// A word of our own: the name of a property, or one of few values. Lists have thousands of objects
/// of few shapes, and every call has options.
pub(super) fn word(word: &'static str) -> JsValue {
    WORDS.with_borrow_mut(|words| words.entry(word).or_insert_with(|| JsValue::from_str(word)).clone())
}

/// An object that is being made. Names are our own: nothing from a repository becomes a key.
pub(super) struct Record(Bag);

impl Record {
    pub(super) fn new() -> Self {
        Record(Object::new().unchecked_into())
    }

    pub(super) fn set(self, name: &'static str, value: impl Into<JsValue>) -> Self {
        self.0.put(&word(name), &value.into());
        self
    }

    /// Sets a property that is absent where there is no value.
    pub(super) fn maybe(self, name: &'static str, value: Option<impl Into<JsValue>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

impl From<Record> for JsValue {
    fn from(record: Record) -> JsValue {
        record.0.into()
    }
}

/// The largest number up to which all whole numbers are exact, `Number.MAX_SAFE_INTEGER`.
pub(super) const MAX_SAFE: u64 = (1 << 53) - 1;

/// A number if it is exact as one, else a BigInt.
pub(super) fn number(value: u64) -> JsValue {
    if value <= MAX_SAFE {
        JsValue::from_f64(value as f64)
    } else {
        BigInt::from(value).into()
    }
}

/// Seconds since 1970; 0 where a number is not exact, as git shows dates that it cannot hold.
pub(super) fn seconds(value: i64) -> JsValue {
    if value.unsigned_abs() <= MAX_SAFE {
        JsValue::from_f64(value as f64)
    } else {
        JsValue::from_f64(0.0)
    }
}

/// Text of bytes that should be UTF-8; what is not becomes U+FFFD.
pub(super) fn text(bytes: &[u8]) -> JsValue {
    JsValue::from_str(&String::from_utf8_lossy(bytes))
}

/// A copy of the bytes with a buffer of its own, which can be transferred.
pub(super) fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Text of anything that can be shown: an object id as hex.
pub(super) fn shown(value: &impl Display) -> JsValue {
    JsValue::from_str(&value.to_string())
}

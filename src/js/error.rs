//! Failures as plain data: `{ code, phase, message, … }`, or `null` for a cancelled call.

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::value::{Record, number};
use crate::error::{Datum, Failure, GitError};

/// What a promise is rejected with.
pub(super) fn to_js(failure: &Failure) -> JsValue {
    match failure {
        Failure::Cancelled => JsValue::NULL,
        Failure::Error(error) => data(error),
    }
}

/// An error as part of an answer.
pub(super) fn data(error: &GitError) -> JsValue {
    let details = error
        .data
        .iter()
        .fold(Record::new(), |details, (name, datum)| match datum {
            Datum::Text(text) => details.set(name, text.as_str()),
            Datum::Number(value) => details.set(name, number(*value)),
            Datum::List(texts) => details.set(
                name,
                texts.iter().map(|text| JsValue::from_str(text)).collect::<Array>(),
            ),
        });
    Record::new()
        .set("code", error.code.name())
        .set("phase", error.stage.name())
        .set("message", error.message.as_str())
        .maybe("url", error.url.as_deref())
        .maybe("status", error.status)
        .maybe("remoteText", error.remote_text.as_deref())
        .maybe("hint", error.hint.as_deref())
        .set("retryable", error.retryable)
        .set("data", details)
        .into()
}

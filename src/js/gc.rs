//! The call of a repository that packs it anew.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::operation::Operation;
use super::options::Fields;
use super::repository::RepositoryHandle;
use super::value::{Record, number};
use crate::ops::gc::{self, Grace};

#[wasm_bindgen]
impl RepositoryHandle {
    /// Packs the repository anew; options as `pkg/options.js` makes them of `GcOptions`. Answers
    /// `GcResult`.
    pub fn gc(&self, operation: &Operation, options: JsValue) -> Promise {
        let repository = self.share();
        let fields = Fields(&options);
        let grace = match fields.flag("forever") {
            Some(true) => Some(Grace::Forever),
            _ => fields.whole("grace").map(|seconds| Grace::Seconds(u64::from(seconds))),
        };
        operation.run(|task| async move {
            let report = gc::gc(&task, &repository, &gc::Options { grace }).await?;
            Ok(Record::new()
                .set("objects", number(report.objects))
                .set("bytes", number(report.bytes))
                .set("packs", number(report.packs))
                .set("dropped", number(report.dropped)))
        })
    }
}

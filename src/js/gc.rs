//! The calls of a repository that keep it in order.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::operation::Operation;
use super::options::Fields;
use super::repository::RepositoryHandle;
use super::value::{Record, number};
use crate::ops::commit_graph;
use crate::ops::gc::{self, Grace};

#[wasm_bindgen]
impl RepositoryHandle {
    /// Does what makes later calls quick and nobody waits for. Answers whether all is done; if not,
    /// somebody else was at it.
    pub fn upkeep(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|task| async move { commit_graph::upkeep(&task, &repository).await })
    }

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

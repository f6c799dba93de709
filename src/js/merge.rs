//! The calls of a repository that merge.

use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::operation::{Callbacks, Operation};
use super::options::Fields;
use super::repository::RepositoryHandle;
use super::value::{Record, bytes, shown, text};
use super::write::{author, cleanup, expected, sign};
use crate::error::Outcome;
use crate::ops::Repository;
use crate::ops::cherry_pick::cherry_pick;
use crate::ops::merge::{
    Conflict, DirectoryRenames, Done, FastForward, Favor, MergeOptions, Message, Options, ReplayOptions, Style, Terms,
    Version, merge,
};
use crate::ops::revert::revert;
use crate::task::Task;

#[wasm_bindgen]
impl RepositoryHandle {
    /// Merges a revision into a branch; options as `pkg/merge.js` makes them of `MergeOptions`.
    #[wasm_bindgen(unchecked_return_type = "Promise<import('../index.d.ts').MergeResult>")]
    pub fn merge(
        &self,
        operation: &Operation,
        branch: String,
        rev: String,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let options = merge_options(&options, operation.callbacks());
        self.land(operation, &remote, async move |task, repo| {
            merge(&task, &repo, branch.as_bytes(), rev.as_bytes(), &options?).await
        })
    }

    /// Does once more what a commit changed; options as `pkg/merge.js` makes them.
    #[wasm_bindgen(js_name = cherryPick, unchecked_return_type = "Promise<import('../index.d.ts').MergeResult>")]
    pub fn cherry_pick(
        &self,
        operation: &Operation,
        branch: String,
        rev: String,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let options = replay_options(&options, operation.callbacks());
        self.land(operation, &remote, async move |task, repo| {
            cherry_pick(&task, &repo, branch.as_bytes(), rev.as_bytes(), &options?).await
        })
    }

    /// Undoes what a commit changed; options as `pkg/merge.js` makes them.
    #[wasm_bindgen(unchecked_return_type = "Promise<import('../index.d.ts').MergeResult>")]
    pub fn revert(
        &self,
        operation: &Operation,
        branch: String,
        rev: String,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let options = replay_options(&options, operation.callbacks());
        self.land(operation, &remote, async move |task, repo| {
            revert(&task, &repo, branch.as_bytes(), rev.as_bytes(), &options?).await
        })
    }
}

impl RepositoryHandle {
    /// Runs what answers with a `MergeResult`.
    fn land(
        &self,
        operation: &Operation,
        remote: &JsValue,
        work: impl AsyncFnOnce(Task, Rc<Repository>) -> Outcome<Done> + 'static,
    ) -> Promise {
        let repository = self.lazily(operation, remote);
        operation.run(|task| async move { Ok(done(&work(task, repository).await?)) })
    }
}

fn merge_options(options: &JsValue, callbacks: &Callbacks) -> Outcome<MergeOptions> {
    let fields = Fields(options);
    let fast_forward = match (fields.flag("fastForward"), fields.text("fastForward").as_deref()) {
        (_, Some("only")) => FastForward::Only,
        (Some(false), _) => FastForward::Never,
        _ => FastForward::Allowed,
    };
    Ok(MergeOptions {
        terms: terms(&fields, callbacks)?,
        fast_forward,
        allow_unrelated: fields.flag("allowUnrelated").unwrap_or(false),
    })
}

fn replay_options(options: &JsValue, callbacks: &Callbacks) -> Outcome<ReplayOptions> {
    let fields = Fields(options);
    Ok(ReplayOptions {
        terms: terms(&fields, callbacks)?,
        mainline: fields.whole("mainline").and_then(|number| usize::try_from(number).ok()),
        allow_empty: fields.flag("allowEmpty").unwrap_or(false),
        record_origin: fields.flag("recordOrigin").unwrap_or(false),
    })
}

fn terms(fields: &Fields<'_>, callbacks: &Callbacks) -> Outcome<Terms> {
    let defaults = Options::default();
    Ok(Terms {
        message: fields.bytes("message"),
        cleanup: cleanup(fields).unwrap_or_default(),
        author: author(&fields.get("author")),
        committer: author(&fields.get("committer")),
        tz: fields.bytes("tz"),
        expect: expected(&fields.get("expect"))?,
        sign: sign(callbacks),
        dry_run: fields.flag("dryRun").unwrap_or(false),
        how: Options {
            style: match fields.text("conflictStyle").as_deref() {
                Some("diff3") => Style::Diff3,
                Some("zdiff3") => Style::Zdiff3,
                _ => Style::Merge,
            },
            favor: match fields.text("favor").as_deref() {
                Some("ours") => Some(Favor::Ours),
                Some("theirs") => Some(Favor::Theirs),
                _ => None,
            },
            renames: fields.flag("renames").unwrap_or(true),
            directory_renames: match (
                fields.flag("directoryRenames"),
                fields.text("directoryRenames").as_deref(),
            ) {
                (Some(true), _) => DirectoryRenames::Apply,
                (Some(false), _) => DirectoryRenames::Ignore,
                _ => DirectoryRenames::Conflict,
            },
            ..defaults
        },
    })
}

fn done(done: &Done) -> JsValue {
    let oid = done.oid.as_ref().map_or(JsValue::NULL, shown);
    Record::new()
        .set("kind", done.ending.as_str())
        .set("oid", oid)
        .set("tree", shown(&done.tree))
        .set("conflicts", done.conflicts.iter().map(conflict).collect::<Array>())
        .set("messages", done.messages.iter().map(message).collect::<Array>())
        .into()
}

fn conflict(conflict: &Conflict) -> JsValue {
    let [base, ours, theirs] = &conflict.stages;
    Record::new()
        .set("path", text(&conflict.path))
        .set("pathBytes", bytes(&conflict.path))
        .maybe("base", base.as_ref().map(version))
        .maybe("ours", ours.as_ref().map(version))
        .maybe("theirs", theirs.as_ref().map(version))
        .into()
}

fn version(version: &Version) -> JsValue {
    Record::new()
        .set("mode", shown(&version.kind.mode()))
        .set("oid", shown(&version.oid))
        .into()
}

fn message(message: &Message) -> JsValue {
    let paths: Array = message.paths.iter().map(|path| text(path)).collect();
    Record::new()
        .set("type", message.topic.as_str())
        .set("conflict", message.topic.is_conflict())
        .set("paths", paths)
        .set("message", text(&message.text))
        .into()
}

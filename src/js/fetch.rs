//! The calls of a repository that bring it up to date with a remote.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::operation::{Callbacks, Operation};
use super::options::{Fields, remote_options, tag_mode};
use super::repository::RepositoryHandle;
use super::value::{Record, number, shown, text};
use crate::ops::fetch::{self, Depth, FetchHead, Fetched, RefChange, UpdateKind};
use crate::ops::pull::{self, Pulled};
use crate::ops::remote::Memory;

#[wasm_bindgen]
impl RepositoryHandle {
    /// Fetches; options as `pkg/options.js` makes them of `FetchOptions`. Answers `FetchResult`.
    pub fn fetch(&self, operation: &Operation, options: JsValue) -> Promise {
        let repository = self.share();
        let options = fetch_options(&options, operation.callbacks(), self.memory());
        operation.run(|task| async move {
            let fetched = fetch::fetch(&task, &repository, &options).await?;
            Ok(result(&fetched))
        })
    }

    /// Fetches and moves a branch forward. Answers `PullResult`.
    pub fn pull(&self, operation: &Operation, branch: String, options: JsValue) -> Promise {
        let repository = self.share();
        let options = fetch_options(&options, operation.callbacks(), self.memory());
        operation.run(|task| async move {
            let pulled = pull::pull(&task, &repository, branch.as_bytes(), &options).await?;
            Ok(pull_result(&pulled))
        })
    }
}

fn fetch_options(options: &JsValue, callbacks: &Callbacks, memory: &Memory) -> fetch::Options {
    let fields = Fields(options);
    fetch::Options {
        remote: fields.text("remote"),
        refspecs: fields.texts("refspecs"),
        depth: depth(&fields),
        update_shallow: fields.flag("updateShallow").unwrap_or(false),
        filter: fields.text("filter"),
        refetch: fields.flag("refetch").unwrap_or(false),
        tags: fields.text("tags").map(|tags| tag_mode(&tags)),
        prune: fields.flag("prune"),
        prune_tags: fields.flag("pruneTags"),
        force: fields.flag("force").unwrap_or(false),
        atomic: fields.flag("atomic").unwrap_or(false),
        update_head: fields.flag("updateHead").unwrap_or(false),
        dry_run: fields.flag("dryRun").unwrap_or(false),
        transport: remote_options(options, callbacks, memory),
        ..fetch::Options::default()
    }
}

/// At most one of them is given.
fn depth(fields: &Fields<'_>) -> Depth {
    let (since, exclude) = (fields.seconds("since"), fields.texts("exclude"));
    if let Some(depth) = fields.whole("depth") {
        return Depth::Commits(depth);
    }
    if let Some(more) = fields.whole("deepen") {
        return Depth::Deepen(more);
    }
    if fields.flag("unshallow") == Some(true) {
        return Depth::Unshallow;
    }
    if since.is_some() || !exclude.is_empty() {
        // Git's dates are unsigned: one before 1970 limits nothing.
        let since = since.map(|since| u64::try_from(since).unwrap_or(0));
        return Depth::Cut { since, exclude };
    }
    Depth::Unchanged
}

fn result(fetched: &Fetched) -> Record {
    Record::new()
        .set("ok", fetched.is_ok())
        .set("updates", fetched.changes.iter().map(update).collect::<Array>())
        .set("fetchHead", fetched.heads.iter().map(head).collect::<Array>())
        .set(
            "ignored",
            fetched
                .ignored
                .iter()
                .map(|name| JsValue::from_str(name))
                .collect::<Array>(),
        )
        .set("objects", number(fetched.objects))
        .set("bytes", number(fetched.bytes))
        .set("rounds", number(fetched.rounds))
        .set("shallowChanged", fetched.shallow_changed)
}

fn pull_result(pulled: &Pulled) -> Record {
    result(&pulled.fetched)
        .set("ahead", number(pulled.ahead))
        .set("behind", number(pulled.behind))
        .set("mergeBase", pulled.merge_bases.iter().map(shown).collect::<Array>())
}

fn update(change: &RefChange) -> JsValue {
    let kind = match change.kind {
        UpdateKind::FastForward => "fast-forward",
        UpdateKind::Forced | UpdateKind::TagReplaced => "forced",
        UpdateKind::New => "new",
        UpdateKind::Deleted => "deleted",
        UpdateKind::UpToDate => "up-to-date",
        UpdateKind::Rejected => "rejected",
    };
    Record::new()
        .set("name", text(&change.name))
        .maybe("remoteName", change.remote.as_deref().map(text))
        .set("old", change.old.as_ref().map_or(JsValue::NULL, shown))
        .set("new", change.new.as_ref().map_or(JsValue::NULL, shown))
        .set("kind", kind)
        .maybe("reason", change.reason.as_deref())
        .into()
}

fn head(head: &FetchHead) -> JsValue {
    Record::new()
        .set("oid", shown(&head.oid))
        .set("name", text(&head.name))
        .set("forMerge", head.for_merge)
        .set("note", head.note.as_str())
        .into()
}

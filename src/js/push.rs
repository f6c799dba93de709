//! The calls of a repository that push, and ask what became of a push.

use std::rc::Rc;

use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;

use super::error;
use super::operation::{Callbacks, Operation};
use super::options::{Fields, ask, remote_options};
use super::repository::RepositoryHandle;
use super::value::{Record, number, shown, text};
use super::write::sign;
use crate::host::Async;
use crate::ops::push::ask::{self, Answer, Question};
use crate::ops::push::{
    self, AskBefore, Expect, Lease, ObjectId, Preflight, PushUpdate, Pushed, PushedTo, Reported, Sign, Signing,
    Weights, Wish,
};
use crate::ops::remote::Memory;

#[wasm_bindgen]
impl RepositoryHandle {
    /// Pushes; options as `pkg/options.js` makes them of `PushOptions`. Answers `PushResult`, its
    /// error as plain data.
    pub fn push(&self, operation: &Operation, options: JsValue) -> js_sys::Promise {
        let repository = self.share();
        let options = push_options(&options, operation.callbacks(), self.memory());
        operation.run(|task| async move {
            let pushed = push::push(&task, &repository, &options).await?;
            Ok(result(&pushed))
        })
    }

    /// Asks what became of `questions`, objects with `name`, `old` and `new`, at one URL. Answers
    /// `PushFate`s.
    #[wasm_bindgen(js_name = pushOutcome)]
    pub fn push_outcome(&self, operation: &Operation, questions: Array, options: JsValue) -> js_sys::Promise {
        let repository = self.share();
        let questions: Vec<Question> = questions.iter().filter_map(|item| question(&item)).collect();
        let fields = Fields(&options);
        let options = ask::Options {
            remote: fields.text("remote"),
            url: fields.text("url"),
            transport: remote_options(&options, operation.callbacks(), self.memory()),
        };
        operation.run(|task| async move {
            let answers = ask::ask(&task, &repository, &questions, &options).await?;
            Ok(answers.iter().map(answer).collect::<Array>())
        })
    }
}

fn push_options(options: &JsValue, callbacks: &Callbacks, memory: &Memory) -> push::Options {
    let fields = Fields(options);
    let flag = |name| fields.flag(name).unwrap_or(false);
    let when = match fields.text("signed").as_deref() {
        Some("if-asked") => Signing::IfAsked,
        _ => Signing::Always,
    };
    push::Options {
        remote: fields.text("remote"),
        wish: Wish {
            refspecs: fields.texts("refspecs"),
            all: flag("all"),
            tags: flag("tags"),
            follow_tags: fields.flag("followTags"),
            mirror: flag("mirror"),
            prune: flag("prune"),
            delete: flag("delete"),
            force: flag("force"),
            leases: leases(&fields),
            lease_all: fields.flag("expect").unwrap_or(false),
            force_if_includes: fields.flag("forceIfIncludes"),
            atomic: flag("atomic"),
            set_upstream: flag("setUpstream"),
        },
        push_options: fields.texts("pushOptions"),
        sign: sign(callbacks).map(|sign| Sign { sign, when }),
        before: callbacks
            .get("beforePush")
            .map(|asked| -> AskBefore { Rc::new(move |preflight| goes_on(&asked, &preflight)) }),
        weights: weights(&fields),
        compression: fields.whole("compression").and_then(|level| u8::try_from(level).ok()),
        dry_run: flag("dryRun"),
        transport: remote_options(options, callbacks, memory),
    }
}

/// Pairs of a name and what the ref must be: an oid, `null`, or `true` for the tracking ref's.
fn leases(fields: &Fields<'_>) -> Vec<Lease> {
    let list = fields.get("expect");
    if !Array::is_array(&list) {
        return Vec::new();
    }
    let pairs = Array::from(&list).into_iter().filter_map(|pair| {
        let pair = pair.dyn_into::<Array>().ok()?;
        let expected = pair.get(1);
        let expect = match expected.as_string() {
            // What is no object id is what no ref is.
            Some(hex) => Expect::Oid(hex.parse().unwrap_or(ObjectId::NULL)),
            None if expected.as_bool() == Some(true) => Expect::Tracked,
            None => Expect::Absent,
        };
        let name = pair.get(0).as_string()?.into_bytes();
        Some(Lease { name, expect })
    });
    pairs.collect()
}

/// Only `true` lets it go: `false`, and whoever throws, calls it off.
fn goes_on(asked: &Function, preflight: &Preflight) -> Async<'static, bool> {
    let refs = preflight.refs.iter().map(|planned| {
        Record::new()
            .set("name", text(&planned.name))
            .maybe("source", planned.source.as_deref().map(text))
            .set("old", or_null(planned.old.as_ref()))
            .set("new", or_null(planned.new.as_ref()))
            .set("forced", planned.forced)
    });
    let large = preflight.large.iter().map(|file| {
        Record::new()
            .maybe("path", file.path.as_deref().map(text))
            .set("oid", shown(&file.oid))
            .set("size", number(file.size))
    });
    let about = Record::new()
        .set("remote", preflight.remote.as_str())
        .set("url", preflight.url.as_str())
        .set("refs", refs.map(JsValue::from).collect::<Array>())
        .set("objects", number(preflight.objects))
        .set("bytes", number(preflight.bytes))
        .set("large", large.map(JsValue::from).collect::<Array>());
    let answer = ask(asked, &about.into());
    Box::pin(async move { answer.await.and_then(|answer| answer.as_bool()) == Some(true) })
}

fn weights(fields: &Fields<'_>) -> Weights {
    let usual = Weights::default();
    Weights {
        file: fields.count("warnAboveFile").unwrap_or(usual.file),
        push: fields.count("warnAbovePush").unwrap_or(usual.push),
    }
}

fn question(item: &JsValue) -> Option<Question> {
    let fields = Fields(item);
    let oid = |name| fields.text(name).and_then(|hex| hex.parse().ok());
    Some(Question {
        name: fields.text("name")?.into_bytes(),
        old: oid("old"),
        new: oid("new"),
    })
}

fn answer(answer: &Answer) -> JsValue {
    Record::new()
        .set("name", text(&answer.name))
        .set("fate", answer.fate.name())
        .set("now", or_null(answer.now.as_ref()))
        .maybe("tracking", answer.tracking.as_deref().map(text))
        .into()
}

fn result(pushed: &Pushed) -> Record {
    let sum = |of: fn(&PushedTo) -> u64| number(pushed.to.iter().map(of).sum());
    let updates = pushed
        .to
        .iter()
        .flat_map(|to| to.updates.iter().map(|made| update(made, &to.url)));
    let messages = pushed.to.iter().flat_map(|to| &to.messages);
    let failed = pushed.to.iter().find_map(|to| to.error.as_ref());
    Record::new()
        .set("ok", pushed.is_ok())
        .set("remote", pushed.remote.as_str())
        .set("url", pushed.to.first().map_or("", |to| to.url.as_str()))
        .set("updates", updates.collect::<Array>())
        .set(
            "messages",
            messages.map(|line| JsValue::from_str(line)).collect::<Array>(),
        )
        .maybe("error", failed.map(error::data))
        .set("objects", sum(|to| to.objects))
        .set("bytes", sum(|to| to.bytes))
}

fn update(update: &PushUpdate, url: &str) -> JsValue {
    let instead = update.instead.iter().map(|reported| instead(reported, update));
    Record::new()
        .set("url", url)
        .set("name", text(&update.name))
        .maybe("source", update.source.as_deref().map(text))
        .set("old", or_null(update.old.as_ref()))
        .set("new", or_null(update.new.as_ref()))
        .set("kind", update.kind.name())
        .maybe("reason", update.reason.as_deref())
        .maybe("cause", update.cause.map(|cause| cause.name()))
        .maybe("code", update.code.map(|code| code.name()))
        .maybe(
            "instead",
            (!update.instead.is_empty()).then(|| instead.collect::<Array>()),
        )
        .maybe("tracking", update.tracking.as_deref().map(text))
        .maybe("followedBy", update.followed_by.as_deref().map(text))
        .into()
}

/// What the hook did not say is as it was asked for.
fn instead(reported: &Reported, asked: &PushUpdate) -> JsValue {
    let oid =
        |told: Option<ObjectId>, asked: Option<ObjectId>| or_null(told.or(asked).filter(|oid| !oid.is_null()).as_ref());
    Record::new()
        .set(
            "name",
            text(reported.name.as_ref().map_or(&asked.name, |name| name.as_bytes())),
        )
        .set("old", oid(reported.old, asked.old))
        .set("new", oid(reported.new, asked.new))
        .set("forced", reported.forced)
        .into()
}

fn or_null(oid: Option<&ObjectId>) -> JsValue {
    oid.map_or(JsValue::NULL, shown)
}

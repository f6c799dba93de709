//! The caller's options, from plain objects whose values `pkg/options.js` has checked.

use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::operation::{Callbacks, tell};
use super::value::{Record, word};
use crate::host::Async;
use crate::ops::clone::{self, TagMode};
use crate::ops::remote::{
    self, Challenge, CorsProxy, Credentials, Memory, ProxyAddress, Retry, Secret, TraceEvent, Verdict, Version,
};
use crate::ops::remotes::AddOptions;
use crate::ops::{log, ls_tree};

/// Reads properties; what is absent, or of another type, is `None`.
pub(super) struct Fields<'a>(pub(super) &'a JsValue);

impl Fields<'_> {
    pub(super) fn get(&self, name: &'static str) -> JsValue {
        Reflect::get(self.0, &word(name)).unwrap_or(JsValue::UNDEFINED)
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        self.get(name).as_string()
    }

    pub(super) fn flag(&self, name: &'static str) -> Option<bool> {
        self.get(name).as_bool()
    }

    /// A whole number; the callers have checked that it is one. Casts of floats saturate.
    pub(super) fn whole(&self, name: &'static str) -> Option<u32> {
        self.get(name).as_f64().map(|value| value as u32)
    }

    /// How much there is of something; nothing counted here is too large to be exact.
    pub(super) fn count(&self, name: &'static str) -> Option<u64> {
        self.get(name).as_f64().map(|value| value as u64)
    }

    pub(super) fn seconds(&self, name: &'static str) -> Option<i64> {
        self.get(name).as_f64().map(|value| value as i64)
    }

    pub(super) fn texts(&self, name: &'static str) -> Vec<String> {
        self.list(name).iter().filter_map(JsValue::as_string).collect()
    }

    /// Texts, as bytes.
    pub(super) fn names(&self, name: &'static str) -> Vec<Vec<u8>> {
        self.texts(name).into_iter().map(String::into_bytes).collect()
    }

    pub(super) fn list(&self, name: &'static str) -> Vec<JsValue> {
        list(&self.get(name))
    }

    /// Text, or the bytes of one.
    pub(super) fn bytes(&self, name: &'static str) -> Option<Vec<u8>> {
        let value = self.get(name);
        match value.as_string() {
            Some(text) => Some(text.into_bytes()),
            None => Some(value.dyn_ref::<Uint8Array>()?.to_vec()),
        }
    }
}

/// The items of an array; none of what is no array.
pub(super) fn list(value: &JsValue) -> Vec<JsValue> {
    match Array::is_array(value) {
        true => Array::from(value).to_vec(),
        false => Vec::new(),
    }
}

/// Options of `clone`.
pub(super) fn clone_options(options: &JsValue, callbacks: &Callbacks, memory: &Memory) -> clone::Options {
    let fields = Fields(options);
    let defaults = clone::Options::default();
    clone::Options {
        depth: fields.whole("depth"),
        // Git's dates are unsigned: one before 1970 limits nothing.
        since: fields.seconds("since").map(|since| u64::try_from(since).unwrap_or(0)),
        exclude: fields.texts("exclude"),
        reference: fields.text("ref"),
        single_branch: fields.flag("singleBranch"),
        tags: fields.text("tags").map_or(TagMode::Follow, |tags| tag_mode(&tags)),
        remote_name: fields.text("remoteName").unwrap_or(defaults.remote_name),
        mirror: fields.flag("mirror").unwrap_or(false),
        filter: fields.text("filter"),
        remote: remote_options(options, callbacks, memory),
        ..clone::Options::default()
    }
}

/// Which tags.
pub(super) fn tag_mode(word: &str) -> TagMode {
    match word {
        "all" => TagMode::All,
        "none" => TagMode::None,
        _ => TagMode::Follow,
    }
}

/// Options of `remotes.add`.
pub(super) fn add_options(options: &JsValue) -> AddOptions {
    let fields = Fields(options);
    AddOptions {
        mirror: fields.flag("mirror").unwrap_or(false),
        tags: fields.text("tags").map_or(TagMode::Follow, |tags| tag_mode(&tags)),
        track: fields.texts("track"),
    }
}

/// Options of `log`.
pub(super) fn log_options(options: &JsValue) -> log::Options {
    let fields = Fields(options);
    log::Options {
        path: fields.text("path").map(String::into_bytes),
        order: match fields.text("order").as_deref() {
            Some("topo") => log::Order::Topo,
            _ => log::Order::Date,
        },
        first_parent: fields.flag("firstParent").unwrap_or(false),
        limit: fields.whole("limit").map(u64::from),
        since: fields.seconds("since"),
    }
}

/// Options of `tree`.
pub(super) fn tree_options(options: &JsValue) -> ls_tree::Options {
    let fields = Fields(options);
    ls_tree::Options {
        path: fields.text("path").map(String::into_bytes),
        recursive: fields.flag("recursive").unwrap_or(false),
    }
}

/// What is common to all that talk to a remote.
pub(super) fn remote_options(options: &JsValue, callbacks: &Callbacks, memory: &Memory) -> remote::Options {
    let fields = Fields(options);
    let headers = Array::from(&fields.get("headers")).into_iter().filter_map(|pair| {
        let pair = pair.dyn_into::<Array>().ok()?;
        Some((pair.get(0).as_string()?, Secret::new(pair.get(1).as_string()?)))
    });
    remote::Options {
        credentials: callbacks
            .get("credentials")
            .map(|ask| Rc::new(move |challenge| ask_login(&ask, &challenge)) as _),
        on_credentials: callbacks.get("credentialsOutcome").map(|listener| {
            Rc::new(move |verdict, login: &Credentials, url: &str| tell_login(&listener, verdict, login, url)) as _
        }),
        cors_proxy: proxy(&fields.get("corsProxy"), callbacks),
        headers: headers.collect(),
        protocol_version: fields.whole("protocolVersion").and_then(|version| match version {
            0 => Some(Version::V0),
            1 => Some(Version::V1),
            2 => Some(Version::V2),
            _ => None,
        }),
        server_options: fields.texts("serverOptions"),
        retry: retry(&fields.get("retry")),
        memory: memory.clone(),
        trace: callbacks.get("trace").map(|listener| {
            Rc::new(move |event: TraceEvent| {
                let (at, kind) = (JsValue::from_f64(event.at), JsValue::from_str(event.kind.name()));
                tell(Some(&listener), &[at, kind, JsValue::from_str(&event.text)]);
            }) as _
        }),
        ..remote::Options::default()
    }
}

/// Without the option nobody is waited for.
fn retry(retry: &JsValue) -> Retry {
    if !retry.is_object() {
        return Retry::default();
    }
    let fields = Fields(retry);
    Retry {
        max_retries: fields.whole("max").unwrap_or(3),
        max_retry_time: fields.whole("maxSeconds").unwrap_or(Retry::default().max_retry_time),
    }
}

fn proxy(proxy: &JsValue, callbacks: &Callbacks) -> Option<CorsProxy> {
    if !proxy.is_object() {
        return None;
    }
    let fields = Fields(proxy);
    let pass_credentials = fields.flag("credentials").unwrap_or(false);
    match fields.text("url") {
        Some(text) => Some(CorsProxy {
            pass_credentials,
            ..CorsProxy::new(text)
        }),
        None => {
            let function = callbacks.get("corsProxy")?;
            let rewrite = move |url: String| -> Async<'static, Result<String, String>> {
                let answer = ask(&function, &JsValue::from_str(&url));
                Box::pin(async move {
                    let answer = answer.await.and_then(|answer| answer.as_string());
                    answer.ok_or_else(|| "the function gave no URL".to_owned())
                })
            };
            Some(CorsProxy {
                address: ProxyAddress::Function(Rc::new(rewrite)),
                pass_credentials,
                pass_encoding: false,
            })
        }
    }
}

/// Asks the caller. `None` if the function threw: then the call is being cancelled.
pub(super) fn ask(function: &Function, argument: &JsValue) -> impl Future<Output = Option<JsValue>> + 'static {
    let answer = function
        .call1(&JsValue::UNDEFINED, argument)
        .map(|answer| Promise::resolve(&answer));
    async move { JsFuture::from(answer.ok()?).await.ok() }
}

fn ask_login(function: &Function, challenge: &Challenge) -> Async<'static, Option<Credentials>> {
    let schemes: Array = challenge
        .schemes
        .iter()
        .map(|scheme| JsValue::from_str(scheme))
        .collect();
    let question = Record::new()
        .set("url", challenge.url.as_str())
        .maybe("realm", challenge.realm.as_deref())
        .set("schemes", schemes)
        .maybe("username", challenge.username.as_deref())
        .set("attempt", challenge.attempt);
    let answer = ask(function, &question.into());
    Box::pin(async move {
        let login = answer.await?;
        if !login.is_object() {
            return None;
        }
        let fields = Fields(&login);
        let secret = |name| fields.text(name).map(Secret::new);
        if let (Some(username), Some(password)) = (secret("username"), secret("password")) {
            return Some(Credentials::Basic { username, password });
        }
        secret("bearer")
            .map(Credentials::Bearer)
            .or_else(|| secret("authorization").map(Credentials::Authorization))
    })
}

/// Gives the login back to whom it came from, and no one else.
fn tell_login(listener: &Function, verdict: Verdict, login: &Credentials, url: &str) {
    let verdict = match verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected",
    };
    let login = match login {
        Credentials::Basic { username, password } => Record::new()
            .set("username", username.reveal())
            .set("password", password.reveal()),
        Credentials::Bearer(token) => Record::new().set("bearer", token.reveal()),
        Credentials::Authorization(value) => Record::new().set("authorization", value.reveal()),
    };
    tell(
        Some(listener),
        &[JsValue::from_str(verdict), login.into(), JsValue::from_str(url)],
    );
}

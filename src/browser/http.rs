//! [`host::Http`](crate::host::Http) over `fetch`; in windows and in workers.
//!
//! Requests go out without cookies, without a referrer and past the HTTP cache. The body of an
//! answer is read with a reader loop, one piece for each call of [`Body::chunk`], so that the
//! browser stops taking bytes off the network while the engine is busy. Content codings (gzip) are
//! the platform's business. Dropping the future of a request, or its body, aborts the transfer.
//!
//! `fetch` quotes the whole URL in some of its errors, userinfo and query included, and other
//! engines quote header values: texts that leave this file have them taken out.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials,
    RequestInit, RequestRedirect, ResponseType,
};

use crate::host::parts::{Held, Parts, RequestBody};
use crate::host::{Async, Body, Http, HttpError, Method, Redirect, Request, Response, Surroundings};

#[wasm_bindgen]
extern "C" {
    // The global function: `Window` and `WorkerGlobalScope` are different types to web-sys.
    #[wasm_bindgen(js_name = fetch)]
    fn fetch(request: &web_sys::Request) -> js_sys::Promise;
}

/// The `fetch` of this window or worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebHttp;

impl Http for WebHttp {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(send(request))
    }

    fn parts(&self) -> Box<dyn Parts> {
        Box::new(WebParts::default())
    }

    fn surroundings(&self) -> Surroundings {
        let global = js_sys::global();
        let read = |object: &JsValue, name: &str| Reflect::get(object, &JsValue::from_str(name)).ok();
        // A worker started from a blob has no useful `location`, but has its creator's origin.
        let origin = read(&global, "origin").and_then(|value| value.as_string()).or_else(|| {
            let location = read(&global, "location").filter(JsValue::is_object)?;
            read(&location, "origin")?.as_string()
        });
        let online = read(&global, "navigator")
            .filter(JsValue::is_object)
            .and_then(|navigator| read(&navigator, "onLine"))
            .and_then(|value| value.as_bool());
        Surroundings {
            origin,
            online: online.unwrap_or(true),
        }
    }
}

async fn send(request: Request) -> Result<Response, HttpError> {
    let secrets = Secrets::of(&request);
    let refused = |error: JsValue| HttpError::Invalid {
        detail: secrets.take_out_of(&error),
    };

    let abort = Abort::new().map_err(refused)?;
    // Building the request apart from sending it tells a request that cannot be made from one that
    // got no answer; `fetch` has the same TypeError for both.
    let init = describe(&request, &abort).map_err(refused)?;
    let prepared = web_sys::Request::new_with_str_and_init(&request.url, &init).map_err(refused)?;
    // The browser has its own copy of the body now.
    drop((request, init));

    let answer = JsFuture::from(fetch(&prepared)).await;
    let answer: web_sys::Response = answer.and_then(JsCast::dyn_into).map_err(|error| HttpError::Opaque {
        detail: secrets.take_out_of(&error),
    })?;

    let headers = read_headers(&answer.headers());
    let reader = answer.body().map(|body| body.get_reader().unchecked_into());
    Ok(Response {
        status: answer.status(),
        url: answer.url(),
        redirected: answer.redirected(),
        redirect_refused: answer.type_() == ResponseType::Opaqueredirect,
        headers,
        body: Box::new(WebBody { reader, abort, secrets }),
    })
}

/// The request as `fetch` takes it.
fn describe(request: &Request, abort: &Abort) -> Result<RequestInit, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.append(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    });
    init.set_headers(&headers);
    if let Some(body) = &request.body {
        init.set_body(&describe_body(body)?);
    }
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_redirect(match request.redirect {
        Redirect::Follow => RequestRedirect::Follow,
        Redirect::Refuse => RequestRedirect::Manual,
    });
    init.set_signal(Some(&abort.controller.signal()));
    Ok(init)
}

/// The body as `fetch` takes it.
fn describe_body(body: &RequestBody) -> Result<JsValue, JsValue> {
    match (body, body.pieces()) {
        (RequestBody::Bytes(bytes), _) => Ok(Uint8Array::from(bytes.as_slice()).into()),
        (RequestBody::Held(held), None) => match held.what::<web_sys::Blob>() {
            Some(blob) => Ok(blob.into()),
            None => Err(js_sys::Error::new("the body was made by another client").into()),
        },
        (RequestBody::Held(_), Some(pieces)) => blob_of(pieces.iter().map(Vec::as_slice)).map(JsValue::from),
    }
}

/// A body in the making, outside the wasm memory: one Blob for each piece, and in the end one of
/// them all, which shares their bytes. The browser keeps them where it likes, on the disk if need
/// be.
#[derive(Default)]
struct WebParts {
    blobs: js_sys::Array,
    /// What pieces pass through, one after the other: a new array for each is left to the garbage
    /// collector, which lets many mebibytes of them gather.
    passage: Option<Uint8Array>,
    length: u64,
}

impl Parts for WebParts {
    fn push(&mut self, bytes: Vec<u8>) -> Async<'_, Result<(), HttpError>> {
        Box::pin(async move {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let passage = match self.passage.take().filter(|passage| passage.length() >= length) {
                Some(passage) => passage,
                None => Uint8Array::new_with_length(length),
            };
            let piece = passage.subarray(0, length);
            piece.copy_from(&bytes);
            let pieces = js_sys::Array::of1(&piece);
            let blob = web_sys::Blob::new_with_u8_array_sequence(&pieces).map_err(cannot_be_made)?;
            self.passage = Some(passage);
            self.length += bytes.len() as u64;
            drop(bytes);
            // A Blob's bytes stay with this process until the browser has fetched them. It has once
            // it can give out the last one; and if it has no room for them, it says so now.
            let last = blob.slice_with_f64(blob.size() - 1.0).map_err(cannot_be_made)?;
            JsFuture::from(last.array_buffer()).await.map_err(cannot_be_made)?;
            self.blobs.push(&blob);
            Ok(())
        })
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn finish(self: Box<Self>) -> Result<RequestBody, HttpError> {
        let blob = web_sys::Blob::new_with_blob_sequence(&self.blobs).map_err(cannot_be_made)?;
        Ok(RequestBody::Held(Held::new(self.length, blob)))
    }
}

fn cannot_be_made(error: JsValue) -> HttpError {
    HttpError::Invalid {
        detail: Secrets::default().take_out_of(&error),
    }
}

fn blob_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<web_sys::Blob, JsValue> {
    let arrays: js_sys::Array = pieces.into_iter().map(Uint8Array::from).collect();
    web_sys::Blob::new_with_u8_array_sequence(&arrays)
}

/// What CORS lets be read. The platform has already put the names in lower case.
fn read_headers(headers: &Headers) -> Vec<(String, String)> {
    let Ok(Some(pairs)) = js_sys::try_iter(headers) else {
        return Vec::new();
    };
    pairs
        .filter_map(|pair| {
            let pair: js_sys::Array = pair.ok()?.dyn_into().ok()?;
            Some((pair.get(0).as_string()?, pair.get(1).as_string()?))
        })
        .collect()
}

/// Aborts a request when dropped, unless it has ended by itself.
struct Abort {
    controller: AbortController,
    armed: bool,
}

impl Abort {
    fn new() -> Result<Self, JsValue> {
        Ok(Abort {
            controller: AbortController::new()?,
            armed: true,
        })
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if self.armed {
            self.controller.abort();
        }
    }
}

/// A body that is read on demand.
struct WebBody {
    /// `None` where there is no body, and after its end.
    reader: Option<ReadableStreamDefaultReader>,
    abort: Abort,
    secrets: Secrets,
}

impl Body for WebBody {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        Box::pin(async move {
            loop {
                let Some(reader) = &self.reader else { return Ok(None) };
                let piece = JsFuture::from(reader.read()).await.and_then(|result| {
                    let done = Reflect::get(&result, &JsValue::from_str("done"))?;
                    if done.is_truthy() {
                        return Ok(None);
                    }
                    Reflect::get(&result, &JsValue::from_str("value"))?
                        .dyn_into::<Uint8Array>()
                        .map(Some)
                });
                match piece {
                    Ok(Some(bytes)) if bytes.length() == 0 => {}
                    Ok(Some(bytes)) => return Ok(Some(bytes.to_vec())),
                    Ok(None) => {
                        self.reader = None;
                        self.abort.armed = false;
                        return Ok(None);
                    }
                    Err(error) => {
                        self.reader = None;
                        return Err(HttpError::Broken {
                            detail: self.secrets.take_out_of(&error),
                        });
                    }
                }
            }
        })
    }
}

/// What must not be quoted: the URL and the values of the headers.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn of(request: &Request) -> Self {
        let mut secrets = vec![request.url.clone()];
        // Short values (a number, a protocol version) are no secrets, and would tear holes into
        // the text.
        secrets.extend(
            request
                .headers
                .iter()
                .map(|(_, value)| value.clone())
                .filter(|value| value.len() >= 8),
        );
        Secrets(secrets)
    }

    fn take_out_of(&self, error: &JsValue) -> String {
        let text = match error.dyn_ref::<js_sys::Error>() {
            Some(error) => format!("{}: {}", String::from(error.name()), String::from(error.message())),
            None => error.as_string().unwrap_or_else(|| "unknown".to_owned()),
        };
        self.take_out_of_text(&text)
    }

    fn take_out_of_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), "…");
        }
        without_urls(&text)
    }
}

/// The text with everything that looks like a URL taken out, up to the next blank or quote: a
/// redirect, or the platform's own way of writing a URL, names one that was not asked for.
fn without_urls(text: &str) -> String {
    const ENDS: [char; 9] = [' ', '\t', '\n', '\'', '"', '<', '>', '(', ')'];
    let mut clean = String::with_capacity(text.len());
    for word in text.split_inclusive(ENDS) {
        if word.contains("://") {
            clean.push('…');
            clean.extend(word.chars().last().filter(|last| ENDS.contains(last)));
        } else {
            clean.push_str(word);
        }
    }
    clean
}

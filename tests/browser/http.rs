//! `fetch` behind the host traits, in a worker of a real browser. Answers that a server cannot be
//! made to give come from a `fetch` put in place of the browser's; bodies, headers, signals and
//! errors are the browser's own all the same.
#![cfg(target_arch = "wasm32")]

use std::future::{Future, poll_fn};
use std::task::Poll;

use gitside::browser::clock::WebClock;
use gitside::browser::http::WebHttp;
use gitside::host::{Clock, Http, HttpError, MemoryParts, Method, Parts, Redirect, Request, RequestBody, Response};
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Replaces `fetch` by a function `(request) => …` until dropped.
struct Fetch(JsValue);

impl Fetch {
    fn with(body: &str) -> Self {
        let global = js_sys::global();
        let old = Reflect::get(&global, &"fetch".into()).unwrap();
        Reflect::set(&global, &"seen".into(), &js_sys::Object::new()).unwrap();
        let new = js_sys::Function::new_with_args("request", body);
        Reflect::set(&global, &"fetch".into(), &new).unwrap();
        Fetch(old)
    }

    /// What the function noted in `seen`.
    fn seen(&self, name: &str) -> JsValue {
        let seen = Reflect::get(&js_sys::global(), &"seen".into()).unwrap();
        Reflect::get(&seen, &name.into()).unwrap()
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        Reflect::set(&js_sys::global(), &"fetch".into(), &self.0).unwrap();
    }
}

fn get(url: &str) -> Request {
    Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        redirect: Redirect::Follow,
    }
}

/// A request that carries something.
fn post(body: RequestBody) -> Request {
    Request {
        method: Method::Post,
        body: Some(body),
        ..get("https://example.org/")
    }
}

async fn send(request: Request) -> Result<Response, HttpError> {
    WebHttp.send(request).await
}

/// Lets everything that waits in the event loop run.
async fn settle() {
    let clock = WebClock::new().unwrap();
    for _ in 0..5 {
        clock.yield_now().await;
    }
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))).await
}

/// Where the test's own files are served from.
fn origin() -> String {
    WebHttp.surroundings().origin.unwrap()
}

#[wasm_bindgen_test]
async fn nothing_is_read_ahead_of_the_caller() {
    let fetch = Fetch::with(
        "seen.pulls = 0;
         const source = { pull(c) { seen.pulls += 1; if (seen.pulls > 3) c.close(); else c.enqueue(new Uint8Array(70000).fill(seen.pulls)); } };
         return Promise.resolve(new Response(new ReadableStream(source, { highWaterMark: 0 })));",
    );
    let mut response = send(get("https://example.org/")).await.unwrap();
    settle().await;
    assert_eq!(fetch.seen("pulls"), 0);
    for number in 1..=3_u8 {
        let chunk = response.body.chunk().await.unwrap().unwrap();
        assert!(chunk.len() == 70_000 && chunk.iter().all(|byte| *byte == number));
        settle().await;
        assert_eq!(fetch.seen("pulls"), JsValue::from(number));
    }
    assert_eq!(response.body.chunk().await, Ok(None));
    assert_eq!(response.body.chunk().await, Ok(None), "an ended body stays ended");
}

const ENDLESS: &str = "request.signal.addEventListener('abort', () => { seen.aborted = true; seen.controller?.error(request.signal.reason); });
     const source = { start(c) { seen.controller = c; }, pull(c) { seen.pulls = (seen.pulls ?? 0) + 1; if (!seen.silent) c.enqueue(new Uint8Array(10)); } };
     return Promise.resolve(new Response(new ReadableStream(source, { highWaterMark: 0 })));";

#[wasm_bindgen_test]
async fn dropping_a_body_aborts_the_transfer() {
    let fetch = Fetch::with(ENDLESS);
    let mut response = send(get("https://example.org/")).await.unwrap();
    assert_eq!(response.body.chunk().await.unwrap().unwrap().len(), 10);
    assert!(fetch.seen("aborted").is_undefined());
    drop(response);
    assert_eq!(fetch.seen("aborted"), true);
}

#[wasm_bindgen_test]
async fn dropping_a_body_in_the_middle_of_a_read_aborts_the_transfer() {
    let fetch = Fetch::with(&format!("seen.silent = true; {ENDLESS}"));
    let mut response = send(get("https://example.org/")).await.unwrap();
    let mut read = response.body.chunk();
    assert!(poll_once(&mut read).await.is_pending());
    drop(read);
    drop(response);
    assert_eq!(fetch.seen("aborted"), true);
    settle().await;
}

#[wasm_bindgen_test]
async fn dropping_the_future_of_a_request_aborts_it() {
    let fetch = Fetch::with(
        "return new Promise((_, reject) => request.signal.addEventListener('abort', () => { seen.aborted = true; reject(request.signal.reason); }));",
    );
    let mut waiting = WebHttp.send(get("https://example.org/"));
    assert!(poll_once(&mut waiting).await.is_pending());
    assert!(fetch.seen("aborted").is_undefined());
    drop(waiting);
    assert_eq!(fetch.seen("aborted"), true);
    settle().await;
}

#[wasm_bindgen_test]
async fn a_body_that_ended_is_not_aborted() {
    let fetch = Fetch::with(
        "request.signal.addEventListener('abort', () => { seen.aborted = true; });
         return Promise.resolve(new Response('abc'));",
    );
    let mut response = send(get("https://example.org/")).await.unwrap();
    assert_eq!(response.body.chunk().await, Ok(Some(b"abc".to_vec())));
    assert_eq!(response.body.chunk().await, Ok(None));
    drop(response);
    assert!(fetch.seen("aborted").is_undefined());
}

#[wasm_bindgen_test]
async fn pieces_without_bytes_are_skipped_and_a_missing_body_is_empty() {
    let fetch = Fetch::with(
        "const source = { start(c) { c.enqueue(new Uint8Array(0)); c.enqueue(new Uint8Array([7])); c.enqueue(new Uint8Array(0)); c.close(); } };
         return Promise.resolve(new Response(new ReadableStream(source)));",
    );
    let mut response = send(get("https://example.org/")).await.unwrap();
    assert_eq!(response.body.chunk().await, Ok(Some(vec![7])));
    assert_eq!(response.body.chunk().await, Ok(None));
    drop(fetch);
    let _fetch = Fetch::with("return Promise.resolve(new Response(null, { status: 204 }));");
    let mut response = send(get("https://example.org/")).await.unwrap();
    assert_eq!((response.status, response.body.chunk().await), (204, Ok(None)));
}

#[wasm_bindgen_test]
async fn a_request_goes_out_without_cookies_referrer_and_cache() {
    let fetch = Fetch::with(
        "for (const name of ['method', 'url', 'cache', 'credentials', 'referrerPolicy', 'redirect']) seen[name] = request[name];
         seen.type = request.headers.get('content-type'); seen.version = request.headers.get('git-protocol');
         return request.text().then((text) => { seen.text = text; return new Response('', { headers: { 'X-Seen': 'yes' } }); });",
    );
    let request = Request {
        method: Method::Post,
        url: "https://example.org/a.git/git-upload-pack".to_owned(),
        headers: vec![
            (
                "content-type".to_owned(),
                "application/x-git-upload-pack-request".to_owned(),
            ),
            ("git-protocol".to_owned(), "version=2".to_owned()),
        ],
        body: Some(b"0000".to_vec().into()),
        redirect: Redirect::Refuse,
    };
    let response = send(request).await.unwrap();
    for (name, value) in [
        ("method", "POST"),
        ("url", "https://example.org/a.git/git-upload-pack"),
        ("cache", "no-store"),
        ("credentials", "omit"),
        ("referrerPolicy", "no-referrer"),
        ("redirect", "manual"),
        ("type", "application/x-git-upload-pack-request"),
        ("version", "version=2"),
        ("text", "0000"),
    ] {
        assert_eq!(fetch.seen(name), value, "{name}");
    }
    assert_eq!(response.header("x-seen"), Some("yes"));
    send(get("https://example.org/")).await.unwrap();
    assert_eq!(
        (fetch.seen("redirect"), fetch.seen("method")),
        ("follow".into(), "GET".into())
    );
}

#[wasm_bindgen_test]
async fn an_opaque_redirect_is_told() {
    let _fetch = Fetch::with(
        "const own = (value) => ({ value });
         return Promise.resolve(Object.create(Response.prototype, { type: own('opaqueredirect'), status: own(0), url: own(''),
           redirected: own(false), headers: own(new Headers()), body: own(null) }));",
    );
    let response = send(get("https://example.org/")).await.unwrap();
    assert!(response.redirect_refused && response.status == 0);
}

#[wasm_bindgen_test]
async fn a_real_answer_has_its_status_url_and_headers() {
    let url = format!("{}/", origin());
    let mut response = send(get(&url)).await.unwrap();
    assert_eq!(
        (response.status, response.url.as_str(), response.redirected),
        (200, url.as_str(), false)
    );
    assert!(!response.redirect_refused);
    assert!(
        response
            .header("content-type")
            .is_some_and(|value| value.starts_with("text/html"))
    );
    let mut bytes = 0;
    while let Some(chunk) = response.body.chunk().await.unwrap() {
        assert!(!chunk.is_empty());
        bytes += chunk.len();
    }
    assert!(bytes > 0);
    let missing = send(get(&format!("{}/no-such-file", origin()))).await.unwrap();
    assert_eq!(missing.status, 404);
}

#[wasm_bindgen_test]
async fn what_gets_no_answer_is_opaque() {
    // Nothing listens on the discard port, and browsers refuse it besides.
    let error = send(get("http://127.0.0.1:9/S3CR3T?S3CR3T")).await.err().unwrap();
    let HttpError::Opaque { detail } = &error else {
        panic!("{error:?}")
    };
    assert!(!detail.is_empty() && !detail.contains("S3CR3T"), "{detail}");
}

#[wasm_bindgen_test]
async fn a_request_that_cannot_be_made_is_invalid_and_its_secrets_stay_inside() {
    let with = |name: &str, value: &str| Request {
        headers: vec![(name.to_owned(), value.to_owned())],
        ..get("https://example.org/")
    };
    for request in [
        get("https://name:S3CR3T-pass@example.org/a.git"),
        get("https://S3CR3T.example.org:port/"),
        with("x-token", "S3CR3T\nS3CR3T"),
        with("bad name", "S3CR3T-S3CR3T"),
    ] {
        let error = send(request).await.err().unwrap();
        let HttpError::Invalid { detail } = &error else {
            panic!("{error:?}")
        };
        assert!(!detail.is_empty() && !detail.contains("S3CR3T"), "{detail}");
    }
}

#[wasm_bindgen_test]
async fn texts_lose_urls_and_header_values_and_keep_the_rest() {
    let _fetch = Fetch::with(
        "return Promise.reject(new TypeError('cannot reach \"https://other.example/S3CR3T\" with Bearer S3CR3T for http://x/S3CR3T, sorry'));",
    );
    let headers = vec![("authorization".to_owned(), "Bearer S3CR3T".to_owned())];
    let error = send(Request {
        headers,
        ..get("https://example.org/")
    })
    .await
    .err()
    .unwrap();
    let HttpError::Opaque { detail } = error else {
        panic!("{error:?}")
    };
    assert_eq!(detail, "TypeError: cannot reach \"…\" with … for … sorry");
}

#[wasm_bindgen_test]
async fn a_body_that_breaks_is_told_from_one_that_ends() {
    let fetch = Fetch::with(
        "const source = { pull(c) { if (seen.once) c.error(new TypeError('network error at https://example.org/S3CR3T')); else { seen.once = true; c.enqueue(new Uint8Array([1])); } } };
         return Promise.resolve(new Response(new ReadableStream(source, { highWaterMark: 0 })));",
    );
    let mut response = send(get("https://example.org/S3CR3T")).await.unwrap();
    assert_eq!(response.body.chunk().await, Ok(Some(vec![1])));
    let detail = "TypeError: network error at …".to_owned();
    assert_eq!(response.body.chunk().await, Err(HttpError::Broken { detail }));
    drop(fetch);
}

#[wasm_bindgen_test]
fn the_surroundings_are_those_of_the_page() {
    let surroundings = WebHttp.surroundings();
    assert!(surroundings.online);
    assert!(
        surroundings
            .origin
            .is_some_and(|origin| origin.starts_with("http://127.0.0.1:"))
    );
}

#[wasm_bindgen_test]
async fn a_body_of_parts_is_sent_whole_and_can_be_sent_again() {
    let fetch = Fetch::with(
        "return request.arrayBuffer().then((bytes) => {
            seen.count = (seen.count ?? 0) + 1; seen.bytes = new Uint8Array(bytes); return new Response(''); });",
    );
    let pieces: [Vec<u8>; 4] = [
        b"0000".to_vec(),
        Vec::new(),
        (0..=255).cycle().take(3 << 20).collect(),
        vec![9],
    ];
    let in_memory: Box<dyn Parts> = Box::new(MemoryParts::default());
    for (at, mut parts) in [WebHttp.parts(), in_memory].into_iter().enumerate() {
        assert!(parts.is_empty());
        for piece in &pieces {
            parts.push(piece.clone()).await.unwrap();
        }
        let whole = pieces.concat();
        assert_eq!(parts.len(), whole.len() as u64);
        let body = parts.finish().unwrap();
        assert_eq!(body.len(), whole.len() as u64);
        assert_eq!(body.pieces().is_some(), at == 1);
        for time in 1..=2 {
            send(post(body.clone())).await.unwrap();
            assert_eq!(fetch.seen("count"), (2 * at + time) as f64);
            let bytes: js_sys::Uint8Array = fetch.seen("bytes").dyn_into().unwrap();
            assert!(bytes.to_vec() == whole);
        }
    }
}

//! [`Http`] over sockets and [`Clock`] over the system's clock, for tests. It does what a browser's
//! `fetch` does where the engine can tell: redirects, the CORS protocol if it is given an origin,
//! and, if wanted, cut bodies that look whole. One connection per request, plain http only.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gitside::host::{Async, Body, Clock, Http, HttpError, Method, Redirect, Request, Response, Surroundings};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// `fetch` gives up after so many redirects.
const REDIRECTS: usize = 20;

/// A client over sockets.
#[derive(Clone, Debug, Default)]
pub struct SocketHttp {
    origin: Option<String>,
    cut_bodies_end: bool,
}

impl SocketHttp {
    /// Sends as a page of that origin would: requests to others follow the CORS protocol, and what
    /// it forbids fails as [`HttpError::Opaque`] or is not seen.
    pub fn of_page(origin: &str) -> SocketHttp {
        SocketHttp {
            origin: Some(origin.to_owned()),
            ..SocketHttp::default()
        }
    }

    /// Bodies that break off just end, as browsers report most of them.
    pub fn cut_bodies_end(mut self) -> SocketHttp {
        self.cut_bodies_end = true;
        self
    }

    async fn fetch(&self, mut request: Request) -> Result<Response, HttpError> {
        let mut redirected = false;
        for _ in 0..=REDIRECTS {
            let url = Url::parse(&request.url).ok_or_else(|| invalid("not an http URL"))?;
            let crossing = self.origin.as_ref().is_some_and(|origin| *origin != url.origin());
            if crossing {
                self.preflight(&url, &request).await?;
            }
            let (answer, connection) = self.exchange(&url, &request, crossing).await?;
            let allowed = header(&answer, "access-control-allow-origin");
            let allows = allowed
                .as_deref()
                .is_some_and(|a| a == "*" || Some(a) == self.origin.as_deref());
            if crossing && !allows {
                return Err(opaque("the answer does not allow this origin"));
            }
            let status = answer.status().as_u16();
            let location = header(&answer, "location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            let Some(location) = location else {
                return Ok(self.response(answer, connection, request.url, redirected, crossing));
            };
            if request.redirect == Redirect::Refuse {
                return Ok(refused(request.url));
            }
            request.url = url.join(&location).ok_or_else(|| opaque("a redirect to no http URL"))?;
            if status == 303 || (request.method == Method::Post && matches!(status, 301 | 302)) {
                request.method = Method::Get;
                request.body = None;
                request.headers.retain(|(name, _)| name != "content-type");
            }
            redirected = true;
        }
        Err(opaque("too many redirects"))
    }

    /// Asks first, if the request is none that a form could send.
    async fn preflight(&self, url: &Url, request: &Request) -> Result<(), HttpError> {
        let unsafe_names: Vec<&str> = request
            .headers
            .iter()
            .filter(|h| !is_simple(h))
            .map(|(n, _)| n.as_str())
            .collect();
        if unsafe_names.is_empty() {
            return Ok(());
        }
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let asked = [
            ("access-control-request-method", method),
            ("access-control-request-headers", &unsafe_names.join(",")),
        ];
        let mut builder = hyper::Request::builder().method("OPTIONS");
        for (name, value) in asked {
            builder = builder.header(name, value);
        }
        let (answer, _connection) = self.send_on_wire(url, builder, Bytes::new(), true).await?;
        let allowed = header(&answer, "access-control-allow-headers")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let allows = |name: &str| {
            allowed
                .split(',')
                .any(|a| a.trim() == name || (a.trim() == "*" && name != "authorization"))
        };
        let origin = header(&answer, "access-control-allow-origin");
        let ok = answer.status().is_success()
            && origin.is_some_and(|o| o == "*" || Some(&o) == self.origin.as_ref())
            && unsafe_names.iter().all(|name| allows(name));
        if ok {
            Ok(())
        } else {
            Err(opaque("the preflight was refused"))
        }
    }

    async fn exchange(
        &self,
        url: &Url,
        request: &Request,
        crossing: bool,
    ) -> Result<(hyper::Response<Incoming>, Connection), HttpError> {
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let mut builder = hyper::Request::builder().method(method);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        self.send_on_wire(url, builder, body_of(request), crossing).await
    }

    async fn send_on_wire(
        &self,
        url: &Url,
        mut builder: hyper::http::request::Builder,
        body: Bytes,
        crossing: bool,
    ) -> Result<(hyper::Response<Incoming>, Connection), HttpError> {
        builder = builder.uri(&url.path).header("host", &url.authority);
        if let (true, Some(origin)) = (crossing, &self.origin) {
            builder = builder.header("origin", origin);
        }
        let request = builder
            .body(Full::new(body))
            .map_err(|error| invalid(&error.to_string()))?;
        let port = if url
            .authority
            .rsplit_once(':')
            .is_some_and(|(_, p)| p.parse::<u16>().is_ok())
        {
            ""
        } else {
            ":80"
        };
        let stream = TcpStream::connect(format!("{}{port}", url.authority))
            .await
            .map_err(|e| opaque(&e.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| opaque(&e.to_string()))?;
        let connection = Connection(tokio::spawn(async move { drop(connection.await) }));
        let answer = sender.send_request(request).await.map_err(|e| opaque(&e.to_string()))?;
        Ok((answer, connection))
    }

    fn response(
        &self,
        answer: hyper::Response<Incoming>,
        connection: Connection,
        url: String,
        redirected: bool,
        crossing: bool,
    ) -> Response {
        let exposed = header(&answer, "access-control-expose-headers")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let safelisted = [
            "cache-control",
            "content-language",
            "content-length",
            "content-type",
            "expires",
            "last-modified",
            "pragma",
        ];
        let readable = |name: &str| {
            !crossing || safelisted.contains(&name) || exposed.split(',').any(|e| e.trim() == name || e.trim() == "*")
        };
        let mut headers = Vec::new();
        for (name, value) in answer.headers() {
            if readable(name.as_str()) {
                headers.push((
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                ));
            }
        }
        Response {
            status: answer.status().as_u16(),
            url,
            redirected,
            redirect_refused: false,
            headers,
            body: Box::new(SocketBody {
                incoming: answer.into_body(),
                _connection: connection,
                cuts_end: self.cut_bodies_end,
            }),
        }
    }
}

/// The body of a request, as one.
fn body_of(request: &Request) -> Bytes {
    let pieces = request
        .body
        .as_ref()
        .map(|body| body.pieces().expect("made in this memory"));
    Bytes::from(pieces.unwrap_or_default().concat())
}

impl Http for SocketHttp {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(self.fetch(request))
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            origin: self.origin.clone(),
            online: true,
        }
    }
}

/// Reads a body to its end.
pub async fn read_all(body: &mut dyn Body) -> Result<Vec<u8>, HttpError> {
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// The task that moves a connection's bytes; dropping it closes the connection.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct SocketBody {
    incoming: Incoming,
    _connection: Connection,
    cuts_end: bool,
}

impl Body for SocketBody {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        Box::pin(async move {
            loop {
                match self.incoming.frame().await {
                    None => return Ok(None),
                    Some(Err(_)) if self.cuts_end => return Ok(None),
                    Some(Err(error)) => {
                        return Err(HttpError::Broken {
                            detail: error.to_string(),
                        });
                    }
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data()
                            && !data.is_empty()
                        {
                            return Ok(Some(data.to_vec()));
                        }
                    }
                }
            }
        })
    }
}

struct NoBody;

impl Body for NoBody {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        Box::pin(async { Ok(None) })
    }
}

fn refused(url: String) -> Response {
    Response {
        status: 0,
        url,
        redirected: false,
        redirect_refused: true,
        headers: Vec::new(),
        body: Box::new(NoBody),
    }
}

fn header(answer: &hyper::Response<Incoming>, name: &str) -> Option<String> {
    answer
        .headers()
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Whether a form could send it (Fetch standard, "CORS-safelisted request-header").
fn is_simple((name, value): &(String, String)) -> bool {
    match name.as_str() {
        "accept" | "accept-language" | "content-language" => true,
        "content-type" => {
            ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].contains(&value.as_str())
        }
        _ => false,
    }
}

fn opaque(detail: &str) -> HttpError {
    HttpError::Opaque {
        detail: detail.to_owned(),
    }
}

fn invalid(detail: &str) -> HttpError {
    HttpError::Invalid {
        detail: detail.to_owned(),
    }
}

/// A plain http URL: enough for loopback.
struct Url {
    authority: String,
    /// With its query, without a fragment.
    path: String,
}

impl Url {
    fn parse(url: &str) -> Option<Url> {
        let rest = url.split('#').next()?.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        (!authority.is_empty() && !authority.contains('@')).then(|| Url {
            authority: authority.to_owned(),
            path: format!("/{path}"),
        })
    }

    fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    fn join(&self, location: &str) -> Option<String> {
        let joined = if location.contains("://") {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("http://{rest}")
        } else if location.starts_with('/') {
            format!("http://{}{location}", self.authority)
        } else {
            let folder = self.path.split('?').next()?.rsplit_once('/')?.0;
            format!("http://{}{folder}/{location}", self.authority)
        };
        Url::parse(&joined).map(|_| joined)
    }
}

/// The system's clock; waiting needs the executor of [`super::block_on`].
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }

    fn unix_seconds(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, milliseconds: u32) -> Async<'static, ()> {
        Box::pin(async move { tokio::time::sleep(Duration::from_millis(u64::from(milliseconds))).await })
    }

    fn yield_now(&self) -> Async<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

/// A clock to hand around.
pub fn clock() -> Rc<dyn Clock> {
    Rc::new(SystemClock::default())
}

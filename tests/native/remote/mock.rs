//! An HTTP client that answers from a script and behaves as a browser's `fetch` where that matters
//! for safety, a clock that jumps, and an executor for both: time passes only when nothing else
//! can happen, so that ten minutes of silence take no time.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use gitside::error::{Failure, GitError, Outcome};
use gitside::host::{Async, Body, Clock, Host, Http, HttpError, Method, Redirect, Request, Response, Surroundings};
use gitside::ops::remote::{Options, Remote, Service, Session};
use gitside::protocol::url::RemoteUrl;
use gitside::store::memory::MemoryStorage;
use gitside::task::{Event, Task};

/// Seconds since 1970 on the mock's clock: Sun, 06 Nov 1994 08:49:37 GMT.
pub const NOW: i64 = 784_111_777;

#[derive(Default)]
pub struct JumpingClock {
    now: Cell<f64>,
    sleepers: RefCell<Vec<(f64, Weak<()>)>>,
}

impl JumpingClock {
    /// Jumps to the first sleeper that still waits; false if there is none.
    fn jump(&self) -> bool {
        let mut sleepers = self.sleepers.borrow_mut();
        sleepers.retain(|(at, alive)| alive.strong_count() > 0 && *at > self.now.get());
        let next = sleepers.iter().map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
        if next.is_finite() {
            self.now.set(next);
        }
        next.is_finite()
    }
}

/// The clock as the host sees it.
#[derive(Clone, Default)]
pub struct SharedClock(pub Rc<JumpingClock>);

impl Clock for SharedClock {
    fn now(&self) -> f64 {
        self.0.now.get()
    }

    fn unix_seconds(&self) -> i64 {
        NOW
    }

    fn sleep(&self, milliseconds: u32) -> Async<'static, ()> {
        let clock = self.0.clone();
        let at = clock.now.get() + f64::from(milliseconds);
        let alive = Rc::new(());
        clock.sleepers.borrow_mut().push((at, Rc::downgrade(&alive)));
        Box::pin(poll_fn(move |_| {
            let _alive = &alive;
            if clock.now.get() >= at {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
    }

    fn yield_now(&self) -> Async<'static, ()> {
        Box::pin(async {})
    }
}

/// A piece of a body.
#[derive(Clone)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// Nothing for so many milliseconds.
    Pause(u32),
    /// The connection breaks.
    Break,
    /// Nothing, ever.
    Hang,
    /// Again and again: a pause, and then these bytes.
    Forever(u32, Vec<u8>),
}

/// What the script answers.
#[derive(Clone)]
pub enum Reply {
    Answer(Answer),
    /// No answer, as the network or CORS has it.
    Opaque,
    /// Nothing, ever.
    Hang,
    Redirect(u16, String),
    /// An answer from another URL, where something followed a redirect against the request's will.
    Elsewhere(String, Answer),
}

#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<Piece>,
}

impl Answer {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Reply::Answer(answer)
    }
}

pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: vec![Piece::Bytes(body.into())],
    }
}

type Handler = Box<dyn Fn(&Request) -> Reply>;

/// The scripted client.
pub struct Script {
    page: Option<String>,
    online: bool,
    handler: Handler,
    clock: SharedClock,
    /// Every request that reached a server, those of followed redirects included.
    pub log: RefCell<Vec<Request>>,
}

fn origin(url: &str) -> String {
    RemoteUrl::parse(url).expect("a URL").origin()
}

impl Http for Script {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            assert!(!request.url.contains('@'), "fetch throws on userinfo");
            let mut request = request;
            let mut redirected = false;
            for _ in 0..20 {
                self.log.borrow_mut().push(request.clone());
                match (self.handler)(&request) {
                    Reply::Opaque => {
                        return Err(HttpError::Opaque {
                            detail: "TypeError".to_owned(),
                        });
                    }
                    Reply::Hang => pending().await,
                    Reply::Redirect(status, to) => {
                        if request.redirect == Redirect::Refuse {
                            return Ok(Response {
                                status: 0,
                                url: request.url,
                                redirected: false,
                                redirect_refused: true,
                                headers: Vec::new(),
                                body: Box::new(Pieces {
                                    pieces: Vec::new(),
                                    clock: self.clock.clone(),
                                }),
                            });
                        }
                        // As Chromium does it: Authorization is taken off for another origin, other
                        // headers are not, and 307 and 308 send the body again.
                        if origin(&to) != origin(&request.url) {
                            request.headers.retain(|(name, _)| name != "authorization");
                        }
                        if status == 303 || matches!(status, 301 | 302) && request.method == Method::Post {
                            request.method = Method::Get;
                            request.body = None;
                        }
                        request.url = to;
                        redirected = true;
                    }
                    Reply::Answer(answer) => return Ok(self.response(request.url, redirected, answer)),
                    Reply::Elsewhere(url, answer) => return Ok(self.response(url, true, answer)),
                }
            }
            Err(HttpError::Opaque {
                detail: "too many redirects".to_owned(),
            })
        })
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            origin: self.page.clone(),
            online: self.online,
        }
    }
}

impl Script {
    fn response(&self, url: String, redirected: bool, answer: Answer) -> Response {
        let mut pieces = answer.body;
        pieces.reverse();
        Response {
            status: answer.status,
            url,
            redirected,
            redirect_refused: false,
            headers: answer.headers,
            body: Box::new(Pieces {
                pieces,
                clock: self.clock.clone(),
            }),
        }
    }
}

struct Pieces {
    pieces: Vec<Piece>,
    clock: SharedClock,
}

impl Body for Pieces {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        Box::pin(async move {
            loop {
                match self.pieces.pop() {
                    None => return Ok(None),
                    Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                    Some(Piece::Bytes(bytes)) => return Ok(Some(bytes)),
                    Some(Piece::Pause(milliseconds)) => self.clock.sleep(milliseconds).await,
                    Some(Piece::Break) => {
                        return Err(HttpError::Broken {
                            detail: "reset".to_owned(),
                        });
                    }
                    Some(Piece::Hang) => pending().await,
                    Some(Piece::Forever(milliseconds, bytes)) => {
                        self.pieces.push(Piece::Forever(milliseconds, bytes.clone()));
                        self.clock.sleep(milliseconds).await;
                        return Ok(Some(bytes));
                    }
                }
            }
        })
    }
}

/// A client, a clock and a task around a script.
pub struct World {
    pub http: Rc<Script>,
    pub host: Host,
    pub task: Task,
    pub events: Rc<RefCell<Vec<Event>>>,
    clock: Rc<JumpingClock>,
}

impl World {
    /// Outside a browser.
    pub fn new(handler: impl Fn(&Request) -> Reply + 'static) -> Self {
        Self::with(None, true, handler)
    }

    /// In a page of that origin.
    pub fn of_page(page: &str, handler: impl Fn(&Request) -> Reply + 'static) -> Self {
        Self::with(Some(page), true, handler)
    }

    pub fn with(page: Option<&str>, online: bool, handler: impl Fn(&Request) -> Reply + 'static) -> Self {
        let clock = SharedClock::default();
        let http = Rc::new(Script {
            page: page.map(str::to_owned),
            online,
            handler: Box::new(handler),
            clock: clock.clone(),
            log: RefCell::default(),
        });
        let host = Host {
            storage: Rc::new(MemoryStorage::new()),
            http: http.clone(),
            clock: Rc::new(clock.clone()),
            threads: Rc::new(gitside::host::NoThreads),
        };
        let events = Rc::new(RefCell::new(Vec::new()));
        let told = events.clone();
        let task = Task::new(host.clock.clone(), move |event| told.borrow_mut().push(event));
        World {
            http,
            host,
            task,
            events,
            clock: clock.0,
        }
    }

    /// Runs a future to its end; panics if it would never end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            assert!(self.clock.jump(), "nothing can happen any more: it hangs");
        }
    }

    /// Runs a future, and cancels the task after so many milliseconds. Answers what came of it and
    /// at what time.
    pub fn run_and_cancel<T>(&self, after: f64, future: impl Future<Output = T>) -> (T, f64) {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        let alarm = self.host.clock.sleep(after as u32);
        let mut alarm = pin!(alarm);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return (value, self.clock.now.get());
            }
            if alarm.as_mut().poll(&mut context).is_ready() {
                self.task.cancel();
                continue;
            }
            assert!(self.clock.jump(), "nothing can happen any more: it hangs");
        }
    }

    pub fn connect(&self, url: &str, options: &Options) -> Outcome<Session> {
        self.connect_for(url, Service::UploadPack, options)
    }

    pub fn connect_for(&self, url: &str, service: Service, options: &Options) -> Outcome<Session> {
        let url = RemoteUrl::parse(url).map_err(|error| gitside::ops::remote::url_error(&error))?;
        self.run(Remote::connect(&self.host, &self.task, &url, service, options))
    }

    /// The error that connecting ends with.
    pub fn refusal(&self, url: &str, options: &Options) -> GitError {
        match self.connect(url, options) {
            Err(Failure::Error(error)) => *error,
            Err(Failure::Cancelled) => panic!("cancelled"),
            Ok(_) => panic!("connected"),
        }
    }

    /// How many requests reached a server.
    pub fn requests(&self) -> usize {
        self.http.log.borrow().len()
    }

    /// The last request that reached a server.
    pub fn last(&self) -> Request {
        self.http.log.borrow().last().cloned().expect("a request")
    }

    /// Milliseconds since the start.
    pub fn elapsed(&self) -> f64 {
        self.clock.now.get()
    }
}

/// What a request carries, as one; empty where it carries nothing.
pub fn body(request: &Request) -> Vec<u8> {
    let pieces = request.body.as_ref().map(|body| body.pieces().expect("in memory"));
    pieces.unwrap_or_default().concat()
}

/// A header of a request.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

/// A pkt-line.
pub fn pkt(line: impl AsRef<[u8]>) -> Vec<u8> {
    let line = line.as_ref();
    let mut packet = format!("{:04x}", line.len() + 4).into_bytes();
    packet.extend_from_slice(line);
    packet
}

pub const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
pub const RESULT: &str = "application/x-git-upload-pack-result";
pub const OID: &str = "1111111111111111111111111111111111111111";

/// A version 0 answer to discovery with one branch.
pub fn v0() -> Answer {
    let capabilities = "multi_ack_detailed no-done side-band-64k ofs-delta shallow symref=HEAD:refs/heads/main";
    let body = [
        pkt("# service=git-upload-pack\n"),
        b"0000".to_vec(),
        pkt(format!("{OID} HEAD\0{capabilities}\n")),
        pkt(format!("{OID} refs/heads/main\n")),
        b"0000".to_vec(),
    ];
    answer(200, ADVERTISEMENT, body.concat())
}

/// A version 2 answer to discovery.
pub fn v2() -> Answer {
    let lines = [
        "version 2\n",
        "agent=mock\n",
        "ls-refs=unborn\n",
        "fetch=shallow filter\n",
        "object-format=sha1\n",
    ];
    let body: Vec<u8> = lines.iter().flat_map(pkt).chain(*b"0000").collect();
    answer(200, ADVERTISEMENT, body)
}

/// Answers discovery in the version asked for.
pub fn discovery(request: &Request) -> Answer {
    if header(request, "git-protocol") == Some("version=2") {
        v2()
    } else {
        v0()
    }
}

/// The version 2 answer to ls-refs.
pub fn refs() -> Answer {
    let body = [
        pkt(format!("{OID} HEAD symref-target:refs/heads/main\n")),
        pkt(format!("{OID} refs/heads/main\n")),
        b"0000".to_vec(),
    ];
    answer(200, RESULT, body.concat())
}

/// A packet of a band.
pub fn band(band: u8, bytes: &[u8]) -> Vec<u8> {
    pkt([&[band], bytes].concat())
}

//! How a remote is to be talked to: credentials, proxy, headers, protocol version, time limits.

use std::cell::RefCell;
use std::rc::Rc;

use super::secret::Secret;
use super::trace::Tracer;
use crate::host::Async;
use crate::sorted::SortedSet;

/// How to talk to a remote. The default asks nobody, goes directly, and chooses the protocol
/// version so that CORS is not in the way.
#[derive(Clone, Default)]
pub struct Options {
    /// Asked when the server wants a login.
    pub credentials: Option<AskCredentials>,
    /// Told whether a login was accepted (git's `credential approve` and `reject`).
    pub on_credentials: Option<TellCredentials>,
    /// The way around a server that does not allow cross-origin requests.
    pub cors_proxy: Option<CorsProxy>,
    /// Sent with every request; names in any case. They may hold secrets, so no request that
    /// carries them follows a redirect or passes a proxy that is not trusted.
    pub headers: Vec<(String, Secret)>,
    /// Ask for this version of the protocol instead of choosing.
    pub protocol_version: Option<Version>,
    /// Something only version 2 does well will be asked for (a filter), so that it is worth a
    /// CORS preflight.
    pub wants_v2: bool,
    /// Words for the server's own use (`git fetch --server-option`), sent with every command of
    /// version 2, which is asked for. A server that takes none is an error.
    pub server_options: Vec<String>,
    /// Whether a server is waited for that says when to come back.
    pub retry: Retry,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Told of every request, answer and packet, without secrets.
    pub trace: Option<Tracer>,
    /// What was learnt of servers so far; share one between operations.
    pub memory: Memory,
}

/// Asks the caller for a login: `None` gives up. Asked at most three times in one operation.
pub type AskCredentials = Rc<dyn Fn(Challenge) -> Async<'static, Option<Credentials>>>;

/// Tells the caller what became of a login, with the URL (without userinfo) it was used for.
pub type TellCredentials = Rc<dyn Fn(Verdict, &Credentials, &str)>;

/// What a server wants, for whoever knows the login.
#[derive(Clone)]
pub struct Challenge {
    /// The repository, without userinfo. Its origin is the one that will get the login.
    pub url: String,
    /// The server's name for what is protected, where readable.
    pub realm: Option<String>,
    /// The schemes offered, as the server spells them; empty where the browser hides them.
    pub schemes: Vec<String>,
    /// The user name of the URL, if it has one.
    pub username: Option<String>,
    /// 1 for the first question, 2 after the first answer was refused.
    pub attempt: u32,
}

/// A login.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Basic`, as UTF-8.
    Basic {
        /// Often a name, sometimes a token. No `:`.
        username: Secret,
        /// May be empty.
        password: Secret,
    },
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// The whole value of the `Authorization` header.
    Authorization(Secret),
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server answered with what was asked for.
    Approved,
    /// The server answered 401 to it.
    Rejected,
}

/// A server that sends requests on and adds the CORS headers.
#[derive(Clone)]
pub struct CorsProxy {
    /// How a URL is written so that it reaches the proxy.
    pub address: ProxyAddress,
    /// Logins and custom headers may pass through it; whoever runs it can read them.
    pub pass_credentials: bool,
    /// It allows `Content-Encoding`, so that large requests can be compressed.
    pub pass_encoding: bool,
}

/// How a URL is written so that it reaches a proxy.
#[derive(Clone)]
pub enum ProxyAddress {
    /// `https://proxy/` gives `https://proxy/host/path`; one that ends in `?` gets the whole URL
    /// as it is, one that ends in `=` gets it percent-encoded.
    Prefix(String),
    /// Text with `{url}`, `{url:encode}`, `{host}`, `{path}`; `{path}` has no leading slash and
    /// includes the query.
    Template(String),
    /// Anything else.
    Function(ProxyFunction),
}

/// Turns a URL into the URL to request; the error is shown to the caller.
pub type ProxyFunction = Rc<dyn Fn(String) -> Async<'static, Result<String, String>>>;

impl CorsProxy {
    /// A proxy given as text: a template if it has a placeholder, else a prefix.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let address = if text.contains('{') {
            ProxyAddress::Template(text)
        } else {
            ProxyAddress::Prefix(text)
        };
        CorsProxy {
            address,
            pass_credentials: false,
            pass_encoding: false,
        }
    }
}

/// A version of Git's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The advertisement comes first.
    V0,
    /// Version 0 with a line that says so.
    V1,
    /// Commands.
    V2,
}

impl Version {
    /// As in `Git-Protocol: version=2`.
    pub const fn number(self) -> u8 {
        match self {
            Version::V0 => 0,
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }
}

/// Whether a server is waited for that answers 429, or 503 with `Retry-After` (git's
/// `http.maxRetries` and `http.maxRetryTime`). Only requests that change nothing are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often one request is repeated; 0 leaves it to the caller.
    pub max_retries: u32,
    /// The longest single wait, in seconds: a server that asks for more is an error at once.
    pub max_retry_time: u32,
}

impl Default for Retry {
    /// Never; five minutes.
    fn default() -> Self {
        Retry {
            max_retries: 0,
            max_retry_time: 300,
        }
    }
}

/// Time limits, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of a request to the head of its answer, beside the time of the upload.
    pub first_byte: u32,
    /// The slowest upload that is waited for, in bytes per second.
    pub upload_rate: u32,
    /// Between two pieces of an answer.
    pub stall: u32,
    /// How long an answer may consist of keep-alives alone.
    pub keep_alive: u32,
}

impl Default for Timeouts {
    /// Two minutes for the head of an answer (a server that counts a large repository is silent
    /// until its first keep-alive), 4 KiB/s, 30 s, ten minutes.
    fn default() -> Self {
        Timeouts {
            first_byte: 120_000,
            upload_rate: 4096,
            stall: 30_000,
            keep_alive: 600_000,
        }
    }
}

/// What operations learn of servers for later ones. Clones share their content; nothing secret
/// is in it, and nothing of it is stored.
#[derive(Clone, Default)]
pub struct Memory {
    refuses_git_protocol: Rc<RefCell<SortedSet<String>>>,
}

impl Memory {
    /// Whether requests to `origin` that carried `Git-Protocol` got no answer while the same
    /// request without it did: its CORS rules do not allow the header.
    pub fn refuses_git_protocol(&self, origin: &str) -> bool {
        self.refuses_git_protocol.borrow().contains(origin)
    }

    pub(super) fn note_refused_git_protocol(&self, origin: &str) {
        self.refuses_git_protocol.borrow_mut().insert(origin.to_owned());
    }
}

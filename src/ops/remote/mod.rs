//! The transport: what turns the dialogues of [`crate::protocol`] into HTTP requests, and what
//! happens to those on the web into errors that say what to do. Logins, redirects, proxies,
//! CORS, time limits and retries live here and nowhere else.
//!
//! ```text
//!   session       discovery, version, refs      fetch         the dialogue, and the pack
//!   known         a discovery used again            push          the request, and the report
//!   options       what the caller may choose    secret        what must not be printed
//!   connection    one request after another     login, auth   who may read
//!   redirect      where it is by now            retry         another try
//!   watch         waiting that ends             proxy, gzip   how a request is written
//!   report, diagnose, said, wire_fault          what went wrong, in words
//!   trace         what went over the wire       redact        and that no secret is in it
//! ```

mod auth;
mod connection;
mod diagnose;
mod fetch;
mod gzip;
mod known;
mod login;
mod options;
mod proxy;
mod push;
mod redact;
mod redirect;
mod report;
mod request;
mod retry;
mod retry_after;
mod said;
mod secret;
mod session;
mod trace;
mod watch;
mod wire_fault;

pub use crate::protocol::fetch::{Acks, Deepen, FetchRequest, ShallowInfo};
pub use crate::protocol::smart_http::Service;
pub use diagnose::url_error;
pub use fetch::{Negotiator, PackStream};
pub use known::Known;
pub use options::{
    AskCredentials, Challenge, CorsProxy, Credentials, Memory, Options, ProxyAddress, ProxyFunction, Retry,
    TellCredentials, Timeouts, Verdict, Version,
};
pub use push::Answered;
pub use secret::Secret;
pub use session::{Remote, Session};
pub use trace::{TraceEvent, TraceKind, Tracer};

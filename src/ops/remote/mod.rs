//! The transport: what turns the dialogues of [`crate::protocol`] into HTTP requests, and what
//! happens to those on the web into errors that say what to do. Logins, redirects, proxies,
//! CORS, time limits and retries live here and nowhere else.
//!
//! ```text
//!   session       discovery, version, refs      fetch         the dialogue, and the pack
//!   options       what the caller may choose    secret        what must not be printed
//!   connection    one request after another     login, auth   who may read
//!   watch         waiting that ends             proxy, gzip   how a request is written
//!   diagnose, said, wire_fault                  what went wrong, in words
//! ```

mod auth;
mod connection;
mod diagnose;
mod fetch;
mod gzip;
mod login;
mod options;
mod proxy;
mod request;
mod retry_after;
mod said;
mod secret;
mod session;
mod watch;
mod wire_fault;

pub use crate::protocol::fetch::{Acks, Deepen, FetchRequest, ShallowInfo};
pub use crate::protocol::smart_http::Service;
pub use diagnose::url_error;
pub use fetch::{Negotiator, PackStream};
pub use options::{
    AskCredentials, Challenge, CorsProxy, Credentials, Memory, Options, ProxyAddress, ProxyFunction, TellCredentials,
    Timeouts, Verdict, Version,
};
pub use secret::Secret;
pub use session::{Remote, Session};

//! A Git server for tests and demonstrations. Loopback only.
//!
//! [`Server::builder`] mounts bare repositories ([`Git`], answered by `git http-backend`), folders
//! of static files ([`Files`]) and a CORS proxy ([`Proxy`]) under path prefixes, each with its own
//! CORS answers ([`Cors`]) and logins ([`Auth`]). The server runs on a thread of its own; the
//! interface is synchronous, and dropping the [`Server`] stops it. What was asked and answered is
//! read with [`Server::log`]; what goes wrong is chosen with [`Server::fault`].
//!
//! ```no_run
//! use gitside_server::{Cors, Fault, Git, Server, When, repos};
//! # fn main() -> std::io::Result<()> {
//! let root = tempfile::tempdir()?;
//! repos::example(&root.path().join("example.git"))?;
//! let server = Server::builder().mount(Git::at("/git", root.path()).cors(Cors::Gitea)).start()?;
//! server.fault(When::post().path_contains("git-upload-pack"), Fault::truncate(1000));
//! // … clone server.url("/git/example.git"), and expect it to be refused …
//! assert_eq!(server.log().len(), 2);
//! # Ok(()) }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `server` | the builder, the runtime thread, connections |
//! | `route` | one request: faults, CORS, logins, the mount, the log |
//! | `git`, `files`, `proxy` | the mounts |
//! | `cors`, `auth` | what mounts share |
//! | `when`, `fault`, `flow`, `wire` | what can go wrong, and when; wrong bodies; wrong bytes on the socket |
//! | `log`, `control` | what happened; the same over HTTP for tests in other languages |
//! | `repos` | repositories made by scripts |

#![cfg(not(target_arch = "wasm32"))]

mod auth;
mod control;
mod cors;
mod fault;
mod files;
mod flow;
mod git;
mod log;
mod proxy;
mod reply;
pub mod repos;
mod route;
mod server;
mod when;
mod wire;

pub use auth::Auth;
pub use cors::Cors;
pub use fault::{End, Fault, FaultId, Framing};
pub use files::Files;
pub use git::Git;
pub use log::{Entry, Outcome};
pub use proxy::Proxy;
pub use reply::{Payload, Reply};
pub use server::{Builder, Mount, Server};
pub use when::{Head, When};

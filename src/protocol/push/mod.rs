//! One push: gitprotocol-pack(5), "Pushing Data To a Server", and gitprotocol-capabilities(5); the
//! wire's half of git's send-pack.c.
//!
//! ```text
//!   0035 shallow <oid>                     for each commit at which the history ends here
//!   .... <old> <new> <name> NUL caps       the first command; those after it have no capabilities
//!   .... <old> <new> <name>
//!   0000
//!   .... <option>, 0000                    if push options were agreed on
//!   PACK…                                  unless every command deletes
//! ```
//!
//! With a [`Certificate`] the commands are inside its text, and nowhere else. The answer is read by
//! a [`PushResponse`]; what it says of each command is a [`Report`].
//!
//! There is no version 2 of pushing. What is not here: the pack, and which commands to send.

mod certificate;
mod error;
mod offer;
mod reason;
mod report;
mod request;
mod response;

pub use certificate::{Certificate, SignedCertificate};
pub use error::{PushError, PushRequestError};
pub use offer::{PushOffer, ReportVersion};
pub use reason::Reason;
pub use report::{Report, Reported, Verdict};
pub use request::{Command, PROBE, PushRequest};
pub use response::{PushEvent, PushResponse};

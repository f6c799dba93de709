//! What goes wrong. A [`When`] picks requests, a [`Fault`] says what happens to them. Several
//! faults may meet one request; they are applied in the order in which they were set.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;

use crate::reply::{Payload, Reply};
use crate::when::{Head, When};

/// How a connection ends after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The answer is finished properly: its framing says that this was all.
    Clean,
    /// The connection is closed (FIN) without what was promised.
    Close,
    /// The connection is reset (RST).
    Reset,
}

/// How an answer's body is delimited on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// `Content-Length`.
    Length,
    /// Neither: the end of the connection is the end of the body.
    Close,
}

/// What happens to a request. Offsets count the bytes of the answer's body, without framing.
#[derive(Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Fault {
    /// The body ends after `at` bytes.
    Truncate {
        /// How many bytes are sent.
        at: u64,
        /// What follows.
        end: End,
    },
    /// The connection is reset as soon as the request's head was read; its body is not read, and
    /// the mount never hears of it.
    Refuse,
    /// The request is handled to its end, then the connection is closed or reset unanswered.
    Unanswered {
        /// How.
        end: End,
    },
    /// The head of the answer is held back.
    Delay {
        /// Milliseconds; `None` until the client goes away.
        ms: Option<u64>,
    },
    /// Silence in the body after `at` bytes.
    Stall {
        /// How many bytes are sent before it.
        at: u64,
        /// Milliseconds; `None` until the client goes away.
        ms: Option<u64>,
    },
    /// The body is sent in pieces of `bytes`, `ms` apart.
    Dribble {
        /// Bytes in a piece.
        bytes: usize,
        /// Milliseconds between two pieces.
        ms: u64,
    },
    /// `Content-Length` says so many bytes more (or less) than there are, and the connection is
    /// closed after the body.
    WrongLength {
        /// Added to the true length.
        by: i64,
    },
    /// The byte at `at` is combined with `mask` by exclusive or.
    Flip {
        /// Which byte.
        at: u64,
        /// Which bits.
        mask: u8,
    },
    /// Another framing than hyper would choose.
    Framing {
        /// Which.
        framing: Framing,
    },
    /// This answer, without asking the mount.
    Respond {
        /// The answer.
        reply: Reply,
    },
    /// Nothing but these bytes on the socket, in place of a whole HTTP answer.
    Raw {
        /// What is written.
        bytes: Payload,
        /// What follows ([`End::Clean`] closes).
        end: End,
    },
    /// Every occurrence of some bytes in the body becomes others; the length may change.
    Replace {
        /// What is searched.
        from: Payload,
        /// What takes its place.
        to: Payload,
    },
    /// The same in the request's body, before the mount reads it.
    ReplaceInRequest {
        /// What is searched.
        from: Payload,
        /// What takes its place.
        to: Payload,
    },
    /// The whole body is handed to a function.
    #[serde(skip)]
    Rewrite(Rewriter),
    /// The request's whole body is handed to a function before the mount reads it.
    #[serde(skip)]
    RewriteRequest(Rewriter),
    /// A header of the answer is set, or with `None` left out.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
    /// A header of the request is set, or with `None` left out, before the mount sees it.
    RequestHeader {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
    /// The status of the answer is changed, and nothing else of it.
    Status {
        /// The new status.
        status: u16,
    },
}

/// A function from a body to another.
#[derive(Clone)]
pub struct Rewriter(pub(crate) Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>);

impl Fault {
    /// The body ends properly after `at` bytes.
    pub fn truncate(at: u64) -> Fault {
        Fault::Truncate { at, end: End::Clean }
    }

    /// The connection is closed after `at` bytes of the body.
    pub fn close_at(at: u64) -> Fault {
        Fault::Truncate { at, end: End::Close }
    }

    /// The connection is reset after `at` bytes of the body.
    pub fn reset_at(at: u64) -> Fault {
        Fault::Truncate { at, end: End::Reset }
    }

    /// Silence after `at` bytes of the body, until the client goes away.
    pub fn stall(at: u64) -> Fault {
        Fault::Stall { at, ms: None }
    }

    /// Silence for a while after `at` bytes of the body.
    pub fn pause(at: u64, duration: Duration) -> Fault {
        Fault::Stall {
            at,
            ms: Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// The head of the answer comes late.
    pub fn delay(duration: Duration) -> Fault {
        Fault::Delay {
            ms: Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Pieces of `bytes` bytes, `ms` milliseconds apart.
    pub fn dribble(bytes: usize, ms: u64) -> Fault {
        Fault::Dribble { bytes, ms }
    }

    /// A bit of the body is wrong.
    pub fn flip(at: u64) -> Fault {
        Fault::Flip { at, mask: 1 }
    }

    /// An answer of this kind.
    pub fn respond(reply: Reply) -> Fault {
        Fault::Respond { reply }
    }

    /// A status and nothing else.
    pub fn status(status: u16) -> Fault {
        Fault::respond(Reply::status(status))
    }

    /// A redirect of any status to any place.
    pub fn redirect(status: u16, location: &str) -> Fault {
        Fault::respond(Reply::text(status, "elsewhere\n").header("location", location))
    }

    /// These bytes on the socket, then the connection is closed.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Fault {
        Fault::Raw {
            bytes: Payload(bytes.into()),
            end: End::Close,
        }
    }

    /// The answer's whole body is handed to a function.
    pub fn rewrite(function: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Fault {
        Fault::Rewrite(Rewriter(Arc::new(function)))
    }

    /// The request's whole body is handed to a function.
    pub fn rewrite_request(function: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Fault {
        Fault::RewriteRequest(Rewriter(Arc::new(function)))
    }

    /// Bytes in the answer's body become others.
    pub fn replace(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Fault {
        Fault::Replace {
            from: Payload(from.into()),
            to: Payload(to.into()),
        }
    }

    /// A header of the answer is set.
    pub fn set_header(name: &str, value: &str) -> Fault {
        Fault::Header {
            name: name.to_ascii_lowercase(),
            value: Some(value.into()),
        }
    }

    /// A header of the answer is left out.
    pub fn drop_header(name: &str) -> Fault {
        Fault::Header {
            name: name.to_ascii_lowercase(),
            value: None,
        }
    }

    /// The mount does not see a header of the request, as behind a proxy that drops it.
    pub fn drop_request_header(name: &str) -> Fault {
        Fault::RequestHeader {
            name: name.to_ascii_lowercase(),
            value: None,
        }
    }

    /// A short word for the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Fault::Truncate { .. } => "truncate",
            Fault::Refuse => "refuse",
            Fault::Unanswered { .. } => "unanswered",
            Fault::Delay { .. } => "delay",
            Fault::Stall { .. } => "stall",
            Fault::Dribble { .. } => "dribble",
            Fault::WrongLength { .. } => "wrong-length",
            Fault::Flip { .. } => "flip",
            Fault::Framing { .. } => "framing",
            Fault::Respond { .. } => "respond",
            Fault::Raw { .. } => "raw",
            Fault::Replace { .. } => "replace",
            Fault::ReplaceInRequest { .. } => "replace-in-request",
            Fault::Rewrite(_) => "rewrite",
            Fault::RewriteRequest(_) => "rewrite-request",
            Fault::Header { .. } => "header",
            Fault::RequestHeader { .. } => "request-header",
            Fault::Status { .. } => "status",
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Names a fault, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FaultId(pub(crate) u64);

/// The faults that are set.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    rules: Vec<Rule>,
}

struct Rule {
    id: FaultId,
    when: When,
    fault: Fault,
    seen: u64,
}

impl Faults {
    pub(crate) fn add(&self, when: When, fault: Fault) -> FaultId {
        let mut inner = self.lock();
        inner.next += 1;
        let id = FaultId(inner.next);
        inner.rules.push(Rule {
            id,
            when,
            fault,
            seen: 0,
        });
        id
    }

    pub(crate) fn remove(&self, id: FaultId) {
        self.lock().rules.retain(|rule| rule.id != id);
    }

    pub(crate) fn clear(&self) {
        self.lock().rules.clear();
    }

    /// The faults that meet a request; counts it for all whose conditions hold.
    pub(crate) fn meet(&self, head: &Head<'_>) -> Vec<Fault> {
        let mut met = Vec::new();
        for rule in &mut self.lock().rules {
            if rule.when.holds(head) {
                rule.seen += 1;
                if rule.when.counts(rule.seen) {
                    met.push(rule.fault.clone());
                }
            }
        }
        met
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(method: &'a str, path: &'a str) -> Head<'a> {
        Head {
            method,
            path,
            query: "service=git-upload-pack",
            headers: &[],
        }
    }

    #[test]
    fn a_fault_meets_the_requests_it_was_set_for() {
        let met = |when: When, requests: &[(&str, &str)]| -> Vec<bool> {
            let faults = Faults::default();
            faults.add(when, Fault::Refuse);
            requests
                .iter()
                .map(|(m, p)| !faults.meet(&head(m, p)).is_empty())
                .collect()
        };
        let requests = [("GET", "/a"), ("POST", "/b"), ("POST", "/b"), ("POST", "/a")];
        assert_eq!(met(When::any(), &requests), [true; 4]);
        assert_eq!(met(When::get(), &requests), [true, false, false, false]);
        assert_eq!(met(When::post().nth(2), &requests), [false, false, true, false]);
        assert_eq!(
            met(When::any().path("/b").once(), &requests),
            [false, true, false, false]
        );
        assert_eq!(met(When::any().skip(2), &requests), [false, false, true, true]);
        assert_eq!(met(When::any().header("x-a"), &requests), [false; 4]);
        assert_eq!(
            met(When::any().without_header("x-a").query_contains("upload"), &requests),
            [true; 4]
        );
        assert_eq!(
            met(When::any().matching(|h| h.path == "/a"), &requests),
            [true, false, false, true]
        );
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"kind":"truncate","at":5,"end":"reset"}"#).unwrap();
        assert!(matches!(fault, Fault::Truncate { at: 5, end: End::Reset }));
        let text =
            r#"{"kind":"respond","reply":{"status":429,"headers":[["retry-after","1"]],"body":{"base64":"AAE="}}}"#;
        let Fault::Respond { reply } = serde_json::from_str(text).unwrap() else {
            panic!("another fault")
        };
        assert_eq!((reply.status, reply.body), (429, Payload(vec![0, 1])));
        let when: When = serde_json::from_str(r#"{"method":"POST","pathContains":"/","skip":1,"times":2}"#).unwrap();
        let faults = Faults::default();
        faults.add(when, fault);
        let met = ["GET", "POST", "POST", "POST", "POST"].map(|method| faults.meet(&head(method, "/")).len());
        assert_eq!(met, [0, 0, 1, 1, 0]);
        assert!(serde_json::from_str::<When>(r#"{"metod":"POST"}"#).is_err());
    }
}

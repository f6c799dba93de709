//! What was asked and answered.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde::{Serialize, Serializer};

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has not ended.
    #[default]
    Open,
    /// The whole answer was handed to the connection.
    Complete,
    /// The client went away before it had all.
    Aborted,
    /// It was cut by a fault, or by the mount behind it.
    Cut,
}

/// One request.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counts from 1, never reused.
    pub id: u64,
    /// The method, in capitals.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// What follows the question mark, or nothing.
    pub query: String,
    /// The value of `Git-Protocol`.
    pub git_protocol: Option<String>,
    /// All request headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request's body that were read.
    pub body_bytes: u64,
    /// The request's body as sent, where the server keeps bodies. Base64 in JSON.
    #[serde(serialize_with = "base64")]
    pub body: Vec<u8>,
    /// The user who logged in.
    pub user: Option<String>,
    /// The answer's status; 0 where there was none.
    pub status: u16,
    /// The answer's headers, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// Bytes of the answer's body, as handed to the connection.
    pub sent: u64,
    /// What the service wrote to its standard error: its trace, where the mount asks for one.
    pub stderr: String,
    /// The faults it met.
    pub faults: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Milliseconds from the start of the server to the request.
    pub at_ms: f64,
    /// Milliseconds from the request to the head of the answer.
    pub head_ms: Option<f64>,
    /// Milliseconds from the request to the end of the answer.
    pub end_ms: Option<f64>,
}

impl Entry {
    /// A request header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A header of the answer; the name in lower case.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        self.response_headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// The entries of a server.
pub(crate) struct Log {
    start: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    entries: Vec<Entry>,
}

impl Log {
    pub(crate) fn new() -> Log {
        Log {
            start: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Opens an entry; the ticket fills it in.
    pub(crate) fn open(self: &Arc<Log>, mut entry: Entry) -> Ticket {
        let began = Instant::now();
        let mut state = self.lock();
        state.next += 1;
        entry.id = state.next;
        entry.at_ms = (began - self.start).as_secs_f64() * 1000.0;
        let id = entry.id;
        state.entries.push(entry);
        drop(state);
        self.changed.notify_all();
        Ticket {
            log: Arc::clone(self),
            id,
            began,
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
    }

    /// Waits until `done` holds of the entries; false if it does not within `timeout`.
    pub(crate) fn wait_until(&self, timeout: Duration, mut done: impl FnMut(&[Entry]) -> bool) -> bool {
        let state = self.lock();
        let waited = self
            .changed
            .wait_timeout_while(state, timeout, |state| !done(&state.entries));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to fill in one entry.
#[derive(Clone)]
pub(crate) struct Ticket {
    log: Arc<Log>,
    id: u64,
    began: Instant,
}

impl Ticket {
    /// Changes the entry; does nothing if the log was cleared since.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Entry)) {
        let mut state = self.log.lock();
        if let Some(entry) = state.entries.iter_mut().rev().find(|entry| entry.id == self.id) {
            change(entry);
            drop(state);
            self.log.changed.notify_all();
        }
    }

    /// The head of the answer is known.
    pub(crate) fn head(&self, status: u16, headers: Vec<(String, String)>) {
        let ms = self.ms();
        self.note(|entry| {
            entry.status = status;
            entry.response_headers = headers;
            entry.head_ms = Some(ms);
        });
    }

    /// The request has ended. Later calls change nothing.
    pub(crate) fn end(&self, outcome: Outcome) {
        let ms = self.ms();
        self.note(|entry| {
            if entry.outcome == Outcome::Open {
                entry.outcome = outcome;
                entry.end_ms = Some(ms);
            }
        });
    }

    fn ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
}

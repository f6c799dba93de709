//! The outside world, as the engine sees it: a key-value store with batches, an HTTP client,
//! a clock. Traits and plain data only; nothing here knows Git, and nothing here knows a browser.
//!
//! `browser/` implements these traits with web APIs, `store::memory` implements [`Backend`] and
//! [`Storage`] in memory, and the native tests implement [`Http`] over sockets. The futures are
//! boxed and single-threaded ([`Async`]): a call costs one allocation beside a transaction or a
//! network round trip, and no layer above needs a type parameter for where it runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

pub mod locks;
pub mod pace;
pub mod parts;
pub mod threads;

pub use pace::Pace;
pub use parts::{MemoryParts, Parts, RequestBody};
pub use threads::{Helper, NoThreads, Threads};

/// A boxed future that stays on its thread.
pub type Async<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Everything an operation needs from outside, handed down as one value. Cloning is cheap.
#[derive(Clone)]
pub struct Host {
    /// Where databases live.
    pub storage: Rc<dyn Storage>,
    /// How requests are sent.
    pub http: Rc<dyn Http>,
    /// Time, waiting and yielding.
    pub clock: Rc<dyn Clock>,
    /// Other threads.
    pub threads: Rc<dyn Threads>,
}

impl Host {
    /// A number that no server can foresee.
    pub fn seed(&self) -> Result<u64, StorageError> {
        let id = self.storage.unique_id()?;
        let digits = id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Ok(digits.unwrap_or_default())
    }
}

// ---------------------------------------------------------------------------------------------
// Storage

/// One of the fixed key spaces of a database. An IndexedDB backend has one object store for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Small rows: the catalogue's entries, a repository's state and settings.
    Meta,
    /// References.
    Refs,
    /// Large rows of pack bytes.
    Chunks,
    /// Pack index rows.
    Index,
    /// Objects stored one row each.
    Objects,
}

impl Table {
    /// Every table, in the order in which a backend creates them.
    pub const ALL: [Table; 5] = [Table::Meta, Table::Refs, Table::Chunks, Table::Index, Table::Objects];

    /// The table's name in a backend that names its tables.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Refs => "refs",
            Table::Chunks => "chunks",
            Table::Index => "index",
            Table::Objects => "objects",
        }
    }
}

/// A value to read: the whole of it, or `range` (bytes, end exclusive, clipped to the value).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The table to look in.
    pub table: Table,
    /// The key, compared bytewise.
    pub key: Vec<u8>,
    /// `None` for the whole value.
    pub range: Option<std::ops::Range<u64>>,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Rows that must be exactly so when the batch is applied, else nothing is written and the
    /// commit fails with [`StorageError::Conflict`].
    pub expect: Vec<Expect>,
    /// Applied in order.
    pub changes: Vec<Change>,
    /// Ask that the data be flushed to the disk before the commit resolves.
    pub durable: bool,
}

/// A compare-and-swap condition: the row under `key` has exactly `value` (`None`: there is no row).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The table to look in.
    pub table: Table,
    /// The key, compared bytewise.
    pub key: Vec<u8>,
    /// The value the row must have.
    pub value: Option<Vec<u8>>,
}

/// One change of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Write or replace a row.
    Put(Table, Vec<u8>, Vec<u8>),
    /// Remove a row if there is one.
    Delete(Table, Vec<u8>),
    /// Remove every row whose key starts with the bytes.
    DeletePrefix(Table, Vec<u8>),
}

/// A row: its key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// One database: byte keys to byte values in a few tables. The same contract suite
/// (`store::contract`) is run against every implementation.
pub trait Backend {
    /// Reads many rows in one consistent view; the answers are in the order of `reads`, `None`
    /// where there is no such row.
    fn get_many<'a>(&'a self, reads: &'a [Read]) -> Async<'a, Result<Vec<Option<Vec<u8>>>, StorageError>>;

    /// Rows whose key starts with `prefix` and is greater than `after`, in key order, `limit` at most.
    fn list<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Row>, StorageError>>;

    /// The keys alone, otherwise as [`Backend::list`].
    fn list_keys<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Async<'a, Result<Vec<Vec<u8>>, StorageError>>;

    /// Applies a batch atomically. Dropping the future does not undo a commit under way.
    fn commit(&self, batch: Batch) -> Async<'_, Result<(), StorageError>>;

    /// Lets go of the database. Later calls fail with [`StorageError::Gone`].
    fn close(&self);
}

/// The place that holds databases.
pub trait Storage {
    /// Opens a database, creating it empty where there is none.
    fn open<'a>(&'a self, database: &'a str) -> Async<'a, Result<Rc<dyn Backend>, StorageError>>;

    /// Removes a database and all it holds. Removing one that does not exist succeeds.
    fn destroy<'a>(&'a self, database: &'a str) -> Async<'a, Result<(), StorageError>>;

    /// The names of all databases whose name starts with `prefix`, or `None` where the platform
    /// cannot tell.
    fn databases<'a>(&'a self, prefix: &'a str) -> Async<'a, Result<Option<Vec<String>>, StorageError>>;

    /// Takes a named lock that spans tabs. [`Wait::No`] answers `None` if it is held elsewhere.
    /// Dropping the guard releases it; the death of the tab does too.
    fn lock<'a>(
        &'a self,
        name: &'a str,
        mode: LockMode,
        wait: Wait,
    ) -> Async<'a, Result<Option<LockGuard>, StorageError>>;

    /// Whether [`Storage::lock`] excludes other tabs too. Where it does not, nobody can tell a dead
    /// tab's leftovers from a live tab's work.
    fn locks_span_tabs(&self) -> bool;

    /// A name never used before: 32 hex digits from the platform's random generator.
    fn unique_id(&self) -> Result<String, StorageError>;

    /// Bytes used by this origin and whether the platform has promised not to evict them; `None`
    /// where unknown.
    fn usage(&self) -> Async<'_, Usage>;

    /// Asks the platform not to evict this origin's data. True if it promises.
    fn persist(&self) -> Async<'_, bool>;
}

/// What a platform says of its storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in use by the whole origin.
    pub bytes: Option<u64>,
    /// Whether the data is safe from eviction.
    pub persisted: bool,
}

/// Many holders of a shared lock, or one of an exclusive lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Readers.
    Shared,
    /// One writer.
    Exclusive,
}

/// What to do if a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Answer `None` at once.
    No,
    /// Wait for it.
    Yes,
    /// Take it from its holder, who is not told: only for a holder that does not answer.
    Steal,
}

/// A held lock; dropping it lets go.
pub struct LockGuard(#[allow(dead_code, reason = "held for its Drop")] Box<dyn std::any::Any>);

impl LockGuard {
    /// Wraps whatever releases the lock when dropped.
    pub fn new(held: impl std::any::Any) -> Self {
        LockGuard(Box::new(held))
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockGuard")
    }
}

/// Why storage refused. `detail` is the platform's own name and text for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// An expectation of the batch did not hold; nothing was written. The index into
    /// [`Batch::expect`] of the first one that failed.
    Conflict {
        /// Which expectation.
        expectation: usize,
    },
    /// No room. Nothing of the batch was written.
    Quota {
        /// The platform's text.
        detail: String,
    },
    /// The database was deleted or closed under us (cleared site data, eviction, [`Backend::close`]).
    Gone {
        /// The platform's text.
        detail: String,
    },
    /// The database exists but cannot be opened or read.
    Corrupt {
        /// The platform's text.
        detail: String,
    },
    /// Another tab holds an older version open and does not let go.
    Blocked,
    /// Written by a newer version of this software.
    NewerSchema {
        /// The version found.
        found: u32,
        /// The newest version this build can read.
        supported: u32,
    },
    /// There is no such storage here (sandboxed page, disabled by the user).
    Unavailable {
        /// The platform's text.
        detail: String,
    },
    /// Anything else.
    Other {
        /// The platform's text.
        detail: String,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Conflict { expectation } => write!(f, "expectation {expectation} of the batch does not hold"),
            StorageError::Quota { detail } => write!(f, "no room in storage ({detail})"),
            StorageError::Gone { detail } => write!(f, "the database was closed or deleted ({detail})"),
            StorageError::Corrupt { detail } => write!(f, "the database cannot be read ({detail})"),
            StorageError::Blocked => f.write_str("another tab keeps an older version of the database open"),
            StorageError::NewerSchema { found, supported } => {
                write!(f, "the database has schema {found}, this build reads up to {supported}")
            }
            StorageError::Unavailable { detail } => write!(f, "no storage is available here ({detail})"),
            StorageError::Other { detail } => write!(f, "storage failed ({detail})"),
        }
    }
}

impl std::error::Error for StorageError {}

// ---------------------------------------------------------------------------------------------
// HTTP

/// The two methods smart HTTP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Discovery.
    Get,
    /// A service call.
    Post,
}

/// What to do with a 3xx answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Follow it.
    Follow,
    /// Do not contact the target; answer with [`Response::redirect_refused`] set.
    Refuse,
}

/// A request. Sent without cookies, without a referrer and past every cache.
#[derive(Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// An absolute http or https URL without userinfo.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, sent with its length.
    pub body: Option<RequestBody>,
    /// Redirect policy.
    pub redirect: Redirect,
}

/// The head of an answer, with its body still to come.
pub struct Response {
    /// 0 where [`Response::redirect_refused`].
    pub status: u16,
    /// The URL that answered, after redirects.
    pub url: String,
    /// Whether a redirect was followed.
    pub redirected: bool,
    /// A redirect was answered and not followed; nothing else is known.
    pub redirect_refused: bool,
    /// Names in lower case; only what the platform lets be read.
    pub headers: Vec<(String, String)>,
    /// The decoded body.
    pub body: Box<dyn Body>,
}

impl Response {
    /// The first header of that (lower case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A body that arrives piece by piece. Nothing is read ahead of the caller; dropping it aborts
/// the transfer.
pub trait Body {
    /// The next piece, never empty, or `None` at the end. An end says nothing of completeness:
    /// browsers report cut bodies as ended.
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>>;
}

/// Sends requests. Dropping the future aborts the request.
pub trait Http {
    /// Resolves when the head of the answer is there, whatever its status.
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>>;

    /// A place for the body of a request that is long, or made piece by piece.
    fn parts(&self) -> Box<dyn Parts> {
        Box::new(MemoryParts::default())
    }

    /// Where the requests come from.
    fn surroundings(&self) -> Surroundings;
}

/// What a client can know about its own place on the web.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `scheme://host[:port]` of the page; `None` outside a browser, where no CORS applies.
    pub origin: Option<String>,
    /// False if the platform says that there is no network.
    pub online: bool,
}

/// A request that got no answer, or a body that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Refused before an answer; the platform hides why (DNS, TCP, TLS, CORS).
    Opaque {
        /// The platform's text, without the URL.
        detail: String,
    },
    /// The body broke while it was read.
    Broken {
        /// The platform's text, without the URL.
        detail: String,
    },
    /// The request itself cannot be made (a bad header or URL).
    Invalid {
        /// The platform's text, without the URL.
        detail: String,
    },
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Opaque { detail } => write!(f, "no answer ({detail})"),
            HttpError::Broken { detail } => write!(f, "the answer broke off ({detail})"),
            HttpError::Invalid { detail } => write!(f, "the request cannot be made ({detail})"),
        }
    }
}

impl std::error::Error for HttpError {}

// ---------------------------------------------------------------------------------------------
// Time

/// Time, waiting and yielding.
pub trait Clock {
    /// Milliseconds on a clock that never goes back.
    fn now(&self) -> f64;

    /// Seconds since 1970, as the platform believes.
    fn unix_seconds(&self) -> i64;

    /// Resolves after about so many milliseconds.
    fn sleep(&self, milliseconds: u32) -> Async<'static, ()>;

    /// Lets the event loop handle everything that waits (messages, timers, storage), then resolves.
    fn yield_now(&self) -> Async<'static, ()>;

    /// How long this thread has been at work. Of a clock that does not say, every task has its own.
    fn pace(&self) -> Rc<Pace> {
        Rc::default()
    }
}

//! Why the store could not do what was asked: data, not prose. `ops` turns it into the public
//! error and says whose fault it is.

use std::fmt;

use crate::format::oid::ObjectId;
use crate::host::{StorageError, Table};

/// The error of everything in `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The platform's storage failed.
    Storage(StorageError),
    /// The object is not stored.
    Missing {
        /// Which object.
        oid: ObjectId,
    },
    /// The object is listed, but its bytes are gone or wrong.
    Object {
        /// Which object.
        oid: ObjectId,
        /// What is wrong.
        fault: Fault,
    },
    /// A row of ours is gone or damaged.
    Row {
        /// The row's table.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// What is wrong.
        fault: Fault,
    },
    /// The object is larger than what may be held in memory; it can be streamed.
    TooLarge {
        /// Which object.
        oid: ObjectId,
        /// Its size in bytes.
        size: u64,
        /// What may be held.
        limit: u64,
    },
    /// More than fits in the format: objects of a pack, bytes of a row.
    Limit {
        /// What there is too much of.
        what: &'static str,
    },
    /// A repository of that name exists.
    Taken,
    /// Another tab or call holds the repository.
    Busy,
    /// There is no repository of that name.
    NotFound,
    /// The catalogue lists the repository, but its data is gone: cleared or evicted.
    Vanished,
    /// Written by a newer version of this software.
    NewerSchema {
        /// The schema found.
        found: u32,
        /// The newest schema this build reads.
        supported: u32,
    },
    /// Written by a version of this software whose layout this build does not read.
    OlderSchema {
        /// The schema found.
        found: u32,
        /// The schema this build reads.
        supported: u32,
    },
    /// Another writer took over; nothing was written.
    Fenced,
    /// What was being read was replaced (git-gc(1)) while it was read: a pack that is gone, or
    /// objects that moved again and again.
    Replaced,
    /// A ref cannot be read or changed; nothing was written.
    Ref {
        /// The ref's name.
        name: Vec<u8>,
        /// Why not.
        problem: RefProblem,
    },
}

/// What is wrong with something stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Absent,
    /// It ends early, or has more than it should.
    Length,
    /// Its checksum differs.
    Checksum,
    /// It is another kind of row, or of an unknown layout.
    Layout,
    /// Its parts contradict each other.
    Inconsistent(&'static str),
    /// It does not inflate to its size.
    Inflate,
    /// A delta does not apply to its base.
    Delta,
    /// Its content hashes to another id.
    Hash,
    /// Its content shows the marks of a SHA-1 collision attack.
    Collision,
}

/// What stands between a ref and a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefProblem {
    /// It has another value than the caller expected (`None`: there is no such ref).
    Moved {
        /// What it should point to.
        expected: Option<ObjectId>,
        /// What it points to.
        found: Option<ObjectId>,
    },
    /// Another ref's name is a directory of this one, or the other way round.
    Occupied {
        /// The other ref.
        by: Vec<u8>,
    },
    /// The name is no valid ref name.
    Invalid,
    /// Symbolic refs lead in a circle, or through more than five of them.
    Loop,
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NewerSchema { found, supported } => StoreError::NewerSchema { found, supported },
            other => StoreError::Storage(other),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Absent => "is not there",
            Fault::Length => "has the wrong length",
            Fault::Checksum => "has a wrong checksum",
            Fault::Layout => "has an unknown layout",
            Fault::Inconsistent(what) => what,
            Fault::Inflate => "does not inflate to its size",
            Fault::Delta => "is a delta that does not apply",
            Fault::Hash => "hashes to another id",
            Fault::Collision => "shows the marks of a SHA-1 collision attack",
        })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Storage(error) => error.fmt(f),
            StoreError::Missing { oid } => write!(f, "object {oid} is not stored"),
            StoreError::Object { oid, fault } => write!(f, "stored object {oid} {fault}"),
            StoreError::Row { table, key, fault } => {
                write!(f, "row {} of {} {fault}", key.escape_ascii(), table.name())
            }
            StoreError::TooLarge { oid, size, limit } => {
                write!(f, "object {oid} has {size} bytes, {limit} may be held in memory")
            }
            StoreError::Limit { what } => write!(f, "too many {what}"),
            StoreError::Taken => f.write_str("a repository of that name exists"),
            StoreError::Busy => f.write_str("another tab or call is using the repository"),
            StoreError::NotFound => f.write_str("there is no repository of that name"),
            StoreError::Vanished => f.write_str("the repository's data was cleared or evicted"),
            StoreError::NewerSchema { found, supported } => {
                write!(f, "stored with schema {found}, this build reads up to {supported}")
            }
            StoreError::OlderSchema { found, supported } => {
                write!(f, "stored with schema {found}, this build reads {supported}")
            }
            StoreError::Fenced => f.write_str("another writer took the repository over"),
            StoreError::Replaced => f.write_str("what was being read was replaced"),
            StoreError::Ref { name, problem } => {
                let name = name.escape_ascii();
                match problem {
                    RefProblem::Moved { found: Some(oid), .. } => write!(f, "ref {name} is at {oid}"),
                    RefProblem::Moved { found: None, .. } => write!(f, "there is no ref {name}"),
                    RefProblem::Occupied { by } => {
                        write!(f, "ref {name} is in the way of {}", by.escape_ascii())
                    }
                    RefProblem::Invalid => write!(f, "{name} is no valid ref name"),
                    RefProblem::Loop => write!(f, "symbolic ref {name} leads nowhere"),
                }
            }
        }
    }
}

impl std::error::Error for StoreError {}

//! What a scan finds, entry after entry.

use super::group::Group;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;

/// What [`PackScanner::next`](super::PackScanner::next) found.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// The entry's number, from 0.
    pub row: u32,
    /// Where the entry starts in the pack.
    pub offset: u64,
    /// What it is.
    pub what: What<'a>,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// An object that is stored whole, with its content.
    Object {
        /// Its kind.
        kind: Kind,
        /// Its id.
        oid: ObjectId,
        /// Its content.
        content: &'a [u8],
    },
    /// A large blob is passing through; its next event comes with more of it, or with its end. No
    /// entry is complete yet: a chance to let others run.
    Passing {
        /// Bytes seen so far.
        done: u64,
    },
    /// A blob too large to be kept has passed and was hashed.
    LargeBlob {
        /// Its id.
        oid: ObjectId,
        /// Its size in bytes.
        size: u64,
    },
    /// A delta; the resolver will say what it is.
    Delta,
}

/// A [`Scanned`] that does not borrow.
pub(super) struct Found {
    pub(super) row: u32,
    pub(super) offset: u64,
    pub(super) what: FoundWhat,
}

pub(super) enum FoundWhat {
    Object { kind: Kind, oid: ObjectId, number: usize },
    Passing { done: u64 },
    LargeBlob { oid: ObjectId, size: u64 },
    Delta,
}

impl Found {
    /// The same, with the content of the object that was handed out.
    pub(super) fn lend(self, group: &Group) -> Scanned<'_> {
        let Found { row, offset, what } = self;
        let what = match what {
            FoundWhat::Object { kind, oid, number } => What::Object {
                kind,
                oid,
                content: group.content(number),
            },
            FoundWhat::Passing { done } => What::Passing { done },
            FoundWhat::LargeBlob { oid, size } => What::LargeBlob { oid, size },
            FoundWhat::Delta => What::Delta,
        };
        Scanned { row, offset, what }
    }
}

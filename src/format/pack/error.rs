//! Why a pack was refused. Data, not prose: the layers above say it in words and say whose fault
//! it is.

use std::fmt;

use crate::format::oid::ObjectId;
use crate::format::pack::delta::DeltaError;
use crate::format::zlib::InflateError;

/// Why a pack was refused. `at` is the offset of the entry (or of the bytes) concerned, from the
/// start of the pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// The first four bytes are not `PACK`.
    Signature,
    /// A version other than 2 and 3.
    Version {
        /// The version found.
        found: u32,
    },
    /// The bytes end before the pack does.
    Truncated {
        /// How many bytes there were.
        at: u64,
        /// Entries that were complete.
        objects: u32,
        /// Entries the header promised, once it has been read.
        declared: Option<u32>,
    },
    /// An entry of type 0 or 5.
    ObjectType {
        /// The entry.
        at: u64,
        /// The type number.
        number: u8,
    },
    /// A size or a base offset of more than 64 bits.
    Overflow {
        /// The entry.
        at: u64,
    },
    /// An offset delta whose base is not the start of an earlier entry.
    BaseOffset {
        /// The entry.
        at: u64,
        /// How far back the base is said to be.
        distance: u64,
    },
    /// The compressed data of an entry is damaged, or is longer or shorter than declared.
    Inflate {
        /// The entry.
        at: u64,
        /// What is wrong with it.
        error: InflateError,
    },
    /// A delta that does not apply to its base.
    Delta {
        /// The entry.
        at: u64,
        /// What is wrong with it.
        error: DeltaError,
    },
    /// The pack's checksum is not that of its bytes.
    Checksum {
        /// The SHA-1 of the bytes that came.
        computed: ObjectId,
        /// The trailer.
        found: ObjectId,
    },
    /// Bytes after the trailer.
    TrailingBytes {
        /// Where the pack ends.
        at: u64,
    },
    /// Deltas whose base is neither in the pack nor known elsewhere, cycles included.
    Unresolved {
        /// How many.
        count: u32,
        /// Bases that are nowhere, ten at most.
        bases: Vec<ObjectId>,
    },
    /// A delta names its base by id, and the pack has two copies of that object.
    BaseTwice {
        /// The delta.
        at: u64,
        /// The base.
        oid: ObjectId,
    },
    /// The content of an object shows the marks of a SHA-1 collision attack.
    Collision {
        /// The entry.
        at: u64,
        /// The id it would have.
        oid: ObjectId,
    },
    /// The pack asks for more than it is allowed.
    Limit(LimitExceeded),
    /// There is no memory for an object.
    Memory {
        /// The entry.
        at: u64,
        /// Bytes that were wanted.
        bytes: u64,
    },
    /// The stored bytes of the pack are not those that were scanned.
    Changed {
        /// The entry.
        at: u64,
    },
    /// The machine was used after it had failed, or before it was done.
    Misuse,
}

/// Which limit of [`super::Limits`] was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes of the pack.
    PackBytes,
    /// Bytes of one object (or of one delta) in memory.
    ObjectBytes,
    /// Bytes of all objects together.
    ResolvedBytes,
    /// Objects in the pack.
    Objects,
}

impl Limit {
    /// The name of the setting.
    pub const fn name(self) -> &'static str {
        match self {
            Limit::PackBytes => "packBytes",
            Limit::ObjectBytes => "objectBytes",
            Limit::ResolvedBytes => "resolvedBytes",
            Limit::Objects => "objects",
        }
    }
}

/// A limit, and what went past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which limit.
    pub which: Limit,
    /// Its value.
    pub limit: u64,
    /// What the pack has, or says it has.
    pub seen: u64,
}

impl LimitExceeded {
    /// `Ok` if `seen` is within `limit`.
    pub(crate) fn check(which: Limit, limit: u64, seen: u64) -> Result<(), PackError> {
        if seen <= limit {
            return Ok(());
        }
        Err(PackError::Limit(LimitExceeded { which, limit, seen }))
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackError::Signature => f.write_str("the pack does not start with PACK"),
            PackError::Version { found } => write!(f, "the pack has version {found}"),
            PackError::Truncated { at, objects, declared } => {
                write!(f, "the pack ends early, after {at} bytes and {objects} ")?;
                match declared {
                    Some(declared) => write!(f, "of {declared} objects"),
                    None => f.write_str("objects"),
                }
            }
            PackError::ObjectType { at, number } => write!(f, "the entry at {at} has the unknown type {number}"),
            PackError::Overflow { at } => write!(f, "the entry at {at} has a size or offset beyond 64 bits"),
            PackError::BaseOffset { at, distance } => {
                write!(
                    f,
                    "the base of the delta at {at}, {distance} bytes back, is not an entry"
                )
            }
            PackError::Inflate { at, error } => write!(f, "the entry at {at} does not inflate: {error}"),
            PackError::Delta { at, error } => write!(f, "the delta at {at} does not apply: {error}"),
            PackError::Checksum { computed, found } => {
                write!(f, "the pack's checksum is {computed}, its trailer says {found}")
            }
            PackError::TrailingBytes { at } => write!(f, "bytes follow the pack's end at {at}"),
            PackError::Unresolved { count, bases } => {
                write!(f, "the pack has {count} unresolved deltas")?;
                for (position, base) in bases.iter().enumerate() {
                    f.write_str(if position == 0 { ", against " } else { ", " })?;
                    write!(f, "{base}")?;
                }
                Ok(())
            }
            PackError::BaseTwice { at, oid } => {
                write!(f, "the base {oid} of the delta at {at} is in the pack twice")
            }
            PackError::Collision { at, oid } => {
                write!(
                    f,
                    "the object at {at} ({oid}) shows the marks of a SHA-1 collision attack"
                )
            }
            PackError::Limit(limit) => limit.fmt(f),
            PackError::Memory { at, bytes } => write!(f, "no memory for the object at {at} ({bytes} bytes)"),
            PackError::Changed { at } => write!(f, "the stored bytes of the entry at {at} are not those received"),
            PackError::Misuse => f.write_str("the pack was refused before"),
        }
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is limited to {}, the pack asks for {}",
            self.which.name(),
            self.limit,
            self.seen
        )
    }
}

impl std::error::Error for PackError {}

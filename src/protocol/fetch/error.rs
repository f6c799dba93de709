//! What can go wrong before a fetch request is sent, and in its answer.

use std::fmt;

use super::super::pkt_line::{PktLineError, TooLong};
use super::super::sideband::SidebandError;
use super::super::text::Foreign;
use crate::format::oid::ObjectId;

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchRequestError {
    /// Nothing is wanted; servers answer that with nothing.
    NothingWanted,
    /// The server cannot do what is asked for; the capability it lacks.
    MissingCapability(&'static str),
    /// The server gives out only what it advertises, and this it does not.
    Unadvertised(ObjectId),
    /// A depth of 0 or above 2147483647.
    BadDepth,
    /// An argument has a character that cannot be sent, or is too long; which.
    BadArgument(&'static str),
}

impl fmt::Display for FetchRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchRequestError::NothingWanted => f.write_str("nothing is wanted"),
            FetchRequestError::MissingCapability(name) => write!(f, "the server does not support '{name}'"),
            FetchRequestError::Unadvertised(oid) => {
                write!(
                    f,
                    "the server does not allow requests for the unadvertised object {oid}"
                )
            }
            FetchRequestError::BadDepth => f.write_str("the depth is not a number from 1 to 2147483647"),
            FetchRequestError::BadArgument(name) => write!(f, "the argument '{name}' cannot be sent"),
        }
    }
}

impl std::error::Error for FetchRequestError {}

impl From<TooLong> for FetchRequestError {
    fn from(_: TooLong) -> Self {
        FetchRequestError::BadArgument("too long")
    }
}

/// Why an answer is refused. Positions are bytes of the body; quoted lines are made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No byte came.
    Empty,
    /// The answer is not Git's.
    NotGit {
        /// What it looks like.
        looks_like: Foreign,
        /// The first characters, at most 200.
        excerpt: String,
    },
    /// It ended early.
    Truncated {
        /// How many bytes came.
        at: u64,
        /// What was still to come.
        expected: &'static str,
    },
    /// The framing is broken.
    PktLine(PktLineError),
    /// The side-band is broken, or the remote gave up in it.
    Sideband(SidebandError),
    /// The server reported an error in words (`ERR`); cleaned text.
    Remote(String),
    /// A line that has no place here.
    UnexpectedLine {
        /// Where it starts.
        at: u64,
        /// What should be here.
        expected: &'static str,
        /// The line, at most 200 characters.
        line: String,
    },
    /// A flush, delimiter or response end that has no place here.
    UnexpectedPacket {
        /// Where.
        at: u64,
        /// What should be here.
        expected: &'static str,
    },
    /// A section that was not asked for.
    Unrequested {
        /// Its name.
        section: &'static str,
    },
    /// An `unshallow` of a commit that is not shallow here.
    NotShallow(ObjectId),
    /// Something after the end.
    TrailingBytes {
        /// Where.
        at: u64,
    },
    /// More is said before the pack than is taken.
    TooLarge,
}

impl FetchError {
    /// The remote's own words, if it reported an error: an `ERR` line or band 3.
    pub fn remote_text(&self) -> Option<&str> {
        match self {
            FetchError::Remote(text) | FetchError::Sideband(SidebandError::Remote(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether it says that a wanted object or ref is not on offer (any more): refs moved between
    /// discovery and this request, and doing both again may help (`check_non_tip` and
    /// `parse_want_ref` of upload-pack.c).
    pub fn is_stale(&self) -> bool {
        let stale = |text: &str| text.contains("not our ref") || text.starts_with("unknown ref ");
        self.remote_text().is_some_and(stale)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Empty => f.write_str("the server's answer is empty"),
            FetchError::NotGit {
                looks_like: Foreign::Html { title: Some(title) },
                ..
            } => {
                write!(f, "a web page came (\"{title}\")")
            }
            FetchError::NotGit {
                looks_like: Foreign::Html { title: None },
                ..
            } => f.write_str("a web page came"),
            FetchError::NotGit { excerpt, .. } => write!(f, "not a Git server's answer: '{excerpt}'"),
            FetchError::Truncated { at, expected } => {
                write!(f, "the server's answer ends early, after {at} bytes, before {expected}")
            }
            FetchError::PktLine(error) => error.fmt(f),
            FetchError::Sideband(error) => error.fmt(f),
            FetchError::Remote(text) => write!(f, "the server says: {text}"),
            FetchError::UnexpectedLine { at, expected, line } => {
                write!(f, "expected {expected}, received '{line}' at byte {at}")
            }
            FetchError::UnexpectedPacket { at, expected } => write!(f, "expected {expected} at byte {at}"),
            FetchError::Unrequested { section } => write!(f, "the server sent '{section}', which was not asked for"),
            FetchError::NotShallow(oid) => write!(f, "no shallow found: unshallow {oid}"),
            FetchError::TrailingBytes { at } => write!(f, "bytes after the end, at byte {at}"),
            FetchError::TooLarge => f.write_str("the server says more before the pack than is taken"),
        }
    }
}

impl std::error::Error for FetchError {}

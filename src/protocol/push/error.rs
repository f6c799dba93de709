//! What can go wrong before a push is sent, and in its answer.

use std::fmt;

use super::super::pkt_line::{PktLineError, TooLong};
use super::super::sideband::SidebandError;
use super::super::text::Foreign;
use crate::format::refname::RefName;

/// Why a push cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushRequestError {
    /// There is no command; servers answer that with nothing.
    NothingToSend,
    /// Two commands are about one ref.
    Doubled(RefName),
    /// The server cannot do what is asked for; the capability it lacks.
    MissingCapability(&'static str),
    /// A push option has a NUL or a line break.
    BadOption,
    /// The server asks for a signature under something that is no nonce.
    BadNonce,
    /// Who pushes, or where to, has a NUL or a line break.
    BadPusher,
    /// The signer's answer is no armoured signature.
    BadSignature,
    /// A line is longer than a packet.
    TooLong,
}

impl fmt::Display for PushRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushRequestError::NothingToSend => f.write_str("there is nothing to push"),
            PushRequestError::Doubled(name) => write!(f, "{name} is pushed to more than once"),
            PushRequestError::MissingCapability(name) => write!(f, "the server does not support '{name}'"),
            PushRequestError::BadOption => f.write_str("a push option must not contain NUL or a line break"),
            PushRequestError::BadNonce => f.write_str("the server asks to sign an invalid nonce"),
            PushRequestError::BadPusher => {
                f.write_str("the pusher named in a push certificate must not contain NUL or a line break")
            }
            PushRequestError::BadSignature => {
                f.write_str("the signature of a push certificate must be an armoured SSH, OpenPGP or X.509 signature")
            }
            PushRequestError::TooLong => f.write_str("a ref name, push option or signature is too long to be sent"),
        }
    }
}

impl std::error::Error for PushRequestError {}

impl From<TooLong> for PushRequestError {
    fn from(_: TooLong) -> Self {
        PushRequestError::TooLong
    }
}

/// Why an answer is of no use. Positions are bytes of the body; quoted lines are made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushError {
    /// No byte came.
    Empty,
    /// The answer is not Git's.
    NotGit {
        /// What it looks like.
        looks_like: Foreign,
        /// The first characters, at most 200.
        excerpt: String,
    },
    /// It ended before it was complete.
    Truncated {
        /// How many bytes came.
        at: u64,
    },
    /// The framing is broken, of the answer or of the report in it.
    PktLine(PktLineError),
    /// The side-band is broken, or the server gave up.
    Sideband(SidebandError),
    /// The server reported an error in words (`ERR`); cleaned text.
    Remote(String),
    /// A line of the report that says nothing known.
    UnexpectedLine {
        /// The line.
        line: String,
    },
    /// The report ends before its first line.
    NoReport,
    /// A delimiter or response end, or something after the end.
    UnexpectedPacket {
        /// Where.
        at: u64,
    },
    /// More is reported than is taken.
    TooLarge,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Empty => f.write_str("the server's answer is empty"),
            PushError::NotGit {
                looks_like: Foreign::Html { .. },
                ..
            } => f.write_str("a web page came"),
            PushError::NotGit { excerpt, .. } => write!(f, "not a Git server's answer: '{excerpt}'"),
            PushError::Truncated { at } => write!(f, "the server's answer ends early, after {at} bytes"),
            PushError::PktLine(error) => error.fmt(f),
            PushError::Sideband(error) => error.fmt(f),
            PushError::Remote(text) => write!(f, "the server says: {text}"),
            PushError::UnexpectedLine { line } => write!(f, "the server's report has an invalid line '{line}'"),
            PushError::NoReport => f.write_str("the server's report is empty"),
            PushError::UnexpectedPacket { at } => write!(f, "unexpected packet at byte {at}"),
            PushError::TooLarge => f.write_str("the server reports more than is taken"),
        }
    }
}

impl std::error::Error for PushError {}

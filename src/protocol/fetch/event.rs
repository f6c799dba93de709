//! What an answer to a fetch request says.

use super::super::sideband::ProgressLine;
use crate::format::oid::ObjectId;

/// What an answer says, in the order in which it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// What the remote has of what it was told. At most once, and always if the request was not
    /// the last one.
    Acks(Acks),
    /// Where the history will end. At most once.
    Shallow(ShallowInfo),
    /// What the refs wanted by name point to: each of them once. Comes before the pack.
    WantedRefs(Vec<(Vec<u8>, ObjectId)>),
    /// A line of the remote's progress.
    Progress(ProgressLine),
    /// The next bytes of the pack.
    Pack(&'a [u8]),
    /// The answer is complete.
    End {
        /// Whether it had a pack.
        pack: bool,
    },
}

/// What the remote has of what it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acks {
    /// The ids it named, in order.
    pub acks: Vec<(ObjectId, AckStatus)>,
    /// Whether it knows enough: the pack follows, or will if asked with `done`.
    pub ready: bool,
}

/// What it says of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckStatus {
    /// It has it.
    Common,
    /// It knows enough and says so with this id, which it need not have (`got_other` of
    /// upload-pack.c): not to be repeated as common.
    Ready,
    /// The last word, with an id named before.
    Final,
}

/// Where the history will end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShallowInfo {
    /// Commits whose parents are not sent.
    pub shallow: Vec<ObjectId>,
    /// Commits that were shallow here and are no longer.
    pub unshallow: Vec<ObjectId>,
    /// Whether a depth was asked for. If not, the remote is shallow itself, and these are the
    /// ends of its own history.
    pub requested: bool,
}

/// A line of the acknowledgments of versions 0 and 1.
pub(super) enum Ack {
    Nak,
    Ack(ObjectId, AckStatus),
}

/// `NAK`, `ACK <oid>`, and with multi_ack_detailed `ACK <oid> common|continue|ready` (`get_ack`).
pub(super) fn parse_ack(line: &[u8], multi_ack: bool) -> Option<Ack> {
    if line == b"NAK" {
        return Some(Ack::Nak);
    }
    let rest = line.strip_prefix(b"ACK ")?;
    let (oid, status) = match rest.iter().position(|byte| *byte == b' ') {
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
        None => (rest, &b""[..]),
    };
    let status = match status {
        b"" => AckStatus::Final,
        b"common" | b"continue" if multi_ack => AckStatus::Common,
        b"ready" if multi_ack => AckStatus::Ready,
        _ => return None,
    };
    Some(Ack::Ack(ObjectId::from_hex(oid)?, status))
}

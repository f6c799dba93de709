//! What comes before the pack, packet by packet.

use std::ops::Range;

use super::super::super::pkt_line::{Packet, Token, chomp};
use super::super::super::text::{SNIFF_LEN, clean_text, quote, sniff};
use super::super::error::FetchError;
use super::super::event::{Ack, AckStatus, FetchEvent, parse_ack};
use super::{Advance, FetchResponse, Found, State};
use crate::format::oid::{OID_HEX_LEN, ObjectId};

/// How many bytes of an answer may come before the pack.
const MAX_PREAMBLE: u64 = 64 * 1024 * 1024;

impl FetchResponse {
    /// Reads one packet of what comes before the pack.
    pub(super) fn packet(&mut self) -> Result<Advance, FetchError> {
        let at = self.decoder.position();
        if at > MAX_PREAMBLE {
            return Err(FetchError::TooLarge);
        }
        let token = match self.decoder.whole() {
            Ok(token) => token,
            Err(_) if at == 0 => return self.foreign(),
            Err(error) => return Err(FetchError::PktLine(error)),
        };
        let (Some(Token::Data(bytes)) | Some(Token::Part { bytes, .. })) = token else {
            let packet = match token {
                None => return Ok(Advance::Starved),
                Some(Token::Flush) => Packet::Flush,
                Some(Token::Delim) => Packet::Delim,
                _ => Packet::ResponseEnd,
            };
            return self.mark(at, packet);
        };
        let Line { result, state } = self.line(at, bytes);
        self.state = state;
        result
    }

    /// The first bytes are no pkt-line.
    fn foreign(&self) -> Result<Advance, FetchError> {
        let first = self.decoder.pending();
        if first.len() < SNIFF_LEN && !self.ended {
            return Ok(Advance::Starved);
        }
        let first = first.get(..SNIFF_LEN).unwrap_or(first);
        Err(FetchError::NotGit {
            looks_like: sniff(first),
            excerpt: quote(first),
        })
    }

    fn line(&mut self, at: u64, bytes: Range<usize>) -> Line {
        let line = chomp(self.decoder.slice(bytes));
        let stay = |state| Line {
            result: Ok(Advance::Again),
            state,
        };
        let fail = |error, state| Line {
            result: Err(error),
            state,
        };
        let state = self.state;
        if let Some(text) = line.strip_prefix(b"ERR ") {
            return fail(FetchError::Remote(clean_text(text)), state);
        }
        let unexpected = |expected| FetchError::UnexpectedLine {
            at,
            expected,
            line: quote(line),
        };
        match state {
            State::ShallowLines | State::ShallowInfo => {
                if let Some(oid) = oid_after(line, b"shallow ") {
                    self.info.shallow.push(oid);
                } else if let Some(oid) = oid_after(line, b"unshallow ") {
                    if !self.expected.shallow.contains(&oid) {
                        return fail(FetchError::NotShallow(oid), state);
                    }
                    if !self.expected.deepen {
                        return fail(FetchError::Unrequested { section: "unshallow" }, state);
                    }
                    self.info.unshallow.push(oid);
                } else {
                    return fail(unexpected("shallow/unshallow"), state);
                }
                stay(state)
            }
            State::AckLines => match parse_ack(line, self.expected.multi_ack) {
                Some(Ack::Nak) if self.expected.done_sent => self.pack_follows(),
                Some(Ack::Nak) if self.expected.no_done && self.acks.ready => stay(State::LastAck),
                Some(Ack::Nak) => self.tell_acks(State::Over { pack: false }),
                Some(Ack::Ack(oid, AckStatus::Final)) if self.expected.done_sent => {
                    self.acks.acks.push((oid, AckStatus::Final));
                    let line = self.pack_follows();
                    match self.expected.multi_ack {
                        true => line,
                        false => Line {
                            state: State::MoreAcks,
                            ..line
                        },
                    }
                }
                Some(Ack::Ack(oid, status @ (AckStatus::Common | AckStatus::Ready))) => {
                    self.acks.acks.push((oid, status));
                    self.acks.ready |= status == AckStatus::Ready;
                    stay(state)
                }
                _ => fail(unexpected("ACK/NAK"), state),
            },
            State::MoreAcks => match parse_ack(line, false) {
                Some(Ack::Ack(_, AckStatus::Final)) => stay(state),
                _ => fail(unexpected("ACK"), state),
            },
            State::LastAck => match parse_ack(line, true) {
                Some(Ack::Ack(oid, AckStatus::Final)) => {
                    self.acks.acks.push((oid, AckStatus::Final));
                    self.pack_follows()
                }
                _ => fail(unexpected("ACK"), state),
            },
            State::Acknowledgments => {
                if let Some(oid) = oid_after(line, b"ACK ") {
                    self.acks.acks.push((oid, AckStatus::Common));
                } else if line == b"ready" && !self.expected.only_acks {
                    self.acks.ready = true;
                } else if line != b"NAK" {
                    return fail(unexpected("an acknowledgment"), state);
                }
                stay(state)
            }
            State::WantedRefs => {
                let (oid, name) = line.split_at_checked(OID_HEX_LEN).unwrap_or_default();
                let oid = ObjectId::from_hex(oid).filter(|oid| !oid.is_null());
                match (oid, name.strip_prefix(b" ")) {
                    (Some(oid), Some(name)) if self.expected.want_refs.remove(name) => {
                        self.wanted_refs.push((name.to_vec(), oid));
                        stay(state)
                    }
                    _ => fail(unexpected("a wanted ref"), state),
                }
            }
            State::AcksHeader if line == b"acknowledgments" => stay(State::Acknowledgments),
            // If acknowledgments are due, nothing else may come first.
            State::Header => {
                let unrequested = |section| fail(FetchError::Unrequested { section }, state);
                match line {
                    b"shallow-info" if !self.seen.shallow_info => {
                        self.seen.shallow_info = true;
                        stay(State::ShallowInfo)
                    }
                    b"wanted-refs" if self.wants_refs() => {
                        self.seen.wanted_refs = true;
                        stay(State::WantedRefs)
                    }
                    b"packfile" if !self.wants_refs() => stay(State::Bands),
                    b"wanted-refs" if !self.seen.wanted_refs => unrequested("wanted-refs"),
                    b"packfile-uris" => unrequested("packfile-uris"),
                    _ => fail(unexpected(self.wanted()), state),
                }
            }
            _ => fail(unexpected(self.wanted()), state),
        }
    }

    /// A flush, delimiter or response end before the pack.
    fn mark(&mut self, at: u64, packet: Packet<'_>) -> Result<Advance, FetchError> {
        let unexpected = |expected| Err(FetchError::UnexpectedPacket { at, expected });
        match (self.state, packet) {
            (State::ShallowLines, Packet::Flush) => {
                self.state = State::AckLines;
                Ok(self.tell_shallow())
            }
            (State::ShallowInfo, Packet::Delim) => {
                self.state = State::Header;
                Ok(self.tell_shallow())
            }
            (State::WantedRefs, Packet::Delim) if self.expected.want_refs.is_empty() => {
                self.state = State::Header;
                let refs = std::mem::take(&mut self.wanted_refs);
                Ok(Advance::Found(Found::Event(FetchEvent::WantedRefs(refs))))
            }
            (State::WantedRefs, Packet::Delim) => unexpected("every wanted ref to be told"),
            (State::Acknowledgments, Packet::Delim) if self.acks.ready => self.tell_acks(State::Header).apply(self),
            (State::Acknowledgments, Packet::Flush) if !self.acks.ready => {
                self.tell_acks(State::Over { pack: false }).apply(self)
            }
            (State::Acknowledgments, Packet::Flush) => unexpected("packfile to be sent after 'ready'"),
            (State::Acknowledgments, Packet::Delim) => unexpected("no other sections to be sent after no 'ready'"),
            _ => unexpected(self.wanted()),
        }
    }

    fn tell_shallow(&mut self) -> Advance {
        let info = std::mem::take(&mut self.info);
        Advance::Found(Found::Event(FetchEvent::Shallow(info)))
    }

    fn tell_acks(&mut self, state: State) -> Line {
        let acks = std::mem::take(&mut self.acks);
        Line {
            result: Ok(Advance::Found(Found::Event(FetchEvent::Acks(acks)))),
            state,
        }
    }

    /// Versions 0 and 1: the last acknowledgment was read.
    fn pack_follows(&mut self) -> Line {
        let state = self.pack_state();
        if self.expected.done_sent && self.acks.acks.is_empty() {
            return Line {
                result: Ok(Advance::Again),
                state,
            };
        }
        self.tell_acks(state)
    }
}

/// What a line leads to.
struct Line {
    result: Result<Advance, FetchError>,
    state: State,
}

impl Line {
    fn apply(self, response: &mut FetchResponse) -> Result<Advance, FetchError> {
        response.state = self.state;
        self.result
    }
}

fn oid_after(line: &[u8], word: &[u8]) -> Option<ObjectId> {
    line.strip_prefix(word).and_then(ObjectId::from_hex)
}

//! Answers to fetch requests: the second half of `find_common` (versions 0 and 1) and
//! `do_fetch_pack_v2` of git's fetch-pack.c.
//!
//! ```text
//!   versions 0, 1   [shallow…, 0000,] ACK… | NAK, pack up to its flush or the end
//!   version 2       [acknowledgments, 0001 | 0000] [shallow-info, 0001] [wanted-refs, 0001] packfile, pack, 0000
//! ```
//!
//! The manual has shallow-info before wanted-refs and git's client insists on it, but git's server
//! sends them the other way round (`upload_pack_v2`): both are taken.
//!
//! Pack bytes are handed out as they arrive, as slices of the chunk that was fed. That they are a
//! whole pack is for its parser to say; that the remote finished sending is said here: the end
//! event comes only after the flush and the end of the body.

mod preamble;

use std::collections::HashSet;
use std::ops::Range;

use super::super::pkt_line::{Decoder, Token, chomp};
use super::super::sideband::{BandToken, ProgressLines, Sideband};
use super::super::text::{clean_text, quote};
use super::error::FetchError;
use super::event::{Acks, FetchEvent, ShallowInfo};
use super::request::SidebandMode;
use crate::format::oid::ObjectId;

/// What the request was, as far as its answer depends on it.
pub(super) struct Expected {
    pub(super) is_v2: bool,
    pub(super) sideband: SidebandMode,
    pub(super) multi_ack: bool,
    pub(super) no_done: bool,
    pub(super) done_sent: bool,
    /// No pack is to come, whatever the server knows.
    pub(super) only_acks: bool,
    pub(super) deepen: bool,
    pub(super) shallow: HashSet<ObjectId>,
    /// Refs wanted by name that were not told yet.
    pub(super) want_refs: HashSet<Vec<u8>>,
}

/// Reads the answer to one request.
pub struct FetchResponse {
    expected: Expected,
    decoder: Decoder,
    state: State,
    acks: Acks,
    info: ShallowInfo,
    wanted_refs: Vec<(Vec<u8>, ObjectId)>,
    /// Sections of version 2 that were read.
    seen: Seen,
    sideband: Sideband,
    lines: ProgressLines,
    ended: bool,
    failed: Option<FetchError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Versions 0 and 1: lines of the shallow section, up to its flush.
    ShallowLines,
    /// Versions 0 and 1: `ACK` and `NAK`.
    AckLines,
    /// Versions 0 and 1: the `ACK` that follows the `NAK` of the round that is `ready`.
    LastAck,
    /// Versions 0 and 1 without multi_ack: perhaps more `ACK`, then the pack. Servers answer so
    /// where commits told are ancestors of one told before.
    MoreAcks,
    /// Version 2: the first line of the acknowledgments.
    AcksHeader,
    /// Version 2: the first line of a section after them.
    Header,
    /// Version 2: lines of acknowledgments.
    Acknowledgments,
    /// Version 2: lines of the shallow-info section.
    ShallowInfo,
    /// Version 2: lines of the wanted-refs section.
    WantedRefs,
    /// The pack in a side-band.
    Bands,
    /// The first bytes of a pack without side-band.
    RawStart,
    /// A pack without side-band.
    Raw,
    /// The answer must end here.
    Over { pack: bool },
    /// The end was told.
    Told,
}

/// Which of the sections that come once came.
#[derive(Clone, Copy, Default)]
struct Seen {
    shallow_info: bool,
    wanted_refs: bool,
}

/// An event, with pack bytes as a range of the decoder's chunk.
pub(crate) enum Found {
    Event(FetchEvent<'static>),
    Pack(Range<usize>),
}

impl FetchResponse {
    pub(super) fn new(expected: Expected) -> Self {
        let state = match (expected.is_v2, expected.deepen) {
            (true, _) if expected.done_sent => State::Header,
            (true, _) => State::AcksHeader,
            (false, true) => State::ShallowLines,
            (false, false) => State::AckLines,
        };
        FetchResponse {
            info: ShallowInfo {
                requested: expected.deepen,
                ..ShallowInfo::default()
            },
            expected,
            decoder: Decoder::new(),
            state,
            acks: Acks::default(),
            wanted_refs: Vec::new(),
            seen: Seen::default(),
            sideband: Sideband::new(),
            lines: ProgressLines::new(),
            ended: false,
            failed: None,
        }
    }

    /// Brings the next bytes of the body. A `Vec` is taken over without copying, if every event of
    /// the bytes before was taken.
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) {
        self.decoder.feed(bytes);
    }

    /// Says that the body has ended. Events are still to be taken, up to [`FetchEvent::End`].
    pub fn end_of_body(&mut self) {
        self.ended = true;
    }

    /// The next event; `None` until more bytes are there (and after the end was told).
    #[allow(clippy::should_implement_trait, reason = "it can fail, and lends its chunk")]
    pub fn next(&mut self) -> Result<Option<FetchEvent<'_>>, FetchError> {
        Ok(self.next_found()?.map(|found| match found {
            Found::Event(event) => event,
            Found::Pack(range) => FetchEvent::Pack(self.slice(range)),
        }))
    }

    /// As [`FetchResponse::next`], without borrowing: [`FetchResponse::slice`] has the bytes.
    pub(crate) fn next_found(&mut self) -> Result<Option<Found>, FetchError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance().inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// The bytes of the pack event found last.
    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.decoder.slice(range)
    }

    fn advance(&mut self) -> Result<Option<Found>, FetchError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(Found::Event(FetchEvent::Progress(line))));
            }
            let found = match self.state {
                State::MoreAcks => match self.is_ack_next() {
                    None => Advance::Starved,
                    Some(true) => self.packet()?,
                    Some(false) => {
                        self.state = self.pack_state();
                        Advance::Again
                    }
                },
                State::Bands => self.bands()?,
                State::RawStart => self.raw_start()?,
                State::Raw => self.raw(),
                State::Over { pack } => self.over(pack)?,
                State::Told => return Ok(None),
                _ => self.packet()?,
            };
            match found {
                Advance::Found(found) => return Ok(Some(found)),
                Advance::Again => {}
                Advance::Starved => return self.starved(),
            }
        }
    }

    /// There is nothing more to read for now; an error if there never will be.
    fn starved(&mut self) -> Result<Option<Found>, FetchError> {
        if !self.ended {
            return Ok(None);
        }
        let at = self.decoder.position() + self.decoder.pending().len() as u64;
        if at == 0 {
            return Err(FetchError::Empty);
        }
        Err(FetchError::Truncated {
            at,
            expected: self.wanted(),
        })
    }

    /// What should come next, in words.
    fn wanted(&self) -> &'static str {
        match self.state {
            State::ShallowLines | State::ShallowInfo => "the end of the shallow list",
            State::AckLines | State::LastAck | State::MoreAcks => "ACK or NAK",
            State::AcksHeader => "'acknowledgments'",
            State::Header if self.wants_refs() => "'wanted-refs'",
            State::Header => "'packfile'",
            State::Acknowledgments => "the end of the acknowledgments",
            State::WantedRefs => "the end of the wanted refs",
            State::Bands | State::RawStart | State::Raw => "the end of the pack",
            State::Over { .. } | State::Told => "the end",
        }
    }

    /// Whether the refs wanted by name are still to be told.
    fn wants_refs(&self) -> bool {
        !self.seen.wanted_refs && !self.expected.want_refs.is_empty()
    }

    fn pack_state(&self) -> State {
        match self.expected.sideband {
            SidebandMode::None => State::RawStart,
            SidebandMode::Small | SidebandMode::Large => State::Bands,
        }
    }

    /// Whether an `ACK` comes next and not the pack: the fifth byte of a pack is a zero, and that
    /// of a side-band packet its band. `None` while that is not known.
    fn is_ack_next(&self) -> Option<bool> {
        match self.decoder.pending() {
            [_, _, _, _, first, ..] => Some(*first == b'A'),
            b"0000" => Some(false),
            _ => None,
        }
    }

    fn bands(&mut self) -> Result<Advance, FetchError> {
        let token = self.sideband.token(&mut self.decoder).map_err(FetchError::Sideband)?;
        Ok(match token {
            None => Advance::Starved,
            Some(BandToken::Data(range)) => Advance::Found(Found::Pack(range)),
            Some(BandToken::Progress(range)) => {
                self.lines.push(self.decoder.slice(range));
                Advance::Again
            }
            Some(BandToken::Flush) => {
                self.lines.finish();
                self.state = State::Over { pack: true };
                Advance::Again
            }
        })
    }

    /// Without side-band a pack starts, unless the remote reports an error.
    fn raw_start(&mut self) -> Result<Advance, FetchError> {
        let at = self.decoder.position();
        match self.decoder.pending().get(..4) {
            None => Ok(Advance::Starved),
            Some(b"PACK") => {
                self.state = State::Raw;
                Ok(Advance::Again)
            }
            Some(_) => match self.decoder.whole().map_err(FetchError::PktLine)? {
                None => Ok(Advance::Starved),
                Some(Token::Data(bytes)) => {
                    let line = chomp(self.decoder.slice(bytes));
                    Err(match line.strip_prefix(b"ERR ") {
                        Some(text) => FetchError::Remote(clean_text(text)),
                        None => FetchError::UnexpectedLine {
                            at,
                            expected: "a pack",
                            line: quote(line),
                        },
                    })
                }
                Some(_) => Err(FetchError::UnexpectedPacket { at, expected: "a pack" }),
            },
        }
    }

    /// A pack without side-band ends with the body.
    fn raw(&mut self) -> Advance {
        let bytes = self.decoder.take_pending_range();
        if !bytes.is_empty() {
            return Advance::Found(Found::Pack(bytes));
        }
        if !self.ended {
            return Advance::Starved;
        }
        self.state = State::Over { pack: true };
        Advance::Again
    }

    fn over(&mut self, pack: bool) -> Result<Advance, FetchError> {
        if !self.decoder.pending().is_empty() {
            // The server may give up where a round ends.
            let at = self.decoder.position();
            if let Ok(token) = self.decoder.whole() {
                match token {
                    None if !self.ended => return Ok(Advance::Starved),
                    Some(Token::Data(bytes)) => {
                        if let Some(text) = self.decoder.slice(bytes).strip_prefix(b"ERR ") {
                            return Err(FetchError::Remote(clean_text(chomp(text))));
                        }
                    }
                    _ => {}
                }
            }
            return Err(FetchError::TrailingBytes { at });
        }
        if !self.ended {
            return Ok(Advance::Starved);
        }
        self.state = State::Told;
        Ok(Advance::Found(Found::Event(FetchEvent::End { pack })))
    }
}

/// What came of trying to go on.
enum Advance {
    Found(Found),
    Again,
    Starved,
}

#[cfg(test)]
mod tests;

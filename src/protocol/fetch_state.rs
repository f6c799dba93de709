//! The dialogue of a fetch over stateless HTTP, as steps: `find_common` and `do_fetch_pack_v2` of
//! git's fetch-pack.c, without the sockets.
//!
//! The machine says what it needs next and the caller brings it: an answer's bytes, or the next
//! commits to tell the server (which commits those are is the negotiator's business; it hears of
//! the acknowledgments by [`Step::Acks`]). A clone is one round: it has nothing to tell.
//!
//! ```text
//!   Send ─► feed … end_of_body ─► Acks? Shallow? WantedRefs? Progress* Pack* ─► Done
//!     ▲                              │ not ready
//!     └── haves ◄── NeedHaves ◄──────┘
//! ```
//!
//! With [`Negotiate::Only`] there is no pack: the server is asked what it has until there is
//! nothing left to tell (`negotiate_using_fetch`).

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use super::fetch::{
    AckStatus, Acks, Ending, FetchError, FetchEvent, FetchRequest, FetchRequestError, FetchResponse, Found, Offer,
    ShallowInfo,
};
use super::sideband::ProgressLine;
use super::smart_http::{Discovery, RpcRequest};
use crate::format::oid::ObjectId;

/// How many commits the first round tells (`INITIAL_FLUSH` of fetch-pack.c).
const INITIAL_FLUSH: usize = 16;

/// From here on the rounds grow by a tenth instead of doubling (`LARGE_FLUSH`).
const LARGE_FLUSH: usize = 16384;

/// Give up after telling so many commits in vain (`MAX_IN_VAIN`).
const MAX_IN_VAIN: usize = 256;

/// After so many rounds the server gets `done`, whatever it says.
const MAX_ROUNDS: usize = 256;

/// What the dialogue needs, or has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// POST this, and bring the body of its answer. Sending it again before any of the answer was
    /// brought is harmless.
    Send(RpcRequest),
    /// Bring more of the body ([`FetchDialogue::feed`]), or its end
    /// ([`FetchDialogue::end_of_body`]).
    Read,
    /// Bring up to so many commits that are here ([`FetchDialogue::haves`]), newest first.
    NeedHaves(usize),
    /// What the server has of what it was told; for the negotiator.
    Acks(Acks),
    /// Where the history will end.
    Shallow(ShallowInfo),
    /// What the refs wanted by name point to.
    WantedRefs(Vec<(Vec<u8>, ObjectId)>),
    /// A line of the remote's progress.
    Progress(ProgressLine),
    /// The next bytes of the pack.
    Pack(&'a [u8]),
    /// The pack was sent completely, as far as the protocol can tell; without one, the server was
    /// told all there is to tell.
    Done,
}

/// Why a dialogue failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchStateError {
    /// A request could not be made.
    Request(FetchRequestError),
    /// An answer was refused.
    Response(FetchError),
    /// The server answered the last request without a pack.
    NoPack,
    /// A call out of turn: bytes when nothing was sent, say.
    OutOfTurn,
}

impl fmt::Display for FetchStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchStateError::Request(error) => error.fmt(f),
            FetchStateError::Response(error) => error.fmt(f),
            FetchStateError::NoPack => f.write_str("the server sent no pack"),
            FetchStateError::OutOfTurn => f.write_str("the dialogue was called out of turn"),
        }
    }
}

impl std::error::Error for FetchStateError {}

impl From<FetchRequestError> for FetchStateError {
    fn from(error: FetchRequestError) -> Self {
        FetchStateError::Request(error)
    }
}

impl From<FetchError> for FetchStateError {
    fn from(error: FetchError) -> Self {
        FetchStateError::Response(error)
    }
}

/// Whether the server is told what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiate {
    /// No: a clone, or objects fetched by name.
    No,
    /// Yes, by [`Step::NeedHaves`].
    Yes,
    /// Yes, and nothing else: the request needs no wants, and no pack comes.
    Only,
}

/// A fetch, from after discovery to the end of the pack.
pub struct FetchDialogue {
    request: FetchRequest,
    offer: Offer,
    agent: String,
    state: State,
    rounds: Rounds,
    /// Whether no pack is to come.
    only_acks: bool,
    /// Whether the shallow list was told; later rounds of versions 0 and 1 repeat it.
    shallow_told: bool,
}

enum State {
    /// Commits to tell are needed.
    Haves,
    /// The next request can be written: with these new commits, as the last one or not.
    Ready {
        new: Vec<ObjectId>,
        ending: Ending,
    },
    /// An answer is being read.
    Answer {
        response: Box<FetchResponse>,
        done_sent: bool,
        ready: bool,
    },
    Done,
    Failed(FetchStateError),
}

/// What is agreed, and how far.
#[derive(Default)]
struct Rounds {
    /// Ids the server has too, in the order it said so; every request repeats them.
    common: Vec<ObjectId>,
    is_common: HashSet<ObjectId>,
    count: usize,
    told: usize,
    flush_at: usize,
    in_vain: usize,
    any_ack: bool,
    /// How many ids were common, and how many were told in vain, before the last acknowledgments.
    before: (usize, usize),
}

impl FetchDialogue {
    /// Begins. Refuses what the server cannot do before anything is sent.
    pub fn new(
        request: FetchRequest,
        server: &Discovery,
        agent: &str,
        negotiate: Negotiate,
    ) -> Result<Self, FetchRequestError> {
        let only_acks = negotiate == Negotiate::Only;
        match only_acks {
            true => request.check_only_acks(server)?,
            false => request.check(server)?,
        }
        let state = match negotiate {
            Negotiate::No => State::Ready {
                new: Vec::new(),
                ending: Ending::Done,
            },
            Negotiate::Yes | Negotiate::Only => State::Haves,
        };
        Ok(FetchDialogue {
            request,
            offer: Offer::of(server),
            agent: agent.to_owned(),
            state,
            rounds: Rounds {
                flush_at: INITIAL_FLUSH,
                ..Rounds::default()
            },
            only_acks,
            shallow_told: false,
        })
    }

    /// Whether the filter asked for is in effect: servers that have no filters send everything.
    pub fn filters(&self) -> bool {
        self.request.filter.is_some() && self.offer.filter
    }

    /// What to do next.
    pub fn step(&mut self) -> Result<Step<'_>, FetchStateError> {
        match self.next() {
            Ok(Next::Step(step)) => Ok(step),
            Ok(Next::Pack(range)) => match &self.state {
                State::Answer { response, .. } => Ok(Step::Pack(response.slice(range))),
                _ => Err(FetchStateError::OutOfTurn),
            },
            Err(error) => {
                self.state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    /// Brings bytes of the answer, after [`Step::Read`] or [`Step::Send`].
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) {
        match &mut self.state {
            State::Answer { response, .. } => response.feed(bytes),
            State::Failed(_) => {}
            _ => self.state = State::Failed(FetchStateError::OutOfTurn),
        }
    }

    /// Says that the body of the answer has ended.
    pub fn end_of_body(&mut self) {
        match &mut self.state {
            State::Answer { response, .. } => response.end_of_body(),
            State::Failed(_) => {}
            _ => self.state = State::Failed(FetchStateError::OutOfTurn),
        }
    }

    /// Brings commits to tell, after [`Step::NeedHaves`]. None at all means that there are no
    /// more.
    pub fn haves(&mut self, new: Vec<ObjectId>) {
        if !matches!(self.state, State::Haves) {
            self.state = State::Failed(FetchStateError::OutOfTurn);
            return;
        }
        let exhausted = new.len() < self.wanted_haves();
        let last = self.rounds.tell(&self.offer, new.len(), exhausted);
        self.state = match (self.only_acks, last) {
            // A request with neither wants nor haves would be answered with a pack.
            (true, true) if new.is_empty() => State::Done,
            (true, _) => State::Ready {
                new,
                ending: Ending::OnlyAcks,
            },
            (false, true) => State::Ready {
                new,
                ending: Ending::Done,
            },
            (false, false) => State::Ready {
                new,
                ending: Ending::Open,
            },
        };
    }

    /// Says which of the ids that the last [`Step::Acks`] named were known to be common already, as
    /// ancestors of others. Versions 0 and 1 do not repeat those, nor take them for progress
    /// (`was_common` in `find_common`).
    pub fn known_common(&mut self, known: &[ObjectId]) {
        if !self.offer.is_v2 {
            self.rounds.forget(known);
        }
    }

    fn next(&mut self) -> Result<Next, FetchStateError> {
        match &mut self.state {
            State::Haves => Ok(Next::Step(Step::NeedHaves(self.wanted_haves()))),
            State::Ready { new, ending } => {
                // Acknowledgments alone do not build on each other.
                let common: &[ObjectId] = if self.only_acks { &[] } else { &self.rounds.common };
                let haves: Vec<ObjectId> = common.iter().chain(new.iter()).copied().collect();
                let done_sent = *ending == Ending::Done;
                let (request, response) = self.request.write_ending(&self.offer, &self.agent, &haves, *ending)?;
                self.rounds.count += 1;
                let response = Box::new(response);
                self.state = State::Answer {
                    response,
                    done_sent,
                    ready: false,
                };
                Ok(Next::Step(Step::Send(request)))
            }
            State::Answer { .. } => self.read(),
            State::Done => Ok(Next::Step(Step::Done)),
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn read(&mut self) -> Result<Next, FetchStateError> {
        let State::Answer {
            response,
            done_sent,
            ready,
        } = &mut self.state
        else {
            return Err(FetchStateError::OutOfTurn);
        };
        loop {
            let event = match response.next_found()? {
                None => return Ok(Next::Step(Step::Read)),
                Some(Found::Pack(range)) => return Ok(Next::Pack(range)),
                Some(Found::Event(event)) => event,
            };
            let step = match event {
                FetchEvent::Pack(_) => return Err(FetchStateError::OutOfTurn),
                FetchEvent::Progress(line) => Step::Progress(line),
                FetchEvent::Shallow(_) if self.shallow_told => continue,
                FetchEvent::Shallow(info) => {
                    self.shallow_told = true;
                    Step::Shallow(info)
                }
                FetchEvent::WantedRefs(refs) => Step::WantedRefs(refs),
                FetchEvent::Acks(acks) => {
                    *ready |= acks.ready;
                    self.rounds.hear(&acks, self.offer.is_v2);
                    Step::Acks(acks)
                }
                FetchEvent::End { pack: true } => {
                    self.state = State::Done;
                    Step::Done
                }
                FetchEvent::End { pack: false } if *done_sent => return Err(FetchStateError::NoPack),
                FetchEvent::End { pack: false } if self.only_acks => {
                    self.state = match self.rounds.is_hopeless(true) || self.rounds.count >= MAX_ROUNDS {
                        true => State::Done,
                        false => State::Haves,
                    };
                    return self.next();
                }
                FetchEvent::End { pack: false } => {
                    // Ready, but without no-done the pack has to be asked for.
                    let ask = *ready || !self.offer.is_v2 && self.rounds.is_hopeless(false);
                    self.state = if ask {
                        State::Ready {
                            new: Vec::new(),
                            ending: Ending::Done,
                        }
                    } else {
                        State::Haves
                    };
                    return self.next();
                }
            };
            return Ok(Next::Step(step));
        }
    }

    /// How many commits the next round tells. Version 2 counts for each round, the older ones
    /// from the start. Without multi_ack there is one round.
    fn wanted_haves(&self) -> usize {
        if !self.offer.multi_ack {
            return MAX_IN_VAIN;
        }
        match self.offer.is_v2 {
            true => self.rounds.flush_at,
            false => self.rounds.flush_at.saturating_sub(self.rounds.told).max(1),
        }
    }
}

enum Next {
    Step(Step<'static>),
    /// A range of the answer's chunk.
    Pack(Range<usize>),
}

impl Rounds {
    /// Notes that so many new commits are told now. Answers whether this must be the last round.
    fn tell(&mut self, offer: &Offer, new: usize, exhausted: bool) -> bool {
        self.told += new;
        self.in_vain += new;
        let size = if offer.is_v2 { self.flush_at } else { self.told };
        self.flush_at = if size < LARGE_FLUSH {
            size.max(1) * 2
        } else {
            size.saturating_mul(11) / 10
        };
        // Version 2 says done with the round that has nothing to add, the older ones with the
        // round that did not fill up.
        let last = if offer.is_v2 { new == 0 } else { exhausted };
        !offer.multi_ack || last || self.count >= MAX_ROUNDS || offer.is_v2 && self.is_hopeless(true)
    }

    /// Whether enough was told in vain, since the last acknowledgment. The limit of version 2 is one
    /// lower.
    fn is_hopeless(&self, is_v2: bool) -> bool {
        match is_v2 {
            true => self.any_ack && self.in_vain >= MAX_IN_VAIN,
            false => self.any_ack && self.in_vain > MAX_IN_VAIN,
        }
    }

    /// Takes back what was heard last of ids that were known to be common.
    fn forget(&mut self, known: &[ObjectId]) {
        let (common, in_vain) = self.before;
        let new = self.common.split_off(common.min(self.common.len()));
        let had_new = !new.is_empty();
        self.common.extend(new.into_iter().filter(|oid| !known.contains(oid)));
        if had_new && self.common.len() == common {
            self.in_vain = in_vain;
        }
    }

    /// Version 2 takes every acknowledgment for progress, the older ones only a new one: there
    /// servers acknowledge again what is repeated (both as fetch-pack.c does).
    fn hear(&mut self, acks: &Acks, is_v2: bool) {
        self.before = (self.common.len(), self.in_vain);
        for (oid, status) in &acks.acks {
            match status {
                AckStatus::Common => {
                    let is_new = self.is_common.insert(*oid);
                    if is_new {
                        self.common.push(*oid);
                    }
                    if is_new || is_v2 {
                        self.in_vain = 0;
                    }
                    self.any_ack = true;
                }
                // Not in common: the server may say it of an id only we have.
                AckStatus::Ready => {
                    self.in_vain = 0;
                    self.any_ack = true;
                }
                AckStatus::Final => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;

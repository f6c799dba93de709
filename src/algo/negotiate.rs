//! Which commits a server is told of in a fetch, and in which order: git's fetch negotiators
//! (`fetch-negotiator.h`), as machines that read nothing.
//!
//! A negotiator is told what the server is known to have ([`Negotiator::known_common`]), then where
//! our history starts ([`Negotiator::add_tip`]), then asked for one commit after the other
//! ([`Negotiator::next`]), and told which of them the server has ([`Negotiator::ack`]). The order
//! is git's to the commit, its treatment of equal dates and of clocks that were wrong included.
//!
//! Where one needs a commit, it answers [`Step::Read`] and is asked again once
//! [`Negotiator::provide`] has told it of all of them.

mod consecutive;
mod skipping;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use consecutive::Consecutive;
use skipping::Skipping;

use super::commit_graph::CommitGraph;
pub use super::history::{CommitInfo, Step};
use crate::format::oid::ObjectId;

/// How commits are chosen: `fetch.negotiationAlgorithm` of git-config(1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Every commit, newest first, but for ancestors of what is common.
    #[default]
    Consecutive,
    /// With growing gaps: fewer rounds, and maybe a larger pack.
    Skipping,
    /// None.
    Noop,
}

impl Algorithm {
    /// By its name in the configuration, upper case or lower; `None` if there is none of that name.
    pub fn from_config(value: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Algorithm); 4] = [
            (b"default", Algorithm::Consecutive),
            (b"consecutive", Algorithm::Consecutive),
            (b"skipping", Algorithm::Skipping),
            (b"noop", Algorithm::Noop),
        ];
        NAMES
            .iter()
            .find(|(name, _)| value.eq_ignore_ascii_case(name))
            .map(|(_, algorithm)| *algorithm)
    }
}

/// The server acknowledged a commit that it was not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTold;

/// Chooses commits to tell a server.
pub struct Negotiator {
    inner: Inner,
}

enum Inner {
    Consecutive(Box<Consecutive>),
    Skipping(Box<Skipping>),
    Noop,
}

impl Negotiator {
    /// One that knows what a graph says.
    pub fn new(algorithm: Algorithm, graph: &Rc<CommitGraph>) -> Self {
        let inner = match algorithm {
            Algorithm::Consecutive => Inner::Consecutive(Box::new(Consecutive::new(graph))),
            Algorithm::Skipping => Inner::Skipping(Box::new(Skipping::new(graph))),
            Algorithm::Noop => Inner::Noop,
        };
        Negotiator { inner }
    }

    /// Tells of a commit that it asked for; `None` says that it is not here, and ends the walk
    /// there.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        match &mut self.inner {
            Inner::Consecutive(state) => state.provide(oid, info),
            Inner::Skipping(state) => state.provide(oid, info),
            Inner::Noop => {}
        }
    }

    /// Tells of a commit that was looked at before the negotiation, as git's `parse_commit` notes.
    /// That matters: `skipping` takes commits for very old until they were looked at.
    pub fn look_at(&mut self, oid: ObjectId, info: CommitInfo) {
        match &mut self.inner {
            Inner::Consecutive(state) => state.provide(oid, Some(info)),
            Inner::Skipping(state) => state.look_at(oid, info),
            Inner::Noop => {}
        }
    }

    /// The server is known to have this commit, which was looked at. Before any tip.
    pub fn known_common(&mut self, oid: ObjectId) {
        match &mut self.inner {
            Inner::Consecutive(state) => state.known_common(oid),
            Inner::Skipping(state) => state.known_common(oid),
            Inner::Noop => {}
        }
    }

    /// This commit, which was looked at, and its ancestors are to be told. Before the first
    /// [`Negotiator::next`].
    pub fn add_tip(&mut self, oid: ObjectId) {
        match &mut self.inner {
            Inner::Consecutive(state) => state.add_tip(oid),
            Inner::Skipping(state) => state.add_tip(oid),
            Inner::Noop => {}
        }
    }

    /// The next commit to tell; `None` if there are no more. Where it has to read, it asks for up
    /// to `ahead` commits that it will need soon, besides those it needs now.
    pub fn next(&mut self, ahead: usize) -> Step<Option<ObjectId>> {
        match &mut self.inner {
            Inner::Consecutive(state) => state.next(ahead),
            Inner::Skipping(state) => state.next(ahead),
            Inner::Noop => Step::Done(None),
        }
    }

    /// The server has this commit, which it was told of. Answers whether that was known, since it
    /// has a descendant too.
    pub fn ack(&mut self, oid: &ObjectId) -> Result<Step<bool>, NotTold> {
        match &mut self.inner {
            Inner::Consecutive(state) => state.ack(oid),
            Inner::Skipping(state) => state.ack(oid),
            Inner::Noop => Err(NotTold),
        }
    }
}

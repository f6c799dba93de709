//! What a push is to do, decided before anything is sent: which refs of the remote it touches
//! (`match_push_refs` of git's remote.c) and what the rules of git-push(1) say of each
//! (`set_ref_status_for_push`).
//!
//! ```text
//!   prepared   the steps, before and after the remote says what it has
//!   specs      which refspecs count: the caller's, the configuration's, push.default
//!   locals     the refs here, and what short names mean
//!   matching   which refs of the remote get what
//!   followed   tags that go along
//!   rules      what may be done to each ref: fast-forwards, leases
//!   refused    a push that cannot even be planned, in words
//! ```
//!
//! [`Prepared::read`] fails where a refspec makes no sense here, before the remote is asked for
//! anything; [`Prepared::plan`] then holds it against the refs of the remote.

mod followed;
mod locals;
mod matching;
mod prepared;
mod refused;
mod rules;
mod specs;

use crate::format::oid::ObjectId;
use crate::protocol::push::Reason;

pub use self::prepared::Prepared;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The refspecs, as written, `tag <name>` among them; empty: what the configuration says.
    pub refspecs: Vec<String>,
    /// Every branch (`--all`).
    pub all: bool,
    /// Every tag (`--tags`), besides the refspecs.
    pub tags: bool,
    /// Annotated tags that lead to what is pushed and that the remote has not (`--follow-tags`);
    /// `None`: as `push.followTags` says.
    pub follow_tags: Option<bool>,
    /// Every ref, whatever it replaces, and nothing else is left there (`--mirror`).
    pub mirror: bool,
    /// Delete what the refspecs would write to and has no source any more (`--prune`).
    pub prune: bool,
    /// Delete the refs that the refspecs name (`--delete`).
    pub delete: bool,
    /// Override the rules for all refs (`--force`).
    pub force: bool,
    /// What refs of the remote must be before they are touched (`--force-with-lease=<name>…`). The
    /// first whose name fits counts; short names fit as in git.
    pub leases: Vec<Lease>,
    /// Refs that no lease names must be what their tracking refs say (`--force-with-lease`).
    pub lease_all: bool,
    /// Where a lease goes by the tracking ref: what that has must have been in the local branch,
    /// as its reflog tells (`--force-if-includes`); `None`: as `push.useForceIfIncludes` says.
    pub force_if_includes: Option<bool>,
    /// All refs or none (`--atomic`).
    pub atomic: bool,
    /// Branches follow what they are pushed to (`--set-upstream`). Without it, so does a branch that
    /// follows nothing, where nobody says what to push and `push.autoSetupRemote` is set.
    pub set_upstream: bool,
}

/// What one ref of the remote must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The remote's ref.
    pub name: Vec<u8>,
    /// What it must be.
    pub expect: Expect,
}

/// What a ref of the remote must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This object.
    Oid(ObjectId),
    /// Not there.
    Absent,
    /// What the tracking ref here says; if there is none, not there.
    Tracked,
}

/// What of the server's capabilities matters to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// It deletes refs (`delete-refs`).
    pub deletes: bool,
    /// It takes all updates or none, if asked (`atomic`).
    pub atomic: bool,
}

/// What a push is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The refs concerned: those of the remote in its order, then new ones.
    pub refs: Vec<Planned>,
    /// Whether the server is to do all or nothing.
    pub atomic: bool,
}

/// One ref of the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its full name there.
    pub name: Vec<u8>,
    /// What the remote says it is; `None`: not there.
    pub old: Option<ObjectId>,
    /// What it is to be; `None`: deleted.
    pub new: Option<ObjectId>,
    /// Where that comes from: the full name of a ref here, or the expression that was given.
    /// `None` of a deletion.
    pub source: Option<Vec<u8>>,
    /// Whether a rule was overridden.
    pub forced: bool,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server is asked to do it.
    Send,
    /// It is like that already.
    UpToDate,
    /// It is not sent.
    Rejected(Reason),
}

impl Plan {
    /// What the server is asked to do, in order.
    pub fn commands(&self) -> impl Iterator<Item = &Planned> {
        self.refs.iter().filter(|planned| planned.verdict == Verdict::Send)
    }

    /// Whether nothing was refused.
    pub fn is_ok(&self) -> bool {
        let refused = |planned: &Planned| matches!(planned.verdict, Verdict::Rejected(_));
        !self.refs.iter().any(refused)
    }

    /// Whether a pack has to follow the commands: not where all of them delete.
    pub fn needs_pack(&self) -> bool {
        self.commands().any(|planned| planned.new.is_some())
    }
}

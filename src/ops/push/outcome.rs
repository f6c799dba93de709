//! What became of each ref of a push, by the plan and the server's report together. Nothing is
//! taken for done that the server did not say in so many words.

use super::plan::{Plan, Planned, Verdict as Decision};
use crate::error::Code;
use crate::format::oid::ObjectId;
use crate::ops::remote::Answered;
use crate::protocol::push::{Reason, Report, Reported, Verdict};

/// What became of a ref of the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushKind {
    /// It was like that before.
    UpToDate,
    /// The new value has the old one in its history.
    FastForward,
    /// A rule was overridden.
    Forced,
    /// There was no such ref.
    New,
    /// It is gone.
    Deleted,
    /// Here or there it was decided to leave it as it was; the code says by whom, the reason why. With
    /// [`Code::PushStatusMissing`] nobody said so: the server reported on others and not on it, which
    /// git takes for a refusal. Then it may have been done after all.
    Rejected,
    /// The server may have done it or not.
    Unknown,
}

impl PushKind {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            PushKind::UpToDate => "up-to-date",
            PushKind::FastForward => "fast-forward",
            PushKind::Forced => "forced",
            PushKind::New => "new",
            PushKind::Deleted => "deleted",
            PushKind::Rejected => "rejected",
            PushKind::Unknown => "unknown",
        }
    }
}

/// One ref of the remote, and what became of it. In a dry run: what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushUpdate {
    /// Its full name there.
    pub name: Vec<u8>,
    /// Where its new value came from: a ref here, or the expression that was given.
    pub source: Option<Vec<u8>>,
    /// What the remote said it held.
    pub old: Option<ObjectId>,
    /// What it holds now, or was to hold.
    pub new: Option<ObjectId>,
    /// What became of it.
    pub kind: PushKind,
    /// Why it was rejected or is unknown, in git's words or the server's.
    pub reason: Option<String>,
    /// The same as a word for programs.
    pub cause: Option<Reason>,
    /// Whose decision that was.
    pub code: Option<Code>,
    /// What a hook did in place of what was asked for.
    pub instead: Vec<Reported>,
    /// The ref here that follows it, if it was moved or was right already.
    pub tracking: Option<Vec<u8>>,
    /// The branch here, in full, that follows it from now on, because upstreams were to be set.
    pub followed_by: Option<Vec<u8>>,
}

impl PushUpdate {
    /// One that is what it was to be, by whatever way.
    pub(super) fn settled(name: &[u8], new: Option<ObjectId>) -> Self {
        PushUpdate {
            name: name.to_vec(),
            source: None,
            old: None,
            new,
            kind: PushKind::UpToDate,
            reason: None,
            cause: None,
            code: None,
            instead: Vec::new(),
            tracking: None,
            followed_by: None,
        }
    }

    fn of(planned: &Planned) -> Self {
        PushUpdate {
            source: planned.source.clone(),
            old: planned.old,
            kind: match (planned.old, planned.new) {
                (_, None) => PushKind::Deleted,
                (None, Some(_)) => PushKind::New,
                (Some(_), Some(_)) if planned.forced => PushKind::Forced,
                (Some(_), Some(_)) => PushKind::FastForward,
            },
            ..PushUpdate::settled(&planned.name, planned.new)
        }
    }

    fn rejected(mut self, code: Code, reason: impl Into<String>, cause: Reason) -> Self {
        self.kind = PushKind::Rejected;
        (self.code, self.reason, self.cause) = (Some(code), Some(reason.into()), Some(cause));
        self
    }

    fn unknown(mut self, reason: impl Into<String>) -> Self {
        self.kind = PushKind::Unknown;
        (self.code, self.reason) = (Some(Code::PushOutcomeUnknown), Some(reason.into()));
        self
    }

    /// Whether the server refused it.
    pub(super) fn is_refused_there(&self) -> bool {
        self.code == Some(Code::PushRejectedRemote)
    }

    /// Whether the server refused it because the ref was not what it was at discovery.
    pub(super) fn lost_a_race(&self) -> bool {
        self.is_refused_there() && self.cause == Some(Reason::FailedToUpdate)
    }

    /// The server has it as it was to be, whatever it said.
    pub(super) fn settle(&mut self) {
        self.kind = PushKind::UpToDate;
        (self.code, self.reason, self.cause) = (None, None, None);
    }

    /// Whether the server has it now as it was to be.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.kind, PushKind::Rejected | PushKind::Unknown)
    }
}

/// What would become of the refs.
pub(super) fn planned(plan: &Plan) -> Vec<PushUpdate> {
    plan.refs.iter().map(decided).collect()
}

/// What became of the refs, of which those to be sent were sent.
pub(super) fn judged(plan: &Plan, answered: &Answered) -> Vec<PushUpdate> {
    let mut verdicts = answered.report.iter().flat_map(|report| &report.verdicts);
    let judge = |planned: &Planned| {
        let update = decided(planned);
        if planned.verdict != Decision::Send {
            return update;
        }
        match (&answered.report, &answered.trouble) {
            (Some(report), _) => reported(update, report, verdicts.next()),
            (None, Some(error)) => update.unknown(error.message.as_str()),
            (None, None) => update.unknown("the server does not report what becomes of a push"),
        }
    };
    plan.refs.iter().map(judge).collect()
}

/// What the plan alone decides; what is to be sent is as it is to become.
fn decided(planned: &Planned) -> PushUpdate {
    let update = PushUpdate::of(planned);
    match planned.verdict {
        Decision::Send => update,
        Decision::UpToDate => PushUpdate {
            kind: PushKind::UpToDate,
            ..update
        },
        Decision::Rejected(reason) => update.rejected(Code::PushRejectedLocal, reason.words(), reason),
    }
}

fn reported(mut update: PushUpdate, report: &Report, verdict: Option<&Verdict>) -> PushUpdate {
    match (verdict, &report.unpack) {
        (Some(Verdict::Done(instead)), None) => {
            update.instead.clone_from(instead);
            update
        }
        (Some(Verdict::Done(_)), Some(_)) => {
            update.unknown("the server says that it did it, and that it could not take the objects")
        }
        (Some(Verdict::Contradicted), _) => update.unknown("the server says both that it did it and that it did not"),
        (Some(Verdict::Refused(reason)), None) => {
            update.rejected(Code::PushRejectedRemote, reason.clone(), Reason::of(reason))
        }
        (Some(Verdict::Refused(reason)), Some(_)) => {
            update.rejected(Code::PushUnpackFailed, reason.clone(), Reason::of(reason))
        }
        (Some(Verdict::Unsaid) | None, _) => update.rejected(
            Code::PushStatusMissing,
            "remote failed to report status",
            Reason::Unreported,
        ),
    }
}

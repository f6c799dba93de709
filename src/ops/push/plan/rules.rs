//! What may be done to each ref of the remote: `apply_push_cas` and `set_ref_status_for_push` of
//! git's remote.c.

use std::collections::HashSet;
use std::rc::Rc;

use super::locals::Locals;
use super::matching::{Matched, Source};
use super::{Expect, Lease, Planned, Verdict};
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::refname::expansions;
use crate::format::refspec::RefSpec;
use crate::format::remotes::destination_of;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::history::{Commits, Peeled};
use crate::ops::merge_base::is_ancestor;
use crate::protocol::push::Reason;
use crate::store::reflog::Reflogs;
use crate::task::Task;

/// How many objects are looked up at once.
const TOGETHER: usize = 1024;

/// What the caller and the configuration allow.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// All rules are overridden.
    pub(super) force: bool,
    /// The first whose name fits counts.
    pub(super) leases: Vec<Lease>,
    /// What no lease names must be as tracked.
    pub(super) lease_all: bool,
    /// What is as tracked must have been in the local branch too.
    pub(super) if_includes: bool,
    /// What the remote's refs are fetched into.
    pub(super) fetch: Vec<RefSpec>,
}

/// Holds refs against the rules.
pub(super) struct Judge<'a> {
    pub(super) task: &'a Task,
    pub(super) repo: &'a Repository,
    pub(super) shallow: &'a [ObjectId],
    pub(super) locals: &'a Locals,
    pub(super) rules: &'a Rules,
    /// The values of the remote's refs that are here.
    present: HashSet<ObjectId>,
    /// The commits that old and new values lead to.
    peeled: Peeled,
}

impl<'a> Judge<'a> {
    /// Looks up what the refs hold.
    pub(super) async fn new(
        task: &'a Task,
        repo: &'a Repository,
        shallow: &'a [ObjectId],
        locals: &'a Locals,
        rules: &'a Rules,
        changes: &[(Matched, Source)],
    ) -> Outcome<Self> {
        let old: Vec<ObjectId> = changes.iter().filter_map(|(matched, _)| matched.old).collect();
        let mut present = HashSet::new();
        for batch in old.chunks(TOGETHER) {
            task.checkpoint().await?;
            let infos = task.race(repo.odb.info(batch)).await?.at(Stage::Read)?;
            let here = batch.iter().zip(infos).filter(|(_, info)| info.is_some());
            present.extend(here.map(|(oid, _)| *oid));
        }
        let new = changes.iter().filter_map(|(_, source)| source.oid);
        let mut commits = Commits::new(task, &repo.odb, shallow);
        let peeled = commits
            .peel(present.iter().copied().chain(new), Some(&locals.tags))
            .await?;
        Ok(Judge {
            task,
            repo,
            shallow,
            locals,
            rules,
            present,
            peeled,
        })
    }

    /// What becomes of a ref.
    pub(super) async fn judge(&self, matched: Matched, source: Source) -> Outcome<Planned> {
        let mut planned = Planned {
            old: matched.old,
            new: source.oid,
            source: source.name,
            forced: false,
            verdict: Verdict::UpToDate,
            name: matched.name,
        };
        if planned.new.is_some() && planned.old == planned.new {
            return Ok(planned);
        }
        let lease = self.lease(&planned).await?;
        let broken = match lease {
            Some(Err(rejection)) => Some(rejection),
            _ => self.broken_rule(&planned).await?,
        };
        let forced = matched.force || self.rules.force || lease == Some(Ok(()));
        planned.verdict = match broken {
            Some(rejection) if !forced => Verdict::Rejected(rejection),
            _ => Verdict::Send,
        };
        planned.forced = broken.is_some() && forced;
        Ok(planned)
    }

    /// The rules for updates: those that create or delete are free.
    async fn broken_rule(&self, planned: &Planned) -> Outcome<Option<Reason>> {
        let (Some(old), Some(new)) = (planned.old, planned.new) else {
            return Ok(None);
        };
        if planned.name.starts_with(b"refs/tags/") {
            return Ok(Some(Reason::AlreadyExists));
        }
        if !self.present.contains(&old) {
            return Ok(Some(Reason::FetchFirst));
        }
        let (Some(old), Some(new)) = (self.peeled.follow(&old).0, self.peeled.follow(&new).0) else {
            return Ok(Some(Reason::NeedsForce));
        };
        let is_forward = is_ancestor(self.task, &self.repo.odb, self.shallow, &old, &new).await?;
        Ok((!is_forward).then_some(Reason::NonFastForward))
    }

    /// What the leases say: nothing, yes, or why not.
    async fn lease(&self, planned: &Planned) -> Outcome<Option<Result<(), Reason>>> {
        let fits = |lease: &&Lease| expansions(&lease.name).contains(&planned.name);
        let expect = match self.rules.leases.iter().find(fits) {
            Some(lease) => lease.expect,
            None if self.rules.lease_all => Expect::Tracked,
            None => return Ok(None),
        };
        let tracking = || {
            let (name, _) = destination_of(&self.rules.fetch, &planned.name)?;
            let (oid, _) = self.locals.resolve(&name)?;
            Some((name, oid))
        };
        let (expected, tracking) = match expect {
            Expect::Oid(oid) => (Some(oid), None),
            Expect::Absent => (None, None),
            Expect::Tracked => tracking().map_or((None, None), |(name, oid)| (Some(oid), Some(name))),
        };
        if expected != planned.old {
            return Ok(Some(Err(Reason::StaleInfo)));
        }
        if let (true, Some(tracking)) = (self.rules.if_includes, tracking)
            && !self.was_here(&planned.name, planned.old, &tracking).await?
        {
            return Ok(Some(Err(Reason::RemoteUpdated)));
        }
        Ok(Some(Ok(())))
    }

    /// Whether the branch of the same name here has, or once had, the remote's value in its history
    /// (`is_reachable_in_reflog`). How far back its reflog is read depends on when the tracking ref
    /// moved last.
    async fn was_here(&self, name: &[u8], old: Option<ObjectId>, tracking: &[u8]) -> Outcome<bool> {
        let Some(commit) = old.and_then(|old| self.peeled.follow(&old).0) else {
            return Ok(false);
        };
        let logs = Reflogs::new(Rc::clone(&self.repo.backend));
        let moved = self.task.race(logs.entries(tracking)).await?.at(Stage::Read)?;
        let moved = moved.last().map_or(0, |stored| stored.entry.who.time);
        let entries = self.task.race(logs.entries(name)).await?.at(Stage::Read)?;
        let mut tips = Vec::new();
        for stored in entries.iter().rev() {
            let Some(tip) = stored.entry.new else { continue };
            if tip == commit {
                return Ok(true);
            }
            tips.push(tip);
            if stored.entry.who.time < moved {
                break;
            }
        }
        for tip in &tips {
            if is_ancestor(self.task, &self.repo.odb, self.shallow, &commit, tip).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

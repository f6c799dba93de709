//! What a fetch tells the server of what is here, and which of the remote's objects need not be
//! asked for: `mark_complete_and_common_ref`, `everything_local` and `mark_tips` of git's
//! fetch-pack.c, over [`crate::algo::negotiate`].

use std::collections::{HashMap, HashSet};

use crate::algo::negotiate::{Algorithm, CommitInfo, Negotiator, NotTold, Step};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::host::Async;
use crate::ops::fault::At;
use crate::ops::history::{Commits, KnownTags, Peeled};
use crate::ops::remote;
use crate::protocol::fetch::{AckStatus, Acks};
use crate::protocol::remote_refs::RemoteRef;
use crate::sorted::order;
use crate::store::StoreError;
use crate::store::odb::Odb;
use crate::store::refs::{Refs, Target};
use crate::task::Task;

/// How many commits are read ahead where some have to be read anyway: the next ones of other lines
/// of history. Few, since many negotiations end in the first round.
const AHEAD: usize = 16;

/// What a negotiation starts from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// How commits are chosen.
    pub algorithm: Algorithm,
    /// The shallow list.
    pub shallow: &'a [ObjectId],
    /// What the refs under `refs/` name, whatever it is, ordered by their names. As in git, a
    /// detached `HEAD` is not among them.
    pub local_tips: &'a [ObjectId],
    /// What the remote's refs name, ordered by their names, and what its tags peel to.
    pub remote_tips: &'a [ObjectId],
    /// Whether a depth is asked for: then nothing that is here counts as complete.
    pub deepen: bool,
    /// The server is told of these and their ancestors, instead of the local tips
    /// (`--negotiation-tip`).
    pub tips: Option<&'a [ObjectId]>,
    /// Tags that need not be read.
    pub known: Option<&'a KnownTags>,
}

/// What the refs under `refs/` name, ordered by their names: [`Options::local_tips`].
pub async fn local_tips(task: &Task, refs: &Refs) -> Outcome<Vec<ObjectId>> {
    let listed = task.race(refs.list(b"refs/")).await?.at(Stage::Read)?;
    let direct: HashMap<&[u8], ObjectId> = listed
        .iter()
        .filter_map(|found| match &found.target {
            Target::Direct(oid) => Some((found.name.as_slice(), *oid)),
            Target::Symbolic(_) => None,
        })
        .collect();
    let mut tips = Vec::with_capacity(listed.len());
    for found in &listed {
        task.checkpoint().await?;
        let oid = match &found.target {
            Target::Direct(oid) => Some(*oid),
            Target::Symbolic(name) => match direct.get(name.as_slice()) {
                Some(oid) => Some(*oid),
                // To a symbolic ref, to one elsewhere, or to none. One that leads in a circle
                // names nothing.
                None => match task.race(refs.resolve(name)).await? {
                    Err(StoreError::Ref { .. }) => None,
                    resolved => resolved.at(Stage::Read)?.and_then(|resolved| resolved.oid),
                },
            },
        };
        tips.extend(oid);
    }
    Ok(tips)
}

/// What the refs of a remote name, ordered by their names, and what its tags peel to:
/// [`Options::remote_tips`].
pub fn remote_tips<'a>(refs: impl IntoIterator<Item = &'a RemoteRef>) -> Vec<ObjectId> {
    let mut refs: Vec<&RemoteRef> = refs.into_iter().collect();
    order::sort_by(&mut refs, |one, other| one.name.cmp(&other.name));
    refs.into_iter()
        .flat_map(|found| std::iter::once(found.oid).chain(found.peeled))
        .collect()
}

/// What is here, for a server to be told.
pub struct Haves<'a> {
    commits: Commits<'a>,
    negotiator: Negotiator,
    /// git's `COMPLETE`: commits and tags that local refs lead to, as far back as was looked.
    complete: HashSet<ObjectId>,
}

impl<'a> Haves<'a> {
    /// Looks at the local and the remote tips, and at local history back to the newest commit that
    /// a ref of the remote names and that is here.
    pub async fn prepare(task: &Task, odb: &'a Odb, options: Options<'_>) -> Outcome<Self> {
        let mut commits = Commits::new(task, odb, options.shallow);
        let graph = commits.graph().await?;
        let mut haves = Haves {
            commits,
            negotiator: Negotiator::new(options.algorithm, &graph),
            complete: HashSet::new(),
        };
        let complete: &[ObjectId] = if options.deepen { &[] } else { options.local_tips };
        let tips = options.tips.unwrap_or(options.local_tips);
        let named = options.remote_tips.iter().chain(complete).chain(tips).copied();
        let peeled = haves.commits.peel(named, options.known).await?;
        for (oid, info) in &peeled.commits {
            haves.negotiator.look_at(*oid, info.clone());
        }
        haves.mark_complete(complete, options.remote_tips, &peeled).await?;
        for tip in options.remote_tips {
            if let (Some(commit), _) = peeled.follow(tip)
                && haves.complete.contains(&commit)
            {
                haves.negotiator.known_common(commit);
            }
        }
        for tip in tips {
            if let (Some(commit), _) = peeled.follow(tip) {
                haves.negotiator.add_tip(commit);
            }
        }
        Ok(haves)
    }

    /// Whether an object that a ref of the remote names need not be asked for: a local ref leads to
    /// it, as far as was looked. One for which this is false may be here all the same.
    pub fn is_complete(&self, oid: &ObjectId) -> bool {
        self.complete.contains(oid)
    }

    /// Whether none of those need be asked for.
    pub fn everything_local<'b>(&self, wants: impl IntoIterator<Item = &'b ObjectId>) -> bool {
        wants.into_iter().all(|want| self.is_complete(want))
    }

    /// How many commits were read so far.
    pub fn commits_read(&self) -> u64 {
        self.commits.count()
    }

    /// `mark_complete` for every local ref, and `mark_recent_complete_commits`: all that is no older
    /// than the newest remote ref that is here, and the parents of that.
    async fn mark_complete(&mut self, local: &[ObjectId], remote: &[ObjectId], peeled: &Peeled) -> Outcome<()> {
        let mut level: Vec<&ObjectId> = Vec::new();
        let leads: Vec<_> = local.iter().map(|tip| peeled.follow(tip)).collect();
        for (commit, tags) in &leads {
            self.complete.extend(tags);
            level.extend(commit.iter().filter(|commit| self.complete.insert(**commit)));
        }
        let dates = remote.iter().filter_map(|tip| Some(peeled.commits.get(tip)?.date));
        let Some(cutoff) = dates.max().filter(|cutoff| *cutoff > 0) else {
            return Ok(());
        };
        let mut level: Vec<CommitInfo> = level
            .into_iter()
            .filter_map(|oid| peeled.commits.get(oid).cloned())
            .collect();
        while !level.is_empty() {
            let (mut parents, mut seen) = (Vec::new(), HashSet::new());
            for commit in std::mem::take(&mut level) {
                if commit.date < cutoff {
                    continue;
                }
                for parent in commit.parents.iter() {
                    if self.complete.contains(parent) || !seen.insert(*parent) {
                        continue;
                    }
                    match peeled.commits.get(parent) {
                        Some(info) => {
                            self.complete.insert(*parent);
                            level.push(info.clone());
                        }
                        None => parents.push(*parent),
                    }
                }
            }
            for (oid, info) in parents.iter().zip(self.commits.read(&parents).await?) {
                if let Some(info) = info {
                    self.complete.insert(*oid);
                    self.negotiator.look_at(*oid, info.clone());
                    level.push(info);
                }
            }
        }
        Ok(())
    }

    async fn read(&mut self, oids: &[ObjectId]) -> Outcome<()> {
        let negotiator = &mut self.negotiator;
        self.commits
            .read_for(oids, |oid, info| negotiator.provide(oid, info))
            .await
    }

    async fn next(&mut self, count: usize) -> Outcome<Vec<ObjectId>> {
        let mut haves = Vec::new();
        while haves.len() < count {
            match self.negotiator.next(AHEAD.min(count - haves.len() - 1)) {
                Step::Read(oids) => self.read(&oids).await?,
                Step::Done(Some(oid)) => haves.push(oid),
                Step::Busy => {}
                Step::Done(None) => break,
            }
        }
        Ok(haves)
    }

    async fn ack(&mut self, oid: &ObjectId) -> Outcome<bool> {
        loop {
            match self.negotiator.ack(oid) {
                Ok(Step::Read(oids)) => self.read(&oids).await?,
                Ok(Step::Busy) => {}
                Ok(Step::Done(was_common)) => return Ok(was_common),
                Err(NotTold) => {
                    let message = format!("the server acknowledged {oid}, of which it was not told");
                    return Err(GitError::new(Code::Protocol, Stage::Negotiate, message).into());
                }
            }
        }
    }
}

impl remote::Negotiator for Haves<'_> {
    fn haves(&mut self, count: usize) -> Async<'_, Outcome<Vec<ObjectId>>> {
        Box::pin(self.next(count))
    }

    fn acks<'a>(&'a mut self, acks: &'a Acks) -> Async<'a, Outcome<Vec<ObjectId>>> {
        Box::pin(async move {
            let mut known = Vec::new();
            for (oid, status) in &acks.acks {
                if *status != AckStatus::Final && self.ack(oid).await? {
                    known.push(*oid);
                }
            }
            Ok(known)
        })
    }
}

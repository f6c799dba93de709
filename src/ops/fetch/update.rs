//! What becomes of each ref: `update_local_ref` of git's builtin/fetch.c, against the refs as they
//! will be. Nothing is written here.

use super::known::Known;
use super::map::{ForMerge, HEADS, Local, LocalRefs, Mapped, TAGS};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::conflict;
use crate::sorted::SortedSet;
use crate::task::Task;

/// What became of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// The new value has the old one in its history.
    FastForward,
    /// It has not, and the refspec or the caller forced it.
    Forced,
    /// An existing tag was replaced; only if forced.
    TagReplaced,
    /// There was no such ref, or no commit in it.
    New,
    /// The remote has it no more.
    Deleted,
    /// It was like that before.
    UpToDate,
    /// It was left as it was; the reason says why.
    Rejected,
}

impl UpdateKind {
    /// Whether the ref is another one than before.
    pub fn changes(self) -> bool {
        !matches!(self, UpdateKind::UpToDate | UpdateKind::Rejected)
    }
}

/// One ref here, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefChange {
    /// The ref here.
    pub name: Vec<u8>,
    /// The remote's ref it follows; `None` for what was pruned.
    pub remote: Option<Vec<u8>>,
    /// What it held.
    pub old: Option<ObjectId>,
    /// What it holds now; of a rejected one what it should have held.
    pub new: Option<ObjectId>,
    /// What became of it.
    pub kind: UpdateKind,
    /// Why it was rejected, in git's words.
    pub reason: Option<String>,
}

/// What the caller and the repository allow.
pub(super) struct Rules {
    /// Update even what is no fast-forward.
    pub(super) force: bool,
    /// The branch that is checked out, which a fetch does not move.
    pub(super) checked_out: Option<Vec<u8>>,
}

/// Decides about refs one after the other, each seeing what became of those before it.
pub(super) struct Updates<'a> {
    rules: &'a Rules,
    local: &'a LocalRefs,
    /// The names there will be.
    names: SortedSet<Vec<u8>>,
    /// What was decided so far.
    pub(super) changes: Vec<RefChange>,
}

impl<'a> Updates<'a> {
    pub(super) fn new(rules: &'a Rules, local: &'a LocalRefs) -> Self {
        Updates {
            rules,
            local,
            names: local.names().cloned().collect(),
            changes: Vec::new(),
        }
    }

    /// Refs whose source is gone.
    pub(super) fn prune(&mut self, stale: Vec<Vec<u8>>) {
        for name in stale {
            self.names.remove(&name);
            self.changes.push(RefChange {
                old: self.local.oid(&name),
                new: None,
                remote: None,
                kind: UpdateKind::Deleted,
                reason: None,
                name,
            });
        }
    }

    /// Whether there will be a ref of that name.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.names.contains(name)
    }

    /// Decides about all that are stored: first what is for merging, then the rest, then tracking
    /// refs that are kept in step (`store_updated_refs`).
    pub(super) async fn decide(
        &mut self,
        task: &Task,
        known: &Known<'_>,
        mapped: &[Mapped],
        refused: &SortedSet<Vec<u8>>,
    ) -> Outcome<()> {
        for pass in [ForMerge::Merge, ForMerge::No, ForMerge::Ignore] {
            for found in mapped.iter().filter(|found| found.merge == pass) {
                let Some(local) = &found.local else { continue };
                task.checkpoint().await?;
                let change = if refused.contains(&found.remote) {
                    let reason = "shallow roots are not allowed to be updated";
                    self.change(found, local, UpdateKind::Rejected, Some(reason.to_owned()))
                } else {
                    self.one(task, known, found, local).await?
                };
                self.changes.push(change);
            }
        }
        Ok(())
    }

    /// Whether none was rejected so far.
    pub(super) fn is_ok(&self) -> bool {
        self.changes.iter().all(|change| change.kind != UpdateKind::Rejected)
    }

    /// If one was rejected, all are.
    pub(super) fn all_or_none(&mut self) {
        if self.is_ok() {
            return;
        }
        for change in self.changes.iter_mut().filter(|change| change.kind.changes()) {
            change.kind = UpdateKind::Rejected;
            change.reason = Some("another ref was rejected".to_owned());
        }
    }

    fn change(&self, found: &Mapped, local: &Local, kind: UpdateKind, reason: Option<String>) -> RefChange {
        let name = self.local.leads_to(&local.name).to_vec();
        RefChange {
            old: self.old(&name),
            name,
            remote: Some(found.remote.clone()),
            new: Some(found.oid),
            kind,
            reason,
        }
    }

    /// What the ref held; nothing if it was just pruned.
    fn old(&self, name: &[u8]) -> Option<ObjectId> {
        self.local.oid(name).filter(|_| self.names.contains(name))
    }

    async fn one(&mut self, task: &Task, known: &Known<'_>, found: &Mapped, local: &Local) -> Outcome<RefChange> {
        let name = self.local.leads_to(&local.name).to_vec();
        let old = self.old(&name);
        let rejected = |reason: &str| Ok(self.change(found, local, UpdateKind::Rejected, Some(reason.to_owned())));
        if old == Some(found.oid) {
            return Ok(self.change(found, local, UpdateKind::UpToDate, None));
        }
        if old.is_some() && self.rules.checked_out.as_deref() == Some(&name) {
            return rejected("can't fetch into checked-out branch");
        }
        if known.kinds(&[found.oid]).await?.pop().flatten().is_none() {
            return rejected("object not found");
        }
        let force = self.rules.force || local.force;
        let kind = match old {
            Some(_) if name.starts_with(TAGS) && force => UpdateKind::TagReplaced,
            Some(_) if name.starts_with(TAGS) => return rejected("would clobber existing tag"),
            Some(old) => match (known.commit(old).await?, known.commit(found.oid).await?) {
                (Some(old), Some(new)) if known.is_fast_forward(task, old, new).await? => UpdateKind::FastForward,
                (Some(_), Some(_)) if force => UpdateKind::Forced,
                (Some(_), Some(_)) => return rejected("non-fast-forward"),
                _ => UpdateKind::New,
            },
            None => UpdateKind::New,
        };
        if name.starts_with(HEADS) && known.kinds(&[found.oid]).await?.pop().flatten() != Some(Kind::Commit) {
            return rejected("unable to update local ref: a branch can only hold a commit");
        }
        if let Some(other) = conflict(&self.names, &name) {
            let other = String::from_utf8_lossy(other);
            return rejected(&format!("unable to update local ref: {other} is in the way"));
        }
        let change = self.change(found, local, kind, None);
        self.names.insert(name);
        Ok(change)
    }
}

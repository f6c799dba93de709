//! A fetch that holds the right to write: `do_fetch` of git's builtin/fetch.c.

use std::collections::HashSet;

use super::known::Known;
use super::map::{self, LocalRefs, Mapped, TAGS, Wish};
use super::plan::Plan;
use super::transfer::{Ask, Transfer, Transferred};
use super::update::{Rules, Updates};
use super::{Depth, FetchHead, Fetched, ForMerge, Options, RefChange, UpdateKind};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::conflict;
use crate::format::refspec::RefSpec;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::negotiate;
use crate::ops::remote::{Deepen, Session};
use crate::protocol::remote_refs::{RemoteHead, RemoteRefs};
use crate::sorted::{SortedSet, order};
use crate::store::meta::Stats;
use crate::store::publish::{Publication, RefUpdate, Writer};
use crate::store::refs::Target;
use crate::task::{Event, Task};

/// A fetch that holds the right to write.
pub(super) struct Run<'a> {
    pub(super) task: &'a Task,
    pub(super) repo: &'a Repository,
    pub(super) writer: &'a Writer,
    pub(super) options: &'a Options,
    pub(super) plan: &'a Plan,
}

impl Run<'_> {
    /// Decides what to fetch, fetches it, and publishes it.
    pub(super) async fn fetch(&self, session: &mut Session, refs: &RemoteRefs) -> Outcome<Fetched> {
        let local = self.local().await?;
        if self.options.depth == Depth::Unshallow && self.repo.meta.shallow().await.at(Stage::Request)?.is_empty() {
            let message = "unshallow makes no sense in a complete repository";
            return Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
        }
        let mut warnings = Vec::new();
        let wish = self.plan.wish();
        let present = self.present(&map::tag_objects(refs, &local), &wish).await?;
        let mapped = map::map(refs, &local, &wish, &present, &mut warnings)?;
        for warning in warnings {
            self.task.tell(Event::Warning(warning));
        }
        let stale = match self.plan.prune {
            true => map::stale(wish.specs(), &local, &mapped),
            false => Vec::new(),
        };
        let mut fetched = Fetched {
            url: session.url(),
            heads: Vec::new(),
            ignored: refs.ignored().to_vec(),
            ..Fetched::default()
        };
        let round = Round {
            local,
            mapped,
            stale,
            deepen: self.options.deepen(),
            follow: wish.follows_tags(),
        };
        let later = self.round(session, refs, round, &mut fetched).await?;
        if !later.is_empty() && !self.options.dry_run {
            // Tags whose objects the server did not send along (`backfill_tags`).
            self.repo.odb.refresh().await.at(Stage::Update)?;
            let round = Round {
                local: self.local().await?,
                mapped: later,
                stale: Vec::new(),
                deepen: Deepen::No,
                follow: false,
            };
            // What was fetched before is published: that this failed does not undo it.
            if let Err(failure) = self.round(session, refs, round, &mut fetched).await {
                let message = failure
                    .error()
                    .map_or_else(|| failure.to_string(), |error| error.message.clone());
                self.task.tell(Event::Warning(format!(
                    "tags of what was fetched could not be fetched themselves; the next fetch tries again: {message}"
                )));
            }
        }
        Ok(fetched)
    }

    async fn local(&self) -> Outcome<LocalRefs> {
        Ok(LocalRefs::new(self.repo.refs.list(b"").await.at(Stage::Negotiate)?))
    }

    /// Which of the objects are stored.
    async fn present(&self, oids: &[ObjectId], wish: &Wish<'_>) -> Outcome<HashSet<ObjectId>> {
        if !wish.follows_tags() {
            return Ok(HashSet::new());
        }
        let infos = self.repo.odb.info(oids).await.at(Stage::Negotiate)?;
        let stored = oids.iter().zip(infos).filter(|(_, info)| info.is_some());
        Ok(stored.map(|(oid, _)| *oid).collect())
    }

    /// Transfers, decides and publishes. Answers the tags that have to be fetched once more.
    async fn round(
        &self,
        session: &mut Session,
        refs: &RemoteRefs,
        round: Round,
        fetched: &mut Fetched,
    ) -> Outcome<Vec<Mapped>> {
        let Round { local, mut mapped, .. } = round;
        let (local_tips, remote_tips) = (local.tips(), negotiate::remote_tips(refs.iter()));
        let tags = local.known_tags();
        let ask = Ask {
            mapped: &mapped,
            known_tags: &tags,
            local_tips: &local_tips,
            remote_tips: &remote_tips,
            deepen: round.deepen.clone(),
            include_tag: round.follow,
            filter: self.plan.filter.as_ref(),
            promisor: self.plan.remote.promisor,
            algorithm: self.plan.algorithm,
            unpack_below: self.plan.unpack_below,
        };
        let transfer = Transfer {
            task: self.task,
            repo: self.repo,
            writer: self.writer,
            options: self.options,
        };
        let before = self.repo.meta.shallow().await.at(Stage::Negotiate)?;
        let transferred = transfer.run(session, &ask).await?;
        for found in &mut mapped {
            if let Some(oid) = transferred.settled.get(&found.remote) {
                found.oid = *oid;
            }
        }
        let noted = transferred.received.as_ref().map(|received| &received.noted);
        let known = Known::new(&self.repo.odb, noted, transferred.shallow.clone(), &tags).await;
        let rules = Rules {
            force: self.options.force,
            checked_out: local
                .head_branch()
                .filter(|_| !self.plan.bare && !self.options.update_head)
                .map(<[u8]>::to_vec),
        };
        mapped = self.for_merge(&known, mapped).await?;
        let mut updates = Updates::new(&rules, &local);
        updates.prune(round.stale);
        updates.decide(self.task, &known, &mapped, &transferred.refused).await?;
        mapped.retain(|found| !transferred.refused.contains(&found.remote));
        let mut later = Vec::new();
        // Where a ref was rejected, git leaves it at that; the next fetch follows the tags.
        if round.follow && updates.is_ok() {
            let (mut now, missing) = self.follow(&known, refs, &local, &updates).await?;
            later = missing;
            updates.decide(self.task, &known, &now, &SortedSet::new()).await?;
            mapped.append(&mut now);
        }
        heads(&mapped, fetched);
        if self.options.atomic {
            updates.all_or_none();
        }
        fetched.objects += transferred.received.as_ref().map_or(0, |received| received.objects());
        fetched.bytes += transferred.bytes;
        fetched.rounds += transferred.rounds;
        fetched.shallow_changed |= before != transferred.shallow;
        let changes = updates.changes;
        if !self.options.dry_run {
            let peeled = self.peeled(&known, &changes).await?;
            let head = self.remote_head(refs, &local, &changes);
            self.publish(transferred, &changes, peeled, head).await?;
        }
        fetched.changes.extend(changes);
        Ok(later)
    }

    /// The tags that now point to something here: those that are here as well, and those that are
    /// not.
    async fn follow(
        &self,
        known: &Known<'_>,
        refs: &RemoteRefs,
        local: &LocalRefs,
        updates: &Updates<'_>,
    ) -> Outcome<(Vec<Mapped>, Vec<Mapped>)> {
        let oids = map::tag_objects(refs, local);
        let kinds = known.kinds(&oids).await?;
        let here: HashSet<ObjectId> = oids
            .iter()
            .zip(kinds)
            .filter(|(_, kind)| kind.is_some())
            .map(|(oid, _)| *oid)
            .collect();
        let tags = map::followed(refs, |name| updates.has(name), |oid| here.contains(oid));
        Ok(tags.into_iter().partition(|tag| here.contains(&tag.oid)))
    }

    /// What does not lead to a commit cannot be merged, and comes after what can, a tracking ref
    /// too (`store_updated_refs`; not in a dry run, which writes no FETCH_HEAD).
    async fn for_merge(&self, known: &Known<'_>, mut mapped: Vec<Mapped>) -> Outcome<Vec<Mapped>> {
        if self.options.dry_run {
            return Ok(mapped);
        }
        let oids: Vec<ObjectId> = mapped.iter().map(|found| found.oid).collect();
        for (found, kind) in mapped.iter_mut().zip(known.kinds(&oids).await?) {
            let leads_to_commit = match kind {
                Some(Kind::Commit) => true,
                Some(Kind::Tag) => known.commit(found.oid).await?.is_some(),
                _ => false,
            };
            if !leads_to_commit {
                found.merge = ForMerge::No;
            }
        }
        Ok(mapped)
    }

    /// What the changed tags lead to.
    async fn peeled(&self, known: &Known<'_>, changes: &[RefChange]) -> Outcome<Vec<Option<ObjectId>>> {
        let mut peeled = Vec::with_capacity(changes.len());
        for change in changes {
            let end = match change.new {
                Some(oid) if change.kind.changes() && known.kinds(&[oid]).await?.pop().flatten() == Some(Kind::Tag) => {
                    known.peel(oid).await?.map(|(oid, _)| oid)
                }
                _ => None,
            };
            peeled.push(end);
        }
        Ok(peeled)
    }

    /// `refs/remotes/<remote>/HEAD` where there is none yet (`fetch.followRemoteHEAD`), and the HEAD
    /// of a mirror.
    fn remote_head(&self, refs: &RemoteRefs, local: &LocalRefs, changes: &[RefChange]) -> Option<RefUpdate> {
        let RemoteHead::Branch { name: branch, .. } = refs.head(&self.plan.default_branch) else {
            return None;
        };
        let exists = |name: &[u8]| {
            let change = changes.iter().find(|change| change.name == name);
            match change.map(|change| change.kind) {
                Some(UpdateKind::Deleted) => false,
                Some(kind) if kind.changes() => true,
                _ => local.contains(name),
            }
        };
        let set = |name: &[u8], target: &[u8]| RefUpdate {
            name: name.to_vec(),
            expect: None,
            new: Some(Target::Symbolic(target.to_vec())),
            peeled: None,
        };
        let branch = branch.as_bytes();
        if self.plan.remote.mirror {
            let mirrored = |spec: &RefSpec| spec.map(branch).is_some_and(|name| name == branch);
            let is_mirror = self.plan.bare && self.plan.configured.iter().any(mirrored);
            let moves = is_mirror && local.head_branch() != Some(branch) && exists(branch);
            return moves.then(|| set(b"HEAD", branch));
        }
        let tracking = self.plan.configured.iter().find_map(|spec| spec.map(branch))?;
        let directory = [b"refs/remotes/", self.plan.remote.name.as_slice(), b"/"].concat();
        let head = [directory.as_slice(), b"HEAD"].concat();
        let changed = changes
            .iter()
            .filter(|change| change.kind.changes() && change.new.is_some());
        let names: SortedSet<&[u8]> = local
            .names()
            .chain(changed.map(|change| &change.name))
            .map(Vec::as_slice)
            .collect();
        let free = !names.contains(head.as_slice()) && conflict(&names, &head).is_none();
        let wanted = self.plan.follows_head && tracking.starts_with(&directory) && exists(&tracking) && free;
        wanted.then(|| set(&head, &tracking))
    }

    async fn publish(
        &self,
        transferred: Transferred,
        changes: &[RefChange],
        peeled: Vec<Option<ObjectId>>,
        head: Option<RefUpdate>,
    ) -> Outcome<()> {
        let mut publication = Publication::new(self.writer);
        let mut stats = self.repo.meta.stats().await.at(Stage::Update)?;
        stats.last_fetched = Some(self.repo.host.clock.unix_seconds());
        if let Some(received) = transferred.received {
            stats = Stats {
                objects: stats.objects + received.stored(),
                bytes: stats.bytes + received.bytes(),
                packs: stats.packs + received.packs(),
                ..stats
            };
            received.publish(&mut publication);
        }
        publication.shallow(transferred.shallow);
        publication.stats(stats);
        if let Some(config) = &self.plan.registered {
            publication.config(config.clone());
        }
        for (change, peeled) in changes.iter().zip(peeled) {
            if change.kind.changes() {
                let update = RefUpdate {
                    name: change.name.clone(),
                    expect: Some(change.old),
                    new: change.new.map(Target::Direct),
                    peeled,
                };
                let message = format!("{}: {}", self.plan.action, action(change));
                publication.update_logged(update, &self.plan.who, message);
            }
        }
        if let Some(head) = head {
            publication.update(head);
        }
        self.task.shield()?;
        publication.commit().await.at(Stage::Update)
    }
}

/// What git would write to FETCH_HEAD (`append_fetch_head`).
fn heads(mapped: &[Mapped], fetched: &mut Fetched) {
    let url = fetched.url.trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url).to_owned();
    let told = mapped.iter().filter(|found| found.merge != ForMerge::Ignore);
    fetched.heads.extend(told.map(|found| FetchHead {
        oid: found.oid,
        name: found.remote.clone(),
        for_merge: found.merge == ForMerge::Merge,
        note: note(&found.remote, &url),
    }));
    order::sort_by_key(&mut fetched.heads, |head| !head.for_merge);
}

/// What one transfer and its publication are about.
struct Round {
    local: LocalRefs,
    mapped: Vec<Mapped>,
    stale: Vec<Vec<u8>>,
    deepen: Deepen,
    follow: bool,
}

/// What the reflog says of a change (`update_local_ref`).
fn action(change: &RefChange) -> &'static str {
    let remote = change.remote.as_deref().unwrap_or_default();
    match change.kind {
        UpdateKind::FastForward => "fast-forward",
        UpdateKind::Forced => "forced-update",
        UpdateKind::TagReplaced => "updating tag",
        UpdateKind::Deleted => "prune",
        _ if remote.starts_with(TAGS) => "storing tag",
        _ if remote.starts_with(map::HEADS) => "storing head",
        _ => "storing ref",
    }
}

fn note(name: &[u8], url: &str) -> String {
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    for (prefix, kind) in [
        (map::HEADS, "branch"),
        (TAGS, "tag"),
        (b"refs/remotes/".as_slice(), "remote-tracking branch"),
    ] {
        if let Some(short) = name.strip_prefix(prefix) {
            return format!("{kind} '{}' of {url}", shown(short));
        }
    }
    match name {
        b"HEAD" => url.to_owned(),
        _ => format!("'{}' of {url}", shown(name)),
    }
}

//! Packs a repository anew: git-gc(1), as far as there is something like it here: git-reflog(1)
//! `expire --all`, git-repack(1) `-a -d --cruft` and git-prune(1). All that refs and reflogs reach ends up in one pack, what came
//! from a promisor in another, and what nothing reaches in a third, until its grace period is over.
//!
//! Deltas are reused as they are stored and no new ones are looked for. Readers, in this tab or in
//! another, go on all the while: nothing changes before one transaction that publishes the new packs
//! and retires the old ones.

mod grace;
mod plan;
mod roots;
mod walk;
mod write;

use crate::error::{Outcome, Stage};
use crate::format::config::Config;
use crate::format::oid::ObjectId;
use crate::ops::fault::At;
use crate::ops::{Repository, reflog};
use crate::store::cruft;
use crate::store::meta::Stats;
use crate::store::pack_store::{PackId, ReadyPack};
use crate::store::publish::{Publication, Writer};
use crate::store::reflog::StoredEntry;
use crate::task::{Phase, Progress, Task};

pub use grace::Grace;
use plan::{Plan, Planner, Target};
use roots::Root;
use walk::{Mark, Walk};
use write::PackOut;

/// What may be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How long objects that nothing reaches are kept; `None`: as `gc.pruneExpire` says, which is two
    /// weeks unless it was set.
    pub grace: Option<Grace>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Objects stored now.
    pub objects: u64,
    /// Bytes of packs and objects before.
    pub bytes_before: u64,
    /// And now.
    pub bytes: u64,
    /// Packs before.
    pub packs_before: u64,
    /// And now.
    pub packs: u64,
    /// Objects that were dropped.
    pub dropped: u64,
}

/// What is written and not published.
struct Prepared {
    packs: Vec<ReadyPack>,
    retired: Vec<PackId>,
    rows: Vec<ObjectId>,
    /// Entries of reflogs that are too old.
    forgotten: Vec<StoredEntry>,
    /// The new shallow list, if it is another one.
    shallow: Option<Vec<ObjectId>>,
    stats: Stats,
    report: Report,
}

/// Packs a repository anew. Whatever fails, or if the task is cancelled, nothing has changed. Fails
/// with `Corrupt` if something stored is damaged: it is not copied into a new pack.
pub async fn gc(task: &Task, repo: &Repository, options: &Options) -> Outcome<Report> {
    let writer = repo.writer(task).await?;
    let prepared = match prepare(task, repo, &writer, options).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            // Room is what may be lacking. What cannot be removed is swept by the next writer.
            let _ = writer.sweep().await;
            return Err(failure);
        }
    };
    let report = prepared.report;
    publish(task, &writer, prepared).await?;
    // Published; from here on nothing that fails matters.
    let _ = writer.sweep().await;
    let _ = repo.odb.refresh().await;
    Ok(report)
}

/// Finds out what is kept, and writes the new packs.
async fn prepare(task: &Task, repo: &Repository, writer: &Writer, options: &Options) -> Outcome<Prepared> {
    let now = task.clock().unix_seconds();
    let config = Config::parse(&repo.meta.config().await.at(Stage::Read)?).unwrap_or_default();
    let grace = options.grace.unwrap_or_else(|| grace::configured(task, &config));
    let forgotten = reflog::expired(task, repo, &config, now).await?;
    let before = repo.meta.stats().await.at(Stage::Read)?;
    let shallow = repo.meta.shallow().await.at(Stage::Read)?;
    let census = repo.odb.census().await.at(Stage::Read)?;
    task.checkpoint().await?;

    let roots = roots::all(task, repo, &forgotten).await?;
    let mut walk = Walk::new(task, &repo.odb, &census, &shallow).await?;
    walk.reach(&roots, Mark::Reached).await?;
    // What came from a promisor is kept anyway, and not for the sake of what it names.
    let young = census.objects().iter().filter(|number| {
        let promised = census.place(**number).1.pack.is_some_and(|pack| pack.promisor);
        let since = census.since(**number).unwrap_or(now);
        !promised && walk.mark(**number) == Mark::None && grace.keeps(since, now)
    });
    let young: Vec<Root> = young.map(|number| Root::unreached(census.get(*number).oid)).collect();
    walk.reach(&young, Mark::Kept).await?;
    walk.complete().await?;

    let mut planner = Planner::new(&census, &walk).at(Stage::Read)?;
    let mut plans = Vec::new();
    for target in [Target::Promisor, Target::Local, Target::Cruft] {
        plans.push(planner.plan(target).at(Stage::Read)?);
    }
    let kept: usize = plans.iter().map(Plan::objects).sum();
    let dropped = census.objects().len() - kept;
    let mut retired: Vec<PackId> = repo.odb.packs().iter().map(|pack| pack.id).collect();
    let mut packs = Vec::new();
    let mut stats = Stats {
        objects: u64::try_from(kept).unwrap_or(u64::MAX),
        bytes: 0,
        packs: 0,
        ..before
    };
    let mut progress = Progress {
        phase: Phase::Writing,
        loaded: 0,
        total: Some(plans.iter().map(Plan::writes).sum()),
        bytes: Some(0),
    };
    for plan in &plans {
        let live = match plan {
            Plan::Nothing => continue,
            Plan::Keep(pack) => {
                retired.retain(|id| *id != pack.id);
                *pack
            }
            Plan::Write { target, entries } => {
                let id = writer.new_pack();
                let out = PackOut::begin(task, &repo.odb, &census, writer, id, entries.len());
                let ready = out.await?.write(entries, &mut progress).await?;
                let ready = match target {
                    Target::Local => ready,
                    Target::Promisor => ready.promisor(),
                    Target::Cruft => {
                        let times = entries.iter().map(|entry| census.since(entry.number).unwrap_or(now));
                        let times: Vec<i64> = times.collect();
                        let marked = cruft::mark(&**writer.backend(), ready, &times).await;
                        marked.at(Stage::Update)?
                    }
                };
                let live = *ready.live();
                packs.push(ready);
                live
            }
        };
        stats.packs += 1;
        stats.bytes += live.bytes;
    }
    let (still_shallow, gone): (Vec<_>, Vec<_>) = shallow.into_iter().partition(|oid| planner.keeps(oid));
    Ok(Prepared {
        report: Report {
            objects: stats.objects,
            bytes_before: before.bytes,
            bytes: stats.bytes,
            packs_before: u64::try_from(repo.odb.packs().len()).unwrap_or(u64::MAX),
            packs: stats.packs,
            dropped: u64::try_from(dropped).unwrap_or(u64::MAX),
        },
        packs,
        retired,
        rows: census.rows(),
        forgotten,
        shallow: (!gone.is_empty()).then_some(still_shallow),
        stats,
    })
}

/// The one transaction in which everything changes, if anything does.
async fn publish(task: &Task, writer: &Writer, prepared: Prepared) -> Outcome<()> {
    let mut publication = Publication::new(writer);
    publication.retire(&prepared.retired).remove_objects(&prepared.rows);
    for pack in prepared.packs {
        publication.pack(pack);
    }
    publication.forget(&prepared.forgotten);
    if let Some(shallow) = prepared.shallow {
        publication.shallow(shallow);
    }
    publication.stats(prepared.stats);
    task.shield()?;
    publication.commit().await.at(Stage::Update)
}

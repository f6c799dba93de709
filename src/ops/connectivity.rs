//! Whether what came is complete: git's `check_connected()` (`connected.c`), without its walk.
//!
//! The objects that came were noted while they passed, and whatever is stored is complete: every
//! stored object leads to stored objects, but for parents of shallow commits and for what a promisor
//! remote left out. So it is enough to look up each id that came objects name. That is stricter
//! than git in one point: an object that no ref reaches must be complete as well, since from now on
//! it is stored.

use std::collections::{HashMap, HashSet};

use crate::algo::connected::{LinkError, Links, Missing};
use crate::error::{Failure, Outcome, Stage};
use crate::format::commit::CommitRef;
use crate::format::filter::Filter;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::fault::{self, At};
use crate::sorted::order;
use crate::store::odb::Odb;
use crate::task::{Phase, Progress, Task};

/// Ids looked up together. Many, since ids of one shard and rows of one block are then read once.
const AT_A_TIME: usize = 1 << 16;

/// Ids gone through together where nothing was stored before: a clone without blobs has many.
const UNREAD_AT_A_TIME: usize = 1 << 12;

/// Commits read together.
const COMMITS_AT_A_TIME: usize = 256;

/// Which objects a promisor remote may have left out (git-clone(1), `--filter`). What a ref itself
/// points to must be there all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promised {
    /// None: the remote is no promisor.
    #[default]
    Nothing,
    /// Blobs, as with `blob:none` and `blob:limit`.
    Blobs,
    /// Blobs and trees, as with `tree:<depth>`.
    BlobsAndTrees,
    /// Anything but objects of that kind, as with `object:type`.
    AllBut(Kind),
    /// Anything.
    Anything,
}

impl Promised {
    /// What a filter leaves out that the server takes notice of.
    pub fn of(filter: &Filter) -> Self {
        let kinds = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];
        match kinds.map(|kind| filter.may_omit(kind)) {
            [false, false, false, false] => Promised::Nothing,
            [false, false, true, false] => Promised::Blobs,
            [false, true, true, false] => Promised::BlobsAndTrees,
            omitted => match omitted.iter().zip(kinds).rfind(|(omitted, _)| !**omitted) {
                Some((_, kind)) => Promised::AllBut(kind),
                None => Promised::Anything,
            },
        }
    }

    /// What a fetch from a promisor remote may lack. Any earlier fetch may have had another filter,
    /// and this one's pack leaves out what those before were taken to have brought; so of several
    /// filters the widest counts, and trees are excused with blobs.
    pub fn by<'a>(filters: impl IntoIterator<Item = &'a Filter>) -> Self {
        match filters.into_iter().any(|filter| filter.may_omit(Kind::Commit)) {
            true => Promised::Anything,
            false => Promised::BlobsAndTrees,
        }
    }

    /// Whether an object named as that kind (`None`: any) may be missing.
    fn covers(self, kind: Option<Kind>) -> bool {
        match self {
            Promised::Nothing => false,
            Promised::Blobs => kind == Some(Kind::Blob),
            Promised::BlobsAndTrees => matches!(kind, Some(Kind::Blob | Kind::Tree)),
            Promised::AllBut(kept) => kind != Some(kept),
            Promised::Anything => true,
        }
    }
}

/// What is to be complete.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// What came, and what it names.
    pub links: &'a Links,
    /// What was there before; `None` for a new repository.
    pub odb: Option<&'a Odb>,
    /// The commits without parents here, as the list will be.
    pub shallow: &'a [ObjectId],
    /// The commits that were on that list and no longer are: their parents must be there now.
    pub unshallow: &'a [ObjectId],
    /// What refs will point to.
    pub tips: &'a [ObjectId],
    /// What may be missing.
    pub promised: Promised,
}

/// Fails with `NotConnected`, which names at most ten objects and who names them, unless every
/// object named is there. Fails with `PackInvalid` if one is there and of another kind.
pub async fn check(task: &Task, claim: &Claim<'_>) -> Outcome<()> {
    let Claim { links, odb, .. } = *claim;
    task.checkpoint().await?;
    let mut wanted = links.missing(claim.shallow, claim.tips);
    let parents = parents(task, claim, &mut wanted).await?;
    let at_a_time = match odb {
        Some(_) => {
            // Ids of one shard of the index next to each other.
            order::sort_by_key(&mut wanted, |(oid, _)| *oid);
            AT_A_TIME
        }
        None => UNREAD_AT_A_TIME,
    };
    let total = links.ids().max(wanted.len() as u64);
    let mut loaded = total - wanted.len() as u64;
    let report = |loaded| {
        task.progress(Progress {
            phase: Phase::Checking,
            loaded,
            total: Some(total),
            bytes: None,
        });
    };
    report(loaded);
    let tips: HashSet<&ObjectId> = claim.tips.iter().collect();
    let mut missing = Vec::new();
    for group in wanted.chunks(at_a_time) {
        task.checkpoint().await?;
        let oids: Vec<ObjectId> = group.iter().map(|(oid, _)| *oid).collect();
        let infos = match odb {
            Some(odb) => odb.info(&oids).await.at(Stage::Unpack)?,
            None => vec![None; oids.len()],
        };
        for ((oid, expected), info) in group.iter().zip(infos) {
            match (info, *expected) {
                (Some(info), Some(expected)) if info.kind != expected => {
                    return wrong(LinkError::Kind {
                        oid: *oid,
                        expected,
                        found: info.kind,
                        referrer: links.referrer(oid).or_else(|| parents.get(oid).copied()),
                    });
                }
                (Some(_), _) => {}
                (None, expected) if claim.promised.covers(expected) && !tips.contains(oid) => {}
                (None, expected) => missing.push((*oid, expected)),
            }
        }
        loaded += group.len() as u64;
        report(loaded);
    }
    if missing.is_empty() {
        report(total);
        return Ok(());
    }
    order::sort_by_key(&mut missing, |(oid, _)| *oid);
    let mut error = links.not_connected(&missing);
    for (oid, referrer) in &mut error.missing {
        *referrer = referrer.or_else(|| parents.get(oid).copied());
    }
    Err(fault::not_connected(&error).into())
}

/// Adds the parents of commits that are not shallow any more and did not come again; answers which
/// commit names each.
async fn parents(task: &Task, claim: &Claim<'_>, wanted: &mut Vec<Missing>) -> Outcome<HashMap<ObjectId, ObjectId>> {
    let mut referrers = HashMap::new();
    let Some(odb) = claim.odb else {
        return Ok(referrers);
    };
    let stored: Vec<ObjectId> = claim
        .unshallow
        .iter()
        .filter(|oid| claim.links.kind(oid).is_none())
        .copied()
        .collect();
    for group in stored.chunks(COMMITS_AT_A_TIME) {
        task.checkpoint().await?;
        let commits = odb.read_many(group).await.at(Stage::Unpack)?;
        for (oid, commit) in group.iter().zip(commits) {
            // What is listed and not stored: gone, and with it what it named.
            let Some(commit) = commit else { continue };
            let parsed = CommitRef::parse(&commit.data);
            let parsed = parsed.map_err(|error| Failure::from(fault::malformed(oid, commit.kind, &error)))?;
            for parent in parsed.parents() {
                let found = claim.links.kind(&parent);
                match found {
                    Some(Kind::Commit) => {}
                    Some(found) => {
                        return wrong(LinkError::Kind {
                            oid: parent,
                            expected: Kind::Commit,
                            found,
                            referrer: Some(*oid),
                        });
                    }
                    None => {
                        if referrers.insert(parent, *oid).is_none() {
                            wanted.push((parent, Some(Kind::Commit)));
                        }
                    }
                }
            }
        }
    }
    Ok(referrers)
}

fn wrong<T>(error: LinkError) -> Outcome<T> {
    Err(error).at(Stage::Unpack)
}

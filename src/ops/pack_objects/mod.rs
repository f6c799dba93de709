//! Packs what somebody lacks: git-pack-objects(1) `--revs --stdout`, as git-send-pack(1) calls it.
//!
//! ```text
//!   count    which objects: want, without what have leads to
//!   write    entries, into the body of a request
//! ```
//!
//! A pack is written as it is made, in bounded memory: nothing of it is kept here.

mod count;
mod write;

use std::collections::HashSet;

use self::count::Object;
use self::write::Out;
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::entry::EntryKind;
use crate::format::pack::write::LEVEL;
use crate::host::Parts;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::{object, promisor};
use crate::store::odb::raw::Found;
use crate::task::{Phase, Progress, Task};

/// What is to be packed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// What is to be sent, with all it leads to: commits, tags, or anything else.
    pub want: &'a [ObjectId],
    /// What the other side has, with all it leads to. Those that are not stored here say nothing.
    pub have: &'a [ObjectId],
    /// Whether deltas may be made against objects that the other side has (`--thin`).
    pub thin: bool,
    /// Whether deltas may name their base by its distance (`--delta-base-offset`).
    pub ofs_delta: bool,
    /// How hard to compress, from 0 to 9; `None`: as git does, which is 6. What is stored compressed
    /// is sent as it is.
    pub level: Option<u8>,
    /// Whether the other side is the remote that promised what a partial clone lacks: what is not
    /// stored here is there, and is not fetched in order to be sent.
    pub promised: bool,
}

impl<'a> Wish<'a> {
    /// What git-push(1) does for a server that can do everything.
    pub fn new(want: &'a [ObjectId], have: &'a [ObjectId]) -> Self {
        Wish {
            want,
            have,
            thin: true,
            ofs_delta: true,
            level: None,
            promised: false,
        }
    }
}

/// A pack that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Objects in it.
    pub objects: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its trailer.
    pub checksum: ObjectId,
}

/// Packs what the other side lacks. The pack follows what `parts` hold already. There is always a
/// pack, if need be one of no objects. Fails with `MissingObject` or `PromisedMissing` if something
/// that has to be sent is not here. The caller does not hold the repository's writer: objects that a
/// partial clone left with its remote may have to be fetched.
pub async fn pack_objects(task: &Task, repo: &Repository, wish: &Wish<'_>, parts: &mut dyn Parts) -> Outcome<Packed> {
    let counted = count::count(task, repo, wish).await?;
    let mut objects: Vec<Object> = counted.objects;
    objects.retain(|object| !object.is_base);
    objects.sort_by_key(|object| (object.kind as u8, std::cmp::Reverse(object.hash)));
    let found = find(task, repo, wish, objects).await?;
    let level = wish.level.unwrap_or(LEVEL).min(9);
    let mut out = Out::begin(task, &repo.odb, parts, found.len(), level)?;
    let mut progress = Progress {
        phase: Phase::Writing,
        loaded: 0,
        total: u64::try_from(found.len()).ok(),
        bytes: Some(0),
    };
    for (object, found) in &found {
        let kind = EntryKind::Whole(object.kind);
        let copied = match (&found.entry, found.base) {
            (Some(place), None) => out.copied(kind, place).await?,
            _ => false,
        };
        if !copied {
            let object = object::read(task, repo, &object.oid).await?;
            out.deflated(EntryKind::Whole(object.kind), &object.data).await?;
        }
        progress.loaded += 1;
        progress.bytes = Some(out.bytes());
        task.checkpoint().await?;
    }
    task.progress(progress);
    let (bytes, checksum) = out.finish().await?;
    Ok(Packed {
        objects: progress.loaded,
        bytes,
        checksum,
    })
}

/// Where the objects are. Those that are not stored are fetched, or left out if they were promised
/// by the other side.
async fn find(task: &Task, repo: &Repository, wish: &Wish<'_>, objects: Vec<Object>) -> Outcome<Vec<(Object, Found)>> {
    let oids: Vec<ObjectId> = objects.iter().map(|object| object.oid).collect();
    let mut found = task.race(repo.odb.find_entries(&oids)).await?.at(Stage::Read)?;
    let absent = oids.iter().zip(&found).filter(|(_, found)| found.is_none());
    let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
    if !absent.is_empty() && !wish.promised {
        promisor::need(task, repo, &absent).await?;
        found = task.race(repo.odb.find_entries(&oids)).await?.at(Stage::Read)?;
        let still: HashSet<&ObjectId> = absent.iter().collect();
        let missing = oids
            .iter()
            .zip(&found)
            .find(|(oid, found)| found.is_none() && still.contains(oid));
        if let Some((oid, _)) = missing {
            return Err(promisor::not_stored(oid));
        }
    }
    let both = objects.into_iter().zip(found);
    Ok(both.filter_map(|(object, found)| Some((object, found?))).collect())
}

//! Packs what somebody lacks: git-pack-objects(1) `--revs --stdout`, as git-send-pack(1) calls it.
//!
//! ```text
//!   count    which objects: want, without what have leads to
//!   plan     as what each is written: a stored delta as it is, or whatever fill finds; in which order
//!   fill     object by object: its content, a base for it
//!   write    entries, into the body of a request
//! ```
//!
//! A pack is written as it is made, in one pass and in bounded memory: nothing of it is kept here.

mod count;
mod fill;
mod plan;
mod write;

use self::fill::Filling;
use self::plan::Plan;
use self::write::Out;
use crate::error::Outcome;
use crate::format::oid::ObjectId;
use crate::format::pack::write::LEVEL;
use crate::host::Parts;
use crate::ops::Repository;
use crate::ops::history::KnownTags;
use crate::task::Task;

/// What is to be packed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// What is to be sent, with all it leads to: commits, tags, or anything else.
    pub want: &'a [ObjectId],
    /// What the other side has, with all it leads to. Those that are not stored here say nothing.
    pub have: &'a [ObjectId],
    /// Tags that need not be read to know what they lead to.
    pub known: Option<&'a KnownTags>,
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
    /// Blobs of more bytes than this are told of.
    pub large: u64,
}

impl<'a> Wish<'a> {
    /// What git-push(1) does for a server that can do everything.
    pub fn new(want: &'a [ObjectId], have: &'a [ObjectId]) -> Self {
        Wish {
            want,
            have,
            known: None,
            thin: true,
            ofs_delta: true,
            level: None,
            promised: false,
            large: u64::MAX,
        }
    }
}

/// A pack that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Objects in it.
    pub objects: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its trailer.
    pub checksum: ObjectId,
    /// The blobs in it that are larger than was asked for, with their sizes in bytes.
    pub large: Vec<(ObjectId, u64)>,
}

/// Packs what the other side lacks. The pack follows what `parts` hold already. There is always a
/// pack, if need be one of no objects. Fails with `MissingObject` or `PromisedMissing` if something
/// that has to be sent is not here. The caller does not hold the repository's writer: objects that a
/// partial clone left with its remote may have to be fetched.
pub async fn pack_objects(task: &Task, repo: &Repository, wish: &Wish<'_>, parts: &mut dyn Parts) -> Outcome<Packed> {
    let counted = count::count(task, repo, wish).await?;
    let plan = Plan::new(task, repo, wish, counted).await?;
    let level = wish.level.unwrap_or(LEVEL).min(9);
    let out = Out::begin(task, &repo.odb, parts, plan.objects, level)?;
    let out = Filling::fill(task, repo, wish, &plan, out).await?;
    let (bytes, checksum) = out.finish().await?;
    Ok(Packed {
        objects: u64::try_from(plan.objects).unwrap_or(u64::MAX),
        bytes,
        checksum,
        large: plan.larger_than(wish.large),
    })
}

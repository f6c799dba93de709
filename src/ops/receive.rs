//! Takes a pack from the network into storage: bytes are stored as they arrive while objects are
//! inflated and hashed, deltas are resolved afterwards, and everything the objects name is noted
//! for the connectivity check. Nothing of it is visible until a publication says so.
//!
//! Git's index-pack(1) and unpack-objects(1), with the storage of a browser in place of files:
//!
//! * A pack of few objects is taken apart: each becomes a row of its own, and the pack is never
//!   written. So many small fetches do not become as many packs.
//! * A thin pack is completed, as by `index-pack --fix-thin`: the objects it builds on and does not
//!   hold are appended, so that what is stored, and exported, is whole without any other pack.
//!
//! An object that came and is stored already is not compared byte by byte, as `check_collison()`
//! does in git: both were hashed with the detection of collision attacks, here and when they were
//! stored, and what shows their marks is refused (`PackCollision`).

mod apart;
mod complete;
pub mod help;
mod noted;
mod unpack;
mod whole;

use self::apart::Crew;
use self::complete::Completion;
pub use self::noted::{Noted, Tags};
use self::unpack::Unpacked;
use self::whole::Resolving;
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::families::Families;
use crate::format::pack::scan::{PackScanner, ScannedPack, What};
use crate::format::pack::{Limits, PackIndex};
use crate::host::{Async, Threads};
use crate::ops::fault::At;
use crate::ops::remote::PackStream;
use crate::store::manifest;
use crate::store::objects::ReadyObject;
use crate::store::odb::Odb;
use crate::store::pack_store::{PackSink, ReadyPack, StagedPack};
use crate::store::publish::{Publication, Writer};
use crate::task::{Phase, Progress, Task};

/// Bytes of a pack kept in memory between the two passes, and of what is known of its objects. A
/// pack up to this size is not read back from storage; more would not fit beside the rest in a tab of
/// a phone.
const KEEP: usize = 128 << 20;

/// Bytes that are known of an object while its pack is received: its entry, its links, its children.
const KNOWN: usize = 100;

/// Bytes of a pack that is taken apart, and bytes of all its objects: larger ones stay packs, since
/// until the last object is known everything is held in memory.
const UNPACK_BYTES: u64 = 8 << 20;

/// Bytes of a pack from which on other threads are worth their start.
const CREW_BYTES: u64 = 2 << 20;

/// Bytes of bases from outside held at a time, unless a single one has more.
const BASES_BYTES: u64 = 16 << 20;

/// Objects between two reports of progress: a report is a message to another thread.
const REPORT_EVERY: u64 = 256;

/// Where pack bytes come from.
#[expect(async_fn_in_trait, reason = "nothing here leaves its thread")]
pub trait PackSource {
    /// The next bytes of the pack, or `None` at its end, as the protocol (not the connection) says.
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>>;
}

impl PackSource for PackStream<'_> {
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        PackStream::next(self).await
    }
}

/// Brings objects that are promised and not stored.
pub trait FetchMissing {
    /// Stores as many of the objects as their remote has, so that they can be read afterwards.
    fn fetch<'a>(&'a self, task: &'a Task, oids: &'a [ObjectId]) -> Async<'a, Outcome<()>>;
}

/// How a pack is to be taken in.
pub struct Intake<'a> {
    /// A random number that the server does not know.
    pub seed: u64,
    /// What the pack may ask of us, the bases it lacks included.
    pub limits: Limits,
    /// What deltas may be made against beside the pack itself; `None` refuses thin packs, as a
    /// clone does, which has nothing to build on.
    pub base: Option<&'a Odb>,
    /// Where a base comes from that `base` does not have: from the promisor remote of a partial
    /// clone.
    pub missing: Option<&'a dyn FetchMissing>,
    /// Packs of fewer objects are taken apart (git's `fetch.unpackLimit`, 100 unless set); 0 keeps
    /// every pack.
    pub unpack_below: u32,
    /// The remote is a promisor: the pack is kept as a pack, and marked.
    pub promisor: bool,
    /// Threads that take over a part of the work on a large pack.
    pub threads: &'a dyn Threads,
}

/// What came. It is stored or ready to be, and not visible yet.
pub struct Received {
    stored: Stored,
    objects: u64,
    /// What was noted of the objects while they passed.
    pub noted: Noted,
}

enum Stored {
    /// There was nothing, or nothing new.
    Nothing,
    Pack(ReadyPack),
    Objects(Vec<ReadyObject>),
}

impl Received {
    /// How many different objects came.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// How many of them were not stored before, as far as that was looked at: a pack is kept whole.
    pub fn stored(&self) -> u64 {
        match &self.stored {
            Stored::Nothing => 0,
            Stored::Pack(_) => self.objects,
            Stored::Objects(objects) => objects.len() as u64,
        }
    }

    /// Bytes that are stored of them, or will be.
    pub fn bytes(&self) -> u64 {
        match &self.stored {
            Stored::Nothing => 0,
            Stored::Pack(pack) => pack.live().bytes,
            Stored::Objects(objects) => objects.iter().map(ReadyObject::bytes).sum(),
        }
    }

    /// How many packs they make: one or none.
    pub fn packs(&self) -> u64 {
        u64::from(matches!(self.stored, Stored::Pack(_)))
    }

    /// Makes them visible with that publication.
    pub fn publish(self, publication: &mut Publication<'_>) {
        match self.stored {
            Stored::Nothing => {}
            Stored::Pack(pack) => drop(publication.pack(pack)),
            Stored::Objects(objects) => {
                for object in objects {
                    publication.ready(object);
                }
            }
        }
    }

    /// Removes what is stored already, for whoever does not publish it. What cannot be removed now
    /// is removed before the next writer writes.
    pub async fn discard(self, writer: &Writer) {
        if let Stored::Pack(pack) = self.stored {
            let _swept_later = manifest::remove_rows(&**writer.backend(), pack.live().id).await;
        }
    }
}

/// Receives one pack. If it is refused, nothing of it stays.
pub async fn receive(
    task: &Task,
    writer: &Writer,
    source: &mut impl PackSource,
    intake: &Intake<'_>,
) -> Outcome<Received> {
    let id = writer.new_pack();
    let sink = PackSink::new(writer.backend().clone(), id, KEEP);
    let received = take_in(task, sink, source, intake).await;
    if received.is_err() {
        // If that fails too, the next writer does it; the caller wants to know why the pack was
        // refused.
        let _swept_later = manifest::remove_rows(&**writer.backend(), id).await;
    }
    received
}

async fn take_in(
    task: &Task,
    mut sink: PackSink,
    source: &mut impl PackSource,
    intake: &Intake<'_>,
) -> Outcome<Received> {
    let mut noted = Noted::with_seed(intake.seed);
    let mut unpacked = (intake.unpack_below > 0 && !intake.promisor).then(Unpacked::default);
    if unpacked.is_some() {
        sink.hold(UNPACK_BYTES);
    }
    let mut crew = None;
    let scanned = scan(task, &mut sink, source, intake, &mut noted, &mut unpacked, &mut crew).await?;
    if scanned.objects() == 0 {
        return Ok(Received {
            stored: Stored::Nothing,
            objects: 0,
            noted,
        });
    }
    let mut staged = sink.finish().await.at(Stage::Receive)?;
    if unpacked.is_none() && scanned.knows_bases() {
        let families = Families::new(scanned);
        let index = apart::resolve(
            task,
            intake,
            &mut staged,
            families,
            crew.unwrap_or_default(),
            &mut noted,
        )
        .await?;
        report(task, Phase::Writing, 0, None, None);
        let objects = noted.links.noted();
        return keep(staged, index, objects, intake, noted).await;
    }
    drop(crew);
    let mut resolving = Resolving {
        task,
        intake,
        noted: &mut noted,
        completion: unpacked.is_none().then(|| Completion::new(intake.limits)),
        unpacked,
    };
    let index = resolving.resolve(&mut staged, scanned).await?;
    let Resolving {
        unpacked, completion, ..
    } = resolving;
    report(task, Phase::Writing, 0, None, None);
    if let Some(unpacked) = unpacked {
        let objects = unpacked.objects();
        let new = unpacked.without_stored(intake.base).await?;
        let stored = match new.is_empty() {
            true => Stored::Nothing,
            false => Stored::Objects(new),
        };
        return Ok(Received { stored, objects, noted });
    }
    let objects = noted.links.noted();
    let (staged, index) = match completion {
        Some(completion) => completion.finish(task, staged, index).await?,
        None => (staged, index),
    };
    keep(staged, index, objects, intake, noted).await
}

/// Keeps a pack as a pack.
async fn keep(
    staged: StagedPack,
    index: PackIndex,
    objects: u64,
    intake: &Intake<'_>,
    noted: Noted,
) -> Outcome<Received> {
    let pack = staged.write_index(&index).await.at(Stage::Unpack)?;
    let stored = Stored::Pack(if intake.promisor { pack.promisor() } else { pack });
    Ok(Received { stored, objects, noted })
}

/// The first pass, while the bytes arrive. Forgets `unpacked` once the pack is known to stay one.
async fn scan(
    task: &Task,
    sink: &mut PackSink,
    source: &mut impl PackSource,
    intake: &Intake<'_>,
    noted: &mut Noted,
    unpacked: &mut Option<Unpacked>,
    crew: &mut Option<Crew>,
) -> Outcome<ScannedPack> {
    let mut scanner = PackScanner::new(intake.limits);
    let mut done = 0;
    while let Some(bytes) = source.next().await? {
        // The scanner goes first: what it refuses is not worth storing.
        scanner.feed(&bytes).at(Stage::Receive)?;
        while let Some(scanned) = scanner.next().at(Stage::Receive)? {
            match scanned.what {
                What::Object { kind, oid, content } => {
                    noted.object(kind, oid, content)?;
                    task.worked(content.len());
                    if let Some(unpacked) = unpacked {
                        unpacked.add(kind, oid, content);
                    }
                }
                What::LargeBlob { oid, .. } => noted.links.blob(oid).at(Stage::Unpack)?,
                What::Delta | What::Passing { .. } => {}
            }
            if !matches!(scanned.what, What::Passing { .. }) {
                done = u64::from(scanned.row) + 1;
            }
            if done % REPORT_EVERY == 0 {
                let total = scanner.declared().map(u64::from);
                report(task, Phase::Receiving, done, total, Some(sink.bytes()));
            }
            task.checkpoint().await?;
        }
        let small = scanner.declared().is_none_or(|count| count < intake.unpack_below)
            && scanner.bytes() <= UNPACK_BYTES
            && scanner.resolved_bytes() <= UNPACK_BYTES;
        if !small {
            *unpacked = None;
            sink.hold(0);
        }
        if scanner.bytes() > CREW_BYTES {
            crew.get_or_insert_with(|| Crew::start(intake.threads, intake.seed, &intake.limits));
        }
        task.worked(bytes.len());
        task.checkpoint().await?;
        if let Some(count) = scanner.declared() {
            let known = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(KNOWN);
            sink.keep(KEEP.saturating_sub(known));
        }
        sink.write(&bytes).await.at(Stage::Receive)?;
        let total = scanner.declared().map(u64::from);
        report(task, Phase::Receiving, done, total, Some(sink.bytes()));
    }
    scanner.finish().at(Stage::Receive)
}

fn report(task: &Task, phase: Phase, loaded: u64, total: Option<u64>, bytes: Option<u64>) {
    task.progress(Progress {
        phase,
        loaded,
        total,
        bytes,
    });
}

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

mod complete;
mod noted;
mod unpack;

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use self::complete::Completion;
pub use self::noted::{Noted, Tags};
use self::unpack::Unpacked;
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::resolve::{Base, DeltaResolver, PackBytes, Step};
use crate::format::pack::scan::{PackScanner, ScannedPack, What};
use crate::format::pack::{Limits, PackIndex};
use crate::host::Async;
use crate::ops::fault::{self, At};
use crate::ops::remote::PackStream;
use crate::store::manifest;
use crate::store::objects::ReadyObject;
use crate::store::odb::{Object, Odb};
use crate::store::pack_store::{PackSink, ReadyPack, StagedPack};
use crate::store::publish::{Publication, Writer};
use crate::task::{Phase, Progress, Task};

/// Bytes of a pack kept in memory between the two passes. A pack up to this size is not read back
/// from storage; more would not fit beside the rest in a tab of a phone.
const KEEP: usize = 128 << 20;

/// Bytes of a pack that is taken apart, and bytes of all its objects: larger ones stay packs, since
/// until the last object is known everything is held in memory.
const UNPACK_BYTES: u64 = 8 << 20;

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
    let scanned = scan(task, &mut sink, source, intake, &mut noted, &mut unpacked).await?;
    if scanned.objects() == 0 {
        return Ok(Received {
            stored: Stored::Nothing,
            objects: 0,
            noted,
        });
    }
    let mut staged = sink.finish().await.at(Stage::Receive)?;
    let completion = unpacked.is_none().then(|| Completion::new(intake.limits));
    let mut resolving = Resolving {
        task,
        intake,
        noted: &mut noted,
        unpacked,
        completion,
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
    let objects = distinct(&index);
    let (staged, index) = match completion {
        Some(completion) => completion.finish(task, staged, index).await?,
        None => (staged, index),
    };
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
        sink.write(&bytes).await.at(Stage::Receive)?;
        let total = scanner.declared().map(u64::from);
        report(task, Phase::Receiving, done, total, Some(sink.bytes()));
    }
    scanner.finish().at(Stage::Receive)
}

/// The second pass.
struct Resolving<'a> {
    task: &'a Task,
    intake: &'a Intake<'a>,
    noted: &'a mut Noted,
    /// Where objects go that get rows of their own.
    unpacked: Option<Unpacked>,
    /// Where bases go that the pack lacks; what is taken apart needs none.
    completion: Option<Completion>,
}

impl Resolving<'_> {
    async fn resolve(&mut self, staged: &mut StagedPack, scanned: ScannedPack) -> Outcome<PackIndex> {
        let total = u64::from(scanned.deltas());
        let mut resolver = DeltaResolver::new(scanned, self.intake.limits).at(Stage::Unpack)?;
        let mut reported = 0;
        loop {
            match resolver.step(&Staged(staged)).at(Stage::Unpack)? {
                Step::Object { kind, oid, content, .. } => {
                    self.noted.object(kind, oid, content)?;
                    if let Some(unpacked) = &mut self.unpacked {
                        unpacked.add(kind, oid, content);
                    }
                }
                Step::External { kind, content, .. } => {
                    if let Some(completion) = &mut self.completion {
                        completion.append(staged, kind, content).await?;
                    }
                }
                Step::Working => {}
                Step::NeedBytes(range) => {
                    staged.load(range).await.at(Stage::Unpack)?;
                    continue;
                }
                Step::NeedBases(oids) => {
                    let bases = self.bases(oids).await?;
                    resolver.provide(bases);
                }
                Step::Done => break,
            }
            let resolved = u64::from(resolver.resolved());
            if resolved >= reported + REPORT_EVERY {
                reported = resolved;
                report(self.task, Phase::Resolving, resolved, Some(total), None);
            }
            self.task.checkpoint().await?;
        }
        report(self.task, Phase::Resolving, total, Some(total), None);
        resolver.finish().at(Stage::Unpack)
    }

    /// Reads the first of the objects, as many as may be held together.
    async fn bases(&self, oids: &[ObjectId]) -> Outcome<Vec<Option<Base>>> {
        let Some(odb) = self.intake.base else {
            return Err(fault::thin_pack(oids).into());
        };
        let mut infos = odb.info(oids).await.at(Stage::Unpack)?;
        let absent = oids.iter().zip(&infos).filter(|(_, info)| info.is_none());
        let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
        if let Some(missing) = self.intake.missing
            && !absent.is_empty()
        {
            missing.fetch(self.task, &absent).await?;
            infos = odb.info(oids).await.at(Stage::Unpack)?;
        }
        let (mut count, mut bytes) = (0, 0u64);
        for info in &infos {
            bytes = bytes.saturating_add(info.map_or(0, |info| info.size));
            if count > 0 && bytes > BASES_BYTES {
                break;
            }
            count += 1;
        }
        let (now, _later) = oids.split_at(count);
        let read = odb.read_many(now).await.at(Stage::Unpack)?;
        let base = |(oid, object): (&ObjectId, Option<Object>)| {
            object.map(|Object { kind, data }| Base {
                oid: *oid,
                kind,
                content: Rc::unwrap_or_clone(data),
            })
        };
        Ok(now.iter().zip(read).map(base).collect())
    }
}

/// How many objects a pack has; it may hold one twice.
fn distinct(index: &PackIndex) -> u64 {
    let mut oids: Vec<ObjectId> = index.entries.iter().map(|entry| entry.oid).collect();
    oids.sort_unstable();
    oids.dedup();
    oids.len() as u64
}

fn report(task: &Task, phase: Phase, loaded: u64, total: Option<u64>, bytes: Option<u64>) {
    task.progress(Progress {
        phase,
        loaded,
        total,
        bytes,
    });
}

/// The staged bytes, as the resolver asks for them.
struct Staged<'a>(&'a StagedPack);

impl PackBytes for Staged<'_> {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        self.0.get(range)
    }
}

//! The deltas of a pack that may build on what is stored, or name their bases by id: one resolver
//! goes through all of it.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::complete::Completion;
use super::unpack::Unpacked;
use super::{BASES_BYTES, Intake, Noted, REPORT_EVERY, report};
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::PackIndex;
use crate::format::pack::resolve::{Base, DeltaResolver, PackBytes, Step};
use crate::format::pack::scan::ScannedPack;
use crate::ops::fault::{self, At};
use crate::store::odb::Object;
use crate::store::pack_store::StagedPack;
use crate::task::{Phase, Task};

/// The second pass, in one piece.
pub(super) struct Resolving<'a> {
    pub(super) task: &'a Task,
    pub(super) intake: &'a Intake<'a>,
    pub(super) noted: &'a mut Noted,
    /// Where objects go that get rows of their own.
    pub(super) unpacked: Option<Unpacked>,
    /// Where bases go that the pack lacks; what is taken apart needs none.
    pub(super) completion: Option<Completion>,
}

impl Resolving<'_> {
    pub(super) async fn resolve(&mut self, staged: &mut StagedPack, scanned: ScannedPack) -> Outcome<PackIndex> {
        let total = u64::from(scanned.deltas());
        let mut resolver = DeltaResolver::new(scanned, self.intake.limits).at(Stage::Unpack)?;
        let mut reported = 0;
        loop {
            match resolver.step(&Staged(staged)).at(Stage::Unpack)? {
                Step::Object { kind, oid, content, .. } => {
                    self.noted.object(kind, oid, content)?;
                    self.task.worked(content.len());
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

/// The staged bytes, as the resolver asks for them.
struct Staged<'a>(&'a StagedPack);

impl PackBytes for Staged<'_> {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        self.0.get(range)
    }
}

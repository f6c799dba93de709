//! A thin pack made whole: `fix_unresolved_deltas()` and `append_obj_to_pack()` of git's
//! `index-pack.c`.

use crate::error::{Outcome, Stage};
use crate::format::crc32::Crc32;
use crate::format::object::Kind;
use crate::format::oid::OID_LEN;
use crate::format::pack::entry::{self, EntryKind};
use crate::format::pack::error::{Limit, LimitExceeded};
use crate::format::pack::{Entry, Limits, PackIndex};
use crate::format::zlib;
use crate::ops::fault::At;
use crate::store::pack_store::StagedPack;
use crate::task::Task;

/// What bases are deflated at. They are stored a second time, and deflating them is most of the
/// work of completing a pack.
const LEVEL: u8 = 1;

/// The entries appended so far, in the order in which the resolver took the bases up.
pub(super) struct Completion {
    limits: Limits,
    appended: Vec<Appended>,
}

struct Appended {
    offset: u64,
    crc32: u32,
}

impl Completion {
    pub(super) fn new(limits: Limits) -> Self {
        Completion {
            limits,
            appended: Vec::new(),
        }
    }

    /// Appends a base.
    pub(super) async fn append(&mut self, staged: &mut StagedPack, kind: Kind, content: &[u8]) -> Outcome<()> {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, EntryKind::Whole(kind), content.len() as u64);
        bytes.extend_from_slice(&zlib::deflate(content, LEVEL));
        let offset = staged.append(&bytes).await.at(Stage::Unpack)?;
        let end = offset.saturating_add((bytes.len() + OID_LEN) as u64);
        LimitExceeded::check(Limit::PackBytes, self.limits.pack_bytes, end).at(Stage::Unpack)?;
        self.appended.push(Appended {
            offset,
            crc32: Crc32::of(&bytes),
        });
        Ok(())
    }

    /// Ends the pack anew, where something was appended, and makes the index one of a pack that
    /// needs no other. The rows that deltas name as bases beyond the end are the appended ones.
    pub(super) async fn finish(
        self,
        task: &Task,
        staged: StagedPack,
        mut index: PackIndex,
    ) -> Outcome<(StagedPack, PackIndex)> {
        if index.external.is_empty() {
            return Ok((staged, index));
        }
        let appended = index.external.drain(..).zip(self.appended);
        index.entries.extend(appended.map(|(base, appended)| Entry {
            offset: appended.offset,
            size: base.size,
            crc32: appended.crc32,
            base: None,
            kind: base.kind,
            oid: base.oid,
        }));
        // The limits on objects keep the count within 32 bits: rows are numbers of 32 bits.
        let objects = u32::try_from(index.entries.len()).unwrap_or(u32::MAX);
        let mut rehash = staged.rehash(index.checksum, objects).await.at(Stage::Unpack)?;
        while rehash.step().await.at(Stage::Unpack)? {
            task.checkpoint().await?;
        }
        let (staged, checksum) = rehash.finish().await.at(Stage::Unpack)?;
        index.checksum = checksum;
        index.bytes = staged.bytes();
        Ok((staged, index))
    }
}

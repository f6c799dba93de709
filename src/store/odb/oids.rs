//! All object ids of a repository, in order.

use std::collections::VecDeque;

use super::Odb;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::host::Table;
use crate::store::error::StoreError;
use crate::store::index;

/// Keys of rows that are listed at a time.
const KEYS: usize = 4096;

/// Ids of a repository, in order, each once. Objects that are stored all the while are among them,
/// however often they move meanwhile.
pub struct Oids<'a> {
    odb: &'a Odb,
    next: Option<ObjectId>,
    last: ObjectId,
    rows: Rows,
}

/// The ids of the objects that have a row each, as far as they were listed.
struct Rows {
    /// What all ids that are asked for start with.
    prefix: Vec<u8>,
    listed: VecDeque<ObjectId>,
    after: Option<Vec<u8>>,
    all_listed: bool,
}

impl<'a> Oids<'a> {
    pub(super) fn within(odb: &'a Odb, first: ObjectId, last: ObjectId) -> Self {
        let common = first.as_bytes().iter().zip(last.as_bytes());
        let prefix = common.take_while(|(one, other)| one == other).map(|(byte, _)| *byte);
        Oids {
            odb,
            next: Some(first),
            last,
            rows: Rows {
                prefix: prefix.collect(),
                listed: VecDeque::new(),
                after: None,
                all_listed: false,
            },
        }
    }

    /// Some more ids, ascending: those that start with one byte. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<ObjectId>>, StoreError> {
        while let Some(first) = self.next {
            let byte = first.first_byte();
            // Rows before packs: what has no row any more is in a pack of the list as it is then.
            self.rows.list(self.odb, byte).await?;
            let in_packs = async || self.odb.ids_from(&first).await;
            let mut ids = self.odb.steadily(in_packs).await?;
            self.rows.take(byte, &mut ids);
            ids.retain(|oid| (first..=self.last).contains(oid));
            ids.sort_unstable();
            ids.dedup();
            let mut start = [0; OID_LEN];
            self.next = byte.checked_add(1).and_then(|byte| {
                *start.first_mut()? = byte;
                Some(ObjectId::new(start)).filter(|start| *start <= self.last)
            });
            if !ids.is_empty() {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }
}

impl Odb {
    /// The ids in packs that have the same first byte and are not smaller, in any order.
    async fn ids_from(&self, first: &ObjectId) -> Result<Vec<ObjectId>, StoreError> {
        let byte = first.first_byte();
        let list = self.manifest();
        let wanted = list
            .packs
            .iter()
            .map(|pack| (*pack, (pack.id, index::shard_of(pack.shard_bits, byte))));
        let mut ids = Vec::new();
        for shard in self.shards(wanted.collect()).await?.into_values() {
            ids.extend(shard.from(first).iter().take_while(|oid| oid.first_byte() == byte));
        }
        Ok(ids)
    }
}

impl Rows {
    /// Lists until all ids that start with a byte are there.
    async fn list(&mut self, odb: &Odb, byte: u8) -> Result<(), StoreError> {
        while !self.all_listed && self.listed.back().is_none_or(|last| last.first_byte() <= byte) {
            let keys = odb
                .backend
                .list_keys(Table::Objects, &self.prefix, self.after.as_deref(), KEYS)
                .await?;
            odb.refresh().await?;
            self.listed
                .extend(keys.iter().filter_map(|key| ObjectId::from_bytes(key)));
            self.all_listed = keys.len() < KEYS;
            self.after = keys.into_iter().next_back();
        }
        Ok(())
    }

    /// Moves the ids that start with a byte, or are smaller, to `ids`.
    fn take(&mut self, byte: u8, ids: &mut Vec<ObjectId>) {
        while let Some(oid) = self.listed.pop_front_if(|oid| oid.first_byte() <= byte) {
            ids.push(oid);
        }
    }
}

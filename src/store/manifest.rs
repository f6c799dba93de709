//! Which packs are live, and the sweep of what belongs to none of them, nor to the commit-graph.
//!
//! ```text
//! table meta     key: "manifest"    kind M    serial u64, pack ids in descending order
//! ```
//!
//! The row is written in the transaction that publishes or retires packs, so a pack whose own row
//! (see [`super::pack_store`]) is gone is found out. The serial counts those transactions: whoever
//! keeps the list learns in one small read whether it still holds.

use std::rc::Rc;

use super::commit_graph;
use super::error::{Fault, StoreError};
use super::meta;
use super::pack_store::{LivePack, PACK_ROW, PackId, pack_row_key};
use super::row;
use crate::host::{Backend, Batch, Change, Expect, Read, Table};
use crate::sorted::order;

const MANIFEST: &[u8] = b"manifest";

/// How often a list that changes while it is read is read again.
const ATTEMPTS: usize = 16;

/// The packs that are live, as of some transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// How many transactions changed the list, or removed objects that have a row each.
    pub(crate) serial: u64,
    /// Newest first.
    pub(crate) packs: Rc<[LivePack]>,
}

impl Manifest {
    /// Whether a pack is live.
    pub(crate) fn has(&self, id: PackId) -> bool {
        self.packs.iter().any(|pack| pack.id == id)
    }

    /// As it is stored now. Packs that are `known` are not read again: their rows never change.
    pub(crate) async fn load(backend: &dyn Backend, known: &Manifest) -> Result<Self, StoreError> {
        let mut list = List::load(backend).await?;
        for _ in 0..ATTEMPTS {
            let mut packs: Vec<LivePack> = Vec::with_capacity(list.ids.len());
            packs.extend(known.packs.iter().filter(|pack| list.ids.contains(&pack.id)));
            let new = list.ids.iter().filter(|id| !known.has(**id));
            let new: Vec<Vec<u8>> = new.map(|id| pack_row_key(*id)).collect();
            if !new.is_empty() {
                let reads: Vec<Read> = new.iter().cloned().map(read).collect();
                let rows = backend.get_many(&reads).await?;
                for (key, row) in new.iter().zip(&rows) {
                    packs.extend(row.as_ref().map(|row| LivePack::parse(key, row)).transpose()?);
                }
                if let Some((key, _)) = new.into_iter().zip(rows).find(|(_, row)| row.is_none()) {
                    // Retired meanwhile, with the list that named it; or gone.
                    let now = List::load(backend).await?;
                    if now.row == list.row {
                        return Err(absent(key));
                    }
                    list = now;
                    continue;
                }
                order::sort_by_key(&mut packs, |pack| std::cmp::Reverse(pack.id));
            }
            return Ok(Manifest {
                serial: list.serial,
                packs: packs.into(),
            });
        }
        Err(StoreError::Replaced)
    }
}

/// The row itself, for the transaction that changes it.
pub(crate) struct List {
    serial: u64,
    ids: Vec<PackId>,
    row: Option<Vec<u8>>,
}

impl List {
    /// As it is stored now.
    pub(crate) async fn load(backend: &dyn Backend) -> Result<Self, StoreError> {
        // A repository has no list before its first publication. Without one, and with packs, the
        // list is gone: a publication that came between the reads is found by reading it again.
        for _ in 0..2 {
            let row = backend.get_many(&[read(MANIFEST.to_vec())]).await?.pop().flatten();
            if row.is_some() || backend.list_keys(Table::Meta, PACK_ROW, None, 1).await?.is_empty() {
                return Self::parse(row);
            }
        }
        Err(absent(MANIFEST.to_vec()))
    }

    fn parse(row: Option<Vec<u8>>) -> Result<Self, StoreError> {
        let (mut serial, mut ids) = (0, Vec::<PackId>::new());
        if let Some(row) = &row {
            let mut body = row::open(b'M', Table::Meta, MANIFEST, row)?;
            serial = body.u64()?;
            while !body.is_empty() {
                let id = PackId::new(body.u64()?, body.u32()?);
                if ids.last().is_some_and(|last| *last <= id) {
                    return Err(body.fail(Fault::Inconsistent("has packs out of order")));
                }
                ids.push(id);
            }
        }
        Ok(List { serial, ids, row })
    }

    /// That the row is still as it was read.
    pub(crate) fn expect(&self) -> Expect {
        Expect {
            table: Table::Meta,
            key: MANIFEST.to_vec(),
            value: self.row.clone(),
        }
    }

    /// The row as it shall be.
    pub(crate) fn replace(&self, retired: &[PackId], published: &[PackId]) -> Change {
        let mut ids: Vec<PackId> = self.ids.iter().filter(|id| !retired.contains(id)).copied().collect();
        ids.extend_from_slice(published);
        order::sort_by_key(&mut ids, |id| std::cmp::Reverse(*id));
        let mut body = self.serial.wrapping_add(1).to_be_bytes().to_vec();
        for id in ids {
            body.extend_from_slice(&id.to_bytes());
        }
        let row = row::seal(b'M', MANIFEST, &body);
        Change::Put(Table::Meta, MANIFEST.to_vec(), row)
    }
}

/// Removes the rows of packs that are not live (never published, or retired), and of files of the
/// commit-graph that its list does not name. Only for the holder
/// of the writer's lock.
pub(crate) async fn sweep(backend: &dyn Backend) -> Result<(), StoreError> {
    let live = Manifest::load(backend, &Manifest::default()).await?;
    let graph = commit_graph::live(backend).await?;
    for table in [Table::Chunks, Table::Index] {
        // From the first key of one pack to the first key of the next: one read for each pack.
        let mut after: Option<Vec<u8>> = None;
        loop {
            let keys = backend.list_keys(table, b"", after.as_deref(), 1).await?;
            let Some(key) = keys.into_iter().next() else { break };
            let Some(id) = PackId::of_key(&key) else {
                backend
                    .commit(removal(vec![Change::Delete(table, key.clone())]))
                    .await?;
                after = Some(key);
                continue;
            };
            if !live.has(id) && !graph.contains(&id) {
                remove_rows(backend, id).await?;
            }
            let mut last = id.to_bytes().to_vec();
            last.extend_from_slice(&[0xff; 8]);
            after = Some(last);
        }
    }
    Ok(backend.commit(removal(vec![meta::delete_staged()])).await?)
}

/// Removes the bytes and the index of a pack that is not live.
pub(crate) async fn remove_rows(backend: &dyn Backend, id: PackId) -> Result<(), StoreError> {
    let prefix = id.to_bytes().to_vec();
    let changes = vec![
        Change::DeletePrefix(Table::Chunks, prefix.clone()),
        Change::DeletePrefix(Table::Index, prefix),
    ];
    Ok(backend.commit(removal(changes)).await?)
}

fn removal(changes: Vec<Change>) -> Batch {
    Batch {
        expect: Vec::new(),
        changes,
        durable: false,
    }
}

fn absent(key: Vec<u8>) -> StoreError {
    StoreError::Row {
        table: Table::Meta,
        key,
        fault: Fault::Absent,
    }
}

fn read(key: Vec<u8>) -> Read {
    Read {
        table: Table::Meta,
        key,
        range: None,
    }
}

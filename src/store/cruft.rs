//! Since when objects are unreachable: gitformat-pack(5), "cruft packs" and "pack-*.mtimes files".
//! A pack of unreachable objects has, beside its index, the time at which each was first found to
//! be one.
//!
//! ```text
//! table index    key: pack id, 't', block u32     kind W: TIMES × time i64 (seconds since 1970)
//! ```

use super::error::{Fault, StoreError};
use super::pack_store::{LivePack, PackId, ReadyPack};
use super::row;
use crate::host::{Backend, Batch, Change, Read, Table};

/// Times in a row.
const TIMES: usize = 8192;

/// Rows read or written in one transaction.
const ROWS: usize = 16;

fn key(pack: PackId, block: usize) -> Result<Vec<u8>, StoreError> {
    let block = u32::try_from(block).map_err(|_| StoreError::Limit { what: "objects" })?;
    let mut key = pack.to_bytes().to_vec();
    key.push(b't');
    key.extend_from_slice(&block.to_be_bytes());
    Ok(key)
}

/// Makes a pack, whose index is written, one of unreachable objects. One time for each object, in
/// the order of the pack.
pub(crate) async fn mark(backend: &dyn Backend, pack: ReadyPack, times: &[i64]) -> Result<ReadyPack, StoreError> {
    let pack = pack.cruft();
    let blocks: Vec<(usize, &[i64])> = times.chunks(TIMES).enumerate().collect();
    for blocks in blocks.chunks(ROWS) {
        let mut batch = Batch::default();
        for (block, times) in blocks {
            let key = key(pack.live().id, *block)?;
            let body: Vec<u8> = times.iter().flat_map(|time| time.to_be_bytes()).collect();
            let row = row::seal(b'W', &key, &body);
            batch.changes.push(Change::Put(Table::Index, key, row));
        }
        backend.commit(batch).await?;
    }
    Ok(pack)
}

/// The times of a pack, one for each object.
pub(crate) async fn times(backend: &dyn Backend, pack: &LivePack) -> Result<Vec<i64>, StoreError> {
    let count = usize::try_from(pack.objects).map_err(|_| StoreError::Limit { what: "objects" })?;
    let keys: Vec<Vec<u8>> = (0..count.div_ceil(TIMES))
        .map(|block| key(pack.id, block))
        .collect::<Result<_, _>>()?;
    let mut times = Vec::new();
    for keys in keys.chunks(ROWS) {
        let read = |key: &Vec<u8>| Read {
            table: Table::Index,
            key: key.clone(),
            range: None,
        };
        let reads: Vec<Read> = keys.iter().map(read).collect();
        for (key, row) in keys.iter().zip(backend.get_many(&reads).await?) {
            let fail = |fault| StoreError::Row {
                table: Table::Index,
                key: key.clone(),
                fault,
            };
            let row = row.ok_or_else(|| fail(Fault::Absent))?;
            let mut body = row::open(b'W', Table::Index, key, &row)?;
            if body.left() != (count - times.len()).min(TIMES) * size_of::<i64>() {
                return Err(fail(Fault::Length));
            }
            while !body.is_empty() {
                times.push(i64::from_be_bytes(body.u64()?.to_be_bytes()));
            }
        }
    }
    Ok(times)
}

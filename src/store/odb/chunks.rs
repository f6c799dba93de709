//! Chunks of packs, from the cache or else one transaction for all that are wanted.

use std::rc::Rc;

use super::Odb;
use super::loading::Wanted;
use crate::host::Read;
use crate::store::error::StoreError;
use crate::store::pack_store::{self, LivePack};

impl Odb {
    /// The chunk of a pack in which a byte is, and the byte's place within it. Some behind it are
    /// read along, for a caller that goes on up to `until`. For the holder of the writer's lock.
    pub(crate) async fn chunk_at(
        &self,
        pack: &LivePack,
        offset: u64,
        until: u64,
    ) -> Result<(Rc<Vec<u8>>, usize), StoreError> {
        const AHEAD: u64 = 4;
        let chunk_bytes = u64::from(pack.chunk_bytes);
        let ahead = (offset + chunk_bytes * AHEAD)
            .min(until.max(offset + 1))
            .min(pack.bytes);
        let range = pack_store::chunks_of(&(offset..ahead), pack.chunk_bytes);
        let mut wanted: Vec<u32> = range.ok_or(StoreError::Limit { what: "chunks" })?.collect();
        if let Some(first) = wanted.first().copied()
            && self.caches.borrow().chunks.contains(&(pack.id, first))
        {
            wanted.truncate(1);
        }
        let chunk = self.chunks(pack, &wanted).await?.into_iter().next();
        let within = usize::try_from(offset % chunk_bytes).unwrap_or(usize::MAX);
        let chunk = chunk.filter(|chunk| within < chunk.len());
        let number = wanted.first().copied().unwrap_or(u32::MAX);
        Ok((chunk.ok_or_else(|| pack_store::damaged_chunk(pack.id, number))?, within))
    }

    /// Chunks of one pack, from the cache or else in one transaction, in the order asked.
    pub(super) async fn chunks(&self, pack: &LivePack, wanted: &[u32]) -> Result<Vec<Rc<Vec<u8>>>, StoreError> {
        let mut chunks: Vec<Option<Rc<Vec<u8>>>> = vec![None; wanted.len()];
        loop {
            for (number, slot) in wanted.iter().zip(&mut chunks).filter(|(_, slot)| slot.is_none()) {
                *slot = self.caches.borrow_mut().chunks.get(&(pack.id, *number));
            }
            let missing = || wanted.iter().zip(&chunks).filter(|(_, slot)| slot.is_none());
            let rows: Vec<Wanted> = missing().map(|(number, _)| Wanted::Chunk(pack.id, *number)).collect();
            if rows.is_empty() {
                return Ok(chunks.into_iter().flatten().collect());
            }
            let Some(claim) = self.loading.claim(&rows).await else {
                continue;
            };
            let ours: Vec<u32> = missing()
                .map(|(number, _)| *number)
                .filter(|number| claim.has(Wanted::Chunk(pack.id, *number)))
                .collect();
            let reads: Vec<Read> = ours
                .iter()
                .map(|chunk| pack_store::read_chunk(pack.id, *chunk))
                .collect();
            let rows = self.backend.get_many(&reads).await?;
            for (number, row) in ours.into_iter().zip(rows) {
                let length = pack_store::chunk_len(number, pack.chunk_bytes, pack.bytes);
                let row = row.filter(|row| row.len() as u64 == length);
                let row = Rc::new(row.ok_or_else(|| pack_store::damaged_chunk(pack.id, number))?);
                let mut caches = self.caches.borrow_mut();
                caches.chunks.insert((pack.id, number), Rc::clone(&row), row.len());
                // The cache may be smaller than what is wanted.
                let wanted = wanted.iter().zip(&mut chunks);
                wanted
                    .filter(|(other, _)| **other == number)
                    .for_each(|(_, slot)| *slot = Some(Rc::clone(&row)));
            }
        }
    }
}

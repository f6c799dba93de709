//! Reading while somebody else replaces packs (git's `reprepare_packed_git()`).
//!
//! Readers hold no lock. What they read of a pack stays true when the pack is retired, since packs
//! never change; only its rows may be gone, and objects with a row each may have moved into a pack.
//! Both show in the serial of the list of packs ([`Manifest`]): a read that misses something starts
//! again if the list is another one than when it began.

use std::rc::Rc;

use super::{Odb, Place};
use crate::format::oid::ObjectId;
use crate::store::error::StoreError;
use crate::store::manifest::Manifest;
use crate::store::pack_store::PackId;

/// How often one read starts again. Each time, somebody else has packed a whole repository anew.
pub(super) const RESTARTS: usize = 16;

impl Odb {
    /// Reads the list of packs again. Reads that miss something do this by themselves; whoever
    /// takes the writer's lock does it, because others may have removed objects before.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let known = self.manifest();
        let found = Manifest::load(&*self.backend, &known).await?;
        // A refresh that began earlier may end later.
        if found.serial > self.manifest().serial {
            let mut caches = self.caches.borrow_mut();
            caches.shards.retain(|(id, _)| found.has(*id));
            caches.shards_read.retain(|id, _| found.has(*id));
            caches.blocks.retain(|(id, _)| found.has(*id));
            caches.near.retain(|(pack, _)| found.has(pack.id));
            caches.chunks.retain(|(id, _)| found.has(*id));
            caches
                .objects
                .retain(|place| matches!(place, Place::Packed(id, _) if found.has(*id)));
            drop(caches);
            self.list.replace(Rc::new(found));
        }
        Ok(())
    }

    pub(super) fn manifest(&self) -> Rc<Manifest> {
        Rc::clone(&self.list.borrow())
    }

    /// Whether the list of packs is another one than it was then.
    async fn changed_since(&self, serial: u64) -> Result<bool, StoreError> {
        self.refresh().await?;
        Ok(self.manifest().serial != serial)
    }

    /// Reads something of packs; again, if it failed and the packs are others by now.
    pub(super) async fn steadily<T>(&self, read: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        for _ in 0..RESTARTS {
            let before = self.manifest().serial;
            match read().await {
                Err(error) if is_damage(&error) && !self.changed_since(before).await? => return Err(error),
                Err(error) if is_damage(&error) => {}
                done => return done,
            }
        }
        Err(StoreError::Replaced)
    }

    /// Reads something for each id, `None` where it is not stored; again those that are not there,
    /// if the packs are others by now.
    pub(super) async fn for_each_steadily<T>(
        &self,
        oids: &[ObjectId],
        read: impl AsyncFn(&[ObjectId]) -> Result<Vec<Option<T>>, StoreError>,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut before = self.manifest().serial;
        let mut answers = self.steadily(async || read(oids).await).await?;
        for _ in 0..RESTARTS {
            let missing = |answers: &[Option<T>]| -> Vec<ObjectId> {
                let open = oids.iter().zip(answers).filter(|(_, answer)| answer.is_none());
                open.map(|(oid, _)| *oid).collect()
            };
            let missing = missing(&answers);
            if missing.is_empty() || !self.changed_since(before).await? {
                return Ok(answers);
            }
            before = self.manifest().serial;
            let found = self.steadily(async || read(&missing).await).await?;
            for (answer, found) in answers.iter_mut().filter(|answer| answer.is_none()).zip(found) {
                *answer = found;
            }
        }
        Err(StoreError::Replaced)
    }

    /// What to say of a failed read of a pack that the caller chose.
    pub(super) async fn replaced<T>(&self, id: PackId, read: Result<T, StoreError>) -> Result<T, StoreError> {
        match read {
            Err(error) if is_damage(&error) => {
                self.refresh().await?;
                Err(if self.manifest().has(id) {
                    error
                } else {
                    StoreError::Replaced
                })
            }
            read => read,
        }
    }
}

/// Whether an error says that something that should be stored is not, or not as it should be.
pub(super) fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Object { .. } | StoreError::Row { .. })
}

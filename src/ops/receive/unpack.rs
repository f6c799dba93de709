//! The objects of a small pack, each on its way to a row of its own: git-unpack-objects(1).

use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::fault::At;
use crate::sorted::SortedMap;
use crate::store::objects::ReadyObject;
use crate::store::odb::Odb;

/// Objects that came, each once.
#[derive(Default)]
pub(super) struct Unpacked(SortedMap<ObjectId, ReadyObject>);

impl Unpacked {
    /// Takes an object that was hashed.
    pub(super) fn add(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) {
        self.0
            .entry(oid)
            .or_insert_with(|| ReadyObject::new(oid, kind, content));
    }

    /// How many there are.
    pub(super) fn objects(&self) -> u64 {
        self.0.len() as u64
    }

    /// Those that are not stored yet.
    pub(super) async fn without_stored(mut self, odb: Option<&Odb>) -> Outcome<Vec<ReadyObject>> {
        if let Some(odb) = odb {
            let oids: Vec<ObjectId> = self.0.keys().copied().collect();
            let infos = odb.info(&oids).await.at(Stage::Unpack)?;
            for (oid, _) in oids.iter().zip(infos).filter(|(_, info)| info.is_some()) {
                self.0.remove(oid);
            }
        }
        Ok(self.0.into_values().collect())
    }
}

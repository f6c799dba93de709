//! Objects that are resolved and whose ids are still to be computed.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::format::hash::{Collision, hash_objects};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;

/// A group is full with so many objects: enough for all lanes of the hash to be busy.
const OBJECTS: usize = 16;

/// A group is full with so many bytes: they were just written, and should be hashed while the
/// processor still has them at hand.
const BYTES: usize = 1 << 18;

/// An object and its content.
pub(super) struct Resolved {
    pub(super) row: u32,
    pub(super) kind: Kind,
    pub(super) content: Rc<Vec<u8>>,
}

/// An object with its id (or what its bytes have against them).
pub(super) struct Named<Id = ObjectId> {
    pub(super) object: Resolved,
    pub(super) oid: Id,
}

/// Objects on their way out of the resolver.
#[derive(Default)]
pub(super) struct Group {
    waiting: Vec<Resolved>,
    bytes: usize,
    named: VecDeque<Named>,
}

impl Group {
    /// Whether no id is to be computed.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether ids should be computed now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= OBJECTS || self.bytes >= BYTES
    }

    pub(super) fn add(&mut self, object: Resolved) {
        self.bytes = self.bytes.saturating_add(object.content.len());
        self.waiting.push(object);
    }

    /// All that waited, with their ids.
    pub(super) fn name(&mut self) -> Vec<Named<Result<ObjectId, Collision>>> {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let contents: Vec<(Kind, &[u8])> = waiting
            .iter()
            .map(|object| (object.kind, object.content.as_slice()))
            .collect();
        let mut oids = Vec::with_capacity(contents.len());
        hash_objects(&contents, &mut oids);
        let named = waiting.into_iter().zip(oids);
        named.map(|(object, oid)| Named { object, oid }).collect()
    }

    /// Has an object handed out in its turn.
    pub(super) fn hand_out(&mut self, object: Resolved, oid: ObjectId) {
        self.named.push_back(Named { object, oid });
    }

    /// The next object to be handed out.
    pub(super) fn pop(&mut self) -> Option<Named> {
        self.named.pop_front()
    }
}

//! What is noted of objects while they pass, so that none has to be read again.

use crate::algo::connected::Links;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tag::TagRef;
use crate::ops::fault::At;
use crate::sorted::SortedMap;

/// What was noted of the objects of a pack.
pub struct Noted {
    /// Which there are, and which they name.
    pub links: Links,
    /// What its annotated tags point to.
    pub tags: Tags,
}

impl Noted {
    /// Of nothing yet; the seed as for [`Links::with_seed`].
    pub(super) fn with_seed(seed: u64) -> Self {
        Noted {
            links: Links::with_seed(seed),
            tags: Tags::default(),
        }
    }

    pub(super) fn object(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) -> Outcome<()> {
        self.tags.note(kind, oid, content);
        self.links.object(kind, oid, content).at(Stage::Unpack)
    }
}

/// Annotated tags and their targets, to peel refs without trusting the server's word for it.
#[derive(Default)]
pub struct Tags(SortedMap<ObjectId, ObjectId>);

/// How many tags of tags are followed. Git has no limit; nobody has three.
const PEEL_LIMIT: usize = 1000;

impl Tags {
    fn note(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) {
        if kind != Kind::Tag {
            return;
        }
        if let Ok(tag) = TagRef::parse(content) {
            self.insert(oid, tag.object);
        }
    }

    /// All of them, each with its target.
    pub(super) fn all(&self) -> impl Iterator<Item = (&ObjectId, &ObjectId)> {
        self.0.iter()
    }

    /// Notes what a tag points to.
    pub(super) fn insert(&mut self, oid: ObjectId, target: ObjectId) {
        self.0.insert(oid, target);
    }

    /// The object at the end of a chain of tags, or `None` for what is no tag, or for a chain
    /// without an end in sight.
    pub fn peel(&self, oid: &ObjectId) -> Option<ObjectId> {
        let mut target = self.0.get(oid)?;
        for _ in 0..PEEL_LIMIT {
            match self.0.get(target) {
                Some(next) => target = next,
                None => return Some(*target),
            }
        }
        None
    }
}

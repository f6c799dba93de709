//! What is here once a fetch has received its pack: the store, and the pack that nobody else sees
//! yet.

use std::collections::HashSet;
use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
use crate::algo::connected::History;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tag::TagRef;
use crate::ops::fault::At;
use crate::ops::history::{KnownAs, KnownTags};
use crate::ops::merge_base::is_ancestor;
use crate::ops::receive::Noted;
use crate::store::odb::Odb;
use crate::task::Task;

/// How many tags of tags are followed.
const PEEL_LIMIT: usize = 1000;

/// Objects stored, and objects received.
pub(super) struct Known<'a> {
    pub(super) odb: &'a Odb,
    pub(super) received: Option<&'a Noted>,
    /// The boundary as it will be.
    pub(super) shallow: Vec<ObjectId>,
    tags: &'a KnownTags,
    graph: Rc<CommitGraph>,
    history: Option<(History<'a>, HashSet<ObjectId>)>,
}

impl<'a> Known<'a> {
    pub(super) async fn new(
        odb: &'a Odb,
        received: Option<&'a Noted>,
        shallow: Vec<ObjectId>,
        tags: &'a KnownTags,
    ) -> Self {
        let cut = shallow.iter().copied().collect();
        let history = received.map(|noted| (noted.links.history(), cut));
        Known {
            odb,
            received,
            shallow,
            tags,
            graph: Rc::clone(&odb.graph().await.commits),
            history,
        }
    }

    /// The kinds of objects, `None` of those that are not here.
    pub(super) async fn kinds(&self, oids: &[ObjectId]) -> Outcome<Vec<Option<Kind>>> {
        let known = |oid: &ObjectId| {
            let received = self.received.and_then(|noted| noted.links.kind(oid));
            received.or_else(|| match KnownAs::of(oid, &self.graph, Some(self.tags))? {
                KnownAs::Commit => Some(Kind::Commit),
                KnownAs::Tag(_) => Some(Kind::Tag),
            })
        };
        let mut kinds: Vec<Option<Kind>> = oids.iter().map(known).collect();
        let others = oids.iter().zip(&kinds).filter(|(_, kind)| kind.is_none());
        let others: Vec<ObjectId> = others.map(|(oid, _)| *oid).collect();
        let mut infos = self.odb.info(&others).await.at(Stage::Update)?.into_iter();
        for kind in kinds.iter_mut().filter(|kind| kind.is_none()) {
            *kind = infos.next().flatten().map(|info| info.kind);
        }
        Ok(kinds)
    }

    /// What is at the end of a chain of tags, with its kind; of what is no tag, the object itself.
    /// `None` if the chain leads to what is not here.
    pub(super) async fn peel(&self, oid: ObjectId) -> Outcome<Option<(ObjectId, Kind)>> {
        let mut oid = oid;
        for _ in 0..PEEL_LIMIT {
            let received = self.received.and_then(|noted| noted.tags.peel(&oid));
            if let Some(end) = received.or_else(|| self.tags.get(&oid).copied()) {
                oid = end;
            }
            let Some(kind) = self.kinds(&[oid]).await?.pop().flatten() else {
                return Ok(None);
            };
            if kind != Kind::Tag {
                return Ok(Some((oid, kind)));
            }
            let tag = self.odb.read(&oid).await.at(Stage::Update)?;
            match TagRef::parse(&tag.data) {
                Ok(tag) => oid = tag.object,
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The commit that an object is or a tag points to (`lookup_commit_reference_gently`).
    pub(super) async fn commit(&self, oid: ObjectId) -> Outcome<Option<ObjectId>> {
        let peeled = self.peel(oid).await?;
        Ok(peeled.filter(|(_, kind)| *kind == Kind::Commit).map(|(oid, _)| oid))
    }

    /// Whether the history of `new` has `old` in it.
    pub(super) async fn is_fast_forward(&self, task: &Task, old: ObjectId, new: ObjectId) -> Outcome<bool> {
        let outside = match &self.history {
            None => vec![new],
            Some((history, cut)) => {
                let frontier = history.from(&new, Some(&old), cut);
                if frontier.inside.contains(&old) {
                    return Ok(true);
                }
                frontier.outside
            }
        };
        for tip in &outside {
            if is_ancestor(task, self.odb, &self.shallow, &old, tip).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

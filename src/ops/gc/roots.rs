//! Where reachability starts: refs of every namespace, a detached HEAD, reflogs.

use std::rc::Rc;

use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::store::reflog::{Reflogs, StoredEntry};
use crate::store::refs::Target;
use crate::task::Task;

/// An object that is to be kept for its own sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) oid: ObjectId,
    /// Whether it must be stored. An old entry of a reflog may name what was dropped long ago.
    pub(super) required: bool,
}

impl Root {
    /// An object that nothing reaches.
    pub(super) fn unreached(oid: ObjectId) -> Self {
        Root { oid, required: true }
    }
}

/// All roots, in no order, some twice. Entries of reflogs that are about to be `forgotten` keep
/// nothing.
pub(super) async fn all(task: &Task, repo: &Repository, forgotten: &[StoredEntry]) -> Outcome<Vec<Root>> {
    let mut roots = Vec::new();
    for found in repo.refs.list(b"").await.at(Stage::Read)? {
        if let Target::Direct(oid) = found.target {
            roots.push(Root { oid, required: true });
        }
        task.checkpoint().await?;
    }
    let logs = Reflogs::new(Rc::clone(&repo.backend));
    for name in logs.names().await.at(Stage::Read)? {
        for stored in logs.entries(&name).await.at(Stage::Read)? {
            if forgotten.contains(&stored) {
                continue;
            }
            let oids = stored.entry.old.into_iter().chain(stored.entry.new);
            roots.extend(oids.map(|oid| Root { oid, required: false }));
        }
        task.checkpoint().await?;
    }
    Ok(roots)
}

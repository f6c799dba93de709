//! The refs here that follow those of the remote, after a push: `transport_update_tracking_ref` of
//! git's transport.c. They are moved for what the server said it did, and for nothing else.

use super::Place;
use super::outcome::PushUpdate;
use crate::error::{Failure, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::conflict;
use crate::format::remotes::destination_of;
use crate::format::revision::Goal;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::object;
use crate::protocol::push::Reported;
use crate::sorted::SortedSet;
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::{Event, Task};

/// What git's reflogs say of it.
const MESSAGE: &str = "update by push";

/// What no tag leads past: peeling ends at the first object that is no tag.
const WHOLE_WAY: Goal = Goal::Kind(Kind::Blob);

/// Moves the tracking refs of what was done or was right already, and notes them.
pub(super) async fn track(task: &Task, repo: &Repository, place: &Place, updates: &mut [PushUpdate]) -> Outcome<()> {
    let moves = moves(place, updates);
    if moves.is_empty() {
        return Ok(());
    }
    let writer = repo.writer(task).await?;
    // Read once there is a new name.
    let mut names: Option<SortedSet<Vec<u8>>> = None;
    let mut gone = Vec::new();
    let mut publication = Publication::new(&writer);
    let mut followed = Vec::with_capacity(moves.len());
    let mut changed = false;
    for Move { index, tracking, new } in moves {
        let found = repo.refs.resolve(&tracking).await.at(Stage::Update)?;
        let (name, old) = found.map_or((tracking.clone(), None), |found| (found.name, found.oid));
        if old != new {
            if old.is_none() && new.is_some() {
                let names = match &mut names {
                    Some(names) => names,
                    None => {
                        let refs = repo.refs.list(b"refs/").await.at(Stage::Update)?.into_iter();
                        let stay = refs.map(|found| found.name).filter(|name| !gone.contains(name));
                        names.insert(stay.collect())
                    }
                };
                if let Some(other) = conflict(names, &name) {
                    task.tell(Event::Warning(in_the_way(&name, other)));
                    continue;
                }
            }
            let Some(peeled) = leads_to(task, repo, new).await? else {
                continue;
            };
            match (new, &mut names) {
                (Some(_), Some(names)) => drop(names.insert(name.clone())),
                (Some(_), None) => {}
                // Before any that is new.
                (None, _) => gone.push(name.clone()),
            }
            let update = RefUpdate {
                name,
                expect: None,
                new: new.map(Target::Direct),
                peeled,
            };
            publication.update_logged(update, &place.who, MESSAGE.to_owned());
            changed = true;
        }
        followed.push((index, tracking));
    }
    if changed {
        publication.commit().await.at(Stage::Update)?;
    }
    for (index, tracking) in followed {
        if let Some(update) = updates.get_mut(index) {
            update.tracking = Some(tracking);
        }
    }
    Ok(())
}

/// A tracking ref, and what it gets.
struct Move {
    /// Because of which update.
    index: usize,
    tracking: Vec<u8>,
    new: Option<ObjectId>,
}

/// Deletions come first: they make room.
fn moves(place: &Place, updates: &[PushUpdate]) -> Vec<Move> {
    let mut moves = Vec::new();
    for (index, update) in updates.iter().enumerate().filter(|(_, update)| update.is_done()) {
        for (name, new) in results(update) {
            if let Some((tracking, _)) = destination_of(&place.remote.fetch, &name) {
                moves.push(Move { index, tracking, new });
            }
        }
    }
    moves.sort_by_key(|moved| moved.new.is_some());
    moves
}

/// What a tag leads to in the end, if it is one. `None` if a hook made something that is not here.
async fn leads_to(task: &Task, repo: &Repository, new: Option<ObjectId>) -> Outcome<Option<Option<ObjectId>>> {
    let Some(oid) = new else { return Ok(Some(None)) };
    let info = repo.odb.info(&[oid]).await.at(Stage::Update)?.pop().flatten();
    Ok(match info.map(|info| info.kind) {
        None => None,
        Some(Kind::Tag) => Some(Some(object::peel(task, repo, &oid, WHOLE_WAY).await?.0)),
        Some(_) => Some(None),
    })
}

fn in_the_way(name: &[u8], other: &[u8]) -> String {
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    format!(
        "{} cannot follow the remote: {} is in the way",
        shown(name),
        shown(other)
    )
}

/// What the remote has now: what was asked for, or what its hooks did in place of that.
fn results(update: &PushUpdate) -> Vec<(Vec<u8>, Option<ObjectId>)> {
    if update.instead.is_empty() {
        return vec![(update.name.clone(), update.new)];
    }
    let result = |reported: &Reported| {
        let name = reported
            .name
            .as_ref()
            .map_or(update.name.as_slice(), |name| name.as_bytes());
        let new = reported.new.or(update.new).filter(|oid| !oid.is_null());
        (name.to_vec(), new)
    };
    update.instead.iter().map(result).collect()
}

/// What is said where [`track`] fails.
pub(super) const NOT_MOVED: &str = "the refs that follow the remote could not be moved; the next fetch does it";

/// What goes wrong here does not undo the push.
pub(super) fn warn(task: &Task, what: &str, failure: &Failure) {
    let why = failure
        .error()
        .map_or_else(|| failure.to_string(), |error| error.message.clone());
    task.tell(Event::Warning(format!("{what}: {why}")));
}

//! The refs here that follow those of the remote, after a push: `transport_update_tracking_ref` of
//! git's transport.c. They are moved for what the server said it did, and for nothing else.

use std::collections::BTreeSet;

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
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::{Event, Task};

/// What git's reflogs say of it.
const MESSAGE: &str = "update by push";

/// What no tag leads past: peeling ends at the first object that is no tag.
const WHOLE_WAY: Goal = Goal::Kind(Kind::Blob);

/// Moves the tracking refs of what was done or was right already, and notes them.
pub(super) async fn track(task: &Task, repo: &Repository, place: &Place, updates: &mut [PushUpdate]) -> Outcome<()> {
    let specs = &place.remote.fetch;
    let tracked = |name: &[u8]| destination_of(specs, name).map(|(tracking, _)| tracking);
    let mut moves = Vec::new();
    for update in updates.iter_mut().filter(|update| update.is_done()) {
        for (name, new) in results(update) {
            if let Some(tracking) = tracked(&name) {
                moves.push((tracking.clone(), new));
                update.tracking = Some(tracking);
            }
        }
    }
    if moves.is_empty() {
        return Ok(());
    }
    let writer = repo.writer(task).await?;
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    for found in repo.refs.list(b"refs/").await.at(Stage::Update)? {
        names.insert(found.name);
    }
    let mut publication = Publication::new(&writer);
    let mut changed = false;
    for (name, new) in moves {
        let found = repo.refs.resolve(&name).await.at(Stage::Update)?;
        let (name, old) = found.map_or((name, None), |found| (found.name, found.oid));
        if old == new || (old.is_none() && conflict(&names, &name).is_some()) {
            continue;
        }
        let peeled = match new {
            None => None,
            Some(oid) => match repo.odb.info(&[oid]).await.at(Stage::Update)?.pop().flatten() {
                // A hook made something that is not here.
                None => continue,
                Some(info) if info.kind == Kind::Tag => Some(object::peel(task, repo, &oid, WHOLE_WAY).await?.0),
                Some(_) => None,
            },
        };
        match new {
            Some(_) => names.insert(name.clone()),
            None => names.remove(&name),
        };
        let update = RefUpdate {
            name,
            expect: None,
            new: new.map(Target::Direct),
            peeled,
        };
        publication.update_logged(update, &place.who, MESSAGE.to_owned());
        changed = true;
    }
    match changed {
        true => publication.commit().await.at(Stage::Update),
        false => Ok(()),
    }
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

/// That the tracking refs could not be moved does not undo the push.
pub(super) fn warn(task: &Task, failure: &Failure) {
    let why = failure
        .error()
        .map_or_else(|| failure.to_string(), |error| error.message.clone());
    task.tell(Event::Warning(format!(
        "the refs that follow the remote could not be moved; the next fetch does it: {why}"
    )));
}

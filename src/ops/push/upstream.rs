//! The branches here that follow what they were pushed to: `set_upstreams` of git's transport.c.

use std::collections::HashSet;

use super::Place;
use super::outcome::PushUpdate;
use super::plan::{Plan, Prepared};
use crate::error::Outcome;
use crate::ops::branch::Upstream;
use crate::ops::{Repository, anonymize, config};
use crate::store::publish::Publication;
use crate::task::Task;

/// Notes which branch is to follow each ref that was done. Of several that one branch is pushed to
/// it is the last, as each takes the place of the one before.
pub(super) fn note(prepared: &Prepared, plan: &Plan, updates: &mut [PushUpdate]) {
    let mut seen = HashSet::new();
    for (planned, update) in plan.refs.iter().zip(updates).rev() {
        let follower = prepared.follower(planned).filter(|_| update.is_done());
        update.followed_by = follower.filter(|name| seen.insert(*name)).map(<[u8]>::to_vec);
    }
}

/// Has them follow. A URL stands in the configuration without its login.
pub(super) async fn write(task: &Task, repo: &Repository, place: &Place, updates: &[PushUpdate]) -> Outcome<()> {
    let writer = repo.writer(task).await?;
    // What the push began with may have changed since.
    let before = repo.config().await?;
    let mut changed = before.clone();
    let remote = match place.remote.configured {
        true => place.remote.name.clone(),
        false => anonymize(&String::from_utf8_lossy(&place.remote.name)).into_bytes(),
    };
    for update in updates {
        let branch = update.followed_by.as_deref();
        if let Some(short) = branch.and_then(|name| name.strip_prefix(b"refs/heads/")) {
            let upstream = Upstream {
                remote: remote.clone(),
                merge: update.name.clone(),
            };
            upstream.write(&mut changed, short)?;
        }
    }
    if changed.as_bytes() != before.as_bytes() {
        config::publish(task, repo, Publication::new(&writer), &changed).await?;
    }
    Ok(())
}

//! git-cherry-pick(1) of one commit, without a worktree.

use crate::error::Outcome;
use crate::format::message::Cleanup;
use crate::format::trailer::has_trailers;
use crate::ops::Repository;
use crate::ops::cat::Person;
use crate::ops::merge::{Chosen, Direction, Done, Record, ReplayOptions, replay};
use crate::task::Task;

/// Does once more, on a branch, what a commit changed. Author and message are the commit's unless they
/// are given. What is there already leaves the branch as it is.
///
/// Fails with `RefConflict` if the branch is not where it is expected; with `Unsupported` for a merge
/// if `mainline` does not say which parent counts.
pub async fn cherry_pick(
    task: &Task,
    repo: &Repository,
    branch: &[u8],
    rev: &[u8],
    options: &ReplayOptions,
) -> Outcome<Done> {
    replay(task, repo, branch, rev, Direction::Do, options, |chosen| {
        record(chosen, options.record_origin)
    })
    .await
}

fn record(chosen: &Chosen, with_origin: bool) -> Outcome<Record> {
    let commit = chosen.commit()?;
    let mut message = chosen.message()?.to_vec();
    if with_origin {
        if !message.ends_with(b"\n") {
            message.push(b'\n');
        }
        if !has_trailers(&message) {
            message.push(b'\n');
        }
        message.extend_from_slice(format!("(cherry picked from commit {})\n", chosen.oid).as_bytes());
        // As it is, git leaves a message alone; to what it adds a line, it tidies.
        message = Cleanup::Whitespace.apply(&message);
    }
    Ok(Record {
        parents: Vec::new(),
        author: commit.author().map(Person::from),
        encoding: commit.encoding().map(<[u8]>::to_vec),
        headers: Vec::new(),
        message,
        log: [b"cherry-pick: ", chosen.subject()?].concat(),
    })
}

//! git-revert(1) of one commit, without a worktree.

use crate::error::Outcome;
use crate::ops::Repository;
use crate::ops::merge::{Chosen, Direction, Done, Record, ReplayOptions, replay};
use crate::task::Task;

/// Undoes, on a branch, what a commit changed. What is undone already leaves the branch as it is.
///
/// Fails as [`cherry_pick`](crate::ops::cherry_pick::cherry_pick) does.
pub async fn revert(
    task: &Task,
    repo: &Repository,
    branch: &[u8],
    rev: &[u8],
    options: &ReplayOptions,
) -> Outcome<Done> {
    replay(task, repo, branch, rev, Direction::Undo, options, record).await
}

fn record(chosen: &Chosen) -> Outcome<Record> {
    let title = title(chosen.subject()?);
    let mut message = title.clone();
    message.extend_from_slice(format!("\n\nThis reverts commit {}", chosen.oid).as_bytes());
    if let Some(parent) = chosen.parent.filter(|_| chosen.is_merge) {
        message.extend_from_slice(format!(", reversing\nchanges made to {}", parent.oid).as_bytes());
    }
    message.extend_from_slice(b".\n");
    Ok(Record {
        parents: Vec::new(),
        author: None,
        encoding: chosen.commit()?.encoding().map(<[u8]>::to_vec),
        headers: Vec::new(),
        message,
        log: [b"revert: ", title.as_slice()].concat(),
    })
}

/// What undoes the undone does it once more, as long as nobody does that again.
fn title(subject: &[u8]) -> Vec<u8> {
    const REVERT: &[u8] = b"Revert \"";
    match subject.strip_prefix(REVERT) {
        Some(original) if !original.starts_with(REVERT) => [b"Reapply \"", original].concat(),
        _ => [REVERT, subject, b"\""].concat(),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn what_undoes_a_revert_reapplies() {
        for (subject, expected) in [
            ("change", "Revert \"change\""),
            ("Revert \"change\"", "Reapply \"change\""),
            (
                "Revert \"Revert \"change\"\"",
                "Revert \"Revert \"Revert \"change\"\"\"",
            ),
            ("Reapply \"change\"", "Revert \"Reapply \"change\"\""),
        ] {
            assert_eq!(title(subject.as_bytes()), expected.as_bytes());
        }
    }
}

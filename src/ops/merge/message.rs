//! The message of a merge (git-fmt-merge-msg(1) without a log).

use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::expansions;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::object;
use crate::task::Task;

/// Branches that messages do not name: it goes without saying that one merges into them
/// (`merge.suppressDest` where it is not set).
const SILENT: [&[u8]; 2] = [b"main", b"master"];

/// The message of a merge of that revision, which leads to `oid`, into the branch. An annotated tag
/// brings its own message.
pub(super) async fn default_message(
    task: &Task,
    repo: &Repository,
    rev: &[u8],
    oid: &ObjectId,
    branch: &[u8],
) -> Outcome<Vec<u8>> {
    let what = what(task, repo, rev).await?;
    let mut message = [b"Merge ", what.as_slice()].concat();
    let short = branch.strip_prefix(b"refs/heads/").unwrap_or(branch);
    if !SILENT.contains(&short) {
        message.extend_from_slice(b" into ");
        message.extend_from_slice(short);
    }
    message.push(b'\n');
    if let Some(content) = tag(task, repo, oid).await? {
        let text = object::tag(oid, &content)?.message().0.to_vec();
        message.push(b'\n');
        message.extend_from_slice(&text);
    }
    Ok(message)
}

/// The content of a tag; `None` for what is none.
pub(super) async fn tag(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Option<std::rc::Rc<Vec<u8>>>> {
    let found = object::read(task, repo, oid).await?;
    Ok((found.kind == Kind::Tag).then_some(found.data))
}

/// The tag as the header that a merge of a signed one has, so that the signature is kept
/// (`append_merge_tag_headers`).
pub(super) fn signed_tag(oid: &ObjectId, content: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let is_signed = object::tag(oid, content)?.message().1.is_some();
    let lines = content.strip_suffix(b"\n").unwrap_or(content);
    Ok(is_signed.then(|| crate::format::header::line("mergetag", lines)))
}

/// What is merged, in words (`merge_name` of git's `builtin/merge.c`).
async fn what(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<Vec<u8>> {
    let named = |kind: &[u8], name: &[u8]| [kind, b" '", name, b"'"].concat();
    for full in expansions(rev) {
        let Some(found) = task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)? else {
            continue;
        };
        let kind: &[u8] = match found.name.as_slice() {
            name if name.starts_with(b"refs/heads/") => b"branch",
            name if name.starts_with(b"refs/tags/") => b"tag",
            name if name.starts_with(b"refs/remotes/") => b"remote-tracking branch",
            _ => break,
        };
        return Ok(named(kind, rev));
    }
    if let Some((name, is_early)) = part_of_branch(rev) {
        let full = [b"refs/heads/", name].concat();
        if task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)?.is_some() {
            let early: &[u8] = if is_early { b" (early part)" } else { b"" };
            return Ok([&named(b"branch", name), early].concat());
        }
    }
    Ok(named(b"commit", rev))
}

/// A name, where the revision is that and `^`s behind it, or `~` and a number: and whether that
/// leaves something out.
fn part_of_branch(rev: &[u8]) -> Option<(&[u8], bool)> {
    let carets = rev.iter().rev().take_while(|byte| **byte == b'^').count();
    if carets > 0 {
        return Some((rev.get(..rev.len() - carets)?, true));
    }
    let tilde = rev.iter().rposition(|byte| *byte == b'~')?;
    let (name, digits) = (rev.get(..tilde)?, rev.get(tilde + 1..)?);
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let is_early = digits.is_empty() || digits.iter().any(|digit| *digit != b'0');
    is_number.then_some((name, is_early))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn what_a_revision_leaves_out_of_a_branch_is_its_early_part() {
        for (rev, expected) in [
            (&b"topic^"[..], Some((&b"topic"[..], true))),
            (b"topic^^", Some((b"topic", true))),
            (b"topic~", Some((b"topic", true))),
            (b"topic~2", Some((b"topic", true))),
            (b"topic~0", Some((b"topic", false))),
            (b"topic~2^2", None),
            (b"topic", None),
        ] {
            assert_eq!(part_of_branch(rev), expected, "{}", String::from_utf8_lossy(rev));
        }
    }
}

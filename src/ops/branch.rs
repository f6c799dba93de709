//! Branches: git-branch(1).

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::refname::RefName;
use crate::ops::fault;

/// The full name of a branch. Git takes no branch that looks like an option, and none called `HEAD`
/// (`strbuf_check_branch_ref`).
pub(crate) fn full_name(short: &[u8]) -> Outcome<Vec<u8>> {
    match RefName::new([b"refs/heads/", short].concat()) {
        Ok(name) if !short.starts_with(b"-") && short != b"HEAD" => Ok(name.into_bytes()),
        _ => {
            let message = format!("{} cannot be the name of a branch", fault::quoted(short));
            Err(GitError::new(Code::InvalidRef, Stage::Request, message)
                .with("ref", Datum::Text(String::from_utf8_lossy(short).into_owned()))
                .into())
        }
    }
}

/// The full name of what is committed to: a branch, in full or without `refs/heads/`, or `HEAD`.
pub(crate) fn full_name_or_head(name: &[u8]) -> Outcome<Vec<u8>> {
    match name {
        b"HEAD" => Ok(name.to_vec()),
        _ => full_name(name.strip_prefix(b"refs/heads/").unwrap_or(name)),
    }
}

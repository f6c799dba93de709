//! Turns the small errors of the layers below into the public one: whose fault it is, in words,
//! and what to try. The one place where storage and pack faults become codes.

use crate::algo::connected::{LinkError, NotConnected};
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::config::ConfigError;
use crate::format::filter::FilterError;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::error::{LimitExceeded, PackError};
use crate::format::remotes::{RemoteError, anonymize};
use crate::format::revision::RevisionError;
use crate::host::StorageError;
use crate::store::{Fault, RefProblem, StoreError};

/// Says in which stage a lower layer failed: `sink.write(bytes).await.at(Stage::Receive)?`.
pub(crate) trait At<T> {
    /// The result, its error made public.
    fn at(self, stage: Stage) -> Outcome<T>;
}

impl<T> At<T> for Result<T, StoreError> {
    fn at(self, stage: Stage) -> Outcome<T> {
        self.map_err(|error| Failure::from(store(stage, &error)))
    }
}

impl<T> At<T> for Result<T, StorageError> {
    fn at(self, stage: Stage) -> Outcome<T> {
        self.map_err(|error| Failure::from(store(stage, &StoreError::from(error))))
    }
}

impl<T> At<T> for Result<T, PackError> {
    fn at(self, stage: Stage) -> Outcome<T> {
        self.map_err(|error| Failure::from(pack(stage, &error)))
    }
}

impl<T> At<T> for Result<T, LinkError> {
    fn at(self, stage: Stage) -> Outcome<T> {
        self.map_err(|error| Failure::from(link(stage, &error)))
    }
}

/// A fault of the store.
pub(crate) fn store(stage: Stage, error: &StoreError) -> GitError {
    let say = |code: Code, message: String| GitError::new(code, stage, message);
    match error {
        StoreError::Storage(error) => storage(stage, error),
        StoreError::Missing { oid } => say(Code::MissingObject, format!("object {oid} is not stored here"))
            .with("oid", Datum::Text(oid.to_hex()))
            .with_hint("it may lie behind a shallow boundary; otherwise remove the clone and make it again"),
        StoreError::Object { oid, fault } => say(Code::Corrupt, format!("the stored object {oid} {fault}"))
            .with("oid", Datum::Text(oid.to_hex()))
            .with_hint("remove the clone and make it again"),
        StoreError::Row { table, fault, .. } => {
            let damaged = matches!(fault, Fault::Absent);
            let what = if damaged {
                "a row that should be stored"
            } else {
                "a stored row"
            };
            say(Code::Corrupt, format!("{what} of the table {:?} {fault}", table.name()))
                .with_hint("remove the clone and make it again")
        }
        StoreError::TooLarge { oid, size, limit } => say(
            Code::LimitExceeded,
            format!("object {oid} has {size} bytes, more than the {limit} held in memory"),
        )
        .with("which", Datum::Text("objectBytes".to_owned()))
        .with("limit", Datum::Number(*limit))
        .with("seen", Datum::Number(*size))
        .with_hint("read it as a stream"),
        StoreError::Limit { what } => say(Code::LimitExceeded, format!("there are too many {what}"))
            .with("which", Datum::Text((*what).to_owned())),
        StoreError::Taken => say(
            Code::AlreadyExists,
            "there is a repository of that name already".to_owned(),
        )
        .with_hint("choose another name, or remove the old one"),
        StoreError::Busy => say(
            Code::Busy,
            "another tab or call is writing to this repository".to_owned(),
        )
        .with_hint("wait until it is done")
        .retryable(),
        StoreError::NotFound => {
            say(Code::NotFound, "there is no repository of that name here".to_owned()).with_hint("clone it first")
        }
        StoreError::Vanished => storage_gone(stage, "its data was cleared"),
        StoreError::NewerSchema { found, supported } => newer(stage, *found, *supported),
        StoreError::OlderSchema { found, supported } => say(
            Code::Unsupported,
            format!("the stored data has schema {found}, which this version no longer reads (it reads {supported})"),
        )
        .with_hint("push what is not pushed yet with the version that stored it; then remove it and clone again"),
        StoreError::Replaced => say(
            Code::Busy,
            "another tab or call packed this repository anew meanwhile".to_owned(),
        )
        .with_hint("start again: list the packs anew")
        .retryable(),
        StoreError::Fenced => say(Code::Busy, "another tab took over this repository".to_owned()).retryable(),
        StoreError::Ref { name, problem } => ref_problem(stage, name, problem),
    }
}

fn storage(stage: Stage, error: &StorageError) -> GitError {
    match error {
        StorageError::Conflict { .. } => GitError::new(
            Code::RefConflict,
            stage,
            "another tab or call changed this repository meanwhile",
        )
        .retryable(),
        StorageError::Quota { detail } => GitError::new(
            Code::Quota,
            stage,
            format!("there is no room left in the browser's storage ({detail})"),
        )
        .with_hint("remove a repository or free space, then try again; a shallow clone needs less"),
        StorageError::Gone { detail } => storage_gone(stage, detail),
        StorageError::Corrupt { detail } => GitError::new(
            Code::StorageCorrupt,
            stage,
            format!("the browser cannot read its database ({detail})"),
        )
        .with_hint("remove the repository, or clear this site's data, and clone again"),
        StorageError::Blocked => GitError::new(
            Code::Busy,
            stage,
            "another tab keeps the database open and does not let go",
        )
        .with_hint("close other tabs of this site")
        .retryable(),
        StorageError::NewerSchema { found, supported } => newer(stage, *found, *supported),
        StorageError::Unavailable { detail } => GitError::new(
            Code::StorageUnavailable,
            stage,
            format!("this page has no storage ({detail})"),
        )
        .with_hint("use { storage: 'memory' } to work without it"),
        StorageError::Other { detail } => GitError::new(
            Code::StorageUnavailable,
            stage,
            format!("the browser's storage failed ({detail})"),
        )
        .retryable(),
    }
}

fn storage_gone(stage: Stage, detail: &str) -> GitError {
    let message = format!("the browser or its user deleted the stored data ({detail})");
    GitError::new(Code::StorageGone, stage, message).with_hint("clone the repository again")
}

fn newer(stage: Stage, found: u32, supported: u32) -> GitError {
    let message = format!("the stored data has schema {found}; this version reads up to {supported}");
    GitError::new(Code::NewerSchema, stage, message).with_hint("reload the page to get the newer version")
}

fn ref_problem(stage: Stage, name: &[u8], problem: &RefProblem) -> GitError {
    let shown = String::from_utf8_lossy(name);
    let (code, message) = match problem {
        RefProblem::Moved { expected, found } => (Code::RefConflict, moved(&shown, *expected, *found)),
        RefProblem::Occupied { by } => {
            let by = String::from_utf8_lossy(by);
            (Code::RefConflict, format!("{shown} cannot exist beside {by}"))
        }
        RefProblem::Invalid => (Code::InvalidRef, format!("{shown} is no valid ref name")),
        RefProblem::Loop => (Code::Corrupt, format!("the symbolic ref {shown} does not end")),
    };
    let mut error = GitError::new(code, stage, message).with("ref", Datum::Text(shown.into_owned()));
    if let RefProblem::Moved { expected, found } = problem {
        let oids = [("expected", expected), ("found", found)];
        let known = oids.into_iter().filter_map(|(name, oid)| Some((name, oid.as_ref()?)));
        error = known.fold(error, |error, (name, oid)| error.with(name, Datum::Text(oid.to_hex())));
    }
    error
}

fn moved(shown: &str, expected: Option<ObjectId>, found: Option<ObjectId>) -> String {
    match (expected, found) {
        (Some(expected), Some(found)) => format!("{shown} is at {found} by now, not at {expected}"),
        (Some(expected), None) => format!("{shown} does not exist any more; it should be at {expected}"),
        (None, Some(found)) => format!("{shown} exists already, at {found}"),
        (None, None) => format!("{shown} changed meanwhile"),
    }
}

/// A pack that git would refuse, or that asks too much of us.
pub(crate) fn pack(stage: Stage, error: &PackError) -> GitError {
    match error {
        PackError::Limit(LimitExceeded { which, limit, seen }) => {
            let message = format!("the pack reaches the limit {} of {limit} with {seen}", which.name());
            GitError::new(Code::LimitExceeded, stage, message)
                .with("which", Datum::Text(which.name().to_owned()))
                .with("limit", Datum::Number(*limit))
                .with("seen", Datum::Number(*seen))
        }
        PackError::Memory { at, bytes } => {
            let message = format!("no memory for {bytes} bytes of the object at offset {at} of the pack");
            GitError::new(Code::LimitExceeded, stage, message).with("which", Datum::Text("memory".to_owned()))
        }
        PackError::Collision { oid, at } => {
            let message =
                format!("object {oid} at offset {at} of the pack shows the marks of a SHA-1 collision attack");
            GitError::new(Code::PackCollision, stage, message).with("oid", Datum::Text(oid.to_hex()))
        }
        PackError::Truncated { .. } => GitError::new(
            Code::PackInvalid,
            stage,
            format!("the server's pack ends early: {error}"),
        )
        .with_hint("the connection or the server broke off; nothing was stored, try again")
        .retryable(),
        PackError::Misuse => GitError::new(Code::Internal, stage, "a pack reader was used after it failed"),
        PackError::Changed { at } => {
            let message = format!("the pack's bytes at offset {at} changed while they were stored");
            GitError::new(Code::StorageCorrupt, stage, message)
        }
        other => GitError::new(
            Code::PackInvalid,
            stage,
            format!("the server's pack is damaged: {other}"),
        )
        .with_hint("nothing was stored; if it happens again, the server's repository needs git fsck"),
    }
}

fn link(stage: Stage, error: &LinkError) -> GitError {
    let (oid, message) = match error {
        LinkError::Malformed { oid, kind } => (oid, format!("the {kind} {oid} that the server sent is malformed")),
        LinkError::Kind {
            oid,
            expected,
            found,
            referrer,
        } => {
            let by = referrer.map(|referrer| format!(" by {referrer}")).unwrap_or_default();
            (
                oid,
                format!("object {oid} is a {found} and is named as a {expected}{by}"),
            )
        }
    };
    GitError::new(Code::PackInvalid, stage, message).with("oid", Datum::Text(oid.to_hex()))
}

/// A clone has nothing a thin pack could build on, so a server that sends one breaks the protocol:
/// gitprotocol-capabilities(5), "thin-pack".
pub(crate) fn thin_pack(bases: &[ObjectId]) -> GitError {
    let named: Vec<String> = bases.iter().take(10).map(ObjectId::to_hex).collect();
    let message = format!(
        "the pack has {} unresolved deltas against objects that are not in it: {}",
        bases.len(),
        named.join(", ")
    );
    GitError::new(Code::PackInvalid, Stage::Unpack, message)
        .with_hint("nothing was stored; the server sent a thin pack that was not asked for")
}

/// The server did not send all that the new refs reach.
pub(crate) fn not_connected(error: &NotConnected) -> GitError {
    let named: Vec<String> = error
        .missing
        .iter()
        .map(|(oid, referrer)| match referrer {
            Some(referrer) => format!("{oid} (named by {referrer})"),
            None => format!("{oid} (named by a ref)"),
        })
        .collect();
    let message = format!(
        "the server did not send all necessary objects: {} missing, {}",
        error.count,
        named.join(", ")
    );
    GitError::new(Code::NotConnected, Stage::Unpack, message)
        .with(
            "oids",
            Datum::List(error.missing.iter().map(|(oid, _)| oid.to_hex()).collect()),
        )
        .with_hint("nothing was stored; the server's repository may be damaged")
}

/// An object that was left with a promisor remote, and why it cannot be had from there now.
pub(crate) fn promised_missing(oid: &ObjectId, remote: &str, cause: &GitError) -> GitError {
    let message = format!(
        "object {oid} was left with the remote {} and cannot be had now: {}",
        quoted(remote.as_bytes()),
        cause.message
    );
    GitError {
        code: Code::PromisedMissing,
        stage: Stage::Read,
        message,
        data: vec![
            ("oid", Datum::Text(oid.to_hex())),
            ("remote", Datum::Text(remote.to_owned())),
            ("cause", Datum::Text(cause.code.name().to_owned())),
        ],
        ..cause.clone()
    }
}

/// A text that is no object filter.
pub(crate) fn filter(error: &FilterError) -> GitError {
    GitError::new(Code::Unsupported, Stage::Request, error.to_string())
        .with_hint("for example blob:none, blob:limit=1m or tree:0; see git-rev-list(1), --filter")
}

/// Something stored says that an object is of one kind, and it is of another.
pub(crate) fn wrong_kind(oid: &ObjectId, expected: Kind, found: Kind) -> GitError {
    let message = format!("object {oid} is a {found} and is named as a {expected}");
    GitError::new(Code::Corrupt, Stage::Read, message).with("oid", Datum::Text(oid.to_hex()))
}

/// A stored object hashes to its name and is nonsense: whoever made it made it so.
pub(crate) fn malformed(oid: &ObjectId, kind: Kind, why: &dyn std::fmt::Display) -> GitError {
    let message = format!("the {kind} {oid} is malformed: {why}");
    GitError::new(Code::Corrupt, Stage::Read, message).with("oid", Datum::Text(oid.to_hex()))
}

/// Something stored, or a ref, names what is not stored and was not promised either.
pub(crate) fn incomplete(oid: &ObjectId, by: Option<&ObjectId>) -> GitError {
    let by = by.map_or_else(|| "a ref".to_owned(), |by| format!("object {by}"));
    let message = format!("object {oid}, which {by} names, is not stored");
    GitError::new(Code::MissingObject, Stage::Read, message)
        .with("oid", Datum::Text(oid.to_hex()))
        .with_hint("nothing was changed; remove the clone and make it again")
}

/// A limit of a reading operation.
pub(crate) fn limit(which: &'static str, limit: usize, what: &str) -> GitError {
    // Limits are small constants.
    let number = u64::try_from(limit).unwrap_or(u64::MAX);
    GitError::new(
        Code::LimitExceeded,
        Stage::Read,
        format!("there are more than {limit} {what}"),
    )
    .with("which", Datum::Text(which.to_owned()))
    .with("limit", Datum::Number(number))
}

/// A text from the caller, as it is shown in messages.
pub(crate) fn quoted(text: &[u8]) -> String {
    const SHOWN: usize = 200;
    let shown = String::from_utf8_lossy(text.get(..SHOWN).unwrap_or(text)).into_owned();
    format!("{shown:?}{}", if text.len() > SHOWN { "…" } else { "" })
}

/// A text that is no revision, or one of a sort that cannot be looked up here.
pub(crate) fn revision(rev: &[u8], error: &RevisionError) -> GitError {
    let code = match error {
        RevisionError::Search | RevisionError::Reflog | RevisionError::Index => Code::Unsupported,
        RevisionError::Empty | RevisionError::TooLong | RevisionError::BadStep { .. } | RevisionError::Range => {
            Code::InvalidRef
        }
    };
    GitError::new(
        code,
        Stage::Request,
        format!("{} names no object here: {error}", quoted(rev)),
    )
}

/// A revision whose name holds what no name may hold.
pub(crate) fn bad_revision(rev: &[u8]) -> GitError {
    GitError::new(
        Code::InvalidRef,
        Stage::Request,
        format!("{} is no valid revision", quoted(rev)),
    )
}

/// A revision that leads nowhere.
pub(crate) fn no_revision(rev: &[u8]) -> GitError {
    GitError::new(
        Code::RefNotFound,
        Stage::Read,
        format!("there is no revision {} here", quoted(rev)),
    )
    .with("ref", Datum::Text(String::from_utf8_lossy(rev).into_owned()))
}

/// A revision that leads to an object of another kind than needed.
pub(crate) fn not_a(rev: &[u8], wanted: Kind, found: Kind) -> GitError {
    GitError::new(
        Code::InvalidRef,
        Stage::Read,
        format!("{} names a {found}, not a {wanted}", quoted(rev)),
    )
}

/// A path that leads nowhere.
pub(crate) fn no_path(rev: &[u8], path: &[u8]) -> GitError {
    GitError::new(
        Code::NotFound,
        Stage::Read,
        format!("there is no path {} in {}", quoted(path), quoted(rev)),
    )
    .with("path", Datum::Text(String::from_utf8_lossy(path).into_owned()))
}

/// A path that leads to something that is no file.
pub(crate) fn no_file(rev: &[u8], path: &[u8], what: &str) -> GitError {
    let message = format!("{} in {} is {what}, not a file", quoted(path), quoted(rev));
    GitError::new(Code::NotFound, Stage::Read, message)
        .with("path", Datum::Text(String::from_utf8_lossy(path).into_owned()))
}

/// A directory whose tree cannot be read.
pub(crate) fn malformed_tree(path: &[u8], why: &dyn std::fmt::Display) -> GitError {
    let message = format!("the tree of the directory {} is malformed: {why}", quoted(path));
    GitError::new(Code::Corrupt, Stage::Read, message)
        .with("path", Datum::Text(String::from_utf8_lossy(path).into_owned()))
}

/// What the configuration says of a remote cannot be used.
pub(crate) fn remote(name: &[u8], error: &RemoteError) -> GitError {
    let shown = anonymize(&String::from_utf8_lossy(name));
    let (code, message, key) = match error {
        RemoteError::NotFound => {
            let message = format!("there is no remote {} with a URL here", quoted(shown.as_bytes()));
            (Code::NotFound, message, None)
        }
        RemoteError::BadValue { key } => (Code::Unsupported, error.to_string(), Some(key)),
        RemoteError::BadRefSpec { key, .. } => (Code::InvalidRef, error.to_string(), Some(key)),
        RemoteError::Credentials { .. } => (Code::InvalidUrl, error.to_string(), None),
    };
    let said = GitError::new(code, Stage::Request, message).with("remote", Datum::Text(shown));
    match key {
        Some(key) => said.with("key", Datum::Text(String::from_utf8_lossy(key).into_owned())),
        None => said,
    }
}

/// A key or a value that no configuration can hold.
pub(crate) fn config_change(key: &[u8], error: &ConfigError) -> GitError {
    let message = format!("{} cannot be set or asked for: {error}", quoted(key));
    GitError::new(Code::Unsupported, Stage::Request, message)
        .with("key", Datum::Text(String::from_utf8_lossy(key).into_owned()))
        .with_hint("keys are section.name or section.subsection.name")
}

/// The stored configuration cannot be read: it was written by hand.
pub(crate) fn stored_config(error: &ConfigError) -> GitError {
    GitError::new(
        Code::Corrupt,
        Stage::Read,
        format!("the repository's configuration cannot be read: {error}"),
    )
}

#[cfg(test)]
mod tests;

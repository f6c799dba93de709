//! What two versions of one thing become, given what they were (`handle_content_merge` in git's
//! `merge-ort.c`).

use crate::algo::merge::file::{self, Favor, Labels, MARKER_SIZE};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;

use super::message::Topic;
use super::paths::{Path, Type, Version};
use super::{Error, State};

/// Two versions to be merged. They are both files, both symbolic links, or both submodules.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Where the result goes.
    pub path: Path,
    pub base: Option<Version>,
    pub ours: Version,
    pub theirs: Version,
    /// Where base, ours and theirs were.
    pub from: [Path; 3],
    /// How many characters markers are longer than others': the result may itself be merged.
    pub extra_marker: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub is_clean: bool,
    /// Nothing only where a base is made.
    pub version: Option<Version>,
}

/// Merges, or says which blobs have to be read first. Nothing is said or made in that case, so that
/// the request can be made again.
pub(super) fn merge(state: &mut State, request: &Request) -> Result<Result<Answer, Vec<ObjectId>>, Error> {
    let Request { base, ours, theirs, .. } = *request;
    let base_kind = base.map(|version| version.kind);
    let base_oid = base.map(|version| version.oid);
    let (kind, mut is_clean) = match () {
        () if ours.kind == theirs.kind || Some(ours.kind) == base_kind => (theirs.kind, true),
        () => (ours.kind, Some(theirs.kind) == base_kind),
    };
    let taken = |oid| Some(Version { kind, oid });
    let version = if ours.oid == theirs.oid || Some(ours.oid) == base_oid {
        taken(theirs.oid)
    } else if Some(theirs.oid) == base_oid {
        taken(ours.oid)
    } else {
        let of_type = base.filter(|base| base.type_of() == ours.type_of());
        match ours.type_of() {
            Type::File => {
                let base = of_type.map(|base| base.oid);
                let needed = [base, Some(ours.oid), Some(theirs.oid)].into_iter().flatten();
                let missing: Vec<ObjectId> = needed.filter(|oid| !state.blobs.contains_key(oid)).collect();
                if !missing.is_empty() {
                    return Ok(Err(missing));
                }
                let (oid, is_merged) = files(state, request, base)?;
                is_clean &= is_merged;
                taken(oid)
            }
            Type::Submodule => {
                is_clean = false;
                let from = &request.from[0];
                let text: [&[u8]; 3] = [b"Failed to merge submodule ", from, b" (not checked out)"];
                state.messages.say(Topic::SubmoduleNotInitialized, &[from], &text);
                match state.depth {
                    0 => taken(ours.oid),
                    _ => of_type.map(|base| Version { kind, oid: base.oid }).or(base),
                }
            }
            Type::Symlink | Type::Directory => match state.favor() {
                _ if state.depth > 0 => {
                    is_clean = false;
                    base
                }
                Some(Favor::Ours) => taken(ours.oid),
                Some(Favor::Theirs) => taken(theirs.oid),
                Some(Favor::Union) | None => {
                    is_clean = false;
                    taken(ours.oid)
                }
            },
        }
    };
    state.blobs.clear();
    Ok(Ok(Answer { is_clean, version }))
}

/// The blobs that [`merge`] would read.
pub(super) fn needed(base: Option<Version>, ours: Version, theirs: Version) -> impl Iterator<Item = ObjectId> {
    let base = base.filter(|base| base.is_file());
    let is_trivial = ours.oid == theirs.oid || base.is_some_and(|base| [ours.oid, theirs.oid].contains(&base.oid));
    let is_merged = ours.is_file() && theirs.is_file() && !is_trivial;
    let all = [base, Some(ours), Some(theirs)].into_iter().flatten();
    all.filter(move |_| is_merged).map(|version| version.oid)
}

/// Merges files line by line (`merge_3way`). Answers whether there was no conflict.
fn files(state: &mut State, request: &Request, base: Option<ObjectId>) -> Result<(ObjectId, bool), Error> {
    let content = |oid: ObjectId| state.blobs.get(&oid).map(|blob| blob.as_slice()).unwrap_or_default();
    let labels = labels(state, &request.from);
    let options = file::Options {
        style: state.options.style,
        favor: state.favor(),
        marker_size: MARKER_SIZE + request.extra_marker,
        for_base: state.depth > 0,
    };
    let merged = file::merge(
        base.map(content).unwrap_or_default(),
        content(request.ours.oid),
        content(request.theirs.oid),
        &labels,
        &options,
    );
    let path = &request.path;
    if merged.result == file::Outcome::Binary {
        let text: [&[u8]; 7] = [
            b"warning: Cannot merge binary files: ",
            path,
            b" (",
            &labels.ours,
            b" vs. ",
            &labels.theirs,
            b")",
        ];
        state.messages.say(Topic::Binary, &[path], &text);
    }
    let oid = state.make(Kind::Blob, merged.content)?;
    state
        .messages
        .say(Topic::AutoMerging, &[path], &[b"Auto-merging ", path]);
    Ok((oid, merged.result == file::Outcome::Clean))
}

/// What stands behind markers: with the path, where it is not the same everywhere.
fn labels(state: &State, from: &[Path; 3]) -> Labels {
    let [base, ours, theirs] = from;
    let labels = &state.labels;
    if base == ours && ours == theirs {
        return labels.clone();
    }
    let label = |label: &[u8], path: &[u8]| [label, b":", path].concat();
    Labels {
        ours: label(&labels.ours, ours),
        base: label(&labels.base, base),
        theirs: label(&labels.theirs, theirs),
    }
}

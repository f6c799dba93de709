//! Decides what the merged tree has at each path (`process_entries` and `process_entry` in git's
//! `merge-ort.c`).

use std::collections::HashSet;

use super::content::{self, Request};
use super::message::Topic;
use super::paths::{Info, Mask, Path, Place, Side, Version};
use super::trees::Trees;
use super::{Conflict, Error, State, label};
use crate::format::oid::ObjectId;
use crate::format::tree::EntryKind;
use crate::sorted::SortedMap;

/// How many blobs are announced at most.
const SOON: usize = 10_000;

/// The paths, the last one first: what is in a directory is known before the directory.
pub(super) struct Entries {
    /// Those to come.
    rest: Vec<(Path, Place)>,
    /// The one that is decided now.
    open: Option<Open>,
    conflicted: SortedMap<Path, Place>,
    trees: Trees,
}

/// A path whose file is decided.
#[derive(Clone)]
struct Open {
    path: Path,
    place: Place,
    /// The side whose file had to make way for a directory.
    moved: Option<Side>,
}

impl Entries {
    pub fn new(state: &State) -> Self {
        Entries {
            rest: state.paths.in_order(),
            open: None,
            conflicted: SortedMap::new(),
            trees: Trees::default(),
        }
    }

    /// The blobs that merges of files will ask for.
    pub fn soon(&self, state: &State) -> Vec<ObjectId> {
        let mut seen = HashSet::new();
        let infos = self.rest.iter().filter_map(|(_, place)| state.paths.at(*place));
        let open = infos.filter(|info| !info.clean && info.equal.is_empty());
        let pairs = open.filter_map(|info| Some((info.base(), info.side(Side::Ours)?, info.side(Side::Theirs)?)));
        pairs
            .flat_map(|(base, ours, theirs)| content::needed(base, ours, theirs))
            .filter(|oid| seen.insert(*oid))
            .take(SOON)
            .collect()
    }

    /// The blobs that are needed; `None` if all is decided.
    pub fn step(&mut self, state: &mut State) -> Result<Option<Vec<ObjectId>>, Error> {
        loop {
            if let Some(open) = self.open.clone() {
                if let Some(blobs) = self.decide(state, open)? {
                    return Ok(Some(blobs));
                }
                self.open = None;
            }
            let Some((path, place)) = self.rest.pop() else {
                return Ok(None);
            };
            self.trees.go_to(state, &path)?;
            let Some(info) = state.paths.at(place) else { continue };
            if info.clean {
                self.trees.record(&path, info.result);
            } else {
                self.open = self.begin(state, path, place);
            }
        }
    }

    /// The tree, and what is in conflict.
    pub fn finish(&mut self, state: &mut State) -> Result<(ObjectId, Vec<Conflict>), Error> {
        let tree = self.trees.finish(state)?;
        let conflicted = std::mem::take(&mut self.conflicted);
        let conflicts = conflicted.into_iter().filter_map(|(path, place)| {
            let info = state.paths.at(place)?;
            let mut stages = info.stages;
            for (stage, version) in stages.iter_mut().enumerate() {
                if !info.files.has_stage(stage) {
                    *version = None;
                }
            }
            Some(Conflict { path, stages })
        });
        Ok((tree, conflicts.collect()))
    }

    /// Sees to directories, and to files in their place.
    fn begin(&mut self, state: &mut State, path: Path, place: Place) -> Option<Open> {
        let info = state.paths.at_mut(place)?;
        if !info.directories.is_empty() {
            self.trees.record(&path, info.result);
            if info.files.is_empty() {
                return None;
            }
        }
        if !info.is_file_and_directory {
            return Some(Open {
                path,
                place,
                moved: None,
            });
        }
        if info.result.is_none() {
            // The merge left nothing in the directory: the file can stay.
            info.is_file_and_directory = false;
            info.drop_directories();
            return Some(Open {
                path,
                place,
                moved: None,
            });
        }
        if info.files == Mask::BASE {
            info.files = Mask::NONE;
            return None;
        }
        let side = match info.directories.has(Mask::OURS) {
            true => Side::Theirs,
            false => Side::Ours,
        };
        let mut file = info.clone();
        file.drop_directories();
        file.result = None;
        info.files = Mask::NONE;
        let branch = label(&state.labels, side);
        let new_path = unique_path(state, &path, branch);
        let place = state.paths.insert(new_path.clone(), file);
        let text: [&[u8]; 7] = [
            b"CONFLICT (file/directory): directory in the way of ",
            &path,
            b" from ",
            branch,
            b"; moving it to ",
            &new_path,
            b" instead.",
        ];
        state.messages.say(Topic::FileDirectory, &[&new_path, &path], &text);
        Some(Open {
            path: new_path,
            place,
            moved: Some(side),
        })
    }

    /// Decides on a file, link or submodule; answers the blobs it needs for that.
    fn decide(&mut self, state: &mut State, open: Open) -> Result<Option<Vec<ObjectId>>, Error> {
        let Open { mut path, place, moved } = open;
        let Some(info) = state.paths.at_mut(place) else {
            return Ok(None);
        };
        let is_free = !info.is_file_and_directory && !info.has_path_conflict;
        let (ours, theirs) = (info.side(Side::Ours), info.side(Side::Theirs));
        if !info.equal.is_empty() {
            let side = match info.equal {
                Mask::BASE_AND_OURS => Side::Theirs,
                _ => Side::Ours,
            };
            info.result = info.side(side);
            info.clean = is_free || info.result.is_none();
        } else if let (Some(ours), Some(theirs), true) = (ours, theirs, info.files.has(Mask::SIDES)) {
            if ours.type_of() != theirs.type_of() {
                self.types_differ(state, &mut path, place, ours, theirs);
            } else if let Some(blobs) = merge_content(state, &path, place, moved, [ours, theirs])? {
                return Ok(Some(blobs));
            }
        } else if info.files == Mask::BASE_AND_OURS {
            modified_and_deleted(state, &path, place, Side::Ours);
        } else if info.files == Mask::BASE_AND_THEIRS {
            modified_and_deleted(state, &path, place, Side::Theirs);
        } else if let Some(side) = info.files.only_side() {
            info.result = info.side(side);
            info.clean = is_free;
        } else {
            info.result = None;
            info.clean = !info.has_path_conflict;
        }
        if let Some(info) = state.paths.at(place) {
            if !info.clean {
                self.conflicted.insert(path.clone(), place);
            }
            self.trees.record(&path, info.result);
        }
        Ok(None)
    }

    /// A file, a link and a submodule cannot be merged with each other: at least one of them gets
    /// another name. On return, `path` is where ours is.
    fn types_differ(&mut self, state: &mut State, path: &mut Path, place: Place, ours: Version, theirs: Version) {
        if state.depth > 0 {
            if let Some(info) = state.paths.at_mut(place) {
                (info.result, info.clean) = (info.base(), false);
            }
            return;
        }
        let (moves_ours, moves_theirs) = match (ours.is_file(), theirs.is_file()) {
            (true, _) => (true, false),
            (false, true) => (false, true),
            (false, false) => (true, true),
        };
        let our_path = moves_ours.then(|| unique_path(state, path, &state.labels.ours));
        let their_path = moves_theirs.then(|| unique_path(state, path, &state.labels.theirs));
        let moved: Vec<&Path> = our_path.iter().chain(&their_path).collect();
        let text: [&[u8]; 3] = [
            b"CONFLICT (distinct types): ",
            path,
            match moved.len() {
                2 => b" had different types on each side; renamed both of them so each can be recorded somewhere.",
                _ => b" had different types on each side; renamed one of them so each can be recorded somewhere.",
            },
        ];
        let paths: Vec<&Path> = std::iter::once(&*path).chain(moved).collect();
        state.messages.say(Topic::DistinctModes, &paths, &text);
        let Some(info) = state.paths.at_mut(place) else { return };
        let mut their_info = info.clone();
        keep_only(info, Side::Ours, ours);
        keep_only(&mut their_info, Side::Theirs, theirs);
        if their_path.is_some() && our_path.is_some() {
            state.paths.forget(path);
        }
        let their_path = their_path.unwrap_or_else(|| path.clone());
        let their_place = state.paths.insert(their_path.clone(), their_info);
        self.conflicted.insert(their_path.clone(), their_place);
        self.trees.record(&their_path, Some(theirs));
        if let Some(our_path) = our_path {
            state.paths.lead(our_path.clone(), place);
            *path = our_path;
        }
    }
}

/// What is left of a path where the sides have things of different types.
fn keep_only(info: &mut Info, side: Side, version: Version) {
    (info.result, info.clean) = (Some(version), false);
    info.set_side(side.other(), None);
    info.files = side.mask();
    match info.base() {
        Some(base) if base.type_of() == version.type_of() => info.files = info.files.and(Mask::BASE),
        _ => info.stages[0] = None,
    }
}

/// Both sides have something of one type.
fn merge_content(
    state: &mut State,
    path: &Path,
    place: Place,
    moved: Option<Side>,
    [ours, theirs]: [Version; 2],
) -> Result<Option<Vec<ObjectId>>, Error> {
    let Some(info) = state.paths.at(place) else {
        return Ok(None);
    };
    let request = Request {
        path: path.clone(),
        base: info.base(),
        ours,
        theirs,
        from: info.from.clone(),
        extra_marker: 2 * state.depth,
    };
    let answer = match content::merge(state, &request)? {
        Ok(answer) => answer,
        Err(blobs) => return Ok(Some(blobs)),
    };
    let Some(info) = state.paths.at_mut(place) else {
        return Ok(None);
    };
    let is_added = info.files == Mask::SIDES;
    info.clean = answer.is_clean && !info.is_file_and_directory && !info.has_path_conflict;
    info.result = answer.version;
    if let (true, true, Some(side)) = (answer.is_clean, info.is_file_and_directory, moved) {
        info.files = side.mask();
        info.set_side(side, answer.version);
    }
    if !answer.is_clean {
        let reason: &[u8] = match answer.version.map(|version| version.kind) {
            Some(EntryKind::Gitlink) => b"submodule",
            _ if is_added => b"add/add",
            _ => b"content",
        };
        let text: [&[u8]; 4] = [b"CONFLICT (", reason, b"): Merge conflict in ", path];
        state.messages.say(Topic::Contents, &[path], &text);
    }
    Ok(None)
}

/// That side has it still, the other one removed it.
fn modified_and_deleted(state: &mut State, path: &Path, place: Place, side: Side) {
    let is_base = state.depth > 0;
    let Some(info) = state.paths.at_mut(place) else { return };
    info.result = if is_base { info.base() } else { info.side(side) };
    info.clean = false;
    let oid = |version: Option<Version>| version.map(|version| version.oid);
    let is_unchanged = oid(info.base()) == oid(info.side(side));
    if info.has_path_conflict && is_unchanged {
        // It was renamed, and that has been said.
        return;
    }
    let (by, other) = (label(&state.labels, side), label(&state.labels, side.other()));
    let text: [&[u8]; 11] = [
        b"CONFLICT (modify/delete): ",
        path,
        b" deleted in ",
        other,
        b" and modified in ",
        by,
        b".  Version ",
        by,
        b" of ",
        path,
        b" left in tree.",
    ];
    state.messages.say(Topic::ModifyDelete, &[path], &text);
}

/// A path that nothing has, made of a path and a branch.
fn unique_path(state: &State, path: &[u8], branch: &[u8]) -> Path {
    let flat: Vec<u8> = branch
        .iter()
        .map(|byte| if *byte == b'/' { b'_' } else { *byte })
        .collect();
    let wanted = [path, b"~", &flat].concat();
    let mut unique: Path = wanted.as_slice().into();
    let mut suffix = 0u64;
    while state.paths.contains(&unique) {
        unique = [&wanted[..], format!("_{suffix}").as_bytes()].concat().into();
        suffix += 1;
    }
    unique
}

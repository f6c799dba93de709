//! Brings what is known of an old name to the new one (`process_renames` in git's `merge-ort.c`).
//! What both sides then have at the new name is merged later, like everything else; only files that
//! two names or two files compete for are merged here.

use super::content::{self, Answer, Request};
use super::message::Topic;
use super::paths::{Mask, Path, Place, Side, Version};
use super::{Error, State, label};
use crate::format::oid::ObjectId;

/// A file that got another name on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rename {
    pub side: Side,
    pub old_path: Path,
    pub new_path: Path,
}

/// The renames of both sides, ordered by their old names.
pub(super) struct Renames {
    renames: Vec<Rename>,
    at: usize,
}

/// What was done about a rename.
enum Progress {
    /// This and one more are done.
    DoneTwo,
    Done,
    /// These blobs are needed first.
    Needs(Vec<ObjectId>),
}

/// One rename, and what is known of its names.
struct Known<'r> {
    rename: &'r Rename,
    old: Place,
    new: Place,
}

impl Renames {
    pub fn new(renames: Vec<Rename>) -> Self {
        Renames { renames, at: 0 }
    }

    /// The blobs that are needed; `None` if all is done.
    pub fn step(&mut self, state: &mut State) -> Result<Option<Vec<ObjectId>>, Error> {
        while let Some(rename) = self.renames.get(self.at) {
            let next = self.renames.get(self.at + 1);
            let partner = next.filter(|next| next.old_path == rename.old_path);
            match process(state, rename, partner)? {
                Progress::Done => self.at += 1,
                Progress::DoneTwo => self.at += 2,
                Progress::Needs(blobs) => return Ok(Some(blobs)),
            }
        }
        Ok(None)
    }
}

fn process(state: &mut State, rename: &Rename, partner: Option<&Rename>) -> Result<Progress, Error> {
    // Renames of directories can bring a file back to where it was.
    if rename.old_path == rename.new_path {
        return Ok(Progress::Done);
    }
    let (Some(old), Some(new)) = (state.paths.find(&rename.old_path), state.paths.find(&rename.new_path)) else {
        return Ok(Progress::Done);
    };
    // Where the old name is decided, the other side changed nothing there.
    if state.paths.at(old).is_none_or(|info| info.clean) {
        return Ok(Progress::Done);
    }
    let known = Known { rename, old, new };
    match partner {
        Some(partner) if partner.new_path == rename.new_path => Ok(same_name(state, &known)),
        Some(partner) => two_names(state, &known, partner),
        None => one_sided(state, &known),
    }
}

/// Both sides gave the file the same name.
fn same_name(state: &mut State, known: &Known<'_>) -> Progress {
    let base = state.paths.at(known.old).and_then(|info| info.base());
    if let Some(info) = state.paths.at_mut(known.new) {
        info.stages[0] = base;
        info.files = info.files.and(Mask::BASE);
    }
    if let Some(info) = state.paths.at_mut(known.old) {
        info.remove();
    }
    Progress::DoneTwo
}

/// The sides gave the file different names: both are kept, with the merged content.
fn two_names(state: &mut State, known: &Known<'_>, partner: &Rename) -> Result<Progress, Error> {
    let old_path = &known.rename.old_path;
    let (our_path, their_path) = (&known.rename.new_path, &partner.new_path);
    let Some(their_place) = state.paths.find(their_path) else {
        return Ok(Progress::DoneTwo);
    };
    let version = |place: Place, stage: usize| state.paths.at(place).and_then(|info| info.stages[stage]);
    let (base, ours, theirs) = (version(known.old, 0), version(known.new, 1), version(their_place, 2));
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Ok(Progress::DoneTwo);
    };
    let request = Request {
        path: old_path.clone(),
        base,
        ours,
        theirs,
        from: [old_path.clone(), our_path.clone(), their_path.clone()],
        extra_marker: 1 + 2 * state.depth,
    };
    let answer = match merged(state, &request)? {
        Ok(answer) => answer,
        Err(blobs) => return Ok(Progress::Needs(blobs)),
    };
    // What cannot be merged keeps, under each name, what that side made of it.
    let is_unmerged = !answer.is_clean && answer.version == Some(ours);
    let for_them = if is_unmerged { Some(theirs) } else { answer.version };
    for (place, stage, version) in [(known.new, 1, answer.version), (their_place, 2, for_them)] {
        if let Some(info) = state.paths.at_mut(place) {
            info.stages[stage] = version;
            info.has_path_conflict = true;
        }
    }
    // The old name is left in conflict, with the base alone, as git's tests have it.
    if let Some(info) = state.paths.at_mut(known.old) {
        info.has_path_conflict = true;
    }
    let text: [&[u8]; 10] = [
        b"CONFLICT (rename/rename): ",
        old_path,
        b" renamed to ",
        our_path,
        b" in ",
        &state.labels.ours,
        b" and to ",
        their_path,
        b" in ",
        &state.labels.theirs,
    ];
    let text = [&text[..], &[b"."]].concat();
    let paths = [old_path, our_path, their_path];
    state.messages.say(Topic::RenameRename, &paths, &text);
    Ok(Progress::DoneTwo)
}

/// One side renamed it.
fn one_sided(state: &mut State, known: &Known<'_>) -> Result<Progress, Error> {
    let side = known.rename.side;
    let other = side.other();
    let (Some(old), Some(new)) = (state.paths.at(known.old), state.paths.at(known.new)) else {
        return Ok(Progress::Done);
    };
    let is_deleted = old.files == Mask::BASE;
    let is_file = |version: Option<Version>| version.is_some_and(Version::is_file);
    let has_other_type = !is_deleted && is_file(old.side(other)) != is_file(new.side(side));
    // A file of another type at the old name is a new one: the other side renamed the old one, too,
    // and what it has at the new name is no stranger to it.
    let collides = new.files.has(other.mask()) && !has_other_type;
    if collides && !is_deleted {
        return collide(state, known);
    }
    let (base, of_other) = (old.base(), old.side(other));
    let (old_path, new_path) = (&known.rename.old_path, &known.rename.new_path);
    if let Some(info) = state.paths.at_mut(known.new) {
        info.has_path_conflict |= is_deleted;
        if !collides {
            info.stages[0] = base;
            info.files = info.files.and(Mask::BASE);
            info.from[0] = old_path.clone();
            if !has_other_type && !is_deleted {
                info.set_side(other, of_other);
                info.files = info.files.and(other.mask());
                info.from[other.stage()] = old_path.clone();
            }
        }
    }
    if is_deleted {
        let text: [&[u8]; 9] = [
            b"CONFLICT (rename/delete): ",
            old_path,
            b" renamed to ",
            new_path,
            b" in ",
            label(&state.labels, side),
            b", but deleted in ",
            label(&state.labels, other),
            b".",
        ];
        state.messages.say(Topic::RenameDelete, &[new_path, old_path], &text);
    }
    if let Some(info) = state.paths.at_mut(known.old) {
        if has_other_type {
            info.stages[0] = None;
            info.files = info.files.without(Mask::BASE);
        } else {
            info.remove();
        }
    }
    Ok(Progress::Done)
}

/// The other side has something else at the new name. What was renamed is merged with what became
/// of it under its old name; the result is then merged with the other thing.
fn collide(state: &mut State, known: &Known<'_>) -> Result<Progress, Error> {
    let side = known.rename.side;
    let (Some(old), Some(new)) = (state.paths.at(known.old), state.paths.at(known.new)) else {
        return Ok(Progress::Done);
    };
    let (Some(renamed), Some(stayed)) = (new.side(side), old.side(side.other())) else {
        return Ok(Progress::Done);
    };
    let (old_path, new_path) = (&known.rename.old_path, &known.rename.new_path);
    let mut from = [old_path.clone(), old_path.clone(), old_path.clone()];
    from[side.stage()] = new_path.clone();
    let (ours, theirs) = match side {
        Side::Ours => (renamed, stayed),
        Side::Theirs => (stayed, renamed),
    };
    let request = Request {
        path: old_path.clone(),
        base: old.base(),
        ours,
        theirs,
        from,
        extra_marker: 1 + 2 * state.depth,
    };
    let answer = match merged(state, &request)? {
        Ok(answer) => answer,
        Err(blobs) => return Ok(Progress::Needs(blobs)),
    };
    if let Some(info) = state.paths.at_mut(known.new) {
        info.set_side(side, answer.version);
    }
    if !answer.is_clean {
        let text: [&[u8]; 5] = [
            b"CONFLICT (rename involved in collision): rename of ",
            old_path,
            b" -> ",
            new_path,
            b" has content conflicts AND collides with another path; this may result in nested conflict markers.",
        ];
        state.messages.say(Topic::RenameCollides, &[new_path, old_path], &text);
    }
    if let Some(info) = state.paths.at_mut(known.old) {
        info.remove();
    }
    Ok(Progress::Done)
}

/// Merges what is of one type. A file and a link under two names are not merged: ours counts.
fn merged(state: &mut State, request: &Request) -> Result<Result<Answer, Vec<ObjectId>>, Error> {
    if request.ours.type_of() != request.theirs.type_of() {
        return Ok(Ok(Answer {
            is_clean: false,
            version: Some(request.ours),
        }));
    }
    content::merge(state, request)
}

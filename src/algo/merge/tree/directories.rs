//! What one side put into a directory that the other side renamed (git's documentation has it in
//! `directory-rename-detection.txt`): where such a directory went, and which files have to follow
//! it.
//!
//! A directory went where most of its files went that one side renamed, if nothing of it is left on
//! that side. Only files that the other side added to it, or moved into it, follow.

use std::collections::HashMap;

use super::message::Topic;
use super::pairs::{Pair, SideChanges, Status};
use super::paths::{Info, Mask, Path, Paths, Side, ancestors};
use super::renames::Rename;
use super::{DirectoryRenames, State, label};
use crate::algo::rename::DirectoryCounts;
use crate::sorted::{SortedMap, SortedSet, order};

/// Where directories went.
type Renamed = SortedMap<Path, Path>;

/// Files of one side that renames of directories would bring to one path.
#[derive(Debug, Default)]
struct Arrivals {
    from: SortedSet<Path>,
    is_reported: bool,
}

/// What would arrive where.
type Arriving = HashMap<Path, Arrivals>;

/// Lets files follow directories; answers all renames of both sides, those that follow included,
/// and whether nobody has to look at it (`detect_and_process_renames`).
pub(super) fn apply(state: &mut State, changes: [SideChanges; 2]) -> (Vec<Rename>, bool) {
    let mut is_clean = true;
    let mut renamed = [Renamed::new(), Renamed::new()];
    // Bases are made without it: what follows a directory there would follow it again.
    if state.depth == 0 && state.options.directory_renames != DirectoryRenames::Ignore {
        for (renamed, changes) in renamed.iter_mut().zip(&changes) {
            is_clean &= destinations(state, &changes.counts, renamed);
        }
        drop_renamed_twice(&mut renamed);
    }
    let [ours, theirs] = &changes;
    let mut arriving = [
        arrivals(&ours.pairs, &renamed[Side::Theirs.index()]),
        arrivals(&theirs.pairs, &renamed[Side::Ours.index()]),
    ];
    let mut renames = Vec::new();
    for (side, changes) in Side::BOTH.into_iter().zip(changes) {
        for mut pair in changes.pairs {
            if pair.status == Status::Deleted {
                continue;
            }
            let followed = Follow {
                state,
                side,
                renamed: &renamed,
                arriving: &mut arriving,
            }
            .destination(&pair);
            match followed {
                Followed::To(path) => move_along(state, side, &mut pair, path),
                Followed::Stays if pair.status == Status::Added => continue,
                Followed::Stays => {}
                Followed::Conflict => {
                    is_clean = false;
                    if pair.status == Status::Added {
                        continue;
                    }
                }
            }
            renames.push(Rename {
                side,
                old_path: pair.old_path,
                new_path: pair.new_path,
            });
        }
    }
    order::sort_by(&mut renames, |a, b| a.old_path.cmp(&b.old_path));
    (renames, is_clean)
}

/// Where most of the files of each directory went; `false` if that cannot be said of one
/// (`get_provisional_directory_renames`).
fn destinations(state: &mut State, counts: &DirectoryCounts, renamed: &mut Renamed) -> bool {
    let mut is_clean = true;
    for (directory, counts) in counts {
        let directory = Path::from(directory.as_slice());
        let Some(most) = counts.values().copied().max().filter(|most| *most > 0) else {
            continue;
        };
        let mut best = counts.iter().filter(|(_, count)| **count == most);
        match (best.next(), best.next()) {
            (Some((destination, _)), None) => {
                renamed.insert(directory, Path::from(destination.as_slice()));
            }
            _ => {
                is_clean = false;
                let text: [&[u8]; 3] = [
                    b"CONFLICT (directory rename split): Unclear where to rename ",
                    &directory,
                    b" to; it was renamed to multiple other directories, with no destination getting a majority \
                        of the files.",
                ];
                state.messages.say(Topic::DirectoryRenameSplit, &[&directory], &text);
            }
        }
    }
    is_clean
}

/// What both sides renamed, files of neither side follow.
fn drop_renamed_twice([ours, theirs]: &mut [Renamed; 2]) {
    let twice: Vec<Path> = ours.keys().filter(|path| theirs.contains_key(*path)).cloned().collect();
    for path in twice {
        ours.remove(&path);
        theirs.remove(&path);
    }
}

/// The innermost directory of a path that was renamed, and where to.
fn renamed_directory<'r>(path: &[u8], renamed: &'r Renamed) -> Option<(&'r Path, &'r Path)> {
    ancestors(path).find_map(|directory| renamed.get_key_value(directory))
}

/// The path once its directory is renamed.
fn moved(path: &[u8], old: &[u8], new: &[u8]) -> Path {
    let rest = path.get(old.len()..).unwrap_or_default();
    match new {
        b"" => rest.strip_prefix(b"/").unwrap_or(rest).into(),
        _ => [new, rest].concat().into(),
    }
}

/// What would follow the renames of the other side (`compute_collisions`).
fn arrivals(pairs: &[Pair], renamed: &Renamed) -> Arriving {
    let mut arriving = Arriving::new();
    for pair in pairs.iter().filter(|pair| pair.status != Status::Deleted) {
        if let Some((old, new)) = renamed_directory(&pair.new_path, renamed) {
            let arrivals = arriving.entry(moved(&pair.new_path, old, new)).or_default();
            arrivals.from.insert(pair.new_path.clone());
        }
    }
    arriving
}

/// Whether a file of one side follows a directory.
struct Follow<'a> {
    state: &'a mut State,
    side: Side,
    renamed: &'a [Renamed; 2],
    arriving: &'a mut [Arriving; 2],
}

enum Followed {
    To(Path),
    Stays,
    /// It would, but something is in its way.
    Conflict,
}

impl Follow<'_> {
    /// `check_for_directory_rename`.
    fn destination(self, pair: &Pair) -> Followed {
        let (path, side) = (&pair.new_path, self.side);
        let by_other = &self.renamed[side.other().index()];
        if self.arriving[side.other().index()].contains_key(path) {
            return Followed::Stays;
        }
        let Some((old, new)) = renamed_directory(path, by_other) else {
            return Followed::Stays;
        };
        // Where this side renamed the destination, the other side's file follows it from there.
        if self.renamed[side.index()].contains_key(new) {
            let text: [&[u8]; 9] = [
                b"WARNING: Avoiding applying ",
                old,
                b" -> ",
                new,
                b" rename to ",
                path,
                b", because ",
                new,
                b" itself was renamed.",
            ];
            let paths = [old, path, new];
            self.state.messages.say(Topic::DirectoryRenameSkipped, &paths, &text);
            return Followed::Stays;
        }
        let destination = moved(path, old, new);
        let Some(arrivals) = self.arriving[side.index()].get_mut(&destination) else {
            return Followed::Stays;
        };
        let is_in_way = is_in_way(&self.state.paths, &destination, side, pair);
        if arrivals.is_reported {
            return Followed::Conflict;
        }
        if !is_in_way && arrivals.from.len() < 2 {
            return Followed::To(destination);
        }
        arrivals.is_reported = true;
        let from: Vec<&[u8]> = arrivals.from.iter().map(|path| &**path).collect();
        let from = from.join(&b", "[..]);
        let paths: Vec<&Path> = std::iter::once(&destination).chain(&arrivals.from).collect();
        if is_in_way {
            let text: [&[u8]; 5] = [
                b"CONFLICT (implicit dir rename): Existing file/dir at ",
                &destination,
                b" in the way of implicit directory rename(s) putting the following path(s) there: ",
                &from,
                b".",
            ];
            self.state.messages.say(Topic::DirectoryRenameFileInWay, &paths, &text);
        } else {
            let text: [&[u8]; 4] = [
                b"CONFLICT (implicit dir rename): Cannot map more than one path to ",
                &destination,
                b"; implicit directory renames tried to put these paths there: ",
                &from,
            ];
            self.state.messages.say(Topic::DirectoryRenameCollision, &paths, &text);
        }
        Followed::Conflict
    }
}

/// Whether something keeps a file of that side from a path: what is there already, or, if it is
/// not the file's own old place, what the base had there (`path_in_way`).
fn is_in_way(paths: &Paths, path: &Path, side: Side, pair: &Pair) -> bool {
    paths.get(path).is_some_and(|info| {
        info.clean
            || info.files.and(info.directories).has(side.mask())
            || (info.files.has(Mask::BASE) && pair.old_path != *path)
    })
}

/// Brings a file to another path (`apply_directory_rename_modifications`).
fn move_along(state: &mut State, side: Side, pair: &mut Pair, path: Path) {
    let old_path = std::mem::replace(&mut pair.new_path, path.clone());
    let Some(place) = state.paths.find(&old_path) else {
        return;
    };
    make_directories(&mut state.paths, &path, side);
    let Some(info) = state.paths.at_mut(place) else { return };
    let mut file = info.clone();
    file.drop_directories();
    let place = if info.directories.is_empty() {
        state.paths.forget(&old_path);
        place
    } else {
        // The directory stays where it is.
        info.files = Mask::NONE;
        info.clean = true;
        for (stage, version) in info.stages.iter_mut().enumerate() {
            if !info.directories.has_stage(stage) {
                *version = None;
            }
        }
        state.paths.keep(file.clone())
    };
    let there = match state.paths.find(&path).filter(|there| *there != place) {
        None => {
            state.paths.lead(path.clone(), place);
            place
        }
        Some(there) => {
            if let Some(info) = state.paths.at_mut(there) {
                info.files = info.files.and(side.mask());
                info.is_file_and_directory |= !info.directories.is_empty();
                info.from[side.stage()] = file.from[side.stage()].clone();
                info.set_side(side, file.side(side));
            }
            there
        }
    };
    let is_conflict = state.options.directory_renames == DirectoryRenames::Conflict;
    if let Some(info) = state.paths.at_mut(there) {
        info.has_path_conflict |= is_conflict;
    }
    report(state, side, pair, &old_path, is_conflict);
}

/// The directories that a path needs and nobody has.
fn make_directories(paths: &mut Paths, path: &[u8], side: Side) {
    let missing = ancestors(path).take_while(|directory| !paths.contains(directory));
    let missing: Vec<Path> = missing.map(Path::from).collect();
    for directory in missing {
        let mut info = Info::open(&directory, [None; 3]);
        info.directories = side.mask();
        paths.insert(directory, info);
    }
}

fn report(state: &mut State, side: Side, pair: &Pair, old_path: &Path, is_conflict: bool) {
    let (new_path, by) = (&pair.new_path, label(&state.labels, side));
    let renamer = label(&state.labels, side.other());
    let is_added = pair.status == Status::Added;
    let mut text: Vec<&[u8]> = match (is_conflict, is_added) {
        (true, true) => vec![b"CONFLICT (file location): ", old_path, b" added in ", &by],
        (false, true) => vec![b"Path updated: ", old_path, b" added in ", &by],
        (true, false) => vec![b"CONFLICT (file location): ", &pair.old_path],
        (false, false) => vec![b"Path updated: ", &pair.old_path],
    };
    if !is_added {
        text.extend([&b" renamed to "[..], old_path, b" in ", by]);
    }
    text.push(match is_added {
        true => b" inside a directory that was renamed in ",
        false => b", inside a directory that was renamed in ",
    });
    text.push(renamer);
    text.push(match is_conflict {
        true => b", suggesting it should perhaps be moved to ",
        false => b"; moving it to ",
    });
    text.extend([&new_path[..], b"."]);
    let topic = match is_conflict {
        true => Topic::DirectoryRenameSuggested,
        false => Topic::DirectoryRenameApplied,
    };
    state.messages.say(topic, &[new_path, old_path], &text);
}

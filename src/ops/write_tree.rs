//! Writes the tree that comes of another one and some changes, without a worktree and without an
//! index (git-update-index(1) and git-write-tree(1) in one). Only the directories on the way to what
//! changes are read and written; those of one depth are read together, which in a partial clone is
//! one request.
//!
//! As git's index does, it writes the modes that git knows: an old 100664 becomes 100644 in a tree
//! that is written anew.

use std::collections::BTreeMap;

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{self, EntryKind, NameFlaw, TreeError, TreeIter, check_name};
use crate::ops::fault;
use crate::ops::staging::Staging;
use crate::task::Task;

/// How many trees are read together.
const BATCH: usize = 256;

/// How deep directories may be nested (the default of git's `core.maxTreeDepth`).
const MAX_DEPTH: usize = 2048;

/// What happens to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// What is there goes, a directory with all that is in it.
    Remove,
    /// A file, link, submodule, or a whole directory, where there is nothing or one of its sort: a
    /// directory is in the way of what is none, and the other way round.
    Set(EntryKind, ObjectId),
    /// The same, whatever is there.
    Replace(EntryKind, ObjectId),
}

impl Edit {
    fn entry(self) -> Option<(EntryKind, ObjectId)> {
        match self {
            Edit::Remove => None,
            Edit::Set(kind, oid) | Edit::Replace(kind, oid) => Some((kind, oid)),
        }
    }
}

/// Edits by path. All of them happen at once: one within a directory that another one sets changes
/// the new directory, and one that removes what goes anyway does nothing.
pub(crate) type Edits = BTreeMap<Vec<u8>, Edit>;

/// Writes `root` with the edits applied, and answers with the new root. Directories that become
/// empty vanish; the root may be empty. Without a root there is nothing at first.
///
/// Fails with `Unsupported` for a path that no tree may have ([`NameFlaw`]), with `NotFound` for one
/// that is to be removed and is not there, and with `AlreadyExists` where a path would be a file and
/// a directory. The caller sees to it that what the edits name is staged, stored or promised, and of
/// the kind that they say.
pub(crate) async fn edit(
    task: &Task,
    staging: &mut Staging<'_>,
    root: Option<ObjectId>,
    edits: &Edits,
) -> Outcome<ObjectId> {
    let (mut directories, levels) = plan(edits)?;
    if let Some(first) = directories.first_mut() {
        first.base = root;
    }
    for level in &levels {
        for batch in level.chunks(BATCH) {
            read(task, staging, &mut directories, batch).await?;
        }
        for number in level {
            task.checkpoint().await?;
            apply(&mut directories, *number)?;
        }
    }
    let mut written = ObjectId::NULL;
    while let Some(directory) = directories.pop() {
        task.checkpoint().await?;
        if directory.entries.is_empty() && directory.parent.is_some() {
            settle(&mut directories, &directory, None)?;
            continue;
        }
        let entries = directory.entries.iter();
        let entries: Vec<_> = entries
            .map(|(name, (kind, oid))| (*kind, name.as_slice(), *oid))
            .collect();
        let content = tree::write_tree(&entries).map_err(|error| fault::malformed_tree(directory.path, &error))?;
        written = staging.put(Kind::Tree, content)?;
        settle(&mut directories, &directory, Some(written))?;
    }
    Ok(written)
}

/// A directory on the way to what changes.
#[derive(Default)]
struct Directory<'e> {
    path: &'e [u8],
    parent: Option<usize>,
    /// What changes of its own entries, by name.
    edits: BTreeMap<&'e [u8], Edit>,
    /// The directories in it on the way to what changes, by name.
    below: BTreeMap<&'e [u8], usize>,
    /// The tree that it starts from.
    base: Option<ObjectId>,
    /// What was there goes: nothing has to be there to be removed.
    gone: bool,
    entries: BTreeMap<Vec<u8>, (EntryKind, ObjectId)>,
}

/// The directories on the way to what changes, parents first, and their numbers by depth.
fn plan(edits: &Edits) -> Outcome<(Vec<Directory<'_>>, Vec<Vec<usize>>)> {
    let mut directories = vec![Directory::default()];
    let mut levels = vec![vec![0]];
    for (path, edit) in edits {
        let (mut at, mut start, mut depth) = (0, 0, 0);
        while let Some(length) = path.iter().skip(start).position(|byte| *byte == b'/') {
            let name = path.get(start..start + length).unwrap_or_default();
            check(path, name, EntryKind::Tree)?;
            start += length + 1;
            depth += 1;
            if depth >= MAX_DEPTH {
                return Err(fault::limit("treeDepth", MAX_DEPTH, "directories within each other").into());
            }
            let next = directories.len();
            let Some(parent) = directories.get_mut(at) else { break };
            let number = *parent.below.entry(name).or_insert(next);
            if number == next {
                directories.push(Directory {
                    path: path.get(..start - 1).unwrap_or_default(),
                    parent: Some(at),
                    ..Directory::default()
                });
                levels.resize_with(levels.len().max(depth + 1), Vec::new);
                levels
                    .iter_mut()
                    .skip(depth)
                    .take(1)
                    .for_each(|level| level.push(number));
            }
            at = number;
        }
        let name = path.get(start..).unwrap_or_default();
        match edit.entry() {
            Some((kind, _)) => check(path, name, kind)?,
            // What is to go may have an odd name: that is how one gets rid of it.
            None if name.is_empty() => return Err(bad_path(path, NameFlaw::Empty).into()),
            None => {}
        }
        if let Some(directory) = directories.get_mut(at) {
            directory.edits.insert(name, *edit);
        }
    }
    Ok((directories, levels))
}

/// Reads what directories start from.
async fn read(task: &Task, staging: &Staging<'_>, directories: &mut [Directory<'_>], numbers: &[usize]) -> Outcome<()> {
    let bases = numbers
        .iter()
        .filter_map(|number| Some((*number, directories.get(*number)?.base?)));
    let (numbers, oids): (Vec<usize>, Vec<ObjectId>) = bases.unzip();
    let contents = staging.read_all_as(task, &oids, Kind::Tree).await?;
    for (number, (oid, content)) in numbers.into_iter().zip(oids.iter().zip(contents)) {
        task.checkpoint().await?;
        let Some(directory) = directories.get_mut(number) else {
            continue;
        };
        for entry in TreeIter::new(&content) {
            let entry = entry.map_err(|error| fault::malformed(oid, Kind::Tree, &error))?;
            let value = (entry.mode.kind(), entry.oid);
            if directory.entries.insert(entry.name.to_vec(), value).is_some() {
                return Err(fault::malformed(oid, Kind::Tree, &TreeError::DuplicateName).into());
            }
        }
    }
    Ok(())
}

/// Applies a directory's own edits, and finds out what the directories in it start from.
fn apply(directories: &mut [Directory<'_>], number: usize) -> Outcome<()> {
    let Some(directory) = directories.get_mut(number) else {
        return Ok(());
    };
    let below = std::mem::take(&mut directory.below);
    let path_of = |name: &[u8]| match directory.path {
        b"" => name.to_vec(),
        path => [path, b"/", name].concat(),
    };
    let tree_of = |entry: Option<&(EntryKind, ObjectId)>| match entry {
        Some((EntryKind::Tree, oid)) => Some(*oid),
        _ => None,
    };
    let mut starts: BTreeMap<usize, (Option<ObjectId>, bool)> = BTreeMap::new();
    for (name, edit) in &directory.edits {
        let before = directory.entries.get(*name).copied();
        let was_tree = tree_of(before.as_ref());
        match *edit {
            Edit::Remove if before.is_none() && !directory.gone => return Err(not_there(&path_of(name)).into()),
            // It is found out at the end whether anything is left of a directory that changes.
            Edit::Set(kind, _) if !below.contains_key(name) || kind == EntryKind::Tree => {
                let is_tree = kind == EntryKind::Tree;
                if before.is_some() && was_tree.is_some() != is_tree {
                    return Err(in_the_way(&path_of(name)).into());
                }
            }
            Edit::Remove | Edit::Set(..) | Edit::Replace(..) => {}
        }
        let start = match *edit {
            Edit::Set(EntryKind::Tree, oid) | Edit::Replace(EntryKind::Tree, oid) => (Some(oid), false),
            Edit::Set(..) => (was_tree, directory.gone),
            Edit::Remove | Edit::Replace(..) => (None, true),
        };
        starts.extend(below.get(name).map(|number| (*number, start)));
        match edit.entry() {
            Some(entry) => drop(directory.entries.insert(name.to_vec(), entry)),
            None => drop(directory.entries.remove(*name)),
        }
    }
    for (name, number) in &below {
        let start = (tree_of(directory.entries.get(*name)), directory.gone);
        starts.entry(*number).or_insert(start);
    }
    for (number, (base, gone)) in starts {
        if let Some(directory) = directories.get_mut(number) {
            (directory.base, directory.gone) = (base, gone);
        }
    }
    Ok(())
}

/// Enters a directory that was written in its parent, or takes it out if nothing is left in it.
fn settle(directories: &mut [Directory<'_>], directory: &Directory<'_>, written: Option<ObjectId>) -> Outcome<()> {
    let Some(parent) = directory.parent.and_then(|parent| directories.get_mut(parent)) else {
        return Ok(());
    };
    let slash = directory.path.iter().rposition(|byte| *byte == b'/');
    let name = directory
        .path
        .get(slash.map_or(0, |slash| slash + 1)..)
        .unwrap_or_default();
    let is_file = parent
        .entries
        .get(name)
        .is_some_and(|(kind, _)| *kind != EntryKind::Tree);
    match written {
        Some(_) if is_file => return Err(in_the_way(directory.path).into()),
        Some(oid) => drop(parent.entries.insert(name.to_vec(), (EntryKind::Tree, oid))),
        None if !is_file => drop(parent.entries.remove(name)),
        None => {}
    }
    Ok(())
}

fn check(path: &[u8], name: &[u8], kind: EntryKind) -> Outcome<()> {
    check_name(name, kind).map_err(|flaw| bad_path(path, flaw).into())
}

/// A path that no tree may have.
pub(crate) fn bad_path(path: &[u8], flaw: NameFlaw) -> GitError {
    let message = format!("the path {} cannot be written: {flaw}", fault::quoted(path));
    with_path(GitError::new(Code::Unsupported, Stage::Request, message), path)
}

fn not_there(path: &[u8]) -> GitError {
    let message = format!("there is nothing at {} to be removed", fault::quoted(path));
    with_path(GitError::new(Code::NotFound, Stage::Request, message), path)
}

fn in_the_way(path: &[u8]) -> GitError {
    let message = format!("{} would be a file and a directory", fault::quoted(path));
    with_path(GitError::new(Code::AlreadyExists, Stage::Request, message), path)
        .with_hint("remove what is there in the same call")
}

fn with_path(error: GitError, path: &[u8]) -> GitError {
    error.with("path", Datum::Text(String::from_utf8_lossy(path).into_owned()))
}

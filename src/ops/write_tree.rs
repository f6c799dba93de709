//! Writes the tree that comes of another one and some changes, without a worktree and without an
//! index (git-update-index(1) and git-write-tree(1) in one; `struct tree_entry` of git's
//! `fast-import.c`). Only the directories on the way to what changes are read and written.
//!
//! As git's index does, it writes the modes that git knows: an old 100664 becomes 100644 in a tree
//! that is written anew.

mod editor;

pub(crate) use self::editor::TreeEditor;
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::tree::{EntryKind, NameFlaw};
use crate::ops::fault;
use crate::ops::staging::Staging;
use crate::sorted::SortedMap;
use crate::task::Task;

/// What happens to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// What is there goes, a directory with all that is in it.
    Remove,
    /// A file, link, submodule, or a whole directory is there then.
    Set(EntryKind, ObjectId),
}

/// Edits by path.
pub(crate) type Edits = SortedMap<Vec<u8>, Edit>;

/// Writes `root` with the edits applied, and answers with the new root: first everything is removed
/// that is to be, then set what is to be set, directories before what is in them. Without a root
/// there is nothing at first. Fails as [`TreeEditor`]'s methods do, and with `NotFound` where
/// there is nothing to be removed.
///
/// The caller sees to it that what the edits name is staged, stored or promised, and of the kind
/// that they say.
pub(crate) async fn edit(
    task: &Task,
    staging: &mut Staging<'_>,
    root: Option<ObjectId>,
    edits: &Edits,
) -> Outcome<ObjectId> {
    let mut tree = TreeEditor::new(root);
    let paths: Vec<&[u8]> = edits.keys().map(Vec::as_slice).collect();
    tree.read_ahead(task, staging, &paths).await?;
    for (path, _) in edits.iter().filter(|(_, edit)| **edit == Edit::Remove) {
        let goes_anyway = path.iter().enumerate().any(|(at, byte)| {
            let above = path.get(..at).unwrap_or_default();
            *byte == b'/' && edits.get(above) == Some(&Edit::Remove)
        });
        if !goes_anyway {
            tree.remove(task, staging, path).await?;
        }
    }
    for (path, edit) in edits {
        if let Edit::Set(kind, oid) = *edit {
            tree.set(task, staging, path, kind, oid).await?;
        }
    }
    tree.write(task, staging).await
}

/// A path that no tree may have.
pub(crate) fn bad_path(path: &[u8], flaw: NameFlaw) -> GitError {
    let message = format!("the path {} cannot be written: {flaw}", fault::quoted(path));
    with_path(Code::Unsupported, message, path)
}

/// A path with nothing at it that is to be changed.
pub(crate) fn not_there(path: &[u8]) -> GitError {
    let message = format!("there is nothing at {}", fault::quoted(path));
    with_path(Code::NotFound, message, path)
}

fn in_the_way(path: &[u8]) -> GitError {
    let message = format!("{} would be a file and a directory", fault::quoted(path));
    with_path(Code::AlreadyExists, message, path).with_hint("remove what is there first")
}

fn taken(path: &[u8]) -> GitError {
    let message = format!("there is something at {} already", fault::quoted(path));
    with_path(Code::AlreadyExists, message, path).with_hint("remove what is there first")
}

fn with_path(code: Code, message: String, path: &[u8]) -> GitError {
    let path = String::from_utf8_lossy(path).into_owned();
    GitError::new(code, Stage::Request, message).with("path", Datum::Text(path))
}

//! Three-way merges of trees: what `git merge-tree --write-tree` computes (git's `merge-ort.c`).
//!
//! Nothing is read here: [`TreeMerge::step`] says which trees and blobs it needs, and is given them.
//! What it made (merged files, files with markers, trees) is asked for in between.
//!
//! The steps:
//!
//! 1. The trees are read side by side; most paths are decided at once ([`collect`]).
//! 2. Of what went and what came on each side, some is the same under another name ([`detect`]).
//! 3. What one side put into a directory that the other renamed belongs there, too
//!    ([`directories`]).
//! 4. What is known of an old name is brought to the new one ([`renames`]).
//! 5. Path by path, what is in a directory before the directory itself, the rest is decided, files
//!    merged and trees written ([`entries`], [`content`], [`trees`]).
//!
//! As in git, attributes and the configuration of drivers are not consulted (a repository without
//! a worktree has none), and submodules are never merged: their histories are not here.

mod collect;
mod content;
mod detect;
mod directories;
mod entries;
mod git_order;
mod listing;
mod message;
mod pairs;
mod paths;
mod renames;
#[cfg(test)]
mod tests;
mod trees;

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

pub use collect::MAX_DEPTH;
pub use message::{Message, Topic};
pub use paths::{Side, Version};

use super::file::{Favor, Labels, Style};
use crate::algo::rename::MERGE_LIMIT;
use crate::format::hash::hash_object;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::TreeError;
use collect::Collect;
use detect::Detect;
use entries::Entries;
use message::Messages;
use pairs::SideChanges;
use paths::Paths;
use renames::Renames;

/// What is done about files that one side put into a directory that the other one renamed:
/// `merge.directoryRenames`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectoryRenames {
    /// Nothing.
    Ignore,
    /// They are moved along, which is reported as a conflict.
    #[default]
    Conflict,
    /// They are moved along.
    Apply,
}

/// How trees are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How conflicts in files are shown.
    pub style: Style,
    /// What becomes of conflicts in files; [`Favor::Union`] is for files alone.
    pub favor: Option<Favor>,
    /// Whether renames are looked for.
    pub renames: bool,
    /// How similar a file must be to be the same under another name, in 60000ths
    /// (`-X find-renames`); 0 stands for half.
    pub similarity: u32,
    /// How many files are compared with each other at most: as if that many came and went
    /// (`merge.renameLimit`).
    pub rename_limit: usize,
    /// What is done about renamed directories.
    pub directory_renames: DirectoryRenames,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            style: Style::default(),
            favor: None,
            renames: true,
            similarity: 0,
            rename_limit: MERGE_LIMIT,
            directory_renames: DirectoryRenames::default(),
        }
    }
}

/// Why trees cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A tree cannot be read.
    BadTree {
        /// The tree.
        oid: ObjectId,
        /// Why.
        error: TreeError,
    },
    /// Directories are nested deeper than git allows.
    TooDeep,
    /// A tree that would have to be written has a name that is not allowed.
    Unwritable(TreeError),
    /// What was made shows the marks of a SHA-1 collision attack.
    Collision,
    /// The merge was done, or had failed.
    Finished,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::BadTree { oid, error } => write!(f, "tree {oid}: {error}"),
            Error::TooDeep => f.write_str("directories are nested too deeply"),
            Error::Unwritable(error) => write!(f, "the merged tree cannot be written: {error}"),
            Error::Finished => f.write_str("the merge is over"),
            Error::Collision => f.write_str("what was merged shows the marks of a SHA-1 collision attack"),
        }
    }
}

impl std::error::Error for Error {}

/// Something that was made and has to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub oid: ObjectId,
    /// A blob or a tree.
    pub kind: Kind,
    /// Its content.
    pub content: Vec<u8>,
}

/// A path that is in conflict: what the index would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The path.
    pub path: Rc<[u8]>,
    /// What base, ours and theirs have there, as far as it counts.
    pub stages: [Option<Version>; 3],
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The tree. Where there are conflicts, files have markers in them, and some have other names.
    pub tree: ObjectId,
    /// Whether nobody has to look at it.
    pub is_clean: bool,
    /// What is in conflict, ordered by path.
    pub conflicts: Vec<Conflict>,
    /// What there is to say, ordered by path.
    pub messages: Vec<Message>,
}

/// What a merge needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These trees.
    Trees(Vec<ObjectId>),
    /// These blobs.
    Blobs(Vec<ObjectId>),
    /// Nothing now. These blobs will be asked for, a few at a time; where they are far away, they
    /// are better brought together.
    Soon(Vec<ObjectId>),
    /// Nothing; there is more to do. A good time to look up.
    Busy,
    /// It is done.
    Done(Merged),
}

/// What all steps share.
#[derive(Debug)]
struct State {
    options: Options,
    labels: Labels,
    /// How many merges this one makes a base for.
    depth: usize,
    paths: Paths,
    messages: Messages,
    made: Vec<Made>,
    /// Blobs that were read for what is merged now.
    blobs: HashMap<ObjectId, Rc<Vec<u8>>>,
}

impl State {
    /// What becomes of conflicts in files: those of a base stay.
    fn favor(&self) -> Option<Favor> {
        self.options.favor.filter(|_| self.depth == 0)
    }

    fn make(&mut self, kind: Kind, content: Vec<u8>) -> Result<ObjectId, Error> {
        let oid = hash_object(kind, &content).map_err(|_| Error::Collision)?;
        self.made.push(Made { oid, kind, content });
        Ok(oid)
    }
}

/// What a side is called.
fn label(labels: &Labels, side: Side) -> &[u8] {
    match side {
        Side::Ours => &labels.ours,
        Side::Theirs => &labels.theirs,
    }
}

/// A merge on its way.
pub struct TreeMerge {
    state: State,
    stage: Stage,
}

enum Stage {
    Collect(Box<Collect>),
    Detect(Box<Detecting>),
    Rename(Renames, bool),
    Entries(Entries, bool),
    Done,
}

/// Renames are looked for on one side after the other.
struct Detecting {
    changes: [SideChanges; 2],
    side: Side,
    detect: Option<Detect>,
}

impl TreeMerge {
    /// Merges what became of the tree `base` on two sides; without a base, everything came. `depth`
    /// is 0 unless the result is to be a base itself: then the depth of that merge and 1.
    pub fn new(
        base: Option<ObjectId>,
        ours: ObjectId,
        theirs: ObjectId,
        labels: Labels,
        options: Options,
        depth: usize,
    ) -> Self {
        TreeMerge {
            state: State {
                options,
                labels,
                depth,
                paths: Paths::default(),
                messages: Messages::new(depth > 0),
                made: Vec::new(),
                blobs: HashMap::new(),
            },
            stage: Stage::Collect(Box::new(Collect::new([base, Some(ours), Some(theirs)]))),
        }
    }

    /// What was made since this was asked last.
    pub fn made(&mut self) -> Vec<Made> {
        std::mem::take(&mut self.state.made)
    }

    /// Gives a tree or a blob that was asked for.
    pub fn provide(&mut self, oid: ObjectId, content: Rc<Vec<u8>>) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Collect(collect) => collect.provide(oid, &content)?,
            Stage::Detect(detecting) => {
                if let Some(detect) = &mut detecting.detect {
                    detect.provide(oid, &content);
                }
            }
            Stage::Rename(..) | Stage::Entries(..) | Stage::Done => {
                self.state.blobs.insert(oid, content);
            }
        }
        Ok(())
    }

    /// Goes on as far as it can.
    pub fn step(&mut self) -> Result<Step, Error> {
        loop {
            match &mut self.stage {
                Stage::Collect(collect) => {
                    if let Some(trees) = collect.step()? {
                        return Ok(Step::Trees(trees));
                    }
                    let Stage::Collect(collect) = std::mem::replace(&mut self.stage, Stage::Done) else {
                        continue;
                    };
                    let collected = collect.finish();
                    self.state.paths = collected.paths;
                    self.stage = self.after_collecting(collected.changes);
                }
                Stage::Detect(detecting) => {
                    if let Some(needed) = detecting.step(&self.state.options) {
                        return Ok(needed);
                    }
                    let changes = std::mem::take(&mut detecting.changes);
                    let (pairs, is_clean) = directories::apply(&mut self.state, changes);
                    self.stage = Stage::Rename(Renames::new(pairs), is_clean);
                }
                Stage::Rename(renames, is_clean) => {
                    if let Some(blobs) = renames.step(&mut self.state)? {
                        return Ok(Step::Blobs(blobs));
                    }
                    let (entries, is_clean) = (Entries::new(&self.state), *is_clean);
                    let soon = entries.soon(&self.state);
                    self.stage = Stage::Entries(entries, is_clean);
                    if !soon.is_empty() {
                        return Ok(Step::Soon(soon));
                    }
                }
                Stage::Entries(entries, is_clean) => {
                    if let Some(blobs) = entries.step(&mut self.state)? {
                        return Ok(Step::Blobs(blobs));
                    }
                    let (tree, conflicts) = entries.finish(&mut self.state)?;
                    let merged = Merged {
                        tree,
                        is_clean: *is_clean && conflicts.is_empty(),
                        conflicts,
                        messages: std::mem::take(&mut self.state.messages).finish(),
                    };
                    self.stage = Stage::Done;
                    return Ok(Step::Done(merged));
                }
                Stage::Done => return Err(Error::Finished),
            }
        }
    }

    fn after_collecting(&self, changes: [SideChanges; 2]) -> Stage {
        let is_needed = changes.iter().any(SideChanges::may_have_renames);
        if is_needed && self.state.options.renames {
            return Stage::Detect(Box::new(Detecting {
                changes,
                side: Side::Ours,
                detect: None,
            }));
        }
        Stage::Rename(Renames::new(Vec::new()), true)
    }
}

impl Detecting {
    /// What has to be read; `None` if the renames of both sides are known.
    fn step(&mut self, options: &Options) -> Option<Step> {
        loop {
            let changes = self.changes.get_mut(self.side.index())?;
            if self.detect.is_none() && changes.may_have_renames() {
                let changes = std::mem::take(changes);
                self.detect = Some(Detect::new(changes, options.similarity, options.rename_limit));
            }
            if let Some(step) = self.detect.as_mut().and_then(Detect::step) {
                return Some(step);
            }
            if let Some(detect) = self.detect.take() {
                *changes = detect.finish();
            }
            match self.side {
                Side::Ours => self.side = Side::Theirs,
                Side::Theirs => return None,
            }
        }
    }
}

//! What came and went on one side, and which of it became which (`struct rename_info` in git's
//! `merge-ort.c`).

use super::paths::{Path, Version};
use crate::algo::rename::{DirectoryCounts, MergeHints};

/// How a file changed on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Added,
    Deleted,
    Renamed,
}

/// A file that came, went, or got another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub status: Status,
    pub old_path: Path,
    pub new_path: Path,
    /// What it is or, if it is gone, was.
    pub version: Version,
}

impl Pair {
    pub fn gone(path: &Path, version: Version) -> Self {
        Pair {
            status: Status::Deleted,
            old_path: path.clone(),
            new_path: path.clone(),
            version,
        }
    }

    pub fn came(path: &Path, version: Version) -> Self {
        Pair {
            status: Status::Added,
            ..Pair::gone(path, version)
        }
    }
}

/// What came and went on one side.
#[derive(Debug, Default)]
pub(super) struct SideChanges {
    pub pairs: Vec<Pair>,
    /// Files that went and whose new names are wanted, and directories that went.
    pub hints: MergeHints,
    /// Where the files of directories went.
    pub counts: DirectoryCounts,
}

impl SideChanges {
    /// Whether there can be a rename that matters.
    pub fn may_have_renames(&self) -> bool {
        !self.pairs.is_empty() && !self.hints.relevant.is_empty()
    }
}

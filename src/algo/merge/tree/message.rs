//! What a merge has to say of paths, in git's words (`path_msg` in `merge-ort.c`).

use super::paths::Path;
use crate::sorted::SortedMap;

/// What a message is about. The names are those that `git merge-tree -z` prints
/// ([`Topic::as_str`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A file was merged; no conflict.
    AutoMerging,
    /// The sides changed the same lines, added different files, or a submodule went two ways.
    Contents,
    /// A file without lines was changed by both sides.
    Binary,
    /// One side has a directory where the other has a file.
    FileDirectory,
    /// One side has a file where the other has a symbolic link or a submodule.
    DistinctModes,
    /// One side changed what the other removed.
    ModifyDelete,
    /// The sides gave a file different names.
    RenameRename,
    /// A file was renamed to a name that the other side uses, and its content is in conflict.
    RenameCollides,
    /// One side renamed what the other removed.
    RenameDelete,
    /// One side put a file into a directory that the other renamed.
    DirectoryRenameSuggested,
    /// That file was moved along; no conflict.
    DirectoryRenameApplied,
    /// It was not, since the directory it would be moved into was renamed, too; no conflict.
    DirectoryRenameSkipped,
    /// Something is where it would be moved to.
    DirectoryRenameFileInWay,
    /// Several files would be moved to one place.
    DirectoryRenameCollision,
    /// A directory went to several places, none of which got most of it.
    DirectoryRenameSplit,
    /// A submodule was changed by both sides: its history is not here to be merged.
    SubmoduleNotInitialized,
}

impl Topic {
    /// The name, which programs may compare.
    pub const fn as_str(self) -> &'static str {
        match self {
            Topic::AutoMerging => "Auto-merging",
            Topic::Contents => "CONFLICT (contents)",
            Topic::Binary => "CONFLICT (binary)",
            Topic::FileDirectory => "CONFLICT (file/directory)",
            Topic::DistinctModes => "CONFLICT (distinct modes)",
            Topic::ModifyDelete => "CONFLICT (modify/delete)",
            Topic::RenameRename => "CONFLICT (rename/rename)",
            Topic::RenameCollides => "CONFLICT (rename involved in collision)",
            Topic::RenameDelete => "CONFLICT (rename/delete)",
            Topic::DirectoryRenameSuggested => "CONFLICT (directory rename suggested)",
            Topic::DirectoryRenameApplied => "Path updated due to directory rename",
            Topic::DirectoryRenameSkipped => "Directory rename skipped since directory was renamed on both sides",
            Topic::DirectoryRenameFileInWay => "CONFLICT (file in way of directory rename)",
            Topic::DirectoryRenameCollision => "CONFLICT(directory rename collision)",
            Topic::DirectoryRenameSplit => "CONFLICT(directory rename unclear split)",
            Topic::SubmoduleNotInitialized => "CONFLICT (submodule not initialized)",
        }
    }

    /// Whether it tells of a conflict.
    pub const fn is_conflict(self) -> bool {
        !matches!(
            self,
            Topic::AutoMerging | Topic::DirectoryRenameApplied | Topic::DirectoryRenameSkipped
        )
    }
}

/// Something said of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub topic: Topic,
    /// The path it is about, then those that have to do with it.
    pub paths: Vec<Path>,
    /// Git's words, without a newline.
    pub text: Vec<u8>,
}

/// All that was said, by the path it is about.
#[derive(Debug, Default)]
pub(super) struct Messages {
    by_path: SortedMap<Path, Vec<Message>>,
    /// Nobody listens: what is merged is a base.
    is_silent: bool,
}

impl Messages {
    pub fn new(is_silent: bool) -> Self {
        Messages {
            by_path: SortedMap::new(),
            is_silent,
        }
    }

    /// Says something; `text` is put together of its parts.
    pub fn say(&mut self, topic: Topic, paths: &[&Path], text: &[&[u8]]) {
        let Some(first) = paths.first().filter(|_| !self.is_silent) else {
            return;
        };
        self.by_path.entry((*first).clone()).or_default().push(Message {
            topic,
            paths: paths.iter().map(|path| (*path).clone()).collect(),
            text: text.concat(),
        });
    }

    /// All of them, ordered by the path.
    pub fn finish(self) -> Vec<Message> {
        self.by_path.into_values().flatten().collect()
    }
}

//! Where the folders of renamed files went. A merge asks for it, because files that the other side
//! adds to a folder go with it; and it says which of several files of one name is meant
//! (`update_dir_rename_counts` and its neighbours in git's `diffcore-rename.c`).

use crate::sorted::{SortedMap, order};
use std::collections::HashMap;

use super::{MergeHints, Relevance, folder_of, name_of};

/// For each removed folder: to which folders its files went, and how many to each. The root is the
/// empty path.
pub type DirectoryCounts = SortedMap<Vec<u8>, SortedMap<Vec<u8>, u32>>;

/// Whether a merge asks where a removed folder went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryUse {
    /// It does not.
    Nothing,
    /// Only for a folder above it.
    Ancestor,
    /// It does.
    Itself,
}

pub(super) struct Directories {
    removed: HashMap<Vec<u8>, DirectoryUse>,
    counts: DirectoryCounts,
}

/// For each folder: the one to which most of its files went.
pub(super) struct Guesses<'a>(HashMap<&'a [u8], &'a [u8]>);

impl Directories {
    pub(super) fn new(hints: &MergeHints) -> Self {
        Directories {
            removed: hints.removed.clone(),
            counts: DirectoryCounts::new(),
        }
    }

    fn use_of(&self, folder: &[u8]) -> Option<DirectoryUse> {
        self.removed.get(folder).copied()
    }

    /// Counts a rename for the file's folder, and for those above it as long as the paths below
    /// them are the same: `a/b/c/d` that became `a/x/y/c/d` says that `a/b` went to `a/x/y`.
    pub(super) fn count(&mut self, old: &[u8], new: &[u8]) {
        let (mut old_folder, mut new_folder) = (folder_of(old), folder_of(new));
        let mut first = true;
        while let Some(used) = self.use_of(old_folder) {
            if first || used == DirectoryUse::Itself {
                let counts = self.counts.entry(old_folder.to_vec()).or_default();
                *counts.entry(new_folder.to_vec()).or_default() += 1;
            }
            first = false;
            let at_root = old_folder.is_empty() || new_folder.is_empty();
            if used == DirectoryUse::Nothing || at_root || name_of(old_folder) != name_of(new_folder) {
                return;
            }
            (old_folder, new_folder) = (folder_of(old_folder), folder_of(new_folder));
        }
    }

    pub(super) fn guesses(&self) -> Guesses<'_> {
        let mut guesses = HashMap::new();
        for (folder, counts) in &self.counts {
            if let Some((most, _)) = counts.iter().rev().max_by_key(|(_, count)| **count) {
                guesses.insert(folder.as_slice(), most.as_slice());
            }
        }
        Guesses(guesses)
    }

    /// Gives up the sources that are only to tell where their folder went, where that is clear from
    /// the renames that are known: whatever became of the others, most files went there.
    pub(super) fn drop_what_is_settled<'a>(
        &mut self,
        active: &mut Vec<usize>,
        path: &impl Fn(&usize) -> Option<&'a [u8]>,
        relevant: &HashMap<Vec<u8>, Relevance>,
    ) {
        let mut unknown: HashMap<&[u8], u32> = HashMap::new();
        for path in active.iter().filter_map(path) {
            let mut folder = folder_of(path);
            while !folder.is_empty() && self.is_used(folder) {
                *unknown.entry(folder).or_default() += 1;
                folder = folder_of(folder);
            }
        }
        for (folder, counts) in &self.counts {
            let mut sorted: Vec<u32> = counts.values().copied().collect();
            order::sort_by(&mut sorted, |a, b| b.cmp(a));
            let first = sorted.first().copied().unwrap_or_default();
            let second = sorted.get(1).copied().unwrap_or_default();
            let unknown = unknown.get(folder.as_slice()).copied().unwrap_or_default();
            if let Some(used @ DirectoryUse::Itself) = self.removed.get_mut(folder)
                && first > second.saturating_add(unknown)
            {
                *used = DirectoryUse::Ancestor;
            }
        }
        active.retain(|source| {
            let Some(path) = path(source) else {
                return false;
            };
            relevant.get(path) != Some(&Relevance::Location) || self.asks_for(folder_of(path))
        });
    }

    fn is_used(&self, folder: &[u8]) -> bool {
        !matches!(self.use_of(folder), None | Some(DirectoryUse::Nothing))
    }

    /// Whether the merge still asks where this folder went, or one above it that went with it.
    fn asks_for(&self, mut folder: &[u8]) -> bool {
        loop {
            match self.use_of(folder) {
                None | Some(DirectoryUse::Nothing) => return false,
                Some(DirectoryUse::Itself) => return true,
                Some(DirectoryUse::Ancestor) if folder.is_empty() => return false,
                Some(DirectoryUse::Ancestor) => folder = folder_of(folder),
            }
        }
    }

    /// The counts of the folders that the merge asks for.
    pub(super) fn finish(self) -> DirectoryCounts {
        let mut counts = self.counts;
        let removed = self.removed;
        counts.retain(|folder, _| !matches!(removed.get(folder), None | Some(DirectoryUse::Nothing)));
        counts
    }
}

impl Guesses<'_> {
    /// Where the file is if it went with its folder.
    pub(super) fn moved(&self, path: &[u8]) -> Option<Vec<u8>> {
        let folder = self.0.get(folder_of(path))?;
        Some([*folder, b"/", name_of(path)].concat())
    }
}

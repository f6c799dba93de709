//! Trees side by side.

use std::collections::{HashMap, HashSet};

use super::paths::{Stages, Version};
use crate::format::tree::{TreeError, TreeIter};

/// The entries of a tree in its order, and by name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<(Vec<u8>, Version)>,
    by_name: HashMap<Vec<u8>, usize>,
}

impl Listing {
    /// Reads the content of a tree.
    pub fn read(content: &[u8]) -> Result<Self, TreeError> {
        let mut listing = Listing::default();
        for entry in TreeIter::new(content) {
            let entry = entry?;
            let version = Version {
                kind: entry.mode.kind(),
                oid: entry.oid,
            };
            listing
                .by_name
                .entry(entry.name.to_vec())
                .or_insert(listing.entries.len());
            listing.entries.push((entry.name.to_vec(), version));
        }
        Ok(listing)
    }

    fn get(&self, name: &[u8]) -> Option<Version> {
        let at = self.by_name.get(name)?;
        self.entries.get(*at).map(|(_, version)| *version)
    }
}

/// The entries of three trees by name, in git's order: of the next entries of the trees, the one
/// whose name comes first, together with those of its name further on (`traverse_trees`; a
/// directory `t` may come behind `t-2`, and a file `t` before it).
pub(super) fn together(trees: [&Listing; 3]) -> Vec<(&[u8], Stages)> {
    let mut entries = trees.map(|tree| tree.entries.iter().map(|(name, _)| name.as_slice()).peekable());
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut found = Vec::new();
    loop {
        for names in &mut entries {
            while names.next_if(|name| seen.contains(*name)).is_some() {}
        }
        let Some(first) = entries.iter_mut().filter_map(|names| names.peek().copied()).min() else {
            return found;
        };
        seen.insert(first);
        found.push((first, trees.map(|tree| tree.get(first))));
    }
}

//! Files of the same name in another folder (`find_basename_matches`). Most renames are of this
//! kind, and to look at them first spares the comparison of everything with everything.

use std::collections::HashMap;

use super::{Renames, name_of};
use crate::algo::similarity::MAX_SCORE;

impl Renames {
    /// Sources and targets that are worth a look because of their name: one that no other source
    /// and no other target has, else one in the folder to which its folder seems to have gone.
    pub(super) fn pairs_of_one_name(&self) -> Vec<(usize, usize)> {
        let sources = self.active.iter().filter_map(|&source| {
            let source_file = &self.sources.get(source)?.file;
            Some((name_of(&source_file.path), source))
        });
        let targets = self.targets.iter().enumerate().filter_map(|(target, file)| {
            let waits = self.takes_part(target) && self.match_of(target).is_none();
            waits.then_some((name_of(&file.path), target))
        });
        let source_names = unique(sources.clone());
        let target_names = unique(targets.clone());
        let by_path: HashMap<&[u8], usize> = targets
            .filter_map(|(_, target)| Some((self.targets.get(target)?.path.as_slice(), target)))
            .collect();
        let guesses = self.directories.as_ref().map(|directories| directories.guesses());

        let pair = |(name, source): (&[u8], usize)| {
            let path = &self.sources.get(source)?.file.path;
            let hints = self.options.merge.as_ref();
            if hints.is_some_and(|hints| !hints.relevant.contains_key(path)) {
                return None;
            }
            let unique_source = source_names.get(name).copied().flatten();
            let target = match (unique_source, target_names.get(name)?) {
                (Some(_), Some(target)) => *target,
                _ => *by_path.get(guesses.as_ref()?.moved(path)?.as_slice())?,
            };
            Some((source, target))
        };
        sources.filter_map(pair).collect()
    }

    /// Records those that are similar enough: halfway between the minimum and the same.
    pub(super) fn pair_names(&mut self, pairs: &[(usize, usize)]) {
        let minimum = self.options.minimum;
        let minimum = minimum + (MAX_SCORE.saturating_sub(minimum)) / 2;
        for &(source, target) in pairs {
            if self.match_of(target).is_some() {
                continue;
            }
            let score = self.score(source, target, minimum);
            if score >= minimum {
                self.record(source, target, score);
                self.count_directory(source, target);
            }
        }
    }
}

/// By name: who has it, `None` if several do.
fn unique<'a>(named: impl Iterator<Item = (&'a [u8], usize)>) -> HashMap<&'a [u8], Option<usize>> {
    let mut unique = HashMap::new();
    for (name, file) in named {
        unique
            .entry(name)
            .and_modify(|found| *found = None)
            .or_insert(Some(file));
    }
    unique
}

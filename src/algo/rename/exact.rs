//! Files with the same content (`find_exact_renames`).
//!
//! Git's table of sources turns the order of equals around when it grows with the last of them, which
//! it does if there are exactly 205 or 3277. That is not followed.

use std::collections::HashMap;

use super::{File, Renames, name_of};
use crate::algo::similarity::MAX_SCORE;
use crate::format::oid::ObjectId;

/// The blob without content.
const EMPTY: [u8; 20] = [
    0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c, 0x53,
    0x91,
];

/// Of one content no more sources than this are looked at.
const MAX_ALIKE: usize = 100;

impl Renames {
    /// Gives each target a source of the same content, one that is not used yet and one of the same
    /// name if there are several. False if there is nothing to search.
    pub(super) fn pair_exact(&mut self) -> bool {
        let count = self.sources.len();
        let takes_part = |source: &usize| {
            self.sources
                .get(*source)
                .is_some_and(|source| self.may_be_renamed(&source.file))
        };
        self.active = (0..count).filter(takes_part).collect();
        let any_target = (0..self.targets.len()).any(|target| self.takes_part(target));
        if self.active.is_empty() || !any_target {
            return false;
        }
        let mut alike: HashMap<ObjectId, Vec<usize>> = HashMap::new();
        for &source in &self.active {
            if let Some(found) = self.sources.get(source) {
                alike.entry(found.file.oid).or_default().push(source);
            }
        }
        for target in 0..self.targets.len() {
            if let Some(source) = self.exact_source(target, &alike) {
                self.record(source, target, MAX_SCORE);
            }
        }
        true
    }

    pub(super) fn takes_part(&self, target: usize) -> bool {
        self.targets.get(target).is_some_and(|file| self.may_be_renamed(file))
    }

    fn may_be_renamed(&self, file: &File) -> bool {
        self.options.empty || file.oid != ObjectId::new(EMPTY)
    }

    fn exact_source(&self, target: usize, alike: &HashMap<ObjectId, Vec<usize>>) -> Option<usize> {
        let file = self.targets.get(target)?;
        let candidates = alike.get(&file.oid).filter(|_| self.may_be_renamed(file))?;
        let scored = candidates
            .iter()
            .filter_map(|&source| Some((source, &self.sources.get(source)?.file)))
            .filter(|(_, old)| old.is_regular() && file.is_regular() || old.kind == file.kind)
            .filter(|(source, _)| self.options.copies || !self.is_used(*source))
            .map(|(source, old)| {
                let same_name = name_of(&old.path) == name_of(&file.path);
                (source, u8::from(!self.is_used(source)) + u8::from(same_name))
            });
        // The first of the best.
        let mut best: Option<(usize, u8)> = None;
        for (source, score) in scored.take(MAX_ALIKE) {
            if best.is_none_or(|(_, best)| score > best) {
                best = Some((source, score));
            }
            if score == 2 {
                break;
            }
        }
        best.map(|(source, _)| source)
    }
}

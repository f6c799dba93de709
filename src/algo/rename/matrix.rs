//! Files that are similar, whatever their names: every source that is left is compared with every
//! target that is (the last part of `diffcore_rename_extended`).

use super::{Renames, name_of};
use crate::sorted::order;

/// For one target no more candidates than this are kept (git's `NUM_CANDIDATE_PER_DST`).
const CANDIDATES: usize = 4;

/// The best candidates of each target.
pub(super) struct Matrix {
    targets: std::vec::IntoIter<usize>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Candidate {
    source: usize,
    target: usize,
    score: u32,
    same_name: bool,
}

impl Candidate {
    /// The most similar are best, and of these those whose name is the same.
    fn rank(&self) -> (u32, bool) {
        (self.score, self.same_name)
    }
}

impl Matrix {
    pub(super) fn new(targets: Vec<usize>) -> Self {
        Matrix {
            targets: targets.into_iter(),
            candidates: Vec::new(),
        }
    }

    /// Compares the next target with all sources. False if there is none.
    pub(super) fn fill_row(&mut self, renames: &Renames) -> bool {
        let Some(target) = self.targets.next() else {
            return false;
        };
        let mut row: [Option<Candidate>; CANDIDATES] = [None; CANDIDATES];
        for &source in &renames.active {
            let same_name = match (renames.sources.get(source), renames.targets.get(target)) {
                (Some(old), Some(new)) => name_of(&old.file.path) == name_of(&new.path),
                _ => false,
            };
            let candidate = Candidate {
                source,
                target,
                score: renames.score(source, target, renames.options.minimum),
                same_name,
            };
            keep_if_better(&mut row, candidate);
        }
        self.candidates.extend(row.into_iter().flatten());
        true
    }
}

/// Puts the candidate into the place of the worst, the first of such, if it is better. Places stay
/// as they are otherwise: among equals the order of the places decides in the end.
fn keep_if_better(row: &mut [Option<Candidate>; CANDIDATES], candidate: Candidate) {
    let rank = |place: &Option<Candidate>| place.map(|kept| kept.rank());
    let mut places = row.iter_mut();
    let Some(mut worst) = places.next() else {
        return;
    };
    for place in places {
        if rank(place) < rank(worst) {
            worst = place;
        }
    }
    if rank(worst) < Some(candidate.rank()) {
        *worst = Some(candidate);
    }
}

impl Renames {
    /// Takes the best candidates first. A source becomes one file only, unless it may be copied.
    pub(super) fn pair_similar(&mut self, matrix: Matrix) {
        let minimum = self.options.minimum;
        let mut candidates = matrix.candidates;
        candidates.retain(|candidate| candidate.score >= minimum);
        order::sort_by_key(&mut candidates, |candidate| std::cmp::Reverse(candidate.rank()));
        let rounds: &[bool] = if self.options.copies { &[false, true] } else { &[false] };
        for &copies in rounds {
            for candidate in &candidates {
                let Candidate {
                    source, target, score, ..
                } = *candidate;
                if self.match_of(target).is_some() || !copies && self.is_used(source) {
                    continue;
                }
                self.record(source, target, score);
                self.count_directory(source, target);
            }
        }
    }
}

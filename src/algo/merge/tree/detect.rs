//! Looks for renames among what came and went on one side (`detect_regular_renames` in git's
//! `merge-ort.c`), with [`crate::algo::rename`].

use super::Step;
use super::pairs::{Pair, SideChanges, Status};
use crate::algo::rename::{self, DEFAULT_MINIMUM, Fate, File, MergeHints, Renames, Source};
use crate::format::oid::ObjectId;

/// A search on one side.
pub(super) struct Detect {
    pairs: Vec<Pair>,
    /// For each source of the search, its place among the pairs.
    sources: Vec<usize>,
    /// For each target, too.
    targets: Vec<usize>,
    search: Renames,
    /// Blobs that the search asked for, and that were announced.
    announced: Option<Vec<ObjectId>>,
}

impl Detect {
    /// A search for files that are at least that similar (0 stands for half), if no more than
    /// `limit` times `limit` have to be compared.
    pub fn new(mut changes: SideChanges, similarity: u32, limit: usize) -> Self {
        let places = |status: Status| {
            let pairs = changes.pairs.iter().enumerate();
            let matching = pairs.filter(|(_, pair)| pair.status == status);
            matching.map(|(place, _)| place).collect::<Vec<usize>>()
        };
        let (sources, targets) = (places(Status::Deleted), places(Status::Added));
        let file = |place: &usize| {
            changes.pairs.get(*place).map(|pair| File {
                path: pair.new_path.to_vec(),
                kind: pair.version.kind,
                oid: pair.version.oid,
            })
        };
        let gone = sources.iter().filter_map(file).map(|file| Source {
            file,
            fate: Fate::Deleted,
        });
        let (gone, came) = (gone.collect(), targets.iter().filter_map(file).collect());
        let options = rename::Options {
            minimum: if similarity == 0 { DEFAULT_MINIMUM } else { similarity },
            limit,
            copies: false,
            empty: false,
            merge: Some(std::mem::take(&mut changes.hints)),
        };
        Detect {
            pairs: changes.pairs,
            sources,
            targets,
            search: Renames::new(gone, came, options),
            announced: None,
        }
    }

    /// What it needs; `None` if it is done.
    pub fn step(&mut self) -> Option<Step> {
        if let Some(blobs) = self.announced.take() {
            return Some(Step::Blobs(blobs));
        }
        match self.search.step() {
            rename::Step::Need(blobs) => {
                self.announced = Some(blobs.clone());
                Some(Step::Soon(blobs))
            }
            rename::Step::Busy => Some(Step::Busy),
            rename::Step::Done => None,
        }
    }

    /// Gives a blob that was asked for.
    pub fn provide(&mut self, oid: ObjectId, content: &[u8]) {
        self.search.give(oid, content);
    }

    /// What came and went, where a file that got another name is one of those that came, and has
    /// gone nowhere else.
    pub fn finish(self) -> SideChanges {
        let found = self.search.finish();
        let mut pairs: Vec<Option<Pair>> = self.pairs.into_iter().map(Some).collect();
        for pair in &found.pairs {
            let source = self.sources.get(pair.source).and_then(|place| pairs.get_mut(*place));
            let source = source.and_then(Option::take);
            let target = self.targets.get(pair.target).and_then(|place| pairs.get_mut(*place));
            if let (Some(source), Some(Some(target))) = (source, target) {
                target.status = Status::Renamed;
                target.old_path = source.old_path;
            }
        }
        SideChanges {
            pairs: pairs.into_iter().flatten().collect(),
            hints: MergeHints::default(),
            counts: found.directories,
        }
    }
}

//! Which of the files that came are files that went (git's `diffcore-rename.c`): first those with
//! the same content, then those with the same name in another folder, then whatever is similar
//! enough, the most similar first.
//!
//! ```text
//!  exact ──► by name ──► by similarity ──► done
//!               Need        Need, Busy
//! ```
//!
//! [`Renames`] reads nothing: [`Renames::step`] says which contents it needs, and they are handed
//! in one by one by [`Renames::give`]. It keeps a fingerprint of each, not the content.
//!
//! The result depends on the order of the files: both lists are in the order of their paths' bytes,
//! as a diff of two trees finds them.

mod directories;
mod exact;
mod matrix;
mod names;

use std::collections::{HashMap, HashSet};

use crate::algo::similarity::{Fingerprint, MAX_SCORE};
use crate::format::oid::ObjectId;
use crate::format::tree::EntryKind;

use directories::Directories;
pub use directories::{DirectoryCounts, DirectoryUse};
use matrix::Matrix;

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the root of the tree.
    pub path: Vec<u8>,
    /// What it is; never a tree.
    pub kind: EntryKind,
    /// Its content.
    pub oid: ObjectId,
}

impl File {
    /// Whether its content can be like another's. Links and submodules are the same or not.
    fn is_regular(&self) -> bool {
        matches!(self.kind, EntryKind::Blob | EntryKind::Executable)
    }
}

/// What became of a file of the old tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone: it may have been renamed.
    Deleted,
    /// It is there, and changed: it may have been copied (`git diff -C`).
    Changed,
    /// It is there as it was: it may have been copied (`git diff -C -C`).
    Unchanged,
}

/// A file of the old tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub file: File,
    /// What became of it.
    pub fate: Fate,
}

/// What counts as a rename.
#[derive(Clone, Debug)]
pub struct Options {
    /// The least score, of [`MAX_SCORE`]; `git diff -M`. With [`MAX_SCORE`] itself no content is
    /// compared.
    pub minimum: u32,
    /// Similarity is left out if that meant to compare more pairs than the square of this (`-l`); 0
    /// is no limit.
    pub limit: usize,
    /// Whether files may be copied from (`-C`).
    pub copies: bool,
    /// Whether files without content take part. They do in git-diff(1), not in git-merge(1).
    pub empty: bool,
    /// What a merge knows beside the files.
    pub merge: Option<MergeHints>,
}

/// Half of a file: what git takes for a rename if it is not told otherwise.
pub const DEFAULT_MINIMUM: u32 = MAX_SCORE / 2;
/// Git's `diff.renameLimit`.
pub const DIFF_LIMIT: usize = 1000;
/// Git's `merge.renameLimit`.
pub const MERGE_LIMIT: usize = 7000;

impl Default for Options {
    fn default() -> Self {
        Options {
            minimum: DEFAULT_MINIMUM,
            limit: DIFF_LIMIT,
            copies: false,
            empty: true,
            merge: None,
        }
    }
}

/// Why a merge wants to know what became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relevance {
    /// The other side has changed its content.
    Content,
    /// It helps to tell where its folder went.
    Location,
}

/// What a merge knows beside the files, so that it need not find every rename (`relevant_sources` and
/// `dirs_removed` of git's `diffcore_rename_extended`).
#[derive(Clone, Debug, Default)]
pub struct MergeHints {
    /// The sources that matter. The others are looked at for exact renames only.
    pub relevant: HashMap<Vec<u8>, Relevance>,
    /// The folders that are gone, and whether the merge asks where they went.
    pub removed: HashMap<Vec<u8>, DirectoryUse>,
}

/// A file that came from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Which of the sources.
    pub source: usize,
    /// Which of the targets.
    pub target: usize,
    /// How similar they are, up to [`MAX_SCORE`].
    pub score: u32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of the targets, one for each at most. Only where copies are looked for is a source
    /// in several.
    pub pairs: Vec<Pair>,
    /// The limit that would have been needed, if similarity was left out because of it.
    pub needed_limit: Option<usize>,
    /// For a merge: how many files went from which removed folder to which.
    pub directories: DirectoryCounts,
}

/// What a search needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The contents of these blobs, each by [`Renames::give`] or [`Renames::pass`].
    Need(Vec<ObjectId>),
    /// Nothing; there is more to do. A good time to look up.
    Busy,
    /// Nothing any more: [`Renames::finish`].
    Done,
}

/// A search for renames.
pub struct Renames {
    sources: Vec<Source>,
    targets: Vec<File>,
    options: Options,
    /// By source: how many files it became, itself among them if it is there.
    uses: Vec<u32>,
    /// By target.
    found: Vec<Option<Match>>,
    /// Sources that are still looked at, in their order.
    active: Vec<usize>,
    /// By content; none if it is not to be had.
    prints: HashMap<ObjectId, Option<Fingerprint>>,
    directories: Option<Directories>,
    needed_limit: Option<usize>,
    state: State,
}

#[derive(Clone, Copy)]
struct Match {
    source: usize,
    score: u32,
}

enum State {
    Exact,
    /// Pairs of the same name, waiting for their contents.
    Names(Vec<(usize, usize)>),
    Matrix(Matrix),
    Done,
}

impl Renames {
    /// A search among the files that went or may have been copied, and those that came.
    pub fn new(sources: Vec<Source>, targets: Vec<File>, options: Options) -> Self {
        let stays = |source: &Source| u32::from(source.fate != Fate::Deleted);
        Renames {
            uses: sources.iter().map(stays).collect(),
            found: vec![None; targets.len()],
            active: Vec::new(),
            prints: HashMap::new(),
            directories: options.merge.as_ref().map(Directories::new),
            needed_limit: None,
            state: State::Exact,
            sources,
            targets,
            options,
        }
    }

    /// What it needs next. Call it again once that was given.
    pub fn step(&mut self) -> Step {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Exact => self.after_exact(),
            State::Names(pairs) => {
                self.pair_names(&pairs);
                self.after_names()
            }
            State::Matrix(mut matrix) => match matrix.fill_row(self) {
                true => {
                    self.state = State::Matrix(matrix);
                    Step::Busy
                }
                false => {
                    self.pair_similar(matrix);
                    Step::Done
                }
            },
            State::Done => Step::Done,
        }
    }

    /// The content of a blob that was asked for.
    pub fn give(&mut self, oid: ObjectId, content: &[u8]) {
        self.prints.insert(oid, Some(Fingerprint::of(content)));
    }

    /// A blob that was asked for is not to be had, or too large: it is like nothing.
    pub fn pass(&mut self, oid: ObjectId) {
        self.prints.insert(oid, None);
    }

    /// What was found, once the search is done.
    pub fn finish(self) -> Found {
        let pair = |(target, found): (usize, Option<Match>)| {
            let Match { source, score } = found?;
            Some(Pair { source, target, score })
        };
        Found {
            pairs: self.found.into_iter().enumerate().filter_map(pair).collect(),
            needed_limit: self.needed_limit,
            directories: self.directories.map(Directories::finish).unwrap_or_default(),
        }
    }

    fn after_exact(&mut self) -> Step {
        if !self.pair_exact() || self.options.minimum >= MAX_SCORE {
            return Step::Done;
        }
        if self.options.copies {
            return self.compare();
        }
        self.active.retain(|&source| self.uses.get(source) == Some(&0));
        self.count_directories();
        let pairs = self.pairs_of_one_name();
        let files = pairs.iter().flat_map(|&(source, target)| {
            let source = self.sources.get(source).map(|source| &source.file);
            source.into_iter().chain(self.targets.get(target))
        });
        let needed = self.unknown(files);
        self.state = State::Names(pairs);
        self.need(needed)
    }

    fn after_names(&mut self) -> Step {
        self.active.retain(|&source| self.uses.get(source) == Some(&0));
        if let Some(hints) = &mut self.options.merge {
            let sources = &self.sources;
            let path = |source: &usize| sources.get(*source).map(|source| source.file.path.as_slice());
            self.active
                .retain(|source| path(source).is_some_and(|path| hints.relevant.contains_key(path)));
            if let Some(directories) = &mut self.directories {
                directories.drop_what_is_settled(&mut self.active, &path, &hints.relevant);
            }
        }
        self.compare()
    }

    /// Starts the comparison of everything that is left with everything.
    fn compare(&mut self) -> Step {
        let targets: Vec<usize> = (0..self.targets.len())
            .filter(|&target| self.takes_part(target) && self.match_of(target).is_none())
            .collect();
        if targets.is_empty() || self.active.is_empty() || !self.is_within_limit(targets.len()) {
            return Step::Done;
        }
        let sources = self.active.iter().filter_map(|&source| self.sources.get(source));
        let sources = sources.map(|source| &source.file);
        let waiting = targets.iter().filter_map(|&target| self.targets.get(target));
        let needed = self.unknown(sources.chain(waiting));
        self.state = State::Matrix(Matrix::new(targets));
        self.need(needed)
    }

    /// Whether so few pairs are left that they may be compared. Where unchanged files are too many,
    /// they are left out, as without `-C -C`.
    fn is_within_limit(&mut self, targets: usize) -> bool {
        let limit = self.options.limit;
        let fits = |sources: usize| limit == 0 || targets.saturating_mul(sources) <= limit.saturating_mul(limit);
        if fits(self.active.len()) {
            return true;
        }
        self.needed_limit = Some(targets.max(self.active.len()));
        let sources = &self.sources;
        let is_changed = |source: &usize| {
            let source = sources.get(*source);
            source.is_some_and(|source| source.fate != Fate::Unchanged)
        };
        let changed = self.active.iter().filter(|source| is_changed(source)).count();
        if changed == self.active.len() || !fits(changed) {
            return false;
        }
        self.active.retain(is_changed);
        true
    }

    fn need(&self, needed: Vec<ObjectId>) -> Step {
        if needed.is_empty() {
            Step::Busy
        } else {
            Step::Need(needed)
        }
    }

    /// The contents of files that are not known yet, each once.
    fn unknown<'a>(&self, files: impl Iterator<Item = &'a File>) -> Vec<ObjectId> {
        let mut seen = HashSet::new();
        files
            .filter(|file| file.is_regular())
            .map(|file| file.oid)
            .filter(|oid| !self.prints.contains_key(oid) && seen.insert(*oid))
            .collect()
    }

    /// How similar two files are, 0 if they cannot be.
    fn score(&self, source: usize, target: usize, minimum: u32) -> u32 {
        let (Some(source), Some(target)) = (self.sources.get(source), self.targets.get(target)) else {
            return 0;
        };
        if !source.file.is_regular() || !target.is_regular() {
            return 0;
        }
        match (self.prints.get(&source.file.oid), self.prints.get(&target.oid)) {
            (Some(Some(old)), Some(Some(new))) => old.score(new, minimum),
            _ => 0,
        }
    }

    fn match_of(&self, target: usize) -> Option<Match> {
        self.found.get(target).copied().flatten()
    }

    fn is_used(&self, source: usize) -> bool {
        self.uses.get(source).is_some_and(|&uses| uses > 0)
    }

    fn record(&mut self, source: usize, target: usize, score: u32) {
        if let Some(uses) = self.uses.get_mut(source) {
            *uses += 1;
        }
        if let Some(found) = self.found.get_mut(target) {
            *found = Some(Match { source, score });
        }
    }

    /// Tells the count of folders of a pair.
    fn count_directory(&mut self, source: usize, target: usize) {
        let (Some(source), Some(target)) = (self.sources.get(source), self.targets.get(target)) else {
            return;
        };
        if let Some(directories) = &mut self.directories {
            directories.count(&source.file.path, &target.path);
        }
    }

    fn count_directories(&mut self) {
        for target in 0..self.targets.len() {
            if let Some(found) = self.match_of(target) {
                self.count_directory(found.source, target);
            }
        }
    }
}

/// The last part of a path.
fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The folder of a path; empty for the root.
fn folder_of(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|&byte| byte == b'/');
    slash.and_then(|slash| path.get(..slash)).unwrap_or_default()
}

#[cfg(test)]
mod tests;

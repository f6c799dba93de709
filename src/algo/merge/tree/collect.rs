//! Reads the three trees side by side, decides what needs no thought, and notes what came and went:
//! candidates for renames (`collect_merge_info` in git's `merge-ort.c`).
//!
//! Directories that one side did not touch are taken from the other without being read, unless a
//! rename out of, or into, them could matter.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::Error;
use super::listing::{Listing, together};
use super::pairs::{Pair, SideChanges};
use super::paths::{Info, Mask, Path, Paths, Side, Stages, Version, join};
use crate::algo::rename::{DirectoryUse, Relevance};
use crate::format::oid::ObjectId;

/// How many directories are read together.
const BATCH: usize = 64;

/// How deep a tree may be (git's `core.maxTreeDepth`).
pub const MAX_DEPTH: usize = 2048;

/// What is known once the trees are read.
pub(super) struct Collected {
    pub paths: Paths,
    /// What came and went on each side.
    pub changes: [SideChanges; 2],
}

/// A directory that is to be read, or was.
struct Directory {
    path: Path,
    depth: usize,
    trees: [Option<ObjectId>; 3],
    /// Whether renames of it, or of a directory it is in, can matter: see [`Collect::visit`].
    renamed: Renamed,
    /// In the order of its entries.
    found: Vec<Found>,
}

/// What a directory holds that counts later.
enum Found {
    Pair(Side, Pair),
    Directory(usize),
}

/// How much it matters where the files of a directory went (`dir_rename_mask`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renamed {
    /// Nobody removed it.
    No,
    /// Removed by the other side than this one, which may have put new files there.
    UnlessUsedBy(Side),
    /// Removed by one side, and the other one put new files into it: they belong where it went.
    Matters,
}

/// The walk.
pub(super) struct Collect {
    collected: Collected,
    directories: Vec<Directory>,
    /// Directories to be read.
    queue: VecDeque<usize>,
    /// Directories that are read now.
    current: Vec<usize>,
    contents: HashMap<ObjectId, Rc<Listing>>,
    /// Directories that only that side changed, to be read if something could have moved there.
    deferred: [Vec<(Path, Renamed)>; 2],
    /// Directories from which a depth-first walk starts, in order.
    roots: Vec<usize>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    First,
    Deferred(Side),
    Done,
}

impl Collect {
    /// Of these trees.
    pub fn new([base, ours, theirs]: [Option<ObjectId>; 3]) -> Self {
        let mut collect = Collect {
            collected: Collected {
                paths: Paths::default(),
                changes: Default::default(),
            },
            directories: Vec::new(),
            queue: VecDeque::new(),
            current: Vec::new(),
            contents: HashMap::new(),
            deferred: [Vec::new(), Vec::new()],
            roots: Vec::new(),
            stage: Stage::First,
        };
        let root = collect.open(Path::from(&b""[..]), 0, [base, ours, theirs], Renamed::No);
        collect.roots.push(root);
        collect
    }

    /// The trees that have to be read now; `None` if it is done.
    pub fn step(&mut self) -> Result<Option<Vec<ObjectId>>, Error> {
        loop {
            for directory in std::mem::take(&mut self.current) {
                self.visit(directory)?;
            }
            self.contents.clear();
            if self.queue.is_empty() {
                match self.stage {
                    Stage::First => self.start_deferred(Side::Ours),
                    Stage::Deferred(Side::Ours) => self.start_deferred(Side::Theirs),
                    Stage::Deferred(Side::Theirs) | Stage::Done => {
                        self.stage = Stage::Done;
                        return Ok(None);
                    }
                }
                continue;
            }
            let count = self.queue.len().min(BATCH);
            self.current = self.queue.drain(..count).collect();
            let mut needed = HashSet::new();
            let directories = self.current.iter().filter_map(|at| self.directories.get(*at));
            let trees = directories.flat_map(|directory| directory.trees).flatten();
            return Ok(Some(trees.filter(|oid| needed.insert(*oid)).collect()));
        }
    }

    /// Gives a tree that was asked for.
    pub fn provide(&mut self, oid: ObjectId, content: &[u8]) -> Result<(), Error> {
        let listing = Listing::read(content).map_err(|error| Error::BadTree { oid, error })?;
        self.contents.insert(oid, Rc::new(listing));
        Ok(())
    }

    /// What was found.
    pub fn finish(mut self) -> Collected {
        // Depth first, as the trees were walked by git: among renames that are equally good, the
        // first one counts.
        let mut stack: Vec<std::vec::IntoIter<Found>> = Vec::new();
        for root in std::mem::take(&mut self.roots) {
            stack.extend(self.found_in(root));
            while let Some(found) = stack.last_mut() {
                match found.next() {
                    None => drop(stack.pop()),
                    Some(Found::Directory(directory)) => stack.extend(self.found_in(directory)),
                    Some(Found::Pair(side, pair)) => self.collected.changes[side.index()].pairs.push(pair),
                }
            }
        }
        self.collected
    }

    fn found_in(&mut self, directory: usize) -> Option<std::vec::IntoIter<Found>> {
        let directory = self.directories.get_mut(directory)?;
        Some(std::mem::take(&mut directory.found).into_iter())
    }

    fn open(&mut self, path: Path, depth: usize, trees: [Option<ObjectId>; 3], renamed: Renamed) -> usize {
        let at = self.directories.len();
        self.directories.push(Directory {
            path,
            depth,
            trees,
            renamed,
            found: Vec::new(),
        });
        self.queue.push_back(at);
        at
    }

    /// Decides on the directories that only this side changed. Where no file's new name is looked
    /// for, they are taken as they are (`handle_deferred_entries`).
    fn start_deferred(&mut self, side: Side) {
        self.stage = Stage::Deferred(side);
        let is_simple = self.collected.changes[side.index()].hints.relevant.is_empty();
        let deferred = std::mem::take(&mut self.deferred[side.index()]);
        for at in super::git_order::git_order(deferred.iter().map(|(path, _)| &**path)) {
            let Some((path, renamed)) = deferred.get(at).cloned() else {
                continue;
            };
            let Some(info) = self.collected.paths.get_mut(&path) else {
                continue;
            };
            if is_simple {
                info.take_side(side);
                continue;
            }
            info.equal = info.equal.within(info.files);
            let trees = trees_of(&info.stages);
            let depth = path.split(|byte| *byte == b'/').count();
            let root = self.open(path, depth, trees, renamed);
            self.roots.push(root);
        }
    }

    fn visit(&mut self, at: usize) -> Result<(), Error> {
        let Some(directory) = self.directories.get(at) else {
            return Ok(());
        };
        if directory.depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let (path, depth) = (directory.path.clone(), directory.depth);
        let mut renamed = directory.renamed;
        let [base, ours, theirs] = directory.trees.map(|tree| {
            tree.and_then(|oid| self.contents.get(&oid).cloned())
                .unwrap_or_default()
        });
        let entries = together([&base, &ours, &theirs]);
        if let Renamed::UnlessUsedBy(side) = renamed
            && entries.iter().any(|(_, stages)| files(stages) == side.mask())
        {
            renamed = Renamed::Matters;
        }
        let mut found = Vec::new();
        for (name, stages) in entries {
            let path_of_entry = join(&path, name);
            self.entry(&path, path_of_entry, depth, stages, renamed, &mut found);
        }
        if let Some(directory) = self.directories.get_mut(at) {
            directory.found = found;
        }
        Ok(())
    }

    /// `collect_merge_info_callback`.
    fn entry(
        &mut self,
        directory: &Path,
        path: Path,
        depth: usize,
        stages: Stages,
        renamed: Renamed,
        found: &mut Vec<Found>,
    ) {
        let [base, ours, theirs] = stages;
        let same = |one: Option<Version>, two: Option<Version>| one.is_some() && one == two;
        let equal = match (same(base, ours), same(base, theirs)) {
            (true, true) => Mask::ALL,
            (true, false) => Mask::BASE_AND_OURS,
            (false, true) => Mask::BASE_AND_THEIRS,
            (false, false) if same(ours, theirs) => Mask::SIDES,
            (false, false) => Mask::NONE,
        };
        let mut info = Info::open(&path, stages);
        let is_file_everywhere = info.files == Mask::ALL;
        let decided = match equal {
            Mask::ALL => Some(base),
            Mask::SIDES if is_file_everywhere => Some(ours),
            Mask::BASE_AND_OURS if is_file_everywhere => Some(theirs),
            Mask::BASE_AND_THEIRS if is_file_everywhere => Some(ours),
            _ => None,
        };
        if let Some(result) = decided {
            let resolved = Info::resolved(&path, result);
            self.collected.paths.insert(path, resolved);
            return;
        }
        let renamed = self.note_changes(directory, &path, &info, equal, renamed, found);
        info.equal = equal;
        if info.directories.is_empty() {
            self.collected.paths.insert(path, info);
            return;
        }
        let mut changed_by = match equal {
            Mask::BASE_AND_OURS => Some(Side::Theirs),
            Mask::BASE_AND_THEIRS => Some(Side::Ours),
            _ => None,
        };
        if info.files.is_empty()
            && let Some(side) = info.directories.only_side()
        {
            changed_by = Some(side);
            info.equal = Mask::ALL.without(info.directories);
        }
        if let Some(side) = changed_by
            && renamed != Renamed::Matters
            && self.stage != Stage::Deferred(side)
        {
            self.deferred[side.index()].push((path.clone(), renamed));
            self.collected.paths.insert(path, info);
            return;
        }
        info.equal = info.equal.within(info.files);
        let trees = trees_of(&stages);
        self.collected.paths.insert(path.clone(), info);
        let opened = self.open(path, depth + 1, trees, renamed);
        found.push(Found::Directory(opened));
    }

    /// What came and went (`collect_rename_info`). Answers how renames of the path matter for what
    /// is in it, if it is a directory.
    fn note_changes(
        &mut self,
        directory: &Path,
        path: &Path,
        info: &Info,
        equal: Mask,
        mut renamed: Renamed,
        found: &mut Vec<Found>,
    ) -> Renamed {
        let changes = &mut self.collected.changes;
        if renamed != Renamed::Matters
            && let Some(side) = info.directories.without(Mask::BASE).only_side()
            && info.directories.has(Mask::BASE)
        {
            renamed = Renamed::UnlessUsedBy(side);
        }
        if info.directories.has(Mask::BASE) {
            let used = match renamed {
                Renamed::Matters => DirectoryUse::Ancestor,
                _ => DirectoryUse::Nothing,
            };
            for side in Side::BOTH {
                if !info.directories.has(side.mask()) {
                    let removed = &mut changes[side.index()].hints.removed;
                    removed.insert(path.to_vec(), used);
                }
            }
        }
        if renamed == Renamed::Matters
            && let Some(side) = info.files.only_side()
        {
            let removed = &mut changes[side.other().index()].hints.removed;
            removed.insert(directory.to_vec(), DirectoryUse::Itself);
        }
        if info.files.is_empty() || info.files == Mask::ALL {
            return renamed;
        }
        for side in Side::BOTH {
            let (was, is) = (info.files.has(Mask::BASE), info.files.has(side.mask()));
            let changes = &mut changes[side.index()];
            if was && !is {
                let relevance = match () {
                    () if equal.within(info.files).is_empty() => Some(Relevance::Content),
                    () if renamed == Renamed::Matters => Some(Relevance::Location),
                    () => None,
                };
                if let Some(relevance) = relevance {
                    changes.hints.relevant.insert(path.to_vec(), relevance);
                }
                found.extend(info.base().map(|old| Found::Pair(side, Pair::gone(path, old))));
            }
            if !was && is {
                found.extend(info.side(side).map(|new| Found::Pair(side, Pair::came(path, new))));
            }
        }
        renamed
    }
}

fn files(stages: &Stages) -> Mask {
    Mask::of(stages, |version| !version.is_directory())
}

/// The trees among the stages.
fn trees_of(stages: &Stages) -> [Option<ObjectId>; 3] {
    stages.map(|version| {
        version
            .filter(|version| version.is_directory())
            .map(|version| version.oid)
    })
}

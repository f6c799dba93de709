//! What is known of each path while trees are merged (`struct conflict_info` in git's
//! `merge-ort.c`).

use std::collections::HashMap;
use std::rc::Rc;

use crate::format::oid::ObjectId;
use crate::format::tree::EntryKind;
use crate::sorted::order;

/// A path from the root of the tree, without a slash at either end; empty, it is the root.
pub(super) type Path = Rc<[u8]>;

/// What a path holds in one of the trees. Modes are as git reads them, so that old odd ones do not
/// make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// What it is.
    pub kind: EntryKind,
    /// Its object.
    pub oid: ObjectId,
}

/// What of the mode is the type (`S_IFMT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File,
    Symlink,
    Directory,
    Submodule,
}

impl Version {
    pub(super) fn type_of(self) -> Type {
        match self.kind {
            EntryKind::Blob | EntryKind::Executable => Type::File,
            EntryKind::Symlink => Type::Symlink,
            EntryKind::Tree => Type::Directory,
            EntryKind::Gitlink => Type::Submodule,
        }
    }

    pub(super) fn is_file(self) -> bool {
        self.type_of() == Type::File
    }

    pub(super) fn is_directory(self) -> bool {
        self.type_of() == Type::Directory
    }
}

/// One of the two trees that are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that is merged into.
    Ours,
    /// The one that is merged.
    Theirs,
}

impl Side {
    pub(super) const BOTH: [Side; 2] = [Side::Ours, Side::Theirs];

    pub(super) const fn other(self) -> Side {
        match self {
            Side::Ours => Side::Theirs,
            Side::Theirs => Side::Ours,
        }
    }

    /// Its place among the stages, of which the base is the first.
    pub(super) const fn stage(self) -> usize {
        match self {
            Side::Ours => 1,
            Side::Theirs => 2,
        }
    }

    /// Its place among the sides.
    pub(super) const fn index(self) -> usize {
        self.stage() - 1
    }

    pub(super) const fn mask(self) -> Mask {
        Mask(1 << self.stage())
    }
}

/// Some of base, ours and theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(u8);

impl Mask {
    pub const NONE: Mask = Mask(0);
    pub const BASE: Mask = Mask(1);
    pub const OURS: Mask = Mask(2);
    pub const BASE_AND_OURS: Mask = Mask(3);
    pub const THEIRS: Mask = Mask(4);
    pub const BASE_AND_THEIRS: Mask = Mask(5);
    pub const SIDES: Mask = Mask(6);
    pub const ALL: Mask = Mask(7);

    /// Those stages of which that is true.
    pub fn of(stages: &Stages, is: impl Fn(&Version) -> bool) -> Mask {
        let bits = [1, 2, 4].into_iter().zip(stages);
        let set = bits.filter(|(_, version)| version.as_ref().is_some_and(&is));
        Mask(set.map(|(bit, _)| bit).sum())
    }

    pub const fn has(self, other: Mask) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn and(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }

    pub const fn within(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }

    pub const fn without(self, other: Mask) -> Mask {
        Mask(self.0 & !other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is one side and nothing else, and which.
    pub const fn only_side(self) -> Option<Side> {
        match self {
            Mask::OURS => Some(Side::Ours),
            Mask::THEIRS => Some(Side::Theirs),
            _ => None,
        }
    }

    pub const fn has_stage(self, stage: usize) -> bool {
        self.0 & (1 << stage) != 0
    }
}

/// What base, ours and theirs have.
pub(super) type Stages = [Option<Version>; 3];

/// What is known of a path.
#[derive(Clone, Debug)]
pub(super) struct Info {
    /// Whether what is at the path is decided, and without a conflict. Then only `result` counts.
    pub clean: bool,
    /// What the merged tree has there; nothing as long as it is not decided.
    pub result: Option<Version>,
    /// What the trees have there. Renames bring what was elsewhere.
    pub stages: Stages,
    /// Where that was.
    pub from: [Path; 3],
    /// Which stages are files, symbolic links or submodules.
    pub files: Mask,
    /// Which stages are directories.
    pub directories: Mask,
    /// Which stages are equal, if any are.
    pub equal: Mask,
    /// Whether there is a directory as well as something else.
    pub is_file_and_directory: bool,
    /// Whether renames are in conflict about the path.
    pub has_path_conflict: bool,
}

impl Info {
    /// Decided.
    pub fn resolved(path: &Path, result: Option<Version>) -> Self {
        Info {
            clean: true,
            result,
            ..Info::open(path, [None; 3])
        }
    }

    /// Not decided yet.
    pub fn open(path: &Path, stages: Stages) -> Self {
        let files = Mask::of(&stages, |version| !version.is_directory());
        let directories = Mask::of(&stages, |version| version.is_directory());
        Info {
            clean: false,
            result: None,
            stages,
            from: [path.clone(), path.clone(), path.clone()],
            files,
            directories,
            equal: Mask::NONE,
            is_file_and_directory: !files.is_empty() && !directories.is_empty(),
            has_path_conflict: false,
        }
    }

    /// What one side has there.
    pub fn side(&self, side: Side) -> Option<Version> {
        let [_, ours, theirs] = self.stages;
        match side {
            Side::Ours => ours,
            Side::Theirs => theirs,
        }
    }

    pub fn base(&self) -> Option<Version> {
        self.stages[0]
    }

    pub fn set_side(&mut self, side: Side, version: Option<Version>) {
        self.stages[side.stage()] = version;
    }

    /// Takes what the only side has that changed it. A file that is left where a directory was may
    /// still be renamed, and is not decided yet (`resolve_trivial_directory_merge`).
    pub fn take_side(&mut self, side: Side) {
        self.result = self.side(side);
        self.directories = self.directories.without(self.equal);
        self.files = self.files.without(self.equal);
        self.equal = Mask::NONE;
        self.clean = !self.is_file_and_directory || !self.directories.is_empty();
        self.is_file_and_directory = false;
    }

    /// Decides that there is nothing.
    pub fn remove(&mut self) {
        (self.result, self.clean) = (None, true);
    }

    /// Leaves only the files among the stages.
    pub fn drop_directories(&mut self) {
        self.equal = self.equal.without(self.directories);
        self.directories = Mask::NONE;
        for (stage, version) in self.stages.iter_mut().enumerate() {
            if !self.files.has_stage(stage) {
                *version = None;
            }
        }
    }
}

/// Where an [`Info`] is kept. It stays there when the path leads to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// The paths.
#[derive(Debug, Default)]
pub(super) struct Paths {
    places: HashMap<Path, Place>,
    infos: Vec<Info>,
}

impl Paths {
    pub fn find(&self, path: &[u8]) -> Option<Place> {
        self.places.get(path).copied()
    }

    pub fn contains(&self, path: &[u8]) -> bool {
        self.places.contains_key(path)
    }

    pub fn get(&self, path: &[u8]) -> Option<&Info> {
        self.find(path).and_then(|place| self.at(place))
    }

    pub fn get_mut(&mut self, path: &[u8]) -> Option<&mut Info> {
        let place = self.find(path)?;
        self.at_mut(place)
    }

    pub fn at(&self, place: Place) -> Option<&Info> {
        self.infos.get(place.0)
    }

    pub fn at_mut(&mut self, place: Place) -> Option<&mut Info> {
        self.infos.get_mut(place.0)
    }

    /// Keeps something that no path leads to yet.
    pub fn keep(&mut self, info: Info) -> Place {
        let place = Place(self.infos.len());
        self.infos.push(info);
        place
    }

    /// Puts something new at a path.
    pub fn insert(&mut self, path: Path, info: Info) -> Place {
        let place = self.keep(info);
        self.places.insert(path, place);
        place
    }

    /// Lets a path lead to something that is known.
    pub fn lead(&mut self, path: Path, place: Place) {
        self.places.insert(path, place);
    }

    /// Forgets a path; what it led to stays where it is kept.
    pub fn forget(&mut self, path: &[u8]) {
        self.places.remove(path);
    }

    /// All paths, each directory before what is in it.
    pub fn in_order(&self) -> Vec<(Path, Place)> {
        let mut all: Vec<(Path, Place)> = self.places.iter().map(|(path, place)| (path.clone(), *place)).collect();
        // As if every name ended in a slash: what is in a directory follows it at once.
        let key = |path: &Path| path.iter().copied().chain([b'/']).collect::<Vec<u8>>();
        order::sort_by_cached_key(&mut all, |(path, _)| key(path));
        all
    }
}

/// The directory a path is in; the root's is the root.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    split(path).0
}

/// The last name of a path.
pub(super) fn name(path: &[u8]) -> &[u8] {
    split(path).1
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (
            path.get(..slash).unwrap_or_default(),
            path.get(slash + 1..).unwrap_or_default(),
        ),
        None => (b"", path),
    }
}

/// A name in a directory.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Path {
    match directory {
        b"" => Path::from(name),
        _ => [directory, b"/", name].concat().into(),
    }
}

/// The directories a path is in, the innermost first, without the root.
pub(super) fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut path = path;
    std::iter::from_fn(move || {
        path = parent(path);
        (!path.is_empty()).then_some(path)
    })
}

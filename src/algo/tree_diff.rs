//! Which files differ between two trees (git-diff-tree(1), `-r`; git's `tree-diff.c`).
//!
//! [`TreeDiff`] reads nothing: it says which folders are to be compared, [`TreeDiff::next`], and is
//! given what is in them, [`TreeDiff::compare`]. Folders that are the same are not looked into.
//! Several can be read at a time, in any order; what was found is in the order of the paths.

use std::cmp::Ordering;

use crate::format::oid::ObjectId;
use crate::format::tree::{EntryKind, TreeError, TreeIter, entry_order};
use crate::sorted::order;

/// An entry that is not a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its object.
    pub oid: ObjectId,
}

/// A path, and what is there in the old and in the new tree. One of them may have nothing there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// From the root of the trees.
    pub path: Vec<u8>,
    /// In the old tree.
    pub old: Option<Entry>,
    /// In the new one.
    pub new: Option<Entry>,
}

/// A folder that is to be compared. A tree that has no such folder counts as one with an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its path with a slash at the end; empty for the root.
    prefix: Vec<u8>,
    /// What it is in the old tree.
    pub old: Option<ObjectId>,
    /// What it is in the new one.
    pub new: Option<ObjectId>,
    /// All that is in it counts.
    is_inside: bool,
}

/// What of the trees is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only what is at these paths, or below them; everything if there is none. A slash at the end
    /// asks for a folder or a submodule. They are taken as they are, as with `--literal-pathspecs`.
    pub paths: Vec<Vec<u8>>,
    /// Tell of files that are the same in both trees, too.
    pub unchanged: bool,
}

/// A tree that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The tree.
    pub tree: ObjectId,
    /// What is wrong.
    pub error: TreeError,
}

/// A comparison of two trees.
#[derive(Debug)]
pub struct TreeDiff {
    scope: Scope,
    waiting: Vec<Folder>,
    changes: Vec<FileChange>,
}

impl Folder {
    /// Where it is, from the root, without a slash at the end; empty for the root.
    pub fn path(&self) -> &[u8] {
        self.prefix.strip_suffix(b"/").unwrap_or(&self.prefix)
    }
}

impl TreeDiff {
    /// Of two trees; one that is not there is empty.
    pub fn new(old: Option<ObjectId>, new: Option<ObjectId>, scope: Scope) -> Self {
        let root = Folder {
            prefix: Vec::new(),
            old,
            new,
            is_inside: scope.paths.iter().all(Vec::is_empty),
        };
        let mut diff = TreeDiff {
            scope,
            waiting: Vec::new(),
            changes: Vec::new(),
        };
        diff.enter(root);
        diff
    }

    /// The folders to be compared next, `count` at most; none at the end.
    pub fn next(&mut self, count: usize) -> Vec<Folder> {
        self.waiting.split_off(self.waiting.len().saturating_sub(count))
    }

    /// How many files were found to differ so far, and how many folders wait.
    pub fn found(&self) -> usize {
        self.changes.len() + self.waiting.len()
    }

    /// How many files were found to differ so far.
    pub fn changed(&self) -> usize {
        self.changes.len()
    }

    /// Compares a folder, given the contents of its two trees: nothing for one that is not there.
    pub fn compare(&mut self, folder: &Folder, old: &[u8], new: &[u8]) -> Result<(), Malformed> {
        let old = entries(folder.old, old)?;
        let new = entries(folder.new, new)?;
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(old), Some(new)) => old.order(new),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(()),
            };
            let left = old.next_if(|_| order.is_le());
            let right = new.next_if(|_| order.is_ge());
            self.pair(folder, left, right);
        }
    }

    /// What was found, in the order of the paths' bytes.
    pub fn finish(self) -> Vec<FileChange> {
        let mut changes = self.changes;
        order::sort_by(&mut changes, |a, b| a.path.cmp(&b.path));
        changes
    }

    /// Two entries of one name, both folders or neither of them; or one alone.
    fn pair(&mut self, folder: &Folder, old: Option<&Named<'_>>, new: Option<&Named<'_>>) {
        let Some(first) = old.or(new) else {
            return;
        };
        // Most entries of most folders are the same, and need no path to say so.
        let entry = |named: Option<&Named<'_>>| named.map(|named| named.entry);
        if !self.scope.unchanged && entry(old) == entry(new) {
            return;
        }
        let mut path = [folder.prefix.as_slice(), first.name].concat();
        if first.entry.kind == EntryKind::Tree {
            let is_inside = folder.is_inside || self.scope.covers(&path, first.entry.kind);
            if is_inside || self.scope.leads_below(&path) {
                path.push(b'/');
                self.enter(Folder {
                    prefix: path,
                    old: old.map(|old| old.entry.oid),
                    new: new.map(|new| new.entry.oid),
                    is_inside,
                });
            }
            return;
        }
        let (old, new) = (old.map(|old| old.entry), new.map(|new| new.entry));
        let covers =
            |entry: Option<Entry>| entry.is_some_and(|entry| folder.is_inside || self.scope.covers(&path, entry.kind));
        let (old, new) = (old.filter(|_| covers(old)), new.filter(|_| covers(new)));
        if old != new || self.scope.unchanged && old.is_some() {
            self.changes.push(FileChange { path, old, new });
        }
    }

    fn enter(&mut self, folder: Folder) {
        if folder.old != folder.new || self.scope.unchanged && folder.old.is_some() {
            self.waiting.push(folder);
        }
    }
}

impl Scope {
    /// Whether all at this path counts, or below it.
    fn covers(&self, path: &[u8], kind: EntryKind) -> bool {
        self.paths.iter().any(|wanted| match wanted.strip_suffix(b"/") {
            Some(folder) => folder == path && matches!(kind, EntryKind::Tree | EntryKind::Gitlink),
            None => wanted == path,
        })
    }

    /// Whether something below this folder counts.
    fn leads_below(&self, folder: &[u8]) -> bool {
        let below = |wanted: &Vec<u8>| wanted.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
        self.paths.iter().any(below)
    }
}

/// An entry of a folder.
struct Named<'a> {
    name: &'a [u8],
    entry: Entry,
}

impl Named<'_> {
    fn order(&self, other: &Named<'_>) -> Ordering {
        let is_tree = |named: &Named<'_>| named.entry.kind == EntryKind::Tree;
        entry_order(self.name, is_tree(self), other.name, is_tree(other))
    }
}

fn entries(tree: Option<ObjectId>, content: &[u8]) -> Result<Vec<Named<'_>>, Malformed> {
    let Some(tree) = tree else {
        return Ok(Vec::new());
    };
    let named = TreeIter::new(content).map(|entry| {
        entry.map(|entry| Named {
            name: entry.name,
            entry: Entry {
                kind: entry.mode.kind(),
                oid: entry.oid,
            },
        })
    });
    named
        .collect::<Result<_, _>>()
        .map_err(|error| Malformed { tree, error })
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::format::hash::hash_object;
    use crate::format::object::Kind;
    use crate::format::tree::write_tree;

    /// Trees that are made of lists of paths, each with a content of one letter; one in upper case
    /// is a link, `#` a submodule.
    #[derive(Default)]
    struct Trees(HashMap<ObjectId, Vec<u8>>);

    impl Trees {
        fn write(&mut self, files: &[(&str, char)]) -> ObjectId {
            let mut folders: BTreeMap<&str, Vec<(&str, char)>> = BTreeMap::new();
            let mut entries = Vec::new();
            for &(path, content) in files {
                match path.split_once('/') {
                    Some((folder, rest)) => folders.entry(folder).or_default().push((rest, content)),
                    None => entries.push((kind(content), path.as_bytes(), oid(content))),
                }
            }
            for (folder, files) in &folders {
                entries.push((EntryKind::Tree, folder.as_bytes(), self.write(files)));
            }
            let content = write_tree(&entries).expect("entries");
            let oid = hash_object(Kind::Tree, &content).expect("no collision");
            self.0.insert(oid, content);
            oid
        }
    }

    fn kind(content: char) -> EntryKind {
        match content {
            '#' => EntryKind::Gitlink,
            'A'..='Z' => EntryKind::Symlink,
            _ => EntryKind::Blob,
        }
    }

    fn oid(content: char) -> ObjectId {
        ObjectId::new([content.to_ascii_lowercase() as u8; 20])
    }

    /// The changes as `D path`, `A path`, `M path`, `= path`, however many folders are read at once.
    fn check(old: &[(&str, char)], new: &[(&str, char)], scope: &Scope, expected: &[&str]) {
        let mut trees = Trees::default();
        let (old, new) = (trees.write(old), trees.write(new));
        for count in [1, 2, 100] {
            let mut diff = TreeDiff::new(Some(old), Some(new), scope.clone());
            loop {
                let folders = diff.next(count);
                if folders.is_empty() {
                    break;
                }
                let content = |oid: Option<ObjectId>| oid.map_or(&[][..], |oid| &trees.0[&oid]);
                for folder in folders {
                    let compared = diff.compare(&folder, content(folder.old), content(folder.new));
                    compared.expect("trees");
                }
            }
            let found: Vec<String> = diff.finish().iter().map(shown).collect();
            assert_eq!(found, expected, "{count} at a time");
        }
    }

    fn shown(change: &FileChange) -> String {
        let status = match (change.old, change.new) {
            (Some(_), None) => 'D',
            (None, _) => 'A',
            (old, new) if old == new => '=',
            _ => 'M',
        };
        format!("{status} {}", String::from_utf8_lossy(&change.path))
    }

    #[test]
    fn files_that_came_went_and_changed_are_found_in_every_folder() {
        check(
            &[("a", '1'), ("d/e/f", '1'), ("d/g", '1'), ("same/x", '1'), ("z", '1')],
            &[("a", '2'), ("d/e/f", '2'), ("h/i", '1'), ("same/x", '1'), ("z", 'L')],
            &Scope::default(),
            &["M a", "M d/e/f", "D d/g", "A h/i", "M z"],
        );
    }

    #[test]
    fn a_file_that_became_a_folder_went_and_what_is_in_the_folder_came() {
        check(
            &[("a", '1'), ("a.c", '1'), ("b/x", '1')],
            &[("a-b", '1'), ("a/x", '1'), ("b", '1')],
            &Scope::default(),
            &["D a", "A a-b", "D a.c", "A a/x", "A b", "D b/x"],
        );
    }

    #[test]
    fn paths_limit_what_is_compared() {
        let old = [("a/b", '1'), ("a/c", '1'), ("ab", '1'), ("s", '#'), ("z", '1')];
        for (paths, expected) in [
            (&["a"][..], &["D a/b", "D a/c"][..]),
            (&["a/"], &["D a/b", "D a/c"]),
            (&["a/c", "z"], &["D a/c", "D z"]),
            (&["z/", "s/"], &["D s"]),
            (&["z/x"], &[]),
            (&["a/b/c"], &[]),
            (&[""], &["D a/b", "D a/c", "D ab", "D s", "D z"]),
        ] {
            let scope = Scope {
                paths: paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
                unchanged: false,
            };
            check(&old, &[], &scope, expected);
        }
    }

    #[test]
    fn files_that_are_the_same_are_told_if_asked_for() {
        let files = [("a/b", '1'), ("c", '1')];
        let scope = Scope {
            unchanged: true,
            ..Scope::default()
        };
        check(&files, &files, &scope, &["= a/b", "= c"]);
        check(&files, &files, &Scope::default(), &[]);
    }

    #[test]
    fn a_tree_that_cannot_be_read_is_named() {
        let tree = oid('t');
        let mut diff = TreeDiff::new(None, Some(tree), Scope::default());
        let root = diff.next(1).pop().expect("the root");
        let error = TreeError::Truncated { at: 0 };
        assert_eq!(diff.compare(&root, b"", b"100644 a"), Err(Malformed { tree, error }));
    }
}

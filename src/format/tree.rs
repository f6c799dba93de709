//! Trees: entries of mode, name and object id, one after the other (gitformat-pack(5) calls them
//! `OBJ_TREE`; `decode_tree_entry` in git's `tree-walk.c` is the reader this one agrees with).
//!
//! ```text
//! 100644 SP README.md NUL <20 bytes> 40000 SP src NUL <20 bytes> …
//! ```
//!
//! Reading refuses only what git's reader refuses: what cannot be cut into entries, a mode that is
//! not octal, an empty name. What else is wrong with a tree, [`check`] tells.

use std::cmp::Ordering;
use std::fmt;

use crate::format::oid::{OID_LEN, ObjectId};
use crate::sorted::order;

mod check;
mod name;

pub use check::{Flaw, check};
pub use name::{NameFlaw, check_name, is_dot_git, is_dot_git_modules};

/// The id of the tree without entries.
pub const EMPTY: ObjectId = ObjectId::new([
    0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49,
    0x04,
]);

/// What an entry of a tree stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file.
    Blob,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; the blob holds its target.
    Symlink,
    /// A directory.
    Tree,
    /// A commit of another repository (a submodule); its object is not in this one.
    Gitlink,
}

impl EntryKind {
    /// The mode git writes for it.
    pub const fn mode(self) -> Mode {
        Mode(match self {
            EntryKind::Blob => 0o100_644,
            EntryKind::Executable => 0o100_755,
            EntryKind::Symlink => 0o120_000,
            EntryKind::Tree => 0o040_000,
            EntryKind::Gitlink => 0o160_000,
        })
    }
}

/// The mode of an entry, as a number. Git's own modes are those of [`EntryKind::mode`] and the old
/// 100664; a stored tree may hold any.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode(u16);

impl Mode {
    /// From the number.
    pub const fn new(bits: u16) -> Self {
        Mode(bits)
    }

    /// The number as stored, for instance `0o100664`.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// What git takes it for (`canon_mode`): the type bits decide, of a file's permissions only
    /// the owner's execute bit counts, and an unknown type is a gitlink.
    pub const fn kind(self) -> EntryKind {
        match self.0 & 0o170_000 {
            0o100_000 if self.0 & 0o100 != 0 => EntryKind::Executable,
            0o100_000 => EntryKind::Blob,
            0o120_000 => EntryKind::Symlink,
            0o040_000 => EntryKind::Tree,
            _ => EntryKind::Gitlink,
        }
    }

    /// Whether git takes it for a directory.
    pub const fn is_tree(self) -> bool {
        self.0 & 0o170_000 == 0o040_000
    }

    /// From octal digits, zero-padded or not, as git's `parse_mode` reads them: a number of more
    /// than 16 bits loses the upper ones. `None` if there is no digit, or another character.
    pub const fn parse(text: &[u8]) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let mut bits = 0u16;
        let mut rest = text;
        while let [digit, tail @ ..] = rest {
            if *digit < b'0' || *digit > b'7' {
                return None;
            }
            bits = (bits << 3) | (*digit - b'0') as u16;
            rest = tail;
        }
        Some(Mode(bits))
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Six octal digits, as `git ls-tree` prints them.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06o}", self.0)
    }
}

/// One entry, borrowed from the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// The mode.
    pub mode: Mode,
    /// The mode's digits as stored.
    pub mode_text: &'a [u8],
    /// The name; any bytes but NUL, and never empty.
    pub name: &'a [u8],
    /// The object.
    pub oid: ObjectId,
}

impl TreeEntry<'_> {
    /// Appends the entry as it was read, byte for byte.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_entry(out, self.mode_text, self.name, &self.oid);
    }
}

/// Why bytes are no tree. Positions are bytes from the start of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// The tree ends within the entry that starts here.
    Truncated {
        /// Where the entry starts.
        at: u64,
    },
    /// A mode is empty or not octal.
    BadMode {
        /// Where the entry starts.
        at: u64,
    },
    /// A name is empty.
    EmptyName {
        /// Where the entry starts.
        at: u64,
    },
    /// A name to be written is empty, `.`, `..`, or holds a slash or a NUL.
    UnwritableName,
    /// Two entries to be written have one name.
    DuplicateName,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Truncated { at } => write!(f, "the tree ends within the entry at byte {at}"),
            TreeError::BadMode { at } => write!(f, "malformed mode in the tree entry at byte {at}"),
            TreeError::EmptyName { at } => write!(f, "empty name in the tree entry at byte {at}"),
            TreeError::UnwritableName => f.write_str("a name is empty, '.', '..', or holds a slash or a NUL"),
            TreeError::DuplicateName => f.write_str("two entries have one name"),
        }
    }
}

impl std::error::Error for TreeError {}

/// The entries of a tree in the order in which they are stored. Ends after the first error.
#[derive(Clone, Debug)]
pub struct TreeIter<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> TreeIter<'a> {
    /// Over the content of a tree object.
    pub const fn new(content: &'a [u8]) -> Self {
        TreeIter {
            rest: content,
            length: content.len(),
        }
    }

    /// The bytes of the entries still to come.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn entry(&mut self) -> Result<TreeEntry<'a>, TreeError> {
        let bytes = self.rest;
        // A slice has at most `isize::MAX` bytes.
        let at = (self.length - bytes.len()) as u64;
        let digits = bytes.iter().position(|byte| !matches!(byte, b'0'..=b'7'));
        let digits = digits.ok_or(TreeError::Truncated { at })?;
        let truncated = TreeError::Truncated { at };
        let (mode_text, after) = bytes.split_at_checked(digits).ok_or(truncated)?;
        let after = after.strip_prefix(b" ").ok_or(TreeError::BadMode { at })?;
        let mode = Mode::parse(mode_text).ok_or(TreeError::BadMode { at })?;
        let length = after.iter().position(|byte| *byte == 0).ok_or(truncated)?;
        let (name, after) = after.split_at_checked(length).ok_or(truncated)?;
        let (oid, rest) = after
            .get(1..)
            .and_then(|after| after.split_at_checked(OID_LEN))
            .ok_or(truncated)?;
        let oid = ObjectId::from_bytes(oid).ok_or(truncated)?;
        if name.is_empty() {
            return Err(TreeError::EmptyName { at });
        }
        self.rest = rest;
        Ok(TreeEntry {
            mode,
            mode_text,
            name,
            oid,
        })
    }
}

impl<'a> Iterator for TreeIter<'a> {
    type Item = Result<TreeEntry<'a>, TreeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

/// The entry of that name, in a tree sorted as git sorts or not.
pub fn find<'a>(content: &'a [u8], name: &[u8]) -> Result<Option<TreeEntry<'a>>, TreeError> {
    for entry in TreeIter::new(content) {
        let entry = entry?;
        if entry.name == name {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The order of entries in a tree: bytewise, where the name of a directory counts as if it ended
/// in a slash (git's `base_name_compare`).
pub fn entry_order(a: &[u8], a_is_tree: bool, b: &[u8], b_is_tree: bool) -> Ordering {
    let common = a.len().min(b.len());
    let (a_head, a_tail) = a.split_at_checked(common).unwrap_or((a, b""));
    let (b_head, b_tail) = b.split_at_checked(common).unwrap_or((b, b""));
    let next = |tail: &[u8], is_tree: bool| match tail.first() {
        Some(byte) => *byte,
        None if is_tree => b'/',
        None => 0,
    };
    a_head
        .cmp(b_head)
        .then_with(|| next(a_tail, a_is_tree).cmp(&next(b_tail, b_is_tree)))
}

/// The content of a tree with these entries, in git's order whatever the order given.
pub fn write_tree(entries: &[(EntryKind, &[u8], ObjectId)]) -> Result<Vec<u8>, TreeError> {
    let mut sorted: Vec<_> = entries.iter().collect();
    let is_tree = |kind: EntryKind| kind == EntryKind::Tree;
    order::sort_by(&mut sorted, |a, b| entry_order(a.1, is_tree(a.0), b.1, is_tree(b.0)));
    let mut names: Vec<&[u8]> = entries.iter().map(|entry| entry.1).collect();
    order::sort(&mut names);
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(TreeError::DuplicateName);
    }
    let mut out = Vec::new();
    for (kind, name, oid) in sorted {
        if matches!(*name, b"" | b"." | b"..") || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(TreeError::UnwritableName);
        }
        write_entry(&mut out, format!("{:o}", kind.mode().0).as_bytes(), name, oid);
    }
    Ok(out)
}

fn write_entry(out: &mut Vec<u8>, mode: &[u8], name: &[u8], oid: &ObjectId) {
    out.extend_from_slice(mode);
    out.push(b' ');
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(oid.as_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::hash::hash_object;
    use crate::format::object::Kind;

    const OID: ObjectId = ObjectId::new([7; OID_LEN]);

    fn tree(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mode, name) in entries {
            write_entry(&mut out, mode.as_bytes(), name, &OID);
        }
        out
    }

    fn sample() -> Vec<u8> {
        tree(&[
            ("100644", b"a"),
            ("100755", b"a.sh"),
            ("40000", b"dir"),
            ("120000", b"link"),
            ("100664", b"old"),
            ("160000", b"sub"),
            ("100644", b"\xff\n\x01"),
        ])
    }

    fn names(content: &[u8]) -> Result<usize, TreeError> {
        TreeIter::new(content).try_fold(0, |count, entry| entry.map(|_| count + 1))
    }

    #[test]
    fn a_tree_is_read_and_written_back_byte_for_byte() {
        for content in [
            sample(),
            Vec::new(),
            tree(&[("040000", b"z"), ("0100644", b"a/b"), ("0", b"odd")]),
        ] {
            let mut out = Vec::new();
            for entry in TreeIter::new(&content) {
                entry.unwrap().write(&mut out);
            }
            assert_eq!(out, content);
        }
    }

    #[test]
    fn the_empty_tree_has_its_id() {
        assert_eq!(hash_object(Kind::Tree, b"").unwrap(), EMPTY);
    }

    #[test]
    fn modes_mean_what_git_takes_them_for() {
        let kinds: Vec<_> = TreeIter::new(&sample())
            .map(|entry| entry.unwrap().mode.kind())
            .collect();
        use EntryKind::*;
        assert_eq!(kinds, [Blob, Executable, Tree, Symlink, Blob, Gitlink, Blob]);
        for (text, bits, kind) in [
            ("040000", 0o40_000, Tree),
            ("100600", 0o100_600, Blob),
            ("100777", 0o100_777, Executable),
            ("0", 0, Gitlink),
            ("1100644", 0o100_644, Blob),
        ] {
            let content = tree(&[(text, b"x")]);
            let entry = TreeIter::new(&content).next().unwrap().unwrap();
            assert_eq!((entry.mode.bits(), entry.mode.kind()), (bits, kind), "{text}");
            assert_eq!(Mode::parse(text.as_bytes()), Some(entry.mode));
        }
        assert_eq!(Tree.mode().to_string(), "040000");
    }

    #[test]
    fn every_truncation_is_refused_where_the_entry_starts() {
        let content = sample();
        let mut starts = vec![0u64];
        for entry in TreeIter::new(&content) {
            let entry = entry.unwrap();
            starts.push(starts.last().unwrap() + (entry.mode_text.len() + entry.name.len() + 22) as u64);
        }
        for length in 0..content.len() {
            let start = *starts.iter().rfind(|start| **start <= length as u64).unwrap();
            let expected = if start == length as u64 {
                Ok(starts.iter().position(|s| *s == start).unwrap())
            } else {
                Err(TreeError::Truncated { at: start })
            };
            assert_eq!(names(&content[..length]), expected, "{length} bytes");
        }
    }

    #[test]
    fn each_unreadable_entry_has_its_error() {
        let second = (6 + 1 + 22) as u64;
        for (mode, name, error) in [
            ("", &b"x"[..], TreeError::BadMode { at: second }),
            ("100648", b"x", TreeError::BadMode { at: second }),
            ("-10064", b"x", TreeError::BadMode { at: second }),
            ("100644", b"", TreeError::EmptyName { at: second }),
        ] {
            let content = tree(&[("100644", b"a"), (mode, name), ("100644", b"z")]);
            assert_eq!(names(&content), Err(error), "{mode:?}");
            assert!(!error.to_string().is_empty());
            assert_eq!(TreeIter::new(&content).count(), 2, "nothing follows an error");
            assert_eq!(check(&content), Err(error));
        }
    }

    #[test]
    fn trees_are_written_in_gits_order() {
        let entries: Vec<(EntryKind, &[u8], ObjectId)> = vec![
            (EntryKind::Blob, b"a0", OID),
            (EntryKind::Tree, b"a", OID),
            (EntryKind::Blob, b"a.c", OID),
            (EntryKind::Executable, b"a-b", OID),
        ];
        let content = write_tree(&entries).unwrap();
        assert_eq!(
            content,
            tree(&[
                ("100755", b"a-b"),
                ("100644", b"a.c"),
                ("40000", b"a"),
                ("100644", b"a0")
            ])
        );
        assert_eq!(check(&content), Ok(vec![]));
        assert_eq!(
            find(&content, b"a").map(|entry| entry.map(|e| e.mode.kind())),
            Ok(Some(EntryKind::Tree))
        );
        assert_eq!(find(&content, b"b"), Ok(None));
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            assert_eq!(
                write_tree(&[(EntryKind::Blob, name, OID)]),
                Err(TreeError::UnwritableName)
            );
        }
        let twice: [(EntryKind, &[u8], ObjectId); 2] = [(EntryKind::Blob, b"a", OID), (EntryKind::Tree, b"a", OID)];
        assert_eq!(write_tree(&twice), Err(TreeError::DuplicateName));
    }

    #[test]
    fn a_name_of_a_megabyte_takes_linear_time() {
        let name = vec![b'n'; 1 << 20];
        assert_eq!(names(&tree(&[("100644", &name)])), Ok(1));
        let digits = "1".repeat(1 << 20);
        assert_eq!(names(&tree(&[(&digits, b"x")])), Ok(1));
    }
}

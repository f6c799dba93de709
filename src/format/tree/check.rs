//! What git-fsck(1) holds against trees that can be read (`fsck_tree` in git's `fsck.c`).

use std::cmp::Ordering;

use super::{TreeEntry, TreeError, TreeIter, entry_order, is_dot_git};
use crate::sorted::order;

/// What git's fsck holds against a tree that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// A mode starts with 0 (`zeroPaddedFilemode`).
    PaddedMode,
    /// A mode that git does not write (`badFilemode`).
    OddMode,
    /// A name holds a slash (`fullPathname`).
    Slash,
    /// A name is `.` or `..` (`hasDot`, `hasDotdot`).
    Dot,
    /// A name is `.git`, or some file system takes it for that (`hasDotgit`).
    DotGit,
    /// An object id of zeros (`nullSha1`).
    NullId,
    /// Entries are not in order (`treeNotSorted`).
    Unsorted,
    /// Two entries have one name (`duplicateEntries`).
    Duplicate,
}

/// Everything wrong with a tree that can be read, each flaw once, in the order of the enum.
/// A tree that cannot be read is an error.
pub fn check(content: &[u8]) -> Result<Vec<Flaw>, TreeError> {
    let mut flaws = Vec::new();
    let mut names = Vec::new();
    let mut previous: Option<TreeEntry<'_>> = None;
    for entry in TreeIter::new(content) {
        let entry = entry?;
        let known = entry.mode == entry.mode.kind().mode() || entry.mode.0 == 0o100_664;
        let sorted = previous.is_none_or(|before| {
            entry_order(before.name, before.mode.is_tree(), entry.name, entry.mode.is_tree()) != Ordering::Greater
        });
        for (found, flaw) in [
            (entry.mode_text.first() == Some(&b'0'), Flaw::PaddedMode),
            (!known, Flaw::OddMode),
            (entry.name.contains(&b'/'), Flaw::Slash),
            (matches!(entry.name, b"." | b".."), Flaw::Dot),
            (is_dot_git(entry.name), Flaw::DotGit),
            (entry.oid.is_null(), Flaw::NullId),
            (!sorted, Flaw::Unsorted),
        ] {
            if found && !flaws.contains(&flaw) {
                flaws.push(flaw);
            }
        }
        names.push(entry.name);
        previous = Some(entry);
    }
    // A file and a directory of one name may be apart even in a sorted tree.
    order::sort(&mut names);
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        flaws.push(Flaw::Duplicate);
    }
    order::sort(&mut flaws);
    Ok(flaws)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::super::write_entry;
    use super::*;
    use crate::format::oid::{OID_LEN, ObjectId};

    fn tree(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mode, name) in entries {
            write_entry(&mut out, mode.as_bytes(), name, &ObjectId::new([7; OID_LEN]));
        }
        out
    }

    #[test]
    fn flaws_are_found_as_fsck_finds_them() {
        let good = ("100644", &b"m"[..]);
        for (entries, flaws) in [
            (vec![good], vec![]),
            (vec![("40000", &b"a"[..]), good], vec![]),
            (vec![("0100644", b"a"), good], vec![Flaw::PaddedMode]),
            (vec![("100600", b"a"), good], vec![Flaw::OddMode]),
            (vec![("100644", b"a/b"), good], vec![Flaw::Slash]),
            (vec![("40000", b".."), good], vec![Flaw::Dot]),
            (vec![("40000", b".GIT"), good], vec![Flaw::DotGit]),
            (
                vec![("40000", b".git. "), ("40000", b"a\\git~1"), good],
                vec![Flaw::DotGit],
            ),
            (vec![good, ("100644", b"a")], vec![Flaw::Unsorted]),
            (vec![good, good], vec![Flaw::Duplicate]),
            (
                vec![("100644", b"a"), ("100644", b"a.c"), ("40000", b"a")],
                vec![Flaw::Duplicate],
            ),
            (
                vec![("100644", b"a"), ("40000", b"a"), ("100644", b"a.c")],
                vec![Flaw::Unsorted, Flaw::Duplicate],
            ),
        ] {
            assert_eq!(check(&tree(&entries)), Ok(flaws), "{entries:?}");
        }
        let mut null = Vec::new();
        write_entry(&mut null, b"100644", b"a", &ObjectId::NULL);
        assert_eq!(check(&null), Ok(vec![Flaw::NullId]));
    }
}

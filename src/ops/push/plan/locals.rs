//! The refs that are here, as a push sees them: `get_local_heads` of git's remote.c.

use crate::format::oid::ObjectId;
use crate::format::refname::{self, Form, expansions};
use crate::ops::history::{KnownTags, known_tags};
use crate::sorted::SortedMap;
use crate::store::refs::{Ref, Target};

/// git's `SYMREF_MAXDEPTH`.
const SYMREF_MAXDEPTH: usize = 5;

/// The refs of this repository, by name; `HEAD` is among them.
pub(super) struct Locals {
    refs: SortedMap<Vec<u8>, Target>,
    /// The tags of which it is known what they lead to.
    pub(super) tags: KnownTags,
}

/// How many refs a short name may mean (`count_refspec_match`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// None.
    Nothing,
    /// This one.
    One(Vec<u8>),
    /// Several, each as good as the other.
    Several,
}

impl Locals {
    pub(super) fn new(refs: Vec<Ref>) -> Self {
        Locals {
            tags: known_tags(&refs),
            refs: refs.into_iter().map(|found| (found.name, found.target)).collect(),
        }
    }

    /// The refs that may be pushed by name, in order, with what they hold in the end. Names with
    /// nothing between `refs/` and the last component are not among them (`refs/stash`).
    pub(super) fn heads(&self) -> impl Iterator<Item = (&[u8], ObjectId)> {
        self.refs
            .keys()
            .filter_map(|name| Some((name.as_slice(), self.head(name)?)))
    }

    /// What such a ref holds.
    pub(super) fn head(&self, name: &[u8]) -> Option<ObjectId> {
        let rest = name.strip_prefix(b"refs/")?;
        refname::check(rest, Form::default()).ok()?;
        self.resolve(name).map(|(oid, _)| oid)
    }

    /// What a ref holds in the end, and the ref at the end of the chain of symbolic refs; `None` if
    /// there is nothing.
    pub(super) fn resolve<'a>(&'a self, name: &'a [u8]) -> Option<(ObjectId, &'a [u8])> {
        let mut name = name;
        for _ in 0..=SYMREF_MAXDEPTH {
            match self.refs.get(name)? {
                Target::Direct(oid) => return Some((*oid, name)),
                Target::Symbolic(next) => name = next,
            }
        }
        None
    }

    /// The branch that `HEAD` is on, without `refs/heads/`; it need not exist.
    pub(super) fn branch(&self) -> Option<&[u8]> {
        let Target::Symbolic(name) = self.refs.get(b"HEAD".as_slice())? else {
            return None;
        };
        let mut name = name;
        for _ in 0..SYMREF_MAXDEPTH {
            match self.refs.get(name) {
                Some(Target::Symbolic(next)) => name = next,
                _ => break,
            }
        }
        name.strip_prefix(b"refs/heads/")
    }
}

/// Which of the refs that exist a name means: by the rules for short names, except that a ref
/// outside `refs/heads/` and `refs/tags/` only counts where the name is in full, or wants nothing
/// but `refs/` before it, or where there is no other.
pub(super) fn meaning(short: &[u8], exists: impl Fn(&[u8]) -> bool) -> Meaning {
    let (mut strong, mut weak) = (Vec::new(), Vec::new());
    for (rule, name) in expansions(short).into_iter().enumerate() {
        if !exists(&name) {
            continue;
        }
        // The first rule adds nothing, the second `refs/`.
        let is_strong = rule < 2 || name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/");
        if is_strong { &mut strong } else { &mut weak }.push(name);
    }
    let mut found = if strong.is_empty() { weak } else { strong };
    match (found.pop(), found.is_empty()) {
        (None, _) => Meaning::Nothing,
        (Some(name), true) => Meaning::One(name),
        (Some(_), false) => Meaning::Several,
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn oid(byte: u8) -> ObjectId {
        ObjectId::new([byte; 20])
    }

    fn locals(list: &[(&str, Result<u8, &str>)]) -> Locals {
        let made = |(name, held): &(&str, Result<u8, &str>)| Ref {
            name: name.as_bytes().to_vec(),
            target: match held {
                Ok(byte) => Target::Direct(oid(*byte)),
                Err(to) => Target::Symbolic(to.as_bytes().to_vec()),
            },
            peeled: None,
        };
        Locals::new(list.iter().map(made).collect())
    }

    #[test]
    fn a_short_name_means_what_git_takes_it_for() {
        let one = |name: &str| Meaning::One(name.as_bytes().to_vec());
        for (short, there, expected) in [
            ("main", &["refs/heads/main"][..], one("refs/heads/main")),
            ("main", &["refs/heads/main", "refs/tags/main"], Meaning::Several),
            (
                "main",
                &["refs/heads/main", "refs/remotes/main/HEAD"],
                one("refs/heads/main"),
            ),
            ("o/main", &["refs/remotes/o/main"], one("refs/remotes/o/main")),
            ("o", &["refs/remotes/o", "refs/remotes/o/HEAD"], Meaning::Several),
            (
                "remotes/o/m",
                &["refs/remotes/o/m", "refs/heads/remotes/o/m"],
                Meaning::Several,
            ),
            ("notes/x", &["refs/notes/x"], one("refs/notes/x")),
            ("refs/notes/x", &["refs/notes/x"], one("refs/notes/x")),
            ("main", &["refs/heads/mai"], Meaning::Nothing),
            ("", &["refs/heads/main"], Meaning::Nothing),
        ] {
            let exists = |name: &[u8]| there.iter().any(|there| there.as_bytes() == name);
            assert_eq!(meaning(short.as_bytes(), exists), expected, "{short} in {there:?}");
        }
    }

    #[test]
    fn refs_without_a_directory_and_dangling_ones_are_not_pushed_by_name() {
        let refs = locals(&[
            ("HEAD", Err("refs/heads/main")),
            ("refs/heads/main", Ok(1)),
            ("refs/heads/link", Err("refs/heads/main")),
            ("refs/heads/lost", Err("refs/heads/gone")),
            ("refs/heads/loop", Err("refs/heads/loop")),
            ("refs/stash", Ok(2)),
        ]);
        let heads: Vec<(&[u8], ObjectId)> = refs.heads().collect();
        assert_eq!(heads, [(&b"refs/heads/link"[..], oid(1)), (b"refs/heads/main", oid(1))]);
        assert_eq!(refs.resolve(b"HEAD"), Some((oid(1), &b"refs/heads/main"[..])));
        assert_eq!(refs.branch(), Some(&b"main"[..]));
    }

    #[test]
    fn the_current_branch_need_not_exist_and_may_be_none() {
        let on = |target| locals(&[("HEAD", target)]).branch().map(<[u8]>::to_vec);
        assert_eq!(on(Err("refs/heads/unborn")), Some(b"unborn".to_vec()));
        assert_eq!(on(Err("refs/other/x")), None);
        assert_eq!(on(Ok(1)), None);
    }
}

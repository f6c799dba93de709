//! The refs of a remote, the same for every protocol version: what `ls-refs` answers and what the
//! older versions advertise.
//!
//! Names that no repository may store are left out and listed in [`RemoteRefs::ignored`], as
//! git's `remote.c` does ("Ignoring funny ref"). Which branch is the default is answered as
//! `guess_remote_head` of remote.c does.

use super::capability::split_at_byte;
use super::text::quote;
use crate::format::oid::ObjectId;
use crate::format::refname::{RefName, expansions};
use crate::sorted::order;

/// How many refs are taken from a remote; what an annotated tag peels to may count as another.
pub const MAX_REFS: usize = 2_000_000;

/// How many bytes a ref advertisement or listing may have: a million refs have about 80 MB.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// How long the name of a ref may be: what fits into a file name's path on most systems.
pub const MAX_NAME: usize = 4096;

/// How many of the names that were left out are listed.
pub const MAX_IGNORED: usize = 1000;

/// A ref of the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// `HEAD`, or a full name that starts with `refs/`.
    pub name: RefName,
    /// What it points to.
    pub oid: ObjectId,
    /// If that is an annotated tag: what the tag, and the tags it points to, finally point to.
    pub peeled: Option<ObjectId>,
    /// If it is symbolic and the remote tells: the ref it stands for. Not necessarily one of the
    /// refs listed.
    pub symref_target: Option<RefName>,
}

/// The refs of a remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteRefs {
    refs: Vec<RemoteRef>,
    /// Indices into `refs`, by name.
    sorted: Vec<usize>,
    unborn_head: Option<RefName>,
    ignored: Vec<String>,
    ignored_count: usize,
}

/// What the remote's `HEAD` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteHead {
    /// A branch that exists. `guessed` if the remote did not say, and it is the one at the same
    /// commit.
    Branch {
        /// The full name.
        name: RefName,
        /// What it points to.
        oid: ObjectId,
        /// Whether it was guessed.
        guessed: bool,
    },
    /// A commit, and no branch listed is known to be meant.
    Detached(ObjectId),
    /// A branch that does not exist: the repository is empty, or (with refs) its `HEAD` dangles.
    Unborn(RefName),
    /// Nothing is known of it: it dangles and the remote does not say where to, or was not listed.
    Unknown,
}

impl RemoteRefs {
    /// The refs, in the order of the remote.
    pub fn iter(&self) -> impl Iterator<Item = &RemoteRef> {
        self.refs.iter()
    }

    /// How many there are, `HEAD` included.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The ref of that full name.
    pub fn get(&self, name: &[u8]) -> Option<&RemoteRef> {
        let key = |at: &usize| self.refs.get(*at).map(|found| found.name.as_bytes());
        let at = self.sorted.binary_search_by(|at| key(at).cmp(&Some(name))).ok()?;
        self.refs.get(*self.sorted.get(at)?)
    }

    /// The ref a short name means, by the rules of gitrevisions(7): `name`, `refs/name`,
    /// `refs/tags/name`, `refs/heads/name`, `refs/remotes/name`, `refs/remotes/name/HEAD`.
    pub fn find(&self, short: &[u8]) -> Option<&RemoteRef> {
        expansions(short).iter().find_map(|name| self.get(name))
    }

    /// The branch an unborn `HEAD` stands for, if the remote told.
    pub fn unborn_head(&self) -> Option<&RefName> {
        self.unborn_head.as_ref()
    }

    /// Names that were left out because they are malformed, doubled, or outside `refs/`; cleaned
    /// text, the first [`MAX_IGNORED`] of them.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// How many were left out.
    pub fn ignored_count(&self) -> usize {
        self.ignored_count
    }

    /// What the remote's `HEAD` is. `default_branch` (`main`, say) is tried first if the remote
    /// does not tell, then `master`, then every branch in the order of the remote.
    pub fn head(&self, default_branch: &[u8]) -> RemoteHead {
        let Some(head) = self.get(b"HEAD") else {
            return match &self.unborn_head {
                // The listing may have been filtered, or the answer may contradict itself.
                Some(target) => match self.get(target.as_bytes()) {
                    Some(found) => branch(found, false),
                    None => RemoteHead::Unborn(target.clone()),
                },
                None => RemoteHead::Unknown,
            };
        };
        if let Some(target) = &head.symref_target {
            return match self.get(target.as_bytes()) {
                Some(found) if target.as_bytes() != b"HEAD" => branch(found, false),
                _ => RemoteHead::Detached(head.oid),
            };
        }
        let names = [default_branch, b"master"].map(|name| [b"refs/heads/", name].concat());
        let favourites = names.iter().filter_map(|name| self.get(name));
        let branches = self
            .refs
            .iter()
            .filter(|found| found.name.as_bytes().starts_with(b"refs/heads/"));
        match favourites.chain(branches).find(|found| found.oid == head.oid) {
            Some(found) => branch(found, true),
            None => RemoteHead::Detached(head.oid),
        }
    }
}

fn branch(found: &RemoteRef, guessed: bool) -> RemoteHead {
    RemoteHead::Branch {
        name: found.name.clone(),
        oid: found.oid,
        guessed,
    }
}

/// The remote listed more refs than [`MAX_REFS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyRefs;

/// Collects refs as they are parsed.
#[derive(Default)]
pub(crate) struct RefsBuilder {
    built: RemoteRefs,
    /// Names and what they peel to, where the tag was not the ref before.
    peels: Vec<(Vec<u8>, ObjectId)>,
    count: usize,
}

impl RefsBuilder {
    /// Adds a ref, or notes its name as ignored.
    pub(crate) fn push(
        &mut self,
        name: &[u8],
        oid: ObjectId,
        peeled: Option<ObjectId>,
        symref_target: Option<&[u8]>,
    ) -> Result<(), TooManyRefs> {
        self.count()?;
        match acceptable(name) {
            Some(name) => {
                let symref_target = symref_target.and_then(acceptable);
                self.built.refs.push(RemoteRef {
                    name,
                    oid,
                    peeled,
                    symref_target,
                });
            }
            None => self.ignore(name),
        }
        Ok(())
    }

    /// Adds the line `<oid> <name>^{}` of the older versions; `name` without the suffix.
    pub(crate) fn push_peeled(&mut self, name: &[u8], oid: ObjectId) -> Result<(), TooManyRefs> {
        self.count()?;
        match self.built.refs.last_mut() {
            Some(last) if last.name.as_bytes() == name => last.peeled = Some(oid),
            _ => self.peels.push((name.to_vec(), oid)),
        }
        Ok(())
    }

    /// Notes where an unborn `HEAD` points.
    pub(crate) fn unborn_head(&mut self, target: &[u8]) {
        match acceptable(target).filter(|target| target.as_bytes() != b"HEAD") {
            Some(target) => self.built.unborn_head = Some(target),
            None => self.ignore(target),
        }
    }

    /// Sorts, and applies what could not be applied before: peels, and the symrefs of the
    /// capability line. One symref for a name counts, the first.
    pub(crate) fn finish<'a>(mut self, symrefs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> RemoteRefs {
        self.sort();
        for (name, target) in symrefs {
            let (Some(name), Some(target)) = (acceptable(name), acceptable(target)) else {
                continue;
            };
            match self.find_mut(name.as_bytes()) {
                Some(found) => {
                    found.symref_target.get_or_insert(target);
                }
                None if name.as_bytes() == b"HEAD" && target.as_bytes() != b"HEAD" => {
                    self.built.unborn_head.get_or_insert(target);
                }
                None => {}
            }
        }
        for (name, oid) in std::mem::take(&mut self.peels) {
            if let Some(found) = self.find_mut(&name) {
                found.peeled = Some(oid);
            }
        }
        self.built
    }

    fn count(&mut self) -> Result<(), TooManyRefs> {
        self.count += 1;
        if self.count > MAX_REFS {
            Err(TooManyRefs)
        } else {
            Ok(())
        }
    }

    fn ignore(&mut self, name: &[u8]) {
        self.built.ignored_count += 1;
        if self.built.ignored.len() < MAX_IGNORED {
            self.built.ignored.push(quote(name));
        }
    }

    /// Orders by name; of refs with the same name the first stays.
    fn sort(&mut self) {
        let refs = &self.built.refs;
        let name = |at: &usize| refs.get(*at).map(|found| &found.name);
        let mut sorted: Vec<usize> = (0..refs.len()).collect();
        order::sort_by(&mut sorted, |a, b| name(a).cmp(&name(b)));
        let before = sorted.len();
        let mut doubled = Vec::new();
        sorted.dedup_by(|later, earlier| {
            let same = name(later) == name(earlier);
            if same {
                doubled.push(*later);
            }
            same
        });
        if sorted.len() == before {
            self.built.sorted = sorted;
            return;
        }
        order::sort(&mut doubled);
        for at in &doubled {
            if let Some(found) = self.built.refs.get(*at).map(|found| found.name.as_bytes().to_vec()) {
                self.ignore(&found);
            }
        }
        let mut at = 0;
        self.built.refs.retain(|_| {
            at += 1;
            doubled.binary_search(&(at - 1)).is_err()
        });
        self.sort();
    }

    fn find_mut(&mut self, name: &[u8]) -> Option<&mut RemoteRef> {
        let refs = &self.built.refs;
        let key = |at: &usize| refs.get(*at).map(|found| found.name.as_bytes());
        let at = self.built.sorted.binary_search_by(|at| key(at).cmp(&Some(name))).ok()?;
        let at = *self.built.sorted.get(at)?;
        self.built.refs.get_mut(at)
    }
}

/// `HEAD`, or a valid name within `refs/`, of a length that can be stored.
fn acceptable(name: &[u8]) -> Option<RefName> {
    if name.len() > MAX_NAME {
        return None;
    }
    RefName::new(name)
        .ok()
        .filter(|name| name.is_head() || name.is_in_refs())
}

/// `<oid> SP <rest>`, with an id of exactly 40 digits.
pub(crate) fn oid_and_rest(line: &[u8]) -> Option<(ObjectId, &[u8])> {
    let (oid, rest) = split_at_byte(line, b' ')?;
    Some((ObjectId::from_hex(oid)?, rest))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn oid(byte: u8) -> ObjectId {
        ObjectId::new([byte; 20])
    }

    fn refs(list: &[(&str, u8, Option<&str>)], unborn: Option<&str>) -> RemoteRefs {
        let mut builder = RefsBuilder::default();
        for (name, byte, symref) in list {
            let symref = symref.map(str::as_bytes);
            assert!(builder.push(name.as_bytes(), oid(*byte), None, symref).is_ok());
        }
        if let Some(target) = unborn {
            builder.unborn_head(target.as_bytes());
        }
        builder.finish(std::iter::empty())
    }

    fn branch(name: &str, byte: u8, guessed: bool) -> RemoteHead {
        RemoteHead::Branch {
            name: RefName::new(name).unwrap(),
            oid: oid(byte),
            guessed,
        }
    }

    #[test]
    fn head_is_what_the_remote_says_or_gits_guess() {
        let (main, master, other) = ("refs/heads/main", "refs/heads/master", "refs/heads/a");
        let unborn = |name: &str| RemoteHead::Unborn(RefName::new(name).unwrap());
        for (list, told, expected) in [
            (
                vec![("HEAD", 1, Some(other)), (other, 1, None), (main, 1, None)],
                None,
                branch(other, 1, false),
            ),
            (
                vec![("HEAD", 1, None), (other, 1, None), (main, 1, None), (master, 1, None)],
                None,
                branch(main, 1, true),
            ),
            (
                vec![("HEAD", 1, None), (other, 1, None), (main, 2, None), (master, 1, None)],
                None,
                branch(master, 1, true),
            ),
            (
                vec![("HEAD", 1, None), ("refs/heads/z", 1, None), (other, 1, None)],
                None,
                branch("refs/heads/z", 1, true),
            ),
            (
                vec![("HEAD", 1, None), (other, 2, None), ("refs/tags/t", 1, None)],
                None,
                RemoteHead::Detached(oid(1)),
            ),
            // A target that is hidden, bogus, or HEAD itself.
            (
                vec![("HEAD", 1, Some("refs/heads/gone")), (other, 1, None)],
                None,
                RemoteHead::Detached(oid(1)),
            ),
            (
                vec![("HEAD", 1, Some("HEAD")), (other, 2, None)],
                None,
                RemoteHead::Detached(oid(1)),
            ),
            (vec![], Some(main), unborn(main)),
            (vec![(other, 1, None)], Some(main), unborn(main)),
            (vec![(main, 1, None)], Some(main), branch(main, 1, false)),
            (vec![(other, 1, None)], None, RemoteHead::Unknown),
            (vec![], Some("refs/heads/../x"), RemoteHead::Unknown),
            (vec![], Some("HEAD"), RemoteHead::Unknown),
        ] {
            assert_eq!(refs(&list, told).head(b"main"), expected, "{list:?} {told:?}");
        }
    }

    #[test]
    fn a_symref_to_a_bogus_name_is_none() {
        let found = refs(
            &[("HEAD", 1, Some("refs/heads/a..b")), ("refs/heads/main", 1, None)],
            None,
        );
        assert_eq!(found.get(b"HEAD").unwrap().symref_target, None);
        assert_eq!(found.head(b"main"), branch("refs/heads/main", 1, true));
    }

    #[test]
    fn short_names_are_found_by_gits_rules() {
        let found = refs(
            &[
                ("HEAD", 9, None),
                ("refs/heads/x", 1, None),
                ("refs/tags/x", 2, None),
                ("refs/remotes/o/HEAD", 3, None),
            ],
            None,
        );
        for (short, expected) in [
            ("x", Some(2)),
            ("heads/x", Some(1)),
            ("refs/heads/x", Some(1)),
            ("o", Some(3)),
            ("HEAD", Some(9)),
            ("y", None),
        ] {
            assert_eq!(
                found.find(short.as_bytes()).map(|found| found.oid),
                expected.map(oid),
                "{short}"
            );
        }
    }

    #[test]
    fn the_list_of_ignored_names_is_bounded() {
        let names: Vec<String> = (0..MAX_IGNORED + 5).map(|number| format!("bad {number}")).collect();
        let list: Vec<_> = names.iter().map(|name| (name.as_str(), 1, None)).collect();
        let found = refs(&list, None);
        assert_eq!(
            (found.ignored().len(), found.ignored_count(), found.len()),
            (MAX_IGNORED, MAX_IGNORED + 5, 0)
        );
    }
}

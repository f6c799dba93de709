//! Which refs of the remote a push touches, and what with: `match_push_refs` of git's remote.c.
//! Decided from names alone; nothing is read here.

use std::collections::HashMap;

use super::locals::{Locals, Meaning, meaning};
use super::refused::Problem;
use crate::format::oid::ObjectId;
use crate::format::refspec::RefSpec;

const HEADS: &[u8] = b"refs/heads/";
const TAGS: &[u8] = b"refs/tags/";

/// What a ref of the remote is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The full name of a ref here, or an expression; `None` deletes.
    pub(super) name: Option<Vec<u8>>,
    /// The object; `None` deletes.
    pub(super) oid: Option<ObjectId>,
}

impl Source {
    pub(super) const DELETE: Source = Source { name: None, oid: None };

    pub(super) fn of(name: &[u8], oid: ObjectId) -> Self {
        Source {
            name: Some(name.to_vec()),
            oid: Some(oid),
        }
    }
}

/// A ref of the remote, there or to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) name: Vec<u8>,
    /// What it is there.
    pub(super) old: Option<ObjectId>,
    /// What it becomes; `None`: it is left alone.
    pub(super) source: Option<Source>,
    /// Whether the refspec has a `+`.
    pub(super) force: bool,
}

/// The refs of the remote: those it has, in its order, and those it will have.
pub(super) struct Matching {
    pub(super) refs: Vec<Matched>,
    places: HashMap<Vec<u8>, usize>,
}

/// How refs are matched beside what the refspecs say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    /// `:` makes branches that the remote has not.
    pub(super) all: bool,
    /// `:` means refs of every kind, and makes those that the remote has not.
    pub(super) mirror: bool,
}

impl Matching {
    /// Of a remote that has these.
    pub(super) fn new(refs: impl Iterator<Item = (Vec<u8>, ObjectId)>) -> Self {
        let mut matching = Matching {
            refs: Vec::new(),
            places: HashMap::new(),
        };
        for (name, old) in refs {
            matching.add(name, Some(old));
        }
        matching
    }

    fn add(&mut self, name: Vec<u8>, old: Option<ObjectId>) -> usize {
        let place = self.refs.len();
        self.places.insert(name.clone(), place);
        self.refs.push(Matched {
            name,
            old,
            source: None,
            force: false,
        });
        place
    }

    /// A ref that the remote has not, and gets. Does nothing if it has.
    pub(super) fn create(&mut self, name: &[u8], source: Source) {
        if self.places.contains_key(name) {
            return;
        }
        let place = self.add(name.to_vec(), None);
        if let Some(matched) = self.refs.get_mut(place) {
            matched.source = Some(source);
        }
    }

    /// Whether the remote has, or will have, a ref of that name.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.places.contains_key(name)
    }

    /// One refspec without a pattern (`match_explicit`), whose source is looked up already.
    pub(super) fn explicit(&mut self, locals: &Locals, spec: &RefSpec, source: &Source) -> Result<(), Problem> {
        let destination = match (spec.destination(), &source.name) {
            (Some(destination), _) => destination,
            (None, Some(name)) => own_name(locals, name).ok_or_else(|| Problem::NoBranch(name.clone()))?,
            (None, None) => return Err(Problem::NoSource(spec.source().to_vec())),
        };
        let place = match meaning(destination, |name| self.has(name)) {
            Meaning::Several => return Err(Problem::Destinations(destination.to_vec())),
            Meaning::One(name) => self.places.get(&name).copied(),
            Meaning::Nothing if destination.starts_with(b"refs/") => Some(self.add(destination.to_vec(), None)),
            Meaning::Nothing => match &source.name {
                None => return Err(Problem::Absent(destination.to_vec())),
                Some(name) => guess(locals, destination, name).map(|full| self.add(full, None)),
            },
        };
        let Some(matched) = place.and_then(|place| self.refs.get_mut(place)) else {
            return Err(Problem::Unqualified {
                source: source.name.clone().unwrap_or_default(),
                destination: destination.to_vec(),
            });
        };
        if matched.source.is_some() {
            return Err(Problem::Twice(matched.name.clone()));
        }
        matched.source = Some(source.clone());
        matched.force = spec.is_force();
        Ok(())
    }

    /// What patterns and `:` say of the refs here. What has a source already keeps it.
    pub(super) fn patterns(&mut self, locals: &Locals, specs: &[RefSpec], mode: Mode) {
        for (name, oid) in locals.heads() {
            let Some((spec, destination)) = other_side(specs, name, mode, RefSpec::map) else {
                continue;
            };
            let place = match self.places.get(&destination) {
                Some(place) => *place,
                None if spec.is_matching() && !mode.all && !mode.mirror => continue,
                None => self.add(destination, None),
            };
            if let Some(matched) = self.refs.get_mut(place).filter(|matched| matched.source.is_none()) {
                matched.source = Some(Source::of(name, oid));
                matched.force = spec.is_force();
            }
        }
    }

    /// Deletes what patterns and `:` would have written to, had it a source here.
    pub(super) fn prune(&mut self, locals: &Locals, specs: &[RefSpec], mode: Mode) {
        for matched in self.refs.iter_mut().filter(|matched| matched.source.is_none()) {
            let source = other_side(specs, &matched.name, mode, RefSpec::unmap);
            if source.is_some_and(|(_, source)| locals.head(&source).is_none()) {
                matched.source = Some(Source::DELETE);
            }
        }
    }

    /// Leaves out what negative refspecs name. They are held against the names on the remote.
    pub(super) fn exclude(&mut self, specs: &[RefSpec]) {
        let excluded = |name: &[u8]| specs.iter().any(|spec| spec.is_negative() && spec.matches(name));
        self.refs.retain(|matched| !excluded(&matched.name));
    }
}

/// The refspec that a ref on one side falls under, and its name on the other (`get_ref_match`): the
/// first pattern that fits, else `:`, and `+:` before that.
fn other_side<'a>(
    specs: &'a [RefSpec],
    name: &[u8],
    mode: Mode,
    through: impl Fn(&RefSpec, &[u8]) -> Option<Vec<u8>>,
) -> Option<(&'a RefSpec, Vec<u8>)> {
    let mut matching: Option<&RefSpec> = None;
    for spec in specs.iter().filter(|spec| !spec.is_negative()) {
        if spec.is_matching() {
            if matching.is_none() || spec.is_force() {
                matching = Some(spec);
            }
        } else if spec.is_pattern() {
            let other = match spec.destination() {
                Some(_) => through(spec, name),
                None => spec.matches(name).then(|| name.to_vec()),
            };
            if let Some(other) = other {
                return Some((spec, other));
            }
        }
    }
    let spec = matching.filter(|_| mode.mirror || name.starts_with(HEADS))?;
    Some((spec, name.to_vec()))
}

/// Where a source goes that says nothing of it: to the branch it leads to, or to its own name where
/// it is no symbolic ref.
fn own_name<'a>(locals: &'a Locals, source: &'a [u8]) -> Option<&'a [u8]> {
    let (_, leads_to) = locals.resolve(source)?;
    (leads_to == source || leads_to.starts_with(HEADS)).then_some(leads_to)
}

/// The full name of a destination that the remote has not, by what its source is (`guess_ref`).
fn guess(locals: &Locals, destination: &[u8], source: &[u8]) -> Option<Vec<u8>> {
    let (_, leads_to) = locals.resolve(source)?;
    let under = [HEADS, TAGS].into_iter().find(|under| leads_to.starts_with(under))?;
    Some([under, destination].concat())
}

//! Whether objects are complete: everything they name is among them, or known elsewhere.
//!
//! [`Links`] is git's `index-pack --check-self-contained-and-connected`: objects are noted while
//! their pack is indexed, so that nothing has to be read again. It is a verdict on all objects of
//! a pack. A pack may hold an object that no ref reaches and that names a missing one; git falls
//! back to a walk then (`check_connected()` in `connected.c`), and [`Walk`] is that walk.
//!
//! Kinds are held against what the links say, as `mark_link()` in `index-pack.c` does. Gitlinks are
//! not followed. Memory: about 40 bytes for each id, no edges but those between commits.

mod history;
mod table;
mod travel;

use std::collections::HashSet;
use std::fmt;

use crate::format::commit::CommitRef;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tag::TagRef;
use crate::format::tree::{EntryKind, TreeIter};

use table::{Table, hash};

pub use history::{Frontier, History};
pub use travel::Merging;

/// Objects and what they point to.
pub struct Links {
    /// Every id that was noted or named.
    nodes: Vec<Node>,
    /// Where each is among them.
    table: Table,
    seed: u64,
    /// Commit and parent; apart, since shallow boundaries cut them.
    parents: Vec<(u32, u32)>,
    /// What was linked lately, and as what: trees name the same objects again and again.
    recent: Vec<Option<(ObjectId, Kind)>>,
}

/// How many recent links are remembered: a power of two, and few enough to stay in a processor's
/// cache, which the table of all ids does not.
const RECENT: usize = 4096;

#[derive(Clone, Copy)]
struct Node {
    oid: ObjectId,
    /// The first object that names it other than as a parent.
    referrer: u32,
    /// The kind it has, once noted.
    kind: Option<Kind>,
    /// The kind it is named as.
    expected: Option<Kind>,
}

const NONE: u32 = u32::MAX;

/// An id that is named and not noted, and the kind it is named as (`None`: any).
pub type Missing = (ObjectId, Option<Kind>);

/// An object that breaks every walk over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// It cannot be parsed as far as its links, or is the one with which there are more than 2^32 ids.
    Malformed {
        /// The object.
        oid: ObjectId,
        /// Its kind.
        kind: Kind,
    },
    /// An object is named as one kind and is, or is also named as, another.
    Kind {
        /// The object named.
        oid: ObjectId,
        /// The kind it should have.
        expected: Kind,
        /// The kind it has.
        found: Kind,
        /// An object that names it, where known.
        referrer: Option<ObjectId>,
    },
}

/// Objects are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConnected {
    /// How many.
    pub count: u64,
    /// At most ten of them, each with an object that names it (`None`: a ref does).
    pub missing: Vec<(ObjectId, Option<ObjectId>)>,
}

/// How many missing objects an error names.
const NAMED: usize = 10;

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

impl Links {
    /// Of no objects yet, for input that is trusted not to be made against us.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Of no objects yet. `seed` should be random: it keeps a server from choosing ids that all
    /// fall into one place of the table.
    pub fn with_seed(seed: u64) -> Self {
        Links {
            nodes: Vec::new(),
            table: Table::new(),
            seed,
            parents: Vec::new(),
            recent: vec![None; RECENT],
        }
    }

    /// Notes an object and what it points to. Objects may come in any order, and more than once.
    pub fn object(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) -> Result<(), LinkError> {
        self.note(kind, oid, content, false)
    }

    /// Notes a blob that is not in memory.
    pub fn blob(&mut self, oid: ObjectId) -> Result<(), LinkError> {
        self.note(Kind::Blob, oid, b"", false)
    }

    /// The ids named and not noted, and those of `tips` not noted; parents of the `shallow` commits
    /// do not count. If there are none, the objects are complete. Otherwise those that are known
    /// elsewhere have to be taken off, and if some remain, a [`Walk`] from the tips decides whether
    /// they matter ([`Links::not_connected`] is the error if it is known that they do).
    pub fn missing(&self, shallow: &[ObjectId], tips: &[ObjectId]) -> Vec<Missing> {
        let shallow: HashSet<&ObjectId> = shallow.iter().collect();
        let mut named = vec![false; self.nodes.len()];
        let mut missing = Vec::new();
        let parents = self.parents.iter().filter(|(commit, _)| {
            let commit = self.node(*commit);
            !commit.is_some_and(|commit| shallow.contains(&commit.oid))
        });
        let parents = parents.map(|(_, parent)| *parent);
        let others = (0u32..).zip(&self.nodes).filter(|(_, node)| node.referrer != NONE);
        for number in others.map(|(number, _)| number).chain(parents) {
            if let (Some(node), Some(named)) = (self.node(number), named.get_mut(index(number)))
                && node.kind.is_none()
                && !std::mem::replace(named, true)
            {
                missing.push((node.oid, node.expected));
            }
        }
        let mut asked = HashSet::new();
        for tip in tips {
            let number = self.find(tip);
            let is_named = number.and_then(|number| named.get(index(number)).copied());
            if self.kind(tip).is_none() && is_named != Some(true) && asked.insert(tip) {
                missing.push((*tip, None));
            }
        }
        missing
    }

    /// The error for what remains of [`Links::missing`].
    pub fn not_connected(&self, missing: &[Missing]) -> NotConnected {
        NotConnected {
            count: missing.len() as u64,
            missing: missing
                .iter()
                .take(NAMED)
                .map(|(oid, _)| (*oid, self.referrer(oid)))
                .collect(),
        }
    }

    /// An object that names that one, if any does.
    pub fn referrer(&self, oid: &ObjectId) -> Option<ObjectId> {
        let number = self.find(oid)?;
        let node = self.node(number)?;
        if node.referrer != NONE {
            return self.node(node.referrer).map(|node| node.oid);
        }
        let (commit, _) = self.parents.iter().find(|(_, parent)| *parent == number)?;
        self.node(*commit).map(|node| node.oid)
    }

    /// How many ids were noted or named.
    pub fn ids(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// How many different objects were noted.
    pub fn noted(&self) -> u64 {
        self.nodes.iter().filter(|node| node.kind.is_some()).count() as u64
    }

    /// The kind of an object that was noted.
    pub fn kind(&self, oid: &ObjectId) -> Option<Kind> {
        self.node(self.find(oid)?)?.kind
    }

    /// Notes an object; `cut`: a commit at a shallow boundary, whose parents do not count.
    fn note(&mut self, kind: Kind, oid: ObjectId, content: &[u8], cut: bool) -> Result<(), LinkError> {
        let malformed = LinkError::Malformed { oid, kind };
        let number = self.intern(oid).ok_or(malformed.clone())?;
        let Some(node) = self.nodes.get_mut(index(number)) else {
            return Err(malformed);
        };
        if let Some(expected) = node.expected
            && expected != kind
        {
            let referrer = node.referrer;
            return Err(LinkError::Kind {
                oid,
                expected,
                found: kind,
                referrer: self.node(referrer).map(|node| node.oid),
            });
        }
        if node.kind.replace(kind).is_some() {
            // A second copy: the same id has the same links.
            return Ok(());
        }
        match kind {
            Kind::Blob => {}
            Kind::Tree => {
                for entry in TreeIter::new(content) {
                    let entry = entry.map_err(|_| malformed.clone())?;
                    match entry.mode.kind() {
                        EntryKind::Gitlink => {}
                        EntryKind::Tree => self.link(number, entry.oid, Kind::Tree)?,
                        _ => self.link(number, entry.oid, Kind::Blob)?,
                    }
                }
            }
            Kind::Commit => {
                let commit = CommitRef::parse(content).map_err(|_| malformed)?;
                self.link(number, commit.tree(), Kind::Tree)?;
                for parent in commit.parents().filter(|_| !cut) {
                    let parent = self.expect(number, parent, Kind::Commit)?;
                    self.parents.push((number, parent));
                }
            }
            Kind::Tag => {
                let tag = TagRef::parse(content).map_err(|_| malformed)?;
                self.link(number, tag.object, tag.kind)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, from: u32, to: ObjectId, expected: Kind) -> Result<(), LinkError> {
        let [.., high, low] = to.as_bytes();
        let place = usize::from(u16::from_be_bytes([*high, *low])) % RECENT;
        if self.recent.get(place) == Some(&Some((to, expected))) {
            return Ok(());
        }
        let number = self.expect(from, to, expected)?;
        if let Some(node) = self.nodes.get_mut(index(number))
            && node.referrer == NONE
        {
            node.referrer = from;
        }
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = Some((to, expected));
        }
        Ok(())
    }

    /// Notes that an id is named as that kind.
    fn expect(&mut self, from: u32, to: ObjectId, expected: Kind) -> Result<u32, LinkError> {
        let too_many = LinkError::Malformed {
            oid: to,
            kind: expected,
        };
        let number = self.intern(to).ok_or(too_many.clone())?;
        let Some(node) = self.nodes.get_mut(index(number)) else {
            return Err(too_many);
        };
        match node.kind.or(node.expected) {
            Some(found) if found != expected => Err(LinkError::Kind {
                oid: to,
                expected,
                found,
                referrer: self.node(from).map(|node| node.oid),
            }),
            _ => {
                node.expected = Some(expected);
                Ok(number)
            }
        }
    }

    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(index(number))
    }

    fn find(&self, oid: &ObjectId) -> Option<u32> {
        let is = |number| self.node(number).is_some_and(|node| node.oid == *oid);
        self.table.find(hash(self.seed, oid), is)
    }

    /// The number of an id, a new one if need be; `None` if there are no numbers left.
    fn intern(&mut self, oid: ObjectId) -> Option<u32> {
        if let Some(number) = self.find(&oid) {
            return Some(number);
        }
        let number = u32::try_from(self.nodes.len()).ok().filter(|number| *number != NONE)?;
        let (seed, nodes) = (self.seed, &self.nodes);
        let hash_of = |number| nodes.get(index(number)).map_or(0, |node| hash(seed, &node.oid));
        self.table.insert(hash(seed, &oid), number, hash_of);
        self.nodes.push(Node {
            oid,
            referrer: NONE,
            kind: None,
            expected: None,
        });
        Some(number)
    }
}

/// A number as an index; beyond every array for [`NONE`].
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A walk from the tips over everything they reach, each object once. The caller reads what is
/// [wanted](Walk::wanted) and notes it; what it does not find it just does not note.
pub struct Walk {
    links: Links,
    shallow: HashSet<ObjectId>,
    tips: Vec<ObjectId>,
    /// Ids before this one have been asked for.
    cursor: usize,
}

impl Walk {
    /// From `tips`, not beyond the `shallow` commits; the seed as for [`Links::with_seed`].
    pub fn new(tips: &[ObjectId], shallow: &[ObjectId], seed: u64) -> Self {
        let mut links = Links::with_seed(seed);
        for tip in tips {
            links.intern(*tip);
        }
        Walk {
            links,
            shallow: shallow.iter().copied().collect(),
            tips: tips.to_vec(),
            cursor: 0,
        }
    }

    /// The next objects to read, `limit` at most; empty when the walk is at its end. Of blobs
    /// ([`Missing`] names the kind) it is enough to know that they exist.
    pub fn wanted(&mut self, limit: usize) -> Vec<Missing> {
        let mut wanted = Vec::new();
        while let Some(node) = self.links.nodes.get(self.cursor)
            && wanted.len() < limit
        {
            self.cursor += 1;
            if node.kind.is_none() {
                wanted.push((node.oid, node.expected));
            }
        }
        wanted
    }

    /// Notes an object that was found.
    pub fn object(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) -> Result<(), LinkError> {
        let cut = self.shallow.contains(&oid);
        self.links.note(kind, oid, content, cut)
    }

    /// The verdict.
    pub fn finish(self) -> Result<(), NotConnected> {
        let missing = self.links.missing(&[], &self.tips);
        if missing.is_empty() {
            return Ok(());
        }
        Err(self.links.not_connected(&missing))
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Malformed { oid, kind } => write!(f, "the {kind} {oid} is malformed"),
            LinkError::Kind {
                oid,
                expected,
                found,
                referrer,
            } => {
                write!(f, "{oid} is a {found}, ")?;
                match referrer {
                    Some(referrer) => write!(f, "and {referrer} names it as a {expected}"),
                    None => write!(f, "and is named as a {expected}"),
                }
            }
        }
    }
}

impl std::error::Error for LinkError {}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} objects are missing", self.count)?;
        for (position, (oid, referrer)) in self.missing.iter().enumerate() {
            f.write_str(if position == 0 { ": " } else { ", " })?;
            match referrer {
                Some(referrer) => write!(f, "{oid} (named by {referrer})")?,
                None => write!(f, "{oid} (named by a ref)")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for NotConnected {}

#[cfg(test)]
mod tests;

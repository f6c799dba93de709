//! Which of the remote's refs are fetched, and where they go: `get_ref_map` of git's
//! builtin/fetch.c, and `get_fetch_map`, `ref_remove_duplicates` and `get_stale_heads` of its
//! remote.c. Decided from names alone; nothing is read here.

use std::collections::HashSet;

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::refname::{RefName, expansions};
use crate::format::refspec::RefSpec;
use crate::ops::fault::quoted;
use crate::ops::history::{KnownTags, known_tags};
use crate::ops::remotes::TagMode;
use crate::protocol::remote_refs::RemoteRefs;
use crate::sorted::{SortedMap, order};
use crate::store::refs::{Ref, Target};

pub(super) const HEADS: &[u8] = b"refs/heads/";
pub(super) const TAGS: &[u8] = b"refs/tags/";

/// What merging would do with a fetched ref (git's `fetch_head_status`), in the order in which
/// FETCH_HEAD has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForMerge {
    /// `git pull` would merge it.
    Merge,
    /// It would not.
    No,
    /// It is not told at all: a tracking ref that is kept in step.
    Ignore,
}

/// A ref of the remote that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    /// Its full name there; the object id itself where one was asked for.
    pub(super) remote: Vec<u8>,
    /// What it points to.
    pub(super) oid: ObjectId,
    /// The ref it is stored in.
    pub(super) local: Option<Local>,
    /// Its place in FETCH_HEAD.
    pub(super) merge: ForMerge,
}

impl Mapped {
    /// Whether the remote knows it by its name, and not just as an object.
    pub(super) fn has_name(&self) -> bool {
        self.remote == b"HEAD" || self.remote.starts_with(b"refs/")
    }
}

/// A ref here that a refspec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Its full name.
    pub(super) name: Vec<u8>,
    /// Whether the refspec has a `+`.
    pub(super) force: bool,
    /// What it holds before the fetch.
    pub(super) old: Option<ObjectId>,
}

/// The refs that are here before the fetch.
pub(super) struct LocalRefs(Vec<Ref>);

/// git's `SYMREF_MAXDEPTH`.
const SYMREF_MAXDEPTH: usize = 5;

impl LocalRefs {
    /// Of all refs, in the order of their names.
    pub(super) fn new(refs: Vec<Ref>) -> Self {
        LocalRefs(refs)
    }

    fn get(&self, name: &[u8]) -> Option<&Ref> {
        let at = self.0.binary_search_by(|found| found.name.as_slice().cmp(name)).ok()?;
        self.0.get(at)
    }

    /// What the ref holds in the end.
    pub(super) fn oid(&self, name: &[u8]) -> Option<ObjectId> {
        match &self.get(self.leads_to(name))?.target {
            Target::Direct(oid) => Some(*oid),
            Target::Symbolic(_) => None,
        }
    }

    /// The ref that is written when `name` is: the end of a chain of symbolic refs.
    pub(super) fn leads_to<'a>(&'a self, name: &'a [u8]) -> &'a [u8] {
        let mut name = name;
        for _ in 0..SYMREF_MAXDEPTH {
            match self.get(name).map(|found| &found.target) {
                Some(Target::Symbolic(next)) => name = next,
                _ => break,
            }
        }
        name
    }

    pub(super) fn is_symbolic(&self, name: &[u8]) -> bool {
        matches!(self.get(name).map(|found| &found.target), Some(Target::Symbolic(_)))
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// The names under `refs/`, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.0
            .iter()
            .map(|found| &found.name)
            .filter(|name| name.starts_with(b"refs/"))
    }

    /// What the refs under `refs/` hold, in the order of their names.
    pub(super) fn tips(&self) -> Vec<ObjectId> {
        self.names().filter_map(|name| self.oid(name)).collect()
    }

    /// The tags of which it is known what they lead to.
    pub(super) fn known_tags(&self) -> KnownTags {
        known_tags(&self.0)
    }

    /// The branch that HEAD is on.
    pub(super) fn head_branch(&self) -> Option<&[u8]> {
        match &self.get(b"HEAD")?.target {
            Target::Symbolic(name) => Some(name),
            Target::Direct(_) => None,
        }
    }
}

/// What is asked for.
pub(super) struct Wish<'a> {
    /// The refspecs of this call; empty: those of the configuration.
    pub(super) given: &'a [RefSpec],
    /// The remote's, from the configuration.
    pub(super) configured: &'a [RefSpec],
    /// The refs of this remote that the branch in question merges.
    pub(super) merges: &'a [Vec<u8>],
    /// Which tags.
    pub(super) tags: TagMode,
}

impl Wish<'_> {
    /// The refspecs that count.
    pub(super) fn specs(&self) -> &[RefSpec] {
        if self.given.is_empty() {
            self.configured
        } else {
            self.given
        }
    }

    /// Whether tags that point to what is fetched come along: only where something is stored
    /// (`autotags`).
    pub(super) fn follows_tags(&self) -> bool {
        let stores = |spec: &RefSpec| spec.destination().is_some_and(|name| !name.is_empty());
        self.tags == TagMode::Follow && self.specs().iter().any(stores)
    }

    /// Whether the remote's refs have to be listed: not where objects are named by their ids and
    /// tags are left alone.
    pub(super) fn needs_refs(&self) -> bool {
        self.tags != TagMode::None || self.given.is_empty() || self.given.iter().any(|spec| spec.exact_oid().is_none())
    }

    /// The refs worth listing (gitprotocol-v2(5), "ls-refs"); none for all.
    pub(super) fn prefixes(&self) -> Vec<Vec<u8>> {
        let mut prefixes: Vec<Vec<u8>> = self.specs().iter().flat_map(RefSpec::ref_prefixes).collect();
        if self.given.is_empty() {
            prefixes.extend_from_slice(self.merges);
            prefixes.push(b"HEAD".to_vec());
        }
        if self.tags != TagMode::None {
            prefixes.push(TAGS.to_vec());
        }
        order::sort(&mut prefixes);
        prefixes.dedup();
        prefixes
    }
}

/// The refs that are fetched. `present` tells which of the tags' objects are stored already (see
/// [`tag_objects`]).
pub(super) fn map(
    refs: &RemoteRefs,
    local: &LocalRefs,
    wish: &Wish<'_>,
    present: &HashSet<ObjectId>,
    warnings: &mut Vec<String>,
) -> Outcome<Vec<Mapped>> {
    let mut mapped = Vec::new();
    let mut opportunistic = Vec::new();
    if !wish.given.is_empty() {
        for spec in wish.given {
            expand(refs, local, spec, &mut mapped, warnings)?;
        }
        for found in &mut mapped {
            found.merge = ForMerge::Merge;
        }
        for spec in wish.configured {
            track(&mapped, local, spec, &mut opportunistic);
        }
    } else if !wish.configured.is_empty() || !wish.merges.is_empty() {
        for (at, spec) in wish.configured.iter().enumerate() {
            expand(refs, local, spec, &mut mapped, warnings)?;
            if let (0, false, true, Some(first)) = (at, spec.is_pattern(), wish.merges.is_empty(), mapped.first_mut()) {
                first.merge = ForMerge::Merge;
            }
        }
        for name in wish.merges {
            merge(refs, name, &mut mapped);
        }
    } else {
        let head = refs.get(b"HEAD").ok_or_else(|| not_found(b"HEAD"))?;
        mapped.push(Mapped {
            remote: b"HEAD".to_vec(),
            oid: head.oid,
            local: None,
            merge: ForMerge::Merge,
        });
    }
    match wish.tags {
        TagMode::All => {
            for found in refs.iter().filter(|found| found.name.as_bytes().starts_with(TAGS)) {
                mapped.push(tag(found.name.as_bytes(), found.oid));
            }
        }
        TagMode::Follow if wish.follows_tags() => {
            let fetched: HashSet<ObjectId> = mapped.iter().map(|found| found.oid).collect();
            let follow = |oid: &ObjectId| present.contains(oid) || fetched.contains(oid);
            mapped.append(&mut followed(refs, |name| local.contains(name), follow));
        }
        TagMode::Follow | TagMode::None => {}
    }
    mapped.append(&mut opportunistic);
    let excluded = |name: &[u8]| omits(wish.specs(), name);
    mapped.retain(|found| !excluded(&found.remote));
    let mut mapped = without_duplicates(mapped, warnings)?;
    for place in mapped.iter_mut().filter_map(|found| found.local.as_mut()) {
        place.old = local.oid(&place.name);
    }
    Ok(mapped)
}

/// The objects of the remote's tags that are not here by name: what [`map`] has to know of.
pub(super) fn tag_objects(refs: &RemoteRefs, local: &LocalRefs) -> Vec<ObjectId> {
    let tags = refs.iter().filter(|found| {
        let name = found.name.as_bytes();
        name.starts_with(TAGS) && !local.contains(name)
    });
    let mut oids: Vec<ObjectId> = tags.flat_map(|tag| [Some(tag.oid), tag.peeled]).flatten().collect();
    oids.sort_unstable();
    oids.dedup();
    oids
}

/// The tags that are not here and point to something that is (`find_non_local_tags`), by name.
pub(super) fn followed(
    refs: &RemoteRefs,
    exists: impl Fn(&[u8]) -> bool,
    has: impl Fn(&ObjectId) -> bool,
) -> Vec<Mapped> {
    let wanted = refs.iter().filter(|found| {
        let name = found.name.as_bytes();
        name.starts_with(TAGS) && !exists(name) && (has(&found.oid) || found.peeled.as_ref().is_some_and(&has))
    });
    let mut tags: Vec<Mapped> = wanted.map(|found| tag(found.name.as_bytes(), found.oid)).collect();
    order::sort_by(&mut tags, |a, b| a.remote.cmp(&b.remote));
    tags
}

fn tag(name: &[u8], oid: ObjectId) -> Mapped {
    Mapped {
        remote: name.to_vec(),
        oid,
        local: Some(Local {
            name: name.to_vec(),
            force: false,
            old: None,
        }),
        merge: ForMerge::No,
    }
}

/// What one refspec fetches (`get_fetch_map`).
fn expand(
    refs: &RemoteRefs,
    local: &LocalRefs,
    spec: &RefSpec,
    into: &mut Vec<Mapped>,
    warnings: &mut Vec<String>,
) -> Outcome<()> {
    if spec.is_negative() {
        return Ok(());
    }
    if spec.is_pattern() {
        for found in refs.iter() {
            let name = found.name.as_bytes();
            if !spec.matches(name) {
                continue;
            }
            let destination = spec.map(name);
            // A symbolic ref here (origin/HEAD) is not overwritten by a pattern.
            if destination.as_ref().is_some_and(|name| local.is_symbolic(name)) {
                continue;
            }
            push(name.to_vec(), found.oid, destination, spec.is_force(), into, warnings);
        }
        return Ok(());
    }
    let destination = spec.destination().filter(|name| !name.is_empty()).map(full_name);
    if let Some(oid) = spec.exact_oid() {
        push(
            spec.source().to_vec(),
            oid,
            destination,
            spec.is_force(),
            into,
            warnings,
        );
        return Ok(());
    }
    let source: &[u8] = if spec.source().is_empty() {
        b"HEAD"
    } else {
        spec.source()
    };
    let found = refs.find(source).ok_or_else(|| not_found(source))?;
    let name = found.name.as_bytes().to_vec();
    push(name, found.oid, destination, spec.is_force(), into, warnings);
    Ok(())
}

fn push(
    remote: Vec<u8>,
    oid: ObjectId,
    destination: Option<Vec<u8>>,
    force: bool,
    into: &mut Vec<Mapped>,
    warnings: &mut Vec<String>,
) {
    if let Some(name) = &destination
        && (!name.starts_with(b"refs/") || RefName::new(name.clone()).is_err())
    {
        warnings.push(format!("{} cannot be a ref here; it is left out", quoted(name)));
        return;
    }
    into.push(Mapped {
        remote,
        oid,
        local: destination.map(|name| Local { name, force, old: None }),
        merge: ForMerge::No,
    });
}

/// The tracking refs of what was asked for by name.
fn track(mapped: &[Mapped], local: &LocalRefs, spec: &RefSpec, into: &mut Vec<Mapped>) {
    for found in mapped {
        let Some(name) = spec.map(&found.remote).map(|name| full_name(&name)) else {
            continue;
        };
        if local.is_symbolic(&name) || RefName::new(name.clone()).is_err() {
            continue;
        }
        into.push(Mapped {
            remote: found.remote.clone(),
            oid: found.oid,
            local: Some(Local {
                name,
                force: spec.is_force(),
                old: None,
            }),
            merge: ForMerge::Ignore,
        });
    }
}

/// What `branch.<name>.merge` names is for merging, and fetched even if no refspec stores it
/// (`add_merge_config`).
fn merge(refs: &RemoteRefs, name: &[u8], mapped: &mut Vec<Mapped>) {
    let names = expansions(name);
    if let Some(found) = mapped.iter_mut().find(|found| names.contains(&found.remote)) {
        found.merge = ForMerge::Merge;
        return;
    }
    if let Some(found) = refs.find(name) {
        mapped.push(Mapped {
            remote: found.name.as_bytes().to_vec(),
            oid: found.oid,
            local: None,
            merge: ForMerge::Merge,
        });
    }
}

/// The full name of a ref that a refspec's right side names (`get_local_ref`).
fn full_name(name: &[u8]) -> Vec<u8> {
    let starts = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&[b"refs/"]) {
        name.to_vec()
    } else if starts(&[b"heads/", b"tags/", b"remotes/"]) {
        [b"refs/", name].concat()
    } else {
        [HEADS, name].concat()
    }
}

fn omits(specs: &[RefSpec], name: &[u8]) -> bool {
    specs.iter().any(|spec| spec.is_negative() && spec.matches(name))
}

/// Each ref here once (`ref_remove_duplicates`).
fn without_duplicates(mapped: Vec<Mapped>, warnings: &mut Vec<String>) -> Outcome<Vec<Mapped>> {
    let mut kept: Vec<Mapped> = Vec::with_capacity(mapped.len());
    let mut places: SortedMap<Vec<u8>, usize> = SortedMap::new();
    for found in mapped {
        let Some(local) = &found.local else {
            kept.push(found);
            continue;
        };
        let Some(first) = places.get(&local.name).and_then(|at| kept.get(*at)) else {
            places.insert(local.name.clone(), kept.len());
            kept.push(found);
            continue;
        };
        if first.remote == found.remote {
            continue;
        }
        let (one, other, place) = (quoted(&first.remote), quoted(&found.remote), quoted(&local.name));
        if first.merge != ForMerge::Ignore && found.merge == ForMerge::Ignore {
            warnings.push(format!("{place} usually tracks {other}, not {one}"));
            continue;
        }
        let message = format!("{one} and {other} would both be fetched to {place}");
        return Err(GitError::new(Code::Ambiguous, Stage::Request, message)
            .with("ref", Datum::Text(String::from_utf8_lossy(&local.name).into_owned()))
            .with_hint("give refspecs that store each ref once")
            .into());
    }
    Ok(kept)
}

/// The refs here that the remote's refspecs name and whose source is gone (`get_stale_heads`).
/// Symbolic refs stay.
pub(super) fn stale(specs: &[RefSpec], local: &LocalRefs, mapped: &[Mapped]) -> Vec<Vec<u8>> {
    let sources: HashSet<&[u8]> = mapped.iter().map(|found| found.remote.as_slice()).collect();
    let kept: HashSet<&[u8]> = mapped
        .iter()
        .filter_map(|found| Some(found.local.as_ref()?.name.as_slice()))
        .collect();
    let is_stale = |name: &&Vec<u8>| {
        if local.is_symbolic(name) || kept.contains(name.as_slice()) {
            return false;
        }
        let sources_of: Vec<Vec<u8>> = specs.iter().filter_map(|spec| spec.unmap(name)).collect();
        !sources_of.is_empty()
            && !sources_of.iter().any(|source| omits(specs, source))
            && !sources_of.iter().any(|source| sources.contains(source.as_slice()))
    };
    local.names().filter(is_stale).cloned().collect()
}

fn not_found(name: &[u8]) -> GitError {
    let shown = quoted(name);
    GitError::new(
        Code::RefNotFound,
        Stage::Discover,
        format!("the remote has no ref {shown}"),
    )
    .with("ref", Datum::Text(String::from_utf8_lossy(name).into_owned()))
    .with_hint("lsRemote lists what there is")
}

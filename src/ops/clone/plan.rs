//! What a clone will fetch and write, decided from the remote's refs and the caller's options
//! alone: `wanted_peer_refs`, `update_remote_refs` and `update_head` of git's builtin/clone.c.

use super::{Options, TagMode};
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::ops::fault;
use crate::protocol::remote_refs::{RemoteHead, RemoteRef, RemoteRefs};
use crate::sorted::{SortedMap, order};

const HEADS: &[u8] = b"refs/heads/";
const TAGS: &[u8] = b"refs/tags/";

/// What to fetch, and what to write once it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Objects to ask for that no ref of the remote stands for.
    wants: Vec<ObjectId>,
    /// Refs to write. Their objects are among `wants`, except those of followed tags.
    pub(super) refs: Vec<PlannedRef>,
    /// Where `HEAD` will point.
    pub(super) head: Head,
    /// `refs/remotes/<remote>/HEAD` and what it stands for.
    pub(super) remote_head: Option<(Vec<u8>, Vec<u8>)>,
    /// What the fetch refspec of the remote is, for later fetches.
    pub(super) refspec: Vec<u8>,
    /// What the caller should be told.
    pub(super) warnings: Vec<String>,
}

/// A ref to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedRef {
    /// Its name here.
    pub(super) name: Vec<u8>,
    /// Its name at the remote.
    from: Vec<u8>,
    /// What it points to.
    pub(super) oid: ObjectId,
    /// Written only if the object came along: a tag that follows the history.
    pub(super) if_present: bool,
    /// Whether the remote calls it a branch, which must be a commit.
    pub(super) branch: bool,
}

/// What `HEAD` becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A branch; it may be unborn.
    Branch(Vec<u8>),
    /// The commit that this object is, or (a tag) points to; and the ref of the remote it is from,
    /// if it is not one the caller named.
    Detached(ObjectId, Option<Vec<u8>>),
}

/// What the caller asked to have checked out.
enum Chosen<'a> {
    Branch { name: Vec<u8>, found: &'a RemoteRef },
    Tag(&'a RemoteRef),
    Commit(ObjectId, Option<Vec<u8>>),
    Unborn(Vec<u8>),
}

/// Decides.
pub(super) fn plan(refs: &RemoteRefs, options: &Options) -> Outcome<Plan> {
    let mut warnings = Vec::new();
    let chosen = choose(refs, options, &mut warnings)?;
    if options.mirror {
        return Ok(mirror(refs, chosen, warnings));
    }
    let single = options.single_branch();
    let tracking = [b"refs/remotes/".as_slice(), options.remote_name.as_bytes(), b"/"].concat();
    let track = |name: &[u8]| [tracking.as_slice(), name.strip_prefix(HEADS).unwrap_or(name)].concat();
    let mut plan = Plan {
        wants: Vec::new(),
        refs: Vec::new(),
        head: Head::Branch(Vec::new()),
        remote_head: None,
        refspec: Vec::new(),
        warnings,
    };

    for found in refs.iter().filter(|found| found.name.as_bytes().starts_with(HEADS)) {
        let wanted = match &chosen {
            Chosen::Branch { name, .. } if single => found.name.as_bytes() == name.as_slice(),
            _ => !single,
        };
        if wanted {
            plan.write(track(found.name.as_bytes()), found, true);
        }
    }
    for found in refs.iter().filter(|found| found.name.as_bytes().starts_with(TAGS)) {
        let name = found.name.as_bytes().to_vec();
        let asked_for = matches!(&chosen, Chosen::Tag(tag) if tag.name == found.name);
        match options.tags {
            _ if asked_for => plan.write(name, found, false),
            TagMode::None => {}
            TagMode::Follow if single => plan.follow(name, found.oid),
            TagMode::Follow | TagMode::All => plan.write(name, found, false),
        }
    }
    plan.refspec = match &chosen {
        Chosen::Branch { name, .. } if single => [b"+", name.as_slice(), b":", &track(name)].concat(),
        Chosen::Tag(tag) if single => [b"+", tag.name.as_bytes(), b":", tag.name.as_bytes()].concat(),
        _ => [b"+refs/heads/*:", tracking.as_slice(), b"*"].concat(),
    };
    match &chosen {
        Chosen::Branch { name, found } => {
            plan.write(name.clone(), found, true);
            plan.head = Head::Branch(name.clone());
        }
        Chosen::Tag(tag) => plan.head = Head::Detached(tag.oid, Some(tag.name.as_bytes().to_vec())),
        Chosen::Commit(oid, from) => plan.detach(*oid, from.clone()),
        Chosen::Unborn(name) => plan.head = Head::Branch(name.clone()),
    }
    if let RemoteHead::Branch { name, .. } = refs.head(options.default_branch.as_bytes()) {
        let tracked = track(name.as_bytes());
        if plan.refs.iter().any(|planned| planned.name == tracked) {
            plan.remote_head = Some((track(b"refs/heads/HEAD"), tracked));
        }
    }
    Ok(plan)
}

impl Plan {
    fn detach(&mut self, oid: ObjectId, from: Option<Vec<u8>>) {
        if from.is_none() {
            self.wants.push(oid);
        }
        self.head = Head::Detached(oid, from);
    }

    fn write(&mut self, name: Vec<u8>, found: &RemoteRef, branch: bool) {
        self.refs.push(PlannedRef {
            name,
            from: found.name.as_bytes().to_vec(),
            oid: found.oid,
            if_present: false,
            branch,
        });
    }

    fn follow(&mut self, name: Vec<u8>, oid: ObjectId) {
        self.refs.push(PlannedRef {
            from: name.clone(),
            name,
            oid,
            if_present: true,
            branch: false,
        });
    }

    /// Each want once (gitprotocol-http(5), "Smart Clients").
    pub(super) fn unique_wants(&self) -> Vec<ObjectId> {
        let head = match &self.head {
            Head::Detached(oid, _) => Some(*oid),
            Head::Branch(_) => None,
        };
        let refs = self.refs.iter().filter(|planned| !planned.if_present);
        let mut wants: Vec<ObjectId> = refs.map(|planned| planned.oid).chain(head).collect();
        wants.extend_from_slice(&self.wants);
        wants.sort_unstable();
        wants.dedup();
        wants
    }

    /// The same for a server that takes the names of refs: the names, and the objects that have
    /// none (`add_wants` of git's fetch-pack.c).
    pub(super) fn wants_by_name(&self) -> (Vec<Vec<u8>>, Vec<ObjectId>) {
        let head = match &self.head {
            Head::Detached(_, from) => from.clone(),
            Head::Branch(_) => None,
        };
        let refs = self.refs.iter().filter(|planned| !planned.if_present);
        let mut names: Vec<Vec<u8>> = refs.map(|planned| planned.from.clone()).chain(head).collect();
        order::sort(&mut names);
        names.dedup();
        (names, self.wants.clone())
    }

    /// Takes over what the server says its refs are at, which may have moved since they were listed.
    pub(super) fn settle(&mut self, told: &[(Vec<u8>, ObjectId)]) {
        let told: SortedMap<&[u8], ObjectId> = told.iter().map(|(name, oid)| (name.as_slice(), *oid)).collect();
        for planned in &mut self.refs {
            if let Some(oid) = told.get(planned.from.as_slice()) {
                planned.oid = *oid;
            }
        }
        if let Head::Detached(oid, Some(from)) = &mut self.head
            && let Some(new) = told.get(from.as_slice())
        {
            *oid = *new;
        }
    }
}

fn choose<'a>(refs: &'a RemoteRefs, options: &Options, warnings: &mut Vec<String>) -> Outcome<Chosen<'a>> {
    if let Some(wanted) = &options.reference {
        return find(refs, wanted, &options.remote_name);
    }
    let default = [HEADS, options.default_branch.as_bytes()].concat();
    Ok(match refs.head(options.default_branch.as_bytes()) {
        RemoteHead::Branch { name, .. } if name.as_bytes().starts_with(HEADS) => match refs.get(name.as_bytes()) {
            Some(found) => Chosen::Branch {
                name: name.as_bytes().to_vec(),
                found,
            },
            None => Chosen::Unborn(name.as_bytes().to_vec()),
        },
        // A HEAD that stands for something that is no branch cannot become a local branch.
        RemoteHead::Branch { oid, .. } | RemoteHead::Detached(oid) => Chosen::Commit(oid, Some(b"HEAD".to_vec())),
        RemoteHead::Unborn(name) => {
            warnings.push(if refs.is_empty() {
                "the remote repository is empty".to_owned()
            } else {
                "the remote's HEAD refers to a branch that does not exist".to_owned()
            });
            let name = name.as_bytes();
            Chosen::Unborn(if name.starts_with(HEADS) {
                name.to_vec()
            } else {
                default
            })
        }
        RemoteHead::Unknown => {
            warnings.push(if refs.is_empty() {
                "the remote repository is empty".to_owned()
            } else {
                "the remote's HEAD refers to a branch that does not exist".to_owned()
            });
            Chosen::Unborn(default)
        }
    })
}

/// A branch, a tag, or the id of a commit (`find_remote_branch`, and `--revision`).
fn find<'a>(refs: &'a RemoteRefs, wanted: &str, remote: &str) -> Outcome<Chosen<'a>> {
    let bytes = wanted.as_bytes();
    let full = |prefix: &[u8]| {
        if bytes.starts_with(prefix) {
            bytes.to_vec()
        } else {
            [prefix, bytes].concat()
        }
    };
    if let Some(found) = refs.get(&full(HEADS)) {
        return Ok(Chosen::Branch {
            name: found.name.as_bytes().to_vec(),
            found,
        });
    }
    if let Some(found) = refs.get(&full(TAGS)) {
        return Ok(Chosen::Tag(found));
    }
    if let Some(oid) = ObjectId::from_hex(bytes) {
        return Ok(Chosen::Commit(oid, None));
    }
    let shown = fault::quoted(wanted.as_bytes());
    let message = format!("the remote {remote} has no branch or tag {shown}");
    Err(GitError::new(Code::RefNotFound, Stage::Discover, message)
        .with("ref", Datum::Text(wanted.to_owned()))
        .with_hint("lsRemote lists what there is")
        .into())
}

/// Every ref under its own name.
fn mirror(refs: &RemoteRefs, chosen: Chosen<'_>, warnings: Vec<String>) -> Plan {
    let mut plan = Plan {
        wants: Vec::new(),
        refs: Vec::new(),
        head: Head::Branch(Vec::new()),
        remote_head: None,
        refspec: b"+refs/*:refs/*".to_vec(),
        warnings,
    };
    for found in refs.iter().filter(|found| found.name.as_bytes().starts_with(b"refs/")) {
        let name = found.name.as_bytes().to_vec();
        let branch = name.starts_with(HEADS);
        plan.write(name, found, branch);
    }
    match chosen {
        Chosen::Branch { name, .. } | Chosen::Unborn(name) => plan.head = Head::Branch(name),
        Chosen::Tag(tag) => plan.head = Head::Detached(tag.oid, Some(tag.name.as_bytes().to_vec())),
        Chosen::Commit(oid, from) => plan.detach(oid, from),
    }
    plan
}

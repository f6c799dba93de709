//! Finds the object that a revision names: git-rev-parse(1), gitrevisions(7); `get_oid_1` and
//! `get_short_oid` in git's `object-name.c`. The text is taken apart by [`Revision`].

mod marked;

use std::collections::HashSet;
use std::rc::Rc;

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::{OID_HEX_LEN, ObjectId};
use crate::format::refname::{self, Form, expansions};
use crate::format::revision::{Goal, Revision, Step};
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::object;
use crate::ops::path::{Entry, PathFinder};
use crate::task::Task;

/// The fewest digits of an abbreviated object id (git's `MINIMUM_ABBREV`).
const MINIMUM_ABBREV: usize = 4;

/// How many objects of one abbreviation are looked at.
const CANDIDATES: usize = 100;

/// The object a revision names. A full object id is taken at its word, as by git: whether it is
/// stored is found out by whoever reads it.
pub async fn resolve(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<ObjectId> {
    let _reading = repo.promisor.reading();
    find_object(task, repo, rev).await
}

async fn find_object(task: &Task, repo: &Repository, rev: &[u8]) -> Outcome<ObjectId> {
    let revision = parse(rev)?;
    let hint = if revision.path.is_some() {
        Goal::Kind(Kind::Tree)
    } else {
        Goal::Any
    };
    let oid = walk(task, repo, rev, &revision, hint).await?;
    match revision.path {
        None => Ok(oid),
        Some(path) => Ok(entry_in(task, repo, rev, oid, path).await?.oid),
    }
}

/// The object of a kind that a revision leads to: along tags, and from a commit to its tree.
pub(crate) async fn resolve_as(task: &Task, repo: &Repository, rev: &[u8], kind: Kind) -> Outcome<ObjectId> {
    let revision = parse(rev)?;
    let oid = match revision.path {
        Some(_) => find_object(task, repo, rev).await?,
        None => walk(task, repo, rev, &revision, Goal::Kind(kind)).await?,
    };
    peel_to(task, repo, rev, oid, Goal::Kind(kind)).await
}

/// What a path leads to in the tree that a revision leads to; `NotFound` if it leads nowhere.
pub(crate) async fn entry(task: &Task, repo: &Repository, rev: &[u8], path: &[u8]) -> Outcome<Entry> {
    let tree = resolve_as(task, repo, rev, Kind::Tree).await?;
    find(task, repo, rev, tree, path).await
}

async fn entry_in(task: &Task, repo: &Repository, rev: &[u8], oid: ObjectId, path: &[u8]) -> Outcome<Entry> {
    let tree = peel_to(task, repo, rev, oid, Goal::Kind(Kind::Tree)).await?;
    find(task, repo, rev, tree, path).await
}

async fn find(task: &Task, repo: &Repository, rev: &[u8], tree: ObjectId, path: &[u8]) -> Outcome<Entry> {
    let found = PathFinder::new(path).find(task, repo, tree).await?;
    found.ok_or_else(|| fault::no_path(rev, path).into())
}

fn parse(rev: &[u8]) -> Outcome<Revision<'_>> {
    Revision::parse(rev).map_err(|error| fault::revision(rev, &error).into())
}

/// From the name along all steps. `last` is what the caller wants of the object, to choose among
/// several that an abbreviation fits.
async fn walk(task: &Task, repo: &Repository, rev: &[u8], revision: &Revision<'_>, last: Goal) -> Outcome<ObjectId> {
    let hint = match revision.steps.first() {
        None => last,
        Some(Step::Parent(_) | Step::Ancestor(_)) => Goal::Kind(Kind::Commit),
        Some(Step::Peel(goal @ Goal::Kind(Kind::Commit | Kind::Tree))) => *goal,
        // Git does not let these choose.
        Some(Step::Peel(_)) => Goal::Any,
    };
    let mut oid = match (revision.upstream, revision.was) {
        (false, None) => base(task, repo, rev, revision.base, hint).await?,
        (upstream, was) => marked::resolve(task, repo, rev, revision.base, upstream, was).await?,
    };
    let mut boundary = None;
    for step in &revision.steps {
        oid = match step {
            Step::Peel(goal) => peel_to(task, repo, rev, oid, *goal).await?,
            Step::Parent(0) => peel_to(task, repo, rev, oid, Goal::Kind(Kind::Commit)).await?,
            Step::Parent(nth) => parent(task, repo, rev, oid, *nth, &mut boundary).await?,
            Step::Ancestor(count) => {
                oid = peel_to(task, repo, rev, oid, Goal::Kind(Kind::Commit)).await?;
                for _ in 0..ancestor_in_graph(task, repo, &mut oid, *count).await? {
                    oid = parent(task, repo, rev, oid, 1, &mut boundary).await?;
                }
                oid
            }
        };
    }
    Ok(oid)
}

/// A way of so few steps is gone commit by commit: that is less than reading the graph.
const FEW_STEPS: u32 = 8;

/// Follows first parents as far as the commit-graph knows them; answers how many are left.
async fn ancestor_in_graph(task: &Task, repo: &Repository, oid: &mut ObjectId, count: u32) -> Outcome<u32> {
    let mut left = count;
    if left > FEW_STEPS {
        let graph = Rc::clone(&task.race(repo.odb.graph()).await?.commits);
        let Some(mut position) = graph.find(oid) else {
            return Ok(left);
        };
        while left > 0
            && let Some(parent) = graph.parents(position).next()
        {
            task.checkpoint().await?;
            (position, left) = (parent, left - 1);
        }
        *oid = graph.oid(position);
    }
    Ok(left)
}

/// The n-th parent of a commit, counted from 1. A commit at the shallow boundary has none.
async fn parent(
    task: &Task,
    repo: &Repository,
    rev: &[u8],
    oid: ObjectId,
    nth: u32,
    boundary: &mut Option<HashSet<ObjectId>>,
) -> Outcome<ObjectId> {
    task.checkpoint().await?;
    let oid = peel_to(task, repo, rev, oid, Goal::Kind(Kind::Commit)).await?;
    let shallow = match boundary {
        Some(shallow) => shallow,
        None => boundary.insert(repo.meta.shallow().await.at(Stage::Read)?.into_iter().collect()),
    };
    if shallow.contains(&oid) {
        let error = fault::no_revision(rev).with_hint("the history was fetched only up to there (shallow)");
        return Err(error.into());
    }
    let content = object::read_as(task, repo, &oid, Kind::Commit).await?;
    let index = usize::try_from(nth).unwrap_or(usize::MAX).saturating_sub(1);
    object::commit(&oid, &content)?
        .parents()
        .nth(index)
        .ok_or_else(|| fault::no_revision(rev).into())
}

async fn peel_to(task: &Task, repo: &Repository, rev: &[u8], oid: ObjectId, goal: Goal) -> Outcome<ObjectId> {
    let (peeled, found) = object::peel(task, repo, &oid, goal).await?;
    match goal {
        Goal::Kind(wanted) if wanted != found => Err(fault::not_a(rev, wanted, found).into()),
        _ => Ok(peeled),
    }
}

/// A name without steps: a full object id, a ref, what `git describe` prints, an abbreviated id.
async fn base(task: &Task, repo: &Repository, rev: &[u8], name: &[u8], hint: Goal) -> Outcome<ObjectId> {
    if let Some(oid) = ObjectId::from_hex(name) {
        return Ok(oid);
    }
    let is_refname = refname::check(
        name,
        Form {
            one_level: true,
            pattern: false,
        },
    )
    .is_ok();
    if !is_refname {
        return Err(fault::bad_revision(rev).into());
    }
    let mut unborn = None;
    for full in expansions(name) {
        match task.race(repo.refs.resolve(&full)).await?.at(Stage::Read)? {
            Some(found) if found.oid.is_none() => unborn = Some(found.name),
            Some(found) => {
                if let Some(oid) = found.oid {
                    return Ok(oid);
                }
            }
            None => {}
        }
    }
    if let Some(digits) = described(name)
        && let Some(oid) = abbreviated(task, repo, rev, digits, Goal::Kind(Kind::Commit)).await?
    {
        return Ok(oid);
    }
    if let Some(oid) = abbreviated(task, repo, rev, name, hint).await? {
        return Ok(oid);
    }
    let error = fault::no_revision(rev);
    Err(match unborn {
        Some(branch) => error.with_hint(format!("{} has no commit yet", String::from_utf8_lossy(&branch))),
        None => error,
    }
    .into())
}

/// The digits behind the last `-g`: `v1.0-3-gabc1234`.
fn described(name: &[u8]) -> Option<&[u8]> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (head, digits) = name.split_at_checked(name.len() - digits)?;
    (head.len() > 2 && head.ends_with(b"-g")).then_some(digits)
}

/// The one object whose id starts so. Where there are several, the one that leads to what is
/// wanted; `None` where there is none at all.
async fn abbreviated(
    task: &Task,
    repo: &Repository,
    rev: &[u8],
    digits: &[u8],
    hint: Goal,
) -> Outcome<Option<ObjectId>> {
    if digits.len() < MINIMUM_ABBREV || digits.len() > OID_HEX_LEN || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Ok(None);
    }
    let prefix = String::from_utf8_lossy(digits).to_ascii_lowercase();
    let all = task.race(repo.odb.expand(&prefix, CANDIDATES)).await?.at(Stage::Read)?;
    let mut wanted = Vec::new();
    if all.len() > 1 {
        for oid in &all {
            if leads_to(task, repo, oid, hint).await? {
                wanted.push(*oid);
            }
        }
    }
    let candidates = if wanted.is_empty() { &all } else { &wanted };
    match candidates.as_slice() {
        [] => Ok(None),
        [oid] => Ok(Some(*oid)),
        several => Err(ambiguous(rev, several).into()),
    }
}

async fn leads_to(task: &Task, repo: &Repository, oid: &ObjectId, hint: Goal) -> Outcome<bool> {
    task.checkpoint().await?;
    let Goal::Kind(wanted) = hint else { return Ok(true) };
    Ok(object::peel(task, repo, oid, hint).await?.1 == wanted)
}

fn ambiguous(rev: &[u8], candidates: &[ObjectId]) -> GitError {
    let message = format!("{} fits several objects", fault::quoted(rev));
    GitError::new(Code::Ambiguous, Stage::Read, message)
        .with(
            "candidates",
            Datum::List(candidates.iter().map(ObjectId::to_hex).collect()),
        )
        .with_hint("give more digits")
}

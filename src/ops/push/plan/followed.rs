//! Tags that go along: `add_missing_tags` of git's remote.c.

use std::collections::HashSet;

use super::locals::Locals;
use super::matching::{Matching, Source};
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::fault::At;
use crate::ops::history::Commits;
use crate::store::odb::Odb;
use crate::task::Task;

/// How many objects are asked for at once.
const BATCH: usize = 256;

/// Adds the annotated tags that the remote has not and that lead to commits it has, or will have.
pub(super) async fn add(
    task: &Task,
    odb: &Odb,
    shallow: &[ObjectId],
    locals: &Locals,
    matching: &mut Matching,
) -> Outcome<()> {
    let tags = locals
        .heads()
        .filter(|(name, _)| name.starts_with(b"refs/tags/") && !matching.has(name));
    let tags: Vec<(&[u8], ObjectId)> = tags.collect();
    let mut annotated = Vec::new();
    for batch in tags.chunks(BATCH) {
        task.checkpoint().await?;
        let oids: Vec<ObjectId> = batch.iter().map(|(_, oid)| *oid).collect();
        let infos = task.race(odb.info(&oids)).await?.at(Stage::Read)?;
        let found = batch.iter().zip(infos);
        let found = found.filter(|(_, info)| info.is_some_and(|info| info.kind == Kind::Tag));
        annotated.extend(found.map(|(tag, _)| *tag));
    }
    if annotated.is_empty() {
        return Ok(());
    }
    let tips = matching.refs.iter().filter_map(|matched| {
        let pushed = matched.source.as_ref().and_then(|source| source.oid);
        pushed.or(matched.old)
    });
    let tips: Vec<ObjectId> = tips.collect();
    let mut commits = Commits::new(task, odb, shallow);
    let known = Some(&locals.tags);
    let of_tags = commits.peel(annotated.iter().map(|(_, oid)| *oid), known).await?;
    let of_tips = commits.peel(tips.iter().copied(), known).await?;
    let wanted: HashSet<ObjectId> = annotated.iter().filter_map(|(_, oid)| of_tags.follow(oid).0).collect();
    let tips = tips.iter().filter_map(|oid| of_tips.follow(oid).0).collect();
    let reached = reached(&mut commits, tips, wanted).await?;
    for (name, oid) in annotated {
        if of_tags.follow(&oid).0.is_some_and(|commit| reached.contains(&commit)) {
            matching.create(name, Source::of(name, oid));
        }
    }
    Ok(())
}

/// Those of `wanted` that are tips or ancestors of tips. Stops when it has found all.
async fn reached(
    commits: &mut Commits<'_>,
    tips: Vec<ObjectId>,
    wanted: HashSet<ObjectId>,
) -> Outcome<HashSet<ObjectId>> {
    let mut seen = HashSet::new();
    let mut reached = HashSet::new();
    let mut level = tips;
    while reached.len() < wanted.len() && !level.is_empty() {
        level.retain(|oid| seen.insert(*oid));
        reached.extend(level.iter().filter(|oid| wanted.contains(oid)));
        let mut next = Vec::new();
        for batch in level.chunks(BATCH) {
            let infos = commits.read(batch).await?;
            for info in infos.into_iter().flatten() {
                next.extend_from_slice(&info.parents);
            }
        }
        level = next;
    }
    Ok(reached)
}

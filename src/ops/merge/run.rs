//! Runs a merge of trees over the objects of a repository: reads what it asks for, and stages what
//! it makes.

use crate::algo::merge::file::Labels;
use crate::algo::merge::tree::{Error, MAX_DEPTH, Merged, Options, Step, TreeMerge};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::fault;
use crate::ops::staging::Staging;
use crate::task::Task;

/// How many trees are held at once.
const TREES: usize = 256;

/// How many blobs are held at once.
const BLOBS: usize = 32;

/// What is merged.
pub(super) struct Trees {
    /// Nothing stands for an empty tree.
    pub base: Option<ObjectId>,
    pub ours: ObjectId,
    pub theirs: ObjectId,
}

/// Merges trees; what is made for it is staged, so that the answer can be read and published.
pub(super) async fn merge_trees(
    task: &Task,
    staging: &mut Staging<'_>,
    trees: &Trees,
    labels: Labels,
    options: &Options,
    depth: usize,
) -> Outcome<Merged> {
    let mut merge = TreeMerge::new(trees.base, trees.ours, trees.theirs, labels, options.clone(), depth);
    loop {
        task.checkpoint().await?;
        let step = merge.step().map_err(|error| refused(&error))?;
        for made in merge.made() {
            staging.put(made.kind, made.content)?;
        }
        match step {
            Step::Trees(oids) => provide(task, staging, &mut merge, &oids, Kind::Tree).await?,
            Step::Blobs(oids) => provide(task, staging, &mut merge, &oids, Kind::Blob).await?,
            Step::Soon(oids) => staging.fetch_ahead(task, &oids).await?,
            Step::Busy => {}
            Step::Done(merged) => return Ok(merged),
        }
    }
}

async fn provide(
    task: &Task,
    staging: &Staging<'_>,
    merge: &mut TreeMerge,
    oids: &[ObjectId],
    kind: Kind,
) -> Outcome<()> {
    let count = if kind == Kind::Tree { TREES } else { BLOBS };
    for batch in oids.chunks(count) {
        task.checkpoint().await?;
        let contents = staging.read_all_as(task, batch, kind).await?;
        for (oid, content) in batch.iter().zip(contents) {
            merge.provide(*oid, content).map_err(|error| refused(&error))?;
        }
    }
    Ok(())
}

fn refused(error: &Error) -> GitError {
    match error {
        Error::BadTree { oid, error } => fault::malformed(oid, Kind::Tree, error),
        Error::TooDeep => fault::limit("treeDepth", MAX_DEPTH, "directories within directories"),
        Error::Unwritable(_) => GitError::new(Code::Unsupported, Stage::Request, error.to_string()),
        Error::Collision => GitError::new(Code::PackCollision, Stage::Request, error.to_string()),
        Error::Finished => GitError::new(Code::Internal, Stage::Request, error.to_string()),
    }
}

//! Merging without a worktree: git-merge(1) ([`merge()`]), git-merge-tree(1) `--write-tree`
//! ([`merge_tree`]), and what git-cherry-pick(1) and git-revert(1) have in common.

mod bases;
mod command;
mod land;
mod message;
mod replay;
mod run;

pub use crate::algo::merge::file::{Favor, Labels, Style};
pub use crate::algo::merge::tree::{Conflict, DirectoryRenames, Merged, Message, Options, Topic, Version};

pub use command::{FastForward, MergeOptions, merge};
pub use land::{Done, Ending, Terms};
pub use replay::ReplayOptions;

use bases::{Bases, Node, merge_commits, node};
pub(in crate::ops) use land::Record;
pub(in crate::ops) use replay::{Chosen, Direction, replay};
use run::{Trees, merge_trees};

use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::ops::Repository;
use crate::ops::rev_parse::resolve_as;
use crate::ops::staging::Staging;
use crate::task::Task;

/// What the merge of two revisions would be; nothing is stored. Their common ancestors are the base,
/// unless one is given: then all three need only lead to trees.
pub async fn merge_tree(
    task: &Task,
    repo: &Repository,
    base: Option<&[u8]>,
    ours: &[u8],
    theirs: &[u8],
    options: &Options,
) -> Outcome<Merged> {
    let mut staging = Staging::new(repo);
    let labels = Labels {
        ours: ours.to_vec(),
        theirs: theirs.to_vec(),
        base: base.unwrap_or_default().to_vec(),
    };
    if let Some(base) = base {
        let trees = Trees {
            base: Some(resolve_as(task, repo, base, Kind::Tree).await?),
            ours: resolve_as(task, repo, ours, Kind::Tree).await?,
            theirs: resolve_as(task, repo, theirs, Kind::Tree).await?,
        };
        return merge_trees(task, &mut staging, &trees, labels, options, 0).await;
    }
    let ours = resolve_as(task, repo, ours, Kind::Commit).await?;
    let theirs = resolve_as(task, repo, theirs, Kind::Commit).await?;
    let mut bases = Bases::new(task, &staging).await?;
    let ancestors = bases.of(ours, theirs).await?;
    let sides = [node(task, &staging, ours).await?, node(task, &staging, theirs).await?];
    merge_commits(task, &mut staging, &mut bases, sides, ancestors, &labels, options).await
}

fn internal(message: &str) -> GitError {
    GitError::new(Code::Internal, Stage::Request, message.to_owned())
}

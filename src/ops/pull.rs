//! Pull without a work tree: a fetch, and the branch moved forward where that loses nothing
//! (git-pull(1) with `--ff-only`). Merging is for the caller to decide: histories that went apart
//! are reported with what they have in common.

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::{At, quoted};
use crate::ops::fetch::{self, Fetched, RefChange, UpdateKind};
use crate::ops::history::Commits;
use crate::ops::merge_base::{ahead_behind, merge_base};
use crate::ops::reflog;
use crate::ops::remotes;
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::Task;

const HEADS: &[u8] = b"refs/heads/";

/// What a pull did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What the fetch did; the last of its changes is the branch itself.
    pub fetched: Fetched,
    /// Commits of the branch that the remote's has not.
    pub ahead: u64,
    /// Commits of the remote's branch that were not in ours before.
    pub behind: u64,
    /// The best common ancestors; none if the histories are unrelated, or the branch was new.
    pub merge_bases: Vec<ObjectId>,
}

/// Fetches what `branch` follows (`branch.<name>.remote` and `.merge`) and moves it forward. A
/// branch that is not here yet is made. One that has commits of its own besides the remote's stays
/// as it is, and its change says `non-fast-forward`.
pub async fn pull(task: &Task, repo: &Repository, branch: &[u8], options: &fetch::Options) -> Outcome<Pulled> {
    let short = branch.strip_prefix(HEADS).unwrap_or(branch);
    let name = [HEADS, short].concat();
    let config = repo.config().await?;
    let followed = remotes::branch_config(&config, short);
    let (Some(remote), Some(merge)) = (&followed.remote, followed.merge.first()) else {
        return Err(follows_nothing(short).into());
    };
    let remote = String::from_utf8_lossy(remote).into_owned();
    if options.dry_run {
        let message = "a pull cannot be tried out";
        return Err(GitError::new(Code::Unsupported, Stage::Request, message)
            .with_hint("fetch takes dryRun, and aheadBehind tells how branches stand")
            .into());
    }
    let options = fetch::Options {
        remote: options.remote.clone().or(Some(remote)),
        branch: Some(name.clone()),
        ..options.clone()
    };
    let mut fetched = fetch::fetch(task, repo, &options).await?;
    let Some(upstream) = fetched.heads.first().filter(|head| head.for_merge).cloned() else {
        let shown = quoted(merge);
        return Err(
            GitError::new(Code::RefNotFound, Stage::Update, format!("the remote has no {shown}"))
                .with("ref", Datum::Text(String::from_utf8_lossy(merge).into_owned()))
                .with_hint("set branch.<name>.merge to a branch that it has")
                .into(),
        );
    };
    let new = commit(task, repo, upstream.oid).await?;
    let old = repo.refs.resolve(&name).await.at(Stage::Update)?;
    let old = old.and_then(|found| found.oid);
    let (mut ahead, mut behind, mut merge_bases) = (0, 0, Vec::new());
    let kind = match old {
        None => UpdateKind::New,
        Some(old) if old == new => UpdateKind::UpToDate,
        Some(old) => {
            let (ours, theirs) = (old.to_hex(), new.to_hex());
            let counts = ahead_behind(task, repo, ours.as_bytes(), theirs.as_bytes()).await?;
            (ahead, behind) = (counts.ahead, counts.behind);
            merge_bases = merge_base(task, repo, ours.as_bytes(), theirs.as_bytes()).await?;
            match (ahead, behind) {
                (0, _) => UpdateKind::FastForward,
                (_, 0) => UpdateKind::UpToDate,
                _ => UpdateKind::Rejected,
            }
        }
    };
    if kind.changes() {
        // A branch that moved meanwhile is not what was looked at: the call fails with RefConflict.
        let writer = repo.writer(task).await?;
        let mut publication = Publication::new(&writer);
        let update = RefUpdate {
            name: name.clone(),
            expect: Some(old),
            new: Some(Target::Direct(new)),
            peeled: None,
        };
        let message = if old.is_some() {
            "pull: Fast-forward"
        } else {
            "pull: storing head"
        };
        publication.update_logged(update, &reflog::who(&repo.host, &config), message);
        task.shield()?;
        publication.commit().await.at(Stage::Update)?;
    }
    fetched.changes.push(RefChange {
        name,
        remote: Some(upstream.name),
        old,
        new: match kind {
            UpdateKind::UpToDate => old,
            _ => Some(new),
        },
        kind,
        reason: (kind == UpdateKind::Rejected).then(|| "non-fast-forward".to_owned()),
    });
    Ok(Pulled {
        fetched,
        ahead,
        behind,
        merge_bases,
    })
}

/// The commit that was fetched, or that the tag that was fetched leads to.
async fn commit(task: &Task, repo: &Repository, oid: ObjectId) -> Outcome<ObjectId> {
    let shallow = repo.meta.shallow().await.at(Stage::Update)?;
    let peeled = Commits::new(task, &repo.odb, &shallow).peel([oid], None).await?;
    peeled.follow(&oid).0.ok_or_else(|| {
        GitError::new(
            Code::MissingObject,
            Stage::Update,
            format!("what was fetched, {oid}, leads to no commit here"),
        )
        .with("oid", Datum::Text(oid.to_hex()))
        .into()
    })
}

fn follows_nothing(short: &[u8]) -> GitError {
    let shown = quoted(short);
    GitError::new(
        Code::RefNotFound,
        Stage::Request,
        format!("the branch {shown} follows nothing"),
    )
    .with("ref", Datum::Text(String::from_utf8_lossy(short).into_owned()))
    .with_hint("set branch.<name>.remote and branch.<name>.merge")
}

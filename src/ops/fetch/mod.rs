//! Fetch: git-fetch(1). Brings a repository's refs and objects up to date with a remote's.
//!
//! ```text
//!   plan       what the configuration and the caller want together
//!   run        the steps of a fetch
//!   map        which of the remote's refs are fetched, and where they go
//!   transfer   what is missing: negotiation, the pack, the shallow boundary, connectivity
//!   update     what becomes of each ref here
//!   known      the objects there will be: stored ones, and those just received
//! ```
//!
//! Refs, objects and the shallow boundary become visible in one transaction; a fetch that does not
//! get there leaves everything as it was. Only tags that point to what was fetched, and that the
//! server did not send along, come after it, in a transaction of their own.

mod known;
mod map;
mod plan;
mod run;
mod transfer;
mod update;

use self::plan::Plan;
use self::run::Run;
use self::transfer::is_stale;
use crate::error::{Code, Failure, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::Limits;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::history::with_graph;
use crate::ops::remote::{self, Deepen};
use crate::ops::remotes::TagMode;
use crate::task::Task;

pub use self::map::ForMerge;
pub use self::update::{RefChange, UpdateKind};

/// How much of the history to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// What is missing, up to the boundary there is.
    #[default]
    Unchanged,
    /// So many commits from each tip.
    Commits(u32),
    /// So many commits more than there are now.
    Deepen(u32),
    /// Only commits after this time (seconds since 1970), only commits that these branches or tags
    /// of the remote do not reach, or both.
    Cut {
        /// The time.
        since: Option<u64>,
        /// The branches or tags.
        exclude: Vec<String>,
    },
    /// All of it; of a shallow repository only.
    Unshallow,
}

/// How to fetch.
#[derive(Clone, Default)]
pub struct Options {
    /// The remote; `None`: that of the current branch, else the only one, else `origin`. A URL will
    /// do.
    pub remote: Option<String>,
    /// What to fetch; empty: what the configuration says.
    pub refspecs: Vec<String>,
    /// The branch whose `branch.<name>.merge` says what is for merging; `None`: that of `HEAD`.
    pub branch: Option<Vec<u8>>,
    /// How much of the history.
    pub depth: Depth,
    /// Let the remote's own boundary become ours where it is shallow.
    pub update_shallow: bool,
    /// An object filter; `None`: that of a promisor remote's configuration.
    pub filter: Option<String>,
    /// Fetch everything again, as if nothing were here (`--refetch`).
    pub refetch: bool,
    /// Which tags; `None`: as configured, else those that point to what is fetched.
    pub tags: Option<TagMode>,
    /// Delete refs whose source is gone; `None`: as configured, else no.
    pub prune: Option<bool>,
    /// Delete tags that the remote has not; `None`: as configured, else no.
    pub prune_tags: Option<bool>,
    /// Update what is no fast-forward, and replace tags.
    pub force: bool,
    /// All refs or none.
    pub atomic: bool,
    /// Let the current branch be updated too.
    pub update_head: bool,
    /// Change nothing: say what would be done.
    pub dry_run: bool,
    /// What a pack may ask of us.
    pub limits: Limits,
    /// How to talk to the remote.
    pub transport: remote::Options,
}

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Where from, without a login.
    pub url: String,
    /// What became of the refs, in the order in which git tells it.
    pub changes: Vec<RefChange>,
    /// What git would write to `FETCH_HEAD`.
    pub heads: Vec<FetchHead>,
    /// Names of remote refs that git refuses, and that were left out.
    pub ignored: Vec<String>,
    /// Objects that came.
    pub objects: u64,
    /// Bytes of the server's answers to the requests for objects.
    pub bytes: u64,
    /// Rounds of negotiation.
    pub rounds: u64,
    /// Whether the shallow boundary moved.
    pub shallow_changed: bool,
}

impl Fetched {
    /// Whether nothing was rejected.
    pub fn is_ok(&self) -> bool {
        self.changes.iter().all(|change| change.kind != UpdateKind::Rejected)
    }
}

/// A line of git's `FETCH_HEAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchHead {
    /// What the remote's ref points to.
    pub oid: ObjectId,
    /// The remote's ref.
    pub name: Vec<u8>,
    /// Whether `git pull` would merge it.
    pub for_merge: bool,
    /// What it is, in git's words: `branch 'main' of https://example.org/a`.
    pub note: String,
}

/// git's `INFINITE_DEPTH`.
const INFINITE_DEPTH: u32 = 0x7fff_ffff;

/// How often the remote is listed anew because the configuration changed meanwhile.
const CONFIG_ATTEMPTS: usize = 3;

/// git's `fetch.unpackLimit`.
const UNPACK_LIMIT: i64 = 100;

impl Options {
    fn deepen(&self) -> Deepen {
        match &self.depth {
            Depth::Unchanged => Deepen::No,
            Depth::Commits(depth) => Deepen::Depth(*depth),
            Depth::Deepen(depth) => Deepen::Relative(*depth),
            Depth::Cut { since, exclude } => Deepen::Cut {
                since: *since,
                not: exclude.iter().map(|name| name.as_bytes().to_vec()).collect(),
            },
            Depth::Unshallow => Deepen::Depth(INFINITE_DEPTH),
        }
    }

    fn check(&self) -> Outcome<()> {
        let refuse = |message: &str| Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
        match &self.depth {
            Depth::Commits(depth) | Depth::Deepen(depth) if *depth == 0 || *depth >= INFINITE_DEPTH => {
                refuse("depth and deepen must be whole numbers from 1 to 2147483646")
            }
            Depth::Cut { since: None, exclude } if exclude.is_empty() => {
                refuse("since or exclude must say where to cut")
            }
            _ => Ok(()),
        }
    }
}

/// Fetches from a remote of `repo`. Rejected refs are part of the answer; it fails where nothing
/// could be fetched at all.
pub async fn fetch(task: &Task, repo: &Repository, options: &Options) -> Outcome<Fetched> {
    options.check()?;
    match with_graph(&repo.odb, attempt(task, repo, options)).await {
        // A ref moved on the server after it was listed.
        stale if is_stale(&stale) => attempt(task, repo, options).await,
        outcome => outcome,
    }
}

async fn attempt(task: &Task, repo: &Repository, options: &Options) -> Outcome<Fetched> {
    let mut plan = task.race(Plan::make(repo, options)).await??;
    let (mut session, mut refs) = task.race(plan.list(task, repo, options)).await??;
    let mut writer = repo.writer(task).await?;
    for _ in 0..CONFIG_ATTEMPTS {
        // Nobody changes the configuration from here on; somebody may have before.
        let current = task.race(Plan::make(repo, options)).await??;
        if current.text == plan.text {
            break;
        }
        drop(writer);
        plan = current;
        (session, refs) = task.race(plan.list(task, repo, options)).await??;
        writer = repo.writer(task).await?;
    }
    let run = Run {
        task,
        repo,
        writer: &writer,
        options,
        plan: &plan,
    };
    let outcome = task.race(run.fetch(&mut session, &refs)).await;
    let outcome = outcome.map_err(Failure::from).and_then(|outcome| outcome);
    if outcome.is_err() || options.dry_run {
        // What was stored and not published; the next writer would do it too.
        let _swept_later = writer.sweep().await;
    }
    repo.odb.refresh().await.at(Stage::Update)?;
    outcome
}

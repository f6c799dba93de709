//! Push: git-push(1).
//!
//! ```text
//!   plan       which of the remote's refs become what, and which are refused before anything is sent
//!   run        one push to one URL, from discovery to the report
//!   preflight  what weighs too much, and whether the caller wants it sent
//!   sign       push certificates
//!   outcome    what became of each ref, by the plan and the report together
//!   track      the refs here that follow those of the remote
//!   upstream   the branches here that follow what they were pushed to
//!   ask        what became of a push that was never answered
//! ```
//!
//! Nothing here changes but tracking refs and upstreams, and those only for what the server said it did. A push
//! is sent once. If its answer does not come, its refs are [`PushKind::Unknown`]: the server may
//! have done it or not, and [`ask::ask`] finds out.

pub mod ask;
mod outcome;
pub mod plan;
mod preflight;
mod run;
mod sign;
mod track;
mod upstream;

pub use self::outcome::{PushKind, PushUpdate};
use self::plan::Prepared;
pub use self::plan::{Expect, Lease, Planned, Wish};
pub use self::preflight::{AskBefore, LargeFile, Preflight, Weights};
use self::run::Run;
pub use self::sign::{AskSignature, Sign, Signing};
use crate::error::{Code, Failure, GitError, Outcome, Stage};
pub use crate::format::oid::ObjectId;
use crate::format::remotes::RemoteConfig;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::history::with_graph;
use crate::ops::reflog::Who;
use crate::ops::remote;
use crate::ops::{reflog, remotes};
pub use crate::protocol::push::{Reason, Reported};
use crate::store::refs::Target;
use crate::task::{Event, Task};
use std::rc::Rc;

/// How to push.
#[derive(Clone, Default)]
pub struct Options {
    /// The remote; `None`: `branch.<name>.pushRemote` of the current branch, `remote.pushDefault`,
    /// else the one that is fetched from. A URL will do.
    pub remote: Option<String>,
    /// Which refs.
    pub wish: Wish,
    /// Texts for the server's hooks (`--push-option`); empty: as `push.pushOption` says.
    pub push_options: Vec<String>,
    /// Who signs a push certificate; `None`: none is made.
    pub sign: Option<Sign>,
    /// Is told what will be sent, and may call it off (the hook `pre-push`). A dry run sends nothing,
    /// and nobody is asked.
    pub before: Option<AskBefore>,
    /// What is warned of before it is sent.
    pub weights: Weights,
    /// How hard to compress what is not stored compressed, from 0 to 9; `None`: as
    /// `pack.compression` or `core.compression` say.
    pub compression: Option<u8>,
    /// Send nothing: say what would be done.
    pub dry_run: bool,
    /// How to talk to the remote.
    pub transport: remote::Options,
}

/// What a push did: one entry for each URL that the remote is pushed to, mostly one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pushed {
    /// The remote's name, or its URL without a login.
    pub remote: String,
    /// In the order of the configuration.
    pub to: Vec<PushedTo>,
}

/// What a push to one URL did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PushedTo {
    /// Where to, without a login; after redirects.
    pub url: String,
    /// What became of the refs concerned.
    pub updates: Vec<PushUpdate>,
    /// Why nothing is known of them, or why the server did not take the objects; of several URLs
    /// also why one could not be pushed to at all.
    pub error: Option<GitError>,
    /// What the server and its hooks said to people, line by line.
    pub messages: Vec<String>,
    /// Objects that were sent.
    pub objects: u64,
    /// Bytes of the request.
    pub bytes: u64,
}

impl Pushed {
    /// Whether every ref is what it was to become, everywhere.
    pub fn is_ok(&self) -> bool {
        self.to.iter().all(|to| {
            let failed = |update: &PushUpdate| matches!(update.kind, PushKind::Rejected | PushKind::Unknown);
            to.error.is_none() && !to.updates.iter().any(failed)
        })
    }
}

/// What a push needs to know of this repository.
struct Place {
    config: crate::format::config::Config,
    remote: RemoteConfig,
    who: Rc<Who>,
}

impl Place {
    async fn read(repo: &Repository, remote: Option<&str>) -> Outcome<Place> {
        let config = repo.config().await?;
        let name = match remote {
            Some(name) => name.as_bytes().to_vec(),
            None => {
                let head = repo.refs.get(b"HEAD").await.at(Stage::Request)?;
                let branch = head.and_then(|head| match head.target {
                    Target::Symbolic(name) => name.strip_prefix(b"refs/heads/").map(<[u8]>::to_vec),
                    Target::Direct(_) => None,
                });
                crate::format::remotes::default_push_remote(&config, branch.as_deref())
            }
        };
        Ok(Place {
            remote: remotes::remote_config(&config, &name)?,
            who: reflog::who(&repo.host, &config),
            config,
        })
    }
}

/// Pushes to a remote. Refs that were refused are part of the answer; it fails where nothing was
/// sent at all, or certainly not acted on.
pub async fn push(task: &Task, repo: &Repository, options: &Options) -> Outcome<Pushed> {
    with_graph(&repo.odb, push_everywhere(task, repo, options)).await
}

async fn push_everywhere(task: &Task, repo: &Repository, options: &Options) -> Outcome<Pushed> {
    let place = task.race(Place::read(repo, options.remote.as_deref())).await??;
    for warning in &place.remote.warnings {
        task.tell(Event::Warning(warning.clone()));
    }
    let prepared = Prepared::read(task, repo, &place.config, &place.remote, &options.wish).await?;
    let urls = &place.remote.push_urls;
    let mut pushed = Pushed {
        remote: crate::ops::anonymize(&String::from_utf8_lossy(&place.remote.name)),
        to: Vec::new(),
    };
    let mut first: Option<Failure> = None;
    for url in urls {
        let run = Run {
            whole: task,
            part: task.part(),
            repo,
            place: &place,
            options,
            prepared: &prepared,
        };
        match run.push_to(url).await {
            Ok(to) => pushed.to.push(to),
            // What another server answered is told all the same.
            Err(Failure::Cancelled) => {
                task.check()?;
                pushed.to.push(given_up(url));
            }
            Err(Failure::Error(error)) if urls.len() > 1 => {
                // git goes on with the others, too.
                pushed.to.push(PushedTo {
                    url: crate::ops::anonymize(url),
                    error: Some((*error).clone()),
                    ..PushedTo::default()
                });
                first.get_or_insert(Failure::Error(error));
            }
            Err(failure) => return Err(failure),
        }
    }
    match first {
        Some(failure) if pushed.to.iter().all(|to| to.updates.is_empty()) => Err(failure),
        _ if pushed.to.is_empty() => Err(nowhere().into()),
        _ => Ok(pushed),
    }
}

/// The caller gave up before anything was sent to that URL.
fn given_up(url: &str) -> PushedTo {
    let url = crate::ops::anonymize(url);
    let message = format!("nothing was pushed to {url}: the push was aborted before");
    PushedTo {
        error: Some(GitError::new(Code::PushRejectedLocal, Stage::Request, message).with_url(&url)),
        url,
        ..PushedTo::default()
    }
}

fn nowhere() -> GitError {
    let message = "the remote has no URL to push to";
    GitError::new(Code::NotFound, Stage::Request, message).with_hint("set the remote's URL first")
}

//! What the configuration and the caller want together: `fetch_one` of git's builtin/fetch.c.

use std::rc::Rc;

use super::map::{HEADS, Wish};
use super::{Options, UNPACK_LIMIT};
use crate::algo::negotiate::Algorithm;
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::filter::Filter;
use crate::format::refspec::{Direction, RefSpec};
use crate::format::remotes::anonymize;
use crate::ops::Repository;
use crate::ops::fault::{At, quoted};
use crate::ops::promisor;
use crate::ops::reflog::{self, Who};
use crate::ops::remote::{self, Remote, Service, Session};
use crate::ops::remotes::{self, RemoteConfig, TagMode};
use crate::protocol::remote_refs::RemoteRefs;
use crate::protocol::url::RemoteUrl;
use crate::store::refs::Target;
use crate::task::{Event, Task};

/// What the configuration and the caller want together.
pub(super) struct Plan {
    /// The configuration it was made of.
    pub(super) text: Vec<u8>,
    pub(super) remote: RemoteConfig,
    pub(super) url: RemoteUrl,
    pub(super) given: Vec<RefSpec>,
    pub(super) configured: Vec<RefSpec>,
    pub(super) merges: Vec<Vec<u8>>,
    pub(super) tags: TagMode,
    pub(super) prune: bool,
    pub(super) filter: Option<Filter>,
    pub(super) algorithm: Algorithm,
    pub(super) unpack_below: u32,
    /// The configuration as it has to be from now on, if the remote becomes a promisor by this.
    pub(super) registered: Option<Vec<u8>>,
    pub(super) bare: bool,
    /// Whether the remote's HEAD is noted where it is not yet (`remote.<name>.followRemoteHEAD`).
    pub(super) follows_head: bool,
    /// Who the reflogs say it was, and what was asked for.
    pub(super) who: Rc<Who>,
    pub(super) action: String,
    pub(super) default_branch: Vec<u8>,
}

impl Plan {
    /// Reads the configuration.
    pub(super) async fn make(repo: &Repository, options: &Options) -> Outcome<Plan> {
        let config = repo.config().await?;
        let head = repo.refs.get(b"HEAD").await.at(Stage::Request)?;
        let current = head.and_then(|head| match head.target {
            Target::Symbolic(name) => Some(name),
            Target::Direct(_) => None,
        });
        let branch = options.branch.clone().or(current);
        let short = branch.as_deref().and_then(|name| name.strip_prefix(HEADS));
        let name = match &options.remote {
            Some(name) => name.clone().into_bytes(),
            None => remotes::default_remote(&config, short),
        };
        let remote = remotes::remote_config(&config, &name)?;
        let url = remote.urls.first().map(String::as_str).unwrap_or_default();
        let url = RemoteUrl::parse(url).map_err(|error| remote::url_error(&error))?;
        let given = options.refspecs.iter().map(|text| parse(text));
        let mut given: Vec<RefSpec> = given.collect::<Outcome<Vec<Vec<RefSpec>>>>()?.concat();
        let mut configured = remote.fetch.clone();
        let prune_tags = options.prune_tags.or(remote.prune_tags).unwrap_or(false);
        // Asked for with refspecs of one's own, it has no meaning (`prune_tags_ok`).
        if prune_tags && given.is_empty() {
            let all = parse("refs/tags/*:refs/tags/*")?;
            match remote.configured {
                true => configured.extend(all),
                false => given.extend(all),
            }
        }
        let filter = filter(&remote, options)?;
        let merges = match short {
            Some(short) => {
                let branch = remotes::branch_config(&config, short);
                if branch.remote.as_ref() == Some(&name) {
                    branch.merge
                } else {
                    Vec::new()
                }
            }
            None => Vec::new(),
        };
        Ok(Plan {
            given,
            configured,
            merges,
            registered: registered(&config, &remote, options, filter.as_ref())?,
            filter,
            tags: options.tags.or(remote.tag_opt).unwrap_or_default(),
            prune: options.prune.or(remote.prune).unwrap_or(false),
            algorithm: algorithm(&config, options)?,
            unpack_below: unpack_below(&config),
            text: config.as_bytes().to_vec(),
            follows_head: follows_head(&config, &remote.name),
            who: reflog::who(&repo.host, &config),
            action: action(options),
            bare: config.get_bool(b"core.bare") == Some(true),
            default_branch: config.get(b"init.defaultBranch").unwrap_or(b"main").to_vec(),
            remote,
            url,
        })
    }

    pub(super) fn wish(&self) -> Wish<'_> {
        Wish {
            given: &self.given,
            configured: &self.configured,
            merges: &self.merges,
            tags: self.tags,
        }
    }

    /// Finds the remote, and what it has.
    pub(super) async fn list(
        &self,
        task: &Task,
        repo: &Repository,
        options: &Options,
    ) -> Outcome<(Session, RemoteRefs)> {
        let mut transport = options.transport.clone();
        transport.wants_v2 |= self.filter.is_some();
        for warning in &self.remote.warnings {
            task.tell(Event::Warning(warning.clone()));
        }
        let mut session = Remote::connect(&repo.host, task, &self.url, Service::UploadPack, &transport).await?;
        let wish = self.wish();
        let refs = match wish.needs_refs() {
            true => session.ls_refs(&wish.prefixes()).await?,
            false => RemoteRefs::default(),
        };
        Ok((session, refs))
    }
}

fn parse(text: &str) -> Outcome<Vec<RefSpec>> {
    // `tag v1` is short for the tag's refspec.
    let text = match text.strip_prefix("tag ") {
        Some(name) => format!("refs/tags/{name}:refs/tags/{name}"),
        None => text.to_owned(),
    };
    match RefSpec::parse(text.as_bytes(), Direction::Fetch) {
        Ok(spec) => Ok(vec![spec]),
        Err(error) => {
            let message = format!("{} is no refspec: {error}", quoted(text.as_bytes()));
            Err(GitError::new(Code::InvalidRef, Stage::Request, message)
                .with("refspec", Datum::Text(text))
                .into())
        }
    }
}

/// The caller's filter, or the one with which the remote became a promisor.
fn filter(remote: &RemoteConfig, options: &Options) -> Outcome<Option<Filter>> {
    let configured = remote.filter.as_ref().filter(|_| remote.promisor);
    let Some(text) = options.filter.as_ref().or(configured) else {
        return Ok(None);
    };
    match Filter::parse(text) {
        Ok(filter) => Ok(Some(filter)),
        Err(error) => {
            let message = format!("{} is no object filter: {error}", quoted(text.as_bytes()));
            Err(GitError::new(Code::Unsupported, Stage::Request, message)
                .with("filter", Datum::Text(text.clone()))
                .into())
        }
    }
}

fn registered(
    config: &Config,
    remote: &RemoteConfig,
    options: &Options,
    filter: Option<&Filter>,
) -> Outcome<Option<Vec<u8>>> {
    let (Some(filter), true) = (filter, options.filter.is_some() && !remote.promisor) else {
        return Ok(None);
    };
    if !remote.configured {
        let message = "only a remote that is configured under a name can be fetched from with a filter";
        return Err(GitError::new(Code::Unsupported, Stage::Request, message)
            .with_hint("what is left out has to be found again later: add the remote first")
            .into());
    }
    let mut config = config.clone();
    match promisor::register(&mut config, &remote.name, filter) {
        Ok(()) => Ok(Some(config.as_bytes().to_vec())),
        Err(error) => {
            let message = format!("the configuration cannot be written: {error}");
            Err(GitError::new(Code::Internal, Stage::Request, message).into())
        }
    }
}

fn follows_head(config: &Config, remote: &[u8]) -> bool {
    let key = [b"remote.", remote, b".followRemoteHEAD"].concat();
    !config
        .get(&key)
        .is_some_and(|value| value.eq_ignore_ascii_case(b"never"))
}

/// The call as git's reflogs have it: its name and arguments, URLs without a login.
fn action(options: &Options) -> String {
    let arguments = options.remote.iter().chain(&options.refspecs);
    let words = arguments.map(|word| format!(" {}", anonymize(word)));
    format!("fetch{}", words.collect::<String>())
}

fn algorithm(config: &Config, options: &Options) -> Outcome<Algorithm> {
    if options.refetch {
        return Ok(Algorithm::Noop);
    }
    let Some(name) = config.get(b"fetch.negotiationAlgorithm") else {
        return Ok(Algorithm::Consecutive);
    };
    Algorithm::from_config(name).ok_or_else(|| {
        let message = format!("fetch.negotiationAlgorithm is {}, which is none", quoted(name));
        GitError::new(Code::Unsupported, Stage::Request, message)
            .with_hint("it can be consecutive, skipping or noop")
            .into()
    })
}

/// `fetch.unpackLimit`, else `transfer.unpackLimit`, else 100.
fn unpack_below(config: &Config) -> u32 {
    let limit = |key: &[u8]| config.get_number(key).filter(|limit| *limit >= 0);
    let limit = limit(b"fetch.unpackLimit").or_else(|| limit(b"transfer.unpackLimit"));
    u32::try_from(limit.unwrap_or(UNPACK_LIMIT)).unwrap_or(u32::MAX)
}

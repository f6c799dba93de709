//! The remotes of a repository: git-remote(1). What a configuration says of them is read by
//! [`crate::format::remotes`].

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::refspec::{Direction, RefSpec};
use crate::format::remotes;
pub use crate::format::remotes::{BranchConfig, RemoteConfig, TagMode};
use crate::ops::Repository;
use crate::ops::config::publish;
use crate::ops::fault::{self, At};
use crate::ops::remote::url_error;
use crate::protocol::url::RemoteUrl;
use crate::store::publish::{Publication, RefUpdate};
use crate::task::Task;

/// What the configuration says of a remote, which may be a URL in place of a name. Fails with
/// `NotFound` if there is none of that name, with `InvalidUrl` if `transfer.credentialsInUrl`
/// forbids its URL, and with `InvalidRef` or `Unsupported` if a value is of no use.
pub fn remote_config(config: &Config, name: &[u8]) -> Outcome<RemoteConfig> {
    remotes::remote(config, name).map_err(|error| fault::remote(name, &error).into())
}

/// The remote that is meant when none is named; `branch` is the current one without `refs/heads/`.
pub fn default_remote(config: &Config, branch: Option<&[u8]>) -> Vec<u8> {
    remotes::default_remote(config, branch)
}

/// What the configuration says of a local branch, named without `refs/heads/`.
pub fn branch_config(config: &Config, branch: &[u8]) -> BranchConfig {
    remotes::branch(config, branch)
}

/// How a remote is added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// Every ref is fetched under its own name (`--mirror=fetch`).
    pub mirror: bool,
    /// Which tags are fetched (`--tags`, `--no-tags`).
    pub tags: TagMode,
    /// Only these branches (`--track`); of a mirror, these refs below `refs/`. None: all.
    pub track: Vec<String>,
}

/// Every remote, in order of appearance.
pub async fn list(task: &Task, repo: &Repository) -> Outcome<Vec<RemoteConfig>> {
    let config = task.race(repo.config()).await??;
    let mut remotes = Vec::new();
    for name in remotes::names(&config) {
        let remote = remotes::listed(&config, &name).map_err(|error| fault::remote(&name, &error))?;
        remotes.push(remote);
    }
    Ok(remotes)
}

/// Adds a remote, as `git remote add`. A login in an http(s) URL is not stored. Fails with
/// `AlreadyExists` if the name is taken, and with `InvalidUrl` if the URL cannot be used.
pub async fn add(task: &Task, repo: &Repository, name: &str, url: &str, options: &AddOptions) -> Outcome<()> {
    let bytes = name.as_bytes();
    if !remotes::is_valid_name(bytes) {
        let message = format!("{} cannot be the name of a remote", fault::quoted(bytes));
        return Err(about(Code::InvalidRef, message, bytes).into());
    }
    let url = storable(url)?;
    let writer = repo.writer(task).await?;
    let mut config = task.race(repo.config()).await??;
    for known in remotes::names(&config) {
        let inside = |outer: &[u8], inner: &[u8]| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(b"/"));
        if known == bytes || inside(&known, bytes) || inside(bytes, &known) {
            let message = format!("there is a remote {} already", fault::quoted(&known));
            return Err(about(Code::AlreadyExists, message, &known).into());
        }
    }
    let key = |key: &str| format!("remote.{name}.{key}").into_bytes();
    let all = ["*".to_owned()];
    let track = if options.track.is_empty() {
        all.as_slice()
    } else {
        options.track.as_slice()
    };
    put(&mut config, &key("url"), &url)?;
    for branch in track {
        let spec = if options.mirror {
            format!("+refs/{branch}:refs/{branch}")
        } else {
            format!("+refs/heads/{branch}:refs/remotes/{name}/{branch}")
        };
        if RefSpec::parse(spec.as_bytes(), Direction::Fetch).is_err() {
            let message = format!("{} cannot be a branch to track", fault::quoted(branch.as_bytes()));
            return Err(about(Code::InvalidRef, message, bytes).into());
        }
        let fetch = key("fetch");
        config
            .add(&fetch, spec.as_bytes())
            .map_err(|error| fault::config_change(&fetch, &error))?;
    }
    match options.tags {
        TagMode::Follow => {}
        TagMode::All => put(&mut config, &key("tagOpt"), "--tags")?,
        TagMode::None => put(&mut config, &key("tagOpt"), "--no-tags")?,
    }
    publish(task, repo, Publication::new(&writer), &config).await
}

/// Sets the URL of a remote, or the one for pushes, as `git remote set-url`; it replaces all there
/// were. A login in an http(s) URL is not stored. Fails with `NotFound` if there is no such remote.
pub async fn set_url(task: &Task, repo: &Repository, name: &str, url: &str, push: bool) -> Outcome<()> {
    let url = storable(url)?;
    let writer = repo.writer(task).await?;
    let mut config = task.race(repo.config()).await??;
    known(&config, name.as_bytes())?;
    let key = format!("remote.{name}.{}", if push { "pushurl" } else { "url" });
    put(&mut config, key.as_bytes(), &url)?;
    publish(task, repo, Publication::new(&writer), &config).await
}

/// Removes a remote, as `git remote remove`: its section, what branches say of it, and the refs
/// under `refs/remotes/` that it and no other remote fetches into, with their logs. Fails with
/// `NotFound` if there is no such remote.
pub async fn remove(task: &Task, repo: &Repository, name: &str) -> Outcome<()> {
    let name = name.as_bytes();
    let writer = repo.writer(task).await?;
    let mut config = task.race(repo.config()).await??;
    known(&config, name)?;
    let (mut fetch, mut others) = (Vec::new(), Vec::new());
    for other in remotes::names(&config) {
        let remote = remotes::listed(&config, &other).map_err(|error| fault::remote(&other, &error))?;
        if other == name {
            fetch = remote.fetch;
        } else {
            others.push(remote.fetch);
        }
    }
    let mut publication = Publication::new(&writer);
    for found in task.race(repo.refs.list(b"refs/remotes/")).await?.at(Stage::Read)? {
        task.checkpoint().await?;
        let is_from = |specs: &Vec<RefSpec>| remotes::source_of(specs, &found.name).is_some();
        if is_from(&fetch) && !others.iter().any(is_from) {
            publication.update(RefUpdate {
                name: found.name,
                expect: None,
                new: None,
                peeled: None,
            });
        }
    }
    forget(&mut config, name).map_err(|error| fault::config_change(name, &error))?;
    publish(task, repo, publication, &config).await
}

/// Takes a remote out of the configuration (`rm` and `handle_push_default` in git's
/// `builtin/remote.c`).
fn forget(config: &mut Config, name: &[u8]) -> Result<(), crate::format::config::ConfigError> {
    let branches: Vec<Vec<u8>> = config.subsections(b"branch").into_iter().map(<[u8]>::to_vec).collect();
    for branch in branches {
        let settings = remotes::branch(config, &branch);
        let key = |key: &str| [b"branch.", branch.as_slice(), b".", key.as_bytes()].concat();
        if settings.remote.as_deref() == Some(name) {
            config.unset(&key("remote"))?;
            config.unset(&key("merge"))?;
        }
        if settings.push_remote.as_deref() == Some(name) {
            config.unset(&key("pushRemote"))?;
        }
    }
    config.remove_section(b"remote", Some(name))?;
    if config.get(b"remote.pushDefault") == Some(name) {
        config.unset(b"remote.pushDefault")?;
    }
    Ok(())
}

fn known(config: &Config, name: &[u8]) -> Outcome<()> {
    if remotes::is_configured(config, name) {
        return Ok(());
    }
    let message = format!("there is no remote {} here", fault::quoted(name));
    Err(about(Code::NotFound, message, name).into())
}

fn about(code: Code, message: String, name: &[u8]) -> GitError {
    let name = String::from_utf8_lossy(name).into_owned();
    GitError::new(code, Stage::Request, message).with("remote", Datum::Text(name))
}

fn put(config: &mut Config, key: &[u8], value: &str) -> Outcome<()> {
    let set = config.set(key, value.as_bytes());
    set.map_err(|error| fault::config_change(key, &error).into())
}

/// A URL as it is stored. Any text will do, because `insteadOf` may make a URL of it; in one for
/// http there is no login. The user of an ssh URL is part of the address.
fn storable(url: &str) -> Outcome<String> {
    if url.is_empty() || url.contains(char::is_control) {
        let message = "a remote's URL is a line of text that is not empty";
        return Err(GitError::new(Code::InvalidUrl, Stage::Request, message).into());
    }
    let scheme = url.split(':').next().unwrap_or_default();
    let web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    if !web {
        return Ok(url.to_owned());
    }
    RemoteUrl::parse(url).map_err(|error| url_error(&error))?;
    Ok(remotes::anonymize(url))
}

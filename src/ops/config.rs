//! A repository's settings: git-config(1). Keys are `section.name` or `section.subsection.name`;
//! nothing but the repository's own configuration is read.

use crate::error::{Outcome, Stage};
use crate::format::config::{Config, check_key};
use crate::format::remotes::{anonymize, default_remote, listed};
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::store::publish::Publication;
use crate::store::refs::Target;
use crate::task::Task;

/// The value that counts, which is the last one; `None` if there is none. A name without a value is
/// empty, as `git config --get` prints it.
pub async fn get(task: &Task, repo: &Repository, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
    Ok(get_all(task, repo, key).await?.pop())
}

/// Every value of a key, in order.
pub async fn get_all(task: &Task, repo: &Repository, key: &[u8]) -> Outcome<Vec<Vec<u8>>> {
    check_key(key).map_err(|error| fault::config_change(key, &error))?;
    let config = task.race(repo.config()).await??;
    let values = config.get_all(key);
    Ok(values.map(|value| value.unwrap_or_default().to_vec()).collect())
}

/// Every key with its values, in order of first appearance. Section and name are in lower case.
pub async fn all(task: &Task, repo: &Repository) -> Outcome<Vec<(Vec<u8>, Vec<Vec<u8>>)>> {
    let config = task.race(repo.config()).await??;
    let mut all: Vec<(Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (key, value) in config.entries() {
        let place = *places.entry(key.clone()).or_insert_with(|| {
            all.push((key, Vec::new()));
            all.len() - 1
        });
        if let Some((_, values)) = all.get_mut(place) {
            values.push(value.unwrap_or_default().to_vec());
        }
    }
    Ok(all)
}

/// Gives a key one value, in place of all it had; `None` takes them away.
pub async fn set(task: &Task, repo: &Repository, key: &[u8], value: Option<&[u8]>) -> Outcome<()> {
    check_key(key).map_err(|error| fault::config_change(key, &error))?;
    let writer = repo.writer(task).await?;
    let mut config = task.race(repo.config()).await??;
    let changed = match value {
        Some(value) => config.set(key, value).map(|()| true),
        None => config.unset(key),
    };
    if changed.map_err(|error| fault::config_change(key, &error))? {
        publish(task, repo, Publication::new(&writer), &config).await?;
    }
    Ok(())
}

/// Publishes a changed configuration with whatever else is in the publication, and the URL that
/// [`list`](crate::ops::list) tells: that of the remote that is meant when none is named. The
/// configuration was read under the writer's lock, and a writer that took over since makes this
/// fail: no other change is lost.
pub(crate) async fn publish(
    task: &Task,
    repo: &Repository,
    mut publication: Publication<'_>,
    config: &Config,
) -> Outcome<()> {
    let head = task.race(repo.refs.get(b"HEAD")).await?.at(Stage::Read)?;
    let branch = head.as_ref().and_then(|head| match &head.target {
        Target::Symbolic(name) => name.strip_prefix(b"refs/heads/"),
        Target::Direct(_) => None,
    });
    // A remote that cannot be read has no URL to tell; whoever uses it hears why.
    let remote = listed(config, &default_remote(config, branch)).ok();
    let url = remote.and_then(|remote| remote.urls.first().map(|url| anonymize(url)));
    publication.config(config.as_bytes().to_vec());
    publication.url(url.unwrap_or_default());
    task.shield()?;
    publication.commit().await.at(Stage::Update)
}

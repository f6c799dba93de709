//! What a configuration says of remotes and of the branches that follow them: git-config(1),
//! `remote.<name>.*`, `branch.<name>.*`, `url.<base>.*`, read as `handle_config`, `alias_all_urls`
//! and `remotes_remote_get_1` in git's `remote.c` read it. Files under `remotes/` and `branches/`,
//! which git stopped writing long ago, are not read.

use std::fmt;

use super::config::Config;
use super::refspec::{Direction, RefSpec};
use crate::sorted::order;

mod url;

pub use url::{anonymize, has_password, redact};

/// Which tags are fetched: `remote.<name>.tagOpt`, git-fetch(1) `--tags` and `--no-tags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagMode {
    /// The tags that point into the history that is fetched; all tags in the clone of a whole
    /// repository.
    #[default]
    Follow,
    /// All tags, and what they point to.
    All,
    /// None.
    None,
}

/// A remote, as the configuration has it. URLs may hold a login: they are for requests. What is
/// shown or stored is their [`anonymize`]d form, and `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Its name, or the URL that was given in place of one.
    pub name: Vec<u8>,
    /// Where to fetch from, rewritten by `url.<base>.insteadOf`. The first one counts; only
    /// [`listed`] may find none.
    pub urls: Vec<String>,
    /// Where to push to, all of them: `pushurl`, else the URLs that `url.<base>.pushInsteadOf`
    /// rewrites, else `urls`.
    pub push_urls: Vec<String>,
    /// What to fetch without being told.
    pub fetch: Vec<RefSpec>,
    /// What to push without being told.
    pub push: Vec<RefSpec>,
    /// `tagOpt`; `None`: not said.
    pub tag_opt: Option<TagMode>,
    /// `prune`, else `fetch.prune`; `None`: not said.
    pub prune: Option<bool>,
    /// `pruneTags`, else `fetch.pruneTags`; `None`: not said.
    pub prune_tags: Option<bool>,
    /// A push goes as with `--mirror`.
    pub mirror: bool,
    /// It promised to keep what was left out of the packs it sent (gitformat-partial-clone(5)):
    /// `promisor`, a filter, or `extensions.partialClone` says so.
    pub promisor: bool,
    /// `partialclonefilter`.
    pub filter: Option<String>,
    /// `serverOption`, each as given.
    pub server_options: Vec<String>,
    /// Whether it is configured under its name, and is not just a URL.
    pub configured: bool,
    /// What the user should be told; holds no secret.
    pub warnings: Vec<String>,
}

impl fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConfig")
            .field("name", &anonymize(&String::from_utf8_lossy(&self.name)))
            .field("fetch", &self.fetch)
            .finish_non_exhaustive()
    }
}

/// Why a remote cannot be read from the configuration. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteError {
    /// There is no such remote, it has no URL, or its name is none.
    NotFound,
    /// A value that is not what the key needs.
    BadValue {
        /// The key.
        key: Vec<u8>,
    },
    /// A value of `remote.<name>.fetch` or `remote.<name>.push` that is no refspec.
    BadRefSpec {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// A URL holds a password, and `transfer.credentialsInUrl` is `die`.
    Credentials {
        /// The URL with `<redacted>` for the password.
        url: String,
    },
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::NotFound => f.write_str("there is no such remote"),
            RemoteError::BadValue { key } => {
                write!(f, "the value of {} cannot be used", String::from_utf8_lossy(key))
            }
            RemoteError::BadRefSpec { key, value } => write!(
                f,
                "{:?} of {} is no refspec",
                String::from_utf8_lossy(value),
                String::from_utf8_lossy(key)
            ),
            RemoteError::Credentials { url } => write!(f, "URL '{url}' uses plaintext credentials"),
        }
    }
}

impl std::error::Error for RemoteError {}

/// Whether a remote of this name is configured (`remote_is_configured`): one key will do.
pub fn is_configured(config: &Config, name: &[u8]) -> bool {
    names(config).iter().any(|known| known == name)
}

/// The names of the configured remotes, in order of appearance. A section without a key is none,
/// and neither is one whose name starts with a slash.
pub fn names(config: &Config) -> Vec<Vec<u8>> {
    let mut seen = std::collections::HashSet::new();
    config
        .entries()
        .filter_map(|(key, _)| {
            let key = key.strip_prefix(b"remote.")?;
            let dot = key.iter().rposition(|byte| *byte == b'.')?;
            key.get(..dot).map(<[u8]>::to_vec)
        })
        .filter(|name| !name.is_empty() && !name.starts_with(b"/") && seen.insert(name.clone()))
        .collect()
}

/// Whether a remote may be made under this name (`valid_remote_name`).
pub fn is_valid_name(name: &[u8]) -> bool {
    let spec = [b"refs/heads/test:refs/remotes/", name, b"/test"].concat();
    RefSpec::parse(&spec, Direction::Fetch).is_ok()
}

/// Reads a remote. A URL will do for a name: then it is the remote's, rewritten like any other.
///
/// Git takes every name that it does not know for a path. Paths lead nowhere here, so what has no
/// colon even after rewriting is [`RemoteError::NotFound`]; names of remotes never have one.
pub fn remote(config: &Config, name: &[u8]) -> Result<RemoteConfig, RemoteError> {
    let mut given = Section { config, name }.texts("url")?;
    if given.is_empty() {
        let name = String::from_utf8(name.to_vec()).map_err(|_| RemoteError::NotFound)?;
        if !Rewrites::read(config, b".insteadof")?.apply(&name).contains(':') {
            return Err(RemoteError::NotFound);
        }
        given.push(name);
    }
    let mut remote = read(config, name, &given)?;
    remote.warnings = credentials(config, &remote.urls)?;
    Ok(remote)
}

/// Reads a remote to show it: it may have no URL, and what `transfer.credentialsInUrl` has against
/// its URLs does not matter.
pub fn listed(config: &Config, name: &[u8]) -> Result<RemoteConfig, RemoteError> {
    read(config, name, &Section { config, name }.texts("url")?)
}

fn read(config: &Config, name: &[u8], given: &[String]) -> Result<RemoteConfig, RemoteError> {
    let of = Section { config, name };
    let rewrites = Rewrites::read(config, b".insteadof")?;
    let push_rewrites = Rewrites::read(config, b".pushinsteadof")?;
    let urls: Vec<String> = given.iter().map(|url| rewrites.apply(url)).collect();
    // `pushInsteadOf` counts only where no push URL is given, and the push then goes to the URLs it
    // rewrites alone (`alias_all_urls`).
    let mut push_urls: Vec<String> = of.texts("pushurl")?.iter().map(|url| rewrites.apply(url)).collect();
    if push_urls.is_empty() {
        push_urls.extend(given.iter().filter_map(|url| push_rewrites.find(url)));
    }
    if push_urls.is_empty() {
        push_urls.clone_from(&urls);
    }
    let filter = of.text("partialclonefilter")?;
    let extension = config.get(b"extensions.partialclone") == Some(name);
    Ok(RemoteConfig {
        urls,
        push_urls,
        fetch: of.refspecs("fetch", Direction::Fetch)?,
        push: of.refspecs("push", Direction::Push)?,
        tag_opt: match of.text("tagopt")?.as_deref() {
            Some("--tags") => Some(TagMode::All),
            Some("--no-tags") => Some(TagMode::None),
            _ => None,
        },
        prune: of.flag("prune")?.or(flag(config, b"fetch.prune")?),
        prune_tags: of.flag("prunetags")?.or(flag(config, b"fetch.prunetags")?),
        mirror: of.flag("mirror")?.unwrap_or(false),
        promisor: of.flag("promisor")?.unwrap_or(false) || filter.is_some() || extension,
        filter,
        server_options: of.texts("serveroption")?,
        configured: is_configured(config, name),
        warnings: Vec::new(),
        name: name.to_vec(),
    })
}

/// What the configuration says of a local branch. `branch` is the name without `refs/heads/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BranchConfig {
    /// `branch.<name>.remote`: a remote, a URL, or `.` for this very repository.
    pub remote: Option<Vec<u8>>,
    /// `branch.<name>.pushRemote`.
    pub push_remote: Option<Vec<u8>>,
    /// `branch.<name>.merge`: what the branch follows, as the remote names it.
    pub merge: Vec<Vec<u8>>,
}

/// Reads what is said of a branch. `branch` is the name without `refs/heads/`.
pub fn branch(config: &Config, branch: &[u8]) -> BranchConfig {
    let key = |name: &str| [b"branch.", branch, b".", name.as_bytes()].concat();
    let last = |name: &str| config.get(&key(name)).map(<[u8]>::to_vec);
    BranchConfig {
        remote: last("remote"),
        push_remote: last("pushremote"),
        merge: config.get_all(&key("merge")).flatten().map(<[u8]>::to_vec).collect(),
    }
}

/// The remote that is meant when none is named (`remotes_remote_for_branch`): the branch's, else
/// the only one there is, else `origin`. `on` is the current branch without `refs/heads/`.
pub fn default_remote(config: &Config, on: Option<&[u8]>) -> Vec<u8> {
    if let Some(remote) = on.and_then(|on| branch(config, on).remote) {
        return remote;
    }
    match names(config).as_mut_slice() {
        [only] => std::mem::take(only),
        _ => b"origin".to_vec(),
    }
}

/// The remote that is pushed to when none is named (`remotes_pushremote_for_branch`): the branch's,
/// `remote.pushDefault`, else that of [`default_remote`]. `on` is the current branch without
/// `refs/heads/`.
pub fn default_push_remote(config: &Config, on: Option<&[u8]>) -> Vec<u8> {
    let own = on.and_then(|on| branch(config, on).push_remote);
    let all = || config.get(b"remote.pushdefault").map(<[u8]>::to_vec);
    own.or_else(all).unwrap_or_else(|| default_remote(config, on))
}

/// What the upstream of a branch is called here (`branch_get_upstream`): the ref that the remote's
/// refspecs fetch `branch.<name>.merge` into. `None` where the branch follows nothing that is kept.
pub fn upstream(config: &Config, on: &[u8]) -> Result<Option<Vec<u8>>, RemoteError> {
    let settings = branch(config, on);
    let (Some(name), Some(merge)) = (settings.remote, settings.merge.first()) else {
        return Ok(None);
    };
    if name == b"." {
        return Ok(Some(merge.clone()));
    }
    let of = Section { config, name: &name };
    let specs = of.refspecs("fetch", Direction::Fetch)?;
    if specs.iter().any(|spec| spec.is_negative() && spec.matches(merge)) {
        return Ok(None);
    }
    Ok(specs.iter().find_map(|spec| spec.map(merge)))
}

/// The ref of the remote that is fetched into `tracking`, if one of the refspecs says so
/// (`query_refspecs`).
pub fn source_of(fetch: &[RefSpec], tracking: &[u8]) -> Option<Vec<u8>> {
    let source = fetch.iter().find_map(|spec| spec.unmap(tracking))?;
    let excluded = fetch.iter().any(|spec| spec.is_negative() && spec.matches(&source));
    (!excluded).then_some(source)
}

/// Where the first of the refspecs takes the ref `name`, and whether by force (`query_refspecs`).
///
/// Negative refspecs are names of sources, and git holds those against them that the refspecs would
/// bring to `name` from the other side (`refspec_find_negative_match`): of refspecs that change
/// names, none excludes what it means to.
pub fn destination_of(specs: &[RefSpec], name: &[u8]) -> Option<(Vec<u8>, bool)> {
    let sources = specs.iter().filter(|spec| !spec.is_negative()).filter_map(|spec| {
        match (spec.is_pattern(), spec.destination()) {
            (true, Some(_)) => spec.unmap(name),
            (true, None) => spec.matches(name).then(|| name.to_vec()),
            (false, _) => (spec.is_matching() || spec.source() == name).then(|| name.to_vec()),
        }
    });
    let excludes = |source: &[u8]| specs.iter().any(|spec| spec.is_negative() && spec.matches(source));
    if sources.into_iter().any(|source| excludes(&source)) {
        return None;
    }
    specs.iter().find_map(|spec| Some((spec.map(name)?, spec.is_force())))
}

/// The keys of one remote.
struct Section<'a> {
    config: &'a Config,
    name: &'a [u8],
}

impl Section<'_> {
    fn key(&self, name: &str) -> Vec<u8> {
        [b"remote.", self.name, b".", name.as_bytes()].concat()
    }

    /// A list of texts, in order. An empty value forgets those before it.
    fn texts(&self, name: &str) -> Result<Vec<String>, RemoteError> {
        let key = self.key(name);
        let mut texts = Vec::new();
        for value in self.config.get_all(&key) {
            let text = value.and_then(|value| std::str::from_utf8(value).ok());
            match text {
                Some("") => texts.clear(),
                Some(text) => texts.push(text.to_owned()),
                None => return Err(RemoteError::BadValue { key }),
            }
        }
        Ok(texts)
    }

    fn text(&self, name: &str) -> Result<Option<String>, RemoteError> {
        let key = self.key(name);
        let Some(value) = self.config.get_all(&key).last() else {
            return Ok(None);
        };
        match value.and_then(|value| std::str::from_utf8(value).ok()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(RemoteError::BadValue { key }),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, RemoteError> {
        flag(self.config, &self.key(name))
    }

    fn refspecs(&self, name: &str, direction: Direction) -> Result<Vec<RefSpec>, RemoteError> {
        let key = self.key(name);
        let mut specs = Vec::new();
        for value in self.config.get_all(&key) {
            let value = value.ok_or_else(|| RemoteError::BadValue { key: key.clone() })?;
            match RefSpec::parse(value, direction) {
                Ok(spec) => specs.push(spec),
                Err(_) => {
                    let value = value.to_vec();
                    return Err(RemoteError::BadRefSpec { key, value });
                }
            }
        }
        Ok(specs)
    }
}

/// A boolean; where it is neither true nor false, git dies.
fn flag(config: &Config, key: &[u8]) -> Result<Option<bool>, RemoteError> {
    match config.get_bool(key) {
        None if config.get_all(key).next().is_some() => Err(RemoteError::BadValue { key: key.to_vec() }),
        flag => Ok(flag),
    }
}

/// The warnings that `transfer.credentialsInUrl` asks for (`validate_remote_url`). Push URLs are
/// not looked at, as by git.
fn credentials(config: &Config, urls: &[String]) -> Result<Vec<String>, RemoteError> {
    let key = b"transfer.credentialsinurl";
    let warn = match config.get(key) {
        None | Some(b"allow") => return Ok(Vec::new()),
        Some(b"warn") => true,
        Some(b"die") => false,
        Some(_) => return Err(RemoteError::BadValue { key: key.to_vec() }),
    };
    let mut warnings = Vec::new();
    for url in urls.iter().filter(|url| has_password(url)) {
        let error = RemoteError::Credentials { url: redact(url) };
        if !warn {
            return Err(error);
        }
        warnings.push(error.to_string());
    }
    Ok(warnings)
}

/// `url.<base>.insteadOf`, or its sister for pushes: what URLs may start with, and what stands
/// there instead.
struct Rewrites(Vec<(String, String)>);

impl Rewrites {
    fn read(config: &Config, suffix: &[u8]) -> Result<Self, RemoteError> {
        let mut rewrites: Vec<(String, String)> = Vec::new();
        for (key, value) in config.entries() {
            let Some(base) = key.strip_prefix(b"url.").and_then(|rest| rest.strip_suffix(suffix)) else {
                continue;
            };
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
            match (value.and_then(text), text(base)) {
                (Some(start), Some(base)) => rewrites.push((start, base)),
                _ => return Err(RemoteError::BadValue { key: key.clone() }),
            }
        }
        // Of rewrites of the same length the one whose base was named first counts (`alias_url`).
        let mut bases: Vec<String> = Vec::new();
        for (_, base) in &rewrites {
            if !bases.contains(base) {
                bases.push(base.clone());
            }
        }
        order::sort_by_key(&mut rewrites, |(_, base)| bases.iter().position(|known| known == base));
        Ok(Rewrites(rewrites))
    }

    /// The URL with the longest start that fits replaced; `None` if none fits.
    fn find(&self, url: &str) -> Option<String> {
        let mut best: Option<(&str, &str)> = None;
        for (start, base) in &self.0 {
            if url.starts_with(start.as_str()) && best.is_none_or(|(longest, _)| start.len() > longest.len()) {
                best = Some((start, base));
            }
        }
        let (start, base) = best?;
        Some(format!("{base}{}", url.strip_prefix(start)?))
    }

    fn apply(&self, url: &str) -> String {
        self.find(url).unwrap_or_else(|| url.to_owned())
    }
}

#[cfg(test)]
mod tests;

//! git-ls-remote(1): what refs a remote has, without a repository here.

use crate::error::Outcome;
use crate::host::Host;
use crate::ops::remote::{Options, Remote, Service, url_error};
pub use crate::protocol::remote_refs::{RemoteHead, RemoteRef};
use crate::protocol::smart_http::Discovery;
use crate::protocol::text::quote;
use crate::protocol::url::RemoteUrl;
use crate::task::Task;

/// What a remote has and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Where it is, without userinfo; after redirects.
    pub url: String,
    /// The refs that start with one of the prefixes asked for, in the order of the remote.
    pub refs: Vec<RemoteRef>,
    /// What its `HEAD` is; unknown if the prefixes leave it out.
    pub head: RemoteHead,
    /// What it says it can do: `key` or `key=value`, cleaned text.
    pub capabilities: Vec<String>,
}

/// Lists the refs of the remote at `url` that start with one of `prefixes`; all, if there is none.
/// One request in versions 0 and 1, two in version 2.
pub async fn ls_remote(
    host: &Host,
    task: &Task,
    url: &str,
    options: &Options,
    prefixes: &[Vec<u8>],
) -> Outcome<Listing> {
    let url = RemoteUrl::parse(url).map_err(|error| url_error(&error))?;
    let mut session = Remote::connect(host, task, &url, Service::UploadPack, options).await?;
    let all = session.ls_refs(prefixes).await?;
    // Version 0 tells all, and servers of version 2 may.
    let wanted = |found: &&RemoteRef| {
        prefixes.is_empty() || prefixes.iter().any(|prefix| found.name.as_bytes().starts_with(prefix))
    };
    let capabilities: Vec<String> = match session.discovery() {
        Discovery::V0(advertisement) => advertisement.capabilities.words().map(quote).collect(),
        Discovery::V2(capabilities) => capabilities.lines().map(quote).collect(),
    };
    Ok(Listing {
        url: session.url(),
        refs: all.iter().filter(wanted).cloned().collect(),
        head: all.head(b"main"),
        capabilities,
    })
}

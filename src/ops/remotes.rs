//! The remotes of a repository: git-remote(1). What a configuration says of them is read by
//! [`crate::format::remotes`].

use crate::error::Outcome;
use crate::format::config::Config;
use crate::format::remotes;
pub use crate::format::remotes::{BranchConfig, RemoteConfig, TagMode};
use crate::ops::fault;

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

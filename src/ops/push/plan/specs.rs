//! Which refspecs count: `set_refspecs` and `setup_default_push_refspecs` of git's builtin/push.c.

use super::Wish;
use super::locals::{Locals, Meaning, meaning};
use super::refused;
use crate::error::Outcome;
use crate::format::config::Config;
use crate::format::refspec::RefSpec;
use crate::format::remotes::{self, RemoteConfig, destination_of};
use crate::ops::fault::quoted;

const HEADS: &[u8] = b"refs/heads/";

/// `push.default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PushDefault {
    Nothing,
    Matching,
    Simple,
    Upstream,
    Current,
}

/// The refspecs of a push.
pub(super) struct Specs {
    pub(super) specs: Vec<RefSpec>,
    /// Whether the branch is to follow what it is pushed to, though nobody asked for that:
    /// `push.autoSetupRemote`, where nobody says what to push and the branch follows nothing.
    pub(super) set_upstream: bool,
}

/// The configuration that the refspecs depend on.
pub(super) struct Settings<'a> {
    pub(super) config: &'a Config,
    pub(super) remote: &'a RemoteConfig,
    pub(super) locals: &'a Locals,
}

impl Settings<'_> {
    /// The refspecs of this push. With `all` and `mirror` that may be none but `:`.
    pub(super) fn specs(&self, wish: &Wish, mirror: bool) -> Outcome<Specs> {
        let mut specs = Vec::new();
        let mut set_upstream = false;
        if wish.tags {
            specs.push(refused::parse(b"refs/tags/*")?);
        }
        for text in &wish.refspecs {
            specs.push(refused::parse(&self.written_out(text.as_bytes(), wish.delete)?)?);
        }
        refused::check_refspecs(wish, mirror)?;
        if specs.is_empty() && !wish.all {
            if !self.remote.push.is_empty() {
                specs.clone_from(&self.remote.push);
            } else if !mirror {
                let spec = self.default_spec()?;
                set_upstream = !spec.is_matching() && self.sets_up_alone();
                specs.push(spec);
            }
        }
        if specs.is_empty() {
            specs.push(refused::parse(b":")?);
        }
        Ok(Specs { specs, set_upstream })
    }

    /// A refspec of the caller, with what the configuration adds to a name alone.
    fn written_out(&self, text: &[u8], delete: bool) -> Outcome<Vec<u8>> {
        let is_whole = text.contains(&b':');
        if let Some(tag) = text.strip_prefix(b"tag ") {
            let colon: &[u8] = if delete { b":" } else { b"" };
            return Ok([colon, b"refs/tags/", tag].concat());
        }
        if delete {
            return match is_whole || text.is_empty() {
                true => Err(refused::unsupported(format!(
                    "{} cannot be deleted: delete takes the names of refs",
                    quoted(text)
                ))),
                false => Ok([b":", text].concat()),
            };
        }
        if is_whole {
            return Ok(text.to_vec());
        }
        let Meaning::One(name) = meaning(text, |name| self.locals.head(name).is_some()) else {
            return Ok(text.to_vec());
        };
        if let Some((destination, force)) = destination_of(&self.remote.push, &name) {
            let plus: &[u8] = if force { b"+" } else { b"" };
            return Ok([plus, &name, b":", &destination].concat());
        }
        if let (PushDefault::Upstream, Some(branch)) = (self.push_default()?, name.strip_prefix(HEADS))
            && let [upstream] = self.merges(branch).as_slice()
        {
            return Ok([text, b":", upstream].concat());
        }
        Ok(text.to_vec())
    }

    /// What is pushed where nobody says what.
    fn default_spec(&self) -> Outcome<RefSpec> {
        let choice = self.push_default()?;
        match choice {
            PushDefault::Matching => return refused::parse(b":"),
            PushDefault::Nothing => {
                let message = "there is no refspec, and push.default is \"nothing\"";
                return Err(refused::nothing_said(message.to_owned(), "say what to push"));
            }
            PushDefault::Simple | PushDefault::Upstream | PushDefault::Current => {}
        }
        let Some(branch) = self.locals.branch() else {
            let message = "HEAD is on no branch, and there is no refspec".to_owned();
            let hint = "say what to push: HEAD:refs/heads/…";
            return Err(refused::nothing_said(message, hint));
        };
        let name = [HEADS, branch].concat();
        let is_upstreams = self.remote.name == remotes::default_remote(self.config, Some(branch));
        let destination = match (choice, is_upstreams) {
            (PushDefault::Upstream, true) => self.upstream(branch)?,
            (PushDefault::Upstream, false) => {
                let message = format!("the branch {} follows another remote than this one", quoted(branch));
                return Err(refused::nothing_said(message, "say what to push, and where to"));
            }
            (PushDefault::Simple, true) => {
                let upstream = self.upstream(branch)?;
                if upstream != name {
                    let short = upstream.strip_prefix(HEADS).unwrap_or(&upstream);
                    let message = format!(
                        "the branch {} follows one of another name, {}",
                        quoted(branch),
                        quoted(short)
                    );
                    let hint = format!(
                        "push HEAD:{} to update that, or HEAD for one of the same name",
                        String::from_utf8_lossy(short)
                    );
                    return Err(refused::nothing_said(message, hint));
                }
                upstream
            }
            _ => name.clone(),
        };
        refused::parse(&[&name, b":".as_slice(), &destination].concat())
    }

    /// Whether `push.autoSetupRemote` has the current branch follow what it is pushed to.
    fn sets_up_alone(&self) -> bool {
        let follows = |branch| !self.merges(branch).is_empty();
        self.auto_setup() && self.locals.branch().is_some_and(|branch| !follows(branch))
    }

    fn auto_setup(&self) -> bool {
        self.config.get_bool(b"push.autosetupremote") == Some(true)
    }

    /// What the branch follows, as the remote calls it (`get_upstream_ref`).
    fn upstream(&self, branch: &[u8]) -> Outcome<Vec<u8>> {
        let mut merges = self.merges(branch);
        match (merges.pop(), merges.is_empty()) {
            (Some(name), true) => Ok(name),
            (Some(_), false) => Err(refused::nothing_said(
                format!("the branch {} follows several branches", quoted(branch)),
                "say what to push",
            )),
            (None, _) if self.auto_setup() => Ok([HEADS, branch].concat()),
            (None, _) => Err(refused::nothing_said(
                format!("the branch {} follows no branch of a remote", quoted(branch)),
                "say what to push, or set push.autoSetupRemote",
            )),
        }
    }

    /// `branch.<name>.merge`, which means nothing without a remote.
    fn merges(&self, branch: &[u8]) -> Vec<Vec<u8>> {
        let settings = remotes::branch(self.config, branch);
        settings.remote.map(|_| settings.merge).unwrap_or_default()
    }

    fn push_default(&self) -> Outcome<PushDefault> {
        Ok(match self.config.get(b"push.default") {
            Some(b"nothing") => PushDefault::Nothing,
            Some(b"matching") => PushDefault::Matching,
            None | Some(b"simple") => PushDefault::Simple,
            Some(b"upstream" | b"tracking") => PushDefault::Upstream,
            Some(b"current") => PushDefault::Current,
            Some(other) => {
                let message = format!("push.default is {}, which is none", quoted(other));
                return Err(refused::unsupported(message));
            }
        })
    }
}

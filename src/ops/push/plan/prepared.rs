//! The steps of planning a push, as `transport_push` of git's transport.c takes them.

use super::followed;
use super::locals::{Locals, Meaning, meaning};
use super::matching::{Matching, Mode, Source};
use super::refused::{self, Problem};
use super::rules::{Judge, Rules};
use super::specs::{Settings, Specs};
use super::{Plan, Planned, Server, Verdict, Wish};
use crate::error::{Code, Failure, Outcome, Stage};
use crate::format::config::Config;
use crate::format::oid::ObjectId;
use crate::format::refspec::RefSpec;
use crate::format::remotes::RemoteConfig;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::history::KnownTags;
use crate::ops::object;
use crate::ops::rev_parse::resolve;
use crate::protocol::push::Reason;
use crate::protocol::remote_refs::RemoteRefs;
use crate::sorted::SortedMap;
use crate::task::Task;

const HEADS: &[u8] = b"refs/heads/";

/// A push whose refspecs are understood.
pub struct Prepared {
    specs: Vec<RefSpec>,
    /// What the refspecs without a pattern push, by their place among `specs`.
    sources: SortedMap<usize, Source>,
    locals: Locals,
    shallow: Vec<ObjectId>,
    rules: Rules,
    mode: Mode,
    follow_tags: bool,
    prune: bool,
    atomic: bool,
    set_upstream: bool,
}

impl Prepared {
    /// Reads the configuration and the refs here, and looks up what the refspecs push. Fails with
    /// `InvalidRef`, `RefNotFound`, `Ambiguous` or `Unsupported` if they make no sense, and with
    /// `PushRejectedLocal` if nobody says what to push.
    pub async fn read(
        task: &Task,
        repo: &Repository,
        config: &Config,
        remote: &RemoteConfig,
        wish: &Wish,
    ) -> Outcome<Prepared> {
        let mirror = wish.mirror || remote.mirror;
        refused::check(wish)?;
        let mut refs = task.race(repo.refs.list(b"refs/")).await?.at(Stage::Request)?;
        refs.extend(task.race(repo.refs.get(b"HEAD")).await?.at(Stage::Request)?);
        let locals = Locals::new(refs);
        let settings = Settings {
            config,
            remote,
            locals: &locals,
        };
        let Specs { specs, set_upstream } = settings.specs(wish, mirror)?;
        let leases = !wish.leases.is_empty() || wish.lease_all;
        let flag = |key: &[u8]| config.get_bool(key).unwrap_or(false);
        let if_includes = wish
            .force_if_includes
            .unwrap_or_else(|| flag(b"push.useforceifincludes"));
        Ok(Prepared {
            sources: sources(task, repo, &locals, &specs).await?,
            shallow: task.race(repo.meta.shallow()).await?.at(Stage::Request)?,
            rules: Rules {
                force: wish.force || mirror,
                leases: wish.leases.clone(),
                lease_all: wish.lease_all,
                if_includes: leases && if_includes,
                fetch: remote.fetch.clone(),
            },
            mode: Mode { all: wish.all, mirror },
            follow_tags: wish.follow_tags.unwrap_or_else(|| flag(b"push.followtags")),
            prune: wish.prune,
            atomic: wish.atomic,
            set_upstream: wish.set_upstream || set_upstream,
            specs,
            locals,
        })
    }

    /// The tags here of which it is known what they lead to.
    pub(in crate::ops::push) fn known_tags(&self) -> &KnownTags {
        &self.locals.tags
    }

    /// The branch that is to follow a ref of the remote once `planned` is done, in full
    /// (`set_upstreams` of git's transport.c): where both are branches, and upstreams are to be set.
    pub fn follower<'a>(&'a self, planned: &'a Planned) -> Option<&'a [u8]> {
        if !self.set_upstream || planned.new.is_none() || !planned.name.starts_with(HEADS) {
            return None;
        }
        let source = planned.source.as_deref()?;
        // What is symbolic stands for another, mostly `HEAD` for a branch.
        let (_, end) = self.locals.resolve(source)?;
        [end, source].into_iter().find(|name| name.starts_with(HEADS))
    }

    /// Decides what becomes of the remote's refs, by what they are now. Fails where a name means
    /// nothing, or too much, among them, and with `CapabilityMissing` if the server is to do all or
    /// nothing and cannot.
    pub async fn plan(&self, task: &Task, repo: &Repository, refs: &RemoteRefs, server: Server) -> Outcome<Plan> {
        let matching = self.matched(task, repo, refs).await?;
        if self.atomic && !server.atomic && !matching.refs.is_empty() {
            return Err(refused::no_atomic());
        }
        let changes = matching.refs.into_iter().filter_map(|mut matched| {
            let left_alone = self.mode.mirror.then_some(Source::DELETE);
            let source = matched.source.take().or(left_alone)?;
            Some((matched, source))
        });
        let changes: Vec<_> = changes.collect();
        let judge = Judge::new(task, repo, &self.shallow, &self.locals, &self.rules, &changes).await?;
        let mut plan = Plan {
            refs: Vec::with_capacity(changes.len()),
            atomic: self.atomic,
        };
        for (matched, source) in changes {
            task.checkpoint().await?;
            let mut planned = judge.judge(matched, source).await?;
            if planned.new.is_none() && !server.deletes {
                planned.verdict = Verdict::Rejected(Reason::DeletionsUnsupported);
            }
            plan.refs.push(planned);
        }
        if self.atomic && !plan.is_ok() {
            for planned in plan.refs.iter_mut().filter(|planned| planned.verdict == Verdict::Send) {
                planned.verdict = Verdict::Rejected(Reason::Atomic);
            }
        }
        Ok(plan)
    }

    async fn matched(&self, task: &Task, repo: &Repository, refs: &RemoteRefs) -> Outcome<Matching> {
        // `HEAD` is no ref that is pushed to; receive-pack does not show it.
        let there = refs.iter().filter(|found| found.name.is_in_refs());
        let mut matching = Matching::new(there.map(|found| (found.name.as_bytes().to_vec(), found.oid)));
        let mut problems = Vec::new();
        for (place, source) in &self.sources {
            if let Some(spec) = self.specs.get(*place)
                && let Err(problem) = matching.explicit(&self.locals, spec, source)
            {
                problems.push(problem);
            }
        }
        refused::problems(&problems)?;
        matching.patterns(&self.locals, &self.specs, self.mode);
        if self.follow_tags {
            followed::add(task, &repo.odb, &self.shallow, &self.locals, &mut matching).await?;
        }
        if self.prune {
            matching.prune(&self.locals, &self.specs, self.mode);
        }
        matching.exclude(&self.specs);
        Ok(matching)
    }
}

/// What the refspecs without a pattern push (`match_explicit_lhs`).
async fn sources(
    task: &Task,
    repo: &Repository,
    locals: &Locals,
    specs: &[RefSpec],
) -> Outcome<SortedMap<usize, Source>> {
    let mut sources = SortedMap::new();
    let mut problems = Vec::new();
    for (place, spec) in specs.iter().enumerate() {
        if spec.is_pattern() || spec.is_matching() || spec.is_negative() {
            continue;
        }
        let given = spec.source();
        let named = match meaning(given, |name| locals.head(name).is_some()) {
            Meaning::Several => {
                problems.push(Problem::Sources(given.to_vec()));
                continue;
            }
            Meaning::One(name) => locals.head(&name).map(|oid| Source::of(&name, oid)),
            Meaning::Nothing if given.is_empty() => Some(Source::DELETE),
            Meaning::Nothing => expression(task, repo, given).await?,
        };
        match named {
            Some(source) => drop(sources.insert(place, source)),
            None => problems.push(Problem::NoSource(given.to_vec())),
        }
    }
    refused::problems(&problems)?;
    Ok(sources)
}

/// The object that an expression names, which has to be here; `None` where it names none.
async fn expression(task: &Task, repo: &Repository, given: &[u8]) -> Outcome<Option<Source>> {
    match resolve(task, repo, given).await {
        Ok(oid) => {
            object::look(task, repo, &oid).await?;
            Ok(Some(Source::of(given, oid)))
        }
        Err(Failure::Error(error)) if matches!(error.code, Code::RefNotFound | Code::NotFound | Code::InvalidRef) => {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

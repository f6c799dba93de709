//! Clone: git-clone(1) with `--no-checkout`, or `--mirror`.
//!
//! Read `attempt` for the order of things. Nothing of a clone exists for others until the one
//! transaction at its end; a clone that does not get there removes what it wrote, and if its tab
//! dies first, the next use of the catalogue does.

mod plan;

use std::rc::Rc;

use self::plan::{Head, Plan, PlannedRef, plan};
use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::{Config, ConfigError};
use crate::format::filter::Filter;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::Limits;
use crate::format::refname::conflict;
pub use crate::format::remotes::TagMode;
use crate::host::Host;
use crate::ops::connectivity::{self, Claim, Promised};
use crate::ops::fault::{self, At};
use crate::ops::promisor;
use crate::ops::receive::{Intake, Received, receive};
use crate::ops::reflog::{self, Who};
use crate::ops::remote::{self, Deepen, FetchRequest, Known, Remote, Service};
use crate::ops::repository::{Repository, create};
use crate::protocol::fetch::Offer;
use crate::protocol::smart_http::Discovery;
use crate::protocol::url::RemoteUrl;
use crate::sorted::SortedSet;
use crate::store::catalog::Reservation;
use crate::store::meta::Stats;
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::{Event, Task};

/// How to clone.
#[derive(Clone)]
pub struct Options {
    /// So many commits from each tip, at least 1.
    pub depth: Option<u32>,
    /// Only commits after this time, in seconds since 1970.
    pub since: Option<u64>,
    /// Only commits that these branches or tags of the remote do not reach.
    pub exclude: Vec<String>,
    /// The branch, tag or commit id that `HEAD` gets; `None`: the remote's choice.
    pub reference: Option<String>,
    /// Only that branch; `None`: if the clone is shallow.
    pub single_branch: Option<bool>,
    /// Which tags.
    pub tags: TagMode,
    /// The remote's name here.
    pub remote_name: String,
    /// Every ref under its own name.
    pub mirror: bool,
    /// Objects to do without for now (`blob:none`, `tree:0`): they are fetched when they are read.
    pub filter: Option<String>,
    /// The branch `HEAD` stands for if the remote has none to say.
    pub default_branch: String,
    /// What the pack may ask of us.
    pub limits: Limits,
    /// How to talk to the remote.
    pub remote: remote::Options,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            depth: None,
            since: None,
            exclude: Vec::new(),
            reference: None,
            single_branch: None,
            tags: TagMode::default(),
            remote_name: "origin".to_owned(),
            mirror: false,
            filter: None,
            default_branch: "main".to_owned(),
            limits: Limits::default(),
            remote: remote::Options::default(),
        }
    }
}

impl Options {
    fn shallow(&self) -> bool {
        self.depth.is_some() || self.since.is_some() || !self.exclude.is_empty()
    }

    fn single_branch(&self) -> bool {
        !self.mirror && self.single_branch.unwrap_or(self.shallow())
    }

    fn deepen(&self) -> Deepen {
        match self.depth {
            Some(depth) => Deepen::Depth(depth),
            None if self.shallow() => Deepen::Cut {
                since: self.since,
                not: self.exclude.iter().map(|name| name.as_bytes().to_vec()).collect(),
            },
            None => Deepen::No,
        }
    }

    fn filter(&self) -> Outcome<Option<Filter>> {
        let parsed = self.filter.as_deref().map(Filter::parse).transpose();
        parsed.map_err(|error| fault::filter(&error).into())
    }

    fn check(&self) -> Outcome<()> {
        self.filter()?;
        let refuse = |message: &str| Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
        if self.depth.is_some_and(|depth| depth == 0 || depth > MAX_DEPTH) {
            return refuse("depth must be a whole number from 1 to 2147483646");
        }
        if self.depth.is_some() && (self.since.is_some() || !self.exclude.is_empty()) {
            return refuse("depth cannot be combined with since or exclude");
        }
        if self.mirror && (self.single_branch == Some(true) || self.reference.is_some()) {
            return refuse("mirror cannot be combined with singleBranch or ref");
        }
        if !valid_ref(&[b"refs/remotes/", self.remote_name.as_bytes(), b"/x"].concat()) {
            let message = format!(
                "{} cannot be the name of a remote",
                fault::quoted(self.remote_name.as_bytes())
            );
            return Err(GitError::new(Code::InvalidRef, Stage::Request, message).into());
        }
        Ok(())
    }
}

/// 2147483647 is git's word for "everything" (INFINITE_DEPTH of fetch-pack.c).
const MAX_DEPTH: u32 = 2_147_483_646;

fn valid_ref(name: &[u8]) -> bool {
    crate::format::refname::RefName::new(name).is_ok()
}

/// Clones `url` as `name`. Fails with `AlreadyExists` before anything is sent if the name is taken.
/// A login in the URL is used and not stored.
pub async fn clone(host: &Host, task: &Task, url: &str, name: &str, options: &Options) -> Outcome<Repository> {
    options.check()?;
    let url = RemoteUrl::parse(url).map_err(|error| remote::url_error(&error))?;
    let filled = create(host, task, name, async |reservation| {
        fill(host, task, &url, reservation, options).await
    });
    let (repository, known) = filled.await?;
    match known {
        Some(known) => repository.promisor.know(known),
        None => return Ok(repository),
    }
    Ok(repository.with_remote(options.remote.clone()))
}

/// Everything between taking a name and having a repository. If a ref moved on the server after
/// it was listed, the list is asked for anew, once ("not our ref"; git's t5703).
async fn fill(
    host: &Host,
    task: &Task,
    url: &RemoteUrl,
    reservation: &Reservation,
    options: &Options,
) -> Outcome<Option<Known>> {
    match attempt(host, task, url, reservation, options).await {
        Err(failure) if failure.error().is_some_and(|error| error.code == Code::StaleRefs) => {
            attempt(host, task, url, reservation, options).await
        }
        outcome => outcome,
    }
}

/// The steps of a clone. Answers what is known of the remote by now, if reads will have to ask it.
async fn attempt(
    host: &Host,
    task: &Task,
    url: &RemoteUrl,
    reservation: &Reservation,
    options: &Options,
) -> Outcome<Option<Known>> {
    let filter = options.filter()?;
    let how = remote::Options {
        wants_v2: options.remote.wants_v2 || filter.is_some(),
        ..options.remote.clone()
    };
    let mut session = Remote::connect(host, task, url, Service::UploadPack, &how).await?;
    let refs = session.ls_refs(&prefixes(options)).await?;
    for ignored in refs.ignored() {
        task.tell(Event::Warning(format!(
            "the remote's ref {ignored} has a name that git refuses; it is left out"
        )));
    }
    let mut plan = plan(&refs, options)?;
    for warning in &plan.warnings {
        task.tell(Event::Warning(warning.clone()));
    }
    let wants = plan.unique_wants();
    let log = Log {
        who: reflog::who(host, &Config::default()),
        message: format!("clone: from {url}"),
    };
    let mut publication = Publication::new(&reservation.writer);
    publication.create();
    let mut stats = Stats {
        last_fetched: Some(host.clock.unix_seconds()),
        ..Stats::default()
    };
    if wants.is_empty() {
        write_refs(&mut publication, task, &plan, None, &log).await?;
    } else {
        let (want_refs, nameless) = plan.wants_by_name();
        let (want_refs, wants) = match session.takes_want_refs(want_refs.len()) {
            true => (want_refs, nameless),
            false => (Vec::new(), wants),
        };
        let request = FetchRequest {
            want_refs,
            deepen: options.deepen(),
            include_tag: options.tags == TagMode::Follow,
            filter: filter.as_ref().map(|filter| filter.spec().to_owned()),
            ..FetchRequest::clone_of(wants)
        };
        let single_objects = Offer::of(session.discovery()).any_want;
        // A shallow repository tells its own boundary at discovery (versions 0 and 1) or before the pack.
        let mut told = match session.discovery() {
            Discovery::V0(advertisement) => advertisement.shallow.clone(),
            Discovery::V2(_) => Vec::new(),
        };
        let mut source = session.fetch(request, None).await?;
        let intake = Intake {
            seed: host.seed().at(Stage::Request)?,
            limits: options.limits,
            base: None,
            missing: None,
            // Git's clone keeps its pack, however small.
            unpack_below: 0,
            // As git does, also if the server sends everything: fetches will ask for the filter again.
            promisor: filter.is_some(),
            threads: &*host.threads,
        };
        let received = receive(task, &reservation.writer, &mut source, &intake).await?;
        told.extend_from_slice(&source.shallow().shallow);
        plan.settle(source.wanted_refs());
        let filtered = filter.as_ref().filter(|_| source.filters());
        if filter.is_some() {
            warn(task, filtered.is_some(), single_objects);
        }
        let promised = filtered.map(Promised::of).unwrap_or_default();
        let shallow = check(task, &plan, &received, &told, promised).await?;
        write_refs(&mut publication, task, &plan, Some(&received), &log).await?;
        publication.shallow(shallow);
        stats.objects = received.objects();
        stats.bytes = received.bytes();
        stats.packs = received.packs();
        received.publish(&mut publication);
    }
    let config = configuration(&session.url(), &plan, options, filter.as_ref()).map_err(|error| {
        GitError::new(
            Code::Internal,
            Stage::Update,
            format!("the configuration cannot be written: {error}"),
        )
    })?;
    publication.config(config.as_bytes().to_vec());
    publication.url(session.url());
    publication.stats(stats);
    task.shield()?;
    publication.commit().await.at(Stage::Update)?;
    Ok(filter.is_some().then(|| session.known()))
}

/// What git says of a server without object filters.
pub(crate) const NO_FILTERS: &str = "the server does not support object filters; everything is fetched";

/// Tells of a server that cannot do its part in a partial clone.
fn warn(task: &Task, filters: bool, single_objects: bool) {
    if !filters {
        task.tell(Event::Warning(NO_FILTERS.to_owned()));
    } else if !single_objects {
        task.tell(Event::Warning(
            "the server speaks an older version of the protocol and gives out no single objects: what the filter left \
             out cannot be read"
                .to_owned(),
        ));
    }
}

/// The refs worth listing; the answer is filtered again by the plan (gitprotocol-v2(5), "ls-refs").
fn prefixes(options: &Options) -> Vec<Vec<u8>> {
    let all: &[&[u8]] = if options.mirror {
        &[b"HEAD", b"refs/"]
    } else {
        &[b"HEAD", b"refs/heads/", b"refs/tags/"]
    };
    all.iter().map(|prefix| prefix.to_vec()).collect()
}

/// Holds what came against what was asked for: every ref has its object, every object named is
/// there, or lies behind a boundary the server told, or is promised and no ref's own object. Answers
/// the boundary.
async fn check(
    task: &Task,
    plan: &Plan,
    received: &Received,
    told: &[ObjectId],
    promised: Promised,
) -> Outcome<Vec<ObjectId>> {
    let links = &received.noted.links;
    // A server may name boundaries of histories that were not asked for (its own, over the older
    // protocol); only commits that came can be ours.
    let mut shallow: Vec<ObjectId> = told
        .iter()
        .filter(|oid| links.kind(oid) == Some(Kind::Commit))
        .copied()
        .collect();
    shallow.sort_unstable();
    shallow.dedup();
    let claim = Claim {
        links,
        odb: None,
        shallow: &shallow,
        unshallow: &[],
        tips: &plan.unique_wants(),
        promised,
    };
    connectivity::check(task, &claim).await?;
    for planned in plan.refs.iter().filter(|planned| planned.branch) {
        task.checkpoint().await?;
        let kind = links.kind(&planned.oid);
        if kind != Some(Kind::Commit) {
            let shown = String::from_utf8_lossy(&planned.name).into_owned();
            let found = kind.map_or("nothing", Kind::name);
            let message = format!(
                "the remote's branch {shown} is at {}, a {found}, not a commit",
                planned.oid
            );
            return Err(GitError::new(Code::Protocol, Stage::Unpack, message)
                .with("ref", Datum::Text(shown))
                .into());
        }
    }
    Ok(shallow)
}

/// What the reflogs say of a clone.
struct Log {
    who: Rc<Who>,
    message: String,
}

/// As git, logs of all refs only the branch that `HEAD` is on, `HEAD`, and the remote's `HEAD`.
async fn write_refs(
    publication: &mut Publication<'_>,
    task: &Task,
    plan: &Plan,
    received: Option<&Received>,
    log: &Log,
) -> Outcome<()> {
    let peel = |oid: &ObjectId| received.and_then(|received| received.noted.tags.peel(oid));
    let here = |oid: &ObjectId| received.is_some_and(|received| received.noted.links.kind(oid).is_some());
    let set = |name: &[u8], new: Target, peeled: Option<ObjectId>| RefUpdate {
        name: name.to_vec(),
        expect: Some(None),
        new: Some(new),
        peeled,
    };
    let mut written = SortedSet::new();
    for PlannedRef {
        name, oid, if_present, ..
    } in &plan.refs
    {
        task.checkpoint().await?;
        if *if_present && !here(oid) {
            continue;
        }
        let same = written.get(name).map(Vec::as_slice);
        if let Some(other) = same.or_else(|| conflict(&written, name)) {
            let (name, other) = (String::from_utf8_lossy(name), String::from_utf8_lossy(other));
            task.tell(Event::Warning(format!(
                "{name} cannot exist beside {other}; it is left out"
            )));
            continue;
        }
        written.insert(name.clone());
        let update = set(name, Target::Direct(*oid), peel(oid));
        if matches!(&plan.head, Head::Branch(branch) if branch == name) {
            publication.update_logged(update, &log.who, log.message.as_str());
        } else {
            publication.update(update);
        }
    }
    if let Some((name, target)) = &plan.remote_head
        && written.contains(target)
        && !written.contains(name)
    {
        let update = set(name, Target::Symbolic(target.clone()), None);
        publication.update_logged(update, &log.who, log.message.as_str());
    }
    match &plan.head {
        Head::Branch(name) => {
            publication.update(set(b"HEAD", Target::Symbolic(name.clone()), None));
        }
        Head::Detached(oid, _) => {
            let commit = peel(oid).unwrap_or(*oid);
            if received.and_then(|received| received.noted.links.kind(&commit)) != Some(Kind::Commit) {
                let message = format!("HEAD would be {commit}, which is not a commit");
                return Err(GitError::new(Code::RefNotFound, Stage::Update, message).into());
            }
            let update = set(b"HEAD", Target::Direct(commit), None);
            publication.update_logged(update, &log.who, log.message.as_str());
        }
    }
    Ok(())
}

/// What `git clone` writes to `.git/config`.
fn configuration(url: &str, plan: &Plan, options: &Options, filter: Option<&Filter>) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let bare = if options.mirror { "true" } else { "false" };
    config.set(b"core.repositoryformatversion", b"0")?;
    config.set(b"core.bare", bare.as_bytes())?;
    let remote = |key: &str| format!("remote.{}.{key}", options.remote_name).into_bytes();
    config.set(&remote("url"), url.as_bytes())?;
    config.set(&remote("fetch"), &plan.refspec)?;
    match options.tags {
        TagMode::None => config.set(&remote("tagOpt"), b"--no-tags")?,
        TagMode::All => config.set(&remote("tagOpt"), b"--tags")?,
        TagMode::Follow => {}
    }
    if let Some(filter) = filter {
        promisor::register(&mut config, options.remote_name.as_bytes(), filter)?;
    }
    if options.mirror {
        config.set(&remote("mirror"), b"true")?;
    } else if let Head::Branch(name) = &plan.head
        && let Some(short) = name.strip_prefix(b"refs/heads/")
    {
        let branch = |key: &[u8]| [b"branch.", short, b".", key].concat();
        config.set(&branch(b"remote"), options.remote_name.as_bytes())?;
        config.set(&branch(b"merge"), name)?;
    }
    Ok(config)
}

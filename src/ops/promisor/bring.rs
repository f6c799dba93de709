//! The request for single objects, as git makes it (`fetch_objects` in promisor-remote.c): no refs are
//! listed, nothing is negotiated, no tags; the filter `blob:none`, so that a tree brings the trees
//! below it and no files.

use super::not_stored;
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::filter::Filter;
use crate::format::oid::ObjectId;
use crate::format::pack::Limits;
use crate::format::remotes as configured;
use crate::ops::fault::{self, At};
use crate::ops::receive::{Intake, Received, receive};
use crate::ops::remote::{self, FetchRequest, Options, Remote, Service, Session};
use crate::ops::remotes::{RemoteConfig, remote_config};
use crate::ops::repository::Repository;
use crate::protocol::fetch::Offer;
use crate::protocol::url::RemoteUrl;
use crate::sorted::{SortedMap, SortedSet, order};
use crate::store::publish::{Publication, Writer};
use crate::task::Task;

/// How many objects a remote may refuse by name, one request each, before the rest counts as refused.
const MOST_REFUSALS: usize = 8;

/// What a request brought.
#[derive(Default)]
pub(crate) struct Brought {
    /// Objects that came.
    pub(crate) objects: u64,
    /// Bytes of the packs.
    pub(crate) bytes: u64,
    /// Why the others did not come: `PromisedMissing`, each.
    pub(crate) refused: SortedMap<ObjectId, GitError>,
}

/// The promisor remotes in the order in which git asks them: as the configuration names them, that of
/// `extensions.partialClone` last (`promisor_remote_init`).
pub(crate) async fn remotes(repo: &Repository) -> Outcome<Vec<RemoteConfig>> {
    let text = repo.meta.config().await.at(Stage::Read)?;
    let config = Config::parse(&text).map_err(|error| {
        let message = format!("the stored configuration cannot be read: {error}");
        GitError::new(Code::Corrupt, Stage::Read, message)
    })?;
    let last = config.get(b"extensions.partialclone");
    let mut names = configured::names(&config);
    order::sort_by_key(&mut names, |name| Some(name.as_slice()) == last);
    let remotes = names.iter().map(|name| remote_config(&config, name));
    Ok(remotes.flatten().filter(|remote| remote.promisor).collect())
}

/// Fetches those of the objects that are not stored, in one request to each promisor remote that is
/// needed, and publishes them. What a remote refuses, or sends nothing of, is no failure of the call:
/// see [`Brought::refused`].
pub(crate) async fn bring(
    task: &Task,
    repo: &Repository,
    writer: &Writer,
    options: &Options,
    oids: &[ObjectId],
) -> Outcome<Brought> {
    // Another tab may have fetched them while the writer was waited for.
    let infos = task.race(repo.odb.info(oids)).await?.at(Stage::Read)?;
    let absent = oids.iter().zip(infos).filter(|(_, info)| info.is_none());
    let mut left: SortedSet<ObjectId> = absent.map(|(oid, _)| *oid).collect();
    let mut brought = Brought::default();
    let remotes = remotes(repo).await?;
    if let (Some(oid), true) = (left.first(), remotes.is_empty()) {
        return Err(not_stored(oid));
    }
    for remote in remotes {
        if left.is_empty() {
            break;
        }
        let name = String::from_utf8_lossy(&remote.name).into_owned();
        let asking = Asking {
            task,
            repo,
            writer,
            options,
            remote: &remote,
        };
        let mut refused = SortedMap::new();
        if let Err(cause) = asking.ask(&mut left, &mut refused, &mut brought).await {
            let cause = theirs(cause)?;
            refused.extend(left.iter().map(|oid| (*oid, cause.clone())));
        }
        for (oid, cause) in refused.iter().filter(|(oid, _)| left.contains(oid)) {
            let error = fault::promised_missing(oid, &name, cause);
            brought.refused.insert(*oid, error);
        }
    }
    brought.refused.retain(|oid, _| left.contains(oid));
    Ok(brought)
}

/// A failure that is the remote's, or the way's to it; what is ours ends the call.
fn theirs(failure: Failure) -> Outcome<GitError> {
    match failure {
        Failure::Error(error) if !is_ours(error.code) => Ok(*error),
        failure => Err(failure),
    }
}

fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unsupported
            | Code::Busy
            | Code::RefConflict
            | Code::Corrupt
            | Code::Quota
            | Code::StorageGone
            | Code::StorageCorrupt
            | Code::StorageUnavailable
            | Code::NewerSchema
            | Code::LimitExceeded
            | Code::Internal
    )
}

/// Whether a server that answers so may be another one than it was at discovery: upgraded, moved,
/// or replaced.
fn is_stale(code: Code) -> bool {
    matches!(
        code,
        Code::RedirectBlocked
            | Code::PostBecameGet
            | Code::RemoteNotFound
            | Code::NotGitHtml
            | Code::ContentType
            | Code::DumbServer
            | Code::EmptyResponse
            | Code::HttpStatus
            | Code::Protocol
            | Code::CapabilityMissing
            | Code::RemoteError
            | Code::CorsPreflight
    )
}

struct Asking<'a> {
    task: &'a Task,
    repo: &'a Repository,
    writer: &'a Writer,
    options: &'a Options,
    remote: &'a RemoteConfig,
}

impl Asking<'_> {
    /// Asks the remote for what is `left`, takes off what came, and says of what it would not give why.
    async fn ask(
        &self,
        left: &mut SortedSet<ObjectId>,
        refused: &mut SortedMap<ObjectId, GitError>,
        brought: &mut Brought,
    ) -> Outcome<()> {
        let url = self.remote.urls.first().map(String::as_str).unwrap_or_default();
        let url = RemoteUrl::parse(url).map_err(|error| remote::url_error(&error))?;
        let options = Options {
            // Older versions give out no object that is not the tip of a ref, unless told to.
            wants_v2: true,
            ..self.options.clone()
        };
        let known = self.repo.promisor.known.borrow().clone();
        let resumed = match &known {
            Some(known) => {
                let host = &self.repo.host;
                Remote::resume(host, self.task, &url, Service::UploadPack, &options, known)?
            }
            None => None,
        };
        let mut fresh = resumed.is_none();
        let mut session = match resumed {
            Some(session) => session,
            None => self.connect(&url, &options).await?,
        };
        let mut wants = left.clone();
        while !wants.is_empty() {
            let error = match self.receive(&mut session, &wants).await {
                Ok(received) => {
                    self.repo.promisor.know(session.known());
                    let links = &received.noted.links;
                    let came = |oid: &ObjectId| links.kind(oid).is_some();
                    left.retain(|oid| !(wants.contains(oid) && came(oid)));
                    for oid in wants.iter().filter(|oid| !came(oid)) {
                        refused.insert(*oid, not_sent(&session.url(), oid));
                    }
                    return self.publish(received, brought).await;
                }
                Err(Failure::Error(error)) => *error,
                Err(cancelled) => return Err(cancelled),
            };
            if let Some(oid) = named(&error, &wants).filter(|_| refused.len() < MOST_REFUSALS) {
                // A server stops at the first object that it does not have; the others are asked for
                // without it.
                wants.remove(&oid);
                refused.insert(oid, error);
                continue;
            }
            self.repo.promisor.known.take();
            if fresh || !is_stale(error.code) {
                return Err(error.into());
            }
            fresh = true;
            session = self.connect(&url, &options).await?;
        }
        self.repo.promisor.know(session.known());
        Ok(())
    }

    async fn connect(&self, url: &RemoteUrl, options: &Options) -> Outcome<Session> {
        Remote::connect(&self.repo.host, self.task, url, Service::UploadPack, options).await
    }

    async fn receive(&self, session: &mut Session, wants: &SortedSet<ObjectId>) -> Outcome<Received> {
        let offer = Offer::of(session.discovery());
        if !offer.any_want {
            return Err(no_single_objects(&session.url()).into());
        }
        let shallow = match offer.shallow {
            true => self.repo.meta.shallow().await.at(Stage::Read)?,
            false => Vec::new(),
        };
        let request = FetchRequest {
            wants: wants.iter().copied().collect(),
            shallow,
            filter: Some(Filter::blob_none().spec().to_owned()),
            no_progress: true,
            ..FetchRequest::default()
        };
        let mut source = session.fetch(request, None).await?;
        let intake = Intake {
            seed: self.repo.host.seed().at(Stage::Request)?,
            limits: Limits::default(),
            base: None,
            missing: None,
            unpack_below: 0,
            promisor: true,
            threads: &*self.repo.host.threads,
        };
        receive(self.task, self.writer, &mut source, &intake).await
    }

    async fn publish(&self, received: Received, brought: &mut Brought) -> Outcome<()> {
        let repo = self.repo;
        if received.packs() == 0 {
            return Ok(());
        }
        let mut stats = repo.meta.stats().await.at(Stage::Read)?;
        stats.objects += received.objects();
        stats.bytes += received.bytes();
        stats.packs += received.packs();
        brought.objects += received.objects();
        brought.bytes += received.bytes();
        let mut publication = Publication::new(self.writer);
        publication.stats(stats);
        received.publish(&mut publication);
        self.task.check()?;
        publication.commit().await.at(Stage::Update)?;
        repo.odb.refresh().await.at(Stage::Read)
    }
}

/// The object that the server names in its refusal, if it is one of those that were asked for:
/// "not our ref" and "unadvertised object" of git's upload-pack.c.
fn named(error: &GitError, wants: &SortedSet<ObjectId>) -> Option<ObjectId> {
    let text = error.remote_text.as_deref()?;
    let words = text.split(|character: char| !character.is_ascii_hexdigit());
    let mut oids = words.filter_map(|word| word.parse::<ObjectId>().ok());
    oids.find(|oid| wants.contains(oid))
}

fn no_single_objects(url: &str) -> GitError {
    let message = format!("{url} speaks an older version of the protocol and gives out no single objects");
    GitError::new(Code::CapabilityMissing, Stage::Negotiate, message)
        .with_url(url)
        .with("capability", Datum::Text("allow-reachable-sha1-in-want".to_owned()))
        .with_hint(
            "the server needs version 2 of the protocol, or uploadpack.allowAnySHA1InWant; across origins its CORS \
             rules must allow the header Git-Protocol; else clone it without a filter",
        )
}

fn not_sent(url: &str, oid: &ObjectId) -> GitError {
    let message = format!("{url} was asked for {oid} and did not send it");
    GitError::new(Code::NotConnected, Stage::Unpack, message).with_url(url)
}

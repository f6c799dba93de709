//! Brings what is missing: tells the server what is here, receives its pack, and holds it against
//! what was asked for (`fetch_pack` of git's fetch-pack.c, `check_connected`). What is received is
//! stored and not visible yet.

use std::collections::HashSet;

use super::Options;
use super::map::Mapped;
use crate::algo::negotiate::Algorithm;
use crate::error::{Code, Outcome, Stage};
use crate::format::filter::Filter;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::host::Async;
use crate::ops::Repository;
use crate::ops::clone::NO_FILTERS;
use crate::ops::connectivity::{self, Claim, Promised};
use crate::ops::fault::At;
use crate::ops::history::KnownTags;
use crate::ops::negotiate::{self, Haves};
use crate::ops::promisor::{self, bring};
use crate::ops::receive::{FetchMissing, Intake, Received, receive};
use crate::ops::remote::{Acks, Deepen, FetchRequest, Negotiator, Session, ShallowInfo};
use crate::protocol::smart_http::Discovery;
use crate::sorted::{SortedMap, SortedSet};
use crate::store::publish::Writer;
use crate::task::{Event, Task};

/// What one transfer asks for.
pub(super) struct Ask<'a> {
    /// The refs, of which what is here already is left out.
    pub(super) mapped: &'a [Mapped],
    /// What the local refs point to, in the order of their names.
    pub(super) local_tips: &'a [ObjectId],
    /// What the remote's refs point to, likewise.
    pub(super) remote_tips: &'a [ObjectId],
    /// The local tags of which it is known what they lead to.
    pub(super) known_tags: &'a KnownTags,
    /// How much history.
    pub(super) deepen: Deepen,
    /// Annotated tags of what is sent are to be sent too.
    pub(super) include_tag: bool,
    /// The object filter.
    pub(super) filter: Option<&'a Filter>,
    /// The remote is a promisor.
    pub(super) promisor: bool,
    /// How to find out what both have.
    pub(super) algorithm: Algorithm,
    /// Packs of fewer objects are unpacked.
    pub(super) unpack_below: u32,
}

/// What came.
#[derive(Default)]
pub(super) struct Transferred {
    pub(super) received: Option<Received>,
    /// The boundary as it is from now on.
    pub(super) shallow: Vec<ObjectId>,
    /// What the refs that were asked for by name point to: they may have moved since they were listed.
    pub(super) settled: SortedMap<Vec<u8>, ObjectId>,
    /// Refs of the remote that cannot be had, because that needs a new boundary.
    pub(super) refused: SortedSet<Vec<u8>>,
    /// Bytes of the server's answers.
    pub(super) bytes: u64,
    /// Requests of the negotiation, the one that was answered with the pack included.
    pub(super) rounds: u64,
}

/// Everything a transfer works with.
pub(super) struct Transfer<'a> {
    pub(super) task: &'a Task,
    pub(super) repo: &'a Repository,
    pub(super) writer: &'a Writer,
    pub(super) options: &'a Options,
}

impl Transfer<'_> {
    /// Fetches what `ask` names and is not here.
    pub(super) async fn run(&self, session: &mut Session, ask: &Ask<'_>) -> Outcome<Transferred> {
        let boundary = self.repo.meta.shallow().await.at(Stage::Negotiate)?;
        let mut refused: SortedSet<Vec<u8>> = SortedSet::new();
        loop {
            let left: Vec<&Mapped> = ask
                .mapped
                .iter()
                .filter(|found| !refused.contains(&found.remote))
                .collect();
            let mut transferred = self.once(session, ask, &left, &boundary).await?;
            if transferred.refused.is_empty() {
                transferred.refused = refused;
                return Ok(transferred);
            }
            // What was refused would be stored without its history: the rest is asked for alone.
            refused.extend(transferred.refused);
            self.writer.sweep().await.at(Stage::Unpack)?;
        }
    }

    async fn once(
        &self,
        session: &mut Session,
        ask: &Ask<'_>,
        mapped: &[&Mapped],
        boundary: &[ObjectId],
    ) -> Outcome<Transferred> {
        let nothing = Transferred {
            shallow: boundary.to_vec(),
            ..Transferred::default()
        };
        let deepens = ask.deepen != Deepen::No;
        let wanted = self.wanted(mapped, deepens).await?;
        if wanted.is_empty() {
            return Ok(nothing);
        }
        let haves = negotiate::Options {
            algorithm: ask.algorithm,
            shallow: boundary,
            local_tips: ask.local_tips,
            remote_tips: ask.remote_tips,
            deepen: deepens,
            tips: None,
            known: Some(ask.known_tags),
        };
        let mut haves = Haves::prepare(self.task, &self.repo.odb, haves).await?;
        let lacks = |found: &&&Mapped| self.options.refetch || !haves.is_complete(&found.oid);
        let wanted: Vec<&Mapped> = wanted.iter().filter(lacks).copied().collect();
        if wanted.is_empty() {
            return Ok(nothing);
        }
        let v0_roots = match session.discovery() {
            Discovery::V0(advertisement) => advertisement.shallow.clone(),
            Discovery::V2(_) => Vec::new(),
        };
        // A ref is asked for by its name where the server allows it: then it cannot move in between.
        let (named, nameless): (Vec<&Mapped>, Vec<&Mapped>) = wanted.iter().partition(|found| found.has_name());
        let want_refs: SortedSet<&[u8]> = named.iter().map(|found| found.remote.as_slice()).collect();
        let (want_refs, wants) = match session.takes_want_refs(want_refs.len()) {
            true => (want_refs, unique(&nameless)),
            false => (SortedSet::new(), unique(&wanted)),
        };
        let request = FetchRequest {
            want_refs: want_refs.into_iter().map(<[u8]>::to_vec).collect(),
            wants,
            shallow: boundary.to_vec(),
            deepen: ask.deepen.clone(),
            filter: ask.filter.map(|filter| filter.spec().to_owned()),
            thin_pack: true,
            include_tag: ask.include_tag,
            ..FetchRequest::default()
        };
        let mut counted = Counted {
            inner: &mut haves,
            rounds: 0,
        };
        let mut source = session.fetch(request, Some(&mut counted)).await?;
        let rounds = counted.rounds.max(1);
        if ask.filter.is_some() && !source.filters() {
            self.task.tell(Event::Warning(NO_FILTERS.to_owned()));
        }
        // Who filters for us has to keep what is left out.
        let promisor = ask.promisor || source.filters();
        let is_partial = promisor || !promisor::remotes(self.repo).await?.is_empty();
        let lazy = Lazy(self);
        let intake = Intake {
            seed: self.repo.host.seed().at(Stage::Negotiate)?,
            limits: self.options.limits,
            base: Some(&self.repo.odb),
            missing: is_partial.then_some(&lazy),
            unpack_below: ask.unpack_below,
            promisor,
            threads: &*self.repo.host.threads,
        };
        let received = receive(self.task, self.writer, &mut source, &intake).await?;
        let told = source.shallow().clone();
        let bytes = source.received();
        let settled: SortedMap<Vec<u8>, ObjectId> = source.wanted_refs().iter().cloned().collect();
        let tip = |found: &&Mapped| *settled.get(&found.remote).unwrap_or(&found.oid);
        let tips: SortedSet<ObjectId> = wanted.iter().map(tip).collect();
        let tips: Vec<ObjectId> = tips.into_iter().collect();
        let promised = match is_partial {
            true => Promised::by(ask.filter),
            false => Promised::Nothing,
        };
        let mut boundary = Boundary::new(boundary);
        let mut refused = SortedSet::new();
        if deepens {
            boundary.deepen(self, &received, &told).await?;
        } else {
            let roots: Vec<ObjectId> = v0_roots.iter().chain(&told.shallow).copied().collect();
            let beyond = boundary.roots(self, &received, &roots, &tips).await?;
            let refuse = wanted.iter().filter(|found| beyond.contains(&tip(found)));
            refused.extend(refuse.map(|found| found.remote.clone()));
        }
        if refused.is_empty() {
            let claim = Claim {
                links: &received.noted.links,
                odb: Some(&self.repo.odb),
                shallow: &boundary.oids(),
                unshallow: &told.unshallow,
                tips: &tips,
                promised,
            };
            connectivity::check(self.task, &claim).await?;
        }
        Ok(Transferred {
            received: Some(received),
            shallow: boundary.oids(),
            settled,
            refused,
            bytes,
            rounds,
        })
    }

    /// The refs whose objects to ask for: none if all of it is here (`check_exist_and_connected`: what is
    /// stored is complete), else those of refs that change (`transport_fetch_refs`).
    async fn wanted<'m>(&self, mapped: &[&'m Mapped], deepens: bool) -> Outcome<Vec<&'m Mapped>> {
        let changes = |found: &&&Mapped| found.local.as_ref().and_then(|local| local.old) != Some(found.oid);
        let changed: Vec<&Mapped> = mapped.iter().filter(changes).copied().collect();
        if !deepens && !self.options.refetch {
            // What refs point to is stored.
            let stored = self.repo.odb.info(&unique(&changed)).await.at(Stage::Negotiate)?;
            if stored.iter().all(Option::is_some) {
                return Ok(Vec::new());
            }
        }
        // Where nothing changes, it is the history that is wanted.
        Ok(if changed.is_empty() { mapped.to_vec() } else { changed })
    }
}

/// Their objects, each once (gitprotocol-http(5), "Smart Clients").
fn unique(mapped: &[&Mapped]) -> Vec<ObjectId> {
    let oids: SortedSet<ObjectId> = mapped.iter().map(|found| found.oid).collect();
    oids.into_iter().collect()
}

/// Brings the bases of deltas that a filter left with the remote.
struct Lazy<'a>(&'a Transfer<'a>);

impl FetchMissing for Lazy<'_> {
    fn fetch<'a>(&'a self, task: &'a Task, oids: &'a [ObjectId]) -> Async<'a, Outcome<()>> {
        let Transfer {
            repo, writer, options, ..
        } = self.0;
        Box::pin(async move { bring(task, repo, writer, &options.transport, oids).await.map(drop) })
    }
}

/// Counts the rounds.
struct Counted<'a, 'b> {
    inner: &'a mut Haves<'b>,
    rounds: u64,
}

impl Negotiator for Counted<'_, '_> {
    fn haves(&mut self, count: usize) -> Async<'_, Outcome<Vec<ObjectId>>> {
        self.rounds += 1;
        self.inner.haves(count)
    }

    fn acks<'a>(&'a mut self, acks: &'a Acks) -> Async<'a, Outcome<Vec<ObjectId>>> {
        self.inner.acks(acks)
    }
}

/// The shallow boundary while it changes.
struct Boundary {
    shallow: SortedSet<ObjectId>,
}

impl Boundary {
    fn new(shallow: &[ObjectId]) -> Self {
        Boundary {
            shallow: shallow.iter().copied().collect(),
        }
    }

    fn oids(&self) -> Vec<ObjectId> {
        self.shallow.iter().copied().collect()
    }

    /// What the server said to a request for another depth (`receive_shallow_info`).
    async fn deepen(&mut self, transfer: &Transfer<'_>, received: &Received, told: &ShallowInfo) -> Outcome<()> {
        let odb = &transfer.repo.odb;
        let stored = odb.info(&told.shallow).await.at(Stage::Unpack)?;
        for (oid, stored) in told.shallow.iter().zip(stored) {
            let kind = received.noted.links.kind(oid).or(stored.map(|info| info.kind));
            // A boundary of history that did not come is none of ours.
            if kind == Some(Kind::Commit) {
                self.shallow.insert(*oid);
            }
        }
        for oid in &told.unshallow {
            self.shallow.remove(oid);
        }
        Ok(())
    }

    /// The remote is shallow itself, at `roots`. Those we would have to take over are taken over if
    /// the caller allows it; else the answer is what cannot be had (`update_shallow`).
    async fn roots(
        &mut self,
        transfer: &Transfer<'_>,
        received: &Received,
        roots: &[ObjectId],
        wants: &[ObjectId],
    ) -> Outcome<Vec<ObjectId>> {
        let links = &received.noted.links;
        let candidates: Vec<ObjectId> = roots
            .iter()
            .filter(|oid| !self.shallow.contains(oid) && links.kind(oid) == Some(Kind::Commit))
            .copied()
            .collect();
        let missing: HashSet<ObjectId> = links.missing(&self.oids(), &[]).iter().map(|(oid, _)| *oid).collect();
        let history = links.history();
        let cut = self.shallow.iter().copied().collect();
        let mut needed = HashSet::new();
        for root in candidates {
            let beyond: Vec<ObjectId> = history.parents(&root).filter(|oid| missing.contains(oid)).collect();
            let stored = transfer.repo.odb.info(&beyond).await.at(Stage::Unpack)?;
            if stored.iter().any(Option::is_none) {
                needed.insert(root);
            }
        }
        if needed.is_empty() {
            return Ok(Vec::new());
        }
        if transfer.options.update_shallow {
            self.shallow.extend(needed);
            return Ok(Vec::new());
        }
        let reaches = |oid: &ObjectId| {
            let tip = received.noted.tags.peel(oid).unwrap_or(*oid);
            history
                .from(&tip, None, &cut)
                .inside
                .iter()
                .any(|oid| needed.contains(oid))
        };
        Ok(wants.iter().filter(|oid| reaches(oid)).copied().collect())
    }
}

/// Whether refs moved on the server since they were listed: worth listing them again, once.
pub(super) fn is_stale<T>(outcome: &Outcome<T>) -> bool {
    let error = outcome.as_ref().err().and_then(|failure| failure.error());
    error.is_some_and(|error| error.code == Code::StaleRefs)
}

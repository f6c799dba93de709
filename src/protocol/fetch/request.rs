//! Fetch requests: `find_common` and `send_fetch_request` of git's fetch-pack.c.

use std::collections::HashSet;
use std::hash::Hash;

use super::super::capability::ObjectFormat;
use super::super::ls_refs::{clean_agent, is_server_option, write_command};
use super::super::pkt_line::{Encoder, TooLong};
use super::super::smart_http::{Advertisement, Discovery, RpcRequest, Service};
use super::error::FetchRequestError;
use super::response::{Expected, FetchResponse};
use crate::format::oid::ObjectId;

/// How a pack is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SidebandMode {
    /// Raw, up to the end of the body.
    None,
    /// In packets of at most 1000 bytes.
    Small,
    /// In packets of at most 65520 bytes.
    Large,
}

/// What of a server's capabilities matters to a fetch. Only what is here is ever asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For the `Git-Protocol` header; also tells the version.
    pub git_protocol: Option<&'static str>,
    /// Whether it speaks version 2.
    pub is_v2: bool,
    /// How it can send the pack.
    pub sideband: SidebandMode,
    /// `multi_ack_detailed`: several rounds are possible.
    pub multi_ack: bool,
    /// `no-done`: the pack may come in the answer that says `ready`.
    pub no_done: bool,
    /// Thin packs.
    pub thin_pack: bool,
    /// Offset deltas.
    pub ofs_delta: bool,
    /// Tags along with what they point to.
    pub include_tag: bool,
    /// It can be told not to send progress.
    pub no_progress: bool,
    /// Depth.
    pub shallow: bool,
    /// Depth by date.
    pub deepen_since: bool,
    /// Depth by exclusion.
    pub deepen_not: bool,
    /// Depth counted from the present boundary.
    pub deepen_relative: bool,
    /// Object filters.
    pub filter: bool,
    /// It names its own agent, and may be told ours.
    pub agent: bool,
    /// It names its object format, and may be told ours.
    pub object_format: bool,
    /// It gives out objects it did not advertise as refs.
    pub any_want: bool,
    /// It takes the names of refs for wants, and tells what they point to.
    pub ref_in_want: bool,
    /// It can be asked what it has of what is here, and nothing else.
    pub wait_for_done: bool,
}

impl Offer {
    /// What a server offers.
    pub fn of(server: &Discovery) -> Self {
        match server {
            Discovery::V0(advertisement) => Self::of_v0(server, advertisement),
            Discovery::V2(capabilities) => {
                let shallow = capabilities.feature("fetch", "shallow");
                Offer {
                    git_protocol: server.git_protocol(),
                    is_v2: true,
                    sideband: SidebandMode::Large,
                    multi_ack: true,
                    no_done: true,
                    thin_pack: true,
                    ofs_delta: true,
                    include_tag: true,
                    no_progress: true,
                    shallow,
                    deepen_since: shallow,
                    deepen_not: shallow,
                    deepen_relative: shallow,
                    filter: capabilities.feature("fetch", "filter"),
                    agent: capabilities.has("agent"),
                    object_format: capabilities.has("object-format"),
                    any_want: true,
                    ref_in_want: capabilities.feature("fetch", "ref-in-want"),
                    wait_for_done: capabilities.feature("fetch", "wait-for-done"),
                }
            }
        }
    }

    fn of_v0(server: &Discovery, advertisement: &Advertisement) -> Self {
        let has = |key| advertisement.capabilities.has(key);
        let sideband = match (has("side-band-64k"), has("side-band")) {
            (true, _) => SidebandMode::Large,
            (false, true) => SidebandMode::Small,
            (false, false) => SidebandMode::None,
        };
        // `multi_ack` alone is of no use over stateless HTTP (fetch-pack.c refuses it).
        let multi_ack = has("multi_ack_detailed");
        Offer {
            git_protocol: server.git_protocol(),
            is_v2: false,
            sideband,
            multi_ack,
            no_done: multi_ack && has("no-done"),
            thin_pack: has("thin-pack"),
            ofs_delta: has("ofs-delta"),
            include_tag: has("include-tag"),
            no_progress: has("no-progress"),
            shallow: has("shallow"),
            deepen_since: has("deepen-since"),
            deepen_not: has("deepen-not"),
            deepen_relative: has("deepen-relative"),
            filter: has("filter"),
            agent: has("agent"),
            object_format: has("object-format") && advertisement.capabilities.object_format() == ObjectFormat::Sha1,
            any_want: has("allow-tip-sha1-in-want") || has("allow-reachable-sha1-in-want"),
            ref_in_want: false,
            wait_for_done: false,
        }
    }
}

/// How much history is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Deepen {
    /// All that is not here, up to the boundaries there are.
    #[default]
    No,
    /// So many commits, counted from the tips.
    Depth(u32),
    /// So many commits more than there are now.
    Relative(u32),
    /// By date, by exclusion, or both.
    Cut {
        /// Commits not older than this many seconds since 1970.
        since: Option<u64>,
        /// Not what these refs of the remote reach.
        not: Vec<Vec<u8>>,
    },
}

/// The depth that means "all of it": `--unshallow` (`INFINITE_DEPTH` of commit.h).
pub(crate) const INFINITE_DEPTH: u32 = 0x7fff_ffff;

impl Deepen {
    /// Everything: a shallow repository becomes complete.
    pub const UNSHALLOW: Deepen = Deepen::Depth(INFINITE_DEPTH);
}

/// What to fetch. The same in every round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchRequest {
    /// The objects wanted; the order stays, doubles are sent once.
    pub wants: Vec<ObjectId>,
    /// Refs of the remote wanted by their full names, at whatever they point to when it answers:
    /// [`FetchEvent::WantedRefs`](super::FetchEvent::WantedRefs) says what that is. Doubles are
    /// sent once. Needs [`Offer::ref_in_want`].
    pub want_refs: Vec<Vec<u8>>,
    /// The commits at which the history ends here. Every one must be told.
    pub shallow: Vec<ObjectId>,
    /// How much history.
    pub deepen: Deepen,
    /// An object filter, as git spells it (`blob:none`). Left out if the server cannot: see
    /// [`Offer::filter`].
    pub filter: Option<String>,
    /// Deltas may be against objects that are here: only if packs can be completed.
    pub thin_pack: bool,
    /// Annotated tags of what is sent are to be sent too.
    pub include_tag: bool,
    /// No progress is wanted.
    pub no_progress: bool,
    /// Words for the server's own use (`git fetch --server-option`). Only version 2 has them.
    pub server_options: Vec<Vec<u8>>,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The server may answer that it wants to know more.
    Open,
    /// With `done`: the pack is to follow.
    Done,
    /// With `wait-for-done`: only what the server has is asked for, no pack.
    OnlyAcks,
}

impl FetchRequest {
    /// What a clone wants: these objects, with all their history and their tags.
    pub fn clone_of(wants: Vec<ObjectId>) -> Self {
        FetchRequest {
            wants,
            include_tag: true,
            ..Self::default()
        }
    }

    /// Whether the server can do it.
    pub fn check(&self, server: &Discovery) -> Result<(), FetchRequestError> {
        if self.wants.is_empty() && self.want_refs.is_empty() {
            return Err(FetchRequestError::NothingWanted);
        }
        self.check_arguments(server)
    }

    /// Whether the server can be asked what it has of what is here (`negotiate_using_fetch`).
    pub(crate) fn check_only_acks(&self, server: &Discovery) -> Result<(), FetchRequestError> {
        if !Offer::of(server).wait_for_done {
            return Err(FetchRequestError::MissingCapability("wait-for-done"));
        }
        self.check_arguments(server)
    }

    fn check_arguments(&self, server: &Discovery) -> Result<(), FetchRequestError> {
        let offer = Offer::of(server);
        if let Discovery::V0(advertisement) = server
            && !offer.any_want
        {
            let advertised: HashSet<ObjectId> = advertisement.refs.iter().map(|found| found.oid).collect();
            if let Some(oid) = self.wants.iter().find(|oid| !advertised.contains(oid)) {
                return Err(FetchRequestError::Unadvertised(*oid));
            }
        }
        let need = |needed: bool, offered: bool, name| match needed && !offered {
            true => Err(FetchRequestError::MissingCapability(name)),
            false => Ok(()),
        };
        if let Discovery::V2(capabilities) = server {
            need(true, capabilities.has("fetch"), "fetch")?;
        }
        need(!self.want_refs.is_empty(), offer.ref_in_want, "ref-in-want")?;
        if !self.want_refs.iter().all(|name| can_be_sent(name)) {
            return Err(FetchRequestError::BadArgument("want-ref"));
        }
        if !self.server_options.is_empty() {
            let offered = matches!(server, Discovery::V2(capabilities) if capabilities.has("server-option"));
            need(true, offered, "server-option")?;
            if !self.server_options.iter().all(|option| is_server_option(option)) {
                return Err(FetchRequestError::BadArgument("server-option"));
            }
        }
        need(
            !self.shallow.is_empty() || self.deepen != Deepen::No,
            offer.shallow,
            "shallow",
        )?;
        match &self.deepen {
            Deepen::No => {}
            Deepen::Depth(depth) => check_depth(*depth)?,
            Deepen::Relative(depth) => {
                check_depth(*depth)?;
                need(true, offer.deepen_relative, "deepen-relative")?;
            }
            Deepen::Cut { since, not } => {
                need(since.is_some(), offer.deepen_since, "deepen-since")?;
                need(!not.is_empty(), offer.deepen_not, "deepen-not")?;
                if !not.iter().all(|name| can_be_sent(name)) {
                    return Err(FetchRequestError::BadArgument("deepen-not"));
                }
                if since.is_none() && not.is_empty() {
                    return Err(FetchRequestError::BadArgument("deepen"));
                }
            }
        }
        match &self.filter {
            Some(filter) if filter.is_empty() || !filter.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(FetchRequestError::BadArgument("filter"))
            }
            _ => Ok(()),
        }
    }

    /// The request of one round, and what reads its answer. `haves` are all that the server must
    /// know: requests of stateless HTTP repeat what earlier rounds agreed on. Without `done` the
    /// server may answer that it wants to know more.
    pub fn write(
        &self,
        offer: &Offer,
        agent: &str,
        haves: &[ObjectId],
        done: bool,
    ) -> Result<(RpcRequest, FetchResponse), FetchRequestError> {
        self.write_ending(offer, agent, haves, if done { Ending::Done } else { Ending::Open })
    }

    pub(crate) fn write_ending(
        &self,
        offer: &Offer,
        agent: &str,
        haves: &[ObjectId],
        ending: Ending,
    ) -> Result<(RpcRequest, FetchResponse), FetchRequestError> {
        let body = match offer.is_v2 {
            true => self.write_v2(offer, agent, haves, ending)?,
            false => self.write_v0(offer, agent, haves, ending == Ending::Done)?,
        };
        let response = FetchResponse::new(Expected {
            is_v2: offer.is_v2,
            sideband: offer.sideband,
            multi_ack: offer.multi_ack,
            no_done: offer.no_done,
            done_sent: ending == Ending::Done,
            only_acks: ending == Ending::OnlyAcks,
            deepen: self.deepen != Deepen::No,
            shallow: self.shallow.iter().copied().collect(),
            want_refs: self.want_refs.iter().cloned().collect(),
        });
        let request = RpcRequest {
            service: Service::UploadPack,
            git_protocol: offer.git_protocol,
            body: body.into_bytes(),
        };
        Ok((request, response))
    }

    /// `command=fetch`, capabilities, delimiter, arguments, flush.
    fn write_v2(&self, offer: &Offer, agent: &str, haves: &[ObjectId], ending: Ending) -> Result<Encoder, TooLong> {
        let mut body = Encoder::new();
        let agent = (offer.agent).then_some(agent);
        write_command(&mut body, "fetch", agent, &self.server_options, offer.object_format)?;
        if ending == Ending::OnlyAcks {
            body.line(&[b"wait-for-done"])?;
        }
        let flags = [
            ("thin-pack", self.thin_pack),
            ("no-progress", self.no_progress),
            ("include-tag", self.include_tag),
            ("ofs-delta", true),
        ];
        for (flag, _) in flags.iter().filter(|(_, wanted)| *wanted) {
            body.line(&[flag.as_bytes()])?;
        }
        self.write_shallow(&mut body)?;
        if matches!(self.deepen, Deepen::Relative(_)) {
            body.line(&[b"deepen-relative"])?;
        }
        self.write_filter(&mut body, offer)?;
        for oid in distinct(&self.wants) {
            body.line(&[b"want ", oid.to_hex().as_bytes()])?;
        }
        for name in distinct(&self.want_refs) {
            body.line(&[b"want-ref ", name])?;
        }
        for oid in haves {
            body.line(&[b"have ", oid.to_hex().as_bytes()])?;
        }
        if ending == Ending::Done {
            body.line(&[b"done"])?;
        }
        body.flush();
        Ok(body)
    }

    /// Wants with the capabilities on the first, shallow, deepen, filter, flush, haves, and
    /// `done` or a flush.
    fn write_v0(&self, offer: &Offer, agent: &str, haves: &[ObjectId], done: bool) -> Result<Encoder, TooLong> {
        let mut body = Encoder::new();
        let mut capabilities = self.v0_capabilities(offer, agent);
        for oid in distinct(&self.wants) {
            body.line(&[b"want ", oid.to_hex().as_bytes(), &std::mem::take(&mut capabilities)])?;
        }
        self.write_shallow(&mut body)?;
        self.write_filter(&mut body, offer)?;
        body.flush();
        for oid in haves {
            body.line(&[b"have ", oid.to_hex().as_bytes()])?;
        }
        match done {
            true => body.line(&[b"done"])?,
            false => body.flush(),
        }
        Ok(body)
    }

    fn v0_capabilities(&self, offer: &Offer, agent: &str) -> Vec<u8> {
        let (since, not) = match &self.deepen {
            Deepen::Cut { since, not } => (since.is_some(), !not.is_empty()),
            _ => (false, false),
        };
        let words = [
            ("multi_ack_detailed", offer.multi_ack),
            ("no-done", offer.no_done),
            ("side-band-64k", offer.sideband == SidebandMode::Large),
            ("side-band", offer.sideband == SidebandMode::Small),
            ("deepen-relative", matches!(self.deepen, Deepen::Relative(_))),
            ("thin-pack", self.thin_pack && offer.thin_pack),
            ("no-progress", self.no_progress && offer.no_progress),
            ("include-tag", self.include_tag && offer.include_tag),
            ("ofs-delta", offer.ofs_delta),
            ("deepen-since", since),
            ("deepen-not", not),
            ("filter", self.filter.is_some() && offer.filter),
        ];
        let mut line = Vec::new();
        for (word, _) in words.iter().filter(|(_, wanted)| *wanted) {
            line.push(b' ');
            line.extend_from_slice(word.as_bytes());
        }
        if offer.agent {
            line.extend_from_slice(b" agent=");
            line.extend_from_slice(&clean_agent(agent));
        }
        line
    }

    fn write_shallow(&self, body: &mut Encoder) -> Result<(), TooLong> {
        for oid in &self.shallow {
            body.line(&[b"shallow ", oid.to_hex().as_bytes()])?;
        }
        match &self.deepen {
            Deepen::No => {}
            Deepen::Depth(depth) | Deepen::Relative(depth) => {
                body.line(&[b"deepen ", depth.to_string().as_bytes()])?;
            }
            Deepen::Cut { since, not } => {
                if let Some(since) = since {
                    body.line(&[b"deepen-since ", since.to_string().as_bytes()])?;
                }
                for name in not {
                    body.line(&[b"deepen-not ", name])?;
                }
            }
        }
        Ok(())
    }

    fn write_filter(&self, body: &mut Encoder, offer: &Offer) -> Result<(), TooLong> {
        match &self.filter {
            Some(filter) if offer.filter => body.line(&[b"filter ", filter.as_bytes()]),
            _ => Ok(()),
        }
    }
}

fn check_depth(depth: u32) -> Result<(), FetchRequestError> {
    if (1..=INFINITE_DEPTH).contains(&depth) {
        Ok(())
    } else {
        Err(FetchRequestError::BadDepth)
    }
}

fn distinct<T: Eq + Hash>(items: &[T]) -> impl Iterator<Item = &T> {
    let mut seen = HashSet::new();
    items.iter().filter(move |item| seen.insert(*item))
}

/// Whether a name fits into a line: not empty, no white space, no control character.
fn can_be_sent(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| *byte > b' ' && *byte != 0x7f)
}

#[cfg(test)]
mod tests;

//! A fetch over a session: the dialogue of [`crate::protocol::fetch_state`] is given what it needs,
//! until the pack comes; then the pack, piece by piece.

use super::connection::Connection;
use super::request::Call;
use super::session::{AGENT, Session};
use super::watch::{Trouble, WatchedBody};
use super::wire_fault;
use crate::error::{Failure, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::host::Async;
use crate::protocol::fetch::{Acks, FetchRequest, ShallowInfo};
use crate::protocol::fetch_state::{FetchDialogue, FetchStateError, Negotiate, Step};
use crate::protocol::sideband::{ProgressLine, RemoteProgress};
use crate::protocol::smart_http::RpcRequest;
use crate::task::{Event, Phase, Progress, Task};

/// Pieces of the pack are handed on when they have this many bytes, or when the network pauses:
/// a side-band packet is smaller than what a browser reads at once.
const PIECE: usize = 256 * 1024;

/// How often a request is repeated whose answer broke off before its first byte.
const MOST_REPEATS: u32 = 1;

/// Tells a server which commits are here.
pub trait Negotiator {
    /// Up to `count` commits that were not told yet, newest first; fewer only if there are no more.
    fn haves(&mut self, count: usize) -> Async<'_, Outcome<Vec<ObjectId>>>;

    /// What the server said of those told before. Answers which of them were known to be common
    /// already, as ancestors of others.
    fn acks<'a>(&'a mut self, acks: &'a Acks) -> Async<'a, Outcome<Vec<ObjectId>>>;
}

/// A pack on its way.
pub struct PackStream<'a> {
    connection: &'a mut Connection,
    dialogue: FetchDialogue,
    body: Option<WatchedBody>,
    shallow: ShallowInfo,
    wanted_refs: Vec<(Vec<u8>, ObjectId)>,
    /// Bytes of the pack that were read while looking for its start.
    first: Vec<u8>,
    /// When something other than a keep-alive came last, by the task's clock.
    alive: f64,
    stage: Stage,
    done: bool,
}

/// What the dialogue came to.
enum Paused {
    /// Bytes of the pack are in the buffer.
    Pack,
    /// The pack is complete.
    Done,
    /// It wants commits.
    Haves(usize),
    /// It has something for the negotiator.
    Acks(Acks),
}

impl Session {
    /// Fetches: agrees with the server on what to send, and gives the pack once it begins. Without
    /// a negotiator the server is told of nothing that is here, as in a clone.
    ///
    /// [`crate::error::Code::StaleRefs`] means that refs moved since they were listed; connecting
    /// and listing again may help.
    pub async fn fetch(
        &mut self,
        request: FetchRequest,
        negotiator: Option<&mut dyn Negotiator>,
    ) -> Outcome<PackStream<'_>> {
        let negotiate = match negotiator {
            Some(_) => Negotiate::Yes,
            None => Negotiate::No,
        };
        self.converse(request, negotiate, negotiator).await
    }

    /// Only tells the server what is here, until it knows all the negotiator has to tell or gives
    /// no more answers: what it has too is heard by [`Negotiator::acks`]. For a push, which has no
    /// negotiation of its own (git's `push.negotiate`).
    /// [`crate::error::Code::CapabilityMissing`] if the server has no `wait-for-done`.
    pub async fn negotiate(&mut self, negotiator: &mut dyn Negotiator) -> Outcome<()> {
        let request = FetchRequest::default();
        self.converse(request, Negotiate::Only, Some(negotiator))
            .await
            .map(drop)
    }

    async fn converse(
        &mut self,
        mut request: FetchRequest,
        negotiate: Negotiate,
        mut negotiator: Option<&mut dyn Negotiator>,
    ) -> Outcome<PackStream<'_>> {
        request.server_options.extend(self.server_options());
        let url = self.url();
        let dialogue = FetchDialogue::new(request, &self.discovery, AGENT, negotiate).map_err(|error| {
            Failure::from(wire_fault::fetch_request(&error, &url, &|code, message| {
                GitError::new(code, Stage::Negotiate, message).with_url(url.clone())
            }))
        })?;
        let alive = self.connection.task().clock().now();
        let mut stream = PackStream {
            connection: &mut self.connection,
            dialogue,
            body: None,
            shallow: ShallowInfo::default(),
            wanted_refs: Vec::new(),
            first: Vec::new(),
            alive,
            stage: Stage::Negotiate,
            done: false,
        };
        let mut first = Vec::new();
        loop {
            match stream.advance(&mut first).await? {
                Paused::Pack => break,
                Paused::Done => {
                    stream.done = true;
                    break;
                }
                Paused::Haves(count) => {
                    let haves = match &mut negotiator {
                        Some(negotiator) => negotiator.haves(count).await?,
                        None => Vec::new(),
                    };
                    stream.dialogue.haves(haves);
                }
                Paused::Acks(acks) => {
                    if let Some(negotiator) = &mut negotiator {
                        let known = negotiator.acks(&acks).await?;
                        stream.dialogue.known_common(&known);
                    }
                }
            }
        }
        stream.first = first;
        Ok(stream)
    }
}

impl PackStream<'_> {
    /// The next bytes of the pack, never empty. `None` comes only after the server said that the
    /// pack is complete; whether it is one is for its parser to say.
    pub async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.first);
        while !self.done && piece.is_empty() {
            match self.advance(&mut piece).await? {
                Paused::Pack | Paused::Haves(_) | Paused::Acks(_) => {}
                Paused::Done => self.done = true,
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Where the history ends, as the server told before the pack.
    pub fn shallow(&self) -> &ShallowInfo {
        &self.shallow
    }

    /// What the refs of [`FetchRequest::want_refs`] point to: each of them, once the pack has begun.
    pub fn wanted_refs(&self) -> &[(Vec<u8>, ObjectId)] {
        &self.wanted_refs
    }

    /// Whether the filter asked for is in effect: servers that have no filters send everything.
    pub fn filters(&self) -> bool {
        self.dialogue.filters()
    }

    /// Decoded bytes of the answer so far.
    pub fn received(&self) -> u64 {
        self.body.as_ref().map_or(0, WatchedBody::received)
    }

    /// Goes on until there is something for the caller; bytes of the pack go into `piece`.
    async fn advance(&mut self, piece: &mut Vec<u8>) -> Outcome<Paused> {
        let mut sent: Option<RpcRequest> = None;
        let mut repeats = 0;
        loop {
            let now = self.connection.task().clock().now();
            match self.dialogue.step() {
                Ok(Step::Pack(bytes)) => {
                    self.alive = now;
                    self.stage = Stage::Receive;
                    piece.extend_from_slice(bytes);
                    if piece.len() >= PIECE {
                        return Ok(Paused::Pack);
                    }
                }
                // Whatever is there goes on before the network is waited for.
                Ok(Step::Read) if !piece.is_empty() => return Ok(Paused::Pack),
                Ok(Step::Done) if !piece.is_empty() => return Ok(Paused::Pack),
                Ok(Step::Done) => return Ok(Paused::Done),
                Ok(Step::NeedHaves(count)) => return Ok(Paused::Haves(count)),
                Ok(Step::Acks(acks)) => {
                    self.alive = now;
                    return Ok(Paused::Acks(acks));
                }
                Ok(Step::Shallow(info)) => {
                    self.alive = now;
                    self.shallow = info;
                }
                Ok(Step::WantedRefs(refs)) => {
                    self.alive = now;
                    self.wanted_refs = refs;
                }
                Ok(Step::Progress(line)) => {
                    self.alive = now;
                    tell(self.connection, &line);
                }
                Ok(Step::Send(request)) => {
                    self.body = None;
                    let answer = self.connection.call(Call::Rpc(&request), self.stage).await?;
                    self.alive = self.connection.task().clock().now();
                    self.body = Some(answer.body);
                    sent = Some(request);
                }
                Ok(Step::Read) => match self.read().await {
                    Err(Trouble::Http(_)) if self.received() == 0 && repeats < MOST_REPEATS && sent.is_some() => {
                        repeats += 1;
                        if let Some(request) = &sent {
                            self.body = Some(self.connection.call(Call::Rpc(request), self.stage).await?.body);
                        }
                    }
                    Err(trouble) => {
                        return Err(self.connection.body_trouble(self.stage, true, trouble, self.received()));
                    }
                    Ok(()) => {}
                },
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    /// Brings the dialogue the next bytes of the answer, or its end.
    async fn read(&mut self) -> Result<(), Trouble> {
        let limit = self.connection.options().timeouts.keep_alive;
        if self.connection.task().clock().now() - self.alive > f64::from(limit) {
            return Err(Trouble::Stalled { limit });
        }
        let bytes = match &mut self.body {
            Some(body) => body.chunk().await?,
            None => None,
        };
        match bytes {
            Some(bytes) => self.dialogue.feed(bytes),
            None => self.dialogue.end_of_body(),
        }
        Ok(())
    }

    fn fault(&self, error: &FetchStateError) -> Failure {
        let url = self.connection.url().to_string();
        let at = |code, message: String| self.connection.error(code, self.stage, message);
        self.connection.redacted(wire_fault::fetch(error, &url, &at)).into()
    }
}

/// Passes on a line of the server's progress: as numbers where it has any, and as a message unless
/// the next line takes its place.
pub(super) fn tell(connection: &Connection, line: &ProgressLine) {
    let task: &Task = connection.task();
    let progress = RemoteProgress::parse(&line.text);
    if let Some(read) = &progress
        && let Some(phase) = phase(&read.title)
    {
        task.progress(Progress {
            phase,
            loaded: read.done,
            total: read.total,
            bytes: None,
        });
    }
    if !line.transient || progress.is_none() {
        task.tell(Event::Message(connection.redact(&line.text)));
    }
}

fn phase(title: &str) -> Option<Phase> {
    match title {
        "Enumerating objects" | "Counting objects" => Some(Phase::Counting),
        "Compressing objects" => Some(Phase::Compressing),
        _ => None,
    }
}

//! A push over a session: the request goes out once, and its answer is read to the end. What comes
//! after the first byte of it may have been acted on, so that from there on no failure says that
//! nothing was done, and nothing is ever sent again.

use super::connection::Connection;
use super::fetch::tell;
use super::request::{Call, Upload};
use super::session::{AGENT, Session};
use super::watch::{Trouble, WatchedBody};
use super::wire_fault;
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::host::{HttpError, Parts, RequestBody};
use crate::protocol::push::{
    PROBE, PushError, PushEvent, PushOffer, PushRequest, PushRequestError, PushResponse, Report, Verdict,
};
use crate::protocol::remote_refs::RemoteRefs;
use crate::protocol::sideband::ProgressLine;
use crate::protocol::smart_http::{Advertisement, Discovery, RpcRequest, Service};
use crate::task::{Event, Phase, Progress};

/// Bodies up to this many bytes are sent without asking first whether the server would take any
/// (git's `http.postBuffer`). Servers and proxies that limit the size of requests take this much.
const LARGE: u64 = 1024 * 1024;

/// How many bytes of the answer to [`PROBE`] are read, so that the connection can be used again.
const PROBE_ANSWER: u64 = 64 * 1024;

/// What a server answered to a push.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// What it says became of the commands. `None`: it does not report, or `trouble` says why
    /// nothing is known.
    pub report: Option<Report>,
    /// What it and its hooks said to people, line by line.
    pub messages: Vec<String>,
    /// Why the report did not come.
    pub trouble: Option<GitError>,
    /// Bytes of the request.
    pub sent: u64,
}

impl Session {
    /// What can be asked of a server that is pushed to.
    pub fn push_offer(&self) -> PushOffer {
        match &self.discovery {
            Discovery::V0(advertisement) => PushOffer::of(advertisement),
            // The reader of discovery refuses it, since there is no version 2 of pushing.
            Discovery::V2(_) => PushOffer::of(&Advertisement::default()),
        }
    }

    /// The refs of the server, and what else it has, as discovery told them.
    pub fn advertised(&self) -> (RemoteRefs, Vec<crate::format::oid::ObjectId>) {
        match &self.discovery {
            Discovery::V0(advertisement) => (advertisement.refs.clone(), advertisement.extra_haves.clone()),
            Discovery::V2(_) => Default::default(),
        }
    }

    /// The beginning of a push, up to the pack. Fails with `CapabilityMissing` where the server
    /// cannot do what is asked for, and with `Unsupported` for what cannot be sent.
    pub fn write_push(&self, request: &PushRequest) -> Outcome<Vec<u8>> {
        let written = request.write(&self.push_offer(), AGENT);
        written.map_err(|error| self.push_request_fault(&error))
    }

    /// A request that cannot be made.
    pub fn push_request_fault(&self, error: &PushRequestError) -> Failure {
        let at = |code, message: String| self.connection.error(code, Stage::Negotiate, message);
        let error = wire_fault::push_request(error, &self.url(), &at);
        self.connection.redacted(error).into()
    }

    /// The body could not be made.
    pub fn body_fault(&self, error: &HttpError) -> Failure {
        let message = format!("the request cannot be made: {error}");
        self.connection
            .redacted(self.connection.error(Code::Internal, Stage::Pack, message))
            .into()
    }

    /// A place for the body.
    pub fn parts(&self) -> Box<dyn Parts> {
        self.connection.http.parts()
    }

    /// Sends a push, `head` and the pack after it being the `body`. Fails where it is certain that
    /// the server did nothing: it wants a login, redirects, refuses the size, forbids it.
    pub async fn push(&mut self, request: &PushRequest, head: Vec<u8>, body: RequestBody) -> Outcome<Answered> {
        let offer = self.push_offer();
        let size = body.len();
        if size > LARGE {
            self.probe(offer.git_protocol).await?;
        }
        let upload = Upload {
            git_protocol: offer.git_protocol,
            head,
            body,
        };
        self.sending(0, size);
        let mut answered = Answered {
            sent: size,
            ..Answered::default()
        };
        let mut body = match self.connection.call(Call::Push(&upload), Stage::Send).await {
            Ok(answer) => answer.body,
            Err(Failure::Error(error)) => match nothing_done(&error) {
                true => return Err(refused(*error, size).into()),
                false => {
                    answered.trouble = Some(unanswered(*error, size));
                    return Ok(answered);
                }
            },
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
        };
        self.sending(size, size);
        let mut reader = PushResponse::new(request, &offer);
        let trouble = self.read(&mut reader, &mut body, &mut answered).await?;
        match (trouble, &answered.report) {
            (None, _) => {}
            // It was all said; what follows is about other things.
            (Some(error), Some(_)) => self.connection.task().tell(Event::Warning(format!(
                "the server reported what became of the push, and then: {}",
                error.message
            ))),
            (Some(error), None) => answered.trouble = Some(error),
        }
        Ok(answered)
    }

    /// Finds out what the server wants of every request before a large one is sent.
    async fn probe(&mut self, git_protocol: Option<&'static str>) -> Outcome<()> {
        let probe = RpcRequest {
            service: Service::ReceivePack,
            git_protocol,
            body: PROBE.to_vec(),
        };
        let mut answer = self.connection.call(Call::Rpc(&probe), Stage::Send).await?;
        while answer.body.received() < PROBE_ANSWER {
            match answer.body.chunk().await {
                Ok(Some(_)) => {}
                Err(Trouble::Cancelled) => return Err(Failure::Cancelled),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Reads the answer; answers why it could not be read to its end.
    async fn read(
        &self,
        reader: &mut PushResponse,
        body: &mut WatchedBody,
        answered: &mut Answered,
    ) -> Outcome<Option<GitError>> {
        let connection = &self.connection;
        let clock = connection.task().clock().clone();
        let patience = connection.options().timeouts.keep_alive;
        let mut alive = clock.now();
        loop {
            match reader.next() {
                Ok(Some(PushEvent::End)) => return Ok(None),
                Ok(Some(PushEvent::Report(report))) => {
                    warn(connection, &report);
                    answered.report = Some(redacted(connection, report));
                }
                Ok(Some(PushEvent::Message(line))) => {
                    alive = clock.now();
                    hear(connection, &line, answered);
                }
                Ok(None) if clock.now() - alive > f64::from(patience) => {
                    let stalled = Trouble::Stalled { limit: patience };
                    return trouble(connection, stalled, body);
                }
                Ok(None) => match body.chunk().await {
                    Ok(Some(bytes)) => reader.feed(bytes),
                    Ok(None) => reader.end_of_body(),
                    Err(error) => return trouble(connection, error, body),
                },
                Err(error) => return Ok(Some(self.push_fault(&error))),
            }
        }
    }

    fn push_fault(&self, error: &PushError) -> GitError {
        let at = |code, message: String| self.connection.error(code, Stage::Report, message);
        self.connection.redacted(wire_fault::push(error, &self.url(), &at))
    }

    fn sending(&self, done: u64, total: u64) {
        self.connection.task().progress(Progress {
            phase: Phase::Sending,
            loaded: done,
            total: Some(total),
            bytes: Some(done),
        });
    }
}

/// The transfer ended without success; an error only if the caller gave up.
fn trouble(connection: &Connection, trouble: Trouble, body: &WatchedBody) -> Outcome<Option<GitError>> {
    match connection.body_trouble(Stage::Report, true, trouble, body.received()) {
        Failure::Cancelled => Err(Failure::Cancelled),
        Failure::Error(error) => Ok(Some(error.with_hint(ASK))),
    }
}

fn hear(connection: &Connection, line: &ProgressLine, answered: &mut Answered) {
    tell(connection, line);
    if !line.transient {
        answered.messages.push(connection.redact(&line.text));
    }
}

/// What is odd about a report, and changes nothing about what it says of the refs that were pushed.
fn warn(connection: &Connection, report: &Report) {
    for name in &report.strangers {
        let name = connection.redact(name);
        let text = format!("the server reports on a ref that was not pushed: {name}");
        connection.task().tell(Event::Warning(text));
    }
    if report.stray_options {
        let text = "the server's report has options that belong to no ref that was changed";
        connection.task().tell(Event::Warning(text.to_owned()));
    }
}

/// The server may send back what it was sent.
fn redacted(connection: &Connection, mut report: Report) -> Report {
    report.unpack = report.unpack.map(|text| connection.redact(&text));
    for verdict in &mut report.verdicts {
        if let Verdict::Refused(reason) = verdict {
            *reason = connection.redact(reason);
        }
    }
    report
}

const ASK: &str = "the server may have done it: ask it before anything is pushed again";

/// Whether a request that failed so did certainly nothing: it was not sent, or was answered with a
/// status that says so.
fn nothing_done(error: &GitError) -> bool {
    if let Some(status) = error.status.filter(|status| *status != 0) {
        return (300..500).contains(&status);
    }
    matches!(
        error.code,
        Code::AuthRequired
            | Code::AuthRejected
            | Code::AuthSchemeUnsupported
            | Code::RedirectBlocked
            | Code::RedirectNotGit
            | Code::MixedContent
            | Code::InvalidUrl
            | Code::Unsupported
    )
}

fn refused(error: GitError, size: u64) -> GitError {
    match error.code {
        Code::TooLarge => error
            .with_hint(format!(
                "the request has {size} bytes; the server, or a proxy in front of it, takes less (client_max_body_size \
                 of nginx, for one). Push fewer commits at a time, or keep large files elsewhere; no setting here helps"
            ))
            .with("bytes", Datum::Number(size)),
        _ => error,
    }
}

/// No answer came, or one that is not Git's.
fn unanswered(error: GitError, size: u64) -> GitError {
    let lost = matches!(
        error.code,
        Code::NetworkOpaque | Code::CorsPreflight | Code::ConnectionReset
    );
    let error = error.with("bytes", Datum::Number(size));
    if lost && size > LARGE {
        let url = error.url.clone().unwrap_or_default();
        let message =
            format!("the connection to {url} broke off while {size} bytes were sent, or before they were answered");
        return GitError {
            code: Code::TooLarge,
            message,
            ..error
        }
        .with_hint(format!(
            "servers and proxies break off requests that are larger or take longer than they allow, and some hosts those \
             whose content they refuse (files over 100 MB, private mail addresses); {ASK}"
        ));
    }
    if lost {
        return error.with_hint(format!(
            "the connection was lost, or the host refused the content (a private mail address, a file that is too large), \
             or its CORS rules do not allow this request; {ASK}"
        ));
    }
    error.with_hint(ASK)
}

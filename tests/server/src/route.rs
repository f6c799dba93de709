//! One request from its head to its answer: the log, the faults that meet it, CORS, the login,
//! the mount.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::auth::Verdict;
use crate::control;
use crate::cors::Cors;
use crate::fault::{End, Fault, Framing};
use crate::flow::{self, FlowBody, Plan};
use crate::log::{Entry, Outcome, Ticket};
use crate::reply::{Answer, Inflow, Reply, Source, Upload};
use crate::server::{Mount, Shared};
use crate::when::Head;
use crate::wire::Takeover;

/// A request as a mount sees it.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// The path below the mount's prefix, as sent: empty, or with a slash first.
    pub(crate) below: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) user: Option<&'a str>,
}

impl Asked<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Where a request leaves what is to be done with its connection instead of an answer by hyper.
pub(crate) type Slot = Arc<Mutex<Option<Takeover>>>;

/// Tells hyper to stop: the connection's task finds the rest in the [`Slot`].
#[derive(Debug)]
pub(crate) struct Taken;

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("answered outside of HTTP")
    }
}

impl std::error::Error for Taken {}

/// Handles one request.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    slot: Slot,
    request: Request<Incoming>,
) -> Result<Response<FlowBody>, Taken> {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str();
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &parts.headers {
        headers.push((
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ));
    }

    if let Some(below) = path.strip_prefix(control::PREFIX).filter(|_| shared.control) {
        let body = Inflow::new(Upload::Incoming(body), Arc::new(|_| {}))
            .collect()
            .await
            .unwrap_or_default();
        let reply = control::answer(&shared.log, &shared.faults, method, below, &body);
        return Ok(plain(reply));
    }

    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let ticket = shared.log.open(Entry {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        git_protocol: find("git-protocol"),
        headers: headers.clone(),
        ..Entry::default()
    });
    let mut guard = Unfinished(Some(ticket.clone()));
    let faults = shared.faults.meet(&Head {
        method,
        path,
        query,
        headers: &headers,
    });
    ticket.note(|entry| entry.faults = faults.iter().map(|fault| fault.word().to_owned()).collect());

    if faults.iter().any(|fault| matches!(fault, Fault::Refuse)) {
        return Err(take(&slot, &ticket, Takeover::Raw(Bytes::new(), End::Reset)));
    }
    let mut inflow = inflow(body, &ticket, shared.keep_bodies);
    if must_read_first(&faults) {
        let body = inflow.collect().await.unwrap_or_default();
        let rewrites = faults
            .iter()
            .filter(|f| matches!(f, Fault::RewriteRequest(_) | Fault::ReplaceInRequest { .. }));
        let body = rewrites.fold(body.to_vec(), flow::rewrite);
        if let Some((_, length)) = headers.iter_mut().find(|(name, _)| name == "content-length") {
            *length = body.len().to_string();
        }
        inflow = Inflow::new(Upload::Bytes(Some(Bytes::from(body))), Arc::new(|_| {}));
    }
    for fault in &faults {
        if let Fault::RequestHeader { name, value } = fault {
            set_header(&mut headers, name, value.as_deref());
        }
    }

    let scripted = faults.iter().rev().find_map(|fault| match fault {
        Fault::Raw { bytes, end } => Some(Script::Raw(Bytes::from(bytes.0.clone()), *end)),
        Fault::Respond { reply } => Some(Script::Reply(reply.clone())),
        _ => None,
    });
    let mount = shared
        .mounts
        .iter()
        .filter_map(|m| Some((m, below(m, path)?)))
        .max_by_key(|(m, _)| m.common().prefix.len());
    let cors = mount.map_or(Cors::None, |(mount, _)| mount.common().cors);
    let mut answer = match scripted {
        Some(Script::Raw(bytes, end)) => return Err(take(&slot, &ticket, Takeover::Raw(bytes, end))),
        Some(Script::Reply(reply)) => {
            inflow.drain().await;
            reply.into()
        }
        None => match mount {
            Some((mount, below)) => {
                let asked = Asked {
                    method,
                    below,
                    query,
                    headers: &headers,
                    user: None,
                };
                ask(mount, asked, path, inflow, &ticket).await
            }
            None => {
                inflow.drain().await;
                Reply::text(404, "nothing is mounted here\n").into()
            }
        },
    };
    if !answer.without_cors {
        let own = cors.headers(method == "OPTIONS").into_iter();
        answer
            .headers
            .extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let response = respond(answer, &faults, &slot, &ticket).await;
    guard.0 = None;
    response
}

enum Script {
    Raw(Bytes, End),
    Reply(Reply),
}

/// Ends the log entry of a request whose client goes away before it is answered.
struct Unfinished(Option<Ticket>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(ticket) = &self.0 {
            ticket.end(Outcome::Aborted);
        }
    }
}

/// The CORS preflight, the login, the mount.
async fn ask(mount: &Mount, mut asked: Asked<'_>, path: &str, mut inflow: Inflow, ticket: &Ticket) -> Answer {
    let common = mount.common();
    if asked.method == "OPTIONS" {
        return Reply::status(common.cors.preflight_status()).into();
    }
    let mut user = None;
    if let Some(auth) = &common.auth {
        match auth.check(asked.method, path, asked.query, asked.header("authorization")) {
            Verdict::Pass(name) => user = name,
            Verdict::Refuse(reply) => {
                inflow.drain().await;
                return reply.into();
            }
        }
    }
    ticket.note(|entry| entry.user.clone_from(&user));
    asked.user = user.as_deref();
    match mount {
        Mount::Files(files) => {
            inflow.drain().await;
            files.answer(asked.method, asked.below).into()
        }
        Mount::Proxy(proxy) => proxy.answer(&asked, &mut inflow).await,
        Mount::Git(git) => match git.answer(&asked, inflow, ticket).await {
            Ok(answer) => answer,
            Err(error) => Reply::text(500, &format!("git http-backend: {error}\n")).into(),
        },
    }
}

/// Applies the faults to the answer, and gives it to hyper or to the wire.
async fn respond(
    mut answer: Answer,
    faults: &[Fault],
    slot: &Slot,
    ticket: &Ticket,
) -> Result<Response<FlowBody>, Taken> {
    let mut framing = None;
    let mut length_error = None;
    for fault in faults {
        match fault {
            Fault::Header { name, value } => set_header(&mut answer.headers, name, value.as_deref()),
            Fault::Status { status } => answer.status = *status,
            Fault::Framing { framing: wanted } => framing = Some(*wanted),
            Fault::WrongLength { by } => length_error = Some(*by),
            Fault::Unanswered { end } => {
                while let Ok(Some(_)) = answer.source.chunk().await {}
                return Err(take(slot, ticket, Takeover::Raw(Bytes::new(), *end)));
            }
            Fault::Delay { ms: Some(ms) } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Fault::Delay { ms: None } => std::future::pending().await,
            _ => {}
        }
    }
    let plan = Plan::new(faults);
    let cut = plan.cut();
    let length = answer.source.length().filter(|_| !plan.changes_length());
    let whole_length = answer.source.length().filter(|_| !plan.rewrites_body());
    ticket.head(answer.status, answer.headers.clone());
    let body = flow::start(answer.source, plan, ticket.clone());

    let by_hand = framing.is_some() || length_error.is_some() || cut.is_some_and(|end| end != End::Clean);
    if !by_hand {
        return Ok(build(answer.status, &answer.headers, FlowBody::new(body, length)));
    }
    let framing = match (framing, length_error) {
        (_, Some(_)) => Framing::Length,
        (Some(framing), None) => framing,
        (None, None) if whole_length.is_some() => Framing::Length,
        (None, None) => Framing::Chunked,
    };
    // A cut body promises its whole length; one that ends cleanly what is really sent.
    let length = if cut == Some(End::Clean) { None } else { whole_length };
    let (status, headers) = (answer.status, answer.headers);
    let takeover = Takeover::Answer {
        status,
        headers,
        framing,
        length_error: length_error.unwrap_or(0),
        length,
        body,
    };
    Err(put(slot, takeover))
}

/// Leaves a takeover that ends the request at once.
fn take(slot: &Slot, ticket: &Ticket, takeover: Takeover) -> Taken {
    ticket.end(Outcome::Cut);
    put(slot, takeover)
}

fn put(slot: &Slot, takeover: Takeover) -> Taken {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(takeover);
    Taken
}

/// A body whose bytes are counted, and kept if wanted, in the log.
fn inflow(body: Incoming, ticket: &Ticket, keep: bool) -> Inflow {
    let ticket = ticket.clone();
    let note = move |bytes: &[u8]| {
        ticket.note(|entry| {
            entry.body_bytes += bytes.len() as u64;
            if keep {
                entry.body.extend_from_slice(bytes);
            }
        });
    };
    Inflow::new(Upload::Incoming(body), Arc::new(note))
}

/// Whether the request's body must be read before anything else: it is changed, or the connection
/// is taken from hyper, which then reads no more.
fn must_read_first(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| match fault {
        Fault::RewriteRequest(_)
        | Fault::ReplaceInRequest { .. }
        | Fault::Raw { .. }
        | Fault::Unanswered { .. }
        | Fault::WrongLength { .. }
        | Fault::Framing { .. } => true,
        Fault::Truncate { end, .. } => *end != End::Clean,
        _ => false,
    })
}

/// The rest of the path, if it is the mount's.
fn below<'a>(mount: &Mount, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(mount.common().prefix.as_str())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn set_header(headers: &mut Vec<(String, String)>, name: &str, value: Option<&str>) {
    headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    if let Some(value) = value {
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

fn plain(reply: Reply) -> Response<FlowBody> {
    let answer = Answer::from(reply);
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let length = answer.source.length();
    if let Source::Bytes(Some(bytes)) = answer.source {
        let _ = sender.try_send(flow::Piece::Data(bytes));
    }
    let _ = sender.try_send(flow::Piece::End(End::Clean));
    build(answer.status, &answer.headers, FlowBody::new(receiver, length))
}

fn build(status: u16, headers: &[(String, String)], body: FlowBody) -> Response<FlowBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers
        .iter()
        .filter(|(n, _)| n != "content-length" && n != "transfer-encoding")
    {
        if let (Ok(name), Ok(value)) = (
            name.parse::<hyper::header::HeaderName>(),
            hyper::header::HeaderValue::from_bytes(value.as_bytes()),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

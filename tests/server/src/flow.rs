//! A body on its way to the client, with the faults that change it. One task reads the source and
//! puts pieces into a short channel; hyper, or `wire` where the framing itself is to be wrong,
//! takes them out. A client that goes away closes the channel, which drops the source.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::fault::{End, Fault};
use crate::log::{Outcome, Ticket};
use crate::reply::Source;

/// What the faults of a request do to its answer's body.
#[derive(Default)]
pub(crate) struct Plan {
    rewrites: Vec<Fault>,
    flips: Vec<(u64, u8)>,
    truncate: Option<(u64, End)>,
    stalls: Vec<(u64, Option<u64>)>,
    dribble: Option<(usize, u64)>,
}

impl Plan {
    pub(crate) fn new(faults: &[Fault]) -> Plan {
        let mut plan = Plan::default();
        for fault in faults {
            match fault {
                Fault::Rewrite(_) | Fault::Replace { .. } => plan.rewrites.push(fault.clone()),
                Fault::Flip { at, mask } => plan.flips.push((*at, *mask)),
                Fault::Truncate { at, end } => plan.truncate = Some((*at, *end)),
                Fault::Stall { at, ms } => plan.stalls.push((*at, *ms)),
                Fault::Dribble { bytes, ms } => plan.dribble = Some(((*bytes).max(1), *ms)),
                _ => {}
            }
        }
        plan.stalls.sort_unstable();
        plan
    }

    /// Whether the body's length may differ from the source's.
    pub(crate) fn changes_length(&self) -> bool {
        self.rewrites_body() || self.truncate.is_some()
    }

    /// Whether the whole body is replaced by another.
    pub(crate) fn rewrites_body(&self) -> bool {
        !self.rewrites.is_empty()
    }

    /// How the body ends, where it is cut.
    pub(crate) fn cut(&self) -> Option<End> {
        self.truncate.map(|(_, end)| end)
    }
}

/// A piece of a body, or how it ended.
pub(crate) enum Piece {
    Data(Bytes),
    End(End),
}

/// Starts the task that carries a body.
pub(crate) fn start(source: Source, plan: Plan, ticket: Ticket) -> mpsc::Receiver<Piece> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        let end = carry(source, plan, &sender, &ticket).await;
        let outcome = match end {
            Some(End::Clean) => Outcome::Complete,
            Some(_) => Outcome::Cut,
            None => Outcome::Aborted,
        };
        // The entry ends before the client can see the end, so that a test that has read an
        // answer finds it in the log.
        ticket.end(outcome);
        if let Some(end) = end {
            let _ = sender.send(Piece::End(end)).await;
        }
    });
    receiver
}

/// Carries the body to its end; `None` if the client went away.
async fn carry(mut source: Source, plan: Plan, sender: &mpsc::Sender<Piece>, ticket: &Ticket) -> Option<End> {
    if !plan.rewrites.is_empty() {
        let Ok(all) = collect(&mut source).await else {
            return Some(End::Close);
        };
        source = Source::Bytes(Some(Bytes::from(plan.rewrites.iter().fold(all, rewrite))));
    }
    let mut offset = 0u64;
    let mut stalls = plan.stalls.into_iter().peekable();
    loop {
        let chunk = tokio::select! {
            chunk = source.chunk() => chunk,
            () = sender.closed() => return None,
        };
        let (mut rest, last) = match chunk {
            Ok(Some(chunk)) => (flip(chunk, offset, &plan.flips), false),
            Ok(None) => (Bytes::new(), true),
            Err(_) => return Some(End::Close),
        };
        loop {
            if let Some((_, ms)) = stalls.next_if(|(at, _)| *at <= offset) {
                wait(ms, sender).await?;
                continue;
            }
            if let Some((at, end)) = plan.truncate
                && at <= offset
            {
                return Some(end);
            }
            if rest.is_empty() {
                break;
            }
            let mut take = rest.len();
            let bounds = [stalls.peek().map(|(at, _)| *at), plan.truncate.map(|(at, _)| at)];
            for bound in bounds.into_iter().flatten() {
                take = take.min(usize::try_from(bound - offset).unwrap_or(usize::MAX));
            }
            if let Some((bytes, _)) = plan.dribble {
                take = take.min(bytes);
            }
            let piece = rest.split_to(take);
            sender.send(Piece::Data(piece)).await.ok()?;
            offset += take as u64;
            ticket.note(|entry| entry.sent = offset);
            if let Some((_, ms)) = plan.dribble {
                wait(Some(ms), sender).await?;
            }
        }
        if last {
            return Some(End::Clean);
        }
    }
}

/// Waits, or for ever; `None` if the client went away meanwhile.
pub(crate) async fn wait(ms: Option<u64>, sender: &mpsc::Sender<Piece>) -> Option<()> {
    match ms {
        Some(ms) => tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => Some(()),
            () = sender.closed() => None,
        },
        None => {
            sender.closed().await;
            None
        }
    }
}

async fn collect(source: &mut Source) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = source.chunk().await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// Applies one change of a whole body.
pub(crate) fn rewrite(body: Vec<u8>, fault: &Fault) -> Vec<u8> {
    match fault {
        Fault::Rewrite(rewriter) | Fault::RewriteRequest(rewriter) => (rewriter.0)(body),
        Fault::Replace { from, to } | Fault::ReplaceInRequest { from, to } if !from.0.is_empty() => {
            let mut out = Vec::with_capacity(body.len());
            let mut rest = body.as_slice();
            while let Some((first, tail)) = rest.split_first() {
                if let Some(after) = rest.strip_prefix(from.0.as_slice()) {
                    out.extend_from_slice(&to.0);
                    rest = after;
                } else {
                    out.push(*first);
                    rest = tail;
                }
            }
            out
        }
        _ => body,
    }
}

fn flip(chunk: Bytes, offset: u64, flips: &[(u64, u8)]) -> Bytes {
    let end = offset + chunk.len() as u64;
    if !flips.iter().any(|(at, _)| (offset..end).contains(at)) {
        return chunk;
    }
    let mut changed = BytesMut::from(&chunk[..]);
    for (at, mask) in flips.iter().filter(|(at, _)| (offset..end).contains(at)) {
        changed[(at - offset) as usize] ^= mask;
    }
    changed.freeze()
}

/// The receiving end as hyper wants it.
pub(crate) struct FlowBody {
    receiver: mpsc::Receiver<Piece>,
    length: Option<u64>,
    ended: bool,
}

impl FlowBody {
    pub(crate) fn new(receiver: mpsc::Receiver<Piece>, length: Option<u64>) -> FlowBody {
        FlowBody {
            receiver,
            length,
            ended: length == Some(0),
        }
    }
}

impl Body for FlowBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(piece) = self.receiver.poll_recv(cx) else {
            return Poll::Pending;
        };
        if let Some(Piece::Data(data)) = piece {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        self.ended = true;
        match piece {
            Some(Piece::End(End::Clean)) => Poll::Ready(None),
            _ => Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionAborted)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

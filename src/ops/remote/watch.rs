//! Waiting that ends: for the head of an answer and for each piece of its body, with a time limit
//! and with the task's cancellation.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use super::trace::PacketTrace;
use crate::host::{Async, Body, Clock, HttpError};
use crate::task::{Cancelled, Task};

/// Browsers count timers in 31 bits; a longer one would fire at once.
const LONGEST_TIMER: u32 = i32::MAX as u32;

/// Why nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The caller gave up.
    Cancelled,
    /// Nothing came within the limit.
    Stalled {
        /// The limit, in milliseconds.
        limit: u32,
    },
    /// The platform reports a failure.
    Http(HttpError),
    /// More came than is taken.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl From<Cancelled> for Trouble {
    fn from(_: Cancelled) -> Self {
        Trouble::Cancelled
    }
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        Trouble::Http(error)
    }
}

/// Waits for `work`, at most `limit` milliseconds.
pub(super) async fn within<T>(task: &Task, limit: u32, work: impl Future<Output = T>) -> Result<T, Trouble> {
    let mut timer = Timer::new(task.clock().clone());
    timer.wait(task, limit, work).await
}

/// A time limit for many waits in a row, which costs one timer of the platform for each limit's
/// time and not one for each wait.
struct Timer {
    clock: Rc<dyn Clock>,
    sleep: Option<Async<'static, ()>>,
}

impl Timer {
    fn new(clock: Rc<dyn Clock>) -> Self {
        Timer { clock, sleep: None }
    }

    async fn wait<T>(&mut self, task: &Task, limit: u32, work: impl Future<Output = T>) -> Result<T, Trouble> {
        let limit = limit.min(LONGEST_TIMER);
        let started = self.clock.now();
        let mut work = pin!(work);
        let watched = poll_fn(|context| {
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            loop {
                let sleep = self.sleep.get_or_insert_with(|| self.clock.sleep(limit));
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                // The timer may have been started by an earlier wait.
                let left = f64::from(limit) - (self.clock.now() - started);
                if left < 1.0 {
                    self.sleep = None;
                    return Poll::Ready(None);
                }
                self.sleep = Some(self.clock.sleep(limit.min(left.ceil() as u32)));
            }
        });
        task.race(watched).await?.ok_or(Trouble::Stalled { limit })
    }
}

/// The body of an answer, watched.
pub(super) struct WatchedBody {
    body: Box<dyn Body>,
    task: Task,
    timer: Timer,
    stall: u32,
    received: u64,
    most: u64,
    packets: Option<PacketTrace>,
}

impl WatchedBody {
    /// Watches a body: at most `stall` milliseconds between two pieces, at most `most` bytes.
    pub(super) fn new(body: Box<dyn Body>, task: Task, stall: u32, most: u64, packets: Option<PacketTrace>) -> Self {
        let timer = Timer::new(task.clock().clone());
        WatchedBody {
            body,
            task,
            timer,
            stall,
            received: 0,
            most,
            packets,
        }
    }

    /// The next piece. The time the caller takes between two calls does not count.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        self.task.checkpoint().await?;
        let piece = self.timer.wait(&self.task, self.stall, self.body.chunk()).await;
        if let Some(packets) = &mut self.packets {
            match &piece {
                Ok(Ok(Some(piece))) => packets.feed(piece),
                _ => packets.finish(),
            }
        }
        let Some(piece) = piece?? else {
            return Ok(None);
        };
        self.received = self.received.saturating_add(piece.len() as u64);
        if self.received > self.most {
            return Err(Trouble::TooLarge { limit: self.most });
        }
        Ok(Some(piece))
    }

    /// Decoded bytes so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }
}

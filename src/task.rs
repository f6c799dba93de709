//! A running operation: whether it was cancelled, what it tells its caller, and when it lets the
//! event loop breathe. [`Task::checkpoint`] is the only place that yields; loops over data call it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use crate::host::{Async, Clock, Pace};

/// What an operation reports while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// How far it is.
    Progress(Progress),
    /// A line the server sent for people, control characters already made visible.
    Message(String),
    /// Something the caller should know that is no error (a name that was skipped, a fallback).
    Warning(String),
}

/// The part of an operation that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The server counts objects; or, when a repository is packed anew, what is reached is looked for;
    /// or, for a push, what the server lacks is.
    Counting,
    /// The server compresses objects, or, for a push, we do.
    Compressing,
    /// Objects arrive.
    Receiving,
    /// Deltas are resolved.
    Resolving,
    /// Connectivity is checked.
    Checking,
    /// The result is written.
    Writing,
    /// A request is sent.
    Sending,
}

/// A position within a [`Phase`]. Counts are objects, `bytes` are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which part.
    pub phase: Phase,
    /// Objects done.
    pub loaded: u64,
    /// Objects in all, where known.
    pub total: Option<u64>,
    /// Bytes moved, where the phase moves bytes.
    pub bytes: Option<u64>,
}

/// The caller gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// A handle on a running operation, shared by its parts and by whoever may cancel it.
#[derive(Clone)]
pub struct Task {
    inner: Rc<Inner>,
}

struct Inner {
    clock: Rc<dyn Clock>,
    listener: Box<dyn Fn(Event)>,
    /// Somebody asked it to stop, be it in vain.
    asked: Cell<bool>,
    cancelled: Cell<bool>,
    shielded: Cell<bool>,
    parts: RefCell<Vec<Weak<Inner>>>,
    wakers: RefCell<Vec<Waker>>,
    pace: Rc<Pace>,
    started: f64,
}

impl Task {
    /// A task that tells `listener` what happens.
    pub fn new(clock: Rc<dyn Clock>, listener: impl Fn(Event) + 'static) -> Self {
        let pace = clock.pace();
        Self::paced(clock, pace, listener)
    }

    fn paced(clock: Rc<dyn Clock>, pace: Rc<Pace>, listener: impl Fn(Event) + 'static) -> Self {
        Task {
            inner: Rc::new(Inner {
                started: clock.now(),
                clock,
                listener: Box::new(listener),
                asked: Cell::new(false),
                cancelled: Cell::new(false),
                shielded: Cell::new(false),
                parts: RefCell::default(),
                wakers: RefCell::new(Vec::new()),
                pace,
            }),
        }
    }

    /// A part of the operation that can be given up while the whole cannot: whoever cancels the
    /// whole cancels its parts, and where the whole is shielded it goes on without them.
    pub fn part(&self) -> Task {
        let whole = self.clone();
        let (clock, pace) = (Rc::clone(&self.inner.clock), Rc::clone(&self.inner.pace));
        let part = Task::paced(clock, pace, move |event| whole.tell(event));
        part.inner.cancelled.set(self.inner.asked.get());
        let mut parts = self.inner.parts.borrow_mut();
        parts.retain(|part| part.strong_count() > 0);
        parts.push(Rc::downgrade(&part.inner));
        part
    }

    /// Asks the operation to stop. Answers whether it will: an operation that is publishing its
    /// result can no longer be stopped and ends as it ends.
    pub fn cancel(&self) -> bool {
        self.inner.asked.set(true);
        for part in self.inner.parts.take() {
            if let Some(inner) = part.upgrade() {
                Task { inner }.cancel();
            }
        }
        if self.inner.shielded.get() {
            return false;
        }
        self.inner.cancelled.set(true);
        for waker in self.inner.wakers.take() {
            waker.wake();
        }
        true
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.get()
    }

    /// From here on the operation cannot be cancelled. Called right before the transaction that
    /// publishes, so that a caller who was told "aborted" finds nothing changed.
    pub fn shield(&self) -> Result<(), Cancelled> {
        self.check()?;
        self.inner.shielded.set(true);
        Ok(())
    }

    /// Fails if the task was cancelled; never yields.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// To be called in every loop over data: fails if cancelled, and yields to the event loop when
    /// it is [time](Pace) for that.
    pub async fn checkpoint(&self) -> Result<(), Cancelled> {
        self.check()?;
        let Inner { clock, pace, .. } = &*self.inner;
        pace.pause_if_over(&**clock).await;
        self.check()
    }

    /// Says that so many bytes were inflated or hashed since the last [`Task::checkpoint`], so that
    /// the next one looks at the clock if they are many.
    pub fn worked(&self, bytes: usize) {
        self.inner.pace.worked(bytes);
    }

    /// Runs `work` until it ends or the task is cancelled; in that case `work` is dropped, which
    /// aborts requests and releases locks.
    ///
    /// The work is boxed: what waits for IO has time for that, and this is compiled once for each
    /// type of answer, not for each of the many works.
    pub fn race<'a, T>(&'a self, work: impl Future<Output = T> + 'a) -> Race<'a, T> {
        Race {
            task: self,
            work: Box::pin(work),
        }
    }

    /// Has `waker` woken when the task is cancelled.
    fn wake_if_cancelled(&self, waker: &Waker) {
        let mut wakers = self.inner.wakers.borrow_mut();
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Reports progress.
    pub fn progress(&self, progress: Progress) {
        self.tell(Event::Progress(progress));
    }

    /// Reports anything.
    pub fn tell(&self, event: Event) {
        (self.inner.listener)(event);
    }

    /// Milliseconds since the operation began.
    pub fn elapsed(&self) -> f64 {
        self.inner.clock.now() - self.inner.started
    }

    /// The clock the task runs by.
    pub fn clock(&self) -> &Rc<dyn Clock> {
        &self.inner.clock
    }
}

/// Work that ends when its task is cancelled; made by [`Task::race`].
pub struct Race<'a, T> {
    task: &'a Task,
    work: Async<'a, T>,
}

impl<T> Future for Race<'_, T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.task.check()?;
        let polled = self.work.as_mut().poll(context);
        if polled.is_pending() {
            // Whoever was told something by the work may have cancelled it.
            self.task.check()?;
            self.task.wake_if_cancelled(context.waker());
        }
        polled.map(Ok)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::future::{pending, ready};
    use std::pin::pin;

    use super::*;

    /// A clock that shows so many milliseconds, always.
    pub(crate) struct Stopped(pub(crate) f64);

    impl Clock for Stopped {
        fn now(&self) -> f64 {
            self.0
        }

        fn unix_seconds(&self) -> i64 {
            0
        }

        fn sleep(&self, _: u32) -> Async<'static, ()> {
            Box::pin(pending())
        }

        fn yield_now(&self) -> Async<'static, ()> {
            Box::pin(ready(()))
        }
    }

    fn task() -> Task {
        Task::new(Rc::new(Stopped(0.0)), |_| {})
    }

    /// What comes of it at once.
    fn poll<T>(work: impl Future<Output = T>) -> Option<T> {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_shielded_operation_goes_on_and_its_parts_end() {
        let whole = task();
        let part = whole.part();
        assert_eq!(poll(part.race(pending::<()>())), None);
        whole.shield().unwrap();
        assert!(!whole.cancel());
        assert_eq!((whole.is_cancelled(), part.is_cancelled()), (false, true));
        assert_eq!(poll(part.race(ready(1))), Some(Err(Cancelled)));
        assert_eq!(poll(whole.race(ready(1))), Some(Ok(1)));
        assert!(whole.part().is_cancelled(), "what begins later has no time either");
    }

    #[test]
    fn an_operation_is_cancelled_with_its_parts() {
        let whole = task();
        let part = whole.part();
        assert!(whole.cancel());
        assert!(whole.is_cancelled() && part.is_cancelled() && whole.part().is_cancelled());
    }

    #[test]
    fn a_part_is_shielded_for_itself_and_tells_what_it_does_through_the_whole() {
        let told = Rc::new(Cell::new(0));
        let count = Rc::clone(&told);
        let whole = Task::new(Rc::new(Stopped(0.0)), move |_| count.set(count.get() + 1));
        let part = whole.part();
        part.shield().unwrap();
        part.tell(Event::Message(String::new()));
        assert_eq!(told.get(), 1);
        assert!(whole.cancel());
        assert!(!part.is_cancelled());
    }

    #[test]
    fn who_cancels_from_within_the_work_ends_it() {
        let whole = task();
        let inside = whole.clone();
        let work = async move {
            inside.cancel();
            pending::<()>().await;
        };
        assert_eq!(poll(whole.race(work)), Some(Err(Cancelled)));
    }
}

//! One request for all who miss something at the same time. Nothing runs by itself here: whoever
//! waits for a batch drives it, and when the last of them gives up, the request is dropped with it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::bring::{Brought, bring};
use crate::error::Outcome;
use crate::format::oid::ObjectId;
use crate::host::Async;
use crate::ops::remote::Options;
use crate::ops::repository::Repository;
use crate::sorted::SortedSet;
use crate::task::Task;

/// How long a batch waits, in milliseconds, for reads that are under way and add nothing to it:
/// they may have found all they look for.
const QUIET: f64 = 30.0;

/// How long a batch grows at most, in milliseconds.
const LONGEST: f64 = 500.0;

/// Between two looks at reads that are under way, in milliseconds.
const PAUSE: u32 = 1;

/// A request to be, or under way.
pub(super) struct Batch {
    wanted: Rc<Wanted>,
    callers: Rc<Callers>,
    /// `None` while it is polled, and once it ended.
    work: RefCell<Option<Async<'static, End>>>,
    end: RefCell<Option<Rc<End>>>,
    alarm: Arc<Alarm>,
}

/// How a batch ended.
pub(super) struct End {
    pub(super) outcome: Outcome<Brought>,
    /// The caller by whose options it was made gave up before.
    pub(super) abandoned: bool,
}

struct Wanted {
    oids: RefCell<SortedSet<ObjectId>>,
    /// Whether more can be added: nothing was sent yet.
    open: Cell<bool>,
}

impl Batch {
    /// A batch that will be sent after a moment.
    pub(super) fn new(repo: &Repository, oids: SortedSet<ObjectId>) -> Rc<Self> {
        let wanted = Rc::new(Wanted {
            oids: RefCell::new(oids),
            open: Cell::new(true),
        });
        let callers = Rc::new(Callers::default());
        let work = run(repo.clone(), Rc::clone(&wanted), Rc::clone(&callers));
        Rc::new(Batch {
            wanted,
            callers,
            work: RefCell::new(Some(Box::pin(work))),
            end: RefCell::new(None),
            alarm: Arc::default(),
        })
    }

    /// Whether it ended.
    pub(super) fn is_done(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Takes those off that it brings already. Answers whether there were any.
    pub(super) fn take(&self, left: &mut SortedSet<ObjectId>) -> bool {
        let wanted = self.wanted.oids.borrow();
        let before = left.len();
        left.retain(|oid| !wanted.contains(oid));
        left.len() < before
    }

    /// Adds to what it brings; `false` if it is too late for that.
    pub(super) fn add(&self, oids: &SortedSet<ObjectId>) -> bool {
        let open = self.wanted.open.get();
        if open {
            self.wanted.oids.borrow_mut().extend(oids);
        }
        open
    }

    /// A place among those who wait for it. What it has to tell, the first of them is told.
    pub(super) fn wait(self: &Rc<Self>, task: &Task, remote: &Rc<Options>) -> Waiting {
        Waiting {
            id: self.callers.enter(task, remote),
            batch: Rc::clone(self),
        }
    }
}

/// Waits for others, then fetches.
async fn run(repo: Repository, wanted: Rc<Wanted>, callers: Rc<Callers>) -> End {
    let listeners = Rc::clone(&callers);
    let task = Task::new(repo.host.clock.clone(), move |event| {
        if let Some(first) = listeners.first() {
            first.task.tell(event);
        }
    });
    gather(&repo, &wanted).await;
    wanted.open.set(false);
    let oids: Vec<ObjectId> = wanted.oids.borrow().iter().copied().collect();
    let lender = callers.first();
    let outcome = match &lender {
        Some(lender) => match repo.writer(&task).await {
            Ok(writer) => bring(&task, &repo, &writer, &lender.remote, &oids).await,
            Err(failure) => Err(failure),
        },
        // Nobody waits any more, so nobody polls this either.
        None => Ok(Brought::default()),
    };
    End {
        outcome,
        abandoned: lender.is_none_or(|lender| !callers.has(lender.id)),
    }
}

/// Resolves when no other read can be expected to add to the batch: nothing came for a moment, and
/// nobody reads who does not wait. Calls made together arrive one by one, and get as far as to miss
/// something at different times.
async fn gather(repo: &Repository, wanted: &Wanted) {
    let clock = &repo.host.clock;
    let started = clock.now();
    let (mut count, mut grew) = (0, started);
    clock.yield_now().await;
    loop {
        let now = clock.now();
        let found = wanted.oids.borrow().len();
        if found > count {
            (count, grew) = (found, now);
        } else if !repo.promisor.is_read() || now - grew > QUIET {
            return;
        }
        if now - started > LONGEST {
            return;
        }
        clock.sleep(PAUSE).await;
    }
}

#[derive(Clone)]
struct Caller {
    id: usize,
    task: Task,
    remote: Rc<Options>,
}

/// Those who wait, in the order in which they came.
#[derive(Default)]
struct Callers {
    waiting: RefCell<Vec<Caller>>,
    next: Cell<usize>,
}

impl Callers {
    fn enter(&self, task: &Task, remote: &Rc<Options>) -> usize {
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        self.waiting.borrow_mut().push(Caller {
            id,
            task: task.clone(),
            remote: Rc::clone(remote),
        });
        id
    }

    fn first(&self) -> Option<Caller> {
        self.waiting.borrow().first().cloned()
    }

    fn has(&self, id: usize) -> bool {
        self.waiting.borrow().iter().any(|caller| caller.id == id)
    }

    fn leave(&self, id: usize) {
        self.waiting.borrow_mut().retain(|caller| caller.id != id);
    }
}

/// Resolves with the batch. Dropping it leaves the batch to the others who wait.
pub(super) struct Waiting {
    batch: Rc<Batch>,
    id: usize,
}

impl Future for Waiting {
    type Output = Rc<End>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Rc<End>> {
        let batch = &self.batch;
        if let Some(end) = batch.end.borrow().as_ref() {
            return Poll::Ready(Rc::clone(end));
        }
        batch.alarm.sleep(self.id, context.waker());
        if !batch.alarm.answer() {
            return Poll::Pending;
        }
        // Taken out, so that nothing is borrowed while it runs.
        let Some(mut work) = batch.work.take() else {
            return Poll::Pending;
        };
        let waker = Waker::from(Arc::clone(&batch.alarm));
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                batch.work.replace(Some(work));
                Poll::Pending
            }
            Poll::Ready(end) => {
                let end = Rc::new(end);
                batch.end.replace(Some(Rc::clone(&end)));
                batch.alarm.wake_all();
                Poll::Ready(end)
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.batch.callers.leave(self.id);
        // It may have been the one that was woken to drive the work.
        self.batch.alarm.leave(self.id);
    }
}

/// Wakes one of those who wait whenever the work can go on, and all of them at its end.
struct Alarm {
    /// The work can go on, and was not polled since.
    rung: AtomicBool,
    sleepers: Mutex<Vec<(usize, Waker)>>,
}

impl Default for Alarm {
    fn default() -> Self {
        Alarm {
            rung: AtomicBool::new(true),
            sleepers: Mutex::default(),
        }
    }
}

impl Alarm {
    fn sleepers(&self) -> MutexGuard<'_, Vec<(usize, Waker)>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, id: usize, waker: &Waker) {
        let mut sleepers = self.sleepers();
        match sleepers.iter_mut().find(|(other, _)| *other == id) {
            Some((_, old)) => old.clone_from(waker),
            None => sleepers.push((id, waker.clone())),
        }
    }

    fn leave(&self, id: usize) {
        self.sleepers().retain(|(other, _)| *other != id);
        self.ring();
    }

    /// Whether it rang; it is quiet then.
    fn answer(&self) -> bool {
        self.rung.swap(false, Ordering::Relaxed)
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Relaxed);
        let first = self.sleepers().first().map(|(_, waker)| waker.clone());
        if let Some(first) = first {
            first.wake();
        }
    }

    fn wake_all(&self) {
        let sleepers = std::mem::take(&mut *self.sleepers());
        for (_, waker) in sleepers {
            waker.wake();
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

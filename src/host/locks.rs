//! Named locks within one process, with the semantics of the Web Locks API: requests for one name
//! are granted in order, shared holders stand beside each other, a stolen lock is not announced to
//! its holder.
//!
//! Used by the in-memory storage, and by the browser where `navigator.locks` does not exist (pages
//! served over plain http). It knows nothing of other tabs; [`super::Storage::locks_span_tabs`]
//! tells which of the two a storage has.

use crate::sorted::SortedMap;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::{LockGuard, LockMode, Wait};

/// A table of named locks. Clones share it.
#[derive(Clone, Default)]
pub struct LocalLocks {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    last_ticket: Cell<u64>,
    queues: RefCell<SortedMap<String, Queue>>,
}

#[derive(Default)]
struct Queue {
    holders: Vec<(u64, LockMode)>,
    waiting: VecDeque<(u64, LockMode, Option<Waker>)>,
}

impl LocalLocks {
    /// Takes the lock, as [`super::Storage::lock`] does.
    pub async fn lock(&self, name: &str, mode: LockMode, wait: Wait) -> Option<LockGuard> {
        let ticket = self.inner.last_ticket.get().wrapping_add(1);
        self.inner.last_ticket.set(ticket);
        {
            let mut queues = self.inner.queues.borrow_mut();
            let queue = queues.entry(name.to_owned()).or_default();
            match wait {
                Wait::Steal => {
                    queue.holders.clear();
                    queue.holders.push((ticket, mode));
                }
                Wait::No if !queue.waiting.is_empty() || !queue.admits(mode) => return None,
                Wait::No | Wait::Yes => {
                    queue.waiting.push_back((ticket, mode, None));
                    queue.promote();
                }
            }
        }
        // From here on dropping the ticket, held or still waiting, gives it back.
        let held = Ticket {
            inner: Rc::clone(&self.inner),
            name: name.to_owned(),
            ticket,
        };
        poll_fn(|context| {
            let mut queues = self.inner.queues.borrow_mut();
            let Some(queue) = queues.get_mut(name) else {
                return Poll::Ready(());
            };
            match queue.waiting.iter_mut().find(|(other, ..)| *other == ticket) {
                Some((.., waker)) => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
                // Held, or held and stolen meanwhile: the fence tells, not the lock.
                None => Poll::Ready(()),
            }
        })
        .await;
        Some(LockGuard::new(held))
    }
}

impl Queue {
    fn admits(&self, mode: LockMode) -> bool {
        self.holders.is_empty()
            || (mode == LockMode::Shared && self.holders.iter().all(|(_, held)| *held == LockMode::Shared))
    }

    fn promote(&mut self) {
        while let Some((ticket, mode, _)) = self.waiting.front() {
            let (ticket, mode) = (*ticket, *mode);
            if !self.admits(mode) {
                return;
            }
            self.holders.push((ticket, mode));
            if let Some((.., Some(waker))) = self.waiting.pop_front() {
                waker.wake();
            }
        }
    }
}

struct Ticket {
    inner: Rc<Inner>,
    name: String,
    ticket: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queues = self.inner.queues.borrow_mut();
        let Some(queue) = queues.get_mut(&self.name) else {
            return;
        };
        queue.holders.retain(|(ticket, _)| *ticket != self.ticket);
        queue.waiting.retain(|(ticket, ..)| *ticket != self.ticket);
        queue.promote();
        if queue.holders.is_empty() && queue.waiting.is_empty() {
            queues.remove(&self.name);
        }
    }
}

//! Rows that several calls want at the same time are read once: who comes second waits until they
//! are in the cache.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::store::pack_store::PackId;

/// What is read once and cached: a row, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Shard(PackId, u8),
    Block(PackId, u32),
    Chunk(PackId, u32),
    /// All rows of the commit-graph.
    Graph,
}

/// Which rows are being read, and who waits for each.
#[derive(Default)]
pub(crate) struct Loading {
    rows: RefCell<HashMap<Wanted, Vec<Waker>>>,
}

/// The duty to read some rows. It ends when this is dropped, be it that the rows are in the cache by
/// then, that they could not be read, or that the caller gave up: who waits looks again, and reads
/// them himself if they are still not there.
pub(crate) struct Claim<'a> {
    of: &'a Loading,
    rows: Vec<Wanted>,
}

impl Loading {
    /// Takes on those of the rows that nobody reads at present. If others read them all, waits until
    /// one of these is done with, and answers `None`: look again what is cached.
    pub(crate) async fn claim(&self, rows: &[Wanted]) -> Option<Claim<'_>> {
        let claim = self.claim_free(rows.iter().copied());
        if claim.rows.is_empty() {
            self.settled(rows).await;
            return None;
        }
        Some(claim)
    }

    /// Takes on those of the rows that nobody reads at present, if any.
    pub(super) fn claim_free(&self, rows: impl Iterator<Item = Wanted>) -> Claim<'_> {
        let mut reading = self.rows.borrow_mut();
        let free = rows.filter(|row| {
            let free = !reading.contains_key(row);
            if free {
                reading.insert(*row, Vec::new());
            }
            free
        });
        Claim {
            of: self,
            rows: free.collect(),
        }
    }

    /// Waits while somebody reads any of them.
    async fn settled(&self, rows: &[Wanted]) {
        poll_fn(|context| {
            let mut reading = self.rows.borrow_mut();
            let Some(row) = rows.iter().find(|row| reading.contains_key(row)) else {
                return Poll::Ready(());
            };
            let wakers = reading.entry(*row).or_default();
            if !wakers.iter().any(|other| other.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Claim<'_> {
    /// Whether the row is to be read by whoever holds this.
    pub(super) fn has(&self, row: Wanted) -> bool {
        self.rows.contains(&row)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut reading = self.of.rows.borrow_mut();
        let waiting: Vec<Waker> = self
            .rows
            .iter()
            .flat_map(|row| reading.remove(row).unwrap_or_default())
            .collect();
        drop(reading);
        for waker in waiting {
            waker.wake();
        }
    }
}

//! Bases from outside: what a thin pack's deltas are made against and the pack does not hold.
//!
//! They are asked for in the order of the deltas that need them, as `fix_unresolved_deltas()` of
//! git's `index-pack.c` does, one resolved to its end before the next is taken up. The order
//! matters: a thin pack may hold, as a delta, an object that another delta names as its base and
//! that exists outside as well. Packs are written base first, so by the time such a base would be
//! asked for it has been found in the pack.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Base, DeltaResolver, Did};
use crate::format::oid::ObjectId;
use crate::format::pack::External;
use crate::format::pack::error::{Limit, LimitExceeded, PackError};
use crate::format::pack::tree::NONE;

/// How many are asked for at a time, so that a store can look them up together.
const AT_A_TIME: usize = 256;

/// How many bases that are nowhere an error names.
const NAMED: usize = 10;

/// What is known of the bases from outside.
#[derive(Default)]
pub(super) struct Bases {
    /// All that may have to be asked for, in order; `None` before the first of them is needed.
    awaited: Option<VecDeque<ObjectId>>,
    asked: Vec<ObjectId>,
    provided: VecDeque<Base>,
}

impl Bases {
    /// What is to be looked up.
    pub(super) fn asked(&self) -> &[ObjectId] {
        &self.asked
    }

    /// Takes the answers for the first of [`Bases::asked`].
    pub(super) fn provide(&mut self, answers: Vec<Option<Base>>) {
        self.asked.drain(..answers.len().min(self.asked.len()));
        self.provided.extend(answers.into_iter().flatten());
    }
}

impl DeltaResolver {
    /// Takes up the next base from outside, or says which are needed.
    pub(super) fn next_external(&mut self) -> Result<Did, PackError> {
        while let Some(base) = self.bases.provided.pop_front() {
            // What was asked for may have turned up in the pack meanwhile.
            if self.forest.awaits(&self.pack, &base.oid) {
                return self.take_up(base);
            }
        }
        if !self.bases.asked.is_empty() {
            return Ok(Did::NeedBases);
        }
        let awaited = match &mut self.bases.awaited {
            Some(awaited) => awaited,
            none => none.insert(self.forest.awaited(&self.pack).into()),
        };
        while self.bases.asked.len() < AT_A_TIME
            && let Some(oid) = awaited.pop_front()
        {
            if self.forest.awaits(&self.pack, &oid) {
                self.bases.asked.push(oid);
            }
        }
        if !self.bases.asked.is_empty() {
            return Ok(Did::NeedBases);
        }
        let mut bases = self.forest.awaited(&self.pack);
        bases.truncate(NAMED);
        Err(PackError::Unresolved {
            count: self.pack.deltas - self.resolved,
            bases,
        })
    }

    fn take_up(&mut self, base: Base) -> Result<Did, PackError> {
        let Base { oid, kind, content } = base;
        let size = content.len() as u64;
        let number = self.pack.entries.len().saturating_add(self.external.len());
        let objects = (number as u64).saturating_add(1);
        LimitExceeded::check(Limit::Objects, self.limits.objects, objects)?;
        LimitExceeded::check(Limit::ObjectBytes, self.limits.object_bytes, size)?;
        self.pack.resolved_bytes = self.pack.resolved_bytes.saturating_add(size);
        let seen = self.pack.resolved_bytes;
        LimitExceeded::check(Limit::ResolvedBytes, self.limits.resolved_bytes, seen)?;
        let row = u32::try_from(number).ok().filter(|row| *row != NONE);
        let row = row.ok_or(PackError::Misuse)?;
        let first = self.forest.join(&mut self.pack, row, oid, NONE)?;
        self.external.push(External { oid, kind, size });
        self.push(row, kind, first, Rc::new(content));
        Ok(Did::External)
    }
}

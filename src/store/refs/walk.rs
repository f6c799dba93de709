//! Refs in order, some at a time: packed rows and single rows brought together.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use super::{Ref, Refs, packed_key, parse_packed, parse_single, single_key};
use crate::host::Table;
use crate::store::error::StoreError;

/// Packed rows read together: half a MiB, some 8 000 refs.
pub(super) const ROWS: usize = 8;

/// Single rows listed together.
const SINGLES: usize = 1024;

/// The refs whose names start with a prefix, ordered bytewise. What changes meanwhile is told as it
/// was or as it is.
pub struct RefsWalk {
    refs: Refs,
    prefix: Vec<u8>,
    /// Packed rows still to be read, and the refs of those that were.
    rows: Range<usize>,
    packed: VecDeque<Ref>,
    /// Where the list of single rows goes on; `None` at its end.
    after: Option<Vec<u8>>,
    /// `None` under a name says that the ref is deleted.
    singles: VecDeque<(Vec<u8>, Option<Ref>)>,
}

impl RefsWalk {
    pub(super) fn new(refs: &Refs, prefix: &[u8], rows: Range<usize>) -> Self {
        RefsWalk {
            refs: refs.clone(),
            prefix: prefix.to_vec(),
            rows,
            packed: VecDeque::new(),
            after: Some(Vec::new()),
            singles: VecDeque::new(),
        }
    }

    /// Some more; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Ref>>, StoreError> {
        loop {
            if self.packed.is_empty() && !self.rows.is_empty() {
                self.read_rows().await?;
            }
            if self.singles.is_empty() && self.after.is_some() {
                self.list_singles().await?;
            }
            let found = self.merge();
            if !found.is_empty() {
                return Ok(Some(found));
            }
            if self.rows.is_empty() && self.after.is_none() && self.packed.is_empty() && self.singles.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Takes refs as long as it is known which one is next.
    fn merge(&mut self) -> Vec<Ref> {
        let mut found = Vec::new();
        loop {
            let (packed, single) = (self.packed.front(), self.singles.front());
            let single_first = match (packed, single) {
                (Some(packed), Some((name, _))) => *name <= packed.name,
                (None, Some(_)) if self.rows.is_empty() => true,
                (Some(_), None) if self.after.is_none() => false,
                _ => return found,
            };
            if !single_first {
                found.extend(self.packed.pop_front());
            } else if let Some((name, single)) = self.singles.pop_front() {
                // It counts for more than the packed one.
                self.packed.pop_front_if(|packed| packed.name == name);
                found.extend(single);
            }
        }
    }

    async fn read_rows(&mut self) -> Result<(), StoreError> {
        let end = self.rows.end.min(self.rows.start.saturating_add(ROWS));
        let keys = (self.rows.start..end).map(packed_key).collect::<Result<Vec<_>, _>>()?;
        self.rows.start = end;
        for (key, row) in self.refs.packed_rows(keys).await? {
            self.packed.extend(parse_packed(&key, &row)?);
        }
        self.packed.retain(|found| found.name.starts_with(&self.prefix));
        Ok(())
    }

    /// Of the single rows alone: names that some more of them hold, and those that they delete. `None`
    /// at the end.
    pub(super) async fn next_singles(&mut self) -> Result<Option<(Vec<Vec<u8>>, Vec<Vec<u8>>)>, StoreError> {
        if self.after.is_none() {
            return Ok(None);
        }
        self.list_singles().await?;
        let (held, gone): (Vec<_>, Vec<_>) = self.singles.drain(..).partition(|(_, single)| single.is_some());
        let names = |singles: Vec<(Vec<u8>, Option<Ref>)>| singles.into_iter().map(|(name, _)| name).collect();
        Ok(Some((names(held), names(gone))))
    }

    async fn list_singles(&mut self) -> Result<(), StoreError> {
        let backend = Rc::clone(&self.refs.backend);
        let rows = backend
            .list(Table::Refs, &single_key(&self.prefix), self.after.as_deref(), SINGLES)
            .await?;
        self.after = rows
            .last()
            .map(|(key, _)| key.clone())
            .filter(|_| rows.len() == SINGLES);
        for (key, row) in rows {
            let name = key.get(1..).unwrap_or_default();
            self.singles.push_back((name.to_vec(), parse_single(name, &row)?));
        }
        Ok(())
    }
}

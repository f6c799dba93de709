//! Bases that were dropped to save memory, and how they come back.

use std::rc::Rc;

use super::{DeltaResolver, Did, PackBytes, index};
use crate::format::pack::error::{Limit, LimitExceeded, PackError};

/// Rows from the one to be rebuilt up to the first that is at hand; taken from the end.
pub(super) struct Rebuild {
    path: Vec<u32>,
    content: Content,
}

enum Content {
    /// A frame has it.
    Frame(usize),
    /// A root of the pack, still to be inflated.
    Root,
    /// Rebuilt so far.
    Own(Rc<Vec<u8>>),
}

impl DeltaResolver {
    /// Lets go of the bases nearest to the root, as `prune_base_data()` does in git, but never of
    /// the top one, nor of an external one (which could not be rebuilt).
    pub(super) fn drop_shallow(&mut self) {
        while self.held > self.limits.base_bytes && self.dropped + 1 < self.stack.len() {
            let entries = self.pack.entries.len();
            if let Some(frame) = self.stack.get_mut(self.dropped)
                && index(frame.row) < entries
                && let Some(content) = frame.content.take()
            {
                self.held = self.held.saturating_sub(content.len() as u64);
            }
            self.dropped += 1;
        }
    }

    /// Finds the way from the top frame up to the nearest base that is at hand.
    pub(super) fn start_rebuild(&mut self) {
        let Some(mut row) = self.stack.last().map(|frame| frame.row) else {
            return;
        };
        let mut path = vec![row];
        let mut frame = self.stack.len() - 1;
        let content = loop {
            let Some(base) = self.pack.entries.get(index(row)).and_then(|entry| entry.base) else {
                break Content::Root;
            };
            row = base;
            // Frames are in the order of the path; some of the path has no frame any more.
            if let Some(above) = frame.checked_sub(1).and_then(|above| self.stack.get(above))
                && above.row == row
            {
                frame -= 1;
                if above.content.is_some() {
                    break Content::Frame(frame);
                }
            }
            path.push(row);
        };
        self.rebuild = Some(Rebuild { path, content });
    }

    /// One step on the way.
    pub(super) fn rebuild_one<B: PackBytes + ?Sized>(&mut self, bytes: &B) -> Result<Did, PackError> {
        let Some(Rebuild { path, content }) = &self.rebuild else {
            return Ok(Did::Work);
        };
        let Some(row) = path.last().copied() else {
            return self.finish_rebuild();
        };
        let (at, range) = self.range(row)?;
        let Some(raw) = bytes.get(range.clone()) else {
            return Ok(Did::NeedBytes(range));
        };
        let result = match content {
            Content::Root => self.tools.root(at, &raw)?,
            Content::Own(base) => self.tools.apply(at, &raw, base)?,
            Content::Frame(frame) => match self.stack.get(*frame).map(|frame| &frame.content) {
                Some(Some(base)) => self.tools.apply(at, &raw, base)?,
                _ => return Err(PackError::Misuse),
            },
        };
        // A pack that is made to be rebuilt again and again ends here.
        self.rebuilt_bytes = self.rebuilt_bytes.saturating_add(result.len() as u64);
        LimitExceeded::check(Limit::ResolvedBytes, self.limits.resolved_bytes, self.rebuilt_bytes)?;
        if let Some(rebuild) = &mut self.rebuild {
            rebuild.path.pop();
            if let Content::Own(old) = std::mem::replace(&mut rebuild.content, Content::Own(result)) {
                self.tools.recycle(old);
            }
        }
        Ok(Did::Work)
    }

    fn finish_rebuild(&mut self) -> Result<Did, PackError> {
        if let Some(Rebuild {
            content: Content::Own(content),
            ..
        }) = self.rebuild.take()
            && let Some(top) = self.stack.last_mut()
        {
            self.held += content.len() as u64;
            top.content = Some(content);
            self.dropped = self.dropped.min(self.stack.len() - 1);
            self.drop_shallow();
        }
        Ok(Did::Work)
    }
}

//! Blobs that pass through a window and are hashed, never held.

use super::{Found, FoundWhat, PackScanner, State, inflate_error};
use crate::format::object::Kind;
use crate::format::pack::error::PackError;

/// Output of a large blob between two chances for others to run.
const PASSING_STEP: u64 = 4 << 20;

impl PackScanner {
    /// Takes what is there of the blob at hand.
    pub(super) fn large(&mut self, offset: u64, size: u64) -> Result<Option<Found>, PackError> {
        let row = self.objects();
        let State::Large { hasher, .. } = &mut self.state else {
            return Err(PackError::Misuse);
        };
        let start = self.inflater.total();
        loop {
            let input = self.input.get(self.at..).unwrap_or_default();
            let pushed = self
                .inflater
                .push_window(input, &mut self.window)
                .map_err(inflate_error(offset))?;
            let fresh = self.window.fresh();
            hasher.update(fresh);
            self.at += pushed.consumed;
            if pushed.done {
                break;
            }
            if fresh.is_empty() && pushed.consumed == input.len() {
                return Ok(None);
            }
            let done = self.inflater.total();
            if done - start >= PASSING_STEP {
                let what = FoundWhat::Passing { done };
                return Ok(Some(Found { row, offset, what }));
            }
        }
        let oid = hasher.clone().finish().map_err(|error| PackError::Collision {
            at: offset,
            oid: error.oid,
        })?;
        let row = self.push_row(offset, size, None, Kind::Blob, oid)?;
        let what = FoundWhat::LargeBlob { oid, size };
        Ok(Some(Found { row, offset, what }))
    }
}

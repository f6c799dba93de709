//! From an entry's bytes to an object's content.

use crate::format::pack::delta::{self, DeltaError};
use crate::format::pack::entry::{self, EntryKind};
use crate::format::pack::error::PackError;
use crate::format::zlib::{InflateError, Inflater};

/// How many spare buffers are kept, and how large they may be.
const SPARE: usize = 8;
const SPARE_BYTES: usize = 1 << 20;

/// Reused from one entry to the next.
#[derive(Default)]
pub(super) struct Tools {
    inflater: Inflater,
    delta: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

impl Tools {
    /// The content of an object that is stored whole.
    pub(super) fn root(&mut self, at: u64, raw: &[u8]) -> Result<Vec<u8>, PackError> {
        let changed = PackError::Changed { at };
        let Ok(Some(header)) = entry::read(raw) else {
            return Err(changed);
        };
        let body = raw.get(header.length..).unwrap_or_default();
        let mut content = self.buffer();
        let done = self.inflater.inflate(body, header.size, &mut content);
        done.map_err(|error| again(at, error))?;
        match header.kind {
            EntryKind::Whole(_) => Ok(content),
            _ => Err(changed),
        }
    }

    /// Inflates a delta and applies it.
    pub(super) fn apply(&mut self, at: u64, raw: &[u8], base: &[u8]) -> Result<Vec<u8>, PackError> {
        let changed = PackError::Changed { at };
        let Ok(Some(header)) = entry::read(raw) else {
            return Err(changed);
        };
        let body = raw.get(header.length..).unwrap_or_default();
        let done = self.inflater.inflate(body, header.size, &mut self.delta);
        done.map_err(|error| again(at, error))?;
        let mut content = self.buffer();
        delta::apply(base, &self.delta, &mut content).map_err(|error| match error {
            DeltaError::Memory { bytes } => PackError::Memory { at, bytes },
            error => PackError::Delta { at, error },
        })?;
        Ok(content)
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE && buffer.capacity() <= SPARE_BYTES {
            self.spare.push(buffer);
        }
    }
}

/// What inflated in the first pass and does not in the second was changed in between.
fn again(at: u64, error: InflateError) -> PackError {
    match error {
        InflateError::Memory { bytes } => PackError::Memory { at, bytes },
        _ => PackError::Changed { at },
    }
}

//! From an entry's bytes to an object's content.

use std::rc::Rc;

use crate::format::pack::delta::{self, DeltaError};
use crate::format::pack::entry::{self, EntryKind};
use crate::format::pack::error::PackError;
use crate::format::zlib::{InflateError, Inflater};

/// How many spare buffers are kept, and how large they may be: as many as a group has objects, and
/// some for the path.
const SPARE: usize = 24;
const SPARE_BYTES: usize = 1 << 20;

/// Reused from one entry to the next.
#[derive(Default)]
pub(super) struct Tools {
    inflater: Inflater,
    delta: Vec<u8>,
    spare: Vec<Rc<Vec<u8>>>,
}

impl Tools {
    /// The content of an object that is stored whole.
    pub(super) fn root(&mut self, at: u64, raw: &[u8]) -> Result<Rc<Vec<u8>>, PackError> {
        let changed = PackError::Changed { at };
        let Ok(Some(header)) = entry::read(raw) else {
            return Err(changed);
        };
        let body = raw.get(header.length..).unwrap_or_default();
        let mut content = self.buffer();
        let done = self.inflater.inflate(body, header.size, Rc::make_mut(&mut content));
        done.map_err(|error| again(at, error))?;
        match header.kind {
            EntryKind::Whole(_) => Ok(content),
            _ => Err(changed),
        }
    }

    /// Inflates a delta and applies it.
    pub(super) fn apply(&mut self, at: u64, raw: &[u8], base: &[u8]) -> Result<Rc<Vec<u8>>, PackError> {
        let changed = PackError::Changed { at };
        let Ok(Some(header)) = entry::read(raw) else {
            return Err(changed);
        };
        let body = raw.get(header.length..).unwrap_or_default();
        let done = self.inflater.inflate(body, header.size, &mut self.delta);
        done.map_err(|error| again(at, error))?;
        let mut content = self.buffer();
        delta::apply(base, &self.delta, Rc::make_mut(&mut content)).map_err(|error| match error {
            DeltaError::Memory { bytes } => PackError::Memory { at, bytes },
            error => PackError::Delta { at, error },
        })?;
        Ok(content)
    }

    /// A buffer that nobody else has.
    fn buffer(&mut self) -> Rc<Vec<u8>> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps the buffer for another object, unless somebody still has it.
    pub(super) fn recycle(&mut self, buffer: Rc<Vec<u8>>) {
        if self.spare.len() < SPARE && buffer.capacity() <= SPARE_BYTES && Rc::strong_count(&buffer) == 1 {
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

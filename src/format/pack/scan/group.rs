//! Objects that are stored whole are hashed some at a time: four in the lanes of a vector take less
//! than half of the time that they take one by one (see [`hash_objects`]).

use super::PackScanner;
use crate::format::hash::{Collision, hash_objects};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::error::PackError;

/// Objects that are hashed together.
const TOGETHER: usize = 16;

/// They are hashed sooner if they have so many bytes.
const BYTES: usize = 1 << 20;

/// Buffers larger than this are not kept for other objects.
const KEEP: usize = 256 << 10;

/// An object that was inflated.
pub(super) struct Whole {
    pub(super) row: u32,
    pub(super) offset: u64,
    pub(super) kind: Kind,
    /// Its bytes are the first ones of the buffer.
    size: usize,
    buffer: Vec<u8>,
}

impl Whole {
    fn content(&self) -> &[u8] {
        self.buffer.get(..self.size).unwrap_or_default()
    }
}

/// Objects that are collected, then hashed, then handed out.
#[derive(Default)]
pub(super) struct Group {
    objects: Vec<Whole>,
    bytes: usize,
    /// As many as there are objects, once they were hashed.
    oids: Vec<ObjectId>,
    /// How many were handed out.
    given: usize,
    spare: Vec<Vec<u8>>,
}

impl Group {
    /// Takes the object that was inflated into a buffer, and leaves another buffer there.
    pub(super) fn add(&mut self, row: u32, offset: u64, kind: Kind, size: usize, buffer: &mut Vec<u8>) {
        let buffer = std::mem::replace(buffer, self.spare.pop().unwrap_or_default());
        self.bytes += size;
        self.objects.push(Whole {
            row,
            offset,
            kind,
            size,
            buffer,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether it is time to hash them.
    pub(super) fn is_full(&self) -> bool {
        self.objects.len() >= TOGETHER || self.bytes >= BYTES
    }

    /// The number of the next object to hand out, with its id. After the last one the group is empty.
    pub(super) fn give(&mut self) -> Option<(usize, &Whole, ObjectId)> {
        let number = self.given;
        let Some(oid) = self.oids.get(number).copied() else {
            if number > 0 {
                self.clear();
            }
            return None;
        };
        self.given += 1;
        Some((number, self.objects.get(number)?, oid))
    }

    /// The content of an object that was handed out last.
    pub(super) fn content(&self, number: usize) -> &[u8] {
        self.objects.get(number).map(Whole::content).unwrap_or_default()
    }

    fn clear(&mut self) {
        let buffers = self.objects.drain(..).map(|object| object.buffer);
        self.spare.extend(buffers.filter(|buffer| buffer.capacity() <= KEEP));
        self.oids.clear();
        (self.bytes, self.given) = (0, 0);
    }
}

impl PackScanner {
    /// Hashes the objects that were collected.
    pub(super) fn hash_group(&mut self) -> Result<(), PackError> {
        let contents: Vec<_> = self
            .group
            .objects
            .iter()
            .map(|object| (object.kind, object.content()))
            .collect();
        let mut oids: Vec<Result<ObjectId, Collision>> = Vec::with_capacity(contents.len());
        hash_objects(&contents, &mut oids);
        for (object, oid) in self.group.objects.iter().zip(oids) {
            let oid = oid.map_err(|error| PackError::Collision {
                at: object.offset,
                oid: error.oid,
            })?;
            let entry = usize::try_from(object.row).ok();
            if let Some(entry) = entry.and_then(|row| self.pack.entries.get_mut(row)) {
                entry.oid = oid;
            }
            self.group.oids.push(oid);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::hash::hash_object;
    use crate::format::pack::Limits;
    use crate::format::pack::scan::{Scanned, What};
    use crate::format::pack::write::PackWriter;

    #[test]
    fn objects_of_all_sizes_are_handed_out_in_their_order_with_their_ids_however_the_pack_is_cut() {
        let sizes = [0, 1, 55, 300, 70_000, KEEP + 1, BYTES + 1, 8 << 10];
        let contents: Vec<Vec<u8>> = (0..=TOGETHER * 5)
            .map(|n| (0..sizes[n % sizes.len()]).map(|at| (at * n / 7) as u8).collect())
            .collect();
        let mut pack = Vec::new();
        let mut writer = PackWriter::begin(contents.len() as u32, &mut pack);
        for content in &contents {
            writer.object(Kind::Blob, content, &mut pack);
        }
        writer.finish(&mut pack);
        for step in [pack.len(), 65_536, 999] {
            let mut scanner = PackScanner::new(Limits::default());
            let mut seen = Vec::new();
            for bytes in pack.chunks(step) {
                scanner.feed(bytes).unwrap();
                while let Some(Scanned { row, what, .. }) = scanner.next().unwrap() {
                    let What::Object { kind, oid, content } = what else {
                        panic!("{what:?}");
                    };
                    assert_eq!(content, contents[row as usize]);
                    assert_eq!(oid, hash_object(kind, content).unwrap());
                    seen.push(row);
                }
            }
            assert!(seen.iter().copied().eq(0..contents.len() as u32), "{step}: {seen:?}");
            let spare: usize = scanner.group.spare.iter().map(Vec::capacity).sum();
            assert!(spare <= (TOGETHER + 1) * KEEP, "{spare} bytes are kept");
            let scanned = scanner.finish().unwrap();
            assert_eq!(scanned.objects() as usize, contents.len());
        }
    }
}

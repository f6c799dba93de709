//! Numbers by the ids they stand for: open addressing, in parts that grow each for itself, so that
//! no insertion takes long, however many ids there are.

use super::NONE;
use crate::format::oid::ObjectId;

/// Bits of a hash that choose the part. With a million ids, one that grows moves 4 000 of them.
const PART_BITS: u32 = 8;

/// Slots of a part that has something.
const FIRST: usize = 16;

/// The numbers, each in the part and near the slot that the hash of its id says.
pub(super) struct Table {
    parts: Vec<Part>,
}

#[derive(Clone, Default)]
struct Part {
    /// [`NONE`] where empty. A power of two, or none.
    slots: Vec<u32>,
    used: usize,
}

/// The hash of an id. The seed keeps those who choose ids from choosing where they go.
pub(super) fn hash(seed: u64, oid: &ObjectId) -> u64 {
    let [a, b, ..] = oid.as_bytes().as_chunks::<8>().0 else {
        return 0;
    };
    let mixed = (u64::from_le_bytes(*a) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29 ^ u64::from_le_bytes(*b)).wrapping_mul(seed | 0xbf58_476d_1ce4_e5b9)
}

impl Table {
    pub(super) fn new() -> Self {
        Table {
            parts: vec![Part::default(); 1 << PART_BITS],
        }
    }

    /// The number of that hash that `is` the one.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let part = self.parts.get(part_of(hash))?;
        let mut slot = part.slot(hash);
        loop {
            let number = *part.slots.get(slot)?;
            if number == NONE {
                return None;
            }
            if is(number) {
                return Some(number);
            }
            slot = part.after(slot);
        }
    }

    /// Adds a number that is not in it; `hash_of` tells the hashes of the others.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let Some(part) = self.parts.get_mut(part_of(hash)) else {
            return;
        };
        part.used += 1;
        if part.used > part.slots.len() / 4 * 3 {
            let larger = vec![NONE; (part.slots.len() * 2).max(FIRST)];
            for number in std::mem::replace(&mut part.slots, larger) {
                if number != NONE {
                    part.put(hash_of(number), number);
                }
            }
        }
        part.put(hash, number);
    }
}

fn part_of(hash: u64) -> usize {
    usize::try_from(hash >> (u64::BITS - PART_BITS)).unwrap_or(0)
}

impl Part {
    fn slot(&self, hash: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        let within = (hash << PART_BITS).checked_shr(u64::BITS - bits);
        usize::try_from(within.unwrap_or(0)).unwrap_or(0)
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    fn put(&mut self, hash: u64, number: u32) {
        let mut slot = self.slot(hash);
        while self.slots.get(slot).is_some_and(|taken| *taken != NONE) {
            slot = self.after(slot);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = number;
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::cell::Cell;

    use super::*;
    use crate::format::oid::OID_LEN;

    fn oid(number: u32) -> ObjectId {
        let mut bytes = [0; OID_LEN];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ObjectId::new(bytes)
    }

    #[test]
    fn everything_is_found_and_no_insertion_moves_more_than_a_hundredth() {
        const COUNT: u32 = 50_000;
        let of = |number: u32| hash(5, &oid(number));
        let mut table = Table::new();
        for number in 0..COUNT {
            assert_eq!(table.find(of(number), |found| found == number), None);
            let moved = Cell::new(0);
            table.insert(of(number), number, |number| {
                moved.set(moved.get() + 1);
                of(number)
            });
            assert!(moved.get() <= COUNT / 100, "{number}: {} moved", moved.get());
        }
        for number in 0..COUNT {
            assert_eq!(table.find(of(number), |found| found == number), Some(number));
        }
    }
}

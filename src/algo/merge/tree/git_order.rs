//! The order in which git walks a map of paths (`hashmap.c`, `strhash`): its merges look at
//! directories in that order, and among renames that are equally good the first one counts.

/// Entries of the table at first (`HASHMAP_INITIAL_SIZE`).
const FIRST_SIZE: u32 = 64;

/// The table is four times as large as soon as it is filled that much, in percent.
const LOAD: u64 = 80;

/// For names that were inserted in this order: their places in the order in which they are walked.
pub(super) fn git_order<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<usize> {
    let mut table = Table::new(FIRST_SIZE);
    let mut count = 0u64;
    for (place, name) in names.enumerate() {
        table.add(place, hash(name));
        count += 1;
        if count > u64::from(table.size) * LOAD / 100
            && let Some(size) = table.size.checked_mul(4)
        {
            let mut larger = Table::new(size);
            // What was walked last is found first in the new one: a chain is turned around.
            table.walk().for_each(|(place, hash)| larger.add(place, hash));
            table = larger;
        }
    }
    table.walk().map(|(place, _)| place).collect()
}

/// Chains by hash, each with the entry that came last at its end.
struct Table {
    size: u32,
    chains: crate::sorted::SortedMap<u32, Vec<(usize, u32)>>,
}

impl Table {
    fn new(size: u32) -> Self {
        Table {
            size,
            chains: crate::sorted::SortedMap::new(),
        }
    }

    fn add(&mut self, place: usize, hash: u32) {
        let chain = hash & self.size.saturating_sub(1);
        self.chains.entry(chain).or_default().push((place, hash));
    }

    fn walk(&self) -> impl Iterator<Item = (usize, u32)> {
        self.chains.values().flat_map(|chain| chain.iter().rev().copied())
    }
}

/// FNV-1, 32 bits.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(*byte)
    })
}

//! A cache bounded by the weight of what it holds, least recently used out first.

use crate::sorted::SortedMap;
use std::collections::HashMap;
use std::hash::Hash;

/// The cache. A value heavier than the whole budget is not kept.
pub(crate) struct Lru<K, V> {
    budget: usize,
    weight: usize,
    clock: u64,
    values: HashMap<K, Held<V>>,
    by_age: SortedMap<u64, K>,
}

struct Held<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Hash + Eq + Copy, V: Clone> Lru<K, V> {
    pub(crate) fn new(budget: usize) -> Self {
        Lru {
            budget,
            weight: 0,
            clock: 0,
            values: HashMap::new(),
            by_age: SortedMap::new(),
        }
    }

    /// The value, which becomes the most recently used.
    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let held = self.values.get_mut(key)?;
        self.by_age.remove(&held.used);
        self.clock += 1;
        held.used = self.clock;
        self.by_age.insert(held.used, *key);
        Some(held.value.clone())
    }

    /// Whether the value is there. It becomes no younger.
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// Keeps a value, at the price of others.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        if weight > self.budget {
            return;
        }
        while self.weight > self.budget - weight {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            if let Some(held) = self.values.remove(&oldest) {
                self.weight -= held.weight;
            }
        }
        self.clock += 1;
        self.by_age.insert(self.clock, key);
        self.values.insert(
            key,
            Held {
                value,
                weight,
                used: self.clock,
            },
        );
        self.weight += weight;
    }

    /// Lets go of all values whose key is not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let out: Vec<K> = self.values.keys().filter(|key| !keep(key)).copied().collect();
        for key in out {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some(held) = self.values.remove(key) {
            self.by_age.remove(&held.used);
            self.weight -= held.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_least_recently_used_leaves_first_and_the_weight_stays_within_the_budget() {
        let mut lru = Lru::new(10);
        for (key, weight) in [(1, 4), (2, 4)] {
            lru.insert(key, key * 100, weight);
        }
        assert_eq!(lru.get(&1), Some(100));
        lru.insert(3, 300, 4);
        assert_eq!((lru.get(&1), lru.get(&2), lru.get(&3)), (Some(100), None, Some(300)));
        assert_eq!(lru.weight, 8);
        lru.insert(4, 400, 11);
        assert_eq!((lru.get(&4), lru.weight), (None, 8), "too heavy to keep");
        lru.insert(5, 500, 10);
        assert_eq!((lru.values.len(), lru.by_age.len(), lru.weight), (1, 1, 10));
        lru.insert(5, 501, 2);
        assert_eq!((lru.get(&5), lru.weight), (Some(501), 2));
        lru.insert(6, 600, 3);
        lru.retain(|key| *key != 5);
        assert_eq!((lru.get(&5), lru.get(&6), lru.weight), (None, Some(600), 3));
    }
}

//! Maps of ours beside the standard library's.

use std::collections::BTreeMap;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

fn assert_same(ours: &SortedMap<u64, u64>, theirs: &BTreeMap<u64, u64>) {
    assert!(ours.iter().eq(theirs.iter()));
    assert!(ours.iter().rev().eq(theirs.iter().rev()));
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.chunks.iter().all(|chunk| (1..=FULL).contains(&chunk.len())));
}

#[test]
fn a_map_is_what_the_standard_librarys_is() {
    for (seed, keys) in [(1, 40), (2, 400), (3, 4_000), (4, 1_000_000)] {
        let mut dice = Dice(seed);
        let (mut ours, mut theirs) = (SortedMap::new(), BTreeMap::new());
        for step in 0..20_000 {
            let key = dice.below(keys);
            // It grows at first and shrinks in the end.
            match dice.below(if step < 12_000 { 12 } else { 6 }) {
                0 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
                1 => assert_eq!(ours.pop_first(), theirs.pop_first()),
                2 => assert_eq!(ours.remove_entry(&key), theirs.remove_entry(&key)),
                3 => assert_eq!(ours.get(&key), theirs.get(&key)),
                4 => {
                    *ours.entry(key).or_default() += 1;
                    *theirs.entry(key).or_default() += 1;
                }
                _ => assert_eq!(ours.insert(key, step), theirs.insert(key, step)),
            }
            if let (Some(one), Some(other)) = (ours.get_mut(&key), theirs.get_mut(&key)) {
                *one = step;
                *other = step;
            }
            if step % 500 == 0 {
                assert_same(&ours, &theirs);
                let (low, high) = (key.min(keys / 2), key.max(keys / 2));
                assert!(ours.range(low..high).eq(theirs.range(low..high)));
                assert!(ours.range(low..=high).rev().eq(theirs.range(low..=high).rev()));
                assert!(ours.range(..low).eq(theirs.range(..low)));
                let after = (Bound::Excluded(low), Bound::Unbounded);
                assert!(ours.range::<u64, _>(after).eq(theirs.range::<u64, _>(after)));
                assert_eq!(ours.first_key_value(), theirs.first_key_value());
                assert_eq!(ours.last_key_value(), theirs.last_key_value());
            }
        }
        assert_same(&ours, &theirs);
        ours.retain(|key, _| key % 3 == 0);
        theirs.retain(|key, _| key % 3 == 0);
        assert_same(&ours, &theirs);
        assert_eq!(ours, ours.clone().into_iter().rev().collect());
        assert!(ours.into_iter().eq(theirs));
    }
}

#[test]
fn what_comes_in_order_fills_its_chunks() {
    let map: SortedMap<u32, ()> = (0..1_000).map(|key| (key, ())).collect();
    assert_eq!(map.chunks.len(), 1_000_usize.div_ceil(FULL));
}

#[test]
fn a_range_that_ends_before_it_starts_is_empty() {
    let set: SortedSet<u32> = (0..300).collect();
    let (early, late) = (100, 200);
    assert_eq!(set.range(late..early).count(), 0);
    assert_eq!(set.range(late..early).rev().count(), 0);
    assert_eq!(set.range(400..).next(), None);
}

#[test]
fn a_set_keeps_what_it_has_and_is_equal_whatever_its_order_was() {
    let mut set: SortedSet<String> = ["b", "a", "c", "a"].map(String::from).into_iter().collect();
    assert!(!set.insert("a".into()));
    assert_eq!(set.get("c").map(String::as_str), Some("c"));
    assert_eq!(set.iter().next_back().map(String::as_str), Some("c"));
    assert!(set.remove("b"));
    assert_eq!(set, ["c", "a"].map(String::from).into_iter().collect());
    let other = SortedSet::from_iter(["a".to_owned()]);
    assert!(set.difference(&other).eq(["c"]));
}

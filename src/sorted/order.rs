//! Sorting, the algorithm compiled once.
//!
//! The standard library's sorts are compiled anew for each type and each way to compare, 3 to 8 KB
//! of wasm a time. Here one merge sort of places is there for all of them; what is particular to a
//! list is how two of its items compare, and a loop that moves items to their places. It takes
//! about twice as long as the standard library's, so that lists with an entry for each object of a
//! repository are sorted by that.

use std::cmp::Ordering;

/// Whether the item at the first place may stand before that at the second.
type InOrder<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// Sorts a list; equal items stay in their order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts a list by a key of each item; items of the same key stay in their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

/// Sorts a list by a key that is made once for each item; items of the same key stay in their order.
pub fn sort_by_cached_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let keys: Vec<K> = items.iter().map(key).collect();
    let places = places(items.len(), &mut |one, other| keys[one] <= keys[other]);
    arrange(places, &mut |one, other| items.swap(one, other));
}

/// Sorts a list by a comparison; equal items stay in their order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let places = places(items.len(), &mut |one, other| {
        compare(&items[one], &items[other]).is_le()
    });
    arrange(places, &mut |one, other| items.swap(one, other));
}

/// Where in a list of this length the first, the second and so on in the order are.
fn places(count: usize, in_order: InOrder<'_>) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1;
    while width < count {
        merged.clear();
        for pair in places.chunks(2 * width) {
            match pair.split_at_checked(width) {
                Some((left, right)) => merge(left, right, &mut merged, in_order),
                None => merged.extend_from_slice(pair),
            }
        }
        std::mem::swap(&mut places, &mut merged);
        width *= 2;
    }
    places
}

/// Appends what is in two sorted lists, in order.
fn merge(mut left: &[usize], mut right: &[usize], merged: &mut Vec<usize>, in_order: InOrder<'_>) {
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && !in_order(*last, *first)
    {
        while let ([one, lefts @ ..], [other, rights @ ..]) = (left, right) {
            if in_order(*one, *other) {
                merged.push(*one);
                left = lefts;
            } else {
                merged.push(*other);
                right = rights;
            }
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
}

/// Brings each item to its place, one cycle of exchanges after the other.
fn arrange(mut places: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..places.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut places[at], at);
            if from == start {
                break;
            }
            swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_standard_library_and_equal_items_keep_theirs() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for count in (0..70).chain([1000, 4096, 5000]) {
            for kinds in [1, 2, 7, 1 << 30] {
                let items: Vec<(u64, usize)> = (0..count).map(|at| (random(kinds), at)).collect();
                let check = |mut items: Vec<(u64, usize)>| {
                    let mut expected = items.clone();
                    expected.sort_by_key(|(key, _)| *key);
                    sort_by_key(&mut items, |(key, _)| *key);
                    assert_eq!(items, expected, "{count} of {kinds} kinds");
                };
                check(items.clone());
                check(items.iter().rev().copied().collect());
                let mut sorted = items;
                sorted.sort_unstable();
                check(sorted.clone());
                check(sorted.into_iter().rev().collect());
            }
        }
    }

    #[test]
    fn items_that_own_memory_are_each_there_once() {
        let mut names: Vec<String> = (0..500).map(|at: u32| (at * 7919 % 500).to_string()).collect();
        let mut expected = names.clone();
        expected.sort();
        sort(&mut names);
        assert_eq!(names, expected);
        sort_by(&mut names, |one, other| other.cmp(one));
        expected.reverse();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_sorted_list_is_compared_about_once_an_item() {
        let mut compared = std::cell::Cell::new(0);
        let mut items: Vec<u32> = (0..10_000).collect();
        sort_by(&mut items, |one, other| {
            compared.set(compared.get() + 1);
            one.cmp(other)
        });
        assert!(*compared.get_mut() < 10_000);
    }
}

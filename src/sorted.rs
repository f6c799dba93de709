//! Maps and sets in the order of their keys: what `std::collections::BTreeMap` is, in a fifth of
//! the code.
//!
//! The standard library's trees are compiled anew for each type of key and value, 7 KB of wasm for
//! a map that is inserted to, iterated and removed from, and this crate has some thirty such types.
//! Here a map is a list of sorted lists, none of them long:
//!
//! ```text
//! chunks: [ a b c … h ] [ k l … q ] [ r … z ]       at most 128 entries in each, none empty
//! ```
//!
//! Finding is two binary searches. What is put in moves at most one short list and the list of the
//! lists, whose length is a hundredth of the map's; what comes in order is appended and fills its
//! lists. A million entries are no trouble. The names and meanings are those of `BTreeMap`.

pub mod order;
mod set;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::iter::Flatten;
use std::ops::{Bound, RangeBounds};
use std::vec;

pub use set::{Keys, SortedSet};

/// The most entries in a chunk.
const FULL: usize = 128;

/// A map whose entries are in the order of the keys.
#[derive(Clone)]
pub struct SortedMap<K, V> {
    chunks: Vec<Vec<(K, V)>>,
    len: usize,
}

/// Where an entry is: its chunk, and its place there. The end is the place after the last chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    chunk: usize,
    index: usize,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        SortedMap {
            chunks: Vec::new(),
            len: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = SortedMap::new();
    }

    /// All entries, in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            chunks: &self.chunks,
            from: Place { chunk: 0, index: 0 },
            to: self.end(),
        }
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// All values, to be changed, in the order of their keys.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.chunks.iter_mut().flatten().map(|(_, value)| value)
    }

    /// All keys, in order.
    pub fn into_keys(self) -> impl Iterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The entry whose key is the least.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry whose key is the greatest.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// Takes out the entry whose key is the least.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (self.len > 0).then(|| self.take(Place { chunk: 0, index: 0 }))
    }

    /// Keeps the entries for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.len = 0;
        self.chunks.retain_mut(|chunk| {
            chunk.retain_mut(|(key, value)| keep(key, value));
            self.len += chunk.len();
            !chunk.is_empty()
        });
    }

    fn end(&self) -> Place {
        Place {
            chunk: self.chunks.len(),
            index: 0,
        }
    }

    /// Removes the entry at a place where there is one.
    fn take(&mut self, place: Place) -> (K, V) {
        let chunk = &mut self.chunks[place.chunk];
        let entry = chunk.remove(place.index);
        if chunk.is_empty() {
            self.chunks.remove(place.chunk);
        }
        self.len -= 1;
        entry
    }

    /// Puts an entry in front of what is at `place`, and says where it has come to be.
    fn put(&mut self, mut place: Place, entry: (K, V)) -> Place {
        if place.chunk == self.chunks.len() {
            // Greater than all others. Full chunks are left full: much is inserted in order.
            match self.chunks.last() {
                Some(last) if last.len() < FULL => {
                    place.chunk -= 1;
                    place.index = last.len();
                }
                _ => self.chunks.push(Vec::new()),
            }
        }
        let chunk = &mut self.chunks[place.chunk];
        if chunk.len() >= FULL {
            let second = chunk.split_off(FULL / 2);
            place.chunk += 1;
            self.chunks.insert(place.chunk, second);
            match place.index.checked_sub(FULL / 2) {
                Some(index) => place.index = index,
                None => place.chunk -= 1,
            }
        }
        self.chunks[place.chunk].insert(place.index, entry);
        self.len += 1;
        place
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Where the key is, or else before what it belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let below = |chunk: &Vec<(K, V)>| chunk.last().is_some_and(|(last, _)| last.borrow() < key);
        let chunk = self.chunks.partition_point(below);
        match self.chunks.get(chunk) {
            None => Err(self.end()),
            Some(entries) => match entries.binary_search_by(|(other, _)| other.borrow().cmp(key)) {
                Ok(index) => Ok(Place { chunk, index }),
                Err(index) => Err(Place { chunk, index }),
            },
        }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The entry of a key, with the key as the map has it.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        let (key, value) = self.chunks.get(place.chunk)?.get(place.index)?;
        Some((key, value))
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        let (_, value) = self.chunks.get_mut(place.chunk)?.get_mut(place.index)?;
        Some(value)
    }

    /// Whether there is such a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key; answers the one that it had. The key stays as it was.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.chunks[place.chunk][place.index].1, value)),
            Err(place) => {
                self.put(place, (key, value));
                None
            }
        }
    }

    /// Takes out a key; answers its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes out a key with its value.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.take(place))
    }

    /// The place of a key, to be filled if it is empty.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let found = self.find(&key);
        Entry { map: self, key, found }
    }

    /// The entries whose keys are in a range, in order.
    pub fn range<Q: Ord + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let after = |key: &Q| match self.find(key) {
            Ok(place) => self.following(place),
            Err(place) => place,
        };
        let before = |key: &Q| self.find(key).unwrap_or_else(|place| place);
        Iter {
            chunks: &self.chunks,
            from: match range.start_bound() {
                Bound::Included(key) => before(key),
                Bound::Excluded(key) => after(key),
                Bound::Unbounded => Place { chunk: 0, index: 0 },
            },
            to: match range.end_bound() {
                Bound::Included(key) => after(key),
                Bound::Excluded(key) => before(key),
                Bound::Unbounded => self.end(),
            },
        }
    }

    fn following(&self, place: Place) -> Place {
        let index = place.index + 1;
        match self.chunks.get(place.chunk) {
            Some(chunk) if index < chunk.len() => Place { index, ..place },
            _ => Place {
                chunk: place.chunk + 1,
                index: 0,
            },
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for SortedMap<K, V> {}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = SortedMap::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = Flatten<vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

/// The place of a key in a map.
pub struct Entry<'a, K, V> {
    map: &'a mut SortedMap<K, V>,
    key: K,
    found: Result<Place, Place>,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// The value, made if there is none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let place = match self.found {
            Ok(place) => place,
            Err(place) => self.map.put(place, (self.key, make())),
        };
        &mut self.map.chunks[place.chunk][place.index].1
    }

    /// The value, which becomes `value` if there is none.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value, which becomes the default if there is none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// Entries in order, from both ends.
pub struct Iter<'a, K, V> {
    chunks: &'a [Vec<(K, V)>],
    from: Place,
    to: Place,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { ..*self }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.from >= self.to {
            return None;
        }
        let chunk = self.chunks.get(self.from.chunk)?;
        let (key, value) = chunk.get(self.from.index)?;
        self.from.index += 1;
        if self.from.index == chunk.len() {
            self.from = Place {
                chunk: self.from.chunk + 1,
                index: 0,
            };
        }
        Some((key, value))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.from >= self.to {
            return None;
        }
        if self.to.index == 0 {
            let chunk = self.to.chunk.checked_sub(1)?;
            let index = self.chunks.get(chunk)?.len();
            self.to = Place { chunk, index };
        }
        self.to.index = self.to.index.checked_sub(1)?;
        let (key, value) = self.chunks.get(self.to.chunk)?.get(self.to.index)?;
        Some((key, value))
    }
}

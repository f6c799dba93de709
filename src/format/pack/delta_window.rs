//! The search for a base: objects are taken in an order that puts what may resemble each other side
//! by side, and each is tried against the few before it (`find_deltas` and `try_delta` of git's
//! `builtin/pack-objects.c`).
//!
//! A search goes step by step, so that whoever searches can do something else meanwhile:
//! [`DeltaWindow::search`], [`DeltaWindow::step`] until there is nothing left to try, and
//! [`DeltaWindow::settle`].

use std::collections::VecDeque;
use std::rc::Rc;

use crate::format::object::Kind;
use crate::format::oid::OID_LEN;
use crate::format::pack::delta_encode::DeltaIndex;

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// How many objects are tried as a base (`pack.window`).
    pub window: usize,
    /// How many deltas may lie between an object and one that is whole (`pack.depth`).
    pub depth: u32,
    /// Bytes of objects and their tables that are held, besides the one that is searched for
    /// (`pack.windowMemory`).
    pub memory: usize,
}

impl Default for WindowLimits {
    fn default() -> Self {
        WindowLimits {
            window: 10,
            depth: 50,
            memory: 32 << 20,
        }
    }
}

/// The objects that are tried as bases; of each, `T` says what it is.
pub struct DeltaWindow<T> {
    limits: WindowLimits,
    /// Oldest first.
    slots: VecDeque<Slot<T>>,
}

struct Slot<T> {
    kind: Kind,
    content: Rc<Vec<u8>>,
    index: Option<DeltaIndex>,
    /// How many deltas lead from it to an object that is whole.
    depth: u32,
    what: T,
}

/// A search under way.
pub struct Search {
    kind: Kind,
    content: Rc<Vec<u8>>,
    deepest: u32,
    /// How many of the slots are still to be tried: the oldest ones.
    left: usize,
    best: Option<Best>,
}

struct Best {
    slot: usize,
    delta: Vec<u8>,
    depth: u32,
}

/// What a search has found.
#[derive(Debug, PartialEq, Eq)]
pub struct Made<T> {
    /// The base.
    pub base: T,
    /// The delta against it.
    pub delta: Vec<u8>,
}

impl<T: Clone> DeltaWindow<T> {
    /// Empty.
    pub fn new(limits: WindowLimits) -> Self {
        let slots = VecDeque::new();
        DeltaWindow { limits, slots }
    }

    /// Begins a search for a base of an object. `above`: how many deltas there are already that lead
    /// to it, one by the other.
    pub fn search(&mut self, kind: Kind, content: &Rc<Vec<u8>>, above: u32) -> Search {
        while self.slots.len() > self.limits.window {
            self.slots.pop_front();
        }
        Search {
            kind,
            content: Rc::clone(content),
            deepest: self.limits.depth.saturating_sub(above),
            left: self.slots.len(),
            best: None,
        }
    }

    /// Tries one object, the newest first; false if there is none left.
    pub fn step(&mut self, search: &mut Search) -> bool {
        let Some(at) = search.left.checked_sub(1) else {
            return false;
        };
        search.left = at;
        let Some(slot) = self.slots.get_mut(at) else {
            return false;
        };
        if slot.kind != search.kind {
            // They come sorted by kinds.
            search.left = 0;
            return false;
        }
        if let Some(most) = search.most(slot.depth, slot.content.len()) {
            let index = slot.index.get_or_insert_with(|| DeltaIndex::new(&slot.content));
            let depth = slot.depth + 1;
            let better = |delta: &Vec<u8>| match &search.best {
                Some(best) => delta.len() < best.delta.len() || depth < best.depth,
                None => true,
            };
            if let Some(delta) = index.encode(&slot.content, &search.content, most).filter(better) {
                search.best = Some(Best { slot: at, delta, depth });
            }
        }
        true
    }

    /// Ends a search: the best delta, if there is one worth it. The object becomes one of those that
    /// are tried, by the name of `what`, and so does its base for longer.
    pub fn settle(&mut self, search: Search, what: T) -> Option<Made<T>> {
        let Search {
            kind,
            content,
            deepest,
            best,
            ..
        } = search;
        let depth = best.as_ref().map_or(0, |best| best.depth);
        let made = best.and_then(|best| {
            let base = match depth < deepest {
                true => {
                    let slot = self.slots.remove(best.slot)?;
                    let base = slot.what.clone();
                    // Behind the new one, which comes next to last.
                    self.push(kind, Rc::clone(&content), depth, what.clone());
                    self.slots.push_back(slot);
                    base
                }
                // Nothing could be made against the new one.
                false => self.slots.get(best.slot)?.what.clone(),
            };
            Some(Made {
                base,
                delta: best.delta,
            })
        });
        if made.is_none() && deepest > 0 {
            self.push(kind, content, 0, what);
        }
        self.shrink();
        made
    }

    /// Adds an object that is there anyway.
    pub fn offer(&mut self, kind: Kind, content: &Rc<Vec<u8>>, what: T) {
        self.push(kind, Rc::clone(content), 0, what);
        self.shrink();
    }

    fn push(&mut self, kind: Kind, content: Rc<Vec<u8>>, depth: u32, what: T) {
        let index = None;
        self.slots.push_back(Slot {
            kind,
            content,
            index,
            depth,
            what,
        });
    }

    /// Lets go of the oldest where there are too many, or too large ones.
    fn shrink(&mut self) {
        let weight = |slot: &Slot<T>| slot.content.len() + slot.index.as_ref().map_or(0, DeltaIndex::weight);
        let mut held: usize = self.slots.iter().map(weight).sum();
        while self.slots.len() > self.limits.window || self.slots.len() > 1 && held > self.limits.memory {
            held -= self.slots.pop_front().as_ref().map_or(0, weight);
        }
    }
}

impl Search {
    /// How many bytes a delta against a base of that depth and size may have to be worth it: less
    /// than half of the object, or than the best so far, and the less the deeper it would lie.
    fn most(&self, depth: u32, size: usize) -> Option<usize> {
        if depth >= self.deepest {
            return None;
        }
        let own = self.content.len();
        let (most, reference) = match &self.best {
            Some(best) => (best.delta.len(), best.depth),
            None => ((own / 2).checked_sub(OID_LEN)?, 1),
        };
        let (left, whole) = (self.deepest - depth, self.deepest.checked_sub(reference)? + 1);
        let most = u64::try_from(most).ok()? * u64::from(left) / u64::from(whole);
        let most = usize::try_from(most).ok()?;
        // What the base lacks has to be inserted.
        let is_hopeless = own.saturating_sub(size) >= most || own < size / 32;
        (most > 0 && !is_hopeless).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::pack::delta;

    fn text(words: impl IntoIterator<Item = usize>) -> Rc<Vec<u8>> {
        let lines = words.into_iter().map(|word| format!("a line about {word}\n"));
        Rc::new(lines.collect::<String>().into_bytes())
    }

    /// Versions of a text: each has a line less than the one before.
    fn versions(count: usize) -> Vec<Rc<Vec<u8>>> {
        (0..count)
            .map(|version| text((0..100).filter(|line| *line >= version)))
            .collect()
    }

    fn find<T: Clone>(window: &mut DeltaWindow<T>, content: &Rc<Vec<u8>>, above: u32, what: T) -> Option<Made<T>> {
        let mut search = window.search(Kind::Blob, content, above);
        while window.step(&mut search) {}
        window.settle(search, what)
    }

    fn limits(window: usize, depth: u32) -> WindowLimits {
        WindowLimits {
            window,
            depth,
            ..WindowLimits::default()
        }
    }

    #[test]
    fn a_delta_is_found_against_what_is_like_it_and_gives_it_back() {
        let mut window = DeltaWindow::new(WindowLimits::default());
        let contents = [
            text(0..100),
            text(500..600),
            text(900..1000),
            text((0..100).chain(600..601)),
        ];
        let mut bases = Vec::new();
        for (at, content) in contents.iter().enumerate() {
            let made = find(&mut window, content, 0, at);
            if let Some(made) = &made {
                let mut out = Vec::new();
                delta::apply(&contents[made.base], &made.delta, &mut out).unwrap();
                assert_eq!(out, **content);
            }
            bases.push(made.map(|made| made.base));
        }
        assert_eq!(bases, [None, None, None, Some(0)]);
    }

    #[test]
    fn an_object_of_another_kind_ends_the_search() {
        let mut window = DeltaWindow::new(WindowLimits::default());
        window.offer(Kind::Blob, &text(0..100), 0);
        window.offer(Kind::Tree, &text(0..100), 1);
        assert_eq!(find(&mut window, &text(0..99), 0, 2), None);
    }

    #[test]
    fn no_chain_gets_longer_than_the_depth_counted_with_what_leads_to_it() {
        for (depth, above) in [(1, 0), (3, 0), (4, 2), (50, 0), (2, 2), (0, 0)] {
            let mut window = DeltaWindow::new(limits(10, depth));
            let mut depths: Vec<u32> = Vec::new();
            for (at, content) in versions(60).iter().enumerate() {
                let made = find(&mut window, content, above, at);
                depths.push(made.map_or(0, |made| depths[made.base] + 1));
            }
            let deepest = *depths.iter().max().unwrap();
            assert!(deepest + above <= depth.max(above), "{deepest} of {depth}");
            assert_eq!(deepest > 0, depth > above);
        }
    }

    #[test]
    fn only_so_many_are_tried_and_a_base_that_was_good_is_kept() {
        let mut window = DeltaWindow::new(limits(3, 50));
        let other = |at: usize| text(1000 * at..1000 * at + 100);
        window.offer(Kind::Blob, &text(0..100), 0);
        for at in 1..=3 {
            window.offer(Kind::Blob, &other(at), at);
        }
        assert_eq!(find(&mut window, &text(0..99), 0, 4), None, "the first is gone");
        for at in 5..=6 {
            window.offer(Kind::Blob, &other(at), at);
        }
        assert_eq!(find(&mut window, &text(0..98), 0, 7).map(|made| made.base), Some(4));
        for at in 8..=9 {
            window.offer(Kind::Blob, &other(at), at);
        }
        assert_eq!(find(&mut window, &text(0..97), 0, 10).map(|made| made.base), Some(4));
    }

    #[test]
    fn what_is_held_is_bounded_whatever_the_objects_weigh() {
        let memory = 200 << 10;
        let mut window = DeltaWindow::new(WindowLimits {
            memory,
            ..WindowLimits::default()
        });
        for at in 0..50 {
            let content = text(at * 10..at * 10 + 3000);
            find(&mut window, &content, 0, at);
            let held: usize = window.slots.iter().map(|slot| slot.content.len()).sum();
            assert!(held <= memory.max(content.len()), "{held}");
        }
    }

    #[test]
    fn a_delta_that_is_hardly_smaller_than_the_object_is_none() {
        let mut window = DeltaWindow::new(WindowLimits::default());
        window.offer(Kind::Blob, &text(0..100), 0);
        assert_eq!(find(&mut window, &text((0..40).chain(200..260)), 0, 1), None);
        assert_eq!(find(&mut window, &Rc::new(vec![b'x'; 30]), 0, 2), None);
    }
}

//! Walks history: newest first, as git-log(1) does by default, or in topological order, as its
//! `--topo-order` does (git's `revision.c`, and `sort_in_topological_order` in `commit.c`).
//!
//! Neither reads anything. [`Walk`] is told of commits and their dates by [`Walk::push`] and says
//! which comes next; whoever walks looks up its parents and pushes those that are to be followed:
//! all of them, the first one, none at a shallow boundary. [`topological`] reorders what was
//! visited. Nothing recurses.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::Hash;

use crate::format::oid::ObjectId;

/// The commits still to be visited, by date.
///
/// A commit is named by whatever whoever walks finds it by again: an id, or a number.
#[derive(Clone, Debug)]
pub struct Walk<C = ObjectId> {
    queue: BinaryHeap<Waiting<C>>,
    seen: HashSet<C>,
    pushed: u64,
    since: u64,
}

impl<C: Copy + Eq + Hash> Walk<C> {
    /// A walk that stops at commits older than `since` (seconds since 1970; 0 for none).
    pub fn new(since: u64) -> Self {
        Walk {
            queue: BinaryHeap::new(),
            seen: HashSet::new(),
            pushed: 0,
            since,
        }
    }

    /// A commit to be visited, with its committer's date. One that was pushed before is ignored.
    pub fn push(&mut self, commit: C, date: u64) {
        if self.seen.insert(commit) {
            self.pushed += 1;
            self.queue.push(Waiting {
                date,
                order: self.pushed,
                commit,
            });
        }
    }

    /// Whether the commit was pushed.
    pub fn has_seen(&self, commit: &C) -> bool {
        self.seen.contains(commit)
    }

    /// The newest commit that waits; of those of one date the one pushed first.
    pub fn pop_newest(&mut self) -> Option<C> {
        // What is left is no newer: one that is too old ends the walk.
        let newest = self.queue.pop()?;
        if newest.date < self.since {
            self.queue.clear();
            return None;
        }
        Some(newest.commit)
    }

    /// A walk that goes on from here while this one stays where it is: to see what will be needed.
    pub fn ahead(&self) -> Ahead<'_, C> {
        Ahead {
            walk: self,
            queue: self.queue.clone(),
            seen: HashSet::new(),
            pushed: self.pushed,
        }
    }
}

/// See [`Walk::ahead`].
#[derive(Clone, Debug)]
pub struct Ahead<'a, C> {
    walk: &'a Walk<C>,
    queue: BinaryHeap<Waiting<C>>,
    seen: HashSet<C>,
    pushed: u64,
}

impl<C: Copy + Eq + Hash> Ahead<'_, C> {
    /// As [`Walk::push`].
    pub fn push(&mut self, commit: C, date: u64) {
        if !self.walk.has_seen(&commit) && self.seen.insert(commit) {
            self.pushed += 1;
            self.queue.push(Waiting {
                date,
                order: self.pushed,
                commit,
            });
        }
    }

    /// As [`Walk::pop_newest`].
    pub fn pop_newest(&mut self) -> Option<C> {
        let newest = self.queue.pop()?;
        (newest.date >= self.walk.since).then_some(newest.commit)
    }
}

#[derive(Clone, Debug)]
struct Waiting<C> {
    date: u64,
    order: u64,
    commit: C,
}

impl<C> PartialEq for Waiting<C> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<C> Eq for Waiting<C> {}

impl<C> Ord for Waiting<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.date.cmp(&other.date).then_with(|| other.order.cmp(&self.order))
    }
}

impl<C> PartialOrd for Waiting<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A commit that was visited, and the parents that were followed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visited<C = ObjectId> {
    /// The commit.
    pub oid: C,
    /// Its parents; those that were not visited themselves are ignored.
    pub parents: Vec<C>,
}

/// The indexes of `visited`, each commit before all of its parents, and a line of history kept
/// together where that leaves a choice. `visited` is in the order of the walk.
pub fn topological<C: Copy + Eq + Hash>(visited: &[Visited<C>]) -> Vec<usize> {
    let index: HashMap<C, usize> = visited
        .iter()
        .enumerate()
        .map(|(at, commit)| (commit.oid, at))
        .collect();
    let parents = |commit: usize| {
        let of = visited.get(commit).into_iter().flat_map(|commit| &commit.parents);
        of.filter_map(|parent| index.get(parent).copied())
    };
    let mut children = vec![0u32; visited.len()];
    for commit in 0..visited.len() {
        for parent in parents(commit) {
            if let Some(count) = children.get_mut(parent) {
                *count = count.saturating_add(1);
            }
        }
    }
    // Tips come out in the order in which the walk came upon them.
    let mut ready: Vec<usize> = children
        .iter()
        .enumerate()
        .filter(|(_, count)| **count == 0)
        .map(|(at, _)| at)
        .collect();
    ready.reverse();
    let mut order = Vec::with_capacity(visited.len());
    while let Some(commit) = ready.pop() {
        order.push(commit);
        for parent in parents(commit) {
            if let Some(count) = children.get_mut(parent).filter(|count| **count > 0) {
                *count -= 1;
                if *count == 0 {
                    ready.push(parent);
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn oid(name: u8) -> ObjectId {
        ObjectId::new([name; 20])
    }

    /// Name, date, parents.
    type Graph<'a> = &'a [(u8, u64, &'a [u8])];

    fn visit(graph: Graph<'_>, tips: &[u8], since: u64) -> Vec<Visited> {
        let find = |name: u8| *graph.iter().find(|commit| commit.0 == name).unwrap();
        let mut walk = Walk::new(since);
        for tip in tips {
            walk.push(oid(*tip), find(*tip).1);
        }
        let mut visited = Vec::new();
        while let Some(next) = walk.pop_newest() {
            let (_, _, parents) = find(next.first_byte());
            for parent in parents {
                walk.push(oid(*parent), find(*parent).1);
            }
            visited.push(Visited {
                oid: next,
                parents: parents.iter().map(|name| oid(*name)).collect(),
            });
        }
        visited
    }

    fn dates(graph: Graph<'_>, tips: &[u8], since: u64) -> Vec<u8> {
        visit(graph, tips, since)
            .iter()
            .map(|commit| commit.oid.first_byte())
            .collect()
    }

    fn topo(graph: Graph<'_>, tips: &[u8]) -> Vec<u8> {
        let visited = visit(graph, tips, 0);
        topological(&visited)
            .into_iter()
            .map(|at| visited[at].oid.first_byte())
            .collect()
    }

    /// Two lines from 1, merged in 6; the side line 3, 5 interleaves with 2, 4.
    const DIAMOND: Graph<'static> = &[
        (1, 10, &[]),
        (2, 20, &[1]),
        (3, 30, &[1]),
        (4, 40, &[2]),
        (5, 50, &[3]),
        (6, 60, &[4, 5]),
    ];

    #[test]
    fn commits_come_newest_first_and_once() {
        assert_eq!(dates(DIAMOND, &[6], 0), [6, 5, 4, 3, 2, 1]);
        assert_eq!(dates(DIAMOND, &[4, 6, 5, 6], 0), [6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn commits_of_one_date_come_in_the_order_pushed() {
        let graph: Graph<'_> = &[(1, 5, &[]), (2, 5, &[1]), (3, 5, &[1]), (4, 5, &[3, 2])];
        assert_eq!(dates(graph, &[4], 0), [4, 3, 2, 1]);
    }

    #[test]
    fn a_line_of_history_stays_together_in_topological_order() {
        assert_eq!(topo(DIAMOND, &[6]), [6, 5, 3, 4, 2, 1]);
    }

    #[test]
    fn no_parent_comes_before_its_child_whatever_the_dates() {
        let skewed: Graph<'_> = &[(1, 99, &[]), (2, 1, &[1]), (3, 50, &[1]), (4, 60, &[2, 3])];
        assert_eq!(dates(skewed, &[4], 0), [4, 3, 1, 2]);
        assert_eq!(topo(skewed, &[4]), [4, 3, 2, 1]);
    }

    #[test]
    fn tips_come_in_the_order_of_the_walk() {
        let graph: Graph<'_> = &[(1, 10, &[]), (2, 20, &[1]), (3, 30, &[1])];
        assert_eq!(topo(graph, &[2, 3]), [3, 2, 1]);
    }

    #[test]
    fn a_walk_ends_at_the_first_commit_that_is_too_old() {
        assert_eq!(dates(DIAMOND, &[6], 40), [6, 5, 4]);
        assert!(dates(DIAMOND, &[6], 61).is_empty());
    }

    #[test]
    fn a_parent_named_twice_or_not_visited_does_no_harm() {
        let visited = [
            Visited {
                oid: oid(2),
                parents: vec![oid(1), oid(1), oid(9)],
            },
            Visited {
                oid: oid(1),
                parents: vec![],
            },
        ];
        assert_eq!(topological(&visited), [0, 1]);
    }

    #[test]
    fn a_line_of_a_hundred_thousand_commits_and_a_merge_of_ten_thousand_are_walked() {
        let name = |number: u64| {
            let mut bytes = [0; 20];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            ObjectId::new(bytes)
        };
        let count = 100_000;
        let mut walk = Walk::new(0);
        walk.push(name(count), count);
        let mut visited = Vec::new();
        for number in (0..=count).rev() {
            let next = walk.pop_newest().unwrap();
            assert_eq!(next, name(number));
            let parents: Vec<_> = if number == 0 { vec![] } else { vec![name(number - 1)] };
            for parent in &parents {
                walk.push(*parent, number - 1);
            }
            visited.push(Visited { oid: next, parents });
        }
        assert_eq!(walk.pop_newest(), None);
        assert_eq!(topological(&visited), (0..visited.len()).collect::<Vec<_>>());

        let mut octopus: Vec<Visited> = (0..10_000)
            .map(|number| Visited {
                oid: name(number),
                parents: vec![],
            })
            .collect();
        octopus.insert(
            0,
            Visited {
                oid: name(count),
                parents: (0..10_000).map(name).collect(),
            },
        );
        assert_eq!(topological(&octopus).len(), 10_001);
    }
}

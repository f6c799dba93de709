//! Which commits somebody lacks who has others: `git rev-list --objects-edge want --not have`, as
//! far as it is about commits (`limit_list` and `mark_edges_uninteresting` of git's revision.c and
//! list-objects.c).
//!
//! Nothing is read: the machine says which commits it needs.

use std::rc::Rc;

use crate::algo::commit_graph::CommitGraph;
use crate::algo::history::{CommitInfo, DateQueue, History, Known, Marks, Node, Step, VISITS};
use crate::format::oid::ObjectId;

const WANTED: Marks = Marks::bit(0);
const HELD: Marks = Marks::bit(1);
const BOTH: Marks = WANTED.and(HELD);
const LEFT_QUEUE: Marks = Marks::bit(2);

/// How much older than its parents a commit may be, in seconds, for the answer still to be the
/// smallest: a day, as in git-name-rev(1) (`CUTOFF_DATE_SLOP`). So far beyond the point where the
/// histories meet history is read.
const SKEW: u64 = 86_400;

/// What somebody lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// The commits, newest first.
    pub commits: Vec<ObjectId>,
    /// Parents of those that are held: where the histories meet.
    pub edges: Vec<ObjectId>,
    /// Commits that are lacking and are not here either.
    pub missing: Vec<ObjectId>,
}

/// Finds the commits that some commits lead to and others do not.
///
/// It finds too many where a commit behind the point where the histories meet is more than a day
/// older, by its date, than a parent of it that lies before that point.
pub struct Outgoing {
    history: History,
    queue: DateQueue,
    /// How many commits of the queue nobody is known to hold.
    open: u64,
    /// The date of the oldest that left it so.
    oldest: u64,
    /// What left the queue so, in that order; it may have turned out to be held since.
    found: Vec<Node>,
    missing: Vec<Node>,
}

impl Outgoing {
    /// Of what `wanted` lead to, what `held` do not.
    pub fn new(
        graph: &Rc<CommitGraph>,
        wanted: impl IntoIterator<Item = ObjectId>,
        held: impl IntoIterator<Item = ObjectId>,
    ) -> Self {
        let mut state = Outgoing {
            history: History::over(graph),
            queue: DateQueue::default(),
            open: 0,
            oldest: u64::MAX,
            found: Vec::new(),
            missing: Vec::new(),
        };
        let held = held.into_iter().map(|oid| (oid, HELD));
        for (oid, mark) in held.chain(wanted.into_iter().map(|oid| (oid, WANTED))) {
            let node = state.history.node(&oid);
            state.put(node, mark);
        }
        state
    }

    /// Tells of a commit; `None` says that it is not here.
    pub fn provide(&mut self, oid: ObjectId, info: Option<CommitInfo>) {
        self.history.provide(oid, info);
    }

    /// The answer, or the commits to be read first, and up to `ahead` more that may be needed soon.
    pub fn step(&mut self, ahead: usize) -> Step<Lacking> {
        for _ in 0..VISITS {
            if self.open == 0 && self.found.is_empty() {
                return Step::Done(self.answer());
            }
            let settled = self.queue.settle(&self.history, ahead);
            for node in settled.missing {
                self.leave(node);
            }
            if !settled.needed.is_empty() {
                return Step::Read(settled.needed);
            }
            let is_near = |date: &u64| self.open > 0 || date.saturating_add(SKEW) >= self.oldest;
            let Some((node, date)) = self.queue.first().filter(|(_, date)| is_near(date)) else {
                return Step::Done(self.answer());
            };
            self.queue.pop();
            if self.leave(node) {
                self.oldest = self.oldest.min(date);
            }
            let marks = self.history.marks(node).within(BOTH);
            for parent in self.history.parents(node) {
                self.put(parent, marks);
            }
        }
        Step::Busy
    }

    /// Notes that a commit left the queue; whether nobody is known to hold it.
    fn leave(&mut self, node: Node) -> bool {
        let marks = self.history.mark(node, LEFT_QUEUE);
        if marks.has_any(HELD) {
            return false;
        }
        self.open = self.open.saturating_sub(1);
        match self.history.known(node) {
            Known::Missing => self.missing.push(node),
            Known::No | Known::Commit { .. } => self.found.push(node),
        }
        true
    }

    /// Marks a commit; one that turns out to be held after all, with its ancestors.
    fn put(&mut self, node: Node, marks: Marks) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            let before = self.history.mark(node, marks);
            let (was, is) = (before.within(BOTH), before.and(marks).within(BOTH));
            if was == is {
                continue;
            }
            if was == Marks::default() {
                self.open += u64::from(!is.has_any(HELD));
                self.queue.put(node, &self.history);
                continue;
            }
            if was.has_any(HELD) {
                // Known to be held; that somebody wants it too changes nothing.
                continue;
            }
            if before.has_any(LEFT_QUEUE) {
                stack.extend(self.history.parents(node));
            } else {
                self.open = self.open.saturating_sub(1);
            }
        }
    }

    fn answer(&mut self) -> Lacking {
        let is_held = |node: Node| self.history.marks(node).has_any(HELD);
        let lacking = |nodes: &[Node]| nodes.iter().copied().filter(|node| !is_held(*node)).collect::<Vec<_>>();
        let commits = lacking(&self.found);
        let mut edges: Vec<Node> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for commit in &commits {
            let parents = self.history.parents(*commit);
            edges.extend(parents.filter(|parent| is_held(*parent) && seen.insert(*parent)));
        }
        let oids = |nodes: Vec<Node>| nodes.into_iter().map(|node| self.history.oid(node)).collect();
        Lacking {
            edges: oids(edges),
            missing: oids(lacking(&self.missing)),
            commits: oids(commits),
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::collections::BTreeSet;

    use super::*;

    fn oid(name: u16) -> ObjectId {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&name.to_be_bytes());
        ObjectId::new(bytes)
    }

    fn name(oid: &ObjectId) -> u16 {
        u16::from_be_bytes([oid.as_bytes()[0], oid.as_bytes()[1]])
    }

    /// Date and parents of each commit, whose name is its place.
    type Graph = Vec<(u64, Vec<u16>)>;

    fn outgoing(graph: &Graph, want: &[u16], have: &[u16], ahead: usize) -> Lacking {
        let oids = |names: &[u16]| names.iter().map(|name| oid(*name)).collect::<Vec<_>>();
        let mut machine = Outgoing::new(&Rc::default(), oids(want), oids(have));
        loop {
            match machine.step(ahead) {
                Step::Done(lacking) => return lacking,
                Step::Busy => {}
                Step::Read(wanted) => {
                    assert!(!wanted.is_empty());
                    for wanted in wanted {
                        let info = graph.get(usize::from(name(&wanted))).map(|(date, parents)| CommitInfo {
                            parents: parents.iter().map(|parent| oid(*parent)).collect(),
                            date: *date,
                        });
                        machine.provide(wanted, info);
                    }
                }
            }
        }
    }

    /// All that some lead to.
    fn reached(graph: &Graph, tips: &[u16]) -> BTreeSet<u16> {
        let mut reached = BTreeSet::new();
        let mut open = tips.to_vec();
        while let Some(name) = open.pop() {
            if let Some((_, parents)) = graph.get(usize::from(name))
                && reached.insert(name)
            {
                open.extend(parents);
            }
        }
        reached
    }

    fn check(graph: &Graph, want: &[u16], have: &[u16]) {
        let (wanted, held) = (reached(graph, want), reached(graph, have));
        let expected: BTreeSet<u16> = wanted.difference(&held).copied().collect();
        let edges: BTreeSet<u16> = expected
            .iter()
            .flat_map(|name| graph[usize::from(*name)].1.iter().copied())
            .filter(|parent| held.contains(parent))
            .collect();
        for ahead in [0, 1, 64] {
            let lacking = outgoing(graph, want, have, ahead);
            assert_eq!(lacking.commits.iter().map(name).collect::<BTreeSet<_>>(), expected);
            assert_eq!(lacking.commits.len(), expected.len());
            assert_eq!(lacking.edges.iter().map(name).collect::<BTreeSet<_>>(), edges);
            assert!(lacking.missing.is_empty());
            let dates: Vec<u64> = lacking
                .commits
                .iter()
                .map(|oid| graph[usize::from(name(oid))].0)
                .collect();
            assert!(dates.is_sorted_by(|newer, older| newer >= older), "newest first");
        }
    }

    #[test]
    fn what_is_lacking_and_where_histories_meet_are_what_the_graph_says() {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % limit
        };
        for _ in 0..2000 {
            let count = 1 + below(30);
            let graph: Graph = (0..count)
                .map(|at| {
                    let parents: BTreeSet<u16> = (0..below(4)).filter(|_| at > 0).map(|_| below(at) as u16).collect();
                    // Several of one date.
                    ((at / 3) as u64, parents.into_iter().collect())
                })
                .collect();
            let mut some = |most: usize| (0..below(most)).map(|_| below(count) as u16).collect::<Vec<_>>();
            let (want, have) = (some(4), some(5));
            check(&graph, &want, &have);
        }
    }

    #[test]
    fn what_is_held_and_not_here_says_nothing_and_what_is_lacking_and_not_here_is_told() {
        let graph: Graph = vec![(1, vec![]), (2, vec![0]), (3, vec![1, 99])];
        let lacking = outgoing(&graph, &[2], &[0, 77], 8);
        assert_eq!(lacking.commits, [oid(2), oid(1)]);
        assert_eq!((lacking.edges, lacking.missing), (vec![oid(0)], vec![oid(99)]));
        let lacking = outgoing(&graph, &[2], &[0, 99], 8);
        assert_eq!((lacking.edges, lacking.missing), (vec![oid(99), oid(0)], vec![]));
    }

    #[test]
    fn a_commit_that_is_older_than_its_parents_is_found_to_be_held_within_a_day() {
        // 3 is wanted and leads to 1 by 2; what is held, 4, leads to 1 by an old commit.
        for (skew, exact) in [(SKEW - 10, true), (3 * SKEW, false)] {
            let now = 10 * SKEW;
            let graph: Graph = vec![
                (now, vec![]),
                (now + 1, vec![0]),
                (now + 2, vec![1]),
                (now + 3, vec![2]),
                (now + 4, vec![5]),
                (now - skew, vec![1]),
            ];
            let names: Vec<u16> = outgoing(&graph, &[3], &[4], 0).commits.iter().map(name).collect();
            let expected: &[u16] = if exact { &[3, 2] } else { &[3, 2, 1, 0] };
            assert_eq!(names, expected);
        }
    }
}

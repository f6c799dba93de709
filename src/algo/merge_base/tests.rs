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

/// Name, date, parents; names ascend from parents to children.
type Graph = Vec<(u16, u64, Vec<u16>)>;

fn info(graph: &Graph, of: &ObjectId) -> Option<CommitInfo> {
    let (_, date, parents) = graph.iter().find(|commit| commit.0 == name(of))?;
    Some(CommitInfo {
        parents: parents.iter().map(|parent| oid(*parent)).collect(),
        date: *date,
    })
}

fn bases(graph: &Graph, one: u16, two: u16, ahead: usize) -> Vec<u16> {
    let mut machine = MergeBases::new(&Rc::default(), oid(one), oid(two));
    loop {
        match machine.step(ahead) {
            Step::Read(oids) => oids.iter().for_each(|oid| machine.provide(*oid, info(graph, oid))),
            Step::Busy => {}
            Step::Done(found) => return found.iter().map(name).collect(),
        }
    }
}

fn is_ancestor(graph: &Graph, old: u16, new: u16) -> bool {
    let mut machine = IsAncestor::new(&Rc::default(), oid(old), oid(new));
    loop {
        match machine.step(4) {
            Step::Read(oids) => oids.iter().for_each(|oid| machine.provide(*oid, info(graph, oid))),
            Step::Busy => {}
            Step::Done(answer) => return answer,
        }
    }
}

fn counts(graph: &Graph, left: u16, right: u16) -> (u64, u64) {
    let mut machine = AheadBehind::new(&Rc::default(), oid(left), oid(right));
    loop {
        match machine.step(4) {
            Step::Read(oids) => oids.iter().for_each(|oid| machine.provide(*oid, info(graph, oid))),
            Step::Busy => {}
            Step::Done(counts) => return (counts.ahead, counts.behind),
        }
    }
}

fn ancestors(graph: &Graph, of: u16) -> BTreeSet<u16> {
    let (mut found, mut stack) = (BTreeSet::new(), vec![of]);
    while let Some(next) = stack.pop() {
        if let Some(commit) = graph.iter().find(|commit| commit.0 == next)
            && found.insert(next)
        {
            stack.extend(&commit.2);
        }
    }
    found
}

/// Two roots, merges that cross, one date for all if `step` is 0.
fn graph(seed: u64, count: u16, step: u64) -> Graph {
    let mut state = seed;
    let mut below = |limit: u16| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((state >> 33) % u64::from(limit)).unwrap()
    };
    (1..=count)
        .map(|name| {
            let mut parents = BTreeSet::new();
            if name > 2 {
                for _ in 0..=below(3) {
                    parents.insert(name - 1 - below(6).min(name - 2));
                }
            }
            (name, 1000 + step * u64::from(name), parents.into_iter().collect())
        })
        .collect()
}

#[test]
fn every_pair_of_random_histories_is_as_the_sets_of_ancestors_say() {
    for (seed, step) in [(1, 10), (2, 10), (3, 0), (4, 0), (5, 1), (6, 10)] {
        let mut graph = graph(seed, 40, step);
        if seed == 6 {
            // Half of them are older than their parents, by an hour.
            let wrong = graph.iter_mut().filter(|commit| commit.0 % 2 == 0);
            wrong.for_each(|commit| commit.1 += 3600);
        }
        for one in 1..=40 {
            for two in 1..=40 {
                let (left, right) = (ancestors(&graph, one), ancestors(&graph, two));
                let common: BTreeSet<u16> = left.intersection(&right).copied().collect();
                let best: BTreeSet<u16> = common
                    .iter()
                    .filter(|oid| {
                        let others = common.iter().filter(|other| other != oid);
                        !others.into_iter().any(|other| ancestors(&graph, *other).contains(oid))
                    })
                    .copied()
                    .collect();
                for ahead in [0, 9] {
                    let found = bases(&graph, one, two, ahead);
                    assert_eq!(found.len(), best.len(), "seed {seed}: {one} {two}");
                    assert_eq!(
                        found.into_iter().collect::<BTreeSet<_>>(),
                        best,
                        "seed {seed}: {one} {two}"
                    );
                }
                assert_eq!(
                    is_ancestor(&graph, one, two),
                    right.contains(&one),
                    "seed {seed}: {one} {two}"
                );
                let only = |one: &BTreeSet<u16>, two| u64::try_from(one.difference(two).count()).unwrap();
                let expected = (only(&left, &right), only(&right, &left));
                assert_eq!(counts(&graph, one, two), expected, "seed {seed}: {one} {two}");
            }
        }
    }
}

#[test]
fn common_ancestors_come_newest_first() {
    // 3 and 4 each merge 1 and 2, which share nothing.
    let graph = vec![
        (1, 10, vec![]),
        (2, 20, vec![]),
        (3, 30, vec![1, 2]),
        (4, 40, vec![1, 2]),
    ];
    assert_eq!(bases(&graph, 3, 4, 0), [2, 1]);
    assert_eq!(bases(&graph, 4, 3, 0), [2, 1]);
}

#[test]
fn a_commit_with_itself_needs_no_reading() {
    assert_eq!(
        MergeBases::new(&Rc::default(), oid(7), oid(7)).step(9),
        Step::Done(vec![oid(7)])
    );
    assert_eq!(
        IsAncestor::new(&Rc::default(), oid(7), oid(7)).step(9),
        Step::Done(true)
    );
    assert_eq!(counts(&vec![(7, 10, vec![])], 7, 7), (0, 0));
}

#[test]
fn an_ancestor_is_found_however_wrong_the_clocks_were() {
    // The older the newer, by their dates.
    let graph: Graph = (1..=30)
        .map(|name| (name, 1000 - u64::from(name), (1..name).rev().take(1).collect()))
        .collect();
    for old in 1..=30 {
        for new in 1..=30 {
            assert_eq!(is_ancestor(&graph, old, new), old <= new);
        }
    }
}

#[test]
fn commits_that_are_not_here_end_history() {
    let mut graph: Graph = graph(1, 30, 10);
    graph.retain(|commit| commit.0 > 10);
    for one in 11..=30 {
        for two in 11..=30 {
            let right = ancestors(&graph, two);
            assert_eq!(is_ancestor(&graph, one, two), right.contains(&one));
            let left = ancestors(&graph, one);
            let ahead = u64::try_from(left.difference(&right).count()).unwrap();
            assert_eq!(counts(&graph, one, two).0, ahead, "{one} {two}");
        }
    }
}

#[test]
fn a_fast_forward_of_a_long_line_reads_no_further_than_the_old_commit() {
    let mut machine = IsAncestor::new(&Rc::default(), oid(49_990), oid(50_000));
    let mut read = 0;
    let answer = loop {
        match machine.step(16) {
            Step::Read(oids) => {
                read += oids.len();
                for asked in oids {
                    let number = name(&asked);
                    let info = CommitInfo {
                        parents: [oid(number - 1)].into_iter().collect(),
                        date: u64::from(number),
                    };
                    machine.provide(asked, Some(info));
                }
            }
            Step::Busy => {}
            Step::Done(answer) => break answer,
        }
    };
    assert!(answer && read < 20, "{read}");
}

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;

const ALL: [Algorithm; 3] = [Algorithm::Consecutive, Algorithm::Skipping, Algorithm::Noop];

fn oid(name: u16) -> ObjectId {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&name.to_be_bytes());
    ObjectId::new(bytes)
}

fn name(oid: ObjectId) -> u16 {
    u16::from_be_bytes([oid.as_bytes()[0], oid.as_bytes()[1]])
}

/// Name, date, parents.
type Graph = Vec<(u16, u64, Vec<u16>)>;

fn info(graph: &Graph, of: u16) -> Option<CommitInfo> {
    let (_, date, parents) = graph.iter().find(|commit| commit.0 == of)?;
    Some(CommitInfo {
        parents: parents.iter().map(|parent| oid(*parent)).collect(),
        date: *date,
    })
}

/// A negotiator, and the commits it asked for.
struct Told<'a> {
    graph: &'a Graph,
    negotiator: Negotiator,
    read: Vec<u16>,
    ahead: usize,
}

impl<'a> Told<'a> {
    fn new(graph: &'a Graph, algorithm: Algorithm, common: &[u16], tips: &[u16]) -> Self {
        let mut negotiator = Negotiator::new(algorithm, &Rc::default());
        for name in common.iter().chain(tips) {
            negotiator.look_at(oid(*name), info(graph, *name).unwrap());
        }
        common.iter().for_each(|name| negotiator.known_common(oid(*name)));
        tips.iter().for_each(|name| negotiator.add_tip(oid(*name)));
        Told {
            graph,
            negotiator,
            read: Vec::new(),
            ahead: 0,
        }
    }

    fn provide(&mut self, oids: Vec<ObjectId>) {
        assert!(!oids.is_empty());
        for oid in oids {
            assert!(!self.read.contains(&name(oid)), "{oid} is asked for once");
            self.read.push(name(oid));
            self.negotiator.provide(oid, info(self.graph, name(oid)));
        }
    }

    fn take(&mut self, count: usize) -> Vec<u16> {
        let mut told = Vec::new();
        while told.len() < count {
            match self.negotiator.next(self.ahead) {
                Step::Read(oids) => self.provide(oids),
                Step::Done(Some(oid)) => told.push(name(oid)),
                Step::Busy => {}
                Step::Done(None) => break,
            }
        }
        told
    }

    fn ack(&mut self, of: u16) -> bool {
        loop {
            match self.negotiator.ack(&oid(of)).unwrap() {
                Step::Read(oids) => self.provide(oids),
                Step::Busy => {}
                Step::Done(was_common) => return was_common,
            }
        }
    }
}

fn all(graph: &Graph, algorithm: Algorithm, common: &[u16], tips: &[u16]) -> Vec<u16> {
    let mut plain = Told::new(graph, algorithm, common, tips);
    let told = plain.take(usize::MAX);
    for ahead in [1, 3, 100] {
        let mut again = Told::new(graph, algorithm, common, tips);
        again.ahead = ahead;
        assert_eq!(again.take(usize::MAX), told, "reading ahead changes nothing");
    }
    told
}

/// 1 ← 2 ← … ← count.
fn line(count: u16) -> Graph {
    (1..=count)
        .map(|name| {
            let parents = if name == 1 { vec![] } else { vec![name - 1] };
            (name, u64::from(name) * 10, parents)
        })
        .collect()
}

#[test]
fn the_configuration_names_the_algorithms_as_git_does() {
    for (value, expected) in [
        ("default", Some(Algorithm::Consecutive)),
        ("consecutive", Some(Algorithm::Consecutive)),
        ("Skipping", Some(Algorithm::Skipping)),
        ("NOOP", Some(Algorithm::Noop)),
        ("", None),
        ("bogus", None),
    ] {
        assert_eq!(Algorithm::from_config(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn without_tips_nothing_is_told() {
    for algorithm in ALL {
        assert!(all(&line(3), algorithm, &[], &[]).is_empty());
        assert!(all(&line(3), algorithm, &[2], &[]).len() <= 1);
    }
    assert!(all(&line(3), Algorithm::Noop, &[], &[3]).is_empty());
}

#[test]
fn consecutive_tells_all_and_skipping_with_growing_gaps_and_the_root() {
    assert_eq!(all(&line(7), Algorithm::Consecutive, &[], &[7]), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(all(&line(7), Algorithm::Skipping, &[], &[7]), [7, 5, 2, 1]);
}

#[test]
fn when_two_skips_collide_the_larger_one_counts() {
    let mut graph = line(11);
    graph.push((12, 120, vec![5]));
    let tips: Vec<u16> = (1..=12).rev().collect();
    assert_eq!(all(&graph, Algorithm::Skipping, &[], &[12, 11])[..2], [12, 11]);
    assert_eq!(all(&graph, Algorithm::Consecutive, &[], &tips).len(), 12);
}

#[test]
fn what_the_server_told_of_is_told_and_its_ancestors_are_not() {
    assert_eq!(all(&line(9), Algorithm::Consecutive, &[5], &[9]), [9, 8, 7, 6, 5]);
    // A fetch looks at all that is newer than what the server told of. As in git, 6 falls into a
    // gap, and its ancestors with it.
    for (common, expected) in [(7, &[9, 7][..]), (6, &[9, 7])] {
        let graph = line(9);
        let mut told = Told::new(&graph, Algorithm::Skipping, &[], &[]);
        (common..=9).for_each(|name| told.negotiator.look_at(oid(name), info(&graph, name).unwrap()));
        told.negotiator.known_common(oid(common));
        told.negotiator.add_tip(oid(9));
        assert_eq!(told.take(9), expected);
    }
}

#[test]
fn ancestors_of_what_is_acknowledged_are_not_told() {
    let mut graph = line(40);
    // A second line that shares nothing.
    graph.extend(line(40).into_iter().map(|(name, date, parents)| {
        let parents = parents.into_iter().map(|parent| parent + 100).collect();
        (name + 100, date + 1, parents)
    }));
    let mut told = Told::new(&graph, Algorithm::Consecutive, &[], &[40, 140]);
    assert_eq!(told.take(4), [140, 40, 139, 39]);
    assert!(!told.ack(40));
    assert!(told.ack(39), "its child was acknowledged");
    assert_eq!(told.take(3), [138, 137, 136]);
    let mut told = Told::new(&graph, Algorithm::Skipping, &[], &[40, 140]);
    assert_eq!(told.take(4), [140, 40, 138, 38]);
    assert!(!told.ack(40));
    assert!(told.ack(38));
    assert_eq!(told.take(3), [135, 130, 122]);
}

#[test]
fn an_acknowledgment_of_what_was_not_told_is_refused() {
    for algorithm in ALL {
        let graph = line(9);
        let mut told = Told::new(&graph, algorithm, &[], &[9]);
        told.take(2);
        assert_eq!(told.negotiator.ack(&oid(1)), Err(NotTold), "in the repository");
        assert_eq!(told.negotiator.ack(&oid(99)), Err(NotTold), "nowhere");
    }
}

#[test]
fn a_commit_that_is_not_here_ends_the_walk_and_is_not_told() {
    let graph: Graph = line(9).into_iter().filter(|commit| commit.0 != 4).collect();
    assert_eq!(all(&graph, Algorithm::Consecutive, &[], &[9]), [9, 8, 7, 6, 5]);
    assert_eq!(all(&graph, Algorithm::Skipping, &[], &[9]), [9, 7]);
    let mut told = Told::new(&graph, Algorithm::Consecutive, &[], &[9]);
    told.take(5);
    assert!(!told.ack(5));
    assert!(told.take(1).is_empty());
}

#[test]
fn commits_that_skipping_has_not_read_come_in_the_order_in_which_they_were_found() {
    // 3 is newer than 2, and git does not know.
    let graph = vec![(1, 10, vec![]), (2, 20, vec![1]), (3, 30, vec![1]), (4, 40, vec![2, 3])];
    let mut told = Told::new(&graph, Algorithm::Skipping, &[], &[4]);
    assert_eq!(told.take(9), [4, 1]);
    assert_eq!(told.read, [2, 3, 1]);
    assert_eq!(all(&graph, Algorithm::Consecutive, &[], &[4]), [4, 3, 2, 1]);
}

#[test]
fn a_long_line_is_read_no_further_than_it_is_told() {
    let graph = line(50_000);
    for (algorithm, most) in [(Algorithm::Consecutive, 17), (Algorithm::Skipping, 5000)] {
        let mut told = Told::new(&graph, algorithm, &[], &[50_000]);
        told.ahead = 16;
        assert_eq!(told.take(16).len(), 16);
        assert!(told.read.len() <= most, "{algorithm:?}: {}", told.read.len());
        told.ack(50_000);
        assert!(told.take(1).is_empty());
        assert!(told.read.len() <= most + 2, "{algorithm:?}: {}", told.read.len());
    }
}

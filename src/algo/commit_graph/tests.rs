#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeSet;

use super::*;
use crate::format::commit_graph::{Contents, Encoder, Row};

fn oid(name: u32) -> ObjectId {
    let mut bytes = [0; 20];
    // Spread as hashes are.
    bytes[..4].copy_from_slice(&name.wrapping_mul(0x9e37_79b1).to_be_bytes());
    ObjectId::new(bytes)
}

fn commit(name: u32, date: u64, parents: &[u32]) -> Commit {
    Commit {
        oid: oid(name),
        tree: ObjectId::NULL,
        date,
        parents: parents.iter().map(|parent| oid(*parent)).collect(),
    }
}

fn build(below: &CommitGraph, commits: &[Commit]) -> Result<Vec<Row>, Unknown> {
    let mut builder = Builder::on(below.clone());
    commits.iter().for_each(|commit| builder.add(commit.clone()));
    while !builder.step()? {}
    Ok(builder.finish())
}

fn layer(rows: &[Row], below: u32) -> Layer {
    let file = Encoder::new(rows, None, &[]).unwrap().finish();
    let contents = Contents::parse(&file, file.len() as u64).unwrap();
    Layer::parse(file, &contents, below).unwrap()
}

/// Puts each group of commits on top of those before.
fn graph(groups: &[&[Commit]]) -> CommitGraph {
    groups.iter().fold(CommitGraph::default(), |below, group| {
        let rows = build(&below, group).unwrap();
        below.on(layer(&rows, below.len())).unwrap()
    })
}

#[test]
fn generations_are_above_those_of_all_parents_and_no_earlier_than_dates() {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut below = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % limit
    };
    for _ in 0..50 {
        let count = 1 + below(300) as u32;
        let commits: Vec<Commit> = (0..count)
            .map(|name| {
                let parents: BTreeSet<u32> = (0..below(5))
                    .filter(|_| name > 0)
                    .map(|_| below(u64::from(name)) as u32)
                    .collect();
                commit(name, below(1000), &parents.into_iter().collect::<Vec<_>>())
            })
            .collect();
        let (old, new) = commits.split_at(below(u64::from(count)) as usize);
        let graph = graph(&[old, new]);
        assert_eq!(graph.len(), count);
        for commit in &commits {
            let position = graph.find(&commit.oid).unwrap();
            assert_eq!(Commit::of(&graph, position), *commit);
            let most = |of: &dyn Fn(u32) -> u64| graph.parents(position).map(of).max().unwrap_or(0) + 1;
            let generation = most(&|parent| graph.generation(parent)).max(commit.date);
            let level = most(&|parent| u64::from(graph.level(parent)));
            assert_eq!(
                (graph.generation(position), u64::from(graph.level(position))),
                (generation, level)
            );
        }
        assert_eq!(graph.find(&oid(count)), None);
    }
}

#[test]
fn a_line_of_a_hundred_thousand_commits_is_ranked() {
    let commits: Vec<Commit> = (0..100_000u32)
        .map(|name| commit(name, 5, &name.checked_sub(1).map_or(vec![], |parent| vec![parent])))
        .collect();
    let graph = graph(&[&commits]);
    let tip = graph.find(&oid(99_999)).unwrap();
    assert_eq!((graph.level(tip), graph.generation(tip)), (100_000, 100_004));
}

#[test]
fn commits_whose_parents_are_nowhere_and_circles_are_refused() {
    let none = CommitGraph::default();
    assert_eq!(build(&none, &[commit(1, 1, &[2])]), Err(Unknown::Parent(oid(2))));
    let circle = [commit(1, 1, &[2]), commit(2, 1, &[3]), commit(3, 1, &[1])];
    assert!(matches!(build(&none, &circle), Err(Unknown::Circle(_))));
    assert!(matches!(build(&none, &[commit(1, 1, &[1])]), Err(Unknown::Circle(_))));
}

#[test]
fn a_file_that_lies_about_generations_or_belongs_elsewhere_is_refused() {
    let below = graph(&[&[commit(1, 100, &[])]]);
    let mut rows = build(&below, &[commit(2, 50, &[1])]).unwrap();
    assert!(below.on(layer(&rows, 1)).is_ok());
    assert!(below.on(layer(&rows, 2)).is_err());
    rows[0].generation = 100;
    let problem = "has a commit that is not above its parents";
    assert_eq!(
        below.on(layer(&rows, 1)),
        Err(GraphError::Chunk { id: *b"GDA2", problem })
    );
}

#[test]
fn files_are_merged_as_by_git() {
    for (layers, new, kept) in [
        (&[][..], 5, 0),
        (&[100_000], 20, 1),
        (&[100_000, 40], 20, 1),
        (&[100_000, 41], 20, 2),
        (&[100, 41], 20, 2),
        (&[100, 40, 20], 20, 0),
        (&[1000, 40, 20], 20, 1),
        (&[3], 1, 1),
        (&[2], 1, 0),
    ] {
        assert_eq!(kept_layers(layers, new), kept, "{layers:?} and {new}");
    }
}

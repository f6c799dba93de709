//! Files of git are read for what they say, and ours are those that git writes, byte for byte.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use gitside::algo::commit_graph::CommitGraph;
use gitside::format::commit_graph::{Contents, Encoder, Filters, Layer, PathKeys, Row, check_trailer};
use gitside::format::oid::ObjectId;
use gitside::ops::commit_graph::{Options, file, write};

use crate::history::{Loaded, PATHS, generate, load};
use crate::pack_oracle::git;
use crate::support::block_on;

const CONFIG: [&str; 2] = ["-c", "commitGraph.changedPathsVersion=2"];

fn info(loaded: &Loaded) -> PathBuf {
    loaded.scratch.path().join("objects/info")
}

fn write_with_git(loaded: &Loaded, options: &[&str]) {
    let write = ["commit-graph", "write", "--reachable", "--changed-paths"];
    loaded.git(&[&CONFIG[..], &write, options].concat());
}

fn parse(file: &[u8], graph: &CommitGraph) -> (CommitGraph, Filters) {
    check_trailer(file).unwrap();
    let contents = Contents::parse(file, file.len() as u64).unwrap();
    let layer = Layer::parse(file[..contents.front() as usize].to_vec(), &contents, graph.len()).unwrap();
    let (index, data) = contents.filters().unwrap();
    let part = |range: std::ops::Range<u64>| file[range.start as usize..range.end as usize].to_vec();
    let filters = Filters::parse(part(index), part(data), layer.len()).unwrap().unwrap();
    (graph.on(layer).unwrap(), filters)
}

/// Holds what a graph says against the commits. Answers how many it has.
fn compare(loaded: &Loaded, graph: &CommitGraph) -> usize {
    let listed = loaded.git(&["log", "--all", "--format=%H %T %ct %P"]);
    let mut seen = 0;
    for line in listed.lines() {
        let mut words = line.split(' ');
        let mut oid = || words.next().unwrap().parse::<ObjectId>().unwrap();
        let (commit, tree) = (oid(), oid());
        let Some(position) = graph.find(&commit) else { continue };
        let date: u64 = words.next().unwrap().parse().unwrap();
        let parents: Vec<ObjectId> = words
            .filter(|word| !word.is_empty())
            .map(|oid| oid.parse().unwrap())
            .collect();
        assert_eq!(
            (graph.oid(position), graph.tree(position), graph.date(position)),
            (commit, tree, date)
        );
        let found: Vec<ObjectId> = graph.parents(position).map(|parent| graph.oid(parent)).collect();
        assert_eq!(found, parents, "{commit}");
        let above = graph
            .parents(position)
            .map(|parent| graph.generation(parent))
            .max()
            .unwrap_or(0)
            + 1;
        assert_eq!(graph.generation(position), above.max(date));
        let above = graph
            .parents(position)
            .map(|parent| graph.level(parent))
            .max()
            .unwrap_or(0)
            + 1;
        assert_eq!(graph.level(position), above);
        seen += 1;
    }
    seen
}

#[test]
fn ours_is_the_file_that_git_writes() {
    for (seed, commits, skewed) in [(51, 90, false), (52, 200, true), (53, 400, false)] {
        block_on(async {
            let loaded = load(generate(&format!("graph-file-{seed}"), seed, commits, skewed)).await;
            write_with_git(&loaded, &[]);
            let gits = fs::read(info(&loaded).join("commit-graph")).unwrap();
            let (graph, _) = parse(&gits, &CommitGraph::default());
            assert_eq!(compare(&loaded, &graph), graph.len() as usize);
            assert_eq!(file(&loaded.task, &loaded.repo).await.unwrap(), None);
            let report = write(&loaded.task, &loaded.repo, Options::default()).await.unwrap();
            assert_eq!(
                (report.commits, report.added),
                (u64::from(graph.len()), u64::from(graph.len()))
            );
            let ours = file(&loaded.task, &loaded.repo).await.unwrap().unwrap();
            assert_eq!(ours, gits, "seed {seed}");
            loaded.git(&["commit-graph", "verify"]);
        });
    }
}

#[test]
fn a_chain_of_git_is_read_and_one_of_ours_passes_its_check() {
    block_on(async {
        let loaded = load(generate("graph-chain", 54, 120, true)).await;
        let chain = info(&loaded).join("commit-graphs");
        let tips = loaded.git(&["rev-list", "--all"]);
        let (old, _) = tips.rsplit_once('\n').map(|(_, last)| (last, ())).unwrap();
        let middle = loaded.git(&["rev-parse", "main~20"]);
        // Three files: the oldest commit, an old one's ancestors, all.
        for tip in [old, &middle] {
            let arguments = [
                &CONFIG[..],
                &[
                    "commit-graph",
                    "write",
                    "--changed-paths",
                    "--stdin-commits",
                    "--split=no-merge",
                ],
            ];
            git(
                loaded.scratch.path(),
                &arguments.concat(),
                format!("{tip}\n").as_bytes(),
            )
            .unwrap();
        }
        write_with_git(&loaded, &["--split=no-merge"]);
        let names = fs::read_to_string(chain.join("commit-graph-chain")).unwrap();
        let names: Vec<String> = names.lines().map(|hash| format!("graph-{hash}.graph")).collect();
        assert_eq!(names.len(), 3);
        let (mut graph, mut bases) = (CommitGraph::default(), Vec::new());
        for name in &names {
            let path = chain.join(name);
            let gits = fs::read(&path).unwrap();
            let below = graph.len();
            let (next, filters) = parse(&gits, &graph);
            let rows: Vec<Row> = (below..next.len()).map(|position| row(&next, position)).collect();
            let made: Vec<Vec<u8>> = (0..)
                .zip(&rows)
                .map(|(at, _)| filters.get(at).unwrap_or_default().to_vec())
                .collect();
            assert_eq!(
                Encoder::new(&rows, Some(&made), &bases).unwrap().finish(),
                gits,
                "{name}"
            );
            bases.push(ObjectId::from_bytes(&gits[gits.len() - 20..]).unwrap());
            graph = next;
        }
        assert_eq!(compare(&loaded, &graph), graph.len() as usize);
        assert_eq!(graph.layers().len(), 3);
    });
}

fn row(graph: &CommitGraph, position: u32) -> Row {
    Row {
        oid: graph.oid(position),
        tree: graph.tree(position),
        date: graph.date(position),
        level: graph.level(position),
        generation: graph.generation(position),
        parents: graph.parents(position).collect(),
    }
}

#[test]
fn a_filter_never_says_no_to_what_changed() {
    block_on(async {
        let loaded = load(generate("graph-filters", 55, 150, false)).await;
        write_with_git(&loaded, &[]);
        let gits = fs::read(info(&loaded).join("commit-graph")).unwrap();
        let (graph, filters) = parse(&gits, &CommitGraph::default());
        let mut answers: HashMap<(bool, bool), usize> = HashMap::new();
        for path in PATHS {
            let keys = PathKeys::of(path).unwrap();
            for position in 0..graph.len() {
                let of = |position: u32| {
                    let spec = [graph.oid(position).to_hex().as_bytes(), b":", path].concat();
                    let input = [spec.as_slice(), b"\n"].concat();
                    // Of an odd name git says no more than that it is missing, and of none.
                    git(
                        loaded.scratch.path(),
                        &["cat-file", "--batch-check=%(objectname)"],
                        &input,
                    )
                    .unwrap()
                };
                if path.contains(&b'\n') {
                    continue;
                }
                let missing = |answer: &[u8]| answer.ends_with(b"missing\n");
                let (own, first) = (of(position), graph.parents(position).next().map(of));
                let changed = match first {
                    None => !missing(&own),
                    Some(first) if missing(&first) && missing(&own) => false,
                    Some(first) => first != own,
                };
                let maybe = keys.may_be_in(filters.get(position).unwrap());
                *answers.entry((changed, maybe)).or_default() += 1;
            }
        }
        assert_eq!(answers.get(&(true, false)), None);
        assert!(answers[&(true, true)] > 100 && answers[&(false, false)] > answers[&(false, true)]);
    });
}

#[test]
fn many_changed_paths_make_a_filter_that_says_maybe_and_none_one_that_says_no() {
    block_on(async {
        let loaded = load(generate("graph-many", 56, 20, false)).await;
        let path = loaded.scratch.path();
        let mut stream = Vec::new();
        for (name, count) in [("at-most", 510), ("more", 520), ("folders", 200)] {
            stream.extend_from_slice(
                format!("commit refs/heads/{name}\ncommitter C <c@x> 1700000000 +0000\ndata 0\n").as_bytes(),
            );
            stream.extend_from_slice(b"from refs/heads/main^0\n");
            for at in 0..count {
                let folder = if name == "folders" {
                    format!("{at}/a/")
                } else {
                    "many/".to_owned()
                };
                stream.extend_from_slice(format!("M 100644 inline {folder}{at}\ndata 0\n").as_bytes());
            }
        }
        stream.extend_from_slice(
            b"commit refs/heads/same\ncommitter C <c@x> 1700000000 +0000\ndata 0\nfrom refs/heads/main^0\n",
        );
        git(path, &["fast-import", "--quiet"], &stream).unwrap();
        write_with_git(&loaded, &[]);
        let gits = fs::read(info(&loaded).join("commit-graph")).unwrap();
        let (graph, filters) = parse(&gits, &CommitGraph::default());
        let filter = |name: &str| filters.get(graph.find(&loaded.oid(name)).unwrap()).unwrap();
        assert_eq!(
            (filter("more"), filter("folders"), filter("same")),
            (&[0xff][..], &[0xff][..], &[0][..])
        );
        assert!(filter("at-most").len() > 600);
        let again = crate::history::import(path, &loaded.repo.host, "again").await;
        write(&loaded.task, &again, Options::default()).await.unwrap();
        assert_eq!(file(&loaded.task, &again).await.unwrap().unwrap(), gits);
    });
}

//! Graphs of our own.

use gitside::ops::remote::Deepen;
use gitside_server::repos::Random;

use crate::scene::{Graph, Scene, told};

const START: u64 = 1_600_000_000;

/// A random graph: `skew` in 10 commits are older than their parents, `merges` in 10 have more
/// than one.
fn random(seed: u64, commits: usize, skew: usize, merges: usize, step: u64) -> Graph {
    let mut random = Random::new(seed);
    let mut graph = Graph::default();
    let name = |number: usize| format!("c{number}");
    for number in 0..commits {
        let mut parents = Vec::new();
        if number > 0 && !random.once_in(40) {
            let count = if random.below(10) < merges {
                2 + random.below(2)
            } else {
                1
            };
            while parents.len() < count.min(number) {
                let back = if random.once_in(6) { 30 } else { 6 };
                parents.push(name(number - 1 - random.below(back.min(number))));
                parents.dedup();
                if random.once_in(4) {
                    break;
                }
            }
        }
        let mut date = START + number as u64 * step;
        if random.below(10) < skew {
            date -= random.below(100_000) as u64;
        }
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        graph.commit(&name(number), date, &parents);
    }
    for at in 0..2 + random.below(6) {
        graph.server(
            &format!("heads/s{at}"),
            &name(commits / 3 + random.below(commits * 2 / 3)),
        );
        graph.client(&format!("heads/l{at}"), &name(random.below(commits)));
        if random.once_in(2) {
            let of = name(random.below(commits / 2));
            graph.server(&format!("heads/both{at}"), &of);
            graph.client(&format!("remotes/origin/both{at}"), &of);
        }
    }
    graph.server("heads/new", &name(commits - 1));
    graph
}

#[test]
fn histories_with_merges() {
    for seed in 1..=3 {
        Scene::new(random(seed, 120, 0, 3, 60)).check(&format!("merges, seed {seed}"));
    }
}

#[test]
fn histories_of_merges_only_with_clocks_that_were_wrong() {
    for seed in 4..=6 {
        Scene::new(random(seed, 150, 4, 9, 60)).check(&format!("skew, seed {seed}"));
    }
}

#[test]
fn histories_whose_commits_have_one_date() {
    for seed in 7..=8 {
        Scene::new(random(seed, 100, 0, 4, 0)).check(&format!("one date, seed {seed}"));
    }
}

#[test]
fn long_random_histories() {
    Scene::new(random(9, 700, 2, 2, 60)).check("long");
}

#[test]
fn branches_that_cross() {
    let mut graph = Graph::default();
    graph.commit("root", START, &[]);
    graph.commit("a0", START + 1, &["root"]);
    graph.commit("b0", START + 1, &["root"]);
    for round in 1..=20u64 {
        let (a, b) = (format!("a{}", round - 1), format!("b{}", round - 1));
        graph.commit(&format!("a{round}"), START + 10 * round, &[&a, &b]);
        graph.commit(&format!("b{round}"), START + 10 * round, &[&b, &a]);
    }
    graph.commit("theirs", START + 1000, &["a10"]);
    graph.server("heads/main", "theirs");
    graph.client("heads/a", "a20");
    graph.client("heads/b", "b20");
    Scene::new(graph).check("criss-cross");
}

#[test]
fn many_branches_here() {
    let mut graph = Graph::default();
    graph.line("base", 30, None, START);
    for branch in 0..60 {
        let from = format!("base{}", 1 + branch % 30);
        graph.line(&format!("b{branch}."), 3, Some(&from), START + 5000 + branch * 7);
        graph.client(&format!("heads/b{branch}"), &format!("b{branch}.3"));
    }
    graph.line("new", 3, Some("base28"), START + 9000);
    graph.server("heads/main", "new3");
    Scene::new(graph).check("many branches");
}

#[test]
fn an_octopus() {
    let mut graph = Graph::default();
    graph.line("base", 5, None, START);
    let arms: Vec<String> = (0..24).map(|arm| format!("arm{arm}")).collect();
    for (at, arm) in arms.iter().enumerate() {
        graph.commit(arm, START + 1000 + 5 * (at as u64 % 7), &["base5"]);
    }
    let arms: Vec<&str> = arms.iter().map(String::as_str).collect();
    graph.commit("octopus", START + 2000, &arms);
    graph.commit("server", START + 2100, &["arm3"]);
    graph.server("heads/main", "server");
    graph.client("heads/main", "octopus");
    Scene::new(graph).check("octopus");
}

#[test]
fn commits_made_here_on_top_of_what_was_fetched() {
    let mut graph = Graph::default();
    graph.line("c", 40, None, START);
    graph.line("local", 25, Some("c40"), START + 10_000);
    graph.line("new", 2, Some("c40"), START + 20_000);
    graph.server("heads/main", "new2");
    graph.client("heads/main", "local25");
    graph.client("remotes/origin/main", "c40");
    let git = Scene::new(graph).check("local commits");
    assert_eq!(git[&("consecutive", 2)].objects, 6);
}

#[test]
fn histories_that_share_nothing() {
    let mut graph = Graph::default();
    graph.line("ours", 90, None, START);
    graph.line("theirs", 5, None, START);
    graph.server("heads/main", "theirs5");
    graph.client("heads/main", "ours90");
    Scene::new(graph).check("disjoint");
}

#[test]
fn all_is_here_or_nothing() {
    let mut graph = Graph::default();
    graph.line("c", 5, None, START);
    graph.server("heads/main", "c3");
    graph.client("heads/main", "c5");
    graph.client("remotes/origin/main", "c1");
    let git = Scene::new(graph).check("all is here");
    assert!(git.values().all(|fetch| fetch.rounds.is_empty()));
    let mut graph = Graph::default();
    graph.line("c", 5, None, START);
    graph.server("heads/main", "c3");
    let git = Scene::new(graph).check("nothing is here");
    assert!(git.values().all(|fetch| fetch.objects == 9));
}

#[test]
fn tags_are_peeled_and_count_as_complete() {
    let mut graph = Graph::default();
    graph.line("c", 20, None, START);
    for number in [3, 9, 15] {
        graph.tag(&format!("v{number}"), &format!("c{number}"));
        graph.server(&format!("tags/v{number}"), &format!("tags/v{number}"));
        graph.client(&format!("tags/v{number}"), &format!("tags/v{number}"));
    }
    graph.tag("new", "c12");
    graph.server("tags/new", "tags/new");
    graph.server("heads/main", "c18");
    graph.line("local", 6, Some("c15"), START + 4000);
    graph.client("heads/main", "local6");
    Scene::new(graph).check("tags");
}

#[test]
fn a_shallow_history_ends_where_it_was_cut() {
    let mut graph = Graph::default();
    graph.client_depth = Some(4);
    graph.line("c", 60, None, START);
    graph.line("side", 10, Some("c30"), START + 500);
    graph.commit("merge", START + 9000, &["c50", "side10"]);
    graph.line("local", 3, Some("merge"), START + 10_000);
    graph.server("heads/main", "c60");
    graph.client("heads/main", "local3");
    graph.client("heads/side", "side8");
    let scene = Scene::new(graph);
    assert!(scene.is_shallow());
    let git = scene.check("shallow");
    let told = told(&scene, &git[&("consecutive", 2)]);
    assert!(!told.is_empty() && !told.contains(&"c40".to_owned()));
}

#[test]
fn with_a_depth_nothing_counts_as_complete() {
    let mut graph = Graph::default();
    graph.client_depth = Some(3);
    graph.arguments = vec!["--depth=10".to_owned()];
    graph.deepen = Deepen::Depth(10);
    graph.line("c", 40, None, START);
    graph.server("heads/main", "c40");
    graph.client("heads/main", "c40");
    let git = Scene::new(graph).check("deepen");
    assert!(git.values().all(|fetch| !fetch.rounds.is_empty()));
}

#[test]
fn only_the_tips_named_are_told() {
    let mut graph = Graph::default();
    graph.tips = vec!["a3".to_owned(), "b2".to_owned()];
    graph.line("base", 5, None, START);
    graph.line("a", 5, Some("base5"), START + 1000);
    graph.line("b", 5, Some("base3"), START + 1010);
    graph.line("c", 5, Some("base2"), START + 1020);
    graph.line("new", 2, Some("base5"), START + 3000);
    graph.server("heads/main", "new2");
    for branch in ["a", "b", "c"] {
        graph.client(&format!("heads/{branch}"), &format!("{branch}5"));
    }
    let scene = Scene::new(graph);
    let git = scene.check("tips");
    let told = told(&scene, &git[&("consecutive", 2)]);
    assert!(told.starts_with(&["a3".to_owned(), "b2".to_owned()]));
    assert!(!told.iter().any(|name| name.starts_with('c')));
}

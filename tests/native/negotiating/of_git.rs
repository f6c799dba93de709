//! The scenarios of git's own tests: t5552-skipping-fetch-negotiator.sh and the negotiations of
//! t5500-fetch-pack.sh.

use crate::scene::{Graph, Scene, told};

const START: u64 = 1_112_911_993;

#[test]
fn commits_with_no_parents_are_told_regardless_of_skip_distance() {
    let mut graph = Graph::default();
    graph.line("c", 7, None, START);
    graph.commit("to_fetch", START, &[]);
    graph.server("heads/main", "to_fetch");
    graph.client("heads/main", "c7");
    for number in 1..=7 {
        graph.client(&format!("tags/c{number}"), &format!("c{number}"));
    }
    let scene = Scene::new(graph);
    let git = scene.check("no parents");
    for version in [0, 2] {
        assert_eq!(told(&scene, &git[&("skipping", version)]), ["c7", "c5", "c2", "c1"]);
        assert_eq!(told(&scene, &git[&("consecutive", version)]).len(), 7);
    }
}

#[test]
fn when_two_skips_collide_the_larger_one_is_favoured() {
    let mut graph = Graph::default();
    graph.line("c", 11, None, START);
    graph.commit("c5side", START + 12 * 60, &["c5"]);
    graph.commit("to_fetch", START, &[]);
    graph.server("heads/main", "to_fetch");
    graph.client("heads/main", "c11");
    graph.client("heads/side", "c5side");
    for number in 1..=11 {
        graph.client(&format!("tags/c{number}"), &format!("c{number}"));
    }
    let scene = Scene::new(graph);
    let git = scene.check("skips collide");
    let told = told(&scene, &git[&("skipping", 0)]);
    assert_eq!(told, ["c5side", "c11", "c9", "c6", "c1"]);
}

#[test]
fn the_refs_of_the_server_spare_telling_the_ancestors_of_what_is_here() {
    let mut graph = Graph::default();
    graph.line("c", 5, None, START);
    graph.commit("c2side", START + 600, &["c2"]);
    graph.commit("to_fetch", START + 700, &[]);
    graph.server("heads/main", "c3");
    graph.server("heads/another", "to_fetch");
    graph.client("heads/main", "c5");
    graph.client("heads/side", "c2side");
    graph.client("remotes/origin/main", "c3");
    let scene = Scene::new(graph);
    let git = scene.check("advertised");
    assert_eq!(told(&scene, &git[&("skipping", 0)]), ["c2side", "c5", "c3"]);
}

#[test]
fn clocks_that_were_wrong_do_no_harm() {
    let mut graph = Graph::default();
    graph.line("c", 2, None, 2_000_000_000);
    graph.line("old", 4, Some("c1"), 1_000_000_000);
    graph.commit("to_fetch", START, &[]);
    graph.server("heads/main", "to_fetch");
    graph.client("heads/main", "c2");
    graph.client("heads/old", "old4");
    for name in ["c1", "c2", "old1", "old2", "old3", "old4"] {
        graph.client(&format!("tags/{name}"), name);
    }
    let scene = Scene::new(graph);
    let git = scene.check("clock skew");
    assert_eq!(
        told(&scene, &git[&("skipping", 0)]),
        ["c2", "c1", "old4", "old2", "old1"]
    );
}

#[test]
fn ancestors_of_what_the_server_acknowledged_are_not_told() {
    let mut graph = Graph::default();
    for branch in 1..=8 {
        for number in 0..20 {
            let name = format!("b{branch}.c{number}");
            let parent = format!("b{branch}.c{}", number - 1);
            let parents: &[&str] = if number == 0 { &[] } else { &[&parent] };
            graph.commit(&name, START + 60 * (8 * number as u64 + branch), parents);
        }
        graph.client(&format!("heads/b{branch}"), &format!("b{branch}.c19"));
    }
    graph.commit("commit-on-b1", START + 50_000, &["b1.c19"]);
    graph.commit("to_fetch", START, &[]);
    graph.server("heads/main", "to_fetch");
    graph.server("heads/b1", "commit-on-b1");
    let scene = Scene::new(graph);
    let git = scene.check("acknowledged");
    for algorithm in ["consecutive", "skipping"] {
        let told = told(&scene, &git[&(algorithm, 0)]);
        assert!(told.contains(&"b1.c19".to_owned()));
        assert!(!told.contains(&"b1.c0".to_owned()));
        assert!(told.contains(&"b2.c0".to_owned()));
    }
}

#[test]
fn before_the_first_acknowledgment_nothing_is_in_vain() {
    let mut graph = Graph::default();
    graph.commit("foo", START, &[]);
    graph.commit("bar", START + 60, &["foo"]);
    graph.line("c", 496, Some("foo"), START + 100);
    graph.server("heads/main", "bar");
    graph.client("heads/main", "c496");
    graph.client("remotes/origin/main", "foo");
    let git = Scene::new(graph).check("in vain");
    assert_eq!(git[&("consecutive", 0)].objects, 3);
    assert_eq!(git[&("consecutive", 2)].objects, 3);
}

#[test]
fn an_acknowledgment_starts_the_count_of_those_in_vain_again() {
    let mut graph = Graph::default();
    graph.commit("first_main", START, &[]);
    graph.commit("first_another", START + 1, &[]);
    graph.commit("to_fetch", START + 2, &["first_main"]);
    graph.line("main", 255, Some("first_main"), START + 100);
    graph.line("another", 255, Some("first_another"), START + 100_000);
    graph.server("heads/main", "to_fetch");
    graph.server("heads/another", "first_another");
    graph.client("heads/main", "main255");
    graph.client("heads/another", "another255");
    graph.client("remotes/origin/main", "first_main");
    let git = Scene::new(graph).check("in vain, reset");
    assert_eq!(git[&("consecutive", 2)].objects, 3);
    assert_eq!(git[&("consecutive", 2)].rounds.len(), 6);
}

#[test]
fn version_0_gives_up_after_more_than_256_in_vain_and_version_2_after_256() {
    // The acknowledgment comes with the first 256 commits, and the server is never ready, since
    // one of the wants shares nothing with what is here.
    let mut graph = Graph::default();
    graph.commit("base", START + 900_000, &[]);
    graph.commit("to_fetch", START + 900_001, &["base"]);
    graph.commit("unrelated", START, &[]);
    graph.line("new", 200, Some("base"), START + 1_000_000);
    graph.line("in_vain", 2000, None, START + 100);
    graph.server("heads/main", "to_fetch");
    graph.server("heads/unrelated", "unrelated");
    graph.client("heads/main", "new200");
    graph.client("heads/other", "in_vain2000");
    let git = Scene::new(graph).check("giving up");
    let new = |version| -> Vec<usize> {
        let rounds = &git[&("consecutive", version)].rounds;
        rounds.iter().map(|round| round.haves.len()).collect()
    };
    assert_eq!(new(0), [16, 16, 32, 64, 128, 257, 513, 1]);
    assert_eq!(new(2), [16, 32, 64, 128, 257]);
}

#[test]
fn the_refs_of_the_server_prune_what_is_told() {
    let mut graph = Graph::default();
    graph.commit("both1", START, &[]);
    graph.commit("both2", START + 60, &["both1"]);
    graph.commit("server_has", START + 120, &["both2"]);
    graph.commit("client_has", START + 180, &["both2"]);
    graph.server("heads/main", "server_has");
    graph.server("tags/both2", "both2");
    graph.client("heads/main", "client_has");
    graph.client("tags/both2", "both2");
    let scene = Scene::new(graph);
    let git = scene.check("prune");
    for version in [0, 2] {
        let told = told(&scene, &git[&("consecutive", version)]);
        assert_eq!(told, ["client_has", "both2"]);
    }
}

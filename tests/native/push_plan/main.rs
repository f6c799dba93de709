//! Plans of random pushes beside `git push --porcelain`: the refs it would touch, what with, and
//! its reasons; where git fails before, that both do, for the same reason. `GITSIDE_PUSHES` says how
//! many pushes (500 unless told), `GITSIDE_SEED` which one alone: its repositories are kept.
#![cfg(not(target_arch = "wasm32"))]

mod named;
#[path = "../sequences/objects.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod objects;
#[path = "../support/pair.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pair;
mod pool;
mod ruled;
mod story;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod wish;
mod world;

use std::collections::BTreeMap;
use std::path::Path;

use gitside_server::repos::Random;

use pool::Pool;
use support::block_on;
use told::{Told, by_git, by_gitside};
use wish::Push;
use world::World;

/// What has to come up among the pushes of a share, or they say little.
const EXPECTED: [&str; 9] = [
    "  ",
    "! already exists",
    "! non-fast-forward",
    "* ",
    "+ forced update",
    "- ",
    "= ",
    "fails: InvalidRef",
    "fails: RefNotFound",
];

/// What differs in the push of a seed, with all that led to it.
fn push(pool: &Pool, root: &Path, seed: u64) -> (Told, Option<String>) {
    let mut random = Random::new(seed ^ 0x9005);
    let world = World::random(&mut random, pool, &root.join(seed.to_string()));
    let push = Push::random(&mut random, pool, &world);
    let (theirs, said) = by_git(&world, &push, true);
    let plan = block_on(told::plan(&world, &push));
    let ours = by_gitside(&plan);
    let mut differ = theirs.differences(&ours);
    // Every third is made in earnest: what is to be sent is what the server then has.
    if let Ok(plan) = &plan
        && differ.is_empty()
        && seed.is_multiple_of(3)
        && !world.is_shallow()
    {
        differ = by_git(&world, &push, false).0.applied(plan, &world);
    }
    let told = (!differ.is_empty()).then(|| {
        format!(
            "seed {seed}\n{world}\n{push}\ngit says: {said}\ngit {theirs:#?}\ngitside {ours:#?}\n{}",
            differ.join("\n")
        )
    });
    (theirs, told)
}

/// Every fourth push, so that the test runner spreads them over the cores.
fn compare_share(share: u64) {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("a number"))
    };
    let alone = number("GITSIDE_SEED");
    let seeds: Vec<u64> = match alone {
        Some(seed) => vec![seed],
        None => (0..number("GITSIDE_PUSHES").unwrap_or(500)).collect(),
    };
    let seeds: Vec<u64> = seeds.into_iter().filter(|seed| seed % 4 == share).collect();
    let mut root = tempfile::tempdir().unwrap();
    root.disable_cleanup(alone.is_some());
    let pool = Pool::new(root.path());
    let (mut found, mut seen) = (Vec::new(), BTreeMap::new());
    for seed in &seeds {
        let (theirs, told) = push(&pool, root.path(), *seed);
        for kind in theirs.kinds() {
            *seen.entry(kind).or_insert(0_u32) += 1;
        }
        found.extend(told);
        match alone {
            None => std::fs::remove_dir_all(root.path().join(seed.to_string())).unwrap(),
            Some(_) => println!("kept in {}", root.path().display()),
        }
    }
    assert!(
        found.is_empty(),
        "{} of {} pushes differ:\n{}",
        found.len(),
        seeds.len(),
        found.join("\n\n")
    );
    for kind in EXPECTED.iter().filter(|_| seeds.len() >= 120) {
        assert!(seen.contains_key(*kind), "{kind:?} is not among {seen:#?}");
    }
}

#[test]
fn pushes_of_the_first_share_are_planned_as_by_git() {
    compare_share(0);
}

#[test]
fn pushes_of_the_second_share_are_planned_as_by_git() {
    compare_share(1);
}

#[test]
fn pushes_of_the_third_share_are_planned_as_by_git() {
    compare_share(2);
}

#[test]
fn pushes_of_the_fourth_share_are_planned_as_by_git() {
    compare_share(3);
}

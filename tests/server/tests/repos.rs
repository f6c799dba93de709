//! The repositories made by scripts.

use gitside_server::repos::{Repo, example, generate};

fn listing(repo: &Repo) -> (Vec<u8>, String) {
    (
        repo.git(["for-each-ref"]).unwrap(),
        repo.git_line(["symbolic-ref", "-q", "HEAD"]).unwrap_or_default(),
    )
}

#[test]
fn the_example_is_the_same_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let repo = example(&folder.path().join("e.git")).unwrap();
    repo.git(["fsck", "--full", "--strict"]).unwrap();
    assert_eq!(repo.git_line(["rev-list", "--all", "--count"]).unwrap(), "61");
    assert_eq!(
        repo.git_line(["rev-parse", "main"]).unwrap(),
        "2a6e6f04c115a7a54f393c8355c739ad542cdaa1"
    );
}

#[test]
fn a_seed_gives_the_same_repository_and_git_accepts_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for seed in 0..16 {
        let repo = generate(&folder.path().join(format!("{seed}.git")), seed, 40).unwrap();
        let again = generate(&folder.path().join(format!("{seed}-again.git")), seed, 40).unwrap();
        assert_eq!(listing(&repo), listing(&again), "seed {seed}");
        repo.git(["fsck", "--full"]).unwrap();
        seen.extend(repo.git(["rev-list", "--all", "--parents"]).unwrap());
        seen.push(b'\n');
    }
    let parents: Vec<usize> = seen
        .split(|b| *b == b'\n')
        .map(|line| line.split(|b| *b == b' ').count())
        .collect();
    for wanted in 1..=5 {
        assert!(parents.contains(&wanted), "no commit with {} parents", wanted - 1);
    }
}

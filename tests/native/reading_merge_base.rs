//! How histories meet, beside git-merge-base(1) and git-rev-list(1).

use std::collections::BTreeSet;

use gitside::algo::merge_base::Counts;
use gitside::error::{Code, Failure};
use gitside::format::oid::ObjectId;
use gitside::ops::merge_base::{ahead_behind, is_ancestor, merge_base};

use crate::history::{GRAPHS, Loaded, generate, load};
use crate::pack_oracle::{Random, Scratch, git};
use crate::support::block_on;

/// Asks git and us about random pairs of commits and of tags. Where clocks were wrong git's count
/// is too high at times, and whole histories are compared instead.
async fn check(loaded: &Loaded, what: &str, pairs: usize, skewed: bool) {
    let listed = loaded.git(&["rev-list", "--all"]);
    let refs = ["refs/tags/v1", "refs/tags/nested", "refs/remotes/origin/topic"].map(|name| loaded.oid(name));
    let commits: Vec<ObjectId> = listed.lines().map(|line| line.parse().unwrap()).chain(refs).collect();
    let shallow = loaded.repo.meta.shallow().await.unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..pairs {
        let one = commits[random.below(commits.len())];
        let two = commits[random.below(commits.len())];
        let (a, b) = (one.to_string(), two.to_string());
        let bases = loaded.try_git(&["merge-base", "--all", &a, &b]).unwrap_or_default();
        let bases: Vec<ObjectId> = bases.lines().map(|line| line.parse().unwrap()).collect();
        let ours = merge_base(&loaded.task, &loaded.repo, a.as_bytes(), b.as_bytes()).await;
        assert_eq!(ours.unwrap(), bases, "{what}: {a} {b}");
        let ours = ahead_behind(&loaded.task, &loaded.repo, a.as_bytes(), b.as_bytes()).await;
        let counts = if skewed {
            let all =
                |of: &str| -> BTreeSet<String> { loaded.git(&["rev-list", of]).lines().map(Into::into).collect() };
            let (left, right) = (all(&a), all(&b));
            Counts {
                ahead: left.difference(&right).count() as u64,
                behind: right.difference(&left).count() as u64,
            }
        } else {
            let counts = loaded.git(&["rev-list", "--left-right", "--count", &format!("{a}...{b}")]);
            let (ahead, behind) = counts.split_once('\t').unwrap();
            Counts {
                ahead: ahead.parse().unwrap(),
                behind: behind.parse().unwrap(),
            }
        };
        assert_eq!(ours.unwrap(), counts, "{what}: {a} {b}");
        let expected = loaded.try_git(&["merge-base", "--is-ancestor", &a, &b]).is_some();
        let ours = is_ancestor(&loaded.task, &loaded.repo.odb, &shallow, &one, &two).await;
        assert_eq!(ours.unwrap(), expected, "{what}: {a} {b}");
    }
}

#[test]
fn random_pairs_of_generated_histories() {
    for (seed, commits, skewed) in [(31, 60, false), (32, 150, false), (33, 120, true), (36, 150, true)] {
        let what = format!("seed {seed}");
        block_on(async {
            let loaded = load(generate(&format!("merge-base-{seed}"), seed as u64, commits, skewed)).await;
            for graph in GRAPHS {
                loaded.write_graph(graph).await;
                check(&loaded, &format!("{what} {graph:?}"), 120, skewed).await;
            }
        });
    }
}

#[test]
fn random_pairs_of_shallow_histories() {
    for depth in [2, 3, 5] {
        let whole = generate(&format!("merge-base-whole-{depth}"), 34, 120, false);
        let shallow = Scratch::new(&format!("merge-base-shallow-{depth}"));
        git(shallow.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        let url = format!("file://{}", whole.path().display());
        let depth_option = format!("--depth={depth}");
        git(
            shallow.path(),
            &["fetch", "-q", &depth_option, &url, "+refs/*:refs/*"],
            b"",
        )
        .unwrap();
        block_on(async {
            let loaded = load(shallow).await;
            assert!(!loaded.repo.meta.shallow().await.unwrap().is_empty());
            check(&loaded, &format!("depth {depth}"), 80, false).await;
        });
    }
}

#[test]
fn what_leads_to_no_commit_is_refused_and_is_nobodys_ancestor() {
    block_on(async {
        let loaded = load(generate("merge-base-kinds", 35, 30, false)).await;
        let commit = loaded.oid("refs/heads/main");
        let tree = loaded.oid("refs/tags/tree");
        let missing = ObjectId::new([9; 20]);
        let (task, repo) = (&loaded.task, &loaded.repo);
        for (bad, code) in [(tree, Code::InvalidRef), (missing, Code::MissingObject)] {
            for (one, two) in [(bad, commit), (commit, bad)] {
                let (a, b) = (one.to_string(), two.to_string());
                let bases = merge_base(task, repo, a.as_bytes(), b.as_bytes()).await.map(drop);
                let counts = ahead_behind(task, repo, a.as_bytes(), b.as_bytes()).await.map(drop);
                for result in [bases, counts] {
                    assert!(matches!(result, Err(Failure::Error(error)) if error.code == code));
                }
                assert!(!is_ancestor(task, &repo.odb, &[], &one, &two).await.unwrap());
            }
        }
    });
}

//! History, beside git-log(1).

use std::os::unix::ffi::OsStrExt;

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::ops::log::{Log, Options, Order};

use crate::history::{GRAPHS, Loaded, PATHS, generate, load};
use crate::pack_oracle::{Scratch, git};
use crate::support::block_on;

async fn ours(loaded: &Loaded, rev: &str, options: &Options, batch: usize) -> Vec<ObjectId> {
    let mut log = Log::open(&loaded.task, &loaded.repo, rev.as_bytes(), options)
        .await
        .unwrap();
    let mut oids = Vec::new();
    loop {
        let commits = log.next_batch(&loaded.task, batch).await.unwrap();
        if commits.is_empty() {
            return oids;
        }
        assert!(commits.len() <= batch);
        oids.extend(commits.iter().map(|commit| commit.oid));
    }
}

fn gits(loaded: &Loaded, rev: &str, options: &Options) -> Vec<ObjectId> {
    let mut arguments: Vec<String> = ["--literal-pathspecs", "log", "--format=%H"].map(String::from).to_vec();
    if options.order == Order::Topo {
        arguments.push("--topo-order".into());
    }
    if options.first_parent {
        arguments.push("--first-parent".into());
    }
    arguments.extend(options.limit.map(|limit| format!("--max-count={limit}")));
    arguments.extend(options.since.map(|since| format!("--max-age={since}")));
    arguments.extend([rev.to_owned(), "--".to_owned()]);
    let mut command = std::process::Command::new("git");
    command.arg("-C").arg(loaded.scratch.path()).args(arguments);
    command.args(options.path.as_deref().map(std::ffi::OsStr::from_bytes));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

async fn check(loaded: &Loaded, rev: &str, options: &Options, batch: usize) -> usize {
    let (ours, gits) = (ours(loaded, rev, options, batch).await, gits(loaded, rev, options));
    assert_eq!(ours, gits, "{rev} {options:?}");
    gits.len()
}

/// Every order, with and without `--first-parent`.
fn ways() -> impl Iterator<Item = Options> {
    [Order::Date, Order::Topo].into_iter().flat_map(|order| {
        [false, true].map(|first_parent| Options {
            order,
            first_parent,
            ..Options::default()
        })
    })
}

#[test]
fn whole_histories_come_in_gits_order() {
    block_on(async {
        for (seed, skewed) in [(11, false), (12, true), (13, true)] {
            let loaded = load(generate(&format!("log-{seed}"), seed, 150, skewed)).await;
            for graph in GRAPHS {
                loaded.write_graph(graph).await;
                for rev in ["main", "side/51", "nested", "main~20"] {
                    for options in ways() {
                        assert!(check(&loaded, rev, &options, 7).await > 0);
                    }
                }
            }
        }
    });
}

#[test]
fn the_history_of_a_path_is_simplified_as_by_git() {
    block_on(async {
        let mut commits = 0;
        for (seed, skewed) in [(21, false), (22, true)] {
            let loaded = load(generate(&format!("log-{seed}"), seed, 120, skewed)).await;
            for graph in GRAPHS {
                loaded.write_graph(graph).await;
                for path in PATHS.iter().copied().chain([&b"dir/"[..], b"README/", b"dir/one/"]) {
                    for options in ways() {
                        let options = Options {
                            path: Some(path.to_vec()),
                            ..options
                        };
                        commits += check(&loaded, "main", &options, 5).await;
                    }
                }
            }
        }
        assert!(commits > 1500, "{commits} commits in all");
    });
}

#[test]
fn limits_and_dates_cut_histories_as_by_git() {
    block_on(async {
        let loaded = load(generate("log-cut", 31, 100, false)).await;
        let dates: Vec<i64> = loaded
            .git(&["log", "--format=%ct", "main"])
            .lines()
            .map(|date| date.parse().unwrap())
            .collect();
        for options in ways() {
            for limit in [0, 1, 2, 30, 1000] {
                let options = Options {
                    limit: Some(limit),
                    ..options.clone()
                };
                check(&loaded, "main", &options, 4).await;
                check(
                    &loaded,
                    "main",
                    &Options {
                        path: Some(b"dir".to_vec()),
                        ..options
                    },
                    4,
                )
                .await;
            }
            for since in [dates[0] + 1, dates[0], dates[10], dates[40], 0] {
                check(
                    &loaded,
                    "main",
                    &Options {
                        since: Some(since),
                        ..options.clone()
                    },
                    9,
                )
                .await;
            }
        }
        let all = ours(
            &loaded,
            "main",
            &Options {
                since: Some(-5),
                ..Options::default()
            },
            50,
        )
        .await;
        assert_eq!(all.len(), dates.len());
    });
}

#[test]
fn a_walk_with_skewed_dates_stops_at_the_first_old_commit_of_each_line() {
    block_on(async {
        let loaded = load(generate("log-skew", 32, 100, true)).await;
        let date: i64 = loaded.git(&["log", "-1", "--format=%ct", "main~5"]).parse().unwrap();
        for since in date - 20..date + 5 {
            check(
                &loaded,
                "main",
                &Options {
                    since: Some(since),
                    ..Options::default()
                },
                9,
            )
            .await;
        }
    });
}

#[test]
fn histories_end_at_the_shallow_boundary() {
    block_on(async {
        let full = generate("log-deep", 41, 90, false);
        for depth in ["1", "2", "9"] {
            let shallow = Scratch::new(&format!("log-shallow-{depth}"));
            let url = format!("file://{}", full.path().display());
            git(
                shallow.path(),
                &["clone", "-q", "--bare", "--depth", depth, &url, "."],
                b"",
            )
            .unwrap();
            let loaded = load(shallow).await;
            assert!(!loaded.repo.meta.shallow().await.unwrap().is_empty());
            for options in ways() {
                assert!(check(&loaded, "HEAD", &options, 3).await > 0);
                for path in [&b"dir"[..], b"README", b"tool"] {
                    check(
                        &loaded,
                        "HEAD",
                        &Options {
                            path: Some(path.to_vec()),
                            ..options.clone()
                        },
                        3,
                    )
                    .await;
                }
            }
        }
    });
}

#[test]
fn a_first_commit_is_handed_out_though_its_parents_are_missing() {
    block_on(async {
        let scratch = generate("log-missing", 51, 20, false);
        let parent = git(scratch.path(), &["rev-parse", "main^"], b"").unwrap();
        let loaded = load(scratch).await;
        let parent: ObjectId = String::from_utf8(parent).unwrap().trim().parse().unwrap();
        let without = crate::objects::without(&loaded, &[parent]).await;
        let mut log = Log::open(&without.task, &without.repo, b"main", &Options::default())
            .await
            .unwrap();
        let first = log.next_batch(&without.task, 1).await.unwrap();
        assert_eq!(first[0].oid, loaded.oid("main"));
        assert!(first[0].parents.contains(&parent));
        let error = log.next_batch(&without.task, 1).await.unwrap_err();
        assert_eq!(error.error().unwrap().code, Code::MissingObject);
    });
}

#[test]
fn a_cancelled_walk_ends() {
    block_on(async {
        let loaded = load(generate("log-cancel", 61, 20, false)).await;
        let mut log = Log::open(&loaded.task, &loaded.repo, b"main", &Options::default())
            .await
            .unwrap();
        loaded.task.cancel();
        assert!(log.next_batch(&loaded.task, 5).await.unwrap_err().error().is_none());
    });
}

//! Clones from a real server: what it has is here, and what cannot be is refused.

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::ops::clone::{Options, TagMode};
use gitside::ops::remote::Version;
use gitside_server::repos::Repo;

use crate::replay::Replay;
use crate::support::block_on;
use crate::support::http::SocketHttp;
use crate::world::{assert_nothing_left, refs_of, refs_of_git, run_clone, served, version, world};

#[test]
fn a_clone_has_the_refs_the_head_and_the_boundaries_that_git_has() {
    let served = served();
    let base = Options::default;
    let cases: Vec<(&str, Options, Vec<&str>)> = vec![
        ("whole", base(), vec![]),
        (
            "depth",
            Options {
                depth: Some(3),
                ..base()
            },
            vec!["--depth=3"],
        ),
        (
            "depth of all",
            Options {
                depth: Some(2),
                single_branch: Some(false),
                ..base()
            },
            vec!["--depth=2", "--no-single-branch"],
        ),
        (
            "single",
            Options {
                single_branch: Some(true),
                ..base()
            },
            vec!["--single-branch"],
        ),
        (
            "no tags",
            Options {
                tags: TagMode::None,
                ..base()
            },
            vec!["--no-tags"],
        ),
        (
            "single, no tags",
            Options {
                single_branch: Some(true),
                tags: TagMode::None,
                ..base()
            },
            vec!["--single-branch", "--no-tags"],
        ),
        (
            "origin",
            Options {
                remote_name: "up".to_owned(),
                ..base()
            },
            vec!["--origin=up"],
        ),
    ];
    for (name, options, args) in cases {
        let git = served.git_clone(name, &args);
        for protocol in [Version::V0, Version::V1, Version::V2] {
            let case = format!("{name}, {protocol:?}");
            let world = world(SocketHttp::default());
            let options = Options {
                remote: version(protocol).remote,
                ..options.clone()
            };
            block_on(async {
                let repo = run_clone(&world, &served.url(), &options)
                    .await
                    .unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(refs_of(&repo).await, refs_of_git(&git), "{case}");
                let shallow: Vec<String> = repo
                    .meta
                    .shallow()
                    .await
                    .unwrap()
                    .iter()
                    .map(ObjectId::to_hex)
                    .collect();
                let mut gits: Vec<String> = std::fs::read_to_string(git.path().join("shallow"))
                    .unwrap_or_default()
                    .lines()
                    .map(str::to_owned)
                    .collect();
                gits.sort();
                assert_eq!(shallow, gits, "{case}");
                let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
                assert_eq!(
                    head.oid.unwrap().to_hex(),
                    git.git_line(["rev-parse", "HEAD"]).unwrap(),
                    "{case}"
                );
                assert_eq!(
                    String::from_utf8(head.name).unwrap(),
                    git.git_line(["symbolic-ref", "HEAD"]).unwrap(),
                    "{case}"
                );
            });
        }
    }
}

#[test]
fn a_mirror_has_every_ref_under_its_own_name() {
    let served = served();
    let world = world(SocketHttp::default());
    block_on(async {
        let options = Options {
            mirror: true,
            ..Options::default()
        };
        let repo = run_clone(&world, &served.url(), &options).await.unwrap();
        assert_eq!(refs_of(&repo).await, refs_of_git(&served.source));
    });
}

#[test]
fn a_branch_a_tag_and_a_commit_can_be_chosen_and_others_are_named_in_the_error() {
    let served = served();
    let branches = served
        .source
        .git(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
        .unwrap();
    let branches = String::from_utf8(branches).unwrap();
    let tag = served
        .source
        .git(["for-each-ref", "--format=%(refname:short)", "refs/tags"])
        .unwrap();
    let tag = String::from_utf8(tag).unwrap().lines().next().unwrap().to_owned();
    let commit = served.source.git_line(["rev-parse", "HEAD~1"]).unwrap();
    for wanted in branches.lines().chain([tag.as_str(), commit.as_str()]) {
        let world = world(SocketHttp::default());
        let expected = served
            .source
            .git_line(["rev-parse", &format!("{wanted}^{{commit}}")])
            .unwrap();
        let options = Options {
            reference: Some(wanted.to_owned()),
            ..version(Version::V2)
        };
        block_on(async {
            let repo = run_clone(&world, &served.url(), &options)
                .await
                .unwrap_or_else(|e| panic!("{wanted}: {e}"));
            let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
            assert_eq!(head.oid.unwrap().to_hex(), expected, "{wanted}");
        });
    }
    let world = world(SocketHttp::default());
    let options = Options {
        reference: Some("nowhere".to_owned()),
        ..Options::default()
    };
    let failure = block_on(run_clone(&world, &served.url(), &options)).err().unwrap();
    assert_eq!(failure.error().unwrap().code, Code::RefNotFound);
    assert!(failure.to_string().contains("nowhere"), "{failure}");
}

#[test]
fn empty_unborn_detached_and_dangling_heads_become_what_git_makes_of_them() {
    let served = served();
    let make = |name: &str, script: &[&[&str]]| {
        let repo = Repo::init(served.root.path().join(format!("{name}.git")), "trunk").unwrap();
        for args in script {
            repo.git(args.iter().copied()).unwrap();
        }
        repo
    };
    make("empty", &[]);
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let with_commit = |name: &str, head: &str| {
        let repo = make(name, &[]);
        repo.git_with(["hash-object", "-w", "-t", "tree", "--stdin"], b"")
            .unwrap();
        let mut oid = repo.git_line(["commit-tree", "-m", "first", tree]).unwrap();
        repo.git(["update-ref", "refs/heads/other", &oid]).unwrap();
        if head == "detached" {
            // Not where the branch is: what HEAD shares with a branch, git takes for that branch.
            oid = repo
                .git_line(["commit-tree", "-p", &oid, "-m", "second", tree])
                .unwrap();
        }
        match head {
            "detached" => repo.git(["update-ref", "--no-deref", "HEAD", &oid]).unwrap(),
            _ => repo.git(["symbolic-ref", "HEAD", head]).unwrap(),
        };
        oid
    };
    let detached = with_commit("detached", "detached");
    with_commit("dangling", "refs/heads/nowhere");
    let branch = with_commit("branch", "refs/heads/other");
    let cases = [
        ("empty", Version::V2, Some("refs/heads/trunk"), None),
        ("empty", Version::V0, Some("refs/heads/main"), None),
        ("detached", Version::V2, None, Some(&detached)),
        ("detached", Version::V0, None, Some(&detached)),
        ("dangling", Version::V2, Some("refs/heads/nowhere"), None),
        ("dangling", Version::V0, Some("refs/heads/main"), None),
        ("branch", Version::V2, Some("refs/heads/other"), Some(&branch)),
        ("branch", Version::V0, Some("refs/heads/other"), Some(&branch)),
    ];
    for (name, protocol, symbolic, oid) in cases {
        let case = format!("{name}, {protocol:?}");
        let world = world(SocketHttp::default());
        block_on(async {
            let url = served.server.url(&format!("/git/{name}.git"));
            let repo = run_clone(&world, &url, &version(protocol))
                .await
                .unwrap_or_else(|e| panic!("{case}: {e}"));
            let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
            let symbolic = symbolic.unwrap_or("HEAD");
            assert_eq!(String::from_utf8(head.name).unwrap(), symbolic, "{case}");
            assert_eq!(head.oid.map(|oid| oid.to_hex()).as_ref(), oid, "{case}");
        });
    }
}

#[test]
fn a_taken_name_is_refused_before_anything_is_sent() {
    let served = served();
    let world = world(SocketHttp::default());
    block_on(async {
        run_clone(&world, &served.url(), &Options::default()).await.unwrap();
        served.server.clear_log();
        let failure = run_clone(&world, &served.url(), &Options::default())
            .await
            .err()
            .unwrap();
        assert_eq!(failure.error().unwrap().code, Code::AlreadyExists);
        assert!(served.server.log().is_empty());
    });
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_is_sent() {
    let base = Options::default;
    let cases = [
        Options {
            depth: Some(0),
            ..base()
        },
        Options {
            depth: Some(u32::MAX),
            ..base()
        },
        Options {
            depth: Some(1),
            since: Some(1),
            ..base()
        },
        Options {
            mirror: true,
            reference: Some("main".to_owned()),
            ..base()
        },
        Options {
            mirror: true,
            single_branch: Some(true),
            ..base()
        },
        Options {
            remote_name: "a b".to_owned(),
            ..base()
        },
        Options {
            remote_name: "../x".to_owned(),
            ..base()
        },
        Options {
            remote_name: String::new(),
            ..base()
        },
    ];
    for options in cases {
        let world = world(Replay::new(Vec::new()));
        block_on(async {
            let failure = run_clone(&world, "http://127.0.0.1:1/x.git", &options)
                .await
                .err()
                .unwrap();
            let code = failure.error().unwrap().code;
            assert!(matches!(code, Code::Unsupported | Code::InvalidRef), "{code}");
            assert_nothing_left(&world, "options").await;
        });
    }
}

#[test]
fn no_room_is_said_and_leaves_room() {
    let served = served();
    for limit in [0, 200, 1000, 4000, 10_000, 20_000, 40_000] {
        let world = world(SocketHttp::default());
        block_on(async {
            world.storage.set_limit(Some(limit));
            if let Err(failure) = run_clone(&world, &served.url(), &Options::default()).await {
                assert_eq!(failure.error().unwrap().code, Code::Quota, "{limit}: {failure}");
                world.storage.set_limit(None);
                assert_nothing_left(&world, "quota").await;
            }
            world.storage.set_limit(None);
            let _removed = gitside::ops::remove(&world.host, "copy").await;
            run_clone(&world, &served.url(), &Options::default()).await.unwrap();
        });
    }
}

//! Reads of what a filter left out.

use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::ops::log::Log;
use gitside::ops::ls_tree::{self, LsTree};
use gitside::ops::prefetch::{self, prefetch};
use gitside::ops::remote::{Challenge, Credentials, Verdict, Version};
use gitside::ops::{Repository, cat, diff, diff_blobs, export, fetch, log, remote};
use gitside_server::repos::Repo;
use gitside_server::{Auth, Fault, Reply, When};
use tokio::task::LocalSet;

use super::support::{block_on, host};
use super::{by, cloned, filtered, framed, place, serve, stored, stored_by_git, task};

const LAZY: &str = "POST git-upload-pack";

/// A repository with `count` files in one directory, each of its own content.
fn many_files(count: usize) -> (tempfile::TempDir, Repo) {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repo::init(folder.path().join("example.git"), "main").unwrap();
    let mut stream = String::from("commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 2\nm\n");
    for n in 0..count {
        let text = format!("this is file {n}\n");
        stream += &format!("M 100644 inline files/{n}.txt\ndata {}\n{text}\n", text.len());
    }
    repo.git_with(["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    (folder, repo)
}

async fn read(repo: &Repository, path: &str) -> Vec<u8> {
    let task = task(&repo.host);
    let handle = cat::blob(&task, repo, b"HEAD", Some(path.as_bytes())).await;
    let handle = handle.unwrap_or_else(|failure| panic!("{path}: {failure}"));
    handle.bytes(&task).await.unwrap().to_vec()
}

#[test]
fn the_head_s_tree_and_a_file_cost_four_requests_and_a_hundred_files_one_more() {
    let (folder, repo) = many_files(101);
    let place = serve(folder, repo, |git| git.partial());
    let host = host();
    block_on(LocalSet::new().run_until(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        let mut listing = LsTree::open(&task(&host), &repo, b"HEAD", &ls_tree::Options::default())
            .await
            .unwrap();
        assert_eq!(listing.next_batch(&task(&host), 10).await.unwrap().len(), 1);
        assert_eq!(read(&repo, "files/100.txt").await, b"this is file 100\n");
        assert_eq!(read(&repo, "files/100.txt").await, b"this is file 100\n");
        let four = ["GET refs", "POST git-upload-pack ls-refs", LAZY, LAZY];
        assert_eq!(place.requests(), four);
        let all: Vec<_> = (0..100)
            .map(|n| {
                let repo = repo.clone();
                tokio::task::spawn_local(async move { read(&repo, &format!("files/{n}.txt")).await })
            })
            .collect();
        for (n, read) in all.into_iter().enumerate() {
            assert_eq!(read.await.unwrap(), format!("this is file {n}\n").into_bytes());
        }
        assert_eq!(place.requests(), [LAZY]);
        // Kept as packs, and marked.
        let packs = export::packs(&repo);
        assert_eq!(packs.len(), 3);
        assert!(packs.iter().all(export::Pack::is_promisor));
        let usage = repo.usage().await.unwrap().stats;
        assert_eq!((usage.packs, usage.objects), (3, 3 + 101));
    }));
}

#[test]
fn the_request_is_git_s_and_says_nothing_of_what_is_here() {
    let place = place(|git| git.partial());
    let host = host();
    for version in [Version::V0, Version::V2] {
        block_on(async {
            let _ = gitside::ops::remove(&host, "copy").await;
            let repo = cloned(&host, &place, &by(version, filtered("blob:none"))).await;
            place.server.clear_log();
            assert_eq!(read(&repo, "README.md").await, place.content("main:README.md"));
            let log = place.server.log();
            let [entry] = log.as_slice() else {
                panic!("{version:?}: {} requests", log.len());
            };
            let body = String::from_utf8_lossy(&entry.body);
            let oid = place.oid("main:README.md").to_hex();
            assert_eq!(body.matches("want ").count(), 1, "{body}");
            assert!(body.contains(&format!("want {oid}")), "{body}");
            assert!(body.contains("filter blob:none") && body.contains("done"), "{body}");
            for not in ["have ", "include-tag", "thin-pack"] {
                assert!(!body.contains(not), "{not} in {body}");
            }
        });
    }
}

#[test]
fn trees_are_listed_and_histories_of_paths_walked_as_in_a_whole_clone() {
    let place = place(|git| git.partial());
    for filter in ["blob:none", "tree:0", "tree:1", "object:type=commit"] {
        let host = host();
        block_on(async {
            let repo = cloned(&host, &place, &filtered(filter)).await;
            let task = task(&host);
            let options = ls_tree::Options {
                recursive: true,
                path: None,
            };
            let mut listing = LsTree::open(&task, &repo, b"HEAD", &options).await.unwrap();
            let listed: Vec<String> = listing
                .next_batch(&task, 10_000)
                .await
                .unwrap()
                .iter()
                .map(|entry| format!("{}\t{}\n", entry.oid, String::from_utf8_lossy(&entry.path)))
                .collect();
            let format = "--format=%(objectname)%x09%(path)";
            let gits = place
                .repo
                .git(["-c", "core.quotePath=false", "ls-tree", "-r", format, "main"]);
            assert_eq!(listed.concat(), String::from_utf8(gits.unwrap()).unwrap(), "{filter}");
            let options = log::Options {
                path: Some(b"src".to_vec()),
                ..log::Options::default()
            };
            let mut log = Log::open(&task, &repo, b"HEAD", &options).await.unwrap();
            let commits = log.next_batch(&task, 10_000).await.unwrap();
            let ours: Vec<String> = commits.iter().map(|commit| commit.oid.to_hex()).collect();
            let gits = place.repo.git(["log", "--format=%H", "main", "--", "src"]);
            let gits = String::from_utf8(gits.unwrap()).unwrap();
            assert_eq!(ours, gits.lines().collect::<Vec<_>>(), "{filter}");
        });
    }
}

#[test]
fn a_tree_brings_the_trees_below_it_and_no_files() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("tree:0")).await;
        let before = stored(&host, &repo).await;
        place.server.clear_log();
        let tree = cat::object(&task(&host), &repo, &place.oid("main^{tree}"))
            .await
            .unwrap();
        assert_eq!(tree.kind, Kind::Tree);
        assert_eq!(place.requests(), [LAZY]);
        let listed = place
            .repo
            .git(["ls-tree", "-r", "-d", "--format=%(objectname)", "main"]);
        let mut expected: std::collections::BTreeSet<String> = String::from_utf8(listed.unwrap())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        expected.insert(place.oid("main^{tree}").to_hex());
        let after = stored(&host, &repo).await;
        assert_eq!(&after - &before, expected);
    });
}

#[test]
fn everything_below_a_path_is_fetched_ahead_in_one_request() {
    let (folder, repo) = many_files(50);
    let place = serve(folder, repo, |git| git.partial());
    for (filter, requests) in [("blob:none", 1), ("tree:0", 2)] {
        let host = host();
        block_on(async {
            let repo = cloned(&host, &place, &filtered(filter)).await;
            place.server.clear_log();
            let options = prefetch::Options {
                path: Some(b"files".to_vec()),
                recursive: true,
            };
            let came = prefetch(&task(&host), &repo, b"HEAD", &options).await.unwrap();
            assert_eq!(place.requests(), vec![LAZY; requests], "{filter}");
            assert_eq!(came.objects, 50, "{filter}");
            assert!(came.bytes > 0);
            for n in 0..50 {
                assert_eq!(
                    read(&repo, &format!("files/{n}.txt")).await,
                    format!("this is file {n}\n").into_bytes()
                );
            }
            let again = prefetch(&task(&host), &repo, b"HEAD", &options).await.unwrap();
            assert_eq!((again.objects, again.bytes), (0, 0));
            assert!(place.requests().is_empty(), "{filter}");
        });
    }
}

#[test]
fn a_whole_repository_fetched_ahead_is_the_whole_tree_as_git_has_it() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        prefetch(&task(&host), &repo, b"main", &prefetch::Options::default())
            .await
            .unwrap();
        let git = place.git_clone("git", &["--filter=blob:none"]);
        let oids = place.repo.git(["ls-tree", "-r", "--format=%(objectname)", "main"]);
        let mut expected = stored_by_git(&git);
        expected.extend(String::from_utf8(oids.unwrap()).unwrap().lines().map(str::to_owned));
        assert_eq!(stored(&host, &repo).await, expected);
    });
}

#[test]
fn an_opened_repository_discovers_once() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        cloned(&host, &place, &filtered("blob:none")).await.close();
        let repo = Repository::open(&host, "copy").await.unwrap();
        place.server.clear_log();
        read(&repo, "README.md").await;
        assert_eq!(place.requests(), ["GET refs", LAZY]);
        read(&repo, "LICENSE").await;
        assert_eq!(place.requests(), [LAZY]);
    });
}

#[test]
fn a_server_that_moved_on_since_discovery_is_discovered_again() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        for reply in [
            Fault::respond(Reply::text(404, "gone")),
            Fault::respond(Reply::text(200, "hello")),
        ] {
            place.server.clear_faults();
            place.server.clear_log();
            place.server.fault(When::post().once(), reply);
            let path = if place.server.log().is_empty() && export::packs(&repo).len() == 1 {
                "README.md"
            } else {
                "LICENSE"
            };
            read(&repo, path).await;
            assert_eq!(place.requests(), [LAZY, "GET refs", LAZY], "{path}");
        }
    });
}

#[test]
fn a_login_that_worked_is_used_again_and_not_asked_for() {
    let place = place(|git| git.partial().auth(Auth::basic("u", "right")));
    let host = host();
    let asked = Rc::new(std::cell::Cell::new(0));
    let verdicts = Rc::new(std::cell::Cell::new(0));
    let (count, heard) = (Rc::clone(&asked), Rc::clone(&verdicts));
    let mut options = filtered("blob:none");
    options.remote = remote::Options {
        credentials: Some(Rc::new(move |_: Challenge| {
            count.set(count.get() + 1);
            Box::pin(std::future::ready(Some(Credentials::Basic {
                username: "u".into(),
                password: "right".into(),
            })))
        })),
        on_credentials: Some(Rc::new(move |verdict, _: &Credentials, _: &str| {
            assert_eq!(verdict, Verdict::Approved);
            heard.set(heard.get() + 1);
        })),
        ..remote::Options::default()
    };
    block_on(async {
        let repo = cloned(&host, &place, &options).await;
        place.server.clear_log();
        read(&repo, "README.md").await;
        assert_eq!(place.requests(), [LAZY]);
        assert_eq!((asked.get(), verdicts.get()), (1, 1));
        // Nothing of it is stored: another handle asks.
        let opened = Repository::open(&host, "copy").await.unwrap();
        let opened = opened.with_remote(options.remote.clone());
        read(&opened, "LICENSE").await;
        assert_eq!(asked.get(), 2);
    });
}

#[test]
fn a_delta_of_a_later_fetch_against_what_was_left_out_brings_its_base() {
    // Git's t5616, "tolerate server sending REF_DELTA against missing promisor objects".
    let folder = tempfile::tempdir().unwrap();
    let repo = Repo::init(folder.path().join("example.git"), "main").unwrap();
    let commit = |n: usize, foo: &str, have: &str| {
        let from = if n > 1 { "from refs/heads/main^0\n" } else { "" };
        let stream = format!(
            "commit refs/heads/main\ncommitter A <a@example.org> 170000000{n} +0000\ndata 1\nm\n{from}\
             M 100644 inline foo.txt\ndata {}\n{foo}\nM 100644 inline have.txt\ndata {}\n{have}\n",
            foo.len(),
            have.len()
        );
        repo.git_with(["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    };
    let (foo, have) = ("this is a line\n".repeat(10), "this is another line\n".repeat(10));
    commit(1, &foo, &have);
    let place = serve(folder, Repo::at(repo.path()), |git| git.partial());
    let (base, stored_base) = (place.oid("main:foo.txt").to_hex(), place.oid("main:have.txt").to_hex());
    let host = host();
    block_on(async {
        let copy = cloned(&host, &place, &by(Version::V2, filtered("blob:none"))).await;
        read(&copy, "have.txt").await;
        let more = "abcdefghijklmnopqrstuvwxyz\n";
        commit(2, &(foo.clone() + more), &(have.clone() + more));
        let thin = repo.git_with(
            ["pack-objects", "--thin", "--revs", "--stdout", "-q"],
            b"main\n--not\nmain^\n",
        );
        let thin = thin.unwrap();
        let refers = |base: &str| {
            thin.windows(20)
                .any(|bytes| bytes == base.parse::<ObjectId>().unwrap().as_bytes())
        };
        assert!(refers(&base) && refers(&stored_base), "git made no such deltas");
        let answer = move |answer: Vec<u8>| {
            let start = b"000dpackfile\n";
            let at = answer.windows(start.len()).position(|bytes| bytes == start);
            [&answer[..at.expect("a pack")], &framed(&thin)].concat()
        };
        place.server.clear_log();
        place.server.fault(When::post().skip(1).once(), Fault::rewrite(answer));
        let options = fetch::Options {
            transport: copy_options(),
            ..fetch::Options::default()
        };
        let fetched = fetch::fetch(&task(&host), &copy, &options).await.unwrap();
        assert!(fetched.is_ok());
        let log = place.server.log();
        let bodies: Vec<_> = log.iter().map(|entry| String::from_utf8_lossy(&entry.body)).collect();
        let wanted = |oid: &str| {
            bodies
                .iter()
                .filter(|body| body.contains(&format!("want {oid}")))
                .count()
        };
        assert_eq!((wanted(&base), wanted(&stored_base)), (1, 0));
        let blob = cat::blob(&task(&host), &copy, b"origin/main", Some(b"foo.txt"))
            .await
            .unwrap();
        let content = blob.bytes(&task(&host)).await.unwrap();
        assert_eq!(*content, (foo + more).into_bytes());
    });
}

fn copy_options() -> remote::Options {
    remote::Options {
        protocol_version: Some(Version::V2),
        ..remote::Options::default()
    }
}

/// Two commits of `count` files; between them a folder was renamed, and each file changed a little.
fn moved_files(count: usize) -> (tempfile::TempDir, Repo) {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repo::init(folder.path().join("example.git"), "main").unwrap();
    let mut stream = String::new();
    for (folder, last) in [("old", "last"), ("new", "the last line")] {
        stream += "commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 2\nm\ndeleteall\n";
        for n in 0..count {
            let lines: String = (0..20).map(|line| format!("line {line} of file {n}\n")).collect();
            let text = format!("{lines}{last}\n");
            stream += &format!("M 100644 inline {folder}/{n}.txt\ndata {}\n{text}\n", text.len());
        }
    }
    repo.git_with(["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    (folder, repo)
}

#[test]
fn a_diff_with_renames_fetches_the_contents_it_compares_together() {
    let (folder, repo) = moved_files(60);
    let place = serve(folder, repo, |git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        let changes = |renames| {
            let options = diff::Options {
                renames,
                ..diff::Options::default()
            };
            let repo = &repo;
            let task = task(&host);
            async move {
                diff::diff(&task, repo, Some(b"main~"), Some(b"main"), &options)
                    .await
                    .unwrap()
            }
        };
        place.requests();
        assert_eq!(changes(None).await.len(), 120);
        assert_eq!(place.requests(), [""; 0]);
        let renamed = changes(Some(50)).await;
        assert_eq!(place.requests(), [LAZY]);
        assert!(renamed.iter().all(|change| change.kind == diff::ChangeKind::Renamed));
        assert_eq!(renamed.len(), 60);
        // Both blobs are here now.
        let oids = |change: &diff::Change| (change.old.as_ref().unwrap().oid, change.new.as_ref().unwrap().oid);
        let (old, new) = oids(&renamed[0]);
        let options = diff_blobs::Options::default();
        let found = diff_blobs::diff_blobs(&task(&host), &repo, Some(&old), Some(&new), &options)
            .await
            .unwrap();
        assert_eq!(found.hunks.len(), 1);
        assert_eq!(place.requests(), [""; 0]);
    });
}

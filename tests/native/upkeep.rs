//! A repository over its life: fifty fetches from a real server, then gc.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::path::Path;

use gitside::ops::{clone, config, fetch, gc};
use gitside::task::Task;
use gitside_server::repos::{Repo, generate};
use gitside_server::{Git, Server};
use support::oracle::{Listing, write_bare};
use support::{block_on, host};

/// A commit on the server that changes one file beside all there is.
fn grow(source: &Repo, round: usize) {
    let blob = source.git_with(
        ["hash-object", "-w", "--stdin"],
        format!("round {round}\n").repeat(round + 1).as_bytes(),
    );
    let blob = String::from_utf8(blob.unwrap()).unwrap();
    let mut listing = source.git_line(["ls-tree", "main"]).unwrap();
    listing = listing
        .lines()
        .filter(|line| !line.ends_with("\tround.txt"))
        .map(|line| format!("{line}\n"))
        .collect();
    listing.push_str(&format!("100644 blob {}\tround.txt\n", blob.trim()));
    let tree = String::from_utf8(source.git_with(["mktree"], listing.as_bytes()).unwrap()).unwrap();
    let message = format!("round {round}");
    let commit = source
        .git_line(["commit-tree", "-p", "main", "-m", &message, tree.trim()])
        .unwrap();
    source.git(["update-ref", "refs/heads/main", commit.trim()]).unwrap();
}

#[test]
fn after_fifty_fetches_gc_leaves_one_pack_that_git_takes_and_everything_is_there() {
    let root = tempfile::tempdir().unwrap();
    let source = generate(&root.path().join("s.git"), 11, 60).unwrap();
    let server = Server::builder().mount(Git::at("/", root.path())).start().unwrap();
    let url = server.url("/s.git");
    block_on(async {
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let repo = clone::clone(&host, &task, &url, "copy", &clone::Options::default())
            .await
            .unwrap();
        // Every other fetch keeps its pack, the others are taken apart.
        for round in 0..50 {
            grow(&source, round);
            let limit: &[u8] = if round % 2 == 0 { b"1" } else { b"100" };
            config::set(&task, &repo, b"fetch.unpackLimit", Some(limit))
                .await
                .unwrap();
            let fetched = fetch::fetch(&task, &repo, &fetch::Options::default()).await.unwrap();
            assert!(
                fetched.is_ok() && fetched.rounds == 1 && fetched.objects >= 3,
                "round {round}: {fetched:?}"
            );
        }
        let before = repo.usage().await.unwrap().stats;
        assert_eq!(before.packs, 26, "the clone's pack, and those of every other fetch");
        let report = gc::gc(&task, &repo, &gc::Options::default()).await.unwrap();
        assert_eq!((report.packs, report.dropped), (1, 0));
        assert!(
            report.bytes * 10 <= before.bytes * 12,
            "{} bytes of {}",
            report.bytes,
            before.bytes
        );
        let expected = Listing::of_git(&source);
        let ours = Listing::of_gitside(&task, &repo).await;
        assert_eq!(ours.objects, expected.objects);
        let bare = write_bare(&task, &repo, &root.path().join("out.bare")).await;
        strict(&bare);
    });
}

/// Git's verdict on the exported packs.
fn strict(bare: &Repo) {
    let packs = std::fs::read_dir(bare.path().join("objects/pack")).unwrap();
    let packs: Vec<_> = packs
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_pack(path))
        .collect();
    assert_eq!(packs.len(), 1, "{packs:?}");
    for pack in packs {
        let index = pack.with_file_name("again.idx");
        bare.git([
            "index-pack",
            "--strict",
            "-o",
            index.to_str().unwrap(),
            pack.to_str().unwrap(),
        ])
        .unwrap();
    }
    bare.git(["fsck", "--connectivity-only"]).unwrap();
}

fn is_pack(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pack")
}

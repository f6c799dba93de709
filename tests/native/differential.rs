//! Random histories cloned by gitside and by git from the same server, in versions 0 and 2 of the
//! protocol, whole and shallow: refs, HEAD, shallow roots and every object must be the same, and
//! git must judge the result, written out as a bare repository, as it judges its source.
//! `GITSIDE_HISTORIES` says how many histories (200 unless told), `GITSIDE_SEED` which one alone.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::path::Path;

use gitside::ops::clone::{self, Options};
use gitside::ops::remote::Version;
use gitside::task::Task;
use gitside_server::repos::{Repo, generate, git, run};
use gitside_server::{Git, Server};
use support::oracle::{Listing, write_bare};
use support::{block_on, host};

/// How a history is cloned.
#[derive(Clone, Copy, Debug)]
struct Manner {
    version: Version,
    mirror: bool,
    depth: Option<u32>,
    single_branch: Option<bool>,
}

impl Manner {
    /// The four clones of a history: whole and shallow in both versions, the rest by the seed.
    fn of(seed: u64) -> [Manner; 4] {
        let whole = |version, mirror| Manner {
            version,
            mirror,
            depth: None,
            single_branch: None,
        };
        let depth = Some(u32::try_from(1 + seed % 5).unwrap());
        let shallow = |version, single| Manner {
            version,
            mirror: false,
            depth,
            single_branch: Some(single),
        };
        let even = seed.is_multiple_of(2);
        [
            whole(Version::V0, even),
            whole(Version::V2, !even),
            shallow(Version::V0, even),
            shallow(Version::V2, !even),
        ]
    }

    fn git(self, url: &str, into: &Path) -> Repo {
        let number = if self.version == Version::V2 { 2 } else { 0 };
        let mut command = git();
        command.args(["-c", &format!("protocol.version={number}")]);
        // Where the remote says no branch, git takes its own default, which is the machine's to set.
        command.args(["-c", "init.defaultBranch=main", "clone", "--quiet"]);
        command.arg(if self.mirror { "--mirror" } else { "--no-checkout" });
        command.args(self.depth.map(|depth| format!("--depth={depth}")));
        command.args(self.single_branch.map(|single| {
            if single {
                "--single-branch"
            } else {
                "--no-single-branch"
            }
        }));
        command.arg(url).arg(into);
        run(command, &[]).unwrap();
        Repo::at(into)
    }

    fn options(self) -> Options {
        let mut options = Options {
            mirror: self.mirror,
            depth: self.depth,
            single_branch: self.single_branch,
            ..Options::default()
        };
        options.remote.protocol_version = Some(self.version);
        options
    }
}

/// Clones one history in all manners; what differs, in words.
fn compare(server: &Server, root: &Path, seed: u64) -> Vec<String> {
    let mut found = Vec::new();
    let source = generate(
        &root.join(format!("{seed}.git")),
        seed,
        8 + usize::try_from(seed % 40).unwrap(),
    )
    .unwrap();
    let url = server.url(&format!("/{seed}.git"));
    let verdict = fsck(&source);
    for (n, manner) in Manner::of(seed).into_iter().enumerate() {
        let theirs = manner.git(&url, &root.join(format!("{seed}-{n}")));
        let expected = Listing::of_git(&theirs);
        let told = block_on(async {
            let host = host();
            let task = Task::new(host.clock.clone(), |_| {});
            let repo = match clone::clone(&host, &task, &url, "copy", &manner.options()).await {
                Ok(repo) => repo,
                Err(failure) => return vec![format!("gitside fails: {failure}")],
            };
            let mut told = expected.differences(&Listing::of_gitside(&task, &repo).await);
            let bare = write_bare(&task, &repo, &root.join(format!("{seed}-{n}.bare"))).await;
            // A clone has no more faults than its source.
            told.extend(fsck(&bare).into_iter().filter(|fault| !verdict.contains(fault)));
            told
        });
        found.extend(told.into_iter().map(|told| format!("seed {seed}, {manner:?}: {told}")));
    }
    for entry in std::fs::read_dir(root).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    found
}

/// What `git fsck --full --strict` says against a repository, line by line, and how it exits.
fn fsck(repo: &Repo) -> Vec<String> {
    let args = ["fsck", "--full", "--strict", "--no-dangling", "--no-progress"];
    let output = git().current_dir(repo.path()).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let faults = said.lines().filter(|line| !line.starts_with("notice:"));
    faults.map(str::to_owned).chain([output.status.to_string()]).collect()
}

/// Every fourth history, so that the test runner spreads them over the cores.
fn compare_share(share: u64) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let seeds: Vec<u64> = match number("GITSIDE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("GITSIDE_HISTORIES").unwrap_or(200)).collect(),
    };
    let root = tempfile::tempdir().unwrap();
    let server = Server::builder().mount(Git::at("/", root.path())).start().unwrap();
    let alone = seeds.len() == 1;
    let mine: Vec<u64> = seeds.into_iter().filter(|seed| seed % 4 == share).collect();
    assert!(alone || !mine.is_empty(), "no history in share {share}");
    let found: Vec<String> = mine
        .into_iter()
        .flat_map(|seed| compare(&server, root.path(), seed))
        .collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn histories_of_the_first_share_are_cloned_as_git_clones_them() {
    compare_share(0);
}

#[test]
fn histories_of_the_second_share_are_cloned_as_git_clones_them() {
    compare_share(1);
}

#[test]
fn histories_of_the_third_share_are_cloned_as_git_clones_them() {
    compare_share(2);
}

#[test]
fn histories_of_the_fourth_share_are_cloned_as_git_clones_them() {
    compare_share(3);
}

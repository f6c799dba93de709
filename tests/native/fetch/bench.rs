//! A server's repository to change, and two clones of it to compare.

use std::cell::Cell;
use std::collections::BTreeMap;

use gitside::error::Failure;
use gitside::ops::fetch::{Fetched, Options, fetch};
use gitside::ops::remote::Version;
use gitside_server::repos::{Repo, git};
use gitside_server::{Git, Server};

use crate::pair::{Manner, Pair, text};
use crate::support::block_on;
use crate::support::oracle::write_bare;
use crate::told::{self, Told};

pub const BOTH: [Version; 2] = [Version::V0, Version::V2];

pub struct Bench {
    pub root: tempfile::TempDir,
    pub server: Server,
    pub source: Repo,
    serial: Cell<u32>,
}

impl Bench {
    /// A server whose repository has three commits on `main`.
    pub fn new() -> Bench {
        let root = tempfile::tempdir().unwrap();
        let server = Server::builder()
            .mount(Git::at("/git", root.path()))
            .keep_bodies()
            .start()
            .unwrap();
        let bench = Bench {
            source: Repo::init(root.path().join("source.git"), "main").unwrap(),
            root,
            server,
            serial: Cell::new(0),
        };
        bench.grow("main", 3);
        bench
    }

    pub fn url(&self) -> String {
        self.server.url("/git/source.git")
    }

    /// Adds a commit to a branch, or begins one. Its id.
    pub fn commit(&self, branch: &str) -> String {
        let name = format!("refs/heads/{branch}");
        let parent = self.source.git_line(["rev-parse", "--verify", "-q", &name]).ok();
        let oid = self.commit_on(parent.as_deref());
        self.set(&name, &oid);
        oid
    }

    /// Makes a commit that no ref reaches.
    pub fn commit_on(&self, parent: Option<&str>) -> String {
        self.serial.set(self.serial.get() + 1);
        let content = format!("content {}\n", self.serial.get());
        let blob = self
            .source
            .git_with(["hash-object", "-w", "--stdin"], content.as_bytes())
            .unwrap();
        let listing = format!("100644 blob {}\tfile\n", text(blob).trim());
        let tree = text(self.source.git_with(["mktree"], listing.as_bytes()).unwrap());
        let mut args = vec!["commit-tree", tree.trim(), "-m", content.trim()];
        args.extend(parent.iter().flat_map(|parent| ["-p", parent]));
        self.source.git_line(args).unwrap()
    }

    pub fn grow(&self, branch: &str, count: usize) {
        for _ in 0..count {
            self.commit(branch);
        }
    }

    pub fn set(&self, name: &str, oid: &str) {
        self.source.git(["update-ref", "--no-deref", name, oid]).unwrap();
    }

    pub fn delete(&self, name: &str) {
        self.source.git(["update-ref", "--no-deref", "-d", name]).unwrap();
    }

    /// An annotated tag. Its id.
    pub fn tag(&self, name: &str, target: &str) -> String {
        self.source.git(["tag", "-f", "-m", name, name, target]).unwrap();
        self.oid(&format!("refs/tags/{name}"))
    }

    pub fn oid(&self, revision: &str) -> String {
        self.source.git_line(["rev-parse", "--verify", revision]).unwrap()
    }

    pub fn clone(&self, version: Version) -> Pair {
        self.clone_as(Manner::plain(version))
    }

    pub fn clone_as(&self, manner: Manner) -> Pair {
        self.clone_from(&self.url(), manner)
    }

    pub fn clone_from(&self, url: &str, manner: Manner) -> Pair {
        let into = tempfile::tempdir_in(self.root.path()).unwrap().keep();
        Pair::clone(manner, url, &into).unwrap()
    }

    /// How often a repository was asked for objects since the last call.
    pub fn posts(&self) -> usize {
        let log = self.server.log();
        self.server.clear_log();
        let asked = |body: &[u8]| !body.windows(14).any(|window| window == b"command=ls-ref");
        log.iter()
            .filter(|entry| entry.method == "POST" && asked(&entry.body))
            .count()
    }
}

/// The configuration of a clone with these refspecs.
pub fn config(url: &str, fetch: &[&str]) -> String {
    let specs: String = fetch.iter().map(|spec| format!("\tfetch = {spec}\n")).collect();
    format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n{specs}")
}

impl Pair {
    pub fn options(&self) -> Options {
        Options {
            transport: self.manner.transport(),
            ..Options::default()
        }
    }

    /// Fetches by gitside alone.
    pub fn ours(&self, options: &Options) -> Result<Fetched, Failure> {
        block_on(fetch(&self.task, &self.gitside, options))
    }

    /// Fetches by both, which must end in the same state and say the same.
    #[track_caller]
    pub fn alike(&self, args: &[&str], change: impl FnOnce(&mut Options)) -> Fetched {
        let mut options = self.options();
        change(&mut options);
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let output = self.git_fetch(&args);
        let theirs = Told::by_git(self, options.atomic, &output);
        let fetched = self.ours(&options);
        let mut told = theirs.differences(&Told::by_gitside(&fetched), options.atomic);
        let (git, mut ours) = (self.git_state(), self.gitside_state());
        if !git.refs.contains_key("refs/remotes/origin/HEAD") {
            ours.refs.remove("refs/remotes/origin/HEAD");
        }
        told.extend(told::differences(&git, &ours));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(told.is_empty(), "{told:#?}\ngit says {said}\ngitside says {fetched:#?}");
        fetched.unwrap()
    }

    /// The refs of gitside's repository, `HEAD` left out.
    pub fn refs(&self) -> BTreeMap<String, String> {
        let mut refs = self.gitside_state().refs;
        refs.remove("HEAD");
        refs
    }

    pub fn has(&self, name: &str) -> bool {
        self.refs().contains_key(name)
    }

    /// What `git fsck` finds wrong with gitside's repository.
    pub fn faults(&self) -> String {
        let path = tempfile::tempdir_in(self.git.path().parent().unwrap()).unwrap();
        let bare = block_on(write_bare(&self.task, &self.gitside, path.path()));
        let mut command = git();
        command.current_dir(bare.path());
        command.args(["fsck", "--full", "--strict", "--no-dangling", "--no-progress"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let lines = said.lines().filter(|line| !line.starts_with("notice:"));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// The name and the kind of every change, for short comparisons.
pub fn kinds(fetched: &Fetched) -> Vec<String> {
    let shown = |change: &gitside::ops::fetch::RefChange| {
        format!("{:?} {}", change.kind, String::from_utf8_lossy(&change.name))
    };
    fetched.changes.iter().map(shown).collect()
}

//! The server's repository, and everything that may happen to it between two fetches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside_server::repos::{Random, Repo};

use crate::objects::{Commit, Maker};
use crate::pair::store;

const BRANCHES: [&str; 10] = [
    "main",
    "next",
    "topic",
    "topic/a",
    "topic/a/b",
    "fix",
    "fix/1",
    "caf\u{e9}",
    "v1",
    "work",
];
const TAGS: [&str; 8] = ["v1", "v2", "v3", "rel", "rel/1", "old", "main", "gr\u{fc}n"];
const OTHERS: [&str; 6] = [
    "refs/notes/commits",
    "refs/pull/1/head",
    "refs/pull/2/head",
    "refs/pull/2",
    "refs/changes/01",
    "refs/stash",
];

/// A server's repository, with a copy of what is in it that costs nothing to ask.
pub struct Served {
    pub repo: Repo,
    pub maker: Maker,
    pub refs: BTreeMap<String, ObjectId>,
    /// What HEAD names, or what it is where it is detached.
    pub head: Head,
    commits: Vec<Commit>,
    kinds: BTreeMap<ObjectId, Kind>,
    /// What was done, in words.
    pub script: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    Branch(String),
    Detached(ObjectId),
}

impl Served {
    /// A repository with a few branches and tags.
    pub fn new(path: &Path, seed: u64, random: &mut Random) -> Served {
        let mut served = Served {
            repo: Repo::init(path, "main").unwrap(),
            maker: Maker::new(format!("of {seed}")),
            refs: BTreeMap::new(),
            head: Head::Branch("refs/heads/main".to_owned()),
            commits: Vec::new(),
            kinds: BTreeMap::new(),
            script: Vec::new(),
        };
        served.root(random, "refs/heads/main");
        // One in ten is too long for a single round of negotiation.
        let commits = if seed % 10 == 9 {
            150 + random.below(150)
        } else {
            2 + random.below(20)
        };
        served.grow(random, "refs/heads/main", commits);
        for _ in 0..3 + random.below(6) {
            served.act(random);
        }
        if !served.refs.contains_key("refs/heads/main") {
            served.grow(random, "refs/heads/main", 1);
        }
        served.write(&BTreeMap::new());
        served
    }

    /// One to five random changes.
    pub fn change(&mut self, random: &mut Random) {
        let (before, head) = (self.refs.clone(), self.head.clone());
        for _ in 0..1 + random.below(5) {
            self.act(random);
        }
        if random.once_in(8) {
            self.head = match random.below(6) {
                0 => Head::Detached(self.any_commit(random).oid),
                1 => Head::Branch("refs/heads/unborn".to_owned()),
                _ => Head::Branch(format!("refs/heads/{}", random.one_of(&BRANCHES))),
            };
        }
        self.write(&before);
        if self.head != head {
            self.write_head();
        }
    }

    pub fn kind(&self, oid: &ObjectId) -> Option<Kind> {
        self.kinds.get(oid).copied()
    }

    pub fn commit(&self, oid: &ObjectId) -> Option<&Commit> {
        self.commits.iter().find(|commit| commit.oid == *oid)
    }

    pub fn any_commit(&self, random: &mut Random) -> Commit {
        self.commits[random.below(self.commits.len())].clone()
    }

    /// A ref whose name starts with `prefix`.
    pub fn any_ref(&self, random: &mut Random, prefix: &str) -> Option<String> {
        let names: Vec<&String> = self.refs.keys().filter(|name| name.starts_with(prefix)).collect();
        (!names.is_empty()).then(|| names[random.below(names.len())].clone())
    }

    fn act(&mut self, random: &mut Random) {
        let fresh = format!("refs/heads/{}", random.one_of(&BRANCHES));
        let mut branch = self.any_ref(random, "refs/heads/").unwrap_or_else(|| fresh.clone());
        if branch == "refs/heads/main" && random.below(4) > 0 {
            // The branch that most refspecs name lives longer.
            branch = "refs/heads/next".to_owned();
        }
        match random.below(20) {
            0..=4 => {
                let count = if random.once_in(20) { 60 } else { 1 + random.below(4) };
                self.grow(random, &branch, count);
            }
            5 => self.merge(random, &branch),
            6 => {
                let commit = self.any_commit(random);
                self.set(&fresh, commit.oid);
            }
            7 => {
                let commit = self.any_commit(random);
                self.set(&branch, commit.oid);
            }
            8 => {
                let commit = self.any_commit(random);
                self.set(&branch, commit.oid);
                self.grow(random, &branch, 1);
            }
            9 if random.once_in(3) => self.root(random, &branch),
            10 => self.unset(&branch),
            9 | 11 => {
                // What was a name becomes a directory, or the reverse.
                let name = match branch.rsplit_once('/') {
                    Some((above, _)) if above != "refs/heads" && random.once_in(2) => above.to_owned(),
                    _ => format!("{branch}/x"),
                };
                let commit = self.any_commit(random);
                self.set(&name, commit.oid);
            }
            12..=16 => self.tag(random),
            17 | 18 => {
                let name = random.one_of(&OTHERS).to_owned();
                let commit = self.any_commit(random);
                self.set(&name, commit.oid);
            }
            _ => {
                if let Some(name) = self.any_ref(random, "refs/") {
                    self.unset(&name);
                }
            }
        }
    }

    fn tag(&mut self, random: &mut Random) {
        let name = format!("refs/tags/{}", random.one_of(&TAGS));
        let commit = self.any_commit(random);
        let target = match random.below(10) {
            0 => match self.any_ref(random, "refs/tags/") {
                Some(name) => {
                    let target = self.refs[&name];
                    self.annotate(target)
                }
                None => self.annotate(commit.oid),
            },
            1 => {
                // The empty tree is always there for git, even where nobody has sent it.
                if commit.files.is_empty() {
                    return;
                }
                let tree = self.maker.tree(&commit.files);
                self.kinds.insert(tree, Kind::Tree);
                if random.once_in(2) { tree } else { self.annotate(tree) }
            }
            2 => {
                let blob = self.maker.blob(random);
                self.kinds.insert(blob, Kind::Blob);
                if random.once_in(2) { blob } else { self.annotate(blob) }
            }
            3 | 4 => {
                // On a commit that no branch reaches.
                let made = self.maker.commit(random, &[&commit]);
                let oid = made.oid;
                self.add(made);
                if random.once_in(2) { oid } else { self.annotate(oid) }
            }
            5 => return self.unset(&name),
            6 | 7 => commit.oid,
            _ => self.annotate(commit.oid),
        };
        self.set(&name, target);
    }

    fn annotate(&mut self, target: ObjectId) -> ObjectId {
        let tag = self.maker.tag(self.kinds[&target], target);
        self.kinds.insert(tag, Kind::Tag);
        tag
    }

    fn add(&mut self, commit: Commit) {
        let parents: Vec<String> = commit.parents.iter().map(|oid| oid.to_hex()[..8].to_owned()).collect();
        self.script.push(format!("commit {} on {parents:?}", commit.oid));
        self.kinds.insert(commit.oid, Kind::Commit);
        self.commits.push(commit);
    }

    fn root(&mut self, random: &mut Random, name: &str) {
        let commit = self.maker.commit(random, &[]);
        self.set(name, commit.oid);
        self.add(commit);
    }

    fn grow(&mut self, random: &mut Random, name: &str, count: usize) {
        for _ in 0..count {
            let parent = match self.refs.get(name).and_then(|oid| self.commit(oid)) {
                Some(commit) => commit.clone(),
                None => self.any_commit(random),
            };
            let commit = self.maker.commit(random, &[&parent]);
            self.set(name, commit.oid);
            self.add(commit);
        }
    }

    fn merge(&mut self, random: &mut Random, name: &str) {
        let Some(first) = self.refs.get(name).and_then(|oid| self.commit(oid)).cloned() else {
            return;
        };
        let second = self.any_commit(random);
        if second.oid == first.oid {
            return;
        }
        let commit = self.maker.commit(random, &[&first, &second]);
        self.set(name, commit.oid);
        self.add(commit);
    }

    /// Sets a ref, and removes those that are in its way.
    fn set(&mut self, name: &str, oid: ObjectId) {
        let clash = |other: &String| is_above(other, name) || is_above(name, other);
        self.refs.retain(|other, _| !clash(other));
        self.refs.insert(name.to_owned(), oid);
    }

    fn unset(&mut self, name: &str) {
        self.refs.remove(name);
    }

    /// Brings the repository on the disk to the state of this.
    fn write(&mut self, before: &BTreeMap<String, ObjectId>) {
        store(&self.repo, &self.maker.take());
        let gone: BTreeSet<&String> = before.keys().filter(|name| !self.refs.contains_key(*name)).collect();
        let mut input = String::from("start\n");
        for name in gone {
            input.push_str(&format!("delete {name}\n"));
        }
        // What is deleted is out of the way only once that is committed.
        input.push_str("commit\nstart\n");
        for (name, oid) in &self.refs {
            if before.get(name) != Some(oid) {
                input.push_str(&format!("update {name} {oid}\n"));
            }
        }
        input.push_str("commit\n");
        let told = input.lines().filter(|line| !matches!(*line, "start" | "commit"));
        self.script.extend(told.map(str::to_owned));
        // A deletion would otherwise delete HEAD's branch through HEAD.
        self.repo
            .git_with(["update-ref", "--no-deref", "--stdin"], input.as_bytes())
            .unwrap();
    }

    fn write_head(&mut self) {
        let text = match &self.head {
            Head::Branch(name) => format!("ref: {name}\n"),
            Head::Detached(oid) => format!("{oid}\n"),
        };
        self.script.push(format!("HEAD is {text}"));
        std::fs::write(self.repo.path().join("HEAD"), text).unwrap();
    }
}

/// Whether a ref named `above` makes one named `below` impossible.
pub fn is_above(above: &str, below: &str) -> bool {
    below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

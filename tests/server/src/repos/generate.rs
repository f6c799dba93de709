//! Random histories with everything a repository may hold: merges and octopus merges, several
//! roots, tags of tags, of trees and of blobs, empty trees and empty commits, odd names and modes,
//! submodule entries, now and then a 5 MB blob, paths and refs that are not ASCII or not UTF-8,
//! HEAD symbolic, detached or dangling. The same seed gives the same repository.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::{Repo, Stream};

/// Numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.any() % bound as u64).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several.
    pub fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Creates a bare repository at `path` with a history of `commits` commits (1 at least) and all
/// that the module names, as `seed` decides. One in four has
/// objects that no ref reaches, which a server must not send.
pub fn generate(path: &Path, seed: u64, commits: usize) -> io::Result<Repo> {
    let repo = Repo::init(path, "main")?;
    let mut history = History {
        random: Random::new(seed),
        stream: Stream::default(),
        tips: Vec::new(),
        tags: 0,
    };
    for n in 0..commits.max(1) {
        history.commit(n);
    }
    history.refs();
    if seed % 16 == 3 {
        history.large_blob();
    }
    history.stream.import(&repo)?;
    plumbing(&repo, &mut history.random)?;
    match seed % 8 {
        5 => repo.git(["update-ref", "--no-deref", "HEAD", "refs/heads/main~0"])?,
        6 => repo.git(["symbolic-ref", "HEAD", "refs/heads/not/born/yet"])?,
        7 => repo.git(["symbolic-ref", "HEAD", "refs/heads/feature/\u{65e5}\u{672c}"])?,
        _ => Vec::new(),
    };
    if seed % 4 != 1 {
        repo.git(["repack", "-adq", "--depth=50", "--window=10"])?;
    }
    if seed % 3 != 1 {
        repo.git(["pack-refs", "--all"])?;
    }
    Ok(repo)
}

struct History {
    random: Random,
    stream: Stream,
    tips: Vec<Tip>,
    tags: usize,
}

/// A commit that others may build on.
#[derive(Clone)]
struct Tip {
    mark: u32,
    paths: BTreeSet<Vec<u8>>,
}

const NAMES: [&[u8]; 22] = [
    b"lib.rs",
    b"lib-x",
    b"lib0",
    b"lib/x",
    b"lib/y/z",
    b"a/b/c/d/e/f/g/h",
    b"with space",
    b"-dash",
    b"quote\"and\\backslash",
    b"tab\there",
    b"new\nline",
    b"__proto__",
    b"constructor/toString",
    b"dot.",
    b"...",
    "gr\u{f6}\u{df}e/\u{1f980}".as_bytes(),
    "nfd-u\u{308}".as_bytes(),
    b"latin-\xe9\xe8",
    b"bad-\xff\xfe/\x80",
    b"\xed\xa0\x80-surrogate",
    b"control-\x01\x1b[31m",
    b"percent%2Fslash?query#hash",
];

const PEOPLE: [&[u8]; 6] = [
    b"Ada Example <ada@example.org>",
    "J\u{fc}rgen \u{4f50}\u{85e4} <j@example.org>".as_bytes(),
    b"L\xe9a Latin <lea@example.org>",
    b" <>",
    b"Only Name <>",
    b"A, \"B\" (C) <a.b+c@[127.0.0.1]>",
];

impl History {
    fn commit(&mut self, n: usize) {
        let parents = self.parents();
        let mut paths = parents.first().map_or_else(BTreeSet::new, |tip| tip.paths.clone());
        let mut files: Vec<(&str, u32, Vec<u8>)> = Vec::new();
        let empty_commit = !parents.is_empty() && self.random.once_in(9);
        let changes = if empty_commit { 0 } else { 1 + self.random.below(4) };
        for _ in 0..changes {
            let mut path = self.random.one_of(&NAMES).to_vec();
            if self.random.once_in(3) {
                path.extend_from_slice(format!("-{}", self.random.below(40)).as_bytes());
            }
            let (mode, content) = self.content();
            let blob = self.stream.blob(content);
            paths.insert(path.clone());
            files.push((mode, blob, path));
        }

        self.stream.line("commit refs/heads/main");
        let mark = self.stream.mark();
        let date = 1_600_000_000 + n * 3607;
        let (author_date, zone) = match self.random.below(12) {
            0 => (0, "+0000"),
            1 => (4_300_000_000, "-0000"),
            2 => (date - 9_999_999, "+1345"),
            _ => (date, "-0730"),
        };
        for (role, date) in [("author", author_date), ("committer", date)] {
            let mut line = format!("{role} ").into_bytes();
            line.extend_from_slice(self.random.one_of(&PEOPLE));
            line.extend_from_slice(format!(" {date} {zone}").as_bytes());
            self.stream.line(line);
        }
        match self.random.below(8) {
            0 => self.stream.data(b""),
            1 => {
                self.stream.line("encoding ISO-8859-1");
                self.stream.data(b"Caf\xe9 in Latin\n");
            }
            2 => self.stream.data(b"no newline at the end"),
            3 => self.stream.data(
                b"bytes \xff\xfe\x00 in a message\n"
                    .iter()
                    .filter(|b| **b != 0)
                    .copied()
                    .collect::<Vec<u8>>(),
            ),
            _ => self.stream.data(format!(
                "Commit {n}\n\nBody of {n}.\n\nSigned-off-by: Ada <ada@example.org>\n"
            )),
        }
        for (at, parent) in parents.iter().enumerate() {
            self.stream
                .line(format!("{} :{}", if at == 0 { "from" } else { "merge" }, parent.mark));
        }
        if parents.is_empty() {
            self.stream.line("deleteall");
        } else if !empty_commit && self.random.once_in(12) {
            // The empty tree as a root.
            self.stream.line("deleteall");
            paths.clear();
            files.clear();
        } else if self.random.once_in(5)
            && let Some(path) = paths.first().cloned()
            && !files.iter().any(|(_, _, p)| *p == path)
        {
            self.delete(&path);
            paths.remove(&path);
        }
        for (mode, blob, path) in &files {
            self.stream.file(mode, *blob, path);
        }
        if self.random.once_in(6) {
            let name = format!("submodule-{}", self.random.below(3));
            let mut line = format!(
                "M 160000 {:016x}{:016x}{:08x} ",
                self.random.any(),
                self.random.any(),
                7
            )
            .into_bytes();
            line.extend(Stream::quoted(name.as_bytes()));
            self.stream.line(line);
            paths.insert(name.into_bytes());
        }
        self.stream.line("");
        self.settle(&parents, Tip { mark, paths });
    }

    /// None for a root, one, two for a merge, up to six for an octopus.
    fn parents(&mut self) -> Vec<Tip> {
        if self.tips.is_empty() || self.random.once_in(25) {
            // The branch is reset, or fast-import would take its last commit as a parent.
            self.stream.line("reset refs/heads/main\n");
            return Vec::new();
        }
        let count = match self.random.below(10) {
            0 | 1 => 2,
            2 => 3 + self.random.below(4),
            _ => 1,
        };
        let mut parents: Vec<Tip> = Vec::new();
        for _ in 0..count {
            let tip = self.tips[self.random.below(self.tips.len())].clone();
            if !parents.iter().any(|parent| parent.mark == tip.mark) {
                parents.push(tip);
            }
        }
        parents
    }

    /// A commit replaces its first parent among the tips, and sometimes stands beside it.
    fn settle(&mut self, parents: &[Tip], tip: Tip) {
        let beside = self.tips.is_empty() || (self.tips.len() < 8 && self.random.once_in(3));
        if let (false, Some(first)) = (beside, parents.first())
            && let Some(old) = self.tips.iter_mut().find(|old| old.mark == first.mark)
        {
            *old = tip;
            return;
        }
        self.tips.push(tip);
    }

    fn content(&mut self) -> (&'static str, Vec<u8>) {
        match self.random.below(10) {
            0 => ("100755", b"#!/bin/sh\nexit 0\n".to_vec()),
            1 => ("120000", format!("../target-{}", self.random.below(9)).into_bytes()),
            2 => ("100644", Vec::new()),
            3 => {
                let length = self.random.below(3000);
                (
                    "100644",
                    (0..length).map(|_| self.random.any().to_le_bytes()[0]).collect(),
                )
            }
            _ => {
                // Variations of one text, so that packs have chains of deltas.
                let mut text = String::new();
                for line in 0..200 + self.random.below(60) {
                    let word = if self.random.once_in(30) {
                        self.random.below(1000)
                    } else {
                        line * 7
                    };
                    text.push_str(&format!("line {line} says {word}\n"));
                }
                ("100644", text.into_bytes())
            }
        }
    }

    fn delete(&mut self, path: &[u8]) {
        let mut line = b"D ".to_vec();
        line.extend(Stream::quoted(path));
        self.stream.line(line);
    }

    /// A blob of five megabytes, half of it hard to compress, in a commit of its own.
    fn large_blob(&mut self) {
        let mut content = Vec::with_capacity(5_000_000);
        while content.len() < 2_500_000 {
            content.extend_from_slice(&self.random.any().to_le_bytes());
        }
        content.resize(5_000_000, b'=');
        let blob = self.stream.blob(content);
        self.stream.line("reset refs/heads/large\n");
        self.stream.line("commit refs/heads/large");
        self.stream.mark();
        self.stream
            .line("committer Ada Example <ada@example.org> 1690000000 +0000");
        self.stream.data("Large\n");
        self.stream.file("100644", blob, b"large.bin");
        self.stream.line("");
    }

    /// A ref of some kind for every tip, and tags.
    fn refs(&mut self) {
        let names: [&[u8]; 8] = [
            b"refs/heads/main",
            "refs/heads/feature/\u{65e5}\u{672c}".as_bytes(),
            "refs/heads/gr\u{f6}\u{df}e".as_bytes(),
            b"refs/heads/caf\xe9",
            b"refs/heads/__proto__",
            b"refs/pull/1/head",
            b"refs/notes/commits",
            b"refs/heads/main-2",
        ];
        let tips = self.tips.clone();
        let last = tips.last().map_or(1, |tip| tip.mark);
        for (n, name) in names.iter().enumerate() {
            self.point(name, tips.get(n).map_or(last, |tip| tip.mark));
        }
        for (n, tip) in tips.iter().enumerate() {
            self.point(format!("refs/tags/light-{n}").as_bytes(), tip.mark);
            if self.random.once_in(2) {
                let name: &[u8] = if n == 0 { b"annot\xe9" } else { b"annotated" };
                self.tag(&[name, format!("-{n}").as_bytes()].concat(), tip.mark);
            }
        }
    }

    fn point(&mut self, name: &[u8], mark: u32) {
        self.stream.line([b"reset ", name].concat());
        self.stream.line(format!("from :{mark}\n"));
    }

    fn tag(&mut self, name: &[u8], mark: u32) {
        self.tags += 1;
        self.stream.line([b"tag ", name].concat());
        self.stream.line(format!("from :{mark}"));
        self.stream
            .line("tagger Ada Example <ada@example.org> 1650000000 +0100");
        self.stream.data(format!("Tag {}\n", self.tags));
    }
}

/// What fast-import does not write: a tree with an old mode and an empty tree in it, and tags of
/// trees, of blobs and of tags.
fn plumbing(repo: &Repo, random: &mut Random) -> io::Result<()> {
    let oid = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let blob = oid(repo.git_with(
        ["hash-object", "-w", "--stdin"],
        format!("blob {}\n", random.below(9)).as_bytes(),
    )?);
    let empty = oid(repo.git_with(["mktree"], b"")?);
    let mode = if random.once_in(2) { "100664" } else { "100644" };
    let listing = format!("040000 tree {empty}\tempty\n{mode} blob {blob}\tgroup-writable\n");
    let tree = oid(repo.git_with(["mktree"], listing.as_bytes())?);
    let commit = oid(repo.git(["commit-tree", &tree, "-m", "An empty folder"])?);
    repo.git(["update-ref", "refs/heads/empty-folder", &commit])?;
    let mut target = commit;
    let mut kind = "commit";
    for (n, (wanted, oid_of)) in [
        ("tree", &tree),
        ("blob", &blob),
        ("tag", &String::new()),
        ("tag", &String::new()),
    ]
    .into_iter()
    .enumerate()
    {
        if wanted != "tag" {
            (target, kind) = (oid_of.clone(), wanted);
        }
        let text = format!(
            "object {target}\ntype {kind}\ntag of-{kind}-{n}\ntagger Ada <ada@example.org> 1650000000 +0000\n\nTag\n"
        );
        target = oid(repo.git_with(["mktag"], text.as_bytes())?);
        kind = "tag";
        repo.git(["update-ref", &format!("refs/tags/of-{wanted}-{n}"), &target])?;
    }
    repo.git(["update-ref", "refs/tags/bare-tree", &tree])?;
    Ok(())
}

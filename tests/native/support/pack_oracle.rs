//! The verdicts on a pack: ours, and git's.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gitside::algo::connected::{LinkError, Links, Missing};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::error::PackError;
use gitside::format::pack::resolve::{Base, DeltaResolver, Step};
use gitside::format::pack::scan::{PackScanner, What};
use gitside::format::pack::{Limits, PackIndex};

/// Why we refuse a pack.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    Pack(PackError),
    Link(LinkError),
    Missing(Vec<Missing>),
}

impl From<PackError> for Refused {
    fn from(error: PackError) -> Self {
        Refused::Pack(error)
    }
}

impl From<LinkError> for Refused {
    fn from(error: LinkError) -> Self {
        Refused::Link(error)
    }
}

/// How a pack is fed and what is allowed.
#[derive(Clone, Copy)]
pub struct How {
    pub chunk: usize,
    pub limits: Limits,
    /// Whether objects have to be sound and complete, as for `git index-pack --strict`.
    pub links: bool,
}

impl Default for How {
    fn default() -> Self {
        How {
            chunk: 64 << 10,
            limits: Limits::default(),
            links: true,
        }
    }
}

/// Scans and resolves a pack; the objects of `known` exist outside.
pub fn index_with(pack: &[u8], how: How, known: &[Base]) -> Result<PackIndex, Refused> {
    let mut links = Links::with_seed(1);
    let mut note = |kind, oid, content: &[u8]| -> Result<(), LinkError> {
        if how.links {
            links.object(kind, oid, content)
        } else {
            Ok(())
        }
    };
    let mut scanner = PackScanner::new(how.limits);
    for chunk in pack.chunks(how.chunk) {
        scanner.feed(chunk)?;
        while let Some(scanned) = scanner.next()? {
            match scanned.what {
                What::Object { kind, oid, content } => note(kind, oid, content)?,
                What::LargeBlob { oid, .. } => note(Kind::Blob, oid, b"")?,
                What::Passing { .. } | What::Delta => {}
            }
        }
    }
    let mut resolver = DeltaResolver::new(scanner.finish()?, how.limits)?;
    loop {
        match resolver.step(pack)? {
            Step::Object { kind, oid, content, .. } => note(kind, oid, content)?,
            Step::Working | Step::External { .. } => {}
            Step::NeedBytes(range) => panic!("{range:?} is in memory"),
            Step::NeedBases(asked) => {
                let found = |oid: &ObjectId| known.iter().find(|base| base.oid == *oid).cloned();
                let answers = asked.iter().map(found).collect();
                resolver.provide(answers);
            }
            Step::Done => break,
        }
    }
    let index = resolver.finish()?;
    if how.links {
        let missing = links.missing(&[], &[]);
        if !missing.is_empty() {
            return Err(Refused::Missing(missing));
        }
    }
    Ok(index)
}

pub fn index(pack: &[u8], how: How) -> Result<PackIndex, Refused> {
    index_with(pack, how, &[])
}

/// The ids of a pack, ascending, copies included.
pub fn ids(index: &PackIndex) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = index.entries.iter().map(|entry| entry.oid).collect();
    ids.sort_unstable();
    ids
}

/// A directory that goes away with its value.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gitside-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs git there with fixed dates and names and no settings of this machine; its standard output
/// if it succeeds.
pub fn git(directory: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "core.bigFileThreshold=512m"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.org")
        .env("GIT_COMMITTER_NAME", "C")
        .env("GIT_COMMITTER_EMAIL", "c@example.org")
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Git may refuse before it has read all; that is no error here.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Git's verdict on a pack in an empty repository: the ids of its index, ascending.
pub struct GitIndexer {
    scratch: Scratch,
}

impl GitIndexer {
    pub fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        git(scratch.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        GitIndexer { scratch }
    }

    pub fn index(&self, pack: &[u8], options: &[&str]) -> Result<Vec<ObjectId>, String> {
        let objects = self.scratch.path().join("objects/pack");
        let _ = std::fs::remove_dir_all(&objects);
        let _ = std::fs::create_dir_all(&objects);
        let arguments = [&["index-pack", "--stdin", "--threads=1"], options].concat();
        git(self.scratch.path(), &arguments, pack)?;
        let mut files = std::fs::read_dir(&objects).unwrap().map(|file| file.unwrap().path());
        // An empty pack is accepted and not kept.
        let Some(idx) = files.find(|path| path.extension().is_some_and(|e| e == "idx")) else {
            return Ok(Vec::new());
        };
        let shown = git(self.scratch.path(), &["show-index"], &std::fs::read(idx).unwrap())?;
        let mut ids: Vec<ObjectId> = String::from_utf8(shown)
            .unwrap()
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

/// A xorshift generator: the same numbers at every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }
}

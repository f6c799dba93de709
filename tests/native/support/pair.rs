//! The two clients: a clone of git's and one of gitside's, which see and suffer the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::write::PackWriter;
use gitside::ops::{Repository, clone, remote};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::{Repo, git, run};

use crate::support::{block_on, host};

/// How both clone, and talk to the server afterwards.
#[derive(Clone, Debug)]
pub struct Manner {
    pub version: remote::Version,
    pub mirror: bool,
    pub depth: Option<u32>,
    pub since: Option<u64>,
    pub single_branch: Option<bool>,
    pub filter: Option<String>,
}

impl Manner {
    /// A whole clone.
    pub fn plain(version: remote::Version) -> Manner {
        Manner {
            version,
            mirror: false,
            depth: None,
            since: None,
            single_branch: None,
            filter: None,
        }
    }

    pub fn protocol(&self) -> &'static str {
        match self.version {
            remote::Version::V2 => "protocol.version=2",
            _ => "protocol.version=0",
        }
    }

    fn options(&self) -> clone::Options {
        clone::Options {
            mirror: self.mirror,
            depth: self.depth,
            since: self.since,
            single_branch: self.single_branch,
            filter: self.filter.clone(),
            remote: self.transport(),
            ..clone::Options::default()
        }
    }

    pub fn transport(&self) -> remote::Options {
        remote::Options {
            protocol_version: Some(self.version),
            ..remote::Options::default()
        }
    }
}

/// An object with its content.
#[derive(Clone)]
pub struct Made {
    pub oid: ObjectId,
    pub kind: Kind,
    pub content: Vec<u8>,
}

/// A local change, made in both.
#[derive(Default)]
pub struct Local {
    pub objects: Vec<Made>,
    /// Refs and what they get; `None` deletes.
    pub refs: Vec<(String, Option<ObjectId>)>,
    pub head: Option<String>,
}

/// All that a fetch may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// `HEAD` is among them; symbolic ones as `ref: name`.
    pub refs: BTreeMap<String, String>,
    pub shallow: BTreeSet<String>,
    pub objects: BTreeSet<String>,
}

pub struct Pair {
    pub manner: Manner,
    pub git: Repo,
    pub git_dir: PathBuf,
    pub gitside: Repository,
    pub task: Task,
}

impl Pair {
    pub fn clone(manner: Manner, url: &str, root: &Path) -> Result<Pair, String> {
        let into = root.join("git");
        let mut command = git();
        command.args([
            "-c",
            manner.protocol(),
            "-c",
            "init.defaultBranch=main",
            "clone",
            "--quiet",
        ]);
        command.arg(if manner.mirror { "--mirror" } else { "--no-checkout" });
        command.args(manner.depth.map(|depth| format!("--depth={depth}")));
        command.args(manner.since.map(|since| format!("--shallow-since={since}")));
        command.args(manner.filter.as_ref().map(|filter| format!("--filter={filter}")));
        command.args(manner.single_branch.map(|single| match single {
            true => "--single-branch",
            false => "--no-single-branch",
        }));
        command.arg(url).arg(&into);
        let theirs = run(command, &[]);
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let ours = block_on(clone::clone(&host, &task, url, "copy", &manner.options()));
        match (theirs, ours) {
            (Ok(_), Ok(gitside)) => Ok(Pair {
                git_dir: if manner.mirror { into.clone() } else { into.join(".git") },
                git: Repo::at(into),
                manner,
                gitside,
                task,
            }),
            (theirs, ours) => Err(format!("git {theirs:?}, gitside {:?}", ours.map(drop))),
        }
    }

    pub fn git_state(&self) -> State {
        let mut state = State::default();
        let format = "--format=%(objectname) %(symref) %(refname)";
        for line in text(self.git.git(["for-each-ref", format]).unwrap()).lines() {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            state.refs.insert(words[2].to_owned(), symbolic_or(words[1], words[0]));
        }
        // A symbolic ref to what does not exist is not listed.
        for name in dangling(&self.git_dir) {
            let target = fs::read_to_string(self.git_dir.join(&name)).unwrap();
            state.refs.insert(name, target.trim_end().to_owned());
        }
        state.objects = text(
            self.git
                .git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])
                .unwrap(),
        )
        .lines()
        .map(str::to_owned)
        .collect();
        // Git also notes boundaries of history that the server told of and did not send, until it
        // prunes (`prune_shallow`); from then on it does as gitside does from the start.
        let path = self.git_dir.join("shallow");
        let shallow = fs::read_to_string(&path).unwrap_or_default();
        let here = shallow.lines().filter(|line| state.objects.contains(*line));
        state.shallow = here.map(str::to_owned).collect();
        if state.shallow.len() < shallow.lines().count() {
            let lines = state.shallow.iter().map(|line| format!("{line}\n"));
            fs::write(&path, lines.collect::<String>()).unwrap();
        }
        state
    }

    pub fn gitside_state(&self) -> State {
        block_on(async {
            let mut state = State::default();
            for found in self.gitside.refs.list(b"").await.unwrap() {
                let value = match found.target {
                    Target::Direct(oid) => oid.to_hex(),
                    Target::Symbolic(name) => format!("ref: {}", String::from_utf8(name).unwrap()),
                };
                state.refs.insert(String::from_utf8(found.name).unwrap(), value);
            }
            let mut oids = self.gitside.odb.oids();
            while let Some(some) = oids.next().await.unwrap() {
                state.objects.extend(some.iter().map(ObjectId::to_hex));
            }
            let shallow = self.gitside.meta.shallow().await.unwrap();
            state.shallow = shallow.iter().map(ObjectId::to_hex).collect();
            state
        })
    }

    /// What `FETCH_HEAD` says.
    pub fn fetch_head(&self) -> Vec<String> {
        let said = fs::read(self.git_dir.join("FETCH_HEAD")).unwrap_or_default();
        text(said).lines().map(str::to_owned).collect()
    }

    /// Gives both the configuration.
    pub fn configure(&self, text: &str) {
        fs::write(self.git_dir.join("config"), text).unwrap();
        self.publish(|publication| {
            publication.config(text.as_bytes().to_vec());
        });
    }

    /// Runs `git fetch` so that it tells all there is to tell.
    pub fn git_fetch(&self, args: &[String]) -> Output {
        let mut command = git();
        command.current_dir(self.git.path());
        for setting in [
            self.manner.protocol(),
            "gc.auto=0",
            "maintenance.auto=false",
            "fetch.writeCommitGraph=false",
            "init.defaultBranch=main",
        ] {
            command.args(["-c", setting]);
        }
        command.args(["fetch", "--porcelain", "--verbose", "--no-recurse-submodules"]);
        command.args(args).output().unwrap()
    }

    /// Makes a local change.
    pub fn apply(&self, local: &Local) {
        store(&self.git, &local.objects);
        let mut input = String::new();
        for (name, oid) in &local.refs {
            input.push_str(&match oid {
                Some(oid) => format!("update {name} {oid}\n"),
                None => format!("delete {name}\n"),
            });
        }
        self.git
            .git_with(["update-ref", "--no-deref", "--stdin"], input.as_bytes())
            .unwrap();
        if let Some(head) = &local.head {
            fs::write(self.git_dir.join("HEAD"), format!("ref: {head}\n")).unwrap();
        }
        self.publish(|publication| {
            for made in &local.objects {
                publication.object(made.oid, made.kind, &made.content);
            }
            for (name, oid) in &local.refs {
                publication.update(update(name, oid.map(Target::Direct)));
            }
            if let Some(head) = &local.head {
                publication.update(update("HEAD", Some(Target::Symbolic(head.clone().into_bytes()))));
            }
        });
    }

    /// Makes git's HEAD that of gitside.
    pub fn follow_head(&self, head: &str) {
        fs::write(self.git_dir.join("HEAD"), format!("{head}\n")).unwrap();
    }

    fn publish(&self, what: impl FnOnce(&mut Publication<'_>)) {
        block_on(async {
            let writer = self.gitside.writer(&self.task).await.unwrap();
            let mut publication = Publication::new(&writer);
            what(&mut publication);
            publication.commit().await.unwrap();
            self.gitside.odb.refresh().await.unwrap();
        });
    }
}

fn update(name: &str, new: Option<Target>) -> RefUpdate {
    RefUpdate {
        name: name.as_bytes().to_vec(),
        expect: None,
        new,
        peeled: None,
    }
}

fn symbolic_or(symbolic: &str, oid: &str) -> String {
    match symbolic {
        "" => oid.to_owned(),
        name => format!("ref: {name}"),
    }
}

fn dangling(git_dir: &Path) -> Vec<String> {
    let mut names = vec!["HEAD".to_owned()];
    if git_dir.join("refs/remotes/origin/HEAD").exists() {
        names.push("refs/remotes/origin/HEAD".to_owned());
    }
    names
}

/// Puts objects into a repository on the disk.
pub fn store(repo: &Repo, made: &[Made]) {
    let distinct: BTreeMap<ObjectId, &Made> = made.iter().map(|made| (made.oid, made)).collect();
    if distinct.is_empty() {
        return;
    }
    let mut pack = Vec::new();
    let mut writer = PackWriter::begin(u32::try_from(distinct.len()).unwrap(), &mut pack);
    for made in distinct.values() {
        writer.object(made.kind, &made.content, &mut pack);
    }
    writer.finish(&mut pack);
    repo.git_with(["index-pack", "--stdin"], &pack).unwrap();
}

pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

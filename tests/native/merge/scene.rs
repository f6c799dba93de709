//! Histories to be merged, made by git and cloned by gitside, and what each makes of a merge.

use std::collections::BTreeMap;
use std::path::Path;

use gitside::ops::merge::{Merged, Options, Version, merge_tree};
use gitside::ops::{Repository, clone};
use gitside::task::Task;
use gitside_server::repos::{Repo, git};
use gitside_server::{Git, Server};

use crate::support::{block_on, host};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    File(Vec<u8>),
    Executable(Vec<u8>),
    Link(Vec<u8>),
    /// A commit of another repository; only its number counts.
    Submodule(u8),
}

/// A tree by its paths.
pub type Tree = BTreeMap<String, Thing>;

/// A commit: its name, the names of its parents, its tree.
#[derive(Clone, Debug)]
pub struct Commit {
    pub name: String,
    pub parents: Vec<String>,
    pub tree: Tree,
}

impl Commit {
    pub fn new(name: &str, parents: &[&str], tree: Tree) -> Commit {
        Commit {
            name: name.to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            tree,
        }
    }
}

/// Several histories that go into one repository.
#[derive(Default)]
pub struct Script {
    stream: Vec<u8>,
    marks: BTreeMap<String, usize>,
}

impl Script {
    fn line(&mut self, line: impl AsRef<[u8]>) {
        self.stream.extend_from_slice(line.as_ref());
        self.stream.push(b'\n');
    }

    fn data(&mut self, data: &[u8]) {
        self.line(format!("data {}", data.len()));
        self.line(data);
    }

    /// Adds a commit as the branch `<history>/<name>`.
    pub fn commit(&mut self, history: &str, commit: &Commit) {
        let mark = self.marks.len() + 1;
        let full = format!("{history}/{}", commit.name);
        self.line(format!("commit refs/heads/{full}"));
        self.line(format!("mark :{mark}"));
        self.line(format!("committer A <a@example.org> {} +0000", 1_600_000_000 + mark));
        self.data(full.as_bytes());
        for (place, parent) in commit.parents.iter().enumerate() {
            let parent = self.marks[&format!("{history}/{parent}")];
            self.line(format!("{} :{parent}", if place == 0 { "from" } else { "merge" }));
        }
        self.line("deleteall");
        for (path, thing) in &commit.tree {
            let (mode, content) = match thing {
                Thing::File(content) => ("100644", content),
                Thing::Executable(content) => ("100755", content),
                Thing::Link(content) => ("120000", content),
                Thing::Submodule(number) => {
                    let oid = format!("{number:02x}").repeat(20);
                    self.line(format!("M 160000 {oid} \"{path}\""));
                    continue;
                }
            };
            self.line(format!("M {mode} inline \"{path}\""));
            self.data(content);
        }
        self.line("");
        self.marks.insert(full, mark);
    }
}

/// The histories, in a repository of each.
pub struct Scene {
    pub git: Repo,
    pub gitside: Repository,
    pub task: Task,
    folder: tempfile::TempDir,
    _server: Server,
}

impl Scene {
    pub fn new(script: &Script) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.git");
        let repo = Repo::init(&path, "main").unwrap();
        repo.git_with(["fast-import", "--quiet", "--force"], &script.stream)
            .unwrap();
        Scene::of(repo, folder)
    }

    /// Of a repository in that folder, called `r.git`.
    pub fn of(git: Repo, folder: tempfile::TempDir) -> Scene {
        let server = Server::builder().mount(Git::at("/git", folder.path())).start().unwrap();
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let options = clone::Options {
            mirror: true,
            ..clone::Options::default()
        };
        let url = server.url("/git/r.git");
        let cloned = clone::clone(&host, &task, &url, "copy", &options);
        Scene {
            gitside: block_on(cloned).unwrap(),
            git,
            task,
            folder,
            _server: server,
        }
    }

    /// The folder the repository is in, for another scene.
    pub fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    /// What git makes of a merge. `None` if it crashes: some versions do, on trees that they should
    /// not have met.
    pub fn by_git(&self, settings: &[&str], base: Option<&str>, ours: &str, theirs: &str) -> Option<Answer> {
        let mut command = git();
        command.current_dir(self.git.path());
        let (configured, options): (Vec<&str>, Vec<&str>) = settings.iter().partition(|setting| setting.contains('.'));
        for setting in configured {
            command.args(["-c", setting]);
        }
        command.args(["merge-tree", "--write-tree", "-z", "--messages"]);
        command.args(options);
        command.args(base.map(|base| format!("--merge-base={base}")));
        let output = command.args([ours, theirs]).output().unwrap();
        match output.status.code() {
            Some(0 | 1) => Some(Answer::parse(&output.stdout, output.status.success())),
            Some(128) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            _ => None,
        }
    }

    /// What gitside makes of it.
    pub fn by_gitside(&self, options: &Options, base: Option<&str>, ours: &str, theirs: &str) -> Answer {
        let base = base.map(str::as_bytes);
        let (ours, theirs) = (ours.as_bytes(), theirs.as_bytes());
        let merged = merge_tree(&self.task, &self.gitside, base, ours, theirs, options);
        Answer::of(&block_on(merged).unwrap())
    }
}

/// What came of a merge, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub is_clean: bool,
    pub tree: String,
    /// Mode, id, stage and path.
    pub conflicts: Vec<String>,
    /// Paths, type and text.
    pub messages: Vec<String>,
}

impl Answer {
    fn of(merged: &Merged) -> Answer {
        let mut conflicts = Vec::new();
        for conflict in &merged.conflicts {
            let path = String::from_utf8_lossy(&conflict.path);
            let stages = conflict.stages.iter().zip(1..);
            for (Version { kind, oid }, stage) in stages.filter_map(|(version, stage)| Some((version.as_ref()?, stage)))
            {
                conflicts.push(format!("{} {oid} {stage}\t{path}", kind.mode()));
            }
        }
        let messages = merged.messages.iter().map(|message| {
            let paths = message
                .paths
                .iter()
                .map(|path| String::from_utf8_lossy(path).into_owned());
            let text = String::from_utf8_lossy(&message.text);
            format!(
                "{:?} {} {text}\n",
                paths.collect::<Vec<String>>(),
                message.topic.as_str()
            )
        });
        Answer {
            is_clean: merged.is_clean,
            tree: merged.tree.to_string(),
            conflicts,
            messages: messages.collect(),
        }
    }

    /// Reads what `git merge-tree -z` prints.
    fn parse(output: &[u8], is_clean: bool) -> Answer {
        let text = String::from_utf8_lossy(output).into_owned();
        let mut fields = text.split('\0');
        let tree = fields.next().unwrap().to_owned();
        let conflicts: Vec<String> = fields
            .by_ref()
            .take_while(|field| !field.is_empty())
            .map(str::to_owned)
            .collect();
        let mut messages = Vec::new();
        while let Some(count) = fields.next().filter(|field| !field.is_empty()) {
            let count: usize = count.parse().unwrap();
            let paths: Vec<&str> = fields.by_ref().take(count).collect();
            let (topic, words) = (fields.next().unwrap(), fields.next().unwrap());
            messages.push(format!("{paths:?} {topic} {words}"));
        }
        Answer {
            is_clean,
            tree,
            conflicts,
            messages,
        }
    }
}

/// The files of a tree that git knows, for a report.
pub fn shown(repo: &Path, tree: &str) -> String {
    let mut command = git();
    command.current_dir(repo).args(["ls-tree", "-r", tree]);
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

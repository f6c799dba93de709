//! What `git fast-import` reads.

use std::collections::BTreeMap;
use std::fs;

use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside_server::repos::Repo;

/// A stream for all sessions. What is made has a name: `:12` for a commit, a full ref for a tag.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    marks: u32,
}

/// A commit, as the stream tells it.
pub struct StreamedCommit<'a> {
    pub branch: &'a str,
    pub author: &'a str,
    pub committer: &'a str,
    pub encoding: Option<&'a str>,
    pub message: &'a [u8],
    /// Marks.
    pub parents: &'a [String],
    /// The id of the tree that is changed, where it is not the first parent's.
    pub base: Option<String>,
    pub commands: &'a [Command],
}

/// A change of a file, as fast-import has it.
pub enum Command {
    Inline(EntryKind, Vec<u8>, Vec<u8>),
    Named(EntryKind, ObjectId, Vec<u8>),
    Delete(Vec<u8>),
    Rename(Vec<u8>, Vec<u8>),
}

impl Stream {
    fn line(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'\n');
    }

    fn data(&mut self, content: &[u8]) {
        self.line(&format!("data {}", content.len()));
        self.bytes.extend_from_slice(content);
        self.bytes.push(b'\n');
    }

    fn path(&mut self, path: &[u8]) {
        self.bytes.push(b'"');
        for byte in path {
            self.bytes.extend(format!("\\{byte:03o}").bytes());
        }
        self.bytes.push(b'"');
    }

    fn mark(&mut self) -> String {
        self.marks += 1;
        let mark = format!(":{}", self.marks);
        self.line(&format!("mark {mark}"));
        mark
    }

    /// Answers with its mark.
    pub fn commit(&mut self, commit: &StreamedCommit<'_>) -> String {
        // Without this a commit without parents would follow the branch's tip.
        self.line(&format!("reset {}", commit.branch));
        self.line("");
        self.line(&format!("commit {}", commit.branch));
        let mark = self.mark();
        self.line(&format!("author {}", commit.author));
        self.line(&format!("committer {}", commit.committer));
        if let Some(encoding) = commit.encoding {
            self.line(&format!("encoding {encoding}"));
        }
        self.data(commit.message);
        for (at, parent) in commit.parents.iter().enumerate() {
            let word = if at == 0 { "from" } else { "merge" };
            self.line(&format!("{word} {parent}"));
        }
        if let Some(base) = &commit.base {
            self.line("deleteall");
            self.line(&format!("M 040000 {base} \"\""));
        }
        for command in commit.commands {
            self.command(command);
        }
        self.line("");
        mark
    }

    fn command(&mut self, command: &Command) {
        let (word, paths) = match command {
            Command::Inline(kind, path, _) => (format!("M {} inline", kind.mode()), vec![path]),
            Command::Named(kind, oid, path) => (format!("M {} {oid}", kind.mode()), vec![path]),
            Command::Delete(path) => ("D".to_owned(), vec![path]),
            Command::Rename(path, to) => ("R".to_owned(), vec![path, to]),
        };
        self.bytes.extend_from_slice(word.as_bytes());
        for path in paths {
            self.bytes.push(b' ');
            self.path(path);
        }
        self.line("");
        if let Command::Inline(_, _, content) = command {
            self.data(content);
        }
    }

    pub fn tag(&mut self, name: &str, of: &str, tagger: &str, message: &[u8]) {
        self.line(&format!("tag {name}"));
        self.line(&format!("from {of}"));
        self.line(&format!("tagger {tagger}"));
        self.data(message);
    }

    /// Has git read it. Answers with the ids by mark and by ref.
    pub fn import(mut self, git: &Repo) -> BTreeMap<String, String> {
        self.line("done");
        let marks = git.path().join("marks");
        let export = format!("--export-marks={}", marks.display());
        git.git_with(["fast-import", "--quiet", "--force", "--done", &export], &self.bytes)
            .unwrap();
        let mut found = BTreeMap::new();
        for line in fs::read_to_string(marks).unwrap().lines() {
            let (mark, oid) = line.split_once(' ').unwrap();
            found.insert(mark.to_owned(), oid.to_owned());
        }
        let refs = git.git(["for-each-ref", "--format=%(refname) %(objectname)"]).unwrap();
        for line in String::from_utf8(refs).unwrap().lines() {
            let (name, oid) = line.split_once(' ').unwrap();
            found.insert(name.to_owned(), oid.to_owned());
        }
        found
    }
}

//! Commits for git-fast-import(1).

use std::collections::BTreeMap;

use crate::pack_oracle::{Scratch, git};

/// The files of a commit: mode and content, which for a submodule is its commit.
pub type Files = BTreeMap<String, (&'static str, Vec<u8>)>;

/// A bare repository with those commits on `main`, the first the oldest.
pub fn import(name: &str, commits: &[Files]) -> Scratch {
    let scratch = Scratch::new(name);
    git(scratch.path(), &["init", "--quiet", "--bare", "."], b"").unwrap();
    let mut stream = Vec::new();
    for (number, files) in commits.iter().enumerate() {
        let date = 1_700_000_000 + number;
        let head = format!("commit refs/heads/main\ncommitter A <a@example.org> {date} +0000\ndata 2\nm\ndeleteall\n");
        stream.extend_from_slice(head.as_bytes());
        for (path, (mode, content)) in files {
            if *mode == "160000" {
                let commit = String::from_utf8_lossy(content);
                stream.extend_from_slice(format!("M {mode} {commit} {path}\n").as_bytes());
                continue;
            }
            stream.extend_from_slice(format!("M {mode} inline {path}\ndata {}\n", content.len()).as_bytes());
            stream.extend_from_slice(content);
            stream.push(b'\n');
        }
    }
    git(scratch.path(), &["fast-import", "--quiet"], &stream).unwrap();
    scratch
}

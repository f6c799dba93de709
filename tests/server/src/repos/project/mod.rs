//! A project of any size, such as those that people clone: a history of many small commits by many
//! people, most of them on topics of a few commits that are merged, in source files that are edited
//! again and again and grow, two to six directories deep; some pictures, now and then a large table,
//! releases with annotated tags and branches for their fixes. The same seed gives the same commits.
//!
//! | file | what it does |
//! |---|---|
//! | `files` | the files and directories, and which of them a change is likely to touch |
//! | `history` | commits, topics, merges, releases |
//! | `shape` | what came out, as git tells it |
//! | `text` | lines of made-up source, and edits to them |
//!
//! With [`pack`] a repository of 250 000 objects is a pack of 80 to 120 MB that resolves to 15 to 20
//! times its size, with chains of up to 50 deltas.

mod files;
mod history;
mod shape;
mod text;

use std::io::{self, BufWriter};
use std::path::Path;
use std::process::{Child, Stdio};

use super::Repo;
use history::History;
pub use shape::Shape;

/// To be raised whenever another history comes out: what was made before is not made again.
pub const VERSION: u32 = 1;

/// Creates a bare repository at `path` with about `objects` objects, packed as `git fast-import`
/// leaves them.
pub fn project(path: &Path, objects: u64, seed: u64) -> io::Result<Repo> {
    let repo = Repo::init(path, "main")?;
    let mut import = fast_import(&repo)?;
    let stdin = import.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let written = write(BufWriter::with_capacity(1 << 20, stdin), objects, seed);
    // If git gave up, what it said is worth more than the broken pipe.
    let output = import.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("git fast-import: {}: {said}", output.status)));
    }
    written?;
    Ok(repo)
}

/// Packs a repository as a host would: one pack of good deltas, with a bitmap and a commit-graph.
/// With one thread, because the deltas that several threads choose depend on their race.
pub fn pack(repo: &Repo) -> io::Result<()> {
    repo.git([
        "-c",
        "pack.threads=1",
        "repack",
        "-adfq",
        "--depth=50",
        "--window=10",
        "--write-bitmap-index",
    ])?;
    repo.git(["pack-refs", "--all"])?;
    repo.git([
        "commit-graph",
        "write",
        "--reachable",
        "--changed-paths",
        "--no-progress",
    ])?;
    Ok(())
}

/// Without deltas and hardly compressed: all of that is done again when the history is packed.
fn fast_import(repo: &Repo) -> io::Result<Child> {
    super::git()
        .current_dir(repo.path())
        .args([
            "-c",
            "core.compression=1",
            "-c",
            "fastimport.unpackLimit=0",
            "fast-import",
            "--quiet",
            "--depth=0",
        ])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Writes the history as a `git fast-import` stream.
fn write(out: impl io::Write, objects: u64, seed: u64) -> io::Result<()> {
    let mut history = History::new(out, objects, seed)?;
    while history.objects() < objects {
        history.step()?;
    }
    history.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(repo: &Repo, kind: &str) -> usize {
        let format = "--batch-check=%(objecttype)";
        let all = repo.git(["cat-file", "--batch-all-objects", format]).unwrap();
        String::from_utf8_lossy(&all)
            .lines()
            .filter(|line| *line == kind)
            .count()
    }

    #[test]
    fn the_same_seed_gives_the_same_head_and_another_seed_another() {
        let folder = tempfile::tempdir().unwrap();
        let head = |name: &str, seed| {
            let repo = project(&folder.path().join(name), 1000, seed).unwrap();
            repo.git_line(["rev-parse", "HEAD"]).unwrap()
        };
        let first = head("first", 1);
        assert_eq!(first, head("second", 1));
        assert_ne!(first, head("third", 2));
    }

    #[test]
    fn a_project_has_the_size_asked_for_and_every_kind_of_object() {
        let folder = tempfile::tempdir().unwrap();
        let repo = project(folder.path(), 4000, 7).unwrap();
        pack(&repo).unwrap();
        repo.git(["fsck", "--full", "--strict"]).unwrap();
        let kinds = ["commit", "tree", "blob", "tag"].map(|kind| count(&repo, kind));
        assert!((3900..4300).contains(&kinds.iter().sum::<usize>()), "{kinds:?}");
        assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
        let merges = repo.git_line(["rev-list", "--merges", "--count", "HEAD"]).unwrap();
        assert!(merges.parse::<usize>().unwrap() > 50, "{merges} merges");
        let paths = repo.git_line(["ls-tree", "-r", "--name-only", "HEAD"]).unwrap();
        let depths = |depth| paths.lines().filter(|path| path.matches('/').count() == depth).count();
        assert!((0..=6).all(|depth| depths(depth) > 0), "{paths}");
    }
}

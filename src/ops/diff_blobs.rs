//! What differs between two files, line by line: git-diff(1) of two blobs.

use crate::algo::line_diff::{self, Hunk, hunks, is_binary};
pub use crate::algo::line_diff::{Algorithm, Whitespace};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::{Repository, fault, object};
use crate::task::Task;

/// How lines are compared, and what is shown around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Common lines around each change (`-U`).
    pub context: u32,
    /// How lines are paired.
    pub algorithm: Algorithm,
    /// White space that makes no difference.
    pub whitespace: Whitespace,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            context: 3,
            algorithm: Algorithm::Myers,
            whitespace: Whitespace::default(),
        }
    }
}

/// What differs between two files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileDiff {
    /// One of the files is binary; there are no hunks then.
    pub binary: bool,
    /// The changes with the lines around them.
    pub hunks: Vec<HunkLines>,
}

/// Changes that are near each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HunkLines {
    /// Where they are in the two files, the lines counted from 0.
    pub at: Hunk,
    /// The lines: of each change first those that went.
    pub lines: Vec<Line>,
}

/// A line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it is in one of the files only.
    pub kind: LineKind,
    /// The line without its newline.
    pub text: Vec<u8>,
    /// Whether it has a newline. The last line of a file may have none.
    pub ends: bool,
}

/// Which of the files have a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Both. Where white space differs, it is shown as in the new file.
    Common,
    /// The old one.
    Removed,
    /// The new one.
    Added,
}

/// Compares two blobs. `None` is a file without content.
pub async fn diff_blobs(
    task: &Task,
    repo: &Repository,
    from: Option<&ObjectId>,
    to: Option<&ObjectId>,
    options: &Options,
) -> Outcome<FileDiff> {
    let _reading = repo.promisor.reading();
    let oids: Vec<ObjectId> = from.into_iter().chain(to).copied().collect();
    let objects = object::read_many(task, repo, &oids).await?;
    for (oid, object) in oids.iter().zip(&objects) {
        if object.kind != Kind::Blob {
            return Err(fault::not_a(oid.to_hex().as_bytes(), Kind::Blob, object.kind).into());
        }
    }
    let mut contents = objects.into_iter().map(|object| object.data);
    let mut content = |oid: Option<&ObjectId>| oid.and_then(|_| contents.next()).unwrap_or_default();
    let (old, new) = (content(from), content(to));
    task.checkpoint().await?;
    Ok(compare(&old, &new, options))
}

/// Compares two contents.
pub fn compare(old: &[u8], new: &[u8], options: &Options) -> FileDiff {
    if is_binary(old) || is_binary(new) {
        return FileDiff {
            binary: true,
            hunks: Vec::new(),
        };
    }
    let line_options = line_diff::Options {
        algorithm: options.algorithm,
        whitespace: options.whitespace,
        indent_heuristic: true,
    };
    let hunks = hunks(old, new, options.context, &line_options);
    let (old, new) = (line_diff::lines(old), line_diff::lines(new));
    FileDiff {
        binary: false,
        hunks: hunks.into_iter().map(|hunk| with_lines(hunk, &old, &new)).collect(),
    }
}

fn with_lines(hunk: Hunk, old: &[&[u8]], new: &[&[u8]]) -> HunkLines {
    let mut lines = Vec::new();
    let mut push = |kind, of: &[&[u8]], from: u32, to: u32| {
        let index = |line| usize::try_from(line).unwrap_or(usize::MAX);
        let shown = of.get(index(from)..index(to)).unwrap_or_default();
        lines.extend(shown.iter().map(|text| line(kind, text)));
    };
    let mut at = hunk.new.start;
    for change in &hunk.changes {
        push(LineKind::Common, new, at, change.new.start);
        push(LineKind::Removed, old, change.old.start, change.old.end);
        push(LineKind::Added, new, change.new.start, change.new.end);
        at = change.new.end;
    }
    push(LineKind::Common, new, at, hunk.new.end);
    HunkLines { at: hunk, lines }
}

fn line(kind: LineKind, content: &[u8]) -> Line {
    let text = content.strip_suffix(b"\n");
    Line {
        kind,
        text: text.unwrap_or(content).to_vec(),
        ends: text.is_some(),
    }
}

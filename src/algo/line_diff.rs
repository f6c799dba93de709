//! Which lines changed between two files, as git-diff(1) finds it: a shortest edit script in the
//! order of git's `xdl_do_diff`, each change then slid to where people expect it
//! (`xdl_change_compact`, with its indent heuristic). Lines go through their newline; the last one
//! may lack it and is then another line than the same with one.
//!
//! The diff itself is the crate `imara-diff`'s. What is shown of it is elsewhere.

use std::borrow::Cow;
use std::ops::Range;

use imara_diff::{Diff, IndentHeuristic, IndentLevel, InternedInput};

/// Lines of the old file that became lines of the new one. One of the two may be empty, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The lines that are gone, counted from 0.
    pub old: Range<u32>,
    /// The lines that came, counted from 0.
    pub new: Range<u32>,
}

/// How lines are paired: `git diff --diff-algorithm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Git's default: Myers' greedy algorithm with heuristics that end an expensive search.
    #[default]
    Myers,
    /// Myers' without them: never a line more than needed.
    Minimal,
    /// Lines that are rare in the old file first, as git merges.
    Histogram,
}

/// How [`changes_of`] compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How lines are paired.
    pub algorithm: Algorithm,
    /// What of the white space of a line does not count.
    pub whitespace: Whitespace,
    /// Whether a change that fits in several places goes where the indentation suggests. git-diff(1)
    /// does so, merging does not.
    pub indent_heuristic: bool,
}

/// The white space that makes no difference. The strongest that is set counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whitespace {
    /// `-w`: all of it.
    pub all: bool,
    /// `-b`: its amount, and all at the end of a line.
    pub change: bool,
    /// `--ignore-space-at-eol`: at the end of a line.
    pub at_eol: bool,
    /// `--ignore-cr-at-eol`: a carriage return at the end of a line.
    pub cr_at_eol: bool,
}

/// The lines of a file, each through its newline.
pub fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|&byte| byte == b'\n').collect()
}

/// What changed between two files as `git diff` would say it, in their order.
pub fn changes(old: &[u8], new: &[u8], algorithm: Algorithm) -> Vec<Change> {
    let options = Options {
        algorithm,
        indent_heuristic: true,
        ..Options::default()
    };
    changes_of(&lines(old), &lines(new), &options)
}

/// What changed between two lists of lines, in their order.
pub fn changes_of(old: &[&[u8]], new: &[&[u8]], options: &Options) -> Vec<Change> {
    let mut input = InternedInput::<Cow<'_, [u8]>>::default();
    input.update_before(old.iter().map(|line| options.whitespace.seen(line)));
    input.update_after(new.iter().map(|line| options.whitespace.seen(line)));
    let algorithm = match options.algorithm {
        Algorithm::Myers => imara_diff::Algorithm::Myers,
        Algorithm::Minimal => imara_diff::Algorithm::MyersMinimal,
        Algorithm::Histogram => imara_diff::Algorithm::Histogram,
    };
    let mut diff = Diff::compute(algorithm, &input);
    if options.indent_heuristic {
        diff.postprocess_with_heuristic(
            &input,
            IndentHeuristic::new(|token| IndentLevel::for_ascii_line(input.interner[token].iter().copied(), 8)),
        );
    } else {
        diff.postprocess_no_heuristic(&input);
    }
    diff.hunks()
        .map(|hunk| Change {
            old: hunk.before,
            new: hunk.after,
        })
        .collect()
}

impl Whitespace {
    /// The line as it is compared: two lines are the same if this is.
    fn seen<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let end = line
            .iter()
            .rposition(|&byte| !is_space(byte))
            .map_or(0, |last| last + 1);
        let text = line.get(..end).unwrap_or_default();
        if self.all {
            return Cow::Owned(text.iter().copied().filter(|&byte| !is_space(byte)).collect());
        }
        if self.change {
            let mut seen = Vec::with_capacity(text.len());
            for &byte in text {
                if !is_space(byte) {
                    seen.push(byte);
                } else if seen.last() != Some(&b' ') {
                    seen.push(b' ');
                }
            }
            return Cow::Owned(seen);
        }
        if self.at_eol {
            return Cow::Borrowed(text);
        }
        match line {
            [text @ .., b'\r', b'\n'] if self.cr_at_eol => {
                let mut seen = text.to_vec();
                seen.push(b'\n');
                Cow::Owned(seen)
            }
            _ => Cow::Borrowed(line),
        }
    }
}

/// Git's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn change(old: Range<u32>, new: Range<u32>) -> Change {
        Change { old, new }
    }

    #[test]
    fn equal_files_have_no_changes() {
        assert_eq!(changes(b"", b"", Algorithm::Myers), []);
        assert_eq!(changes(b"a\nb\n", b"a\nb\n", Algorithm::Histogram), []);
    }

    #[test]
    fn lines_that_came_went_and_became_others_are_changes() {
        let found = changes(b"a\nb\nc\nd\n", b"a\nB\nc\nd\ne\n", Algorithm::Myers);
        assert_eq!(found, [change(1..2, 1..2), change(4..4, 4..5)]);
    }

    #[test]
    fn a_last_line_without_its_newline_is_another_line() {
        assert_eq!(changes(b"a\nb\n", b"a\nb", Algorithm::Myers), [change(1..2, 1..2)]);
    }
}

//! Which lines changed between two files, as git-diff(1) finds it. Lines go through their newline;
//! a last one that lacks it is another line than the same with one.
//!
//! ```text
//!  lines ── intern ──► tokens ── myers | histogram ──► marks ── compact ──► changes
//! ```
//!
//! A diff is rarely the only shortest one, and merging starts from diffs, so that two programs
//! agree on a merge only if they agree on every tie. This one decides as git's xdiff does: which
//! lines it leaves out of the search, where it gives up an expensive one, which of several paths it
//! prefers, and to where it slides a change at the end. Nothing recurses.

mod candidates;
mod compact;
mod histogram;
mod hunk;
mod intern;
mod myers;
mod whitespace;

use std::ops::Range;

pub use hunk::{Hunk, hunks, is_binary};
pub use whitespace::Whitespace;

use intern::Tokens;

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
    /// Around the lines that are rarest in the old file. What git merges by.
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
    let tokens = Tokens::of(old, new, options.whitespace);
    let mut marks = Marks {
        old: vec![false; old.len()],
        new: vec![false; new.len()],
    };
    match options.algorithm {
        Algorithm::Myers => myers::mark(&tokens.old, &tokens.new, &mut marks.all()),
        Algorithm::Histogram => histogram::mark(&tokens, &mut marks),
    }
    // Git compacts the old file first. The second time sees what the first has moved.
    let heuristic = options.indent_heuristic;
    compact::compact(&tokens.old, &mut marks.old, &marks.new, heuristic.then_some(old));
    compact::compact(&tokens.new, &mut marks.new, &marks.old, heuristic.then_some(new));
    marks.changes()
}

/// Which lines of the two files are not common to both.
struct Marks {
    old: Vec<bool>,
    new: Vec<bool>,
}

/// The marks of a part of each file.
struct MarksOf<'a> {
    old: &'a mut [bool],
    new: &'a mut [bool],
}

impl Marks {
    fn all(&mut self) -> MarksOf<'_> {
        MarksOf {
            old: &mut self.old,
            new: &mut self.new,
        }
    }

    /// The marked lines in runs. Lines that are not marked pair up, first with first.
    fn changes(&self) -> Vec<Change> {
        let mut found = Vec::new();
        let (mut old, mut new) = (0, 0);
        while old < self.old.len() || new < self.new.len() {
            let change = Change {
                old: line_number(old)..line_number(run_end(&self.old, old)),
                new: line_number(new)..line_number(run_end(&self.new, new)),
            };
            old = run_end(&self.old, old) + 1;
            new = run_end(&self.new, new) + 1;
            if !change.old.is_empty() || !change.new.is_empty() {
                found.push(change);
            }
        }
        found
    }
}

/// Where the marked lines end that begin at `start`, which need not be marked.
fn run_end(marks: &[bool], start: usize) -> usize {
    let marked = marks.iter().skip(start).take_while(|&&marked| marked).count();
    start.saturating_add(marked).min(marks.len().max(start))
}

/// A file of more than `u32::MAX` lines does not fit into memory beside its list of lines.
fn line_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const ALL: [Algorithm; 2] = [Algorithm::Myers, Algorithm::Histogram];

    fn check(old: &str, new: &str, expected: &[(Range<u32>, Range<u32>)]) {
        for algorithm in ALL {
            let found: Vec<_> = changes(old.as_bytes(), new.as_bytes(), algorithm)
                .into_iter()
                .map(|change| (change.old, change.new))
                .collect();
            assert_eq!(found, expected, "{algorithm:?}: {old:?} and {new:?}");
        }
    }

    #[test]
    fn lines_that_came_went_and_became_others_are_changes() {
        check("", "", &[]);
        check("a\nb\n", "a\nb\n", &[]);
        check("", "a\nb\n", &[(0..0, 0..2)]);
        check("a\nb\n", "", &[(0..2, 0..0)]);
        check("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n", &[(1..2, 1..2), (4..4, 4..5)]);
        check("a\nb\nc\nd\n", "b\nc\n", &[(0..1, 0..0), (3..4, 2..2)]);
        check("a\n", "b\n", &[(0..1, 0..1)]);
    }

    #[test]
    fn a_last_line_without_its_newline_is_another_line() {
        check("a\nb\n", "a\nb", &[(1..2, 1..2)]);
        check("a\nb", "a\nb\nc", &[(1..2, 1..3)]);
    }

    #[test]
    fn an_added_function_is_shown_from_its_first_line_to_its_last() {
        let one = "f() {\n\tx;\n}\n";
        let two = "f() {\n\tx;\n}\n\ng() {\n\tx;\n}\n";
        check(
            &format!("{one}\nh() {{\n\tx;\n}}\n"),
            &format!("{two}\nh() {{\n\tx;\n}}\n"),
            &[(4..4, 4..8)],
        );
    }

    #[test]
    fn merging_leaves_a_change_as_far_down_as_it_goes() {
        let old = lines(b"a\n\n\tb\n\nc\n");
        let new = lines(b"a\n\n\tb\n\n\tb\n\nc\n");
        let found = changes_of(&old, &new, &Options::default());
        assert_eq!(found, [Change { old: 4..4, new: 4..6 }]);
    }
}

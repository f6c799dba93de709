//! Changes with the lines around them: the hunks of a unified diff (git-diff(1), `-U`), and which
//! files are not shown that way at all.

use std::ops::Range;

use super::{Change, Options, changes_of, lines};

/// Changes that are near each other, and common lines before, between and behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The lines of the old file, counted from 0.
    pub old: Range<u32>,
    /// The lines of the new file.
    pub new: Range<u32>,
    /// The changes in it, in order. There is at least one.
    pub changes: Vec<Change>,
}

/// A NUL is looked for in this many bytes (git's `FIRST_FEW_BYTES`).
const FIRST_BYTES: usize = 8000;

/// Whether git shows the file as binary, if no attribute says otherwise (`buffer_is_binary`).
pub fn is_binary(content: &[u8]) -> bool {
    content.iter().take(FIRST_BYTES).any(|&byte| byte == 0)
}

/// The changes between two files with `context` common lines around each. Changes with up to twice
/// as many between them are in one hunk.
pub fn hunks(old: &[u8], new: &[u8], context: u32, options: &Options) -> Vec<Hunk> {
    let tail = if context == 0 { common_tail(old, new) } else { 0 };
    let old = lines(old.get(..old.len() - tail).unwrap_or_default());
    let new = lines(new.get(..new.len() - tail).unwrap_or_default());
    let mut hunks: Vec<Hunk> = Vec::new();
    for change in changes_of(&old, &new, options) {
        match hunks.last_mut() {
            Some(hunk) if is_near(hunk, &change, context) => hunk.changes.push(change),
            _ => hunks.push(Hunk {
                old: change.old.clone(),
                new: change.new.clone(),
                changes: vec![change],
            }),
        }
    }
    let (old_len, new_len) = (super::line_number(old.len()), super::line_number(new.len()));
    for hunk in &mut hunks {
        hunk.widen(context, old_len, new_len);
    }
    hunks
}

fn is_near(hunk: &Hunk, change: &Change, context: u32) -> bool {
    let last = hunk.changes.last().map_or(hunk.old.end, |last| last.old.end);
    change.old.start.saturating_sub(last) <= context.saturating_mul(2)
}

impl Hunk {
    fn widen(&mut self, context: u32, old_len: u32, new_len: u32) {
        let (Some(first), Some(last)) = (self.changes.first(), self.changes.last()) else {
            return;
        };
        let before = context.min(first.old.start).min(first.new.start);
        let behind = context
            .min(old_len.saturating_sub(last.old.end))
            .min(new_len.saturating_sub(last.new.end));
        self.old = first.old.start - before..last.old.end + behind;
        self.new = first.new.start - before..last.new.end + behind;
    }
}

/// The common end that git leaves out where no context is shown (`trim_common_tail`): whole blocks,
/// but for what belongs to the line they cut. It keeps a change from sliding into it.
fn common_tail(old: &[u8], new: &[u8]) -> usize {
    const BLOCK: usize = 1024;
    let blocks = old.rchunks_exact(BLOCK).zip(new.rchunks_exact(BLOCK));
    let tail = BLOCK * blocks.take_while(|(old, new)| old == new).count();
    let common = old.get(old.len() - tail..).unwrap_or_default();
    let cut = common
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(common.len(), |at| at + 1);
    tail - cut
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn check(context: u32, expected: &[(Range<u32>, Range<u32>, usize)]) {
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = b"1\n2\nX\n4\n5\n6\n7\nY\n9\n";
        let options = Options {
            indent_heuristic: true,
            ..Options::default()
        };
        let found: Vec<_> = hunks(old, new, context, &options)
            .into_iter()
            .map(|hunk| (hunk.old, hunk.new, hunk.changes.len()))
            .collect();
        assert_eq!(found, expected, "context {context}");
    }

    #[test]
    fn changes_are_in_one_hunk_if_their_context_touches() {
        check(0, &[(2..3, 2..3, 1), (7..8, 7..8, 1)]);
        check(1, &[(1..4, 1..4, 1), (6..9, 6..9, 1)]);
        check(2, &[(0..9, 0..9, 2)]);
        check(u32::MAX, &[(0..9, 0..9, 2)]);
    }

    #[test]
    fn a_nul_among_the_first_8000_bytes_makes_a_file_binary() {
        let mut content = vec![b'a'; 8001];
        content[8000] = 0;
        assert!(!is_binary(&content));
        content[7999] = 0;
        assert!(is_binary(&content));
        assert!(!is_binary(b""));
    }
}

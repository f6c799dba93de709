//! The lines that Myers' algorithm searches for (git's `xdiff/xprepare.c`). Left out are the common
//! start and end of the files, lines without a match in the other file, and lines with very many if
//! they stand among such: they would only mislead the search.

use std::ops::Range;

use super::MarksOf;
use super::intern::Token;

/// Lines with more matches than this are common in a file of any size.
const MAX_COMMON: usize = 1024;
/// How far around a common line is looked for lines without a match, and how many of these there
/// must be for each common one.
const WINDOW: usize = 100;
const RUN: usize = 4;

/// Lines of one file that are searched for in the other, and where they stand.
pub(super) struct Candidates {
    pub(super) tokens: Vec<Token>,
    lines: Vec<usize>,
}

impl Candidates {
    pub(super) fn mark(&self, which: Range<usize>, marks: &mut [bool]) {
        for &line in self.lines.get(which).unwrap_or_default() {
            if let Some(mark) = marks.get_mut(line) {
                *mark = true;
            }
        }
    }
}

/// How often a line is in the other file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matches {
    None,
    Some,
    Many,
}

/// What is left to be searched: without the common start and end, and without the lines that only
/// mislead, which are marked at once.
pub(super) fn candidates(old: &[Token], new: &[Token], marks: &mut MarksOf<'_>) -> (Candidates, Candidates) {
    let start = common_start(old, new);
    let end = common_end(
        old.get(start..).unwrap_or_default(),
        new.get(start..).unwrap_or_default(),
    );
    let distinct = old.iter().chain(new).max().map_or(0, |&token| index(token) + 1);
    let in_old = counts(old, distinct);
    let in_new = counts(new, distinct);
    (
        chosen(old, start..old.len() - end, &in_new, marks.old),
        chosen(new, start..new.len() - end, &in_old, marks.new),
    )
}

fn counts(tokens: &[Token], distinct: usize) -> Vec<usize> {
    let mut counts = vec![0; distinct];
    for &token in tokens {
        if let Some(count) = counts.get_mut(index(token)) {
            *count += 1;
        }
    }
    counts
}

fn chosen(tokens: &[Token], which: Range<usize>, in_other: &[usize], marks: &mut [bool]) -> Candidates {
    let many = rough_root(tokens.len()).min(MAX_COMMON);
    let searched = tokens.get(which.clone()).unwrap_or_default();
    let matches: Vec<Matches> = searched
        .iter()
        .map(|&token| match in_other.get(index(token)) {
            None | Some(0) => Matches::None,
            Some(&count) if count >= many => Matches::Many,
            Some(_) => Matches::Some,
        })
        .collect();
    let mut chosen = Candidates {
        tokens: Vec::with_capacity(searched.len()),
        lines: Vec::with_capacity(searched.len()),
    };
    for (at, (&token, &found)) in searched.iter().zip(&matches).enumerate() {
        let misleads = match found {
            Matches::None => true,
            Matches::Some => false,
            Matches::Many => is_among_unmatched(&matches, at),
        };
        let line = which.start + at;
        if !misleads {
            chosen.tokens.push(token);
            chosen.lines.push(line);
        } else if let Some(mark) = marks.get_mut(line) {
            *mark = true;
        }
    }
    chosen
}

/// Whether the line, one with many matches, stands in a run of such lines and of lines without any,
/// with enough of the latter and some on either side.
fn is_among_unmatched(matches: &[Matches], at: usize) -> bool {
    let tally = |run: &mut dyn Iterator<Item = &Matches>| {
        let mut unmatched = 0;
        let mut many = 0;
        for found in run.take(WINDOW) {
            match found {
                Matches::None => unmatched += 1,
                Matches::Many => many += 1,
                Matches::Some => break,
            }
        }
        (unmatched, many)
    };
    let (before, after) = matches.split_at_checked(at).unwrap_or_default();
    let (unmatched_before, many_before) = tally(&mut before.iter().rev());
    let (unmatched_after, many_after) = tally(&mut after.iter().skip(1));
    if unmatched_before == 0 || unmatched_after == 0 {
        return false;
    }
    // The line itself counts in each direction, as it does in git's `xdl_clean_mmatch`.
    let many = many_before + many_after + 2;
    many * RUN < many + unmatched_before + unmatched_after
}

pub(super) fn common_start(old: &[Token], new: &[Token]) -> usize {
    old.iter().zip(new).take_while(|(old, new)| old == new).count()
}

pub(super) fn common_end(old: &[Token], new: &[Token]) -> usize {
    let pairs = old.iter().rev().zip(new.iter().rev());
    pairs.take_while(|(old, new)| old == new).count()
}

/// Git's `xdl_bogosqrt`: the least power of two above the root, or near it.
pub(super) fn rough_root(mut number: usize) -> usize {
    let mut root = 1;
    while number > 0 {
        root <<= 1;
        number >>= 2;
    }
    root
}

fn index(token: Token) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_rough_root_is_gits() {
        let cases = [(0, 1), (1, 2), (3, 2), (4, 4), (15, 4), (16, 8), (1 << 20, 2048)];
        for (number, root) in cases {
            assert_eq!(rough_root(number), root, "{number}");
        }
    }
}

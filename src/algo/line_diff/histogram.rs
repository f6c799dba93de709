//! The histogram algorithm (git's `xdiff/xhistogram.c`): the common run of lines with the rarest
//! line in it divides both files, and the parts before and after it are searched in the same way.
//! Where every common line is too frequent for that, Myers' algorithm takes over.

use std::ops::Range;

use super::intern::{Token, Tokens};
use super::{Marks, MarksOf, myers};

/// A line that is in the old part more often than this divides nothing.
const MAX_OCCURRENCES: u32 = 64;

/// Marks the lines that are not in both.
pub(super) fn mark(tokens: &Tokens, marks: &mut Marks) {
    let mut occurrences = Occurrences::new(tokens);
    let mut parts = vec![Part {
        old: 0..tokens.old.len(),
        new: 0..tokens.new.len(),
    }];
    while let Some(part) = parts.pop() {
        let old = tokens.old.get(part.old.clone()).unwrap_or_default();
        let new = tokens.new.get(part.new.clone()).unwrap_or_default();
        let mut marks = MarksOf {
            old: marks.old.get_mut(part.old.clone()).unwrap_or_default(),
            new: marks.new.get_mut(part.new.clone()).unwrap_or_default(),
        };
        if old.is_empty() || new.is_empty() {
            marks.old.fill(true);
            marks.new.fill(true);
            continue;
        }
        occurrences.record(old);
        let found = rarest_run(old, new, &occurrences);
        occurrences.forget(old);
        match found {
            Found::Nothing => {
                marks.old.fill(true);
                marks.new.fill(true);
            }
            Found::TooFrequent => myers::mark(old, new, &mut marks),
            Found::Run(run) => parts.extend(part.around(&run)),
        }
    }
}

/// A part of both files that is still to be searched.
struct Part {
    old: Range<usize>,
    new: Range<usize>,
}

impl Part {
    /// What lies before and behind a run of common lines, which is told from the part's start.
    fn around(&self, run: &Run) -> [Part; 2] {
        let (old, new) = (self.old.start, self.new.start);
        [
            Part {
                old: old..old + run.old.start,
                new: new..new + run.new.start,
            },
            Part {
                old: old + run.old.end..self.old.end,
                new: new + run.new.end..self.new.end,
            },
        ]
    }
}

/// Lines that are common to both parts.
struct Run {
    old: Range<usize>,
    new: Range<usize>,
}

enum Found {
    Nothing,
    TooFrequent,
    Run(Run),
}

/// Where each line occurs in the old part, first to last.
struct Occurrences {
    /// By token.
    first: Vec<Option<usize>>,
    count: Vec<u32>,
    /// By line of the old part: the next one that is the same.
    next: Vec<Option<usize>>,
}

impl Occurrences {
    fn new(tokens: &Tokens) -> Self {
        Occurrences {
            first: vec![None; tokens.distinct],
            count: vec![0; tokens.distinct],
            next: vec![None; tokens.old.len()],
        }
    }

    fn record(&mut self, old: &[Token]) {
        for (line, &token) in old.iter().enumerate().rev() {
            let token = index(token);
            let (Some(first), Some(count)) = (self.first.get_mut(token), self.count.get_mut(token)) else {
                continue;
            };
            if let Some(next) = self.next.get_mut(line) {
                *next = first.replace(line);
            }
            *count = count.saturating_add(1);
        }
    }

    /// Makes room for another part, in time proportional to this one.
    fn forget(&mut self, old: &[Token]) {
        for &token in old {
            if let Some(first) = self.first.get_mut(index(token)) {
                *first = None;
            }
            if let Some(count) = self.count.get_mut(index(token)) {
                *count = 0;
            }
        }
    }

    fn first(&self, token: Token) -> Option<usize> {
        self.first.get(index(token)).copied().flatten()
    }

    fn count(&self, token: Token) -> u32 {
        self.count.get(index(token)).copied().unwrap_or_default()
    }

    fn next(&self, line: usize) -> Option<usize> {
        self.next.get(line).copied().flatten()
    }
}

/// The common run whose rarest line is the rarest, the longest of such, the first of such.
fn rarest_run(old: &[Token], new: &[Token], occurrences: &Occurrences) -> Found {
    let mut common = false;
    let mut best = None;
    let mut best_len = 0;
    let mut best_count = MAX_OCCURRENCES + 1;
    let mut at = 0;
    while let Some(&token) = new.get(at) {
        let count = occurrences.count(token);
        common |= count > 0;
        let mut next_at = at + 1;
        let mut candidate = occurrences.first(token).filter(|_| count <= best_count);
        while let Some(line) = candidate {
            let (run, rarest) = grown(old, new, line, at, occurrences);
            next_at = next_at.max(run.new.end);
            // Beyond this run: those within it have been seen as its part.
            candidate = occurrences.next(line);
            while candidate.is_some_and(|next| next < run.old.end) {
                candidate = candidate.and_then(|next| occurrences.next(next));
            }
            if rarest < best_count || run.old.len() > best_len {
                best_len = run.old.len();
                best_count = rarest;
                best = Some(run);
            }
        }
        at = next_at;
    }
    match best {
        _ if common && best_count > MAX_OCCURRENCES => Found::TooFrequent,
        Some(run) => Found::Run(run),
        None => Found::Nothing,
    }
}

/// The common lines around one, and how often the rarest of them is in the old part.
fn grown(old: &[Token], new: &[Token], old_line: usize, new_line: usize, occurrences: &Occurrences) -> (Run, u32) {
    let (old_before, old_from) = old.split_at_checked(old_line).unwrap_or_default();
    let (new_before, new_from) = new.split_at_checked(new_line).unwrap_or_default();
    let before = old_before.iter().rev().zip(new_before.iter().rev());
    let before = before.take_while(|(old, new)| old == new).count();
    let from = old_from
        .iter()
        .zip(new_from)
        .take_while(|(old, new)| old == new)
        .count();
    let run = Run {
        old: old_line - before..old_line + from,
        new: new_line - before..new_line + from,
    };
    let tokens = old.get(run.old.clone()).unwrap_or_default();
    let counts = tokens.iter().map(|&token| occurrences.count(token));
    (run, counts.min().unwrap_or_default())
}

fn index(token: Token) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

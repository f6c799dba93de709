//! Myers' algorithm in linear space ("An O(ND) Difference Algorithm and its Variations", 1986), with
//! what git adds to it (`xdl_do_diff` and `xdl_split` in `xdiff/xdiffi.c`): only candidates are
//! searched for, and a search that has become expensive ends at a long common run, or at the farthest
//! point reached.
//!
//! A point of the search is (lines of the old file, lines of the new one) gone by, both counted from
//! the corner of the box that is searched; its diagonal is the difference of the two.

use std::ops::Range;

use super::MarksOf;
use super::candidates::{candidates, common_end, common_start, rough_root};
use super::intern::Token;

/// A run of common lines that makes a path interesting.
const SNAKE: usize = 20;
/// The cost from which on a search may end at an interesting path.
const HEURISTIC_COST: isize = 256;
/// How much farther than its cost an interesting path must have come.
const HEURISTIC_GAIN: isize = 4;
/// The least cost at which any search ends.
const MAX_COST: isize = 256;
/// Marks the lines that are not in both.
pub(super) fn mark(old: &[Token], new: &[Token], marks: &mut MarksOf<'_>) {
    let (old, new) = candidates(old, new, marks);
    let mut search = Search::new(&old.tokens, &new.tokens);
    let mut boxes = vec![Box {
        old: 0..old.tokens.len(),
        new: 0..new.tokens.len(),
        minimal: false,
    }];
    while let Some(next) = boxes.pop() {
        let next = search.shrunk(next);
        if next.old.is_empty() {
            new.mark(next.new, marks.new);
        } else if next.new.is_empty() {
            old.mark(next.old, marks.old);
        } else {
            boxes.extend(search.split(&next));
        }
    }
}

/// A part of both files that is still to be searched; to the end, if it is known that this is cheap.
struct Box {
    old: Range<usize>,
    new: Range<usize>,
    minimal: bool,
}

struct Search<'a> {
    old: &'a [Token],
    new: &'a [Token],
    forward: Reached,
    backward: Reached,
    max_cost: isize,
}

/// Where a box is divided, and which of the halves are cheap because the search has seen their path.
struct Split {
    old: isize,
    new: isize,
    minimal: [bool; 2],
}

impl<'a> Search<'a> {
    fn new(old: &'a [Token], new: &'a [Token]) -> Self {
        let diagonals = old.len() + new.len() + 3;
        Search {
            old,
            new,
            forward: Reached::new(diagonals),
            backward: Reached::new(diagonals),
            max_cost: signed(rough_root(diagonals)).max(MAX_COST),
        }
    }

    /// The box without the common lines at its ends.
    fn shrunk(&self, mut searched: Box) -> Box {
        let (old, new) = self.tokens(&searched);
        let start = common_start(old, new);
        searched.old.start += start;
        searched.new.start += start;
        let (old, new) = self.tokens(&searched);
        let end = common_end(old, new);
        searched.old.end -= end;
        searched.new.end -= end;
        searched
    }

    fn tokens(&self, searched: &Box) -> (&'a [Token], &'a [Token]) {
        (
            self.old.get(searched.old.clone()).unwrap_or_default(),
            self.new.get(searched.new.clone()).unwrap_or_default(),
        )
    }

    /// The two boxes that are left of one when a point of its path is known.
    fn split(&mut self, whole: &Box) -> [Box; 2] {
        let (old, new) = self.tokens(whole);
        let split = self.middle(old, new, whole.minimal);
        let old = whole.old.start + unsigned(split.old).min(old.len());
        let new = whole.new.start + unsigned(split.new).min(new.len());
        let [minimal_start, minimal_end] = split.minimal;
        [
            Box {
                old: whole.old.start..old,
                new: whole.new.start..new,
                minimal: minimal_start,
            },
            Box {
                old: old..whole.old.end,
                new: new..whole.new.end,
                minimal: minimal_end,
            },
        ]
    }

    /// Walks from both corners, a step of cost at a time, until the two meet on a diagonal.
    fn middle(&mut self, old: &[Token], new: &[Token], minimal: bool) -> Split {
        let (width, height) = (signed(old.len()), signed(new.len()));
        // The two can meet in a forward step only if the distance of their diagonals is odd.
        let odd = (width - height) % 2 != 0;
        self.forward.start(0, 0, -height..=width);
        self.backward.start(width - height, width, -height..=width);
        for cost in 1.. {
            let mut snake = false;
            self.forward.widen(-1);
            for diagonal in self.forward.diagonals() {
                let from = self.forward.step_from_start(diagonal);
                let common = common_start(after(old, from), after(new, from - diagonal));
                let to = from + signed(common);
                snake |= common > SNAKE;
                self.forward.set(diagonal, to);
                if odd && self.backward.has(diagonal) && self.backward.at(diagonal) <= to {
                    return Split {
                        old: to,
                        new: to - diagonal,
                        minimal: [true, true],
                    };
                }
            }
            self.backward.widen(isize::MAX);
            for diagonal in self.backward.diagonals() {
                let from = self.backward.step_from_end(diagonal);
                let common = common_end(before(old, from), before(new, from - diagonal));
                let to = from - signed(common);
                snake |= common > SNAKE;
                self.backward.set(diagonal, to);
                if !odd && self.forward.has(diagonal) && to <= self.forward.at(diagonal) {
                    return Split {
                        old: to,
                        new: to - diagonal,
                        minimal: [true, true],
                    };
                }
            }
            if minimal {
                continue;
            }
            if snake && cost > HEURISTIC_COST {
                let found = self
                    .interesting_from_start(old, new, cost)
                    .or_else(|| self.interesting_from_end(old, new, cost));
                if let Some(split) = found {
                    return split;
                }
            }
            if cost >= self.max_cost {
                break;
            }
        }
        self.farthest(width, height)
    }

    /// The end of the longest way from the start that came by a snake.
    fn interesting_from_start(&self, old: &[Token], new: &[Token], cost: isize) -> Option<Split> {
        let (width, height) = (signed(old.len()), signed(new.len()));
        let snake = signed(SNAKE);
        let mut best = (0, None);
        for diagonal in self.forward.diagonals() {
            let x = self.forward.at(diagonal);
            let y = x - diagonal;
            let gain = x + y - diagonal.abs();
            if gain > HEURISTIC_GAIN * cost
                && gain > best.0
                && (snake..width).contains(&x)
                && (snake..height).contains(&y)
                && common_end(last(before(old, x)), last(before(new, y))) == SNAKE
            {
                best = (gain, Some((x, y)));
            }
        }
        best.1.map(|(old, new)| Split {
            old,
            new,
            minimal: [true, false],
        })
    }

    /// The same from the end.
    fn interesting_from_end(&self, old: &[Token], new: &[Token], cost: isize) -> Option<Split> {
        let (width, height) = (signed(old.len()), signed(new.len()));
        let snake = signed(SNAKE);
        let mut best = (0, None);
        for diagonal in self.backward.diagonals() {
            let x = self.backward.at(diagonal);
            let y = x - diagonal;
            let gain = (width - x) + (height - y) - (diagonal - (width - height)).abs();
            if gain > HEURISTIC_GAIN * cost
                && gain > best.0
                && (1..=width - snake).contains(&x)
                && (1..=height - snake).contains(&y)
                && common_start(first(after(old, x)), first(after(new, y))) == SNAKE
            {
                best = (gain, Some((x, y)));
            }
        }
        best.1.map(|(old, new)| Split {
            old,
            new,
            minimal: [false, true],
        })
    }

    /// The end of the way, of those from both corners, that has left most lines behind.
    fn farthest(&self, width: isize, height: isize) -> Split {
        // Ways may have run over the edge of the box: they are cut off there.
        let from_start = self.forward.diagonals().map(|diagonal| {
            let x = self.forward.at(diagonal).min(width).min(height + diagonal);
            (x, x - diagonal)
        });
        let from_end = self.backward.diagonals().map(|diagonal| {
            let x = self.backward.at(diagonal).max(0).max(diagonal);
            (x, x - diagonal)
        });
        // Of equals the one of the highest diagonal, the first.
        let start = from_start.reduce(|best, next| if best.0 + best.1 < next.0 + next.1 { next } else { best });
        let end = from_end.reduce(|best, next| if next.0 + next.1 < best.0 + best.1 { next } else { best });
        let (start, end) = (start.unwrap_or((0, 0)), end.unwrap_or((width, height)));
        if width + height - (end.0 + end.1) < start.0 + start.1 {
            Split {
                old: start.0,
                new: start.1,
                minimal: [true, false],
            }
        } else {
            Split {
                old: end.0,
                new: end.1,
                minimal: [false, true],
            }
        }
    }
}

/// For each diagonal the line of the old file that was reached on it.
struct Reached {
    lines: Vec<isize>,
    low: isize,
    high: isize,
    lowest: isize,
    highest: isize,
}

impl Reached {
    fn new(diagonals: usize) -> Self {
        Reached {
            lines: vec![0; diagonals],
            low: 0,
            high: 0,
            lowest: 0,
            highest: 0,
        }
    }

    fn start(&mut self, diagonal: isize, line: isize, all: std::ops::RangeInclusive<isize>) {
        (self.low, self.high) = (diagonal, diagonal);
        (self.lowest, self.highest) = all.into_inner();
        self.set(diagonal, line);
    }

    /// One diagonal more on each side, with `nowhere` beyond it; at the edge of the box one less,
    /// because each step changes the diagonals that are reached from odd to even and back.
    fn widen(&mut self, nowhere: isize) {
        if self.low > self.lowest {
            self.low -= 1;
            self.set(self.low - 1, nowhere);
        } else {
            self.low += 1;
        }
        if self.high < self.highest {
            self.high += 1;
            self.set(self.high + 1, nowhere);
        } else {
            self.high -= 1;
        }
    }

    /// The diagonals of this step, the highest first.
    fn diagonals(&self) -> impl Iterator<Item = isize> + use<> {
        let (low, high) = (self.low, self.high);
        (low..=high).rev().step_by(2)
    }

    fn has(&self, diagonal: isize) -> bool {
        (self.low..=self.high).contains(&diagonal)
    }

    /// A line removed or a line added, whichever comes farther.
    fn step_from_start(&self, diagonal: isize) -> isize {
        let (removed, added) = (self.at(diagonal - 1), self.at(diagonal + 1));
        if removed >= added { removed + 1 } else { added }
    }

    fn step_from_end(&self, diagonal: isize) -> isize {
        let (added, removed) = (self.at(diagonal - 1), self.at(diagonal + 1));
        if added < removed { added } else { removed - 1 }
    }

    fn at(&self, diagonal: isize) -> isize {
        let place = unsigned(diagonal - self.lowest + 1);
        self.lines.get(place).copied().unwrap_or_default()
    }

    fn set(&mut self, diagonal: isize, line: isize) {
        let place = unsigned(diagonal - self.lowest + 1);
        if let Some(reached) = self.lines.get_mut(place) {
            *reached = line;
        }
    }
}

fn after(tokens: &[Token], line: isize) -> &[Token] {
    tokens.get(unsigned(line)..).unwrap_or_default()
}

fn before(tokens: &[Token], line: isize) -> &[Token] {
    tokens.get(..unsigned(line)).unwrap_or_default()
}

fn first(tokens: &[Token]) -> &[Token] {
    tokens.get(..SNAKE).unwrap_or(tokens)
}

fn last(tokens: &[Token]) -> &[Token] {
    tokens.get(tokens.len().saturating_sub(SNAKE)..).unwrap_or_default()
}

/// Lists of lines are shorter than `isize::MAX`: no allocation is longer, in bytes.
fn signed(count: usize) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}

/// A place before the start is the start.
fn unsigned(place: isize) -> usize {
    usize::try_from(place).unwrap_or_default()
}

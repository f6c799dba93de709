//! Where a change goes that fits in several places (git's `xdl_change_compact`). A run of added
//! lines may slide down over a line that equals its first, and up over one that equals its last;
//! what is added stays the same. Runs that touch become one. A run settles, of all its places,
//!
//! 1. in the last one that is beside a change of the other file, else
//! 2. where the indentation around its ends suggests (if that is asked for), else
//! 3. as far down as it can.

use super::intern::Token;
use super::run_end;
use super::whitespace::is_space;

/// Slides the marked lines of one file. `lines` are its lines if their indentation counts.
pub(super) fn compact(tokens: &[Token], marks: &mut [bool], other: &[bool], lines: Option<&[&[u8]]>) {
    let mut slider = Slider {
        tokens,
        run: Run::first(marks),
        marks,
        other,
        beside: Run::first(other),
    };
    loop {
        if !slider.run.is_empty() {
            slider.settle(lines);
        }
        let next = (slider.run.next(slider.marks), slider.beside.next(other));
        let (Some(run), Some(beside)) = next else {
            return;
        };
        (slider.run, slider.beside) = (run, beside);
    }
}

/// Marked lines between two that are not, or between one and an end of the file; often none.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
}

impl Run {
    fn first(marks: &[bool]) -> Run {
        Run {
            start: 0,
            end: run_end(marks, 0),
        }
    }

    fn next(self, marks: &[bool]) -> Option<Run> {
        let start = self.end + 1;
        (self.end < marks.len()).then(|| Run {
            start,
            end: run_end(marks, start),
        })
    }

    fn previous(self, marks: &[bool]) -> Option<Run> {
        let end = self.start.checked_sub(1)?;
        Some(Run {
            start: run_start(marks, end),
            end,
        })
    }

    fn len(self) -> usize {
        self.end - self.start
    }

    fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Where the marked lines begin that end before `end`.
fn run_start(marks: &[bool], end: usize) -> usize {
    let before = marks.get(..end).unwrap_or_default();
    end - before.iter().rev().take_while(|&&marked| marked).count()
}

struct Slider<'a> {
    tokens: &'a [Token],
    marks: &'a mut [bool],
    run: Run,
    other: &'a [bool],
    /// The run of the other file between the same two common lines.
    beside: Run,
}

impl Slider<'_> {
    fn settle(&mut self, lines: Option<&[&[u8]]>) {
        let (highest, aligns) = loop {
            let len = self.run.len();
            while self.slide_up() {}
            let highest = self.run.end;
            let mut aligns = !self.beside.is_empty();
            while self.slide_down() {
                aligns |= !self.beside.is_empty();
            }
            // A run that has swallowed others may slide farther than it could before.
            if self.run.len() == len {
                break (highest, aligns);
            }
        };
        if self.run.end == highest {
            return;
        }
        if aligns {
            while self.beside.is_empty() && self.slide_up() {}
        } else if let Some(lines) = lines {
            let end = best_end(lines, self.run, highest);
            while self.run.end > end && self.slide_up() {}
        }
    }

    fn slide_up(&mut self) -> bool {
        let Run { start, end } = self.run;
        let (Some(above), Some(last)) = (start.checked_sub(1), end.checked_sub(1)) else {
            return false;
        };
        if self.tokens.get(above) != self.tokens.get(last) {
            return false;
        }
        let Some(beside) = self.beside.previous(self.other) else {
            return false;
        };
        self.beside = beside;
        self.set(last, false);
        self.set(above, true);
        self.run = Run {
            start: run_start(self.marks, above),
            end: last,
        };
        true
    }

    fn slide_down(&mut self) -> bool {
        let Run { start, end } = self.run;
        if end >= self.tokens.len() || self.tokens.get(start) != self.tokens.get(end) {
            return false;
        }
        let Some(beside) = self.beside.next(self.other) else {
            return false;
        };
        self.beside = beside;
        self.set(start, false);
        self.set(end, true);
        self.run = Run {
            start: start + 1,
            end: run_end(self.marks, end),
        };
        true
    }

    fn set(&mut self, line: usize, marked: bool) {
        if let Some(mark) = self.marks.get_mut(line) {
            *mark = marked;
        }
    }
}

/// How far up a run is slid at most to look better.
const MAX_SLIDE: usize = 100;

/// Where the run, now in its lowest place, should end: the lowest of the places that look best.
fn best_end(lines: &[&[u8]], run: Run, highest: usize) -> usize {
    let len = run.len();
    let first = highest
        .max(run.start.saturating_sub(1))
        .max(run.end.saturating_sub(MAX_SLIDE));
    let mut best: Option<(usize, Badness)> = None;
    for end in first..=run.end {
        let badness = Badness::of(lines, end).and(Badness::of(lines, end.saturating_sub(len)));
        if best.as_ref().is_none_or(|(_, best)| badness.is_no_worse_than(best)) {
            best = Some((end, badness));
        }
    }
    best.map_or(run.end, |(end, _)| end)
}

/// How bad it looks if a change begins or ends before a line; the sum for both its ends.
struct Badness {
    /// The indentation of what follows: the deeper, the worse. -1 at the end of the file.
    indent: i32,
    penalty: i32,
}

impl Badness {
    /// The weights are those that Michael Haggerty found for git by trying them on much code
    /// (`score_add_split` in git's `xdiff/xdiffi.c`).
    fn of(lines: &[&[u8]], split: usize) -> Badness {
        let (before, from) = lines.split_at_checked(split).unwrap_or((lines, &[]));
        let above = Surroundings::of(before.iter().rev());
        let below = Surroundings::of(from.iter().skip(1));
        let at = from.first().and_then(|line| indentation(line));

        let mut penalty = 0;
        if above.indent.is_none() && above.blank == 0 {
            penalty += 1;
        }
        if from.is_empty() {
            penalty += 21;
        }
        let blank_below = if at.is_none() { 1 + below.blank } else { 0 };
        let blank = above.blank + blank_below;
        penalty += -30 * blank + 6 * blank_below;

        let indent = at.or(below.indent);
        if let (Some(indent), Some(above)) = (indent, above.indent) {
            let opens_a_block = below.indent.is_some_and(|below| below > indent);
            penalty += match (indent.cmp(&above), blank > 0) {
                (std::cmp::Ordering::Greater, false) => -4,
                (std::cmp::Ordering::Greater, true) => 10,
                (std::cmp::Ordering::Equal, _) => 0,
                (std::cmp::Ordering::Less, false) if opens_a_block => 24,
                (std::cmp::Ordering::Less, false) => 23,
                (std::cmp::Ordering::Less, true) => 17,
            };
        }
        Badness {
            indent: indent.unwrap_or(-1),
            penalty,
        }
    }

    fn and(self, other: Badness) -> Badness {
        Badness {
            indent: self.indent + other.indent,
            penalty: self.penalty + other.penalty,
        }
    }

    fn is_no_worse_than(&self, other: &Badness) -> bool {
        let deeper = (self.indent - other.indent).signum();
        60 * deeper + self.penalty - other.penalty <= 0
    }
}

/// More blank lines than this are not counted.
const MAX_BLANK: i32 = 20;
/// A deeper indentation counts as this one.
const MAX_INDENT: i32 = 200;

/// What comes first in a direction: blank lines, and the indentation of the line behind them.
struct Surroundings {
    blank: i32,
    indent: Option<i32>,
}

impl Surroundings {
    fn of<'a>(lines: impl Iterator<Item = &'a &'a [u8]>) -> Surroundings {
        let mut blank = 0;
        for line in lines {
            let indent = indentation(line);
            if indent.is_some() {
                return Surroundings { blank, indent };
            }
            blank += 1;
            if blank == MAX_BLANK {
                return Surroundings { blank, indent: Some(0) };
            }
        }
        Surroundings { blank, indent: None }
    }
}

/// The columns before the first character, a tab going to the next multiple of 8. `None` if the
/// line is blank.
fn indentation(line: &[u8]) -> Option<i32> {
    let mut columns = 0;
    for &byte in line {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 8 - columns % 8,
            byte if !is_space(byte) => return Some(columns),
            _ => {}
        }
        if columns >= MAX_INDENT {
            return Some(MAX_INDENT);
        }
    }
    None
}

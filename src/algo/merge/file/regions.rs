//! Which parts of a file the sides changed, and where they disagree (`xdl_do_merge`).

use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use super::Style;
use crate::algo::line_diff::{self, Algorithm, changes_of};

/// Conflicts with at most this many lines between them are shown as one: it takes no more lines.
const JOINED_OVER: usize = 3;

/// A file as lines; each goes through its newline, which the last one may lack.
pub(super) type Lines<'a> = Vec<&'a [u8]>;

/// The three files.
pub(super) struct Sides<'a> {
    pub base: Lines<'a>,
    pub ours: Lines<'a>,
    pub theirs: Lines<'a>,
}

/// Lines of one file that became lines of another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

/// Some of the lines of a file.
pub(super) fn part<'l, 'a>(lines: &'l [&'a [u8]], range: &Range<usize>) -> &'l [&'a [u8]] {
    lines.get(range.clone()).unwrap_or_default()
}

/// What changed between two files, as git sees it when it merges: the lines that are rare decide
/// what is the same.
fn changes(old: &[&[u8]], new: &[&[u8]]) -> Vec<Change> {
    let options = line_diff::Options {
        algorithm: Algorithm::Histogram,
        ..line_diff::Options::default()
    };
    let place = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    let range = |lines: Range<u32>| place(lines.start)..place(lines.end);
    let changes = changes_of(old, new, &options).into_iter();
    changes
        .map(|change| Change {
            old: range(change.old),
            new: range(change.new),
        })
        .collect()
}

/// What becomes of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Conflict,
    Ours,
    Theirs,
    /// Ours, then theirs.
    Both,
    /// The sides turned out to be the same.
    Same,
}

/// Lines that at least one side changed, and what they are in each file. What lies between two
/// regions is the same in all files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub fate: Fate,
    pub base: Range<usize>,
    pub ours: Range<usize>,
    pub theirs: Range<usize>,
}

/// The regions, in order.
pub(super) fn regions(sides: &Sides<'_>, style: Style) -> Vec<Region> {
    let by_us = changes(&sides.base, &sides.ours);
    let by_them = changes(&sides.base, &sides.theirs);
    if by_us.is_empty() {
        return one_sided(Fate::Theirs, sides);
    }
    if by_them.is_empty() {
        return one_sided(Fate::Ours, sides);
    }
    let found = Zip {
        sides,
        ours: by_us.into_iter().peekable(),
        theirs: by_them.into_iter().peekable(),
        our_end: (0, 0),
        their_end: (0, 0),
        regions: Vec::new(),
    }
    .run();
    match style {
        Style::Merge => join(refine(found, sides)),
        // The base would not fit to a part of a conflict.
        Style::Diff3 => found,
        Style::Zdiff3 => trim(found, sides),
    }
}

fn one_sided(fate: Fate, sides: &Sides<'_>) -> Vec<Region> {
    vec![Region {
        fate,
        base: 0..sides.base.len(),
        ours: 0..sides.ours.len(),
        theirs: 0..sides.theirs.len(),
    }]
}

/// The changes of both sides, in the order of the base.
struct Zip<'s, 'a> {
    sides: &'s Sides<'a>,
    ours: Peekable<IntoIter<Change>>,
    theirs: Peekable<IntoIter<Change>>,
    /// Where our last change ended, in the base and in our file: what follows is the same.
    our_end: (usize, usize),
    /// The same of theirs.
    their_end: (usize, usize),
    regions: Vec<Region>,
}

impl Zip<'_, '_> {
    fn run(mut self) -> Vec<Region> {
        loop {
            match (self.ours.peek(), self.theirs.peek()) {
                (None, None) => return self.regions,
                (Some(_), None) => self.ours_alone(),
                (None, Some(_)) => self.theirs_alone(),
                (Some(ours), Some(theirs)) if ours.old.end < theirs.old.start => self.ours_alone(),
                (Some(ours), Some(theirs)) if theirs.old.end < ours.old.start => self.theirs_alone(),
                (Some(_), Some(_)) => self.both(),
            }
        }
    }

    fn ours_alone(&mut self) {
        let Some(change) = self.ours.next() else { return };
        let theirs = along(self.their_end, &change.old);
        self.our_end = (change.old.end, change.new.end);
        self.push(Fate::Ours, change.old, change.new, theirs);
    }

    fn theirs_alone(&mut self) {
        let Some(change) = self.theirs.next() else { return };
        let ours = along(self.our_end, &change.old);
        self.their_end = (change.old.end, change.new.end);
        self.push(Fate::Theirs, change.old, ours, change.new);
    }

    /// Two changes that touch each other. The one that ends first is done with; the other may touch
    /// the next one, too.
    fn both(&mut self) {
        let (Some(ours), Some(theirs)) = (self.ours.peek(), self.theirs.peek()) else {
            return;
        };
        let (ours, theirs) = (ours.clone(), theirs.clone());
        let is_same =
            ours.old == theirs.old && part(&self.sides.ours, &ours.new) == part(&self.sides.theirs, &theirs.new);
        if !is_same {
            let base = ours.old.start.min(theirs.old.start)..ours.old.end.max(theirs.old.end);
            let widened = |change: &Change| {
                let before = change.old.start - base.start;
                let behind = base.end - change.old.end;
                change.new.start.saturating_sub(before)..change.new.end + behind
            };
            let (our_lines, their_lines) = (widened(&ours), widened(&theirs));
            self.push(Fate::Conflict, base, our_lines, their_lines);
        }
        if ours.old.end >= theirs.old.end {
            self.their_end = (theirs.old.end, theirs.new.end);
            self.theirs.next();
        }
        if theirs.old.end >= ours.old.end {
            self.our_end = (ours.old.end, ours.new.end);
            self.ours.next();
        }
    }

    /// A region that touches the last one becomes part of it: they cannot be told apart in the
    /// file that did not change between them.
    fn push(&mut self, fate: Fate, base: Range<usize>, ours: Range<usize>, theirs: Range<usize>) {
        match self.regions.last_mut() {
            Some(last) if ours.start <= last.ours.end || theirs.start <= last.theirs.end => {
                if last.fate != fate {
                    last.fate = Fate::Conflict;
                }
                last.base.end = base.end;
                last.ours.end = ours.end;
                last.theirs.end = theirs.end;
            }
            _ => self.regions.push(Region {
                fate,
                base,
                ours,
                theirs,
            }),
        }
    }
}

/// Lines of the base in a file that has them unchanged behind that end of a change. Where some of
/// them are before it, they may start before the file; the region is joined to the last one then.
fn along((base, file): (usize, usize), lines: &Range<usize>) -> Range<usize> {
    (file + lines.start).saturating_sub(base)..(file + lines.end).saturating_sub(base)
}

/// Leaves of each conflict only where the sides differ (`xdl_refine_conflicts`).
fn refine(found: Vec<Region>, sides: &Sides<'_>) -> Vec<Region> {
    let mut refined = Vec::with_capacity(found.len());
    for mut region in found {
        if region.fate != Fate::Conflict || region.ours.is_empty() || region.theirs.is_empty() {
            refined.push(region);
            continue;
        }
        let differences = changes(part(&sides.ours, &region.ours), part(&sides.theirs, &region.theirs));
        if differences.is_empty() {
            region.fate = Fate::Same;
            refined.push(region);
            continue;
        }
        let within = |outer: &Range<usize>, inner: Range<usize>| outer.start + inner.start..outer.start + inner.end;
        refined.extend(differences.into_iter().map(|difference| Region {
            fate: Fate::Conflict,
            base: region.base.clone(),
            ours: within(&region.ours, difference.old),
            theirs: within(&region.theirs, difference.new),
        }));
    }
    refined
}

/// Joins conflicts that are close to each other (`xdl_simplify_non_conflicts`).
fn join(found: Vec<Region>) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::with_capacity(found.len());
    for region in found {
        match joined.last_mut() {
            Some(last)
                if last.fate == Fate::Conflict
                    && region.fate == Fate::Conflict
                    && region.ours.start.saturating_sub(last.ours.end) <= JOINED_OVER =>
            {
                last.ours.end = region.ours.end;
                last.theirs.end = region.theirs.end;
            }
            _ => joined.push(region),
        }
    }
    joined
}

/// Takes the lines out of each conflict with which both sides start or end
/// (`xdl_refine_zdiff3_conflicts`).
fn trim(mut found: Vec<Region>, sides: &Sides<'_>) -> Vec<Region> {
    for region in found.iter_mut().filter(|region| region.fate == Fate::Conflict) {
        let count = |pairs: &mut dyn Iterator<Item = bool>| pairs.take_while(|same| *same).count();
        let (ours, theirs) = (part(&sides.ours, &region.ours), part(&sides.theirs, &region.theirs));
        let first = count(&mut ours.iter().zip(theirs).map(|(a, b)| a == b));
        let (ours, theirs) = (ours.get(first..), theirs.get(first..));
        let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
        let last = count(&mut ours.iter().rev().zip(theirs.iter().rev()).map(|(a, b)| a == b));
        region.ours = region.ours.start + first..region.ours.end - last;
        region.theirs = region.theirs.start + first..region.theirs.end - last;
    }
    found
}

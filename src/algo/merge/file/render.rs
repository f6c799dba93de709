//! Writes a merged file: what is the same, what was taken, and conflicts between markers
//! (`xdl_fill_merge_buffer`).

use std::ops::Range;

use super::regions::{Fate, Region, Sides, part};
use super::{Labels, Options, Style};

/// Writes a merged file.
pub(super) struct Renderer<'a> {
    sides: &'a Sides<'a>,
    labels: &'a Labels,
    options: &'a Options,
    out: Vec<u8>,
}

impl<'a> Renderer<'a> {
    pub fn new(sides: &'a Sides<'a>, labels: &'a Labels, options: &'a Options) -> Self {
        Renderer {
            sides,
            labels,
            options,
            out: Vec::new(),
        }
    }

    pub fn render(mut self, regions: &[Region]) -> Vec<u8> {
        let sides = self.sides;
        let mut done = 0;
        for region in regions {
            if region.fate == Fate::Same {
                continue;
            }
            self.lines(&sides.ours, &(done..region.ours.start));
            done = region.ours.end;
            match region.fate {
                Fate::Conflict => self.conflict(region),
                Fate::Ours => self.lines(&sides.ours, &region.ours),
                Fate::Theirs => self.lines(&sides.theirs, &region.theirs),
                Fate::Both => {
                    let end = self.line_end(region);
                    self.whole_lines(&sides.ours, &region.ours, end);
                    self.lines(&sides.theirs, &region.theirs);
                }
                Fate::Same => {}
            }
        }
        self.lines(&sides.ours, &(done..sides.ours.len()));
        self.out
    }

    fn conflict(&mut self, region: &Region) {
        let (sides, labels) = (self.sides, self.labels);
        let end = self.line_end(region);
        self.marker(b'<', Some(&labels.ours), end);
        self.whole_lines(&sides.ours, &region.ours, end);
        if matches!(self.options.style, Style::Diff3 | Style::Zdiff3) {
            self.marker(b'|', Some(&labels.base), end);
            self.whole_lines(&sides.base, &region.base, end);
        }
        self.marker(b'=', None, end);
        self.whole_lines(&sides.theirs, &region.theirs, end);
        self.marker(b'>', Some(&labels.theirs), end);
    }

    fn marker(&mut self, character: u8, label: Option<&[u8]>, end: &[u8]) {
        self.out
            .extend(std::iter::repeat_n(character, self.options.marker_size));
        if let Some(label) = label {
            self.out.push(b' ');
            self.out.extend_from_slice(label);
        }
        self.out.extend_from_slice(end);
    }

    fn lines(&mut self, file: &[&[u8]], lines: &Range<usize>) {
        for line in part(file, lines) {
            self.out.extend_from_slice(line);
        }
    }

    /// Lines with something behind them: the last one must end.
    fn whole_lines(&mut self, file: &[&[u8]], lines: &Range<usize>, end: &[u8]) {
        self.lines(file, lines);
        if let Some(last) = part(file, lines).last()
            && !last.ends_with(b"\n")
        {
            self.out.extend_from_slice(end);
        }
    }

    /// How lines end around a region: as the lines before it in both sides, or else as the first
    /// line of the base (`is_cr_needed`).
    fn line_end(&self, region: &Region) -> &'static [u8] {
        let sides = self.sides;
        let before = |file: &[&[u8]], start: usize| has_carriage_return(file, start.saturating_sub(1));
        let mut needed = before(&sides.ours, region.ours.start);
        if needed != Some(false) {
            needed = before(&sides.theirs, region.theirs.start);
        }
        if needed != Some(false) {
            needed = has_carriage_return(&sides.base, 0);
        }
        if needed == Some(true) { b"\r\n" } else { b"\n" }
    }
}

/// Whether a line ends in CR and LF. Of a last line that has no end, the one before tells; `None`
/// if there is none (`is_eol_crlf`).
fn has_carriage_return(file: &[&[u8]], line: usize) -> Option<bool> {
    let text = file.get(line)?;
    if text.ends_with(b"\n") {
        return Some(text.ends_with(b"\r\n"));
    }
    let before = file.get(line.checked_sub(1)?)?;
    Some(before.ends_with(b"\r\n"))
}

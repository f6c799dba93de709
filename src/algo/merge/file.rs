//! Three-way merges of files: git-merge-file(1), `ll_merge` and `xdl_merge` in git. What only one
//! side changed is taken from it; what both changed in the same way is taken once; where they
//! differ there is a conflict, cut down to the lines that differ, with markers around.
//!
//! ```text
//! <<<<<<< ours        (as many as the marker size says)
//! our lines
//! ||||||| base        (in the styles diff3 and zdiff3)
//! lines of the base
//! =======
//! their lines
//! >>>>>>> theirs
//! ```
//!
//! Attributes are not consulted: no `merge=union`, no `conflict-marker-size`, no drivers.

mod regions;
mod render;
#[cfg(test)]
mod tests;

use crate::algo::line_diff::{is_binary, lines};
use regions::{Fate, Sides, regions};
use render::Renderer;

/// The length of markers (`DEFAULT_CONFLICT_MARKER_SIZE`).
pub const MARKER_SIZE: usize = 7;

/// How large a file may be for its lines to be merged, in bytes (`MAX_XDIFF_SIZE`).
const MAX_SIZE: usize = 1024 * 1024 * 1023;

/// What a conflict looks like: `merge.conflictStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Both sides.
    #[default]
    Merge,
    /// Both sides and what was there before; equal lines of the sides stay in the conflict.
    Diff3,
    /// As `Diff3`, but lines with which both sides start or end stay outside.
    Zdiff3,
}

/// What becomes of conflicting lines: `-X ours`, `-X theirs`, `git merge-file --union`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Favor {
    /// Ours are taken.
    Ours,
    /// Theirs are taken.
    Theirs,
    /// Ours are taken, then theirs.
    Union,
}

/// What stands behind the markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Behind the marker of our lines.
    pub ours: Vec<u8>,
    /// Behind the marker of the base's.
    pub base: Vec<u8>,
    /// Behind the marker of theirs.
    pub theirs: Vec<u8>,
}

/// How files are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a conflict looks like.
    pub style: Style,
    /// What becomes of a conflict; with `None`, it stays one.
    pub favor: Option<Favor>,
    /// How many characters a marker has.
    pub marker_size: usize,
    /// The result is itself a base to merge with: what has no lines is then taken from the base.
    pub for_base: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            style: Style::default(),
            favor: None,
            marker_size: MARKER_SIZE,
            for_base: false,
        }
    }
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The file, markers and all.
    pub content: Vec<u8>,
    /// How it went.
    pub result: Outcome,
}

/// How a merge went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Without conflicts, or none that the options left.
    Clean,
    /// The file has this many conflicts.
    Conflicts(usize),
    /// At least one of the files has no lines to merge, so ours was taken.
    Binary,
}

/// Merges what two sides made of a file.
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8], labels: &Labels, options: &Options) -> Merged {
    if [base, ours, theirs]
        .iter()
        .any(|file| file.len() > MAX_SIZE || is_binary(file))
    {
        return without_lines(base, ours, theirs, options);
    }
    let sides = Sides {
        base: lines(base),
        ours: lines(ours),
        theirs: lines(theirs),
    };
    let mut regions = regions(&sides, options.style);
    for region in regions.iter_mut().filter(|region| region.fate == Fate::Conflict) {
        region.fate = match options.favor {
            None => Fate::Conflict,
            Some(Favor::Ours) => Fate::Ours,
            Some(Favor::Theirs) => Fate::Theirs,
            Some(Favor::Union) => Fate::Both,
        };
    }
    let conflicts = regions.iter().filter(|region| region.fate == Fate::Conflict).count();
    let content = Renderer::new(&sides, labels, options).render(&regions);
    let result = match conflicts {
        0 => Outcome::Clean,
        count => Outcome::Conflicts(count),
    };
    Merged { content, result }
}

/// `ll_binary_merge`.
fn without_lines(base: &[u8], ours: &[u8], theirs: &[u8], options: &Options) -> Merged {
    let (content, result) = match options.favor {
        _ if options.for_base => (base, Outcome::Clean),
        Some(Favor::Ours) => (ours, Outcome::Clean),
        Some(Favor::Theirs) => (theirs, Outcome::Clean),
        Some(Favor::Union) | None => (ours, Outcome::Binary),
    };
    Merged {
        content: content.to_vec(),
        result,
    }
}

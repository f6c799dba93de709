//! The white space that a comparison of lines overlooks (git-diff(1), `-w` and its weaker
//! relatives; `xdl_recmatch` in git's `xdiff/xutils.c`).

use std::borrow::Cow;

/// The white space that makes no difference. The strongest that is set counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whitespace {
    /// `-w`: all of it.
    pub all: bool,
    /// `-b`: how much of it there is, and all at the end of a line.
    pub change: bool,
    /// `--ignore-space-at-eol`: at the end of a line.
    pub at_eol: bool,
    /// `--ignore-cr-at-eol`: a carriage return at the end of a line.
    pub cr_at_eol: bool,
}

impl Whitespace {
    /// The line as it is compared: two lines are the same if this is. Where anything is overlooked,
    /// a missing newline at the end of the file is.
    pub(super) fn seen<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        if self.all {
            let solid = line.iter().copied().filter(|&byte| !is_space(byte));
            return Cow::Owned(solid.collect());
        }
        if self.change {
            let mut seen = Vec::with_capacity(line.len());
            for &byte in trim_end(line) {
                if !is_space(byte) {
                    seen.push(byte);
                } else if seen.last() != Some(&b' ') {
                    seen.push(b' ');
                }
            }
            return Cow::Owned(seen);
        }
        if self.at_eol {
            return Cow::Borrowed(trim_end(line));
        }
        match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] if self.cr_at_eol => Cow::Borrowed(text),
            _ => Cow::Borrowed(line),
        }
    }
}

/// Without the white space at the end.
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|&byte| !is_space(byte))
        .map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// Git's `isspace`, to which a form feed is none.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn lines_are_the_same_as_far_as_the_options_say() {
        let none = Whitespace::default();
        let all = Whitespace { all: true, ..none };
        let change = Whitespace { change: true, ..none };
        let at_eol = Whitespace { at_eol: true, ..none };
        let cr = Whitespace {
            cr_at_eol: true,
            ..none
        };
        // Whether each of the five takes the two for the same.
        let cases: [(&[u8], &[u8], [bool; 5]); 9] = [
            (b"a\n", b"a\n", [true, true, true, true, true]),
            (b"a b\n", b"ab\n", [false, true, false, false, false]),
            (b" a\n", b"a\n", [false, true, false, false, false]),
            (b"a  b\n", b"a\tb\n", [false, true, true, false, false]),
            (b"a \t\n", b"a\n", [false, true, true, true, false]),
            (b"a\r\n", b"a\n", [false, true, true, true, true]),
            (b"a\r", b"a\n", [false, true, true, true, false]),
            (b"a", b"a\n", [false, true, true, true, true]),
            (b"a\x0c\n", b"a\n", [false; 5]),
        ];
        for (one, other, expected) in cases {
            for (options, same) in [none, all, change, at_eol, cr].iter().zip(expected) {
                assert_eq!(options.seen(one) == options.seen(other), same, "{options:?} {one:?}");
            }
        }
    }
}

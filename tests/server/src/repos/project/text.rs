//! Text that packs as sources do: lines of a few shapes, words of which some are frequent.

use super::super::Random;

/// The words a project is written in.
pub struct Words(Vec<String>);

const SYLLABLES: [&str; 40] = [
    "al", "ar", "ba", "be", "co", "cu", "da", "del", "en", "er", "fi", "for", "ga", "gen", "ha", "in", "is", "ka",
    "ko", "la", "le", "lo", "ma", "mer", "na", "no", "or", "pa", "per", "ra", "re", "se", "si", "ta", "ter", "to",
    "un", "va", "ve", "zo",
];

impl Words {
    pub fn new(random: &mut Random) -> Words {
        let word = |_| (0..2 + random.below(3)).map(|_| random.one_of(&SYLLABLES)).collect();
        Words((0..3000).map(word).collect())
    }

    /// A word; the first in the list are by far the most frequent.
    pub fn any(&self, random: &mut Random) -> &str {
        &self.0[skewed(random, self.0.len())]
    }

    /// `count` words with spaces between them.
    pub fn some(&self, random: &mut Random, count: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.any(random)).collect();
        words.join(" ")
    }

    /// A line of source.
    fn line(&self, random: &mut Random, out: &mut Vec<u8>) {
        let kind = random.below(12);
        let digits = random.below(12);
        let number = random.below(2 << digits);
        let [a, b, c, d] = [(); 4].map(|()| self.any(random));
        let line = match kind {
            0 => format!("    let {a}_{b} = self.{c}.{d}(&{a})?;\n"),
            1 | 2 => {
                let count = 5 + random.below(8);
                format!("    // {}.\n", self.some(random, count))
            }
            3 => format!("    if {a}.{b}() < {number} {{\n"),
            4 => "    }\n".to_owned(),
            5 => "\n".to_owned(),
            6 => format!("    {a}.{b}({c}, {number});\n"),
            7 => format!("fn {a}_{b}({c}: &{d}, {b}: usize) -> Result<{a}> {{\n"),
            8 => format!("use crate::{a}::{b};\n"),
            9 => format!("        \"{a} {b} {c} {d}\",\n"),
            10 => format!("        Some({a}) => {b}.{c}(0x{number:04x}),\n"),
            _ => format!("    assert_eq!({a}_{b}({number}), {c});\n"),
        };
        out.extend_from_slice(line.as_bytes());
    }

    /// Appends so many lines.
    pub fn lines(&self, random: &mut Random, count: usize, out: &mut Vec<u8>) {
        for _ in 0..count {
            self.line(random, out);
        }
    }

    /// Changes a text in one to three places: lines come, go, or become others. It grows, more
    /// slowly the longer it is.
    pub fn edit(&self, random: &mut Random, text: &mut Vec<u8>) {
        let places = 1 + random.below(3);
        let many = random.once_in(16);
        for _ in 0..places {
            let count = if many {
                10 + random.below(40)
            } else {
                1 + random.below(5)
            };
            let shrinks = random.below(150_000) < text.len().min(110_000);
            let (goes, comes) = match random.below(4) {
                0 | 1 => (count, count),
                _ if shrinks => (count, 0),
                _ => (0, 2 * count),
            };
            let from = line_start(text, random.below(text.len().max(1)));
            let to = (0..goes).fold(from, |at, _| line_end(text, at));
            let mut new = Vec::new();
            self.lines(random, comes, &mut new);
            text.splice(from..to, new);
        }
        // Two edits may cancel out; this line is never the same.
        let from = line_start(text, random.below(text.len().max(1)));
        let mark = format!("    // {} {:x}\n", self.any(random), random.any() >> 24);
        let to = line_end(text, from);
        text.splice(from..to, mark.into_bytes());
    }
}

/// A number below `bound`, small ones more often than large ones.
pub fn skewed(random: &mut Random, bound: usize) -> usize {
    let below = random.below(bound) + 1;
    let below = random.below(below) + 1;
    random.below(below)
}

fn line_start(text: &[u8], at: usize) -> usize {
    let before = &text[..at.min(text.len())];
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |newline| at + newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_leaves_whole_lines_and_most_of_the_text() {
        let mut random = Random::new(3);
        let words = Words::new(&mut random);
        let mut old = Vec::new();
        words.lines(&mut random, 600, &mut old);
        let lines: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
        for _ in 0..100 {
            let mut text = old.clone();
            words.edit(&mut random, &mut text);
            assert_ne!(old, text);
            assert!(text.ends_with(b"\n"));
            let new: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            let kept = new.iter().filter(|line| lines.contains(line)).count();
            assert!(kept >= 600 - 3 * 50 - 1, "{kept} of 600 lines");
        }
    }
}

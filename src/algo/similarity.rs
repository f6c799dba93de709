//! How much of a file is in another, estimated as git does (`diffcore-delta.c`, and
//! `estimate_similarity` in `diffcore-rename.c`). Files are cut into spans: lines, and 64 bytes of
//! longer ones. What counts is how many bytes of the old file's spans are among the new file's,
//! wherever they stand there. Spans are told apart by a small hash, so that the estimate may be too
//! high, but it is always the same.

use crate::algo::line_diff::is_binary;

/// The score of files that consist of the same spans.
pub const MAX_SCORE: u32 = 60_000;

/// A span is no longer than this.
const SPAN: u64 = 64;
/// Hashes are below this prime.
const HASHES: u32 = 107_927;

/// Spans that are kept apart at least while a file is cut.
const SUMMED_UP: usize = 1 << 12;

/// What a file is compared by. It needs 16 bytes for each span that is unlike the others.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    size: u64,
    /// The hashes of its spans in rising order, and the bytes of all spans of each.
    spans: Vec<(u32, u64)>,
}

impl Fingerprint {
    /// Of a file. In text the carriage return of a CRLF is overlooked.
    pub fn of(content: &[u8]) -> Self {
        let text = !is_binary(content);
        let (mut spans, mut most) = (Vec::new(), SUMMED_UP);
        let mut span = Span::default();
        let mut bytes = content.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if text && byte == b'\r' && bytes.peek() == Some(&b'\n') {
                continue;
            }
            span.push(byte);
            if span.bytes == SPAN || byte == b'\n' {
                let span = std::mem::take(&mut span);
                if spans.len() >= most {
                    // No more than twice what remains, which has one entry for each hash at most.
                    sum_up(&mut spans);
                    most = (spans.len() * 2).max(SUMMED_UP);
                }
                spans.push((span.hash(), span.bytes));
            }
        }
        if span.bytes > 0 {
            spans.push((span.hash(), span.bytes));
        }
        sum_up(&mut spans);
        Fingerprint {
            size: u64::try_from(content.len()).unwrap_or(u64::MAX),
            spans,
        }
    }

    /// How similar `new` is to this file, from 0 to [`MAX_SCORE`]; 0 also if their sizes alone show
    /// that it is less than `minimum`.
    pub fn score(&self, new: &Fingerprint, minimum: u32) -> u32 {
        if new.size == 0 || !sizes_allow(self.size, new.size, minimum) {
            return 0;
        }
        let copied = u128::from(self.copied(new)) * u128::from(MAX_SCORE);
        let larger = u128::from(self.size.max(new.size));
        u32::try_from(copied / larger).unwrap_or(MAX_SCORE)
    }

    /// How many bytes of this file are in the new one.
    fn copied(&self, new: &Fingerprint) -> u64 {
        let mut copied = 0;
        let mut theirs = new.spans.iter().peekable();
        for &(hash, bytes) in &self.spans {
            while theirs.next_if(|(other, _)| *other < hash).is_some() {}
            if let Some((_, found)) = theirs.next_if(|(other, _)| *other == hash) {
                copied += bytes.min(*found);
            }
        }
        copied
    }
}

/// Sorts spans by their hashes, and adds up those of the same.
fn sum_up(spans: &mut Vec<(u32, u64)>) {
    spans.sort_unstable_by_key(|(hash, _)| *hash);
    spans.dedup_by(|(hash, bytes), (kept, sum)| {
        let same = hash == kept;
        if same {
            *sum += *bytes;
        }
        same
    });
}

/// Whether files of these sizes can be as similar as `minimum`.
pub fn sizes_allow(old: u64, new: u64, minimum: u32) -> bool {
    let larger = u128::from(old.max(new));
    let delta = u128::from(old.abs_diff(new));
    larger * u128::from(MAX_SCORE.saturating_sub(minimum)) >= delta * u128::from(MAX_SCORE)
}

/// A span that is being read, and its hash so far: 64 bits in two halves that are rotated by seven
/// before each byte.
#[derive(Default)]
struct Span {
    bytes: u64,
    low: u32,
    high: u32,
}

impl Span {
    fn push(&mut self, byte: u8) {
        let (low, high) = (self.low, self.high);
        self.low = ((low << 7) ^ (high >> 25)).wrapping_add(u32::from(byte));
        self.high = (high << 7) ^ (low >> 25);
        self.bytes += 1;
    }

    fn hash(&self) -> u32 {
        self.low.wrapping_add(self.high.wrapping_mul(0x61)) % HASHES
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn check(old: &[u8], new: &[u8], expected: u32) {
        let (old, new) = (Fingerprint::of(old), Fingerprint::of(new));
        assert_eq!(old.score(&new, 0), expected);
    }

    #[test]
    fn the_score_is_the_share_of_common_bytes_in_the_larger_file() {
        check(b"one\ntwo\n", b"one\ntwo\n", MAX_SCORE);
        check(b"one\ntwo\n", b"two\none\n", MAX_SCORE);
        check(b"one\ntwo\n", b"one\nten\n", MAX_SCORE / 2);
        check(b"one\n", b"one\none\n", MAX_SCORE / 2);
        check(b"one\n", b"", 0);
        check(b"", b"", 0);
        check(b"last", b"last", MAX_SCORE);
    }

    #[test]
    fn a_carriage_return_before_a_newline_counts_in_binary_files_only() {
        // The size counts it.
        check(b"one\r\ntwo\r\n", b"one\ntwo\n", MAX_SCORE * 8 / 10);
        check(b"\0\r\n", b"\0\n", 0);
    }

    #[test]
    fn files_of_very_different_size_are_not_compared() {
        let (old, new) = (Fingerprint::of(b"one\n"), Fingerprint::of(b"one\none\n"));
        assert_eq!(old.score(&new, MAX_SCORE / 2), MAX_SCORE / 2);
        assert_eq!(old.score(&new, MAX_SCORE / 2 + 1), 0);
    }
}

//! A cursor over untrusted bytes. It never reads past the end, never panics, and leaves its
//! position where it was when it cannot answer; what a missing byte means is the caller's to say.

/// A position in a slice of bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Bytes already read.
    pub const fn position(&self) -> u64 {
        // A slice has at most `isize::MAX` bytes.
        self.at as u64
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next byte, left where it is.
    pub fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next `count` bytes, or `None` if there are fewer.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..count)?;
        self.at += count;
        Some(taken)
    }

    /// The next `N` bytes, or `None` if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The bytes before the next `delimiter`, which is skipped; `None` if there is none.
    pub fn until(&mut self, delimiter: u8) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| *byte == delimiter)?;
        let taken = rest.get(..length)?;
        self.at += length + 1;
        Some(taken)
    }

    /// The next line without its newline; the last one may lack the newline. `None` at the end.
    pub fn line(&mut self) -> Option<&'a [u8]> {
        if self.is_empty() {
            return None;
        }
        self.until(b'\n').or_else(|| self.take(self.rest().len()))
    }

    /// Skips `expected` if it comes next; tells whether it did.
    pub fn skip(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_read_that_cannot_be_answered_moves_nothing() {
        let mut reader = Reader::new(b"abc");
        assert_eq!(reader.take(4), None);
        assert_eq!(reader.array::<9>(), None);
        assert_eq!(reader.until(b'\n'), None);
        assert!(!reader.skip(b"abcd"));
        assert_eq!(reader.position(), 0);
        assert_eq!(reader.take(3), Some(&b"abc"[..]));
        assert_eq!((reader.byte(), reader.peek(), reader.line()), (None, None, None));
        assert_eq!(reader.position(), 3);
    }

    #[test]
    fn lines_end_at_newlines_and_at_the_end() {
        let mut reader = Reader::new(b"one\n\ntwo");
        let mut lines = Vec::new();
        while let Some(line) = reader.line() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two"]);
        assert!(reader.is_empty());
    }

    #[test]
    fn arrays_and_delimited_runs_advance_past_what_they_return() {
        let mut reader = Reader::new(b"\x01\x02key value");
        assert_eq!(reader.array(), Some([1, 2]));
        assert_eq!(reader.until(b' '), Some(&b"key"[..]));
        assert!(reader.skip(b"val"));
        assert_eq!(reader.rest(), b"ue");
        assert_eq!(reader.position(), 9);
    }
}

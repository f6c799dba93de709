//! The header lines that commits and tags have in common.

use crate::format::oid::{OID_HEX_LEN, ObjectId};

/// A header line, with its continuation lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What stands before the first space of the first line; the whole line if it has none.
    pub name: &'a [u8],
    /// What follows that space, continuation lines included as they are stored: each starts with
    /// the space that marks it. The last newline is left off.
    pub value: &'a [u8],
    /// The lines as they are stored, with the last newline if there is one.
    pub raw: &'a [u8],
}

/// The header lines of a commit or tag, up to the empty line or the end.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Headers { rest }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.rest.is_empty() || self.rest.starts_with(b"\n") {
            return None;
        }
        let mut after = self.rest;
        loop {
            after = split_line(after).map_or(&b""[..], |(_, rest)| rest);
            if !after.starts_with(b" ") {
                break;
            }
        }
        let (raw, rest) = self.rest.split_at_checked(self.rest.len() - after.len())?;
        self.rest = rest;
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        let end = line
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\n'))
            .unwrap_or(line.len());
        let (name, value) = line.split_at_checked(end)?;
        Some(Header {
            name,
            value: value.strip_prefix(b" ").unwrap_or(value),
            raw,
        })
    }
}

/// The name of a header line as it is stored.
pub fn name_of(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\n'));
    line.get(..end.unwrap_or(line.len())).unwrap_or_default()
}

/// Joins the continuation lines of a header's value: the space after each newline goes.
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut line_start = false;
    for byte in value {
        if !(line_start && *byte == b' ') {
            out.push(*byte);
        }
        line_start = *byte == b'\n';
    }
    out
}

/// A header line as it is stored: a newline within the value becomes a continuation line.
pub fn line(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::from(name);
    out.push(b' ');
    for byte in value {
        out.push(*byte);
        if *byte == b'\n' {
            out.push(b' ');
        }
    }
    out.push(b'\n');
    out
}

/// Splits `<keyword><40 hex> LF` off.
pub(crate) fn id_line<'a>(keyword: &[u8], bytes: &'a [u8]) -> Option<(ObjectId, &'a [u8])> {
    let rest = bytes.strip_prefix(keyword)?;
    let (hex, rest) = rest.split_at_checked(OID_HEX_LEN)?;
    let rest = rest.strip_prefix(b"\n")?;
    Some((ObjectId::from_hex(hex)?, rest))
}

pub(crate) fn write_id_line(out: &mut Vec<u8>, keyword: &[u8], oid: &ObjectId) {
    out.extend_from_slice(keyword);
    out.extend_from_slice(oid.to_hex().as_bytes());
    out.push(b'\n');
}

pub(crate) fn write_tail(out: &mut Vec<u8>, headers: &[Vec<u8>], message: Option<&[u8]>) {
    for header in headers {
        out.extend_from_slice(header);
    }
    if let Some(message) = message {
        out.push(b'\n');
        out.extend_from_slice(message);
    }
}

/// The header lines, and what follows the first empty line if there is one.
pub(crate) fn split_message(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    if let Some(message) = rest.strip_prefix(b"\n") {
        return (b"", Some(message));
    }
    match rest.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (rest.get(..=at).unwrap_or_default(), rest.get(at + 2..)),
        None => (rest, None),
    }
}

/// The line without its newline, and what follows; `None` without a newline.
pub(crate) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_header_line_is_folded_and_unfolded() {
        let stored = line("gpgsig", b"a\n\n b\n");
        assert_eq!(stored, b"gpgsig a\n \n  b\n \n");
        let header = Headers::new(&stored).next().unwrap();
        assert_eq!(unfold(header.value), b"a\n\n b\n");
    }
}

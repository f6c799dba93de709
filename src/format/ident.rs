//! Names, e-mail addresses and dates of authors, committers and taggers:
//!
//! ```text
//! A U Thor <author@example.com> 1112354055 +0200
//! name      mail                time       tz
//! ```
//!
//! History holds many lines that are not quite so. [`Signature::read`] makes of any line what
//! `split_ident_line` in git's `ident.c` makes of it; [`Signature::parse`] takes only what git would
//! write.

use std::fmt;

/// Who, and when. Borrowed from the line; the bytes are as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The name, without the blanks before the address. May be empty.
    pub name: &'a [u8],
    /// What stands between `<` and the next `>`. May be empty.
    pub email: &'a [u8],
    /// Seconds since 1970. 0 where there is none; clipped to what an `i64` holds.
    pub time: i64,
    /// The time zone's characters as they are stored, for instance `+0200` or `-0000`; empty where
    /// there are none.
    pub tz: &'a [u8],
}

/// Why a line is no well-formed signature. Positions are bytes from the start of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentError {
    /// There is no `<`.
    NoEmail,
    /// There is a `<` and no `>` after it.
    OpenEmail {
        /// Where the address starts.
        at: u64,
    },
    /// What should be a date is none.
    BadTime {
        /// Where it starts.
        at: u64,
    },
    /// What should be a time zone (a sign and four digits) is none.
    BadZone {
        /// Where it starts.
        at: u64,
    },
    /// A name or an address to be written holds `<`, `>`, a newline or a NUL.
    Unwritable,
    /// A name to be written is empty, or has none but characters that git strips.
    EmptyName,
    /// A date to be written is before 1970.
    Early,
    /// A time zone to be written is not a sign and four digits.
    OddZone,
}

impl fmt::Display for IdentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentError::NoEmail => f.write_str("no '<' starts an e-mail address"),
            IdentError::OpenEmail { at } => write!(f, "the e-mail address at byte {at} is not closed by '>'"),
            IdentError::BadTime { at } => write!(f, "no date in seconds at byte {at}"),
            IdentError::BadZone { at } => write!(f, "no time zone like +0000 at byte {at}"),
            IdentError::Unwritable => f.write_str("a name or address holds '<', '>', a newline or a NUL"),
            IdentError::EmptyName => f.write_str("a name is empty, or nothing is left of it without punctuation"),
            IdentError::Early => f.write_str("a date before 1970 cannot be written"),
            IdentError::OddZone => f.write_str("a time zone is a sign and four digits, like +0000"),
        }
    }
}

impl std::error::Error for IdentError {}

impl<'a> Signature<'a> {
    /// Takes a line exactly as git writes it.
    pub fn parse(line: &'a [u8]) -> Result<Self, IdentError> {
        let open = find(line, b'<').ok_or(IdentError::NoEmail)?;
        let after = line.get(open + 1..).unwrap_or_default();
        let close = find(after, b'>').ok_or(IdentError::OpenEmail { at: position(open + 1) })?;
        let tail_at = open + 1 + close + 1;
        let tail = line.get(tail_at..).unwrap_or_default();
        let bad_time = IdentError::BadTime { at: position(tail_at) };
        let tail = tail.strip_prefix(b" ").ok_or(bad_time)?;
        let space = find(tail, b' ').ok_or(bad_time)?;
        let (date, zone) = tail.split_at_checked(space).ok_or(bad_time)?;
        let digits = date.strip_prefix(b"-").unwrap_or(date);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(bad_time);
        }
        let zone = zone.get(1..).unwrap_or_default();
        if !matches!(zone, [b'+' | b'-', digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit)) {
            return Err(IdentError::BadZone {
                at: position(tail_at + 1 + space + 1),
            });
        }
        Ok(Signature::read(line))
    }

    /// Makes the best of any line. The name ends before the first `<`, the address at the next `>`,
    /// the date is looked for behind the last `>`; a line without an address is all name.
    pub fn read(line: &'a [u8]) -> Self {
        let Some(open) = find(line, b'<') else {
            return Signature {
                name: line.trim_ascii_end(),
                email: b"",
                time: 0,
                tz: b"",
            };
        };
        let name = line.get(..open).unwrap_or_default().trim_ascii_end();
        let after = line.get(open + 1..).unwrap_or_default();
        let Some(close) = find(after, b'>') else {
            return Signature {
                name,
                email: after,
                time: 0,
                tz: b"",
            };
        };
        let email = after.get(..close).unwrap_or_default();
        let last = after.iter().rposition(|byte| *byte == b'>').unwrap_or(close);
        let date = after.get(last + 1..).unwrap_or_default().trim_ascii_start();
        let (time, rest) = read_time(date);
        let rest = rest.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        Signature {
            name,
            email,
            time,
            tz: rest.get(..end).unwrap_or_default(),
        }
    }

    /// Appends the line. An empty time zone becomes `+0000`.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), IdentError> {
        let unwritable = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'<' | b'>' | b'\n' | 0));
        if unwritable(self.name) || unwritable(self.email) || unwritable(self.tz) {
            return Err(IdentError::Unwritable);
        }
        out.extend_from_slice(self.name);
        if !self.name.is_empty() {
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.email);
        out.extend_from_slice(format!("> {} ", self.time).as_bytes());
        out.extend_from_slice(if self.tz.is_empty() { b"+0000" } else { self.tz });
        Ok(())
    }

    /// The line as git writes it for a new commit or tag (`fmt_ident` with `IDENT_STRICT`): blanks and
    /// punctuation go from the ends of name and address, and what delimits a line from within them.
    pub fn clean_line(&self) -> Result<Vec<u8>, IdentError> {
        if self.name.contains(&0) || self.email.contains(&0) {
            return Err(IdentError::Unwritable);
        }
        let (name, email) = (without_crud(self.name), without_crud(self.email));
        if name.is_empty() {
            return Err(IdentError::EmptyName);
        }
        if self.time < 0 {
            return Err(IdentError::Early);
        }
        if !matches!(self.tz, [b'+' | b'-', digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
        {
            return Err(IdentError::OddZone);
        }
        let mut line = Vec::new();
        let clean = Signature {
            name: &name,
            email: &email,
            ..*self
        };
        clean.write(&mut line)?;
        Ok(line)
    }

    /// The time zone in minutes east of Greenwich, as git reads it: `+0530` is 330. 0 where there
    /// is none that can be read.
    pub fn offset_minutes(&self) -> i32 {
        let (sign, digits) = match self.tz {
            [b'+', digits @ ..] => (1, digits),
            [b'-', digits @ ..] => (-1, digits),
            _ => return 0,
        };
        let Some(number) = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse::<i32>().ok())
        else {
            return 0;
        };
        // A hand-made zone may be any number; beyond these no clock goes (git's `match_tz`).
        if number > 9999 {
            0
        } else {
            sign * (number / 100 * 60 + number % 100)
        }
    }
}

/// Without what cannot stand in a line, and what git trims from the ends of names and addresses
/// (`strbuf_addstr_without_crud`).
pub(crate) fn without_crud(text: &[u8]) -> Vec<u8> {
    let crud = |byte: &u8| *byte <= b' ' || b",:;<>\"\\'".contains(byte);
    let start = text.iter().position(|byte| !crud(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !crud(byte)).map_or(start, |last| last + 1);
    let kept = text.get(start..end).unwrap_or_default().iter();
    kept.filter(|byte| !matches!(byte, b'\n' | b'<' | b'>' | 0))
        .copied()
        .collect()
}

/// A decimal number with an optional minus at the start of `text`, clipped to `i64`, and what
/// follows it. Without digits it is 0 and nothing is taken.
fn read_time(text: &[u8]) -> (i64, &[u8]) {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let length = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    if length == 0 {
        return (0, text);
    }
    let (number, rest) = digits.split_at_checked(length).unwrap_or((digits, b""));
    let magnitude = number.iter().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    (if negative { -magnitude } else { magnitude }, rest)
}

fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

fn position(at: usize) -> u64 {
    // A slice has at most `isize::MAX` bytes.
    at as u64
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const LINE: &[u8] = b"A U Thor <author@example.com> 1112354055 -0000";

    #[track_caller]
    fn check_read(line: &[u8], name: &str, email: &str, time: i64, tz: &str) {
        let read = Signature::read(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            (
                text(read.name).as_str(),
                text(read.email).as_str(),
                read.time,
                text(read.tz).as_str()
            ),
            (name, email, time, tz),
            "{}",
            text(line)
        );
    }

    #[test]
    fn a_well_formed_line_is_parsed_and_written_back_byte_for_byte() {
        for line in [
            LINE,
            b"<> 0 +0000",
            b"N <e> -12 +1245",
            "é <ö@x> 99999999999 -0330".as_bytes(),
        ] {
            let signature = Signature::parse(line).unwrap();
            let mut out = Vec::new();
            signature.write(&mut out).unwrap();
            assert_eq!(out, line);
            assert_eq!(signature, Signature::read(line));
        }
    }

    #[test]
    fn odd_lines_are_read_as_git_reads_them() {
        check_read(LINE, "A U Thor", "author@example.com", 1_112_354_055, "-0000");
        check_read(b"no address at all", "no address at all", "", 0, "");
        check_read(b"Open <mail", "Open", "mail", 0, "");
        check_read(b"", "", "", 0, "");
        check_read(b"<>", "", "", 0, "");
        check_read(b"Glued<a@b>5 +0100", "Glued", "a@b", 5, "+0100");
        check_read(b"Two <a@b> <c@d> 7 +0100", "Two", "a@b", 7, "+0100");
        check_read(b"Extra <a@b>> 7 +0100", "Extra", "a@b", 7, "+0100");
        check_read(b"No date <a@b>", "No date", "a@b", 0, "");
        check_read(b"No zone <a@b> 12", "No zone", "a@b", 12, "");
        check_read(b"Before 1970 <a@b> -3600 +0000", "Before 1970", "a@b", -3600, "+0000");
        check_read(
            b"Huge <a@b> 9999999999999999999 +0000",
            "Huge",
            "a@b",
            i64::MAX,
            "+0000",
        );
        check_read(b"Zone glued <a@b> 123456+0100", "Zone glued", "a@b", 123_456, "+0100");
        check_read(b"Zone <a@b> 1 +051800", "Zone", "a@b", 1, "+051800");
        check_read(b"Word <a@b> never +0100", "Word", "a@b", 0, "never");
    }

    #[test]
    fn each_fault_has_its_error_and_position() {
        for (line, error) in [
            (&b"nobody"[..], IdentError::NoEmail),
            (b"a <b", IdentError::OpenEmail { at: 3 }),
            (b"a <b>", IdentError::BadTime { at: 5 }),
            (b"a <b> 12", IdentError::BadTime { at: 5 }),
            (b"a <b> x +0000", IdentError::BadTime { at: 5 }),
            (b"a <b> 1 0000", IdentError::BadZone { at: 8 }),
            (b"a <b> 1 +00000", IdentError::BadZone { at: 8 }),
        ] {
            assert_eq!(Signature::parse(line), Err(error), "{}", String::from_utf8_lossy(line));
            assert!(!error.to_string().is_empty());
        }
        let bad = Signature {
            name: b"a\nb",
            email: b"",
            time: 0,
            tz: b"",
        };
        assert_eq!(bad.write(&mut Vec::new()), Err(IdentError::Unwritable));
    }

    #[test]
    fn every_truncation_is_refused_and_still_readable() {
        for length in 0..LINE.len() {
            let cut = LINE.get(..length).unwrap();
            assert!(Signature::parse(cut).is_err(), "{length} bytes");
            let read = Signature::read(cut);
            assert!(read.name.len() + read.email.len() <= length);
        }
    }

    #[test]
    fn zones_are_minutes_east() {
        for (tz, minutes) in [
            ("+0530", 330),
            ("-0330", -210),
            ("-0000", 0),
            ("+051800", 0),
            ("", 0),
            ("x", 0),
            ("+1", 1),
        ] {
            let signature = Signature {
                name: b"",
                email: b"",
                time: 0,
                tz: tz.as_bytes(),
            };
            assert_eq!(signature.offset_minutes(), minutes, "{tz}");
        }
    }
}

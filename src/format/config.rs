//! Configuration files: the subset of git-config(1), "Syntax" that a client needs. Sections,
//! subsections, values with quotes, escapes, comments and continued lines, values that occur
//! several times, booleans, numbers; no includes. A change keeps every other line as it is.
//!
//! Keys are written `section.name` or `section.subsection.name`: the section and the name in any
//! case, the subsection exactly as it is.

use std::fmt;
use std::ops::Range;

mod parse;

/// A parsed configuration, with its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    text: Vec<u8>,
    sections: Vec<Section>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    /// Lower case.
    name: Vec<u8>,
    subsection: Option<Vec<u8>>,
    /// From the bracket up to where the next section starts.
    span: Range<usize>,
    /// Where a new entry goes: behind the header's or the last entry's line.
    end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    section: usize,
    /// Lower case.
    name: Vec<u8>,
    value: Option<Vec<u8>>,
    /// From the first byte of the name to the end of its last line.
    span: Range<usize>,
}

/// Why a text is no configuration, or a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A line that is not understood.
    BadLine {
        /// Counted from 1.
        line: u64,
    },
    /// A key that is not `section.name` or `section.subsection.name`, or cannot be written.
    BadKey,
    /// A value with a NUL, which git could not read back.
    BadValue,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::BadLine { line } => write!(f, "bad config line {line}"),
            ConfigError::BadKey => f.write_str("not a config key"),
            ConfigError::BadValue => f.write_str("a config value cannot hold a NUL"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// A value as it stands in the file: `None` for a name without `=`, which means true.
pub type Value<'a> = Option<&'a [u8]>;

impl Config {
    /// Parses a file.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        parse::Parser::new(text).run()
    }

    /// The file's text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The value that counts, which is the last one. A name without a value reads as empty;
    /// [`Config::get_bool`] tells the difference.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.get_all(key).last().map(Option::unwrap_or_default)
    }

    /// Every value of a key, in order.
    pub fn get_all<'a>(&'a self, key: &[u8]) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let key = Key::parse(key);
        self.entries
            .iter()
            .filter(move |entry| key.as_ref().is_some_and(|key| self.is(entry, key)))
            .map(|entry| entry.value.as_deref())
    }

    /// The value as a boolean: true, yes, on, a number other than 0, or no value at all; false, no,
    /// off, 0 or an empty value. `None` if it is not set or is none of these.
    pub fn get_bool(&self, key: &[u8]) -> Option<bool> {
        let Some(value) = self.get_all(key).last()? else {
            return Some(true);
        };
        let is = |words: [&str; 3]| words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
        match value {
            b"" => Some(false),
            _ if is(["true", "yes", "on"]) => Some(true),
            _ if is(["false", "no", "off"]) => Some(false),
            _ => parse_number(value).map(|number| number != 0),
        }
    }

    /// The value as a number, which may end in k, m or g (1024 times as much each). `None` if it
    /// is not set, no number, or too large.
    pub fn get_number(&self, key: &[u8]) -> Option<i64> {
        parse_number(self.get(key)?)
    }

    /// Every entry in order: its key, section and name in lower case, and its value.
    pub fn entries(&self) -> impl Iterator<Item = (Vec<u8>, Value<'_>)> {
        self.entries.iter().filter_map(|entry| {
            let section = self.sections.get(entry.section)?;
            let mut key = section.name.clone();
            for part in section.subsection.as_ref().into_iter().chain([&entry.name]) {
                key.push(b'.');
                key.extend_from_slice(part);
            }
            Some((key, entry.value.as_deref()))
        })
    }

    /// The subsections of a section, each once, in order of appearance: of `remote`, the remotes.
    pub fn subsections(&self, section: &[u8]) -> Vec<&[u8]> {
        let mut seen = std::collections::HashSet::new();
        self.sections
            .iter()
            .filter(|candidate| candidate.name.eq_ignore_ascii_case(section))
            .filter_map(|candidate| candidate.subsection.as_deref())
            .filter(|subsection| seen.insert(*subsection))
            .collect()
    }

    /// Gives a key one value: the last entry is changed, others of the same key go.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), ConfigError> {
        let parsed = Key::parse(key).ok_or(ConfigError::BadKey)?;
        let mut spans = self.spans(&parsed);
        let Some(last) = spans.pop() else {
            return self.add(key, value);
        };
        let line = value_line(&parsed.name_as_given, value)?;
        let mut edits: Vec<(Range<usize>, Vec<u8>)> = spans
            .into_iter()
            .map(|span| (self.whole_line(span), Vec::new()))
            .collect();
        edits.push((last, line));
        self.edit(edits)
    }

    /// Adds a value to those a key has.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), ConfigError> {
        let parsed = Key::parse(key).ok_or(ConfigError::BadKey)?;
        let line = value_line(&parsed.name_as_given, value)?;
        let home = self.sections.iter().rfind(|section| parsed.is_in(section));
        let mut new = Vec::new();
        let at = match home {
            Some(section) => section.end,
            None => self.text.len(),
        };
        if at > 0 && self.text.get(at - 1) != Some(&b'\n') {
            new.push(b'\n');
        }
        if home.is_none() {
            new.extend(parsed.header()?);
        }
        new.push(b'\t');
        new.extend(line);
        self.edit(vec![(at..at, new)])
    }

    /// Removes every value of a key. Answers whether there was one.
    pub fn unset(&mut self, key: &[u8]) -> Result<bool, ConfigError> {
        let parsed = Key::parse(key).ok_or(ConfigError::BadKey)?;
        let spans = self.spans(&parsed);
        let found = !spans.is_empty();
        let edits = spans
            .into_iter()
            .map(|span| (self.whole_line(span), Vec::new()))
            .collect();
        self.edit(edits)?;
        Ok(found)
    }

    /// Removes a section with everything in it, wherever it occurs. Answers whether there was one.
    pub fn remove_section(&mut self, section: &[u8], subsection: Option<&[u8]>) -> Result<bool, ConfigError> {
        let edits: Vec<_> = self
            .sections
            .iter()
            .filter(|candidate| {
                candidate.name.eq_ignore_ascii_case(section) && candidate.subsection.as_deref() == subsection
            })
            .map(|candidate| (candidate.span.clone(), Vec::new()))
            .collect();
        let found = !edits.is_empty();
        self.edit(edits)?;
        Ok(found)
    }

    /// Gives a subsection another name, wherever it occurs (`git config --rename-section`). Answers
    /// whether there was one.
    pub fn rename_section(&mut self, section: &[u8], from: &[u8], to: &[u8]) -> Result<bool, ConfigError> {
        let new = Key {
            section: section.to_vec(),
            subsection: Some(to.to_vec()),
            name: Vec::new(),
            name_as_given: Vec::new(),
        };
        let header = new.header()?;
        let of_that_name = self.sections.iter().filter(|candidate| {
            candidate.name.eq_ignore_ascii_case(section) && candidate.subsection.as_deref() == Some(from)
        });
        let edits: Vec<_> = of_that_name
            .filter_map(|candidate| {
                let text = self.text.get(candidate.span.clone())?;
                let length = header_length(text)?;
                // As git does, what stands behind the header goes to a line of its own.
                let rest = text.get(length..)?;
                let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let mut new = header.clone();
                let skipped = match rest.get(blanks..)? {
                    [] => blanks,
                    [b'\n', ..] => blanks + 1,
                    _ => {
                        new.push(b'\t');
                        blanks
                    }
                };
                let start = candidate.span.start;
                Some((start..start + length + skipped, new))
            })
            .collect();
        let found = !edits.is_empty();
        self.edit(edits)?;
        Ok(found)
    }

    fn is(&self, entry: &Entry, key: &Key) -> bool {
        entry.name == key.name
            && self
                .sections
                .get(entry.section)
                .is_some_and(|section| key.is_in(section))
    }

    fn spans(&self, key: &Key) -> Vec<Range<usize>> {
        self.entries
            .iter()
            .filter(|entry| self.is(entry, key))
            .map(|entry| entry.span.clone())
            .collect()
    }

    /// The span with the blanks before it, if it starts its line.
    fn whole_line(&self, span: Range<usize>) -> Range<usize> {
        let before = self.text.get(..span.start).unwrap_or_default();
        let blanks = before
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let start = span.start - blanks;
        let starts_line = start == 0 || self.text.get(start - 1) == Some(&b'\n');
        if starts_line { start..span.end } else { span }
    }

    /// Replaces spans, given in order, and parses the result: nothing changes if that fails.
    fn edit(&mut self, edits: Vec<(Range<usize>, Vec<u8>)>) -> Result<(), ConfigError> {
        let mut text = Vec::with_capacity(self.text.len());
        let mut from = 0;
        for (span, new) in edits {
            text.extend_from_slice(self.text.get(from..span.start).unwrap_or_default());
            text.extend(new);
            from = span.end;
        }
        text.extend_from_slice(self.text.get(from..).unwrap_or_default());
        *self = Config::parse(&text)?;
        Ok(())
    }
}

/// Where the header ends that a section starts with: behind the bracket that is not quoted.
fn header_length(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether a text is a key that a configuration can hold.
pub fn check_key(key: &[u8]) -> Result<(), ConfigError> {
    Key::parse(key).ok_or(ConfigError::BadKey)?.header().map(drop)
}

/// A key taken apart.
struct Key {
    section: Vec<u8>,
    subsection: Option<Vec<u8>>,
    name: Vec<u8>,
    name_as_given: Vec<u8>,
}

impl Key {
    fn parse(key: &[u8]) -> Option<Self> {
        let first = key.iter().position(|byte| *byte == b'.')?;
        let last = key.iter().rposition(|byte| *byte == b'.')?;
        let section = key.get(..first)?;
        let name = key.get(last + 1..)?;
        let subsection = if first == last {
            None
        } else {
            key.get(first + 1..last).map(<[u8]>::to_vec)
        };
        let good_section = !section.is_empty() && section.iter().all(is_key_byte);
        let good_name = name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_key_byte);
        (good_section && good_name).then(|| Key {
            section: section.to_ascii_lowercase(),
            subsection,
            name: name.to_ascii_lowercase(),
            name_as_given: name.to_vec(),
        })
    }

    fn is_in(&self, section: &Section) -> bool {
        section.name == self.section && section.subsection == self.subsection
    }

    fn header(&self) -> Result<Vec<u8>, ConfigError> {
        let mut out = vec![b'['];
        out.extend_from_slice(&self.section);
        if let Some(subsection) = &self.subsection {
            out.extend_from_slice(b" \"");
            for byte in subsection {
                match byte {
                    b'\n' | 0 => return Err(ConfigError::BadKey),
                    b'"' | b'\\' => out.push(b'\\'),
                    _ => {}
                }
                out.push(*byte);
            }
            out.push(b'"');
        }
        out.extend_from_slice(b"]\n");
        Ok(out)
    }
}

/// `name = value` and a newline, quoted where git's `write_pair` quotes.
fn value_line(name: &[u8], value: &[u8]) -> Result<Vec<u8>, ConfigError> {
    if value.contains(&0) {
        return Err(ConfigError::BadValue);
    }
    let quoted = value.starts_with(b" ")
        || value.ends_with(b" ")
        || value.iter().any(|byte| matches!(byte, b';' | b'#' | b'\r'));
    let mut out = name.to_vec();
    out.extend_from_slice(if quoted { b" = \"" } else { b" = " });
    for byte in value {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            _ => out.push(*byte),
        }
    }
    out.extend_from_slice(if quoted { b"\"\n" } else { b"\n" });
    Ok(out)
}

fn parse_number(value: &[u8]) -> Option<i64> {
    let (digits, factor) = match value {
        [digits @ .., b'k' | b'K'] => (digits, 1 << 10),
        [digits @ .., b'm' | b'M'] => (digits, 1 << 20),
        [digits @ .., b'g' | b'G'] => (digits, 1 << 30),
        digits => (digits, 1i64),
    };
    let number: i64 = std::str::from_utf8(digits.trim_ascii_start()).ok()?.parse().ok()?;
    number.checked_mul(factor)
}

fn is_key_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'-'
}

#[cfg(test)]
mod tests;

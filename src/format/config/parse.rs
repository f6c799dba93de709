//! The reader of configuration files.

use super::{Config, ConfigError, Entry, Section, is_key_byte};
use crate::format::reader::Reader;

/// Reads as `git_parse_source` in git's `config.c` does, byte by byte.
pub(super) struct Parser<'a> {
    reader: Reader<'a>,
    /// The reader's position as an index.
    at: usize,
    line: u64,
    config: Config,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let config = Config {
            text: text.to_vec(),
            ..Config::default()
        };
        Parser {
            reader: Reader::new(text),
            at: 0,
            line: 1,
            config,
        }
    }

    /// The next byte, CR LF as one newline; `None` at the end.
    fn next(&mut self) -> Option<u8> {
        let mut byte = self.reader.byte()?;
        self.at += 1;
        if byte == b'\r' && self.reader.peek() == Some(b'\n') {
            byte = self.reader.byte()?;
            self.at += 1;
        }
        if byte == b'\n' {
            self.line += 1;
        }
        Some(byte)
    }

    pub(super) fn run(mut self) -> Result<Config, ConfigError> {
        if self.reader.skip(b"\xef\xbb\xbf") {
            self.at += 3;
        }
        loop {
            let (start, line) = (self.at, self.line);
            let Some(byte) = self.next() else { break };
            let understood = match byte {
                _ if is_space(byte) => true,
                b'#' | b';' => {
                    self.rest_of_line();
                    true
                }
                b'[' => self.section(start).is_some(),
                _ if byte.is_ascii_alphabetic() => self.entry(start, byte).is_some(),
                _ => false,
            };
            if !understood {
                return Err(ConfigError::BadLine { line });
            }
        }
        let end = self.config.text.len();
        if let Some(last) = self.config.sections.last_mut() {
            last.span.end = end;
        }
        Ok(self.config)
    }

    fn rest_of_line(&mut self) {
        while self.next().is_some_and(|byte| byte != b'\n') {}
    }

    /// Behind the bracket: `name]`, `name.sub]` (in lower case) or `name "sub"]`.
    fn section(&mut self, start: usize) -> Option<()> {
        let mut name = Vec::new();
        let mut subsection = None;
        loop {
            let mut byte = self.next()?;
            if byte == b']' {
                break;
            }
            if is_space(byte) {
                while is_space(byte) {
                    if byte == b'\n' {
                        return None;
                    }
                    byte = self.next()?;
                }
                subsection = Some(self.quoted_subsection(byte)?);
                break;
            }
            if !is_key_byte(&byte) && byte != b'.' {
                return None;
            }
            name.push(byte.to_ascii_lowercase());
        }
        if subsection.is_none()
            && let Some(dot) = name.iter().position(|byte| *byte == b'.')
        {
            subsection = Some(name.split_off(dot).split_off(1));
        }
        if name.is_empty() {
            return None;
        }
        if let Some(last) = self.config.sections.last_mut() {
            last.span.end = start;
        }
        // A new entry goes below the header's line, unless the line goes on with an entry.
        let rest = self.reader.rest();
        let blank = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            .unwrap_or(rest.len());
        let end = match rest.get(blank) {
            Some(b'\n') => self.at + blank + 1,
            None => self.at + blank,
            Some(b'#' | b';') => {
                let newline = rest.iter().position(|byte| *byte == b'\n');
                self.at + newline.map_or(rest.len(), |at| at + 1)
            }
            Some(_) => self.at,
        };
        self.config.sections.push(Section {
            name,
            subsection,
            span: start..end,
            end,
        });
        Some(())
    }

    fn quoted_subsection(&mut self, first: u8) -> Option<Vec<u8>> {
        if first != b'"' {
            return None;
        }
        let mut subsection = Vec::new();
        loop {
            let mut byte = self.next()?;
            if byte == b'"' {
                break;
            }
            if byte == b'\\' {
                byte = self.next()?;
            }
            if byte == b'\n' {
                return None;
            }
            subsection.push(byte);
        }
        (self.next()? == b']').then_some(subsection)
    }

    fn entry(&mut self, start: usize, first: u8) -> Option<()> {
        let mut name = vec![first.to_ascii_lowercase()];
        // The end of the text ends a line.
        let mut byte = self.next().unwrap_or(b'\n');
        while is_key_byte(&byte) {
            name.push(byte.to_ascii_lowercase());
            byte = self.next().unwrap_or(b'\n');
        }
        while matches!(byte, b' ' | b'\t') {
            byte = self.next().unwrap_or(b'\n');
        }
        let value = match byte {
            b'\n' => None,
            b'=' => Some(self.value()?),
            _ => return None,
        };
        let section = self.config.sections.len().checked_sub(1)?;
        self.config.sections.last_mut()?.end = self.at;
        self.config.entries.push(Entry {
            section,
            name,
            value,
            span: start..self.at,
        });
        Some(())
    }

    /// Behind the `=`, up to and with the newline (`parse_value`).
    fn value(&mut self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        let (mut quoted, mut trim_to) = (false, None);
        loop {
            let byte = self.next().unwrap_or(b'\n');
            match byte {
                b'\n' if quoted => return None,
                b'\n' => break,
                _ if is_space(byte) && !quoted => {
                    if !value.is_empty() {
                        trim_to.get_or_insert(value.len());
                        value.push(byte);
                    }
                    continue;
                }
                b'#' | b';' if !quoted => {
                    self.rest_of_line();
                    break;
                }
                _ => trim_to = None,
            }
            match byte {
                b'"' => quoted = !quoted,
                b'\\' => match self.next().unwrap_or(b'\n') {
                    b'\n' => {}
                    b't' => value.push(b'\t'),
                    b'b' => value.push(8),
                    b'n' => value.push(b'\n'),
                    escaped @ (b'\\' | b'"') => value.push(escaped),
                    _ => return None,
                },
                _ => value.push(byte),
            }
        }
        value.truncate(trim_to.unwrap_or(value.len()));
        Some(value)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

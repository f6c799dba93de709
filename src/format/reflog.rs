//! Lines of reflogs: gitrepository-layout(5), `logs`; git-reflog(1); `log_ref_write_fd` and
//! `show_one_reflog_ent` in git's `refs/files-backend.c`.
//!
//! ```text
//! old id SP new id SP Name <email> time zone [TAB message]
//! ```
//!
//! An id of zeros stands for no object: the ref came to be, or was deleted.

use std::fmt;

use super::ident::{IdentError, Signature, without_crud};
use super::oid::{OID_HEX_LEN, ObjectId};

/// Who changed a ref, and when. What cannot stand in a line is left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// May be empty.
    pub name: Vec<u8>,
    /// May be empty.
    pub email: Vec<u8>,
    /// Seconds since 1970.
    pub time: i64,
    /// For instance `+0200`; what is none is written as `+0000`.
    pub tz: Vec<u8>,
}

/// One change of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// What it was at; `None`: it did not exist.
    pub old: Option<ObjectId>,
    /// What it is at since; `None`: it was deleted.
    pub new: Option<ObjectId>,
    /// By whom, and when.
    pub who: Who,
    /// Why. One line; may be empty.
    pub message: Vec<u8>,
}

/// Why a line is none of a reflog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReflogError {
    /// It does not start with two object ids.
    Ids,
    /// What follows is no name, address, date and time zone.
    Ident(IdentError),
}

impl fmt::Display for ReflogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReflogError::Ids => f.write_str("it does not start with two object ids"),
            ReflogError::Ident(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReflogError {}

impl LogEntry {
    /// The line, without its newline. Blanks and newlines in the message become one space each
    /// (`copy_reflog_msg`).
    pub fn to_line(&self) -> Vec<u8> {
        let hex = |oid: Option<ObjectId>| oid.unwrap_or(ObjectId::NULL).to_hex();
        let mut line = format!("{} {} ", hex(self.old), hex(self.new)).into_bytes();
        let name = without_crud(&self.who.name);
        line.extend_from_slice(&name);
        line.extend_from_slice(if name.is_empty() { b"<" } else { b" <" });
        line.extend(without_crud(&self.who.email));
        line.extend_from_slice(format!("> {} ", self.who.time).as_bytes());
        line.extend_from_slice(match self.who.tz.as_slice() {
            tz @ [b'+' | b'-', digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit) => tz,
            _ => b"+0000",
        });
        let message = one_line(&self.message);
        if !message.is_empty() {
            line.push(b'\t');
            line.extend(message);
        }
        line
    }

    /// Reads a line, without its newline.
    pub fn parse(line: &[u8]) -> Result<Self, ReflogError> {
        let id = |bytes: Option<&[u8]>| {
            let (space, hex) = bytes.and_then(<[u8]>::split_last).ok_or(ReflogError::Ids)?;
            let oid = ObjectId::from_hex(hex)
                .filter(|_| *space == b' ')
                .ok_or(ReflogError::Ids)?;
            Ok(Some(oid).filter(|oid| !oid.is_null()))
        };
        const ID: usize = OID_HEX_LEN + 1;
        let (old, new) = (id(line.get(..ID))?, id(line.get(ID..2 * ID))?);
        let rest = line.get(2 * ID..).unwrap_or_default();
        let tab = rest.iter().position(|byte| *byte == b'\t').unwrap_or(rest.len());
        let who = Signature::parse(rest.get(..tab).unwrap_or_default()).map_err(ReflogError::Ident)?;
        Ok(LogEntry {
            old,
            new,
            who: Who {
                name: who.name.to_vec(),
                email: who.email.to_vec(),
                time: who.time,
                tz: who.tz.to_vec(),
            },
            message: rest.get(tab + 1..).unwrap_or_default().to_vec(),
        })
    }
}

fn one_line(message: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0);
    let words = message.split(blank).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const LINE: &str = "0000000000000000000000000000000000000000 d670460b4b4aece5915caf5c68d12f560a9fe3e4 \
        A U Thor <a@x> 1112354055 -0130\tclone: from https://h/x";

    #[test]
    fn a_line_is_read_and_written_back() {
        let entry = LogEntry::parse(LINE.as_bytes()).unwrap();
        assert_eq!(entry.old, None);
        assert_eq!(
            entry.new.map(|oid| oid.to_hex()).as_deref(),
            Some("d670460b4b4aece5915caf5c68d12f560a9fe3e4")
        );
        assert_eq!(entry.who.name, b"A U Thor");
        assert_eq!(
            (entry.who.time, entry.who.tz.as_slice()),
            (1_112_354_055, &b"-0130"[..])
        );
        assert_eq!(entry.message, b"clone: from https://h/x");
        assert_eq!(entry.to_line(), LINE.as_bytes());
    }

    #[test]
    fn a_change_by_nobody_without_a_message_is_a_line_too() {
        let entry = LogEntry {
            old: Some(ObjectId::new([1; 20])),
            new: None,
            who: Who {
                time: 7,
                tz: b"+0000".to_vec(),
                ..Who::default()
            },
            message: Vec::new(),
        };
        let line = entry.to_line();
        assert!(line.ends_with(b"0 <> 7 +0000"));
        assert_eq!(LogEntry::parse(&line), Ok(entry));
    }

    #[test]
    fn messages_are_one_line_and_names_hold_no_delimiters() {
        for (message, line) in [("  a\n\nb\tc \r\n", "a b c"), ("\n", ""), ("a\0b", "a b")] {
            assert_eq!(one_line(message.as_bytes()), line.as_bytes(), "{message:?}");
        }
        for (name, kept) in [
            (" \"O'Neil <x>, Jr.\" ", "O'Neil x, Jr."),
            ("<a@x>\n", "a@x"),
            (" .;: ", "."),
            (";;", ""),
        ] {
            assert_eq!(without_crud(name.as_bytes()), kept.as_bytes(), "{name:?}");
        }
    }

    #[test]
    fn whatever_an_entry_holds_its_line_is_one() {
        let entry = LogEntry {
            old: None,
            new: None,
            who: Who {
                name: b"a\n<b>\0".to_vec(),
                email: b">\n".to_vec(),
                time: i64::MIN,
                tz: b"+1\n".to_vec(),
            },
            message: b"\n\tx".to_vec(),
        };
        let read = LogEntry::parse(&entry.to_line()).unwrap();
        assert_eq!(
            (read.who.name.as_slice(), read.who.tz.as_slice()),
            (&b"ab"[..], &b"+0000"[..])
        );
        assert_eq!(read.message, b"x");
    }

    #[test]
    fn every_truncation_is_refused_up_to_the_message() {
        let tab = LINE.find('\t').unwrap();
        for length in 0..LINE.len() {
            let read = LogEntry::parse(&LINE.as_bytes()[..length]);
            assert_eq!(read.is_ok(), length >= tab, "{length}");
        }
        assert_eq!(LogEntry::parse(&[b'x'; 100]), Err(ReflogError::Ids));
        assert!(!ReflogError::Ids.to_string().is_empty());
    }
}

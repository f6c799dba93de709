//! The report: gitprotocol-pack(5), "Report Status" (`receive_status` of git's send-pack.c).
//!
//! ```text
//!   unpack ok | unpack <why not>
//!   ok <name>                         option lines of version 2 belong to the line before them
//!     option refname <name>           what a hook changed in place of that ref
//!     option old-oid <oid>
//!     option new-oid <oid>
//!     option forced-update
//!   ng <name> <why not>
//!   0000
//! ```
//!
//! Servers say what they want, so nothing said here is more than their word, and where it does not
//! fit together the answer is that nothing is known. git takes the last line about a ref; here one
//! `ok` and one `ng` are [`Verdict::Contradicted`].

use std::collections::HashMap;

use super::super::pkt_line::{Decoder, Packet, chomp};
use super::super::remote_refs::MAX_BYTES;
use super::super::text::{clean_text, quote};
use super::error::PushError;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;

/// How many refs that nobody pushed are listed.
const MAX_STRANGERS: usize = 100;

/// What a server says became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Why the objects were not taken, if they were not; cleaned text.
    pub unpack: Option<String>,
    /// What became of each command, in their order.
    pub verdicts: Vec<Verdict>,
    /// Refs that are reported on and were not pushed, the first hundred; cleaned text.
    pub strangers: Vec<String>,
    /// Whether there are option lines that belong to nothing.
    pub stray_options: bool,
}

/// What a server says became of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    #[default]
    Unsaid,
    /// It was done; if hooks did something else in its place, what.
    Done(Vec<Reported>),
    /// It was not, for this reason; cleaned text.
    Refused(String),
    /// Both was said.
    Contradicted,
}

/// What a hook did in place of a command. What is `None` is as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// The ref that was changed.
    pub name: Option<RefName>,
    /// What it held; [`ObjectId::NULL`]: there was none.
    pub old: Option<ObjectId>,
    /// What it holds; [`ObjectId::NULL`]: it was deleted.
    pub new: Option<ObjectId>,
    /// Whether that was no fast-forward.
    pub forced: bool,
}

/// Reads a report out of its bytes.
pub(super) struct ReportReader {
    decoder: Decoder,
    commands: HashMap<Vec<u8>, usize>,
    report: Report,
    /// Whether the first line was read.
    begun: bool,
    /// The command that option lines are about, and whether they begin a report of their own.
    about: Option<(usize, bool)>,
}

impl ReportReader {
    /// A reader of the report on commands for these refs.
    pub(super) fn new(names: impl Iterator<Item = Vec<u8>>) -> Self {
        let commands: HashMap<Vec<u8>, usize> = names.enumerate().map(|(index, name)| (name, index)).collect();
        ReportReader {
            decoder: Decoder::new(),
            report: Report {
                unpack: None,
                verdicts: vec![Verdict::Unsaid; commands.len()],
                strangers: Vec::new(),
                stray_options: false,
            },
            commands,
            begun: false,
            about: None,
        }
    }

    /// Brings the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// How many bytes were fed.
    pub(super) fn fed(&self) -> u64 {
        self.decoder.position() + self.decoder.pending().len() as u64
    }

    /// What was fed, if nothing of it could be read.
    pub(super) fn unread(&self) -> Option<&[u8]> {
        (self.decoder.position() == 0).then(|| self.decoder.pending())
    }

    /// The report, once its flush was read; `None` until then.
    pub(super) fn finished(&mut self) -> Result<Option<Report>, PushError> {
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = self.run(&mut decoder);
        self.decoder = decoder;
        Ok(result?.then(|| self.report.clone()))
    }

    fn run(&mut self, decoder: &mut Decoder) -> Result<bool, PushError> {
        loop {
            let at = decoder.position();
            if at > MAX_BYTES {
                return Err(PushError::TooLarge);
            }
            match decoder.next().map_err(PushError::PktLine)? {
                None => return Ok(false),
                Some(Packet::Data(line)) => self.line(chomp(line))?,
                Some(Packet::Flush) if self.begun => return Ok(true),
                Some(Packet::Flush) => return Err(PushError::NoReport),
                Some(Packet::Delim | Packet::ResponseEnd) => return Err(PushError::UnexpectedPacket { at }),
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), PushError> {
        if let Some(text) = line.strip_prefix(b"ERR ") {
            return Err(PushError::Remote(clean_text(text)));
        }
        let (word, rest) = halves(line);
        let rest = rest.filter(|rest| !rest.is_empty());
        match (self.begun, word, rest) {
            (false, b"unpack", _) => {
                self.begun = true;
                if rest != Some(b"ok") {
                    self.report.unpack = Some(clean_text(rest.unwrap_or(b"failed")));
                }
            }
            (true, b"ok", Some(name)) => self.verdict(halves(name).0, None),
            (true, b"ng", Some(rest)) => {
                let (name, reason) = halves(rest);
                self.verdict(name, Some(clean_text(reason.unwrap_or(b"failed"))));
            }
            (true, b"option", Some(rest)) => self.option(rest),
            _ => return Err(PushError::UnexpectedLine { line: quote(line) }),
        }
        Ok(())
    }

    fn verdict(&mut self, name: &[u8], refused: Option<String>) {
        self.about = None;
        let Some(index) = self.commands.get(name).copied() else {
            if self.report.strangers.len() < MAX_STRANGERS {
                self.report.strangers.push(quote(name));
            }
            return;
        };
        let Some(verdict) = self.report.verdicts.get_mut(index) else {
            return;
        };
        match (&*verdict, refused) {
            (Verdict::Unsaid, Some(reason)) => *verdict = Verdict::Refused(reason),
            (Verdict::Unsaid, None) => *verdict = Verdict::Done(Vec::new()),
            (Verdict::Refused(_), Some(_)) | (Verdict::Done(_), None) => {}
            (Verdict::Refused(_), None) | (Verdict::Done(_), Some(_)) | (Verdict::Contradicted, _) => {
                *verdict = Verdict::Contradicted;
            }
        }
        if matches!(verdict, Verdict::Done(_)) {
            self.about = Some((index, true));
        }
    }

    fn option(&mut self, rest: &[u8]) {
        let verdict = self.about.and_then(|(index, _)| self.report.verdicts.get_mut(index));
        let (Some((_, begins)), Some(Verdict::Done(reports))) = (&mut self.about, verdict) else {
            self.report.stray_options = true;
            return;
        };
        if std::mem::take(begins) {
            reports.push(Reported::default());
        }
        let Some(reported) = reports.last_mut() else { return };
        let (key, value) = halves(rest);
        let value = value.unwrap_or_default();
        match key {
            b"refname" => reported.name = RefName::new(value).ok().filter(RefName::is_in_refs),
            b"old-oid" => reported.old = ObjectId::from_hex(value),
            b"new-oid" => reported.new = ObjectId::from_hex(value),
            b"forced-update" => reported.forced = true,
            _ => {}
        }
    }
}

/// What is before the first space, and what after it.
fn halves(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = line.splitn(2, |byte| *byte == b' ');
    (halves.next().unwrap_or_default(), halves.next())
}

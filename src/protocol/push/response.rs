//! The answer to a push: the report, and what the server and its hooks say meanwhile.
//!
//! ```text
//!   with side-band      band 1: the report, a stream of packets with a flush of its own, cut anywhere
//!                       band 2: lines for people, before and after it
//!                       0000
//!   without             the report alone
//!   without a report    whatever comes, up to its end
//! ```

use super::super::pkt_line::Decoder;
use super::super::sideband::{Band, ProgressLine, ProgressLines, Sideband, SidebandError};
use super::super::text::{SNIFF_LEN, quote, sniff};
use super::error::PushError;
use super::offer::PushOffer;
use super::report::{Report, ReportReader};
use super::request::PushRequest;

/// What an answer consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEvent {
    /// A line for people.
    Message(ProgressLine),
    /// The report, complete. What goes wrong later changes nothing about it. It comes once, and not
    /// at all from servers that do not report.
    Report(Report),
    /// The end.
    End,
}

/// Reads the answer to one push.
pub struct PushResponse {
    sideband: Option<Sideband>,
    decoder: Decoder,
    /// The report that is still to come.
    report: Option<ReportReader>,
    lines: ProgressLines,
    /// The side-band was closed.
    closed: bool,
    ended: bool,
    ending: Ending,
}

impl PushResponse {
    /// A reader for the answer to a request to a server.
    pub fn new(request: &PushRequest, offer: &PushOffer) -> Self {
        let names = request.commands.iter().map(|command| command.name.as_bytes().to_vec());
        PushResponse {
            sideband: offer.sideband.then(Sideband::new),
            decoder: Decoder::new(),
            report: offer.report.is_some().then(|| ReportReader::new(names)),
            lines: ProgressLines::new(),
            closed: false,
            ended: false,
            ending: Ending::No,
        }
    }

    /// Brings the next bytes of the body.
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) {
        self.decoder.feed(bytes);
    }

    /// Says that the body has ended. Events are still to be taken, up to [`PushEvent::End`].
    pub fn end_of_body(&mut self) {
        self.ended = true;
    }

    /// The next event; `None` until more bytes are there (and after the end was told). An error
    /// comes after every line that was said before it.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<PushEvent>, PushError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(PushEvent::Message(line)));
            }
            match &self.ending {
                Ending::No => {}
                Ending::Failed(error) => return Err(error.clone()),
                Ending::Told => return Ok(None),
                Ending::Complete => {
                    self.ending = Ending::Told;
                    return Ok(Some(PushEvent::End));
                }
            }
            match self.advance() {
                Ok(Advance::Report(report)) => return Ok(Some(PushEvent::Report(report))),
                Ok(Advance::Again) => {}
                Ok(Advance::Starved) if !self.ended => return Ok(None),
                Ok(Advance::Starved) => self.end(),
                Err(error) => match self.foreign(error) {
                    None => return Ok(None),
                    Some(error) => self.fail(error),
                },
            }
        }
    }

    fn advance(&mut self) -> Result<Advance, PushError> {
        if self.sideband.is_none() {
            // What follows a report is not read by git either.
            let bytes = self.decoder.take_pending();
            if let Some(report) = &mut self.report {
                report.feed(bytes);
            }
        }
        if let Some(reader) = &mut self.report
            && let Some(report) = reader.finished()?
        {
            self.report = None;
            return Ok(Advance::Report(report));
        }
        let Some(sideband) = &mut self.sideband else {
            return Ok(Advance::Starved);
        };
        if self.closed {
            return match self.decoder.pending() {
                [] => Ok(Advance::Starved),
                _ => Err(PushError::UnexpectedPacket {
                    at: self.decoder.position(),
                }),
            };
        }
        match sideband.next(&mut self.decoder).map_err(PushError::Sideband)? {
            None => return Ok(Advance::Starved),
            Some(Band::Data(bytes)) => {
                if let Some(report) = &mut self.report {
                    report.feed(bytes);
                }
            }
            Some(Band::Progress(bytes)) => self.lines.push(bytes),
            Some(Band::Flush) => self.closed = true,
        }
        Ok(Advance::Again)
    }

    /// The body has ended, and all of it was read.
    fn end(&mut self) {
        if self.report.is_none() && (self.closed || self.sideband.is_none()) {
            self.lines.finish();
            self.ending = Ending::Complete;
            return;
        }
        let at = match (&self.sideband, &self.report) {
            (None, Some(report)) => report.fed(),
            _ => self.decoder.position() + self.decoder.pending().len() as u64,
        };
        self.fail(match at {
            0 => PushError::Empty,
            at => PushError::Truncated { at },
        });
    }

    /// An error in the very first bytes is about something that is not Git's. `None` until enough
    /// of it is there to always say the same of it.
    fn foreign(&self, error: PushError) -> Option<PushError> {
        let is_framing = matches!(
            error,
            PushError::PktLine(_) | PushError::Sideband(SidebandError::PktLine(_))
        );
        let first = match (&self.sideband, &self.report) {
            (Some(_), _) => (self.decoder.position() == 0).then(|| self.decoder.pending()),
            (None, report) => report.as_ref().and_then(ReportReader::unread),
        };
        match first {
            Some(first) if is_framing && first.len() < SNIFF_LEN && !self.ended => None,
            Some(first) if is_framing => {
                let first = first.get(..SNIFF_LEN).unwrap_or(first);
                Some(PushError::NotGit {
                    looks_like: sniff(first),
                    excerpt: quote(first),
                })
            }
            _ => Some(error),
        }
    }

    fn fail(&mut self, error: PushError) {
        self.lines.finish();
        self.ending = Ending::Failed(error);
    }
}

/// What came of trying to go on.
enum Advance {
    Report(Report),
    Again,
    Starved,
}

/// How it ended.
enum Ending {
    No,
    /// Well, and that is still to be told.
    Complete,
    Told,
    Failed(PushError),
}

#[cfg(test)]
mod tests;

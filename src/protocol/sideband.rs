//! Side-band: three streams in one (gitprotocol-pack(5) "Packfile Data", `demultiplex_sideband`
//! of sideband.c).
//!
//! ```text
//!   000e 01 PACK…     band 1: the data itself
//!   0015 02 text…     band 2: progress, lines that end with LF or CR anywhere
//!   0020 03 text…     band 3: the remote gave up, and says why
//!   0005 01, 0005 02  keep-alives
//! ```
//!
//! Data is handed out as it arrives, without waiting for the rest of its packet.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use super::pkt_line::{Decoder, PktLineError, Token};
use super::text::{MAX_LINE, clean_text};

/// How many bytes of lasting lines (those that end with LF) are handed on in one answer.
pub const MAX_TEXT: usize = 1024 * 1024;

/// What side-band packets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band<'a> {
    /// Some bytes of band 1, never empty.
    Data(&'a [u8]),
    /// Some bytes of band 2, never empty, for [`ProgressLines`].
    Progress(&'a [u8]),
    /// The end of the stream.
    Flush,
}

/// Why demultiplexing stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SidebandError {
    /// The framing is broken.
    PktLine(PktLineError),
    /// A packet without even the byte that names its band.
    MissingDesignator {
        /// Where the packet starts.
        at: u64,
    },
    /// A band that does not exist.
    BadBand {
        /// Where the packet starts.
        at: u64,
        /// The byte.
        band: u8,
    },
    /// A delimiter or response end within the stream.
    UnexpectedPacket {
        /// Where.
        at: u64,
    },
    /// Band 3, or an `ERR` line in place of a band: the remote's reason, cleaned text.
    Remote(String),
}

impl fmt::Display for SidebandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SidebandError::PktLine(error) => error.fmt(f),
            SidebandError::MissingDesignator { at } => write!(f, "missing sideband designator at byte {at}"),
            SidebandError::BadBand { at, band } => write!(f, "bad band #{band} at byte {at}"),
            SidebandError::UnexpectedPacket { at } => write!(f, "unexpected packet in the side-band at byte {at}"),
            SidebandError::Remote(text) => write!(f, "the server says: {text}"),
        }
    }
}

impl std::error::Error for SidebandError {}

/// Takes the bands apart.
#[derive(Default)]
pub struct Sideband {
    /// The band of the packet being read.
    band: u8,
    /// Where that packet starts.
    at: u64,
    /// What has arrived of a last message.
    message: Vec<u8>,
}

/// A band, as ranges of the decoder's chunk.
pub(crate) enum BandToken {
    Data(Range<usize>),
    Progress(Range<usize>),
    Flush,
}

impl Sideband {
    /// A demultiplexer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// What comes next in the decoder's stream, or `None` until more bytes are there. An end of
    /// the stream before [`Band::Flush`] is an unexpected disconnect: that is for the caller.
    pub fn next<'a>(&mut self, decoder: &'a mut Decoder) -> Result<Option<Band<'a>>, SidebandError> {
        let token = self.token(decoder)?;
        Ok(token.map(|token| match token {
            BandToken::Data(range) => Band::Data(decoder.slice(range)),
            BandToken::Progress(range) => Band::Progress(decoder.slice(range)),
            BandToken::Flush => Band::Flush,
        }))
    }

    pub(crate) fn token(&mut self, decoder: &mut Decoder) -> Result<Option<BandToken>, SidebandError> {
        loop {
            let at = decoder.position();
            let Some(token) = decoder.part().map_err(SidebandError::PktLine)? else {
                return Ok(None);
            };
            let (first, last, mut bytes) = match token {
                Token::Part { first, last, bytes } => (first, last, bytes),
                Token::Data(bytes) => (true, true, bytes),
                Token::Flush => return Ok(Some(BandToken::Flush)),
                Token::Delim | Token::ResponseEnd => return Err(SidebandError::UnexpectedPacket { at }),
            };
            if first {
                let Some(band) = decoder.slice(bytes.clone()).first() else {
                    return Err(SidebandError::MissingDesignator { at });
                };
                (self.band, self.at) = (*band, at);
                bytes.start += 1;
            }
            match self.band {
                1 if !bytes.is_empty() => return Ok(Some(BandToken::Data(bytes))),
                2 if !bytes.is_empty() => return Ok(Some(BandToken::Progress(bytes))),
                1 | 2 => {}
                3 | b'E' => {
                    self.message.extend_from_slice(decoder.slice(bytes));
                    if last {
                        return Err(self.last_words());
                    }
                }
                band => return Err(SidebandError::BadBand { at: self.at, band }),
            }
        }
    }

    fn last_words(&self) -> SidebandError {
        match (self.band, self.message.strip_prefix(b"RR ")) {
            (b'E', Some(text)) => SidebandError::Remote(clean_text(text.trim_ascii_end())),
            (b'E', None) => SidebandError::BadBand {
                at: self.at,
                band: b'E',
            },
            _ => SidebandError::Remote(clean_text(self.message.trim_ascii_end())),
        }
    }
}

/// A line of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressLine {
    /// Cleaned text, without the line's end.
    pub text: String,
    /// Whether the next line takes its place (it ended with CR).
    pub transient: bool,
}

/// Puts lines together from the pieces of band 2.
#[derive(Default)]
pub struct ProgressLines {
    line: Vec<u8>,
    /// The line that a LF directly after its CR would make lasting.
    transient: Option<String>,
    kept: usize,
    ready: VecDeque<ProgressLine>,
}

impl ProgressLines {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brings bytes of band 2.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece.split_last() {
                Some((b'\r', text)) => {
                    self.add(text);
                    if !self.line.is_empty() {
                        let text = self.take();
                        self.transient = Some(text.clone());
                        self.ready.push_back(ProgressLine { text, transient: true });
                    }
                }
                Some((b'\n', text)) => {
                    self.add(text);
                    self.keep();
                }
                _ => self.add(piece),
            }
        }
    }

    /// Says that band 2 has ended: what is left is a line too.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.keep();
        }
    }

    /// The next line that is complete.
    #[allow(clippy::should_implement_trait, reason = "more lines may come after the last one")]
    pub fn next(&mut self) -> Option<ProgressLine> {
        self.ready.pop_front()
    }

    fn add(&mut self, text: &[u8]) {
        // One byte more than is used, so that the cut is known.
        let room = (MAX_LINE + 1).saturating_sub(self.line.len());
        self.line.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    fn take(&mut self) -> String {
        let text = clean_text(&self.line);
        self.line.clear();
        text
    }

    fn keep(&mut self) {
        let text = match self.transient.take() {
            Some(text) if self.line.is_empty() => text,
            _ => self.take(),
        };
        if self.kept > MAX_TEXT {
            return;
        }
        self.kept += text.len() + 1;
        let text = if self.kept > MAX_TEXT {
            "… (more was said than is kept)".to_owned()
        } else {
            text
        };
        self.ready.push_back(ProgressLine { text, transient: false });
    }
}

/// Numbers read out of a line like `Counting objects:  42% (5/12)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteProgress {
    /// What the remote is doing.
    pub title: String,
    /// How many are done.
    pub done: u64,
    /// Of how many, if that is known.
    pub total: Option<u64>,
    /// Whether it says that this is finished.
    pub finished: bool,
}

impl RemoteProgress {
    /// Reads a line as git's progress.c writes it: `title: 42% (5/12)` or `title: 12`, then perhaps
    /// a throughput, then perhaps `, done.`.
    pub fn parse(line: &str) -> Option<Self> {
        let (title, rest) = line.split_once(": ")?;
        let rest = rest.trim_start();
        let (number, after) = leading_number(rest)?;
        let (done, total, after) = match after.strip_prefix("% (") {
            Some(fraction) => {
                let (done, after) = leading_number(fraction)?;
                let (total, after) = leading_number(after.strip_prefix('/')?)?;
                (done, Some(total), after.strip_prefix(')')?)
            }
            None => (number, None, after),
        };
        if !(after.is_empty() || after.starts_with(',')) {
            return None;
        }
        let finished = after.ends_with("done.");
        Some(RemoteProgress {
            title: title.to_owned(),
            done,
            total,
            finished,
        })
    }
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::super::pkt_line::Encoder;
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        data: Vec<u8>,
        lines: Vec<(String, bool)>,
        end: Option<Result<(), SidebandError>>,
    }

    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
        let (mut decoder, mut bands, mut lines, mut seen) =
            (Decoder::new(), Sideband::new(), ProgressLines::new(), Seen::default());
        'pieces: for piece in pieces {
            decoder.feed(piece);
            loop {
                match bands.next(&mut decoder) {
                    Ok(None) => break,
                    Ok(Some(Band::Data(bytes))) => seen.data.extend_from_slice(bytes),
                    Ok(Some(Band::Progress(bytes))) => lines.push(bytes),
                    Ok(Some(Band::Flush)) => seen.end = Some(Ok(())),
                    Err(error) => {
                        seen.end = Some(Err(error));
                        break 'pieces;
                    }
                }
            }
        }
        lines.finish();
        while let Some(line) = lines.next() {
            seen.lines.push((line.text, line.transient));
        }
        seen
    }

    fn stream(packets: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::new();
        packets.iter().for_each(|packet| encoder.data(packet).unwrap());
        encoder.flush();
        encoder.into_bytes()
    }

    fn check_every_split(bytes: &[u8]) -> Seen {
        let whole = read(std::iter::once(bytes));
        for at in 0..bytes.len() {
            assert_eq!(read([&bytes[..at], &bytes[at..]].into_iter()), whole, "split at {at}");
        }
        for size in 1..8 {
            assert_eq!(read(bytes.chunks(size)), whole, "pieces of {size}");
        }
        whole
    }

    #[test]
    fn bands_interleave_and_keep_alives_say_nothing() {
        let bytes = stream(&[
            b"\x02one\n",
            b"\x01PA",
            b"\x01",
            b"\x02two",
            b"\x01CK",
            b"\x02",
            b"\x02 three\n",
            b"\x01!",
        ]);
        let seen = check_every_split(&bytes);
        assert_eq!(seen.data, b"PACK!");
        assert_eq!(seen.lines, [("one".to_owned(), false), ("two three".to_owned(), false)]);
        assert_eq!(seen.end, Some(Ok(())));
    }

    #[test]
    fn lines_are_put_together_over_packets_with_their_ends_told_apart() {
        let bytes = stream(&[
            b"\x02Counting:  50% (1/2)\rCount",
            b"\x02ing: 100% (2/2)\r",
            b"\x02Counting: 100% (2/2), done.\n\n",
            b"\x02caf\xc3",
            b"\x02\xa9\r",
            b"\x02\nlast \x1b[31mwords",
        ]);
        let seen = check_every_split(&bytes);
        let expected = [
            ("Counting:  50% (1/2)", true),
            ("Counting: 100% (2/2)", true),
            ("Counting: 100% (2/2), done.", false),
            ("", false),
            ("café", true),
            ("café", false),
            ("last ^[[31mwords", false),
        ];
        assert_eq!(
            seen.lines,
            expected.map(|(text, transient)| (text.to_owned(), transient))
        );
    }

    #[test]
    fn the_last_band_is_an_error_even_after_everything_else() {
        let mut bytes = stream(&[b"\x01PACK", b"\x02done\n"]);
        bytes.truncate(bytes.len() - 4);
        bytes.extend(stream(&[b"\x03abort: \x1b[2Jcorrupt\n"]));
        let seen = check_every_split(&bytes);
        assert_eq!(seen.data, b"PACK");
        assert_eq!(
            seen.end,
            Some(Err(SidebandError::Remote("abort: ^[[2Jcorrupt".to_owned())))
        );
    }

    #[test]
    fn what_is_no_band_is_refused() {
        for (bytes, expected) in [
            (&b"0004"[..], SidebandError::MissingDesignator { at: 0 }),
            (b"0006\x01a0004", SidebandError::MissingDesignator { at: 6 }),
            (b"0005\0", SidebandError::BadBand { at: 0, band: 0 }),
            (b"0006\x04x", SidebandError::BadBand { at: 0, band: 4 }),
            (b"0005\xff", SidebandError::BadBand { at: 0, band: 255 }),
            (b"0008PACK", SidebandError::BadBand { at: 0, band: b'P' }),
            (b"0008ERRx", SidebandError::BadBand { at: 0, band: b'E' }),
            (b"0010ERR no room\n0000", SidebandError::Remote("no room".to_owned())),
            (b"0001", SidebandError::UnexpectedPacket { at: 0 }),
            (b"0006\x01a0002", SidebandError::UnexpectedPacket { at: 6 }),
            (
                b"0003",
                SidebandError::PktLine(PktLineError::BadLength { at: 0, found: *b"0003" }),
            ),
        ] {
            let seen = check_every_split(bytes);
            assert_eq!(seen.end, Some(Err(expected)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_line_without_end_and_a_flood_of_lines_are_bounded() {
        let mut lines = ProgressLines::new();
        for _ in 0..100 {
            lines.push(&[b'x'; 60_000]);
        }
        lines.push(b"\n");
        let line = lines.next().unwrap();
        assert!(line.text.len() <= MAX_LINE + 3 && line.text.ends_with('…'));
        let mut kept = 0;
        for _ in 0..100_000 {
            lines.push(b"remote: something to say about this and that\n");
            while let Some(line) = lines.next() {
                kept += line.text.len();
            }
        }
        assert!(kept <= MAX_TEXT + 100, "{kept}");
        lines.push(b"42%\r");
        assert_eq!(lines.next().map(|line| line.transient), Some(true), "progress goes on");
    }

    #[test]
    fn numbers_are_read_out_of_progress() {
        let progress = |title: &str, done, total, finished| {
            Some(RemoteProgress {
                title: title.to_owned(),
                done,
                total,
                finished,
            })
        };
        for (line, expected) in [
            (
                "Counting objects:  42% (5/12)",
                progress("Counting objects", 5, Some(12), false),
            ),
            (
                "Counting objects: 100% (12/12), done.",
                progress("Counting objects", 12, Some(12), true),
            ),
            (
                "Enumerating objects: 226000",
                progress("Enumerating objects", 226000, None, false),
            ),
            (
                "Enumerating objects: 5, done.",
                progress("Enumerating objects", 5, None, true),
            ),
            (
                "Receiving objects:  10% (1/10), 1.20 MiB | 3.00 MiB/s",
                progress("Receiving objects", 1, Some(10), false),
            ),
            ("Total 12 (delta 3), reused 0 (delta 0)", None),
            ("hint: 12 things are wrong", None),
            ("Counting objects: 42% (5/", None),
            ("Counting objects: 42% (5/99999999999999999999)", None),
            ("no numbers", None),
            ("", None),
        ] {
            assert_eq!(RemoteProgress::parse(line), expected, "{line}");
        }
    }
}

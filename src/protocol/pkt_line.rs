//! pkt-line framing: gitprotocol-common(5), "pkt-line Format".
//!
//! ```text
//!   0006a\n            a line of two bytes: four hex digits count themselves and the payload
//!   0004               an empty line (legal, and not the end of anything)
//!   0000 0001 0002     flush, delimiter, response end
//!   0003, fff1..ffff   never legal
//! ```
//!
//! The decoder keeps what it is fed until it is read, without copying where it can: a chunk given
//! as a `Vec` is taken over whole unless the end of the last one is still unread. What packets mean
//! is for the modules above.

use std::fmt;
use std::ops::Range;

/// The longest packet, its four digits included (`LARGE_PACKET_MAX` of pkt-line.h).
pub const MAX_PACKET: usize = 65520;

/// The longest payload of a packet.
pub const MAX_PAYLOAD: usize = MAX_PACKET - 4;

/// What a stream of pkt-lines consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A payload, possibly empty, with its LF if it has one.
    Data(&'a [u8]),
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section (version 2).
    Delim,
    /// `0002`: the end of a response; never legal on HTTP.
    ResponseEnd,
}

/// Like [`Packet`], but with payloads handed out as they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Some bytes of a payload.
    Data {
        /// Whether these are the first bytes of the packet. Then `bytes` is empty only if the
        /// whole payload is.
        first: bool,
        /// Whether these are the last bytes of the packet.
        last: bool,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// `0000`.
    Flush,
    /// `0001`.
    Delim,
    /// `0002`.
    ResponseEnd,
}

/// The framing is broken. Positions count from the start of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PktLineError {
    /// The four bytes are not a length (not hex, `0003`, or above [`MAX_PACKET`]).
    BadLength {
        /// Where they are.
        at: u64,
        /// What they are.
        found: [u8; 4],
    },
    /// The stream ended within a packet.
    Truncated {
        /// Where the packet starts.
        at: u64,
    },
}

impl fmt::Display for PktLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PktLineError::BadLength { at, found } => {
                write!(f, "bad line length characters '{}' at byte {at}", found.escape_ascii())
            }
            PktLineError::Truncated { at } => write!(f, "the stream ended within the packet at byte {at}"),
        }
    }
}

impl std::error::Error for PktLineError {}

/// Takes a stream of pkt-lines apart.
#[derive(Default)]
pub struct Decoder {
    chunk: Vec<u8>,
    /// How much of `chunk` is read.
    read: usize,
    /// Where in the stream `chunk` starts.
    start: u64,
    /// What is left of a payload that is handed out as it arrives.
    left: usize,
    failed: Option<PktLineError>,
}

/// A packet, as ranges of the chunk.
pub(crate) enum Token {
    Data(Range<usize>),
    Part {
        first: bool,
        last: bool,
        bytes: Range<usize>,
    },
    Flush,
    Delim,
    ResponseEnd,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brings the next bytes. A `Vec` is taken over without copying if everything before it was
    /// read.
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.start += self.read as u64;
        if self.read == self.chunk.len() {
            self.chunk = bytes;
        } else {
            self.chunk.drain(..self.read);
            self.chunk.extend_from_slice(&bytes);
        }
        self.read = 0;
    }

    /// The next whole packet, or `None` until more bytes are there.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and lends its chunk")]
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, PktLineError> {
        let token = self.whole()?;
        Ok(token.map(|token| match token {
            Token::Data(bytes) | Token::Part { bytes, .. } => Packet::Data(self.slice(bytes)),
            Token::Flush => Packet::Flush,
            Token::Delim => Packet::Delim,
            Token::ResponseEnd => Packet::ResponseEnd,
        }))
    }

    /// The next packet, or as much of its payload as is there, or `None` until more bytes are.
    /// Between the first and the last part of a packet only this may be called.
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, PktLineError> {
        let token = self.part()?;
        Ok(token.map(|token| match token {
            Token::Data(bytes) => Part::Data {
                first: true,
                last: true,
                bytes: self.slice(bytes),
            },
            Token::Part { first, last, bytes } => Part::Data {
                first,
                last,
                bytes: self.slice(bytes),
            },
            Token::Flush => Part::Flush,
            Token::Delim => Part::Delim,
            Token::ResponseEnd => Part::ResponseEnd,
        }))
    }

    /// Everything fed and not read yet.
    pub fn pending(&self) -> &[u8] {
        self.chunk.get(self.read..).unwrap_or_default()
    }

    /// Reads everything that is there, framed or not (a pack without side-band).
    pub fn take_pending(&mut self) -> &[u8] {
        let range = self.take_pending_range();
        self.slice(range)
    }

    pub(crate) fn take_pending_range(&mut self) -> Range<usize> {
        let from = self.read;
        self.read = self.chunk.len();
        from..self.chunk.len()
    }

    /// How many bytes of the stream were read.
    pub fn position(&self) -> u64 {
        self.start + self.read as u64
    }

    /// Says that the stream ended here: an error unless that is between two packets.
    pub fn finish(&self) -> Result<(), PktLineError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.left == 0 && self.pending().is_empty() => Ok(()),
            None => Err(PktLineError::Truncated { at: self.position() }),
        }
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.chunk.get(range).unwrap_or_default()
    }

    pub(crate) fn whole(&mut self) -> Result<Option<Token>, PktLineError> {
        let Some(length) = self.length()? else { return Ok(None) };
        if let Some(token) = self.special(length) {
            return Ok(Some(token));
        }
        let end = self.read + length;
        if end > self.chunk.len() {
            return Ok(None);
        }
        let bytes = self.read + 4..end;
        self.read = end;
        Ok(Some(Token::Data(bytes)))
    }

    pub(crate) fn part(&mut self) -> Result<Option<Token>, PktLineError> {
        let here = self.pending().len();
        if self.left > 0 {
            if here == 0 {
                return Ok(None);
            }
            return Ok(Some(self.take_part(false, here)));
        }
        let Some(length) = self.length()? else { return Ok(None) };
        if let Some(token) = self.special(length) {
            return Ok(Some(token));
        }
        // At least one byte of a payload that is not empty, so that `first` always shows it.
        if length > 4 && here < 5 {
            return Ok(None);
        }
        self.read += 4;
        self.left = length - 4;
        Ok(Some(self.take_part(true, here - 4)))
    }

    fn take_part(&mut self, first: bool, here: usize) -> Token {
        let taken = here.min(self.left);
        let bytes = self.read..self.read + taken;
        self.read += taken;
        self.left -= taken;
        Token::Part {
            first,
            last: self.left == 0,
            bytes,
        }
    }

    /// The length of the packet that comes next, without reading it.
    fn length(&mut self) -> Result<Option<usize>, PktLineError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(digits) = self.pending().first_chunk::<4>().copied() else {
            return Ok(None);
        };
        match parse_length(digits) {
            Some(length) => Ok(Some(length)),
            None => {
                let error = PktLineError::BadLength {
                    at: self.position(),
                    found: digits,
                };
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    fn special(&mut self, length: usize) -> Option<Token> {
        let token = match length {
            0 => Token::Flush,
            1 => Token::Delim,
            2 => Token::ResponseEnd,
            _ => return None,
        };
        self.read += 4;
        Some(token)
    }
}

/// The number four digits stand for, if packets may have it: 0, 1, 2, or 4 to [`MAX_PACKET`].
fn parse_length(digits: [u8; 4]) -> Option<usize> {
    let mut length = 0;
    for digit in digits {
        length = length << 4 | char::from(digit).to_digit(16)?;
    }
    let length = usize::try_from(length).ok()?;
    (length != 3 && length <= MAX_PACKET).then_some(length)
}

/// The line without the one LF that may end it (`PACKET_READ_CHOMP_NEWLINE`).
pub fn chomp(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// Writes a stream of pkt-lines.
#[derive(Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

/// The payload does not fit into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Encoder {
    /// An encoder that wrote nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a packet with exactly this payload. Refused, with nothing written, above
    /// [`MAX_PAYLOAD`].
    pub fn data(&mut self, payload: &[u8]) -> Result<(), TooLong> {
        if payload.len() > MAX_PAYLOAD {
            return Err(TooLong);
        }
        self.bytes
            .extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// Writes the parts and a LF as one packet.
    pub fn line(&mut self, parts: &[&[u8]]) -> Result<(), TooLong> {
        let mut payload = parts.concat();
        payload.push(b'\n');
        self.data(&payload)
    }

    /// Writes a flush.
    pub fn flush(&mut self) {
        self.bytes.extend_from_slice(b"0000");
    }

    /// Writes a delimiter.
    pub fn delim(&mut self) {
        self.bytes.extend_from_slice(b"0001");
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests;

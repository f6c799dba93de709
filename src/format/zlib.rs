//! zlib streams (RFC 1950): the only file that knows which crate inflates and deflates.
//!
//! zlib-rs inflates: a tenth and more of the time of a clone less than with miniz_oxide, which
//! builds the fixed tables anew for each of the many small streams of a pack. miniz_oxide deflates.
//!
//! Output goes to a buffer that grows with what arrives: a declared size is never allocated.
//! Streams too large to be kept pass through a [`Window`]. Either way a reference to before the
//! start of the stream is an error, whatever an earlier stream left in the buffer.

use std::fmt;

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate as deflate_stream;
use miniz_oxide::{MZFlush, MZStatus};
use zlib_rs::{Inflate, InflateFlush, Status};

/// Room beyond the declared size, so that the decoder's fast loop, which wants room for a whole
/// match (258 bytes), runs to the end, and so that a stream that is too long shows.
const SLACK: usize = 320;

/// What a buffer starts with; it doubles whenever it is full.
const FIRST: usize = 64 << 10;

/// Output of a [`Window`] at a time.
const WINDOW: usize = 128 << 10;

/// The largest window a zlib stream may ask for: 2^15 bytes.
const WINDOW_BITS: u8 = 15;

/// Inflates one stream after another with the same tables.
pub struct Inflater {
    inner: Inflate,
    /// The size the stream must have.
    declared: u64,
}

/// What [`Inflater::push`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes of the input that belong to the stream.
    pub consumed: usize,
    /// Whether the stream is complete, its checksum right and its size as declared.
    pub done: bool,
}

/// What comes next of a long stream.
#[derive(Default)]
pub struct Window {
    buffer: Vec<u8>,
    filled: usize,
}

impl Window {
    /// The output of the last push.
    pub fn fresh(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}

/// What is wrong with a zlib stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// Not a zlib stream, damaged, in need of a preset dictionary, or with the wrong Adler-32.
    Corrupt,
    /// It inflates to more than was declared.
    TooLong {
        /// The declared size in bytes.
        declared: u64,
    },
    /// It inflates to less than was declared.
    TooShort {
        /// The declared size in bytes.
        declared: u64,
        /// The size it has.
        found: u64,
    },
    /// The input ends before the stream does.
    Truncated,
    /// The stream ends before its input does.
    TrailingBytes,
    /// There is no memory for the output.
    Memory {
        /// Bytes wanted.
        bytes: u64,
    },
}

impl Default for Inflater {
    fn default() -> Self {
        Inflater {
            inner: Inflate::new(true, WINDOW_BITS),
            declared: 0,
        }
    }
}

impl Inflater {
    /// At the start of no stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a stream that must inflate to exactly `declared` bytes.
    pub fn begin(&mut self, declared: u64) {
        self.inner.reset(true);
        self.declared = declared;
    }

    /// Inflates more of the stream into `out`, whose length grows as needed; the output so far is
    /// the first [`Inflater::total`] bytes. The same buffer has to be passed until the stream ends.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Pushed, InflateError> {
        let memory = InflateError::Memory { bytes: self.declared };
        let whole = usize::try_from(self.declared)
            .ok()
            .and_then(|size| size.checked_add(SLACK))
            .ok_or(memory)?;
        let mut consumed = 0;
        loop {
            let filled = usize::try_from(self.total()).map_err(|_| memory)?;
            if filled >= out.len() {
                let length = out.len().saturating_mul(2).max(FIRST).min(whole);
                out.try_reserve_exact(length.saturating_sub(out.len()))
                    .map_err(|_| memory)?;
                out.resize(length, 0);
            }
            let room = out.len().min(whole);
            let (Some(rest), Some(room)) = (input.get(consumed..), out.get_mut(filled..room)) else {
                return Err(InflateError::Corrupt);
            };
            let (used, next) = self.run(rest, room)?;
            consumed += used;
            match next {
                Next::Done => return Ok(Pushed { consumed, done: true }),
                Next::Input => return Ok(Pushed { consumed, done: false }),
                Next::Output => {}
            }
        }
    }

    /// Inflates more of the stream into `window`, a piece at a time: take [`Window::fresh`] and
    /// push the rest of the input, until all is consumed and nothing fresh comes.
    pub fn push_window(&mut self, input: &[u8], window: &mut Window) -> Result<Pushed, InflateError> {
        if window.buffer.is_empty() {
            window.buffer.resize(WINDOW, 0);
        }
        let before = self.total();
        window.filled = 0;
        let (consumed, next) = self.run(input, &mut window.buffer)?;
        window.filled = usize::try_from(self.total() - before).unwrap_or(0);
        let done = matches!(next, Next::Done);
        Ok(Pushed { consumed, done })
    }

    /// Bytes of output so far.
    pub fn total(&self) -> u64 {
        self.inner.total_out()
    }

    /// Inflates a whole stream that is in memory; every byte of `input` must belong to it. `out`
    /// is replaced; its capacity is reused.
    pub fn inflate(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), InflateError> {
        self.begin(size);
        let pushed = self.push(input, out)?;
        if !pushed.done {
            return Err(InflateError::Truncated);
        }
        if pushed.consumed != input.len() {
            return Err(InflateError::TrailingBytes);
        }
        out.truncate(usize::try_from(self.total()).unwrap_or(usize::MAX));
        Ok(())
    }

    /// One call of the decoder: the input it used, and what it lacks.
    fn run(&mut self, input: &[u8], room: &mut [u8]) -> Result<(usize, Next), InflateError> {
        let (before_in, before_out) = (self.inner.total_in(), self.inner.total_out());
        let status = self.inner.decompress(input, room, InflateFlush::NoFlush);
        let (declared, found) = (self.declared, self.total());
        let used = usize::try_from(self.inner.total_in() - before_in).map_err(|_| InflateError::Corrupt)?;
        // First, so that the error does not depend on how the input is cut.
        if found > declared {
            return Err(InflateError::TooLong { declared });
        }
        // What needs a preset dictionary is an error, too.
        let status = status.map_err(|_| InflateError::Corrupt)?;
        let next = match status {
            Status::StreamEnd if found < declared => return Err(InflateError::TooShort { declared, found }),
            Status::StreamEnd => Next::Done,
            Status::Ok | Status::BufError if found - before_out == room.len() as u64 => Next::Output,
            Status::Ok | Status::BufError => Next::Input,
        };
        Ok((used, next))
    }
}

enum Next {
    Done,
    Input,
    Output,
}

/// Deflates to a zlib stream at a level from 0 (stored) to 9.
pub fn deflate(bytes: &[u8], level: u8) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, level)
}

/// Deflates one stream after another with the same tables.
pub struct Deflater {
    inner: Box<CompressorOxide>,
}

/// Output of a [`Deflater`] grows by so many bytes.
const ROOM: usize = 32 << 10;

impl Deflater {
    /// At a level from 0 (stored) to 9.
    pub fn new(level: u8) -> Self {
        let flags = create_comp_flags_from_zip_params(i32::from(level), i32::from(WINDOW_BITS), 0);
        let inner = Box::new(CompressorOxide::new(flags));
        Deflater { inner }
    }

    /// Deflates the next bytes of a zlib stream; what is ready is appended to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.run(bytes, MZFlush::None, out);
    }

    /// Ends the stream. The next push starts another.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.run(b"", MZFlush::Finish, out);
        self.inner.reset();
    }

    fn run(&mut self, mut bytes: &[u8], flush: MZFlush, out: &mut Vec<u8>) {
        loop {
            let start = out.len();
            out.resize(start + ROOM, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let done = deflate_stream(&mut self.inner, bytes, room, flush);
            out.truncate(start + done.bytes_written);
            bytes = bytes.get(done.bytes_consumed..).unwrap_or_default();
            let has_room = done.bytes_written < ROOM;
            // An error says that there is nothing to do: no input, and no output that waits.
            let is_over = matches!(done.status, Ok(MZStatus::StreamEnd) | Err(_));
            if is_over || has_room && bytes.is_empty() {
                return;
            }
        }
    }
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InflateError::Corrupt => f.write_str("the compressed data is damaged"),
            InflateError::TooLong { declared } => write!(f, "it is longer than the {declared} bytes declared"),
            InflateError::TooShort { declared, found } => {
                write!(f, "it has {found} bytes of the {declared} declared")
            }
            InflateError::Truncated => f.write_str("the compressed data ends early"),
            InflateError::TrailingBytes => f.write_str("bytes follow the compressed data"),
            InflateError::Memory { bytes } => write!(f, "no memory for {bytes} bytes"),
        }
    }
}

impl std::error::Error for InflateError {}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn inflate(input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), InflateError> {
        Inflater::new().inflate(input, size, out)
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (i * i / 7 % 251) as u8).collect()
    }

    /// Inflates in pieces of `step` bytes, whole and through a window, and compares the two.
    fn pieces(stream: &[u8], size: u64, step: usize) -> Result<(Vec<u8>, usize), InflateError> {
        let mut whole = Inflater::new();
        let mut windowed = Inflater::new();
        whole.begin(size);
        windowed.begin(size);
        let (mut out, mut seen, mut window) = (Vec::new(), Vec::new(), Window::default());
        let mut used = 0;
        for piece in stream.chunks(step) {
            let pushed = whole.push(piece, &mut out);
            let mut at = 0;
            let passed = loop {
                match windowed.push_window(&piece[at..], &mut window) {
                    Err(error) => break Err(error),
                    Ok(passed) => {
                        seen.extend_from_slice(window.fresh());
                        at += passed.consumed;
                        if passed.done || (at == piece.len() && window.fresh().is_empty()) {
                            break Ok((at, passed.done));
                        }
                    }
                }
            };
            if !matches!(pushed, Err(InflateError::Memory { .. })) {
                assert_eq!(pushed.map(|pushed| (pushed.consumed, pushed.done)), passed);
            }
            let pushed = pushed?;
            used += pushed.consumed;
            if pushed.done {
                out.truncate(size as usize);
                assert!(out == seen);
                return Ok((out, used));
            }
            assert_eq!(pushed.consumed, piece.len());
        }
        Err(InflateError::Truncated)
    }

    #[test]
    fn every_way_of_cutting_the_input_gives_the_same_and_stops_at_the_end() {
        for length in [0, 1, 500, 70_000, 700_000] {
            let content = sample(length);
            let mut stream = deflate(&content, 6);
            let end = stream.len();
            stream.extend_from_slice(b"what follows in the pack");
            for step in [1, 2, 3, 7, 64, 1000, stream.len()] {
                if step < 7 && length > 70_000 {
                    continue;
                }
                let (out, used) = pieces(&stream, length as u64, step).unwrap();
                assert!(out == content);
                assert_eq!(used, end);
            }
        }
    }

    #[test]
    fn one_deflater_makes_stream_after_stream_however_the_content_is_cut() {
        for level in [0, 1, 6, 9] {
            let mut deflater = Deflater::new(level);
            for (length, step) in [
                (0, 1),
                (1, 1),
                (300, 7),
                (70_000, 4096),
                (70_000, 70_000),
                (2_000_000, 900_001),
            ] {
                let content = sample(length);
                let mut stream = Vec::new();
                for piece in content.chunks(step) {
                    deflater.push(piece, &mut stream);
                }
                deflater.finish(&mut stream);
                let mut out = Vec::new();
                inflate(&stream, length as u64, &mut out).unwrap();
                assert!(out == content);
                assert!(stream.len() <= deflate(&content, level).len() + 64);
            }
        }
    }

    #[test]
    fn a_declared_size_that_is_wrong_is_an_error() {
        for length in [0u64, 1, 1000, 100_000] {
            let stream = deflate(&sample(length as usize), 6);
            for more in [1, 2, 1 << 20, 1 << 40, u64::MAX - length] {
                let declared = length + more;
                for step in [1, 100, stream.len()] {
                    let error = pieces(&stream, declared, step).unwrap_err();
                    // What no buffer can hold is refused at once; on wasm32 that begins at 4 GiB.
                    let fits = usize::try_from(declared).is_ok_and(|size| size.checked_add(SLACK).is_some());
                    let expected = if fits {
                        InflateError::TooShort {
                            declared,
                            found: length,
                        }
                    } else {
                        InflateError::Memory { bytes: declared }
                    };
                    assert_eq!(error, expected);
                }
            }
            for less in [1, 2, 400, length]
                .into_iter()
                .filter(|less| *less <= length && *less > 0)
            {
                let declared = length - less;
                assert_eq!(
                    inflate(&stream, declared, &mut Vec::new()),
                    Err(InflateError::TooLong { declared })
                );
            }
        }
    }

    #[test]
    fn output_is_not_allocated_before_it_comes() {
        let stream = deflate(b"five!", 6);
        let mut out = Vec::new();
        assert!(inflate(&stream, 8 << 30, &mut out).is_err());
        assert!(out.capacity() <= 2 * FIRST);
    }

    #[test]
    fn damage_is_an_error() {
        let content = sample(3000);
        let stream = deflate(&content, 6);
        for at in 0..stream.len() {
            for bit in 0..8 {
                let mut damaged = stream.clone();
                damaged[at] ^= 1 << bit;
                let mut out = Vec::new();
                if inflate(&damaged, 3000, &mut out).is_ok() {
                    // The level in the header and the bits that fill the last byte mean nothing.
                    assert!(out == content, "bit {bit} of byte {at}");
                }
            }
        }
        for cut in 0..stream.len() {
            let mut out = Vec::new();
            assert_eq!(inflate(&stream[..cut], 3000, &mut out), Err(InflateError::Truncated));
        }
    }

    #[test]
    fn a_preset_dictionary_is_refused() {
        // FDICT set, the header check right, a dictionary id, then an empty stored block.
        let stream = [0x78, 0xbb, 0, 0, 0, 1, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 1];
        assert_eq!(u16::from_be_bytes([stream[0], stream[1]]) % 31, 0);
        assert_eq!(inflate(&stream, 0, &mut Vec::new()), Err(InflateError::Corrupt));
    }

    #[test]
    fn a_reference_to_before_the_start_is_refused_even_where_an_earlier_stream_left_bytes() {
        // A fixed-code block whose first symbol is a match: length 3, distance 1, end of block.
        // Bits: 1 (final) 01 (fixed) 0000001 (257) 00000 (distance 1) 0000000 (end).
        let block = [0b0000_0011, 0b0000_0010, 0b0000_0000];
        let mut stream = vec![0x78, 0x9c];
        stream.extend_from_slice(&block);
        stream.extend_from_slice(&[0; 6]);
        let mut inflater = Inflater::new();
        let mut window = Window::default();
        let earlier = deflate(&[0; 5000], 6);
        inflater.begin(5000);
        while !inflater.push_window(&earlier, &mut window).unwrap().done {}
        inflater.begin(3);
        assert_eq!(inflater.push_window(&stream, &mut window), Err(InflateError::Corrupt));
        let mut out = vec![7; 5000];
        assert_eq!(inflater.inflate(&stream, 3, &mut out), Err(InflateError::Corrupt));
    }
}

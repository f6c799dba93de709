//! `ls-refs`, the command of version 2 that lists refs: gitprotocol-v2(5) "ls-refs",
//! `get_remote_refs` of connect.c.
//!
//! Servers may list more than was asked for: the prefixes only save bytes, and the caller filters.

use std::fmt;

use super::capability::V2Capabilities;
use super::pkt_line::{Decoder, Encoder, Packet, PktLineError, TooLong, chomp};
use super::remote_refs::{MAX_BYTES, RefsBuilder, RemoteRefs, TooManyRefs, oid_and_rest};
use super::smart_http::{RpcRequest, Service};
use super::text::{Foreign, SNIFF_LEN, clean_text, quote, sniff};
use crate::format::oid::ObjectId;
use crate::format::refname::expansions;

/// Above this many prefixes none is sent: servers stop filtering at 65536, and the request would
/// be larger than the answer.
pub const MAX_PREFIXES: usize = 4096;

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LsRefs {
    /// Only refs that start with one of these; empty for all.
    pub prefixes: Vec<Vec<u8>>,
    /// Words for the server's own use (`git ls-remote --server-option`).
    pub server_options: Vec<Vec<u8>>,
}

impl LsRefs {
    /// Lists every ref.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds what the left side of a fetch refspec may mean: what is before the `*` of a pattern,
    /// or every expansion of a name. Empty and `@` mean `HEAD`, and an object id nothing at all.
    pub fn add_source(&mut self, source: &[u8]) {
        let source = if matches!(source, b"" | b"@") { b"HEAD" } else { source };
        if ObjectId::from_hex(source).is_some() {
            return;
        }
        match source.iter().position(|byte| *byte == b'*') {
            Some(star) => self.add_prefix(source.get(..star).unwrap_or_default().to_vec()),
            None => expansions(source).into_iter().for_each(|name| self.add_prefix(name)),
        }
    }

    /// Adds a prefix, once.
    pub fn add_prefix(&mut self, prefix: Vec<u8>) {
        // Beyond the limit they are not sent anyway, and comparing each with each would not end.
        if self.prefixes.len() > MAX_PREFIXES || !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
        }
    }

    /// The request. `agent` is sent if the server has one itself.
    pub fn request(&self, server: &V2Capabilities, agent: &str) -> Result<RpcRequest, LsRefsError> {
        if !server.has("ls-refs") {
            return Err(LsRefsError::NotSupported);
        }
        if !self.server_options.is_empty() && !server.has("server-option") {
            return Err(LsRefsError::NoServerOptions);
        }
        if !self.server_options.iter().all(|option| is_server_option(option)) {
            return Err(LsRefsError::BadServerOption);
        }
        let mut body = Encoder::new();
        let agent = server.has("agent").then_some(agent);
        let object_format = server.has("object-format");
        write_command(&mut body, "ls-refs", agent, &self.server_options, object_format)?;
        body.line(&[b"peel"])?;
        body.line(&[b"symrefs"])?;
        if server.feature("ls-refs", "unborn") {
            body.line(&[b"unborn"])?;
        }
        if self.prefixes.len() <= MAX_PREFIXES {
            for prefix in &self.prefixes {
                body.line(&[b"ref-prefix ", prefix])?;
            }
        }
        body.flush();
        let git_protocol = Some("version=2");
        Ok(RpcRequest {
            service: Service::UploadPack,
            git_protocol,
            body: body.into_bytes(),
        })
    }
}

/// `command=…`, the capabilities every command has, and the delimiter.
pub(crate) fn write_command(
    body: &mut Encoder,
    command: &str,
    agent: Option<&str>,
    server_options: &[Vec<u8>],
    object_format: bool,
) -> Result<(), TooLong> {
    body.line(&[b"command=", command.as_bytes()])?;
    if let Some(agent) = agent {
        body.line(&[b"agent=", &clean_agent(agent)])?;
    }
    for option in server_options {
        body.line(&[b"server-option=", option])?;
    }
    if object_format {
        body.line(&[b"object-format=sha1"])?;
    }
    body.delim();
    Ok(())
}

/// Whether a server option can be sent: git dies of a NUL or LF in it.
pub(crate) fn is_server_option(option: &[u8]) -> bool {
    !option.iter().any(|byte| matches!(byte, 0 | b'\n'))
}

/// As git's `git_user_agent_sanitized`: no spaces, no control characters, printable.
pub(crate) fn clean_agent(agent: &str) -> Vec<u8> {
    agent
        .bytes()
        .map(|byte| if byte.is_ascii_graphic() { byte } else { b'.' })
        .collect()
}

/// Why refs could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LsRefsError {
    /// The server has no `ls-refs`.
    NotSupported,
    /// The server takes no server options.
    NoServerOptions,
    /// A server option has a NUL or a line break.
    BadServerOption,
    /// A prefix is longer than a packet.
    PrefixTooLong,
    /// No byte came.
    Empty,
    /// The answer is not Git's.
    NotGit {
        /// What it looks like.
        looks_like: Foreign,
        /// The first characters, made printable, at most 200.
        excerpt: String,
    },
    /// It ended before its flush.
    Truncated {
        /// How many bytes came.
        at: u64,
    },
    /// The framing is broken.
    PktLine(PktLineError),
    /// The server reported an error in words; cleaned text.
    Remote(String),
    /// A line that is no ref.
    UnexpectedLine {
        /// Where it starts.
        at: u64,
        /// The line, made printable.
        line: String,
    },
    /// A delimiter or response end where a ref or a flush must be.
    UnexpectedPacket {
        /// Where.
        at: u64,
    },
    /// Something after the end.
    TrailingBytes {
        /// Where.
        at: u64,
    },
    /// More refs or bytes than are taken.
    TooLarge,
}

impl fmt::Display for LsRefsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LsRefsError::NotSupported => f.write_str("the server cannot list refs"),
            LsRefsError::NoServerOptions => f.write_str("the server does not support 'server-option'"),
            LsRefsError::BadServerOption => f.write_str("a server option contains a NUL or a line break"),
            LsRefsError::PrefixTooLong => f.write_str("a ref prefix is too long"),
            LsRefsError::Empty => f.write_str("the server's answer is empty"),
            LsRefsError::NotGit {
                looks_like: Foreign::Html { .. },
                ..
            } => f.write_str("a web page came"),
            LsRefsError::NotGit { excerpt, .. } => write!(f, "not a Git server's answer: '{excerpt}'"),
            LsRefsError::Truncated { at } => write!(f, "expected flush after ref listing, it ends after {at} bytes"),
            LsRefsError::PktLine(error) => error.fmt(f),
            LsRefsError::Remote(text) => write!(f, "the server says: {text}"),
            LsRefsError::UnexpectedLine { at, line } => write!(f, "invalid ls-refs response '{line}' at byte {at}"),
            LsRefsError::UnexpectedPacket { at } => write!(f, "expected flush after ref listing, at byte {at}"),
            LsRefsError::TrailingBytes { at } => write!(f, "bytes after the end, at byte {at}"),
            LsRefsError::TooLarge => f.write_str("the server has more refs than are taken"),
        }
    }
}

impl std::error::Error for LsRefsError {}

impl From<TooLong> for LsRefsError {
    fn from(_: TooLong) -> Self {
        LsRefsError::PrefixTooLong
    }
}

impl From<TooManyRefs> for LsRefsError {
    fn from(_: TooManyRefs) -> Self {
        LsRefsError::TooLarge
    }
}

/// Reads the answer.
#[derive(Default)]
pub struct LsRefsReader {
    decoder: Decoder,
    refs: RefsBuilder,
    done: bool,
    failed: Option<LsRefsError>,
}

impl LsRefsReader {
    /// A reader for one answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brings the next bytes of the body. After an error the rest need not be read.
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), LsRefsError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.decoder.feed(bytes);
        self.advance(false)
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Says that the body has ended.
    pub fn finish(mut self) -> Result<RemoteRefs, LsRefsError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(true)?;
        let at = self.decoder.position() + self.decoder.pending().len() as u64;
        match (self.done, at) {
            (true, _) => Ok(self.refs.finish(std::iter::empty())),
            (false, 0) => Err(LsRefsError::Empty),
            (false, at) => Err(LsRefsError::Truncated { at }),
        }
    }

    fn advance(&mut self, ended: bool) -> Result<(), LsRefsError> {
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = self.run(&mut decoder, ended);
        self.decoder = decoder;
        result
    }

    fn run(&mut self, decoder: &mut Decoder, ended: bool) -> Result<(), LsRefsError> {
        loop {
            let at = decoder.position();
            if at > MAX_BYTES {
                return Err(LsRefsError::TooLarge);
            }
            if self.done {
                return match decoder.pending().is_empty() {
                    true => Ok(()),
                    false => Err(LsRefsError::TrailingBytes { at }),
                };
            }
            let packet = match decoder.next() {
                Ok(packet) => packet,
                Err(_) if at == 0 => return foreign(decoder.pending(), ended),
                Err(error) => return Err(LsRefsError::PktLine(error)),
            };
            match packet {
                None => return Ok(()),
                Some(Packet::Data(line)) => self.line(at, chomp(line))?,
                Some(Packet::Flush) => self.done = true,
                Some(Packet::Delim | Packet::ResponseEnd) => return Err(LsRefsError::UnexpectedPacket { at }),
            }
        }
    }

    fn line(&mut self, at: u64, line: &[u8]) -> Result<(), LsRefsError> {
        if let Some(text) = line.strip_prefix(b"ERR ") {
            return Err(LsRefsError::Remote(clean_text(text)));
        }
        let unexpected = || LsRefsError::UnexpectedLine { at, line: quote(line) };
        if let Some(rest) = line.strip_prefix(b"unborn ") {
            let mut words = rest.split(|byte| *byte == b' ');
            if words.next() == Some(b"HEAD")
                && let Some(target) = words.find_map(|word| word.strip_prefix(b"symref-target:"))
            {
                self.refs.unborn_head(target);
            }
            return Ok(());
        }
        let (oid, rest) = oid_and_rest(line)
            .filter(|(oid, _)| !oid.is_null())
            .ok_or_else(unexpected)?;
        let mut words = rest.split(|byte| *byte == b' ');
        let name = words.next().filter(|name| !name.is_empty()).ok_or_else(unexpected)?;
        let (mut symref, mut peeled) = (None, None);
        for word in words {
            if let Some(target) = word.strip_prefix(b"symref-target:") {
                symref = Some(target);
            } else if let Some(hex) = word.strip_prefix(b"peeled:") {
                peeled = Some(ObjectId::from_hex(hex).ok_or_else(unexpected)?);
            }
        }
        Ok(self.refs.push(name, oid, peeled, symref)?)
    }
}

/// The error for an answer whose first bytes are no pkt-line, once enough of it is there to
/// always say the same of it.
fn foreign(first: &[u8], ended: bool) -> Result<(), LsRefsError> {
    if first.len() < SNIFF_LEN && !ended {
        return Ok(());
    }
    let first = first.get(..SNIFF_LEN).unwrap_or(first);
    Err(LsRefsError::NotGit {
        looks_like: sniff(first),
        excerpt: quote(first),
    })
}

#[cfg(test)]
mod tests;

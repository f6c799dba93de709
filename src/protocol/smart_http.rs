//! Discovery: the answer to `GET $URL/info/refs?service=…` (gitprotocol-http(5) "Smart Server
//! Response", `check_smart_http` of remote-curl.c, `get_remote_heads` of connect.c).
//!
//! ```text
//!   versions 0, 1     # service=git-upload-pack, 0000, [version 1,] refs and capabilities, 0000
//!   version 2         [# service=git-upload-pack, 0000,] version 2, capabilities, 0000
//! ```
//!
//! The reader takes the body in any pieces and gives one [`Discovery`] at the end. It also tells
//! what an answer is that is no Git advertisement: a web page, a server without smart HTTP,
//! nothing at all.

use std::fmt;

use super::capability::{ObjectFormat, V0Capabilities, V2Capabilities};
use super::pkt_line::{Decoder, Packet, PktLineError, chomp};
use super::remote_refs::{MAX_BYTES, RefsBuilder, RemoteRefs, TooManyRefs, oid_and_rest};
use super::text::{Foreign, SNIFF_LEN, clean_text, quote, sniff};
use crate::format::oid::ObjectId;

/// The two services of a Git server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Fetching.
    UploadPack,
    /// Pushing.
    ReceivePack,
}

impl Service {
    /// The name in URLs and content types.
    pub const fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }
}

/// A request to POST to [`super::url::RemoteUrl::rpc_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcRequest {
    /// Whom to ask.
    pub service: Service,
    /// The value of the `Git-Protocol` header, which must be that of the discovery: `version=2`,
    /// `version=1`, or no header.
    pub git_protocol: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

impl RpcRequest {
    /// The value of the `Content-Type` header; servers insist on it.
    pub const fn content_type(&self) -> &'static str {
        match self.service {
            Service::UploadPack => "application/x-git-upload-pack-request",
            Service::ReceivePack => "application/x-git-receive-pack-request",
        }
    }

    /// The value of the `Accept` header.
    pub const fn accept(&self) -> &'static str {
        match self.service {
            Service::UploadPack => "application/x-git-upload-pack-result",
            Service::ReceivePack => "application/x-git-receive-pack-result",
        }
    }
}

/// What a content type says of an answer to discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// The advertisement of the service asked for.
    Advertisement,
    /// A web page.
    Html,
    /// Anything else, or none.
    Other,
}

/// Compares a `Content-Type` as git does: in lower case, without white space and parameters.
pub fn content_type(value: Option<&str>, service: Service) -> ContentType {
    let value = value.unwrap_or_default().split(';').next().unwrap_or_default();
    let value: String = value.chars().filter(|char| !char.is_whitespace()).collect();
    let value = value.to_ascii_lowercase();
    if value == format!("application/x-{}-advertisement", service.name()) {
        ContentType::Advertisement
    } else if value == "text/html" || value == "application/xhtml+xml" {
        ContentType::Html
    } else {
        ContentType::Other
    }
}

/// What a server answered to discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Versions 0 and 1: refs and capabilities.
    V0(Advertisement),
    /// Version 2: capabilities; refs are asked for with `ls-refs`.
    V2(V2Capabilities),
}

impl Discovery {
    /// The value for the `Git-Protocol` header of the requests that follow.
    pub const fn git_protocol(&self) -> Option<&'static str> {
        match self {
            Discovery::V0(Advertisement {
                is_version_1: false, ..
            }) => None,
            Discovery::V0(Advertisement { is_version_1: true, .. }) => Some("version=1"),
            Discovery::V2(_) => Some("version=2"),
        }
    }
}

/// What servers of versions 0 and 1 tell at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertisement {
    /// Whether it came with the line `version 1`.
    pub is_version_1: bool,
    /// What the server can do.
    pub capabilities: V0Capabilities,
    /// Its refs.
    pub refs: RemoteRefs,
    /// Its own shallow commits, if it is a shallow repository.
    pub shallow: Vec<ObjectId>,
    /// Objects it has that no ref of its own names (`.have`, when pushing).
    pub extra_haves: Vec<ObjectId>,
}

/// Why an answer is no advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryError {
    /// The content type is not the one of the service, or the first bytes are not Git's.
    NotGit {
        /// What it looks like.
        looks_like: Foreign,
        /// The content type, cleaned text; `None` if it was right or absent.
        content_type: Option<String>,
        /// The first characters, made printable, at most 200.
        excerpt: String,
    },
    /// No byte came.
    Empty,
    /// It ended early.
    Truncated {
        /// How many bytes came.
        at: u64,
    },
    /// The framing is broken.
    PktLine(PktLineError),
    /// The server reported an error in words (`ERR`); cleaned text.
    Remote(String),
    /// The first line names another service or is no service line; made printable.
    UnexpectedService(String),
    /// A protocol version nobody knows, or one said where it may not be; the number, made
    /// printable.
    UnknownVersion(String),
    /// A line that has no place here.
    UnexpectedLine {
        /// Where it starts.
        at: u64,
        /// The line, made printable, at most 200 characters.
        line: String,
    },
    /// A delimiter or response end where a line or a flush must be.
    UnexpectedPacket {
        /// Where.
        at: u64,
    },
    /// Something after the end.
    TrailingBytes {
        /// Where.
        at: u64,
    },
    /// The repository uses another hash function.
    ObjectFormat(ObjectFormat),
    /// More refs or bytes than are taken.
    TooLarge,
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiscoveryError::NotGit {
                looks_like,
                content_type,
                excerpt,
            } => {
                match looks_like {
                    Foreign::Html { title: Some(title) } => write!(f, "a web page came (\"{title}\")")?,
                    Foreign::Html { title: None } => f.write_str("a web page came")?,
                    Foreign::DumbRefs => f.write_str("the server has no smart HTTP, only files")?,
                    Foreign::Unknown => write!(f, "not a Git server's answer: '{excerpt}'")?,
                }
                match content_type {
                    Some(content_type) => write!(f, ", with the content type '{content_type}'"),
                    None => Ok(()),
                }
            }
            DiscoveryError::Empty => f.write_str("the server's answer is empty"),
            DiscoveryError::Truncated { at } => write!(f, "the server's answer ends early, after {at} bytes"),
            DiscoveryError::PktLine(error) => error.fmt(f),
            DiscoveryError::Remote(text) => write!(f, "the server says: {text}"),
            DiscoveryError::UnexpectedService(line) => write!(f, "expected a service, got '{line}'"),
            DiscoveryError::UnknownVersion(version) => {
                write!(f, "the server is speaking an unknown protocol version '{version}'")
            }
            DiscoveryError::UnexpectedLine { at, line } => write!(f, "unexpected line '{line}' at byte {at}"),
            DiscoveryError::UnexpectedPacket { at } => write!(f, "unexpected packet at byte {at}"),
            DiscoveryError::TrailingBytes { at } => write!(f, "bytes after the end, at byte {at}"),
            DiscoveryError::ObjectFormat(format) => {
                write!(
                    f,
                    "the repository uses the object format '{}', only sha1 is supported",
                    format.name()
                )
            }
            DiscoveryError::TooLarge => f.write_str("the server has more refs than are taken"),
        }
    }
}

impl std::error::Error for DiscoveryError {}

impl From<TooManyRefs> for DiscoveryError {
    fn from(_: TooManyRefs) -> Self {
        DiscoveryError::TooLarge
    }
}

/// Reads the body of the answer.
pub struct DiscoveryReader {
    service: Service,
    /// The content type, if it is wrong.
    wrong_type: Option<Option<String>>,
    decoder: Decoder,
    state: State,
    refs: RefsBuilder,
    advertisement: Advertisement,
    v2: Option<V2Capabilities>,
    failed: Option<DiscoveryError>,
}

enum State {
    /// Nothing was read.
    Start,
    /// Within the service header, up to its flush.
    Header,
    /// The first line after the header.
    Version,
    /// The line with the capabilities of version 0 or 1.
    FirstRef,
    Refs,
    Shallow,
    V2,
    Done,
}

impl DiscoveryReader {
    /// A reader for the answer of a service. `content_type` is the header's value.
    pub fn new(service: Service, content_type: Option<&str>) -> Self {
        let wrong_type = match self::content_type(content_type, service) {
            ContentType::Advertisement => None,
            ContentType::Html | ContentType::Other => Some(content_type.map(|value| quote(value.as_bytes()))),
        };
        DiscoveryReader {
            service,
            wrong_type,
            decoder: Decoder::new(),
            state: State::Start,
            refs: RefsBuilder::default(),
            advertisement: Advertisement::default(),
            v2: None,
            failed: None,
        }
    }

    /// Brings the next bytes of the body. After an error the rest need not be read.
    pub fn feed(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), DiscoveryError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.decoder.feed(bytes);
        self.advance(false)
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Says that the body has ended.
    pub fn finish(mut self) -> Result<Discovery, DiscoveryError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(true)?;
        match self.state {
            State::Done => {}
            State::Start if self.decoder.position() == 0 && self.decoder.pending().is_empty() => {
                return Err(DiscoveryError::Empty);
            }
            _ => {
                let at = self.decoder.position() + self.decoder.pending().len() as u64;
                return Err(DiscoveryError::Truncated { at });
            }
        }
        if let Some(capabilities) = self.v2 {
            return Ok(Discovery::V2(capabilities));
        }
        let mut advertisement = self.advertisement;
        advertisement.refs = self.refs.finish(advertisement.capabilities.symrefs());
        Ok(Discovery::V0(advertisement))
    }

    fn advance(&mut self, ended: bool) -> Result<(), DiscoveryError> {
        if matches!(self.state, State::Start) {
            let first = self.decoder.pending();
            // Whatever the first bytes are, the error quotes the same number of them.
            let seen_enough = first.len() >= SNIFF_LEN || ended && !first.is_empty();
            let could_be_git = first.len() < 4 && first.iter().all(u8::is_ascii_hexdigit);
            if self.wrong_type.is_some() || !could_be_git && !starts_with_pkt_line(first) {
                return if seen_enough { Err(self.not_git()) } else { Ok(()) };
            }
        }
        // Out of the reader while it is read, so that lines need not be copied to be handled.
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = self.run(&mut decoder);
        self.decoder = decoder;
        result
    }

    fn run(&mut self, decoder: &mut Decoder) -> Result<(), DiscoveryError> {
        loop {
            let at = decoder.position();
            if at > MAX_BYTES {
                return Err(DiscoveryError::TooLarge);
            }
            if matches!(self.state, State::Done) {
                return match decoder.pending().is_empty() {
                    true => Ok(()),
                    false => Err(DiscoveryError::TrailingBytes { at }),
                };
            }
            match decoder.next().map_err(DiscoveryError::PktLine)? {
                None => return Ok(()),
                Some(Packet::Data(line)) => self.line(at, line)?,
                Some(Packet::Flush) => self.flush(at)?,
                Some(Packet::Delim | Packet::ResponseEnd) => return Err(DiscoveryError::UnexpectedPacket { at }),
            }
        }
    }

    fn not_git(&self) -> DiscoveryError {
        let first = self.decoder.pending();
        let first = first.get(..SNIFF_LEN).unwrap_or(first);
        let looks_like = match (sniff(first), &self.wrong_type) {
            (Foreign::Unknown, Some(Some(value))) if content_type(Some(value), self.service) == ContentType::Html => {
                Foreign::Html { title: None }
            }
            (looks_like, _) => looks_like,
        };
        let content_type = self.wrong_type.clone().flatten();
        DiscoveryError::NotGit {
            looks_like,
            content_type,
            excerpt: quote(first),
        }
    }

    fn flush(&mut self, at: u64) -> Result<(), DiscoveryError> {
        if let Some(format) = self.v2.as_ref().map(V2Capabilities::object_format)
            && format != ObjectFormat::Sha1
        {
            return Err(DiscoveryError::ObjectFormat(format));
        }
        self.state = match self.state {
            State::Start => return Err(DiscoveryError::UnexpectedPacket { at }),
            State::Header => State::Version,
            // Upload-pack before 2.41 says of an empty repository just this, with no line at all.
            State::Version | State::FirstRef | State::Refs | State::Shallow | State::V2 | State::Done => State::Done,
        };
        Ok(())
    }

    fn line(&mut self, at: u64, raw: &[u8]) -> Result<(), DiscoveryError> {
        let line = chomp(raw);
        if let Some(text) = line.strip_prefix(b"ERR ") {
            return Err(DiscoveryError::Remote(clean_text(text)));
        }
        match self.state {
            State::Start => {
                if line.strip_prefix(b"# service=") == Some(self.service.name().as_bytes()) {
                    self.state = State::Header;
                    return Ok(());
                }
                if line == b"version 2" {
                    return self.version(line);
                }
                Err(DiscoveryError::UnexpectedService(quote(line)))
            }
            // "Metadata lines" that nobody defined.
            State::Header => Ok(()),
            State::Version if line.starts_with(b"version ") => self.version(line),
            State::Version | State::FirstRef => self.first_ref(at, raw),
            State::Refs => self.any_ref(at, raw),
            State::Shallow => self.shallow(at, raw),
            State::V2 => {
                self.v2.get_or_insert_default().push(line);
                Ok(())
            }
            State::Done => Err(DiscoveryError::TrailingBytes { at }),
        }
    }

    fn version(&mut self, line: &[u8]) -> Result<(), DiscoveryError> {
        self.state = match line {
            b"version 1" => {
                self.advertisement.is_version_1 = true;
                State::FirstRef
            }
            b"version 2" if self.service == Service::UploadPack => {
                self.v2 = Some(V2Capabilities::default());
                State::V2
            }
            _ => {
                let version = line.strip_prefix(b"version ").unwrap_or(line);
                return Err(DiscoveryError::UnknownVersion(quote(version)));
            }
        };
        Ok(())
    }

    fn first_ref(&mut self, at: u64, raw: &[u8]) -> Result<(), DiscoveryError> {
        let mut halves = raw.splitn(2, |byte| *byte == 0);
        let line = chomp(halves.next().unwrap_or_default());
        self.advertisement.capabilities = V0Capabilities::parse(chomp(halves.next().unwrap_or_default()));
        let format = self.advertisement.capabilities.object_format();
        if format != ObjectFormat::Sha1 {
            return Err(DiscoveryError::ObjectFormat(format));
        }
        if let Some((oid, b"capabilities^{}")) = oid_and_rest(line)
            && oid.is_null()
        {
            self.state = State::Shallow;
            return Ok(());
        }
        self.state = State::Refs;
        self.any_ref(at, line)
    }

    fn any_ref(&mut self, at: u64, raw: &[u8]) -> Result<(), DiscoveryError> {
        let line = before_nul(raw);
        let Some((oid, name)) = oid_and_rest(line) else {
            return self.shallow(at, raw);
        };
        if oid.is_null() || name == b"capabilities^{}" || name.is_empty() {
            return Err(unexpected(at, line));
        }
        match name.strip_suffix(b"^{}") {
            Some(name) => self.refs.push_peeled(name, oid)?,
            None if name == b".have" => self.advertisement.extra_haves.push(oid),
            None => self.refs.push(name, oid, None, None)?,
        }
        Ok(())
    }

    fn shallow(&mut self, at: u64, raw: &[u8]) -> Result<(), DiscoveryError> {
        let line = before_nul(raw);
        let oid = line.strip_prefix(b"shallow ").and_then(ObjectId::from_hex);
        let oid = oid.filter(|oid| !oid.is_null()).ok_or_else(|| unexpected(at, line))?;
        self.state = State::Shallow;
        self.advertisement.shallow.push(oid);
        Ok(())
    }
}

fn starts_with_pkt_line(first: &[u8]) -> bool {
    let mut probe = Decoder::new();
    probe.feed(first.get(..4).unwrap_or_default());
    first.len() >= 4 && probe.next_part().is_ok()
}

/// A line up to a NUL: capabilities after the first line are ignored.
fn before_nul(raw: &[u8]) -> &[u8] {
    chomp(raw.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn unexpected(at: u64, line: &[u8]) -> DiscoveryError {
    DiscoveryError::UnexpectedLine { at, line: quote(line) }
}

#[cfg(test)]
mod tests;

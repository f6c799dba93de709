//! An answer on its way: a head, and a body that may still be produced.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinHandle;

/// A scripted answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The status code; any number from 200 to 999.
    pub status: u16,
    /// Header names and values, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: Payload,
    /// Leave out the mount's CORS headers.
    #[serde(default)]
    pub without_cors: bool,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            ..Reply::default()
        }
    }

    /// Plain text.
    pub fn text(status: u16, text: &str) -> Reply {
        Reply::typed(status, "text/plain; charset=utf-8", text.as_bytes())
    }

    /// A web page.
    pub fn html(status: u16, html: &str) -> Reply {
        Reply::typed(status, "text/html; charset=utf-8", html.as_bytes())
    }

    /// Bytes of a content type.
    pub fn typed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            body: Payload(body.into()),
            ..Reply::default()
        }
        .header("content-type", content_type)
    }

    /// An answer of a Git service with status 200: the content type of its advertisement.
    pub fn advertisement(service: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply::typed(200, &format!("application/x-{service}-advertisement"), body)
    }

    /// An answer of a Git service with status 200: the content type of its result.
    pub fn result(service: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply::typed(200, &format!("application/x-{service}-result"), body)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Leaves out the mount's CORS headers, as error pages of other servers do.
    pub fn without_cors(mut self) -> Reply {
        self.without_cors = true;
        self
    }
}

/// Bytes; in JSON a string, or `{"base64": "…"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PayloadText")]
pub struct Payload(pub Vec<u8>);

#[derive(Deserialize)]
#[serde(untagged)]
enum PayloadText {
    Text(String),
    Base64 { base64: String },
}

impl TryFrom<PayloadText> for Payload {
    type Error = base64::DecodeError;

    fn try_from(text: PayloadText) -> Result<Payload, Self::Error> {
        match text {
            PayloadText::Text(text) => Ok(Payload(text.into_bytes())),
            PayloadText::Base64 { base64 } => STANDARD.decode(base64).map(Payload),
        }
    }
}

impl<T: Into<Vec<u8>>> From<T> for Payload {
    fn from(bytes: T) -> Payload {
        Payload(bytes.into())
    }
}

/// What a mount answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) source: Source,
    pub(crate) without_cors: bool,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        let source = Source::Bytes(Some(Bytes::from(reply.body.0)));
        Answer {
            status: reply.status,
            headers: reply.headers,
            source,
            without_cors: reply.without_cors,
        }
    }
}

/// Where a body comes from. Dropping it ends the child or the upstream request behind it.
pub(crate) enum Source {
    /// Bytes at hand.
    Bytes(Option<Bytes>),
    /// What is left of a child's output after the part already read.
    Child {
        first: Option<Bytes>,
        stdout: ChildStdout,
        child: Box<Child>,
        stderr: JoinHandle<()>,
    },
    /// An upstream answer.
    Upstream(Incoming),
}

impl Source {
    /// The next piece, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Source::Bytes(bytes) => Ok(bytes.take().filter(|b| !b.is_empty())),
            Source::Child {
                first,
                stdout,
                child,
                stderr,
            } => {
                if let Some(first) = first.take().filter(|b| !b.is_empty()) {
                    return Ok(Some(first));
                }
                let mut buffer = BytesMut::with_capacity(64 * 1024);
                if stdout.read_buf(&mut buffer).await? == 0 {
                    child.wait().await?;
                    let _ = stderr.await;
                    return Ok(None);
                }
                Ok(Some(buffer.freeze()))
            }
            Source::Upstream(body) => loop {
                let Some(frame) = body.frame().await else {
                    return Ok(None);
                };
                if let Ok(data) = frame.map_err(io::Error::other)?.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            },
        }
    }

    /// The length, where it is known before the body is read.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Source::Bytes(bytes) => Some(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Source::Child { .. } => None,
            Source::Upstream(body) => hyper::body::Body::size_hint(body).exact(),
        }
    }
}

/// A request's body: still on the socket, or read already.
pub(crate) enum Upload {
    /// Still arriving.
    Incoming(Incoming),
    /// All there.
    Bytes(Option<Bytes>),
}

impl Upload {
    async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Upload::Bytes(bytes) => Ok(bytes.take().filter(|b| !b.is_empty())),
            Upload::Incoming(body) => loop {
                let Some(frame) = body.frame().await else {
                    return Ok(None);
                };
                if let Ok(data) = frame.map_err(io::Error::other)?.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            },
        }
    }
}

/// A request's body, counted as it is read.
pub(crate) struct Inflow {
    upload: Upload,
    on_data: OnData,
}

/// Told of every piece that was read.
pub(crate) type OnData = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl Inflow {
    pub(crate) fn new(upload: Upload, on_data: OnData) -> Inflow {
        Inflow { upload, on_data }
    }

    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        let chunk = self.upload.chunk().await?;
        if let Some(chunk) = &chunk {
            (self.on_data)(chunk);
        }
        Ok(chunk)
    }

    /// Reads to the end and keeps it.
    pub(crate) async fn collect(&mut self) -> io::Result<Bytes> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Reads to the end, so that the answer does not meet a client that is still sending.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Some(_)) = self.chunk().await {}
    }
}

/// The three pipes of a child.
pub(crate) fn piped() -> (Stdio, Stdio, Stdio) {
    (Stdio::piped(), Stdio::piped(), Stdio::piped())
}

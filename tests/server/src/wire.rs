//! Answers that hyper would not write: lies about the length, broken framing, bytes that are no
//! HTTP, resets. The connection is taken from hyper after the request was read, and the answer is
//! written here; it is always the last one of its connection.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::fault::{End, Framing};
use crate::flow::Piece;

/// What to do with a connection taken from hyper.
pub(crate) enum Takeover {
    /// Write these bytes, and end.
    Raw(Bytes, End),
    /// Write a head and a body.
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        framing: Framing,
        /// Added to the true length in `Content-Length`.
        length_error: i64,
        /// The length to promise, where it is known beforehand; else the body is read first.
        length: Option<u64>,
        body: mpsc::Receiver<Piece>,
    },
}

/// Writes the answer and ends the connection.
pub(crate) async fn take_over(mut stream: TcpStream, takeover: Takeover) -> io::Result<()> {
    let end = match takeover {
        Takeover::Raw(bytes, end) => {
            stream.write_all(&bytes).await?;
            end
        }
        Takeover::Answer {
            status,
            headers,
            framing,
            length_error,
            length,
            body,
        } => {
            let mut body = Pieces {
                receiver: body,
                ready: Vec::new(),
            };
            let length = match (framing, length) {
                (Framing::Length, None) => Some(body.read_all(&mut stream).await),
                (_, length) => length,
            };
            let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
            for (name, value) in headers
                .iter()
                .filter(|(n, _)| n != "content-length" && n != "transfer-encoding")
            {
                let _ = write!(head, "{name}: {value}\r\n");
            }
            head.push_str("connection: close\r\n");
            match framing {
                Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
                Framing::Length => {
                    let length = length.unwrap_or(0).saturating_add_signed(length_error);
                    let _ = write!(head, "content-length: {length}\r\n");
                }
                Framing::Close => {}
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes()).await?;
            loop {
                match body.next(&mut stream).await {
                    Some(Piece::Data(data)) if framing == Framing::Chunked => {
                        stream.write_all(format!("{:x}\r\n", data.len()).as_bytes()).await?;
                        stream.write_all(&data).await?;
                        stream.write_all(b"\r\n").await?;
                    }
                    Some(Piece::Data(data)) => stream.write_all(&data).await?,
                    Some(Piece::End(End::Clean)) => {
                        if framing == Framing::Chunked {
                            stream.write_all(b"0\r\n\r\n").await?;
                        }
                        break End::Clean;
                    }
                    Some(Piece::End(end)) => break end,
                    None => return Ok(()),
                }
            }
        }
    };
    finish(stream, end).await
}

async fn finish(mut stream: TcpStream, end: End) -> io::Result<()> {
    stream.flush().await?;
    if end == End::Reset {
        // A reset discards what the kernel has not delivered: let it deliver first.
        tokio::time::sleep(Duration::from_millis(20)).await;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        return Ok(());
    }
    stream.shutdown().await?;
    // Reading on until the client closes keeps late request bytes from turning the end into a reset.
    let drained = async { while stream.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), drained).await;
    Ok(())
}

struct Pieces {
    receiver: mpsc::Receiver<Piece>,
    /// What was read ahead, last first.
    ready: Vec<Piece>,
}

impl Pieces {
    /// The next piece; `None` if the client went away or the carrier broke off.
    async fn next(&mut self, stream: &mut TcpStream) -> Option<Piece> {
        if let Some(piece) = self.ready.pop() {
            return Some(piece);
        }
        loop {
            let mut sink = [0; 4096];
            tokio::select! {
                piece = self.receiver.recv() => return piece,
                read = stream.read(&mut sink) => if !matches!(read, Ok(n) if n > 0) { return None },
            }
        }
    }

    /// Reads the whole body to learn its length.
    async fn read_all(&mut self, stream: &mut TcpStream) -> u64 {
        let mut all = Vec::new();
        let mut length = 0;
        while let Some(piece) = self.next(stream).await {
            let ended = match &piece {
                Piece::Data(data) => {
                    length += data.len() as u64;
                    false
                }
                Piece::End(_) => true,
            };
            all.push(piece);
            if ended {
                break;
            }
        }
        all.reverse();
        self.ready = all;
        length
    }
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Unknown")
}

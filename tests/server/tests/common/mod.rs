//! A client that hides nothing: bytes out, bytes in, and how the connection ended.

#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use gitside_server::Server;

/// Everything that came, and how it ended.
#[derive(Debug)]
pub struct Seen {
    pub bytes: Vec<u8>,
    pub reset: bool,
}

/// Sends bytes, and reads until the connection ends.
pub fn exchange(server: &Server, request: &[u8]) -> Seen {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Seen { bytes, reset: false },
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Seen { bytes, reset: true },
            Err(error) => panic!("{error}"),
        }
    }
}

/// An answer taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    /// As on the wire, chunked or not.
    pub raw: Vec<u8>,
    /// Without chunking, as far as it came.
    pub body: Vec<u8>,
    /// The framing says that it is whole (for an answer without framing: always).
    pub whole: bool,
    pub reset: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request without a body.
pub fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(server, method, path, headers, b"")
}

/// A request.
pub fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    take_apart(exchange(server, &[request.as_bytes(), body].concat()))
}

pub fn take_apart(seen: Seen) -> Answer {
    let end = seen.bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&seen.bytes[..end]).into_owned();
    let raw = seen.bytes[end + 4..].to_vec();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        raw,
        body: Vec::new(),
        whole: true,
        reset: seen.reset,
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        (answer.body, answer.whole) = unchunk(&answer.raw);
    } else {
        answer.body.clone_from(&answer.raw);
        let length = answer.header("content-length").map(|l| l.parse::<usize>().unwrap());
        answer.whole = length.is_none_or(|length| length == answer.raw.len());
    }
    answer
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.iter().position(|b| *b == b'\r') {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let data = rest.get(end + 2..).unwrap_or_default();
        body.extend_from_slice(&data[..size.min(data.len())]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

//! What goes over the wire, for people who look for a fault: requests and answers with their
//! headers (as `GIT_CURL_VERBOSE`), packets (as `GIT_TRACE_PACKET`), and what was decided. Secrets
//! are taken out before anybody is told. Without a listener nothing is made.

use std::rc::Rc;

use super::connection::Connection;
use super::redact::{REDACTED, Redactor, header_value, scrub_urls};
use super::request::Prepared;
use crate::host::{Method, Response};
use crate::protocol::pkt_line::{Decoder, Part};
use crate::protocol::smart_http::Service;
use crate::task::Task;

/// Told of what goes over the wire.
pub type Tracer = Rc<dyn Fn(TraceEvent)>;

/// Something that went over the wire, or was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceEvent {
    /// Milliseconds since the operation began.
    pub at: f64,
    /// What it is.
    pub kind: TraceKind,
    /// One line, or several for heads of requests and answers. Holds no secret.
    pub text: String,
}

/// What a [`TraceEvent`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// A request: method and URL, then one header a line, then the size of its body.
    Request,
    /// An answer: its status, then one header a line, then how long it took.
    Response,
    /// A packet, as git's `GIT_TRACE_PACKET` writes it.
    Packet,
    /// A decision: the version spoken, a redirect, a login, another try.
    Note,
}

impl TraceKind {
    /// The word JavaScript sees.
    pub const fn name(self) -> &'static str {
        match self {
            TraceKind::Request => "request",
            TraceKind::Response => "response",
            TraceKind::Packet => "packet",
            TraceKind::Note => "note",
        }
    }
}

impl Connection {
    /// Notes a decision, if anybody listens.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.trace(TraceKind::Note, text);
    }

    pub(super) fn trace_request(&self, prepared: &Prepared) {
        self.trace(TraceKind::Request, || {
            let request = &prepared.request;
            let method = if request.method == Method::Get { "GET" } else { "POST" };
            // Never the proxy's own URL: it may hold a key.
            let way = if self.options.cors_proxy.is_some() {
                " (through the CORS proxy)"
            } else {
                ""
            };
            let mut lines = vec![format!("{method} {}{way}", prepared.target)];
            lines.extend(request.headers.iter().map(shown));
            if let Some(body) = &request.body {
                lines.push(format!("({} bytes)", body.len()));
            }
            lines.join("\n")
        });
    }

    pub(super) fn trace_response(&self, response: &Response, took: f64) {
        self.trace(TraceKind::Response, || {
            let mut lines = vec![match response.redirect_refused {
                true => "a redirect, which is not followed".to_owned(),
                false => format!("HTTP {}", response.status),
            }];
            if response.redirected {
                lines.push("(after redirects)".to_owned());
            }
            lines.extend(response.headers.iter().map(shown));
            lines.push(format!("({} ms)", took.round() as u64));
            lines.join("\n")
        });
    }

    /// Traces the packets of a body, if anybody listens.
    pub(super) fn packets(&self, direction: char) -> Option<PacketTrace> {
        let tracer = self.options.trace.clone()?;
        Some(PacketTrace {
            tracer,
            task: self.task.clone(),
            redactor: self.redactor(),
            who: match self.service {
                Service::UploadPack => "fetch",
                Service::ReceivePack => "push",
            },
            direction,
            decoder: Decoder::new(),
            line: Vec::new(),
            pack: None,
            foreign: None,
        })
    }

    fn trace(&self, kind: TraceKind, text: impl FnOnce() -> String) {
        if let Some(tracer) = &self.options.trace {
            let text = scrub_urls(&self.redact(&text()));
            let at = self.task.elapsed();
            tracer(TraceEvent { at, kind, text });
        }
    }
}

fn shown((name, value): &(String, String)) -> String {
    format!("{name}: {}", header_value(name, value))
}

/// The packets of one body, as they pass.
pub(super) struct PacketTrace {
    tracer: Tracer,
    task: Task,
    redactor: Redactor,
    who: &'static str,
    direction: char,
    decoder: Decoder,
    /// What arrived of a packet that is shown.
    line: Vec<u8>,
    /// Packets and bytes of the pack so far, once it began.
    pack: Option<(u64, u64)>,
    /// Bytes that are no packets: a pack without side-band, or something else than Git's protocol.
    foreign: Option<u64>,
}

impl PacketTrace {
    /// Notes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(count) = &mut self.foreign {
            *count += bytes.len() as u64;
            return;
        }
        self.decoder.feed(bytes);
        // Out of the trace while it is read.
        let mut decoder = std::mem::take(&mut self.decoder);
        loop {
            match decoder.next_part() {
                Ok(Some(part)) => self.part(part),
                Ok(None) => break,
                Err(_) => {
                    let pending = decoder.pending();
                    if pending.starts_with(b"PACK") {
                        self.tell("PACK …");
                    }
                    self.foreign = Some(pending.len() as u64);
                    decoder = Decoder::new();
                    break;
                }
            }
        }
        self.decoder = decoder;
    }

    /// Says that no more comes.
    pub(super) fn finish(&mut self) {
        self.end_of_pack();
        if let Some(bytes) = self.foreign.take() {
            self.tell(&format!("… {bytes} bytes that are no packets"));
        }
        let left = self.line.len() + self.decoder.pending().len();
        if left > 0 {
            self.tell(&format!("… {left} bytes of a packet that did not end"));
        }
        self.line.clear();
        self.decoder = Decoder::new();
    }

    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Data { first, last, bytes } => self.data(first, last, bytes),
            Part::Flush => {
                self.end_of_pack();
                self.tell("0000");
            }
            Part::Delim => self.tell("0001"),
            Part::ResponseEnd => self.tell("0002"),
        }
    }

    fn data(&mut self, first: bool, last: bool, bytes: &[u8]) {
        let is_band = |line: &[u8]| line.first() == Some(&1);
        if let Some((packets, count)) = &mut self.pack
            && self.line.is_empty()
            && (!first || is_band(bytes))
        {
            *packets += u64::from(first);
            *count += bytes.len() as u64 - u64::from(first);
            return;
        }
        self.line.extend_from_slice(bytes);
        if is_band(&self.line) && self.line.starts_with(b"\x01PACK") {
            self.pack = Some((1, self.line.len() as u64 - 1));
            self.line.clear();
            self.tell("PACK …");
        } else if last {
            let line = std::mem::take(&mut self.line);
            let text = self.readable(&line);
            self.tell(&text);
        }
    }

    fn end_of_pack(&mut self) {
        if let Some((packets, bytes)) = self.pack.take() {
            self.tell(&format!("PACK … {bytes} bytes in {packets} packets"));
        }
    }

    /// A payload as git shows it (`packet_trace`): without LF, other bytes than printable ASCII
    /// in octal.
    fn readable(&self, line: &[u8]) -> String {
        let redacted = std::str::from_utf8(line).ok().map(|text| self.redactor.apply(text));
        let line = redacted.as_deref().map_or(line, str::as_bytes);
        let line = hidden(line).unwrap_or_else(|| line.to_vec());
        let mut text = String::with_capacity(line.len());
        for byte in line {
            match byte {
                b'\n' => {}
                0x20..=0x7e => text.push(char::from(byte)),
                _ => text.push_str(&format!("\\{byte:o}")),
            }
        }
        self.redactor.apply(&text)
    }

    fn tell(&self, text: &str) {
        let text = format!("packet: {:>12}{} {}", self.who, self.direction, scrub_urls(text));
        let at = self.task.elapsed();
        let kind = TraceKind::Packet;
        (self.tracer)(TraceEvent { at, kind, text });
    }
}

/// Lines that hold somebody's secrets by their nature: where packs can be had without a login
/// (git hides the path), and what a promisor remote tells of its own.
fn hidden(line: &[u8]) -> Option<Vec<u8>> {
    let redacted = REDACTED.as_bytes();
    if line.starts_with(b"promisor-remote=") {
        return Some([b"promisor-remote=", redacted].concat());
    }
    let line = std::str::from_utf8(line).ok()?;
    let (hash, url) = line.trim_end().split_once(' ')?;
    let (scheme, rest) = url.split_once("://")?;
    if hash.len() < 40 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let host = rest.split('/').next().unwrap_or_default();
    Some(format!("{hash} {scheme}://{host}/{REDACTED}").into_bytes())
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::cell::RefCell;

    use super::*;
    use crate::task::tests::Stopped;

    /// What is told of a body, fed in pieces of that size.
    fn traced(body: &[u8], size: usize) -> Vec<String> {
        let told: Rc<RefCell<Vec<String>>> = Rc::default();
        let listener = Rc::clone(&told);
        let mut redactor = Redactor::default();
        redactor.add("S3CR3T");
        let mut trace = PacketTrace {
            tracer: Rc::new(move |event| {
                assert_eq!((event.at, event.kind), (0.0, TraceKind::Packet));
                listener.borrow_mut().push(event.text);
            }),
            task: Task::new(Rc::new(Stopped(7.0)), |_| {}),
            redactor,
            who: "fetch",
            direction: '<',
            decoder: Decoder::new(),
            line: Vec::new(),
            pack: None,
            foreign: None,
        };
        body.chunks(size).for_each(|piece| trace.feed(piece));
        trace.finish();
        told.take()
    }

    fn check(body: &[u8], expected: &[&str]) {
        let expected: Vec<String> = expected
            .iter()
            .map(|text| format!("packet:        fetch< {text}"))
            .collect();
        for size in 1..=body.len() {
            assert_eq!(traced(body, size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn packets_are_written_as_git_writes_them_however_they_arrive() {
        check(
            b"001e# service=git-upload-pack\n0000",
            &["# service=git-upload-pack", "0000"],
        );
        check(b"0008NAK\n000100020004", &["NAK", "0001", "0002", ""]);
        check(b"000aa\0\xc3\xbcb\n", &["a\\0\\303\\274b"]);
        check(b"000c\x02hello\r\n", &["\\2hello\\15"]);
    }

    #[test]
    fn a_pack_is_counted_and_not_shown() {
        check(
            b"000dpackfile\n0009\x01PACK000e\x02progress\n0008\x01abc0005\x010000",
            &[
                "packfile",
                "PACK …",
                "\\2progress",
                "PACK … 7 bytes in 3 packets",
                "0000",
            ],
        );
        check(b"0009\x01PACK0008\x01a", &["PACK …", "PACK … 5 bytes in 2 packets"]);
    }

    #[test]
    fn what_is_no_packet_is_counted() {
        assert_eq!(
            traced(b"<html>", 6),
            ["packet:        fetch< … 6 bytes that are no packets"]
        );
        check(b"0009ab", &["… 2 bytes of a packet that did not end"]);
    }

    #[test]
    fn secrets_are_taken_out_of_packets() {
        check(b"000eERR S3CR3T", &["ERR <redacted>"]);
        check(
            b"0029\x02see https://u:p@h.example/x?y=z now\n",
            &["\\2see https://<redacted>@h.example/x?y=<redacted> now"],
        );
        check(
            b"0026promisor-remote=name=a,token=abc\n\n",
            &["promisor-remote=<redacted>"],
        );
        let uri = "0123456789012345678901234567890123456789 https://cdn.example/signed/abc?sig=x";
        let line = format!("{:04x}{uri}\n", uri.len() + 5);
        check(
            line.as_bytes(),
            &["0123456789012345678901234567890123456789 https://cdn.example/<redacted>"],
        );
    }
}

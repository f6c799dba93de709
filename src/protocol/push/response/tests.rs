#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::super::capability::V0Capabilities;
use super::super::super::pkt_line::{Encoder, PktLineError};
use super::super::super::smart_http::Advertisement;
use super::super::super::text::Foreign;
use super::super::report::{Reported, Verdict};
use super::super::request::Command;
use super::*;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;

const A: &str = "refs/heads/a";
const B: &str = "refs/heads/b";

/// What an answer came to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    lines: Vec<String>,
    report: Option<Report>,
    end: Option<Result<(), PushError>>,
}

fn reader(names: &[&str], capabilities: &str) -> PushResponse {
    let offer = PushOffer::of(&Advertisement {
        capabilities: V0Capabilities::parse(capabilities.as_bytes()),
        ..Advertisement::default()
    });
    let commands = names.iter().map(|name| Command {
        name: RefName::new(*name).unwrap(),
        old: None,
        new: Some(ObjectId::new([1; 20])),
    });
    let request = PushRequest {
        commands: commands.collect(),
        ..PushRequest::default()
    };
    PushResponse::new(&request, &offer)
}

fn read<'a>(mut reader: PushResponse, pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut seen = Seen::default();
    let mut take = |reader: &mut PushResponse| loop {
        match reader.next() {
            Ok(None) => return true,
            Ok(Some(PushEvent::Message(line))) => seen.lines.push(line.text),
            Ok(Some(PushEvent::Report(report))) => assert!(seen.report.replace(report).is_none()),
            Ok(Some(PushEvent::End)) => assert!(seen.end.replace(Ok(())).is_none()),
            Err(error) => {
                assert_eq!(reader.next(), Err(error.clone()), "it stays failed");
                seen.end = Some(Err(error));
                return false;
            }
        }
    };
    for piece in pieces {
        reader.feed(piece);
        if !take(&mut reader) {
            return seen;
        }
    }
    reader.end_of_body();
    take(&mut reader);
    seen
}

const BANDED: &str = "report-status side-band-64k";
const BARE: &str = "report-status";

/// The same for every way of splitting the bytes.
fn check(names: &[&str], capabilities: &str, bytes: &[u8]) -> Seen {
    let whole = read(reader(names, capabilities), std::iter::once(bytes));
    for at in 0..bytes.len() {
        let seen = read(reader(names, capabilities), [&bytes[..at], &bytes[at..]].into_iter());
        assert_eq!(seen, whole, "split at {at}");
    }
    for size in 1..7 {
        let seen = read(reader(names, capabilities), bytes.chunks(size));
        assert_eq!(seen, whole, "pieces of {size}");
    }
    whole
}

fn packets(lines: &[&str]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    lines.iter().for_each(|line| encoder.data(line.as_bytes()).unwrap());
    encoder.flush();
    encoder.into_bytes()
}

/// A report in band 1, cut into packets of `size` bytes, with a line in band 2 after each.
fn banded(report: &[u8], size: usize) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for (index, piece) in report.chunks(size).enumerate() {
        encoder.data(&[b"\x01", piece].concat()).unwrap();
        encoder.data(format!("\x02line {index}\n").as_bytes()).unwrap();
        encoder.data(b"\x01").unwrap();
    }
    encoder.data(b"\x02bye").unwrap();
    encoder.flush();
    encoder.into_bytes()
}

fn report(verdicts: Vec<Verdict>) -> Report {
    Report {
        unpack: None,
        verdicts,
        strangers: Vec::new(),
        stray_options: false,
    }
}

fn done() -> Verdict {
    Verdict::Done(Vec::new())
}

fn refused(reason: &str) -> Verdict {
    Verdict::Refused(reason.to_owned())
}

/// What the report of these lines says, without side-band.
fn said(names: &[&str], lines: &[&str]) -> Report {
    let seen = check(names, BARE, &packets(lines));
    assert_eq!(seen.end, Some(Ok(())), "{lines:?}");
    seen.report.unwrap()
}

#[test]
fn a_report_is_the_same_in_every_framing() {
    let inner = packets(&["unpack ok\n", "ok refs/heads/a\n", "ng refs/heads/b hook declined\n"]);
    let expected = report(vec![done(), refused("hook declined")]);
    assert_eq!(check(&[A, B], BARE, &inner).report, Some(expected.clone()));
    for size in [1, 3, 4, 5, 17, inner.len()] {
        let bytes = banded(&inner, size);
        let whole = read(reader(&[A, B], BANDED), std::iter::once(bytes.as_slice()));
        assert_eq!(whole.report.as_ref(), Some(&expected), "packets of {size}");
        assert_eq!(whole.end, Some(Ok(())));
        assert_eq!(whole.lines.len(), inner.len().div_ceil(size) + 1);
        assert_eq!(whole.lines.last().unwrap(), "bye");
        if size > 4 {
            assert_eq!(check(&[A, B], BANDED, &bytes), whole);
        }
    }
}

#[test]
fn what_is_said_of_each_ref() {
    for (lines, expected) in [
        (
            &["unpack ok", "ok refs/heads/a", "ok refs/heads/b"][..],
            vec![done(), done()],
        ),
        (&["unpack ok\n", "ok refs/heads/b\n"], vec![Verdict::Unsaid, done()]),
        (&["unpack ok"], vec![Verdict::Unsaid, Verdict::Unsaid]),
        (
            &["unpack ok", "ng refs/heads/a"],
            vec![refused("failed"), Verdict::Unsaid],
        ),
        (
            &["unpack ok", "ng refs/heads/a x\x1b[2J  y "],
            vec![refused("x^[[2J  y "), Verdict::Unsaid],
        ),
        (
            &["unpack ok", "ok refs/heads/a", "ok refs/heads/a"],
            vec![done(), Verdict::Unsaid],
        ),
        (
            &["unpack ok", "ng refs/heads/a 1", "ng refs/heads/a 2"],
            vec![refused("1"), Verdict::Unsaid],
        ),
        (
            &[
                "unpack ok",
                "ok refs/heads/a",
                "ng refs/heads/a late",
                "ng refs/heads/b x",
                "ok refs/heads/b",
            ],
            vec![Verdict::Contradicted, Verdict::Contradicted],
        ),
        (
            &["unpack ok", "ok refs/heads/a", "ng refs/heads/a x", "ok refs/heads/a"],
            vec![Verdict::Contradicted, Verdict::Unsaid],
        ),
    ] {
        assert_eq!(said(&[A, B], lines), report(expected), "{lines:?}");
    }
}

#[test]
fn a_failed_unpack_is_kept_and_the_refs_are_still_read() {
    for (line, expected) in [
        ("unpack index-pack abnormal exit\n", "index-pack abnormal exit"),
        ("unpack VS403658: no\x07", "VS403658: no^G"),
        ("unpack", "failed"),
        ("unpack ", "failed"),
        ("unpack OK", "OK"),
    ] {
        let found = said(&[A], &[line, "ng refs/heads/a unpacker error"]);
        assert_eq!(found.unpack.as_deref(), Some(expected), "{line}");
        assert_eq!(found.verdicts, [refused("unpacker error")]);
    }
}

#[test]
fn refs_that_nobody_pushed_change_nothing() {
    let found = said(
        &[A],
        &[
            "unpack ok",
            "ok __proto__",
            "ng refs/heads/\x1b x",
            "option refname refs/heads/z",
            "ok refs/heads/a",
        ],
    );
    assert_eq!(found.verdicts, [done()]);
    assert_eq!(found.strangers, ["__proto__", "refs/heads/^["]);
    assert!(found.stray_options);
    let many: Vec<String> = (0..200).map(|number| format!("ok refs/heads/{number}")).collect();
    let lines: Vec<&str> = std::iter::once("unpack ok")
        .chain(many.iter().map(String::as_str))
        .collect();
    let seen = read(reader(&[A], BARE), std::iter::once(packets(&lines).as_slice()));
    assert_eq!(seen.report.unwrap().strangers.len(), 100);
}

#[test]
fn option_lines_say_what_was_done_instead() {
    let (one, two) = ("01".repeat(20), "02".repeat(20));
    let found = said(
        &["refs/for/main", A, B],
        &[
            "unpack ok",
            "ok refs/for/main",
            "option refname refs/pull/1/head",
            &format!("option old-oid {one}"),
            &format!("option new-oid {two}"),
            "option forced-update",
            "option unheard of",
            "ok refs/for/main",
            "option refname refs/pull/2/head",
            "ok refs/heads/a",
            "ng refs/heads/b no",
            "option refname refs/heads/c",
        ],
    );
    let first = Reported {
        name: Some(RefName::new("refs/pull/1/head").unwrap()),
        old: Some(ObjectId::new([1; 20])),
        new: Some(ObjectId::new([2; 20])),
        forced: true,
    };
    let second = Reported {
        name: Some(RefName::new("refs/pull/2/head").unwrap()),
        ..Reported::default()
    };
    assert_eq!(
        found.verdicts,
        [Verdict::Done(vec![first, second]), done(), refused("no")]
    );
    assert!(found.stray_options, "those of a refused ref");
    let hostile = said(
        &[A],
        &[
            "unpack ok",
            "ok refs/heads/a",
            "option refname ../x",
            "option new-oid zz",
            "option refname HEAD",
        ],
    );
    assert_eq!(hostile.verdicts, [Verdict::Done(vec![Reported::default()])]);
}

#[test]
fn a_report_that_says_nothing_known_is_an_error() {
    let line = |line: &str| PushError::UnexpectedLine { line: line.to_owned() };
    for (bytes, expected) in [
        (packets(&["ok refs/heads/a"]), line("ok refs/heads/a")),
        (packets(&["unpacked ok"]), line("unpacked ok")),
        (packets(&["unpack ok", "unpack ok"]), line("unpack ok")),
        (packets(&["unpack ok", "ok"]), line("ok")),
        (packets(&["unpack ok", "ng "]), line("ng ")),
        (packets(&["unpack ok", "fine refs/heads/a"]), line("fine refs/heads/a")),
        (packets(&["unpack ok", "\x1b[2J"]), line("^[[2J")),
        (packets(&["ERR no\x07 room"]), PushError::Remote("no^G room".to_owned())),
        (packets(&[]), PushError::NoReport),
        (b"000dunpack ok0001".to_vec(), PushError::UnexpectedPacket { at: 13 }),
        (
            b"000dunpack ok0003".to_vec(),
            PushError::PktLine(PktLineError::BadLength {
                at: 13,
                found: *b"0003",
            }),
        ),
    ] {
        let seen = check(&[A], BARE, &bytes);
        assert_eq!((seen.end, seen.report), (Some(Err(expected.clone())), None));
        let size = bytes.len();
        let seen = check(&[A], BANDED, &banded(&bytes, size));
        assert_eq!((seen.end, seen.report), (Some(Err(expected)), None));
    }
}

#[test]
fn every_cut_before_the_reports_end_leaves_nothing_known() {
    let inner = packets(&["unpack ok\n", "ok refs/heads/a\n"]);
    for cut in 0..inner.len() {
        let seen = read(reader(&[A], BARE), std::iter::once(&inner[..cut]));
        assert_eq!(seen.report, None, "cut at {cut}");
        let at = u64::try_from(cut).unwrap();
        let expected = if cut == 0 {
            PushError::Empty
        } else {
            PushError::Truncated { at }
        };
        assert_eq!(seen.end, Some(Err(expected)), "cut at {cut}");
    }
    let bytes = banded(&inner, 7);
    let mut known = false;
    for cut in 0..bytes.len() {
        let seen = read(reader(&[A], BANDED), std::iter::once(&bytes[..cut]));
        assert!(
            seen.report.is_some() || !known,
            "cut at {cut}: once complete it stays so"
        );
        known = seen.report.is_some();
        assert!(matches!(seen.end, Some(Err(_))), "cut at {cut}: the flush is missing");
    }
    assert!(known, "the report is complete before the answer is");
}

#[test]
fn the_lines_before_an_error_are_heard() {
    let mut encoder = Encoder::new();
    encoder.data(b"\x02fatal: disk ").unwrap();
    encoder.data(b"\x02full").unwrap();
    let seen = check(&[A], BANDED, encoder.as_bytes());
    assert_eq!(seen.lines, ["fatal: disk full"]);
    assert_eq!(seen.end, Some(Err(PushError::Truncated { at: 26 })));
    encoder.data(b"\x03gone").unwrap();
    let seen = check(&[A], BANDED, encoder.as_bytes());
    let remote = SidebandError::Remote("gone".to_owned());
    assert_eq!(seen.end, Some(Err(PushError::Sideband(remote))));
}

#[test]
fn a_server_that_does_not_report_is_believed_to_be_done_at_its_end() {
    let ended = Seen {
        end: Some(Ok(())),
        ..Seen::default()
    };
    assert_eq!(check(&[A], "", b""), ended);
    assert_eq!(check(&[A], "", b"anything"), ended);
    assert_eq!(check(&[A], "side-band-64k", b"0000"), ended);
    let seen = check(&[A], "side-band-64k", b"000b\x02hello\n0000");
    assert_eq!((seen.lines.len(), seen.end), (1, Some(Ok(()))));
    let seen = check(&[A], "side-band-64k", b"");
    assert_eq!(seen.end, Some(Err(PushError::Empty)));
}

#[test]
fn what_is_not_gits_is_told_from_what_is_cut() {
    let page = b"<html><title>Sign in</title></html>";
    for capabilities in [BARE, BANDED] {
        let seen = check(&[A], capabilities, page);
        let Some(Err(PushError::NotGit { looks_like, .. })) = seen.end else {
            panic!("{:?}", seen.end)
        };
        let title = Some("Sign in".to_owned());
        assert_eq!(looks_like, Foreign::Html { title });
    }
    let seen = check(&[A], BANDED, b"00000000");
    assert_eq!(seen.end, Some(Err(PushError::UnexpectedPacket { at: 4 })));
}

mod broken;
mod wanted;

use super::super::super::pkt_line::Encoder;
use super::super::event::AckStatus;
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
const B: &str = "2cb58b79488a98d2721cea644875a8dd0026b115";

/// A request that was sent, as far as its answer cares.
#[derive(Clone, Copy)]
struct Sent {
    is_v2: bool,
    sideband: SidebandMode,
    multi_ack: bool,
    no_done: bool,
    done: bool,
    deepen: bool,
    only_acks: bool,
    want_refs: &'static [&'static str],
}

const V0: Sent = Sent {
    is_v2: false,
    sideband: SidebandMode::Large,
    multi_ack: true,
    no_done: true,
    done: true,
    deepen: false,
    only_acks: false,
    want_refs: &[],
};
const V2: Sent = Sent { is_v2: true, ..V0 };

/// Everything an answer said; pieces of the pack joined, where they follow each other.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Acks(Vec<(String, AckStatus)>, bool),
    Shallow(Vec<String>, Vec<String>, bool),
    Refs(Vec<(String, String)>),
    Progress(String),
    Pack(Vec<u8>),
    End(bool),
}

fn hex(oids: &[ObjectId]) -> Vec<String> {
    oids.iter().map(ObjectId::to_hex).collect()
}

fn read<'a>(sent: Sent, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Said>, Result<(), FetchError>) {
    let mut response = FetchResponse::new(Expected {
        is_v2: sent.is_v2,
        sideband: sent.sideband,
        multi_ack: sent.multi_ack,
        no_done: sent.no_done,
        done_sent: sent.done,
        deepen: sent.deepen,
        only_acks: sent.only_acks,
        want_refs: sent.want_refs.iter().map(|name| name.as_bytes().to_vec()).collect(),
        shallow: HashSet::from([B.parse().unwrap()]),
    });
    let mut said = Vec::new();
    let mut pieces = pieces.into_iter();
    loop {
        match response.next() {
            Ok(None) if matches!(said.last(), Some(Said::End(_))) => return (said, Ok(())),
            Ok(None) => match pieces.next() {
                Some(piece) => response.feed(piece),
                None => response.end_of_body(),
            },
            Ok(Some(event)) => match event {
                FetchEvent::Acks(acks) => {
                    let list = acks.acks.iter().map(|(oid, status)| (oid.to_hex(), *status)).collect();
                    said.push(Said::Acks(list, acks.ready));
                }
                FetchEvent::Shallow(info) => {
                    said.push(Said::Shallow(hex(&info.shallow), hex(&info.unshallow), info.requested));
                }
                FetchEvent::WantedRefs(refs) => {
                    let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
                    said.push(Said::Refs(
                        refs.into_iter().map(|(name, oid)| (text(name), oid.to_hex())).collect(),
                    ));
                }
                FetchEvent::Progress(line) => said.push(Said::Progress(line.text)),
                FetchEvent::Pack(bytes) => match said.last_mut() {
                    Some(Said::Pack(pack)) => pack.extend_from_slice(bytes),
                    _ => said.push(Said::Pack(bytes.to_vec())),
                },
                FetchEvent::End { pack } => said.push(Said::End(pack)),
            },
            Err(error) => {
                assert_eq!(response.next(), Err(error.clone()), "a failed reader stays failed");
                // How much of a pack was handed out before an error depends on the pieces.
                said.retain(|said| !matches!(said, Said::Pack(_)));
                return (said, Err(error));
            }
        }
    }
}

fn check(sent: Sent, body: &[u8]) -> (Vec<Said>, Result<(), FetchError>) {
    let whole = read(sent, [body]);
    for at in 0..body.len() {
        assert_eq!(read(sent, [&body[..at], &body[at..]]), whole, "split at {at}");
    }
    for size in 1..6 {
        assert_eq!(read(sent, body.chunks(size)), whole, "pieces of {size}");
    }
    whole
}

/// Packets: `-` flush, `|` delimiter, `!` response end, anything else a line as it is.
fn framed(lines: &[&str]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut bytes = Vec::new();
    for line in lines {
        match *line {
            "-" => encoder.flush(),
            "|" => encoder.delim(),
            "!" => {
                bytes.extend_from_slice(encoder.as_bytes());
                encoder = Encoder::new();
                bytes.extend_from_slice(b"0002");
            }
            line => encoder.data(line.as_bytes()).unwrap(),
        }
    }
    bytes.extend_from_slice(encoder.as_bytes());
    bytes
}

fn good(sent: Sent, lines: &[&str]) -> Vec<Said> {
    let (said, end) = check(sent, &framed(lines));
    assert_eq!(end, Ok(()), "{lines:?}");
    said
}

fn bad(sent: Sent, lines: &[&str]) -> FetchError {
    match check(sent, &framed(lines)).1 {
        Ok(()) => panic!("{lines:?} was taken"),
        Err(error) => error,
    }
}

fn line_error(sent: Sent, lines: &[&str]) -> (&'static str, String) {
    match bad(sent, lines) {
        FetchError::UnexpectedLine { expected, line, .. } => (expected, line),
        other => panic!("{lines:?}: {other:?}"),
    }
}

fn packet_error(sent: Sent, lines: &[&str]) -> &'static str {
    match bad(sent, lines) {
        FetchError::UnexpectedPacket { expected, .. } => expected,
        other => panic!("{lines:?}: {other:?}"),
    }
}

fn pack(text: &str) -> Said {
    Said::Pack(text.as_bytes().to_vec())
}

const BANDS: [&str; 6] = ["\x02Counting: 1, done.\n", "\x01PACKab", "\x01", "\x01cd", "\x02", "-"];

fn with_bands<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    [lines, &BANDS].concat()
}

fn banded() -> [Said; 3] {
    [
        Said::Progress("Counting: 1, done.".to_owned()),
        pack("PACKabcd"),
        Said::End(true),
    ]
}

#[test]
fn a_clone_is_answered_with_nak_and_a_pack() {
    assert_eq!(good(V0, &with_bands(&["NAK\n"])), banded());
    assert_eq!(good(V2, &with_bands(&["packfile\n"])), banded());
    assert_eq!(good(V2, &with_bands(&["packfile"])), banded());
}

#[test]
fn the_shallow_list_comes_first() {
    let (shallow, unshallow) = (format!("shallow {A}"), format!("unshallow {B}\n"));
    let told = Said::Shallow(vec![A.to_owned()], vec![B.to_owned()], true);
    let expected = [&[told][..], &banded()].concat();
    let deepen = |sent| Sent { deepen: true, ..sent };
    assert_eq!(
        good(deepen(V0), &with_bands(&[&shallow, &unshallow, "-", "NAK\n"])),
        expected
    );
    assert_eq!(
        good(
            deepen(V2),
            &with_bands(&["shallow-info\n", &shallow, &unshallow, "|", "packfile\n"])
        ),
        expected
    );
    let own = Said::Shallow(vec![A.to_owned()], vec![], false);
    let expected = [&[own][..], &banded()].concat();
    assert_eq!(
        good(V2, &with_bands(&["shallow-info", &shallow, "|", "packfile"])),
        expected
    );
}

#[test]
fn shallow_lines_nobody_asked_for_are_refused() {
    let (shallow, unshallow) = (format!("shallow {A}"), format!("unshallow {B}"));
    let stranger = format!("unshallow {A}");
    let deepen = Sent { deepen: true, ..V0 };
    assert_eq!(line_error(V0, &[&shallow, "-", "NAK"]), ("ACK/NAK", shallow.clone()));
    assert_eq!(
        bad(V2, &["shallow-info", &unshallow, "|"]),
        FetchError::Unrequested { section: "unshallow" }
    );
    assert_eq!(
        bad(deepen, &[&stranger, "-"]),
        FetchError::NotShallow(A.parse().unwrap())
    );
    assert_eq!(
        bad(Sent { deepen: true, ..V2 }, &["shallow-info", &stranger]),
        FetchError::NotShallow(A.parse().unwrap())
    );
    assert_eq!(line_error(deepen, &["NAK\n"]).0, "shallow/unshallow");
    assert_eq!(line_error(deepen, &["shallow xyz", "-"]).0, "shallow/unshallow");
    assert_eq!(
        packet_error(V2, &["shallow-info", &shallow, "-"]),
        "the end of the shallow list"
    );
    assert_eq!(packet_error(deepen, &[&shallow, "|"]), "the end of the shallow list");
}

#[test]
fn acknowledgments_of_version_2_end_as_ready_says() {
    let round = Sent { done: false, ..V2 };
    let (ack, other) = (format!("ACK {A}\n"), format!("ACK {B}"));
    let both = vec![(A.to_owned(), AckStatus::Common), (B.to_owned(), AckStatus::Common)];
    assert_eq!(
        good(round, &["acknowledgments\n", &ack, &other, "-"]),
        [Said::Acks(both.clone(), false), Said::End(false)]
    );
    assert_eq!(
        good(round, &["acknowledgments", "NAK\n", "-"]),
        [Said::Acks(vec![], false), Said::End(false)]
    );
    let ready = good(
        round,
        &with_bands(&["acknowledgments", &ack, &other, "ready\n", "|", "packfile"]),
    );
    assert_eq!(ready, [&[Said::Acks(both, true)][..], &banded()].concat());
    let alone = good(round, &with_bands(&["acknowledgments", "ready", "|", "packfile"]));
    assert_eq!(alone[0], Said::Acks(vec![], true));
    assert_eq!(
        packet_error(round, &["acknowledgments", &ack, "ready", "-"]),
        "packfile to be sent after 'ready'"
    );
    assert_eq!(
        packet_error(round, &["acknowledgments", &ack, "|"]),
        "no other sections to be sent after no 'ready'"
    );
    assert_eq!(
        line_error(round, &["acknowledgments", "ACK xyz"]).0,
        "an acknowledgment"
    );
    assert_eq!(line_error(round, &["acknowledgments", "ready "]).0, "an acknowledgment");
}

#[test]
fn sections_have_an_order_and_each_comes_once() {
    let round = Sent { done: false, ..V2 };
    let shallow = format!("shallow {A}");
    for (sent, lines, received) in [
        (V2, vec!["acknowledgments"], "acknowledgments"),
        (round, vec!["packfile"], "packfile"),
        (round, vec!["shallow-info"], "shallow-info"),
        (V2, vec!["shallow-info", &shallow, "|", "shallow-info"], "shallow-info"),
        (
            round,
            vec!["acknowledgments", "ready", "|", "acknowledgments"],
            "acknowledgments",
        ),
        (V2, vec!["something-new"], "something-new"),
        (V2, vec!["packfile "], "packfile "),
        (V2, vec![""], ""),
        (V2, vec!["NAK"], "NAK"),
    ] {
        assert_eq!(line_error(sent, &lines).1, received);
    }
    assert_eq!(line_error(V2, &["something-new"]).0, "'packfile'");
    assert_eq!(line_error(round, &["packfile"]).0, "'acknowledgments'");
    for section in ["packfile-uris", "wanted-refs"] {
        assert_eq!(bad(V2, &[section]), FetchError::Unrequested { section });
        assert_eq!(
            bad(round, &["acknowledgments", "ready", "|", section]),
            FetchError::Unrequested { section }
        );
    }
    for lines in [&["-"][..], &["|"], &["!"], &["shallow-info", "|", "-"]] {
        assert_eq!(packet_error(V2, lines), "'packfile'");
    }
    assert_eq!(packet_error(V2, &["shallow-info", "!"]), "the end of the shallow list");
}

#[test]
fn rounds_of_the_older_versions_end_with_nak_and_the_body() {
    let round = Sent { done: false, ..V0 };
    let (common, ready, last) = (
        format!("ACK {A} common\n"),
        format!("ACK {B} ready\n"),
        format!("ACK {A}\n"),
    );
    let acks = |list: &[(&str, AckStatus)], ready| {
        Said::Acks(
            list.iter().map(|(oid, status)| ((*oid).to_owned(), *status)).collect(),
            ready,
        )
    };
    assert_eq!(good(round, &["NAK\n"]), [acks(&[], false), Said::End(false)]);
    assert_eq!(
        good(round, &[&common, "NAK\n"]),
        [acks(&[(A, AckStatus::Common)], false), Said::End(false)]
    );
    // With no-done the pack follows in the same answer, after one more ACK.
    let list = [(A, AckStatus::Common), (B, AckStatus::Ready), (A, AckStatus::Final)];
    let said = good(round, &with_bands(&[&common, &ready, "NAK\n", &last]));
    assert_eq!(said, [&[acks(&list, true)][..], &banded()].concat());
    // Without, the answer ends, and done is to be sent.
    let asks = Sent {
        no_done: false,
        ..round
    };
    assert_eq!(
        good(asks, &[&common, &ready, "NAK\n"]),
        [acks(&list[..2], true), Said::End(false)]
    );
    assert!(matches!(
        bad(asks, &[&ready, "NAK\n", &last]),
        FetchError::TrailingBytes { .. }
    ));
    assert_eq!(line_error(round, &[&last]).0, "ACK/NAK");
    assert_eq!(line_error(round, &[&ready, "NAK", "NAK"]).0, "ACK");
    assert_eq!(line_error(round, &["ACK xyz common"]).0, "ACK/NAK");
    assert_eq!(line_error(round, &[&format!("ACK {A} perhaps")]).0, "ACK/NAK");
    assert_eq!(line_error(round, &["hello \x07"]), ("ACK/NAK", "hello ^G".to_owned()));
    assert_eq!(packet_error(round, &["-"]), "ACK or NAK");
    // After done: the commons again, then the last word.
    let said = good(V0, &with_bands(&[&common, &last]));
    assert_eq!(said, [&[acks(&[list[0], list[2]], false)][..], &banded()].concat());
}

#[test]
fn without_multi_ack_any_number_of_plain_acks_may_come() {
    let plain = Sent {
        multi_ack: false,
        no_done: false,
        ..V0
    };
    let ack = format!("ACK {A}\n");
    let said = Said::Acks(vec![(A.to_owned(), AckStatus::Final)], false);
    let expected = [&[said.clone()][..], &banded()].concat();
    assert_eq!(good(plain, &with_bands(&[&ack])), expected);
    assert_eq!(good(plain, &with_bands(&[&ack, &format!("ACK {B}\n")])), expected);
    assert_eq!(good(plain, &with_bands(&["NAK\n"])), banded());
    assert_eq!(line_error(plain, &[&format!("ACK {A} common")]).0, "ACK/NAK");
    let raw = Sent {
        sideband: SidebandMode::None,
        ..plain
    };
    let body = [&framed(&[&ack, &ack])[..], b"PACK\0\0\0\x02"].concat();
    assert_eq!(
        check(raw, &body),
        (vec![said, pack("PACK\0\0\0\x02"), Said::End(true)], Ok(()))
    );
}

#[test]
fn a_pack_without_side_band_ends_with_the_body() {
    let raw = Sent {
        sideband: SidebandMode::None,
        ..V0
    };
    let body = b"0008NAK\nPACK\0\0\0\x02 and whatever follows0000";
    assert_eq!(
        check(raw, body),
        (vec![Said::Pack(body[8..].to_vec()), Said::End(true)], Ok(()))
    );
    assert_eq!(
        bad(raw, &["NAK\n", "ERR no \x07pack\n"]),
        FetchError::Remote("no ^Gpack".to_owned())
    );
    assert_eq!(line_error(raw, &["NAK\n", "hello"]).0, "a pack");
    assert_eq!(packet_error(raw, &["NAK\n", "-"]), "a pack");
    assert!(matches!(check(raw, b"0008NAK\njunk").1, Err(FetchError::PktLine(_))));
    assert!(matches!(
        check(raw, b"0008NAK\nPAC").1,
        Err(FetchError::Truncated { at: 11, .. })
    ));
}

#[test]
fn pack_bytes_are_the_very_bytes_of_the_chunk() {
    let mut response = FetchResponse::new(Expected {
        is_v2: true,
        sideband: SidebandMode::Large,
        multi_ack: true,
        no_done: true,
        done_sent: true,
        deepen: false,
        only_acks: false,
        want_refs: HashSet::new(),
        shallow: HashSet::new(),
    });
    response.feed(framed(&["packfile\n"]));
    assert_eq!(response.next(), Ok(None));
    let chunk = b"fff0\x01PACK and more to come".to_vec();
    let at = chunk.as_ptr();
    response.feed(chunk);
    let Ok(Some(FetchEvent::Pack(bytes))) = response.next() else {
        panic!()
    };
    assert_eq!((bytes.as_ptr(), bytes.len()), (at.wrapping_add(5), 21));
}

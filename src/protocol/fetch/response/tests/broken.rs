//! Answers that end in an error.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::super::super::pkt_line::PktLineError;
use super::super::super::super::sideband::SidebandError;
use super::super::super::super::text::Foreign;
use super::*;

#[test]
fn an_error_line_is_told_wherever_it_stands() {
    let round = Sent { done: false, ..V2 };
    let (shallow, deepen) = (format!("shallow {A}"), Sent { deepen: true, ..V0 });
    let error = "ERR upload-pack: not our ref";
    for (sent, lines) in [
        (V0, vec![error]),
        (V0, vec!["NAK\n", error]),
        (V0, vec!["NAK\n", "\x01PACK", error]),
        (deepen, vec![&shallow, error]),
        (deepen, vec![&shallow, "-", error]),
        (V2, vec![error]),
        (V2, vec!["shallow-info", error]),
        (V2, vec!["shallow-info", &shallow, "|", error]),
        (V2, vec!["packfile", error]),
        (V2, vec!["packfile", "\x01PACK", "-", error]),
        (round, vec!["acknowledgments", error]),
        (round, vec!["acknowledgments", "NAK", "-", error]),
        (Sent { done: false, ..V0 }, vec!["NAK\n", error]),
    ] {
        let found = bad(sent, &lines);
        assert_eq!(
            found.remote_text(),
            Some("upload-pack: not our ref"),
            "{lines:?}: {found:?}"
        );
        assert!(found.is_stale());
    }
}

#[test]
fn the_last_band_fails_even_a_complete_pack() {
    let lines = ["packfile", "\x01PACKab", "\x02all well\n", "\x03corrupt\n", "-"];
    let (said, end) = check(V2, &framed(&lines));
    assert_eq!(
        end,
        Err(FetchError::Sideband(SidebandError::Remote("corrupt".to_owned())))
    );
    assert_eq!(said, [Said::Progress("all well".to_owned())]);
    for (packet, expected) in [
        ("", SidebandError::MissingDesignator { at: 13 }),
        ("\x04x", SidebandError::BadBand { at: 13, band: 4 }),
        ("|", SidebandError::UnexpectedPacket { at: 13 }),
        ("!", SidebandError::UnexpectedPacket { at: 13 }),
    ] {
        assert_eq!(bad(V2, &["packfile\n", packet]), FetchError::Sideband(expected));
    }
}

#[test]
fn every_truncation_is_noticed_and_so_is_every_addition() {
    let (common, last) = (format!("ACK {A} common\n"), format!("ACK {A}\n"));
    let shallow = format!("shallow {A}");
    let round = Sent { done: false, ..V2 };
    for (sent, lines, complete) in [
        (V0, with_bands(&["NAK\n"]), vec![]),
        (V0, with_bands(&[&common, &last]), vec![]),
        (
            Sent { deepen: true, ..V0 },
            with_bands(&[&shallow, "-", "NAK\n"]),
            vec![],
        ),
        (V2, with_bands(&["shallow-info\n", &shallow, "|", "packfile\n"]), vec![]),
        (
            round,
            with_bands(&["acknowledgments\n", "ready\n", "|", "packfile\n"]),
            vec![],
        ),
        (round, vec!["acknowledgments\n", "NAK\n", "-"], vec![]),
        (
            Sent {
                no_done: false,
                done: false,
                ..V0
            },
            vec![&common, "NAK\n"],
            vec![],
        ),
    ] {
        let body = framed(&lines);
        let complete: Vec<usize> = complete;
        for length in (0..body.len()).filter(|length| !complete.contains(length)) {
            let (_, end) = read(sent, [&body[..length]]);
            match end {
                Err(FetchError::Empty) if length == 0 => {}
                Err(FetchError::Truncated { at, .. }) if at == length as u64 => {}
                other => panic!("{lines:?} cut after {length}: {other:?}"),
            }
        }
        for extra in [&b"0000"[..], b"0", b"junk", b"0009done\n"] {
            let (_, end) = check(sent, &[&body, extra].concat());
            assert_eq!(
                end,
                Err(FetchError::TrailingBytes { at: body.len() as u64 }),
                "{lines:?}"
            );
        }
    }
}

#[test]
fn an_answer_that_is_not_git_is_named() {
    let page = b"<!DOCTYPE html><title>Captive portal</title>";
    for sent in [V0, V2] {
        let Err(FetchError::NotGit { looks_like, excerpt }) = check(sent, page).1 else {
            panic!()
        };
        assert_eq!(
            looks_like,
            Foreign::Html {
                title: Some("Captive portal".to_owned())
            }
        );
        assert!(excerpt.starts_with("<!DOCTYPE"));
        assert_eq!(check(sent, b"").1, Err(FetchError::Empty));
    }
    let broken = [&framed(&["packfile"])[..], b"+005"].concat();
    let error = PktLineError::BadLength {
        at: 12,
        found: *b"+005",
    };
    assert_eq!(
        check(V2, &broken).1,
        Err(FetchError::Sideband(SidebandError::PktLine(error)))
    );
    let broken = [&framed(&["shallow-info"])[..], b"0003"].concat();
    assert!(matches!(
        check(V2, &broken).1,
        Err(FetchError::PktLine(PktLineError::BadLength { at: 16, .. }))
    ));
}

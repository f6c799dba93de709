//! What only those get who asked for it: refs wanted by name, acknowledgments without a pack.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;

#[test]
fn wanted_refs_are_told_in_either_place_and_each_once() {
    const ASKED: Sent = Sent {
        want_refs: &["HEAD", "refs/heads/main"],
        ..V2
    };
    let (head, main) = (format!("{A} HEAD"), format!("{B} refs/heads/main"));
    let shallow = format!("shallow {A}");
    let refs = Said::Refs(vec![
        ("HEAD".to_owned(), A.to_owned()),
        ("refs/heads/main".to_owned(), B.to_owned()),
    ]);
    let boundary = Said::Shallow(vec![A.to_owned()], vec![], false);
    let said = good(ASKED, &with_bands(&["wanted-refs", &head, &main, "|", "packfile"]));
    assert_eq!(said, [&[refs.clone()][..], &banded()].concat());
    // As the manual has it, and as git's server sends it.
    let first = with_bands(&[
        "shallow-info",
        &shallow,
        "|",
        "wanted-refs",
        &head,
        &main,
        "|",
        "packfile",
    ]);
    assert_eq!(
        good(ASKED, &first),
        [&[boundary.clone(), refs.clone()][..], &banded()].concat()
    );
    let last = with_bands(&[
        "wanted-refs",
        &head,
        &main,
        "|",
        "shallow-info",
        &shallow,
        "|",
        "packfile",
    ]);
    assert_eq!(good(ASKED, &last), [&[refs, boundary][..], &banded()].concat());

    let other = format!("{A} refs/heads/other");
    let null = format!("{} HEAD", "0".repeat(40));
    let glued = format!("{A}HEAD");
    for line in [&other, &null, &glued, "HEAD", ""] {
        assert_eq!(
            line_error(ASKED, &["wanted-refs", line]),
            ("a wanted ref", line.to_owned())
        );
    }
    assert_eq!(line_error(ASKED, &["wanted-refs", &head, &head]).1, head);
    assert_eq!(
        line_error(ASKED, &["packfile"]),
        ("'wanted-refs'", "packfile".to_owned())
    );
    assert_eq!(
        packet_error(ASKED, &["wanted-refs", &head, "|"]),
        "every wanted ref to be told"
    );
    assert_eq!(
        packet_error(ASKED, &["wanted-refs", &head, &main, "-"]),
        "the end of the wanted refs"
    );
    assert_eq!(
        line_error(ASKED, &["wanted-refs", &head, &main, "|", "wanted-refs"]),
        ("'packfile'", "wanted-refs".to_owned())
    );
}

#[test]
fn who_asked_for_acknowledgments_alone_gets_no_pack() {
    let only = Sent {
        done: false,
        only_acks: true,
        ..V2
    };
    let ack = format!("ACK {A}");
    let said = good(only, &["acknowledgments", &ack, "-"]);
    assert_eq!(
        said,
        [
            Said::Acks(vec![(A.to_owned(), AckStatus::Common)], false),
            Said::End(false)
        ]
    );
    assert_eq!(line_error(only, &["acknowledgments", &ack, "ready"]).1, "ready");
}

use super::super::super::capability::{V0Capabilities, V2Capabilities};
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ALL: &str = "multi_ack_detailed no-done side-band side-band-64k thin-pack no-progress include-tag ofs-delta \
                   shallow deepen-since deepen-not deepen-relative filter agent=git/2 object-format=sha1 \
                   allow-tip-sha1-in-want session-id=x multi_ack";

fn v0(capabilities: &str) -> Discovery {
    let capabilities = V0Capabilities::parse(capabilities.as_bytes());
    Discovery::V0(Advertisement {
        capabilities,
        ..Advertisement::default()
    })
}

fn v2(lines: &[&str]) -> Discovery {
    let mut capabilities = V2Capabilities::default();
    lines.iter().for_each(|line| capabilities.push(line.as_bytes()));
    Discovery::V2(capabilities)
}

fn oid(byte: u8) -> ObjectId {
    ObjectId::new([byte; 20])
}

fn full_request() -> FetchRequest {
    FetchRequest {
        wants: vec![oid(1), oid(2), oid(1)],
        want_refs: Vec::new(),
        server_options: Vec::new(),
        shallow: vec![oid(3)],
        deepen: Deepen::Relative(5),
        filter: Some("blob:none".to_owned()),
        thin_pack: true,
        include_tag: true,
        no_progress: true,
    }
}

/// The packets of a request: lines without their ends, `0000` and `0001` as they are.
fn body(request: &FetchRequest, server: &Discovery, haves: &[ObjectId], done: bool) -> Vec<String> {
    let (request, _) = request.write(&Offer::of(server), "gitside/1", haves, done).unwrap();
    assert_eq!(request.git_protocol, server.git_protocol());
    let mut decoder = super::super::super::pkt_line::Decoder::new();
    decoder.feed(request.body);
    let mut lines = Vec::new();
    while let Some(packet) = decoder.next().unwrap() {
        lines.push(match packet {
            super::super::super::pkt_line::Packet::Data(line) => {
                String::from_utf8(line.to_vec()).unwrap().trim_end().to_owned()
            }
            super::super::super::pkt_line::Packet::Flush => "0000".to_owned(),
            _ => "0001".to_owned(),
        });
    }
    decoder.finish().unwrap();
    lines
}

#[test]
fn a_request_of_version_0_has_everything_in_gits_order() {
    let (one, two, three, four) = (oid(1), oid(2), oid(3), oid(4));
    assert_eq!(
        body(&full_request(), &v0(ALL), &[four], true),
        [
            format!(
                "want {one} multi_ack_detailed no-done side-band-64k deepen-relative thin-pack no-progress include-tag \
                 ofs-delta filter agent=gitside/1"
            ),
            format!("want {two}"),
            format!("shallow {three}"),
            "deepen 5".to_owned(),
            "filter blob:none".to_owned(),
            "0000".to_owned(),
            format!("have {four}"),
            "done".to_owned(),
        ]
    );
    let round = body(&full_request(), &v0(ALL), &[four], false);
    assert_eq!(round.last().map(String::as_str), Some("0000"));
    let bare = FetchRequest {
        deepen: Deepen::No,
        shallow: vec![],
        ..full_request()
    };
    assert_eq!(
        body(&bare, &v0(""), &[], true),
        [
            format!("want {one}"),
            format!("want {two}"),
            "0000".into(),
            "done".into()
        ]
    );
}

#[test]
fn a_request_of_version_2_has_everything_in_gits_order() {
    let (one, two, three, four) = (oid(1), oid(2), oid(3), oid(4));
    let server = v2(&[
        "agent=git/2",
        "object-format=sha1",
        "fetch=shallow filter wait-for-done sideband-all packfile-uris",
    ]);
    assert_eq!(
        body(&full_request(), &server, &[four], true),
        [
            "command=fetch".to_owned(),
            "agent=gitside/1".to_owned(),
            "object-format=sha1".to_owned(),
            "0001".to_owned(),
            "thin-pack".to_owned(),
            "no-progress".to_owned(),
            "include-tag".to_owned(),
            "ofs-delta".to_owned(),
            format!("shallow {three}"),
            "deepen 5".to_owned(),
            "deepen-relative".to_owned(),
            "filter blob:none".to_owned(),
            format!("want {one}"),
            format!("want {two}"),
            format!("have {four}"),
            "done".to_owned(),
            "0000".to_owned(),
        ]
    );
    let bare = body(&FetchRequest::clone_of(vec![one]), &v2(&["fetch"]), &[], true);
    assert_eq!(
        bare,
        [
            "command=fetch",
            "0001",
            "include-tag",
            "ofs-delta",
            &format!("want {one}"),
            "done",
            "0000"
        ]
    );
}

#[test]
fn cuts_are_asked_for_by_date_and_by_name() {
    let cut = Deepen::Cut {
        since: Some(1_700_000_000),
        not: vec![b"refs/tags/a".to_vec(), b"b".to_vec()],
    };
    let request = FetchRequest {
        deepen: cut,
        ..FetchRequest::clone_of(vec![oid(1)])
    };
    let lines = body(&request, &v0("shallow deepen-since deepen-not"), &[], true);
    assert_eq!(lines[0], format!("want {} deepen-since deepen-not", oid(1)));
    assert_eq!(
        lines[1..4],
        ["deepen-since 1700000000", "deepen-not refs/tags/a", "deepen-not b"]
    );
    let whole = FetchRequest {
        deepen: Deepen::UNSHALLOW,
        ..FetchRequest::clone_of(vec![oid(1)])
    };
    assert!(body(&whole, &v0("shallow"), &[], true).contains(&"deepen 2147483647".to_owned()));
}

#[test]
fn what_the_server_cannot_is_refused_before_anything_is_sent() {
    use FetchRequestError::*;
    let with = |deepen: Deepen| FetchRequest {
        deepen,
        ..FetchRequest::clone_of(vec![oid(1)])
    };
    let cut = |since, not: &[&str]| Deepen::Cut {
        since,
        not: not.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    let any = "allow-tip-sha1-in-want ";
    let offer = |words: &str| v0(&format!("{any}{words}"));
    let full = "shallow deepen-since deepen-not deepen-relative";
    for (request, server, expected) in [
        (FetchRequest::default(), offer(full), Err(NothingWanted)),
        (with(Deepen::No), offer(""), Ok(())),
        (with(Deepen::Depth(1)), offer(""), Err(MissingCapability("shallow"))),
        (with(Deepen::Depth(1)), offer("shallow"), Ok(())),
        (with(Deepen::Depth(0)), offer(full), Err(BadDepth)),
        (with(Deepen::Depth(0x8000_0000)), offer(full), Err(BadDepth)),
        (with(Deepen::UNSHALLOW), offer(full), Ok(())),
        (with(Deepen::Relative(0)), offer(full), Err(BadDepth)),
        (
            with(Deepen::Relative(1)),
            offer("shallow"),
            Err(MissingCapability("deepen-relative")),
        ),
        (
            with(cut(Some(1), &[])),
            offer("shallow deepen-not"),
            Err(MissingCapability("deepen-since")),
        ),
        (
            with(cut(None, &["a"])),
            offer("shallow deepen-since"),
            Err(MissingCapability("deepen-not")),
        ),
        (with(cut(Some(1), &["a"])), offer(full), Ok(())),
        (with(cut(None, &[])), offer(full), Err(BadArgument("deepen"))),
        (with(cut(None, &["a b"])), offer(full), Err(BadArgument("deepen-not"))),
        (with(cut(None, &["a\n"])), offer(full), Err(BadArgument("deepen-not"))),
        (with(cut(None, &[""])), offer(full), Err(BadArgument("deepen-not"))),
        (
            FetchRequest {
                shallow: vec![oid(2)],
                ..with(Deepen::No)
            },
            offer(""),
            Err(MissingCapability("shallow")),
        ),
        (
            FetchRequest {
                filter: Some("blob:none\n".into()),
                ..with(Deepen::No)
            },
            offer(""),
            Err(BadArgument("filter")),
        ),
        (
            FetchRequest {
                filter: Some(String::new()),
                ..with(Deepen::No)
            },
            offer(""),
            Err(BadArgument("filter")),
        ),
        (
            FetchRequest {
                filter: Some("blob:none".into()),
                ..with(Deepen::No)
            },
            offer(""),
            Ok(()),
        ),
        (with(Deepen::No), v0(full), Err(Unadvertised(oid(1)))),
        (with(Deepen::No), v2(&["fetch"]), Ok(())),
        (
            with(Deepen::Depth(1)),
            v2(&["fetch=filter"]),
            Err(MissingCapability("shallow")),
        ),
        (with(cut(Some(1), &["a"])), v2(&["fetch=shallow"]), Ok(())),
        (with(Deepen::No), v2(&["ls-refs"]), Err(MissingCapability("fetch"))),
    ] {
        assert_eq!(request.check(&server), expected, "{request:?}");
    }
}

#[test]
fn refs_are_wanted_by_name_once_each_where_the_server_takes_names() {
    let request = FetchRequest {
        wants: vec![oid(1)],
        want_refs: vec![b"refs/heads/b".to_vec(), b"HEAD".to_vec(), b"refs/heads/b".to_vec()],
        ..FetchRequest::default()
    };
    let server = v2(&["fetch=ref-in-want"]);
    assert_eq!(request.check(&server), Ok(()));
    assert_eq!(
        body(&request, &server, &[oid(4)], true),
        [
            "command=fetch".to_owned(),
            "0001".to_owned(),
            "ofs-delta".to_owned(),
            format!("want {}", oid(1)),
            "want-ref refs/heads/b".to_owned(),
            "want-ref HEAD".to_owned(),
            format!("have {}", oid(4)),
            "done".to_owned(),
            "0000".to_owned(),
        ]
    );
    let alone = FetchRequest {
        wants: Vec::new(),
        ..request.clone()
    };
    assert_eq!(alone.check(&server), Ok(()));
    let lacks = Err(FetchRequestError::MissingCapability("ref-in-want"));
    assert_eq!(alone.check(&v2(&["fetch=shallow"])), lacks);
    assert_eq!(alone.check(&v0(ALL)), lacks);
    for name in ["", "a b", "a\nb"] {
        let bad = FetchRequest {
            want_refs: vec![name.as_bytes().to_vec()],
            ..FetchRequest::default()
        };
        assert_eq!(bad.check(&server), Err(FetchRequestError::BadArgument("want-ref")));
    }
}

#[test]
fn server_options_go_with_the_command_where_the_server_takes_them() {
    let request = FetchRequest {
        server_options: vec![b"hello world".to_vec(), b"a=b".to_vec()],
        ..FetchRequest::clone_of(vec![oid(1)])
    };
    let server = v2(&["fetch", "agent=git/2", "object-format=sha1", "server-option"]);
    assert_eq!(request.check(&server), Ok(()));
    assert_eq!(
        body(&request, &server, &[], true)[..6],
        [
            "command=fetch",
            "agent=gitside/1",
            "server-option=hello world",
            "server-option=a=b",
            "object-format=sha1",
            "0001"
        ]
    );
    let lacks = Err(FetchRequestError::MissingCapability("server-option"));
    assert_eq!(request.check(&v2(&["fetch"])), lacks);
    assert_eq!(request.check(&v0(&format!("{ALL} server-option"))), lacks);
    for option in ["a\nb", "a\0"] {
        let bad = FetchRequest {
            server_options: vec![option.as_bytes().to_vec()],
            ..request.clone()
        };
        assert_eq!(bad.check(&server), Err(FetchRequestError::BadArgument("server-option")));
    }
}

#[test]
fn an_agent_cannot_smuggle_anything_in() {
    let request = FetchRequest::clone_of(vec![oid(1)]);
    let (request, _) = request
        .write(&Offer::of(&v0("agent=x")), "a b\nc\0é", &[], true)
        .unwrap();
    let text = String::from_utf8(request.body).unwrap();
    assert!(text.contains(" agent=a.b.c...\n"), "{text}");
}

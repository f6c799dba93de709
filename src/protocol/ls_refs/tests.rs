use super::super::remote_refs::RemoteHead;
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
const B: &str = "2cb58b79488a98d2721cea644875a8dd0026b115";

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<RemoteRefs, LsRefsError> {
    let mut reader = LsRefsReader::new();
    for piece in pieces {
        reader.feed(piece)?;
    }
    reader.finish()
}

fn check(body: &[u8]) -> Result<RemoteRefs, LsRefsError> {
    let whole = read([body]);
    for at in 0..body.len() {
        assert_eq!(read([&body[..at], &body[at..]]), whole, "split at {at}");
    }
    assert_eq!(read(body.chunks(1)), whole, "byte by byte");
    whole
}

fn framed(lines: &[&str]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    lines.iter().for_each(|line| encoder.data(line.as_bytes()).unwrap());
    encoder.flush();
    encoder.into_bytes()
}

fn server(lines: &[&str]) -> V2Capabilities {
    let mut server = V2Capabilities::default();
    lines.iter().for_each(|line| server.push(line.as_bytes()));
    server
}

#[test]
fn a_recorded_listing_is_read_with_attributes_in_any_order() {
    let refs = check(&framed(&[
        &format!("{A} HEAD symref-target:refs/heads/trunk\n"),
        &format!("{A} refs/heads/trunk\n"),
        &format!("{B} refs/tags/v1 peeled:{A} foo:bar symref-target:refs/tags/v2\n"),
        &format!("{B} refs/heads/a b:c"),
        &format!("{B} refs/heads/..\n"),
    ]))
    .unwrap();
    let names: Vec<String> = refs.iter().map(|found| found.name.to_string()).collect();
    assert_eq!(names, ["HEAD", "refs/heads/trunk", "refs/tags/v1", "refs/heads/a"]);
    let tag = refs.get(b"refs/tags/v1").unwrap();
    assert_eq!(tag.peeled, A.parse().ok());
    assert_eq!(
        tag.symref_target.as_ref().map(|name| name.as_bytes()),
        Some(&b"refs/tags/v2"[..])
    );
    assert_eq!(refs.ignored(), ["refs/heads/.."]);
    assert!(matches!(refs.head(b"main"), RemoteHead::Branch { guessed: false, .. }));
}

#[test]
fn an_unborn_head_is_no_ref() {
    let refs = check(&framed(&["unborn HEAD symref-target:refs/heads/trunk\n"])).unwrap();
    assert!(refs.is_empty());
    assert_eq!(
        refs.unborn_head().map(|name| name.as_bytes()),
        Some(&b"refs/heads/trunk"[..])
    );
    assert_eq!(check(&framed(&["unborn HEAD"])).unwrap().unborn_head(), None);
    assert_eq!(
        check(&framed(&["unborn refs/x symref-target:refs/heads/y"]))
            .unwrap()
            .unborn_head(),
        None
    );
    assert!(check(b"0000").unwrap().is_empty());
}

#[test]
fn anything_else_is_refused() {
    let zeros = "0".repeat(40);
    for line in [
        "garbage".to_owned(),
        A.to_owned(),
        format!("{A} "),
        format!("{A}0 refs/heads/x"),
        format!("{zeros} refs/heads/x"),
        format!("{A} refs/heads/x peeled:xyz"),
        format!("{A} refs/heads/x peeled:"),
        "version 2".to_owned(),
        String::new(),
    ] {
        let expected = LsRefsError::UnexpectedLine {
            at: 0,
            line: line.clone(),
        };
        assert_eq!(check(&framed(&[&line])), Err(expected));
    }
    let remote = LsRefsError::Remote("go away".to_owned());
    assert_eq!(check(&framed(&["ERR go away\n"])), Err(remote.clone()));
    assert_eq!(check(&framed(&[&format!("{A} HEAD"), "ERR go away"])), Err(remote));
    assert_eq!(check(b""), Err(LsRefsError::Empty));
    assert_eq!(check(b"0001"), Err(LsRefsError::UnexpectedPacket { at: 0 }));
    assert_eq!(check(b"00000002"), Err(LsRefsError::TrailingBytes { at: 4 }));
    let html = check(b"<html><title>Portal</title>");
    assert!(
        matches!(
            html,
            Err(LsRefsError::NotGit {
                looks_like: Foreign::Html { title: Some(_) },
                ..
            })
        ),
        "{html:?}"
    );
    let start = framed(&[&format!("{A} HEAD")]);
    let broken = check(&[&start[..49], b"0003"].concat());
    assert_eq!(
        broken,
        Err(LsRefsError::PktLine(PktLineError::BadLength {
            at: 49,
            found: *b"0003"
        }))
    );
}

#[test]
fn every_truncation_is_noticed() {
    let body = framed(&[&format!("{A} HEAD\n"), &format!("{B} refs/heads/a\n")]);
    for length in 1..body.len() {
        assert_eq!(
            read([&body[..length]]),
            Err(LsRefsError::Truncated { at: length as u64 })
        );
    }
}

#[test]
fn the_request_has_what_the_server_knows_and_no_more() {
    let mut list = LsRefs::all();
    list.add_source(b"refs/heads/*");
    list.add_source(b"@");
    list.add_source(b"");
    list.add_source(A.as_bytes());
    let text = |server: &V2Capabilities| {
        let request = list.request(server, "gitside/1 (x)\n").unwrap();
        assert_eq!(request.git_protocol, Some("version=2"));
        assert_eq!(request.content_type(), "application/x-git-upload-pack-request");
        assert_eq!(request.accept(), "application/x-git-upload-pack-result");
        String::from_utf8(request.body).unwrap()
    };
    let full = text(&server(&[
        "agent=git/2",
        "ls-refs=unborn",
        "object-format=sha1",
        "server-option",
    ]));
    assert!(full.starts_with("0014command=ls-refs\n0019agent=gitside/1.(x).\n0017object-format=sha1\n00010009peel\n000csymrefs\n000bunborn\n"), "{full}");
    let prefixes: Vec<&str> = full
        .lines()
        .filter_map(|line| line.split_once("ref-prefix "))
        .map(|(_, prefix)| prefix)
        .collect();
    assert_eq!(
        prefixes,
        [
            "refs/heads/",
            "HEAD",
            "refs/HEAD",
            "refs/tags/HEAD",
            "refs/heads/HEAD",
            "refs/remotes/HEAD",
            "refs/remotes/HEAD/HEAD"
        ]
    );
    assert!(full.ends_with("0000"));
    let plain = text(&server(&["ls-refs"]));
    assert!(
        plain.starts_with("0014command=ls-refs\n00010009peel\n000csymrefs\n001bref-prefix"),
        "{plain}"
    );
    assert_eq!(list.request(&server(&["fetch"]), ""), Err(LsRefsError::NotSupported));
}

#[test]
fn server_options_go_with_the_command() {
    let list = LsRefs {
        server_options: vec![b"hello".to_vec()],
        ..LsRefs::all()
    };
    let request = list
        .request(&server(&["ls-refs", "agent=x", "server-option"]), "me")
        .unwrap();
    let text = String::from_utf8(request.body).unwrap();
    assert!(
        text.starts_with("0014command=ls-refs\n000dagent=me\n0018server-option=hello\n0001"),
        "{text}"
    );
    assert_eq!(
        list.request(&server(&["ls-refs"]), ""),
        Err(LsRefsError::NoServerOptions)
    );
    let bad = LsRefs {
        server_options: vec![b"a\nb".to_vec()],
        ..LsRefs::all()
    };
    assert_eq!(
        bad.request(&server(&["ls-refs", "server-option"]), ""),
        Err(LsRefsError::BadServerOption)
    );
}

#[test]
fn very_many_prefixes_are_not_sent_at_all() {
    let mut list = LsRefs::all();
    (0..MAX_PREFIXES).for_each(|number| list.add_prefix(format!("refs/heads/{number}").into_bytes()));
    let count = |list: &LsRefs| {
        let body = list.request(&server(&["ls-refs"]), "").unwrap().body;
        body.windows(10).filter(|window| window == b"ref-prefix").count()
    };
    assert_eq!(count(&list), MAX_PREFIXES);
    list.add_prefix(b"refs/heads/more".to_vec());
    assert_eq!(count(&list), 0);
    let mut long = LsRefs::all();
    long.add_prefix(vec![b'x'; 70_000]);
    assert_eq!(long.request(&server(&["ls-refs"]), ""), Err(LsRefsError::PrefixTooLong));
}

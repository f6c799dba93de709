use super::super::pkt_line::Encoder;
use super::super::remote_refs::{MAX_REFS, RemoteHead};
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
const B: &str = "2cb58b79488a98d2721cea644875a8dd0026b115";
const TYPE: Option<&str> = Some("application/x-git-upload-pack-advertisement");

fn read<'a>(
    content_type: Option<&str>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Discovery, DiscoveryError> {
    let mut reader = DiscoveryReader::new(Service::UploadPack, content_type);
    for piece in pieces {
        reader.feed(piece)?;
    }
    reader.finish()
}

/// What a body means, the same for every way of splitting it.
fn check(content_type: Option<&str>, body: &[u8]) -> Result<Discovery, DiscoveryError> {
    let whole = read(content_type, [body]);
    for at in (0..body.len()).step_by(1 + body.len() / 500) {
        assert_eq!(read(content_type, [&body[..at], &body[at..]]), whole, "split at {at}");
    }
    assert_eq!(read(content_type, body.chunks(1)), whole, "byte by byte");
    whole
}

/// Lines framed, `0000` for an empty one.
fn framed(lines: &[&str]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for line in lines {
        match line.is_empty() {
            true => encoder.flush(),
            false => encoder.data(line.as_bytes()).unwrap(),
        }
    }
    encoder.into_bytes()
}

fn v0(lines: &[&str]) -> Result<Advertisement, DiscoveryError> {
    let header = ["# service=git-upload-pack\n", ""];
    match check(TYPE, &framed(&[&header, lines, &[""]].concat()))? {
        Discovery::V0(advertisement) => Ok(advertisement),
        Discovery::V2(_) => panic!("version 2"),
    }
}

fn names(refs: &RemoteRefs) -> Vec<String> {
    refs.iter().map(|found| found.name.to_string()).collect()
}

#[test]
fn a_recorded_advertisement_is_read() {
    let advertisement = v0(&[
        &format!(
            "{A} HEAD\0multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not \
             deepen-relative no-progress include-tag multi_ack_detailed no-done symref=HEAD:refs/heads/trunk \
             object-format=sha1 agent=git/2.47.3-Linux\n"
        ),
        &format!("{A} refs/heads/trunk\n"),
        &format!("{B} refs/tags/v1\n"),
        &format!("{A} refs/tags/v1^{{}}\n"),
        &format!("shallow {B}"),
    ])
    .unwrap();
    assert_eq!(names(&advertisement.refs), ["HEAD", "refs/heads/trunk", "refs/tags/v1"]);
    assert_eq!(advertisement.refs.get(b"refs/tags/v1").unwrap().peeled, A.parse().ok());
    assert_eq!(
        advertisement.refs.get(b"HEAD").unwrap().symref_target,
        advertisement
            .refs
            .get(b"refs/heads/trunk")
            .map(|found| found.name.clone())
    );
    assert_eq!(advertisement.shallow, [B.parse().unwrap()]);
    assert!(advertisement.capabilities.has("no-done") && !advertisement.is_version_1);
}

#[test]
fn every_framing_is_taken() {
    let refs = format!("{A} refs/heads/main\0agent=x\n");
    let service = "# service=git-upload-pack\n";
    for (lines, protocol) in [
        (vec![service, "", &refs, ""], None),
        (vec!["# service=git-upload-pack", "", &refs, ""], None),
        (vec![service, "unknown metadata\n", "more", "", &refs, ""], None),
        (vec![service, "", "version 1\n", &refs, ""], Some("version=1")),
        (vec![service, "", "version 1", &refs, ""], Some("version=1")),
        (
            vec!["version 2\n", "agent=x\n", "fetch=shallow\n", ""],
            Some("version=2"),
        ),
        (vec![service, "", "version 2\n", "agent=x\n", ""], Some("version=2")),
        (vec!["version 2", ""], Some("version=2")),
    ] {
        let discovery = check(TYPE, &framed(&lines)).unwrap();
        assert_eq!(discovery.git_protocol(), protocol, "{lines:?}");
        if let Discovery::V0(advertisement) = discovery {
            assert_eq!(names(&advertisement.refs), ["refs/heads/main"]);
            assert!(advertisement.capabilities.has("agent"));
        }
    }
}

#[test]
fn an_empty_repository_is_not_an_empty_answer() {
    assert_eq!(check(TYPE, b""), Err(DiscoveryError::Empty));
    assert_eq!(check(Some("text/html"), b""), Err(DiscoveryError::Empty));
    let Ok(Discovery::V0(old)) = check(TYPE, b"001e# service=git-upload-pack\n00000000") else {
        panic!()
    };
    assert_eq!(old, Advertisement::default());
    let none = format!("{} capabilities^{{}}\0agent=x shallow\n", "0".repeat(40));
    let new = v0(&[&none, &format!("shallow {A}")]).unwrap();
    assert!(new.refs.is_empty() && new.capabilities.has("shallow"));
    assert_eq!(new.shallow.len(), 1);
}

#[test]
fn refs_need_no_order_no_head_and_no_line_ends() {
    let advertisement = v0(&[
        &format!("{B} refs/tags/b^{{}}"),
        &format!("{A} refs/tags/b"),
        &format!("{B} refs/heads/x\0late capabilities"),
        &format!("{A} refs/heads/a\n"),
        &format!("{B} refs/heads/a"),
    ])
    .unwrap();
    assert_eq!(
        names(&advertisement.refs),
        ["refs/tags/b", "refs/heads/x", "refs/heads/a"]
    );
    assert_eq!(advertisement.refs.get(b"refs/tags/b").unwrap().peeled, B.parse().ok());
    assert_eq!(advertisement.refs.get(b"refs/heads/a").unwrap().oid, A.parse().unwrap());
    assert_eq!(advertisement.refs.ignored(), ["refs/heads/a"]);
    assert!(!advertisement.capabilities.has("late"));
}

#[test]
fn bogus_symrefs_neither_loop_nor_count() {
    // The bytes of git's t5704.
    let line = format!(
        "{A} HEAD\0symref object-format=sha1 symref symref=HEAD symref=HEAD:refs/heads/main symref=HEAD:x y symref=:\n"
    );
    let refs = v0(&[&line, &format!("{A} refs/heads/main"), &format!("{A} refs/heads/other")])
        .unwrap()
        .refs;
    assert!(
        matches!(refs.head(b"other"), RemoteHead::Branch { name, guessed: false, .. } if name.as_bytes() == b"refs/heads/main")
    );
}

#[test]
fn funny_refs_are_left_out_and_listed() {
    let bad = [
        "refs/heads/../x",
        "refs/heads/a.lock",
        "refs/heads/a b",
        "refs/heads/@{x",
        "refs/heads/.x",
        "refs/heads/x.",
        "refs/heads/x~1",
        "refs/heads//x",
        "refs/heads/x/",
        "refs/heads/x:y",
        "refs/heads/\x1b[2J",
        "FETCH_HEAD",
        "main",
        "config",
        "../../x",
        "refs/heads/*",
        "refs/heads/x\x7f",
        "refs",
    ];
    let mut lines = vec![format!("{A} HEAD\0agent=x")];
    lines.extend(bad.iter().map(|name| format!("{A} {name}\n")));
    lines.push(format!("{A} refs/heads/{}", "x".repeat(5000)));
    lines.push(format!("{A} refs/heads/__proto__"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let refs = v0(&lines).unwrap().refs;
    assert_eq!(names(&refs), ["HEAD", "refs/heads/__proto__"]);
    assert_eq!(refs.ignored_count(), bad.len() + 1);
    assert!(refs.ignored().contains(&"refs/heads/^[[2J".to_owned()));
    assert!(refs.ignored().iter().all(|name| name.chars().count() <= 201));
}

#[test]
fn lines_that_are_no_refs_are_refused_with_their_text() {
    let unexpected = |text: &str| Err(text.to_owned());
    let zeros = "0".repeat(40);
    for (line, expected) in [
        ("garbage \x1b[2J".to_owned(), unexpected("garbage ^[[2J")),
        (A.to_owned(), unexpected(A)),
        (
            format!("{} refs/heads/x", &A[1..]),
            unexpected(&format!("{} refs/heads/x", &A[1..])),
        ),
        (format!("{A}0 refs/heads/x"), unexpected(&format!("{A}0 refs/heads/x"))),
        (format!("{A}\trefs/heads/x"), unexpected(&format!("{A}^Irefs/heads/x"))),
        (
            format!("zzzz{} refs/heads/x", &A[4..]),
            unexpected(&format!("zzzz{} refs/heads/x", &A[4..])),
        ),
        (
            format!("{zeros} refs/heads/x"),
            unexpected(&format!("{zeros} refs/heads/x")),
        ),
        (
            format!("{zeros} capabilities^{{}}"),
            unexpected(&format!("{zeros} capabilities^{{}}")),
        ),
        (
            format!("{A} capabilities^{{}}"),
            unexpected(&format!("{A} capabilities^{{}}")),
        ),
        ("shallow xyz".to_owned(), unexpected("shallow xyz")),
        (format!("shallow {zeros}"), unexpected(&format!("shallow {zeros}"))),
        (format!("unshallow {A}"), unexpected(&format!("unshallow {A}"))),
        ("\n".to_owned(), unexpected("")),
    ] {
        let found = v0(&[&format!("{A} HEAD\0agent=x"), &line]);
        let found = found.map(|_| ()).map_err(|error| match error {
            DiscoveryError::UnexpectedLine { line, .. } => line,
            other => panic!("{line}: {other}"),
        });
        assert_eq!(found, expected);
    }
    let after_shallow = v0(&[
        &format!("{A} HEAD\0"),
        &format!("shallow {A}"),
        &format!("{A} refs/heads/x"),
    ]);
    assert!(matches!(after_shallow, Err(DiscoveryError::UnexpectedLine { .. })));
}

#[test]
fn an_error_line_is_told_wherever_it_stands() {
    let refs = format!("{A} HEAD\0agent=x");
    for lines in [
        vec!["ERR server-side \x07error\n"],
        vec!["# service=git-upload-pack", "ERR server-side \x07error"],
        vec!["# service=git-upload-pack", "", "ERR server-side \x07error"],
        vec!["# service=git-upload-pack", "", &refs, "ERR server-side \x07error"],
        vec!["version 2", "agent=x", "ERR server-side \x07error"],
    ] {
        assert_eq!(
            check(TYPE, &framed(&lines)),
            Err(DiscoveryError::Remote("server-side ^Gerror".to_owned()))
        );
    }
}

#[test]
fn unknown_versions_and_services_are_refused() {
    let version = |text: &str| DiscoveryError::UnknownVersion(text.to_owned());
    let service = |text: &str| DiscoveryError::UnexpectedService(text.to_owned());
    for (lines, expected) in [
        (vec!["# service=git-upload-pack", "", "version 3", ""], version("3")),
        (vec!["# service=git-upload-pack", "", "version 0", ""], version("0")),
        (vec!["# service=git-upload-pack", "", "version 22", ""], version("22")),
        (vec!["version 3", ""], service("version 3")),
        (vec!["version 1", ""], service("version 1")),
        (
            vec!["# service=git-receive-pack", "", ""],
            service("# service=git-receive-pack"),
        ),
        (
            vec!["# service=git-upload-packx", "", ""],
            service("# service=git-upload-packx"),
        ),
        (vec!["hello", ""], service("hello")),
    ] {
        assert_eq!(check(TYPE, &framed(&lines)), Err(expected));
    }
    assert_eq!(
        check(TYPE, b"00000000"),
        Err(DiscoveryError::UnexpectedPacket { at: 0 })
    );
    assert_eq!(
        check(TYPE, b"000dversion 20001"),
        Err(DiscoveryError::UnexpectedPacket { at: 13 })
    );
}

#[test]
fn a_server_for_pushing_never_speaks_version_2() {
    let mut reader = DiscoveryReader::new(
        Service::ReceivePack,
        Some("application/x-git-receive-pack-advertisement"),
    );
    let body = framed(&[
        "# service=git-receive-pack",
        "",
        &format!("{A} .have\0report-status"),
        &format!("{B} .have"),
        "",
    ]);
    reader.feed(body).unwrap();
    let Ok(Discovery::V0(advertisement)) = reader.finish() else {
        panic!()
    };
    assert!(advertisement.refs.is_empty());
    assert_eq!(advertisement.extra_haves.len(), 2);
    let mut reader = DiscoveryReader::new(
        Service::ReceivePack,
        Some("application/x-git-receive-pack-advertisement"),
    );
    assert_eq!(
        reader.feed(framed(&["version 2", ""])),
        Err(DiscoveryError::UnknownVersion("2".to_owned()))
    );
}

#[test]
fn another_hash_function_is_refused_before_its_ids_are_read() {
    let long = "a".repeat(64);
    let zeros = "0".repeat(64);
    let service = "# service=git-upload-pack";
    for lines in [
        vec![service, "", &format!("{long} HEAD\0object-format=sha256"), ""],
        vec![
            service,
            "",
            &format!("{zeros} capabilities^{{}}\0object-format=sha256"),
            "",
        ],
        vec!["version 2", "object-format=sha256", ""],
    ] {
        assert_eq!(
            check(TYPE, &framed(&lines)),
            Err(DiscoveryError::ObjectFormat(ObjectFormat::Sha256))
        );
    }
    let unknown = check(TYPE, &framed(&["version 2", "object-format=md5", ""]));
    assert_eq!(
        unknown,
        Err(DiscoveryError::ObjectFormat(ObjectFormat::Unknown("md5".to_owned())))
    );
}

#[test]
fn what_is_not_git_is_named_with_a_short_quote() {
    let long = format!("<!DOCTYPE html><title>Sign in</title>{}", "x\x1b".repeat(5000));
    for (content_type, body, looks_like) in [
        (
            Some("text/html; charset=utf-8"),
            long.as_str(),
            Foreign::Html {
                title: Some("Sign in".to_owned()),
            },
        ),
        (
            TYPE,
            long.as_str(),
            Foreign::Html {
                title: Some("Sign in".to_owned()),
            },
        ),
        (
            Some("text/html"),
            "001e# service=git-upload-pack\n",
            Foreign::Html { title: None },
        ),
        (
            Some("text/plain"),
            &format!("{A}\trefs/heads/main\n"),
            Foreign::DumbRefs,
        ),
        (None, "whatever", Foreign::Unknown),
        (TYPE, "PK\x03\x04", Foreign::Unknown),
        (TYPE, "0003", Foreign::Unknown),
        (TYPE, "x", Foreign::Unknown),
    ] {
        let Err(DiscoveryError::NotGit {
            looks_like: found,
            content_type: named,
            excerpt,
        }) = check(content_type, body.as_bytes())
        else {
            panic!("{body}");
        };
        assert_eq!(found, looks_like);
        assert!(
            excerpt.chars().count() <= 201 && !excerpt.chars().any(char::is_control),
            "{excerpt}"
        );
        assert_eq!(named.as_deref(), content_type.filter(|_| content_type != TYPE));
    }
}

#[test]
fn content_types_are_compared_as_git_does() {
    for (value, expected) in [
        (TYPE, ContentType::Advertisement),
        (
            Some("Application/X-Git-Upload-Pack-Advertisement; charset=utf-8"),
            ContentType::Advertisement,
        ),
        (
            Some(" application/x-git-upload-pack-advertisement\t"),
            ContentType::Advertisement,
        ),
        (Some("application/x-git-receive-pack-advertisement"), ContentType::Other),
        (Some("application/x-git-upload-pack-result"), ContentType::Other),
        (Some("text/plain"), ContentType::Other),
        (Some("TEXT/HTML;x"), ContentType::Html),
        (Some(""), ContentType::Other),
        (None, ContentType::Other),
    ] {
        assert_eq!(content_type(value, Service::UploadPack), expected, "{value:?}");
    }
}

#[test]
fn every_truncation_and_every_addition_is_noticed() {
    let refs = format!("{A} HEAD\0agent=x");
    let shallow = format!("shallow {A}");
    for lines in [
        vec!["# service=git-upload-pack", "", "version 1", &refs, &shallow, ""],
        vec!["# service=git-upload-pack", "", "version 2", "agent=x", ""],
        vec!["version 2", "agent=x", ""],
    ] {
        let body = framed(&lines);
        for length in 0..body.len() {
            let found = read(TYPE, [&body[..length]]).unwrap_err();
            let expected = match length {
                0 => DiscoveryError::Empty,
                length => DiscoveryError::Truncated { at: length as u64 },
            };
            assert_eq!(found, expected, "{length} bytes");
        }
        for extra in [&b"0000"[..], b"x", b"0"] {
            let found = read(TYPE, [&body[..], extra]).unwrap_err();
            assert_eq!(found, DiscoveryError::TrailingBytes { at: body.len() as u64 });
        }
    }
}

#[test]
fn a_failed_reader_stays_failed() {
    let mut reader = DiscoveryReader::new(Service::UploadPack, TYPE);
    let error = reader.feed(framed(&["ERR no"])).unwrap_err();
    assert_eq!(reader.feed(framed(&["version 2", ""])), Err(error.clone()));
    assert_eq!(reader.finish(), Err(error));
}

#[test]
fn a_hundred_thousand_refs_are_read_and_a_million_is_the_end() {
    let mut body = framed(&[
        "# service=git-upload-pack",
        "",
        &format!("{A} HEAD\0symref=HEAD:refs/heads/b1"),
    ]);
    let line = |number: usize| format!("0045{A} refs/heads/b{number:011}\n");
    (0..100_000).for_each(|number| body.extend_from_slice(line(number).as_bytes()));
    let mut reader = DiscoveryReader::new(Service::UploadPack, TYPE);
    for chunk in body.chunks(65_536) {
        reader.feed(chunk).unwrap();
    }
    reader.feed(&b"0000"[..]).unwrap();
    let Ok(Discovery::V0(advertisement)) = reader.finish() else {
        panic!()
    };
    assert_eq!(advertisement.refs.len(), 100_001);
    assert!(advertisement.refs.get(b"refs/heads/b00000099999").is_some());
    let mut reader = DiscoveryReader::new(Service::UploadPack, TYPE);
    reader.feed(body).unwrap();
    let mut failed = None;
    for number in 0..MAX_REFS {
        if let Err(error) = reader.feed(line(number)) {
            failed = Some((number, error));
            break;
        }
    }
    assert_eq!(failed.map(|(_, error)| error), Some(DiscoveryError::TooLarge));
}

//! What every failure of discovery and of a POST is called.

use gitside::error::{Code, Datum, Stage};
use gitside::ops::remote::{CorsProxy, Options, Service};

use crate::mock::*;

const URL: &str = "https://h.example/group/project";

/// A status of discovery, its code, and words that the error must have.
#[test]
fn every_status_has_its_code_and_says_what_to_do() {
    let check = |status: u16, code: Code, retryable: bool, words: &[&str]| {
        let world = World::new(move |_| answer(status, "text/plain", "the server's words\n").into());
        let error = world.refusal(URL, &Options::default());
        assert_eq!(
            (error.code, error.status, error.stage),
            (code, Some(status), Stage::Discover),
            "{status}"
        );
        assert_eq!(error.url.as_deref(), Some(URL));
        assert_eq!(error.retryable, retryable, "{status}");
        if !matches!(code, Code::RedirectBlocked) || status < 300 {
            assert_eq!(error.remote_text.as_deref(), Some("the server's words"), "{status}");
        }
        for word in words {
            assert!(error.to_string().contains(word), "{status}: {word} is not in {error}");
        }
    };
    check(
        301,
        Code::RedirectBlocked,
        false,
        &["https://h.example/group/project.git"],
    );
    check(304, Code::HttpStatus, false, &["304"]);
    check(400, Code::HttpStatus, false, &["400"]);
    check(401, Code::AuthRequired, false, &["h.example"]);
    check(402, Code::HttpStatus, false, &["402"]);
    check(
        403,
        Code::Forbidden,
        false,
        &["git-upload-pack not permitted on https://h.example/group/project"],
    );
    check(
        404,
        Code::RemoteNotFound,
        false,
        &["not found", "https://h.example/group/project.git", "credentials"],
    );
    check(405, Code::HttpStatus, false, &["405"]);
    check(407, Code::ProxyAuth, false, &["proxy", "not reached"]);
    check(410, Code::HttpStatus, false, &["410"]);
    check(413, Code::TooLarge, false, &["too large"]);
    check(415, Code::HttpStatus, false, &["Content-Type"]);
    check(417, Code::HttpStatus, false, &["Expect"]);
    check(418, Code::HttpStatus, false, &["418"]);
    check(429, Code::RateLimited, true, &["rate limited", "later"]);
    check(500, Code::Unavailable, true, &["500"]);
    check(501, Code::HttpStatus, false, &["501"]);
    check(502, Code::Unavailable, true, &["502"]);
    check(503, Code::Unavailable, true, &["503"]);
    check(504, Code::Unavailable, true, &["504"]);
    check(206, Code::HttpStatus, false, &["206"]);
}

#[test]
fn a_post_is_diagnosed_as_one() {
    let check = |reply: Reply, code: Code, words: &[&str]| {
        let world = World::new(move |request| {
            if request.body.is_none() {
                v2().into()
            } else {
                reply.clone()
            }
        });
        let mut session = world.connect(URL, &Options::default()).unwrap();
        let failure = world.run(session.ls_refs(&[])).unwrap_err();
        let error = failure.error().unwrap();
        assert_eq!(error.code, code, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{word} is not in {error}");
        }
    };
    check(
        Reply::Redirect(302, "https://h.example/x".to_owned()),
        Code::RedirectBlocked,
        &["exact URL"],
    );
    check(answer(405, "text/plain", "").into(), Code::HttpStatus, &["GET"]);
    check(
        answer(415, "text/plain", "").into(),
        Code::HttpStatus,
        &["Content-Type"],
    );
    check(answer(413, "text/plain", "").into(), Code::TooLarge, &[]);
    check(answer(500, RESULT, refs_bytes()).into(), Code::Unavailable, &["500"]);
    check(answer(404, RESULT, refs_bytes()).into(), Code::RemoteNotFound, &[]);
    check(
        answer(200, "text/html", "<title>Portal</title>").into(),
        Code::NotGitHtml,
        &["captive portal"],
    );
    check(
        answer(200, "application/octet-stream", "<html><title>Portal</title></html>").into(),
        Code::NotGitHtml,
        &["captive portal"],
    );
    check(answer(200, RESULT, "").into(), Code::EmptyResponse, &["empty"]);
    check(
        answer(200, RESULT, &refs_bytes()[..20]).into(),
        Code::ConnectionReset,
        &["20 bytes"],
    );
    check(
        answer(200, RESULT, pkt("ERR access denied or repository not exported")).into(),
        Code::RemoteError,
        &["access denied"],
    );
    check(answer(200, RESULT, "zzzz").into(), Code::Protocol, &[]);
    check(
        answer(200, RESULT, pkt("not a ref at all\n")).into(),
        Code::Protocol,
        &["not a ref"],
    );
}

fn refs_bytes() -> Vec<u8> {
    refs()
        .body
        .into_iter()
        .flat_map(|piece| {
            if let Piece::Bytes(bytes) = piece {
                bytes
            } else {
                Vec::new()
            }
        })
        .collect()
}

#[test]
fn a_result_without_its_content_type_is_still_read() {
    let world = World::new(|request| {
        if request.body.is_none() {
            v2().into()
        } else {
            answer(200, "", refs_bytes()).into()
        }
    });
    let mut session = world.connect(URL, &Options::default()).unwrap();
    assert_eq!(world.run(session.ls_refs(&[])).unwrap().len(), 2);
}

#[test]
fn answers_to_discovery_that_are_none_are_told_apart() {
    let check = |answer: Answer, code: Code, words: &[&str]| {
        let world = World::new(move |_| answer.clone().into());
        let error = world.refusal(URL, &Options::default());
        assert_eq!(error.code, code, "{error}");
        assert_eq!(error.stage, Stage::Discover);
        let text = format!("{error} {}", error.remote_text.clone().unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        assert!(!text.contains("SECRET-BODY"), "{text}");
    };
    let service = || pkt("# service=git-upload-pack\n");
    check(
        answer(200, "text/html", "<html><title>A forge</title>SECRET-BODY"),
        Code::NotGitHtml,
        &["A forge"],
    );
    check(
        answer(200, ADVERTISEMENT, "<html><title>A forge</title>SECRET-BODY"),
        Code::NotGitHtml,
        &["A forge"],
    );
    check(
        answer(200, "text/plain", format!("{OID}\trefs/heads/main\n")),
        Code::DumbServer,
        &["text/plain", "git http-backend"],
    );
    check(
        answer(200, "text/plain", "hello"),
        Code::ContentType,
        &["text/plain", "hello"],
    );
    check(answer(200, ADVERTISEMENT, ""), Code::EmptyResponse, &["empty"]);
    check(answer(204, ADVERTISEMENT, ""), Code::EmptyResponse, &["empty"]);
    check(
        answer(
            200,
            ADVERTISEMENT,
            [service(), b"0000".to_vec(), pkt("ERR server-side error")].concat(),
        ),
        Code::RemoteError,
        &["server-side error"],
    );
    check(
        answer(200, ADVERTISEMENT, pkt("ERR \x1b[31mred")),
        Code::RemoteError,
        &["^[[31mred"],
    );
    check(
        answer(
            200,
            ADVERTISEMENT,
            [service(), b"0000".to_vec(), pkt("version 3\n")].concat(),
        ),
        Code::Protocol,
        &["unknown protocol version '3'"],
    );
    check(
        answer(
            200,
            ADVERTISEMENT,
            [service(), b"0000".to_vec(), pkt(format!("{OID} HEAD\0x"))].concat(),
        ),
        Code::ConnectionReset,
        &["ended early"],
    );
    check(
        answer(
            200,
            ADVERTISEMENT,
            [service(), b"0000".to_vec(), b"zzzz".to_vec()].concat(),
        ),
        Code::Protocol,
        &["proxy"],
    );
    let sha256 = "a".repeat(64);
    let body = [
        service(),
        b"0000".to_vec(),
        pkt(format!("{sha256} HEAD\0object-format=sha256")),
        b"0000".to_vec(),
    ]
    .concat();
    check(
        answer(200, ADVERTISEMENT, body),
        Code::ObjectFormat,
        &["sha256", "sha1"],
    );
}

#[test]
fn a_content_type_in_odd_spelling_is_accepted() {
    let world = World::new(|_| {
        let mut answer = v0();
        answer.headers = vec![(
            "content-type".to_owned(),
            "Application/X-Git-Upload-Pack-Advertisement; charset=utf-8".to_owned(),
        )];
        answer.into()
    });
    assert!(world.connect(URL, &Options::default()).is_ok());
}

#[test]
fn pages_are_never_dumped_and_escapes_are_made_visible() {
    let world = World::new(|_| answer(500, "text/html", "<html><title>500 \x1b[31m</title><p>SECRET-BODY").into());
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.remote_text.as_deref(), Some("500 ^[[31m"));
    assert!(!format!("{error:?}").contains("SECRET-BODY"));
    let world = World::new(|_| answer(500, "text/plain", "a\x1b[2J\u{202e}b").into());
    assert_eq!(
        world.refusal(URL, &Options::default()).remote_text.as_deref(),
        Some("a^[[2J<U+202E>b")
    );
}

#[test]
fn a_huge_error_text_is_neither_waited_for_nor_kept() {
    let body = vec![Piece::Forever(1, vec![b'x'; 1000])];
    let world = World::new(move |_| {
        Answer {
            body: body.clone(),
            ..answer(400, "text/plain", "")
        }
        .into()
    });
    let error = world.refusal(URL, &Options::default());
    assert!(error.remote_text.unwrap().len() < 1100);
    let world = World::new(|_| {
        Answer {
            body: vec![Piece::Hang],
            ..answer(400, "text/plain", "")
        }
        .into()
    });
    assert_eq!(world.refusal(URL, &Options::default()).code, Code::HttpStatus);
    assert!(world.elapsed() <= 5_000.0);
}

#[test]
fn retry_after_is_told_where_it_can_be_read() {
    for (value, expected) in [
        ("120", Some(120)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("soon", None),
    ] {
        for status in [429, 503] {
            let world = World::new(move |_| answer(status, "text/plain", "").header("retry-after", value).into());
            let error = world.refusal(URL, &Options::default());
            let told = error
                .data
                .iter()
                .find(|(name, _)| *name == "retryAfter")
                .map(|(_, datum)| datum.clone());
            assert_eq!(told, expected.map(Datum::Number), "{status} {value}");
        }
    }
}

#[test]
fn a_failing_gateway_behind_a_proxy_names_the_proxy() {
    let options = Options {
        cors_proxy: Some(CorsProxy::new("https://proxy.example")),
        ..Options::default()
    };
    for (status, code) in [(502, Code::Unavailable), (403, Code::Forbidden), (407, Code::ProxyAuth)] {
        let world = World::new(move |_| answer(status, "text/plain", "").into());
        let error = world.refusal(URL, &options);
        assert_eq!(error.code, code);
        assert!(error.to_string().contains("proxy"), "{error}");
    }
}

#[test]
fn forbidden_for_pushing_says_to_log_in() {
    let world = World::new(|_| answer(403, "text/plain", "").into());
    let failure = world
        .connect_for(URL, Service::ReceivePack, &Options::default())
        .err()
        .unwrap();
    let error = failure.error().unwrap();
    assert_eq!(error.code, Code::Forbidden);
    assert!(
        error.to_string().contains("git-receive-pack not permitted")
            && error.to_string().contains("supply credentials"),
        "{error}"
    );
}

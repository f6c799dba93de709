//! Every fault, as it looks on the wire.

mod common;

use std::time::{Duration, Instant};

use common::{ask, exchange, send, take_apart};
use gitside_server::{Cors, End, Fault, Files, Framing, Git, Outcome, Reply, Server, When, repos};

/// A server whose every body is 10 000 bytes.
fn server(fault: Fault) -> (Server, Vec<u8>) {
    let body: Vec<u8> = (0..10_000u32).map(|n| (n % 251) as u8).collect();
    let server = Server::builder()
        .mount(Files::at("/", "/nowhere").cors(Cors::Full))
        .start()
        .unwrap();
    server.fault(When::any(), Fault::respond(Reply::typed(200, "a/b", body.clone())));
    server.fault(When::any(), fault);
    (server, body)
}

#[test]
fn a_cut_is_clean_closed_or_reset() {
    for (end, whole, reset) in [
        (End::Clean, true, false),
        (End::Close, false, false),
        (End::Reset, false, true),
    ] {
        for at in [0, 1, 4096, 9_999] {
            let (server, body) = server(Fault::Truncate { at, end });
            let answer = ask(&server, "GET", "/", &[]);
            assert_eq!(answer.body, body[..usize::try_from(at).unwrap()], "{end:?} at {at}");
            assert_eq!(
                (answer.whole, answer.reset),
                (whole, reset),
                "{end:?} at {at}: {}",
                answer.head
            );
            assert_eq!(server.log()[0].sent, at);
            let outcome = if end == End::Clean {
                Outcome::Complete
            } else {
                Outcome::Cut
            };
            assert_eq!(server.log()[0].outcome, outcome);
        }
    }
}

#[test]
fn a_cut_in_each_framing_promises_the_whole() {
    for (framing, whole) in [
        (Framing::Chunked, false),
        (Framing::Length, false),
        (Framing::Close, true),
    ] {
        let (server, body) = server(Fault::close_at(5000));
        server.fault(When::any(), Fault::Framing { framing });
        let answer = ask(&server, "GET", "/", &[]);
        assert_eq!(answer.body, body[..5000]);
        assert_eq!(answer.whole, whole, "{framing:?}: {}", answer.head);
        if framing == Framing::Length {
            assert_eq!(answer.header("content-length"), Some("10000"));
        }
    }
}

#[test]
fn a_wrong_length_is_sent_as_told() {
    for (by, length) in [(-1, "9999"), (7, "10007"), (-20_000, "0")] {
        let (server, body) = server(Fault::WrongLength { by });
        let answer = ask(&server, "GET", "/", &[]);
        assert_eq!((answer.header("content-length"), &answer.raw), (Some(length), &body));
    }
}

#[test]
fn a_byte_is_flipped_and_bytes_are_replaced() {
    let (flipped, body) = server(Fault::Flip { at: 7000, mask: 0x81 });
    let answer = ask(&flipped, "GET", "/", &[]);
    let wrong: Vec<usize> = (0..body.len()).filter(|n| answer.body[*n] != body[*n]).collect();
    assert_eq!((wrong, answer.body[7000]), (vec![7000], body[7000] ^ 0x81));

    let (replaced, body) = server(Fault::replace([0, 1, 2], *b"xx"));
    let answer = ask(&replaced, "GET", "/", &[]);
    assert_eq!(answer.body.len(), body.len() - 40);
    assert_eq!(&answer.body[..4], [b'x', b'x', 3, 4]);

    let (rewritten, _) = server(Fault::rewrite(|mut body| {
        body.truncate(3);
        body
    }));
    let answer = ask(&rewritten, "GET", "/", &[]);
    assert_eq!((answer.body, answer.whole), (vec![0, 1, 2], true));
}

#[test]
fn silence_is_kept_for_as_long_as_told() {
    let (server, body) = server(Fault::pause(100, Duration::from_millis(120)));
    let began = Instant::now();
    let answer = ask(&server, "GET", "/", &[]);
    assert_eq!(answer.body, body);
    assert!(began.elapsed() >= Duration::from_millis(120));
    server.fault(When::any(), Fault::delay(Duration::from_millis(120)));
    assert_eq!(ask(&server, "GET", "/", &[]).body, body);
    let log = server.log();
    assert!(
        log[1].head_ms.unwrap() >= 120.0 && log[1].end_ms.unwrap() >= 240.0,
        "{log:?}"
    );
}

#[test]
fn a_dribble_comes_in_pieces() {
    let (server, body) = server(Fault::dribble(1000, 5));
    let began = Instant::now();
    let answer = ask(&server, "GET", "/", &[]);
    assert_eq!(answer.body, body);
    assert!(began.elapsed() >= Duration::from_millis(45));
}

#[test]
fn a_client_that_goes_away_during_a_stall_is_seen() {
    for end in [End::Clean, End::Close] {
        let (server, _) = server(Fault::Truncate { at: 5000, end });
        server.fault(When::any(), Fault::stall(100));
        let stream = std::net::TcpStream::connect(server.address()).unwrap();
        std::io::Write::write_all(&mut &stream, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert!(server.wait_until(Duration::from_secs(5), |log| log.first().is_some_and(|e| e.sent == 100)));
        drop(stream);
        assert!(
            server.wait_until(Duration::from_secs(5), |log| log[0].outcome == Outcome::Aborted),
            "{end:?}"
        );
    }
}

#[test]
fn answers_are_scripted_down_to_the_bytes_of_the_connection() {
    let (server, _) = server(Fault::raw("no HTTP at all"));
    assert_eq!(
        exchange(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").bytes,
        b"no HTTP at all"
    );
    server.fault(
        When::any(),
        Fault::Raw {
            bytes: b"HTTP/1.1 20".to_vec().into(),
            end: End::Reset,
        },
    );
    let seen = exchange(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!((seen.bytes.as_slice(), seen.reset), (&b"HTTP/1.1 20"[..], true));
    server.fault(When::any(), Fault::redirect(308, "ftp://x/").clone());
    let answer = ask(&server, "GET", "/", &[]);
    assert_eq!((answer.status, answer.header("location")), (308, Some("ftp://x/")));
}

#[test]
fn a_request_is_refused_or_left_unanswered() {
    let folder = tempfile::tempdir().unwrap();
    repos::example(&folder.path().join("e.git")).unwrap();
    let server = Server::builder().mount(Git::at("/", folder.path())).start().unwrap();
    let get = b"GET /e.git/info/refs?service=git-upload-pack HTTP/1.1\r\nhost: x\r\n\r\n";
    let refuse = server.fault(When::any(), Fault::Refuse);
    let seen = exchange(&server, get);
    assert!(seen.bytes.is_empty() && seen.reset);
    server.remove_fault(refuse);
    server.fault(When::any(), Fault::Unanswered { end: End::Close });
    let seen = exchange(&server, get);
    assert!(seen.bytes.is_empty() && !seen.reset);
    server.clear_faults();
    let mut keep_alive = get.to_vec();
    keep_alive.extend_from_slice(&get[..]);
    keep_alive.truncate(keep_alive.len() - 2);
    keep_alive.extend_from_slice(b"connection: close\r\n\r\n");
    let seen = exchange(&server, &keep_alive);
    assert_eq!(seen.bytes.windows(12).filter(|w| w == b"HTTP/1.1 200").count(), 2);
}

#[test]
fn headers_and_statuses_are_changed_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    repos::example(&folder.path().join("e.git")).unwrap();
    let server = Server::builder().mount(Git::at("/", folder.path())).start().unwrap();
    let path = "/e.git/info/refs?service=git-upload-pack";
    let v2 = [("git-protocol", "version=2")];
    assert!(ask(&server, "GET", path, &v2).text().starts_with("000eversion 2"));
    server.fault(When::any(), Fault::drop_request_header("Git-Protocol"));
    assert!(ask(&server, "GET", path, &v2).text().starts_with("001e# service"));
    server.fault(When::any(), Fault::set_header("Content-Type", "text/html"));
    server.fault(When::any(), Fault::Status { status: 203 });
    let answer = ask(&server, "GET", path, &v2);
    assert_eq!((answer.status, answer.header("content-type")), (203, Some("text/html")));
    server.fault(When::any(), Fault::drop_header("content-type"));
    assert_eq!(ask(&server, "GET", path, &v2).header("content-type"), None);
}

#[test]
fn a_request_body_is_changed_before_git_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    repos::example(&folder.path().join("e.git")).unwrap();
    let server = Server::builder()
        .mount(Git::at("/", folder.path()))
        .keep_bodies()
        .start()
        .unwrap();
    server.fault(
        When::post(),
        Fault::rewrite_request(|body| {
            let text = String::from_utf8(body).unwrap();
            text.replace("0019ref-prefix refs/xxxx/", "001aref-prefix refs/heads/")
                .into_bytes()
        }),
    );
    let headers = [
        ("git-protocol", "version=2"),
        ("content-type", "application/x-git-upload-pack-request"),
    ];
    let body = b"0014command=ls-refs\n00010019ref-prefix refs/xxxx/0000";
    let fixed: Vec<u8> = body.to_vec();
    let answer = send(&server, "POST", "/e.git/git-upload-pack", &headers, &fixed);
    assert!(answer.text().contains("refs/heads/main"), "{answer:?}");
    let entry = &server.log()[0];
    assert_eq!(
        (entry.body.as_slice(), entry.body_bytes),
        (&fixed[..], fixed.len() as u64)
    );
}

#[test]
fn take_apart_sees_a_missing_last_chunk() {
    let seen = |bytes: &[u8]| common::Seen {
        bytes: bytes.to_vec(),
        reset: false,
    };
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert!(!take_apart(seen(&[head, &b"3\r\nabc\r\n"[..]].concat())).whole);
    assert!(take_apart(seen(&[head, &b"3\r\nabc\r\n0\r\n\r\n"[..]].concat())).whole);
}

//! The client of the native tests against the server: it must behave as the engine may expect.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::time::Duration;

use gitside::host::{Http, HttpError, Method, Redirect, Request};
use gitside_server::{Cors, End, Fault, Files, Framing, Outcome, Reply, Server, When};
use support::block_on;
use support::http::{SocketHttp, read_all};

fn server(cors: Cors) -> Server {
    let folder = std::env::temp_dir();
    Server::builder()
        .mount(Files::at("/", folder).cors(cors))
        .start()
        .unwrap()
}

fn get(url: String) -> Request {
    Request {
        method: Method::Get,
        url,
        headers: Vec::new(),
        body: None,
        redirect: Redirect::Follow,
    }
}

fn post(url: String, headers: &[(&str, &str)]) -> Request {
    let headers = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Request {
        method: Method::Post,
        url,
        headers,
        body: Some(b"body".to_vec().into()),
        redirect: Redirect::Refuse,
    }
}

#[test]
fn an_answer_arrives_whole_whatever_its_framing_and_pieces() {
    let server = server(Cors::None);
    let text: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    server.fault(
        When::any(),
        Fault::respond(Reply::typed(203, "a/b", text.clone()).header("x-y", "z")),
    );
    for fault in [
        None,
        Some(Framing::Chunked),
        Some(Framing::Length),
        Some(Framing::Close),
    ] {
        let id = fault.map(|framing| server.fault(When::any(), Fault::Framing { framing }));
        block_on(async {
            let mut response = SocketHttp::default().send(get(server.url("/a?b"))).await.unwrap();
            assert_eq!(
                (response.status, response.redirected, response.header("x-y")),
                (203, false, Some("z"))
            );
            assert_eq!(read_all(&mut *response.body).await.unwrap(), text, "{fault:?}");
        });
        id.into_iter().for_each(|id| server.remove_fault(id));
    }
}

#[test]
fn a_cut_body_is_broken_or_ends_as_in_a_browser() {
    let server = server(Cors::None);
    server.fault(When::any(), Fault::respond(Reply::typed(200, "a/b", vec![7; 9000])));
    for framing in [Framing::Chunked, Framing::Length] {
        for end in [End::Close, End::Reset] {
            let set = [
                server.fault(When::any(), Fault::Framing { framing }),
                server.fault(When::any(), Fault::Truncate { at: 4000, end }),
            ];
            block_on(async {
                let mut strict = SocketHttp::default().send(get(server.url("/"))).await.unwrap();
                let error = read_all(&mut *strict.body).await.unwrap_err();
                assert!(matches!(error, HttpError::Broken { .. }), "{framing:?} {end:?}");
                let mut lax = SocketHttp::default()
                    .cut_bodies_end()
                    .send(get(server.url("/")))
                    .await
                    .unwrap();
                let read = read_all(&mut *lax.body).await.unwrap();
                assert!(read.len() == 4000, "{framing:?} {end:?} {}", read.len());
            });
            set.into_iter().for_each(|id| server.remove_fault(id));
        }
    }
}

#[test]
fn redirects_are_followed_or_refused_without_contacting_the_target() {
    let server = server(Cors::None);
    server.fault(When::any().path("/from"), Fault::redirect(302, "/to?x"));
    server.fault(When::any().path("/to"), Fault::respond(Reply::text(200, "here")));
    server.fault(When::any().path("/loop"), Fault::redirect(301, "loop"));
    block_on(async {
        let http = SocketHttp::default();
        let response = http.send(get(server.url("/from"))).await.unwrap();
        assert_eq!(
            (response.status, response.redirected, response.url),
            (200, true, server.url("/to?x"))
        );
        assert!(matches!(
            http.send(get(server.url("/loop"))).await,
            Err(HttpError::Opaque { .. })
        ));
        server.clear_log();
        let response = http.send(post(server.url("/from"), &[])).await.unwrap();
        assert!(response.redirect_refused && response.status == 0);
    });
    assert_eq!(
        server.log().iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
        ["/from"]
    );
}

#[test]
fn dropping_a_body_ends_the_transfer() {
    let server = server(Cors::None);
    server.fault(When::any(), Fault::respond(Reply::typed(200, "a/b", vec![0; 100])));
    server.fault(When::any(), Fault::stall(50));
    block_on(async {
        let mut response = SocketHttp::default().send(get(server.url("/"))).await.unwrap();
        assert_eq!(response.body.chunk().await.unwrap().map(|c| c.len()), Some(50));
        assert_eq!(server.log()[0].outcome, Outcome::Open);
        drop(response);
        tokio::task::yield_now().await;
    });
    assert!(server.wait_until(Duration::from_secs(5), |log| log[0].outcome == Outcome::Aborted));
}

#[test]
fn a_page_of_another_origin_gets_what_cors_allows() {
    let git = [("content-type", "application/x-git-upload-pack-request")];
    let v2 = [git[0], ("git-protocol", "version=2")];
    let outcome = |cors: Cors, request: fn(&Server) -> Request| {
        let server = server(cors);
        server.fault(
            When::any().matching(|h| h.method != "OPTIONS"),
            Fault::respond(Reply::text(401, "").header("www-authenticate", "Basic")),
        );
        let page = SocketHttp::of_page("http://page.test");
        let seen = block_on(page.send(request(&server)))
            .map(|r| (r.status, r.header("www-authenticate").is_some()))
            .ok();
        (
            seen,
            server
                .log()
                .iter()
                .map(|e| e.method.clone())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let simple: fn(&Server) -> Request = |s| get(s.url("/"));
    assert_eq!(outcome(Cors::None, simple), (None, "GET".into()));
    assert_eq!(outcome(Cors::Gitea, simple), (Some((401, false)), "GET".into()));
    assert_eq!(outcome(Cors::Full, simple), (Some((401, true)), "GET".into()));
    let server_of = |headers: &[(&str, &str)], cors: Cors| {
        let server = server(cors);
        server.fault(When::post(), Fault::respond(Reply::text(200, "")));
        let sent = block_on(SocketHttp::of_page("http://page.test").send(post(server.url("/"), headers))).is_ok();
        (
            sent,
            server
                .log()
                .iter()
                .map(|e| e.method.clone())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    assert_eq!(server_of(&git, Cors::None), (false, "OPTIONS".into()));
    assert_eq!(server_of(&git, Cors::Gitea), (true, "OPTIONS POST".into()));
    assert_eq!(server_of(&v2, Cors::Gitea), (false, "OPTIONS".into()));
    assert_eq!(server_of(&v2, Cors::Full), (true, "OPTIONS POST".into()));
}

//! Version choice, preflights, mixed content, proxies, compressed bodies.

use std::rc::Rc;

use gitside::error::{Code, Datum};
use gitside::format::oid::ObjectId;
use gitside::host::Request;
use gitside::ops::remote::{CorsProxy, FetchRequest, Memory, Options, ProxyAddress, Service, Version};
use gitside::task::Event;

use crate::mock::*;

const PAGE: &str = "https://page.example";
const URL: &str = "https://h.example/r.git";

/// What a page at `PAGE` may send to a server that allows these headers.
fn preflighted(request: &Request, allowed: &[&str]) -> bool {
    request
        .headers
        .iter()
        .all(|(name, _)| name == "accept" || allowed.contains(&name.as_str()))
}

/// A server of version 2, asked for its refs.
fn lists_refs(request: &Request) -> Reply {
    match request.body {
        None => v2().into(),
        Some(_) => refs().into(),
    }
}

#[test]
fn the_version_asked_for_follows_from_where_the_request_goes() {
    let check = |page: Option<&str>, options: Options, service: Service, expected: Option<&str>| {
        let world = World::with(page, true, |request| {
            if request.url.contains("receive-pack") {
                let body = [
                    pkt("# service=git-receive-pack\n"),
                    b"0000".to_vec(),
                    pkt(format!("{OID} refs/heads/main\0x\n")),
                    b"0000".to_vec(),
                ];
                return answer(200, "application/x-git-receive-pack-advertisement", body.concat()).into();
            }
            discovery(request).into()
        });
        world.connect_for(URL, service, &options).map(|_| ()).unwrap();
        assert_eq!(header(&world.last(), "git-protocol"), expected, "{page:?}");
    };
    let fetch = Service::UploadPack;
    let proxied = || Options {
        cors_proxy: Some(CorsProxy::new("https://proxy.example")),
        ..Options::default()
    };
    let told = |version| Options {
        protocol_version: Some(version),
        ..Options::default()
    };
    check(None, Options::default(), fetch, Some("version=2"));
    check(Some("https://h.example"), Options::default(), fetch, Some("version=2"));
    check(Some(PAGE), Options::default(), fetch, None);
    check(Some("https://h.example:8443"), Options::default(), fetch, None);
    check(Some("null"), Options::default(), fetch, None);
    check(Some(PAGE), proxied(), fetch, Some("version=2"));
    check(Some(PAGE), told(Version::V2), fetch, Some("version=2"));
    check(
        Some(PAGE),
        Options {
            wants_v2: true,
            ..Options::default()
        },
        fetch,
        Some("version=2"),
    );
    check(None, told(Version::V0), fetch, None);
    check(None, told(Version::V1), fetch, Some("version=1"));
    check(None, Options::default(), Service::ReceivePack, None);
    check(None, told(Version::V2), Service::ReceivePack, None);
}

#[test]
fn an_anonymous_discovery_across_origins_carries_no_header_at_all() {
    let world = World::of_page(PAGE, |request| discovery(request).into());
    let session = world.connect(URL, &Options::default()).unwrap();
    assert_eq!(session.version(), Version::V0);
    assert_eq!(world.requests(), 1);
    assert!(world.last().headers.is_empty());
    assert_eq!(
        world.last().url,
        "https://h.example/r.git/info/refs?service=git-upload-pack"
    );
}

#[test]
fn a_preflight_that_refuses_git_protocol_is_gone_around_once_and_remembered() {
    let world = World::of_page(PAGE, |request| {
        match preflighted(request, &["content-type", "authorization"]) {
            true => discovery(request).into(),
            false => Reply::Opaque,
        }
    });
    let options = Options {
        wants_v2: true,
        ..Options::default()
    };
    assert_eq!(world.connect(URL, &options).unwrap().version(), Version::V0);
    assert_eq!(world.requests(), 2);
    assert_eq!(world.elapsed(), 0.0, "nothing is waited for");
    assert!(options.memory.refuses_git_protocol("https://h.example"));
    assert!(
        world
            .events
            .borrow()
            .iter()
            .any(|event| matches!(event, Event::Warning(text) if text.contains("Git-Protocol")))
    );
    // The next operation that shares the memory does not try again.
    assert!(world.connect(URL, &options).is_ok());
    assert_eq!(world.requests(), 3);
    assert!(!Memory::default().refuses_git_protocol("https://h.example"));
}

#[test]
fn a_dead_network_is_not_taken_for_a_refused_header() {
    let world = World::of_page(PAGE, |_| Reply::Opaque);
    let options = Options {
        wants_v2: true,
        ..Options::default()
    };
    assert_eq!(world.refusal(URL, &options).code, Code::NetworkOpaque);
    assert!(!options.memory.refuses_git_protocol("https://h.example"));
}

#[test]
fn posts_carry_the_version_that_was_discovered_and_not_the_one_asked_for() {
    // Asked for 2, got 0.
    let world = World::new(|request| match request.body {
        None => v0().into(),
        Some(_) => answer(200, RESULT, [pkt("NAK\n"), band(1, b"PACK"), b"0000".to_vec()].concat()).into(),
    });
    let mut session = world.connect(URL, &Options::default()).unwrap();
    let wants = vec![ObjectId::from_hex(OID.as_bytes()).unwrap()];
    world.run(async {
        let mut pack = session.fetch(FetchRequest::clone_of(wants), None).await.unwrap();
        assert_eq!(pack.next().await.unwrap().as_deref(), Some(&b"PACK"[..]));
        assert_eq!(pack.next().await.unwrap(), None);
    });
    assert_eq!(world.requests(), 2, "no second discovery");
    assert_eq!(header(&world.http.log.borrow()[0], "git-protocol"), Some("version=2"));
    assert_eq!(header(&world.last(), "git-protocol"), None);
    assert_eq!(
        header(&world.last(), "content-type"),
        Some("application/x-git-upload-pack-request")
    );
    assert_eq!(
        header(&world.last(), "accept"),
        Some("application/x-git-upload-pack-result")
    );
    let world = World::new(lists_refs);
    let mut session = world.connect(URL, &Options::default()).unwrap();
    assert!(world.run(session.ls_refs(&[])).is_ok());
    assert_eq!(header(&world.last(), "git-protocol"), Some("version=2"));
}

#[test]
fn no_request_sets_a_header_that_browsers_or_servers_choke_on() {
    let world = World::new(lists_refs);
    let mut session = world.connect(URL, &Options::default()).unwrap();
    assert!(world.run(session.ls_refs(&[])).is_ok());
    for request in world.http.log.borrow().iter() {
        for name in [
            "user-agent",
            "pragma",
            "cache-control",
            "expect",
            "cookie",
            "referer",
            "transfer-encoding",
        ] {
            assert!(header(request, name).is_none(), "{name}");
        }
    }
}

#[test]
fn an_opaque_failure_names_the_likely_causes_and_the_headers_that_must_be_sent() {
    let world = World::of_page(PAGE, |_| Reply::Opaque);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::NetworkOpaque);
    assert!(error.retryable);
    let hint = error.hint.clone().unwrap();
    assert!(
        hint.contains("Access-Control-Allow-Origin: https://page.example"),
        "{hint}"
    );
    assert!(hint.contains("CORS proxy"), "{hint}");
    assert!(!hint.contains("Allow-Headers"), "a bare GET needs none: {hint}");
    let causes = ["cors", "unreachable", "redirect", "blocked"]
        .map(str::to_owned)
        .to_vec();
    assert!(error.data.contains(&("causes", Datum::List(causes))));
    assert_eq!(world.requests(), 2, "one retry");
}

#[test]
fn a_post_that_fails_after_discovery_worked_is_blamed_on_the_preflight() {
    let world = World::of_page(PAGE, |request| {
        if request.body.is_none() {
            v2().into()
        } else {
            Reply::Opaque
        }
    });
    let mut session = world
        .connect(
            URL,
            &Options {
                wants_v2: true,
                ..Options::default()
            },
        )
        .unwrap();
    let failure = world.run(session.ls_refs(&[])).unwrap_err();
    let error = failure.error().unwrap();
    assert_eq!(error.code, Code::CorsPreflight);
    let hint = error.hint.as_ref().unwrap();
    assert!(
        hint.contains("Access-Control-Allow-Headers: content-type, git-protocol"),
        "{hint}"
    );
    assert!(hint.contains("OPTIONS"), "{hint}");
}

#[test]
fn being_offline_is_said_first() {
    let world = World::with(Some(PAGE), false, |_| Reply::Opaque);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::NetworkOpaque);
    assert!(error.message.contains("no network connection"), "{error}");
    assert!(
        error
            .data
            .contains(&("causes", Datum::List(vec!["offline".to_owned()])))
    );
}

#[test]
fn outside_a_browser_an_opaque_failure_does_not_speak_of_cors() {
    let world = World::new(|_| Reply::Opaque);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::NetworkOpaque);
    assert!(!error.to_string().contains("CORS"), "{error}");
    assert_eq!(world.requests(), 3, "two retries");
}

#[test]
fn mixed_content_is_refused_before_the_request() {
    let check = |page: &str, url: &str, proxy: Option<&str>, refused: bool| {
        let world = World::of_page(page, |request| discovery(request).into());
        let options = Options {
            cors_proxy: proxy.map(CorsProxy::new),
            ..Options::default()
        };
        match (world.connect(url, &options), refused) {
            (Ok(_), false) => {}
            (Err(failure), true) => {
                assert_eq!(failure.error().unwrap().code, Code::MixedContent, "{url}");
                assert_eq!(world.requests(), 0, "{url}");
            }
            (result, _) => panic!("{url}: {:?}", result.err()),
        }
    };
    check(PAGE, "http://h.example/r", None, true);
    check(PAGE, "http://192.168.0.1/r", None, true);
    check(PAGE, "http://localhost:8080/r", None, false);
    check(PAGE, "http://sub.localhost/r", None, false);
    check(PAGE, "http://127.0.0.1/r", None, false);
    check(PAGE, "http://[::1]/r", None, false);
    check("http://page.example", "http://h.example/r", None, false);
    check(PAGE, "http://h.example/r", Some("https://proxy.example"), false);
    check(PAGE, URL, Some("http://proxy.example"), true);
}

#[test]
fn malformed_and_foreign_urls_are_refused_before_any_traffic() {
    let check = |url: &str, code: Code, hint: &str| {
        let world = World::new(|request| discovery(request).into());
        let error = world.refusal(url, &Options::default());
        assert_eq!(error.code, code, "{url}");
        assert!(
            error.hint.as_ref().is_some_and(|text| text.contains(hint)),
            "{url}: {error}"
        );
        assert_eq!(world.requests(), 0);
    };
    check(
        "ssh://git@h.example:22/a/b.git",
        Code::UnsupportedTransport,
        "https://h.example/a/b.git",
    );
    check(
        "git@h.example:a/b.git",
        Code::UnsupportedTransport,
        "https://h.example/a/b.git",
    );
    check("git://h.example/a", Code::UnsupportedTransport, "https://h.example/a");
    check("file:///etc/passwd", Code::UnsupportedTransport, "https");
    check("ext::sh -c x", Code::UnsupportedTransport, "https");
    check("h.example/r.git", Code::InvalidUrl, "%40");
    check("https:///r.git", Code::InvalidUrl, "%40");
    check("https://h.example/r%0agit", Code::InvalidUrl, "%40");
    check("https://h.example\\@evil.example/r", Code::InvalidUrl, "%40");
    check("https://a b@h.example/r", Code::InvalidUrl, "%20");
    check("https://h.example/\tr", Code::InvalidUrl, "%40");
}

#[test]
fn large_bodies_are_compressed_only_where_no_preflight_forbids_it() {
    let check = |page: Option<&str>, proxy: Option<CorsProxy>, prefixes: usize, compressed: bool| {
        let world = World::with(page, true, lists_refs);
        let options = Options {
            cors_proxy: proxy,
            wants_v2: true,
            ..Options::default()
        };
        let mut session = world.connect(URL, &options).unwrap();
        let prefixes: Vec<Vec<u8>> = (0..prefixes)
            .map(|n| format!("refs/heads/branch-{n}").into_bytes())
            .collect();
        world.run(session.ls_refs(&prefixes)).unwrap();
        let request = world.last();
        let body = body(&request);
        assert_eq!(
            header(&request, "content-encoding") == Some("gzip"),
            compressed,
            "{page:?} {prefixes:?}"
        );
        assert_eq!(body.starts_with(b"\x1f\x8b"), compressed);
    };
    let proxy = |pass_encoding| CorsProxy {
        pass_encoding,
        ..CorsProxy::new("https://proxy.example")
    };
    check(None, None, 100, true);
    check(None, None, 1, false);
    check(Some("https://h.example"), None, 100, true);
    check(Some(PAGE), None, 100, false);
    check(Some(PAGE), Some(proxy(false)), 100, false);
    check(Some(PAGE), Some(proxy(true)), 100, true);
    check(Some("https://proxy.example"), Some(proxy(false)), 100, true);
}

#[test]
fn custom_headers_are_sent_to_the_origin_named_and_with_every_request() {
    let world = World::new(lists_refs);
    let options = Options {
        headers: vec![("X-Forge-Token".to_owned(), " abc ".into())],
        ..Options::default()
    };
    let mut session = world.connect(URL, &options).unwrap();
    world.run(session.ls_refs(&[])).unwrap();
    for request in world.http.log.borrow().iter() {
        assert_eq!(header(request, "x-forge-token"), Some("abc"));
        assert_eq!(request.redirect, gitside::host::Redirect::Refuse);
    }
}

#[test]
fn headers_that_cannot_be_sent_are_refused_without_their_value() {
    let check = |name: &str, value: &str| {
        let world = World::new(|request| discovery(request).into());
        let options = Options {
            headers: vec![(name.to_owned(), value.into())],
            ..Options::default()
        };
        let error = world.refusal(URL, &options);
        assert_eq!(error.code, Code::Unsupported, "{name}");
        assert!(!format!("{error:?}").contains("S3CR3T"));
        assert_eq!(world.requests(), 0);
    };
    check("x", "S3CR3T\r\ny: z");
    check("x", "S3CR3T\0");
    check("x", "S3CR3Tä");
    check("bad name", "S3CR3T");
    check("", "S3CR3T");
    check("Content-Type", "S3CR3T");
    check("git-protocol", "S3CR3T");
}

#[test]
fn a_proxy_gets_custom_headers_only_if_it_is_trusted() {
    let world = World::new(|request| discovery(request).into());
    let mut options = Options {
        headers: vec![("x-token".to_owned(), "abc".into())],
        cors_proxy: Some(CorsProxy::new("https://proxy.example")),
        ..Options::default()
    };
    assert_eq!(world.refusal(URL, &options).code, Code::Unsupported);
    assert_eq!(world.requests(), 0);
    options.cors_proxy = Some(CorsProxy {
        pass_credentials: true,
        ..CorsProxy::new("https://proxy.example")
    });
    assert!(world.connect(URL, &options).is_ok());
    assert_eq!(header(&world.last(), "x-token"), Some("abc"));
}

#[test]
fn every_request_goes_through_the_proxy() {
    let world = World::of_page(PAGE, lists_refs);
    let function = ProxyAddress::Function(Rc::new(|url| {
        Box::pin(async move { Ok(format!("https://proxy.example/?to={}", url.len())) })
    }));
    let proxies = [
        (
            CorsProxy::new("https://proxy.example/x/").address,
            "https://proxy.example/x/h.example/r.git/info/refs?service=git-upload-pack",
            "https://proxy.example/x/h.example/r.git/git-upload-pack",
        ),
        (
            CorsProxy::new("https://proxy.example/?").address,
            "https://proxy.example/?https://h.example/r.git/info/refs?service=git-upload-pack",
            "https://proxy.example/?https://h.example/r.git/git-upload-pack",
        ),
        (
            CorsProxy::new("https://proxy.example/{host}/p/{path}").address,
            "https://proxy.example/h.example/p/r.git/info/refs?service=git-upload-pack",
            "https://proxy.example/h.example/p/r.git/git-upload-pack",
        ),
        (function, "https://proxy.example/?to=57", "https://proxy.example/?to=39"),
    ];
    for (address, get, post) in proxies {
        let options = Options {
            cors_proxy: Some(CorsProxy {
                address,
                pass_credentials: false,
                pass_encoding: false,
            }),
            ..Options::default()
        };
        let mut session = world.connect(URL, &options).unwrap();
        assert_eq!(world.last().url, get);
        assert_eq!(session.url(), URL);
        world.run(session.ls_refs(&[])).unwrap();
        assert_eq!(world.last().url, post);
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_without_showing_its_url() {
    for address in [
        "https://proxy.example/{nonsense}?key=S3CR3T",
        "https://S3CR3T:x@proxy.example",
        "S3CR3T",
    ] {
        let world = World::new(|request| discovery(request).into());
        let options = Options {
            cors_proxy: Some(CorsProxy::new(address)),
            ..Options::default()
        };
        let error = world.refusal(URL, &options);
        assert_eq!(error.code, Code::InvalidUrl, "{address}");
        assert!(!format!("{error:?}").contains("S3CR3T"), "{error:?}");
        assert_eq!(world.requests(), 0);
    }
}

#[test]
fn a_redirect_behind_a_proxy_re_roots_later_requests() {
    let told = |request: &Request| {
        let answer = if request.body.is_none() { v2() } else { refs() };
        answer
            .header(
                "x-redirected-url",
                "https://moved.example/r2.git/info/refs?service=git-upload-pack",
            )
            .into()
    };
    let world = World::of_page(PAGE, move |request| {
        if request.body.is_none() {
            told(request)
        } else {
            refs().into()
        }
    });
    let options = Options {
        cors_proxy: Some(CorsProxy::new("https://proxy.example")),
        ..Options::default()
    };
    let mut session = world.connect(URL, &options).unwrap();
    assert_eq!(session.url(), "https://moved.example/r2.git");
    world.run(session.ls_refs(&[])).unwrap();
    assert_eq!(
        world.last().url,
        "https://proxy.example/moved.example/r2.git/git-upload-pack"
    );
    // A proxy that rewrites Location lets the browser follow.
    let world = World::of_page(PAGE, |request| match request.url.contains("/h.example/") {
        true => Reply::Redirect(
            302,
            "https://proxy.example/moved.example/r2.git/info/refs?service=git-upload-pack".to_owned(),
        ),
        false => v2().into(),
    });
    assert_eq!(
        world.connect(URL, &options).unwrap().url(),
        "https://moved.example/r2.git"
    );
}

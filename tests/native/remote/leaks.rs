//! Redirects: what is followed, and that nothing secret ever reaches another origin.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::error::Code;
use gitside::host::{Method, Request};
use gitside::ops::remote::{CorsProxy, Credentials, Options};
use gitside::task::Event;

use crate::mock::*;

const HOME: &str = "https://h.example";
const CANARY: &str = "S3CR3T-canary";

/// Where a redirect may lead.
const TARGETS: [&str; 4] = [
    "https://h.example/elsewhere",
    "https://h.example:8443/x",
    "https://evil.example/x",
    "http://h.example/x",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Carries {
    Nothing,
    Login,
    UrlLogin,
    Header,
}

/// Whether any byte of a request is one that must stay at home.
fn leaks(request: &Request) -> bool {
    let header = |(name, value): &(String, String)| {
        name == "authorization" || name == "x-token" || value.contains(CANARY) || value.contains("UzNDUjNU")
    };
    request.headers.iter().any(header) || request.body.is_some() || request.url.contains(CANARY)
}

#[test]
fn no_redirect_carries_a_secret_or_a_body_to_another_origin() {
    let mut cells = 0;
    for status in [301, 302, 303, 307, 308] {
        for target in TARGETS {
            for method in [Method::Get, Method::Post] {
                for carries in [Carries::Nothing, Carries::Login, Carries::UrlLogin, Carries::Header] {
                    cell(status, target, method, carries);
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 160);
}

fn cell(status: u16, target: &'static str, method: Method, carries: Carries) {
    let what = format!("{status} {target} {method:?} {carries:?}");
    let wants_login = matches!(carries, Carries::Login | Carries::UrlLogin);
    let world = World::new(move |request| {
        let at_home = request.url.starts_with("https://h.example/r.git/");
        if at_home && wants_login && header(request, "authorization").is_none() {
            return answer(401, "text/plain", "").header("www-authenticate", "Basic").into();
        }
        if at_home && request.method == method {
            let tail = request.url.strip_prefix("https://h.example/r.git").unwrap_or_default();
            return Reply::Redirect(status, format!("{target}{tail}"));
        }
        if request.method == Method::Get {
            v2().into()
        } else {
            refs().into()
        }
    });
    let mut options = Options::default();
    let mut url = format!("{HOME}/r.git");
    match carries {
        Carries::Nothing => {}
        Carries::Login => {
            options.credentials = Some(Rc::new(|_| {
                Box::pin(async {
                    Some(Credentials::Basic {
                        username: "u".into(),
                        password: CANARY.into(),
                    })
                })
            }));
        }
        Carries::UrlLogin => url = format!("https://u:{CANARY}@h.example/r.git"),
        Carries::Header => options.headers = vec![("x-token".to_owned(), CANARY.into())],
    }
    let result = match world.connect(&url, &options) {
        Ok(mut session) => world.run(session.ls_refs(&[])).map(|_| session.url()),
        Err(failure) => Err(failure),
    };
    let anonymous_get = method == Method::Get && carries == Carries::Nothing;
    match result {
        // From https to http is refused even so.
        Ok(url) if anonymous_get && !target.starts_with("http:") => assert_eq!(url, target, "{what}"),
        Ok(_) => panic!("{what}: a redirect was followed"),
        Err(failure) => {
            let error = failure.error().unwrap();
            assert_eq!(error.code, Code::RedirectBlocked, "{what}: {error}");
            assert!(!format!("{error:?}").contains(CANARY), "{what}: {error:?}");
            assert!(!anonymous_get || target.starts_with("http:"), "{what}: {error}");
        }
    }
    let log = world.http.log.borrow();
    let away = log
        .iter()
        .filter(|request| !request.url.starts_with("https://h.example/"));
    for request in away {
        // After an anonymous discovery moved there, requests of the new place are its own.
        assert!(anonymous_get, "{what}: {} was contacted", request.url);
        assert!(
            !leaks(request) || request.body.is_some() && header(request, "authorization").is_none(),
            "{what}"
        );
    }
    // The POST itself must be answered by whom it was sent to.
    assert!(
        log.iter()
            .filter(|request| request.method == Method::Post)
            .all(|request| request.redirect == gitside::host::Redirect::Refuse),
        "{what}"
    );
}

#[test]
fn a_followed_redirect_is_told_and_later_requests_go_straight_to_the_new_place() {
    let world = World::new(|request| match request.url.as_str() {
        "https://h.example/r/info/refs?service=git-upload-pack" => Reply::Redirect(
            301,
            "https://h.example/r.git/info/refs?service=git-upload-pack".to_owned(),
        ),
        _ if request.body.is_some() => refs().into(),
        _ => v2().into(),
    });
    let mut session = world.connect("https://h.example/r", &Options::default()).unwrap();
    assert_eq!(session.url(), "https://h.example/r.git");
    world.run(session.ls_refs(&[])).unwrap();
    assert_eq!(world.last().url, "https://h.example/r.git/git-upload-pack");
    let told = Event::Warning("redirecting to https://h.example/r.git; use this URL from now on".to_owned());
    assert!(world.events.borrow().contains(&told));
}

#[test]
fn a_redirect_that_does_not_end_at_the_service_is_called_so() {
    let world = World::new(|request| match request.url.contains("/r.git/") {
        true => Reply::Redirect(302, "https://h.example/users/login?return=%2Fr.git".to_owned()),
        false => answer(200, "text/html", "<title>Log in</title>").into(),
    });
    let error = world.refusal("https://h.example/r.git", &Options::default());
    assert_eq!(error.code, Code::RedirectNotGit);
    assert!(
        error.message.contains("https://h.example/r.git") && error.message.contains("https://h.example/users/login")
    );
}

#[test]
fn an_error_at_the_end_of_a_redirect_is_reported_for_what_it_is() {
    let world = World::new(|request| match request.url.contains("/r.git/") {
        true => Reply::Redirect(302, "https://h.example/gone".to_owned()),
        false => answer(404, "text/plain", "nothing here").into(),
    });
    assert_eq!(
        world.refusal("https://h.example/r.git", &Options::default()).code,
        Code::RemoteNotFound
    );
}

#[test]
fn a_redirect_loop_ends() {
    let world = World::new(|request| Reply::Redirect(302, request.url.clone()));
    let error = world.refusal("https://h.example/r.git", &Options::default());
    assert_eq!(
        (error.code, error.url.as_deref()),
        (Code::NetworkOpaque, Some("https://h.example/r.git"))
    );
}

#[test]
fn a_post_that_something_redirected_all_the_same_is_not_read() {
    let world = World::new(|request| match request.body {
        None => v2().into(),
        Some(_) => Reply::Elsewhere("https://h.example/elsewhere".to_owned(), refs()),
    });
    let mut session = world.connect("https://h.example/r.git", &Options::default()).unwrap();
    let failure = world.run(session.ls_refs(&[])).unwrap_err();
    assert_eq!(failure.error().unwrap().code, Code::PostBecameGet);
}

#[test]
fn what_a_proxy_was_trusted_with_does_not_follow_it_to_another_origin() {
    let world = World::new(|request| match (&request.body, header(request, "authorization")) {
        (None, None) => answer(401, "text/plain", "").header("www-authenticate", "Basic").into(),
        (None, Some(_)) => {
            let moved = "https://evil.example/x/info/refs?service=git-upload-pack";
            v2().header("x-redirected-url", moved).into()
        }
        (Some(_), _) => refs().into(),
    });
    let options = Options {
        cors_proxy: Some(CorsProxy {
            pass_credentials: true,
            ..CorsProxy::new("https://proxy.example")
        }),
        headers: vec![("x-token".to_owned(), CANARY.into())],
        ..Options::default()
    };
    let url = format!("https://u:{CANARY}@h.example/r.git");
    let mut session = world.connect(&url, &options).unwrap();
    assert_eq!(session.url(), "https://evil.example/x");
    world.run(session.ls_refs(&[])).unwrap();
    let last = world.last();
    assert_eq!(last.url, "https://proxy.example/evil.example/x/git-upload-pack");
    assert!(header(&last, "authorization").is_none() && header(&last, "x-token").is_none());
}

#[test]
fn a_login_that_the_server_sends_back_is_in_no_question_and_no_error() {
    // "Basic" and the canary as a header has it.
    const CODED: &str = "dTpTM0NSM1QtY2FuYXJ5";
    let echoes: [fn(&str) -> Answer; 9] = [
        |login| answer(401, "text/plain", "").header("www-authenticate", &format!("Basic realm=\"{login}\"")),
        |login| {
            let long = format!("Basic realm=\"{}{login}\"", "x".repeat(90));
            answer(401, "text/plain", "").header("www-authenticate", &long)
        },
        |login| answer(401, "text/plain", "").header("www-authenticate", &format!("{login}, Basic realm=\"{CANARY}\"")),
        |login| answer(401, "text/plain", "").header("www-authenticate", login.trim_start_matches("Basic ")),
        |login| answer(401, "text/plain", format!("{}{CANARY} {login}", "x".repeat(995))),
        |login| answer(403, "text/html", format!("<title>{CANARY} {login}</title>")),
        |_| answer(200, &format!("text/{CANARY}"), "what"),
        |_| answer(200, "application/x-git-upload-pack-advertisement", CANARY),
        |_| answer(500, "text/plain", format!("{CANARY}\n")).header("retry-after", CANARY),
    ];
    for (case, echo) in echoes.into_iter().enumerate() {
        let world = World::new(move |request| match header(request, "authorization") {
            None => answer(401, "text/plain", "").header("www-authenticate", "Basic").into(),
            Some(login) => echo(login).into(),
        });
        let questions: Rc<RefCell<Vec<String>>> = Rc::default();
        let asked = Rc::clone(&questions);
        let options = Options {
            credentials: Some(Rc::new(move |challenge| {
                asked
                    .borrow_mut()
                    .push(format!("{:?} {:?}", challenge.realm, challenge.schemes));
                Box::pin(async {
                    Some(Credentials::Basic {
                        username: "u".into(),
                        password: CANARY.into(),
                    })
                })
            })),
            ..Options::default()
        };
        let error = world.refusal("https://h.example/r.git", &options);
        let seen = format!("{error:?} {:?} {:?}", questions.borrow(), world.events.borrow());
        for secret in [CANARY, &CANARY[..5], CODED, &CODED[..8]] {
            assert!(!seen.contains(secret), "case {case}: {secret} in {seen}");
        }
        assert!(!questions.borrow().is_empty(), "case {case}");
    }
}

//! Logging in.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::error::Code;
use gitside::host::Method;
use gitside::ops::remote::{Challenge, CorsProxy, Credentials, Options, Service, Verdict};

use crate::mock::*;

const URL: &str = "https://h.example/r.git";

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic {
        username: username.into(),
        password: password.into(),
    }
}

fn unauthorized() -> Answer {
    answer(401, "text/plain", "log in").header("www-authenticate", "Basic realm=\"vault\"")
}

type Asked = Rc<RefCell<Vec<Challenge>>>;
type Verdicts = Rc<RefCell<Vec<(Verdict, String)>>>;

/// Options that answer each question with the next login, and write down questions and verdicts.
fn answering(logins: &[Option<Credentials>]) -> (Options, Asked, Verdicts) {
    let (asked, verdicts) = (Asked::default(), Verdicts::default());
    let (questions, told, logins) = (asked.clone(), verdicts.clone(), logins.to_vec());
    let options = Options {
        credentials: Some(Rc::new(move |challenge| {
            let at = questions.borrow().len();
            questions.borrow_mut().push(challenge);
            let login = logins.get(at).cloned().flatten();
            Box::pin(async move { login })
        })),
        on_credentials: Some(Rc::new(move |verdict, _, url| {
            told.borrow_mut().push((verdict, url.to_owned()))
        })),
        ..Options::default()
    };
    (options, asked, verdicts)
}

/// A server that takes one `Authorization` and offers Basic to everybody else.
fn guarded(expected: &'static str) -> World {
    World::new(move |request| match header(request, "authorization") {
        Some(value) if value == expected => discovery(request).into(),
        _ => unauthorized().into(),
    })
}

#[test]
fn the_first_request_is_anonymous_and_the_caller_is_asked_after_401() {
    let world = guarded("Basic dTpw");
    let (options, asked, verdicts) = answering(&[Some(basic("u", "p"))]);
    assert!(world.connect(URL, &options).is_ok());
    assert_eq!(world.requests(), 2);
    assert!(header(&world.http.log.borrow()[0], "authorization").is_none());
    let asked = asked.borrow();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].url.as_str(), asked[0].realm.as_deref()), (URL, Some("vault")));
    assert_eq!(
        (asked[0].schemes.as_slice(), asked[0].attempt),
        (&["Basic".to_owned()][..], 1)
    );
    assert!(asked[0].username.is_none());
    assert_eq!(*verdicts.borrow(), [(Verdict::Approved, URL.to_owned())]);
}

#[test]
fn three_logins_are_tried_and_no_more() {
    let world = guarded("never");
    let logins: Vec<_> = (0..9).map(|n| Some(basic("u", &n.to_string()))).collect();
    let (options, asked, verdicts) = answering(&logins);
    let error = world.refusal(URL, &options);
    assert_eq!((error.code, error.status), (Code::AuthRejected, Some(401)));
    assert_eq!(error.remote_text.as_deref(), Some("log in"));
    assert_eq!(asked.borrow().iter().map(|c| c.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(world.requests(), 4);
    assert_eq!(
        verdicts
            .borrow()
            .iter()
            .filter(|(v, _)| *v == Verdict::Rejected)
            .count(),
        3
    );
}

#[test]
fn a_login_that_was_refused_is_not_sent_again() {
    let world = guarded("never");
    let (options, asked, _) = answering(&[Some(basic("u", "p")), Some(basic("u", "p"))]);
    assert_eq!(world.refusal(URL, &options).code, Code::AuthRejected);
    assert_eq!((asked.borrow().len(), world.requests()), (2, 2));
}

#[test]
fn without_anybody_to_ask_the_error_says_how_to_supply_a_login() {
    let world = guarded("never");
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::AuthRequired);
    assert!(error.message.contains("https://h.example"), "{error}");
    assert!(
        error.hint.as_ref().is_some_and(|hint| hint.contains("OWNER@")),
        "{error}"
    );
    let (options, _, _) = answering(&[None]);
    assert_eq!(guarded("never").refusal(URL, &options).code, Code::AuthRequired);
}

#[test]
fn logins_in_the_url_are_decoded_sent_once_asked_for_and_told_to_nobody() {
    let check = |url: &str, expected: &'static str| {
        let world = guarded(expected);
        let session = world.connect(url, &Options::default());
        assert!(session.is_ok(), "{url}: {:?}", session.err());
        assert_eq!(world.requests(), 2, "{url}");
        for request in world.http.log.borrow().iter() {
            assert!(request.url.starts_with("https://h.example/r.git/"), "{}", request.url);
        }
    };
    check("https://u:p@h.example/r.git", "Basic dTpw");
    // user@corp.com and p@ss:w/rd
    check(
        "https://user%40corp.com:p%40ss%3Aw%2Frd@h.example/r.git",
        "Basic dXNlckBjb3JwLmNvbTpwQHNzOncvcmQ=",
    );
    check(
        "https://user@corp.com:pw@h.example/r.git",
        "Basic dXNlckBjb3JwLmNvbTpwdw==",
    );
    check("https://u:@h.example/r.git", "Basic dTo=");
    check("https://:pat@h.example/r.git", "Basic OnBhdA==");
    // A token without a colon, once nobody has a password for it.
    check("https://TOKEN@h.example/r.git", "Basic VE9LRU46");
}

#[test]
fn a_user_in_the_url_asks_only_for_the_password() {
    let world = guarded("Basic T1dORVI6cA==");
    let (options, asked, _) = answering(&[Some(basic("OWNER", "p"))]);
    assert!(world.connect("https://OWNER@h.example/r.git", &options).is_ok());
    assert_eq!(asked.borrow()[0].username.as_deref(), Some("OWNER"));
    assert_eq!(asked.borrow()[0].url, URL);
}

#[test]
fn a_wrong_login_in_the_url_counts_as_a_try_and_then_the_caller_is_asked() {
    let world = guarded("Basic dTpw");
    let (options, asked, verdicts) = answering(&[Some(basic("u", "p"))]);
    assert!(world.connect("https://u:wrong@h.example/r.git", &options).is_ok());
    assert_eq!(asked.borrow().len(), 1);
    assert_eq!(
        verdicts.borrow().iter().map(|(v, _)| *v).collect::<Vec<_>>(),
        [Verdict::Rejected, Verdict::Approved]
    );
}

#[test]
fn bearer_and_raw_authorization_are_sent_as_given() {
    for (login, expected) in [
        (Credentials::Bearer("t0ken".into()), "Bearer t0ken"),
        (Credentials::Authorization("Custom x".into()), "Custom x"),
    ] {
        let (options, _, _) = answering(&[Some(login)]);
        assert!(guarded(expected).connect(URL, &options).is_ok(), "{expected}");
    }
}

#[test]
fn a_login_that_would_split_the_header_is_refused_and_not_quoted() {
    for login in [
        basic("u", "S3CR3T\r\nX: y"),
        Credentials::Bearer("S3CR3T\0".into()),
        Credentials::Authorization("S3CR3T\n".into()),
    ] {
        let world = guarded("never");
        let (options, _, _) = answering(&[Some(login)]);
        let error = world.refusal(URL, &options);
        assert_eq!(error.code, Code::Unsupported);
        assert!(!format!("{error:?}").contains("S3CR3T"), "{error:?}");
        assert_eq!(world.requests(), 1);
    }
}

#[test]
fn schemes_that_a_page_cannot_speak_are_named_and_nobody_is_asked() {
    let world = World::new(|_| {
        answer(401, "text/plain", "")
            .header("www-authenticate", "Negotiate, NTLM")
            .header("www-authenticate", "Digest realm=\"x\"")
            .into()
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    let error = world.refusal(URL, &options);
    assert_eq!(error.code, Code::AuthSchemeUnsupported);
    assert!(error.message.contains("Negotiate, NTLM, Digest"), "{error}");
    assert!(asked.borrow().is_empty());
    assert_eq!(world.requests(), 1);
}

#[test]
fn hidden_challenges_still_ask() {
    let world = World::new(|request| match header(request, "authorization") {
        Some(_) => discovery(request).into(),
        None => answer(401, "text/plain", "").into(),
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    assert!(world.connect(URL, &options).is_ok());
    assert!(asked.borrow()[0].schemes.is_empty());
}

#[test]
fn forbidden_with_a_login_is_final_and_quotes_the_server() {
    let world = World::new(|request| match header(request, "authorization") {
        Some(_) => answer(403, "text/plain", "token lacks scope").into(),
        None => unauthorized().into(),
    });
    let (options, asked, verdicts) = answering(&[Some(basic("u", "p")), Some(basic("u", "q"))]);
    let error = world.refusal(URL, &options);
    assert_eq!((error.code, error.status), (Code::Forbidden, Some(403)));
    assert!(
        error
            .message
            .contains("git-upload-pack not permitted on https://h.example/r.git"),
        "{error}"
    );
    assert_eq!(error.remote_text.as_deref(), Some("token lacks scope"));
    assert!(error.hint.unwrap().contains("scope"));
    assert_eq!(asked.borrow().len(), 1);
    assert!(verdicts.borrow().is_empty());
}

#[test]
fn pushing_asks_after_a_403_that_nobody_logged_in_for() {
    let world = World::new(|request| match header(request, "authorization") {
        Some(_) => {
            let body = [
                pkt("# service=git-receive-pack\n"),
                b"0000".to_vec(),
                pkt(format!("{OID} refs/heads/main\0report-status\n")),
                b"0000".to_vec(),
            ];
            answer(200, "application/x-git-receive-pack-advertisement", body.concat()).into()
        }
        None => answer(403, "text/plain", "").into(),
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    assert!(world.connect_for(URL, Service::ReceivePack, &options).is_ok());
    assert_eq!(asked.borrow().len(), 1);
}

#[test]
fn a_login_in_the_url_is_tried_where_a_server_hides_behind_404() {
    let world = World::new(|request| match header(request, "authorization") {
        Some(_) => discovery(request).into(),
        None => answer(404, "text/plain", "").into(),
    });
    assert!(
        world
            .connect("https://u:p@h.example/r.git", &Options::default())
            .is_ok()
    );
    assert_eq!(world.requests(), 2);
}

#[test]
fn a_sign_in_page_counts_as_a_request_to_log_in() {
    let pages = [
        answer(203, "text/html; charset=utf-8", "<html><title>Welcome</title>"),
        answer(200, "text/html", "<html><form><input type=\"password\"></form>"),
    ];
    for page in pages {
        let status = page.status;
        let world = World::new(move |request| match header(request, "authorization") {
            Some("Basic dTpw") => discovery(request).into(),
            _ => page.clone().into(),
        });
        let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
        assert!(world.connect(URL, &options).is_ok(), "{status}");
        assert_eq!(asked.borrow().len(), 1);
        // A login that gets the page again is no reason to ask once more.
        let (options, asked, _) = answering(&[Some(basic("u", "wrong")), Some(basic("u", "p"))]);
        let error = world.refusal(URL, &options);
        assert_eq!((error.code, error.status), (Code::NotGitHtml, Some(status)));
        assert_eq!(asked.borrow().len(), 1);
    }
}

#[test]
fn a_redirect_to_a_sign_in_page_counts_as_a_request_to_log_in() {
    let world = World::new(|request| {
        if request.url.starts_with("https://login.example/") {
            assert!(header(request, "authorization").is_none());
            return answer(200, "text/html", "<html><title>Sign in</title>").into();
        }
        match header(request, "authorization") {
            Some("Basic dTpw") => discovery(request).into(),
            _ => Reply::Redirect(302, "https://login.example/sso?back=r".to_owned()),
        }
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    assert!(world.connect(URL, &options).is_ok());
    assert_eq!(asked.borrow()[0].url, URL);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::RedirectNotGit);
    assert!(
        error.message.contains("https://login.example/sso") && !error.message.contains("back="),
        "{error}"
    );
}

#[test]
fn a_login_wanted_only_for_the_post_is_asked_for_there_and_the_same_body_sent_again() {
    let world = World::new(|request| match (request.method, header(request, "authorization")) {
        (Method::Get, _) => v2().into(),
        (Method::Post, Some(_)) => refs().into(),
        (Method::Post, None) => unauthorized().into(),
    });
    let (options, asked, verdicts) = answering(&[Some(basic("u", "p"))]);
    let mut session = world.connect(URL, &options).unwrap();
    assert_eq!(world.run(session.ls_refs(&[])).unwrap().len(), 2);
    let log = world.http.log.borrow();
    assert_eq!((log.len(), asked.borrow().len()), (3, 1));
    assert!(log[1].body.is_some());
    assert_eq!(body(&log[1]), body(&log[2]));
    assert_eq!(verdicts.borrow().len(), 1);
}

#[test]
fn a_login_is_sent_with_every_later_request_to_the_same_origin() {
    let world = World::new(|request| match (request.method, header(request, "authorization")) {
        (_, None) => unauthorized().into(),
        (Method::Get, _) => v2().into(),
        (Method::Post, _) => refs().into(),
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    let mut session = world.connect(URL, &options).unwrap();
    assert!(world.run(session.ls_refs(&[])).is_ok());
    assert_eq!((world.requests(), asked.borrow().len()), (3, 1));
}

#[test]
fn secrets_that_a_server_sends_back_are_in_no_error() {
    for login in [
        basic("u", "S3CR3T-1234"),
        Credentials::Bearer("S3CR3T-1234".into()),
        Credentials::Authorization("Custom S3CR3T-1234".into()),
    ] {
        let world = World::new(|request| match header(request, "authorization") {
            Some(value) => answer(403, "text/plain", format!("you sent {value} and S3CR3T-1234")).into(),
            None => unauthorized().into(),
        });
        let (options, _, _) = answering(&[Some(login)]);
        let error = format!("{:?}", world.refusal(URL, &options));
        assert!(error.contains("<redacted>"), "{error}");
        assert!(!error.contains("S3CR3T") && !error.contains("UzNDUjNU"), "{error}");
    }
}

#[test]
fn a_login_does_not_pass_a_proxy_that_is_not_trusted_with_it() {
    let proxied = |trusted| CorsProxy {
        pass_credentials: trusted,
        ..CorsProxy::new("https://proxy.example")
    };
    for url in [URL, "https://u:p@h.example/r.git"] {
        let world = guarded("Basic dTpw");
        let (mut options, asked, _) = answering(&[Some(basic("u", "p"))]);
        options.cors_proxy = Some(proxied(false));
        let error = world.refusal(url, &options);
        assert_eq!(error.code, Code::AuthRequired);
        assert!(error.hint.unwrap().contains("credentials: true"));
        assert!(asked.borrow().is_empty());
        assert!(
            world
                .http
                .log
                .borrow()
                .iter()
                .all(|request| header(request, "authorization").is_none())
        );
    }
    let world = guarded("Basic dTpw");
    let (mut options, asked, _) = answering(&[Some(basic("u", "p"))]);
    options.cors_proxy = Some(proxied(true));
    assert!(world.connect(URL, &options).is_ok());
    assert_eq!(asked.borrow()[0].url, URL);
    assert!(
        world
            .last()
            .url
            .starts_with("https://proxy.example/h.example/r.git/info/refs")
    );
}

#[test]
fn a_redirect_to_another_origin_is_asked_about_anew() {
    let world = World::new(|request| {
        if request.url.starts_with("https://h.example/") {
            return Reply::Redirect(301, request.url.replace("https://h.example", "https://moved.example"));
        }
        match header(request, "authorization") {
            Some("Basic dTpw") => discovery(request).into(),
            _ => unauthorized().into(),
        }
    });
    let (options, asked, _) = answering(&[Some(basic("u", "p"))]);
    // What the URL holds is for h.example alone.
    let session = world.connect("https://stale:pw@h.example/r.git", &options).unwrap();
    assert_eq!(session.url(), "https://moved.example/r.git");
    assert_eq!(asked.borrow()[0].url, "https://moved.example/r.git");
    assert!(asked.borrow()[0].username.is_none());
    for request in world
        .http
        .log
        .borrow()
        .iter()
        .filter(|request| request.url.starts_with("https://moved.example"))
    {
        assert_ne!(header(request, "authorization"), Some("Basic c3RhbGU6cHc="));
    }
}

#[test]
fn an_authorization_header_of_the_callers_own_that_is_refused_is_called_so() {
    let world = guarded("never");
    let options = Options {
        headers: vec![("Authorization".to_owned(), "Basic eDp5".into())],
        ..Options::default()
    };
    assert_eq!(world.refusal(URL, &options).code, Code::AuthRejected);
    assert_eq!(world.requests(), 1);
}

#[test]
fn a_question_that_is_never_answered_can_be_cancelled() {
    let world = guarded("never");
    let asked = Rc::new(Cell::new(false));
    let noted = asked.clone();
    let options = Options {
        credentials: Some(Rc::new(move |_| {
            noted.set(true);
            Box::pin(std::future::pending())
        })),
        ..Options::default()
    };
    let url = gitside::protocol::url::RemoteUrl::parse(URL).unwrap();
    let connect = gitside::ops::remote::Remote::connect(&world.host, &world.task, &url, Service::UploadPack, &options);
    let (result, at) = world.run_and_cancel(500.0, connect);
    assert!(matches!(result, Err(gitside::error::Failure::Cancelled)));
    assert!(asked.get());
    assert_eq!(at, 500.0);
}

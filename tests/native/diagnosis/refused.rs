//! Requests that cannot be made, that the browser stops, or that the server answers with a status.

use gitside::error::{Code, Stage};
use gitside::ops::remote::Retry;
use gitside::task::Event;
use gitside_server::{Fault, Reply, Server, When};

use crate::rows::{Try, fetch, info_refs, place, rows};

#[test]
fn urls_that_cannot_be_used_are_explained_before_anything_is_sent() {
    let mut rows = rows();
    let unsupported = Code::UnsupportedTransport;
    for (what, url, words) in [
        (
            "scp-like",
            "git@h.example:group/p.git",
            ["https://h.example/group/p.git"],
        ),
        (
            "ssh",
            "ssh://git@h.example/group/p.git",
            ["https://h.example/group/p.git"],
        ),
        ("git", "git://h.example/p.git", ["https://h.example/p.git"]),
        ("file", "file:///srv/p.git", ["only https and http"]),
        ("a helper", "ext::sh -c x", ["only https and http"]),
    ] {
        rows.row(what, &[], Try::clone(url), unsupported, Stage::Request, &words);
    }
    let invalid = Code::InvalidUrl;
    for (what, url, words) in [
        ("no scheme", "h.example/p.git", ["https://"]),
        ("no host", "http:///p.git", ["no host"]),
        ("two colons", "http::/x", ["no host"]),
        (
            "a line break in the path",
            "https://h.example/p%0a.git",
            ["encoded control character"],
        ),
        (
            "a space in the login",
            "https://a b@h.example/p.git",
            ["%20 for a space"],
        ),
        ("a port that is none", "https://h.example:port/p.git", ["port"]),
    ] {
        rows.row(what, &[], Try::list(url), invalid, Stage::Request, &words);
    }
    assert!(rows.place.server.log().is_empty());
    assert_eq!(rows.count, 11);
}

#[test]
fn requests_that_browsers_stop_name_the_causes_likely_for_this_request() {
    let mut rows = rows();
    let (plain, cors) = (rows.url("/git/example.git"), rows.url("/cors/example.git"));
    let allow = "Access-Control-Allow-Origin: https://page.example";
    let opaque = Code::NetworkOpaque;
    let stage = Stage::Discover;
    rows.row(
        "no CORS at all",
        &[],
        Try::list(plain.as_str()).page(),
        opaque,
        stage,
        &[
            "browsers hide why",
            "CORS",
            allow,
            "CORS proxy",
            "not even this computer",
        ],
    );
    let mut header = Try::list(cors.as_str()).page();
    header.options.remote.headers = vec![("X-Tenant".to_owned(), "acme".into())];
    let words = [
        "does not allow the headers x-tenant",
        "Access-Control-Allow-Headers: x-tenant",
    ];
    rows.row("a header of the page's own", &[], header, opaque, stage, &words);
    let closed = Server::builder().start().unwrap().url("/p.git");
    rows.row(
        "nobody listens",
        &[],
        Try::list(closed),
        opaque,
        stage,
        &["host name", "certificate"],
    );
    rows.row(
        "http from an https page",
        &[],
        Try::list("http://h.example/p.git").page(),
        Code::MixedContent,
        stage,
        &["https", "CORS proxy"],
    );
    assert_eq!(rows.count, 4);
}

#[test]
fn a_wrong_login_is_told_from_a_missing_permission() {
    let mut rows = rows();
    let (open, private) = (rows.url("/git/example.git"), rows.url("/private/example.git"));
    let discover = Stage::Discover;
    let origin = rows.place.server.origin();
    rows.row(
        "no login",
        &[],
        Try::list(private.as_str()),
        Code::AuthRequired,
        discover,
        &[&origin, "no user name or password", "https://OWNER@host/"],
    );
    let realm = Try::list(private.as_str()).error("realm");
    assert!(format!("{:?}", realm.data).contains("the vault"), "{realm:?}");
    let wrong = Try::list(private.as_str()).login("ada", "babbage");
    let words = ["authentication failed", "access token", "expired", "second factor"];
    rows.row("a wrong password", &[], wrong, Code::AuthRejected, discover, &words);
    let encoded = Try::list(private.as_str()).login("ada%40example.org", "lovelace");
    rows.row(
        "%40 as it is",
        &[],
        encoded,
        Code::AuthRejected,
        discover,
        &["literal %40", "write @"],
    );
    let kerberos = rows.url("/kerberos/example.git");
    rows.row(
        "schemes of the operating system",
        &[],
        Try::list(kerberos).login("ada", "x"),
        Code::AuthSchemeUnsupported,
        discover,
        &["Negotiate, NTLM", "Basic or Bearer"],
    );
    let forbidden = |text: &str| Fault::respond(Reply::text(403, text));
    let not_permitted = format!("git-upload-pack not permitted on {private}");
    rows.row(
        "a login that may not read",
        &[(
            info_refs().header("authorization"),
            forbidden("Your token lacks the scope repo\n"),
        )],
        Try::list(private.as_str()).login("ada", "lovelace"),
        Code::Forbidden,
        discover,
        &[
            &not_permitted,
            "Your token lacks the scope repo",
            "permission to read",
            "scope",
            "single sign-on",
            "IP allow",
        ],
    );
    rows.row(
        "nobody may read",
        &[(info_refs(), forbidden("no\n"))],
        Try::list(open.as_str()),
        Code::Forbidden,
        discover,
        &["not permitted", "may need credentials"],
    );
    rows.row(
        "the pack is refused",
        &[(fetch(), forbidden("read access only for listing\n"))],
        Try::clone(open.as_str()),
        Code::Forbidden,
        Stage::Negotiate,
        &["not permitted", "read access only"],
    );
    let page = "<title>Sign in to your account</title>";
    rows.row(
        "a sign-in page with status 203",
        &[(info_refs(), Fault::respond(Reply::html(203, "<title>Portal</title>")))],
        Try::list(open.as_str()),
        Code::NotGitHtml,
        discover,
        &["supply credentials", "Portal"],
    );
    rows.row(
        "a sign-in page with status 200",
        &[(info_refs(), Fault::respond(Reply::html(200, page)))],
        Try::list(open.as_str()),
        Code::NotGitHtml,
        discover,
        &["asks for a login", "Sign in to your account"],
    );
    assert_eq!(rows.count, 9);
}

#[test]
fn a_sign_in_page_is_a_question_for_the_login() {
    let place = place();
    let url = place.server.url("/git/example.git");
    let page = Fault::respond(Reply::html(203, "<title>Sign in</title>"));
    place.server.fault(info_refs().without_header("authorization"), page);
    let auth = "/git/example.git";
    let (result, _) = Try::list(url.as_str()).login("ada", "lovelace").run();
    assert!(result.is_ok(), "{result:?}");
    assert!(
        place.server.log().iter().any(
            |entry| entry.path.starts_with(auth) && entry.header("authorization") == Some("Basic YWRhOmxvdmVsYWNl")
        )
    );
}

#[test]
fn statuses_say_what_they_mean_for_git() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let status = |status: u16, text: &str| Fault::respond(Reply::text(status, text));
    let (discover, negotiate) = (Stage::Discover, Stage::Negotiate);
    let missing = rows.url("/git/nothing");
    let suffix = format!("{missing}.git");
    rows.row(
        "not there",
        &[],
        Try::list(missing.as_str()),
        Code::RemoteNotFound,
        discover,
        &["not found, or no access", &suffix, "credentials"],
    );
    let gone = [(info_refs(), status(410, "moved away\n"))];
    rows.row(
        "gone",
        &gone,
        Try::list(url.as_str()),
        Code::HttpStatus,
        discover,
        &["410", "moved away", "removed for good"],
    );
    let teapot = [(info_refs(), status(418, "tea only\n"))];
    rows.row(
        "another refusal",
        &teapot,
        Try::list(url.as_str()),
        Code::HttpStatus,
        discover,
        &["418", "tea only"],
    );
    let method = [(When::post(), status(405, ""))];
    rows.row(
        "no POST",
        &method,
        Try::list(url.as_str()),
        Code::HttpStatus,
        discover,
        &["turned the POST into a GET"],
    );
    let media = [(fetch(), status(415, "Unsupported Media Type\n"))];
    rows.row(
        "another content type",
        &media,
        Try::clone(url.as_str()),
        Code::HttpStatus,
        negotiate,
        &["removed or changed the Content-Type"],
    );
    let proxy = [(When::any(), status(407, "who are you\n"))];
    rows.row(
        "a proxy wants a login",
        &proxy,
        Try::list(url.as_str()),
        Code::ProxyAuth,
        discover,
        &["a proxy", "was not reached", "go around"],
    );
    let large = [(fetch(), status(413, "too much\n"))];
    rows.row(
        "too large",
        &large,
        Try::clone(url.as_str()),
        Code::TooLarge,
        negotiate,
        &["too large", "limits the size", "too much"],
    );
    let limited = [(
        info_refs(),
        Fault::respond(Reply::text(429, "slow down\n").header("retry-after", "30")),
    )];
    rows.row(
        "rate limit",
        &limited,
        Try::list(url.as_str()),
        Code::RateLimited,
        discover,
        &["30 seconds", "slow down", "option retry"],
    );
    let mut retrying = Try::list(url.as_str());
    retrying.options.remote.retry = Retry {
        max_retries: 1,
        max_retry_time: 5,
    };
    rows.row(
        "a longer pause than allowed",
        &limited,
        retrying,
        Code::RateLimited,
        discover,
        &["30 s", "5 s that the option retry allows"],
    );
    for code in [500, 502, 503, 504] {
        let down = [(info_refs(), status(code, "maintenance\n"))];
        let number = code.to_string();
        rows.row(
            "unavailable",
            &down,
            Try::list(url.as_str()),
            Code::Unavailable,
            discover,
            &[&number, "maintenance"],
        );
    }
    let page = [(
        info_refs(),
        Fault::respond(Reply::html(500, "<title>Oops</title><p>SECRET")),
    )];
    rows.row(
        "an error page",
        &page,
        Try::list(url.as_str()),
        Code::Unavailable,
        discover,
        &["Oops"],
    );
    let latin = Reply::typed(500, "text/plain; charset=iso-8859-1", b"gest\xf6rt\n".as_slice());
    let latin = [(info_refs(), Fault::respond(latin))];
    rows.row(
        "text in another charset",
        &latin,
        Try::list(url.as_str()),
        Code::Unavailable,
        discover,
        &["gestört"],
    );
    assert_eq!(rows.count, 15);
}

#[test]
fn redirects_name_the_url_to_use() {
    let mut rows = rows();
    let (url, private) = (rows.url("/git/example"), rows.url("/private/example"));
    let to = |path: &str| Fault::redirect(302, &rows.place.server.url(path));
    let moved = (
        info_refs().path("/git/example/info/refs"),
        to("/git/example.git/info/refs?service=git-upload-pack"),
    );
    rows.place.server.fault(moved.0.clone(), moved.1);
    let (result, events) = Try::list(url.as_str()).run();
    assert!(result.is_ok(), "{result:?}");
    let exact = format!("redirecting to {url}.git; use this URL from now on");
    assert!(events.contains(&Event::Warning(exact)), "{events:?}");

    let login = (info_refs().path("/git/example/info/refs"), to("/files/login?return=x"));
    let form = (
        When::get().path_contains("login"),
        Fault::respond(Reply::html(200, "<title>Log in</title>")),
    );
    rows.row(
        "to a login page",
        &[login, form],
        Try::list(url.as_str()),
        Code::RedirectNotGit,
        Stage::Discover,
        &["/files/login", "login page", "credentials"],
    );
    let away = (
        info_refs().header("authorization"),
        Fault::redirect(301, "https://h.example/x"),
    );
    let suffix = format!("{private}.git");
    rows.row(
        "with a login",
        &[away],
        Try::list(private.as_str()).login("ada", "lovelace"),
        Code::RedirectBlocked,
        Stage::Discover,
        &["exact URL", &suffix],
    );
    let geo = (When::post().skip(1), Fault::redirect(302, "https://primary.example/x"));
    let whole = rows.url("/git/example.git");
    rows.row(
        "of the pack request",
        &[geo],
        Try::clone(whole),
        Code::RedirectBlocked,
        Stage::Negotiate,
        &["redirects the request", "primary server"],
    );
    assert_eq!(rows.count, 3);
}

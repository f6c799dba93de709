//! What a person is told when listing or cloning fails: one row for each condition, made on a real
//! server or by breaking one. Each has its code, its stage, and the words that say what to do.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::rc::Rc;

use gitside::error::{Code, Failure, GitError, Stage};
use gitside::host::Host;
use gitside::ops::clone::{self, clone};
use gitside::ops::ls_remote::ls_remote;
use gitside::ops::remote::{Credentials, Retry, Timeouts, Version};
use gitside::store::memory::MemoryStorage;
use gitside::task::{Event, Task};
use gitside_server::repos::{self, Repo};
use gitside_server::{Auth, Cors, Fault, Files, Git, Reply, Server, When};
use support::block_on;
use support::http::{SocketHttp, SystemClock};

const PAGE: &str = "https://page.example";

struct Place {
    _folder: tempfile::TempDir,
    repo: Repo,
    server: Server,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("example.git")).unwrap();
    let sha256 = folder.path().join("sha256.git");
    let path = sha256.to_str().unwrap();
    let args = ["init", "--quiet", "--bare", "--object-format=sha256", path];
    repo.git(args).unwrap();
    repo.git(["update-server-info"]).unwrap();
    let at = |prefix: &str| Git::at(prefix, folder.path());
    let server = Server::builder()
        .mount(at("/git"))
        .mount(at("/cors").cors(Cors::Gitea))
        .mount(at("/private").auth(Auth::basic("ada", "lovelace").realm("the vault")))
        .mount(at("/kerberos").auth(Auth::basic("ada", "x").challenges(&["Negotiate", "NTLM"])))
        .mount(at("/small").env("GIT_HTTP_MAX_REQUEST_BUFFER", "100"))
        .mount(Files::at("/files", folder.path()))
        .start()
        .unwrap();
    Place {
        _folder: folder,
        repo,
        server,
    }
}

/// What is tried.
#[derive(Clone)]
struct Try {
    lists: bool,
    url: String,
    http: SocketHttp,
    options: clone::Options,
    /// Room in the storage, in bytes.
    room: Option<u64>,
}

impl Try {
    fn list(url: impl Into<String>) -> Try {
        Try {
            lists: true,
            ..Try::clone(url)
        }
    }

    fn clone(url: impl Into<String>) -> Try {
        Try {
            lists: false,
            url: url.into(),
            http: SocketHttp::default(),
            options: clone::Options::default(),
            room: None,
        }
    }

    fn page(mut self) -> Try {
        self.http = SocketHttp::of_page(PAGE);
        self
    }

    fn login(mut self, username: &'static str, password: &'static str) -> Try {
        self.options.remote.credentials = Some(Rc::new(move |_| {
            Box::pin(async move {
                Some(Credentials::Basic {
                    username: username.into(),
                    password: password.into(),
                })
            })
        }));
        self
    }

    fn run(&self) -> (Result<(), Failure>, Vec<Event>) {
        let storage = Rc::new(MemoryStorage::new());
        let host = Host {
            storage: storage.clone(),
            http: Rc::new(self.http.clone()),
            clock: Rc::new(SystemClock::default()),
            threads: Rc::new(gitside::host::NoThreads),
        };
        storage.set_limit(self.room);
        let events = Rc::new(std::cell::RefCell::new(Vec::new()));
        let told = Rc::clone(&events);
        let task = Task::new(host.clock.clone(), move |event| told.borrow_mut().push(event));
        let result = block_on(async {
            if self.lists {
                ls_remote(&host, &task, &self.url, &self.options.remote, &[])
                    .await
                    .map(drop)
            } else {
                clone(&host, &task, &self.url, "copy", &self.options).await.map(drop)
            }
        });
        (result, events.take())
    }

    fn error(&self, what: &str) -> GitError {
        match self.run().0 {
            Err(Failure::Error(error)) => *error,
            Err(Failure::Cancelled) => panic!("{what}: cancelled"),
            Ok(()) => panic!("{what}: it worked"),
        }
    }
}

struct Rows {
    place: Place,
    count: usize,
}

impl Rows {
    fn url(&self, path: &str) -> String {
        self.place.server.url(path)
    }

    /// A condition: faults of the server, what is tried, and what must be said of it.
    fn row(&mut self, what: &str, faults: &[(When, Fault)], tried: Try, code: Code, stage: Stage, words: &[&str]) {
        self.place.server.clear_faults();
        for (when, fault) in faults {
            self.place.server.fault(when.clone(), fault.clone());
        }
        let error = tried.error(what);
        assert_eq!((error.code, error.stage), (code, stage), "{what}: {error:?}");
        let text = format!("{error} {}", error.remote_text.as_deref().unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "{what}: '{word}' is not in: {text}");
        }
        let known = matches!(
            code,
            Code::InvalidUrl | Code::UnsupportedTransport | Code::Quota | Code::PackInvalid
        );
        let local = known || matches!(code, Code::NotConnected | Code::RefNotFound);
        assert!(local || error.url.is_some(), "{what}: no url in {error:?}");
        self.count += 1;
    }
}

fn rows() -> Rows {
    Rows {
        place: place(),
        count: 0,
    }
}

fn info_refs() -> When {
    When::get().path_contains("/info/refs")
}

/// The answer to the fetch, in version 2 the second POST.
fn fetch() -> When {
    When::post().skip(1)
}

fn pkt(line: &[u8]) -> Vec<u8> {
    [format!("{:04x}", line.len() + 4).as_bytes(), line].concat()
}

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

#[test]
fn answers_that_are_not_gits_are_told_apart() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let (discover, negotiate) = (Stage::Discover, Stage::Negotiate);
    let page = || Fault::respond(Reply::html(200, "<html><title>A forge</title>SECRET"));
    rows.row(
        "a web page",
        &[(info_refs(), page())],
        Try::list(url.as_str()),
        Code::NotGitHtml,
        discover,
        &["web page", "A forge", "is this the URL of a Git repository?"],
    );
    rows.row(
        "a web page for the pack",
        &[(fetch(), page())],
        Try::clone(url.as_str()),
        Code::NotGitHtml,
        negotiate,
        &["captive portal"],
    );
    let files = rows.url("/files/example.git");
    rows.row(
        "only files",
        &[],
        Try::list(files),
        Code::DumbServer,
        discover,
        &[
            "not 'application/x-git-upload-pack-advertisement'",
            "smart HTTP",
            "git http-backend",
        ],
    );
    let text = Fault::respond(Reply::text(200, "hello"));
    rows.row(
        "another content type",
        &[(info_refs(), text)],
        Try::list(url.as_str()),
        Code::ContentType,
        discover,
        &["text/plain", "application/x-git-upload-pack-advertisement", "hello"],
    );
    rows.row(
        "nothing at all",
        &[(info_refs(), Fault::truncate(0))],
        Try::list(url.as_str()),
        Code::EmptyResponse,
        discover,
        &["empty answer", "more than nothing"],
    );
    rows.row(
        "nothing in answer to the fetch",
        &[(fetch(), Fault::truncate(0))],
        Try::clone(url.as_str()),
        Code::EmptyResponse,
        negotiate,
        &["0 bytes received", "GIT_HTTP_MAX_REQUEST_BUFFER", "10 MiB"],
    );
    let small = rows.url("/small/example.git");
    let mut old = Try::clone(small);
    old.options.remote.protocol_version = Some(Version::V0);
    rows.row(
        "a request larger than the server takes",
        &[],
        old,
        Code::EmptyResponse,
        negotiate,
        &["GIT_HTTP_MAX_REQUEST_BUFFER"],
    );
    let sha256 = rows.url("/git/sha256.git");
    rows.row(
        "another hash",
        &[],
        Try::list(sha256),
        Code::ObjectFormat,
        discover,
        &["sha256", "sha1"],
    );
    assert_eq!(rows.count, 8);
}

#[test]
fn transfers_that_end_early_say_how_far_they_came_and_that_trying_again_is_safe() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let (discover, receive) = (Stage::Discover, Stage::Receive);
    let reset = Code::ConnectionReset;
    let cut = |at| (info_refs(), Fault::truncate(at));
    rows.row(
        "a cut listing",
        &[cut(40)],
        Try::list(url.as_str()),
        reset,
        discover,
        &["40 bytes", "safe to try again"],
    );
    let broken = (info_refs(), Fault::reset_at(40));
    rows.row(
        "a reset connection",
        &[broken],
        Try::list(url.as_str()),
        reset,
        discover,
        &["broke off", "safe to try again"],
    );
    for fault in [Fault::truncate(3000), Fault::close_at(3000), Fault::reset_at(3000)] {
        let cut = [(fetch(), fault)];
        rows.row(
            "a cut pack",
            &cut,
            Try::clone(url.as_str()),
            reset,
            receive,
            &["bytes", "nothing was stored"],
        );
    }
    let impatient = |tried: Try| {
        let mut tried = tried;
        tried.options.remote.timeouts = Timeouts {
            first_byte: 1200,
            stall: 1200,
            ..Timeouts::default()
        };
        tried
    };
    let silent = (info_refs(), Fault::Delay { ms: None });
    let words = ["did not answer within 1 s", "raise the time limit"];
    rows.row(
        "silence",
        &[silent],
        impatient(Try::list(url.as_str())),
        Code::Stalled,
        discover,
        &words,
    );
    let stalled = (fetch(), Fault::stall(3000));
    let words = ["after 3000 bytes"];
    rows.row(
        "a pack that stops",
        &[stalled],
        impatient(Try::clone(url.as_str())),
        Code::Stalled,
        receive,
        &words,
    );
    assert_eq!(rows.count, 7);
}

#[test]
fn what_the_server_says_in_git_is_passed_on() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let err = Reply::advertisement("git-upload-pack", pkt(b"ERR access denied or not exported: \x1b[31m/p"));
    rows.row(
        "an error line",
        &[(info_refs(), Fault::respond(err))],
        Try::list(url.as_str()),
        Code::RemoteError,
        Stage::Discover,
        &["access denied or not exported: ^[[31m/p"],
    );
    let fatal = [
        pkt(b"packfile\n"),
        pkt(b"\x03aborting due to possible repository corruption on the remote side.\n"),
        b"0000".to_vec(),
    ];
    let fatal = Reply::result("git-upload-pack", fatal.concat());
    rows.row(
        "the last band",
        &[(fetch(), Fault::respond(fatal))],
        Try::clone(url.as_str()),
        Code::RemoteError,
        Stage::Negotiate,
        &["possible repository corruption on the remote side"],
    );
    let tip = rows.place.repo.git_line(["rev-parse", "main"]).unwrap();
    let lie = Fault::replace(tip.clone(), "1234567890123456789012345678901234567890");
    rows.place.server.clear_log();
    rows.row(
        "a ref that moves again and again",
        &[(When::post(), lie)],
        Try::clone(url.as_str()),
        Code::StaleRefs,
        Stage::Negotiate,
        &["not our ref", "fetch again"],
    );
    let discoveries = rows
        .place
        .server
        .log()
        .iter()
        .filter(|entry| entry.method == "GET")
        .count();
    assert_eq!(discoveries, 2, "listed anew once");
    let shallow = Fault::replace("fetch=shallow ", "fetch=shallov ");
    let mut deep = Try::clone(url.as_str());
    deep.options.depth = Some(1);
    rows.row(
        "a server that cannot cut histories",
        &[(info_refs(), shallow)],
        deep,
        Code::CapabilityMissing,
        Stage::Negotiate,
        &["does not support shallow"],
    );
    let mut branch = Try::clone(url.as_str());
    branch.options.reference = Some("no-such-branch".to_owned());
    rows.row(
        "a branch that is not there",
        &[],
        branch,
        Code::RefNotFound,
        Stage::Discover,
        &["no-such-branch", "lsRemote"],
    );
    assert_eq!(rows.count, 5);
}

#[test]
fn packs_that_are_not_what_they_should_be_leave_nothing_and_say_where() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    rows.row(
        "a flipped bit",
        &[(fetch(), Fault::flip(4000))],
        Try::clone(url.as_str()),
        Code::PackInvalid,
        Stage::Receive,
        &["is damaged", "nothing was stored", "git fsck"],
    );
    let rev = |rev: &str| rows.place.repo.git_line(["rev-parse", rev]).unwrap();
    let (tip, before) = (rev("main"), rev("draft/harbours"));
    let less = Fault::ReplaceInRequest {
        from: gitside_server::Payload(format!("want {tip}").into_bytes()),
        to: gitside_server::Payload(format!("want {before}").into_bytes()),
    };
    rows.row(
        "objects that were not sent",
        &[(fetch(), less)],
        Try::clone(url.as_str()),
        Code::NotConnected,
        Stage::Unpack,
        &["did not send all necessary objects"],
    );
    let mut full = Try::clone(url.as_str());
    full.room = Some(4000);
    rows.row(
        "no room",
        &[],
        full,
        Code::Quota,
        Stage::Receive,
        &["no room left", "a shallow clone needs less"],
    );
    assert_eq!(rows.count, 3);
}

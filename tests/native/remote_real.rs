//! The transport against `git http-backend` over sockets, with the CORS rules of a page where one
//! is wanted. What came is judged by git itself.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use gitside::error::{Code, Failure, GitError, Outcome};
use gitside::format::oid::ObjectId;
use gitside::ops::ls_remote::{Listing, ls_remote};
use gitside::ops::remote::{CorsProxy, Credentials, Deepen, FetchRequest, Options, Remote, Service, Session, Version};
use gitside::protocol::remote_refs::RemoteHead;
use gitside::protocol::url::RemoteUrl;
use gitside::task::{Event, Phase, Task};
use gitside_server::repos::{self, Repo};
use gitside_server::{Auth, Cors, Fault, Files, Git, Proxy, Reply, Server, When};
use support::http::SocketHttp;
use support::{block_on, host_with};

const PAGE: &str = "http://page.example";

struct Place {
    _folder: tempfile::TempDir,
    repo: Repo,
    server: Server,
    url: String,
}

fn place(mount: impl FnOnce(Git) -> Git) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("example.git")).unwrap();
    let server = Server::builder()
        .mount(mount(Git::at("/git", folder.path())))
        .mount(Proxy::at("/proxy").allow("127.0.0.1:*"))
        .mount(Files::at("/files", folder.path()))
        .keep_bodies()
        .start()
        .unwrap();
    let url = server.url("/git/example.git");
    Place {
        _folder: folder,
        repo,
        server,
        url,
    }
}

fn task(http: &gitside::host::Host) -> (Task, Rc<RefCell<Vec<Event>>>) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let told = events.clone();
    (
        Task::new(http.clock.clone(), move |event| told.borrow_mut().push(event)),
        events,
    )
}

fn list(http: SocketHttp, url: &str, options: &Options, prefixes: &[&str]) -> Outcome<Listing> {
    let host = host_with(http);
    let (task, _) = task(&host);
    let prefixes: Vec<Vec<u8>> = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
    block_on(ls_remote(&host, &task, url, options, &prefixes))
}

async fn connect(host: &gitside::host::Host, task: &Task, url: &str, options: &Options) -> Outcome<Session> {
    let url = RemoteUrl::parse(url).unwrap();
    Remote::connect(host, task, &url, Service::UploadPack, options).await
}

/// A whole fetch: the pack, and the shallow commits the server told.
fn fetch(http: SocketHttp, url: &str, options: &Options, deepen: Deepen) -> Outcome<(Vec<u8>, Vec<ObjectId>)> {
    let host = host_with(http);
    let (task, _) = task(&host);
    block_on(async {
        let mut session = connect(&host, &task, url, options).await?;
        let refs = session.ls_refs(&[]).await?;
        let wants = refs.iter().map(|found| found.oid).collect();
        let request = FetchRequest {
            deepen,
            ..FetchRequest::clone_of(wants)
        };
        let mut stream = session.fetch(request, None).await?;
        let mut pack = Vec::new();
        while let Some(piece) = stream.next().await? {
            pack.extend(piece);
        }
        Ok((pack, stream.shallow().shallow.clone()))
    })
}

fn error<T>(result: Outcome<T>) -> GitError {
    match result {
        Err(Failure::Error(error)) => *error,
        Err(Failure::Cancelled) => panic!("cancelled"),
        Ok(_) => panic!("it worked"),
    }
}

fn version(version: Version) -> Options {
    Options {
        protocol_version: Some(version),
        ..Options::default()
    }
}

fn login(username: &'static str, password: &'static str) -> Options {
    Options {
        credentials: Some(Rc::new(move |_| {
            Box::pin(async move {
                Some(Credentials::Basic {
                    username: username.into(),
                    password: password.into(),
                })
            })
        })),
        ..Options::default()
    }
}

/// What `git ls-remote` says, without the lines of peeled tags.
fn refs_of_git(repo: &Repo) -> Vec<String> {
    let path = repo.path().to_str().unwrap().to_owned();
    let text = String::from_utf8(repo.git(["ls-remote", path.as_str()]).unwrap()).unwrap();
    text.lines()
        .filter(|line| !line.ends_with("^{}"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_refs_listed_are_those_git_lists_in_every_version() {
    for asked in [Version::V0, Version::V1, Version::V2] {
        let place = place(|git| git);
        let listing = list(SocketHttp::default(), &place.url, &version(asked), &[]).unwrap();
        let refs: Vec<String> = listing
            .refs
            .iter()
            .map(|r| format!("{}\t{}", r.oid, String::from_utf8_lossy(r.name.as_bytes())))
            .collect();
        assert_eq!(refs, refs_of_git(&place.repo), "{asked:?}");
        assert!(matches!(&listing.head, RemoteHead::Branch { name, .. } if name.as_bytes() == b"refs/heads/main"));
        let tags = listing.refs.iter().filter(|r| r.peeled.is_some()).count();
        assert_eq!(tags, 2, "{asked:?}: annotated tags are peeled");
        let log = place.server.log();
        let methods: Vec<&str> = log.iter().map(|entry| entry.method.as_str()).collect();
        assert_eq!(
            methods,
            if asked == Version::V2 {
                vec!["GET", "POST"]
            } else {
                vec!["GET"]
            }
        );
        assert!(log.iter().all(|entry| entry.status == 200));
        assert_eq!(log[0].query, "service=git-upload-pack");
        assert!(
            listing.capabilities.iter().any(|word| word.starts_with("agent=git/")),
            "{:?}",
            listing.capabilities
        );
    }
}

#[test]
fn prefixes_are_applied_whether_or_not_the_server_knows_them() {
    for asked in [Version::V0, Version::V2] {
        let place = place(|git| git);
        let listing = list(SocketHttp::default(), &place.url, &version(asked), &["refs/tags/"]).unwrap();
        assert!(!listing.refs.is_empty());
        assert!(
            listing
                .refs
                .iter()
                .all(|found| found.name.as_bytes().starts_with(b"refs/tags/")),
            "{asked:?}"
        );
    }
}

#[test]
fn an_empty_repository_has_no_refs_and_an_unborn_branch() {
    for asked in [Version::V0, Version::V2] {
        let place = place(|git| git);
        Repo::init(place.repo.path().with_file_name("empty.git"), "trunk").unwrap();
        let listing = list(
            SocketHttp::default(),
            &place.server.url("/git/empty.git"),
            &version(asked),
            &[],
        )
        .unwrap();
        assert!(listing.refs.is_empty());
        if asked == Version::V2 {
            assert!(matches!(&listing.head, RemoteHead::Unborn(name) if name.as_bytes() == b"refs/heads/trunk"));
        }
    }
}

/// Objects of a pack that git indexes strictly, as ids.
fn objects_of(pack: &[u8], folder: &Path) -> Vec<String> {
    let repo = Repo::init(folder.join("judge.git"), "main").unwrap();
    let name = String::from_utf8(repo.git_with(["index-pack", "--stdin"], pack).unwrap()).unwrap();
    let index = format!("objects/pack/pack-{}.idx", name.trim().rsplit('\t').next().unwrap());
    let text = repo.git(["verify-pack", "-v", &index]).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut ids: Vec<String> = text
        .lines()
        .filter(|line| ["commit", "tree", "blob", "tag"].contains(&line.split_ascii_whitespace().nth(1).unwrap_or("")))
        .map(|line| line[..40].to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_fetch_brings_exactly_what_git_would_send_in_every_version() {
    let place = place(|git| git);
    let all = String::from_utf8(place.repo.git(["rev-list", "--objects", "--all"]).unwrap()).unwrap();
    let mut expected: Vec<String> = all.lines().map(|line| line[..40].to_owned()).collect();
    expected.sort();
    for asked in [Version::V0, Version::V1, Version::V2] {
        let (pack, shallow) = fetch(SocketHttp::default(), &place.url, &version(asked), Deepen::No).unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(objects_of(&pack, folder.path()), expected, "{asked:?}");
        assert!(shallow.is_empty());
    }
}

#[test]
fn the_shallow_boundary_is_that_of_git() {
    let place = place(|git| git);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("shallow.git");
    let url = format!("file://{}", place.repo.path().display());
    place
        .repo
        .git([
            "clone",
            "-q",
            "--bare",
            "--no-single-branch",
            "--depth",
            "2",
            &url,
            target.to_str().unwrap(),
        ])
        .unwrap();
    let mut expected: Vec<String> = std::fs::read_to_string(target.join("shallow"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    expected.sort();
    for asked in [Version::V0, Version::V2] {
        let (_, shallow) = fetch(SocketHttp::default(), &place.url, &version(asked), Deepen::Depth(2)).unwrap();
        let mut shallow: Vec<String> = shallow.iter().map(ObjectId::to_hex).collect();
        shallow.sort();
        assert_eq!(shallow, expected, "{asked:?}");
    }
}

#[test]
fn the_server_s_progress_arrives() {
    let place = place(|git| git);
    let host = host_with(SocketHttp::default());
    let (task, events) = task(&host);
    block_on(async {
        let mut session = connect(&host, &task, &place.url, &Options::default()).await.unwrap();
        let refs = session.ls_refs(&[]).await.unwrap();
        let wants = refs.iter().map(|found| found.oid).collect();
        let mut stream = session.fetch(FetchRequest::clone_of(wants), None).await.unwrap();
        while stream.next().await.unwrap().is_some() {}
    });
    let events = events.borrow();
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Progress(p) if p.phase == Phase::Counting && p.loaded > 0))
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Message(text) if text.starts_with("Total "))),
        "{events:?}"
    );
}

#[test]
fn a_large_request_is_compressed_and_understood() {
    let place = place(|git| git);
    let prefixes: Vec<String> = (0..200).map(|n| format!("refs/heads/none-{n}")).collect();
    let mut prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    prefixes.push("refs/heads/main");
    let listing = list(SocketHttp::default(), &place.url, &version(Version::V2), &prefixes).unwrap();
    assert_eq!(listing.refs.len(), 1);
    let log = place.server.log();
    assert_eq!(log[1].header("content-encoding"), Some("gzip"));
    assert!(
        log[1].body.starts_with(b"\x1f\x8b") && log[1].body.len() < 1500,
        "{}",
        log[1].body.len()
    );
}

#[test]
fn logins_that_a_real_server_checks_are_accepted() {
    let check = |auth: Auth, options: Options, requests: usize| {
        let place = place(|git| git.auth(auth));
        let listing = list(
            SocketHttp::default(),
            &place.url,
            &Options {
                protocol_version: Some(Version::V2),
                ..options
            },
            &[],
        );
        assert!(listing.is_ok(), "{:?}", listing.err());
        assert_eq!(place.server.log().len(), requests);
    };
    check(Auth::basic("jürgen", "pä:ss"), login("jürgen", "pä:ss"), 3);
    check(Auth::basic("u", ""), login("u", ""), 3);
    check(Auth::basic("u", "p").only_posts(), login("u", "p"), 3);
    let bearer = Options {
        credentials: Some(Rc::new(|_| {
            Box::pin(async { Some(Credentials::Bearer("t0ken".into())) })
        })),
        ..Options::default()
    };
    check(Auth::bearer("t0ken"), bearer, 3);
}

#[test]
fn a_wrong_login_is_refused_and_in_no_text() {
    let place = place(|git| git.auth(Auth::basic("u", "right")));
    let url = place.url.replace("http://", "http://u:S3CR3T-wrong@");
    let error = error(list(SocketHttp::default(), &url, &Options::default(), &[]));
    assert_eq!(error.code, Code::AuthRejected);
    assert!(!format!("{error:?}").contains("S3CR3T"));
    assert_eq!(place.server.log().len(), 2);
}

#[test]
fn an_anonymous_clone_across_origins_needs_no_preflight_for_discovery() {
    let place = place(|git| git.cors(Cors::Gitea));
    let (pack, _) = fetch(SocketHttp::of_page(PAGE), &place.url, &Options::default(), Deepen::No).unwrap();
    assert!(pack.starts_with(b"PACK"));
    let log = place.server.log();
    let methods: Vec<&str> = log.iter().map(|entry| entry.method.as_str()).collect();
    assert_eq!(methods, ["GET", "OPTIONS", "POST"]);
    assert!(
        log.iter()
            .all(|entry| entry.git_protocol.is_none() && entry.header("content-encoding").is_none())
    );
}

#[test]
fn version_2_across_origins_is_had_where_the_server_allows_it_and_gone_without_elsewhere() {
    for (cors, expected) in [(Cors::Full, Version::V2), (Cors::Gitea, Version::V0)] {
        let place = place(|git| git.cors(cors));
        let host = host_with(SocketHttp::of_page(PAGE));
        let (task, _) = task(&host);
        let options = Options {
            wants_v2: true,
            ..Options::default()
        };
        let session = block_on(connect(&host, &task, &place.url, &options)).unwrap();
        assert_eq!(session.version(), expected, "{cors:?}");
        assert_eq!(
            options.memory.refuses_git_protocol(&place.server.origin()),
            cors == Cors::Gitea
        );
    }
}

#[test]
fn a_server_without_cors_is_diagnosed_and_a_proxy_helps() {
    let place = place(|git| git);
    let http = SocketHttp::of_page(PAGE);
    let error = error(list(http.clone(), &place.url, &Options::default(), &[]));
    assert_eq!(error.code, Code::NetworkOpaque);
    assert!(
        error
            .hint
            .unwrap()
            .contains(&format!("Access-Control-Allow-Origin: {PAGE}"))
    );
    let proxied = Options {
        cors_proxy: Some(CorsProxy::new(place.server.url("/proxy"))),
        ..Options::default()
    };
    place.server.clear_log();
    let listing = list(http, &place.url, &proxied, &[]).unwrap();
    assert_eq!(listing.url, place.url);
    assert!(
        place
            .server
            .log()
            .iter()
            .any(|entry| entry.git_protocol.as_deref() == Some("version=2"))
    );
}

#[test]
fn a_login_passes_a_trusted_proxy_and_no_other() {
    let place = place(|git| git.auth(Auth::basic("u", "p")));
    let http = SocketHttp::of_page(PAGE);
    let proxied = |trusted| {
        let proxy = CorsProxy {
            pass_credentials: trusted,
            ..CorsProxy::new(place.server.url("/proxy"))
        };
        Options {
            cors_proxy: Some(proxy),
            ..login("u", "p")
        }
    };
    assert_eq!(
        error(list(http.clone(), &place.url, &proxied(false), &[])).code,
        Code::AuthRequired
    );
    assert!(
        place
            .server
            .log()
            .iter()
            .all(|entry| entry.header("authorization").is_none())
    );
    let listing = list(http, &place.url, &proxied(true), &[]);
    assert!(listing.is_ok(), "{:?}", listing.err());
}

#[test]
fn a_redirect_to_the_exact_url_is_followed_directly_and_behind_a_proxy() {
    let place = place(|git| git);
    let short = place.server.url("/git/example");
    let to = format!("{}/info/refs?service=git-upload-pack", place.url);
    place
        .server
        .fault(When::get().path("/git/example/info/refs"), Fault::redirect(301, &to));
    let listing = list(SocketHttp::default(), &short, &Options::default(), &[]).unwrap();
    assert_eq!(listing.url, place.url);
    assert_eq!(
        place.server.log().last().unwrap().path,
        "/git/example.git/git-upload-pack"
    );
    let proxied = Options {
        cors_proxy: Some(CorsProxy::new(place.server.url("/proxy"))),
        ..Options::default()
    };
    let listing = list(SocketHttp::of_page(PAGE), &short, &proxied, &[]).unwrap();
    assert_eq!(listing.url, place.url);
}

#[test]
fn no_byte_of_a_request_with_a_body_or_a_login_reaches_where_a_redirect_points() {
    for status in [301, 302, 303, 307, 308] {
        let (home, away) = (place(|git| git.auth(Auth::basic("u", "p"))), place(|git| git));
        home.server
            .fault(When::any().header("authorization"), Fault::redirect(status, &away.url));
        let failed = error(list(SocketHttp::default(), &home.url, &login("u", "p"), &[]));
        assert_eq!(failed.code, Code::RedirectBlocked, "{status}");
        let open = place(|git| git);
        open.server.fault(
            When::post(),
            Fault::redirect(status, &format!("{}/git-upload-pack", away.url)),
        );
        let failed = error(list(SocketHttp::default(), &open.url, &Options::default(), &[]));
        assert_eq!(failed.code, Code::RedirectBlocked, "{status}");
        assert!(away.server.log().is_empty(), "{status}: {:?}", away.server.log());
    }
}

#[test]
fn a_cut_pack_is_never_taken_for_a_whole_one_even_if_the_platform_says_nothing() {
    let place = place(|git| git);
    let (whole, _) = fetch(SocketHttp::default(), &place.url, &version(Version::V0), Deepen::No).unwrap();
    let length = whole.len() as u64;
    for at in [0, 1, 8, 100, length / 2, length - 30, length] {
        let id = place.server.fault(When::post(), Fault::close_at(at));
        for asked in [Version::V0, Version::V2] {
            let http = SocketHttp::default().cut_bodies_end();
            let failed = error(fetch(http, &place.url, &version(asked), Deepen::No));
            assert!(
                matches!(failed.code, Code::ConnectionReset | Code::EmptyResponse),
                "{at} {asked:?}: {failed}"
            );
            assert!(failed.retryable);
        }
        place.server.remove_fault(id);
    }
}

#[test]
fn a_dribbling_server_gives_the_same_answer() {
    let place = place(|git| git);
    let whole = list(SocketHttp::default(), &place.url, &version(Version::V0), &[]).unwrap();
    place.server.fault(When::any(), Fault::dribble(7, 0));
    assert_eq!(
        list(SocketHttp::default(), &place.url, &version(Version::V0), &[]).unwrap(),
        whole
    );
}

#[test]
fn a_server_that_is_down_for_a_moment_is_asked_again_but_not_for_ever() {
    let place = place(|git| git);
    place
        .server
        .fault(When::get().once(), Fault::respond(Reply::text(503, "restarting\n")));
    assert!(list(SocketHttp::default(), &place.url, &Options::default(), &[]).is_ok());
    place
        .server
        .fault(When::post(), Fault::respond(Reply::text(503, "restarting\n")));
    place.server.clear_log();
    let failed = error(list(SocketHttp::default(), &place.url, &Options::default(), &[]));
    assert_eq!(
        (failed.code, failed.remote_text.as_deref()),
        (Code::Unavailable, Some("restarting"))
    );
    assert_eq!(
        place.server.log().iter().filter(|entry| entry.method == "POST").count(),
        3
    );
}

#[test]
fn a_repository_behind_a_file_server_is_called_dumb() {
    let place = place(|git| git);
    place.repo.git(["update-server-info"]).unwrap();
    let failed = error(list(
        SocketHttp::default(),
        &place.server.url("/files/example.git"),
        &Options::default(),
        &[],
    ));
    assert_eq!(failed.code, Code::DumbServer, "{failed}");
    assert_eq!(place.server.log().len(), 1);
}

#[test]
fn what_is_not_there_is_not_found() {
    let place = place(|git| git);
    let failed = error(list(
        SocketHttp::default(),
        &place.server.url("/git/nothing"),
        &Options::default(),
        &[],
    ));
    assert_eq!((failed.code, failed.status), (Code::RemoteNotFound, Some(404)));
    assert!(failed.hint.unwrap().contains("/git/nothing.git"));
}

#[test]
fn a_request_larger_than_the_server_s_buffer_is_no_empty_repository() {
    let place = place(|git| git.env("GIT_HTTP_MAX_REQUEST_BUFFER", "100"));
    let failed = error(fetch(
        SocketHttp::default(),
        &place.url,
        &version(Version::V0),
        Deepen::No,
    ));
    assert_eq!(failed.code, Code::EmptyResponse, "{failed}");
    assert!(failed.hint.unwrap().contains("GIT_HTTP_MAX_REQUEST_BUFFER"));
}

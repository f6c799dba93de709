//! What mounts answer: files, CORS, logins, pushes, the proxy, the control endpoint.

mod common;

use std::path::Path;

use common::{ask, send};
use gitside_server::repos::{self, Random, Repo, git, run};
use gitside_server::{Auth, Cors, Fault, Files, Git, Proxy, Reply, Server, When};

const REFS: &str = "/e.git/info/refs?service=git-upload-pack";

fn example() -> (tempfile::TempDir, Repo) {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("e.git")).unwrap();
    (folder, repo)
}

fn try_git(args: &[&str]) -> std::io::Result<Vec<u8>> {
    let mut command = git();
    command.args(args);
    run(command, &[])
}

fn in_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn only_loopback_is_served() {
    for (ip, served) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("0.0.0.0", false),
        ("192.0.2.1", false),
        ("::", false),
    ] {
        match Server::builder().bind(ip.parse().unwrap()).start() {
            Ok(server) => assert!(served && server.address().port() != 0, "{ip}"),
            // A machine may have no IPv6 loopback; refusing it for its address would be our fault.
            Err(error) => assert!(
                !served || error.kind() != std::io::ErrorKind::InvalidInput,
                "{ip}: {error}"
            ),
        }
    }
}

#[test]
fn files_come_with_their_types_and_headers_and_nothing_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("www")).unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    std::fs::write(folder.path().join("www/index.html"), "<p>").unwrap();
    std::fs::write(folder.path().join("www/a b.wasm"), "\0asm").unwrap();
    let files = Files::at("/", folder.path().join("www")).header("Content-Security-Policy", "default-src 'none'");
    let server = Server::builder().mount(files).start().unwrap();
    let index = ask(&server, "GET", "/", &[]);
    assert_eq!((index.status, index.text().as_str()), (200, "<p>"));
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(index.header("cache-control"), Some("no-store"));
    assert_eq!(index.header("content-security-policy"), Some("default-src 'none'"));
    assert_eq!(index.header("access-control-allow-origin"), None);
    assert_eq!(
        ask(&server, "GET", "/a%20b.wasm", &[]).header("content-type"),
        Some("application/wasm")
    );
    let head = ask(&server, "HEAD", "/a%20b.wasm", &[]);
    assert_eq!((head.status, head.raw.len()), (200, 0));
    for path in ["/../secret", "/%2e%2e/secret", "/x/../../secret", "/..%2fsecret"] {
        let answer = ask(&server, "GET", path, &[]);
        assert!(
            answer.status >= 400 && !answer.text().contains("secret"),
            "{path}: {answer:?}"
        );
    }
    assert_eq!(ask(&server, "POST", "/", &[]).status, 405);
}

#[test]
fn cors_headers_are_on_every_status_and_come_before_the_login() {
    let (folder, _) = example();
    for (cors, preflight, origin, exposed) in [
        (Cors::None, 405, None, false),
        (Cors::Gitea, 200, Some("*"), false),
        (Cors::Full, 204, Some("*"), true),
    ] {
        let git = Git::at("/", folder.path()).cors(cors).auth(Auth::basic("a", "b"));
        let server = Server::builder().mount(git).start().unwrap();
        server.fault(
            When::get().path("/e.git/HEAD"),
            Fault::respond(Reply::html(503, "<h1>")),
        );
        let asked = ask(&server, "OPTIONS", REFS, &[("origin", "http://x")]);
        assert_eq!(
            (asked.status, asked.header("access-control-allow-origin")),
            (preflight, origin)
        );
        let allowed = asked
            .header("access-control-allow-headers")
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert_eq!(allowed.contains("git-protocol"), cors == Cors::Full, "{allowed}");
        for (path, status) in [(REFS, 401), ("/e.git/HEAD", 503)] {
            let answer = ask(&server, "GET", path, &[]);
            assert_eq!(
                (answer.status, answer.header("access-control-allow-origin")),
                (status, origin)
            );
            assert_eq!(answer.header("access-control-expose-headers").is_some(), exposed);
        }
    }
}

#[test]
fn a_login_lets_clone_and_push_and_is_in_the_log() {
    let (folder, repo) = example();
    let auth = Auth::basic("jürgen", "pass:wörd").token("t0ken");
    let server = Server::builder()
        .mount(Git::at("/g", folder.path()).auth(auth))
        .start()
        .unwrap();
    let copy = folder.path().join("copy");
    assert!(try_git(&["clone", "-q", &server.url("/g/e.git"), in_text(&copy)]).is_err());
    assert!(
        server
            .log()
            .iter()
            .all(|entry| entry.status == 401 && entry.user.is_none())
    );
    let challenge = server.log()[0].response_header("www-authenticate").unwrap().to_owned();
    assert_eq!(challenge, "Basic realm=\"gitside\", charset=\"UTF-8\"");
    let with_login = server.url("/g/e.git").replace("//", "//j%C3%BCrgen:pass%3Aw%C3%B6rd@");
    try_git(&["clone", "-q", &with_login, in_text(&copy)]).unwrap();
    assert_eq!(server.log().last().unwrap().user.as_deref(), Some("jürgen"));
    let work = Repo::at(&copy);
    work.git(["commit", "-q", "--allow-empty", "-m", "pushed"]).unwrap();
    work.git(["push", "-q", "origin", "HEAD:refs/heads/pushed"]).unwrap();
    assert_eq!(
        repo.git_line(["rev-parse", "pushed"]).unwrap(),
        work.git_line(["rev-parse", "HEAD"]).unwrap()
    );
    let bearer = ask(
        &server,
        "GET",
        "/g/e.git/info/refs?service=git-upload-pack",
        &[("authorization", "Bearer t0ken")],
    );
    assert_eq!(bearer.status, 200);
}

#[test]
fn a_login_may_be_asked_of_pushes_alone() {
    let (folder, _) = example();
    let git = Git::at("/", folder.path()).auth(Auth::basic("a", "b").only_pushes());
    let server = Server::builder().mount(git).start().unwrap();
    assert_eq!(ask(&server, "GET", REFS, &[]).status, 200);
    assert_eq!(ask(&server, "GET", &REFS.replace("upload", "receive"), &[]).status, 401);
}

#[test]
fn nobody_pushes_unless_the_mount_lets_them() {
    let (folder, _) = example();
    for (git, status) in [
        (Git::at("/", folder.path()), 403),
        (Git::at("/", folder.path()).push(), 200),
    ] {
        let server = Server::builder().mount(git).start().unwrap();
        assert_eq!(
            ask(&server, "GET", &REFS.replace("upload", "receive"), &[]).status,
            status
        );
    }
}

#[test]
fn a_compressed_request_reaches_git_and_a_large_one_is_streamed() {
    let (folder, source) = example();
    let server = Server::builder()
        .mount(Git::at("/", folder.path()).push())
        .keep_bodies()
        .start()
        .unwrap();
    let copy = folder.path().join("copy");
    try_git(&["clone", "-q", &server.url("/e.git"), in_text(&copy)]).unwrap();
    let work = Repo::at(&copy);
    // Many wants make git compress its request.
    let mut commit = String::new();
    for n in 0..40 {
        let message = format!("new {n}");
        commit = source
            .git_line(["commit-tree", "main^{tree}", "-p", "main", "-m", &message])
            .unwrap();
        source
            .git(["update-ref", &format!("refs/heads/new-{n}"), &commit])
            .unwrap();
    }
    server.clear_log();
    work.git(["-c", "protocol.version=0", "fetch", "-q", "origin"]).unwrap();
    assert_eq!(work.git_line(["rev-parse", "origin/new-39"]).unwrap(), commit);
    let compressed = server
        .log()
        .into_iter()
        .find(|entry| entry.header("content-encoding") == Some("gzip"));
    assert!(
        compressed
            .expect("a compressed request")
            .body
            .starts_with(&[0x1f, 0x8b])
    );

    let mut random = Random::new(1);
    let large: Vec<u8> = (0..250_000).flat_map(|_| random.any().to_le_bytes()).collect();
    std::fs::write(copy.join("large.bin"), large).unwrap();
    work.git(["add", "large.bin"]).unwrap();
    work.git(["commit", "-q", "-m", "large"]).unwrap();
    server.clear_log();
    work.git([
        "-c",
        "http.postBuffer=65536",
        "push",
        "-q",
        "origin",
        "HEAD:refs/heads/large",
    ])
    .unwrap();
    source.git(["fsck", "--full"]).unwrap();
    let chunked = server
        .log()
        .into_iter()
        .find(|entry| entry.header("transfer-encoding") == Some("chunked"));
    assert!(chunked.expect("a chunked request").body_bytes > 1_000_000);
}

#[test]
fn the_proxy_passes_a_clone_and_refuses_the_rest() {
    let (folder, _) = example();
    let origin = Server::builder().mount(Git::at("/", folder.path())).start().unwrap();
    let host = origin.address().to_string();
    let proxy = Server::builder()
        .mount(Proxy::at("/proxy").allow("127.0.0.1:*"))
        .start()
        .unwrap();
    let copy = folder.path().join("copy");
    try_git(&[
        "clone",
        "-q",
        &proxy.url(&format!("/proxy/{host}/e.git")),
        in_text(&copy),
    ])
    .unwrap();
    assert!(
        origin
            .log()
            .iter()
            .all(|entry| entry.git_protocol.as_deref() == Some("version=2"))
    );

    let through = |path: &str| ask(&proxy, "GET", path, &[]);
    let answer = through(&format!("/proxy?http://{host}{REFS}"));
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, Some("*"))
    );
    assert_eq!(through(&format!("/proxy/{host}/e.git/HEAD")).status, 403);
    assert_eq!(
        through(&format!("/proxy/{host}/e.git/info/refs?service=git-x")).status,
        403
    );
    assert_eq!(through(&format!("/proxy/localhost:1{REFS}")).status, 403);
    assert_eq!(through(&format!("/proxy/127.0.0.1:1{REFS}")).status, 502);
    assert_eq!(through("/proxy").status, 400);
    assert_eq!(
        send(
            &proxy,
            "POST",
            &format!("/proxy/{host}/e.git/git-upload-pack"),
            &[("content-type", "text/plain")],
            b"0000"
        )
        .status,
        403
    );
    assert_eq!(ask(&proxy, "OPTIONS", "/proxy/x", &[]).status, 204);
}

#[test]
fn the_proxy_follows_redirects_of_discovery_without_the_login() {
    let (folder, _) = example();
    let origin = Server::builder().mount(Git::at("/", folder.path())).start().unwrap();
    let host = origin.address().to_string();
    origin.fault(When::get().path("/old/info/refs"), Fault::redirect(301, REFS));
    origin.fault(
        When::get().path("/loop/info/refs"),
        Fault::redirect(302, "refs?service=git-upload-pack"),
    );
    origin.fault(
        When::get().path("/out/info/refs"),
        Fault::redirect(302, "http://example.org/"),
    );
    origin.fault(
        When::post().path_contains("/old/"),
        Fault::redirect(307, "/e.git/git-upload-pack"),
    );
    let proxy = Server::builder()
        .mount(Proxy::at("/proxy").allow(&host))
        .start()
        .unwrap();
    let get = |path: &str| {
        ask(
            &proxy,
            "GET",
            &format!("/proxy/{host}{path}/info/refs?service=git-upload-pack"),
            &[("authorization", "Basic eDp5")],
        )
    };
    let answer = get("/old");
    assert_eq!(
        (answer.status, answer.header("x-redirected-url")),
        (200, Some(origin.url(REFS).as_str()))
    );
    let logins: Vec<bool> = origin
        .log()
        .iter()
        .map(|entry| entry.header("authorization").is_some())
        .collect();
    assert_eq!(logins, [true, false]);
    origin.clear_log();
    assert_eq!((get("/loop").status, origin.log().len()), (502, 6));
    assert_eq!(get("/out").status, 403);
    let content_type = [("content-type", "application/x-git-upload-pack-request")];
    let post = send(
        &proxy,
        "POST",
        &format!("/proxy/{host}/old/git-upload-pack"),
        &content_type,
        b"0000",
    );
    assert_eq!(
        (post.status, post.header("location")),
        (307, Some(format!("/proxy/{host}/e.git/git-upload-pack").as_str()))
    );
}

#[test]
fn faults_and_the_log_are_reached_over_http() {
    let (folder, _) = example();
    let server = Server::builder()
        .mount(Git::at("/", folder.path()))
        .control()
        .start()
        .unwrap();
    let fault =
        br#"{"when": {"method": "GET"}, "fault": {"kind": "respond", "reply": {"status": 418, "body": "tea"}}}"#;
    let set = send(&server, "POST", "/__control/faults", &[], fault);
    assert_eq!((set.status, set.text().as_str()), (200, r#"{"id":1}"#));
    assert_eq!(ask(&server, "GET", REFS, &[]).status, 418);
    assert_eq!(ask(&server, "DELETE", "/__control/faults/1", &[]).status, 204);
    assert_eq!(ask(&server, "GET", REFS, &[]).status, 200);
    let log: serde_json::Value = serde_json::from_slice(&ask(&server, "GET", "/__control/log", &[]).body).unwrap();
    let statuses: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["status"].clone())
        .collect();
    assert_eq!(statuses, [418, 200]);
    assert_eq!(ask(&server, "DELETE", "/__control/log", &[]).status, 204);
    assert!(server.log().is_empty());
    assert_eq!(send(&server, "POST", "/__control/faults", &[], b"{}").status, 400);
    let closed = Server::builder().mount(Git::at("/", folder.path())).start().unwrap();
    assert_eq!(ask(&closed, "GET", "/__control/log", &[]).status, 404);
}

//! Real git against the server.

use std::path::Path;

use gitside_server::repos::{self, Repo, git, run};
use gitside_server::{Cors, Git, Server};

fn clone(url: &str, version: u8, into: &Path) -> Repo {
    let mut command = git();
    command
        .args([
            "-c",
            &format!("protocol.version={version}"),
            "clone",
            "--quiet",
            "--mirror",
            url,
        ])
        .arg(into);
    run(command, &[]).unwrap();
    Repo::at(into)
}

fn objects(repo: &Repo) -> Vec<u8> {
    repo.git(["cat-file", "--batch-all-objects", "--batch-check"]).unwrap()
}

#[test]
fn git_clones_over_every_version_of_the_protocol() {
    let root = tempfile::tempdir().unwrap();
    let source = repos::example(&root.path().join("example.git")).unwrap();
    let server = Server::builder()
        .mount(Git::at("/git", root.path()).cors(Cors::Full).trace())
        .start()
        .unwrap();
    for (version, sent) in [(0, None), (1, Some("version=1")), (2, Some("version=2"))] {
        server.clear_log();
        let copy = clone(
            &server.url("/git/example.git"),
            version,
            &root.path().join(format!("copy{version}")),
        );
        assert_eq!(objects(&copy), objects(&source));
        copy.git(["fsck", "--full", "--strict"]).unwrap();
        let log = server.log();
        assert!(log.len() >= 2);
        assert!(
            log.iter().all(|e| e.git_protocol.as_deref() == sent && e.status == 200),
            "{log:#?}"
        );
        let last = log.last().unwrap();
        assert!(
            last.stderr.contains("pkt") || last.stderr.contains("packet:"),
            "{}",
            last.stderr
        );
        assert!(last.sent > 10_000);
    }
}

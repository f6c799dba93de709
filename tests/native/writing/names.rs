//! Names in trees: what is refused here is what `git update-index` refuses with its protections for
//! all platforms on.

use gitside::error::Code;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::tree::{EntryKind, check_name};
use gitside::ops::init;
use gitside::ops::write::{self, Entry};
use gitside::task::Task;
use gitside_server::repos::{Repo, git, run};

use crate::support::{block_on, host};

/// Paths with their kind, refused and not.
fn cases() -> Vec<(String, EntryKind)> {
    let mut paths: Vec<String> = Vec::new();
    let bases = [
        ".git",
        ".GIT",
        ".gIt",
        "git~1",
        "GIT~1",
        "git~2",
        ".gitx",
        "git",
        ".g",
        ".gi\u{200c}t",
        "\u{feff}.git",
    ];
    let tails = [
        "",
        " ",
        ".",
        " . .",
        ":",
        "::$INDEX_ALLOCATION",
        ":x",
        "\\",
        "\\x",
        " x",
        ".x",
        "\u{200d}",
        "\u{e9}",
    ];
    for base in bases {
        paths.extend(tails.iter().map(|tail| format!("{base}{tail}")));
    }
    for (before, after) in [("a/", ""), ("", "/a"), ("a\\", ""), ("a\\b\\", ""), ("a ", "")] {
        paths.extend(bases.iter().map(|base| format!("{before}{base}{after}")));
    }
    paths.extend([".", "..", "a/..", "../a", "a/./b", "...", ".a", "a//b", "/a", "a/"].map(str::to_owned));
    let mut cases: Vec<(String, EntryKind)> = paths.into_iter().map(|path| (path, EntryKind::Blob)).collect();
    let modules = [
        ".gitmodules",
        ".GITMODULES",
        ".gitmodules ",
        ".gitmodules.",
        ".gitmodules:x",
        ".gitmodulesx",
        "gitmod~1",
        "GITMOD~4",
        "gitmod~5",
        "gi7eba~1",
        "GI7EBA~9",
        "gi7eb~10",
        "gi7~1000",
        "~1000000",
        "gi7eba~0",
        "a/.gitmodules",
        "a\\.gitmodules",
        ".gitmodules\\a",
        ".gitmodule\u{200d}s",
        "gitmodules",
        ".gitattributes",
        ".gitignore",
    ];
    cases.extend(modules.map(|path| (path.to_owned(), EntryKind::Symlink)));
    cases.extend(modules.map(|path| (path.to_owned(), EntryKind::Blob)));
    cases
}

#[test]
fn paths_are_refused_as_git_refuses_them_with_every_protection_on() {
    let folder = tempfile::tempdir().unwrap();
    let repo = Repo::init(folder.path(), "main").unwrap();
    let blob = repo.git_with(["hash-object", "-w", "--stdin"], b"x").unwrap();
    let blob = String::from_utf8(blob).unwrap().trim().to_owned();
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    let oid: ObjectId = blob.parse().unwrap();
    let mut refused = 0;
    block_on(async {
        let ours = init::init(&host, &task, "names", "main").await.unwrap();
        assert_eq!(write::blob(&task, &ours, b"x".to_vec()).await.unwrap(), oid);
        for (path, kind) in cases() {
            let mut command = git();
            command
                .current_dir(repo.path())
                .args(["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true"]);
            command.args([
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("{},{blob},{path}", kind.mode()),
            ]);
            command.env("GIT_INDEX_FILE", folder.path().join("index"));
            let theirs = run(command, b"").is_ok();
            let _ = std::fs::remove_file(folder.path().join("index"));
            let entry = Entry {
                path: path.clone().into_bytes(),
                kind,
                oid,
            };
            let written = write::tree(&task, &ours, vec![entry]).await;
            assert_eq!(written.is_ok(), theirs, "{path:?} as {kind:?}: {written:?}");
            if let Err(failure) = written {
                refused += 1;
                assert_eq!(failure.error().unwrap().code, Code::Unsupported, "{path:?}");
            }
        }
    });
    assert!(refused > 60, "{refused} were refused");
}

#[test]
fn a_tree_names_what_is_here_and_of_the_right_kind() {
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    block_on(async {
        let repo = init::init(&host, &task, "entries", "main").await.unwrap();
        let blob = write::blob(&task, &repo, b"x".to_vec()).await.unwrap();
        let entry = |path: &str, kind, oid| Entry {
            path: path.as_bytes().to_vec(),
            kind,
            oid,
        };
        let tree = write::tree(&task, &repo, vec![entry("d/f", EntryKind::Blob, blob)])
            .await
            .unwrap();
        let (none, odd) = (ObjectId::new([9; 20]), ObjectId::NULL);
        for (entries, code) in [
            (vec![entry("a", EntryKind::Blob, none)], Code::MissingObject),
            (vec![entry("a", EntryKind::Tree, blob)], Code::InvalidRef),
            (vec![entry("a", EntryKind::Executable, tree)], Code::InvalidRef),
            (vec![entry("a", EntryKind::Gitlink, odd)], Code::InvalidRef),
            (
                vec![entry("a", EntryKind::Blob, blob), entry("a", EntryKind::Tree, tree)],
                Code::AlreadyExists,
            ),
            (
                vec![entry("a", EntryKind::Blob, blob), entry("a/b", EntryKind::Blob, blob)],
                Code::AlreadyExists,
            ),
        ] {
            let shown = format!("{entries:?}");
            let refused = write::tree(&task, &repo, entries).await.unwrap_err();
            assert_eq!(refused.error().unwrap().code, code, "{shown}");
        }
        // What a submodule names is elsewhere, and a directory may be changed that another entry gives.
        let entries = vec![
            entry("a", EntryKind::Tree, tree),
            entry("a/d/g", EntryKind::Symlink, blob),
            entry("s", EntryKind::Gitlink, none),
        ];
        let made = write::tree(&task, &repo, entries).await.unwrap();
        assert_eq!(repo.odb.read(&made).await.unwrap().kind, Kind::Tree);
        assert!(check_name(b"a", EntryKind::Tree).is_ok());
    });
}

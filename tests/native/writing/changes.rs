//! Commits that are refused, and what they leave; amended ones; many files at once.

use gitside::error::{Code, Datum};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside::ops::cat::read_commit;
use gitside::ops::cherry_pick::cherry_pick;
use gitside::ops::commit::{self, Change, Options};
use gitside::ops::compose::Author;
use gitside::ops::merge::{ReplayOptions, Terms};
use gitside::ops::rev_parse::resolve;
use gitside::ops::update_ref::{Becomes, Update, update_refs};
use gitside::ops::{Repository, for_each_ref, init};
use gitside::store::publish::Publication;
use gitside::store::reflog::Reflogs;
use gitside::task::Task;

use crate::support::oracle::{Listing, write_bare};
use crate::support::{block_on, host};

fn write(path: &str, content: &str) -> Change {
    Change::Write {
        path: path.as_bytes().to_vec(),
        content: content.as_bytes().to_vec(),
        kind: None,
    }
}

fn rename(path: &str, to: &str) -> Change {
    Change::Rename {
        path: path.as_bytes().to_vec(),
        to: to.as_bytes().to_vec(),
    }
}

fn delete(path: &str) -> Change {
    Change::Delete {
        path: path.as_bytes().to_vec(),
    }
}

fn options(changes: Vec<Change>) -> Options {
    Options {
        message: Some(b"m".to_vec()),
        author: Some(Author {
            name: b"Ada".to_vec(),
            email: b"ada@example.org".to_vec(),
            when: None,
        }),
        changes,
        ..Options::default()
    }
}

/// A repository with `a`, `dir/x` and `dir/y` on `main`.
async fn repository() -> (Task, Repository, ObjectId) {
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    let repo = init::init(&host, &task, "changes", "main").await.unwrap();
    let first = options(vec![write("a", "1"), write("dir/x", "2"), write("dir/y", "3")]);
    let oid = commit::commit(&task, &repo, b"main", &first).await.unwrap();
    (task, repo, oid)
}

async fn paths(task: &Task, repo: &Repository, rev: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let bare = write_bare(task, repo, &folder.path().join("bare.git")).await;
    bare.git(["fsck", "--full", "--strict"]).unwrap();
    let listed = bare.git(["ls-tree", "-r", "--name-only", rev]).unwrap();
    String::from_utf8(listed).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_cannot_be_changed_is_refused_and_nothing_is_written() {
    block_on(async {
        let (task, repo, first) = repository().await;
        let before = (Listing::of_gitside(&task, &repo).await, repo.usage().await.unwrap());
        let place = |path: &str, oid, kind| Change::Place {
            path: path.as_bytes().to_vec(),
            oid,
            kind,
        };
        let kind = |path: &str, kind| Change::Kind {
            path: path.as_bytes().to_vec(),
            kind,
        };
        let blob = resolve(&task, &repo, b"main:a").await.unwrap();
        for (changes, code) in [
            (vec![delete("none")], Code::NotFound),
            (vec![delete("a/b")], Code::NotFound),
            (vec![delete("a"), delete("a")], Code::NotFound),
            (vec![delete("dir"), delete("dir/x")], Code::NotFound),
            (vec![rename("none", "b")], Code::NotFound),
            (vec![rename("a", "dir/x")], Code::AlreadyExists),
            (vec![rename("a", "dir")], Code::AlreadyExists),
            (vec![rename("dir", "a/b")], Code::AlreadyExists),
            (vec![write("a/b", "")], Code::AlreadyExists),
            (vec![write("dir", "")], Code::AlreadyExists),
            (
                vec![place(
                    "a",
                    resolve(&task, &repo, b"main:dir").await.unwrap(),
                    EntryKind::Tree,
                )],
                Code::AlreadyExists,
            ),
            (
                vec![place("b", ObjectId::new([1; 20]), EntryKind::Blob)],
                Code::MissingObject,
            ),
            (vec![place("b", blob, EntryKind::Tree)], Code::InvalidRef),
            (vec![kind("none", EntryKind::Executable)], Code::NotFound),
            (vec![kind("dir", EntryKind::Executable)], Code::Unsupported),
            (vec![kind("a", EntryKind::Gitlink)], Code::Unsupported),
            (vec![write("b/../c", "")], Code::Unsupported),
            (vec![write("", "")], Code::Unsupported),
            (vec![rename("a", ".git")], Code::Unsupported),
            (vec![], Code::Unsupported),
            (vec![write("a", "1")], Code::Unsupported),
            (vec![delete("a"), write("a", "1")], Code::Unsupported),
        ] {
            let shown = format!("{changes:?}");
            let refused = commit::commit(&task, &repo, b"main", &options(changes)).await;
            assert_eq!(refused.unwrap_err().error().unwrap().code, code, "{shown}");
        }
        for branch in ["", "-x", "HEAD/..", "a b", "refs/heads/"] {
            let refused = commit::commit(&task, &repo, branch.as_bytes(), &options(vec![write("b", "")])).await;
            assert_eq!(
                refused.unwrap_err().error().unwrap().code,
                Code::InvalidRef,
                "{branch:?}"
            );
        }
        let amend = Options {
            amend: true,
            ..options(vec![])
        };
        let refused = commit::commit(&task, &repo, b"new", &amend).await;
        assert_eq!(refused.unwrap_err().error().unwrap().code, Code::Unsupported);
        let after = (Listing::of_gitside(&task, &repo).await, repo.usage().await.unwrap());
        assert_eq!(after.0.differences(&before.0), Vec::<String>::new());
        assert_eq!(after.1, before.1);
        assert_eq!(resolve(&task, &repo, b"main").await.unwrap(), first);
    });
}

#[test]
fn what_is_stored_is_what_the_commit_leads_to() {
    block_on(async {
        let (task, repo, _) = repository().await;
        // The commit, its two trees, and three files.
        assert_eq!(repo.usage().await.unwrap().stats.objects, 6);
        commit::commit(&task, &repo, b"main", &options(vec![write("dir/z", "4")]))
            .await
            .unwrap();
        assert_eq!(repo.usage().await.unwrap().stats.objects, 10);
        let nothing = Options {
            parents: Some(Vec::new()),
            allow_empty: true,
            ..options(Vec::new())
        };
        commit::commit(&task, &repo, b"empty", &nothing).await.unwrap();
        assert_eq!(repo.usage().await.unwrap().stats.objects, 12, "and the empty tree");
        let pick = ReplayOptions {
            terms: Terms {
                committer: options(Vec::new()).author,
                ..Terms::default()
            },
            ..ReplayOptions::default()
        };
        let picked = cherry_pick(&task, &repo, b"empty", b"main", &pick).await.unwrap();
        assert!(picked.oid.is_some(), "{picked:?}");
        let folder = tempfile::tempdir().unwrap();
        let bare = write_bare(&task, &repo, &folder.path().join("bare.git")).await;
        let lost = bare.git(["fsck", "--full", "--unreachable", "--no-reflogs"]).unwrap();
        assert_eq!(String::from_utf8(lost).unwrap(), "");
    });
}

#[test]
fn changes_see_those_before_them() {
    block_on(async {
        let (task, repo, _) = repository().await;
        let changes = vec![
            // A directory becomes a file, and a file a directory.
            delete("dir/x"),
            delete("dir/y"),
            write("dir", "file"),
            rename("a", "b"),
            rename("b", "a/b/c"),
            // Two change places.
            write("p", "1"),
            write("q", "2"),
            rename("p", "t"),
            rename("q", "p"),
            rename("t", "q"),
            // What was made goes with what it is in.
            write("new/x", ""),
            rename("new", "deep/new"),
            write("deep/new/y", ""),
            rename("deep", "deep2/deep"),
            delete("deep2/deep/new/x"),
        ];
        commit::commit(&task, &repo, b"main", &options(changes)).await.unwrap();
        assert_eq!(
            paths(&task, &repo, "main").await,
            ["a/b/c", "deep2/deep/new/y", "dir", "p", "q"]
        );
        let content = |rev: &'static str| {
            let (task, repo) = (&task, &repo);
            async move {
                let oid = resolve(task, repo, rev.as_bytes()).await.unwrap();
                String::from_utf8(repo.odb.read(&oid).await.unwrap().data.to_vec()).unwrap()
            }
        };
        assert_eq!(
            (content("main:p").await, content("main:q").await),
            ("2".to_owned(), "1".to_owned())
        );
        // Everything goes: the tree is empty, and still there.
        let all = ["a", "deep2", "dir", "p", "q"].map(delete).to_vec();
        commit::commit(&task, &repo, b"main", &options(all)).await.unwrap();
        assert_eq!(paths(&task, &repo, "main").await, Vec::<String>::new());
    });
}

#[test]
fn a_lost_race_tells_both_ids_and_changes_nothing() {
    block_on(async {
        let (task, repo, first) = repository().await;
        let second = commit::commit(&task, &repo, b"main", &options(vec![write("b", "")]))
            .await
            .unwrap();
        for (expect, expected) in [(Some(first), Some(first)), (None, None)] {
            let late = Options {
                expect: Some(expect),
                ..options(vec![write("c", "")])
            };
            let lost = commit::commit(&task, &repo, b"refs/heads/main", &late)
                .await
                .unwrap_err();
            let error = lost.error().unwrap();
            assert_eq!(error.code, Code::RefConflict);
            let datum = |wanted: &str| {
                error
                    .data
                    .iter()
                    .find(|(name, _)| *name == wanted)
                    .map(|(_, datum)| datum.clone())
            };
            let text = |oid: ObjectId| Datum::Text(oid.to_hex());
            assert_eq!(datum("expected"), expected.map(text));
            assert_eq!(datum("found"), Some(text(second)));
        }
        assert_eq!(resolve(&task, &repo, b"main").await.unwrap(), second);
    });
}

#[test]
fn commits_go_to_what_head_is_on() {
    block_on(async {
        let (task, repo, first) = repository().await;
        commit::commit(&task, &repo, b"HEAD", &options(vec![write("b", "")]))
            .await
            .unwrap();
        let branch = repo.refs.resolve(b"refs/heads/main").await.unwrap().unwrap().oid;
        assert_eq!(repo.refs.resolve(b"HEAD").await.unwrap().unwrap().oid, branch);
        let detach = Update {
            name: b"HEAD".to_vec(),
            new: Becomes::Object(first),
            expect: None,
            no_deref: true,
        };
        update_refs(&task, &repo, &[detach], b"detach").await.unwrap();
        let detached = commit::commit(&task, &repo, b"HEAD", &options(vec![write("c", "")]))
            .await
            .unwrap();
        assert_eq!(
            repo.refs.resolve(b"refs/heads/main").await.unwrap().unwrap().oid,
            branch
        );
        assert_eq!(repo.refs.resolve(b"HEAD").await.unwrap().unwrap().oid, Some(detached));
        assert_eq!(read_commit(&task, &repo, b"HEAD").await.unwrap().parents, [first]);
        let logs = Reflogs::new(repo.backend.clone());
        let said: Vec<String> = logs
            .entries(b"HEAD")
            .await
            .unwrap()
            .iter()
            .map(|stored| String::from_utf8(stored.entry.message.clone()).unwrap())
            .collect();
        assert_eq!(said, ["commit (initial): m", "commit: m", "detach", "commit: m"]);
    });
}

#[test]
fn an_amended_commit_keeps_what_is_not_given_and_loses_its_signature() {
    block_on(async {
        let (task, repo, first) = repository().await;
        // One with headers that git keeps, and some that it does not.
        let content = repo.odb.read(&first).await.unwrap().data;
        let text = String::from_utf8(content.to_vec()).unwrap();
        let (head, _) = text.split_once("\n\n").unwrap();
        let odd = format!(
            "{head}\nencoding ISO-8859-1\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\nmergetag a\n b\nfoo bar\n\n"
        );
        let odd = [odd.as_bytes(), b"S\xfcbject\n"].concat();
        let oid = gitside::format::hash::hash_object(Kind::Commit, &odd).unwrap();
        let writer = repo.writer(&task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.object(oid, Kind::Commit, &odd);
        publication.commit().await.unwrap();
        drop(writer);
        let update = Update {
            name: b"refs/heads/main".to_vec(),
            new: Becomes::Object(oid),
            expect: Some(Some(first)),
            no_deref: false,
        };
        update_refs(&task, &repo, &[update], b"").await.unwrap();
        let amend = Options {
            amend: true,
            author: None,
            message: None,
            committer: options(vec![]).author,
            ..options(vec![write("b", "")])
        };
        let amended = commit::commit(&task, &repo, b"main", &amend).await.unwrap();
        let content = repo.odb.read(&amended).await.unwrap().data;
        let (before, after) = (String::from_utf8_lossy(&odd), String::from_utf8_lossy(&content));
        let line = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).map(str::to_owned);
        assert_eq!(line(&before, "author"), line(&after, "author"));
        let (_, tail) = after.split_once("\ncommitter ").unwrap();
        let (_, tail) = tail.split_once('\n').unwrap();
        assert_eq!(tail, "encoding ISO-8859-1\nmergetag a\n b\nfoo bar\n\nS\u{fffd}bject\n");
        assert_eq!(paths(&task, &repo, "main").await, ["a", "b", "dir/x", "dir/y"]);
    });
}

#[test]
fn many_files_become_one_pack_and_few_a_row_each() {
    block_on(async {
        let (task, repo, _) = repository().await;
        assert_eq!(repo.usage().await.unwrap().stats.packs, 0);
        let many = (0..500)
            .map(|n| write(&format!("many/{}/{n}", n % 10), &n.to_string()))
            .collect();
        commit::commit(&task, &repo, b"main", &options(many)).await.unwrap();
        let stats = repo.usage().await.unwrap().stats;
        let listing = Listing::of_gitside(&task, &repo).await;
        assert_eq!((stats.packs, stats.objects), (1, listing.objects.len() as u64));
        // Some contents are stored already.
        assert_eq!(paths(&task, &repo, "main").await.len(), 503);
        let large = write("large", &"0123456789abcdef".repeat(600_000));
        commit::commit(&task, &repo, b"main", &options(vec![large]))
            .await
            .unwrap();
        assert_eq!(repo.usage().await.unwrap().stats.packs, 2);
        assert_eq!(paths(&task, &repo, "main").await.len(), 504);
        assert_eq!(for_each_ref::list(&task, &repo, b"refs/").await.unwrap().len(), 1);
    });
}

//! Commits in a partial clone: the directories on the way to what changes are fetched, and no files.

use gitside::format::tree::EntryKind;
use gitside::ops::commit::{self, Change, Options};
use gitside::ops::compose::Author;
use gitside::ops::rev_parse::resolve;

use super::support::{block_on, host};
use super::{cloned, filtered, place, stored, task};

#[test]
fn a_commit_fetches_the_directories_that_it_changes_and_no_file() {
    for (filter, fetches) in [("blob:none", 0), ("tree:0", 2)] {
        let place = place(|git| git.partial());
        let host = host();
        block_on(async {
            let repo = cloned(&host, &place, &filtered(filter)).await;
            let task = task(&host);
            place.requests();
            let path = |path: &str| path.as_bytes().to_vec();
            let options = Options {
                message: Some(b"m".to_vec()),
                author: Some(Author {
                    name: b"Ada".to_vec(),
                    email: b"ada@example.org".to_vec(),
                    when: None,
                }),
                changes: vec![
                    Change::Write {
                        path: path("tools/new.sh"),
                        content: b"new".to_vec(),
                        kind: None,
                    },
                    Change::Kind {
                        path: path("tools/check.sh"),
                        kind: EntryKind::Blob,
                    },
                    Change::Rename {
                        path: path("src"),
                        to: path("moved/src"),
                    },
                ],
                ..Options::default()
            };
            let oid = commit::commit(&task, &repo, b"main", &options).await.unwrap();
            let posts = place
                .requests()
                .iter()
                .filter(|request| request.starts_with("POST"))
                .count();
            assert!(posts <= fetches, "{filter}: {posts} requests");
            let oid_of = async |path: &str| {
                let rev = format!("{oid}:{path}");
                resolve(&task, &repo, rev.as_bytes()).await.unwrap()
            };
            assert_eq!(oid_of("moved/src/main.rs").await, place.oid("main:src/main.rs"));
            assert_eq!(oid_of("tools/check.sh").await, place.oid("main:tools/check.sh"));
            assert_eq!(oid_of("README.md").await, place.oid("main:README.md"));
            let here = stored(&host, &repo).await;
            for path in ["README.md", "tools/check.sh", "moved/src/main.rs"] {
                assert!(
                    !here.contains(&oid_of(path).await.to_hex()),
                    "{filter}: {path} was fetched"
                );
            }
            assert!(here.contains(&oid_of("tools/new.sh").await.to_hex()));
        });
    }
}

#[test]
fn a_commit_fetches_a_parent_that_is_not_here() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        let args = ["commit-tree", "-p", "main", "-m", "later", "main^{tree}"];
        let later = place.repo.git_line(args).unwrap();
        place.repo.git(["update-ref", "refs/heads/later", &later]).unwrap();
        let options = Options {
            message: Some(b"m".to_vec()),
            author: Some(Author {
                name: b"Ada".to_vec(),
                email: b"ada@example.org".to_vec(),
                when: None,
            }),
            parents: Some(vec![b"main".to_vec(), later.clone().into_bytes()]),
            ..Options::default()
        };
        let task = task(&host);
        let oid = commit::commit(&task, &repo, b"main", &options).await.unwrap();
        let second = resolve(&task, &repo, format!("{oid}^2").as_bytes()).await.unwrap();
        assert_eq!(second.to_hex(), later);
    });
}

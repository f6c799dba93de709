//! Another call has its turn while a call waits for the right to write: what was there when the call
//! began is gone, or is something else.

use std::future::Future;

use gitside::error::{Code, Failure, Outcome};
use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside::ops::branch::{self, CreateOptions};
use gitside::ops::commit::{self, Change};
use gitside::ops::compose::Author;
use gitside::ops::gc::{self, Grace, gc};
use gitside::ops::rev_parse::resolve;
use gitside::ops::write::{self, Entry, NewCommit};
use gitside::ops::{Repository, init};
use gitside::store::publish::Writer;
use gitside::task::Task;

use crate::support::{block_on, host};

fn ada() -> Option<Author> {
    Some(Author {
        name: b"Ada".to_vec(),
        email: b"ada@example.org".to_vec(),
        when: None,
    })
}

/// A repository with a commit that no branch leads to.
async fn repository() -> (Task, Repository, ObjectId) {
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    let repo = init::init(&host, &task, "meanwhile", "main").await.unwrap();
    let oid = write::blob(&task, &repo, b"content".to_vec()).await.unwrap();
    let entry = Entry {
        path: b"a".to_vec(),
        kind: EntryKind::Blob,
        oid,
    };
    let tree = write::tree(&task, &repo, vec![entry]).await.unwrap();
    let new = NewCommit {
        tree: tree.to_hex().into_bytes(),
        author: ada(),
        message: b"m".to_vec(),
        ..NewCommit::default()
    };
    let commit = write::commit(&task, &repo, &new).await.unwrap();
    (task, repo, commit)
}

/// Gives the right to write back when the others have gone as far as they can without it.
async fn after_the_others(busy: Writer) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(busy);
}

/// Has a call begin, and wait behind a gc that drops at once what nothing reaches.
async fn behind_a_gc(task: &Task, repo: &Repository, call: impl Future<Output = Outcome<ObjectId>>) -> Code {
    let busy = repo.writer(task).await.unwrap();
    let options = gc::Options {
        grace: Some(Grace::Seconds(0)),
    };
    let (report, made, ()) = tokio::join!(gc(task, repo, &options), call, after_the_others(busy));
    assert_eq!(report.unwrap().dropped, 3);
    match made {
        Err(Failure::Error(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_branch_does_not_start_from_a_commit_that_was_dropped_meanwhile() {
    block_on(async {
        let (task, repo, commit) = repository().await;
        let (start, options) = (commit.to_hex(), CreateOptions::default());
        let call = branch::create(&task, &repo, b"new", start.as_bytes(), &options);
        assert_eq!(behind_a_gc(&task, &repo, call).await, Code::MissingObject);
        assert_eq!(repo.refs.get(b"refs/heads/new").await.unwrap(), None);
    });
}

#[test]
fn a_commit_upon_what_a_ref_leads_to_keeps_what_was_committed_meanwhile() {
    block_on(async {
        let (task, repo, _) = repository().await;
        let options = |path: &[u8], base: Option<&str>| commit::Options {
            message: Some(b"m".to_vec()),
            author: ada(),
            base: base.map(|rev| rev.as_bytes().to_vec()),
            changes: vec![Change::Write {
                path: path.to_vec(),
                content: path.to_vec(),
                kind: None,
            }],
            ..commit::Options::default()
        };
        commit::commit(&task, &repo, b"main", &options(b"first", None))
            .await
            .unwrap();
        let (theirs, mine) = (options(b"theirs", None), options(b"mine", Some("main")));
        let busy = repo.writer(&task).await.unwrap();
        let (theirs, mine, ()) = tokio::join!(
            commit::commit(&task, &repo, b"main", &theirs),
            commit::commit(&task, &repo, b"main", &mine),
            after_the_others(busy),
        );
        theirs.unwrap();
        mine.unwrap();
        for path in ["first", "mine", "theirs"] {
            let rev = format!("main:{path}");
            resolve(&task, &repo, rev.as_bytes()).await.expect(path);
        }
    });
}

//! Pulling a branch forward from a real server, counted beside git.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use gitside::error::Code;
use gitside::ops::fetch::{self, UpdateKind};
use gitside::ops::pull::{Pulled, pull};
use gitside::ops::{Repository, clone, config};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::{Repo, git, run};
use gitside_server::{Git, Server};
use support::{block_on, host};

/// A server with three commits on `main`, and a clone made at the first.
struct World {
    source: Repo,
    task: Task,
    repo: Repository,
    _server: Server,
    _root: tempfile::TempDir,
}

fn said(repo: &Repo, args: &[&str]) -> String {
    let mut command = git();
    command.current_dir(repo.path()).args(args);
    String::from_utf8(run(command, &[]).unwrap()).unwrap().trim().to_owned()
}

/// A commit on top of `parent` (or none), not on any branch.
fn commit(repo: &Repo, parent: Option<&str>, message: &str) -> String {
    let tree = said(repo, &["mktree", "--missing"]);
    let mut args = vec!["commit-tree", "-m", message];
    args.extend(parent.iter().flat_map(|parent| ["-p", parent]));
    args.push(&tree);
    said(repo, &args)
}

impl World {
    async fn new() -> World {
        let root = tempfile::tempdir().unwrap();
        let source = Repo::at(root.path().join("a.git"));
        let mut command = git();
        command
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(source.path());
        run(command, &[]).unwrap();
        let first = commit(&source, None, "first");
        said(&source, &["update-ref", "refs/heads/main", &first]);
        let server = Server::builder().mount(Git::at("/", root.path())).start().unwrap();
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let url = server.url("/a.git");
        let repo = clone::clone(&host, &task, &url, "a", &clone::Options::default())
            .await
            .unwrap();
        World {
            source,
            task,
            repo,
            _server: server,
            _root: root,
        }
    }

    /// Adds so many commits to the server's branch.
    fn grow(&self, commits: usize) {
        for n in 0..commits {
            let next = commit(&self.source, Some("refs/heads/main"), &format!("theirs {n}"));
            said(&self.source, &["update-ref", "refs/heads/main", &next]);
        }
    }

    /// Adds so many commits to our branch, that the server does not have on a branch.
    async fn grow_here(&self, commits: usize) {
        let mut tip = said(&self.source, &["rev-parse", "refs/heads/main"]);
        let writer = self.repo.writer(&self.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        for n in 0..commits {
            tip = commit(&self.source, Some(&tip), &format!("ours {n}"));
            let mut command = git();
            command
                .current_dir(self.source.path())
                .args(["cat-file", "commit", &tip]);
            let content = run(command, &[]).unwrap();
            publication.object(tip.parse().unwrap(), gitside::format::object::Kind::Commit, &content);
        }
        publication.update(RefUpdate {
            name: b"refs/heads/main".to_vec(),
            expect: None,
            new: Some(Target::Direct(tip.parse().unwrap())),
            peeled: None,
        });
        publication.commit().await.unwrap();
    }

    async fn pull(&self, branch: &str) -> Pulled {
        pull(&self.task, &self.repo, branch.as_bytes(), &fetch::Options::default())
            .await
            .unwrap()
    }

    async fn branch(&self) -> String {
        let found = self.repo.refs.resolve(b"refs/heads/main").await.unwrap();
        found.and_then(|found| found.oid).unwrap().to_hex()
    }
}

#[test]
fn a_branch_without_commits_of_its_own_moves_forward() {
    block_on(async {
        let world = World::new().await;
        world.grow(3);
        let pulled = world.pull("main").await;
        let last = pulled.fetched.changes.last().unwrap();
        assert_eq!(
            (last.kind, last.name.as_slice()),
            (UpdateKind::FastForward, b"refs/heads/main".as_slice())
        );
        assert_eq!((pulled.ahead, pulled.behind), (0, 3));
        assert_eq!(world.branch().await, said(&world.source, &["rev-parse", "main"]));
        let again = world.pull("refs/heads/main").await;
        assert_eq!(again.fetched.changes.last().unwrap().kind, UpdateKind::UpToDate);
        assert_eq!(again.fetched.rounds, 0, "nothing new costs no request for objects");
    });
}

#[test]
fn a_branch_that_is_ahead_stays_and_says_by_how_much() {
    block_on(async {
        let world = World::new().await;
        world.grow_here(2).await;
        let before = world.branch().await;
        let pulled = world.pull("main").await;
        assert_eq!(pulled.fetched.changes.last().unwrap().kind, UpdateKind::UpToDate);
        assert_eq!((pulled.ahead, pulled.behind), (2, 0));
        assert_eq!(world.branch().await, before);
    });
}

#[test]
fn histories_that_went_apart_are_reported_with_what_they_have_in_common() {
    block_on(async {
        let world = World::new().await;
        let base = said(&world.source, &["rev-parse", "main"]);
        world.grow_here(2).await;
        let before = world.branch().await;
        world.grow(3);
        let pulled = world.pull("main").await;
        let last = pulled.fetched.changes.last().unwrap();
        assert_eq!(
            (last.kind, last.reason.as_deref()),
            (UpdateKind::Rejected, Some("non-fast-forward"))
        );
        assert!(!pulled.fetched.is_ok());
        let counts = said(
            &world.source,
            &["rev-list", "--left-right", "--count", &format!("{before}...main")],
        );
        assert_eq!(format!("{}\t{}", pulled.ahead, pulled.behind), counts);
        assert_eq!(
            pulled.merge_bases.iter().map(|oid| oid.to_hex()).collect::<Vec<_>>(),
            [base]
        );
        assert_eq!(world.branch().await, before, "the branch is where it was");
        let tracking = world
            .repo
            .refs
            .resolve(b"refs/remotes/origin/main")
            .await
            .unwrap()
            .unwrap()
            .oid
            .unwrap();
        assert_eq!(
            tracking.to_hex(),
            said(&world.source, &["rev-parse", "main"]),
            "what was fetched is there"
        );
    });
}

#[test]
fn a_branch_that_follows_nothing_is_a_typed_error() {
    block_on(async {
        let world = World::new().await;
        let failure = pull(&world.task, &world.repo, b"elsewhere", &fetch::Options::default())
            .await
            .unwrap_err();
        let error = failure.error().unwrap();
        assert_eq!(error.code, Code::RefNotFound);
        assert!(error.message.contains("follows nothing"), "{}", error.message);
        assert!(error.hint.as_deref().unwrap().contains("branch.<name>.merge"));
    });
}

#[test]
fn a_branch_whose_source_is_gone_is_a_typed_error_and_stays() {
    block_on(async {
        let world = World::new().await;
        let before = world.branch().await;
        said(&world.source, &["branch", "-m", "main", "trunk"]);
        let failure = pull(&world.task, &world.repo, b"main", &fetch::Options::default())
            .await
            .unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::RefNotFound);
        assert_eq!(world.branch().await, before);
    });
}

#[test]
fn a_branch_that_follows_an_annotated_tag_gets_the_commit_and_a_short_name_is_enough() {
    block_on(async {
        let world = World::new().await;
        world.grow(2);
        let tip = said(&world.source, &["rev-parse", "main"]);
        said(&world.source, &["tag", "-a", "-m", "one", "v1", "main"]);
        world.grow(1);
        config::set(&world.task, &world.repo, b"branch.main.merge", Some(b"v1"))
            .await
            .unwrap();
        let pulled = world.pull("main").await;
        let last = pulled.fetched.changes.last().unwrap();
        assert_eq!(
            (last.kind, last.remote.as_deref()),
            (UpdateKind::FastForward, Some(b"refs/tags/v1".as_slice()))
        );
        assert_eq!(world.branch().await, tip, "the commit, not the tag");
        config::set(&world.task, &world.repo, b"branch.main.merge", Some(b"main"))
            .await
            .unwrap();
        let pulled = world.pull("main").await;
        assert_eq!(pulled.fetched.changes.last().unwrap().kind, UpdateKind::FastForward);
        assert_eq!(world.branch().await, said(&world.source, &["rev-parse", "main"]));
    });
}

#[test]
fn a_pull_cannot_be_tried_out() {
    block_on(async {
        let world = World::new().await;
        let options = fetch::Options {
            dry_run: true,
            ..fetch::Options::default()
        };
        let failure = pull(&world.task, &world.repo, b"main", &options).await.unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::Unsupported);
    });
}

#[test]
fn a_remote_branch_called_head_is_fetched_beside_the_others() {
    block_on(async {
        let world = World::new().await;
        for name in ["refs/heads/HEAD", "refs/heads/other/HEAD/x"] {
            said(&world.source, &["update-ref", name, "refs/heads/main"]);
        }
        let url = config::get(&world.task, &world.repo, b"remote.origin.url")
            .await
            .unwrap()
            .unwrap();
        config::set(&world.task, &world.repo, b"remote.other.url", Some(&url))
            .await
            .unwrap();
        let refspec = b"+refs/heads/*:refs/remotes/other/*";
        config::set(&world.task, &world.repo, b"remote.other.fetch", Some(refspec))
            .await
            .unwrap();
        let options = fetch::Options {
            remote: Some("other".to_owned()),
            ..fetch::Options::default()
        };
        let fetched = fetch::fetch(&world.task, &world.repo, &options).await.unwrap();
        assert!(fetched.is_ok(), "{fetched:?}");
        let head = world
            .repo
            .refs
            .resolve(b"refs/remotes/other/HEAD")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            head.name, b"refs/remotes/other/HEAD",
            "the branch, not a pointer to the default one"
        );
    });
}

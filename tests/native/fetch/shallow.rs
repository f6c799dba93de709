//! Histories with a boundary: t5537, t5539, and the shallow groups of t5500 and t5510.

use gitside::error::Code;
use gitside::host::{Async, Http, HttpError, Request, Response, Surroundings};
use gitside::ops::clone;
use gitside::ops::fetch::{Depth, UpdateKind, fetch};
use gitside::ops::remote::Version;
use gitside::task::Task;
use gitside_server::repos::{Repo, git, run};

use crate::bench::{BOTH, Bench, config, kinds};
use crate::pair::{Manner, Pair};
use crate::support::http::{SocketHttp, read_all};
use crate::support::{block_on, host_with};

fn shallow(version: Version, depth: u32) -> Manner {
    let mut manner = Manner::plain(version);
    manner.depth = Some(depth);
    manner.single_branch = Some(false);
    manner
}

#[track_caller]
fn cut(pair: &Pair, args: &[&str], depth: Depth) -> usize {
    let before = pair.gitside_state().shallow;
    let fetched = pair.alike(args, |options| options.depth = depth);
    assert_eq!(pair.faults(), "");
    let after = pair.gitside_state().shallow;
    assert_eq!(fetched.shallow_changed, before != after);
    after.len()
}

#[test]
fn a_boundary_moves_as_with_git_in_both_directions() {
    for version in BOTH {
        let bench = Bench::new();
        bench.grow("main", 6);
        bench.source.git(["branch", "side", "main~4"]).unwrap();
        bench.grow("side", 3);
        bench.tag("v1", "main~2");
        let pair = bench.clone_as(shallow(version, 2));
        bench.commit("main");
        assert!(cut(&pair, &[], Depth::Unchanged) > 0);
        assert!(cut(&pair, &["--depth=4"], Depth::Commits(4)) > 0);
        assert!(cut(&pair, &["--depth=1"], Depth::Commits(1)) > 0);
        assert!(cut(&pair, &["--deepen=2"], Depth::Deepen(2)) > 0);
        let not = Depth::Cut {
            since: None,
            exclude: vec!["v1".to_owned()],
        };
        assert!(cut(&pair, &["--shallow-exclude=v1"], not) > 0);
        let since = Depth::Cut {
            since: Some(1_600_000_000),
            exclude: Vec::new(),
        };
        // Every commit is younger than that.
        assert_eq!(cut(&pair, &["--shallow-since=1600000000"], since), 0);
        assert_eq!(pair.gitside_state().objects.len(), pair.git_state().objects.len());
    }
}

#[test]
fn unshallow_makes_the_repository_complete_once() {
    for version in BOTH {
        let bench = Bench::new();
        bench.grow("main", 6);
        let pair = bench.clone_as(shallow(version, 2));
        assert_eq!(cut(&pair, &["--unshallow"], Depth::Unshallow), 0);
        let mut options = pair.options();
        options.depth = Depth::Unshallow;
        let failure = pair.ours(&options).unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::Unsupported);
        assert_eq!(pair.git_fetch(&["--unshallow".into()]).status.code(), Some(128));
    }
}

#[test]
fn deepening_a_complete_repository_does_not_cut_it_and_a_depth_does() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        bench.commit("main");
        assert_eq!(cut(&pair, &["--deepen=1"], Depth::Deepen(1)), 0);
        bench.commit("main");
        assert_eq!(cut(&pair, &["--depth=2"], Depth::Commits(2)), 1);
    }
}

#[test]
fn a_cut_that_leaves_nothing_fails_with_the_servers_words_and_changes_nothing() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        bench.commit("main");
        let before = pair.gitside_state();
        let mut options = pair.options();
        options.depth = Depth::Cut {
            since: Some(1_900_000_000),
            exclude: Vec::new(),
        };
        let failure = pair.ours(&options).unwrap_err();
        assert_eq!(pair.gitside_state(), before, "{failure}");
        assert_eq!(
            pair.git_fetch(&["--shallow-since=1900000000".into()]).status.code(),
            Some(128)
        );
        options.depth = Depth::Cut {
            since: None,
            exclude: vec!["no-such".to_owned()],
        };
        let failure = pair.ours(&options).unwrap_err();
        assert_eq!(pair.gitside_state(), before, "{failure}");
        assert_eq!(
            pair.git_fetch(&["--shallow-exclude=no-such".into()]).status.code(),
            Some(128)
        );
    }
}

#[test]
fn what_the_server_thinks_is_here_but_lies_behind_the_boundary_is_sent_again() {
    for version in BOTH {
        let bench = Bench::new();
        let first = bench.oid("main~2^{tree}");
        bench.grow("main", 3);
        let pair = bench.clone_as(shallow(version, 2));
        assert!(!pair.gitside_state().objects.contains(&first));
        // The first commit's tree once more, on top.
        let tip = bench.oid("main");
        let back = bench
            .source
            .git_line(["commit-tree", &first, "-p", &tip, "-m", "back"])
            .unwrap();
        bench.set("refs/heads/main", &back);
        pair.alike(&[], |_| ());
        assert!(pair.gitside_state().objects.contains(&first));
        assert_eq!(pair.faults(), "");
    }
}

/// A server that is shallow itself, beside the whole one: two commits of `main`, and a branch
/// without a boundary.
fn shallow_server(bench: &Bench) -> Repo {
    bench.grow("main", 3);
    let path = bench.root.path().join("shallow.git");
    let mut command = git();
    command.args(["clone", "--quiet", "--bare", "--depth=2"]);
    command
        .arg(format!("file://{}", bench.source.path().display()))
        .arg(&path);
    run(command, &[]).unwrap();
    let server = Repo::at(path);
    let orphan = server.git_line([
        "commit-tree",
        &server.git_line(["rev-parse", "main^{tree}"]).unwrap(),
        "-m",
        "orphan",
    ]);
    server
        .git(["update-ref", "refs/heads/orphan", &orphan.unwrap()])
        .unwrap();
    server
}

#[test]
fn new_roots_of_a_shallow_server_are_refused_ref_by_ref_unless_they_are_welcome() {
    for version in BOTH {
        let bench = Bench::new();
        let empty = Bench::new();
        empty.delete("refs/heads/main");
        let server = shallow_server(&bench);
        let url = bench.server.url("/git/shallow.git");
        let pair = empty.clone(version);
        pair.configure(&config(&url, &["+refs/heads/*:refs/remotes/origin/*"]));
        let fetched = pair.ours(&pair.options()).unwrap();
        // In version 0 over HTTP, git hears too late of the roots, and fails as a whole. And it keeps
        // the objects that it did not want.
        let git = pair.git_fetch(&[]);
        if version == Version::V2 {
            assert!(git.status.success());
            let theirs = pair.git_state();
            assert!(theirs.refs.contains_key("refs/remotes/origin/orphan") && theirs.shallow.is_empty());
            assert!(!theirs.refs.contains_key("refs/remotes/origin/main"));
        }
        let main = fetched.changes.iter().find(|change| change.name.ends_with(b"/main"));
        assert_eq!(
            main.map(|change| change.kind),
            Some(UpdateKind::Rejected),
            "{version:?}: {fetched:#?}"
        );
        assert!(pair.has("refs/remotes/origin/orphan") && !pair.has("refs/remotes/origin/main"));
        assert!(pair.gitside_state().shallow.is_empty());
        let main = server.git_line(["rev-parse", "main"]).unwrap();
        server.git(["tag", "-m", "v1", "v1", &main]).unwrap();
        let mut options = pair.options();
        options.update_shallow = true;
        let fetched = pair.ours(&options).unwrap();
        assert!(fetched.is_ok(), "{version:?}: {:?}", kinds(&fetched));
        assert!(pair.git_fetch(&["--update-shallow".into()]).status.success());
        let (git, mut ours) = (pair.git_state(), pair.gitside_state());
        ours.refs.remove("refs/remotes/origin/HEAD");
        assert_eq!(crate::told::differences(&git, &ours), Vec::<String>::new());
        assert!(pair.has("refs/remotes/origin/main") && pair.has("refs/tags/v1"));
        assert_eq!(pair.gitside_state().shallow.len(), 1);
        assert_eq!(pair.faults(), "");
    }
}

#[test]
fn a_clone_of_a_shallow_server_has_its_roots_and_fetches_on() {
    for version in BOTH {
        let bench = Bench::new();
        let server = shallow_server(&bench);
        let pair = bench.clone_from(&bench.server.url("/git/shallow.git"), Manner::plain(version));
        assert_eq!(pair.gitside_state().shallow, pair.git_state().shallow);
        let tree = server.git_line(["rev-parse", "main^{tree}"]).unwrap();
        let next = server
            .git_line(["commit-tree", &tree, "-p", "main", "-m", "next"])
            .unwrap();
        server.git(["update-ref", "refs/heads/main", &next]).unwrap();
        assert!(pair.alike(&[], |_| ()).is_ok());
        pair.alike(&["--depth=1"], |options| options.depth = Depth::Commits(1));
        pair.alike(&["--unshallow"], |options| options.depth = Depth::Unshallow);
        assert_eq!(pair.gitside_state().shallow.len(), 1, "the server has no more");
        assert_eq!(pair.faults(), "");
    }
}

/// Turns the boundary that the server tells into one that it takes away, of another commit.
struct Unshallows {
    inner: SocketHttp,
    told: String,
    taken: String,
}

impl Http for Unshallows {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let mut response = self.inner.send(request).await?;
            let body = read_all(&mut *response.body).await?;
            let from = format!("0034shallow {}", self.told).into_bytes();
            let to = format!("0036unshallow {}", self.taken).into_bytes();
            let body = match body.windows(from.len()).position(|window| window == from) {
                Some(at) => [&body[..at], &to, &body[at + from.len()..]].concat(),
                None => body,
            };
            response.body = Box::new(Once(body));
            Ok(response)
        })
    }

    fn surroundings(&self) -> Surroundings {
        self.inner.surroundings()
    }
}

struct Once(Vec<u8>);

impl gitside::host::Body for Once {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        let chunk = std::mem::take(&mut self.0);
        Box::pin(async move { Ok((!chunk.is_empty()).then_some(chunk)) })
    }
}

#[test]
fn a_boundary_that_the_server_takes_away_without_sending_what_is_behind_stays() {
    let bench = Bench::new();
    // The clone is cut below `main~1`; the server then says that this is no boundary any more, and
    // sends an empty pack.
    let (told, taken) = (bench.oid("main"), bench.oid("main~1"));
    let host = host_with(Unshallows {
        inner: SocketHttp::default(),
        told,
        taken: taken.clone(),
    });
    let task = Task::new(host.clock.clone(), |_| {});
    block_on(async {
        let mut options = clone::Options {
            depth: Some(2),
            ..clone::Options::default()
        };
        options.remote.protocol_version = Some(Version::V2);
        let repo = clone::clone(&host, &task, &bench.url(), "copy", &options)
            .await
            .unwrap();
        let before = repo.meta.shallow().await.unwrap();
        assert_eq!(before, [taken.parse().unwrap()]);
        let mut options = gitside::ops::fetch::Options {
            depth: Depth::Commits(1),
            ..Default::default()
        };
        options.transport.protocol_version = Some(Version::V2);
        let failure = fetch(&task, &repo, &options).await.unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::NotConnected, "{failure}");
        assert_eq!(repo.meta.shallow().await.unwrap(), before);
        options.depth = Depth::Unshallow;
        fetch(&task, &repo, &options).await.unwrap();
        assert_eq!(repo.meta.shallow().await.unwrap(), []);
    });
}

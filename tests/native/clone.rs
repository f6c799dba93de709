//! Clones from a real server, and from servers that lie: a clone is whole, or there is none.
#![cfg(not(target_arch = "wasm32"))]

#[path = "support/hostile_cases.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod hostile_cases;
#[path = "support/pack_builder.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_builder;
#[path = "support/pack_oracle.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pack_oracle;
#[path = "support/replay.rs"]
mod replay;
mod support;

use std::rc::Rc;

use gitside::error::{Code, Failure};
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{Host, Http};
use gitside::ops::clone::{Options, TagMode, clone};
use gitside::ops::remote::Version;
use gitside::ops::{MemoryStorage, Repository, list, remote};
use gitside::task::Task;
use gitside_server::repos::{self, Repo, run};
use gitside_server::{Git, Server};
use hostile_cases::{Cases, Verdict};
use replay::{Answer, Recorder, Replay};
use support::http::SystemClock;

struct World {
    host: Host,
    storage: Rc<MemoryStorage>,
}

fn world(http: impl Http + 'static) -> World {
    let storage = Rc::new(MemoryStorage::new());
    let host = Host {
        storage: storage.clone(),
        http: Rc::new(http),
        clock: Rc::new(SystemClock::default()),
        threads: Rc::new(gitside::host::NoThreads),
    };
    World { host, storage }
}

fn task(host: &Host) -> Task {
    Task::new(host.clock.clone(), |_| {})
}

fn version(version: Version) -> Options {
    let remote = remote::Options {
        protocol_version: Some(version),
        ..remote::Options::default()
    };
    Options {
        remote,
        ..Options::default()
    }
}

async fn run_clone(world: &World, url: &str, options: &Options) -> Result<Repository, Failure> {
    clone(&world.host, &task(&world.host), url, "copy", options).await
}

/// Nothing is left of a clone that failed: no repository, no database but the catalogue, and the
/// name can be taken.
async fn assert_nothing_left(world: &World, case: &str) {
    assert!(
        list(&world.host).await.unwrap().is_empty(),
        "{case}: a repository is listed"
    );
    let databases = world.host.storage.databases("gitside:").await.unwrap().unwrap();
    assert!(databases.len() <= 1, "{case}: {databases:?}");
    assert!(Repository::open(&world.host, "copy").await.is_err(), "{case}");
}

async fn refs_of(repo: &Repository) -> Vec<(String, ObjectId)> {
    let mut found = Vec::new();
    for entry in repo.refs.list(b"refs/").await.unwrap() {
        let resolved = repo.refs.resolve(&entry.name).await.unwrap().unwrap();
        found.push((String::from_utf8_lossy(&entry.name).into_owned(), resolved.oid.unwrap()));
    }
    found.sort();
    found
}

fn refs_of_git(repo: &Repo) -> Vec<(String, ObjectId)> {
    let listed = repo.git(["for-each-ref", "--format=%(refname) %(objectname)"]).unwrap();
    let mut found: Vec<_> = String::from_utf8_lossy(&listed)
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, oid)| (name.to_owned(), oid.parse().unwrap()))
        .collect();
    found.sort();
    found
}

struct Served {
    root: tempfile::TempDir,
    server: Server,
    source: Repo,
}

fn served() -> Served {
    let root = tempfile::tempdir().unwrap();
    let source = repos::example(&root.path().join("example.git")).unwrap();
    let server = Server::builder().mount(Git::at("/git", root.path())).start().unwrap();
    Served { root, server, source }
}

impl Served {
    fn url(&self) -> String {
        self.server.url("/git/example.git")
    }

    fn git_clone(&self, name: &str, args: &[&str]) -> Repo {
        let into = self.root.path().join(name);
        let mut command = repos::git();
        command
            .args(["-c", "init.defaultBranch=main", "clone", "--quiet", "--no-checkout"])
            .args(args);
        command.arg(self.url()).arg(&into);
        run(command, &[]).unwrap();
        Repo::at(into.join(".git"))
    }
}

#[test]
fn a_clone_has_the_refs_the_head_and_the_boundaries_that_git_has() {
    let served = served();
    let base = Options::default;
    let cases: Vec<(&str, Options, Vec<&str>)> = vec![
        ("whole", base(), vec![]),
        (
            "depth",
            Options {
                depth: Some(3),
                ..base()
            },
            vec!["--depth=3"],
        ),
        (
            "depth of all",
            Options {
                depth: Some(2),
                single_branch: Some(false),
                ..base()
            },
            vec!["--depth=2", "--no-single-branch"],
        ),
        (
            "single",
            Options {
                single_branch: Some(true),
                ..base()
            },
            vec!["--single-branch"],
        ),
        (
            "no tags",
            Options {
                tags: TagMode::None,
                ..base()
            },
            vec!["--no-tags"],
        ),
        (
            "single, no tags",
            Options {
                single_branch: Some(true),
                tags: TagMode::None,
                ..base()
            },
            vec!["--single-branch", "--no-tags"],
        ),
        (
            "origin",
            Options {
                remote_name: "up".to_owned(),
                ..base()
            },
            vec!["--origin=up"],
        ),
    ];
    for (name, options, args) in cases {
        let git = served.git_clone(name, &args);
        for protocol in [Version::V0, Version::V1, Version::V2] {
            let case = format!("{name}, {protocol:?}");
            let world = world(support::http::SocketHttp::default());
            let options = Options {
                remote: version(protocol).remote,
                ..options.clone()
            };
            support::block_on(async {
                let repo = run_clone(&world, &served.url(), &options)
                    .await
                    .unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(refs_of(&repo).await, refs_of_git(&git), "{case}");
                let shallow: Vec<String> = repo
                    .meta
                    .shallow()
                    .await
                    .unwrap()
                    .iter()
                    .map(ObjectId::to_hex)
                    .collect();
                let mut gits: Vec<String> = std::fs::read_to_string(git.path().join("shallow"))
                    .unwrap_or_default()
                    .lines()
                    .map(str::to_owned)
                    .collect();
                gits.sort();
                assert_eq!(shallow, gits, "{case}");
                let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
                assert_eq!(
                    head.oid.unwrap().to_hex(),
                    git.git_line(["rev-parse", "HEAD"]).unwrap(),
                    "{case}"
                );
                assert_eq!(
                    String::from_utf8(head.name).unwrap(),
                    git.git_line(["symbolic-ref", "HEAD"]).unwrap(),
                    "{case}"
                );
            });
        }
    }
}

#[test]
fn a_mirror_has_every_ref_under_its_own_name() {
    let served = served();
    let world = world(support::http::SocketHttp::default());
    support::block_on(async {
        let options = Options {
            mirror: true,
            ..Options::default()
        };
        let repo = run_clone(&world, &served.url(), &options).await.unwrap();
        assert_eq!(refs_of(&repo).await, refs_of_git(&served.source));
    });
}

#[test]
fn a_branch_a_tag_and_a_commit_can_be_chosen_and_others_are_named_in_the_error() {
    let served = served();
    let branches = served
        .source
        .git(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
        .unwrap();
    let branches = String::from_utf8(branches).unwrap();
    let tag = served
        .source
        .git(["for-each-ref", "--format=%(refname:short)", "refs/tags"])
        .unwrap();
    let tag = String::from_utf8(tag).unwrap().lines().next().unwrap().to_owned();
    let commit = served.source.git_line(["rev-parse", "HEAD~1"]).unwrap();
    for wanted in branches.lines().chain([tag.as_str(), commit.as_str()]) {
        let world = world(support::http::SocketHttp::default());
        let expected = served
            .source
            .git_line(["rev-parse", &format!("{wanted}^{{commit}}")])
            .unwrap();
        let options = Options {
            reference: Some(wanted.to_owned()),
            ..version(Version::V2)
        };
        support::block_on(async {
            let repo = run_clone(&world, &served.url(), &options)
                .await
                .unwrap_or_else(|e| panic!("{wanted}: {e}"));
            let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
            assert_eq!(head.oid.unwrap().to_hex(), expected, "{wanted}");
        });
    }
    let world = world(support::http::SocketHttp::default());
    let options = Options {
        reference: Some("nowhere".to_owned()),
        ..Options::default()
    };
    let failure = support::block_on(run_clone(&world, &served.url(), &options))
        .err()
        .unwrap();
    assert_eq!(failure.error().unwrap().code, Code::RefNotFound);
    assert!(failure.to_string().contains("nowhere"), "{failure}");
}

#[test]
fn empty_unborn_detached_and_dangling_heads_become_what_git_makes_of_them() {
    let served = served();
    let make = |name: &str, script: &[&[&str]]| {
        let repo = Repo::init(served.root.path().join(format!("{name}.git")), "trunk").unwrap();
        for args in script {
            repo.git(args.iter().copied()).unwrap();
        }
        repo
    };
    make("empty", &[]);
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let with_commit = |name: &str, head: &str| {
        let repo = make(name, &[]);
        repo.git_with(["hash-object", "-w", "-t", "tree", "--stdin"], b"")
            .unwrap();
        let mut oid = repo.git_line(["commit-tree", "-m", "first", tree]).unwrap();
        repo.git(["update-ref", "refs/heads/other", &oid]).unwrap();
        if head == "detached" {
            // Not where the branch is: what HEAD shares with a branch, git takes for that branch.
            oid = repo
                .git_line(["commit-tree", "-p", &oid, "-m", "second", tree])
                .unwrap();
        }
        match head {
            "detached" => repo.git(["update-ref", "--no-deref", "HEAD", &oid]).unwrap(),
            _ => repo.git(["symbolic-ref", "HEAD", head]).unwrap(),
        };
        oid
    };
    let detached = with_commit("detached", "detached");
    with_commit("dangling", "refs/heads/nowhere");
    let branch = with_commit("branch", "refs/heads/other");
    let cases = [
        ("empty", Version::V2, Some("refs/heads/trunk"), None),
        ("empty", Version::V0, Some("refs/heads/main"), None),
        ("detached", Version::V2, None, Some(&detached)),
        ("detached", Version::V0, None, Some(&detached)),
        ("dangling", Version::V2, Some("refs/heads/nowhere"), None),
        ("dangling", Version::V0, Some("refs/heads/main"), None),
        ("branch", Version::V2, Some("refs/heads/other"), Some(&branch)),
        ("branch", Version::V0, Some("refs/heads/other"), Some(&branch)),
    ];
    for (name, protocol, symbolic, oid) in cases {
        let case = format!("{name}, {protocol:?}");
        let world = world(support::http::SocketHttp::default());
        support::block_on(async {
            let url = served.server.url(&format!("/git/{name}.git"));
            let repo = run_clone(&world, &url, &version(protocol))
                .await
                .unwrap_or_else(|e| panic!("{case}: {e}"));
            let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
            let symbolic = symbolic.unwrap_or("HEAD");
            assert_eq!(String::from_utf8(head.name).unwrap(), symbolic, "{case}");
            assert_eq!(head.oid.map(|oid| oid.to_hex()).as_ref(), oid, "{case}");
        });
    }
}

#[test]
fn a_taken_name_is_refused_before_anything_is_sent() {
    let served = served();
    let world = world(support::http::SocketHttp::default());
    support::block_on(async {
        run_clone(&world, &served.url(), &Options::default()).await.unwrap();
        served.server.clear_log();
        let failure = run_clone(&world, &served.url(), &Options::default())
            .await
            .err()
            .unwrap();
        assert_eq!(failure.error().unwrap().code, Code::AlreadyExists);
        assert!(served.server.log().is_empty());
    });
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_is_sent() {
    let base = Options::default;
    let cases = [
        Options {
            depth: Some(0),
            ..base()
        },
        Options {
            depth: Some(u32::MAX),
            ..base()
        },
        Options {
            depth: Some(1),
            since: Some(1),
            ..base()
        },
        Options {
            mirror: true,
            reference: Some("main".to_owned()),
            ..base()
        },
        Options {
            mirror: true,
            single_branch: Some(true),
            ..base()
        },
        Options {
            remote_name: "a b".to_owned(),
            ..base()
        },
        Options {
            remote_name: "../x".to_owned(),
            ..base()
        },
        Options {
            remote_name: String::new(),
            ..base()
        },
    ];
    for options in cases {
        let world = world(Replay::new(Vec::new()));
        support::block_on(async {
            let failure = run_clone(&world, "http://127.0.0.1:1/x.git", &options)
                .await
                .err()
                .unwrap();
            let code = failure.error().unwrap().code;
            assert!(matches!(code, Code::Unsupported | Code::InvalidRef), "{code}");
            assert_nothing_left(&world, "options").await;
        });
    }
}

#[test]
fn no_room_is_said_and_leaves_room() {
    let served = served();
    for limit in [0, 200, 1000, 4000, 10_000, 20_000, 40_000] {
        let world = world(support::http::SocketHttp::default());
        support::block_on(async {
            world.storage.set_limit(Some(limit));
            if let Err(failure) = run_clone(&world, &served.url(), &Options::default()).await {
                assert_eq!(failure.error().unwrap().code, Code::Quota, "{limit}: {failure}");
                world.storage.set_limit(None);
                assert_nothing_left(&world, "quota").await;
            }
            world.storage.set_limit(None);
            let _removed = gitside::ops::remove(&world.host, "copy").await;
            run_clone(&world, &served.url(), &Options::default()).await.unwrap();
        });
    }
}

// ---------------------------------------------------------------------------------------------
// Answers that are cut, flipped or made up

/// A small repository's answers to a clone, whole and good.
fn recorded(protocol: Version) -> Vec<Answer> {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::init(root.path().join("small.git"), "main").unwrap();
    let mut script = String::new();
    for number in 0..40 {
        let content: String = (0..12)
            .map(|line| format!("{:x}\n", (number * 7919 + line * 104_729) % 65_521))
            .collect();
        script += &format!(
            "commit refs/heads/main\ncommitter A <a@example.org> {} +0000\ndata 5\nwork\nM 100644 inline f{}\ndata {}\n{content}\n",
            1_700_000_000 + number,
            number % 5,
            content.len(),
        );
    }
    repo.git_with(["fast-import", "--quiet"], script.as_bytes()).unwrap();
    repo.git(["tag", "-a", "-m", "one", "v1", "main"]).unwrap();
    let server = Server::builder().mount(Git::at("/git", root.path())).start().unwrap();
    let recorder = Recorder::default();
    let world = world(recorder.clone());
    support::block_on(run_clone(&world, &server.url("/git/small.git"), &version(protocol))).unwrap();
    recorder.answers.take()
}

const URL: &str = "http://server.example/small.git";

fn replayed(answers: Vec<Answer>, protocol: Version) -> (World, Result<Repository, Failure>) {
    let world = world(Replay::new(answers));
    let result = support::block_on(run_clone(&world, URL, &version(protocol)));
    (world, result)
}

#[test]
fn a_cut_at_every_byte_of_every_answer_is_refused_and_leaves_nothing() {
    let mut cuts = 0;
    for protocol in [Version::V0, Version::V2] {
        let answers = recorded(protocol);
        assert!(replayed(answers.clone(), protocol).1.is_ok());
        let total: usize = answers.iter().map(|answer| answer.body.len()).sum();
        assert!(total > 5000, "{total}");
        for which in 0..answers.len() {
            for at in 0..answers[which].body.len() {
                let mut cut = answers.clone();
                cut[which].body.truncate(at);
                // A repeated request gets the same cut answer.
                let again = cut[which].clone();
                cut.splice(which..which, [again.clone(), again]);
                let (world, result) = replayed(cut, protocol);
                assert!(result.is_err(), "answer {which} cut at {at}");
                support::block_on(assert_nothing_left(&world, &format!("answer {which} cut at {at}")));
                cuts += 1;
            }
        }
    }
    assert!(cuts >= 12_000, "{cuts} cuts");
}

#[test]
fn answers_in_pieces_of_any_size_give_the_same_clone() {
    for protocol in [Version::V0, Version::V2] {
        let answers = recorded(protocol);
        for piece in [1, 2, 3, 5, 7, 64, 1000] {
            let mut http = Replay::new(answers.clone());
            http.piece = piece;
            let world = world(http);
            support::block_on(async {
                let repo = run_clone(&world, URL, &version(protocol)).await.unwrap();
                assert_eq!(repo.usage().await.unwrap().stats.objects, 121, "pieces of {piece}");
            });
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_pack_is_refused_and_leaves_nothing() {
    let answers = recorded(Version::V2);
    let fetch = answers.len() - 1;
    let start = answers[fetch]
        .body
        .windows(4)
        .position(|bytes| bytes == b"PACK")
        .unwrap();
    let end = answers[fetch].body.len() - 4;
    let mut flips = 0;
    for at in start..end {
        let mut flipped = answers.clone();
        flipped[fetch].body[at] ^= 1 << (at % 8);
        let again = flipped[fetch].clone();
        flipped.push(again);
        let (world, result) = replayed(flipped, Version::V2);
        // Between side-band packets there are lengths and band numbers; progress text may change.
        if let Ok(repo) = &result {
            assert_eq!(
                support::block_on(repo.usage()).unwrap().stats.objects,
                121,
                "flip at {at}"
            );
            continue;
        }
        support::block_on(assert_nothing_left(&world, &format!("flip at {at}")));
        flips += 1;
    }
    assert!(flips > 3000, "{flips} flips");
}

fn pkt(payload: &[u8]) -> Vec<u8> {
    [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
}

/// A version 2 server with these refs (the first is `HEAD`'s branch) and this fetch answer.
fn scripted(refs: &[(&str, ObjectId)], fetch: Vec<u8>) -> Vec<Answer> {
    let answer = |kind: &str, body: Vec<u8>| Answer {
        content_type: format!("application/x-git-upload-pack-{kind}"),
        body,
    };
    let advertisement = [
        pkt(b"version 2\n"),
        pkt(b"ls-refs=unborn\n"),
        pkt(b"fetch=shallow\n"),
        pkt(b"object-format=sha1\n"),
        b"0000".to_vec(),
    ]
    .concat();
    let mut listing = Vec::new();
    if let Some((name, oid)) = refs.first() {
        listing.extend(pkt(format!("{oid} HEAD symref-target:{name}\n").as_bytes()));
    }
    for (name, oid) in refs {
        listing.extend(pkt(format!("{oid} {name}\n").as_bytes()));
    }
    listing.extend(b"0000");
    vec![
        answer("advertisement", advertisement),
        answer("result", listing),
        answer("result", fetch),
    ]
}

/// The fetch answer that carries a pack, as a server sends it.
fn carried(pack: &[u8]) -> Vec<u8> {
    let mut body = pkt(b"packfile\n");
    for piece in pack.chunks(8000) {
        body.extend(pkt(&[b"\x01", piece].concat()));
    }
    body.extend(b"0000");
    body
}

/// A commit with one file, and the three objects it takes.
fn small_history() -> (ObjectId, Vec<(Kind, Vec<u8>)>) {
    use gitside::format::hash::hash_object;
    let blob = b"hello\n".to_vec();
    let blob_id = hash_object(Kind::Blob, &blob).unwrap();
    let tree = [b"100644 file\0".as_slice(), blob_id.as_bytes()].concat();
    let tree_id = hash_object(Kind::Tree, &tree).unwrap();
    let commit = format!("tree {tree_id}\nauthor A <a@example.org> 1700000000 +0000\ncommitter A <a@example.org> 1700000000 +0000\n\nfirst\n").into_bytes();
    let commit_id = hash_object(Kind::Commit, &commit).unwrap();
    (
        commit_id,
        vec![(Kind::Commit, commit), (Kind::Tree, tree), (Kind::Blob, blob)],
    )
}

fn packed(objects: &[(Kind, Vec<u8>)]) -> Vec<u8> {
    let mut builder = pack_builder::PackBuilder::new();
    for (kind, content) in objects {
        builder.whole(*kind, content);
    }
    builder.finish()
}

#[test]
fn every_hostile_pack_is_refused_by_a_clone_and_leaves_nothing() {
    let (tip, objects) = small_history();
    let mut cases = Cases::default();
    hostile_cases::headers_and_trailers(&mut cases);
    hostile_cases::entry_headers(&mut cases);
    hostile_cases::streams(&mut cases);
    hostile_cases::deltas(&mut cases);
    hostile_cases::bases(&mut cases);
    let mut refused = 0;
    for case in &cases.all {
        let (world, result) = replayed(scripted(&[("refs/heads/main", tip)], carried(&case.pack)), Version::V2);
        // A good pack is no better here: none of them has the commit that was asked for.
        let failure = result.err().unwrap_or_else(|| panic!("{}: accepted", case.name));
        let code = failure.error().unwrap().code;
        let allowed: &[Code] = match case.verdict {
            Verdict::Good => &[Code::NotConnected, Code::PackInvalid, Code::LimitExceeded],
            Verdict::Bad(_) | Verdict::Stricter(_) => &[
                Code::PackInvalid,
                Code::LimitExceeded,
                Code::PackCollision,
                Code::NotConnected,
            ],
        };
        assert!(allowed.contains(&code), "{}: {code}: {failure}", case.name);
        support::block_on(assert_nothing_left(&world, &case.name));
        refused += 1;
    }
    assert!(refused >= 100, "{refused} packs");
    let (_, good) = replayed(
        scripted(&[("refs/heads/main", tip)], carried(&packed(&objects))),
        Version::V2,
    );
    assert!(good.is_ok(), "the same server with a good pack");
}

#[test]
fn an_object_that_is_missing_is_named_and_nothing_is_left() {
    let (tip, objects) = small_history();
    for missing in 0..objects.len() {
        let mut fewer = objects.clone();
        fewer.remove(missing);
        let (world, result) = replayed(
            scripted(&[("refs/heads/main", tip)], carried(&packed(&fewer))),
            Version::V2,
        );
        let failure = result.err().unwrap();
        assert_eq!(failure.error().unwrap().code, Code::NotConnected, "{failure}");
        let oid = gitside::format::hash::hash_object(objects[missing].0, &objects[missing].1).unwrap();
        assert!(failure.to_string().contains(&oid.to_hex()), "{failure}");
        support::block_on(assert_nothing_left(&world, "missing object"));
    }
}

#[test]
fn answers_that_break_the_protocol_have_their_codes_and_leave_nothing() {
    let (tip, objects) = small_history();
    let good = carried(&packed(&objects));
    let blob = gitside::format::hash::hash_object(Kind::Blob, b"hello\n").unwrap();
    let body = |parts: &[&[u8]]| parts.concat();
    let pack_start = &good[..good.len() - 4];
    let refs: &[(&str, ObjectId)] = &[("refs/heads/main", tip)];
    let with = |fetch: Vec<u8>| scripted(refs, fetch);
    let cases: Vec<(&str, Vec<Answer>, Code)> = vec![
        ("no answer", with(Vec::new()), Code::EmptyResponse),
        ("only a flush", with(b"0000".to_vec()), Code::Protocol),
        ("no flush at the end", with(pack_start.to_vec()), Code::ConnectionReset),
        (
            "a delimiter for the flush",
            with(body(&[pack_start, b"0001"])),
            Code::Protocol,
        ),
        ("a response end", with(body(&[pack_start, b"0002"])), Code::Protocol),
        (
            "text after the flush",
            with(body(&[&good, &pkt(b"more\n")])),
            Code::Protocol,
        ),
        ("bad length", with(body(&[pack_start, b"0003"])), Code::Protocol),
        ("length of letters", with(body(&[pack_start, b"zzzz"])), Code::Protocol),
        ("too long a packet", with(body(&[pack_start, b"fff5"])), Code::Protocol),
        (
            "band 0",
            with(body(&[pack_start, &pkt(b"\x00x"), b"0000"])),
            Code::Protocol,
        ),
        (
            "band 4",
            with(body(&[pack_start, &pkt(b"\x04x"), b"0000"])),
            Code::Protocol,
        ),
        ("no band", with(body(&[pack_start, b"0004", b"0000"])), Code::Protocol),
        (
            "band 3 after a whole pack",
            with(body(&[pack_start, &pkt(b"\x03broken"), b"0000"])),
            Code::RemoteError,
        ),
        (
            "ERR instead of a pack",
            with(pkt(b"ERR upload-pack: out of memory\n")),
            Code::RemoteError,
        ),
        (
            "ERR in the side-band",
            with(body(&[pack_start, &pkt(b"ERR late"), b"0000"])),
            Code::RemoteError,
        ),
        ("two packs", with(body(&[pack_start, &good])), Code::Protocol),
        (
            "an unknown section",
            with(body(&[&pkt(b"surprise\n"), &good])),
            Code::Protocol,
        ),
        (
            "URIs that were not asked for",
            with(body(&[
                &pkt(b"packfile-uris\n"),
                &pkt(b"x https://a/b\n"),
                b"0001",
                &good,
            ])),
            Code::Protocol,
        ),
        (
            "acknowledgments after done",
            with(body(&[&pkt(b"acknowledgments\n"), &pkt(b"NAK\n"), b"0000"])),
            Code::Protocol,
        ),
        (
            "an unshallow that fits nothing",
            with(body(&[
                &pkt(b"shallow-info\n"),
                &pkt(format!("unshallow {tip}").as_bytes()),
                b"0001",
                &good,
            ])),
            Code::Protocol,
        ),
        (
            "a branch that is a blob",
            scripted(&[("refs/heads/main", blob)], good.clone()),
            Code::Protocol,
        ),
        ("a pack of nothing", with(carried(&packed(&[]))), Code::NotConnected),
    ];
    let count = cases.len();
    let mut wrong = Vec::new();
    for (name, mut answers, code) in cases {
        let last = answers.last().unwrap().clone();
        answers.extend([last.clone(), last]);
        let (world, result) = replayed(answers, Version::V2);
        let failure = result.err().unwrap_or_else(|| panic!("{name}: accepted"));
        if failure.error().unwrap().code != code {
            wrong.push(format!(
                "{name}: {code} expected, {}: {failure}",
                failure.error().unwrap().code
            ));
        }
        support::block_on(assert_nothing_left(&world, name));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 22);
}

#[test]
fn a_ref_that_moved_after_it_was_listed_is_listed_anew_once() {
    let (tip, objects) = small_history();
    let old: ObjectId = "1111111111111111111111111111111111111111".parse().unwrap();
    let gone = || pkt(format!("ERR upload-pack: not our ref {old}\n").as_bytes());
    let stale = scripted(&[("refs/heads/main", old)], gone());
    let fresh = scripted(&[("refs/heads/main", tip)], carried(&packed(&objects)));
    let (_, result) = replayed([stale.clone(), fresh].concat(), Version::V2);
    let repo = result.unwrap();
    support::block_on(async {
        let head = repo.refs.resolve(b"HEAD").await.unwrap().unwrap();
        assert_eq!(head.oid, Some(tip));
    });
    let (world, result) = replayed([stale.clone(), stale.clone(), stale].concat(), Version::V2);
    let failure = result.err().unwrap();
    assert_eq!(failure.error().unwrap().code, Code::StaleRefs, "{failure}");
    support::block_on(assert_nothing_left(&world, "stale refs"));
}

#[test]
fn bad_ref_names_are_left_out_and_told() {
    let (tip, objects) = small_history();
    let refs = [
        ("refs/heads/main", tip),
        ("refs/heads/../x", tip),
        ("refs/heads/a.lock", tip),
        ("refs/heads/a\x1b[2Jb", tip),
        ("refs/heads/@{x", tip),
        ("refs/heads/main/below", tip),
        ("refs/tags/__proto__", tip),
    ];
    let world = world(Replay::new(scripted(&refs, carried(&packed(&objects)))));
    let told = Rc::new(std::cell::RefCell::new(Vec::new()));
    let sink = told.clone();
    let task = Task::new(world.host.clock.clone(), move |event| {
        if let gitside::task::Event::Warning(text) = event {
            sink.borrow_mut().push(text);
        }
    });
    support::block_on(async {
        let repo = clone(&world.host, &task, URL, "copy", &version(Version::V2))
            .await
            .unwrap();
        let names: Vec<String> = refs_of(&repo).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "refs/heads/main",
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/main",
                "refs/tags/__proto__"
            ]
        );
    });
    let told = told.borrow();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told.iter().all(|text| !text.contains('\x1b')), "{told:#?}");
}

#[test]
fn a_cancelled_clone_leaves_nothing_wherever_it_is_stopped() {
    let answers = recorded(Version::V2);
    let mut stopped = 0;
    for moment in 0..400 {
        let mut http = Replay::new(answers.clone());
        http.piece = 100;
        let world = world(http);
        let handle: Rc<std::cell::RefCell<Option<Task>>> = Rc::default();
        let inner = handle.clone();
        let count = std::cell::Cell::new(0);
        let task = Task::new(world.host.clock.clone(), move |_| {
            count.set(count.get() + 1);
            if count.get() == moment {
                inner.borrow().as_ref().unwrap().cancel();
            }
        });
        *handle.borrow_mut() = Some(task.clone());
        if moment == 0 {
            task.cancel();
        }
        let result = support::block_on(clone(&world.host, &task, URL, "copy", &version(Version::V2)));
        handle.borrow_mut().take();
        match result {
            Err(Failure::Cancelled) => {
                support::block_on(assert_nothing_left(&world, &format!("stopped at event {moment}")));
                stopped += 1;
            }
            Err(failure) => panic!("{failure}"),
            Ok(_) => {
                assert!(stopped > 40, "{stopped} moments");
                return;
            }
        }
    }
    panic!("the clone never came to its end");
}

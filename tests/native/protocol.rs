//! Whole dialogues with `git upload-pack --stateless-rpc`: the machines of `gitside::protocol`
//! speak, processes answer, `git index-pack` and git's own clones judge.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use gitside::format::oid::ObjectId;
use gitside::protocol::fetch::{Deepen, FetchRequest, FetchRequestError, ShallowInfo};
use gitside::protocol::fetch_state::{FetchDialogue, FetchStateError, Negotiate, Step};
use gitside::protocol::ls_refs::{LsRefs, LsRefsReader};
use gitside::protocol::pkt_line::{Decoder, Encoder, Packet};
use gitside::protocol::remote_refs::{RemoteHead, RemoteRefs};
use gitside::protocol::smart_http::{Discovery, DiscoveryReader, RpcRequest, Service};

const ADVERTISEMENT: Option<&str> = Some("application/x-git-upload-pack-advertisement");
const AGENT: &str = "gitside/test";

/// A repository made for one test, removed with it.
struct Repo(PathBuf);

impl Drop for Repo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Repo {
    fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "gitside-protocol-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let repo = Repo(path);
        repo.git(&["init", "-q", "--bare", "-b", "trunk"]);
        repo
    }

    /// `trunk` with so many commits, a side branch from its middle, and tags of both kinds.
    fn with_history(commits: u32) -> Self {
        let repo = Self::empty();
        let mut script = String::new();
        for number in 1..=commits {
            let branch = if number == commits / 2 + 1 { "side" } else { "trunk" };
            let from = match number {
                _ if branch == "side" => "from refs/heads/trunk\n".to_owned(),
                _ => String::new(),
            };
            let (message, content) = (format!("commit {number}\n"), format!("content {number}\n").repeat(50));
            script += &format!(
                "commit refs/heads/{branch}\nmark :{number}\ncommitter A U Thor <a@example.org> {} +0000\ndata {}\n{message}{from}M 100644 inline dir/file-{}\ndata {}\n{content}\n",
                1_700_000_000 + number * 86_400,
                message.len(),
                number % 7,
                content.len(),
            );
        }
        script += "tag v1\nfrom refs/heads/side\ntagger A U Thor <a@example.org> 1700000000 +0000\ndata 4\none\n\n";
        script += "reset refs/tags/light\nfrom refs/heads/side\n\n";
        repo.git_with(&["fast-import", "--quiet"], script.as_bytes());
        repo
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let (output, ok) = self.run(arguments, input, None);
        assert!(ok, "git {arguments:?}");
        String::from_utf8(output).unwrap().trim_end().to_owned()
    }

    fn run(&self, arguments: &[&str], input: &[u8], protocol: Option<&str>) -> (Vec<u8>, bool) {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(arguments);
        for (key, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("LC_ALL", "C"),
        ] {
            command.env(key, value);
        }
        command.env_remove("GIT_PROTOCOL");
        if let Some(protocol) = protocol {
            command.env("GIT_PROTOCOL", protocol);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = thread::scope(|scope| {
            // A server that gave up does not read to the end.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        });
        (output.stdout, output.status.success())
    }

    fn oid(&self, revision: &str) -> ObjectId {
        self.git(&["rev-parse", revision]).parse().unwrap()
    }

    fn objects(&self, arguments: &[&str]) -> BTreeSet<String> {
        let listed = self.git(&[&["rev-list", "--objects", "--no-object-names"][..], arguments].concat());
        listed.lines().map(str::to_owned).collect()
    }

    /// The answer to discovery, as `git http-backend` would frame it.
    fn advertisement(&self, protocol: Option<&str>) -> Vec<u8> {
        let path = self.0.to_str().unwrap();
        let arguments = ["upload-pack", "--stateless-rpc", "--http-backend-info-refs", path];
        let mut body = Vec::new();
        if protocol != Some("version=2") {
            body.extend_from_slice(b"001e# service=git-upload-pack\n0000");
        }
        body.extend(self.run(&arguments, b"", protocol).0);
        body
    }

    fn discover(&self, protocol: Option<&str>) -> Discovery {
        read_advertisement(&self.advertisement(protocol))
    }

    fn answer(&self, request: &RpcRequest) -> Vec<u8> {
        let arguments = ["upload-pack", "--stateless-rpc", self.0.to_str().unwrap()];
        self.run(&arguments, &request.body, request.git_protocol).0
    }

    fn refs(&self, server: &Discovery) -> RemoteRefs {
        match server {
            Discovery::V0(advertisement) => advertisement.refs.clone(),
            Discovery::V2(capabilities) => {
                let mut reader = LsRefsReader::new();
                reader
                    .feed(self.answer(&LsRefs::all().request(capabilities, AGENT).unwrap()))
                    .unwrap();
                reader.finish().unwrap()
            }
        }
    }
}

fn read_advertisement(body: &[u8]) -> Discovery {
    let mut reader = DiscoveryReader::new(Service::UploadPack, ADVERTISEMENT);
    reader.feed(body).unwrap();
    reader.finish().unwrap()
}

/// The advertisement without some of its capabilities.
fn strip(body: &[u8], words: &[&str]) -> Vec<u8> {
    let (mut decoder, mut encoder) = (Decoder::new(), Encoder::new());
    decoder.feed(body);
    while let Some(packet) = decoder.next().unwrap() {
        let Packet::Data(line) = packet else {
            encoder.flush();
            continue;
        };
        match line.iter().position(|byte| *byte == 0) {
            None => encoder.data(line).unwrap(),
            Some(nul) => {
                let capabilities = std::str::from_utf8(&line[nul + 1..]).unwrap();
                let kept: Vec<&str> = capabilities
                    .split_whitespace()
                    .filter(|word| !words.contains(word))
                    .collect();
                encoder
                    .data(&[&line[..=nul], kept.join(" ").as_bytes(), b"\n"].concat())
                    .unwrap();
            }
        }
    }
    encoder.into_bytes()
}

/// What a dialogue brought.
#[derive(Default)]
struct Fetched {
    pack: Vec<u8>,
    shallow: Option<ShallowInfo>,
    progress: Vec<String>,
    requests: Vec<RpcRequest>,
}

impl Fetched {
    /// The objects of the pack, after git indexed it; `thin` names where its bases are.
    fn objects(&self, thin: Option<&Repo>) -> BTreeSet<String> {
        let repo = Repo::empty();
        if let Some(base) = thin {
            fs::write(
                repo.0.join("objects/info/alternates"),
                format!("{}\n", base.0.join("objects").display()),
            )
            .unwrap();
        }
        repo.git_with(&["index-pack", "--stdin", "--fix-thin"], &self.pack);
        let index = fs::read_dir(repo.0.join("objects/pack"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let index = index
            .into_iter()
            .find(|path| path.extension().is_some_and(|end| end == "idx"))
            .unwrap();
        let listed = repo.git_with(&["show-index"], &fs::read(index).unwrap());
        listed
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap().to_owned())
            .collect()
    }

    fn haves(&self) -> Vec<usize> {
        let count = |request: &RpcRequest| request.body.windows(5).filter(|window| window == b"have ").count();
        self.requests.iter().map(count).collect()
    }

    fn text(&self, request: usize) -> String {
        String::from_utf8_lossy(&self.requests[request].body).into_owned()
    }
}

/// Runs a dialogue, in pieces of `piece` bytes, telling the commits of `haves`.
fn run(server: &Repo, dialogue: FetchDialogue, piece: usize, haves: &[ObjectId]) -> Result<Fetched, FetchStateError> {
    let mut dialogue = dialogue;
    let mut fetched = Fetched::default();
    let mut body: Vec<u8> = Vec::new();
    let mut haves = haves.iter().copied();
    loop {
        match dialogue.step()? {
            Step::Send(request) => {
                body = server.answer(&request);
                fetched.requests.push(request);
            }
            Step::Read if body.is_empty() => dialogue.end_of_body(),
            Step::Read => {
                let rest = body.split_off(piece.min(body.len()));
                dialogue.feed(std::mem::replace(&mut body, rest));
            }
            Step::NeedHaves(count) => dialogue.haves(haves.by_ref().take(count).collect()),
            Step::Acks(_) => {}
            Step::Shallow(info) => assert!(fetched.shallow.replace(info).is_none(), "told once"),
            Step::WantedRefs(refs) => panic!("nothing was wanted by name: {refs:?}"),
            Step::Progress(line) => fetched.progress.push(line.text),
            Step::Pack(bytes) => {
                assert!(!bytes.is_empty());
                fetched.pack.extend_from_slice(bytes);
            }
            Step::Done => return Ok(fetched),
        }
    }
}

fn clone(server: &Repo, discovery: &Discovery, request: FetchRequest) -> Result<Fetched, FetchStateError> {
    run(
        server,
        FetchDialogue::new(request, discovery, AGENT, Negotiate::No)?,
        8192,
        &[],
    )
}

fn all_of(refs: &RemoteRefs) -> FetchRequest {
    FetchRequest::clone_of(refs.iter().map(|found| found.oid).collect())
}

const VERSIONS: [Option<&str>; 3] = [None, Some("version=1"), Some("version=2")];

#[test]
fn a_clone_gets_every_object_in_every_version() {
    let server = Repo::with_history(12);
    for version in VERSIONS {
        let discovery = server.discover(version);
        assert_eq!(discovery.git_protocol(), version);
        let refs = server.refs(&discovery);
        let names: Vec<_> = refs.iter().map(|found| found.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "HEAD",
                "refs/heads/side",
                "refs/heads/trunk",
                "refs/tags/light",
                "refs/tags/v1"
            ]
        );
        assert_eq!(refs.get(b"refs/tags/v1").unwrap().peeled, Some(server.oid("v1^{}")));
        let trunk = server.oid("trunk");
        assert!(matches!(
            refs.head(b"main"),
            RemoteHead::Branch { name, oid, guessed: false } if name.as_bytes() == b"refs/heads/trunk" && oid == trunk
        ));
        let fetched = clone(&server, &discovery, all_of(&refs)).unwrap();
        assert_eq!(fetched.requests.len(), 1, "{version:?}");
        assert_eq!(fetched.text(0).matches("want ").count(), 3, "each object once");
        assert_eq!(fetched.objects(None), server.objects(&["--all"]), "{version:?}");
        assert_eq!(fetched.shallow, None);
        assert!(
            fetched
                .progress
                .iter()
                .any(|line| line.starts_with("Counting objects: 100% ("))
        );
    }
}

#[test]
fn the_pieces_in_which_an_answer_arrives_do_not_matter() {
    let server = Repo::with_history(12);
    for version in [None, Some("version=2")] {
        let discovery = server.discover(version);
        let mut request = all_of(&server.refs(&discovery));
        request.no_progress = true;
        request.deepen = Deepen::Depth(2);
        let fetch = |piece| {
            let dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
            run(&server, dialogue, piece, &[]).unwrap()
        };
        let whole = fetch(usize::MAX);
        for piece in [1, 2, 3, 5, 1000] {
            let pieces = fetch(piece);
            assert_eq!(pieces.objects(None), whole.objects(None));
            assert_eq!(pieces.shallow, whole.shallow);
        }
    }
}

#[test]
fn every_kind_of_side_band_brings_the_same_pack() {
    let server = Repo::with_history(12);
    let body = server.advertisement(None);
    for (without, progress) in [
        (&[][..], true),
        (&["side-band-64k"][..], true),
        (&["side-band-64k", "side-band"][..], false),
    ] {
        let discovery = read_advertisement(&strip(&body, without));
        let fetched = clone(&server, &discovery, all_of(&server.refs(&discovery))).unwrap();
        assert_eq!(fetched.objects(None), server.objects(&["--all"]), "{without:?}");
        assert_eq!(!fetched.progress.is_empty(), progress);
        let asked = fetched.text(0);
        let count = asked
            .split([' ', '\n'])
            .filter(|word| word.starts_with("side-band"))
            .count();
        assert_eq!(count, usize::from(progress), "{asked}");
    }
}

#[test]
fn nothing_is_asked_for_that_was_not_advertised() {
    let server = Repo::with_history(3);
    let body = server.advertisement(None);
    let words = [
        "multi_ack_detailed",
        "no-done",
        "thin-pack",
        "include-tag",
        "ofs-delta",
        "no-progress",
    ];
    for word in words {
        let discovery = read_advertisement(&strip(&body, &[word]));
        let mut request = all_of(&server.refs(&discovery));
        (request.thin_pack, request.no_progress) = (true, true);
        let fetched = clone(&server, &discovery, request).unwrap();
        let asked = fetched.text(0);
        let first = asked.lines().next().unwrap();
        for other in words {
            let expected = other != word && !(word == "multi_ack_detailed" && other == "no-done");
            assert_eq!(
                first.split(' ').any(|asked| asked == other),
                expected,
                "without {word}: {first}"
            );
        }
    }
    let bare = "agent=".to_owned() + &server.git(&["version"]).replace("git version ", "git/");
    let fetched = |body: &[u8]| {
        let discovery = read_advertisement(body);
        clone(&server, &discovery, all_of(&server.refs(&discovery)))
            .unwrap()
            .text(0)
    };
    assert!(fetched(&body).contains(" agent=gitside/test"));
    let agents: Vec<String> = String::from_utf8_lossy(&body)
        .split([' ', '\n'])
        .filter(|word| word.starts_with("agent="))
        .map(str::to_owned)
        .collect();
    assert!(agents.iter().all(|agent| agent.starts_with(&bare)), "{agents:?}");
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    assert!(!fetched(&strip(&body, &agents)).contains("agent="));
    assert!(!fetched(&body).contains("session-id"));
}

#[test]
fn a_clone_with_limits_ends_where_gits_own_does() {
    let server = Repo::with_history(12);
    let cut = |since, not: &[&str]| Deepen::Cut {
        since,
        not: not.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    let date = 1_700_000_000 + 9 * 86_400;
    for (deepen, options) in [
        (Deepen::Depth(1), vec!["--depth=1".to_owned()]),
        (Deepen::Depth(3), vec!["--depth=3".to_owned()]),
        (cut(Some(date), &[]), vec![format!("--shallow-since={date}")]),
        (
            cut(None, &["refs/tags/v1"]),
            vec!["--shallow-exclude=refs/tags/v1".to_owned()],
        ),
    ] {
        let copy = Repo::empty();
        let url = format!("file://{}", server.0.display());
        let mut arguments = vec!["clone", "-q", "--bare", "--no-tags", "--single-branch"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.extend([url.as_str(), "copy"]);
        copy.git(&arguments);
        let shallow = fs::read_to_string(copy.0.join("copy/shallow")).unwrap();
        let shallow: BTreeSet<String> = shallow.lines().map(str::to_owned).collect();
        let expected = copy.git(&["--git-dir=copy", "rev-list", "--objects", "--no-object-names", "--all"]);
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        for version in VERSIONS {
            let discovery = server.discover(version);
            let request = FetchRequest {
                wants: vec![server.oid("trunk")],
                deepen: deepen.clone(),
                ..FetchRequest::default()
            };
            let fetched = clone(&server, &discovery, request).unwrap();
            let info = fetched.shallow.clone().unwrap();
            assert!(info.requested && info.unshallow.is_empty());
            assert_eq!(
                info.shallow.iter().map(ObjectId::to_hex).collect::<BTreeSet<_>>(),
                shallow,
                "{deepen:?}"
            );
            assert_eq!(fetched.objects(None), expected, "{deepen:?} {version:?}");
        }
    }
}

#[test]
fn a_shallow_server_tells_where_its_history_ends() {
    let full = Repo::with_history(8);
    let server = Repo::empty();
    let url = format!("file://{}", full.0.display());
    server.git(&["fetch", "-q", "--depth=2", &url, "+refs/heads/trunk:refs/heads/trunk"]);
    let ends: Vec<ObjectId> = fs::read_to_string(server.0.join("shallow"))
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    for version in VERSIONS {
        let discovery = server.discover(version);
        let fetched = clone(&server, &discovery, all_of(&server.refs(&discovery))).unwrap();
        let told = match (&discovery, fetched.shallow.clone()) {
            (Discovery::V0(advertisement), None) => advertisement.shallow.clone(),
            (Discovery::V2(_), Some(info)) => {
                assert!(!info.requested);
                info.shallow
            }
            _ => panic!("{version:?}"),
        };
        assert_eq!(told, ends);
        assert_eq!(fetched.objects(None), server.objects(&["--all"]));
    }
}

#[test]
fn an_empty_repository_has_no_refs_and_may_name_its_branch() {
    let server = Repo::empty();
    for version in VERSIONS {
        let discovery = server.discover(version);
        let refs = server.refs(&discovery);
        assert!(refs.is_empty());
        let expected = match version {
            Some("version=2") => {
                RemoteHead::Unborn(gitside::format::refname::RefName::new("refs/heads/trunk").unwrap())
            }
            _ => RemoteHead::Unknown,
        };
        assert_eq!(refs.head(b"main"), expected);
        assert_eq!(all_of(&refs).check(&discovery), Err(FetchRequestError::NothingWanted));
    }
}

#[test]
fn a_detached_head_stays_detached() {
    let server = Repo::with_history(8);
    let oid = server.oid("trunk~1");
    server.git(&["update-ref", "--no-deref", "HEAD", &oid.to_hex()]);
    for version in VERSIONS {
        assert_eq!(
            server.refs(&server.discover(version)).head(b"main"),
            RemoteHead::Detached(oid)
        );
    }
}

#[test]
fn a_dangling_head_is_unborn_where_the_server_tells() {
    let server = Repo::with_history(8);
    server.git(&["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let refs = server.refs(&server.discover(Some("version=2")));
    assert!(!refs.is_empty());
    assert!(matches!(refs.head(b"main"), RemoteHead::Unborn(name) if name.as_bytes() == b"refs/heads/gone"));
    assert_eq!(server.refs(&server.discover(None)).head(b"main"), RemoteHead::Unknown);
}

#[test]
fn prefixes_keep_the_listing_short() {
    let server = Repo::with_history(8);
    let Discovery::V2(capabilities) = server.discover(Some("version=2")) else {
        panic!()
    };
    let mut list = LsRefs::all();
    list.add_source(b"v1");
    let mut reader = LsRefsReader::new();
    reader
        .feed(server.answer(&list.request(&capabilities, AGENT).unwrap()))
        .unwrap();
    let refs = reader.finish().unwrap();
    assert_eq!(
        refs.iter().map(|found| found.name.to_string()).collect::<Vec<_>>(),
        ["refs/tags/v1"]
    );
    assert_eq!(refs.find(b"v1").map(|found| found.oid), Some(server.oid("v1")));
}

#[test]
fn an_object_that_is_not_offered_is_refused_here_or_there() {
    let server = Repo::with_history(8);
    let oid = server.oid("trunk~2");
    let request = FetchRequest::clone_of(vec![oid]);
    assert_eq!(
        request.check(&server.discover(None)),
        Err(FetchRequestError::Unadvertised(oid))
    );
    // Version 2 servers give out what they have.
    let fetched = clone(&server, &server.discover(Some("version=2")), request).unwrap();
    assert_eq!(fetched.objects(None), server.objects(&["trunk~2"]));
    let missing = FetchRequest::clone_of(vec![ObjectId::new([7; 20])]);
    let Err(FetchStateError::Response(error)) = clone(&server, &server.discover(Some("version=2")), missing) else {
        panic!("the server has no such object");
    };
    assert!(error.is_stale(), "{error}");
    assert!(error.to_string().contains("not our ref 0707"), "{error}");
}

#[test]
fn a_damaged_server_reports_it_and_the_fetch_fails() {
    let server = Repo::with_history(8);
    let pack = fs::read_dir(server.0.join("objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let pack = pack
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "pack"));
    if let Some(pack) = pack {
        let bytes = fs::read(&pack).unwrap();
        for end in ["pack", "idx", "rev"] {
            let _ = fs::remove_file(pack.with_extension(end));
        }
        server.git_with(&["unpack-objects", "-q"], &bytes);
    }
    let discovery = server.discover(Some("version=2"));
    let blob = server.git(&["rev-parse", "trunk:dir/file-1"]);
    fs::remove_file(server.0.join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let Err(FetchStateError::Response(error)) = clone(&server, &discovery, all_of(&server.refs(&discovery))) else {
        panic!("an object is missing");
    };
    assert!(
        error.remote_text().is_some() || error.to_string().contains("ends early"),
        "{error}"
    );
}

#[test]
fn a_cut_answer_is_never_a_complete_one() {
    let server = Repo::with_history(4);
    for version in [None, Some("version=2")] {
        let discovery = server.discover(version);
        let mut request = all_of(&server.refs(&discovery));
        request.deepen = Deepen::Depth(2);
        let mut dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
        let Ok(Step::Send(post)) = dialogue.step() else {
            panic!()
        };
        let body = server.answer(&post);
        for length in 0..body.len() {
            let mut dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
            assert!(matches!(dialogue.step(), Ok(Step::Send(_))));
            dialogue.feed(&body[..length]);
            dialogue.end_of_body();
            let failed = loop {
                match dialogue.step() {
                    Ok(Step::Done) => break false,
                    Ok(_) => {}
                    Err(_) => break true,
                }
            };
            assert!(failed, "{version:?} cut after {length} of {}", body.len());
        }
    }
}

/// A server with 300 commits, of which a client has the first 200 and 60 of its own.
fn incremental() -> (Repo, Repo, Vec<ObjectId>) {
    let server = Repo::with_history(300);
    let client = Repo::empty();
    let url = format!("file://{}", server.0.display());
    client.git(&[
        "fetch",
        "-q",
        &url,
        &format!("{}:refs/heads/base", server.oid("trunk~100")),
    ]);
    let base = client.oid("base");
    let mut script = String::new();
    for number in 0..60 {
        script += &format!(
            "commit refs/heads/own\ncommitter A U Thor <a@example.org> {} +0000\ndata 4\nown\n{}M 100644 inline own-{number}\ndata 1\nx\n",
            1_800_000_000 + number,
            if number == 0 {
                format!("from {base}\n")
            } else {
                String::new()
            },
        );
    }
    client.git_with(&["fast-import", "--quiet"], script.as_bytes());
    let haves = client
        .git(&["rev-list", "--date-order", "own"])
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    (server, client, haves)
}

#[test]
fn a_negotiated_fetch_brings_just_what_is_missing() {
    let (server, client, haves) = incremental();
    let expected = server.objects(&["trunk", "^trunk~100"]);
    let v0 = server.advertisement(None);
    let cases = [
        ("v0", v0.clone(), vec![16, 16, 32, 68]),
        ("v0 without no-done", strip(&v0, &["no-done"]), vec![16, 16, 32, 68, 68]),
        (
            "v0 without multi_ack_detailed",
            strip(&v0, &["multi_ack_detailed"]),
            vec![256],
        ),
        ("v2", server.advertisement(Some("version=2")), vec![16, 32, 64]),
    ];
    for (name, body, rounds) in cases {
        let request = FetchRequest {
            wants: vec![server.oid("trunk")],
            thin_pack: true,
            ..FetchRequest::default()
        };
        let dialogue = FetchDialogue::new(request, &read_advertisement(&body), AGENT, Negotiate::Yes).unwrap();
        let fetched = run(&server, dialogue, 100, &haves).unwrap_or_else(|error| panic!("{name}: {error}"));
        let objects = fetched.objects(Some(&client));
        assert!(objects.is_superset(&expected), "{name}");
        let sent: Vec<_> = objects.difference(&expected).collect();
        // A completed thin pack has its bases too, which are the client's.
        assert!(sent.len() < 20, "{name}: {}", sent.len());
        assert_eq!(fetched.haves(), rounds, "{name}");
    }
}

/// A small generator with a fixed seed, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn damaged_answers_end_in_an_error_or_in_a_result_and_never_in_a_panic() {
    let server = Repo::with_history(4);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for version in VERSIONS {
        let discovery = server.discover(version);
        let advertisement = server.advertisement(version);
        let request = FetchRequest {
            deepen: Deepen::Depth(2),
            ..all_of(&server.refs(&discovery))
        };
        let dialogue = || FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
        let Ok(Step::Send(post)) = dialogue().step() else {
            panic!()
        };
        let answer = server.answer(&post);
        for _ in 0..3000 {
            let mut damage = |body: &[u8]| {
                let mut body = body.to_vec();
                for _ in 0..=random.below(3) {
                    let at = random.below(body.len());
                    match random.below(4) {
                        0 => body[at] = b"0123456789abcdef \n\0\x01\x02\x03"[random.below(22)],
                        1 => body[at] ^= 1 << random.below(8),
                        2 => drop(body.drain(at..body.len().min(at + 1 + random.below(8)))),
                        _ => {
                            let from = random.below(body.len());
                            let copy = body[from..body.len().min(from + 12)].to_vec();
                            body.splice(at..at, copy);
                        }
                    }
                }
                body
            };
            let body = damage(&advertisement);
            let mut reader = DiscoveryReader::new(Service::UploadPack, ADVERTISEMENT);
            refused += u32::from(reader.feed(body).and_then(|()| reader.finish().map(|_| ())).is_err());
            let body = damage(&answer);
            let mut dialogue = dialogue();
            assert!(matches!(dialogue.step(), Ok(Step::Send(_))));
            dialogue.feed(body);
            dialogue.end_of_body();
            refused += loop {
                match dialogue.step() {
                    Ok(Step::Done) => break 0,
                    Ok(_) => {}
                    Err(_) => break 1,
                }
            };
        }
    }
    assert!(refused > 5000, "only {refused} of 18000 were noticed");
}

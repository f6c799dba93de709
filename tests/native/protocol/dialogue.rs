//! A repository that answers, and dialogues with it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, thread};

use gitside::format::oid::ObjectId;
use gitside::protocol::fetch::{FetchRequest, ShallowInfo};
use gitside::protocol::fetch_state::{FetchDialogue, FetchStateError, Negotiate, Step};
use gitside::protocol::ls_refs::{LsRefs, LsRefsReader};
use gitside::protocol::pkt_line::{Decoder, Encoder, Packet};
use gitside::protocol::remote_refs::RemoteRefs;
use gitside::protocol::smart_http::{Discovery, DiscoveryReader, RpcRequest, Service};

pub const ADVERTISEMENT: Option<&str> = Some("application/x-git-upload-pack-advertisement");

pub const AGENT: &str = "gitside/test";

/// A repository made for one test, removed with it.
pub struct Repo(pub PathBuf);

impl Drop for Repo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Repo {
    pub fn empty() -> Self {
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
    pub fn with_history(commits: u32) -> Self {
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

    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    pub fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let (output, ok) = self.run(arguments, input, None);
        assert!(ok, "git {arguments:?}");
        String::from_utf8(output).unwrap().trim_end().to_owned()
    }

    pub fn run(&self, arguments: &[&str], input: &[u8], protocol: Option<&str>) -> (Vec<u8>, bool) {
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

    pub fn oid(&self, revision: &str) -> ObjectId {
        self.git(&["rev-parse", revision]).parse().unwrap()
    }

    pub fn objects(&self, arguments: &[&str]) -> BTreeSet<String> {
        let listed = self.git(&[&["rev-list", "--objects", "--no-object-names"][..], arguments].concat());
        listed.lines().map(str::to_owned).collect()
    }

    /// The answer to discovery, as `git http-backend` would frame it.
    pub fn advertisement(&self, protocol: Option<&str>) -> Vec<u8> {
        let path = self.0.to_str().unwrap();
        let arguments = ["upload-pack", "--stateless-rpc", "--http-backend-info-refs", path];
        let mut body = Vec::new();
        if protocol != Some("version=2") {
            body.extend_from_slice(b"001e# service=git-upload-pack\n0000");
        }
        body.extend(self.run(&arguments, b"", protocol).0);
        body
    }

    pub fn discover(&self, protocol: Option<&str>) -> Discovery {
        read_advertisement(&self.advertisement(protocol))
    }

    pub fn answer(&self, request: &RpcRequest) -> Vec<u8> {
        let arguments = ["upload-pack", "--stateless-rpc", self.0.to_str().unwrap()];
        self.run(&arguments, &request.body, request.git_protocol).0
    }

    pub fn refs(&self, server: &Discovery) -> RemoteRefs {
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

pub fn read_advertisement(body: &[u8]) -> Discovery {
    let mut reader = DiscoveryReader::new(Service::UploadPack, ADVERTISEMENT);
    reader.feed(body).unwrap();
    reader.finish().unwrap()
}

/// The advertisement without some of its capabilities.
pub fn strip(body: &[u8], words: &[&str]) -> Vec<u8> {
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
pub struct Fetched {
    pub pack: Vec<u8>,
    pub shallow: Option<ShallowInfo>,
    pub progress: Vec<String>,
    pub requests: Vec<RpcRequest>,
}

impl Fetched {
    /// The objects of the pack, after git indexed it; `thin` names where its bases are.
    pub fn objects(&self, thin: Option<&Repo>) -> BTreeSet<String> {
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

    pub fn haves(&self) -> Vec<usize> {
        let count = |request: &RpcRequest| request.body.windows(5).filter(|window| window == b"have ").count();
        self.requests.iter().map(count).collect()
    }

    pub fn text(&self, request: usize) -> String {
        String::from_utf8_lossy(&self.requests[request].body).into_owned()
    }
}

/// Runs a dialogue, in pieces of `piece` bytes, telling the commits of `haves`.
pub fn run(
    server: &Repo,
    dialogue: FetchDialogue,
    piece: usize,
    haves: &[ObjectId],
) -> Result<Fetched, FetchStateError> {
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

pub fn clone(server: &Repo, discovery: &Discovery, request: FetchRequest) -> Result<Fetched, FetchStateError> {
    run(
        server,
        FetchDialogue::new(request, discovery, AGENT, Negotiate::No)?,
        8192,
        &[],
    )
}

pub fn all_of(refs: &RemoteRefs) -> FetchRequest {
    FetchRequest::clone_of(refs.iter().map(|found| found.oid).collect())
}

pub const VERSIONS: [Option<&str>; 3] = [None, Some("version=1"), Some("version=2")];

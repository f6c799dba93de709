//! A server and a client, made of one graph of commits, and a fetch between them: by git, and by
//! us from the same state.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gitside::algo::negotiate::Algorithm;
use gitside::host::Host;
use gitside::ops::Repository;
use gitside::ops::negotiate::{Haves, Options, local_tips, remote_tips};
use gitside::ops::remote::{self, Deepen, FetchRequest, Remote, Service, Version};
use gitside::protocol::url::RemoteUrl;
use gitside_server::repos::{Repo, git};
use gitside_server::{Git, Server};

use crate::history::{import, task};
use crate::support::{block_on, host};

pub const ALGORITHMS: [(&str, Algorithm); 3] = [
    ("consecutive", Algorithm::Consecutive),
    ("skipping", Algorithm::Skipping),
    ("noop", Algorithm::Noop),
];

/// A graph of commits by name, and who has which of them.
#[derive(Default)]
pub struct Graph {
    stream: String,
    dates: HashMap<String, u64>,
    marks: usize,
    server: Vec<(String, String)>,
    client: Vec<(String, String)>,
    /// The client is made with this depth.
    pub client_depth: Option<u32>,
    /// Arguments of the fetch: a depth, or tips.
    pub arguments: Vec<String>,
    /// The commits that `--negotiation-tip` names.
    pub tips: Vec<String>,
    /// The same for us.
    pub deepen: Deepen,
}

impl Graph {
    pub fn commit(&mut self, name: &str, date: u64, parents: &[&str]) {
        self.marks += 1;
        let stream = &mut self.stream;
        write!(
            stream,
            "reset refs/all/{name}\ncommit refs/all/{name}\nauthor A <a@x> {date} +0000\n\
             committer A <a@x> {date} +0000\ndata {}\n{name}\n",
            name.len()
        )
        .unwrap();
        for (at, parent) in parents.iter().enumerate() {
            writeln!(stream, "{} refs/all/{parent}", if at == 0 { "from" } else { "merge" }).unwrap();
        }
        writeln!(stream, "M 644 inline {name}\ndata {}\n{name}", name.len()).unwrap();
        assert!(self.dates.insert(name.to_owned(), date).is_none(), "{name} twice");
    }

    /// `{prefix}1` to `{prefix}{count}`, each a minute after the one before.
    pub fn line(&mut self, prefix: &str, count: usize, from: Option<&str>, date: u64) {
        let mut parent = from.map(str::to_owned);
        for number in 1..=count {
            let name = format!("{prefix}{number}");
            let parents: Vec<&str> = parent.iter().map(String::as_str).collect();
            self.commit(&name, date + 60 * number as u64, &parents);
            parent = Some(name);
        }
    }

    /// An annotated tag.
    pub fn tag(&mut self, name: &str, of: &str) {
        writeln!(
            self.stream,
            "tag {name}\nfrom refs/all/{of}\ntagger T <t@x> 1600000000 +0000\ndata 1\nt"
        )
        .unwrap();
    }

    /// A ref of the server, without `refs/`, to a commit, or by `tags/…` to a tag.
    pub fn server(&mut self, name: &str, of: &str) {
        self.server.push((name.to_owned(), of.to_owned()));
    }

    /// A ref of the client.
    pub fn client(&mut self, name: &str, of: &str) {
        self.client.push((name.to_owned(), of.to_owned()));
    }
}

/// A graph made real.
pub struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    all: Repo,
    client: PathBuf,
    depth: Option<u32>,
    arguments: Vec<String>,
    tips: Vec<String>,
    deepen: Deepen,
    pub host: Host,
    pub repo: Repository,
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub wants: BTreeSet<String>,
    pub haves: Vec<String>,
    pub done: bool,
}

/// A fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub rounds: Vec<Round>,
    /// Objects in the pack.
    pub objects: u64,
    /// Commits read; 0 for git.
    pub read: u64,
}

impl Scene {
    pub fn new(graph: Graph) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let all = Repo::init(folder.path().join("all"), "main").unwrap();
        all.git_with(["fast-import", "--quiet"], graph.stream.as_bytes())
            .unwrap();
        for (whose, refs) in [("server", &graph.server), ("client", &graph.client)] {
            let mut lines = String::new();
            for (name, of) in refs {
                let of = match of.strip_prefix("tags/") {
                    Some(tag) => format!("refs/tags/{tag}"),
                    None => format!("refs/all/{of}"),
                };
                let oid = all.git_line(["rev-parse", &of]).unwrap();
                writeln!(lines, "create refs/{whose}/{name} {oid}").unwrap();
            }
            all.git_with(["update-ref", "--stdin"], lines.as_bytes()).unwrap();
        }
        let take = |whose: &str, depth: Option<u32>| {
            let repo = Repo::init(folder.path().join(whose), "main").unwrap();
            let url = format!("file://{}", all.path().display());
            let refspec = format!("refs/{whose}/*:refs/*");
            let mut arguments = vec!["fetch".to_owned(), "-q".into(), "--no-tags".into()];
            arguments.extend(depth.map(|depth| format!("--depth={depth}")));
            arguments.extend([url, refspec]);
            repo.git(arguments).unwrap();
            repo
        };
        take("server", None);
        let client = if graph.client.is_empty() {
            Repo::init(folder.path().join("client"), "main").unwrap()
        } else {
            take("client", graph.client_depth)
        };
        let server = Server::builder()
            .mount(Git::at("/git", folder.path()))
            .keep_bodies()
            .start()
            .unwrap();
        client
            .git(["config", "remote.origin.url", &server.url("/git/server")])
            .unwrap();
        for refspec in ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"] {
            client.git(["config", "--add", "remote.origin.fetch", refspec]).unwrap();
        }
        let host = host();
        let repo = block_on(import(client.path(), &host, "client"));
        Scene {
            client: client.path().to_owned(),
            folder,
            server,
            all,
            depth: graph.client_depth,
            arguments: graph.arguments,
            tips: graph.tips,
            deepen: graph.deepen,
            host,
            repo,
        }
    }

    /// Which commit that is, for messages.
    fn name(&self, oid: &str) -> String {
        self.all
            .git_line(["log", "-1", "--format=%s", oid])
            .unwrap_or_else(|_| oid.to_owned())
    }

    /// The rounds that the server saw, and the prefixes of the listing.
    fn seen(&self) -> (Vec<Round>, Vec<Vec<u8>>) {
        let (mut rounds, mut prefixes) = (Vec::new(), Vec::new());
        for entry in self.server.log().iter().filter(|entry| entry.method == "POST") {
            let body = match entry.header("content-encoding") {
                Some("gzip") => gunzip(&entry.body),
                _ => entry.body.clone(),
            };
            let lines = lines(&body);
            if lines.iter().any(|line| line == "command=ls-refs") {
                let of = |line: &String| Some(line.strip_prefix("ref-prefix ")?.as_bytes().to_vec());
                prefixes.extend(lines.iter().filter_map(of));
                continue;
            }
            let mut round = Round::default();
            for line in &lines {
                match line.split_once(' ') {
                    Some(("want", rest)) => drop(round.wants.insert(rest[..40].to_owned())),
                    Some(("have", oid)) => round.haves.push(oid.to_owned()),
                    _ => round.done |= line == "done",
                }
            }
            rounds.push(round);
        }
        self.server.clear_log();
        (rounds, prefixes)
    }

    /// What git does, from a copy of the client.
    fn by_git(&self, algorithm: &str, version: &str) -> (Fetch, Vec<Vec<u8>>) {
        let copy = self.folder.path().join("copy");
        let copied = Command::new("cp").arg("-r").arg(&self.client).arg(&copy).status();
        assert!(copied.unwrap().success());
        let tips = self.tips.iter().map(|tip| {
            let oid = self.all.git_line(["rev-parse", &format!("refs/all/{tip}")]).unwrap();
            format!("--negotiation-tip={oid}")
        });
        let output = git()
            .current_dir(&copy)
            .args(["-c", &format!("fetch.negotiationAlgorithm={algorithm}")])
            .args(["-c", &format!("protocol.version={version}")])
            .args(["fetch", "--progress", "--no-auto-maintenance", "--no-tags"])
            .args(&self.arguments)
            .args(tips)
            .arg("origin")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        std::fs::remove_dir_all(&copy).unwrap();
        let total = said.split("remote: Total ").nth(1).unwrap_or("0 ");
        let (rounds, prefixes) = self.seen();
        let objects = total.split(' ').next().unwrap().parse().unwrap();
        (
            Fetch {
                rounds,
                objects,
                read: 0,
            },
            prefixes,
        )
    }

    /// What we do, from the client as it was imported.
    pub fn by_us(&self, algorithm: Algorithm, version: Version, prefixes: &[Vec<u8>]) -> Fetch {
        let task = task(&self.host);
        let fetched = block_on(async {
            let url = RemoteUrl::parse(&self.server.url("/git/server")).unwrap();
            let options = remote::Options {
                protocol_version: Some(version),
                ..remote::Options::default()
            };
            let service = Service::UploadPack;
            let mut session = Remote::connect(&self.host, &task, &url, service, &options)
                .await
                .unwrap();
            let refs = session.ls_refs(prefixes).await.unwrap();
            let shallow = self.repo.meta.shallow().await.unwrap();
            let local = local_tips(&task, &self.repo.refs).await.unwrap();
            let tips: Vec<_> = self
                .tips
                .iter()
                .map(|tip| {
                    let oid = self.all.git_line(["rev-parse", &format!("refs/all/{tip}")]).unwrap();
                    oid.parse().unwrap()
                })
                .collect();
            let options = Options {
                known: None,
                algorithm,
                shallow: &shallow,
                local_tips: &local,
                remote_tips: &remote_tips(refs.iter()),
                deepen: self.deepen != Deepen::No,
                tips: (!tips.is_empty()).then_some(&tips),
            };
            let mut haves = Haves::prepare(&task, &self.repo.odb, options).await.unwrap();
            let wanted = |name: &[u8]| name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/");
            let named = refs.iter().filter(|found| wanted(found.name.as_bytes()));
            let named: Vec<_> = named.map(|found| found.oid).collect();
            let wants: Vec<_> = named.iter().filter(|oid| !haves.is_complete(oid)).copied().collect();
            assert_eq!(haves.everything_local(&named), wants.is_empty());
            let mut objects = 0;
            if !wants.is_empty() {
                let request = FetchRequest {
                    wants,
                    shallow,
                    deepen: self.deepen.clone(),
                    thin_pack: true,
                    ..FetchRequest::default()
                };
                let mut stream = session.fetch(request, Some(&mut haves)).await.unwrap();
                let mut pack = Vec::new();
                while let Some(piece) = stream.next().await.unwrap() {
                    pack.extend(piece);
                }
                objects = u64::from(u32::from_be_bytes(pack[8..12].try_into().unwrap()));
            }
            (objects, haves.commits_read())
        });
        Fetch {
            rounds: self.seen().0,
            objects: fetched.0,
            read: fetched.1,
        }
    }

    /// Fetches both ways, with each algorithm and in both versions. Answers what git did, by
    /// algorithm and version.
    pub fn check(&self, what: &str) -> HashMap<(&'static str, u8), Fetch> {
        let mut found = HashMap::new();
        for (name, algorithm) in ALGORITHMS {
            for (number, version) in [(0, Version::V0), (2, Version::V2)] {
                // Over HTTP git heeds tips in version 2 only.
                if number == 0 && !self.tips.is_empty() {
                    continue;
                }
                let what = format!("{what}, {name}, version {number}");
                let (git, prefixes) = self.by_git(name, &number.to_string());
                let ours = self.by_us(algorithm, version, &prefixes);
                self.compare(&what, number, &git, &ours);
                if name == "noop" {
                    assert!(ours.rounds.iter().all(|round| round.haves.is_empty()), "{what}");
                }
                found.insert((name, number), git);
            }
        }
        found
    }

    fn compare(&self, what: &str, version: u8, git: &Fetch, ours: &Fetch) {
        let mut theirs = git.rounds.clone();
        // With a depth git asks for the boundary first where that is a dialogue.
        if version == 0 && self.deepen != Deepen::No && theirs.len() > ours.rounds.len() {
            assert!(theirs.remove(0).haves.is_empty());
        }
        let shown = |rounds: &[Round]| -> Vec<String> {
            let of = |round: &Round| -> String {
                let haves: Vec<String> = round.haves.iter().map(|oid| self.name(oid)).collect();
                format!("{}{}", haves.join(" "), if round.done { " done" } else { "" })
            };
            rounds.iter().map(of).collect()
        };
        let mut known = BTreeSet::new();
        for (at, (git, ours)) in theirs.iter().zip(&ours.rounds).enumerate() {
            assert_eq!(git.wants, ours.wants, "{what}: wants of round {at}");
            let (git, ours) = match version {
                0 => (git.clone(), ours.clone()),
                // Git repeats what is common in no order.
                _ => (repeated_first(git, &known), repeated_first(ours, &known)),
            };
            if git != ours {
                let (git, ours) = (shown(&theirs), shown(std::slice::from_ref(&ours)));
                panic!(
                    "{what}: round {at} of git's\n{}\n is\n{}",
                    git.join("\n"),
                    ours.join("\n")
                );
            }
            known.extend(ours.haves);
        }
        assert_eq!(
            theirs.len(),
            ours.rounds.len(),
            "{what}: rounds\n{:#?}\n{:#?}",
            shown(&theirs),
            shown(&ours.rounds)
        );
        assert!(
            ours.objects <= git.objects,
            "{what}: {} objects, git {}",
            ours.objects,
            git.objects
        );
    }

    pub fn is_shallow(&self) -> bool {
        self.depth.is_some()
    }
}

/// Those told before in order of their ids, then the new ones as they are.
fn repeated_first(round: &Round, known: &BTreeSet<String>) -> Round {
    let (mut haves, new): (Vec<String>, Vec<String>) = round.haves.iter().cloned().partition(|oid| known.contains(oid));
    haves.sort();
    haves.extend(new);
    Round { haves, ..round.clone() }
}

fn lines(body: &[u8]) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), body);
    while let Some((head, after)) = rest.split_at_checked(4) {
        let length = usize::from_str_radix(std::str::from_utf8(head).unwrap(), 16).unwrap();
        let (line, after) = after.split_at(length.saturating_sub(4));
        if length >= 4 {
            lines.push(String::from_utf8_lossy(line).trim_end().to_owned());
        }
        rest = after;
    }
    lines
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut command = Command::new("gzip");
    command.arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    output.stdout
}

/// The haves of all rounds by name, each once.
pub fn told(scene: &Scene, fetch: &Fetch) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = fetch.rounds.iter().flat_map(|round| &round.haves);
    all.filter(|oid| seen.insert((*oid).clone()))
        .map(|oid| scene.name(oid))
        .collect()
}

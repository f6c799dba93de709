//! A server and a repository here, the latter once git's and once gitside's.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gitside::format::oid::ObjectId;
use gitside::format::reflog::Who;
use gitside::format::refname::conflict;
use gitside::ops::Repository;
use gitside::ops::init::init;
use gitside::protocol::remote_refs::RemoteRefs;
use gitside::protocol::smart_http::{Discovery, DiscoveryReader, Service};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::Random;

use crate::pool::Pool;
use crate::support::{block_on, host};

/// Names of refs, here and there.
pub const NAMES: [&str; 18] = [
    "refs/heads/main",
    "refs/heads/next",
    "refs/heads/topic",
    "refs/heads/fix/1",
    "refs/heads/v1",
    "refs/heads/same",
    "refs/heads/heads/next",
    "refs/tags/v1",
    "refs/tags/v2",
    "refs/tags/same",
    "refs/tags/rel",
    "refs/tags/old",
    "refs/remotes/origin/main",
    "refs/remotes/origin/next",
    "refs/remotes/origin/topic",
    "refs/notes/commits",
    "refs/stash",
    "refs/odd/x",
];

/// A ref as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Oid(ObjectId),
    Symbolic(String),
}

pub struct World {
    pub here: PathBuf,
    pub there: PathBuf,
    pub server: BTreeMap<String, ObjectId>,
    pub refs: BTreeMap<String, Held>,
    pub config: String,
    /// What refs here once were, oldest first, with the seconds since 1970.
    logs: BTreeMap<String, Vec<(ObjectId, i64)>>,
    shallow: Vec<ObjectId>,
    /// Whether the server does all or nothing if asked.
    pub atomic: bool,
    pub gitside: Repository,
    pub task: Task,
}

impl World {
    pub fn random(random: &mut Random, pool: &Pool, root: &Path) -> World {
        let server = server_refs(random, pool);
        let refs = local_refs(random, pool, &server);
        let logs = logs(random, pool, &refs);
        let shallow = match random.once_in(12) {
            true => vec![pool.commits[2 + random.below(6)]],
            false => Vec::new(),
        };
        let there = root.join("there");
        let config = config(random, &there);
        World::new(root, pool, server, refs, config, logs, shallow, !random.once_in(8))
    }

    #[allow(clippy::too_many_arguments, reason = "what a world is made of")]
    pub fn new(
        root: &Path,
        pool: &Pool,
        server: BTreeMap<String, ObjectId>,
        refs: BTreeMap<String, Held>,
        config: String,
        logs: BTreeMap<String, Vec<(ObjectId, i64)>>,
        shallow: Vec<ObjectId>,
        atomic: bool,
    ) -> World {
        let (here, there) = (root.join("here"), root.join("there"));
        let on_server = server.iter().map(|(name, oid)| (name.clone(), Held::Oid(*oid)));
        let mut on_server: BTreeMap<String, Held> = on_server.collect();
        on_server.insert("HEAD".to_owned(), Held::Symbolic("refs/heads/unborn".to_owned()));
        let settings =
            format!("[core]\n\trepositoryformatversion = 0\n\tbare = true\n[receive]\n\tadvertiseAtomic = {atomic}\n");
        write_git(&there, &pool.there, &on_server, &settings);
        write_git(&here, &pool.here, &refs, &config);
        for (name, entries) in &logs {
            write_log(&here, name, entries);
        }
        if !shallow.is_empty() {
            let lines: String = shallow.iter().map(|oid| format!("{oid}\n")).collect();
            fs::write(here.join("shallow"), lines).unwrap();
        }
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let gitside = block_on(init(&host, &task, "here", "main")).unwrap();
        let world = World {
            here,
            there,
            server,
            refs,
            config,
            logs,
            shallow,
            atomic,
            gitside,
            task,
        };
        block_on(world.fill(pool));
        world
    }

    /// Gives gitside what git has.
    async fn fill(&self, pool: &Pool) {
        let writer = self.gitside.writer(&self.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        for made in &pool.made {
            publication.object(made.oid, made.kind, &made.content);
        }
        publication.config(self.config.as_bytes().to_vec());
        publication.shallow(self.shallow.clone());
        publication.commit().await.unwrap();
        for (name, entries) in &self.logs {
            for (oid, time) in entries {
                let who = Rc::new(Who {
                    time: *time,
                    ..Who::default()
                });
                let mut publication = Publication::new(&writer);
                publication.update_logged(update(name, &Held::Oid(*oid)), &who, "moved");
                publication.commit().await.unwrap();
            }
        }
        let mut publication = Publication::new(&writer);
        for (name, held) in &self.refs {
            publication.update(update(name, held));
        }
        publication.commit().await.unwrap();
        self.gitside.odb.refresh().await.unwrap();
    }

    pub fn is_shallow(&self) -> bool {
        !self.shallow.is_empty()
    }

    /// What the server says it has, as over the wire.
    pub fn advertised(&self) -> RemoteRefs {
        let mut lines = vec!["# service=git-receive-pack\n".to_owned(), String::new()];
        let mut capabilities = "\0report-status delete-refs";
        for (name, oid) in &self.server {
            lines.push(format!("{oid} {name}{capabilities}\n"));
            capabilities = "";
        }
        if self.server.is_empty() {
            lines.push(format!("{} capabilities^{{}}{capabilities}\n", "0".repeat(40)));
        }
        lines.push(String::new());
        let mut bytes = String::new();
        for line in lines {
            match line.as_str() {
                "" => bytes.push_str("0000"),
                _ => write!(bytes, "{:04x}{line}", line.len() + 4).unwrap(),
            }
        }
        let kind = "application/x-git-receive-pack-advertisement";
        let mut reader = DiscoveryReader::new(Service::ReceivePack, Some(kind));
        reader.feed(bytes.into_bytes()).unwrap();
        match reader.finish().unwrap() {
            Discovery::V0(advertisement) => advertisement.refs,
            other => panic!("{other:?}"),
        }
    }

    /// What the server has now.
    pub fn server_now(&self) -> BTreeMap<String, ObjectId> {
        let repo = gitside_server::repos::Repo::at(&self.there);
        let listed = repo.git(["for-each-ref", "--format=%(objectname) %(refname)"]).unwrap();
        let listed = String::from_utf8(listed).unwrap();
        let pair = |line: &str| {
            let (oid, name) = line.split_once(' ').unwrap();
            (name.to_owned(), oid.parse().unwrap())
        };
        listed.lines().map(pair).collect()
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.config)?;
        for (name, held) in &self.refs {
            writeln!(f, "here  {name} {held:?}")?;
        }
        for (name, oid) in &self.server {
            writeln!(f, "there {name} {oid}")?;
        }
        writeln!(
            f,
            "logs {:?}\nshallow {:?}, atomic {}",
            self.logs, self.shallow, self.atomic
        )
    }
}

fn update(name: &str, held: &Held) -> RefUpdate {
    RefUpdate {
        name: name.as_bytes().to_vec(),
        expect: None,
        new: Some(match held {
            Held::Oid(oid) => Target::Direct(*oid),
            Held::Symbolic(to) => Target::Symbolic(to.as_bytes().to_vec()),
        }),
        peeled: None,
    }
}

/// A bare repository, written by hand: it borrows its objects.
fn write_git(path: &Path, objects: &Path, refs: &BTreeMap<String, Held>, config: &str) {
    fs::create_dir_all(path.join("objects/info")).unwrap();
    fs::create_dir_all(path.join("refs")).unwrap();
    fs::write(path.join("objects/info/alternates"), format!("{}\n", objects.display())).unwrap();
    fs::write(path.join("config"), config).unwrap();
    let mut packed = String::new();
    for (name, held) in refs {
        match held {
            Held::Oid(oid) if name == "HEAD" => fs::write(path.join(name), format!("{oid}\n")).unwrap(),
            Held::Oid(oid) => writeln!(packed, "{oid} {name}").unwrap(),
            Held::Symbolic(to) => {
                let file = path.join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, format!("ref: {to}\n")).unwrap();
            }
        }
    }
    fs::write(path.join("packed-refs"), packed).unwrap();
}

fn write_log(path: &Path, name: &str, entries: &[(ObjectId, i64)]) {
    let mut old = "0".repeat(40);
    let mut lines = String::new();
    for (oid, time) in entries {
        writeln!(lines, "{old} {oid} A <a@example.org> {time} +0000\tmoved").unwrap();
        old = oid.to_hex();
    }
    let file = path.join("logs").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, lines).unwrap();
}

fn server_refs(random: &mut Random, pool: &Pool) -> BTreeMap<String, ObjectId> {
    let mut refs = BTreeMap::new();
    if random.once_in(15) {
        return refs;
    }
    for name in NAMES.iter().chain(&[
        "refs/heads/HEAD",
        "refs/heads/theirs",
        "refs/tags/theirs",
        "refs/for/main",
    ]) {
        if random.once_in(2) {
            continue;
        }
        let oid = if name.starts_with("refs/tags/") {
            match random.once_in(6) {
                true => pool.foreign_tag,
                false => pool.tag(random),
            }
        } else if name.starts_with("refs/heads/") {
            match random.once_in(5) {
                true => pool.foreign[random.below(pool.foreign.len())],
                false => pool.commit(random),
            }
        } else {
            match random.once_in(3) {
                true => pool.tag(random),
                false => pool.commit(random),
            }
        };
        refs.insert((*name).to_owned(), oid);
    }
    refs
}

/// What a clone might have: like the server, ahead of it, behind, beside it.
fn local_refs(random: &mut Random, pool: &Pool, server: &BTreeMap<String, ObjectId>) -> BTreeMap<String, Held> {
    let known = |oid: &ObjectId| pool.made.iter().any(|made| made.oid == *oid);
    let mut refs = BTreeMap::new();
    for name in NAMES {
        if random.once_in(3) {
            continue;
        }
        let there = server.get(name).copied().filter(known);
        let oid = match there {
            Some(oid) if random.once_in(4) => oid,
            Some(oid) if random.once_in(2) && pool.commits.contains(&oid) => pool.later(random, &oid),
            _ if name.starts_with("refs/tags/") => pool.tag(random),
            _ if name.starts_with("refs/heads/") || random.once_in(2) => pool.commit(random),
            _ => pool.tag(random),
        };
        refs.insert(name.to_owned(), Held::Oid(oid));
    }
    // Tracking refs mostly are what the server has.
    for name in ["main", "next", "topic"] {
        let there = server.get(&format!("refs/heads/{name}")).copied().filter(known);
        if let Some(oid) = there.filter(|_| !random.once_in(4)) {
            refs.insert(format!("refs/remotes/origin/{name}"), Held::Oid(oid));
        }
    }
    let symbolic = [
        ("refs/heads/link", "refs/heads/main"),
        ("refs/heads/lost", "refs/heads/nowhere"),
        ("refs/remotes/origin/HEAD", "refs/remotes/origin/main"),
        ("refs/tags/link", "refs/heads/next"),
    ];
    for (name, to) in symbolic {
        if random.once_in(3) {
            refs.insert(name.to_owned(), Held::Symbolic(to.to_owned()));
        }
    }
    let head = match random.below(8) {
        0 => Held::Oid(pool.commit(random)),
        1 => Held::Symbolic("refs/heads/unborn".to_owned()),
        2 => Held::Symbolic("refs/heads/topic".to_owned()),
        3 => Held::Symbolic("refs/heads/fix/1".to_owned()),
        _ => Held::Symbolic("refs/heads/main".to_owned()),
    };
    let names: gitside::sorted::SortedSet<Vec<u8>> = refs.keys().map(|name| name.as_bytes().to_vec()).collect();
    refs.retain(|name, _| conflict(&names, name.as_bytes()).is_none());
    refs.insert("HEAD".to_owned(), head);
    refs
}

/// What branches and tracking refs once were. Git reads the time of a tracking ref's last entry
/// even where there is none; so all have one.
fn logs(random: &mut Random, pool: &Pool, refs: &BTreeMap<String, Held>) -> BTreeMap<String, Vec<(ObjectId, i64)>> {
    let mut logs = BTreeMap::new();
    for (name, held) in refs {
        let Held::Oid(last) = held else { continue };
        let kept = name.starts_with("refs/remotes/") || name.starts_with("refs/heads/") && !random.once_in(3);
        if !kept {
            continue;
        }
        let mut entries = Vec::new();
        let mut time = 1_700_000_000;
        for _ in 0..random.below(4) {
            let oid = pool.commit(random);
            if entries.last().is_none_or(|(before, _)| *before != oid) {
                entries.push((oid, time));
            }
            time += i64::try_from(random.below(3)).unwrap() * 1000;
        }
        if entries.last().is_none_or(|(before, _)| before != last) {
            entries.push((*last, time));
        }
        logs.insert(name.clone(), entries);
    }
    logs
}

fn config(random: &mut Random, there: &Path) -> String {
    let mut text = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = always\n".to_owned();
    let url = there.display();
    let fetch = match random.below(8) {
        0 => "\tfetch = +refs/heads/main:refs/remotes/origin/main\n".to_owned(),
        1 => "\tfetch = +refs/heads/*:refs/remotes/origin/*\n\tfetch = ^refs/heads/next\n".to_owned(),
        2 => String::new(),
        3 => "\tfetch = +refs/*:refs/*\n\tfetch = ^refs/heads/main\n".to_owned(),
        _ => "\tfetch = +refs/heads/*:refs/remotes/origin/*\n".to_owned(),
    };
    write!(text, "[remote \"origin\"]\n\turl = {url}\n{fetch}").unwrap();
    if random.once_in(4) {
        let choices = [
            "refs/heads/*:refs/heads/*",
            "+refs/heads/*:refs/for/*",
            "refs/heads/main:refs/for/main",
            "HEAD",
            ":",
            "+:",
            "refs/tags/*",
            "main",
            "refs/heads/fix/*:refs/heads/*",
        ];
        for _ in 0..1 + random.below(2) {
            writeln!(text, "\tpush = {}", random.one_of(&choices)).unwrap();
        }
        if random.once_in(3) {
            let choices = ["^refs/heads/main", "^refs/heads/fix/*", "^refs/for/main"];
            writeln!(text, "\tpush = {}", random.one_of(&choices)).unwrap();
        }
    }
    if random.once_in(20) {
        text.push_str("\tmirror = true\n");
    }
    let other = random.once_in(4);
    if other {
        write!(
            text,
            "[remote \"other\"]\n\turl = {url}\n\tpush = refs/heads/*:refs/for/*\n"
        )
        .unwrap();
    }
    let remotes: &[&str] = if other {
        &["origin", "origin", "other"]
    } else {
        &["origin"]
    };
    for branch in ["main", "topic", "fix/1"] {
        if random.once_in(3) {
            continue;
        }
        writeln!(text, "[branch \"{branch}\"]").unwrap();
        if !random.once_in(6) {
            writeln!(text, "\tremote = {}", random.one_of(remotes)).unwrap();
        }
        if random.once_in(8) {
            text.push_str("\tpushRemote = origin\n");
        }
        for _ in 0..[1, 1, 1, 1, 0, 2][random.below(6)] {
            let merge = match random.once_in(3) {
                true => "next",
                false => branch,
            };
            writeln!(text, "\tmerge = refs/heads/{merge}").unwrap();
        }
    }
    if random.once_in(10) {
        writeln!(text, "[remote]\n\tpushDefault = {}", random.one_of(remotes)).unwrap();
    }
    text.push_str("[push]\n");
    if random.once_in(2) {
        let choices = ["nothing", "matching", "simple", "upstream", "tracking", "current"];
        writeln!(text, "\tdefault = {}", random.one_of(&choices)).unwrap();
    }
    for flag in ["followTags", "autoSetupRemote", "useForceIfIncludes"] {
        if random.once_in(6) {
            writeln!(text, "\t{flag} = true").unwrap();
        }
    }
    text
}

//! Branches, tags and refs changed at random, here and by git: the same refs, reflogs and settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gitside::error::Code;
use gitside::format::config::Config;
use gitside::format::oid::ObjectId;
use gitside::format::reflog::LogEntry;
use gitside::ops::branch::{self, CreateOptions, DeleteOptions};
use gitside::ops::compose::{Author, When};
use gitside::ops::tag::{self, Made};
use gitside::ops::update_ref::{Becomes, Update, update_refs};
use gitside::ops::write::NewTag;
use gitside::ops::{Repository, config, for_each_ref};
use gitside::store::reflog::Reflogs;
use gitside::task::Task;
use gitside_server::repos::{Random, Repo, git, run};

use crate::history::import;
use crate::support::{block_on, host};

const SEEDS: u64 = 60;
const STEPS: usize = 14;

/// Names that are in each other's way.
const BRANCHES: [&str; 7] = ["main", "a", "a/b", "b", "topic/x", "feature", "-x"];
const STARTS: [&str; 9] = [
    "main",
    "HEAD",
    "origin/main",
    "origin/feature",
    "refs/remotes/origin/feature",
    "v1",
    "main~1",
    "b",
    "nothing",
];

/// A step, as git's arguments with its input, and as a call.
#[derive(Debug)]
enum Step {
    Create(&'static str, &'static str, CreateOptions),
    Rename(&'static str, &'static str, bool),
    Delete(&'static str, bool),
    Tag(&'static str, &'static str, Option<&'static str>, bool),
    DeleteTag(&'static str),
    Update(Vec<Update>),
    Symbolic(&'static str, &'static str),
}

struct Pair {
    git: Repo,
    repo: Repository,
    task: Task,
    oids: Vec<ObjectId>,
}

/// What refs, reflogs and settings are. Times differ and are left out.
#[derive(Debug, PartialEq, Eq)]
struct State {
    refs: BTreeMap<String, String>,
    logs: BTreeMap<String, Vec<String>>,
    settings: Vec<(String, Vec<String>)>,
}

fn stream() -> String {
    let commit = |name: &str, mark: u32, from: Option<u32>| {
        let from = from.map(|from| format!("from :{from}\n")).unwrap_or_default();
        format!(
            "commit {name}\nmark :{mark}\ncommitter A <a> {} +0000\ndata 2\nm\n{from}\n",
            1_700_000_000 + mark
        )
    };
    [
        commit("refs/heads/main", 1, None),
        commit("refs/heads/main", 2, Some(1)),
        commit("refs/heads/b", 3, Some(1)),
        commit("refs/remotes/origin/feature", 4, Some(2)),
        commit("refs/remotes/origin/main", 5, Some(2)),
        "tag v1\nfrom :2\ntagger A <a> 1700000000 +0000\ndata 2\nm\n".to_owned(),
    ]
    .concat()
}

async fn pair(path: &Path, settings: &str) -> Pair {
    let git = Repo::init(path, "main").unwrap();
    git.git_with(["fast-import", "--quiet"], stream().as_bytes()).unwrap();
    let text = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogallrefupdates = true\n\
         [user]\n\tname = Ada Example\n\temail = ada@example.org\n\
         [remote \"origin\"]\n\turl = https://host.example/x\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{settings}"
    );
    fs::write(path.join("config"), &text).unwrap();
    let _ = fs::remove_dir_all(path.join("logs"));
    let host = host();
    let repo = import(path, &host, "refs").await;
    let task = Task::new(host.clock.clone(), |_| {});
    for (key, values) in Config::parse(text.as_bytes())
        .unwrap()
        .entries()
        .map(|(key, value)| (key, value.map(<[u8]>::to_vec)))
    {
        config::set(&task, &repo, &key, values.as_deref()).await.unwrap();
    }
    let oids = git.git(["rev-list", "--all"]).unwrap();
    let oids = String::from_utf8(oids)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    Pair { git, repo, task, oids }
}

impl Pair {
    fn of_git(&self) -> State {
        let path = self.git.path();
        let listed = self
            .git
            .git(["for-each-ref", "--format=%(refname) %(symref)%(objectname)"])
            .unwrap();
        let listed = String::from_utf8(listed).unwrap();
        let mut refs: BTreeMap<String, String> = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, oid)| (name.to_owned(), oid.to_owned()))
            .collect();
        let head = fs::read_to_string(path.join("HEAD")).unwrap();
        refs.insert("HEAD".to_owned(), head.trim_end().replace("ref: ", ""));
        let mut logs = BTreeMap::new();
        let mut folders: Vec<PathBuf> = vec![path.join("logs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap().path();
                if entry.is_dir() {
                    folders.push(entry);
                    continue;
                }
                let name = entry
                    .strip_prefix(path.join("logs"))
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let text = fs::read(&entry).unwrap();
                let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let lines: Vec<String> = lines.map(|line| shown(&LogEntry::parse(line).unwrap())).collect();
                if !lines.is_empty() {
                    logs.insert(name, lines);
                }
            }
        }
        let settings = fs::read(path.join("config")).unwrap();
        State {
            refs,
            logs,
            settings: branches(&Config::parse(&settings).unwrap()),
        }
    }

    async fn of_gitside(&self) -> State {
        let mut refs = BTreeMap::new();
        for listed in for_each_ref::list(&self.task, &self.repo, b"").await.unwrap() {
            let value = match (&listed.symbolic, listed.oid) {
                (Some(to), oid) if listed.name != b"HEAD" => {
                    format!("{}{}", text(to), oid.map(|oid| oid.to_hex()).unwrap_or_default())
                }
                (Some(to), _) => text(to),
                (None, oid) => oid.unwrap().to_hex(),
            };
            // Git lists no symbolic ref that leads nowhere, but for HEAD.
            if listed.name == b"HEAD" || listed.oid.is_some() {
                refs.insert(text(&listed.name), value);
            }
        }
        let reflogs = Reflogs::new(self.repo.backend.clone());
        let mut logs = BTreeMap::new();
        for name in reflogs.names().await.unwrap() {
            let entries = reflogs.entries(&name).await.unwrap();
            logs.insert(text(&name), entries.iter().map(|stored| shown(&stored.entry)).collect());
        }
        State {
            refs,
            logs,
            settings: branches(&self.repo.config().await.unwrap()),
        }
    }

    fn git_does(&self, step: &Step) -> Result<(), String> {
        let mut args: Vec<String> = Vec::new();
        let mut input = String::new();
        let mut push = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
        match step {
            Step::Create(name, start, options) => {
                push(&["branch"]);
                push(if options.force { &["-f"] } else { &[] });
                push(match options.track {
                    None => &[],
                    Some(true) => &["--track"],
                    Some(false) => &["--no-track"],
                });
                push(&["--", name, start]);
            }
            Step::Rename(from, to, force) => push(&["branch", if *force { "-M" } else { "-m" }, "--", from, to]),
            Step::Delete(name, force) => push(&["branch", if *force { "-D" } else { "-d" }, "--", name]),
            Step::Tag(name, rev, message, force) => {
                push(&["tag"]);
                push(if *force { &["-f"] } else { &[] });
                if let Some(message) = message {
                    push(&["-a", "-m", message]);
                }
                push(&["--", name, rev]);
            }
            Step::DeleteTag(name) => push(&["tag", "-d", "--", name]),
            Step::Symbolic(name, to) => push(&["symbolic-ref", "-m", "moved", name, to]),
            Step::Update(updates) => {
                push(&["update-ref", "-m", "moved", "--stdin"]);
                for update in updates {
                    if update.no_deref {
                        input += "option no-deref\n";
                    }
                    let old = match update.expect {
                        None => String::new(),
                        Some(None) => format!(" {}", ObjectId::NULL),
                        Some(Some(oid)) => format!(" {oid}"),
                    };
                    let name = text(&update.name);
                    input += &match &update.new {
                        Becomes::Object(oid) => format!("update {name} {oid}{old}\n"),
                        Becomes::Deleted => format!("delete {name}{old}\n"),
                        Becomes::Symbolic(_) => unreachable!("symbolic refs have a step of their own"),
                    };
                }
            }
        }
        let mut command = git();
        command.current_dir(self.git.path()).args(&args);
        run(command, input.as_bytes())
            .map(drop)
            .map_err(|error| format!("{args:?}: {error}"))
    }

    async fn gitside_does(&self, step: &Step) -> Result<(), String> {
        let (task, repo) = (&self.task, &self.repo);
        let done = match step {
            Step::Create(name, start, options) => {
                branch::create(task, repo, name.as_bytes(), start.as_bytes(), options)
                    .await
                    .map(drop)
            }
            Step::Rename(from, to, force) => branch::rename(task, repo, from.as_bytes(), to.as_bytes(), *force).await,
            Step::Delete(name, force) => {
                let options = DeleteOptions {
                    force: *force,
                    expect: None,
                };
                branch::delete(task, repo, name.as_bytes(), &options).await
            }
            Step::Tag(name, rev, message, force) => {
                let made = match message {
                    None => Made::Light(rev.as_bytes().to_vec()),
                    Some(message) => Made::Annotated(NewTag {
                        object: rev.as_bytes().to_vec(),
                        name: name.as_bytes().to_vec(),
                        message: message.as_bytes().to_vec(),
                        tagger: Some(Author {
                            name: b"Ada Example".to_vec(),
                            email: b"ada@example.org".to_vec(),
                            when: Some(When {
                                time: 1_700_000_000,
                                tz: b"+0000".to_vec(),
                            }),
                        }),
                        ..NewTag::default()
                    }),
                };
                tag::create(task, repo, name.as_bytes(), &made, *force).await.map(drop)
            }
            Step::DeleteTag(name) => tag::delete(task, repo, name.as_bytes(), None).await,
            Step::Symbolic(name, to) => {
                let update = Update {
                    name: name.as_bytes().to_vec(),
                    new: Becomes::Symbolic(to.as_bytes().to_vec()),
                    expect: None,
                    no_deref: true,
                };
                update_refs(task, repo, &[update], b"moved").await
            }
            Step::Update(updates) => update_refs(task, repo, updates, b"moved").await,
        };
        done.map_err(|failure| failure.to_string())
    }

    fn step(&self, random: &mut Random) -> Step {
        let on = fs::read_to_string(self.git.path().join("HEAD")).unwrap();
        let is_head = |name: &str| on.trim_end() == format!("ref: refs/heads/{name}");
        let branch = |random: &mut Random| BRANCHES[random.below(BRANCHES.len())];
        let force = random.once_in(2);
        match random.below(10) {
            0..=2 => {
                let options = CreateOptions {
                    force,
                    track: [None, None, Some(true), Some(false)][random.below(4)],
                };
                Step::Create(branch(random), STARTS[random.below(STARTS.len())], options)
            }
            3 | 4 => {
                let from = branch(random);
                // To itself, git tells its log of a change that is none.
                let to = *BRANCHES
                    .iter()
                    .rfind(|name| **name != from && random.once_in(2))
                    .unwrap_or(&"z");
                // What git's log of HEAD tells of a branch that is replaced under it makes no sense.
                Step::Rename(from, to, force && !is_head(to))
            }
            5 => {
                let name = branch(random);
                // Of a bare repository git deletes even that.
                Step::Delete(name, force || is_head(name))
            }
            6 => {
                let name = ["v1", "v2", "v1/x"][random.below(3)];
                let message = [None, Some("A tag"), Some("Two\n\nparagraphs")][random.below(3)];
                Step::Tag(name, STARTS[random.below(STARTS.len())], message, force)
            }
            7 => Step::DeleteTag(["v1", "v2", "v1/x"][random.below(3)]),
            8 => {
                let to = ["refs/heads/main", "refs/heads/a", "refs/heads/feature"][random.below(3)];
                Step::Symbolic(["HEAD", "HEAD", "refs/heads/sym"][random.below(3)], to)
            }
            _ => Step::Update(self.updates(random)),
        }
    }

    fn updates(&self, random: &mut Random) -> Vec<Update> {
        let mut names = vec![
            "HEAD",
            "refs/heads/main",
            "refs/heads/a",
            "refs/heads/a/b",
            "refs/other/x",
            "refs/notes/n",
        ];
        let there = self.of_git();
        let mut updates = Vec::new();
        for _ in 0..1 + random.below(3) {
            let name = names.remove(random.below(names.len()));
            let new = match random.below(4) {
                // What is not there git looks for first, and finds other names in its way.
                0 if name != "HEAD" && there.refs.contains_key(name) => Becomes::Deleted,
                _ => Becomes::Object(self.oids[random.below(self.oids.len())]),
            };
            let expect = match random.below(4) {
                0 => Some(None),
                1 => Some(Some(self.oids[random.below(self.oids.len())])),
                _ => None,
            };
            // Git takes "delete" with an old id of zeros for a mistake of the caller.
            let expect = expect.filter(|expect| expect.is_some() || new != Becomes::Deleted);
            if name == "HEAD" {
                // Git refuses to change a branch by its name and by HEAD's at a time.
                names.retain(|name| !name.starts_with("refs/heads/"));
            } else if name.starts_with("refs/heads/") {
                // Nor what is in the way of each other, though one goes.
                names
                    .retain(|name| *name == "refs/heads/main" || !(*name == "HEAD" || name.starts_with("refs/heads/")));
            }
            updates.push(Update {
                name: name.as_bytes().to_vec(),
                new,
                expect,
                no_deref: random.once_in(4) && name != "HEAD",
            });
        }
        updates
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn shown(entry: &LogEntry) -> String {
    let mut entry = entry.clone();
    entry.who.time = 0;
    text(&entry.to_line())
}

fn branches(config: &Config) -> Vec<(String, Vec<String>)> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in config.entries() {
        let key = text(&key);
        if key.starts_with("branch.") {
            found.entry(key).or_default().push(text(value.unwrap_or_default()));
        }
    }
    found.into_iter().collect()
}

/// What differs first, with the step that it came of.
async fn sequence(seed: u64, folder: &Path, refused: &mut usize) -> Option<String> {
    let mut random = Random::new(seed ^ 0x4ef5);
    let settings = [
        "",
        "[branch]\n\tautosetupmerge = always\n",
        "[branch]\n\tautosetupmerge = simple\n",
        "[branch]\n\tautosetupmerge = always\n\tautosetuprebase = local\n",
        "[branch]\n\tautosetuprebase = remote\n",
        "[branch]\n\tautosetupmerge = always\n\tautosetuprebase = always\n",
    ];
    let pair = pair(&folder.join(seed.to_string()), settings[random.below(settings.len())]).await;
    for number in 0..STEPS {
        let step = pair.step(&mut random);
        let (theirs, ours) = (pair.git_does(&step), pair.gitside_does(&step).await);
        *refused += usize::from(ours.is_err());
        let (expected, found) = (pair.of_git(), pair.of_gitside().await);
        if theirs.is_ok() != ours.is_ok() || expected != found {
            return Some(format!(
                "seed {seed}, step {number}, {step:?}: git {theirs:?}, gitside {ours:?}\n{expected:#?}\n{found:#?}\n"
            ));
        }
    }
    None
}

#[test]
fn random_changes_of_refs_leave_what_git_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = 0;
    let seeds = 0..SEEDS;
    let differences: Vec<String> = seeds
        .filter_map(|seed| block_on(sequence(seed, folder.path(), &mut refused)))
        .collect();
    assert!(
        differences.is_empty(),
        "{} differ: {}",
        differences.len(),
        differences.join("\n")
    );
    assert!(refused > 50, "{refused} steps were refused");
}

#[test]
fn what_head_may_stand_for_is_what_git_lets_it() {
    let folder = tempfile::tempdir().unwrap();
    let pair = block_on(pair(&folder.path().join("symbolic"), ""));
    let targets = [
        "HEAD",
        "main",
        "refs/heads/a",
        "refs/tags/none",
        "refs/x",
        "refs/heads/",
        "refs/heads/a..b",
    ];
    let mut refused = 0;
    for (name, target) in ["HEAD", "refs/heads/sym"]
        .into_iter()
        .flat_map(|name| targets.map(|target| (name, target)))
        // Git alone knows refs beside HEAD that are not below refs/.
        .filter(|pair| *pair != ("refs/heads/sym", "main"))
    {
        let step = Step::Symbolic(name, target);
        let (theirs, ours) = (pair.git_does(&step), block_on(pair.gitside_does(&step)));
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{name} {target}: {theirs:?} {ours:?}");
        refused += usize::from(ours.is_err());
        assert_eq!(block_on(pair.of_gitside()), pair.of_git(), "{name} {target}");
    }
    assert_eq!(refused, 6);
    let update = Update {
        name: b"HEAD".to_vec(),
        new: Becomes::Symbolic(b"HEAD".to_vec()),
        expect: None,
        no_deref: true,
    };
    let failure = block_on(update_refs(&pair.task, &pair.repo, &[update], b"")).unwrap_err();
    assert_eq!(failure.error().map(|error| error.code), Some(Code::InvalidRef));
}

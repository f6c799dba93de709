//! Reflogs: after the same changes of refs they hold what git's files under `logs/` hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use gitside::error::Code;
use gitside::format::reflog::Who;
use gitside::ops::clone::{self, Options};
use gitside::ops::reflog::{Reflog, expired};
use gitside::ops::rev_parse::resolve;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::reflog::Reflogs;
use gitside::store::refs::Target;
use gitside_server::repos;
use gitside_server::{Git, Server};

use crate::history::{Loaded, generate, load, task};
use crate::pack_oracle::git;
use crate::support::{block_on, host};

/// The committer and the date that the tests' git has.
fn who() -> Rc<Who> {
    Rc::new(Who {
        name: b"C".to_vec(),
        email: b"c@example.org".to_vec(),
        time: 1_700_000_000,
        tz: b"+0000".to_vec(),
    })
}

fn update(name: &str, new: Option<Target>) -> RefUpdate {
    RefUpdate {
        name: name.into(),
        expect: None,
        new,
        peeled: None,
    }
}

/// A change of one ref, by both.
enum Step {
    Set(&'static str, &'static str, &'static str),
    Delete(&'static str, &'static str),
    Symbolic(&'static str, &'static str, &'static str),
    Config(&'static str, &'static str),
    /// A log is made for a ref that would have none.
    Begin(&'static str),
}

use Step::{Begin, Config, Delete, Set, Symbolic};

async fn take(loaded: &Loaded, step: &Step) {
    if let Begin(name) = *step {
        return begin(loaded, name).await;
    }
    let writer = loaded.repo.writer(&loaded.task).await.unwrap();
    let mut publication = Publication::new(&writer);
    match *step {
        Set(name, rev, message) => {
            let oid = loaded.oid(rev);
            let mut command = vec!["update-ref", "--no-deref", "-m", message];
            if message.is_empty() {
                command.truncate(2);
            }
            let hex = oid.to_hex();
            command.extend([name, &hex]);
            loaded.git(&command);
            publication.update_logged(update(name, Some(Target::Direct(oid))), &who(), message);
        }
        Delete(name, message) => {
            loaded.git(&["update-ref", "--no-deref", "-m", message, "-d", name]);
            publication.update_logged(update(name, None), &who(), message);
        }
        Symbolic(name, to, message) => {
            loaded.git(&["symbolic-ref", "-m", message, name, to]);
            publication.update_logged(update(name, Some(Target::Symbolic(to.into()))), &who(), message);
        }
        Config(key, value) => {
            loaded.git(&["config", key, value]);
            let mut config = loaded.repo.config().await.unwrap();
            config.set(key.as_bytes(), value.as_bytes()).unwrap();
            publication.config(config.as_bytes().to_vec());
        }
        Begin(_) => unreachable!(),
    }
    publication.commit().await.unwrap();
}

/// Has both log a change that they would not log, and takes it back.
async fn begin(loaded: &Loaded, name: &str) {
    let oid = loaded.oid(name);
    let always = "core.logAllRefUpdates=always";
    loaded.git(&["-c", always, "update-ref", "-m", "begin", name, "HEAD"]);
    loaded.git(&["update-ref", name, &oid.to_hex()]);
    let before = loaded.repo.config().await.unwrap();
    let mut config = before.clone();
    config.set(b"core.logAllRefUpdates", b"always").unwrap();
    for (target, message) in [(loaded.oid("HEAD"), "begin"), (oid, "")] {
        let writer = loaded.repo.writer(&loaded.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.config(config.as_bytes().to_vec());
        publication.update_logged(update(name, Some(Target::Direct(target))), &who(), message);
        publication.commit().await.unwrap();
        config = before.clone();
    }
}

/// Git's log files, by the names of their refs.
fn logs_of_git(folder: &Path) -> BTreeMap<String, String> {
    let top = folder.join("logs");
    let mut folders = vec![top.clone()];
    let mut logs = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
                logs.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    logs
}

async fn logs_of_ours(repo: &gitside::ops::Repository) -> BTreeMap<String, String> {
    let reflogs = Reflogs::new(repo.backend.clone());
    let mut logs = BTreeMap::new();
    for name in reflogs.names().await.unwrap() {
        let mut text = String::new();
        for stored in reflogs.entries(&name).await.unwrap() {
            text += &String::from_utf8(stored.entry.to_line()).unwrap();
            text.push('\n');
        }
        logs.insert(String::from_utf8(name).unwrap(), text);
    }
    logs
}

const STEPS: &[Step] = &[
    Config("core.bare", "false"),
    Set("refs/heads/main", "main~1", "reset: moving back"),
    Set("refs/heads/main", "v2^{commit}", "  fetch:\n fast-forward\t "),
    Set("refs/heads/main", "v2^{commit}", "nothing changes"),
    Set("refs/heads/new", "main~4", "branch: Created"),
    Set("refs/heads/new", "main~3", ""),
    Set("refs/remotes/origin/topic", "main~2", "fetch origin: forced-update"),
    Set("refs/remotes/origin/a/b", "main~2", "fetch: storing head"),
    Set("refs/notes/commits", "main~5", "notes"),
    Set("refs/tags/light", "main~5", "tags have no log"),
    Set("refs/other/thing", "main~5", "others have none"),
    Begin("refs/tags/light"),
    Set("refs/tags/light", "main~6", "but keep the one they have"),
    Symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/a/b", "remote set-head"),
    Symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/none", "leads nowhere"),
    Symbolic("HEAD", "refs/heads/new", "checkout: moving from main to new"),
    Set("refs/heads/new", "main~7", "moves HEAD too"),
    Set("HEAD", "main~8", "checkout: moving from new to a commit"),
    Set("refs/heads/new", "main~9", "moves HEAD no more"),
    Symbolic("HEAD", "refs/heads/main", "checkout: back"),
    Delete("refs/heads/new", "branch: deleted"),
    Delete("refs/remotes/origin/a/b", "pruned"),
    Config("core.logAllRefUpdates", "false"),
    Set("refs/heads/main", "main~2", "logs that are there are kept up"),
    Set("refs/heads/second", "main~2", "others are not begun"),
    Config("core.logAllRefUpdates", "ALWAYS"),
    Set("refs/tags/v9", "main~2", "everything"),
    Config("core.logAllRefUpdates", "yes"),
    Config("core.bare", "true"),
    Set("refs/heads/third", "main~2", "said for all"),
    Delete("refs/heads/main", "the branch that HEAD is on"),
];

#[test]
fn the_same_changes_leave_the_same_logs_as_gits() {
    block_on(async {
        let loaded = load(generate("reflogs", 5, 200, false)).await;
        let folder = loaded.scratch.path().to_owned();
        // What made the repository is not part of it.
        let _ = fs::remove_dir_all(folder.join("logs"));
        for (at, step) in STEPS.iter().enumerate() {
            take(&loaded, step).await;
            assert_eq!(logs_of_ours(&loaded.repo).await, logs_of_git(&folder), "step {at}");
        }
        assert!(logs_of_ours(&loaded.repo).await.len() > 6);
    });
}

#[test]
fn a_log_is_read_newest_first_by_any_name_of_its_ref() {
    block_on(async {
        let loaded = load(generate("reading-logs", 6, 200, false)).await;
        for back in (0..40).rev() {
            let rev: &'static str = Box::leak(format!("v2~{back}").into_boxed_str());
            let message: &'static str = Box::leak(format!("step {back}").into_boxed_str());
            take(&loaded, &Set("refs/heads/main", rev, message)).await;
        }
        let read = async |name: &str, limit| {
            let mut log = Reflog::open(&loaded.task, &loaded.repo, name.as_bytes(), limit).await?;
            let mut messages = Vec::new();
            loop {
                let batch = log.next_batch(&loaded.task, 7).await?;
                if batch.is_empty() {
                    return Ok::<_, gitside::error::Failure>(messages);
                }
                messages.extend(batch.into_iter().map(|entry| String::from_utf8(entry.message).unwrap()));
            }
        };
        let all: Vec<String> = (0..40).map(|back| format!("step {back}")).collect();
        for name in ["main", "heads/main", "refs/heads/main", "HEAD", "@"] {
            assert_eq!(read(name, None).await.unwrap(), all, "{name}");
        }
        assert_eq!(read("main", Some(9)).await.unwrap(), all[..9]);
        assert_eq!(read("main", Some(0)).await.unwrap(), Vec::<String>::new());
        assert_eq!(read("v1", None).await.unwrap(), Vec::<String>::new());
        let failure = read("nothing", None).await.unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::RefNotFound);
    });
}

#[test]
fn a_clone_logs_what_git_logs_of_one_and_no_login() {
    block_on(async {
        let root = tempfile::tempdir().unwrap();
        let source = repos::example(&root.path().join("example.git")).unwrap();
        let server = Server::builder().mount(Git::at("/git", root.path())).start().unwrap();
        let url = server.url("/git/example.git");
        let tag = source.git_line(["tag"]).unwrap().lines().next().unwrap().to_owned();
        for (arguments, options) in [
            (vec![], Options::default()),
            (
                vec!["--mirror"],
                Options {
                    mirror: true,
                    ..Options::default()
                },
            ),
            (
                vec!["--branch", &tag],
                Options {
                    reference: Some(tag.clone()),
                    ..Options::default()
                },
            ),
            (
                vec!["--single-branch", "-o", "up"],
                Options {
                    single_branch: Some(true),
                    remote_name: "up".into(),
                    ..Options::default()
                },
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut command = vec!["clone", "-q", "--no-checkout"];
            command.extend(&arguments);
            command.extend([url.as_str(), "copy"]);
            git(folder.path(), &command, b"").unwrap();
            let copy = folder.path().join("copy");
            let copy = if copy.join(".git").exists() {
                copy.join(".git")
            } else {
                copy
            };
            let host = host();
            let with_login = url.replace("://", "://user:secret@");
            let repo = clone::clone(&host, &task(&host), &with_login, "copy", &options)
                .await
                .unwrap();
            // Who and when differ: the clone has no settings yet.
            let without_who = |logs: BTreeMap<String, String>| -> BTreeMap<String, Vec<String>> {
                let line = |line: &str| format!("{} {}", &line[..82], line.split_once('\t').unwrap().1);
                logs.into_iter()
                    .map(|(name, text)| (name, text.lines().map(line).collect()))
                    .collect()
            };
            let ours = without_who(logs_of_ours(&repo).await);
            assert_eq!(ours, without_who(logs_of_git(&copy)), "{arguments:?}");
            assert!(!format!("{ours:?}").contains("secret"));
        }
    });
}

#[test]
fn entries_expire_when_gits_do() {
    block_on(async {
        const DAY: i64 = 24 * 60 * 60;
        // Git measures from its own clock.
        let real = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let now = i64::try_from(real).unwrap();
        let loaded = load(generate("expiring-logs", 7, 200, false)).await;
        loaded.git(&["config", "core.logAllRefUpdates", "true"]);
        // Names, what they are set to, and how many days ago.
        let steps = [
            ("refs/heads/main", "v2^{commit}~9", 100),
            ("refs/heads/main", "side/51", 95),
            ("refs/heads/main", "v2^{commit}~8", 80),
            ("refs/heads/fork", "v2^{commit}~3", 70),
            ("refs/heads/fork", "v2^{commit}~7", 60),
            ("refs/heads/main", "v2^{commit}~6", 45),
            ("refs/heads/fork", "v2^{commit}~12", 20),
            ("refs/heads/main", "v2^{commit}", 10),
            ("refs/stash", "v2^{commit}~20", 400),
            ("refs/stash", "v2^{commit}~21", 399),
            ("refs/heads/gone", "v2^{commit}~22", 50),
        ];
        let mut config = loaded.repo.config().await.unwrap();
        config.set(b"core.logAllRefUpdates", b"always").unwrap();
        loaded.git(&["config", "core.logAllRefUpdates", "always"]);
        for (name, rev, days) in steps {
            let oid = loaded.oid(rev);
            let time = now - days * DAY;
            let writer = loaded.repo.writer(&loaded.task).await.unwrap();
            let mut publication = Publication::new(&writer);
            publication.config(config.as_bytes().to_vec());
            let who = Rc::new(Who {
                time,
                ..(*who()).clone()
            });
            publication.update_logged(update(name, Some(Target::Direct(oid))), &who, "step");
            publication.commit().await.unwrap();
            let folder = loaded.scratch.path();
            // The date is in the environment, which the helper has fixed.
            let done = std::process::Command::new("git")
                .args(["update-ref", "-m", "step", name, &oid.to_hex()])
                .current_dir(folder)
                .env("GIT_COMMITTER_NAME", "C")
                .env("GIT_COMMITTER_EMAIL", "c@example.org")
                .env("GIT_COMMITTER_DATE", format!("{time} +0000"))
                .status()
                .unwrap();
            assert!(done.success());
        }
        assert_eq!(logs_of_ours(&loaded.repo).await, logs_of_git(loaded.scratch.path()));
        for (total, unreachable) in [(97, 97), (90, 30), (1000, 15), (5, 5)] {
            let settings = [("gc.reflogExpire", total), ("gc.reflogExpireUnreachable", unreachable)]
                .map(|(key, days)| (key, format!("{days}.days.ago")));
            for (key, value) in &settings {
                config.set(key.as_bytes(), value.as_bytes()).unwrap();
                loaded.git(&["config", key, value]);
            }
            let old = expired(&loaded.task, &loaded.repo, &config, now).await.unwrap();
            let writer = loaded.repo.writer(&loaded.task).await.unwrap();
            let mut publication = Publication::new(&writer);
            publication.forget(&old);
            publication.commit().await.unwrap();
            loaded.git(&["reflog", "expire", "--all"]);
            let mut gits = logs_of_git(loaded.scratch.path());
            gits.retain(|_, text| !text.is_empty());
            assert_eq!(logs_of_ours(&loaded.repo).await, gits, "{total} {unreachable}");
        }
        let kept = Reflogs::new(loaded.repo.backend.clone()).oids().await.unwrap();
        assert_eq!(kept.len(), 2, "the stash's");
    });
}

#[test]
fn what_a_ref_was_and_what_a_branch_follows_are_found_where_git_finds_them() {
    block_on(async {
        let loaded = load(generate("marks", 11, 200, false)).await;
        for step in [
            Config("core.bare", "false"),
            Config("remote.origin.url", "https://h.example/x"),
            Config("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
            Config("branch.main.remote", "origin"),
            Config("branch.main.merge", "refs/heads/topic"),
            Config("branch.light.remote", "."),
            Config("branch.light.merge", "refs/heads/main"),
            Config("branch.lost.remote", "origin"),
            Config("branch.lost.merge", "refs/heads/unknown"),
            Set("refs/heads/main", "v2~7", "a"),
            Set("refs/heads/main", "v2~5", "b"),
            Set("refs/heads/main", "v2~3", "c"),
            Set("refs/heads/lost", "v2~2", "created"),
            Set("refs/remotes/origin/topic", "v2~4", "fetch"),
            Set("refs/remotes/origin/topic", "v2~1", "fetch"),
            Symbolic("HEAD", "refs/heads/lost", "checkout"),
            Symbolic("HEAD", "refs/heads/main", "checkout"),
        ] {
            take(&loaded, &step).await;
        }
        let (mut found, mut refused) = (0, 0);
        for base in [
            "",
            "@",
            "HEAD",
            "main",
            "heads/main",
            "light",
            "lost",
            "v1",
            "origin/topic",
            "nothing",
        ] {
            for mark in [
                "@{0}",
                "@{1}",
                "@{2}",
                "@{3}",
                "@{4}",
                "@{9}",
                "@{u}",
                "@{UPSTREAM}",
                "@{upstream}~1",
                "@{u}@{0}",
                "@{u}@{1}",
                "@{1}^{tree}",
                "@{1}:README",
                "@{1699999999}",
                "@{1700000000}",
                "@{1800000000}",
            ] {
                let rev = format!("{base}{mark}");
                let ours = resolve(&loaded.task, &loaded.repo, rev.as_bytes()).await;
                let gits = loaded.try_git(&["rev-parse", "--verify", "--quiet", &rev]);
                let ours = ours.ok().map(|oid| oid.to_hex());
                assert_eq!(ours, gits, "{rev}");
                *(if ours.is_some() { &mut found } else { &mut refused }) += 1;
            }
        }
        assert!(found > 50 && refused > 20, "{found} found, {refused} refused");
        for rev in ["@{-1}", "main@{yesterday}", "main@{push}"] {
            let failure = resolve(&loaded.task, &loaded.repo, rev.as_bytes()).await.unwrap_err();
            assert_eq!(failure.error().unwrap().code, Code::Unsupported, "{rev}");
        }
    });
}

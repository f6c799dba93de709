//! Empty repositories, their settings and their remotes, beside `git init`, `git config` and
//! `git remote` on the same text.

use std::fs;

use gitside::error::{Code, Failure};
use gitside::format::config::Config;
use gitside::host::Host;
use gitside::ops::for_each_ref;
use gitside::ops::init::init;
use gitside::ops::remotes::{self, AddOptions, TagMode, remote_config};
use gitside::ops::{Repository, config, list};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;

use crate::history::{generate, load, task};
use crate::pack_oracle::{Scratch, git};
use crate::support::{block_on, host};

/// One repository of ours and one of git's, with the same configuration to start with.
struct Pair {
    host: Host,
    task: Task,
    repo: Repository,
    scratch: Scratch,
}

async fn pair(name: &str) -> Pair {
    let host = host();
    let task = task(&host);
    let repo = init(&host, &task, name, "main").await.unwrap();
    let scratch = Scratch::new(name);
    git(scratch.path(), &["init", "-q", "."], b"").unwrap();
    let pair = Pair {
        host,
        task,
        repo,
        scratch,
    };
    fs::write(pair.scratch.path().join(".git/config"), pair.text().await).unwrap();
    pair
}

impl Pair {
    async fn text(&self) -> Vec<u8> {
        self.repo.config().await.unwrap().as_bytes().to_vec()
    }

    fn git(&self, arguments: &[&str]) -> Result<String, String> {
        let output = git(self.scratch.path(), arguments, b"")?;
        Ok(String::from_utf8(output).unwrap())
    }

    /// What git reads in its own file, and in ours.
    async fn check(&self, step: &str) {
        let file = self.scratch.path().join("ours");
        fs::write(&file, self.text().await).unwrap();
        let ours = self
            .git(&["config", "--file", file.to_str().unwrap(), "--list", "-z"])
            .unwrap();
        let gits = self.git(&["config", "--local", "--list", "-z"]).unwrap();
        assert_eq!(ours, gits, "{step}");
    }
}

fn code<T>(result: Result<T, Failure>) -> Code {
    result.err().expect("an error").error().expect("not cancelled").code
}

#[test]
fn an_empty_repository_is_one_that_git_would_make() {
    block_on(async {
        let host = host();
        let task = task(&host);
        let repo = init(&host, &task, "new", "trunk/first").await.unwrap();
        let scratch = Scratch::new("init");
        git(scratch.path(), &["init", "-q", "-b", "trunk/first", "."], b"").unwrap();
        let head = fs::read_to_string(scratch.path().join(".git/HEAD")).unwrap();
        let ours = repo.refs.get(b"HEAD").await.unwrap().unwrap();
        assert_eq!(ours.target, Target::Symbolic(head.trim()["ref: ".len()..].into()));
        assert_eq!(for_each_ref::list(&task, &repo, b"refs/").await.unwrap(), []);
        let folder = scratch.path().join(".git");
        fs::write(folder.join("config"), repo.config().await.unwrap().as_bytes()).unwrap();
        let fsck = git(scratch.path(), &["fsck"], b"");
        assert!(fsck.is_ok(), "{fsck:?}");
        let listed = list(&host).await.unwrap();
        assert_eq!((listed.len(), listed[0].url.as_deref()), (1, None));
        assert_eq!(listed[0].stats.objects, 0);
        assert_eq!(code(init(&host, &task, "new", "main").await), Code::AlreadyExists);
        for branch in ["", "a b", "-x", "HEAD", "a..b", "x.lock", "/x"] {
            assert_eq!(
                code(init(&host, &task, "other", branch).await),
                Code::InvalidRef,
                "{branch}"
            );
            assert!(
                branch.is_empty() || git(scratch.path(), &["check-ref-format", "--branch", branch], b"").is_err(),
                "{branch}"
            );
        }
        assert_eq!(list(&host).await.unwrap().len(), 1);
    });
}

#[test]
fn of_two_that_take_one_name_at_once_one_gets_it() {
    block_on(async {
        let host = host();
        let task = task(&host);
        let (first, second) = tokio::join!(init(&host, &task, "same", "main"), init(&host, &task, "same", "other"));
        let (winner, loser) = if first.is_ok() {
            (first, second)
        } else {
            (second, first)
        };
        assert!(matches!(code(loser), Code::AlreadyExists | Code::Busy));
        let again = Repository::open(&host, "same").await.unwrap();
        assert_eq!(again.id, winner.unwrap().id);
        assert!(again.refs.get(b"HEAD").await.unwrap().is_some());
    });
}

#[test]
fn settings_are_what_git_config_makes_of_them() {
    block_on(async {
        let pair = pair("settings").await;
        for (key, value) in [
            ("user.name", Some("O'Neil \"the\" Ünï \\ #1; ok")),
            ("user.email", Some("")),
            ("Core.Bare", Some("true")),
            ("remote.a.b \"c\"\\d.fetch", Some("+refs/heads/*:refs/remotes/a/*")),
            ("x.Y.z", Some("  blanks\tand\nlines \r")),
            ("user.name", Some("again")),
            ("x.y.z", Some("another section: case counts")),
            ("x.Y.z", None),
            ("core.none", None),
            ("core.bare", Some("false")),
        ] {
            config::set(&pair.task, &pair.repo, key.as_bytes(), value.map(str::as_bytes))
                .await
                .unwrap();
            let gits = match value {
                Some(value) => pair.git(&["config", key, value]),
                None => pair.git(&["config", "--unset-all", key]),
            };
            assert!(gits.is_ok() || key == "core.none", "{gits:?}");
            pair.check(key).await;
            let ours = config::get(&pair.task, &pair.repo, key.as_bytes()).await.unwrap();
            let gits = pair.git(&["config", "-z", "--get", key]).ok();
            let gits = gits.map(|text| text.trim_end_matches('\0').as_bytes().to_vec());
            assert_eq!(ours, gits, "{key}");
        }
        let all = config::all(&pair.task, &pair.repo).await.unwrap();
        let keys: Vec<_> = all.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
        let names = pair.git(&["config", "--local", "--list", "--name-only", "-z"]).unwrap();
        assert_eq!(keys.join("\0") + "\0", names);
        for key in ["", "nodot", "a.", ".a", "a.1b", "a_b.c", "a.b c", "a.x\ny.z"] {
            assert!(pair.git(&["config", key, "x"]).is_err(), "{key:?}");
            let set = config::set(&pair.task, &pair.repo, key.as_bytes(), Some(b"x")).await;
            assert_eq!(code(set), Code::Unsupported, "{key:?}");
            let get = config::get(&pair.task, &pair.repo, key.as_bytes()).await;
            assert_eq!(code(get), Code::Unsupported, "{key:?}");
        }
        let nul = config::set(&pair.task, &pair.repo, b"a.b", Some(b"x\0y")).await;
        assert_eq!(code(nul), Code::Unsupported);
        pair.check("nothing of that was written").await;
    });
}

#[test]
fn every_value_of_a_key_is_told_and_all_are_replaced_at_once() {
    block_on(async {
        let pair = pair("many").await;
        let text = b"[a]\n\tk = 1\n[b]\n\tflag\n[a]\n\tk = 2\n";
        let writer = pair.repo.writer(&pair.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.config(text.to_vec());
        publication.commit().await.unwrap();
        drop(writer);
        let values = config::get_all(&pair.task, &pair.repo, b"A.K").await.unwrap();
        assert_eq!(values, [b"1".to_vec(), b"2".to_vec()]);
        let all = config::all(&pair.task, &pair.repo).await.unwrap();
        assert_eq!(all[0], (b"a.k".to_vec(), values));
        assert_eq!(all[1], (b"b.flag".to_vec(), vec![Vec::new()]));
        config::set(&pair.task, &pair.repo, b"a.k", Some(b"3")).await.unwrap();
        fs::write(pair.scratch.path().join(".git/config"), text).unwrap();
        pair.git(&["config", "--replace-all", "a.k", "3"]).unwrap();
        pair.check("replaced").await;
    });
}

#[test]
fn remotes_are_added_set_and_removed_as_by_git() {
    block_on(async {
        let pair = pair("remotes").await;
        let (task, repo) = (&pair.task, &pair.repo);
        let plain = AddOptions::default();
        let add =
            async |name: &str, url: &str, options: &AddOptions| remotes::add(task, repo, name, url, options).await;
        let url = async || list(&pair.host).await.unwrap()[0].url.clone();

        add("origin", "https://h.example/x.git", &plain).await.unwrap();
        pair.git(&["remote", "add", "origin", "https://h.example/x.git"])
            .unwrap();
        pair.check("add").await;
        assert_eq!(url().await.as_deref(), Some("https://h.example/x.git"));
        assert_eq!(
            code(add("origin", "https://h.example/y", &plain).await),
            Code::AlreadyExists
        );
        assert_eq!(
            code(add("origin/x", "https://h.example/y", &plain).await),
            Code::AlreadyExists
        );

        let tracking = AddOptions {
            tags: TagMode::None,
            track: vec!["main".into(), "rel/*".into()],
            ..AddOptions::default()
        };
        add("some.where", "git@h.example:y", &tracking).await.unwrap();
        let command = [
            "remote",
            "add",
            "--no-tags",
            "-t",
            "main",
            "-t",
            "rel/*",
            "some.where",
            "git@h.example:y",
        ];
        pair.git(&command).unwrap();
        pair.check("add with branches").await;

        let mirror = AddOptions {
            mirror: true,
            tags: TagMode::All,
            track: Vec::new(),
        };
        add("copy", "https://h.example/z", &mirror).await.unwrap();
        pair.git(&[
            "remote",
            "add",
            "--tags",
            "--mirror=fetch",
            "copy",
            "https://h.example/z",
        ])
        .unwrap();
        pair.check("add a mirror").await;

        remotes::set_url(task, repo, "origin", "https://user:secret@h.example/new", false)
            .await
            .unwrap();
        pair.git(&["remote", "set-url", "origin", "https://h.example/new"])
            .unwrap();
        pair.check("set").await;
        remotes::set_url(task, repo, "origin", "https://push.example/new", true)
            .await
            .unwrap();
        pair.git(&["remote", "set-url", "--push", "origin", "https://push.example/new"])
            .unwrap();
        pair.check("set the URL for pushes").await;
        assert_eq!(url().await.as_deref(), Some("https://h.example/new"));
        let missing = remotes::set_url(task, repo, "none", "https://h.example/", false).await;
        assert_eq!(code(missing), Code::NotFound);

        for (key, value) in [
            ("branch.main.remote", "origin"),
            ("branch.main.merge", "refs/heads/main"),
            ("branch.main.rebase", "true"),
            ("branch.x.y.remote", "copy"),
            ("branch.x.y.pushRemote", "origin"),
            ("remote.pushDefault", "origin"),
        ] {
            config::set(task, repo, key.as_bytes(), Some(value.as_bytes()))
                .await
                .unwrap();
            pair.git(&["config", key, value]).unwrap();
        }
        pair.check("branches").await;
        let listed = remotes::list(task, repo).await.unwrap();
        let names: Vec<_> = listed
            .iter()
            .map(|remote| String::from_utf8_lossy(&remote.name))
            .collect();
        assert_eq!(names, ["origin", "some.where", "copy"]);
        assert_eq!(listed[0].push_urls, ["https://push.example/new"]);

        remotes::remove(task, repo, "origin").await.unwrap();
        pair.git(&["remote", "remove", "origin"]).unwrap();
        pair.check("remove").await;
        assert_eq!(code(remotes::remove(task, repo, "origin").await), Code::NotFound);
        remotes::remove(task, repo, "copy").await.unwrap();
        assert_eq!(url().await.as_deref(), Some("git@h.example:y"));
        remotes::remove(task, repo, "some.where").await.unwrap();
        assert_eq!(url().await, None);

        for name in ["", "a b", "a..b", "x:y", "-", "a/"] {
            let gits = pair.git(&["remote", "add", "--", name, "https://h.example/"]);
            let ours = add(name, "https://h.example/", &plain).await;
            assert_eq!(ours.is_ok(), gits.is_ok(), "{name:?} {gits:?}");
        }
        for bad in ["", "https://", "https://h.example/a\nb", "http:x:y@z"] {
            assert_eq!(code(add("fresh", bad, &plain).await), Code::InvalidUrl, "{bad:?}");
        }
        let tracking = AddOptions {
            track: vec!["a b".into()],
            ..AddOptions::default()
        };
        assert_eq!(
            code(add("fresh", "https://h.example/", &tracking).await),
            Code::InvalidRef
        );
    });
}

#[test]
fn a_removed_remote_takes_its_refs_along_and_no_others() {
    block_on(async {
        let loaded = load(generate("removed", 9, 60, false)).await;
        let text = "[remote \"a\"]\n\turl = https://h.example/a\n\tfetch = +refs/heads/*:refs/remotes/a/*\n\
            \tfetch = +refs/pull/*:refs/other/*\n\
            [remote \"b\"]\n\turl = https://h.example/b\n\tfetch = +refs/heads/*:refs/remotes/b/*\n\
            \tfetch = +refs/heads/shared:refs/remotes/a/shared\n";
        let oid = loaded.oid("main");
        let names = [
            "refs/remotes/a/main",
            "refs/remotes/a/x/y",
            "refs/remotes/a/shared",
            "refs/remotes/b/main",
            "refs/other/1",
        ];
        let writer = loaded.repo.writer(&loaded.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.config(text.as_bytes().to_vec());
        fs::write(
            loaded.scratch.path().join("config"),
            format!("[core]\n\tbare = true\n{text}"),
        )
        .unwrap();
        for name in names {
            loaded.git(&["update-ref", name, &oid.to_hex()]);
            publication.update(RefUpdate {
                name: name.into(),
                expect: None,
                new: Some(Target::Direct(oid)),
                peeled: None,
            });
        }
        loaded.git(&["symbolic-ref", "refs/remotes/a/HEAD", "refs/remotes/a/main"]);
        publication.update(RefUpdate {
            name: b"refs/remotes/a/HEAD".to_vec(),
            expect: None,
            new: Some(Target::Symbolic(b"refs/remotes/a/main".to_vec())),
            peeled: None,
        });
        publication.commit().await.unwrap();
        drop(writer);
        let before = for_each_ref::list(&loaded.task, &loaded.repo, b"refs/")
            .await
            .unwrap()
            .len();
        remotes::remove(&loaded.task, &loaded.repo, "a").await.unwrap();
        loaded.git(&["remote", "remove", "a"]);
        let ours = for_each_ref::list(&loaded.task, &loaded.repo, b"refs/").await.unwrap();
        assert_eq!(ours.len(), before - 3);
        let ours: Vec<_> = ours
            .iter()
            .map(|listed| String::from_utf8_lossy(&listed.name).into_owned())
            .collect();
        assert_eq!(ours.join("\n"), loaded.git(&["for-each-ref", "--format=%(refname)"]));
    });
}

#[test]
fn urls_are_rewritten_as_by_git() {
    let text = "[url \"https://a.example/\"]\n\tinsteadOf = a:\n\tinsteadOf = https://old.example/\n\
        [url \"https://deep.example/\"]\n\tinsteadOf = a:deep/\n[url \"https://late.example/\"]\n\tinsteadOf = a:deep/\n\
        [url \"https://push.example/\"]\n\tpushInsteadOf = a:\n\tpushInsteadOf = https://one.example/\n\
        [remote \"r1\"]\n\turl = a:x\n[remote \"r2\"]\n\turl = a:deep/x\n\turl = https://two.example/\n\
        [remote \"r3\"]\n\turl = https://one.example/y\n\tpushurl = https://old.example/y\n\
        [remote \"r4\"]\n\turl = https://gone.example/\n\turl =\n\turl = https://two.example/z\n\
        [remote \"r5\"]\n\turl = https://one.example/\n\turl = https://two.example/\n";
    let scratch = Scratch::new("rewritten");
    git(scratch.path(), &["init", "-q", "."], b"").unwrap();
    fs::write(
        scratch.path().join(".git/config"),
        format!("[core]\n\tbare = false\n{text}"),
    )
    .unwrap();
    let config = Config::parse(text.as_bytes()).unwrap();
    let lines = |arguments: &[&str]| -> Vec<String> {
        let output = git(scratch.path(), arguments, b"").unwrap();
        String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
    };
    for name in ["r1", "r2", "r3", "r4", "r5"] {
        let remote = remote_config(&config, name.as_bytes()).unwrap();
        assert_eq!(remote.urls, lines(&["remote", "get-url", "--all", name]), "{name}");
        let push = lines(&["remote", "get-url", "--all", "--push", name]);
        assert_eq!(remote.push_urls, push, "{name}");
    }
    for url in ["a:b", "a:deep/b", "https://old.example/b", "https://other.example/b"] {
        let remote = remote_config(&config, url.as_bytes()).unwrap();
        assert_eq!(remote.urls, lines(&["ls-remote", "--get-url", url]), "{url}");
    }
    assert_eq!(code(remote_config(&config, b"nothing")), Code::NotFound);
}

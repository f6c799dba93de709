//! Branches that follow what they are pushed to: the settings that `git push -u` leaves.

use std::collections::BTreeMap;
use std::rc::Rc;

use gitside::error::Code;
use gitside::ops::config;
use gitside::ops::push::{self, PushUpdate, Pushed, Wish};
use gitside::ops::update_ref::{Becomes, Update, update_refs};
use gitside_server::repos::{Repo, git, run};

use crate::support::block_on;
use crate::world::{World, error, said, to_up};

/// Of branches, by key.
type Settings = BTreeMap<String, Vec<String>>;

fn of_ours(world: &World) -> Settings {
    let all = block_on(config::all(&world.fresh_task(), &world.repo)).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let keys = all.into_iter().map(|(key, values)| (text(key), values));
    keys.filter(|(key, _)| key.starts_with("branch."))
        .map(|(key, values)| (key, values.into_iter().map(text).collect()))
        .collect()
}

fn of_git(repo: &Repo) -> Settings {
    let mut settings = Settings::new();
    for line in said(repo, &["config", "--list", "--local"]).lines() {
        let (key, value) = line.split_once('=').unwrap();
        if key.starts_with("branch.") {
            settings.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    settings
}

/// `git push` by its arguments, as options.
fn options(arguments: &[&str]) -> push::Options {
    let mut options = push::Options::default();
    let mut names = Vec::new();
    for argument in arguments {
        match *argument {
            "-u" => options.wish.set_upstream = true,
            "--all" => options.wish.all = true,
            "--mirror" => options.wish.mirror = true,
            "--dry-run" => options.dry_run = true,
            name => names.push(name.to_owned()),
        }
    }
    if !names.is_empty() {
        options.remote = Some(names.remove(0));
    }
    options.wish.refspecs = names;
    options
}

/// One push of ours and of git's, from like repositories to like servers.
struct Case {
    settings: &'static str,
    /// `None`: no branch.
    head: Option<&'static str>,
    arguments: &'static [&'static str],
}

impl Case {
    /// What ours said, and the settings that git's and ours left.
    fn run(&self) -> (World, Result<Pushed, Code>, Settings, Settings) {
        let world = World::new();
        world.configure("receive.denyNonFastForwards", "true");
        world.append(self.settings);
        self.set_head(&world);
        let git_repo = self.likeness(&world);
        let mut command = git();
        command.current_dir(git_repo.path()).arg("push").args(self.arguments);
        // What is refused is part of some cases.
        command.output().unwrap();
        let ours = match world.push_with(&options(self.arguments)) {
            Ok(pushed) => Ok(pushed),
            refused => Err(error(refused).code),
        };
        let (theirs, own) = (of_git(&git_repo), of_ours(&world));
        (world, ours, theirs, own)
    }

    fn set_head(&self, world: &World) {
        let new = match self.head {
            Some(branch) => Becomes::Symbolic(branch.as_bytes().to_vec()),
            None => Becomes::Object(world.dev("main").parse().unwrap()),
        };
        let link = Becomes::Symbolic(b"refs/heads/side".to_vec());
        let tagged = Becomes::Symbolic(b"refs/tags/light".to_vec());
        let updates = [("HEAD", new), ("refs/heads/link", link), ("refs/heads/tagged", tagged)];
        let updates = updates.map(|(name, new)| Update {
            name: name.as_bytes().to_vec(),
            new,
            expect: None,
            no_deref: true,
        });
        block_on(update_refs(&world.fresh_task(), &world.repo, &updates, b"")).unwrap();
    }

    /// Git's own repository with the refs and settings of ours, and a server like ours.
    fn likeness(&self, world: &World) -> Repo {
        let up = world.copy("up-of-git.git");
        said(&up, &["config", "receive.denyNonFastForwards", "true"]);
        let repo = Repo::at(world.root.path().join("dev-of-git.git"));
        let mut command = git();
        command.args(["clone", "--quiet", "--mirror"]);
        command.arg(world.dev.path()).arg(repo.path());
        run(command, &[]).unwrap();
        let path = up.path().to_str().unwrap();
        said(&repo, &["remote", "add", "up", path]);
        said(&repo, &["fetch", "--quiet", "up"]);
        said(&repo, &["symbolic-ref", "refs/heads/link", "refs/heads/side"]);
        said(&repo, &["symbolic-ref", "refs/heads/tagged", "refs/tags/light"]);
        match self.head {
            Some(branch) => said(&repo, &["symbolic-ref", "HEAD", branch]),
            None => said(&repo, &["update-ref", "--no-deref", "HEAD", "main"]),
        };
        let config = repo.path().join("config");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text + self.settings).unwrap();
        repo
    }
}

const MAIN: Option<&str> = Some("refs/heads/main");

/// The settings of the case, if they are those that git leaves.
fn check(settings: &'static str, head: Option<&'static str>, arguments: &'static [&'static str]) -> Settings {
    let case = Case {
        settings,
        head,
        arguments,
    };
    let (_, ours, theirs, own) = case.run();
    assert_eq!(own, theirs, "{settings}\n{head:?} {arguments:?}\n{ours:?}");
    own
}

/// `branch.<name>.remote` and `.merge`.
fn follows(settings: &Settings, branch: &str) -> Option<(String, String)> {
    let one = |what: &str| Some(settings.get(&format!("branch.{branch}.{what}"))?.join(" "));
    Some((one("remote")?, one("merge")?))
}

fn up(branch: &str) -> Option<(String, String)> {
    Some(("up".to_owned(), format!("refs/heads/{branch}")))
}

#[test]
fn branches_follow_what_they_are_pushed_to() {
    let settings = check("", MAIN, &["-u", "up", "main", "side:refs/heads/topic", "v1"]);
    assert_eq!(follows(&settings, "main"), up("main"));
    assert_eq!(follows(&settings, "side"), up("topic"));
    assert_eq!(settings.len(), 4, "{settings:?}");
}

#[test]
fn whatever_is_pushed_the_settings_are_those_of_git() {
    let cases: [(Option<&str>, &[&str], usize); 16] = [
        (MAIN, &["up", "main"], 0),
        (MAIN, &["-u", "up", "old"], 2),
        (MAIN, &["-u", "up", "HEAD"], 2),
        (MAIN, &["-u", "up", "@:refs/heads/other"], 2),
        (None, &["-u", "up", "HEAD:refs/heads/other"], 0),
        (MAIN, &["-u", "up", "main~1:refs/heads/other"], 0),
        (MAIN, &["-u", "up", "main:refs/tags/x", "light:refs/heads/x"], 0),
        (MAIN, &["-u", "up", ":refs/heads/old", "main"], 2),
        (MAIN, &["-u", "up", "old:refs/heads/side", "side:refs/heads/main"], 2),
        (MAIN, &["-u", "up", "+main:refs/heads/side", "+side:refs/heads/main"], 2),
        (MAIN, &["-u", "up", "main:refs/heads/y", "main:refs/heads/x"], 2),
        (MAIN, &["-u", "up", "link:refs/heads/z", "tagged:refs/heads/t"], 4),
        (MAIN, &["-u", "--all", "up"], 8),
        (MAIN, &["-u", "--mirror", "up"], 8),
        (MAIN, &["-u", "--dry-run", "up", "main"], 0),
        (MAIN, &["-u", "up", "refs/heads/*:refs/heads/of/*"], 8),
    ];
    for (head, arguments, keys) in cases {
        let settings = check("", head, arguments);
        assert_eq!(settings.len(), keys, "{arguments:?}: {settings:?}");
    }
}

#[test]
fn what_was_followed_before_is_replaced() {
    let before = "[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/x\n\tdescription = kept\n";
    let settings = check(before, MAIN, &["-u", "up", "main"]);
    assert_eq!(follows(&settings, "main"), up("main"));
    assert_eq!(settings.len(), 3, "{settings:?}");
    // Git means to replace several as well, and adds to them instead.
    let world = World::new();
    world.append(before);
    world.append("\tmerge = refs/heads/y\n");
    world.push_with(&options(&["-u", "up", "main"])).unwrap();
    assert_eq!(of_ours(&world), settings);
}

#[test]
fn branches_that_are_to_be_rebased_say_so() {
    for (setting, rebases) in [("always", true), ("remote", true), ("local", false), ("never", false)] {
        let before = format!("[branch]\n\tautoSetupRebase = {setting}\n");
        let settings = check(before.leak(), MAIN, &["-u", "up", "main"]);
        assert_eq!(settings.contains_key("branch.main.rebase"), rebases, "{setting}");
    }
}

#[test]
fn a_branch_that_follows_nothing_is_set_up_where_nobody_says_what_to_push() {
    for (settings, arguments, follower) in [
        ("autoSetupRemote = true\n", &["up"][..], true),
        ("autoSetupRemote = true\n\tdefault = current\n", &["up"], true),
        ("autoSetupRemote = true\n\tdefault = upstream\n", &["up"], false),
        ("autoSetupRemote = true\n\tdefault = matching\n", &["up"], false),
        ("autoSetupRemote = true\n[remote]\n\tpushDefault = up\n", &[], true),
        ("autoSetupRemote = true\n", &["up", "main"], false),
        (
            "autoSetupRemote = true\n[remote \"up\"]\n\tpush = main\n",
            &["up"],
            false,
        ),
        ("autoSetupRemote = true\n", &["--all", "up"], false),
        ("default = current\n", &["up"], false),
        (
            "autoSetupRemote = true\n[branch \"main\"]\n\tremote = up\n",
            &["up"],
            true,
        ),
        (
            "autoSetupRemote = true\n\tdefault = upstream\n[branch \"main\"]\n\tremote = up\n",
            &[],
            true,
        ),
    ] {
        let settings = format!("[push]\n\t{settings}");
        let left = check(settings.leak(), MAIN, arguments);
        let expected = up("main").filter(|_| follower);
        assert_eq!(follows(&left, "main"), expected, "{arguments:?}");
    }
    let follows_another = "[push]\n\tautoSetupRemote = true\n\tdefault = current\n\
                           [branch \"main\"]\n\tremote = up\n\tmerge = refs/heads/side\n";
    let left = check(follows_another, MAIN, &["up"]);
    assert_eq!(follows(&left, "main"), up("side"));
}

#[test]
fn what_follows_is_told_of_a_dry_run_too() {
    for dry_run in ["--dry-run", "-u"] {
        let case = Case {
            settings: "",
            head: MAIN,
            arguments: match dry_run {
                "-u" => &["-u", "up", "HEAD", "light"],
                _ => &["-u", "--dry-run", "up", "HEAD", "light"],
            },
        };
        let (_, ours, ..) = case.run();
        let followed = |update: &PushUpdate| (update.name.clone(), update.followed_by.clone());
        let followed: Vec<_> = ours.unwrap().to[0].updates.iter().map(followed).collect();
        let main = b"refs/heads/main".to_vec();
        assert_eq!(
            followed,
            [(main.clone(), Some(main)), (b"refs/tags/light".to_vec(), None)],
            "{dry_run}"
        );
    }
}

#[test]
fn a_url_is_followed_without_its_login() {
    let world = World::new();
    let url = world.server.url("/up.git");
    let options = push::Options {
        remote: Some(url.replace("http://", "http://me:secret@")),
        wish: Wish {
            set_upstream: true,
            ..to_up(&["main"]).wish
        },
        ..push::Options::default()
    };
    world.push_with(&options).unwrap();
    let merge = "refs/heads/main".to_owned();
    assert_eq!(follows(&of_ours(&world), "main"), Some((url, merge)));
}

#[test]
fn settings_that_changed_while_it_was_pushed_are_kept() {
    let world = World::new();
    let (task, repo) = (world.fresh_task(), world.repo.clone());
    let options = push::Options {
        before: Some(Rc::new(move |_| {
            let (task, repo) = (task.clone(), repo.clone());
            Box::pin(async move {
                let value = Some(&b"meanwhile"[..]);
                config::set(&task, &repo, b"branch.side.description", value)
                    .await
                    .is_ok()
            })
        })),
        ..options(&["-u", "up", "main"])
    };
    world.push_with(&options).unwrap();
    let settings = of_ours(&world);
    assert_eq!(follows(&settings, "main"), up("main"));
    assert_eq!(settings.len(), 3, "{settings:?}");
}

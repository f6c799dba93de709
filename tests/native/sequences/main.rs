//! Random sequences of fetches, by gitside and by git, from a server that changes between them.
//! After every fetch both must have the same refs, objects and shallow boundary, and say the same
//! of it. `GITSIDE_SEQUENCES` says how many sequences (300 unless told), `GITSIDE_SEED` which one
//! alone: its repositories are kept, and every step is told.
#![cfg(not(target_arch = "wasm32"))]

mod config;
mod local;
mod objects;
#[path = "../support/pair.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod pair;
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/told.rs"]
mod told;
mod wish;

use std::path::Path;

use config::Config;
use gitside::ops::fetch::fetch;
use gitside::ops::remote::Version;
use gitside_server::repos::{Random, Repo, git};
use gitside_server::{Git, Server};
use objects::Maker;
use pair::{Manner, Pair, State};
use server::{Head, Served};
use support::block_on;
use support::oracle::write_bare;
use told::Told;
use wish::Wish;

/// How the repository of a seed is cloned.
fn manner(random: &mut Random, served: &Served, seed: u64) -> Manner {
    let mut manner = Manner::plain(match seed.is_multiple_of(2) {
        true => Version::V0,
        false => Version::V2,
    });
    match random.below(12) {
        0 | 1 => manner.mirror = true,
        2 | 3 => {
            manner.depth = Some(u32::try_from(1 + random.below(5)).unwrap());
            manner.single_branch = [None, Some(false)][random.below(2)];
        }
        4 => manner.single_branch = Some(true),
        6 => {
            let filter = random.one_of(&["blob:none", "blob:limit=1k", "tree:0", "tree:1"]);
            manner.filter = Some(filter.to_owned());
        }
        5 => {
            manner.since = served
                .commit(&served.refs["refs/heads/main"])
                .map(|_| wish::cut(random, served));
            manner.single_branch = Some(false);
        }
        _ => {}
    }
    manner
}

/// One sequence. What differs first, with all that led to it.
fn sequence(server: &Server, root: &Path, seed: u64) -> Option<String> {
    let mut random = Random::new(seed ^ 0x5eed);
    let path = root.join("served");
    let mut served = Served::new(&path.join(format!("{seed}.git")), seed, &mut random);
    let manner = manner(&mut random, &served, seed);
    // Half of the servers allow everything, so that ids can be asked for.
    let mount = if manner.filter.is_some() || random.once_in(2) {
        "partial"
    } else {
        "git"
    };
    let url = server.url(&format!("/{mount}/{seed}.git"));
    let mut script = vec![format!("seed {seed}, {manner:?}, {mount}")];
    script.append(&mut served.script);
    let own = root.join(seed.to_string());
    let pair = match Pair::clone(manner, &url, &own) {
        Ok(pair) => pair,
        // Nothing within a time limit, for instance: no client has anything.
        Err(told) if told.contains("git Err") && told.contains("gitside Err") => return None,
        Err(told) => return Some(format!("{}\nclone: {told}", script.join("\n"))),
    };
    let differ = told::differences(&pair.git_state(), &pair.gitside_state());
    if !differ.is_empty() {
        return Some(format!("{}\nclone: {differ:#?}", script.join("\n")));
    }
    let mut config = Config::new(&url, &pair.manner);
    pair.configure(&config.text());
    let mut maker = Maker::new(format!("local of {seed}"));
    let steps = 4 + random.below(5);
    for step in 0..steps {
        script.push(format!("--- step {step}"));
        if !random.once_in(6) {
            served.change(&mut random);
            script.append(&mut served.script);
        }
        if random.once_in(4) {
            config.change(&mut random);
            pair.configure(&config.text());
            script.push(config.text());
        }
        let mut before = pair.gitside_state();
        if random.once_in(4)
            && let Some(local) = local::change(&mut random, &mut maker, &served, &pair.git_state())
        {
            pair.apply(&local);
            script.push(format!("local: {:?}, HEAD {:?}", local.refs, local.head));
            before = pair.gitside_state();
        }
        let wish = Wish::random(&mut random, &served, &pair, &url);
        script.push(wish.shown());
        match one(&pair, &served, &wish, &before, &mut script) {
            Ok(true) => {}
            Ok(false) => break,
            Err(told) => {
                script.extend(told);
                return Some(script.join("\n"));
            }
        }
    }
    let bare = block_on(write_bare(&pair.task, &pair.gitside, &own.join("bare")));
    let faults = fsck(&bare);
    (!faults.is_empty()).then(|| format!("{}\nfsck: {faults}", script.join("\n")))
}

/// One fetch by both. Whether the two are still alike, so that the sequence can go on.
fn one(
    pair: &Pair,
    served: &Served,
    wish: &Wish,
    before: &State,
    script: &mut Vec<String>,
) -> Result<bool, Vec<String>> {
    let git_before = pair.git_state();
    let output = wish.by_git(pair);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut theirs = Told::by_git(pair, wish.atomic, &output);
    let fetched = block_on(fetch(&pair.task, &pair.gitside, &wish.options(pair)));
    let ours = Told::by_gitside(&fetched);
    script.push(format!("git exits with {}: {}", theirs.exit, said.trim_end()));
    script.push(format!("git says {:#?}", theirs.refs));
    script.push(match &fetched {
        Ok(fetched) => format!("gitside says {:#?}, {} objects", ours.refs, fetched.objects),
        Err(failure) => format!("gitside fails: {failure}"),
    });
    let (git_after, mut after) = (pair.git_state(), pair.gitside_state());
    let mut told = Vec::new();
    if fetched.is_err() {
        let changes = told::differences(before, &after);
        told.extend(
            changes
                .into_iter()
                .map(|change| format!("changed by a failure: {change}")),
        );
    }
    if parts_ways(&theirs, &said, git_before != git_after) {
        return if told.is_empty() { Ok(false) } else { Err(told) };
    }
    let nothing = |told: &Told| told.refs.is_empty() && told.heads.is_empty();
    if nothing(&theirs) && nothing(&ours) && ours.exit == 0 {
        // Where no ref is left to fetch, git may fail for want of a pack.
        theirs.exit = 0;
    }
    told.extend(theirs.differences(&ours, wish.atomic));
    follow_heads(pair, served, &git_after, &mut after, &mut told);
    told.extend(told::differences(&git_after, &after));
    if told.is_empty() { Ok(true) } else { Err(told) }
}

/// Whether git does what gitside does not mean to do, and the two cannot be compared any more:
///
/// * It refuses the whole fetch if one ref is the branch that is checked out; gitside that ref.
/// * It asks for an object by its id though the object is here, and so may be refused.
/// * It fails and leaves refs pruned, or objects that nothing reaches.
/// * It crashes.
/// * It prunes what it fetches in the same call, where the refspec has a short name on the left
///   and a full one on the right (`get_stale_heads_cb` looks for the short one); then it fails, or
///   takes the ref for up to date though it is gone.
fn parts_ways(git: &Told, said: &str, changed: bool) -> bool {
    let name = |line: &String| line.rsplit(' ').next().map(str::to_owned);
    let pruned = git.refs.iter().filter(|line| line.starts_with('-'));
    let mut again = pruned.filter(|gone| git.refs.iter().any(|line| line != *gone && name(line) == name(gone)));
    said.contains("refusing to fetch into branch")
        || said.contains("does not allow request for unadvertised object")
        || (git.exit == 128 && changed)
        || git.exit == told::CRASHED
        || again.next().is_some()
}

/// Two things that git does since 2.48: it makes `refs/remotes/<remote>/HEAD` where there is none,
/// and moves the HEAD of a mirror.
fn follow_heads(pair: &Pair, served: &Served, git: &State, ours: &mut State, told: &mut Vec<String>) {
    if !git.refs.contains_key("refs/remotes/origin/HEAD") {
        ours.refs.remove("refs/remotes/origin/HEAD");
    }
    if pair.manner.mirror && ours.refs["HEAD"] != git.refs["HEAD"] {
        let head = ours.refs["HEAD"].clone();
        match &served.head {
            Head::Branch(name) if head == format!("ref: {name}") => {}
            // Version 0 does not say that a HEAD is detached: a branch with its object is as good.
            Head::Detached(oid)
                if head
                    .strip_prefix("ref: ")
                    .is_some_and(|name| served.refs.get(name) == Some(oid)) => {}
            other => told.push(format!("HEAD of the mirror: {head}, the server's {other:?}")),
        }
        pair.follow_head(&head);
        ours.refs.insert("HEAD".to_owned(), git.refs["HEAD"].clone());
    }
}

fn fsck(repo: &Repo) -> String {
    let args = [
        "fsck",
        "--full",
        "--connectivity-only",
        "--no-dangling",
        "--no-progress",
    ];
    let output = git().current_dir(repo.path()).args(args).output().unwrap();
    if output.status.success() {
        return String::new();
    }
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Every fourth sequence, so that the test runner spreads them over the cores.
fn compare_share(share: u64) {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("a number"))
    };
    let alone = number("GITSIDE_SEED");
    let seeds: Vec<u64> = match alone {
        Some(seed) => vec![seed],
        None => (0..number("GITSIDE_SEQUENCES").unwrap_or(300)).collect(),
    };
    let mut root = tempfile::tempdir().unwrap();
    root.disable_cleanup(alone.is_some());
    let served = root.path().join("served");
    let server = Server::builder()
        .mount(Git::at("/git", &served))
        .mount(Git::at("/partial", &served).partial())
        .start()
        .unwrap();
    let mut found = Vec::new();
    for seed in seeds.into_iter().filter(|seed| seed % 4 == share) {
        found.extend(sequence(&server, root.path(), seed));
        if alone.is_none() {
            std::fs::remove_dir_all(root.path().join(seed.to_string())).unwrap();
            std::fs::remove_dir_all(served.join(format!("{seed}.git"))).unwrap();
        } else {
            println!("kept in {}", root.path().display());
        }
    }
    assert!(
        found.is_empty(),
        "{} sequences differ:\n{}",
        found.len(),
        found.join("\n\n")
    );
}

#[test]
fn sequences_of_the_first_share_end_as_with_git() {
    compare_share(0);
}

#[test]
fn sequences_of_the_second_share_end_as_with_git() {
    compare_share(1);
}

#[test]
fn sequences_of_the_third_share_end_as_with_git() {
    compare_share(2);
}

#[test]
fn sequences_of_the_fourth_share_end_as_with_git() {
    compare_share(3);
}

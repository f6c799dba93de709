//! Random merges, beside git's. `GITSIDE_MERGES` says how many (400 unless told), `GITSIDE_SEED`
//! which one alone.

use std::collections::BTreeSet;

use gitside::ops::merge::Options;
use gitside_server::repos::Random;

use crate::scene::{Answer, Commit, Scene, Script, Thing, Tree, shown};

const NAMES: [&str; 8] = ["a", "b", "c", "Makefile", "d-e", "d.txt", "x", "y"];

fn content(random: &mut Random) -> Vec<u8> {
    let file = random.below(12);
    let lines = 4 + random.below(20);
    (0..lines)
        .flat_map(|line| format!("file {file} line {line}\n").into_bytes())
        .collect()
}

fn thing(random: &mut Random) -> Thing {
    match random.below(14) {
        0 => Thing::Link(format!("target {}", random.below(4)).into_bytes()),
        1 => Thing::Submodule(u8::try_from(1 + random.below(4)).unwrap()),
        2 => Thing::Executable(content(random)),
        3 => Thing::File(Vec::new()),
        _ => Thing::File(content(random)),
    }
}

fn path(random: &mut Random) -> String {
    let depth = [1, 2, 2, 2, 3, 3][random.below(6)];
    let names: Vec<&str> = (0..depth).map(|_| NAMES[random.below(NAMES.len())]).collect();
    names.join("/")
}

/// Puts something where nothing is in its way, or it takes the place of what is.
fn put(tree: &mut Tree, path: String, thing: Thing) {
    let inside = format!("{path}/");
    tree.retain(|other, _| !other.starts_with(&inside) && !path.starts_with(&format!("{other}/")));
    tree.insert(path, thing);
}

fn any(random: &mut Random, tree: &Tree) -> Option<String> {
    let place = random.below(tree.len().max(1));
    tree.keys().nth(place).cloned()
}

fn edit(random: &mut Random, thing: &mut Thing) {
    match thing {
        Thing::File(content) | Thing::Executable(content) => {
            let text = String::from_utf8_lossy(content).into_owned();
            let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
            for _ in 0..=random.below(3) {
                let at = random.below(lines.len() + 1);
                match random.below(3) {
                    0 => lines.insert(at, format!("new {}\n", random.below(6))),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ if at < lines.len() => lines[at] = format!("other {}\n", random.below(6)),
                    _ => {}
                }
            }
            *content = lines.concat().into_bytes();
        }
        Thing::Link(target) => *target = format!("target {}", random.below(4)).into_bytes(),
        Thing::Submodule(number) => *number = u8::try_from(1 + random.below(4)).unwrap(),
    }
}

fn change(random: &mut Random, tree: &mut Tree) {
    let Some(some) = any(random, tree) else { return };
    match random.below(12) {
        0..4 => edit(random, tree.get_mut(&some).unwrap()),
        4 => drop(tree.remove(&some)),
        5 => {
            let (path, thing) = (path(random), thing(random));
            put(tree, path, thing);
        }
        6 | 7 => {
            let mut thing = tree.remove(&some).unwrap();
            if random.once_in(2) {
                edit(random, &mut thing);
            }
            let path = path(random);
            put(tree, path, thing);
        }
        8 | 9 => rename_directory(random, tree, &some),
        10 => {
            // A new neighbour.
            let folder = some.rsplit_once('/').map_or("", |(folder, _)| folder);
            let name = NAMES[random.below(NAMES.len())];
            let path = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            let thing = thing(random);
            put(tree, path, thing);
        }
        _ => {
            let thing = match tree[&some].clone() {
                Thing::File(content) => Thing::Executable(content),
                Thing::Executable(content) => Thing::File(content),
                _ => thing(random),
            };
            tree.insert(some, thing);
        }
    }
}

fn rename_directory(random: &mut Random, tree: &mut Tree, some: &str) {
    let folders: BTreeSet<String> = some.match_indices('/').map(|(at, _)| some[..at].to_owned()).collect();
    let place = random.below(folders.len().max(1));
    let Some(folder) = folders.into_iter().nth(place) else {
        return;
    };
    let to = path(random);
    if to == folder || to.starts_with(&format!("{folder}/")) {
        return;
    }
    let inside = format!("{folder}/");
    let moved: Vec<(String, Thing)> = tree
        .iter()
        .filter(|(path, _)| path.starts_with(&inside))
        .map(|(path, thing)| (path.clone(), thing.clone()))
        .collect();
    tree.retain(|path, _| !path.starts_with(&inside));
    for (path, thing) in moved {
        put(tree, format!("{to}/{}", &path[inside.len()..]), thing);
    }
}

fn changed(random: &mut Random, tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    for _ in 0..1 + random.below(5) {
        change(random, &mut tree);
    }
    tree
}

/// A history that ends in `ours` and `theirs`.
fn history(seed: u64) -> Vec<Commit> {
    let mut random = Random::new(seed);
    let mut base = Tree::new();
    for _ in 0..4 + random.below(14) {
        let (path, thing) = (path(&mut random), thing(&mut random));
        put(&mut base, path, thing);
    }
    if !random.once_in(4) {
        let (ours, theirs) = (changed(&mut random, &base), changed(&mut random, &base));
        return vec![
            Commit::new("base", &[], base),
            Commit::new("ours", &["base"], ours),
            Commit::new("theirs", &["base"], theirs),
        ];
    }
    let (one, two) = (changed(&mut random, &base), changed(&mut random, &base));
    let start = if random.once_in(2) { &one } else { &two };
    let (ours, theirs) = (changed(&mut random, &one), changed(&mut random, start));
    vec![
        Commit::new("base", &[], base),
        Commit::new("one", &["base"], one),
        Commit::new("two", &["base"], two),
        Commit::new("ours", &["one", "two"], ours),
        Commit::new("theirs", &["two", "one"], theirs),
    ]
}

#[test]
fn random_merges_end_as_gits() {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("a number"))
    };
    let seeds: Vec<u64> = match number("GITSIDE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("GITSIDE_MERGES").unwrap_or(400)).collect(),
    };
    let mut script = Script::default();
    for seed in &seeds {
        for commit in history(*seed) {
            script.commit(&seed.to_string(), &commit);
        }
    }
    let scene = Scene::new(&script);
    let (mut found, mut clean, mut unusable) = (Vec::new(), 0, Vec::new());
    for seed in &seeds {
        let (ours, theirs) = (format!("{seed}/ours"), format!("{seed}/theirs"));
        let gitside = scene.by_gitside(&Options::default(), None, &ours, &theirs);
        let Some(git) = scene.by_git(&[], None, &ours, &theirs).filter(is_sound) else {
            unusable.push(*seed);
            continue;
        };
        clean += u32::from(git.is_clean);
        let (git, gitside) = (without_the_gone(git), without_the_gone(gitside));
        if git != gitside {
            let tree = shown(scene.git.path(), &git.tree);
            found.push(format!(
                "seed {seed}, {}\ngit {git:#?}\n{tree}gitside {gitside:#?}",
                git.is_clean
            ));
        }
    }
    let titles: Vec<&str> = found.iter().filter_map(|told| told.lines().next()).collect();
    assert!(
        found.is_empty(),
        "{} of {} differ (git failed on {unusable:?}, {clean} clean):\n{}\n\n{}",
        found.len(),
        seeds.len(),
        titles.join("\n"),
        found
            .iter()
            .take(4)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n\n")
    );
    assert!(unusable.len() <= seeds.len() / 100, "git failed on {unusable:?}");
}

/// Git 2.47 loses a file that follows a renamed directory where the file's old path was a directory
/// (`apply_directory_rename_modifications` clears the wrong stage), and writes mode 0 for it.
fn is_sound(git: &Answer) -> bool {
    let is_lost = |conflict: &String| conflict.starts_with("000000 ");
    !git.conflicts.iter().any(is_lost)
}

/// Leaves out what is said of files that make way for a directory and are then removed: git says it
/// unless it starts anew after it found the renames, which saves it time in large trees.
fn without_the_gone(mut answer: Answer) -> Answer {
    let conflicts = answer.conflicts.clone();
    answer.messages.retain(|message| {
        let path = message.split('"').nth(1).unwrap_or_default();
        let is_left = conflicts.iter().any(|line| line.ends_with(&format!("\t{path}")));
        !message.contains("] CONFLICT (file/directory) ") || is_left
    });
    answer
}

//! Which files differ, and what became of them: the raw output of git-diff-tree(1).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gitside::error::Code;
use gitside::ops::diff::{Change, ChangeKind, Copies, Options, diff};
use gitside::task::{Event, Task};

use crate::history::{Loaded, load};
use crate::pack_oracle::{Random, git};
use crate::stream::{Files, import};
use crate::support::block_on;
use crate::texts::{edited, text};

const COMMITS: usize = 240;

/// Each commit does to the files of the one before what people do: edits, moves, moves of folders,
/// copies, new files much like others, changes of mode and type.
fn commits(seed: u64) -> Vec<Files> {
    let mut random = Random(seed);
    let mut files = Files::new();
    let mut commits = Vec::new();
    for _ in 0..COMMITS {
        while files.len() < 25 {
            let path = path(&mut random, &files);
            files.insert(path, ("100644", text(&mut random)));
        }
        while files.len() > 80 {
            let which = random.below(files.len());
            let path = files.keys().nth(which).unwrap().clone();
            files.remove(&path);
        }
        for _ in 0..1 + random.below(6) {
            change(&mut random, &mut files);
        }
        commits.push(files.clone());
    }
    commits
}

/// A path that no other is in the way of.
fn path(random: &mut Random, files: &Files) -> String {
    const FOLDERS: [&str; 8] = ["", "a/", "a/b/", "a/b/c/", "a-b/", "d/", "d/b/", "e.f/"];
    const NAMES: [&str; 7] = ["Makefile", "a", "b", "main.c", "main.h", "x", "z~"];
    loop {
        let number = if random.below(2) == 0 {
            String::new()
        } else {
            random.below(9).to_string()
        };
        let path = format!("{}{}{number}", FOLDERS[random.below(8)], NAMES[random.below(7)]);
        let in_the_way = |other: &String| {
            other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/")) || *other == path
        };
        if !files.keys().any(in_the_way) {
            return path;
        }
    }
}

fn change(random: &mut Random, files: &mut Files) {
    let which = random.below(files.len());
    let (old, file) = files
        .iter()
        .nth(which)
        .map(|(path, file)| (path.clone(), file.clone()))
        .unwrap();
    let new = path(random, files);
    match random.below(14) {
        0 => drop(files.remove(&old)),
        1 => drop(files.insert(new, ("100644", text(random)))),
        2 | 3 if file.0 != "160000" => drop(files.insert(old, (file.0, edited(random, &file.1)))),
        4 => {
            files.remove(&old);
            files.insert(new, file);
        }
        5..=7 if file.0 != "160000" => {
            files.remove(&old);
            files.insert(new, (file.0, edited(random, &file.1)));
        }
        8 => drop(files.insert(new, file)),
        9 if file.0 != "160000" => drop(files.insert(new, (file.0, edited(random, &file.1)))),
        10 => {
            let mode = if file.0 == "100644" { "100755" } else { "100644" };
            files.insert(old, (mode, file.1));
        }
        11 => drop(files.insert(old, ("120000", b"some/where".to_vec()))),
        12 => {
            let commit = ["1", "2"][random.below(2)].repeat(40);
            files.insert(new, ("160000", commit.into_bytes()));
        }
        _ => move_folder(random, files),
    }
}

fn move_folder(random: &mut Random, files: &mut Files) {
    let (from, to) = [("a/", "m/"), ("m/", "a/"), ("d/", "a/d/"), ("a/b/", "n/"), ("n/", "")][random.below(5)];
    let inside: Vec<String> = files.keys().filter(|path| path.starts_with(from)).cloned().collect();
    for path in inside {
        let new = path.replacen(from, to, 1);
        let in_the_way = |other: &String| {
            other.starts_with(&format!("{new}/")) || new.starts_with(&format!("{other}/")) || *other == new
        };
        if !files.keys().any(in_the_way) {
            let mut file = files.remove(&path).unwrap();
            if random.below(3) == 0 && file.0 != "160000" {
                file.1 = edited(random, &file.1);
            }
            files.insert(new, file);
        }
    }
}

fn shown(change: &Change) -> String {
    let of = |file: &Option<gitside::algo::rename::File>| match file {
        Some(file) => (file.kind.mode().to_string(), file.oid.to_string()),
        None => ("000000".to_owned(), "0".repeat(40)),
    };
    let ((old_mode, old_oid), (new_mode, new_oid)) = (of(&change.old), of(&change.new));
    let letter = match change.kind {
        ChangeKind::Added => "A",
        ChangeKind::Deleted => "D",
        ChangeKind::Modified => "M",
        ChangeKind::TypeChanged => "T",
        ChangeKind::Renamed => "R",
        ChangeKind::Copied => "C",
    };
    let similarity = change
        .similarity
        .map_or(String::new(), |percent| format!("{percent:03}"));
    let files = [&change.old, &change.new];
    let mut paths: Vec<&[u8]> = files.into_iter().flatten().map(|file| file.path.as_slice()).collect();
    paths.dedup();
    let paths = String::from_utf8(paths.join(&b'\t')).unwrap();
    format!(":{old_mode} {new_mode} {old_oid} {new_oid} {letter}{similarity}\t{paths}\n")
}

/// What git says of each pair of trees.
fn of_git(loaded: &Loaded, pairs: &[(String, String)], arguments: &[&str], paths: &[&str]) -> Vec<String> {
    let mut all = vec![
        "--literal-pathspecs",
        "diff-tree",
        "--stdin",
        "-r",
        "--raw",
        "--full-index",
    ];
    all.extend(arguments.iter().chain(&["--"]).chain(paths));
    let input: String = pairs.iter().map(|(old, new)| format!("{old} {new}\n")).collect();
    let output = git(loaded.scratch.path(), &all, input.as_bytes()).unwrap();
    let output = String::from_utf8(output).unwrap();
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut pair = "";
    for line in output.split_inclusive('\n') {
        if line.starts_with(':') {
            *found.entry(pair).or_default() += line;
        } else {
            pair = line.trim_end();
        }
    }
    let of = |(old, new): &(String, String)| found.get(format!("{old} {new}").as_str()).cloned();
    pairs.iter().map(|pair| of(pair).unwrap_or_default()).collect()
}

#[test]
fn what_became_of_files_is_what_git_says() {
    let commits = commits(0x7eee_d1ff);
    block_on(async {
        let loaded = load(import("diff-trees", &commits)).await;
        let trees = loaded.git(&["log", "--reverse", "--format=%T", "main"]);
        let trees: Vec<&str> = trees.lines().collect();
        assert_eq!(trees.len(), COMMITS);
        let pair = |distance: usize| {
            let pairs = trees.iter().zip(trees.iter().skip(distance));
            pairs.map(|(old, new)| (old.to_string(), new.to_string()))
        };
        let mut pairs: Vec<_> = pair(1).chain(pair(5)).chain(pair(60)).collect();
        // Where nothing differs git says nothing, not even which trees these were.
        pairs.retain(|(old, new)| old != new);
        pairs.sort();
        pairs.dedup();

        let options = Options::default;
        let copies = |copies| Options { copies, ..options() };
        let percent = |percent| Options {
            renames: Some(percent),
            ..options()
        };
        let limited = |limit, copies| Options {
            rename_limit: limit,
            copies,
            ..options()
        };
        let within = |paths: &[&str]| Options {
            paths: paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
            ..options()
        };
        let cases: [(&[&str], &[&str], Options); 13] = [
            (
                &["--no-renames"],
                &[],
                Options {
                    renames: None,
                    ..options()
                },
            ),
            (&["-M"], &[], options()),
            (&["-M20%"], &[], percent(20)),
            (&["-M90%"], &[], percent(90)),
            (&["-M100%"], &[], percent(100)),
            (&["-M", "-l3"], &[], limited(3, Copies::None)),
            (&["-M", "-l0"], &[], limited(0, Copies::None)),
            (&["-C"], &[], copies(Copies::Changed)),
            (&["-C", "-C"], &[], copies(Copies::All)),
            (&["-C", "-C", "-l9"], &[], limited(9, Copies::All)),
            (&["-M"], &["a"], within(&["a"])),
            (&["-M"], &["a/b/", "d/x"], within(&["a/b/", "d/x"])),
            (&["-M"], &["x/", "a/b", "main.c"], within(&["x/", "a/b", "main.c"])),
        ];
        for (arguments, paths, options) in cases {
            let expected = of_git(&loaded, &pairs, arguments, paths);
            let renamed = |expected: &String| expected.contains(" R") || expected.contains(" C");
            let some = expected.iter().filter(|expected| renamed(expected)).count();
            assert!(options.renames.is_none() == (some == 0), "{arguments:?}: {some}");
            for ((old, new), expected) in pairs.iter().zip(expected) {
                let (from, to) = (Some(old.as_bytes()), Some(new.as_bytes()));
                let ours = diff(&loaded.task, &loaded.repo, from, to, &options).await.unwrap();
                let ours: String = ours.iter().map(shown).collect();
                assert_eq!(ours, expected, "{arguments:?} {paths:?} {old} {new}");
            }
        }
    });
}

#[test]
fn without_a_tree_on_one_side_everything_came_or_went() {
    block_on(async {
        let loaded = load(import("diff-nothing", &commits(3)[..1])).await;
        let listed = loaded.git(&[
            "ls-tree",
            "-r",
            "--format=%(objectmode) %(objectname)%x09%(path)",
            "main",
        ]);
        let nothing = ("000000", "0".repeat(40));
        for added in [true, false] {
            let main = Some(&b"main"[..]);
            let (from, to) = if added { (None, main) } else { (main, None) };
            let found = diff(&loaded.task, &loaded.repo, from, to, &Options::default())
                .await
                .unwrap();
            let found: String = found.iter().map(shown).collect();
            let line = |line: &str| {
                let (file, path) = line.split_once('\t').unwrap();
                let (mode, oid) = file.split_once(' ').unwrap();
                match added {
                    true => format!(":{} {mode} {} {oid} A\t{path}\n", nothing.0, nothing.1),
                    false => format!(":{mode} {} {oid} {} D\t{path}\n", nothing.0, nothing.1),
                }
            };
            assert_eq!(found, listed.lines().map(line).collect::<String>());
        }
        let both = diff(&loaded.task, &loaded.repo, None, None, &Options::default())
            .await
            .unwrap();
        assert_eq!(both, []);
    });
}

#[test]
fn what_a_limit_leaves_out_is_told() {
    let side = |folder: &str, end: &str| -> Files {
        let file = |number: usize| {
            let lines: String = (0..20).map(|line| format!("line {line} of {number}\n")).collect();
            (
                format!("{folder}{number}"),
                ("100644", format!("{lines}{end}").into_bytes()),
            )
        };
        (0..5).map(file).collect()
    };
    block_on(async {
        let loaded = load(import("diff-limit", &[side("a", ""), side("b", "end\n")])).await;
        for (limit, renamed, warning) in [(4, 0, Some("have to be 5")), (5, 5, None)] {
            let warnings = Rc::new(RefCell::new(Vec::new()));
            let told = Rc::clone(&warnings);
            let task = Task::new(Rc::clone(&loaded.repo.host.clock), move |event| {
                if let Event::Warning(text) = event {
                    told.borrow_mut().push(text);
                }
            });
            let options = Options {
                rename_limit: limit,
                ..Options::default()
            };
            let changes = diff(&task, &loaded.repo, Some(b"main~"), Some(b"main"), &options)
                .await
                .unwrap();
            let is_renamed = |change: &&Change| change.kind == ChangeKind::Renamed;
            assert_eq!(changes.iter().filter(is_renamed).count(), renamed, "limit {limit}");
            let warnings = warnings.borrow();
            assert_eq!(
                warnings.len(),
                usize::from(warning.is_some()),
                "limit {limit}: {warnings:?}"
            );
            assert!(
                warnings
                    .iter()
                    .zip(warning)
                    .all(|(told, expected)| told.contains(expected)),
                "{warnings:?}"
            );
        }
    });
}

#[test]
fn a_revision_that_is_no_tree_is_refused() {
    block_on(async {
        let loaded = load(import("diff-no-tree", &commits(4)[..1])).await;
        let path = loaded
            .git(&["ls-tree", "-r", "--name-only", "main"])
            .lines()
            .next()
            .unwrap()
            .to_owned();
        let blob = format!("main:{path}");
        for (rev, code) in [(blob.as_str(), Code::InvalidRef), ("nowhere", Code::RefNotFound)] {
            let found = diff(
                &loaded.task,
                &loaded.repo,
                Some(rev.as_bytes()),
                Some(b"main"),
                &Options::default(),
            )
            .await;
            assert_eq!(found.unwrap_err().error().unwrap().code, code, "{rev}");
        }
    });
}

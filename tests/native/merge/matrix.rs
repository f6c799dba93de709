//! One merge of each kind: what can happen to a file, a link, a submodule or a directory on two
//! sides, and to the common ancestors.

use std::collections::BTreeMap;

use gitside::ops::merge::{DirectoryRenames, Favor, Options, Style};

use crate::moved::{ancestors, directory_renames, renames};
use crate::scene::{Commit, Scene, Script, Thing, Tree, shown};

/// What has a title, and three trees.
pub struct Case {
    pub title: &'static str,
    pub commits: Vec<Commit>,
}

/// A tree from lines like `path = content`; `#n` stands for a file of its own, of which `#n+` adds
/// lines at the end, `#n^` at the start and `#n!` changes one in the middle. `x:` makes a file
/// executable, `->` a link, `sub` a submodule.
pub fn tree(text: &str) -> Tree {
    let mut tree = BTreeMap::new();
    for line in text.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let (path, what) = line.split_once('=').expect("path = content");
        let what = what.trim();
        let thing = if let Some(target) = what.strip_prefix("->") {
            Thing::Link(target.trim().as_bytes().to_vec())
        } else if let Some(number) = what.strip_prefix("sub") {
            Thing::Submodule(number.trim().parse().expect("a number"))
        } else if let Some(content) = what.strip_prefix("x:") {
            Thing::Executable(file(content.trim()))
        } else {
            Thing::File(file(what))
        };
        tree.insert(path.trim().to_owned(), thing);
    }
    tree
}

fn file(what: &str) -> Vec<u8> {
    let Some(name) = what.strip_prefix('#') else {
        return what
            .replace("\\n", "\n")
            .replace("\\0", "\0")
            .replace("\\r", "\r")
            .into_bytes();
    };
    let digits = name.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let mut lines: Vec<String> = (0..20).map(|line| format!("{digits} {line}\n")).collect();
    for change in name.trim_start_matches(digits).chars() {
        match change {
            '+' => lines.push("at the end\n".to_owned()),
            '^' => lines.insert(0, "at the start\n".to_owned()),
            '!' => lines[10] = "in the middle\n".to_owned(),
            '?' => lines[10] = "in the midst\n".to_owned(),
            '~' => lines.truncate(12),
            other => panic!("{other}"),
        }
    }
    lines.concat().into_bytes()
}

pub fn case(title: &'static str, base: &str, ours: &str, theirs: &str) -> Case {
    Case {
        title,
        commits: vec![
            Commit::new("base", &[], tree(base)),
            Commit::new("ours", &["base"], tree(ours)),
            Commit::new("theirs", &["base"], tree(theirs)),
        ],
    }
}

/// Two common ancestors, `one` and `two`, which both sides merged as they liked.
pub fn criss_cross(title: &'static str, [base, one, two]: [&str; 3], ours: &str, theirs: &str) -> Case {
    Case {
        title,
        commits: vec![
            Commit::new("base", &[], tree(base)),
            Commit::new("one", &["base"], tree(one)),
            Commit::new("two", &["base"], tree(two)),
            Commit::new("ours", &["one", "two"], tree(ours)),
            Commit::new("theirs", &["two", "one"], tree(theirs)),
        ],
    }
}

fn cases() -> Vec<Case> {
    let mut cases = contents();
    cases.extend(removals());
    cases.extend(types());
    cases.extend(renames());
    cases.extend(directory_renames());
    cases.extend(ancestors());
    cases
}

fn contents() -> Vec<Case> {
    vec![
        case("only ours changed", "f=#1", "f=#1+", "f=#1"),
        case("only theirs changed", "f=#1; g=#2", "f=#1; g=#2", "f=#1+; g=#2"),
        case("both changed in the same way", "f=#1", "f=#1!", "f=#1!"),
        case("both changed, apart", "f=#1", "f=#1^", "f=#1+"),
        case("both changed the same line", "f=#1", "f=#1!", "f=#1?"),
        case(
            "both changed the same line in a directory",
            "a/b/f=#1; a/g=#2",
            "a/b/f=#1!; a/g=#2",
            "a/b/f=#1?; a/g=#2",
        ),
        case("both added the same", "f=#1", "f=#1; g=#2", "f=#1; g=#2"),
        case("both added, differently", "f=#1", "f=#1; g=#2!", "f=#1; g=#2?"),
        case("both added, nothing in common", "f=#1", "f=#1; g=#2", "f=#1; g=#3"),
        case("binary, both changed", "f=a\\0b", "f=a\\0c", "f=a\\0d"),
        case("binary, added by both", "f=#1", "f=#1; g=a\\0c", "f=#1; g=a\\0d"),
        case("no newline at the end", "f=a\\nb", "f=a\\nc", "f=a\\nd"),
        case(
            "a newline at the end against a change",
            "f=a\\nb",
            "f=a\\nb\\n",
            "f=a\\nc",
        ),
        case(
            "Windows' line ends",
            "f=a\\r\\nb\\r\\n",
            "f=a\\r\\nc\\r\\n",
            "f=a\\r\\nd\\r\\n",
        ),
        case("an empty file filled by both", "f=", "f=a\\n", "f=b\\n"),
        case("nothing was there, different files", "", "a=#1", "b=#2"),
        case("everything went", "f=#1", "", "f=#1"),
        case("everything went on both sides", "f=#1; g=#2", "", ""),
        case(
            "subtrees changed by one side each",
            "a/f=#1; b/f=#2",
            "a/f=#1+; b/f=#2",
            "a/f=#1; b/f=#2+; b/g=#3",
        ),
        case("an old file comes back", "f=#1", "g=#2", "f=#1; h=#3"),
    ]
}

fn removals() -> Vec<Case> {
    vec![
        case("ours removed, theirs left alone", "f=#1; g=#2", "g=#2", "f=#1; g=#2"),
        case("ours removed, theirs changed", "f=#1; g=#2", "g=#2", "f=#1!; g=#2"),
        case("ours changed, theirs removed", "f=#1; g=#2", "f=#1!; g=#2", "g=#2"),
        case("both removed", "f=#1; g=#2", "g=#2", "g=#2"),
        case(
            "ours removed a directory, theirs changed in it",
            "d/f=#1; d/g=#2; h=#3",
            "h=#3",
            "d/f=#1!; d/g=#2; h=#3",
        ),
        case(
            "ours removed a directory, theirs added to it",
            "d/f=#1; h=#3",
            "h=#3",
            "d/f=#1; d/g=#2; h=#3",
        ),
        case("removed against a change of mode", "f=#1; g=#2", "g=#2", "f=x:#1; g=#2"),
    ]
}

fn types() -> Vec<Case> {
    vec![
        case("mode by ours, content by theirs", "f=#1", "f=x:#1", "f=#1!"),
        case("mode by both", "f=#1", "f=x:#1", "f=x:#1"),
        case("mode and content by both", "f=#1", "f=x:#1!", "f=#1?"),
        case("added with different modes", "g=#1", "g=#1; f=x:#2", "g=#1; f=#2"),
        case("links, both changed", "f=->a", "f=->b", "f=->c"),
        case("links, added by both", "g=#1", "g=#1; f=->b", "g=#1; f=->c"),
        case("link by ours, content by theirs", "f=#1", "f=->a", "f=#1!"),
        case("content by ours, link by theirs", "f=#1", "f=#1!", "f=->a"),
        case("link against file, both added", "g=#1", "g=#1; f=->a", "g=#1; f=#2"),
        case(
            "submodule, one side moved",
            "s=sub 1; f=#1",
            "s=sub 2; f=#1",
            "s=sub 1; f=#1+",
        ),
        case("submodule, both moved", "s=sub 1", "s=sub 2", "s=sub 3"),
        case("submodule, added by both", "f=#1", "f=#1; s=sub 2", "f=#1; s=sub 3"),
        case("submodule against file", "f=#1", "f=#1; s=sub 2", "f=#1; s=#2"),
        case("submodule against link", "f=#1", "f=#1; s=sub 2", "f=#1; s=->x"),
        case("submodule moved and removed", "s=sub 1; f=#1", "s=sub 2; f=#1", "f=#1"),
        case("submodule against directory", "f=#1", "f=#1; s=sub 2", "f=#1; s/a=#2"),
        case(
            "file by ours, directory by theirs",
            "f=#1",
            "f=#1; d=#2",
            "f=#1; d/a=#3",
        ),
        case(
            "directory by ours, file by theirs",
            "f=#1",
            "f=#1; d/a=#3",
            "f=#1; d=#2",
        ),
        case(
            "file became a directory, the other changed it",
            "d=#1",
            "d/a=#2",
            "d=#1!",
        ),
        case(
            "directory became a file, the other changed in it",
            "d/a=#1; d/b=#2",
            "d=#3",
            "d/a=#1!; d/b=#2",
        ),
        case(
            "directory became a file, the other left it alone",
            "d/a=#1; d/b=#2; f=#4",
            "d=#3; f=#4",
            "d/a=#1; d/b=#2; f=#4+",
        ),
        case(
            "file became a directory, the other left it alone",
            "d=#1; f=#4",
            "d/a=#2; f=#4",
            "d=#1; f=#4+",
        ),
        case(
            "the name made way is taken",
            "f=#1",
            "f=#1; d=#2; d~o=#3",
            "f=#1; d/a=#3; d~ours=#4",
        ),
        case(
            "names around a directory",
            "a-b=#1; a.c=#2; a/x=#3; a0=#4",
            "a-b=#1+; a.c=#2; a/x=#3+; a0=#4",
            "a-b=#1; a.c=#2+; a/y=#3; a0=#4+",
        ),
    ]
}

#[test]
fn every_kind_of_merge_ends_as_gits() {
    let cases = cases();
    let mut script = Script::default();
    for (number, case) in cases.iter().enumerate() {
        for commit in &case.commits {
            script.commit(&number.to_string(), commit);
        }
    }
    let scene = Scene::new(&script);
    let ways: [(&[&str], Options); 6] = [
        (&[], Options::default()),
        (
            &["merge.conflictStyle=diff3"],
            Options {
                style: Style::Diff3,
                ..Options::default()
            },
        ),
        (
            &["merge.conflictStyle=zdiff3"],
            Options {
                style: Style::Zdiff3,
                ..Options::default()
            },
        ),
        (
            &["-Xours"],
            Options {
                favor: Some(Favor::Ours),
                ..Options::default()
            },
        ),
        (
            &["-Xtheirs"],
            Options {
                favor: Some(Favor::Theirs),
                ..Options::default()
            },
        ),
        (
            &["merge.directoryRenames=true"],
            Options {
                directory_renames: DirectoryRenames::Apply,
                ..Options::default()
            },
        ),
    ];
    let (mut found, mut compared) = (Vec::new(), 0);
    for (number, case) in cases.iter().enumerate() {
        for (settings, options) in &ways {
            let settings = [settings, &["--allow-unrelated-histories"][..]].concat();
            for (ours, theirs) in [("ours", "theirs"), ("theirs", "ours")] {
                let (ours, theirs) = (format!("{number}/{ours}"), format!("{number}/{theirs}"));
                let Some(git) = scene.by_git(&settings, None, &ours, &theirs) else {
                    found.push(format!("{}, {settings:?}, {ours}: git crashed", case.title));
                    continue;
                };
                let gitside = scene.by_gitside(options, None, &ours, &theirs);
                compared += 1;
                if git != gitside {
                    let tree = shown(scene.git.path(), &git.tree);
                    found.push(format!(
                        "{}, {settings:?}, {ours}\ngit {git:#?}\n{tree}gitside {gitside:#?}",
                        case.title
                    ));
                }
            }
        }
    }
    let first: Vec<&String> = found.iter().take(8).collect();
    let titles: Vec<&str> = found.iter().filter_map(|told| told.lines().next()).collect();
    assert!(
        found.is_empty(),
        "{} of {compared} differ:\n{}\n\n{}",
        found.len(),
        titles.join("\n"),
        first.iter().map(|told| told.as_str()).collect::<Vec<_>>().join("\n\n")
    );
}

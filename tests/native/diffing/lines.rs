//! Hunks, as git prints them.

use std::collections::BTreeMap;

use gitside::algo::line_diff::{Algorithm, Whitespace};
use gitside::ops::diff_blobs::{FileDiff, HunkLines, LineKind, Options, compare};

use crate::pack_oracle::{Random, git};
use crate::stream::{Files, import};
use crate::texts::{edited, text};

const PAIRS: usize = 2500;

/// The hunks of each file that git shows, functions' names left out.
fn of_git(repo: &std::path::Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let arguments = [&["diff", "--no-renames", "--no-color"], arguments, &["main~", "main"]].concat();
    let patch = git(repo, &arguments, b"").unwrap();
    let patch = String::from_utf8(patch).unwrap();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut hunks = None;
    for line in patch.split_inclusive('\n') {
        if let Some(names) = line.strip_prefix("diff --git a/") {
            hunks = None;
            files.insert(names.split(' ').next().unwrap().to_owned(), String::new());
        } else if let Some(places) = line.strip_prefix("@@ ") {
            let hunk = files.last_entry().unwrap().into_mut();
            *hunk += &format!("@@ {} @@\n", places.split(" @@").next().unwrap());
            hunks = Some(());
        } else if hunks.is_some() {
            *files.last_entry().unwrap().into_mut() += line;
        } else if line.starts_with("Binary files") {
            *files.last_entry().unwrap().into_mut() += "binary\n";
        }
    }
    files
}

fn shown(diff: &FileDiff) -> String {
    if diff.binary {
        return "binary\n".to_owned();
    }
    diff.hunks.iter().map(shown_hunk).collect()
}

fn shown_hunk(hunk: &HunkLines) -> String {
    let range = |range: &std::ops::Range<u32>| match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        len => format!("{},{len}", range.start + 1),
    };
    let mut text = format!("@@ -{} +{} @@\n", range(&hunk.at.old), range(&hunk.at.new));
    for line in &hunk.lines {
        text.push(match line.kind {
            LineKind::Common => ' ',
            LineKind::Removed => '-',
            LineKind::Added => '+',
        });
        text += &String::from_utf8(line.text.clone()).unwrap();
        text += if line.ends {
            "\n"
        } else {
            "\n\\ No newline at end of file\n"
        };
    }
    text
}

/// Pairs of texts by the name of their file.
fn pairs(seed: u64) -> BTreeMap<String, (Vec<u8>, Vec<u8>)> {
    let mut random = Random(seed);
    let mut pair = |number| {
        let old = text(&mut random);
        let new = match random.below(30) {
            0 => text(&mut random),
            1 => [&b"\0binary\n"[..], &old].concat(),
            _ => edited(&mut random, &old),
        };
        (format!("f{number:05}"), (old, new))
    };
    (0..PAIRS).map(&mut pair).collect()
}

#[test]
fn hunks_are_git_s_to_the_last_line() {
    let pairs = pairs(0x5eed_d1ff);
    let side = |new: bool| -> Files {
        let content = |pair: &(Vec<u8>, Vec<u8>)| if new { pair.1.clone() } else { pair.0.clone() };
        pairs
            .iter()
            .map(|(name, pair)| (name.clone(), ("100644", content(pair))))
            .collect()
    };
    let scratch = import("diff-lines", &[side(false), side(true)]);
    let plain = Options::default();
    let ignoring = |whitespace| Options { whitespace, ..plain };
    let none = Whitespace::default();
    let cases: [(&[&str], Options); 9] = [
        (&[], plain),
        (&["-U0"], Options { context: 0, ..plain }),
        (&["-U1"], Options { context: 1, ..plain }),
        (&["-U25"], Options { context: 25, ..plain }),
        (
            &["--histogram"],
            Options {
                algorithm: Algorithm::Histogram,
                ..plain
            },
        ),
        (&["-w"], ignoring(Whitespace { all: true, ..none })),
        (&["-b"], ignoring(Whitespace { change: true, ..none })),
        (
            &["--ignore-space-at-eol"],
            ignoring(Whitespace { at_eol: true, ..none }),
        ),
        (
            &["--ignore-cr-at-eol"],
            ignoring(Whitespace {
                cr_at_eol: true,
                ..none
            }),
        ),
    ];
    for (arguments, options) in cases {
        let expected = of_git(scratch.path(), arguments);
        assert!(
            expected.len() > PAIRS / 2,
            "{arguments:?}: git shows {} files",
            expected.len()
        );
        for (name, (old, new)) in &pairs {
            let ours = shown(&compare(old, new, &options));
            let gits = expected.get(name).cloned().unwrap_or_default();
            assert_eq!(ours, gits, "{arguments:?} {name}");
        }
    }
}

//! Random three-way merges of files, beside `git merge-file`.

use std::fs;

use gitside::algo::merge::file::{Favor, Labels, Options, Outcome, Style, merge};
use gitside_server::repos::{Random, git};

/// Lines of a small alphabet, so that many are equal. Each has a letter: `git merge-file` joins
/// conflicts over lines without one, which merges of branches do not.
fn lines(random: &mut Random, count: usize) -> Vec<String> {
    (0..count).map(|_| format!("line {}\n", random.below(30))).collect()
}

fn changed(random: &mut Random, base: &[String]) -> Vec<String> {
    let mut file = base.to_vec();
    for _ in 0..random.below(6) {
        let at = random.below(file.len() + 1);
        match random.below(4) {
            0 => {
                let count = 1 + random.below(4);
                let new = lines(random, count);
                file.splice(at..at, new);
            }
            1 => drop(file.drain(at..(at + random.below(4)).min(file.len()))),
            2 if at < file.len() => file[at] = format!("other {}\n", random.below(4)),
            _ => {
                let to = (at + random.below(8)).min(file.len());
                let moved: Vec<String> = file.drain(at..to).collect();
                let at = random.below(file.len() + 1);
                file.splice(at..at, moved);
            }
        }
    }
    file
}

/// Some files have Windows' line ends, some lack the last one.
fn written(random: &mut Random, lines: &[String]) -> String {
    let mut text = lines.concat();
    if random.once_in(8) {
        text = text.replace('\n', "\r\n");
    }
    if random.once_in(6) {
        text = text.trim_end().to_owned();
    }
    text
}

#[test]
fn files_are_merged_as_git_merges_them() {
    let folder = tempfile::tempdir().unwrap();
    let ways: [(&str, Style, Option<Favor>); 6] = [
        ("-q", Style::Merge, None),
        ("--diff3", Style::Diff3, None),
        ("--zdiff3", Style::Zdiff3, None),
        ("--ours", Style::Merge, Some(Favor::Ours)),
        ("--theirs", Style::Merge, Some(Favor::Theirs)),
        ("--union", Style::Merge, Some(Favor::Union)),
    ];
    let (mut conflicts, mut clean) = (0, 0);
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let count = random.below(40);
        let base = lines(&mut random, count);
        let (ours, theirs) = (changed(&mut random, &base), changed(&mut random, &base));
        let files = [&base, &ours, &theirs].map(|file| written(&mut random, file));
        for (name, file) in ["base", "ours", "theirs"].iter().zip(&files) {
            fs::write(folder.path().join(name), file).unwrap();
        }
        let (flag, style, favor) = ways[random.below(ways.len())];
        let mut command = git();
        command.current_dir(folder.path());
        command.args([
            "merge-file",
            "-p",
            "--diff-algorithm=histogram",
            flag,
            "ours",
            "base",
            "theirs",
        ]);
        let output = command.output().unwrap();
        let labels = Labels {
            ours: b"ours".to_vec(),
            base: b"base".to_vec(),
            theirs: b"theirs".to_vec(),
        };
        let options = Options {
            style,
            favor,
            ..Options::default()
        };
        let [base, ours, theirs] = files.each_ref().map(|file| file.as_bytes());
        let merged = merge(base, ours, theirs, &labels, &options);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            text(&merged.content),
            text(&output.stdout),
            "seed {seed}, {flag}: {files:#?}"
        );
        let count = match merged.result {
            Outcome::Clean => 0,
            Outcome::Conflicts(count) => count,
            Outcome::Binary => panic!("seed {seed}: text"),
        };
        assert_eq!(
            Some(count),
            output.status.code().and_then(|code| usize::try_from(code).ok()),
            "seed {seed}"
        );
        match count {
            0 => clean += 1,
            _ => conflicts += 1,
        }
    }
    assert!(
        conflicts > 150 && clean > 150,
        "{conflicts} with conflicts, {clean} without"
    );
}

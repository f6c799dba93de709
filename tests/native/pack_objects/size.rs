//! Packs are about as small as git's.

use gitside::format::oid::ObjectId;
use gitside::ops::pack_objects::Wish;
use gitside_server::repos::{Random, Repo, generate};

use crate::pack_oracle::Scratch;
use crate::world::{LAYOUTS, Layout, Server, commits, git_pack, load, tips};

#[test]
fn the_packs_of_fifty_pushes_are_at_most_three_tenths_larger_than_those_of_git() {
    for seed in 100..125 {
        let scratch = Scratch::new("pack-size");
        let git = generate(&scratch.path().join("git"), seed, 30).unwrap();
        let mut random = Random::new(seed);
        let (all, commits) = (tips(&git), commits(&git));
        for round in 0..2 {
            let have = match random.once_in(5) {
                true => Vec::new(),
                false => vec![commits[random.below(commits.len())]],
            };
            let want: Vec<ObjectId> = (0..1 + random.below(3)).map(|_| all[random.below(all.len())]).collect();
            let layout = LAYOUTS[random.below(3)];
            let ours = load(&git, layout, &all, &have).pack(&Wish::new(&want, &have));
            let theirs = git_pack(&git, &want, &have, &["--thin"]);
            let (ours, theirs) = (ours.len(), theirs.len());
            assert!(
                ours <= theirs * 13 / 10,
                "seed {seed}, round {round}, {layout:?}: {ours} bytes, git {theirs}"
            );
        }
    }
}

/// A file of 1 MB in a directory, edited line by line, and pushed before the last edit.
fn edited(scratch: &Scratch) -> (Repo, ObjectId, ObjectId) {
    let git = Repo::init(scratch.path().join("git"), "main").unwrap();
    let mut random = Random::new(5);
    let mut lines: Vec<String> = (0..20_000)
        .map(|line| format!("{line:05} {:016x} {:016x} words\n", random.any(), random.any()))
        .collect();
    let mut stream = String::new();
    for edit in 0..4 {
        lines[edit * 4321] = format!("edit {edit}\n");
        let content = lines.concat();
        stream += &format!(
            "commit refs/heads/main\ncommitter A <a@b.c> {} +0000\ndata 2\ne\n",
            1_700_000_000 + edit
        );
        stream += &format!("M 644 inline a/b/large.txt\ndata {}\n{content}\n", content.len());
    }
    git.git_with(["fast-import", "--quiet"], stream.as_bytes()).unwrap();
    let oid = |rev: &str| git.git_line(["rev-parse", rev]).unwrap().parse().unwrap();
    let (old, new) = (oid("main~1"), oid("main"));
    (git, old, new)
}

#[test]
fn a_line_changed_in_a_file_of_a_megabyte_is_sent_in_less_than_two_kilobytes() {
    let scratch = Scratch::new("pack-line");
    let (git, old, new) = edited(&scratch);
    let want = [new];
    for layout in LAYOUTS {
        let world = load(&git, layout, &[new], &[old]);
        let pack = world.pack(&Wish::new(&[new], &[old]));
        assert!(pack.len() < 1000, "{layout:?}: {} bytes", pack.len());
        Server::new("pack-line-server", &git, &[old]).take(&pack, true, &[new]);
        // Without what the server has for a base, the first of several versions is sent whole.
        let wish = Wish {
            thin: false,
            ..Wish::new(&want, &[])
        };
        let all = world.pack(&wish);
        let git_all = git_pack(&git, &[new], &[], &[]);
        assert!(
            all.len() <= git_all.len() * 11 / 10,
            "{layout:?}: {} and {}",
            all.len(),
            git_all.len()
        );
    }
}

#[test]
fn a_level_of_compression_counts_for_what_is_not_compressed_yet() {
    let scratch = Scratch::new("pack-level");
    let (git, _, new) = edited(&scratch);
    let want = [new];
    let world = load(&git, Layout::Rows, &[new], &[]);
    let size = |level| {
        let wish = Wish {
            level: Some(level),
            ..Wish::new(&want, &[])
        };
        let pack = world.pack(&wish);
        Server::new("pack-level-server", &git, &[]).take(&pack, false, &[new]);
        pack.len()
    };
    let (stored, fast, best) = (size(0), size(1), size(9));
    assert!(stored > 900_000, "{stored}");
    assert!(
        fast < stored * 3 / 4 && best < stored * 3 / 4 && fast != best,
        "{fast}, {best}"
    );
}

#[test]
fn versions_of_a_file_that_does_not_compress_are_deltas_of_each_other_all_the_same() {
    let scratch = Scratch::new("pack-random");
    let git = Repo::init(scratch.path().join("git"), "main").unwrap();
    let mut random = Random::new(8);
    let mut bytes: Vec<u8> = (0..60_000).map(|_| random.any().to_le_bytes()[0]).collect();
    let mut stream = Vec::new();
    for version in 0..10 {
        bytes[version * 5000] ^= 1;
        let head = format!(
            "commit refs/heads/main\ncommitter A <a@b.c> {} +0000\ndata 2\ne\n",
            1_700_000_000 + version
        );
        stream.extend(format!("{head}M 644 inline image\ndata {}\n", bytes.len()).into_bytes());
        stream.extend_from_slice(&bytes);
        // And one that has no other version.
        stream.extend(format!("\nM 644 inline other{version}\ndata 300\n").into_bytes());
        stream.extend((0..300).map(|_| random.any().to_le_bytes()[0]));
        stream.push(b'\n');
    }
    git.git_with(["fast-import", "--quiet"], &stream).unwrap();
    let want = [git.git_line(["rev-parse", "main"]).unwrap().parse().unwrap()];
    for layout in LAYOUTS {
        let pack = load(&git, layout, &want, &[]).pack(&Wish::new(&want, &[]));
        assert!(pack.len() < 70_000, "{layout:?}: {}", pack.len());
        Server::new("pack-random-server", &git, &[]).take(&pack, false, &want);
    }
}

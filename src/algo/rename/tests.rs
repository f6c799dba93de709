#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::format::hash::hash_object;
use crate::format::object::Kind;

type Content<'a> = (&'a str, &'a str);

fn file((path, content): Content<'_>) -> File {
    File {
        path: path.as_bytes().to_vec(),
        kind: EntryKind::Blob,
        oid: hash_object(Kind::Blob, content.as_bytes()).expect("no collision"),
    }
}

fn deleted(content: Content<'_>) -> Source {
    Source {
        file: file(content),
        fate: Fate::Deleted,
    }
}

/// Runs the search; answers with what it found and with the contents it asked for.
fn search(old: &[Content<'_>], new: &[Content<'_>], options: Options) -> (Found, Vec<String>) {
    let sources = old.iter().copied().map(deleted).collect();
    let targets = new.iter().copied().map(file).collect();
    let mut renames = Renames::new(sources, targets, options);
    let mut asked = Vec::new();
    loop {
        match renames.step() {
            Step::Need(oids) => {
                for oid in oids {
                    let of = |content: &&Content<'_>| file(**content).oid == oid;
                    let content = old.iter().chain(new).find(of).expect("a file of ours").1;
                    renames.give(oid, content.as_bytes());
                    asked.push(content.to_owned());
                }
            }
            Step::Busy => {}
            Step::Done => return (renames.finish(), asked),
        }
    }
}

/// Pairs as indexes of the old and of the new file.
fn pairs(found: &Found) -> Vec<(usize, usize)> {
    found.pairs.iter().map(|pair| (pair.source, pair.target)).collect()
}

const LONG: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
const NEAR: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nTEN\n";

#[test]
fn no_content_is_asked_for_where_all_files_are_the_same() {
    let (found, asked) = search(
        &[("a", "1\n"), ("b", "2\n")],
        &[("x/b", "2\n"), ("x/c", "1\n")],
        Options::default(),
    );
    assert_eq!(pairs(&found), [(1, 0), (0, 1)]);
    assert_eq!(asked, [""; 0]);
}

#[test]
fn of_the_same_files_the_one_of_the_same_name_is_taken() {
    let old = [("a", LONG), ("d/b", LONG), ("e/b", LONG)];
    let (found, _) = search(&old, &[("n/b", LONG), ("n/c", LONG)], Options::default());
    assert_eq!(pairs(&found), [(1, 0), (0, 1)]);
}

#[test]
fn a_similar_file_of_the_same_name_is_taken_before_a_more_similar_one_of_another() {
    let far = LONG.replace("five", "5").replace("six", "6");
    let old = [("a", NEAR), ("d/b", far.as_str())];
    let (found, _) = search(&old, &[("b", LONG)], Options::default());
    assert_eq!(pairs(&found), [(1, 0)]);
}

#[test]
fn a_source_becomes_one_file_unless_copies_are_asked_for() {
    let new = [("b", LONG), ("c", NEAR)];
    let (found, _) = search(&[("a", LONG)], &new, Options::default());
    assert_eq!(pairs(&found), [(0, 0)]);
    let options = Options {
        copies: true,
        ..Options::default()
    };
    let (found, _) = search(&[("a", LONG)], &new, options);
    assert_eq!(pairs(&found), [(0, 0), (0, 1)]);
}

#[test]
fn more_pairs_than_the_limit_allows_are_not_compared() {
    let other = "other\n".repeat(10);
    let old = [("a", LONG), ("b", other.as_str())];
    let options = Options {
        limit: 1,
        ..Options::default()
    };
    let (found, asked) = search(&old, &[("x", NEAR)], options.clone());
    assert_eq!((pairs(&found), found.needed_limit), (vec![], Some(2)));
    assert_eq!(asked, [""; 0]);
    let (found, _) = search(&old[..1], &[("x", NEAR)], options);
    assert_eq!((pairs(&found), found.needed_limit), (vec![(0, 0)], None));
}

#[test]
fn the_minimum_decides_what_is_similar() {
    for (minimum, expected) in [(MAX_SCORE, 0), (MAX_SCORE / 100 * 95, 0), (MAX_SCORE / 2, 1)] {
        let options = Options {
            minimum,
            ..Options::default()
        };
        let (found, _) = search(&[("a", LONG)], &[("b", NEAR)], options);
        assert_eq!(found.pairs.len(), expected, "{minimum}");
    }
}

#[test]
fn empty_files_are_renamed_only_if_they_may_be() {
    for empty in [true, false] {
        let options = Options {
            empty,
            ..Options::default()
        };
        let (found, _) = search(&[("a", "")], &[("b", "")], options);
        assert_eq!(found.pairs.len(), usize::from(empty));
    }
}

#[test]
fn a_content_that_is_not_to_be_had_is_like_nothing() {
    let sources = vec![deleted(("a", LONG))];
    let mut renames = Renames::new(sources, vec![file(("b", NEAR))], Options::default());
    while let step @ (Step::Need(_) | Step::Busy) = renames.step() {
        if let Step::Need(oids) = step {
            oids.into_iter().for_each(|oid| renames.pass(oid));
        }
    }
    assert_eq!(renames.finish(), Found::default());
}

fn merging(removed: &[(&str, DirectoryUse)], relevant: &[(&str, Relevance)]) -> Options {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Options {
        empty: false,
        merge: Some(MergeHints {
            relevant: relevant.iter().map(|(path, why)| (bytes(path), *why)).collect(),
            removed: removed.iter().map(|(path, why)| (bytes(path), *why)).collect(),
        }),
        ..Options::default()
    }
}

#[test]
fn a_merge_learns_where_folders_went() {
    let old = [("a/b/one", "1\n"), ("a/b/two", "2\n"), ("a/three", "3\n")];
    let new = [("x/b/one", "1\n"), ("x/b/two", "2\n"), ("x/three", "3\n")];
    let removed = [("a", DirectoryUse::Itself), ("a/b", DirectoryUse::Itself)];
    let (found, _) = search(&old, &new, merging(&removed, &[]));
    let count = |from: &str, to: &str| {
        let counts = found.directories.get(from.as_bytes())?;
        counts.get(to.as_bytes()).copied()
    };
    assert_eq!(count("a/b", "x/b"), Some(2));
    assert_eq!(count("a", "x"), Some(3));
    assert_eq!(found.directories.len(), 2);
}

#[test]
fn a_merge_looks_for_a_file_of_a_common_name_where_its_folder_went() {
    let other = LONG.replace('e', "E");
    let old = [("a/Makefile", LONG), ("a/one", "1\n"), ("c/Makefile", other.as_str())];
    let other_near = other.replace("tEn", "TEN");
    let new = [
        ("b/Makefile", NEAR),
        ("b/one", "1\n"),
        ("d/Makefile", other_near.as_str()),
    ];
    let removed = [("a", DirectoryUse::Itself)];
    let options = merging(&removed, &[("a/Makefile", Relevance::Content)]);
    let (found, asked) = search(&old, &new, options);
    assert_eq!(pairs(&found), [(0, 0), (1, 1)]);
    // Only the two, not everything that is left.
    assert_eq!(asked, [LONG, NEAR]);
}

#[test]
fn a_merge_asks_no_more_where_most_files_of_a_folder_went_one_way() {
    let old = [("a/1", "1\n"), ("a/2", "2\n"), ("a/3", LONG)];
    let new = [("b/1", "1\n"), ("b/2", "2\n"), ("b/x", NEAR)];
    let removed = [("a", DirectoryUse::Itself)];
    let (found, asked) = search(&old, &new, merging(&removed, &[("a/3", Relevance::Location)]));
    assert_eq!((pairs(&found), asked), (vec![(0, 0), (1, 1)], vec![]));
    let (found, _) = search(&old, &new, merging(&removed, &[("a/3", Relevance::Content)]));
    assert_eq!(pairs(&found), [(0, 0), (1, 1), (2, 2)]);
}

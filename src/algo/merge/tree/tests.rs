#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeMap;

use super::*;
use crate::format::tree::{self, EntryKind};

/// Objects in memory.
#[derive(Default)]
struct World {
    objects: HashMap<ObjectId, Rc<Vec<u8>>>,
}

impl World {
    fn put(&mut self, kind: Kind, content: &[u8]) -> ObjectId {
        let oid = hash_object(kind, content).unwrap();
        self.objects.insert(oid, Rc::new(content.to_vec()));
        oid
    }

    /// A tree of files, `path` and content.
    fn tree(&mut self, files: &[(&str, &str)]) -> ObjectId {
        let mut names: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (path, content) in files {
            let (name, rest) = path.split_once('/').unwrap_or((path, ""));
            names.entry(name).or_default().push((rest, content));
        }
        let mut entries = Vec::new();
        for (name, inside) in names {
            let entry = match inside.as_slice() {
                [("", content)] => (EntryKind::Blob, self.put(Kind::Blob, content.as_bytes())),
                _ => (EntryKind::Tree, self.tree(&inside)),
            };
            entries.push((entry.0, name.as_bytes(), entry.1));
        }
        self.put(Kind::Tree, &tree::write_tree(&entries).unwrap())
    }

    fn merge(&mut self, [base, ours, theirs]: [ObjectId; 3]) -> Result<Merged, Error> {
        let labels = Labels {
            ours: b"ours".to_vec(),
            base: b"base".to_vec(),
            theirs: b"theirs".to_vec(),
        };
        let mut merge = TreeMerge::new(Some(base), ours, theirs, labels, Options::default(), 0);
        loop {
            let step = merge.step()?;
            for made in merge.made() {
                assert_eq!(hash_object(made.kind, &made.content), Ok(made.oid));
                self.objects.insert(made.oid, Rc::new(made.content));
            }
            match step {
                Step::Trees(oids) | Step::Blobs(oids) => {
                    for oid in oids {
                        merge.provide(oid, self.objects[&oid].clone())?;
                    }
                }
                Step::Soon(oids) => assert!(oids.iter().all(|oid| self.objects.contains_key(oid))),
                Step::Busy => {}
                Step::Done(merged) => {
                    assert_eq!(merge.step(), Err(Error::Finished));
                    return Ok(merged);
                }
            }
        }
    }

    fn merge_files(&mut self, trees: [&[(&str, &str)]; 3]) -> Merged {
        let trees = trees.map(|files| self.tree(files));
        self.merge(trees).unwrap()
    }
}

fn texts(merged: &Merged) -> Vec<String> {
    let text = |message: &Message| String::from_utf8(message.text.clone()).unwrap();
    merged.messages.iter().map(text).collect()
}

const LONG: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

#[test]
fn files_of_both_sides_are_brought_together() {
    let mut world = World::default();
    let changed = LONG.replace('1', "one");
    let other = LONG.replace('9', "nine");
    let merged = world.merge_files([
        &[("a/f", LONG), ("g", "g\n")],
        &[("a/f", &changed), ("g", "g\n"), ("b/new", "b\n")],
        &[("a/f", &other)],
    ]);
    let both = changed.replace('9', "nine");
    assert_eq!(merged.tree, world.tree(&[("a/f", &both), ("b/new", "b\n")]));
    assert!(merged.is_clean && merged.conflicts.is_empty());
    assert_eq!(texts(&merged), ["Auto-merging a/f"]);
}

#[test]
fn a_change_follows_a_renamed_file_and_a_new_file_its_directory() {
    let mut world = World::default();
    let changed = LONG.replace('5', "five");
    let merged = world.merge_files([
        &[("d/f", LONG), ("d/g", "g\n")],
        &[("e/f", LONG), ("e/g", "g\n")],
        &[("d/f", &changed), ("d/g", "g\n"), ("d/n", "n\n")],
    ]);
    assert_eq!(
        merged.tree,
        world.tree(&[("e/f", &changed), ("e/g", "g\n"), ("e/n", "n\n")])
    );
    assert!(!merged.is_clean);
    let paths: Vec<&[u8]> = merged.conflicts.iter().map(|conflict| &*conflict.path).collect();
    assert_eq!(paths, [b"e/n"]);
    assert_eq!(
        merged.messages.iter().map(|message| message.topic).collect::<Vec<_>>(),
        [Topic::DirectoryRenameSuggested]
    );
}

#[test]
fn a_conflict_has_its_stages_and_its_markers() {
    let mut world = World::default();
    let merged = world.merge_files([&[("f", "1\n")], &[("f", "2\n")], &[("f", "3\n")]]);
    let text = "<<<<<<< ours\n2\n=======\n3\n>>>>>>> theirs\n";
    assert_eq!(merged.tree, world.tree(&[("f", text)]));
    let mut blob = |content: &str| world.put(Kind::Blob, content.as_bytes());
    let stages = ["1\n", "2\n", "3\n"].map(|content| {
        Some(Version {
            kind: EntryKind::Blob,
            oid: blob(content),
        })
    });
    let expected = Conflict {
        path: b"f"[..].into(),
        stages,
    };
    assert_eq!(merged.conflicts, [expected]);
    assert_eq!(
        texts(&merged),
        ["Auto-merging f", "CONFLICT (content): Merge conflict in f"]
    );
}

#[test]
fn directories_that_one_side_left_alone_are_not_read() {
    let mut world = World::default();
    let base = world.tree(&[("same/f", "f\n"), ("ours/f", "f\n"), ("theirs/f", "f\n")]);
    let ours = world.tree(&[("same/f", "f\n"), ("ours/f", "2\n"), ("theirs/f", "f\n")]);
    let theirs = world.tree(&[("same/f", "f\n"), ("ours/f", "f\n"), ("theirs/f", "3\n")]);
    let expected = world.tree(&[("same/f", "f\n"), ("ours/f", "2\n"), ("theirs/f", "3\n")]);
    for files in [[("f", "f\n")], [("f", "2\n")], [("f", "3\n")]] {
        let tree = world.tree(&files);
        world.objects.remove(&tree);
    }
    assert_eq!(world.merge([base, ours, theirs]).unwrap().tree, expected);
}

#[test]
fn trees_that_are_none_and_names_that_none_may_have_are_refused() {
    let mut world = World::default();
    let empty = world.tree(&[]);
    let broken = world.put(Kind::Tree, b"100644 a");
    let error = TreeError::Truncated { at: 0 };
    assert_eq!(
        world.merge([empty, broken, empty]),
        Err(Error::BadTree { oid: broken, error })
    );
    let mut raw = b"100644 ..\0".to_vec();
    raw.extend_from_slice(&[7; 20]);
    let odd = world.put(Kind::Tree, &raw);
    assert_eq!(
        world.merge([empty, odd, empty]),
        Err(Error::Unwritable(TreeError::UnwritableName))
    );
}

#[test]
fn a_tree_as_deep_as_git_allows_is_merged_and_a_deeper_one_refused() {
    let mut world = World::default();
    let empty = world.tree(&[]);
    let mut deep = world.tree(&[("f", "f\n")]);
    let mut at_limit = deep;
    for depth in 1..=MAX_DEPTH + 1 {
        let content = tree::write_tree(&[(EntryKind::Tree, b"d", deep)]).unwrap();
        deep = world.put(Kind::Tree, &content);
        if depth == MAX_DEPTH {
            at_limit = deep;
        }
    }
    // Both sides have it, so that it is read: nothing tells that no rename matters.
    let mut other = world.tree(&[("f", "g\n")]);
    for _ in 0..MAX_DEPTH {
        let content = tree::write_tree(&[(EntryKind::Tree, b"d", other)]).unwrap();
        other = world.put(Kind::Tree, &content);
    }
    assert!(world.merge([empty, at_limit, other]).is_ok());
    let content = tree::write_tree(&[(EntryKind::Tree, b"d", other)]).unwrap();
    let other = world.put(Kind::Tree, &content);
    assert_eq!(world.merge([empty, deep, other]), Err(Error::TooDeep));
}

#[test]
fn git_walks_names_by_their_hashes() {
    // As `test-tool hashmap` walks them: by FNV-1, the last one of a chain first.
    let names = ["a", "b", "c", "src", "lib"];
    let order = git_order::git_order(names.iter().map(|name| name.as_bytes()));
    let bucket = |name: &str| {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            hash.wrapping_mul(0x0100_0193) ^ u32::from(byte)
        });
        hash % 64
    };
    let buckets: Vec<u32> = order.iter().map(|place| bucket(names[*place])).collect();
    assert!(buckets.is_sorted(), "{buckets:?}");
    let many: Vec<String> = (0..1000).map(|number| format!("d{number}")).collect();
    let mut order = git_order::git_order(many.iter().map(|name| name.as_bytes()));
    order.sort_unstable();
    assert!(order.into_iter().eq(0..1000));
}

//! The files that a commit has, as the sessions choose among them.

use std::collections::{BTreeMap, BTreeSet};

use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside_server::repos::Random;

/// Files by path; directories are what is in front of slashes.
#[derive(Clone, Default)]
pub struct Model {
    pub files: BTreeMap<Vec<u8>, (EntryKind, ObjectId)>,
}

/// Names that sort around each other, and some that are not UTF-8.
const NAMES: [&[u8]; 16] = [
    b"a",
    b"a-b",
    b"a.c",
    b"a0",
    b"b",
    b"B",
    b"dir",
    b"dir.txt",
    b"dir0",
    b"src",
    b"x y",
    b"\xc3\xa9",
    b"\xff\xfe",
    b"\"quote\\",
    b"tab\there",
    b"z",
];

impl Model {
    /// Whether a file can be written there without anything in its way.
    pub fn is_free(&self, path: &[u8]) -> bool {
        let below = [path, b"/"].concat();
        let blocked = self.files.keys().any(|file| {
            let above = [file.as_slice(), b"/"].concat();
            file.starts_with(&below) || path.starts_with(&above)
        });
        !blocked && !self.files.contains_key(path)
    }

    pub fn directories(&self) -> Vec<Vec<u8>> {
        let mut found = BTreeSet::new();
        for path in self.files.keys() {
            let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            found.extend(slashes.map(|(at, _)| path[..at].to_vec()));
        }
        found.into_iter().collect()
    }

    pub fn free_path(&self, random: &mut Random) -> Vec<u8> {
        loop {
            let mut names = Vec::new();
            for _ in 0..=random.below(3) {
                names.push(NAMES[random.below(NAMES.len())].to_vec());
            }
            if random.once_in(6) {
                names.push(format!("f{}", random.below(10_000)).into_bytes());
            }
            let path = names.join(&b'/');
            if self.is_free(&path) {
                return path;
            }
        }
    }

    pub fn some_file(&self, random: &mut Random) -> Option<Vec<u8>> {
        let at = random.below(self.files.len().max(1));
        self.files.keys().nth(at).cloned()
    }

    pub fn some_directory(&self, random: &mut Random) -> Option<Vec<u8>> {
        let directories = self.directories();
        directories.get(random.below(directories.len().max(1))).cloned()
    }

    /// Takes away a file, or everything in a directory; answers with what it was, by what follows the
    /// path.
    pub fn take(&mut self, path: &[u8]) -> Vec<(Vec<u8>, (EntryKind, ObjectId))> {
        let below = [path, b"/"].concat();
        let gone: Vec<Vec<u8>> = self
            .files
            .keys()
            .filter(|file| *file == path || file.starts_with(&below))
            .cloned()
            .collect();
        let entry = |file: Vec<u8>| (file[path.len()..].to_vec(), self.files.remove(&file).unwrap());
        gone.into_iter().map(entry).collect()
    }

    pub fn put(&mut self, path: &[u8], entries: Vec<(Vec<u8>, (EntryKind, ObjectId))>) {
        for (rest, entry) in entries {
            self.files.insert([path, &rest].concat(), entry);
        }
    }
}

//! Trees of random entries, written here and by `git mktree`: the same ids, and the same are refused
//! by `git mktree` or, of what that takes, by the checks of `git hash-object` (fsck's).

use std::collections::BTreeSet;
use std::collections::btree_map::{self, BTreeMap};

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside::ops::write::{self, Entry};
use gitside::ops::{Repository, init};
use gitside::task::Task;
use gitside_server::repos::{Random, Repo};

use crate::support::{block_on, host};

const TREES: usize = 250;
const NESTED: usize = 40;

const KINDS: [EntryKind; 5] = [
    EntryKind::Blob,
    EntryKind::Executable,
    EntryKind::Symlink,
    EntryKind::Tree,
    EntryKind::Gitlink,
];

/// Names whose order depends on what they name, and bytes of all sorts.
const NAMES: [&[u8]; 14] = [
    b"a",
    b"a-b",
    b"a.b",
    b"a0",
    b"ab",
    b"A",
    b"a\x01",
    b"\xff",
    b"\xc3\xa9",
    b"line\nfeed",
    b"tab\tquote\"",
    b" ",
    b"...",
    b".gitmodules",
];

/// Names that no tree may have, or no link.
const ODD: [&[u8]; 9] = [
    b"",
    b".",
    b"..",
    b".git",
    b".GIT",
    b"git~1",
    b".git ",
    b"x\\.git",
    b".gitmodules",
];

/// The same objects in a repository of git's and in one of ours.
struct Pair {
    _folder: tempfile::TempDir,
    git: Repo,
    repo: Repository,
    task: Task,
    blobs: Vec<ObjectId>,
    trees: Vec<ObjectId>,
}

/// A name, what it is, and the object.
type Named = (Vec<u8>, EntryKind, ObjectId);

impl Pair {
    async fn new() -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let git = Repo::init(folder.path(), "main").unwrap();
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let repo = init::init(&host, &task, "mktree", "main").await.unwrap();
        let (mut blobs, mut trees) = (Vec::new(), Vec::new());
        for content in ["", "x", "y\n"] {
            git.git_with(["hash-object", "-w", "--stdin"], content.as_bytes())
                .unwrap();
            blobs.push(write::blob(&task, &repo, content.into()).await.unwrap());
        }
        let mut pair = Pair {
            _folder: folder,
            git,
            repo,
            task,
            blobs,
            trees: Vec::new(),
        };
        for blob in pair.blobs.clone() {
            let entries = [(b"f".to_vec(), EntryKind::Blob, blob)];
            let (ours, theirs) = (pair.gitside_writes(&entries).await, pair.git_writes(&entries));
            assert_eq!(ours, theirs.ok());
            trees.extend(ours);
        }
        pair.trees = trees;
        pair
    }

    async fn gitside_writes(&self, entries: &[Named]) -> Option<ObjectId> {
        let entries = entries.iter().cloned();
        let entries = entries.map(|(path, kind, oid)| Entry { path, kind, oid }).collect();
        write::tree(&self.task, &self.repo, entries).await.ok()
    }

    /// The tree, if it is one that git's checks let pass.
    fn git_writes(&self, entries: &[Named]) -> Result<ObjectId, String> {
        let mut input = Vec::new();
        for (name, kind, oid) in entries {
            let of = match kind {
                EntryKind::Tree => Kind::Tree,
                EntryKind::Gitlink => Kind::Commit,
                _ => Kind::Blob,
            };
            input.extend(format!("{} {of} {oid}\t", kind.mode()).into_bytes());
            input.extend_from_slice(name);
            input.push(0);
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        let told = |error: std::io::Error| error.to_string();
        let oid = text(self.git.git_with(["mktree", "-z"], &input).map_err(told)?);
        let content = self.git.git(["cat-file", "tree", oid.as_str()]).map_err(told)?;
        let checked = self.git.git_with(["hash-object", "-t", "tree", "--stdin"], &content);
        assert_eq!(text(checked.map_err(told)?), oid);
        Ok(oid.parse().unwrap())
    }

    /// An object of that kind, and now and then of another one, or none.
    fn object(&self, random: &mut Random, kind: EntryKind) -> ObjectId {
        let none = ObjectId::new([random.below(255) as u8 + 1; 20]);
        let of = |random: &mut Random, list: &[ObjectId]| list[random.below(list.len())];
        match (kind, random.below(30)) {
            (_, 0) => none,
            (EntryKind::Gitlink, 1) => ObjectId::NULL,
            (EntryKind::Gitlink, _) => none,
            (EntryKind::Tree, 1) => of(random, &self.blobs),
            (EntryKind::Tree, _) => of(random, &self.trees),
            (_, 1) => of(random, &self.trees),
            (_, _) => of(random, &self.blobs),
        }
    }

    fn entries(&self, random: &mut Random) -> Vec<Named> {
        let count = random.below(9);
        let mut taken = BTreeSet::new();
        let mut entries = Vec::new();
        for _ in 0..count {
            let kind = KINDS[random.below(KINDS.len())];
            let name = match random.once_in(30) {
                true => ODD[random.below(ODD.len())],
                false => NAMES[random.below(NAMES.len())],
            };
            // Two of one name are refused; mostly there are none.
            if taken.insert(name) || random.once_in(20) {
                entries.push((name.to_vec(), kind, self.object(random, kind)));
            }
        }
        entries
    }
}

#[test]
fn random_trees_have_the_ids_that_git_mktree_gives_them() {
    block_on(async {
        let pair = Pair::new().await;
        let mut random = Random::new(0x7ee5);
        let (mut written, mut refused) = (0, 0);
        for number in 0..TREES {
            let entries = pair.entries(&mut random);
            let (ours, theirs) = (pair.gitside_writes(&entries).await, pair.git_writes(&entries));
            assert_eq!(ours, theirs.clone().ok(), "tree {number}: {entries:?} {theirs:?}");
            match ours {
                Some(_) => written += 1,
                None => refused += 1,
            }
        }
        assert!(written > 100 && refused > 50, "{written} written, {refused} refused");
    });
}

/// The tree of what is below `directory`, made by `git mktree` from its leaves on.
fn nested(pair: &Pair, files: &BTreeMap<Vec<Vec<u8>>, (EntryKind, ObjectId)>, directory: &[Vec<u8>]) -> ObjectId {
    let mut entries: BTreeMap<Vec<u8>, Named> = BTreeMap::new();
    for (path, (kind, oid)) in files {
        let Some(rest) = path.strip_prefix(directory) else {
            continue;
        };
        let (name, is_file) = (rest[0].clone(), rest.len() == 1);
        if let btree_map::Entry::Vacant(place) = entries.entry(name.clone()) {
            place.insert(match is_file {
                true => (name, *kind, *oid),
                false => {
                    let below = nested(pair, files, &path[..=directory.len()]);
                    (name, EntryKind::Tree, below)
                }
            });
        }
    }
    pair.git_writes(&entries.into_values().collect::<Vec<_>>()).unwrap()
}

#[test]
fn directories_are_made_as_mktree_makes_them_one_by_one() {
    block_on(async {
        let pair = Pair::new().await;
        let mut random = Random::new(0xd1);
        for number in 0..NESTED {
            let mut files: BTreeMap<Vec<Vec<u8>>, (EntryKind, ObjectId)> = BTreeMap::new();
            for _ in 0..1 + random.below(8) {
                let depth = 1 + random.below(3);
                let path: Vec<Vec<u8>> = (0..depth)
                    .map(|_| NAMES[random.below(NAMES.len() - 1)].to_vec())
                    .collect();
                // No file may be a directory as well.
                if !files
                    .keys()
                    .any(|other| other.starts_with(&path) || path.starts_with(other))
                {
                    let kind = KINDS[random.below(3)];
                    files.insert(path, (kind, pair.blobs[random.below(pair.blobs.len())]));
                }
            }
            let entries: Vec<Named> = files
                .iter()
                .map(|(path, (kind, oid))| (path.join(&b'/'), *kind, *oid))
                .rev()
                .collect();
            let ours = pair.gitside_writes(&entries).await;
            assert_eq!(ours, Some(nested(&pair, &files, &[])), "tree {number}: {files:?}");
        }
    });
}

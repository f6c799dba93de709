//! Objects made here rather than by git: their ids are known at once, and both sides get the same.

use std::collections::BTreeMap;

use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::tree::{EntryKind, write_tree};
use gitside_server::repos::Random;

use crate::pair::Made;

/// The files of a commit: some at the root, some in one folder.
#[derive(Clone, Default)]
pub struct Files {
    root: BTreeMap<String, ObjectId>,
    folder: BTreeMap<String, ObjectId>,
    gitlink: Option<ObjectId>,
}

impl Files {
    pub fn is_empty(&self) -> bool {
        self.root.is_empty() && self.folder.is_empty() && self.gitlink.is_none()
    }
}

/// A commit that others may build on.
#[derive(Clone)]
pub struct Commit {
    pub oid: ObjectId,
    pub parents: Vec<ObjectId>,
    pub files: Files,
}

/// Makes objects; keeps those that were not taken away yet.
pub struct Maker {
    made: Vec<Made>,
    /// Distinguishes what is made from everything else that is.
    salt: String,
    /// Seconds since 1970; every commit is a bit later than the one before.
    pub clock: u64,
    serial: u32,
}

/// When the first commit of a sequence is made, in seconds since 1970.
pub const START: u64 = 1_600_000_000;

impl Maker {
    pub fn new(salt: impl Into<String>) -> Maker {
        Maker {
            made: Vec::new(),
            salt: salt.into(),
            clock: START,
            serial: 0,
        }
    }

    /// What was made since the last call.
    pub fn take(&mut self) -> Vec<Made> {
        std::mem::take(&mut self.made)
    }

    fn make(&mut self, kind: Kind, content: Vec<u8>) -> ObjectId {
        let oid = hash_object(kind, &content).unwrap();
        self.made.push(Made { oid, kind, content });
        oid
    }

    pub fn blob(&mut self, random: &mut Random) -> ObjectId {
        self.serial += 1;
        let (serial, salt) = (self.serial, &self.salt);
        let content = match random.below(8) {
            0 => format!("short {salt} {}\n", random.below(6)).into_bytes(),
            1 => (0..3000).map(|_| random.any().to_le_bytes()[0]).collect(),
            _ => {
                // Variations of one text, so that packs have deltas, and thin ones bases.
                let odd = random.below(80);
                let line = |n| match n == odd {
                    true => format!("line {n} was changed by {salt} {serial}\n"),
                    false => format!("line {n} is what it was\n"),
                };
                (0..80).map(line).collect::<String>().into_bytes()
            }
        };
        self.make(Kind::Blob, content)
    }

    pub fn tree(&mut self, files: &Files) -> ObjectId {
        let entry = |(name, oid): (&String, &ObjectId)| (EntryKind::Blob, name.clone(), *oid);
        let mut entries: Vec<_> = files.root.iter().map(entry).collect();
        if !files.folder.is_empty() {
            let folder: Vec<_> = files.folder.iter().map(entry).collect();
            let folder = self.write(&folder);
            entries.push((EntryKind::Tree, "folder".to_owned(), folder));
        }
        if let Some(oid) = files.gitlink {
            entries.push((EntryKind::Gitlink, "module".to_owned(), oid));
        }
        self.write(&entries)
    }

    fn write(&mut self, entries: &[(EntryKind, String, ObjectId)]) -> ObjectId {
        let entries: Vec<_> = entries
            .iter()
            .map(|(kind, name, oid)| (*kind, name.as_bytes(), *oid))
            .collect();
        self.make(Kind::Tree, write_tree(&entries).unwrap())
    }

    /// A commit that changes a file or two of its first parent's.
    pub fn commit(&mut self, random: &mut Random, parents: &[&Commit]) -> Commit {
        let mut files = parents.first().map(|parent| parent.files.clone()).unwrap_or_default();
        for _ in 0..random.below(3) {
            let blob = self.blob(random);
            let name = format!("file-{}", random.below(5));
            let place = if random.once_in(3) {
                &mut files.folder
            } else {
                &mut files.root
            };
            place.insert(name, blob);
        }
        if random.once_in(15) {
            let mut bytes = [7; 20];
            bytes[..8].copy_from_slice(&random.any().to_be_bytes());
            files.gitlink = Some(ObjectId::new(bytes));
        }
        self.commit_of(random, parents, files)
    }

    /// A commit with those files.
    pub fn commit_of(&mut self, random: &mut Random, parents: &[&Commit], files: Files) -> Commit {
        let tree = self.tree(&files);
        self.serial += 1;
        self.clock += 60 + random.any() % 7200;
        // Some clocks are wrong.
        let date = match random.below(25) {
            0 => self.clock - 500_000,
            1 => self.clock + 500_000,
            _ => self.clock,
        };
        let mut text = format!("tree {tree}\n");
        let parents: Vec<ObjectId> = parents.iter().map(|parent| parent.oid).collect();
        for parent in &parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        for role in ["author", "committer"] {
            text.push_str(&format!("{role} Ada Example <ada@example.org> {date} +0000\n"));
        }
        text.push_str(&format!("\nCommit {} {}\n", self.salt, self.serial));
        Commit {
            oid: self.make(Kind::Commit, text.into_bytes()),
            parents,
            files,
        }
    }

    pub fn tag(&mut self, kind: Kind, target: ObjectId) -> ObjectId {
        self.serial += 1;
        let text = format!(
            "object {target}\ntype {}\ntag t{}\ntagger Ada Example <ada@example.org> {} +0000\n\nTag {}\n",
            kind.name(),
            self.serial,
            self.clock,
            self.salt
        );
        self.make(Kind::Tag, text.into_bytes())
    }
}

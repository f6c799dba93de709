//! A repository that git made, the same in storage here, and servers that have a part of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::parts::{MemoryParts, Parts};
use gitside::ops::Repository;
use gitside::ops::pack_objects::{Packed, Wish, pack_objects};
use gitside::store::catalog::Catalog;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;
use gitside_server::repos::Repo;

use crate::pack_oracle::{How, Scratch, index};
use crate::support::{block_on, host};

/// How objects are stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In one pack, as after a clone of everything.
    OnePack,
    /// What the server has in a pack, as after a clone; the rest a row each, as after commits.
    Rows,
    /// What the server has in a pack, the rest in another, both made by git.
    TwoPacks,
}

pub const LAYOUTS: [Layout; 3] = [Layout::OnePack, Layout::Rows, Layout::TwoPacks];

pub struct World {
    pub repo: Repository,
    pub task: Task,
}

/// Stores what `all` leads to; `have` is what a server has of it.
pub fn load(git: &Repo, layout: Layout, all: &[ObjectId], have: &[ObjectId]) -> World {
    load_with(git, layout, all, have, &[], &[])
}

/// The same, where history is cut off at those commits, and some objects are not stored.
pub fn load_with(
    git: &Repo,
    layout: Layout,
    all: &[ObjectId],
    have: &[ObjectId],
    shallow: &[ObjectId],
    without: &[ObjectId],
) -> World {
    let held = || reached(git, have, &[], without);
    let packs = match layout {
        Layout::OnePack => vec![reached(git, all, &[], without)],
        Layout::Rows => vec![held()],
        Layout::TwoPacks => vec![held(), reached(git, all, have, without)],
    };
    block_on(async {
        let host = host();
        let catalog = Catalog::open(Rc::clone(&host.storage)).await.unwrap();
        let reservation = catalog.reserve("here").await.unwrap();
        let writer = &reservation.writer;
        let mut publication = Publication::new(writer);
        publication.create().shallow(shallow.to_vec());
        for listed in packs.iter().filter(|listed| !listed.is_empty()) {
            let pack = git
                .git_with(
                    ["pack-objects", "--stdout", "-q", "--threads=1", "--delta-base-offset"],
                    listed.as_bytes(),
                )
                .unwrap();
            let how = How {
                links: false,
                ..How::default()
            };
            let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 1 << 20);
            sink.write(&pack).await.unwrap();
            let staged = sink.finish().await.unwrap();
            publication.pack(staged.write_index(&index(&pack, how).unwrap()).await.unwrap());
        }
        if layout == Layout::Rows {
            for (oid, kind, content) in objects(git, &reached(git, all, have, without)) {
                publication.object(oid, kind, &content);
            }
        }
        publication.commit().await.unwrap();
        catalog.confirm(reservation).await.unwrap();
        let repo = Repository::open(&host, "here").await.unwrap();
        let task = Task::new(Rc::clone(&host.clock), |_| {});
        World { repo, task }
    })
}

/// What commits and the like lead to and others do not: an id and a path in each line.
fn reached(git: &Repo, want: &[ObjectId], have: &[ObjectId], without: &[ObjectId]) -> String {
    let mut revisions: Vec<String> = want.iter().map(ToString::to_string).collect();
    revisions.extend(have.iter().map(|oid| format!("^{oid}")));
    let listed = git.git_with(["rev-list", "--objects", "--stdin"], revisions.join("\n").as_bytes());
    let listed = String::from_utf8_lossy(&listed.unwrap()).into_owned();
    let is_left_out = |line: &str| without.iter().any(|oid| line.starts_with(&oid.to_hex()));
    let lines = listed.lines().filter(|line| !is_left_out(line));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The objects of a list, read from git.
fn objects(git: &Repo, listed: &str) -> Vec<(ObjectId, Kind, Vec<u8>)> {
    let ids: String = listed
        .lines()
        .filter_map(|line| Some(format!("{}\n", line.get(..40)?)))
        .collect();
    let all = git.git_with(["cat-file", "--batch"], ids.as_bytes()).unwrap();
    let (mut rest, mut objects) = (all.as_slice(), Vec::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let content = &rest[end + 1..][..size];
        let kind = Kind::from_name(words[1].as_bytes()).unwrap();
        objects.push((words[0].parse().unwrap(), kind, content.to_vec()));
        rest = &rest[end + 1 + size + 1..];
    }
    objects
}

impl World {
    pub fn try_pack(&self, wish: &Wish<'_>) -> gitside::error::Outcome<(Packed, Vec<u8>)> {
        block_on(async {
            let mut parts: Box<dyn Parts> = Box::new(MemoryParts::default());
            let packed = pack_objects(&self.task, &self.repo, wish, &mut *parts).await?;
            let body = parts.finish().unwrap();
            let bytes = body.pieces().unwrap().concat();
            assert_eq!(packed.bytes, bytes.len() as u64);
            assert_eq!(packed.objects, u64::from(count(&bytes)));
            Ok((packed, bytes))
        })
    }

    /// Makes a ref.
    pub fn branch(&self, name: &str, oid: ObjectId) {
        block_on(async {
            let writer = self.repo.writer(&self.task).await.unwrap();
            let mut publication = Publication::new(&writer);
            publication.update(RefUpdate {
                name: name.into(),
                expect: None,
                new: Some(Target::Direct(oid)),
                peeled: None,
            });
            publication.commit().await.unwrap();
        });
    }

    /// The same repository, opened again.
    pub async fn again(&self) -> Repository {
        Repository::open(&self.repo.host, &self.repo.name).await.unwrap()
    }

    pub fn pack(&self, wish: &Wish<'_>) -> Vec<u8> {
        self.try_pack(wish).unwrap().1
    }
}

/// How many objects a pack says it has.
pub fn count(pack: &[u8]) -> u32 {
    u32::from_be_bytes(pack[8..12].try_into().unwrap())
}

/// What `git pack-objects` makes. Without bitmaps, which repositories that people work in have not.
pub fn git_pack(git: &Repo, want: &[ObjectId], have: &[ObjectId], options: &[&str]) -> Vec<u8> {
    let mut revisions: Vec<String> = want.iter().map(ToString::to_string).collect();
    revisions.extend(have.iter().map(|oid| format!("^{oid}")));
    let arguments = [
        &[
            "pack-objects",
            "--revs",
            "--stdout",
            "-q",
            "--threads=1",
            "--no-use-bitmap-index",
            "--delta-base-offset",
        ],
        options,
    ]
    .concat();
    git.git_with(arguments, revisions.join("\n").as_bytes()).unwrap()
}

/// A server that has what `have` leads to.
pub struct Server {
    pub repo: Repo,
    _scratch: Scratch,
}

impl Server {
    pub fn new(name: &str, git: &Repo, have: &[ObjectId]) -> Server {
        let scratch = Scratch::new(name);
        let repo = Repo::init(scratch.path(), "main").unwrap();
        let pack = git_pack(git, have, &[], &[]);
        if count(&pack) > 0 {
            repo.git_with(["index-pack", "--stdin"], &pack).unwrap();
        }
        Server {
            repo,
            _scratch: scratch,
        }
    }

    fn ids(&self) -> BTreeSet<String> {
        let format = [
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname)",
            "--unordered",
        ];
        let listed = self.repo.git(format).unwrap();
        String::from_utf8(listed).unwrap().lines().map(str::to_owned).collect()
    }

    /// Takes a pack, as receive-pack does: answers with the objects that are new, and how many the
    /// pack has. Where something comes back that was gone from all tips, git sends it again, though
    /// it is in an older commit.
    pub fn take(&self, pack: &[u8], thin: bool, want: &[ObjectId]) -> (BTreeSet<String>, u32) {
        let before = self.ids();
        if count(pack) > 0 {
            let options = ["index-pack", "--stdin", "--strict", "--fix-thin"];
            self.repo.git_with(&options[..if thin { 4 } else { 3 }], pack).unwrap();
        }
        let revisions: Vec<String> = want.iter().map(ToString::to_string).collect();
        self.repo
            .git_with(
                ["rev-list", "--objects", "--quiet", "--stdin"],
                revisions.join("\n").as_bytes(),
            )
            .unwrap();
        (self.ids().difference(&before).cloned().collect(), count(pack))
    }
}

/// The ids that refs of a repository have.
pub fn tips(git: &Repo) -> Vec<ObjectId> {
    let listed = git.git(["for-each-ref", "--format=%(objectname)"]).unwrap();
    let ids: BTreeSet<ObjectId> = String::from_utf8(listed)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    ids.into_iter().collect()
}

/// All commits that refs lead to.
pub fn commits(git: &Repo) -> Vec<ObjectId> {
    let listed = git.git(["rev-list", "--all"]).unwrap();
    let listed = String::from_utf8(listed).unwrap();
    listed.lines().map(|line| line.parse().unwrap()).collect()
}

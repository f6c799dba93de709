//! Objects that git made, scattered over packs and rows.

use std::collections::BTreeSet;
use std::path::Path;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::store::publish::RefUpdate;
use gitside::store::refs::Target;
use gitside_server::repos::Repo;

use crate::pack_oracle::Random;
use crate::world::{From, World};

/// Objects, from git.
pub fn loose(git: &Repo, oids: &[ObjectId]) -> Vec<Loose> {
    let list: String = oids.iter().map(|oid| format!("{oid}\n")).collect();
    let listed = git.git_with(["cat-file", "--batch"], list.as_bytes()).unwrap();
    let (mut rest, mut objects) = (listed.as_slice(), Vec::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let [oid, kind, size] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{head}")
        };
        let (content, more) = rest[end + 1..].split_at(size.parse().unwrap());
        let kind = Kind::from_name(kind.as_bytes()).unwrap();
        objects.push((oid.parse().unwrap(), kind, content.to_vec()));
        rest = &more[1..];
    }
    assert_eq!(objects.len(), oids.len());
    objects
}

/// Every object that git has.
pub fn all(git: &Repo) -> BTreeSet<ObjectId> {
    let listed = git.git([
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectname)",
        "--unordered",
    ]);
    parse(&listed.unwrap())
}

/// What `git rev-list` lists.
pub fn reachable(git: &Repo) -> BTreeSet<ObjectId> {
    let listed = git.git(["rev-list", "--objects", "--no-object-names", "--all", "--reflog"]);
    parse(&listed.unwrap())
}

fn parse(lines: &[u8]) -> BTreeSet<ObjectId> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    lines.map(|line| line.parse().unwrap()).collect()
}

/// The refs of a repository of git, `HEAD` if it is detached.
pub fn refs(git: &Repo) -> Vec<RefUpdate> {
    let mut listed = git.git(["for-each-ref", "--format=%(objectname) %(refname)"]).unwrap();
    if git.git(["symbolic-ref", "-q", "HEAD"]).is_err() {
        listed.extend(git.git(["rev-parse", "HEAD"]).unwrap().trim_ascii_end());
        listed.extend_from_slice(b" HEAD\n");
    }
    let lines = listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let update = |line: &[u8]| RefUpdate {
        name: line[41..].to_vec(),
        expect: None,
        new: Some(Target::Direct(
            std::str::from_utf8(&line[..40]).unwrap().parse().unwrap(),
        )),
        peeled: None,
    };
    lines.map(update).collect()
}

/// A pack of these objects alone, made by git.
pub fn pack_of<'a>(git: &Repo, oids: impl IntoIterator<Item = &'a ObjectId>) -> Vec<u8> {
    let list: String = oids.into_iter().map(|oid| format!("{oid}\n")).collect();
    git.git_with(["pack-objects", "--stdout", "-q", "--threads=1"], list.as_bytes())
        .unwrap()
}

/// Objects and refs of a repository of git, for many worlds.
pub struct Scattered {
    packs: Vec<Vec<u8>>,
    rows: Vec<Loose>,
    refs: Vec<RefUpdate>,
}

/// An object of git's.
pub type Loose = (ObjectId, Kind, Vec<u8>);

/// All of git's objects in several packs and in rows, some of them twice, and its refs.
pub fn scatter(git: &Repo, oids: &BTreeSet<ObjectId>, random: &mut Random) -> Scattered {
    let groups = 1 + random.below(4);
    let mut packs = vec![Vec::new(); groups];
    let mut rows = Vec::new();
    for oid in oids {
        match random.below(8) {
            0 => rows.push(*oid),
            1 => {
                rows.push(*oid);
                packs[random.below(groups)].push(*oid);
            }
            2 => packs.iter_mut().for_each(|pack| pack.push(*oid)),
            _ => packs[random.below(groups)].push(*oid),
        }
    }
    rows.truncate(150);
    let left = oids
        .iter()
        .filter(|oid| !rows.contains(oid) && !packs.iter().any(|pack| pack.contains(oid)));
    packs.push(left.copied().collect());
    let full = packs.iter().filter(|pack| !pack.is_empty());
    Scattered {
        packs: full.map(|pack| pack_of(git, pack)).collect(),
        rows: loose(git, &rows),
        refs: refs(git),
    }
}

/// A history that grows by one commit a step: some thirty files, two of which change each time.
pub struct Growing {
    pub git: Repo,
    step: usize,
}

impl Growing {
    pub fn new(path: &Path) -> Growing {
        let git = Repo::init(path, "main").unwrap();
        Growing { git, step: 0 }
    }

    /// The tip after one more commit.
    pub fn grow(&mut self) -> ObjectId {
        self.step += 1;
        let step = self.step;
        let mut stream = format!(
            "commit refs/heads/main\ncommitter C <c@example.org> {} +0000\ndata <<.\ncommit {step}\n.\n",
            1_700_000_000 + step
        );
        if step > 1 {
            stream += "from refs/heads/main^0\n";
        }
        let files = if step == 1 { 0..30 } else { step % 30..step % 30 + 2 };
        for file in files {
            stream += &format!("M 644 inline dir{}/file{file}\ndata <<.\n", file % 5);
            for line in 0..60 {
                let text = if line == step % 60 { step * 31 } else { line * 7 };
                stream += &format!("line {line} of file {file} says {text}\n");
            }
            stream += ".\n";
        }
        if step.is_multiple_of(10) {
            stream +=
                &format!("tag v{step}\nfrom refs/heads/main\ntagger T <t@example.org> 1700000000 +0000\ndata 4\ntag\n");
        }
        self.git
            .git_with(["fast-import", "--quiet", "--force"], stream.as_bytes())
            .unwrap();
        self.git.git_line(["rev-parse", "main"]).unwrap().parse().unwrap()
    }
}

impl World {
    /// With all that was scattered.
    pub fn of(scattered: &Scattered) -> World {
        let world = World::new();
        for pack in &scattered.packs {
            world.pack(pack, From::Remote);
        }
        world.loose(&scattered.rows);
        world.publish(async |_, publication, _| {
            for update in &scattered.refs {
                publication.update(update.clone());
            }
        });
        world
    }
}

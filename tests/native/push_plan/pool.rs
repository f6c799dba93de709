//! Objects that all repositories of this test are made of: some that are here and on the server,
//! some that only the server has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside_server::repos::{Random, Repo};

use crate::objects::{Commit, Maker};
use crate::pair::{Made, store};

pub struct Pool {
    /// Where the objects that are here are, as git keeps them.
    pub here: PathBuf,
    /// Where all are.
    pub there: PathBuf,
    /// The objects that are here.
    pub made: Vec<Made>,
    /// Commits that are here, each after its parents.
    pub commits: Vec<ObjectId>,
    /// Commits that only the server has; each has commits of both in its history.
    pub foreign: Vec<ObjectId>,
    /// Annotated tags of commits, and tags of such tags.
    pub tags: Vec<ObjectId>,
    /// Trees, blobs and tags of them.
    pub others: Vec<ObjectId>,
    /// An annotated tag that only the server has.
    pub foreign_tag: ObjectId,
}

impl Pool {
    pub fn new(root: &Path) -> Pool {
        let mut random = Random::new(71);
        let mut maker = Maker::new("pool");
        let mut commits: Vec<Commit> = Vec::new();
        for number in 0..14 {
            let recent = |random: &mut Random| number - 1 - random.below(number.min(3));
            let parents: Vec<Commit> = match number {
                0 | 9 => Vec::new(),
                4 | 11 | 12 => vec![commits[recent(&mut random)].clone(), commits[number - 3].clone()],
                _ => vec![commits[recent(&mut random)].clone()],
            };
            let parents: Vec<&Commit> = parents.iter().collect();
            commits.push(maker.commit(&mut random, &parents));
        }
        let mut tags = Vec::new();
        for at in [0, 3, 5, 8, 10, 13] {
            tags.push(maker.tag(Kind::Commit, commits[at].oid));
        }
        tags.push(maker.tag(Kind::Tag, tags[1]));
        let tree = maker.tree(&commits[2].files);
        let blob = maker.blob(&mut random);
        let others = vec![tree, blob, maker.tag(Kind::Tree, tree), maker.tag(Kind::Blob, blob)];
        let made = maker.take();
        let mut foreign: Vec<Commit> = Vec::new();
        for number in 0..5 {
            let on = match foreign.last() {
                Some(last) if number % 2 == 1 => last.clone(),
                _ => commits[random.below(commits.len())].clone(),
            };
            foreign.push(maker.commit(&mut random, &[&on]));
        }
        let foreign_tag = maker.tag(Kind::Commit, foreign[0].oid);
        let unseen = maker.take();
        let (here, there) = write(root, &made, &unseen);
        let oids = |commits: &[Commit]| commits.iter().map(|commit| commit.oid).collect();
        Pool {
            here,
            there,
            commits: oids(&commits),
            foreign: oids(&foreign),
            tags,
            others,
            foreign_tag,
            made,
        }
    }

    /// Five commits to tell stories of: `a`, `b` and `c` in a row, `d` beside `b`, and `x` on top of
    /// `c`, which only the server has; and the annotated tags `ta` and `tb` of the first two.
    pub fn lettered(root: &Path) -> (Pool, BTreeMap<&'static str, ObjectId>) {
        let mut random = Random::new(5);
        let mut maker = Maker::new("letters");
        let a = maker.commit(&mut random, &[]);
        let b = maker.commit(&mut random, &[&a]);
        let c = maker.commit(&mut random, &[&b]);
        let d = maker.commit(&mut random, &[&a]);
        let (ta, tb) = (maker.tag(Kind::Commit, a.oid), maker.tag(Kind::Commit, b.oid));
        let tree = maker.tree(&a.files);
        let made = maker.take();
        let x = maker.commit(&mut random, &[&c]);
        let unseen = maker.take();
        let (here, there) = write(root, &made, &unseen);
        let pool = Pool {
            here,
            there,
            made,
            commits: vec![a.oid, b.oid, c.oid, d.oid],
            foreign: vec![x.oid],
            tags: vec![ta, tb],
            others: vec![tree],
            foreign_tag: x.oid,
        };
        let letters = [
            ("a", a.oid),
            ("b", b.oid),
            ("c", c.oid),
            ("d", d.oid),
            ("x", x.oid),
            ("ta", ta),
            ("tb", tb),
            ("tree", tree),
        ];
        (pool, letters.into_iter().collect())
    }

    pub fn commit(&self, random: &mut Random) -> ObjectId {
        self.commits[random.below(self.commits.len())]
    }

    /// A commit that is no ancestor of this one, and mostly has it as one.
    pub fn later(&self, random: &mut Random, oid: &ObjectId) -> ObjectId {
        let at = self.commits.iter().position(|commit| commit == oid).unwrap_or(0);
        self.commits[at + random.below(self.commits.len() - at)]
    }

    /// What a tag may be: mostly an annotated one.
    pub fn tag(&self, random: &mut Random) -> ObjectId {
        match random.below(8) {
            0 => self.others[random.below(self.others.len())],
            1 | 2 => self.commit(random),
            _ => self.tags[random.below(self.tags.len())],
        }
    }
}

/// The objects as git keeps them: those that are here, and all.
fn write(root: &Path, made: &[Made], unseen: &[Made]) -> (PathBuf, PathBuf) {
    let bare = |name: &str, made: &[Made]| {
        let repo = Repo::init(root.join(name), "main").unwrap();
        store(&repo, made);
        repo.path().join("objects")
    };
    (bare("here", made), bare("there", &[made, unseen].concat()))
}

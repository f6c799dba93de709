//! What a packed repository is like, as git tells it.

use std::fmt;
use std::io;

use super::super::Repo;

/// Counts and sizes of what is in a repository's packs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// How many there are of each kind.
    pub commits: u64,
    /// The same of trees.
    pub trees: u64,
    /// The same of blobs.
    pub blobs: u64,
    /// The same of tags.
    pub tags: u64,
    /// Bytes of the pack.
    pub packed: u64,
    /// Bytes of all objects.
    pub resolved: u64,
    /// Objects that are deltas.
    pub deltas: u64,
    /// Mean length of their chains.
    pub mean_depth: f64,
    /// The longest chain.
    pub deepest: u64,
}

impl Shape {
    /// Asks git; that takes about as long as `git fsck`.
    pub fn of(repo: &Repo) -> io::Result<Shape> {
        let mut shape = Shape::default();
        let format = "--batch-check=%(objecttype) %(objectsize) %(objectsize:disk)";
        let all = repo.git(["cat-file", "--batch-all-objects", "--unordered", format])?;
        for line in String::from_utf8_lossy(&all).lines() {
            shape.object(line);
        }
        let packs = repo.path().join("objects/pack").canonicalize()?;
        let mut chains = 0;
        for entry in std::fs::read_dir(packs)? {
            let index = entry?.path();
            if index.extension().is_some_and(|ending| ending == "idx") {
                let told = repo.git(["verify-pack".as_ref(), "-s".as_ref(), index.as_os_str()])?;
                for line in String::from_utf8_lossy(&told).lines() {
                    chains += shape.chains(line);
                }
            }
        }
        shape.mean_depth = chains as f64 / shape.deltas.max(1) as f64;
        Ok(shape)
    }

    /// `blob 1234 56`
    fn object(&mut self, line: &str) {
        let mut words = line.split(' ');
        match words.next() {
            Some("commit") => self.commits += 1,
            Some("tree") => self.trees += 1,
            Some("blob") => self.blobs += 1,
            _ => self.tags += 1,
        }
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        self.resolved += number();
        self.packed += number();
    }

    /// `chain length = 3: 17 objects`; answers their lengths together.
    fn chains(&mut self, line: &str) -> u64 {
        let told = line
            .strip_prefix("chain length = ")
            .and_then(|rest| rest.split_once(": "));
        let Some((Ok(depth), count)) = told.map(|(depth, count)| (depth.parse::<u64>(), count)) else {
            return 0;
        };
        let count = count
            .split(' ')
            .next()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        self.deltas += count;
        self.deepest = self.deepest.max(depth);
        depth * count
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            commits,
            trees,
            blobs,
            tags,
            packed,
            resolved,
            deltas,
            mean_depth,
            deepest,
        } = self;
        let objects = commits + trees + blobs + tags;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let times = *resolved as f64 / (*packed).max(1) as f64;
        write!(
            f,
            "{objects} objects ({commits} commits, {trees} trees, {blobs} blobs, {tags} tags); {:.1} MB packed, {:.0} MB \
             resolved, {times:.1} times as much; {deltas} deltas, {mean_depth:.1} deep in the mean and {deepest} at most",
            megabytes(*packed),
            megabytes(*resolved),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_tells_is_added_up() {
        let mut shape = Shape::default();
        for line in ["commit 200 150", "tree 100 90", "blob 1000 30", "tag 10 20"] {
            shape.object(line);
        }
        let lines = [
            "non delta: 4 objects",
            "chain length = 1: 3 objects",
            "chain length = 50: 1 object",
        ];
        let chains: u64 = lines.iter().map(|line| shape.chains(line)).sum();
        assert_eq!((shape.commits, shape.trees, shape.blobs, shape.tags), (1, 1, 1, 1));
        assert_eq!((shape.resolved, shape.packed), (1310, 290));
        assert_eq!((chains, shape.deltas, shape.deepest), (53, 4, 50));
    }
}

//! Repositories to read: made by git from generated histories, always the same, and loaded into
//! storage in memory as a clone would leave them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use gitside::format::oid::ObjectId;
use gitside::format::pack::PackIndex;
use gitside::host::Host;
use gitside::ops::{Repository, commit_graph};
use gitside::store::catalog::Catalog;
use gitside::store::pack_store::PackSink;
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;

use crate::pack_oracle::{How, Random, Scratch, git, index};
use crate::support::host;

/// The paths that generated histories use, and some that they do not.
pub const PATHS: [&[u8]; 12] = [
    b"README",
    b"dir",
    b"dir/one",
    b"dir/two",
    b"dir/sub/three",
    b"dir/sub",
    b"dir-x",
    b"tool",
    b"link",
    b"module",
    b"\xff\nodd \"name\"",
    b"nowhere/at/all",
];

/// A repository that git made and we hold too.
pub struct Loaded {
    pub scratch: Scratch,
    pub repo: Repository,
    pub task: Task,
    pub pack: Vec<u8>,
}

impl Loaded {
    /// What git prints, without the last newline. `None` if git fails.
    pub fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let output = git(self.scratch.path(), arguments, b"").ok()?;
        Some(String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned())
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.try_git(arguments).unwrap_or_else(|| panic!("git {arguments:?}"))
    }

    pub fn oid(&self, rev: &str) -> ObjectId {
        self.git(&["rev-parse", "--verify", rev]).parse().unwrap()
    }
}

pub fn task(host: &Host) -> Task {
    Task::new(Rc::clone(&host.clock), |_| {})
}

/// A history of merges (of two and of many), several roots, files that change, come back, go, and
/// become directories, all kinds of entries, branches, and tags of everything. With `skewed` some
/// children are older than their parents; many commits have the same date anyway.
pub fn generate(name: &str, seed: u64, commits: usize, skewed: bool) -> Scratch {
    let scratch = Scratch::new(name);
    let mut random = Random(seed);
    let mut trees: Vec<BTreeMap<Vec<u8>, (&str, String)>> = Vec::new();
    let mut stream = Vec::new();
    let mut date = 1_600_000_000usize;
    for commit in 1..=commits {
        let parents = parents(&mut random, commit);
        let mut tree = merged(
            &mut random,
            &parents.iter().map(|parent| &trees[parent - 1]).collect::<Vec<_>>(),
        );
        for _ in 0..random.below(3) {
            change(&mut random, &mut tree);
        }
        date += random.below(3);
        let shown = if skewed && random.below(5) == 0 {
            date - random.below(40)
        } else {
            date
        };
        let branch = if commit % 17 == 0 {
            format!("side/{commit}")
        } else {
            "main".to_owned()
        };
        text(
            &mut stream,
            &format!("reset refs/heads/{branch}\ncommit refs/heads/{branch}\nmark :{commit}\n"),
        );
        text(
            &mut stream,
            &format!("author A <a@x> {} -0130\ncommitter C <c@x> {shown} +0200\n", shown - 5),
        );
        data(&mut stream, &format!("commit {commit}\n\nwhy\n"));
        for (at, parent) in parents.iter().enumerate() {
            text(
                &mut stream,
                &format!("{} :{parent}\n", if at == 0 { "from" } else { "merge" }),
            );
        }
        text(&mut stream, "deleteall\n");
        for (path, (mode, content)) in &tree {
            let quoted: String = path.iter().map(|byte| format!("\\{byte:03o}")).collect();
            if *mode == "160000" {
                text(&mut stream, &format!("M 160000 {content} \"{quoted}\"\n"));
            } else {
                text(&mut stream, &format!("M {mode} inline \"{quoted}\"\n"));
                data(&mut stream, content);
            }
        }
        trees.push(tree);
    }
    for (tag, of) in [("v1", commits / 2), ("v2", commits)] {
        text(
            &mut stream,
            &format!("tag {tag}\nfrom :{of}\ntagger T <t@x> 1600009999 +0000\n"),
        );
        data(&mut stream, &format!("the tag {tag}\n"));
    }
    let git = |arguments: &[&str], input: &[u8]| git(scratch.path(), arguments, input).unwrap();
    git(&["init", "-q", "--bare", "."], b"");
    git(&["fast-import", "--quiet", "--force"], &stream);
    git(&["symbolic-ref", "HEAD", "refs/heads/main"], b"");
    git(&["update-ref", "refs/heads/main", "v2^{commit}"], b"");
    git(
        &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/topic"],
        b"",
    );
    git(&["update-ref", "refs/remotes/origin/topic", "main~3"], b"");
    git(&["update-ref", "refs/tags/light", "main~1"], b"");
    git(&["update-ref", "refs/heads/light", "main~2"], b"");
    git(&["tag", "-m", "tag of a tag", "nested", "v1"], b"");
    git(&["tag", "-m", "tag of a tree", "tree", "v1^{tree}"], b"");
    let blob = git(&["hash-object", "-w", "--stdin"], b"tagged blob\n");
    git(
        &[
            "tag",
            "-m",
            "tag of a blob",
            "blob",
            String::from_utf8_lossy(&blob).trim(),
        ],
        b"",
    );
    scratch
}

fn parents(random: &mut Random, commit: usize) -> Vec<usize> {
    if commit == 1 || (commit < 40 && commit.is_multiple_of(13)) {
        return Vec::new();
    }
    let count = [1, 1, 1, 1, 2, 2, 3, 5][random.below(8)];
    let mut parents = vec![if random.below(3) == 0 {
        (commit - 1).saturating_sub(random.below(8)).max(1)
    } else {
        commit - 1
    }];
    while parents.len() < count.min(commit - 1) {
        let parent = 1 + (commit - 2).saturating_sub(random.below(20));
        if parents.contains(&parent) {
            break;
        }
        parents.push(parent);
    }
    parents
}

type Tree = BTreeMap<Vec<u8>, (&'static str, String)>;

/// Each path as one of the parents has it.
fn merged(random: &mut Random, parents: &[&Tree]) -> Tree {
    let Some(first) = parents.first() else {
        return Tree::new();
    };
    // Often a merge takes all from one side, as when a branch was merged before.
    if random.below(2) == 0 {
        return (*parents[random.below(parents.len())]).clone();
    }
    let paths: BTreeSet<&Vec<u8>> = parents.iter().flat_map(|tree| tree.keys()).collect();
    let mut tree = Tree::new();
    for path in paths {
        let from = if random.below(2) == 0 {
            first
        } else {
            parents[random.below(parents.len())]
        };
        if let Some(entry) = from.get(path) {
            put(&mut tree, path, entry.clone());
        }
    }
    tree
}

fn change(random: &mut Random, tree: &mut Tree) {
    let path = PATHS[random.below(PATHS.len() - 1)];
    if random.below(4) == 0 {
        tree.remove(path);
        return;
    }
    let content = format!("content {}\n", random.below(3));
    let entry = match path {
        b"tool" => (["100755", "100644"][random.below(2)], content),
        b"link" => ("120000", content),
        b"module" => ("160000", format!("{:040x}", 1 + random.below(3))),
        _ => ("100644", content),
    };
    put(tree, path, entry);
}

/// A file displaces the directory of its name, and the other way round.
fn put(tree: &mut Tree, path: &[u8], entry: (&'static str, String)) {
    let under = |path: &[u8], directory: &[u8]| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"));
    tree.retain(|other, _| !under(other, path) && !under(path, other));
    tree.insert(path.to_vec(), entry);
}

fn text(stream: &mut Vec<u8>, text: &str) {
    stream.extend_from_slice(text.as_bytes());
}

fn data(stream: &mut Vec<u8>, content: &str) {
    text(stream, &format!("data {}\n{content}\n", content.len()));
}

/// Loads all objects, refs and the shallow list of a repository of git.
pub async fn load(scratch: Scratch) -> Loaded {
    let host = host();
    let (repo, pack) = import_with_pack(scratch.path(), &host, "repository").await;
    let task = task(&host);
    Loaded {
        scratch,
        repo,
        task,
        pack,
    }
}

/// The same of a bare repository anywhere, under that name.
pub async fn import(path: &Path, host: &Host, name: &str) -> Repository {
    import_with_pack(path, host, name).await.0
}

async fn import_with_pack(path: &Path, host: &Host, name: &str) -> (Repository, Vec<u8>) {
    let revisions = git(
        path,
        &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"],
        b"",
    )
    .unwrap();
    let pack = git(path, &["pack-objects", "--stdout", "-q", "--threads=1"], &revisions).unwrap();
    let index = index(
        &pack,
        How {
            links: false,
            ..How::default()
        },
    )
    .unwrap();
    let repo = publish_as(name, host, &pack, &index, refs(path), shallow(path)).await;
    (repo, pack)
}

/// Makes a repository of one pack.
pub async fn publish(
    host: &Host,
    pack: &[u8],
    index: &PackIndex,
    refs: Vec<RefUpdate>,
    shallow: Vec<ObjectId>,
) -> Repository {
    publish_as("repository", host, pack, index, refs, shallow).await
}

async fn publish_as(
    name: &str,
    host: &Host,
    pack: &[u8],
    index: &PackIndex,
    refs: Vec<RefUpdate>,
    shallow: Vec<ObjectId>,
) -> Repository {
    let catalog = Catalog::open(Rc::clone(&host.storage)).await.unwrap();
    let reservation = catalog.reserve(name).await.unwrap();
    let writer = &reservation.writer;
    let mut sink = PackSink::new(Rc::clone(writer.backend()), writer.new_pack(), 1 << 20);
    for bytes in pack.chunks(100_000) {
        sink.write(bytes).await.unwrap();
    }
    let ready = sink.finish().await.unwrap().write_index(index).await.unwrap();
    let mut publication = Publication::new(writer);
    publication.create().pack(ready).shallow(shallow);
    for update in refs {
        publication.update(update);
    }
    publication.commit().await.unwrap();
    catalog.confirm(reservation).await.unwrap();
    Repository::open(host, name).await.unwrap()
}

pub fn ref_to(name: &str, target: Target) -> RefUpdate {
    RefUpdate {
        name: name.into(),
        expect: None,
        new: Some(target),
        peeled: None,
    }
}

fn refs(path: &Path) -> Vec<RefUpdate> {
    let format = "--format=%(refname) %(objectname) %(symref)";
    let listed = String::from_utf8(git(path, &["for-each-ref", format], b"").unwrap()).unwrap();
    let head = String::from_utf8(git(path, &["symbolic-ref", "HEAD"], b"").unwrap()).unwrap();
    let mut refs = vec![ref_to("HEAD", Target::Symbolic(head.trim().into()))];
    for line in listed.lines() {
        let mut parts = line.split(' ');
        let (name, oid, symbolic) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        refs.push(match symbolic {
            "" => ref_to(name, Target::Direct(oid.parse().unwrap())),
            to => ref_to(name, Target::Symbolic(to.into())),
        });
    }
    refs
}

fn shallow(path: &Path) -> Vec<ObjectId> {
    let text = std::fs::read_to_string(path.join("shallow")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// How much of a history its commit-graph knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// There is none.
    None,
    /// The ancestors of an old commit.
    Part,
    /// All, in a file on top of the other.
    Whole,
}

/// From less to more: what a test asks for is to be the same with each.
pub const GRAPHS: [Graph; 3] = [Graph::None, Graph::Part, Graph::Whole];

impl Loaded {
    /// Writes the commit-graph, to be used from now on.
    pub async fn write_graph(&self, how_much: Graph) {
        let options = commit_graph::Options::default();
        let write = async || {
            let report = commit_graph::write(&self.task, &self.repo, options).await.unwrap();
            assert!(report.added > 0 && report.filters > 0, "{report:?}");
        };
        match how_much {
            Graph::None => {}
            Graph::Whole => write().await,
            Graph::Part => {
                let refs = self.repo.refs.list(b"").await.unwrap();
                let old = Target::Direct(self.oid("refs/heads/side/51^{commit}"));
                for found in &refs {
                    self.point(&found.name, Some(old.clone())).await;
                }
                write().await;
                for found in refs {
                    self.point(&found.name, Some(found.target)).await;
                }
            }
        }
    }

    /// Changes a ref, whatever it was.
    pub async fn point(&self, name: &[u8], new: Option<Target>) {
        let writer = self.repo.writer(&self.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.update(RefUpdate {
            name: name.to_vec(),
            expect: None,
            new,
            peeled: None,
        });
        publication.commit().await.unwrap();
    }
}

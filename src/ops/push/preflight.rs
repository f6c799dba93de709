//! Before anything is sent: the caller is told what weighs more than servers usually take, and may
//! call the push off (the hook `pre-push` of githooks(5)).

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use super::plan::Planned;
use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::TreeIter;
use crate::host::Async;
use crate::ops::fault::{At, quoted};
use crate::ops::object;
use crate::sorted::{SortedMap, SortedSet, order};
use crate::store::odb::Odb;
use crate::task::{Event, Task};

/// Is told what is about to be sent; answers whether it may be.
pub type AskBefore = Rc<dyn Fn(Preflight) -> Async<'static, bool>>;

/// What weighs so much that servers may refuse it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// A file: 100 MiB, the most that GitHub takes, and GitLab.com in its free tier.
    pub file: u64,
    /// All that is sent: 2 GiB, the most that GitHub takes.
    pub push: u64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            file: 100 << 20,
            push: 2 << 30,
        }
    }
}

/// A push that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// The remote's name, or its URL without a login.
    pub remote: String,
    /// Where it goes, without a login.
    pub url: String,
    /// What the server will be asked to do. What is up to date or refused here is not among it.
    pub refs: Vec<Planned>,
    /// Objects that will be sent.
    pub objects: u64,
    /// Bytes that will be sent.
    pub bytes: u64,
    /// Files among them that are larger than [`Weights::file`], the largest first.
    pub large: Vec<LargeFile>,
}

/// A file that is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeFile {
    /// Where it is in a commit that is sent; `None` if it is in none, or hard to find.
    pub path: Option<Vec<u8>>,
    /// Its object.
    pub oid: ObjectId,
    /// Bytes.
    pub size: u64,
}

/// Warns of what is too heavy, and asks whether to go on. `PushRejectedLocal` if not.
pub(super) async fn check(
    task: &Task,
    preflight: Preflight,
    weights: Weights,
    before: Option<&AskBefore>,
) -> Outcome<()> {
    for file in &preflight.large {
        let name = match &file.path {
            Some(path) => quoted(path),
            None => format!("object {}", file.oid),
        };
        let (size, limit) = (file.size, weights.file);
        let warning = format!("{name} has {size} bytes; servers may refuse files of more than {limit}");
        task.tell(Event::Warning(warning));
    }
    let (bytes, limit) = (preflight.bytes, weights.push);
    if bytes > limit {
        let warning = format!("{bytes} bytes are to be sent; servers may refuse pushes of more than {limit}");
        task.tell(Event::Warning(warning));
    }
    let Some(before) = before else { return Ok(()) };
    let url = preflight.url.clone();
    if task.race(before(preflight)).await? {
        return Ok(());
    }
    let message = "the push was called off before anything was sent";
    Err(GitError::new(Code::PushRejectedLocal, Stage::Request, message)
        .with_url(url)
        .into())
}

/// Puts paths to blobs: looks for them in what `tips` lead to, as far as that is not in `have`,
/// newest commits first. Nothing is fetched for it, and it gives up after a while.
pub(super) async fn name(
    task: &Task,
    odb: &Odb,
    blobs: &[(ObjectId, u64)],
    tips: &[ObjectId],
    have: &[ObjectId],
) -> Outcome<Vec<LargeFile>> {
    let mut search = Search {
        wanted: blobs.iter().map(|(oid, _)| *oid).collect(),
        paths: SortedMap::new(),
        seen: have.iter().copied().collect(),
        trees: Vec::new(),
        others: tips.iter().copied().collect(),
    };
    let mut read = 0;
    while !search.wanted.is_empty() && read < READ {
        task.checkpoint().await?;
        let next = search.next();
        if next.is_empty() {
            break;
        }
        read += next.len();
        let oids: Vec<ObjectId> = next.iter().map(|(oid, _)| *oid).collect();
        let found = task.race(odb.read_many(&oids)).await?.at(Stage::Pack)?;
        for ((oid, path), object) in next.into_iter().zip(found) {
            if let Some(object) = object {
                search.look(&oid, &path, object.kind, &object.data)?;
            }
        }
    }
    let mut files: Vec<LargeFile> = blobs
        .iter()
        .map(|(oid, size)| LargeFile {
            path: search.paths.remove(oid),
            oid: *oid,
            size: *size,
        })
        .collect();
    order::sort_by_key(&mut files, |file| std::cmp::Reverse(file.size));
    Ok(files)
}

/// How many commits and trees are read in search of names.
const READ: usize = 20_000;

/// How many are read at once.
const TOGETHER: usize = 256;

struct Search {
    /// Blobs without a name.
    wanted: SortedSet<ObjectId>,
    paths: SortedMap<ObjectId, Vec<u8>>,
    /// What was read, and what need not be.
    seen: HashSet<ObjectId>,
    /// Trees to be read, with their paths.
    trees: Vec<(ObjectId, Vec<u8>)>,
    /// Commits and tags to be read.
    others: VecDeque<ObjectId>,
}

impl Search {
    /// What to read next: the trees of a few commits before more commits. Empty at the end.
    fn next(&mut self) -> Vec<(ObjectId, Vec<u8>)> {
        let mut next = Vec::new();
        while next.is_empty() && !(self.trees.is_empty() && self.others.is_empty()) {
            let from = self.trees.len().saturating_sub(TOGETHER);
            next = self.trees.split_off(from);
            if next.is_empty() {
                let some = self.others.len().min(TOGETHER);
                next.extend(self.others.drain(..some).map(|oid| (oid, Vec::new())));
            }
            next.retain(|(oid, _)| self.seen.insert(*oid));
        }
        next
    }

    fn look(&mut self, oid: &ObjectId, path: &[u8], kind: Kind, content: &[u8]) -> Outcome<()> {
        match kind {
            Kind::Blob => {}
            Kind::Tag => self.others.push_back(object::tag(oid, content)?.object),
            Kind::Commit => {
                let commit = object::commit(oid, content)?;
                self.trees.push((commit.tree(), Vec::new()));
                self.others.extend(commit.parents());
            }
            // A tree that is damaged is found out by whoever packs it.
            Kind::Tree => {
                for entry in TreeIter::new(content).filter_map(Result::ok) {
                    let path = match path {
                        b"" => entry.name.to_vec(),
                        directory => [directory, b"/", entry.name].concat(),
                    };
                    if entry.mode.is_tree() {
                        self.trees.push((entry.oid, path));
                    } else if self.wanted.remove(&entry.oid) {
                        self.paths.insert(entry.oid, path);
                    }
                }
            }
        }
        Ok(())
    }
}

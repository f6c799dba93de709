//! What differs between two trees: git-diff-tree(1) with `-r`, `-M` and `-C`, its raw output.

use std::collections::HashMap;
use std::rc::Rc;

use crate::algo::rename::{self, Fate, File, Found, Source};
use crate::algo::similarity::MAX_SCORE;
use crate::algo::tree_diff::{FileChange, Folder, Scope, TreeDiff};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::EntryKind;
use crate::ops::rename::search;
use crate::ops::rev_parse::resolve_as;
use crate::ops::staging::Staging;
use crate::ops::{Repository, fault, object};
use crate::task::{Event, Task};

/// How many folders are compared at a time.
const BATCH: usize = 64;

/// How many files may differ. A tree of a few kilobytes can name more files than fit into memory.
const MAX_CHANGES: usize = 4_000_000;

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Only what is at these paths, or below them; everything if there is none. A slash at the end
    /// asks for a folder or a submodule.
    pub paths: Vec<Vec<u8>>,
    /// How similar files must be to count as renamed, in percent (`-M`); `None`: no renames are
    /// looked for.
    pub renames: Option<u32>,
    /// Which files may have been copied. Without renames none.
    pub copies: Copies,
    /// How many files are compared at most with as many others (`-l`); 0 is no limit.
    pub rename_limit: usize,
}

/// What may have been copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copies {
    /// Nothing.
    #[default]
    None,
    /// Files that differ (`-C`).
    Changed,
    /// Any file (`-C -C`).
    All,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            paths: Vec::new(),
            renames: Some(50),
            copies: Copies::None,
            rename_limit: rename::DIFF_LIMIT,
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It came.
    Added,
    /// It went.
    Deleted,
    /// Its content or its mode changed.
    Modified,
    /// It is another kind of thing: a file became a link, for instance.
    TypeChanged,
    /// It came from another path, where it is no more.
    Renamed,
    /// It came from another path.
    Copied,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// In the old tree, unless it was added.
    pub old: Option<File>,
    /// In the new tree, unless it was deleted.
    pub new: Option<File>,
    /// How similar the two are, in percent, if it was renamed or copied.
    pub similarity: Option<u32>,
}

/// Compares the trees that two revisions lead to; `None` is the empty tree. The changes come in the
/// order of the paths, those of the new tree where a file has two.
pub async fn diff(
    task: &Task,
    repo: &Repository,
    from: Option<&[u8]>,
    to: Option<&[u8]>,
    options: &Options,
) -> Outcome<Vec<Change>> {
    let _reading = repo.promisor.reading();
    let from = tree_of(task, repo, from).await?;
    let to = tree_of(task, repo, to).await?;
    let scope = Scope {
        paths: options.paths.clone(),
        unchanged: options.renames.is_some() && options.copies == Copies::All,
    };
    let files = files(task, repo, from, to, scope).await?;
    let found = match options.renames {
        Some(percent) => renames(task, repo, &files, percent, options).await?,
        None => Found::default(),
    };
    if let Some(limit) = found.needed_limit {
        task.tell(Event::Warning(format!(
            "too many files came and went to compare them all, so that some renames may be told as \
             deletions and additions; renameLimit would have to be {limit}"
        )));
    }
    Ok(told(files, &found, options.copies))
}

async fn tree_of(task: &Task, repo: &Repository, rev: Option<&[u8]>) -> Outcome<Option<ObjectId>> {
    match rev {
        Some(rev) => resolve_as(task, repo, rev, Kind::Tree).await.map(Some),
        None => Ok(None),
    }
}

/// The files that differ, by path.
async fn files(
    task: &Task,
    repo: &Repository,
    from: Option<ObjectId>,
    to: Option<ObjectId>,
    scope: Scope,
) -> Outcome<Vec<FileChange>> {
    let mut diff = TreeDiff::new(from, to, scope);
    loop {
        task.checkpoint().await?;
        let folders = diff.next(BATCH);
        if folders.is_empty() {
            return Ok(diff.finish());
        }
        let trees: Vec<ObjectId> = folders.iter().flat_map(trees).collect();
        let mut contents = object::read_all_as(task, repo, &trees, Kind::Tree).await?.into_iter();
        for folder in &folders {
            let mut content = |tree: Option<ObjectId>| tree.and_then(|_| contents.next()).unwrap_or_default();
            let (old, new): (Rc<Vec<u8>>, Rc<Vec<u8>>) = (content(folder.old), content(folder.new));
            let compared = diff.compare(folder, &old, &new);
            compared.map_err(|malformed| fault::malformed(&malformed.tree, Kind::Tree, &malformed.error))?;
        }
        if diff.found() > MAX_CHANGES {
            return Err(fault::limit("changes", MAX_CHANGES, "files that differ").into());
        }
    }
}

fn trees(folder: &Folder) -> impl Iterator<Item = ObjectId> + use<> {
    folder.old.into_iter().chain(folder.new)
}

async fn renames(
    task: &Task,
    repo: &Repository,
    files: &[FileChange],
    percent: u32,
    options: &Options,
) -> Outcome<Found> {
    let copies = options.copies != Copies::None;
    let sources = sources(files, copies).map(|(_, source)| source).collect();
    let targets = targets(files).map(|(_, target)| target).collect();
    let options = rename::Options {
        minimum: MAX_SCORE / 100 * percent.min(100),
        limit: options.rename_limit,
        copies,
        ..rename::Options::default()
    };
    search(task, &Staging::new(repo), sources, targets, options).await
}

/// Files that may have become others, each with its place among all that differ.
fn sources(files: &[FileChange], copies: bool) -> impl Iterator<Item = (usize, Source)> {
    files.iter().enumerate().filter_map(move |(place, change)| {
        let fate = match (change.old, change.new) {
            (_, None) => Fate::Deleted,
            (old, new) if old == new => Fate::Unchanged,
            _ => Fate::Changed,
        };
        let file = file(change, change.old?.kind, change.old?.oid);
        (copies || fate == Fate::Deleted).then_some((place, Source { file, fate }))
    })
}

/// Files that came, each with its place among all that differ.
fn targets(files: &[FileChange]) -> impl Iterator<Item = (usize, File)> {
    files.iter().enumerate().filter_map(|(place, change)| {
        let new = change.new.filter(|_| change.old.is_none())?;
        Some((place, file(change, new.kind, new.oid)))
    })
}

fn file(change: &FileChange, kind: EntryKind, oid: ObjectId) -> File {
    File {
        path: change.path.clone(),
        kind,
        oid,
    }
}

/// The changes as git tells them. Of several files that came from one that is gone the last is the
/// renamed one, the others are copies (`diff_resolve_rename_copy`).
fn told(files: Vec<FileChange>, found: &Found, copies: Copies) -> Vec<Change> {
    let sources: Vec<(usize, Source)> = sources(&files, copies != Copies::None).collect();
    let targets: Vec<usize> = targets(&files).map(|(place, _)| place).collect();
    let mut uses: HashMap<usize, usize> = HashMap::new();
    for pair in &found.pairs {
        *uses.entry(pair.source).or_default() += 1;
    }
    let is_moved = |(index, (place, source)): (usize, &(usize, Source))| {
        (source.fate == Fate::Deleted && uses.contains_key(&index)).then_some(*place)
    };
    let moved: Vec<usize> = sources.iter().enumerate().filter_map(is_moved).collect();

    let mut changes = Vec::with_capacity(files.len());
    let mut pairs = found.pairs.iter().peekable();
    let mut moved = moved.into_iter().peekable();
    for (place, change) in files.iter().enumerate() {
        if moved.next_if_eq(&place).is_some() || change.old == change.new {
            continue;
        }
        let pair = pairs.next_if(|pair| targets.get(pair.target) == Some(&place));
        let source = pair.and_then(|pair| Some((pair, sources.get(pair.source)?)));
        let (Some((pair, (_, source))), Some(new)) = (source, change.new) else {
            changes.push(plain(change));
            continue;
        };
        let left = uses.entry(pair.source).or_default();
        *left = left.saturating_sub(1);
        changes.push(Change {
            kind: match source.fate {
                Fate::Deleted if *left == 0 => ChangeKind::Renamed,
                _ => ChangeKind::Copied,
            },
            old: Some(source.file.clone()),
            new: Some(file(change, new.kind, new.oid)),
            similarity: Some(pair.score * 100 / MAX_SCORE),
        });
    }
    changes
}

fn plain(change: &FileChange) -> Change {
    let kind = match (change.old, change.new) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Deleted,
        (Some(old), Some(new)) if is_of_one_type(old.kind, new.kind) => ChangeKind::Modified,
        _ => ChangeKind::TypeChanged,
    };
    Change {
        kind,
        old: change.old.map(|old| file(change, old.kind, old.oid)),
        new: change.new.map(|new| file(change, new.kind, new.oid)),
        similarity: None,
    }
}

fn is_of_one_type(old: EntryKind, new: EntryKind) -> bool {
    let is_file = |kind| matches!(kind, EntryKind::Blob | EntryKind::Executable);
    old == new || is_file(old) && is_file(new)
}

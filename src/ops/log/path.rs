//! The history of one path: which commits changed it, and which parents explain it
//! (`try_to_simplify_commit` of git's `revision.c`).
//!
//! Filters of changed paths say of most commits that they did not change it, and no tree is read. Of
//! the others, trees are read many at a time: those that the walk will come upon next.

use std::collections::HashMap;
use std::rc::Rc;

use super::source::{Place, Source};
use crate::algo::rev_walk::Walk;
use crate::error::Outcome;
use crate::format::commit_graph::{Filters, PathKeys};
use crate::format::oid::ObjectId;
use crate::format::tree::{self, EntryKind};
use crate::ops::path::{Entry, PathFinder};
use crate::task::Task;

/// Trees that are looked into ahead of the walk.
const AHEAD: usize = 128;

/// Commits that are looked at for them.
const LOOKED_AT: usize = 1 << 14;

/// One path, in many commits.
pub(super) struct Simplify {
    finder: PathFinder,
    keys: Option<PathKeys>,
    /// Of each file of the graph, once they were looked for.
    filters: Option<Vec<Option<Rc<Filters>>>>,
    /// What the path leads to in trees that were looked into ahead.
    known: HashMap<ObjectId, Option<Entry>>,
}

impl Simplify {
    pub(super) fn new(path: &[u8]) -> Self {
        Simplify {
            finder: PathFinder::new(path),
            keys: PathKeys::of(path),
            filters: None,
            known: HashMap::new(),
        }
    }

    /// Whether a commit changed the path, and which parents to follow: where one of them has the path
    /// as the commit has it, that one explains it all.
    pub(super) async fn simplify(
        &mut self,
        task: &Task,
        source: &mut Source,
        walk: &Walk<Place>,
        place: Place,
    ) -> Outcome<(bool, Vec<Place>)> {
        self.load_filters(task, source).await?;
        let mut parents = source.parents(task, place).await?;
        if self.is_unchanged(source, place) {
            parents.truncate(1);
            return Ok((false, parents));
        }
        let mut trees = Vec::with_capacity(parents.len() + 1);
        for commit in std::iter::once(&place).chain(&parents) {
            trees.push(source.tree(task, *commit).await?);
        }
        let tree = trees.remove(0);
        if let Some(same) = trees.iter().position(|parent| *parent == tree) {
            // An earlier parent may have the same path in another tree.
            trees.truncate(same + 1);
        }
        trees.push(tree);
        if trees.iter().any(|tree| !self.known.contains_key(tree)) {
            self.look_into(task, source, walk, &trees).await?;
        }
        let entry = |tree: &ObjectId| self.known.get(tree).copied().flatten();
        let own = entry(&tree);
        trees.pop();
        if parents.is_empty() {
            return Ok((own.is_some(), parents));
        }
        match trees.iter().position(|tree| entry(tree) == own) {
            Some(same) => Ok((false, parents.get(same).copied().into_iter().collect())),
            None => Ok((true, parents)),
        }
    }

    async fn load_filters(&mut self, task: &Task, source: &Source) -> Outcome<()> {
        if self.filters.is_none() && self.keys.is_some() {
            let mut filters = Vec::new();
            for file in 0..source.graph.chain.files.len() {
                filters.push(task.race(source.repo.odb.graph_filters(&source.graph, file)).await?);
            }
            self.filters = Some(filters);
        }
        Ok(())
    }

    /// Whether a filter says that the path is as it is in the first parent.
    fn is_unchanged(&self, source: &Source, place: Place) -> bool {
        let says_no = || {
            let Place::Graph(position) = place else { return None };
            let graph = &source.graph.commits;
            let file = graph.layer_of(position)?;
            let filters = self.filters.as_ref()?.get(file)?.as_ref()?;
            let filter = filters.get(position - graph.layers().get(file)?.positions().start)?;
            Some(!self.keys.as_ref()?.may_be_in(filter))
        };
        says_no().unwrap_or(false)
    }

    /// Looks the path up in these trees, and in those that will be needed soon.
    async fn look_into(&mut self, task: &Task, source: &Source, walk: &Walk<Place>, trees: &[ObjectId]) -> Outcome<()> {
        self.known.retain(|tree, _| trees.contains(tree));
        let mut wanted: Vec<ObjectId> = trees.to_vec();
        let mut ahead = walk.ahead();
        // What a remote left out is fetched when it is needed, and not before.
        let is_whole = !source.repo.odb.packs().iter().any(|pack| pack.promisor);
        let looked_at = if is_whole { LOOKED_AT } else { 0 };
        for _ in 0..looked_at {
            task.checkpoint().await?;
            let Some(Place::Graph(position)) = ahead.pop_newest() else {
                break;
            };
            if wanted.len() >= AHEAD {
                break;
            }
            let place = Place::Graph(position);
            let is_unchanged = self.is_unchanged(source, place);
            let followed = if is_unchanged { 1 } else { usize::MAX };
            if !is_unchanged {
                wanted.push(source.graph.commits.tree(position));
            }
            for parent in source.parents_in_graph(position).take(followed) {
                if let Place::Graph(position) = parent {
                    ahead.push(parent, source.graph.commits.date(position));
                    if !is_unchanged {
                        wanted.push(source.graph.commits.tree(position));
                    }
                }
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|tree| !self.known.contains_key(tree));
        let entries = self.finder.find_all(task, &source.repo, &wanted).await?;
        let entries = entries
            .into_iter()
            .map(|entry| entry.filter(|entry| !is_empty_directory(entry)));
        self.known.extend(wanted.into_iter().zip(entries));
        Ok(())
    }
}

/// An empty directory counts as nothing: no difference of files shows it.
fn is_empty_directory(entry: &Entry) -> bool {
    entry.kind == EntryKind::Tree && entry.oid == tree::EMPTY
}

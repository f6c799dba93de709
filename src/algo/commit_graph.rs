//! The commit-graph as walks use it: files on top of each other, in which a commit is a number
//! (gitformat-commit-graph(5); "commit-graph chains" of git's `commit-graph.c`).
//!
//! A graph is a cache of what commits say. It is closed, the parents of its commits are in it, and
//! a commit's generation is higher than those of its parents: [`CommitGraph::on`] refuses others,
//! so that walks over it end.

mod build;
#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use self::build::{Builder, Commit, Unknown, kept_layers};
use crate::format::commit_graph::{GraphError, Layer, Parents};
use crate::format::oid::ObjectId;

/// Files on top of each other; none at all is the graph of a repository without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitGraph {
    /// The lowest first.
    layers: Vec<Rc<Layer>>,
}

impl CommitGraph {
    /// One more file on top of a graph. Fails unless it was parsed to stand there, or if a commit of it
    /// has a generation that is not higher than those of its parents.
    pub fn on(&self, layer: Layer) -> Result<Self, GraphError> {
        if layer.positions().start != self.len() {
            return Err(GraphError::Contents("belongs on other files"));
        }
        // Each is asked for several times.
        let generations = layer.generations();
        let generation_of = |position: u32| {
            let row = position
                .checked_sub(self.len())
                .and_then(|row| usize::try_from(row).ok());
            match row {
                Some(row) => generations.get(row).copied().unwrap_or_default(),
                None => self.generation(position),
            }
        };
        for (position, generation) in layer.positions().zip(&generations) {
            if layer
                .parents(position)
                .any(|parent| generation_of(parent) >= *generation)
            {
                let problem = "has a commit that is not above its parents";
                return Err(GraphError::Chunk { id: *b"GDA2", problem });
            }
        }
        let mut layers = self.layers.clone();
        layers.push(Rc::new(layer));
        Ok(CommitGraph { layers })
    }

    /// The lowest files of it.
    pub fn lowest(&self, count: usize) -> Self {
        CommitGraph {
            layers: self.layers.iter().take(count).cloned().collect(),
        }
    }

    /// The files, the lowest first.
    pub fn layers(&self) -> &[Rc<Layer>] {
        &self.layers
    }

    /// How many commits it has. Their positions are all numbers below.
    pub fn len(&self) -> u32 {
        self.layers.last().map_or(0, |layer| layer.positions().end)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of a commit.
    pub fn find(&self, oid: &ObjectId) -> Option<u32> {
        // New commits are asked for more often than old ones, and are higher up.
        self.layers.iter().rev().find_map(|layer| layer.find(oid))
    }

    /// The id of the commit at a position; null where there is none.
    pub fn oid(&self, position: u32) -> ObjectId {
        self.layer(position).map_or(ObjectId::NULL, |layer| layer.oid(position))
    }

    /// Its tree.
    pub fn tree(&self, position: u32) -> ObjectId {
        self.layer(position)
            .map_or(ObjectId::NULL, |layer| layer.tree(position))
    }

    /// Its committer's date, in seconds since 1970.
    pub fn date(&self, position: u32) -> u64 {
        self.layer(position).map_or(0, |layer| layer.date(position))
    }

    /// See [`Layer::level`].
    pub fn level(&self, position: u32) -> u32 {
        self.layer(position).map_or(0, |layer| layer.level(position))
    }

    /// See [`Layer::generation`].
    pub fn generation(&self, position: u32) -> u64 {
        self.layer(position).map_or(0, |layer| layer.generation(position))
    }

    /// The positions of its parents, in their order.
    pub fn parents(&self, position: u32) -> Parents<'_> {
        self.layer(position)
            .map(|layer| layer.parents(position))
            .unwrap_or_default()
    }

    /// The number of the file that a position is in.
    pub fn layer_of(&self, position: u32) -> Option<usize> {
        self.layers
            .iter()
            .position(|layer| layer.positions().contains(&position))
    }

    fn layer(&self, position: u32) -> Option<&Layer> {
        let mut layers = self.layers.iter();
        layers.find(|layer| position < layer.positions().end).map(Rc::as_ref)
    }
}

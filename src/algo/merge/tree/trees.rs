//! Writes the trees of a merge, from what is in a directory up to the root
//! (`write_completed_directory` in git's `merge-ort.c`).

use super::paths::{Path, Version, name, parent};
use super::{Error, State};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::tree::{self, EntryKind};

/// An entry of a directory.
type Entry = (Path, Version);

/// The directories that are being filled, each in the one before it; the root is the first.
#[derive(Debug, Default)]
pub(super) struct Trees {
    open: Vec<(Path, Vec<Entry>)>,
}

impl Trees {
    /// Makes ready for an entry of that path: the directories that it is not in are written, as
    /// nothing more will come to them, and are what is known of their paths.
    pub fn go_to(&mut self, state: &mut State, path: &[u8]) -> Result<(), Error> {
        let directory = parent(path);
        while let Some((open, _)) = self.open.last()
            && !is_in(directory, open)
        {
            let Some((closed, entries)) = self.open.pop() else {
                break;
            };
            let written = match entries.is_empty() {
                true => None,
                false => Some(Version {
                    kind: EntryKind::Tree,
                    oid: write(state, &entries)?,
                }),
            };
            if let Some(info) = state.paths.get_mut(&closed) {
                info.result = written;
            }
        }
        if self.open.last().is_none_or(|(open, _)| **open != *directory) {
            self.open.push((directory.into(), Vec::new()));
        }
        Ok(())
    }

    /// Adds an entry to the directory that was gone to.
    pub fn record(&mut self, path: &Path, version: Option<Version>) {
        if let (Some((_, entries)), Some(version)) = (self.open.last_mut(), version) {
            entries.push((path.clone(), version));
        }
    }

    /// The root.
    pub fn finish(&mut self, state: &mut State) -> Result<ObjectId, Error> {
        self.go_to(state, b"")?;
        match self.open.pop() {
            Some((_, entries)) => write(state, &entries),
            None => write(state, &[]),
        }
    }
}

/// Whether a directory is that one, or in it.
fn is_in(directory: &[u8], outer: &[u8]) -> bool {
    match directory.strip_prefix(outer) {
        Some(rest) => outer.is_empty() || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    }
}

fn write(state: &mut State, entries: &[Entry]) -> Result<ObjectId, Error> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(path, version)| (version.kind, name(path), version.oid))
        .collect();
    let content = tree::write_tree(&entries).map_err(Error::Unwritable)?;
    state.make(Kind::Tree, content)
}

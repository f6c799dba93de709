//! What a publication writes to reflogs: `files_log_ref_write`, `split_head_update` and
//! `should_autocreate_reflog` in git.

use std::rc::Rc;

use super::{Publication, RefUpdate, Writer};
use crate::format::config::Config;
use crate::format::oid::ObjectId;
use crate::format::reflog::{LogEntry, Who};
use crate::host::Change;
use crate::sorted::SortedMap;
use crate::store::error::StoreError;
use crate::store::meta::Meta;
use crate::store::reflog::{self, Reflogs, StoredEntry};
use crate::store::refs::{Refs, Target};

const HEAD: &[u8] = b"HEAD";

/// Whether a ref gets a log without having one, as `core.logAllRefUpdates` says.
pub(crate) fn begins_log(config: &Config, name: &[u8]) -> bool {
    Policy::read(config).covers(name)
}

impl Publication<'_> {
    /// Writes an entry of a ref's log that is not that of a change of the ref: the caller decides
    /// whether there is a log.
    pub(crate) fn log(&mut self, name: &[u8], entry: &LogEntry) -> &mut Self {
        let append = append(self.writer, name, entry);
        self.change(append)
    }

    /// Gives a ref these entries for a log, in place of what it has.
    pub(crate) fn replace_log(&mut self, name: &[u8], entries: &[StoredEntry]) -> &mut Self {
        self.change(reflog::delete_log(name));
        entries.iter().fold(self, |this, stored| this.log(name, &stored.entry))
    }
}

fn append(writer: &Writer, name: &[u8], entry: &LogEntry) -> Change {
    let number = writer.next_log.get();
    writer.next_log.set(number.wrapping_add(1));
    reflog::append(name, writer.generation(), number, entry)
}

/// Why a ref changes, and who says so.
pub(super) struct Reason {
    pub(super) who: Rc<Who>,
    pub(super) message: Vec<u8>,
}

/// Which refs get a log without having one (`core.logAllRefUpdates`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    None,
    Normal,
    Always,
}

impl Policy {
    fn read(config: &Config) -> Self {
        let key = b"core.logallrefupdates";
        match (config.get(key), config.get_bool(key)) {
            (Some(word), _) if word.eq_ignore_ascii_case(b"always") => Policy::Always,
            (_, Some(true)) => Policy::Normal,
            (_, Some(false)) => Policy::None,
            // Not said, or nonsense, of which git would die: as if not said.
            (_, None) if config.get_bool(b"core.bare") == Some(true) => Policy::None,
            (_, None) => Policy::Normal,
        }
    }

    fn covers(self, name: &[u8]) -> bool {
        let normal: [&[u8]; 3] = [b"refs/heads/", b"refs/remotes/", b"refs/notes/"];
        match self {
            Policy::None => false,
            Policy::Normal => name == HEAD || normal.iter().any(|prefix| name.starts_with(prefix)),
            Policy::Always => true,
        }
    }
}

/// What the reflogs of one publication are made of.
pub(super) struct Logs<'a> {
    pub(super) writer: &'a Writer,
    /// The text of the configuration, if the publication brings one.
    pub(super) config: Option<&'a [u8]>,
    pub(super) updates: &'a [RefUpdate],
    /// By the index of the update.
    pub(super) reasons: &'a SortedMap<usize, Reason>,
    /// What each updated ref leads to before; in the order of the updates.
    pub(super) before: &'a [Option<ObjectId>],
}

impl Logs<'_> {
    /// The changes of rows, in the order of the updates. As git does, the log is written before the
    /// ref, and deleted before the ref: a log without a ref is worse than a ref without its log.
    pub(super) async fn changes(&self) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        let gone = self.updates.iter().filter(|update| update.new.is_none());
        changes.extend(gone.map(|update| reflog::delete_log(&update.name)));
        if self.reasons.is_empty() {
            return Ok(changes);
        }
        let policy = Policy::read(&self.configuration().await?);
        let branch = self.branch_of_head().await?;
        let mut existing = Existing {
            logs: Reflogs::new(Rc::clone(self.writer.backend())),
            parents: SortedMap::new(),
        };
        for (at, reason) in self.reasons {
            let Some((update, old)) = self.updates.get(*at).zip(self.before.get(*at)) else {
                continue;
            };
            let new = match &update.new {
                None => None,
                Some(Target::Direct(oid)) => Some(*oid),
                Some(Target::Symbolic(to)) => match self.leads_to(to).await? {
                    // Nothing is said of a symbolic ref that leads nowhere.
                    None => continue,
                    found => found,
                },
            };
            let entry = LogEntry {
                old: *old,
                new,
                who: (*reason.who).clone(),
                message: reason.message.clone(),
            };
            let symbolic = matches!(update.new, Some(Target::Symbolic(_)));
            // A ref that is set to what it is at is not written, and nothing is said of it.
            let changed = symbolic || *old != new;
            if new.is_some() && changed && (policy.covers(&update.name) || existing.has(&update.name).await?) {
                changes.push(append(self.writer, &update.name, &entry));
            }
            // An update of the branch that HEAD is on goes through HEAD too, even one to the same.
            if branch.as_ref() == Some(&update.name) && (policy.covers(HEAD) || existing.has(HEAD).await?) {
                changes.push(append(self.writer, HEAD, &entry));
            }
        }
        Ok(changes)
    }

    async fn configuration(&self) -> Result<Config, StoreError> {
        let text = match self.config {
            Some(text) => text.to_vec(),
            None => Meta::new(Rc::clone(self.writer.backend())).config().await?,
        };
        // One that cannot be parsed says nothing; whoever reads it for more is told.
        Ok(Config::parse(&text).unwrap_or_default())
    }

    /// The branch that HEAD is on, unless HEAD's own update is to be logged. In a publication that
    /// sets HEAD silently, as a clone does, the branch it is on afterwards.
    async fn branch_of_head(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let target = match self.updates.iter().position(|update| update.name == HEAD) {
            Some(at) if self.reasons.contains_key(&at) => None,
            Some(at) => self.updates.get(at).and_then(|update| update.new.clone()),
            None => {
                let refs = Refs::new(Rc::clone(self.writer.backend()));
                refs.get(HEAD).await?.map(|head| head.target)
            }
        };
        Ok(match target {
            Some(Target::Symbolic(name)) => Some(name),
            Some(Target::Direct(_)) | None => None,
        })
    }

    /// Where a symbolic ref leads once everything is published.
    async fn leads_to(&self, name: &[u8]) -> Result<Option<ObjectId>, StoreError> {
        match self.updates.iter().find(|update| update.name == name) {
            Some(update) => Ok(match &update.new {
                Some(Target::Direct(oid)) => Some(*oid),
                Some(Target::Symbolic(_)) | None => None,
            }),
            None => {
                let refs = Refs::new(Rc::clone(self.writer.backend()));
                Ok(refs.resolve(name).await?.and_then(|found| found.oid))
            }
        }
    }
}

/// Which refs have a log already. Ten thousand tags without logs are one question, not as many.
struct Existing {
    logs: Reflogs,
    /// Whether some ref under it has a log.
    parents: SortedMap<Vec<u8>, bool>,
}

impl Existing {
    async fn has(&mut self, name: &[u8]) -> Result<bool, StoreError> {
        let slash = name.iter().rposition(|byte| *byte == b'/');
        let parent = slash.and_then(|at| name.get(..=at)).unwrap_or_default();
        let any = match self.parents.get(parent) {
            Some(any) => *any,
            None => {
                let any = self.logs.any(parent).await?;
                self.parents.insert(parent.to_vec(), any);
                any
            }
        };
        Ok(any && self.logs.exists(name).await?)
    }
}

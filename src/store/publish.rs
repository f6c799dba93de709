//! Writers, and the one transaction that makes their work visible. Nothing a writer stores before
//! is reachable: chunks and index rows count only once their pack's row exists, a repository only
//! once its state row does.
//!
//! The order within the transaction matters as well: a WebAssembly trap between two puts commits
//! the puts before it. Packs and objects come first, then the list of packs, then refs, then the
//! row that brings a repository into being, and what is removed goes last.

mod logs;

use std::cell::Cell;
use std::rc::Rc;

pub(crate) use self::logs::begins_log;
use self::logs::{Logs, Reason};
use super::commit_graph::Chain;
use super::error::{RefProblem, StoreError};
use super::manifest;
use super::meta::{self, Meta, Stats};
use super::objects::ReadyObject;
use super::pack_store::{PackId, ReadyPack, pack_row_key};
use super::reflog::{self, StoredEntry};
use super::refs::{self, Refs, Target};
use super::row;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::reflog::Who;
use crate::format::refname::{RefName, conflict};
use crate::host::{Backend, Batch, Change, Expect, LockGuard, LockMode, Storage, StorageError, Table, Wait};
use crate::sorted::{SortedMap, SortedSet};

const NAME: &[u8] = b"name";

/// How often taking over the fence is tried. Only another writer that is taking it over too can
/// make it fail, and the lock lets one through.
const FENCE_ATTEMPTS: usize = 8;

/// The right to write to one repository: its lock, and a number that every later writer raises. A
/// writer whose lock was stolen (its tab was frozen) finds the number changed and writes nothing.
#[derive(Debug)]
pub struct Writer {
    backend: Fenced,
    next_pack: Cell<u32>,
    /// How many of the packs were published.
    published: Cell<u32>,
    next_log: Cell<u32>,
    _lock: LockGuard,
}

/// A database, and the fence's value for it.
struct Fenced {
    backend: Rc<dyn Backend>,
    generation: u64,
}

impl std::fmt::Debug for Fenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "generation {}", self.generation)
    }
}

/// The lock of a repository.
pub(crate) fn lock_name(id: &str) -> String {
    format!("gitside:repo:{id}")
}

impl Writer {
    /// Takes the lock, raises the fence, and removes what dead writers left, if they left anything.
    /// Fails with [`StoreError::Busy`] where the lock is held and `wait` says not to wait.
    pub(crate) async fn acquire(
        storage: &dyn Storage,
        backend: Rc<dyn Backend>,
        id: &str,
        wait: Wait,
    ) -> Result<Self, StoreError> {
        let lock = storage.lock(&lock_name(id), LockMode::Exclusive, wait).await?;
        let lock = lock.ok_or(StoreError::Busy)?;
        let (writer, staged) = Self::raise(backend, lock, None).await?;
        if staged {
            writer.sweep().await?;
        }
        Ok(writer)
    }

    /// Raises the fence of a new repository, for whoever holds the lock. The name is stored with it,
    /// so that the catalogue can be rebuilt from the databases.
    pub(crate) async fn start(backend: Rc<dyn Backend>, lock: LockGuard, name: &str) -> Result<Self, StoreError> {
        Ok(Self::raise(backend, lock, Some(name)).await?.0)
    }

    /// Answers also whether there may be something to sweep.
    async fn raise(backend: Rc<dyn Backend>, lock: LockGuard, name: Option<&str>) -> Result<(Self, bool), StoreError> {
        for _ in 0..FENCE_ATTEMPTS {
            let fence = Meta::new(Rc::clone(&backend)).fence().await?;
            let generation = fence
                .generation
                .checked_add(1)
                .ok_or(StoreError::Limit { what: "writers" })?;
            let mut changes = vec![Change::Put(
                Table::Meta,
                meta::GENERATION.to_vec(),
                meta::generation_row(generation),
            )];
            if let Some(name) = name {
                let row = row::seal(b'A', NAME, name.as_bytes());
                changes.push(Change::Put(Table::Meta, NAME.to_vec(), row));
            }
            let batch = Batch {
                expect: vec![expect(Table::Meta, meta::GENERATION, fence.row)],
                changes,
                durable: false,
            };
            match backend.commit(batch).await {
                Ok(()) => {
                    let writer = Writer {
                        backend: Fenced { backend, generation },
                        next_pack: Cell::new(0),
                        published: Cell::new(0),
                        next_log: Cell::new(0),
                        _lock: lock,
                    };
                    return Ok((writer, fence.staged));
                }
                Err(StorageError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Fenced)
    }

    /// Removes what was stored and not published, by this writer too.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        manifest::sweep(&**self.backend()).await
    }

    /// The database.
    pub fn backend(&self) -> &Rc<dyn Backend> {
        &self.backend.backend
    }

    /// The fence's value while this writer writes.
    pub fn generation(&self) -> u64 {
        self.backend.generation
    }

    /// An id for a new pack.
    pub fn new_pack(&self) -> PackId {
        let number = self.next_pack.get();
        self.next_pack.set(number.wrapping_add(1));
        PackId::new(self.generation(), number)
    }
}

/// The name a repository was made under, from its own database.
pub(crate) async fn stored_name(backend: &dyn Backend) -> Result<Option<String>, StoreError> {
    let rows = backend.list(Table::Meta, NAME, None, 1).await?;
    let Some((key, bytes)) = rows.into_iter().next().filter(|(key, _)| key == NAME) else {
        return Ok(None);
    };
    let name = row::open(b'A', Table::Meta, &key, &bytes)?.rest();
    Ok(std::str::from_utf8(name).ok().map(str::to_owned))
}

/// A change of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// The full name.
    pub name: Vec<u8>,
    /// What it must hold before: `None` anything, `Some(None)` nothing (there is no such ref),
    /// `Some(Some(oid))` that object.
    pub expect: Option<Option<ObjectId>>,
    /// What it shall hold; `None` deletes it.
    pub new: Option<Target>,
    /// For an annotated tag, what it leads to in the end.
    pub peeled: Option<ObjectId>,
}

/// Everything that becomes visible at once.
pub struct Publication<'w> {
    writer: &'w Writer,
    create: bool,
    changes: Vec<Change>,
    updates: Vec<RefUpdate>,
    packs: Vec<PackId>,
    retired: Vec<PackId>,
    removed: Vec<ObjectId>,
    /// By the index of the update.
    reasons: SortedMap<usize, Reason>,
    config: Option<Vec<u8>>,
}

impl<'w> Publication<'w> {
    /// Nothing yet.
    pub fn new(writer: &'w Writer) -> Self {
        Publication {
            writer,
            create: false,
            changes: Vec::new(),
            updates: Vec::new(),
            packs: Vec::new(),
            retired: Vec::new(),
            removed: Vec::new(),
            reasons: SortedMap::new(),
            config: None,
        }
    }

    /// Whose work it makes visible.
    pub(crate) fn writer(&self) -> &'w Writer {
        self.writer
    }

    /// The repository comes to be: it must not exist yet.
    pub fn create(&mut self) -> &mut Self {
        self.create = true;
        self
    }

    /// A pack, whose bytes and index rows are written.
    pub fn pack(&mut self, pack: ReadyPack) -> &mut Self {
        self.packs.push(pack.live().id);
        self.change(pack.live().put())
    }

    /// Packs that are live no more. Their bytes stay until somebody removes them; readers that have
    /// the old list find out when they are gone.
    pub fn retire(&mut self, packs: &[PackId]) -> &mut Self {
        self.retired.extend_from_slice(packs);
        self
    }

    /// Objects that lose the rows of their own.
    pub fn remove_objects(&mut self, oids: &[ObjectId]) -> &mut Self {
        self.removed.extend_from_slice(oids);
        self
    }

    /// An object, stored in a row of its own. The caller has hashed it.
    pub fn object(&mut self, oid: ObjectId, kind: Kind, content: &[u8]) -> &mut Self {
        self.ready(ReadyObject::new(oid, kind, content))
    }

    /// An object, in the shape in which it is stored.
    pub fn ready(&mut self, object: ReadyObject) -> &mut Self {
        self.change(object.put())
    }

    /// A ref. Each may be named once.
    pub fn update(&mut self, update: RefUpdate) -> &mut Self {
        self.updates.push(update);
        self
    }

    /// A ref, and why it changes. The reflogs are written with it as git writes them: that of the
    /// ref, if `core.logAllRefUpdates` says so or it has one, and `HEAD`'s too if that is on it. The
    /// entry's old and new object are the ref's; a deletion takes the log along, and only `HEAD`'s
    /// tells of it. The message becomes one line and must hold no login (`fetch: fast-forward`).
    pub fn update_logged(&mut self, update: RefUpdate, who: &Rc<Who>, message: impl Into<Vec<u8>>) -> &mut Self {
        let reason = Reason {
            who: Rc::clone(who),
            message: message.into(),
        };
        self.reasons.insert(self.updates.len(), reason);
        self.update(update)
    }

    /// Removes entries of reflogs.
    pub fn forget(&mut self, entries: &[StoredEntry]) -> &mut Self {
        self.changes.extend(entries.iter().map(reflog::delete));
        self
    }

    /// The whole new shallow list; empty for a complete repository.
    pub fn shallow(&mut self, oids: Vec<ObjectId>) -> &mut Self {
        self.change(meta::put_shallow(oids))
    }

    /// The text of the configuration.
    pub fn config(&mut self, text: Vec<u8>) -> &mut Self {
        self.change(meta::put_config(&text));
        self.config = Some(text);
        self
    }

    /// Where the repository comes from, without userinfo; empty: from nowhere.
    pub fn url(&mut self, url: String) -> &mut Self {
        self.change(meta::put_url(&url))
    }

    /// The files that make up the commit-graph.
    pub(crate) fn commit_graph(&mut self, chain: &Chain) -> Result<&mut Self, StoreError> {
        Ok(self.change(chain.put()?))
    }

    /// The figures kept with the repository.
    pub fn stats(&mut self, stats: Stats) -> &mut Self {
        self.change(meta::put_stats(&stats))
    }

    fn change(&mut self, change: Change) -> &mut Self {
        self.changes.push(change);
        self
    }

    /// One durable transaction: all of it, or nothing. Fails with [`StoreError::Fenced`] if another
    /// writer took over, with [`StoreError::Taken`] if what is created exists, and with
    /// [`StoreError::Ref`] if a ref is not as expected or its name is in the way of another's.
    pub async fn commit(self) -> Result<(), StoreError> {
        let backend = self.writer.backend();
        let refs = Refs::new(Rc::clone(backend));
        let fence = meta::generation_row(self.writer.generation());
        let mut batch = Batch {
            expect: vec![expect(Table::Meta, meta::GENERATION, Some(fence))],
            changes: self.changes,
            durable: true,
        };
        // What this reads is what the transaction finds: whoever changes refs raises the fence
        // first. The rows of the refs are expected all the same; that costs nothing.
        check_names(&self.updates)?;
        let mut list = None;
        if !(self.packs.is_empty() && self.retired.is_empty() && self.removed.is_empty()) {
            let found = manifest::List::load(&**backend).await?;
            batch.changes.push(found.replace(&self.retired, &self.packs));
            list = Some(found.expect());
        }
        let (mut before, mut puts) = (Vec::with_capacity(self.updates.len()), Vec::new());
        if self.create {
            batch.expect.push(expect(Table::Meta, meta::STATE, None));
            check_conflicts(&SortedSet::new(), &self.updates)?;
            before.resize(self.updates.len(), None);
            puts = create_refs(&self.updates)?;
            puts.push(meta::put_state());
        } else {
            let mut new = false;
            for update in &self.updates {
                let (found, row) = refs.get_with_row(&update.name).await?;
                let oid = match &found {
                    Some(found) => match &found.target {
                        Target::Direct(oid) => Some(*oid),
                        Target::Symbolic(_) => refs.resolve(&update.name).await?.and_then(|resolved| resolved.oid),
                    },
                    None => None,
                };
                if update.expect.is_some_and(|expected| expected != oid) {
                    return Err(moved(update, oid));
                }
                new |= found.is_none() && update.new.is_some();
                batch
                    .expect
                    .push(expect(Table::Refs, &refs::single_key(&update.name), row));
                puts.push(refs::put_single(&update.name, update.new.as_ref(), update.peeled));
                before.push(oid);
            }
            if new {
                let set = self.updates.iter().filter(|update| update.new.is_some());
                let names: Vec<&[u8]> = set.map(|update| update.name.as_slice()).collect();
                check_conflicts(&refs.names_near(&names).await?, &self.updates)?;
            }
        }
        let logs = Logs {
            writer: self.writer,
            config: self.config.as_deref(),
            updates: &self.updates,
            reasons: &self.reasons,
            before: &before,
        };
        batch.changes.extend(logs.changes().await?);
        batch.changes.append(&mut puts);
        // Last, so that the others keep their numbers.
        batch.expect.extend(list);
        let retired = self.retired.iter().map(|id| (Table::Meta, pack_row_key(*id)));
        let removed = self.removed.iter().map(|oid| (Table::Objects, oid.as_bytes().to_vec()));
        batch
            .changes
            .extend(retired.chain(removed).map(|(table, key)| Change::Delete(table, key)));
        let published = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
        let published = self.writer.published.get().saturating_add(published);
        let leaves_nothing = self.retired.is_empty() && published == self.writer.next_pack.get();
        if leaves_nothing && !self.packs.is_empty() {
            batch.changes.push(meta::delete_staged());
        }
        match backend.commit(batch).await {
            Ok(()) => {
                self.writer.published.set(published);
                Ok(())
            }
            Err(StorageError::Conflict { expectation: 0 }) => Err(StoreError::Fenced),
            Err(StorageError::Conflict { .. }) if self.create => Err(StoreError::Taken),
            Err(StorageError::Conflict { expectation }) => {
                let update = expectation.checked_sub(1).and_then(|at| self.updates.get(at));
                let update = update.ok_or(StoreError::Fenced)?;
                let found = refs.resolve(&update.name).await?.and_then(|resolved| resolved.oid);
                Err(moved(update, found))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn expect(table: Table, key: &[u8], value: Option<Vec<u8>>) -> Expect {
    Expect {
        table,
        key: key.to_vec(),
        value,
    }
}

fn moved(update: &RefUpdate, found: Option<ObjectId>) -> StoreError {
    StoreError::Ref {
        name: update.name.clone(),
        problem: RefProblem::Moved {
            expected: update.expect.flatten(),
            found,
        },
    }
}

/// Names are valid, and none is named twice.
fn check_names(updates: &[RefUpdate]) -> Result<(), StoreError> {
    let mut seen = SortedSet::new();
    for update in updates {
        let valid = |name: &[u8]| name == b"HEAD" || RefName::new(name.to_vec()).is_ok();
        let target = match &update.new {
            Some(Target::Symbolic(to)) => valid(to),
            _ => true,
        };
        if !valid(&update.name) || !target || !seen.insert(&update.name) {
            return Err(StoreError::Ref {
                name: update.name.clone(),
                problem: RefProblem::Invalid,
            });
        }
    }
    Ok(())
}

/// A ref cannot be named like a directory of another (`a` and `a/b`): what git's files cannot hold
/// would be lost when the repository is exported. Looks at the names as they will be.
fn check_conflicts(existing: &SortedSet<Vec<u8>>, updates: &[RefUpdate]) -> Result<(), StoreError> {
    let mut after: SortedSet<&[u8]> = existing.iter().map(Vec::as_slice).collect();
    for update in updates {
        match update.new {
            Some(_) => after.insert(&update.name),
            None => after.remove(update.name.as_slice()),
        };
    }
    for update in updates.iter().filter(|update| update.new.is_some()) {
        if let Some(by) = conflict(&after, &update.name) {
            return Err(StoreError::Ref {
                name: update.name.clone(),
                problem: RefProblem::Occupied { by: by.to_vec() },
            });
        }
    }
    Ok(())
}

/// The rows of a new repository's refs.
fn create_refs(updates: &[RefUpdate]) -> Result<Vec<Change>, StoreError> {
    let mut packed = SortedMap::new();
    let mut singles = Vec::new();
    let head = updates.iter().find(|update| update.name == b"HEAD");
    let branch = match head.and_then(|head| head.new.as_ref()) {
        Some(Target::Symbolic(branch)) => branch.as_slice(),
        _ => b"",
    };
    for update in updates {
        if update.expect.is_some_and(|expected| expected.is_some()) {
            return Err(moved(update, None));
        }
        match &update.new {
            Some(Target::Direct(oid)) if update.name.starts_with(b"refs/") && update.name != branch => {
                packed.insert(update.name.as_slice(), (*oid, update.peeled));
            }
            Some(target) => singles.push(refs::put_single(&update.name, Some(target), update.peeled)),
            None => {}
        }
    }
    let mut changes = refs::put_packed(&packed)?;
    changes.append(&mut singles);
    Ok(changes)
}

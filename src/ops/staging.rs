//! Objects that were made here and are not published yet. Whoever makes several that name each other
//! (trees and their commit, the steps of a merge) reads them back from here, before the store's, and
//! publishes all of them with the ref that leads to them.

use std::collections::HashMap;
use std::rc::Rc;

use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::crc32::Crc32;
use crate::format::hash::hash_object;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::write::PackWriter;
use crate::format::pack::{Entry, PackIndex};
use crate::ops::Repository;
use crate::ops::fault::{self, At};
use crate::ops::promisor::{bring, not_stored};
use crate::ops::{object, promisor};
use crate::store::StoreError;
use crate::store::objects::ReadyObject;
use crate::store::odb::{Info, Object};
use crate::store::pack_store::{PackSink, ReadyPack};
use crate::store::publish::{Publication, Writer};
use crate::task::Task;

/// As many objects become a pack, fewer a row each (git's `fetch.unpackLimit`).
const PACK_FROM: usize = 100;

/// Objects of more bytes in all become a pack: rows of one transaction are held in memory together.
pub(crate) const ROWS_BYTES: usize = 8 << 20;

/// Ids looked up together.
const LOOKUPS: usize = 1 << 14;

/// Objects made here and not published yet, read before the store's.
pub(crate) struct Staging<'a> {
    repo: &'a Repository,
    /// The right to write, where whoever stages holds it: what has to be fetched is published by it.
    writer: Option<&'a Writer>,
    objects: HashMap<ObjectId, Object>,
    /// In the order in which they were made.
    order: Vec<ObjectId>,
}

impl<'a> Staging<'a> {
    /// Nothing yet. For whoever does not hold the repository's [`Writer`] while objects are made.
    pub fn new(repo: &'a Repository) -> Self {
        Staging {
            repo,
            writer: None,
            objects: HashMap::new(),
            order: Vec::new(),
        }
    }

    /// Nothing yet. For the holder of the writer: promised objects that are read are fetched by it,
    /// where another one would be waited for in vain.
    pub fn holding(repo: &'a Repository, writer: &'a Writer) -> Self {
        Staging {
            writer: Some(writer),
            ..Self::new(repo)
        }
    }

    /// The repository the objects are made for.
    pub fn repo(&self) -> &'a Repository {
        self.repo
    }

    /// Takes an object, and answers with its name. Fails with `PackCollision` if its content shows
    /// the marks of a SHA-1 collision attack. The caller sees to it that what it names is staged,
    /// stored or promised.
    pub fn put(&mut self, kind: Kind, content: Vec<u8>) -> Outcome<ObjectId> {
        let oid = hash_object(kind, &content).map_err(|collision| collides(&collision.oid))?;
        self.objects.entry(oid).or_insert_with(|| {
            self.order.push(oid);
            Object {
                kind,
                data: Rc::new(content),
            }
        });
        Ok(oid)
    }

    /// Reads objects of whatever kind, in the order asked. Those that are promised are fetched
    /// first, together; one that is nowhere is a `MissingObject`. The caller bounds the memory.
    pub async fn read_many(&self, task: &Task, oids: &[ObjectId]) -> Outcome<Vec<Object>> {
        let stored: Vec<ObjectId> = oids.iter().filter(|oid| !self.is_staged(oid)).copied().collect();
        let mut read = task.race(self.repo.odb.read_many(&stored)).await?.at(Stage::Read)?;
        let absent = stored.iter().zip(&read).filter(|(_, object)| object.is_none());
        let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
        if !absent.is_empty() {
            self.bring(task, &absent).await?;
            let mut came = object::read_many(task, self.repo, &absent).await?.into_iter();
            let places = read.iter_mut().filter(|object| object.is_none());
            places.for_each(|place| *place = came.next());
        }
        let mut read = read.into_iter();
        let of = |oid: &ObjectId| {
            let staged = self.objects.get(oid).cloned();
            staged.or_else(|| read.next().flatten()).ok_or_else(|| not_stored(oid))
        };
        oids.iter().map(of).collect()
    }

    /// Reads the content of an object that something says is of that kind.
    pub async fn read_as(&self, task: &Task, oid: &ObjectId, kind: Kind) -> Outcome<Rc<Vec<u8>>> {
        let read = self.read_all_as(task, std::slice::from_ref(oid), kind).await?.pop();
        read.ok_or_else(|| not_stored(oid))
    }

    /// Reads the contents of objects that something says are of that kind, in the order asked. The
    /// caller bounds the memory.
    pub async fn read_all_as(&self, task: &Task, oids: &[ObjectId], kind: Kind) -> Outcome<Vec<Rc<Vec<u8>>>> {
        let objects = self.read_many(task, oids).await?;
        let of_kind = |(oid, object): (&ObjectId, Object)| match object.kind {
            found if found == kind => Ok(object.data),
            found => Err(fault::wrong_kind(oid, kind, found).into()),
        };
        oids.iter().zip(objects).map(of_kind).collect()
    }

    /// What kind of object each is, in the order asked. What is promised is fetched to find out; one
    /// that is nowhere is a `MissingObject`.
    pub async fn kinds(&self, task: &Task, oids: &[ObjectId]) -> Outcome<Vec<Kind>> {
        let infos = self.infos(task, oids).await?;
        Ok(infos.into_iter().map(|info| info.kind).collect())
    }

    /// How many bytes each object has, in the same way.
    pub async fn sizes(&self, task: &Task, oids: &[ObjectId]) -> Outcome<Vec<u64>> {
        let infos = self.infos(task, oids).await?;
        Ok(infos.into_iter().map(|info| info.size).collect())
    }

    async fn infos(&self, task: &Task, oids: &[ObjectId]) -> Outcome<Vec<Info>> {
        let mut found = Vec::with_capacity(oids.len());
        for group in oids.chunks(LOOKUPS) {
            task.checkpoint().await?;
            let stored: Vec<ObjectId> = group.iter().filter(|oid| !self.is_staged(oid)).copied().collect();
            let mut infos = task.race(self.repo.odb.info(&stored)).await?.at(Stage::Read)?;
            let absent = stored.iter().zip(&infos).filter(|(_, info)| info.is_none());
            let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
            if !absent.is_empty() {
                self.bring(task, &absent).await?;
                infos = task.race(self.repo.odb.info(&stored)).await?.at(Stage::Read)?;
            }
            let mut infos = infos.into_iter();
            for oid in group {
                let staged = self.objects.get(oid).map(|object| Info {
                    kind: object.kind,
                    size: object.data.len() as u64,
                });
                let info = staged.or_else(|| infos.next().flatten());
                found.push(info.ok_or_else(|| not_stored(oid))?);
            }
        }
        Ok(found)
    }

    /// Brings what of these is promised, together. Whoever reads them later, a few at a time, waits
    /// for one answer of the remote instead of many. One that is nowhere is a `MissingObject`.
    pub async fn fetch_ahead(&self, task: &Task, oids: &[ObjectId]) -> Outcome<()> {
        for group in oids.chunks(LOOKUPS) {
            let stored: Vec<ObjectId> = group.iter().filter(|oid| !self.is_staged(oid)).copied().collect();
            let infos = task.race(self.repo.odb.info(&stored)).await?.at(Stage::Read)?;
            let absent = stored.iter().zip(infos).filter(|(_, info)| info.is_none());
            let absent: Vec<ObjectId> = absent.map(|(oid, _)| *oid).collect();
            if !absent.is_empty() {
                self.bring(task, &absent).await?;
            }
        }
        Ok(())
    }

    fn is_staged(&self, oid: &ObjectId) -> bool {
        self.objects.contains_key(oid)
    }

    async fn bring(&self, task: &Task, absent: &[ObjectId]) -> Outcome<()> {
        let Some(writer) = self.writer else {
            return promisor::need(task, self.repo, absent).await;
        };
        if absent.is_empty() {
            return Ok(());
        }
        let brought = bring(task, self.repo, writer, &self.repo.remote, absent);
        let refused = task.race(brought).await??.refused.into_values().next();
        refused.map_or(Ok(()), |refused| Err(Failure::from(refused)))
    }

    /// Makes the objects part of a publication: those that are not stored already, and what they
    /// add to the repository's figures. Those that a gc found unreachable are stored anew: the time
    /// after which one drops them begins again. After it is committed, [`Odb::refresh`] shows them.
    /// Answers those that get a row each.
    ///
    /// [`Odb::refresh`]: crate::store::odb::Odb::refresh
    pub async fn publish(mut self, task: &Task, publication: &mut Publication<'_>) -> Outcome<Vec<(ObjectId, Object)>> {
        let mut new = Vec::with_capacity(self.order.len());
        let mut again = 0;
        for group in self.order.chunks(LOOKUPS) {
            task.checkpoint().await?;
            let found = task.race(self.repo.odb.find_entries(group)).await?.at(Stage::Read)?;
            for (oid, found) in group.iter().zip(found) {
                let stays = found
                    .as_ref()
                    .is_some_and(|found| found.entry.is_none_or(|entry| !entry.pack.cruft));
                if !stays {
                    new.extend(self.objects.remove(oid).map(|object| (*oid, object)));
                    again += u64::from(found.is_some());
                }
            }
        }
        if new.is_empty() {
            return Ok(new);
        }
        let bytes: usize = new.iter().map(|(_, object)| object.data.len()).sum();
        let mut stats = self.repo.meta.stats().await.at(Stage::Read)?;
        stats.objects += new.len() as u64 - again;
        if new.len() >= PACK_FROM || bytes > ROWS_BYTES {
            let pack = write_pack(task, publication.writer(), std::mem::take(&mut new)).await?;
            stats.bytes += pack.live().bytes;
            stats.packs += 1;
            publication.pack(pack);
        } else {
            for (oid, object) in &new {
                task.checkpoint().await?;
                let ready = ReadyObject::new(*oid, object.kind, &object.data);
                stats.bytes += ready.bytes();
                publication.ready(ready);
            }
        }
        publication.stats(stats);
        Ok(new)
    }
}

/// Stores objects as a pack that nobody sees yet. If the task ends here, the next writer removes it.
async fn write_pack(task: &Task, writer: &Writer, objects: Vec<(ObjectId, Object)>) -> Outcome<ReadyPack> {
    let count = u32::try_from(objects.len()).map_err(|_| StoreError::Limit { what: "objects" });
    let mut sink = PackSink::new(writer.backend().clone(), writer.new_pack(), 0);
    let mut entries = Vec::with_capacity(objects.len());
    let mut bytes = Vec::new();
    let mut pack = PackWriter::begin(count.at(Stage::Update)?, &mut bytes);
    for (oid, object) in objects {
        sink.write(&bytes).await.at(Stage::Update)?;
        bytes.clear();
        pack.object(object.kind, &object.data, &mut bytes);
        entries.push(Entry {
            offset: sink.bytes(),
            size: object.data.len() as u64,
            crc32: Crc32::of(&bytes),
            base: None,
            kind: object.kind,
            oid,
        });
        task.checkpoint().await?;
    }
    let checksum = pack.finish(&mut bytes);
    sink.write(&bytes).await.at(Stage::Update)?;
    let index = PackIndex {
        entries,
        checksum,
        bytes: sink.bytes(),
        external: Vec::new(),
    };
    let staged = sink.finish().await.at(Stage::Update)?;
    staged.write_index(&index).await.at(Stage::Update)
}

/// Says that what was to be written shows the marks of an attack.
pub(crate) fn collides(oid: &ObjectId) -> GitError {
    let message = format!("object {oid} shows the marks of a SHA-1 collision attack and is not written");
    GitError::new(Code::PackCollision, Stage::Request, message).with("oid", Datum::Text(oid.to_hex()))
}

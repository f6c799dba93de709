//! Blobs of any size: written as they come, and never held whole. As git does with files beyond
//! `core.bigFileThreshold`, a large one becomes a pack of its own (`bulk-checkin.c`).
//!
//! An object's id depends on its size before it depends on its bytes, and the size is known last. So
//! the bytes are stored as they come, read back, hashed and deflated.

use super::{blob, published};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::hash::ObjectHasher;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::entry::EntryKind;
use crate::format::pack::write::PackWriter;
use crate::format::pack::{Entry, PackIndex};
use crate::format::zlib::Deflater;
use crate::host::Async;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::staging::{ROWS_BYTES, collides};
use crate::store::StoreError;
use crate::store::pack_store::{PackSink, ReadyPack, StagedPack};
use crate::store::publish::{Publication, Writer};
use crate::task::Task;

/// Gives the next bytes of what is written; none at its end, and `None` if they cannot be had.
pub type Pieces<'a> = &'a dyn Fn() -> Async<'static, Option<Vec<u8>>>;

/// Bytes that are read back together.
const PIECE: u64 = 1 << 20;

/// What large blobs are deflated at: what is large is often compressed already, and better levels
/// take several times as long.
const LEVEL: u8 = 1;

/// Writes a blob of what `pieces` gives. The repository is locked for other writers from the moment
/// on that it turns out to be large (8 MiB).
pub async fn blob_of(task: &Task, repo: &Repository, pieces: Pieces<'_>) -> Outcome<ObjectId> {
    let mut content = Vec::new();
    while content.len() <= ROWS_BYTES {
        match next(task, pieces).await? {
            piece if piece.is_empty() => return blob(task, repo, content).await,
            piece => content.extend(piece),
        }
    }
    let writer = repo.writer(task).await?;
    let written = write(task, repo, &writer, content, pieces).await;
    // The bytes as they came, and all of it if it failed. What cannot be removed now is removed
    // before the next writer writes.
    let _swept_later = writer.sweep().await;
    written
}

async fn next(task: &Task, pieces: Pieces<'_>) -> Outcome<Vec<u8>> {
    task.checkpoint().await?;
    let piece = task.race(pieces()).await?;
    piece.ok_or_else(|| GitError::new(Code::Internal, Stage::Request, "the content cannot be read").into())
}

async fn write(
    task: &Task,
    repo: &Repository,
    writer: &Writer,
    mut piece: Vec<u8>,
    pieces: Pieces<'_>,
) -> Outcome<ObjectId> {
    let mut came = PackSink::new(writer.backend().clone(), writer.new_pack(), 0);
    while !piece.is_empty() {
        came.write(&piece).await.at(Stage::Update)?;
        piece = next(task, pieces).await?;
    }
    let mut came = came.finish().await.at(Stage::Update)?;
    let (oid, pack) = pack(task, writer, &mut came).await?;
    let found = task.race(repo.odb.find_entries(&[oid])).await?.at(Stage::Read)?.pop();
    let found = found.flatten();
    if found
        .as_ref()
        .is_some_and(|found| found.entry.is_none_or(|entry| !entry.pack.cruft))
    {
        return Ok(oid);
    }
    let mut stats = repo.meta.stats().await.at(Stage::Read)?;
    stats.objects += u64::from(found.is_none());
    stats.bytes += pack.live().bytes;
    stats.packs += 1;
    let mut publication = Publication::new(writer);
    publication.pack(pack).stats(stats);
    published(task, repo, publication).await?;
    Ok(oid)
}

/// A pack with a blob of the bytes that came, which nobody sees yet.
async fn pack(task: &Task, writer: &Writer, came: &mut StagedPack) -> Outcome<(ObjectId, ReadyPack)> {
    let size = came.bytes();
    let mut sink = PackSink::new(writer.backend().clone(), writer.new_pack(), 0);
    let (mut out, mut deflated) = (Vec::new(), Vec::new());
    let mut pack = PackWriter::begin(1, &mut out);
    let offset = pack.bytes();
    pack.header(EntryKind::Whole(Kind::Blob), size, &mut out);
    let mut hasher = ObjectHasher::new(Kind::Blob, size);
    let mut deflater = Deflater::new(LEVEL);
    let mut at = 0;
    while at < size {
        let range = at..size.min(at.saturating_add(PIECE));
        at = range.end;
        came.load(range.clone()).await.at(Stage::Update)?;
        let piece = came
            .get(range)
            .ok_or(StoreError::Limit { what: "chunks" })
            .at(Stage::Update)?;
        for piece in piece.chunks(DEFLATED) {
            hasher.update(piece);
            deflater.push(piece, &mut deflated);
            task.worked(piece.len());
            task.checkpoint().await?;
        }
        pack.stream(&deflated, &mut out);
        deflated.clear();
        sink.write(&out).await.at(Stage::Update)?;
        out.clear();
    }
    deflater.finish(&mut deflated);
    pack.stream(&deflated, &mut out);
    let oid = hasher.finish().map_err(|collision| collides(&collision.oid))?;
    let entry = Entry {
        offset,
        size,
        crc32: pack.crc32(),
        base: None,
        kind: Kind::Blob,
        oid,
    };
    let checksum = pack.finish(&mut out);
    sink.write(&out).await.at(Stage::Update)?;
    let index = PackIndex {
        entries: vec![entry],
        checksum,
        bytes: sink.bytes(),
        external: Vec::new(),
    };
    let staged = sink.finish().await.at(Stage::Update)?;
    let pack = staged.write_index(&index).await.at(Stage::Update)?;
    Ok((oid, pack))
}

/// Bytes that are deflated without a pause.
const DEFLATED: usize = 64 << 10;

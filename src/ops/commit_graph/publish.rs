//! What is made becomes the graph: under the writer's lock, which is not waited for, and in one
//! transaction.

use super::filters::Drafts;
use crate::error::{Outcome, Stage};
use crate::format::commit_graph::{Encoder, Row};
use crate::host::Wait;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::store::StoreError;
use crate::store::commit_graph::{Chain, FileSink, GraphFile, StoredGraph};
use crate::store::pack_store::PackId;
use crate::store::publish::{Publication, Writer};
use crate::task::Task;

/// A file with those rows and filters takes the place of all but the lowest `kept` files.
pub(super) async fn file(
    task: &Task,
    repo: &Repository,
    stored: &StoredGraph,
    kept: usize,
    rows: &[Row],
    drafts: &Drafts,
    packs: Vec<PackId>,
) -> Outcome<()> {
    let mut files = stored.chain.files.get(..kept).unwrap_or_default().to_vec();
    let commits = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    replace(task, repo, stored, rows, drafts, |id, bytes| {
        if commits > 0 {
            files.push(GraphFile {
                id,
                bytes,
                commits,
                filtered: drafts.is_done(),
            });
        }
        Chain { packs, files }
    })
    .await
}

/// The same file, with other filters.
pub(super) async fn filtered(
    task: &Task,
    repo: &Repository,
    stored: &StoredGraph,
    number: usize,
    rows: &[Row],
    drafts: &Drafts,
) -> Outcome<()> {
    let mut chain = stored.chain.clone();
    replace(task, repo, stored, rows, drafts, |id, bytes| {
        if let Some(file) = chain.files.get_mut(number) {
            (file.id, file.bytes, file.filtered) = (id, bytes, drafts.is_done());
        }
        chain
    })
    .await
}

/// The same files; more packs were looked at.
pub(super) async fn packs(task: &Task, repo: &Repository, stored: &StoredGraph, packs: Vec<PackId>) -> Outcome<()> {
    let writer = writer(task, repo).await?;
    let files = stored.chain.files.clone();
    publish(task, repo, stored, &writer, &Chain { packs, files }).await
}

async fn replace(
    task: &Task,
    repo: &Repository,
    stored: &StoredGraph,
    rows: &[Row],
    drafts: &Drafts,
    chain: impl FnOnce(PackId, u64) -> Chain,
) -> Outcome<()> {
    let mut encoder = encoder(rows, drafts)?;
    let writer = writer(task, repo).await?;
    let id = writer.new_pack();
    let bytes = encoder.bytes();
    let written = async {
        let mut sink = FileSink::new(writer.backend().clone(), id);
        while let Some(piece) = encoder.next_piece() {
            task.race(sink.write(&piece)).await?.at(Stage::Update)?;
            task.checkpoint().await?;
        }
        task.race(sink.finish()).await?.at(Stage::Update)
    };
    if let Err(failure) = written.await {
        // What cannot be removed now is swept by the next writer.
        let _ = writer.sweep().await;
        return Err(failure);
    }
    // If this fails, nobody knows whether the list has the file: that is for the sweep to tell.
    publish(task, repo, stored, &writer, &chain(id, bytes)).await
}

/// Makes the file.
pub(super) fn encoder<'a>(rows: &'a [Row], drafts: &'a Drafts) -> Outcome<Encoder<'a>> {
    let encoder = Encoder::new(rows, drafts.filters(), &[]);
    encoder
        .map_err(|_| StoreError::Limit {
            what: "bytes of a graph",
        })
        .at(Stage::Update)
}

async fn writer(task: &Task, repo: &Repository) -> Outcome<Writer> {
    let taken = Writer::acquire(&*repo.host.storage, repo.backend.clone(), &repo.id, Wait::No);
    task.race(taken).await?.at(Stage::Update)
}

/// Makes it the list, if the list is still the one that it was made from; and removes the files that
/// it no longer has.
async fn publish(task: &Task, repo: &Repository, stored: &StoredGraph, writer: &Writer, chain: &Chain) -> Outcome<()> {
    let now = task.race(repo.odb.graph()).await?;
    if now.chain != stored.chain || now.disabled {
        return Err(StoreError::Busy).at(Stage::Update);
    }
    let mut publication = Publication::new(writer);
    publication.commit_graph(chain).at(Stage::Update)?;
    // Dropped, it could happen all the same, and name rows that are removed.
    task.check()?;
    publication.commit().await.at(Stage::Update)?;
    if chain.files != stored.chain.files {
        let _ = writer.sweep().await;
    }
    Ok(())
}

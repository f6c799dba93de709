//! Finds renames among stored files: gives the search of [`algo::rename`](crate::algo::rename) the
//! contents it asks for.

use crate::algo::rename::File;
use crate::algo::rename::{Found, Options, Renames, Source, Step};
use crate::error::Outcome;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::ops::staging::Staging;
use crate::store::odb::OdbLimits;
use crate::task::Task;

/// Bytes of contents read together, and how many: some milliseconds of work.
const TOGETHER: u64 = 1 << 20;
const MOST: usize = 64;

/// Which of the targets come from which of the sources. What a partial clone left with its remote is
/// fetched in one request for all files of the same name, and one for all that are left. A file too
/// large to be read into memory is like no other.
pub(crate) async fn search(
    task: &Task,
    objects: &Staging<'_>,
    sources: Vec<Source>,
    targets: Vec<File>,
    options: Options,
) -> Outcome<Found> {
    let mut renames = Renames::new(sources, targets, options);
    loop {
        task.checkpoint().await?;
        match renames.step() {
            Step::Need(oids) => give(task, objects, &mut renames, &oids).await?,
            Step::Busy => {}
            Step::Done => return Ok(renames.finish()),
        }
    }
}

async fn give(task: &Task, objects: &Staging<'_>, renames: &mut Renames, oids: &[ObjectId]) -> Outcome<()> {
    let most = OdbLimits::default().object_bytes;
    let sizes = objects.sizes(task, oids).await?;
    let mut group = Vec::new();
    let mut bytes = 0;
    for (oid, size) in oids.iter().zip(sizes) {
        if size > most {
            renames.pass(*oid);
            continue;
        }
        if bytes + size > TOGETHER || group.len() == MOST {
            give_group(task, objects, renames, &std::mem::take(&mut group)).await?;
            bytes = 0;
        }
        group.push(*oid);
        bytes += size;
    }
    give_group(task, objects, renames, &group).await
}

async fn give_group(task: &Task, objects: &Staging<'_>, renames: &mut Renames, oids: &[ObjectId]) -> Outcome<()> {
    task.checkpoint().await?;
    let contents = objects.read_all_as(task, oids, Kind::Blob).await?;
    for (oid, content) in oids.iter().zip(contents) {
        // Reading them all was a piece of work, and so is each.
        task.checkpoint().await?;
        renames.give(*oid, &content);
        task.worked(content.len());
    }
    Ok(())
}

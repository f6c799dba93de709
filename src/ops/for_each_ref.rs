//! Lists refs: git-for-each-ref(1), with `HEAD` among them.

use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::object;
use crate::store::refs::{Ref, Target};
use crate::task::Task;

/// A ref, with where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRef {
    /// Its full name.
    pub name: Vec<u8>,
    /// The object it leads to; `None` for a symbolic ref to a ref that does not exist (`HEAD` of
    /// an empty repository).
    pub oid: Option<ObjectId>,
    /// The ref it names, if it is symbolic.
    pub symbolic: Option<Vec<u8>>,
    /// If it leads to an annotated tag, the object that leads to in the end.
    pub peeled: Option<ObjectId>,
}

/// The refs whose full name starts with `prefix`, ordered bytewise. `HEAD` is among them if the
/// prefix is empty or `HEAD`.
pub async fn list(task: &Task, repo: &Repository, prefix: &[u8]) -> Outcome<Vec<ListedRef>> {
    let stored = task.race(repo.refs.list(prefix)).await?.at(Stage::Read)?;
    let mut refs = Vec::with_capacity(stored.len());
    for Ref { name, target, peeled } in stored {
        task.checkpoint().await?;
        refs.push(match target {
            Target::Direct(oid) => ListedRef {
                name,
                oid: Some(oid),
                symbolic: None,
                peeled,
            },
            Target::Symbolic(to) => {
                let found = task.race(repo.refs.resolve(&name)).await?.at(Stage::Read)?;
                let oid = found.and_then(|found| found.oid);
                ListedRef {
                    name,
                    oid,
                    symbolic: Some(to),
                    peeled,
                }
            }
        });
    }
    peel(task, repo, &mut refs).await?;
    Ok(refs)
}

/// Fills in what tags lead to, where that was not stored with them.
async fn peel(task: &Task, repo: &Repository, refs: &mut [ListedRef]) -> Outcome<()> {
    let mut unknown: Vec<&mut ListedRef> = refs
        .iter_mut()
        .filter(|listed| listed.peeled.is_none() && listed.name.starts_with(b"refs/tags/"))
        .collect();
    let oids: Vec<ObjectId> = unknown.iter().filter_map(|listed| listed.oid).collect();
    unknown.retain(|listed| listed.oid.is_some());
    let infos = task.race(repo.odb.info(&oids)).await?.at(Stage::Read)?;
    for ((listed, oid), info) in unknown.into_iter().zip(oids).zip(infos) {
        if info.is_some_and(|info| info.kind == Kind::Tag) {
            listed.peeled = Some(object::peel(task, repo, &oid, Goal::NoTag).await?.0);
        }
    }
    Ok(())
}

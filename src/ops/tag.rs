//! Tags: git-tag(1).

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;
use crate::ops::compose::bad_tag_name;
use crate::ops::fault::{self, At};
use crate::ops::rev_parse::resolve;
use crate::ops::staging::Staging;
use crate::ops::update_ref::{check_object, no_such_ref};
use crate::ops::write::{NewTag, compose_tag, publish};
use crate::ops::{Repository, reflog};
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::Task;

/// What a tag is made of.
#[derive(Clone)]
pub enum Made {
    /// The ref alone, to what that revision names.
    Light(Vec<u8>),
    /// An object with a message, and the ref to it.
    Annotated(NewTag),
}

/// Makes a tag, and answers with what its ref leads to. Fails with `AlreadyExists` if there is one of
/// that name, unless `force` says to replace it.
pub async fn create(task: &Task, repo: &Repository, short: &[u8], made: &Made, force: bool) -> Outcome<ObjectId> {
    let name = full_name(short)?;
    let (target, content) = match made {
        Made::Light(rev) => (resolve(task, repo, rev).await?, None),
        Made::Annotated(new) => {
            let (object, content) = compose_tag(task, repo, new).await?;
            (object, Some(content))
        }
    };
    // Before the writer is taken: what is promised is fetched by one of its own.
    let mut peeled = check_object(task, repo, &name, &target).await?;
    let writer = repo.writer(task).await?;
    let old = task.race(repo.refs.get(&name)).await?.at(Stage::Read)?;
    if old.is_some() && !force {
        let message = format!("there is a tag {} already", fault::quoted(short));
        let shown = String::from_utf8_lossy(short).into_owned();
        return Err(GitError::new(Code::AlreadyExists, Stage::Request, message)
            .with("ref", Datum::Text(shown))
            .into());
    }
    let mut staging = Staging::holding(repo, &writer);
    staging.kinds(task, &[target]).await?;
    let mut oid = target;
    if let Some(content) = content {
        oid = staging.put(Kind::Tag, content)?;
        peeled = peeled.or(Some(target));
    }
    let config = repo.config().await?;
    let mut publication = Publication::new(&writer);
    let update = RefUpdate {
        name,
        expect: None,
        new: Some(Target::Direct(oid)),
        peeled,
    };
    let message = format!("tag: tagging {target}");
    publication.update_logged(update, &reflog::who(&repo.host, &config), message);
    publish(task, repo, staging, publication).await?;
    Ok(oid)
}

/// Deletes a tag. Fails with `RefNotFound` if there is none.
pub async fn delete(task: &Task, repo: &Repository, short: &[u8], expect: Option<ObjectId>) -> Outcome<()> {
    let name = full_name(short)?;
    let writer = repo.writer(task).await?;
    if task.race(repo.refs.get(&name)).await?.at(Stage::Read)?.is_none() {
        return Err(no_such_ref(&name).into());
    }
    let config = repo.config().await?;
    let mut publication = Publication::new(&writer);
    let update = RefUpdate {
        name,
        expect: expect.map(Some),
        new: None,
        peeled: None,
    };
    publication.update_logged(update, &reflog::who(&repo.host, &config), "");
    task.shield()?;
    publication.commit().await.at(Stage::Update)
}

/// The full name of a tag (`strbuf_check_tag_ref`).
fn full_name(short: &[u8]) -> Outcome<Vec<u8>> {
    match RefName::new([b"refs/tags/", short].concat()) {
        Ok(name) if !short.starts_with(b"-") && short != b"HEAD" => Ok(name.into_bytes()),
        _ => Err(bad_tag_name(short).into()),
    }
}

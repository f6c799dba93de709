//! Empty repositories: git-init(1).

use crate::error::{Code, Datum, GitError, Outcome, Stage};
use crate::format::config::Config;
use crate::format::refname::RefName;
use crate::host::Host;
use crate::ops::fault::{self, At};
use crate::ops::repository::{Repository, create};
use crate::store::meta::Stats;
use crate::store::publish::{Publication, RefUpdate};
use crate::store::refs::Target;
use crate::task::Task;

/// Makes the empty repository `name`, with `HEAD` on the branch `default_branch`, which has no
/// commit yet. Fails with `AlreadyExists` if the name is taken, and with `InvalidRef` if there can
/// be no such branch. With a remote and a fetch it becomes a clone.
pub async fn init(host: &Host, task: &Task, name: &str, default_branch: &str) -> Outcome<Repository> {
    let head = branch(default_branch)?;
    let made = create(host, task, name, async |reservation| {
        let mut config = Config::default();
        let settings = [("core.repositoryformatversion", "0"), ("core.bare", "false")];
        for (key, value) in settings {
            config
                .set(key.as_bytes(), value.as_bytes())
                .map_err(|error| fault::config_change(key.as_bytes(), &error))?;
        }
        let mut publication = Publication::new(&reservation.writer);
        publication
            .create()
            .update(RefUpdate {
                name: b"HEAD".to_vec(),
                expect: Some(None),
                new: Some(Target::Symbolic(head)),
                peeled: None,
            })
            .config(config.as_bytes().to_vec())
            .stats(Stats::default());
        task.shield()?;
        publication.commit().await.at(Stage::Update)
    });
    Ok(made.await?.0)
}

/// The full name of a branch. Git takes no branch that looks like an option, and none called `HEAD`
/// (`strbuf_check_branch_ref`).
fn branch(short: &str) -> Outcome<Vec<u8>> {
    let name = RefName::new([b"refs/heads/", short.as_bytes()].concat());
    match name {
        Ok(name) if !short.starts_with('-') && short != "HEAD" => Ok(name.into_bytes()),
        _ => {
            let message = format!("{} cannot be the name of a branch", fault::quoted(short.as_bytes()));
            Err(GitError::new(Code::InvalidRef, Stage::Request, message)
                .with("ref", Datum::Text(short.to_owned()))
                .into())
        }
    }
}

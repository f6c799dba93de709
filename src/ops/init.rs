//! Empty repositories: git-init(1).

use crate::error::{Outcome, Stage};
use crate::format::config::Config;
use crate::host::Host;
use crate::ops::branch;
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
    let head = branch::full_name(default_branch.as_bytes())?;
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

//! What became of a push whose answer never came: the server is asked for its refs again. Nothing
//! is sent but that question, and a server that is still at work on the push may do it later.

use super::outcome::PushUpdate;
use super::{Place, track};
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::merge_base::is_ancestor;
use crate::ops::remote::{self, Remote, Service, url_error};
use crate::protocol::url::RemoteUrl;
use crate::task::Task;

/// One ref of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its full name on the server.
    pub name: Vec<u8>,
    /// What it held before.
    pub old: Option<ObjectId>,
    /// What it was to hold.
    pub new: Option<ObjectId>,
}

/// What a ref is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its full name on the server.
    pub name: Vec<u8>,
    /// What became of the push to it.
    pub fate: Fate,
    /// What it holds.
    pub now: Option<ObjectId>,
    /// The ref here that follows it, if the push was done.
    pub tracking: Option<Vec<u8>>,
}

/// What became of a push to a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The ref is what it was to become, or somebody has built upon that since.
    Applied,
    /// It is what it was before.
    NotApplied,
    /// It is something else: somebody has changed it, after the push or in its place.
    Moved,
}

impl Fate {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Fate::Applied => "applied",
            Fate::NotApplied => "not-applied",
            Fate::Moved => "moved",
        }
    }
}

/// Whom to ask.
#[derive(Clone, Default)]
pub struct Options {
    /// The remote, as for [`super::push`].
    pub remote: Option<String>,
    /// Which of its URLs, as [`super::PushedTo::url`] has it; `None`: the first.
    pub url: Option<String>,
    /// How to talk to it.
    pub transport: remote::Options,
}

/// Asks a server what its refs are now. Tracking refs are moved for what was done.
pub async fn ask(task: &Task, repo: &Repository, questions: &[Question], options: &Options) -> Outcome<Vec<Answer>> {
    let place = task.race(Place::read(repo, options.remote.as_deref())).await??;
    let url = address(&place.remote.push_urls, options.url.as_deref());
    let url = RemoteUrl::parse(url).map_err(|error| url_error(&error))?;
    let connected = Remote::connect(&repo.host, task, &url, Service::ReceivePack, &options.transport);
    let (refs, _) = task.race(connected).await??.advertised();
    let shallow = task.race(repo.meta.shallow()).await?.at(Stage::Read)?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        task.checkpoint().await?;
        let now = refs.get(&question.name).map(|found| found.oid);
        let fate = match (question.new, now) {
            (new, now) if new == now => Fate::Applied,
            (_, now) if now == question.old => Fate::NotApplied,
            (Some(new), Some(now)) if is_ancestor(task, &repo.odb, &shallow, &new, &now).await? => Fate::Applied,
            _ => Fate::Moved,
        };
        answers.push(Answer {
            name: question.name.clone(),
            fate,
            now,
            tracking: None,
        });
    }
    let mut done: Vec<PushUpdate> = answers.iter().filter_map(update).collect();
    task.shield()?;
    if let Err(failure) = track::track(task, repo, &place, &mut done).await {
        track::warn(task, track::NOT_MOVED, &failure);
    }
    let mut done = done.into_iter();
    for answer in answers.iter_mut().filter(|answer| answer.fate == Fate::Applied) {
        answer.tracking = done.next().and_then(|update| update.tracking);
    }
    Ok(answers)
}

/// The URL of that name, with its login if it has one.
fn address<'a>(urls: &'a [String], wanted: Option<&'a str>) -> &'a str {
    let first = urls.first().map(String::as_str).unwrap_or_default();
    let Some(wanted) = wanted else { return first };
    let same = |url: &&String| RemoteUrl::parse(url).is_ok_and(|url| url.without_userinfo().to_string() == wanted);
    urls.iter().find(same).map_or(wanted, String::as_str)
}

fn update(answer: &Answer) -> Option<PushUpdate> {
    (answer.fate == Fate::Applied).then(|| PushUpdate::settled(&answer.name, answer.now))
}

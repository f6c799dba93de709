//! One push to one URL: `transport_push` of git's transport.c, and what `send_pack` does around the
//! wire.

use super::outcome::{self, PushUpdate};
use super::plan::{Plan, Prepared, Server};
use super::{Options, Place, Preflight, PushedTo, preflight, sign, track, upstream};
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;
use crate::host::RequestBody;
use crate::ops::fault::{At, quoted};
use crate::ops::pack_objects::{self, pack_objects};
use crate::ops::remote::{Answered, Remote, Service, Session, url_error};
use crate::ops::{Repository, anonymize};
use crate::protocol::push::{Command, PushRequest};
use crate::protocol::url::RemoteUrl;
use crate::sorted::order;
use crate::task::{Cancelled, Task};

/// A push to one URL.
pub(super) struct Run<'a> {
    /// The push to all of them. It is shielded when the first server has answered: from then on the
    /// caller is told what became of the refs, whatever else happens.
    pub(super) whole: &'a Task,
    /// This part of it, which can be given up even then.
    pub(super) part: Task,
    pub(super) repo: &'a Repository,
    pub(super) place: &'a Place,
    pub(super) options: &'a Options,
    pub(super) prepared: &'a Prepared,
}

/// A push that can be sent.
struct Ready {
    session: Session,
    plan: Plan,
    pushed: PushedTo,
    /// `None`: nothing is to be sent.
    upload: Option<Upload>,
}

/// A request.
struct Upload {
    request: PushRequest,
    head: Vec<u8>,
    body: RequestBody,
}

impl Run<'_> {
    /// Pushes. Fails with `Cancelled` if nothing was sent, or if the whole was cancelled.
    pub(super) async fn push_to(&self, url: &str) -> Outcome<PushedTo> {
        let Ready {
            mut session,
            plan,
            mut pushed,
            upload,
        } = self.part.race(self.make_ready(url)).await??;
        match upload {
            None => pushed.updates = outcome::planned(&plan),
            Some(upload) => {
                let answered = self.send(&mut session, upload).await?;
                self.whole.shield()?;
                pushed.bytes = answered.sent;
                pushed.updates = outcome::judged(&plan, &answered);
                self.look_again(&mut session, &mut pushed.updates).await;
                pushed.error = unpack_failed(&pushed.url, &answered).or(answered.trouble);
                pushed.messages = answered.messages;
            }
        }
        upstream::note(self.prepared, &plan, &mut pushed.updates);
        if !self.options.dry_run {
            self.whole.shield()?;
            self.track(&mut pushed.updates).await;
        }
        Ok(pushed)
    }

    /// Does all that comes before a request is sent.
    async fn make_ready(&self, url: &str) -> Outcome<Ready> {
        let (task, repo) = (&self.part, self.repo);
        let url = RemoteUrl::parse(url).map_err(|error| url_error(&error))?;
        let transport = &self.options.transport;
        let mut session = Remote::connect(&repo.host, task, &url, Service::ReceivePack, transport).await?;
        let offer = session.push_offer();
        let server = Server {
            deletes: offer.delete_refs,
            atomic: offer.atomic,
        };
        let (refs, extra) = session.advertised();
        let plan = self.prepared.plan(task, repo, &refs, server).await?;
        let mut pushed = PushedTo {
            url: session.url(),
            ..PushedTo::default()
        };
        let mut upload = None;
        if !self.options.dry_run && plan.commands().next().is_some() {
            let mut have: Vec<ObjectId> = refs.iter().map(|found| found.oid).chain(extra).collect();
            order::sort(&mut have);
            have.dedup();
            upload = Some(self.pack(&mut session, &url, &plan, &have, &mut pushed).await?);
        }
        Ok(Ready {
            session,
            plan,
            pushed,
            upload,
        })
    }

    /// Makes the request of what the plan says.
    async fn pack(
        &self,
        session: &mut Session,
        url: &RemoteUrl,
        plan: &Plan,
        have: &[ObjectId],
        pushed: &mut PushedTo,
    ) -> Outcome<Upload> {
        let (task, repo) = (&self.part, self.repo);
        let mut request = PushRequest {
            commands: commands(plan)?,
            shallow: task.race(repo.meta.shallow()).await?.at(Stage::Pack)?,
            atomic: plan.atomic,
            options: self.push_options(),
            certificate: None,
        };
        let offer = session.push_offer();
        request
            .check(&offer)
            .map_err(|error| session.push_request_fault(&error))?;
        if let Some(sign) = &self.options.sign {
            sign::sign(task, session, &mut request, sign, &self.place.who).await?;
        }
        let head = session.write_push(&request)?;
        let mut parts = session.parts();
        parts
            .push(head.clone())
            .await
            .map_err(|error| session.body_fault(&error))?;
        let mut large = Vec::new();
        if request.needs_pack() {
            let want: Vec<ObjectId> = request.commands.iter().filter_map(|command| command.new).collect();
            let wish = pack_objects::Wish {
                want: &want,
                have,
                known: Some(self.prepared.known_tags()),
                thin: offer.thin_pack,
                ofs_delta: offer.ofs_delta,
                level: self.compression(),
                promised: self.place.remote.promisor && self.is_fetched_from(url),
                large: self.options.weights.file,
            };
            let packed = pack_objects(task, repo, &wish, &mut *parts).await?;
            pushed.objects = packed.objects;
            if !packed.large.is_empty() {
                large = preflight::name(task, &repo.odb, &packed.large, &want, have).await?;
            }
        }
        let ready = Preflight {
            remote: anonymize(&String::from_utf8_lossy(&self.place.remote.name)),
            url: pushed.url.clone(),
            refs: plan.commands().cloned().collect(),
            objects: pushed.objects,
            bytes: parts.len(),
            large,
        };
        let options = self.options;
        preflight::check(task, ready, options.weights, options.before.as_ref()).await?;
        let body = parts.finish().map_err(|error| session.body_fault(&error))?;
        Ok(Upload { request, head, body })
    }

    /// Sends the request, and hears what becomes of it. If this part is given up meanwhile, nothing
    /// is known of it.
    async fn send(&self, session: &mut Session, upload: Upload) -> Outcome<Answered> {
        let Upload { request, head, body } = upload;
        let sent = body.len();
        match self.part.race(session.push(&request, head, body)).await {
            Ok(Err(Failure::Cancelled)) | Err(Cancelled) => {
                self.whole.check()?;
                Ok(Answered {
                    trouble: Some(aborted(&session.url())),
                    sent,
                    ..Answered::default()
                })
            }
            Ok(answered) => answered,
        }
    }

    /// Whether that is where the remote is fetched from: what a `pushurl` names may be another
    /// repository, which promised nothing.
    fn is_fetched_from(&self, url: &RemoteUrl) -> bool {
        let is_same = |fetched: RemoteUrl| fetched.without_userinfo() == url.clone().without_userinfo();
        let fetched = self.place.remote.urls.first();
        fetched.is_some_and(|fetched| RemoteUrl::parse(fetched).is_ok_and(is_same))
    }

    /// Browsers send a request again, unasked, whose connection broke before its answer. Then the
    /// first of the two may have done what the answer to the second says cannot be done, because
    /// the ref is not what it was.
    async fn look_again(&self, session: &mut Session, updates: &mut [PushUpdate]) {
        if !updates.iter().any(PushUpdate::lost_a_race) {
            return;
        }
        // If that fails, or takes the caller too long, what the server said of them stands.
        if let Ok(Ok(())) = self.part.race(session.refresh()).await {
            let (refs, _) = session.advertised();
            for update in updates.iter_mut().filter(|update| update.is_refused_there()) {
                if refs.get(&update.name).map(|found| found.oid) == update.new {
                    update.settle();
                }
            }
        }
    }

    /// The caller's, else those of the configuration, of which an empty one takes back those before.
    fn push_options(&self) -> Vec<Vec<u8>> {
        if !self.options.push_options.is_empty() {
            let given = self.options.push_options.iter();
            return given.map(|option| option.as_bytes().to_vec()).collect();
        }
        let mut options = Vec::new();
        for value in self.place.config.get_all(b"push.pushOption") {
            match value.unwrap_or_default() {
                b"" => options.clear(),
                text => options.push(text.to_vec()),
            }
        }
        options
    }

    /// The caller's level, else the configuration's.
    fn compression(&self) -> Option<u8> {
        let configured = |key: &[u8]| self.place.config.get_number(key);
        let level = || configured(b"pack.compression").or_else(|| configured(b"core.compression"));
        let given = self.options.compression;
        given.or_else(|| level().and_then(|level| u8::try_from(level).ok()))
    }

    /// Has the refs here, and the branches, follow what was done.
    async fn track(&self, updates: &mut [PushUpdate]) {
        let (task, repo, place) = (self.whole, self.repo, self.place);
        if updates.iter().any(|update| update.followed_by.is_some())
            && let Err(failure) = upstream::write(task, repo, place, updates).await
        {
            updates.iter_mut().for_each(|update| update.followed_by = None);
            track::warn(task, "what branches follow could not be written", &failure);
        }
        if let Err(failure) = track::track(task, repo, place, updates).await {
            track::warn(task, track::NOT_MOVED, &failure);
        }
    }
}

fn commands(plan: &Plan) -> Outcome<Vec<Command>> {
    let commands = plan.commands().map(|planned| {
        let name = RefName::new(planned.name.clone()).map_err(|error| {
            let message = format!("{} is no valid ref name: {error}", quoted(&planned.name));
            GitError::new(Code::InvalidRef, Stage::Request, message)
        })?;
        Ok(Command {
            name,
            old: planned.old,
            new: planned.new,
        })
    });
    commands.collect()
}

/// The caller gave up while the server was at it.
fn aborted(url: &str) -> GitError {
    let message = format!("the push was aborted before {url} said what became of it");
    GitError::new(Code::PushOutcomeUnknown, Stage::Send, message)
        .with_url(url)
        .with_hint("the server may have done it: ask it before anything is pushed again")
}

/// The server has what was sent and could not take it.
fn unpack_failed(url: &str, answered: &Answered) -> Option<GitError> {
    let why = answered.report.as_ref()?.unpack.as_ref()?;
    let mut error = GitError::new(
        Code::PushUnpackFailed,
        Stage::Report,
        format!("{url} could not take the objects that were pushed: {why}"),
    )
    .with_url(url)
    .with("unpack", Datum::Text(why.clone()));
    if !answered.messages.is_empty() {
        error = error.with_remote_text(answered.messages.join("\n"));
    }
    Some(error)
}

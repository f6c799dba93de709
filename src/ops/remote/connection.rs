//! One remote, request by request: what each request carries, whether it may follow a redirect,
//! what is done about a refusal (log in, leave `Git-Protocol` away, wait and try again), until
//! there is an answer whose body is Git's, or an error.
//!
//! Who gets what: a login goes to the origin it was given for, custom headers to the origin the
//! caller named, and a request that carries either, or a body, never follows a redirect. Through a
//! proxy go only bare requests, unless the caller trusts it.

use std::rc::Rc;

use super::auth;
use super::login::{Login, Wanted};
use super::options::{Memory, Options};
use super::redirect::Moved;
use super::request::{Call, Prepared, check_headers, check_server_options};
use super::retry::Tries;
use super::said::{Said, is_page, split_type};
use super::watch::{Trouble, WatchedBody, within};
use crate::error::{Failure, Outcome, Stage};
use crate::host::{Host, Http, HttpError, RequestBody, Response};
use crate::protocol::smart_http::Service;
use crate::protocol::url::RemoteUrl;
use crate::task::{Event, Task};

/// A body of Git's, about to be read.
pub(super) struct Answer {
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The body.
    pub body: WatchedBody,
}

/// A remote that is being talked to.
pub(super) struct Connection {
    pub(super) http: Rc<dyn Http>,
    pub(super) task: Task,
    pub(super) options: Options,
    /// Where the repository is by now, without userinfo.
    pub(super) url: RemoteUrl,
    /// The origin the caller named.
    pub(super) home: String,
    pub(super) service: Service,
    /// The page's origin.
    pub(super) page: Option<String>,
    pub(super) login: Login,
    /// Whether any answer could be read.
    pub(super) answered: bool,
}

impl Connection {
    /// A connection to be; nothing is sent. Fails for options that cannot be honoured.
    pub(super) fn new(host: &Host, task: &Task, url: RemoteUrl, service: Service, options: &Options) -> Outcome<Self> {
        let page = host.http.surroundings().origin;
        let login = Login::new(&url, options.credentials.clone(), options.on_credentials.clone());
        check_headers(options)?;
        check_server_options(options)?;
        Ok(Connection {
            http: host.http.clone(),
            task: task.clone(),
            options: options.clone(),
            home: url.origin(),
            url: url.without_userinfo(),
            service,
            page,
            login,
            answered: false,
        })
    }

    /// Where the repository is by now, without userinfo.
    pub(super) fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// The task it works for.
    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// How it was told to work.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether a request to the repository's own origin would need CORS, and whether that origin
    /// is known to refuse the `Git-Protocol` header.
    pub(super) fn crosses_directly(&self) -> bool {
        self.options.cors_proxy.is_none() && self.page.as_ref().is_some_and(|page| *page != self.url.origin())
    }

    /// Sends until there is an answer of Git's, or an error.
    pub(super) async fn call(&mut self, call: Call<'_>, stage: Stage) -> Outcome<Answer> {
        let answer = self.send(call, stage).await;
        answer.map_err(|failure| match failure {
            Failure::Error(error) => self.redacted(*error).into(),
            Failure::Cancelled => Failure::Cancelled,
        })
    }

    async fn send(&mut self, call: Call<'_>, stage: Stage) -> Outcome<Answer> {
        let mut git_protocol = match call {
            Call::Discover(value) => value,
            Call::Rpc(rpc) => rpc.git_protocol,
            Call::Push(upload) => upload.git_protocol,
        };
        let safe = call.is_safe();
        let mut tries = Tries::default();
        let mut left_away_at: Option<String> = None;
        loop {
            let prepared = self.prepare(call, git_protocol, stage).await?;
            let memory = &self.options.memory;
            if matches!(call, Call::Discover(_))
                && git_protocol.is_some()
                && prepared.crosses
                && memory.refuses_git_protocol(&prepared.origin)
            {
                git_protocol = None;
                continue;
            }
            self.trace_request(&prepared);
            let readable = match call {
                Call::Discover(_) => None,
                Call::Rpc(rpc) => Some(&rpc.body),
                Call::Push(upload) => Some(&upload.head),
            };
            if let (Some(bytes), Some(mut packets)) = (readable, self.packets('>')) {
                packets.feed(bytes);
                packets.finish();
            }
            let started = self.task.clock().now();
            let body_bytes = prepared.request.body.as_ref().map_or(0, RequestBody::len);
            let sent = within(
                &self.task,
                self.patience(body_bytes),
                self.http.send(prepared.request.clone()),
            );
            let response = match sent.await.and_then(|result| result.map_err(Trouble::Http)) {
                Ok(response) => response,
                Err(Trouble::Http(HttpError::Opaque { .. }))
                    if matches!(call, Call::Discover(_)) && git_protocol.is_some() && prepared.crosses =>
                {
                    // A preflight that does not allow the header looks like a dead network.
                    self.note(|| "no answer; trying without Git-Protocol, which needs a preflight".to_owned());
                    git_protocol = None;
                    left_away_at = Some(prepared.origin);
                    continue;
                }
                Err(Trouble::Http(HttpError::Opaque { .. } | HttpError::Broken { .. }))
                    if safe && self.try_again_unanswered(&prepared, &mut tries).await? =>
                {
                    continue;
                }
                Err(trouble) => return Err(self.trouble(&prepared, trouble, 0)),
            };
            self.trace_response(&response, self.task.clock().now() - started);
            self.answered = true;
            if let Some(origin) = left_away_at.take() {
                remember(&self.options.memory, &origin);
                self.task.tell(Event::Warning(format!(
                    "{origin} does not allow the Git-Protocol header; going on without it"
                )));
            }
            if response.redirect_refused {
                return Err(self.place(&prepared).redirect_refused().into());
            }
            let status = response.status;
            match self.moved(&prepared, &response)? {
                Moved::No => {}
                Moved::SignIn => {
                    self.log_in(&prepared, response, stage).await?;
                    continue;
                }
            }
            let kind = split_type(response.header("content-type").unwrap_or_default()).0;
            match status {
                200 | 203..=205 if !is_page(&kind) => {
                    self.login.approve(&self.url);
                    let content_type = response.header("content-type").map(str::to_owned);
                    let (task, timeouts) = (self.task.clone(), &self.options.timeouts);
                    // What a hook does meanwhile may take its time, and some servers send no
                    // keep-alives.
                    let stall = match safe {
                        true => timeouts.stall,
                        false => timeouts.stall.max(timeouts.first_byte),
                    };
                    let body = WatchedBody::new(response.body, task, stall, u64::MAX, self.packets('<'));
                    return Ok(Answer { content_type, body });
                }
                200 | 203 => {
                    let said = self.said(&response_type(&response), response.body).await?;
                    let sign_in = status == 203 || matches!(said, Said::Page { sign_in: true, .. });
                    if !sign_in || prepared.authorized || !self.login.could_help(&self.url) {
                        return Err(self.place(&prepared).page(status, &said).into());
                    }
                    self.next_login(&prepared, &[], &said, status, stage).await?;
                }
                401 => self.log_in(&prepared, response, stage).await?,
                403 | 404 if self.may_log_in_unasked(&prepared, status) => {
                    self.log_in(&prepared, response, stage).await?
                }
                _ => {
                    let retry_after = self.retry_after(&response);
                    let hint = match safe {
                        true => match self.wait_for(status, retry_after, &mut tries) {
                            Ok(wait) => {
                                drop(response);
                                self.sleep(wait).await?;
                                continue;
                            }
                            Err(hint) => hint,
                        },
                        false => None,
                    };
                    let said = self.said(&response_type(&response), response.body).await?;
                    let error = self.place(&prepared).status(status, retry_after, tries.count(), &said);
                    return Err(match hint {
                        Some(hint) => error.with_hint(hint),
                        None => error,
                    }
                    .into());
                }
            }
        }
    }

    async fn log_in(&mut self, prepared: &Prepared, response: Response, stage: Stage) -> Outcome<()> {
        // What the server sends back of an earlier login is not shown in a question for the next.
        let values: Vec<String> = response
            .headers
            .iter()
            .filter(|(name, _)| name == "www-authenticate")
            .map(|(_, value)| self.redact(value))
            .collect();
        let offers = if response.status == 401 {
            auth::offers(values.iter().map(String::as_str))
        } else {
            Vec::new()
        };
        let status = response.status;
        let said = self.said(&response_type(&response), response.body).await?;
        self.next_login(prepared, &offers, &said, status, stage).await
    }

    async fn next_login(
        &mut self,
        prepared: &Prepared,
        offers: &[auth::Offer],
        said: &Said,
        status: u16,
        stage: Stage,
    ) -> Outcome<()> {
        let wanted = Wanted {
            url: &self.url,
            stage,
            offers,
            authorized: prepared.authorized,
            untrusted_proxy: self.untrusted(),
            said,
            status,
        };
        self.note(|| {
            let schemes: Vec<&str> = offers.iter().map(|offer| offer.scheme.as_str()).collect();
            format!("status {status}: a login is wanted ({})", schemes.join(", "))
        });
        self.login.next(&self.task, &wanted).await
    }

    /// Some servers hide what needs a login behind 403 or 404, and never ask.
    fn may_log_in_unasked(&self, prepared: &Prepared, status: u16) -> bool {
        let pushing = self.service == Service::ReceivePack && status == 403 && self.login.could_help(&self.url);
        !prepared.authorized && !self.untrusted() && (pushing || self.login.has_unused_password(&self.url))
    }

    pub(super) fn untrusted(&self) -> bool {
        self.options
            .cors_proxy
            .as_ref()
            .is_some_and(|proxy| !proxy.pass_credentials)
    }

    /// How long the head of an answer may take, in milliseconds.
    fn patience(&self, body_bytes: u64) -> u32 {
        let timeouts = &self.options.timeouts;
        let upload = body_bytes.saturating_mul(1000) / u64::from(timeouts.upload_rate.max(1));
        timeouts
            .first_byte
            .saturating_add(u32::try_from(upload).unwrap_or(u32::MAX))
    }
}

fn response_type(response: &Response) -> String {
    response.header("content-type").unwrap_or_default().to_owned()
}

fn remember(memory: &Memory, origin: &str) {
    memory.note_refused_git_protocol(origin);
}

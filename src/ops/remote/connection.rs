//! One remote, request by request: what each request carries, whether it may follow a redirect,
//! what is done about a refusal (log in, leave `Git-Protocol` away, wait and try again), until
//! there is an answer whose body is Git's, or an error.
//!
//! Who gets what: a login goes to the origin it was given for, custom headers to the origin the
//! caller named, and a request that carries either, or a body, never follows a redirect. Through a
//! proxy go only bare requests, unless the caller trusts it.

use std::rc::Rc;

use super::auth;
use super::diagnose::Place;
use super::login::{Login, Wanted, redact};
use super::options::{Memory, Options};
use super::proxy::REDIRECTED_URL;
use super::request::{Call, Prepared, check_headers};
use super::retry_after;
use super::said::{MOST_BYTES, Said, is_page, split_type};
use super::watch::{Trouble, WatchedBody, within};
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::host::{Host, Http, HttpError, Method, Response};
use crate::protocol::smart_http::Service;
use crate::protocol::url::{RedirectError, RemoteUrl};
use crate::task::{Event, Task};

/// How often a request that changes nothing is sent again after the network or a gateway failed.
const MOST_RETRIES: u32 = 2;

/// What is waited before a retry, in milliseconds, more or less.
const PAUSES: [u32; 2] = [300, 1000];

/// A server that wants a longer pause than this, in seconds, gets an error to its caller instead.
const LONGEST_PAUSE: u64 = 5;

/// How long the text of an error may take to arrive, in milliseconds. It is a courtesy.
const ERROR_TEXT_STALL: u32 = 5_000;

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
    answered: bool,
}

impl Connection {
    /// A connection to be; nothing is sent. Fails for options that cannot be honoured.
    pub(super) fn new(host: &Host, task: &Task, url: RemoteUrl, service: Service, options: &Options) -> Outcome<Self> {
        let page = host.http.surroundings().origin;
        let login = Login::new(&url, options.credentials.clone(), options.on_credentials.clone());
        check_headers(options)?;
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

    /// Takes the secrets in use out of a text of the server's.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.login.redact(text);
        self.options
            .headers
            .iter()
            .fold(text, |text, (_, value)| redact(&text, value.reveal()))
    }

    /// The same error without any secret that the server may have sent back.
    pub(super) fn redacted(&self, mut error: GitError) -> GitError {
        error.message = self.redact(&error.message);
        error.remote_text = error.remote_text.map(|text| self.redact(&text).into());
        error.hint = error.hint.map(|hint| self.redact(&hint));
        for (_, datum) in &mut error.data {
            match datum {
                Datum::Text(text) => *text = self.redact(text),
                Datum::List(texts) => texts.iter_mut().for_each(|text| *text = self.redact(text)),
                Datum::Number(_) => {}
            }
        }
        error
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
        };
        let safe = !matches!(call, Call::Rpc(rpc) if rpc.service == Service::ReceivePack);
        let mut retries = 0;
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
            let body_bytes = prepared.request.body.as_ref().map_or(0, Vec::len);
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
                    git_protocol = None;
                    left_away_at = Some(prepared.origin);
                    continue;
                }
                Err(Trouble::Http(HttpError::Opaque { .. } | HttpError::Broken { .. }))
                    if safe && retries < self.worth_retrying(&prepared) =>
                {
                    self.pause(retries, None).await?;
                    retries += 1;
                    continue;
                }
                Err(trouble) => return Err(self.trouble(&prepared, trouble, 0)),
            };
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
                    let body =
                        WatchedBody::new(response.body, self.task.clone(), self.options.timeouts.stall, u64::MAX);
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
                502..=504 if safe && retries < MOST_RETRIES && self.soon(&response) => {
                    let pause = self.retry_after(&response);
                    drop(response);
                    self.pause(retries, pause).await?;
                    retries += 1;
                }
                _ => {
                    let retry_after = self.retry_after(&response);
                    let said = self.said(&response_type(&response), response.body).await?;
                    return Err(self.place(&prepared).status(status, retry_after, retries, &said).into());
                }
            }
        }
    }

    /// What a transfer's end without success means.
    pub(super) fn body_trouble(&self, stage: Stage, post: bool, trouble: Trouble, received: u64) -> Failure {
        let place = Place {
            url: &self.url,
            service: self.service,
            stage,
            post,
            proxied: self.options.cors_proxy.is_some(),
            authorized: false,
            crosses_from: None,
            special_headers: &[],
            online: true,
            answered_before: true,
        };
        match trouble {
            Trouble::Cancelled => Failure::Cancelled,
            Trouble::Stalled { limit } => place.stalled(limit, received).into(),
            Trouble::TooLarge { limit } => place.too_many_bytes(limit).into(),
            Trouble::Http(error) => {
                let (HttpError::Opaque { detail } | HttpError::Broken { detail } | HttpError::Invalid { detail }) =
                    error;
                place.broken(&self.redact(&detail), received).into()
            }
        }
    }

    /// An error about the remote as a whole.
    pub(super) fn error(&self, code: Code, stage: Stage, message: impl Into<String>) -> GitError {
        GitError::new(code, stage, message).with_url(self.url.to_string())
    }

    /// Follows, in the URL, a redirect that the platform or the proxy has followed already.
    fn moved(&mut self, prepared: &Prepared, response: &Response) -> Outcome<Moved> {
        let proxied = match &self.options.cors_proxy {
            Some(proxy) => {
                let told = response.header(REDIRECTED_URL).filter(|told| *told != prepared.target);
                if told.is_none() && !response.redirected {
                    return Ok(Moved::No);
                }
                Some(
                    proxy
                        .address
                        .upstream(&prepared.target, &response.url, response.redirected, told),
                )
            }
            None if !response.redirected => return Ok(Moved::No),
            None => None,
        };
        let place = self.place(prepared);
        if prepared.request.method == Method::Post {
            return Err(place
                .error(
                    Code::PostBecameGet,
                    format!("a redirect turned the POST to {} into another request", self.url),
                )
                .with_hint("use the URL that it redirects to")
                .into());
        }
        if !matches!(response.status, 200 | 203 | 401) {
            // What went wrong at the end of the chain says more than where that was.
            return Ok(Moved::No);
        }
        let Some(final_url) = proxied.unwrap_or_else(|| Some(response.url.clone())) else {
            return Err(place
                .error(
                    Code::RedirectBlocked,
                    format!("{} is redirected, and the CORS proxy does not tell where to", self.url),
                )
                .with_hint("use the repository's exact URL, or a proxy that sends x-redirected-url")
                .into());
        };
        match self.url.re_root(&final_url, self.service) {
            Ok(url) if url == self.url => Ok(Moved::No),
            Ok(url) => {
                self.task.tell(Event::Warning(format!("redirecting to {url}")));
                self.url = url.without_userinfo();
                Ok(Moved::No)
            }
            Err(RedirectError::NotTheService { .. })
                if !prepared.authorized && !self.untrusted() && self.login.could_help(&self.url) =>
            {
                Ok(Moved::SignIn)
            }
            Err(error) => Err(place.redirected_wrongly(&error).into()),
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
        self.login.next(&self.task, &wanted).await
    }

    /// Some servers hide what needs a login behind 403 or 404, and never ask.
    fn may_log_in_unasked(&self, prepared: &Prepared, status: u16) -> bool {
        let pushing = self.service == Service::ReceivePack && status == 403 && self.login.could_help(&self.url);
        !prepared.authorized && !self.untrusted() && (pushing || self.login.has_unused_password(&self.url))
    }

    fn untrusted(&self) -> bool {
        self.options
            .cors_proxy
            .as_ref()
            .is_some_and(|proxy| !proxy.pass_credentials)
    }

    /// The text of an error, if it comes soon.
    async fn said(&self, content_type: &str, body: Box<dyn crate::host::Body>) -> Outcome<Said> {
        let stall = ERROR_TEXT_STALL.min(self.options.timeouts.stall);
        let mut body = WatchedBody::new(body, self.task.clone(), stall, u64::MAX);
        let mut bytes = Vec::new();
        while bytes.len() < MOST_BYTES {
            match body.chunk().await {
                Ok(Some(piece)) => bytes.extend(piece),
                Err(Trouble::Cancelled) => return Err(Failure::Cancelled),
                Ok(None) | Err(_) => break,
            }
        }
        // Before it is cut to a length, and again after it was decoded.
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => self.redact(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        Ok(match Said::read(Some(content_type), &bytes) {
            Said::Text(text) => Said::Text(self.redact(&text)),
            Said::Page {
                title: Some(title),
                sign_in,
            } => Said::Page {
                title: Some(self.redact(&title)),
                sign_in,
            },
            said => said,
        })
    }

    fn place<'a>(&'a self, prepared: &'a Prepared) -> Place<'a> {
        Place {
            url: &self.url,
            service: self.service,
            stage: prepared.stage,
            post: prepared.request.method == Method::Post,
            proxied: self.options.cors_proxy.is_some(),
            authorized: prepared.authorized,
            crosses_from: self.page.as_deref().filter(|_| prepared.crosses),
            special_headers: &prepared.special,
            online: self.http.surroundings().online,
            answered_before: self.answered,
        }
    }

    fn trouble(&self, prepared: &Prepared, trouble: Trouble, received: u64) -> Failure {
        let place = self.place(prepared);
        match trouble {
            Trouble::Cancelled => Failure::Cancelled,
            Trouble::Stalled { limit } => place.stalled(limit, received).into(),
            Trouble::TooLarge { limit } => place.too_many_bytes(limit).into(),
            Trouble::Http(HttpError::Opaque { detail } | HttpError::Broken { detail }) => {
                place.opaque(&self.redact(&detail)).into()
            }
            Trouble::Http(HttpError::Invalid { detail }) => place
                .error(
                    Code::Unsupported,
                    format!("the browser refuses to make the request: {}", self.redact(&detail)),
                )
                .into(),
        }
    }

    /// How long the head of an answer may take, in milliseconds.
    fn patience(&self, body_bytes: usize) -> u32 {
        let timeouts = &self.options.timeouts;
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        let upload = bytes.saturating_mul(1000) / u64::from(timeouts.upload_rate.max(1));
        timeouts
            .first_byte
            .saturating_add(u32::try_from(upload).unwrap_or(u32::MAX))
    }

    /// How often a request that got no answer is repeated. The first one to another origin mostly
    /// fails for its CORS rules, which do not change.
    fn worth_retrying(&self, prepared: &Prepared) -> u32 {
        if prepared.crosses && !self.answered {
            1
        } else {
            MOST_RETRIES
        }
    }

    async fn pause(&self, retry: u32, told: Option<u64>) -> Outcome<()> {
        let base = PAUSES
            .get(usize::try_from(retry).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or(1000);
        // The fraction of the clock's reading is as good as a die, and no generator is needed.
        let spread = (self.task.clock().now() * 997.0).fract().abs();
        let pause = (f64::from(base) * (0.5 + spread)) as u32;
        let told = u32::try_from(told.unwrap_or(0).saturating_mul(1000)).unwrap_or(u32::MAX);
        self.task.race(self.task.clock().sleep(pause.max(told))).await?;
        Ok(())
    }

    fn retry_after(&self, response: &Response) -> Option<u64> {
        retry_after::parse(response.header("retry-after")?, self.task.clock().unix_seconds())
    }

    fn soon(&self, response: &Response) -> bool {
        self.retry_after(response)
            .is_none_or(|seconds| seconds <= LONGEST_PAUSE)
    }
}

enum Moved {
    /// The URL is up to date; go on with the answer.
    No,
    /// It leads to a login page, and there is a login to try.
    SignIn,
}

fn response_type(response: &Response) -> String {
    response.header("content-type").unwrap_or_default().to_owned()
}

fn remember(memory: &Memory, origin: &str) {
    memory.note_refused_git_protocol(origin);
}

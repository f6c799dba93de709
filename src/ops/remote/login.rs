//! Which login a connection uses: the one in the URL first, then what the caller answers, three
//! in all; bound to one origin, never sent again once refused. Git's `credential fill`, `approve`
//! and `reject` (`http.c`, `handle_curl_result`).

use std::rc::Rc;

use super::auth::{self, Offer};
use super::options::{AskCredentials, Challenge, Credentials, TellCredentials, Verdict};
use super::redact::Redactor;
use super::secret::Secret;
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::protocol::url::RemoteUrl;
use crate::task::Task;

/// How many logins are tried, as in git.
const MOST_TRIES: usize = 3;

/// The state of logging in at one remote.
pub(super) struct Login {
    ask: Option<AskCredentials>,
    tell: Option<TellCredentials>,
    /// What the URL holds, and for which origin.
    preset: Option<Preset>,
    current: Option<Current>,
    refused: Vec<Credentials>,
    asked: u32,
}

struct Preset {
    origin: String,
    username: Secret,
    password: Option<Secret>,
    used: bool,
}

#[derive(Clone)]
struct Current {
    origin: String,
    credentials: Rc<Credentials>,
    header: Secret,
    approved: bool,
}

/// A login that a server accepted, for the origin that did. In memory alone.
#[derive(Clone)]
pub(super) struct Accepted(Current);

/// What a 401 is about.
pub(super) struct Wanted<'a> {
    /// The repository that wants it.
    pub url: &'a RemoteUrl,
    /// When.
    pub stage: Stage,
    /// The schemes offered; empty where hidden.
    pub offers: &'a [Offer],
    /// Whether the request carried a login, ours or one of the caller's own headers.
    pub authorized: bool,
    /// Whether the login would pass a proxy that is not trusted with it.
    pub untrusted_proxy: bool,
    /// The server's words.
    pub said: &'a super::said::Said,
    /// The status of the answer.
    pub status: u16,
}

impl Login {
    /// A login not yet asked for. `url` still has its userinfo.
    pub(super) fn new(url: &RemoteUrl, ask: Option<AskCredentials>, tell: Option<TellCredentials>) -> Self {
        let preset = url.userinfo().map(|userinfo| Preset {
            origin: url.origin(),
            username: userinfo.username().into(),
            password: userinfo.password().map(Secret::from),
            used: false,
        });
        Login {
            ask,
            tell,
            preset,
            current: None,
            refused: Vec::new(),
            asked: 0,
        }
    }

    /// The login in use, if the server accepted it.
    pub(super) fn accepted(&self) -> Option<Accepted> {
        self.current.clone().filter(|current| current.approved).map(Accepted)
    }

    /// Goes on with a login that was accepted before. If it is refused by now, the next one is asked
    /// for as ever.
    pub(super) fn resume(&mut self, accepted: Accepted) {
        self.current = Some(accepted.0);
    }

    /// The value of the `Authorization` header for requests to the repository, if there is one.
    pub(super) fn header(&self, url: &RemoteUrl) -> Option<&Secret> {
        self.current
            .as_ref()
            .filter(|current| current.origin == url.origin())
            .map(|current| &current.header)
    }

    /// Whether there is anything left to try without having been asked for yet.
    pub(super) fn could_help(&self, url: &RemoteUrl) -> bool {
        self.refused.len() < MOST_TRIES && (self.ask.is_some() || self.preset_for(url).is_some_and(|p| !p.used))
    }

    /// Whether the URL itself holds a complete login that was not tried yet.
    pub(super) fn has_unused_password(&self, url: &RemoteUrl) -> bool {
        self.preset_for(url)
            .is_some_and(|preset| !preset.used && preset.password.is_some())
    }

    /// The server accepted what was sent.
    pub(super) fn approve(&mut self, url: &RemoteUrl) {
        if let Some(current) = self
            .current
            .as_mut()
            .filter(|c| c.origin == url.origin() && !c.approved)
        {
            current.approved = true;
            if let Some(tell) = &self.tell {
                tell(Verdict::Approved, &current.credentials, &url.to_string());
            }
        }
    }

    /// The server answered 401 (or a sign-in page): gets the next login to try, or says why there
    /// is none.
    pub(super) async fn next(&mut self, task: &Task, wanted: &Wanted<'_>) -> Outcome<()> {
        self.reject(wanted);
        if wanted.untrusted_proxy {
            return Err(wanted
                .error(Code::AuthRequired, format!("{} wants a login", wanted.url))
                .with_hint(
                    "whoever runs the CORS proxy could read it; to allow that: corsProxy: { url, credentials: true }",
                )
                .into());
        }
        if !auth::answerable(wanted.offers) {
            return Err(wanted
                .error(
                    Code::AuthSchemeUnsupported,
                    format!(
                        "{} offers only login schemes that a web page cannot use: {}",
                        wanted.url,
                        wanted.schemes().join(", ")
                    ),
                )
                .with_hint("Basic or Bearer is needed")
                .into());
        }
        if self.refused.len() >= MOST_TRIES {
            return Err(self.given_up(wanted));
        }
        let Some(credentials) = self.choose(task, wanted).await? else {
            return Err(self.given_up(wanted));
        };
        if self.refused.contains(&credentials) {
            return Err(self.given_up(wanted));
        }
        let header = auth::authorization(&credentials).map_err(|bad| {
            Failure::from(wanted.error(
                Code::Unsupported,
                format!("the login for {} {}", wanted.url.origin(), bad.text()),
            ))
        })?;
        self.current = Some(Current {
            origin: wanted.url.origin(),
            credentials: Rc::new(credentials),
            header,
            approved: false,
        });
        Ok(())
    }

    async fn choose(&mut self, task: &Task, wanted: &Wanted<'_>) -> Outcome<Option<Credentials>> {
        let preset = self
            .preset
            .as_mut()
            .filter(|preset| preset.origin == wanted.url.origin());
        let username = preset
            .as_ref()
            .map(|preset| preset.username.reveal().to_owned())
            .filter(|name| !name.is_empty());
        let mut token = None;
        if let Some(preset) = preset.filter(|preset| !preset.used) {
            let basic = |password: Secret| Credentials::Basic {
                username: preset.username.clone(),
                password,
            };
            match &preset.password {
                Some(password) => {
                    let credentials = basic(password.clone());
                    preset.used = true;
                    return Ok(Some(credentials));
                }
                // `TOKEN@host`: tried once nobody knows a password for it.
                None if !preset.username.is_empty() => token = Some(basic(Secret::new(""))),
                None => {}
            }
        }
        if let Some(ask) = &self.ask {
            self.asked += 1;
            let challenge = Challenge {
                url: wanted.url.to_string(),
                realm: wanted.offers.iter().find_map(|offer| offer.realm.clone()),
                schemes: wanted.schemes(),
                username,
                attempt: self.asked,
            };
            if let Some(credentials) = task.race(ask(challenge)).await? {
                return Ok(Some(credentials));
            }
        }
        if token.is_some()
            && let Some(preset) = &mut self.preset
        {
            preset.used = true;
        }
        Ok(token)
    }

    fn reject(&mut self, wanted: &Wanted<'_>) {
        if self.header(wanted.url).is_none() {
            return;
        }
        if let Some(current) = self.current.take() {
            if let Some(tell) = &self.tell {
                tell(Verdict::Rejected, &current.credentials, &wanted.url.to_string());
            }
            self.refused.push((*current.credentials).clone());
        }
    }

    fn given_up(&self, wanted: &Wanted<'_>) -> Failure {
        let origin = wanted.url.origin();
        if self.refused.is_empty() && !wanted.authorized {
            return wanted
                .error(
                    Code::AuthRequired,
                    format!(
                        "{} wants a login; no user name or password available for {origin}",
                        wanted.url
                    ),
                )
                .with_hint("supply a credentials function, or put the owner in the URL as https://OWNER@host/…")
                .into();
        }
        let error = wanted
            .error(Code::AuthRejected, format!("authentication failed for {}", wanted.url))
            .with("attempts", Datum::Number(self.refused.len() as u64));
        let encoded = |login: &Credentials| match login {
            Credentials::Basic { username, .. } => username.reveal().contains("%40"),
            Credentials::Bearer(_) | Credentials::Authorization(_) => false,
        };
        let hint = if self.refused.iter().any(encoded) {
            "the user name contains a literal %40: outside URLs, write @"
        } else {
            "many servers take an access token in place of the password; it may have expired, lack a scope, or need a \
             second factor"
        };
        error.with_hint(hint).into()
    }

    fn preset_for(&self, url: &RemoteUrl) -> Option<&Preset> {
        self.preset.as_ref().filter(|preset| preset.origin == url.origin())
    }

    /// Every secret that was, is, or may come into use, in case a server sends it back.
    pub(super) fn secrets(&self, redactor: &mut Redactor) {
        if let Some(password) = self.preset.as_ref().and_then(|preset| preset.password.as_ref()) {
            redactor.add(password.reveal());
        }
        let current = self.current.iter().map(|current| &*current.credentials);
        for credentials in self.refused.iter().chain(current) {
            redactor.add(match credentials {
                // A name is no secret unless it may be a token.
                Credentials::Basic { username, password } if password.is_empty() => username.reveal(),
                Credentials::Basic { password, .. } => password.reveal(),
                Credentials::Bearer(token) => token.reveal(),
                Credentials::Authorization(value) => value.reveal(),
            });
            if let Ok(header) = auth::authorization(credentials) {
                redactor.add_authorization(header.reveal());
            }
        }
    }
}

impl Wanted<'_> {
    fn error(&self, code: Code, message: String) -> GitError {
        let error = GitError::new(code, self.stage, message)
            .with_url(self.url.to_string())
            .with_status(self.status);
        let error = match self.offers.iter().find_map(|offer| offer.realm.clone()) {
            Some(realm) => error.with("realm", Datum::Text(realm)),
            None => error,
        };
        let error = match self.schemes() {
            schemes if schemes.is_empty() => error,
            schemes => error.with("schemes", Datum::List(schemes)),
        };
        super::diagnose::with_said(error, self.said)
    }

    fn schemes(&self) -> Vec<String> {
        self.offers.iter().map(|offer| offer.scheme.clone()).collect()
    }
}

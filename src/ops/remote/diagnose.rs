//! What a failed request means, and what to try: from HTTP statuses, broken transfers and
//! requests that got no answer to [`GitError`]. Nothing here decides what happens next.

use super::said::Said;
use crate::error::{Code, Datum, GitError, Stage};
use crate::protocol::smart_http::Service;
use crate::protocol::url::{RedirectError, RemoteUrl, UrlError};

/// What is known of the request that failed.
pub(super) struct Place<'a> {
    /// The repository.
    pub url: &'a RemoteUrl,
    /// What was asked for.
    pub service: Service,
    /// When.
    pub stage: Stage,
    /// Whether it was a POST.
    pub post: bool,
    /// Whether it went through a CORS proxy.
    pub proxied: bool,
    /// Whether it carried a login.
    pub authorized: bool,
    /// The page's origin, if it is another one than the request's.
    pub crosses_from: Option<&'a str>,
    /// The headers of the request that a CORS preflight must allow.
    pub special_headers: &'a [String],
    /// Whether the platform says that there is a network.
    pub online: bool,
    /// Whether the same server let an answer be read before.
    pub answered_before: bool,
}

impl Place<'_> {
    /// An error at this place.
    pub(super) fn error(&self, code: Code, message: impl Into<String>) -> GitError {
        GitError::new(code, self.stage, message).with_url(self.url.to_string())
    }

    /// An answer with a status that is no success. 401 is not for this function.
    pub(super) fn status(&self, status: u16, retry_after: Option<u64>, retries: u32, said: &Said) -> GitError {
        let (url, service) = (self.url, self.service.name());
        let of = |code, message: String| self.error(code, message).with_status(status);
        let mut error = match status {
            301 | 302 | 303 | 307 | 308 => self.redirect_refused().with_status(status),
            403 => of(Code::Forbidden, format!("{service} not permitted on {url}")).with_hint(self.forbidden_hint()),
            404 => of(
                Code::RemoteNotFound,
                format!("repository {url} not found, or no access to it"),
            )
            .with_hint(self.not_found_hint()),
            405 if self.post => of(Code::HttpStatus, format!("{url} does not take a POST"))
                .with_hint("a redirect or proxy on the way may have turned the POST into a GET"),
            410 => of(Code::HttpStatus, format!("{url} answered with status 410"))
                .with_hint("the repository was removed for good, or has moved"),
            407 => of(
                Code::ProxyAuth,
                format!("a proxy in front of {url} asks for a login; the Git server was not reached"),
            )
            .with_hint("log in to the proxy, or have requests to this host go around it"),
            413 => of(Code::TooLarge, format!("{url} refused the request as too large")).with_hint(
                "the server, or a proxy in front of it, limits the size of requests; the limit must be raised there",
            ),
            415 => of(Code::HttpStatus, format!("{url} refused the request's content type"))
                .with_hint("a proxy on the way may have removed or changed the Content-Type header"),
            417 => of(
                Code::HttpStatus,
                format!("{url} refused the request's Expect header, which was not sent by this client"),
            )
            .with_hint("a proxy on the way may have added it"),
            429 => of(Code::RateLimited, rate_limited(url, retry_after)).retryable(),
            500 | 502 | 503 | 504 => {
                let error = of(Code::Unavailable, format!("{url} failed with status {status}")).retryable();
                if self.proxied && status != 500 {
                    error.with_hint("the CORS proxy may not be able to reach the server")
                } else {
                    error
                }
            }
            _ => of(Code::HttpStatus, format!("{url} answered with status {status}")),
        };
        if let Some(seconds) = retry_after {
            error = error.with("retryAfter", Datum::Number(seconds));
        }
        if retries > 0 {
            error = error.with("retries", Datum::Number(u64::from(retries)));
        }
        with_said(error, said)
    }

    fn forbidden_hint(&self) -> String {
        let mut hint = if self.authorized {
            "the login is known but may not do this: the account may lack the permission to read, or a token its \
             scope; single sign-on and IP allow lists refuse like this too"
                .to_owned()
        } else if self.service == Service::ReceivePack {
            "pushing is not open to everybody: supply credentials".to_owned()
        } else {
            "the repository may need credentials, or the service may be turned off".to_owned()
        };
        if self.proxied {
            hint.push_str("; or the CORS proxy does not forward to this host");
        }
        hint
    }

    fn not_found_hint(&self) -> String {
        let mut hints = Vec::new();
        if let Some(url) = self.url.with_git_suffix() {
            hints.push(format!("try {url}"));
        }
        if !self.authorized {
            hints.push("private repositories need credentials".to_owned());
        } else {
            hints.push("the login may have no access to it".to_owned());
        }
        hints.join("; ")
    }

    /// A redirect was answered to a request that must not follow one.
    pub(super) fn redirect_refused(&self) -> GitError {
        let what = if self.post { "the request" } else { "discovery" };
        let error = self.error(
            Code::RedirectBlocked,
            format!(
                "{} redirects {what}, which was not followed so that nothing leaks to another server",
                self.url
            ),
        );
        error.with_hint(match self.url.with_git_suffix() {
            Some(url) if !self.post => format!("use the repository's exact URL, often {url}"),
            _ => "use the repository's exact URL, or that of the primary server".to_owned(),
        })
    }

    /// A redirect was followed to a place that is not usable.
    pub(super) fn redirected_wrongly(&self, error: &RedirectError) -> GitError {
        let code = match error {
            RedirectError::NotTheService { .. } => Code::RedirectNotGit,
            RedirectError::Downgrade | RedirectError::Userinfo | RedirectError::Url(_) => Code::RedirectBlocked,
        };
        let hint = match error {
            RedirectError::NotTheService { .. } => "this is often a login page: check the URL, or supply credentials",
            _ => "use the URL that the server redirects to",
        };
        self.error(
            code,
            format!("unable to update the URL of {} from a redirect: {error}", self.url),
        )
        .with_hint(hint)
    }

    /// Nothing came for too long.
    pub(super) fn stalled(&self, limit: u32, received: u64) -> GitError {
        let seconds = limit / 1000;
        let message = if received == 0 {
            format!("{} did not answer within {seconds} s", self.url)
        } else {
            format!("{} sent nothing for {seconds} s, after {received} bytes", self.url)
        };
        self.error(Code::Stalled, message)
            .with_hint("the server or a proxy on the way hangs; try again, or raise the time limit")
            .with("seconds", Datum::Number(u64::from(seconds)))
            .with("bytes", Datum::Number(received))
            .retryable()
    }

    /// The answer broke off.
    pub(super) fn broken(&self, detail: &str, received: u64) -> GitError {
        self.error(
            Code::ConnectionReset,
            format!("the answer of {} broke off after {received} bytes ({detail})", self.url),
        )
        .with_hint("the connection was lost, or the server gave up; nothing was stored, so it is safe to try again")
        .with("bytes", Datum::Number(received))
        .retryable()
    }

    /// More bytes came than are taken.
    pub(super) fn too_many_bytes(&self, limit: u64) -> GitError {
        self.error(
            Code::LimitExceeded,
            format!("the answer of {} is longer than {limit} bytes", self.url),
        )
        .with("limit", Datum::Number(limit))
    }

    /// A web page came in place of Git's protocol.
    pub(super) fn page(&self, status: u16, said: &Said) -> GitError {
        let error = self.error(
            Code::NotGitHtml,
            format!("{} answered with a web page, not with Git's protocol", self.url),
        );
        let hint = match said {
            Said::Page { sign_in, .. } if *sign_in || status == 203 => {
                "it asks for a login: supply credentials (often an access token)"
            }
            _ if self.post => "something on the way (a firewall, a captive portal) answers in place of the server",
            _ => "is this the URL of a Git repository?",
        };
        with_said(error.with_status(status).with_hint(hint), said)
    }

    /// The request got no answer, and the platform hides why.
    pub(super) fn opaque(&self, detail: &str) -> GitError {
        let method = if self.post { "POST" } else { "GET" };
        let refused = format!("the {method} request to {} got no answer", self.url);
        if !self.online {
            return self
                .error(
                    Code::NetworkOpaque,
                    format!("{refused}: there is no network connection"),
                )
                .with_hint("try again when connected")
                .with("causes", Datum::List(vec!["offline".to_owned()]))
                .retryable();
        }
        let Some(origin) = self.crosses_from else {
            return self
                .error(Code::NetworkOpaque, format!("{refused} ({detail})"))
                .with_hint("check the host name, the port, the certificate, and that nothing on the way blocks it")
                .with("causes", Datum::List(vec!["connection".to_owned()]))
                .retryable();
        };
        let preflight = self.post || !self.special_headers.is_empty();
        let mut needed = vec![format!("Access-Control-Allow-Origin: {origin}")];
        if preflight {
            needed.push("Access-Control-Allow-Methods: GET, POST, OPTIONS".to_owned());
            needed.push(format!(
                "Access-Control-Allow-Headers: {}",
                self.special_headers.join(", ")
            ));
        }
        let whom = if self.proxied { "the CORS proxy" } else { "the server" };
        let allow = format!(
            "{whom} must send, with every status{}: {}",
            if preflight {
                " and in answer to OPTIONS without a login"
            } else {
                ""
            },
            needed.join("; ")
        );
        let headers = Datum::List(needed);
        if preflight && self.answered_before {
            return self
                .error(
                    Code::CorsPreflight,
                    format!(
                        "{refused} although the server answered this page before: most likely its CORS rules do not allow \
                         the {method} method or one of the headers {}",
                        self.special_headers.join(", ")
                    ),
                )
                .with_hint(allow)
                .with("headers", headers)
                .retryable();
        }
        let causes = self.causes(origin, whom, preflight);
        let told: Vec<&str> = causes.iter().map(|(_, text)| text.as_str()).collect();
        let proxy = if self.proxied {
            ""
        } else {
            ", or go through a CORS proxy"
        };
        self.error(
            Code::NetworkOpaque,
            format!(
                "{refused}, and browsers hide why; likely causes, in this order: {}",
                told.join("; ")
            ),
        )
        .with_hint(format!("{allow}{proxy}"))
        .with(
            "causes",
            Datum::List(causes.iter().map(|(name, _)| (*name).to_owned()).collect()),
        )
        .with("headers", headers)
        .retryable()
    }

    /// What may have stopped this very request, the likeliest first: a name for programs, and words.
    fn causes(&self, origin: &str, whom: &str, preflight: bool) -> Vec<(&'static str, String)> {
        let mut causes = Vec::new();
        if preflight {
            let what = match self.special_headers {
                [] => "the POST method".to_owned(),
                headers => format!("the headers {}", headers.join(", ")),
            };
            causes.push(("preflight", format!("{whom} does not allow {what} (CORS preflight)")));
        }
        causes.push(("cors", format!("{whom} does not allow requests from {origin} (CORS)")));
        if origin.starts_with("https://") && !self.proxied && !self.url.is_secure() {
            causes.push((
                "mixed-content",
                "this page is https, and some browsers let it contact nothing by http, not even this computer"
                    .to_owned(),
            ));
        }
        causes.push((
            "unreachable",
            "the host cannot be reached (name, port, certificate)".to_owned(),
        ));
        causes.push((
            "redirect",
            "it redirects to a place that does not allow them".to_owned(),
        ));
        causes.push((
            "blocked",
            "this page's content security policy or an extension blocks it".to_owned(),
        ));
        causes
    }
}

/// A URL that cannot be used, as the public error: [`Code::InvalidUrl`] or
/// [`Code::UnsupportedTransport`].
pub fn url_error(error: &UrlError) -> GitError {
    match error {
        UrlError::Unsupported { scheme, suggestion } => {
            let new = GitError::new(
                Code::UnsupportedTransport,
                Stage::Request,
                format!("a browser cannot use the transport '{scheme}', only https and http"),
            );
            let new = new.with("scheme", Datum::Text(scheme.clone()));
            match suggestion {
                Some(url) => new.with_hint(format!("try {url}")),
                None => new.with_hint("use the repository's https URL"),
            }
        }
        _ => GitError::new(Code::InvalidUrl, Stage::Request, error.to_string()).with_hint(
            "special characters in a user name or password are written as %40 for '@', %3A for ':', %20 for a space",
        ),
    }
}

/// Adds the server's words.
pub(super) fn with_said(error: GitError, said: &Said) -> GitError {
    match said {
        Said::Text(text) => error.with_remote_text(text.clone()),
        Said::Page { title: Some(title), .. } => error.with_remote_text(title.clone()),
        Said::Nothing | Said::Page { title: None, .. } => error,
    }
}

fn rate_limited(url: &RemoteUrl, retry_after: Option<u64>) -> String {
    match retry_after {
        Some(seconds) => format!("rate limited by {url}, try again in {seconds} seconds"),
        None => format!("rate limited by {url}, try again later"),
    }
}

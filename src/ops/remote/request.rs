//! Writing a request: where it goes, what it carries, whether it may follow a redirect.

use super::auth;
use super::connection::Connection;
use super::gzip;
use super::options::{Options, Version};
use super::secret::Secret;
use crate::error::{Code, Failure, GitError, Outcome, Stage};
use crate::host::{Method, Redirect, Request, RequestBody};
use crate::protocol::push::PROBE;
use crate::protocol::smart_http::{RpcRequest, Service};
use crate::protocol::url::RemoteUrl;

/// No header of these names is taken from the caller: they describe what only the transport knows.
const OURS: [&str; 7] = [
    "git-protocol",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "host",
    "accept",
];

/// What to send.
#[derive(Clone, Copy)]
pub(super) enum Call<'a> {
    /// `GET …/info/refs?service=…`, with this `Git-Protocol`.
    Discover(Option<&'static str>),
    /// `POST …/git-upload-pack`.
    Rpc(&'a RpcRequest),
    /// `POST …/git-receive-pack`, with a pack.
    Push(&'a Upload),
}

/// A push, ready to be sent.
pub(super) struct Upload {
    /// The value of the `Git-Protocol` header.
    pub(super) git_protocol: Option<&'static str>,
    /// What the body begins with, up to the pack: to be traced.
    pub(super) head: Vec<u8>,
    /// All of it.
    pub(super) body: RequestBody,
}

impl Call<'_> {
    /// Whether it changes nothing, so that it may be sent again.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Call::Discover(_) => true,
            Call::Rpc(rpc) => rpc.service == Service::UploadPack || rpc.body == PROBE,
            Call::Push(_) => false,
        }
    }
}

/// A request, and what is to be known of it if it fails.
pub(super) struct Prepared {
    pub(super) request: Request,
    /// The URL behind the proxy.
    pub(super) target: String,
    pub(super) origin: String,
    pub(super) crosses: bool,
    pub(super) authorized: bool,
    pub(super) special: Vec<String>,
    pub(super) stage: Stage,
}

impl Connection {
    /// Writes a request: its URL, its headers, and whether it may follow a redirect.
    pub(super) async fn prepare(
        &self,
        call: Call<'_>,
        git_protocol: Option<&'static str>,
        stage: Stage,
    ) -> Outcome<Prepared> {
        let target = match call {
            Call::Discover(_) => self.url.discovery_url(self.service),
            Call::Rpc(rpc) => self.url.rpc_url(rpc.service),
            Call::Push(_) => self.url.rpc_url(Service::ReceivePack),
        };
        let (url, place) = self.address(&target).await?;
        let origin = place.origin();
        let same_origin = self.page.as_ref().is_none_or(|page| *page == origin);
        if self.page.as_ref().is_some_and(|page| page.starts_with("https://"))
            && !place.is_secure()
            && !place.is_loopback()
        {
            let what = if self.options.cors_proxy.is_some() {
                "the CORS proxy"
            } else {
                "the remote"
            };
            return Err(self
                .error(
                    Code::MixedContent,
                    stage,
                    format!("this page is https, and browsers do not let it contact {what} at {origin} by http"),
                )
                .with_hint("use the https URL, or a CORS proxy that has one")
                .into());
        }

        let mut headers: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        let mut body = None;
        if let Call::Rpc(rpc) = call {
            add("content-type", rpc.content_type());
            add("accept", rpc.accept());
            let compress = rpc.service == Service::UploadPack
                && rpc.body.len() > gzip::THRESHOLD
                && match &self.options.cors_proxy {
                    Some(proxy) => same_origin || proxy.pass_encoding,
                    None => same_origin,
                };
            if compress {
                add("content-encoding", "gzip");
            }
            body = Some(if compress {
                RequestBody::Bytes(gzip::gzip(&rpc.body))
            } else {
                RequestBody::Bytes(rpc.body.clone())
            });
        }
        if let Call::Push(upload) = call {
            add("content-type", "application/x-git-receive-pack-request");
            add("accept", "application/x-git-receive-pack-result");
            body = Some(upload.body.clone());
        }
        if let Some(value) = git_protocol {
            add("git-protocol", value);
        }
        let trusted = self
            .options
            .cors_proxy
            .as_ref()
            .is_none_or(|proxy| proxy.pass_credentials);
        let custom: &[(String, Secret)] = if trusted && self.url.origin() == self.home {
            &self.options.headers
        } else {
            &[]
        };
        let header = self.login.header(&self.url).filter(|_| trusted);
        if let Some(value) = header {
            add("authorization", value.reveal());
        }
        let mut authorized = header.is_some();
        for (name, value) in custom {
            let name = name.to_ascii_lowercase();
            if name == "authorization" {
                // What the caller answered when asked is newer than what it set at the start.
                if header.is_some() {
                    continue;
                }
                authorized = true;
            }
            add(&name, value.reveal().trim());
        }
        let secrets = header.is_some() || !custom.is_empty();
        let special = headers
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| name != "accept" && name != "accept-language")
            .collect();
        let (method, redirect) = match call {
            Call::Discover(_) if !secrets => (Method::Get, Redirect::Follow),
            Call::Discover(_) => (Method::Get, Redirect::Refuse),
            Call::Rpc(_) | Call::Push(_) => (Method::Post, Redirect::Refuse),
        };
        Ok(Prepared {
            request: Request {
                method,
                url,
                headers,
                body,
                redirect,
            },
            target,
            origin,
            crosses: !same_origin,
            authorized,
            special,
            stage,
        })
    }

    /// The URL to request, and the same taken apart.
    async fn address(&self, target: &str) -> Outcome<(String, RemoteUrl)> {
        let Some(proxy) = &self.options.cors_proxy else {
            let parsed = RemoteUrl::parse(target).map_err(|error| Failure::from(super::diagnose::url_error(&error)))?;
            return Ok((target.to_owned(), parsed));
        };
        // Never the proxy's URL itself: it may hold a key.
        let bad = |why: &str| {
            Failure::from(self.error(
                Code::InvalidUrl,
                Stage::Request,
                format!("the CORS proxy cannot be used: {why}"),
            ))
        };
        let url = self
            .task
            .race(proxy.address.rewrite(target))
            .await?
            .map_err(|why| bad(&why))?;
        match RemoteUrl::parse(&url) {
            Ok(parsed) if parsed.userinfo().is_some() => {
                Err(bad("its URL holds a user name, which browsers do not send"))
            }
            Ok(parsed) => Ok((url, parsed)),
            Err(error) => Err(bad(&error.to_string())),
        }
    }
}

/// Refuses server options that cannot be sent (`parse_transport_option` of git's transport.c).
pub(super) fn check_server_options(options: &Options) -> Outcome<()> {
    let bad = |option: &String| option.contains(['\0', '\n']);
    if options.server_options.iter().any(bad) {
        let message = "a server option must not contain NUL or a line break";
        return Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
    }
    let old = matches!(options.protocol_version, Some(Version::V0 | Version::V1));
    if old && !options.server_options.is_empty() {
        let message = "server options require version 2 of the protocol";
        return Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
    }
    Ok(())
}

/// Refuses custom headers that cannot, or must not, be sent.
pub(super) fn check_headers(options: &Options) -> Outcome<()> {
    let refuse = |message: String| Err(GitError::new(Code::Unsupported, Stage::Request, message).into());
    for (name, value) in &options.headers {
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.chars().all(auth::is_token) {
            return refuse("the name of a custom header is malformed".to_owned());
        }
        if OURS.contains(&lower.as_str()) {
            return refuse(format!("the header {lower} cannot be set by the caller"));
        }
        if let Err(bad) = auth::plain(value) {
            return refuse(format!("the custom header {lower} {}", bad.text()));
        }
    }
    if let Some(proxy) = &options.cors_proxy
        && !proxy.pass_credentials
        && !options.headers.is_empty()
    {
        return Err(GitError::new(
            Code::Unsupported,
            Stage::Request,
            "custom headers may hold secrets, which a CORS proxy could read",
        )
        .with_hint("if it may: corsProxy: { url, credentials: true }")
        .into());
    }
    Ok(())
}

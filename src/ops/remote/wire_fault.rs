//! Turns what the protocol's machines find wrong with an answer into the public error.

use crate::error::{Code, Datum, GitError};
use crate::protocol::fetch::{FetchError, FetchRequestError};
use crate::protocol::fetch_state::FetchStateError;
use crate::protocol::ls_refs::LsRefsError;
use crate::protocol::pkt_line::PktLineError;
use crate::protocol::push::{PushError, PushRequestError};
use crate::protocol::sideband::SidebandError;
use crate::protocol::smart_http::{DiscoveryError, Service};
use crate::protocol::text::Foreign;

/// Makes an error at the place in question.
pub(super) type At<'a> = &'a dyn Fn(Code, String) -> GitError;

/// An answer to discovery that is none. `url` is without userinfo.
pub(super) fn discovery(error: &DiscoveryError, service: Service, url: &str, at: At<'_>) -> GitError {
    let wanted = format!("application/x-{}-advertisement", service.name());
    match error {
        DiscoveryError::NotGit {
            looks_like: Foreign::DumbRefs,
            content_type,
            ..
        } => {
            let seen = content_type.as_deref().unwrap_or("none");
            at(
                Code::DumbServer,
                format!("{url} only serves files (content type '{seen}', not '{wanted}'); smart HTTP is needed"),
            )
            .with_hint("the server must run git http-backend, or another smart HTTP service")
        }
        DiscoveryError::NotGit {
            looks_like: Foreign::Html { title },
            ..
        } => {
            let error = at(
                Code::NotGitHtml,
                format!("{url} answered with a web page, not with Git's protocol"),
            )
            .with_hint("is this the URL of a Git repository?");
            match title {
                Some(title) => error.with_remote_text(title.clone()),
                None => error,
            }
        }
        DiscoveryError::NotGit {
            content_type: Some(seen),
            excerpt,
            ..
        } => at(
            Code::ContentType,
            format!("{url} answered with the content type '{seen}', not '{wanted}': '{excerpt}'"),
        )
        .with_hint(
            "is this the URL of a Git repository? A proxy on the way may also have changed the Content-Type header",
        ),
        DiscoveryError::NotGit {
            content_type: None,
            excerpt,
            ..
        } => at(
            Code::Protocol,
            format!("{url} answered with something that is not Git's protocol: '{excerpt}'"),
        ),
        DiscoveryError::Empty => empty(url, at),
        DiscoveryError::Truncated { at: bytes } => truncated(url, *bytes, at),
        DiscoveryError::Remote(text) => remote(url, text, at),
        DiscoveryError::ObjectFormat(format) => at(
            Code::ObjectFormat,
            format!("mismatched algorithms: {url} uses {}, this client sha1", format.name()),
        )
        .with("client", Datum::Text("sha1".to_owned()))
        .with("server", Datum::Text(format.name().to_owned())),
        DiscoveryError::TooLarge => at(Code::LimitExceeded, format!("{url}: {error}")),
        DiscoveryError::PktLine(error) => pkt_line(url, error, at),
        DiscoveryError::UnexpectedService(_)
        | DiscoveryError::UnknownVersion(_)
        | DiscoveryError::UnexpectedLine { .. }
        | DiscoveryError::UnexpectedPacket { .. }
        | DiscoveryError::TrailingBytes { .. } => at(Code::Protocol, format!("{url}: {error}")),
    }
}

/// A listing of refs that is none.
pub(super) fn ls_refs(error: &LsRefsError, url: &str, at: At<'_>) -> GitError {
    match error {
        LsRefsError::NotSupported => at(Code::CapabilityMissing, format!("{url} cannot list its refs"))
            .with("capability", Datum::Text("ls-refs".to_owned())),
        LsRefsError::NoServerOptions => at(Code::CapabilityMissing, format!("{url} does not support server-option"))
            .with("capability", Datum::Text("server-option".to_owned())),
        LsRefsError::BadServerOption => at(Code::Unsupported, error.to_string()),
        LsRefsError::PrefixTooLong => at(Code::InvalidRef, error.to_string()),
        LsRefsError::Empty => empty(url, at),
        LsRefsError::NotGit { looks_like, excerpt } => not_git(url, looks_like, excerpt, at),
        LsRefsError::Truncated { at: bytes } => truncated(url, *bytes, at),
        LsRefsError::Remote(text) => remote(url, text, at),
        LsRefsError::TooLarge => at(Code::LimitExceeded, format!("{url}: {error}")),
        LsRefsError::PktLine(error) => pkt_line(url, error, at),
        LsRefsError::UnexpectedLine { .. }
        | LsRefsError::UnexpectedPacket { .. }
        | LsRefsError::TrailingBytes { .. } => at(Code::Protocol, format!("{url}: {error}")),
    }
}

/// A fetch that cannot be asked for.
pub(super) fn fetch_request(error: &FetchRequestError, url: &str, at: At<'_>) -> GitError {
    let lacks = |capability: &str, message: String| {
        at(Code::CapabilityMissing, message).with("capability", Datum::Text(capability.to_owned()))
    };
    match error {
        FetchRequestError::MissingCapability(name) => lacks(name, format!("{url} does not support {name}")),
        FetchRequestError::Unadvertised(oid) => lacks(
            "allow-tip-sha1-in-want",
            format!("{url} does not allow request for unadvertised object {oid}"),
        )
        .with("oid", Datum::Text(oid.to_hex()))
        .with_hint("version 2 of the protocol may allow it"),
        FetchRequestError::NothingWanted | FetchRequestError::BadDepth | FetchRequestError::BadArgument(_) => {
            at(Code::Unsupported, error.to_string())
        }
    }
}

/// A fetch that failed on the wire.
pub(super) fn fetch(error: &FetchStateError, url: &str, at: At<'_>) -> GitError {
    let error = match error {
        FetchStateError::Request(error) => return fetch_request(error, url, at),
        FetchStateError::Response(error) => error,
        FetchStateError::NoPack => {
            return at(Code::Protocol, format!("{url}: {error}"))
                .with_hint("the server failed without saying why")
                .retryable();
        }
        FetchStateError::OutOfTurn => return at(Code::Internal, error.to_string()),
    };
    if let Some(text) = error.remote_text().filter(|_| error.is_stale()) {
        return at(Code::StaleRefs, format!("the refs of {url} moved meanwhile: {text}"))
            .with_remote_text(text)
            .with_hint("fetch again")
            .retryable();
    }
    match error {
        FetchError::Empty => empty(url, at)
            .with_hint(
                "0 bytes received: the server died without a word, or the request was larger than its \
                 GIT_HTTP_MAX_REQUEST_BUFFER (10 MiB unless it says otherwise)",
            )
            .with("bytes", Datum::Number(0)),
        FetchError::NotGit { looks_like, excerpt } => not_git(url, looks_like, excerpt, at),
        FetchError::Truncated { at: bytes, .. } => truncated(url, *bytes, at),
        FetchError::Remote(text) | FetchError::Sideband(SidebandError::Remote(text)) => remote(url, text, at),
        FetchError::PktLine(error) | FetchError::Sideband(SidebandError::PktLine(error)) => pkt_line(url, error, at),
        FetchError::TooLarge => at(Code::LimitExceeded, format!("{url}: {error}")),
        FetchError::Sideband(_)
        | FetchError::UnexpectedLine { .. }
        | FetchError::UnexpectedPacket { .. }
        | FetchError::Unrequested { .. }
        | FetchError::NotShallow(_)
        | FetchError::TrailingBytes { .. } => at(Code::Protocol, format!("{url}: {error}")),
    }
}

/// A push that cannot be asked for.
pub(super) fn push_request(error: &PushRequestError, url: &str, at: At<'_>) -> GitError {
    match error {
        PushRequestError::MissingCapability(name) => {
            // In git's words.
            let what = match *name {
                "atomic" => "atomic pushes",
                "push-options" => "push options",
                "push-cert" => "signed pushes",
                "delete-refs" => "deleting refs",
                other => other,
            };
            at(
                Code::CapabilityMissing,
                format!("the receiving end, {url}, does not support {what}"),
            )
            .with("capability", Datum::Text((*name).to_owned()))
        }
        PushRequestError::BadNonce => at(Code::Protocol, format!("{url}: {error}")),
        PushRequestError::NothingToSend
        | PushRequestError::Doubled(_)
        | PushRequestError::BadOption
        | PushRequestError::BadPusher
        | PushRequestError::BadSignature
        | PushRequestError::TooLong => at(Code::Unsupported, error.to_string()),
    }
}

/// An answer to a push that says nothing of what became of it. The server may have done it.
pub(super) fn push(error: &PushError, url: &str, at: At<'_>) -> GitError {
    const ASK: &str = "the server may have done what was pushed: ask it before anything is pushed again";
    let error = match error {
        PushError::Empty => at(
            Code::EmptyResponse,
            format!("{url} hung up without saying what became of the push"),
        ),
        PushError::NotGit { looks_like, excerpt } => not_git(url, looks_like, excerpt, at),
        PushError::Truncated { at: bytes } => at(
            Code::ConnectionReset,
            format!("{url} hung up after {bytes} bytes, before it said what became of the push"),
        )
        .with("bytes", Datum::Number(*bytes)),
        PushError::Remote(text) | PushError::Sideband(SidebandError::Remote(text)) => remote(url, text, at),
        PushError::PktLine(error) | PushError::Sideband(SidebandError::PktLine(error)) => pkt_line(url, error, at),
        PushError::TooLarge => at(Code::LimitExceeded, format!("{url}: {error}")),
        PushError::Sideband(_)
        | PushError::UnexpectedLine { .. }
        | PushError::NoReport
        | PushError::UnexpectedPacket { .. } => at(Code::Protocol, format!("{url}: {error}")),
    };
    error.with_hint(ASK)
}

/// Something else than Git's protocol in answer to a POST.
pub(super) fn not_git(url: &str, looks_like: &Foreign, excerpt: &str, at: At<'_>) -> GitError {
    match looks_like {
        Foreign::Html { title } => {
            let error = at(
                Code::NotGitHtml,
                format!("{url} answered with a web page, not with Git's protocol"),
            )
            .with_hint("something on the way (a firewall, a captive portal) may answer in place of the server");
            match title {
                Some(title) => error.with_remote_text(title.clone()),
                None => error,
            }
        }
        Foreign::DumbRefs | Foreign::Unknown => at(
            Code::Protocol,
            format!("{url} answered with something that is not Git's protocol: '{excerpt}'"),
        ),
    }
}

/// No byte came.
pub(super) fn empty(url: &str, at: At<'_>) -> GitError {
    at(Code::EmptyResponse, format!("{url} sent an empty answer"))
        .with_hint("an empty repository answers with more than nothing: the server failed, or a proxy on the way dropped the answer")
        .retryable()
}

/// It ended early.
pub(super) fn truncated(url: &str, bytes: u64, at: At<'_>) -> GitError {
    at(
        Code::ConnectionReset,
        format!("the answer of {url} ended early, after {bytes} bytes"),
    )
    .with_hint("the connection was lost, or the server gave up; nothing was stored, so it is safe to try again")
    .with("bytes", Datum::Number(bytes))
    .retryable()
}

/// The server reported an error in words.
pub(super) fn remote(url: &str, text: &str, at: At<'_>) -> GitError {
    at(Code::RemoteError, format!("{url} reports: {text}")).with_remote_text(text)
}

/// The framing is broken.
pub(super) fn pkt_line(url: &str, error: &PktLineError, at: At<'_>) -> GitError {
    at(Code::Protocol, format!("{url}: {error}")).with_hint("a proxy on the way may have changed the answer")
}

//! The one error that leaves the crate: a stable code that says whose fault it is, where it
//! happened, and what to try. Modules have their own small error enums; `ops` turns them into
//! this, `js` turns this into a JavaScript error.

use std::fmt;

use crate::task::Cancelled;

/// Whose fault, and what. Codes are public: added to, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    // the request
    /// The URL, or a part of it, cannot be used.
    InvalidUrl,
    /// The URL's scheme is none that a browser can speak (ssh, git, file, scp-like).
    UnsupportedTransport,
    /// There is no repository, path or object of that name here.
    NotFound,
    /// The remote, or this repository, has no such ref or revision.
    RefNotFound,
    /// An abbreviated object id fits several objects.
    Ambiguous,
    /// A ref name, refspec or revision is malformed.
    InvalidRef,
    /// The call, or a combination of its options, is not supported.
    Unsupported,
    /// The name is taken.
    AlreadyExists,
    // the network, the browser
    /// The request got no answer, and the browser hides why.
    NetworkOpaque,
    /// A secure page may not contact a plain http remote.
    MixedContent,
    /// The server answers, but does not allow this page (CORS).
    CorsPreflight,
    /// The connection broke, or the answer ended early.
    ConnectionReset,
    /// Nothing arrived for too long.
    Stalled,
    /// A redirect was answered where following it is not safe.
    RedirectBlocked,
    /// A redirect turned the POST into a GET.
    PostBecameGet,
    /// The CORS proxy, not the Git server, asks for a login.
    ProxyAuth,
    // the server
    /// The server asks for a login and none was given.
    AuthRequired,
    /// The server refused the login.
    AuthRejected,
    /// The server offers only login schemes that cannot be used here.
    AuthSchemeUnsupported,
    /// The login is known, and not permitted to do this.
    Forbidden,
    /// The server knows no such repository, or hides it.
    RemoteNotFound,
    /// Discovery was redirected to something that is no Git service.
    RedirectNotGit,
    /// A web page came instead of Git's protocol.
    NotGitHtml,
    /// The answer's content type is not the one of the service.
    ContentType,
    /// The server only serves files; smart HTTP is needed.
    DumbServer,
    /// The answer has no bytes.
    EmptyResponse,
    /// The server refused the size of the request.
    TooLarge,
    /// The server asks to come back later.
    RateLimited,
    /// The server failed.
    Unavailable,
    /// The server answered with another HTTP status.
    HttpStatus,
    /// The answer breaks Git's protocol.
    Protocol,
    /// The server cannot do what was asked.
    CapabilityMissing,
    /// The repository uses another hash than SHA-1.
    ObjectFormat,
    /// The server reported an error in words.
    RemoteError,
    /// A ref moved on the server between discovery and fetch.
    StaleRefs,
    /// The pack is malformed or damaged.
    PackInvalid,
    /// An object's content collides with another under SHA-1, or shows the marks of an attack.
    PackCollision,
    /// The server did not send all necessary objects.
    NotConnected,
    /// A limit on sizes or counts was reached.
    LimitExceeded,
    // what is stored, and where
    /// An object that should be stored is not.
    MissingObject,
    /// An object was left with the remote and cannot be had now.
    PromisedMissing,
    /// A stored object or row is damaged.
    Corrupt,
    /// A ref is not what the caller expected.
    RefConflict,
    /// Another tab or call is writing to this repository.
    Busy,
    /// There is no room left in the browser's storage.
    Quota,
    /// The stored data was deleted by the browser or its user.
    StorageGone,
    /// The browser cannot open its database.
    StorageCorrupt,
    /// This page has no storage.
    StorageUnavailable,
    /// The stored data was written by a newer version.
    NewerSchema,
    // pushing
    /// The server could not unpack what was pushed.
    PushUnpackFailed,
    /// The server said nothing of a pushed ref.
    PushStatusMissing,
    /// A push was refused before it was sent.
    PushRejectedLocal,
    /// The server refused a ref.
    PushRejectedRemote,
    /// The connection was lost when the server may have done its work.
    PushOutcomeUnknown,
    // us
    /// A fault of this library.
    Internal,
}

impl Code {
    /// Every code, in the order of the enum.
    pub const ALL: &'static [Code] = &[
        Code::InvalidUrl,
        Code::UnsupportedTransport,
        Code::NotFound,
        Code::RefNotFound,
        Code::Ambiguous,
        Code::InvalidRef,
        Code::Unsupported,
        Code::AlreadyExists,
        Code::NetworkOpaque,
        Code::MixedContent,
        Code::CorsPreflight,
        Code::ConnectionReset,
        Code::Stalled,
        Code::RedirectBlocked,
        Code::PostBecameGet,
        Code::ProxyAuth,
        Code::AuthRequired,
        Code::AuthRejected,
        Code::AuthSchemeUnsupported,
        Code::Forbidden,
        Code::RemoteNotFound,
        Code::RedirectNotGit,
        Code::NotGitHtml,
        Code::ContentType,
        Code::DumbServer,
        Code::EmptyResponse,
        Code::TooLarge,
        Code::RateLimited,
        Code::Unavailable,
        Code::HttpStatus,
        Code::Protocol,
        Code::CapabilityMissing,
        Code::ObjectFormat,
        Code::RemoteError,
        Code::StaleRefs,
        Code::PackInvalid,
        Code::PackCollision,
        Code::NotConnected,
        Code::LimitExceeded,
        Code::MissingObject,
        Code::PromisedMissing,
        Code::Corrupt,
        Code::RefConflict,
        Code::Busy,
        Code::Quota,
        Code::StorageGone,
        Code::StorageCorrupt,
        Code::StorageUnavailable,
        Code::NewerSchema,
        Code::PushUnpackFailed,
        Code::PushStatusMissing,
        Code::PushRejectedLocal,
        Code::PushRejectedRemote,
        Code::PushOutcomeUnknown,
        Code::Internal,
    ];

    /// The word JavaScript sees.
    pub const fn name(self) -> &'static str {
        match self {
            Code::InvalidUrl => "InvalidUrl",
            Code::UnsupportedTransport => "UnsupportedTransport",
            Code::NotFound => "NotFound",
            Code::RefNotFound => "RefNotFound",
            Code::Ambiguous => "Ambiguous",
            Code::InvalidRef => "InvalidRef",
            Code::Unsupported => "Unsupported",
            Code::AlreadyExists => "AlreadyExists",
            Code::NetworkOpaque => "NetworkOpaque",
            Code::MixedContent => "MixedContent",
            Code::CorsPreflight => "CorsPreflight",
            Code::ConnectionReset => "ConnectionReset",
            Code::Stalled => "Stalled",
            Code::RedirectBlocked => "RedirectBlocked",
            Code::PostBecameGet => "PostBecameGet",
            Code::ProxyAuth => "ProxyAuth",
            Code::AuthRequired => "AuthRequired",
            Code::AuthRejected => "AuthRejected",
            Code::AuthSchemeUnsupported => "AuthSchemeUnsupported",
            Code::Forbidden => "Forbidden",
            Code::RemoteNotFound => "RemoteNotFound",
            Code::RedirectNotGit => "RedirectNotGit",
            Code::NotGitHtml => "NotGitHtml",
            Code::ContentType => "ContentType",
            Code::DumbServer => "DumbServer",
            Code::EmptyResponse => "EmptyResponse",
            Code::TooLarge => "TooLarge",
            Code::RateLimited => "RateLimited",
            Code::Unavailable => "Unavailable",
            Code::HttpStatus => "HttpStatus",
            Code::Protocol => "Protocol",
            Code::CapabilityMissing => "CapabilityMissing",
            Code::ObjectFormat => "ObjectFormat",
            Code::RemoteError => "RemoteError",
            Code::StaleRefs => "StaleRefs",
            Code::PackInvalid => "PackInvalid",
            Code::PackCollision => "PackCollision",
            Code::NotConnected => "NotConnected",
            Code::LimitExceeded => "LimitExceeded",
            Code::MissingObject => "MissingObject",
            Code::PromisedMissing => "PromisedMissing",
            Code::Corrupt => "Corrupt",
            Code::RefConflict => "RefConflict",
            Code::Busy => "Busy",
            Code::Quota => "Quota",
            Code::StorageGone => "StorageGone",
            Code::StorageCorrupt => "StorageCorrupt",
            Code::StorageUnavailable => "StorageUnavailable",
            Code::NewerSchema => "NewerSchema",
            Code::PushUnpackFailed => "PushUnpackFailed",
            Code::PushStatusMissing => "PushStatusMissing",
            Code::PushRejectedLocal => "PushRejectedLocal",
            Code::PushRejectedRemote => "PushRejectedRemote",
            Code::PushOutcomeUnknown => "PushOutcomeUnknown",
            Code::Internal => "Internal",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The part of an operation in which it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Checking what the caller passed.
    #[default]
    Request,
    /// Finding out what the server offers.
    Discover,
    /// Agreeing on what to transfer.
    Negotiate,
    /// Receiving the pack.
    Receive,
    /// Indexing the pack and checking connectivity.
    Unpack,
    /// Making the pack that is pushed.
    Pack,
    /// Sending a push.
    Send,
    /// Hearing what became of a push.
    Report,
    /// Moving refs.
    Update,
    /// Reading what is stored.
    Read,
}

impl Stage {
    /// The word JavaScript sees as `phase`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Request => "request",
            Stage::Discover => "discover",
            Stage::Negotiate => "negotiate",
            Stage::Receive => "receive",
            Stage::Unpack => "unpack",
            Stage::Pack => "pack",
            Stage::Send => "send",
            Stage::Report => "report",
            Stage::Update => "update",
            Stage::Read => "read",
        }
    }
}

/// A typed detail of an error, for programs.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Text.
    Text(String),
    /// A number; exact up to 2^53 in JavaScript.
    Number(u64),
    /// A list of texts.
    List(Vec<String>),
}

/// What went wrong, as users of the crate and of the package see it.
#[derive(Clone, Debug, PartialEq)]
pub struct GitError {
    /// What, and whose fault.
    pub code: Code,
    /// When.
    pub stage: Stage,
    /// What happened, where, in words. Holds no secret.
    pub message: String,
    /// The URL concerned, without userinfo.
    pub url: Option<String>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// The server's own words, control characters made visible.
    pub remote_text: Option<Box<str>>,
    /// What to try.
    pub hint: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Details for programs, by name.
    pub data: Vec<(&'static str, Datum)>,
}

impl GitError {
    /// An error with a code and a message; the rest is added by the `with_` methods.
    pub fn new(code: Code, stage: Stage, message: impl Into<String>) -> Self {
        GitError {
            code,
            stage,
            message: message.into(),
            url: None,
            status: None,
            remote_text: None,
            hint: None,
            retryable: false,
            data: Vec::new(),
        }
    }

    /// Names the URL. The caller passes one without userinfo.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Names the HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Quotes the server. The caller passes cleaned text.
    pub fn with_remote_text(mut self, text: impl Into<Box<str>>) -> Self {
        self.remote_text = Some(text.into());
        self
    }

    /// Says what to try.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks it as worth another try.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Adds a detail.
    pub fn with(mut self, name: &'static str, datum: Datum) -> Self {
        self.data.push((name, datum));
        self
    }
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for GitError {}

/// How an operation can end without a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Its caller cancelled it.
    Cancelled,
    /// It failed. Boxed: errors are large and rare.
    Error(Box<GitError>),
}

impl Failure {
    /// The error, unless the operation was cancelled.
    pub fn error(&self) -> Option<&GitError> {
        match self {
            Failure::Cancelled => None,
            Failure::Error(error) => Some(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Cancelled => f.write_str("cancelled by the caller"),
            Failure::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Failure::Cancelled
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        Failure::Error(Box::new(error))
    }
}

/// The result of an operation.
pub type Outcome<T> = Result<T, Failure>;

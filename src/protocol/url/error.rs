//! Why a URL, or where it leads, is refused.

use std::fmt;

use super::MAX_URL;

/// Why a URL is refused. Positions are bytes into the text given. No variant holds userinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// There is no `http://` or `https://` in front.
    NoScheme,
    /// A scheme browsers cannot speak to Git servers.
    Unsupported {
        /// `ssh`, `git`, `file`, `ext` and so on.
        scheme: String,
        /// The likely https form, if there is one.
        suggestion: Option<String>,
    },
    /// There is no host, or not two slashes in front of it.
    NoHost,
    /// The host is not one that every parser reads alike. Names outside ASCII must be written as
    /// `xn--…`, IPv4 addresses as four decimal numbers.
    BadHost,
    /// The port is not a number up to 65535.
    BadPort,
    /// A control character, a space or a backslash.
    BadCharacter {
        /// Where.
        at: usize,
    },
    /// A percent-encoded NUL, LF or CR.
    EncodedControl {
        /// Where.
        at: usize,
    },
    /// A `#`: browsers would cut the URL there. A `#` in a path is written `%23`.
    Fragment {
        /// Where.
        at: usize,
    },
    /// The decoded name or password is not UTF-8 or has control characters.
    BadUserinfo,
    /// Longer than [`MAX_URL`].
    TooLong,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::NoScheme => f.write_str("the URL must start with https:// or http://"),
            UrlError::Unsupported { scheme, suggestion } => {
                write!(f, "browsers cannot use the transport '{scheme}'")?;
                match suggestion {
                    Some(url) => write!(f, "; try {url}"),
                    None => Ok(()),
                }
            }
            UrlError::NoHost => f.write_str("the URL names no host"),
            UrlError::BadHost => f.write_str("the host in the URL is malformed"),
            UrlError::BadPort => f.write_str("the port in the URL is not a number up to 65535"),
            UrlError::BadCharacter { at } => {
                write!(f, "a control character, space or backslash at byte {at} of the URL")
            }
            UrlError::EncodedControl { at } => write!(f, "an encoded control character at byte {at} of the URL"),
            UrlError::Fragment { at } => write!(f, "a '#' at byte {at} of the URL (in a path, write %23)"),
            UrlError::BadUserinfo => f.write_str("the user name or password in the URL is malformed"),
            UrlError::TooLong => write!(f, "the URL is longer than {MAX_URL} bytes"),
        }
    }
}

impl std::error::Error for UrlError {}

/// Why the place discovery was redirected to is no repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectError {
    /// The new URL does not end as the request did (`/info/refs?service=…`): a login page, mostly.
    NotTheService {
        /// Scheme, host and path of where it leads, without query and userinfo.
        target: String,
    },
    /// From https to http.
    Downgrade,
    /// The new URL has userinfo.
    Userinfo,
    /// The new URL is malformed.
    Url(UrlError),
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedirectError::NotTheService { target } => {
                write!(f, "redirected to {target}, which is not the Git service asked for")
            }
            RedirectError::Downgrade => f.write_str("redirected from https to http"),
            RedirectError::Userinfo => f.write_str("redirected to a URL with a user name"),
            RedirectError::Url(error) => write!(f, "redirected to a malformed URL: {error}"),
        }
    }
}

impl std::error::Error for RedirectError {}

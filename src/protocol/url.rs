//! URLs of remotes: urls(7), gitprotocol-http(5) "URL Format".
//!
//! Only `http` and `https`. The parser takes only what the browser's parser (WHATWG URL) reads
//! the same way as far as the host that is contacted is concerned; whatever the two could read
//! differently (tabs and line ends, backslashes, `https:///host`, numbers as hosts, hosts outside
//! ASCII) is refused. Userinfo is taken off at once: it is in no text this type gives out.

mod error;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

pub use self::error::{RedirectError, UrlError};

use super::smart_http::Service;

/// The longest URL taken.
pub const MAX_URL: usize = 8192;

/// Where a repository is, without the name and password that may have been in front.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    secure: bool,
    /// As browsers write it: lower case, IPv6 in brackets.
    host: String,
    /// `None` for the scheme's own.
    port: Option<u16>,
    /// Path and query as typed, without slashes at the end; empty or with a slash at the start
    /// (or `?`).
    tail: String,
    userinfo: Option<Userinfo>,
}

/// What stood before the `@`, decoded. Cannot be printed by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Userinfo {
    username: String,
    password: Option<String>,
}

impl Userinfo {
    /// The part before the first `:`; may be empty.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The part after the first `:`; `None` without one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }
}

impl RemoteUrl {
    /// Parses what a person typed. Userinfo ends at the last `@` of the authority, as in
    /// browsers; its halves are split at the first `:` and percent-decoded.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        if text.starts_with(|first: char| first.is_whitespace() || first.is_control()) {
            return Err(UrlError::BadCharacter { at: 0 });
        }
        let (secure, rest) = scheme(text)?;
        check_characters(text)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).ok_or(UrlError::NoHost)?;
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (parse_userinfo(userinfo)?, place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        let host = parse_host(host)?;
        let port = parse_port(port)?.filter(|port| *port != default_port(secure));
        let tail = tail.trim_end_matches('/');
        // A query directly after the host: browsers put a slash between.
        let tail = if tail.starts_with('?') {
            format!("/{tail}")
        } else {
            tail.to_owned()
        };
        Ok(RemoteUrl {
            secure,
            host,
            port,
            tail,
            userinfo,
        })
    }

    /// The URL to GET for discovery.
    pub fn discovery_url(&self, service: Service) -> String {
        format!("{self}{}", self.discovery_tail(service))
    }

    /// The URL to POST requests to.
    pub fn rpc_url(&self, service: Service) -> String {
        format!("{self}/{}", service.name())
    }

    /// What was in front of the `@`, if there was one.
    pub fn userinfo(&self) -> Option<&Userinfo> {
        self.userinfo.as_ref()
    }

    /// The same place without userinfo.
    pub fn without_userinfo(mut self) -> Self {
        self.userinfo = None;
        self
    }

    /// Whether the scheme is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `scheme://host[:port]` as browsers write origins; compare these, never parts of URLs.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match self.port {
            Some(port) => format!("{scheme}://{}:{port}", self.host),
            None => format!("{scheme}://{}", self.host),
        }
    }

    /// The host in lower case, IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path and query as typed, without slashes at the end.
    pub fn path(&self) -> &str {
        &self.tail
    }

    /// Whether browsers count the host as this very machine, so that plain http is as good as
    /// https.
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        name == "localhost"
            || name.ends_with(".localhost")
            || name == "[::1]"
            || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// The same URL with `.git` at the end, for a hint; `None` where that makes no sense.
    pub fn with_git_suffix(&self) -> Option<String> {
        let fits = !self.tail.is_empty() && !self.tail.ends_with(".git") && !self.tail.contains('?');
        fits.then(|| format!("{self}.git"))
    }

    /// The repository's place after discovery was redirected to `final_url`: what is left when the
    /// tail of the request is taken off, as git's `update_url_from_redirect` does. Userinfo stays
    /// only if the origin does.
    pub fn re_root(&self, final_url: &str, service: Service) -> Result<Self, RedirectError> {
        let target = final_url.split('#').next().unwrap_or_default();
        let asked = self.discovery_tail(service);
        let Some(base) = target.strip_suffix(asked.as_str()) else {
            let path = target.split('?').next().unwrap_or_default();
            let target = RemoteUrl::parse(path).map_err(RedirectError::Url)?;
            return Err(RedirectError::NotTheService {
                target: target.to_string(),
            });
        };
        let mut moved = RemoteUrl::parse(base).map_err(RedirectError::Url)?;
        if moved.userinfo.is_some() {
            return Err(RedirectError::Userinfo);
        }
        if self.secure && !moved.secure {
            return Err(RedirectError::Downgrade);
        }
        if moved.origin() == self.origin() {
            moved.userinfo.clone_from(&self.userinfo);
        }
        Ok(moved)
    }

    fn discovery_tail(&self, service: Service) -> String {
        let mark = if self.tail.contains('?') { '&' } else { '?' };
        format!("/info/refs{mark}service={}", service.name())
    }
}

/// The URL without userinfo.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.tail)
    }
}

/// The URL without userinfo.
impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Whether it is https, and everything after `//`.
fn scheme(text: &str) -> Result<(bool, &str), UrlError> {
    let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
    let word = scheme.to_ascii_lowercase();
    let secure = match word.as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(unsupported(text, &word, rest)),
    };
    Ok((secure, rest.strip_prefix("//").ok_or(UrlError::NoHost)?))
}

fn unsupported(text: &str, scheme: &str, rest: &str) -> UrlError {
    let named = |scheme: &str, suggestion| UrlError::Unsupported {
        scheme: scheme.to_owned(),
        suggestion,
    };
    let is_word = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    if is_word && rest.starts_with(':') {
        // A remote helper, `ext::command`.
        return named(scheme, None);
    }
    if is_word && let Some(rest) = rest.strip_prefix("//") {
        let suggestion = match scheme {
            "file" => None,
            _ => suggest(rest.split_once('/')),
        };
        return named(scheme, suggestion);
    }
    if scheme.contains(['/', '\\']) || scheme.len() == 1 || rest.starts_with('\\') {
        // A path with a colon in it, or a drive letter.
        return if text.starts_with(['/', '.', '\\']) || scheme.len() == 1 {
            named("file", None)
        } else {
            UrlError::NoScheme
        };
    }
    if scheme.is_empty() || rest.is_empty() {
        return UrlError::NoScheme;
    }
    // [user@]host:path, with a host that may be an address in brackets.
    let split = match text.split_once('[').zip(text.split_once("]:")) {
        Some(((_, host), (_, path))) => host.split_once("]:").map(|(host, _)| (format!("[{host}]"), path)),
        None => text.split_once(':').map(|(host, path)| (host.to_owned(), path)),
    };
    let suggestion = split.and_then(|(host, path)| suggest(Some((&host, path.trim_start_matches('/')))));
    named("ssh", suggestion)
}

/// `https://host/path` of an authority and a path, if that is a URL.
fn suggest(place: Option<(&str, &str)>) -> Option<String> {
    let (authority, path) = place?;
    let host = authority.rsplit('@').next()?;
    // The port of another service says nothing of where https is.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    RemoteUrl::parse(&format!("https://{host}/{path}"))
        .ok()
        .map(|url| url.to_string())
}

fn check_characters(text: &str) -> Result<(), UrlError> {
    for (at, char) in text.char_indices() {
        if char.is_control() || char.is_whitespace() || char == '\\' {
            return Err(UrlError::BadCharacter { at });
        }
        match char {
            '#' => return Err(UrlError::Fragment { at }),
            '%' => {
                let code = text.get(at + 1..at + 3).unwrap_or_default();
                if ["00", "0a", "0d"].iter().any(|bad| code.eq_ignore_ascii_case(bad)) {
                    return Err(UrlError::EncodedControl { at });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn parse_userinfo(text: &str) -> Result<Option<Userinfo>, UrlError> {
    if text.is_empty() {
        return Ok(None);
    }
    let (username, password) = match text.split_once(':') {
        Some((username, password)) => (username, Some(password)),
        None => (text, None),
    };
    Ok(Some(Userinfo {
        username: decode(username)?,
        password: password.map(decode).transpose()?,
    }))
}

fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| UrlError::BadUserinfo)?;
    if text.chars().any(char::is_control) {
        return Err(UrlError::BadUserinfo);
    }
    Ok(text)
}

/// Splits `host[:port]`, knowing that addresses in brackets have colons.
fn split_port(place: &str) -> Result<(&str, Option<&str>), UrlError> {
    let after_host = match place.find(']') {
        Some(end) => end + 1,
        None => place.find(':').unwrap_or(place.len()),
    };
    let (host, port) = place.split_at_checked(after_host).ok_or(UrlError::BadHost)?;
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        None => Err(UrlError::BadHost),
        port => Ok((host, port)),
    }
}

fn parse_port(port: Option<&str>) -> Result<Option<u16>, UrlError> {
    match port {
        None | Some("") => Ok(None),
        Some(digits) if digits.len() <= 5 && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| UrlError::BadPort)
        }
        Some(_) => Err(UrlError::BadPort),
    }
}

fn parse_host(host: &str) -> Result<String, UrlError> {
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(UrlError::BadHost)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::BadHost)?;
        return Ok(write_ipv6(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let plain = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if name.len() > 253 || !name.split('.').all(plain) {
        return Err(UrlError::BadHost);
    }
    // Browsers read a host whose last label is a number as an IPv4 address, in many notations.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        && last.bytes().skip(2).all(|digit| digit.is_ascii_hexdigit());
    if is_hex || last.bytes().all(|digit| digit.is_ascii_digit()) {
        let address: Ipv4Addr = host.parse().map_err(|_| UrlError::BadHost)?;
        return Ok(address.to_string());
    }
    Ok(host.to_ascii_lowercase())
}

/// As the URL standard writes addresses: the first of the longest runs of zeros is `::`, and
/// never a dotted IPv4 part (where Rust's own notation differs).
fn write_ipv6(address: Ipv6Addr) -> String {
    let pieces = address.segments();
    let mut best = 0..0;
    let mut run = 0..0;
    for (at, piece) in pieces.iter().enumerate() {
        run = if *piece != 0 { at + 1..at + 1 } else { run.start..at + 1 };
        if run.len() > best.len() {
            best = run.clone();
        }
    }
    let hex = |pieces: &[u16]| {
        pieces
            .iter()
            .map(|piece| format!("{piece:x}"))
            .collect::<Vec<_>>()
            .join(":")
    };
    if best.len() < 2 {
        return format!("[{}]", hex(&pieces));
    }
    let before = pieces.get(..best.start).unwrap_or_default();
    let after = pieces.get(best.end..).unwrap_or_default();
    format!("[{}::{}]", hex(before), hex(after))
}

#[cfg(test)]
mod tests;

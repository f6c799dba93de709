//! Logins in URLs of any scheme, for texts that are shown or stored (`transport_anonymize_url` and
//! `validate_remote_url` in git). The login ends at the last `@` of the authority, as in browsers;
//! git looks for the first, and would show what stands between them.

/// Where the login stands, without the `@`. `None` where there is none, or the text has no scheme:
/// `user@host:path` holds no secret, and is another address without its user.
fn login(url: &str) -> Option<std::ops::Range<usize>> {
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@')?;
    let start = scheme.len() + 3;
    Some(start..start + at)
}

fn replace(url: &str, span: std::ops::Range<usize>, with: &str) -> String {
    let before = url.get(..span.start).unwrap_or_default();
    let after = url.get(span.end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

/// The URL without its login.
pub fn anonymize(url: &str) -> String {
    match login(url) {
        Some(login) => replace(url, login.start..login.end + 1, ""),
        None => url.to_owned(),
    }
}

/// Where the password stands; it may be empty.
fn password(url: &str) -> Option<std::ops::Range<usize>> {
    let login = login(url)?;
    let colon = url.get(login.clone())?.find(':')?;
    Some(login.start + colon + 1..login.end)
}

/// Whether there is a password in it, be it empty.
pub fn has_password(url: &str) -> bool {
    password(url).is_some()
}

/// The URL with `<redacted>` for the password.
pub fn redact(url: &str) -> String {
    match password(url) {
        Some(password) => replace(url, password, "<redacted>"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn logins_are_taken_out_and_nothing_else() {
        for (url, plain, redacted) in [
            ("https://host/a@b", None, None),
            ("https://user@host/a", Some("https://host/a"), None),
            (
                "https://user:pass@host:1/a",
                Some("https://host:1/a"),
                Some("https://user:<redacted>@host:1/a"),
            ),
            (
                "https://:p@ss@host",
                Some("https://host"),
                Some("https://:<redacted>@host"),
            ),
            (
                "https://user:@host",
                Some("https://host"),
                Some("https://user:<redacted>@host"),
            ),
            (
                "svn+ssh://u:p@host",
                Some("svn+ssh://host"),
                Some("svn+ssh://u:<redacted>@host"),
            ),
            ("https://host?a=b@c", None, None),
            ("https://host#a:b@c", None, None),
            ("git@host:path", None, None),
            ("/path/to/u:p@x", None, None),
            ("://u:p@x", None, None),
            ("a b://u:p@x", None, None),
            ("", None, None),
        ] {
            assert_eq!(anonymize(url), plain.unwrap_or(url), "{url}");
            assert_eq!(redact(url), redacted.unwrap_or(url), "{url}");
            assert_eq!(has_password(url), redacted.is_some(), "{url}");
        }
    }
}

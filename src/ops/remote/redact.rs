//! Taking secrets out of text that leaves: those that are known, in every way a server may write
//! them back, and the parts of URLs and packets where others keep theirs.

use super::auth::{base64, basic_password};
use super::proxy::encode;
use super::secret::Secret;

/// What stands in for a secret.
pub(super) const REDACTED: &str = "<redacted>";

/// Shorter ones would tear holes into ordinary words.
const SHORTEST_SECRET: usize = 4;

/// The secrets in use, as they may be written.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    /// Longer ones first, so that what one contains of another does not break it.
    needles: Vec<Secret>,
}

impl Redactor {
    /// Adds a secret: as it is, percent-encoded, and within base64 of anything that contains it.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST_SECRET {
            return;
        }
        let encoded = encode(secret);
        self.push(encoded.to_ascii_lowercase());
        self.push(encoded);
        // What three bytes become depends on where they start; the digits at both ends also hold
        // bits of the neighbours and are left out.
        for before in 0..3 {
            let padded = Secret::new([&"\0".repeat(before), secret].concat());
            let coded = Secret::new(base64(padded.reveal().as_bytes()));
            let start = (before * 8).div_ceil(6);
            let end = (before + secret.len()) * 8 / 6;
            let own = coded.reveal().get(start..end).unwrap_or_default();
            if own.len() >= SHORTEST_SECRET {
                self.push(own.replace('+', "-").replace('/', "_"));
                self.push(own.to_owned());
            }
        }
        self.push(secret.to_owned());
    }

    /// Adds what is secret of the value of an `Authorization` header.
    pub(super) fn add_authorization(&mut self, value: &str) {
        self.add(value);
        if let Some((_, coded)) = value.split_once(' ') {
            self.add(coded);
        }
        if let Some(password) = basic_password(value) {
            self.add(password.reveal());
        }
    }

    fn push(&mut self, needle: String) {
        let needle = Secret::new(needle);
        if !self.needles.contains(&needle) {
            let at = self
                .needles
                .partition_point(|other| other.reveal().len() >= needle.reveal().len());
            self.needles.insert(at, needle);
        }
    }

    /// The text without them.
    pub(super) fn apply(&self, text: &str) -> String {
        self.needles
            .iter()
            .fold(text.to_owned(), |text, needle| match text.contains(needle.reveal()) {
                true => text.replace(needle.reveal(), REDACTED),
                false => text,
            })
    }
}

/// Takes out of every URL in a text its userinfo and the values of its query, where tokens are
/// kept; `service` is git's own.
pub(super) fn scrub_urls(text: &str) -> String {
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        scrubbed.push_str(before);
        scrubbed.push_str("://");
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ',' | ';' | ')');
        let (url, tail) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let (place, query) = url.split_once('?').map_or((url, None), |(p, q)| (p, Some(q)));
        let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        match host.rsplit_once('@') {
            Some((_, host)) => scrubbed.extend([REDACTED, "@", host]),
            None => scrubbed.push_str(host),
        }
        scrubbed.push_str(path);
        for (at, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            scrubbed.push(if at == 0 { '?' } else { '&' });
            match pair.split_once('=') {
                Some((name @ "service", value)) => scrubbed.extend([name, "=", value]),
                Some((name, _)) => scrubbed.extend([name, "=", REDACTED]),
                None => scrubbed.push_str(REDACTED),
            }
        }
        rest = tail;
    }
    scrubbed.push_str(rest);
    scrubbed
}

/// The value of a header as it may be shown. Names are in lower case.
pub(super) fn header_value(name: &str, value: &str) -> String {
    const HARMLESS: [&str; 20] = [
        "accept",
        "accept-ranges",
        "age",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "date",
        "expires",
        "git-protocol",
        "last-modified",
        "pragma",
        "retry-after",
        "server",
        "transfer-encoding",
        "vary",
        "via",
        "www-authenticate",
    ];
    match name {
        "authorization" | "proxy-authorization" => match value.split_once(' ') {
            Some((scheme @ ("Basic" | "Bearer"), _)) => format!("{scheme} {REDACTED}"),
            _ => REDACTED.to_owned(),
        },
        "location" | "x-redirected-url" => scrub_urls(value),
        _ if HARMLESS.contains(&name) || name.starts_with("access-control-") => value.to_owned(),
        _ => REDACTED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for secret in [
            "S3CR3T",
            "p@ss:w/rd ü",
            "abcd",
            "??>>~~",
            "a-long-token-of-30-characters",
        ] {
            let mut redactor = Redactor::default();
            redactor.add(secret);
            for text in [secret.to_owned(), encode(secret), encode(secret).to_ascii_lowercase()] {
                let redacted = redactor.apply(&format!("before {text} after"));
                assert_eq!(redacted, "before <redacted> after", "{text}");
            }
            for around in 0..4 {
                let whole = base64(format!("{}{secret}:x", "u".repeat(around)).as_bytes());
                for coded in [whole.clone(), whole.replace('+', "-").replace('/', "_")] {
                    let redacted = redactor.apply(&coded);
                    assert!(redacted.contains(REDACTED), "{secret} in {coded}: {redacted}");
                    // What is left at the ends holds less than a byte of it.
                    let left = redacted.split(REDACTED).map(str::len).max().unwrap_or_default();
                    assert!(left <= (around + 3) * 4 / 3 + 3, "{secret}: {redacted}");
                }
            }
        }
    }

    #[test]
    fn of_an_authorization_the_decoded_password_is_secret_too() {
        let mut redactor = Redactor::default();
        redactor.add_authorization("Basic dTpzZXNhbWU=");
        redactor.add_authorization("token ghp_1234");
        let text = "Basic dTpzZXNhbWU=, dTpzZXNhbWU=, sesame, ghp_1234, token ghp_1234";
        assert_eq!(
            redactor.apply(text),
            "<redacted>, <redacted>, <redacted>, <redacted>, <redacted>"
        );
    }

    #[test]
    fn ordinary_words_stay() {
        let mut redactor = Redactor::default();
        redactor.add("");
        redactor.add("git");
        assert_eq!(redactor.apply("git fetch"), "git fetch");
        redactor.add("sesame");
        redactor.add("open-sesame");
        assert_eq!(redactor.apply("open-sesame, sesame!"), "<redacted>, <redacted>!");
    }

    #[test]
    fn urls_lose_their_userinfo_and_their_query() {
        let check = |text: &str, expected: &str| assert_eq!(scrub_urls(text), expected);
        check("no url here: a@b?c=d", "no url here: a@b?c=d");
        check("https://h/p", "https://h/p");
        check("GET https://u:p@h/p HTTP", "GET https://<redacted>@h/p HTTP");
        check("https://u:p@q@h", "https://<redacted>@h");
        check(
            "https://h/i?service=git-upload-pack",
            "https://h/i?service=git-upload-pack",
        );
        check(
            "https://h/i?token=x&service=git-upload-pack&y z",
            "https://h/i?token=<redacted>&service=git-upload-pack&<redacted> z",
        );
        check(
            "a https://t@h,b ssh://u@i/x/@y",
            "a https://<redacted>@h,b ssh://<redacted>@i/x/@y",
        );
        check("https://h/a@b", "https://h/a@b");
    }

    #[test]
    fn only_headers_known_to_be_harmless_are_shown() {
        let check = |name: &str, value: &str, expected: &str| assert_eq!(header_value(name, value), expected);
        check("content-type", "text/plain", "text/plain");
        check("authorization", "Basic dTpw", "Basic <redacted>");
        check("authorization", "Bearer x", "Bearer <redacted>");
        check("authorization", "s3cr3t x", "<redacted>");
        check("authorization", "s3cr3t", "<redacted>");
        check("set-cookie", "a=b", "<redacted>");
        check("x-token", "t", "<redacted>");
        check("location", "https://u:p@h/?t=1", "https://<redacted>@h/?t=<redacted>");
        check("access-control-allow-origin", "*", "*");
    }
}

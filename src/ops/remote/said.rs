//! What a server says in the body of an error, for people: plain text in its own charset, cleaned;
//! web pages as their title alone.

use crate::protocol::text::{Foreign, clean_text, quote, sniff};

/// How much of an error's body is read.
pub(super) const MOST_BYTES: usize = 16 * 1024;

/// How many characters of plain text are passed on.
const MOST_CHARS: usize = 1000;

/// What a body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing that can be shown.
    Nothing,
    /// Text, cleaned.
    Text(String),
    /// It is a web page.
    Page {
        /// Its title, cleaned.
        title: Option<String>,
        /// It asks for a login.
        sign_in: bool,
    },
}

impl Said {
    /// Reads the first bytes of a body.
    pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Said {
        let (kind, charset) = split_type(content_type.unwrap_or_default());
        let body = body.get(..MOST_BYTES).unwrap_or(body);
        let page = is_page(&kind).then_some(None);
        let page = match sniff(body) {
            Foreign::Html { title } => Some(title),
            Foreign::DumbRefs | Foreign::Unknown => page,
        };
        if let Some(title) = page {
            return Said::Page {
                title,
                sign_in: asks_for_login(body),
            };
        }
        if body.is_empty() {
            return Said::Nothing;
        }
        if kind == "text/plain" {
            let text = decode(body, &charset).replace("\r\n", "\n");
            return Said::text(clean_text(text.trim().as_bytes()), MOST_CHARS);
        }
        if kind.starts_with("text/") || kind == "application/json" || kind.ends_with("+json") {
            return Said::text(quote(decode(body, &charset).trim().as_bytes()), MOST_CHARS);
        }
        Said::Nothing
    }

    fn text(text: String, most: usize) -> Said {
        match text.char_indices().nth(most) {
            _ if text.is_empty() => Said::Nothing,
            Some((at, _)) => Said::Text(format!("{}…", text.get(..at).unwrap_or_default())),
            None => Said::Text(text),
        }
    }
}

/// Whether a content type is that of a web page.
pub(super) fn is_page(kind: &str) -> bool {
    matches!(kind, "text/html" | "application/xhtml+xml")
}

/// The media type without white space, and the charset, both in lower case.
pub(super) fn split_type(content_type: &str) -> (String, String) {
    let mut parts = content_type.split(';');
    let clean = |text: &str| text.split_ascii_whitespace().collect::<String>().to_ascii_lowercase();
    let kind = clean(parts.next().unwrap_or_default());
    let charset = parts
        .map(clean)
        .find_map(|part| part.strip_prefix("charset=").map(|c| c.trim_matches('"').to_owned()));
    (kind, charset.unwrap_or_default())
}

fn asks_for_login(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    [
        "type=\"password\"",
        "type='password'",
        "type=password",
        "sign in",
        "sign-in",
        "signin",
        "log in",
        "login",
    ]
    .iter()
    .any(|word| text.contains(word))
}

fn decode(bytes: &[u8], charset: &str) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match (charset, bytes) {
        ("utf-16" | "utf16" | "utf-16le", [0xff, 0xfe, rest @ ..]) => utf16(rest, u16::from_le_bytes),
        ("utf-16" | "utf16" | "utf-16be", [0xfe, 0xff, rest @ ..]) => utf16(rest, u16::from_be_bytes),
        ("utf-16le", _) => utf16(bytes, u16::from_le_bytes),
        // Without a mark the standard says big-endian.
        ("utf-16" | "utf16" | "utf-16be", _) => utf16(bytes, u16::from_be_bytes),
        ("iso-8859-1" | "latin1" | "windows-1252", _) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        (_, [0xef, 0xbb, 0xbf, rest @ ..]) => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn plain_text_is_shown_in_its_charset_and_pages_by_their_title() {
        let check = |content_type: &str, body: &[u8], expected: Said| {
            assert_eq!(Said::read(Some(content_type), body), expected, "{content_type}");
        };
        let text = |text: &str| Said::Text(text.to_owned());
        check(
            "text/plain",
            b"this is the error message\n",
            text("this is the error message"),
        );
        check(
            "text/plain; charset=utf-8",
            "gr\u{fc}n\r\nzwei".as_bytes(),
            text("grün\nzwei"),
        );
        check("text/plain; charset=ISO-8859-1", b"gr\xfcn", text("grün"));
        check("text/plain;charset=utf-16", b"\xff\xfeo\0k\0", text("ok"));
        check("text/plain; charset=\"UTF-16\"", b"\0o\0k", text("ok"));
        check(" Text / Plain ; charset = utf-8", b"odd", text("odd"));
        check("text/plain", b"\x1b[2Jred", text("^[[2Jred"));
        check("text/plain", b"", Said::Nothing);
        check(
            "application/json",
            b"{\"message\":\"no\"}",
            text("{\"message\":\"no\"}"),
        );
        check("image/png", b"\x89PNG", Said::Nothing);
        let page = |title: Option<&str>, sign_in| Said::Page {
            title: title.map(str::to_owned),
            sign_in,
        };
        check(
            "text/html",
            b"<html><title>Oops</title>secret body",
            page(Some("Oops"), false),
        );
        check("text/html", b"no markup", page(None, false));
        check("text/plain", b"<!DOCTYPE html><p>x", page(None, false));
        check(
            "text/html",
            b"<html><title>Sign in</title>",
            page(Some("Sign in"), true),
        );
        check("text/html", b"<html><input TYPE=\"password\">", page(None, true));
    }

    #[test]
    fn long_text_is_cut() {
        let Said::Text(text) = Said::read(Some("text/plain"), &b"x".repeat(100_000)) else {
            panic!("text expected")
        };
        assert_eq!(text.chars().count(), MOST_CHARS + 1);
    }
}

//! The server's words, made harmless: control characters visible, bidirectional controls marked,
//! lengths bounded (git's `sideband.allowControlCharacters=false`, and a little stricter).
//!
//! Every text a server chose passes through here before it is in an event or an error.

/// The longest line kept, in bytes as received.
pub const MAX_LINE: usize = 64 * 1024;

/// How many characters of something unexpected an error quotes.
pub const MAX_QUOTE: usize = 200;

/// The bytes as text that can be shown anywhere: what is not UTF-8 becomes U+FFFD; tab and LF
/// stay; other C0 controls and DEL are shown as `^[`, `^?`, C1 controls and the characters that
/// turn the direction of text or break lines as `<U+202E>`. At most [`MAX_LINE`] bytes are used;
/// a cut is marked with `…`.
pub fn clean_text(bytes: &[u8]) -> String {
    let (bytes, cut) = match bytes.get(..MAX_LINE) {
        Some(start) if bytes.len() > MAX_LINE => (start, true),
        _ => (bytes, false),
    };
    let mut text = String::with_capacity(bytes.len());
    for char in String::from_utf8_lossy(bytes).chars() {
        push_clean(&mut text, char, true);
    }
    if cut {
        text.push('…');
    }
    text
}

/// At most [`MAX_QUOTE`] characters on one line, for quoting in an error what was not expected.
pub fn quote(bytes: &[u8]) -> String {
    // Four bytes a character at most; the rest is not looked at.
    let start = bytes.get(..MAX_QUOTE * 4).unwrap_or(bytes);
    let mut text = String::new();
    let mut count = 0;
    for char in String::from_utf8_lossy(start).chars() {
        let mut shown = String::new();
        push_clean(&mut shown, char, false);
        count += shown.chars().count();
        if count > MAX_QUOTE {
            text.push('…');
            return text;
        }
        text.push_str(&shown);
    }
    if start.len() < bytes.len() {
        text.push('…');
    }
    text
}

fn push_clean(text: &mut String, char: char, lines: bool) {
    match char {
        '\t' | '\n' if lines => text.push(char),
        '\0'..='\x1f' | '\x7f' => {
            text.push('^');
            // Git's own notation: the character 64 places on, and `^?` for DEL.
            text.push(char::from(u8::try_from(u32::from(char) ^ 0x40).unwrap_or(b'?')));
        }
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => {
            text.push_str(&format!("<U+{:04X}>", u32::from(char)));
        }
        _ => text.push(char),
    }
}

/// What something that is not Git's protocol looks like, from its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A web page, with its title if that is among the first bytes.
    Html {
        /// Cleaned text.
        title: Option<String>,
    },
    /// The `info/refs` file of a server without smart HTTP: `<hex> TAB <ref>`.
    DumbRefs,
    /// Anything else.
    Unknown,
}

/// How many bytes [`sniff`] wants to see, unless there are fewer.
pub const SNIFF_LEN: usize = 1024;

/// Tells what the first [`SNIFF_LEN`] bytes look like.
pub fn sniff(bytes: &[u8]) -> Foreign {
    let bytes = bytes.get(..SNIFF_LEN).unwrap_or(bytes);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let lower = bytes.to_ascii_lowercase();
    let starts = [
        &b"<!doctype html"[..],
        b"<html",
        b"<head",
        b"<body",
        b"<!--",
        b"<title",
        b"<?xml",
    ];
    if starts.iter().any(|start| lower.starts_with(start)) {
        return Foreign::Html {
            title: title(bytes, &lower),
        };
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = bytes.get(digits..).unwrap_or_default();
    if matches!(digits, 40 | 64) && (rest.starts_with(b"\trefs/") || rest.starts_with(b"\tHEAD")) {
        return Foreign::DumbRefs;
    }
    Foreign::Unknown
}

fn title(bytes: &[u8], lower: &[u8]) -> Option<String> {
    let find = |from: usize, what: &[u8]| {
        let rest = lower.get(from..)?;
        rest.windows(what.len())
            .position(|window| window == what)
            .map(|at| from + at)
    };
    let open = find(0, b"<title")?;
    let from = find(open, b">")? + 1;
    let to = find(from, b"</title")?;
    let title = quote(bytes.get(from..to)?.trim_ascii());
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn control_characters_become_visible() {
        for (bytes, expected) in [
            (&b"plain \xc3\xa9\ttab\nline"[..], "plain é\ttab\nline"),
            (b"\x1b[2Jcleared", "^[[2Jcleared"),
            (b"\x1b]0;title\x07", "^[]0;title^G"),
            (b"\0\r\x08\x7f", "^@^M^H^?"),
            (b"\xc2\x9b31m", "<U+009B>31m"),
            (b"\x9b\xff", "\u{fffd}\u{fffd}"),
            (
                "a\u{202e}b\u{2066}c\u{200f}\u{61c}".as_bytes(),
                "a<U+202E>b<U+2066>c<U+200F><U+061C>",
            ),
            ("\u{2028}\u{2029}".as_bytes(), "<U+2028><U+2029>"),
            ("emoji 👍 and 漢字".as_bytes(), "emoji 👍 and 漢字"),
        ] {
            assert_eq!(clean_text(bytes), expected);
        }
    }

    #[test]
    fn no_byte_and_no_character_gets_through_that_a_terminal_obeys() {
        let all: Vec<u8> = (0..=255).collect();
        let chars: String = (0..0x3000).filter_map(char::from_u32).collect();
        for text in [clean_text(&all), clean_text(chars.as_bytes()), quote(&all)] {
            let bad = text
                .chars()
                .find(|char| char.is_control() && !matches!(char, '\t' | '\n'));
            assert_eq!(bad, None);
            assert!(!text.contains([
                '\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{2067}', '\u{2068}', '\u{2069}'
            ]));
        }
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = vec![b'x'; MAX_LINE + 1];
        assert_eq!(clean_text(&long).chars().count(), MAX_LINE + 1);
        assert!(clean_text(&long).ends_with("x…"));
        assert!(clean_text(&long[1..]).ends_with('x'));
        assert_eq!(quote(&long).chars().count(), MAX_QUOTE + 1);
        assert_eq!(quote(&[b'x'; MAX_QUOTE]).len(), MAX_QUOTE);
        assert!(quote("é".repeat(10_000).as_bytes()).chars().count() <= MAX_QUOTE + 1);
        assert!(quote(&[7; 10_000]).chars().count() <= MAX_QUOTE + 1);
    }

    #[test]
    fn a_quote_is_one_line() {
        assert_eq!(quote(b"a\nb\tc"), "a^Jb^Ic");
    }

    #[test]
    fn what_is_not_git_is_told_apart() {
        let html = |title: Option<&str>| Foreign::Html {
            title: title.map(str::to_owned),
        };
        let oid = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
        for (body, expected) in [
            (
                "<!DOCTYPE html><html><head><title>Sign in · Host</title>".to_owned(),
                html(Some("Sign in · Host")),
            ),
            (
                "\u{feff} \r\n<HTML><head><TITLE lang=en> a\n b </TITLE>".to_owned(),
                html(Some("a^J b")),
            ),
            ("<html><body>no title".to_owned(), html(None)),
            ("<html><title>cut off".to_owned(), html(None)),
            ("<!-- x --><html>".to_owned(), html(None)),
            (format!("{oid}\trefs/heads/main\n"), Foreign::DumbRefs),
            (format!("{oid} refs/heads/main\n"), Foreign::Unknown),
            ("{\"message\":\"Not Found\"}".to_owned(), Foreign::Unknown),
            ("<svg>".to_owned(), Foreign::Unknown),
            (String::new(), Foreign::Unknown),
        ] {
            assert_eq!(sniff(body.as_bytes()), expected, "{body}");
        }
    }
}

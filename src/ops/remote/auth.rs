//! HTTP authentication: reading what a server offers (`WWW-Authenticate`, RFC 9110 section
//! 11.6.1) and writing what it wants (`Authorization`: Basic as RFC 7617 in UTF-8, Bearer as RFC
//! 6750). Digest, NTLM and Negotiate are recognised and not spoken: a page has no means to.

use super::options::Credentials;
use super::secret::Secret;

/// One scheme that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// As the server spells it.
    pub scheme: String,
    /// The server's name for what is protected.
    pub realm: Option<String>,
}

/// Schemes and realms longer than this are cut: they are shown to people.
const LONGEST_WORD: usize = 200;

/// More schemes than this are no honest offer.
const MOST_OFFERS: usize = 16;

/// Reads the values of all `WWW-Authenticate` headers. A browser joins several headers with
/// commas, and challenges use commas inside as well: a part that starts with `name =` belongs to
/// the scheme before it, anything else starts a scheme.
pub(super) fn offers<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for value in values {
        for part in split_outside_quotes(value) {
            let part = part.trim_matches(|c: char| c.is_ascii_whitespace());
            let (word, rest) = part.split_at(part.find(|c| !is_token(c)).unwrap_or(part.len()));
            if word.is_empty() {
                continue;
            }
            let rest = rest.trim_start();
            let parameter = if rest.starts_with('=') {
                Some(part)
            } else {
                if offers.len() == MOST_OFFERS {
                    return offers;
                }
                offers.push(Offer {
                    scheme: shown(word),
                    realm: None,
                });
                (!rest.is_empty()).then_some(rest)
            };
            let Some((name, value)) = parameter.and_then(|text| text.split_once('=')) else {
                continue;
            };
            if let Some(offer) = offers.last_mut()
                && name.trim().eq_ignore_ascii_case("realm")
                && offer.realm.is_none()
            {
                offer.realm = Some(shown(&unquoted(value.trim())));
            }
        }
    }
    offers
}

/// Whether a login of ours can answer one of the offers. An empty list means that the browser
/// hides them, so it may.
pub(super) fn answerable(offers: &[Offer]) -> bool {
    let foreign = |offer: &Offer| {
        [
            "negotiate",
            "ntlm",
            "digest",
            "kerberos",
            "mutual",
            "hoba",
            "scram-sha-1",
            "scram-sha-256",
        ]
        .iter()
        .any(|name| offer.scheme.eq_ignore_ascii_case(name))
    };
    offers.is_empty() || !offers.iter().all(foreign)
}

/// Why a login cannot be written into a header. The value itself is never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadCredential {
    /// It contains CR, LF, NUL or another control character.
    ControlCharacter,
    /// A user name for Basic contains a colon, so that the server would split it elsewhere.
    Colon,
    /// A token or a raw header is not ASCII.
    NotAscii,
    /// There is nothing in it.
    Empty,
}

impl BadCredential {
    /// In words.
    pub(super) fn text(self) -> &'static str {
        match self {
            BadCredential::ControlCharacter => "contains a line break, NUL or another control character",
            BadCredential::Colon => "has a user name with a colon, which Basic cannot carry",
            BadCredential::NotAscii => "is a token or header value with characters outside ASCII",
            BadCredential::Empty => "is empty",
        }
    }
}

/// The value of the `Authorization` header.
pub(super) fn authorization(credentials: &Credentials) -> Result<Secret, BadCredential> {
    match credentials {
        Credentials::Basic { username, password } => {
            let (username, password) = (username.reveal(), password.reveal());
            if username.contains(':') {
                return Err(BadCredential::Colon);
            }
            if username.chars().chain(password.chars()).any(char::is_control) {
                return Err(BadCredential::ControlCharacter);
            }
            let pair = Secret::new(format!("{username}:{password}"));
            Ok(Secret::new(format!(
                "Basic {}",
                Secret::new(base64(pair.reveal().as_bytes())).reveal()
            )))
        }
        Credentials::Bearer(token) => Ok(Secret::new(format!("Bearer {}", plain(token)?))),
        Credentials::Authorization(value) => Ok(Secret::new(plain(value)?)),
    }
}

/// A header value as it may be sent: visible ASCII and inner spaces.
pub(super) fn plain(value: &Secret) -> Result<&str, BadCredential> {
    let text = value.reveal();
    if text.chars().any(char::is_control) {
        return Err(BadCredential::ControlCharacter);
    }
    if !text.is_ascii() {
        return Err(BadCredential::NotAscii);
    }
    let text = text.trim();
    if text.is_empty() {
        Err(BadCredential::Empty)
    } else {
        Ok(text)
    }
}

/// RFC 9110 token characters.
pub(super) fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn split_outside_quotes(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let (mut text, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                text.push(c);
            }
            '\\' => escaped = true,
            '"' => break,
            _ => text.push(c),
        }
    }
    text
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_WORD).collect()
}

/// The password in the value of a Basic `Authorization` header; of a name alone, which may be a
/// token, the name.
pub(super) fn basic_password(value: &str) -> Option<Secret> {
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Secret::new(String::from_utf8(unbase64(coded.trim())?).ok()?);
    let (username, password) = pair.reveal().split_once(':')?;
    Some(Secret::new(if password.is_empty() { username } else { password }))
}

/// The reverse of [`base64`], with or without padding.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut word, mut bits) = (0u32, 0u32);
    for letter in text.trim_end_matches('=').bytes() {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        word = word << 6 & 0xffff | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// RFC 4648 section 4, padded.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = usize::try_from(word >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = if place > group.len() {
                b'='
            } else {
                ALPHABET.get(digit).copied().unwrap_or(b'=')
            };
            text.push(char::from(letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn challenges_are_read_however_they_are_written() {
        let check = |values: &[&str], expected: &[(&str, Option<&str>)]| {
            let found = offers(values.iter().copied());
            let found: Vec<_> = found.iter().map(|o| (o.scheme.as_str(), o.realm.as_deref())).collect();
            assert_eq!(found, expected, "{values:?}");
        };
        check(&[], &[]);
        check(&[""], &[]);
        check(&["Basic realm=\"a\""], &[("Basic", Some("a"))]);
        check(&["bAsIc REALM=a"], &[("bAsIc", Some("a"))]);
        check(
            &["Basic realm = \"a, b \\\" c\" , charset=\"UTF-8\""],
            &[("Basic", Some("a, b \" c"))],
        );
        check(
            &["Negotiate", "NTLM", "Basic realm=\"x\""],
            &[("Negotiate", None), ("NTLM", None), ("Basic", Some("x"))],
        );
        check(
            &["Bearer realm=\"x\", error=\"invalid\", Basic charset=\"UTF-8\", realm=\"y\""],
            &[("Bearer", Some("x")), ("Basic", Some("y"))],
        );
        check(&["Negotiate YWJj==, Basic"], &[("Negotiate", None), ("Basic", None)]);
        check(&["Basic\r\n realm=\"folded\""], &[("Basic", Some("folded"))]);
        check(&["Basic realm=\"open"], &[("Basic", Some("open"))]);
        check(&[",,, Basic,"], &[("Basic", None)]);
    }

    #[test]
    fn an_absurd_list_of_schemes_is_cut() {
        let many = "a b,".repeat(1000);
        assert_eq!(offers(std::iter::once(many.as_str())).len(), MOST_OFFERS);
        let long = format!("Basic realm=\"{}\"", "x".repeat(10_000));
        let read = offers(std::iter::once(long.as_str()));
        assert_eq!(read[0].realm.as_ref().unwrap().len(), LONGEST_WORD);
    }

    #[test]
    fn only_schemes_that_need_the_operating_system_cannot_be_answered() {
        let offer = |names: &[&str]| -> Vec<Offer> {
            names
                .iter()
                .map(|name| Offer {
                    scheme: (*name).to_owned(),
                    realm: None,
                })
                .collect()
        };
        assert!(answerable(&offer(&[])));
        assert!(answerable(&offer(&["Negotiate", "basic"])));
        assert!(answerable(&offer(&["Bearer"])));
        assert!(answerable(&offer(&["Token"])));
        assert!(!answerable(&offer(&["NTLM", "negotiate", "DIGEST"])));
    }

    #[test]
    fn logins_are_written_as_the_server_reads_them() {
        let basic = |username: &str, password: &str| Credentials::Basic {
            username: username.into(),
            password: password.into(),
        };
        let check = |credentials: Credentials, expected: Result<&str, BadCredential>| {
            let written = authorization(&credentials);
            assert_eq!(written.as_ref().map(Secret::reveal).map_err(|e| *e), expected);
        };
        check(basic("aladdin", "opensesame"), Ok("Basic YWxhZGRpbjpvcGVuc2VzYW1l"));
        check(basic("jürgen", "pä:ss"), Ok("Basic asO8cmdlbjpww6Q6c3M="));
        check(basic("token", ""), Ok("Basic dG9rZW46"));
        check(basic("", "pat"), Ok("Basic OnBhdA=="));
        check(basic("a:b", "c"), Err(BadCredential::Colon));
        check(basic("a", "b\nc"), Err(BadCredential::ControlCharacter));
        check(basic("a\r", "c"), Err(BadCredential::ControlCharacter));
        check(basic("a", "\0"), Err(BadCredential::ControlCharacter));
        check(Credentials::Bearer("abc".into()), Ok("Bearer abc"));
        check(
            Credentials::Bearer("abc\n".into()),
            Err(BadCredential::ControlCharacter),
        );
        check(Credentials::Bearer("ä".into()), Err(BadCredential::NotAscii));
        check(Credentials::Bearer(" ".into()), Err(BadCredential::Empty));
        check(Credentials::Authorization("token x".into()), Ok("token x"));
        check(
            Credentials::Authorization("token x\r\nX-Evil: 1".into()),
            Err(BadCredential::ControlCharacter),
        );
    }

    #[test]
    fn base64_agrees_with_the_vectors_of_its_standard() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
            assert_eq!(unbase64(coded).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(unbase64("Zm9v!"), None);
    }

    #[test]
    fn the_password_of_a_basic_header_is_what_comes_after_the_first_colon() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(basic_password(value).as_ref().map(Secret::reveal), expected, "{value}");
        };
        check("Basic YWxhZGRpbjpvcGVuc2VzYW1l", Some("opensesame"));
        check("basic asO8cmdlbjpww6Q6c3M", Some("pä:ss"));
        check("Basic dG9rZW46", Some("token"));
        check("Basic ???", None);
        check("Basic dG9rZW4=", None);
        check("Bearer YWxhZGRpbjpvcGVuc2VzYW1l", None);
        check("Basic", None);
    }
}

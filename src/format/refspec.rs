//! Refspecs, `[+|^]src[:dst]`: gitglossary(7), "refspec"; git-fetch(1), "`<refspec>`"
//! (`parse_refspec` in git's `refspec.c`).

use std::fmt;

use crate::format::oid::ObjectId;
use crate::format::refname::{Form, check, expansions};

/// What a refspec is for. The two have different rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The source is a ref of the remote.
    Fetch,
    /// The source is anything that names an object here.
    Push,
}

/// A valid refspec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefSpec {
    text: Vec<u8>,
    force: bool,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `:`, push only.
    Matching,
    /// `^src`.
    Negative { src: Vec<u8> },
    /// A fetch of one object.
    Exact {
        oid: ObjectId,
        src: Vec<u8>,
        dst: Option<Vec<u8>>,
    },
    /// Everything else; a pattern has one `*` on each side that it has.
    Plain { src: Vec<u8>, dst: Option<Vec<u8>> },
}

/// Why a refspec is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefSpecError {
    /// Only one side has a `*`, or a fetch pattern has one side only.
    LopsidedPattern,
    /// The left side is not what it must be.
    BadSource,
    /// The right side is not what it must be.
    BadDestination,
    /// A negative refspec has a right side, is empty or is an object id.
    BadNegative,
}

impl fmt::Display for RefSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefSpecError::LopsidedPattern => "only one side of the refspec has a '*'",
            RefSpecError::BadSource => "the refspec's left side is not a valid name",
            RefSpecError::BadDestination => "the refspec's right side is not a valid name",
            RefSpecError::BadNegative => "a negative refspec takes one name or pattern",
        })
    }
}

impl std::error::Error for RefSpecError {}

impl RefSpec {
    /// Parses a refspec.
    pub fn parse(text: &[u8], direction: Direction) -> Result<Self, RefSpecError> {
        let (force, negative, body) = match text {
            [b'+', body @ ..] => (true, false, body),
            [b'^', body @ ..] => (false, true, body),
            body => (false, false, body),
        };
        let made = |kind| RefSpec {
            text: text.to_vec(),
            force,
            kind,
        };
        let colon = body.iter().rposition(|byte| *byte == b':');
        if negative && colon.is_some() {
            return Err(RefSpecError::BadNegative);
        }
        if direction == Direction::Push && body == b":" {
            return Ok(made(Kind::Matching));
        }
        let (src, dst) = match colon {
            Some(at) => (body.get(..at).unwrap_or_default(), body.get(at + 1..)),
            None => (body, None),
        };
        let src_pattern = src.contains(&b'*');
        let dst_pattern = dst.is_some_and(|dst| dst.contains(&b'*'));
        let lopsided = match dst {
            Some(_) => src_pattern != dst_pattern,
            None => src_pattern && !negative && direction == Direction::Fetch,
        };
        if lopsided {
            return Err(RefSpecError::LopsidedPattern);
        }
        let src = if src == b"@" { b"HEAD" } else { src };
        let form = Form {
            one_level: true,
            pattern: src_pattern,
        };
        let is_name = |name: &[u8]| check(name, form).is_ok();
        let exact = ObjectId::from_hex(src);
        if negative {
            return match exact {
                None if is_name(src) => Ok(made(Kind::Negative { src: src.to_vec() })),
                _ => Err(RefSpecError::BadNegative),
            };
        }
        let (src_is_good, dst_is_good) = match direction {
            Direction::Fetch => (
                src.is_empty() || exact.is_some() || is_name(src),
                dst.is_none_or(|dst| dst.is_empty() || is_name(dst)),
            ),
            // What is pushed may be any expression for an object; it is looked at when it is used.
            Direction::Push => (
                if dst.is_some() && !src_pattern {
                    true
                } else {
                    src.is_empty() && dst.is_some() || is_name(src)
                },
                dst.is_none_or(is_name),
            ),
        };
        if !src_is_good {
            return Err(RefSpecError::BadSource);
        }
        if !dst_is_good {
            return Err(RefSpecError::BadDestination);
        }
        let (src, dst) = (src.to_vec(), dst.map(<[u8]>::to_vec));
        Ok(made(match exact {
            Some(oid) if direction == Direction::Fetch => Kind::Exact { oid, src, dst },
            _ => Kind::Plain { src, dst },
        }))
    }

    /// The text it was parsed from.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Whether updates that are no fast-forward are asked for (`+`).
    pub const fn is_force(&self) -> bool {
        self.force
    }

    /// Whether it excludes what it matches (`^`).
    pub const fn is_negative(&self) -> bool {
        matches!(self.kind, Kind::Negative { .. })
    }

    /// Whether it is `:`, the push of every branch that exists on both sides.
    pub const fn is_matching(&self) -> bool {
        matches!(self.kind, Kind::Matching)
    }

    /// Whether it has a `*`.
    pub fn is_pattern(&self) -> bool {
        self.source().contains(&b'*')
    }

    /// The object it fetches, where the source is an object id.
    pub const fn exact_oid(&self) -> Option<ObjectId> {
        match self.kind {
            Kind::Exact { oid, .. } => Some(oid),
            _ => None,
        }
    }

    /// The left side, `@` written out. Empty: `HEAD` in a fetch, a deletion in a push.
    pub fn source(&self) -> &[u8] {
        match &self.kind {
            Kind::Matching => b"",
            Kind::Negative { src } | Kind::Exact { src, .. } | Kind::Plain { src, .. } => src,
        }
    }

    /// The right side, if there is one. Empty in a fetch: store nothing.
    pub fn destination(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Matching | Kind::Negative { .. } => None,
            Kind::Exact { dst, .. } | Kind::Plain { dst, .. } => dst.as_deref(),
        }
    }

    /// Whether the full ref name `name` is meant by the source: by the pattern, or by being the
    /// same name. An empty source means `HEAD`. Short names are for the caller to look up
    /// ([`expansions`]).
    pub fn matches(&self, name: &[u8]) -> bool {
        match &self.kind {
            Kind::Matching | Kind::Exact { .. } => false,
            Kind::Negative { src } | Kind::Plain { src, .. } if src.is_empty() => name == b"HEAD",
            Kind::Negative { src } | Kind::Plain { src, .. } => wildcard(src, name).is_some(),
        }
    }

    /// Where the ref `name` goes: the right side with its `*` replaced by what the one on the left
    /// stands for. `None` if it does not match, or nothing is to be stored.
    pub fn map(&self, name: &[u8]) -> Option<Vec<u8>> {
        let Kind::Plain { src, dst: Some(dst) } = &self.kind else {
            return None;
        };
        if dst.is_empty() {
            return None;
        }
        if src.is_empty() {
            return (name == b"HEAD").then(|| dst.clone());
        }
        let middle = wildcard(src, name)?;
        match split_wildcard(dst) {
            Some((before, after)) => Some([before, middle, after].concat()),
            None => Some(dst.clone()),
        }
    }

    /// What is stored as `name`: the left side with its `*` replaced by what the one on the right
    /// stands for; the other way round than [`RefSpec::map`].
    pub fn unmap(&self, name: &[u8]) -> Option<Vec<u8>> {
        let Kind::Plain { src, dst: Some(dst) } = &self.kind else {
            return None;
        };
        if dst.is_empty() {
            return None;
        }
        let middle = wildcard(dst, name)?;
        match split_wildcard(src) {
            Some((before, after)) => Some([before, middle, after].concat()),
            None if src.is_empty() => Some(b"HEAD".to_vec()),
            None => Some(src.clone()),
        }
    }

    /// The prefixes to ask a server for, so that it names every ref the refspec may mean
    /// (`refspec_ref_prefixes`). None for an object id or a negative refspec.
    pub fn ref_prefixes(&self) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Matching | Kind::Negative { .. } | Kind::Exact { .. } => Vec::new(),
            Kind::Plain { src, .. } => match split_wildcard(src) {
                Some((before, _)) => vec![before.to_vec()],
                None if src.is_empty() => vec![b"HEAD".to_vec()],
                None => expansions(src).to_vec(),
            },
        }
    }
}

impl fmt::Display for RefSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

/// What the `*` of `pattern` stands for in `name` (nothing, where there is none and both are the
/// same); `None` if they do not match.
fn wildcard<'a>(pattern: &[u8], name: &'a [u8]) -> Option<&'a [u8]> {
    match split_wildcard(pattern) {
        Some((before, after)) => name.strip_prefix(before)?.strip_suffix(after),
        None => (pattern == name).then_some(b""),
    }
}

fn split_wildcard(pattern: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pattern.iter().position(|byte| *byte == b'*')?;
    Some((pattern.get(..at)?, pattern.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use Direction::{Fetch, Push};

    fn spec(text: &str, direction: Direction) -> RefSpec {
        RefSpec::parse(text.as_bytes(), direction).unwrap()
    }

    #[test]
    fn refspecs_are_taken_and_refused_as_in_gits_own_table() {
        let hex = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
        let (negative_hex, exact_hex) = (format!("^{hex}"), format!("{hex}:refs/x"));
        // The refspec, whether it is valid for a fetch, whether for a push; t/t5511-refspec.sh.
        for (text, fetch, push) in [
            ("", true, false),
            (":", true, true),
            ("::", false, false),
            ("+:", true, true),
            ("refs/heads/*:refs/remotes/frotz/*", true, true),
            ("refs/heads/*:refs/remotes/frotz", false, false),
            ("refs/heads:refs/remotes/frotz/*", false, false),
            ("refs/heads/main:refs/remotes/frotz/xyzzy", true, true),
            ("refs/heads/main::refs/remotes/frotz/xyzzy", false, true),
            ("refs/heads/maste :refs/remotes/frotz/xyzzy", false, true),
            ("main~1:refs/remotes/frotz/backup", false, true),
            ("HEAD~4:refs/remotes/frotz/new", false, true),
            ("HEAD", true, true),
            ("@", true, true),
            ("refs/heads/ nitfol", false, false),
            ("HEAD:", true, false),
            ("refs/heads/ nitfol:", false, false),
            (":refs/remotes/frotz/deleteme", true, true),
            (":refs/remotes/frotz/delete me", false, false),
            ("refs/heads/*/for-linus:refs/remotes/mine/*-blah", true, true),
            ("refs/heads*/for-linus:refs/remotes/mine/*", true, true),
            ("refs/heads/*/*/for-linus:refs/remotes/mine/*", false, false),
            ("refs/heads/*g*/for-linus:refs/remotes/mine/*", false, false),
            ("refs/heads/Ä", true, true),
            ("refs/heads/\ttab", false, false),
            ("refs/heads/*", false, true),
            ("^refs/heads/*", true, true),
            ("^refs/heads/a", true, true),
            ("^refs/heads/a:refs/heads/b", false, false),
            ("^", false, false),
            (&negative_hex, false, false),
            (hex, true, true),
            (&exact_hex, true, true),
        ] {
            assert_eq!(RefSpec::parse(text.as_bytes(), Fetch).is_ok(), fetch, "fetch {text:?}");
            assert_eq!(RefSpec::parse(text.as_bytes(), Push).is_ok(), push, "push {text:?}");
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        for (text, direction, error) in [
            ("a/*:b", Fetch, RefSpecError::LopsidedPattern),
            ("a:b/*", Push, RefSpecError::LopsidedPattern),
            ("a b:c", Fetch, RefSpecError::BadSource),
            ("a b", Push, RefSpecError::BadSource),
            ("a:b c", Fetch, RefSpecError::BadDestination),
            ("a:", Push, RefSpecError::BadDestination),
            ("^a:b", Fetch, RefSpecError::BadNegative),
        ] {
            assert_eq!(RefSpec::parse(text.as_bytes(), direction), Err(error), "{text}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn the_parts_of_a_refspec_are_told_apart() {
        let plain = spec("+refs/heads/*:refs/remotes/o/*", Fetch);
        assert!(plain.is_force() && plain.is_pattern() && !plain.is_negative());
        assert_eq!(
            (plain.source(), plain.destination()),
            (&b"refs/heads/*"[..], Some(&b"refs/remotes/o/*"[..]))
        );
        assert_eq!(plain.to_string(), "+refs/heads/*:refs/remotes/o/*");
        assert!(spec(":", Push).is_matching());
        assert!(!spec(":", Fetch).is_matching());
        assert_eq!(spec("@:x", Fetch).source(), b"HEAD");
        assert_eq!(spec("a:", Fetch).destination(), Some(&b""[..]));
        assert_eq!(spec("a", Fetch).destination(), None);
        let hex = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
        assert_eq!(
            spec(hex, Fetch).exact_oid().map(|oid| oid.to_hex()).as_deref(),
            Some(hex)
        );
        assert_eq!(spec(hex, Push).exact_oid(), None);
    }

    #[test]
    fn names_are_mapped_through_the_asterisk() {
        for (text, name, mapped) in [
            (
                "refs/heads/*:refs/remotes/o/*",
                "refs/heads/a/b",
                Some("refs/remotes/o/a/b"),
            ),
            ("refs/heads/*:refs/remotes/o/*", "refs/tags/a", None),
            ("refs/heads/*/x:refs/r/*-y", "refs/heads/a/x", Some("refs/r/a-y")),
            ("refs/heads/ab*ba:refs/r/*", "refs/heads/aba", None),
            ("refs/heads/ab*ba:refs/r/*", "refs/heads/abba", Some("refs/r/")),
            ("refs/heads/a:refs/r/b", "refs/heads/a", Some("refs/r/b")),
            ("refs/heads/a:refs/r/b", "refs/heads/ab", None),
            ("refs/heads/a", "refs/heads/a", None),
            ("refs/heads/a:", "refs/heads/a", None),
            (":refs/r/head", "HEAD", Some("refs/r/head")),
            (":refs/r/head", "refs/heads/a", None),
        ] {
            let mapped = mapped.map(|name| name.as_bytes().to_vec());
            assert_eq!(spec(text, Fetch).map(name.as_bytes()), mapped, "{text} {name}");
        }
        for (text, name, source) in [
            (
                "refs/heads/*:refs/remotes/o/*",
                "refs/remotes/o/a/b",
                Some("refs/heads/a/b"),
            ),
            ("refs/heads/*:refs/remotes/o/*", "refs/remotes/p/a", None),
            ("refs/heads/*/x:refs/r/*-y", "refs/r/a-y", Some("refs/heads/a/x")),
            ("refs/heads/a:refs/r/b", "refs/r/b", Some("refs/heads/a")),
            (":refs/r/head", "refs/r/head", Some("HEAD")),
            ("refs/heads/a", "refs/heads/a", None),
            ("refs/heads/a:", "", None),
        ] {
            let source = source.map(|name| name.as_bytes().to_vec());
            assert_eq!(spec(text, Fetch).unmap(name.as_bytes()), source, "{text} {name}");
        }
        assert!(spec("^refs/heads/x*", Fetch).matches(b"refs/heads/xy"));
        assert!(spec("refs/heads/a", Fetch).matches(b"refs/heads/a"));
        assert!(spec("", Fetch).matches(b"HEAD"));
        assert!(!spec("", Fetch).matches(b""));
    }

    #[test]
    fn the_prefixes_to_ask_for_cover_what_is_meant() {
        let prefixes = |text| spec(text, Fetch).ref_prefixes();
        assert_eq!(prefixes("refs/heads/*:refs/x/*"), [b"refs/heads/".to_vec()]);
        assert_eq!(prefixes(""), [b"HEAD".to_vec()]);
        assert!(prefixes("main").contains(&b"refs/heads/main".to_vec()));
        assert_eq!(prefixes("^refs/heads/x"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn every_truncation_of_a_refspec_is_parsed_or_refused_without_harm() {
        let text = b"+refs/heads/*/for:refs/remotes/mine/*-blah";
        for length in 0..text.len() {
            for direction in [Fetch, Push] {
                if let Ok(spec) = RefSpec::parse(&text[..length], direction) {
                    assert_eq!(spec.as_bytes(), &text[..length]);
                }
            }
        }
    }
}

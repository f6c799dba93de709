//! How a user names an object: gitrevisions(7), "Specifying revisions". Parsed here, looked up
//! elsewhere (`get_oid_1` and `peel_onion` in git's `object-name.c`).
//!
//! ```text
//! main~2^{tree}:src/lib.rs
//! base steps    path
//! ```
//!
//! There is no index to look into, messages are not searched, and `@{…}` takes numbers and
//! `upstream` alone: what would need more is told apart from what is malformed.

use std::fmt;

use crate::format::object::Kind;

/// The longest text that is parsed, in bytes. Git's own limit is that of a command line; names of
/// refs and paths seldom have more than a few hundred.
pub const MAX_LENGTH: usize = 8192;

/// The longest way along a history: git's `INT_MAX`.
const MAX_COUNT: u32 = 0x7fff_ffff;

/// A revision, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision<'a> {
    /// A name: an object id, an abbreviated one, a ref or a part of its name. `@` is written out
    /// as `HEAD`.
    pub base: &'a [u8],
    /// `@{upstream}`: not the branch itself, but what it follows. An empty `base` is the current
    /// branch.
    pub upstream: bool,
    /// `@{n}`: not what the ref is at, but what it was at. An empty `base` is the current branch.
    pub was: Option<Was>,
    /// What is done to the object, one after the other.
    pub steps: Vec<Step>,
    /// The path behind the colon, looked up in the tree.
    pub path: Option<&'a [u8]>,
}

/// A place in a reflog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// So many changes ago.
    Back(u32),
    /// At that time, in seconds since 1970.
    At(i64),
}

/// A step from one object to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `^n`: the commit's n-th parent; 0 is the commit itself.
    Parent(u32),
    /// `~n`: n times the first parent.
    Ancestor(u32),
    /// `^{…}`: along tags, and from a commit to its tree, as far as needed.
    Peel(Goal),
}

/// Where peeling ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// `^{commit}` and the like: at an object of that kind.
    Kind(Kind),
    /// `^{}`: at what is no tag.
    NoTag,
    /// `^{object}`: at once; the object must exist.
    Any,
}

/// Why a text names no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionError {
    /// There is no name in it.
    Empty,
    /// It has more than [`MAX_LENGTH`] bytes.
    TooLong,
    /// What stands in braces or behind `~` or `^` is not understood.
    BadStep {
        /// Where it starts, in bytes.
        at: u64,
    },
    /// `a..b` or `a...b` names two commits.
    Range,
    /// `:/text` and `^{/text}` search messages.
    Search,
    /// `@{…}` with a date in words, with `push`, or with an earlier checkout.
    Reflog,
    /// `:path` looks into the index.
    Index,
}

impl fmt::Display for RevisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevisionError::Empty => f.write_str("there is no name in it"),
            RevisionError::TooLong => write!(f, "it has more than {MAX_LENGTH} bytes"),
            RevisionError::BadStep { at } => write!(f, "what stands at byte {at} is not understood"),
            RevisionError::Range => f.write_str("it names a range, where one object is needed"),
            RevisionError::Search => f.write_str("messages are not searched"),
            RevisionError::Reflog => f.write_str("of @{…} only numbers and @{upstream} are understood"),
            RevisionError::Index => f.write_str("there is no index to look into"),
        }
    }
}

impl std::error::Error for RevisionError {}

impl<'a> Revision<'a> {
    /// Takes a text apart.
    pub fn parse(text: &'a [u8]) -> Result<Self, RevisionError> {
        if text.len() > MAX_LENGTH {
            return Err(RevisionError::TooLong);
        }
        if text.starts_with(b":/") {
            return Err(RevisionError::Search);
        }
        if text.starts_with(b":") {
            return Err(RevisionError::Index);
        }
        let (name, path) = match colon(text) {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (text, None),
        };
        let mut base = name;
        let mut steps = Vec::new();
        while let Some((before, step)) = last_step(base)? {
            base = before;
            steps.push(step);
        }
        steps.reverse();
        let (base, was) = match marked(base) {
            Some((before, inside)) if !is_upstream(inside) => (before, Some(place(inside)?)),
            _ => (base, None),
        };
        let (base, upstream) = match marked(base) {
            Some((before, inside)) if is_upstream(inside) => (before, true),
            _ => (base, false),
        };
        if base.is_empty() && !upstream && was.is_none() {
            return Err(RevisionError::Empty);
        }
        let has = |text: &[u8]| base.windows(text.len()).any(|window| window == text);
        if has(b"@{") {
            return Err(RevisionError::Reflog);
        }
        if has(b"..") {
            return Err(RevisionError::Range);
        }
        let base = if base == b"@" { b"HEAD" } else { base };
        Ok(Revision {
            base,
            upstream,
            was,
            steps,
            path,
        })
    }
}

/// Splits a last `@{…}` off: what is before it, and what is in it.
fn marked(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = name.strip_suffix(b"}")?;
    let open = inside.windows(2).rposition(|pair| pair == b"@{")?;
    Some((inside.get(..open)?, inside.get(open + 2..)?))
}

fn is_upstream(inside: &[u8]) -> bool {
    inside.eq_ignore_ascii_case(b"u") || inside.eq_ignore_ascii_case(b"upstream")
}

/// A number is so many changes ago, a large one a time (`get_oid_basic`).
fn place(inside: &[u8]) -> Result<Was, RevisionError> {
    const FIRST_TIME: i64 = 100_000_000;
    let digits = std::str::from_utf8(inside)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number: i64 = digits
        .and_then(|digits| digits.parse().ok())
        .ok_or(RevisionError::Reflog)?;
    match u32::try_from(number) {
        Ok(back) if number < FIRST_TIME => Ok(Was::Back(back)),
        _ => Ok(Was::At(number)),
    }
}

/// The first colon outside of braces.
fn colon(text: &[u8]) -> Option<usize> {
    let mut depth = 0u32;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' => depth = depth.saturating_add(1),
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// Splits the last step off, if there is one.
fn last_step(name: &[u8]) -> Result<Option<(&[u8], Step)>, RevisionError> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, digits) = name.split_at_checked(name.len() - digits).unwrap_or((name, b""));
    if let [before @ .., mark @ (b'~' | b'^')] = head {
        // A slice has at most `isize::MAX` bytes.
        let bad = RevisionError::BadStep {
            at: before.len() as u64,
        };
        let count = if digits.is_empty() {
            1
        } else {
            number(digits).ok_or(bad)?
        };
        let step = if *mark == b'^' {
            Step::Parent(count)
        } else {
            Step::Ancestor(count)
        };
        return Ok(Some((before, step)));
    }
    let Some(inside) = name.strip_suffix(b"}") else {
        return Ok(None);
    };
    let Some(open) = inside.windows(2).rposition(|pair| pair == b"^{") else {
        return Ok(None);
    };
    let (before, goal) = (
        inside.get(..open).unwrap_or_default(),
        inside.get(open + 2..).unwrap_or_default(),
    );
    let goal = match goal {
        b"" => Goal::NoTag,
        b"object" => Goal::Any,
        [b'/', ..] => return Err(RevisionError::Search),
        word => Goal::Kind(Kind::from_name(word).ok_or(RevisionError::BadStep { at: open as u64 })?),
    };
    Ok(Some((before, Step::Peel(goal))))
}

fn number(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|count| *count <= MAX_COUNT)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::Goal::{Any, NoTag};
    use super::Step::{Ancestor, Parent, Peel};
    use super::*;

    #[track_caller]
    fn check(text: &str, base: &str, steps: &[Step], path: Option<&str>) {
        let expected = Revision {
            base: base.as_bytes(),
            upstream: false,
            was: None,
            steps: steps.to_vec(),
            path: path.map(str::as_bytes),
        };
        assert_eq!(Revision::parse(text.as_bytes()), Ok(expected), "{text}");
    }

    #[test]
    fn revisions_are_taken_apart_from_the_right() {
        check("main", "main", &[], None);
        check("@", "HEAD", &[], None);
        check("@^", "HEAD", &[Parent(1)], None);
        check("HEAD~2", "HEAD", &[Ancestor(2)], None);
        check("HEAD~", "HEAD", &[Ancestor(1)], None);
        check("HEAD^2~10^0", "HEAD", &[Parent(2), Ancestor(10), Parent(0)], None);
        check("HEAD^^", "HEAD", &[Parent(1), Parent(1)], None);
        check("v1.0", "v1.0", &[], None);
        check("v1^{}", "v1", &[Peel(NoTag)], None);
        check("v1^{tree}", "v1", &[Peel(Goal::Kind(Kind::Tree))], None);
        check(
            "v1^{object}^{commit}~3",
            "v1",
            &[Peel(Any), Peel(Goal::Kind(Kind::Commit)), Ancestor(3)],
            None,
        );
        check("main:src/lib.rs", "main", &[], Some("src/lib.rs"));
        check("main~1:a:b^{x", "main", &[Ancestor(1)], Some("a:b^{x"));
        check("main:", "main", &[], Some(""));
        check("a/b{c}", "a/b{c}", &[], None);
        check("v1-3-gabc1234", "v1-3-gabc1234", &[], None);
    }

    #[test]
    fn what_a_ref_was_and_what_it_follows_are_parts_of_a_revision() {
        for (text, base, upstream, was, steps) in [
            ("@{1}", "", false, Some(Was::Back(1)), vec![]),
            ("main@{0}^", "main", false, Some(Was::Back(0)), vec![Parent(1)]),
            ("@@{2}", "HEAD", false, Some(Was::Back(2)), vec![]),
            ("main@{99999999}", "main", false, Some(Was::Back(99_999_999)), vec![]),
            ("main@{1700000000}", "main", false, Some(Was::At(1_700_000_000)), vec![]),
            ("@{u}", "", true, None, vec![]),
            ("a/b@{UpStream}~2", "a/b", true, None, vec![Ancestor(2)]),
            ("main@{u}@{3}", "main", true, Some(Was::Back(3)), vec![]),
        ] {
            let expected = Revision {
                base: base.as_bytes(),
                upstream,
                was,
                steps,
                path: None,
            };
            assert_eq!(Revision::parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for (text, error) in [
            ("", RevisionError::Empty),
            ("^", RevisionError::Empty),
            ("~3:x", RevisionError::Empty),
            (&long, RevisionError::TooLong),
            (":/fix", RevisionError::Search),
            ("main^{/fix: it}", RevisionError::Search),
            (":path", RevisionError::Index),
            (":0:path", RevisionError::Index),
            ("@{-1}", RevisionError::Reflog),
            ("main@{yesterday}", RevisionError::Reflog),
            ("main@{push}", RevisionError::Reflog),
            ("main@{}", RevisionError::Reflog),
            ("main@{1}@{u}", RevisionError::Reflog),
            ("main@{1}x", RevisionError::Reflog),
            ("main@{99999999999999999999}", RevisionError::Reflog),
            ("a..b", RevisionError::Range),
            ("a...b", RevisionError::Range),
            ("a^{treeish}", RevisionError::BadStep { at: 1 }),
            ("a~2147483648", RevisionError::BadStep { at: 1 }),
            ("a~99999999999999999999", RevisionError::BadStep { at: 1 }),
        ] {
            assert_eq!(Revision::parse(text.as_bytes()), Err(error), "{text}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn the_longest_text_of_steps_takes_linear_time() {
        let text = format!("a{}", "^".repeat(MAX_LENGTH - 1));
        assert_eq!(
            Revision::parse(text.as_bytes()).map(|revision| revision.steps.len()),
            Ok(MAX_LENGTH - 1)
        );
        let open = "^{".repeat(MAX_LENGTH / 2 - 1) + "}";
        assert_eq!(
            Revision::parse(open.as_bytes()).map(|revision| revision.steps),
            Ok(vec![Peel(NoTag)])
        );
    }
}

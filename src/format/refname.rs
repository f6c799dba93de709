//! Ref names: the rules of git-check-ref-format(1) (`check_refname_format` in git's `refs.c`), and
//! the order in which a short name is looked up (gitrevisions(7), "`<refname>`").

use crate::sorted::SortedSet;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Bound;

/// A valid ref name: what `git check-ref-format` accepts (two components at least), or `HEAD`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Vec<u8>);

impl RefName {
    /// Checks the name.
    pub fn new(name: impl Into<Vec<u8>>) -> Result<Self, RefNameError> {
        let name = name.into();
        if name != b"HEAD" {
            check(
                &name,
                Form {
                    one_level: false,
                    pattern: false,
                },
            )?;
        }
        Ok(RefName(name))
    }

    /// `HEAD`.
    pub fn head() -> Self {
        RefName(b"HEAD".to_vec())
    }

    /// Whether it is `HEAD`.
    pub fn is_head(&self) -> bool {
        self.0 == b"HEAD"
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name's bytes, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Whether it lies under `refs/`, where everything but `HEAD` is stored.
    pub fn is_in_refs(&self) -> bool {
        self.0.starts_with(b"refs/")
    }

    /// The name without `refs/heads/`, if it is a branch.
    pub fn branch(&self) -> Option<&[u8]> {
        self.0.strip_prefix(b"refs/heads/")
    }

    /// The name without `refs/tags/`, if it is a tag.
    pub fn tag(&self) -> Option<&[u8]> {
        self.0.strip_prefix(b"refs/tags/")
    }

    /// Whether both cannot exist side by side: one would be a directory on the other's path.
    pub fn conflicts_with(&self, other: &RefName) -> bool {
        let under = |path: &[u8], dir: &[u8]| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with(b"/"));
        under(&self.0, &other.0) || under(&other.0, &self.0)
    }
}

impl AsRef<[u8]> for RefName {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// As text; bytes that are not UTF-8 become U+FFFD.
impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// Which names [`check`] accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// A single component will do (`--allow-onelevel`).
    pub one_level: bool,
    /// One `*` may stand anywhere (`--refspec-pattern`).
    pub pattern: bool,
}

/// Why a name is not valid. Positions are bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefNameError {
    /// A component is empty: no name at all, a leading or trailing slash, or two in a row.
    EmptyComponent {
        /// Where it should be.
        at: u64,
    },
    /// A component starts with a dot.
    LeadingDot {
        /// Where.
        at: u64,
    },
    /// Two dots in a row.
    DoubleDot {
        /// Where the second one is.
        at: u64,
    },
    /// `@{`.
    AtBrace {
        /// Where the brace is.
        at: u64,
    },
    /// A control character, a space, or one of `~ ^ : ? * [ \`; in a pattern, a second `*`.
    Forbidden {
        /// Where.
        at: u64,
        /// The byte.
        byte: u8,
    },
    /// A component ends in `.lock`.
    Lock {
        /// Where the component starts.
        at: u64,
    },
    /// The name ends in a dot.
    TrailingDot,
    /// The name is `@`.
    At,
    /// The name has one component only.
    OneLevel,
}

impl fmt::Display for RefNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefNameError::EmptyComponent { at } => write!(f, "empty component at byte {at}"),
            RefNameError::LeadingDot { at } => write!(f, "component starting with '.' at byte {at}"),
            RefNameError::DoubleDot { at } => write!(f, "'..' at byte {at}"),
            RefNameError::AtBrace { at } => write!(f, "'@{{' at byte {at}"),
            RefNameError::Forbidden { at, byte } => {
                write!(
                    f,
                    "'{}' is not allowed, at byte {at}",
                    std::ascii::escape_default(*byte)
                )
            }
            RefNameError::Lock { at } => write!(f, "component ending in '.lock' at byte {at}"),
            RefNameError::TrailingDot => f.write_str("trailing '.'"),
            RefNameError::At => f.write_str("'@' alone"),
            RefNameError::OneLevel => f.write_str("no '/' in the name"),
        }
    }
}

impl std::error::Error for RefNameError {}

/// Holds a name against the rules.
pub fn check(name: &[u8], form: Form) -> Result<(), RefNameError> {
    if name == b"@" {
        return Err(RefNameError::At);
    }
    let mut wildcard_allowed = form.pattern;
    let mut components = 0u32;
    // A slice has at most `isize::MAX` bytes.
    let mut at = 0u64;
    for component in name.split(|byte| *byte == b'/') {
        check_component(component, at, &mut wildcard_allowed)?;
        at += component.len() as u64 + 1;
        components = components.saturating_add(1);
    }
    if name.ends_with(b".") {
        return Err(RefNameError::TrailingDot);
    }
    if components < 2 && !form.one_level {
        return Err(RefNameError::OneLevel);
    }
    Ok(())
}

fn check_component(component: &[u8], start: u64, wildcard_allowed: &mut bool) -> Result<(), RefNameError> {
    let mut last = 0;
    for (at, byte) in (start..).zip(component) {
        match byte {
            b'.' if last == b'.' => return Err(RefNameError::DoubleDot { at }),
            b'{' if last == b'@' => return Err(RefNameError::AtBrace { at }),
            b'*' if *wildcard_allowed => *wildcard_allowed = false,
            0..=b' ' | 0x7f | b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\' => {
                return Err(RefNameError::Forbidden { at, byte: *byte });
            }
            _ => {}
        }
        last = *byte;
    }
    match component {
        b"" => Err(RefNameError::EmptyComponent { at: start }),
        [b'.', ..] => Err(RefNameError::LeadingDot { at: start }),
        _ if component.ends_with(b".lock") => Err(RefNameError::Lock { at: start }),
        _ => Ok(()),
    }
}

/// The full names that a short one may stand for, in the order in which git tries them
/// (`ref_rev_parse_rules`): itself, a ref, a tag, a branch, a remote's branch, a remote's `HEAD`.
pub fn expansions(short: &[u8]) -> [Vec<u8>; 6] {
    [
        ("", ""),
        ("refs/", ""),
        ("refs/tags/", ""),
        ("refs/heads/", ""),
        ("refs/remotes/", ""),
        ("refs/remotes/", "/HEAD"),
    ]
    .map(|(before, after)| [before.as_bytes(), short, after.as_bytes()].concat())
}

/// A name of `names` that makes a ref of this name impossible: `a` beside `a/b`, which files cannot
/// be (`refs_verify_refname_available`). The name itself is no conflict.
pub fn conflict<'a, T: Borrow<[u8]> + Ord>(names: &'a SortedSet<T>, name: &[u8]) -> Option<&'a [u8]> {
    let slashes = (0..).zip(name).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let above = slashes.filter_map(|at: usize| names.get(name.get(..at)?)).next();
    let below = || {
        let directory = [name, b"/"].concat();
        let from = (Bound::Included(directory.as_slice()), Bound::Unbounded);
        let next = names.range::<[u8], _>(from).next();
        next.filter(|next| (*next).borrow().starts_with(&directory))
    };
    above.or_else(below).map(Borrow::borrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Form = Form {
        one_level: false,
        pattern: false,
    };

    #[test]
    fn each_rule_has_its_error() {
        use RefNameError::*;
        for (name, error) in [
            ("", EmptyComponent { at: 0 }),
            ("/a/b", EmptyComponent { at: 0 }),
            ("a//b", EmptyComponent { at: 2 }),
            ("a/b/", EmptyComponent { at: 4 }),
            (".a/b", LeadingDot { at: 0 }),
            ("a/.b", LeadingDot { at: 2 }),
            ("a/b..c", DoubleDot { at: 4 }),
            ("a/b@{c", AtBrace { at: 4 }),
            ("a/b c", Forbidden { at: 3, byte: b' ' }),
            ("a/b\x7f", Forbidden { at: 3, byte: 0x7f }),
            ("a/\0", Forbidden { at: 2, byte: 0 }),
            ("a/*", Forbidden { at: 2, byte: b'*' }),
            ("a.lock/b", Lock { at: 0 }),
            ("a/b.lock", Lock { at: 2 }),
            ("a/b.", TrailingDot),
            ("@", At),
            ("a", OneLevel),
        ] {
            assert_eq!(RefName::new(name), Err(error), "{name:?}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn valid_names_are_kept_byte_for_byte() {
        for name in [
            &b"refs/heads/main"[..],
            b"HEAD",
            b"a/b",
            b"refs/heads/@",
            b"a./b",
            b"a/{b@",
            b"a/\xff\xfe",
            b"a/b.lockx",
        ] {
            assert_eq!(RefName::new(name).map(RefName::into_bytes), Ok(name.to_vec()));
        }
    }

    #[test]
    fn a_pattern_has_one_asterisk_in_all() {
        let form = Form {
            one_level: true,
            pattern: true,
        };
        for (name, valid) in [
            ("*", true),
            ("a/*/b", true),
            ("a*b", true),
            ("a/*/*", false),
            ("**", false),
            ("a", true),
        ] {
            assert_eq!(check(name.as_bytes(), form).is_ok(), valid, "{name}");
        }
    }

    #[test]
    fn names_conflict_where_one_is_a_directory_of_the_other() {
        let name = |text: &str| RefName::new(text).unwrap();
        assert!(name("refs/heads/a").conflicts_with(&name("refs/heads/a/b")));
        assert!(name("refs/heads/a/b/c").conflicts_with(&name("refs/heads/a")));
        assert!(!name("refs/heads/a").conflicts_with(&name("refs/heads/a")));
        assert!(!name("refs/heads/a").conflicts_with(&name("refs/heads/ab")));
    }

    #[test]
    fn short_names_expand_in_gits_order() {
        let names = expansions(b"x").map(|name| String::from_utf8(name).unwrap());
        assert_eq!(
            names,
            [
                "x",
                "refs/x",
                "refs/tags/x",
                "refs/heads/x",
                "refs/remotes/x",
                "refs/remotes/x/HEAD"
            ]
        );
    }

    #[test]
    fn a_name_of_a_megabyte_takes_linear_time() {
        let name = "a/".repeat(1 << 19) + "a";
        assert_eq!(check(name.as_bytes(), PLAIN), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn twelve_hundred_generated_names_fare_as_with_git() {
        use std::os::unix::ffi::OsStrExt;
        use std::process::{Command, Stdio};

        const PARTS: [&[u8]; 30] = [
            b"a",
            b"b",
            b"refs",
            b"heads",
            b"/",
            b"/",
            b"/",
            b"/",
            b".",
            b"..",
            b".lock",
            b"lock",
            b"@",
            b"{",
            b"@{",
            b"~",
            b"^",
            b":",
            b"?",
            b"*",
            b"[",
            b"\\",
            b" ",
            b"\t",
            b"\x7f",
            b"\x1b",
            b"\xc3\xa9",
            b"\xff",
            b"-",
            b"HEAD",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let forms: [(&[&str], Form); 3] = [
            (&[], PLAIN),
            (
                &["--allow-onelevel"],
                Form {
                    one_level: true,
                    pattern: false,
                },
            ),
            (
                &["--allow-onelevel", "--refspec-pattern"],
                Form {
                    one_level: true,
                    pattern: true,
                },
            ),
        ];
        let mut valid = 0;
        for round in 0..1200 {
            // Mostly letters, so that about half of the names are valid.
            let mut name: Vec<u8> = (0..1 + random(6))
                .flat_map(|_| PARTS[if random(4) > 0 { random(8) } else { random(PARTS.len()) }].to_vec())
                .collect();
            if name.starts_with(b"-") {
                // The command would take it for an option.
                name.insert(0, b'a');
            }
            let (options, form) = &forms[round % forms.len()];
            let status = Command::new("git")
                .arg("check-ref-format")
                .args(*options)
                .arg(std::ffi::OsStr::from_bytes(&name))
                .stderr(Stdio::null())
                .status()
                .unwrap();
            let ours = check(&name, *form).is_ok();
            assert_eq!(ours, status.success(), "{} {options:?}", name.escape_ascii());
            valid += u32::from(ours);
        }
        assert!((200..1000).contains(&valid), "{valid} of the names are valid");
    }
}

//! Names that no tree may be given: what some file system takes for `.`, `..` or `.git`
//! (`verify_path` in git's `read-cache.c` with `core.protectHFS` and `core.protectNTFS`, `fsck_tree`
//! in `fsck.c`). All platforms count everywhere: who checks a tree out is not who wrote it.
//!
//! Reading takes any name; this is for writing, and for paths that leave the store.

use std::fmt;

use super::EntryKind;

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFlaw {
    /// It has no characters.
    Empty,
    /// It holds a NUL, which ends a name in a tree.
    Nul,
    /// It holds a slash, which separates names.
    Slash,
    /// It is `.` or `..`.
    Dot,
    /// It is `.git`, or some file system takes it for that: `.GIT`, `git~1`, `.git.`, `.git::$DATA`,
    /// `.g\u{200c}it`, or `a\.git` where the backslash separates names.
    DotGit,
    /// It is a symbolic link that some file system takes for `.gitmodules`, which git reads before it
    /// checks out what the link leads to.
    ModulesLink,
}

impl fmt::Display for NameFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameFlaw::Empty => "a name in it is empty",
            NameFlaw::Nul => "it holds a NUL",
            NameFlaw::Slash => "a name in it holds a slash",
            NameFlaw::Dot => "a name in it is '.' or '..'",
            NameFlaw::DotGit => "a name in it is '.git', or is taken for it by some file system",
            NameFlaw::ModulesLink => "'.gitmodules' may not be a symbolic link",
        })
    }
}

impl std::error::Error for NameFlaw {}

/// Whether an entry of a tree may be called so.
pub fn check_name(name: &[u8], kind: EntryKind) -> Result<(), NameFlaw> {
    if name.is_empty() {
        return Err(NameFlaw::Empty);
    }
    if name.contains(&0) {
        return Err(NameFlaw::Nul);
    }
    if name.contains(&b'/') {
        return Err(NameFlaw::Slash);
    }
    if matches!(name, b"." | b"..") {
        return Err(NameFlaw::Dot);
    }
    if is_dot_git(name) {
        return Err(NameFlaw::DotGit);
    }
    if kind == EntryKind::Symlink && is_dot_git_modules(name) {
        return Err(NameFlaw::ModulesLink);
    }
    Ok(())
}

/// Whether some file system takes the name for `.git`.
pub fn is_dot_git(name: &[u8]) -> bool {
    is_hfs(name, b"git") || components(name).any(is_ntfs_dot_git)
}

/// Whether some file system takes the name for `.gitmodules`.
pub fn is_dot_git_modules(name: &[u8]) -> bool {
    is_hfs(name, b"gitmodules") || components(name).any(|part| is_ntfs(part, b"gitmodules", b"gi7eba"))
}

/// The name, and what is behind each of its backslashes.
fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind = name.iter().enumerate().filter(|(_, byte)| **byte == b'\\');
    let behind = behind.map(|(at, _)| name.get(at + 1..).unwrap_or_default());
    std::iter::once(name).chain(behind)
}

/// HFS+ ignores some code points and case (`is_hfs_dot_generic`). As there, bytes that are not UTF-8
/// end the name.
fn is_hfs(name: &[u8], needle: &[u8]) -> bool {
    let text = name.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let ended = text.chars().take_while(|char| !matches!(char, '\u{fffe}' | '\u{ffff}'));
    let mut seen = ended.filter(|char| {
        let ignored = matches!(char, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}');
        !ignored && *char != '\u{feff}'
    });
    let dot = seen.next() == Some('.');
    dot && needle.iter().all(|wanted| {
        seen.next()
            .is_some_and(|char| char.to_ascii_lowercase() == char::from(*wanted))
    }) && seen.next().is_none()
}

/// NTFS ignores case, spaces and periods at the end, and what follows a colon, which names a stream;
/// it may know `.git` by the short name `git~1` (`is_ntfs_dotgit`).
fn is_ntfs_dot_git(name: &[u8]) -> bool {
    let rest = [&b".git"[..], b"git~1"].iter().find_map(|long| strip(name, long));
    rest.is_some_and(|rest| {
        let trimmed = rest.iter().find(|byte| !matches!(byte, b' ' | b'.'));
        matches!(trimmed, None | Some(b'\\' | b':'))
    })
}

/// The same for longer names: `long` behind a period, its first six characters and `~1` to `~4`, or
/// the short name made of a hash (`is_ntfs_dot_generic`).
fn is_ntfs(name: &[u8], long: &[u8], hashed: &[u8; 6]) -> bool {
    let dotted = name.strip_prefix(b".").and_then(|name| strip(name, long));
    let short = || {
        let rest = strip(name, long.get(..6)?)?;
        match rest {
            [b'~', b'1'..=b'4', rest @ ..] => Some(rest),
            _ => None,
        }
    };
    let rest = dotted.or_else(short).or_else(|| hashed_tail(name, hashed));
    rest.is_some_and(|rest| {
        let trimmed = rest.iter().find(|byte| !matches!(byte, b' ' | b'.'));
        matches!(trimmed, None | Some(b':'))
    })
}

/// What follows a short name of eight characters: some of the hash's, a tilde, digits that do not
/// start with 0.
fn hashed_tail<'a>(name: &'a [u8], hashed: &[u8; 6]) -> Option<&'a [u8]> {
    let (short, rest) = name.split_at_checked(8)?;
    let tilde = short.iter().position(|byte| *byte == b'~')?;
    let (prefix, number) = short.split_at_checked(tilde)?;
    let fits = hashed
        .get(..tilde)
        .is_some_and(|hashed| prefix.eq_ignore_ascii_case(hashed));
    let number = matches!(number, [b'~', b'1'..=b'9', digits @ ..] if digits.iter().all(u8::is_ascii_digit));
    (fits && number).then_some(rest)
}

fn strip<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn names_are_refused_with_their_reason() {
        for (name, flaw) in [
            (&b""[..], NameFlaw::Empty),
            (b"a\0b", NameFlaw::Nul),
            (b"a/b", NameFlaw::Slash),
            (b".", NameFlaw::Dot),
            (b"..", NameFlaw::Dot),
            (b".git", NameFlaw::DotGit),
            (b"GIT~1", NameFlaw::DotGit),
            (b".git . .", NameFlaw::DotGit),
            (b".git::$INDEX_ALLOCATION", NameFlaw::DotGit),
            (b"a\\.git", NameFlaw::DotGit),
            (b".git\\x", NameFlaw::DotGit),
            (".g\u{200c}i\u{feff}T".as_bytes(), NameFlaw::DotGit),
            (b".git\xff", NameFlaw::DotGit),
        ] {
            assert_eq!(check_name(name, EntryKind::Blob), Err(flaw), "{}", name.escape_ascii());
            assert!(!flaw.to_string().is_empty());
        }
        for name in [
            &b"..."[..],
            b"git",
            b".gitx",
            b".git-",
            b"git~2",
            b"git~10",
            b".gitmodules",
            b"\xff.git",
            b"a:b",
            b"con",
            b"\\",
            "gi\u{200c}t".as_bytes(),
        ] {
            assert_eq!(check_name(name, EntryKind::Blob), Ok(()), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn no_link_is_called_gitmodules() {
        for name in [
            &b".gitmodules"[..],
            b".GitModules",
            b".gitmodules .",
            b".gitmodules:x",
            b"gitmod~1",
            b"GITMOD~4 ",
            b"gi7eba~1",
            b"gi7eb~10",
            b"gi7~9999",
            b"~1000000",
            b"a\\.gitmodules",
            ".gitmodule\u{200d}s".as_bytes(),
        ] {
            let link = check_name(name, EntryKind::Symlink);
            assert_eq!(link, Err(NameFlaw::ModulesLink), "{}", name.escape_ascii());
            assert_eq!(check_name(name, EntryKind::Blob), Ok(()), "{}", name.escape_ascii());
        }
        for name in [
            &b"gitmod~5"[..],
            b"gi7eba~0",
            b"gi7eba~",
            b".gitmodules\\",
            b"gi7eba~10",
            b"gitmodules",
        ] {
            assert_eq!(check_name(name, EntryKind::Symlink), Ok(()), "{}", name.escape_ascii());
        }
    }
}

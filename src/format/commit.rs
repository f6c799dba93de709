//! Commits: header lines, an empty line, the message.
//!
//! ```text
//! tree <40 hex> LF
//! parent <40 hex> LF            any number of them
//! author <ident> LF
//! committer <ident> LF
//! gpgsig -----BEGIN …LF
//!  continuation lines start with a space LF
//! LF
//! message
//! ```
//!
//! As in git (`parse_commit_buffer` in `commit.c`) only the tree and the parents must be right for
//! a commit to be read; the rest is taken as it is found, and found only when asked for.

use std::fmt;

use crate::format::header::{Headers, id_line, name_of, split_line, split_message, unfold, write_id_line, write_tail};
use crate::format::ident::Signature;
use crate::format::oid::{OID_HEX_LEN, ObjectId};

const TREE: &[u8] = b"tree ";
const PARENT: &[u8] = b"parent ";

/// A commit, borrowed from the content of its object.
#[derive(Clone, Copy, Debug)]
pub struct CommitRef<'a> {
    tree: ObjectId,
    parents: &'a [u8],
    rest: &'a [u8],
}

/// Why bytes are no commit. Positions are bytes from the start of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The object does not start with a line `tree <hex>`, or nothing follows that line.
    BadTree,
    /// A `parent` line is not one.
    BadParent {
        /// Where the line starts.
        at: u64,
    },
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::BadTree => f.write_str("the commit does not start with its tree"),
            CommitError::BadParent { at } => write!(f, "malformed parent in the commit at byte {at}"),
        }
    }
}

impl std::error::Error for CommitError {}

impl<'a> CommitRef<'a> {
    /// Reads the tree and checks the parents.
    pub fn parse(content: &'a [u8]) -> Result<Self, CommitError> {
        let (tree, after_tree) = id_line(TREE, content).ok_or(CommitError::BadTree)?;
        if after_tree.is_empty() {
            return Err(CommitError::BadTree);
        }
        let mut rest = after_tree;
        // A last line too short to be a parent is not taken for one, however it starts.
        while rest.len() > PARENT.len() + OID_HEX_LEN && rest.starts_with(PARENT) {
            // A slice has at most `isize::MAX` bytes.
            let at = (content.len() - rest.len()) as u64;
            let (_, after) = id_line(PARENT, rest).ok_or(CommitError::BadParent { at })?;
            if after.is_empty() {
                return Err(CommitError::BadParent { at });
            }
            rest = after;
        }
        let parents = after_tree.get(..after_tree.len() - rest.len()).unwrap_or_default();
        Ok(CommitRef { tree, parents, rest })
    }

    /// The tree.
    pub const fn tree(&self) -> ObjectId {
        self.tree
    }

    /// The parents, in their order.
    pub fn parents(&self) -> Parents<'a> {
        Parents { rest: self.parents }
    }

    /// The header lines after the parents, in their order.
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.rest)
    }

    /// The value of the first header of that name, continuation lines included as they are stored
    /// ([`unfold`] joins them).
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers()
            .find(|header| header.name == name)
            .map(|header| header.value)
    }

    /// The author, read as git reads an odd line; `None` if there is no such header.
    pub fn author(&self) -> Option<Signature<'a>> {
        self.header(b"author").map(Signature::read)
    }

    /// The committer, read as git reads an odd line; `None` if there is no such header.
    pub fn committer(&self) -> Option<Signature<'a>> {
        self.header(b"committer").map(Signature::read)
    }

    /// The name of the character encoding, where it is not UTF-8.
    pub fn encoding(&self) -> Option<&'a [u8]> {
        self.header(b"encoding")
    }

    /// The signature over the rest of the commit, its lines joined.
    pub fn gpgsig(&self) -> Option<Vec<u8>> {
        self.header(b"gpgsig").map(unfold)
    }

    /// Everything after the first empty line; empty where there is none.
    pub fn message(&self) -> &'a [u8] {
        split_message(self.rest).1.unwrap_or_default()
    }

    /// The committer's date as git sorts by it (`parse_commit_date`): 0 unless the first two header
    /// lines are author and committer, read behind the last `>`. Git's dates are unsigned: one
    /// before 1970 counts as very late, and one too large as the largest.
    pub fn date(&self) -> u64 {
        if self.rest.len() <= 6 || !self.rest.starts_with(b"author") {
            return 0;
        }
        let Some((_, rest)) = split_line(self.rest) else {
            return 0;
        };
        if rest.len() <= 9 || !rest.starts_with(b"committer") {
            return 0;
        }
        let Some((line, _)) = split_line(rest) else { return 0 };
        let Some(close) = line.iter().rposition(|byte| *byte == b'>') else {
            return 0;
        };
        read_date(line.get(close + 1..).unwrap_or_default())
    }
}

/// A decimal number as git's `parse_commit_date` reads it: blanks first, a minus that wraps, all it
/// can of the digits.
fn read_date(text: &[u8]) -> u64 {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let text = text.get(start..).unwrap_or_default();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text),
    };
    let mut value = 0u64;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        match value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(*digit - b'0')))
        {
            Some(next) => value = next,
            None => return u64::MAX,
        }
    }
    if negative { value.wrapping_neg() } else { value }
}

/// The parents of a commit.
#[derive(Clone, Debug)]
pub struct Parents<'a> {
    rest: &'a [u8],
}

impl Iterator for Parents<'_> {
    type Item = ObjectId;

    fn next(&mut self) -> Option<ObjectId> {
        let (oid, rest) = id_line(PARENT, self.rest)?;
        self.rest = rest;
        Some(oid)
    }
}

/// A commit to be written, or one taken apart so that parts of it can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The tree.
    pub tree: ObjectId,
    /// The parents.
    pub parents: Vec<ObjectId>,
    /// The header lines after the parents, each as it is stored with its newline
    /// ([`line`](crate::format::header::line) makes one).
    pub headers: Vec<Vec<u8>>,
    /// What follows the empty line; `None` if there is no empty line.
    pub message: Option<Vec<u8>>,
}

impl Commit {
    /// The content of the object. Parsed and written again, a commit is what it was, byte for byte
    /// (unless its ids had capital digits, which git reads and never writes).
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_id_line(&mut out, TREE, &self.tree);
        for parent in &self.parents {
            write_id_line(&mut out, PARENT, parent);
        }
        write_tail(&mut out, &self.headers, self.message.as_deref());
        out
    }
}

impl Commit {
    /// The value of the first header of that name, its lines joined.
    pub fn header(&self, name: &[u8]) -> Option<Vec<u8>> {
        let line = self.headers.iter().find(|line| name_of(line) == name)?;
        let value = line.get(name.len() + 1..).unwrap_or_default();
        Some(unfold(value.strip_suffix(b"\n").unwrap_or(value)))
    }
}

impl From<CommitRef<'_>> for Commit {
    fn from(commit: CommitRef<'_>) -> Self {
        Commit {
            tree: commit.tree,
            parents: commit.parents().collect(),
            headers: commit.headers().map(|header| header.raw.to_vec()).collect(),
            message: split_message(commit.rest).1.map(<[u8]>::to_vec),
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const TREE_HEX: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    const SAMPLE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
        parent d670460b4b4aece5915caf5c68d12f560a9fe3e4\n\
        parent 0000000000000000000000000000000000000001\n\
        author A U Thor <author@example.com> 1112354055 +0200\n\
        committer C O Mitter <committer@example.com> 1112354056 -0000\n\
        encoding ISO-8859-1\n\
        gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\
        mergetag object 0000000000000000000000000000000000000001\n type commit\n\
        odd\n\
        \n\
        Subject\n\nBody\n";

    fn round_trip(content: &[u8]) {
        let commit = Commit::from(CommitRef::parse(content).unwrap());
        assert_eq!(commit.write(), content, "{}", String::from_utf8_lossy(content));
    }

    fn with_tail(tail: &str) -> Vec<u8> {
        format!("tree {TREE_HEX}\n{tail}").into_bytes()
    }

    #[test]
    fn every_part_of_a_commit_is_found() {
        let commit = CommitRef::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(commit.tree().to_hex(), TREE_HEX);
        let parents: Vec<_> = commit.parents().map(|oid| oid.to_hex()).collect();
        assert_eq!(
            parents,
            [
                "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
                "0000000000000000000000000000000000000001"
            ]
        );
        assert_eq!(
            commit.author().map(|who| (who.name, who.time)),
            Some((&b"A U Thor"[..], 1_112_354_055))
        );
        assert_eq!(commit.committer().map(|who| who.tz), Some(&b"-0000"[..]));
        assert_eq!(commit.date(), 1_112_354_056);
        assert_eq!(commit.encoding(), Some(&b"ISO-8859-1"[..]));
        assert_eq!(
            commit.gpgsig().as_deref(),
            Some(&b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----"[..])
        );
        let names: Vec<_> = commit
            .headers()
            .map(|header| String::from_utf8_lossy(header.name))
            .collect();
        assert_eq!(names, ["author", "committer", "encoding", "gpgsig", "mergetag", "odd"]);
        assert_eq!(commit.message(), b"Subject\n\nBody\n");
    }

    #[test]
    fn whatever_can_be_read_is_written_back_byte_for_byte() {
        round_trip(SAMPLE.as_bytes());
        for tail in [
            "\n",
            "\nmessage without an author",
            "\n\n\nblank lines first",
            "author only",
            "author only\n",
            "author \x00 nul\ncommitter\n\n\x00\x01",
            " continuation of nothing\n more\n\n",
            "x\n\nparent 0000000000000000000000000000000000000001\n",
            "author  <> \n\n",
        ] {
            round_trip(&with_tail(tail));
        }
    }

    #[test]
    fn a_commit_cut_in_its_tree_or_parents_is_refused_where_git_refuses_it() {
        let content = SAMPLE.as_bytes();
        let (first, second, end) = (46, 46 + 48, 46 + 96);
        for length in 0..content.len() {
            let result = CommitRef::parse(&content[..length]).map(|commit| commit.parents().count());
            let expected = match length {
                0..=46 => Err(CommitError::BadTree),
                _ if length == first + 48 => Err(CommitError::BadParent { at: 46 }),
                _ if length < second => Ok(0),
                _ if length == end => Err(CommitError::BadParent { at: 94 }),
                _ if length < end => Ok(1),
                _ => Ok(2),
            };
            assert_eq!(result, expected, "{length} bytes");
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        let parent = "parent 000000000000000000000000000000000000000";
        for (content, error) in [
            (b"".to_vec(), CommitError::BadTree),
            (SAMPLE.replacen("tree ", "tree\t", 1).into_bytes(), CommitError::BadTree),
            (
                SAMPLE.replacen("4b825dc", "4b825dg", 1).into_bytes(),
                CommitError::BadTree,
            ),
            (
                with_tail(&format!("{parent}g\nauthor")),
                CommitError::BadParent { at: 46 },
            ),
            (
                with_tail(&format!("{parent}0 author")),
                CommitError::BadParent { at: 46 },
            ),
            (
                with_tail(&format!("{parent}0\n{parent}00\nauthor")),
                CommitError::BadParent { at: 94 },
            ),
        ] {
            assert_eq!(CommitRef::parse(&content).map(|_| ()), Err(error));
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn dates_are_read_as_git_sorts_by_them() {
        let date = |tail: &str| CommitRef::parse(&with_tail(tail)).unwrap().date();
        for (text, expected) in [
            ("5 +0000", 5),
            ("\t5", 5),
            ("\x0b5", 0),
            ("123foo456", 123),
            ("9999999999999999999 +0000", 9_999_999_999_999_999_999),
            ("99999999999999999999 +0000", u64::MAX),
            ("-1 +0000", u64::MAX),
            ("x", 0),
            ("", 0),
            ("> 7 +0000", 7),
        ] {
            let tail = format!("author A <a> 1 +0000\ncommitter B <b> {text}\n\n");
            assert_eq!(date(&tail), expected, "{text:?}");
        }
        for (tail, expected) in [
            ("\n", 0),
            ("author\n", 0),
            ("author A <a> 1 +0000\nencoding x\ncommitter B <b> 5 +0000\n\n", 0),
            ("committer B <b> 5 +0000\n\n", 0),
            ("author A <a> 1\ncommitter B <b> 5", 0),
            ("author A <a> 1\ncommitter B <b> 5\n", 5),
        ] {
            assert_eq!(date(tail), expected, "{tail:?}");
        }
    }

    #[test]
    fn ten_thousand_parents_and_a_line_of_a_megabyte_are_read() {
        let mut content = with_tail("");
        for _ in 0..10_000 {
            write_id_line(&mut content, PARENT, &ObjectId::NULL);
        }
        content.extend_from_slice(b"author ");
        content.resize(content.len() + (1 << 20), b'<');
        content.extend_from_slice(b"\n\nm");
        let commit = CommitRef::parse(&content).unwrap();
        assert_eq!(commit.parents().count(), 10_000);
        assert_eq!((commit.message(), commit.date()), (&b"m"[..], 0));
        round_trip(&content);
    }
}

//! Object filters, by which a client names the objects that it does without for now: git-rev-list(1),
//! "--filter"; `gently_parse_list_objects_filter` in git's list-objects-filter-options.c.
//!
//! ```text
//!   blob:none   blob:limit=<n>[kmg]   tree:<depth>   object:type=<kind>   sparse:oid=<blob>
//!   combine:<filter>+<filter>…        each part percent-encoded, so that it may be a combine: too
//! ```
//!
//! A filter says what a server may leave out, and nothing of what it has to: an object that was
//! asked for by its id comes, whatever the filter.

use std::fmt;

use crate::format::object::Kind;

/// The longest filter taken, in bytes. Git's limit is that of a packet's line.
pub const MAX_SPEC: usize = 8192;

/// Characters that a part of a `combine:` has to encode, beside spaces and control characters
/// (`RESERVED_NON_WS`).
const RESERVED: &[u8] = b"~`!@#$^&*()[]{}\\;'\",<>?";

/// A filter that git would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    spec: String,
    parts: Vec<Part>,
}

/// A filter that is no combination.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// No blobs.
    NoBlobs,
    /// No blobs of so many bytes or more.
    BlobLimit(u64),
    /// No trees and blobs that are so deep or deeper below a commit's tree.
    TreeDepth,
    /// Nothing but objects of that kind.
    Only(Kind),
    /// No blobs that a list of sparse-checkout patterns leaves out.
    Sparse,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// It is empty, or has characters that cannot be sent.
    BadCharacter,
    /// It is longer than [`MAX_SPEC`].
    TooLong,
    /// It is none of the filters git knows; the part of it that is not.
    Unknown(String),
    /// `tree:` is not followed by a number.
    BadDepth,
    /// `object:type=` is not followed by the name of a kind of object.
    BadKind(String),
    /// `sparse:path=` was taken out of git, for it let clients read any file of a server.
    SparsePath,
    /// A part of a `combine:` has a character that must be percent-encoded.
    Unescaped(char),
    /// A `combine:` has a part without text.
    EmptyPart,
}

impl Filter {
    /// Reads a filter as a person writes it.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FilterError::BadCharacter);
        }
        if text.len() > MAX_SPEC {
            return Err(FilterError::TooLong);
        }
        let mut parts = Vec::new();
        // A part can be a combination itself. What is decoded is shorter than what it was, so this
        // ends; its order is that of the text.
        let mut left = vec![text.as_bytes().to_vec()];
        while let Some(spec) = left.pop() {
            match spec.strip_prefix(b"combine:") {
                None => parts.push(Part::parse(&spec)?),
                Some(combined) => {
                    for part in combined.split(|byte| *byte == b'+').rev() {
                        left.push(decode(part)?);
                    }
                }
            }
        }
        // The only one that git spells out before it sends it (`expand_list_objects_filter_spec`).
        let spec = match parts.as_slice() {
            [Part::BlobLimit(limit)] if text.starts_with("blob:limit=") => format!("blob:limit={limit}"),
            _ => text.to_owned(),
        };
        Ok(Filter { spec, parts })
    }

    /// The filter that lazily fetched objects are asked for with (`fetch_objects` in
    /// promisor-remote.c): what a tree or a commit leads to comes along, without blobs.
    pub fn blob_none() -> Self {
        Filter {
            spec: "blob:none".to_owned(),
            parts: vec![Part::NoBlobs],
        }
    }

    /// As it is sent, and kept in the configuration: scaled numbers are spelled out.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Whether objects of that kind may be left out. Those that are asked for by their id are not.
    pub fn may_omit(&self, kind: Kind) -> bool {
        self.parts.iter().any(|part| match part {
            Part::NoBlobs | Part::BlobLimit(_) | Part::Sparse => kind == Kind::Blob,
            Part::TreeDepth => matches!(kind, Kind::Blob | Kind::Tree),
            Part::Only(only) => kind != *only,
        })
    }
}

impl Part {
    fn parse(spec: &[u8]) -> Result<Self, FilterError> {
        let unknown = || FilterError::Unknown(shown(spec));
        if spec == b"blob:none" {
            return Ok(Part::NoBlobs);
        }
        if let Some(limit) = spec.strip_prefix(b"blob:limit=") {
            return number(limit).map(Part::BlobLimit).ok_or_else(unknown);
        }
        if let Some(depth) = spec.strip_prefix(b"tree:") {
            return number(depth).map(|_| Part::TreeDepth).ok_or(FilterError::BadDepth);
        }
        if let Some(name) = spec.strip_prefix(b"object:type=") {
            let kind = Kind::from_name(name).map(Part::Only);
            return kind.ok_or_else(|| FilterError::BadKind(shown(name)));
        }
        if spec.starts_with(b"sparse:path=") {
            return Err(FilterError::SparsePath);
        }
        // Which blob that is, the server finds out.
        if spec.starts_with(b"sparse:oid=") {
            return Ok(Part::Sparse);
        }
        Err(unknown())
    }
}

/// A part of a combination, decoded (`parse_combine_subfilter`).
fn decode(part: &[u8]) -> Result<Vec<u8>, FilterError> {
    if part.is_empty() {
        return Err(FilterError::EmptyPart);
    }
    if let Some(byte) = part.iter().find(|byte| **byte <= b' ' || RESERVED.contains(byte)) {
        return Err(FilterError::Unescaped(char::from(*byte)));
    }
    let mut decoded = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((byte, after)) = rest.split_first() {
        // What is no escape stands for itself (`url_percent_decode`).
        let escape = after.split_at_checked(2).filter(|_| *byte == b'%');
        match escape.and_then(|(digits, after)| Some((hex(digits)?, after))) {
            Some((byte, after)) => {
                decoded.push(byte);
                rest = after;
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    Ok(decoded)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0)
}

/// A number that may end in k, m or g, 1024 times as much each; hexadecimal with `0x`, octal with
/// `0` (`git_parse_unsigned` in parse.c, by `strtoumax`).
fn number(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let (digits, unit) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (text.get(..text.len() - 1)?, 1 << 10),
        b'm' => (text.get(..text.len() - 1)?, 1 << 20),
        b'g' => (text.get(..text.len() - 1)?, 1 << 30),
        _ => (text, 1),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits.get(1..)?, 8),
        None => (digits, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()?.checked_mul(unit)
}

/// Part of a filter, to be shown.
fn shown(text: &[u8]) -> String {
    text.escape_ascii().take(200).map(char::from).collect()
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterError::BadCharacter => f.write_str("a filter is not empty and of visible ASCII characters alone"),
            FilterError::TooLong => write!(f, "a filter has at most {MAX_SPEC} bytes"),
            FilterError::Unknown(part) => write!(f, "invalid filter-spec '{part}'"),
            FilterError::BadDepth => f.write_str("expected 'tree:<depth>'"),
            FilterError::BadKind(kind) => {
                write!(f, "'{kind}' for 'object:type=<type>' is not a valid object type")
            }
            FilterError::SparsePath => f.write_str("sparse:path filters support has been dropped"),
            FilterError::Unescaped(character) => write!(f, "must escape char in sub-filter-spec: '{character}'"),
            FilterError::EmptyPart => f.write_str("expected something after combine: and after each '+'"),
        }
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const ALL: [Kind; 4] = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];

    fn check(text: &str, spec: &str, omitted: &[Kind]) {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.spec(), spec, "{text}");
        let may: Vec<Kind> = ALL.into_iter().filter(|kind| filter.may_omit(*kind)).collect();
        assert_eq!(may, omitted, "{text}");
    }

    #[test]
    fn filters_are_read_and_spelled_as_git_sends_them() {
        check("blob:none", "blob:none", &[Kind::Blob]);
        check("blob:limit=0", "blob:limit=0", &[Kind::Blob]);
        check("blob:limit=1k", "blob:limit=1024", &[Kind::Blob]);
        check("blob:limit=3M", "blob:limit=3145728", &[Kind::Blob]);
        check("blob:limit=5g", "blob:limit=5368709120", &[Kind::Blob]);
        check("blob:limit=0x10", "blob:limit=16", &[Kind::Blob]);
        check("blob:limit=010k", "blob:limit=8192", &[Kind::Blob]);
        check("tree:0", "tree:0", &[Kind::Tree, Kind::Blob]);
        check("tree:1k", "tree:1k", &[Kind::Tree, Kind::Blob]);
        check(
            "object:type=commit",
            "object:type=commit",
            &[Kind::Tree, Kind::Blob, Kind::Tag],
        );
        check(
            "object:type=blob",
            "object:type=blob",
            &[Kind::Commit, Kind::Tree, Kind::Tag],
        );
        check("sparse:oid=main:.sparse", "sparse:oid=main:.sparse", &[Kind::Blob]);
    }

    #[test]
    fn combinations_leave_out_what_any_part_leaves_out() {
        let trees = [Kind::Tree, Kind::Blob];
        check("combine:blob:none+tree:3", "combine:blob:none+tree:3", &trees);
        check("combine:blob:limit=1k", "combine:blob:limit=1k", &[Kind::Blob]);
        check("combine:combine:blob:none", "combine:combine:blob:none", &[Kind::Blob]);
        // An encoded plus parts what is inside.
        let nested = "combine:combine:blob:none%2Btree:1+object:type=tree";
        check(nested, nested, &[Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag]);
        let deep = "combine:combine%3Acombine%253Atree%253A0%2Bblob%3Anone";
        check(deep, deep, &trees);
        check("combine:%62lob:none", "combine:%62lob:none", &[Kind::Blob]);
        check("combine:sparse:oid=a%7Eb", "combine:sparse:oid=a%7Eb", &[Kind::Blob]);
    }

    #[test]
    fn what_git_refuses_is_refused_in_its_words() {
        let refuse = |text: &str, expected: FilterError, words: &str| {
            assert_eq!(Filter::parse(text), Err(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), words, "{text}");
        };
        let unknown = |text: &str, part: &str| {
            refuse(
                text,
                FilterError::Unknown(part.to_owned()),
                &format!("invalid filter-spec '{part}'"),
            );
        };
        unknown("auto", "auto");
        unknown("blob:none+", "blob:none+");
        unknown("blob:limit=", "blob:limit=");
        unknown("blob:limit=-1", "blob:limit=-1");
        unknown("blob:limit=+1", "blob:limit=+1");
        unknown("blob:limit=1kb", "blob:limit=1kb");
        unknown("blob:limit=08", "blob:limit=08");
        unknown("blob:limit=18446744073709551616", "blob:limit=18446744073709551616");
        unknown("blob:limit=17179869184g", "blob:limit=17179869184g");
        unknown("combine:blob:none%", "blob:none%");
        unknown("combine:blob:limit=1k%2G", "blob:limit=1k%2G");
        unknown("combine:tree:1+nonsense", "nonsense");
        for text in ["tree:", "tree:x", "tree:-1", "combine:blob:none+tree:"] {
            refuse(text, FilterError::BadDepth, "expected 'tree:<depth>'");
        }
        refuse(
            "object:type=Blob",
            FilterError::BadKind("Blob".to_owned()),
            "'Blob' for 'object:type=<type>' is not a valid object type",
        );
        refuse(
            "sparse:path=x",
            FilterError::SparsePath,
            "sparse:path filters support has been dropped",
        );
        refuse(
            "combine:sparse:oid=a~1",
            FilterError::Unescaped('~'),
            "must escape char in sub-filter-spec: '~'",
        );
        for text in ["combine:", "combine:+", "combine:blob:none+", "combine:+tree:1"] {
            refuse(
                text,
                FilterError::EmptyPart,
                "expected something after combine: and after each '+'",
            );
        }
        for text in ["", "blob:none ", "blob: none", "sparse:oid=ä", "blob:none\n"] {
            assert_eq!(Filter::parse(text), Err(FilterError::BadCharacter), "{text:?}");
        }
        let long = "combine:".repeat(MAX_SPEC / 8) + "x";
        assert_eq!(Filter::parse(&long), Err(FilterError::TooLong));
        assert!(Filter::parse(long.get(9..).unwrap_or_default()).is_err());
    }

    #[test]
    fn every_truncation_is_refused_or_a_filter_of_its_own() {
        let text = "combine:combine:blob:none%2Btree:10+blob:limit=10k";
        let taken: Vec<&str> = (0..=text.len())
            .filter_map(|end| text.get(..end))
            .filter(|text| Filter::parse(text).is_ok())
            .collect();
        assert_eq!(
            taken,
            [
                "combine:combine:blob:none",
                "combine:combine:blob:none%2Btree:1",
                "combine:combine:blob:none%2Btree:10",
                "combine:combine:blob:none%2Btree:10+blob:limit=1",
                "combine:combine:blob:none%2Btree:10+blob:limit=10",
                text
            ]
        );
    }
}

//! Objects as a whole: their kind, and the header that is hashed in front of their content
//! (gitformat-loose(5), "FORMAT").

use std::fmt;

/// The kind of an object. The discriminants are the type numbers of gitformat-pack(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A commit.
    Commit = 1,
    /// A tree.
    Tree = 2,
    /// A blob.
    Blob = 3,
    /// An annotated tag.
    Tag = 4,
}

impl Kind {
    /// The word git uses in object headers and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Commit => "commit",
            Kind::Tree => "tree",
            Kind::Blob => "blob",
            Kind::Tag => "tag",
        }
    }

    /// From the word; exact.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag]
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// From the type number of a pack entry (1 to 4).
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Kind::Commit),
            2 => Some(Kind::Tree),
            3 => Some(Kind::Blob),
            4 => Some(Kind::Tag),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bytes hashed before the content: `kind SP size NUL`.
pub fn header(kind: Kind, size: u64) -> Vec<u8> {
    format!("{kind} {size}\0").into_bytes()
}

//! Annotated tags: header lines, an empty line, the message (git's `parse_tag_buffer` in `tag.c`).
//!
//! ```text
//! object <40 hex> LF
//! type commit LF
//! tag v1.0 LF
//! tagger <ident> LF             missing in the oldest tags
//! LF
//! message, then the signature if it is signed
//! ```

use std::fmt;

use crate::format::header::{Headers, id_line, split_line, split_message, write_id_line, write_tail};
use crate::format::ident::Signature;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;

const OBJECT: &[u8] = b"object ";

/// The first lines of the signatures git knows; the last such line starts the signature.
const SIGNATURES: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
];

/// A tag, borrowed from the content of its object.
#[derive(Clone, Copy, Debug)]
pub struct TagRef<'a> {
    /// The object it names.
    pub object: ObjectId,
    /// The kind that object has, says the tag.
    pub kind: Kind,
    /// Its name, without `refs/tags/`.
    pub name: &'a [u8],
    rest: &'a [u8],
}

/// Why bytes are no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagError {
    /// The first line is not `object <hex>`.
    BadObject,
    /// The second line is not `type` and one of the four kinds.
    BadKind,
    /// The third line is not `tag` and a name.
    BadName,
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TagError::BadObject => "the tag does not start with the object it names",
            TagError::BadKind => "the tag does not say what kind of object it names",
            TagError::BadName => "the tag has no name",
        })
    }
}

impl std::error::Error for TagError {}

impl<'a> TagRef<'a> {
    /// Reads the object, its kind and the tag's name; the rest is read when asked for.
    pub fn parse(content: &'a [u8]) -> Result<Self, TagError> {
        let (object, rest) = id_line(OBJECT, content).ok_or(TagError::BadObject)?;
        let (line, rest) = split_line(rest).ok_or(TagError::BadKind)?;
        let kind = line
            .strip_prefix(b"type ")
            .and_then(Kind::from_name)
            .ok_or(TagError::BadKind)?;
        let (line, rest) = split_line(rest).ok_or(TagError::BadName)?;
        let name = line.strip_prefix(b"tag ").ok_or(TagError::BadName)?;
        Ok(TagRef {
            object,
            kind,
            name,
            rest,
        })
    }

    /// The header lines after the name.
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.rest)
    }

    /// Who tagged, read as git reads an odd line; `None` if it does not say.
    pub fn tagger(&self) -> Option<Signature<'a>> {
        self.headers()
            .find(|header| header.name == b"tagger")
            .map(|header| Signature::read(header.value))
    }

    /// Everything after the first empty line, the signature included.
    pub fn body(&self) -> &'a [u8] {
        split_message(self.rest).1.unwrap_or_default()
    }

    /// The message and the signature that follows it, if there is one (`parse_signed_buffer` in
    /// git's `gpg-interface.c`).
    pub fn message(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let body = self.body();
        let mut found = None;
        let mut rest = body;
        while !rest.is_empty() {
            if starts_signature(rest) {
                found = Some(body.len() - rest.len());
            }
            rest = split_line(rest).map_or(&b""[..], |(_, after)| after);
        }
        match found.and_then(|at| body.split_at_checked(at)) {
            Some((message, signature)) => (message, Some(signature)),
            None => (body, None),
        }
    }
}

/// Whether a text starts as signatures that git knows do.
pub fn starts_signature(text: &[u8]) -> bool {
    SIGNATURES.iter().any(|start| text.starts_with(start))
}

/// A tag to be written, or one taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The object it names.
    pub object: ObjectId,
    /// The kind of that object.
    pub kind: Kind,
    /// Its name, without `refs/tags/`.
    pub name: Vec<u8>,
    /// The header lines after the name, each as it is stored with its newline.
    pub headers: Vec<Vec<u8>>,
    /// What follows the empty line; `None` if there is no empty line.
    pub message: Option<Vec<u8>>,
}

impl Tag {
    /// The content of the object. Parsed and written again, a tag is what it was, byte for byte.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_id_line(&mut out, OBJECT, &self.object);
        out.extend_from_slice(format!("type {}\ntag ", self.kind).as_bytes());
        out.extend_from_slice(&self.name);
        out.push(b'\n');
        write_tail(&mut out, &self.headers, self.message.as_deref());
        out
    }
}

impl From<TagRef<'_>> for Tag {
    fn from(tag: TagRef<'_>) -> Self {
        Tag {
            object: tag.object,
            kind: tag.kind,
            name: tag.name.to_vec(),
            headers: tag.headers().map(|header| header.raw.to_vec()).collect(),
            message: split_message(tag.rest).1.map(<[u8]>::to_vec),
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const SAMPLE: &str = "object d670460b4b4aece5915caf5c68d12f560a9fe3e4\ntype commit\ntag v1.0\n\
        tagger A U Thor <author@example.com> 1112354055 +0200\n\nmessage\n\
        -----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn every_part_of_a_tag_is_found() {
        let tag = TagRef::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(tag.object.to_hex(), "d670460b4b4aece5915caf5c68d12f560a9fe3e4");
        assert_eq!((tag.kind, tag.name), (Kind::Commit, &b"v1.0"[..]));
        assert_eq!(tag.tagger().map(|who| who.time), Some(1_112_354_055));
        let (message, signature) = tag.message();
        assert_eq!(message, b"message\n");
        assert!(signature.unwrap().starts_with(b"-----BEGIN PGP SIGNATURE-----\n\nabc"));
    }

    #[test]
    fn whatever_can_be_read_is_written_back_byte_for_byte() {
        let head = "object d670460b4b4aece5915caf5c68d12f560a9fe3e4\ntype tree\ntag \n";
        for tail in [
            "",
            "\n",
            "tagger",
            "tagger x\n\nno newline at the end",
            "\nno tagger\n",
            "odd\n folded\n\n\0",
        ] {
            let content = format!("{head}{tail}");
            let tag = TagRef::parse(content.as_bytes()).unwrap();
            assert_eq!(Tag::from(tag).write(), content.as_bytes(), "{tail:?}");
        }
        let tag = TagRef::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(Tag::from(tag).write(), SAMPLE.as_bytes());
    }

    #[test]
    fn a_message_without_a_signature_is_all_message() {
        let content = SAMPLE.replace("-----BEGIN", "> -----BEGIN");
        let tag = TagRef::parse(content.as_bytes()).unwrap();
        assert_eq!(tag.message(), (tag.body(), None));
    }

    #[test]
    fn every_truncation_of_the_first_three_lines_is_refused() {
        for length in 0..SAMPLE.len() {
            let result = TagRef::parse(&SAMPLE.as_bytes()[..length]).map(|tag| tag.name.len());
            let expected = match length {
                0..48 => Err(TagError::BadObject),
                48..60 => Err(TagError::BadKind),
                60..69 => Err(TagError::BadName),
                _ => Ok(4),
            };
            assert_eq!(result, expected, "{length} bytes");
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        for (from, to, error) in [
            ("object d", "object g", TagError::BadObject),
            ("object", "Object", TagError::BadObject),
            ("type commit", "type commits", TagError::BadKind),
            ("type commit", "kind commit", TagError::BadKind),
            ("type commit\n", "", TagError::BadKind),
            ("tag v1.0", "tagv1.0", TagError::BadName),
        ] {
            let content = SAMPLE.replacen(from, to, 1);
            assert_eq!(TagRef::parse(content.as_bytes()).map(|_| ()), Err(error), "{to}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_message_of_a_megabyte_of_signature_starts_takes_linear_time() {
        let mut content = b"object d670460b4b4aece5915caf5c68d12f560a9fe3e4\ntype blob\ntag x\n\n".to_vec();
        for _ in 0..40_000 {
            content.extend_from_slice(b"-----BEGIN PGP SIGNATURE-----\n");
        }
        let (message, signature) = TagRef::parse(&content).unwrap().message();
        assert_eq!(signature.map(<[u8]>::len), Some(30));
        assert_eq!(message.len(), 39_999 * 30);
    }
}

//! SHA-1, twice: with collision detection wherever an id is computed from bytes of others
//! ([`hash_objects`], [`ObjectHasher`]), plain for the trailers of packs and indexes ([`Sha1`]),
//! which are checksums and not names.
//!
//! The detection is that of git (`sha1dc/`), see the crate [`gitside_sha1`]. An object that shows the
//! marks of an attack is refused; the id of every other object is its plain SHA-1.

use std::fmt;

use gitside_sha1::{Digest, Hasher, Message};

use crate::format::object::{Kind, header};
use crate::format::oid::{OID_LEN, ObjectId};

/// Hashes objects that are in memory, and appends their ids to `ids`, in their order.
///
/// Four are hashed at once, which takes less than half of the time that it takes one by one. The
/// more there are the better.
pub fn hash_objects(objects: &[(Kind, &[u8])], ids: &mut Vec<Result<ObjectId, Collision>>) {
    let heads: Vec<_> = objects
        .iter()
        .map(|(kind, content)| header(*kind, content.len() as u64))
        .collect();
    let messages: Vec<_> = heads
        .iter()
        .zip(objects)
        .map(|(head, (_, body))| Message { head, body })
        .collect();
    let mut digests = Vec::with_capacity(messages.len());
    gitside_sha1::hash_all(&messages, &mut digests);
    ids.extend(digests.into_iter().map(named));
}

/// Hashes an object that is in memory.
pub fn hash_object(kind: Kind, content: &[u8]) -> Result<ObjectId, Collision> {
    named(gitside_sha1::hash(Message {
        head: &header(kind, content.len() as u64),
        body: content,
    }))
}

/// Hashes one object piece by piece: the header `kind SP size NUL`, then the content.
#[derive(Clone)]
pub struct ObjectHasher {
    inner: Hasher,
}

impl ObjectHasher {
    /// An object of `size` bytes. The caller makes sure that as many follow.
    pub fn new(kind: Kind, size: u64) -> Self {
        let mut inner = Hasher::new();
        inner.update(&header(kind, size));
        ObjectHasher { inner }
    }

    /// The next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    /// The object's id, unless its bytes were made to collide.
    pub fn finish(self) -> Result<ObjectId, Collision> {
        named(self.inner.finish())
    }
}

fn named(digest: Result<Digest, gitside_sha1::Collision>) -> Result<ObjectId, Collision> {
    let collision = |collision: gitside_sha1::Collision| Collision {
        oid: ObjectId::new(collision.digest),
    };
    digest.map(ObjectId::new).map_err(collision)
}

/// The bytes show the marks of a collision attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collision {
    /// Their SHA-1, for reports only: other bytes may have it too. Git's reports name it as well.
    pub oid: ObjectId,
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes show the marks of a SHA-1 collision attack ({})", self.oid)
    }
}

impl std::error::Error for Collision {}

/// Plain SHA-1, for trailers.
#[derive(Clone, Default)]
pub struct Sha1 {
    inner: sha1_smol::Sha1,
}

impl Sha1 {
    /// Of no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    /// The hash of all bytes so far.
    pub fn finish(&self) -> [u8; OID_LEN] {
        self.inner.digest().bytes()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const ATTACKS: [&[u8]; 3] = [
        include_bytes!("../../tests/fixtures/sha1/shattered-1.head"),
        include_bytes!("../../tests/fixtures/sha1/shattered-2.head"),
        include_bytes!("../../tests/fixtures/sha1/sha-mbles-1.bin"),
    ];

    #[test]
    fn collisions_are_refused_with_the_id_that_git_would_name() {
        for attack in ATTACKS {
            let mut plain = Sha1::new();
            plain.update(attack);
            let oid = ObjectId::new(plain.finish());
            let message = Message {
                head: b"",
                body: attack,
            };
            assert_eq!(named(gitside_sha1::hash(message)), Err(Collision { oid }));
        }
    }

    #[test]
    fn as_blobs_the_published_collisions_are_ordinary_and_differ() {
        let [first, second] = [ATTACKS[0], ATTACKS[1]].map(|attack| hash_object(Kind::Blob, attack).unwrap());
        assert_ne!(first, second);
    }

    #[test]
    fn ids_are_those_of_git() {
        let check = |kind, content: &[u8], expected: &str| {
            assert_eq!(hash_object(kind, content).unwrap().to_hex(), expected);
        };
        check(Kind::Blob, b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        check(Kind::Blob, b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
        check(Kind::Tree, b"", "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn objects_have_the_same_id_alone_together_and_piece_by_piece() {
        let bytes: Vec<u8> = (0..30_000u32).map(|n| ((n * n) >> 7) as u8).collect();
        let kinds = [Kind::Blob, Kind::Tree, Kind::Commit, Kind::Tag];
        let lengths = (0..200).chain([500, 4096, 30_000, 70, 12_345]);
        let objects: Vec<_> = lengths
            .zip(kinds.into_iter().cycle())
            .map(|(length, kind)| (kind, &bytes[..length]))
            .collect();
        let mut ids = Vec::new();
        hash_objects(&objects, &mut ids);
        assert_eq!(ids.len(), objects.len());
        for ((kind, content), id) in objects.into_iter().zip(ids) {
            let mut plain = Sha1::new();
            plain.update(&header(kind, content.len() as u64));
            plain.update(content);
            assert_eq!(id, Ok(ObjectId::new(plain.finish())), "{} bytes", content.len());
            assert_eq!(hash_object(kind, content), id);
            let mut hasher = ObjectHasher::new(kind, content.len() as u64);
            content.chunks(97).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), id);
        }
    }
}

//! SHA-1, twice: with collision detection wherever an id is computed from bytes of others
//! ([`ObjectHasher`]), plain for the trailers of packs and indexes ([`Sha1`]), which are checksums
//! and not names.
//!
//! The detection is that of Stevens and Shumow, "Speeding up detection of SHA-1 collision attacks
//! using unavoidable attack conditions" (2017), which git uses as well (`sha1dc/`). An object that
//! shows the marks of an attack is refused; the id of every other object is its plain SHA-1.

use std::fmt;

use sha1_checked::{CollisionResult, Digest};

use crate::format::object::{Kind, header};
use crate::format::oid::{OID_LEN, ObjectId};

/// Hashes one object piece by piece: the header `kind SP size NUL`, then the content.
#[derive(Clone)]
pub struct ObjectHasher {
    inner: sha1_checked::Sha1,
}

impl ObjectHasher {
    /// An object of `size` bytes. The caller makes sure that as many follow.
    pub fn new(kind: Kind, size: u64) -> Self {
        let mut inner = sha1_checked::Sha1::new();
        inner.update(header(kind, size));
        ObjectHasher { inner }
    }

    /// The next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    /// The object's id, unless its bytes were made to collide.
    pub fn finish(self) -> Result<ObjectId, Collision> {
        checked(self.inner)
    }
}

/// Hashes an object that is in memory.
pub fn hash_object(kind: Kind, content: &[u8]) -> Result<ObjectId, Collision> {
    let mut hasher = ObjectHasher::new(kind, content.len() as u64);
    hasher.update(content);
    hasher.finish()
}

fn checked(hasher: sha1_checked::Sha1) -> Result<ObjectId, Collision> {
    match hasher.try_finalize() {
        CollisionResult::Ok(digest) => Ok(ObjectId::new(digest.into())),
        CollisionResult::Mitigated(digest) | CollisionResult::Collision(digest) => Err(Collision {
            oid: ObjectId::new(digest.into()),
        }),
    }
}

/// The bytes show the marks of a collision attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collision {
    /// A hash of the bytes that is not their SHA-1 (the attack is undone), for reports only.
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

    /// The hasher of objects, without an object's header.
    fn raw(pieces: &[&[u8]]) -> Result<ObjectId, Collision> {
        let mut hasher = ObjectHasher {
            inner: sha1_checked::Sha1::new(),
        };
        for piece in pieces {
            hasher.update(piece);
        }
        hasher.finish()
    }

    fn plain(bytes: &[u8]) -> ObjectId {
        let mut hasher = Sha1::new();
        hasher.update(bytes);
        ObjectId::new(hasher.finish())
    }

    #[test]
    fn the_published_collisions_are_refused_however_they_are_cut() {
        assert_eq!(plain(ATTACKS[0]), plain(ATTACKS[1]));
        assert_ne!(ATTACKS[0], ATTACKS[1]);
        for attack in ATTACKS {
            for cut in [0, 1, 63, 64, 65, 200, attack.len()] {
                let (head, tail) = attack.split_at(cut);
                let collision = raw(&[head, tail]).unwrap_err();
                assert_ne!(collision.oid, plain(attack), "the hash of an attack is not its SHA-1");
                assert!(raw(&[head, tail, b"more"]).is_err());
            }
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
    fn both_hashes_agree_on_every_length_around_a_block() {
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).collect();
            assert_eq!(raw(&[&bytes]), Ok(plain(&bytes)), "{length} bytes");
        }
    }
}

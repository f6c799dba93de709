//! SHA-1 that notices collision attacks: of one message ([`Hasher`], [`hash`]), or of many, four at
//! once ([`hash_all`]), which takes less than half of the time.
//!
//! # How attacks are noticed
//!
//! As Stevens and Shumow describe in "Speeding up detection of SHA-1 collision attacks using
//! unavoidable attack conditions" (2017), and as git does (`sha1dc/`). All known attacks make two
//! blocks whose expansions differ by one of few *disturbance vectors* (`vectors`). Each block is
//! therefore taken for one half of such a pair: the other half is made of it by the vector, and if
//! both lead to the same chaining value, the message is refused. That would cost 32 more hashes, but
//! for a vector to lead anywhere some bits of the expanded block have to be as the vector wants them
//! (`conditions`). Fewer than one block in fourteen passes that for any vector, and only these are
//! hashed again (`detect`).
//!
//! The relations between bits and the steps to start from are those of the paper's authors, as
//! published in `sha1collisiondetection` (MIT, Marc Stevens and Dan Shumow) and in the crate
//! `sha1-checked` (MIT or Apache-2.0, the RustCrypto developers), which the tests ask for what is
//! right.
//!
//! # How four are hashed at once
//!
//! The words of four messages lie side by side in vectors of 128 bits (`lanes`), and all that is
//! done to one is done to all. The lanes are wasm's where the target feature `simd128` is on, and
//! arrays elsewhere. One long message alone still has its blocks expanded and examined four at a
//! time; only the 80 steps are taken one after the other.
//!
//! This is a crate of its own because it has to be compiled for speed, and what uses it for size.

mod conditions;
mod detect;
mod four;
mod lanes;
mod message;
mod one;
mod rounds;
#[cfg(test)]
mod tests;
mod vectors;

use std::fmt;

pub use four::hash_all;
pub use message::Message;
pub use one::{Hasher, hash};

/// A SHA-1.
pub type Digest = [u8; 20];

/// The message shows the marks of a collision attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collision {
    /// Its SHA-1, which it most likely shares with another message.
    pub digest: Digest,
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message shows the marks of a SHA-1 collision attack")
    }
}

impl std::error::Error for Collision {}

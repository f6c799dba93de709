//! The disturbance vectors of all known attacks on SHA-1, and the differences that they prescribe
//! between the two blocks of a collision.
//!
//! Nothing of it has to be listed. A vector I(K, b) or II(K, b) is a sequence of words DW that obeys
//! SHA-1's message expansion (so that any sixteen words in a row determine all), and that is zero
//! from DW\[K\] to DW\[K + 15\] but for DW\[K + 15\] = 2^b, and in type II also
//! DW\[K + 1\] = DW\[K + 3\] = 2^(b + 31). Each bit of it starts a local collision: a difference in
//! one word of the message that the five words after it undo. What two blocks differ in is the sum of
//! these.

/// The type of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    I,
    II,
}

/// A disturbance vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vector {
    pub(crate) r#type: Type,
    /// Where it is zero; from [`SMALLEST`] to [`LARGEST`].
    pub(crate) k: usize,
    /// How far it is rotated.
    pub(crate) b: u32,
}

pub(crate) const SMALLEST: usize = 43;
pub(crate) const LARGEST: usize = 56;

impl Vector {
    /// What the first sixteen words of two blocks differ in. The other words follow from them.
    pub(crate) fn difference(self) -> [u32; 16] {
        let table = match self.r#type {
            Type::I => &I,
            Type::II => &II,
        };
        let first = LARGEST.saturating_sub(self.k);
        std::array::from_fn(|t| table.get(first + t).map_or(0, |word| word.rotate_left(self.b)))
    }

    /// Whether the two compressions agree before step 65; otherwise they do before step 58.
    pub(crate) fn agrees_late(self) -> bool {
        self.r#type == Type::II && self.k >= 50
    }
}

/// The differences with b = 0, from the first word for [`LARGEST`] to the sixteenth for [`SMALLEST`].
type Differences = [u32; LARGEST - SMALLEST + 16];

const I: Differences = differences([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const II: Differences = differences([0, 1 << 31, 0, 1 << 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

const fn differences(window: [u32; 16]) -> Differences {
    // dw[5 + n] is DW[n] of the vector with the largest K: local collisions reach five words back.
    let mut dw = [0; 5 + LARGEST + 16];
    let mut at = 0;
    while at < 16 {
        dw[5 + LARGEST + at] = window[at];
        at += 1;
    }
    let mut at = 5 + LARGEST;
    while at > 0 {
        at -= 1;
        dw[at] = dw[at + 16].rotate_right(1) ^ dw[at + 13] ^ dw[at + 8] ^ dw[at + 2];
    }
    let mut differences = [0; LARGEST - SMALLEST + 16];
    let mut at = 0;
    while at < differences.len() {
        let t = 5 + at;
        let corrections = dw[t - 1].rotate_left(5) ^ dw[t - 2] ^ (dw[t - 3] ^ dw[t - 4] ^ dw[t - 5]).rotate_left(30);
        differences[at] = dw[t] ^ corrections;
        at += 1;
    }
    differences
}

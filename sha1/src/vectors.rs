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
    /// What the last sixteen words of two expanded blocks differ in. The other words follow from them.
    pub(crate) fn difference(self) -> [u32; 16] {
        let table = match self.r#type {
            Type::I => &I,
            Type::II => &II,
        };
        let first = LARGEST.saturating_sub(self.k);
        let words = table.get(first..).and_then(|words| words.first_chunk());
        words
            .copied()
            .unwrap_or_default()
            .map(|word: u32| word.rotate_left(self.b))
    }

    /// Whether the two compressions agree before step 65; otherwise they do before step 58.
    pub(crate) fn agrees_late(self) -> bool {
        self.r#type == Type::II && self.k >= 50
    }
}

/// The differences with b = 0, from word 64 for [`LARGEST`] to word 79 for [`SMALLEST`].
type Differences = [u32; LARGEST - SMALLEST + 16];

const I: Differences = differences([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const II: Differences = differences([0, 1 << 31, 0, 1 << 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

const fn differences(window: [u32; 16]) -> Differences {
    // dw[n] is DW[K + n].
    let mut dw = [0; 80 - SMALLEST];
    let mut differences = [0; LARGEST - SMALLEST + 16];
    let mut n = 0;
    while n < dw.len() {
        dw[n] = match n {
            0..16 => window[n],
            _ => (dw[n - 3] ^ dw[n - 8] ^ dw[n - 14] ^ dw[n - 16]).rotate_left(1),
        };
        if n >= 64 - LARGEST {
            // A disturbance, and the corrections of those before it.
            differences[n - (64 - LARGEST)] =
                dw[n] ^ dw[n - 1].rotate_left(5) ^ dw[n - 2] ^ (dw[n - 3] ^ dw[n - 4] ^ dw[n - 5]).rotate_left(30);
        }
        n += 1;
    }
    differences
}

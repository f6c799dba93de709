//! The unavoidable conditions: for a block to be half of a collision by some vector, bits of its
//! expansion have to be equal to others, or to differ from them.
//!
//! Each relation is one of two bits, `p` of w\[t\] and `q` of w\[t + n\]. The relations of vectors of
//! one type follow K: what holds of w\[t\] for K holds of w\[t + 1\] for K + 1. Therefore the bits
//! are first turned into rows, a row for each `p` with a bit for each t. One shift and one XOR then
//! evaluate a relation for all t, one shift more lays the outcome under the vectors, a bit for each
//! K, and what is not as a vector wants it rules that vector out.
//!
//! The published relations are 373, counted once for each vector. 66 of them are left out here,
//! those that cost more than they save, because each is the only one to need some bit, or
//! because so many others stand beside it that it hardly ever decides. Of random blocks each meets
//! the conditions of 0.071 vectors, with all relations it would be 0.049. No more than that hangs on
//! it: what is not ruled out is checked.

use crate::lanes::Lanes;
use crate::rounds::Expanded;
use crate::vectors::{Type, Vector};

/// The vectors that are not ruled out.
pub(crate) struct Candidates {
    one: Lanes,
    one_rotated: Lanes,
    two: Lanes,
    two_rotated: Lanes,
}

impl Candidates {
    pub(crate) const NONE: Self = Candidates {
        one: Lanes::ZERO,
        one_rotated: Lanes::ZERO,
        two: Lanes::ZERO,
        two_rotated: Lanes::ZERO,
    };

    /// The vectors for each lane.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (usize, Vector)> {
        let rows = [
            (Type::I, 2, self.one_rotated),
            (Type::II, 2, self.two_rotated),
            (Type::I, 0, self.one),
            (Type::II, 0, self.two),
        ];
        let words = rows.into_iter().flat_map(|(r#type, b, row)| {
            let lanes = row.to_array().into_iter().enumerate();
            lanes.map(move |(lane, word)| (lane, r#type, b, word))
        });
        words.flat_map(|(lane, r#type, b, mut word)| {
            std::iter::from_fn(move || {
                let k = FIRST + word.checked_ilog2()? as usize;
                word ^= 1 << (k - FIRST);
                Some((lane, Vector { r#type, k, b }))
            })
        })
    }
}

/// The t or K that the lowest bit of a row stands for.
const FIRST: usize = 30;

/// A row with the bits of these K.
const fn of<const N: usize>(all_k: [usize; N]) -> Lanes {
    let mut row = 0;
    let mut at = 0;
    while at < N {
        row |= 1 << (all_k[at] - FIRST);
        at += 1;
    }
    Lanes::splat(row)
}

/// Finds the vectors for which each of four blocks may be half of a collision, and answers whether
/// there are any.
#[inline(never)]
pub(crate) fn find(w: &Expanded, candidates: &mut Candidates) -> bool {
    let Rows { r1, r4, r6, r29 } = rows(w);
    // Where these are set, the relation after them is broken.
    let r4_is_r29_3 = r4 ^ (r29 >> 3);
    let r4_is_r29_4 = r4 ^ (r29 >> 4);
    let r29_is_r29_1 = r29 ^ (r29 >> 1);
    let r29_not_r29_2 = !(r29 ^ (r29 >> 2));
    let r29_not_r29_3 = !(r29 ^ (r29 >> 3));
    let r4_not_r4_2 = !(r4 ^ (r4 >> 2));
    let one = (r4_is_r29_3 | r4_is_r29_3 << 2 | r4_is_r29_3 << 4 | r4_is_r29_3 << 6)
        | r29_is_r29_1 >> 3
        | r4_is_r29_3 << 10 & of([47, 48, 49, 50, 51, 52])
        | r29_is_r29_1 << 8 & of([48, 49, 50, 51, 52])
        | r29_is_r29_1 << 7 & of([47, 48, 49, 50, 51, 52])
        | r29_is_r29_1 << 4 & of([44, 45, 46, 47, 48, 49, 50, 51, 52])
        | r4_not_r4_2 << 6 & of([43, 44, 45, 46])
        | r4_not_r4_2 << 4 & of([43, 44])
        | r29_not_r29_2 << 3 & of([47, 48, 49, 50, 51, 52])
        | r29_not_r29_2 << 1 & of([45, 46, 47, 48, 49, 50, 51])
        | r29_not_r29_2 >> 1 & of([43, 44, 45, 46, 47, 48, 49]);
    let two = (r4_is_r29_3 << 4 | r29_is_r29_1 << 2 | r29_is_r29_1 << 1)
        | r4_not_r4_2 << 18 & of([54, 55, 56])
        | r4_not_r4_2 << 16 & of([52, 53, 54, 55, 56])
        | r4_is_r29_3 << 16 & of([53, 54, 55, 56])
        | r4_is_r29_4 << 12 & of([48, 49, 50, 51, 52, 53, 54, 55, 56])
        | r4_is_r29_3 << 9 & of([46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56])
        | r4_is_r29_4 << 9 & of([45])
        | r29_is_r29_1 << 7 & of([47, 48, 49, 50, 51, 52, 53, 54, 55, 56])
        | r29_is_r29_1 << 6 & of([46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56])
        | r4_is_r29_3 >> 2 & of([45, 46, 47, 48, 49, 50, 51])
        | r4_is_r29_3 >> 4 & of([45, 46, 47, 48, 49])
        | r29_is_r29_1 >> 4 & of([45, 46, 47, 48, 49, 50, 51, 52, 53, 54])
        | r29_not_r29_2 >> 5 & of([45])
        | r29_not_r29_3 >> 4 & of([47, 49, 52])
        | r29_not_r29_3 >> 5 & of([46, 48, 50, 51])
        | r29_is_r29_1 >> 7 & of([45, 46, 47, 48, 49, 50]);

    let r6_is_r1_1 = r6 ^ (r1 >> 1);
    let r6_is_r6_2 = r6 ^ (r6 >> 2);
    let r1_not_r6_1 = !(r1 ^ (r6 >> 1));
    let r1_not_r1_2 = !(r1 ^ (r1 >> 2));
    let r1_not_r1_4 = !(r1 ^ (r1 >> 4));
    let r1_not_r1_8 = !(r1 ^ (r1 >> 8));
    let at_end = end(w, 46) | end(w, 47) | end(w, 48);
    let one_rotated = (r6_is_r1_1 | r6_is_r6_2 << 2 | r6_is_r6_2 << 4 | r6_is_r6_2 << 6)
        | at_end
        | r1_not_r6_1 << 14 & of([49, 50, 51])
        | r1_not_r6_1 << 11 & of([46, 47, 48, 50, 51])
        | r1_not_r6_1 << 7 & of([46, 47, 48, 51])
        | r6_is_r1_1 << 10 & of([49, 50, 51])
        | r1_not_r1_2 << 11 & of([49])
        | r1_not_r1_8 << 7 & of([49, 50]);
    let two_rotated = (r6_is_r6_2 >> 2 | r6_is_r1_1 << 4 | r1_not_r6_1 << 10 | r6_is_r1_1 >> 4 | r1_not_r1_4 >> 1)
        | (begin(w, 49) | begin(w, 50) | begin(w, 51))
        | at_end & of([46])
        | r6_is_r1_1 << 9 & of([49, 50, 51])
        | r1_not_r6_1 << 5 & of([46, 49])
        | r1_not_r1_2 << 5 & of([50, 51]);

    const ONE: Lanes = of([43, 44, 45, 46, 47, 48, 49, 50, 51, 52]);
    const ONE_ROTATED: Lanes = of([46, 47, 48, 49, 50, 51]);
    const TWO: Lanes = of([45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56]);
    const TWO_ROTATED: Lanes = of([46, 49, 50, 51]);
    candidates.one = ONE & !one;
    candidates.one_rotated = ONE_ROTATED & !one_rotated;
    candidates.two = TWO & !two;
    candidates.two_rotated = TWO_ROTATED & !two_rotated;
    (candidates.one | candidates.one_rotated | candidates.two | candidates.two_rotated).any()
}

/// Bits 1, 4, 6 and 29 of the words 35 to 59, as far as relations need them.
struct Rows {
    r1: Lanes,
    r4: Lanes,
    r6: Lanes,
    r29: Lanes,
}

#[inline(always)]
fn rows(w: &Expanded) -> Rows {
    let [mut r1, mut r4, mut r6, mut r29] = [Lanes::ZERO; 4];
    // Two words are laid into one another, and so moved together.
    macro_rules! two_words {
        ($($t:literal)*) => {$(
            const { assert!($t >= 35 && $t <= 55) };
            let bits = Lanes::splat(1 << 1 | 1 << 4 | 1 << 6 | 1 << 29);
            let both = w[$t] & bits | (w[$t + 1] & bits) << 1;
            let moved = both << ($t - 35);
            r1 = r1 | moved & Lanes::splat(3 << ($t - 34));
            if $t <= 53 {
                r4 = r4 | moved & Lanes::splat(3 << ($t - 31));
            }
            r6 = r6 | moved & Lanes::splat(3 << ($t - 29));
            if $t >= 39 {
                r29 = r29 | both >> (59 - $t) & Lanes::splat(3 << ($t - 30));
            }
        )*};
    }
    two_words!(35 37 39 41 43 45 47 49 51 53 55);
    r29 = r29 | w[57] >> 2 & Lanes::splat(1 << 27);
    r29 = r29 | w[58] >> 1 & Lanes::splat(1 << 28);
    r29 = r29 | w[59] & Lanes::splat(1 << 29);
    Rows {
        r1: r1 << 4,
        r4: r4 << 1,
        r6: r6 >> 1,
        r29,
    }
}

/// Bit 2 of w\[K + 15\] is not bit 7 of w\[K + 16\].
#[inline(always)]
fn end(w: &Expanded, k: usize) -> Lanes {
    let to = (k - FIRST) as u32;
    !(w[k + 15] << (to - 2) ^ w[k + 16] << (to - 7)) & Lanes::splat(1 << to)
}

/// Bit 0 of w\[K - 13\] is not, and bit 5 of w\[K - 12\] is, bit 30 of w\[K - 8\].
#[inline(always)]
fn begin(w: &Expanded, k: usize) -> Lanes {
    let to = (k - FIRST) as u32;
    let bit = w[k - 8] >> (30 - to);
    (!(bit ^ w[k - 13] << to) | (bit ^ w[k - 12] << (to - 5))) & Lanes::splat(1 << to)
}

//! Four words of 32 bits side by side, one of each of four messages.

use std::ops::{Add, BitAnd, BitOr, BitXor, Not, Shl, Shr, Sub};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128 as vector;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod words;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use words as vector;

/// How many words there are.
pub(crate) const LANES: usize = 4;

/// The words. Every operation is done to each of them, and sums wrap.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(vector::Vector);

impl Lanes {
    pub(crate) const ZERO: Self = Lanes::splat(0);

    #[inline(always)]
    pub(crate) const fn new([a, b, c, d]: [u32; LANES]) -> Self {
        Lanes(vector::new(a, b, c, d))
    }

    /// The same word four times.
    #[inline(always)]
    pub(crate) const fn splat(word: u32) -> Self {
        Lanes::new([word; LANES])
    }

    /// Four words of four bytes each, the first byte the highest.
    #[inline(always)]
    pub(crate) fn from_bytes(words: [[u8; 4]; LANES]) -> Self {
        Lanes(vector::from_bytes(words))
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [u32; LANES] {
        [self.lane::<0>(), self.lane::<1>(), self.lane::<2>(), self.lane::<3>()]
    }

    #[inline(always)]
    pub(crate) fn lane<const LANE: usize>(self) -> u32 {
        vector::lane::<LANE>(self.0)
    }

    /// The words, but in lane `at` the word that `other` has in lane `from`.
    #[inline(always)]
    pub(crate) fn replace(self, at: usize, other: Self, from: usize) -> Self {
        let mask = Lanes::new(std::array::from_fn(|lane| if lane == at { u32::MAX } else { 0 }));
        Lanes(vector::pick(other.0, from, mask.0)) | self & !mask
    }

    /// Whether any bit is set.
    #[inline(always)]
    pub(crate) fn any(self) -> bool {
        vector::any(self.0)
    }

    #[inline(always)]
    pub(crate) fn rotate_left(self, by: u32) -> Self {
        (self << by) | (self >> (32 - by))
    }

    /// The bits of `yes` where those of `self` are set, and the bits of `no` elsewhere.
    #[inline(always)]
    pub(crate) fn choose(self, yes: Self, no: Self) -> Self {
        (self & (yes ^ no)) ^ no
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $with:ty, $other:ident => $operation:expr;)*) => {
        $(impl $trait<$with> for Lanes {
            type Output = Self;

            #[inline(always)]
            fn $method(self, $other: $with) -> Self {
                Lanes($operation(self.0, $other))
            }
        })*
    };
}

operators! {
    Add add Lanes, other => |a, b: Lanes| vector::add(a, b.0);
    Sub sub Lanes, other => |a, b: Lanes| vector::sub(a, b.0);
    BitAnd bitand Lanes, other => |a, b: Lanes| vector::and(a, b.0);
    BitOr bitor Lanes, other => |a, b: Lanes| vector::or(a, b.0);
    BitXor bitxor Lanes, other => |a, b: Lanes| vector::xor(a, b.0);
    Shl shl u32, by => vector::shl;
    Shr shr u32, by => vector::shr;
}

impl Not for Lanes {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Lanes(vector::not(self.0))
    }
}

//! Arrays, for all other targets. The compiler makes vectors of them where it can.

use super::LANES;

pub(super) type Vector = [u32; LANES];

pub(super) const fn new(a: u32, b: u32, c: u32, d: u32) -> Vector {
    [a, b, c, d]
}

/// Four words of four bytes each, the first byte the highest.
#[inline(always)]
pub(super) fn from_bytes(words: [[u8; 4]; LANES]) -> Vector {
    words.map(u32::from_be_bytes)
}

#[inline(always)]
pub(super) fn lane<const LANE: usize>(vector: Vector) -> u32 {
    vector[LANE]
}

#[inline(always)]
pub(super) fn any(vector: Vector) -> bool {
    vector != [0; LANES]
}

#[inline(always)]
fn each([a, b, c, d]: Vector, [e, f, g, h]: Vector, operation: impl Fn(u32, u32) -> u32) -> Vector {
    [operation(a, e), operation(b, f), operation(c, g), operation(d, h)]
}

#[inline(always)]
pub(super) fn add(a: Vector, b: Vector) -> Vector {
    each(a, b, u32::wrapping_add)
}

#[inline(always)]
pub(super) fn sub(a: Vector, b: Vector) -> Vector {
    each(a, b, u32::wrapping_sub)
}

#[inline(always)]
pub(super) fn and(a: Vector, b: Vector) -> Vector {
    each(a, b, |a, b| a & b)
}

#[inline(always)]
pub(super) fn or(a: Vector, b: Vector) -> Vector {
    each(a, b, |a, b| a | b)
}

#[inline(always)]
pub(super) fn xor(a: Vector, b: Vector) -> Vector {
    each(a, b, |a, b| a ^ b)
}

#[inline(always)]
pub(super) fn shl(vector: Vector, by: u32) -> Vector {
    vector.map(|word| word << by)
}

#[inline(always)]
pub(super) fn shr(vector: Vector, by: u32) -> Vector {
    vector.map(|word| word >> by)
}

#[inline(always)]
pub(super) fn not(vector: Vector) -> Vector {
    vector.map(|word| !word)
}

/// The word in lane `from` in all lanes where `mask` is set, and zero in the others.
#[inline(always)]
pub(super) fn pick(vector: Vector, from: usize, mask: Vector) -> Vector {
    mask.map(|mask| vector[from] & mask)
}

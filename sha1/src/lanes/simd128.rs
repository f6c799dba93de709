//! The vectors of wasm. Without the target feature `simd128` they do not exist: see
//! `.cargo/config.toml`.

use core::arch::wasm32::{u8x16_shuffle, u8x16_swizzle, u32x4_splat};
pub(super) use core::arch::wasm32::{
    u32x4 as new, u32x4_add as add, u32x4_extract_lane as lane, u32x4_shl as shl, u32x4_shr as shr, u32x4_sub as sub,
    v128 as Vector, v128_and as and, v128_any_true as any, v128_not as not, v128_or as or, v128_xor as xor,
};

/// Four words of four bytes each, the first byte the highest.
#[inline(always)]
pub(super) fn from_bytes(words: [[u8; 4]; 4]) -> Vector {
    let [a, b, c, d] = words.map(u32::from_le_bytes);
    let bytes = new(a, b, c, d);
    u8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(bytes, bytes)
}

/// The word in lane `from` in all lanes where `mask` is set, and zero in the others.
#[inline(always)]
pub(super) fn pick(vector: Vector, from: usize, mask: Vector) -> Vector {
    // An index beyond the last byte gives zero.
    let bytes = u32x4_splat(0x0302_0100 + 0x0404_0404 * from as u32);
    u8x16_swizzle(vector, or(bytes, not(mask)))
}

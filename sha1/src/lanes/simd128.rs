//! The vectors of wasm. Without the target feature `simd128` they do not exist: see
//! `.cargo/config.toml`.

pub(super) use core::arch::wasm32::{
    u32x4 as new, u32x4_add as add, u32x4_extract_lane as lane, u32x4_shl as shl, u32x4_shr as shr, u32x4_sub as sub,
    v128 as Vector, v128_and as and, v128_any_true as any, v128_or as or, v128_xor as xor,
};

//! Deltas: gitformat-pack(5), "Deltified representation"; the rules are those of git's
//! `patch-delta.c`.

use std::fmt;

use crate::format::varint::{Varint, read_size};

/// What is wrong with a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaError {
    /// Fewer than the four bytes git's `DELTA_SIZE_MIN` asks for.
    TooShort,
    /// A size of more than 64 bits.
    SizeOverflow,
    /// It was made for a base of another size.
    BaseSize {
        /// The size the delta names.
        declared: u64,
        /// The size the base has.
        found: u64,
    },
    /// The reserved instruction 0.
    Reserved,
    /// An instruction whose operands are cut off.
    TruncatedInstruction,
    /// A copy from beyond the end of the base.
    CopyPastBase,
    /// The result grows beyond its declared size.
    ResultTooLong,
    /// The instructions end before the result has its declared size.
    ResultTooShort,
    /// There is no memory for the result.
    Memory {
        /// Bytes wanted.
        bytes: u64,
    },
}

impl fmt::Display for DeltaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeltaError::TooShort => f.write_str("it is too short"),
            DeltaError::SizeOverflow => f.write_str("it has a size beyond 64 bits"),
            DeltaError::BaseSize { declared, found } => {
                write!(f, "it is made for a base of {declared} bytes, the base has {found}")
            }
            DeltaError::Reserved => f.write_str("it has the reserved instruction 0"),
            DeltaError::TruncatedInstruction => f.write_str("an instruction is cut off"),
            DeltaError::CopyPastBase => f.write_str("it copies from beyond the base"),
            DeltaError::ResultTooLong => f.write_str("its result is longer than declared"),
            DeltaError::ResultTooShort => f.write_str("its result is shorter than declared"),
            DeltaError::Memory { bytes } => write!(f, "no memory for {bytes} bytes"),
        }
    }
}

impl std::error::Error for DeltaError {}

/// The sizes a delta starts with, in bytes: of the base it was made for, and of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaSizes {
    /// Of the base.
    pub base: u64,
    /// Of the result.
    pub result: u64,
}

/// The sizes at the start of a delta.
pub fn sizes(delta: &[u8]) -> Result<DeltaSizes, DeltaError> {
    split(delta).map(|(sizes, _)| sizes)
}

/// Applies `delta` to `base`. `out` is replaced; its capacity is reused. The caller has checked
/// the result's size ([`sizes`]) against its limits.
pub fn apply(base: &[u8], delta: &[u8], out: &mut Vec<u8>) -> Result<(), DeltaError> {
    let (sizes, mut rest) = split(delta)?;
    if sizes.base != base.len() as u64 {
        return Err(DeltaError::BaseSize {
            declared: sizes.base,
            found: base.len() as u64,
        });
    }
    let memory = DeltaError::Memory { bytes: sizes.result };
    let result = usize::try_from(sizes.result).map_err(|_| memory)?;
    out.clear();
    reserve(out, result.min(FIRST), result, memory)?;
    while let Some((&instruction, tail)) = rest.split_first() {
        rest = tail;
        let piece = if instruction & 0x80 != 0 {
            let offset = operand(instruction, 4, &mut rest)?;
            let size = match operand(instruction >> 4, 3, &mut rest)? {
                0 => 0x10000,
                size => size,
            };
            let end = offset.checked_add(size).ok_or(DeltaError::CopyPastBase)?;
            base.get(offset..end).ok_or(DeltaError::CopyPastBase)?
        } else if instruction != 0 {
            let (piece, tail) = rest
                .split_at_checked(usize::from(instruction))
                .ok_or(DeltaError::TruncatedInstruction)?;
            rest = tail;
            piece
        } else {
            return Err(DeltaError::Reserved);
        };
        if piece.len() > result - out.len() {
            return Err(DeltaError::ResultTooLong);
        }
        reserve(out, piece.len(), result, memory)?;
        out.extend_from_slice(piece);
    }
    if out.len() < result {
        return Err(DeltaError::ResultTooShort);
    }
    Ok(())
}

/// The room a result gets before it has earned any; it doubles from there.
const FIRST: usize = 1 << 20;

/// Room for `more` bytes, doubling, and never beyond `result`.
#[inline]
fn reserve(out: &mut Vec<u8>, more: usize, result: usize, memory: DeltaError) -> Result<(), DeltaError> {
    let length = out.len();
    if out.capacity() - length >= more {
        return Ok(());
    }
    let wanted = length.saturating_mul(2).min(result).max(length.saturating_add(more));
    out.try_reserve_exact(wanted - length).map_err(|_| memory)
}

/// An offset or a size: each of the low `count` bits says whether its byte is there.
#[inline]
fn operand(flags: u8, count: u32, rest: &mut &[u8]) -> Result<usize, DeltaError> {
    let mut value = 0u32;
    for position in 0..count {
        if flags & (1 << position) != 0 {
            let (&byte, tail) = rest.split_first().ok_or(DeltaError::TruncatedInstruction)?;
            *rest = tail;
            value |= u32::from(byte) << (8 * position);
        }
    }
    usize::try_from(value).map_err(|_| DeltaError::CopyPastBase)
}

fn split(delta: &[u8]) -> Result<(DeltaSizes, &[u8]), DeltaError> {
    if delta.len() < DELTA_SIZE_MIN {
        return Err(DeltaError::TooShort);
    }
    let (base, rest) = size(delta)?;
    let (result, rest) = size(rest)?;
    Ok((DeltaSizes { base, result }, rest))
}

/// The fewest bytes of a delta, from git's `delta.h`.
const DELTA_SIZE_MIN: usize = 4;

fn size(bytes: &[u8]) -> Result<(u64, &[u8]), DeltaError> {
    match read_size(bytes, 0, 0) {
        Varint::Value(value, length) => Ok((value, bytes.get(length..).unwrap_or_default())),
        Varint::More => Err(DeltaError::TruncatedInstruction),
        Varint::Overflow => Err(DeltaError::SizeOverflow),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::varint::write_size;

    /// The format again, slowly, a byte at a time. `None` for every error.
    fn model(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
        if delta.len() < 4 {
            return None;
        }
        let mut bytes = delta.iter().copied();
        let mut number = || {
            let (mut value, mut shift) = (0u128, 0);
            loop {
                let byte = bytes.next()?;
                value += u128::from(byte % 128) << shift;
                shift += 7;
                if byte < 128 {
                    return (value <= u128::from(u64::MAX)).then_some(value);
                }
                if shift > 70 {
                    return None;
                }
            }
        };
        let (from, to) = (number()?, number()?);
        if from != base.len() as u128 {
            return None;
        }
        let mut out = Vec::new();
        while let Some(instruction) = bytes.next() {
            if instruction == 0 {
                return None;
            }
            if instruction < 128 {
                for _ in 0..instruction {
                    out.push(bytes.next()?);
                }
            } else {
                let mut operands = [0u64; 7];
                for (bit, operand) in operands.iter_mut().enumerate() {
                    if instruction >> bit & 1 == 1 {
                        *operand = bytes.next()?.into();
                    }
                }
                let [a, b, c, d, x, y, z] = operands;
                let offset = a + b * 256 + c * 65536 + d * 16777216;
                let mut size = x + y * 256 + z * 65536;
                if size == 0 {
                    size = 65536;
                }
                for at in offset..offset + size {
                    out.push(*base.get(at as usize)?);
                }
            }
            if out.len() as u128 > to {
                return None;
            }
        }
        (out.len() as u128 == to).then_some(out)
    }

    fn check(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, DeltaError> {
        let mut out = b"stale".to_vec();
        let result = apply(base, delta, &mut out).map(|()| out);
        assert_eq!(result.clone().ok(), model(base, delta), "{delta:02x?}");
        result
    }

    #[test]
    fn the_vectors_of_t5303_are_judged_as_git_does() {
        let x100 = [b'x'; 100];
        type Vector<'a> = (&'a [u8], &'a [u8], Result<usize, DeltaError>);
        let vectors: [Vector<'_>; 14] = [
            // apply good minimal delta; one literal
            (b"", b"\0\x01\x01X", Ok(1)),
            (b"base", b"\x04\x01\x90\x01", Ok(1)),
            // truncated insert, too long insert
            (b"", b"\0\x02\x02X", Err(DeltaError::TruncatedInstruction)),
            (b"", b"\0\x01\x02XY", Err(DeltaError::ResultTooLong)),
            // wrong sizes
            (b"", b"\0\x01\x02XX", Err(DeltaError::ResultTooLong)),
            (b"", b"\0\x03\x02XX", Err(DeltaError::ResultTooShort)),
            (
                b"base",
                b"\x05\x01\x01X",
                Err(DeltaError::BaseSize { declared: 5, found: 4 }),
            ),
            // truncated copy parameters, copy of nothing said, copy past the base
            (b"base", b"\x04\x04\x94", Err(DeltaError::TooShort)),
            (b"base", b"\x04\x04\x01X\x94", Err(DeltaError::TruncatedInstruction)),
            (b"base", b"\x04\x04\x90\x05", Err(DeltaError::CopyPastBase)),
            (b"base", b"\x04\x04\x91\x01\x04", Err(DeltaError::CopyPastBase)),
            (&x100, b"\x64\x80\x80\x04\x80", Err(DeltaError::CopyPastBase)),
            // the reserved instruction, trailing garbage
            (b"", b"\0\x01\x01X\0", Err(DeltaError::Reserved)),
            (b"", b"\0\x01\x01X\x01", Err(DeltaError::TruncatedInstruction)),
        ];
        for (base, delta, expected) in vectors {
            assert_eq!(check(base, delta).map(|out| out.len()), expected, "{delta:02x?}");
        }
    }

    #[test]
    fn a_copy_of_size_zero_copies_64_kibibytes() {
        let base = vec![7; 0x10000];
        let mut delta = Vec::new();
        write_size(&mut delta, 0x10000, 0);
        write_size(&mut delta, 0x10000, 0);
        delta.push(0x80);
        assert_eq!(check(&base, &delta), Ok(base.clone()));
    }

    #[test]
    fn offsets_and_sizes_at_the_end_of_32_bits_do_not_wrap() {
        for instruction in [
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0x9f, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            let delta = [&[4, 1][..], instruction].concat();
            assert_eq!(check(b"base", &delta), Err(DeltaError::CopyPastBase));
        }
        let huge = [&[0xff; 9][..], &[2, 1, 1, b'X']].concat();
        assert_eq!(check(b"", &huge), Err(DeltaError::SizeOverflow));
    }

    #[test]
    fn a_result_is_not_allocated_before_it_comes() {
        let mut delta = vec![0];
        // As much as an address space of 32 bits still has.
        write_size(&mut delta, 1 << 31, 0);
        delta.extend_from_slice(b"\x01X");
        let mut out = Vec::new();
        assert_eq!(apply(b"", &delta, &mut out), Err(DeltaError::ResultTooShort));
        assert!(out.capacity() <= 2 * FIRST);
    }

    #[test]
    fn random_deltas_are_judged_as_the_model_does() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..30_000 {
            let base: Vec<u8> = (0..random.below(400)).map(|_| random.byte()).collect();
            let mut body = Vec::new();
            let mut size = 0;
            for _ in 0..random.below(6) {
                if random.below(2) == 0 || base.is_empty() {
                    let length = 1 + random.below(20);
                    body.push(length as u8);
                    body.extend((0..length).map(|_| random.byte()));
                    size += length;
                } else {
                    let offset = random.below(base.len());
                    let length = 1 + random.below(base.len() - offset);
                    body.push(0x80 | 0b11_0011);
                    body.extend_from_slice(&(offset as u16).to_le_bytes());
                    body.extend_from_slice(&(length as u16).to_le_bytes());
                    size += length;
                }
            }
            let mut delta = Vec::new();
            write_size(&mut delta, base.len() as u64, 0);
            write_size(&mut delta, size as u64, 0);
            delta.extend_from_slice(&body);
            for _ in 0..random.below(3) {
                let at = random.below(delta.len());
                delta[at] ^= 1 << random.below(8);
            }
            match check(&base, &delta) {
                Ok(_) => good += 1,
                Err(_) => bad += 1,
            }
        }
        assert!(good > 5000 && bad > 5000, "{good} good, {bad} bad");
    }

    /// A xorshift generator: the same numbers at every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, limit: usize) -> usize {
            (self.next() >> 33) as usize % limit
        }

        fn byte(&mut self) -> u8 {
            (self.next() >> 40) as u8
        }
    }
}

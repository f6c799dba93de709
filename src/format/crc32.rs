//! CRC-32, as gzip, pack indexes and the rows of the store have it: eight bytes at a time, by tables
//! ("slicing-by-8", Kounavis and Berry 2008).
//!
//! The tables are made when they are first needed, in microseconds. As part of the wasm they would
//! be numbers that no compression makes smaller.

use std::sync::LazyLock;

/// The polynomial, its least power first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What a byte does to the checksum if it is followed by none, one, two … seven bytes of zero.
static TABLES: LazyLock<[Table; 8]> = LazyLock::new(tables);

type Table = [u32; 256];

/// The checksum of what has been seen so far.
#[derive(Clone, Copy, Default)]
pub struct Crc32(u32);

impl Crc32 {
    /// The checksum of these bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Crc32::default();
        crc.update(bytes);
        crc.value()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let [t0, t1, t2, t3, t4, t5, t6, t7] = &*TABLES;
        let (blocks, rest) = bytes.as_chunks::<8>();
        let mut crc = !self.0;
        for [a, b, c, d, e, f, g, h] in blocks {
            let [a, b, c, d] = (u32::from_le_bytes([*a, *b, *c, *d]) ^ crc).to_le_bytes();
            crc = at(t7, a) ^ at(t6, b) ^ at(t5, c) ^ at(t4, d) ^ at(t3, *e) ^ at(t2, *f) ^ at(t1, *g) ^ at(t0, *h);
        }
        for byte in rest {
            crc = next(t0, crc, *byte);
        }
        self.0 = !crc;
    }

    /// The checksum.
    pub fn value(self) -> u32 {
        self.0
    }
}

fn at(table: &Table, byte: u8) -> u32 {
    table[usize::from(byte)]
}

/// Adds one byte.
fn next(first: &Table, crc: u32, byte: u8) -> u32 {
    let [low, ..] = crc.to_le_bytes();
    at(first, low ^ byte) ^ (crc >> 8)
}

fn tables() -> [Table; 8] {
    let mut table = [0; 256];
    for (byte, entry) in (0_u32..).zip(&mut table) {
        *entry = (0..8).fold(byte, |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => crc >> 1 ^ POLYNOMIAL,
        });
    }
    let mut tables = [table; 8];
    for followed in 1..tables.len() {
        tables[followed] = tables[followed - 1].map(|crc| next(&table, crc, 0));
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard_however_the_bytes_are_split() {
        let check = |bytes: &[u8], expected: u32| {
            assert_eq!(Crc32::of(bytes), expected);
            for at in 0..=bytes.len() {
                let (front, back) = bytes.split_at(at);
                let mut crc = Crc32::default();
                crc.update(front);
                crc.update(back);
                assert_eq!(crc.value(), expected, "at {at}");
            }
        };
        check(b"", 0);
        check(b"123456789", 0xcbf4_3926);
        check(b"The quick brown fox jumps over the lazy dog", 0x414f_a339);
        check(&[0; 300], 0xb534_8fd2);
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn every_byte_in_every_place_counts_as_it_does_elsewhere() {
        for place in 0..24 {
            for byte in 0..=255 {
                let mut bytes = [0x5a; 24];
                bytes[place] = byte;
                assert_eq!(Crc32::of(&bytes), crc32fast::hash(&bytes), "{byte} at {place}");
            }
        }
    }
}

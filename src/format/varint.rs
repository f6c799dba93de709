//! The two variable-length integers of packs: gitformat-pack(5), "Size encoding" and "OFS_DELTA".
//! Least significant group first for sizes; most significant first, with one added at each step,
//! for offsets. Seven bits a byte, the high bit says that another byte follows.

/// What the start of some bytes says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varint {
    /// A number, and how many bytes it took.
    Value(u64, usize),
    /// The bytes end within the number.
    More,
    /// More than 64 bits, or more bytes than 64 bits need.
    Overflow,
}

/// A size whose first `shift` bits, `value`, are known already: 0 and 0 in deltas, four bits in
/// the header of an entry.
pub fn read_size(bytes: &[u8], value: u64, shift: u32) -> Varint {
    let mut value = value;
    let mut shift = shift;
    for (index, byte) in bytes.iter().enumerate() {
        let group = u64::from(byte & 0x7f);
        if shift >= u64::BITS || (group << shift) >> shift != group {
            return Varint::Overflow;
        }
        value |= group << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Varint::Value(value, index + 1);
        }
    }
    Varint::More
}

/// Appends a size of which `shift` bits have been written already, as [`read_size`] reads it.
pub fn write_size(out: &mut Vec<u8>, value: u64, shift: u32) {
    let mut rest = value.checked_shr(shift).unwrap_or(0);
    loop {
        let [group, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(group & 0x7f);
            return;
        }
        out.push(group | 0x80);
    }
}

/// The distance to the base of an offset delta.
pub fn read_offset(bytes: &[u8]) -> Varint {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            // As in unpack_raw_entry() of git's index-pack.c: the increment or the shift may overflow.
            value = match value.checked_add(1) {
                Some(value) if value >> (u64::BITS - 7) == 0 => value << 7,
                _ => return Varint::Overflow,
            };
        }
        value |= u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Varint::Value(value, index + 1);
        }
    }
    Varint::More
}

/// Appends a distance as [`read_offset`] reads it.
pub fn write_offset(out: &mut Vec<u8>, value: u64) {
    let low = |value: u64| {
        let [group, ..] = value.to_le_bytes();
        group & 0x7f
    };
    let mut groups = vec![low(value)];
    let mut rest = value >> 7;
    while rest > 0 {
        rest -= 1;
        groups.push(low(rest) | 0x80);
        rest >>= 7;
    }
    out.extend(groups.iter().rev());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const SAMPLES: [u64; 14] = [
        0,
        1,
        15,
        16,
        127,
        128,
        0x407f,
        0x4080,
        1 << 31,
        1 << 32,
        (1 << 53) + 1,
        u64::MAX / 2,
        u64::MAX - 1,
        u64::MAX,
    ];

    #[test]
    fn sizes_round_trip_and_ask_for_more_at_every_cut() {
        for value in SAMPLES {
            for (known, shift) in [(0, 0), (value & 15, 4)] {
                let mut bytes = Vec::new();
                write_size(&mut bytes, value, shift);
                assert_eq!(read_size(&bytes, known, shift), Varint::Value(value, bytes.len()));
                for cut in 0..bytes.len() {
                    assert_eq!(
                        read_size(&bytes[..cut], known, shift),
                        Varint::More,
                        "{value} cut at {cut}"
                    );
                }
            }
        }
    }

    #[test]
    fn offsets_round_trip_and_ask_for_more_at_every_cut() {
        for value in SAMPLES {
            let mut bytes = Vec::new();
            write_offset(&mut bytes, value);
            assert_eq!(read_offset(&bytes), Varint::Value(value, bytes.len()));
            for cut in 0..bytes.len() {
                assert_eq!(read_offset(&bytes[..cut]), Varint::More, "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn numbers_beyond_64_bits_overflow() {
        let size = [&[0xff; 9][..], &[0x02]].concat();
        assert_eq!(read_size(&size, 0, 0), Varint::Overflow);
        assert_eq!(read_size(&[0x80; 11], 0, 0), Varint::Overflow);
        assert_eq!(read_size(&[&[0xff; 8][..], &[0x10]].concat(), 15, 4), Varint::Overflow);
        assert_eq!(read_offset(&[0xff; 10]), Varint::Overflow);
        // The largest offset, and the one after it.
        let mut bytes = Vec::new();
        write_offset(&mut bytes, u64::MAX);
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
        assert_eq!(read_offset(&bytes), Varint::Overflow);
    }
}

//! Object ids: gitglossary(7), "object name". [`ObjectId`] is the only type that knows how long a
//! hash is.

use std::fmt;
use std::str::FromStr;

/// Bytes in an object id.
pub const OID_LEN: usize = 20;

/// Hex digits in an object id.
pub const OID_HEX_LEN: usize = OID_LEN * 2;

/// The name of an object: the SHA-1 of its header and content. Ordered bytewise, as pack indexes
/// order them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; OID_LEN]);

impl ObjectId {
    /// All zero bits: "no object" in ref updates and in an empty v0 advertisement.
    pub const NULL: ObjectId = ObjectId([0; OID_LEN]);

    /// From raw bytes.
    pub const fn new(bytes: [u8; OID_LEN]) -> Self {
        ObjectId(bytes)
    }

    /// From raw bytes; `None` unless there are exactly [`OID_LEN`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(ObjectId)
    }

    /// From exactly [`OID_HEX_LEN`] hex digits. Git writes lower case and its `get_oid_hex` reads
    /// both cases, as does this.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        if hex.len() != OID_HEX_LEN {
            return None;
        }
        let mut bytes = [0; OID_LEN];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = hex_value(*high)? << 4 | hex_value(*low)?;
        }
        Some(ObjectId(bytes))
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; OID_LEN] {
        &self.0
    }

    /// The first byte: the shard of an index the id belongs to.
    pub const fn first_byte(&self) -> u8 {
        self.0[0]
    }

    /// Whether it is [`ObjectId::NULL`].
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }

    /// Lower case hex.
    pub fn to_hex(&self) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |nibble: u8| DIGITS[usize::from(nibble & 15)];
        self.0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
            .collect()
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not an object id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObjectId;

impl fmt::Display for NotAnObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an object id ({OID_HEX_LEN} hex digits)")
    }
}

impl std::error::Error for NotAnObjectId {}

impl FromStr for ObjectId {
    type Err = NotAnObjectId;

    fn from_str(text: &str) -> Result<Self, NotAnObjectId> {
        Self::from_hex(text.as_bytes()).ok_or(NotAnObjectId)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const HEX: &str = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";

    #[test]
    fn hex_round_trips_in_either_case() {
        let oid: ObjectId = HEX.parse().unwrap();
        assert_eq!(oid.to_hex(), HEX);
        assert_eq!(HEX.to_uppercase().parse(), Ok(oid));
        assert_eq!(oid.first_byte(), 0xd6);
    }

    #[test]
    fn every_other_length_and_every_other_character_is_refused() {
        for length in (0..=64).filter(|length| *length != OID_HEX_LEN) {
            assert_eq!(ObjectId::from_hex(&vec![b'a'; length]), None, "{length} digits");
        }
        for byte in 0..=255u8 {
            let mut hex = HEX.as_bytes().to_vec();
            hex[7] = byte;
            assert_eq!(
                ObjectId::from_hex(&hex).is_some(),
                byte.is_ascii_hexdigit(),
                "byte {byte}"
            );
        }
    }
}

//! Filters of changed paths: for a commit, which paths may differ between its first parent and it.
//! Git's version 2, with its settings (`bloom.c`): murmur3 in 32 bits, seven hashes, ten bits a path.
//!
//! A filter has every path that differs and all folders on the way to it. One that is asked for a
//! path answers "maybe" or "no"; "no" is certain, "maybe" is wrong for one path in a hundred. More
//! than 512 paths make a filter that answers "maybe" to everything.

use super::{BDAT, BIDX, GraphError, index, number};

/// How often a path is hashed.
const HASHES: u32 = 7;
/// Bits of a filter for each path.
const BITS: usize = 10;
/// Paths in a filter at most.
pub const MAX_PATHS: usize = 512;
/// What BDAT begins with: version 2, hashes, bits.
pub(super) const SETTINGS: [u8; 12] = [0, 0, 0, 2, 0, 0, 0, HASHES as u8, 0, 0, 0, BITS as u8];

/// A path as filters know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    first: u32,
    step: u32,
}

impl Key {
    fn of(path: &[u8]) -> Self {
        Key {
            first: murmur3(0x293a_e76f, path),
            step: murmur3(0x7e64_6e2c, path),
        }
    }

    /// The bits of a filter of so many bytes: which byte, and which bit of it.
    fn bits(self, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
        let bits = bytes as u64 * 8;
        (0..HASHES).filter_map(move |number| {
            let hash = self.first.wrapping_add(number.wrapping_mul(self.step));
            let bit = u64::from(hash).checked_rem(bits)?;
            Some((usize::try_from(bit / 8).ok()?, 1 << (bit % 8)))
        })
    }
}

/// Murmur3 with 32 bits, as described in <https://en.wikipedia.org/wiki/MurmurHash#Algorithm>.
fn murmur3(seed: u32, bytes: &[u8]) -> u32 {
    let scramble = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for word in words {
        hash ^= scramble(u32::from_le_bytes(*word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let last = tail.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    hash ^= scramble(last);
    // Paths are shorter than 4 GiB.
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// Makes the filter of a commit from the different paths that changed and their folders, without
/// slashes at the end. Of more than [`MAX_PATHS`] it makes one that answers "maybe" to all.
pub fn filter<'a>(paths: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    if paths.len() > MAX_PATHS {
        return everything();
    }
    let mut filter = vec![0; (paths.len() * BITS).div_ceil(8).max(1)];
    for path in paths {
        for (byte, bit) in Key::of(path).bits(filter.len()) {
            if let Some(byte) = filter.get_mut(byte) {
                *byte |= bit;
            }
        }
    }
    filter
}

/// The filter that answers "maybe" to everything.
pub fn everything() -> Vec<u8> {
    vec![0xff]
}

/// A path to ask filters for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathKeys {
    keys: Vec<Key>,
}

impl PathKeys {
    /// Of a path from the root. `None` for the root itself, of which filters know nothing.
    pub fn of(path: &[u8]) -> Option<Self> {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        if path.is_empty() {
            return None;
        }
        let folders = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at);
        // The path itself first: it says "no" most often.
        let ends = std::iter::once(path.len()).chain(folders);
        let keys = ends.filter_map(|end| path.get(..end)).map(Key::of).collect();
        Some(PathKeys { keys })
    }

    /// Whether what is at the path, or below it, may have changed.
    pub fn may_be_in(&self, filter: &[u8]) -> bool {
        let has = |(byte, bit): (usize, u8)| filter.get(byte).is_some_and(|byte| byte & bit != 0);
        self.keys.iter().all(|key| key.bits(filter.len()).all(has))
    }
}

/// The filters of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    index: Vec<u8>,
    data: Vec<u8>,
}

impl Filters {
    /// Reads the two chunks of a file of `count` commits. `None` if these filters are of another
    /// version, or of other settings, than this builds and reads.
    pub fn parse(index: Vec<u8>, data: Vec<u8>, count: u32) -> Result<Option<Self>, GraphError> {
        let settings = data.first_chunk::<12>().ok_or(GraphError::chunk(BDAT, "is cut off"))?;
        if u32::try_from(index.len() / 4) != Ok(count) || !index.len().is_multiple_of(4) {
            return Err(GraphError::chunk(BIDX, "has another size"));
        }
        let (ends, _) = index.as_chunks::<4>();
        let ends = || ends.iter().map(|end| u32::from_be_bytes(*end));
        if !ends().is_sorted() {
            return Err(GraphError::chunk(BIDX, "descends"));
        }
        let bytes = data.len() - SETTINGS.len();
        if ends().next_back().is_some_and(|last| super::index(last) > bytes) {
            return Err(GraphError::chunk(BIDX, "leads beyond BDAT"));
        }
        Ok((*settings == SETTINGS).then_some(Filters { index, data }))
    }

    /// The filter of the commit with that number in the file, from 0; `None` if none was made.
    pub fn get(&self, row: u32) -> Option<&[u8]> {
        let row = index(row);
        let start = match row.checked_sub(1) {
            None => 0,
            Some(before) => index(number(&self.index, before)?),
        };
        let end = index(number(&self.index, row)?);
        let filters = self.data.get(SETTINGS.len()..)?;
        filters.get(start..end).filter(|filter| !filter.is_empty())
    }

    /// Bytes in memory.
    pub fn weight(&self) -> usize {
        self.index.len() + self.data.len()
    }
}

//! Makes deltas: gitformat-pack(5), "Deltified representation". [`super::delta::apply`] undoes it.
//!
//! The base is cut into blocks of 16 bytes, which are put into a table by their hash. A hash of the
//! same width rolls over the target; where it meets one of the table, the match is made as long as
//! it gets, in both directions, and becomes a copy. What is between copies is inserted.

use crate::format::varint::write_size;

/// Bytes of a block. Shorter matches are not found, and would hardly be shorter as copies.
const BLOCK: usize = 16;

/// How many blocks of one bucket are kept, as in git's `diff-delta.c`: a base that repeats itself
/// must not make the search quadratic.
const BUCKET: u32 = 64;

/// A match of so many bytes is taken without looking for a longer one.
const GOOD: usize = 4096;

/// A match that goes back further than so many bytes over what was to be inserted is not waited for:
/// of a base that does not repeat itself it goes back less than a block.
const BACK: usize = 1024;

/// The most bytes of one copy: version 2 of the format knows no more.
const COPY: usize = 0x1_0000;

/// The most bytes of one insertion.
const INSERT: usize = 0x7f;

/// Any odd number with well mixed bits does.
const FACTOR: u32 = 0x9e37_79b1;

/// What the oldest byte of a block weighs in its hash: `FACTOR` to the power of 15.
const OLDEST: u32 = FACTOR.wrapping_pow(BLOCK as u32 - 1);

/// The blocks of a base, for any number of targets.
pub struct DeltaIndex {
    /// Of the base, in bytes.
    size: usize,
    /// How many bits of a mixed hash are not used.
    shift: u32,
    /// Where the blocks of each bucket start; one more than there are buckets.
    starts: Vec<u32>,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Default)]
struct Block {
    hash: u32,
    at: u32,
}

impl DeltaIndex {
    /// Of a base. What lies beyond 4 GiB is not found, since no copy could name it.
    pub fn new(base: &[u8]) -> Self {
        let mut blocks: Vec<Block> = Vec::with_capacity(base.len() / BLOCK);
        for (block, at) in base.chunks_exact(BLOCK).zip((0u32..=u32::MAX).step_by(BLOCK)) {
            let hash = hash(block);
            // Of a run of equal blocks the first leads to all of it.
            if blocks.last().is_none_or(|last| last.hash != hash) {
                blocks.push(Block { hash, at });
            }
        }
        let bits = blocks.len().max(16).ilog2();
        let mut index = DeltaIndex {
            size: base.len(),
            shift: 32 - bits,
            starts: Vec::new(),
            blocks: Vec::new(),
        };
        index.fill(&blocks, 1 << bits);
        index
    }

    /// Sorts blocks into buckets; of one with too many it keeps some, evenly spread.
    fn fill(&mut self, blocks: &[Block], buckets: usize) {
        let mut counts = vec![0u32; buckets];
        for block in blocks {
            if let Some(count) = counts.get_mut(self.bucket(block.hash)) {
                *count += 1;
            }
        }
        self.starts = Vec::with_capacity(buckets + 1);
        let mut total = 0;
        for count in &counts {
            self.starts.push(total);
            total += (*count).min(BUCKET);
        }
        self.starts.push(total);
        self.blocks = vec![Block::default(); usize::try_from(total).unwrap_or(0)];
        let mut seen = vec![0u32; buckets];
        for block in blocks {
            let bucket = self.bucket(block.hash);
            let (Some(seen), Some(count)) = (seen.get_mut(bucket), counts.get(bucket)) else {
                continue;
            };
            let place = |number: u32| match *count > BUCKET {
                true => u64::from(number) * u64::from(BUCKET) / u64::from(*count),
                false => u64::from(number),
            };
            let (place, before) = (place(*seen), (*seen > 0).then(|| place(*seen - 1)));
            *seen += 1;
            let start = self.starts.get(bucket).copied().unwrap_or(0);
            let slot = usize::try_from(u64::from(start) + place).unwrap_or(usize::MAX);
            if Some(place) != before
                && let Some(slot) = self.blocks.get_mut(slot)
            {
                *slot = *block;
            }
        }
    }

    /// Bytes it takes.
    pub fn weight(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>() + self.starts.capacity() * size_of::<u32>()
    }

    /// A delta that makes `target` of `base`, the one this is the index of; `None` if it would have
    /// more than `most` bytes, and if there is nothing to make: git reads no delta that short.
    pub fn encode(&self, base: &[u8], target: &[u8], most: usize) -> Option<Vec<u8>> {
        if target.is_empty() {
            return None;
        }
        let mut delta = Delta {
            out: Vec::new(),
            target,
            done: 0,
        };
        write_size(&mut delta.out, self.size as u64, 0);
        write_size(&mut delta.out, target.len() as u64, 0);
        let mut at = 0;
        let mut rolling = target.get(..BLOCK).map(hash);
        while let Some(hash) = rolling {
            // What is not found has to be inserted, but for what a match takes back.
            if at - delta.done > most.saturating_sub(delta.out.len()).saturating_add(BACK) {
                return None;
            }
            let Some((from, length)) = self.longest(base, target.get(at..)?, hash) else {
                let next = target.get(at).zip(target.get(at + BLOCK));
                rolling = next.map(|(out, into)| roll(hash, *out, *into));
                at += 1;
                continue;
            };
            // Backwards as well, into what was to be inserted.
            let pending = target.get(delta.done..at)?;
            let before = base.get(..from)?;
            let back = pending.iter().rev().zip(before.iter().rev());
            let back = back.take_while(|(one, other)| one == other).count();
            delta.insert_up_to(at - back);
            delta.copy(from - back, length + back);
            if delta.out.len() > most {
                return None;
            }
            at += length;
            rolling = target.get(at..at + BLOCK).map(self::hash);
        }
        delta.insert_up_to(target.len());
        (delta.out.len() <= most).then_some(delta.out)
    }

    /// The place in the base from which most bytes are those that `target` starts with.
    fn longest(&self, base: &[u8], target: &[u8], hash: u32) -> Option<(usize, usize)> {
        let bucket = self.bucket(hash);
        let start = usize::try_from(*self.starts.get(bucket)?).ok()?;
        let end = usize::try_from(*self.starts.get(bucket + 1)?).ok()?;
        let mut best = None;
        for block in self.blocks.get(start..end)? {
            if block.hash != hash {
                continue;
            }
            let from = usize::try_from(block.at).ok()?;
            let length = common(base.get(from..)?, target);
            if length >= BLOCK && best.is_none_or(|(_, longest)| length > longest) {
                best = Some((from, length));
                if length >= GOOD {
                    break;
                }
            }
        }
        best
    }

    fn bucket(&self, hash: u32) -> usize {
        // The low bits of the hash depend on the low bits of the bytes alone.
        usize::try_from(hash.wrapping_mul(FACTOR) >> self.shift).unwrap_or(0)
    }
}

/// A delta in the making.
struct Delta<'a> {
    out: Vec<u8>,
    target: &'a [u8],
    /// Bytes of the target that the instructions so far make.
    done: usize,
}

impl Delta<'_> {
    fn insert_up_to(&mut self, end: usize) {
        let pending = self.target.get(self.done..end).unwrap_or_default();
        for piece in pending.chunks(INSERT) {
            self.out.push(u8::try_from(piece.len()).unwrap_or(0));
            self.out.extend_from_slice(piece);
        }
        self.done = end;
    }

    fn copy(&mut self, mut from: usize, length: usize) {
        self.done += length;
        let mut left = length;
        while left > 0 {
            let some = left.min(COPY);
            let instruction = self.out.len();
            self.out.push(0);
            let size = if some == COPY { 0 } else { some };
            let offset = u32::try_from(from).unwrap_or(u32::MAX).to_le_bytes();
            let size = u32::try_from(size).unwrap_or(0).to_le_bytes();
            let mut flags = 0x80;
            let operands = offset.into_iter().chain(size.into_iter().take(3));
            for (bit, byte) in operands.enumerate().filter(|(_, byte)| *byte != 0) {
                flags |= 1 << bit;
                self.out.push(byte);
            }
            if let Some(slot) = self.out.get_mut(instruction) {
                *slot = flags;
            }
            from += some;
            left -= some;
        }
    }
}

fn hash(block: &[u8]) -> u32 {
    block.iter().fold(0, |hash: u32, byte| {
        hash.wrapping_mul(FACTOR).wrapping_add(u32::from(*byte))
    })
}

/// The hash a byte further on.
#[inline]
fn roll(hash: u32, out: u8, into: u8) -> u32 {
    let without = hash.wrapping_sub(u32::from(out).wrapping_mul(OLDEST));
    without.wrapping_mul(FACTOR).wrapping_add(u32::from(into))
}

/// How many bytes two start with in common.
fn common(one: &[u8], other: &[u8]) -> usize {
    const STEP: usize = 16;
    let steps = one.chunks_exact(STEP).zip(other.chunks_exact(STEP));
    let same = steps.take_while(|(one, other)| one == other).count() * STEP;
    let rest = one
        .get(same..)
        .into_iter()
        .flatten()
        .zip(other.get(same..).into_iter().flatten());
    same + rest.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::pack::delta;

    /// Numbers that are the same at every run (xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as usize % limit
        }

        fn bytes(&mut self, count: usize, alphabet: usize) -> Vec<u8> {
            (0..count).map(|_| self.below(alphabet) as u8).collect()
        }
    }

    /// The length of the delta, which gives back the target.
    fn check(base: &[u8], target: &[u8]) -> usize {
        let index = DeltaIndex::new(base);
        if target.is_empty() {
            assert_eq!(index.encode(base, target, usize::MAX), None);
            return 0;
        }
        let made = index.encode(base, target, usize::MAX).unwrap();
        let mut out = Vec::new();
        delta::apply(base, &made, &mut out).unwrap();
        assert!(out == target, "{base:02x?} {target:02x?} {made:02x?}");
        let length = made.len();
        assert!(length <= target.len() + target.len() / INSERT + 11);
        assert_eq!(index.encode(base, target, length).as_ref(), Some(&made));
        assert_eq!(index.encode(base, target, length - 1), None);
        length
    }

    #[test]
    fn a_delta_gives_back_the_target_whatever_the_two_are() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for round in 0..3000 {
            let alphabet = [2, 4, 256][round % 3];
            let (base, more) = (random.below(900), random.below(200));
            let base = random.bytes(base, alphabet);
            let mut target = random.bytes(more, alphabet);
            for _ in 0..random.below(6) {
                let from = random.below(base.len() + 1);
                let to = from + random.below(base.len() - from + 1);
                target.extend_from_slice(&base[from..to]);
                let more = random.below(40);
                target.extend(random.bytes(more, alphabet));
            }
            check(&base, &target);
        }
    }

    #[test]
    fn copies_end_and_offsets_grow_at_every_power_of_256() {
        let mut random = Random(7);
        let base = random.bytes(0x2_0300, 256);
        for from in [0, 1, 0xff, 0x100, 0xffff, 0x1_0000, 0x1_0001] {
            for length in [16, 0xff, 0x100, 0x101, 0xfff0, 0xffff, 0x1_0000, 0x1_0001, 0x1_0200] {
                let target = &base[from..from + length];
                assert!(check(&base, target) <= 24, "{length} bytes from {from}");
            }
        }
    }

    #[test]
    fn an_insertion_a_deletion_and_a_move_cost_little() {
        let mut random = Random(11);
        let base = random.bytes(100_000, 256);
        let inserted = [&base[..50_000], b"something new", &base[50_000..]].concat();
        let deleted = [&base[..30_000], &base[30_100..]].concat();
        let moved = [&base[60_000..], &base[..60_000]].concat();
        for (target, most) in [(&base, 24), (&inserted, 50), (&deleted, 32), (&moved, 32)] {
            let length = check(&base, target);
            assert!(length <= most, "{length}, not {most}");
        }
    }

    #[test]
    fn what_repeats_itself_takes_no_longer_for_it() {
        let zeros = vec![0; 300_000];
        assert!(check(&zeros, &vec![0; 299_999]) < 40);
        // Every block of the same hash bucket, none equal to its neighbours.
        let line = b"0123456789abcde\n0123456789abcdf\n";
        let base = line.repeat(20_000);
        let index = DeltaIndex::new(&base);
        assert!(index.blocks.len() <= 2 * BUCKET as usize);
        assert!(check(&base, &line.repeat(19_000)) < 200);
    }

    #[test]
    fn a_base_without_a_block_and_an_empty_target_are_no_special_cases() {
        for base in [&b""[..], b"short", b"exactly 16 bytes"] {
            for target in [&b""[..], b"x", b"exactly 16 bytes", b"and exactly 16 bytes more"] {
                check(base, target);
            }
        }
    }
}

//! What the parts promise one another, and the whole against `sha1-checked`.

mod relations;

use sha1_checked::Digest as _;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use self::relations::RELATIONS;
use crate::conditions::{self, Candidates};
use crate::detect::{Detector, Suspect, Suspects};
use crate::four::hash_into;
use crate::lanes::{LANES, Lanes};
use crate::rounds::{self, Expanded, INITIAL, State};
use crate::vectors::{LARGEST, SMALLEST, Type, Vector};
use crate::{Collision, Digest, Hasher, Message, hash, hash_all};

const ATTACKS: [&[u8]; 3] = [
    include_bytes!("../../tests/fixtures/sha1/shattered-1.head"),
    include_bytes!("../../tests/fixtures/sha1/shattered-2.head"),
    include_bytes!("../../tests/fixtures/sha1/sha-mbles-1.bin"),
];

/// Random numbers, always the same (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn word(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    fn below(&mut self, end: usize) -> usize {
        self.word() as usize % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.take(count.div_ceil(8)).flatten().take(count).collect()
    }

    fn block(&mut self) -> [u32; 16] {
        std::array::from_fn(|_| self.word())
    }
}

/// What `sha1-checked` says, which gives the plain SHA-1 of attacks too if it is asked for it.
fn expected(bytes: &[u8]) -> Result<Digest, Collision> {
    let mut hasher = sha1_checked::Builder::default().safe_hash(false).build();
    hasher.update(bytes);
    let result = hasher.try_finalize();
    let digest = (*result.hash()).into();
    if result.has_collision() {
        Err(Collision { digest })
    } else {
        Ok(digest)
    }
}

fn expanded(block: &[u32; 16]) -> [u32; 80] {
    let mut w = [0; 80];
    w[..16].copy_from_slice(block);
    for t in 16..80 {
        w[t] = (w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1);
    }
    w
}

/// What the first words of two blocks differ in.
fn first_difference(vector: Vector) -> [u32; 16] {
    let mut w = [0; 80];
    w[64..].copy_from_slice(&vector.difference());
    for t in (0..64).rev() {
        w[t] = w[t + 2] ^ w[t + 8] ^ w[t + 13] ^ w[t + 16].rotate_right(1);
    }
    w[..16].try_into().unwrap()
}

fn in_lanes(blocks: &[[u32; 80]; LANES]) -> Expanded {
    std::array::from_fn(|t| Lanes::new(blocks.each_ref().map(|w| w[t])))
}

fn all_vectors() -> Vec<Vector> {
    let of = |r#type, b, all_k: Vec<usize>| all_k.into_iter().map(move |k| Vector { r#type, k, b });
    of(Type::I, 0, (SMALLEST..=52).collect())
        .chain(of(Type::I, 2, (46..=51).collect()))
        .chain(of(Type::II, 0, (45..=LARGEST).collect()))
        .chain(of(Type::II, 2, vec![46, 49, 50, 51]))
        .collect()
}

/// By all published relations.
fn meets_all_conditions(w: &[u32; 80], vector: Vector) -> bool {
    let mut relations = RELATIONS
        .iter()
        .filter(|(r#type, b, .., all_k)| (*r#type, *b) == (vector.r#type, vector.b) && all_k.contains(&vector.k));
    relations.all(|(_, _, one, other, equal, _)| {
        let bit = |(word, bit): (isize, u32)| w[vector.k.strict_add_signed(word)] >> bit & 1;
        (bit(*one) == bit(*other)) == *equal
    })
}

#[test]
fn the_differences_are_the_published_ones() {
    let check = |r#type, k, b, expected: [u32; 4]| {
        let vector = Vector { r#type, k, b };
        assert_eq!(first_difference(vector)[..4], expected, "{vector:?}");
    };
    check(Type::I, 43, 0, [0x0800_0000, 0x9800_000c, 0xd800_0010, 0x0800_0010]);
    check(Type::I, 47, 2, [0x2000_0043, 0xb000_0040, 0xd000_0053, 0xd000_0022]);
    check(Type::II, 53, 0, [0xcc00_0014, 0x0c00_0002, 0xc000_0010, 0xb400_001c]);
    check(Type::II, 56, 0, [0x2600_001a, 0x0000_0010, 0x0400_001c, 0xcc00_0014]);
}

#[test]
fn no_vector_is_ruled_out_whose_conditions_are_met() {
    let mut random = Random(1);
    let vectors = all_vectors();
    assert_eq!(vectors.len(), 32);
    let blocks = 400_000;
    let (mut met, mut left) = (vec![0; vectors.len()], 0);
    for _ in 0..blocks / LANES {
        let group: [[u32; 80]; LANES] = std::array::from_fn(|_| expanded(&random.block()));
        let mut candidates = Candidates::NONE;
        conditions::find(&in_lanes(&group), &mut candidates);
        for (lane, w) in group.iter().enumerate() {
            let found: Vec<_> = candidates
                .vectors()
                .filter(|(at, _)| *at == lane)
                .map(|(_, vector)| vector)
                .collect();
            assert!(found.iter().all(|vector| vectors.contains(vector)), "{found:?}");
            left += found.len();
            for (vector, met) in vectors.iter().zip(&mut met) {
                if meets_all_conditions(w, *vector) {
                    assert!(found.contains(vector), "{vector:?} is ruled out");
                    *met += 1;
                }
            }
        }
    }
    assert!(
        met.iter().filter(|met| **met > 0).count() > 28,
        "some are never met: {met:?}"
    );
    let share = left as f64 / blocks as f64;
    assert!((0.069..0.073).contains(&share), "{share} are checked for each block");
}

#[test]
fn other_halves_follow_the_vector_and_agree_with_the_block_in_the_middle() {
    let mut random = Random(2);
    for group in all_vectors().chunks_exact(LANES) {
        let blocks: [[u32; 16]; LANES] = std::array::from_fn(|_| random.block());
        let mut suspects = Suspects::NONE;
        let mut before = [[0; 5]; LANES];
        for lane in 0..LANES {
            before[lane] = std::array::from_fn(|_| random.word());
            let w = expanded(&blocks[lane]);
            let after = compressed(before[lane], &w, 0..80, true);
            let other = (lane + 1) % LANES;
            let mut block = [[0; 80]; LANES];
            let [before, after] = [before[lane], after].map(|state| {
                let mut states = [[0; 5]; LANES];
                states[other] = state;
                rounds::join(&states)
            });
            block[other] = w;
            let (w, before, after) = (&in_lanes(&block), &before, &after);
            suspects.put(
                lane,
                group[lane],
                &Suspect {
                    lane: other,
                    w,
                    before,
                    after,
                },
                0,
            );
        }
        let found = rounds::split(&suspects.other_half());
        for lane in 0..LANES {
            let vector = group[lane];
            let difference = first_difference(vector);
            let ours = expanded(&blocks[lane]);
            let other = expanded(&std::array::from_fn(|t| blocks[lane][t] ^ difference[t]));
            let middle = if vector.agrees_late() { 65 } else { 58 };
            let state = compressed(before[lane], &ours, 0..middle, false);
            let first = undone(state, &other, middle);
            assert_eq!(compressed(first, &other, 0..middle, false), state);
            assert_eq!(found[lane], compressed(first, &other, 0..80, true), "{vector:?}");
        }
    }
}

/// The steps as FIPS 180-4 has them.
fn compressed(before: State<u32>, w: &[u32; 80], steps: std::ops::Range<usize>, add: bool) -> State<u32> {
    let [mut a, mut b, mut c, mut d, mut e] = before;
    for t in steps {
        let next = a
            .rotate_left(5)
            .wrapping_add(function(t, b, c, d))
            .wrapping_add(e)
            .wrapping_add(w[t]);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    let after = [a, b, c, d, e];
    if add {
        std::array::from_fn(|word| before[word].wrapping_add(after[word]))
    } else {
        after
    }
}

fn undone(after: State<u32>, w: &[u32; 80], steps: usize) -> State<u32> {
    let [mut a, mut b, mut c, mut d, mut e] = after;
    for t in (0..steps).rev() {
        let next = a;
        (a, b, c, d) = (b, c.rotate_left(2), d, e);
        e = next
            .wrapping_sub(a.rotate_left(5))
            .wrapping_sub(function(t, b, c, d))
            .wrapping_sub(w[t]);
    }
    [a, b, c, d, e]
}

fn function(t: usize, b: u32, c: u32, d: u32) -> u32 {
    match t / 20 {
        0 => ((b & c) | (!b & d)).wrapping_add(0x5A82_7999),
        1 => (b ^ c ^ d).wrapping_add(0x6ED9_EBA1),
        2 => ((b & c) | (b & d) | (c & d)).wrapping_add(0x8F1B_BCDC),
        _ => (b ^ c ^ d).wrapping_add(0xCA62_C1D6),
    }
}

/// Whatever is hashed, and in whichever company.
fn check(messages: &[Message<'_>]) {
    let mut results = vec![Ok([1; 20])];
    hash_all(messages, &mut results);
    assert_eq!(results.len(), 1 + messages.len());
    assert_eq!(results[0], Ok([1; 20]), "what was there stays");
    for (message, result) in messages.iter().zip(&results[1..]) {
        let Message { head, body } = message;
        assert_eq!(
            *result,
            expected(&[*head, *body].concat()),
            "{} + {} bytes",
            head.len(),
            body.len()
        );
    }
}

#[test]
fn all_lengths_are_padded_rightly_alone_and_in_every_company() {
    let mut random = Random(3);
    let bytes = random.bytes(300);
    let all: Vec<Message<'_>> = (0..300)
        .map(|length| {
            let (head, body) = bytes[300 - length..].split_at(random.below(140).min(length));
            Message { head, body }
        })
        .collect();
    for message in &all {
        assert_eq!(hash(*message), expected(&[message.head, message.body].concat()));
    }
    check(&all);
    for count in 0..=9 {
        check(&all[..count]);
    }
    // Each length beside each, in all lanes, with one, two and three others.
    for one in &all {
        for step in [1, 7] {
            let other = |n: usize| all[(one.head.len() + one.body.len() + n * step) % 300];
            check(&[*one, other(1), other(17), other(64)]);
            check(&[other(64), other(5), *one]);
            check(&[other(130), *one]);
        }
    }
}

#[test]
fn a_message_may_come_in_any_pieces() {
    let mut random = Random(4);
    for _ in 0..600 {
        let length = random.below(1500);
        let bytes = random.bytes(length);
        let mut hasher = Hasher::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(random.below(600).min(rest.len()));
            hasher.update(piece);
            rest = later;
        }
        assert_eq!(hasher.finish(), expected(&bytes), "{length} bytes");
    }
}

#[test]
fn the_published_collisions_are_refused_in_every_lane_and_their_neighbours_are_not() {
    let mut random = Random(5);
    for attack in ATTACKS {
        let found = hash(Message {
            head: b"",
            body: attack,
        });
        assert!(found.is_err());
        assert_eq!(found, expected(attack), "with its plain SHA-1");
        for length in [0, 64, 319, 640, 5000] {
            let bytes = random.bytes(length);
            let innocent = Message {
                head: b"",
                body: &bytes,
            };
            for lane in 0..LANES {
                for cut in [0, 1, 64, attack.len()] {
                    let (head, body) = attack.split_at(cut);
                    let mut group = [innocent; LANES];
                    group[lane] = Message { head, body };
                    check(&group);
                }
            }
        }
        check(
            &[Message {
                head: b"",
                body: attack,
            }; 11],
        );
    }
    check(&ATTACKS.map(|body| Message { head: b"", body }));
}

#[test]
fn the_published_collisions_are_refused_however_they_are_cut_and_continued() {
    assert_eq!(expected(ATTACKS[0]), expected(ATTACKS[1]));
    assert_ne!(ATTACKS[0], ATTACKS[1]);
    for attack in ATTACKS {
        for cut in [0, 1, 63, 64, 65, 200, 256, attack.len()] {
            let (head, tail) = attack.split_at(cut);
            for more in [&b""[..], b"more", &[7; 1000]] {
                let mut hasher = Hasher::new();
                hasher.update(head);
                hasher.update(tail);
                hasher.update(more);
                let found = hasher.finish();
                assert!(found.is_err());
                assert_eq!(found, expected(&[attack, more].concat()));
            }
        }
    }
}

/// `GITSIDE_SHA1_BLOCKS` asks for another number of blocks.
#[test]
fn millions_of_random_blocks_have_the_same_digests_and_many_of_them_are_checked() {
    let asked = std::env::var("GITSIDE_SHA1_BLOCKS")
        .ok()
        .and_then(|blocks| blocks.parse().ok());
    let wanted: usize = asked.unwrap_or(if cfg!(target_arch = "wasm32") {
        300_000
    } else {
        4_000_000
    });
    let mut random = Random(6);
    let mut detector = Detector::default();
    let mut blocks = 0;
    while blocks < wanted {
        let bodies: Vec<_> = (0..random.below(12))
            .map(|_| {
                let length = random.below(40_000);
                random.bytes(length)
            })
            .collect();
        let messages: Vec<_> = bodies.iter().map(|body| Message { head: b"head", body }).collect();
        let mut results = vec![Ok([0; 20]); messages.len()];
        hash_into(&messages, &mut results, &mut detector);
        for (body, result) in bodies.iter().zip(results) {
            assert_eq!(result, expected(&[b"head", &body[..]].concat()));
            blocks += body.len().div_ceil(64);
        }
    }
    let share = detector.checked as f64 / blocks as f64;
    assert!((0.06..0.08).contains(&share), "{share} were checked for each block");
}

#[test]
fn blocks_of_several_lanes_are_checked_at_once() {
    // Blocks that meet conditions, so that there is one in each lane all the time.
    let mut random = Random(7);
    let mut suspicious = Vec::new();
    while suspicious.len() < 400 {
        let group: [[u32; 16]; LANES] = std::array::from_fn(|_| random.block());
        let mut candidates = Candidates::NONE;
        conditions::find(&in_lanes(&group.each_ref().map(expanded)), &mut candidates);
        for (lane, block) in group.iter().enumerate() {
            if candidates.vectors().any(|(at, _)| at == lane) {
                suspicious.push(*block);
            }
        }
    }
    let bodies: Vec<Vec<u8>> = suspicious
        .chunks(50)
        .map(|blocks| blocks.iter().flatten().flat_map(|word| word.to_be_bytes()).collect())
        .collect();
    let messages: Vec<_> = bodies.iter().map(|body| Message { head: b"", body }).collect();
    let mut results = vec![Ok([0; 20]); messages.len()];
    let mut detector = Detector::default();
    hash_into(&messages, &mut results, &mut detector);
    assert!(detector.checked >= 400, "{} were checked", detector.checked);
    for (body, result) in bodies.iter().zip(results) {
        assert_eq!(result, expected(body));
    }
    check(&messages);
    check(&messages[..3]);
}

#[test]
fn the_lanes_compute_as_words_do() {
    let mut random = Random(8);
    for _ in 0..1000 {
        let words = [(); 3].map(|()| [(); LANES].map(|()| random.word()));
        let [a, b, c] = words.map(Lanes::new);
        let each = |f: &dyn Fn(u32, u32, u32) -> u32| -> [u32; LANES] {
            std::array::from_fn(|lane| f(words[0][lane], words[1][lane], words[2][lane]))
        };
        assert_eq!((a + b).to_array(), each(&|a, b, _| a.wrapping_add(b)));
        assert_eq!((a - b).to_array(), each(&|a, b, _| a.wrapping_sub(b)));
        assert_eq!((a & b).to_array(), each(&|a, b, _| a & b));
        assert_eq!((a | b).to_array(), each(&|a, b, _| a | b));
        assert_eq!((a ^ b).to_array(), each(&|a, b, _| a ^ b));
        assert_eq!((!a).to_array(), each(&|a, _, _| !a));
        assert_eq!((a << 7).to_array(), each(&|a, _, _| a << 7));
        assert_eq!((a >> 9).to_array(), each(&|a, _, _| a >> 9));
        assert_eq!(a.rotate_left(30).to_array(), each(&|a, _, _| a.rotate_left(30)));
        assert_eq!(a.choose(b, c).to_array(), each(&|a, b, c| a & b | !a & c));
        for (at, from) in (0..LANES).flat_map(|at| (0..LANES).map(move |from| (at, from))) {
            let mut replaced = words[0];
            replaced[at] = words[1][from];
            assert_eq!(a.replace(at, b, from).to_array(), replaced);
        }
        assert_eq!([a.lane::<0>(), a.lane::<3>()], [words[0][0], words[0][3]]);
    }
    assert!(!Lanes::ZERO.any());
    for lane in 0..LANES {
        let mut words = [0; LANES];
        words[lane] = 1 << (9 * lane);
        assert!(Lanes::new(words).any());
    }
}

#[test]
fn nothing_is_a_message_too() {
    check(&[]);
    let empty = hash(Message { head: b"", body: b"" }).unwrap();
    assert_eq!(empty[..4], [0xda, 0x39, 0xa3, 0xee]);
    assert_eq!(Hasher::default().finish(), Ok(empty));
    let abc = [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d_u32];
    let mut hasher = Hasher::new();
    hasher.update(b"abc");
    assert_eq!(hasher.finish().unwrap()[..], abc.map(u32::to_be_bytes).concat());
    assert_eq!(INITIAL[0], 0x6745_2301);
}

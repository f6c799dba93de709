//! One message alone: at once, or piece by piece.

use crate::conditions::{self, Candidates};
use crate::detect::{Detector, Suspect};
use crate::lanes::{LANES, Lanes};
use crate::message::{Block, Blocks, Message};
use crate::rounds::{self, Expanded, INITIAL, State};
use crate::{Collision, Digest};

/// The bytes of blocks that are compressed together.
const GROUP: usize = size_of::<[Block; LANES]>();

/// The SHA-1 of a message, unless it shows the marks of a collision attack.
pub fn hash(message: Message<'_>) -> Result<Digest, Collision> {
    let mut detector = Detector::default();
    let state = finish(INITIAL, Blocks::new(message), 0, &mut detector);
    result(state, &mut detector)
}

/// Hashes a message piece by piece.
#[derive(Clone)]
pub struct Hasher {
    state: State<u32>,
    detector: Detector,
    /// What did not fill a group yet.
    rest: [u8; GROUP],
    filled: usize,
    /// Of all bytes so far.
    length: u64,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new() -> Self {
        Hasher {
            state: INITIAL,
            detector: Detector::default(),
            rest: [0; GROUP],
            filled: 0,
            length: 0,
        }
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let mut bytes = bytes;
        let mut scratch = Scratch::NEW;
        if self.filled > 0 {
            let room = &mut self.rest[self.filled..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled < GROUP {
                return;
            }
            let group = group(&self.rest);
            self.state = compress(self.state, group, LANES, 0, &mut scratch, &mut self.detector);
        }
        let (groups, rest) = bytes.as_chunks();
        for bytes in groups {
            self.state = compress(self.state, group(bytes), LANES, 0, &mut scratch, &mut self.detector);
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// The SHA-1 of all bytes, unless they show the marks of a collision attack.
    pub fn finish(mut self) -> Result<Digest, Collision> {
        let rest = Message {
            head: &self.rest[..self.filled],
            body: &[],
        };
        let state = finish(self.state, Blocks::ending(rest, self.length), 0, &mut self.detector);
        result(state, &mut self.detector)
    }
}

/// The four blocks of a group.
fn group(bytes: &[u8; GROUP]) -> [&Block; LANES] {
    let (blocks, _) = bytes.as_chunks();
    std::array::from_fn(|lane| &blocks[lane])
}

/// The chaining value after all blocks that are left of a message.
pub(crate) fn finish(
    mut state: State<u32>,
    mut blocks: Blocks<'_>,
    message: usize,
    detector: &mut Detector,
) -> State<u32> {
    let mut made = [[0; 64]; LANES];
    let mut scratch = Scratch::NEW;
    loop {
        let (group, count) = blocks.take(&mut made);
        if count == 0 {
            return state;
        }
        state = compress(state, group, count, message, &mut scratch, detector);
    }
}

/// What is written for each group. Memory is cleared by a call, so that is done once.
struct Scratch {
    w: Expanded,
    /// With the constants of the steps.
    keyed: Expanded,
    candidates: Candidates,
}

impl Scratch {
    const NEW: Self = Scratch {
        w: [Lanes::ZERO; 80],
        keyed: [Lanes::ZERO; 80],
        candidates: Candidates::NONE,
    };
}

/// The chaining value after the first `count` blocks of a group.
fn compress(
    state: State<u32>,
    group: [&Block; LANES],
    count: usize,
    message: usize,
    scratch: &mut Scratch,
    detector: &mut Detector,
) -> State<u32> {
    let Scratch { w, keyed, candidates } = scratch;
    rounds::load(w, group);
    rounds::expand(w, keyed);
    let mut states = [state; LANES + 1];
    states[1] = rounds::compress_one::<0>(&states[0], keyed);
    if count > 1 {
        states[2] = rounds::compress_one::<1>(&states[1], keyed);
    }
    if count > 2 {
        states[3] = rounds::compress_one::<2>(&states[2], keyed);
    }
    if count > 3 {
        states[4] = rounds::compress_one::<3>(&states[3], keyed);
    }
    if conditions::find(w, candidates) {
        note(count, candidates, w, &states, message, detector);
    }
    states[count]
}

#[cold]
#[inline(never)]
fn note(
    count: usize,
    candidates: &Candidates,
    w: &Expanded,
    states: &[State<u32>; LANES + 1],
    message: usize,
    detector: &mut Detector,
) {
    let [first, second, third, fourth, fifth] = *states;
    let before = rounds::join(&[first, second, third, fourth]);
    let after = rounds::join(&[second, third, fourth, fifth]);
    for (lane, vector) in candidates.vectors().filter(|(lane, _)| *lane < count) {
        let block = Suspect {
            lane,
            w,
            before: &before,
            after: &after,
        };
        detector.note(vector, &block, message);
    }
}

/// The chaining value as bytes.
pub(crate) fn digest(state: State<u32>) -> Digest {
    let mut digest = [0; 20];
    let (words, _) = digest.as_chunks_mut();
    for (bytes, word) in words.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

fn result(state: State<u32>, detector: &mut Detector) -> Result<Digest, Collision> {
    let digest = digest(state);
    match detector.finish().is_empty() {
        true => Ok(digest),
        false => Err(Collision { digest }),
    }
}

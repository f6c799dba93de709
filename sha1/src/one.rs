//! One message alone: at once, or piece by piece.

use crate::conditions::{self, Candidates};
use crate::detect::{Detector, Suspect};
use crate::lanes::{LANES, Lanes};
use crate::message::{Block, Blocks, Message};
use crate::rounds::{self, Expanded, INITIAL, State};
use crate::{Collision, Digest};

/// Blocks that are compressed together.
type Group = [Block; LANES];
const GROUP: usize = size_of::<Group>();

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
        if self.filled > 0 {
            let room = &mut self.rest[self.filled..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled < GROUP {
                return;
            }
            let (blocks, _) = self.rest.as_chunks();
            self.state = compress(self.state, blocks, 0, &mut self.detector);
        }
        let (groups, rest) = bytes.split_at(bytes.len() / GROUP * GROUP);
        self.state = compress(self.state, groups.as_chunks().0, 0, &mut self.detector);
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

/// The chaining value after all blocks that are left of a message.
pub(crate) fn finish(
    mut state: State<u32>,
    mut blocks: Blocks<'_>,
    message: usize,
    detector: &mut Detector,
) -> State<u32> {
    let mut group: Group = [[0; 64]; LANES];
    loop {
        let taken = blocks.take(&mut group);
        if taken == 0 {
            return state;
        }
        state = compress(state, &group[..taken], message, detector);
    }
}

/// The chaining value after some blocks of one message.
#[inline(never)]
fn compress(mut state: State<u32>, blocks: &[Block], message: usize, detector: &mut Detector) -> State<u32> {
    let mut w: Expanded = [Lanes::ZERO; 80];
    let mut candidates = Candidates::NONE;
    for group in blocks.chunks(LANES) {
        let [first, others @ ..] = group else { continue };
        // What has no block in a short group repeats one.
        let other = |at: usize| others.get(at).unwrap_or(first);
        rounds::load(&mut w, [first, other(0), other(1), other(2)]);
        rounds::expand(&mut w);
        let steps = [
            rounds::compress_one::<0>,
            rounds::compress_one::<1>,
            rounds::compress_one::<2>,
            rounds::compress_one::<3>,
        ];
        let mut states = [INITIAL; LANES + 1];
        states[0] = state;
        for (lane, step) in steps.iter().enumerate().take(group.len()) {
            states[lane + 1] = step(&states[lane], &w);
        }
        state = states[group.len()];
        if conditions::find(&w, &mut candidates) {
            note(group.len(), &candidates, &w, &states, message, detector);
        }
    }
    state
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

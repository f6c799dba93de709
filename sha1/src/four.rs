//! Many messages, four at once.

use crate::conditions::{self, Candidates};
use crate::detect::{Detector, Suspect};
use crate::lanes::{LANES, Lanes};
use crate::message::{Block, Blocks, Message};
use crate::one;
use crate::rounds::{self, Expanded, INITIAL, State};
use crate::{Collision, Digest};

/// Four lanes are about twice as fast as one message after the other, whether all are used or not.
const WORTH_IT: usize = 3;

/// Hashes messages, and appends what comes out to `results`, in their order.
///
/// All lanes are kept busy for as long as there are messages, so that more of them at once are
/// better than few, and some of like length better than one long and some short.
pub fn hash_all(messages: &[Message<'_>], results: &mut Vec<Result<Digest, Collision>>) {
    let first = results.len();
    results.resize(first + messages.len(), Ok([0; 20]));
    hash_into(messages, &mut results[first..], &mut Detector::default());
}

pub(crate) fn hash_into(messages: &[Message<'_>], results: &mut [Result<Digest, Collision>], detector: &mut Detector) {
    // The longest first, so that what is left at the end is short. By the number of digits is
    // enough for that.
    let digits = |message: &Message<'_>| (message.head.len() + message.body.len()).checked_ilog2();
    let of_digits = |wanted| {
        messages
            .iter()
            .enumerate()
            .filter(move |(_, message)| digits(message) == wanted)
    };
    let mut order = (0..usize::BITS).rev().map(Some).chain([None]).flat_map(of_digits);
    let mut next = || {
        order.next().map(|(index, message)| Lane {
            index,
            blocks: Blocks::new(*message),
        })
    };

    let mut scratch = Scratch {
        made: [[0; 64]; LANES],
        w: [Lanes::ZERO; 80],
        before: [Lanes::ZERO; 5],
        candidates: Candidates::NONE,
    };
    let mut lanes: [Option<Lane<'_>>; LANES] = std::array::from_fn(|_| next());
    let mut state = rounds::join(&[INITIAL; LANES]);
    while lanes.iter().flatten().count() >= WORTH_IT {
        compress(&mut state, &mut lanes, &mut scratch, detector);
        if !lanes.iter().flatten().any(|lane| lane.blocks.is_at_end()) {
            continue;
        }
        let mut states = rounds::split(&state);
        for (lane, state) in lanes.iter_mut().zip(&mut states) {
            if let Some(ended) = lane.take_if(|lane| lane.blocks.is_at_end()) {
                results[ended.index] = Ok(one::digest(*state));
                *lane = next();
                *state = INITIAL;
            }
        }
        state = rounds::join(&states);
    }
    for (lane, state) in lanes.into_iter().zip(rounds::split(&state)) {
        if let Some(Lane { index, blocks }) = lane {
            results[index] = Ok(one::digest(one::finish(state, blocks, index, detector)));
        }
    }
    for index in detector.finish() {
        if let Ok(digest) = results[index] {
            results[index] = Err(Collision { digest });
        }
    }
}

/// A message that is being hashed.
struct Lane<'a> {
    /// Its place among the messages.
    index: usize,
    blocks: Blocks<'a>,
}

/// What is written for each block.
struct Scratch {
    made: [Block; LANES],
    w: Expanded,
    before: State<Lanes>,
    candidates: Candidates,
}

/// Compresses as many blocks as all lanes have.
fn compress(
    state: &mut State<Lanes>,
    lanes: &mut [Option<Lane<'_>>; LANES],
    scratch: &mut Scratch,
    detector: &mut Detector,
) {
    let Scratch {
        made,
        w,
        before,
        candidates,
    } = scratch;
    let mut blocks: [&[Block]; LANES] = [&[]; LANES];
    for ((lane, made), blocks) in lanes.iter().zip(made).zip(&mut blocks) {
        if let Some(lane) = lane {
            lane.blocks.prepare(made);
            *blocks = lane.blocks.next(made);
        }
    }
    let live = blocks.iter().copied().filter(|blocks| !blocks.is_empty());
    let Some(shortest) = live.min_by_key(|blocks| blocks.len()) else {
        return;
    };
    // What has no message repeats another's blocks.
    let blocks = blocks.map(|blocks| blocks.get(..shortest.len()).unwrap_or(shortest));
    let [a, b, c, d] = blocks;
    for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
        rounds::load(w, [a, b, c, d]);
        rounds::compress_four(state, w, before);
        if conditions::find(w, candidates) {
            note(lanes, candidates, w, [before, state], detector);
        }
    }
    let count = shortest.len();
    lanes.iter_mut().flatten().for_each(|lane| lane.blocks.advance(count));
}

#[cold]
#[inline(never)]
fn note(
    lanes: &[Option<Lane<'_>>; LANES],
    candidates: &Candidates,
    w: &Expanded,
    [before, after]: [&State<Lanes>; 2],
    detector: &mut Detector,
) {
    for (lane, vector) in candidates.vectors() {
        let block = Suspect { lane, w, before, after };
        if let Some(owner) = &lanes[lane] {
            detector.note(vector, &block, owner.index);
        }
    }
}

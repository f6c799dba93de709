//! Many messages, four at once.

use std::cmp::Reverse;

use crate::conditions::candidates;
use crate::detect::Detector;
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
    // The longest first, so that what is left at the end is short.
    let mut order: Vec<(usize, &Message<'_>)> = messages.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, message)| Reverse(message.head.len() + message.body.len()));
    let mut order = order.into_iter();
    let mut next = || {
        order.next().map(|(index, message)| Lane {
            index,
            blocks: Blocks::new(*message),
        })
    };

    let mut lanes: [Option<Lane<'_>>; LANES] = std::array::from_fn(|_| next());
    let mut state = rounds::join(&[INITIAL; LANES]);
    while lanes.iter().flatten().count() >= WORTH_IT {
        state = compress(state, &mut lanes, detector);
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

/// Compresses as many blocks as all lanes have.
fn compress(state: State<Lanes>, lanes: &mut [Option<Lane<'_>>; LANES], detector: &mut Detector) -> State<Lanes> {
    let live = || lanes.iter().flatten().map(|lane| lane.blocks.next());
    let Some(shortest) = live().min_by_key(|blocks| blocks.len()) else {
        return state;
    };
    // What has no message repeats another's blocks.
    let blocks = lanes.each_ref().map(|lane| match lane {
        Some(lane) => &lane.blocks.next()[..shortest.len()],
        None => shortest,
    });
    let indexes = lanes.each_ref().map(|lane| lane.as_ref().map(|lane| lane.index));
    let count = shortest.len();
    let state = compress_blocks(state, blocks, indexes, detector);
    lanes.iter_mut().flatten().for_each(|lane| lane.blocks.advance(count));
    state
}

#[inline(never)]
fn compress_blocks(
    mut state: State<Lanes>,
    [a, b, c, d]: [&[Block]; LANES],
    indexes: [Option<usize>; LANES],
    detector: &mut Detector,
) -> State<Lanes> {
    let mut w: Expanded = [Lanes::ZERO; 80];
    for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
        rounds::load(&mut w, [a, b, c, d]);
        let before = state;
        state = rounds::compress_four(&before, &mut w);
        if let Some(found) = candidates(&w) {
            let chaining = rounds::split(&before).into_iter().zip(rounds::split(&state));
            for (lane, (index, (before, after))) in indexes.iter().zip(chaining).enumerate() {
                if let Some(index) = index {
                    detector.note(lane, &found, &w, [before, after], *index);
                }
            }
        }
    }
    state
}

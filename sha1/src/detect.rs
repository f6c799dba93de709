//! The check for attacks: the other half of a collision is computed and compared.

use crate::conditions::Candidates;
use crate::lanes::{LANES, Lanes};
use crate::rounds::{self, Expanded, State};
use crate::vectors::Vector;

/// Collects the blocks that may be halves of collisions, and checks them four at a time.
///
/// Nothing is known of a message before [`Detector::finish`].
#[derive(Clone, Default)]
pub(crate) struct Detector {
    waiting: Vec<Suspect>,
    attacked: Vec<usize>,
    #[cfg(test)]
    pub(crate) checked: u64,
}

/// A block that meets the conditions of a vector.
#[derive(Clone, Copy)]
pub(crate) struct Suspect {
    pub(crate) block: [u32; 16],
    pub(crate) vector: Vector,
    /// The chaining values.
    pub(crate) before: State<u32>,
    pub(crate) after: State<u32>,
    /// The message that the block is of.
    pub(crate) message: usize,
}

impl Detector {
    /// Takes note of the block in `lane` if it is a candidate.
    pub(crate) fn note(
        &mut self,
        lane: usize,
        candidates: &Candidates,
        w: &Expanded,
        [before, after]: [State<u32>; 2],
        message: usize,
    ) {
        for vector in candidates.of(lane) {
            let block = std::array::from_fn(|t| w[t].to_array()[lane]);
            self.waiting.push(Suspect {
                block,
                vector,
                before,
                after,
                message,
            });
            if self.waiting.len() == LANES {
                self.check();
            }
        }
    }

    /// Checks what waits, and answers with the messages that show the marks of an attack.
    pub(crate) fn finish(&mut self) -> Vec<usize> {
        self.check();
        std::mem::take(&mut self.attacked)
    }

    /// Checks up to four that wait.
    fn check(&mut self) {
        let Some(first) = self.waiting.first() else { return };
        let group: [Suspect; LANES] = std::array::from_fn(|lane| *self.waiting.get(lane).unwrap_or(first));
        let guilty = self.waiting.iter().zip(are_collisions(&group)).filter(|(_, is)| *is);
        self.attacked.extend(guilty.map(|(suspect, _)| suspect.message));
        #[cfg(test)]
        {
            self.checked += self.waiting.len() as u64;
        }
        self.waiting.clear();
    }
}

/// Whether the other block, which differs as the vector says, leads to the same chaining value.
///
/// Where both compressions agree, the state is known: from the end it is reached by undoing our last
/// steps. From there the other's steps are undone down to its first, and taken to its last.
#[inline(never)]
fn are_collisions(suspects: &[Suspect; LANES]) -> [bool; LANES] {
    let after = gather(suspects, |suspect| suspect.after);
    let other = other_half(suspects);
    let differences = after.iter().zip(other).map(|(after, other)| *after ^ other);
    let different = differences.fold(Lanes::ZERO, |all, word| all | word);
    different.to_array().map(|difference| difference == 0)
}

/// The chaining values after the other blocks.
pub(crate) fn other_half(suspects: &[Suspect; LANES]) -> State<Lanes> {
    let ours = expanded(gather(suspects, |suspect| suspect.block));
    let others = expanded(gather(suspects, |suspect| {
        let difference = suspect.vector.difference();
        std::array::from_fn(|t| suspect.block[t] ^ difference[t])
    }));
    let [is_late] = gather(suspects, |suspect| {
        [if suspect.vector.agrees_late() { u32::MAX } else { 0 }]
    });
    let before = gather(suspects, |suspect| suspect.before);
    let after = gather(suspects, |suspect| suspect.after);
    let last = std::array::from_fn(|word| after[word] - before[word]);

    let at_65 = rounds::backward(last, &ours, 65, 80);
    // Those that agree late are already the others' here.
    let mut mixed = ours;
    for (t, word) in mixed.iter_mut().enumerate().take(65).skip(58) {
        *word = is_late.choose(others[t], *word);
    }
    let at_58 = rounds::backward(at_65, &mixed, 58, 65);
    let first = rounds::backward(at_58, &others, 0, 58);

    let early = rounds::forward(at_58, &others, 58, 65);
    let at_65 = std::array::from_fn(|word| is_late.choose(at_65[word], early[word]));
    rounds::sums(first, rounds::forward(at_65, &others, 65, 80))
}

fn gather<const N: usize>(suspects: &[Suspect; LANES], words: impl Fn(&Suspect) -> [u32; N]) -> [Lanes; N] {
    let lanes = suspects.each_ref().map(words);
    std::array::from_fn(|t| Lanes::new(lanes.each_ref().map(|words| words[t])))
}

fn expanded(block: [Lanes; 16]) -> Expanded {
    let mut w = [Lanes::ZERO; 80];
    w[..16].copy_from_slice(&block);
    rounds::expand(&mut w);
    w
}

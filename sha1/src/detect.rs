//! The check for attacks: the other half of a collision is computed and compared.
//!
//! What is hot here writes to memory that is there already, word by word. Wasm copies and clears
//! whole arrays by a call, and each costs as much as ten steps of four messages.

use crate::lanes::{LANES, Lanes};
use crate::rounds::{self, Expanded, State};
use crate::vectors::Vector;

/// Collects the blocks that may be halves of collisions, and checks them four at a time.
///
/// Nothing is known of a message before [`Detector::finish`].
#[derive(Clone, Default)]
pub(crate) struct Detector {
    /// Most messages have no suspicious block.
    suspects: Option<Box<Suspects>>,
    /// How many suspects wait.
    waiting: usize,
    attacked: Vec<usize>,
    #[cfg(test)]
    pub(crate) checked: u64,
}

/// A block in one of four lanes, with the chaining values.
pub(crate) struct Suspect<'a> {
    pub(crate) lane: usize,
    pub(crate) w: &'a Expanded,
    pub(crate) before: &'a State<Lanes>,
    pub(crate) after: &'a State<Lanes>,
}

/// Up to four blocks that meet the conditions of a vector each.
#[derive(Clone)]
pub(crate) struct Suspects {
    /// The last sixteen words of their expansion, from which all others follow, and what these
    /// differ in from the other half.
    end: [Lanes; 16],
    difference: [[u32; LANES]; 16],
    /// All ones for a vector that agrees late.
    is_late: [u32; LANES],
    /// The chaining values before and after.
    before: State<Lanes>,
    after: State<Lanes>,
    /// The messages that they are of.
    message: [usize; LANES],
    ours: Expanded,
    others: Expanded,
}

impl Detector {
    /// Takes note of a block in one of the lanes, which may be half of a collision by a vector.
    pub(crate) fn note(&mut self, vector: Vector, block: &Suspect<'_>, message: usize) {
        let suspects = self.suspects.get_or_insert_with(|| Box::new(Suspects::NONE));
        suspects.put(self.waiting, vector, block, message);
        self.waiting += 1;
        if self.waiting == LANES {
            self.check();
        }
    }

    /// Checks what waits, and answers with the messages that show the marks of an attack.
    pub(crate) fn finish(&mut self) -> Vec<usize> {
        self.check();
        std::mem::take(&mut self.attacked)
    }

    fn check(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(suspects) = self.suspects.as_deref_mut()
            && waiting > 0
        {
            let guilty = suspects.are_collisions().into_iter().zip(suspects.message);
            let guilty = guilty.take(waiting).filter(|(is_collision, _)| *is_collision);
            self.attacked.extend(guilty.map(|(_, message)| message));
            #[cfg(test)]
            {
                self.checked += waiting as u64;
            }
        }
    }
}

impl Suspects {
    pub(crate) const NONE: Self = Suspects {
        end: [Lanes::ZERO; 16],
        difference: [[0; LANES]; 16],
        is_late: [0; LANES],
        before: [Lanes::ZERO; 5],
        after: [Lanes::ZERO; 5],
        message: [0; LANES],
        ours: [Lanes::ZERO; 80],
        others: [Lanes::ZERO; 80],
    };

    /// Lays a suspect into lane `at`.
    #[inline(never)]
    pub(crate) fn put(&mut self, at: usize, vector: Vector, block: &Suspect<'_>, message: usize) {
        let Suspect { lane, w, before, after } = *block;
        for (to, word) in self.end.iter_mut().zip(&w[64..]) {
            *to = to.replace(at, *word, lane);
        }
        for (to, word) in self.difference.iter_mut().zip(vector.difference()) {
            to[at] = word;
        }
        for (to, word) in self.before.iter_mut().zip(before) {
            *to = to.replace(at, *word, lane);
        }
        for (to, word) in self.after.iter_mut().zip(after) {
            *to = to.replace(at, *word, lane);
        }
        self.is_late[at] = if vector.agrees_late() { u32::MAX } else { 0 };
        self.message[at] = message;
    }

    /// Whether the other blocks lead to the same chaining values.
    #[inline(never)]
    fn are_collisions(&mut self) -> [bool; LANES] {
        let other = self.other_half();
        let differences = other.iter().zip(self.after).map(|(other, after)| *other ^ after);
        let different = differences.fold(Lanes::ZERO, |all, word| all | word);
        different.to_array().map(|difference| difference == 0)
    }

    /// The chaining values after the other blocks.
    ///
    /// Where both compressions agree, the state is known: from the end it is reached by undoing our
    /// last steps. From there the other's steps are undone down to its first, and taken to its last.
    pub(crate) fn other_half(&mut self) -> State<Lanes> {
        let (ours, others) = (&mut self.ours, &mut self.others);
        for t in 0..16 {
            ours[64 + t] = self.end[t];
            others[64 + t] = self.end[t] ^ Lanes::new(self.difference[t]);
        }
        rounds::expand_back(ours, 56);
        rounds::expand_back(others, 0);
        // Those that agree late are already the others' before step 65.
        let is_late = Lanes::new(self.is_late);
        for t in 58..65 {
            ours[t] = is_late.choose(others[t], ours[t]);
        }

        let [f, g, h, i, j] = self.before;
        let [a, b, c, d, e] = self.after;
        let (at_65, at_58) = rounds::undo_to_58([a - f, b - g, c - h, d - i, e - j], ours);
        let first = rounds::undo_from_58(at_58, others);
        let early = rounds::redo_to_65(at_58, others);
        let [a, b, c, d, e] = rounds::redo_from_65(
            std::array::from_fn(|word| is_late.choose(at_65[word], early[word])),
            others,
        );
        let [f, g, h, i, j] = first;
        [a + f, b + g, c + h, d + i, e + j]
    }
}

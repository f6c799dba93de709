//! A message as a sequence of blocks, the padding of FIPS 180-4 included.

use crate::lanes::LANES;

/// What is compressed at once.
pub(crate) type Block = [u8; BLOCK];
const BLOCK: usize = 64;

/// A message, in two parts that need not lie together.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What comes first, for example the header of a Git object.
    pub head: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
}

/// Walks over the blocks of a message. Those that lie in the body are not copied; the others are made
/// in memory of the caller's.
pub(crate) struct Blocks<'a> {
    message: Message<'a>,
    /// The length that the padding tells, in bytes.
    length: u64,
    /// Where the next block begins; the end once there is none.
    at: usize,
    end: usize,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(message: Message<'a>) -> Self {
        let size = message.head.len() + message.body.len();
        Self::ending(message, size as u64)
    }

    /// The last blocks of a message of `length` bytes, of which only `message` is left.
    pub(crate) fn ending(message: Message<'a>, length: u64) -> Self {
        let size = message.head.len() + message.body.len();
        Blocks {
            message,
            length,
            at: 0,
            // A byte that ends it, and eight for its length.
            end: (size + 9).next_multiple_of(BLOCK),
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// Blocks that come next: at least one, unless it is at the end. `made` is as
    /// [`Blocks::prepare`] left it.
    pub(crate) fn next<'b>(&self, made: &'b Block) -> &'b [Block]
    where
        'a: 'b,
    {
        match self.in_body() {
            [] if self.is_at_end() => &[],
            [] => std::slice::from_ref(made),
            blocks => blocks,
        }
    }

    /// Leaves `count` of the blocks behind.
    pub(crate) fn advance(&mut self, count: usize) {
        self.at = self.end.min(self.at + BLOCK * count);
    }

    /// Makes the next block, if it is not wholly in the body.
    pub(crate) fn prepare(&self, made: &mut Block) {
        if !self.is_at_end() && self.in_body().is_empty() {
            self.make(made);
        }
    }

    /// Up to four blocks, and how many they are; at the end none. Those that are not wholly in the body
    /// are made in `made`, and what is beyond the end is anything.
    pub(crate) fn take<'b>(&mut self, made: &'b mut [Block; LANES]) -> ([&'b Block; LANES], usize)
    where
        'a: 'b,
    {
        let mut taken = 0;
        let group = made.each_mut().map(|made| {
            if self.is_at_end() {
                return &*made;
            }
            let block = match self.in_body() {
                [block, ..] => block,
                [] => {
                    self.make(made);
                    &*made
                }
            };
            self.advance(1);
            taken += 1;
            block
        });
        (group, taken)
    }

    /// The whole blocks from here on that lie in the body.
    fn in_body(&self) -> &'a [Block] {
        let at = self.at.checked_sub(self.message.head.len());
        let rest = at.and_then(|at| self.message.body.get(at..));
        rest.unwrap_or_default().as_chunks().0
    }

    /// The block that comes next, from wherever its bytes are.
    fn make(&self, block: &mut Block) {
        let Message { head, body } = self.message;
        let from_head = head.get(self.at..).unwrap_or_default();
        let from_body = body.get(self.at.saturating_sub(head.len())..).unwrap_or_default();
        let end_mark: &[u8] = if self.at <= head.len() + body.len() {
            &[0x80]
        } else {
            &[]
        };
        let mut room: &mut [u8] = block;
        for bytes in [from_head, from_body, end_mark] {
            let (to, left) = room.split_at_mut(bytes.len().min(room.len()));
            to.copy_from_slice(&bytes[..to.len()]);
            room = left;
        }
        room.fill(0);
        if self.at + BLOCK == self.end {
            block[BLOCK - 8..].copy_from_slice(&(8 * self.length).to_be_bytes());
        }
    }
}

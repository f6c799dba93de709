//! Lines as small numbers: two lines have one number if they are the same.

use std::borrow::Cow;
use std::collections::HashMap;

use super::whitespace::Whitespace;

/// What stands for a line.
pub(super) type Token = u32;

/// Two files, a token for each line. The tokens are the numbers below `distinct`.
pub(super) struct Tokens {
    pub(super) old: Vec<Token>,
    pub(super) new: Vec<Token>,
    pub(super) distinct: usize,
}

impl Tokens {
    pub(super) fn of(old: &[&[u8]], new: &[&[u8]], whitespace: Whitespace) -> Self {
        let mut known = HashMap::with_capacity(old.len());
        Tokens {
            old: tokens(&mut known, old, whitespace),
            new: tokens(&mut known, new, whitespace),
            distinct: known.len(),
        }
    }
}

fn tokens<'a>(known: &mut HashMap<Cow<'a, [u8]>, Token>, lines: &[&'a [u8]], whitespace: Whitespace) -> Vec<Token> {
    let token = |line: &&'a [u8]| {
        // More than `Token::MAX` distinct lines do not fit into memory beside their table.
        let next = Token::try_from(known.len()).unwrap_or(Token::MAX);
        *known.entry(whitespace.seen(line)).or_insert(next)
    };
    lines.iter().map(token).collect()
}

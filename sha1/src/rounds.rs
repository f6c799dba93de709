//! The compression function of FIPS 180-4: of four messages, of one, and backward.
//!
//! Each function is compiled by itself. In one large function the engines' compilers run out of
//! registers, and a third of the speed is lost.

use crate::lanes::{LANES, Lanes};
use crate::message::Block;

/// The chaining value, or the working variables a to e.
pub(crate) type State<Word> = [Word; 5];

/// Four blocks, expanded.
pub(crate) type Expanded = [Lanes; 80];

/// The chaining value before the first block.
pub(crate) const INITIAL: State<u32> = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

const K: [u32; 4] = [0x5A82_7999, 0x6ED9_EBA1, 0x8F1B_BCDC, 0xCA62_C1D6];

macro_rules! choice {
    ($b:expr, $c:expr, $d:expr) => {
        $d ^ ($b & ($c ^ $d))
    };
}

macro_rules! parity {
    ($b:expr, $c:expr, $d:expr) => {
        $b ^ $c ^ $d
    };
}

macro_rules! majority {
    ($b:expr, $c:expr, $d:expr) => {
        (($b ^ $d) & ($c ^ $d)) ^ $d
    };
}

macro_rules! expand {
    ($w:ident, $t:expr) => {
        $w[$t] = ($w[$t - 3] ^ $w[$t - 8] ^ $w[$t - 14] ^ $w[$t - 16]).rotate_left(1)
    };
}

/// The first sixteen words of four blocks.
#[inline(never)]
pub(crate) fn load(w: &mut Expanded, [a, b, c, d]: [&Block; LANES]) {
    let words = |block: &Block, t: usize| [block[4 * t], block[4 * t + 1], block[4 * t + 2], block[4 * t + 3]];
    for (t, w) in w.iter_mut().take(16).enumerate() {
        *w = Lanes::from_bytes([words(a, t), words(b, t), words(c, t), words(d, t)]);
    }
}

/// The other words, and all of them with the constants of their steps added.
#[inline(never)]
pub(crate) fn expand(w: &mut Expanded, keyed: &mut Expanded) {
    for t in 0..16 {
        keyed[t] = w[t] + Lanes::splat(K[0]);
    }
    macro_rules! four_words {
        ($round:literal, $t:expr) => {
            expand!(w, $t);
            expand!(w, $t + 1);
            expand!(w, $t + 2);
            expand!(w, $t + 3);
            let key = Lanes::splat(K[$round]);
            keyed[$t] = w[$t] + key;
            keyed[$t + 1] = w[$t + 1] + key;
            keyed[$t + 2] = w[$t + 2] + key;
            keyed[$t + 3] = w[$t + 3] + key;
        };
    }
    four_words!(0, 16);
    for t in [20, 24, 28, 32, 36] {
        four_words!(1, t);
    }
    for t in [40, 44, 48, 52, 56] {
        four_words!(2, t);
    }
    for t in [60, 64, 68, 72, 76] {
        four_words!(3, t);
    }
}

/// The words from `from` on, in eights, of blocks of which the last sixteen are known.
#[inline(never)]
pub(crate) fn expand_back(w: &mut Expanded, from: usize) {
    macro_rules! word {
        ($t:expr) => {
            w[$t] = w[$t + 13] ^ w[$t + 8] ^ w[$t + 16].rotate_left(31) ^ w[$t + 2]
        };
    }
    for eight in (from / 8..8).rev() {
        let t = 8 * eight;
        word!(t + 7);
        word!(t + 6);
        word!(t + 5);
        word!(t + 4);
        word!(t + 3);
        word!(t + 2);
        word!(t + 1);
        word!(t);
    }
}

/// Compresses one block of each of four messages, and expands them on the way. Puts the chaining
/// value that was in `state` to `before`.
#[inline(never)]
pub(crate) fn compress_four(state: &mut State<Lanes>, w: &mut Expanded, before: &mut State<Lanes>) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    put(before, [a, b, c, d, e]);
    macro_rules! step {
        ($f:ident, $k:expr, $t:expr, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident) => {
            $e = $e + w[$t] + $k + $f!($b, $c, $d) + $a.rotate_left(5);
            $b = $b.rotate_left(30);
        };
    }
    macro_rules! five_steps {
        ($f:ident, $k:expr, $t:expr) => {
            step!($f, $k, $t, a, b, c, d, e);
            step!($f, $k, $t + 1, e, a, b, c, d);
            step!($f, $k, $t + 2, d, e, a, b, c);
            step!($f, $k, $t + 3, c, d, e, a, b);
            step!($f, $k, $t + 4, b, c, d, e, a);
        };
    }
    macro_rules! twenty_steps {
        ($f:ident, $k:expr, $from:expr) => {
            let k = Lanes::splat($k);
            for five in 0..4 {
                let t = $from + 5 * five;
                expand!(w, t);
                expand!(w, t + 1);
                expand!(w, t + 2);
                expand!(w, t + 3);
                expand!(w, t + 4);
                five_steps!($f, k, t);
            }
        };
    }
    let k = Lanes::splat(K[0]);
    for five in 0..3 {
        five_steps!(choice, k, 5 * five);
    }
    expand!(w, 16);
    expand!(w, 17);
    expand!(w, 18);
    expand!(w, 19);
    five_steps!(choice, k, 15);
    twenty_steps!(parity, K[1], 20);
    twenty_steps!(majority, K[2], 40);
    twenty_steps!(parity, K[3], 60);
    let [f, g, h, i, j] = *state;
    put(state, [a + f, b + g, c + h, d + i, e + j]);
}

/// Compresses the block in one lane.
#[inline(never)]
pub(crate) fn compress_one<const LANE: usize>(before: &State<u32>, keyed: &Expanded) -> State<u32> {
    let [mut a, mut b, mut c, mut d, mut e] = *before;
    macro_rules! step {
        ($f:ident, $t:expr, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident) => {
            let sum = $e.wrapping_add(keyed[$t].lane::<LANE>());
            $e = sum.wrapping_add($f!($b, $c, $d)).wrapping_add($a.rotate_left(5));
            $b = $b.rotate_left(30);
        };
    }
    macro_rules! twenty_steps {
        ($f:ident, $from:expr) => {
            for five in 0..4 {
                let t = $from + 5 * five;
                step!($f, t, a, b, c, d, e);
                step!($f, t + 1, e, a, b, c, d);
                step!($f, t + 2, d, e, a, b, c);
                step!($f, t + 3, c, d, e, a, b);
                step!($f, t + 4, b, c, d, e, a);
            }
        };
    }
    twenty_steps!(choice, 0);
    twenty_steps!(parity, 20);
    twenty_steps!(majority, 40);
    twenty_steps!(parity, 60);
    let [a0, b0, c0, d0, e0] = *before;
    [
        a0.wrapping_add(a),
        b0.wrapping_add(b),
        c0.wrapping_add(c),
        d0.wrapping_add(d),
        e0.wrapping_add(e),
    ]
}

/// One step, as in the standard but for the names: what is called e on the left becomes a.
macro_rules! redo {
    ($w:ident, $t:expr, $f:ident, $round:literal, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        $e = $e + $w[$t] + Lanes::splat(K[$round]) + $f!($b, $c, $d) + $a.rotate_left(5);
        $b = $b.rotate_left(30);
    };
}

/// Undoes what `redo` does.
macro_rules! undo {
    ($w:ident, $t:expr, $f:ident, $round:literal, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        $b = $b.rotate_left(2);
        $e = $e - $w[$t] - Lanes::splat(K[$round]) - $f!($b, $c, $d) - $a.rotate_left(5);
    };
}

/// Undoes five steps from `$t` on, the last first.
macro_rules! undo_five {
    ($w:ident, $t:expr, $f:ident, $round:literal, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        undo!($w, $t + 4, $f, $round, $b $c $d $e $a);
        undo!($w, $t + 3, $f, $round, $c $d $e $a $b);
        undo!($w, $t + 2, $f, $round, $d $e $a $b $c);
        undo!($w, $t + 1, $f, $round, $e $a $b $c $d);
        undo!($w, $t, $f, $round, $a $b $c $d $e);
    };
}

macro_rules! redo_five {
    ($w:ident, $t:expr, $f:ident, $round:literal, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        redo!($w, $t, $f, $round, $a $b $c $d $e);
        redo!($w, $t + 1, $f, $round, $e $a $b $c $d);
        redo!($w, $t + 2, $f, $round, $d $e $a $b $c);
        redo!($w, $t + 3, $f, $round, $c $d $e $a $b);
        redo!($w, $t + 4, $f, $round, $b $c $d $e $a);
    };
}

/// The states before step 65 and before step 58, from the one after the last.
#[inline(never)]
pub(crate) fn undo_to_58(last: State<Lanes>, w: &Expanded) -> (State<Lanes>, State<Lanes>) {
    let [mut a, mut b, mut c, mut d, mut e] = last;
    for t in [75, 70, 65] {
        undo_five!(w, t, parity, 3, a b c d e);
    }
    let at_65 = [a, b, c, d, e];
    undo_five!(w, 60, parity, 3, a b c d e);
    undo!(w, 59, majority, 2, b c d e a);
    undo!(w, 58, majority, 2, c d e a b);
    (at_65, [c, d, e, a, b])
}

/// The state before the first step, from the one before step 58.
#[inline(never)]
pub(crate) fn undo_from_58(at_58: State<Lanes>, w: &Expanded) -> State<Lanes> {
    let [mut c, mut d, mut e, mut a, mut b] = at_58;
    undo!(w, 57, majority, 2, d e a b c);
    undo!(w, 56, majority, 2, e a b c d);
    undo!(w, 55, majority, 2, a b c d e);
    for t in [50, 45, 40] {
        undo_five!(w, t, majority, 2, a b c d e);
    }
    for t in [35, 30, 25, 20] {
        undo_five!(w, t, parity, 1, a b c d e);
    }
    for t in [15, 10, 5, 0] {
        undo_five!(w, t, choice, 0, a b c d e);
    }
    [a, b, c, d, e]
}

/// The state before step 65, from the one before step 58.
#[inline(never)]
pub(crate) fn redo_to_65(at_58: State<Lanes>, w: &Expanded) -> State<Lanes> {
    let [mut c, mut d, mut e, mut a, mut b] = at_58;
    redo!(w, 58, majority, 2, c d e a b);
    redo!(w, 59, majority, 2, b c d e a);
    redo_five!(w, 60, parity, 3, a b c d e);
    [a, b, c, d, e]
}

/// The state after the last step, from the one before step 65.
#[inline(never)]
pub(crate) fn redo_from_65(at_65: State<Lanes>, w: &Expanded) -> State<Lanes> {
    let [mut a, mut b, mut c, mut d, mut e] = at_65;
    for t in [65, 70, 75] {
        redo_five!(w, t, parity, 3, a b c d e);
    }
    [a, b, c, d, e]
}

/// Word by word: a whole array would be copied by a call.
#[inline(always)]
fn put(to: &mut State<Lanes>, [a, b, c, d, e]: State<Lanes>) {
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    to[4] = e;
}

/// One state of each lane, as one of all lanes.
pub(crate) fn join(states: &[State<u32>; LANES]) -> State<Lanes> {
    std::array::from_fn(|word| Lanes::new(states.each_ref().map(|state| state[word])))
}

/// The states of the lanes.
pub(crate) fn split(state: &State<Lanes>) -> [State<u32>; LANES] {
    let words = state.map(Lanes::to_array);
    std::array::from_fn(|lane| words.map(|word| word[lane]))
}

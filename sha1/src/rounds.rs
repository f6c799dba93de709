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
    let word = |block: &Block, t: usize| {
        u32::from_be_bytes([block[4 * t], block[4 * t + 1], block[4 * t + 2], block[4 * t + 3]])
    };
    for (t, w) in w.iter_mut().take(16).enumerate() {
        *w = Lanes::new([word(a, t), word(b, t), word(c, t), word(d, t)]);
    }
}

/// The other words.
#[inline(never)]
pub(crate) fn expand(w: &mut Expanded) {
    for t in 16..80 {
        expand!(w, t);
    }
}

/// Compresses one block of each of four messages, and expands them on the way.
#[inline(never)]
pub(crate) fn compress_four(before: &State<Lanes>, w: &mut Expanded) -> State<Lanes> {
    let [mut a, mut b, mut c, mut d, mut e] = *before;
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
    sums(*before, [a, b, c, d, e])
}

/// Compresses the block in one lane.
#[inline(never)]
pub(crate) fn compress_one<const LANE: usize>(before: &State<u32>, w: &Expanded) -> State<u32> {
    let [mut a, mut b, mut c, mut d, mut e] = *before;
    macro_rules! step {
        ($f:ident, $k:expr, $t:expr, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident) => {
            let sum = $e.wrapping_add(w[$t].lane::<LANE>()).wrapping_add($k);
            $e = sum.wrapping_add($f!($b, $c, $d)).wrapping_add($a.rotate_left(5));
            $b = $b.rotate_left(30);
        };
    }
    macro_rules! twenty_steps {
        ($f:ident, $k:expr, $from:expr) => {
            for five in 0..4 {
                let t = $from + 5 * five;
                step!($f, $k, t, a, b, c, d, e);
                step!($f, $k, t + 1, e, a, b, c, d);
                step!($f, $k, t + 2, d, e, a, b, c);
                step!($f, $k, t + 3, c, d, e, a, b);
                step!($f, $k, t + 4, b, c, d, e, a);
            }
        };
    }
    twenty_steps!(choice, K[0], 0);
    twenty_steps!(parity, K[1], 20);
    twenty_steps!(majority, K[2], 40);
    twenty_steps!(parity, K[3], 60);
    let [a0, b0, c0, d0, e0] = *before;
    [
        a0.wrapping_add(a),
        b0.wrapping_add(b),
        c0.wrapping_add(c),
        d0.wrapping_add(d),
        e0.wrapping_add(e),
    ]
}

/// The steps `from..to`, plainly.
#[inline(never)]
pub(crate) fn forward(state: State<Lanes>, w: &Expanded, from: usize, to: usize) -> State<Lanes> {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (t, word) in w.iter().enumerate().take(to).skip(from) {
        let next = a.rotate_left(5) + function(t, b, c, d) + e + *word;
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    [a, b, c, d, e]
}

/// Undoes the steps `from..to`: takes the state after them and gives the one before.
#[inline(never)]
pub(crate) fn backward(state: State<Lanes>, w: &Expanded, from: usize, to: usize) -> State<Lanes> {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (t, word) in w.iter().enumerate().take(to).skip(from).rev() {
        let next = a;
        (a, b, c, d) = (b, c.rotate_left(2), d, e);
        e = next - a.rotate_left(5) - function(t, b, c, d) - *word;
    }
    [a, b, c, d, e]
}

#[inline(always)]
fn function(t: usize, b: Lanes, c: Lanes, d: Lanes) -> Lanes {
    match t / 20 {
        0 => choice!(b, c, d) + Lanes::splat(K[0]),
        1 => parity!(b, c, d) + Lanes::splat(K[1]),
        2 => majority!(b, c, d) + Lanes::splat(K[2]),
        _ => parity!(b, c, d) + Lanes::splat(K[3]),
    }
}

/// The chaining value after a block, from the one before and the state after the last step.
pub(crate) fn sums([a, b, c, d, e]: State<Lanes>, [f, g, h, i, j]: State<Lanes>) -> State<Lanes> {
    [a + f, b + g, c + h, d + i, e + j]
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

//! When work has to pause so that the event loop gets its turn.

use std::cell::Cell;

use super::Clock;

/// How long work may go on, in milliseconds, before the event loop gets its turn. The step that is under
/// way then has to end, which takes up to 13 ms for an object of a few MiB, and both together are to
/// be less than a frame of 16 ms. A pause takes 7 µs in Chromium.
const TURN: f64 = 3.0;

/// Readings of the clock closer than this, in milliseconds, become rarer.
const CLOSE: f64 = 0.25;

/// The most questions between two readings. A reading costs 0.2 µs in Chromium.
const MOST: u32 = 8;

/// Bytes inflated or hashed that count as much as a question: some tenths of a millisecond of work.
const QUESTION_BYTES: usize = 32 << 10;

/// How long a thread has been at work without a pause. All operations of a thread run in the same
/// turns of its event loop and share this.
#[derive(Debug)]
pub struct Pace {
    /// When the turn began, and when the clock was read last.
    began: Cell<f64>,
    read: Cell<f64>,
    /// Questions from a reading to the next, and how many are left.
    stride: Cell<u32>,
    left: Cell<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            began: Cell::new(f64::NEG_INFINITY),
            read: Cell::new(f64::NEG_INFINITY),
            stride: Cell::new(1),
            left: Cell::new(0),
        }
    }
}

impl Pace {
    /// Whether it is time for a pause; to be asked after every small piece of work. The clock is read
    /// each time while the pieces take long, and now and then while they do not.
    pub fn is_over(&self, now: impl FnOnce() -> f64) -> bool {
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        if left > 0 {
            return false;
        }
        let now = now();
        let stride = match now - self.read.replace(now) < CLOSE {
            true => (self.stride.get() * 2).min(MOST),
            false => 1,
        };
        self.stride.set(stride);
        let over = now - self.began.get() >= TURN;
        if !over {
            self.left.set(stride);
        }
        over
    }

    /// Gives the event loop its turn, if it is time for that. Of several calls that pause together, the
    /// first that goes on begins the turn of all.
    pub async fn pause_if_over(&self, clock: &dyn Clock) {
        while self.is_over(|| clock.now()) {
            let turn = self.began.get();
            clock.yield_now().await;
            if self.began.get().total_cmp(&turn).is_eq() {
                self.begin(clock.now());
                return;
            }
        }
    }

    /// Tells of a piece of work that was larger than others: so many bytes were inflated or hashed.
    pub fn worked(&self, bytes: usize) {
        let questions = u32::try_from(bytes / QUESTION_BYTES).unwrap_or(u32::MAX);
        self.left.set(self.left.get().saturating_sub(questions));
    }

    /// Tells that the event loop had its turn.
    pub fn begin(&self, now: f64) {
        self.began.set(now);
        self.read.set(now);
        self.left.set(self.stride.get());
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::host::Async;

    /// Does pieces of work that take so long, and pauses when it is time: how long each turn was, and
    /// how often the clock was read.
    fn work(pace: &Pace, clock: &Cell<f64>, pieces: impl IntoIterator<Item = f64>) -> (Vec<f64>, u32) {
        let (mut turns, mut readings) = (Vec::new(), 0);
        pace.begin(clock.get());
        let mut began = clock.get();
        for piece in pieces {
            clock.set(clock.get() + piece);
            let over = pace.is_over(|| {
                readings += 1;
                clock.get()
            });
            if over {
                turns.push(clock.get() - began);
                began = clock.get();
                pace.begin(began);
            }
        }
        (turns, readings)
    }

    #[test]
    fn turns_end_in_time_whatever_a_piece_of_work_takes() {
        for piece in [0.001, 0.01, 0.06, 0.2, 0.3, 1.0, 4.0, 30.0] {
            let (turns, _) = work(&Pace::default(), &Cell::new(7.0), (0..100_000).map(|_| piece));
            assert!(turns.len() > 10, "{piece}");
            let longest = turns.iter().copied().fold(0.0, f64::max);
            assert!(longest < TURN + 2.0 * CLOSE + piece, "{longest} of pieces of {piece}");
        }
    }

    #[test]
    fn the_clock_is_read_seldom_while_work_is_light_and_soon_where_it_becomes_heavy() {
        let (pace, clock) = (Pace::default(), Cell::new(0.0));
        let (_, readings) = work(&pace, &clock, (0..80_000).map(|_| 0.001));
        assert!(readings < 80_000 / MOST + 80, "{readings}");
        let (turns, readings) = work(&pace, &clock, (0..100).map(|_| 1.0));
        assert!(readings > 100 - MOST, "{readings}");
        assert!(turns.iter().all(|turn| *turn <= f64::from(MOST)), "{turns:?}");
    }

    #[test]
    fn who_tells_of_many_bytes_is_asked_at_once() {
        let (pace, clock) = (Pace::default(), Cell::new(0.0));
        work(&pace, &clock, (0..1000).map(|_| 0.001));
        pace.begin(clock.get());
        clock.set(clock.get() + TURN);
        pace.worked(QUESTION_BYTES * 8);
        assert!(pace.is_over(|| clock.get()));
    }

    #[test]
    fn where_the_time_is_over_it_is_over_for_all_until_the_pause() {
        let pace = Pace::default();
        assert!((0..5).all(|_| pace.is_over(|| 3.0)), "nobody knows when the turn began");
        pace.begin(3.0);
        assert!(!pace.is_over(|| 4.0));
        assert!((0..100).any(|_| pace.is_over(|| 9.0)));
        assert!((0..5).all(|_| pace.is_over(|| 9.0)));
    }

    /// A clock whose pauses end when the test says so.
    #[derive(Default)]
    struct Turns {
        now: Cell<f64>,
        pauses: Cell<usize>,
        over: Rc<Cell<bool>>,
    }

    impl Clock for Turns {
        fn now(&self) -> f64 {
            self.now.get()
        }

        fn unix_seconds(&self) -> i64 {
            0
        }

        fn sleep(&self, _: u32) -> Async<'static, ()> {
            Box::pin(std::future::pending())
        }

        fn yield_now(&self) -> Async<'static, ()> {
            self.pauses.set(self.pauses.get() + 1);
            let over = Rc::clone(&self.over);
            let poll = move |_: &mut Context<'_>| if over.get() { Poll::Ready(()) } else { Poll::Pending };
            Box::pin(std::future::poll_fn(poll))
        }
    }

    fn is_done(call: &mut Async<'_, ()>) -> bool {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn calls_that_paused_together_share_the_turn_that_follows() {
        let (pace, clock) = (Pace::default(), Turns::default());
        let mut calls: Vec<Async<'_, ()>> = (0..2 + MOST)
            .map(|_| Box::pin(pace.pause_if_over(&clock)) as _)
            .collect();
        assert!(!calls.iter_mut().any(is_done));
        let pauses = clock.pauses.get();
        assert_eq!(pauses, calls.len());
        clock.now.set(5.0);
        clock.over.set(true);
        assert!(calls.iter_mut().take(2).all(is_done));
        // What these did took all of the turn, and the others do not begin it anew: one pauses again.
        clock.now.set(5.0 + TURN);
        assert!(calls.iter_mut().skip(2).all(is_done));
        assert_eq!(clock.pauses.get(), pauses + 1);
    }
}

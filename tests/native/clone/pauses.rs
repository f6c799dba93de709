//! The event loop gets its turn during a clone, and whoever aborts it then is answered there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::error::Failure;
use gitside::host::{Async, Clock};
use gitside::ops::clone::clone;
use gitside::ops::remote::Version;
use gitside::task::Task;

use crate::replay::Replay;
use crate::support::block_on;
use crate::world::{URL, assert_nothing_left, recorded, version, world};

/// A clock by which every turn has lasted long enough when it is looked at, so that every checkpoint
/// is a pause; in one of them it cancels the task.
#[derive(Default)]
struct Hasty {
    now: Cell<f64>,
    pauses: Cell<u32>,
    cancel_in: u32,
    task: RefCell<Option<Task>>,
}

impl Clock for Hasty {
    fn now(&self) -> f64 {
        self.now.set(self.now.get() + 10.0);
        self.now.get()
    }

    fn unix_seconds(&self) -> i64 {
        1_700_000_000
    }

    fn sleep(&self, _: u32) -> Async<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn yield_now(&self) -> Async<'static, ()> {
        self.pauses.set(self.pauses.get() + 1);
        if self.pauses.get() == self.cancel_in
            && let Some(task) = &*self.task.borrow()
        {
            assert!(task.cancel(), "nothing was published yet");
        }
        Box::pin(async {})
    }
}

#[test]
fn there_is_a_pause_for_every_object_and_an_abort_in_any_is_answered_in_that_one() {
    let answers = recorded(Version::V2);
    let attempt = |cancel_in: u32| {
        let clock = Rc::new(Hasty {
            cancel_in,
            ..Hasty::default()
        });
        let mut world = world(Replay::new(answers.clone()));
        world.host.clock = clock.clone();
        let task = Task::new(clock.clone(), |_| {});
        clock.task.replace(Some(task.clone()));
        let done = block_on(clone(&world.host, &task, URL, "copy", &version(Version::V2)));
        (world, done, clock.pauses.get())
    };
    let (_, done, pauses) = attempt(0);
    assert!(done.is_ok());
    assert!(pauses >= 121, "{pauses} pauses, and so many objects");
    for cancel_in in 1..=pauses {
        let (world, done, pauses) = attempt(cancel_in);
        let failure = done.err();
        assert!(matches!(failure, Some(Failure::Cancelled)), "{cancel_in}: {failure:?}");
        assert_eq!(pauses, cancel_in, "it went on");
        block_on(assert_nothing_left(&world, &format!("aborted in pause {cancel_in}")));
    }
}

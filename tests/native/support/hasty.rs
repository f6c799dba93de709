//! A clock for which time flies.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::host::{Async, Clock};
use gitside::task::Task;

/// A clock by which every turn has lasted long enough when it is looked at, so that every checkpoint
/// is a pause; in one of them it cancels the task.
#[derive(Default)]
pub struct Hasty {
    now: Cell<f64>,
    pauses: Cell<u32>,
    cancel_in: u32,
    task: RefCell<Option<Task>>,
}

impl Hasty {
    /// A task by such a clock, that is cancelled in the pause of that number, if there is one.
    pub fn task(cancel_in: u32) -> (Rc<Self>, Task) {
        let clock = Rc::new(Hasty {
            cancel_in,
            ..Hasty::default()
        });
        let task = Task::new(clock.clone(), |_| {});
        clock.task.replace(Some(task.clone()));
        (clock, task)
    }

    /// How many pauses there were.
    pub fn pauses(&self) -> u32 {
        self.pauses.get()
    }
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

//! Other threads that can take over a part of long work.

use std::rc::Rc;

use super::Async;

/// Where threads come from.
pub trait Threads {
    /// Starts one that runs our code, or answers `None` if there are no more to be had. It ends
    /// when the last reference to it is dropped.
    fn start(&self) -> Option<Rc<dyn Helper>>;
}

/// A thread that answers messages one after the other.
pub trait Helper {
    /// Sends a message; several may be on their way. Resolves with the answer, or with `None` if the
    /// thread died or never came to life.
    fn call(&self, message: Vec<u8>) -> Async<'static, Option<Vec<u8>>>;
}

/// No threads but this one.
pub struct NoThreads;

impl Threads for NoThreads {
    fn start(&self) -> Option<Rc<dyn Helper>> {
        None
    }
}

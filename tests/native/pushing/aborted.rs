//! Pushes that are aborted: what a server has answered by then is not lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::error::{Code, Failure};
use gitside::ops::push::{self, PushKind, PushedTo};
use gitside::task::{Event, Phase, Progress, Task};

use crate::support::block_on;
use crate::world::{World, are, kinds, said, to_up};

/// When the caller gives up.
#[derive(Clone, Copy, PartialEq)]
enum At {
    /// The push to the n-th URL is ready.
    Ready(usize),
    /// It is being sent.
    Sending(usize),
}

/// What became of it, and whether the caller was told that it stops.
struct Aborted {
    outcome: Result<Vec<PushedTo>, Failure>,
    stopped: bool,
}

/// Pushes `main` to copies of the server's repository, and gives up on the way.
fn abort(world: &World, urls: &[String], at: At) -> Aborted {
    let lines: String = urls.iter().map(|url| format!("\tpushurl = {url}\n")).collect();
    world.append(&format!("[remote \"up\"]\n{lines}"));
    let (ready, sending) = (Cell::new(0), Rc::new(Cell::new(0)));
    let stopped = Rc::new(Cell::new(None));
    let task: Rc<RefCell<Option<Task>>> = Rc::default();
    let cancel = {
        let (stopped, task) = (stopped.clone(), task.clone());
        move || stopped.set(Some(task.borrow().as_ref().unwrap().cancel()))
    };
    let on_ready = cancel.clone();
    let before: push::AskBefore = Rc::new(move |_| {
        ready.set(ready.get() + 1);
        if at == At::Ready(ready.get()) {
            on_ready();
        }
        Box::pin(std::future::ready(true))
    });
    let started = Task::new(world.repo.host.clock.clone(), move |event| {
        if let Event::Progress(Progress {
            phase: Phase::Sending,
            loaded: 0,
            ..
        }) = event
        {
            sending.set(sending.get() + 1);
            if at == At::Sending(sending.get()) {
                cancel();
            }
        }
    });
    *task.borrow_mut() = Some(started.clone());
    let options = push::Options {
        before: Some(before),
        ..to_up(&["main"])
    };
    let outcome = block_on(push::push(&started, &world.repo, &options));
    Aborted {
        outcome: outcome.map(|pushed| pushed.to),
        stopped: stopped.get().expect("it came so far"),
    }
}

fn urls(world: &World) -> [String; 3] {
    ["up.git", "second.git", "third.git"].map(|name| {
        if name != "up.git" {
            world.copy(name);
        }
        world.server.url(&format!("/{name}"))
    })
}

#[test]
fn what_the_first_server_answered_is_told_though_the_others_are_not_pushed_to() {
    let world = World::new();
    let urls = urls(&world);
    let aborted = abort(&world, &urls, At::Ready(2));
    assert!(!aborted.stopped, "there is something to be told");
    let [first, second, third] = &aborted.outcome.unwrap()[..] else {
        panic!("one entry for each URL")
    };
    assert_eq!(kinds(first), are(&[("refs/heads/main", "fast-forward")]));
    assert_eq!(first.updates[0].tracking.as_deref(), Some(&b"refs/remotes/up/main"[..]));
    for (to, url) in [(second, &urls[1]), (third, &urls[2])] {
        assert_eq!((&to.url, to.updates.len()), (url, 0));
        let error = to.error.as_ref().unwrap();
        assert_eq!((error.code, error.url.as_ref()), (Code::PushRejectedLocal, Some(url)));
    }
    assert_eq!(world.posts().len(), 1);
    assert_eq!(world.there("refs/heads/main"), Some(world.dev("main")));
}

#[test]
fn what_was_being_sent_is_unknown() {
    let world = World::new();
    let urls = urls(&world);
    let aborted = abort(&world, &urls, At::Sending(2));
    assert!(!aborted.stopped);
    let [first, second, third] = &aborted.outcome.unwrap()[..] else {
        panic!("one entry for each URL")
    };
    assert_eq!(kinds(first), are(&[("refs/heads/main", "fast-forward")]));
    let update = &second.updates[0];
    assert_eq!(
        (update.kind, update.code),
        (PushKind::Unknown, Some(Code::PushOutcomeUnknown))
    );
    assert_eq!(
        second.error.as_ref().map(|error| error.code),
        Some(Code::PushOutcomeUnknown)
    );
    assert_eq!(
        third.error.as_ref().map(|error| error.code),
        Some(Code::PushRejectedLocal)
    );
}

#[test]
fn before_any_server_has_answered_it_is_cancelled() {
    for at in [At::Ready(1), At::Sending(1)] {
        let world = World::new();
        let tracking = world.here("refs/remotes/up/main");
        let aborted = abort(&world, &urls(&world), at);
        assert!(aborted.stopped);
        assert!(matches!(aborted.outcome, Err(Failure::Cancelled)));
        assert_eq!(world.here("refs/remotes/up/main"), tracking);
    }
}

#[test]
fn a_url_that_failed_has_answered_nothing() {
    let world = World::new();
    let mut urls = urls(&world);
    urls[0] = world.server.url("/gone.git");
    let aborted = abort(&world, &urls, At::Ready(1));
    assert!(aborted.stopped);
    assert!(matches!(aborted.outcome, Err(Failure::Cancelled)));
    assert_eq!(said(&world.up, &["rev-parse", "main"]), world.dev("main~3"));
}

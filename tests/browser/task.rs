//! The clock and tasks in a worker of a real browser: who gets a turn, and when.
#![cfg(target_arch = "wasm32")]

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use gitside::browser::clock::WebClock;
use gitside::host::Clock;
use gitside::task::{Cancelled, Task};
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::*;
use web_sys::MessageChannel;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn clock() -> Rc<WebClock> {
    Rc::new(WebClock::new().unwrap())
}

/// Calls the function in a message event of its own.
fn post(f: impl FnOnce() + 'static) {
    let channel = MessageChannel::new().unwrap();
    let port = channel.port1();
    let close = port.clone();
    let on_message = Closure::once_into_js(move || {
        close.close();
        f();
    });
    port.set_onmessage(Some(on_message.unchecked_ref()));
    channel.port2().post_message(&JsValue::NULL).unwrap();
}

#[wasm_bindgen_test]
async fn yielding_lets_messages_and_timers_in() {
    let clock = clock();
    let message = Rc::new(Cell::new(false));
    let noted = Rc::clone(&message);
    post(move || noted.set(true));
    let timer = Rc::new(Cell::new(false));
    let (noted, sleeper) = (Rc::clone(&timer), clock.sleep(0));
    spawn_local(async move {
        sleeper.await;
        noted.set(true);
    });
    let started = clock.now();
    let mut turns = 0;
    while !(message.get() && timer.get()) {
        clock.yield_now().await;
        turns += 1;
        assert!(
            clock.now() - started < 1000.0,
            "starved: {} {}",
            message.get(),
            timer.get()
        );
    }
    assert!(turns > 0);
}

#[wasm_bindgen_test]
async fn each_yield_waits_for_a_turn_of_its_own() {
    let clock = clock();
    let order = Rc::new(RefCell::new(Vec::new()));
    for name in ["a", "b"] {
        let (clock, order) = (Rc::clone(&clock), Rc::clone(&order));
        spawn_local(async move {
            for turn in 0..3 {
                clock.yield_now().await;
                order.borrow_mut().push((turn, name));
            }
        });
    }
    clock.sleep(20).await;
    assert_eq!(
        *order.borrow(),
        [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b")]
    );
}

#[wasm_bindgen_test]
async fn a_dropped_yield_takes_nobody_elses_turn() {
    let clock = clock();
    drop(clock.yield_now());
    clock.yield_now().await;
    let mut dropped = clock.yield_now();
    assert!(
        poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context)))
            .await
            .is_pending()
    );
    drop(dropped);
    clock.yield_now().await;
}

#[wasm_bindgen_test]
async fn a_sleep_lasts_as_long_as_it_was_told_to() {
    let clock = clock();
    let before = clock.now();
    clock.sleep(30).await;
    let slept = clock.now() - before;
    assert!((29.0..1000.0).contains(&slept), "{slept} ms");
}

#[wasm_bindgen_test]
async fn a_dropped_sleep_is_cleared() {
    let global = js_sys::global();
    let real = Reflect::get(&global, &"clearTimeout".into()).unwrap();
    Reflect::set(&global, &"cleared".into(), &0.into()).unwrap();
    let counting = js_sys::Function::new_with_args("real", "return (id) => { self.cleared += 1; real(id); };");
    let counting = counting.call1(&JsValue::UNDEFINED, &real).unwrap();
    Reflect::set(&global, &"clearTimeout".into(), &counting).unwrap();
    let clock = clock();
    // Cut to what timers can count, not wrapped round to no time at all.
    let mut endless = clock.sleep(u32::MAX);
    assert!(
        poll_fn(|context| Poll::Ready(endless.as_mut().poll(context)))
            .await
            .is_pending()
    );
    clock.sleep(5).await;
    assert!(
        poll_fn(|context| Poll::Ready(endless.as_mut().poll(context)))
            .await
            .is_pending()
    );
    let cleared = || Reflect::get(&js_sys::global(), &"cleared".into()).unwrap();
    assert_eq!(cleared(), 0, "a sleep that ended needs no clearing");
    drop(endless);
    assert_eq!(cleared(), 1);
    Reflect::set(&global, &"clearTimeout".into(), &real).unwrap();
}

#[wasm_bindgen_test]
async fn a_busy_task_is_cancelled_by_a_message_within_two_slices() {
    let clock = clock();
    let task = Task::new(clock.clone(), |_| {});
    let cancelled_at = Rc::new(Cell::new(f64::MAX));
    let (noted, canceller, watch) = (Rc::clone(&cancelled_at), task.clone(), clock.clone());
    let ticket = clock.sleep(20);
    spawn_local(async move {
        ticket.await;
        noted.set(watch.now());
        assert!(canceller.cancel());
    });
    let started = clock.now();
    let stopped = loop {
        // About a microsecond of work.
        std::hint::black_box((0..1000_u32).fold(0_u32, |sum, n| sum.wrapping_mul(31).wrapping_add(n)));
        if let Err(stopped) = task.checkpoint().await {
            break stopped;
        }
        assert!(clock.now() - started < 2000.0, "never stopped");
    };
    assert_eq!(stopped, Cancelled);
    let (waited, late) = (cancelled_at.get() - started, clock.now() - cancelled_at.get());
    assert!(waited < 100.0, "the event loop got its turn after {waited} ms");
    assert!(late < 100.0, "stopped {late} ms after it was told to");
}

#[wasm_bindgen_test]
async fn a_race_ends_when_the_task_is_cancelled_and_drops_what_it_waited_for() {
    struct Held(Rc<Cell<bool>>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let clock = clock();
    let task = Task::new(clock.clone(), |_| {});
    let dropped = Rc::new(Cell::new(false));
    let held = Held(Rc::clone(&dropped));
    let canceller = task.clone();
    post(move || {
        canceller.cancel();
    });
    let sleeping = clock.sleep(60_000);
    let work = async move {
        let _held = held;
        sleeping.await;
    };
    assert_eq!(task.race(work).await, Err(Cancelled));
    assert!(dropped.get());
}

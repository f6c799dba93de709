//! Answers that are cut or flipped, and clones that are cancelled: nothing is left.

use std::rc::Rc;

use gitside::error::Failure;
use gitside::ops::clone::clone;
use gitside::ops::remote::Version;
use gitside::task::Task;

use crate::replay::Replay;
use crate::support::block_on;
use crate::world::{URL, assert_nothing_left, recorded, replayed, run_clone, version, world};

#[test]
fn a_cut_at_every_byte_of_every_answer_is_refused_and_leaves_nothing() {
    let mut cuts = 0;
    for protocol in [Version::V0, Version::V2] {
        let answers = recorded(protocol);
        assert!(replayed(answers.clone(), protocol).1.is_ok());
        let total: usize = answers.iter().map(|answer| answer.body.len()).sum();
        assert!(total > 5000, "{total}");
        for which in 0..answers.len() {
            for at in 0..answers[which].body.len() {
                let mut cut = answers.clone();
                cut[which].body.truncate(at);
                // A repeated request gets the same cut answer.
                let again = cut[which].clone();
                cut.splice(which..which, [again.clone(), again]);
                let (world, result) = replayed(cut, protocol);
                assert!(result.is_err(), "answer {which} cut at {at}");
                block_on(assert_nothing_left(&world, &format!("answer {which} cut at {at}")));
                cuts += 1;
            }
        }
    }
    assert!(cuts >= 12_000, "{cuts} cuts");
}

#[test]
fn answers_in_pieces_of_any_size_give_the_same_clone() {
    for protocol in [Version::V0, Version::V2] {
        let answers = recorded(protocol);
        for piece in [1, 2, 3, 5, 7, 64, 1000] {
            let mut http = Replay::new(answers.clone());
            http.piece = piece;
            let world = world(http);
            block_on(async {
                let repo = run_clone(&world, URL, &version(protocol)).await.unwrap();
                assert_eq!(repo.usage().await.unwrap().stats.objects, 121, "pieces of {piece}");
            });
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_pack_is_refused_and_leaves_nothing() {
    let answers = recorded(Version::V2);
    let fetch = answers.len() - 1;
    let start = answers[fetch]
        .body
        .windows(4)
        .position(|bytes| bytes == b"PACK")
        .unwrap();
    let end = answers[fetch].body.len() - 4;
    let mut flips = 0;
    for at in start..end {
        let mut flipped = answers.clone();
        flipped[fetch].body[at] ^= 1 << (at % 8);
        let again = flipped[fetch].clone();
        flipped.push(again);
        let (world, result) = replayed(flipped, Version::V2);
        // Between side-band packets there are lengths and band numbers; progress text may change.
        if let Ok(repo) = &result {
            assert_eq!(block_on(repo.usage()).unwrap().stats.objects, 121, "flip at {at}");
            continue;
        }
        block_on(assert_nothing_left(&world, &format!("flip at {at}")));
        flips += 1;
    }
    assert!(flips > 3000, "{flips} flips");
}

#[test]
fn a_cancelled_clone_leaves_nothing_wherever_it_is_stopped() {
    let answers = recorded(Version::V2);
    let mut stopped = 0;
    for moment in 0..400 {
        let mut http = Replay::new(answers.clone());
        http.piece = 100;
        let world = world(http);
        let handle: Rc<std::cell::RefCell<Option<Task>>> = Rc::default();
        let inner = handle.clone();
        let count = std::cell::Cell::new(0);
        let task = Task::new(world.host.clock.clone(), move |_| {
            count.set(count.get() + 1);
            if count.get() == moment {
                inner.borrow().as_ref().unwrap().cancel();
            }
        });
        *handle.borrow_mut() = Some(task.clone());
        if moment == 0 {
            task.cancel();
        }
        let result = block_on(clone(&world.host, &task, URL, "copy", &version(Version::V2)));
        handle.borrow_mut().take();
        match result {
            Err(Failure::Cancelled) => {
                block_on(assert_nothing_left(&world, &format!("stopped at event {moment}")));
                stopped += 1;
            }
            Err(failure) => panic!("{failure}"),
            Ok(_) => {
                assert!(stopped > 40, "{stopped} moments");
                return;
            }
        }
    }
    panic!("the clone never came to its end");
}

//! The event loop gets its turn during a clone, and whoever aborts it then is answered there.

use gitside::error::Failure;
use gitside::ops::clone::clone;
use gitside::ops::remote::Version;

use crate::hasty::Hasty;
use crate::replay::Replay;
use crate::support::block_on;
use crate::world::{URL, assert_nothing_left, recorded, version, world};

#[test]
fn there_is_a_pause_for_every_object_and_an_abort_in_any_is_answered_in_that_one() {
    let answers = recorded(Version::V2);
    let attempt = |cancel_in: u32| {
        let (clock, task) = Hasty::task(cancel_in);
        let mut world = world(Replay::new(answers.clone()));
        world.host.clock = clock.clone();
        let done = block_on(clone(&world.host, &task, URL, "copy", &version(Version::V2)));
        (world, done, clock.pauses())
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

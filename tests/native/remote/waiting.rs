//! Time limits, retries, cancelling. Everything ends.

use gitside::error::{Code, Failure};
use gitside::host::HttpError;
use gitside::ops::remote::{Options, Remote, Retry, Service, Timeouts};
use gitside::protocol::url::RemoteUrl;
use std::cell::Cell;

use crate::mock::*;

const URL: &str = "https://h.example/r.git";

fn pieces(pieces: Vec<Piece>) -> Answer {
    Answer { body: pieces, ..v2() }
}

fn bytes(answer: Answer) -> Vec<u8> {
    answer
        .body
        .into_iter()
        .flat_map(|piece| {
            if let Piece::Bytes(bytes) = piece {
                bytes
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// Replies one after the other; the last one for good.
fn in_turn(replies: Vec<Reply>) -> World {
    let at = Cell::new(0);
    World::new(move |_| {
        let now = at.get();
        at.set(now + 1);
        replies.get(now).or(replies.last()).cloned().expect("a reply")
    })
}

#[test]
fn a_server_that_never_answers_is_given_up_after_its_own_limit() {
    let world = World::new(|_| Reply::Hang);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::Stalled);
    assert!(error.message.contains("120 s"), "{error}");
    assert_eq!(world.elapsed(), 120_000.0);
    assert_eq!(world.requests(), 1);
}

#[test]
fn the_time_of_an_upload_is_not_counted_as_silence() {
    let world = World::new(|request| {
        if request.body.is_none() {
            v2().into()
        } else {
            Reply::Hang
        }
    });
    let timeouts = Timeouts {
        first_byte: 10_000,
        upload_rate: 100,
        ..Timeouts::default()
    };
    let mut session = world
        .connect(
            URL,
            &Options {
                timeouts,
                ..Options::default()
            },
        )
        .unwrap();
    let failure = world.run(session.ls_refs(&[])).unwrap_err();
    assert_eq!(failure.error().unwrap().code, Code::Stalled);
    let body = world.last().body.unwrap().len();
    let upload = 1000.0 * body as f64 / 100.0;
    assert!(
        (world.elapsed() - 10_000.0 - upload).abs() < 1.0,
        "{} {body}",
        world.elapsed()
    );
}

#[test]
fn a_body_that_stops_is_given_up_and_a_slow_one_is_not() {
    let all = bytes(v2());
    let (first, rest) = all.split_at(10);
    let world = in_turn(vec![pieces(vec![Piece::Bytes(first.to_vec()), Piece::Hang]).into()]);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::Stalled);
    assert!(
        error.message.contains("30 s") && error.message.contains("10 bytes"),
        "{error}"
    );
    assert_eq!(world.elapsed(), 30_000.0);
    let slow = vec![
        Piece::Bytes(first.to_vec()),
        Piece::Pause(29_000),
        Piece::Bytes(rest.to_vec()),
        Piece::Pause(29_000),
    ];
    let world = in_turn(vec![pieces(slow).into()]);
    assert!(world.connect(URL, &Options::default()).is_ok());
    assert_eq!(world.elapsed(), 58_000.0);
    // One byte a second.
    let dribble = all
        .iter()
        .flat_map(|byte| [Piece::Pause(1000), Piece::Bytes(vec![*byte])])
        .collect();
    assert!(
        in_turn(vec![pieces(dribble).into()])
            .connect(URL, &Options::default())
            .is_ok()
    );
}

#[test]
fn failing_gateways_and_networks_are_tried_again_at_most_twice() {
    let bad = |status| Reply::from(answer(status, "text/plain", ""));
    let ok = || Reply::from(v2());
    let check = |replies: Vec<Reply>, requests: usize, code: Option<Code>| {
        let world = in_turn(replies);
        let result = world.connect(URL, &Options::default());
        assert_eq!(
            result.err().and_then(|failure| failure.error().map(|error| error.code)),
            code
        );
        assert_eq!(world.requests(), requests);
        assert!(world.elapsed() < 10_000.0);
    };
    check(vec![bad(503), ok()], 2, None);
    check(vec![bad(502), bad(504), ok()], 3, None);
    check(vec![Reply::Opaque, ok()], 2, None);
    check(vec![Reply::Opaque, bad(503), ok()], 3, None);
    check(vec![bad(503)], 3, Some(Code::Unavailable));
    check(vec![Reply::Opaque], 3, Some(Code::NetworkOpaque));
    check(vec![bad(500), ok()], 1, Some(Code::Unavailable));
    check(vec![bad(429), ok()], 1, Some(Code::RateLimited));
    check(vec![bad(404), ok()], 1, Some(Code::RemoteNotFound));
    let later = |told: &str| Reply::from(answer(503, "text/plain", "").header("retry-after", told));
    check(vec![later("2"), ok()], 1, Some(Code::Unavailable));
    check(vec![later("0"), ok()], 2, None);
    check(vec![later("soon"), ok()], 2, None);
    check(vec![later("Sun, 06 Nov 1994 08:00:00 GMT"), ok()], 2, None);
}

/// What git's own test of 429 (t5584) asks for, and the same of 503.
#[test]
fn who_says_when_to_come_back_is_waited_for_where_the_caller_allows_it() {
    struct Case {
        status: u16,
        told: Option<&'static str>,
        /// How often the server says so before it answers.
        times: usize,
        retry: Retry,
        requests: usize,
        /// The code of the failure, and words of it.
        fails: Option<(Code, &'static str)>,
        /// Seconds, at least and at most.
        waits: (f64, f64),
    }
    let allow = |max_retries, max_retry_time| Retry {
        max_retries,
        max_retry_time,
    };
    let (limited, unavailable) = (Code::RateLimited, Code::Unavailable);
    let case = |status, told, times, retry, requests, fails, waits| Case {
        status,
        told,
        times,
        retry,
        requests,
        fails,
        waits,
    };
    let never = Retry::default();
    let none = (0.0, 0.0);
    let future = "Sun, 06 Nov 1994 08:49:39 GMT";
    let past = "Sun, 06 Nov 1994 08:49:27 GMT";
    for case in [
        case(429, Some("1"), 1, never, 1, Some((limited, "in 1 s")), none),
        case(429, None, 1, never, 1, Some((limited, "option retry")), none),
        case(503, Some("1"), 1, never, 1, Some((unavailable, "in 1 s")), none),
        case(
            429,
            Some("1"),
            9,
            allow(2, 300),
            3,
            Some((limited, "2 times")),
            (2.0, 3.0),
        ),
        case(429, Some("1"), 1, allow(3, 300), 2, None, (1.0, 1.5)),
        case(503, Some("7"), 2, allow(3, 300), 3, None, (14.0, 15.0)),
        case(429, None, 1, allow(3, 300), 2, None, (0.5, 1.5)),
        case(429, None, 3, allow(3, 300), 4, None, (3.5, 10.5)),
        case(429, Some("invalid-format"), 1, allow(3, 300), 2, None, (0.5, 1.5)),
        case(
            429,
            Some("100"),
            1,
            allow(3, 3),
            1,
            Some((limited, "longer than the 3 s")),
            none,
        ),
        case(429, Some(future), 1, allow(3, 300), 2, None, (2.0, 3.0)),
        case(429, Some(past), 1, allow(3, 300), 2, None, (0.0, 0.5)),
        case(429, Some("0"), 1, allow(3, 0), 2, None, (0.0, 0.5)),
    ] {
        let mut refusal = answer(case.status, "text/plain", "slow down");
        if let Some(told) = case.told {
            refusal = refusal.header("retry-after", told);
        }
        let mut replies = vec![Reply::from(refusal); case.times];
        replies.push(v2().into());
        let world = in_turn(replies);
        let options = Options {
            retry: case.retry,
            ..Options::default()
        };
        let what = format!("{} {:?} {:?}", case.status, case.told, case.retry);
        match (world.connect(URL, &options), case.fails) {
            (Ok(_), None) => {}
            (Err(failure), Some((code, words))) => {
                let error = failure.error().unwrap();
                assert_eq!(error.code, code, "{what}");
                assert!(error.to_string().contains(words) && error.retryable, "{what}: {error}");
                assert_eq!(error.remote_text.as_deref(), Some("slow down"), "{what}");
            }
            (result, _) => panic!("{what}: {:?}", result.err()),
        }
        assert_eq!(world.requests(), case.requests, "{what}");
        let seconds = world.elapsed() / 1000.0;
        assert!((case.waits.0..=case.waits.1).contains(&seconds), "{what}: {seconds}");
        let told = world.events.borrow().len();
        assert_eq!(told, case.requests - 1, "every wait is reported: {what}");
    }
}

#[test]
fn a_wait_can_be_cancelled() {
    let world = in_turn(vec![answer(429, "text/plain", "").header("retry-after", "200").into()]);
    let url = RemoteUrl::parse(URL).unwrap();
    let retry = Retry {
        max_retries: 1,
        ..Retry::default()
    };
    let options = Options {
        retry,
        ..Options::default()
    };
    let connect = Remote::connect(&world.host, &world.task, &url, Service::UploadPack, &options);
    let (result, at) = world.run_and_cancel(1500.0, connect);
    assert!(matches!(result, Err(Failure::Cancelled)));
    assert_eq!((at, world.requests()), (1500.0, 1));
}

#[test]
fn nothing_of_a_push_is_ever_sent_twice() {
    // Discovery changes nothing and is repeated, for a push too.
    let options = Options {
        retry: Retry {
            max_retries: 5,
            ..Retry::default()
        },
        ..Options::default()
    };
    let world = in_turn(vec![answer(429, "text/plain", "").into()]);
    let failure = world.connect_for(URL, Service::ReceivePack, &options).err().unwrap();
    assert_eq!(failure.error().unwrap().code, Code::RateLimited);
    assert_eq!(world.requests(), 6);
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_once_more() {
    let broken = || pieces(vec![Piece::Bytes(bytes(v2())[..10].to_vec()), Piece::Break]);
    assert!(
        in_turn(vec![broken().into(), v2().into()])
            .connect(URL, &Options::default())
            .is_ok()
    );
    let world = in_turn(vec![broken().into()]);
    let error = world.refusal(URL, &Options::default());
    assert_eq!(error.code, Code::ConnectionReset);
    assert!(error.message.contains("10 bytes") && error.retryable, "{error}");
    assert_eq!(world.requests(), 2);
}

#[test]
fn cancelling_works_at_every_point_at_once() {
    let hanging = || pieces(vec![Piece::Bytes(bytes(v2())[..10].to_vec()), Piece::Hang]);
    let unavailable = || answer(503, "text/plain", "");
    let stuck_error = || Answer {
        body: vec![Piece::Hang],
        ..answer(400, "text/plain", "")
    };
    for reply in [
        Reply::Hang,
        hanging().into(),
        unavailable().into(),
        stuck_error().into(),
    ] {
        let world = in_turn(vec![reply]);
        let url = RemoteUrl::parse(URL).unwrap();
        let options = Options::default();
        let connect = Remote::connect(&world.host, &world.task, &url, Service::UploadPack, &options);
        let (result, at) = world.run_and_cancel(100.0, connect);
        assert!(matches!(result, Err(Failure::Cancelled)));
        assert_eq!(at, 100.0);
    }
}

#[test]
fn a_task_cancelled_before_sends_nothing() {
    let world = World::new(|request| discovery(request).into());
    world.task.cancel();
    assert!(matches!(
        world.connect(URL, &Options::default()),
        Err(Failure::Cancelled)
    ));
    assert_eq!(world.requests(), 0);
}

#[test]
fn a_request_the_platform_cannot_make_is_no_network_failure() {
    // What no script of ours produces: the platform's own refusal, with a secret in its text.
    struct Invalid;
    impl gitside::host::Http for Invalid {
        fn send(
            &self,
            _: gitside::host::Request,
        ) -> gitside::host::Async<'_, Result<gitside::host::Response, HttpError>> {
            Box::pin(async {
                Err(HttpError::Invalid {
                    detail: "bad value S3CR3T".to_owned(),
                })
            })
        }
        fn surroundings(&self) -> gitside::host::Surroundings {
            gitside::host::Surroundings::default()
        }
    }
    let mut world = World::new(|_| Reply::Hang);
    world.host.http = std::rc::Rc::new(Invalid);
    let options = Options {
        headers: vec![("x-token".to_owned(), "S3CR3T".into())],
        ..Options::default()
    };
    let error = world.refusal(URL, &options);
    assert_eq!(error.code, Code::Unsupported);
    assert!(!format!("{error:?}").contains("S3CR3T"), "{error:?}");
}

//! Time limits, retries, cancelling. Everything ends.

use gitside::error::{Code, Failure};
use gitside::host::HttpError;
use gitside::ops::remote::{Options, Remote, Service, Timeouts};
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
    let later = |seconds: &str| Reply::from(answer(503, "text/plain", "").header("retry-after", seconds));
    check(vec![later("2"), ok()], 2, None);
    check(vec![later("3600"), ok()], 1, Some(Code::Unavailable));
}

#[test]
fn a_retry_waits_as_long_as_the_server_says() {
    let world = in_turn(vec![
        answer(503, "text/plain", "").header("retry-after", "4").into(),
        v2().into(),
    ]);
    assert!(world.connect(URL, &Options::default()).is_ok());
    assert!(world.elapsed() >= 4000.0);
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

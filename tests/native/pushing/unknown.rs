//! Answers that never come, break off, contradict themselves or are about something else; and the
//! question what became of the push.

use gitside::error::Code;
use gitside::ops::push::ask::{self, Answer, Fate, Question};
use gitside::ops::push::{PushKind, PushedTo, Reason};
use gitside_server::{End, Fault, Reply, When};

use crate::support::block_on;
use crate::world::{World, kinds, one, to_up};

const MAIN: &str = "refs/heads/main";

fn post() -> When {
    When::post().path_contains("git-receive-pack")
}

fn result(body: impl Into<Vec<u8>>) -> Fault {
    Fault::respond(Reply::result("git-receive-pack", body))
}

fn ask(world: &World, pushed: &PushedTo) -> Vec<Answer> {
    let questions: Vec<Question> = pushed
        .updates
        .iter()
        .filter(|update| update.kind == PushKind::Unknown)
        .map(|update| Question {
            name: update.name.clone(),
            old: update.old,
            new: update.new,
        })
        .collect();
    let options = ask::Options {
        remote: Some("up".to_owned()),
        url: Some(pushed.url.clone()),
        ..ask::Options::default()
    };
    block_on(ask::ask(&world.fresh_task(), &world.repo, &questions, &options)).unwrap()
}

/// A push of `main` after which nothing is known, and the code of why.
fn unknown(world: &World, expected: Code) -> PushedTo {
    let tracking = world.here("refs/remotes/up/main");
    let pushed = one(world.push_with(&to_up(&["main"])).unwrap());
    assert_eq!(kinds(&pushed), [(MAIN.to_owned(), "unknown")]);
    let update = &pushed.updates[0];
    assert_eq!((update.code, &update.tracking), (Some(Code::PushOutcomeUnknown), &None));
    assert!(!update.reason.as_ref().unwrap().is_empty());
    let error = pushed.error.as_ref().unwrap();
    assert_eq!(error.code, expected, "{error}");
    assert!(error.hint.as_ref().unwrap().contains("ask it before"), "{error}");
    assert_eq!(world.here("refs/remotes/up/main"), tracking);
    assert_eq!(world.posts().len(), 1, "it is never sent again");
    pushed
}

#[test]
fn an_answer_that_never_comes_leaves_it_unknown_and_the_server_can_be_asked() {
    for end in [End::Close, End::Reset] {
        let world = World::new();
        world.server.fault(post(), Fault::Unanswered { end });
        let pushed = unknown(&world, Code::NetworkOpaque);
        let answers = ask(&world, &pushed);
        let expected = Answer {
            name: MAIN.as_bytes().to_vec(),
            fate: Fate::Applied,
            now: pushed.updates[0].new,
            tracking: Some(b"refs/remotes/up/main".to_vec()),
        };
        assert_eq!(answers, [expected]);
        assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main")));
        let again = world.push(&["main"]);
        assert_eq!(again.updates[0].kind, PushKind::UpToDate);
    }
}

#[test]
fn a_server_that_says_nothing_of_a_ref_has_not_done_it_as_far_as_anybody_knows() {
    let world = World::new();
    // The bytes of git's own t/lib-httpd/error-no-report.sh.
    let body = b"0013\x01000eunpack ok\n0015\x02skipping report\n0009\x0100000000";
    world.server.fault(post(), result(body.to_vec()));
    let pushed = one(world.push_with(&to_up(&["main"])).unwrap());
    let update = &pushed.updates[0];
    assert_eq!(update.kind, PushKind::Rejected);
    assert_eq!(
        (update.code, update.cause),
        (Some(Code::PushStatusMissing), Some(Reason::Unreported))
    );
    assert_eq!(update.reason.as_deref(), Some("remote failed to report status"));
    assert_eq!(pushed.messages, ["skipping report"]);
}

#[test]
fn a_cut_after_the_report_is_only_a_warning() {
    let world = World::new();
    world.hook("post-receive", "echo all done");
    world
        .server
        .fault(post(), Fault::rewrite(|body| body[..body.len() - 4].to_vec()));
    let pushed = world.push(&["main"]);
    assert_eq!(kinds(&pushed), [(MAIN.to_owned(), "fast-forward")]);
    assert!(pushed.error.is_none());
    assert_eq!(pushed.messages, ["all done"]);
    let [warning] = &world.warnings()[..] else {
        panic!("{:?}", world.warnings())
    };
    assert!(
        warning.contains("reported what became of the push, and then"),
        "{warning}"
    );
    assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main")));
}

/// The answer of a real server to a push of `main`, with a hook that says something.
fn real_answer() -> Vec<u8> {
    let world = World::new();
    world.hook("post-receive", "echo all done");
    let body = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = body.clone();
    world.server.fault(
        post(),
        Fault::rewrite(move |bytes| {
            kept.lock().unwrap().clone_from(&bytes);
            bytes
        }),
    );
    world.push(&["main"]);
    let body = body.lock().unwrap().clone();
    assert!(body.len() > 40, "{}", body.escape_ascii());
    body
}

#[test]
fn wherever_the_answer_is_cut_nothing_is_taken_for_done_that_was_not_said() {
    let answer = real_answer();
    let world = World::new();
    let mut done = 0;
    for cut in 0..answer.len() {
        for end in [End::Clean, End::Close, End::Reset] {
            world.server.clear_faults();
            let at = u64::try_from(cut).unwrap();
            world.server.fault(post(), result(answer.clone()));
            world.server.fault(post(), Fault::Truncate { at, end });
            let pushed = one(world.push_with(&to_up(&["main"])).unwrap());
            match pushed.updates[0].kind {
                PushKind::Unknown => assert!(done == 0 || end == End::Reset, "cut at {cut}"),
                PushKind::FastForward => done += 1,
                kind => panic!("cut at {cut}: {kind:?}"),
            }
            assert!(pushed.error.is_some() || pushed.updates[0].kind == PushKind::FastForward);
        }
        if done > 0 {
            // The tracking ref believes the server, which in truth did nothing.
            return;
        }
    }
    panic!("the report is complete before the last byte");
}

#[test]
fn what_is_no_report_leaves_it_unknown() {
    for (fault, code) in [
        (result(Vec::new()), Code::EmptyResponse),
        (result(b"0000".to_vec()), Code::ConnectionReset),
        (result(b"0009\x0100000000".to_vec()), Code::Protocol),
        (result(b"000e\x03disk full\n".to_vec()), Code::RemoteError),
        (result(b"0011ERR disk full".to_vec()), Code::RemoteError),
        (result(b"0009\x01000d0000".to_vec()), Code::ConnectionReset),
        (result(b"0016\x01000dunpack ok000x0000".to_vec()), Code::Protocol),
        (
            result(b"001e\x01000eunpack ok\n0009what\n00000000".to_vec()),
            Code::Protocol,
        ),
        (result(b"zzzz is no length".to_vec()), Code::Protocol),
        (
            result(b"<html><title>Sign in</title></html>".to_vec()),
            Code::NotGitHtml,
        ),
        (
            Fault::respond(Reply::html(200, "<html><title>Portal</title></html>")),
            Code::NotGitHtml,
        ),
        (Fault::respond(Reply::text(500, "oops\n")), Code::Unavailable),
        (Fault::respond(Reply::text(502, "bad gateway\n")), Code::Unavailable),
        (Fault::respond(Reply::text(504, "took too long\n")), Code::Unavailable),
        (Fault::respond(Reply::text(520, "what?\n")), Code::HttpStatus),
    ] {
        let world = World::new();
        world.server.fault(post(), fault.clone());
        let pushed = unknown(&world, code);
        let [answer] = &ask(&world, &pushed)[..] else { panic!() };
        assert_eq!((answer.fate, &answer.tracking), (Fate::NotApplied, &None), "{fault:?}");
        assert_eq!(answer.now, pushed.updates[0].old);
    }
}

#[test]
fn an_error_of_a_gateway_after_the_server_acted_is_told_apart_from_failure() {
    let world = World::new();
    world.server.fault(post(), Fault::Status { status: 504 });
    let pushed = unknown(&world, Code::Unavailable);
    assert_eq!(pushed.error.as_ref().unwrap().status, Some(504));
    assert_eq!(ask(&world, &pushed)[0].fate, Fate::Applied);
}

#[test]
fn a_connection_that_breaks_before_the_server_heard_of_it_is_unknown_too() {
    let world = World::new();
    world.server.fault(post(), Fault::Refuse);
    let pushed = unknown(&world, Code::NetworkOpaque);
    assert_eq!(ask(&world, &pushed)[0].fate, Fate::NotApplied);
    world.server.clear_faults();
    assert_eq!(world.push(&["main"]).updates[0].kind, PushKind::FastForward);
}

#[test]
fn a_server_that_hangs_is_given_up_and_left_unknown() {
    for fault in [Fault::Delay { ms: None }, Fault::stall(20)] {
        let world = World::new();
        world.server.fault(post(), fault);
        let mut options = to_up(&["main"]);
        options.transport.timeouts.first_byte = 300;
        options.transport.timeouts.stall = 300;
        let pushed = one(world.push_with(&options).unwrap());
        assert_eq!(pushed.updates[0].kind, PushKind::Unknown);
        assert_eq!(pushed.error.unwrap().code, Code::Stalled);
        assert_eq!(world.posts().len(), 1);
    }
}

/// A report of these lines in the side-band.
fn report(lines: &[&str]) -> Fault {
    let mut inner = String::new();
    for line in lines {
        inner.push_str(&format!("{:04x}{line}\n", line.len() + 5));
    }
    inner.push_str("0000");
    result(format!("{:04x}\x01{inner}0000", inner.len() + 5))
}

#[test]
fn a_report_that_contradicts_itself_says_nothing() {
    for (lines, expected) in [
        (&["unpack ok", "ok refs/heads/main", "ng refs/heads/main no"][..], None),
        (&["unpack ok", "ng refs/heads/main no", "ok refs/heads/main"], None),
        (
            &["unpack disk full", "ok refs/heads/main"],
            Some(Code::PushUnpackFailed),
        ),
    ] {
        let world = World::new();
        world.server.fault(post(), report(lines));
        let pushed = world.push(&["main"]);
        let update = &pushed.updates[0];
        assert_eq!(
            (update.kind, update.code),
            (PushKind::Unknown, Some(Code::PushOutcomeUnknown)),
            "{lines:?}"
        );
        assert!(update.reason.as_ref().unwrap().contains("says"));
        assert_eq!(pushed.error.as_ref().map(|error| error.code), expected);
        assert_eq!(ask(&world, &pushed)[0].fate, Fate::NotApplied);
    }
}

#[test]
fn what_is_said_twice_or_of_others_is_only_told() {
    let world = World::new();
    world.server.fault(
        post(),
        report(&[
            "unpack ok",
            "ok refs/heads/main",
            "ok refs/heads/main",
            "ok refs/heads/stranger",
            "option refname refs/heads/nobody",
        ]),
    );
    let pushed = world.push(&["main"]);
    assert_eq!(kinds(&pushed), [(MAIN.to_owned(), "fast-forward")]);
    let warnings = world.warnings();
    assert!(
        warnings[0].contains("refs/heads/stranger") && warnings[1].contains("options"),
        "{warnings:?}"
    );
    assert_eq!(world.here("refs/remotes/up/stranger"), None);
}

#[test]
fn a_refusal_with_status_200_is_a_refusal() {
    let world = World::new();
    world.server.fault(
        post(),
        report(&["unpack ok", "ng refs/heads/main my\x1b[2Jreason", "ng refs/heads/side"]),
    );
    let pushed = world.push(&["main", "side"]);
    let told = |name: &str| {
        let update = pushed
            .updates
            .iter()
            .find(|update| update.name == name.as_bytes())
            .unwrap();
        (update.kind, update.code, update.reason.clone().unwrap(), update.cause)
    };
    let refused = |reason: &str| {
        (
            PushKind::Rejected,
            Some(Code::PushRejectedRemote),
            reason.to_owned(),
            Some(Reason::Other),
        )
    };
    assert_eq!(told(MAIN), refused("my^[[2Jreason"));
    assert_eq!(told("refs/heads/side"), refused("failed"));
}

#[test]
fn a_server_without_reports_leaves_it_unknown_without_an_error() {
    for from in [
        "report-status report-status-v2 ",
        "report-status report-status-v2 delete-refs side-band-64k ",
    ] {
        let world = World::new();
        let keep = "delete-refs side-band-64k ";
        let to = if from.contains("side-band") { "" } else { keep };
        let from = if to.is_empty() {
            from.to_owned()
        } else {
            format!("{from}{keep}")
        };
        let padded = |to: &str| [to, &"x".repeat(from.len() - to.len() - 1), " "].concat();
        world.server.fault(
            When::get().path_contains("info/refs"),
            Fault::replace(from.clone(), padded(to)),
        );
        let pushed = world.push(&["main"]);
        let update = &pushed.updates[0];
        assert_eq!(
            (update.kind, update.code),
            (PushKind::Unknown, Some(Code::PushOutcomeUnknown))
        );
        assert!(update.reason.as_ref().unwrap().contains("does not report"));
        assert!(pushed.error.is_none() && update.tracking.is_none());
        world.server.clear_faults();
        assert_eq!(ask(&world, &pushed)[0].fate, Fate::Applied);
        assert_eq!(world.here("refs/remotes/up/main"), Some(world.dev("main")));
    }
}

#[test]
fn a_server_without_side_band_reports_all_the_same() {
    let world = World::new();
    world.server.fault(
        When::get().path_contains("info/refs"),
        Fault::replace("side-band-64k", "xide-band-64k"),
    );
    world.hook("update", "echo said to nobody; test $1 != refs/heads/side");
    let pushed = world.push(&["main", "side"]);
    assert_eq!(
        pushed
            .updates
            .iter()
            .map(|update| update.kind.name())
            .collect::<Vec<_>>(),
        ["fast-forward", "rejected"]
    );
    assert_eq!(pushed.updates[1].cause, Some(Reason::HookDeclined));
    assert!(pushed.messages.is_empty());
}

#[test]
fn somebody_elses_change_is_told_from_ones_own() {
    let world = World::new();
    world.server.fault(post(), Fault::Unanswered { end: End::Close });
    let pushed = unknown(&world, Code::NetworkOpaque);
    world.server.clear_faults();
    // Built upon since, in a way that is known here.
    world.push(&["+side:refs/heads/other"]);
    let options = |spec: &str| to_up(&[spec]);
    one(world.push_with(&options("+v1^{commit}:refs/heads/main")).unwrap());
    assert_eq!(ask(&world, &pushed)[0].fate, Fate::Applied);
    one(world.push_with(&options("+side:main")).unwrap());
    let answer = &ask(&world, &pushed)[0];
    assert_eq!((answer.fate, &answer.tracking), (Fate::Moved, &None));
    one(world.push_with(&options(":old")).unwrap());
}

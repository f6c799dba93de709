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

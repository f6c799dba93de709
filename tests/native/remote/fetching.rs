//! Fetching: the pack's way, progress, and how it can end.

use std::cell::RefCell;

use gitside::error::{Code, Failure, GitError, Outcome, Stage};
use gitside::format::oid::ObjectId;
use gitside::host::{Async, RequestBody};
use gitside::ops::remote::{Acks, Deepen, FetchRequest, Negotiator, Options, Timeouts};
use gitside::task::{Event, Phase, Progress};

use crate::mock::*;

const URL: &str = "https://h.example/r.git";

fn oid() -> ObjectId {
    ObjectId::from_hex(OID.as_bytes()).unwrap()
}

fn clone() -> FetchRequest {
    FetchRequest::clone_of(vec![oid()])
}

/// A version 2 server that answers every fetch with these pieces.
fn serving(pieces: Vec<Piece>) -> World {
    World::new(move |request| match request.body {
        None => v2().into(),
        Some(_) => Answer {
            body: pieces.clone(),
            ..answer(200, RESULT, "")
        }
        .into(),
    })
}

fn packfile(bands: &[Vec<u8>]) -> Vec<u8> {
    [pkt("packfile\n"), bands.concat(), b"0000".to_vec()].concat()
}

/// Fetches to the end.
fn all(world: &World, request: FetchRequest) -> Outcome<Vec<u8>> {
    all_with(world, request, &Options::default())
}

fn all_with(world: &World, request: FetchRequest, options: &Options) -> Outcome<Vec<u8>> {
    let mut session = world.connect(URL, options)?;
    world.run(async {
        let mut stream = session.fetch(request, None).await?;
        let mut pack = Vec::new();
        while let Some(piece) = stream.next().await? {
            assert!(!piece.is_empty());
            pack.extend(piece);
        }
        assert_eq!(stream.next().await?, None);
        Ok(pack)
    })
}

fn error(result: Outcome<Vec<u8>>) -> GitError {
    match result {
        Err(Failure::Error(error)) => *error,
        Err(Failure::Cancelled) => panic!("cancelled"),
        Ok(_) => panic!("fetched"),
    }
}

#[test]
fn a_pack_arrives_whole_however_the_network_cuts_it() {
    let body = packfile(&[
        band(2, b"Counting objects: 3, done.\n"),
        band(1, b"PACK12"),
        b"0005\x01".to_vec(),
        band(1, b"3456"),
    ]);
    for size in [1, 2, 3, 7, body.len()] {
        let pieces = body.chunks(size).map(|chunk| Piece::Bytes(chunk.to_vec())).collect();
        assert_eq!(all(&serving(pieces), clone()).unwrap(), b"PACK123456", "{size}");
    }
}

#[test]
fn small_packets_are_handed_on_in_large_pieces() {
    let packets: Vec<Vec<u8>> = (0..2000).map(|_| band(1, &[7; 990])).collect();
    let world = serving(vec![Piece::Bytes(packfile(&packets))]);
    let mut session = world.connect(URL, &Options::default()).unwrap();
    world.run(async {
        let mut stream = session.fetch(clone(), None).await.unwrap();
        let mut sizes = Vec::new();
        while let Some(piece) = stream.next().await.unwrap() {
            sizes.push(piece.len());
        }
        assert_eq!(sizes.iter().sum::<usize>(), 2000 * 990);
        assert!(sizes.len() <= 9, "{sizes:?}");
    });
}

#[test]
fn progress_is_counted_and_lines_are_passed_on_cleaned() {
    let said = [
        band(2, b"Enumerating objects: 12, done.\nCounting obj"),
        band(2, b"ects:  50% (6/12)\rCounting objects: 100% (12/12), done.\n"),
        band(2, b"Compressing objects:  10% (1/10)\r"),
        band(2, b"\x1b[31mhello\n"),
        band(1, b"PACK"),
        band(2, b"Total 12 (delta 3), reused 0 (delta 0)\nwarming up\r"),
    ];
    let world = serving(vec![Piece::Bytes(packfile(&said))]);
    all(&world, clone()).unwrap();
    let progress = |phase, loaded, total| {
        Event::Progress(Progress {
            phase,
            loaded,
            total,
            bytes: None,
        })
    };
    let message = |text: &str| Event::Message(text.to_owned());
    let expected = [
        progress(Phase::Counting, 12, None),
        message("Enumerating objects: 12, done."),
        progress(Phase::Counting, 6, Some(12)),
        progress(Phase::Counting, 12, Some(12)),
        message("Counting objects: 100% (12/12), done."),
        progress(Phase::Compressing, 1, Some(10)),
        message("^[[31mhello"),
        message("Total 12 (delta 3), reused 0 (delta 0)"),
        message("warming up"),
    ];
    assert_eq!(*world.events.borrow(), expected);
}

#[test]
fn the_shallow_boundary_is_known_before_the_pack() {
    let body = [
        pkt("shallow-info\n"),
        pkt(format!("shallow {OID}\n")),
        b"0001".to_vec(),
        packfile(&[band(1, b"PACK")]),
    ];
    let world = serving(vec![Piece::Bytes(body.concat())]);
    let mut session = world.connect(URL, &Options::default()).unwrap();
    world.run(async {
        let request = FetchRequest {
            deepen: Deepen::Depth(1),
            ..clone()
        };
        let stream = session.fetch(request, None).await.unwrap();
        assert_eq!(stream.shallow().shallow, [oid()]);
        assert!(stream.shallow().requested);
    });
}

#[test]
fn every_broken_answer_has_its_code() {
    let check = |body: Vec<u8>, code: Code, stage: Stage, words: &str| {
        let error = error(all(&serving(vec![Piece::Bytes(body)]), clone()));
        assert_eq!((error.code, error.stage), (code, stage), "{error}");
        let text = format!("{error} {}", error.remote_text.clone().unwrap_or_default());
        assert!(text.contains(words), "{words} is not in {text}");
        assert_eq!(error.url.as_deref(), Some(URL));
    };
    let (early, late) = (Stage::Negotiate, Stage::Receive);
    let good = packfile(&[band(1, b"PACK1234")]);
    check(Vec::new(), Code::EmptyResponse, early, "GIT_HTTP_MAX_REQUEST_BUFFER");
    check(
        good[..good.len() - 4].to_vec(),
        Code::ConnectionReset,
        late,
        "ended early",
    );
    check(good[..20].to_vec(), Code::ConnectionReset, late, "20 bytes");
    check(
        pkt("ERR upload-pack: not our ref 1234"),
        Code::StaleRefs,
        early,
        "not our ref",
    );
    check(pkt("ERR out of coffee"), Code::RemoteError, early, "out of coffee");
    check(
        packfile(&[
            band(1, b"PACK"),
            band(3, b"aborting due to possible repository corruption on the remote side."),
        ]),
        Code::RemoteError,
        late,
        "possible repository corruption",
    );
    check(packfile(&[band(9, b"x")]), Code::Protocol, early, "band");
    check(pkt("nonsense\n"), Code::Protocol, early, "nonsense");
    check(b"0003".to_vec(), Code::Protocol, early, "");
    check(
        [good.clone(), b"junk".to_vec()].concat(),
        Code::Protocol,
        late,
        "after the end",
    );
    check(
        b"<!DOCTYPE html><title>Blocked</title>".to_vec(),
        Code::NotGitHtml,
        early,
        "Blocked",
    );
}

#[test]
fn what_the_server_cannot_do_is_refused_before_the_post() {
    let world = World::new(|_| v0().into());
    let other = ObjectId::from_hex("2".repeat(40).as_bytes()).unwrap();
    for (request, capability) in [
        (
            FetchRequest {
                deepen: Deepen::Relative(1),
                ..clone()
            },
            "deepen-relative",
        ),
        (FetchRequest::clone_of(vec![other]), "unadvertised"),
    ] {
        let error = error(all(&world, request));
        assert_eq!(error.code, Code::CapabilityMissing);
        assert!(error.message.contains(capability), "{error}");
    }
    assert!(world.http.log.borrow().iter().all(|request| request.body.is_none()));
}

#[test]
fn keep_alives_are_life_but_not_for_ever() {
    let keep_alive = Piece::Forever(5_000, b"0005\x01".to_vec());
    let start = Piece::Bytes([pkt("packfile\n"), band(1, b"PACK")].concat());
    let world = serving(vec![start.clone(), keep_alive]);
    let failure = error(all(&world, clone()));
    assert_eq!(failure.code, Code::Stalled);
    assert!((600_000.0..620_000.0).contains(&world.elapsed()), "{}", world.elapsed());
    // A server that works for nine minutes, and says that it lives, is waited for.
    let mut pieces = vec![start];
    pieces.extend((0..108).flat_map(|_| [Piece::Pause(5_000), Piece::Bytes(b"0005\x01".to_vec())]));
    pieces.push(Piece::Bytes([band(1, b"!"), b"0000".to_vec()].concat()));
    assert_eq!(all(&serving(pieces), clone()).unwrap(), b"PACK!");
}

#[test]
fn a_pack_that_stops_coming_is_given_up() {
    let world = serving(vec![
        Piece::Bytes([pkt("packfile\n"), band(1, b"PACK")].concat()),
        Piece::Hang,
    ]);
    let options = Options {
        timeouts: Timeouts {
            stall: 7_000,
            ..Timeouts::default()
        },
        ..Options::default()
    };
    let failure = error(all_with(&world, clone(), &options));
    assert_eq!((failure.code, failure.stage), (Code::Stalled, Stage::Receive));
    assert_eq!(world.elapsed(), 7_000.0);
}

#[test]
fn a_pack_that_breaks_off_is_not_asked_for_again_but_an_answer_that_never_began_is() {
    let world = serving(vec![
        Piece::Bytes([pkt("packfile\n"), band(1, b"PACK")].concat()),
        Piece::Break,
    ]);
    let failure = error(all(&world, clone()));
    assert_eq!((failure.code, failure.retryable), (Code::ConnectionReset, true));
    assert_eq!(world.requests(), 2);
    let world = serving(vec![Piece::Break]);
    assert_eq!(error(all(&world, clone())).code, Code::ConnectionReset);
    assert_eq!(world.requests(), 3);
}

#[test]
fn cancelling_while_the_pack_comes_stops_at_once() {
    let world = serving(vec![
        Piece::Bytes([pkt("packfile\n"), band(1, b"PACK")].concat()),
        Piece::Hang,
    ]);
    let mut session = world.connect(URL, &Options::default()).unwrap();
    let fetch = async {
        let mut stream = session.fetch(clone(), None).await?;
        while stream.next().await?.is_some() {}
        Ok(())
    };
    let (result, at) = world.run_and_cancel(50.0, fetch);
    assert!(matches!(result, Err(Failure::Cancelled)));
    assert_eq!(at, 50.0);
}

/// Tells two commits, and writes down what it hears.
#[derive(Default)]
struct Two {
    told: bool,
    heard: RefCell<Vec<Acks>>,
}

impl Negotiator for Two {
    fn haves(&mut self, _: usize) -> Async<'_, Outcome<Vec<ObjectId>>> {
        let first = !std::mem::replace(&mut self.told, true);
        let ids = ["3", "4"].map(|digit| ObjectId::from_hex(digit.repeat(40).as_bytes()).unwrap());
        Box::pin(async move { Ok(if first { ids.to_vec() } else { Vec::new() }) })
    }

    fn acks<'a>(&'a mut self, acks: &'a Acks) -> Async<'a, Outcome<Vec<ObjectId>>> {
        self.heard.borrow_mut().push(acks.clone());
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[test]
fn a_negotiator_is_asked_and_hears_the_answers() {
    let three = "3".repeat(40);
    let world = World::new(move |request| {
        let Some(RequestBody::Bytes(body)) = &request.body else {
            return v2().into();
        };
        let body = String::from_utf8_lossy(body);
        assert!(body.contains(&format!("have {three}")));
        let acks = [
            pkt("acknowledgments\n"),
            pkt(format!("ACK {three}\n")),
            pkt("ready\n"),
            b"0001".to_vec(),
        ];
        answer(200, RESULT, [acks.concat(), packfile(&[band(1, b"PACK")])].concat()).into()
    });
    let mut session = world.connect(URL, &Options::default()).unwrap();
    let mut two = Two::default();
    let pack = world.run(async {
        let mut stream = session.fetch(clone(), Some(&mut two)).await?;
        stream.next().await
    });
    assert_eq!(pack.unwrap().as_deref(), Some(&b"PACK"[..]));
    let heard = two.heard.borrow();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].ready && heard[0].acks.len() == 1);
}

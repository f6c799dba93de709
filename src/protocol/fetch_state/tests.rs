use super::super::capability::{V0Capabilities, V2Capabilities};
use super::super::pkt_line::Encoder;
use super::super::smart_http::Advertisement;
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PACK: [&str; 3] = ["\x01PACK", "\x01rest", "-"];

fn v0(capabilities: &str) -> Discovery {
    let capabilities = V0Capabilities::parse(format!("allow-tip-sha1-in-want {capabilities}").as_bytes());
    Discovery::V0(Advertisement {
        capabilities,
        ..Advertisement::default()
    })
}

fn v2() -> Discovery {
    let mut capabilities = V2Capabilities::default();
    capabilities.push(b"fetch=shallow");
    Discovery::V2(capabilities)
}

fn oid(number: usize) -> ObjectId {
    let mut bytes = [0xaa; 20];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    ObjectId::new(bytes)
}

fn framed(lines: &[String]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for line in lines {
        match line.as_str() {
            "-" => encoder.flush(),
            "|" => encoder.delim(),
            line => encoder.data(line.as_bytes()).unwrap(),
        }
    }
    encoder.into_bytes()
}

/// The haves of each request, as numbers, and whether it said done.
type Told = Vec<(Vec<ObjectId>, bool)>;

/// Runs a dialogue with a client that has `haves` commits, against `answer`, which gets the number
/// of the round.
fn run(
    server: &Discovery,
    haves: usize,
    mut answer: impl FnMut(usize, &[ObjectId], bool) -> Vec<String>,
) -> Result<(Told, Vec<u8>, Vec<Acks>), FetchStateError> {
    let request = FetchRequest {
        wants: vec![oid(0)],
        deepen: Default::default(),
        ..FetchRequest::default()
    };
    let mut dialogue = FetchDialogue::new(request, server, "x", Negotiate::Yes)?;
    let (mut rounds, mut pack, mut acks, mut told) = (Told::new(), Vec::new(), Vec::new(), 0);
    let mut body = None;
    loop {
        match dialogue.step()? {
            Step::NeedHaves(count) => {
                let count = count.min(haves - told);
                dialogue.haves((told + 1..=told + count).map(oid).collect());
                told += count;
            }
            Step::Send(request) => {
                let text = String::from_utf8(request.body).unwrap();
                let list: Vec<ObjectId> = text
                    .split("have ")
                    .skip(1)
                    .map(|rest| rest[..40].parse().unwrap())
                    .collect();
                let done = text.contains("0009done\n");
                body = Some(framed(&answer(rounds.len(), &list, done)));
                rounds.push((list, done));
            }
            Step::Read => match body.take() {
                Some(bytes) => dialogue.feed(bytes),
                None => dialogue.end_of_body(),
            },
            Step::Acks(heard) => acks.push(heard),
            Step::Pack(bytes) => pack.extend_from_slice(bytes),
            Step::Shallow(_) | Step::WantedRefs(_) | Step::Progress(_) => {}
            Step::Done => return Ok((rounds, pack, acks)),
        }
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn with_pack(first: &[&str]) -> Vec<String> {
    lines(&[first, &PACK].concat())
}

#[test]
fn a_client_that_has_nothing_says_done_at_once() {
    for server in [
        v0("multi_ack_detailed no-done side-band-64k"),
        v0("side-band-64k"),
        v2(),
    ] {
        let first = if matches!(server, Discovery::V2(_)) {
            "packfile"
        } else {
            "NAK"
        };
        let (rounds, pack, _) = run(&server, 0, |_, _, _| with_pack(&[first])).unwrap();
        assert_eq!(rounds, [(vec![], true)]);
        assert_eq!(pack, b"PACKrest");
    }
}

#[test]
fn rounds_grow_as_gits_do() {
    let sizes = |rounds: &Told| rounds.iter().map(|(list, _)| list.len()).collect::<Vec<_>>();
    // Version 2 counts for each round and ends with an empty one; the older ones count from the
    // start and end with the round that does not fill up.
    let (rounds, ..) = run(&v2(), 500, |_, _, done| match done {
        true => with_pack(&["packfile"]),
        false => lines(&["acknowledgments", "NAK", "-"]),
    })
    .unwrap();
    assert_eq!(sizes(&rounds), [16, 32, 64, 128, 256, 4, 0]);
    assert_eq!(rounds.iter().filter(|(_, done)| *done).count(), 1);
    let (rounds, ..) = run(&v0("multi_ack_detailed side-band-64k"), 500, |_, _, done| {
        if done { with_pack(&["NAK"]) } else { lines(&["NAK"]) }
    })
    .unwrap();
    assert_eq!(sizes(&rounds), [16, 16, 32, 64, 128, 244]);
}

#[test]
fn what_was_acknowledged_is_repeated_and_nothing_else() {
    let common = oid(3);
    let ready = oid(20);
    // `ready` with an id that only the client may have.
    let (rounds, _, acks) = run(&v0("multi_ack_detailed side-band-64k"), 100, |round, _, done| {
        match (round, done) {
            (0, _) => lines(&[&format!("ACK {common} common"), "NAK"]),
            (1, _) => lines(&[&format!("ACK {common} common"), &format!("ACK {ready} ready"), "NAK"]),
            (_, true) => with_pack(&[&format!("ACK {common} common"), &format!("ACK {common}")]),
            _ => panic!("asked again after ready"),
        }
    })
    .unwrap();
    assert_eq!(rounds.len(), 3);
    assert_eq!(
        rounds[1].0,
        [&[common][..], &(17..=32).map(oid).collect::<Vec<_>>()].concat()
    );
    assert_eq!(rounds[2], (vec![common], true));
    assert_eq!(acks.len(), 3);
    assert!(acks[1].ready);
    let (rounds, ..) = run(&v2(), 100, |round, list, _| match round {
        0 => lines(&["acknowledgments", &format!("ACK {common}"), "-"]),
        _ => {
            assert_eq!((list.len(), list[0]), (33, common));
            with_pack(&["acknowledgments", &format!("ACK {common}"), "ready", "|", "packfile"])
        }
    })
    .unwrap();
    assert_eq!(rounds.len(), 2);
    assert!(rounds.iter().all(|(_, done)| !done));
}

#[test]
fn with_no_done_the_pack_comes_in_the_answer_that_is_ready() {
    let a = oid(1);
    let server = v0("multi_ack_detailed no-done side-band-64k");
    let answer = with_pack(&[
        &format!("ACK {a} common"),
        &format!("ACK {a} ready"),
        "NAK",
        &format!("ACK {a}"),
    ]);
    let (rounds, pack, _) = run(&server, 100, |_, _, _| answer.clone()).unwrap();
    assert_eq!((rounds.len(), rounds[0].1), (1, false));
    assert_eq!(pack, b"PACKrest");
}

#[test]
fn it_gives_up_after_256_in_vain_but_only_after_an_ack() {
    let first = |round: usize| {
        if round == 0 {
            format!("ACK {}", oid(1))
        } else {
            "NAK".to_owned()
        }
    };
    let (rounds, ..) = run(&v2(), 5000, |round, _, done| match done {
        true => with_pack(&["packfile"]),
        false => lines(&["acknowledgments", &first(round), "-"]),
    })
    .unwrap();
    // 32 + 64 + 128 + 256 more, without an answer.
    assert_eq!(rounds.len(), 5);
    assert_eq!(rounds.last().map(|(list, done)| (list.len(), *done)), Some((257, true)));
    let (rounds, ..) = run(&v2(), 5000, |_, _, done| match done {
        true => with_pack(&["packfile"]),
        false => lines(&["acknowledgments", "NAK", "-"]),
    })
    .unwrap();
    assert_eq!(
        rounds.iter().map(|(list, _)| list.len()).sum::<usize>(),
        5000,
        "all is told"
    );
}

#[test]
fn a_server_that_is_never_ready_gets_done_all_the_same() {
    let (rounds, ..) = run(&v2(), 40_000, |_, list, done| match done {
        true => with_pack(&["packfile"]),
        // What is repeated is acknowledged again and again.
        false => lines(&["acknowledgments", &format!("ACK {}", list[0]), "-"]),
    })
    .unwrap();
    let sizes: Vec<usize> = rounds.iter().map(|(list, _)| list.len()).collect();
    // As git does: the round that tells 256 more is the last.
    assert_eq!(sizes, [16, 33, 65, 129, 257]);
    assert!(rounds[4].1);
    let mut rounds = Rounds {
        count: MAX_ROUNDS,
        flush_at: 16,
        ..Rounds::default()
    };
    assert!(
        rounds.tell(&Offer::of(&v2()), 16, false),
        "and after so many rounds in any case"
    );
}

#[test]
fn the_shallow_list_is_told_once_however_often_it_comes() {
    let a = oid(1);
    let request = FetchRequest {
        wants: vec![oid(0)],
        deepen: super::super::fetch::Deepen::Depth(3),
        ..FetchRequest::default()
    };
    let server = v0("shallow multi_ack_detailed side-band-64k");
    let mut dialogue = FetchDialogue::new(request, &server, "x", Negotiate::Yes).unwrap();
    let (mut told, mut round) = (0, 0);
    let shallow = format!("shallow {a}");
    let answers = [lines(&[&shallow, "-", "NAK"]), with_pack(&[&shallow, "-", "NAK"])];
    let mut body = None;
    loop {
        match dialogue.step().unwrap() {
            Step::NeedHaves(count) => dialogue.haves((0..if round == 0 { count } else { 0 }).map(oid).collect()),
            Step::Send(_) => {
                body = Some(framed(&answers[round]));
                round += 1;
            }
            Step::Read => match body.take() {
                Some(bytes) => dialogue.feed(bytes),
                None => dialogue.end_of_body(),
            },
            Step::Shallow(_) => told += 1,
            Step::Done => break,
            _ => {}
        }
    }
    assert_eq!((told, round), (1, 2));
}

#[test]
fn an_answer_without_a_pack_is_not_success() {
    for first in ["", "NAK"] {
        let found = run(&v0("side-band-64k"), 0, |_, _, _| lines(&[first]));
        assert!(matches!(found, Err(FetchStateError::Response(_))));
    }
    let found = run(&v2(), 0, |_, _, _| vec![]);
    assert_eq!(found.err(), Some(FetchStateError::Response(FetchError::Empty)));
}

#[test]
fn calls_out_of_turn_fail_and_stay_failed() {
    let dialogue = |negotiate| FetchDialogue::new(FetchRequest::clone_of(vec![oid(0)]), &v2(), "x", negotiate).unwrap();
    let mut early = dialogue(Negotiate::No);
    early.feed(&b"0000"[..]);
    assert_eq!(early.step(), Err(FetchStateError::OutOfTurn));
    assert_eq!(early.step(), Err(FetchStateError::OutOfTurn));
    let mut unasked = dialogue(Negotiate::No);
    unasked.haves(vec![]);
    assert_eq!(unasked.step(), Err(FetchStateError::OutOfTurn));
    let mut ended = dialogue(Negotiate::Yes);
    ended.end_of_body();
    assert_eq!(ended.step(), Err(FetchStateError::OutOfTurn));
}

#[test]
fn a_filter_is_in_effect_only_where_the_server_has_filters() {
    let request = FetchRequest {
        filter: Some("blob:none".to_owned()),
        ..FetchRequest::clone_of(vec![oid(0)])
    };
    let filters = |server: &Discovery| {
        FetchDialogue::new(request.clone(), server, "x", Negotiate::No)
            .unwrap()
            .filters()
    };
    assert!(filters(&v0("filter")));
    assert!(!filters(&v0("")));
    assert!(!filters(&v2()));
}

/// Runs a dialogue that asks for acknowledgments alone. Answers the haves of each request, and all
/// that was acknowledged.
fn ask_only(haves: usize, mut answer: impl FnMut(usize, &[ObjectId]) -> Vec<String>) -> (Vec<usize>, usize) {
    let mut capabilities = V2Capabilities::default();
    capabilities.push(b"fetch=wait-for-done");
    let server = Discovery::V2(capabilities);
    let mut dialogue = FetchDialogue::new(FetchRequest::default(), &server, "x", Negotiate::Only).unwrap();
    let (mut rounds, mut told, mut acked, mut body) = (Vec::new(), 0, 0, None);
    loop {
        match dialogue.step().unwrap() {
            Step::NeedHaves(count) => {
                let count = count.min(haves - told);
                dialogue.haves((told + 1..=told + count).map(oid).collect());
                told += count;
            }
            Step::Send(request) => {
                let text = String::from_utf8(request.body).unwrap();
                assert!(text.contains("0012wait-for-done") && !text.contains("want ") && !text.contains("0009done"));
                let list: Vec<ObjectId> = text
                    .split("have ")
                    .skip(1)
                    .map(|rest| rest[..40].parse().unwrap())
                    .collect();
                body = Some(framed(&answer(rounds.len(), &list)));
                rounds.push(list.len());
            }
            Step::Read => match body.take() {
                Some(bytes) => dialogue.feed(bytes),
                None => dialogue.end_of_body(),
            },
            Step::Acks(heard) => acked += heard.acks.len(),
            Step::Done => return (rounds, acked),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn acknowledgments_alone_are_asked_for_until_there_is_nothing_to_tell() {
    let nak = |_: usize, _: &[ObjectId]| lines(&["acknowledgments", "NAK", "-"]);
    assert_eq!(ask_only(0, nak), (vec![], 0));
    assert_eq!(ask_only(10, nak), (vec![10], 0));
    assert_eq!(ask_only(100, nak), (vec![16, 32, 52], 0));
    let all = |_: usize, told: &[ObjectId]| {
        let acks = told.iter().map(|oid| format!("ACK {oid}"));
        [lines(&["acknowledgments"]), acks.collect(), lines(&["-"])].concat()
    };
    assert_eq!(ask_only(100, all), (vec![16, 32, 52], 100));
}

#[test]
fn acknowledgments_alone_end_after_256_in_vain() {
    let (rounds, acked) = ask_only(100_000, |round, told| match round {
        0 => lines(&["acknowledgments", &format!("ACK {}", told[0]), "-"]),
        _ => lines(&["acknowledgments", "NAK", "-"]),
    });
    assert_eq!((rounds, acked), (vec![16, 32, 64, 128, 256], 1));
}

#[test]
fn acknowledgments_alone_need_a_server_that_gives_them() {
    let failed = FetchDialogue::new(FetchRequest::default(), &v2(), "x", Negotiate::Only).err();
    assert_eq!(failed, Some(FetchRequestError::MissingCapability("wait-for-done")));
    let failed = FetchDialogue::new(FetchRequest::default(), &v0("side-band-64k"), "x", Negotiate::Only).err();
    assert_eq!(failed, Some(FetchRequestError::MissingCapability("wait-for-done")));
}

//! Fetches beside what is here, and answers that are cut or damaged.

use std::fs;

use gitside::format::oid::ObjectId;
use gitside::protocol::fetch::{Deepen, FetchRequest};
use gitside::protocol::fetch_state::{FetchDialogue, FetchStateError, Negotiate, Step};
use gitside::protocol::smart_http::{DiscoveryReader, Service};

use crate::dialogue::{ADVERTISEMENT, AGENT, Repo, VERSIONS, all_of, clone, read_advertisement, run, strip};

#[test]
fn a_damaged_server_reports_it_and_the_fetch_fails() {
    let server = Repo::with_history(8);
    let pack = fs::read_dir(server.0.join("objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let pack = pack
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "pack"));
    if let Some(pack) = pack {
        let bytes = fs::read(&pack).unwrap();
        for end in ["pack", "idx", "rev"] {
            let _ = fs::remove_file(pack.with_extension(end));
        }
        server.git_with(&["unpack-objects", "-q"], &bytes);
    }
    let discovery = server.discover(Some("version=2"));
    let blob = server.git(&["rev-parse", "trunk:dir/file-1"]);
    fs::remove_file(server.0.join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let Err(FetchStateError::Response(error)) = clone(&server, &discovery, all_of(&server.refs(&discovery))) else {
        panic!("an object is missing");
    };
    assert!(
        error.remote_text().is_some() || error.to_string().contains("ends early"),
        "{error}"
    );
}

#[test]
fn a_cut_answer_is_never_a_complete_one() {
    let server = Repo::with_history(4);
    for version in [None, Some("version=2")] {
        let discovery = server.discover(version);
        let mut request = all_of(&server.refs(&discovery));
        request.deepen = Deepen::Depth(2);
        let mut dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
        let Ok(Step::Send(post)) = dialogue.step() else {
            panic!()
        };
        let body = server.answer(&post);
        for length in 0..body.len() {
            let mut dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
            assert!(matches!(dialogue.step(), Ok(Step::Send(_))));
            dialogue.feed(&body[..length]);
            dialogue.end_of_body();
            let failed = loop {
                match dialogue.step() {
                    Ok(Step::Done) => break false,
                    Ok(_) => {}
                    Err(_) => break true,
                }
            };
            assert!(failed, "{version:?} cut after {length} of {}", body.len());
        }
    }
}

/// A server with 300 commits, of which a client has the first 200 and 60 of its own.
fn incremental() -> (Repo, Repo, Vec<ObjectId>) {
    let server = Repo::with_history(300);
    let client = Repo::empty();
    let url = format!("file://{}", server.0.display());
    client.git(&[
        "fetch",
        "-q",
        &url,
        &format!("{}:refs/heads/base", server.oid("trunk~100")),
    ]);
    let base = client.oid("base");
    let mut script = String::new();
    for number in 0..60 {
        script += &format!(
            "commit refs/heads/own\ncommitter A U Thor <a@example.org> {} +0000\ndata 4\nown\n{}M 100644 inline own-{number}\ndata 1\nx\n",
            1_800_000_000 + number,
            if number == 0 {
                format!("from {base}\n")
            } else {
                String::new()
            },
        );
    }
    client.git_with(&["fast-import", "--quiet"], script.as_bytes());
    let haves = client
        .git(&["rev-list", "--date-order", "own"])
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    (server, client, haves)
}

#[test]
fn a_negotiated_fetch_brings_just_what_is_missing() {
    let (server, client, haves) = incremental();
    let expected = server.objects(&["trunk", "^trunk~100"]);
    let v0 = server.advertisement(None);
    let cases = [
        ("v0", v0.clone(), vec![16, 16, 32, 68]),
        ("v0 without no-done", strip(&v0, &["no-done"]), vec![16, 16, 32, 68, 68]),
        (
            "v0 without multi_ack_detailed",
            strip(&v0, &["multi_ack_detailed"]),
            vec![256],
        ),
        ("v2", server.advertisement(Some("version=2")), vec![16, 32, 64]),
    ];
    for (name, body, rounds) in cases {
        let request = FetchRequest {
            wants: vec![server.oid("trunk")],
            thin_pack: true,
            ..FetchRequest::default()
        };
        let dialogue = FetchDialogue::new(request, &read_advertisement(&body), AGENT, Negotiate::Yes).unwrap();
        let fetched = run(&server, dialogue, 100, &haves).unwrap_or_else(|error| panic!("{name}: {error}"));
        let objects = fetched.objects(Some(&client));
        assert!(objects.is_superset(&expected), "{name}");
        let sent: Vec<_> = objects.difference(&expected).collect();
        // A completed thin pack has its bases too, which are the client's.
        assert!(sent.len() < 20, "{name}: {}", sent.len());
        assert_eq!(fetched.haves(), rounds, "{name}");
    }
}

/// A small generator with a fixed seed, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn damaged_answers_end_in_an_error_or_in_a_result_and_never_in_a_panic() {
    let server = Repo::with_history(4);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for version in VERSIONS {
        let discovery = server.discover(version);
        let advertisement = server.advertisement(version);
        let request = FetchRequest {
            deepen: Deepen::Depth(2),
            ..all_of(&server.refs(&discovery))
        };
        let dialogue = || FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
        let Ok(Step::Send(post)) = dialogue().step() else {
            panic!()
        };
        let answer = server.answer(&post);
        for _ in 0..3000 {
            let mut damage = |body: &[u8]| {
                let mut body = body.to_vec();
                for _ in 0..=random.below(3) {
                    let at = random.below(body.len());
                    match random.below(4) {
                        0 => body[at] = b"0123456789abcdef \n\0\x01\x02\x03"[random.below(22)],
                        1 => body[at] ^= 1 << random.below(8),
                        2 => drop(body.drain(at..body.len().min(at + 1 + random.below(8)))),
                        _ => {
                            let from = random.below(body.len());
                            let copy = body[from..body.len().min(from + 12)].to_vec();
                            body.splice(at..at, copy);
                        }
                    }
                }
                body
            };
            let body = damage(&advertisement);
            let mut reader = DiscoveryReader::new(Service::UploadPack, ADVERTISEMENT);
            refused += u32::from(reader.feed(body).and_then(|()| reader.finish().map(|_| ())).is_err());
            let body = damage(&answer);
            let mut dialogue = dialogue();
            assert!(matches!(dialogue.step(), Ok(Step::Send(_))));
            dialogue.feed(body);
            dialogue.end_of_body();
            refused += loop {
                match dialogue.step() {
                    Ok(Step::Done) => break 0,
                    Ok(_) => {}
                    Err(_) => break 1,
                }
            };
        }
    }
    assert!(refused > 5000, "only {refused} of 18000 were noticed");
}

//! What a clone brings, of every version and every kind of repository.

use std::collections::BTreeSet;
use std::fs;

use gitside::format::oid::ObjectId;
use gitside::protocol::fetch::{Deepen, FetchRequest, FetchRequestError};
use gitside::protocol::fetch_state::{FetchDialogue, FetchStateError, Negotiate};
use gitside::protocol::ls_refs::{LsRefs, LsRefsReader};
use gitside::protocol::remote_refs::RemoteHead;
use gitside::protocol::smart_http::Discovery;

use crate::dialogue::{AGENT, Repo, VERSIONS, all_of, clone, read_advertisement, run, strip};

#[test]
fn a_clone_gets_every_object_in_every_version() {
    let server = Repo::with_history(12);
    for version in VERSIONS {
        let discovery = server.discover(version);
        assert_eq!(discovery.git_protocol(), version);
        let refs = server.refs(&discovery);
        let names: Vec<_> = refs.iter().map(|found| found.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "HEAD",
                "refs/heads/side",
                "refs/heads/trunk",
                "refs/tags/light",
                "refs/tags/v1"
            ]
        );
        assert_eq!(refs.get(b"refs/tags/v1").unwrap().peeled, Some(server.oid("v1^{}")));
        let trunk = server.oid("trunk");
        assert!(matches!(
            refs.head(b"main"),
            RemoteHead::Branch { name, oid, guessed: false } if name.as_bytes() == b"refs/heads/trunk" && oid == trunk
        ));
        let fetched = clone(&server, &discovery, all_of(&refs)).unwrap();
        assert_eq!(fetched.requests.len(), 1, "{version:?}");
        assert_eq!(fetched.text(0).matches("want ").count(), 3, "each object once");
        assert_eq!(fetched.objects(None), server.objects(&["--all"]), "{version:?}");
        assert_eq!(fetched.shallow, None);
        assert!(
            fetched
                .progress
                .iter()
                .any(|line| line.starts_with("Counting objects: 100% ("))
        );
    }
}

#[test]
fn the_pieces_in_which_an_answer_arrives_do_not_matter() {
    let server = Repo::with_history(12);
    for version in [None, Some("version=2")] {
        let discovery = server.discover(version);
        let mut request = all_of(&server.refs(&discovery));
        request.no_progress = true;
        request.deepen = Deepen::Depth(2);
        let fetch = |piece| {
            let dialogue = FetchDialogue::new(request.clone(), &discovery, AGENT, Negotiate::No).unwrap();
            run(&server, dialogue, piece, &[]).unwrap()
        };
        let whole = fetch(usize::MAX);
        for piece in [1, 2, 3, 5, 1000] {
            let pieces = fetch(piece);
            assert_eq!(pieces.objects(None), whole.objects(None));
            assert_eq!(pieces.shallow, whole.shallow);
        }
    }
}

#[test]
fn every_kind_of_side_band_brings_the_same_pack() {
    let server = Repo::with_history(12);
    let body = server.advertisement(None);
    for (without, progress) in [
        (&[][..], true),
        (&["side-band-64k"][..], true),
        (&["side-band-64k", "side-band"][..], false),
    ] {
        let discovery = read_advertisement(&strip(&body, without));
        let fetched = clone(&server, &discovery, all_of(&server.refs(&discovery))).unwrap();
        assert_eq!(fetched.objects(None), server.objects(&["--all"]), "{without:?}");
        assert_eq!(!fetched.progress.is_empty(), progress);
        let asked = fetched.text(0);
        let count = asked
            .split([' ', '\n'])
            .filter(|word| word.starts_with("side-band"))
            .count();
        assert_eq!(count, usize::from(progress), "{asked}");
    }
}

#[test]
fn nothing_is_asked_for_that_was_not_advertised() {
    let server = Repo::with_history(3);
    let body = server.advertisement(None);
    let words = [
        "multi_ack_detailed",
        "no-done",
        "thin-pack",
        "include-tag",
        "ofs-delta",
        "no-progress",
    ];
    for word in words {
        let discovery = read_advertisement(&strip(&body, &[word]));
        let mut request = all_of(&server.refs(&discovery));
        (request.thin_pack, request.no_progress) = (true, true);
        let fetched = clone(&server, &discovery, request).unwrap();
        let asked = fetched.text(0);
        let first = asked.lines().next().unwrap();
        for other in words {
            let expected = other != word && !(word == "multi_ack_detailed" && other == "no-done");
            assert_eq!(
                first.split(' ').any(|asked| asked == other),
                expected,
                "without {word}: {first}"
            );
        }
    }
    let bare = "agent=".to_owned() + &server.git(&["version"]).replace("git version ", "git/");
    let fetched = |body: &[u8]| {
        let discovery = read_advertisement(body);
        clone(&server, &discovery, all_of(&server.refs(&discovery)))
            .unwrap()
            .text(0)
    };
    assert!(fetched(&body).contains(" agent=gitside/test"));
    let agents: Vec<String> = String::from_utf8_lossy(&body)
        .split([' ', '\n'])
        .filter(|word| word.starts_with("agent="))
        .map(str::to_owned)
        .collect();
    assert!(agents.iter().all(|agent| agent.starts_with(&bare)), "{agents:?}");
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    assert!(!fetched(&strip(&body, &agents)).contains("agent="));
    assert!(!fetched(&body).contains("session-id"));
}

#[test]
fn a_clone_with_limits_ends_where_gits_own_does() {
    let server = Repo::with_history(12);
    let cut = |since, not: &[&str]| Deepen::Cut {
        since,
        not: not.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    let date = 1_700_000_000 + 9 * 86_400;
    for (deepen, options) in [
        (Deepen::Depth(1), vec!["--depth=1".to_owned()]),
        (Deepen::Depth(3), vec!["--depth=3".to_owned()]),
        (cut(Some(date), &[]), vec![format!("--shallow-since={date}")]),
        (
            cut(None, &["refs/tags/v1"]),
            vec!["--shallow-exclude=refs/tags/v1".to_owned()],
        ),
    ] {
        let copy = Repo::empty();
        let url = format!("file://{}", server.0.display());
        let mut arguments = vec!["clone", "-q", "--bare", "--no-tags", "--single-branch"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.extend([url.as_str(), "copy"]);
        copy.git(&arguments);
        let shallow = fs::read_to_string(copy.0.join("copy/shallow")).unwrap();
        let shallow: BTreeSet<String> = shallow.lines().map(str::to_owned).collect();
        let expected = copy.git(&["--git-dir=copy", "rev-list", "--objects", "--no-object-names", "--all"]);
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        for version in VERSIONS {
            let discovery = server.discover(version);
            let request = FetchRequest {
                wants: vec![server.oid("trunk")],
                deepen: deepen.clone(),
                ..FetchRequest::default()
            };
            let fetched = clone(&server, &discovery, request).unwrap();
            let info = fetched.shallow.clone().unwrap();
            assert!(info.requested && info.unshallow.is_empty());
            assert_eq!(
                info.shallow.iter().map(ObjectId::to_hex).collect::<BTreeSet<_>>(),
                shallow,
                "{deepen:?}"
            );
            assert_eq!(fetched.objects(None), expected, "{deepen:?} {version:?}");
        }
    }
}

#[test]
fn a_shallow_server_tells_where_its_history_ends() {
    let full = Repo::with_history(8);
    let server = Repo::empty();
    let url = format!("file://{}", full.0.display());
    server.git(&["fetch", "-q", "--depth=2", &url, "+refs/heads/trunk:refs/heads/trunk"]);
    let ends: Vec<ObjectId> = fs::read_to_string(server.0.join("shallow"))
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    for version in VERSIONS {
        let discovery = server.discover(version);
        let fetched = clone(&server, &discovery, all_of(&server.refs(&discovery))).unwrap();
        let told = match (&discovery, fetched.shallow.clone()) {
            (Discovery::V0(advertisement), None) => advertisement.shallow.clone(),
            (Discovery::V2(_), Some(info)) => {
                assert!(!info.requested);
                info.shallow
            }
            _ => panic!("{version:?}"),
        };
        assert_eq!(told, ends);
        assert_eq!(fetched.objects(None), server.objects(&["--all"]));
    }
}

#[test]
fn an_empty_repository_has_no_refs_and_may_name_its_branch() {
    let server = Repo::empty();
    for version in VERSIONS {
        let discovery = server.discover(version);
        let refs = server.refs(&discovery);
        assert!(refs.is_empty());
        let expected = match version {
            Some("version=2") => {
                RemoteHead::Unborn(gitside::format::refname::RefName::new("refs/heads/trunk").unwrap())
            }
            _ => RemoteHead::Unknown,
        };
        assert_eq!(refs.head(b"main"), expected);
        assert_eq!(all_of(&refs).check(&discovery), Err(FetchRequestError::NothingWanted));
    }
}

#[test]
fn a_detached_head_stays_detached() {
    let server = Repo::with_history(8);
    let oid = server.oid("trunk~1");
    server.git(&["update-ref", "--no-deref", "HEAD", &oid.to_hex()]);
    for version in VERSIONS {
        assert_eq!(
            server.refs(&server.discover(version)).head(b"main"),
            RemoteHead::Detached(oid)
        );
    }
}

#[test]
fn a_dangling_head_is_unborn_where_the_server_tells() {
    let server = Repo::with_history(8);
    server.git(&["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let refs = server.refs(&server.discover(Some("version=2")));
    assert!(!refs.is_empty());
    assert!(matches!(refs.head(b"main"), RemoteHead::Unborn(name) if name.as_bytes() == b"refs/heads/gone"));
    assert_eq!(server.refs(&server.discover(None)).head(b"main"), RemoteHead::Unknown);
}

#[test]
fn prefixes_keep_the_listing_short() {
    let server = Repo::with_history(8);
    let Discovery::V2(capabilities) = server.discover(Some("version=2")) else {
        panic!()
    };
    let mut list = LsRefs::all();
    list.add_source(b"v1");
    let mut reader = LsRefsReader::new();
    reader
        .feed(server.answer(&list.request(&capabilities, AGENT).unwrap()))
        .unwrap();
    let refs = reader.finish().unwrap();
    assert_eq!(
        refs.iter().map(|found| found.name.to_string()).collect::<Vec<_>>(),
        ["refs/tags/v1"]
    );
    assert_eq!(refs.find(b"v1").map(|found| found.oid), Some(server.oid("v1")));
}

#[test]
fn an_object_that_is_not_offered_is_refused_here_or_there() {
    let server = Repo::with_history(8);
    let oid = server.oid("trunk~2");
    let request = FetchRequest::clone_of(vec![oid]);
    assert_eq!(
        request.check(&server.discover(None)),
        Err(FetchRequestError::Unadvertised(oid))
    );
    // Version 2 servers give out what they have.
    let fetched = clone(&server, &server.discover(Some("version=2")), request).unwrap();
    assert_eq!(fetched.objects(None), server.objects(&["trunk~2"]));
    let missing = FetchRequest::clone_of(vec![ObjectId::new([7; 20])]);
    let Err(FetchStateError::Response(error)) = clone(&server, &server.discover(Some("version=2")), missing) else {
        panic!("the server has no such object");
    };
    assert!(error.is_stale(), "{error}");
    assert!(error.to_string().contains("not our ref 0707"), "{error}");
}

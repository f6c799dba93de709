//! Clones with a filter.

use gitside::error::Code;
use gitside::format::config::Config;
use gitside::ops::clone::clone;
use gitside::ops::export;
use gitside::ops::remote::Version;
use gitside::task::Event;
use gitside_server::{Fault, When};

use super::support::{block_on, host};
use super::{by, cloned, error, filtered, framed, listening, place, stored, stored_by_git, task};

const FILTERS: [&str; 10] = [
    "blob:none",
    "blob:limit=0",
    "blob:limit=1k",
    "blob:limit=200",
    "tree:0",
    "tree:1",
    "tree:2",
    "object:type=commit",
    "object:type=tag",
    "combine:blob:limit=1k+tree:2",
];

#[test]
fn a_filter_leaves_out_what_git_leaves_out_and_is_written_down_as_git_does() {
    let place = place(|git| git.partial());
    for (number, filter) in FILTERS.iter().enumerate() {
        let git = place.git_clone(&format!("git{number}"), &[&format!("--filter={filter}")]);
        let expected = stored_by_git(&git);
        let of_git = std::fs::read(git.path().join("config")).unwrap();
        let of_git = Config::parse(&of_git).unwrap();
        for version in [Version::V0, Version::V2] {
            let case = format!("{filter}, {version:?}");
            let host = host();
            block_on(async {
                let repo = cloned(&host, &place, &by(version, filtered(filter))).await;
                assert_eq!(stored(&host, &repo).await, expected, "{case}");
                let ours = Config::parse(&repo.meta.config().await.unwrap()).unwrap();
                for key in [
                    "core.repositoryformatversion",
                    "extensions.partialclone",
                    "remote.origin.promisor",
                    "remote.origin.partialclonefilter",
                ] {
                    assert_eq!(ours.get(key.as_bytes()), of_git.get(key.as_bytes()), "{case}: {key}");
                }
                let packs = export::packs(&repo);
                assert!(packs.iter().all(|pack| pack.is_promisor()), "{case}");
                let usage = repo.usage().await.unwrap();
                assert_eq!(usage.stats.objects, expected.len() as u64, "{case}");
            });
        }
    }
}

#[test]
fn a_filter_and_a_depth_go_together() {
    let place = place(|git| git.partial());
    let git = place.git_clone("git", &["--filter=blob:none", "--depth=3", "--no-single-branch"]);
    let host = host();
    block_on(async {
        let mut options = filtered("blob:none");
        (options.depth, options.single_branch) = (Some(3), Some(false));
        let repo = cloned(&host, &place, &options).await;
        assert_eq!(stored(&host, &repo).await, stored_by_git(&git));
    });
}

#[test]
fn a_server_without_filters_sends_everything_and_the_caller_is_told() {
    let place = place(|git| git);
    let git = place.git_clone("git", &["--filter=blob:none"]);
    for version in [Version::V0, Version::V2] {
        let host = host();
        block_on(async {
            let (task, events) = listening(&host);
            let options = by(version, filtered("blob:none"));
            let repo = clone(&host, &task, &place.url, "copy", &options).await.unwrap();
            assert_eq!(stored(&host, &repo).await, stored_by_git(&git));
            let told = Event::Warning("the server does not support object filters; everything is fetched".to_owned());
            assert!(events.borrow().contains(&told), "{version:?}");
        });
    }
}

#[test]
fn a_server_that_gives_out_no_single_objects_is_warned_of_at_once() {
    let place = place(|git| git.config("uploadpack.allowFilter", "true"));
    let host = host();
    block_on(async {
        let (task, events) = listening(&host);
        let options = by(Version::V0, filtered("blob:none"));
        clone(&host, &task, &place.url, "copy", &options).await.unwrap();
        let events = events.borrow();
        let warned = |event: &Event| matches!(event, Event::Warning(text) if text.contains("no single objects"));
        assert!(events.iter().any(warned), "{events:?}");
    });
}

#[test]
fn a_filter_that_the_server_forbids_is_named_in_its_words() {
    let place = place(|git| git.partial().config("uploadpackfilter.allow", "false"));
    let host = host();
    block_on(async {
        let failure = clone(&host, &task(&host), &place.url, "copy", &filtered("blob:none")).await;
        let error = error(failure.err().unwrap());
        assert_eq!(error.code, Code::RemoteError, "{error}");
        let text = error.remote_text.unwrap();
        assert!(text.contains("filter 'blob:none' not supported"), "{text}");
    });
}

#[test]
fn a_text_that_is_no_filter_is_refused_before_anything_is_sent() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        for filter in ["", "blob:some", "tree:x", "combine:"] {
            let failure = clone(&host, &task(&host), &place.url, "copy", &filtered(filter)).await;
            assert_eq!(error(failure.err().unwrap()).code, Code::Unsupported, "{filter}");
        }
    });
    assert!(place.server.log().is_empty());
}

#[test]
fn what_a_ref_points_to_and_what_the_filter_does_not_leave_out_must_come() {
    let place = place(|git| git.partial());
    // In place of the pack that was asked for: one without the tip, and one without a tree.
    let tip = place.oid("refs/heads/main");
    let tree = place.oid("main^{tree}");
    for (missing, filter) in [(tip, "object:type=tag"), (tree, "blob:none")] {
        let all = place.repo.git(["rev-list", "--objects", "--all", "--filter=blob:none"]);
        let all = String::from_utf8(all.unwrap()).unwrap();
        let oids: String = all
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|oid| *oid != missing.to_hex())
            .map(|oid| format!("{oid}\n"))
            .collect();
        let tags = place.repo.git(["for-each-ref", "--format=%(objectname)", "refs/tags"]);
        let oids = oids + &String::from_utf8(tags.unwrap()).unwrap();
        let pack = place.repo.git_with(["pack-objects", "--stdout", "-q"], oids.as_bytes());
        let answer = framed(&pack.unwrap());
        place.server.clear_faults();
        let of_fetch = When::post()
            .matching(|head| head.path.ends_with("git-upload-pack"))
            .skip(1);
        place.server.fault(of_fetch, Fault::rewrite(move |_| answer.clone()));
        let host = host();
        block_on(async {
            let failure = clone(&host, &task(&host), &place.url, "copy", &filtered(filter)).await;
            let error = error(failure.err().unwrap());
            assert_eq!(error.code, Code::NotConnected, "{filter}: {error}");
            assert!(error.message.contains(&missing.to_hex()), "{filter}: {error}");
        });
    }
}

//! What refspecs mean: t5510, t5511, t5582, and the lonely refs of t5500.

use gitside::error::{Code, Failure};
use gitside::ops::fetch::Options;
use gitside::ops::remote::Version;

use crate::bench::{BOTH, Bench, config, kinds};
use crate::pair::Pair;

const ALL: &str = "+refs/heads/*:refs/remotes/origin/*";

/// Fetches these refspecs from `origin`, by both.
#[track_caller]
fn explicitly(pair: &Pair, specs: &[&str]) -> Vec<String> {
    let mut args = vec!["origin"];
    args.extend(specs);
    kinds(&pair.alike(&args, |options| named(options, specs)))
}

fn named(options: &mut Options, specs: &[&str]) {
    options.remote = Some("origin".to_owned());
    options.refspecs = specs.iter().map(|&spec| spec.to_owned()).collect();
}

fn code(failure: &Failure) -> Code {
    failure.error().expect("an error").code
}

#[test]
fn what_is_fetched_by_name_updates_its_tracking_ref_too() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        let tip = bench.commit("main");
        bench.commit("other");
        assert_eq!(explicitly(&pair, &["main"]), ["FastForward refs/remotes/origin/main"]);
        assert_eq!(pair.refs()["refs/remotes/origin/main"], tip);
        assert!(!pair.has("refs/remotes/origin/other"));
        // t5510: "explicit fetch should not update tracking" where it goes elsewhere as well.
        bench.commit("main");
        assert_eq!(
            explicitly(&pair, &["main:refs/heads/side"]),
            ["New refs/heads/side", "FastForward refs/remotes/origin/main"]
        );
    }
}

#[test]
fn a_short_name_is_a_tag_before_it_is_a_branch() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let branch = bench.commit("twin");
    let tag = bench.commit_on(None);
    bench.set("refs/tags/twin", &tag);
    explicitly(&pair, &["twin:refs/heads/from-short"]);
    explicitly(&pair, &["heads/twin:refs/heads/from-heads"]);
    let refs = pair.refs();
    assert_eq!(
        (&refs["refs/heads/from-short"], &refs["refs/heads/from-heads"]),
        (&tag, &branch)
    );
}

#[test]
fn no_source_and_an_at_sign_mean_head() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let tip = bench.commit("main");
    explicitly(&pair, &[":refs/heads/from-nothing"]);
    explicitly(&pair, &["@:refs/heads/from-at"]);
    explicitly(&pair, &["HEAD:refs/heads/from-head"]);
    for name in ["nothing", "at", "head"] {
        assert_eq!(pair.refs()[&format!("refs/heads/from-{name}")], tip);
    }
}

#[test]
fn an_object_can_be_asked_for_by_its_id() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        let tip = bench.commit("main");
        assert_eq!(
            explicitly(&pair, &[&format!("{tip}:refs/heads/by-id")]),
            ["New refs/heads/by-id"]
        );
    }
}

#[test]
fn a_ref_that_the_remote_has_not_fails_by_its_name_and_nothing_changes() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        bench.commit("main");
        let before = pair.gitside_state();
        let mut options = pair.options();
        named(&mut options, &["main", "refs/heads/no-such"]);
        let failure = pair.ours(&options).unwrap_err();
        assert_eq!(code(&failure), Code::RefNotFound);
        assert!(failure.to_string().contains("refs/heads/no-such"), "{failure}");
        assert_eq!(pair.gitside_state(), before);
        let git = pair.git_fetch(&["origin".into(), "main".into(), "refs/heads/no-such".into()]);
        assert_eq!(git.status.code(), Some(128));
    }
}

#[test]
fn what_is_no_refspec_is_refused_as_git_refuses_it() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let before = pair.gitside_state();
    for spec in [
        "refs/heads/*:refs/one",
        "a b",
        "refs/heads/*/*:refs/x/*/*",
        "^refs/heads/a:b",
        "main:re..fs",
        "a:b:c",
        "^",
    ] {
        let git = pair.git_fetch(&["origin".into(), spec.into()]);
        assert_eq!(git.status.code(), Some(128), "{spec}");
        let mut options = pair.options();
        named(&mut options, &[spec]);
        let failure = pair.ours(&options).unwrap_err();
        assert!(
            matches!(code(&failure), Code::InvalidRef | Code::RefNotFound),
            "{spec}: {failure}"
        );
    }
    assert_eq!(pair.gitside_state(), before);
}

#[test]
fn two_sources_of_one_ref_are_refused_before_anything_is_fetched() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    bench.commit("main");
    bench.commit("other");
    let before = pair.gitside_state();
    let specs = ["main:refs/heads/same", "other:refs/heads/same"];
    let mut options = pair.options();
    named(&mut options, &specs);
    let failure = pair.ours(&options).unwrap_err();
    assert_eq!(code(&failure), Code::Ambiguous);
    assert_eq!(pair.gitside_state(), before);
    let git = pair.git_fetch(&["origin".into(), specs[0].into(), specs[1].into()]);
    assert_eq!(git.status.code(), Some(128));
}

#[test]
fn negative_refspecs_keep_refs_out_of_fetches_and_of_prunes() {
    let bench = Bench::new();
    for branch in ["one", "two", "private/one", "private/two"] {
        bench.commit(branch);
    }
    let pair = bench.clone(Version::V2);
    pair.configure(&config(&bench.url(), &[ALL, "^refs/heads/private/*"]));
    for branch in ["one", "two", "private/one"] {
        bench.commit(branch);
    }
    bench.delete("refs/heads/two");
    bench.delete("refs/heads/private/two");
    let fetched = pair.alike(&["--prune"], |options| options.prune = Some(true));
    assert!(kinds(&fetched).contains(&"Deleted refs/remotes/origin/two".to_owned()));
    assert!(
        pair.has("refs/remotes/origin/private/two"),
        "what is left out is not pruned"
    );
    assert_eq!(
        explicitly(&pair, &["refs/heads/*:refs/copy/*", "^refs/heads/one"]),
        [
            "New refs/copy/main",
            "New refs/copy/private/one",
            "UpToDate refs/remotes/origin/main",
            "FastForward refs/remotes/origin/private/one"
        ]
    );
}

#[test]
fn names_are_bytes_however_long_and_in_whatever_form() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let long = format!("long/{}", vec!["x".repeat(100); 14].join("/"));
    for branch in ["caf\u{e9}", "cafe\u{301}", "\u{65e5}\u{672c}", &long] {
        bench.commit(branch);
    }
    let fetched = pair.alike(&[], |_| ());
    assert_eq!(fetched.changes.len(), 5);
    for branch in ["caf\u{e9}", "cafe\u{301}", "\u{65e5}\u{672c}", &long] {
        assert_eq!(
            pair.refs()[&format!("refs/remotes/origin/{branch}")],
            bench.oid(&format!("refs/heads/{branch}"))
        );
    }
}

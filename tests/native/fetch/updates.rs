//! What becomes of refs: t5510, t5516, t5574.

use gitside::error::Code;
use gitside::ops::fetch::UpdateKind;
use gitside::ops::remote::Version;

use crate::bench::{BOTH, Bench, kinds};
use crate::pair::Local;

#[test]
fn what_is_no_fast_forward_is_rejected_in_any_namespace_and_its_siblings_go_on() {
    for version in BOTH {
        let bench = Bench::new();
        bench.commit("other");
        let pair = bench.clone(version);
        let specs = ["refs/heads/*:refs/elsewhere/*"];
        let fetch = |force: bool| {
            let mut args = vec!["origin", specs[0]];
            args.extend(force.then_some("--force"));
            pair.alike(&args, |options| {
                options.remote = Some("origin".to_owned());
                options.refspecs = specs.map(str::to_owned).to_vec();
                options.force = force;
            })
        };
        fetch(false);
        let old = bench.oid("main");
        let new = bench.commit_on(Some(&bench.oid("main~1")));
        bench.set("refs/heads/main", &new);
        bench.commit("other");
        let fetched = fetch(false);
        assert!(!fetched.is_ok());
        let main = fetched
            .changes
            .iter()
            .find(|change| change.name == b"refs/elsewhere/main")
            .unwrap();
        assert_eq!(
            (main.kind, main.reason.as_deref()),
            (UpdateKind::Rejected, Some("non-fast-forward"))
        );
        assert!(kinds(&fetched).contains(&"FastForward refs/elsewhere/other".to_owned()));
        assert_eq!(pair.refs()["refs/elsewhere/main"], old);
        // The tracking ref is forced by its refspec, and told with both values.
        let main = fetched
            .changes
            .iter()
            .find(|change| change.name == b"refs/remotes/origin/main")
            .unwrap();
        let [told_old, told_new] = [main.old, main.new].map(|oid| oid.unwrap().to_hex());
        assert_eq!((main.kind, told_old, told_new), (UpdateKind::Forced, old, new.clone()));
        assert!(fetch(true).is_ok());
        assert_eq!(pair.refs()["refs/elsewhere/main"], new);
    }
}

#[test]
fn all_or_none_means_none_if_one_is_rejected() {
    for version in BOTH {
        let bench = Bench::new();
        bench.commit("other");
        let pair = bench.clone(version);
        pair.configure(&crate::bench::config(
            &bench.url(),
            &["refs/heads/*:refs/remotes/origin/*"],
        ));
        let before = pair.refs();
        let rewritten = bench.commit_on(None);
        bench.set("refs/heads/main", &rewritten);
        bench.commit("other");
        bench.commit("third");
        let fetched = pair.alike(&["--atomic"], |options| options.atomic = true);
        assert!(!fetched.is_ok());
        assert!(
            fetched.changes.iter().all(|change| !change.kind.changes()),
            "{fetched:#?}"
        );
        assert_eq!(pair.refs(), before);
        bench.set(
            "refs/heads/main",
            &bench.commit_on(Some(&before["refs/remotes/origin/main"])),
        );
        assert!(pair.alike(&["--atomic"], |options| options.atomic = true).is_ok());
    }
}

#[test]
fn the_branch_that_is_checked_out_is_left_alone_unless_the_caller_says_otherwise() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let old = pair.refs()["refs/heads/main"].clone();
    let new = bench.commit("main");
    // Git refuses the whole fetch; here it is one ref that is refused.
    let specs = ["main:main", "main:side"];
    let git = pair.git_fetch(&["origin".into(), specs[0].into(), specs[1].into()]);
    assert_eq!(git.status.code(), Some(128));
    let mut options = pair.options();
    options.remote = Some("origin".to_owned());
    options.refspecs = specs.map(str::to_owned).to_vec();
    let fetched = pair.ours(&options).unwrap();
    assert!(!fetched.is_ok());
    assert_eq!(
        kinds(&fetched),
        [
            "Rejected refs/heads/main",
            "New refs/heads/side",
            "FastForward refs/remotes/origin/main"
        ]
    );
    assert_eq!(pair.refs()["refs/heads/main"], old);
    options.update_head = true;
    assert!(pair.ours(&options).unwrap().is_ok());
    assert_eq!(pair.refs()["refs/heads/main"], new);
}

#[test]
fn a_branch_never_holds_what_is_no_commit() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    bench.set("refs/tags/tree", &bench.oid("main^{tree}"));
    bench.tag("annotated", "main");
    for spec in ["tags/tree:refs/heads/tree", "tags/annotated:refs/heads/annotated"] {
        let fetched = pair.alike(&["origin", spec], |options| {
            options.remote = Some("origin".to_owned());
            options.refspecs = vec![spec.to_owned()];
        });
        assert!(!fetched.is_ok(), "{spec}");
        assert_eq!(fetched.changes[0].kind, UpdateKind::Rejected);
    }
    assert!(!pair.has("refs/heads/tree") && !pair.has("refs/heads/annotated"));
}

#[test]
fn the_remotes_head_is_noted_where_it_is_not_yet_and_kept_where_it_is() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    const HEAD: &str = "refs/remotes/origin/HEAD";
    assert_eq!(pair.refs()[HEAD], "ref: refs/remotes/origin/main");
    bench.commit("next");
    bench.source.git(["symbolic-ref", "HEAD", "refs/heads/next"]).unwrap();
    pair.ours(&pair.options()).unwrap();
    assert_eq!(pair.refs()[HEAD], "ref: refs/remotes/origin/main", "it is kept");
    pair.apply(&Local {
        refs: vec![(HEAD.to_owned(), None)],
        ..Local::default()
    });
    pair.ours(&pair.options()).unwrap();
    assert_eq!(pair.refs()[HEAD], "ref: refs/remotes/origin/next");
}

#[test]
fn a_dry_run_says_what_git_says_and_changes_nothing() {
    let bench = Bench::new();
    bench.commit("gone");
    let pair = bench.clone(Version::V2);
    bench.commit("main");
    bench.commit("new");
    bench.tag("v1", "main");
    bench.delete("refs/heads/gone");
    let before = pair.gitside_state();
    let git = pair.git_fetch(&["--dry-run".into(), "--prune".into()]);
    let git = String::from_utf8(git.stdout).unwrap();
    // In a dry run git follows tags twice, and says so.
    let mut git: Vec<&str> = git.lines().collect();
    git.dedup();
    let mut options = pair.options();
    (options.dry_run, options.prune) = (true, Some(true));
    let fetched = pair.ours(&options).unwrap();
    let told = crate::told::Told::by_gitside(&Ok(fetched));
    assert_eq!(told.refs, git);
    assert_eq!(pair.gitside_state(), before);
}

#[test]
fn depths_that_make_no_sense_are_refused_before_anything_is_sent() {
    use gitside::ops::fetch::Depth;
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    bench.server.clear_log();
    let nothing = Depth::Cut {
        since: None,
        exclude: Vec::new(),
    };
    for depth in [Depth::Commits(0), Depth::Deepen(0), Depth::Commits(u32::MAX), nothing] {
        let mut options = pair.options();
        options.depth = depth.clone();
        let failure = pair.ours(&options).unwrap_err();
        assert_eq!(failure.error().unwrap().code, Code::Unsupported, "{depth:?}");
    }
    assert!(bench.server.log().is_empty());
}

//! Refs whose source is gone: the prune groups of t5510, and mirrors.

use gitside::ops::remote::Version;
use gitside::ops::remotes::TagMode;

use crate::bench::{BOTH, Bench, config, kinds};
use crate::pair::{Local, Manner};

const ALL: &str = "+refs/heads/*:refs/remotes/origin/*";

#[test]
fn pruning_deletes_what_is_gone_and_no_tags_and_no_symbolic_refs() {
    for version in BOTH {
        let bench = Bench::new();
        bench.commit("gone");
        bench.tag("v1", "main");
        let pair = bench.clone(version);
        bench.delete("refs/heads/gone");
        bench.delete("refs/tags/v1");
        bench.delete("refs/heads/main");
        bench.commit("other");
        pair.alike(&[], |_| ());
        assert!(pair.has("refs/remotes/origin/gone"), "nothing is pruned unasked");
        pair.alike(&["--prune"], |options| options.prune = Some(true));
        assert!(!pair.has("refs/remotes/origin/gone") && !pair.has("refs/remotes/origin/main"));
        assert!(pair.has("refs/tags/v1") && pair.has("refs/remotes/origin/HEAD"));
    }
}

#[test]
fn a_name_in_the_way_is_pruned_before_the_new_one_is_stored() {
    for version in BOTH {
        let bench = Bench::new();
        bench.commit("dir/file");
        bench.commit("name");
        let pair = bench.clone(version);
        bench.delete("refs/heads/dir/file");
        bench.delete("refs/heads/name");
        bench.commit("dir");
        bench.commit("name/below");
        let fetched = pair.alike(&[], |_| ());
        assert!(!fetched.is_ok() && !pair.has("refs/remotes/origin/dir"));
        let fetched = pair.alike(&["--prune"], |options| options.prune = Some(true));
        assert!(fetched.is_ok());
        assert!(pair.has("refs/remotes/origin/dir") && pair.has("refs/remotes/origin/name/below"));
    }
}

#[test]
fn refspecs_that_overlap_prune_only_what_none_of_them_keeps() {
    let bench = Bench::new();
    bench.commit("topic");
    bench.set("refs/pull/7/head", &bench.oid("main"));
    let pair = bench.clone(Version::V2);
    pair.configure(&config(
        &bench.url(),
        &[ALL, "+refs/pull/*/head:refs/remotes/origin/pr/*"],
    ));
    pair.alike(&[], |_| ());
    assert!(pair.has("refs/remotes/origin/pr/7"));
    // `origin/pr/7` could be of a branch `pr/7`, which is not there: it is kept all the same.
    bench.delete("refs/heads/topic");
    pair.alike(&["--prune"], |options| options.prune = Some(true));
    assert!(pair.has("refs/remotes/origin/pr/7") && !pair.has("refs/remotes/origin/topic"));
    bench.delete("refs/pull/7/head");
    pair.alike(&["--prune"], |options| options.prune = Some(true));
    assert!(!pair.has("refs/remotes/origin/pr/7"));
}

#[test]
fn pruning_with_refspecs_is_about_these_alone() {
    let bench = Bench::new();
    bench.commit("topic/a");
    bench.commit("topic/b");
    bench.commit("other");
    let pair = bench.clone(Version::V2);
    for name in ["topic/a", "other"] {
        bench.delete(&format!("refs/heads/{name}"));
    }
    let fetch = |spec: &str| {
        pair.alike(&["--prune", "origin", spec], |options| {
            options.prune = Some(true);
            options.remote = Some("origin".to_owned());
            options.refspecs = vec![spec.to_owned()];
        })
    };
    fetch("main");
    assert!(pair.has("refs/remotes/origin/topic/a") && pair.has("refs/remotes/origin/other"));
    fetch("refs/heads/topic/*:refs/remotes/origin/topic/*");
    assert!(!pair.has("refs/remotes/origin/topic/a") && pair.has("refs/remotes/origin/topic/b"));
    assert!(pair.has("refs/remotes/origin/other"));
}

#[test]
fn tags_are_pruned_only_where_that_is_asked_for() {
    let bench = Bench::new();
    bench.tag("gone", "main");
    bench.commit("gone");
    let pair = bench.clone(Version::V2);
    let mine = pair.refs()["refs/heads/main"].parse().unwrap();
    pair.apply(&Local {
        refs: vec![("refs/tags/mine".to_owned(), Some(mine))],
        ..Local::default()
    });
    bench.delete("refs/tags/gone");
    bench.delete("refs/heads/gone");
    pair.alike(&["--prune", "--tags"], |options| {
        options.prune = Some(true);
        options.tags = Some(TagMode::All);
    });
    assert!(pair.has("refs/tags/gone") && !pair.has("refs/remotes/origin/gone"));
    pair.alike(&["--prune-tags"], |options| options.prune_tags = Some(true));
    assert!(pair.has("refs/tags/gone"), "without prune it does nothing");
    pair.alike(&["--prune", "--prune-tags", "origin", "main"], |options| {
        (options.prune, options.prune_tags) = (Some(true), Some(true));
        options.remote = Some("origin".to_owned());
        options.refspecs = vec!["main".to_owned()];
    });
    assert!(pair.has("refs/tags/gone"), "with refspecs it does nothing");
    let fetched = pair.alike(&["--prune", "--prune-tags"], |options| {
        (options.prune, options.prune_tags) = (Some(true), Some(true));
    });
    assert!(kinds(&fetched).contains(&"Deleted refs/tags/gone".to_owned()));
    assert!(
        !pair.has("refs/tags/mine"),
        "those that were never there go too, as with git"
    );
}

#[test]
fn the_configuration_of_the_remote_counts_more_than_that_of_all_and_the_call_most() {
    for (all, remote, call, pruned) in [
        (None, None, None, false),
        (Some(true), None, None, true),
        (Some(true), Some(false), None, false),
        (Some(false), Some(true), None, true),
        (Some(true), Some(true), Some(false), false),
        (Some(false), None, Some(true), true),
    ] {
        let bench = Bench::new();
        bench.commit("gone");
        let pair = bench.clone(Version::V2);
        let mut text = config(&bench.url(), &[ALL]);
        text.extend(remote.map(|yes: bool| format!("\tprune = {yes}\n")));
        text.extend(all.map(|yes: bool| format!("[fetch]\n\tprune = {yes}\n")));
        pair.configure(&text);
        bench.delete("refs/heads/gone");
        let arg = call.map(|yes: bool| if yes { "--prune" } else { "--no-prune" });
        pair.alike(&arg.into_iter().collect::<Vec<_>>(), |options| options.prune = call);
        assert_eq!(!pair.has("refs/remotes/origin/gone"), pruned, "{text}");
    }
}

#[test]
fn a_mirror_has_the_servers_refs_again_after_every_kind_of_change() {
    for version in BOTH {
        let bench = Bench::new();
        for branch in ["one", "two", "dir/file"] {
            bench.commit(branch);
        }
        bench.tag("v1", "one");
        bench.set("refs/pull/1/head", &bench.oid("two"));
        bench.set("refs/notes/commits", &bench.commit_on(None));
        let mut manner = Manner::plain(version);
        manner.mirror = true;
        let pair = bench.clone_as(manner);
        let follow = || {
            pair.alike_in_refs();
            let listed = bench
                .source
                .git(["for-each-ref", "--format=%(refname) %(objectname)"])
                .unwrap();
            let refs: Vec<String> = pair.refs().iter().map(|(name, oid)| format!("{name} {oid}")).collect();
            assert_eq!(refs, String::from_utf8(listed).unwrap().lines().collect::<Vec<_>>());
        };
        bench.delete("refs/heads/dir/file");
        bench.commit("dir");
        bench.set("refs/heads/one", &bench.commit_on(None));
        bench.delete("refs/pull/1/head");
        bench.tag("v1", "two");
        follow();
        bench.delete("refs/heads/dir");
        bench.commit("dir/file");
        bench.delete("refs/tags/v1");
        bench.set("refs/notes/commits", &bench.commit_on(None));
        bench.source.git(["symbolic-ref", "HEAD", "refs/heads/two"]).unwrap();
        follow();
        assert_eq!(pair.gitside_state().refs["HEAD"], "ref: refs/heads/two");
        assert_eq!(pair.faults(), "");
    }
}

impl crate::pair::Pair {
    /// Fetches a mirror with pruning by both; git 2.47 leaves its HEAD as it is.
    fn alike_in_refs(&self) {
        assert!(self.git_fetch(&["--prune".into()]).status.success());
        let mut options = self.options();
        options.prune = Some(true);
        assert!(self.ours(&options).unwrap().is_ok());
        let (mut git, mut ours) = (self.git_state(), self.gitside_state());
        git.refs.remove("HEAD");
        ours.refs.remove("HEAD");
        assert_eq!(crate::told::differences(&git, &ours), Vec::<String>::new());
    }
}

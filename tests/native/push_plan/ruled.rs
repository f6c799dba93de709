//! Small pushes with a story each, after git's t5516, t5533 and t5543: what is expected is written
//! here, and asked of git and of gitside. What may be done to them.

use gitside::ops::push::Reason;
use gitside::ops::push::plan::{Expect, Lease, Server, Verdict, Wish};

use crate::pool::Pool;
use crate::story::{Story, check, specs, world};
use crate::support::block_on;
use crate::told;
use crate::wish::Push;

#[test]
fn updates_are_held_against_gits_rules() {
    let story = |tells, there, here, wish, expected| Story {
        tells,
        there,
        here,
        config: "",
        wish,
        expected,
    };
    let atomic = |names: &[&str]| Wish {
        atomic: true,
        ..specs(names)
    };
    check(vec![
        story(
            "what is there already is not sent",
            "heads/main=b",
            "heads/main=b",
            specs(&["main"]),
            Ok(&["= heads/main:heads/main"]),
        ),
        story(
            "commits that are not here are fetched first",
            "heads/main=x",
            "heads/main=c",
            specs(&["main"]),
            Ok(&["! heads/main:heads/main fetch first"]),
        ),
        story(
            "commits that are here are not thrown away",
            "heads/main=d",
            "heads/main=b",
            specs(&["main"]),
            Ok(&["! heads/main:heads/main non-fast-forward"]),
        ),
        story(
            "nor is a step back taken",
            "heads/main=c",
            "heads/main=b",
            specs(&["main"]),
            Ok(&["! heads/main:heads/main non-fast-forward"]),
        ),
        story(
            "but by force, of one or of all",
            "heads/main=d heads/next=x heads/topic=a",
            "heads/main=b heads/next=b heads/topic=b",
            specs(&["+main", "+next", "+topic"]),
            Ok(&[
                "  heads/topic:heads/topic",
                "+ heads/main:heads/main forced update",
                "+ heads/next:heads/next forced update",
            ]),
        ),
        story(
            "a tag stays what it is, even where the new one is further on",
            "tags/v=a",
            "tags/v=b",
            specs(&["v"]),
            Ok(&["! tags/v:tags/v already exists"]),
        ),
        story(
            "a tag is replaced by force",
            "tags/v=ta",
            "tags/v=tb",
            Wish {
                force: true,
                ..specs(&["v"])
            },
            Ok(&["+ tags/v:tags/v forced update"]),
        ),
        story(
            "what leads to no commit needs force",
            "odd/x=tree odd/y=a",
            "heads/main=b odd/y=tree",
            specs(&["main:odd/x", "refs/odd/y"]),
            Ok(&["! heads/main:odd/x needs force", "! odd/y:odd/y needs force"]),
        ),
        story(
            "a tag object in another place is as good as its commit",
            "odd/x=ta",
            "odd/x=tb",
            specs(&["refs/odd/x"]),
            Ok(&["  odd/x:odd/x"]),
        ),
        story(
            "all or nothing is nothing if one is refused",
            "heads/main=x heads/next=a heads/same=b",
            "heads/main=c heads/next=b heads/same=b heads/new=b",
            atomic(&["main", "next", "same", "new"]),
            Ok(&[
                "! heads/main:heads/main fetch first",
                "! heads/new:heads/new atomic push failed",
                "! heads/next:heads/next atomic push failed",
                "= heads/same:heads/same",
            ]),
        ),
        story(
            "and all otherwise",
            "heads/main=a heads/next=a",
            "heads/main=c heads/next=b",
            atomic(&["main", ":next"]),
            Ok(&["  heads/main:heads/main", "- :heads/next"]),
        ),
        story(
            "tags go along that lead to what the server will have",
            "heads/main=a tags/there=ta",
            "heads/main=b heads/side=d tags/there=tb tags/one=ta tags/two=tb tags/light=b",
            Wish {
                follow_tags: Some(true),
                ..specs(&["main"])
            },
            Ok(&["  heads/main:heads/main", "* tags/one:tags/one", "* tags/two:tags/two"]),
        ),
        story(
            "and no others",
            "heads/side=d",
            "heads/main=b tags/one=ta tags/two=tb",
            Wish {
                follow_tags: Some(true),
                ..specs(&[":side"])
            },
            Ok(&["* tags/one:tags/one", "- :heads/side"]),
        ),
        story(
            "every branch, every tag",
            "heads/main=a",
            "heads/main=b heads/new=b tags/v=ta",
            Wish {
                all: true,
                ..Wish::default()
            },
            Ok(&["  heads/main:heads/main", "* heads/new:heads/new"]),
        ),
        story(
            "tags alone are no branches",
            "heads/main=a",
            "heads/main=b tags/v=ta",
            Wish {
                tags: true,
                ..Wish::default()
            },
            Ok(&["* tags/v:tags/v"]),
        ),
    ]);
}

#[test]
fn leases_hold_or_break_as_with_git() {
    let lease = |name: &str, expect| Lease {
        name: name.as_bytes().to_vec(),
        expect,
    };
    let leased = |names: &[&str], leases: &[Lease]| Wish {
        leases: leases.to_vec(),
        ..specs(names)
    };
    let tracked = |names: &[&str]| leased(names, &[lease("main", Expect::Tracked)]);
    let letters = Pool::lettered(tempfile::tempdir().unwrap().path()).1;
    let is = |letter: &str| Expect::Oid(letters[letter]);
    let story = |tells, there, here, wish, expected| Story {
        tells,
        there,
        here,
        config: "",
        wish,
        expected,
    };
    const FORCED: &[&str] = &["+ heads/main:heads/main forced update"];
    const STALE: &[&str] = &["! heads/main:heads/main stale info"];
    let had = "heads/main=d remotes/origin/main=b";
    check(vec![
        story(
            "as expected",
            "heads/main=b",
            "heads/main=d",
            leased(&["main"], &[lease("main", is("b"))]),
            Ok(FORCED),
        ),
        story(
            "not as expected",
            "heads/main=c",
            "heads/main=d",
            leased(&["main"], &[lease("main", is("b"))]),
            Ok(STALE),
        ),
        story(
            "a lease is for its ref",
            "heads/main=b heads/next=b",
            "heads/main=d heads/next=d",
            leased(&["main", "next"], &[lease("next", is("b"))]),
            Ok(&[
                "! heads/main:heads/main non-fast-forward",
                "+ heads/next:heads/next forced update",
            ]),
        ),
        story(
            "the first lease counts",
            "heads/main=b",
            "heads/main=d",
            leased(&["main"], &[lease("main", is("c")), lease("refs/heads/main", is("b"))]),
            Ok(STALE),
        ),
        story("as tracked", "heads/main=b", had, tracked(&["main"]), Ok(FORCED)),
        story("not as tracked", "heads/main=c", had, tracked(&["main"]), Ok(STALE)),
        story(
            "tracked by nothing",
            "heads/main=b",
            "heads/main=d",
            tracked(&["main"]),
            Ok(STALE),
        ),
        story(
            "a fast-forward needs no force, and keeps the lease",
            "heads/main=c",
            "heads/main=c remotes/origin/main=a",
            tracked(&["main~0:main"]),
            Ok(&["= main~0:heads/main"]),
        ),
        story(
            "and is refused where the lease is broken",
            "heads/main=b",
            "heads/main=c remotes/origin/main=a",
            tracked(&["main"]),
            Ok(STALE),
        ),
        story(
            "a ref that must not be there is made",
            "",
            "heads/main=b",
            leased(&["main"], &[lease("main", Expect::Absent)]),
            Ok(&["* heads/main:heads/main"]),
        ),
        story(
            "and left alone where it is there",
            "heads/main=a",
            "heads/main=b",
            leased(&["main"], &[lease("main", Expect::Absent)]),
            Ok(STALE),
        ),
        story(
            "a ref is deleted only as it is known",
            "heads/main=b heads/next=c",
            "heads/main=b remotes/origin/main=b remotes/origin/next=b",
            Wish {
                lease_all: true,
                ..specs(&[":main", ":next"])
            },
            Ok(&["! :heads/next stale info", "- :heads/main"]),
        ),
        story(
            "all leased, one named otherwise",
            "heads/main=b heads/next=c",
            "heads/main=d heads/next=d remotes/origin/main=b remotes/origin/next=b",
            Wish {
                lease_all: true,
                ..leased(&["main", "next"], &[lease("next", is("c"))])
            },
            Ok(&[
                "+ heads/main:heads/main forced update",
                "+ heads/next:heads/next forced update",
            ]),
        ),
        story(
            "force is stronger than a lease",
            "heads/main=c",
            "heads/main=d",
            Wish {
                force: true,
                ..leased(&["main"], &[lease("main", is("b"))])
            },
            Ok(FORCED),
        ),
        story(
            "a broken lease keeps all from an atomic push",
            "heads/main=c heads/next=a",
            "heads/main=d heads/next=b remotes/origin/main=b",
            Wish {
                atomic: true,
                ..tracked(&["main", "next"])
            },
            Ok(&[
                "! heads/main:heads/main stale info",
                "! heads/next:heads/next atomic push failed",
            ]),
        ),
        story(
            "what was fetched and never was in the branch is not overwritten",
            "heads/main=b",
            had,
            Wish {
                force_if_includes: Some(true),
                ..tracked(&["main"])
            },
            Ok(&["! heads/main:heads/main remote ref updated since checkout"]),
        ),
        story(
            "what the branch goes on from is",
            "heads/main=b",
            "heads/main=c remotes/origin/main=b",
            Wish {
                force_if_includes: Some(true),
                ..tracked(&["main"])
            },
            Ok(&["  heads/main:heads/main"]),
        ),
        story(
            "which only counts for leases by the tracking ref",
            "heads/main=b",
            had,
            Wish {
                force_if_includes: Some(true),
                ..leased(&["main"], &[lease("main", is("b"))])
            },
            Ok(FORCED),
        ),
    ]);
}

#[test]
fn a_server_that_deletes_no_refs_is_not_asked_to() {
    let root = tempfile::tempdir().unwrap();
    let (pool, letters) = Pool::lettered(&root.path().join("pool"));
    let story = Story {
        tells: "git has no server that lacks delete-refs",
        there: "heads/main=a heads/old=a",
        here: "heads/main=b",
        config: "",
        wish: specs(&["main", ":old"]),
        expected: Ok(&[]),
    };
    let world = world(&root.path().join("world"), &pool, &letters, &story);
    let push = |atomic| Push {
        remote: Some("origin".to_owned()),
        wish: Wish {
            atomic,
            ..story.wish.clone()
        },
    };
    let server = Server {
        deletes: false,
        atomic: true,
    };
    let verdicts = |atomic| {
        let plan = block_on(told::plan_for(&world, &push(atomic), server)).unwrap();
        let verdicts: Vec<Verdict> = plan.refs.iter().map(|planned| planned.verdict).collect();
        (verdicts, plan.needs_pack())
    };
    let refused = Verdict::Rejected(Reason::DeletionsUnsupported);
    assert_eq!(verdicts(false), (vec![Verdict::Send, refused], true));
    let failed = Verdict::Rejected(Reason::Atomic);
    assert_eq!(verdicts(true), (vec![failed, refused], false));
}

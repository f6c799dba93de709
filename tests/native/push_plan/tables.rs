//! Small pushes with a story each, after git's t5516, t5533 and t5543: what is expected is written
//! here, and asked of git and of gitside.

use std::collections::BTreeMap;
use std::path::Path;

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::ops::push::Reason;
use gitside::ops::push::plan::{Expect, Lease, Server, Verdict, Wish};

use crate::pool::Pool;
use crate::support::block_on;
use crate::told::{self, by_git, by_gitside};
use crate::wish::Push;
use crate::world::{Held, World};

/// A push in a world of lettered commits.
struct Story {
    tells: &'static str,
    /// Refs of the server without `refs/`: `heads/main=a`.
    there: &'static str,
    /// Refs here; `HEAD` is on `main` unless it is named. `heads/link>heads/main` is symbolic.
    here: &'static str,
    /// Lines of the configuration beside the remote's.
    config: &'static str,
    wish: Wish,
    /// The lines of `git push --porcelain` without what they say of values, names without `refs/`:
    /// `flag from:to reason`; or why there is nothing to push.
    expected: Result<&'static [&'static str], Code>,
}

fn specs(specs: &[&str]) -> Wish {
    Wish {
        refspecs: specs.iter().map(|spec| (*spec).to_owned()).collect(),
        ..Wish::default()
    }
}

fn world(root: &Path, pool: &Pool, letters: &BTreeMap<&str, ObjectId>, story: &Story) -> World {
    let oid = |letter: &str| letters[letter];
    let server = story.there.split_whitespace().map(|word| {
        let (name, letter) = word.split_once('=').unwrap();
        (format!("refs/{name}"), oid(letter))
    });
    let here = story.here.split_whitespace().map(|word| match word.split_once('>') {
        Some(("HEAD", to)) => ("HEAD".to_owned(), Held::Symbolic(format!("refs/{to}"))),
        Some((name, to)) => (format!("refs/{name}"), Held::Symbolic(format!("refs/{to}"))),
        None => match word.split_once('=').unwrap() {
            ("HEAD", letter) => ("HEAD".to_owned(), Held::Oid(oid(letter))),
            (name, letter) => (format!("refs/{name}"), Held::Oid(oid(letter))),
        },
    });
    let mut refs: BTreeMap<String, Held> = here.collect();
    refs.entry("HEAD".to_owned())
        .or_insert(Held::Symbolic("refs/heads/main".to_owned()));
    // Every ref here has been what it is, and nothing else.
    let logged = refs.iter().filter_map(|(name, held)| match held {
        Held::Oid(oid) if name != "HEAD" => Some((name.clone(), vec![(*oid, 1_700_000_000)])),
        _ => None,
    });
    let logs = logged.collect();
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = always\n\
         [remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{}",
        root.join("there").display(),
        story.config
    );
    World::new(root, pool, server.collect(), refs, config, logs, Vec::new(), true)
}

fn check(stories: Vec<Story>) {
    let root = tempfile::tempdir().unwrap();
    let (pool, letters) = Pool::lettered(&root.path().join("pool"));
    for (number, story) in stories.into_iter().enumerate() {
        let world = world(&root.path().join(number.to_string()), &pool, &letters, &story);
        let push = Push {
            remote: Some("origin".to_owned()),
            wish: story.wish.clone(),
        };
        let (theirs, said) = by_git(&world, &push, true);
        let ours = by_gitside(&block_on(told::plan(&world, &push)));
        let expected = story.expected.map_err(Code::name);
        let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(theirs.lines(), expected, "{}, by git: {said}", story.tells);
        assert_eq!(ours.lines(), expected, "{}, by gitside", story.tells);
        assert_eq!(theirs.differences(&ours), Vec::<String>::new(), "{}", story.tells);
    }
}

#[test]
fn names_mean_what_they_mean_to_git() {
    let story = |tells, there, here, wish, expected| Story {
        tells,
        there,
        here,
        config: "",
        wish,
        expected,
    };
    check(vec![
        story(
            "a branch goes to the one of its name",
            "heads/main=a",
            "heads/main=b",
            specs(&["main"]),
            Ok(&["  heads/main:heads/main"]),
        ),
        story(
            "and is made where there is none",
            "",
            "heads/main=b",
            specs(&["main"]),
            Ok(&["* heads/main:heads/main"]),
        ),
        story(
            "a remote-tracking ref of the server is no rival of its branch",
            "heads/main=a remotes/origin/main=a",
            "heads/main=b",
            specs(&["main:origin/main"]),
            Ok(&["  heads/main:remotes/origin/main"]),
        ),
        story(
            "a strong match beats a weak one",
            "heads/origin/main=a remotes/origin/main=a",
            "heads/main=b",
            specs(&["main:origin/main"]),
            Ok(&["  heads/main:heads/origin/main"]),
        ),
        story(
            "a branch and a tag of one name are two on the server",
            "heads/frotz=a tags/frotz=a",
            "heads/main=b",
            specs(&["main:frotz"]),
            Err(Code::Ambiguous),
        ),
        story(
            "and two here",
            "heads/frotz=a",
            "heads/frotz=b tags/frotz=a",
            specs(&["frotz"]),
            Err(Code::Ambiguous),
        ),
        story(
            "a part of the name may be enough to tell them apart",
            "heads/frotz=a tags/frotz=a",
            "heads/main=b",
            specs(&["main:heads/frotz"]),
            Ok(&["  heads/main:heads/frotz"]),
        ),
        story(
            "what is pushed decides what is made",
            "heads/main=a",
            "heads/main=b tags/v=ta",
            specs(&["main:new", "v:old"]),
            Ok(&["* heads/main:heads/new", "* tags/v:tags/old"]),
        ),
        story(
            "an expression does not",
            "heads/main=a",
            "heads/main=b",
            specs(&["main~1:new"]),
            Err(Code::InvalidRef),
        ),
        story(
            "unless the server has the ref",
            "heads/new=b",
            "heads/main=c",
            specs(&["main~1:new", "main^:refs/heads/other"]),
            Ok(&["* main^:heads/other", "= main~1:heads/new"]),
        ),
        story(
            "HEAD is the branch it is on",
            "heads/main=a",
            "heads/main=b",
            specs(&["HEAD"]),
            Ok(&["  HEAD:heads/main"]),
        ),
        story(
            "and so is its short form",
            "heads/main=a",
            "heads/topic=b HEAD>heads/topic",
            specs(&["@"]),
            Ok(&["* HEAD:heads/topic"]),
        ),
        story(
            "a detached HEAD says nothing of where to",
            "heads/main=a",
            "heads/main=b HEAD=b",
            specs(&["HEAD"]),
            Err(Code::InvalidRef),
        ),
        story(
            "but can be told",
            "heads/main=a",
            "heads/main=b HEAD=c",
            specs(&["HEAD:main"]),
            Ok(&["  HEAD:heads/main"]),
        ),
        story(
            "a symbolic branch goes where it leads",
            "",
            "heads/main=b heads/link>heads/main",
            specs(&["link"]),
            Ok(&["* heads/link:heads/main"]),
        ),
        story(
            "a symbolic ref that leads to no branch goes nowhere",
            "",
            "remotes/origin/main=b remotes/origin/HEAD>remotes/origin/main",
            specs(&["origin"]),
            Err(Code::InvalidRef),
        ),
        story(
            "tag takes a tag though there is a branch of that name",
            "",
            "heads/v=b tags/v=ta",
            specs(&["tag v"]),
            Ok(&["* tags/v:tags/v"]),
        ),
        story(
            "a stash is an expression",
            "",
            "stash=b",
            specs(&["stash:refs/heads/wip"]),
            Ok(&["* stash:heads/wip"]),
        ),
        story(
            "what is not here cannot be pushed",
            "",
            "heads/main=b",
            specs(&["nothing"]),
            Err(Code::RefNotFound),
        ),
        story(
            "two sources for one ref are one too many",
            "heads/main=a",
            "heads/main=b heads/topic=c",
            specs(&["main", "topic:main"]),
            Err(Code::InvalidRef),
        ),
    ]);
}

#[test]
fn refs_are_deleted_as_by_git() {
    let story = |tells, there, here, wish, expected| Story {
        tells,
        there,
        here,
        config: "",
        wish,
        expected,
    };
    let delete = |names: &[&str]| Wish {
        delete: true,
        ..specs(names)
    };
    let prune = |names: &[&str]| Wish {
        prune: true,
        ..specs(names)
    };
    check(vec![
        story(
            "nothing pushed to a ref deletes it",
            "heads/main=a heads/old=a",
            "heads/main=a",
            specs(&[":old"]),
            Ok(&["- :heads/old"]),
        ),
        story(
            "a ref that is not there cannot be deleted by a short name",
            "heads/main=a",
            "heads/main=a",
            specs(&[":old"]),
            Err(Code::RefNotFound),
        ),
        story(
            "by its full name it can be, since the server may hide it",
            "heads/main=a",
            "heads/main=a",
            specs(&[":refs/heads/old"]),
            Ok(&["- :heads/old"]),
        ),
        story(
            "delete takes names",
            "heads/main=a heads/old=a tags/v=ta",
            "heads/main=a",
            delete(&["old", "tag v"]),
            Ok(&["- :heads/old", "- :tags/v"]),
        ),
        story(
            "and no refspecs",
            "heads/main=a",
            "heads/main=a",
            delete(&["main:main"]),
            Err(Code::Unsupported),
        ),
        story(
            "nor nothing",
            "heads/main=a",
            "heads/main=a",
            delete(&[]),
            Err(Code::Unsupported),
        ),
        story(
            "a directory may make room for a ref in one push",
            "heads/a/b=a",
            "heads/a=b",
            specs(&[":refs/heads/a/b", "a"]),
            Ok(&["* heads/a:heads/a", "- :heads/a/b"]),
        ),
        story(
            "pruning deletes what a pattern has no source for",
            "heads/main=a heads/old=a tags/old=ta",
            "heads/main=b",
            prune(&["refs/heads/*"]),
            Ok(&["  heads/main:heads/main", "- :heads/old"]),
        ),
        story(
            "and where names change, by the name it would have here",
            "for/main=a for/old=a heads/other=a",
            "heads/main=b",
            prune(&["refs/heads/*:refs/for/*"]),
            Ok(&["  heads/main:for/main", "- :for/old"]),
        ),
        story(
            "without a pattern there is nothing to prune",
            "heads/main=a heads/old=a",
            "heads/main=b",
            prune(&["main"]),
            Ok(&["  heads/main:heads/main"]),
        ),
        story(
            "a mirror has what is here and nothing else",
            "heads/main=x heads/old=a tags/v=tb odd/y=a",
            "heads/main=b tags/v=ta remotes/origin/main=a odd/x=a stash=a",
            Wish {
                mirror: true,
                ..Wish::default()
            },
            Ok(&[
                "* odd/x:odd/x",
                "* remotes/origin/main:remotes/origin/main",
                "+ heads/main:heads/main forced update",
                "+ tags/v:tags/v forced update",
                "- :heads/old",
                "- :odd/y",
            ]),
        ),
        story(
            "what a negative refspec names on the server is left alone",
            "heads/main=a heads/old=a heads/mine=a",
            "heads/main=b heads/mine=b",
            prune(&["refs/heads/*:refs/heads/*", "^refs/heads/old", "^refs/heads/mine"]),
            Ok(&["  heads/main:heads/main"]),
        ),
    ]);
}

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
fn without_refspecs_the_configuration_decides() {
    let story = |tells, config, expected| Story {
        tells,
        there: "heads/main=a heads/next=a heads/theirs=a",
        here: "heads/main=b heads/next=b heads/new=b",
        config,
        wish: Wish::default(),
        expected,
    };
    const MAIN: &[&str] = &["  heads/main:heads/main"];
    const NEXT: &[&str] = &["  heads/main:heads/next"];
    check(vec![
        story("simple needs an upstream", "", Err(Code::PushRejectedLocal)),
        story("unless it is assumed", "[push]\n\tautoSetupRemote = true\n", Ok(MAIN)),
        story(
            "of the same name",
            "[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n",
            Ok(MAIN),
        ),
        story(
            "and of no other",
            "[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/next\n",
            Err(Code::PushRejectedLocal),
        ),
        story(
            "but where the branch follows another remote",
            "[branch \"main\"]\n\tremote = up\n\tmerge = refs/heads/next\n",
            Ok(MAIN),
        ),
        story(
            "upstream takes any name",
            "[push]\n\tdefault = upstream\n[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/next\n",
            Ok(NEXT),
        ),
        story(
            "of one branch",
            "[push]\n\tdefault = upstream\n[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/next\n\tmerge = refs/heads/main\n",
            Err(Code::PushRejectedLocal),
        ),
        story("current asks for nothing", "[push]\n\tdefault = current\n", Ok(MAIN)),
        story(
            "nothing is nothing",
            "[push]\n\tdefault = nothing\n",
            Err(Code::PushRejectedLocal),
        ),
        story(
            "matching is what both have",
            "[push]\n\tdefault = matching\n",
            Ok(&["  heads/main:heads/main", "  heads/next:heads/next"]),
        ),
        story(
            "the remote's own refspecs come first",
            "[push]\n\tdefault = nothing\n[remote \"origin\"]\n\tpush = refs/heads/main:refs/for/main\n",
            Ok(&["* heads/main:for/main"]),
        ),
        story(
            "a remote may be a mirror",
            "[remote \"origin\"]\n\tmirror = true\n",
            Ok(&[
                "  heads/main:heads/main",
                "  heads/next:heads/next",
                "* heads/new:heads/new",
                "- :heads/theirs",
            ]),
        ),
    ]);
    let named = |tells, config, expected| Story {
        wish: specs(&["main"]),
        ..story(tells, config, expected)
    };
    check(vec![
        named(
            "a name alone goes where the remote's refspecs take it",
            "[remote \"origin\"]\n\tpush = +refs/heads/*:refs/for/*\n",
            Ok(&["* heads/main:for/main"]),
        ),
        named(
            "or to the upstream",
            "[push]\n\tdefault = upstream\n[branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/next\n",
            Ok(NEXT),
        ),
        named(
            "what a negative refspec excludes keeps its name",
            "[remote \"origin\"]\n\tpush = refs/heads/*:refs/heads/*\n\tpush = ^refs/heads/main\n",
            Ok(MAIN),
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

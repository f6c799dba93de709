//! Small pushes with a story each, after git's t5516, t5533 and t5543: what is expected is written
//! here, and asked of git and of gitside. Which refs a push names.

use gitside::error::Code;
use gitside::ops::push::plan::Wish;

use crate::story::{Story, check, specs};

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

//! Who, when, and with what message: as `git commit-tree` and `git stripspace` have it.

use gitside::error::Code;
use gitside::format::message::Cleanup;
use gitside::ops::compose::{Author, When};
use gitside::ops::write::{self, NewCommit, NewTag};
use gitside::ops::{Repository, config, init};
use gitside::task::Task;
use gitside_server::repos::{Random, Repo, git, run};

use crate::support::{block_on, host};

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

async fn repository() -> (Task, Repository) {
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    let repo = init::init(&host, &task, "authors", "main").await.unwrap();
    write::tree(&task, &repo, Vec::new()).await.unwrap();
    (task, repo)
}

fn author(name: &str, email: &str, time: i64, tz: &str) -> Author {
    Author {
        name: name.as_bytes().to_vec(),
        email: email.as_bytes().to_vec(),
        when: Some(When {
            time,
            tz: tz.as_bytes().to_vec(),
        }),
    }
}

/// A text of what git strips, what it does not, and what it keeps within.
fn odd(random: &mut Random) -> String {
    let parts = [
        "A", "é", " ", "  ", ".", ",", ";", ":", "<", ">", "\"", "\\", "'", "\n", "\t", "\u{1}", "@", "(", "\r",
    ];
    (0..random.below(7)).map(|_| parts[random.below(parts.len())]).collect()
}

#[test]
fn names_and_addresses_are_cleaned_as_git_cleans_them() {
    let folder = tempfile::tempdir().unwrap();
    let oracle = Repo::init(folder.path(), "main").unwrap();
    oracle.git_with(["mktree"], b"").unwrap();
    let mut random = Random::new(0xa07);
    let (mut made, mut refused) = (0, 0);
    block_on(async {
        let (task, repo) = repository().await;
        for _ in 0..250 {
            let (name, email) = (odd(&mut random), odd(&mut random));
            let time = i64::try_from(random.below(1 << 32)).unwrap();
            let tz = random.one_of(&["+0000", "-0330", "+1245"]);
            let mut command = git();
            command.current_dir(folder.path()).args(["commit-tree", TREE]);
            command.env("GIT_AUTHOR_NAME", &name).env("GIT_AUTHOR_EMAIL", &email);
            command.env("GIT_AUTHOR_DATE", format!("@{time} {tz}"));
            let theirs = run(command, b"m\n")
                .ok()
                .map(|oid| String::from_utf8(oid).unwrap().trim().to_owned());
            let new = NewCommit {
                tree: TREE.as_bytes().to_vec(),
                author: Some(author(&name, &email, time, tz)),
                committer: Some(author("Ada Example", "ada@example.org", 1_700_000_000, "+0000")),
                message: b"m\n".to_vec(),
                cleanup: Cleanup::Verbatim,
                ..NewCommit::default()
            };
            let ours = write::commit(&task, &repo, &new).await;
            if let Err(failure) = &ours {
                assert_eq!(failure.error().unwrap().code, Code::Unsupported);
                refused += 1;
            }
            let ours = ours.ok().map(|oid| oid.to_hex());
            assert_eq!(ours, theirs, "{name:?} <{email:?}> {time} {tz}");
            made += usize::from(ours.is_some());
        }
    });
    assert!(made > 100 && refused > 20, "{made} were made, {refused} refused");
}

#[test]
fn messages_are_tidied_as_git_tidies_them() {
    let mut random = Random::new(0x3e55);
    let parts = [
        "a",
        "Subject line",
        " ",
        "\t",
        "\n",
        "\n\n",
        "\n\n\n",
        "#",
        "# c\n",
        "\r\n",
        "\u{b}",
        "\u{c}",
        "ü",
    ];
    for _ in 0..150 {
        let message: String = (0..random.below(14))
            .map(|_| parts[random.below(parts.len())])
            .collect();
        for (cleanup, arguments) in [
            (Cleanup::Whitespace, &["stripspace"][..]),
            (Cleanup::Strip, &["stripspace", "--strip-comments"]),
        ] {
            let mut command = git();
            command.args(arguments);
            let theirs = run(command, message.as_bytes()).unwrap();
            let ours = cleanup.apply(message.as_bytes());
            assert_eq!(
                ours.escape_ascii().to_string(),
                theirs.escape_ascii().to_string(),
                "{message:?}, {cleanup:?}"
            );
        }
    }
}

#[test]
fn an_editor_leaves_what_scissors_leave() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = git();
    command.current_dir(folder.path()).args(["init", "--quiet", "."]);
    run(command, b"").unwrap();
    let line = "# ------------------------ >8 ------------------------\n";
    for message in [
        format!("Subject\n\n# kept\nbody  \n\n{line}gone\n"),
        format!("Subject\n  {line}kept\n"),
        format!("Subject\n{}", line.trim_end()),
    ] {
        let mut command = git();
        command.current_dir(folder.path()).env("GIT_EDITOR", "true");
        command.args([
            "commit",
            "--quiet",
            "--allow-empty",
            "--edit",
            "--cleanup=scissors",
            "-F",
            "-",
        ]);
        run(command, message.as_bytes()).unwrap();
        let mut command = git();
        command.current_dir(folder.path()).args(["cat-file", "commit", "HEAD"]);
        let commit = run(command, b"").unwrap();
        let theirs = commit
            .windows(2)
            .position(|pair| pair == b"\n\n")
            .map(|at| commit[at + 2..].to_vec())
            .unwrap();
        // Git appends its own scissors to what the editor shows.
        let ours = Cleanup::Scissors.apply(format!("{message}\n{line}").as_bytes());
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            String::from_utf8(theirs).unwrap(),
            "{message:?}"
        );
    }
}

#[test]
fn who_is_not_named_is_taken_from_the_configuration() {
    block_on(async {
        let (task, repo) = repository().await;
        let new = NewCommit {
            tree: TREE.as_bytes().to_vec(),
            message: b"m\n".to_vec(),
            tz: Some(b"-0230".to_vec()),
            ..NewCommit::default()
        };
        let nobody = write::commit(&task, &repo, &new).await.unwrap_err();
        assert_eq!(nobody.error().unwrap().code, Code::Unsupported);
        for (key, value) in [
            ("user.name", "U"),
            ("user.email", "u@x"),
            ("author.name", "A"),
            ("committer.email", "c@x"),
        ] {
            config::set(&task, &repo, key.as_bytes(), Some(value.as_bytes()))
                .await
                .unwrap();
        }
        let before = repo.host.clock.unix_seconds();
        let oid = write::commit(&task, &repo, &new).await.unwrap();
        let after = repo.host.clock.unix_seconds();
        let content = repo.odb.read(&oid).await.unwrap().data;
        let text = String::from_utf8(content.to_vec()).unwrap();
        let possible = (before..=after)
            .map(|now| format!("tree {TREE}\nauthor A <u@x> {now} -0230\ncommitter U <c@x> {now} -0230\n\nm\n"));
        assert!(possible.into_iter().any(|expected| expected == text), "{text}");
    });
}

#[test]
fn what_no_commit_or_tag_can_hold_is_refused() {
    block_on(async {
        let (task, repo) = repository().await;
        let good = NewCommit {
            tree: TREE.as_bytes().to_vec(),
            author: Some(author("A", "a", 0, "+0000")),
            message: b"m\n".to_vec(),
            ..NewCommit::default()
        };
        assert!(write::commit(&task, &repo, &good).await.is_ok());
        let with = |author: Author| NewCommit {
            author: Some(author),
            ..good.clone()
        };
        for (new, reason) in [
            (with(author("A\0", "a", 0, "+0000")), "identity"),
            (with(author("A", "a", -1, "+0000")), "identity"),
            (with(author("A", "a", 0, "0000")), "identity"),
            (with(author("A", "a", 0, "+000\n")), "identity"),
            (
                NewCommit {
                    message: b"m\0".to_vec(),
                    ..good.clone()
                },
                "message",
            ),
            (
                NewCommit {
                    message: b"\xff".to_vec(),
                    ..good.clone()
                },
                "message",
            ),
            (
                NewCommit {
                    encoding: Some(b"a\nb".to_vec()),
                    ..good.clone()
                },
                "encoding",
            ),
        ] {
            let refused = write::commit(&task, &repo, &new).await.unwrap_err();
            let error = refused.error().unwrap();
            assert_eq!(error.code, Code::Unsupported);
            assert!(
                error
                    .data
                    .iter()
                    .any(|(name, datum)| *name == "reason" && format!("{datum:?}").contains(reason)),
                "{error:?}"
            );
        }
        let tag = |name: &str| NewTag {
            object: TREE.as_bytes().to_vec(),
            name: name.as_bytes().to_vec(),
            tagger: Some(author("A", "a", 0, "+0000")),
            message: b"m".to_vec(),
            ..NewTag::default()
        };
        assert!(write::tag(&task, &repo, &tag("v1/x")).await.is_ok());
        for name in ["", "-x", "a b", "a..b", "x.lock", "a\nb"] {
            let refused = write::tag(&task, &repo, &tag(name)).await.unwrap_err();
            assert_eq!(refused.error().unwrap().code, Code::InvalidRef, "{name:?}");
        }
        let parent = NewCommit {
            parents: vec![TREE.as_bytes().to_vec()],
            ..good.clone()
        };
        let refused = write::commit(&task, &repo, &parent).await.unwrap_err();
        assert_eq!(refused.error().unwrap().code, Code::InvalidRef);
    });
}

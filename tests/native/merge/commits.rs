//! Merging, picking and reverting on branches: the commits are git's, byte for byte, and so are the
//! trees that conflicts leave.

use gitside::error::{Code, Outcome};
use gitside::format::oid::ObjectId;
use gitside::ops::cherry_pick::cherry_pick;
use gitside::ops::commit::{self, Change, commit};
use gitside::ops::compose::{Author, When};
use gitside::ops::config;
use gitside::ops::merge::{Done, Ending, FastForward, MergeOptions, ReplayOptions, Terms, merge};
use gitside::ops::reflog::Reflog;
use gitside::ops::revert::revert;
use gitside_server::repos::{Repo, git, run};

use crate::matrix::tree;
use crate::scene::{Commit, Scene, Script};
use crate::support::block_on;

/// A history, and a worktree of git's on the branch `<name>/ours` of it.
struct Both {
    scene: Scene,
    work: Repo,
}

impl Both {
    fn new(commits: &[Commit]) -> Both {
        let mut script = Script::default();
        for commit in commits {
            script.commit("x", commit);
        }
        Both::of(Scene::new(&script))
    }

    fn of(scene: Scene) -> Both {
        let path = scene.git.path().with_file_name("work");
        let mut command = git();
        command.current_dir(scene.git.path()).args(["worktree", "add", "-q"]);
        command.arg(&path).arg("x/ours");
        run(command, b"").unwrap();
        // A bare repository logs nothing unless it is told to.
        let set = config::set(&scene.task, &scene.gitside, b"core.logAllRefUpdates", Some(b"true"));
        block_on(set).unwrap();
        Both {
            work: Repo::at(path),
            scene,
        }
    }

    /// With what git has got since.
    fn cloned_again(self) -> Both {
        let repo = Repo::at(self.scene.git.path());
        let scene = Scene::of(repo, self.scene.into_folder());
        let set = config::set(&scene.task, &scene.gitside, b"core.logAllRefUpdates", Some(b"true"));
        block_on(set).unwrap();
        Both { scene, work: self.work }
    }

    /// Runs git in the worktree; answers the commit it is on then, or the tree with conflicts.
    fn git(&self, args: &[&str]) -> Result<(String, String), String> {
        let tip = |rev: &str| self.work.git_line(["rev-parse", "-q", "--verify", rev]);
        match self.work.git(args) {
            Ok(_) => {
                let content = self.work.git(["cat-file", "commit", "HEAD"]).unwrap();
                Ok((tip("HEAD").unwrap(), String::from_utf8_lossy(&content).into_owned()))
            }
            Err(_) => Err(tip("AUTO_MERGE^{tree}").unwrap_or_default()),
        }
    }

    fn tip(&self) -> ObjectId {
        let found = block_on(self.scene.gitside.refs.resolve(b"refs/heads/x/ours")).unwrap();
        found.unwrap().oid.unwrap()
    }

    fn content(&self, oid: &ObjectId) -> String {
        let object = block_on(self.scene.gitside.odb.read(oid)).unwrap();
        String::from_utf8_lossy(&object.data).into_owned()
    }

    fn merge(&self, rev: &str, options: &MergeOptions) -> Outcome<Done> {
        let (task, repo) = (&self.scene.task, &self.scene.gitside);
        block_on(merge(task, repo, b"x/ours", rev.as_bytes(), options))
    }

    fn pick(&self, rev: &str, options: &ReplayOptions) -> Outcome<Done> {
        let (task, repo) = (&self.scene.task, &self.scene.gitside);
        block_on(cherry_pick(task, repo, b"x/ours", rev.as_bytes(), options))
    }

    fn revert(&self, rev: &str, options: &ReplayOptions) -> Outcome<Done> {
        let (task, repo) = (&self.scene.task, &self.scene.gitside);
        block_on(revert(task, repo, b"x/ours", rev.as_bytes(), options))
    }

    /// Both have made the same commit, or left the same conflicts.
    fn check(&self, git: Result<(String, String), String>, done: Outcome<Done>) -> Done {
        let done = done.unwrap();
        match git {
            Ok((oid, content)) => {
                let made = done.oid.expect("no conflicts");
                assert_eq!(self.content(&made), content);
                assert_eq!(made.to_string(), oid);
                assert_eq!(self.tip(), made);
            }
            Err(tree) => {
                assert_eq!(done.ending, Ending::Conflicts);
                assert_eq!(done.tree.to_string(), tree);
                assert_eq!(done.oid, None);
                self.content(&done.tree);
            }
        }
        done
    }

    /// The words of the branch's last reflog entry.
    fn log(&self) -> String {
        let (task, repo) = (&self.scene.task, &self.scene.gitside);
        let log = block_on(async {
            let mut log = Reflog::open(task, repo, b"refs/heads/x/ours", Some(1)).await?;
            log.next_batch(task, 1).await
        });
        let log = log.unwrap();
        String::from_utf8_lossy(&log.first().expect("an entry").message).into_owned()
    }
}

/// Whom git is told that it is.
fn terms() -> Terms {
    let ada = Author {
        name: b"Ada Example".to_vec(),
        email: b"ada@example.org".to_vec(),
        when: Some(When {
            time: 1_700_000_000,
            tz: b"+0000".to_vec(),
        }),
    };
    Terms {
        author: None,
        committer: Some(ada),
        ..Terms::default()
    }
}

fn merging() -> MergeOptions {
    MergeOptions {
        terms: terms(),
        ..MergeOptions::default()
    }
}

fn replaying() -> ReplayOptions {
    ReplayOptions {
        terms: terms(),
        ..ReplayOptions::default()
    }
}

/// Two sides that can be merged.
fn apart() -> Vec<Commit> {
    vec![
        Commit::new("base", &[], tree("f=#1; g=#2")),
        Commit::new("ours", &["base"], tree("f=#1^; g=#2")),
        Commit::new("theirs", &["base"], tree("f=#1+; g=#2; h=#3")),
    ]
}

/// Two sides that cannot.
fn against_each_other() -> Vec<Commit> {
    vec![
        Commit::new("base", &[], tree("f=#1; g=#2")),
        Commit::new("ours", &["base"], tree("f=#1!; g=#2")),
        Commit::new("theirs", &["base"], tree("f=#1?; g=#2+")),
    ]
}

fn code(outcome: Outcome<Done>) -> (Code, Option<String>) {
    let failure = outcome.unwrap_err();
    let error = failure.error().expect("an error");
    let reason = error.data.iter().find(|(name, _)| *name == "reason");
    (error.code, reason.map(|(_, datum)| format!("{datum:?}")))
}

#[test]
fn a_merge_commit_is_gits() {
    for rev in ["x/theirs", "refs/heads/x/theirs", "x/theirs~0", "v1", "light"] {
        let both = Both::new(&apart());
        let repo = &both.scene.git;
        repo.git(["tag", "-a", "-m", "One\n\nMore.", "v1", "x/theirs"]).unwrap();
        repo.git(["tag", "light", "x/theirs"]).unwrap();
        let both = both.cloned_again();
        let git = both.git(&["merge", "-q", "--no-edit", rev]);
        let done = both.check(git, both.merge(rev, &merging()));
        assert_eq!(done.ending, Ending::Merged);
        assert_eq!(both.log(), format!("merge {rev}: Merge made by the 'ort' strategy."));
    }
}

#[test]
fn a_merge_by_its_id_names_the_commit() {
    let both = Both::new(&apart());
    let theirs = both.scene.git.git_line(["rev-parse", "x/theirs"]).unwrap();
    let git = both.git(&["merge", "-q", "--no-edit", &theirs]);
    both.check(git, both.merge(&theirs, &merging()));
}

#[test]
fn a_branch_without_commits_of_its_own_moves_forward_unless_it_must_not() {
    let commits = [
        Commit::new("ours", &[], tree("f=#1")),
        Commit::new("theirs", &["ours"], tree("f=#1+")),
    ];
    let both = Both::new(&commits);
    let git = both.git(&["merge", "-q", "--no-edit", "x/theirs"]);
    let done = both.check(git, both.merge("x/theirs", &merging()));
    assert_eq!(done.ending, Ending::FastForward);
    assert_eq!(both.log(), "merge x/theirs: Fast-forward");
    let done = both.merge("x/theirs", &merging()).unwrap();
    assert_eq!((done.ending, done.oid), (Ending::UpToDate, Some(both.tip())));

    let both = Both::new(&commits);
    let git = both.git(&["merge", "-q", "--no-edit", "--no-ff", "x/theirs"]);
    let options = MergeOptions {
        fast_forward: FastForward::Never,
        ..merging()
    };
    assert_eq!(both.check(git, both.merge("x/theirs", &options)).ending, Ending::Merged);

    let both = Both::new(&apart());
    let options = MergeOptions {
        fast_forward: FastForward::Only,
        ..merging()
    };
    let before = both.tip();
    let refused = code(both.merge("x/theirs", &options));
    assert_eq!(
        refused,
        (Code::RefConflict, Some("Text(\"non-fast-forward\")".to_owned()))
    );
    assert_eq!(both.tip(), before);
}

#[test]
fn a_branch_that_is_not_there_yet_starts_at_what_is_merged() {
    let both = Both::new(&apart());
    let (task, repo) = (&both.scene.task, &both.scene.gitside);
    let done = block_on(merge(task, repo, b"new", b"x/theirs", &merging())).unwrap();
    let theirs = both.scene.git.git_line(["rev-parse", "x/theirs"]).unwrap();
    assert_eq!(
        (done.ending, done.oid.unwrap().to_string()),
        (Ending::FastForward, theirs)
    );
    assert!(block_on(repo.refs.resolve(b"refs/heads/new")).unwrap().is_some());
}

#[test]
fn conflicts_are_stored_and_can_be_solved_by_a_commit() {
    let both = Both::new(&against_each_other());
    let before = both.tip();
    let merged = both.merge("x/theirs", &merging()).unwrap();
    let git = both.scene.by_git(&[], None, "x/ours", "x/theirs").unwrap();
    assert_eq!((merged.ending, merged.tree.to_string()), (Ending::Conflicts, git.tree));
    assert_eq!(both.tip(), before);
    let options = commit::Options {
        message: Some(b"solved".to_vec()),
        base: Some(merged.tree.to_string().into_bytes()),
        parents: Some(vec![b"x/ours".to_vec(), b"x/theirs".to_vec()]),
        changes: vec![Change::Write {
            path: b"f".to_vec(),
            content: b"solved\n".to_vec(),
            kind: None,
        }],
        committer: terms().committer,
        ..commit::Options::default()
    };
    let (task, repo) = (&both.scene.task, &both.scene.gitside);
    let solved = block_on(commit(task, repo, b"x/ours", &options)).unwrap();
    assert_eq!(both.tip(), solved);
    let done = both.merge("x/theirs", &merging()).unwrap();
    assert_eq!(done.ending, Ending::UpToDate);
}

#[test]
fn nothing_is_stored_by_a_trial() {
    for commits in [apart(), against_each_other()] {
        let both = Both::new(&commits);
        let before = both.tip();
        let options = MergeOptions {
            terms: Terms {
                dry_run: true,
                ..terms()
            },
            ..merging()
        };
        let objects = block_on(both.scene.gitside.usage()).unwrap().stats.objects;
        let done = both.merge("x/theirs", &options).unwrap();
        assert_eq!(done.oid, None);
        assert_eq!(both.tip(), before);
        assert_eq!(block_on(both.scene.gitside.usage()).unwrap().stats.objects, objects);
    }
}

#[test]
fn unrelated_histories_are_merged_only_if_that_is_meant() {
    let both = Both::new(&[
        Commit::new("ours", &[], tree("f=#1")),
        Commit::new("theirs", &[], tree("g=#2")),
    ]);
    let refused = code(both.merge("x/theirs", &merging()));
    assert_eq!(refused, (Code::Unsupported, Some("Text(\"unrelated\")".to_owned())));
    let git = both.git(&["merge", "-q", "--no-edit", "--allow-unrelated-histories", "x/theirs"]);
    let options = MergeOptions {
        allow_unrelated: true,
        ..merging()
    };
    both.check(git, both.merge("x/theirs", &options));
}

#[test]
fn a_branch_that_is_elsewhere_is_not_touched() {
    let both = Both::new(&apart());
    let options = MergeOptions {
        terms: Terms {
            expect: Some(None),
            ..terms()
        },
        ..merging()
    };
    assert_eq!(code(both.merge("x/theirs", &options)).0, Code::RefConflict);
}

#[test]
fn a_picked_commit_is_gits() {
    let both = Both::new(&apart());
    let git = both.git(&["cherry-pick", "x/theirs"]);
    let done = both.check(git, both.pick("x/theirs", &replaying()));
    assert_eq!(done.ending, Ending::Merged);
    assert_eq!(both.log(), "cherry-pick: x/theirs");
    let before = both.tip();
    let again = both.pick("x/theirs", &replaying()).unwrap();
    assert_eq!((again.ending, again.oid), (Ending::UpToDate, Some(before)));
    let git = both.git(&["cherry-pick", "--allow-empty", "--keep-redundant-commits", "x/theirs"]);
    let options = ReplayOptions {
        allow_empty: true,
        ..replaying()
    };
    both.check(git, both.pick("x/theirs", &options));
}

#[test]
fn a_picked_commit_says_where_it_comes_from_if_it_is_asked() {
    let options = ReplayOptions {
        record_origin: true,
        ..replaying()
    };
    for message in [
        "title",
        "title\n\nbody",
        "title\n\nbody\n\nSigned-off-by: A <a@example.org>",
        "\n\ntitle\n\n",
    ] {
        let both = Both::new(&apart());
        let repo = &both.scene.git;
        let oid = repo.git_with(["commit-tree", "-p", "x/base", "x/theirs^{tree}"], message.as_bytes());
        let oid = String::from_utf8_lossy(&oid.unwrap()).trim().to_owned();
        repo.git(["update-ref", "refs/heads/x/odd", &oid]).unwrap();
        let both = both.cloned_again();
        let git = both.git(&["cherry-pick", "-x", "x/odd"]);
        both.check(git, both.pick("x/odd", &options));
    }
}

#[test]
fn conflicts_of_a_pick_or_a_revert_are_gits() {
    let both = Both::new(&against_each_other());
    let git = both.git(&["cherry-pick", "x/theirs"]);
    both.check(git, both.pick("x/theirs", &replaying()));

    let both = Both::new(&[
        Commit::new("one", &[], tree("f=#1; g=#2")),
        Commit::new("two", &["one"], tree("f=#1!; g=#2+")),
        Commit::new("ours", &["two"], tree("f=#1?; g=#2+")),
    ]);
    let git = both.git(&["revert", "--no-edit", "x/two"]);
    both.check(git, both.revert("x/two", &replaying()));
}

#[test]
fn a_first_commit_is_picked_and_reverted() {
    let both = Both::new(&[
        Commit::new("ours", &[], tree("f=#1")),
        Commit::new("theirs", &[], tree("g=#2; d/h=#3")),
    ]);
    let git = both.git(&["cherry-pick", "x/theirs"]);
    both.check(git, both.pick("x/theirs", &replaying()));
    let git = both.git(&["revert", "--no-edit", "x/theirs"]);
    both.check(git, both.revert("x/theirs", &replaying()));
}

#[test]
fn a_revert_and_the_revert_of_it_are_gits() {
    let both = Both::new(&[
        Commit::new("one", &[], tree("f=#1; d/a=#2; d/b=#3")),
        Commit::new("two", &["one"], tree("f=#1^; e/a=#2; e/b=#3")),
        Commit::new("ours", &["two"], tree("f=#1^+; e/a=#2+; e/b=#3")),
    ]);
    let git = both.git(&["revert", "--no-edit", "x/two"]);
    let done = both.check(git, both.revert("x/two", &replaying()));
    assert_eq!(done.ending, Ending::Merged);
    assert_eq!(both.log(), "revert: Revert \"x/two\"");
    for _ in 0..3 {
        let git = both.git(&["revert", "--no-edit", "HEAD"]);
        both.check(git, both.revert("x/ours", &replaying()));
    }
}

#[test]
fn a_merge_is_picked_or_reverted_against_one_of_its_parents() {
    let commits = [
        Commit::new("base", &[], tree("f=#1; g=#2")),
        Commit::new("one", &["base"], tree("f=#1^; g=#2")),
        Commit::new("two", &["base"], tree("f=#1; g=#2+")),
        Commit::new("both", &["one", "two"], tree("f=#1^; g=#2+")),
        Commit::new("ours", &["both"], tree("f=#1^; g=#2+; h=#3")),
    ];
    for mainline in 1..3 {
        let both = Both::new(&commits);
        let number = mainline.to_string();
        let options = ReplayOptions {
            mainline: Some(mainline),
            ..replaying()
        };
        let git = both.git(&["revert", "--no-edit", "-m", &number, "x/both"]);
        both.check(git, both.revert("x/both", &options));
        let git = both.git(&["cherry-pick", "-m", &number, "x/both"]);
        both.check(git, both.pick("x/both", &options));
    }
    let both = Both::new(&commits);
    let mainline = Some("Text(\"mainline\")".to_owned());
    for (number, rev) in [
        (None, "x/both"),
        (Some(3), "x/both"),
        (Some(0), "x/both"),
        (Some(2), "x/one"),
    ] {
        let options = ReplayOptions {
            mainline: number,
            ..replaying()
        };
        assert_eq!(code(both.pick(rev, &options)), (Code::Unsupported, mainline.clone()));
        assert_eq!(code(both.revert(rev, &options)), (Code::Unsupported, mainline.clone()));
    }
}

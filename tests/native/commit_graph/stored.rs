//! The commit-graph as it is stored: what is added, what is damaged, and what is cut off in the
//! middle.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use gitside::error::Failure;
use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{Batch, Change, Host, LockMode, Table, Wait};
use gitside::ops::commit_graph::{Options, Report, file, upkeep, write};
use gitside::ops::log::{Log, Options as LogOptions};
use gitside::ops::{Repository, config, gc};
use gitside::store::publish::{Publication, RefUpdate};
use gitside::store::refs::Target;
use gitside::task::Task;

use crate::faulty::{Faulty, KILLS, Kill, Plan};
use crate::hasty::Hasty;
use crate::history::{Graph, Loaded, generate, import, load, task};
use crate::pack_oracle::{Scratch, git};
use crate::support::{block_on, host};

/// What a reader asks for: the history of a path, and how often the two sides of a merge met.
async fn answers(task: &Task, repo: &Repository) -> Vec<ObjectId> {
    let options = LogOptions {
        path: Some(b"dir".to_vec()),
        ..LogOptions::default()
    };
    let mut log = Log::open(task, repo, b"main", &options).await.unwrap();
    let commits = log.next_batch(task, 1000).await.unwrap();
    commits.iter().map(|commit| commit.oid).collect()
}

/// Adds a line of commits to the main branch, without changes.
async fn add(loaded: &Loaded, count: u64) -> ObjectId {
    let repo = &loaded.repo;
    let writer = repo.writer(&loaded.task).await.unwrap();
    let mut publication = Publication::new(&writer);
    let (mut tip, tree) = (
        repo.refs
            .resolve(b"refs/heads/main")
            .await
            .unwrap()
            .unwrap()
            .oid
            .unwrap(),
        loaded.oid("main^{tree}"),
    );
    for at in 0..count {
        let who = format!("A <a@x> {} +0000", 1_700_000_000 + at);
        let content = format!("tree {tree}\nparent {tip}\nauthor {who}\ncommitter {who}\n\nadded {at}\n");
        tip = hash_object(Kind::Commit, content.as_bytes()).unwrap();
        publication.object(tip, Kind::Commit, content.as_bytes());
    }
    publication.update(RefUpdate {
        name: b"refs/heads/main".to_vec(),
        expect: None,
        new: Some(Target::Direct(tip)),
        peeled: None,
    });
    publication.commit().await.unwrap();
    tip
}

async fn grow(loaded: &Loaded) -> Report {
    write(&loaded.task, &loaded.repo, Options::default()).await.unwrap()
}

/// The rows of the graph's files, and of nothing else: no pack's chunk starts so.
async fn rows(repo: &Repository) -> Vec<Vec<u8>> {
    let rows = repo.backend.list(Table::Chunks, b"", None, 10_000).await.unwrap();
    let rows = rows.into_iter().filter(|(_, row)| row.starts_with(b"L\x01"));
    rows.map(|(key, _)| key).collect()
}

#[test]
fn what_is_added_goes_on_top_and_files_are_merged_when_they_are_many() {
    block_on(async {
        let loaded = load(generate("graph-grows", 61, 200, false)).await;
        let first = grow(&loaded).await;
        assert_eq!(
            (first.added, first.files, first.filters),
            (first.commits, 1, first.commits)
        );
        let again = grow(&loaded).await;
        assert_eq!((again.added, again.filters, again.commits), (0, 0, first.commits));
        let before = rows(&loaded.repo).await;
        add(&loaded, 20).await;
        let second = grow(&loaded).await;
        assert_eq!((second.added, second.filters, second.files), (20, 20, 2));
        let after = rows(&loaded.repo).await;
        assert!(
            before.iter().all(|key| after.contains(key)),
            "the large file is not written again"
        );
        let mut most = 0;
        for _ in 0..60 {
            add(&loaded, 3).await;
            let report = grow(&loaded).await;
            assert_eq!((report.added, report.filters), (3, 3));
            most = most.max(report.files);
            assert_eq!(
                rows(&loaded.repo).await.len() as u64,
                report.files,
                "one row each, and none left over"
            );
        }
        assert!((3..=8).contains(&most), "{most} files");
        let whole = write(
            &loaded.task,
            &loaded.repo,
            Options {
                replace: true,
                ..Options::default()
            },
        )
        .await
        .unwrap();
        assert_eq!((whole.files, whole.commits, whole.filters), (1, first.commits + 200, 0));
        assert_eq!(answers(&loaded.task, &loaded.repo).await, without_graph(&loaded).await);
    });
}

/// The same answers, of a handle that uses no graph.
async fn without_graph(loaded: &Loaded) -> Vec<ObjectId> {
    set(loaded, b"core.commitGraph", Some(b"false")).await;
    let answers = answers(&loaded.task, &loaded.repo).await;
    set(loaded, b"core.commitGraph", None).await;
    answers
}

async fn set(loaded: &Loaded, key: &[u8], value: Option<&[u8]>) {
    config::set(&loaded.task, &loaded.repo, key, value).await.unwrap();
}

#[test]
fn what_refs_do_not_lead_to_any_more_is_dropped_after_gc_and_filters_are_kept() {
    block_on(async {
        let loaded = load(generate("graph-gc", 62, 80, false)).await;
        let old = loaded.oid("main");
        add(&loaded, 30).await;
        let before = grow(&loaded).await;
        let back = |oid| Some(Target::Direct(oid));
        loaded.point(b"refs/heads/main", back(old)).await;
        gc::gc(&loaded.task, &loaded.repo, &gc::Options::default())
            .await
            .unwrap();
        let after = grow(&loaded).await;
        let expected = (before.commits - 30, 1, 0, 0);
        assert_eq!((after.commits, after.files, after.added, after.filters), expected);
        assert_eq!(answers(&loaded.task, &loaded.repo).await, without_graph(&loaded).await);
    });
}

#[test]
fn settings_and_shallow_boundaries_switch_it_off() {
    block_on(async {
        let loaded = load(generate("graph-off", 63, 90, false)).await;
        set(&loaded, b"core.commitGraph", Some(b"false")).await;
        assert_eq!(grow(&loaded).await, Report::default());
        set(&loaded, b"core.commitGraph", None).await;
        set(&loaded, b"fetch.writeCommitGraph", Some(b"false")).await;
        assert!(upkeep(&loaded.task, &loaded.repo).await.unwrap());
        assert!(file(&loaded.task, &loaded.repo).await.unwrap().is_none());
        set(&loaded, b"fetch.writeCommitGraph", None).await;
        let lock = format!("gitside:upkeep:{}", loaded.repo.id);
        let held = loaded
            .repo
            .host
            .storage
            .lock(&lock, LockMode::Exclusive, Wait::No)
            .await
            .unwrap();
        assert!(
            !upkeep(&loaded.task, &loaded.repo).await.unwrap(),
            "another tab is at it"
        );
        drop(held);
        let writer = loaded.repo.writer(&loaded.task).await.unwrap();
        assert!(!upkeep(&loaded.task, &loaded.repo).await.unwrap(), "somebody writes");
        drop(writer);
        assert!(upkeep(&loaded.task, &loaded.repo).await.unwrap());
        assert!(file(&loaded.task, &loaded.repo).await.unwrap().is_some());
        let writer = loaded.repo.writer(&loaded.task).await.unwrap();
        let mut publication = Publication::new(&writer);
        publication.shallow(vec![loaded.oid("main~3")]);
        publication.commit().await.unwrap();
        drop(writer);
        assert_eq!(grow(&loaded).await, Report::default());
        assert!(file(&loaded.task, &loaded.repo).await.unwrap().is_none());
    });
}

#[test]
fn commits_without_trees_get_no_filters_and_are_walked_all_the_same() {
    block_on(async {
        let scratch = generate("graph-treeless", 64, 60, false);
        let bare = Scratch::new("graph-treeless-bare");
        let url = format!("file://{}", scratch.path().display());
        git(scratch.path(), &["config", "uploadpack.allowFilter", "true"], b"").unwrap();
        git(
            bare.path(),
            &["clone", "-q", "--bare", "--filter=tree:0", &url, "."],
            b"",
        )
        .unwrap();
        for tag in ["tree", "blob"] {
            git(bare.path(), &["update-ref", "-d", &format!("refs/tags/{tag}")], b"").unwrap();
        }
        let host = host();
        let repo = import(bare.path(), &host, "treeless").await;
        let task = task(&host);
        let report = write(&task, &repo, Options::default()).await.unwrap();
        // Where both trees are the same there is nothing to read.
        assert!(report.commits > 50 && report.filters < report.commits / 2, "{report:?}");
        let again = write(&task, &repo, Options::default()).await.unwrap();
        assert_eq!((again.commits, again.added, again.filters), (report.commits, 0, 0));
        let mut log = Log::open(&task, &repo, b"main", &LogOptions::default()).await.unwrap();
        let ours: Vec<String> = log
            .next_batch(&task, 1000)
            .await
            .unwrap()
            .iter()
            .map(|commit| commit.oid.to_hex())
            .collect();
        let gits = git(scratch.path(), &["log", "--format=%H", "main"], b"").unwrap();
        assert_eq!(ours, String::from_utf8(gits).unwrap().lines().collect::<Vec<_>>());
    });
}

#[test]
fn with_any_byte_of_it_damaged_or_any_row_gone_answers_are_the_same() {
    block_on(async {
        let loaded = load(generate("graph-damage", 65, 60, false)).await;
        loaded.write_graph(Graph::Part).await;
        loaded.write_graph(Graph::Whole).await;
        let expected = without_graph(&loaded).await;
        let host = loaded.repo.host.clone();
        let mut keys: Vec<(Table, Vec<u8>)> = rows(&loaded.repo)
            .await
            .into_iter()
            .map(|key| (Table::Chunks, key))
            .collect();
        assert!(keys.len() >= 2);
        keys.push((Table::Meta, b"commit-graph".to_vec()));
        for (table, key) in keys {
            let listed = loaded.repo.backend.list(table, &key, None, 1).await.unwrap();
            let (found, row) = listed.into_iter().next().unwrap();
            assert_eq!(found, key);
            let put = async |value: Option<Vec<u8>>| {
                let change = match value {
                    Some(value) => Change::Put(table, key.clone(), value),
                    None => Change::Delete(table, key.clone()),
                };
                let batch = Batch {
                    expect: vec![],
                    changes: vec![change],
                    durable: false,
                };
                loaded.repo.backend.commit(batch).await.unwrap();
            };
            let mut kinds: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new()), Some(row[..row.len() / 2].to_vec())];
            for at in (0..row.len()).step_by(row.len() / 60 + 1) {
                let mut damaged = row.clone();
                damaged[at] ^= 0x11;
                kinds.push(Some(damaged));
            }
            for value in kinds {
                put(value).await;
                let repo = Repository::open(&host, "repository").await.unwrap();
                assert_eq!(answers(&loaded.task, &repo).await, expected);
            }
            put(Some(row)).await;
        }
        // What is gone is made again.
        let batch = Batch {
            expect: vec![],
            changes: vec![Change::DeletePrefix(Table::Chunks, rows(&loaded.repo).await[0].clone())],
            durable: false,
        };
        loaded.repo.backend.commit(batch).await.unwrap();
        let repo = Repository::open(&host, "repository").await.unwrap();
        let report = write(&loaded.task, &repo, Options::default()).await.unwrap();
        assert_eq!((report.added, report.filters), (report.commits, report.commits));
    });
}

/// Adds to a graph while the storage strikes at that call; whether it did.
async fn strike(name: &str, scratch: &Scratch, kill: Kill, at: usize) -> bool {
    let plan = Rc::new(Plan {
        left: Cell::new(0),
        kill,
        calls: Cell::new(0),
        rows: Cell::new(0),
        after_commit: RefCell::new(Box::new(|| {})),
    });
    let sound = host();
    let loaded_repo = import(scratch.path(), &sound, name).await;
    let task = task(&sound);
    let expected = answers(&task, &loaded_repo).await;
    drop(loaded_repo);
    let faulty = Host {
        storage: Rc::new(Faulty {
            inner: Rc::clone(&sound.storage),
            plan: Rc::clone(&plan),
        }),
        ..sound.clone()
    };
    let repo = Repository::open(&faulty, name).await.unwrap();
    plan.left.set(at);
    let written = tokio::time::timeout(Duration::from_millis(40), write(&task, &repo, Options::default()));
    let written = written.await;
    let struck = plan.left.get() == 0;
    plan.left.set(0);
    drop(repo);
    let repo = Repository::open(&sound, name).await.unwrap();
    assert_eq!(
        answers(&task, &repo).await,
        expected,
        "{kill:?} at {at}: {:?}",
        written.map(|done| done.is_ok())
    );
    let report = write(&task, &repo, Options::default()).await.unwrap();
    assert!(report.commits > 10 && report.files == 1);
    drop(repo.writer(&task).await.unwrap());
    assert_eq!(rows(&repo).await.len(), 1, "{kill:?} at {at}: nothing is left over");
    assert_eq!(answers(&task, &repo).await, expected);
    struck
}

#[test]
fn whatever_moment_it_is_cut_off_at_the_graph_is_whole_or_not_there() {
    block_on(async {
        let scratch = generate("graph-cut", 66, 70, false);
        for kill in KILLS {
            let mut at = 1;
            while strike(&format!("{kill:?}-{at}"), &scratch, kill, at).await {
                at += 1;
            }
            assert!(at > 10, "{at} calls");
        }
    });
}

#[test]
fn what_was_made_before_it_was_cancelled_is_not_made_again() {
    block_on(async {
        let loaded = load(generate("graph-cancel", 67, 400, false)).await;
        let options = Options {
            changed_paths: false,
            ..Options::default()
        };
        write(&loaded.task, &loaded.repo, options).await.unwrap();
        let mut rounds = 0;
        let last = loop {
            rounds += 1;
            let (_, task) = Hasty::task(4 * rounds);
            match write(&task, &loaded.repo, Options::default()).await {
                Ok(report) => break report,
                Err(failure) => assert!(matches!(failure, Failure::Cancelled), "{failure:?}"),
            }
        };
        assert!(
            rounds > 3 && last.commits > 300 && last.filters < 300,
            "{rounds} rounds, and then {last:?}"
        );
        assert_eq!(answers(&loaded.task, &loaded.repo).await, without_graph(&loaded).await);
    });
}

//! What packs are made of that is not a plain history, and what goes wrong.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::error::{Code, Failure};
use gitside::format::oid::ObjectId;
use gitside::host::parts::{MemoryParts, Parts, RequestBody};
use gitside::host::{Async, Batch, Change, HttpError, Table};
use gitside::ops::gc;
use gitside::ops::pack_objects::{Wish, pack_objects};
use gitside::task::{Event, Phase, Task};
use gitside_server::repos::{Random, Repo};

use crate::pack_oracle::Scratch;
use crate::support::block_on;
use crate::world::{LAYOUTS, Layout, Server, count, git_pack, load, load_with};

/// A line of `commits` commits, each with a file of so many random bytes and one of text.
fn line(scratch: &Scratch, commits: usize, bytes: usize) -> Repo {
    let git = Repo::init(scratch.path().join("git"), "main").unwrap();
    let mut random = Random::new(3);
    let mut stream = Vec::new();
    for n in 0..commits {
        let head = format!(
            "commit refs/heads/main\ncommitter A <a@b.c> {} +0000\ndata 2\ne\n",
            1_700_000_000 + n
        );
        stream.extend(head.into_bytes());
        let text: String = (0..50)
            .map(|line| format!("{line} of {}\n", if line == n { n } else { 0 }))
            .collect();
        stream.extend(format!("M 644 inline text\ndata {}\n{text}\n", text.len()).into_bytes());
        stream.extend(format!("M 644 inline bytes/{n}\ndata {bytes}\n").into_bytes());
        stream.extend((0..bytes).map(|_| random.any() as u8));
        stream.push(b'\n');
    }
    git.git_with(["fast-import", "--quiet"], &stream).unwrap();
    git
}

fn oid(git: &Repo, rev: &str) -> ObjectId {
    git.git_line(["rev-parse", rev]).unwrap().parse().unwrap()
}

fn code(failure: Failure) -> Code {
    match failure {
        Failure::Error(error) => error.code,
        Failure::Cancelled => panic!("cancelled"),
    }
}

#[test]
fn what_the_server_has_needs_no_object_and_still_a_pack() {
    let scratch = Scratch::new("pack-nothing");
    let git = line(&scratch, 3, 10);
    let (main, before) = (oid(&git, "main"), oid(&git, "main~1"));
    let world = load(&git, Layout::OnePack, &[main], &[]);
    let elsewhere: ObjectId = "1234567890123456789012345678901234567890".parse().unwrap();
    for (want, have) in [(main, main), (before, main)] {
        let pack = world.pack(&Wish::new(&[want], &[elsewhere, have]));
        assert_eq!((count(&pack), pack.len()), (0, 32));
        git.git_with(["index-pack", "--stdin", "--strict"], &pack).unwrap();
    }
    assert_eq!(count(&world.pack(&Wish::new(&[], &[]))), 0);
}

#[test]
fn a_tag_is_sent_with_the_tags_it_leads_through_and_without_what_the_server_has() {
    let scratch = Scratch::new("pack-tags");
    let git = line(&scratch, 2, 10);
    git.git(["tag", "-a", "-m", "one", "one", "main~1"]).unwrap();
    git.git(["tag", "-a", "-m", "two", "two", "one"]).unwrap();
    git.git(["tag", "-a", "-m", "blob", "blob", "main:text"]).unwrap();
    let [one, two, blob, main] = ["one", "two", "blob", "main"].map(|rev| oid(&git, rev));
    let world = load(&git, Layout::OnePack, &[two, blob, main], &[]);
    let sent = |want: ObjectId, have: &[ObjectId]| count(&world.pack(&Wish::new(&[want], have)));
    assert_eq!(sent(two, &[main]), 2);
    assert_eq!(sent(two, &[one]), 1);
    assert_eq!(sent(two, &[two]), 0);
    // Histories meet nowhere, so nobody looks into the trees of what the server has; nor does git.
    assert_eq!(sent(blob, &[main]), 2);
    assert_eq!(sent(blob, &[one]), 2);
    assert_eq!(sent(main, &[two]), 5, "a commit, two trees, two blobs");
}

#[test]
fn from_a_shallow_clone_what_is_behind_its_boundary_is_left_to_the_server() {
    let scratch = Scratch::new("pack-shallow");
    let whole = line(&scratch, 6, 10);
    let place = scratch.path().join("shallow");
    let url = format!("file://{}", whole.path().display());
    let mut clone = gitside_server::repos::git();
    clone
        .args(["clone", "--quiet", "--bare", "--depth=2", &url])
        .arg(&place);
    gitside_server::repos::run(clone, b"").unwrap();
    let git = Repo::at(&place);
    let old = oid(&git, "main");
    let tree = git.git_line(["rev-parse", "main^{tree}"]).unwrap();
    let new = git
        .git_line(["commit-tree", &tree, "-p", "main", "-m", "more"])
        .unwrap()
        .parse()
        .unwrap();
    let boundary: Vec<ObjectId> = vec![oid(&git, "main~1")];
    let world = load_with(&git, Layout::OnePack, &[new], &[], &boundary, &[]);
    // The server has what was cloned, or only refs that are not here, or a part.
    for have in [vec![old], boundary.clone(), vec![]] {
        let ours = world.pack(&Wish::new(&[new], &have));
        let theirs = git_pack(&git, &[new], &have, &["--thin", "--shallow", "--no-sparse"]);
        assert_eq!(count(&ours), count(&theirs), "{have:?}");
        Server::new("pack-shallow-server", &whole, &[old]).take(&ours, true, &[new]);
    }
}

#[test]
fn an_object_that_is_not_here_is_named() {
    let scratch = Scratch::new("pack-missing");
    let git = line(&scratch, 2, 10);
    let (main, before) = (oid(&git, "main"), oid(&git, "main~1"));
    let world = load(&git, Layout::OnePack, &[before], &[]);
    let failure = world.try_pack(&Wish::new(&[main], &[])).unwrap_err();
    assert_eq!(code(failure), Code::MissingObject);
    // A tree whose file is nowhere.
    let blob = oid(&git, "main:bytes/1");
    let (want, have) = ([main], [before]);
    for layout in [Layout::OnePack, Layout::Rows] {
        let world = load_with(&git, layout, &[main], &[before], &[], &[blob]);
        match world.try_pack(&Wish::new(&[main], &[before])).unwrap_err() {
            Failure::Error(error) => {
                assert_eq!(error.code, Code::MissingObject);
                assert!(error.message.contains(&blob.to_hex()), "{}", error.message);
            }
            Failure::Cancelled => panic!("cancelled"),
        }
        // The remote that promised it has it.
        let wish = Wish {
            promised: true,
            ..Wish::new(&want, &have)
        };
        assert_eq!(count(&world.pack(&wish)), 4, "{layout:?}");
    }
}

#[test]
fn what_is_damaged_is_not_sent() {
    let scratch = Scratch::new("pack-damage");
    let git = line(&scratch, 3, 40);
    let main = oid(&git, "main");
    for at in [20usize, 200, 300] {
        let world = load(&git, Layout::OnePack, &[main], &[]);
        block_on(async {
            let backend = &world.repo.backend;
            let rows = backend.list(Table::Chunks, b"", None, 10).await.unwrap();
            let (key, mut row) = rows.into_iter().next().unwrap();
            row[at] ^= 4;
            let mut batch = Batch::default();
            batch.changes.push(Change::Put(Table::Chunks, key, row));
            backend.commit(batch).await.unwrap();
        });
        let failure = world.try_pack(&Wish::new(&[main], &[])).unwrap_err();
        assert_eq!(code(failure), Code::Corrupt, "byte {at}");
    }
}

/// Parts that do something when the first of them is handed over.
struct Meanwhile<F> {
    parts: Box<MemoryParts>,
    largest: usize,
    then: Option<F>,
}

impl<F: AsyncFnOnce()> Meanwhile<F> {
    fn new(then: F) -> Self {
        Meanwhile {
            parts: Box::default(),
            largest: 0,
            then: Some(then),
        }
    }
}

impl<F: AsyncFnOnce()> Parts for Meanwhile<F> {
    fn push(&mut self, bytes: Vec<u8>) -> Async<'_, Result<(), HttpError>> {
        Box::pin(async move {
            self.largest = self.largest.max(bytes.len());
            if let Some(then) = self.then.take() {
                then().await;
            }
            self.parts.push(bytes).await
        })
    }

    fn len(&self) -> u64 {
        self.parts.len()
    }

    fn finish(self: Box<Self>) -> Result<RequestBody, HttpError> {
        self.parts.finish()
    }
}

#[test]
fn a_repository_that_is_packed_anew_meanwhile_is_packed_all_the_same() {
    let scratch = Scratch::new("pack-gc");
    let git = line(&scratch, 30, 100_000);
    let (main, old) = (oid(&git, "main"), oid(&git, "main~20"));
    for layout in LAYOUTS {
        let world = load(&git, layout, &[main], &[old]);
        world.branch("refs/heads/main", main);
        let mut parts = Meanwhile::new(async || {
            let before = world.repo.odb.packs();
            // As another tab would: with caches of its own.
            let other = world.again().await;
            let task = Task::new(other.host.clock.clone(), |_| {});
            gc::gc(&task, &other, &gc::Options::default()).await.unwrap();
            assert!(layout == Layout::OnePack || before.iter().all(|pack| !other.odb.packs().contains(pack)));
        });
        let want = [main];
        let wish = Wish::new(&want, &[]);
        let packed = block_on(pack_objects(&world.task, &world.repo, &wish, &mut parts)).unwrap();
        assert!(parts.then.is_none(), "something was handed over before the end");
        let largest = parts.largest;
        let body = Box::new(parts).finish().unwrap();
        assert_eq!(body.len(), packed.bytes);
        assert!(
            largest < 2 << 20 && packed.bytes > 2 << 20,
            "in pieces: {largest} of {}",
            packed.bytes
        );
        Server::new("pack-gc-server", &git, &[]).take(&body.pieces().unwrap().concat(), false, &[main]);
    }
}

#[test]
fn a_pack_that_is_given_up_ends_at_once() {
    let scratch = Scratch::new("pack-cancel");
    let git = line(&scratch, 30, 100_000);
    let main = oid(&git, "main");
    let world = load(&git, Layout::Rows, &[main], &[]);
    let mut parts = Meanwhile::new(async || assert!(world.task.cancel()));
    let want = [main];
    let wish = Wish::new(&want, &[]);
    let failure = block_on(pack_objects(&world.task, &world.repo, &wish, &mut parts)).unwrap_err();
    assert!(matches!(failure, Failure::Cancelled));
    assert!(parts.len() < 2 << 20, "{} bytes", parts.len());
}

#[test]
fn progress_counts_and_then_compresses_up_to_the_last_object() {
    let scratch = Scratch::new("pack-progress");
    let git = line(&scratch, 100, 10);
    let main = oid(&git, "main");
    let mut world = load(&git, Layout::OnePack, &[main], &[]);
    let told = Rc::new(RefCell::new(Vec::new()));
    let listener = Rc::clone(&told);
    world.task = Task::new(world.repo.host.clock.clone(), move |event| {
        if let Event::Progress(progress) = event {
            listener.borrow_mut().push(progress);
        }
    });
    let pack = world.pack(&Wish::new(&[main], &[]));
    let told = told.take();
    let objects = u64::from(count(&pack));
    let counted: Vec<u64> = told
        .iter()
        .filter(|told| told.phase == Phase::Counting)
        .map(|told| told.loaded)
        .collect();
    assert!(counted.is_sorted() && counted.last() == Some(&objects), "{counted:?}");
    let (first, last) = (
        told.iter().find(|told| told.phase == Phase::Compressing).unwrap(),
        told.last().unwrap(),
    );
    assert_eq!((first.loaded, first.total), (0, Some(objects)));
    assert_eq!(
        (last.phase, last.loaded, last.bytes),
        (Phase::Compressing, objects, Some(pack.len() as u64 - 20))
    );
}

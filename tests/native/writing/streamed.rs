//! Blobs that are written piece by piece: the ids are git's, what is stored is what git reads, and
//! nothing else stays.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::error::{Code, Failure};
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Table};
use gitside::ops::{Repository, export, init, write};
use gitside::task::Task;

use crate::pack_oracle::{Random, Scratch, git};
use crate::support::{block_on, host};

struct World {
    task: Task,
    repo: Repository,
    scratch: Scratch,
}

impl World {
    fn new(name: &str) -> World {
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let repo = block_on(init::init(&host, &task, "repo", "main")).unwrap();
        let scratch = Scratch::new(name);
        git(scratch.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        World { task, repo, scratch }
    }

    /// Writes in pieces of that length. From the end on it fails, if it is to.
    fn write(&self, content: &[u8], length: usize, fails: bool) -> Result<ObjectId, Failure> {
        let pieces: Vec<Vec<u8>> = content.chunks(length).rev().map(<[u8]>::to_vec).collect();
        let pieces = Rc::new(RefCell::new(pieces));
        let next = || -> Async<'static, Option<Vec<u8>>> {
            let pieces = Rc::clone(&pieces);
            Box::pin(async move {
                let piece = pieces.borrow_mut().pop();
                if fails { piece } else { Some(piece.unwrap_or_default()) }
            })
        };
        block_on(write::blob_of(&self.task, &self.repo, &next))
    }

    fn git_id(&self, content: &[u8]) -> String {
        let id = git(self.scratch.path(), &["hash-object", "--stdin"], content).unwrap();
        String::from_utf8(id).unwrap().trim().to_owned()
    }

    fn rows(&self, table: Table) -> usize {
        let keys = self.repo.backend.list_keys(table, b"", None, usize::MAX);
        block_on(keys).unwrap().len()
    }
}

/// What does not compress, and then what does.
fn content(length: usize) -> Vec<u8> {
    let mut random = Random(length as u64 | 1);
    let mut content: Vec<u8> = (0..length / 2).map(|_| random.below(256) as u8).collect();
    content.resize(length, b'a');
    content
}

#[test]
fn what_is_written_piece_by_piece_has_gits_id_and_is_read_back() {
    let world = World::new("streamed");
    for (length, piece) in [
        (0, 1),
        (5, 2),
        (8 << 20, 100_000),
        ((8 << 20) + 1, 1 << 20),
        (21_000_001, 77_777),
    ] {
        let content = content(length);
        let oid = world.write(&content, piece, false).unwrap();
        assert_eq!(oid.to_hex(), world.git_id(&content), "{length} bytes");
        let streamed = block_on(async {
            let mut stream = world.repo.odb.stream(&oid).await.unwrap();
            let mut streamed = Vec::new();
            while let Some(piece) = stream.next().await.unwrap() {
                streamed.extend(piece);
            }
            streamed
        });
        assert!(streamed == content, "{length} bytes");
    }
    assert_eq!(export::packs(&world.repo).len(), 2, "of the two that are large");
}

#[test]
fn a_large_blob_is_one_pack_that_git_takes_and_is_stored_once() {
    let world = World::new("streamed-pack");
    let content = content(9 << 20);
    let oid = world.write(&content, 300_000, false).unwrap();
    let chunks = world.rows(Table::Chunks);
    assert!(
        chunks < 9 << 2,
        "{chunks} chunks: what came is gone, and half of it compresses"
    );
    assert_eq!(world.write(&content, 1 << 20, false).unwrap(), oid);
    assert_eq!(world.rows(Table::Chunks), chunks);
    let stats = block_on(world.repo.meta.stats()).unwrap();
    assert_eq!((stats.objects, stats.packs), (1, 1));
    let pack = block_on(async {
        let mut bytes = Vec::new();
        let mut stream = export::packs(&world.repo).remove(0).stream();
        while let Some(piece) = stream.next_piece(&world.task).await.unwrap() {
            bytes.extend(piece);
        }
        bytes
    });
    git(world.scratch.path(), &["index-pack", "--stdin", "--strict"], &pack).unwrap();
    let read = git(world.scratch.path(), &["cat-file", "blob", &oid.to_hex()], b"").unwrap();
    assert!(read == content);
}

#[test]
fn of_a_blob_that_cannot_be_read_to_its_end_nothing_stays() {
    for length in [10, 12 << 20] {
        let world = World::new("streamed-cut");
        let before: Vec<usize> = Table::ALL.map(|table| world.rows(table)).to_vec();
        let failure = world.write(&content(length), 1 << 20, true).unwrap_err();
        assert_eq!(failure.error().map(|error| error.code), Some(Code::Internal));
        let after: Vec<usize> = Table::ALL.map(|table| world.rows(table)).to_vec();
        assert_eq!(after, before, "{length} bytes");
    }
}

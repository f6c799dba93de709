//! What is stored, given out as it is: ids of all objects, the shallow boundary, and packs with
//! their indexes, as git would have them in its object folder.

use std::collections::VecDeque;

use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::hash::Sha1;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::index::write_idx;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::store::odb::Info;
use crate::store::pack_store::LivePack;
use crate::task::Task;

/// Bytes of an index given out at a time.
const PIECE: usize = 256 << 10;

/// Objects whose kinds and sizes are looked up together, about.
const TOGETHER: u64 = 1 << 16;

/// A stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub oid: ObjectId,
    /// Its kind and size.
    pub info: Info,
}

/// All objects of a repository, ordered by id.
pub struct Objects {
    repo: Repository,
    /// The next first hex digits of an id to look at.
    prefix: u16,
    /// Those of the last prefix, not yet given out.
    ready: VecDeque<Stored>,
}

/// Starts a listing of all objects.
pub fn objects(repo: &Repository) -> Objects {
    Objects {
        repo: repo.clone(),
        prefix: 0,
        ready: VecDeque::new(),
    }
}

impl Objects {
    /// Some more objects, ascending, `count` at most; none at the end.
    pub async fn next_batch(&mut self, task: &Task, count: usize) -> Outcome<Vec<Stored>> {
        while self.ready.is_empty() && self.prefix < 256 {
            task.checkpoint().await?;
            // Kinds and sizes are stored in the order of the packs: every prefix reads all of them.
            let objects = self
                .repo
                .odb
                .packs()
                .iter()
                .map(|pack| u64::from(pack.objects))
                .sum::<u64>();
            let prefix = if objects / 16 <= TOGETHER && self.prefix.is_multiple_of(16) {
                self.prefix += 16;
                format!("{:x}", self.prefix / 16 - 1)
            } else {
                self.prefix += 1;
                format!("{:02x}", self.prefix - 1)
            };
            let oids = task
                .race(self.repo.odb.expand(&prefix, usize::MAX))
                .await?
                .at(Stage::Read)?;
            let infos = task.race(self.repo.odb.info(&oids)).await?.at(Stage::Read)?;
            self.ready = oids
                .into_iter()
                .zip(infos)
                .filter_map(|(oid, info)| info.map(|info| Stored { oid, info }))
                .collect();
        }
        let count = count.min(self.ready.len());
        Ok(self.ready.drain(..count).collect())
    }
}

/// The commits whose parents were left with the remote (git's `shallow` file), ascending.
pub async fn shallow(task: &Task, repo: &Repository) -> Outcome<Vec<ObjectId>> {
    task.race(repo.meta.shallow()).await?.at(Stage::Read)
}

/// The stored packs.
pub fn packs(repo: &Repository) -> Vec<Pack> {
    let pack = |pack| Pack {
        repo: repo.clone(),
        pack,
    };
    repo.odb.packs().into_iter().map(pack).collect()
}

/// A stored pack.
#[derive(Clone)]
pub struct Pack {
    repo: Repository,
    pack: LivePack,
}

impl Pack {
    /// The name git would give its files: `pack-<checksum>`, without an ending.
    pub fn name(&self) -> String {
        format!("pack-{}", self.pack.checksum)
    }

    /// How many objects it has.
    pub fn objects(&self) -> u32 {
        self.pack.objects
    }

    /// Whether it came from a promisor remote, so that what its objects name may be missing. Git
    /// marks such a pack by an empty file of its name that ends in `.promisor`.
    pub fn is_promisor(&self) -> bool {
        self.pack.promisor
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.pack.bytes
    }

    /// Its bytes: a pack file (gitformat-pack(5)).
    pub fn stream(&self) -> PackStream {
        PackStream {
            of: self.clone(),
            at: 0,
            hash: Sha1::new(),
            tail: Vec::new(),
        }
    }

    /// Its index: an idx file of version 2, byte for byte what git makes of the pack. It is built
    /// in memory, at less than 100 bytes for each object.
    pub async fn index(&self, task: &Task) -> Outcome<IndexStream> {
        let index = task.race(self.repo.odb.pack_index(&self.pack)).await?.at(Stage::Read)?;
        task.checkpoint().await?;
        let mut bytes = Vec::new();
        write_idx(&index, |piece| bytes.extend_from_slice(piece));
        Ok(IndexStream { bytes, at: 0 })
    }
}

/// A pack's bytes, piece by piece. The last piece comes only when the trailer is the checksum of
/// all before it.
pub struct PackStream {
    of: Pack,
    at: u64,
    hash: Sha1,
    /// The last bytes read: they may be the trailer, which is not hashed.
    tail: Vec<u8>,
}

impl PackStream {
    /// The next piece, never empty; `None` at the end.
    pub async fn next_piece(&mut self, task: &Task) -> Outcome<Option<Vec<u8>>> {
        task.checkpoint().await?;
        let pack = &self.of.pack;
        if self.at >= pack.bytes {
            return Ok(None);
        }
        let piece = task
            .race(self.of.repo.odb.pack_bytes(pack, self.at))
            .await?
            .at(Stage::Read)?;
        if piece.is_empty() {
            return Err(damaged(pack));
        }
        self.at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.tail.extend_from_slice(&piece);
        let hashed = self.tail.len().saturating_sub(OID_LEN);
        self.hash.update(self.tail.get(..hashed).unwrap_or_default());
        self.tail.drain(..hashed);
        if self.at >= pack.bytes && self.tail != self.hash.finish() {
            return Err(damaged(pack));
        }
        Ok(Some(piece))
    }
}

fn damaged(pack: &LivePack) -> crate::error::Failure {
    let message = format!("the stored pack {} is damaged", pack.checksum);
    GitError::new(Code::Corrupt, Stage::Read, message)
        .with_hint("remove the clone and make it again")
        .into()
}

/// An index's bytes, piece by piece.
pub struct IndexStream {
    bytes: Vec<u8>,
    at: usize,
}

impl IndexStream {
    /// The next piece, never empty; `None` at the end.
    pub async fn next_piece(&mut self, task: &Task) -> Outcome<Option<Vec<u8>>> {
        task.checkpoint().await?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest).to_vec();
        self.at += piece.len();
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

//! The calls of a repository.

use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::convert;
use super::cursor::{Batch, Cursor, Source};
use super::operation::{Callbacks, Operation};
use super::options::{Fields, log_options, remote_options, tree_options};
use super::value::{Record, bytes, number, shown};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::host::Async;
use crate::ops::cat::{self, Handle};
use crate::ops::export::{self, IndexStream, Objects, Pack, PackStream};
use crate::ops::fault;
use crate::ops::log::Log;
use crate::ops::ls_tree::LsTree;
use crate::ops::remote::{self, Memory};
use crate::ops::{ObjectId, Repository, for_each_ref, merge_base, prefetch, rev_parse};
use crate::task::Task;

/// An open repository.
#[wasm_bindgen]
pub struct RepositoryHandle {
    repository: Rc<Repository>,
    memory: Memory,
}

impl RepositoryHandle {
    /// A handle; `memory` is what its engine has learnt of servers.
    pub(super) fn new(repository: Repository, memory: &Memory) -> Self {
        RepositoryHandle {
            repository: Rc::new(repository),
            memory: memory.clone(),
        }
    }

    /// The handle's own share of the repository: it outlives the handle as long as the call runs.
    pub(super) fn share(&self) -> Rc<Repository> {
        Rc::clone(&self.repository)
    }

    /// The same, for a call that reads objects and may have to fetch them first; `remote` are options
    /// as `pkg/options.js` makes them of `RemoteOptions`.
    pub(super) fn lazily(&self, operation: &Operation, remote: &JsValue) -> Rc<Repository> {
        let options = remote_options(remote, operation.callbacks(), &self.memory);
        Rc::new(self.repository.with_remote(options))
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }
}

#[wasm_bindgen]
impl RepositoryHandle {
    /// Tells it from an earlier or later one of the same name.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.repository.id.clone()
    }

    /// The refs whose name starts with `prefix`, as `Ref`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn refs(&self, operation: &Operation, prefix: String) -> Promise {
        let repository = self.share();
        operation.run(|_| async move { Ok(Cursor::new(for_each_ref::refs(&repository, prefix.as_bytes()))) })
    }

    /// The oid a revision names.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn resolve(&self, operation: &Operation, rev: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let oid = rev_parse::resolve(&task, &repository, rev.as_bytes()).await?;
            Ok(shown(&oid))
        })
    }

    /// History, as the JSON of `Commit`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn log(&self, operation: &Operation, rev: String, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let (options, memory) = (log_options(&options), self.memory.clone());
        operation.run(|task| async move {
            let log = Log::open(&task, &repository, rev.as_bytes(), &options).await?;
            Ok(Cursor::new(Lazy {
                of: log,
                remote,
                memory,
            }))
        })
    }

    /// The best common ancestors of two commits, as oids.
    #[wasm_bindgen(js_name = mergeBase, unchecked_return_type = "Promise<string[]>")]
    pub fn merge_base(&self, operation: &Operation, a: String, b: String) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let bases = merge_base::merge_base(&task, &repository, a.as_bytes(), b.as_bytes()).await?;
            Ok(bases.iter().map(shown).collect::<Array>())
        })
    }

    /// How far two histories are apart: `{ ahead, behind }`.
    #[wasm_bindgen(js_name = aheadBehind)]
    pub fn ahead_behind(&self, operation: &Operation, a: String, b: String) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let counts = merge_base::ahead_behind(&task, &repository, a.as_bytes(), b.as_bytes()).await?;
            Ok(Record::new()
                .set("ahead", number(counts.ahead))
                .set("behind", number(counts.behind)))
        })
    }

    /// One commit, as the JSON of `Commit`.
    #[wasm_bindgen(js_name = readCommit, unchecked_return_type = "Promise<string>")]
    pub fn read_commit(&self, operation: &Operation, rev: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let commit = cat::read_commit(&task, &repository, rev.as_bytes()).await?;
            Ok(convert::commit(&commit))
        })
    }

    /// One annotated tag, as the JSON of `Tag`.
    #[wasm_bindgen(js_name = readTag, unchecked_return_type = "Promise<string>")]
    pub fn read_tag(&self, operation: &Operation, rev: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let tag = cat::read_tag(&task, &repository, rev.as_bytes()).await?;
            Ok(convert::tag(&tag))
        })
    }

    /// Entries of a tree, as the JSON of `TreeEntry`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn tree(&self, operation: &Operation, rev: String, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let (options, memory) = (tree_options(&options), self.memory.clone());
        operation.run(|task| async move {
            let listing = LsTree::open(&task, &repository, rev.as_bytes(), &options).await?;
            Ok(Cursor::new(Lazy {
                of: listing,
                remote,
                memory,
            }))
        })
    }

    /// The blob that a revision names, or that is under a path of it: `{ oid, type, size }`.
    pub fn blob(&self, operation: &Operation, rev: String, path: Option<String>, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let path = path.as_deref().map(str::as_bytes);
            let handle = cat::blob(&task, &repository, rev.as_bytes(), path).await?;
            Ok(convert::handle(&handle))
        })
    }

    /// What an object is: `{ oid, type, size }`.
    pub fn info(&self, operation: &Operation, oid: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let handle = object(&task, &repository, &oid).await?;
            Ok(convert::handle(&handle))
        })
    }

    /// An object's bytes.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn read(&self, operation: &Operation, oid: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let handle = object(&task, &repository, &oid).await?;
            Ok(bytes(&handle.bytes(&task).await?))
        })
    }

    /// An object's bytes, piece by piece.
    #[wasm_bindgen(js_name = blobBytes, unchecked_return_type = "Promise<Cursor>")]
    pub fn blob_bytes(&self, operation: &Operation, oid: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let handle = object(&task, &repository, &oid).await?;
            Ok(Cursor::new(handle.stream(&task).await?))
        })
    }

    /// Fetches ahead what is missing under a path: `{ objects, bytes }`.
    pub fn prefetch(&self, operation: &Operation, rev: String, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let fields = Fields(&options);
        let options = prefetch::Options {
            path: fields.text("path").map(String::into_bytes),
            recursive: fields.flag("recursive").unwrap_or(true),
        };
        operation.run(|task| async move {
            let came = prefetch::prefetch(&task, &repository, rev.as_bytes(), &options).await?;
            Ok(Record::new()
                .set("objects", number(came.objects))
                .set("bytes", number(came.bytes)))
        })
    }

    /// Every object: `{ oid, type, size }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn objects(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|_| async move { Ok(Cursor::new(export::objects(&repository))) })
    }

    /// The commits whose parents were left with the remote.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn shallow(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let oids = export::shallow(&task, &repository).await?;
            Ok(oids.iter().map(shown).collect::<Array>())
        })
    }

    /// The packs: `{ name, promisor }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn packs(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|_| async move {
            let packs = export::packs(&repository);
            Ok(Cursor::over(packs.into_iter().map(|pack| {
                Record::new()
                    .set("name", pack.name())
                    .set("promisor", pack.is_promisor())
                    .into()
            })))
        })
    }

    /// A pack's bytes.
    #[wasm_bindgen(js_name = packBytes, unchecked_return_type = "Promise<Cursor>")]
    pub fn pack_bytes(&self, operation: &Operation, name: String) -> Promise {
        let repository = self.share();
        operation.run(|_| async move { Ok(Cursor::new(pack(&repository, &name)?.stream())) })
    }

    /// The bytes of a pack's index.
    #[wasm_bindgen(js_name = indexBytes, unchecked_return_type = "Promise<Cursor>")]
    pub fn index_bytes(&self, operation: &Operation, name: String) -> Promise {
        let repository = self.share();
        operation.run(|task| async move { Ok(Cursor::new(pack(&repository, &name)?.index(&task).await?)) })
    }

    /// `{ bytes, objects, packs, persisted }`.
    pub fn usage(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let usage = task.race(repository.usage()).await??;
            Ok(Record::new()
                .set("bytes", number(usage.stats.bytes))
                .set("objects", number(usage.stats.objects))
                .set("packs", number(usage.stats.packs))
                .set("persisted", usage.persisted))
        })
    }
}

async fn object(task: &Task, repository: &Repository, oid: &str) -> Outcome<Handle> {
    cat::object(task, repository, &object_id(oid)?).await
}

pub(super) fn object_id(oid: &str) -> Outcome<ObjectId> {
    oid.parse().map_err(|_| {
        let message = format!("{} is no object id", fault::quoted(oid.as_bytes()));
        GitError::new(Code::InvalidRef, Stage::Request, message)
            .with_hint("object ids are 40 hex digits; resolve turns names into them")
            .into()
    })
}

fn pack(repository: &Repository, name: &str) -> Outcome<Pack> {
    let found = export::packs(repository).into_iter().find(|pack| pack.name() == name);
    found.ok_or_else(|| {
        GitError::new(
            Code::NotFound,
            Stage::Read,
            format!("there is no pack {name:?} any more"),
        )
        .into()
    })
}

/// A list whose reads may have to fetch. Each batch talks to the remote by the functions of the call
/// that asks for it.
struct Lazy<S> {
    of: S,
    remote: JsValue,
    memory: Memory,
}

impl Lazy<Log> {
    fn attends(&mut self, callbacks: &Callbacks) {
        self.of.set_remote(self.options(callbacks));
    }
}

impl Lazy<LsTree> {
    fn attends(&mut self, callbacks: &Callbacks) {
        self.of.set_remote(self.options(callbacks));
    }
}

impl<S> Lazy<S> {
    fn options(&self, callbacks: &Callbacks) -> remote::Options {
        remote_options(&self.remote, callbacks, &self.memory)
    }
}

/// A source whose operation answers with batches of something convertible.
macro_rules! source {
    ($operation:ty, |$this:ident, $task:ident, $count:ident| $batch:expr, $convert:expr $(, $attends:ident)?) => {
        impl Source for $operation {
            $(fn attend(&mut self, callbacks: &Callbacks) {
                self.$attends(callbacks);
            })?

            fn next<'a>(
                &'a mut self,
                $task: &'a Task,
                $count: usize,
                batch: &'a mut Batch,
            ) -> Async<'a, Outcome<()>> {
                Box::pin(async move {
                    let $this = self;
                    for found in $batch.await?.iter() {
                        batch.push($convert(found).into());
                    }
                    Ok(())
                })
            }
        }
    };
}

source!(
    Lazy<Log>,
    |log, task, count| log.of.next_batch(task, count),
    convert::commit,
    attends
);
source!(
    Lazy<LsTree>,
    |listing, task, count| listing.of.next_batch(task, count),
    convert::tree_entry,
    attends
);
impl Source for for_each_ref::Listing {
    fn next<'a>(&'a mut self, task: &'a Task, count: usize, batch: &'a mut Batch) -> Async<'a, Outcome<()>> {
        Box::pin(async move {
            loop {
                let listed = self.next_batch(task, count).await?;
                // Those that lead nowhere are not told, and nothing would be the end.
                let mut told = listed.is_empty();
                for shown in listed.iter().filter_map(convert::listed_ref) {
                    told = true;
                    batch.push(shown.into());
                }
                if told {
                    return Ok(());
                }
            }
        })
    }
}

source!(
    Objects,
    |objects, task, count| objects.next_batch(task, count),
    convert::stored
);
source!(
    cat::Stream,
    |stream, task, _count| stream.next_piece(task),
    |piece: &Vec<u8>| bytes(piece)
);
source!(
    PackStream,
    |stream, task, _count| stream.next_piece(task),
    |piece: &Vec<u8>| bytes(piece)
);
source!(
    IndexStream,
    |stream, task, _count| stream.next_piece(task),
    |piece: &Vec<u8>| bytes(piece)
);

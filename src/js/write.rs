//! The calls of a repository that write objects and move refs.

use std::rc::Rc;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::operation::{Callbacks, Operation};
use super::options::{Fields, ask, list};
use super::repository::RepositoryHandle;
use super::value::{Record, bytes, shown, text};
use crate::error::{Code, GitError, Outcome, Stage};
use crate::host::Async;
use crate::ops::cat;
use crate::ops::commit::{self, Change};
use crate::ops::compose::{Author, Sign, When};
use crate::ops::fault;
use crate::ops::update_ref::{self, Becomes, Update};
use crate::ops::write;
use crate::ops::{Cleanup, EntryKind, Mode, ObjectId};

#[wasm_bindgen]
impl RepositoryHandle {
    /// Writes a blob; answers its oid.
    #[wasm_bindgen(js_name = writeBlob, unchecked_return_type = "Promise<string>")]
    pub fn write_blob(&self, operation: &Operation, content: Vec<u8>) -> Promise {
        let repository = self.share();
        operation.run(|task| async move { Ok(shown(&write::blob(&task, &repository, content).await?)) })
    }

    /// Writes a blob of what the caller's function `piece` gives: byte arrays, an empty one at the end.
    #[wasm_bindgen(js_name = writeBlobOf, unchecked_return_type = "Promise<string>")]
    pub fn write_blob_of(&self, operation: &Operation) -> Promise {
        let repository = self.share();
        let function = operation.callbacks().get("piece");
        operation.run(|task| async move {
            let pieces = || -> Async<'static, Option<Vec<u8>>> {
                let function = function.clone();
                Box::pin(async move {
                    let piece = ask(&function?, &JsValue::UNDEFINED).await?;
                    Some(piece.dyn_ref::<Uint8Array>()?.to_vec())
                })
            };
            Ok(shown(&write::blob_of(&task, &repository, &pieces).await?))
        })
    }

    /// Writes a tree of entries `{ path, mode, oid }`.
    #[wasm_bindgen(js_name = writeTree, unchecked_return_type = "Promise<string>")]
    pub fn write_tree(&self, operation: &Operation, entries: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let mut given = Vec::new();
            for entry in list(&entries) {
                let fields = Fields(&entry);
                given.push(write::Entry {
                    path: fields.bytes("path").unwrap_or_default(),
                    kind: kind(&fields).unwrap_or(EntryKind::Blob),
                    oid: oid(&fields.get("oid"))?,
                });
            }
            Ok(shown(&write::tree(&task, &repository, given).await?))
        })
    }

    /// Writes a commit; options as `pkg/write.js` makes them of `NewCommit`.
    #[wasm_bindgen(js_name = writeCommit, unchecked_return_type = "Promise<string>")]
    pub fn write_commit(&self, operation: &Operation, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let new = new_commit(&options, operation.callbacks());
        operation.run(|task| async move { Ok(shown(&write::commit(&task, &repository, &new).await?)) })
    }

    /// Writes a tag; options as `pkg/write.js` makes them of `NewTag`.
    #[wasm_bindgen(js_name = writeTag, unchecked_return_type = "Promise<string>")]
    pub fn write_tag(&self, operation: &Operation, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let new = new_tag(&options, operation.callbacks());
        operation.run(|task| async move { Ok(shown(&write::tag(&task, &repository, &new).await?)) })
    }

    /// Commits to a branch; options as `pkg/write.js` makes them of `CommitOptions`.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn commit(&self, operation: &Operation, branch: String, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let callbacks = operation.callbacks().clone();
        operation.run(|task| async move {
            let options = commit_options(&options, &callbacks)?;
            Ok(shown(
                &commit::commit(&task, &repository, branch.as_bytes(), &options).await?,
            ))
        })
    }

    /// Moves refs, given as `{ name, new, symbolic, old, noDeref }`.
    #[wasm_bindgen(js_name = updateRefs, unchecked_return_type = "Promise<void>")]
    pub fn update_refs(&self, operation: &Operation, updates: JsValue, message: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let updates: Outcome<Vec<Update>> = list(&updates).iter().map(|given| update(&Fields(given))).collect();
            update_ref::update_refs(&task, &repository, &updates?, message.as_bytes()).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// What was signed, and the signature: `{ payload, signature }`, or null.
    #[wasm_bindgen(js_name = readSignature)]
    pub fn read_signature(&self, operation: &Operation, rev: String, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        operation.run(|task| async move {
            let signed = cat::read_signature(&task, &repository, rev.as_bytes()).await?;
            Ok(signed.map_or(JsValue::NULL, |signed| {
                Record::new()
                    .set("payload", bytes(&signed.payload))
                    .set("signature", text(&signed.signature))
                    .into()
            }))
        })
    }
}

fn new_commit(options: &JsValue, callbacks: &Callbacks) -> write::NewCommit {
    let fields = Fields(options);
    write::NewCommit {
        tree: fields.bytes("tree").unwrap_or_default(),
        parents: fields.names("parents"),
        author: author(&fields.get("author")),
        committer: author(&fields.get("committer")),
        tz: fields.bytes("tz"),
        message: fields.bytes("message").unwrap_or_default(),
        cleanup: cleanup(&fields).unwrap_or(Cleanup::Verbatim),
        encoding: fields.bytes("encoding"),
        sign: sign(callbacks),
    }
}

pub(super) fn new_tag(options: &JsValue, callbacks: &Callbacks) -> write::NewTag {
    let fields = Fields(options);
    write::NewTag {
        object: fields.bytes("object").unwrap_or_default(),
        name: fields.bytes("name").unwrap_or_default(),
        tagger: author(&fields.get("tagger")),
        tz: fields.bytes("tz"),
        message: fields.bytes("message").unwrap_or_default(),
        cleanup: cleanup(&fields).unwrap_or_default(),
        sign: sign(callbacks),
    }
}

fn commit_options(options: &JsValue, callbacks: &Callbacks) -> Outcome<commit::Options> {
    let fields = Fields(options);
    let parents = fields.get("parents");
    let changes: Outcome<Vec<Change>> = fields
        .list("changes")
        .iter()
        .map(|given| change(&Fields(given)))
        .collect();
    Ok(commit::Options {
        message: fields.bytes("message"),
        cleanup: cleanup(&fields).unwrap_or_default(),
        encoding: fields.bytes("encoding"),
        author: author(&fields.get("author")),
        committer: author(&fields.get("committer")),
        tz: fields.bytes("tz"),
        parents: (!parents.is_undefined()).then(|| fields.names("parents")),
        base: fields.bytes("base"),
        changes: changes?,
        amend: fields.flag("amend").unwrap_or(false),
        allow_empty: fields.flag("allowEmpty").unwrap_or(false),
        allow_empty_message: fields.flag("allowEmptyMessage").unwrap_or(false),
        expect: expected(&fields.get("expect"))?,
        sign: sign(callbacks),
    })
}

/// Which sort of change it is, `pkg/write.js` has found out.
fn change(fields: &Fields<'_>) -> Outcome<Change> {
    let path = fields.bytes("path").unwrap_or_default();
    if let Some(to) = fields.bytes("rename") {
        return Ok(Change::Rename { path, to });
    }
    if fields.flag("delete") == Some(true) {
        return Ok(Change::Delete { path });
    }
    if let Some(content) = fields.bytes("content") {
        let kind = kind(fields);
        return Ok(Change::Write { path, content, kind });
    }
    let kind = kind(fields).unwrap_or(EntryKind::Blob);
    let named = fields.get("oid");
    Ok(match named.is_undefined() {
        true => Change::Kind { path, kind },
        false => Change::Place {
            path,
            oid: oid(&named)?,
            kind,
        },
    })
}

fn update(fields: &Fields<'_>) -> Outcome<Update> {
    let new = fields.get("new");
    let new = match fields.bytes("symbolic") {
        Some(to) => Becomes::Symbolic(to),
        None if new.is_null() => Becomes::Deleted,
        None => Becomes::Object(oid(&new)?),
    };
    Ok(Update {
        name: fields.bytes("name").unwrap_or_default(),
        new,
        expect: expected(&fields.get("old"))?,
        no_deref: fields.flag("noDeref").unwrap_or(false),
    })
}

/// What a ref must be at: anything if that is undefined, nothing if it is null.
pub(super) fn expected(value: &JsValue) -> Outcome<Option<Option<ObjectId>>> {
    match (value.is_undefined(), value.is_null()) {
        (true, _) => Ok(None),
        (_, true) => Ok(Some(None)),
        _ => Ok(Some(Some(oid(value)?))),
    }
}

fn oid(value: &JsValue) -> Outcome<ObjectId> {
    let text = value.as_string().unwrap_or_default();
    text.parse().map_err(|_| {
        let message = format!("{} is no object id", fault::quoted(text.as_bytes()));
        GitError::new(Code::InvalidRef, Stage::Request, message)
            .with_hint("object ids are 40 hex digits; resolve turns names into them")
            .into()
    })
}

fn kind(fields: &Fields<'_>) -> Option<EntryKind> {
    Some(Mode::parse(fields.text("mode")?.as_bytes())?.kind())
}

pub(super) fn cleanup(fields: &Fields<'_>) -> Option<Cleanup> {
    Cleanup::from_name(&fields.text("cleanup")?)
}

/// A name, an address, and perhaps a date.
pub(super) fn author(value: &JsValue) -> Option<Author> {
    if !value.is_object() {
        return None;
    }
    let fields = Fields(value);
    let when = fields.seconds("timestamp").map(|time| When {
        time,
        tz: fields.bytes("tz").unwrap_or_else(|| b"+0000".to_vec()),
    });
    Some(Author {
        name: fields.bytes("name")?,
        email: fields.bytes("email")?,
        when,
    })
}

/// The caller's function that signs, if there is one.
pub(super) fn sign(callbacks: &Callbacks) -> Option<Sign> {
    let function = callbacks.get("sign")?;
    Some(Rc::new(move |payload: Vec<u8>| {
        let answer = ask(&function, &bytes(&payload));
        Box::pin(async move { answer.await?.as_string().map(String::into_bytes) })
    }))
}

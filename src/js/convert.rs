//! What operations answer, as JavaScript has it. Texts are decoded here and nowhere else.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::TextDecoder;

use super::json::{self, Json};
use super::value::{Record, bytes, number, shown, text};
use crate::ops::EntryKind;
use crate::ops::cat::{Commit, Handle, Person, Tag};
use crate::ops::export::Stored;
use crate::ops::for_each_ref::ListedRef;
use crate::ops::ls_remote::{Listing, RemoteHead};
use crate::ops::ls_tree::Listed;

/// A `Commit`, in JSON.
pub(super) fn commit(commit: &Commit) -> String {
    let decoder = commit.encoding.as_deref().and_then(Decoder::named);
    let decode = |bytes: &[u8]| decoder.as_ref().and_then(|decoder| decoder.decode(bytes));
    // Text that cannot be decoded is shown as if it were UTF-8.
    let text = |bytes: &[u8]| decode(bytes).map_or_else(|| bytes.to_vec(), String::into_bytes);
    let mut parents = commit.parents.iter().map(|oid| json::quoted(&oid.to_string()));
    Json::new()
        .oid("oid", &commit.oid)
        .oid("tree", &commit.tree)
        .list("parents", &mut parents)
        .json("author", &person(&commit.author, &text))
        .json("committer", &person(&commit.committer, &text))
        .text("message", &text(&commit.message))
        .maybe("encoding", commit.encoding.as_deref())
        .maybe("gpgsig", commit.gpgsig.as_deref())
        .end()
}

/// A `Tag`, in JSON.
pub(super) fn tag(tag: &Tag) -> String {
    let mut shown = Json::new();
    shown
        .oid("oid", &tag.oid)
        .oid("object", &tag.object)
        .text("type", tag.kind.to_string().as_bytes())
        .text("name", &tag.name);
    if let Some(tagger) = &tag.tagger {
        shown.json("tagger", &person(tagger, &<[u8]>::to_vec));
    }
    shown
        .text("message", &tag.message)
        .maybe("gpgsig", tag.gpgsig.as_deref())
        .end()
}

fn person(person: &Person, text: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    Json::new()
        .text("name", &text(&person.name))
        .text("email", &text(&person.email))
        .seconds("timestamp", person.time)
        .text("tz", &person.tz)
        .end()
}

/// An encoding that the browser knows under the name that the commit gives.
struct Decoder(TextDecoder);

impl Decoder {
    fn named(name: &[u8]) -> Option<Self> {
        let name = str::from_utf8(name).ok()?;
        TextDecoder::new_with_label(name).ok().map(Decoder)
    }

    fn decode(&self, bytes: &[u8]) -> Option<String> {
        self.0.decode_with_u8_array(bytes).ok()
    }
}

/// A `TreeEntry`, in JSON; its `pathBytes` are an array of numbers.
pub(super) fn tree_entry(entry: &Listed) -> String {
    let kind = match entry.kind {
        EntryKind::Tree => "tree",
        EntryKind::Gitlink => "commit",
        EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => "blob",
    };
    let mut shown = Json::new();
    shown
        .text("mode", mode(entry.kind).as_bytes())
        .text("type", kind.as_bytes())
        .oid("oid", &entry.oid)
        .text("path", &entry.path);
    if str::from_utf8(&entry.path).is_err() {
        shown.list("pathBytes", &mut entry.path.iter().map(u8::to_string));
    }
    shown.end()
}

/// The six digits that git shows.
pub(super) fn mode(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Blob => "100644",
        EntryKind::Executable => "100755",
        EntryKind::Symlink => "120000",
        EntryKind::Tree => "040000",
        EntryKind::Gitlink => "160000",
    }
}

/// `None` for a symbolic ref that leads nowhere.
pub(super) fn listed_ref(listed: &ListedRef) -> Option<JsValue> {
    let record = Record::new()
        .set("name", text(&listed.name))
        .set("oid", shown(listed.oid.as_ref()?))
        .maybe("symbolic", listed.symbolic.as_deref().map(text))
        .maybe("peeled", listed.peeled.as_ref().map(shown));
    Some(record.into())
}

pub(super) fn handle(handle: &Handle) -> JsValue {
    Record::new()
        .set("oid", shown(&handle.oid))
        .set("type", shown(&handle.kind))
        .set("size", number(handle.size))
        .maybe("content", handle.content().map(bytes))
        .into()
}

pub(super) fn listing(listing: &Listing) -> JsValue {
    let refs = listing.refs.iter().map(|found| {
        JsValue::from(
            Record::new()
                .set("name", text(found.name.as_bytes()))
                .set("oid", shown(&found.oid))
                .maybe(
                    "symbolic",
                    found.symref_target.as_ref().map(|name| text(name.as_bytes())),
                )
                .maybe("peeled", found.peeled.as_ref().map(shown)),
        )
    });
    let head = match &listing.head {
        RemoteHead::Branch { name, oid, .. } => Some(
            Record::new()
                .set("oid", shown(oid))
                .set("symbolic", text(name.as_bytes())),
        ),
        RemoteHead::Detached(oid) => Some(Record::new().set("oid", shown(oid))),
        RemoteHead::Unborn(name) => Some(Record::new().set("symbolic", text(name.as_bytes())).set("unborn", true)),
        RemoteHead::Unknown => None,
    };
    Record::new()
        .set("refs", refs.collect::<Array>())
        .maybe("head", head)
        .set(
            "capabilities",
            listing
                .capabilities
                .iter()
                .map(|word| JsValue::from_str(word))
                .collect::<Array>(),
        )
        .into()
}

pub(super) fn stored(stored: &Stored) -> JsValue {
    Record::new()
        .set("oid", shown(&stored.oid))
        .set("type", shown(&stored.info.kind))
        .set("size", number(stored.info.size))
        .into()
}

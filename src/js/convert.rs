//! What operations answer, as JavaScript has it. Texts are decoded here and nowhere else.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::TextDecoder;

use super::value::{Record, bytes, number, seconds, shown, text};
use crate::ops::EntryKind;
use crate::ops::cat::{Commit, Handle, Person, Tag};
use crate::ops::export::Stored;
use crate::ops::for_each_ref::ListedRef;
use crate::ops::ls_remote::{Listing, RemoteHead};
use crate::ops::ls_tree::Listed;

pub(super) fn commit(commit: &Commit) -> JsValue {
    let decoder = commit.encoding.as_deref().and_then(Decoder::named);
    let decode = |bytes: &[u8]| {
        decoder
            .as_ref()
            .and_then(|decoder| decoder.decode(bytes))
            .unwrap_or_else(|| text(bytes))
    };
    Record::new()
        .set("oid", shown(&commit.oid))
        .set("tree", shown(&commit.tree))
        .set("parents", commit.parents.iter().map(shown).collect::<Array>())
        .set("author", person(&commit.author, &decode))
        .set("committer", person(&commit.committer, &decode))
        .set("message", decode(&commit.message))
        .maybe("encoding", commit.encoding.as_deref().map(text))
        .maybe("gpgsig", commit.gpgsig.as_deref().map(text))
        .into()
}

pub(super) fn tag(tag: &Tag) -> JsValue {
    Record::new()
        .set("oid", shown(&tag.oid))
        .set("object", shown(&tag.object))
        .set("type", shown(&tag.kind))
        .set("name", text(&tag.name))
        .maybe("tagger", tag.tagger.as_ref().map(|tagger| person(tagger, &text)))
        .set("message", text(&tag.message))
        .maybe("gpgsig", tag.gpgsig.as_deref().map(text))
        .into()
}

fn person(person: &Person, decode: &impl Fn(&[u8]) -> JsValue) -> JsValue {
    Record::new()
        .set("name", decode(&person.name))
        .set("email", decode(&person.email))
        .set("timestamp", seconds(person.time))
        .set("tz", text(&person.tz))
        .into()
}

/// An encoding that the browser knows under the name that the commit gives.
struct Decoder(TextDecoder);

impl Decoder {
    fn named(name: &[u8]) -> Option<Self> {
        let name = str::from_utf8(name).ok()?;
        TextDecoder::new_with_label(name).ok().map(Decoder)
    }

    fn decode(&self, bytes: &[u8]) -> Option<JsValue> {
        self.0
            .decode_with_u8_array(bytes)
            .ok()
            .map(|text| JsValue::from_str(&text))
    }
}

pub(super) fn tree_entry(entry: &Listed) -> JsValue {
    let kind = match entry.kind {
        EntryKind::Tree => "tree",
        EntryKind::Gitlink => "commit",
        EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink => "blob",
    };
    let odd = str::from_utf8(&entry.path).is_err();
    Record::new()
        .set("mode", mode(entry.kind))
        .set("type", kind)
        .set("oid", shown(&entry.oid))
        .set("path", text(&entry.path))
        .maybe("pathBytes", odd.then(|| bytes(&entry.path)))
        .into()
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

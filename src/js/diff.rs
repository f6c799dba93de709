//! `diff` and `diffBlobs`.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

use super::convert::mode;
use super::cursor::Cursor;
use super::operation::Operation;
use super::options::Fields;
use super::repository::{RepositoryHandle, object_id};
use super::value::{Record, bytes, shown, text};
use crate::ops::diff::{self, Change, ChangeKind, Copies, diff};
use crate::ops::diff_blobs::{self, Algorithm, FileDiff, HunkLines, Line, LineKind, Whitespace, diff_blobs};

#[wasm_bindgen]
impl RepositoryHandle {
    /// What differs between two trees, as `Change`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Cursor>")]
    pub fn diff(
        &self,
        operation: &Operation,
        from: Option<String>,
        to: Option<String>,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let repository = self.lazily(operation, &remote);
        let options = diff_options(&options);
        operation.run(|task| async move {
            let (from, to) = (from.as_deref(), to.as_deref());
            let (from, to) = (from.map(str::as_bytes), to.map(str::as_bytes));
            let changes = diff(&task, &repository, from, to, &options).await?;
            Ok(Cursor::over(changes.into_iter().map(|found| change(&found))))
        })
    }

    /// What differs between two blobs, as `FileDiff`.
    #[wasm_bindgen(js_name = diffBlobs)]
    pub fn diff_blobs(
        &self,
        operation: &Operation,
        from: Option<String>,
        to: Option<String>,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let repository = self.lazily(operation, &remote);
        let options = diff_blobs_options(&options);
        operation.run(|task| async move {
            let from = from.as_deref().map(object_id).transpose()?;
            let to = to.as_deref().map(object_id).transpose()?;
            let found = diff_blobs(&task, &repository, from.as_ref(), to.as_ref(), &options).await?;
            Ok(file_diff(&found))
        })
    }
}

fn diff_options(options: &JsValue) -> diff::Options {
    let fields = Fields(options);
    let defaults = diff::Options::default();
    diff::Options {
        paths: fields.names("paths"),
        renames: match fields.flag("renames") {
            Some(false) => None,
            _ => fields.whole("renames").or(defaults.renames),
        },
        copies: match fields.text("copies").as_deref() {
            Some("changed") => Copies::Changed,
            Some("all") => Copies::All,
            _ => Copies::None,
        },
        rename_limit: fields.whole("renameLimit").map_or(defaults.rename_limit, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        }),
    }
}

fn diff_blobs_options(options: &JsValue) -> diff_blobs::Options {
    let fields = Fields(options);
    let whitespace = fields.text("ignoreWhitespace");
    let is = |word| whitespace.as_deref() == Some(word);
    diff_blobs::Options {
        context: fields
            .whole("context")
            .unwrap_or(diff_blobs::Options::default().context),
        algorithm: match fields.text("algorithm").as_deref() {
            Some("histogram") => Algorithm::Histogram,
            _ => Algorithm::Myers,
        },
        whitespace: Whitespace {
            all: is("all"),
            change: is("change"),
            at_eol: is("at-eol"),
            cr_at_eol: is("cr-at-eol"),
        },
    }
}

fn change(change: &Change) -> JsValue {
    let kind = match change.kind {
        ChangeKind::Added => "added",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Modified => "modified",
        ChangeKind::TypeChanged => "type-changed",
        ChangeKind::Renamed => "renamed",
        ChangeKind::Copied => "copied",
    };
    let (old, new) = (change.old.as_ref(), change.new.as_ref());
    let path = new.or(old).map_or(&[][..], |file| &file.path);
    let old_path = old.map(|file| &file.path[..]).filter(|old_path| *old_path != path);
    let odd = |path: &[u8]| str::from_utf8(path).is_err().then(|| bytes(path));
    Record::new()
        .set("kind", kind)
        .set("path", text(path))
        .maybe("pathBytes", odd(path))
        .maybe("oldPath", old_path.map(text))
        .maybe("oldPathBytes", old_path.and_then(odd))
        .maybe("oldOid", old.map(|file| shown(&file.oid)))
        .maybe("newOid", new.map(|file| shown(&file.oid)))
        .maybe("oldMode", old.map(|file| mode(file.kind)))
        .maybe("newMode", new.map(|file| mode(file.kind)))
        .maybe("similarity", change.similarity)
        .into()
}

fn file_diff(found: &FileDiff) -> Record {
    Record::new()
        .set("binary", found.binary)
        .set("hunks", found.hunks.iter().map(hunk).collect::<Array>())
}

/// Places are those of a patch: the first line is 1, and where there are no lines it is the one before.
fn hunk(hunk: &HunkLines) -> JsValue {
    let start = |lines: &std::ops::Range<u32>| lines.start.saturating_add(u32::from(!lines.is_empty()));
    let count = |lines: &std::ops::Range<u32>| lines.end.saturating_sub(lines.start);
    let (old, new) = (&hunk.at.old, &hunk.at.new);
    Record::new()
        .set("oldStart", start(old))
        .set("oldLines", count(old))
        .set("newStart", start(new))
        .set("newLines", count(new))
        .set("lines", hunk.lines.iter().map(line).collect::<Array>())
        .into()
}

fn line(line: &Line) -> JsValue {
    let kind = match line.kind {
        LineKind::Common => " ",
        LineKind::Removed => "-",
        LineKind::Added => "+",
    };
    let odd = str::from_utf8(&line.text).is_err();
    Record::new()
        .set("kind", kind)
        .set("text", text(&line.text))
        .maybe("bytes", odd.then(|| bytes(&line.text)))
        .maybe("noNewline", (!line.ends).then_some(true))
        .into()
}
